//! `saltlake.query_executions`: the records as a table.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::History;
use super::record::{Execution, State};
use crate::error::{Error, Result};
use crate::query::redact::redacted;

/// Who looks at the records.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// The role, if there are roles.
    pub role: Option<String>,
    /// The user of the machine.
    pub user: String,
    /// Whether the statements of other roles are shown.
    pub sees_all: bool,
}

impl Viewer {
    /// Whether a record is shown at all: a granted role sees its own.
    pub fn may_see(&self, execution: &Execution) -> bool {
        self.sees_all || execution.role == self.role
    }

    /// The statement as it is shown: in full to who asked it, without its values to others.
    pub fn statement(&self, execution: &Execution) -> String {
        if execution.role == self.role && execution.user == self.user {
            return execution.statement.clone();
        }
        redacted(&execution.statement)
    }
}

/// The columns of the table.
pub fn execution_schema() -> SchemaRef {
    let moment = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let fields = [
        ("query_execution_id", DataType::Utf8, false),
        ("state", DataType::Utf8, false),
        ("statement", DataType::Utf8, false),
        ("role", DataType::Utf8, true),
        ("user_name", DataType::Utf8, false),
        ("submitted_at", moment.clone(), false),
        ("finished_at", moment, true),
        ("run_time_ms", DataType::Int64, true),
        ("row_count", DataType::Int64, true),
        ("scanned_bytes", DataType::Int64, true),
        ("result_location", DataType::Utf8, true),
        ("tables", DataType::Utf8, true),
        ("policy_version", DataType::Utf8, true),
        ("reused_from", DataType::Utf8, true),
        ("error_code", DataType::Utf8, true),
        ("error", DataType::Utf8, true),
    ];
    Arc::new(Schema::new(fields.map(|(name, data_type, nullable)| Field::new(name, data_type, nullable)).to_vec()))
}

/// The records that a viewer may see, as rows.
///
/// # Errors
/// If they cannot be put together.
pub fn executions_table(history: &History, all: &[Execution], viewer: &Viewer) -> Result<RecordBatch> {
    let seen: Vec<&Execution> = all.iter().filter(|execution| viewer.may_see(execution)).collect();
    let text = |of: &dyn Fn(&Execution) -> Option<String>| -> ArrayRef {
        Arc::new(seen.iter().map(|execution| of(execution)).collect::<StringArray>())
    };
    let moment = |of: &dyn Fn(&Execution) -> Option<i64>| -> ArrayRef {
        let moments: TimestampMillisecondArray = seen.iter().map(|execution| of(execution)).collect();
        Arc::new(moments.with_timezone("UTC"))
    };
    let number = |of: &dyn Fn(&Execution) -> Option<i64>| -> ArrayRef {
        Arc::new(seen.iter().map(|execution| of(execution)).collect::<Int64Array>())
    };
    let filled = |text: String| (!text.is_empty()).then_some(text);
    let count = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
    let columns: Vec<ArrayRef> = vec![
        text(&|execution| Some(execution.id.clone())),
        text(&|execution| Some(execution.state.name().to_owned())),
        text(&|execution| Some(viewer.statement(execution))),
        text(&|execution| execution.role.clone()),
        text(&|execution| Some(execution.user.clone())),
        moment(&|execution| Some(execution.submitted_at.timestamp_millis())),
        moment(&|execution| execution.finished_at.map(|at| at.timestamp_millis())),
        number(&|execution| Some((execution.finished_at? - execution.submitted_at).num_milliseconds())),
        number(&|execution| count(execution.rows)),
        number(&|execution| count(execution.scanned_bytes)),
        text(&|execution| {
            (execution.state == State::Succeeded).then(|| execution.result.as_ref().map(|name| history.place(name)))?
        }),
        text(&|execution| filled(execution.tables.join(", "))),
        text(&|execution| filled(execution.policy_version.clone())),
        text(&|execution| execution.reused.clone()),
        text(&|execution| execution.error_code.clone()),
        text(&|execution| execution.error.clone()),
    ];
    RecordBatch::try_new(execution_schema(), columns).map_err(|_| Error::failed("a table of saltlake's own is broken"))
}
