//! The house's rule: imports run one way, and some names belong to one room.
//!
//! Modules of one crate may import each other in circles and the compiler stays silent. This test does not.

mod paths;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use paths::Source;

/// Every breach of the rules in a crate's `src` folder, as `file:line: rule`.
fn breaches(root: &Path, folder: &str, check: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    let mut files = Vec::new();
    rust_files(&root.join(folder), &mut files);
    files.sort();
    assert!(!files.is_empty(), "no source in {folder}");
    let sources: Vec<Source> = files
        .iter()
        .map(|file| {
            let name = file.strip_prefix(root).unwrap().to_str().expect("file names are UTF-8");
            Source::read(name, &fs::read_to_string(file).unwrap())
        })
        .collect();
    let tests: Vec<String> = sources.iter().flat_map(|source| source.test_modules.clone()).collect();
    sources.iter().filter(|source| !tests.iter().any(|module| source.is_of_module(module))).flat_map(check).collect()
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn imports_run_one_way() {
    let found = breaches(Path::new(env!("CARGO_MANIFEST_DIR")), "src", rules::check_house);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_masking_functions_know_nothing_of_the_house() {
    let found = breaches(Path::new(env!("CARGO_MANIFEST_DIR")), "udfs/src", rules::check_functions);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_house_with_a_forbidden_import_is_caught_where_it_stands() {
    let house = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = house.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("src/lib.rs", "//! The house.\npub mod plan;\npub mod mask;\n");
    write("src/plan/mod.rs", "//! Plan.\n\nuse crate::mask::MaskedTable;\n\n#[cfg(test)]\nmod checks;\n");
    write("src/plan/checks.rs", "use crate::publish::Publication;\n");
    write("src/mask/mod.rs", "use crate::plan::MaskingPlan;\n");
    assert_eq!(
        breaches(house.path(), "src", rules::check_house),
        ["src/plan/mod.rs:3: `plan` imports `crate::mask::MaskedTable`; it may import: model, error, discover"]
    );
}
