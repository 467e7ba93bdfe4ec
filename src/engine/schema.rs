//! One schema for the files of a table.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::lake::TableFiles;
use super::table::DMS_OPERATION;
use crate::error::{Error, Result, Said};
use crate::model::printable;
use crate::settings::TableFormat;

/// Unites the columns of a table's files, by name.
///
/// Files may differ in the order of their columns and in the encoding of text. A DMS change file has an `Op` column
/// more. JSON lines may leave out fields. Everything else needs `merge_schemas`. The files of a CSV table all have the
/// same header: their fields are read by position, so another order would put one column's values under another's name.
///
/// # Errors
/// Names the file that differs, the column, and the file it differs from.
pub(crate) fn unite(files: &TableFiles, schemas: &[SchemaRef], merge_schemas: bool) -> Result<SchemaRef> {
    let Some(first) = schemas.first() else {
        return Ok(Arc::new(Schema::empty()));
    };
    let mut fields: Vec<FieldRef> = first.fields().iter().cloned().collect();
    let free = merge_schemas || files.format == TableFormat::Json;
    for (index, schema) in schemas.iter().enumerate().skip(1) {
        if files.format == TableFormat::Csv {
            same_header(files, index, first, schema)?;
        }
        for field in schema.fields() {
            match fields.iter().position(|known| known.name() == field.name()) {
                Some(position) => {
                    let Some(known) = fields.get_mut(position) else { continue };
                    let united = unite_types(known.data_type(), field.data_type(), merge_schemas)
                        .ok_or_else(|| differs(files, index, field.name(), "its type differs"))?;
                    let nullable = known.is_nullable() || field.is_nullable();
                    *known = Arc::new(Field::new(known.name(), united, nullable));
                }
                None if free || is_operation(schema, field) => {
                    let added = Arc::new(Field::new(field.name(), field.data_type().clone(), true));
                    if is_operation(schema, field) { fields.insert(0, added) } else { fields.push(added) }
                }
                None => return Err(differs(files, index, field.name(), "only this file has it")),
            }
        }
        for known in &mut fields {
            if schema.fields().iter().any(|field| field.name() == known.name()) {
                continue;
            }
            if !free && known.name() != DMS_OPERATION {
                return Err(differs(files, index, known.name(), "this file lacks it"));
            }
            *known = Arc::new(known.as_ref().clone().with_nullable(true));
        }
    }
    reject_doubles(files, &fields)?;
    // Metadata of single files (pandas, Spark) says nothing about the table.
    Ok(Arc::new(Schema::new(fields.into_iter().map(|field| plain(&field)).collect::<Vec<_>>())))
}

fn same_header(files: &TableFiles, index: usize, first: &Schema, other: &Schema) -> Result<()> {
    let differing = (0..first.fields().len().max(other.fields().len()))
        .map(|column| (first.fields().get(column), other.fields().get(column)))
        .find(|(known, field)| known.map(|known| known.name()) != field.map(|field| field.name()));
    let Some((known, field)) = differing else { return Ok(()) };
    let column = field.or(known).map_or("", |field| field.name());
    Err(differs(files, index, column, "it stands in another place of the header, which a CSV table has only one of")
        .hint("`merge_schemas` does not help here: fields of CSV files have no names of their own"))
}

fn plain(field: &FieldRef) -> FieldRef {
    if field.metadata().is_empty() {
        return Arc::clone(field);
    }
    Arc::new(Field::new(field.name(), field.data_type().clone(), field.is_nullable()))
}

/// A DMS change file begins with a text column named `Op`.
fn is_operation(schema: &Schema, field: &Field) -> bool {
    field.name() == DMS_OPERATION
        && schema.fields().first().is_some_and(|first| first.name() == DMS_OPERATION)
        && matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The type that holds the values of both, without loss.
fn unite_types(left: &DataType, right: &DataType, merge: bool) -> Option<DataType> {
    if left == right || is_same(left, right) {
        return Some(left.clone());
    }
    let (left, right) = (value_type(left), value_type(right));
    if left == right {
        return Some(left.clone());
    }
    if is_text(left) && is_text(right) {
        return Some(DataType::LargeUtf8);
    }
    if !merge {
        return None;
    }
    wider(left, right).or_else(|| wider(right, left))
}

/// Whether two types differ in nothing but what writers call the entries of lists and maps.
///
/// The fields of a struct are read by name: under other names, their values would be lost.
fn is_same(left: &DataType, right: &DataType) -> bool {
    use DataType as D;
    let fields = |left: &Field, right: &Field| {
        left.is_nullable() == right.is_nullable() && is_same(left.data_type(), right.data_type())
    };
    match (left, right) {
        (D::List(left), D::List(right)) | (D::LargeList(left), D::LargeList(right)) => fields(left, right),
        (D::FixedSizeList(left, size), D::FixedSizeList(right, other)) => size == other && fields(left, right),
        (D::Map(left, sorted), D::Map(right, other)) => sorted == other && map_entries(left, right),
        (D::Struct(left), D::Struct(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| left.name() == right.name() && fields(left, right))
        }
        _ => left == right,
    }
}

/// A map's key and value stand in its entries by position.
fn map_entries(left: &Field, right: &Field) -> bool {
    let (DataType::Struct(left), DataType::Struct(right)) = (left.data_type(), right.data_type()) else {
        return false;
    };
    left.len() == right.len()
        && left.iter().zip(right).all(|(left, right)| {
            left.is_nullable() == right.is_nullable() && is_same(left.data_type(), right.data_type())
        })
}

fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, value) => value,
        other => other,
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// `wide`, if it holds every value of `narrow`.
fn wider(narrow: &DataType, wide: &DataType) -> Option<DataType> {
    use DataType as D;
    let holds = match wide {
        D::Int64 => matches!(narrow, D::Int8 | D::Int16 | D::Int32 | D::UInt8 | D::UInt16 | D::UInt32),
        D::Int32 => matches!(narrow, D::Int8 | D::Int16 | D::UInt8 | D::UInt16),
        D::Int16 => matches!(narrow, D::Int8 | D::UInt8),
        D::UInt64 => matches!(narrow, D::UInt8 | D::UInt16 | D::UInt32),
        D::UInt32 => matches!(narrow, D::UInt8 | D::UInt16),
        D::UInt16 => matches!(narrow, D::UInt8),
        D::Float64 => matches!(narrow, D::Float32 | D::Int8 | D::Int16 | D::Int32 | D::UInt8 | D::UInt16 | D::UInt32),
        _ => false,
    };
    holds.then(|| wide.clone())
}

fn differs(files: &TableFiles, index: usize, column: &str, how: &'static str) -> Error {
    let shown =
        |index: usize| files.files.get(index).map(|file| files.store.display(&file.meta.location)).unwrap_or_default();
    Error::failed("files of one table have different columns")
        .with("table", &files.name)
        .with("file", &Said(&shown(index)))
        .with("column", &Said(column))
        .with("difference", &Said(how))
        .with("compared with", &Said(&shown(0)))
        .hint("rewrite the file, move it to a table of its own, or set `[lake] merge_schemas = true` to read the union")
}

fn reject_doubles(files: &TableFiles, fields: &[FieldRef]) -> Result<()> {
    for (index, field) in fields.iter().enumerate() {
        if fields.iter().skip(index + 1).any(|other| other.name() == field.name()) {
            return Err(Error::failed("a table has two columns of the same name")
                .with("table", &files.name)
                .with("column", &Said(&printable(field.name())))
                .hint("rename one of them in the files"));
        }
    }
    Ok(())
}
