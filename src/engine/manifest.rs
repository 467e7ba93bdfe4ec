//! What a published version of the masked database consists of.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::keys::KeyUse;
use crate::model::folder_name;

/// The format number of manifests that this program writes and reads.
pub const MANIFEST_FORMAT: u32 = 1;

/// One version of the masked database: its tables and every file of theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The manifest's own format.
    pub format: u32,
    /// The version id: the run that published it.
    pub version: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// The database.
    pub database: String,
    /// Its tables by name.
    pub tables: BTreeMap<String, ManifestTable>,
    /// Versions that it replaced and whose grace period may still run.
    #[serde(default)]
    pub retired: Vec<Retired>,
}

/// One table of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestTable {
    /// The run that wrote it. Its files lie in `versions/<run>/<table>/`.
    pub run: String,
    /// Rows in all files.
    pub rows: u64,
    /// Every file.
    pub files: Vec<ManifestFile>,
    /// The partition columns, outermost folder first.
    #[serde(default)]
    pub partition_columns: Vec<String>,
    /// The masking function of each masked column, as SQL wrote it.
    #[serde(default)]
    pub masks: BTreeMap<String, String>,
    /// The keys that it was masked with, by name.
    #[serde(default)]
    pub keys: BTreeMap<String, KeyUse>,
    /// The raw tables that it was made from.
    #[serde(default)]
    pub sources: Vec<String>,
    /// An order-independent checksum of its rows, as verified before publication.
    pub row_hash: String,
    /// The statement that made it.
    pub query: String,
}

/// One file of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Path below the masked location, with `/` between its parts.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
}

/// A version that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Its id.
    pub version: String,
    /// When another version took its place.
    pub replaced_at: DateTime<Utc>,
    /// The table folders that it needs.
    pub folders: BTreeSet<String>,
}

impl Manifest {
    /// A version without tables.
    pub fn empty(version: &str, database: &str, created_at: DateTime<Utc>) -> Self {
        Self {
            format: MANIFEST_FORMAT,
            version: version.to_owned(),
            created_at,
            database: database.to_owned(),
            tables: BTreeMap::new(),
            retired: Vec::new(),
        }
    }

    /// The table folders that this version needs, as `<run>/<table>`.
    pub fn folders(&self) -> BTreeSet<String> {
        self.tables.iter().map(|(name, table)| format!("{}/{}", table.run, folder_name(name))).collect()
    }

    /// The versions that must stay: this one, and those whose grace period runs at `now`. With their table folders.
    pub fn kept(&self, now: DateTime<Utc>, grace: std::time::Duration) -> Kept {
        let mut kept = Kept { versions: BTreeSet::from([self.version.clone()]), folders: self.folders() };
        for retired in self.retired.iter().filter(|retired| retired.in_grace(now, grace)) {
            kept.versions.insert(retired.version.clone());
            kept.folders.extend(retired.folders.iter().cloned());
        }
        kept
    }
}

impl Retired {
    /// Whether its grace period runs at `now`.
    pub fn in_grace(&self, now: DateTime<Utc>, grace: std::time::Duration) -> bool {
        // A grace period that is too long for the calendar never ends.
        let end = chrono::Duration::from_std(grace).ok().and_then(|grace| self.replaced_at.checked_add_signed(grace));
        end.is_none_or(|end| end > now)
    }
}

/// What readers may still use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Versions.
    pub versions: BTreeSet<String>,
    /// Table folders, as `<run>/<table>`.
    pub folders: BTreeSet<String>,
}
