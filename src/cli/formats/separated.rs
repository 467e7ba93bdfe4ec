//! Values behind one another: CSV as RFC 4180 has it, and tab-separated text as databases load it.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::csv::WriterBuilder;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::json::writer::{EncoderOptions, make_encoder};

use super::cells::Cells;
use super::look::Look;
use super::{Sink, fault, put};
use crate::cli::output;
use crate::error::{Error, Result};

pub(super) struct Csv<'a> {
    out: &'a mut (dyn Write + Send),
}

impl<'a> Csv<'a> {
    pub(super) fn new(schema: &SchemaRef, look: &Look, out: &'a mut (dyn Write + Send)) -> Result<Self> {
        let mut csv = Self { out };
        if !look.tuples_only {
            // An empty result still has its header.
            csv.write_text(&RecordBatch::new_empty(Arc::clone(schema)), true)?;
        }
        Ok(csv)
    }

    /// By way of memory: the CSV writer's own errors do not tell a full disk from a wrong type.
    fn write_text(&mut self, batch: &RecordBatch, header: bool) -> Result<()> {
        let mut text = Vec::new();
        let flat = flattened(batch)?;
        WriterBuilder::new().with_header(header).build(&mut text).write(&flat).map_err(|error| fault(&error))?;
        self.out.write_all(&text).map_err(|error| output::fault(&error))
    }
}

impl Sink for Csv<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.write_text(batch, false)
    }

    fn finish(self: Box<Self>) -> Result<bool> {
        Ok(false)
    }
}

pub(super) struct Tsv<'a> {
    out: &'a mut (dyn Write + Send),
}

impl<'a> Tsv<'a> {
    pub(super) fn new(schema: &SchemaRef, look: &Look, out: &'a mut (dyn Write + Send)) -> Result<Self> {
        if !look.tuples_only {
            let names: Vec<String> = schema.fields().iter().map(|field| escaped(field.name())).collect();
            put(out, &format!("{}\n", names.join("\t")))?;
        }
        Ok(Self { out })
    }
}

impl Sink for Tsv<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let flat = flattened(batch)?;
        let cells = Cells::read(&flat, "")?;
        for row in 0..flat.num_rows() {
            let values: Vec<String> = (0..cells.len())
                .map(|column| cells.get(column, row).map_or_else(|| "\\N".to_owned(), |text| escaped(&text)))
                .collect();
            put(self.out, &format!("{}\n", values.join("\t")))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<bool> {
        Ok(false)
    }
}

/// What would end a value or a line, and the backslash that says so.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

/// A batch whose lists, structs and maps are JSON texts.
fn flattened(batch: &RecordBatch) -> Result<RecordBatch> {
    if !batch.columns().iter().any(|column| is_nested(column.data_type())) {
        return Ok(batch.clone());
    }
    let mut fields: Vec<FieldRef> = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if is_nested(column.data_type()) {
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(Arc::new(as_json(field, column.as_ref())?));
        } else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| fault(&error))
}

fn is_nested(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => values.is_nested(),
        other => other.is_nested(),
    }
}

fn as_json(field: &FieldRef, column: &dyn Array) -> Result<StringArray> {
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = make_encoder(field, column, &options).map_err(|error| fault(&error))?;
    let nulls = column.logical_nulls();
    let mut texts = Vec::with_capacity(column.len());
    for row in 0..column.len() {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            texts.push(None);
            continue;
        }
        let mut text = Vec::new();
        encoder.encode(row, &mut text);
        texts.push(Some(String::from_utf8(text).map_err(|_| Error::failed("a result column is not UTF-8 text"))?));
    }
    Ok(texts.into_iter().collect())
}
