//! The reference pages in `docs/` say what the program says. `UPDATE_GOLDEN=1 cargo test docs` writes them anew.

use std::fs;
use std::path::Path;

use crate::support::binary::Sandbox;

#[track_caller]
fn same_as_written(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, made).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == made,
        "docs/{name} is not up to date: run `UPDATE_GOLDEN=1 cargo test docs` and look at the change"
    );
}

#[test]
fn the_page_of_functions_is_what_the_program_prints() {
    let printed = Sandbox::new().run(["functions"]).ok().stdout();
    let page = format!(
        "<!-- Made from udfs/src: UPDATE_GOLDEN=1 cargo test docs -->\n# Masking functions\n\n\
         What `saltlake functions` prints. The examples are computed with the keys `default` (`MySecret`) and \
         `join-2026` (`AnotherSecret`).\n\n{}\n",
        printed.trim_end()
    );
    same_as_written("functions.md", &page);
}

#[test]
fn the_page_of_commands_is_what_help_prints() {
    let page = saltlake::cli::help_pages();
    same_as_written("commands.md", &page);
    for line in page.lines().filter_map(|line| line.strip_prefix("## saltlake ")) {
        let help = Sandbox::new().run([line, "--help"]).ok().stdout();
        assert!(help.contains(&format!("Usage: saltlake {line}")), "{help}");
    }
}

#[test]
fn every_example_of_the_page_gives_the_result_beside_it() {
    let sandbox = Sandbox::new().with("DEFAULT_KEY", "MySecret").with("JOIN_KEY", "AnotherSecret");
    sandbox.write(
        "saltlake.toml",
        "[keys.default]\nsecret = \"env:DEFAULT_KEY\"\nencoding = \"utf8\"\n\
         [keys.join-2026]\nsecret = \"env:JOIN_KEY\"\nencoding = \"utf8\"\n",
    );
    let page = sandbox.run(["functions"]).ok().stdout();
    let lines: Vec<&str> = page.lines().collect();
    let examples: Vec<(&str, &str)> = lines
        .windows(2)
        .filter_map(|pair| Some((pair[0].strip_prefix("> ")?.trim_end_matches(';'), pair[1])))
        .collect();
    assert!(examples.len() >= 12, "{page}");
    // One process for all of them: each example is a statement that yields one cell.
    let script: String = examples.iter().map(|(sql, _)| format!("{sql};\n")).collect();
    sandbox.write("examples.sql", script);
    let run = sandbox.run(["--masked", "masked", "run", "examples.sql"]).ok().stdout();
    let cells: Vec<String> = run
        .split("+\n")
        .filter_map(|part| part.lines().next()?.strip_prefix("| "))
        .map(|cell| cell.trim_end_matches('|').trim_end().to_owned())
        .collect();
    let results: Vec<&String> = cells.iter().skip(1).step_by(2).collect();
    assert_eq!(results.len(), examples.len(), "{run}");
    for ((sql, expected), cell) in examples.iter().zip(results) {
        assert_eq!(cell, expected, "{sql}");
    }
}

#[test]
fn the_page_of_the_shell_ends_with_its_commands_keys_and_options() {
    const MARK: &str = "<!-- Made from src/cli/shell: UPDATE_GOLDEN=1 cargo test docs -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/shell.md");
    let page = fs::read_to_string(path).unwrap();
    let (text, _) = page.split_once(MARK).expect("the page says where its tables begin");
    same_as_written("shell.md", &format!("{text}{MARK}\n{}", saltlake::cli::shell_reference()));
}
