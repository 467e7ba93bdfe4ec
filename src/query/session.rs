//! The session of one role: its tables, its functions, its limits.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex as Lock};
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList};
use datafusion::common::Result as EngineResult;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, SessionStateDefaults};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::fault::{coded, role_fault, role_planning_fault};
use super::functions;
use super::gate::{Kind, check_plan, gate};
use super::tables::Rights;
use super::tables::{RoleDatabase, RoleInformation, Shared};
use crate::engine::analysis;
use crate::engine::catalog::Database;
use crate::engine::fault::external;
use crate::engine::policy::Passed;
use crate::engine::{CATALOG, Engine};
use crate::error::{Error, Result};
use crate::model::{KeyId, TableName};

/// The schema that the engine looks names up in which describe a session.
const INFORMATION_SCHEMA: &str = "information_schema";

/// Batches that wait between a query and its reader.
const BATCHES_WAITING: usize = 2;

/// What stands before a role's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// The barrier.
    Fence,
    /// None: the policy is a plain view. No program of ours asks for it; the tests do, to show that they would notice.
    PlainView,
}

/// What a role's statements may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Bytes that sorts, joins and aggregates may hold in memory. The engine's own limit if unset.
    pub memory_bytes: Option<u64>,
    /// How long a statement may plan and run.
    pub time: Option<Duration>,
}

/// A session that sees what one role sees.
pub struct RoleSession {
    context: SessionContext,
    shared: Arc<Shared>,
    limits: Limits,
}

/// A statement that was planned.
pub struct Planned {
    /// What it does.
    pub kind: Kind,
    /// The tables that it reads.
    pub tables: Vec<TableName>,
    logical: LogicalPlan,
    physical: Arc<dyn ExecutionPlan>,
    deadline: Option<Instant>,
}

/// The rows of an answer, with errors as the role may hear them.
pub type Answer = SendableRecordBatchStream;

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

    /// The policies that the session's statements met, as one text that changes with any of them.
    pub fn policy_version(&self) -> String {
        let met = self.shared.met.lock().map(|met| met.values().cloned().collect::<Vec<_>>()).unwrap_or_default();
        met.join(",")
    }

    /// Parses, judges and plans a statement.
    ///
    /// # Errors
    /// Refused if a role may not run it; usage if it does not fit what the role sees; failed at the time limit.
    pub async fn plan(&self, text: &str) -> Result<Planned> {
        let (statement, kind) = gate(text)?;
        self.plan_parsed(statement, kind).await
    }

    /// Plans a statement that [`gate`] let through.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub async fn plan_parsed(&self, statement: datafusion::sql::parser::Statement, kind: Kind) -> Result<Planned> {
        let deadline = self.limits.time.map(|time| Instant::now() + time);
        let context = self.context.clone();
        // In a task of its own: the engine computes constants while it plans, and would not hear of a time limit.
        let mut task = JoinSet::new();
        task.spawn(async move { Box::pin(plan(&context, statement)).await });
        let done = within(deadline, task.join_next()).await?;
        let (logical, physical) = match done {
            Some(Ok(planned)) => planned?,
            _ => return Err(coded(Error::failed("the statement could not be planned"), "XX000")),
        };
        let tables = tables_of(&logical);
        Ok(Planned { kind, tables, logical, physical, deadline })
    }

    /// Runs a planned statement.
    ///
    /// # Errors
    /// If it cannot begin. What goes wrong later comes with the rows.
    pub fn run(&self, planned: &Planned) -> Result<Answer> {
        let fault = |error| role_fault(&error, &planned.logical);
        let rows = execute_stream(Arc::clone(&planned.physical), self.context.task_ctx()).map_err(fault)?;
        Ok(Box::pin(Rows::start(rows, planned)))
    }
}

async fn plan(
    context: &SessionContext,
    mut statement: datafusion::sql::parser::Statement,
) -> Result<(LogicalPlan, Arc<dyn ExecutionPlan>)> {
    analysis::translate_parsed(&mut statement);
    let state = context.state();
    let fault = |error| role_planning_fault(&error);
    let planned = state.statement_to_plan(statement).await.map_err(fault)?;
    check_plan(&planned)?;
    let logical = state.optimize(&planned).map_err(fault)?;
    let physical = state.query_planner().create_physical_plan(&logical, &state).await.map_err(fault)?;
    Ok((logical, yielding(physical)?))
}

/// A plan whose joins give way now and then. One that makes many rows of few would else compute on after its answer was
/// given up, since it never waits for anything.
fn yielding(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let wrapped = plan.transform_up(|node| {
        let grows = node.name().ends_with("JoinExec") || node.name() == "UnnestExec";
        Ok(if grows { Transformed::yes(Arc::new(CooperativeExec::new(node)) as _) } else { Transformed::no(node) })
    });
    Ok(wrapped.map_err(|error| role_planning_fault(&error))?.data)
}

/// Waits until a deadline, if there is one.
async fn within<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Result<T> {
    match deadline {
        None => Ok(work.await),
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.map_err(|_| {
            coded(Error::failed("the statement took longer than the role's limit"), "57014")
                .hint("ask for less at once; the limit is `time` of the role in the settings")
        }),
    }
}

/// The role's tables in a plan.
fn tables_of(plan: &LogicalPlan) -> Vec<TableName> {
    use datafusion::common::tree_node::TreeNodeRecursion;
    let mut tables = BTreeSet::new();
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let (Some(schema), table) = (scan.table_name.schema(), scan.table_name.table())
        {
            tables.insert(TableName::new(schema, table));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    tables.into_iter().collect()
}

/// Rows as they come, computed in a task of their own so that a time limit is heard.
struct Rows {
    schema: SchemaRef,
    batches: mpsc::Receiver<EngineResult<RecordBatch>>,
    late: Option<Pin<Box<tokio::time::Sleep>>>,
    logical: LogicalPlan,
    /// Ends with the rows' reader.
    _task: JoinSet<()>,
    ended: bool,
}

impl Rows {
    fn start(mut rows: SendableRecordBatchStream, planned: &Planned) -> Self {
        let schema = rows.schema();
        let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Some(batch) = rows.next().await {
                let failed = batch.is_err();
                if sender.send(batch).await.is_err() || failed {
                    break;
                }
            }
        });
        let late = planned.deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline)));
        Self { schema, batches: receiver, late, logical: planned.logical.clone(), _task: task, ended: false }
    }
}

impl Stream for Rows {
    type Item = EngineResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(late) = &mut self.late
            && late.as_mut().poll(context).is_ready()
        {
            self.ended = true;
            let error = coded(Error::failed("the statement took longer than the role's limit"), "57014");
            return Poll::Ready(Some(Err(external(error))));
        }
        let next = std::task::ready!(self.batches.poll_recv(context));
        self.ended = !matches!(next, Some(Ok(_)));
        Poll::Ready(next.map(|batch| batch.map_err(|error| external(role_fault(&error, &self.logical)))))
    }
}

impl RecordBatchStream for Rows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
