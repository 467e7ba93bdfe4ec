//! Planning and running one statement, within limits of time, rows and bytes.
//!
//! INVARIANT: a statement is planned and computed in tasks of its own, so that a limit is heard whatever the engine does:
//! it computes constants while it plans, and a join can make rows for minutes without waiting for anything.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result as EngineResult};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval};

use super::fault::{coded, role_fault, role_planning_fault};
use super::gate::{Kind, check_plan, check_plan_of_anyone};
use super::scanned::Scanned;
use super::workspace::{View, plan_view};
use crate::engine::CATALOG;
use crate::engine::analysis;
use crate::engine::fault::{engine_fault, external, planning_fault, with_near_name};
use crate::error::{Error, Result};
use crate::model::TableName;

/// Batches that wait between a query and its reader.
const BATCHES_WAITING: usize = 2;

/// How often a running statement is asked what it has read.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a statement may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Bytes that sorts, joins and aggregates may hold in memory. The engine's own limit if unset.
    pub memory_bytes: Option<u64>,
    /// How long it may plan and run.
    pub time: Option<Duration>,
    /// Rows of its answer.
    pub rows: Option<u64>,
    /// Bytes that it may read: in a role's session those that leave its barrier, else those of the files.
    pub scanned_bytes: Option<u64>,
}

/// A statement that was planned.
pub struct Planned {
    /// What it does.
    pub kind: Kind,
    /// The tables that it reads.
    pub tables: Vec<TableName>,
    /// Whether the same tables give the same answer again: nothing in it asks for the time or for chance.
    pub steady: bool,
    /// Its plan as it was written, before anything was computed or moved.
    pub written: LogicalPlan,
    logical: LogicalPlan,
    pub(super) physical: Arc<dyn ExecutionPlan>,
    deadline: Option<Instant>,
}

impl Planned {
    /// The plan as a text, views and all: what the answer depends on besides the tables' rows.
    pub fn shape(&self) -> String {
        self.logical.display_indent_schema().to_string()
    }
}

/// The rows of an answer, with errors as their reader may hear them.
pub type Answer = SendableRecordBatchStream;

/// Who hears what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ears {
    /// A role, which hears a code and names.
    Role,
    /// Whoever may read everything.
    Anyone,
}

impl Ears {
    fn planning(self, error: &DataFusionError) -> Error {
        match self {
            Self::Role => role_planning_fault(error),
            Self::Anyone => planning_fault(error),
        }
    }

    fn running(self, error: &DataFusionError, plan: &LogicalPlan) -> Error {
        match self {
            Self::Role => role_fault(error, plan),
            Self::Anyone => engine_fault(error),
        }
    }

    fn check(self, plan: &LogicalPlan) -> Result<()> {
        match self {
            Self::Role => check_plan(plan),
            Self::Anyone => check_plan_of_anyone(plan),
        }
    }
}

/// What it takes to plan and run statements of a session.
pub(super) struct Steps<'a> {
    pub(super) context: &'a SessionContext,
    pub(super) limits: Limits,
    pub(super) ears: Ears,
}

impl Steps<'_> {
    /// Plans a statement.
    ///
    /// # Errors
    /// Refused if the session may not run it; usage if it does not fit what there is; failed at the time limit.
    pub(super) async fn plan(&self, statement: Statement, kind: Kind) -> Result<Planned> {
        let deadline = self.limits.time.map(|time| Instant::now() + time);
        let (context, ears) = (self.context.clone(), self.ears);
        let mut task = JoinSet::new();
        task.spawn(async move { Box::pin(plan(&context, ears, statement)).await });
        let done = within(deadline, task.join_next()).await?;
        let (written, logical, physical) = match done {
            Some(Ok(planned)) => planned?,
            _ => return Err(coded(Error::failed("the statement could not be planned"), "XX000")),
        };
        let (tables, steady) = (tables_of(&logical), is_steady(&written));
        Ok(Planned { kind, tables, steady, written, logical, physical, deadline })
    }

    /// Plans a view from the session's tables.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub(super) async fn view(&self, view: &View) -> Result<Arc<dyn TableProvider>> {
        let deadline = self.limits.time.map(|time| Instant::now() + time);
        let (context, ears, view) = (self.context.clone(), self.ears, view.clone());
        let mut task = JoinSet::new();
        task.spawn(async move { Box::pin(plan_view(&context.state(), &view, |error| ears.planning(error))).await });
        match within(deadline, task.join_next()).await? {
            // A place would be one in the view's text.
            Some(Ok(planned)) => planned.map_err(Error::without_place),
            _ => Err(coded(Error::failed("the statement could not be planned"), "XX000")),
        }
    }

    /// The columns of a table as the session sees them; `None` if it sees none.
    ///
    /// # Errors
    /// If the table cannot be opened.
    pub(super) async fn columns(&self, table: &TableName) -> Result<Option<SchemaRef>> {
        let schema = self.context.catalog(CATALOG).and_then(|catalog| catalog.schema(table.database()));
        let Some(schema) = schema else { return Ok(None) };
        let found = schema.table(table.table()).await.map_err(|error| self.ears.planning(&error))?;
        Ok(found.map(|table| table.schema()))
    }

    /// Runs a planned statement.
    ///
    /// # Errors
    /// If it cannot begin. What goes wrong later comes with the rows.
    pub(super) fn run(&self, planned: &Planned, scanned: Scanned) -> Result<Answer> {
        let fault = |error| self.ears.running(&error, &planned.logical);
        let rows = execute_stream(Arc::clone(&planned.physical), self.context.task_ctx()).map_err(fault)?;
        Ok(Box::pin(Rows::start(rows, planned, self.ears, self.limits, scanned)))
    }
}

type Plans = (LogicalPlan, LogicalPlan, Arc<dyn ExecutionPlan>);

async fn plan(context: &SessionContext, ears: Ears, mut statement: Statement) -> Result<Plans> {
    analysis::translate_parsed(&mut statement);
    let state = context.state();
    let fault = |error| with_near_name(ears.planning(&error), context);
    let written = state.statement_to_plan(statement).await.map_err(fault)?;
    ears.check(&written)?;
    let logical = state.optimize(&written).map_err(fault)?;
    let physical = state.query_planner().create_physical_plan(&logical, &state).await.map_err(fault)?;
    let physical = yielding(physical).map_err(fault)?;
    Ok((written, logical, physical))
}

/// A plan whose joins give way now and then. One that makes many rows of few would else compute on after its answer was
/// given up, since it never waits for anything.
fn yielding(plan: Arc<dyn ExecutionPlan>) -> EngineResult<Arc<dyn ExecutionPlan>> {
    let wrapped = plan.transform_up(|node| {
        let grows = node.name().ends_with("JoinExec") || node.name() == "UnnestExec";
        Ok(if grows { Transformed::yes(Arc::new(CooperativeExec::new(node)) as _) } else { Transformed::no(node) })
    });
    Ok(wrapped?.data)
}

/// Waits until a deadline, if there is one.
async fn within<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Result<T> {
    match deadline {
        None => Ok(work.await),
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.map_err(|_| too_long()),
    }
}

fn too_long() -> Error {
    coded(Error::failed("the statement took longer than the limit"), "57014")
        .hint("ask for less at once; the limit is `time` of the role, or of `[query]`, in the settings")
}

/// The session's tables in a plan.
fn tables_of(plan: &LogicalPlan) -> Vec<TableName> {
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

/// Whether a plan asks for neither the time nor chance.
fn is_steady(plan: &LogicalPlan) -> bool {
    let mut steady = true;
    let _ = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::ScalarFunction(function) = expr {
                    steady &= function.func.signature().volatility == Volatility::Immutable;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    steady
}

/// Rows as they come, counted against the limits.
struct Rows {
    schema: SchemaRef,
    batches: mpsc::Receiver<EngineResult<RecordBatch>>,
    late: Option<Pin<Box<tokio::time::Sleep>>>,
    look: Interval,
    logical: LogicalPlan,
    ears: Ears,
    limits: Limits,
    scanned: Scanned,
    returned: u64,
    /// Ends with the rows' reader.
    _task: JoinSet<()>,
    ended: bool,
}

impl Rows {
    fn start(
        mut rows: SendableRecordBatchStream,
        planned: &Planned,
        ears: Ears,
        limits: Limits,
        scanned: Scanned,
    ) -> Self {
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
        let (look, logical) = (tokio::time::interval(LOOK_EVERY), planned.logical.clone());
        Self {
            schema,
            batches: receiver,
            late,
            look,
            logical,
            ears,
            limits,
            scanned,
            returned: 0,
            _task: task,
            ended: false,
        }
    }

    /// The limit that was crossed, if one was.
    fn crossed(&mut self, context: &mut Context<'_>) -> Option<Error> {
        if let Some(late) = &mut self.late
            && late.as_mut().poll(context).is_ready()
        {
            return Some(too_long());
        }
        let most = self.limits.scanned_bytes?;
        // Asks to be woken again at the next look.
        while self.look.poll_tick(context).is_ready() {}
        self.has_read_more_than(most)
    }

    fn has_read_more_than(&self, most: u64) -> Option<Error> {
        let read = self.scanned.bytes();
        (read > most).then(|| {
            coded(Error::failed("the statement reads more than the limit"), "54000")
                .with("bytes read", &read)
                .with("most", &most)
                .hint(
                    "name fewer columns, or filter by a partition; the limit is `scanned` of the role, or of `[query]`",
                )
        })
    }

    /// Judges what comes next.
    fn judged(&mut self, next: Option<EngineResult<RecordBatch>>) -> Option<EngineResult<RecordBatch>> {
        let fault = match next {
            Some(Err(error)) => self.ears.running(&error, &self.logical),
            Some(Ok(batch)) => {
                self.returned += batch.num_rows() as u64;
                match self.limits.rows.filter(|most| self.returned > *most) {
                    None => return Some(Ok(batch)),
                    Some(most) => coded(Error::failed("the answer has more rows than the limit"), "54000")
                        .with("most", &most)
                        .hint("add LIMIT, or ask for sums; the limit is `rows` of the role, or of `[query]`"),
                }
            }
            // What was read between the last look and the end counts too.
            None => self.limits.scanned_bytes.and_then(|most| self.has_read_more_than(most))?,
        };
        self.ended = true;
        Some(Err(external(fault)))
    }
}

impl Stream for Rows {
    type Item = EngineResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(error) = self.crossed(context) {
            self.ended = true;
            return Poll::Ready(Some(Err(external(error))));
        }
        let next = std::task::ready!(self.batches.poll_recv(context));
        self.ended = next.is_none();
        Poll::Ready(self.judged(next))
    }
}

impl RecordBatchStream for Rows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
