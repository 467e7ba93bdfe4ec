//! CREATE EXTERNAL TABLE in Hive's spelling, over files that lie somewhere.

use super::{ask, ask_open, lines, open_shop, shop, told};
use crate::support::lake::Table;
use crate::support::shop::SNAPPY;

#[test]
fn text_is_read_by_position_with_the_declared_types() {
    let shop = open_shop();
    shop.sandbox.write("logs/1.csv", "id;when;price;word\n1;2024-01-31;1.50;\"a;b\"\n2;;;\n3;2024-02-01;7;x;9\n");
    ask_open(
        &shop,
        "CREATE EXTERNAL TABLE workspace.logs (`id` bigint COMMENT 'the number', `when` date, price decimal(8,2), word string, more int) \
         ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' WITH SERDEPROPERTIES ('separatorChar' = ';') \
         STORED AS TEXTFILE LOCATION 'logs/' TBLPROPERTIES ('skip.header.line.count'='1')",
    )
    .ok();
    let rows = lines(ask_open(
        &shop,
        "SELECT id, price * 2 AS twice, \"when\" + INTERVAL '1' DAY AS next, word, more FROM workspace.logs WHERE id < 3 ORDER BY id",
    ));
    assert_eq!(rows[1], "1,3.00,2024-02-01,a;b,");
    assert_eq!(rows[2], "2,,,,");
}

#[test]
fn hives_own_text_has_marks_for_null_and_no_quotes() {
    let shop = open_shop();
    shop.sandbox.write("text/part-0.txt", "1\t\"x\t\\N\n2\ty\"\ttrue\n");
    ask_open(
        &shop,
        "CREATE EXTERNAL TABLE t (id int, word string, flag boolean) \
         ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' LINES TERMINATED BY '\\n' STORED AS TEXTFILE LOCATION 'text'",
    )
    .ok();
    let rows = lines(ask_open(&shop, "SELECT id, length(word) AS n, flag FROM workspace.t ORDER BY id"));
    assert_eq!(rows, ["id,n,flag", "1,2,", "2,2,true"]);
}

#[test]
fn json_is_read_by_name() {
    let shop = open_shop();
    shop.sandbox.write("json/a.json", "{\"id\":1,\"deep\":{\"a\":2,\"b\":[1,2]},\"extra\":true}\n{\"id\":2}\n");
    ask_open(
        &shop,
        "CREATE EXTERNAL TABLE workspace.j (id bigint, deep struct<a:int,b:array<bigint>>, missing string) \
         ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 'json/'",
    )
    .ok();
    let rows =
        lines(ask_open(&shop, "SELECT id, deep['a'] AS a, deep['b'][2] AS b, missing FROM workspace.j ORDER BY id"));
    assert_eq!(rows, ["id,a,b,missing", "1,2,2,", "2,,,"]);
}

#[test]
fn parquet_in_folders_is_read_by_name_whatever_is_missing() {
    let shop = open_shop();
    let old = Table::new().bigint("id", [Some(1)]).texts("Word", [Some("old")]);
    let new = Table::new().texts("word", [Some("new")]).bigint("id", [Some(2)]).bigint("added", [Some(9)]);
    shop.sandbox.write("sales/day=2024-01-01/hour=1/a.parquet", old.encode(SNAPPY));
    shop.sandbox.write("sales/day=2024-01-02/hour=10/a.parquet", new.encode(SNAPPY));
    ask_open(
        &shop,
        "CREATE EXTERNAL TABLE workspace.sales (id int, added string, never double) PARTITIONED BY (day date, hour int) \
         STORED AS PARQUET LOCATION 'sales'",
    )
    .ok();
    let rows = lines(ask_open(
        &shop,
        "SELECT id, added, never, day, hour FROM workspace.sales WHERE hour > 1 OR id = 1 ORDER BY hour",
    ));
    assert_eq!(rows, ["id,added,never,day,hour", "1,,,2024-01-01,1", "2,9,,2024-01-02,10"]);
    assert_eq!(lines(ask_open(&shop, "SELECT count(*) AS n FROM workspace.sales")), ["n", "2"]);
    assert_eq!(
        lines(ask_open(&shop, "SHOW PARTITIONS workspace.sales")),
        ["partition", "day=2024-01-01/hour=1", "day=2024-01-02/hour=10"]
    );
    let shown = lines(ask_open(&shop, "SHOW CREATE TABLE workspace.sales")).join("\n");
    assert!(shown.contains("PARTITIONED BY") && shown.contains("LOCATION"), "{shown}");
    told(
        ask_open(&shop, "INSERT INTO workspace.sales VALUES (1, 'x', 2.0, DATE '2024-01-01', 1)"),
        3,
        &["external table"],
    );
    ask_open(&shop, "DROP TABLE workspace.sales").ok();
    assert!(shop.sandbox.path("sales/day=2024-01-01/hour=1/a.parquet").is_file());
    told(ask_open(&shop, "SELECT * FROM workspace.sales"), 2, &["there is no such table"]);
}

#[test]
fn what_does_not_fit_is_said_to_without_its_cells() {
    let shop = open_shop();
    shop.sandbox.write("logs/1.csv", "1,secretword\n");
    let create = |name: &str, columns: &str| {
        format!(
            "CREATE EXTERNAL TABLE workspace.{name} ({columns}) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 'logs'"
        )
    };
    ask_open(&shop, &create("bad", "id int, word int")).ok();
    let run = ask_open(&shop, "SELECT word FROM workspace.bad").expect_code(1);
    assert!(!run.stderr().contains("secretword"), "{}", run.transcript());
    ask_open(&shop, &create("few", "id int, word string, more string")).ok();
    assert_eq!(lines(ask_open(&shop, "SELECT id, more FROM workspace.few")), ["id,more", "1,"]);
    told(ask_open(&shop, &create("few", "id int")), 3, &["the table exists"]);
    let again = create("few", "id int").replace("EXTERNAL TABLE", "EXTERNAL TABLE IF NOT EXISTS");
    assert!(ask_open(&shop, &again).ok().stdout().contains("nothing was done"));
    told(ask_open(&shop, &create("nested", "id array<int>")), 2, &["delimited text"]);
}

#[test]
fn clauses_that_are_not_read_are_refused_by_name() {
    let shop = shop();
    for (rest, words) in [
        ("STORED AS ORC LOCATION 'out/x'", &["ORC"][..]),
        ("CLUSTERED BY (id) INTO 4 BUCKETS LOCATION 'out/x'", &["CLUSTERED BY"]),
        ("LOCATION 'out/x' TBLPROPERTIES ('projection.enabled'='true')", &["projection.enabled"]),
        ("ROW FORMAT SERDE 'com.example.Grok' LOCATION 'out/x'", &["com.example.Grok"]),
    ] {
        let sql = format!("CREATE EXTERNAL TABLE workspace.t (id int) {rest}");
        for role in ["analyst", "admin"] {
            told(ask(&shop, role, &sql), 2, words);
        }
    }
    told(ask(&shop, "analyst", "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'out/x'"), 3, &["42501"]);
}
