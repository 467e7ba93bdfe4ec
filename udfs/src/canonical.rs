//! The one text that a value has, whatever its column's type. The table stands in the crate's documentation.
//!
//! INVARIANT: total. Every value of a supported type has a text; none panics and none fails.
//! INVARIANT: a promise. A change here changes tokens and breaks joins against tables masked before it.

use std::fmt::{Display, Write};

use arrow::array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::array::{Array, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, internal_err};

use crate::calendar::{Unit, write_date, write_date_of_milliseconds, write_time, write_timestamp};

/// Whether values of this type have a canonical text. A dictionary has if its values have.
pub(crate) fn has_canonical_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_plain(values),
        other => is_plain(other),
    }
}

/// As [`has_canonical_text`], without dictionaries.
fn is_plain(data_type: &DataType) -> bool {
    use DataType as T;
    matches!(data_type, T::Null | T::Boolean | T::Utf8 | T::LargeUtf8 | T::Utf8View)
        || data_type.is_numeric() // integers, floats and decimals
        || matches!(data_type, T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_))
        || matches!(data_type, T::Date32 | T::Date64 | T::Timestamp(..) | T::Time32(_) | T::Time64(_))
}

/// Hands the canonical bytes of each cell to `visit`, in order; NULL as `None`.
///
/// A dictionary is refused: its values are visited instead, once each (see [`crate::text::map_cells`]).
pub(crate) fn visit_cells(array: &dyn Array, mut visit: impl FnMut(Option<&[u8]>)) -> Result<()> {
    match array.data_type() {
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .for_each(|cell| visit(cell.map(str::as_bytes))),
        DataType::LargeUtf8 => array
            .as_string::<i64>()
            .iter()
            .for_each(|cell| visit(cell.map(str::as_bytes))),
        DataType::Utf8View => array
            .as_string_view()
            .iter()
            .for_each(|cell| visit(cell.map(str::as_bytes))),
        DataType::Binary => array.as_binary::<i32>().iter().for_each(visit),
        DataType::LargeBinary => array.as_binary::<i64>().iter().for_each(visit),
        DataType::BinaryView => array.as_binary_view().iter().for_each(visit),
        DataType::FixedSizeBinary(_) => array.as_fixed_size_binary().iter().for_each(visit),
        DataType::Null => (0..array.len()).for_each(|_| visit(None)),
        DataType::Boolean => {
            let texts = |value| {
                if value {
                    b"true".as_slice()
                } else {
                    b"false".as_slice()
                }
            };
            array
                .as_boolean()
                .iter()
                .for_each(|cell| visit(cell.map(texts)));
        }
        _ => return visit_numbers(array, visit),
    }
    Ok(())
}

/// The types whose text is written anew for each cell.
fn visit_numbers(array: &dyn Array, visit: impl FnMut(Option<&[u8]>)) -> Result<()> {
    match array.data_type() {
        DataType::Int8 => write_each(array.as_primitive::<Int8Type>(), write_integer, visit),
        DataType::Int16 => write_each(array.as_primitive::<Int16Type>(), write_integer, visit),
        DataType::Int32 => write_each(array.as_primitive::<Int32Type>(), write_integer, visit),
        DataType::Int64 => write_each(array.as_primitive::<Int64Type>(), write_integer, visit),
        DataType::UInt8 => write_each(array.as_primitive::<UInt8Type>(), write_integer, visit),
        DataType::UInt16 => write_each(array.as_primitive::<UInt16Type>(), write_integer, visit),
        DataType::UInt32 => write_each(array.as_primitive::<UInt32Type>(), write_integer, visit),
        DataType::UInt64 => write_each(array.as_primitive::<UInt64Type>(), write_integer, visit),
        DataType::Float16 => {
            let write = |value: <Float16Type as ArrowPrimitiveType>::Native, text: &mut String| {
                write_float(value.to_f32(), text);
            };
            write_each(array.as_primitive::<Float16Type>(), write, visit);
        }
        DataType::Float32 => write_each(array.as_primitive::<Float32Type>(), write_float, visit),
        DataType::Float64 => write_each(array.as_primitive::<Float64Type>(), write_float, visit),
        DataType::Decimal32(_, scale) => write_each(
            array.as_primitive::<Decimal32Type>(),
            decimal(*scale),
            visit,
        ),
        DataType::Decimal64(_, scale) => write_each(
            array.as_primitive::<Decimal64Type>(),
            decimal(*scale),
            visit,
        ),
        DataType::Decimal128(_, scale) => write_each(
            array.as_primitive::<Decimal128Type>(),
            decimal(*scale),
            visit,
        ),
        DataType::Decimal256(_, scale) => write_each(
            array.as_primitive::<Decimal256Type>(),
            decimal(*scale),
            visit,
        ),
        _ => return visit_times(array, visit),
    }
    Ok(())
}

/// Dates, times of day and timestamps.
fn visit_times(array: &dyn Array, visit: impl FnMut(Option<&[u8]>)) -> Result<()> {
    match array.data_type() {
        DataType::Date32 => {
            write_each(
                array.as_primitive::<Date32Type>(),
                |days, text| write_date(i64::from(days), text),
                visit,
            );
        }
        DataType::Date64 => write_each(
            array.as_primitive::<Date64Type>(),
            write_date_of_milliseconds,
            visit,
        ),
        DataType::Time32(TimeUnit::Second) => {
            let write = |ticks, text: &mut String| write_time(i64::from(ticks), Unit::Second, text);
            write_each(array.as_primitive::<Time32SecondType>(), write, visit);
        }
        DataType::Time32(TimeUnit::Millisecond) => {
            let write =
                |ticks, text: &mut String| write_time(i64::from(ticks), Unit::Millisecond, text);
            write_each(array.as_primitive::<Time32MillisecondType>(), write, visit);
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let write = |ticks, text: &mut String| write_time(ticks, Unit::Microsecond, text);
            write_each(array.as_primitive::<Time64MicrosecondType>(), write, visit);
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            let write = |ticks, text: &mut String| write_time(ticks, Unit::Nanosecond, text);
            write_each(array.as_primitive::<Time64NanosecondType>(), write, visit);
        }
        DataType::Timestamp(unit, zone) => visit_timestamps(array, *unit, zone.is_some(), visit),
        other => return internal_err!("no canonical text for type {other}"),
    }
    Ok(())
}

/// Timestamps of every unit. Arrow keeps those with a time zone in UTC, so the zone's name does not matter.
fn visit_timestamps(
    array: &dyn Array,
    unit: TimeUnit,
    is_zoned: bool,
    visit: impl FnMut(Option<&[u8]>),
) {
    let write_as = |unit: Unit| {
        move |ticks: i64, text: &mut String| {
            write_timestamp(ticks, unit, text);
            if is_zoned {
                text.push('Z');
            }
        }
    };
    match unit {
        TimeUnit::Second => write_each(
            array.as_primitive::<TimestampSecondType>(),
            write_as(Unit::Second),
            visit,
        ),
        TimeUnit::Millisecond => {
            write_each(
                array.as_primitive::<TimestampMillisecondType>(),
                write_as(Unit::Millisecond),
                visit,
            );
        }
        TimeUnit::Microsecond => {
            write_each(
                array.as_primitive::<TimestampMicrosecondType>(),
                write_as(Unit::Microsecond),
                visit,
            );
        }
        TimeUnit::Nanosecond => {
            write_each(
                array.as_primitive::<TimestampNanosecondType>(),
                write_as(Unit::Nanosecond),
                visit,
            );
        }
    }
}

/// Writes each value into one text that is used again, and hands it on.
fn write_each<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    mut write: impl FnMut(T::Native, &mut String),
    mut visit: impl FnMut(Option<&[u8]>),
) {
    let mut text = String::with_capacity(64);
    for cell in array {
        let Some(value) = cell else {
            visit(None);
            continue;
        };
        text.clear();
        write(value, &mut text);
        visit(Some(text.as_bytes()));
    }
}

fn write_integer(value: impl Display, text: &mut String) {
    // Writing to a String cannot fail, here and below.
    let _ = write!(text, "{value}");
}

/// The shortest digits that read back as the same number, never with an exponent. Rust prints exactly that, except for
/// infinities and the sign of zero.
fn write_float<F: Display + PartialEq + Into<f64> + Copy>(value: F, text: &mut String) {
    let wide: f64 = value.into();
    if wide == 0.0 {
        text.push('0');
    } else if wide.is_infinite() {
        text.push_str(if wide > 0.0 { "Infinity" } else { "-Infinity" });
    } else if wide.is_nan() {
        text.push_str("NaN"); // all of them: a payload is no value
    } else {
        let _ = write!(text, "{value}");
    }
}

/// A writer of decimals: no exponent, no trailing zeros in the fraction, no empty integer part.
fn decimal<V: Display>(scale: i8) -> impl FnMut(V, &mut String) {
    let mut digits = String::new();
    move |value, text| {
        digits.clear();
        let _ = write!(digits, "{value}");
        write_decimal(&digits, scale, text);
    }
}

/// Places the point in an integer's digits. A negative scale means zeros to append.
fn write_decimal(integer: &str, scale: i8, text: &mut String) {
    let digits = integer.strip_prefix('-').unwrap_or(integer);
    if digits.bytes().all(|digit| digit == b'0') {
        text.push('0');
        return;
    }
    if digits.len() < integer.len() {
        text.push('-');
    }
    let places = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        text.push_str(digits);
        text.extend(std::iter::repeat_n('0', places));
        return;
    }
    let (whole, fraction) = digits
        .split_at_checked(digits.len().saturating_sub(places))
        .unwrap_or((digits, ""));
    text.push_str(if whole.is_empty() { "0" } else { whole });
    let fraction_digits = fraction.trim_end_matches('0');
    if !fraction_digits.is_empty() {
        text.push('.');
        text.extend(std::iter::repeat_n('0', places - fraction.len()));
        text.push_str(fraction_digits);
    }
}

#[cfg(test)]
mod tests {
    use super::{write_decimal, write_float};

    #[test]
    fn decimals_lose_trailing_zeros_and_nothing_else() {
        let cases = [
            ("500", 2, "5"),
            ("505", 2, "5.05"),
            ("550", 2, "5.5"),
            ("-500", 2, "-5"),
            ("-5", 2, "-0.05"),
            ("5", 3, "0.005"),
            ("50", 3, "0.05"),
            ("0", 2, "0"),
            ("0", -2, "0"),
            ("12", -3, "12000"),
            ("-12", -3, "-12000"),
            ("100", 0, "100"),
            ("1000", 1, "100"),
            (
                "123456789012345678901234567890",
                10,
                "12345678901234567890.123456789",
            ),
        ];
        for (integer, scale, expected) in cases {
            let mut text = String::new();
            write_decimal(integer, scale, &mut text);
            assert_eq!(text, expected, "{integer} with scale {scale}");
        }
    }

    #[test]
    fn floats_have_no_exponent() {
        let cases = [
            (5.0, "5"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e21, "1000000000000000000000"),
            (1e-7, "0.0000001"),
            (f64::NAN, "NaN"),
            (-f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, expected) in cases {
            let mut text = String::new();
            write_float(value, &mut text);
            assert_eq!(text, expected);
        }
        let mut text = String::new();
        write_float(0.1_f32, &mut text);
        assert_eq!(text, "0.1");
    }
}
