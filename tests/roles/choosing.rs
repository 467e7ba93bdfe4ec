//! Which role a statement acts in.

use super::{ask, lines, shop, told};
use crate::support::shop::Shop;

const COUNT: &str = "SELECT count(*) AS n FROM dataset.customer";

#[test]
fn without_roles_everything_is_as_before() {
    let shop = Shop::usual();
    assert_eq!(shop.query(COUNT), ["n", "4"]);
    assert!(!shop.sandbox.path("audit").exists(), "nobody has a role, and nothing is logged");
}

#[test]
fn where_no_roles_are_defined_a_role_is_an_error() {
    let shop = Shop::usual();
    told(ask(&shop, "analyst", COUNT), 2, &["no roles are defined", "[roles.analyst]"]);
    shop.sandbox.write("script.sql", COUNT);
    told(shop.run(["run", "script.sql", "--role", "analyst"]), 2, &["no roles are defined"]);
}

#[test]
fn where_roles_are_defined_one_has_to_be_chosen() {
    let shop = shop();
    shop.sandbox.write("script.sql", COUNT);
    for run in [shop.run(["query", COUNT]), shop.run(["run", "script.sql"])] {
        told(run, 2, &["no role was chosen", "roles are: admin, analyst, reader", "default_role"]);
    }
}

#[test]
fn an_unknown_role_is_an_error_that_names_the_roles() {
    let shop = shop();
    shop.sandbox.write("script.sql", COUNT);
    for run in [ask(&shop, "analist", COUNT), shop.run(["run", "script.sql", "--role", "analist"])] {
        told(run, 2, &["there is no such role", "role: analist", "roles are: admin, analyst, reader"]);
    }
    // Names are as they are written.
    told(ask(&shop, "Admin", COUNT), 2, &["there is no such role"]);
    told(ask(&shop, "", COUNT), 2, &[]);
}

#[test]
fn the_default_role_acts_where_none_is_named() {
    let shop = shop().settings("[grants]\ndefault_role = \"analyst\"");
    let columns = "SELECT * FROM dataset.customer WHERE id = 1";
    assert_eq!(shop.query(columns), ["id,name,segment", "1,A,gold"]);
    assert_eq!(lines(&shop, "admin", columns)[0], "id,name,mail,segment");
    let table = shop.script(columns).ok().stdout();
    assert!(table.contains("| 1  | A    | gold    |"), "{table}");
}

#[test]
fn a_default_role_that_is_not_defined_is_an_error_at_once() {
    let shop = shop().settings("[grants]\ndefault_role = \"analist\"");
    told(shop.run(["query", COUNT]), 2, &["default role is not defined", "analist"]);
    told(ask(&shop, "admin", COUNT), 2, &["default role is not defined"]);
}

#[test]
fn a_role_with_full_access_reads_everything_as_it_is() {
    let shop = shop();
    assert_eq!(
        lines(&shop, "admin", "SELECT mail FROM dataset.customer WHERE id = 1"),
        ["mail", "ada.lovelace@example.org"]
    );
    shop.sandbox.write("script.sql", "SELECT iban FROM dataset.account ORDER BY id");
    let table = shop.run(["run", "script.sql", "--role", "admin"]).ok().stdout();
    assert!(table.contains("DE89370400440532013000"), "{table}");
}

#[test]
fn a_role_with_full_access_cannot_be_bounded_as_well() {
    for lines in ["[roles.boss.select]\n\"dataset.*\" = \"*\"", "[roles.boss.mask.customer]\nname = \"'x'\""] {
        let shop = Shop::usual().settings(&format!("[roles.boss]\nfull_access = true\n\n{lines}"));
        told(ask(&shop, "boss", COUNT), 2, &["boss", "full_access"]);
    }
}

#[test]
fn query_and_run_answer_a_role_alike() {
    let shop = shop();
    let sql = "SELECT * FROM dataset.customer ORDER BY id";
    shop.sandbox.write("script.sql", sql);
    let run = shop.run(["run", "script.sql", "--role", "analyst"]).ok();
    let query = shop.run(["query", sql, "--role", "analyst"]).ok();
    assert_eq!(run.stdout(), query.stdout());
    let input = shop.sandbox.run_with_input(["query", "-", "--role", "analyst"], sql).ok();
    assert_eq!(input.stdout(), query.stdout());
}

#[test]
fn a_script_of_a_role_stops_at_the_first_statement_that_fails() {
    let shop = shop();
    shop.sandbox
        .write("script.sql", "SELECT 'before' AS word;\nSELECT mail FROM dataset.customer;\nSELECT 'after' AS word;");
    let run = shop.run(["run", "script.sql", "--role", "analyst"]).expect_code(2);
    assert!(run.stdout().contains("before") && !run.stdout().contains("after"), "{}", run.transcript());
    assert!(run.stderr().contains("line: 2") && run.stderr().contains("script.sql"), "{}", run.transcript());
}
