//! The engine's errors in our words.
//!
//! Errors of planning speak of names and types and are passed on by [`planning_fault`]. Errors of execution may quote a
//! cell (Arrow's cast error does), so [`engine_fault`] replaces their text by their kind.

mod planning;

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;

pub use self::planning::{planning_fault, planning_fault_beside, with_near_name};
use super::store::{io_kind, store_fault};
use crate::error::{Error, Said};

/// Wraps one of our errors for a trait of the engine; [`engine_fault`] takes it out again.
pub(crate) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// An engine error in our words.
///
/// INVARIANT: none of the engine's own text is passed on, whatever its kind: functions that run call an argument that
/// they do not know a planning error, and quote the cell.
pub fn engine_fault(error: &DataFusionError) -> Error {
    if let Some(own) = find::<Error>(error) {
        return own.clone();
    }
    if let Some(store) = find::<object_store::Error>(error) {
        return store_fault(store, "the lake", "cannot read or write the lake");
    }
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => engine_fault(inner),
        DataFusionError::Shared(inner) => engine_fault(inner),
        DataFusionError::Collection(all) => {
            all.first().map_or_else(|| Error::failed("the statement failed"), engine_fault)
        }
        DataFusionError::ResourcesExhausted(_) => Error::failed("the statement needs more memory than it may use")
            .hint("raise `[engine] memory`, or ask for less at once"),
        DataFusionError::ArrowError(arrow, _) => arrow_fault(arrow),
        DataFusionError::ParquetError(_) => undecodable("not a readable Parquet file"),
        DataFusionError::IoError(io) => io_fault(io),
        _ => external_fault(error),
    }
}

/// The SQLSTATE code of an engine error, by its kind alone.
pub fn sqlstate(error: &DataFusionError) -> &'static str {
    if find::<Error>(error).is_some() {
        return "58000";
    }
    if let Some(arrow) = find::<ArrowError>(error) {
        return arrow_state(arrow);
    }
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => sqlstate(inner),
        DataFusionError::Shared(inner) => sqlstate(inner),
        DataFusionError::Collection(all) => all.first().map_or("XX000", sqlstate),
        DataFusionError::SQL(..) => "42601",
        DataFusionError::Plan(text) if text.starts_with("table '") && text.ends_with(" not found") => "42P01",
        DataFusionError::Plan(_) => "42000",
        DataFusionError::SchemaError(..) => "42703",
        DataFusionError::NotImplemented(_) => "0A000",
        DataFusionError::ResourcesExhausted(_) => "53200",
        DataFusionError::ArrowError(arrow, _) => arrow_state(arrow),
        DataFusionError::ParquetError(_) | DataFusionError::IoError(_) | DataFusionError::ObjectStore(_) => "58030",
        DataFusionError::Execution(_) => "22000",
        _ => "XX000",
    }
}

fn arrow_state(error: &ArrowError) -> &'static str {
    match error {
        ArrowError::CastError(_) => "22018",
        ArrowError::ParseError(_) => "22007",
        ArrowError::ArithmeticOverflow(_) => "22003",
        ArrowError::DivideByZero => "22012",
        ArrowError::NotYetImplemented(_) => "0A000",
        ArrowError::IoError(..) | ArrowError::ParquetError(_) => "58030",
        _ => "22000",
    }
}

fn external_fault(error: &DataFusionError) -> Error {
    if let Some(io) = find::<std::io::Error>(error) {
        return io_fault(io);
    }
    if find::<parquet::errors::ParquetError>(error).is_some() {
        return undecodable("not a readable Parquet file");
    }
    if let Some(arrow) = find::<ArrowError>(error) {
        return arrow_fault(arrow);
    }
    Error::failed("the statement failed while it ran")
        .hint("the engine's own text is withheld, since it may quote a cell")
}

/// The message of errors about what a file holds.
const UNDECODABLE: &str = "a file of a table cannot be decoded";

fn undecodable(reason: &'static str) -> Error {
    Error::failed(UNDECODABLE)
        .with("reason", &Said(reason))
        .hint("the file is corrupt, cut off, or not what its name says: write it again or move it away")
}

/// Whether an error is about what a file holds, and does not say which file it is.
pub(crate) fn wants_file(error: &Error) -> bool {
    error.message() == UNDECODABLE && error.context().iter().all(|(key, _)| *key != "file")
}

fn io_fault(error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => undecodable("it ends early"),
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput => undecodable("it cannot be unpacked"),
        kind => Error::failed("reading or writing failed").with("reason", &Said(io_kind(kind))),
    }
}

fn arrow_fault(error: &ArrowError) -> Error {
    let reason = match error {
        ArrowError::CastError(_) => "a value does not fit the type it is cast to",
        ArrowError::ParseError(_) => "a value cannot be parsed as its type",
        ArrowError::ArithmeticOverflow(_) => "arithmetic overflow",
        ArrowError::DivideByZero => "division by zero",
        ArrowError::CsvError(_) => {
            return undecodable("a CSV line has another number of fields than the header, or is not UTF-8");
        }
        ArrowError::JsonError(_) => {
            return undecodable("a line is no JSON object, or a value's kind changes between lines");
        }
        ArrowError::AvroError(_) => return undecodable("not a readable Avro file"),
        ArrowError::ParquetError(_) => return undecodable("not a readable Parquet file"),
        ArrowError::IoError(_, io) => return io_fault(io),
        ArrowError::SchemaError(_) => "the files' columns do not fit together",
        ArrowError::NotYetImplemented(_) => "not supported for these types",
        _ => "a value could not be computed",
    };
    Error::failed("the statement failed while it ran").with("reason", &Said(reason))
}

/// Finds an error of a type in a chain of sources.
fn find<'a, E: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a E> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        if let Some(DataFusionError::External(inner)) = error.downcast_ref::<DataFusionError>() {
            current = Some(inner.as_ref());
            continue;
        }
        if let Some(ArrowError::ExternalError(inner)) = error.downcast_ref::<ArrowError>() {
            current = Some(inner.as_ref());
            continue;
        }
        current = error.source();
    }
    None
}
