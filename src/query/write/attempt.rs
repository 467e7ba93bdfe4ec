//! One attempt to write a result: it ends in one whole file, or in nothing.
//!
//! In a folder, rows go to a hidden file that gets its name when it is whole; a lock on the folder keeps other
//! statements out. In a bucket, an upload becomes an object when it is completed; one that was left is in the journal.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::encode::Encoder;
use super::folder::Folder;
use super::layout::Layout;
use super::{Destination, bucket, folder, place, staged};
use crate::engine::fault::engine_fault;
use crate::engine::part::{PartFile, PartFiles, SealedFile};
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
    /// Files: one, or one for each partition; none if the table existed.
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
    if destination.into.is_some() {
        return Ok(true);
    }
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
        Location::S3 { .. } => bucket::is_taken(&engine.store(place).await?, &BTreeSet::new()).await,
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
    let schema = answer.schema();
    let layout = match &destination.into {
        Some(table) => Layout::of_table(&schema, table)?,
        None => Layout::of_result(&schema, &destination.partitioned_by, destination.format)?,
    };
    let store = engine.store(&location).await?;
    bucket::settle(&store).await?;
    let attempt = Attempt {
        destination: destination.clone(),
        layout,
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
        Some(Ok(written)) => written.map(|(rows, files)| Written { rows, files, location }),
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
    layout: Layout,
    store: Store,
    io: Handle,
    zstd_level: i32,
}

impl Attempt {
    /// Takes rows until their end, on a thread for blocking work. Returns their number, and that of files.
    fn run(self, rows: mpsc::Receiver<Message>) -> Result<(u64, usize)> {
        let id = Uuid::now_v7().simple().to_string();
        match &self.destination.location {
            Location::Folder(path) if self.destination.into.is_some() => self.add(path, &id, rows),
            Location::Folder(path) if self.layout.has_folders() => self.build(path, &id, rows),
            Location::Folder(path) => {
                let folder = Folder::take(path, &self.destination)?;
                let written = self.encode(&self.store, &id, rows, |_, _| folder::hidden_name(&id))?;
                folder.publish(&id, &self.file_name(&id), &self.destination)?;
                Ok((written.rows, 1))
            }
            Location::S3 { .. } => self.upload(&id, rows),
        }
    }

    /// A table in folders is built whole beside its place.
    fn build(&self, path: &std::path::Path, id: &str, rows: mpsc::Receiver<Message>) -> Result<(u64, usize)> {
        if self
            .destination
            .locations
            .iter()
            .any(|location| place::real(location).as_ref() == Some(&self.destination.location))
        {
            return Err(Error::usage("files in partition folders do not go directly into a location of the workspace")
                .with("code", &Said("0A000"))
                .with("location", &self.destination.location)
                .hint("name a folder below it"));
        }
        let folder = Folder::take(path, &self.destination)?;
        let store = Store::new(Location::Folder(staged::place(path)), self.store.bucket().clone())?;
        let written = self
            .encode(&store, id, rows, |folder, number| format!("{folder}{}", self.file_name(&numbered(id, number))))?;
        folder.publish_staged(&self.destination)?;
        Ok((written.rows, written.files.len()))
    }

    /// Files of rows that are added are hidden in the table's folder until all are whole.
    fn add(&self, path: &std::path::Path, id: &str, rows: mpsc::Receiver<Message>) -> Result<(u64, usize)> {
        let folder = Folder::of_table(path, &self.destination)?;
        let written = self.encode(&self.store, id, rows, |_, number| folder::hidden_name(&numbered(id, number)))?;
        let names = written.files.iter().enumerate().map(|(number, (below, file))| {
            (file.relative().to_owned(), format!("{below}{}", self.file_name(&numbered(id, number))))
        });
        folder.add(&names.collect::<Vec<_>>(), &self.destination)?;
        Ok((written.rows, written.files.len()))
    }

    /// Uploads are completed together, when every file is whole.
    fn upload(&self, id: &str, rows: mpsc::Receiver<Message>) -> Result<(u64, usize)> {
        let name = |folder: &str, number| format!("{folder}{}", self.file_name(&numbered(id, number)));
        let written = self.encode(&self.store, id, rows, name)?;
        let files = written.files.len();
        let mut shown: BTreeSet<String> = BTreeSet::new();
        for (_, file) in written.files {
            let relative = file.relative().to_owned();
            if let Err(error) = file.complete() {
                self.withdraw(&shown);
                return Err(self.unwritable(error));
            }
            shown.insert(relative);
        }
        // Two statements that write to one place at a time see each other before or after: neither stays then.
        let taken = self.destination.into.is_none().then(|| self.io.block_on(bucket::is_taken(&self.store, &shown)));
        if taken.transpose()? == Some(true) {
            self.withdraw(&shown);
            return Err(not_empty(&self.destination, &self.destination.location));
        }
        Ok((written.rows, files))
    }

    /// Deletes files that were shown and should not have been.
    fn withdraw(&self, shown: &BTreeSet<String>) {
        for relative in shown {
            if let Ok(path) = self.store.path(relative) {
                let _ = self.io.block_on(self.store.delete(&path));
            }
        }
    }

    fn file_name(&self, stem: &str) -> String {
        format!("{stem}.{}", self.destination.format.extension(self.destination.compression))
    }

    /// Writes rows into files, each folder's after another's. `name` is where a folder's file is written.
    fn encode(
        &self,
        store: &Store,
        id: &str,
        mut rows: mpsc::Receiver<Message>,
        name: impl Fn(&str, usize) -> String,
    ) -> Result<Encoded> {
        let parts = PartFiles::new(self.target(store), id, self.io.clone());
        let mut written = Encoded { rows: 0, files: Vec::new() };
        let mut open: Option<(String, Encoder)> = None;
        if !self.layout.has_folders() && self.destination.into.is_none() {
            open = Some((String::new(), self.begin(&parts, &name("", 0))?));
        }
        loop {
            match rows.blocking_recv() {
                Some(Message::Rows(batch)) if batch.num_rows() == 0 => {}
                Some(Message::Rows(batch)) => {
                    for (range, folder) in self.layout.runs(&batch)? {
                        let slice = self.layout.of_file(&batch.slice(range.start, range.len()))?;
                        if open.as_ref().is_none_or(|(current, _)| *current != folder) {
                            written.end(open.take(), |error| self.unwritable(error))?;
                            let file = self.begin(&parts, &name(&folder, written.files.len()))?;
                            open = Some((folder, file));
                        }
                        if let Some((_, encoder)) = &mut open {
                            encoder.write(&slice).map_err(|error| self.unwritable(error))?;
                        }
                    }
                }
                Some(Message::End) => break,
                None => return Err(Error::failed("the rows ended early").with("code", &Said("57014"))),
            }
        }
        if open.is_none() && written.files.is_empty() && self.destination.into.is_none() {
            // A table without rows still has columns.
            let folder = self.layout.empty_folder();
            let file = self.begin(&parts, &name(&folder, 0))?;
            open = Some((folder, file));
        }
        written.end(open, |error| self.unwritable(error))?;
        Ok(written)
    }

    fn begin(&self, parts: &PartFiles, name: &str) -> Result<Encoder> {
        let said = |error: Error| self.unwritable(error);
        let file = parts.create(name).map_err(said)?;
        let Destination { format, compression, delimiter, .. } = self.destination;
        Encoder::begin(file, self.layout.columns.clone(), format, compression, delimiter, self.zstd_level).map_err(said)
    }

    /// The part writer wants a target; all that it uses is the store.
    fn target(&self, store: &Store) -> Target {
        Target::of_files(store.clone(), self.io.clone())
    }

    fn unwritable(&self, error: Error) -> Error {
        unwritable(error, &self.destination.location)
    }
}

/// What was written so far, and is not shown yet.
struct Encoded {
    rows: u64,
    /// Each with its folder below the table.
    files: Vec<(String, SealedFile)>,
}

impl Encoded {
    fn end(&mut self, open: Option<(String, Encoder)>, said: impl Fn(Error) -> Error) -> Result<()> {
        let Some((folder, encoder)) = open else { return Ok(()) };
        self.rows += encoder.rows;
        self.files.push((folder, encoder.finish().and_then(PartFile::seal).map_err(said)?));
        Ok(())
    }
}

/// The stem of a statement's n-th file.
fn numbered(id: &str, number: usize) -> String {
    if number == 0 { id.to_owned() } else { format!("{id}-{number}") }
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
