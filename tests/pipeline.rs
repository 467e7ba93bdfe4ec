//! The whole way on a folder, without a cloud: what goes in, what comes out, and what a person is told.

mod formats;
mod names;
mod query;
mod rules;
mod scripts;

use crate::support::binary::Sandbox;
use crate::support::hash::{hmac_hashes, salt_hashes};
use crate::support::lake::{Table, rows};
use crate::support::shop::{KEY, Shop, customers, files_below};

#[test]
fn discover_shows_where_personal_data_is() {
    let shop = Shop::usual();
    let table = shop.run(["discover"]).ok();
    let json = shop.run(["discover", "--format", "json"]).ok();
    shop.sandbox.snapshots().bind(|| {
        insta::assert_snapshot!("discover_table", table.transcript());
        insta::assert_snapshot!("discover_json", json.transcript());
    });
    let found = json.json();
    let columns: Vec<_> =
        found.as_array().unwrap().iter().map(|one| format!("{}.{}", one["table"], one["column"])).collect();
    assert_eq!(
        columns,
        [
            "\"dataset.account\".\"iban\"",
            "\"dataset.account\".\"owner\"",
            "\"dataset.customer\".\"mail\"",
            "\"dataset.customer\".\"name\""
        ]
    );
}

#[test]
fn plan_prints_scripts_explains_them_and_writes_them_to_a_folder() {
    let shop = Shop::usual();
    let sql = shop.run(["plan"]).ok();
    let explained = shop.run(["plan", "--explain"]).ok();
    let json = shop.run(["plan", "--format", "json"]).ok();
    let mut snapshots = shop.sandbox.snapshots();
    // Scripts name the masked folder, so their hash is another one in every sandbox.
    snapshots.add_filter(r#""hash": "[0-9a-f]{64}""#, "\"hash\": \"[HASH]\"");
    snapshots.bind(|| {
        insta::assert_snapshot!("plan_sql", sql.transcript());
        insta::assert_snapshot!("plan_explain", explained.transcript());
        insta::assert_snapshot!("plan_json", json.transcript());
    });
    shop.run(["plan", "-o", "sql"]).ok();
    let written: String =
        files_below(&shop.sandbox.path("sql")).iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert_eq!(written.replace("\n\n", "\n"), sql.stdout().replace("\n\n", "\n"));
    assert_eq!(shop.run(["plan"]).ok().stdout, sql.stdout, "the same input gives the same bytes");
}

#[test]
fn masking_publishes_tokens_that_any_other_tool_computes() {
    let shop = Shop::usual();
    let run = shop.run(["mask"]).ok();
    assert!(run.stdout().contains("dataset_masked.customer"), "{}", run.transcript());
    let tokens = |values: &[&str]| salt_hashes(values, KEY);
    let names = tokens(&["Ada Lovelace", "Åsa Lind", ""]);
    let mails = tokens(&["ada.lovelace@example.org", "asa.lind@example.com", "nobody@example.net"]);
    let some = |text: &str| Some(text.to_owned());
    let expected = [
        vec![some("id"), some("name"), some("mail"), some("segment")],
        vec![some("1"), some(&names[0]), some(&mails[0]), some("gold")],
        vec![some("2"), some(&names[1]), some(&mails[1]), some("silver")],
        vec![some("3"), None, some(&mails[2]), some("gold")],
        vec![some("4"), some(&names[2]), None, None],
    ];
    assert_eq!(shop.masked_rows("customer"), expected, "NULL stays NULL and the empty text is hashed");
    assert_eq!(shop.masked_column("account", "amount"), [some("12.5"), some("-3.0"), None]);
}

#[test]
fn every_keyed_function_agrees_with_another_implementation_and_keys_are_told_apart() {
    let shop = Shop::new()
        .table("t", &Table::new().text("a", ["x", "ü", ""]).text("b", ["x", "ü", ""]).text("c", ["x", "ü", ""]))
        .reported("t", &[("NAME", "$.a"), ("NAME", "$.b"), ("NAME", "$.c")])
        .declared("t", &[("b", "hmac_hash"), ("c", "salt_hash('other')")])
        .settings("[keys.other]\nsecret = \"env:OTHER_KEY\"\nencoding = \"utf8\"\n");
    let shop = shop.with("OTHER_KEY", "another key of enough bytes");
    shop.run(["mask"]).ok();
    let sorted = |mut tokens: Vec<String>| {
        tokens.sort();
        tokens
    };
    let column = |name| sorted(shop.masked_column("t", name).into_iter().map(Option::unwrap).collect());
    let values = ["x", "ü", ""];
    assert_eq!(column("a"), sorted(salt_hashes(&values, KEY)));
    assert_eq!(column("b"), sorted(hmac_hashes(&values, KEY)));
    assert_eq!(column("c"), sorted(salt_hashes(&values, b"another key of enough bytes")));
}

#[test]
fn joins_on_masked_columns_find_what_joins_on_raw_ones_find() {
    let shop = Shop::usual();
    shop.run(["mask"]).ok();
    let join = |database: &str| {
        shop.query(&format!(
            "SELECT c.id AS customer, a.id AS account FROM {database}.customer c JOIN {database}.account a \
             ON c.mail = a.owner ORDER BY 1, 2"
        ))
    };
    assert_eq!(join("dataset_masked"), ["customer,account", "1,10", "1,30", "2,20"]);
    assert_eq!(join("dataset"), join("dataset_masked"));
}

#[test]
fn a_number_and_its_text_give_the_same_token_in_different_tables() {
    let numbers = || [Some(5), Some(-7), None];
    let shop = Shop::new()
        .table("a", &Table::new().int("key", numbers().map(|n| n.map(|n| n as i32))))
        .table("b", &Table::new().bigint("key", numbers()))
        .table("c", &Table::new().texts("key", [Some("5"), Some("-7"), None]))
        .reported("a", &[("NAME", "$.key")])
        .reported("b", &[("NAME", "$.key")])
        .reported("c", &[("NAME", "$.key")]);
    shop.run(["mask"]).ok();
    assert_eq!(shop.masked_column("a", "key"), shop.masked_column("c", "key"));
    assert_eq!(shop.masked_column("b", "key"), shop.masked_column("c", "key"));
    let joined = shop.cell(
        "SELECT count(*) FROM dataset_masked.a JOIN dataset_masked.b ON a.key = b.key \
         JOIN dataset_masked.c ON b.key = c.key",
    );
    assert_eq!(joined, "2");
}

#[test]
fn running_the_written_scripts_gives_what_mask_gives() {
    let (masked, scripted) = (Shop::usual(), Shop::usual());
    masked.run(["mask"]).ok();
    scripted.run(["plan", "-o", "sql"]).ok();
    let run = scripted.run(["run", "sql/account.sql", "sql/customer.sql"]).ok();
    assert!(run.stdout().contains("published version"), "{}", run.transcript());
    for table in ["account", "customer"] {
        assert_eq!(masked.masked_rows(table), scripted.masked_rows(table));
    }
    let hash = |shop: &Shop| {
        let receipt = shop.receipt();
        (receipt["plan_hash"].clone(), receipt["tables"]["customer"]["checks"]["row_hash"].clone())
    };
    assert_eq!(hash(&masked).1, hash(&scripted).1);
    assert_eq!(scripted.receipt()["command"], "run");
}

#[test]
fn masking_again_replaces_the_version_and_keeps_its_rows() {
    let shop = Shop::usual();
    shop.run(["mask"]).ok();
    let (first, rows) = (shop.version(), shop.masked_rows("customer"));
    shop.run(["mask"]).ok();
    assert_ne!(shop.version(), first);
    assert_eq!(shop.masked_rows("customer"), rows);
    assert_eq!(shop.versions().len(), 2, "the version before stays for its grace period");
}

#[test]
fn a_replaced_version_goes_after_its_grace_period() {
    let shop = Shop::usual().with("SALTLAKE_MASKED_GRACE", "0s");
    for _ in 0..3 {
        shop.run(["mask"]).ok();
    }
    assert_eq!(shop.versions(), [shop.version().unwrap()]);
}

#[test]
fn the_receipt_says_what_was_done_to_what_with_which_key() {
    let shop = Shop::usual();
    shop.run(["mask"]).ok();
    let receipt = shop.receipt();
    assert_eq!(receipt["saltlake"], env!("CARGO_PKG_VERSION"));
    assert_eq!(receipt["command"], "mask");
    assert_eq!(receipt["version"], shop.version().unwrap());
    assert_eq!(receipt["plan_hash"].as_str().unwrap().len(), 64);
    assert_eq!(receipt["findings"]["counts"]["mapped"], 4);
    let customer = &receipt["tables"]["customer"];
    let source = &customer["sources"][0];
    let file = shop.sandbox.path("lake/customer/LOAD00000001.parquet");
    assert_eq!(source["path"], file.display().to_string());
    assert_eq!(source["bytes"], std::fs::metadata(&file).unwrap().len());
    assert!(source["etag"].is_string());
    assert_eq!(customer["rows"], 4);
    assert_eq!(customer["masks"]["mail"], "salt_hash(…)");
    assert_eq!(customer["keys"]["default"]["source"], "file");
    assert!(customer["keys"]["default"]["fingerprint"].is_string());
    assert_eq!(customer["checks"]["nulls"], serde_json::json!({"id": 0, "name": 1, "mail": 1, "segment": 1}));
    assert_eq!(customer["checks"]["unmasked_cells"], 0);
    let columns: Vec<_> = receipt["columns"].as_array().unwrap().iter().collect();
    assert_eq!(columns.len(), 8, "every raw column is decided");
    assert_eq!(columns[0]["column"], "dataset.account.id");
    assert_eq!(columns[0]["action"], "keep");
}

#[test]
fn verify_repeats_the_proof_for_all_tables_or_one() {
    let shop = Shop::usual();
    let before = shop.run(["verify"]).expect_code(1);
    assert!(before.stderr().contains("saltlake mask"), "{}", before.transcript());
    shop.run(["mask"]).ok();
    let all = shop.run(["verify"]).ok().stdout();
    for table in ["dataset_masked.account", "dataset_masked.customer"] {
        assert!(all.lines().any(|line| line.starts_with(table) && line.ends_with("ok")), "{all}");
    }
    for name in ["customer", "dataset_masked.customer"] {
        let one = shop.run(["verify", name]).ok().stdout();
        assert!(one.contains("dataset_masked.customer") && !one.contains("account"), "{one}");
    }
    shop.run(["verify", "nothing"]).expect_code(2);
}

#[test]
fn verify_catches_a_changed_masked_file() {
    let shop = Shop::usual();
    shop.run(["mask"]).ok();
    let file = files_below(&shop.sandbox.path("masked/customer")).remove(0);
    let other =
        Table::new().bigint("id", [Some(1)]).texts("name", [None]).texts("mail", [None]).texts("segment", [None]);
    std::fs::write(&file, other.encode(crate::support::shop::SNAPPY)).unwrap();
    let run = shop.run(["verify", "customer"]).expect_code(3);
    assert!(run.stderr().contains("dataset_masked.customer"), "{}", run.transcript());
    shop.run(["verify", "account"]).ok();
}

#[test]
fn verify_holds_a_table_whose_source_went_on_against_its_receipt() {
    let shop = Shop::usual();
    shop.run(["mask"]).ok();
    let more = customers().encode(crate::support::shop::SNAPPY);
    shop.sandbox.write("lake/customer/LOAD00000002.parquet", more);
    let run = shop.run(["verify"]).ok();
    assert!(run.stdout().contains("receipt (the raw table has changed since)"), "{}", run.transcript());
    std::fs::remove_dir_all(shop.sandbox.path("lake/customer")).unwrap();
    let run = shop.run(["verify", "customer"]).ok();
    assert!(run.stdout().contains("receipt"), "a raw table that is gone: {}", run.transcript());
}

#[test]
fn tables_lists_raw_and_masked_ones() {
    let shop = Shop::usual();
    let raw = shop.run(["tables"]).ok().stdout();
    assert!(raw.contains("dataset.customer") && !raw.contains("dataset_masked"), "{raw}");
    shop.run(["mask"]).ok();
    let both = shop.run(["tables"]).ok().stdout();
    let line = both.lines().find(|line| line.starts_with("dataset_masked.customer")).unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words[1..4], ["parquet", "4", "1"], "{both}");
}

#[test]
fn the_functions_reference_is_printed_whole_and_by_name() {
    let sandbox = Sandbox::new();
    let all = sandbox.run(["functions"]).ok();
    sandbox.snapshots().bind(|| insta::assert_snapshot!("functions", all.stdout()));
    let one = sandbox.run(["functions", "mask_email"]).ok().stdout();
    assert!(one.starts_with("## mask_email\n") && all.stdout().contains(&one), "{one}");
    let none = sandbox.run(["functions", "mask_mail"]).expect_code(2);
    assert!(none.stderr().contains("did you mean `mask_email`?"), "{}", none.transcript());
}

#[test]
fn init_writes_settings_that_config_prints() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(["init"]).ok();
    assert!(run.stdout().contains("saltlake.toml"), "{}", run.transcript());
    let config = sandbox.run(["config"]).ok().stdout();
    assert!(config.contains("[lake]") && config.contains("database = \"dataset\" # default"), "{config}");
    sandbox.run(["init"]).expect_code(2);
    sandbox.run(["init", "--force"]).ok();
    sandbox.write("saltlake.toml", "[lake]\nlocatoin = \"x\"\n");
    let wrong = sandbox.run(["config"]).expect_code(2);
    assert!(wrong.stderr().contains("`location`"), "{}", wrong.transcript());
}

#[test]
fn settings_are_found_upward_and_flags_win_over_variables_over_the_file() {
    let shop = Shop::usual();
    let nested = shop.sandbox.path("deep/below");
    std::fs::create_dir_all(&nested).unwrap();
    let config = shop.run(["--masked", "elsewhere", "config", "--format", "json"]).ok().json();
    let value = |name: &str| {
        let all = config.as_array().unwrap();
        all.iter().find(|one| one["setting"] == name).unwrap().clone()
    };
    assert_eq!(value("masked.location")["from"], "--masked");
    let shop = shop.with("SALTLAKE_LAKE_DATABASE", "raw");
    assert_eq!(shop.query("SELECT count(*) FROM raw.customer")[1], "4");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_saltlake"))
        .args(["query", "SELECT count(*) FROM dataset.customer", "--format", "csv"])
        .current_dir(&nested)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "count(*)\n4\n");
}

#[test]
fn a_run_of_queries_alone_publishes_nothing() {
    let shop = Shop::usual();
    let run = shop.script("SELECT count(*) AS n FROM dataset.customer;\nSELECT 'two' AS word;").ok();
    assert!(run.stdout().contains("| 4 |") && run.stdout().contains("| two  |"), "{}", run.transcript());
    assert_eq!(shop.version(), None);
}

#[test]
fn a_large_table_is_masked_row_by_row_in_many_row_groups() {
    let count = 150_000;
    let names: Vec<String> = (0..count).map(|n| format!("person {}", n % 1_000)).collect();
    let table = Table::new().bigint("id", (0..count).map(Some)).text("name", &names);
    let shop = Shop::new()
        .file("big/LOAD00000001.parquet", table.encode_in_groups(40_000))
        .reported("big", &[("NAME", "$.name")])
        .declared("big", &[("id", "keep")]);
    shop.run(["mask"]).ok();
    assert_eq!(shop.receipt()["tables"]["big"]["way"], "spliced");
    let batches = shop.masked("big");
    let read: Vec<_> = batches.values().flat_map(rows).collect();
    assert_eq!(read.len(), names.len());
    let tokens = salt_hashes(&names[..1_000], KEY);
    for row in read {
        let id: usize = row[0].as_ref().unwrap().parse().unwrap();
        assert_eq!(row[1].as_ref(), Some(&tokens[id % 1_000]));
    }
}
