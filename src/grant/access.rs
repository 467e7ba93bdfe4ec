//! The policy of one role on one table, as the engine enforces it.

use super::filter::Predicate;
use crate::model::{ColumnSchema, TableName, TableSchema};

/// What a role sees of a table, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct TableAccess {
    /// The table.
    pub table: TableName,
    /// Which rows. Each predicate is hidden by NULL as by `false`.
    pub rows: Predicate,
    /// Which columns, in the table's order and spelling. Never empty: a table without a visible column is not visible.
    pub columns: Vec<ColumnAccess>,
    /// Places in [`super::Snapshot::grants`] of the grants that gave it.
    pub grants: Vec<usize>,
}

/// What a role sees of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnAccess {
    /// Its name, in the table's spelling.
    pub column: String,
    /// Which of its cells in visible rows; the others are NULL. [`Predicate::True`] for all.
    pub cells: Predicate,
    /// A mask of our own: an SQL expression on the raw row.
    pub mask: Option<String>,
    /// Places in [`super::Snapshot::grants`] of the grants that gave it.
    pub grants: Vec<usize>,
}

impl TableAccess {
    /// All of a table, as full access has it.
    pub fn everything(schema: &TableSchema) -> Self {
        let column = |column: &ColumnSchema| ColumnAccess {
            column: column.name.clone(),
            cells: Predicate::True,
            mask: None,
            grants: Vec::new(),
        };
        Self {
            table: schema.name.clone(),
            rows: Predicate::True,
            columns: schema.columns.iter().map(column).collect(),
            grants: Vec::new(),
        }
    }
}

impl ColumnAccess {
    /// Whether the role sees the column as it is in the table.
    pub fn unchanged(&self) -> bool {
        self.mask.is_none() && self.cells == Predicate::True
    }
}
