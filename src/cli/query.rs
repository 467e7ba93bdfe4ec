//! `saltlake query`: one query over raw and masked tables.

use std::io::Write;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder;
use arrow::datatypes::SchemaRef;
use arrow::json::WriterBuilder as JsonBuilder;
use arrow::json::writer::{JsonArray, LineDelimited, Writer as JsonWriter};
use async_trait::async_trait;
use clap::{Args, ValueEnum};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;
use parquet::arrow::ArrowWriter;

use super::app::App;
use super::desk::{Desk, Reader, Rows};
use super::output;
use super::role::RoleArgs;
use crate::engine::fault::engine_fault;
use crate::engine::interruptible;
use crate::error::{Error, Result};

/// Answer one SQL query over the raw and masked tables, and over saltlake.findings
#[derive(Args, Debug)]
pub(super) struct QueryArgs {
    /// The query; `-` reads it from standard input
    sql: String,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the result to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Findings to use instead of the settings' sources
    #[arg(long, value_name = "WHERE")]
    pub(super) findings: Vec<String>,
    #[command(flatten)]
    pub(super) role: RoleArgs,
}

/// A result format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// An aligned table
    Table,
    /// Comma-separated values with a header
    Csv,
    /// A JSON array of objects
    Json,
    /// One JSON object a line
    Ndjson,
    /// A Parquet file; needs --output
    Parquet,
}

impl Format {
    /// Whether the format can go where it is to go.
    ///
    /// # Errors
    /// Usage if it needs a file.
    pub(super) fn check_output(self, file: Option<&PathBuf>) -> Result<()> {
        if self == Self::Parquet && file.is_none() {
            return Err(Error::usage("a Parquet result goes to a file").hint("add --output FILE"));
        }
        Ok(())
    }
}

pub(super) async fn run(args: &QueryArgs, app: &App) -> Result<()> {
    let text = if args.sql == "-" { output::read_stdin_text().await? } else { args.sql.clone() };
    args.format.check_output(args.output.as_ref())?;
    let desk = interruptible(Box::pin(Desk::open(app, &args.role))).await?;
    let mut statements = desk.parsed(&text, "the query").await?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => {
            Box::pin(desk.answer(&statement, &mut Printer::new(args.format, args.output.as_ref()))).await
        }
        (None, _) => Err(Error::usage("the query is empty")),
        (Some(_), false) => {
            Err(Error::usage("one query at a time").hint("put several into a file and use `saltlake run`"))
        }
    }
}

/// Prints answers, or writes them to a file.
pub(super) struct Printer<'a> {
    format: Format,
    file: Option<&'a PathBuf>,
}

impl<'a> Printer<'a> {
    pub(super) fn new(format: Format, file: Option<&'a PathBuf>) -> Self {
        Self { format, file }
    }

    /// A table on standard output.
    pub(super) fn table() -> Self {
        Self::new(Format::Table, None)
    }
}

#[async_trait(?Send)]
impl Reader for Printer<'_> {
    async fn rows(&mut self, rows: Rows) -> Result<()> {
        write_answer(rows.stream, self.format, self.file).await
    }

    fn said(&mut self, text: &str) -> Result<()> {
        output::print(&format!("{text}\n"))
    }
}

/// Writes rows to standard output, or whole to a file.
pub(super) async fn write_answer(
    stream: SendableRecordBatchStream,
    format: Format,
    file: Option<&PathBuf>,
) -> Result<()> {
    match file {
        None => {
            let mut out = output::stdout_unlocked();
            write(stream, format, &mut out).await?;
            out.flush().map_err(|error| super::output_fault(&error))
        }
        Some(path) => write_file(stream, format, path).await,
    }
}

/// Writes to a file beside its place and renames it there, so that a failed query leaves no half result.
async fn write_file(stream: SendableRecordBatchStream, format: Format, path: &PathBuf) -> Result<()> {
    let fault = |error: std::io::Error| crate::engine::store::file_fault(&error, path, "cannot write the result");
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let file = std::fs::File::create_new(&part).map_err(fault)?;
    let mut out = std::io::BufWriter::new(file);
    let written = write(stream, format, &mut out).await;
    let written =
        written.and_then(|()| out.flush().map_err(fault)).and_then(|()| std::fs::rename(&part, path).map_err(fault));
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

async fn write(mut stream: SendableRecordBatchStream, format: Format, out: &mut (dyn Write + Send)) -> Result<()> {
    let schema = stream.schema();
    if format == Format::Table {
        let mut batches = Vec::new();
        while let Some(batch) = stream.next().await {
            batches.push(batch.map_err(|error| engine_fault(&error))?);
        }
        if batches.is_empty() {
            batches.push(RecordBatch::new_empty(schema));
        }
        return out.write_all(output::table(&batches)?.as_bytes()).map_err(|error| super::output_fault(&error));
    }
    let mut sink = Sink::new(format, schema, out)?;
    while let Some(batch) = stream.next().await {
        sink.write(&batch.map_err(|error| engine_fault(&error))?)?;
    }
    sink.finish()
}

/// A writer of batches in one format.
enum Sink<'a> {
    Csv { out: &'a mut (dyn Write + Send) },
    Json(JsonWriter<&'a mut (dyn Write + Send), JsonArray>),
    Ndjson(JsonWriter<&'a mut (dyn Write + Send), LineDelimited>),
    Parquet(Box<ArrowWriter<&'a mut (dyn Write + Send)>>),
}

impl<'a> Sink<'a> {
    fn new(format: Format, schema: SchemaRef, out: &'a mut (dyn Write + Send)) -> Result<Self> {
        Ok(match format {
            Format::Csv | Format::Table => {
                // An empty result still has its header.
                write_csv(&RecordBatch::new_empty(schema), true, out)?;
                Self::Csv { out }
            }
            Format::Json => Self::Json(JsonBuilder::new().with_explicit_nulls(true).build(out)),
            Format::Ndjson => Self::Ndjson(JsonBuilder::new().with_explicit_nulls(true).build(out)),
            Format::Parquet => {
                crate::engine::reject_unstorable(&schema)?;
                Self::Parquet(Box::new(ArrowWriter::try_new(out, schema, None).map_err(|error| parquet_fault(&error))?))
            }
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Csv { out } => write_csv(batch, false, *out),
            Self::Json(writer) => writer.write(batch).map_err(|error| fault(&error)),
            Self::Ndjson(writer) => writer.write(batch).map_err(|error| fault(&error)),
            Self::Parquet(writer) => writer.write(batch).map_err(|error| parquet_fault(&error)),
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Csv { .. } => Ok(()),
            Self::Json(mut writer) => {
                writer.finish().map_err(|error| fault(&error))?;
                writeln!(writer.into_inner()).map_err(|error| super::output_fault(&error))
            }
            Self::Ndjson(mut writer) => writer.finish().map_err(|error| fault(&error)),
            Self::Parquet(writer) => writer.close().map(|_| ()).map_err(|error| parquet_fault(&error)),
        }
    }
}

fn fault(error: &arrow::error::ArrowError) -> Error {
    if let arrow::error::ArrowError::IoError(_, io) = error {
        return super::output_fault(io);
    }
    Error::failed("a result column cannot be written in this format").hint("cast it to text, or use another --format")
}

/// Writes a batch as CSV. By way of memory: the CSV writer's own errors do not tell a full disk from a wrong type.
fn write_csv(batch: &RecordBatch, header: bool, out: &mut (dyn Write + Send)) -> Result<()> {
    let mut text = Vec::new();
    WriterBuilder::new().with_header(header).build(&mut text).write(batch).map_err(|error| fault(&error))?;
    out.write_all(&text).map_err(|error| super::output_fault(&error))
}

fn parquet_fault(error: &parquet::errors::ParquetError) -> Error {
    if let parquet::errors::ParquetError::External(inner) = error
        && let Some(io) = inner.downcast_ref::<std::io::Error>()
    {
        return super::output_fault(io);
    }
    Error::failed("the result cannot be written as Parquet")
        .hint("cast columns of unusual types, or use another --format")
}
