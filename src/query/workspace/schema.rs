//! The workspace as a schema of a session without rights of its own, and views as the engine's plans.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex as Lock};

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::Result as EngineResult;
use datafusion::datasource::ViewTable;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::parser::Statement as EngineStatement;

use super::View;
use super::expand::reading;
use crate::engine::analysis;
use crate::engine::catalog::Database;
use crate::engine::fault::external;
use crate::error::{Error, Result, Said};
use crate::query::fault::coded;
use crate::query::gate::check_plan;

/// Plans a view from a session's tables. `fault` says what the engine's errors are to that session.
///
/// # Errors
/// As the planner; usage if its columns have no names of their own.
pub async fn plan_view(
    state: &SessionState,
    view: &View,
    fault: impl Fn(&datafusion::common::DataFusionError) -> Error,
) -> Result<Arc<dyn TableProvider>> {
    let mut statement = EngineStatement::Statement(Box::new(reading(view)));
    analysis::translate_parsed(&mut statement);
    let planned = Box::pin(state.statement_to_plan(statement)).await;
    let plan = planned.map_err(|error| fault(&error).with("view", &view.name))?;
    check_plan(&plan)?;
    let plan = named(plan, view).map_err(|error| match error {
        Named::Own(error) => error,
        Named::Engine(error) => fault(&error).with("view", &view.name),
    })?;
    Ok(Arc::new(ViewTable::new(plan, Some(view.query.to_string()))))
}

enum Named {
    Own(Error),
    Engine(datafusion::common::DataFusionError),
}

/// Gives the columns the names that the view gives them, and sees that no two are the same.
fn named(plan: LogicalPlan, view: &View) -> std::result::Result<LogicalPlan, Named> {
    let columns = plan.schema().columns();
    let usage = |message, code| Named::Own(coded(Error::usage(message), code).with("view", &view.name));
    let names: Vec<String> = if view.columns.is_empty() {
        columns.iter().map(|column| column.name.clone()).collect()
    } else {
        view.columns.clone()
    };
    if names.len() != columns.len() {
        return Err(usage("the view names more or fewer columns than its query has", "42601"));
    }
    for (index, name) in names.iter().enumerate() {
        if names.iter().take(index).any(|other| other == name) {
            return Err(Named::Own(
                coded(Error::usage("two columns of the view have the same name"), "42701")
                    .with("view", &view.name)
                    .with("column", &Said(name))
                    .hint("name one of them otherwise with AS"),
            ));
        }
    }
    let columns = columns.into_iter().zip(&names);
    let columns = columns.map(|(column, name)| datafusion::logical_expr::Expr::Column(column).alias(name));
    let columns: Vec<_> = columns.collect();
    LogicalPlanBuilder::from(plan).project(columns).and_then(LogicalPlanBuilder::build).map_err(Named::Engine)
}

/// The workspace of a session that reads everything as it is.
pub struct WorkspaceSchema {
    database: Arc<Database>,
    views: Lock<BTreeMap<String, Arc<dyn TableProvider>>>,
}

impl fmt::Debug for WorkspaceSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkspaceSchema")
    }
}

impl WorkspaceSchema {
    /// The tables. Views come by [`Self::add_view`].
    pub fn new(database: Arc<Database>) -> Self {
        Self { database, views: Lock::default() }
    }

    /// Adds a planned view.
    pub fn add_view(&self, view: &View, planned: Arc<dyn TableProvider>) {
        if let Ok(mut views) = self.views.lock() {
            views.insert(view.name.table().to_owned(), planned);
        }
    }

    fn view(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        self.views.lock().ok()?.get(name).cloned()
    }
}

#[async_trait]
impl SchemaProvider for WorkspaceSchema {
    fn table_names(&self) -> Vec<String> {
        let views = self.views.lock().map(|views| views.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        self.database.names().map(str::to_owned).chain(views).collect()
    }

    async fn table(&self, name: &str) -> EngineResult<Option<Arc<dyn TableProvider>>> {
        if let Some(view) = self.view(name) {
            return Ok(Some(view));
        }
        let opened = self.database.open(name).await.map_err(external)?;
        Ok(opened.map(|table| table as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.view(name).is_some() || self.database.files(name).is_some()
    }
}
