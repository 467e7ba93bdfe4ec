//! One value, one token: types, encodings, literals, slices and dictionaries agree.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, DictionaryArray, Int32Array, Int64Array, LargeStringArray, RecordBatch,
    StringArray, new_empty_array,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Field, Fields, Int8Type, Int32Type, IntervalUnit, TimeUnit, UInt16Type, UnionFields, UnionMode,
};
use datafusion::common::ScalarValue;

use crate::support::{cell, function, mask, mask_literal, rows, run, session, text_calls, texts};

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn dictionary(keys: DataType, values: DataType) -> DataType {
    DataType::Dictionary(Box::new(keys), Box::new(values))
}

/// A text, and expressions of other types whose canonical text it is.
const SAME: [(&str, &[&str]); 12] = [
    (
        "'5'",
        &[
            "CAST(5 AS TINYINT)",
            "CAST(5 AS SMALLINT)",
            "CAST(5 AS INT)",
            "CAST(5 AS BIGINT)",
            "CAST(5 AS TINYINT UNSIGNED)",
            "CAST(5 AS SMALLINT UNSIGNED)",
            "CAST(5 AS INT UNSIGNED)",
            "CAST(5 AS BIGINT UNSIGNED)",
            "CAST(5 AS DECIMAL(9, 2))",
            "CAST(5 AS DECIMAL(38, 0))",
            "arrow_cast(5, 'Decimal32(5, 2)')",
            "arrow_cast(5, 'Decimal64(9, 2)')",
            "arrow_cast(5, 'Decimal256(60, 20)')",
            "CAST(5 AS FLOAT)",
            "CAST(5 AS DOUBLE)",
            "arrow_cast(5, 'Float16')",
            "X'35'",
            "arrow_cast('5', 'Utf8View')",
            "arrow_cast('5', 'LargeUtf8')",
            "arrow_cast('5', 'Dictionary(Int8, Utf8)')",
            "arrow_cast(5, 'Dictionary(Int32, Int64)')",
        ],
    ),
    ("'5.25'", &["CAST(5.25 AS DECIMAL(9, 4))", "CAST(5.25 AS DOUBLE)", "CAST(5.25 AS FLOAT)"]),
    ("'0.1'", &["CAST(0.1 AS FLOAT)", "CAST(0.1 AS DOUBLE)", "CAST(0.1 AS DECIMAL(5, 3))"]),
    ("'0'", &["0", "-0.0", "CAST(0 AS DECIMAL(9, 2))"]),
    ("'true'", &["true", "arrow_cast('true', 'Boolean')"]),
    ("'2024-01-31'", &["DATE '2024-01-31'", "arrow_cast(DATE '2024-01-31', 'Date64')"]),
    (
        "'2024-01-31T10:20:30.5'",
        &[
            "arrow_cast('2024-01-31T10:20:30.5', 'Timestamp(Millisecond, None)')",
            "arrow_cast('2024-01-31T10:20:30.5', 'Timestamp(Microsecond, None)')",
            "arrow_cast('2024-01-31T10:20:30.5', 'Timestamp(Nanosecond, None)')",
            "TIMESTAMP '2024-01-31 10:20:30.5'",
        ],
    ),
    (
        "'2024-01-31T10:20:30Z'",
        &[
            "arrow_cast('2024-01-31T10:20:30Z', 'Timestamp(Second, Some(\"UTC\"))')",
            "arrow_cast('2024-01-31T10:20:30Z', 'Timestamp(Nanosecond, Some(\"+00:00\"))')",
            "arrow_cast('2024-01-31T11:20:30+01:00', 'Timestamp(Millisecond, Some(\"+01:00\"))')",
        ],
    ),
    (
        "'10:20:30.25'",
        &["arrow_cast('10:20:30.25', 'Time32(Millisecond)')", "arrow_cast('10:20:30.25', 'Time64(Nanosecond)')"],
    ),
    ("'alice'", &["X'616c696365'", "arrow_cast('alice', 'BinaryView')", "arrow_cast('alice', 'LargeBinary')"]),
    ("'NaN'", &["CAST('NaN' AS DOUBLE)", "-CAST('NaN' AS FLOAT)"]),
    ("'-Infinity'", &["CAST('-inf' AS DOUBLE)", "CAST('-inf' AS FLOAT)"]),
];

#[test]
fn equal_values_of_different_types_give_equal_tokens() {
    let context = session();
    for (text, same) in SAME {
        for function in ["salt_hash", "hmac_hash"] {
            let expected = cell(&context, &format!("SELECT {function}({text})")).unwrap();
            for value in same {
                let literal = cell(&context, &format!("SELECT {function}({value})")).unwrap();
                assert_eq!(literal, expected, "{function}: {text} and {value}");
                let column = format!("SELECT {function}(c) FROM (SELECT {value} AS c UNION ALL SELECT {value}) AS t");
                for row in rows(&context, &column).unwrap() {
                    assert_eq!(row[0], expected, "{function}: {text} and a column of {value}");
                }
            }
        }
    }
}

#[test]
fn different_values_give_different_tokens() {
    let context = session();
    let values = [
        "''",
        "'5'",
        "' 5'",
        "'05'",
        "'5.0'",
        "'Alice'",
        "'alice'",
        "'alice '",
        "true",
        "DATE '2024-01-31'",
        "TIMESTAMP '2024-01-31 00:00:00'",
        "arrow_cast('2024-01-31T00:00:00Z', 'Timestamp(Second, Some(\"UTC\"))')",
        "arrow_cast(9223372036854775807, 'Timestamp(Second, None)')",
        "arrow_cast(9223372036854775806, 'Timestamp(Second, None)')",
        "arrow_cast(-9223372036854775807, 'Timestamp(Second, None)')",
        "arrow_cast(arrow_cast(2147483647, 'Int32'), 'Date32')",
        "arrow_cast(arrow_cast(2147483646, 'Int32'), 'Date32')",
    ];
    let mut tokens: Vec<String> =
        values.iter().map(|value| cell(&context, &format!("SELECT salt_hash({value})")).unwrap()).collect();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), values.len());
}

#[test]
fn a_dictionary_stays_one_and_is_masked_by_distinct_value() {
    let source: DictionaryArray<Int8Type> = [Some("bob"), None, Some("alice"), Some("bob")].into_iter().collect();
    let values = source.values().len();
    let column: ArrayRef = Arc::new(source);
    let plain = cast(&column, &DataType::Utf8).unwrap();
    for (function, extra) in text_calls() {
        let masked = mask(&function, &column, &extra).unwrap();
        assert_eq!(masked.data_type(), &dictionary(DataType::Int8, DataType::Utf8), "{}", function.name());
        assert_eq!(texts(&masked), texts(&mask(&function, &plain, &extra).unwrap()), "{}", function.name());
        assert!(masked.as_dictionary::<Int8Type>().values().len() <= values, "{}", function.name());
    }
}

#[test]
fn a_large_dictionary_is_masked_only_where_a_batch_uses_it() {
    let values: ArrayRef = Arc::new((0..50_000).map(|number| Some(number.to_string())).collect::<StringArray>());
    let keys = Int32Array::from(vec![Some(40_000), None, Some(7)]);
    let column: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values).unwrap());
    let function = function("salt_hash");
    let masked = mask(&function, &column, &[]).unwrap();
    let expected = mask(&function, &strings(&[Some("40000"), None, Some("7")]), &[]).unwrap();
    assert_eq!(texts(&masked), texts(&expected));
    let hashed = masked.as_dictionary::<Int32Type>().values();
    assert_eq!(hashed.len() - hashed.null_count(), 2);
}

#[test]
fn a_dictionary_may_hold_null_values_and_equal_values() {
    let values = strings(&[Some("alice"), None, Some("alice")]);
    let keys = Int32Array::from(vec![Some(0), Some(1), Some(2), None]);
    let column: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values).unwrap());
    for (function, extra) in text_calls() {
        let masked = texts(&mask(&function, &column, &extra).unwrap());
        let expected = mask(&function, &strings(&[Some("alice"), None, Some("alice"), None]), &extra).unwrap();
        assert_eq!(masked, texts(&expected), "{}", function.name());
    }
}

#[test]
fn garbage_behind_nulls_is_never_read() {
    let valid = NullBuffer::from(vec![true, false, true]);
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, 1, 7, 8]));
    let text: ArrayRef =
        Arc::new(StringArray::try_new(offsets, Buffer::from(b"aSECRETb"), Some(valid.clone())).unwrap());
    let binary = cast(&text, &DataType::Binary).unwrap();
    assert_eq!(binary.as_any().downcast_ref::<BinaryArray>().unwrap().value_data(), b"aSECRETb");
    // Keys behind a NULL may point anywhere.
    let keys = Int32Array::try_new(vec![0, i32::MIN, 1].into(), Some(valid.clone())).unwrap();
    let wild = DictionaryArray::<Int32Type>::try_new(keys, strings(&[Some("a"), Some("b")])).unwrap();
    let number: ArrayRef = Arc::new(Int64Array::try_new(vec![1, i64::MIN, 2].into(), Some(valid)).unwrap());
    for (function, extra) in text_calls() {
        let expected = mask(&function, &strings(&[Some("a"), None, Some("b")]), &extra).unwrap();
        let wild: ArrayRef = Arc::new(wild.clone());
        for column in [&text, &binary, &wild] {
            let masked = mask(&function, column, &extra).unwrap();
            assert_eq!(texts(&masked), texts(&expected), "{} of {}", function.name(), column.data_type());
            if let Some(plain) = masked.as_string_opt::<i32>() {
                assert!(!String::from_utf8_lossy(plain.value_data()).contains("SECRET"));
            }
        }
        assert_eq!(mask(&function, &number, &extra).unwrap().null_count(), 1, "{}", function.name());
    }
}

#[test]
fn columns_without_rows_and_without_values() {
    let types = [
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Int64,
        DataType::Boolean,
        DataType::Null,
        DataType::FixedSizeBinary(0),
        DataType::FixedSizeBinary(16),
        DataType::Decimal256(76, -4),
        DataType::Timestamp(TimeUnit::Second, Some("Europe/Berlin".into())),
        dictionary(DataType::UInt64, DataType::LargeUtf8),
        dictionary(DataType::Int8, DataType::Date32),
    ];
    for data_type in types {
        let null = ScalarValue::try_from(&data_type).unwrap();
        for (function, extra) in text_calls() {
            let name = function.name();
            assert_eq!(mask(&function, &new_empty_array(&data_type), &extra).unwrap().len(), 0);
            let nulls = arrow::array::new_null_array(&data_type, 3);
            assert_eq!(texts(&mask(&function, &nulls, &extra).unwrap()), [const { None::<String> }; 3], "{name}");
            assert!(mask_literal(&function, null.clone(), &extra).unwrap().is_null(), "{name} of {data_type}");
        }
    }
}

/// Types that no function reads but `mask_null` and `mask_redact`.
fn nested_types() -> Vec<DataType> {
    let item = |nullable| Arc::new(Field::new("item", DataType::Utf8, nullable));
    let fields = Fields::from(vec![Field::new("a", DataType::Int32, false), Field::new("b", DataType::Utf8, true)]);
    let key = Field::new("key", DataType::Utf8, false);
    let entries = DataType::Struct(Fields::from(vec![key, Field::new("value", DataType::Int32, true)]));
    let members = [(0, Arc::new(Field::new("a", DataType::Int32, true))), (1, item(true))];
    let run_ends = Arc::new(Field::new("run_ends", DataType::Int32, false));
    vec![
        DataType::List(item(true)),
        DataType::LargeList(item(false)),
        DataType::FixedSizeList(item(true), 2),
        DataType::FixedSizeList(item(false), 2),
        DataType::ListView(item(true)),
        DataType::Struct(fields.clone()),
        DataType::List(Arc::new(Field::new("item", DataType::Struct(fields), true))),
        DataType::Map(Arc::new(Field::new("entries", entries, false)), false),
        DataType::Union(members.iter().cloned().collect::<UnionFields>(), UnionMode::Dense),
        DataType::Union(members.iter().cloned().collect::<UnionFields>(), UnionMode::Sparse),
        DataType::RunEndEncoded(run_ends, Arc::new(Field::new("values", DataType::Utf8, true))),
        DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::Duration(TimeUnit::Second),
        dictionary(DataType::Int8, DataType::Utf8),
        dictionary(DataType::Int8, DataType::List(item(true))),
    ]
}

#[test]
fn mask_null_and_mask_redact_take_every_type() {
    let mask_null = function("mask_null");
    let redact = function("mask_redact");
    for data_type in nested_types() {
        for rows in [0, 3] {
            let column = arrow::array::new_null_array(&data_type, rows);
            let masked = mask(&mask_null, &column, &[]).unwrap();
            assert_eq!(masked.data_type(), &data_type);
            assert_eq!(masked.logical_null_count(), rows, "{data_type}");
            assert_eq!(mask(&redact, &column, &[]).unwrap().logical_null_count(), rows, "{data_type}");
            if rows > 0 {
                let scalar = ScalarValue::try_from_array(&column, 0);
                assert!(scalar.is_err() || mask_literal(&mask_null, scalar.unwrap(), &[]).unwrap().is_null());
            }
        }
    }
}

#[test]
fn mask_null_hides_what_was_there() {
    let context = session();
    run(&context, "CREATE TABLE t AS SELECT [1, 2] AS l, named_struct('a', 'b') AS s, MAP {'k': 1} AS m, 5 AS n")
        .unwrap();
    let batches =
        run(&context, "SELECT mask_null(l) AS l, mask_null(s) AS s, mask_null(m) AS m, mask_null(n) AS n FROM t");
    let batch: RecordBatch = batches.unwrap().remove(0);
    let source: RecordBatch = run(&context, "SELECT * FROM t").unwrap().remove(0);
    for (masked, source) in batch.columns().iter().zip(source.columns()) {
        assert_eq!(masked.data_type(), source.data_type());
        assert_eq!(masked.logical_null_count(), 1);
    }
}

#[test]
fn redacting_a_dictionary_leaves_no_trace_of_which_cells_were_equal() {
    let source: DictionaryArray<UInt16Type> = [Some("a"), Some("b"), None, Some("a")].into_iter().collect();
    let column: ArrayRef = Arc::new(source);
    let masked = mask(&function("mask_redact"), &column, &[]).unwrap();
    let masked = masked.as_dictionary::<UInt16Type>();
    assert_eq!(masked.values().len(), 1);
    let keys: Vec<Option<u16>> = masked.keys().iter().collect();
    assert_eq!(keys, [Some(0), Some(0), None, Some(0)]);
}

#[test]
fn large_text_columns_give_the_same_tokens() {
    let values = vec![Some("alice"), None, Some("")];
    let large: ArrayRef = Arc::new(LargeStringArray::from(values.clone()));
    for (function, extra) in text_calls() {
        let expected = mask(&function, &strings(&values), &extra).unwrap();
        assert_eq!(&mask(&function, &large, &extra).unwrap(), &expected);
        assert_eq!(expected.data_type(), &DataType::Utf8);
    }
}
