//! A folder that a statement writes to.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind as Io};
use std::path::{Path, PathBuf};

use super::Destination;
use super::attempt::{not_empty, unwritable};
use crate::engine::store::file_fault;
use crate::error::{Error, Result, Said};
use crate::model::Location;

/// How the names of files begin that are being written.
const HIDDEN: &str = ".saltlake-";

/// The name of a file while it is being written.
pub(super) fn hidden_name(id: &str) -> String {
    format!("{HIDDEN}{id}")
}

/// A folder, locked for one statement. Dropped before a file was published in it, it is left as it was.
pub(super) struct Folder {
    path: PathBuf,
    /// The folders that were made for it, the innermost last.
    made: Vec<PathBuf>,
    /// Ends with the process, however that ends.
    _lock: File,
    published: bool,
}

impl Folder {
    /// Makes the folder if need be, locks it, and removes what an attempt left whose process is no more.
    ///
    /// # Errors
    /// Refused if another statement writes there, it is not empty, or it is not where it was.
    pub(super) fn take(path: &Path, destination: &Destination) -> Result<Self> {
        let fault = |error: io::Error| unwritable_folder(&error, path);
        let made: Vec<PathBuf> =
            path.ancestors().take_while(|folder| folder.symlink_metadata().is_err()).map(Path::to_owned).collect();
        let guard = Made(made.into_iter().rev().collect());
        fs::create_dir_all(path).map_err(fault)?;
        // Between the look at the statement and now, a link may have come to stand on the way.
        if path.canonicalize().map_err(fault)? != path {
            return Err(super::place::forbidden(
                &destination.location.to_url(),
                "a link has come to stand on the way to it",
                &destination.locations,
            ));
        }
        let lock = File::open(path).map_err(fault)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::refused("another statement is writing to the location")
                    .with("code", &Said("55006"))
                    .with("location", &destination.location)
                    .hint("run the statement again when the other has ended, or choose another location"));
            }
            Err(TryLockError::Error(error)) => return Err(fault(error)),
        }
        if is_taken(path)? {
            return Err(not_empty(destination, &destination.location));
        }
        sweep(path).map_err(fault)?;
        Ok(Self { path: path.to_owned(), made: guard.keep(), _lock: lock, published: false })
    }

    /// Makes a whole file durable and gives it its name.
    ///
    /// # Errors
    /// Refused if something else has come into the folder; failed if the disk does not take the file.
    pub(super) fn publish(mut self, id: &str, name: &str, destination: &Destination) -> Result<()> {
        if is_taken(&self.path)? {
            return Err(not_empty(destination, &destination.location));
        }
        let fault = |error: io::Error| unwritable_folder(&error, &self.path);
        let written = self.path.join(hidden_name(id));
        File::open(&written).and_then(|file| file.sync_all()).map_err(fault)?;
        fs::rename(&written, self.path.join(name)).map_err(fault)?;
        self.published = true;
        for folder in self.made.iter().filter_map(|folder| folder.parent()).chain([self.path.as_path()]) {
            // The file is there and whole. That a folder cannot be made durable on some systems does not undo it.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.published {
            let _ = sweep(&self.path);
            unmake(&self.made);
        }
    }
}

/// Folders that were made, until it is known that they are needed.
struct Made(Vec<PathBuf>);

impl Made {
    fn keep(mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        unmake(&self.0);
    }
}

/// Removes folders that hold nothing.
fn unmake(made: &[PathBuf]) {
    for folder in made.iter().rev() {
        let _ = fs::remove_dir(folder);
    }
}

/// Whether anything is below a folder but folders, and files that are being written or were left half-written.
///
/// # Errors
/// Failed if it cannot be looked into.
pub(super) fn is_taken(path: &Path) -> Result<bool> {
    let look = || -> io::Result<bool> {
        if path.is_file() {
            return Ok(true);
        }
        for entry in entries(path)? {
            if !is_hidden(&entry) && (!entry.file_type()?.is_dir() || holds_files(&entry.path())?) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    look().map_err(|error| unwritable_folder(&error, path))
}

/// Links are not followed: one is something already.
fn holds_files(folder: &Path) -> io::Result<bool> {
    for entry in entries(folder)? {
        if !entry.file_type()?.is_dir() || holds_files(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes files that were not completed. Whoever holds the lock knows that nobody else is writing one.
fn sweep(path: &Path) -> io::Result<()> {
    for entry in entries(path)?.iter().filter(|entry| is_hidden(entry)) {
        fs::remove_file(entry.path())?;
    }
    Ok(())
}

fn is_hidden(entry: &fs::DirEntry) -> bool {
    let ours = entry.file_name().to_string_lossy().starts_with(HIDDEN);
    ours && entry.file_type().is_ok_and(|kind| kind.is_file())
}

/// The entries of a folder; none if it does not exist.
fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == Io::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn unwritable_folder(error: &io::Error, path: &Path) -> Error {
    let fault = file_fault(error, path, "the result cannot be written");
    unwritable(fault, &Location::Folder(path.to_owned()))
}
