//! One run at a time holds a masked location.
//!
//! On a folder the hold is a file lock, which the system drops with the process. On S3 it is an object that its holder
//! renews; when it is not renewed for the expiry time, another run takes it over. INVARIANT: whoever takes a hold over
//! also rewrites the pointer, so that the old holder, should it still live, can no longer switch.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::store::{Store, file_fault};
use super::target::{POINTER, Pointer, Target};
use crate::error::{Error, Result, Said};

const HOLD_OBJECT: &str = "_saltlake/hold.json";

/// The right to write, until dropped or released.
#[derive(Debug)]
pub struct Hold {
    run: String,
    pointer_etag: String,
    // Held for its lock: dropping the file drops the lock.
    _file: Option<File>,
    renewal: JoinSet<()>,
}

#[derive(Debug, Serialize, Deserialize)]
struct HoldRecord {
    run: String,
    process: u32,
    renewed_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl HoldRecord {
    fn now(run: &str, expiry: Duration) -> Result<Vec<u8>> {
        let now = Utc::now();
        let record = Self {
            run: run.to_owned(),
            process: std::process::id(),
            renewed_at: now,
            expires_at: now + chrono::Duration::from_std(expiry).unwrap_or(chrono::Duration::days(1)),
        };
        serde_json::to_vec(&record).map_err(|_| Error::failed("cannot write the hold as JSON"))
    }
}

impl Hold {
    pub(super) async fn take(target: &Target, run: &str) -> Result<Self> {
        match target.folder() {
            Some(folder) => lock_folder(&folder, run),
            None => lock_objects(target, run).await,
        }
    }

    /// The run that holds.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The etag that the S3 pointer had when the hold was taken.
    pub(super) fn pointer_etag(&self) -> &str {
        &self.pointer_etag
    }

    /// Whether no other run has taken the location over. On a folder the lock sees to it.
    pub(super) async fn is_ours(&self, target: &Target) -> Result<bool> {
        if target.folder().is_some() {
            return Ok(true);
        }
        Ok(holder(&target.store).await?.is_some_and(|(record, _)| record.run == self.run))
    }

    /// Deletes what the run has written, and only that, and gives the location back.
    pub async fn discard(self, target: &Target) -> Result<()> {
        let cleaned = target.discard_run(&self.run).await;
        self.release(target).await?;
        cleaned
    }

    /// Gives the location back at once, instead of letting the hold expire.
    pub async fn release(mut self, target: &Target) -> Result<()> {
        self.renewal.abort_all();
        while self.renewal.join_next().await.is_some() {}
        if target.folder().is_none() {
            let path = target.store.path(HOLD_OBJECT)?;
            if holder(&target.store).await?.is_some_and(|(record, _)| record.run == self.run) {
                target.store.delete(&path).await?;
            }
        }
        Ok(())
    }
}

fn refused(target: &str, holder: &str) -> Error {
    Error::refused("another run is writing to the masked location")
        .with("location", &Said(target))
        .with("run", &Said(holder))
        .hint("wait until it ends; the hold of a run that died is dropped (on S3 after `[masked] hold_expiry`)")
}

fn lock_folder(folder: &std::path::Path, run: &str) -> Result<Hold> {
    let bookkeeping = folder.join("_saltlake");
    let fault = |error: std::io::Error| file_fault(&error, folder, "cannot write to the masked location");
    std::fs::create_dir_all(&bookkeeping).map_err(fault)?;
    let mut options = File::options();
    options.create(true).read(true).write(true).truncate(false);
    let mut file = options.open(bookkeeping.join("hold")).map_err(fault)?;
    if file.try_lock().is_err() {
        let mut holder = String::new();
        let _ = file.read_to_string(&mut holder);
        return Err(refused(&folder.to_string_lossy(), holder.trim()));
    }
    file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(fault)?;
    writeln!(file, "{run}").map_err(fault)?;
    Ok(Hold { run: run.to_owned(), pointer_etag: String::new(), _file: Some(file), renewal: JoinSet::new() })
}

/// The record of the current holder on S3, with its etag.
async fn holder(store: &Store) -> Result<Option<(HoldRecord, String)>> {
    let Some((bytes, etag)) = store.read(&store.path(HOLD_OBJECT)?).await? else { return Ok(None) };
    let record = serde_json::from_slice(&bytes).map_err(|_| {
        Error::failed("the masked location's hold cannot be read")
            .with("location", store.location())
            .hint("delete `_saltlake/hold.json` if no run is writing")
    })?;
    Ok(Some((record, etag.unwrap_or_default())))
}

async fn lock_objects(target: &Target, run: &str) -> Result<Hold> {
    let store = &target.store;
    let path = store.path(HOLD_OBJECT)?;
    let record = HoldRecord::now(run, target.hold_expiry)?;
    let taken = match store.create(&path, record.clone()).await? {
        Some(etag) => Some(etag),
        None => match holder(store).await? {
            Some((held, _)) if held.expires_at > Utc::now() => {
                return Err(refused(&store.location().to_url(), &held.run));
            }
            Some((_, etag)) => store.replace(&path, &etag, record).await?,
            None => store.create(&path, record).await?,
        },
    };
    let etag = taken.ok_or_else(|| refused(&store.location().to_url(), "a run that was quicker"))?;
    let pointer_etag = fence(target, run).await?;
    let mut renewal = JoinSet::new();
    renewal.spawn(renew(store.clone(), run.to_owned(), target.hold_expiry, etag));
    Ok(Hold { run: run.to_owned(), pointer_etag, _file: None, renewal })
}

/// Rewrites the pointer under our name without changing what it points to. Whoever held before cannot switch now.
async fn fence(target: &Target, run: &str) -> Result<String> {
    let store = &target.store;
    let path = store.path(POINTER)?;
    let lost = || refused(&store.location().to_url(), "a run that was quicker");
    let json = |version: Option<String>| {
        serde_json::to_vec(&Pointer { version, writer: run.to_owned() })
            .map_err(|_| Error::failed("cannot write the pointer as JSON"))
    };
    match store.read(&path).await? {
        None => store.create(&path, json(None)?).await?.ok_or_else(lost),
        Some((bytes, etag)) => {
            let pointer: Pointer = serde_json::from_slice(&bytes).map_err(|_| {
                Error::failed("the masked location's pointer cannot be read").with("location", store.location())
            })?;
            let etag = etag.unwrap_or_default();
            store.replace(&path, &etag, json(pointer.version)?).await?.ok_or_else(lost)
        }
    }
}

/// Renews the hold until it is lost or the task is dropped. A run that lost it finds out when it switches.
async fn renew(store: Store, run: String, expiry: Duration, mut etag: String) {
    let Ok(path) = store.path(HOLD_OBJECT) else { return };
    loop {
        tokio::time::sleep(expiry / 4).await;
        let Ok(record) = HoldRecord::now(&run, expiry) else { return };
        match store.replace(&path, &etag, record).await {
            Ok(Some(renewed)) => etag = renewed,
            // A put whose answer was lost is sent again, and then finds its own work.
            Ok(None) if let Some(ours) = own_etag(&store, &run).await => etag = ours,
            Ok(None) => {
                tracing::warn!("the hold on the masked location was taken over by another run");
                return;
            }
            // A passing fault: the next renewal may go through in time.
            Err(_) => tracing::warn!("the hold on the masked location could not be renewed"),
        }
    }
}

/// The etag of the hold, if it is this run's.
async fn own_etag(store: &Store, run: &str) -> Option<String> {
    let (record, etag) = holder(store).await.ok()??;
    (record.run == run).then_some(etag)
}
