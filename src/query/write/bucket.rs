//! A prefix of a bucket that a statement writes to.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use object_store::ObjectMeta;
use serde::Deserialize;
use uuid::Uuid;

use crate::engine::store::Store;
use crate::error::Result;
use crate::model::Location;

/// Where the part writer notes uploads that are under way.
const JOURNAL: &str = "_saltlake/journal";

/// An upload that began longer ago than this is a dead statement's.
const UPLOAD_AGE_MAX: TimeDelta = TimeDelta::days(1);

/// Whether any object is below the prefix but notes about uploads, and our own.
///
/// # Errors
/// Failed if it cannot be listed.
pub(super) async fn is_taken(store: &Store, own: &BTreeSet<String>) -> Result<bool> {
    let objects = store.list("").await?;
    Ok(objects.iter().any(|meta| match store.relative(&meta.location) {
        // The prefix itself, as an object of no bytes: the S3 console makes one for a folder.
        None | Some("") => meta.size > 0,
        Some(relative) => !own.contains(relative) && !is_note(relative),
    }))
}

fn is_note(relative: &str) -> bool {
    relative.strip_prefix(JOURNAL).is_some_and(|rest| rest.starts_with('/'))
}

#[derive(Deserialize)]
struct Note {
    path: String,
    upload_id: String,
}

/// Aborts the uploads that dead statements left below the prefix. Those that may be under way are left alone.
///
/// # Errors
/// Failed if the notes cannot be listed or read.
pub(super) async fn settle(store: &Store) -> Result<()> {
    if matches!(store.location(), Location::Folder(_)) {
        return Ok(());
    }
    let now = Utc::now();
    for meta in store.list(JOURNAL).await? {
        if began(store, &meta).is_some_and(|began| now - began > UPLOAD_AGE_MAX) && abort(store, &meta).await? {
            store.delete(&meta.location).await?;
        }
    }
    Ok(())
}

/// When the statement of a note began: its id tells.
fn began(store: &Store, note: &ObjectMeta) -> Option<DateTime<Utc>> {
    let id = store.relative(&note.location)?.split('/').nth(2)?;
    let (seconds, nanoseconds) = Uuid::parse_str(id).ok()?.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
}

/// Aborts a noted upload. `false` if the store did not say that it is gone.
async fn abort(store: &Store, meta: &ObjectMeta) -> Result<bool> {
    let Some(multipart) = store.bucket().multipart.clone() else { return Ok(false) };
    let Some((bytes, _)) = store.read(&meta.location).await? else { return Ok(true) };
    // A note that says nothing of an upload below the prefix is not ours to act on.
    let Ok(note) = serde_json::from_slice::<Note>(&bytes) else { return Ok(false) };
    let Ok(path) = object_store::path::Path::parse(&note.path) else { return Ok(false) };
    if store.relative(&path).is_none() {
        return Ok(false);
    }
    let aborted = multipart.abort_multipart(&path, &note.upload_id).await;
    Ok(matches!(aborted, Ok(()) | Err(object_store::Error::NotFound { .. })))
}
