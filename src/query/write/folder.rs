//! A folder that a statement writes to.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind as Io};
use std::path::{Path, PathBuf};

use super::Destination;
use super::attempt::{not_empty, unwritable};
use super::staged;
use crate::engine::store::file_fault;
use crate::error::{Error, Result, Said};
use crate::model::Location;

/// How the names of files begin that are being written.
pub(super) const HIDDEN: &str = ".saltlake-";

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
        let lock = lock(path, destination)?;
        if is_taken(path)? {
            return Err(not_empty(destination, &destination.location));
        }
        sweep(path).map_err(fault)?;
        staged::discard(path);
        Ok(Self { path: path.to_owned(), made: guard.keep(), _lock: lock, published: false })
    }

    /// Locks the folder of a table that is there, and removes what an attempt left whose process is no more.
    ///
    /// # Errors
    /// Refused if another statement writes there, or a link has come to stand on the way.
    pub(super) fn of_table(path: &Path, destination: &Destination) -> Result<Self> {
        let lock = lock(path, destination)?;
        sweep(path).map_err(|error| unwritable_folder(&error, path))?;
        Ok(Self { path: path.to_owned(), made: Vec::new(), _lock: lock, published: false })
    }

    /// Puts a folder that was built beside it in its place.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub(super) fn publish_staged(mut self, destination: &Destination) -> Result<()> {
        if is_taken(&self.path)? {
            return Err(not_empty(destination, &destination.location));
        }
        let fault = |error: io::Error| unwritable_folder(&error, &self.path);
        let built = staged::place(&self.path);
        sync_below(&built).map_err(fault)?;
        remove_empty(&self.path).map_err(fault)?;
        // Over an empty folder: whoever looks sees that one, or all of this.
        fs::rename(&built, &self.path).map_err(fault)?;
        self.published = true;
        self.sync_parents();
        Ok(())
    }

    /// Gives whole hidden files their names, in folders of the table.
    ///
    /// # Errors
    /// Refused if a link stands on the way; failed if the disk does not take a file. Those that had their names already
    /// have none then.
    pub(super) fn add(mut self, files: &[(String, String)], destination: &Destination) -> Result<()> {
        let mut added: Vec<PathBuf> = Vec::new();
        let mut add = |hidden: &str, relative: &str| -> Result<()> {
            let fault = |error: io::Error| unwritable_folder(&error, &self.path);
            let (written, place) = (self.path.join(hidden), self.path.join(relative));
            File::open(&written).and_then(|file| file.sync_all()).map_err(fault)?;
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder).map_err(fault)?;
                if folder.canonicalize().map_err(fault)? != folder {
                    return Err(led_away(destination));
                }
            }
            fs::rename(&written, &place).map_err(fault)?;
            added.push(place);
            Ok(())
        };
        let done = files.iter().try_for_each(|(hidden, relative)| add(hidden, relative));
        if done.is_err() {
            for file in &added {
                let _ = fs::remove_file(file);
            }
        }
        done?;
        self.published = true;
        for folder in added.iter().filter_map(|file| file.parent()) {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        self.sync_parents();
        Ok(())
    }

    /// The file is there and whole. That a folder cannot be made durable on some systems does not undo it.
    fn sync_parents(&self) {
        for folder in self.made.iter().filter_map(|folder| folder.parent()).chain([self.path.as_path()]) {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
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
        self.sync_parents();
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.published {
            let _ = sweep(&self.path);
            staged::discard(&self.path);
            unmake(&self.made);
        }
    }
}

/// Locks a folder that is where it seems to be.
fn lock(path: &Path, destination: &Destination) -> Result<File> {
    let fault = |error: io::Error| unwritable_folder(&error, path);
    // Between the look at the statement and now, a link may have come to stand on the way.
    if path.canonicalize().map_err(fault)? != path {
        return Err(led_away(destination));
    }
    let lock = File::open(path).map_err(fault)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::refused("another statement is writing to the location")
            .with("code", &Said("55006"))
            .with("location", &destination.location)
            .hint("run the statement again when the other has ended, or choose another location")),
        Err(TryLockError::Error(error)) => Err(fault(error)),
    }
}

fn led_away(destination: &Destination) -> Error {
    super::place::forbidden(
        &destination.location.to_url(),
        "a link has come to stand on the way to it",
        &destination.locations,
    )
}

/// Makes every file below a folder durable.
fn sync_below(folder: &Path) -> io::Result<()> {
    for entry in entries(folder)? {
        if entry.file_type()?.is_dir() {
            sync_below(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    Ok(())
}

/// Removes the folders below a folder, which hold nothing.
fn remove_empty(folder: &Path) -> io::Result<()> {
    for entry in entries(folder)? {
        remove_empty(&entry.path())?;
        fs::remove_dir(entry.path())?;
    }
    Ok(())
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
            if !is_hidden(&entry)
                && !staged::is_one(&entry)
                && (!entry.file_type()?.is_dir() || holds_files(&entry.path())?)
            {
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
