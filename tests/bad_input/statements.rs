//! Statements that cannot be read or planned: an error with the line, a mark under the place, and what to do next.

use std::time::Duration;

use crate::support::binary::Run;
use crate::support::shop::Shop;

const STATEMENTS: [&str; 35] = [
    "SELECT 'no end",
    "SELECT id,\n       'it's' AS text\nFROM dataset.customer",
    "SELECT id /* no end\nFROM dataset.customer",
    "SELECT \"id FROM dataset.customer",
    "SELECT $tag$ no end",
    "SELECT (1 + 2",
    "SELECT 1 + 2)",
    "SELECT count(* FROM dataset.customer",
    "SELEC id FROM dataset.customer",
    "SELECT id\nFROM dataset.customer\nWHER id = 1",
    "SELECT id FROM dataset.customer GROUP id",
    "SELECT",
    "SELECT id FROM dataset.customer WHERE",
    "SELECT CASE WHEN id = 1 THEN 2 FROM dataset.customer",
    "SELECT emial FROM dataset.customer",
    "SELECT id,\n\tsegmnt\nFROM dataset.customer",
    "SELECT customer.nmae FROM dataset.customer",
    "SELECT c.id FROM dataset.customer",
    "SELECT xyzzy FROM dataset.customer",
    "SELECT \"ID\" FROM dataset.customer",
    "SELECT id FROM dataset.customer WHERE segment = \"gold\"",
    "SELECT gold",
    "SELECT * FROM dataset.custmer",
    "SELECT * FROM datset.customer",
    "SELECT * FROM customer",
    "SELECT id FROM dataset.customer AS a JOIN dataset.customer AS b ON a.id = b.id",
    "SELECT lenght(segment) FROM dataset.customer",
    "SELECT no_such_thing_at_all(segment) FROM dataset.customer",
    "SELECT substr(segment) FROM dataset.customer",
    "SELECT sqrt(segment) FROM dataset.customer",
    "SELECT date_trunc(id, segment) FROM dataset.customer",
    "SELECT segment, count(*) FROM dataset.customer GROUP BY id",
    "SELECT id FROM dataset.customer WHERE segment + DATE '2024-01-01' = 1",
    "SELECT id FROM dataset.customer WHERE sum(id) > 1",
    "SELECT 1 AS a, 2 AS a",
];

const ROLE: &str = "[roles.analyst.select]\n\"dataset.customer\" = [{ except = [\"mail\"] }]";

/// What each statement is told.
fn told(shop: &Shop, arguments: &[&str]) -> String {
    let mut all = String::new();
    for sql in STATEMENTS {
        let run = shop.sandbox.run(["query", sql].iter().chain(arguments));
        assert!(run.stdout.is_empty() && [Some(1), Some(2)].contains(&run.code()), "{sql}\n{}", run.transcript());
        all.push_str(&format!("--- {}\n{}", sql.replace('\n', "\n    "), run.stderr()));
    }
    all
}

#[test]
fn the_place_is_marked_and_a_hint_given() {
    let shop = Shop::usual();
    let all = told(&shop, &[]);
    shop.sandbox.snapshots().bind(|| insta::assert_snapshot!("anyone", all));
}

#[test]
fn a_role_hears_of_what_it_sees_alone() {
    let shop = Shop::usual().settings(ROLE);
    let all = told(&shop, &["--role", "analyst"]);
    let hints = all.lines().filter(|line| line.starts_with("hint: ")).collect::<String>();
    assert!(!hints.contains("mail") && !hints.contains("account"), "{hints}");
    shop.sandbox.snapshots().bind(|| insta::assert_snapshot!("role", all));
}

#[test]
fn lines_of_a_script_are_counted_from_its_beginning() {
    let shop = Shop::usual();
    let run = shop.script("-- first\nSELECT 1 AS one;\n\n  SELECT 2 AS two; SELECT emial\n  FROM dataset.customer;\n");
    let said = run.expect_code(2).stderr();
    assert!(said.contains("line 4, column 27") && said.contains("  4 | SELECT emial\n    |        ^^^^^"), "{said}");
    let run = shop.script("SELECT 1 AS one;\n\nSELECT 'x\n");
    let said = run.expect_code(2).stderr();
    assert!(said.contains("script.sql") && said.contains("  3 | SELECT 'x\n    |        ^"), "{said}");
    let create = "CREATE TABLE dataset_masked.t WITH (format = 'PARQUET') AS\nSELECT idd FROM dataset.customer";
    let said = shop.script(&format!("SELECT 1 AS one;\n{create};\n")).expect_code(2).stderr();
    assert!(said.contains("line 3, column 8") && said.contains("did you mean `id`?"), "{said}");
}

/// Runs a statement that is too long for an argument.
fn asked(shop: &Shop, sql: &str, arguments: &[&str]) -> Run {
    let run = shop.sandbox.run_with_input(["query", "-", "--format", "csv"].iter().chain(arguments), sql);
    assert!(!run.was_killed() && !run.stderr().contains("overflow"), "{}", run.stderr());
    run
}

#[test]
fn nothing_is_nested_so_deep_that_the_stack_runs_over() {
    let many = 200_000;
    let plain = Shop::usual();
    let with_role = Shop::usual().settings(ROLE);
    for (shop, arguments) in [(&plain, &[][..]), (&with_role, &["--role", "analyst"][..])] {
        for sql in [
            format!("SELECT 1{}", "+1".repeat(many)),
            format!("SELECT {}1{}", "(".repeat(many), ")".repeat(many)),
            format!("SELECT {}1{}", "(".repeat(300), ")".repeat(300)),
            format!("SELECT {}1", "(".repeat(many)),
            format!("SELECT 1 WHERE true{}", " AND true".repeat(many)),
            format!("SELECT {}true", "NOT ".repeat(many)),
            format!("SELECT {}1", "- ".repeat(many)),
            format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(many)),
            format!("SELECT {}1{}", "abs(".repeat(many), ")".repeat(many)),
            format!("SELECT 1{}", "::int".repeat(many)),
            format!("SELECT {}1{}", "(SELECT ".repeat(many), ")".repeat(many)),
        ] {
            let run = asked(shop, &sql, arguments).expect_code(2);
            assert!(run.stderr().contains("nested too deeply"), "{}\n{}", &sql[..40], run.transcript());
            assert!(run.stderr().len() < 2_000, "{} bytes", run.stderr().len());
            assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
        }
    }
    // What is deep and fits is computed.
    for sql in
        [format!("SELECT 1{}", "+1".repeat(1_500)), format!("SELECT 1501 WHERE true{}", " AND true".repeat(1_500))]
    {
        assert_eq!(asked(&plain, &sql, &[]).ok().stdout().lines().last(), Some("1501"));
    }
}

#[test]
fn ten_megabytes_are_read_or_refused_and_never_printed() {
    let shop = Shop::usual();
    let long = "x".repeat(10_000_000);
    let run = asked(&shop, &format!("SELECT length('{long}') AS n"), &[]).ok();
    assert_eq!(run.stdout(), "n\n10000000\n");
    for sql in [
        format!("SELECT '{long}"),
        format!("SELECT '{long}', emial FROM dataset.customer"),
        format!("SELECT {long} FROM dataset.customer"),
        format!("SELECT /* {long}"),
        format!("SELECT '{long}' FROM FROM"),
    ] {
        let run = asked(&shop, &sql, &[]).expect_code(2);
        assert!(run.stderr().contains('^') && run.took < Duration::from_secs(20), "{:?}", run.took);
        assert!(run.stderr().len() < 2_000, "{} bytes", run.stderr().len());
    }
}
