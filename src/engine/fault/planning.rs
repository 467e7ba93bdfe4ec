//! Errors of planning: what the statement names or does that is not there or does not fit, where, and what was likely
//! meant. They speak of the statement and of names that its session sees, and are passed on.

use datafusion::common::{Column, DataFusionError, Diagnostic, SchemaError};
use datafusion::prelude::SessionContext;

use super::{engine_fault, find};
use crate::engine::CATALOG;
use crate::engine::syntax::{brief, parser_fault};
use crate::error::{Error, Said, Stretch};

/// The message of errors about a table that is not there.
const NO_TABLE: &str = "there is no such table";

/// The message of errors about a function that is not there.
const NO_FUNCTION: &str = "there is no such function";

/// Longer names are not compared.
const NAME_BYTES_MAX: usize = 500;

/// How many names are listed.
const LISTED_MAX: usize = 12;

/// An error of planning in our words. What it says comes from the statement and the schemas.
pub fn planning_fault(error: &DataFusionError) -> Error {
    planning_fault_beside(error, "`saltlake tables` lists tables")
}

/// As [`planning_fault`], with what lists the tables that there are.
pub fn planning_fault_beside(error: &DataFusionError, lists: &str) -> Error {
    // An error of ours, from below the engine: its place, if it has one, is in another text than the statement.
    if find::<Error>(error).is_some() {
        return engine_fault(error).without_place();
    }
    said(error, None, lists)
}

fn said(error: &DataFusionError, diagnostic: Option<&Diagnostic>, lists: &str) -> Error {
    let fault = match error {
        DataFusionError::Diagnostic(diagnostic, inner) => return said(inner, Some(diagnostic), lists),
        DataFusionError::Context(_, inner) => return said(inner, diagnostic, lists),
        DataFusionError::Shared(inner) => return said(inner, diagnostic, lists),
        DataFusionError::Collection(all) if !all.is_empty() => {
            return all.first().map_or_else(|| engine_fault(error), |first| said(first, diagnostic, lists));
        }
        DataFusionError::SQL(parse, _) => parser_fault(None, parse),
        DataFusionError::Plan(text) => plan_fault(text, lists),
        DataFusionError::SchemaError(schema, _) => schema_fault(schema, diagnostic),
        DataFusionError::NotImplemented(text) => Error::usage("the statement uses something that is not supported")
            .with("reason", &Said(&brief(first_line(text)))),
        _ => return engine_fault(error),
    };
    let place = diagnostic.and_then(|diagnostic| diagnostic.span);
    match place.filter(|_| fault.stretch().is_none()) {
        Some(span) => fault.about(Stretch {
            line: span.start.line,
            column: span.start.column,
            end_line: span.end.line,
            end_column: span.end.column,
        }),
        None => fault,
    }
}

/// An error that is only a text.
fn plan_fault(text: &str, lists: &str) -> Error {
    if let Some(name) = between(text, "table '", "' not found")
        && text.starts_with("table '")
    {
        let name = name.strip_prefix(&format!("{CATALOG}.")).unwrap_or(name);
        return Error::usage(NO_TABLE)
            .with("table", &Said(&brief(name)))
            .hint(format!("{lists}; names with capitals or odd characters go in double quotes"));
    }
    if let Some(name) = between(text, "Invalid function '", "'") {
        return no_function(name);
    }
    if let Some(call) = between(text, "argument types '", "'") {
        return arguments_fault(call, text);
    }
    if let Some(column) = between(text, "column \"", "\" must appear in the GROUP BY clause") {
        return Error::usage("the column is neither grouped nor aggregated")
            .with("column", &Said(&brief(column)))
            .hint("add it to GROUP BY, or aggregate it, as in any_value(…)");
    }
    let fault = Error::usage("the statement cannot be planned").with("reason", &Said(&brief(first_line(text))));
    if ["Cannot infer common argument type", "Cannot coerce"].iter().any(|begin| text.starts_with(begin)) {
        return fault.hint("CAST one side to the type of the other");
    }
    fault
}

/// The engine names the nearest of all, however far that is, and one of several by chance: [`with_near_name`] does better.
fn no_function(name: &str) -> Error {
    Error::usage(NO_FUNCTION).with("function", &Said(&brief(name)))
}

/// `call` is the function with the types that it was given, and the text lists those that it takes.
fn arguments_fault(call: &str, text: &str) -> Error {
    let name = call.split('(').next().unwrap_or_default();
    let fault = Error::usage("the function does not take these arguments")
        .with("function", &Said(&brief(name)))
        .with("given", &Said(&brief(&sql_types(call))));
    let takes: Vec<String> = match text.split_once("Candidate functions:") {
        Some((_, list)) => list.lines().map(|line| sql_types(line.trim())).filter(|line| !line.is_empty()).collect(),
        None => Vec::new(),
    };
    let takes: Vec<&str> = takes.iter().map(String::as_str).filter(|takes| !takes.contains("UserDefined")).collect();
    match takes.as_slice() {
        [] => fault,
        [one] => fault.hint(format!("it takes {one}")),
        several => fault.hint(format!("it takes {}", several.get(..LISTED_MAX).unwrap_or(several).join("\nor "))),
    }
}

fn schema_fault(schema: &SchemaError, diagnostic: Option<&Diagnostic>) -> Error {
    match schema {
        SchemaError::FieldNotFound { field, valid_fields } => no_column(field, valid_fields),
        SchemaError::AmbiguousReference { field } => {
            let notes = diagnostic.map(|diagnostic| diagnostic.notes.as_slice()).unwrap_or_default();
            let suffix = format!(".{}", field.name);
            let all = notes.iter().filter_map(|note| note.message.strip_prefix("possible column "));
            let all: Vec<String> =
                all.filter(|name| name.ends_with(&suffix)).map(|name| format!("`{}`", short(name))).collect();
            let fault = Error::usage("the column is ambiguous").with("column", &Said(&brief(&field.name)));
            if all.is_empty() {
                return fault.hint("name its table before it");
            }
            fault.hint(format!("name its table before it: {}", all.join(" or ")))
        }
        SchemaError::DuplicateUnqualifiedField { name } | SchemaError::DuplicateQualifiedField { name, .. } => {
            Error::usage("two columns have one name")
                .with("column", &Said(&brief(name)))
                .hint("name one of them with AS")
        }
    }
}

fn no_column(field: &Column, valid: &[Column]) -> Error {
    let wanted = field.flat_name();
    let fault = Error::usage("there is no such column").with("column", &Said(&brief(&short(&wanted))));
    if let Some(relation) = &field.relation
        && !valid.is_empty()
        && !valid.iter().any(|column| column.relation.as_ref().is_some_and(|one| one.resolved_eq(relation)))
    {
        let mut tables: Vec<String> =
            valid.iter().filter_map(|column| column.relation.as_ref()).map(|table| short(&table.to_string())).collect();
        tables.dedup();
        return fault.hint(format!(
            "the query reads no `{}`, but {}",
            brief(&short(&relation.to_string())),
            listed(&tables)
        ));
    }
    let same = valid.iter().find(|column| column.name.eq_ignore_ascii_case(&field.name));
    if let Some(same) = same {
        return fault
            .hint(format!("did you mean `{}`? A name with capitals goes in double quotes", same.quoted_flat_name()));
    }
    let near = valid.iter().map(|column| (similarity(&field.name, &column.name), column));
    let near = near.filter(|(similarity, _)| *similarity >= 0.5).max_by(|one, other| one.0.total_cmp(&other.0));
    match near {
        Some((_, column)) => fault.hint(format!("did you mean `{}`?", column.name)),
        None if valid.is_empty() => fault.hint("the query reads no table; a text goes in single quotes: 'text'"),
        None => {
            let names: Vec<String> = valid.iter().map(|column| column.name.clone()).collect();
            fault.hint(format!("columns are: {}", listed(&names)))
        }
    }
}

/// Adds the table, database or function that was likely meant to an error about one that is not there. Only names that
/// the session itself has are said.
#[must_use]
pub fn with_near_name(error: Error, context: &SessionContext) -> Error {
    match error.message() {
        NO_TABLE => with_near_table(error, context),
        NO_FUNCTION => with_near_function(error, context),
        _ => error,
    }
}

fn named(error: &Error, key: &str) -> Option<String> {
    error.context().iter().find(|(one, _)| *one == key).map(|(_, name)| name.clone())
}

fn with_near_table(error: Error, context: &SessionContext) -> Error {
    let Some(named) = named(&error, "table") else { return error };
    let mut parts = named.rsplitn(2, '.');
    let (Some(table), Some(database)) = (parts.next(), parts.next()) else { return error };
    let Some(catalog) = context.catalog(CATALOG) else { return error };
    let near = match catalog.schema(database) {
        Some(schema) => nearest(table, schema.table_names()).map(|near| format!("{database}.{near}")),
        None => nearest(database, catalog.schema_names()).map(|near| format!("{near}.{table}")),
    };
    match near {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

fn with_near_function(error: Error, context: &SessionContext) -> Error {
    let Some(named) = named(&error, "function") else { return error };
    let state = context.state();
    let scalar = state.scalar_functions().keys();
    let others = state.aggregate_functions().keys().chain(state.window_functions().keys());
    match nearest(&named, scalar.chain(others).cloned().collect()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`SHOW FUNCTIONS` lists those that there are, `saltlake functions` those that mask"),
    }
}

/// The nearest name: of several that are equally near, the first of the alphabet, whatever the order they come in.
fn nearest(name: &str, mut all: Vec<String>) -> Option<String> {
    all.sort_unstable_by(|one, other| other.cmp(one));
    let near = all.into_iter().map(|one| (similarity(name, &one), one)).filter(|(similarity, _)| *similarity >= 0.5);
    near.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, one)| one)
}

/// From 0 to 1. What is longer than any name is like none.
fn similarity(one: &str, other: &str) -> f64 {
    if one.len().max(other.len()) > NAME_BYTES_MAX {
        return 0.0;
    }
    strsim::normalized_damerau_levenshtein(&one.to_lowercase(), &other.to_lowercase())
}

/// A name without the only catalog.
fn short(name: &str) -> String {
    name.strip_prefix(&format!("{CATALOG}.")).unwrap_or(name).to_owned()
}

fn listed(names: &[String]) -> String {
    let shown = names.get(..LISTED_MAX).unwrap_or(names);
    let more = if shown.len() < names.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// The types of Arrow by their names in SQL.
fn sql_types(text: &str) -> String {
    const NAMES: [(&str, &str); 17] = [
        ("LargeUtf8", "text"),
        ("Utf8View", "text"),
        ("Utf8", "text"),
        ("String", "text"),
        ("UInt64", "bigint unsigned"),
        ("UInt32", "integer unsigned"),
        ("UInt16", "smallint unsigned"),
        ("UInt8", "tinyint unsigned"),
        ("Int64", "bigint"),
        ("Int32", "integer"),
        ("Int16", "smallint"),
        ("Int8", "tinyint"),
        ("Float64", "double"),
        ("Float32", "real"),
        ("Boolean", "boolean"),
        ("Date32", "date"),
        ("Null", "NULL"),
    ];
    NAMES.iter().fold(text.to_owned(), |text, (arrow, sql)| text.replace(arrow, sql))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
