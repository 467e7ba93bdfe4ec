//! What no committed file may hold: a path of somebody's machine, or a mark that something is left to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a line must not hold, and why. Spelled in two halves, or this file would break its own rule.
fn banned(file: &Path) -> Vec<(String, &'static str)> {
    let mut banned =
        vec![(["/wo", "rk/"].concat(), "a path of one machine"), (["/ro", "ot/"].concat(), "a path of one machine")];
    if file.extension().is_some_and(|extension| extension == "rs") {
        banned.push((["to", "do!("].concat(), "unfinished code"));
        banned.push((["unimple", "mented!("].concat(), "unfinished code"));
        banned.push((["#[ig", "nore"].concat(), "a test that does not run"));
        banned.push((["```ig", "nore"].concat(), "an example that does not run"));
    }
    banned
}

fn breaches(file: &Path, text: &str) -> Vec<String> {
    let banned = banned(file);
    let mut breaches = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (mark, why) in &banned {
            if line.contains(mark.as_str()) {
                breaches.push(format!("{}:{}: `{mark}`: {why}", file.display(), index + 1));
            }
        }
    }
    breaches
}

/// The files of the project: those that git knows or would add, or all outside `target` where there is no git.
fn project_files(root: &Path) -> Vec<PathBuf> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").args(arguments).current_dir(root).output();
    if let Ok(output) = listed
        && output.status.success()
    {
        let names = String::from_utf8(output.stdout).expect("file names are UTF-8");
        return names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    }
    let mut files = Vec::new();
    walk(root, root, &mut files);
    files
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap();
        if path.is_dir() {
            if name != Path::new("target") && name != Path::new(".git") {
                walk(root, &path, files);
            }
        } else {
            files.push(name.to_owned());
        }
    }
}

#[test]
fn no_committed_file_names_a_machine_or_something_left_to_do() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = project_files(root);
    assert!(files.contains(&PathBuf::from("Cargo.toml")), "the project's files were not found");
    let mut found = Vec::new();
    for file in &files {
        // A file that was removed but not yet from git's list holds nothing.
        let Ok(bytes) = fs::read(root.join(file)) else { continue };
        found.extend(breaches(file, &String::from_utf8_lossy(&bytes)));
    }
    assert!(found.is_empty(), "{} of {} files:\n{}", found.len(), files.len(), found.join("\n"));
}

#[test]
fn each_mark_is_seen() {
    let file = Path::new("src/example.rs");
    for (mark, why) in banned(file) {
        assert_eq!(breaches(file, &format!("fine\n  {mark} …")), [format!("src/example.rs:2: `{mark}`: {why}")]);
    }
    assert!(breaches(Path::new("README.md"), &["to", "do!("].concat()).is_empty());
}
