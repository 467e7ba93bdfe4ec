//! Readers that loop while runs are killed.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;

use super::super::support::binary::Sandbox;
use super::super::support::lake::read_parquet;
use super::ground::{Expected, Ground, TABLES, question};

/// Between two looks, so that two cores also get other work done.
const PAUSE: Duration = Duration::from_millis(150);

struct Shared {
    stop: AtomicBool,
    faults: Mutex<Vec<String>>,
}

/// The threads that read.
pub(super) struct Readers {
    shared: Arc<Shared>,
    threads: Vec<(&'static str, JoinHandle<Tally>)>,
}

/// How often a reader looked, how many generations it saw, how often a file was gone for a moment.
#[derive(Default)]
struct Tally {
    looks: usize,
    generations: BTreeSet<i64>,
    gone: usize,
}

impl Readers {
    pub(super) fn start(ground: &Ground) -> Self {
        let shared = Arc::new(Shared { stop: AtomicBool::new(false), faults: Mutex::default() });
        let mut readers = Self { shared, threads: Vec::new() };
        let (sandbox, expected) = (ground.sandbox(), ground.expected());
        readers.spawn("query", move || by_query(&sandbox, &expected));
        if ground.is_folder() {
            let (masked, expected) = (ground.sandbox().path("masked"), ground.expected());
            let folder = masked.clone();
            let links = expected.clone();
            readers.spawn("links", move || by_links(&folder, &links));
            readers.spawn("version folder", move || by_version_folder(&masked, &expected).map(Some));
        }
        readers
    }

    /// Looks again and again, until told to stop. A look gives a generation, or `None` if a file was gone.
    fn spawn(&mut self, name: &'static str, look: impl Fn() -> Result<Option<i64>, String> + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::spawn(move || {
            let mut tally = Tally::default();
            while !shared.stop.load(Ordering::Relaxed) {
                tally.looks += 1;
                match look() {
                    Ok(Some(generation)) if tally.generations.last().is_some_and(|last| *last > generation) => {
                        shared.faults.lock().unwrap().push(format!("{name}: back to generation {generation}"));
                    }
                    Ok(Some(generation)) => drop(tally.generations.insert(generation)),
                    Ok(None) => tally.gone += 1,
                    Err(fault) => shared.faults.lock().unwrap().push(format!("{name}: {fault}")),
                }
                std::thread::sleep(PAUSE);
            }
            tally
        });
        self.threads.push((name, thread));
    }

    /// Fails the test if a reader saw what it must not see.
    pub(super) fn assert_content(&self) {
        let faults = self.shared.faults.lock().unwrap();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    /// Ends the readers and says what they saw.
    pub(super) fn stop(mut self) -> String {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut said = Vec::new();
        for (name, thread) in std::mem::take(&mut self.threads) {
            let Tally { looks, generations, gone } = thread.join().unwrap();
            assert!(looks - gone > 1 && generations.len() > 1, "the reader `{name}` saw too little");
            said.push(format!("{name}: {looks} looks, {} generations, {gone} times gone", generations.len()));
        }
        self.assert_content();
        said.join("; ")
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

fn by_query(sandbox: &Sandbox, expected: &Expected) -> Result<Option<i64>, String> {
    let run = sandbox.run(["query", &question(), "--format", "json"]);
    if run.code() != Some(0) {
        return Err(run.transcript());
    }
    expected.generation(&run.json()).map(Some)
}

/// Lists and reads `masked/<table>/` of each table in turn, as a program that knows only paths.
fn by_links(masked: &Path, expected: &Expected) -> Result<Option<i64>, String> {
    let mut newest = i64::MIN;
    for (table, rows) in TABLES {
        match read_folder(&masked.join(table)) {
            Ok(batches) => newest = newest.max(one_generation(table, rows, &batches, expected)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{table}: {error}")),
        }
    }
    Ok(Some(newest))
}

/// Resolves the current version once, then reads all three tables in its folder.
fn by_version_folder(masked: &Path, expected: &Expected) -> Result<i64, String> {
    let version = std::fs::canonicalize(masked.join("versions/current")).map_err(|error| error.to_string())?;
    let mut generations = BTreeSet::new();
    for (table, rows) in TABLES {
        let batches = read_folder(&version.join(table)).map_err(|error| format!("{table}: {error}"))?;
        generations.insert(one_generation(table, rows, &batches, expected)?);
    }
    match generations.pop_first() {
        Some(generation) if generations.is_empty() => Ok(generation),
        _ => Err(format!("one version folder holds several generations: {generations:?} and another")),
    }
}

fn read_folder(folder: &Path) -> io::Result<Vec<RecordBatch>> {
    let paths: Vec<PathBuf> = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path)?;
        read_parquet(bytes).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
    };
    paths.into_iter().map(read).collect()
}

fn one_generation(table: &str, rows: usize, batches: &[RecordBatch], expected: &Expected) -> Result<i64, String> {
    let mut generations = BTreeSet::new();
    let mut tokens = Vec::new();
    for batch in batches {
        let column = |name: &str| batch.column_by_name(name).ok_or_else(|| format!("{table}: no column {name}"));
        generations.extend(column("generation")?.as_primitive::<Int64Type>().iter().flatten());
        tokens.extend(column("secret")?.as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    tokens.sort_unstable();
    if tokens != expected.tokens(rows) {
        return Err(format!("{table}: {} rows, or not their tokens", tokens.len()));
    }
    match (generations.pop_first(), generations.is_empty()) {
        (Some(generation), true) => Ok(generation),
        (first, _) => Err(format!("{table}: generations {first:?} and {generations:?}")),
    }
}
