//! `[query]`: where answers are kept, and what statements may use.

use std::time::Duration;

use super::resolve::Reader;
use crate::error::Result;
use crate::model::Location;

/// Answers and limits.
#[derive(Clone, Debug)]
pub struct QuerySettings {
    /// Where tables and views go that are made without a role, or in one with full access that has no `locations`.
    pub workspace: Option<Location>,
    /// Where answers are kept; `None` keeps nothing.
    pub results: Option<Location>,
    /// How they are kept.
    pub results_format: ResultsFormat,
    /// How old a kept answer may be to be given again; `None` computes every statement.
    pub reuse: Option<Duration>,
    /// How long a statement may plan and run.
    pub time: Option<Duration>,
    /// Rows of an answer.
    pub rows: Option<u64>,
    /// Bytes of files that a statement may read.
    pub scanned_bytes: Option<u64>,
}

/// How answers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultsFormat {
    /// Comma-separated values, as Amazon Athena writes them.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl Reader<'_> {
    pub(super) fn query(&self) -> Result<QuerySettings> {
        let parquet = self.text(&["query", "results_format"]).as_deref() == Some("parquet");
        Ok(QuerySettings {
            workspace: self.location(&["query", "workspace"])?,
            results: self.location(&["query", "results"])?,
            results_format: if parquet { ResultsFormat::Parquet } else { ResultsFormat::Csv },
            reuse: self.duration(&["query", "reuse"]),
            time: self.duration(&["query", "time"]),
            rows: self.count(&["query", "rows"]),
            scanned_bytes: self.bytes(&["query", "scanned"]),
        })
    }
}
