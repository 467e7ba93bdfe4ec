//! `kill -9` at any moment: readers keep the last good version, whole and unmixed, and the next run cleans up.
//!
//! A lake of three tables carries the number of its generation in every row. Before each run the raw tables are
//! rewritten with the next generation; the run is then killed, at a random moment of its life or right after it said
//! which stage it enters. Meanwhile readers loop:
//!
//! - `saltlake query`, on a folder and on S3, asks all three tables in one statement. Nothing is tolerated: every
//!   answer is one whole generation, never an older one than before, and no query fails.
//! - On a folder, plain Parquet readers follow `masked/<table>/`: what they list they read, and it is one whole
//!   generation of that table. Tolerated: a file that is not found because the link moved between listing and opening.
//! - On a folder, a reader that resolves `masked/versions/current` once reads all three tables below it. Nothing is
//!   tolerated: replaced versions stay for the grace period.
//!
//! The moments depend on the machine; the choices do not: `TESTS_KILL_SEED` repeats them.

mod ground;
mod reader;
mod upload;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use self::ground::{Ground, STAGES};
use self::reader::Readers;
use super::support::binary::Run;

/// Kills on each kind of store.
const KILLS: usize = 50;
/// One run in so many is left to end after a kill, and must clean up; the others are killed in turn.
const RECOVER_ONE_IN: u32 = 2;

/// Counts strikes by the last stage that the run had named.
#[derive(Default)]
struct Strikes(BTreeMap<&'static str, usize>);

impl Strikes {
    fn count(&mut self, run: &Run) {
        *self.0.entry(ground::stage_of(&run.stderr())).or_default() += 1;
    }

    fn table(&self) -> String {
        let stages = std::iter::once(ground::BEFORE_ALL).chain(STAGES);
        let lines = stages.map(|stage| format!("{:5}  {stage}", self.0.get(stage).copied().unwrap_or_default()));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn missed(&self) -> Vec<&'static str> {
        STAGES.into_iter().filter(|stage| !self.0.contains_key(stage)).collect()
    }
}

fn seed() -> u64 {
    match std::env::var("TESTS_KILL_SEED") {
        Ok(text) => text.parse().expect("TESTS_KILL_SEED is a number"),
        Err(_) => rand::random(),
    }
}

/// Kills a run, at a random moment of `life` or right after it named the stage.
fn strike(ground: &mut Ground, chance: &mut StdRng, life: Duration, stage: Option<&'static str>) -> Run {
    let running = ground.start_run();
    match stage {
        None => running.kill_after(life.mul_f64(chance.random_range(0.0..1.05))),
        Some(stage) => {
            let output = running.stderr_path();
            let pause = Duration::from_micros(chance.random_range(0..3_000));
            running.kill_when(|| {
                let named = std::fs::read_to_string(&output).is_ok_and(|text| text.contains(stage));
                if named {
                    std::thread::sleep(pause);
                }
                named
            })
        }
    }
}

fn survives_kills(mut ground: Ground) {
    let seed = seed();
    println!("{}: seed {seed}", ground.store_name());
    let mut chance = StdRng::seed_from_u64(seed);
    let mut strikes = Strikes::default();
    let started = Instant::now();
    ground.complete_run();
    let mut life = ground.complete_run();
    let readers = Readers::start(&ground);
    let (mut kills, mut attempts) = (0, 0);
    while kills < KILLS || !strikes.missed().is_empty() {
        attempts += 1;
        assert!(attempts <= 4 * KILLS, "only {kills} of {attempts} runs died:\n{}", strikes.table());
        // Every other strike is aimed: at each stage in turn, then at those that were missed so far.
        let stage = match strikes.missed().first() {
            _ if attempts % 2 == 0 => Some(STAGES[(attempts / 2) % STAGES.len()]),
            Some(missed) if kills >= KILLS => Some(*missed),
            _ => None,
        };
        let run = strike(&mut ground, &mut chance, life, stage);
        if run.was_killed() {
            kills += 1;
            strikes.count(&run);
        }
        ground.assert_last_good_version(&run);
        readers.assert_content();
        if chance.random_ratio(1, RECOVER_ONE_IN) {
            life = ground.complete_run();
            ground.assert_clean();
        }
    }
    ground.complete_run();
    ground.assert_clean();
    let looks = readers.stop();
    ground.assert_nothing_but_the_current_version_after_the_grace_period();
    println!(
        "{}: {kills} kills in {:.0?}, {attempts} runs struck at; {looks}\n{}",
        ground.store_name(),
        started.elapsed(),
        strikes.table()
    );
}

#[test]
fn no_kill_on_a_folder_loses_or_mixes_a_version() {
    survives_kills(Ground::on_a_folder());
}

#[test]
fn no_kill_on_s3_loses_or_mixes_a_version() {
    survives_kills(Ground::on_s3());
}
