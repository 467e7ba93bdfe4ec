//! Rows as the bytes of one file.

use std::io::Write;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::csv::{Writer as CsvWriter, WriterBuilder as CsvBuilder};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::json::{LineDelimitedWriter, WriterBuilder as JsonBuilder, writer::LineDelimited};
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::options::{Compression, Format};
use crate::engine::part::{PartFile, write_fault};
use crate::engine::reject_unstorable;
use crate::engine::schema::bare;
use crate::error::{Error, Result, Said};

/// Rows of a row group at most.
const GROUP_ROWS: usize = 256 * 1024;

/// The columns as a file has them: names and types alone, since the metadata of a field may hold anything.
///
/// # Errors
/// Usage if the format cannot store a column. Names it.
pub(super) fn columns(schema: &Schema, format: Format) -> Result<SchemaRef> {
    reject_unstorable(schema)?;
    for (index, field) in schema.fields().iter().enumerate() {
        let column = Said(field.name());
        if schema.fields().iter().take(index).any(|other| other.name() == field.name()) {
            return Err(Error::usage("two columns of the result have the same name")
                .with("code", &Said("42701"))
                .with("column", &column)
                .hint("name one of them otherwise with AS"));
        }
        if matches!(format, Format::Csv | Format::Text) && field.data_type().is_nested() {
            return Err(Error::usage("CSV cannot store a list, a map or a struct")
                .with("code", &Said("0A000"))
                .with("column", &column)
                .hint("write PARQUET or JSON, or leave the column out"));
        }
    }
    Ok(Arc::new(Schema::new(schema.fields().iter().map(|field| bare(field)).collect::<Vec<_>>())))
}

/// Encodes rows into a file.
pub(super) struct Encoder {
    encoding: Encoding,
    fault: Fault,
    pub(super) rows: u64,
}

enum Encoding {
    Parquet(Box<ArrowWriter<Watched>>),
    Csv(Box<CsvWriter<Packed>>),
    Json(Box<LineDelimitedWriter<Packed>>),
}

impl Encoder {
    /// Begins a file of these columns.
    ///
    /// # Errors
    /// If it cannot be written, or a column has no place in the format.
    pub(super) fn begin(
        file: PartFile,
        columns: SchemaRef,
        format: Format,
        compression: Compression,
        delimiter: u8,
        zstd_level: i32,
    ) -> Result<Self> {
        let fault = Fault::default();
        let watched = Watched { file, fault: fault.clone() };
        let encoding = match format {
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(compression.of_parquet(zstd_level)?)
                    .set_max_row_group_row_count(Some(GROUP_ROWS))
                    .set_created_by(concat!("saltlake ", env!("CARGO_PKG_VERSION")).to_owned())
                    .build();
                let writer = ArrowWriter::try_new(watched, Arc::clone(&columns), Some(properties));
                Encoding::Parquet(Box::new(writer.map_err(|_| fault.or_unstorable())?))
            }
            Format::Csv | Format::Text => {
                let builder = CsvBuilder::new().with_header(format == Format::Csv).with_delimiter(delimiter);
                let builder = if format == Format::Text { builder.with_null("\\N".to_owned()) } else { builder };
                Encoding::Csv(Box::new(builder.build(Packed::new(watched, compression))))
            }
            Format::Json => {
                let builder = JsonBuilder::new().with_explicit_nulls(true);
                Encoding::Json(Box::new(builder.build::<_, LineDelimited>(Packed::new(watched, compression))))
            }
        };
        let mut encoder = Self { encoding, fault, rows: 0 };
        // A result without rows still has columns.
        encoder.write(&RecordBatch::new_empty(columns))?;
        Ok(encoder)
    }

    /// Adds rows.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        let written = match &mut self.encoding {
            Encoding::Parquet(writer) => writer.write(batch).is_ok(),
            Encoding::Csv(writer) => writer.write(batch).is_ok(),
            Encoding::Json(writer) => writer.write(batch).is_ok(),
        };
        if written && !self.fault.is_set() { Ok(()) } else { Err(self.fault.or_unstorable()) }
    }

    /// Writes what is left, and gives the file back to be completed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn finish(self) -> Result<PartFile> {
        let fault = self.fault;
        let watched = match self.encoding {
            Encoding::Parquet(writer) => writer.into_inner().map_err(|_| fault.or_unstorable())?,
            Encoding::Csv(writer) => writer.into_inner().finish().map_err(|_| fault.or_unstorable())?,
            Encoding::Json(mut writer) => {
                writer.finish().map_err(|_| fault.or_unstorable())?;
                writer.into_inner().finish().map_err(|_| fault.or_unstorable())?
            }
        };
        if fault.is_set() { Err(fault.or_unstorable()) } else { Ok(watched.file) }
    }
}

/// What went wrong with the file itself. Encoders turn it into a text, which is not passed on.
#[derive(Clone, Default)]
struct Fault(Arc<Mutex<Option<Error>>>);

impl Fault {
    fn set(&self, error: Error) {
        if let Ok(mut fault) = self.0.lock() {
            fault.get_or_insert(error);
        }
    }

    fn is_set(&self) -> bool {
        self.0.lock().map_or(true, |fault| fault.is_some())
    }

    /// The file's fault, or else the columns': a type that the format does not have.
    fn or_unstorable(&self) -> Error {
        let fault = self.0.lock().ok().and_then(|fault| fault.clone());
        fault.unwrap_or_else(|| {
            Error::usage("a column of the result cannot be written in this format")
                .with("code", &Said("0A000"))
                .hint("cast it to text or leave it out: no format stores every type (an interval, for example)")
        })
    }
}

/// The file, and a note of what went wrong with it.
struct Watched {
    file: PartFile,
    fault: Fault,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes).inspect_err(|error| self.fault.set(write_fault(error)))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// The file, compressed as a whole or not.
enum Packed {
    Plain(Watched),
    Gzip(Box<GzEncoder<Watched>>),
}

impl Packed {
    fn new(file: Watched, compression: Compression) -> Self {
        match compression {
            Compression::Gzip => Self::Gzip(Box::new(GzEncoder::new(file, flate2::Compression::default()))),
            _ => Self::Plain(file),
        }
    }

    fn finish(self) -> std::io::Result<Watched> {
        match self {
            Self::Plain(file) => Ok(file),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

impl Write for Packed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    /// Nothing: a flush after every batch would cut the compressed stream into pieces.
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
