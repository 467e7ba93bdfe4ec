//! The nouns that every stage shares: locations, tables, columns and the identifiers found in them.
//!
//! Names come from files, findings and users, so they may hold anything. INVARIANT: `Display` of a name never
//! prints a control character, so that a name cannot move a terminal's cursor or end a comment line.

use std::fmt;
use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, SchemaRef};

pub use saltlake_udfs::KeyId;

/// Replaces control characters (line breaks, escapes, bidirectional overrides) by their `\u{…}` form.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// A folder of this machine or a prefix of an S3 bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// An absolute folder.
    Folder(PathBuf),
    /// `s3://bucket/prefix/`; `prefix` is a plain (not URL-encoded) key prefix, empty or ending in `/`.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// Empty, or ending in `/`.
        prefix: String,
    },
}

impl Location {
    /// Reads `s3://bucket/prefix` (also `s3a`, `s3n`), `file:///folder`, or a folder relative to `base`.
    ///
    /// Returns `None` for an empty text, a missing bucket or another scheme.
    pub fn parse(text: &str, base: &Path) -> Option<Self> {
        for scheme in ["s3://", "s3a://", "s3n://"] {
            if let Some(rest) = text.strip_prefix(scheme) {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return None;
                }
                let mut prefix = key.trim_matches('/').to_owned();
                if !prefix.is_empty() {
                    prefix.push('/');
                }
                return Some(Self::S3 { bucket: bucket.to_owned(), prefix });
            }
        }
        let path = text.strip_prefix("file://").unwrap_or(text);
        if path.is_empty() || path.contains("://") {
            return None;
        }
        let joined = base.join(path);
        Some(Self::Folder(std::path::absolute(&joined).unwrap_or(joined)))
    }

    /// The location of a child folder or key prefix.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        match self {
            Self::Folder(path) => Self::Folder(path.join(name)),
            Self::S3 { bucket, prefix } => {
                Self::S3 { bucket: bucket.clone(), prefix: format!("{prefix}{}/", name.trim_matches('/')) }
            }
        }
    }

    /// The text that users write: a path, or `s3://bucket/prefix/`. Always ends in `/`.
    pub fn to_url(&self) -> String {
        match self {
            Self::Folder(path) => {
                let text = path.to_string_lossy();
                format!("{}/", text.trim_end_matches('/'))
            }
            Self::S3 { bucket, prefix } => format!("s3://{bucket}/{prefix}"),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.to_url()))
    }
}

/// A table inside a database: `dataset.customer`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    database: String,
    table: String,
}

impl TableName {
    /// Names a table. Any text is a name: SQL quotes it where needed.
    pub fn new(database: impl Into<String>, table: impl Into<String>) -> Self {
        Self { database: database.into(), table: table.into() }
    }

    /// The database (schema) part.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The table part.
    pub fn table(&self) -> &str {
        &self.table
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", printable(&self.database), printable(&self.table))
    }
}

/// A top-level column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnRef {
    /// The table.
    pub table: TableName,
    /// The column's own name, in its own case.
    pub column: String,
}

impl fmt::Display for ColumnRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, printable(&self.column))
    }
}

/// One step below a column.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathStep {
    /// A field of a struct or a key of a map.
    Field(String),
    /// An element of a list; `None` for "any".
    Element(Option<u64>),
}

/// A place inside a table: a top-level column, and the steps below it (none for a plain column).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnPath {
    /// The top-level column, in the table's own spelling.
    pub column: String,
    /// Steps below the column.
    pub steps: Vec<PathStep>,
}

impl ColumnPath {
    /// A top-level column.
    pub fn top(column: impl Into<String>) -> Self {
        Self { column: column.into(), steps: Vec::new() }
    }

    /// Whether the path leads below its column.
    pub fn is_nested(&self) -> bool {
        !self.steps.is_empty()
    }
}

impl fmt::Display for ColumnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.column))?;
        for step in &self.steps {
            match step {
                PathStep::Field(name) if name.contains(['.', '[', ']', '\'']) => {
                    write!(f, "['{}']", printable(&name.replace('\'', "''")))?;
                }
                PathStep::Field(name) => write!(f, ".{}", printable(name))?,
                PathStep::Element(Some(index)) => write!(f, "[{index}]")?,
                PathStep::Element(None) => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

/// A kind of personal data, as findings name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identifier {
    /// One of Macie's managed data identifiers, such as `CREDIT_CARD_NUMBER`. The set is open.
    Managed(String),
    /// A customer's own identifier. `name` is free text and not unique; `id` is.
    Custom {
        /// The UUID, without any ARN around it. May be empty when the finding has none.
        id: String,
        /// The free-text name.
        name: String,
    },
}

impl Identifier {
    /// The name that settings use: `CREDIT_CARD_NUMBER`, or `custom:account_number`.
    pub fn key(&self) -> String {
        match self {
            Self::Managed(id) => id.clone(),
            Self::Custom { name, .. } => format!("custom:{name}"),
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.key()))
    }
}

/// A column as the files have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSchema {
    /// Its own name, in its own case.
    pub name: String,
    /// Its Arrow type.
    pub data_type: DataType,
    /// Whether its values stand in folder names (`k=v`) and not in the files.
    pub partition: bool,
}

/// The columns of a table: those of the files in their order, then the partition columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSchema {
    /// The table.
    pub name: TableName,
    /// Every column, partition columns last.
    pub columns: Vec<ColumnSchema>,
}

impl TableSchema {
    /// From an Arrow schema whose last `partitions` fields are partition columns.
    pub fn from_arrow(name: TableName, schema: &SchemaRef, partitions: usize) -> Self {
        let files = schema.fields().len().saturating_sub(partitions);
        let columns = schema
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| ColumnSchema {
                name: field.name().clone(),
                data_type: field.data_type().clone(),
                partition: index >= files,
            })
            .collect();
        Self { name, columns }
    }
}

/// A table of the lake as findings need to know it: where its objects are and what its columns are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSource {
    /// Every name of the table's location: the real one first, then those that findings may use for it.
    pub locations: Vec<Location>,
    /// Its columns.
    pub schema: TableSchema,
}

/// The folder of a table: its name with everything but letters, digits, `-` and `_` percent-encoded, so that no name
/// leaves its folder or hides. A table named `versions` makes room for the folder of that name in a masked location.
pub fn folder_name(table: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_');
    let encoded = percent_encoding::utf8_percent_encode(table, KEPT).to_string();
    match encoded.strip_prefix('_') {
        Some(rest) => format!("%5F{rest}"),
        None if encoded == "versions" => "%76ersions".to_owned(),
        None => encoded,
    }
}
