//! What a script says of itself while it runs.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use clap::ValueEnum;
use futures::TryStreamExt;
use serde_json::json;

use super::super::desk::{Reader, Rows};
use super::super::output;
use super::super::query::Printer;
use crate::engine::fault::engine_fault;
use crate::engine::statement::Statement;
use crate::error::{Error, ErrorKind, Result};

/// How a script answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum RunFormat {
    /// Answers as aligned tables
    Table,
    /// One JSON object a statement, on a line: what became of it, without its rows
    Json,
}

/// A statement's place in its script.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) origin: &'a str,
    pub(super) statement: &'a Statement,
    /// Which one it is, from 1, and of how many.
    pub(super) number: (usize, usize),
}

/// Reports statements one after the other.
pub(super) struct Report {
    format: RunFormat,
    goes_on: bool,
    failed: Vec<ErrorKind>,
    done: usize,
}

/// What became of one statement.
struct Status {
    rows: Option<u64>,
    said: Option<String>,
    elapsed: Duration,
}

impl Report {
    pub(super) fn new(format: RunFormat, goes_on: bool) -> Self {
        Self { format, goes_on, failed: Vec::new(), done: 0 }
    }

    /// Whether answers are printed as tables.
    pub(super) fn prints(&self) -> bool {
        self.format == RunFormat::Table
    }

    /// Does the work of one statement, and says what became of it. An error ends the script unless it goes on after
    /// errors.
    ///
    /// # Errors
    /// As the work, with the statement's place.
    pub(super) async fn each(
        &mut self,
        place: Place<'_>,
        work: impl AsyncFnOnce(&mut dyn Reader) -> Result<()>,
    ) -> Result<()> {
        if output::is_watched() {
            let (number, all) = place.number;
            output::note(&output::dimmed(&format!("[{number}/{all}] {}:{}", place.origin, place.statement.line)));
        }
        let started = Instant::now();
        let mut silent = Silent::default();
        let mut printer = Printer::table();
        let reader: &mut dyn Reader = if self.prints() { &mut printer } else { &mut silent };
        let done = work(reader).await;
        let done = done.map_err(|error| super::super::workflow::at(error, place.origin, place.statement));
        let status = Status { rows: silent.rows, said: silent.said, elapsed: started.elapsed() };
        if self.format == RunFormat::Json {
            output::print(&format!("{}\n", line(place, &status, done.as_ref().err())))?;
        }
        match done {
            Ok(()) => self.done += 1,
            Err(error) if self.goes_on && error.kind() != ErrorKind::Interrupted && !output::is_broken_pipe(&error) => {
                output::print_error(&error);
                self.failed.push(error.kind());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether a statement has failed.
    pub(super) fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// The end of a script that went on after errors.
    ///
    /// # Errors
    /// Of the kind of the first, if there were any.
    pub(super) fn end(&self) -> Result<()> {
        match self.failed.first() {
            None => Ok(()),
            Some(kind) => Err(Error::new(*kind, "statements of the script failed")
                .with("failed", &self.failed.len())
                .with("done", &self.done)),
        }
    }
}

/// The status of a statement as JSON.
fn line(place: Place<'_>, status: &Status, error: Option<&Error>) -> serde_json::Value {
    let text = &place.statement.text;
    let first = text.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
    let state = match error.map(Error::kind) {
        None => "done",
        Some(ErrorKind::Failed) => "failed",
        Some(ErrorKind::Usage) => "usage",
        Some(ErrorKind::Refused) => "refused",
        Some(ErrorKind::Interrupted) => "interrupted",
    };
    let error = error.map(|error| {
        let context: serde_json::Map<_, _> =
            error.context().iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        let place = error.shown_at().map(|(line, column)| json!({ "line": line, "column": column }));
        json!({
            "message": error.message(),
            "context": context,
            "items": error.items(),
            "hints": error.hints(),
            "place": place,
        })
    });
    json!({
        "file": place.origin,
        "line": place.statement.line,
        "statement": first.to_ascii_uppercase(),
        "state": state,
        "rows": status.rows,
        "said": status.said,
        "seconds": (status.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
        "error": error,
    })
}

/// Counts the rows of answers.
#[derive(Default)]
struct Silent {
    rows: Option<u64>,
    said: Option<String>,
}

#[async_trait(?Send)]
impl Reader for Silent {
    async fn rows(&mut self, mut rows: Rows) -> Result<()> {
        let mut count = 0;
        while let Some(batch) = rows.stream.try_next().await.map_err(|error| engine_fault(&error))? {
            count += batch.num_rows() as u64;
        }
        self.rows = Some(count);
        Ok(())
    }

    fn said(&mut self, text: &str) -> Result<()> {
        self.said = Some(text.to_owned());
        Ok(())
    }
}
