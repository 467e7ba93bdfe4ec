//! `saltlake query`: every format, and nothing but reading.

use crate::support::binary::Sandbox;
use crate::support::lake;
use crate::support::shop::Shop;

const PEOPLE: &str = "SELECT id, segment FROM dataset.customer ORDER BY id";

#[test]
fn a_result_is_printed_in_every_format() {
    let shop = Shop::usual();
    let text = |format: &str| shop.run(["query", PEOPLE, "--format", format]).ok().stdout();
    assert_eq!(text("csv"), "id,segment\n1,gold\n2,silver\n3,gold\n4,\n");
    assert_eq!(text("ndjson").lines().nth(3), Some("{\"id\":4,\"segment\":null}"));
    let json: serde_json::Value = serde_json::from_str(&text("json")).unwrap();
    assert_eq!(json[1], serde_json::json!({"id": 2, "segment": "silver"}));
    let table = shop.run(["query", PEOPLE]).ok().stdout();
    assert!(table.contains("| 4  | NULL    |"), "{table}");
    let run = shop.run(["query", PEOPLE, "--format", "parquet"]).expect_code(2);
    assert!(run.stderr().contains("--output"), "{}", run.transcript());
    shop.run(["query", PEOPLE, "--format", "xml"]).expect_code(2);
}

#[test]
fn a_result_is_written_to_a_file_in_every_format() {
    let shop = Shop::usual();
    for format in ["table", "csv", "json", "ndjson", "parquet"] {
        let run = shop.run(["query", PEOPLE, "--format", format, "-o", "result"]).ok();
        assert!(run.stdout.is_empty(), "{}", run.transcript());
        let bytes = std::fs::read(shop.sandbox.path("result")).unwrap();
        if format == "parquet" {
            assert_eq!(lake::rows(&lake::read_parquet(bytes).unwrap()).len(), 4);
        } else {
            assert_eq!(bytes, shop.run(["query", PEOPLE, "--format", format]).ok().stdout, "{format}");
        }
    }
    std::fs::write(shop.sandbox.path("result"), "old").unwrap();
    shop.run(["query", "SELECT CAST(segment AS INT) FROM dataset.customer", "-o", "result"]).expect_code(1);
    assert_eq!(std::fs::read(shop.sandbox.path("result")).unwrap(), b"old", "a failed query leaves the file alone");
    let names: Vec<_> = std::fs::read_dir(shop.sandbox.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("result"))
        .collect();
    assert_eq!(names, ["result"]);
    shop.run(["query", PEOPLE, "-o", "no/such/folder/result"]).expect_code(1);
}

#[test]
fn an_empty_result_still_has_its_columns() {
    let shop = Shop::usual();
    let none = "SELECT id, segment FROM dataset.customer WHERE id > 99";
    let text = |format: &str| shop.run(["query", none, "--format", format]).ok().stdout();
    assert_eq!(text("csv"), "id,segment\n");
    assert_eq!(text("json"), "[]\n");
    assert_eq!(text("ndjson"), "");
    assert!(text("table").contains("| id | segment |"));
}

#[test]
fn findings_are_a_table() {
    let shop = Shop::usual();
    let read = shop.query("SELECT table_name, column_name, identifier, status FROM saltlake.findings ORDER BY 1, 2");
    assert_eq!(
        read,
        [
            "table_name,column_name,identifier,status",
            "account,iban,BANK_ACCOUNT_NUMBER,located",
            "account,owner,custom:mail address,located",
            "customer,mail,custom:mail address,located",
            "customer,name,NAME,located",
        ]
    );
}

#[test]
fn a_query_needs_only_what_it_names() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(["query", "SELECT 1 AS one", "--format", "csv"]).ok().stdout(), "one\n1\n");
    let run = sandbox.run(["query", "SELECT * FROM dataset.t"]).expect_code(2);
    assert!(run.stderr().contains("saltlake init"), "{}", run.transcript());
    let shop = Shop::usual();
    std::fs::remove_file(shop.sandbox.path("default.key")).unwrap();
    assert_eq!(shop.cell("SELECT count(*) FROM dataset.customer"), "4");
}

#[test]
fn masking_functions_work_in_queries() {
    let shop = Shop::usual();
    shop.run(["mask"]).ok();
    let found = shop.cell("SELECT id FROM dataset_masked.customer WHERE mail = salt_hash('asa.lind@example.com')");
    assert_eq!(found, "2");
}

#[test]
fn tables_are_listed_by_sql() {
    let shop = Shop::usual();
    shop.run(["mask"]).ok();
    let listed = shop.query(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema LIKE 'dataset%' ORDER BY 1, 2",
    );
    assert_eq!(
        listed,
        [
            "table_schema,table_name",
            "dataset,account",
            "dataset,customer",
            "dataset_masked,account",
            "dataset_masked,customer"
        ]
    );
    let shown = shop.run(["query", "SHOW TABLES"]).ok().stdout();
    assert!(shown.contains("customer"), "{shown}");
}

#[test]
fn queries_only_read() {
    let shop = Shop::usual();
    shop.run(["mask"]).ok();
    let before = shop.published();
    let secret = shop.sandbox.path("default.key").display().to_string();
    std::fs::write(shop.sandbox.path("loose.csv"), "a\n1\n").unwrap();
    let loose = shop.sandbox.path("loose.csv").display().to_string();
    for sql in [
        "CREATE TABLE dataset_masked.t AS SELECT 1 AS a",
        "CREATE TABLE t (a INT)",
        "CREATE VIEW v AS SELECT 1 AS a",
        "CREATE DATABASE d",
        "CREATE SCHEMA s",
        &format!("CREATE EXTERNAL TABLE t (a INT) STORED AS CSV LOCATION '{loose}'"),
        &format!("COPY (SELECT 1) TO '{}/out.csv'", shop.sandbox.folder().display()),
        "COPY dataset.customer TO 'out.parquet'",
        "EXPLAIN ANALYZE COPY dataset.customer TO 'out.parquet'",
        "INSERT INTO dataset.customer VALUES (9, 'x', 'x', 'x')",
        "INSERT INTO dataset_masked.customer SELECT * FROM dataset.customer",
        "UPDATE dataset.customer SET name = 'x'",
        "DELETE FROM dataset.customer",
        "TRUNCATE TABLE dataset.customer",
        "DROP TABLE dataset_masked.customer",
        "DROP TABLE dataset.customer",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "EXECUTE p",
        "BEGIN",
        "CREATE FUNCTION f(DOUBLE) RETURNS DOUBLE RETURN $1",
        &format!("SELECT * FROM '{loose}'"),
        &format!("SELECT * FROM '{secret}'"),
        &format!("SELECT * FROM \"{loose}\""),
        &format!("SELECT * FROM 'file://{loose}'"),
        &format!("SELECT * FROM read_csv('{loose}')"),
        "SELECT * FROM 's3://bucket/key.parquet'",
        "SELECT 1; SELECT 2",
        "",
        "-- nothing",
        "SELEC 1",
    ] {
        let run = shop.run(["query", sql]);
        // What would write into other databases than the workspace is refused; the rest is wrong in itself.
        assert!(matches!(run.code(), Some(2 | 3)), "{sql}\n{}", run.transcript());
        assert!(run.stdout.is_empty() && !run.stderr().is_empty(), "{sql}\n{}", run.transcript());
        assert_eq!(shop.published(), before, "{sql}");
    }
    assert_eq!(shop.cell("SELECT count(*) FROM dataset.customer"), "4");
    let leftovers = ["out.csv", "out.parquet"];
    assert!(leftovers.iter().all(|name| !shop.sandbox.path(name).exists()));
}

#[test]
fn a_query_reads_from_standard_input() {
    let shop = Shop::usual();
    let run = shop.sandbox.run_with_input(["query", "-", "--format", "csv"], "SELECT 2 AS two; -- done\n").ok();
    assert_eq!(run.stdout(), "two\n2\n");
}

#[test]
fn explain_names_keys_and_shows_none() {
    let shop = Shop::usual();
    let run =
        shop.run(["query", "EXPLAIN VERBOSE SELECT salt_hash(mail) FROM dataset.customer", "--format", "json"]).ok();
    assert!(run.stdout().contains("salt_hash"), "{}", run.transcript());
    let key = String::from_utf8(crate::support::shop::KEY.to_vec()).unwrap();
    assert!(!run.stdout().contains(&key) && !run.stdout().contains(crate::support::shop::KEY_BASE64));
}
