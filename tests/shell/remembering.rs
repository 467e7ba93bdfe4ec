//! What was typed before.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{open, open_with};
use crate::support::shop::Shop;

#[test]
fn statements_outlive_the_session_in_a_file_of_the_user_alone() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    terminal.line("SELECT 'yesterday'");
    terminal.line("  AS day;");
    terminal.expect("(1 row");
    terminal.line("\\q");
    terminal.end();
    let folder = shop.sandbox.root().join("home/.local/state/saltlake");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("history"))), (0o700, 0o600));
    let mut terminal = open(&shop);
    // Ctrl-R searches.
    terminal.keys("\u{12}yester");
    terminal.wait_for_screen("  AS day;");
    terminal.keys("\r");
    assert!(terminal.expect("(1 row").contains("yesterday"));
    terminal.line("\\history yester");
    terminal.expect("SELECT 'yesterday'\n         AS day;");
}

#[test]
fn sessions_share_what_is_typed() {
    let shop = Shop::usual();
    let mut one = open(&shop);
    let mut two = open(&shop);
    one.line("SELECT 'from one' AS said;");
    one.expect("(1 row");
    two.line("SELECT 'from two' AS said;");
    two.expect("(1 row");
    two.keys("\u{1b}[A\u{1b}[A");
    two.wait_for_screen("> SELECT 'from one' AS said;");
}

#[test]
fn a_secret_is_never_kept() {
    let shop = Shop::usual();
    let mut terminal = open(&shop);
    terminal.line("SET s3.secret_access_key = 'hunter2-secret';");
    terminal.expect("\nsaltlake> ");
    terminal.line("SELECT 'password: hunter2' AS x;");
    terminal.expect("(1 row");
    terminal.line(" SELECT 'hunter2 behind a space' AS x;");
    terminal.expect("(1 row");
    terminal.line("SELECT 'kept' AS x;");
    terminal.expect("(1 row");
    terminal.keys("\u{1b}[A");
    terminal.wait_for_screen("> SELECT 'kept' AS x;");
    terminal.keys("\u{1b}[A");
    terminal.line("");
    let history = shop.sandbox.root().join("home/.local/state/saltlake/history");
    let kept = fs::read_to_string(history).unwrap();
    assert!(kept.contains("'kept'") && !kept.contains("hunter2"), "{kept}");
}

#[test]
fn nothing_is_kept_if_so_wished() {
    let shop = Shop::usual().settings("[shell]\nhistory = false");
    let mut terminal = open(&shop);
    terminal.line("SELECT 1 AS one;");
    terminal.expect("(1 row");
    terminal.line("\\q");
    terminal.end();
    assert!(!shop.sandbox.root().join("home/.local").exists());
    let shop = Shop::usual();
    let mut terminal = open_with(&shop, &["--no-history"]);
    terminal.line("SELECT 1 AS one;");
    terminal.expect("(1 row");
    terminal.line("\\q");
    terminal.end();
    assert!(!shop.sandbox.root().join("home/.local").exists());
}

#[test]
fn the_users_own_state_folder_is_taken() {
    let shop = Shop::usual();
    let state = shop.sandbox.root().join("home/elsewhere").display().to_string();
    let shop = shop.with("XDG_STATE_HOME", &state);
    let mut terminal = open(&shop);
    terminal.line("SELECT 1 AS one;");
    terminal.expect("(1 row");
    assert!(shop.sandbox.root().join("home/elsewhere/saltlake/history").exists());
    // Without a folder that can be used the shell says so, and works.
    fs::write(shop.sandbox.root().join("home/file"), "").unwrap();
    let shop = shop.with("XDG_STATE_HOME", &format!("{state}/../file"));
    let mut terminal = crate::support::terminal::Terminal::start(&shop.sandbox, &["shell"]);
    terminal.expect("what is typed is not kept");
    terminal.expect("\nsaltlake> ");
    terminal.line("SELECT 1 AS one;");
    terminal.expect("(1 row");
}
