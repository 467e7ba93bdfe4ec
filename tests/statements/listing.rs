//! SHOW and DESCRIBE: what there is, as each reader sees it.

use super::{ask, lines, shop, told};
use crate::support::lake::Table;
use crate::support::shop::SNAPPY;

#[test]
fn databases_and_tables_are_listed_as_the_reader_sees_them() {
    let shop = shop();
    ask(&shop, "analyst", "CREATE TABLE workspace.mine AS SELECT 1 AS a").ok();
    ask(&shop, "analyst", "CREATE VIEW workspace.some_view AS SELECT 1 AS a").ok();
    let databases = lines(ask(&shop, "analyst", "SHOW DATABASES"));
    assert!(databases.contains(&"dataset".to_owned()) && databases.contains(&"workspace".to_owned()), "{databases:?}");
    assert_eq!(lines(ask(&shop, "analyst", "SHOW SCHEMAS LIKE 'work*'")), ["database_name", "workspace"]);
    let tables = |role: &str, sql: &str| lines(ask(&shop, role, sql));
    assert_eq!(
        tables("analyst", "SHOW TABLES IN workspace"),
        ["table_schema,table_name,table_type", "workspace,mine,BASE TABLE", "workspace,some_view,VIEW"]
    );
    assert_eq!(tables("analyst", "SHOW TABLES FROM dataset 'cust*|nothing'").len(), 2);
    assert_eq!(tables("analyst", "SHOW TABLES IN dataset").len(), 2, "accounts are not the analyst's to see");
    assert_eq!(tables("admin", "SHOW TABLES IN dataset LIKE '%'").len(), 3);
    assert_eq!(tables("reader", "SHOW TABLES IN workspace").len(), 1);
    // `_` is a character of names.
    assert_eq!(tables("analyst", "SHOW VIEWS IN workspace LIKE 'some_v*'").len(), 2);
    assert_eq!(tables("analyst", "SHOW VIEWS LIKE 'someXv*'").len(), 1);
}

#[test]
fn columns_are_those_that_are_seen() {
    let shop = shop();
    for sql in [
        "SHOW COLUMNS FROM dataset.customer",
        "SHOW COLUMNS IN customer IN dataset",
        "DESCRIBE dataset.customer",
        "DESCRIBE EXTENDED dataset.customer",
        "DESCRIBE FORMATTED dataset.customer",
        "SHOW CREATE TABLE dataset.customer",
    ] {
        let seen = ask(&shop, "analyst", sql).ok().stdout();
        assert!(seen.contains("segment") && !seen.contains("mail"), "{sql}: {seen}");
        let all = ask(&shop, "admin", sql).ok().stdout();
        assert!(all.contains("mail"), "{sql}: {all}");
    }
    for sql in ["DESCRIBE dataset.account", "SHOW CREATE TABLE dataset.account", "SHOW PARTITIONS dataset.account"] {
        told(ask(&shop, "analyst", sql), 2, &["42P01"]);
        let nothing = sql.replace("account", "no_such_table");
        told(ask(&shop, "analyst", &nothing), 2, &["42P01"]);
    }
    let location = |role: &str, table: &str| ask(&shop, role, &format!("SHOW CREATE TABLE {table}")).ok().stdout();
    ask(&shop, "analyst", "CREATE TABLE workspace.mine AS SELECT 1 AS a").ok();
    assert!(!location("analyst", "dataset.customer").contains("LOCATION"));
    assert!(location("admin", "dataset.customer").contains("LOCATION"));
    assert!(location("analyst", "workspace.mine").contains("LOCATION"));
    assert!(ask(&shop, "analyst", "SHOW FUNCTIONS LIKE 'upper'").ok().stdout().contains("upper"));
}

#[test]
fn partitions_are_those_of_rows_that_are_seen() {
    let rows = |id: i64| Table::new().bigint("id", [Some(id)]).encode(SNAPPY);
    let shop = shop()
        .file("sale/day=1/kind=a/1.parquet", rows(1))
        .file("sale/day=2/kind=b/1.parquet", rows(2))
        .file("sale/day=__HIVE_DEFAULT_PARTITION__/kind=c/1.parquet", rows(3))
        .settings(
            "[roles.seller.select]\n\"dataset.sale\" = { columns = [\"id\"], rows = \"day <> '1'\" }\n\n\
             [roles.seller.mask.\"dataset.sale\"]\nkind = \"'hidden'\"\n",
        );
    let sql = "SHOW PARTITIONS dataset.sale";
    assert_eq!(
        lines(ask(&shop, "admin", sql)),
        ["partition", "day=1/kind=a", "day=2/kind=b", "day=__HIVE_DEFAULT_PARTITION__/kind=c"]
    );
    assert_eq!(lines(ask(&shop, "seller", sql)), ["partition", "day=2/kind=hidden"]);
    told(ask(&shop, "admin", "SHOW PARTITIONS dataset.customer"), 2, &["the table is not partitioned"]);
}

#[test]
fn explain_has_all_its_forms_for_administrators_alone() {
    let shop = shop();
    for sql in [
        "EXPLAIN SELECT id FROM dataset.customer",
        "EXPLAIN VERBOSE SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN FORMAT TREE SELECT 1",
    ] {
        ask(&shop, "admin", sql).ok();
    }
    ask(&shop, "analyst", "EXPLAIN SELECT id FROM dataset.customer").ok();
    told(ask(&shop, "analyst", "EXPLAIN ANALYZE SELECT 1"), 3, &["42501"]);
}
