//! Files for programs: Parquet, and Arrow's own.

use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;

use super::{Sink, fault};
use crate::cli::output;
use crate::error::{Error, Result};

pub(super) struct Parquet<'a> {
    writer: ArrowWriter<&'a mut (dyn Write + Send)>,
}

impl<'a> Parquet<'a> {
    pub(super) fn new(schema: SchemaRef, out: &'a mut (dyn Write + Send)) -> Result<Self> {
        crate::engine::reject_unstorable(&schema)?;
        let writer = ArrowWriter::try_new(out, schema, None).map_err(|error| parquet_fault(&error))?;
        Ok(Self { writer })
    }
}

impl Sink for Parquet<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(|error| parquet_fault(&error))
    }

    fn finish(self: Box<Self>) -> Result<bool> {
        self.writer.close().map_err(|error| parquet_fault(&error))?;
        Ok(false)
    }
}

fn parquet_fault(error: &ParquetError) -> Error {
    if let ParquetError::External(inner) = error
        && let Some(io) = inner.downcast_ref::<std::io::Error>()
    {
        return output::fault(io);
    }
    Error::failed("the result cannot be written as Parquet")
        .hint("cast columns of unusual types, or use another --format")
}

pub(super) struct Arrow<'a> {
    writer: FileWriter<&'a mut (dyn Write + Send)>,
    schema: SchemaRef,
}

impl<'a> Arrow<'a> {
    pub(super) fn new(schema: &SchemaRef, out: &'a mut (dyn Write + Send)) -> Result<Self> {
        let fields: Vec<Field> = schema
            .fields()
            .iter()
            .map(|field| field.as_ref().clone().with_data_type(widely_read(field.data_type())))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let writer = FileWriter::try_new(out, &schema).map_err(|error| fault(&error))?;
        Ok(Self { writer, schema })
    }
}

impl Sink for Arrow<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>();
        let batch = columns.and_then(|columns| RecordBatch::try_new(Arc::clone(&self.schema), columns));
        let written = batch.and_then(|batch| self.writer.write(&batch));
        written.map_err(|error| fault(&error))
    }

    fn finish(mut self: Box<Self>) -> Result<bool> {
        self.writer.finish().map_err(|error| fault(&error))?;
        Ok(false)
    }
}

/// The type that stands in the file. A file has one dictionary per column, while batches each bring their own; and not
/// every reader knows views.
fn widely_read(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => widely_read(values),
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}
