//! An answer as Athena writes it: every value in double quotes, doubled inside; NULL is nothing between the commas.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// As Athena shows moments, without cutting what is below the millisecond.
const TIMESTAMP: &str = "%Y-%m-%d %H:%M:%S%.f";

pub(super) fn header(schema: &Schema) -> Vec<u8> {
    let mut line = Vec::new();
    for (index, field) in schema.fields().iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        quote(field.name(), &mut line);
    }
    line.push(b'\n');
    line
}

/// The lines of a batch.
pub(super) fn lines(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let options = FormatOptions::default().with_timestamp_format(Some(TIMESTAMP));
    let formatters: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
        .collect::<Result<_, _>>()?;
    let mut lines = Vec::new();
    for row in 0..batch.num_rows() {
        for (index, (formatter, column)) in formatters.iter().zip(batch.columns()).enumerate() {
            if index > 0 {
                lines.push(b',');
            }
            if column.is_valid(row) && column.data_type() != &DataType::Null {
                quote(&formatter.value(row).try_to_string()?, &mut lines);
            }
        }
        lines.push(b'\n');
    }
    Ok(lines)
}

fn quote(text: &str, line: &mut Vec<u8>) {
    line.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}

/// Whether values of a type are read back from their text as they were.
pub(super) fn reads_back(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Boolean
                | DataType::Float32
                | DataType::Float64
                | DataType::Decimal128(..)
                | DataType::Decimal256(..)
                | DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Date32
                | DataType::Timestamp(_, None)
                | DataType::Time32(_)
                | DataType::Time64(_)
        )
}
