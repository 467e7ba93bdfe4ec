//! A spliced table is what a streamed one would be: kept columns as they were, masked ones masked, nothing else.

mod generate;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::statistics::Statistics;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use self::generate::{CANARY, Source, secret, table, table_of_every_kind, write, write_plain};
use super::support::binary::Sandbox;
use super::support::hash::salt_hashes;
use super::support::lake::{read_parquet, rows};
use super::support::python;

const KEY: &str = "the key of the splicing tests";

/// A sandbox whose tables `t…` have these masks; all other columns are kept.
fn sandbox(tables: impl IntoIterator<Item = String>) -> Sandbox {
    let sandbox = Sandbox::new().with("JOIN_KEY", KEY);
    let mut settings =
        "[lake]\nlocation = \"dataset\"\n[masked]\nlocation = \"masked\"\n[plan]\nunreported = \"keep\"\n\
                        [keys.default]\nsecret = \"env:JOIN_KEY\"\nencoding = \"utf8\"\n"
            .to_owned();
    for table in tables {
        settings.push_str(&format!(
            "[columns.{table}]\nsecret = \"salt_hash\"\nredacted = \"mask_redact\"\nnulled = \"mask_null\"\n\
             gone = \"drop\"\n"
        ));
    }
    sandbox.write("saltlake.toml", settings);
    sandbox
}

/// The files of a published table, by name.
fn files(sandbox: &Sandbox, table: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![sandbox.path("masked").join(table)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// How each table of the current version was written.
fn ways(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let version = std::fs::read_link(sandbox.path("masked/versions/current")).unwrap();
    let receipt = sandbox.shelf().get(&format!("masked/_saltlake/receipts/{}.json", version.display()));
    let receipt: Value = serde_json::from_slice(&receipt).unwrap();
    let tables = receipt["tables"].as_object().unwrap().iter();
    tables.map(|(name, table)| (name.clone(), table["way"].as_str().unwrap().to_owned())).collect()
}

fn texts(column: &ArrayRef) -> Vec<Option<String>> {
    let text = cast(column, &DataType::Utf8).unwrap();
    text.as_string::<i32>().iter().map(|value| value.map(str::to_owned)).collect()
}

/// The tokens of the first rows, from Python.
fn tokens(rows: usize) -> Vec<Option<String>> {
    let secrets: Vec<Option<String>> = (0..rows).map(secret).collect();
    let known: Vec<&String> = secrets.iter().flatten().collect();
    let mut hashes = salt_hashes(&known, KEY.as_bytes()).into_iter();
    secrets.iter().map(|secret| secret.as_ref().map(|_| hashes.next().unwrap())).collect()
}

fn assert_masked(source: &RecordBatch, masked: &RecordBatch, tokens: &[Option<String>], context: &str) {
    let names: Vec<String> = source.schema().fields().iter().map(|field| field.name().clone()).collect();
    let wanted: Vec<&String> = names.iter().filter(|name| *name != "gone").collect();
    let masked_schema = masked.schema();
    let found: Vec<&String> = masked_schema.fields().iter().map(|field| field.name()).collect();
    assert_eq!(found, wanted, "{context}");
    assert_eq!(masked.num_rows(), source.num_rows(), "{context}");
    for name in wanted {
        let (before, after) = (source.column_by_name(name).unwrap(), masked.column_by_name(name).unwrap());
        match name.as_str() {
            "secret" => assert_eq!(texts(after), tokens[..source.num_rows()], "{context}"),
            "nulled" => assert_eq!(after.logical_null_count(), after.len(), "{context}"),
            "redacted" => {
                let hidden = "#".repeat(18);
                let wanted: Vec<_> = texts(before).into_iter().map(|text| text.map(|_| hidden.clone())).collect();
                assert_eq!(texts(after), wanted, "{context}");
            }
            _ => assert_eq!(without_metadata(after), without_metadata(before), "{name}: {context}"),
        }
    }
    assert!(masked_schema.metadata().is_empty(), "{context}: {:?}", masked_schema.metadata());
}

/// As texts and with the type in words, since metadata of nested fields is part of a type's equality.
fn without_metadata(array: &ArrayRef) -> (String, Vec<Option<String>>) {
    let batch = RecordBatch::try_from_iter_with_nullable([("it", Arc::clone(array), true)]).unwrap();
    let types = format!("{:?}", array.data_type());
    // `metadata: {…}` of a field, as Debug prints it.
    let mut kept = String::new();
    let mut rest = types.as_str();
    while let Some((before, after)) = rest.split_once(", metadata: {") {
        kept.push_str(before);
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    (kept, rows(&batch).into_iter().flatten().collect())
}

/// Nothing of the source's secret values, dropped columns and metadata is in the file, packed or not.
fn assert_no_canary(file: &[u8], context: &str) {
    let found = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
    assert!(!found(file), "{context}: the file's bytes");
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(file)).unwrap();
    for pair in reader.metadata().file_metadata().key_value_metadata().into_iter().flatten() {
        assert_eq!(pair.key, "ARROW:schema", "{context}: metadata that nobody needs");
        assert!(!found(&BASE64_STANDARD.decode(pair.value.as_ref().unwrap()).unwrap()), "{context}: Arrow schema");
    }
    for group in 0..reader.num_row_groups() {
        let row_group = reader.get_row_group(group).unwrap();
        for column in 0..row_group.num_columns() {
            let mut pages = row_group.get_column_page_reader(column).unwrap();
            while let Some(page) = pages.get_next_page().unwrap() {
                assert!(!found(page.buffer()), "{context}: a page of column {column}");
            }
        }
    }
}

/// Statistics and page indexes of the masked text columns hold what the mask gives, for columns that have any.
fn assert_masked_statistics(file: &[u8], tokens: &BTreeSet<String>, context: &str) {
    let options = parquet::file::serialized_reader::ReadOptionsBuilder::new()
        .with_encoding_stats_as_mask(true)
        .with_page_index()
        .build();
    let reader = SerializedFileReader::new_with_options(Bytes::copy_from_slice(file), options).unwrap();
    for row_group in reader.metadata().row_groups() {
        for column in row_group.columns().iter().filter(|column| column.column_path().string() == "secret") {
            let Some(Statistics::ByteArray(statistics)) = column.statistics() else { continue };
            for end in [statistics.min_opt(), statistics.max_opt()].into_iter().flatten() {
                let text = std::str::from_utf8(end.data()).unwrap();
                assert!(tokens.contains(text), "{context}: statistics hold {text}");
            }
        }
    }
}

/// Asks pyarrow and DuckDB whether the masked files are what their sources were.
fn assert_second_opinion(cases: &[Value]) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/splice/compare.py");
    let mut child = Command::new(python::interpreter())
        .arg("-I")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start the second opinion");
    child.stdin.take().unwrap().write_all(json!(cases).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the second opinion failed");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

/// What the second opinion needs to know of a table.
fn case(
    sandbox: &Sandbox,
    name: &str,
    source: &RecordBatch,
    file: &std::path::Path,
    tokens: &[Option<String>],
) -> Value {
    let schema = source.schema();
    let kept =
        schema.fields().iter().map(|field| field.name()).filter(|name| name.starts_with("kept") || *name == "id");
    let rows = source.num_rows();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    tokens[..rows].iter().flatten().for_each(|token| *counts.entry(token.as_str()).or_default() += 1);
    let some: BTreeMap<_, _> = counts.into_iter().step_by(1 + rows / 8).collect();
    json!({
        "name": name, "source": sandbox.path(&format!("dataset/{name}/1.parquet")), "masked": file,
        "kept": kept.collect::<Vec<_>>(), "tokens": some, "id_at_least": rows / 3,
    })
}

#[test]
fn spliced_tables_are_what_their_sources_were_to_every_reader() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let mut sources: BTreeMap<String, Source> = BTreeMap::new();
    for number in 0..24 {
        let rows = [1, 2, 700, 1_500][number % 4];
        let batch = if number == 0 { table_of_every_kind(&mut chance, 900) } else { table(&mut chance, rows, 4) };
        sources.insert(format!("t{number}"), write(&mut chance, batch, 1 << 20));
    }
    // Row groups of a size that is worth copying.
    for number in 24..26 {
        let batch = table(&mut chance, 70_000, 2);
        sources.insert(format!("t{number}"), write(&mut chance, batch, 35_000));
    }
    let sandbox = sandbox(sources.keys().cloned());
    for (name, source) in &sources {
        sandbox.write(&format!("dataset/{name}/1.parquet"), &source.bytes);
    }
    sandbox.run(["mask"]).ok();
    let ways = ways(&sandbox);
    let tokens = tokens(70_000);
    let all: BTreeSet<String> = tokens.iter().flatten().cloned().collect();
    let mut cases = Vec::new();
    for (name, source) in &sources {
        let context = format!("seed {seed}: {name}: {}", source.written);
        assert_eq!(ways[name], "spliced", "{context}");
        let files = files(&sandbox, name);
        assert_eq!(files.len(), 1, "{context}");
        let bytes = std::fs::read(&files[0]).unwrap();
        let before = read_parquet(source.bytes.clone()).unwrap();
        assert_masked(&before, &read_parquet(bytes.clone()).unwrap(), &tokens, &context);
        assert_no_canary(&bytes, &context);
        assert_masked_statistics(&bytes, &all, &context);
        cases.push(case(&sandbox, name, &source.batch, &files[0], &tokens));
    }
    assert_second_opinion(&cases);
    assert_filters_agree(&sandbox, "t25", 70_000, &tokens);
}

/// A filter that is pushed down to statistics and page indexes finds the rows that are there.
fn assert_filters_agree(sandbox: &Sandbox, table: &str, rows: usize, tokens: &[Option<String>]) {
    let token = tokens[..rows].iter().flatten().max().unwrap();
    let wanted = tokens[..rows].iter().flatten().filter(|other| *other == token).count();
    let query = format!(
        "SELECT (SELECT count(*) FROM dataset_masked.{table} WHERE secret = '{token}') AS by_token, \
         (SELECT count(*) FROM dataset_masked.{table} WHERE id >= {}) AS by_id, \
         (SELECT count(*) FROM dataset_masked.{table} WHERE secret < '0') AS none",
        rows - 5
    );
    let answer = sandbox.run(["query", &query, "--format", "json"]).ok().json();
    assert_eq!(answer, json!([{ "by_token": wanted, "by_id": 5, "none": 0 }]));
}

#[test]
fn tiny_groups_and_mixed_files_are_streamed_to_the_same_rows() {
    let mut chance = StdRng::seed_from_u64(7);
    let batch = table(&mut chance, 3_000, 5);
    let sandbox = sandbox(["whole", "tiny", "parts", "mixed"].map(str::to_owned));
    sandbox.write("dataset/whole/1.parquet", write_plain(&batch, 1 << 20));
    sandbox.write("dataset/tiny/1.parquet", write_plain(&batch, 100));
    for part in 0..10 {
        sandbox.write(&format!("dataset/parts/{part}.parquet"), write_plain(&batch.slice(part * 300, 300), 1 << 20));
    }
    // The second file has its columns in another order and a wider encoding of text.
    let (first, second) = (batch.slice(0, 1_500), batch.slice(1_500, 1_500));
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for (field, column) in second.schema().fields().iter().zip(second.columns()).rev() {
        let wide =
            if field.name() == "redacted" { cast(column, &DataType::LargeUtf8).unwrap() } else { Arc::clone(column) };
        columns.push((field.name().clone(), wide));
    }
    let second = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
    sandbox.write("dataset/mixed/1.parquet", write_plain(&first, 1 << 20));
    sandbox.write("dataset/mixed/2.parquet", write_plain(&second, 1 << 20));
    sandbox.run(["mask"]).ok();
    let wanted = [("mixed", "streamed"), ("parts", "spliced"), ("tiny", "streamed"), ("whole", "spliced")];
    assert_eq!(ways(&sandbox), wanted.map(|(name, way)| (name.to_owned(), way.to_owned())).into());
    let tokens = tokens(3_000);
    let names: Vec<String> =
        batch.schema().fields().iter().map(|field| field.name().clone()).filter(|name| name != "gone").collect();
    let rows_of = |table: &str| -> Vec<Vec<Option<String>>> {
        let mut all = Vec::new();
        for file in files(&sandbox, table) {
            let bytes = std::fs::read(&file).unwrap();
            assert_no_canary(&bytes, table);
            let read = read_parquet(bytes).unwrap();
            let order: Vec<usize> = names.iter().map(|name| read.schema().index_of(name).unwrap()).collect();
            all.extend(rows(&read.project(&order).unwrap()));
        }
        all.sort();
        all
    };
    let whole = rows_of("whole");
    assert_eq!(whole.len(), 3_000);
    for table in ["tiny", "parts", "mixed"] {
        assert!(rows_of(table) == whole, "{table}: other rows than the table that was spliced from one file");
    }
    let place = names.iter().position(|name| name == "secret").unwrap();
    let mut found: Vec<_> = whole.iter().map(|row| row[place].clone()).collect();
    found.sort();
    let mut wanted = tokens;
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn computed_columns_take_their_inputs_by_name() {
    let sandbox = sandbox([]);
    let text = |values: [&str; 2]| -> ArrayRef { Arc::new(arrow::array::StringArray::from(values.to_vec())) };
    let one = RecordBatch::try_from_iter([("a", text(["a1", "a2"])), ("b", text(["b1", "b2"]))]).unwrap();
    let two = RecordBatch::try_from_iter([("b", text(["b3", "b4"])), ("a", text(["a3", "a4"]))]).unwrap();
    sandbox.write("dataset/pair/1.parquet", write_plain(&one, 1 << 20));
    sandbox.write("dataset/pair/2.parquet", write_plain(&two, 1 << 20));
    sandbox.write(
        "pair.sql",
        "CREATE TABLE dataset_masked.pair AS SELECT concat(a, '-', b) AS ab, salt_hash(concat(a, b)) AS h FROM dataset.pair;",
    );
    sandbox.run(["run", "pair.sql"]).ok();
    assert_eq!(ways(&sandbox)["pair"], "spliced");
    let answer =
        sandbox.run(["query", "SELECT * FROM dataset_masked.pair ORDER BY ab", "--format", "json"]).ok().json();
    let hashes = salt_hashes(&["a1b1", "a2b2", "a3b3", "a4b4"], KEY.as_bytes());
    let wanted: Vec<Value> =
        hashes.iter().enumerate().map(|(n, hash)| json!({ "ab": format!("a{0}-b{0}", n + 1), "h": hash })).collect();
    assert_eq!(answer, Value::Array(wanted));
}

#[test]
fn an_empty_partitioned_table_keeps_its_columns() {
    let sandbox = sandbox(["t".to_owned()]);
    let mut chance = StdRng::seed_from_u64(3);
    sandbox.write("dataset/t/1.parquet", write_plain(&table(&mut chance, 50, 0), 1 << 20));
    sandbox.write(
        "t.sql",
        "CREATE TABLE dataset_masked.t WITH (partitioned_by = ARRAY['id']) AS \
         SELECT salt_hash(secret) AS secret, id FROM dataset.t WHERE id < 0;",
    );
    sandbox.run(["run", "t.sql"]).ok();
    let answer = sandbox.run(["query", "SELECT secret, id FROM dataset_masked.t", "--format", "csv"]).ok();
    assert_eq!(answer.stdout(), "secret,id\n");
    let version = sandbox.run(["query", "SELECT count(*) AS n FROM dataset_masked.t", "--format", "json"]).ok().json();
    assert_eq!(version, json!([{ "n": 0 }]));
    sandbox.run(["verify"]).ok();
}
