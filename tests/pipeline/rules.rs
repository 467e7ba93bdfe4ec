//! Who decides about a column: findings, declarations, or nobody, which is refused.

use crate::support::binary::Run;
use crate::support::lake::Table;
use crate::support::shop::Shop;

fn two_columns() -> Shop {
    Shop::new().table("t", &Table::new().text("name", ["Ada"]).text("odd \"col\"", ["x"]))
}

/// The lines that an error offers to paste: those of a hint that begin with a section, up to the next hint.
fn lines_to_paste(run: &Run) -> String {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in run.stderr().lines() {
        let plain = line.trim_start_matches("hint: ").trim();
        if line.starts_with("hint: ") {
            inside = false;
        }
        if plain.starts_with('[') {
            inside = true;
        }
        if inside {
            lines.push(plain.to_owned());
        }
    }
    assert!(!lines.is_empty(), "{}", run.transcript());
    lines.join("\n")
}

#[test]
fn a_column_that_nobody_decided_about_is_refused_and_the_lines_to_paste_work() {
    let mut shop = two_columns();
    for arguments in [&["plan"][..], &["mask"], &["plan", "--explain"]] {
        let run = shop.sandbox.run(arguments).expect_code(3);
        assert!(run.stdout.is_empty(), "{}", run.transcript());
    }
    let refused = shop.run(["plan"]);
    shop.sandbox.snapshots().bind(|| insta::assert_snapshot!("undeclared", refused.transcript()));
    shop.add_settings(&lines_to_paste(&refused));
    shop.run(["mask"]).ok();
    assert_eq!(shop.masked_rows("t")[1], [Some("Ada".to_owned()), Some("x".to_owned())]);
}

#[test]
fn unreported_columns_are_kept_if_settings_say_so_and_the_receipt_records_it() {
    let shop = two_columns().settings("[plan]\nunreported = \"keep\"");
    shop.run(["mask"]).ok();
    let columns = shop.receipt()["columns"].clone();
    assert_eq!(columns[0]["action"], "keep");
    assert_eq!(columns[0]["reason"], "not reported, not declared; settings accept that");
}

#[test]
fn a_dropped_column_is_gone() {
    let shop = two_columns().declared("t", &[("name", "drop"), ("odd \"col\"", "keep")]);
    shop.run(["mask"]).ok();
    assert_eq!(shop.masked_rows("t")[0], [Some("odd \"col\"".to_owned())]);
    assert_eq!(shop.receipt()["columns"][0]["action"], "drop");
}

#[test]
fn a_dropped_column_is_refused_in_a_script() {
    let shop = two_columns().declared("t", &[("name", "drop"), ("odd \"col\"", "keep")]);
    shop.script("CREATE TABLE dataset_masked.t AS SELECT name FROM dataset.t").expect_code(3);
}

#[test]
fn a_declaration_that_findings_contradict_is_refused_until_it_names_what_they_report() {
    let mut shop = two_columns().declared("t", &[("odd \"col\"", "keep"), ("name", "keep")]);
    shop.run(["mask"]).ok();
    let before = shop.published();
    shop = shop.reported("t", &[("NAME", "$.name")]);
    let stale = shop.run(["mask"]).expect_code(3);
    assert!(stale.stderr().contains("NAME"), "{}", stale.transcript());
    assert_eq!(shop.published(), before);
    shop.change_settings("\"name\" = \"keep\"\n", "name = { keep = true, despite = [\"ADDRESS\"] }\n");
    let other = shop.run(["mask"]).expect_code(3);
    let pasted = lines_to_paste(&other);
    let line = pasted.lines().find(|line| line.starts_with("name = ")).unwrap().to_owned();
    shop.change_settings("name = { keep = true, despite = [\"ADDRESS\"] }", &line);
    shop.run(["mask"]).ok();
    assert_eq!(shop.masked_column("t", "name"), [Some("Ada".to_owned())]);
    let explained = shop.run(["plan", "--explain"]).ok().stdout();
    assert!(explained.contains("although findings report NAME"), "{explained}");
}

#[test]
fn masks_per_identifier_and_per_column_win_over_the_default() {
    let shop = Shop::usual()
        .settings("[masks]\nNAME = \"mask_redact\"\n\"custom:mail address\" = \"mask_email\"")
        .declared("nothing", &[]);
    let mut shop = shop;
    shop.change_settings("[columns.\"nothing\"]\n", "");
    shop.change_settings("[columns.\"account\"]\n", "[columns.\"account\"]\n\"iban\" = \"mask_partial(0, 4)\"\n");
    shop.run(["mask"]).ok();
    let texts = |table, column| shop.masked_column(table, column);
    assert_eq!(texts("customer", "name")[0].as_deref(), Some("##################"));
    assert!(texts("customer", "mail")[0].as_ref().unwrap().ends_with("@example.org"));
    assert!(texts("account", "iban")[0].as_ref().unwrap().ends_with("3000"));
}

#[test]
fn rules_for_what_does_not_exist_or_conflict_are_refused() {
    let missing = two_columns().declared("t", &[("name", "keep"), ("odd \"col\"", "keep"), ("nmae", "keep")]);
    let run = missing.run(["mask"]).expect_code(3);
    assert!(
        run.stderr().contains("nmae") && run.stderr().contains("did you mean column `name`?"),
        "{}",
        run.transcript()
    );
    let table = two_columns().declared("tt", &[("name", "keep")]);
    assert!(table.run(["mask"]).expect_code(3).stderr().contains("`tt`"));
    let conflict = two_columns()
        .declared("t", &[("odd \"col\"", "keep")])
        .reported("t", &[("NAME", "$.name"), ("ADDRESS", "$.name")])
        .settings("[masks]\nADDRESS = \"mask_redact\"");
    let run = conflict.run(["mask"]).expect_code(3);
    assert!(run.stderr().contains("conflict") && run.stderr().contains("dataset.t.name"), "{}", run.transcript());
    let hides_nothing = two_columns().declared("t", &[("odd \"col\"", "keep")]).settings("[masks]\nNAME = \"keep\"");
    let run = hides_nothing.reported("t", &[("NAME", "$.name")]).run(["mask"]).expect_code(3);
    assert!(run.stderr().contains("hides nothing"), "{}", run.transcript());
}

#[test]
fn findings_that_name_no_column_or_table_are_refused_by_name() {
    let shop =
        two_columns().declared("t", &[("name", "keep"), ("odd \"col\"", "keep")]).reported("t", &[("NAME", "$.gone")]);
    let unlocated = shop.run(["mask"]).expect_code(3);
    assert!(unlocated.stderr().contains("`$.gone`"), "{}", unlocated.transcript());
    shop.run(["discover"]).expect_code(3);
    let shop = shop.settings("[engine]\nthreads = 1").reported("elsewhere", &[("NAME", "$.name")]);
    let both = shop.run(["mask"]).expect_code(3);
    assert!(both.stderr().contains("dataset/elsewhere/LOAD00000001.parquet"), "{}", both.transcript());
    let mut shop = shop;
    shop.change_settings(
        "sources = [\"findings\"]",
        "sources = [\"findings\"]\nunlocated = \"accept\"\nunmapped = \"accept\"",
    );
    shop.run(["mask"]).ok();
    assert_eq!(shop.receipt()["findings"]["accepted_unlocated"], 1);
    assert_eq!(shop.receipt()["findings"]["accepted_unmapped"], 1);
}

#[test]
fn findings_come_from_flags_and_standard_input_too() {
    let shop = Shop::usual();
    let one = std::fs::read(shop.sandbox.path("findings/0000.json")).unwrap();
    let run = shop.sandbox.run_with_input(["discover", "--findings", "-", "--format", "json"], &one).ok();
    assert_eq!(run.json().as_array().unwrap().len(), 1);
    let run = shop.run(["discover", "--findings", "findings/0001.json", "--format", "json"]).ok();
    assert_eq!(run.json()[0]["column"], "mail");
}
