//! Where operators spill: a folder of this process alone, gone with it.
//!
//! What spills are raw cells. INVARIANT: they outlive the process only if it is killed, and then no longer than until
//! the next one starts.

use std::fs::{DirBuilder, File};
use std::io::ErrorKind as Io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::store::file_fault;
use crate::error::Result;

const PREFIX: &str = "saltlake-spill-";
const LOCK: &str = "lock";

/// The folder, until dropped.
#[derive(Debug)]
pub struct SpillFolder {
    path: PathBuf,
    // Held for its lock, by which other processes know that this one lives.
    _lock: File,
}

impl SpillFolder {
    /// Makes one below `base`, readable by this user alone, and removes those of processes that were killed.
    pub(super) fn create(base: &Path) -> Result<Self> {
        let fault = |error: std::io::Error| file_fault(&error, base, "cannot make a folder to spill to");
        std::fs::create_dir_all(base).map_err(fault)?;
        sweep(base);
        let name = uuid::Uuid::new_v4().simple().to_string();
        // It gets its name when its lock is held: no other process takes it for one that was left.
        let (fresh, path) = (base.join(format!(".{PREFIX}{name}")), base.join(format!("{PREFIX}{name}")));
        DirBuilder::new().mode(0o700).create(&fresh).map_err(fault)?;
        let lock = File::create_new(fresh.join(LOCK)).map_err(fault)?;
        lock.lock().map_err(fault)?;
        std::fs::rename(&fresh, &path).map_err(fault)?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SpillFolder {
    fn drop(&mut self) {
        // A worker that has not stopped yet may write into it once more.
        for _ in 0..10 {
            match std::fs::remove_dir_all(&self.path) {
                Err(error) if error.kind() != Io::NotFound => {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                _ => return,
            }
        }
        tracing::error!(folder = %self.path.display(), "a folder with spilled cells could not be removed");
    }
}

/// Removes the folders of processes that are no more. What cannot be removed is another user's.
fn sweep(base: &Path) {
    let Ok(entries) = std::fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if ours
            && let Ok(lock) = File::open(entry.path().join(LOCK))
            && lock.try_lock().is_ok()
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_folder_goes_with_its_process_and_what_a_killed_one_left_goes_with_the_next() {
        let base = tempfile::tempdir().unwrap();
        let first = SpillFolder::create(base.path()).unwrap();
        let left = base.path().join(format!("{PREFIX}left"));
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join(LOCK), "").unwrap();
        std::fs::write(left.join("cells"), "raw").unwrap();
        let second = SpillFolder::create(base.path()).unwrap();
        assert!(!left.exists(), "a folder without a process");
        assert!(first.path().exists(), "a folder whose process lives");
        drop((first, second));
        assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
    }
}
