//! From objects to tables, and from locations to columns.

use std::collections::BTreeSet;

use super::cut::{self, Match};
use super::findings::Reason;
use super::jsonpath::{self, JsonPath, Step};
use super::record::{Object, Place};
use crate::model::{ColumnPath, Location, PathStep, TableSchema, TableSource};

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// In these tables (more than one if they share a location).
    Tables(Vec<usize>),
    /// Inside the lake, in no table.
    Unmapped,
    /// Outside the lake.
    Outside,
}

/// The lake, as findings need to know it.
pub(super) struct Lake<'a> {
    pub(super) tables: &'a [TableSource],
    pub(super) roots: &'a [Location],
}

impl Lake<'_> {
    /// Finds the tables of an object: those with the longest location that it is below.
    ///
    /// The key is taken as it is, never URL-decoded.
    pub(super) fn find(&self, object: &Object) -> Whereabouts {
        let Some(bucket) = &object.bucket else {
            return Whereabouts::Unmapped;
        };
        let Some(key) = &object.key else {
            return if self.has_bucket(bucket) {
                Whereabouts::Unmapped
            } else {
                Whereabouts::Outside
            };
        };
        let mut tables = Vec::new();
        let mut longest = 0;
        let mut ignored = false;
        for (index, table) in self.tables.iter().enumerate() {
            let below = table
                .locations
                .iter()
                .filter_map(|location| below(location, bucket, key));
            // The shortest rest is that of the longest location.
            let Some(rest) = below.min_by_key(|rest| rest.len()) else {
                continue;
            };
            let length = key.len() - rest.len() + 1;
            if length > longest {
                longest = length;
                tables.clear();
                ignored = is_ignored(rest);
            }
            if length == longest {
                tables.push(index);
            }
        }
        if !tables.is_empty() && !ignored {
            return Whereabouts::Tables(tables);
        }
        if ignored
            || self
                .roots
                .iter()
                .any(|root| below(root, bucket, key).is_some())
        {
            return Whereabouts::Unmapped;
        }
        Whereabouts::Outside
    }

    fn has_bucket(&self, name: &str) -> bool {
        let mut locations = self
            .roots
            .iter()
            .chain(self.tables.iter().flat_map(|table| &table.locations));
        locations.any(|location| matches!(location, Location::S3 { bucket, .. } if bucket == name))
    }
}

/// What follows a location in a key, if the object is at or below it.
fn below<'k>(location: &Location, in_bucket: &str, key: &'k str) -> Option<&'k str> {
    let Location::S3 { bucket, prefix } = location else {
        return None;
    };
    if bucket != in_bucket {
        return None;
    }
    // INVARIANT: a location ends at a slash, so `t` never holds what is in `t2/`.
    let folder = prefix.trim_end_matches('/');
    if folder.is_empty() {
        return Some(key);
    }
    match key.strip_prefix(folder)? {
        "" => Some(""), // the location is this one object
        rest => rest.strip_prefix('/'),
    }
}

/// Whether the lake ignores a file of this name below its table.
fn is_ignored(rest: &str) -> bool {
    rest.split('/').any(|name| name.starts_with(['_', '.']))
}

/// Finds the columns of a place.
///
/// # Errors
/// Why there are none, and what the place is called.
pub(super) fn locate(
    schema: &TableSchema,
    place: &Place,
) -> Result<Vec<ColumnPath>, (Reason, Option<String>)> {
    match place {
        Place::Nowhere(reason) => Err((*reason, None)),
        Place::Cell { name, column } => {
            let columns = cell(schema, name.as_deref(), *column);
            // The name is not repeated: in a file without a header it may be a value.
            let column = || column.map(|column| format!("column {column}"));
            if columns.is_empty() {
                Err((Reason::UnknownCell, column()))
            } else {
                Ok(columns)
            }
        }
        Place::Path(text) => {
            let (columns, reason) = match jsonpath::parse(text) {
                JsonPath::Whole(steps) => (whole(schema, text, &steps), Reason::UnknownPath),
                JsonPath::Suffix(steps) => (cut::columns(schema, &steps), Reason::CutPath),
                JsonPath::Absent => (Vec::new(), Reason::NoPath),
                JsonPath::Unreadable => (literal(schema, text), Reason::UnreadablePath),
            };
            if columns.is_empty() {
                Err((reason, Some(text.clone())))
            } else {
                Ok(columns)
            }
        }
    }
}

/// A cell's column by its header, or, where there is no header, by its number among the columns of the file.
///
/// A header that the table does not have is not looked up by number: files of one table may order their columns
/// differently, and a wrong column would hide that the right one is unknown.
fn cell(schema: &TableSchema, name: Option<&str>, column: Option<u64>) -> Vec<ColumnPath> {
    if let Some(name) = name {
        let name = name.strip_prefix('\u{feff}').unwrap_or(name);
        return tops(named(schema, &Match::Name(name)));
    }
    let index = column.and_then(|column| usize::try_from(column.checked_sub(1)?).ok());
    let mut of_files = schema.columns.iter().filter(|column| !column.partition);
    index
        .and_then(|index| of_files.nth(index))
        .map(|column| ColumnPath::top(&column.name))
        .into_iter()
        .collect()
}

/// The columns of a whole path: its first named step, after any indexes, is a top-level column.
fn whole(schema: &TableSchema, text: &str, steps: &[Step]) -> Vec<ColumnPath> {
    let mut steps = steps
        .iter()
        .skip_while(|step| matches!(step, Step::Index(_)));
    let columns = match steps.next() {
        Some(Step::Name(name)) => named(schema, &Match::Name(name)),
        Some(Step::NameEnd(end)) => named(schema, &Match::End(end)),
        Some(Step::Index(_) | Step::AnyName) | None => Vec::new(),
    };
    let below: Vec<PathStep> = steps.map(path_step).collect();
    let mut paths: Vec<ColumnPath> = columns
        .into_iter()
        .map(|column| ColumnPath {
            column,
            steps: below.clone(),
        })
        .collect();
    for path in literal(schema, text) {
        if !paths.iter().any(|known| known.column == path.column) {
            paths.push(path);
        }
    }
    paths
}

fn path_step(step: &Step) -> PathStep {
    match step {
        Step::Name(name) => PathStep::Field(name.clone()),
        Step::NameEnd(end) => PathStep::Field(format!("...{end}")),
        Step::Index(_) | Step::AnyName => PathStep::Element(None),
    }
}

/// Columns whose own name has dots, brackets, quotes or backslashes and stands in the path as it is: how Macie writes
/// such names is not documented, so `$.a.b` may be the column `a.b`.
fn literal(schema: &TableSchema, text: &str) -> Vec<ColumnPath> {
    let Some(mut rest) = text.strip_prefix('$') else {
        return Vec::new();
    };
    while let Some((index, after)) = rest
        .strip_prefix('[')
        .and_then(|inside| inside.split_once(']'))
    {
        if index != "*" && !index.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        rest = after;
    }
    let odd = schema
        .columns
        .iter()
        .map(|column| &column.name)
        .filter(|name| name.contains(['.', '[', ']', '\'', '"', '\\']));
    let odd: Vec<&String> = odd.collect();
    let stands = |rest: &str, name: &str| {
        [
            format!(".{name}"),
            format!("['{name}']"),
            format!("[\"{name}\"]"),
        ]
        .iter()
        .any(|written| {
            rest.strip_prefix(written.as_str())
                .is_some_and(|after| after.is_empty() || after.starts_with(['.', '[']))
        })
    };
    let exact: Vec<String> = odd
        .iter()
        .filter(|name| stands(rest, name))
        .map(|name| (*name).clone())
        .collect();
    if !exact.is_empty() {
        return tops(exact);
    }
    let lower = rest.to_lowercase();
    tops(
        odd.into_iter()
            .filter(|name| stands(&lower, &name.to_lowercase()))
            .cloned()
            .collect(),
    )
}

/// Columns of a name: those written exactly so, else all that differ in case only.
fn named(schema: &TableSchema, wanted: &Match<'_>) -> Vec<String> {
    let names = || schema.columns.iter().map(|column| &column.name);
    let exact: BTreeSet<&String> = names().filter(|name| wanted.is(name, false)).collect();
    let found = if exact.is_empty() {
        names().filter(|name| wanted.is(name, true)).collect()
    } else {
        exact
    };
    found.into_iter().cloned().collect()
}

fn tops(columns: Vec<String>) -> Vec<ColumnPath> {
    columns.into_iter().map(ColumnPath::top).collect()
}
