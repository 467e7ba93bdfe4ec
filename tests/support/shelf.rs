//! A place for files: a folder of this machine or a prefix of a bucket. What is written against a shelf runs on both.

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::Runtime;

/// A folder or a bucket. Keys are plain, relative to it, and use `/`.
#[derive(Clone, Debug)]
pub(crate) enum Shelf {
    Folder(PathBuf),
    Bucket { name: String, store: Arc<dyn ObjectStore> },
}

impl Shelf {
    /// What users write for a folder or prefix of it: a path, or `s3://bucket/prefix/`.
    pub(crate) fn location(&self, prefix: &str) -> String {
        match self {
            Self::Folder(root) => format!("{}/", root.join(prefix).display().to_string().trim_end_matches('/')),
            Self::Bucket { name, .. } => format!("s3://{name}/{prefix}"),
        }
    }

    /// Writes a file, replacing what is there.
    pub(crate) fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        match self {
            Self::Folder(root) => {
                let path = root.join(key);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes.into()).unwrap();
            }
            Self::Bucket { store, .. } => {
                let (store, path, payload) = (Arc::clone(store), plain(key), PutPayload::from(bytes.into()));
                wait(async move { store.put(&path, payload).await }).unwrap_or_else(|error| panic!("{key}: {error}"));
            }
        }
    }

    /// A file's bytes, or nothing if there is no such file.
    pub(crate) fn find(&self, key: &str) -> Option<Vec<u8>> {
        match self {
            Self::Folder(root) => match fs::read(root.join(key)) {
                Ok(bytes) => Some(bytes),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => panic!("{key}: {error}"),
            },
            Self::Bucket { store, .. } => {
                let (store, path) = (Arc::clone(store), plain(key));
                match wait(async move { store.get(&path).await?.bytes().await }) {
                    Ok(bytes) => Some(bytes.to_vec()),
                    Err(object_store::Error::NotFound { .. }) => None,
                    Err(error) => panic!("{key}: {error}"),
                }
            }
        }
    }

    /// A file's bytes.
    pub(crate) fn get(&self, key: &str) -> Vec<u8> {
        self.find(key).unwrap_or_else(|| panic!("no file `{key}` in {}", self.location("")))
    }

    /// Every file below a prefix (empty, or ending in `/`), sorted, hidden ones included.
    pub(crate) fn list(&self, prefix: &str) -> Vec<String> {
        let mut keys = match self {
            Self::Folder(root) => {
                let mut keys = Vec::new();
                list_folder(root, prefix, &mut keys);
                keys
            }
            Self::Bucket { store, .. } => {
                let (store, path) = (Arc::clone(store), plain(prefix));
                let listed = wait(async move { store.list(Some(&path)).try_collect::<Vec<_>>().await });
                listed.unwrap().into_iter().map(|meta| meta.location.to_string()).collect()
            }
        };
        keys.sort();
        keys
    }

    /// Removes a file.
    pub(crate) fn delete(&self, key: &str) {
        match self {
            Self::Folder(root) => fs::remove_file(root.join(key)).unwrap(),
            Self::Bucket { store, .. } => {
                let (store, path) = (Arc::clone(store), plain(key));
                wait(async move { store.delete(&path).await }).unwrap();
            }
        }
    }
}

fn list_folder(root: &std::path::Path, prefix: &str, keys: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(root.join(prefix)) else { return };
    for entry in entries {
        // A file may vanish between two looks while a binary under test works in the folder.
        let Ok(entry) = entry else { continue };
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list_folder(root, &format!("{name}/"), keys),
            Ok(_) => keys.push(name),
            Err(_) => {}
        }
    }
}

/// A key as S3 has it, nothing escaped.
fn plain(key: &str) -> Path {
    Path::parse(key).unwrap_or_else(|error| panic!("`{key}` is no object key: {error}"))
}

/// Runs a future to its end, also from inside another runtime.
pub(crate) fn wait<F>(future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("start a runtime"));
    let (sender, receiver) = mpsc::channel();
    RUNTIME.spawn(async move {
        // The receiver is gone only if its test gave up.
        let _ = sender.send(future.await);
    });
    receiver.recv_timeout(Duration::from_mins(2)).expect("an answer within two minutes")
}

#[test]
fn a_folder_holds_what_was_put() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::Folder(folder.path().to_owned());
    holds_what_was_put(&shelf);
    assert!(folder.path().join("a/b c+d%20.csv").is_file());
}

/// The contract of a shelf, on either kind.
pub(crate) fn holds_what_was_put(shelf: &Shelf) {
    assert_eq!(shelf.list(""), [""; 0]);
    shelf.put("a/b c+d%20.csv", *b"one");
    shelf.put("a/_hidden/x", *b"two");
    shelf.put("ab/y", *b"three");
    assert_eq!(shelf.get("a/b c+d%20.csv"), b"one");
    assert_eq!(shelf.list("a/"), ["a/_hidden/x", "a/b c+d%20.csv"]);
    assert_eq!(shelf.list("").len(), 3);
    shelf.put("ab/y", *b"four");
    assert_eq!(shelf.get("ab/y"), b"four");
    shelf.delete("ab/y");
    assert_eq!(shelf.find("ab/y"), None);
    assert!(shelf.location("a/").ends_with("/a/"));
}
