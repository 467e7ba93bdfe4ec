//! Views: made, read, replaced, dropped.

use std::fs;

use super::{ask, ask_open, lines, open_shop, script, shop, told};

#[test]
fn a_view_is_read_as_a_table_is() {
    let shop = shop();
    for role in ["analyst", "admin"] {
        let sql = "CREATE VIEW workspace.golds (number, what) AS SELECT id, segment FROM dataset.customer WHERE segment = 'gold'";
        assert!(ask(&shop, role, sql).ok().stdout().contains("workspace.golds"));
        let rows = lines(ask(&shop, role, "SELECT g.number, g.what FROM workspace.golds g WHERE g.number = 1"));
        assert_eq!(rows, ["number,what", "1,gold"], "{role}");
        let rows = lines(ask(&shop, role, "SELECT workspace.golds.what FROM workspace.golds WHERE number = 1"));
        assert_eq!(rows, ["what", "gold"]);
        assert_eq!(lines(ask(&shop, role, "SHOW VIEWS")), ["view_schema,view_name", "workspace,golds"]);
        assert_eq!(lines(ask(&shop, role, "SHOW CREATE VIEW workspace.golds"))[1].trim_matches('"'), sql);
        let columns = lines(ask(&shop, role, "DESCRIBE workspace.golds"));
        assert!(columns.iter().any(|line| line.starts_with("what,")), "{columns:?}");
        let listed = "SELECT column_name FROM information_schema.columns WHERE table_name = 'golds' ORDER BY 1";
        assert_eq!(lines(ask(&shop, role, listed)), ["column_name", "number", "what"]);
    }
    assert!(shop.sandbox.path("out/_saltlake/definitions/golds.sql").is_file());
}

#[test]
fn a_view_is_replaced_and_dropped() {
    let shop = shop();
    ask(&shop, "analyst", "CREATE VIEW v AS SELECT 1 AS a").ok();
    told(ask(&shop, "analyst", "CREATE VIEW v AS SELECT 2 AS a"), 3, &["the name is taken", "OR REPLACE"]);
    told(ask(&shop, "analyst", "CREATE TABLE workspace.v AS SELECT 2 AS a"), 3, &["42P07"]);
    told(ask(&shop, "analyst", "INSERT INTO workspace.v VALUES (1)"), 3, &["a view"]);
    told(ask(&shop, "analyst", "DROP TABLE workspace.v"), 2, &["it is a view"]);
    ask(&shop, "analyst", "CREATE OR REPLACE VIEW workspace.v AS SELECT 2 AS a").ok();
    assert_eq!(lines(ask(&shop, "analyst", "SELECT a FROM workspace.v")), ["a", "2"]);
    ask(&shop, "analyst", "DROP VIEW workspace.v").ok();
    told(ask(&shop, "analyst", "SELECT a FROM workspace.v"), 2, &["42P01"]);
    told(ask(&shop, "analyst", "DROP VIEW workspace.v"), 2, &["there is no such"]);
    ask(&shop, "analyst", "DROP VIEW IF EXISTS workspace.v").ok();
    ask(&shop, "analyst", "CREATE TABLE workspace.v AS SELECT 3 AS a").ok();
    told(ask(&shop, "analyst", "CREATE OR REPLACE VIEW v AS SELECT 2 AS a"), 3, &["the name is taken"]);
}

#[test]
fn views_stand_on_views_and_not_on_themselves() {
    let shop = open_shop();
    shop.sandbox.write(
        "script.sql",
        "CREATE VIEW workspace.one AS SELECT id, segment FROM dataset.customer;\n\
         CREATE VIEW workspace.two AS SELECT segment, count(*) AS n FROM workspace.one GROUP BY segment;\n\
         CREATE VIEW workspace.three AS SELECT sum(n) AS n FROM workspace.two;\n",
    );
    for name in ["one", "two", "three"] {
        let text = fs::read_to_string(shop.sandbox.path("script.sql")).unwrap();
        let line = text.lines().find(|line| line.contains(&format!("workspace.{name} AS"))).unwrap();
        ask_open(&shop, line.trim_end_matches(';')).ok();
    }
    let all = lines(ask_open(&shop, "SELECT count(*) AS n FROM dataset.customer"));
    assert_eq!(lines(ask_open(&shop, "SELECT n FROM workspace.three")), all);
    let circle = "CREATE OR REPLACE VIEW workspace.one AS SELECT n AS id, 'x' AS segment FROM workspace.three";
    told(ask_open(&shop, circle), 3, &["in a circle"]);
    let itself = "CREATE OR REPLACE VIEW workspace.one AS SELECT * FROM workspace.one";
    told(ask_open(&shop, itself), 3, &["in a circle"]);
    // One that came about in another way than by a statement.
    fs::write(
        shop.sandbox.path("desk/_saltlake/definitions/one.sql"),
        "CREATE VIEW workspace.one AS SELECT n AS id, 'x' AS segment FROM workspace.three",
    )
    .unwrap();
    told(ask_open(&shop, "SELECT * FROM workspace.three"), 3, &["in a circle"]);
    assert_eq!(lines(ask_open(&shop, "SELECT 1 AS a")), ["a", "1"]);
}

#[test]
fn views_that_multiply_are_stopped() {
    let shop = open_shop();
    ask_open(&shop, "CREATE VIEW workspace.v0 AS SELECT 1 AS a").ok();
    let mut stopped = false;
    for level in 1..16 {
        let before = format!("workspace.v{}", level - 1);
        let sql = format!("CREATE VIEW workspace.v{level} AS SELECT x.a FROM {before} x, {before} y, {before} z");
        let run = ask_open(&shop, &sql);
        if run.code() == Some(3) {
            assert!(run.stderr().contains("too many tables"), "{}", run.transcript());
            stopped = true;
            break;
        }
        run.ok();
    }
    assert!(stopped);
}

#[test]
fn a_view_is_checked_when_it_is_made() {
    let shop = shop();
    for (sql, code, words) in [
        ("CREATE VIEW v AS SELECT nope FROM dataset.customer", 2, &["nope"][..]),
        ("CREATE VIEW v AS SELECT mail FROM dataset.customer", 2, &["mail"]),
        ("CREATE VIEW v AS SELECT * FROM dataset.nope", 2, &["42P01"]),
        ("CREATE VIEW v AS SELECT 1 AS a, 2 AS a", 2, &["a"]),
        ("CREATE VIEW v (a) AS SELECT 1, 2", 2, &["more or fewer columns"]),
        ("CREATE VIEW dataset.v AS SELECT 1 AS a", 3, &["in the workspace only"]),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1 AS a", 2, &["a clause of CREATE VIEW"]),
        ("CREATE TEMPORARY VIEW v AS SELECT 1 AS a", 2, &["a clause of CREATE VIEW"]),
    ] {
        told(ask(&shop, "analyst", sql), code, words);
    }
    assert!(!shop.sandbox.path("out/_saltlake").exists());
}

#[test]
fn a_script_makes_and_reads_views() {
    let shop = shop();
    let out = script(
        &shop,
        "analyst",
        "CREATE VIEW workspace.v AS SELECT id FROM dataset.customer;\nCREATE TABLE workspace.t AS SELECT * FROM workspace.v;\n\
         INSERT INTO workspace.t SELECT id + 1000 FROM workspace.v;\nSELECT count(*) AS rows FROM workspace.t;\n\
         DROP TABLE workspace.t;\nDROP VIEW workspace.v;\n",
    );
    assert!(out.contains("rows written to"), "{out}");
}
