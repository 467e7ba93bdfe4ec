//! One run at a time holds a masked location.
//!
//! On a folder the hold is a file lock, which the system drops with the process. On S3 it is an object that its holder
//! renews; when it is not renewed for the expiry time, another run takes it over. INVARIANT: whoever takes a hold over
//! also rewrites the pointer, so that the old holder, should it still live, can no longer switch.
//!
//! An answer of S3 can be lost on its way: a conditional put that "failed" may have gone through. So each one that fails
//! is followed by a look at what is there now; the writer's name in the object tells.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::store::{Store, file_fault};
use super::target::{POINTER, Pointer, Target};
use crate::error::{Error, Result, Said};

const HOLD_OBJECT: &str = "_saltlake/hold.json";

/// How often a conditional put is tried when others are quicker.
const ATTEMPTS: usize = 4;

/// The right to write, until dropped or released.
#[derive(Debug)]
pub struct Hold {
    run: String,
    pointer_etag: String,
    // Held for its lock: dropping the file drops the lock.
    _file: Option<File>,
    lease: Option<Lease>,
}

/// A hold on S3, which lasts only as long as it is renewed.
#[derive(Debug)]
struct Lease {
    renewal: JoinSet<()>,
    lasts_until: Arc<Mutex<Instant>>,
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
        let expiry = chrono::Duration::from_std(expiry).unwrap_or(chrono::Duration::days(1));
        Self::bytes(run, now, now + expiry)
    }

    /// The record of a run that gave the location back: it expired long ago on every clock.
    fn released(run: &str) -> Result<Vec<u8>> {
        Self::bytes(run, Utc::now(), DateTime::UNIX_EPOCH)
    }

    fn bytes(run: &str, renewed_at: DateTime<Utc>, expires_at: DateTime<Utc>) -> Result<Vec<u8>> {
        let record = Self { run: run.to_owned(), process: std::process::id(), renewed_at, expires_at };
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

    /// Before something of another run is deleted: a run whose hold may be someone else's by now deletes nothing.
    pub(super) fn check(&self) -> Result<()> {
        let Some(lease) = &self.lease else { return Ok(()) };
        match lease.lasts_until.lock() {
            Ok(until) if Instant::now() < *until => Ok(()),
            _ => Err(Error::refused("the hold on the masked location was not renewed in time")
                .with("run", &Said(&self.run))
                .hint("another run may have taken the location over; run it again")),
        }
    }

    /// Deletes what the run has written, and nothing else, and gives the location back.
    pub async fn discard(self, target: &Target) -> Result<()> {
        let cleaned = target.discard_run(&self.run).await;
        self.release(target).await?;
        cleaned
    }

    /// Gives the location back at once, instead of letting the hold expire.
    pub async fn release(mut self, target: &Target) -> Result<()> {
        let Some(mut lease) = self.lease.take() else { return Ok(()) };
        // A renewal that does not end in time cannot undo what follows: its condition will not hold.
        let _ = tokio::time::timeout(Duration::from_secs(1), lease.renewal.shutdown()).await;
        let path = target.store.path(HOLD_OBJECT)?;
        for _ in 0..ATTEMPTS {
            match holder(&target.store).await? {
                // Not deleted: a delete has no condition, and could hit the hold of a run that took over just now.
                Some((record, etag)) if record.run == self.run => {
                    if target.store.replace(&path, &etag, HoldRecord::released(&self.run)?).await?.is_some() {
                        return Ok(());
                    }
                }
                _ => return Ok(()),
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
    Ok(Hold { run: run.to_owned(), pointer_etag: String::new(), _file: Some(file), lease: None })
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
    let begun = Instant::now();
    let etag = take_object(target, run).await?;
    let lasts_until = Arc::new(Mutex::new(begun + target.hold_expiry));
    let mut renewal = JoinSet::new();
    let renewer = Renewer {
        store: target.store.clone(),
        run: run.to_owned(),
        expiry: target.hold_expiry,
        lasts_until: Arc::clone(&lasts_until),
    };
    // Not among the threads that compute: a hold must not expire because they are busy.
    renewal.spawn_on(renewer.renew(etag), &target.io);
    let lease = Some(Lease { renewal, lasts_until });
    let mut hold = Hold { run: run.to_owned(), pointer_etag: String::new(), _file: None, lease };
    match fence(target, run).await {
        Ok(pointer_etag) => hold.pointer_etag = pointer_etag,
        Err(error) => {
            // What went wrong first is what the user should hear.
            let _ = hold.release(target).await;
            return Err(error);
        }
    }
    Ok(hold)
}

/// Writes our record into the hold object, unless a live run's is there. Returns its etag.
async fn take_object(target: &Target, run: &str) -> Result<String> {
    let store = &target.store;
    let path = store.path(HOLD_OBJECT)?;
    let record = HoldRecord::now(run, target.hold_expiry)?;
    for _ in 0..ATTEMPTS {
        let taken = match holder(store).await? {
            None => store.create(&path, record.clone()).await?,
            Some((held, etag)) if held.run == run => Some(etag),
            Some((held, _)) if held.expires_at > Utc::now() => {
                return Err(refused(&store.location().to_url(), &held.run));
            }
            Some((_, etag)) => store.replace(&path, &etag, record.clone()).await?,
        };
        if let Some(etag) = taken {
            return Ok(etag);
        }
    }
    Err(refused(&store.location().to_url(), "a run that was quicker"))
}

/// Rewrites the pointer under our name without changing what it points to. Whoever held before cannot switch now.
async fn fence(target: &Target, run: &str) -> Result<String> {
    let store = &target.store;
    let path = store.path(POINTER)?;
    let json = |version: Option<String>| {
        serde_json::to_vec(&Pointer { version, writer: run.to_owned() })
            .map_err(|_| Error::failed("cannot write the pointer as JSON"))
    };
    for _ in 0..ATTEMPTS {
        let written = match store.read(&path).await? {
            None => store.create(&path, json(None)?).await?,
            Some((bytes, etag)) => {
                let pointer: Pointer = serde_json::from_slice(&bytes).map_err(|_| {
                    Error::failed("the masked location's pointer cannot be read").with("location", store.location())
                })?;
                let etag = etag.unwrap_or_default();
                if pointer.writer == run {
                    return Ok(etag);
                }
                // Lost if the old holder switched just now: then we carry its version on.
                store.replace(&path, &etag, json(pointer.version)?).await?
            }
        };
        if let Some(etag) = written {
            return Ok(etag);
        }
    }
    Err(refused(&store.location().to_url(), "a run that was quicker"))
}

/// Renews a hold on S3.
struct Renewer {
    store: Store,
    run: String,
    expiry: Duration,
    lasts_until: Arc<Mutex<Instant>>,
}

impl Renewer {
    /// Renews until the hold is lost or the task is dropped. A run that lost it finds out when it switches.
    async fn renew(self, mut etag: String) {
        loop {
            tokio::time::sleep((self.expiry / 4).max(Duration::from_millis(50))).await;
            let sent = Instant::now();
            // A store that hangs must leave time for another try.
            match tokio::time::timeout(self.expiry / 2, self.renew_once(&etag)).await {
                Ok(Ok(Some(renewed))) => {
                    etag = renewed;
                    if let Ok(mut until) = self.lasts_until.lock() {
                        *until = sent + self.expiry;
                    }
                }
                Ok(Ok(None)) => {
                    tracing::warn!("the hold on the masked location was taken over by another run");
                    return;
                }
                Ok(Err(_)) | Err(_) => tracing::warn!("the hold on the masked location could not be renewed"),
            }
        }
    }

    /// The new etag, or `None` if the hold is another run's by now.
    async fn renew_once(&self, etag: &str) -> Result<Option<String>> {
        let path = self.store.path(HOLD_OBJECT)?;
        if let Some(renewed) = self.store.replace(&path, etag, HoldRecord::now(&self.run, self.expiry)?).await? {
            return Ok(Some(renewed));
        }
        match holder(&self.store).await? {
            Some((record, etag)) if record.run == self.run => {
                self.store.replace(&path, &etag, HoldRecord::now(&self.run, self.expiry)?).await
            }
            _ => Ok(None),
        }
    }
}
