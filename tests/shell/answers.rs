//! What is shown: tables, errors, files, the pager, and scripts on standard input.

use std::fs;

use super::{ENDLESS, open};
use crate::support::lake;
use crate::support::shop::Shop;
use crate::support::terminal::Terminal;

#[test]
fn an_answer_has_a_table_and_a_footer() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    terminal.line("SELECT id, name FROM dataset.customer ORDER BY id;");
    let shown = terminal.expect(" read)");
    for text in ["│", "Ada Lovelace", "Åsa Lind", "NULL", "(4 rows, 0."] {
        assert!(shown.contains(text), "no `{text}` in\n{shown}");
    }
}

#[test]
fn an_error_leaves_the_shell_as_it_was() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    terminal.line("SELECT nothing FROM dataset.customer;");
    terminal.expect("error:");
    terminal.expect("\nsaltlake> ");
    terminal.line("SELEC 1;");
    terminal.expect("error:");
    terminal.line("\\nothing");
    terminal.expect("there is no such command");
    terminal.line("SELECT 41 + 1 AS fine; SELECT oops; SELECT 'not reached' AS x;");
    let shown = terminal.expect("error:");
    assert!(shown.contains("42"), "{shown}");
    terminal.expect("\nsaltlake> ");
    terminal.line("SELECT 6 * 7;");
    let shown = terminal.expect("(1 row");
    assert!(shown.contains("42") && !shown.contains("│ not reached"), "{shown}");
    terminal.keys("\u{4}");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn the_ways_to_leave_all_leave() {
    for way in ["\\q\r", "exit\r", "QUIT;\r", "\u{4}"] {
        let shop = Shop::usual();
        let mut terminal = open(&shop);
        terminal.keys(way);
        assert_eq!(terminal.end(), 0, "{way:?}");
    }
}

#[test]
fn a_result_that_does_not_fit_goes_through_the_pager() {
    let shop = Shop::usual().with("PAGER", "sed 's/^/paged: /'");
    let mut terminal = open(&shop);
    terminal.line("SELECT id FROM dataset.customer;");
    assert!(!terminal.expect("(4 rows").contains("paged: "));
    terminal.line("SELECT value FROM generate_series(1, 500);");
    let shown = terminal.expect("(500 rows");
    assert!(shown.contains("paged: ") && shown.contains("499"), "{shown}");
    terminal.line("\\pset pager off");
    terminal.expect("pager is off");
    terminal.line("SELECT value FROM generate_series(1, 500);");
    assert!(!terminal.expect("(500 rows").contains("paged: "));
    // Who leaves the pager early has seen enough: that is no error.
    let shop = Shop::usual().with("PAGER", "head -n 2");
    let mut terminal = open(&shop);
    terminal.line("SELECT value FROM generate_series(1, 100000);");
    assert!(!terminal.expect("rows").contains("error"));
    let shop = Shop::usual().with("PAGER", "no-such-pager");
    let mut terminal = open(&shop);
    terminal.line("SELECT value FROM generate_series(1, 500);");
    terminal.expect("the pager cannot be run");
}

#[test]
fn a_wide_row_is_shown_line_by_line() {
    let shop = Shop::usual();
    let mut terminal = Terminal::start_in_size(&shop.sandbox, &["shell"], (40, 40));
    terminal.expect("\nsaltlake> ");
    let columns: Vec<String> = (0..12).map(|n| format!("{n} AS column_{n}")).collect();
    terminal.line(&format!("SELECT {};", columns.join(", ")));
    assert!(terminal.expect("(1 row").contains("RECORD 1"));
    terminal.line("\\x off");
    terminal.expect("expanded is off");
    terminal.line("\\last");
    assert!(!terminal.expect("(1 row").contains("RECORD"));
}

#[test]
fn a_result_goes_to_a_file_in_the_format_of_its_name() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    let query = "SELECT id, segment FROM dataset.customer ORDER BY id;";
    terminal.line("\\o result.parquet");
    terminal.expect("the next result goes to result.parquet");
    terminal.line(query);
    terminal.expect("4 rows written to result.parquet");
    let rows = lake::rows(&lake::read_parquet(fs::read(shop.sandbox.path("result.parquet")).unwrap()).unwrap());
    assert_eq!(rows.len(), 4);
    terminal.line("\\o result csv");
    terminal.expect("goes to result");
    terminal.line(query);
    terminal.expect("4 rows written to result");
    assert_eq!(fs::read_to_string(shop.sandbox.path("result")).unwrap(), "id,segment\n1,gold\n2,silver\n3,gold\n4,\n");
    terminal.line("\\o nothing");
    terminal.expect("does not tell its format");
    terminal.line(query);
    assert!(terminal.expect("(4 rows").contains("silver"), "the next result is on the screen again");
}

#[test]
fn a_script_on_standard_input_runs_as_run_does() {
    let shop = Shop::usual();
    let script = "SELECT 1 AS one;\nSELECT count(*) AS n FROM dataset.customer;\n";
    let shell = shop.sandbox.run_with_input(["shell"], script).ok();
    assert_eq!(shell.stdout(), shop.sandbox.run_with_input(["run", "-"], script).ok().stdout());
    let run = shop.sandbox.run_with_input(["shell"], "SELECT 1;\nSELECT oops;\nSELECT 2;\n");
    assert_ne!(run.code(), Some(0), "{}", run.transcript());
    assert!(run.stderr().contains('2') && !run.stdout().contains("| 2 "), "{}", run.transcript());
}

#[test]
fn a_slow_statement_says_how_far_it_is() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    terminal.line(ENDLESS);
    terminal.expect("Ctrl-C cancels");
    terminal.keys("\u{3}");
    terminal.expect("cancelled");
}
