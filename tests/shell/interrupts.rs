//! Ctrl-C: it cancels a statement, clears a line, and twice leaves.

use super::{ENDLESS, open};
use crate::support::shop::Shop;

#[test]
fn a_cancelled_statement_leaves_the_shell() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    for _ in 0..2 {
        terminal.line(ENDLESS);
        terminal.expect("Ctrl-C cancels");
        terminal.keys("\u{3}");
        terminal.expect("cancelled");
        terminal.expect("\nsaltlake> ");
        terminal.line("SELECT 6 * 7 AS answer;");
        assert!(terminal.expect("(1 row").contains("42"));
        terminal.expect("\nsaltlake> ");
    }
}

#[test]
fn twice_leaves() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    terminal.keys("\u{3}");
    terminal.expect("leaves");
    terminal.expect("\nsaltlake> ");
    terminal.keys("\u{3}");
    assert_eq!(terminal.end(), 0);
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    terminal.line(ENDLESS);
    terminal.expect("Ctrl-C cancels");
    terminal.keys("\u{3}");
    terminal.expect("\nsaltlake> ");
    terminal.keys("\u{3}");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_line_is_cleared_and_counts_for_nothing() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    for _ in 0..3 {
        terminal.keys("SELECT 'half a line");
        terminal.wait_for_screen("half a line");
        terminal.keys("\u{3}");
        terminal.expect("\nsaltlake> ");
    }
    terminal.line("SELECT 6 * 7 AS answer;");
    assert!(terminal.expect("(1 row").contains("42"));
}
