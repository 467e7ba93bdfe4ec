//! How an answer is written: one file per family of formats.
//!
//! Rows are written as they come. INVARIANT: what is meant for a screen never holds a control character of a cell, so
//! that no cell can drive a terminal; what is meant for programs (CSV, JSON, Parquet, …) holds the cells as they are.

mod binary;
mod cells;
mod chart;
mod fit;
mod grid;
mod html;
mod json;
mod look;
mod markdown;
mod separated;
mod table;
#[cfg(test)]
mod tests;
mod vertical;

use std::io::Write;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use clap::ValueEnum;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;

pub(super) use self::look::{Border, Breaks, Expanded, Look};
use super::output;
use crate::engine::fault::engine_fault;
use crate::error::{Error, Result};

/// A result format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// An aligned table
    Table,
    /// One line per column, for wide rows
    Vertical,
    /// Comma-separated values with a header; lists and structs as JSON
    Csv,
    /// Tab-separated values with a header; NULL is `\N`
    Tsv,
    /// A JSON array of objects
    Json,
    /// One JSON object a line
    Ndjson,
    /// A Markdown table
    Markdown,
    /// An HTML table
    Html,
    /// A Parquet file; needs --output
    Parquet,
    /// An Arrow IPC file; needs --output
    Arrow,
    /// A bar or line chart of two columns: a label or x, and a number
    Chart,
}

impl Format {
    /// Refuses a format that is no text where no file is given.
    ///
    /// # Errors
    /// Usage.
    pub(super) fn check_output(self, file: Option<&PathBuf>) -> Result<()> {
        let message = match self {
            Self::Parquet => "a Parquet result goes to a file",
            Self::Arrow => "an Arrow result goes to a file",
            _ => return Ok(()),
        };
        if file.is_some() { Ok(()) } else { Err(Error::usage(message).hint("add --output FILE")) }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// Rows written.
    pub(super) rows: u64,
    /// Whether there were more rows, columns or text than were written.
    pub(super) cut: bool,
}

/// A writer of batches in one format.
trait Sink {
    /// Writes a batch, or keeps it until the end.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Whether more rows would not be shown.
    fn is_full(&self) -> bool {
        false
    }

    /// Writes the end. Says whether something was left out.
    fn finish(self: Box<Self>) -> Result<bool>;
}

/// Writes rows as they come.
///
/// # Errors
/// As the rows and the output; usage if the rows do not fit the format.
pub(super) async fn write(
    mut rows: SendableRecordBatchStream,
    format: Format,
    look: &Look,
    out: &mut (dyn Write + Send),
) -> Result<Shown> {
    let schema = rows.schema();
    let mut sink: Box<dyn Sink + Send + '_> = match format {
        Format::Table => Box::new(table::Table::new(&schema, look, out)?),
        Format::Vertical => Box::new(vertical::Vertical::new(&schema, look, out)?),
        Format::Csv => Box::new(separated::Csv::new(&schema, look, out)?),
        Format::Tsv => Box::new(separated::Tsv::new(&schema, look, out)?),
        Format::Json => Box::new(json::Json::array(out)),
        Format::Ndjson => Box::new(json::Json::lines(out)),
        Format::Markdown => Box::new(markdown::Markdown::new(&schema, look, out)?),
        Format::Html => Box::new(html::Html::new(&schema, look, out)?),
        Format::Parquet => Box::new(binary::Parquet::new(schema, out)?),
        Format::Arrow => Box::new(binary::Arrow::new(&schema, out)?),
        Format::Chart => Box::new(chart::Chart::new(&schema, look, out)?),
    };
    let mut shown = Shown::default();
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|error| engine_fault(&error))?;
        let left = look.rows_max.map_or(u64::MAX, |most| most - shown.rows);
        let many = u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        if many > left {
            sink.write(&batch.slice(0, usize::try_from(left).unwrap_or(usize::MAX)))?;
            shown = Shown { rows: shown.rows + left, cut: true };
            break;
        }
        sink.write(&batch)?;
        shown.rows += many;
        if sink.is_full() {
            break;
        }
    }
    shown.cut |= sink.finish()?;
    Ok(shown)
}

/// Writes to a file beside its place and renames it there, so that a failed query leaves no half result.
///
/// # Errors
/// As [`write`]; the place is then as it was.
pub(super) async fn write_file(
    rows: SendableRecordBatchStream,
    format: Format,
    look: &Look,
    path: &Path,
) -> Result<Shown> {
    let fault = |error: std::io::Error| crate::engine::store::file_fault(&error, path, "cannot write the result");
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = Unfinished(path.with_file_name(name));
    let file = std::fs::File::create_new(&part.0).map_err(fault)?;
    let mut out = std::io::BufWriter::new(file);
    let shown = write(rows, format, look, &mut out).await?;
    out.flush().map_err(fault)?;
    std::fs::rename(&part.0, path).map_err(fault)?;
    Ok(shown)
}

/// A file that goes unless it was renamed: also when its query is given up in the middle.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes text to the output.
fn put(out: &mut (dyn Write + Send), text: &str) -> Result<()> {
    out.write_all(text.as_bytes()).map_err(|error| output::fault(&error))
}

/// An error of a writer in our words.
fn fault(error: &arrow::error::ArrowError) -> Error {
    if let arrow::error::ArrowError::IoError(_, io) = error {
        return output::fault(io);
    }
    Error::failed("a result column cannot be written in this format").hint("cast it to text, or use another --format")
}
