//! The pictures in `docs/`: the shell on a dark and on a light terminal, drawn from what is on the screen.

use std::fs;
use std::path::Path;

use crate::support::binary::Sandbox;
use crate::support::picture::{DARK, LIGHT, Palette};
use crate::support::terminal::Terminal;

const ID: &str = "0199c0de-8f21-7cc3-9d02-6a2f5e1b7a11";

/// A session over the demo: tables, a question, a slip, and the next question under way.
fn session(sandbox: &Sandbox) -> Terminal {
    let mut terminal = Terminal::start_in_size(sandbox, &["shell"], (34, 100));
    terminal.expect("analyst@saltlake> ");
    // Ctrl-L: the greeting names a folder, which may be of any length.
    terminal.keys("\u{c}");
    terminal.expect("analyst@saltlake> ");
    terminal.line("\\d dataset_masked.customer");
    terminal.expect("(3 rows");
    terminal.expect("analyst@saltlake> ");
    terminal.line("SELECT gender, count(*) AS customers");
    terminal.line("FROM dataset_masked.customer GROUP BY gender ORDER BY customers DESC;");
    terminal.expect("(4 rows");
    terminal.expect("analyst@saltlake> ");
    terminal.line("SELECT id, maill FROM dataset_masked.customer;");
    terminal.expect("mail`?");
    terminal.expect("analyst@saltlake> ");
    terminal.keys("SELECT id, upper(mail) FROM dataset_masked.customer WHERE mail LIKE '%.org' AND id < 10 -- those");
    terminal.wait_for_screen("-- those");
    terminal
}

#[test]
fn the_pictures_of_the_shell_show_what_it_looks_like() {
    let sandbox = Sandbox::new();
    sandbox.run(["demo", "--dir", ".", "--rows", "200"]).ok();
    let terminal = session(&sandbox);
    for (name, palette) in [("shell-dark.svg", &DARK), ("shell-light.svg", &LIGHT)] {
        same_as_drawn(name, &sandbox, &terminal, palette);
    }
}

fn same_as_drawn(name: &str, sandbox: &Sandbox, terminal: &Terminal, palette: &Palette) {
    let folder = sandbox.folder().display().to_string();
    let drawn = terminal.picture(palette, |text| steady(&text.replace(&folder, "/home/ada/saltlake-demo")));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &drawn).unwrap();
    }
    let shown = fs::read_to_string(&path).unwrap_or_default();
    assert!(shown == drawn, "docs/images/{name} is old: run `UPDATE_GOLDEN=1 cargo test pictures` and look at it");
}

/// Times and ids differ from run to run.
fn steady(text: &str) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    for index in 1..words.len() {
        let unit = words[index].trim_end_matches([',', ')', ';']);
        if ["s", "ms", "µs"].contains(&unit) && words[index - 1].starts_with(|c: char| c.is_ascii_digit()) {
            let rest = words[index][unit.len()..].to_owned();
            words[index] = format!("ms{rest}");
            "12".clone_into(&mut words[index - 1]);
        }
    }
    for word in words.iter_mut().filter(|word| word.trim_end_matches(')').len() == ID.len()) {
        if word.matches('-').count() == 4 {
            *word = word.replace(&word.trim_end_matches(')').to_owned(), ID);
        }
    }
    words.join(" ")
}
