//! What one grant gives of a table, and what several give together.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Columns;
use super::access::{ColumnAccess, TableAccess};
use super::filter::Predicate;
use super::names::{Meaning, alike, column_meaning, fold};
use super::tags::TagsOf;
use crate::model::{ColumnSchema, TableSchema};

/// What one grant gives of a table.
#[derive(Clone, Debug)]
pub(super) struct Contribution {
    /// Its place in the snapshot.
    pub(super) grant: usize,
    /// Per column of the table, whether it is among those that are given.
    pub(super) columns: Vec<bool>,
    /// Which rows, in the table's own names.
    pub(super) rows: Predicate,
}

/// Which columns of a table a grant gives; `None` if none. `accepted` are the tag sets that it asks for, if any.
///
/// Partition columns cannot be hidden in Lake Formation: they are given with any other column.
pub(super) fn columns_of(
    columns: &Columns,
    accepted: Option<&[bool]>,
    schema: &TableSchema,
    tags: &TagsOf<'_>,
) -> Option<Vec<bool>> {
    let mut given = match (accepted, columns) {
        (Some(accepted), _) => tagged(accepted, &schema.columns, tags),
        (None, Columns::All) => vec![true; schema.columns.len()],
        (None, Columns::Only(names)) => {
            let mut given = vec![false; schema.columns.len()];
            for name in names {
                // A name that may be one of two columns gives neither.
                if let Meaning::One(place) = column_meaning(name, &schema.columns)
                    && let Some(column) = given.get_mut(place)
                {
                    *column = true;
                }
            }
            given
        }
        // A name that may be one of two columns takes both.
        (None, Columns::Except(names)) => {
            let excluded = |column: &ColumnSchema| names.iter().any(|name| alike(name, &column.name));
            schema.columns.iter().map(|column| !excluded(column)).collect()
        }
    };
    if !given.contains(&true) {
        return None;
    }
    for (given, column) in given.iter_mut().zip(&schema.columns) {
        *given |= column.partition;
    }
    Some(given)
}

fn tagged(accepted: &[bool], columns: &[ColumnSchema], tags: &TagsOf<'_>) -> Vec<bool> {
    let names: Vec<Cow<'_, str>> = columns.iter().map(|column| fold(&column.name)).collect();
    let given = |name: &Cow<'_, str>| {
        let (set, own) = tags.column(name);
        // Tags of a name that is two columns belong to one of them, and nobody knows which.
        let doubtful = || own && names.iter().filter(|other| *other == name).count() > 1;
        accepted.get(set).copied().unwrap_or(false) && !doubtful()
    };
    names.iter().map(given).collect()
}

/// What grants give together: rows are united, and a cell is seen in the rows of the grants that give its column.
pub(super) fn unite(contributions: &[Contribution], schema: &TableSchema) -> Option<TableAccess> {
    if contributions.is_empty() {
        return None;
    }
    // Row filters, sorted by their text: what is granted decides about the policy, not the order in which it was read.
    let mut distinct: BTreeMap<String, &Predicate> = BTreeMap::new();
    for contribution in contributions {
        distinct.insert(contribution.rows.to_sql(), &contribution.rows);
    }
    let distinct: Vec<&Predicate> = distinct.into_values().collect();
    let rows = Predicate::any(distinct.iter().map(|rows| (*rows).clone()));
    let mut columns = Vec::new();
    for (place, column) in schema.columns.iter().enumerate() {
        let giving = contributions.iter().filter(|given| given.columns.get(place).copied().unwrap_or(false));
        let grants: Vec<usize> = giving.clone().map(|given| given.grant).collect();
        if grants.is_empty() {
            continue;
        }
        // Where all grants give the same rows, or all of them the column, its cells are seen in every row.
        let cells = if distinct.len() == 1 || grants.len() == contributions.len() {
            Predicate::True
        } else {
            let seen = distinct.iter().filter(|rows| giving.clone().any(|given| given.rows == ***rows));
            let cells = Predicate::any(seen.map(|rows| (*rows).clone()));
            if cells == rows { Predicate::True } else { cells }
        };
        columns.push(ColumnAccess { column: column.name.clone(), cells, mask: None, grants });
    }
    let grants = contributions.iter().map(|contribution| contribution.grant).collect();
    (!columns.is_empty()).then(|| TableAccess { table: schema.name.clone(), rows, columns, grants })
}
