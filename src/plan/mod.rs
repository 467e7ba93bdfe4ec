//! Stage 2: decide what happens to every column, and write it down as SQL.
//!
//! In: [`Findings`](crate::discover::Findings), the tables' schemas, [`Policy`]. Out: [`MaskingPlan`].
//! INVARIANT: pure. No clock, network, file or chance: same input, same plan, byte for byte.
//! INVARIANT: total. A column nobody decided about is an error, never a pass.
//! INVARIANT: what findings report stays readable only by a declaration that names it.

mod decide;
mod declared;
mod explain;
mod json;
mod names;
mod problems;
mod question;
mod rule;
mod sql;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;
use sha2::{Digest, Sha256};

pub use self::decide::decide;
pub use self::rule::{MaskCall, MaskFunction, Rule};
use crate::model::{ColumnPath, Identifier, Location, TableName};

/// What settings say about masking.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The rule text per identifier key (`NAME`, `custom:account_number`).
    pub masks: BTreeMap<String, String>,
    /// The rule text for an identifier that has none of its own.
    pub default_mask: String,
    /// The declaration per table and column, as the user spelled their names.
    pub columns: BTreeMap<String, BTreeMap<String, Declaration>>,
    /// What happens to a column that nobody reported and nobody declared.
    pub unreported: Unreported,
    /// The database of the masked tables.
    pub target_database: String,
    /// Where masked tables go, each into a folder of its own.
    pub target_location: Location,
    /// The names of the configured keys, `default` among them only if it is configured.
    pub keys: BTreeSet<String>,
    /// The codec of the masked files, as Athena spells it: `ZSTD`.
    pub write_compression: String,
}

/// What settings say about one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declaration {
    /// A rule text: `keep`, `drop`, or a mask such as `mask_partial(0, 4)`.
    Rule(String),
    /// Kept although these identifiers are reported.
    KeepDespite(Vec<String>),
}

/// What happens to a column that nobody reported and nobody declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreported {
    /// The plan is refused and names the column.
    Refuse,
    /// The column is kept, and the plan says so.
    Keep,
}

/// What happens to a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It stays readable.
    Keep,
    /// It is left out of the masked table.
    Drop,
    /// It is masked.
    Mask(MaskCall),
}

impl Action {
    /// The masking call, if the column is masked.
    pub fn mask(&self) -> Option<&MaskCall> {
        match self {
            Self::Mask(call) => Some(call),
            Self::Keep | Self::Drop => None,
        }
    }
}

/// Why it happens to the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The settings declare it.
    Declared,
    /// The settings keep it although findings report it, naming what they report.
    DeclaredDespite,
    /// Findings report it.
    Reported,
    /// Findings report a place inside it, or it is nested itself: only the whole of it can be hidden for now.
    ReportedInside,
    /// It is the operation marker (`I`, `U`, `D`) that AWS DMS puts in front of its change files.
    OperationMarker,
    /// Nobody reported or declared it, and settings accept such columns.
    Unreported,
}

/// A column, what happens to it and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDecision {
    /// The column's own name.
    pub column: String,
    /// Its type in the raw table.
    pub data_type: DataType,
    /// Whether it is a partition column.
    pub partition: bool,
    /// What happens to it.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// What findings report about it and the places inside it, and how often.
    pub identifiers: BTreeMap<Identifier, u64>,
    /// The places inside it that findings report.
    pub inside: Vec<ColumnPath>,
}

/// A table, what it becomes, and the script that makes it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePlan {
    source: TableName,
    target: TableName,
    location: String,
    file_name: String,
    columns: Vec<ColumnDecision>,
    script: String,
}

impl TablePlan {
    /// The raw table.
    pub fn source(&self) -> &TableName {
        &self.source
    }

    /// The masked table.
    pub fn target(&self) -> &TableName {
        &self.target
    }

    /// The folder or prefix of the masked table, ending in `/`: the script's `external_location`.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The script's file name, safe on every file system and different from every other table's.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Every column of the raw table, in the order of the script: partition columns last.
    pub fn columns(&self) -> &[ColumnDecision] {
        &self.columns
    }

    /// The script: a header of comments, and one `CREATE TABLE … AS SELECT` in Athena's spelling.
    pub fn script(&self) -> &str {
        &self.script
    }

    /// The names of the keys that the script needs.
    pub fn keys(&self) -> BTreeSet<&str> {
        self.columns.iter().filter_map(|column| column.action.mask()?.key()).map(crate::model::KeyId::as_str).collect()
    }
}

/// What is to be done: every table, every column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskingPlan {
    tables: Vec<TablePlan>,
    warnings: Vec<String>,
}

impl MaskingPlan {
    /// The tables, ordered by name.
    pub fn tables(&self) -> &[TablePlan] {
        &self.tables
    }

    /// What the user should know though it refuses nothing. Ready to print: names are escaped.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The names of the keys that the plan needs.
    pub fn keys(&self) -> BTreeSet<&str> {
        self.tables.iter().flat_map(TablePlan::keys).collect()
    }

    /// The columns that are kept although nobody reported or declared them.
    pub fn unreported(&self) -> impl Iterator<Item = (&TableName, &ColumnDecision)> {
        self.tables.iter().flat_map(|table| {
            table
                .columns
                .iter()
                .filter(|column| column.reason == Reason::Unreported)
                .map(|column| (&table.source, column))
        })
    }

    /// SHA-256 of all scripts, one after the other in the tables' order, in hexadecimal.
    pub fn hash(&self) -> String {
        let mut digest = Sha256::new();
        for table in &self.tables {
            digest.update(&table.script);
        }
        const_hex::encode(digest.finalize())
    }
}
