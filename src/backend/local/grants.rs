//! Grants from files: what `aws lakeformation …` printed, kept in a folder, a list of files or below an S3 prefix.

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use bytes::Bytes;
use object_store::ObjectStoreExt as _;

use crate::engine::Engine;
use crate::engine::store::{Store, file_fault};
use crate::error::{Error, Result, Said};
use crate::model::Location;

/// How much all documents together may hold: what a data lake grants is read whole.
const BYTES_MAX: u64 = 256 << 20;

/// The documents at the locations, by name: each a file or object, or every `*.json` below a folder or prefix. Hidden
/// files are no documents.
///
/// # Errors
/// If one cannot be read, nothing is at a location, or all together are too large.
pub async fn read_documents(engine: &Engine, locations: &[Location]) -> Result<Vec<(String, Bytes)>> {
    let mut documents = Documents { found: BTreeMap::new(), left: BYTES_MAX };
    for location in locations {
        let before = documents.found.len();
        match location {
            Location::Folder(path) if path.is_file() => documents.add_file(path)?,
            Location::Folder(path) if !path.is_dir() => return Err(nothing(location)),
            _ => documents.add_below(&engine.store(location).await?).await?,
        }
        if documents.found.len() == before {
            return Err(nothing(location));
        }
    }
    Ok(documents.found.into_iter().collect())
}

fn nothing(location: &Location) -> Error {
    Error::failed("no grants there")
        .with("location", location)
        .hint("name a file, or a folder or `s3://` prefix with `*.json` files, each location once")
}

/// What was read, and how much more may be.
struct Documents {
    found: BTreeMap<String, Bytes>,
    left: u64,
}

impl Documents {
    fn add_file(&mut self, path: &FilePath) -> Result<()> {
        const MESSAGE: &str = "cannot read a file of grants";
        let size = std::fs::metadata(path).map_err(|error| file_fault(&error, path, MESSAGE))?.len();
        self.reserve(size, &path.to_string_lossy())?;
        let bytes = std::fs::read(path).map_err(|error| file_fault(&error, path, MESSAGE))?;
        self.found.insert(path.to_string_lossy().into_owned(), Bytes::from(bytes));
        Ok(())
    }

    async fn add_below(&mut self, store: &Store) -> Result<()> {
        if let Some(size) = object_size(store).await? {
            return self.add_object(store, store.root(), size).await;
        }
        for meta in store.list("").await? {
            let relative = store.relative(&meta.location).unwrap_or_default();
            if is_document(relative) {
                self.add_object(store, &meta.location, meta.size).await?;
            }
        }
        Ok(())
    }

    async fn add_object(&mut self, store: &Store, path: &object_store::path::Path, size: u64) -> Result<()> {
        let name = store.display(path);
        self.reserve(size, &name)?;
        let (bytes, _) = store.read(path).await?.ok_or_else(|| {
            Error::failed("a file of grants went away while it was read")
                .with("file", &Said(&name))
                .hint("run the command again")
        })?;
        self.found.insert(name, bytes);
        Ok(())
    }

    fn reserve(&mut self, bytes: u64, name: &str) -> Result<()> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            Error::failed("the files of grants are too large")
                .with("file", &Said(name))
                .with("bytes at most", &BYTES_MAX)
                .hint("keep only the output of `aws lakeformation` there")
        })?;
        Ok(())
    }
}

/// The size of the object that a location names as if it were a file. A bucket's root is none.
async fn object_size(store: &Store) -> Result<Option<u64>> {
    if matches!(store.location(), Location::Folder(_)) || store.root().as_ref().is_empty() {
        return Ok(None);
    }
    match store.objects().head(store.root()).await {
        Ok(meta) => Ok(Some(meta.size)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(store.fault(&error, Some(store.root()), "cannot read an object")),
    }
}

fn is_document(relative: &str) -> bool {
    let hidden = relative.split('/').any(|part| part.starts_with('.'));
    let json = FilePath::new(relative).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    json && !hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_files_in_the_open_are_documents() {
        for (name, wanted) in [
            ("permissions.json", true),
            ("2026/11/tags.JSON", true),
            ("a b.json", true),
            ("permissions.jsonl", false),
            ("readme.md", false),
            (".git/config.json", false),
            ("x/.y.json", false),
            ("json", false),
        ] {
            assert_eq!(is_document(name), wanted, "{name}");
        }
    }

    #[test]
    fn too_much_is_refused_before_it_is_read() {
        let mut documents = Documents { found: BTreeMap::new(), left: BYTES_MAX };
        documents.reserve(BYTES_MAX, "a.json").unwrap();
        let error = documents.reserve(1, "b.json").unwrap_err().to_string();
        assert!(error.contains("too large") && error.contains("b.json"), "{error}");
    }
}
