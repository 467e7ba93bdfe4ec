//! The log of every statement of a role.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::{ask, hidden, lines, shop, told};
use crate::support::shop::{Shop, customers_of};

/// The lines of the log, file by file in the order of their names.
fn records(shop: &Shop) -> Vec<Value> {
    let mut paths: Vec<_> =
        fs::read_dir(shop.sandbox.path("audit")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let texts = paths.iter().filter(|path| path.extension().is_some_and(|name| name == "jsonl"));
    let texts: Vec<String> = texts.map(|path| fs::read_to_string(path).unwrap()).collect();
    texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_statement_has_a_line_when_it_starts_and_one_when_it_ends() {
    let shop = shop().with("USER", "ada");
    lines(&shop, "analyst", "SELECT id FROM dataset.customer WHERE segment = 'gold'");
    let records = records(&shop);
    let [started, finished] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(started["id"], finished["id"]);
    assert_eq!((&started["event"], &finished["event"]), (&json!("started"), &json!("finished")));
    for record in &records {
        assert_eq!((&record["user"], &record["role"]), (&json!("ada"), &json!("analyst")));
        assert_eq!(record["statement"], "SELECT id FROM dataset.customer WHERE segment = ?");
        assert_eq!(record["identity"], Value::Null, "nobody proved who is there");
    }
    assert_eq!((&started["outcome"], &started["rows_returned"]), (&Value::Null, &Value::Null));
    assert_eq!(finished["outcome"], "done");
    assert_eq!(finished["tables"], json!(["dataset.customer"]));
    assert_eq!((&finished["rows_returned"], &finished["error_code"]), (&json!(2), &Value::Null));
    assert!(finished["rows_read"].as_u64().unwrap() >= 2 && finished["bytes_read"].as_u64().unwrap() > 0);
    assert!(finished["policy_version"].as_str().is_some_and(|version| !version.is_empty()));
}

#[test]
fn the_version_changes_with_the_policy_only() {
    let mut shop = shop();
    let sql = "SELECT id FROM dataset.customer";
    lines(&shop, "analyst", sql);
    lines(&shop, "analyst", sql);
    shop.change_settings("segment = 'gold'", "segment = 'silver'");
    lines(&shop, "analyst", sql);
    let versions: Vec<_> = records(&shop).iter().map(|record| record["policy_version"].clone()).collect();
    assert_eq!(versions[1], versions[3]);
    assert_ne!(versions[3], versions[5]);
}

#[test]
fn each_way_to_end_has_its_outcome_and_code() {
    let shop = shop();
    for (sql, outcome, code) in [
        ("SELECT 1 AS one", "done", Value::Null),
        ("SELECT mail FROM dataset.customer", "usage", json!("42703")),
        ("SELECT * FROM dataset.account", "usage", json!("42P01")),
        ("DROP TABLE dataset.customer", "refused", json!("42501")),
        ("UNLOAD (SELECT 1 AS a) TO 'elsewhere'", "refused", json!("42501")),
        ("UNLOAD (SELECT 1 AS a) TO 'out/x'", "done", Value::Null),
    ] {
        ask(&shop, "analyst", sql);
        let last = records(&shop).pop().unwrap();
        assert_eq!((&last["event"], &last["outcome"]), (&json!("finished"), &json!(outcome)), "{sql}: {last}");
        assert_eq!(last["error_code"], code, "{sql}: {last}");
    }
    ask(&shop, "analyst", "SELECT CAST(segment AS INT) FROM dataset.customer").expect_code(1);
    assert_eq!(records(&shop).pop().unwrap()["outcome"], "failed");
}

#[test]
fn neither_values_of_statements_nor_cells_are_in_the_log() {
    let shop = shop();
    for role in ["admin", "analyst"] {
        for sql in [
            "SELECT * FROM dataset.customer WHERE name = 'canary-in-the-text'",
            "SELECT id FROM dataset.customer WHERE mail = 'ada.lovelace@example.org'",
            "SELECT 8675309867 AS n, $$canary-in-the-text$$ AS t -- canary-in-the-text",
            "SELECT CAST(name AS INT) FROM dataset.customer WHERE segment = 'canary-in-the-text'",
            "SELECT * FROM dataset.customer",
            "canary-in-the-text",
            "SELECT 'canary-in-the-text",
            "SELECT 'canary-in-the-text' /",
            "UNLOAD (SELECT 'canary-in-the-text' AS a) TO 'out/canary-in-the-text'",
        ] {
            ask(&shop, role, sql);
        }
    }
    assert!(records(&shop).len() > 20);
    let canary = hidden().cell("a text", "canary-in-the-text").cell("a number", "8675309867");
    canary.assert_clean_below(&shop.sandbox.path("audit"), &[]);
}

#[test]
fn a_log_that_cannot_be_written_lets_nothing_run() {
    let shop = shop().settings("[audit]\nfolder = \"blocked\"");
    shop.sandbox.write("blocked", "a file, no folder");
    shop.sandbox.write("script.sql", "UNLOAD (SELECT 1 AS a) TO 'out/x';");
    for role in ["analyst", "admin"] {
        let run = ask(&shop, role, "SELECT id FROM dataset.customer");
        told(run, 3, &["no statement runs that cannot be recorded", "[audit]"]);
        told(shop.run(["run", "script.sql", "--role", role]), 3, &["no statement runs that cannot be recorded"]);
    }
    assert!(!shop.sandbox.path("out").exists());
}

#[test]
fn a_log_among_tables_is_refused() {
    for folder in ["lake/audit", "lake", "masked/audit", "masked"] {
        let shop = shop().settings(&format!("[audit]\nfolder = \"{folder}\""));
        told(ask(&shop, "admin", "SELECT 1"), 3, &["the audit log would lie among the tables"]);
    }
}

#[test]
fn a_log_that_grew_is_set_aside_and_still_read() {
    let shop = shop().settings("[audit]\nrotate = \"1MiB\"");
    lines(&shop, "analyst", "SELECT 1 AS one");
    let path = shop.sandbox.path("audit/audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let copies = (1 << 20) / text.len();
    fs::write(&path, text.repeat(copies)).unwrap();
    lines(&shop, "analyst", "SELECT 2 AS two");
    let mut names: Vec<_> = fs::read_dir(shop.sandbox.path("audit"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().display().to_string())
        .filter(|name| name.ends_with(".jsonl"))
        .collect();
    names.sort();
    assert_eq!((names.len(), names[1].as_str()), (2, "audit.jsonl"), "{names:?}");
    assert!(names[0].starts_with("audit-"), "{names:?}");
    assert!(fs::metadata(&path).unwrap().len() < 1 << 16);
    let count = lines(&shop, "admin", "SELECT count(*) AS n FROM saltlake.audit WHERE role = 'analyst'");
    assert_eq!(count[1], (copies * 2 + 2).to_string());
}

#[test]
fn a_stopped_statement_is_recorded_as_interrupted() {
    let settings = "[roles.r.select]\n\"dataset.person\" = \"*\"\n\n[roles.admin]\nfull_access = true";
    let shop = Shop::new().table("person", &customers_of(20_000)).settings(settings);
    let endless = "SELECT count(*) AS n FROM dataset.person AS a, dataset.person AS b WHERE a.mail || b.mail = a.name";
    for role in ["r", "admin"] {
        let before = if role == "r" { 0 } else { records(&shop).len() };
        let running = shop.sandbox.spawn(["query", endless, "--role", role]);
        let started =
            || fs::read_to_string(shop.sandbox.path("audit/audit.jsonl")).map_or(0, |text| text.lines().count());
        while started() == before {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(300));
        let run = running.interrupt().expect_code(130);
        assert_eq!(run.stdout(), "");
        let last = records(&shop).pop().unwrap();
        assert_eq!((&last["event"], &last["outcome"]), (&json!("finished"), &json!("interrupted")), "{last}");
        assert_eq!((&last["role"], &last["rows_returned"]), (&json!(role), &json!(0)));
    }
}

#[test]
fn a_script_has_a_record_for_each_statement() {
    let shop = shop();
    shop.sandbox.write("script.sql", "SELECT 1 AS one;\nSELECT mail FROM dataset.customer;\nSELECT 3 AS three;");
    shop.run(["run", "script.sql", "--role", "analyst"]).expect_code(2);
    let ends: Vec<_> = records(&shop).into_iter().filter(|record| record["event"] == "finished").collect();
    let outcomes: Vec<_> = ends.iter().map(|record| record["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["done", "usage"]);
}

#[test]
fn full_access_is_recorded_and_so_is_its_masking() {
    let shop = shop();
    lines(&shop, "admin", "SELECT mail FROM dataset.customer");
    shop.sandbox.write(
        "script.sql",
        "CREATE TABLE dataset_masked.customer AS SELECT id, salt_hash(name) AS name, salt_hash(mail) AS mail, segment \
         FROM dataset.customer;\nSELECT count(*) AS n FROM dataset_masked.customer;",
    );
    shop.run(["run", "script.sql", "--role", "admin"]).ok();
    let ends: Vec<_> = records(&shop).into_iter().filter(|record| record["event"] == "finished").collect();
    assert_eq!(ends.len(), 3);
    assert!(ends.iter().all(|record| record["role"] == "admin" && record["outcome"] == "done"), "{ends:?}");
    assert_eq!((&ends[0]["rows_returned"], &ends[0]["tables"]), (&json!(4), &json!(["dataset.customer"])));
    assert_eq!(ends[1]["statement_kind"], "create");
    hidden().assert_clean_below(&shop.sandbox.path("audit"), &[]);
}

#[test]
fn an_administrator_reads_roles_grants_policies_and_the_log() {
    let shop = shop();
    lines(&shop, "analyst", "SELECT id FROM dataset.customer");
    let roles = "SELECT role, full_access, is_default FROM saltlake.roles ORDER BY role";
    let wanted = ["role,full_access,is_default", "admin,true,false", "analyst,false,false", "reader,false,false"];
    assert_eq!(lines(&shop, "admin", roles), wanted);
    let grants = lines(&shop, "admin", "SELECT principal, permissions FROM saltlake.grants ORDER BY principal");
    assert_eq!(grants[1..], ["role:analyst,SELECT", "role:analyst,SELECT", "role:reader,SELECT"]);
    let policies =
        "SELECT table_name, column_name, mask FROM saltlake.policies WHERE role = 'analyst' AND mask IS NOT NULL";
    assert_eq!(lines(&shop, "admin", policies)[1..], ["dataset.customer,name,\"substr(name, 1, 1)\""]);
    let log = "SELECT role, statement, outcome FROM saltlake.audit WHERE event = 'finished' AND role = 'analyst'";
    assert_eq!(lines(&shop, "admin", log)[1..], ["analyst,SELECT id FROM dataset.customer,done"]);
}

#[test]
fn for_a_granted_role_these_tables_are_not_there() {
    let shop = shop();
    for table in ["roles", "grants", "policies", "audit", "findings"] {
        let run = ask(&shop, "analyst", &format!("SELECT * FROM saltlake.{table}"));
        told(run, 2, &["42P01", "there is no such table"]);
    }
    let shown = lines(&shop, "analyst", "SHOW TABLES").join("\n");
    assert!(!shown.contains("saltlake"), "{shown}");
    let shop = shop.settings("[roles.all.select]\n\"saltlake.*\" = \"*\"\n\"dataset.*\" = \"*\"");
    told(ask(&shop, "all", "SELECT * FROM saltlake.audit"), 2, &["42P01"]);
}

#[test]
fn a_damaged_line_is_left_out_and_said() {
    let shop = shop();
    lines(&shop, "analyst", "SELECT 1 AS one");
    let path = shop.sandbox.path("audit/audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}{{\"id\": broken\n")).unwrap();
    let run = ask(&shop, "admin", "SELECT count(*) AS n FROM saltlake.audit WHERE role = 'analyst'").ok();
    assert_eq!(run.stdout(), "n\n2\n");
    assert!(run.stderr().contains("1 line(s) of the audit log are damaged"), "{}", run.transcript());
}

#[test]
fn a_killed_statement_has_begun_and_not_ended() {
    let settings = "[roles.r]\nlocations = [\"out\"]\n[roles.r.select]\n\"dataset.person\" = \"*\"";
    let shop = Shop::new().table("person", &customers_of(20_000)).settings(settings);
    let log = shop.sandbox.path("audit/audit.jsonl");
    let endless = "SELECT count(*) AS n FROM dataset.person AS a, dataset.person AS b WHERE a.mail || b.mail = a.name";
    let started = || fs::read_to_string(&log).is_ok_and(|text| text.ends_with('\n'));
    let run = shop.sandbox.spawn(["query", endless, "--role", "r"]).kill_when(started);
    assert!(run.was_killed());
    let events: Vec<_> = records(&shop).iter().map(|record| record["event"].clone()).collect();
    assert_eq!(events, [json!("started")]);
    // The next one begins a line of its own.
    lines(&shop, "r", "SELECT 1 AS one");
    assert_eq!(records(&shop).len(), 3);
}

#[test]
fn a_stopped_write_is_recorded_and_leaves_nothing() {
    let settings = "[roles.r]\nlocations = [\"out\"]\n[roles.r.select]\n\"dataset.person\" = \"*\"";
    let shop = Shop::new().table("person", &customers_of(20_000)).settings(settings);
    let create = "CREATE TABLE workspace.pairs AS SELECT a.mail AS a, b.mail AS b FROM dataset.person AS a, \
                  dataset.person AS b WHERE a.mail || b.mail <> a.name";
    let running = shop.sandbox.spawn(["query", create, "--role", "r"]);
    while !shop.sandbox.path("out").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    running.interrupt().expect_code(130);
    let last = records(&shop).pop().unwrap();
    assert_eq!((&last["event"], &last["outcome"]), (&json!("finished"), &json!("interrupted")), "{last}");
    assert_eq!(crate::support::shop::files_below(&shop.sandbox.path("out")).len(), 0);
    told(ask(&shop, "r", "SELECT count(*) FROM workspace.pairs"), 2, &["42P01"]);
}

#[test]
fn statements_at_the_same_time_lose_no_line() {
    let shop = shop();
    let sql = ["query", "SELECT id FROM dataset.customer", "--role", "analyst"];
    let running: Vec<_> = (0..6).map(|_| shop.sandbox.spawn(sql)).collect();
    for run in running {
        run.wait().ok();
    }
    let records = records(&shop);
    assert_eq!(records.len(), 12);
    for record in &records {
        let same = records.iter().filter(|other| other["id"] == record["id"]).count();
        assert_eq!(same, 2, "{record}");
    }
}

#[test]
fn a_reader_that_goes_away_is_recorded_as_an_interruption() {
    let settings = "[roles.r.select]\n\"dataset.person\" = \"*\"";
    let shop = Shop::new().table("person", &customers_of(20_000)).settings(settings);
    let run = shop.sandbox.shell(
        "\"$0\" query 'SELECT a.mail FROM dataset.person AS a ORDER BY a.mail' --role r --format csv | head -n 2",
    );
    assert_eq!((run.stdout().lines().count(), run.stderr().as_str()), (2, ""), "{}", run.transcript());
    let last = records(&shop).pop().unwrap();
    assert_eq!((&last["event"], &last["outcome"]), (&json!("finished"), &json!("interrupted")), "{last}");
}
