//! The functions that analysts know from Athena, which speaks Trino's SQL, and the engine lacks or spells otherwise.
//!
//! What is only spelt otherwise is rewritten before a statement is planned: [`translate`]. What the engine lacks is
//! registered beside its own functions: [`register`]. [`SECTIONS`] lists Trino's functions, and what becomes of each.
//!
//! INVARIANT: no function of this folder reads a file, a setting, the environment or the session, and no error of one
//! holds a value.

mod array;
mod binary;
mod call;
mod convert;
mod datetime;
mod formats;
mod histogram;
mod json;
mod lambda;
mod lateral;
mod list;
mod map;
mod math;
mod moments;
mod most;
mod overloaded;
mod reduce;
mod regexp;
mod row;
mod string;
mod templates;
#[cfg(test)]
mod tests;
mod translate;
mod url;
mod yardstick;

use std::sync::{Arc, LazyLock};

use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::SessionContext;

pub use self::translate::{translate, translate_parsed};
pub use self::yardstick::{Listed, SECTIONS, Section, Standing, page};

/// The scalar functions of this folder, by family.
static FAMILIES: [&[row::Spec]; 11] = [
    datetime::SPECS,
    string::SPECS,
    json::SPECS,
    regexp::SPECS,
    math::SPECS,
    binary::SPECS,
    url::SPECS,
    array::SPECS,
    map::SPECS,
    histogram::SPECS,
    convert::SPECS,
];

/// The scalar functions. Some stand in the place of one of the engine's, which they contain: see `overloaded`.
pub fn scalar() -> Vec<Arc<ScalarUDF>> {
    static MADE: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
        let own = FAMILIES.iter().copied().flatten().flat_map(row::functions);
        own.chain(overloaded::functions()).collect()
    });
    MADE.clone()
}

/// The aggregates.
pub fn aggregate() -> Vec<Arc<AggregateUDF>> {
    most::functions()
}

/// The functions that take a lambda.
pub fn higher_order() -> Vec<Arc<HigherOrderUDF>> {
    vec![reduce::function()]
}

/// The rules that a session plans by beside the engine's.
pub fn rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    vec![Arc::new(lateral::LateralUnnest)]
}

/// Adds all of it to a session.
///
/// # Errors
/// If the session takes no functions.
pub fn register(context: &SessionContext) -> datafusion::common::Result<()> {
    let state = context.state_ref();
    let mut state = state.write();
    for function in scalar() {
        state.register_udf(function)?;
    }
    for function in aggregate() {
        state.register_udaf(function)?;
    }
    for function in higher_order() {
        state.register_higher_order_function(function)?;
    }
    for rule in rules() {
        state.add_analyzer_rule(rule);
    }
    Ok(())
}
