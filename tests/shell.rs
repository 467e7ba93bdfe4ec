//! The SQL shell as a person meets it: keys are typed at a pseudo-terminal, and the screen is read back.

mod answers;
mod commands;
mod editing;
mod interrupts;
mod pictures;
mod remembering;
mod roles;

use crate::support::shop::Shop;
use crate::support::terminal::Terminal;

/// A statement that runs for hours unless it is cancelled.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 1000000000) a, generate_series(1, 1000000000) b;";

/// The shell over a lake, at its first prompt.
#[track_caller]
fn open(shop: &Shop) -> Terminal {
    open_with(shop, &[])
}

#[track_caller]
fn open_with(shop: &Shop, arguments: &[&str]) -> Terminal {
    let arguments = [&["shell"], arguments].concat();
    let mut terminal = Terminal::start(&shop.sandbox, &arguments);
    terminal.expect("\\q to leave");
    terminal.expect("saltlake> ");
    terminal
}

/// The usual lake, with its masked tables.
fn masked_shop() -> Shop {
    let shop = Shop::usual();
    shop.run(["mask"]).ok();
    shop
}
