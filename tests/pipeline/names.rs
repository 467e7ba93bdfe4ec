//! Names may hold anything: what ends a quote, a comment or a line does not end ours.

use crate::support::hash::salt_hashes;
use crate::support::lake::Table;
use crate::support::shop::{KEY, Shop};

/// Names of columns that a careless program would break on.
const NAMES: &[&str] = &[
    "a\"; DROP TABLE dataset.t; --",
    "select",
    "Order",
    "two\nlines",
    "naïve 日本語 🙂",
    "it's",
    "a.b",
    "back\\slash",
    "*/ x /*",
    " leading and trailing ",
    "1st",
    "$.x['y']",
    "MixedCase",
    "mixedcase",
    "",
];

fn odd_table() -> Table {
    NAMES.iter().fold(Table::new(), |table, name| table.text(name, ["x"]))
}

#[test]
fn a_column_of_any_name_is_masked() {
    let rules: Vec<(&str, &str)> = NAMES.iter().map(|name| (*name, "salt_hash")).collect();
    let shop = Shop::new().table("t", &odd_table()).declared("t", &rules);
    shop.run(["mask"]).ok();
    let rows = shop.masked_rows("t");
    let names: Vec<_> = rows[0].iter().map(|name| name.as_deref().unwrap()).collect();
    assert_eq!(names, NAMES);
    let token = salt_hashes(&["x"], KEY).remove(0);
    assert!(rows[1].iter().all(|cell| cell.as_ref() == Some(&token)));
    shop.run(["verify"]).ok();
}

#[test]
fn a_column_of_any_name_is_kept_and_its_script_runs() {
    let rules: Vec<(&str, &str)> = NAMES.iter().map(|name| (*name, "keep")).collect();
    let shop = Shop::new().table("t", &odd_table()).declared("t", &rules);
    shop.run(["plan", "-o", "sql"]).ok();
    shop.run(["run", "sql/t.sql"]).ok();
    let rows = shop.masked_rows("t");
    assert_eq!(rows[0].iter().map(|name| name.as_deref().unwrap()).collect::<Vec<_>>(), NAMES);
    let script = std::fs::read_to_string(shop.sandbox.path("sql/t.sql")).unwrap();
    let comments = script.lines().take_while(|line| line.starts_with("--")).count();
    assert!(script.lines().nth(comments).unwrap().starts_with("CREATE TABLE"), "a name ends no comment:\n{script}");
}

#[test]
fn findings_reach_columns_of_any_name() {
    let names: Vec<&str> = NAMES.iter().copied().filter(|name| !name.is_empty()).collect();
    let paths: Vec<String> =
        names.iter().map(|name| format!("$['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))).collect();
    let reported: Vec<(&str, &str)> = paths.iter().map(|path| ("NAME", path.as_str())).collect();
    let table = names.iter().fold(Table::new(), |table, name| table.text(name, ["x"]));
    let shop = Shop::new().table("t", &table).reported("t", &reported);
    shop.run(["mask"]).ok();
    let token = salt_hashes(&["x"], KEY).remove(0);
    assert!(shop.masked_rows("t")[1].iter().all(|cell| cell.as_ref() == Some(&token)));
}

#[test]
fn a_custom_identifiers_name_ends_no_comment_and_no_line() {
    let evil = "mail\n*/ DROP TABLE dataset.t; --\u{1b}[2J";
    let shop = Shop::new().table("t", &Table::new().text("mail", ["x"])).reported_custom("t", evil, "$.mail");
    for arguments in [&["plan"][..], &["plan", "--explain"], &["discover"]] {
        let out = shop.sandbox.run(arguments).ok().stdout();
        assert!(!out.contains('\u{1b}') && !out.lines().any(|line| line.starts_with("*/")), "{out}");
    }
    shop.run(["mask"]).ok();
}

#[test]
fn a_table_of_any_name_is_masked_and_stays_in_its_folder() {
    let names =
        ["Bank Accounts; DROP \"x\"", "ünïcode 日本", "select", "versions", "current", "a.b", "it's=1", "MiXed"];
    let mut shop = Shop::new();
    for name in names {
        let table = Table::new().bigint("id", [Some(1)]).text("name", ["Ada"]);
        shop = shop.table(name, &table).reported(name, &[("NAME", "$.name")]).declared(name, &[("id", "keep")]);
    }
    for round in ["first", "second"] {
        shop.run(["mask"]).ok();
        for name in names {
            let quoted = name.replace('"', "\"\"");
            let count = shop.cell(&format!("SELECT count(*) FROM dataset_masked.\"{quoted}\""));
            assert_eq!(count, "1", "{name}, {round} time");
        }
    }
    let allowed = ["versions", "_saltlake"];
    for entry in std::fs::read_dir(shop.sandbox.path("masked")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_ours = allowed.contains(&name.as_str()) || entry.path().join("..").is_dir() && entry.path().is_symlink();
        assert!(is_ours, "{name}");
    }
    shop.run(["verify"]).ok();
    shop.run(["plan", "-o", "sql"]).ok();
    assert_eq!(std::fs::read_dir(shop.sandbox.path("sql")).unwrap().count(), names.len());
}

#[test]
fn a_location_with_odd_characters_works() {
    let sandbox = crate::support::binary::Sandbox::new();
    sandbox.write(
        "my lake's %20 \"data\"/t/a.parquet",
        Table::new().text("a", ["x"]).encode(crate::support::shop::SNAPPY),
    );
    sandbox.write(
        "saltlake.toml",
        "[lake]\nlocation = 'my lake''s %20 \"data\"'\n[masked]\nlocation = \"out #1 ü\"\n[plan]\nunreported = \"keep\"\n"
            .replace("''", "'")
            .replace("location = 'my lake's %20 \"data\"'", "location = \"my lake's %20 \\\"data\\\"\""),
    );
    sandbox.run(["mask"]).ok();
    sandbox.run(["plan", "-o", "sql"]).ok();
    sandbox.run(["run", "sql/t.sql"]).ok();
    let run = sandbox.run(["query", "SELECT a FROM dataset_masked.t", "--format", "csv"]).ok();
    assert_eq!(run.stdout(), "a\nx\n");
}
