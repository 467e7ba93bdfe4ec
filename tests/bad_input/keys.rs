//! Keys that are missing, malformed, or not the ones that published tables were masked with.

use super::{fails, published};
use crate::support::binary::Run;
use crate::support::shop::{KEY_BASE64, Shop};

const OTHER_KEY: &str = "YW5vdGhlciBrZXkgb2YgZW5vdWdoIGJ5dGVz";

#[track_caller]
fn without_secret(run: &Run, secret: &str) {
    assert!(!run.stderr().contains(secret), "{}", run.transcript());
}

#[test]
fn a_key_that_cannot_be_had_is_named() {
    let shop = published();
    std::fs::remove_file(shop.sandbox.path("default.key")).unwrap();
    fails(&shop, ["mask"], 1, &["default.key", "not found"]);
    fails(&shop, ["verify"], 1, &["default.key"]);
    let mut shop = published();
    shop.change_settings("secret = \"file:default.key\"", "secret = \"env:NO_SUCH_KEY\"");
    fails(&shop, ["mask"], 1, &["NO_SUCH_KEY"]);
}

#[test]
fn a_key_that_cannot_be_decoded_is_named_and_not_quoted() {
    for (stored, code, says) in
        [("not base64 at all!", 1, "base64"), ("", 3, "empty"), ("\n", 3, "empty"), ("TXlTZWNyZXQ", 1, "base64")]
    {
        let shop = published();
        shop.sandbox.write("default.key", stored);
        let run = fails(&shop, ["mask"], code, &["default", says]);
        if stored.len() > 4 {
            without_secret(&run, stored);
        }
    }
    let mut shop = published();
    shop.change_settings("secret = \"file:default.key\"", "secret = \"file:default.key\"\nencoding = \"hex\"");
    without_secret(&fails(&shop, ["mask"], 1, &["hexadecimal", "default"]), KEY_BASE64);
}

#[test]
fn a_key_without_settings_is_asked_for() {
    let mut shop = published();
    shop.change_settings("[keys.default]\nsecret = \"file:default.key\"\n", "");
    let run = fails(&shop, ["mask"], 2, &["`default`", "[keys.default]"]);
    assert!(run.stderr().contains("secret = "), "{}", run.transcript());
}

#[test]
fn a_key_that_sql_names_must_exist_and_be_named_by_a_literal() {
    let shop = published();
    for (sql, says) in [
        ("SELECT salt_hash(mail, 'nobody') FROM dataset.customer", "nobody"),
        ("SELECT salt_hash(mail, segment) FROM dataset.customer", "literal"),
        ("SELECT salt_hash(mail, 'def' || 'ault') FROM dataset.customer", "literal"),
        ("SELECT salt_hash(mail, NULL) FROM dataset.customer", "literal"),
        ("SELECT salt_hash(mail, 5) FROM dataset.customer", "literal"),
        ("SELECT salt_hash() FROM dataset.customer", "salt_hash"),
        ("SELECT salt_hash(mail, 'default', 'default') FROM dataset.customer", "salt_hash"),
    ] {
        let run = shop.run(["query", sql]).expect_code(2);
        assert!(run.stderr().contains(says), "{sql}\n{}", run.transcript());
        let run = shop.script(&format!("CREATE TABLE dataset_masked.t AS {sql}")).expect_code(2);
        assert!(run.stderr().contains("script.sql"), "{sql}\n{}", run.transcript());
    }
}

#[test]
fn a_literal_secret_in_the_settings_is_refused_unquoted() {
    let mut shop = published();
    shop.change_settings("secret = \"file:default.key\"", "secret = \"hunter2-in-the-clear\"");
    without_secret(&fails(&shop, ["config"], 2, &["secretsmanager:"]), "hunter2");
}

#[test]
fn a_short_key_is_warned_about() {
    let shop = Shop::usual();
    shop.sandbox.write("default.key", "TXlTZWNyZXQ=\n");
    let run = shop.run(["mask"]).ok();
    assert!(run.stderr().contains("warning: key `default` is shorter than 16 bytes"), "{}", run.transcript());
}

#[test]
fn a_changed_key_is_refused_until_every_table_is_masked_anew() {
    let shop = published();
    let tokens = shop.masked_column("customer", "mail");
    shop.sandbox.write("default.key", OTHER_KEY);
    fails(&shop, ["mask"], 3, &["default", "--rekey"]);
    fails(&shop, ["verify"], 3, &["default", "--rekey"]);
    shop.sandbox.write(
        "one.sql",
        "CREATE TABLE dataset_masked.customer AS SELECT id, salt_hash(mail) AS mail FROM dataset.customer",
    );
    fails(&shop, ["run", "one.sql"], 3, &["--rekey"]);
    fails(&shop, ["run", "one.sql", "--rekey"], 3, &["`account`"]);
    shop.sandbox.write("without.sql", "CREATE TABLE dataset_masked.ids AS SELECT id FROM dataset.customer");
    shop.run(["run", "without.sql"]).ok();
    shop.run(["mask", "--rekey"]).ok();
    assert_eq!(shop.receipt()["rekey"], true);
    assert_ne!(shop.masked_column("customer", "mail"), tokens);
    let joined = "SELECT count(*) FROM dataset_masked.customer c JOIN dataset_masked.account a ON c.mail = a.owner";
    assert_eq!(shop.cell(joined), "3");
    shop.run(["mask"]).ok();
    shop.sandbox.write("default.key", KEY_BASE64);
    shop.sandbox.write("both.sql", "DROP TABLE dataset_masked.account; CREATE TABLE dataset_masked.customer AS SELECT salt_hash(mail) AS mail FROM dataset.customer");
    shop.run(["run", "both.sql", "--rekey"]).ok();
    assert!(!shop.sandbox.path("masked/account").exists());
}

#[test]
fn the_same_key_under_another_reference_is_the_same_key() {
    let mut shop = published().with("THE_KEY", "4d795365637265742d6f662d7369787465656e2d6279746573");
    let tokens = shop.masked_column("customer", "mail");
    shop.change_settings("secret = \"file:default.key\"", "secret = \"env:THE_KEY\"\nencoding = \"hex\"");
    shop.run(["mask"]).ok();
    assert_eq!(shop.masked_column("customer", "mail"), tokens);
}

#[test]
fn a_key_among_the_masked_tables_is_refused() {
    let mut shop = published();
    shop.sandbox.write("masked/default.key", KEY_BASE64);
    shop.change_settings("file:default.key", "file:masked/default.key");
    fails(&shop, ["mask"], 3, &["masked/default.key"]);
}
