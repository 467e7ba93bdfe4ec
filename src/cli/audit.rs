//! What the audit log keeps of a statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;

use crate::engine::policy::Passed;

/// What becomes known of a statement while it runs.
#[derive(Default)]
pub(super) struct Entry {
    /// What it does: `read`, `create table`.
    pub(super) kind: String,
    pub(super) tables: Vec<String>,
    pub(super) policy_version: String,
    pub(super) rows_read: u64,
    pub(super) bytes_read: u64,
    returned: Arc<AtomicU64>,
}

impl Entry {
    /// Rows that were returned.
    pub(super) fn rows_returned(&self) -> u64 {
        self.returned.load(Ordering::Relaxed)
    }

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
