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
/// more. JSON lines may leave out fields. Everything else needs `merge_schemas`.
/// Fields of CSV files have no names of their own: `table` reads each file in the order of its own header.
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
        for field in schema.fields() {
            match fields.iter().position(|known| known.name() == field.name()) {
                Some(position) => {
                    let Some(known) = fields.get_mut(position) else { continue };
                    if files.format == TableFormat::Json
                        && let Some(united) = super::infer::unite_json(known, field)
                    {
                        *known = Arc::new(united);
                        continue;
                    }
                    let united = unite_types(known.data_type(), field.data_type(), merge_schemas)
                        .ok_or_else(|| differs(files, index, field.name(), "its type differs", merge_schemas))?;
                    let nullable = known.is_nullable() || field.is_nullable();
                    *known = Arc::new(Field::new(known.name(), united, nullable));
                }
                None if free || is_operation(schema, field) => {
                    let added = Arc::new(Field::new(field.name(), field.data_type().clone(), true));
                    if is_operation(schema, field) { fields.insert(0, added) } else { fields.push(added) }
                }
                None => return Err(differs(files, index, field.name(), "only this file has it", merge_schemas)),
            }
        }
        for known in &mut fields {
            if schema.fields().iter().any(|field| field.name() == known.name()) {
                continue;
            }
            if !free && known.name() != DMS_OPERATION {
                return Err(differs(files, index, known.name(), "this file lacks it", merge_schemas));
            }
            *known = Arc::new(known.as_ref().clone().with_nullable(true));
        }
    }
    reject_doubles(files, &fields)?;
    // Metadata of single files (pandas, Spark) says nothing about the table.
    Ok(Arc::new(Schema::new(fields.into_iter().map(|field| plain(&field)).collect::<Vec<_>>())))
}

fn plain(field: &FieldRef) -> FieldRef {
    if field.metadata().is_empty() {
        return Arc::clone(field);
    }
    Arc::new(Field::new(field.name(), field.data_type().clone(), field.is_nullable()))
}

/// A field of the same name and type, without the metadata that a file's writer gave it or the fields below it.
///
/// Metadata is free text: it may hold a cell, such as an example of a value.
pub(crate) fn bare(field: &Field) -> Field {
    let below = |field: &FieldRef| Arc::new(bare(field));
    let data_type = match field.data_type() {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(below).collect()),
        DataType::List(item) => DataType::List(below(item)),
        DataType::LargeList(item) => DataType::LargeList(below(item)),
        DataType::ListView(item) => DataType::ListView(below(item)),
        DataType::LargeListView(item) => DataType::LargeListView(below(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(below(item), *length),
        DataType::Map(entries, sorted) => DataType::Map(below(entries), *sorted),
        DataType::RunEndEncoded(ends, values) => DataType::RunEndEncoded(below(ends), below(values)),
        DataType::Dictionary(key, value) => {
            // The values' type stands in no field of its own.
            let value = bare(&Field::new("", value.as_ref().clone(), true));
            DataType::Dictionary(key.clone(), Box::new(value.data_type().clone()))
        }
        other => other.clone(),
    };
    field.clone().with_metadata(std::collections::HashMap::new()).with_data_type(data_type)
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

fn differs(files: &TableFiles, index: usize, column: &str, how: &'static str, merge_schemas: bool) -> Error {
    let error = Error::failed("files of one table have different columns")
        .with("table", &files.name)
        .with("file", &Said(&shown(files, index)))
        .with("column", &Said(column))
        .with("difference", &Said(how))
        .with("compared with", &Said(&shown(files, 0)));
    if merge_schemas {
        return error.hint("rewrite the file or move it to a table of its own: these types have no common one");
    }
    error
        .hint("rewrite the file, move it to a table of its own, or set `[lake] merge_schemas = true` to read the union")
}

/// The name of a file.
fn shown(files: &TableFiles, index: usize) -> String {
    files.files.get(index).map(|file| files.store.display(&file.meta.location)).unwrap_or_default()
}

/// Refuses columns that Parquet has no type for: unions of several types, as Avro knows them.
///
/// # Errors
/// Names the column.
pub fn reject_unstorable(schema: &Schema) -> Result<()> {
    match schema.fields().iter().find(|field| has_union(field.data_type())) {
        None => Ok(()),
        Some(field) => Err(Error::failed("a column holds values of several types, which Parquet cannot store")
            .with("column", &Said(&printable(field.name())))
            .hint("leave it out: `drop` it in `[columns]`, or cast it in the script")),
    }
}

fn has_union(data_type: &DataType) -> bool {
    match data_type {
        DataType::Union(..) => true,
        DataType::Struct(members) => members.iter().any(|member| has_union(member.data_type())),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::FixedSizeList(element, _)
        | DataType::Map(element, _) => has_union(element.data_type()),
        _ => false,
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::engine::connections::Bucket;
    use crate::engine::store::Store;
    use crate::model::{Location, TableName};

    fn table(format: TableFormat) -> TableFiles {
        let objects = Arc::new(object_store::memory::InMemory::new());
        let bucket = Bucket { objects, multipart: None };
        let location = Location::S3 { bucket: "b".to_owned(), prefix: "t/".to_owned() };
        TableFiles {
            name: TableName::new("dataset", "t"),
            store: Store::new(location, bucket).unwrap(),
            format,
            gzip: false,
            csv_header: true,
            declared: None,
            partition_columns: Vec::new(),
            files: Vec::new(),
        }
    }

    fn header(names: &[&str]) -> SchemaRef {
        Arc::new(Schema::new(names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>()))
    }

    #[test]
    fn columns_are_matched_by_name_in_any_order() {
        let schemas = [header(&["id", "name"]), header(&["name", "id"])];
        for format in [TableFormat::Csv, TableFormat::Parquet] {
            assert_eq!(unite(&table(format), &schemas, false).unwrap(), header(&["id", "name"]));
        }
    }

    #[test]
    fn more_or_fewer_columns_are_refused_unless_schemas_are_merged() {
        for more in [&["id", "name", "mail"][..], &["id"]] {
            let schemas = [header(&["id", "name"]), header(more)];
            assert!(unite(&table(TableFormat::Csv), &schemas, false).is_err(), "{more:?}");
            assert!(unite(&table(TableFormat::Csv), &schemas, true).is_ok(), "{more:?}");
        }
    }
}
