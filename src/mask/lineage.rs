//! Which raw columns reach a query's output without passing through a mask.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Distinct, Expr, Join, JoinType, LogicalPlan, Operator, Subquery};

use crate::engine::fault::engine_fault;
use crate::engine::functions::is_mask;
use crate::error::Result;
use crate::model::{ColumnRef, TableName};

/// The raw columns that one output column shows unmasked.
type Flow = BTreeSet<ColumnRef>;

/// A masking call that makes an output column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskUse {
    /// The function's name.
    pub function: String,
    /// Its arguments after the value. They stand in the SQL text: key names, counts, a constant; never a key.
    pub arguments: Vec<ScalarValue>,
}

/// Per output column: the raw columns of `database` that it shows unmasked.
///
/// INVARIANT: errs on the side of naming too many. A node that is not understood shows everything below it, and a
/// column of an outer query everything that the whole statement reads.
pub fn unmasked(plan: &LogicalPlan, database: &str) -> Result<Vec<(String, Flow)>> {
    let trace = Trace { database, whole: scanned(plan, database)? };
    let flows = trace.flows_of(plan)?;
    let names = plan.schema().fields().iter().map(|field| field.name().clone());
    Ok(names.zip(flows).collect())
}

/// Every table that a plan reads, with the database that it was written with, if any.
pub fn tables(plan: &LogicalPlan) -> Result<BTreeSet<(Option<String>, String)>> {
    let mut tables = BTreeSet::new();
    let visited = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            tables.insert((scan.table_name.schema().map(str::to_owned), scan.table_name.table().to_owned()));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    visited.map_err(|error| engine_fault(&error))?;
    Ok(tables)
}

/// The output columns that are a masking call and nothing else.
pub fn masks(plan: &LogicalPlan) -> BTreeMap<String, MaskUse> {
    let fields = plan.schema().fields().iter().enumerate();
    fields.filter_map(|(index, field)| Some((field.name().clone(), mask_at(plan, index)?))).collect()
}

/// The mask that makes an output column, through nodes that pass values on as they are.
fn mask_at(plan: &LogicalPlan, index: usize) -> Option<MaskUse> {
    match plan {
        LogicalPlan::Projection(projection) => mask_of(projection.expr.get(index)?, &projection.input),
        LogicalPlan::Aggregate(aggregate) => {
            let grouped = aggregate.group_expr.get(index).filter(|expr| !matches!(expr, Expr::GroupingSet(_)))?;
            mask_of(grouped, &aggregate.input)
        }
        LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Distinct(Distinct::All(_)) => mask_at(plan.inputs().first()?, index),
        LogicalPlan::Union(union) => {
            let mut masks = union.inputs.iter().map(|input| mask_at(input, index));
            let first = masks.next()??;
            masks.all(|mask| mask.as_ref() == Some(&first)).then_some(first)
        }
        _ => None,
    }
}

fn mask_of(expr: &Expr, input: &LogicalPlan) -> Option<MaskUse> {
    match expr {
        Expr::Alias(alias) => mask_of(&alias.expr, input),
        Expr::Column(column) => mask_at(input, position(input.schema(), column)?),
        other => mask_use(other),
    }
}

fn mask_use(expr: &Expr) -> Option<MaskUse> {
    match expr {
        Expr::ScalarFunction(call) if is_mask(call.func.name()) => {
            let arguments = call.args.iter().skip(1).filter_map(literal).collect();
            Some(MaskUse { function: call.func.name().to_owned(), arguments })
        }
        _ => None,
    }
}

fn literal(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::Cast(cast) => literal(&cast.expr),
        _ => None,
    }
}

/// What the tracing of one statement rests on.
struct Trace<'a> {
    /// The raw database.
    database: &'a str,
    /// Every raw column that the statement reads.
    whole: Flow,
}

impl Trace<'_> {
    fn flows_of(&self, plan: &LogicalPlan) -> Result<Vec<Flow>> {
        let inputs = plan.inputs();
        let first = || inputs.first().map_or_else(|| Ok(Vec::new()), |input| self.flows_of(input));
        Ok(match plan {
            LogicalPlan::TableScan(scan) => {
                let raw = scan.table_name.schema() == Some(self.database);
                let table = TableName::new(self.database, scan.table_name.table());
                let fields = scan.projected_schema.fields().iter();
                fields
                    .map(|field| {
                        let column = ColumnRef { table: table.clone(), column: field.name().clone() };
                        if raw { Flow::from([column]) } else { Flow::new() }
                    })
                    .collect()
            }
            LogicalPlan::Projection(projection) => {
                self.exprs(&projection.expr, projection.input.schema(), &first()?)?
            }
            LogicalPlan::Aggregate(aggregate) => {
                let below = first()?;
                let all: Vec<Expr> = aggregate.group_expr.iter().chain(&aggregate.aggr_expr).cloned().collect();
                let flows = self.exprs(&all, aggregate.input.schema(), &below)?;
                fitted(flows, plan)
            }
            LogicalPlan::Window(window) => {
                let mut flows = first()?;
                let added = self.exprs(&window.window_expr, window.input.schema(), &flows)?;
                flows.extend(added);
                flows
            }
            LogicalPlan::Filter(filter) => {
                let mut flows = first()?;
                self.equate(&split_conjunction(&filter.predicate), filter.input.schema(), &mut flows)?;
                fitted(flows, plan)
            }
            LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Distinct(Distinct::All(_)) => fitted(first()?, plan),
            LogicalPlan::Join(join) => self.flows_of_join(join, plan)?,
            LogicalPlan::Union(_) => {
                let mut united = first()?;
                for input in inputs.iter().skip(1) {
                    for (flow, other) in united.iter_mut().zip(self.flows_of(input)?) {
                        flow.extend(other);
                    }
                }
                united
            }
            LogicalPlan::EmptyRelation(_) => vec![Flow::new(); plan.schema().fields().len()],
            _ => self.everything(plan)?,
        })
    }

    fn flows_of_join(&self, join: &Join, plan: &LogicalPlan) -> Result<Vec<Flow>> {
        let (left, right) = (self.flows_of(&join.left)?, self.flows_of(&join.right)?);
        Ok(match join.join_type {
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                let mut flows = [left, right].concat();
                let pairs: Vec<Expr> = join.on.iter().map(|(left, right)| left.clone().eq(right.clone())).collect();
                let conditions: Vec<&Expr> =
                    pairs.iter().chain(join.filter.iter().flat_map(split_conjunction)).collect();
                self.equate(&conditions, &join.schema, &mut flows)?;
                flows
            }
            JoinType::LeftSemi | JoinType::LeftAnti => left,
            JoinType::RightSemi | JoinType::RightAnti => right,
            JoinType::LeftMark | JoinType::RightMark => self.everything(plan)?,
        })
    }

    /// A column that a condition equates with another shows it: `… JOIN words ON words.word = customer.name` would spell
    /// out each name in a column of another table. What is equated with a constant is the condition's own to show.
    fn equate(&self, conditions: &[&Expr], schema: &DFSchema, flows: &mut [Flow]) -> Result<()> {
        // Once more for each condition, since they may stand in a chain.
        for _ in conditions {
            for condition in conditions {
                let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq | Operator::IsNotDistinctFrom, right }) =
                    condition
                else {
                    continue;
                };
                for (from, to) in [(left, right), (right, left)] {
                    let mut flow = Flow::new();
                    self.gather(from, schema, flows, &mut flow)?;
                    for column in to.column_refs() {
                        if let Some(shown) = position(schema, column).and_then(|index| flows.get_mut(index)) {
                            shown.extend(flow.iter().cloned());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Every raw column below a node, for each of its outputs.
    fn everything(&self, plan: &LogicalPlan) -> Result<Vec<Flow>> {
        let all = if reaches_out(plan)? { self.whole.clone() } else { scanned(plan, self.database)? };
        Ok(vec![all; plan.schema().fields().len()])
    }

    fn exprs(&self, all: &[Expr], schema: &DFSchema, below: &[Flow]) -> Result<Vec<Flow>> {
        all.iter()
            .map(|expr| {
                let mut flow = Flow::new();
                self.gather(expr, schema, below, &mut flow)?;
                Ok(flow)
            })
            .collect()
    }

    fn gather(&self, expr: &Expr, schema: &DFSchema, below: &[Flow], flow: &mut Flow) -> Result<()> {
        match expr {
            Expr::Column(column) => {
                match position(schema, column).and_then(|index| below.get(index)) {
                    Some(found) => flow.extend(found.iter().cloned()),
                    None => flow.extend(below.iter().flatten().cloned()),
                }
                return Ok(());
            }
            Expr::ScalarFunction(call) if is_mask(call.func.name()) => {
                // The first argument is masked. The others are literals, or the function refuses them.
                return call.args.iter().skip(1).try_for_each(|argument| self.gather(argument, schema, below, flow));
            }
            Expr::AggregateFunction(call) if call.func.name() == "count" => return Ok(()),
            Expr::OuterReferenceColumn(..) => flow.extend(self.whole.iter().cloned()),
            Expr::ScalarSubquery(subquery)
            | Expr::InSubquery(InSubquery { subquery, .. })
            | Expr::Exists(Exists { subquery, .. })
            | Expr::SetComparison(SetComparison { subquery, .. }) => self.gather_subquery(subquery, flow)?,
            _ => {}
        }
        let mut failed = None;
        let visited = expr.apply_children(|child| {
            if let Err(error) = self.gather(child, schema, below, flow) {
                failed = Some(error);
                return Ok(TreeNodeRecursion::Stop);
            }
            Ok(TreeNodeRecursion::Continue)
        });
        visited.map_err(|error| engine_fault(&error))?;
        failed.map_or(Ok(()), Err)
    }

    fn gather_subquery(&self, subquery: &Subquery, flow: &mut Flow) -> Result<()> {
        flow.extend(self.flows_of(&subquery.subquery)?.into_iter().flatten());
        Ok(())
    }
}

/// If a node's output does not match its inputs one by one, each output may show all of them.
fn fitted(flows: Vec<Flow>, plan: &LogicalPlan) -> Vec<Flow> {
    let width = plan.schema().fields().len();
    if flows.len() == width {
        return flows;
    }
    let all: Flow = flows.into_iter().flatten().collect();
    vec![all; width]
}

/// Every column of the raw tables that a plan and its subqueries read.
fn scanned(plan: &LogicalPlan, database: &str) -> Result<Flow> {
    let mut all = Flow::new();
    let visited = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && scan.table_name.schema() == Some(database)
        {
            let table = TableName::new(database, scan.table_name.table());
            let fields = scan.projected_schema.fields().iter();
            all.extend(fields.map(|field| ColumnRef { table: table.clone(), column: field.name().clone() }));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    visited.map_err(|error| engine_fault(&error))?;
    Ok(all)
}

/// Whether a plan or one of its subqueries uses a column of a query around it.
fn reaches_out(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    let visited = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|part| Ok(matches!(part, Expr::OuterReferenceColumn(..))))?;
            Ok(TreeNodeRecursion::Continue)
        })
    });
    visited.map_err(|error| engine_fault(&error))?;
    Ok(found)
}

fn position(schema: &DFSchema, column: &Column) -> Option<usize> {
    schema.maybe_index_of_column(column)
}
