//! One attempt to write a result: it ends in one whole file, or in nothing.
//!
//! In a folder, rows go to a hidden file that gets its name when it is whole; a lock on the folder keeps other
//! statements out. In a bucket, an upload becomes an object when it is completed; one that was left is in the journal.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::encode::{Encoder, columns};
use super::folder::Folder;
use super::{Destination, bucket, folder, place};
use crate::engine::fault::engine_fault;
use crate::engine::part::{PartFile, PartFiles};
use crate::engine::store::Store;
use crate::engine::target::Target;
use crate::engine::{Engine, interruptible};
use crate::error::{Error, Result, Said};
use crate::model::Location;
use crate::query::Answer;

/// Batches that wait between a query and its file.
const BATCHES_WAITING: usize = 2;

/// What a statement has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Rows. None if the table existed and the statement said IF NOT EXISTS.
    pub rows: u64,
    /// Files: one, or none if the table existed.
    pub files: usize,
    /// Where they are.
    pub location: Location,
}

enum Message {
    Rows(RecordBatch),
    /// The query came to its end. Without it, what was written so far is given up.
    End,
}

/// As [`Destination::check`].
pub(super) async fn check(destination: &Destination, engine: &Engine) -> Result<bool> {
    place::reject_kept_apart(&destination.location, engine)?;
    let mut taken = None;
    for place in std::iter::once(&destination.location).chain(&destination.namesakes) {
        if is_taken(place, engine).await? {
            taken = Some(place);
            break;
        }
    }
    match taken {
        None => Ok(true),
        Some(_) if destination.if_not_exists => Ok(false),
        Some(place) => Err(not_empty(destination, place)),
    }
}

async fn is_taken(place: &Location, engine: &Engine) -> Result<bool> {
    match place {
        Location::Folder(path) => folder::is_taken(path),
        Location::S3 { .. } => bucket::is_taken(&engine.store(place).await?, None).await,
    }
}

pub(super) fn not_empty(destination: &Destination, place: &Location) -> Error {
    match &destination.table {
        Some(table) => Error::refused("the table exists")
            .with("code", &Said("42P07"))
            .with("table", table)
            .with("location", place)
            .hint("choose another name, or write CREATE TABLE IF NOT EXISTS"),
        None => Error::refused("the location is not empty")
            .with("code", &Said("55000"))
            .with("location", place)
            .hint("nothing in it was changed; choose a location that holds nothing"),
    }
}

/// Writes the rows of an answer. On Ctrl-C it cleans up before it ends: run it by
/// [`run_to_end`](crate::engine::Runtimes::run_to_end).
///
/// # Errors
/// As [`Destination::check`]; as the query, whose rows are then given up; failed if the file cannot be written.
pub async fn write(answer: Answer, engine: &Engine, destination: &Destination) -> Result<Written> {
    let location = destination.location.clone();
    if !check(destination, engine).await? {
        return Ok(Written { rows: 0, files: 0, location });
    }
    let columns = columns(&answer.schema(), destination.format)?;
    let store = engine.store(&location).await?;
    bucket::settle(&store).await?;
    let attempt = Attempt {
        destination: destination.clone(),
        columns,
        store,
        io: engine.io().clone(),
        zstd_level: engine.settings().masked.zstd_level,
    };
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
    let mut work = JoinSet::new();
    work.spawn_blocking(move || attempt.run(receiver));
    // The sender goes with the feed, however it ends: then the writer ends too, and its end is waited for.
    let fed = interruptible(feed(answer, sender)).await;
    let done = work.join_next().await;
    fed?;
    match done {
        Some(Ok(written)) => Ok(Written { rows: written?, files: 1, location }),
        _ => Err(Error::failed("a worker thread ended early").with("code", &Said("XX000"))),
    }
}

/// Passes rows on. If the writer is gone, its own error says why.
async fn feed(mut answer: Answer, sender: mpsc::Sender<Message>) -> Result<()> {
    while let Some(batch) = answer.next().await {
        let batch = batch.map_err(|error| engine_fault(&error))?;
        if sender.send(Message::Rows(batch)).await.is_err() {
            return Ok(());
        }
    }
    let _ = sender.send(Message::End).await;
    Ok(())
}

struct Attempt {
    destination: Destination,
    columns: SchemaRef,
    store: Store,
    io: Handle,
    zstd_level: i32,
}

impl Attempt {
    /// Takes rows until their end, on a thread for blocking work. Returns their number.
    fn run(self, rows: mpsc::Receiver<Message>) -> Result<u64> {
        let id = Uuid::now_v7().simple().to_string();
        let extension = self.destination.format.extension(self.destination.compression);
        let name = format!("{id}.{extension}");
        let parts = PartFiles::new(self.target(), &id, self.io.clone());
        match &self.destination.location {
            Location::Folder(path) => {
                let folder = Folder::take(path, &self.destination)?;
                let (written, _) = self.encode(&parts, &folder::hidden_name(&id), rows)?;
                folder.publish(&id, &name, &self.destination)?;
                Ok(written)
            }
            Location::S3 { .. } => self.upload(&parts, &name, rows),
        }
    }

    /// Two statements that write to one place at a time see each other before or after: neither stays then.
    fn upload(&self, parts: &PartFiles, name: &str, rows: mpsc::Receiver<Message>) -> Result<u64> {
        let (written, name) = self.encode(parts, name, rows)?;
        if self.io.block_on(bucket::is_taken(&self.store, Some(&name)))? {
            self.io.block_on(self.store.delete(&self.store.path(&name)?))?;
            return Err(not_empty(&self.destination, &self.destination.location));
        }
        Ok(written)
    }

    fn encode(&self, parts: &PartFiles, name: &str, mut rows: mpsc::Receiver<Message>) -> Result<(u64, String)> {
        let said = |error: Error| self.unwritable(error);
        let file = parts.create(name).map_err(said)?;
        let Destination { format, compression, .. } = self.destination;
        let mut encoder =
            Encoder::begin(file, self.columns.clone(), format, compression, self.zstd_level).map_err(said)?;
        loop {
            match rows.blocking_recv() {
                Some(Message::Rows(batch)) => encoder.write(&batch).map_err(said)?,
                Some(Message::End) => break,
                None => return Err(Error::failed("the rows ended early").with("code", &Said("57014"))),
            }
        }
        let written = encoder.rows;
        let (name, _) = encoder.finish().and_then(PartFile::finish).map_err(said)?;
        Ok((written, name))
    }

    /// The part writer wants a target; all that it uses is the store.
    fn target(&self) -> Target {
        Target {
            store: self.store.clone(),
            database: String::new(),
            grace: std::time::Duration::ZERO,
            hold_expiry: std::time::Duration::ZERO,
            io: self.io.clone(),
        }
    }

    fn unwritable(&self, error: Error) -> Error {
        unwritable(error, &self.destination.location)
    }
}

/// A fault of the file in words that fit a role: where it was to be, and the reason. Other errors stay as they are.
pub(super) fn unwritable(error: Error, location: &Location) -> Error {
    let context = |key: &str| error.context().iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str());
    if context("code").is_some() {
        return error;
    }
    let reason = context("reason").unwrap_or("the store did not answer as expected");
    let full = reason.starts_with("no space") || reason.starts_with("quota");
    Error::new(error.kind(), "the result cannot be written")
        .with("code", &Said(if full { "53100" } else { "58030" }))
        .with("location", location)
        .with("reason", &Said(reason))
        .hint("nothing was written; the location is as it was")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::store::file_fault;

    #[test]
    fn a_full_disk_is_called_that_and_no_hidden_file_is_named() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let fault = file_fault(&full, std::path::Path::new("/w/t/.saltlake-1"), "cannot write a masked file");
        let said = unwritable(fault, &Location::Folder("/w/t".into())).to_string();
        assert!(said.contains("53100") && said.contains("no space left") && said.contains("/w/t/"), "{said}");
        assert!(!said.contains(".saltlake") && !said.contains("masked"), "{said}");
    }
}
