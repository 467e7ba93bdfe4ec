//! JSON: an array of objects, or one object a line.
//!
//! Integers and decimals are written with all their digits, which readers that know only doubles round beyond 2^53.
//! NaN and the infinities have no form in JSON and become null. Dates and times are texts in ISO 8601, bytes are texts
//! in hexadecimal.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::json::WriterBuilder;
use arrow::json::writer::{JsonArray, LineDelimited, Writer};

use super::{Sink, fault, put};
use crate::error::Result;

pub(super) enum Json<'a> {
    Array(Writer<&'a mut (dyn Write + Send), JsonArray>),
    Lines(Writer<&'a mut (dyn Write + Send), LineDelimited>),
}

impl<'a> Json<'a> {
    pub(super) fn array(out: &'a mut (dyn Write + Send)) -> Self {
        Self::Array(WriterBuilder::new().with_explicit_nulls(true).build(out))
    }

    pub(super) fn lines(out: &'a mut (dyn Write + Send)) -> Self {
        Self::Lines(WriterBuilder::new().with_explicit_nulls(true).build(out))
    }
}

impl Sink for Json<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let written = match self {
            Self::Array(writer) => writer.write(batch),
            Self::Lines(writer) => writer.write(batch),
        };
        written.map_err(|error| fault(&error))
    }

    fn finish(self: Box<Self>) -> Result<bool> {
        match *self {
            Self::Array(mut writer) => {
                writer.finish().map_err(|error| fault(&error))?;
                put(writer.into_inner(), "\n")?;
            }
            Self::Lines(mut writer) => writer.finish().map_err(|error| fault(&error))?,
        }
        Ok(false)
    }
}
