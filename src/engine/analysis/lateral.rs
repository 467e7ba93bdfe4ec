//! `FROM t CROSS JOIN UNNEST(t.list) AS u(x)`. The engine plans it as a join with a subquery that looks at the row beside
//! it, and then has no way to run that; here it becomes what it is: the rows of `t`, unnested.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, NullHandling, Result as EngineResult, ScalarValue};
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;

/// The rule.
#[derive(Debug)]
pub(super) struct LateralUnnest;

impl AnalyzerRule for LateralUnnest {
    fn name(&self) -> &'static str {
        "lateral_unnest"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> EngineResult<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|node| {
            let LogicalPlan::Join(join) = &node else { return Ok(Transformed::no(node)) };
            Ok(match unnested(join)? {
                Some(plan) => Transformed::yes(plan),
                None => Transformed::no(node),
            })
        })?;
        Ok(rewritten.data)
    }
}

/// The rows of a join's left side, unnested. None if its right side is anything but an UNNEST of them.
fn unnested(join: &Join) -> EngineResult<Option<LogicalPlan>> {
    let nulls = match join.join_type {
        JoinType::Inner => NullHandling::Drop,
        JoinType::Left => NullHandling::PreserveAndExpandEmpty,
        _ => return Ok(None),
    };
    let always = join.filter.as_ref().is_none_or(|filter| *filter == Expr::Literal(ScalarValue::from(true), None));
    if !join.on.is_empty() || (!always && join.join_type == JoinType::Left) {
        return Ok(None);
    }
    let left = Left { plan: &join.left, nulls };
    let Some((plan, columns)) = left.pulled(&join.right)? else { return Ok(None) };
    let mut all = left.columns();
    all.extend(columns.into_iter().map(|(column, expr)| expr.alias_qualified(column.relation, column.name)));
    let mut plan = LogicalPlanBuilder::from(plan).project(all)?;
    if let Some(filter) = join.filter.as_ref().filter(|_| !always) {
        plan = plan.filter(filter.clone())?;
    }
    let plan = plan.build()?;
    // A plan of another shape than the join had would be read wrongly by what stands above it.
    Ok((plan.schema().columns() == join.schema.columns()).then_some(plan))
}

struct Left<'a> {
    plan: &'a Arc<LogicalPlan>,
    nulls: NullHandling,
}

/// A column as the plan above sees it, and what it is made of.
type Made = Vec<(Column, Expr)>;

impl Left<'_> {
    fn columns(&self) -> Vec<Expr> {
        self.plan.schema().columns().into_iter().map(Expr::Column).collect()
    }

    /// The right side with the left one in the place of the single row that it starts from.
    fn pulled(&self, right: &LogicalPlan) -> EngineResult<Option<(LogicalPlan, Made)>> {
        match right {
            LogicalPlan::Subquery(subquery) => self.pulled(&subquery.subquery),
            LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => {
                Ok(Some((self.plan.as_ref().clone(), Vec::new())))
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let Some((plan, made)) = self.pulled(&alias.input)? else { return Ok(None) };
                let named = alias.schema.columns().into_iter().zip(made).map(|(column, (_, expr))| (column, expr));
                Ok(Some((plan, named.collect())))
            }
            LogicalPlan::Projection(projection) => {
                let Some((plan, made)) = self.pulled(&projection.input)? else { return Ok(None) };
                let mut named = Vec::with_capacity(projection.expr.len());
                for (column, expr) in projection.schema.columns().into_iter().zip(&projection.expr) {
                    let Some(expr) = self.seen(expr, &made)? else { return Ok(None) };
                    named.push((column, expr.unalias()));
                }
                Ok(Some((plan, named)))
            }
            LogicalPlan::Unnest(unnest) => {
                let Some((plan, made)) = self.pulled(&unnest.input)? else { return Ok(None) };
                let mut all = self.columns();
                all.extend(made.into_iter().map(|(column, expr)| expr.alias(column.name)));
                let options = unnest.options.clone().with_null_handling(self.nulls);
                let plan = LogicalPlanBuilder::from(plan)
                    .project(all)?
                    .unnest_columns_with_options(unnest.exec_columns.clone(), options)?
                    .build()?;
                let made = unnest.schema.columns().into_iter().map(|column| (column.clone(), Expr::Column(column)));
                Ok(Some((plan, made.collect())))
            }
            _ => Ok(None),
        }
    }

    /// An expression of the right side as one of the left: None if it looks further out, or holds a query.
    fn seen(&self, expr: &Expr, made: &Made) -> EngineResult<Option<Expr>> {
        let known: HashMap<&Column, &Expr> = made.iter().map(|(column, expr)| (column, expr)).collect();
        let mut strange = false;
        let seen = expr.clone().transform(|expr| {
            Ok(match expr {
                Expr::OuterReferenceColumn(_, column) if self.plan.schema().has_column(&column) => {
                    Transformed::yes(Expr::Column(column))
                }
                Expr::Column(column) => {
                    if let Some(expr) = known.get(&column) {
                        return Ok(Transformed::new((*expr).clone(), true, TreeNodeRecursion::Jump));
                    }
                    strange = true;
                    Transformed::no(Expr::Column(column))
                }
                other => {
                    strange |= matches!(
                        other,
                        Expr::OuterReferenceColumn(..)
                            | Expr::ScalarSubquery(_)
                            | Expr::Exists(_)
                            | Expr::InSubquery(_)
                    );
                    Transformed::no(other)
                }
            })
        })?;
        Ok((!strange).then_some(seen.data))
    }
}
