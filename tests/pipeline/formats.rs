//! What a lake may hold: formats, codecs, partitions, change files, nested columns, no rows at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Int32Array, ListArray, MapBuilder, StringArray,
    StringBuilder, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Fields, Int32Type};
use parquet::basic::Compression;

use crate::support::hash::salt_hashes;
use crate::support::lake::{Format, Table, change_key, codecs, full_load_key, gzip, partition_key};
use crate::support::shop::{KEY, SNAPPY, Shop};

fn people() -> Table {
    Table::new()
        .bigint("id", [Some(1), Some(2), Some(3)])
        .texts("name", [Some("Åsa \"the\" Lind"), None, Some("line\nbreak, comma")])
}

fn token(text: &str) -> Option<String> {
    Some(salt_hashes(&[text], KEY).remove(0))
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// `people` masked.
fn masked_people() -> Vec<Vec<Option<String>>> {
    vec![
        vec![some("id"), some("name")],
        vec![some("1"), token("Åsa \"the\" Lind")],
        vec![some("2"), None],
        vec![some("3"), token("line\nbreak, comma")],
    ]
}

fn shop(key: &str, bytes: impl AsRef<[u8]>) -> Shop {
    let table = key.split('/').next().unwrap().to_owned();
    Shop::new().file(key, bytes).reported(&table, &[("NAME", "$.name")]).declared(&table, &[("id", "keep")])
}

#[test]
fn every_format_is_masked_to_the_same_tokens() {
    for format in [SNAPPY, Format::Csv, Format::Json, Format::Avro] {
        let shop = shop(&full_load_key("people", 1, format), people().encode(format));
        shop.run(["mask"]).ok();
        assert_eq!(shop.masked_rows("people"), masked_people(), "{format:?}");
        shop.run(["verify"]).ok();
    }
}

#[test]
fn compressed_text_is_masked_like_plain_text() {
    for (name, format) in [("people/a.csv.gz", Format::Csv), ("people/a.json.gz", Format::Json)] {
        let shop = shop(name, gzip(&people().encode(format)));
        shop.run(["mask"]).ok();
        assert_eq!(shop.masked_rows("people"), masked_people(), "{name}");
    }
}

#[test]
fn csv_keeps_leading_zeros_and_a_byte_order_mark_is_no_part_of_a_name() {
    let shop = shop("people/a.csv", "\u{feff}id,name\n007,Ada\n010,Ada\n");
    shop.run(["mask"]).ok();
    assert_eq!(shop.masked_column("people", "id"), [some("007"), some("010")]);
    assert_eq!(shop.masked_column("people", "name"), [token("Ada"), token("Ada")]);
}

#[test]
fn json_lines_may_leave_fields_out() {
    let shop = shop("people/a.jsonl", "{\"id\":1,\"name\":\"Ada\"}\n{\"id\":2}\n{\"name\":\"Bo\",\"id\":3}\n");
    shop.run(["mask"]).ok();
    assert_eq!(shop.masked_column("people", "name"), [token("Ada"), None, token("Bo")]);
}

#[test]
fn every_parquet_codec_is_read() {
    for (name, codec) in codecs() {
        let shop = shop("people/a.parquet", people().encode(Format::Parquet(codec)));
        shop.run(["mask"]).ok();
        assert_eq!(shop.masked_rows("people"), masked_people(), "{name}");
        assert_eq!(shop.receipt()["tables"]["people"]["way"], "spliced", "{name}");
    }
}

#[test]
fn a_file_without_extension_is_known_by_its_first_bytes() {
    let shop = shop("people/part-0001", people().encode(SNAPPY));
    shop.run(["mask"]).ok();
    assert_eq!(shop.masked_rows("people"), masked_people());
}

#[test]
fn hidden_files_and_folders_are_no_part_of_a_table() {
    let shop = shop("people/a.parquet", people().encode(SNAPPY))
        .file("people/_SUCCESS", "")
        .file("people/.a.parquet.crc", "x")
        .file("people/_temporary/0/b.parquet", "not parquet")
        .file("_staging/b.parquet", "not parquet");
    shop.run(["mask"]).ok();
    assert_eq!(shop.masked_rows("people"), masked_people());
}

#[test]
fn change_files_keep_their_operation_and_their_deleted_rows_are_masked() {
    let changes = Table::new()
        .bigint("id", [Some(1), Some(4)])
        .texts("name", [Some("Åsa \"the\" Lind"), Some("Deleted Person")])
        .operations(["U", "D"]);
    let shop = shop(&full_load_key("people", 1, SNAPPY), people().encode(SNAPPY))
        .file(&change_key("people", 1_134_010_000), changes.encode(SNAPPY));
    shop.run(["mask"]).ok();
    let read = shop.query("SELECT \"Op\", id, name FROM dataset_masked.people ORDER BY id, \"Op\"");
    let of = |text: &str| token(text).unwrap();
    assert_eq!(
        read,
        [
            "Op,id,name".to_owned(),
            format!("U,1,{}", of("Åsa \"the\" Lind")),
            format!(",1,{}", of("Åsa \"the\" Lind")),
            ",2,".to_owned(),
            format!(",3,{}", of("line\nbreak, comma")),
            format!("D,4,{}", of("Deleted Person")),
        ]
    );
    shop.run(["verify"]).ok();
}

/// Three partitions of which one is NULL and one holds what paths cannot.
fn partitioned() -> Shop {
    let row = |id: i64, name: &str| Table::new().bigint("id", [Some(id)]).text("name", [name]).encode(SNAPPY);
    let key = |city: &str| partition_key("people", &[("year", "2026"), ("city", city)], "part-0.parquet");
    Shop::new()
        .file(&key("Oslo"), row(1, "Ada"))
        .file(&key("__HIVE_DEFAULT_PARTITION__"), row(2, "Bo"))
        .file(&key("S%C3%A3o Paulo%2FSP%3D1"), row(3, "Cem"))
        .file(&key(""), row(4, "Dan"))
        .reported("people", &[("NAME", "$.name")])
        .declared("people", &[("id", "keep"), ("year", "keep")])
}

fn folders(shop: &Shop) -> Vec<String> {
    let folders: BTreeSet<String> =
        shop.masked("people").keys().map(|path| path.rsplit_once('/').unwrap().0.to_owned()).collect();
    folders.into_iter().collect()
}

#[test]
fn partitions_stay_partitions_null_and_odd_values_among_them() {
    let shop = partitioned().settings("city = \"keep\"");
    shop.run(["mask"]).ok();
    assert_eq!(
        folders(&shop),
        [
            "year=2026/city=",
            "year=2026/city=Oslo",
            "year=2026/city=S%C3%A3o Paulo%2FSP%3D1",
            "year=2026/city=__HIVE_DEFAULT_PARTITION__"
        ]
    );
    let read = shop.query("SELECT id, city, city IS NULL AS nothing, year FROM dataset_masked.people ORDER BY id");
    assert_eq!(
        read,
        ["id,city,nothing,year", "1,Oslo,false,2026", "2,,true,2026", "3,São Paulo/SP=1,false,2026", "4,,false,2026"]
    );
    shop.run(["verify"]).ok();
}

#[test]
fn a_reported_partition_column_is_masked_in_the_folders_names() {
    let shop = partitioned().reported("people", &[("ADDRESS", "$.city")]);
    shop.run(["mask"]).ok();
    let of = |text: &str| token(text).unwrap();
    let mut expected = vec![
        format!("year=2026/city={}", of("Oslo")),
        format!("year=2026/city={}", of("São Paulo/SP=1")),
        format!("year=2026/city={}", of("")),
        "year=2026/city=__HIVE_DEFAULT_PARTITION__".to_owned(),
    ];
    expected.sort();
    assert_eq!(folders(&shop), expected);
    assert_eq!(shop.cell("SELECT id FROM dataset_masked.people WHERE city = salt_hash('Oslo')"), "1");
}

#[test]
fn a_dropped_partition_column_leaves_no_folder() {
    let shop = partitioned().settings("city = \"drop\"");
    shop.run(["mask"]).ok();
    assert_eq!(folders(&shop), ["year=2026"]);
    assert_eq!(shop.cell("SELECT count(*) FROM dataset_masked.people"), "4");
}

#[test]
fn a_partition_of_no_rows_is_masked() {
    let empty = people().without_rows().encode(SNAPPY);
    let shop = shop("people/dt=2026-11-24/a.parquet", empty).settings("dt = \"keep\"");
    shop.run(["mask"]).ok();
    assert_eq!(shop.query("SELECT id, name, dt FROM dataset_masked.people"), ["id,name,dt"]);
    shop.run(["verify"]).ok();
}

#[test]
fn a_table_of_no_rows_is_masked_and_keeps_its_columns() {
    for format in [SNAPPY, Format::Csv, Format::Avro] {
        let shop = shop(&full_load_key("people", 1, format), people().without_rows().encode(format));
        shop.run(["mask"]).ok();
        assert_eq!(shop.masked_rows("people"), [vec![some("id"), some("name")]], "{format:?}");
        shop.run(["verify"]).ok();
    }
}

#[test]
fn an_empty_file_beside_full_ones_changes_nothing() {
    let shop = shop(&full_load_key("people", 1, SNAPPY), people().encode(SNAPPY))
        .file(&full_load_key("people", 2, SNAPPY), people().without_rows().encode(SNAPPY));
    shop.run(["mask"]).ok();
    let rows: Vec<_> = shop.masked_rows("people");
    assert_eq!(rows, masked_people());
}

fn contacts() -> ArrayRef {
    let mails: ArrayRef = Arc::new(StringArray::from(vec![Some("a@example.org"), None, Some("c@example.org")]));
    let field = Arc::new(Field::new("mail", DataType::Utf8, true));
    Arc::new(StructArray::from(vec![(field, mails)]))
}

#[test]
fn a_nested_column_is_hidden_whole_or_kept_whole() {
    let tags = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for entry in [Some(("k", "v")), None, Some(("k", "w"))] {
        if let Some((key, value)) = entry {
            map.keys().append_value(key);
            map.values().append_value(value);
        }
        map.append(entry.is_some()).unwrap();
    }
    let table =
        people().column("contact", contacts()).column("tags", Arc::new(tags)).column("notes", Arc::new(map.finish()));
    let shop = shop("people/a.parquet", table.encode(SNAPPY))
        .reported("people", &[("EMAIL_ADDRESS", "$.contact.mail")])
        .settings("tags = \"keep\"\nnotes = \"mask_null\"");
    shop.run(["mask"]).ok();
    let batches = shop.masked("people");
    let batch = batches.values().next().unwrap();
    let raw = table.batch();
    for name in ["contact", "tags", "notes"] {
        let (masked, raw) = (batch.column_by_name(name).unwrap(), raw.column_by_name(name).unwrap());
        assert_eq!(masked.data_type(), raw.data_type(), "{name} keeps its type");
        if name == "tags" {
            assert_eq!(masked, raw);
        } else {
            assert_eq!(masked.null_count(), 3, "{name} is hidden");
        }
    }
    let explained = shop.run(["plan", "--explain"]).ok().stdout();
    assert!(explained.contains("contact.mail") && explained.contains("hidden whole"), "{explained}");
    shop.run(["verify"]).ok();
}

#[test]
fn every_plain_type_has_one_text_to_hash() {
    let dictionary: DictionaryArray<Int32Type> = [Some("red"), None, Some("red")].into_iter().collect();
    let table = Table::new()
        .column("date", Arc::new(Date32Array::from(vec![Some(0), None, Some(20_000)])))
        .column("at", Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None, Some(0)])))
        .column(
            "price",
            Arc::new(Decimal128Array::from(vec![Some(500), None, Some(-5)]).with_precision_and_scale(9, 2).unwrap()),
        )
        .boolean("flag", [Some(true), None, Some(false)])
        .column("color", Arc::new(dictionary))
        .double("score", [Some(5.0), None, Some(-0.25)])
        .column("code", Arc::new(Int32Array::from(vec![Some(5), None, Some(-7)])));
    let columns = ["date", "at", "price", "flag", "color", "score", "code"];
    let paths: Vec<String> = columns.iter().map(|name| format!("$.{name}")).collect();
    let reported: Vec<(&str, &str)> = paths.iter().map(|path| ("NAME", path.as_str())).collect();
    let shop = Shop::new().file("t/a.parquet", table.encode(SNAPPY)).reported("t", &reported);
    shop.run(["mask"]).ok();
    let batches = shop.masked("t");
    let rows = crate::support::lake::rows(batches.values().next().unwrap());
    let expect = |values: [&str; 7]| -> Vec<Option<String>> { values.iter().map(|value| token(value)).collect() };
    assert_eq!(rows[0], expect(["1970-01-01", "1970-01-01T00:00:00.000001", "5", "true", "red", "5", "5"]));
    assert_eq!(rows[1], vec![None; 7]);
    shop.run(["verify"]).ok();
}

#[test]
fn files_may_differ_in_the_order_of_their_columns() {
    let turned = Table::new().texts("name", [Some("Ada")]).bigint("id", [Some(9)]);
    let shop = shop("people/a.parquet", people().encode(SNAPPY)).file("people/b.parquet", turned.encode(SNAPPY));
    shop.run(["mask"]).ok();
    assert_eq!(shop.cell("SELECT name FROM dataset_masked.people WHERE id = 9"), token("Ada").unwrap());
    assert_eq!(shop.cell("SELECT count(*) FROM dataset_masked.people"), "4");
    shop.run(["verify"]).ok();
}

#[test]
fn merged_schemas_read_the_union_with_null_for_what_is_missing() {
    let other = Table::new().int("id", [Some(9)]).texts("name", [Some("Ada")]).texts("city", [Some("Oslo")]);
    let mut shop = shop("people/a.parquet", people().encode(SNAPPY)).file("people/b.parquet", other.encode(SNAPPY));
    let refused = shop.run(["mask"]).expect_code(1);
    for said in ["people/a.parquet", "people/b.parquet", "merge_schemas"] {
        assert!(refused.stderr().contains(said), "{}", refused.transcript());
    }
    shop.change_settings("location = \"lake\"", "location = \"lake\"\nmerge_schemas = true");
    shop.add_settings("city = \"keep\"");
    shop.run(["mask"]).ok();
    let read = shop.query("SELECT id, city FROM dataset_masked.people ORDER BY id");
    assert_eq!(read, ["id,city", "1,", "2,", "3,", "9,Oslo"]);
    shop.run(["verify"]).ok();
}

#[test]
fn dictionaries_in_a_file_stay_dictionaries() {
    let values: DictionaryArray<Int32Type> = (0..100).map(|n| Some(if n % 2 == 0 { "a" } else { "b" })).collect();
    let table = Table::new().column("name", Arc::new(values));
    let shop = Shop::new()
        .file("t/a.parquet", table.encode(Format::Parquet(Compression::UNCOMPRESSED)))
        .reported("t", &[("NAME", "$.name")]);
    shop.run(["mask"]).ok();
    let distinct: BTreeSet<_> = shop.masked_column("t", "name").into_iter().collect();
    assert_eq!(distinct, BTreeSet::from([token("a"), token("b")]));
}

#[test]
fn an_array_of_structs_is_hidden_whole() {
    let fields = Fields::from(vec![Field::new("mail", DataType::Utf8, true)]);
    let item = Arc::new(Field::new("item", DataType::Struct(fields), true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 1, 0]);
    let list = ListArray::new(item, offsets, contacts(), None);
    let shop = shop("people/a.parquet", people().column("contacts", Arc::new(list)).encode(SNAPPY))
        .reported("people", &[("EMAIL_ADDRESS", "$.contacts.list[0].element.mail")]);
    shop.run(["mask"]).ok();
    let batches = shop.masked("people");
    assert_eq!(batches.values().next().unwrap().column_by_name("contacts").unwrap().null_count(), 3);
}
