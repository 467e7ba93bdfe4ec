//! `saltlake grant` and `saltlake why`: what an administrator is shown of the roles.

use super::{shop, told};

#[test]
fn grant_shows_the_policies() {
    let shop = shop();
    let run = shop.run(["grant"]).ok();
    shop.sandbox.snapshots().bind(|| insta::assert_snapshot!("grant_table", run.transcript()));
    let one = shop.run(["grant", "--role", "reader"]).ok();
    assert!(one.stdout().contains("reader") && !one.stdout().contains("analyst"), "{}", one.transcript());
}

#[test]
fn grant_prints_json() {
    let shop = shop();
    let run = shop.run(["grant", "--format", "json"]).ok();
    let roles = run.json()["roles"].as_array().unwrap().len();
    assert_eq!(roles, 3);
    shop.sandbox.snapshots().bind(|| insta::assert_snapshot!("grant_json", run.transcript()));
}

#[test]
fn grant_prints_views_and_stores_nothing() {
    let shop = shop();
    let run = shop.run(["grant", "--print"]).ok();
    shop.sandbox.snapshots().bind(|| insta::assert_snapshot!("grant_print", run.transcript()));
    told(shop.run(["grant", "--check"]), 3, &["nothing is stored to compare with"]);
    let conflict = shop.run(["grant", "--print", "--check"]);
    assert_eq!(conflict.code(), Some(2));
}

#[test]
fn grant_needs_roles_and_knows_their_names() {
    told(crate::support::shop::Shop::usual().run(["grant"]), 2, &["no roles are defined", "[roles.analyst]"]);
    told(shop().run(["grant", "--role", "nobody"]), 2, &["there is no such role"]);
}

#[test]
fn check_says_what_changed_since_it_was_stored() {
    let mut shop = shop();
    told(shop.run(["grant", "--check"]), 3, &["nothing is stored", "saltlake grant"]);
    shop.run(["grant"]).ok();
    let same = shop.run(["grant", "--check"]).ok();
    assert!(same.stdout().contains("what was stored at"), "{}", same.transcript());
    shop.change_settings("columns = [\"id\", \"segment\"]", "columns = [\"id\"]");
    shop.change_settings("\"dataset.account\" = \"*\"", "\"dataset.account\" = { columns = [\"id\"] }");
    let run = shop.run(["grant", "--check"]).expect_code(3);
    shop.sandbox.snapshots().bind(|| insta::assert_snapshot!("grant_check", run.transcript()));
    shop.run(["grant", "--check"]).expect_code(3);
    shop.run(["grant"]).ok();
    shop.run(["grant", "--check"]).ok();
}

#[test]
fn check_sees_new_columns_and_tables_of_the_lake() {
    let shop = shop();
    shop.run(["grant"]).ok();
    let shop = shop.table("customer", &crate::support::shop::customers().texts("phone", [None; 4]));
    told(shop.run(["grant", "--check"]), 3, &["phone"]);
}

#[test]
fn why_explains_each_kind_of_answer() {
    let shop = shop();
    let mut text = String::new();
    for (role, place) in [
        ("analyst", "customer"),
        ("analyst", "dataset.customer.segment"),
        ("analyst", "customer.name"),
        ("analyst", "customer.mail"),
        ("analyst", "account"),
        ("analyst", "customer.nosuch"),
        ("reader", "account.iban"),
        ("admin", "customer"),
    ] {
        let run = shop.run(["why", role, place]).ok();
        text.push_str(&format!("$ why {role} {place}\n{}\n", run.transcript()));
    }
    shop.sandbox.snapshots().bind(|| insta::assert_snapshot!("why", text));
    super::hidden().assert_clean("why", text.as_bytes());
}

#[test]
fn why_knows_neither_other_tables_nor_other_roles() {
    let shop = shop();
    told(shop.run(["why", "analyst", "nosuch"]), 2, &["there is no such table", "table: nosuch"]);
    told(shop.run(["why", "nobody", "customer"]), 2, &["there is no such role", "admin, analyst, reader"]);
    let without = crate::support::shop::Shop::usual().run(["why", "nobody", "customer"]);
    told(without, 2, &["there is no such role", "none yet"]);
}
