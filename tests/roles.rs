//! Roles from outside: who may act in one, what it sees, writes and hears, and what is recorded of it.

mod audit;
mod choosing;
mod documents;
mod keys;
mod limits;
mod policies;
mod quiet;
mod sees;
mod writes;

use crate::support::binary::Run;
use crate::support::canary::Canary;
use crate::support::shop::Shop;

/// An administrator, an analyst who sees customers in part, and a reader of accounts. Segments of customers are seen by
/// the analyst in every row, names only in gold ones and by their first letter, mails never.
const ROLES: &str = r#"
[roles.admin]
full_access = true

[roles.analyst]
locations = ["out"]

[roles.analyst.select]
"dataset.customer" = [{ except = ["mail"], rows = "segment = 'gold'" }, { columns = ["id", "segment"] }]

[roles.analyst.mask."dataset.customer"]
name = "substr(name, 1, 1)"

[roles.reader.select]
"dataset.account" = "*"
"#;

/// The usual shop with these roles.
fn shop() -> Shop {
    Shop::usual().settings(ROLES)
}

/// What a role is answered, as CSV.
fn ask(shop: &Shop, role: &str, sql: &str) -> Run {
    shop.run(["query", sql, "--role", role, "--format", "csv"])
}

/// The lines that a role is answered, header first.
#[track_caller]
fn lines(shop: &Shop, role: &str, sql: &str) -> Vec<String> {
    let run = ask(shop, role, sql).ok();
    assert_eq!(run.stderr(), "", "{sql}");
    run.stdout().lines().map(str::to_owned).collect()
}

/// What a role is told when the answer is no: nothing on standard output, and all of these words.
#[track_caller]
fn told(run: Run, code: i32, words: &[&str]) -> String {
    let run = run.expect_code(code);
    assert_eq!(run.stdout(), "", "{}", run.transcript());
    for word in words {
        assert!(run.stderr().contains(word), "no `{word}` in\n{}", run.transcript());
    }
    run.stderr()
}

/// The cells that the analyst must never meet.
fn hidden() -> Canary {
    let mails = ["ada.lovelace@example.org", "asa.lind@example.com", "nobody@example.net"];
    let ibans = ["DE89370400440532013000", "SE4550000000058398257466", "GB82WEST12345698765432"];
    Canary::new()
        .cells("customer.mail", mails)
        .cells("customer.name", ["Ada Lovelace", "Åsa Lind"])
        .cells("account.iban", ibans)
}
