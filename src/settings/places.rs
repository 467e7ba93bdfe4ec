//! Locations: how they are read, and whether one lies within another.

use std::path::{Component, Path, PathBuf};

use crate::model::Location;

/// Reads a location. Unlike [`Location::parse`] it refuses what cannot be a bucket (credentials in front of one, as
/// Hadoop had them) or means a home folder, and resolves `..`, so that two spellings of a folder are equal.
pub(super) fn parse(text: &str, base: &Path) -> Option<Location> {
    if means_home(text) {
        return None;
    }
    match Location::parse(text, base)? {
        Location::Folder(path) => Some(Location::Folder(resolve_parents(&path))),
        Location::S3 { bucket, prefix } => {
            let sound = bucket.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
            sound.then_some(Location::S3 { bucket, prefix })
        }
    }
}

/// Whether a text begins with `~`, which only a shell expands.
pub(super) fn means_home(text: &str) -> bool {
    text == "~" || text.starts_with("~/")
}

/// Makes a path absolute, without `..`.
pub(super) fn absolute(path: impl AsRef<Path>, base: &Path) -> PathBuf {
    let joined = base.join(path);
    resolve_parents(&std::path::absolute(&joined).unwrap_or(joined))
}

/// Resolves `..` as the system would: where it follows a link, from the link's target.
fn resolve_parents(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            if let Ok(real) = resolved.canonicalize() {
                resolved = real;
            }
            resolved.pop();
        } else {
            resolved.push(component);
        }
    }
    resolved
}

/// A folder with the links in its existing part followed.
fn without_links(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path.to_owned()
}

/// Whether a location is another or lies within it.
pub(super) fn is_within(inner: &Location, outer: &Location) -> bool {
    match (inner, outer) {
        (Location::Folder(inner), Location::Folder(outer)) => without_links(inner).starts_with(without_links(outer)),
        (Location::S3 { bucket: a, prefix: inner }, Location::S3 { bucket: b, prefix: outer }) => {
            a == b && inner.starts_with(outer)
        }
        _ => false,
    }
}

/// Whether a path of this machine lies within a location.
pub(super) fn path_is_within(path: &Path, outer: &Location) -> bool {
    is_within(&Location::Folder(path.to_owned()), outer)
}
