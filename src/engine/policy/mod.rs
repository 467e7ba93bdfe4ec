//! A table as a role sees it: the policy of its rows and columns, behind a barrier.
//!
//! A view would not do: the optimizer merges a user's predicate with the view's own and may run it first, on rows that
//! the view hides, and then its errors tell what stands in them. So a [`PolicyTable`] is never inlined. It takes only
//! leak-proof predicates, plans the policy by itself, and hands the result out through [`fence::FenceExec`],
//! behind which no rule of the optimizer looks.
//!
//! INVARIANT: rows are filtered, then computed into what the role sees, before any expression of the user runs.
//! INVARIANT: what stands behind the fence is planned and read by the engine's own session; the role's session has
//! neither its object stores nor its functions.

mod bare;
pub mod fence;
mod leakproof;
mod plain;

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, Result as EngineResult};
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, cast,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;

use self::fence::FenceExec;
pub use self::fence::{Passed, behind};
use self::leakproof::is_leakproof;
use self::plain::plain;
use super::fault::engine_fault;
use crate::error::Result;
use crate::model::TableName;

/// The name of the raw table inside the policy's own plan. It is seen by nobody.
const RAW: &str = "raw";

/// What a role sees of a table, as expressions on the raw table's columns.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Which rows; `None` for all. NULL hides a row. Must not fail on any row.
    pub rows: Option<Expr>,
    /// Which columns, in the order in which they are shown. Never empty.
    pub columns: Vec<PolicyColumn>,
}

/// A column that a role sees.
#[derive(Clone, Debug)]
pub struct PolicyColumn {
    /// Its name.
    pub name: String,
    /// What is shown of it: `None` for the raw value in every row.
    pub shown: Option<Expr>,
}

/// A raw table behind a role's policy.
pub struct PolicyTable {
    name: TableName,
    raw: Arc<dyn TableProvider>,
    policy: Policy,
    schema: SchemaRef,
    /// The engine's own session, which plans and reads what stands behind the fence.
    inside: SessionContext,
    passed: Arc<Passed>,
}

impl fmt::Debug for PolicyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyTable({})", self.name)
    }
}

impl PolicyTable {
    /// Puts a policy before a raw table. `inside` is a session of the engine, `passed` counts what leaves the barrier.
    ///
    /// # Errors
    /// If an expression of the policy does not fit the table.
    pub fn new(
        name: TableName,
        raw: Arc<dyn TableProvider>,
        policy: Policy,
        inside: SessionContext,
        passed: Arc<Passed>,
    ) -> Result<Self> {
        let schema = Arc::new(Schema::empty());
        let mut table = Self { name, raw, policy, schema, inside, passed };
        let plan = table.policy_plan(None, &[], None).and_then(|plan| table.inside.state().optimize(&plan));
        let plan = plan.map_err(|error| {
            let text = super::fault::planning_fault(&error);
            text.with("table", &table.name).hint("the role's row filter or one of its masks does not fit the table")
        })?;
        // Neither the files' metadata nor a column's own: pandas and others write column names and samples there.
        let fields = plan.schema().fields().iter().zip(&table.policy.columns);
        let fields: Vec<Field> = fields
            .map(|(field, column)| Field::new(&column.name, field.data_type().clone(), field.is_nullable()))
            .collect();
        table.schema = Arc::new(Schema::new(fields));
        Ok(table)
    }

    /// The table's name.
    pub fn name(&self) -> &TableName {
        &self.name
    }

    /// The policy as a plain query of the raw table, as a view would have it: no barrier. For reading, and for showing
    /// what the barrier is there for.
    ///
    /// # Errors
    /// As the engine's planner.
    pub fn as_view(&self) -> EngineResult<LogicalPlan> {
        self.policy_plan(None, &[], None)
    }

    /// Row filter, leak-proof filters of the user, columns, limit: in this order.
    fn policy_plan(
        &self,
        projection: Option<&[usize]>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<LogicalPlan> {
        let mut plan = LogicalPlanBuilder::scan(RAW, provider_as_source(Arc::clone(&self.raw)), None)?;
        for filter in self.policy.rows.iter().chain(filters) {
            plan = plan.filter(filter.clone())?;
        }
        let all: Vec<usize> = (0..self.policy.columns.len()).collect();
        let wanted = projection.unwrap_or(&all).iter().filter_map(|index| self.policy.columns.get(*index));
        let columns = wanted.map(|column| shown(column, &plan)).collect::<EngineResult<Vec<_>>>()?;
        plan.project(columns)?.limit(0, limit)?.build()
    }

    /// Whether a column is shown as it is in every row.
    fn is_unchanged(&self, column: &str) -> bool {
        self.policy.columns.iter().any(|shown| shown.name == column && shown.shown.is_none())
    }
}

/// A column of the policy under its own name, in a type without dictionaries and views: these share memory with hidden
/// cells, and what memory a batch seems to need would tell of them.
fn shown(column: &PolicyColumn, plan: &LogicalPlanBuilder) -> EngineResult<Expr> {
    let raw = || Expr::Column(Column::new(Some(RAW), &column.name));
    let value = column.shown.clone().unwrap_or_else(raw);
    let data_type = value.get_type(plan.schema().as_ref())?;
    let bare = plain(&data_type);
    let value = if bare == data_type { value } else { cast(value, bare) };
    Ok(value.alias(&column.name))
}

#[async_trait]
impl TableProvider for PolicyTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let filters: Vec<Expr> = filters.iter().map(leakproof::on_raw).collect::<EngineResult<_>>()?;
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let plan = self.policy_plan(projection.map(Vec::as_slice), &filters, limit);
        let plan = match plan {
            Ok(plan) => self.inside.state().create_physical_plan(&plan).await,
            Err(error) => Err(error),
        };
        let plan = plan.map_err(|error| self.fault(&error))?;
        Ok(Arc::new(FenceExec::new(self.name.clone(), plan, schema, &self.inside, &self.passed)))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> EngineResult<Vec<TableProviderFilterPushDown>> {
        let below = |filter: &&Expr| {
            if is_leakproof(filter, &self.schema, &|column| self.is_unchanged(column)) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        };
        Ok(filters.iter().map(below).collect())
    }
}

impl PolicyTable {
    fn fault(&self, error: &datafusion::common::DataFusionError) -> datafusion::common::DataFusionError {
        super::fault::external(fence::behind(&self.name, &engine_fault(error)))
    }
}
