//! Names of the files that a run writes: unique, and in Hive's partition folders.

use std::sync::atomic::{AtomicUsize, Ordering};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::engine::lake::NULL_PARTITION;
use crate::model::folder_name;

/// Kept as they are in a partition folder; Hive percent-encodes what could end the name or the value.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b' ').remove(b'~');

/// Hands out file names of one table and run.
#[derive(Debug)]
pub(super) struct FileNames {
    table: String,
    run: String,
    next: AtomicUsize,
}

impl FileNames {
    pub(super) fn new(table: &str, run: &str) -> Self {
        Self { table: folder_name(table), run: run.to_owned(), next: AtomicUsize::new(0) }
    }

    /// A new path below the masked location, inside the partition folders `folder` (empty, or ending in `/`).
    pub(super) fn next(&self, folder: &str) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("versions/{run}/{table}/{folder}part-{number:05}-{run}.parquet", run = self.run, table = self.table)
    }

    /// `name=value/` for one partition column.
    ///
    /// A name that begins with `_` or `.` would hide the folder from readers, and a text that is Hive's name for NULL would
    /// be taken for it, so their first character is encoded.
    pub(super) fn partition_folder(name: &str, value: Option<&str>) -> String {
        let value = match value {
            None => NULL_PARTITION.to_owned(),
            Some(NULL_PARTITION) => format!("%5F{}", NULL_PARTITION.strip_prefix('_').unwrap_or_default()),
            Some(value) => utf8_percent_encode(value, PLAIN).to_string(),
        };
        let name = utf8_percent_encode(name, PLAIN).to_string();
        let name = match name.strip_prefix(['_', '.']) {
            Some(rest) if name.starts_with('_') => format!("%5F{rest}"),
            Some(rest) => format!("%2E{rest}"),
            None => name,
        };
        format!("{name}={value}/")
    }
}
