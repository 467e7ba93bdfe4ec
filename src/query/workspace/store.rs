//! Definitions as files: read, written whole, removed.

use std::fs;
use std::io::{ErrorKind as Io, Write};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::definition::{BYTES_MAX, Definition};
use crate::engine::Engine;
use crate::engine::store::file_fault;
use crate::error::{Error, Result, Said};
use crate::model::{Location, TableName, folder_name, printable};
use crate::query::fault::coded;
use crate::query::write::place;

/// Where definitions lie in a location.
const FOLDER: &str = "_saltlake/definitions";

const EXTENSION: &str = ".sql";

/// Bytes of a file's name, as file systems have it.
const NAME_BYTES_MAX: usize = 255;

/// Reads the definitions of a location. One that cannot be understood is left out and said to be.
///
/// # Errors
/// Failed if they cannot be listed.
pub(super) async fn read_all(engine: &Engine, location: &Location, database: &str) -> Result<Vec<Definition>> {
    let texts = match location {
        Location::Folder(root) => folder_texts(engine, root)?,
        Location::S3 { .. } => bucket_texts(engine, location).await?,
    };
    let mut definitions = Vec::new();
    for (file, text) in texts {
        let Some(name) = name_of(&file) else { continue };
        let name = TableName::new(database, name);
        match Definition::read(name.clone(), &text, location.clone()) {
            Ok(definition) => definitions.push(definition),
            Err(error) => engine.warn(format!(
                "the definition of `{}` is left out: {}",
                printable(&name.to_string()),
                error.message()
            )),
        }
    }
    Ok(definitions)
}

/// The table that a file defines, if its name is one that a definition is stored under.
fn name_of(file: &str) -> Option<String> {
    let stem = file.strip_suffix(EXTENSION)?;
    let name = percent_decode_str(stem).decode_utf8().ok()?.into_owned();
    (folder_name(&name) == stem).then_some(name)
}

fn file_of(table: &str) -> Result<String> {
    let file = format!("{}{EXTENSION}", folder_name(table));
    if folder_name(table).is_empty() || file.len() > NAME_BYTES_MAX {
        return Err(coded(Error::usage("the name can be no table's"), "42602")
            .with("name", &Said(table))
            .hint("a name has at least one letter, and its file at most 255"));
    }
    Ok(file)
}

fn folder_texts(engine: &Engine, root: &Path) -> Result<Vec<(String, String)>> {
    let folder = root.join(FOLDER);
    let fault = |error: &std::io::Error| file_fault(error, &folder, "cannot read the definitions of views");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries.collect::<std::io::Result<Vec<_>>>().map_err(|error| fault(&error))?,
        Err(error) if matches!(error.kind(), Io::NotFound | Io::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(fault(&error)),
    };
    if led_away(root, &folder) {
        engine.warn("the definitions of a location are left out: a link leads to them".to_owned());
        return Ok(Vec::new());
    }
    let mut texts = Vec::new();
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !is_file || name_of(&name).is_none() || entry.metadata().is_ok_and(|meta| meta.len() > BYTES_MAX as u64) {
            continue;
        }
        // One that was removed meanwhile is not there.
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        texts.push((name, text));
    }
    texts.sort();
    Ok(texts)
}

async fn bucket_texts(engine: &Engine, location: &Location) -> Result<Vec<(String, String)>> {
    let store = engine.store(location).await?;
    let mut texts = Vec::new();
    for meta in store.list(FOLDER).await? {
        let Some(name) = meta.location.filename().map(str::to_owned) else { continue };
        let direct = store.relative(&meta.location) == Some(format!("{FOLDER}/{name}").as_str());
        if !direct || name_of(&name).is_none() || meta.size > BYTES_MAX as u64 {
            continue;
        }
        let Some((bytes, _)) = store.read(&meta.location).await? else { continue };
        let Ok(text) = String::from_utf8(bytes.to_vec()) else { continue };
        texts.push((name, text));
    }
    Ok(texts)
}

/// Whether a link stands between a location and a folder of it. The location itself may be one: it is set by whoever may
/// set everything.
fn led_away(root: &Path, folder: &Path) -> bool {
    let real = root.canonicalize().ok().map(|root| root.join(FOLDER));
    real.as_deref() != folder.canonicalize().ok().as_deref()
}

/// Stores a definition whole, in place of one that is there.
///
/// # Errors
/// Refused if its place is kept apart, or a link leads away from it; failed if it cannot be written.
pub async fn save(engine: &Engine, definition: &Definition) -> Result<()> {
    place::reject_kept_apart(&definition.home, engine)?;
    let file = file_of(definition.name.table())?;
    match &definition.home {
        Location::Folder(root) => save_file(root, &file, &definition.text),
        Location::S3 { .. } => {
            let store = engine.store(&definition.home).await?;
            store.write(&store.path(&format!("{FOLDER}/{file}"))?, definition.text.clone().into_bytes()).await
        }
    }
}

fn save_file(root: &Path, file: &str, text: &str) -> Result<()> {
    let folder = checked_folder(root)?;
    let fault = |error: std::io::Error| file_fault(&error, &folder, "cannot write a definition");
    let hidden: PathBuf = folder.join(format!(".saltlake-{}", Uuid::now_v7().simple()));
    let write = || -> std::io::Result<()> {
        let mut written = fs::File::create_new(&hidden)?;
        written.write_all(text.as_bytes())?;
        written.sync_all()?;
        fs::rename(&hidden, folder.join(file))
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&hidden);
        fault(error)
    })
}

/// The folder of definitions, made if need be.
fn checked_folder(root: &Path) -> Result<PathBuf> {
    let folder = root.join(FOLDER);
    let fault = |error: std::io::Error| file_fault(&error, &folder, "cannot write a definition");
    fs::create_dir_all(&folder).map_err(fault)?;
    if led_away(root, &folder) {
        return Err(coded(Error::refused("a link leads away from the definitions of the workspace"), "42501")
            .with("folder", &folder.display())
            .hint("remove the link: definitions are files of the location itself"));
    }
    Ok(folder)
}

/// Removes a definition. One that is gone already is fine.
///
/// # Errors
/// As [`save`].
pub async fn remove(engine: &Engine, definition: &Definition) -> Result<()> {
    place::reject_kept_apart(&definition.home, engine)?;
    let file = file_of(definition.name.table())?;
    match &definition.home {
        Location::Folder(root) => {
            let folder = checked_folder(root)?;
            match fs::remove_file(folder.join(file)) {
                Err(error) if error.kind() != Io::NotFound => {
                    Err(file_fault(&error, &folder, "cannot remove a definition"))
                }
                _ => Ok(()),
            }
        }
        Location::S3 { .. } => {
            let store = engine.store(&definition.home).await?;
            store.delete(&store.path(&format!("{FOLDER}/{file}"))?).await
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_name_has_one_file_and_no_other_file_is_a_name() {
        for name in ["v", "My View", "_x", "../../etc/passwd", "ü.sql", "a/b", ".", "versions"] {
            let file = file_of(name).unwrap();
            assert!(!file.contains('/') && !file.starts_with(['.', '_']), "{file}");
            assert_eq!(name_of(&file).as_deref(), Some(name));
        }
        for file in ["v", "a b.sql", ".saltlake-1", "%zz.sql", "%41.sql"] {
            assert_eq!(name_of(file), None, "{file}");
        }
        file_of("").unwrap_err();
        file_of(&"ü".repeat(50)).unwrap_err();
    }
}
