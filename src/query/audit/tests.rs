#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::{Int64Type, TimestampMillisecondType};

use super::*;

fn start(user: &str) -> Event {
    let mut event = Event::started(user, "analyst", "read");
    event.statement = Some("SELECT a FROM t WHERE b = ?".into());
    event.tables = vec!["shop.t".into(), "shop.\"u\"".into()];
    event
}

fn column(records: &Records, name: &str) -> Vec<Option<String>> {
    let column = records.batch.column_by_name(name).unwrap();
    column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_statement_leaves_two_lines_for_its_user_alone() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("new/audit");
    let log = AuditLog::open(&folder, 1 << 20).unwrap();
    let recording = log.record(Event { identity: Some("arn:aws:iam::1:user/a".into()), ..start("anna") }).unwrap();
    let id = recording.id().to_owned();
    let counts = Counts { rows_returned: 1, rows_read: 20, bytes_read: 300 };
    recording.finish(Outcome::Failed, counts, Some("22012".into())).unwrap();

    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join(FILE)), 0o600);
    let text = fs::read_to_string(folder.join(FILE)).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["event"], "started");
    assert_eq!(lines[0]["outcome"], serde_json::Value::Null);
    assert_eq!(lines[1]["event"], "finished");
    assert_eq!(lines[1]["outcome"], "failed");
    assert_eq!(lines[1]["error_code"], "22012");
    assert_eq!(lines[1]["rows_read"], 20);
    assert_eq!(lines[1]["tables"], serde_json::json!(["shop.t", "shop.\"u\""]));
    for line in &lines {
        assert_eq!(line["id"], id.as_str());
        let at = line["at"].as_str().unwrap();
        assert!(at.len() == 24 && at.ends_with('Z'), "{at}");
    }
    assert_eq!(Uuid::parse_str(&id).unwrap().get_version_num(), 7);
}

#[test]
fn the_log_is_a_table_in_the_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let log = AuditLog::open(folder.path(), 1 << 20).unwrap();
    let mut late = start("late");
    late.at = DateTime::from_timestamp_millis(2_000_000_000_123).unwrap();
    let mut early = start("early");
    early.at = DateTime::from_timestamp_millis(1_000_000_000_000).unwrap();
    early.rows_read = Some(7);
    early.outcome = Some(Outcome::Refused);
    log.append(&late).unwrap();
    log.append(&early).unwrap();

    let records = read_all(folder.path()).unwrap();
    assert_eq!(records.damaged, 0);
    assert_eq!(records.batch.schema(), schema());
    assert_eq!(column(&records, "user"), [Some("early".into()), Some("late".into())]);
    assert_eq!(column(&records, "outcome"), [Some("refused".into()), None]);
    assert_eq!(column(&records, "statement")[0].as_deref(), Some("SELECT a FROM t WHERE b = ?"));
    let at = records.batch.column_by_name("at").unwrap().as_primitive::<TimestampMillisecondType>();
    assert_eq!(at.values()[..], [1_000_000_000_000, 2_000_000_000_123]);
    let shown = arrow::util::display::array_value_to_string(at, 1).unwrap();
    assert_eq!(shown, "2033-05-18T03:33:20.123Z");
    let rows = records.batch.column_by_name("rows_read").unwrap().as_primitive::<Int64Type>();
    assert!(rows.value(0) == 7 && rows.is_null(1));
    let tables = records.batch.column_by_name("tables").unwrap().as_list::<i32>().value(0);
    assert_eq!(tables.as_string::<i32>().value(1), "shop.\"u\"");
}

#[test]
fn a_statement_that_nobody_finishes_was_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let log = AuditLog::open(folder.path(), 1 << 20).unwrap();
    let mut recording = log.record(start("anna")).unwrap();
    recording.counts_mut().rows_returned = 5;
    drop(recording);
    let records = read_all(folder.path()).unwrap();
    assert_eq!(column(&records, "outcome"), [None, Some("interrupted".into())]);
    let rows = records.batch.column_by_name("rows_returned").unwrap().as_primitive::<Int64Type>();
    assert_eq!(rows.value(1), 5);
}

#[test]
fn writers_at_the_same_time_lose_no_line_while_files_are_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            scope.spawn(move || {
                // Each has a log of its own, as processes have.
                let log = AuditLog::open(path, 2_000).unwrap();
                for number in 0..25 {
                    log.append(&start(&format!("{writer}/{number}"))).unwrap();
                }
            });
        }
        scope.spawn(move || {
            for _ in 0..20 {
                assert_eq!(read_all(path).unwrap().damaged, 0);
            }
        });
    });
    let records = read_all(path).unwrap();
    assert_eq!(records.damaged, 0);
    let users: BTreeSet<_> = column(&records, "user").into_iter().flatten().collect();
    assert_eq!((users.len(), records.batch.num_rows()), (200, 200));
    let mut files = 0;
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != LOCK {
            files += 1;
            assert!(entry.metadata().unwrap().len() <= 2_000);
            assert_eq!(mode(&entry.path()), 0o600);
        }
    }
    assert!(files > 10, "{files}");
}

#[test]
fn a_torn_line_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let log = AuditLog::open(folder.path(), 1 << 30).unwrap();
    let file = folder.path().join(FILE);
    log.append(&start("first")).unwrap();
    let whole = fs::read(&file).unwrap();
    // Torn in its middle, then after its last brace, then a line that is no event, then one that is too long.
    let half = &whole[..whole.len() / 2];
    fs::write(&file, [&whole, half].concat()).unwrap();
    log.append(&start("second")).unwrap();
    let unended = &whole[..whole.len() - 1];
    fs::write(&file, [fs::read(&file).unwrap(), unended.to_vec()].concat()).unwrap();
    assert_eq!(read_all(folder.path()).unwrap().damaged, 2);
    let endless = [b"{\"id\":\"", vec![b'x'; 3 << 20].as_slice(), b"\"}\n"].concat();
    fs::write(&file, [fs::read(&file).unwrap(), b"\n\n{\"id\": 1}\n\xff\n".to_vec(), endless].concat()).unwrap();
    log.append(&start("third")).unwrap();

    let records = read_all(folder.path()).unwrap();
    let users = column(&records, "user").into_iter().flatten().filter(|user| user != "first");
    assert_eq!(users.collect::<Vec<_>>(), ["second", "third"]);
    assert_eq!(records.damaged, 4);
}

#[test]
fn what_cannot_be_recorded_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = AuditLog::open(&path, 1 << 20).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("no statement runs that cannot be recorded"), "{error}");
    }
    let log = AuditLog::open(&folder.path().join("log"), 1 << 20).unwrap();
    fs::remove_dir_all(folder.path().join("log")).unwrap();
    assert_eq!(log.append(&start("anna")).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(log.record(start("anna")).unwrap_err().kind(), ErrorKind::Refused);

    let log = AuditLog::open(&folder.path().join("log"), 1 << 20).unwrap();
    let mut large = start("anna");
    large.tables = vec!["shop.table".into(); 200_000];
    assert_eq!(log.append(&large).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(fs::read(folder.path().join("log").join(FILE)).unwrap(), b"");
}

#[test]
fn a_log_that_is_not_there_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("missing")] {
        let records = read_all(&path).unwrap();
        assert_eq!((records.batch.num_rows(), records.damaged), (0, 0));
    }
    fs::write(folder.path().join("audit-notes.txt"), "{}").unwrap();
    assert_eq!(read_all(folder.path()).unwrap().damaged, 0);
}
