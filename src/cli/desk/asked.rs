//! The record of one statement while it is answered, and its answer on the way to where it is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::Utc;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;

use super::super::app::App;
use super::Rows;
use crate::error::{Error, Result};
use crate::query::history::{Execution, History, Kept, KeptFormat, Viewer, keep};
use crate::query::{Answer, Scanned};
use crate::settings::ResultsFormat;

/// How many records are looked through for an answer to give again.
const RECORDS_MAX: usize = 1_000;

/// Where answers are kept, if the settings say so.
///
/// # Errors
/// If the place cannot be reached.
pub(in crate::cli) async fn history_of(app: &App) -> Result<Option<History>> {
    let query = &app.settings().query;
    let Some(location) = &query.results else { return Ok(None) };
    let format = match query.results_format {
        ResultsFormat::Csv => KeptFormat::Csv,
        ResultsFormat::Parquet => KeptFormat::Parquet,
    };
    History::open(&app.engine, location, format).await.map(Some)
}

/// One statement under way.
pub(super) struct Asked {
    history: Option<History>,
    execution: Execution,
    kept: Option<Kept>,
    scanned: Option<Scanned>,
    rows: Arc<AtomicU64>,
}

impl Asked {
    /// Records that a statement is about to run.
    ///
    /// # Errors
    /// If it cannot be recorded.
    pub(super) async fn begin(history: Option<History>, statement: &str, viewer: &Viewer) -> Result<Self> {
        let asked = Self { history, ..Self::unkept(statement, viewer) };
        if let Some(history) = &asked.history {
            history.record(&asked.execution).await?;
        }
        Ok(asked)
    }

    /// A statement that is in no history.
    pub(super) fn unkept(statement: &str, viewer: &Viewer) -> Self {
        let execution = Execution::submitted(statement, viewer.role.clone(), viewer.user.clone());
        Self { history: None, execution, kept: None, scanned: None, rows: Arc::default() }
    }

    /// Notes what the statement reads, under which policies.
    pub(super) fn planned(&mut self, tables: &[String], policy_version: &str, tables_version: String) {
        self.execution.tables = tables.to_vec();
        policy_version.clone_into(&mut self.execution.policy_version);
        self.execution.tables_version = tables_version;
    }

    /// Notes rows that were written rather than given.
    pub(super) fn wrote(&mut self, rows: u64, scanned: &Scanned) {
        self.rows.store(rows, Ordering::Relaxed);
        self.scanned = Some(scanned.clone());
    }

    /// An answer that was kept before and holds still: to the same statement of the same role, under the same policies,
    /// of unchanged tables.
    ///
    /// # Errors
    /// If records cannot be read.
    pub(super) async fn reusable(&mut self, app: &App) -> Result<Option<Rows>> {
        let (Some(history), Some(age)) = (&self.history, app.settings().query.reuse) else { return Ok(None) };
        let asked = &self.execution;
        if asked.tables_version.is_empty() {
            return Ok(None);
        }
        let since = chrono::Duration::from_std(age).ok().and_then(|age| Utc::now().checked_sub_signed(age));
        let (records, _) = history.latest(RECORDS_MAX, since).await?;
        let same = records.into_iter().find(|earlier| {
            earlier.result.is_some()
                && earlier.reused.is_none()
                && earlier.statement == asked.statement
                && earlier.role == asked.role
                && earlier.policy_version == asked.policy_version
                && earlier.tables_version == asked.tables_version
        });
        let Some(earlier) = same else { return Ok(None) };
        // Gone or damaged, it is no reason to fail: the statement is computed.
        let Ok(stream) = history.rows(&earlier).await else { return Ok(None) };
        let masked = earlier.masked();
        self.execution.reused = Some(earlier.id);
        self.execution.result = earlier.result;
        self.execution.columns = earlier.columns;
        let scanned = Scanned::known(0, 0);
        self.scanned = Some(scanned.clone());
        let stream = self.counted(stream);
        Ok(Some(Rows { stream, masked, scanned, reused: true, id: Some(self.execution.id.clone()) }))
    }

    /// An answer on its way to its reader, kept as it goes by if the settings say so.
    pub(super) fn answer(&mut self, stream: Answer, masked: Vec<bool>, scanned: Scanned) -> Rows {
        self.scanned = Some(scanned.clone());
        let stream = self.counted(stream);
        let (stream, id) = match &self.history {
            None => (stream, None),
            Some(history) => {
                let (stream, kept) = keep(history, &mut self.execution, &masked, stream);
                self.kept = Some(kept);
                (stream, Some(self.execution.id.clone()))
            }
        };
        Rows { stream, masked, scanned, reused: false, id }
    }

    fn counted(&self, rows: Answer) -> Answer {
        let (schema, returned) = (rows.schema(), Arc::clone(&self.rows));
        let counted = rows.inspect_ok(move |batch| {
            returned.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, counted))
    }

    /// Records how it ended. The statement's own end is what its user hears: that the record cannot be written is a
    /// warning.
    pub(super) async fn end(mut self, app: &App, outcome: Option<&Error>) {
        let Some(history) = &self.history else { return };
        let execution = &mut self.execution;
        if let Some(kept) = self.kept.take()
            && let Some(name) = kept.settled().await
        {
            execution.result = Some(name);
        }
        execution.rows = outcome.is_none().then(|| self.rows.load(Ordering::Relaxed));
        execution.scanned_bytes = self.scanned.as_ref().map(Scanned::bytes);
        execution.ended(outcome.map_or(Ok(()), Err));
        if history.record(execution).await.is_err() {
            app.engine.warn(format!("query {} is done, but its record could not be written", execution.id));
        }
    }
}
