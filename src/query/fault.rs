//! Errors as a role may hear them: an SQLSTATE code, names that the role typed or sees, and never a value.

use std::collections::BTreeSet;

use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};

use crate::engine::fault::{engine_fault, planning_fault_beside, sqlstate};
use crate::error::{Error, Said};

/// How many columns an error names.
const COLUMNS_MAX: usize = 8;

/// Adds the code.
pub(super) fn coded(error: Error, code: &str) -> Error {
    if error.context().iter().any(|(key, _)| *key == "code") {
        return error;
    }
    error.with("code", &Said(code))
}

/// An error of planning. What it says comes from the statement and the role's own tables.
pub fn role_planning_fault(error: &DataFusionError) -> Error {
    coded(planning_fault_beside(error, "`SHOW TABLES` lists the tables that the role sees"), sqlstate(error))
}

/// An error of a running statement: its code, and the columns that the statement computes with in that way. Both follow
/// from the statement alone, whatever the rows.
pub fn role_fault(error: &DataFusionError, plan: &LogicalPlan) -> Error {
    let code = sqlstate(error);
    if code == "53200" {
        return coded(Error::failed("the statement needs more memory than the role may use"), code)
            .hint("ask for less at once; the limit is `memory` of the role in the settings, or `[engine] memory`");
    }
    let fault = coded(engine_fault(error), code);
    let columns = suspects(plan, code);
    if columns.is_empty() || fault.context().iter().any(|(key, _)| *key == "table") {
        return fault;
    }
    let names: Vec<_> = columns.into_iter().take(COLUMNS_MAX).collect();
    fault.with("column", &Said(&names.join(", ")))
}

/// The columns in expressions that can fail with a code.
fn suspects(plan: &LogicalPlan, code: &str) -> BTreeSet<String> {
    let mut columns = BTreeSet::new();
    let _ = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if can_fail(expr, code) {
                    columns.extend(expr.column_refs().into_iter().map(|column| column.name.clone()));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    columns
}

fn can_fail(expr: &Expr, code: &str) -> bool {
    let arithmetic = |expr: &Expr| match expr {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => {
            matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo)
        }
        _ => false,
    };
    match code {
        "22018" | "22007" => matches!(expr, Expr::Cast(_) | Expr::ScalarFunction(_)),
        "22012" => matches!(expr, Expr::BinaryExpr(BinaryExpr { op: Operator::Divide | Operator::Modulo, .. })),
        "22003" => {
            arithmetic(expr) || matches!(expr, Expr::Cast(_) | Expr::ScalarFunction(_) | Expr::AggregateFunction(_))
        }
        "22000" => matches!(expr, Expr::ScalarFunction(_) | Expr::AggregateFunction(_) | Expr::WindowFunction(_)),
        _ => false,
    }
}
