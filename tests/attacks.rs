//! Ways in which a raw value, a lost row or a swapped one could reach a masked table, each tried from outside.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, StructArray};
use arrow::datatypes::{DataType, Field};

use crate::support::hash::salt_hashes;
use crate::support::lake::Table;
use crate::support::shop::{KEY, SNAPPY, Shop};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn csv_files_with_their_columns_in_another_order_swap_no_values() {
    let shop = Shop::new()
        .file("people/a.csv", "id,mail,name\n1,ada@example.com,Ada\n")
        .file("people/b.csv", "id,name,mail\n2,Bo,bo@example.com\n")
        .declared("people", &[("id", "keep"), ("name", "keep"), ("mail", "salt_hash")]);
    shop.run(["mask"]).ok();
    assert_eq!(shop.masked_column("people", "name"), [some("Ada"), some("Bo")]);
    let tokens = salt_hashes(&["ada@example.com", "bo@example.com"], KEY);
    assert_eq!(shop.masked_column("people", "mail"), tokens.into_iter().map(Some).collect::<Vec<_>>());
}

fn address(field: &str, value: &str) -> ArrayRef {
    let fields = [("city", "Oslo"), (field, value)].map(|(name, value)| {
        (Arc::new(Field::new(name, DataType::Utf8, true)), Arc::new(StringArray::from(vec![value])) as ArrayRef)
    });
    Arc::new(StructArray::from(fields.to_vec()))
}

#[test]
fn structs_with_other_field_names_lose_no_values() {
    let table =
        |field: &str| Table::new().bigint("id", [Some(1)]).column("address", address(field, "12345")).encode(SNAPPY);
    let shop = Shop::new()
        .file("people/LOAD00000001.parquet", table("zip"))
        .file("people/LOAD00000002.parquet", table("postcode"))
        .declared("people", &[("id", "keep"), ("address", "keep")]);
    let refused = shop.run(["mask"]).expect_code(1).stderr();
    assert!(refused.contains("different columns") && refused.contains("address"), "{refused}");
    assert!(shop.version().is_none());
}

#[test]
fn a_source_named_with_its_catalog_is_masked_proven_and_recorded() {
    let shop = Shop::usual();
    let create =
        |columns: &str| format!("CREATE TABLE dataset_masked.customer AS SELECT {columns} FROM lake.dataset.customer");
    shop.script(&create("id, name")).expect_code(3);
    shop.script(&create("id, salt_hash(name) AS name")).ok();
    let sources = shop.receipt()["tables"]["customer"]["sources"].clone();
    assert_eq!(sources.as_array().unwrap().len(), 1, "{sources}");
}

#[test]
fn a_key_is_checked_however_its_call_is_spelt() {
    let shop = Shop::usual();
    let create = "CREATE TABLE dataset_masked.customer AS SELECT id, \"salt_hash\"(name) AS name FROM dataset.customer";
    shop.script(create).ok();
    shop.sandbox.write("default.key", "QW5vdGhlclNlY3JldC1vZi1zaXh0ZWVu\n");
    shop.script(create).expect_code(3);
}

#[test]
fn libraries_do_not_trace_whatever_the_log_filter_says() {
    let shop = Shop::usual().with("SALTLAKE_LOG", "trace");
    let log = shop.run(["mask"]).ok().stderr();
    assert!(log.contains("mask: writing"), "{log}");
    for line in log.lines().filter(|line| line.contains("TRACE")) {
        assert!(line.contains("saltlake"), "{line}");
    }
}

/// Every way of writing a column that shows it.
const SHOWING: [&str; 24] = [
    "SELECT name FROM dataset.customer",
    "SELECT * FROM dataset.customer",
    "SELECT * EXCLUDE (mail) FROM dataset.customer",
    "SELECT c.* FROM \"dataset\".\"customer\" AS c",
    "SELECT dataset_masked.name FROM dataset.customer AS dataset_masked",
    "SELECT NAME AS x FROM DATASET.CUSTOMER",
    "SELECT upper(name) AS x FROM dataset.customer",
    "SELECT concat(salt_hash(name), name) AS x FROM dataset.customer",
    "SELECT CASE WHEN name = 'Ada' THEN 1 ELSE 0 END AS x FROM dataset.customer",
    "SELECT max(name) AS x FROM dataset.customer",
    "SELECT string_agg(name, ',') AS x FROM dataset.customer GROUP BY segment",
    "SELECT array_agg(name) AS x FROM dataset.customer",
    "SELECT name AS x, count(*) AS n FROM dataset.customer GROUP BY name",
    "SELECT DISTINCT name FROM dataset.customer",
    "SELECT DISTINCT ON (id) name FROM dataset.customer ORDER BY id",
    "SELECT first_value(name) OVER (PARTITION BY segment ORDER BY id) AS x FROM dataset.customer",
    "SELECT id FROM dataset.customer UNION ALL SELECT length(name) FROM dataset.customer",
    "WITH a AS (SELECT name AS x FROM dataset.customer), b AS (SELECT x AS y FROM a) SELECT y FROM b",
    "WITH RECURSIVE r(x, n) AS (SELECT name, 1 FROM dataset.customer UNION ALL SELECT x, n + 1 FROM r WHERE n < 2) \
     SELECT x FROM r",
    "SELECT (SELECT max(name) FROM dataset.customer) AS x FROM dataset.account",
    "SELECT a.id, (SELECT max(c.name) FROM dataset.customer c WHERE c.mail = a.owner) AS x FROM dataset.account a",
    "SELECT u.x FROM (SELECT unnest(make_array(name)) AS x FROM dataset.customer) AS u",
    "SELECT mask_redact('x') AS r, name FROM dataset.customer",
    "SELECT coalesce(a.owner, c.mail) AS x FROM dataset.account a FULL JOIN dataset.customer c ON c.mail = a.owner",
];

#[test]
fn a_reported_column_is_refused_in_every_spelling() {
    let shop = Shop::usual();
    for query in SHOWING {
        let run = shop.script(&format!("CREATE TABLE dataset_masked.seen AS {query}"));
        assert_eq!(run.code(), Some(3), "{query}\n{}", run.stderr());
    }
    assert!(shop.version().is_none());
}

#[test]
fn an_argument_of_a_mask_shows_nothing() {
    let shop = Shop::usual();
    for call in ["mask_redact(id, name)", "mask_partial(name, id, 1)", "salt_hash(id, name)", "mask_null(id, name)"] {
        let run = shop.script(&format!("CREATE TABLE dataset_masked.seen AS SELECT {call} AS x FROM dataset.customer"));
        assert_ne!(run.code(), Some(0), "{call}");
    }
    assert!(shop.version().is_none());
}

#[test]
fn whole_numbers_that_json_would_round_are_refused() {
    use crate::support::lake::gzip;
    let lines = "{\"id\":1,\"iban\":12345678901234567890}\n{\"id\":2,\"iban\":98765432109876543210}\n";
    for (name, bytes) in [("a.jsonl", lines.into()), ("a.jsonl.gz", gzip(lines.as_bytes()))] {
        let file: Vec<u8> = bytes;
        let shop = Shop::new()
            .file(&format!("account/{name}"), file)
            .declared("account", &[("id", "keep"), ("iban", "salt_hash")]);
        let refused = shop.run(["mask"]).expect_code(1).stderr();
        assert!(refused.contains(name) && refused.contains("iban"), "{refused}");
        assert!(!refused.contains("1234567890"), "{refused}");
    }
}

#[test]
fn an_avro_file_in_another_order_swaps_no_values() {
    use crate::support::lake::Format;
    let first = Table::new().bigint("id", [Some(1)]).texts("mail", [Some("m1")]).texts("name", [Some("n1")]);
    let second = Table::new().bigint("id", [Some(2)]).texts("name", [Some("n2")]).texts("mail", [Some("m2")]);
    let shop = Shop::new()
        .file("people/a.avro", first.encode(Format::Avro))
        .file("people/b.avro", second.encode(Format::Avro))
        .declared("people", &[("id", "keep"), ("name", "keep"), ("mail", "salt_hash")]);
    let run = shop.run(["mask"]);
    if run.code() == Some(0) {
        assert_eq!(shop.masked_column("people", "name"), [some("n1"), some("n2")]);
    } else {
        assert!(shop.version().is_none());
    }
}

#[test]
fn numbers_of_files_of_different_width_are_not_rounded() {
    let wide: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX]));
    let mut shop = Shop::new()
        .file("t/a.parquet", Table::new().double("n", [Some(0.5)]).encode(SNAPPY))
        .file("t/b.parquet", Table::new().column("n", wide).encode(SNAPPY))
        .declared("t", &[("n", "keep")]);
    shop.change_settings("[lake]\n", "[lake]\nmerge_schemas = true\n");
    shop.run(["mask"]).expect_code(1);
}

#[test]
fn a_column_reported_since_is_not_copied_from_an_old_masked_table() {
    let mut shop = Shop::usual();
    shop.run(["mask"]).ok();
    let copy = "CREATE TABLE dataset_masked.copy AS SELECT id, segment FROM dataset_masked.customer";
    shop.script(copy).ok();
    shop = shop.reported("customer", &[("NAME", "$.segment")]);
    shop.change_settings("\"segment\" = \"keep\"", "\"segment\" = \"salt_hash\"");
    for query in ["SELECT segment FROM dataset_masked.customer", "SELECT segment FROM copy", "SELECT * FROM customer"] {
        let refused = shop.script(&format!("CREATE TABLE dataset_masked.again AS {query}")).expect_code(3).stderr();
        assert!(refused.contains("an earlier run"), "{refused}");
    }
    let anew = "CREATE TABLE dataset_masked.customer AS SELECT id, salt_hash(segment) AS segment FROM dataset.customer";
    shop.script(&format!("{anew};\n{copy};\n")).ok();
    let segments = shop.masked_column("copy", "segment");
    assert!(segments.iter().flatten().all(|segment| segment.len() == 64), "{segments:?}");
}

#[test]
fn a_table_made_from_its_own_old_version_is_proven_against_that() {
    let shop = Shop::usual();
    shop.run(["mask"]).ok();
    let before = shop.cell("SELECT count(*) FROM dataset_masked.customer");
    shop.script(
        "CREATE TABLE dataset_masked.few AS SELECT id FROM dataset_masked.customer;\n\
         CREATE TABLE dataset_masked.customer AS SELECT id FROM dataset_masked.customer WHERE id > 1;\n",
    )
    .ok();
    assert_eq!(shop.cell("SELECT count(*) FROM dataset_masked.few"), before);
    assert_ne!(shop.cell("SELECT count(*) FROM dataset_masked.customer"), before);
}

#[test]
fn a_function_that_quotes_its_argument_shows_no_cell() {
    let shop = Shop::usual();
    let cell = "(SELECT mail FROM dataset.customer ORDER BY id LIMIT 1)";
    let mail = shop.cell(&format!("SELECT {cell}"));
    for call in ["encode", "decode", "digest"] {
        let query = format!("SELECT {call}(name, {cell}) AS x FROM dataset.customer");
        let create = format!("CREATE TABLE dataset_masked.t AS SELECT salt_hash(x) AS x FROM ({query})");
        for run in [shop.run(["query", &query]), shop.script(&query), shop.script(&create)] {
            let text = format!("{}{}", run.stdout(), run.expect_code(1).stderr());
            assert!(!text.contains(&mail), "{text}");
        }
    }
}

#[test]
fn a_column_equated_with_a_reported_one_shows_it() {
    let shop = Shop::usual().table("word", &Table::new().text("word", ["Ada"])).declared("word", &[("word", "keep")]);
    let create = |query: &str| shop.script(&format!("CREATE TABLE dataset_masked.seen AS {query}"));
    for query in [
        "SELECT c.id, w.word FROM dataset.customer c JOIN dataset.word w ON w.word = c.name",
        "SELECT c.id, w.word FROM dataset.customer c, dataset.word w WHERE lower(w.word) = lower(c.name)",
        "SELECT c.id, v.x FROM dataset.customer c JOIN (VALUES ('Ada'), ('Bo')) AS v(x) ON v.x = c.name",
        "SELECT v.x FROM dataset.customer c JOIN dataset.word w ON w.word = c.name JOIN (VALUES ('Ada')) AS v(x) ON v.x = w.word",
        "SELECT g.value FROM dataset.customer c JOIN generate_series(0, 99) AS g(value) ON g.value = length(c.name)",
    ] {
        assert_eq!(create(query).code(), Some(3), "{query}\n{}", create(query).stderr());
    }
    create("SELECT c.id, a.amount, salt_hash(a.owner) AS owner FROM dataset.customer c JOIN dataset.account a ON a.owner = c.mail").ok();
}
