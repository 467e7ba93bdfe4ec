//! The lake under fire, and what must hold of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use parquet::basic::Compression;
use serde_json::{Value, json};

use super::super::support::binary::{Run, Running, Sandbox};
use super::super::support::hash::salt_hashes;
use super::super::support::lake::{Format, Table};
use super::super::support::moto::moto;
use super::super::support::shelf::Shelf;

/// What a run says on standard error when it enters a stage, in order. "switched" and "cleaning up" are said in one
/// breath.
pub(super) const STAGES: [&str; 7] = [
    "discover: reading findings",
    "plan: deciding",
    "mask: writing",
    "verify: reading back",
    "publish: writing the receipt",
    "publish: switching the pointer",
    "publish: cleaning up",
];
const SWITCHED: &str = "publish: switched the pointer";
pub(super) const BEFORE_ALL: &str = "(before the first stage)";

/// Tables and their rows. Persons are shared, so that tokens join.
pub(super) const TABLES: [(&str, usize); 3] = [("bank", 120), ("card", 200), ("customer", 300)];

const KEY: &str = "the key of the kill test, fixed";
/// Long enough for every query that runs while versions are replaced.
const GRACE: &str = "2m";
/// On S3 the next run has to wait so long after a kill. Longer than a live run on a busy machine needs to renew.
const HOLD_EXPIRY: Duration = Duration::from_secs(3);
/// One death in so many is waited for to the end; the hold of the others is aged by hand, or the test would take long.
const WAIT_ONE_IN: usize = 8;
const HOLD: &str = "masked/_saltlake/hold.json";

/// The last stage that a run had named.
pub(super) fn stage_of(stderr: &str) -> &'static str {
    STAGES.into_iter().rev().find(|stage| stderr.contains(stage)).unwrap_or(BEFORE_ALL)
}

fn person(row: usize) -> String {
    format!("person-{row:04}")
}

/// What every whole version holds besides its generation: per table the rows, and the first and last token.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    tokens: Vec<String>,
}

impl Expected {
    fn new() -> Self {
        let rows = TABLES.iter().map(|(_, rows)| *rows).max().unwrap();
        let persons: Vec<String> = (0..rows).map(person).collect();
        Self { tokens: salt_hashes(&persons, KEY.as_bytes()) }
    }

    /// The tokens of a table, sorted.
    pub(super) fn tokens(&self, rows: usize) -> Vec<String> {
        let mut tokens = self.tokens[..rows].to_vec();
        tokens.sort_unstable();
        tokens
    }

    /// The generation that the answer to [`QUESTION`] shows, if it is one whole version.
    pub(super) fn generation(&self, answer: &Value) -> Result<i64, String> {
        let wrong = || format!("not one whole version: {answer}");
        let generation = answer[0]["oldest"].as_i64().ok_or_else(wrong)?;
        let wanted: Vec<Value> = TABLES
            .iter()
            .map(|(table, rows)| {
                let tokens = self.tokens(*rows);
                json!({
                    "table": table, "oldest": generation, "newest": generation, "rows": rows, "tokens": rows,
                    "first": tokens[0], "last": tokens[rows - 1], "joined": TABLES[0].1,
                })
            })
            .collect();
        if answer == &Value::Array(wanted) { Ok(generation) } else { Err(wrong()) }
    }
}

/// All three tables in one statement, and the rows that their tokens join.
pub(super) fn question() -> String {
    let all = "dataset_masked.bank JOIN dataset_masked.card USING (secret) JOIN dataset_masked.customer USING (secret)";
    let parts = TABLES.iter().map(|(table, _)| {
        format!(
            "SELECT '{table}' AS \"table\", min(generation) AS oldest, max(generation) AS newest, count(*) AS rows, \
             count(DISTINCT secret) AS tokens, min(secret) AS first, max(secret) AS last, \
             (SELECT count(*) FROM {all}) AS joined FROM dataset_masked.{table}"
        )
    });
    format!("SELECT * FROM ({}) ORDER BY \"table\"", parts.collect::<Vec<_>>().join(" UNION ALL "))
}

/// A sandbox with a lake of three tables, of which one is spliced from two files, one from one, one streamed.
pub(super) struct Ground {
    sandbox: std::sync::Arc<Sandbox>,
    store: Shelf,
    expected: Expected,
    /// The generation of the raw tables.
    raw: i64,
    /// The generation that readers see.
    good: i64,
    /// Versions that were current at some time.
    published: BTreeSet<String>,
    last_death: Option<Instant>,
    deaths: usize,
}

impl Ground {
    pub(super) fn on_a_folder() -> Self {
        let sandbox = Sandbox::new();
        let store = sandbox.shelf();
        Self::new(sandbox, store)
    }

    pub(super) fn on_s3() -> Self {
        Self::new(Sandbox::new().with_all(moto().environment()), moto().bucket())
    }

    fn new(sandbox: Sandbox, store: Shelf) -> Self {
        let sandbox = sandbox.with("JOIN_KEY", KEY);
        sandbox.write(
            "saltlake.toml",
            format!(
                "[lake]\nlocation = \"{}\"\nknown_as = [\"s3://lake/dataset/\"]\n\
                 [findings]\nsources = [\"findings.json\"]\ndetails = false\n\
                 [keys.default]\nsecret = \"env:JOIN_KEY\"\nencoding = \"utf8\"\n\
                 [masked]\nlocation = \"{}\"\ngrace = \"{GRACE}\"\nhold_expiry = \"{}s\"\n\
                 [plan]\nunreported = \"keep\"\n[engine]\nthreads = 2\n",
                store.location("dataset/"),
                store.location("masked/"),
                HOLD_EXPIRY.as_secs(),
            ),
        );
        let findings: Vec<Value> = TABLES.iter().map(|(table, _)| finding(table)).collect();
        sandbox.write("findings.json", json!({ "findings": findings }).to_string());
        let expected = Expected::new();
        let published = BTreeSet::new();
        Self { sandbox: sandbox.into(), store, expected, raw: 0, good: 0, published, last_death: None, deaths: 0 }
    }

    pub(super) fn sandbox(&self) -> std::sync::Arc<Sandbox> {
        std::sync::Arc::clone(&self.sandbox)
    }

    pub(super) fn expected(&self) -> Expected {
        self.expected.clone()
    }

    pub(super) fn is_folder(&self) -> bool {
        matches!(self.store, Shelf::Folder(_))
    }

    pub(super) fn store_name(&self) -> &'static str {
        if self.is_folder() { "folder" } else { "S3" }
    }

    fn write_raw_tables(&mut self) {
        self.raw += 1;
        let parquet = Format::Parquet(Compression::SNAPPY);
        for (name, rows) in TABLES {
            let table = |range: std::ops::Range<usize>| {
                let generation = self.raw;
                Table::new()
                    .bigint("id", range.clone().map(|row| i64::try_from(row).ok()))
                    .bigint("generation", range.clone().map(|_| Some(generation)))
                    .text("secret", range.map(person))
            };
            let key = |part: &str, format: Format| format!("dataset/{name}/{part}.{}", format.extension());
            match name {
                "customer" => {
                    self.store.put(&key("1", parquet), table(0..rows / 2).encode(parquet));
                    self.store.put(&key("2", parquet), table(rows / 2..rows).encode(parquet));
                }
                "bank" => self.store.put(&key("1", Format::Json), table(0..rows).encode(Format::Json)),
                _ => self.store.put(&key("1", parquet), table(0..rows).encode(parquet)),
            }
        }
    }

    /// Writes the next generation and starts to mask it.
    pub(super) fn start_run(&mut self) -> Running {
        self.write_raw_tables();
        if let Some(death) = self.last_death.take()
            && !self.is_folder()
        {
            self.deaths += 1;
            self.expire_hold(death);
        }
        self.sandbox.spawn(["-v", "mask"])
    }

    /// On S3 a dead run's hold lasts until it expires.
    fn expire_hold(&self, death: Instant) {
        if self.deaths % WAIT_ONE_IN == 1 {
            let expired = death + HOLD_EXPIRY + Duration::from_millis(100);
            return std::thread::sleep(expired.saturating_duration_since(Instant::now()));
        }
        let Some(hold) = self.store.find(HOLD) else { return };
        let mut hold: Value = serde_json::from_slice(&hold).unwrap();
        hold["expires_at"] = hold["renewed_at"].clone();
        self.store.put(HOLD, hold.to_string());
    }

    /// A run that nobody kills succeeds. Returns how long it took.
    pub(super) fn complete_run(&mut self) -> Duration {
        let run = self.start_run().wait().ok();
        self.good = self.raw;
        self.assert_last_good_version(&run);
        run.took
    }

    /// After a run ended, killed or not: readers see the version before it, or its own once the pointer had switched.
    pub(super) fn assert_last_good_version(&mut self, run: &Run) {
        self.last_death = run.was_killed().then(Instant::now);
        let stage = stage_of(&run.stderr());
        assert!(run.was_killed() || run.code() == Some(0), "{}", run.transcript());
        let answer = self.sandbox.run(["query", &question(), "--format", "json"]).ok();
        let seen =
            self.expected.generation(&answer.json()).unwrap_or_else(|wrong| panic!("killed at {stage}: {wrong}"));
        let allowed = match stage {
            _ if run.stderr().contains(SWITCHED) => vec![self.raw],
            "publish: switching the pointer" => vec![self.good, self.raw],
            _ => vec![self.good],
        };
        assert!(allowed.contains(&seen), "killed at {stage}: readers see {seen}, not {allowed:?}");
        self.good = seen;
        self.published.insert(self.current()["version"].as_str().unwrap().to_owned());
    }

    /// The manifest of the current version.
    fn current(&self) -> Value {
        let version = match &self.store {
            Shelf::Folder(root) => {
                std::fs::read_link(root.join("masked/versions/current")).unwrap().display().to_string()
            }
            Shelf::Bucket { .. } => {
                let pointer: Value = serde_json::from_slice(&self.store.get("masked/_saltlake/pointer.json")).unwrap();
                pointer["version"].as_str().unwrap().to_owned()
            }
        };
        let manifest = self.store.get(&format!("masked/_saltlake/versions/{version}.json"));
        serde_json::from_slice(&manifest).unwrap()
    }

    /// After a run that ended well: nothing is left of the runs that were killed before it.
    pub(super) fn assert_clean(&self) {
        let manifest = self.current();
        let mut folders = folders_of(&manifest);
        let mut versions = BTreeSet::from([manifest["version"].as_str().unwrap().to_owned()]);
        for retired in manifest["retired"].as_array().unwrap() {
            versions.insert(retired["version"].as_str().unwrap().to_owned());
            folders.extend(retired["folders"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()));
        }
        let files: BTreeSet<String> = self
            .store
            .list("masked/versions/")
            .into_iter()
            .filter(|key| key != "masked/versions/current")
            .map(|key| key.split('/').skip(2).take(2).collect::<Vec<_>>().join("/"))
            .collect();
        assert_eq!(files, folders, "table folders: those of the current and retired versions, no more and no less");
        let kept = |below: &str| -> BTreeSet<String> {
            let keys = self.store.list(&format!("masked/_saltlake/{below}/"));
            keys.iter().map(|key| key.rsplit('/').next().unwrap().trim_end_matches(".json").to_owned()).collect()
        };
        assert_eq!(kept("versions"), versions, "manifests: of the current and retired versions");
        assert_eq!(kept("receipts"), self.published, "receipts: one for each version that was ever published");
        assert_eq!(self.store.list("masked/_saltlake/journal/"), [""; 0]);
        if let Shelf::Bucket { name, .. } = &self.store {
            assert_eq!(moto().unfinished_uploads(name), [""; 0]);
            let hold: Value = serde_json::from_slice(&self.store.get(HOLD)).unwrap();
            let expires = hold["expires_at"].as_str().unwrap();
            assert!(expires.starts_with("1970-"), "a run that ended gives its hold back, which expires {expires}");
        }
        if let Shelf::Folder(root) = &self.store {
            assert_only_named_entries(root);
        }
    }

    pub(super) fn assert_nothing_but_the_current_version_after_the_grace_period(&mut self) {
        self.write_raw_tables();
        self.sandbox.run(["mask", "--set", "masked.grace=1s"]).ok();
        std::thread::sleep(Duration::from_millis(1_100));
        self.write_raw_tables();
        let run = self.sandbox.run(["mask", "--set", "masked.grace=1s"]).ok();
        self.good = self.raw;
        self.assert_last_good_version(&run);
        let manifest = self.current();
        let retired = manifest["retired"].as_array().unwrap();
        assert_eq!(retired.len(), 1, "only the version that was replaced just now: {retired:?}");
    }
}

/// On a folder no empty folder and no half-made file is left either.
fn assert_only_named_entries(root: &std::path::Path) {
    for entry in std::fs::read_dir(root.join("masked/versions")).unwrap() {
        let path = entry.unwrap().path();
        let empty = path.is_dir() && std::fs::read_dir(&path).unwrap().next().is_none();
        assert!(!empty, "an empty folder is left: {}", path.display());
    }
    for folder in ["masked", "masked/versions", "masked/_saltlake/receipts", "masked/_saltlake/versions"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.contains('#') && !name.starts_with('.'), "left half made: {folder}/{name}");
        }
    }
}

fn folders_of(manifest: &Value) -> BTreeSet<String> {
    let tables = manifest["tables"].as_object().unwrap();
    tables.iter().map(|(name, table)| format!("{}/{name}", table["run"].as_str().unwrap())).collect()
}

fn finding(table: &str) -> Value {
    let file = match table {
        "bank" => "1.json",
        _ => "1.parquet",
    };
    let record = json!({ "recordIndex": 0, "jsonPath": "$.secret" });
    json!({
        "schemaVersion": "1.0", "id": format!("finding-{table}"), "category": "CLASSIFICATION",
        "type": "SensitiveData:S3Object/Personal", "archived": false, "sample": false,
        "resourcesAffected": {
            "s3Bucket": { "name": "lake" },
            "s3Object": { "bucketArn": "arn:aws:s3:::lake", "key": format!("dataset/{table}/{file}") },
        },
        "classificationDetails": { "result": { "sensitiveData": [{
            "category": "PERSONAL_INFORMATION", "totalCount": 1,
            "detections": [{ "type": "NAME", "count": 1, "occurrences": { "records": [record] } }],
        }] } },
    })
}
