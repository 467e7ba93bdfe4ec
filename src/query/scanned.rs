//! How much a statement has read so far.

use std::fmt;
use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;

use crate::engine::policy::Passed;

/// Rows and bytes that a running statement has read.
#[derive(Clone)]
pub struct Scanned(Of);

#[derive(Clone)]
enum Of {
    Barrier(Arc<Passed>),
    Plan(Arc<dyn ExecutionPlan>),
    /// Read for an answer that was stored, or for none.
    Known(u64, u64),
}

impl fmt::Debug for Scanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scanned({} rows, {} bytes)", self.rows(), self.bytes())
    }
}

impl Scanned {
    /// What left a role's barrier: all that a role is told.
    pub(super) fn left_barrier(passed: &Arc<Passed>) -> Self {
        Self(Of::Barrier(Arc::clone(passed)))
    }

    /// What a plan's readers took from files.
    pub(super) fn of_plan(plan: &Arc<dyn ExecutionPlan>) -> Self {
        Self(Of::Plan(Arc::clone(plan)))
    }

    /// A number that is known.
    pub fn known(rows: u64, bytes: u64) -> Self {
        Self(Of::Known(rows, bytes))
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.now().0
    }

    /// Bytes so far: of files as they are stored, where the reader counts them, else of the rows in memory.
    pub fn bytes(&self) -> u64 {
        self.now().1
    }

    /// Rows and bytes so far.
    pub fn now(&self) -> (u64, u64) {
        match &self.0 {
            Of::Barrier(passed) => (passed.rows(), passed.bytes()),
            Of::Plan(plan) => read_by(plan),
            Of::Known(rows, bytes) => (*rows, *bytes),
        }
    }
}

/// What the leaves of a plan have read.
fn read_by(plan: &Arc<dyn ExecutionPlan>) -> (u64, u64) {
    let children = plan.children();
    if !children.is_empty() {
        return children.into_iter().map(read_by).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    }
    let Some(metrics) = plan.metrics() else { return (0, 0) };
    let sum = |name: &str| metrics.sum_by_name(name).map_or(0, |value| value.as_usize() as u64);
    let stored = sum("bytes_scanned");
    let rows = metrics.output_rows().unwrap_or_default() as u64;
    (rows, if stored > 0 { stored } else { sum("output_bytes") })
}
