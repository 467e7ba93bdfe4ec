//! CREATE TABLE … AS with partitions, INSERT INTO, UNLOAD, DROP TABLE.

use std::fs;

use super::{ask, ask_open, lines, open_shop, shop, told};
use crate::support::shop::files_below;

const PARTS: &str = "VALUES (1, 'a', 'x y'), (2, 'b', 'ü/..'), (3, 'a', ''), (4, NULL, 'x y'), \
                     (5, '__HIVE_DEFAULT_PARTITION__', 'x y')";

fn create(name: &str) -> String {
    format!(
        "CREATE TABLE workspace.{name} WITH (partitioned_by = ARRAY['kind', 'place']) AS \
         SELECT column1 AS id, column2 AS kind, column3 AS place FROM ({PARTS})"
    )
}

#[test]
fn a_partitioned_table_is_read_again_value_by_value() {
    let shop = shop();
    for role in ["analyst", "admin"] {
        let run = ask(&shop, role, &create("parts")).ok();
        assert!(run.stdout().contains("5 rows written to"), "{}", run.transcript());
        let rows = lines(ask(&shop, role, "SELECT id, kind, place FROM workspace.parts ORDER BY id"));
        let nothing = "5,__HIVE_DEFAULT_PARTITION__,x y";
        assert_eq!(rows, ["id,kind,place", "1,a,x y", "2,b,ü/..", "3,a,", "4,,x y", nothing], "{role}");
        let kinds = "SELECT count(*) AS n FROM workspace.parts WHERE kind IS NULL";
        assert_eq!(lines(ask(&shop, role, kinds)), ["n", "1"]);
        let empty = "SELECT count(*) AS n FROM workspace.parts WHERE place = ''";
        assert_eq!(lines(ask(&shop, role, empty)), ["n", "1"]);
    }
    let folder = shop.sandbox.path("out/parts");
    let files = files_below(&folder);
    assert_eq!(files.len(), 5, "{files:?}");
    assert!(folder.join("kind=a/place=x%20y").is_dir() && folder.join("kind=b/place=%C3%BC%2F..").is_dir());
    assert_eq!(files_below(&shop.sandbox.path("desk/parts")).len(), 5);
    told(ask(&shop, "analyst", &create("parts")), 3, &["the table exists", "42P07"]);
}

#[test]
fn there_may_be_many_partitions_and_none() {
    let shop = open_shop();
    let many = "CREATE TABLE workspace.many WITH (partitioned_by = ARRAY['p']) AS \
                SELECT value AS id, value % 700 AS p FROM generate_series(1, 2100)";
    ask_open(&shop, many).ok();
    assert_eq!(
        lines(ask_open(&shop, "SELECT count(*) AS n, count(DISTINCT p) AS p FROM workspace.many")),
        ["n,p", "2100,700"]
    );
    assert_eq!(files_below(&shop.sandbox.path("desk/many")).len(), 700);
    let none = "CREATE TABLE workspace.none WITH (partitioned_by = ARRAY['p']) AS SELECT 1 AS id, 2 AS p WHERE false";
    ask_open(&shop, none).ok();
    assert_eq!(lines(ask_open(&shop, "SELECT id, p FROM workspace.none")), ["id,p"]);
}

#[test]
fn options_that_are_not_kept_are_refused_by_name() {
    let shop = shop();
    for (with, words) in [
        ("bucketed_by = ARRAY['id'], bucket_count = 4", &["bucketed_by", "buckets"][..]),
        ("bucket_count = 4", &["bucket_count"]),
        ("sorted_by = ARRAY['id']", &["sorted_by"]),
        ("table_type = 'ICEBERG'", &["table_type", "Iceberg"]),
        ("format = 'ORC'", &["format", "PARQUET"]),
        ("partitioned_by = 'id'", &["partitioned_by", "ARRAY"]),
        ("partitioned_by = ARRAY['id']", &["partition columns are the last columns", "last columns: kind"]),
        ("partitioned_by = ARRAY['id', 'kind']", &["every column is a partition column"]),
        ("partitioned_by = ARRAY['nope']", &["nope"]),
    ] {
        let sql = format!("CREATE TABLE workspace.t WITH ({with}) AS SELECT 1 AS id, 'a' AS kind");
        told(ask(&shop, "analyst", &sql), 2, words);
    }
    assert!(files_below(&shop.sandbox.path("out")).is_empty());
}

#[test]
fn what_a_dead_statement_left_is_in_nobodys_way() {
    let shop = shop();
    ask(&shop, "analyst", &create("parts")).ok();
    ask(&shop, "analyst", "DROP TABLE workspace.parts").ok();
    assert!(files_below(&shop.sandbox.path("out")).is_empty());
    // As a statement leaves things that was killed while it wrote.
    let hidden = shop.sandbox.path("out/parts/.saltlake-0198");
    fs::create_dir_all(hidden.parent().unwrap()).unwrap();
    fs::write(&hidden, "half a file").unwrap();
    ask(&shop, "analyst", &create("parts")).ok();
    assert_eq!(lines(ask(&shop, "analyst", "SELECT count(*) AS n FROM workspace.parts")), ["n", "5"]);
    let names: Vec<_> =
        fs::read_dir(shop.sandbox.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["parts"]);
}

#[test]
fn a_query_that_fails_leaves_no_partition() {
    let shop = shop();
    let sql = "CREATE TABLE workspace.t WITH (partitioned_by = ARRAY['p']) AS \
               SELECT CAST(segment AS INT) AS id, id AS p FROM dataset.customer";
    told(ask(&shop, "analyst", sql), 1, &["22018"]);
    let folder = shop.sandbox.path("out");
    assert!(!folder.exists() || fs::read_dir(folder).unwrap().next().is_none());
}

#[test]
fn rows_are_added_by_position_and_by_name() {
    let shop = shop();
    ask(&shop, "analyst", "CREATE TABLE workspace.t AS SELECT CAST(1 AS BIGINT) AS id, 'one' AS word, 1.5 AS part")
        .ok();
    let run = ask(&shop, "analyst", "INSERT INTO workspace.t VALUES (2, 'two', 2), ('3', 'three', NULL)");
    assert!(run.ok().stdout().contains("2 rows written to"));
    ask(&shop, "analyst", "INSERT INTO t (word, id) SELECT segment, id + 100 FROM dataset.customer WHERE id = 1").ok();
    let rows = lines(ask(&shop, "analyst", "SELECT id, word, part FROM workspace.t ORDER BY id"));
    assert_eq!(rows, ["id,word,part", "1,one,1.5", "2,two,2.0", "3,three,", "101,gold,"]);
    for (sql, words) in [
        ("INSERT INTO workspace.t VALUES (1, 'x')", &["more or fewer columns", "given: 2", "wanted: 3"][..]),
        ("INSERT INTO workspace.t (id) VALUES (1, 'x')", &["more or fewer columns"]),
        ("INSERT INTO workspace.t (nope) VALUES (1)", &["the table has no such column", "nope"]),
        ("INSERT INTO workspace.t (id, id) VALUES (1, 2)", &["a column is named twice"]),
        ("INSERT INTO workspace.nope VALUES (1)", &["there is no such table", "42P01"]),
        ("INSERT OVERWRITE workspace.t VALUES (1, 'x', 2)", &["OVERWRITE"]),
    ] {
        told(ask(&shop, "analyst", sql), 2, words);
    }
    let run = ask(&shop, "analyst", "INSERT INTO workspace.t (id) SELECT segment FROM dataset.customer").expect_code(1);
    assert!(run.stderr().contains("column: id") && !run.stderr().contains("gold"), "{}", run.transcript());
    assert_eq!(lines(ask(&shop, "analyst", "SELECT count(*) AS n FROM workspace.t")), ["n", "4"]);
    assert_eq!(files_below(&shop.sandbox.path("out/t")).len(), 3);
}

#[test]
fn rows_are_added_to_partitions_old_and_new() {
    let shop = shop();
    ask(&shop, "analyst", &create("parts")).ok();
    ask(&shop, "analyst", "INSERT INTO workspace.parts VALUES (6, 'a', 'x y'), (7, 'new', 'y')").ok();
    ask(&shop, "analyst", "INSERT INTO workspace.parts (kind, id) VALUES ('a', 8)").ok();
    let rows = lines(ask(&shop, "analyst", "SELECT id, kind, place FROM workspace.parts WHERE id > 5 ORDER BY id"));
    assert_eq!(rows, ["id,kind,place", "6,a,x y", "7,new,y", "8,a,"]);
    let shown = lines(ask(&shop, "analyst", "SHOW PARTITIONS workspace.parts"));
    assert!(shown.contains(&"kind=a/place=__HIVE_DEFAULT_PARTITION__".to_owned()), "{shown:?}");
}

#[test]
fn rows_go_into_ones_own_tables_only() {
    let shop = shop();
    for table in ["dataset.customer", "dataset_masked.customer", "saltlake.findings"] {
        for role in ["analyst", "admin"] {
            let run = ask(&shop, role, &format!("INSERT INTO {table} VALUES (1)"));
            told(run, 3, &["in the workspace only", "saltlake run"]);
        }
    }
    told(ask(&shop, "reader", "INSERT INTO workspace.t VALUES (1)"), 2, &["there is no such table"]);
}

#[test]
fn unload_writes_partitions_and_text() {
    let shop = shop();
    let unload = |to: &str, with: &str| {
        let query =
            "SELECT column1 AS id, column2 AS word, column3 AS kind FROM (VALUES (1, 'a,b', 'x'), (2, NULL, 'y'))";
        ask(&shop, "analyst", &format!("UNLOAD ({query}) TO '{to}' WITH ({with})"))
    };
    unload("out/csv", "format = 'CSV', compression = 'NONE', field_delimiter = ';', partitioned_by = ARRAY['kind']")
        .ok();
    let read = |folder: &str| {
        let files = files_below(&shop.sandbox.path(folder));
        assert_eq!(files.len(), 1, "{files:?}");
        fs::read_to_string(&files[0]).unwrap()
    };
    assert_eq!(read("out/csv/kind=x"), "id;word\n1;a,b\n");
    unload("out/text", "format = 'TEXTFILE', compression = 'NONE', field_delimiter = '\\t'").ok();
    assert_eq!(read("out/text"), "1\ta,b\tx\n2\t\\N\ty\n");
    told(unload("out/bad", "format = 'PARQUET', field_delimiter = ';'"), 2, &["field_delimiter"]);
    told(unload("out", "partitioned_by = ARRAY['kind']"), 3, &["not empty"]);
}

#[test]
fn drop_takes_what_is_there_and_says_what_is_not() {
    let shop = shop();
    told(ask(&shop, "analyst", "DROP TABLE workspace.t"), 2, &["there is no such table", "42P01"]);
    ask(&shop, "analyst", "DROP TABLE IF EXISTS workspace.t").ok();
    for _ in 0..2 {
        ask(&shop, "analyst", "DROP TABLE IF EXISTS workspace.t").ok();
        ask(&shop, "analyst", "CREATE TABLE workspace.t AS SELECT 1 AS a").ok();
    }
    told(ask(&shop, "analyst", "DROP VIEW workspace.t"), 2, &["it is a table"]);
    for table in ["dataset.customer", "dataset_masked.customer"] {
        for role in ["analyst", "admin"] {
            told(ask(&shop, role, &format!("DROP TABLE {table}")), 3, &["in the workspace only"]);
        }
    }
    assert_eq!(files_below(&shop.sandbox.path("lake")).len(), 2);
}

#[test]
fn without_a_workspace_it_is_said_how_to_get_one() {
    let shop = crate::support::shop::Shop::usual();
    for sql in ["CREATE TABLE workspace.t AS SELECT 1 AS a", "CREATE VIEW workspace.v AS SELECT 1 AS a"] {
        let run = ask_open(&shop, sql);
        assert!(
            matches!(run.code(), Some(2 | 3)) && run.stderr().contains("[query] workspace"),
            "{}",
            run.transcript()
        );
    }
}

#[test]
fn a_workspace_lies_apart_from_what_is_kept_apart() {
    for place in ["lake", "lake/customer", "masked", ".", "masked/own"] {
        let shop = crate::support::shop::Shop::usual().settings(&format!("[query]\nworkspace = \"{place}\"\n"));
        let run = ask_open(&shop, "SELECT 1").expect_code(3);
        assert!(run.stderr().contains("workspace"), "{}", run.transcript());
    }
}
