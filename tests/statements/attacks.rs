//! What a role tries by way of views, external tables and names.

use std::fs;
use std::os::unix::fs::symlink;

use super::{ask, lines, shop, told};
use crate::support::canary::Canary;
use crate::support::shop::{Shop, files_below};

fn hidden() -> Canary {
    let mails = ["ada.lovelace@example.org", "asa.lind@example.com", "nobody@example.net"];
    let ibans = ["DE89370400440532013000", "SE4550000000058398257466", "GB82WEST12345698765432"];
    Canary::new().cells("customer.mail", mails).cells("account.iban", ibans)
}

#[test]
fn a_view_shows_each_reader_what_that_reader_may_see() {
    let shop = shop();
    let view = shop.sandbox.path("out/_saltlake/definitions");
    fs::create_dir_all(&view).unwrap();
    // As if someone who sees everything had written it: it shows no more for that.
    fs::write(view.join("all.sql"), "CREATE VIEW workspace.all AS SELECT * FROM dataset.customer").unwrap();
    fs::write(view.join("mails.sql"), "CREATE VIEW workspace.mails AS SELECT mail FROM dataset.customer").unwrap();
    let seen = ask(&shop, "analyst", "SELECT * FROM workspace.all").ok();
    hidden().assert_clean("the view", seen.transcript().as_bytes());
    assert!(seen.stdout().contains("gold") && !seen.stdout().contains("silver"), "{}", seen.transcript());
    told(ask(&shop, "analyst", "SELECT * FROM workspace.mails"), 2, &["mail"]);
    // The other role shares the location and sees no customers.
    for sql in ["SELECT * FROM workspace.all", "SELECT count(*) FROM workspace.all", "DESCRIBE workspace.all"] {
        told(ask(&shop, "other", sql), 2, &["42P01"]);
    }
    assert!(!ask(&shop, "other", "SHOW TABLES").ok().stdout().contains("all"));
    let columns = "SELECT table_name FROM information_schema.columns WHERE table_schema = 'workspace'";
    assert_eq!(lines(ask(&shop, "other", columns)), ["table_name"]);
}

#[test]
fn a_grant_that_is_taken_back_takes_the_view_with_it() {
    let mut shop = Shop::usual();
    let with = "[roles.analyst]\nlocations = [\"out\"]\n\n[roles.analyst.select]\n\"dataset.customer\" = \"*\"\n";
    shop.add_settings(with);
    ask(&shop, "analyst", "CREATE VIEW workspace.v AS SELECT mail FROM dataset.customer").ok();
    assert!(ask(&shop, "analyst", "SELECT * FROM workspace.v").ok().stdout().contains("ada.lovelace@example.org"));
    let settings = fs::read_to_string(shop.sandbox.path("saltlake.toml")).unwrap();
    let without = settings.replace("\"dataset.customer\" = \"*\"", "\"dataset.customer\" = { except = [\"mail\"] }");
    fs::write(shop.sandbox.path("saltlake.toml"), without).unwrap();
    let run = shop.sandbox.run(["query", "SELECT * FROM workspace.v", "--role", "analyst"]).expect_code(2);
    hidden().assert_clean("the answer", run.transcript().as_bytes());
}

#[test]
fn a_definition_that_does_more_than_read_is_left_out() {
    let shop = shop();
    let definitions = shop.sandbox.path("out/_saltlake/definitions");
    fs::create_dir_all(&definitions).unwrap();
    for (name, text) in [
        ("drops", "DROP TABLE workspace.t"),
        ("two", "CREATE VIEW workspace.two AS SELECT 1 AS a; DROP TABLE workspace.t"),
        ("writes", "CREATE VIEW workspace.writes AS INSERT INTO workspace.t VALUES (1)"),
        ("junk", "\u{1b}[2J"),
        (
            "raw",
            "CREATE EXTERNAL TABLE workspace.raw (id bigint, iban string) STORED AS PARQUET LOCATION 'lake/account'",
        ),
        ("up", "CREATE EXTERNAL TABLE workspace.up (id bigint) STORED AS PARQUET LOCATION 'out/../lake/account'"),
    ] {
        fs::write(definitions.join(format!("{name}.sql")), text).unwrap();
        let run = ask(&shop, "analyst", &format!("SELECT * FROM workspace.{name}"));
        assert!(matches!(run.code(), Some(2 | 3)), "{name}: {}", run.transcript());
        hidden().assert_clean(name, run.transcript().as_bytes());
        assert!(!run.stderr().contains('\u{1b}'), "{name}");
    }
    // A link is no definition, wherever it leads.
    fs::remove_file(definitions.join("junk.sql")).unwrap();
    symlink(shop.sandbox.path("saltlake.toml"), definitions.join("linked.sql")).unwrap();
    told(ask(&shop, "analyst", "SELECT * FROM workspace.linked"), 2, &["42P01"]);
}

#[test]
fn an_external_table_lies_in_the_roles_own_locations() {
    let shop = shop();
    let outside = shop.sandbox.path("elsewhere").display().to_string();
    for place in [
        "lake/account",
        "masked",
        "elsewhere",
        "out/../lake/account",
        "audit",
        "/etc",
        "s3://bucket/x/",
        &outside,
        "~/x",
        "out%2F..",
        "out/_saltlake/definitions",
    ] {
        let sql = format!("CREATE EXTERNAL TABLE workspace.t (id bigint) STORED AS PARQUET LOCATION '{place}'");
        told(ask(&shop, "analyst", &sql), 3, &["42501"]);
    }
    for place in ["lake/account", "lake", "masked/x", "audit"] {
        let sql = format!("CREATE EXTERNAL TABLE workspace.t (id bigint) STORED AS PARQUET LOCATION '{place}'");
        told(ask(&shop, "admin", &sql), 3, &["42501"]);
    }
    assert!(files_below(&shop.sandbox.path("out")).is_empty());
    // Nor does a link inside lead out of them.
    fs::create_dir_all(shop.sandbox.path("out/data")).unwrap();
    symlink(shop.sandbox.path("lake/account"), shop.sandbox.path("out/data/linked")).unwrap();
    symlink(shop.sandbox.path("lake/account/LOAD00000001.parquet"), shop.sandbox.path("out/data/1.parquet")).unwrap();
    let linked = "CREATE EXTERNAL TABLE workspace.l (iban string) STORED AS PARQUET LOCATION 'out/data/linked'";
    told(ask(&shop, "analyst", linked), 3, &["a link on the way"]);
    ask(&shop, "analyst", "CREATE EXTERNAL TABLE workspace.d (iban string) STORED AS PARQUET LOCATION 'out/data'").ok();
    let run = ask(&shop, "analyst", "SELECT * FROM workspace.d").ok();
    hidden().assert_clean("the answer", run.transcript().as_bytes());
}

#[test]
fn rows_are_added_to_nothing_that_a_link_leads_to() {
    let shop = shop();
    ask(&shop, "analyst", "CREATE TABLE workspace.t WITH (partitioned_by = ARRAY['p']) AS SELECT 1 AS a, 'x' AS p")
        .ok();
    let before = files_below(&shop.sandbox.path("lake"));
    // A partition that is a link into the lake.
    symlink(shop.sandbox.path("lake/customer"), shop.sandbox.path("out/t/p=y")).unwrap();
    let run = ask(&shop, "analyst", "INSERT INTO workspace.t VALUES (2, 'y')");
    assert!(run.code() != Some(0), "{}", run.transcript());
    assert_eq!(files_below(&shop.sandbox.path("lake")), before);
    // A table that is one.
    symlink(shop.sandbox.path("lake/customer"), shop.sandbox.path("out/linked")).unwrap();
    for sql in [
        "INSERT INTO workspace.linked VALUES (1, 'a', 'b', 'c')",
        "DROP TABLE workspace.linked",
        "CREATE TABLE workspace.linked AS SELECT 1 AS a",
    ] {
        let run = ask(&shop, "analyst", sql);
        assert!(run.code() != Some(0), "{sql}: {}", run.transcript());
    }
    // Dropping a table with a link in it takes the link, and not what it leads to.
    ask(&shop, "analyst", "DROP TABLE workspace.t").ok();
    assert!(!shop.sandbox.path("out/t").exists());
    assert_eq!(files_below(&shop.sandbox.path("lake")), before);
}

#[test]
fn definitions_are_not_written_through_a_link() {
    let shop = shop();
    fs::create_dir_all(shop.sandbox.path("out")).unwrap();
    symlink(shop.sandbox.path("lake"), shop.sandbox.path("out/_saltlake")).unwrap();
    let run = ask(&shop, "analyst", "CREATE VIEW workspace.v AS SELECT 1 AS a");
    told(run, 3, &["a link leads away"]);
    assert_eq!(files_below(&shop.sandbox.path("lake")).len(), 2);
}

#[test]
fn any_name_is_one_view_in_its_own_folder() {
    let shop = shop();
    for name in ["../../escape", "a b", "ü", "a.sql", "_hidden", ".dot", "it's", "A", "versions", "x/y", "\\"] {
        ask(&shop, "analyst", &format!("CREATE VIEW workspace.\"{name}\" AS SELECT 1 AS a")).ok();
        assert_eq!(lines(ask(&shop, "analyst", &format!("SELECT a FROM workspace.\"{name}\""))), ["a", "1"], "{name}");
    }
    let files = files_below(&shop.sandbox.path("out"));
    assert_eq!(files.len(), 11, "{files:?}");
    let folder = shop.sandbox.path("out/_saltlake/definitions");
    assert!(files.iter().all(|file| file.parent() == Some(folder.as_path())), "{files:?}");
    for name in ["", &"x".repeat(300)] {
        let run = ask(&shop, "analyst", &format!("CREATE VIEW workspace.\"{name}\" AS SELECT 1 AS a"));
        assert!(matches!(run.code(), Some(2 | 3)), "{}", run.transcript());
    }
}

#[test]
fn a_view_computes_no_key_that_its_reader_has_not() {
    let shop = shop();
    let definitions = shop.sandbox.path("out/_saltlake/definitions");
    fs::create_dir_all(&definitions).unwrap();
    fs::write(definitions.join("k.sql"), "CREATE VIEW workspace.k AS SELECT salt_hash('x') AS a").unwrap();
    let run = ask(&shop, "analyst", "SELECT * FROM workspace.k");
    assert!(matches!(run.code(), Some(2 | 3)), "{}", run.transcript());
}

#[test]
fn every_statement_is_in_the_log_without_its_values() {
    let shop = shop();
    ask(&shop, "analyst", "CREATE TABLE workspace.t AS SELECT 8675309 AS a").ok();
    ask(&shop, "analyst", "INSERT INTO workspace.t VALUES (8675309)").ok();
    ask(&shop, "analyst", "CREATE VIEW workspace.v AS SELECT 8675309 AS a").ok();
    ask(&shop, "analyst", "DROP VIEW workspace.v").ok();
    ask(&shop, "analyst", "SHOW PARTITIONS dataset.customer").expect_code(2);
    ask(&shop, "analyst", "CREATE EXTERNAL TABLE workspace.e (a int) LOCATION 'out/8675309'").ok();
    let mut log = String::new();
    for file in files_below(&shop.sandbox.path("audit")) {
        log.push_str(&fs::read_to_string(file).unwrap());
    }
    assert!(!log.contains("8675309"), "{log}");
    for words in [
        "INSERT INTO workspace.t",
        "CREATE VIEW workspace.v",
        "DROP VIEW",
        "SHOW PARTITIONS",
        "CREATE EXTERNAL TABLE workspace.e",
    ] {
        assert!(log.contains(words), "no `{words}` in {log}");
    }
}
