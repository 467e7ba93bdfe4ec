//! Calls that are only spelt otherwise, and how the engine spells them.

/// How a call is spelt: its name, its number of arguments, the engine's spelling, and the aggregate in it, if it is one,
/// which FILTER, OVER, DISTINCT and ORDER BY of the call belong to.
///
/// INVARIANT: an argument stands in a spelling once, or not at all. Calls nest, and what stands twice would double at each level.
pub(super) struct Template {
    pub(super) name: &'static str,
    pub(super) arguments: usize,
    pub(super) spelt: &'static str,
    pub(super) aggregate: Option<&'static str>,
}

const fn call(name: &'static str, arguments: usize, spelt: &'static str) -> Template {
    Template { name, arguments, spelt, aggregate: None }
}

const fn over(name: &'static str, arguments: usize, spelt: &'static str, aggregate: &'static str) -> Template {
    Template { name, arguments, spelt, aggregate: Some(aggregate) }
}

pub(super) const TEMPLATES: &[Template] = &[
    // Conditional
    call("if", 2, "CASE WHEN $1 THEN $2 END"),
    call("if", 3, "CASE WHEN $1 THEN $2 ELSE $3 END"),
    // Aggregate
    over("arbitrary", 1, "any_value($1)", "any_value"),
    over("every", 1, "bool_and($1)", "bool_and"),
    over("count_if", 1, "count(CASE WHEN $1 THEN 1 END)", "count"),
    over("geometric_mean", 1, "exp(avg(ln($1)))", "avg"),
    over("bitwise_and_agg", 1, "bit_and($1)", "bit_and"),
    over("bitwise_or_agg", 1, "bit_or($1)", "bit_or"),
    over("bitwise_xor_agg", 1, "bit_xor($1)", "bit_xor"),
    over("variance", 1, "var($1)", "var"),
    over("approx_percentile", 2, "approx_percentile_cont($1, $2)", "approx_percentile_cont"),
    over(
        "approx_percentile",
        3,
        "approx_percentile_cont_with_weight($1, $2, $3)",
        "approx_percentile_cont_with_weight",
    ),
    over("histogram", 1, "array_histogram(array_agg($1))", "array_agg"),
    over("approx_most_frequent", 3, "most_frequent(array_agg($2), $1)", "array_agg"),
    over("map_agg", 2, "map_of_first(array_agg(named_struct('key', $1, 'value', $2)))", "array_agg"),
    over("multimap_agg", 2, "multimap_from_entries(array_agg(named_struct('key', $1, 'value', $2)))", "array_agg"),
    over("map_union", 1, "map_of_maps(array_agg($1))", "array_agg"),
    over("max", 2, "array_slice(array_sort(array_compact(array_agg($1)), 'DESC'), 1, $2)", "array_agg"),
    over("min", 2, "array_slice(array_sort(array_compact(array_agg($1)), 'ASC'), 1, $2)", "array_agg"),
    // Date and time
    call("year", 1, "date_part('year', $1)"),
    call("quarter", 1, "date_part('quarter', $1)"),
    call("month", 1, "date_part('month', $1)"),
    call("week", 1, "date_part('week', $1)"),
    call("week_of_year", 1, "date_part('week', $1)"),
    call("day", 1, "date_part('day', $1)"),
    call("day_of_month", 1, "date_part('day', $1)"),
    call("doy", 1, "date_part('doy', $1)"),
    call("day_of_year", 1, "date_part('doy', $1)"),
    // The engine counts from Sunday, which is 0; Trino from Monday, which is 1.
    call("dow", 1, "(date_part('dow', $1) + 6) % 7 + 1"),
    call("day_of_week", 1, "(date_part('dow', $1) + 6) % 7 + 1"),
    call("yow", 1, "date_part('isoyear', $1)"),
    call("year_of_week", 1, "date_part('isoyear', $1)"),
    call("hour", 1, "date_part('hour', $1)"),
    call("minute", 1, "date_part('minute', $1)"),
    call("second", 1, "date_part('second', $1)"),
    call("millisecond", 1, "date_part('millisecond', $1) % 1000"),
    call("date", 1, "CAST($1 AS DATE)"),
    call("at_timezone", 2, "$1 AT TIME ZONE $2"),
    call("with_timezone", 2, "$1 AT TIME ZONE $2"),
    call("current_timezone", 0, "'UTC'"),
    // String
    call("codepoint", 1, "ascii($1)"),
    call("levenshtein_distance", 2, "levenshtein($1, $2)"),
    call("replace", 2, "replace($1, $2, '')"),
    call("strpos", 3, "strpos_instance($1, $2, $3)"),
    // Regular expression
    call("regexp_replace", 2, "regexp_replace($1, $2, '', 'g')"),
    // Mathematical
    call("e", 0, "exp(1)"),
    call("infinity", 0, "CAST('Infinity' AS DOUBLE)"),
    call("nan", 0, "CAST('NaN' AS DOUBLE)"),
    call("is_nan", 1, "isnan($1)"),
    call("ceiling", 1, "ceil($1)"),
    call("mod", 2, "($1 % $2)"),
    call("rand", 0, "random()"),
    call("rand", 1, "CAST(floor(random() * $1) AS BIGINT)"),
    call("random", 1, "CAST(floor(random() * $1) AS BIGINT)"),
    call("sign", 1, "signum($1)"),
    call("truncate", 1, "trunc($1)"),
    call("truncate", 2, "trunc($1, $2)"),
    // Array
    call("all_match", 2, "NOT array_any_match($1, $2)"),
    call("any_match", 2, "array_any_match($1, $2)"),
    call("none_match", 2, "NOT array_any_match($1, $2)"),
    call("transform", 2, "array_transform($1, $2)"),
    call("filter", 2, "array_filter($1, $2)"),
    call("array_first", 1, "array_element($1, 1)"),
    call("array_last", 1, "array_element($1, -1)"),
    call("array_join", 2, "array_to_string($1, $2)"),
    call("array_join", 3, "array_to_string($1, $2, $3)"),
    call("arrays_overlap", 2, "array_has_any($1, $2)"),
    call("dot_product", 2, "inner_product($1, $2)"),
    call("euclidean_distance", 2, "array_distance($1, $2)"),
    call("cosine_similarity", 2, "(1 - cosine_distance($1, $2))"),
    call("zip", 2, "arrays_zip($1, $2)"),
    call("zip", 3, "arrays_zip($1, $2, $3)"),
    call("zip", 4, "arrays_zip($1, $2, $3, $4)"),
    call("zip", 5, "arrays_zip($1, $2, $3, $4, $5)"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn no_argument_stands_in_a_spelling_twice() {
        for template in TEMPLATES {
            for number in 1..=template.arguments {
                let count = template.spelt.matches(&format!("${number}")).count();
                assert!(count <= 1, "{}: ${number}", template.name);
            }
            assert!(!template.spelt.contains(&format!("${}", template.arguments + 1)), "{}", template.name);
        }
    }

    #[test]
    fn every_aggregate_stands_in_its_spelling() {
        for template in TEMPLATES {
            if let Some(aggregate) = template.aggregate {
                assert!(template.spelt.contains(&format!("{aggregate}(")), "{}", template.name);
            }
        }
    }
}
