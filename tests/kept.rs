//! Queries that are kept: their history, their answers, their limits.

use std::fs;

use serde_json::Value;

use crate::support::binary::Run;
use crate::support::shop::{Shop, customers_of};

/// An administrator, two analysts who see the same table in part, and a place where answers are kept.
const ROLES: &str = r#"
[query]
results = "results"

[roles.admin]
full_access = true

[roles.analyst]
locations = ["out"]

[roles.analyst.select]
"dataset.customer" = { except = ["mail"] }

[roles.other.select]
"dataset.customer" = { columns = ["id", "segment"] }
"#;

fn shop() -> Shop {
    Shop::usual().settings(ROLES)
}

fn ask(shop: &Shop, role: &str, sql: &str) -> Run {
    shop.run(["query", sql, "--role", role, "--format", "csv"])
}

/// The history as a role sees it.
#[track_caller]
fn history(shop: &Shop, role: &str) -> Vec<Value> {
    let run = shop.run(["history", "--role", role, "--format", "json"]).ok();
    serde_json::from_str(&run.stdout()).unwrap()
}

fn id_of(entry: &Value) -> String {
    entry["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_query_is_found_again_with_its_answer() {
    let shop = shop();
    let first = ask(&shop, "analyst", "SELECT id, name, segment FROM dataset.customer ORDER BY id").ok();
    let listed = history(&shop, "analyst");
    assert_eq!(listed.len(), 1);
    let entry = &listed[0];
    assert_eq!((&entry["state"], &entry["row_count"]), (&"SUCCEEDED".into(), &4.into()));
    assert_eq!(entry["statement"], "SELECT id, name, segment FROM dataset.customer ORDER BY id");
    assert!(entry["scanned_bytes"].as_u64().unwrap() > 0);
    let again = |format: &str| shop.run(["results", &id_of(entry), "--role", "analyst", "--format", format]).ok();
    assert_eq!(again("csv").stdout(), first.stdout());
    let typed: Value = serde_json::from_str(&again("json").stdout()).unwrap();
    assert_eq!(typed[2], serde_json::json!({ "id": 3, "name": null, "segment": "gold" }), "types come back");
}

#[test]
fn an_answer_lies_where_athena_would_put_it() {
    let shop = shop();
    ask(&shop, "analyst", "SELECT id, name, segment FROM dataset.customer ORDER BY id").ok();
    let id = id_of(&history(&shop, "analyst")[0]);
    let csv = fs::read_to_string(shop.sandbox.path(&format!("results/{id}.csv"))).unwrap();
    assert!(csv.starts_with("\"id\",\"name\",\"segment\"\n"), "{csv}");
    assert!(csv.contains("\"3\",,\"gold\"\n\"4\",\"\",\n"), "NULL is nothing, and everything else in quotes: {csv}");
    let metadata = fs::read(shop.sandbox.path(&format!("results/{id}.csv.metadata"))).unwrap();
    let metadata: Value = serde_json::from_slice(&metadata).unwrap();
    assert_eq!(metadata["columns"][0]["name"], "id");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(shop.sandbox.path("results")).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "what roles were answered is nobody else's");
}

#[test]
fn answers_are_kept_as_parquet_if_the_settings_say_so() {
    let shop = shop();
    let sql = "SELECT id, name, [1, id] AS list FROM dataset.customer ORDER BY id";
    let ask = |sql: &str| {
        shop.run(["query", sql, "--role", "analyst", "--format", "json", "--set", "query.results_format=parquet"]).ok()
    };
    let first = ask(sql).stdout();
    let id = id_of(&history(&shop, "analyst")[0]);
    assert!(shop.sandbox.path(&format!("results/{id}.parquet")).exists());
    assert_eq!(shop.run(["results", &id, "--role", "analyst", "--format", "json"]).ok().stdout(), first);
    // An interval has no place in Parquet: the answer is kept all the same.
    ask("SELECT INTERVAL '1 day' AS wait FROM dataset.customer");
    let id = id_of(&history(&shop, "analyst")[0]);
    assert!(shop.sandbox.path(&format!("results/{id}.csv")).exists());
}

#[test]
fn a_role_sees_its_own_queries_and_nobody_elses_answers() {
    let shop = shop();
    ask(&shop, "analyst", "SELECT name FROM dataset.customer WHERE name = 'Ada Lovelace'").ok();
    ask(&shop, "other", "SELECT id FROM dataset.customer").ok();
    let own = history(&shop, "other");
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["role"], "other");
    let foreign = id_of(&history(&shop, "analyst")[0]);
    let run = shop.run(["results", &foreign, "--role", "other"]).expect_code(2);
    assert!(run.stderr().contains("there is no such query"), "{}", run.transcript());
    let rows = ask(&shop, "other", "SELECT role, statement FROM saltlake.query_executions").ok().stdout();
    assert!(!rows.contains("analyst"), "{rows}");
    // Whoever may read everything sees all, those of others without what was typed into them.
    let all = history(&shop, "admin");
    assert!(all.len() >= 3, "{all:?}");
    let text = serde_json::to_string(&all).unwrap();
    assert!(!text.contains("Ada Lovelace") && text.contains("name = ?"), "{text}");
    assert_eq!(
        shop.run(["results", &foreign, "--role", "admin", "--format", "csv"]).ok().stdout(),
        "name\nAda Lovelace\n"
    );
}

#[test]
fn a_right_that_was_taken_back_takes_its_answers_with_it() {
    let shop = shop();
    ask(&shop, "analyst", "SELECT name FROM dataset.customer").ok();
    let id = id_of(&history(&shop, "analyst")[0]);
    shop.run(["results", &id, "--role", "analyst"]).ok();
    let narrower = ROLES.replace("{ except = [\"mail\"] }", "{ except = [\"mail\", \"name\"] }");
    let settings = fs::read_to_string(shop.sandbox.path("saltlake.toml")).unwrap().replace(ROLES, &narrower);
    shop.sandbox.write("saltlake.toml", settings);
    let run = shop.run(["results", &id, "--role", "analyst"]).expect_code(3);
    assert_eq!(run.stdout(), "");
    assert!(run.stderr().contains("not what they were"), "{}", run.transcript());
}

#[test]
fn what_failed_or_was_refused_is_in_the_history_without_a_cell() {
    let shop = shop();
    ask(&shop, "analyst", "SELECT CAST(name AS INT) FROM dataset.customer").expect_code(1);
    ask(&shop, "analyst", "SELECT mail FROM dataset.customer").expect_code(2);
    let listed = history(&shop, "analyst");
    assert_eq!(listed.iter().map(|entry| entry["state"].as_str().unwrap()).collect::<Vec<_>>(), ["FAILED", "FAILED"]);
    let run = shop.run(["results", &id_of(&listed[0]), "--role", "analyst"]);
    assert_ne!(run.code(), Some(0));
    let mut files = fs::read_dir(shop.sandbox.path("results")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(files.all(|name| name == "_saltlake"), "nothing of a failed answer is left");
    for entry in fs::read_dir(shop.sandbox.path("results/_saltlake/executions")).unwrap() {
        let record = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!record.contains("Lovelace") && !record.contains("example.org"), "{record}");
    }
}

#[test]
fn an_answer_is_given_again_only_while_nothing_has_changed() {
    let shop = shop();
    let sql = "SELECT count(*) AS n FROM dataset.customer";
    let ask = |role: &str, sql: &str| {
        shop.run(["query", sql, "--role", role, "--format", "csv", "--set", "query.reuse=1h"]).ok().stdout()
    };
    let reused = |role: &str| {
        let sql = "SELECT count(reused_from) AS n FROM saltlake.query_executions";
        shop.run(["query", sql, "--role", role, "--format", "csv"]).ok().stdout()
    };
    assert_eq!(ask("analyst", sql), "n\n4\n");
    assert_eq!(reused("analyst"), "n\n0\n");
    assert_eq!(ask("analyst", sql), "n\n4\n");
    assert_eq!(reused("analyst"), "n\n1\n");
    // Another role computes for itself.
    assert_eq!(ask("other", sql), "n\n4\n");
    assert_eq!(reused("other"), "n\n0\n");
    // What asks for the time or for chance is computed.
    ask("analyst", "SELECT count(*) AS n FROM dataset.customer WHERE random() < 2");
    ask("analyst", "SELECT count(*) AS n FROM dataset.customer WHERE random() < 2");
    assert_eq!(reused("analyst"), "n\n1\n");
    // A table that changed is read.
    let shop = shop.file("customer/LOAD00000002.parquet", customers_of(3).encode(crate::support::shop::SNAPPY));
    let run = shop.run(["query", sql, "--role", "analyst", "--format", "csv", "--set", "query.reuse=1h"]).ok();
    assert_eq!(run.stdout(), "n\n7\n");
}

#[test]
fn without_the_setting_no_answer_is_given_again() {
    let shop = shop();
    for _ in 0..2 {
        ask(&shop, "analyst", "SELECT count(*) AS n FROM dataset.customer").ok();
    }
    let sql = "SELECT count(reused_from) AS n FROM saltlake.query_executions";
    assert_eq!(ask(&shop, "analyst", sql).ok().stdout(), "n\n0\n");
}

#[test]
fn a_query_over_its_limit_is_stopped_and_says_which() {
    let shop = Shop::new().table("person", &customers_of(50_000)).settings(
        "[query]\nresults = \"results\"\n\n[roles.r]\nrows = 10\n\n[roles.r.select]\n\"dataset.person\" = \"*\"\n\n\
         [roles.s]\nscanned = \"1MiB\"\n\n[roles.s.select]\n\"dataset.person\" = \"*\"\n\n[roles.admin]\nfull_access = true\n",
    );
    let fails = |run: Run, message: &str| {
        let run = run.expect_code(1);
        assert!(run.stderr().contains(message) && run.stderr().contains("54000"), "{}", run.transcript());
    };
    fails(ask(&shop, "r", "SELECT * FROM dataset.person"), "more rows than the limit");
    ask(&shop, "r", "SELECT * FROM dataset.person LIMIT 10").ok();
    fails(ask(&shop, "s", "SELECT max(mail), max(name), max(id) FROM dataset.person"), "reads more than the limit");
    let all = |key: &str, value: &str, sql: &str| {
        shop.run(["query", sql, "--role", "admin", "--set", &format!("{key}={value}")])
    };
    fails(all("query.rows", "10", "SELECT * FROM dataset.person"), "more rows than the limit");
    let slow =
        "SELECT count(*) FROM dataset.person a, dataset.person b, dataset.person c WHERE a.mail || b.mail = c.name";
    let run = all("query.time", "1s", slow).expect_code(1);
    assert!(run.stderr().contains("longer than the limit"), "{}", run.transcript());
    let states = shop.run(["history", "--role", "admin", "--format", "json"]).ok().stdout();
    assert!(states.contains("FAILED"), "{states}");
    // A limit counts while constants are computed, before anything is read.
    let run = all("query.time", "1s", "SELECT length(repeat('x', 2000000000))").expect_code(1);
    assert!(run.stderr().contains("longer than the limit"), "{}", run.transcript());
}

#[test]
fn nothing_is_kept_unless_the_settings_say_where() {
    let shop = Shop::usual();
    shop.run(["query", "SELECT 1"]).ok();
    let run = shop.run(["history"]).expect_code(2);
    assert!(run.stderr().contains("`results` of `[query]`"), "{}", run.transcript());
    shop.run(["results", "0190a7c0-0000-7000-8000-000000000000"]).expect_code(2);
    shop.run(["results", "../../etc/passwd", "--set", "query.results=results"]).expect_code(2);
}

#[test]
fn results_lie_apart_from_tables() {
    let shop = Shop::usual();
    for place in ["lake/results", "masked/results", "."] {
        let run = shop.run(["query", "SELECT 1", "--set", &format!("query.results={place}")]).expect_code(3);
        assert!(run.stderr().contains("kept results would lie"), "{}", run.transcript());
    }
}

#[test]
fn a_reader_that_goes_away_leaves_no_answer_behind() {
    let shop = Shop::new().table("person", &customers_of(50_000)).settings("[query]\nresults = \"results\"\n");
    let binary = env!("CARGO_BIN_EXE_saltlake");
    let run = shop.sandbox.shell(&format!("{binary} query 'SELECT * FROM dataset.person' --format csv | head -1"));
    assert!(run.ok().stderr().is_empty());
    let listed = shop.run(["history", "--format", "json"]).ok().json();
    assert_eq!(listed[0]["row_count"], Value::Null);
    let files: Vec<_> =
        fs::read_dir(shop.sandbox.path("results")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["_saltlake"]);
}
