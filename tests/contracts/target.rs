//! The contract of `engine::target::Target`: one run at a time, a switch in one step, nothing deleted that a version
//! needs, nothing left that none needs.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use chrono::{DateTime, Utc};
use saltlake::engine::Hold;
use saltlake::engine::manifest::{Manifest, ManifestFile, ManifestTable, Retired};
use saltlake::engine::target::Target;
use saltlake::error::ErrorKind;

use super::place::{MASKED, Place, apart, wait_for};
use crate::support::moto::moto;
use crate::support::shelf::Shelf;

// Run ids sort by the time of their runs, as the program's do.
const DEAD: &str = "20260101T000000Z-dddddddd";
const FIRST: &str = "20260102T000000Z-aaaaaaaa";
const SECOND: &str = "20260103T000000Z-bbbbbbbb";
const THIRD: &str = "20260104T000000Z-cccccccc";

#[test]
fn a_target_keeps_its_contract_on_a_folder() {
    keeps_its_contract(Place::folder);
}

#[test]
fn a_target_keeps_its_contract_on_s3() {
    apart("contracts::target::a_target_keeps_its_contract_on_s3", || keeps_its_contract(Place::bucket));
}

fn keeps_its_contract(place: impl Fn(&[&str]) -> Place) {
    one_run_at_a_time_holds(&place(&[]));
    a_switch_is_seen_and_the_replaced_version_stays_for_its_grace(&place(&[]));
    a_carried_table_stays_for_ever(&place(&[]));
    debris_of_dead_runs_is_collected(&place(&[]));
    giving_up_deletes_what_the_run_wrote_and_nothing_else(&place(&[]));
}

/// Writes a table's only file.
fn write(place: &Place, run: &str, table: &str) -> ManifestTable {
    let path = format!("versions/{run}/{table}/part-0.bin");
    let mut file = place.parts(run).create(&path).unwrap();
    file.write_all(content(run, table).as_bytes()).unwrap();
    let (path, bytes) = file.finish().unwrap();
    ManifestTable {
        run: run.to_owned(),
        rows: 1,
        files: vec![ManifestFile { path, bytes, rows: 1 }],
        partition_columns: Vec::new(),
        masks: BTreeMap::new(),
        keys: BTreeMap::new(),
        sources: Vec::new(),
        row_hash: String::new(),
        query: String::new(),
    }
}

fn content(run: &str, table: &str) -> String {
    format!("{table} as {run} wrote it")
}

/// A version with these tables, which replaces `current` at `now`.
fn version(run: &str, tables: &[(&str, ManifestTable)], current: Option<&Manifest>, now: DateTime<Utc>) -> Manifest {
    let mut manifest = Manifest::empty(run, "dataset_masked", now);
    manifest.tables = tables.iter().map(|(name, table)| ((*name).to_owned(), table.clone())).collect();
    if let Some(current) = current {
        manifest.retired.clone_from(&current.retired);
        let (version, folders) = (current.version.clone(), current.folders());
        manifest.retired.push(Retired { version, replaced_at: now, folders });
    }
    manifest
}

/// Publishes a version whose tables are all its own.
fn publish(place: &Place, run: &str, tables: &[&str], current: Option<&Manifest>) -> Manifest {
    let target = place.target();
    let hold = place.run(target.hold(run));
    let tables: Vec<_> = tables.iter().map(|table| (*table, write(place, run, table))).collect();
    let manifest = version(run, &tables, current, Utc::now());
    place.run(target.switch(&hold, &manifest));
    place.run(hold.release(&target));
    manifest
}

/// Whether every file that a version names is there, with its content.
fn assert_readable(place: &Place, manifest: &Manifest) {
    for (name, table) in &manifest.tables {
        for file in &table.files {
            let found = place.shelf.find(&format!("{MASKED}{}", file.path));
            assert_eq!(found, Some(content(&table.run, name).into_bytes()), "{} of {}", file.path, manifest.version);
        }
    }
}

fn collect(place: &Place, run: &str, current: Option<&Manifest>, now: DateTime<Utc>) {
    let target = place.target();
    let hold = place.run(target.hold(run));
    place.run(target.collect(&hold, current, now));
    place.run(hold.release(&target));
}

fn one_run_at_a_time_holds(place: &Place) {
    let target = place.target();
    let hold = place.run(target.hold(FIRST));
    assert_eq!(hold.run(), FIRST);
    for _ in 0..2 {
        let error = place.fail(ErrorKind::Refused, target.hold(SECOND));
        assert!(error.to_string().contains(FIRST), "{error}");
    }
    place.run(hold.release(&target));
    // At once: a hold that was given back need not expire.
    let hold = place.run(target.hold(SECOND));
    place.fail(ErrorKind::Refused, target.hold(THIRD));
    place.run(hold.discard(&target));
    place.run(place.run(target.hold(THIRD)).release(&target));
    assert_eq!(place.run(target.current()), None);
}

fn a_switch_is_seen_and_the_replaced_version_stays_for_its_grace(place: &Place) {
    let target = place.target();
    assert_eq!(place.run(target.current()), None);
    let first = publish(place, FIRST, &["card", "bank"], None);
    assert_eq!(place.run(target.current()), Some(first.clone()));
    assert_eq!(place.run(target.manifest(FIRST)), first);
    let second = publish(place, SECOND, &["card"], Some(&first));
    assert_eq!(place.run(target.current()), Some(second.clone()));
    if let Shelf::Folder(root) = &place.shelf {
        // What a reader that knows only paths sees.
        let read = |table: &str| std::fs::read(root.join(MASKED).join(table).join("part-0.bin"));
        assert_eq!(read("card").unwrap(), content(SECOND, "card").into_bytes());
        assert!(read("bank").is_err(), "a table that the version does not have");
    }
    let soon = Utc::now() + chrono::Duration::minutes(59);
    collect(place, THIRD, Some(&second), soon);
    assert_readable(place, &first);
    assert_readable(place, &second);
    let later = Utc::now() + chrono::Duration::minutes(61);
    collect(place, THIRD, Some(&second), later);
    assert_eq!(place.files(&format!("versions/{FIRST}/")), [""; 0]);
    assert_readable(place, &second);
    assert_eq!(place.run(target.current()), Some(second));
}

fn a_carried_table_stays_for_ever(place: &Place) {
    let target = place.target();
    let first = publish(place, FIRST, &["card", "bank"], None);
    let hold = place.run(target.hold(SECOND));
    let tables = [("bank", first.tables["bank"].clone()), ("card", write(place, SECOND, "card"))];
    let second = version(SECOND, &tables, Some(&first), Utc::now());
    place.run(target.switch(&hold, &second));
    place.run(hold.release(&target));
    collect(place, THIRD, Some(&second), Utc::now() + chrono::Duration::days(400));
    assert_readable(place, &second);
    assert_eq!(place.files("versions/").iter().filter(|file| file.ends_with(".bin")).count(), 2);
    if let Shelf::Folder(root) = &place.shelf {
        let read = std::fs::read(root.join(MASKED).join("bank/part-0.bin"));
        assert_eq!(read.unwrap(), content(FIRST, "bank").into_bytes());
    }
}

fn debris_of_dead_runs_is_collected(place: &Place) {
    let first = publish(place, FIRST, &["card"], None);
    let debris = format!("{MASKED}versions/{DEAD}/card/part-0.bin");
    place.shelf.put(&debris, *b"half a file");
    if let Shelf::Bucket { name, .. } = &place.shelf {
        let (ended, other) = (format!("{MASKED}versions/{DEAD}/card/ended.bin"), "elsewhere/upload.bin");
        let urls = [ended.replace('%', "%25").replace(' ', "%20").replace('+', "%2B").replace('ü', "%C3%BC")];
        let ids = urls.each_ref().map(|url| moto().abandon_upload(name, url));
        for (number, id) in ids.iter().enumerate() {
            let entry = serde_json::json!({ "path": ended, "upload_id": id });
            place.shelf.put(&format!("{MASKED}_saltlake/journal/{DEAD}/{number}.json"), entry.to_string());
        }
        // One that ended just before its run died, and one that is none of our business.
        let gone = serde_json::json!({ "path": ended, "upload_id": "no-such-upload" });
        place.shelf.put(&format!("{MASKED}_saltlake/journal/{DEAD}/9.json"), gone.to_string());
        let foreign = moto().abandon_upload(name, other);
        collect(place, SECOND, Some(&first), Utc::now());
        assert_eq!(moto().unfinished_uploads(name), [foreign]);
        assert_eq!(place.files("_saltlake/journal/"), [""; 0]);
    } else {
        collect(place, SECOND, Some(&first), Utc::now());
    }
    assert_eq!(place.shelf.find(&debris), None);
    assert_readable(place, &first);
    // Bookkeeping is no debris.
    assert_eq!(place.run(place.target().current()), Some(first));
}

fn giving_up_deletes_what_the_run_wrote_and_nothing_else(place: &Place) {
    let target = place.target();
    let first = publish(place, FIRST, &["card"], None);
    let hold = place.run(target.hold(SECOND));
    write(place, SECOND, "card");
    write(place, SECOND, "bank");
    place.run(hold.discard(&target));
    assert_eq!(place.files(&format!("versions/{SECOND}/")), [""; 0]);
    assert_readable(place, &first);
    assert_eq!(place.run(target.current()), Some(first));
}

/// Takes a hold that nobody renews, as of a machine that sleeps: the threads that would renew it never run.
fn hold_asleep(place: &Place, run: &str, expiry: Duration) -> (Hold, Target) {
    let asleep = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let target = Target { hold_expiry: expiry, io: asleep.handle().clone(), ..place.target() };
    let hold = place.run(target.hold(run));
    std::mem::forget(asleep);
    (hold, target)
}

#[test]
fn a_live_run_keeps_its_hold_beyond_the_expiry_time() {
    apart("contracts::target::a_live_run_keeps_its_hold_beyond_the_expiry_time", || {
        let place = Place::bucket(&["masked.hold_expiry=2s"]);
        let target = place.target();
        let hold = place.run(target.hold(FIRST));
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(500));
            let error = place.fail(ErrorKind::Refused, target.hold(SECOND));
            assert!(error.to_string().contains(FIRST), "{error}");
        }
        let table = write(&place, FIRST, "card");
        let manifest = version(FIRST, &[("card", table)], None, Utc::now());
        place.run(target.switch(&hold, &manifest));
        place.run(target.collect(&hold, Some(&manifest), Utc::now()));
        place.run(hold.release(&target));
        assert_eq!(place.run(target.current()), Some(manifest));
    });
}

#[test]
fn a_run_that_died_is_replaced_after_the_expiry_time() {
    apart("contracts::target::a_run_that_died_is_replaced_after_the_expiry_time", || {
        let place = Place::bucket(&["masked.hold_expiry=2s"]);
        let target = place.target();
        let begun = std::time::Instant::now();
        // Dropped, not released: as when its process was killed.
        drop(place.run(target.hold(DEAD)));
        write(&place, DEAD, "card");
        place.fail(ErrorKind::Refused, target.hold(FIRST));
        let mut hold = None;
        wait_for("the hold's expiry", || {
            hold = place.engine.io().block_on(target.hold(FIRST)).ok();
            hold.is_some()
        });
        assert!(begun.elapsed() >= Duration::from_secs(2), "too early: {:?}", begun.elapsed());
        let hold = hold.unwrap();
        place.run(target.collect(&hold, None, Utc::now()));
        assert_eq!(place.files("versions/"), [""; 0]);
        place.run(hold.release(&target));
    });
}

#[test]
fn a_run_that_lost_its_hold_can_neither_switch_nor_delete() {
    apart("contracts::target::a_run_that_lost_its_hold_can_neither_switch_nor_delete", || {
        let place = Place::bucket(&[]);
        let first = publish(&place, DEAD, &["card"], None);
        let (old, old_target) = hold_asleep(&place, FIRST, Duration::from_secs(1));
        let stale = version(FIRST, &[("card", write(&place, FIRST, "card"))], Some(&first), Utc::now());
        std::thread::sleep(Duration::from_millis(1100));

        let target = place.target();
        let hold = place.run(target.hold(SECOND));
        let second = version(SECOND, &[("card", write(&place, SECOND, "card"))], Some(&first), Utc::now());

        // The old run wakes up while the new one still writes.
        let error = place.fail(ErrorKind::Refused, old_target.switch(&old, &stale));
        assert!(error.to_string().contains("took the masked location over"), "{error}");
        // Not even what is debris without doubt: by now that is the new run's to judge.
        let debris = format!("{MASKED}versions/20251231T000000Z-eeeeeeee/card/part-0.bin");
        place.shelf.put(&debris, *b"debris");
        place.fail(ErrorKind::Refused, old_target.collect(&old, Some(&stale), Utc::now()));
        assert!(place.shelf.find(&debris).is_some());
        assert_eq!(place.run(target.current()), Some(first.clone()));
        assert_readable(&place, &second);

        place.run(target.switch(&hold, &second));
        // It gives up, with a manifest in mind that is history by now.
        place.run(old.discard(&old_target));
        assert_eq!(place.files(&format!("versions/{FIRST}/")), [""; 0]);
        assert_eq!(place.run(target.current()), Some(second.clone()));
        assert_readable(&place, &second);
        assert_readable(&place, &first);
        // Nor did it give back what is not its own.
        place.fail(ErrorKind::Refused, target.hold(THIRD));
        place.run(target.collect(&hold, Some(&second), Utc::now()));
        place.run(hold.release(&target));
        assert_readable(&place, &second);
        assert_eq!(place.shelf.find(&debris), None);
    });
}

#[test]
fn a_run_that_switched_just_before_it_was_replaced_has_published() {
    apart("contracts::target::a_run_that_switched_just_before_it_was_replaced_has_published", || {
        let place = Place::bucket(&[]);
        let (old, old_target) = hold_asleep(&place, FIRST, Duration::from_secs(1));
        let first = version(FIRST, &[("card", write(&place, FIRST, "card"))], None, Utc::now());
        std::thread::sleep(Duration::from_millis(1100));
        // Expired, but nobody wanted the location: nothing speaks against it.
        place.run(old_target.switch(&old, &first));

        let target = place.target();
        let hold = place.run(target.hold(SECOND));
        assert_eq!(place.run(target.current()), Some(first.clone()));
        // The new run has begun to write; what the old one calls debris is not.
        let second = version(SECOND, &[("card", write(&place, SECOND, "card"))], Some(&first), Utc::now());
        let _ = place.engine.io().block_on(old_target.collect(&old, Some(&first), Utc::now()));
        assert_readable(&place, &second);
        place.run(target.switch(&hold, &second));
        assert_readable(&place, &second);
        place.run(hold.release(&target));
    });
}

#[test]
fn many_runs_at_once_have_one_holder_at_a_time() {
    apart("contracts::target::many_runs_at_once_have_one_holder_at_a_time", || {
        let place = Place::bucket(&[]);
        let target = place.target();
        let runs: Vec<String> = (0..8).map(|number| format!("20260105T000000Z-{number:08}")).collect();
        let attempts = runs.iter().map(|run| {
            let target = target.clone();
            async move { target.hold(run).await }
        });
        let results = place.run(async { Ok(futures::future::join_all(attempts).await) });
        let holds: Vec<Hold> = results.into_iter().filter_map(Result::ok).collect();
        assert_eq!(holds.len(), 1, "{holds:?}");
        for hold in holds {
            place.run(hold.release(&target));
        }
    });
}
