//! Keys are for the roles that have them, and nobody sees one.

use super::{ask, lines, told};
use crate::support::canary::Canary;
use crate::support::shop::{KEY, KEY_BASE64, Shop};

const OTHER: &[u8] = b"Another-key-of-sixteen-bytes";
const OTHER_BASE64: &str = "QW5vdGhlci1rZXktb2Ytc2l4dGVlbi1ieXRlcw==";

/// One role with the key `default`, one with both, one with none but a mask that needs one.
const ROLES: &str = r#"
[keys.other]
secret = "file:other.key"

[roles.one]
keys = ["default"]
locations = ["out"]
[roles.one.select]
"dataset.customer" = "*"

[roles.both]
keys = ["default", "other"]
[roles.both.select]
"dataset.customer" = "*"

[roles.none]
[roles.none.select]
"dataset.customer" = "*"
[roles.none.mask.customer]
name = "salt_hash(name)"
"#;

fn shop() -> Shop {
    let shop = Shop::usual().settings(ROLES);
    shop.sandbox.write("other.key", OTHER_BASE64);
    shop
}

const HASH: &str = "SELECT salt_hash('Ada Lovelace') AS h";
const OTHER_HASH: &str = "SELECT salt_hash('Ada Lovelace', 'other') AS h";

#[test]
fn a_role_computes_with_its_own_keys_only() {
    let shop = shop();
    let (first, second) = (lines(&shop, "both", HASH), lines(&shop, "both", OTHER_HASH));
    assert_ne!(first, second);
    assert_eq!(lines(&shop, "one", HASH), first);
    told(ask(&shop, "one", OTHER_HASH), 3, &["may not compute with this key", "key: other", "42501"]);
    told(ask(&shop, "none", HASH), 2, &["salt_hash", "42000"]);
    told(ask(&shop, "none", OTHER_HASH), 2, &["salt_hash", "42000"]);
}

#[test]
fn the_key_of_another_role_is_like_one_that_is_not_there() {
    let shop = shop();
    let told = |key: &str| {
        let run = ask(&shop, "one", &format!("SELECT salt_hash('x', '{key}') AS h"));
        assert_ne!(run.code(), Some(0));
        run.transcript().replace(&format!("key: {key}\n"), "key: $\n")
    };
    assert_eq!(told("other"), told("nosuch"));
}

#[test]
fn a_role_reads_through_the_key_of_its_mask_and_cannot_compute_with_it() {
    let shop = shop();
    let token = lines(&shop, "one", HASH)[1].clone();
    assert_eq!(lines(&shop, "none", "SELECT name FROM dataset.customer WHERE id = 1"), ["name".to_owned(), token]);
    for sql in [
        "SELECT id FROM dataset.customer WHERE name = salt_hash('Ada Lovelace')",
        "SELECT salt_hash(segment) FROM dataset.customer",
        "SELECT name, hmac_hash('Ada Lovelace') FROM dataset.customer",
    ] {
        told(ask(&shop, "none", sql), 2, &["_hash", "42000"]);
    }
}

#[test]
fn a_role_that_names_a_key_that_is_not_configured_is_an_error_that_does_not_repeat_it() {
    let shop = Shop::usual().settings(&format!("[roles.r]\nkeys = [\"{KEY_BASE64}\"]"));
    let text = told(ask(&shop, "r", "SELECT 1"), 2, &["role names a key that is not configured", "role: r"]);
    Canary::new().key("default", KEY).assert_clean("the error", text.as_bytes());
}

#[test]
fn a_missing_key_shows_no_row() {
    let shop = shop();
    std::fs::remove_file(shop.sandbox.path("other.key")).unwrap();
    told(ask(&shop, "both", OTHER_HASH), 1, &["key"]);
    std::fs::remove_file(shop.sandbox.path("default.key")).unwrap();
    let run = ask(&shop, "none", "SELECT name FROM dataset.customer");
    assert_ne!(run.code(), Some(0));
    assert_eq!(run.stdout(), "", "{}", run.transcript());
    super::hidden().assert_clean("the error", &run.stderr);
}

#[test]
fn no_key_is_left_anywhere() {
    let shop = shop().with("SALTLAKE_LOG", "trace");
    for (role, sql) in [
        ("one", HASH),
        ("one", OTHER_HASH),
        ("both", OTHER_HASH),
        ("none", HASH),
        ("none", "SELECT name FROM dataset.customer"),
        ("one", "EXPLAIN SELECT salt_hash(name) FROM dataset.customer"),
        ("one", "SELECT hmac_hash(name) FROM dataset.customer"),
        ("one", "CREATE TABLE workspace.hashed AS SELECT salt_hash(name) AS name FROM dataset.customer"),
        ("one", "SELECT salt_hash(name, 'default', 'x') FROM dataset.customer"),
        ("one", &format!("SELECT '{KEY_BASE64}' = name FROM dataset.customer WHERE broken")),
    ] {
        ask(&shop, role, sql);
    }
    shop.run(["grant"]).ok();
    shop.run(["why", "none", "customer.name"]).ok();
    let canary = Canary::new().key("default", KEY).key("other", OTHER);
    canary.assert_clean_below(shop.sandbox.root(), &["work/default.key", "work/other.key"]);
}
