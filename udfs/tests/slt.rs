//! Runs the files in `slt/`, written as sqllogictest has it: records apart by blank lines, `statement error TEXT`, and
//! `query` with the expected rows after `----`; cells apart by two spaces, `(empty)` for the empty text.

use std::fs;
use std::path::Path;

use saltlake_udfs::catalogue;

use crate::support::{error, rows, session};

#[test]
fn sql_files_give_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    for info in catalogue() {
        let path = folder.join(format!("{}.slt", info.name));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(run_file(&path, &text) >= 5, "{} tests little", path.display());
    }
}

/// Runs a file's records against one session and counts them.
fn run_file(path: &Path, text: &str) -> usize {
    let context = session();
    let mut count = 0;
    for record in text.split("\n\n") {
        let lines: Vec<&str> = record.lines().skip_while(|line| line.is_empty() || line.starts_with('#')).collect();
        let Some((head, body)) = lines.split_first() else {
            continue;
        };
        count += 1;
        let at = format!("{}: {record}", path.display());
        if let Some(expected) = head.strip_prefix("statement error ") {
            let message = error(&context, &body.join("\n"));
            assert!(message.contains(expected), "{at}\ngave: {message}");
        } else if *head == "statement ok" {
            rows(&context, &body.join("\n")).unwrap_or_else(|error| panic!("{at}\ngave: {error}"));
        } else {
            assert_eq!(*head, "query", "{at}");
            let end = body.iter().position(|line| *line == "----").unwrap_or_else(|| panic!("no ---- in {at}"));
            let answer = rows(&context, &body[..end].join("\n")).unwrap_or_else(|error| panic!("{at}\ngave: {error}"));
            let shown: Vec<String> = answer.iter().map(|row| shown(row)).collect();
            assert_eq!(shown, body[end + 1..], "{at}");
        }
    }
    count
}

fn shown(row: &[String]) -> String {
    let cells: Vec<&str> = row.iter().map(|cell| if cell.is_empty() { "(empty)" } else { cell }).collect();
    cells.join("  ")
}
