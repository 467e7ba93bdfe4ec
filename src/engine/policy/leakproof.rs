//! Predicates that may run on hidden rows, since nothing but rows comes of them: no error, no other effect.
//!
//! `PostgreSQL`'s security barrier views call such functions leak-proof. Here the list is short: a column beside a literal
//! of its own type, IS NULL, IN, and AND, OR and NOT of these, on columns that the role sees as they are.

use arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as EngineResult};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::RAW;

/// How deep AND, OR and NOT may nest.
const DEPTH_MAX: usize = 64;

/// Whether a predicate may pass below the barrier. `unchanged` says whether a column is shown as it is.
pub(super) fn is_leakproof(predicate: &Expr, schema: &Schema, unchanged: &dyn Fn(&str) -> bool) -> bool {
    let rules = Rules { schema, unchanged };
    rules.allow(predicate, DEPTH_MAX)
}

/// The predicate on the raw table. Only columns that are shown as they are stand in it, under the same names.
pub(super) fn on_raw(predicate: &Expr) -> EngineResult<Expr> {
    let moved = predicate.clone().transform(|expr| {
        Ok(match expr {
            Expr::Column(column) => Transformed::yes(Expr::Column(Column::new(Some(RAW), column.name))),
            other => Transformed::no(other),
        })
    })?;
    Ok(moved.data)
}

struct Rules<'a> {
    schema: &'a Schema,
    unchanged: &'a dyn Fn(&str) -> bool,
}

impl Rules<'_> {
    fn allow(&self, predicate: &Expr, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return false };
        match predicate {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
                self.allow(left, depth) && self.allow(right, depth)
            }
            Expr::Not(inner) => self.allow(inner, depth),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
                match (self.column(left), self.column(right)) {
                    (Some(column), None) => is_literal(right, column),
                    (None, Some(column)) => is_literal(left, column),
                    _ => false,
                }
            }
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => self.column(inner).is_some(),
            Expr::InList(list) => {
                self.column(&list.expr).is_some_and(|column| list.list.iter().all(|item| is_literal(item, column)))
            }
            Expr::Between(between) => self
                .column(&between.expr)
                .is_some_and(|column| is_literal(&between.low, column) && is_literal(&between.high, column)),
            _ => false,
        }
    }

    /// The type of a column that is shown as it is, if its values can be compared without failing.
    fn column(&self, expr: &Expr) -> Option<&DataType> {
        let Expr::Column(column) = expr else { return None };
        if !(self.unchanged)(&column.name) {
            return None;
        }
        let data_type = self.schema.field_with_name(&column.name).ok()?.data_type();
        (!data_type.is_nested()).then_some(data_type)
    }
}

fn is_comparison(op: Operator) -> bool {
    matches!(op, Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

/// Whether an expression is a literal of just this type: another type would need a cast, and a cast can fail.
fn is_literal(expr: &Expr, column: &DataType) -> bool {
    matches!(expr, Expr::Literal(value, _) if value.data_type() == *column)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use datafusion::logical_expr::{cast, col, lit};

    use super::*;

    fn allowed(predicate: &Expr) -> bool {
        let list = DataType::List(std::sync::Arc::new(Field::new("item", DataType::Int64, true)));
        let schema = Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("name", DataType::Utf8, true),
            Field::new("mail", DataType::Utf8, true),
            Field::new("tags", list, true),
        ]);
        is_leakproof(predicate, &schema, &|column| column != "mail")
    }

    #[test]
    fn a_column_beside_a_literal_of_its_type_passes() {
        for predicate in [
            col("id").gt(lit(5_i64)),
            lit(5_i64).eq(col("id")),
            col("name").eq(lit("x")),
            col("name").is_null(),
            col("id").in_list(vec![lit(1_i64), lit(2_i64)], true),
            col("id").between(lit(1_i64), lit(2_i64)),
            col("id").eq(lit(1_i64)).or(col("name").is_not_null()),
            !col("id").eq(lit(1_i64)),
        ] {
            assert!(allowed(&predicate), "{predicate}");
        }
    }

    #[test]
    fn what_could_fail_or_tell_stays_above() {
        for predicate in [
            col("id").gt(lit(5_i32)),
            cast(col("name"), DataType::Int64).gt(lit(5_i64)),
            col("id").eq(col("id")),
            (lit(1_i64) / col("id")).eq(lit(1_i64)),
            col("mail").eq(lit("x")),
            col("mail").is_null(),
            col("name").like(lit("x%")),
            col("tags").is_null(),
            col("id").eq(lit(1_i64)).and(cast(col("name"), DataType::Int64).gt(lit(5_i64))),
            col("id").in_list(vec![lit(1_i64), col("id")], false),
            lit(true),
        ] {
            assert!(!allowed(&predicate), "{predicate}");
        }
    }
}
