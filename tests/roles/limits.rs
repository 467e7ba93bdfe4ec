//! How long a role's statement may run, what it may hold in memory, and in what form it is answered.

use std::fs;
use std::time::Duration;

use super::{ask, lines, shop, told};
use crate::support::binary::Run;
use crate::support::lake;
use crate::support::shop::{Shop, customers_of};

/// Far more pairs than can be looked at in the time of any test.
const ENDLESS: &str = "SELECT count(*) AS n FROM dataset.person AS a, dataset.person AS b, dataset.person AS c \
                       WHERE a.mail || b.mail = c.name";

fn crowd(role: &str) -> Shop {
    Shop::new()
        .table("person", &customers_of(20_000))
        .settings(&format!("[roles.r]\n{role}\nlocations = [\"out\"]\n\n[roles.r.select]\n\"dataset.person\" = \"*\""))
}

/// A statement that fails while it runs may have printed the header, and no row.
#[track_caller]
fn fails(run: Run, message: &str, code: &str) {
    let run = run.expect_code(1);
    assert!(run.stdout().lines().count() <= 1, "{}", run.transcript());
    assert!(run.stderr().contains(message) && run.stderr().contains(code), "{}", run.transcript());
}

#[test]
fn a_statement_is_stopped_when_its_time_is_over() {
    let shop = crowd("time = \"1s\"");
    let run = ask(&shop, "r", ENDLESS);
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    fails(run, "longer than the limit", "57014");
    shop.sandbox.write("script.sql", format!("CREATE TABLE workspace.t AS {ENDLESS};"));
    let run = shop.run(["run", "script.sql", "--role", "r"]);
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    told(run, 1, &["longer than the limit", "57014"]);
    assert!(!shop.sandbox.path("out/t").exists(), "nothing of it is left");
    assert_eq!(lines(&shop, "r", "SELECT count(*) AS n FROM dataset.person"), ["n", "20000"]);
}

#[test]
fn a_time_of_nothing_is_an_error_of_the_settings() {
    let shop = crowd("time = \"0s\"");
    told(ask(&shop, "r", "SELECT 1"), 2, &["role's statements have no time to run", "role: r"]);
}

#[test]
fn a_statement_that_needs_more_memory_than_its_role_may_use_fails() {
    let many = "SELECT count(*) AS n FROM (SELECT a.mail, array_agg(b.mail) FROM dataset.person AS a \
                JOIN dataset.person AS b ON a.segment = b.segment GROUP BY a.mail)";
    fails(ask(&crowd("memory = \"1MiB\""), "r", many), "more memory than the role may use", "53200");
    assert_eq!(lines(&crowd("memory = \"256MiB\""), "r", many), ["n", "20000"]);
}

#[test]
fn a_role_is_answered_in_every_format() {
    let shop = shop();
    let sql = "SELECT * FROM dataset.customer ORDER BY id";
    let answer = |format: &str| {
        let file = format!("answer.{format}");
        let run = shop.run(["query", sql, "--role", "analyst", "--format", format, "-o", &file]).ok();
        assert_eq!((run.stdout(), run.stderr()), (String::new(), String::new()), "{format}");
        fs::read(shop.sandbox.path(&file)).unwrap()
    };
    let rows = lake::rows(&lake::read_parquet(answer("parquet")).unwrap());
    assert_eq!(rows[0], [Some("1".to_owned()), Some("A".to_owned()), Some("gold".to_owned())]);
    assert_eq!(String::from_utf8(answer("csv")).unwrap().lines().nth(1), Some("1,A,gold"));
    let json: serde_json::Value = serde_json::from_slice(&answer("json")).unwrap();
    assert_eq!(json[1], serde_json::json!({ "id": 2, "name": null, "segment": "silver" }));
    let ndjson = String::from_utf8(answer("ndjson")).unwrap();
    assert_eq!(ndjson.lines().next(), Some("{\"id\":1,\"name\":\"A\",\"segment\":\"gold\"}"));
    for format in ["parquet", "csv", "json", "ndjson"] {
        super::hidden().assert_clean(format, &answer(format));
    }
}

#[test]
fn a_statement_that_fails_leaves_no_file() {
    let shop = shop();
    for sql in ["SELECT CAST(segment AS INT) FROM dataset.customer", "SELECT mail FROM dataset.customer"] {
        let run = shop.run(["query", sql, "--role", "analyst", "--format", "csv", "-o", "answer.csv"]);
        assert!(matches!(run.code(), Some(1 | 2)), "{}", run.transcript());
        assert!(!run.stderr().contains("gold"), "a cell in an error: {}", run.transcript());
    }
    let left: Vec<_> = fs::read_dir(shop.sandbox.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().display().to_string())
        .filter(|name| name.starts_with("answer"))
        .collect();
    assert_eq!(left, [""; 0]);
    told(shop.run(["query", "SELECT 1", "--role", "analyst", "--format", "parquet"]), 2, &["--output"]);
}

#[test]
fn an_answer_is_on_standard_output_and_a_complaint_on_standard_error() {
    let shop = shop();
    let run = ask(&shop, "analyst", "SELECT id FROM dataset.customer").ok();
    assert_eq!((run.stdout().lines().count(), run.stderr().as_str()), (5, ""));
    for (sql, code) in [
        ("SELECT mail FROM dataset.customer", 2),
        ("SELEC 1", 2),
        ("SELECT 1; SELECT 2", 2),
        ("", 2),
        ("DROP TABLE dataset.customer", 3),
        ("SELECT CAST(segment AS INT) AS a FROM dataset.customer", 1),
    ] {
        let run = ask(&shop, "analyst", sql);
        assert_eq!(run.code(), Some(code), "{sql}: {}", run.transcript());
        assert!(!run.stdout().contains("gold") && !run.stderr().is_empty(), "{sql}: {}", run.transcript());
    }
}
