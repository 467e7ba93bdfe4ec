//! What holds for every function: nothing panics, a literal and a column agree, NULL gives NULL.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, TimestampMicrosecondArray};
use arrow::array::{ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray};
use arrow::datatypes::Field;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use proptest::prelude::*;

use super::row::{Kind, Spec, functions};
use super::{FAMILIES, SECTIONS, list, map, scalar, templates};

/// Texts that have meant trouble before, and any others.
fn texts() -> impl Strategy<Value = Option<String>> {
    let usual = [
        "",
        "day",
        "month",
        "%Y-%m-%d",
        "%f%j%r",
        "yyyy-MM-dd'T'HH:mm",
        "2020-02-30",
        "2020-W53-7",
        "a=1;b=2",
        ";",
        "=",
        "$.a[0]",
        "$['",
        "{\"a\": [1, {}]}",
        "[1, \"x\"]",
        "http://u@h:1/p?q=%41#f",
        "%zz",
        "\u{1F600}é",
        "(",
        "\\d+",
        "((a)|b)*",
        "-7",
        "zz",
        "9223372036854775808",
        "NaN",
        "'",
        "''",
        "MFRGG===",
        "YWJj",
        "0x",
        "+18:00",
        "\u{0}",
    ];
    prop_oneof![
        1 => Just(None),
        6 => proptest::sample::select(usual.to_vec()).prop_map(|text| Some(text.to_owned())),
        3 => any::<String>().prop_map(Some),
    ]
}

fn ints() -> impl Strategy<Value = Option<i64>> {
    let edges = [0, 1, -1, 2, 7, 16, 36, 64, 100, i64::MAX, i64::MIN, i64::from(i32::MAX), -62_135_596_800_000_000];
    prop_oneof![1 => Just(None), 6 => proptest::sample::select(edges.to_vec()).prop_map(Some), 3 => any::<i64>().prop_map(Some)]
}

fn doubles() -> impl Strategy<Value = Option<f64>> {
    let edges = [0.0, -0.0, 1.5, -1e300, f64::MAX, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 9.3e18];
    prop_oneof![1 => Just(None), 6 => proptest::sample::select(edges.to_vec()).prop_map(Some), 3 => any::<f64>().prop_map(Some)]
}

/// What the columns of a batch are made of.
#[derive(Clone, Debug)]
struct Seeds {
    texts: Vec<Option<String>>,
    ints: Vec<Option<i64>>,
    doubles: Vec<Option<f64>>,
}

const ROWS: usize = 4;

/// The most arguments of a function.
const WIDTH: usize = 5;

fn seeds() -> impl Strategy<Value = Seeds> {
    let count = ROWS * WIDTH;
    (
        proptest::collection::vec(texts(), count),
        proptest::collection::vec(ints(), count),
        proptest::collection::vec(doubles(), count),
    )
        .prop_map(|(texts, ints, doubles)| Seeds { texts, ints, doubles })
}

impl Seeds {
    fn column(&self, kind: Kind, place: usize) -> ArrayRef {
        let of = place * ROWS..(place + 1) * ROWS;
        let (texts, ints, doubles) = (&self.texts[of.clone()], &self.ints[of.clone()], &self.doubles[of]);
        let small = |value: &Option<i64>| value.map(|value| i32::try_from(value % 20_000).unwrap());
        match kind {
            Kind::Text | Kind::Any => Arc::new(texts.iter().cloned().collect::<StringArray>()),
            Kind::Int => Arc::new(ints.iter().copied().collect::<Int64Array>()),
            Kind::Double => Arc::new(doubles.iter().copied().collect::<Float64Array>()),
            Kind::Bool => Arc::new(ints.iter().map(|value| value.map(|value| value > 0)).collect::<BooleanArray>()),
            Kind::Bytes => {
                Arc::new(texts.iter().map(|text| text.as_ref().map(String::as_bytes)).collect::<BinaryArray>())
            }
            Kind::Date => Arc::new(ints.iter().map(small).collect::<Date32Array>()),
            Kind::Moment => Arc::new(ints.iter().copied().collect::<TimestampMicrosecondArray>()),
            Kind::List | Kind::Texts => {
                let rows = texts.iter().map(|text| text.as_ref().map(|text| vec![Some(text.clone()), None]));
                list::of_texts(rows.collect()).unwrap()
            }
            Kind::Map => {
                let rows: Vec<_> =
                    texts.iter().map(|text| text.as_ref().map(|text| vec![(text.as_str(), "v")])).collect();
                map::of_texts(&rows, map::Twice::First, &|| Ok(())).unwrap()
            }
        }
    }
}

/// Calls a function; None if it fails, or does not take such lists.
fn called(function: &ScalarUDF, args: Vec<ColumnarValue>, rows: usize) -> Option<ArrayRef> {
    let fields: Vec<_> = args.iter().map(|arg| Arc::new(Field::new("a", arg.data_type(), true))).collect();
    let scalars = vec![None; args.len()];
    let return_field =
        function.return_field_from_args(ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &scalars }).ok()?;
    let gives = return_field.data_type().clone();
    let config_options = Arc::default();
    let made = function
        .invoke_with_args(ScalarFunctionArgs {
            args,
            arg_fields: fields,
            number_rows: rows,
            return_field,
            config_options,
        })
        .ok()?;
    let made = made.into_array(rows).unwrap();
    assert_eq!(*made.data_type(), gives, "{}", function.name());
    assert_eq!(made.len(), rows, "{}", function.name());
    Some(made)
}

fn check(spec: &'static Spec, seeds: &Seeds) {
    for way in spec.takes {
        let columns: Vec<ArrayRef> = way.iter().enumerate().map(|(place, kind)| seeds.column(*kind, place)).collect();
        for function in functions(spec) {
            let whole = called(&function, columns.iter().cloned().map(ColumnarValue::Array).collect(), ROWS);
            for row in 0..ROWS {
                let scalars = columns.iter().map(|column| ScalarValue::try_from_array(column, row).unwrap());
                let scalars: Vec<_> = scalars.map(ColumnarValue::Scalar).collect();
                let one = called(&function, scalars, 1);
                if let (Some(whole), Some(one)) = (&whole, one) {
                    let (left, right) = (whole.slice(row, 1), one);
                    let same = format!("{left:?}") == format!("{right:?}");
                    assert!(same, "{}: {left:?} is not {right:?}", function.name());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_panics_and_a_literal_and_a_column_agree(seeds in seeds()) {
        for spec in FAMILIES.iter().copied().flatten() {
            check(spec, &seeds);
        }
    }
}

#[test]
fn null_gives_null() {
    // The type of NULL is known.
    for spec in FAMILIES.iter().copied().flatten().filter(|spec| spec.name != "typeof") {
        for way in spec.takes {
            let seeds = Seeds { texts: vec![None; 20], ints: vec![None; 20], doubles: vec![None; 20] };
            let columns: Vec<_> = way.iter().map(|kind| ColumnarValue::Array(seeds.column(*kind, 0))).collect();
            for function in functions(spec) {
                if let Some(made) = called(&function, columns.clone(), ROWS) {
                    assert_eq!(made.logical_null_count(), ROWS, "{}", function.name());
                }
            }
        }
    }
}

/// Functions that only spellings call. Whatever is neither listed nor here was forgotten in the list.
#[test]
fn every_function_is_listed_or_stands_behind_a_spelling() {
    let listed: BTreeSet<&str> =
        SECTIONS.iter().flat_map(|section| section.functions).map(|listed| listed.name).collect();
    let spelt: String = templates::TEMPLATES.iter().map(|template| template.spelt).collect();
    let behind = |name: &str| {
        spelt.contains(&format!("{name}("))
            || name.starts_with("unnest_part_")
            || ["json_of", "hex_of_bytes", "byte_length", "moment_of_unixtime", "json_format"].contains(&name)
    };
    for function in scalar() {
        let name = function.name();
        let name = name.strip_prefix("try_").unwrap_or(name);
        assert!(listed.contains(name) || behind(name), "{name}");
    }
}
