//! [`Findings`] as JSON and as the SQL table `saltlake.findings`.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::ser::{Serialize, SerializeSeq, SerializeStruct, Serializer};

use super::findings::{ColumnFinding, Evidence, Findings};
use crate::error::{Error, Result};
use crate::model::{ColumnPath, Identifier, TableName};

/// The columns of `saltlake.findings`; all but `count` are text.
const COLUMNS: [&str; 14] = [
    "database_name",
    "table_name",
    "column_path",
    "column_name",
    "identifier",
    "category",
    "count",
    "object",
    "origin",
    "finding_id",
    "channel",
    "status",
    "reason",
    "place",
];

/// A list of `{"table", "column", "identifiers", "count", "evidence"}`: the columns with personal data.
impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for finding in self.iter() {
            list.serialize_element(finding)?;
        }
        list.end()
    }
}

impl Serialize for ColumnFinding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("ColumnFinding", 5)?;
        object.serialize_field(
            "table",
            &format!("{}.{}", self.table.database(), self.table.table()),
        )?;
        object.serialize_field("column", &path_text(&self.path))?;
        let keys: BTreeSet<String> = self.identifiers.keys().map(Identifier::key).collect();
        object.serialize_field("identifiers", &keys)?;
        object.serialize_field("count", &self.count())?;
        object.serialize_field("evidence", &self.evidence)?;
        object.end()
    }
}

impl Serialize for Evidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Evidence", 7)?;
        object.serialize_field("identifier", &self.identifier.key())?;
        object.serialize_field("category", &self.category)?;
        object.serialize_field("count", &self.count)?;
        object.serialize_field("object", &self.object)?;
        object.serialize_field("channel", self.channel.name())?;
        object.serialize_field("finding_id", &self.finding_id)?;
        object.serialize_field("origin", &self.origin)?;
        object.end()
    }
}

/// A plain column by its exact name; a nested one as people read it.
fn path_text(path: &ColumnPath) -> String {
    if path.is_nested() {
        path.to_string()
    } else {
        path.column.clone()
    }
}

/// One row of the table.
struct Row<'a> {
    table: Option<&'a TableName>,
    path: Option<&'a ColumnPath>,
    evidence: &'a Evidence,
    status: &'static str,
    reason: Option<&'static str>,
    place: Option<&'a str>,
}

impl Findings {
    /// The columns of [`Self::to_record_batch`].
    pub fn table_schema() -> SchemaRef {
        let field = |name| match name {
            "count" => Field::new(name, DataType::Int64, false),
            "identifier" | "status" | "channel" | "origin" => {
                Field::new(name, DataType::Utf8, false)
            }
            _ => Field::new(name, DataType::Utf8, true),
        };
        Arc::new(Schema::new(COLUMNS.map(field).to_vec()))
    }

    /// The SQL table `saltlake.findings`: a row for each piece of evidence. `status` is `located`, `unlocated` (in a
    /// table, at no known column), `unmapped` (in the lake, in no table) or `outside` (not in the lake).
    ///
    /// # Errors
    /// If the rows do not fit into one batch.
    pub fn to_record_batch(&self) -> Result<RecordBatch> {
        let rows: Vec<Row<'_>> = self.rows().collect();
        let some = |text: &str| {
            Some(text)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let text = |of: &dyn Fn(&Row<'_>) -> Option<String>| -> ArrayRef {
            Arc::new(rows.iter().map(of).collect::<StringArray>())
        };
        let columns = COLUMNS.map(|name| match name {
            "database_name" => text(&|row| row.table.map(|table| table.database().to_owned())),
            "table_name" => text(&|row| row.table.map(|table| table.table().to_owned())),
            "column_path" => text(&|row| row.path.map(path_text)),
            "column_name" => text(&|row| row.path.map(|path| path.column.clone())),
            "identifier" => text(&|row| Some(row.evidence.identifier.key())),
            "category" => text(&|row| some(&row.evidence.category)),
            "object" => text(&|row| some(&row.evidence.object)),
            "origin" => text(&|row| Some(row.evidence.origin.clone())),
            "finding_id" => text(&|row| some(&row.evidence.finding_id)),
            "channel" => text(&|row| Some(row.evidence.channel.name().to_owned())),
            "status" => text(&|row| Some(row.status.to_owned())),
            "reason" => text(&|row| row.reason.map(str::to_owned)),
            "place" => text(&|row| row.place.map(str::to_owned)),
            _ => {
                let counts = rows
                    .iter()
                    .map(|row| i64::try_from(row.evidence.count).unwrap_or(i64::MAX));
                Arc::new(counts.collect::<Int64Array>()) as ArrayRef
            }
        });
        RecordBatch::try_new(Self::table_schema(), columns.to_vec())
            .map_err(|_| Error::failed("findings do not make a table").with("rows", &rows.len()))
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let located = self.iter().flat_map(|finding| {
            finding.evidence.iter().map(|evidence| Row {
                table: Some(&finding.table),
                path: Some(&finding.path),
                evidence,
                status: "located",
                reason: None,
                place: None,
            })
        });
        let unlocated = self.unlocated.iter().map(|unlocated| Row {
            table: Some(&unlocated.table),
            path: None,
            evidence: &unlocated.evidence,
            status: "unlocated",
            reason: Some(unlocated.reason.text()),
            place: unlocated.place.as_deref(),
        });
        let elsewhere = |evidence, status| Row {
            table: None,
            path: None,
            evidence,
            status,
            reason: None,
            place: None,
        };
        let unmapped = self
            .unmapped
            .iter()
            .map(move |unmapped| elsewhere(&unmapped.evidence, "unmapped"));
        let outside = self
            .outside
            .iter()
            .map(move |outside| elsewhere(&outside.evidence, "outside"));
        located.chain(unlocated).chain(unmapped).chain(outside)
    }
}
