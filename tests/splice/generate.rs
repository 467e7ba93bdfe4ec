//! Random tables: every type that Parquet files have, every way to write them.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Float32Array, Float64Array,
    Int32Builder, Int64Array, Int64Builder, LargeStringArray, ListBuilder, MapBuilder, RecordBatch, StringArray,
    StringBuilder, StringViewArray, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int8Type, Int32Type, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};

use super::super::support::lake::codecs;

/// Begins every value that must not survive, in rows and in metadata.
pub(super) const CANARY: &str = "raw-secret";

/// A source file with what is in it.
pub(super) struct Source {
    pub(super) batch: RecordBatch,
    pub(super) bytes: Vec<u8>,
    /// How it was written, for messages.
    pub(super) written: String,
}

/// The text of a row's secret; a few share one, some have none.
pub(super) fn secret(row: usize) -> Option<String> {
    (row % 11 != 3).then(|| format!("{CANARY}-{:05}", row / 2))
}

/// A table with `id`, `secret`, `redacted`, `nulled`, `gone` and some kept columns of random types.
pub(super) fn table(chance: &mut StdRng, rows: usize, kept: usize) -> RecordBatch {
    let id: ArrayRef = Arc::new((0..rows).map(|row| i64::try_from(row).ok()).collect::<Int64Array>());
    let raw: ArrayRef = Arc::new((0..rows).map(secret).collect::<StringArray>());
    let encoded = match chance.random_range(0..4) {
        0 => DataType::Utf8,
        1 => DataType::LargeUtf8,
        2 => DataType::Utf8View,
        _ => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
    };
    let mut columns = vec![
        ("id".to_owned(), id),
        ("secret".to_owned(), cast(&raw, &encoded).unwrap()),
        ("redacted".to_owned(), Arc::clone(&raw)),
        ("nulled".to_owned(), Arc::clone(&raw)),
        ("gone".to_owned(), raw),
    ];
    for number in 0..kept {
        let kind = chance.random_range(0..KINDS);
        columns.insert(chance.random_range(0..=columns.len()), (format!("kept {number}"), array(chance, kind, rows)));
    }
    batch(columns)
}

/// A table with one kept column of every kind.
pub(super) fn table_of_every_kind(chance: &mut StdRng, rows: usize) -> RecordBatch {
    let mut columns: Vec<(String, ArrayRef)> =
        (0..KINDS).map(|kind| (format!("kept {kind}"), array(chance, kind, rows))).collect();
    let base = table(chance, rows, 0);
    for (field, column) in base.schema().fields().iter().zip(base.columns()) {
        columns.push((field.name().clone(), Arc::clone(column)));
    }
    batch(columns)
}

fn batch(columns: Vec<(String, ArrayRef)>) -> RecordBatch {
    let metadata = [("note".to_owned(), format!("{CANARY} in the metadata of a field"))];
    let (fields, arrays): (Vec<_>, Vec<_>) = columns
        .into_iter()
        .map(|(name, values)| {
            (Field::new(name, values.data_type().clone(), true).with_metadata(metadata.clone().into()), values)
        })
        .unzip();
    let schema = Schema::new(fields).with_metadata([("pandas".to_owned(), format!("{CANARY} of the schema"))].into());
    RecordBatch::try_new(Arc::new(schema), arrays).unwrap()
}

/// How many kinds of columns [`array`] makes.
const KINDS: usize = 33;

/// Integers that any type can be made of.
fn numbers(chance: &mut StdRng, rows: usize, most: i64) -> ArrayRef {
    let mut number = || (!chance.random_ratio(1, 7)).then(|| chance.random_range(0..most));
    Arc::new((0..rows).map(|_| number()).collect::<Int64Array>())
}

fn words(chance: &mut StdRng, rows: usize) -> Vec<Option<String>> {
    let mut word = || {
        let text =
            ["", "a", "å ∆", "longer text of some bytes", "\u{0}", "\"quoted\", 'so'"][chance.random_range(0..6)];
        (!chance.random_ratio(1, 6)).then(|| format!("{text}{}", chance.random_range(0..40)))
    };
    (0..rows).map(|_| word()).collect()
}

fn array(chance: &mut StdRng, kind: usize, rows: usize) -> ArrayRef {
    use DataType as D;
    let utc: Arc<str> = "UTC".into();
    let zone: Arc<str> = "+02:00".into();
    let made = |array: ArrayRef, data_type: &DataType| cast(&array, data_type).unwrap();
    // Seconds of the year 2001 and later, as numbers of the unit.
    let instants = |chance: &mut StdRng, unit: i64| {
        let values = numbers(chance, rows, 500_000_000);
        let values = values.as_any().downcast_ref::<Int64Array>().unwrap();
        Arc::new(
            values.unary::<_, arrow::datatypes::Int64Type>(|seconds| (seconds + 1_000_000_000) * unit + seconds % unit),
        ) as ArrayRef
    };
    match kind {
        0 => made(numbers(chance, rows, 127), &D::Int8),
        1 => made(numbers(chance, rows, 30_000), &D::Int16),
        2 => made(numbers(chance, rows, 1 << 31), &D::Int32),
        3 => numbers(chance, rows, i64::MAX),
        4 => made(numbers(chance, rows, 255), &D::UInt8),
        5 => made(numbers(chance, rows, 60_000), &D::UInt16),
        6 => made(numbers(chance, rows, 1 << 32), &D::UInt32),
        7 => made(numbers(chance, rows, i64::MAX), &D::UInt64),
        8 => {
            let mut number = || [f32::NAN, -0.0, 0.0, f32::INFINITY, f32::MIN, 1.5][chance.random_range(0..6)];
            Arc::new(Float32Array::from_iter_values((0..rows).map(|_| number())))
        }
        9 => {
            let mut number = || [f64::NAN, -0.0, 0.0, f64::NEG_INFINITY, f64::MAX, 0.1][chance.random_range(0..6)];
            Arc::new(Float64Array::from_iter_values((0..rows).map(|_| number())))
        }
        10 => Arc::new(StringArray::from(words(chance, rows))),
        11 => Arc::new(LargeStringArray::from(words(chance, rows))),
        12 => Arc::new(StringViewArray::from_iter(words(chance, rows))),
        13 => Arc::new(words(chance, rows).iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>()),
        14 => {
            let few = (0..rows).map(|row| ["x", "y", "z"].get(row % 4).copied());
            Arc::new(few.collect::<DictionaryArray<Int8Type>>())
        }
        15 => made(numbers(chance, rows, 1_000_000), &D::Decimal128(20, 3)),
        16 => made(numbers(chance, rows, 1_000_000), &D::Decimal128(38, 2)),
        17 => made(instants(chance, 1), &D::Timestamp(TimeUnit::Second, None)),
        18 => made(instants(chance, 1_000), &D::Timestamp(TimeUnit::Millisecond, Some(utc))),
        19 => made(instants(chance, 1_000_000), &D::Timestamp(TimeUnit::Microsecond, None)),
        20 => made(instants(chance, 1_000_000_000), &D::Timestamp(TimeUnit::Nanosecond, Some(zone))),
        21 => made(made(numbers(chance, rows, 40_000), &D::Int32), &D::Date32),
        22 => made(made(made(numbers(chance, rows, 40_000), &D::Int32), &D::Date32), &D::Date64),
        23 => made(made(numbers(chance, rows, 86_400_000), &D::Int32), &D::Time32(TimeUnit::Millisecond)),
        24 => made(numbers(chance, rows, 86_400_000_000), &D::Time64(TimeUnit::Microsecond)),
        25 => made(numbers(chance, rows, 1 << 40), &D::Duration(TimeUnit::Millisecond)),
        26 => {
            let bytes: Vec<Vec<u8>> = (0..rows).map(|row| vec![0xff; row % 5]).collect();
            Arc::new(bytes.iter().map(|bytes| (bytes.len() != 4).then_some(bytes)).collect::<BinaryArray>())
        }
        27 => {
            let mut bytes = || Some(chance.next_u64().to_be_bytes());
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size((0..rows).map(|_| bytes()), 8).unwrap())
        }
        28 => {
            Arc::new((0..rows).map(|_| (!chance.random_ratio(1, 5)).then(|| chance.random())).collect::<BooleanArray>())
        }
        29 => structs(chance, rows),
        30 => lists(chance, rows),
        31 => maps(chance, rows),
        _ => made(lists(chance, rows), &D::LargeList(Arc::new(Field::new_list_field(D::Int32, true)))),
    }
}

fn structs(chance: &mut StdRng, rows: usize) -> ArrayRef {
    let fields = vec![
        Field::new("number", DataType::Int64, true),
        Field::new("word", DataType::Utf8, true)
            .with_metadata([("note".to_owned(), format!("{CANARY} deep below"))].into()),
    ];
    let columns: Vec<ArrayRef> = vec![numbers(chance, rows, 99), Arc::new(StringArray::from(words(chance, rows)))];
    let known = (0..rows).map(|_| !chance.random_ratio(1, 5)).collect::<Vec<_>>().into();
    Arc::new(StructArray::new(fields.into(), columns, Some(known)))
}

fn lists(chance: &mut StdRng, rows: usize) -> ArrayRef {
    let mut builder = ListBuilder::new(Int32Builder::new());
    for _ in 0..rows {
        for _ in 0..chance.random_range(0..4) {
            builder.values().append_option((!chance.random_ratio(1, 4)).then(|| chance.random_range(0..9)));
        }
        builder.append(!chance.random_ratio(1, 6));
    }
    Arc::new(builder.finish())
}

fn maps(chance: &mut StdRng, rows: usize) -> ArrayRef {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for _ in 0..rows {
        for key in 0..chance.random_range(0..3) {
            builder.keys().append_value(format!("key {key}"));
            builder.values().append_option(chance.random_bool(0.8).then_some(key));
        }
        builder.append(true).unwrap();
    }
    Arc::new(builder.finish())
}

/// Writes a table in a random way, in row groups of `group` rows.
pub(super) fn write(chance: &mut StdRng, batch: RecordBatch, group: usize) -> Source {
    let (name, codec) = codecs()[chance.random_range(0..codecs().len())];
    let statistics =
        [EnabledStatistics::None, EnabledStatistics::Chunk, EnabledStatistics::Page][chance.random_range(0..3)];
    let version = if chance.random() { WriterVersion::PARQUET_1_0 } else { WriterVersion::PARQUET_2_0 };
    let dictionary = chance.random();
    let bloom = chance.random();
    let offsets = chance.random_bool(0.7);
    let page_rows = chance.random_range(20..2_000);
    let properties = WriterProperties::builder()
        .set_compression(codec)
        .set_statistics_enabled(statistics)
        .set_writer_version(version)
        .set_dictionary_enabled(dictionary)
        .set_bloom_filter_enabled(bloom)
        .set_offset_index_disabled(!offsets)
        .set_data_page_row_count_limit(page_rows)
        .set_write_batch_size(page_rows)
        .set_max_row_group_row_count(Some(group))
        .set_key_value_metadata(Some(vec![KeyValue::new("spark".to_owned(), format!("{CANARY} of the file"))]))
        .build();
    let written = format!(
        "{} rows in groups of {group}, {name}, {statistics:?} statistics, {version:?}, dictionary {dictionary}, \
         bloom {bloom}, offsets {offsets}, {page_rows} rows a page",
        batch.num_rows()
    );
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    Source { batch, bytes, written }
}

/// Writes without compression, so that a plain search sees everything.
pub(super) fn write_plain(batch: &RecordBatch, group: usize) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_bloom_filter_enabled(true)
        .set_max_row_group_row_count(Some(group))
        .set_key_value_metadata(Some(vec![KeyValue::new("spark".to_owned(), format!("{CANARY} of the file"))]))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}
