//! Places: where a statement may write.
//!
//! INVARIANT: a text is a place in one way only. What could be read in another way by a store, a file system or a URL
//! library (`..`, `//`, percent-encoding, a scheme) is refused, not resolved.

use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};

use crate::engine::Engine;
use crate::error::{Error, Result, Said};
use crate::model::{Location, folder_name};

/// Bytes of a folder's name, as file systems have it.
const NAME_BYTES_MAX: usize = 255;

/// Finds the place that a text names, inside one of the role's locations.
///
/// # Errors
/// Refused, saying why and which locations the role has.
pub(in crate::query) fn inside(text: &str, locations: &[Location], base: &Path) -> Result<Location> {
    let no = |reason: &'static str| forbidden(text, reason, locations);
    let wanted = read(text, base).map_err(no)?;
    let mut found = None;
    for location in locations {
        if let Some((place, below)) = below(&wanted, location).map_err(no)? {
            if below.iter().any(|part| part.starts_with(['_', '.'])) {
                return Err(no("a name that begins with `_` or `.` is hidden from readers"));
            }
            found = found.or(Some(place));
        }
    }
    found.ok_or_else(|| no("it lies in none of the role's locations"))
}

/// Finds the place that a text names, wherever it is.
///
/// # Errors
/// Usage if the text names none in one way only.
pub(in crate::query) fn anywhere(text: &str, base: &Path) -> Result<Location> {
    let no = |reason: &'static str| {
        Error::usage("the location cannot be read")
            .with("code", &Said("42601"))
            .with("given", &Said(text))
            .with("reason", &Said(reason))
    };
    let place = read(text, base).map_err(no)?;
    real(&place).ok_or_else(|| no("a link on the way to it leads nowhere, or may not be followed"))
}

/// The place of a table in a location of the role.
///
/// # Errors
/// Usage if the name can be no folder's; refused if the role has no locations.
pub(in crate::query) fn of_table(table: &str, location: &Location) -> Result<Location> {
    let folder = folder_name(table);
    if folder.is_empty() || folder.len() > NAME_BYTES_MAX {
        return Err(Error::usage("the name can be no table's")
            .with("code", &Said("42602"))
            .with("name", &Said(table))
            .hint("a name has at least one letter, and its folder at most 255"));
    }
    let place = real(location).map(|location| location.child(&folder));
    // A link that stands where the table goes would lead its rows elsewhere.
    place.filter(|place| real(place).as_ref() == Some(place)).ok_or_else(|| {
        forbidden(&location.child(&folder).to_url(), "a link stands on the way to it", std::slice::from_ref(location))
    })
}

/// The answer is no.
pub(in crate::query) fn forbidden(given: &str, reason: &'static str, locations: &[Location]) -> Error {
    let said = Error::refused("a role may write inside its own locations only")
        .with("code", &Said("42501"))
        .with("given", &Said(given))
        .with("reason", &Said(reason));
    if locations.is_empty() {
        return said.hint(
            "there are no locations; the settings name them: `locations` of the role, or `[query] workspace` without one",
        );
    }
    let own: Vec<_> = locations.iter().map(|location| format!("`{location}`")).collect();
    said.hint(format!("write below {}", own.join(" or ")))
}

/// Reads a place, strictly.
fn read(text: &str, base: &Path) -> Result<Location, &'static str> {
    if text.chars().any(|c| c.is_control() || c == '\\') {
        return Err("it holds a backslash or a control character");
    }
    if text.contains('%') {
        return Err("it holds a percent sign, which some readers decode and some do not");
    }
    if let Some(rest) = text.strip_prefix("s3://") {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() || !bucket.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')) {
            return Err("it names no bucket");
        }
        let key = key.strip_suffix('/').unwrap_or(key);
        let mut prefix = if key.is_empty() { String::new() } else { parts(key)?.join("/") };
        if !prefix.is_empty() {
            prefix.push('/');
        }
        return Ok(Location::S3 { bucket: bucket.to_owned(), prefix });
    }
    if text.contains(':') {
        return Err("it is neither a folder nor an `s3://` location");
    }
    let path = text.strip_prefix("./").unwrap_or(text);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.starts_with('~') {
        return Err("`~` is no folder here");
    }
    parts(path.strip_prefix('/').unwrap_or(path))?;
    Ok(Location::Folder(base.join(path)))
}

fn parts(path: &str) -> Result<Vec<&str>, &'static str> {
    let parts: Vec<_> = path.split('/').collect();
    if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Err("it has an empty part (`//`), or `.` or `..` as one");
    }
    Ok(parts)
}

/// Where a place really is in a location, and its parts below it; `None` if it is not in it.
fn below(wanted: &Location, location: &Location) -> Result<Option<(Location, Vec<String>)>, &'static str> {
    match (wanted, location) {
        (Location::S3 { bucket, prefix }, Location::S3 { bucket: own, prefix: outer }) if bucket == own => {
            let rest = prefix.strip_prefix(outer.as_str());
            Ok(rest.map(|rest| (wanted.clone(), rest.split_terminator('/').map(str::to_owned).collect())))
        }
        (Location::Folder(folder), Location::Folder(outer)) => {
            let Some(real_folder) = real_path(folder) else {
                return Err("a link on the way to it leads nowhere, or may not be followed");
            };
            let Some(real_outer) = real_path(outer) else { return Ok(None) };
            match real_folder.strip_prefix(&real_outer) {
                Ok(rest) => {
                    let parts = rest.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
                    Ok(Some((Location::Folder(real_folder.clone()), parts.collect())))
                }
                Err(_) if folder.starts_with(outer) => Err("a link on the way leads out of the role's location"),
                Err(_) => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// A location with the links in its existing part followed; `None` if one leads nowhere.
pub(in crate::query) fn real(location: &Location) -> Option<Location> {
    match location {
        Location::Folder(folder) => real_path(folder).map(Location::Folder),
        Location::S3 { .. } => Some(location.clone()),
    }
}

fn real_path(path: &Path) -> Option<PathBuf> {
    for ancestor in path.ancestors() {
        match ancestor.canonicalize() {
            Ok(real) => {
                let rest = path.strip_prefix(ancestor).ok()?;
                return Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) });
            }
            // What is there and cannot be followed is no way; what is not there will be made.
            Err(error) if error.kind() != Io::NotFound || ancestor.symlink_metadata().is_ok() => return None,
            Err(_) => {}
        }
    }
    None
}

/// Refuses a place that lies in what only saltlake and its owner may write, or around it, whatever the role's locations
/// say.
///
/// # Errors
/// Refused, naming what it meets.
pub(in crate::query) fn reject_kept_apart(place: &Location, engine: &Engine) -> Result<()> {
    let settings = engine.settings();
    let folder = |path: &Path| Location::Folder(path.to_owned());
    let raw = settings.lake.location.iter().chain(&settings.lake.known_as);
    let tables = settings.lake.tables.values();
    let tables = tables.flat_map(|table| std::iter::once(&table.location).chain(&table.known_as));
    let mut apart: Vec<(&'static str, Location)> = raw.chain(tables).map(|raw| ("raw tables", raw.clone())).collect();
    apart.extend(settings.masked.location.iter().map(|masked| ("masked tables", masked.clone())));
    apart.extend(settings.engine.spill_folder.iter().map(|spill| ("the spill folder", folder(spill))));
    apart.extend(engine.spill().iter().map(|spill| ("the spill folder", folder(spill.path()))));
    apart.push(("the audit log", folder(&settings.audit.folder)));
    apart.extend(settings.query.results.iter().map(|results| ("kept results", results.clone())));
    let Some((what, _)) = apart.iter().find(|(_, other)| meets(place, other)) else { return Ok(()) };
    Err(Error::refused("a role would write where only saltlake and its owner may")
        .with("code", &Said("42501"))
        .with("location", place)
        .with("meets", &Said(what))
        .hint("an administrator sets `locations` of the role to a place that neither lies in the other nor holds it"))
}

/// Whether one of two places lies in the other.
fn meets(one: &Location, other: &Location) -> bool {
    match (one, other) {
        (Location::Folder(one), Location::Folder(other)) => {
            let real = |path: &Path| real_path(path).unwrap_or_else(|| path.to_owned());
            let (real_one, real_other) = (real(one), real(other));
            real_one.starts_with(&real_other) || real_other.starts_with(&real_one)
        }
        (Location::S3 { bucket, prefix }, Location::S3 { bucket: other, prefix: place }) => {
            bucket == other && (prefix.starts_with(place.as_str()) || place.starts_with(prefix.as_str()))
        }
        _ => false,
    }
}
