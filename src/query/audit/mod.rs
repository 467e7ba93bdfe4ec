//! The audit log: one JSON line for each statement of a role as it starts, and one as it ends.
//!
//! The file is `audit.jsonl`. Before it grows above its size it is renamed to `audit-TIME-ID.jsonl`, and a new one begins.
//!
//! INVARIANT: lines are only added, each whole, and one is on the disk before its statement runs: if it cannot be written,
//! the answer is no.
//! INVARIANT: processes and threads that write at the same time lose nothing. Each holds `audit.lock` while it writes.

mod read;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind as Io, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::read::{Records, read_all, schema};
use crate::error::{Error, ErrorKind, Result, Said};

/// The file that lines are added to.
const FILE: &str = "audit.jsonl";
/// What older files begin with.
const OLDER: &str = "audit-";
/// What every file ends with.
const SUFFIX: &str = ".jsonl";
/// The file whose lock writers hold.
const LOCK: &str = "audit.lock";
/// The longest line.
const LINE_BYTES_MAX: usize = 1 << 20;

/// The log of a folder.
#[derive(Clone, Debug)]
pub struct AuditLog {
    folder: PathBuf,
    rotate_bytes: u64,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The statement's id, a UUID of version 7: the same in its two lines.
    pub id: String,
    /// When, in UTC. Milliseconds are kept.
    #[serde(with = "moment")]
    pub at: DateTime<Utc>,
    /// Whether the statement started or finished.
    pub event: Moment,
    /// The user of the machine or of the connection.
    pub user: String,
    /// The AWS identity, if there is one: an ARN.
    pub identity: Option<String>,
    /// The role.
    pub role: String,
    /// The statement without its values, as [`redacted`](super::redact::redacted) gives it.
    pub statement: Option<String>,
    /// What kind of statement it is, such as `read`.
    pub statement_kind: String,
    /// The tables it reads or writes, as `database.table`.
    pub tables: Vec<String>,
    /// The version of the policies that it ran under.
    pub policy_version: Option<String>,
    /// Rows that its user was given.
    pub rows_returned: Option<u64>,
    /// Rows that were read for it.
    pub rows_read: Option<u64>,
    /// Bytes that were read for it.
    pub bytes_read: Option<u64>,
    /// How it ended. `None` in the line of its start.
    pub outcome: Option<Outcome>,
    /// The code of its error, such as an SQLSTATE. Never an error's text.
    pub error_code: Option<String>,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// The statement is about to run.
    Started,
    /// The statement ended.
    Finished,
}

impl Moment {
    fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Finished => "finished",
        }
    }
}

/// How a statement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was answered.
    Done,
    /// Something broke.
    Failed,
    /// The answer was no.
    Refused,
    /// It was stopped, or nobody waited for its end.
    Interrupted,
    /// It was not a statement that can be run.
    Usage,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
            Self::Usage => "usage",
        }
    }
}

impl From<ErrorKind> for Outcome {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Failed => Self::Failed,
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::Interrupted => Self::Interrupted,
        }
    }
}

/// What a statement read and gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows that its user was given.
    pub rows_returned: u64,
    /// Rows that were read for it.
    pub rows_read: u64,
    /// Bytes that were read for it.
    pub bytes_read: u64,
}

impl Event {
    /// The start of a statement, now, under a new id. The rest is the caller's to fill in.
    pub fn started(user: impl Into<String>, role: impl Into<String>, statement_kind: impl Into<String>) -> Self {
        Self {
            id: Uuid::now_v7().to_string(),
            at: Utc::now(),
            event: Moment::Started,
            user: user.into(),
            identity: None,
            role: role.into(),
            statement: None,
            statement_kind: statement_kind.into(),
            tables: Vec::new(),
            policy_version: None,
            rows_returned: None,
            rows_read: None,
            bytes_read: None,
            outcome: None,
            error_code: None,
        }
    }
}

/// Moments as RFC 3339 in UTC, to the millisecond.
mod moment {
    use chrono::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at = DateTime::parse_from_rfc3339(&text).map_err(|_| D::Error::custom("not a moment"))?;
        Ok(at.with_timezone(&Utc))
    }
}

impl AuditLog {
    /// Opens the log of a folder, which is made, readable by this user alone, if it does not exist. A file that would
    /// grow above `rotate_bytes` is set aside.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if the log cannot be written: no statement runs unrecorded.
    pub fn open(folder: &Path, rotate_bytes: u64) -> Result<Self> {
        let log = Self { folder: folder.to_owned(), rotate_bytes };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| log.unwritable(&error))?;
        let opened = log.lock().and_then(|_lock| log.file());
        opened.map_err(|error| log.unwritable(&error))?;
        Ok(log)
    }

    /// Adds a line and waits until it is on the disk. Waits for other writers too: in async code, call it where blocking
    /// is allowed.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if it cannot be written.
    pub fn append(&self, event: &Event) -> Result<()> {
        let mut line = serde_json::to_vec(event).map_err(|error| self.unwritable(&error.into()))?;
        line.push(b'\n');
        if line.len() > LINE_BYTES_MAX {
            return Err(Error::refused("the statement is too large for the audit log")
                .with("bytes", &line.len())
                .hint("read fewer tables in one statement"));
        }
        self.write(&line).map_err(|error| self.unwritable(&error))
    }

    /// Records the start of a statement. What is returned records its end.
    ///
    /// # Errors
    /// As [`AuditLog::append`].
    pub fn record(&self, started: Event) -> Result<Recording> {
        self.append(&started)?;
        Ok(Recording { log: self.clone(), event: started, counts: Counts::default(), open: true })
    }

    fn write(&self, line: &[u8]) -> std::io::Result<()> {
        let _lock = self.lock()?;
        let mut file = self.file()?;
        let mut bytes = file.metadata()?.len();
        if bytes > 0 && bytes.saturating_add(line.len() as u64) > self.rotate_bytes {
            std::fs::rename(self.folder.join(FILE), self.folder.join(older_name(Utc::now())))?;
            file = self.file()?;
            bytes = 0;
        }
        if bytes == 0 {
            // The file's name, too, outlives a crash.
            File::open(&self.folder)?.sync_all()?;
        }
        // A line that a crash tore must not swallow this one.
        if ends_in_a_line(&file, bytes)? {
            file.write_all(line)?;
        } else {
            file.write_all(&[b"\n", line].concat())?;
        }
        file.sync_all()
    }

    /// Waits for the lock. It ends with the file that is returned, or with its process.
    fn lock(&self) -> std::io::Result<File> {
        let path = self.folder.join(LOCK);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        lock.lock()?;
        Ok(lock)
    }

    /// The file that lines are added to.
    fn file(&self) -> std::io::Result<File> {
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(self.folder.join(FILE))
    }

    fn unwritable(&self, error: &std::io::Error) -> Error {
        let (reason, hint) = match error.kind() {
            Io::PermissionDenied | Io::ReadOnlyFilesystem => ("it may not be written", "check who may write there"),
            Io::StorageFull | Io::QuotaExceeded => ("the disk is full", "free some space"),
            Io::NotADirectory | Io::AlreadyExists | Io::IsADirectory => {
                ("a file and a folder are in each other's place", "set another `folder` of `[audit]`")
            }
            _ => ("it cannot be written", "check the disk, or set another `folder` of `[audit]`"),
        };
        Error::refused("no statement runs that cannot be recorded")
            .with("audit log", &self.folder.display())
            .with("reason", &Said(reason))
            .hint(hint)
    }
}

/// Whether a file is empty or ends with a line break.
fn ends_in_a_line(file: &File, bytes: u64) -> std::io::Result<bool> {
    let Some(last) = bytes.checked_sub(1) else {
        return Ok(true);
    };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte == *b"\n")
}

/// A name for a file that is set aside: it sorts by time, and is nobody else's.
fn older_name(now: DateTime<Utc>) -> String {
    let id = Uuid::now_v7().simple().to_string();
    // The first half of such an id is the time again.
    let short = id.get(20..).unwrap_or(&id);
    format!("{OLDER}{}-{short}{SUFFIX}", now.format("%Y%m%dT%H%M%S%3fZ"))
}

/// A statement that runs. Its end is recorded by [`Recording::finish`], or as interrupted when this is dropped.
#[derive(Debug)]
pub struct Recording {
    log: AuditLog,
    event: Event,
    counts: Counts,
    open: bool,
}

impl Recording {
    /// The statement's id.
    pub fn id(&self) -> &str {
        &self.event.id
    }

    /// What became known of the statement after its start.
    pub fn planned(&mut self, tables: Vec<String>, policy_version: Option<String>) {
        self.event.tables = tables;
        self.event.policy_version = policy_version;
    }

    /// What was read and given so far, for the case that the statement is interrupted.
    pub fn counts_mut(&mut self) -> &mut Counts {
        &mut self.counts
    }

    /// Records the end.
    ///
    /// # Errors
    /// As [`AuditLog::append`].
    pub fn finish(mut self, outcome: Outcome, counts: Counts, error_code: Option<String>) -> Result<()> {
        self.counts = counts;
        self.end(outcome, error_code)
    }

    fn end(&mut self, outcome: Outcome, error_code: Option<String>) -> Result<()> {
        self.open = false;
        let finished = Event {
            at: Utc::now(),
            event: Moment::Finished,
            rows_returned: Some(self.counts.rows_returned),
            rows_read: Some(self.counts.rows_read),
            bytes_read: Some(self.counts.bytes_read),
            outcome: Some(outcome),
            error_code,
            ..self.event.clone()
        };
        self.log.append(&finished)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if self.open
            && let Err(error) = self.end(Outcome::Interrupted, None)
        {
            tracing::error!(statement = %self.event.id, %error, "the end of a statement could not be recorded");
        }
    }
}

#[cfg(test)]
mod tests;
