//! What the barrier costs: a filter and an aggregate through a role's policy, beside the same SQL with filter and masks
//! written inline on the raw table, in the same process and in turn. `cargo bench --bench policy`.
//!
//! Rows and runs: `BENCH_ROWS` (5,000,000) and `BENCH_RUNS` (7). Prints Markdown; the ratio is that of the medians.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "a benchmark that meets something unexpected stops there and says so"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::util::pretty::pretty_format_batches;
use futures::TryStreamExt;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use saltlake::backend::Backend;
use saltlake::engine::catalog::Database;
use saltlake::engine::{Engine, Runtimes};
use saltlake::error::Result;
use saltlake::grant::access::{ColumnAccess, TableAccess};
use saltlake::grant::filter::Predicate;
use saltlake::model::{KeyId, TableName, TableSchema};
use saltlake::query::{Barrier, Limits, Rights, RoleSession};
use saltlake::settings::{Environment, Overrides, Settings};

const ROW_GROUP_ROWS: usize = 122_880;

/// What the role asks, and how it looks with the policy written inline. `{from}` is the table.
const QUESTIONS: [(&str, &str); 3] = [
    (
        "a fifth of the rows, four aggregates",
        "SELECT status, count(*) AS n, sum(amount) AS total, max(name) AS name, count(DISTINCT mail) AS mails \
         FROM {from} WHERE customer >= 800 GROUP BY status ORDER BY status",
    ),
    (
        "all rows, both masks",
        "SELECT status, count(*) AS n, sum(amount) AS total, min(mail) AS mail, max(name) AS name \
         FROM {from} WHERE id >= 0 GROUP BY status ORDER BY status",
    ),
    (
        "one row group in forty, by its statistics",
        "SELECT status, count(*) AS n, sum(amount) AS total, max(mail) AS mail \
         FROM {from} WHERE id < 120000 GROUP BY status ORDER BY status",
    ),
];

const INLINE: &str = "(SELECT id, customer, status, amount, mask_email(mail) AS mail, mask_partial(name, 1, 0) AS name \
                      FROM dataset.sales WHERE region IN ('EU', 'UK'))";

fn main() {
    let number = |name: &str, usual: usize| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let (rows, runs) = (number("BENCH_ROWS", 5_000_000), number("BENCH_RUNS", 7));
    let folder = tempfile::tempdir().unwrap();
    write_lake(folder.path(), rows);
    let overrides = Overrides { config: Some(folder.path().join("saltlake.toml")), ..Overrides::default() };
    let settings = Settings::load(&overrides, folder.path(), &Environment::default()).unwrap();
    let runtimes = Runtimes::start(settings.engine.threads).unwrap();
    let backend = Arc::new(Backend::new(&settings, runtimes.io()));
    let engine = Engine::new(settings, runtimes.io(), Arc::clone(&backend) as _, backend).unwrap();
    runtimes.run(measure(&engine, rows, runs)).unwrap();
}

async fn measure(engine: &Engine, rows: usize, runs: usize) -> Result<()> {
    engine.load_keys(&BTreeSet::from([KeyId::new("default")])).await?;
    let raw = Arc::new(engine.raw().await?);
    println!("| {rows} rows, median of {runs} | through the policy | inline | ratio |\n|---|---:|---:|---:|");
    for (name, question) in QUESTIONS {
        let (mut policy, mut inline) = (Vec::new(), Vec::new());
        let mut answers = BTreeSet::new();
        for run in 0..runs {
            // Each goes first in turn.
            for first in [run % 2 == 0, run % 2 != 0] {
                let (spent, answer) = if first {
                    through_policy(engine, &raw, &question.replace("{from}", "dataset.sales")).await?
                } else {
                    written_inline(engine, &raw, &question.replace("{from}", INLINE)).await?
                };
                answers.insert(answer);
                if first { policy.push(spent) } else { inline.push(spent) }
            }
        }
        assert_eq!(answers.len(), 1, "{name}: the answers differ");
        let (policy, inline) = (median(policy), median(inline));
        let ratio = policy.as_secs_f64() / inline.as_secs_f64();
        println!("| {name} | {:.0} ms | {:.0} ms | {ratio:.2} |", millis(policy), millis(inline));
    }
    Ok(())
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

async fn through_policy(engine: &Engine, raw: &Arc<Database>, sql: &str) -> Result<(Duration, String)> {
    let started = Instant::now();
    let databases = vec![("dataset".to_owned(), Arc::clone(raw))];
    let session =
        RoleSession::open(engine, Arc::new(Policy), databases, &BTreeSet::new(), Limits::default(), Barrier::Fence)?;
    let planned = session.plan(sql).await?;
    let batches: Vec<RecordBatch> = session.run(&planned)?.try_collect().await.unwrap();
    Ok((started.elapsed(), pretty_format_batches(&batches).unwrap().to_string()))
}

async fn written_inline(engine: &Engine, raw: &Arc<Database>, sql: &str) -> Result<(Duration, String)> {
    let started = Instant::now();
    let context = engine.session(vec![("dataset".to_owned(), Arc::clone(raw) as _)])?;
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    Ok((started.elapsed(), pretty_format_batches(&batches).unwrap().to_string()))
}

/// Rows of two regions, a masked mail and a masked name.
struct Policy;

impl Rights for Policy {
    fn may_see(&self, _: &TableName) -> bool {
        true
    }

    fn access(&self, schema: &TableSchema) -> Result<Option<TableAccess>> {
        let masks: BTreeMap<&str, &str> = [("mail", "mask_email(mail)"), ("name", "mask_partial(name, 1, 0)")].into();
        let shown = schema.columns.iter().filter(|column| column.name != "region");
        let column = |name: &str| ColumnAccess {
            column: name.to_owned(),
            cells: Predicate::True,
            mask: masks.get(name).map(|mask| (*mask).to_owned()),
            grants: Vec::new(),
        };
        Ok(Some(TableAccess {
            table: schema.name.clone(),
            rows: Predicate::parse("region IN ('EU', 'UK')").unwrap(),
            columns: shown.map(|shown| column(&shown.name)).collect(),
            grants: Vec::new(),
        }))
    }

    fn version(&self, _: &TableAccess) -> String {
        String::new()
    }
}

fn write_lake(folder: &Path, rows: usize) {
    std::fs::create_dir_all(folder.join("lake/sales")).unwrap();
    std::fs::write(folder.join("bench.key"), "YmVuY2htYXJrLWtleS0xNg==\n").unwrap();
    std::fs::write(
        folder.join("saltlake.toml"),
        "[lake]\nlocation = \"lake\"\n[keys.default]\nsecret = \"file:bench.key\"\n",
    )
    .unwrap();
    let file = std::fs::File::create(folder.join("lake/sales/part-0.parquet")).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    let mut writer = ArrowWriter::try_new(file, batch(0, 1).schema(), Some(properties)).unwrap();
    for start in (0..rows).step_by(ROW_GROUP_ROWS) {
        writer.write(&batch(start, (start + ROW_GROUP_ROWS).min(rows))).unwrap();
    }
    writer.close().unwrap();
}

/// Rows computed from their numbers: the same every time.
fn batch(start: usize, end: usize) -> RecordBatch {
    let mixed = |row: usize| (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 17;
    let text = |make: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new((start..end).map(|row| Some(make(row))).collect::<StringArray>())
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new((start..end).map(|row| row as i64).collect::<Int64Array>())),
        ("customer", Arc::new((start..end).map(|row| (mixed(row) % 1000) as i64).collect::<Int64Array>())),
        ("region", text(&|row| ["EU", "US", "UK", "APAC"][(mixed(row) % 4) as usize].to_owned())),
        ("status", text(&|row| ["new", "open", "closed"][(mixed(row + 7) % 3) as usize].to_owned())),
        ("amount", Arc::new((start..end).map(|row| (mixed(row + 3) % 10_000) as f64).collect::<Float64Array>())),
        ("mail", text(&|row| format!("person{}@mail{}.example", mixed(row) % 100_000, mixed(row) % 50))),
        ("name", text(&|row| format!("Name {}", mixed(row + 11) % 200_000))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}
