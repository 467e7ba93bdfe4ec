//! What holds for every input: nothing panics, and all ways to the same value give the same result.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Date64Array, Decimal128Array, Decimal256Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int8Array, Int64Array, StringArray, Time32MillisecondArray, Time64NanosecondArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, i256};
use datafusion::common::ScalarValue;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use saltlake_udfs::unmasked_cells;

use crate::support::{function, function_with, mask, mask_literal, text_calls, texts};

fn config() -> ProptestConfig {
    ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() }
}

/// Texts of all kinds: any characters, addresses, digits, stars, and long ones.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => ".*",
        2 => "[a-z.]{0,8}@[a-z0-9.-]{0,12}",
        2 => "[0-9]{0,20}",
        1 => "[*a🇩🇪\u{301}\u{200d}👩\r\n]{0,12}",
        1 => "[a-z]{50,400}",
    ]
}

fn any_column() -> impl Strategy<Value = Vec<Option<String>>> {
    vec(option::weighted(0.8, any_text()), 0..20)
}

fn strings(values: &[Option<String>]) -> ArrayRef {
    Arc::new(values.iter().cloned().collect::<StringArray>())
}

fn encodings() -> Vec<DataType> {
    let dictionary = |keys, values| DataType::Dictionary(Box::new(keys), Box::new(values));
    vec![
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Binary,
        DataType::LargeBinary,
        DataType::BinaryView,
        dictionary(DataType::Int8, DataType::Utf8),
        dictionary(DataType::UInt16, DataType::LargeUtf8),
        dictionary(DataType::Int32, DataType::Utf8),
        dictionary(DataType::Int64, DataType::Utf8View),
    ]
}

/// A column of each type from the same bits.
fn columns_of(bits: &[Option<i64>]) -> Vec<ArrayRef> {
    fn narrow<T>(bits: &[Option<i64>], convert: impl Fn(i64) -> T) -> Vec<Option<T>> {
        bits.iter().map(|cell| cell.map(&convert)).collect()
    }
    let bytes = |number: i64| number.to_le_bytes();
    let wide = |number: i64| i128::from(number) * i128::from(number.rotate_left(17));
    let decimal = |precision, scale| {
        Decimal128Array::from(narrow(bits, wide)).with_precision_and_scale(precision, scale).unwrap()
    };
    let decimal256 = Decimal256Array::from(narrow(bits, |number| i256::from_i128(wide(number))))
        .with_precision_and_scale(76, 70)
        .unwrap();
    let fixed = FixedSizeBinaryArray::try_from_sparse_iter_with_size(narrow(bits, bytes).into_iter(), 8).unwrap();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any bits will do")]
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int8Array::from(narrow(bits, |number| number as i8))),
        Arc::new(Int64Array::from(bits.to_vec())),
        Arc::new(UInt64Array::from(narrow(bits, |number| number as u64))),
        Arc::new(BooleanArray::from(narrow(bits, |number| number % 2 == 0))),
        Arc::new(Float32Array::from(narrow(bits, |number| f32::from_bits(number as u32)))),
        Arc::new(Float64Array::from(narrow(bits, |number| f64::from_bits(number as u64)))),
        Arc::new(decimal(38, 38)),
        Arc::new(decimal(38, 0)),
        Arc::new(decimal(38, -128)),
        Arc::new(decimal256),
        Arc::new(Date32Array::from(narrow(bits, |number| number as i32))),
        Arc::new(Date64Array::from(bits.to_vec())),
        Arc::new(Time32MillisecondArray::from(narrow(bits, |number| number as i32))),
        Arc::new(Time64NanosecondArray::from(bits.to_vec())),
        Arc::new(TimestampSecondArray::from(bits.to_vec())),
        Arc::new(TimestampMicrosecondArray::from(bits.to_vec()).with_timezone("+05:30")),
        Arc::new(TimestampNanosecondArray::from(bits.to_vec()).with_timezone("No/Such_Zone")),
        Arc::new(fixed),
    ];
    columns
}

fn any_bits() -> impl Strategy<Value = Vec<Option<i64>>> {
    let edges = prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), Just(-1), -1_000_000_i64..1_000_000];
    vec(option::weighted(0.8, prop_oneof![any::<i64>(), edges]), 1..8)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_encoding_agrees(values in any_column()) {
        let plain = strings(&values);
        for (function, extra) in text_calls() {
            let expected = texts(&mask(&function, &plain, &extra).unwrap());
            for (cell, value) in expected.iter().zip(&values) {
                prop_assert_eq!(cell.is_none(), value.is_none(), "{}: NULL stays NULL", function.name());
            }
            for encoding in encodings() {
                let column = cast(&plain, &encoding).unwrap();
                let masked = mask(&function, &column, &extra).unwrap();
                prop_assert_eq!(&texts(&masked), &expected, "{} of {}", function.name(), encoding);
                let is_dictionary = matches!(encoding, DataType::Dictionary(..));
                prop_assert_eq!(matches!(masked.data_type(), DataType::Dictionary(..)), is_dictionary);
            }
        }
    }

    #[test]
    fn slices_and_literals_agree_with_the_column(values in any_column(), start in 0_usize..20, length in 0_usize..20) {
        let plain = strings(&values);
        let start = start.min(plain.len());
        let length = length.min(plain.len() - start);
        for encoding in encodings().into_iter().chain([DataType::Utf8]) {
            let column = cast(&plain, &encoding).unwrap();
            for (function, extra) in text_calls() {
                let whole = mask(&function, &column, &extra).unwrap();
                let part = mask(&function, &column.slice(start, length), &extra).unwrap();
                prop_assert_eq!(texts(&part), texts(&whole.slice(start, length)), "{}", function.name());
                for row in start..start + length {
                    let literal = ScalarValue::try_from_array(&column, row).unwrap();
                    let masked = mask_literal(&function, literal, &extra).unwrap().to_array().unwrap();
                    prop_assert_eq!(&texts(&masked)[0], &texts(&whole)[row], "{}", function.name());
                }
            }
        }
    }

    #[test]
    fn every_type_and_every_value_is_masked(bits in any_bits()) {
        for column in columns_of(&bits) {
            for (function, extra) in text_calls() {
                let masked = mask(&function, &column, &extra).unwrap();
                prop_assert_eq!(masked.logical_null_count(), column.null_count());
                prop_assert_eq!(unmasked_cells(function.name(), &extra, &masked).unwrap(), 0);
                for row in 0..column.len() {
                    let literal = ScalarValue::try_from_array(&column, row).unwrap();
                    let output = mask_literal(&function, literal, &extra).unwrap().to_array().unwrap();
                    prop_assert_eq!(&texts(&output)[0], &texts(&masked)[row], "{}", function.name());
                }
            }
            prop_assert_eq!(mask(&function("mask_null"), &column, &[]).unwrap().null_count(), column.len());
        }
    }

    #[test]
    fn tokens_are_equal_exactly_when_values_are(one in any_text(), other in any_text()) {
        for name in ["salt_hash", "hmac_hash"] {
            let column = strings(&[Some(one.clone()), Some(other.clone()), Some(one.clone())]);
            let tokens = texts(&mask(&function(name), &column, &[]).unwrap());
            prop_assert_eq!(&tokens[0], &tokens[2]);
            prop_assert_eq!(tokens[0] == tokens[1], one == other);
            let other_key = function_with(name, &[("default", b"another key")]);
            prop_assert_ne!(&texts(&mask(&other_key, &column, &[]).unwrap())[0], &tokens[0]);
        }
    }

    #[test]
    fn integers_agree_with_their_decimal_text(number in any::<i64>()) {
        let text: ArrayRef = strings(&[Some(number.to_string())]);
        let integer: ArrayRef = Arc::new(Int64Array::from(vec![number]));
        for (function, extra) in text_calls() {
            let masked = texts(&mask(&function, &integer, &extra).unwrap());
            prop_assert_eq!(masked, texts(&mask(&function, &text, &extra).unwrap()), "{}", function.name());
        }
    }

    #[test]
    fn what_a_function_writes_has_its_shape(values in any_column(), first in 0_i64..9, last in 0_i64..9) {
        let counts = vec![ScalarValue::Int64(Some(first)), ScalarValue::Int64(Some(last))];
        let mut calls = text_calls();
        calls.push((function("mask_partial"), counts));
        for (function, extra) in calls {
            let masked = mask(&function, &strings(&values), &extra).unwrap();
            for encoding in [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View] {
                let stored = cast(&masked, &encoding).unwrap();
                prop_assert_eq!(unmasked_cells(function.name(), &extra, &stored).unwrap(), 0, "{}", function.name());
            }
        }
    }

    #[test]
    fn mask_partial_never_shows_more_than_half(text in any_text(), first in 0_i64..40, last in 0_i64..40) {
        use unicode_segmentation::UnicodeSegmentation;
        let counts = [ScalarValue::Int64(Some(first)), ScalarValue::Int64(Some(last))];
        let masked = texts(&mask(&function("mask_partial"), &strings(&[Some(text.clone())]), &counts).unwrap());
        let shown = masked[0].as_deref().unwrap();
        let all = text.graphemes(true).count();
        if shown != "****" {
            let (first, last) = (usize::try_from(first).unwrap(), usize::try_from(last).unwrap());
            prop_assert!(2 * (first + last) <= all);
            let graphemes: Vec<&str> = text.graphemes(true).collect();
            let expected = format!("{}****{}", graphemes[..first].concat(), graphemes[all - last..].concat());
            prop_assert_eq!(shown, expected);
        }
    }
}
