//! The Python environment that `scripts/test-services` makes.

use std::env;
use std::path::PathBuf;

/// The environment's interpreter. A missing one fails the test: nothing is skipped in silence.
pub(crate) fn interpreter() -> PathBuf {
    let folder = folder();
    let python = folder.join("bin/python");
    assert!(
        python.is_file() && folder.join("installed.txt").is_file(),
        "the test services are not installed in {}\nrun: scripts/test-services",
        folder.display()
    );
    python
}

/// Same rule as in `scripts/test-services`.
fn folder() -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = set("TESTS_VENV") {
        return PathBuf::from(folder);
    }
    let cache = match set("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(set("HOME").expect("HOME is not set")).join(".cache"),
    };
    cache.join("saltlake-tests")
}

/// A script of this folder.
pub(crate) fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name)
}
