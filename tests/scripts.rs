//! The demo, and the scripts in `sql/` on it.

use std::path::Path;

use crate::support::binary::Sandbox;
use crate::support::hash::salt_hashes;

/// The key that golden results are computed with, and how the demo stores it.
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const KEY_BASE64: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn demo() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.run(["demo", "--dir", ".", "--rows", "200"]).ok();
    sandbox
}

/// The demo with a key that is the same every time.
fn demo_with_fixed_key() -> Sandbox {
    let sandbox = demo();
    sandbox.write("secrets/demo.key", KEY_BASE64);
    sandbox.run(["mask", "--rekey"]).ok();
    sandbox
}

fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sql").join(name).to_str().unwrap().to_owned()
}

#[test]
fn the_demo_goes_the_whole_way_and_shows_people_before_and_tokens_after() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(["demo", "--rows", "50"]).ok();
    let said = run.stdout();
    let (before, after) = said.split_once("After: ").expect("the demo shows before and after");
    assert!(before.contains("Luella Denesik") && before.contains("luella.denesik03@example.org"), "{said}");
    // The scientist asks for a name that it knows.
    let after = after.replace("salt_hash('luella.denesik03')", "");
    assert!(!after.contains("Luella") && !after.contains("luella"), "{said}");
    let steps = ["discover", "plan --explain", "mask", "verify", "grant", "why analyst dataset.customer.mail"];
    for step in steps.map(|step| format!("$ saltlake {step}\n")) {
        assert!(said.contains(&step), "{said}");
    }
    let key = std::fs::read_to_string(sandbox.path("saltlake-demo/secrets/demo.key")).unwrap();
    assert!(!said.contains(key.trim()) && !run.stderr().contains(key.trim()));
}

#[test]
fn every_command_works_in_the_demos_folder() {
    let sandbox = demo();
    let commands: &[&[&str]] = &[
        &["config"],
        &["tables"],
        &["discover"],
        &["plan"],
        &["plan", "--explain"],
        &["mask"],
        &["verify"],
        &["verify", "customer"],
        &["query", "SELECT count(*) FROM dataset_masked.card"],
        &["query", "--role", "administrator", "SELECT count(*) FROM dataset.card"],
        &["grant"],
        &["grant", "--print"],
        &["grant", "--check"],
        &["why", "analyst", "customer"],
        &["functions"],
    ];
    for command in commands {
        sandbox.run(*command).ok();
    }
}

#[test]
fn a_demo_is_not_written_over_something_else() {
    let sandbox = Sandbox::new();
    sandbox.write("work/notes.txt", "mine");
    sandbox.run(["demo", "--dir", "work"]).expect_code(3);
    assert_eq!(std::fs::read_to_string(sandbox.path("work/notes.txt")).unwrap(), "mine");
}

#[test]
fn the_scripts_give_their_golden_results() {
    let sandbox = demo_with_fixed_key();
    let discovered = sandbox.run(["run", "--role", "administrator", &script("10_discover.sql")]).ok();
    sandbox.run(["run", "--role", "administrator", &script("30_mask.sql")]).ok();
    let granted = sandbox.run(["run", "--role", "administrator", &script("50_grant.sql")]).ok();
    let queried = sandbox.run(["run", "--role", "scientist", &script("60_query.sql")]).ok();
    sandbox.snapshots().bind(|| {
        insta::assert_snapshot!("script_10_discover", discovered.stdout());
        insta::assert_snapshot!("script_50_grant", granted.stdout());
        insta::assert_snapshot!("script_60_query", queried.stdout());
    });
}

#[test]
fn the_analysis_gives_its_golden_result_again_and_again() {
    let sandbox = demo_with_fixed_key();
    let analyse = || sandbox.run(["run", "--role", "scientist", &script("70_analyse.sql")]).ok().stdout();
    analyse();
    let first = analyse();
    let shown = first.replace("work/scientist", "scientist");
    sandbox.snapshots().bind(|| insta::assert_snapshot!("script_70_analyse", shown));
    assert_eq!(analyse(), first, "a script that makes tables can be run again");
    sandbox.run(["run", "--role", "scientist", "--dry-run", &script("60_query.sql")]).ok();
}

#[test]
fn the_mask_script_does_what_the_plan_proposes() {
    let sandbox = demo_with_fixed_key();
    let tables = ["customer", "card", "bank"];
    let rows = |sandbox: &Sandbox| -> Vec<String> {
        let query = |table: &&str| format!("SELECT * FROM dataset_masked.{table} ORDER BY id");
        tables
            .iter()
            .map(|table| sandbox.run(["query", "--role", "scientist", &query(table), "--format", "csv"]).ok().stdout())
            .collect()
    };
    let planned = rows(&sandbox);
    sandbox.run(["run", "--role", "administrator", &script("30_mask.sql")]).ok();
    assert_eq!(planned, rows(&sandbox));
}

#[test]
fn the_demos_tokens_are_those_of_hashlib() {
    let sandbox = demo_with_fixed_key();
    let column = |database: &str| -> Vec<String> {
        let sql = format!("SELECT iban FROM {database}.bank WHERE iban IS NOT NULL ORDER BY id");
        let csv = sandbox.run(["query", "--role", "administrator", &sql, "--format", "csv"]).ok().stdout();
        csv.lines().skip(1).map(|line| line.trim_matches('"').to_owned()).collect()
    };
    let raw = column("dataset");
    let raw: Vec<&str> = raw.iter().map(String::as_str).collect();
    assert_eq!(salt_hashes(&raw, KEY), column("dataset_masked"));
}
