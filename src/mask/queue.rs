//! The order of work of a splice: workers compute columns, one writer takes them in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

use parquet::arrow::arrow_writer::ArrowColumnChunk;

use crate::error::{Error, Result};

/// Row groups whose computed columns may wait for their turn to be written.
const GROUPS_AHEAD: usize = 2;

/// The encoded leaf columns of one computed column in one row group.
pub(super) type Chunks = Vec<ArrowColumnChunk>;

/// Hands out computed columns in row-group order, and holds workers back that run too far ahead.
pub(super) struct Queue {
    groups: usize,
    columns: Vec<usize>,
    next: AtomicUsize,
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    writing: usize,
    stopped: bool,
    done: BTreeMap<(usize, usize), Result<Chunks>>,
}

impl Queue {
    pub(super) fn new(groups: usize, columns: Vec<usize>) -> Self {
        Self {
            groups,
            columns,
            next: AtomicUsize::new(0),
            state: Mutex::new(QueueState::default()),
            changed: Condvar::new(),
        }
    }

    /// The next column to compute; waits while it is too far ahead. `None` when there is none left.
    pub(super) fn next(&self) -> Option<(usize, usize)> {
        let columns = self.columns.len();
        let item = self.next.fetch_add(1, Ordering::Relaxed);
        let group = item.checked_div(columns).filter(|group| *group < self.groups)?;
        let mut state = self.state.lock().ok()?;
        while group >= state.writing + GROUPS_AHEAD && !state.stopped {
            state = self.changed.wait(state).ok()?;
        }
        if state.stopped {
            return None;
        }
        self.columns.get(item % columns).map(|column| (group, *column))
    }

    /// Hands a computed column over.
    pub(super) fn put(&self, group: usize, column: usize, computed: Result<Chunks>) {
        if let Ok(mut state) = self.state.lock() {
            state.done.insert((group, column), computed);
        }
        self.changed.notify_all();
    }

    /// Waits for a computed column.
    pub(super) fn take(&self, group: usize, column: usize) -> Result<Chunks> {
        let broken = || Error::failed("a worker thread ended early");
        let mut state = self.state.lock().map_err(|_| broken())?;
        loop {
            if let Some(computed) = state.done.remove(&(group, column)) {
                return computed;
            }
            let waited = self.changed.wait_timeout(state, std::time::Duration::from_millis(500));
            state = waited.map_err(|_| broken())?.0;
        }
    }

    /// The writer is at this row group.
    pub(super) fn advance(&self, writing: usize) {
        if let Ok(mut state) = self.state.lock() {
            state.writing = writing;
        }
        self.changed.notify_all();
    }

    /// Whether the writer has ended, so that nobody waits for what is being computed.
    pub(super) fn is_stopped(&self) -> bool {
        self.state.lock().map_or(true, |state| state.stopped)
    }

    /// Lets the workers end.
    pub(super) fn stop(&self) {
        if let Ok(mut state) = self.state.lock() {
            state.stopped = true;
        }
        self.changed.notify_all();
    }
}

/// Stops a queue's workers when the writer ends.
pub(super) struct StopOnDrop<'a>(pub(super) &'a Queue);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}
