//! The audit log as a table.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind as Io, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::{Event, FILE, LINE_BYTES_MAX, LOCK, Moment, OLDER, Outcome, SUFFIX};
use crate::engine::store::file_fault;
use crate::error::{Error, Result};

const TIME_ZONE: &str = "UTC";

/// What the log holds.
#[derive(Clone, Debug)]
pub struct Records {
    /// A row for each line, in the order of time. Its columns are those of [`schema`].
    pub batch: RecordBatch,
    /// Lines that could not be read, such as one that a crash tore.
    pub damaged: u64,
}

/// The columns of the log.
pub fn schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let number = |name: &str| Field::new(name, DataType::Int64, true);
    let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
    Arc::new(Schema::new(vec![
        text("id", false),
        Field::new("at", DataType::Timestamp(TimeUnit::Millisecond, Some(TIME_ZONE.into())), false),
        text("event", false),
        text("user", false),
        text("identity", true),
        text("role", false),
        text("statement", true),
        text("statement_kind", false),
        Field::new("tables", DataType::List(item), false),
        text("policy_version", true),
        number("rows_returned"),
        number("rows_read"),
        number("bytes_read"),
        text("outcome", true),
        text("error_code", true),
    ]))
}

/// Reads every file of the log. A folder that does not exist is an empty log. What is written meanwhile is not read.
///
/// # Errors
/// A file that cannot be read: a part of the log is no log.
pub fn read_all(folder: &Path) -> Result<Records> {
    let mut events = Vec::new();
    let mut damaged = 0;
    for (path, file, bytes) in open_all(folder)? {
        let fault = |error: std::io::Error| file_fault(&error, &path, "cannot read the audit log");
        damaged += read_lines(BufReader::new(file.take(bytes)), &mut events).map_err(fault)?;
    }
    events.sort_by_key(|event| event.at);
    Ok(Records { batch: to_batch(&events)?, damaged })
}

/// Opens every file, oldest first, with its length at one moment at which no one writes. A file that is set aside later
/// is still the same one.
fn open_all(folder: &Path) -> Result<Vec<(PathBuf, File, u64)>> {
    let fault = |error: std::io::Error| file_fault(&error, folder, "cannot read the audit log");
    let lock = match File::open(folder.join(LOCK)) {
        Ok(lock) => Some(lock),
        Err(error) if error.kind() == Io::NotFound => None,
        Err(error) => return Err(fault(error)),
    };
    if let Some(lock) = &lock {
        lock.lock_shared().map_err(fault)?;
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == Io::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(fault)?.file_name();
        names.extend(name.to_str().filter(|name| is_log(name)).map(str::to_owned));
    }
    names.sort(); // `-` sorts before `.`, so that the current file comes last
    let opened = names.into_iter().map(|name| {
        let path = folder.join(name);
        let file = File::open(&path)?;
        let bytes = file.metadata()?.len();
        Ok((path, file, bytes))
    });
    opened.collect::<std::io::Result<_>>().map_err(fault)
}

fn is_log(name: &str) -> bool {
    name == FILE || (name.starts_with(OLDER) && name.ends_with(SUFFIX))
}

/// Reads the lines of a file, and returns how many were damaged. Holds one line at a time, and no more of one that is
/// too long than the longest whole one.
fn read_lines(mut reader: impl BufRead, events: &mut Vec<Event>) -> std::io::Result<u64> {
    let mut damaged = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)? == 0 {
            return Ok(damaged);
        }
        let whole = line.ends_with(b"\n");
        if !whole && line.len() == LINE_BYTES_MAX {
            reader.skip_until(b'\n')?;
        }
        match serde_json::from_slice(&line) {
            // A line without its end may be one that was torn after its last brace.
            Ok(event) if whole => events.push(event),
            _ if line.trim_ascii().is_empty() => {}
            _ => damaged += 1,
        }
    }
}

fn to_batch(events: &[Event]) -> Result<RecordBatch> {
    let text = |get: fn(&Event) -> &str| Arc::new(StringArray::from_iter_values(events.iter().map(get))) as ArrayRef;
    let maybe = |get: fn(&Event) -> Option<&str>| Arc::new(events.iter().map(get).collect::<StringArray>()) as ArrayRef;
    let number = |get: fn(&Event) -> Option<u64>| {
        // No count of rows or bytes comes near the end of the range.
        let numbers = events.iter().map(|event| get(event).map(|number| i64::try_from(number).unwrap_or(i64::MAX)));
        Arc::new(numbers.collect::<Int64Array>()) as ArrayRef
    };
    let at = TimestampMillisecondArray::from_iter_values(events.iter().map(|event| event.at.timestamp_millis()));
    let mut tables = ListBuilder::new(StringBuilder::new());
    for event in events {
        tables.append_value(event.tables.iter().map(Some));
    }
    let columns = vec![
        text(|event| &event.id),
        Arc::new(at.with_timezone(TIME_ZONE)),
        text(|event| Moment::name(event.event)),
        text(|event| &event.user),
        maybe(|event| event.identity.as_deref()),
        text(|event| &event.role),
        maybe(|event| event.statement.as_deref()),
        text(|event| &event.statement_kind),
        Arc::new(tables.finish()),
        maybe(|event| event.policy_version.as_deref()),
        number(|event| event.rows_returned),
        number(|event| event.rows_read),
        number(|event| event.bytes_read),
        maybe(|event| event.outcome.map(Outcome::name)),
        maybe(|event| event.error_code.as_deref()),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|_| Error::failed("the audit log does not fit its columns"))
}
