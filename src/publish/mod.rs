//! Stage 4: put masked tables in the lake, all of a run's tables at once.
//!
//! In: [`MaskedTable`]s with their proof. Out: [`Publication`].
//! INVARIANT: one pointer per masked database. A reader sees the version before or the version after, never parts of both.
//! INVARIANT: a version never holds tables that were masked with different keys of one name.

mod receipt;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

pub use self::receipt::{Receipt, ReceiptColumn, ReceiptFindings, RunDetails};
use crate::engine::Hold;
use crate::engine::keys::KeyUse;
use crate::engine::manifest::{MANIFEST_FORMAT, Manifest, ManifestFile, ManifestTable, Retired};
use crate::engine::target::Target;
use crate::error::{Error, Result, Said};
use crate::mask::MaskedTable;
use crate::mask::verify::Verified;

/// A version that readers now see.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Its id.
    pub version: String,
    /// The receipt's path below the masked location.
    pub receipt: String,
    /// The tables that this run wrote.
    pub tables: Vec<String>,
    /// Why what no version needs could not be deleted, if so. The next run does it.
    pub leftover: Option<Error>,
}

/// A new version id: sorts by time, and no two are equal.
pub fn new_version(now: DateTime<Utc>) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{}", now.format("%Y%m%dT%H%M%S%3fZ"), random.get(..8).unwrap_or_default())
}

/// The keys that each table of a run will use, against those of the current version.
///
/// # Errors
/// [`crate::error::ErrorKind::Refused`] if a key of one name would differ between tables that readers can join.
pub fn check_keys(
    current: Option<&Manifest>,
    coming: &BTreeMap<String, BTreeMap<String, KeyUse>>,
    dropped: &BTreeSet<String>,
    rekey: bool,
) -> Result<()> {
    let Some(current) = current else { return Ok(()) };
    for (old_table, old) in &current.tables {
        for (key, used) in &old.keys {
            let changed =
                coming.values().filter_map(|keys| keys.get(key)).any(|new| new.fingerprint != used.fingerprint);
            if !changed {
                continue;
            }
            let replaced = coming.contains_key(old_table) || dropped.contains(old_table);
            let error = Error::refused("the key differs from the one that published tables were masked with")
                .with("key", &Said(key))
                .with("table", &Said(old_table));
            if !rekey {
                return Err(error.hint(
                    "tokens would no longer join; restore or pin the old key (`version` in `[keys]`), \
                     or pass --rekey to mask every table that uses it anew",
                ));
            }
            if !replaced {
                return Err(error.hint(format!("with --rekey, mask `{old_table}` in the same run as well")));
            }
        }
    }
    Ok(())
}

/// The version that a run would publish: the current one with the run's tables put in or taken out.
pub fn next_manifest(
    current: Option<&Manifest>,
    target: &Target,
    version: &str,
    staged: &[(MaskedTable, Option<Verified>)],
    dropped: &BTreeSet<String>,
    now: DateTime<Utc>,
) -> Manifest {
    let mut next = Manifest::empty(version, &target.database, now);
    next.format = MANIFEST_FORMAT;
    if let Some(current) = current {
        next.tables.clone_from(&current.tables);
        next.retired = current.retired.iter().filter(|old| old.in_grace(now, target.grace)).cloned().collect();
        next.retired.push(Retired { version: current.version.clone(), replaced_at: now, folders: current.folders() });
    }
    for name in dropped {
        next.tables.remove(name);
    }
    for (table, verified) in staged {
        next.tables.insert(table.table.table().to_owned(), manifest_table(version, table, verified.as_ref()));
    }
    next
}

fn manifest_table(version: &str, table: &MaskedTable, verified: Option<&Verified>) -> ManifestTable {
    ManifestTable {
        run: version.to_owned(),
        rows: table.rows(),
        files: table
            .files
            .iter()
            .map(|file| ManifestFile { path: file.path.clone(), bytes: file.bytes, rows: file.rows })
            .collect(),
        partition_columns: table.partition_columns.clone(),
        masks: table.masks.iter().map(|(column, mask)| (column.clone(), receipt::mask_text(mask))).collect(),
        keys: table.keys.clone(),
        sources: table.sources.keys().map(|name| name.table().to_owned()).collect(),
        row_hash: verified.map(|verified| verified.row_hash.clone()).unwrap_or_default(),
        query: table.query.clone(),
    }
}

/// Publishes a run's tables: receipt, manifest, pointer. Then deletes what no version needs any more.
///
/// # Errors
/// If anything fails before the pointer switched, readers still see the version before.
pub async fn publish(
    target: &Target,
    hold: &Hold,
    current: Option<&Manifest>,
    staged: &[(MaskedTable, Option<Verified>)],
    dropped: &BTreeSet<String>,
    details: RunDetails,
) -> Result<Publication> {
    let now = Utc::now();
    let version = hold.run().to_owned();
    let manifest = next_manifest(current, target, &version, staged, dropped, now);
    let receipt_path = format!("_saltlake/receipts/{version}.json");
    let receipt = Receipt::new(&version, now, staged, dropped, details);
    tracing::info!(version = %version, "publish: writing the receipt");
    let bytes = serde_json::to_vec_pretty(&receipt).map_err(|_| Error::failed("cannot write the receipt as JSON"))?;
    target.announce(hold).await?;
    target.store.write(&target.store.path(&receipt_path)?, bytes).await?;
    target.switch(hold, &manifest).await?;
    tracing::info!(version = %version, "publish: cleaning up");
    // Readers see the new version: what fails from here on is no failure of the run.
    let leftover = target.collect(hold, Some(&manifest), now).await.err();
    Ok(Publication {
        version,
        receipt: receipt_path,
        tables: staged.iter().map(|(table, _)| table.table.to_string()).collect(),
        leftover,
    })
}
