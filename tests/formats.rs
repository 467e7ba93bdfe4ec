//! Every result format through the binary: what it looks like, on a screen and in a pipe, and that no disk or reader that
//! goes away makes it panic.

use std::io::Read;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::support::binary::Sandbox;
use crate::support::lake;

/// A result with everything in it: NULL, numbers, dates, lists, wide characters, marks of other formats.
const GUESTS: &str = "SELECT * FROM (VALUES \
    (1, 'Åsa Lind', DATE '2024-02-29', CAST(12.50 AS DECIMAL(8, 2)), [1, 2]), \
    (20, '日本 <b>&|', NULL, CAST(-3 AS DECIMAL(8, 2)), NULL), \
    (NULL, '', DATE '1999-12-31', NULL, [NULL])) AS t(id, name, born, amount, tags)";

const TEXTS: [&str; 8] = ["table", "vertical", "csv", "tsv", "json", "ndjson", "markdown", "html"];

#[test]
fn every_format_of_text() {
    let sandbox = Sandbox::new();
    let mut all = String::new();
    for format in TEXTS {
        all.push_str(&format!("--- {format}\n{}", sandbox.run(["query", GUESTS, "--format", format]).ok().stdout()));
    }
    let count = "SELECT * FROM (VALUES ('gold', 12), ('silver', 5), (NULL, -2)) AS t(segment, customers)";
    all.push_str(&format!("--- chart\n{}", sandbox.run(["query", count, "--format", "chart"]).ok().stdout()));
    sandbox.snapshots().bind(|| insta::assert_snapshot!("texts", all));
}

#[test]
fn formats_for_programs_go_to_files() {
    let sandbox = Sandbox::new();
    for format in ["parquet", "arrow"] {
        let run = sandbox.run(["query", GUESTS, "--format", format]).expect_code(2);
        assert!(run.stdout.is_empty() && run.stderr().contains("--output"), "{}", run.transcript());
        sandbox.run(["query", GUESTS, "--format", format, "-o", "guests"]).ok();
        let bytes = std::fs::read(sandbox.path("guests")).unwrap();
        let read = if format == "parquet" {
            lake::read_parquet(bytes).unwrap()
        } else {
            let reader = arrow::ipc::reader::FileReader::try_new(std::io::Cursor::new(bytes), None).unwrap();
            let batches: Vec<_> = reader.map(Result::unwrap).collect();
            arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
        };
        assert_eq!((read.num_rows(), read.num_columns()), (3, 5), "{format}");
    }
}

#[test]
fn a_chart_of_anything_else_is_wrong_usage() {
    let run = Sandbox::new().run(["query", GUESTS, "--format", "chart"]).expect_code(2);
    assert!(run.stderr().contains("two columns") && run.stderr().contains("hint: "), "{}", run.transcript());
}

#[test]
fn a_full_disk_is_an_error() {
    let sandbox = Sandbox::new();
    for format in TEXTS.iter().chain(&["chart"]) {
        let sql = "SELECT value, value * 2 FROM generate_series(1, 50000) AS t(value)";
        let run = sandbox.shell(&format!("\"$0\" query '{sql}' --format {format} > /dev/full")).expect_code(1);
        assert!(!run.stderr().contains("panicked") && !run.stderr().contains("a bug"), "{}", run.transcript());
        assert!(run.stderr().contains("cannot write the output"), "{}", run.transcript());
    }
}

#[test]
fn a_reader_that_goes_away_is_none() {
    let sandbox = Sandbox::new();
    for format in TEXTS {
        let sql = "SELECT value, repeat(chr(120), 50) AS text FROM generate_series(1, 100000) AS t(value)";
        let script = format!("{{ \"$0\" query '{sql}' --format {format}; echo \"code $?\" >&2; }} | head -n 1");
        let run = sandbox.shell(&script).ok();
        assert_eq!(run.stderr(), "code 0\n", "{format}\n{}", run.transcript());
        assert_eq!(run.stdout().lines().count(), 1, "{format}");
    }
}

/// What a query prints to a terminal of so many columns.
fn on_screen(sql: &str, columns: u16, variables: &[(&str, &str)]) -> String {
    let sandbox = Sandbox::new();
    let size = PtySize { rows: 24, cols: columns, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_saltlake"));
    command.args(["query", sql]);
    command.env_clear();
    command.env("HOME", sandbox.root().join("home"));
    command.cwd(sandbox.folder());
    for (name, value) in variables {
        command.env(name, value);
    }
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let mut bytes = Vec::new();
    // The end of a terminal is an error on some systems.
    let _ = reader.read_to_end(&mut bytes);
    assert!(child.wait().unwrap().success());
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_screen_has_colours_unless_they_are_not_wanted() {
    let sql = "SELECT 1 AS id, CAST(NULL AS TEXT) AS name, chr(27) || '[31m' AS odd";
    let painted = on_screen(sql, 80, &[]);
    assert!(painted.contains("\u{1b}[2mNULL\u{1b}[0m") && !painted.contains("\u{1b}[31m"), "{painted:?}");
    let plain = on_screen(sql, 80, &[("NO_COLOR", "1")]);
    assert!(plain.contains("│  1 │ NULL │ \\u{1b}[31m │") && !plain.contains('\u{1b}'), "{plain:?}");
}

#[test]
fn a_table_fits_the_screen() {
    let sql = "SELECT repeat('x', 60) AS a, repeat('y', 60) AS b";
    let table = on_screen(sql, 70, &[("NO_COLOR", "1")]);
    assert!(table.contains("x…") && table.lines().all(|line| line.trim_end().chars().count() <= 70), "{table}");
    let vertical = on_screen(sql, 40, &[("NO_COLOR", "1")]);
    assert!(vertical.starts_with("-[ RECORD 1 ]-") && !vertical.contains('…'), "{vertical}");
}
