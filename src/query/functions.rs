//! The functions that a role may call. What is not listed here is not there, so that a function which a new version of
//! the engine brings has to be looked at first.

use std::sync::Arc;

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF};

use super::capped::capped;
use crate::engine::analysis;

/// Scalar functions of a value alone: no file, no setting, no place.
const SCALAR: &[&str] = &[
    "abs",
    "acos",
    "acosh",
    "array_add",
    "array_any_value",
    "array_append",
    "array_avg",
    "array_compact",
    "array_concat",
    "array_dims",
    "array_distance",
    "array_distinct",
    "array_element",
    "array_except",
    "array_has",
    "array_has_all",
    "array_has_any",
    "array_intersect",
    "array_length",
    "array_max",
    "array_min",
    "array_ndims",
    "array_normalize",
    "array_pop_back",
    "array_pop_front",
    "array_position",
    "array_positions",
    "array_prepend",
    "array_product",
    "array_remove",
    "array_remove_all",
    "array_remove_n",
    "array_repeat",
    "array_replace",
    "array_replace_all",
    "array_replace_n",
    "array_resize",
    "array_reverse",
    "array_scale",
    "array_slice",
    "array_sort",
    "array_subtract",
    "array_sum",
    "array_to_string",
    "array_union",
    "arrays_zip",
    "arrow_cast",
    "arrow_try_cast",
    "arrow_typeof",
    "ascii",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bit_length",
    "btrim",
    "cardinality",
    "cast_to_type",
    "cbrt",
    "ceil",
    "character_length",
    "chr",
    "coalesce",
    "concat",
    "concat_ws",
    "contains",
    "cos",
    "cosh",
    "cosine_distance",
    "cot",
    "current_date",
    "current_time",
    "date_bin",
    "date_part",
    "date_trunc",
    "decode",
    "degrees",
    "digest",
    "empty",
    "encode",
    "ends_with",
    "exp",
    "factorial",
    "find_in_set",
    "flatten",
    "floor",
    "from_unixtime",
    "gcd",
    "generate_series",
    "get_field",
    "greatest",
    "initcap",
    "inner_product",
    "isnan",
    "iszero",
    "lcm",
    "least",
    "left",
    "levenshtein",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "lpad",
    "ltrim",
    "make_array",
    "make_date",
    "make_time",
    "map",
    "map_entries",
    "map_extract",
    "map_keys",
    "map_values",
    "md5",
    "named_struct",
    "nanvl",
    "now",
    "nullif",
    "nvl",
    "nvl2",
    "octet_length",
    "overlay",
    "pi",
    "power",
    "radians",
    "random",
    "range",
    "regexp_count",
    "regexp_instr",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "rpad",
    "rtrim",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "signum",
    "sin",
    "sinh",
    "split_part",
    "sqrt",
    "starts_with",
    "string_to_array",
    "strpos",
    "struct",
    "substr",
    "substr_index",
    "tan",
    "tanh",
    "to_char",
    "to_date",
    "to_hex",
    "to_local_time",
    "to_time",
    "to_timestamp",
    "to_timestamp_micros",
    "to_timestamp_millis",
    "to_timestamp_nanos",
    "to_timestamp_seconds",
    "to_unixtime",
    "translate",
    "trunc",
    "try_cast_to_type",
    "union_extract",
    "union_tag",
    "upper",
    "uuid",
];

/// Scalar functions that a role does not get: they tell of files, of metadata, or of the program.
pub const DENIED: &[&str] =
    &["arrow_field", "arrow_metadata", "file_row_index", "input_file_name", "version", "with_metadata"];

/// Aggregates.
const AGGREGATE: &[&str] = &[
    "any_value",
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "approx_percentile_cont_with_weight",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "first_value",
    "grouping",
    "last_value",
    "max",
    "median",
    "min",
    "nth_value",
    "percentile_cont",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "stddev",
    "stddev_pop",
    "string_agg",
    "sum",
    "var",
    "var_pop",
];

/// Window functions.
const WINDOW: &[&str] = &[
    "cume_dist",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];

/// Functions that take a lambda.
const HIGHER_ORDER: &[&str] = &["array_any_match", "array_filter", "array_first", "array_transform"];

/// The scalar functions of a role. Those whose result can be of any size are capped.
pub(super) fn scalar() -> Vec<Arc<ScalarUDF>> {
    let all = SessionStateDefaults::default_scalar_functions();
    let own = all.into_iter().filter(|function| SCALAR.contains(&function.name()));
    // Ours come last: some stand in the place of one of the engine's.
    own.chain(analysis::scalar()).map(capped).collect()
}

pub(super) fn aggregate() -> Vec<Arc<AggregateUDF>> {
    let all = SessionStateDefaults::default_aggregate_functions();
    all.into_iter().filter(|function| AGGREGATE.contains(&function.name())).chain(analysis::aggregate()).collect()
}

pub(super) fn window() -> Vec<Arc<WindowUDF>> {
    let all = SessionStateDefaults::default_window_functions();
    all.into_iter().filter(|function| WINDOW.contains(&function.name())).collect()
}

pub(super) fn higher_order() -> Vec<Arc<HigherOrderUDF>> {
    let all = SessionStateDefaults::default_higher_order_functions();
    all.into_iter().filter(|function| HIGHER_ORDER.contains(&function.name())).chain(analysis::higher_order()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function that is neither allowed nor denied is new, and somebody has to decide.
    #[test]
    fn every_function_of_the_engine_is_decided() {
        let mut undecided = Vec::new();
        for function in SessionStateDefaults::default_scalar_functions() {
            let listed = SCALAR.contains(&function.name());
            if listed == DENIED.contains(&function.name()) {
                undecided.push(function.name().to_owned());
            }
        }
        let others = SessionStateDefaults::default_aggregate_functions().into_iter().map(|f| f.name().to_owned());
        undecided.extend(others.filter(|name| !AGGREGATE.contains(&name.as_str())).collect::<Vec<_>>());
        let others = SessionStateDefaults::default_window_functions().into_iter().map(|f| f.name().to_owned());
        undecided.extend(others.filter(|name| !WINDOW.contains(&name.as_str())).collect::<Vec<_>>());
        let others = SessionStateDefaults::default_higher_order_functions().into_iter().map(|f| f.name().to_owned());
        undecided.extend(others.filter(|name| !HIGHER_ORDER.contains(&name.as_str())).collect::<Vec<_>>());
        assert!(undecided.is_empty(), "{undecided:?}");
    }
}
