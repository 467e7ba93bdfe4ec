//! How far a long piece of work is: counted by those who work, shown by those who talk to people.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of the work under way.
#[derive(Debug, Default)]
pub struct Progress {
    stage: Mutex<String>,
    rows_done: AtomicU64,
    rows_total: AtomicU64,
}

impl Progress {
    /// Begins a stage of `rows_total` rows; 0 if unknown.
    pub fn begin(&self, stage: String, rows_total: u64) {
        self.rows_done.store(0, Ordering::Relaxed);
        self.rows_total.store(rows_total, Ordering::Relaxed);
        if let Ok(mut current) = self.stage.lock() {
            *current = stage;
        }
    }

    /// Counts rows.
    pub fn add_rows(&self, rows: u64) {
        self.rows_done.fetch_add(rows, Ordering::Relaxed);
    }

    /// The stage, rows done and rows in all (0 if unknown).
    pub fn now(&self) -> (String, u64, u64) {
        let stage = self.stage.lock().map(|stage| stage.clone()).unwrap_or_default();
        (stage, self.rows_done.load(Ordering::Relaxed), self.rows_total.load(Ordering::Relaxed))
    }
}
