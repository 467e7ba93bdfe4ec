//! Trino's "Conversion functions" that the engine lacks, and CAST to JSON.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use datafusion::common::Result as EngineResult;

use super::row::{Columns, Kind, Spec, gives};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        name: "typeof",
        takes: &[&[Kind::Any]],
        gives: gives::text,
        run: |columns| {
            let name = trino_name(columns.array(0)?.data_type());
            Ok(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(name, columns.rows))))
        },
        fails: false,
    },
    Spec {
        name: "format_number",
        takes: &[&[Kind::Double]],
        gives: gives::text,
        run: |columns| columns.texts(|row| Ok(Some(short_number(columns.double(0, row))))),
        fails: false,
    },
    Spec { name: "json_of", takes: &[&[Kind::Any]], gives: gives::text, run: json_of, fails: true },
];

/// A type as Trino calls it.
fn trino_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "unknown".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 | DataType::UInt8 => "smallint".to_owned(),
        DataType::Int32 | DataType::UInt16 => "integer".to_owned(),
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => "bigint".to_owned(),
        DataType::Float16 | DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "varchar".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "varbinary".to_owned()
        }
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Time32(unit) | DataType::Time64(unit) => format!("time({})", digits(*unit)),
        DataType::Timestamp(unit, None) => format!("timestamp({})", digits(*unit)),
        DataType::Timestamp(unit, Some(_)) => format!("timestamp({}) with time zone", digits(*unit)),
        DataType::Interval(_) | DataType::Duration(_) => "interval day to second".to_owned(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Dictionary(_, value) => trino_name(value),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            format!("array({})", trino_name(item.data_type()))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => {
                let parts: Vec<String> = fields.iter().map(|field| trino_name(field.data_type())).collect();
                format!("map({})", parts.join(", "))
            }
            _ => "map".to_owned(),
        },
        DataType::Struct(fields) => {
            let parts: Vec<String> =
                fields.iter().map(|field| format!("{} {}", field.name(), trino_name(field.data_type()))).collect();
            format!("row({})", parts.join(", "))
        }
        other => other.to_string(),
    }
}

fn digits(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

/// A number in three digits and a letter for its thousands.
fn short_number(number: f64) -> String {
    let mut rest = number;
    let mut unit = "";
    for next in ["K", "M", "B", "T", "Q"] {
        if rest.abs() < 1_000.0 {
            break;
        }
        rest /= 1_000.0;
        unit = next;
    }
    let places = match rest.abs() {
        rest if rest < 10.0 => 2,
        rest if rest < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{rest:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// Each value as JSON: lists as arrays, maps and rows as objects. NULL stays NULL.
fn json_of(columns: &Columns) -> EngineResult<ArrayRef> {
    let array = columns.array(0)?;
    let schema = Arc::new(Schema::new(vec![Field::new("v", array.data_type().clone(), true)]));
    let batch = RecordBatch::try_new(schema, vec![Arc::clone(array)])?;
    let mut text = Vec::new();
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut text);
    let written = writer.write(&batch).and_then(|()| writer.finish());
    written.map_err(|_| columns.wrong("values of the type have no JSON"))?;
    drop(writer);
    let text = String::from_utf8(text).map_err(|_| columns.wrong("values of the type have no JSON"))?;
    let values = text.lines().map(|line| line.strip_prefix("{\"v\":").and_then(|rest| rest.strip_suffix('}')));
    let array = array.logical_nulls();
    let there = |row: usize| array.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    let made: StringArray = values.enumerate().map(|(row, value)| value.filter(|_| there(row))).collect();
    if made.len() != columns.rows {
        return Err(columns.wrong("values of the type have no JSON"));
    }
    Ok(Arc::new(made))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_in_three_digits() {
        for (number, text) in [
            (0.0, "0"),
            (999.0, "999"),
            (123_456.0, "123K"),
            (1_000_000.0, "1M"),
            (-1_234.0, "-1.23K"),
            (12_345.0, "12.3K"),
        ] {
            assert_eq!(short_number(number), text);
        }
    }
}
