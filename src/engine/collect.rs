//! Cleaning the masked location: what no version needs, and what dead runs left.
//!
//! INVARIANT: on S3, a run whose hold was taken over may not know it yet. So only what belongs to runs that began
//! before this one is deleted, and only while the hold lasts: whoever took over began later.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};
use object_store::ObjectMeta;
use serde::{Deserialize, Serialize};

use super::hold::Hold;
use super::manifest::{Kept, Manifest};
use super::store::file_fault;
use super::target::{Target, read_link};
use crate::error::Result;

const JOURNAL: &str = "_saltlake/journal";
const MANIFESTS: &str = "_saltlake/versions";
/// The journal's note that a run is about to switch.
const SWITCHING: &str = "run.json";

/// A multipart upload that is under way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct JournalEntry {
    /// The object's full path in its bucket.
    pub(super) path: String,
    /// The store's id of the upload.
    pub(super) upload_id: String,
}

impl Target {
    /// Notes in the journal that a run is about to write its receipt and switch.
    pub async fn announce(&self, hold: &Hold) -> Result<()> {
        let note = self.store.path(&format!("{JOURNAL}/{}/{SWITCHING}", hold.run()))?;
        self.store.write(&note, hold.run().to_owned()).await
    }

    /// Deletes what no version needs: files of dead runs and of versions past their grace period, receipts of runs
    /// that died before they switched, and multipart uploads that were left open.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Refused`] if another run took the location over.
    pub async fn collect(&self, hold: &Hold, current: Option<&Manifest>, now: DateTime<Utc>) -> Result<()> {
        let kept = current.map(|manifest| manifest.kept(now, self.grace)).unwrap_or_default();
        let journal = self.store.list(JOURNAL).await?;
        // The run's own note goes too, once its version is the current one.
        let published = kept.versions.contains(hold.run());
        let older = |run: &str| run < hold.run() || (published && run == hold.run());
        self.settle(&journal, older, &kept.versions, || hold.check()).await?;
        for meta in &self.store.list(MANIFESTS).await? {
            let version = meta.location.filename().unwrap_or_default().trim_end_matches(".json");
            if version < hold.run() && !kept.versions.contains(version) {
                hold.check()?;
                self.store.delete(&meta.location).await?;
            }
        }
        match self.folder() {
            Some(folder) => collect_folder(&folder, &kept, hold.run()),
            None => self.collect_objects(&kept, hold).await,
        }
    }

    /// Deletes what one run has written that did not switch.
    pub(super) async fn discard_run(&self, run: &str) -> Result<()> {
        let journal = self.store.list(&format!("{JOURNAL}/{run}")).await?;
        self.settle(&journal, |owner| owner == run, &BTreeSet::new(), || Ok(())).await?;
        self.store.delete(&self.store.path(&format!("{MANIFESTS}/{run}.json"))?).await?;
        if let Some(folder) = self.folder() {
            return remove_folder(&folder.join("versions").join(run));
        }
        for meta in self.store.list(&format!("versions/{run}")).await? {
            self.store.delete(&meta.location).await?;
        }
        Ok(())
    }

    /// Whether a run that failed while it published surely did not switch. On S3 nobody knows: a put whose answer was
    /// lost may yet arrive.
    pub fn surely_not_switched(&self, run: &str) -> bool {
        self.folder().is_some_and(|folder| read_link(&folder).is_ok_and(|version| version.as_deref() != Some(run)))
    }

    async fn collect_objects(&self, kept: &Kept, hold: &Hold) -> Result<()> {
        for meta in self.store.list("versions").await? {
            let Some(relative) = self.store.relative(&meta.location) else { continue };
            let mut parts = relative.trim_start_matches("versions/").splitn(3, '/');
            let (Some(owner), Some(table)) = (parts.next(), parts.next()) else { continue };
            if owner < hold.run() && !kept.folders.contains(&format!("{owner}/{table}")) {
                hold.check()?;
                self.store.delete(&meta.location).await?;
            }
        }
        Ok(())
    }

    /// Works off the journal of the runs that `theirs` picks: aborts uploads, deletes receipts of runs that never
    /// switched, then the entries.
    async fn settle(
        &self,
        journal: &[ObjectMeta],
        theirs: impl Fn(&str) -> bool,
        switched: &BTreeSet<String>,
        may: impl Fn() -> Result<()>,
    ) -> Result<()> {
        let mut runs: BTreeMap<String, Vec<&ObjectMeta>> = BTreeMap::new();
        for meta in journal {
            let run = self.store.relative(&meta.location).and_then(|relative| relative.split('/').nth(2));
            if let Some(run) = run.filter(|run| theirs(run)) {
                runs.entry(run.to_owned()).or_default().push(meta);
            }
        }
        for (run, entries) in runs {
            for meta in entries {
                may()?;
                let settled = if meta.location.filename() == Some(SWITCHING) {
                    if !switched.contains(&run) {
                        self.store.delete(&self.store.path(&format!("_saltlake/receipts/{run}.json"))?).await?;
                    }
                    true
                } else {
                    self.abort_upload(meta).await?
                };
                if settled {
                    self.store.delete(&meta.location).await?;
                }
            }
        }
        Ok(())
    }

    /// Aborts a journaled upload. `false` if the store did not say that it is gone: its entry must stay.
    async fn abort_upload(&self, meta: &ObjectMeta) -> Result<bool> {
        let Some(multipart) = self.store.bucket().multipart.clone() else { return Ok(true) };
        let Some((bytes, _)) = self.store.read(&meta.location).await? else { return Ok(true) };
        let damaged = || self.damaged(self.store.relative(&meta.location).unwrap_or_default());
        let entry: JournalEntry = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let path = object_store::path::Path::parse(&entry.path).map_err(|_| damaged())?;
        match multipart.abort_multipart(&path, &entry.upload_id).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(true),
            Err(error) => {
                let fault = self.store.fault(&error, Some(&path), "an unfinished upload could not be aborted");
                tracing::warn!(
                    reason = fault.message(),
                    "an upload of a dead run stays open; the next run tries again"
                );
                Ok(false)
            }
        }
    }
}

fn collect_folder(folder: &Path, kept: &Kept, run: &str) -> Result<()> {
    let versions = folder.join("versions");
    let fault = |error: io::Error| file_fault(&error, &versions, "cannot clean up old versions");
    for entry in entries(&versions).map_err(fault)? {
        let owner = entry.file_name().to_string_lossy().into_owned();
        if owner != run && entry.file_type().map_err(fault)?.is_dir() {
            collect_version(&entry.path(), &owner, kept).map_err(fault)?;
        }
    }
    let bookkeeping = folder.join("_saltlake");
    for entry in entries(&bookkeeping.join("journal")).map_err(fault)? {
        // Fails if entries are left, and that is right.
        let _ = std::fs::remove_dir(entry.path());
    }
    half_made(folder, &bookkeeping).map_err(fault)
}

/// Table folders that no version needs, and links of versions that nobody may read any more.
fn collect_version(path: &Path, owner: &str, kept: &Kept) -> io::Result<()> {
    let keeps_links = kept.versions.contains(owner);
    let mut empty = true;
    for table in entries(path)? {
        let name = table.file_name().to_string_lossy().into_owned();
        let linked = table.file_type()?.is_symlink();
        if kept.folders.contains(&format!("{owner}/{name}")) || (keeps_links && linked) {
            empty = false;
        } else if linked {
            std::fs::remove_file(table.path())?;
        } else {
            std::fs::remove_dir_all(table.path())?;
        }
    }
    if empty && !keeps_links {
        std::fs::remove_dir(path)?;
    }
    Ok(())
}

/// Links and files that a dead run had written beside their place and not yet renamed. We hold the lock, so that
/// nobody else is at it: `.NAME.new` is a link of ours, `NAME#1` is how the store stages a file.
fn half_made(folder: &Path, bookkeeping: &Path) -> io::Result<()> {
    for place in [folder.to_owned(), folder.join("versions")] {
        for entry in entries(&place)? {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.')
                && entry.path().extension().is_some_and(|end| end == "new")
                && entry.file_type()?.is_symlink()
            {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    for place in ["receipts", "versions"] {
        for entry in entries(&bookkeeping.join(place))? {
            if entry.file_name().to_string_lossy().contains(".json#") {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

fn remove_folder(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(file_fault(&error, folder, "cannot delete what the run had written")),
    }
}

/// The entries of a folder; none if it does not exist.
fn entries(folder: &Path) -> io::Result<Vec<std::fs::DirEntry>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
