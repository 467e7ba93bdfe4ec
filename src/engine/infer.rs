//! The columns of files that have no footer to tell them: CSV, JSON lines and Avro.
//!
//! INVARIANT: a value that the engine would change in silence is refused here, and so is a file that is cut off.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Cursor, Read};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::reader::infer_json_schema_from_iterator;
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use object_store::{GetResultPayload, ObjectMeta, ObjectStoreExt};
use serde_json::Value;

use super::lake::{LakeFile, TableFiles};
use super::store::Store;
use crate::error::{Error, Result, Said};
use crate::model::printable;

/// Bytes at the start of a CSV file in which its header must end.
const HEADER_BYTES: u64 = 1024 * 1024;

/// The mark of a column of whole numbers of which some do not fit into a floating-point number.
const WHOLE: &str = "saltlake.whole";

/// Beyond this, neighbouring whole numbers become the same floating-point number.
const EXACT_MAX: u64 = 1 << 53;

fn fault(files: &TableFiles, file: &LakeFile, message: &'static str) -> Error {
    Error::failed(message).with("table", &files.name).with("file", &Said(&files.store.display(&file.meta.location)))
}

/// The columns that a CSV file's header names, in its order. Every one is text: a guess from the first lines would turn
/// `0123` into 123.
pub(super) async fn csv_columns(files: &TableFiles, file: &LakeFile) -> Result<SchemaRef> {
    check_csv_end(files, file).await?;
    let (store, location) = (&files.store, &file.meta.location);
    let head = store.objects().get_range(location, 0..file.meta.size.min(HEADER_BYTES)).await;
    let head = head.map_err(|error| store.fault(&error, Some(location), "cannot read a file"))?;
    let read = arrow::csv::reader::Format::default().with_header(files.csv_header);
    let read = read.infer_schema(open(head, files.gzip), Some(0));
    let (schema, _) = read.map_err(|_| {
        fault(files, file, "the header of a CSV file cannot be read")
            .hint("the first line must name the columns, in UTF-8, separated by commas")
    })?;
    if files.csv_header && !is_header(&schema) {
        return Err(fault(files, file, "the first line of a CSV file does not look like column names")
            .hint("if the files have no such line (DMS writes none unless told to), set `[lake] csv_header = false`"));
    }
    let fields = schema.fields().iter().map(|field| {
        let name = field.name().strip_prefix('\u{feff}').unwrap_or(field.name());
        Field::new(name, DataType::Utf8, true)
    });
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

/// Refuses a CSV file that ends inside quotes: it was cut off, and the reader would take its last rows for one cell.
async fn check_csv_end(files: &TableFiles, file: &LakeFile) -> Result<()> {
    let mut text = whole(&files.store, &file.meta, files.gzip).await?;
    let mut open = false;
    loop {
        let chunk = text.fill_buf().map_err(|_| {
            fault(files, file, "a CSV file cannot be read to its end").hint("it may be cut off: write it again")
        })?;
        if chunk.is_empty() {
            break;
        }
        open = chunk.iter().fold(open, |open, byte| open ^ (*byte == b'"'));
        let read = chunk.len();
        text.consume(read);
    }
    if open {
        return Err(fault(files, file, "a CSV file ends inside quotes")
            .hint("it may be cut off: write it again; a quote inside a quoted field is doubled"));
    }
    Ok(())
}

/// Whether the first line of a CSV file can be column names. A line of data taken for names would put cells into
/// plans, scripts and errors, so in doubt it is none: an empty, repeated or very long name, a number, an address.
fn is_header(schema: &Schema) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    schema.fields().iter().all(|field| {
        let name = field.name().trim_start_matches('\u{feff}').trim();
        let data = name.is_empty() || name.len() > 128 || name.contains('@') || name.parse::<f64>().is_ok();
        !data && seen.insert(name.to_owned())
    })
}

fn open(bytes: Bytes, gzip: bool) -> Box<dyn BufRead + Send> {
    let bytes = Cursor::new(bytes);
    if gzip { Box::new(BufReader::new(MultiGzDecoder::new(bytes))) } else { Box::new(bytes) }
}

/// The columns of a file of JSON lines: the union of all its lines.
///
/// # Errors
/// If a line is no JSON object, a value's kind changes between lines, or numbers would lose digits.
pub(super) async fn json_columns(files: &TableFiles, file: &LakeFile) -> Result<SchemaRef> {
    let text = whole(&files.store, &file.meta, files.gzip).await?;
    let mut wide = BTreeSet::new();
    let schema = infer_json_schema_from_iterator(Lines { text, line: String::new(), wide: &mut wide });
    let schema = schema.map_err(|_| {
        fault(files, file, "a line is no JSON object, or a value's kind changes between lines").hint(
            "each line must be one object, in UTF-8, and a member must keep its kind: text, number, list or object",
        )
    })?;
    for path in &wide {
        if type_at(schema.fields(), path) == Some(&DataType::Float64) {
            return Err(fault(files, file, "whole numbers of a JSON column would lose digits")
                .with("column", &Said(&printable(path.first().map_or("", String::as_str))))
                .hint("beyond 2^53 a column that also holds fractions, or numbers of more than 64 bits, cannot be kept exact: write such numbers as text, in quotes"));
        }
    }
    let marked = |field: &Arc<Field>| {
        if wide.contains(std::slice::from_ref(field.name())) {
            Arc::new(field.as_ref().clone().with_metadata(HashMap::from([(WHOLE.to_owned(), String::new())])))
        } else {
            Arc::clone(field)
        }
    };
    Ok(Arc::new(Schema::new(schema.fields().iter().map(marked).collect::<Vec<_>>())))
}

/// A whole file, to be read by lines.
async fn whole(store: &Store, meta: &ObjectMeta, gzip: bool) -> Result<Box<dyn BufRead + Send>> {
    let failed = |error: &object_store::Error| store.fault(error, Some(&meta.location), "cannot read a file");
    let found = store.objects().get(&meta.location).await.map_err(|error| failed(&error))?;
    if let GetResultPayload::File(file, _) = found.payload {
        let file = BufReader::new(file);
        return Ok(if gzip { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) });
    }
    Ok(open(found.bytes().await.map_err(|error| failed(&error))?, gzip))
}

/// The values of a file, a line each. Notes the paths of whole numbers that a floating-point number cannot hold.
struct Lines<'a> {
    text: Box<dyn BufRead + Send>,
    line: String,
    wide: &'a mut BTreeSet<Vec<String>>,
}

impl Iterator for Lines<'_> {
    type Item = std::result::Result<Value, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line.clear();
            match self.text.read_line(&mut self.line) {
                Ok(0) => return None,
                // What went wrong is not repeated: it may quote the line.
                Err(_) => return Some(Err(ArrowError::JsonError(String::new()))),
                Ok(_) if self.line.trim().is_empty() => {}
                Ok(_) => break,
            }
        }
        let value = serde_json::from_str(&self.line).map_err(|_| ArrowError::JsonError(String::new()));
        if let Ok(value) = &value
            && has_long_number(self.line.as_bytes())
        {
            note_wide(value, &mut Vec::new(), self.wide);
        }
        Some(value)
    }
}

/// Whether 16 digits stand in a row anywhere: a cheap test that lets nearly every line pass.
fn has_long_number(line: &[u8]) -> bool {
    let mut run = 0;
    line.iter().any(|byte| {
        run = if byte.is_ascii_digit() { run + 1 } else { 0 };
        run >= 16
    })
}

fn note_wide(value: &Value, path: &mut Vec<String>, wide: &mut BTreeSet<Vec<String>>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                path.push(name.clone());
                note_wide(member, path, wide);
                path.pop();
            }
        }
        // An element has its list's path.
        Value::Array(elements) => elements.iter().for_each(|element| note_wide(element, path, wide)),
        Value::Number(number) => {
            let beyond = match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => whole.unsigned_abs() > EXACT_MAX,
                // More than 64 bits: read as floating point already.
                (None, Some(float)) => float.fract() == 0.0 && float.abs() > 9.0e15,
                (None, None) => true,
            };
            if beyond {
                wide.insert(path.clone());
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn type_at<'a>(fields: &'a Fields, path: &[String]) -> Option<&'a DataType> {
    let (first, rest) = path.split_first()?;
    let mut found = fields.iter().find(|field| field.name() == first)?.data_type();
    while let DataType::List(element) = found {
        found = element.data_type();
    }
    match found {
        DataType::Struct(inner) if !rest.is_empty() => type_at(inner, rest),
        other => Some(other),
    }
}

/// The column that holds the values of both files of JSON lines. Their columns are read by name, so that a member may be
/// absent or null in one of them, also inside.
pub(super) fn unite_json(left: &Field, right: &Field) -> Option<Field> {
    use DataType as D;
    let whole = |field: &Field| field.metadata().contains_key(WHOLE);
    let data_type = match (left.data_type(), right.data_type()) {
        (left, right) if left == right => left.clone(),
        (D::Null, other) | (other, D::Null) => other.clone(),
        (D::Int64, D::Float64) if !whole(left) => D::Float64,
        (D::Float64, D::Int64) if !whole(right) => D::Float64,
        (D::List(left), D::List(right)) => D::List(Arc::new(unite_json(left, right)?)),
        (D::Struct(left), D::Struct(right)) => D::Struct(unite_members(left, right)?),
        _ => return None,
    };
    let metadata = if whole(left) { left.metadata().clone() } else { right.metadata().clone() };
    Some(Field::new(left.name(), data_type, true).with_metadata(metadata))
}

fn unite_members(left: &Fields, right: &Fields) -> Option<Fields> {
    let mut members: Vec<Arc<Field>> = left.iter().cloned().collect();
    for field in right {
        match members.iter_mut().find(|known| known.name() == field.name()) {
            Some(known) => *known = Arc::new(unite_json(known, field)?),
            None => members.push(Arc::clone(field)),
        }
    }
    Some(members.into())
}

/// Refuses an Avro file whose last block is not complete: the reader would take what came before it for all there is.
///
/// # Errors
/// If the file does not end with the 16 bytes that its header announces after each block.
pub(super) async fn check_avro_end(files: &TableFiles, file: &LakeFile) -> Result<()> {
    let (store, location, size) = (&files.store, &file.meta.location, file.meta.size);
    let failed = |error: object_store::Error| store.fault(&error, Some(location), "cannot read a file");
    let cut = || {
        fault(files, file, "an Avro file is cut off or corrupt")
            .hint("write the file again or move it away: an upload may have been cut off")
    };
    let head = store.objects().get_range(location, 0..size.min(HEADER_BYTES)).await.map_err(failed)?;
    let mark = avro_mark(&head).ok_or_else(cut)?;
    let tail = store.objects().get_range(location, size.saturating_sub(16)..size).await.map_err(failed)?;
    if tail.as_ref() == mark.as_slice() { Ok(()) } else { Err(cut()) }
}

/// The synchronisation mark at the end of an Avro header: magic, a map of metadata in blocks, 16 bytes.
fn avro_mark(head: &[u8]) -> Option<[u8; 16]> {
    let mut rest = head.strip_prefix(b"Obj\x01")?;
    loop {
        let mut entries = zigzag(&mut rest)?;
        if entries == 0 {
            break;
        }
        if entries < 0 {
            // A negative count is followed by the block's size in bytes.
            zigzag(&mut rest)?;
            entries = entries.checked_neg()?;
        }
        for _ in 0..entries.checked_mul(2)? {
            let length = usize::try_from(zigzag(&mut rest)?).ok()?;
            rest = rest.get(length..)?;
        }
    }
    let mut mark = [0; 16];
    rest.read_exact(&mut mark).ok()?;
    Some(mark)
}

/// Avro's variable-length integer.
fn zigzag(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_data_is_not_taken_for_column_names() {
        let header = |names: &[&str]| {
            is_header(&Schema::new(
                names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>(),
            ))
        };
        assert!(header(&["id", "maiden name", "\u{feff}SSN"]));
        for line in [&["1", "Ada"][..], &["id", ""], &["id", "ada@example.org"], &["id", "id"], &["a", "-3.5e2"]] {
            assert!(!header(line), "{line:?}");
        }
    }
}
