//! The session of whoever may read everything: no role, or one with full access.

use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;

use super::gate::Kind;
use super::running::{Answer, Ears, Limits, Planned, Steps};
use super::scanned::Scanned;
use crate::error::Result;

/// A session that sees what its context holds.
pub struct OpenSession {
    context: SessionContext,
    limits: Limits,
}

impl OpenSession {
    /// Of a session of the engine, with its databases.
    pub fn new(context: SessionContext, limits: Limits) -> Self {
        Self { context, limits }
    }

    /// Plans a statement that reads.
    ///
    /// # Errors
    /// Refused if it does not; usage if it does not fit what there is; failed at the time limit.
    pub async fn plan_parsed(&self, statement: Statement, kind: Kind) -> Result<Planned> {
        self.steps().plan(statement, kind).await
    }

    /// Runs a planned statement.
    ///
    /// # Errors
    /// If it cannot begin. What goes wrong later comes with the rows.
    pub fn run(&self, planned: &Planned) -> Result<Answer> {
        self.steps().run(planned, self.scanned(planned))
    }

    /// What a statement has read so far.
    pub fn scanned(&self, planned: &Planned) -> Scanned {
        Scanned::of_plan(&planned.physical)
    }

    fn steps(&self) -> Steps<'_> {
        Steps { context: &self.context, limits: self.limits, ears: Ears::Anyone }
    }
}
