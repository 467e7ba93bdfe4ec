//! More than one at a time: two that write, and readers while somebody writes.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::world::{KEY_BASE64, OTHER_KEY_BASE64, Wing, World};
use crate::support::moto::moto;

fn hold(run: &str, expires_in: chrono::Duration) -> String {
    let now = chrono::Utc::now();
    json!({ "run": run, "process": 1, "renewed_at": now, "expires_at": now + expires_in }).to_string()
}

#[test]
fn a_location_that_another_run_holds_is_refused_and_one_whose_holder_died_is_not() {
    let world = World::usual(Wing::Folder, Wing::S3);
    world.run(["mask"]).ok();
    let (version, rows) = (world.version(), world.masked_rows("card"));
    let object = "masked/_saltlake/hold.json";
    world.masked.put(object, hold("20990101T000000Z-otherrun", chrono::Duration::minutes(5)));
    let run = world.run(["mask"]).expect_code(3);
    assert!(run.stderr().contains("20990101T000000Z-otherrun"), "{}", run.transcript());
    assert!(run.stderr().contains("hold_expiry"), "{}", run.transcript());
    assert_eq!(world.version(), version);
    // Readers do not care.
    assert_eq!(world.query("SELECT count(*) AS n FROM card"), ["n", "60"]);
    world.masked.put(object, hold("20990101T000000Z-otherrun", -chrono::Duration::seconds(1)));
    world.run(["mask"]).ok();
    assert_ne!(world.version(), version);
    assert_eq!(world.masked_rows("card"), rows);
    // It gave the location back: the next one need not wait.
    world.run(["mask"]).ok();
}

#[test]
fn of_two_runs_at_once_one_publishes_and_the_other_is_refused_or_waits_its_turn() {
    let world = World::usual(Wing::Folder, Wing::S3);
    for round in 0..3 {
        let running: Vec<_> = (0..3).map(|_| world.sandbox.spawn(["mask"])).collect();
        let runs: Vec<_> = running.into_iter().map(crate::support::binary::Running::wait).collect();
        let mut published = 0;
        for run in &runs {
            match run.code() {
                Some(0) => published += 1,
                Some(3) => assert!(
                    run.stderr().contains("another run is writing")
                        || run.stderr().contains("took the masked location"),
                    "{}",
                    run.transcript()
                ),
                _ => panic!("round {round}: {}", run.transcript()),
            }
        }
        assert!(published >= 1, "nobody published");
        world.run(["verify"]).ok();
        assert_eq!(world.masked_rows("card").len(), 60);
    }
    // What the refused had begun is gone, and every file is some version's.
    world.run(["mask", "--set", "masked.grace=0s"]).ok();
    let mut files: Vec<_> = ["card", "customer"].iter().flat_map(|table| world.masked_files(table)).collect();
    files.sort();
    assert_eq!(world.masked.list("masked/versions/"), files);
}

#[test]
fn readers_never_see_a_mixture_while_versions_change() {
    let world = World::usual(Wing::S3, Wing::S3);
    world.run(["mask"]).ok();
    let done = AtomicBool::new(false);
    let joined = "SELECT count(*) AS n FROM customer c JOIN card k ON c.username = k.username";
    std::thread::scope(|scope| {
        let by_query = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) || reads < 3 {
                // Two keys in one version would join nothing.
                assert_eq!(world.query(joined), ["n", "60"]);
                reads += 1;
            }
            reads
        });
        let by_pointer = scope.spawn(|| {
            let mut versions = std::collections::BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                let version = world.version().unwrap();
                let (cards, customers) = (world.masked_rows("card"), world.masked_rows("customer"));
                if world.version().as_ref() != Some(&version) {
                    // The version changed between two looks of ours: that is no reader that follows one pointer.
                    continue;
                }
                let tokens: std::collections::BTreeSet<_> = customers.iter().map(|row| row[1].clone()).collect();
                assert!(cards.iter().all(|row| tokens.contains(&row[1])), "{version} mixes two keys");
                versions.insert(version);
            }
            versions.len()
        });
        for round in 0..4 {
            moto().rotate_secret(&world.secret, if round % 2 == 0 { OTHER_KEY_BASE64 } else { KEY_BASE64 });
            world.run(["mask", "--rekey"]).ok();
        }
        done.store(true, Ordering::Relaxed);
        assert!(by_query.join().unwrap() >= 3);
        assert!(by_pointer.join().unwrap() >= 2);
    });
}
