//! Folders that are built beside the place they are for, or taken away from it, under hidden names.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::folder::HIDDEN;

/// Where the folder of a table is built: beside it, under a name that follows from its own, so that whoever holds the
/// lock of the one knows the other for its own or for a dead statement's.
pub(super) fn place(path: &Path) -> PathBuf {
    beside(path, "new")
}

/// Where the folder of a table goes that is being dropped.
pub(super) fn dropped(path: &Path) -> PathBuf {
    beside(path, "old")
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let digest = Sha256::digest(name.as_encoded_bytes());
    let short: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    path.with_file_name(format!("{HIDDEN}{what}-{short}"))
}

/// Removes what was built for a place. Links in it are not followed.
pub(super) fn discard(path: &Path) {
    let place = place(path);
    if place.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        let _ = fs::remove_dir_all(place);
    }
}

/// Whether an entry of a folder is such a folder: no table, and nobody's rows.
pub(super) fn is_one(entry: &fs::DirEntry) -> bool {
    let ours = |name: &OsStr| name.to_string_lossy().starts_with(HIDDEN);
    ours(&entry.file_name()) && entry.file_type().is_ok_and(|kind| kind.is_dir())
}
