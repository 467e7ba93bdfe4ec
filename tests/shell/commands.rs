//! The backslash commands.

use super::{masked_shop, open};
use crate::support::shop::Shop;

#[test]
fn what_there_is_can_be_listed_and_described() {
    let shop = masked_shop();
    let mut terminal = open(&shop);
    terminal.line("\\dt");
    let shown = terminal.expect("(4 rows");
    assert!(shown.contains("dataset_masked") && shown.contains("account"), "{shown}");
    terminal.line("\\dt masked.cust");
    assert!(terminal.expect("(1 row").contains("customer"));
    terminal.line("\\d dataset.customer");
    let shown = terminal.expect("(4 rows");
    for text in ["column", "segment", "varchar", "bigint", "nullable"] {
        assert!(shown.contains(text), "no `{text}` in\n{shown}");
    }
    terminal.line("\\l");
    assert!(terminal.expect(" rows").contains("dataset_masked"));
    terminal.line("\\df mask_email");
    assert!(terminal.expect("(1 row").contains("mask_email"));
    terminal.line("\\dv");
    terminal.expect("(0 rows");
    terminal.line("\\d nothing_like_it");
    terminal.expect("error:");
    terminal.line("\\d customer; DROP");
    terminal.expect("error:");
}

#[test]
fn help_names_commands_keys_and_options() {
    let shop = Shop::usual().with("PAGER", "cat");
    let mut terminal = open(&shop);
    terminal.line("\\?");
    let shown = terminal.expect("\\pset editmode");
    for text in ["\\watch [SECONDS]", "\\why TABLE[.COLUMN]", "Ctrl-R", "\\x [on|off|auto]"] {
        assert!(shown.contains(text), "no `{text}` in\n{shown}");
    }
}

#[test]
fn the_display_is_set_and_shown() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    terminal.line("\\x on");
    terminal.expect("expanded is on");
    terminal.line("SELECT 1 AS one;");
    assert!(terminal.expect("(1 row").contains("RECORD 1"));
    terminal.line("\\x");
    terminal.expect("expanded is off");
    terminal.line("\\pset null '~'");
    terminal.expect("null is '~'");
    terminal.line("\\pset format csv");
    terminal.expect("format is csv");
    terminal.line("SELECT 1 AS a, 'x' AS b;");
    assert!(terminal.expect("(1 row").contains("a,b\n1,x\n"));
    terminal.line("\\timing off");
    terminal.expect("timing is off");
    terminal.line("SELECT 1 AS a;");
    assert!(!terminal.expect(")\n").contains(" s,"));
    terminal.line("\\pset");
    assert!(terminal.expect("editmode").contains("csv"));
    terminal.line("\\pset rows 2");
    terminal.expect("rows is 2");
    terminal.line("SELECT id FROM dataset.customer ORDER BY id;");
    terminal.expect("(first 2 rows");
}

#[test]
fn a_file_is_run_with_its_commands() {
    let shop = Shop::usual();
    shop.sandbox.write(
        "first.sql",
        "-- a note; with a semicolon\n\\pset null '(none)'\nSELECT id,\n  segment\nFROM dataset.customer\nORDER BY id;\n\\i second.sql\n",
    );
    shop.sandbox.write("second.sql", "SELECT 'from the second' AS said");
    shop.sandbox.write("endless.sql", "\\i endless.sql\n");
    shop.sandbox.write("wrong.sql", "SELECT 1 AS one;\n\nSELECT oops;\nSELECT 'not reached';\n");
    let mut terminal = open(&shop);
    terminal.line("\\i first.sql");
    let shown = terminal.expect("from the second");
    assert!(shown.contains("(none)") && shown.contains("silver"), "{shown}");
    terminal.line("\\i endless.sql");
    terminal.expect("too deeply");
    terminal.line("\\i wrong.sql");
    let shown = terminal.expect("from line 3");
    assert!(shown.contains("one") && !shown.contains("not reached"), "{shown}");
    terminal.line("\\i missing.sql");
    terminal.expect("the file cannot be read");
}

#[test]
fn the_last_result_is_shown_again_and_drawn() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    terminal.line("\\last");
    terminal.expect("no statement was run yet");
    terminal.line("SELECT id, id * 10 AS ten FROM dataset.customer ORDER BY id;");
    terminal.expect("(4 rows");
    terminal.line("\\last");
    assert!(terminal.expect("(4 rows").contains("30"));
    terminal.line("\\chart");
    let shown = terminal.expect("(4 rows");
    assert!(!shown.contains("error"), "{shown}");
}

#[test]
fn a_statement_is_watched_until_it_is_enough() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    terminal.line("SELECT count(*) AS customers FROM dataset.customer;");
    terminal.expect("(1 row");
    terminal.line("\\watch 0.1");
    for _ in 0..3 {
        terminal.expect("every 0.1 s");
        terminal.expect("customers");
    }
    terminal.keys("\u{3}");
    terminal.expect("saltlake> ");
    terminal.line("SELECT 'still here' AS x;");
    terminal.expect("(1 row");
}
