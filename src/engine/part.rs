//! One output file: bytes go in from a blocking thread, a complete object comes out, or nothing.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use super::collect::JournalEntry;
use super::store::{Store, file_fault};
use super::target::Target;
use crate::error::{Error, Result};

/// Bytes per part of a multipart upload. S3 allows 10,000 parts, so a file may have 156 GiB.
const PART_BYTES: usize = 16 * 1024 * 1024;
const WRITE_FAULT: &str = "cannot write a masked file";
/// Parts in flight per table, however many files are written at once: each holds its bytes in memory.
const PARTS_AT_ONCE: usize = 8;
/// Bytes of small files that may wait in memory to be shown together with others.
const WAITING_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long an abort is waited for.
const ABORT_TIME_MAX: Duration = Duration::from_secs(10);

/// Opens the files of one run, under unique names.
#[derive(Clone, Debug)]
pub struct PartFiles {
    target: Target,
    run: String,
    io: Handle,
    uploads: Arc<AtomicU64>,
    in_flight: Arc<Semaphore>,
    waiting: Arc<AtomicU64>,
}

impl PartFiles {
    /// For one run's files.
    pub fn new(target: Target, run: &str, io: Handle) -> Self {
        let in_flight = Arc::new(Semaphore::new(PARTS_AT_ONCE));
        Self { target, run: run.to_owned(), io, uploads: Arc::default(), in_flight, waiting: Arc::default() }
    }

    /// The run.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Opens `relative`, a path below the masked location. Call from a blocking thread only.
    pub fn create(&self, relative: &str) -> Result<PartFile> {
        let store = &self.target.store;
        let path = store.path(relative)?;
        let sink = match store.file(&path) {
            Some(file) => {
                let fault = |error: std::io::Error| file_fault(&error, &file, WRITE_FAULT);
                if let Some(folder) = file.parent() {
                    std::fs::create_dir_all(folder).map_err(fault)?;
                }
                let opened = File::create_new(&file).map_err(fault)?;
                Sink::File { file: BufWriter::with_capacity(1 << 20, opened), path: file }
            }
            None => Sink::Object(Box::new(Upload {
                store: store.clone(),
                path: path.clone(),
                buffer: Vec::new(),
                multipart: None,
                parts: JoinSet::new(),
                in_flight: Arc::clone(&self.in_flight),
                waiting: Arc::clone(&self.waiting),
                done: Vec::new(),
                next: 0,
                journal: format!(
                    "_saltlake/journal/{}/{}.json",
                    self.run,
                    self.uploads.fetch_add(1, Ordering::Relaxed)
                ),
                io: self.io.clone(),
            })),
        };
        Ok(PartFile { sink, relative: relative.to_owned(), bytes: 0 })
    }
}

/// A file that is being written.
pub struct PartFile {
    sink: Sink,
    relative: String,
    bytes: u64,
}

enum Sink {
    File { file: BufWriter<File>, path: PathBuf },
    Object(Box<Upload>),
}

struct Upload {
    store: Store,
    path: Path,
    buffer: Vec<u8>,
    multipart: Option<(Arc<dyn MultipartStore>, String)>,
    parts: JoinSet<object_store::Result<(usize, PartId)>>,
    in_flight: Arc<Semaphore>,
    /// Bytes of small files that are whole and wait in memory.
    waiting: Arc<AtomicU64>,
    done: Vec<(usize, PartId)>,
    next: usize,
    journal: String,
    io: Handle,
}

impl PartFile {
    /// Completes the file and returns its path below the masked location and its size.
    pub fn finish(self) -> Result<(String, u64)> {
        match self.sink {
            Sink::File { mut file, path } => {
                file.flush().map_err(|error| file_fault(&error, &path, WRITE_FAULT))?;
            }
            Sink::Object(upload) => upload.finish()?,
        }
        Ok((self.relative, self.bytes))
    }
}

impl PartFile {
    /// Ends the file without showing it: what is left is one call. For files that appear together or not at all. On a
    /// disk the file is whole under the name that it was opened with, which its writer takes for a hidden one.
    ///
    /// # Errors
    /// If what is left of it cannot be written.
    pub fn seal(self) -> Result<SealedFile> {
        let upload = match self.sink {
            Sink::File { mut file, path } => {
                file.flush().map_err(|error| file_fault(&error, &path, WRITE_FAULT))?;
                None
            }
            Sink::Object(mut upload) => {
                upload.rest()?;
                Some(upload)
            }
        };
        Ok(SealedFile { upload, relative: self.relative })
    }
}

/// A file that is written and not shown yet. Dropped, it is given up.
pub struct SealedFile {
    upload: Option<Box<Upload>>,
    relative: String,
}

impl SealedFile {
    /// Its path below the location.
    pub fn relative(&self) -> &str {
        &self.relative
    }

    /// Shows it.
    ///
    /// # Errors
    /// If the store does not take it.
    pub fn complete(self) -> Result<()> {
        self.upload.map_or(Ok(()), |upload| upload.finish())
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.sink {
            Sink::File { file, path } => file.write_all(bytes).map_err(|error| write_error(&error, path))?,
            Sink::Object(upload) => upload.take(bytes).map_err(std::io::Error::other)?,
        }
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Upload {
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        while self.buffer.len() >= PART_BYTES {
            let rest = self.buffer.split_off(PART_BYTES);
            let part = std::mem::replace(&mut self.buffer, rest);
            self.send(Bytes::from(part))?;
        }
        Ok(())
    }

    fn fault(&self, error: &object_store::Error) -> Error {
        self.store.fault(error, Some(&self.path), WRITE_FAULT)
    }

    /// Starts the upload if need be, and sends one part in the background.
    fn send(&mut self, part: Bytes) -> Result<()> {
        let (multipart, id) = self.begin()?;
        let turn = self.io.block_on(Arc::clone(&self.in_flight).acquire_owned());
        let turn = turn.map_err(|_| Error::failed("an upload was cut off"))?;
        while let Some(ended) = self.parts.try_join_next() {
            self.note(ended)?;
        }
        let (path, index) = (self.path.clone(), self.next);
        self.next += 1;
        self.parts.spawn_on(
            async move {
                let part = multipart.put_part(&path, &id, index, part.into()).await?;
                drop(turn);
                Ok((index, part))
            },
            &self.io,
        );
        Ok(())
    }

    fn begin(&mut self) -> Result<(Arc<dyn MultipartStore>, String)> {
        if let Some((store, id)) = &self.multipart {
            return Ok((Arc::clone(store), id.clone()));
        }
        let multipart = self.store.bucket().multipart.clone().ok_or_else(|| {
            Error::failed("the store cannot take large files").with("location", self.store.location())
        })?;
        let id = self.io.block_on(multipart.create_multipart(&self.path)).map_err(|error| self.fault(&error))?;
        self.multipart = Some((Arc::clone(&multipart), id.clone()));
        let entry = JournalEntry { path: self.path.to_string(), upload_id: id.clone() };
        let bytes = serde_json::to_vec(&entry).map_err(|_| Error::failed("cannot write the journal as JSON"))?;
        let journal = self.store.path(&self.journal)?;
        self.io.block_on(self.store.write(&journal, bytes))?;
        Ok((multipart, id))
    }

    fn note(&mut self, ended: Result<object_store::Result<(usize, PartId)>, JoinError>) -> Result<()> {
        match ended {
            Ok(Ok(part)) => self.done.push(part),
            Ok(Err(error)) => return Err(self.fault(&error)),
            Err(_) => return Err(Error::failed("an upload was cut off").with("location", self.store.location())),
        }
        Ok(())
    }

    /// Sends what is left, and waits until every part has arrived. A small file is left in memory, to be sent at once,
    /// while there are not too many of them.
    fn rest(&mut self) -> Result<()> {
        let bytes = self.buffer.len() as u64;
        let small = self.multipart.is_none();
        if small && self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes <= WAITING_BYTES_MAX {
            return Ok(());
        }
        if small || bytes > 0 {
            let part = Bytes::from(std::mem::take(&mut self.buffer));
            self.send(part)?;
        }
        while let Some(ended) = self.io.block_on(self.parts.join_next()) {
            self.note(ended)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        if self.multipart.is_none() {
            let bytes = Bytes::from(std::mem::take(&mut self.buffer));
            return self.io.clone().block_on(self.store.write(&self.path, bytes));
        }
        self.rest()?;
        self.done.sort_by_key(|(index, _)| *index);
        let parts = std::mem::take(&mut self.done).into_iter().map(|(_, part)| part).collect();
        let (multipart, id) = self.begin()?;
        let completed = self.io.block_on(multipart.complete_multipart(&self.path, &id, parts));
        completed.map_err(|error| self.fault(&error))?;
        self.multipart = None;
        let journal = self.store.path(&self.journal)?;
        self.io.clone().block_on(self.store.delete(&journal))
    }
}

impl Drop for Upload {
    /// An upload that was not finished is aborted, so that nothing is left to pay for. What cannot be aborted now stays
    /// in the journal, for the end of this run or the beginning of the next.
    fn drop(&mut self) {
        let Some((multipart, id)) = self.multipart.take() else { return };
        let (path, store, journal) = (self.path.clone(), self.store.clone(), self.store.path(&self.journal).ok());
        let mut parts = std::mem::take(&mut self.parts);
        let (done, wait) = std::sync::mpsc::channel::<()>();
        self.io.spawn(async move {
            let under_way = !parts.is_empty();
            parts.shutdown().await;
            let aborted = multipart.abort_multipart(&path, &id).await.is_ok();
            // A part that was under way may still arrive after the abort: then it must be aborted again.
            if aborted
                && !under_way
                && let Some(journal) = journal
            {
                let _ = store.delete(&journal).await;
            }
            drop(done);
        });
        // Not `block_on`: that panics should the upload ever be dropped among asynchronous tasks.
        let _ = wait.recv_timeout(ABORT_TIME_MAX);
    }
}

/// An I/O error that says which file it is about.
fn write_error(error: &std::io::Error, path: &FilePath) -> std::io::Error {
    std::io::Error::other(file_fault(error, path, WRITE_FAULT))
}

/// An error while writing a part, as [`PartFile`]'s `Write` reports it.
pub(crate) fn write_fault(error: &std::io::Error) -> Error {
    if let Some(own) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return own.clone();
    }
    file_fault(error, FilePath::new("the masked location"), WRITE_FAULT)
}
