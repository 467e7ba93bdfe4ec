//! What a granted role writes, and where.

use std::fs;

use super::{ask, hidden, lines, shop, told};
use crate::support::lake;
use crate::support::shop::files_below;

#[test]
fn a_script_writes_what_the_role_sees_and_reads_it_again() {
    let shop = shop();
    shop.sandbox.write(
        "script.sql",
        "CREATE TABLE workspace.gold AS SELECT * FROM dataset.customer ORDER BY id;\n\
         SELECT count(*) AS n FROM workspace.gold;\n\
         UNLOAD (SELECT id, name FROM workspace.gold) TO 'out/unloaded' WITH (format = 'CSV', compression = 'NONE');",
    );
    let run = shop.run(["run", "script.sql", "--role", "analyst"]).ok();
    assert!(run.stdout().contains("4 rows written to"), "{}", run.transcript());
    let files = files_below(&shop.sandbox.path("out/gold"));
    let batches = files.iter().map(|path| lake::read_parquet(fs::read(path).unwrap()).unwrap());
    let rows: Vec<_> = batches.flat_map(|batch| lake::rows(&batch)).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(rows[0], [text("1"), text("A"), text("gold")]);
    assert_eq!(rows[1], [text("2"), None, text("silver")]);
    assert_eq!(rows.len(), 4);
    let unloaded = files_below(&shop.sandbox.path("out/unloaded"));
    assert_eq!(unloaded.len(), 1, "{unloaded:?}");
    let csv = fs::read_to_string(&unloaded[0]).unwrap();
    assert!(csv.contains("1,A") && !csv.contains("Ada"), "{csv}");
    assert_eq!(lines(&shop, "analyst", "SELECT name FROM workspace.gold WHERE id = 1"), ["name", "A"]);
    hidden().assert_clean_below(&shop.sandbox.path("out"), &[]);
}

#[test]
fn a_table_that_exists_is_not_overwritten() {
    let shop = shop();
    let create = "CREATE TABLE workspace.t AS SELECT 1 AS a";
    ask(&shop, "analyst", create).ok();
    let before = files_below(&shop.sandbox.path("out"));
    told(ask(&shop, "analyst", create), 3, &["the table exists", "42P07"]);
    let again = ask(&shop, "analyst", "CREATE TABLE IF NOT EXISTS workspace.t AS SELECT 2 AS a").ok();
    assert!(again.stdout().contains("nothing was done"), "{}", again.transcript());
    assert_eq!(files_below(&shop.sandbox.path("out")), before);
    assert_eq!(lines(&shop, "analyst", "SELECT a FROM workspace.t"), ["a", "1"]);
}

#[test]
fn a_failed_statement_leaves_nothing() {
    let shop = shop();
    let sql = "CREATE TABLE workspace.t AS SELECT CAST(segment AS INT) AS a FROM dataset.customer";
    let run = ask(&shop, "analyst", sql).expect_code(1);
    hidden().assert_clean("the error", &run.stderr);
    assert!(!run.stderr().contains("gold"), "a cell in an error: {}", run.transcript());
    assert!(files_below(&shop.sandbox.path("out")).is_empty());
    told(ask(&shop, "analyst", "SELECT * FROM workspace.t"), 2, &["42P01"]);
}

#[test]
fn a_role_writes_inside_its_own_locations_only() {
    let shop = shop();
    let inside = "a role may write inside its own locations only";
    let outside = shop.sandbox.path("elsewhere").display().to_string();
    for place in ["elsewhere/x", "lake/customer/x", "masked/x", "audit/x", "out/../lake/x", "s3://b/x", "/", &outside] {
        let run = ask(&shop, "analyst", &format!("UNLOAD (SELECT 1 AS a) TO '{place}'"));
        told(run, 3, &[inside, "42501"]);
    }
    for table in ["dataset.x", "dataset_masked.x", "saltlake.x", "information_schema.x"] {
        let run = ask(&shop, "analyst", &format!("CREATE TABLE {table} AS SELECT 1 AS a"));
        told(run, 3, &["a role creates tables in its own workspace only", "42501"]);
    }
    assert!(!shop.sandbox.path("elsewhere").exists());
    assert_eq!(files_below(&shop.sandbox.path("lake")).len(), 2, "nothing was written into the lake");
}

#[test]
fn a_link_inside_a_location_leads_nowhere() {
    let shop = shop();
    fs::create_dir(shop.sandbox.path("out")).unwrap();
    std::os::unix::fs::symlink(shop.sandbox.path("lake"), shop.sandbox.path("out/link")).unwrap();
    let run = ask(&shop, "analyst", "UNLOAD (SELECT 1 AS a) TO 'out/link/x'");
    assert_eq!(run.code(), Some(3), "{}", run.transcript());
    assert_eq!(files_below(&shop.sandbox.path("lake")).len(), 2);
    // What is reached by a link is no table of the workspace either.
    std::os::unix::fs::symlink(shop.sandbox.path("lake/account"), shop.sandbox.path("out/account")).unwrap();
    let run = ask(&shop, "analyst", "SELECT * FROM workspace.account");
    hidden().assert_clean("the answer", run.transcript().as_bytes());
}

#[test]
fn a_role_without_locations_writes_nowhere() {
    let shop = shop();
    for sql in ["CREATE TABLE workspace.t AS SELECT 1 AS a", "UNLOAD (SELECT 1 AS a) TO 'out/x'"] {
        let run = ask(&shop, "reader", sql);
        assert_eq!((run.code(), run.stdout().as_str()), (Some(3), ""), "{}", run.transcript());
    }
    assert!(!shop.sandbox.path("out").exists());
}

#[test]
fn locations_among_tables_are_refused_for_every_role() {
    for place in ["lake", "lake/customer/x", ".", "masked/own", "audit"] {
        let shop = crate::support::shop::Shop::usual()
            .settings(&format!("[roles.admin]\nfull_access = true\n\n[roles.w]\nlocations = [\"{place}\"]"));
        told(ask(&shop, "w", "SELECT 1"), 3, &["a role would write where only saltlake and its owner may", "role: w"]);
        told(ask(&shop, "admin", "SELECT 1"), 3, &["role: w"]);
    }
}

#[test]
fn other_statements_are_refused_before_they_run() {
    let shop = shop();
    for sql in [
        "DROP TABLE dataset.customer",
        "INSERT INTO dataset.customer VALUES (1)",
        "UPDATE dataset.customer SET name = 'x'",
        "DELETE FROM dataset.customer",
        "COPY (SELECT 1) TO 'out/x.csv'",
        "CREATE VIEW dataset.v AS SELECT 1 AS a",
        "SET datafusion.execution.batch_size = 1",
        "EXPLAIN ANALYZE SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'lake/account'",
        "CREATE DATABASE d",
    ] {
        let run = ask(&shop, "analyst", sql);
        assert!(matches!(run.code(), Some(2 | 3)), "{sql}: {}", run.transcript());
        assert_eq!(run.stdout(), "", "{sql}");
    }
    for sql in ["SELECT * FROM 'lake/account/LOAD00000001.parquet'", "SELECT * FROM read_parquet('lake/account')"] {
        told(ask(&shop, "analyst", sql), 2, &["error: "]);
    }
}
