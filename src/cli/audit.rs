//! What the audit log keeps of a statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;

use super::output;
use crate::engine::policy::Passed;
use crate::error::Result;
use crate::query::audit::{AuditLog, Counts, Event, Outcome};
use crate::query::redact::redacted;
use crate::settings::{Settings, environment_value};

/// The audit log, opened for one role.
pub(super) struct Log {
    lines: AuditLog,
    user: String,
    role: String,
    identity: Option<String>,
}

impl Log {
    /// Opens it.
    ///
    /// # Errors
    /// Refused if it cannot be written: no statement runs unrecorded.
    pub(super) fn open(settings: &Settings, role: &str, identity: Option<String>) -> Result<Self> {
        let lines = AuditLog::open(&settings.audit.folder, settings.audit.rotate_bytes)?;
        Ok(Self { lines, user: user(), role: role.to_owned(), identity })
    }

    /// Does something under a record: that it began, and how it ended.
    ///
    /// # Errors
    /// As the work; refused if it cannot be recorded.
    pub(super) async fn recorded<T>(
        &self,
        statement: &str,
        work: impl AsyncFnOnce(&mut Entry) -> Result<T>,
    ) -> Result<T> {
        let text = redacted(statement);
        let first = text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let mut started = Event::started(&self.user, &self.role, first.to_ascii_lowercase());
        started.identity.clone_from(&self.identity);
        started.statement = Some(text);
        let mut recording = self.lines.record(started)?;
        let mut entry = Entry::default();
        let done = work(&mut entry).await;
        let version = (!entry.policy_version.is_empty()).then_some(entry.policy_version);
        recording.planned(entry.tables, version);
        let counts = Counts {
            rows_returned: entry.returned.load(Ordering::Relaxed),
            rows_read: entry.rows_read,
            bytes_read: entry.bytes_read,
        };
        match &done {
            // A reader of the output that goes away has had what it wanted.
            Ok(_) => recording.finish(Outcome::Done, counts, None)?,
            Err(error) if output::is_broken_pipe(error) => recording.finish(Outcome::Interrupted, counts, None)?,
            Err(error) => {
                let code = error.context().iter().find(|(key, _)| *key == "code").map(|(_, code)| code.clone());
                // The statement's own error is what its user hears, whatever becomes of the record.
                let _ = recording.finish(Outcome::from(error.kind()), counts, code);
            }
        }
        done
    }
}

/// The user, as the machine says. On AWS the identity is what was proven.
pub(super) fn user() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| environment_value(name));
    user.map_or_else(|| "unknown".to_owned(), |name| name.as_str().to_owned())
}

/// What becomes known of a statement while it runs.
#[derive(Default)]
pub(super) struct Entry {
    pub(super) tables: Vec<String>,
    pub(super) policy_version: String,
    pub(super) rows_read: u64,
    pub(super) bytes_read: u64,
    returned: Arc<AtomicU64>,
}

impl Entry {
    /// Notes what left the barrier.
    pub(super) fn passed(&mut self, passed: &Passed) {
        (self.rows_read, self.bytes_read) = (passed.rows(), passed.bytes());
    }

    /// Counts the rows of an answer as they go by.
    pub(super) fn counted(&self, rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let (schema, returned) = (rows.schema(), Arc::clone(&self.returned));
        let counted = rows.inspect_ok(move |batch| {
            returned.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, counted))
    }
}
