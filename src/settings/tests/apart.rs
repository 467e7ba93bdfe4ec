//! Settings that must not go together.

use super::*;

#[test]
fn masked_tables_stay_apart_from_raw_ones() {
    let cases = [
        ("raw", "raw", "where raw tables are"),
        ("raw", "./raw/../raw/", "where raw tables are"),
        ("raw", "raw/masked", "inside the raw lake"),
        ("raw/deep", "raw", "inside the masked location"),
        ("raw", ".", "inside the masked location"),
        ("s3://b/raw", "s3://b/raw/masked/", "inside the raw lake"),
        ("s3://b/raw", "s3a://b/raw", "where raw tables are"),
        ("s3://b/raw", "s3://b", "inside the masked location"),
    ];
    for (raw, masked, why) in cases {
        let text = format!("[lake]\nlocation = \"{raw}\"\n[masked]\nlocation = \"{masked}\"");
        assert_error(&text, ErrorKind::Refused, &[why, ":4"]);
    }
    let table = "[lake.tables.t]\nlocation = \"s3://b/t\"\n[masked]\nlocation = \"s3://b/t/m\"";
    assert_error(table, ErrorKind::Refused, &["inside the raw lake", ":4"]);
    for (raw, masked) in [("raw", "raw2"), ("s3://b/raw", "s3://b/raw2"), ("s3://b/x", "s3://c/x"), ("raw", "s3://b")] {
        let text = format!("[lake]\nlocation = \"{raw}\"\n[masked]\nlocation = \"{masked}\"");
        Fixture::new(&text).load().unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_link_does_not_hide_that_masked_tables_would_go_into_the_lake() {
    let fixture = Fixture::new("[lake]\nlocation = \"raw\"\n[masked]\nlocation = \"link/masked\"");
    fs::create_dir(fixture.path().join("raw")).unwrap();
    fixture.load().unwrap();
    std::os::unix::fs::symlink("raw", fixture.path().join("link")).unwrap();
    assert_eq!(fixture.load().unwrap_err().kind(), ErrorKind::Refused);

    // `..` after a link leads to where the link's target is, not to where the link is.
    fs::create_dir_all(fixture.path().join("far/away")).unwrap();
    std::os::unix::fs::symlink("far/away", fixture.path().join("hop")).unwrap();
    let settings = fixture.load_with(&set(&["masked.location=hop/../out"]), &[]).unwrap();
    let real = fixture.path().canonicalize().unwrap();
    assert_eq!(settings.masked.location, Some(Location::Folder(real.join("far/out"))));
}

#[test]
fn neither_keys_nor_spilled_values_lie_among_the_tables() {
    let places = "[lake]\nlocation = \"raw\"\n[masked]\nlocation = \"masked\"\n";
    let key = format!("{places}[keys.default]\nsecret = \"file:masked/key\"");
    assert_error(&key, ErrorKind::Refused, &["the key lies among the masked tables", ":6"]);
    for folder in ["masked/spill", "raw/spill", "masked"] {
        let spill = format!("{places}[engine]\nspill_folder = \"{folder}\"");
        assert_error(&spill, ErrorKind::Refused, &["would spill raw values", ":6"]);
    }
    Fixture::new(&format!("{places}[engine]\nspill_folder = \".\"\n[keys.k]\nsecret = \"file:key\"")).load().unwrap();
}

#[test]
fn tables_stay_apart_and_have_sound_names() {
    let two = |a: &str, b: &str| format!("[lake.tables.a]\nlocation = \"{a}\"\n[lake.tables.b]\nlocation = \"{b}\"\n");
    assert_error(&two("x", "x/"), ErrorKind::Usage, &["a table lies within another", ":3"]);
    assert_error(&two("s3://b/x/y", "s3://b/x"), ErrorKind::Usage, &["a table lies within another"]);
    Fixture::new(&two("s3://b/x", "s3://b/xy")).load().unwrap();
    let whole = "[lake]\nlocation = \"raw\"\n[lake.tables.a]\nlocation = \"raw\"";
    assert_error(whole, ErrorKind::Usage, &["a table holds the whole lake", ":3"]);
    assert_error("[lake.tables.a]\n", ErrorKind::Usage, &["table has no location", "table: a", ":1"]);
    for name in ["", "..", ".hidden", "_hidden", "a/b", "a\\nb"] {
        let text = format!("[lake.tables.\"{name}\"]\nlocation = \"x\"");
        assert_error(&text, ErrorKind::Usage, &["name cannot be a table's", ":1"]);
    }
}

#[test]
fn database_names_differ_and_are_free() {
    assert_error("[masked]\ndatabase = \"Dataset\"", ErrorKind::Usage, &["the same database name", ":2"]);
    assert_error("[lake]\ndatabase = \"SaltLake\"", ErrorKind::Usage, &["reserved", ":2"]);
    assert_error("[masked]\ndatabase = \"information_schema\"", ErrorKind::Usage, &["reserved"]);
    assert_error("[masked]\ndatabase = \"../x\"", ErrorKind::Usage, &["name cannot be a database's"]);
    assert_error("[masked]\ndatabase = \" \"", ErrorKind::Usage, &["a database name"]);
}
