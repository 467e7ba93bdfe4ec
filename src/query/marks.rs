//! Which columns of an answer come from masked columns.

use std::collections::BTreeSet;

use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::model::TableName;

/// Whether a column of a table is masked.
pub(super) type IsMasked<'a> = &'a dyn Fn(&TableName, &str) -> bool;

/// By column of a plan's result: whether something masked is in it. A value that is computed from several columns counts
/// as masked if one of them is.
///
/// It is a mark for readers, no protection: what the barrier gave out is masked already.
pub(super) fn marks(plan: &LogicalPlan, is_masked: IsMasked<'_>) -> Vec<bool> {
    let columns = plan.schema().columns();
    match plan {
        LogicalPlan::TableScan(scan) => {
            let Some(database) = scan.table_name.schema() else { return vec![false; columns.len()] };
            let table = TableName::new(database, scan.table_name.table());
            columns.iter().map(|column| is_masked(&table, &column.name)).collect()
        }
        LogicalPlan::SubqueryAlias(alias) => marks(&alias.input, is_masked),
        LogicalPlan::Projection(projection) => of_exprs(projection.expr.iter(), &below(plan, is_masked), is_masked),
        LogicalPlan::Aggregate(aggregate) => {
            let below = below(plan, is_masked);
            let mut marks = of_exprs(aggregate.group_expr.iter(), &below, is_masked);
            // A grouping set stands for more columns than it has expressions, with one of numbers behind them.
            let last = marks.last().copied().unwrap_or_default();
            marks.resize(columns.len().saturating_sub(aggregate.aggr_expr.len()), last);
            marks.extend(of_exprs(aggregate.aggr_expr.iter(), &below, is_masked));
            marks
        }
        LogicalPlan::Window(window) => {
            let below = below(plan, is_masked);
            let mut marks = marks(&window.input, is_masked);
            marks.extend(of_exprs(window.window_expr.iter(), &below, is_masked));
            marks
        }
        LogicalPlan::Union(union) => {
            let all: Vec<Vec<bool>> = union.inputs.iter().map(|input| marks(input, is_masked)).collect();
            (0..columns.len()).map(|at| all.iter().any(|marks| marks.get(at).copied().unwrap_or_default())).collect()
        }
        _ => {
            let below = below(plan, is_masked);
            columns.iter().map(|column| below.contains(column)).collect()
        }
    }
}

/// The masked columns of what a node reads.
fn below(plan: &LogicalPlan, is_masked: IsMasked<'_>) -> BTreeSet<Column> {
    let inputs = plan.inputs().into_iter();
    inputs.flat_map(|input| masked_columns(input.schema(), &marks(input, is_masked))).collect()
}

fn masked_columns(schema: &DFSchema, marks: &[bool]) -> Vec<Column> {
    let columns = schema.columns().into_iter().zip(marks);
    columns.filter(|(_, masked)| **masked).map(|(column, _)| column).collect()
}

fn of_exprs<'a>(exprs: impl Iterator<Item = &'a Expr>, below: &BTreeSet<Column>, is_masked: IsMasked<'_>) -> Vec<bool> {
    exprs.map(|expr| is_marked(expr, below, is_masked)).collect()
}

fn is_marked(expr: &Expr, below: &BTreeSet<Column>, is_masked: IsMasked<'_>) -> bool {
    // How many there are is nobody's personal datum.
    if let Expr::AggregateFunction(function) = expr.clone().unalias()
        && ["count", "approx_distinct"].contains(&function.func.name())
    {
        return false;
    }
    if expr.column_refs().into_iter().any(|column| below.contains(column)) {
        return true;
    }
    let mut found = false;
    let _ = datafusion::common::tree_node::TreeNode::apply(expr, |part| {
        if let Expr::ScalarSubquery(query) = part {
            found |= marks(&query.subquery, is_masked).into_iter().any(|masked| masked);
        }
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    });
    found
}
