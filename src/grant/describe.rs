//! Grants and what they are about, in words.

use std::fmt;

use super::{Columns, Grant, Resource, Tables, TagExpression, Tagged, Tags};
use crate::model::printable;

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Catalog => "the catalog".to_owned(),
            Self::Database(database) => format!("database {database}"),
            Self::Table { database, table } => format!("table {database}.{table}"),
            Self::Columns { database, table, columns } => format!("{columns} of {database}.{table}"),
            Self::CellsFilter { database, table, name } => format!("cells filter {name} of {database}.{table}"),
            Self::Tagged { kind: Tagged::Databases, tags } => format!("databases with LF-Tags {tags}"),
            Self::Tagged { kind: Tagged::Tables, tags } => format!("tables and columns with LF-Tags {tags}"),
            Self::DataLocation(location) => format!("location {location}"),
            Self::Unrelated(what) | Self::Unknown(what) => what.clone(),
        };
        f.write_str(&printable(&text))
    }
}

impl fmt::Display for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all columns"),
            Self::Only(names) => write!(f, "columns {}", names.join(", ")),
            Self::Except(names) => write!(f, "all columns but {}", names.join(", ")),
        }
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expression(expression) => f.write_str(&expression_text(expression)),
            Self::Saved(name) => write!(f, "of the saved expression {name}"),
        }
    }
}

/// `classification=open|internal AND team=sales`.
pub(super) fn expression_text(expression: &TagExpression) -> String {
    let part = |(key, values): (&String, &std::collections::BTreeSet<String>)| {
        format!("{key}={}", values.iter().map(String::as_str).collect::<Vec<_>>().join("|"))
    };
    expression.iter().map(part).collect::<Vec<_>>().join(" AND ")
}

impl Grant {
    /// Who, and on what.
    pub fn what(&self) -> String {
        format!("{} on {}", printable(&self.principal), self.resource)
    }

    /// Permissions with commas between.
    pub fn permissions_text(&self) -> String {
        printable(&self.permissions.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
    }
}
