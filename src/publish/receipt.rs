//! The receipt of a run: what was read, what was done to it, with which key, and what the checks found.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::engine::keys::KeyUse;
use crate::mask::verify::Verified;
use crate::mask::{MaskUse, MaskedTable, Spent, Way, peak_memory_bytes};

/// What the stages before know about a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RunDetails {
    /// The command: `mask` or `run`.
    pub command: String,
    /// When the run began.
    pub started_at: Option<DateTime<Utc>>,
    /// SHA-256 of the plan's scripts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan_hash: Option<String>,
    /// What was found, and where it came from.
    pub findings: ReceiptFindings,
    /// The decision about each raw column.
    pub columns: Vec<ReceiptColumn>,
    /// Whether a key change was asked for.
    pub rekey: bool,
}

/// The findings a run rests on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReceiptFindings {
    /// The sources as the settings name them.
    pub sources: Vec<String>,
    /// Counters: read, policy, sample, archived, outside, duplicates.
    pub counts: BTreeMap<String, u64>,
    /// Findings that named no column, accepted by the settings.
    pub accepted_unlocated: u64,
    /// Findings about objects of no table, accepted by the settings.
    pub accepted_unmapped: u64,
}

/// One decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReceiptColumn {
    /// `table.column`.
    pub column: String,
    /// What was decided.
    pub action: String,
    /// Why.
    pub reason: String,
}

/// The receipt, as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The receipt's own format.
    pub format: u32,
    /// The version that it belongs to.
    pub version: String,
    /// The program that wrote it.
    pub saltlake: String,
    /// When it was written, just before the pointer switched.
    pub written_at: DateTime<Utc>,
    /// The tables that the run wrote.
    pub tables: BTreeMap<String, ReceiptTable>,
    /// The tables that the run took out.
    pub dropped: BTreeSet<String>,
    /// The most memory that the process held, where the system tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peak_memory_bytes: Option<u64>,
    /// The run.
    #[serde(flatten)]
    pub details: RunDetails,
}

/// One table of a receipt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReceiptTable {
    /// The query.
    pub query: String,
    /// `spliced` or `streamed`.
    pub way: String,
    /// The files that were read.
    pub sources: Vec<ReceiptSource>,
    /// The mask of each masked column.
    pub masks: BTreeMap<String, String>,
    /// The keys, by name.
    pub keys: BTreeMap<String, KeyUse>,
    /// Files written.
    pub files: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Rows written.
    pub rows: u64,
    /// What the proof found.
    pub checks: Option<ReceiptChecks>,
    /// What writing took.
    pub masking: ReceiptTime,
    /// What the proof took.
    pub verifying: Option<ReceiptTime>,
}

/// A file that was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReceiptSource {
    /// Its table.
    pub table: String,
    /// Path or URL.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// Etag.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub etag: Option<String>,
}

/// The proof's findings, all of which agreed between source and masked files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReceiptChecks {
    /// Rows.
    pub rows: u64,
    /// NULLs per column.
    pub nulls: BTreeMap<String, u64>,
    /// The order-independent sum of row hashes.
    pub row_hash: String,
    /// Cells of masked columns whose shape was checked.
    pub masked_cells: u64,
    /// Cells that a mask cannot have written. Always 0 in a receipt.
    pub unmasked_cells: u64,
}

/// Seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReceiptTime {
    /// On the clock.
    pub wall_seconds: f64,
    /// Of the processor, user and system, all threads.
    pub cpu_seconds: f64,
    /// The most memory that the process had held by the end of the step, where the system tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peak_memory_bytes: Option<u64>,
}

impl From<Spent> for ReceiptTime {
    fn from(spent: Spent) -> Self {
        Self {
            wall_seconds: spent.wall.as_secs_f64(),
            cpu_seconds: spent.cpu.as_secs_f64(),
            peak_memory_bytes: spent.peak_memory_bytes,
        }
    }
}

impl Receipt {
    /// Puts a receipt together.
    pub fn new(
        version: &str,
        now: DateTime<Utc>,
        staged: &[(MaskedTable, Option<Verified>)],
        dropped: &BTreeSet<String>,
        details: RunDetails,
    ) -> Self {
        let tables = staged
            .iter()
            .map(|(table, verified)| (table.table.table().to_owned(), receipt_table(table, verified.as_ref())))
            .collect();
        Self {
            format: 1,
            version: version.to_owned(),
            saltlake: env!("CARGO_PKG_VERSION").to_owned(),
            written_at: now,
            tables,
            dropped: dropped.clone(),
            peak_memory_bytes: peak_memory_bytes(),
            details,
        }
    }
}

fn receipt_table(table: &MaskedTable, verified: Option<&Verified>) -> ReceiptTable {
    let sources = table.sources.iter().flat_map(|(name, files)| {
        files.iter().map(move |file| ReceiptSource {
            table: name.to_string(),
            path: file.path.clone(),
            bytes: file.bytes,
            etag: file.etag.clone(),
        })
    });
    ReceiptTable {
        query: table.query.clone(),
        way: match table.way {
            Way::Spliced => "spliced".to_owned(),
            Way::Streamed => "streamed".to_owned(),
        },
        sources: sources.collect(),
        masks: table.masks.iter().map(|(column, mask)| (column.clone(), mask_text(mask))).collect(),
        keys: table.keys.clone(),
        files: table.files.len() as u64,
        bytes: table.files.iter().map(|file| file.bytes).sum(),
        rows: table.rows(),
        checks: verified.map(|verified| ReceiptChecks {
            rows: verified.rows,
            nulls: verified.nulls.clone(),
            row_hash: verified.row_hash.clone(),
            masked_cells: verified.masked_cells,
            unmasked_cells: 0,
        }),
        masking: table.spent.into(),
        verifying: verified.map(|verified| verified.spent.into()),
    }
}

/// `mask_partial(…, 0, 4)`.
pub(super) fn mask_text(mask: &MaskUse) -> String {
    let mut text = format!("{}(…", mask.function);
    for argument in &mask.arguments {
        text.push_str(&format!(", {argument}"));
    }
    text.push(')');
    text
}
