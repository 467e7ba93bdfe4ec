//! The session of one role: its tables, its functions, its limits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex as Lock};

use arrow::datatypes::SchemaRef;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, SchemaProvider,
};
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::SessionContext;

use super::fault::coded;
use super::functions;
use super::gate::{Kind, gate};
use super::marks::marks;
use super::running::{Answer, Ears, Limits, Planned, Steps};
use super::scanned::Scanned;
use super::tables::{Rights, RoleDatabase, RoleInformation, Shared};
use super::workspace::View;
use crate::engine::analysis;
use crate::engine::catalog::Database;
use crate::engine::policy::Passed;
use crate::engine::{CATALOG, Engine};
use crate::error::{Error, Result};
use crate::model::{KeyId, TableName};

/// The schema that the engine looks names up in which describe a session.
const INFORMATION_SCHEMA: &str = "information_schema";

/// What stands before a role's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// The barrier.
    Fence,
    /// None: the policy is a plain view. No program of ours asks for it; the tests do, to show that they would notice.
    PlainView,
}

/// A session that sees what one role sees.
pub struct RoleSession {
    context: SessionContext,
    shared: Arc<Shared>,
    limits: Limits,
}

impl RoleSession {
    /// Builds the session. `databases` are those that its statements name; `keys` are those that the role may compute
    /// masking functions with, loaded already.
    ///
    /// # Errors
    /// If the engine cannot be set up.
    pub fn open(
        engine: &Engine,
        rights: Arc<dyn Rights>,
        databases: Vec<(String, Arc<Database>)>,
        keys: &BTreeSet<KeyId>,
        limits: Limits,
        barrier: Barrier,
    ) -> Result<Self> {
        let inside = engine.session(Vec::new())?;
        let shared = Arc::new(Shared {
            rights,
            inside,
            passed: Arc::new(Passed::default()),
            barrier,
            met: Lock::new(BTreeMap::new()),
            masked: Lock::new(BTreeMap::new()),
            views: Lock::new(BTreeMap::new()),
        });
        let catalogs: Arc<dyn CatalogProviderList> = Arc::new(MemoryCatalogProviderList::new());
        let catalog = Arc::new(MemoryCatalogProvider::new());
        let fault = |error| crate::engine::fault::engine_fault(&error);
        for (name, database) in databases {
            let role_database = RoleDatabase::new(&name, database, Arc::clone(&shared));
            catalog.register_schema(&name, Arc::new(role_database)).map_err(fault)?;
        }
        let information = RoleInformation { catalogs: Arc::downgrade(&catalogs) };
        catalog.register_schema(INFORMATION_SCHEMA, Arc::new(information)).map_err(fault)?;
        catalogs.register_catalog(CATALOG.to_owned(), catalog);
        let config =
            engine.session_config().with_information_schema(false).with_create_default_catalog_and_schema(false);
        let resources = match barrier {
            Barrier::Fence => engine.role_resources(limits.memory_bytes)?,
            // A plain view is read by the role's own plan, which therefore needs the engine's stores.
            Barrier::PlainView => shared.inside.runtime_env(),
        };
        let mut scalar = functions::scalar();
        scalar.extend(engine.masking_functions(keys));
        // Not `with_default_features`: that is what a role does not get.
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(resources)
            .with_catalog_list(catalogs)
            .with_expr_planners(SessionStateDefaults::default_expr_planners())
            .with_scalar_functions(scalar)
            .with_aggregate_functions(functions::aggregate())
            .with_window_functions(functions::window())
            .with_higher_order_functions(functions::higher_order())
            .build();
        let context = SessionContext::new_with_state(state);
        for rule in analysis::rules() {
            context.add_analyzer_rule(rule);
        }
        Ok(Self { context, shared, limits })
    }

    /// What left the barrier so far: all that a role is told about rows and bytes read.
    pub fn passed(&self) -> &Passed {
        &self.shared.passed
    }

    /// By column of an answer: whether something that the role sees masked is in it.
    pub fn marks(&self, planned: &Planned) -> Vec<bool> {
        let Ok(masked) = self.shared.masked.lock() else { return Vec::new() };
        marks(&planned.written, &|table, column| masked.get(table).is_some_and(|columns| columns.contains(column)))
    }

    /// What left the barrier so far, as a running statement is asked for it.
    pub fn scanned(&self) -> Scanned {
        Scanned::left_barrier(&self.shared.passed)
    }

    /// Adds a database of saltlake's own tables, which hold what the role may read and nothing else.
    ///
    /// # Errors
    /// If the session cannot take it.
    pub fn add_own(&self, name: &str, tables: Arc<dyn SchemaProvider>) -> Result<()> {
        let fault = |error| crate::engine::fault::engine_fault(&error);
        let catalog = self.context.catalog(CATALOG).ok_or_else(|| Error::failed("the engine has no catalog"))?;
        catalog.register_schema(name, tables).map_err(fault)?;
        Ok(())
    }

    /// The policies that the session's statements met, as one text that changes with any of them.
    pub fn policy_version(&self) -> String {
        let met = self.shared.met.lock().map(|met| met.values().cloned().collect::<Vec<_>>()).unwrap_or_default();
        met.join(",")
    }

    /// Plans views from the session's own tables, each behind those that it reads. With `every`, one that the role cannot
    /// read is left out, since nobody asked for it by name.
    ///
    /// # Errors
    /// As the planner, of a view that was asked for; failed at the time limit.
    pub async fn add_views(&self, views: &[View], every: bool) -> Result<()> {
        for view in views {
            match self.steps().view(view).await {
                Ok(planned) => {
                    if let Ok(mut views) = self.shared.views.lock() {
                        views.insert(view.name.clone(), planned);
                    }
                }
                Err(_) if every => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The columns of a table as the role sees them; `None` if it sees none.
    ///
    /// # Errors
    /// If the table cannot be opened.
    pub async fn columns(&self, table: &TableName) -> Result<Option<SchemaRef>> {
        self.steps().columns(table).await
    }

    /// Parses, judges and plans a statement.
    ///
    /// # Errors
    /// Refused if a role may not run it; usage if it does not fit what the role sees; failed at the time limit.
    pub async fn plan(&self, text: &str) -> Result<Planned> {
        let (statement, kind) = gate(text)?;
        // What writes or defines is taken apart first, and what SHOW asks for is made a query.
        if !matches!(kind, Kind::Read | Kind::Explain) {
            return Err(coded(Error::refused("a role may only read"), "42501"));
        }
        self.plan_parsed(statement, kind).await
    }

    /// Plans a statement that [`gate`] let through.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub async fn plan_parsed(&self, statement: datafusion::sql::parser::Statement, kind: Kind) -> Result<Planned> {
        self.steps().plan(statement, kind).await
    }

    /// Runs a planned statement.
    ///
    /// # Errors
    /// If it cannot begin. What goes wrong later comes with the rows.
    pub fn run(&self, planned: &Planned) -> Result<Answer> {
        self.steps().run(planned, self.scanned())
    }

    fn steps(&self) -> Steps<'_> {
        Steps { context: &self.context, limits: self.limits, ears: Ears::Role }
    }
}
