//! [`Findings`]: what is known about personal data in the lake, by table and column.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::error::{Error, Result, Said};
use crate::model::{ColumnPath, Identifier, TableName, printable};

/// How many things a refusal lists before it only counts.
const LISTED_MAX: usize = 100;

/// The channel through which Macie told of a detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// A finding: at most 15 locations in all.
    Finding,
    /// A sensitive data discovery result: up to 1,000 locations per identifier.
    DiscoveryResult,
}

impl Channel {
    /// `finding` or `discovery result`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finding => "finding",
            Self::DiscoveryResult => "discovery result",
        }
    }
}

/// One detection: an identifier that one finding reports in one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// The document it was read from: a path, an `s3://` URL, or the live service's name.
    pub origin: String,
    /// The id of the finding or discovery result. Empty if it has none.
    pub finding_id: String,
    /// The finding or the discovery result.
    pub channel: Channel,
    /// The object as `bucket/key`.
    pub object: String,
    /// What was found.
    pub identifier: Identifier,
    /// Macie's category, such as `PERSONAL_INFORMATION`. Empty if the finding has none.
    pub category: String,
    /// How often it was found; see [`ColumnFinding::identifiers`].
    pub count: u64,
}

/// Everything reported about one place of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnFinding {
    /// The table.
    pub table: TableName,
    /// The place: a top-level column and the steps below it. List indexes are `[*]`: what was found in one element
    /// may be in any.
    pub path: ColumnPath,
    /// What was found, and how often.
    ///
    /// A detection counts occurrences in one object without saying how they divide over the columns it names, so each
    /// of these columns is given the whole count, an upper bound; only when every occurrence is located are they counted
    /// one by one. Several reports on the same object (a finding, its discovery result, a later scan) give the largest
    /// of their counts; different objects add up.
    pub identifiers: BTreeMap<Identifier, u64>,
    /// Where that is known from.
    pub evidence: Vec<Evidence>,
}

impl ColumnFinding {
    /// All occurrences of all identifiers.
    pub fn count(&self) -> u64 {
        self.identifiers.values().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// Why a detection names no column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It has a count and no locations.
    NoLocations,
    /// A record location without a path: the personal data is in the name of an element.
    NoPath,
    /// The path cannot be read.
    UnreadablePath,
    /// The path leads to no column of the table.
    UnknownPath,
    /// The path was cut short by Macie and its rest leads to no column of the table.
    CutPath,
    /// A cell of a column that the table does not have.
    UnknownCell,
    /// Lines, pages or offsets, which are not columns.
    NotColumns,
    /// The data is in a file inside an archive.
    EmbeddedFile,
    /// The finding says that there is sensitive data and lists no detection.
    NoDetections,
}

impl Reason {
    /// A short sentence.
    pub fn text(self) -> &'static str {
        match self {
            Self::NoLocations => "has no locations",
            Self::NoPath => "is located at a record without a path",
            Self::UnreadablePath => "is located at a path that cannot be read",
            Self::UnknownPath => "is located at a path that leads to no column",
            Self::CutPath => "is located at a path that was cut short and fits no column",
            Self::UnknownCell => "is located at a cell of no known column",
            Self::NotColumns => "is located at lines or pages, not at columns",
            Self::EmbeddedFile => "is in a file inside an archive",
            Self::NoDetections => "is said to be there without any detection",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Personal data that is in a table, at a column nobody names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unlocated {
    /// The table.
    pub table: TableName,
    /// The detection.
    pub evidence: Evidence,
    /// Why it names no column.
    pub reason: Reason,
    /// The path or column number that leads nowhere, if there is one. May hold anything: print it escaped.
    pub place: Option<String>,
}

/// Personal data in an object that is inside the lake and belongs to no table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmapped {
    /// The object as `bucket/key`; empty if the finding names none.
    pub object: String,
    /// What was found in it.
    pub evidence: Evidence,
}

/// Personal data in an object outside the lake: counted and left alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outside {
    /// What was found in it.
    pub evidence: Evidence,
}

/// What was read and what became of it.
///
/// Every record read (finding or discovery result) is in exactly one of `policy`, `sample`, `archived_ignored`,
/// `duplicates`, `clean`, `outside`, `unmapped` and `mapped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Documents read, without those skipped.
    pub documents: u64,
    /// Documents among them that hold nothing.
    pub documents_empty: u64,
    /// Documents below a folder `…-failed/` (Firehose's failed deliveries) that hold no finding.
    pub documents_skipped: u64,
    /// Findings and discovery results read.
    pub records: u64,
    /// Discovery results among them.
    pub discovery_results: u64,
    /// Findings about a bucket's policy: they name no data.
    pub policy: u64,
    /// Generated examples.
    pub sample: u64,
    /// Suppressed findings that count all the same. Also counted where they ended.
    pub archived_used: u64,
    /// Suppressed findings that settings ignore.
    pub archived_ignored: u64,
    /// Repeats of a record that was read before.
    pub duplicates: u64,
    /// Discovery results of objects in which nothing was found.
    pub clean: u64,
    /// Records whose object was analysed in part or not at all. Also counted where they ended.
    pub incomplete: u64,
    /// About objects outside the lake.
    pub outside: u64,
    /// About objects inside the lake that belong to no table.
    pub unmapped: u64,
    /// About tables of the lake.
    pub mapped: u64,
    /// Detections without columns that the finding's discovery result located.
    pub located_by_details: u64,
    /// Records of detailed results about other objects than the findings that point to them.
    pub details_unrelated: u64,
    /// S3 notifications, which are no findings.
    pub notifications: u64,
    /// Other events and messages, which are no findings.
    pub other_events: u64,
    /// Firehose's records of failed deliveries, which are no findings.
    pub undelivered: u64,
}

/// Findings that settings accept although nobody can act on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Those that name a type of data but no column.
    pub unlocated: bool,
    /// Those about objects of the lake that belong to no table.
    pub unmapped: bool,
}

/// What is known about personal data in the lake. Ordered by table, then by column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    pub(super) columns: BTreeMap<(TableName, ColumnPath), ColumnFinding>,
    pub(super) unlocated: Vec<Unlocated>,
    pub(super) unmapped: Vec<Unmapped>,
    pub(super) outside: Vec<Outside>,
    pub(super) totals: Totals,
}

impl Findings {
    /// Findings that name these columns and nothing else. Several entries for one place are united.
    pub fn from_columns(columns: Vec<ColumnFinding>) -> Self {
        let mut findings = Self::default();
        for column in columns {
            let key = (column.table.clone(), column.path.clone());
            match findings.columns.get_mut(&key) {
                None => {
                    findings.columns.insert(key, column);
                }
                Some(known) => {
                    for (identifier, count) in column.identifiers {
                        let sum = known.identifiers.entry(identifier).or_default();
                        *sum = sum.saturating_add(count);
                    }
                    known.evidence.extend(column.evidence);
                    known.evidence.sort();
                    known.evidence.dedup();
                }
            }
        }
        findings
    }

    /// Every place that is reported, by table, then by column.
    pub fn iter(&self) -> impl Iterator<Item = &ColumnFinding> {
        self.columns.values()
    }

    /// What is reported about a top-level column and the places below it. `column` is the table's own spelling.
    pub fn column(&self, table: &TableName, column: &str) -> Vec<&ColumnFinding> {
        self.iter().filter(|finding| finding.table == *table && finding.path.column == column).collect()
    }

    /// Detections in tables of the lake that name no column.
    pub fn unlocated(&self) -> &[Unlocated] {
        &self.unlocated
    }

    /// Detections in objects of the lake that belong to no table.
    pub fn unmapped(&self) -> &[Unmapped] {
        &self.unmapped
    }

    /// Detections in objects outside the lake.
    pub fn outside(&self) -> &[Outside] {
        &self.outside
    }

    /// What was read and what became of it.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Refuses findings that nobody can act on, unless settings accept them.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Refused`], naming every detection without a column and every object without a table.
    pub fn refusal(&self, accepted: Accepted) -> Result<()> {
        let unlocated = lines(self.unlocated.iter().filter(|_| !accepted.unlocated).map(unlocated_line));
        let unmapped = lines(self.unmapped.iter().filter(|_| !accepted.unmapped).map(unmapped_line));
        let message = match (unlocated.is_empty(), unmapped.is_empty()) {
            (true, true) => return Ok(()),
            (false, true) => "findings tell of personal data without naming a column",
            (true, false) => "findings tell of personal data in objects that belong to no table",
            (false, false) => "findings tell of personal data that no column or table can be named for",
        };
        let mut error = Error::refused(message);
        for line in unlocated.iter().chain(&unmapped).take(LISTED_MAX) {
            error = error.item(&Said(line));
        }
        let more = (unlocated.len() + unmapped.len()).saturating_sub(LISTED_MAX);
        if more > 0 {
            error = error.with("not listed", &more);
        }
        if !unlocated.is_empty() {
            error = error
                .hint("feed the detailed results of these findings too: they name more columns")
                .hint("or mask the right columns by rules of your own and accept the rest:\n[findings]\nunlocated = \"accept\"");
        }
        if !unmapped.is_empty() {
            error = error
                .hint("list these objects as tables under `[lake.tables]`, remove them from the lake, or accept them:\n[findings]\nunmapped = \"accept\"");
        }
        Err(error)
    }
}

/// Distinct lines in order.
fn lines(all: impl Iterator<Item = String>) -> BTreeSet<String> {
    all.collect()
}

fn unlocated_line(unlocated: &Unlocated) -> String {
    let Unlocated { table, evidence, reason, place } = unlocated;
    let place = place.as_deref().map(|place| format!(" `{}`", printable(place))).unwrap_or_default();
    format!("{table}: {} {reason}{place} ({})", evidence.identifier, source(evidence))
}

fn unmapped_line(unmapped: &Unmapped) -> String {
    let object = if unmapped.object.is_empty() { "(no object named)" } else { &unmapped.object };
    format!("{}: {} ({})", printable(object), unmapped.evidence.identifier, source(&unmapped.evidence))
}

fn source(evidence: &Evidence) -> String {
    let id = if evidence.finding_id.is_empty() { "without id" } else { &evidence.finding_id };
    format!("{} {} in {}", evidence.channel.name(), printable(id), printable(&evidence.origin))
}
