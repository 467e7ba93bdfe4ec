//! A location with its object store: list, read and write below one folder or prefix.

use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use datafusion::execution::object_store::ObjectStoreUrl;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};

use super::connections::Bucket;
use crate::error::{Error, Result, Said};
use crate::model::Location;

/// A folder or prefix, opened.
#[derive(Clone)]
pub struct Store {
    location: Location,
    bucket: Bucket,
    root: Path,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.location)
    }
}

impl Store {
    /// Opens a location inside its bucket (or the machine's file system).
    pub fn new(location: Location, bucket: Bucket) -> Result<Self> {
        let root = match &location {
            Location::Folder(path) => object_path(path)?,
            Location::S3 { prefix, .. } => Path::parse(prefix.trim_end_matches('/'))
                .map_err(|_| Error::usage("not an S3 key prefix").with("location", &location))?,
        };
        Ok(Self { location, bucket, root })
    }

    /// The location it was opened for.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The underlying store, for readers that take object paths.
    pub fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.bucket.objects
    }

    /// The bucket it stands in.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// The name under which the engine's registry knows the underlying store.
    pub fn url(&self) -> Result<ObjectStoreUrl> {
        let url = match &self.location {
            Location::Folder(_) => return Ok(ObjectStoreUrl::local_filesystem()),
            Location::S3 { bucket, .. } => format!("s3://{bucket}"),
        };
        ObjectStoreUrl::parse(url).map_err(|_| Error::usage("not a bucket name").with("location", &self.location))
    }

    /// The object path of the location itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether two locations lie in the same bucket, or both on this machine.
    pub fn shares_bucket(&self, other: &Self) -> bool {
        match (&self.location, &other.location) {
            (Location::Folder(_), Location::Folder(_)) => true,
            (Location::S3 { bucket, .. }, Location::S3 { bucket: other, .. }) => bucket == other,
            _ => false,
        }
    }

    /// The object path of `relative`, whose parts are separated by `/`.
    pub fn path(&self, relative: &str) -> Result<Path> {
        let joined =
            if self.root.as_ref().is_empty() { relative.to_owned() } else { format!("{}/{relative}", self.root) };
        Path::parse(&joined).map_err(|_| Error::failed("not a usable object name").with("name", &Said(relative)))
    }

    /// The path of an object below the location, or `None` if it is not below it.
    pub fn relative<'a>(&self, path: &'a Path) -> Option<&'a str> {
        let root = self.root.as_ref();
        if root.is_empty() {
            return Some(path.as_ref());
        }
        path.as_ref().strip_prefix(root)?.strip_prefix('/')
    }

    /// The name to show for an object: a file path, or an `s3://` URL.
    pub fn display(&self, path: &Path) -> String {
        match &self.location {
            Location::Folder(_) => format!("/{path}"),
            Location::S3 { bucket, .. } => format!("s3://{bucket}/{path}"),
        }
    }

    /// The file behind an object path, when the store is a folder.
    pub fn file(&self, path: &Path) -> Option<PathBuf> {
        matches!(self.location, Location::Folder(_)).then(|| FilePath::new("/").join(path.as_ref()))
    }

    /// Every object below `relative` (empty for the whole location), in name order.
    pub async fn list(&self, relative: &str) -> Result<Vec<ObjectMeta>> {
        let prefix = if relative.is_empty() { self.root.clone() } else { self.path(relative)? };
        let prefix = (!prefix.as_ref().is_empty()).then_some(prefix);
        if let (Location::Folder(_), Some(prefix)) = (&self.location, &prefix)
            && let Some(folder) = self.file(prefix)
        {
            reject_dangling(&folder)?;
        }
        let listed: Result<Vec<_>, _> = self.objects().list(prefix.as_ref()).try_collect().await;
        let mut objects = listed.map_err(|error| self.fault(&error, prefix.as_ref(), "cannot list a location"))?;
        objects.sort_by(|a, b| a.location.as_ref().cmp(b.location.as_ref()));
        Ok(objects)
    }

    /// Reads a whole object; `None` if it is not there.
    pub async fn read(&self, path: &Path) -> Result<Option<(Bytes, Option<String>)>> {
        match self.objects().get(path).await {
            Ok(found) => {
                let etag = found.meta.e_tag.clone();
                let bytes = found.bytes().await.map_err(|e| self.fault(&e, Some(path), "cannot read an object"))?;
                Ok(Some((bytes, etag)))
            }
            // A bucket that is not there is no empty bucket: "nothing published yet" would be the wrong answer.
            Err(error @ object_store::Error::NotFound { .. }) if s3_reason(&error).is_none() => Ok(None),
            Err(error) => Err(self.fault(&error, Some(path), "cannot read an object")),
        }
    }

    /// Writes a whole object, replacing it.
    pub async fn write(&self, path: &Path, bytes: impl Into<Bytes>) -> Result<()> {
        let written = self.objects().put(path, bytes.into().into()).await;
        written.map(|_| ()).map_err(|error| self.fault(&error, Some(path), "cannot write an object"))
    }

    /// Creates an object that must not exist yet. `None` if it does; else its new etag.
    pub async fn create(&self, path: &Path, bytes: impl Into<Bytes>) -> Result<Option<String>> {
        self.put(path, bytes.into(), PutMode::Create).await
    }

    /// Replaces an object that must still have `etag`. `None` if it has changed; else its new etag.
    pub async fn replace(&self, path: &Path, etag: &str, bytes: impl Into<Bytes>) -> Result<Option<String>> {
        let expected = UpdateVersion { e_tag: Some(etag.to_owned()), version: None };
        self.put(path, bytes.into(), PutMode::Update(expected)).await
    }

    async fn put(&self, path: &Path, bytes: Bytes, mode: PutMode) -> Result<Option<String>> {
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.objects().put_opts(path, bytes.into(), options).await {
            Ok(put) => Ok(Some(put.e_tag.unwrap_or_default())),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(None),
            Err(error) => Err(self.fault(&error, Some(path), "cannot write an object")),
        }
    }

    /// Deletes an object; one that is gone already is fine.
    pub async fn delete(&self, path: &Path) -> Result<()> {
        match self.objects().delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.fault(&error, Some(path), "cannot delete an object")),
        }
    }

    /// Turns a store's error into ours: what the store said in kind, where, and what to do.
    pub fn fault(&self, error: &object_store::Error, path: Option<&Path>, message: &'static str) -> Error {
        let place = path.map_or_else(|| self.location.to_url(), |path| self.display(path));
        store_fault(error, &place, message)
    }
}

const DENIED: (&str, &str) =
    ("access denied", "the credentials in use may not do this here; check the bucket policy, or set `[aws] profile`");

/// An object store's error in our words. The store's own text is not repeated: it may quote a response body.
pub(crate) fn store_fault(error: &object_store::Error, place: &str, message: &'static str) -> Error {
    use object_store::Error as E;
    let said = Error::failed(message).with("location", &Said(place));
    if let Some((reason, hint)) = s3_reason(error) {
        return said.with("reason", &Said(reason)).hint(hint);
    }
    match error {
        E::NotFound { .. } => said.with("reason", &Said("not found")).hint("check the location's spelling"),
        E::PermissionDenied { .. } => said.with("reason", &Said(DENIED.0)).hint(DENIED.1),
        E::Unauthenticated { .. } => said
            .with("reason", &Said("not signed in"))
            .hint("sign in (for example `aws sso login`) or set `[aws] profile`"),
        E::InvalidPath { source } => key_fault(said, source),
        other => {
            let reason = io_reason(other).unwrap_or("the store did not answer as expected");
            said.with("reason", &Said(reason)).hint("see that the store can be reached, then run the command again")
        }
    }
}

/// A key that S3 allows and a path cannot have. Its object cannot be read, so its rows would be lost.
fn key_fault(said: Error, error: &object_store::path::Error) -> Error {
    use object_store::path::Error as E;
    let said = match error {
        E::EmptySegment { path } | E::BadSegment { path, .. } | E::NonUnicode { path, .. } => {
            said.with("object", &Said(path))
        }
        _ => said,
    };
    said.with(
        "reason",
        &Said("an object's key has an empty part (`//`), `.` or `..` as a part, or a control character"),
    )
    .hint("rename the object, or move it out of the location")
}

/// What an error code of S3 means, and what to do about it. Status codes alone do not tell: an expired session is a 400,
/// an unknown access key a 403 like a denied one.
fn s3_reason(error: &object_store::Error) -> Option<(&'static str, &'static str)> {
    const REGION: (&str, &str) =
        ("the bucket is in another region", "set `[aws] region` to the bucket's region, or pass --region");
    let text = chain_text(error);
    let between = |before: &str, after: &str| Some(text.split_once(before)?.1.split_once(after)?.0);
    // As S3 says it, or, for each object of a delete, as the object store repeats it.
    let code = between("<Code>", "</Code>").or_else(|| between("(code: ", ")"));
    Some(match code {
        Some("NoSuchBucket") => {
            ("there is no such bucket", "check the bucket's spelling, `[aws] region` and the account")
        }
        // A denied list comes as no `PermissionDenied`.
        Some("AccessDenied" | "AllAccessDisabled") => DENIED,
        Some("ExpiredToken" | "TokenRefreshRequired") => {
            ("the session has expired", "sign in again (for example `aws sso login`), then run the command again")
        }
        Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken") => (
            "the credentials are not accepted",
            "sign in again, or check AWS_PROFILE, `[aws] profile` or the access key in the environment",
        ),
        Some("RequestTimeTooSkewed") => ("this machine's clock is wrong", "set the clock"),
        Some("PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed") => REGION,
        None if text.contains("incorrectly configured region") => REGION,
        Some("SlowDown" | "ServiceUnavailable") => ("the store is overloaded", "run the command again later"),
        _ => return None,
    })
}

/// The texts of an error and its sources, to look for codes in. Never shown.
fn chain_text(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// The kind of the operating system's error at the bottom of an error chain.
fn io_reason(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io_kind(io.kind()));
        }
        current = error.source();
    }
    None
}

/// An I/O error's kind in fixed words.
pub(crate) fn io_kind(kind: std::io::ErrorKind) -> &'static str {
    use std::io::ErrorKind as K;
    match kind {
        K::NotFound => "not found",
        K::PermissionDenied => "permission denied",
        K::StorageFull => "no space left on the device",
        K::FileTooLarge => "the file would be larger than is allowed",
        K::QuotaExceeded => "quota exceeded",
        K::ReadOnlyFilesystem => "the file system is read-only",
        K::ConnectionRefused => "connection refused",
        K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe => "the connection broke",
        K::TimedOut => "timed out",
        K::IsADirectory => "is a folder",
        K::NotADirectory => "a part of the path is not a folder",
        K::UnexpectedEof => "ends early",
        K::AlreadyExists => "exists already",
        _ => "the operating system reported an error",
    }
}

/// A link that leads nowhere would be left out of a listing in silence, and its rows with it.
fn reject_dangling(folder: &FilePath) -> Result<()> {
    // What cannot be read here, the listing itself reports.
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name();
        // Hidden names belong to no table.
        if name.as_encoded_bytes().first().is_some_and(|first| matches!(first, b'_' | b'.')) {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => reject_dangling(&entry.path())?,
            Ok(kind) if kind.is_symlink() && std::fs::metadata(entry.path()).is_err() => {
                return Err(Error::failed("a link in the lake leads nowhere")
                    .with("link", &entry.path().display())
                    .hint("mend the link or delete it: the rows behind it would be missing"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The object path of an absolute folder. `object_store` wants it without its leading slash.
fn object_path(path: &FilePath) -> Result<Path> {
    let text = path.to_str().ok_or_else(|| {
        Error::usage("a folder's name is not UTF-8").with("folder", &path.display()).hint("rename the folder")
    })?;
    let resolved: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    Path::parse(resolved.join("/")).map_err(|_| {
        Error::usage("not a usable folder name")
            .with("folder", &path.display())
            .hint("name a folder without `..` in its path")
    })
}

/// Turns an I/O error at a file into ours.
pub(crate) fn file_fault(error: &std::io::Error, path: &FilePath, message: &'static str) -> Error {
    let said = Error::failed(message).with("file", &path.display()).with("reason", &Said(io_kind(error.kind())));
    if error.kind() == std::io::ErrorKind::StorageFull {
        return said.hint("free some space, then run the command again; what was published before is untouched");
    }
    if error.kind() == std::io::ErrorKind::FileTooLarge {
        return said.hint("raise the limit on the size of files (`ulimit -f`), then run the command again");
    }
    said
}
