//! Where a contract is held against: the library, put together as the program does it, over a folder or a bucket.

use std::future::Future;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use saltlake::backend::Backend;
use saltlake::engine::part::PartFiles;
use saltlake::engine::store::Store;
use saltlake::engine::target::Target;
use saltlake::engine::{Engine, Runtimes};
use saltlake::error::{Error, ErrorKind, Result};
use saltlake::settings::{Environment, Overrides, Settings};
use tempfile::TempDir;

use crate::support::moto::{ENDPOINT_VARIABLE, REGION, moto};
use crate::support::shelf::Shelf;

/// Tells a process that it is one that `apart` started.
const APART: &str = "TESTS_APART";

/// The masked location's name below the shelf: nothing that S3 or a path would have to change.
pub(super) const MASKED: &str = "ma sked+%41ü/";

/// Runs the body of a test in a process that has AWS credentials. `name` is the test's own, with its modules.
pub(super) fn apart(name: &str, body: impl FnOnce()) {
    if std::env::var_os(APART).is_some() {
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .envs(moto().environment())
        .env_remove("AWS_PROFILE")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env(ENDPOINT_VARIABLE, moto().endpoint())
        .env(APART, "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} failed:\n{out}{err}");
    assert!(out.contains("1 passed"), "no test of the name {name}:\n{out}");
}

/// A folder or a bucket, with the program's parts over it.
pub(super) struct Place {
    pub(super) engine: Engine,
    pub(super) backend: Arc<Backend>,
    pub(super) shelf: Shelf,
    runtimes: Runtimes,
    folder: TempDir,
}

impl Place {
    pub(super) fn folder(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::Folder(folder.path().to_owned());
        Self::over(shelf, folder, settings)
    }

    pub(super) fn bucket(settings: &[&str]) -> Self {
        Self::over(moto().bucket(), tempfile::tempdir().unwrap(), settings)
    }

    fn over(shelf: Shelf, folder: TempDir, settings: &[&str]) -> Self {
        let mut overrides = Overrides::default();
        overrides.set.push(format!("masked.location={}", shelf.location(MASKED)));
        overrides.set.push("masked.grace=1h".to_owned());
        overrides.set.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let environment = Environment::from_pairs([("AWS_ENDPOINT_URL", moto().endpoint()), ("AWS_REGION", REGION)]);
        let settings = Settings::load(&overrides, folder.path(), &environment).unwrap();
        let runtimes = Runtimes::start(2).unwrap();
        let backend = Arc::new(Backend::new(&settings, runtimes.io()));
        let (buckets, secrets) = (Arc::clone(&backend), Arc::clone(&backend));
        let engine = Engine::new(settings, runtimes.io(), buckets, secrets).unwrap();
        Self { engine, backend, shelf, runtimes, folder }
    }

    pub(super) fn is_bucket(&self) -> bool {
        matches!(self.shelf, Shelf::Bucket { .. })
    }

    /// A folder of this machine, for files that are no part of the place.
    pub(super) fn aside(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Does something to its end.
    #[track_caller]
    pub(super) fn run<T>(&self, work: impl Future<Output = Result<T>>) -> T {
        self.runtimes.run(work).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Does something that must fail.
    #[track_caller]
    pub(super) fn fail<T>(&self, kind: ErrorKind, work: impl Future<Output = Result<T>>) -> Error {
        match self.runtimes.run(work) {
            Ok(_) => panic!("it went well"),
            Err(error) => {
                assert_eq!(error.kind(), kind, "{error}");
                error
            }
        }
    }

    pub(super) fn target(&self) -> Target {
        self.run(self.engine.target())
    }

    pub(super) fn store(&self) -> Store {
        self.target().store
    }

    pub(super) fn parts(&self, run: &str) -> PartFiles {
        PartFiles::new(self.target(), run, self.engine.io().clone())
    }

    /// The files below the masked location, without its name.
    pub(super) fn files(&self, prefix: &str) -> Vec<String> {
        let keys = self.shelf.list(&format!("{MASKED}{prefix}"));
        keys.iter().map(|key| key.strip_prefix(MASKED).unwrap().to_owned()).collect()
    }

    /// The uploads that were begun and not ended. A folder has none.
    pub(super) fn unfinished_uploads(&self) -> usize {
        match &self.shelf {
            Shelf::Folder(_) => 0,
            Shelf::Bucket { name, .. } => moto().unfinished_uploads(name).len(),
        }
    }
}

/// Waits for something to become so.
pub(super) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(std::time::Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
