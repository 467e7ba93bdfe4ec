//! Athena's statements from outside: tables, views and external tables of one's own, and what others see of them.

mod attacks;
mod cloud;
mod external;
mod listing;
mod prepared;
mod tables;
mod views;

use crate::support::binary::Run;
use crate::support::shop::Shop;

/// An administrator, an analyst who sees customers without their mails and gold ones only, a second analyst who shares
/// the first one's location and sees no customers, and a reader without locations.
const ROLES: &str = r#"
[query]
workspace = "desk"

[roles.admin]
full_access = true

[roles.analyst]
locations = ["out"]

[roles.analyst.select]
"dataset.customer" = { except = ["mail"], rows = "segment = 'gold'" }

[roles.other]
locations = ["out"]

[roles.other.select]
"dataset.account" = "*"

[roles.reader.select]
"dataset.account" = "*"
"#;

/// The usual shop with these roles.
fn shop() -> Shop {
    Shop::usual().settings(ROLES)
}

/// The usual shop without roles, and a workspace.
fn open_shop() -> Shop {
    Shop::usual().settings("[query]\nworkspace = \"desk\"\n")
}

/// What a role is answered, as CSV.
fn ask(shop: &Shop, role: &str, sql: &str) -> Run {
    shop.run(["query", sql, "--role", role, "--format", "csv"])
}

/// What anyone is answered where there are no roles.
fn ask_open(shop: &Shop, sql: &str) -> Run {
    shop.run(["query", sql, "--format", "csv"])
}

/// The lines of an answer, header first.
#[track_caller]
fn lines(run: Run) -> Vec<String> {
    let run = run.ok();
    assert_eq!(run.stderr(), "", "{}", run.transcript());
    run.stdout().lines().map(str::to_owned).collect()
}

/// What is said when the answer is no: nothing on standard output, and all of these words.
#[track_caller]
fn told(run: Run, code: i32, words: &[&str]) {
    let run = run.expect_code(code);
    assert_eq!(run.stdout(), "", "{}", run.transcript());
    for word in words {
        assert!(run.stderr().contains(word), "no `{word}` in\n{}", run.transcript());
    }
}

/// Runs a script of a role; its output.
#[track_caller]
fn script(shop: &Shop, role: &str, text: &str) -> String {
    shop.sandbox.write("script.sql", text);
    shop.run(["run", "script.sql", "--role", role]).ok().stdout()
}
