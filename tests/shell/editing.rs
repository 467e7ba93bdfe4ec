//! Typing: completion, several lines, keys of vi, the user's editor, colours.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{masked_shop, open, open_with};
use crate::support::shop::Shop;
use crate::support::terminal::Terminal;

#[test]
fn tab_completes_keywords_tables_and_columns() {
    let shop = masked_shop();
    let mut terminal = open(&shop);
    // `customer` is in both databases: the masked one's needs no database before it.
    terminal.keys("sel\t count(*) fr\t cust\t");
    terminal.wait_for_screen("select count(*) from customer");
    terminal.line(";");
    terminal.expect("(1 row");
    terminal.expect("\nsaltlake> ");
    terminal.keys("SELECT segm\t, count(*) FROM dataset.cus\t c WHERE c.se\t IS NOT NULL gro\t by 1;");
    terminal
        .wait_for_screen("SELECT segment, count(*) FROM dataset.customer c WHERE c.segment IS NOT NULL group by 1;");
    terminal.line("");
    let shown = terminal.expect("(2 rows");
    assert!(shown.contains("silver") && shown.contains("gold"), "{shown}");
    terminal.expect("\nsaltlake> ");
    terminal.keys("SELECT mask_em\t");
    terminal.wait_for_screen("SELECT mask_email(");
    terminal.keys("\u{3}");
    terminal.expect("\nsaltlake> ");
    terminal.keys("\\tim\t");
    terminal.wait_for_screen("\\timing");
}

#[test]
fn several_meanings_are_listed() {
    let shop = masked_shop();
    let mut terminal = open(&shop);
    terminal.keys("SELECT * FROM \t");
    terminal.wait_for_screen("account");
    terminal.wait_for_screen("dataset_masked.");
}

#[test]
fn a_statement_spans_lines_until_its_semicolon() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    terminal.line("SELECT 'a;");
    terminal.line("b' AS text, 40 + 2");
    terminal.line("  AS answer -- not yet;");
    terminal.line(";");
    let shown = terminal.expect("(1 row");
    assert!(shown.contains("42") && shown.contains("answer"), "{shown}");
    // The whole statement is one entry: the arrow key brings all its lines back.
    terminal.keys("\u{1b}[A");
    terminal.wait_for_screen("  AS answer -- not yet;\n;");
    terminal.line("");
    terminal.expect("(1 row");
}

#[test]
fn the_keys_of_vi_are_there_for_who_wants_them() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    terminal.line("\\pset editmode vi");
    terminal.expect("editmode is vi");
    terminal.expect("\nsaltlake> ");
    // Escape, to the begin of the line, delete a word, insert.
    escape(&mut terminal, "wrong 7 * 6;");
    terminal.keys("0dwiSELECT \r");
    let shown = terminal.expect("(1 row");
    assert!(shown.contains("42"), "{shown}");
    let shop = Shop::usual().settings("[shell]\neditmode = \"vi\"");
    let mut terminal = open(&shop);
    escape(&mut terminal, "ELECT 7 * 6;");
    terminal.keys("IS\r");
    terminal.expect("(1 row");
}

/// Types a text and then Escape, and waits for vi's keys to mean commands: the cursor is on the last character then.
fn escape(terminal: &mut Terminal, text: &str) {
    let prompt = "saltlake> ".len();
    terminal.keys(text);
    terminal.wait_for_cursor(prompt + text.len());
    terminal.keys("\u{1b}");
    terminal.wait_for_cursor(prompt + text.len() - 1);
}

#[test]
fn the_users_editor_takes_a_statement_and_gives_it_back() {
    let shop = Shop::usual();
    let seen = shop.sandbox.path("seen");
    let script = format!(
        "#!/bin/sh\nstat -c %a \"$1\" > {0}; cat \"$1\" >> {0}; echo 'SELECT 6 * 7 AS edited;' > \"$1\"\n",
        seen.display()
    );
    shop.sandbox.write("edit", script);
    let editor = shop.sandbox.path("edit");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
    let shop = shop.with("EDITOR", &editor.display().to_string());
    let mut terminal = open(&shop);
    terminal.keys("SELECT 1 AS draft\u{18}\u{5}");
    terminal.wait_for_screen("SELECT 6 * 7 AS edited;");
    terminal.line("");
    assert!(terminal.expect("(1 row").contains("42"));
    assert_eq!(fs::read_to_string(&seen).unwrap(), "600\nSELECT 1 AS draft");
    terminal.expect("\nsaltlake> ");
    terminal.line("\\e");
    terminal.expect("SELECT 6 * 7 AS edited;");
    assert_eq!(fs::read_to_string(&seen).unwrap(), "600\nSELECT 6 * 7 AS edited;");
    terminal.line("");
    terminal.expect("(1 row");
    let left = fs::read_dir(shop.sandbox.root().join("tmp")).unwrap().flatten();
    assert!(left.filter(|entry| entry.path().extension().is_some_and(|end| end == "sql")).count() == 0);
}

#[test]
fn without_colour_nothing_is_coloured() {
    let colours = |shop: &Shop| {
        let mut terminal = open_with(shop, &[]);
        terminal.line("SELECT 'text' AS a, 1 AS b, NULL AS c;");
        terminal.expect("(1 row");
        terminal.line("SELECT oops;");
        terminal.expect("error");
        terminal.expect("\nsaltlake> ");
        let written = String::from_utf8_lossy(&terminal.written()).into_owned();
        let codes = written.split("\u{1b}[").skip(1).filter_map(|code| code.split_once('m').map(|(code, _)| code));
        codes.filter(|code| code.chars().all(|c| c.is_ascii_digit() || c == ';')).count()
    };
    assert!(colours(&Shop::usual()) > 0);
    assert_eq!(colours(&Shop::usual().with("NO_COLOR", "1")), 0);
}
