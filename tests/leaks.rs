//! A raw cell of a masked column, and a key in any spelling, turn up nowhere but in the raw lake and in answers to
//! queries on raw tables: not in output, logs, errors, receipts, manifests, plans, published or temporary files.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::support::binary::{Run, Sandbox};
use crate::support::canary::Canary;
use crate::support::lake::{Table, gzip};
use crate::support::shop::{KEY, KEY_BASE64, SNAPPY, Shop, files_below};

const NAMES: [&str; 3] = ["Canaria Nightingale", "Zacharias Featherstone", "Wilhelmina Kestrel-Jay"];
const MAILS: [&str; 3] = ["canaria.n@example.org", "z.feather@example.com", "wilhelmina@example.net"];
const CITIES: [&str; 3] = ["Canary Wharf E14", "Sparrowhawk Bay", "Upper Heronsgate"];

fn canary() -> Canary {
    Canary::new()
        .cells("person.name", NAMES)
        .cells("person.mail", MAILS)
        .cells("person.city", CITIES)
        .key("default", KEY)
        .key("other", OTHER_KEY.as_bytes())
}

const OTHER_KEY: &str = "the-other-canary-key-bytes";

/// A lake in which names, mails and the cities of partition folders are masked, at the most talkative log level.
fn lake() -> Shop {
    let mut shop = Shop::in_sandbox(Sandbox::new().with("OTHER_KEY", OTHER_KEY).with("SALTLAKE_LOG", "trace"));
    for (index, city) in CITIES.iter().enumerate() {
        let id = i64::try_from(index).unwrap();
        let table = Table::new().bigint("id", [Some(id)]).text("name", [NAMES[index]]).text("mail", [MAILS[index]]);
        let folder = city.replace(' ', "%20");
        shop = shop.file(&format!("person/city={folder}/LOAD00000001.parquet"), table.encode(SNAPPY));
    }
    shop.reported("person", &[("NAME", "$.name"), ("ADDRESS", "$.city")])
        .reported_custom("person", "mail address", "$.mail")
        .declared("person", &[("id", "keep"), ("mail", "hmac_hash('other')")])
        .settings("[keys.other]\nsecret = \"env:OTHER_KEY\"\nencoding = \"utf8\"")
}

/// Fails the test if anything that a person or a log collector sees holds a canary.
#[track_caller]
fn is_silent(run: &Run) {
    canary().assert_clean("stdout", &run.stdout);
    canary().assert_clean("stderr", &run.stderr);
}

/// Everything on the disk but the raw lake and the key's file.
#[track_caller]
fn disk_is_clean(shop: &Shop) {
    canary().assert_clean_below(shop.sandbox.root(), &["work/lake", "work/default.key", "output"]);
}

#[test]
fn the_whole_way_shows_no_cell_and_no_key() {
    let shop = lake();
    for arguments in [
        &["tables"][..],
        &["config"],
        &["config", "--format", "json"],
        &["discover"],
        &["discover", "--format", "json"],
        &["plan"],
        &["plan", "--explain"],
        &["plan", "--format", "json"],
        &["plan", "-o", "sql"],
        &["run", "sql/person.sql"],
        &["mask"],
        &["verify"],
        &["tables"],
        &["query", "SELECT * FROM dataset_masked.person"],
        &["query", "SELECT * FROM dataset_masked.person", "--format", "csv", "-o", "result.csv"],
        &["query", "SELECT * FROM saltlake.findings"],
        &["query", "SELECT salt_hash(name), hmac_hash(mail, 'other') FROM dataset.person"],
        &["query", "SELECT count(*) FROM dataset.person WHERE mail LIKE '%@%'"],
        &["functions"],
        &["init", "--dir", "fresh"],
    ] {
        let run = shop.sandbox.run(arguments).ok();
        is_silent(&run);
    }
    disk_is_clean(&shop);
    let logged = shop.run(["mask"]).ok().stderr();
    assert!(logged.contains("INFO mask: written"), "the log was on:\n{logged}");
}

#[test]
fn explain_shows_no_key() {
    let shop = lake();
    shop.run(["mask"]).ok();
    for format in ["", "VERBOSE ", "ANALYZE ", "ANALYZE VERBOSE "] {
        for query in [
            "SELECT salt_hash(name), hmac_hash(mail, 'other') FROM dataset.person",
            "SELECT id FROM dataset_masked.person WHERE name = salt_hash('somebody')",
            "SELECT salt_hash(NULL), salt_hash(''), hmac_hash(5, 'other')",
        ] {
            let run = shop.run(["query", &format!("EXPLAIN {format}{query}"), "--format", "json"]).ok();
            let keys = Canary::new().key("default", KEY).key("other", OTHER_KEY.as_bytes());
            keys.assert_clean("stdout", &run.stdout);
            keys.assert_clean("stderr", &run.stderr);
        }
    }
    for query in ["SHOW ALL", "SELECT * FROM information_schema.df_settings", "SHOW FUNCTIONS"] {
        is_silent(&shop.run(["query", query]).ok());
    }
}

/// Queries that fail in the middle of raw cells.
const FAILING_QUERIES: &[&str] = &[
    "SELECT CAST(mail AS INT) FROM dataset.person",
    "SELECT CAST(name AS DATE) FROM dataset.person",
    "SELECT CAST(name AS TIMESTAMP) FROM dataset.person",
    "SELECT CAST(name AS BOOLEAN) FROM dataset.person",
    "SELECT CAST(name AS DECIMAL(9, 2)) FROM dataset.person",
    "SELECT CAST(city AS INT) FROM dataset.person",
    "SELECT id FROM dataset.person WHERE CAST(city AS INT) > 5",
    "SELECT id FROM dataset.person WHERE CAST(mail AS INT) > 5",
    "SELECT id FROM dataset.person ORDER BY CAST(mail AS INT)",
    "SELECT max(CAST(mail AS INT)) FROM dataset.person",
    "SELECT p.id FROM dataset.person p JOIN dataset.person q ON CAST(p.mail AS INT) = q.id",
    "SELECT to_timestamp(mail) FROM dataset.person",
    "SELECT to_date(mail) FROM dataset.person",
    "SELECT to_date('2026-01-01', mail) FROM dataset.person",
    "SELECT to_char(now(), mail) FROM dataset.person",
    "SELECT date_part(mail, now()) FROM dataset.person",
    "SELECT date_trunc(mail, now()) FROM dataset.person",
    "SELECT digest('x', mail) FROM dataset.person",
    "SELECT encode('x', mail) FROM dataset.person",
    "SELECT decode(mail, 'hex') FROM dataset.person",
    "SELECT decode(mail, 'base64') FROM dataset.person",
    "SELECT regexp_like('x', mail || '(') FROM dataset.person",
    "SELECT regexp_replace('x', 'x', 'y', mail) FROM dataset.person",
    "SELECT regexp_match('x', mail || '[') FROM dataset.person",
    "SELECT arrow_cast(id, mail) FROM dataset.person",
    "SELECT get_field(named_struct('a', 1), mail) FROM dataset.person",
    "SELECT chr(CAST(mail AS BIGINT)) FROM dataset.person",
    "SELECT INTERVAL '1' DAY * CAST(mail AS DOUBLE) FROM dataset.person",
    "SELECT CAST(mail AS INTERVAL) FROM dataset.person",
    "SELECT id / (id - id) FROM dataset.person WHERE name LIKE '%a%'",
    "SELECT mail[1].x FROM dataset.person",
    "SELECT make_date(2026, 1, CAST(mail AS INT)) FROM dataset.person",
    "SELECT repeat(mail, 99999999999999) FROM dataset.person",
    "SELECT CASE mail WHEN 1 THEN 2 END FROM dataset.person",
    "SELECT nothing FROM dataset.person",
    "SELECT salt_hash(mail, name) FROM dataset.person",
    "SELECT salt_hash(mail, 'no such key') FROM dataset.person",
    "SELECT (SELECT mail FROM dataset.person) FROM dataset.person",
    "SELECT mail FROM dataset.person WHERE mail = ",
];

#[test]
fn a_failing_query_quotes_no_cell() {
    let shop = lake();
    let mut failed = 0;
    for query in FAILING_QUERIES {
        let run = shop.run(["query", query, "--format", "csv"]);
        canary().assert_clean(&format!("stderr of {query}"), &run.stderr);
        if run.code() != Some(0) {
            failed += 1;
            canary().assert_clean(&format!("stdout of {query}"), &run.stdout);
        }
    }
    assert!(failed * 10 >= FAILING_QUERIES.len() * 8, "{failed} of {} failed", FAILING_QUERIES.len());
    disk_is_clean(&shop);
}

/// Every function of the engine, called with cells it was not made for: what [`engine_fault`] says of the error.
///
/// [`engine_fault`]: saltlake::engine::fault::engine_fault
#[test]
fn no_function_of_the_engine_gets_a_cell_into_an_error() {
    let text = |cells: [&str; 3]| Arc::new(StringArray::from(cells.to_vec())) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("name", text(NAMES)), ("mail", text(MAILS))]).unwrap();
    let context = SessionContext::new_with_config(SessionConfig::new().with_information_schema(true));
    context.register_batch("person", batch).unwrap();
    let arguments = [
        "",
        "mail",
        "mail, name",
        "'x', mail",
        "mail, 1",
        "1, mail",
        "mail, name, mail",
        "'x', 'y', mail",
        "now(), mail",
        "mail, now()",
        "1, 1, mail",
        "mail, 1, 1",
        "'x', 'x', 'x', mail",
        "make_array(mail), name",
        "make_array(1), mail",
        "named_struct('a', 1), mail",
    ];
    let (failed, leaks) = crate::support::shelf::wait(async move {
        let listed = context.sql("SELECT DISTINCT routine_name FROM information_schema.routines").await.unwrap();
        let names: Vec<String> = crate::support::lake::rows(
            &arrow::compute::concat_batches(&listed.schema().inner().clone(), &listed.collect().await.unwrap())
                .unwrap(),
        )
        .into_iter()
        .filter_map(|row| row[0].clone())
        .collect();
        assert!(names.len() > 150, "{names:?}");
        let (mut failed, mut leaks) = (0, Vec::new());
        for name in names {
            for arguments in arguments {
                let sql = format!("SELECT \"{name}\"({arguments}) FROM person");
                let done = match context.sql(&sql).await {
                    Ok(frame) => frame.collect().await.map(|_| ()),
                    Err(error) => Err(error),
                };
                if let Err(error) = done {
                    failed += 1;
                    let said = saltlake::engine::fault::engine_fault(&error);
                    let said = format!("{said}\n{said:?}");
                    leaks.extend(canary().leaks_in(&sql, said.as_bytes()));
                }
            }
        }
        (failed, leaks)
    });
    assert!(failed > 1_000, "{failed} calls failed");
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

#[test]
fn failing_runs_quote_no_cell() {
    let shop = lake();
    shop.run(["mask"]).ok();
    for sql in [
        "CREATE TABLE dataset_masked.t AS SELECT mail FROM dataset.person",
        "CREATE TABLE dataset_masked.t AS SELECT salt_hash(CAST(mail AS INT)) AS m FROM dataset.person",
        "CREATE TABLE dataset_masked.t AS SELECT id FROM dataset.person WHERE CAST(name AS INT) > 1",
        "CREATE TABLE dataset_masked.t WITH (partitioned_by = ARRAY['m']) AS SELECT id, salt_hash(CAST(city AS INT)) AS m FROM dataset.person",
        "CREATE TABLE dataset_masked.t AS SELECT id, random() AS r FROM dataset.person",
        "SELECT CAST(mail AS INT) FROM dataset.person; DROP TABLE dataset_masked.person",
        "SELECT 1; INSERT INTO dataset.person SELECT * FROM dataset.person",
    ] {
        let run = shop.script(sql);
        assert_ne!(run.code(), Some(0), "{}", run.transcript());
        is_silent(&run);
    }
    disk_is_clean(&shop);
}

#[test]
fn corrupt_files_are_reported_without_what_is_readable_in_them() {
    let lines: String =
        NAMES.iter().map(|name| format!("{{\"id\": 1, \"name\": \"{name}\", \"mail\": oops\n")).collect();
    let csv: String = NAMES.iter().map(|name| format!("1,{name},too,many\n")).collect();
    let mut parquet = Table::new().text("name", NAMES.iter().cycle().take(900)).encode(SNAPPY);
    let half = parquet.len() / 2;
    parquet[8..half].fill(0x41);
    for (file, bytes) in [
        ("t/a.json", lines.clone().into_bytes()),
        ("t/a.csv", format!("id,name\n{csv}").into_bytes()),
        ("t/a.json.gz", gzip(lines.as_bytes())),
        ("t/a.parquet", parquet.clone()),
        ("t/a.parquet", parquet[..half].to_vec()),
        ("t/a.txt", NAMES.join("\n").into_bytes()),
        ("t/a.avro", format!("Obj\u{1}{csv}").into_bytes()),
    ] {
        let shop = lake().file(file, bytes).settings("[plan]\nunreported = \"keep\"");
        for arguments in [&["mask"][..], &["plan"], &["tables"], &["query", "SELECT max(name) FROM dataset.t"]] {
            let run = shop.sandbox.run(arguments);
            if run.code() != Some(0) {
                is_silent(&run);
            }
        }
        assert_ne!(shop.run(["mask"]).code(), Some(0), "{file}");
        disk_is_clean(&shop);
    }
    // Findings may quote nothing of the data, but what stands in a broken file may be anything.
    let shop = lake();
    shop.sandbox.write("findings/broken.json", format!("{{\"findings\": [{{\"id\": \"{}\"", MAILS[0]));
    let run = shop.run(["mask"]);
    assert_ne!(run.code(), Some(0));
    is_silent(&run);
}

#[test]
fn a_failing_proof_quotes_no_cell() {
    let shop = lake();
    shop.run(["mask"]).ok();
    let files = files_below(&shop.sandbox.path("masked/person"));
    let file = files.iter().find(|path| path.extension().is_some_and(|extension| extension == "parquet")).unwrap();
    let size = std::fs::metadata(file).unwrap().len();
    std::fs::write(file, vec![0x42; usize::try_from(size).unwrap()]).unwrap();
    let run = shop.run(["verify"]);
    assert_ne!(run.code(), Some(0), "{}", run.transcript());
    is_silent(&run);
    let raw = Table::new().bigint("id", [Some(0)]).text("name", [NAMES[0]]).text("mail", [MAILS[0]]).encode(SNAPPY);
    std::fs::write(file, raw).unwrap();
    let run = shop.run(["verify"]).expect_code(3);
    is_silent(&run);
}

#[test]
fn keys_that_do_not_decode_and_settings_that_hold_secrets_are_not_quoted() {
    let mut shop = lake();
    for (stored, encoding) in [("!the-canary key!", "base64"), (KEY_BASE64, "hex")] {
        shop.sandbox.write("default.key", stored);
        shop.change_settings(
            "secret = \"file:default.key\"",
            &format!("secret = \"file:default.key\"\nencoding = \"{encoding}\""),
        );
        for arguments in [&["mask"][..], &["query", "SELECT salt_hash('x')"], &["verify"], &["config"]] {
            let run = shop.sandbox.run(arguments);
            is_silent(&run);
            Canary::new().cell("stored secret", stored).assert_clean("stderr", &run.stderr);
        }
        shop.change_settings(&format!("\nencoding = \"{encoding}\""), "");
    }
    shop.change_settings("secret = \"env:OTHER_KEY\"", &format!("secret = \"{OTHER_KEY}\""));
    for command in ["config", "mask", "tables"] {
        let run = shop.run([command]).expect_code(2);
        is_silent(&run);
    }
}

#[test]
fn an_interrupted_run_leaves_no_cell_behind() {
    let rows = 150_000;
    let names: Vec<String> = (0..rows).map(|n| format!("{} the {n}th", NAMES[n % 3])).collect();
    let table = Table::new().bigint("id", (0..rows).map(|n| i64::try_from(n).ok())).text("name", &names);
    let shop = lake()
        .file("zz_big/LOAD00000001.parquet", table.encode_in_groups(40_000))
        .reported("zz_big", &[("NAME", "$.name")])
        .declared("zz_big", &[("id", "keep")]);
    let mut running = shop.sandbox.spawn(["mask"]);
    running.wait_for("mask: writing table=dataset_masked.zz_big");
    is_silent(&running.interrupt().expect_code(130));
    disk_is_clean(&shop);
    let mut running = shop.sandbox.spawn(["mask"]);
    running.wait_for("mask: writing table=dataset_masked.zz_big");
    is_silent(&running.kill_after(std::time::Duration::ZERO));
    disk_is_clean(&shop);
}

#[test]
fn operators_that_run_out_of_memory_leave_no_spilled_cells() {
    let rows = 60_000;
    let names: Vec<String> = (0..rows).map(|n| format!("{} the {n}th", NAMES[n % 3])).collect();
    let shop = lake().file("zz_big/a.parquet", Table::new().text("name", &names).encode(SNAPPY));
    for sql in [
        "SELECT count(*) FROM (SELECT name FROM dataset.zz_big ORDER BY name)",
        "SELECT count(*) FROM (SELECT name, array_agg(name) FROM dataset.zz_big GROUP BY name)",
        "SELECT count(*) FROM dataset.zz_big a JOIN dataset.zz_big b ON a.name = b.name",
    ] {
        let run = shop.run(["--set", "engine.memory=1MiB", "query", sql]);
        is_silent(&run);
        disk_is_clean(&shop);
    }
}
