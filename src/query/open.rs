//! The session of whoever may read everything: no role, or one with full access.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;

use super::gate::Kind;
use super::running::{Answer, Ears, Limits, Planned, Steps};
use super::scanned::Scanned;
use super::workspace::{View, Workspace, WorkspaceSchema};
use crate::engine::CATALOG;
use crate::engine::fault::engine_fault;
use crate::error::{Error, Result};
use crate::model::TableName;

/// A session that sees what its context holds.
pub struct OpenSession {
    context: SessionContext,
    workspace: Arc<WorkspaceSchema>,
    limits: Limits,
}

impl OpenSession {
    /// Of a session of the engine, with its databases, and the workspace, to which it adds its views.
    ///
    /// # Errors
    /// If the session cannot take the workspace.
    pub fn new(context: SessionContext, workspace: &Workspace, limits: Limits) -> Result<Self> {
        let schema = Arc::new(WorkspaceSchema::new(Arc::clone(workspace.database())));
        let catalog = context.catalog(CATALOG).ok_or_else(|| Error::failed("the engine has no catalog"))?;
        let registered = catalog.register_schema(workspace.name(), Arc::clone(&schema) as _);
        registered.map_err(|error| engine_fault(&error))?;
        Ok(Self { context, workspace: schema, limits })
    }

    /// Plans views, each behind those that it reads. With `every`, one that cannot be planned is left out, since nobody
    /// asked for it by name.
    ///
    /// # Errors
    /// As the planner, of a view that was asked for; failed at the time limit.
    pub async fn add_views(&self, views: &[View], every: bool) -> Result<()> {
        for view in views {
            match self.steps().view(view).await {
                Ok(planned) => self.workspace.add_view(view, planned),
                Err(_) if every => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The columns of a table; `None` if there is no such table.
    ///
    /// # Errors
    /// If the table cannot be opened.
    pub async fn columns(&self, table: &TableName) -> Result<Option<SchemaRef>> {
        self.steps().columns(table).await
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
