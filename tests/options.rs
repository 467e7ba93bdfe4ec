//! `saltlake run`: variables, rehearsals, errors that do not end a script, and status lines.

use serde_json::Value;

use crate::support::binary::Run;
use crate::support::shop::Shop;

fn json_lines(run: &Run) -> Vec<Value> {
    run.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn variables_stand_for_texts_strings_and_names() {
    let shop = Shop::usual();
    shop.sandbox.write("script.sql", "SELECT :n + 1 AS \":n\", :'who' AS :\"who\" FROM dataset.customer LIMIT 1;");
    let run = shop.run(["run", "script.sql", "--set", "n=41", "--set", "who=it's me"]).ok();
    let said = run.stdout();
    assert!(said.contains("42") && said.contains("it's me") && said.contains(":n"), "{said}");
    let run = shop.run(["run", "script.sql", "--set", "n=41"]).expect_code(2);
    assert!(run.stderr().contains("variable: who") && run.stderr().contains("line: 1"), "{}", run.transcript());
    // A name with a dot is a setting's, also here.
    shop.run(["run", "script.sql", "--set", "n=1", "--set", "who=x", "--set", "engine.thread=1"]).expect_code(2);
}

#[test]
fn a_value_cannot_leave_its_string() {
    let shop = Shop::usual();
    shop.sandbox.write("script.sql", "SELECT :'v' AS v;");
    let run = shop.run(["run", "script.sql", "--set", "v='; SELECT mail FROM dataset.customer; --"]).ok();
    assert!(!run.stdout().contains("example.org"), "{}", run.transcript());
}

#[test]
fn a_rehearsal_judges_every_statement_and_runs_none() {
    let shop = Shop::usual();
    shop.sandbox.write(
        "good.sql",
        "CREATE TABLE dataset_masked.c AS SELECT id, salt_hash(mail) AS mail FROM dataset.customer;\n\
         SELECT count(mail) FROM dataset_masked.c;\nDROP TABLE dataset_masked.c;",
    );
    let run = shop.run(["run", "good.sql", "--dry-run"]).ok();
    assert!(run.stdout().contains("3 statement(s) planned; nothing was run"), "{}", run.transcript());
    assert!(!shop.sandbox.path("masked").exists(), "nothing was written");
    for (sql, code, word) in [
        ("CREATE TABLE dataset_masked.c AS SELECT id, mail FROM dataset.customer;", 3, "would be readable"),
        ("CREATE TABLE dataset_masked.c AS SELECT nothing FROM dataset.customer;", 2, "nothing"),
        ("CREATE TABLE dataset_masked.c AS SELECT salt_hash(mail, 'none') AS m FROM dataset.customer;", 2, "none"),
        ("SELECT 1;\nDROP TABLE dataset_masked.c;", 2, "line: 2"),
        ("SELECT id FROM dataset.customer;\nSELECT id FROM dataset.nowhere;", 2, "line: 2"),
    ] {
        shop.sandbox.write("bad.sql", sql);
        let run = shop.run(["run", "bad.sql", "--dry-run"]).expect_code(code);
        assert!(run.stderr().contains(word), "{}", run.transcript());
        assert_eq!(run.stdout(), "");
    }
}

#[test]
fn a_script_goes_on_after_errors_if_it_is_told_to() {
    let shop = Shop::usual();
    shop.sandbox.write("script.sql", "SELECT 1 AS one;\nSELECT nothing;\nSELECT 3 AS three;");
    let run = shop.run(["run", "script.sql"]).expect_code(2);
    assert!(run.stdout().contains("one") && !run.stdout().contains("three"), "{}", run.transcript());
    let run = shop.run(["run", "script.sql", "--continue-on-error"]).expect_code(2);
    assert!(run.stdout().contains("one") && run.stdout().contains("three"), "{}", run.transcript());
    assert!(run.stderr().contains("line: 2") && run.stderr().contains("failed: 1"), "{}", run.transcript());
}

#[test]
fn a_run_that_went_on_after_an_error_publishes_nothing() {
    let shop = Shop::usual();
    shop.sandbox.write(
        "script.sql",
        "CREATE TABLE dataset_masked.a AS SELECT id FROM dataset.customer;\nSELECT nothing;\n\
         CREATE TABLE dataset_masked.b AS SELECT id FROM dataset.account;",
    );
    let run = shop.run(["run", "script.sql", "--continue-on-error"]).expect_code(2);
    assert!(run.stderr().contains("nothing was published"), "{}", run.transcript());
    let run = shop.run(["query", "SELECT * FROM dataset_masked.a"]).expect_code(2);
    assert!(run.stderr().contains("dataset_masked.a"), "{}", run.transcript());
}

#[test]
fn a_status_line_says_what_became_of_each_statement() {
    let shop = Shop::usual();
    shop.sandbox.write("script.sql", "SELECT mail FROM dataset.customer;\n\nSELECT nothing;");
    let run = shop.run(["run", "script.sql", "--format", "json", "--continue-on-error"]).expect_code(2);
    let lines = json_lines(&run);
    assert_eq!((&lines[0]["state"], &lines[0]["rows"], &lines[0]["line"]), (&"done".into(), &4.into(), &1.into()));
    assert_eq!(
        (&lines[1]["state"], &lines[1]["line"], &lines[1]["statement"]),
        (&"usage".into(), &3.into(), &"SELECT".into())
    );
    assert!(!run.stdout().contains("example.org"), "rows are counted, not shown");
    shop.sandbox.write("script.sql", "CREATE TABLE dataset_masked.c AS SELECT id FROM dataset.customer;");
    let lines = json_lines(&shop.run(["run", "script.sql", "--format", "json"]).ok());
    assert_eq!(lines[0]["state"], "done");
    assert!(lines[1]["published"].is_string(), "{lines:?}");
}
