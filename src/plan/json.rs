//! The plan as JSON, for `plan --format json` and receipts.
//!
//! Names of tables, columns and identifiers stand as they are; `explanation` and `inside` are for people, and escaped.

use serde::{Serialize, Serializer};

use super::{Action, ColumnDecision, MaskingPlan, Reason, TablePlan, explain};
use crate::model::TableName;

#[derive(Serialize)]
struct PlanJson<'a> {
    hash: String,
    tables: Vec<TableJson<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct TableJson<'a> {
    source: NameJson<'a>,
    target: NameJson<'a>,
    location: &'a str,
    columns: Vec<ColumnJson<'a>>,
}

#[derive(Serialize)]
struct NameJson<'a> {
    database: &'a str,
    table: &'a str,
}

#[derive(Serialize)]
struct ColumnJson<'a> {
    column: &'a str,
    r#type: String,
    partition: bool,
    action: &'static str,
    /// The masking call without its value; null unless the action is `mask`.
    mask: Option<String>,
    reason: &'static str,
    explanation: String,
    identifiers: Vec<IdentifierJson>,
    inside: Vec<String>,
}

#[derive(Serialize)]
struct IdentifierJson {
    identifier: String,
    count: u64,
}

impl Serialize for MaskingPlan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PlanJson { hash: self.hash(), tables: self.tables.iter().map(table_json).collect(), warnings: &self.warnings }
            .serialize(serializer)
    }
}

impl Reason {
    /// The word for it in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::DeclaredDespite => "declared-despite",
            Self::Reported => "reported",
            Self::ReportedInside => "reported-inside",
            Self::OperationMarker => "operation-marker",
            Self::Unreported => "unreported",
        }
    }
}

fn table_json(table: &TablePlan) -> TableJson<'_> {
    TableJson {
        source: name_json(&table.source),
        target: name_json(&table.target),
        location: &table.location,
        columns: table.columns.iter().map(column_json).collect(),
    }
}

fn name_json(name: &TableName) -> NameJson<'_> {
    NameJson { database: name.database(), table: name.table() }
}

fn column_json(column: &ColumnDecision) -> ColumnJson<'_> {
    ColumnJson {
        column: &column.column,
        r#type: column.data_type.to_string(),
        partition: column.partition,
        action: match column.action {
            Action::Keep => "keep",
            Action::Drop => "drop",
            Action::Mask(_) => "mask",
        },
        mask: column.action.mask().map(ToString::to_string),
        reason: column.reason.name(),
        explanation: explain::reason_text(column),
        identifiers: column
            .identifiers
            .iter()
            .map(|(identifier, count)| IdentifierJson { identifier: identifier.key(), count: *count })
            .collect(),
        inside: column.inside.iter().map(ToString::to_string).collect(),
    }
}
