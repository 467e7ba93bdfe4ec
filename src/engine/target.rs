//! The masked location: versions side by side, one pointer to the current one, one run at a time.
//!
//! ```text
//! versions/<run>/<table>/part-….parquet   the files of every version, never changed once written
//! versions/current -> <run>               the pointer, on a folder: a symbolic link, switched by a rename
//! <table> -> versions/current/<table>     on a folder: where a plain Parquet reader looks
//! _saltlake/pointer.json                  the pointer, on S3: replaced only by a conditional put
//! _saltlake/versions/<run>.json           manifests
//! _saltlake/receipts/<run>.json           receipts
//! _saltlake/journal/<run>/<n>.json        multipart uploads that are under way
//! _saltlake/journal/<run>/run.json        the run is about to switch: without it, its receipt would be a lie
//! _saltlake/hold, _saltlake/hold.json     who is writing
//! ```
//!
//! INVARIANT: a file that the current version names is never changed or deleted.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use object_store::path::Path;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::hold::Hold;
use super::manifest::{MANIFEST_FORMAT, Manifest};
use super::store::{Store, file_fault};
use crate::error::{Error, Result, Said};
use crate::model::{Location, folder_name};

/// The masked location, opened.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it is.
    pub store: Store,
    /// The masked database's name.
    pub database: String,
    /// How long a replaced version stays readable.
    pub grace: Duration,
    /// After how long without a sign of life a run on S3 counts as dead.
    pub hold_expiry: Duration,
    /// The pool for sockets, where holds are renewed.
    pub io: Handle,
}

/// The content of the S3 pointer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pointer {
    /// The current version; absent before the first publication.
    pub(super) version: Option<String>,
    /// Changes with every write, so that a run that lost its hold cannot switch.
    pub(super) writer: String,
}

pub(super) const POINTER: &str = "_saltlake/pointer.json";

impl Target {
    /// A place that files are written to, and no more: it has no versions, pointer or hold.
    pub fn of_files(store: Store, io: Handle) -> Self {
        Self { store, database: String::new(), grace: Duration::ZERO, hold_expiry: Duration::ZERO, io }
    }

    /// The folder behind the location, when it is one.
    pub fn folder(&self) -> Option<PathBuf> {
        match self.store.location() {
            Location::Folder(path) => Some(path.clone()),
            Location::S3 { .. } => None,
        }
    }

    /// Reads the pointer and the manifest that it names; `None` before the first publication.
    pub async fn current(&self) -> Result<Option<Manifest>> {
        let version = match self.folder() {
            Some(folder) => read_link(&folder)?,
            None => match self.store.read(&self.store.path(POINTER)?).await? {
                Some((bytes, _)) => {
                    let pointer: Pointer = serde_json::from_slice(&bytes).map_err(|_| self.damaged(POINTER))?;
                    pointer.version
                }
                None => None,
            },
        };
        match version {
            Some(version) => Ok(Some(self.manifest(&version).await?)),
            None => Ok(None),
        }
    }

    /// Reads the manifest of a version.
    pub async fn manifest(&self, version: &str) -> Result<Manifest> {
        let name = format!("_saltlake/versions/{version}.json");
        let (bytes, _) = self.store.read(&self.store.path(&name)?).await?.ok_or_else(|| self.damaged(&name))?;
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|_| self.damaged(&name))?;
        if manifest.format != MANIFEST_FORMAT {
            return Err(Error::failed("a published version was written by another release of saltlake")
                .with("location", self.store.location())
                .with("format", &u64::from(manifest.format))
                .hint("use that release, or mask into a new location"));
        }
        Ok(manifest)
    }

    pub(super) fn damaged(&self, name: &str) -> Error {
        Error::failed("the masked location's bookkeeping cannot be read")
            .with("location", self.store.location())
            .with("file", &Said(name))
            .hint("it may have been edited or deleted by hand; restore it, or mask into a new location")
    }

    /// Takes the location for one run. A second run is refused; a dead run's hold expires.
    pub async fn hold(&self, run: &str) -> Result<Hold> {
        Hold::take(self, run).await
    }

    /// Makes `manifest` the current version: its manifest is written, then the pointer switches, in one step.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Refused`] if another run took the location over. Nothing changed then.
    pub async fn switch(&self, hold: &Hold, manifest: &Manifest) -> Result<()> {
        let bytes =
            serde_json::to_vec_pretty(manifest).map_err(|_| Error::failed("cannot write the manifest as JSON"))?;
        let name = format!("_saltlake/versions/{}.json", manifest.version);
        self.store.write(&self.store.path(&name)?, bytes).await?;
        tracing::info!(version = %manifest.version, "publish: switching the pointer");
        match self.folder() {
            Some(folder) => switch_link(&folder, manifest)?,
            None => self.switch_object(hold, manifest).await?,
        }
        tracing::info!(version = %manifest.version, "publish: switched the pointer");
        Ok(())
    }

    async fn switch_object(&self, hold: &Hold, manifest: &Manifest) -> Result<()> {
        let pointer = Pointer { version: Some(manifest.version.clone()), writer: manifest.version.clone() };
        let bytes = serde_json::to_vec(&pointer).map_err(|_| Error::failed("cannot write the pointer as JSON"))?;
        let path = self.store.path(POINTER)?;
        let switched = self.store.replace(&path, hold.pointer_etag(), bytes).await;
        if matches!(switched, Ok(Some(_))) || self.points_to(&path, &manifest.version).await {
            return Ok(());
        }
        switched?;
        Err(lost(self).hint("nothing was published by this run; run it again"))
    }

    /// Whether the pointer names a version, as far as can be seen: the answer to its switch may have been lost.
    async fn points_to(&self, path: &Path, version: &str) -> bool {
        let Ok(Some((bytes, _))) = self.store.read(path).await else { return false };
        serde_json::from_slice::<Pointer>(&bytes).is_ok_and(|pointer| pointer.version.as_deref() == Some(version))
    }
}

/// Another run holds the location now.
pub(super) fn lost(target: &Target) -> Error {
    Error::refused("another run took the masked location over while this one was writing")
        .with("location", target.store.location())
}

pub(super) fn read_link(folder: &std::path::Path) -> Result<Option<String>> {
    let link = folder.join("versions").join("current");
    match std::fs::read_link(&link) {
        Ok(version) => Ok(Some(version.to_string_lossy().into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_fault(&error, &link, "cannot read the pointer to the current version")),
    }
}

/// Replaces a symbolic link in one step: a reader sees the old target or the new one.
fn replace_link(target: &std::path::Path, link: &std::path::Path) -> std::io::Result<()> {
    let name = link.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let fresh = link.with_file_name(format!(".{name}.new"));
    match std::fs::remove_file(&fresh) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    std::os::unix::fs::symlink(target, &fresh)?;
    std::fs::rename(&fresh, link)
}

/// On a folder: completes the version's own folder by links to unchanged tables, makes everything durable, switches.
fn switch_link(folder: &std::path::Path, manifest: &Manifest) -> Result<()> {
    let versions = folder.join("versions");
    let own = versions.join(&manifest.version);
    let fault = |error: std::io::Error| file_fault(&error, folder, "cannot publish the new version");
    std::fs::create_dir_all(&own).map_err(fault)?;
    for (name, table) in &manifest.tables {
        let table_folder = folder_name(name);
        if table.run == manifest.version {
            for file in &table.files {
                let path = folder.join(&file.path);
                std::fs::File::open(&path).and_then(|file| file.sync_all()).map_err(fault)?;
            }
            std::fs::create_dir_all(own.join(&table_folder)).map_err(fault)?;
            sync_folder(&own.join(&table_folder)).map_err(fault)?;
        } else {
            let carried = std::path::Path::new("..").join(&table.run).join(&table_folder);
            replace_link(&carried, &own.join(&table_folder)).map_err(fault)?;
        }
    }
    sync_folder(&own).map_err(fault)?;
    // The links of new tables come first: until the switch they lead nowhere, after it they must be there.
    let wanted = link_tables(folder, manifest).map_err(fault)?;
    replace_link(std::path::Path::new(&manifest.version), &versions.join("current")).map_err(fault)?;
    sync_folder(&versions).map_err(fault)?;
    unlink_others(folder, &wanted).map_err(fault)
}

fn sync_folder(folder: &std::path::Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// What the links of tables lead to.
fn current_folder() -> PathBuf {
    std::path::Path::new("versions").join("current")
}

/// `<table>` in the masked folder leads to the table of the current version, for readers that know only paths.
fn link_tables(folder: &std::path::Path, manifest: &Manifest) -> std::io::Result<BTreeSet<String>> {
    let wanted: BTreeSet<String> = manifest.tables.keys().map(|name| folder_name(name)).collect();
    for table in &wanted {
        let link = folder.join(table);
        let target = current_folder().join(table);
        match std::fs::read_link(&link) {
            Ok(existing) if existing == target => {}
            Ok(_) => replace_link(&target, &link)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => replace_link(&target, &link)?,
            Err(error) => return Err(error),
        }
    }
    Ok(wanted)
}

/// Removes the links of tables that the current version does not have.
fn unlink_others(folder: &std::path::Path, wanted: &BTreeSet<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = std::fs::read_link(entry.path()).is_ok_and(|target| target.starts_with(current_folder()));
        if ours && !wanted.contains(&name) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Before anything is written: a folder or link that is not ours may not stand where a table's link goes.
pub(crate) fn reject_foreign(target: &Target, tables: &BTreeSet<String>) -> Result<()> {
    let Some(folder) = target.folder() else { return Ok(()) };
    for table in tables {
        let link = folder.join(folder_name(table));
        if std::fs::symlink_metadata(&link).is_err() {
            continue;
        }
        let ours = std::path::Path::new("versions").join("current").join(folder_name(table));
        if std::fs::read_link(&link).ok() != Some(ours) {
            return Err(Error::refused("something that saltlake did not write stands where a masked table goes")
                .with("path", &link.display())
                .hint("move it away, or set `[masked] location` to an empty folder"));
        }
    }
    Ok(())
}
