//! A lake, a role that sees all of it, and what the role says.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use datafusion::common::{DataFusionError, Result as EngineResult};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{Stream, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use parquet::basic::Compression;
use saltlake::engine::connections::{Bucket, Buckets, Secrets, StoredSecret};
use saltlake::engine::{Engine, Runtimes};
use saltlake::error::{Error, ErrorKind, Result};
use saltlake::grant::access::{ColumnAccess, TableAccess};
use saltlake::grant::filter::Predicate;
use saltlake::model::{Location, TableName, TableSchema};
use saltlake::query::write::{Destination, Written, split, workspace, write};
use saltlake::query::{Answer, Barrier, Kind, Limits, Rights, RoleSession, gate};
use saltlake::settings::{Environment, Overrides, SecretRef, Settings};
use tempfile::TempDir;

use crate::support::lake::{Format, Table};
use crate::support::moto::{REGION, moto};

/// The role's database.
const WORKSPACE: &str = "workspace";

/// Everything is seen, so that it is the place alone which a test is about.
struct Everything;

impl Rights for Everything {
    fn may_see(&self, _: &TableName) -> bool {
        true
    }

    fn access(&self, schema: &TableSchema) -> Result<Option<TableAccess>> {
        let columns = schema.columns.iter().map(|column| ColumnAccess {
            column: column.name.clone(),
            cells: Predicate::True,
            mask: None,
            grants: Vec::new(),
        });
        let columns = columns.collect();
        Ok(Some(TableAccess { table: schema.name.clone(), rows: Predicate::True, columns, grants: Vec::new() }))
    }

    fn version(&self, _: &TableAccess) -> String {
        "all".to_owned()
    }
}

/// The buckets of the moto server, and no secrets.
struct Services;

#[async_trait]
impl Buckets for Services {
    async fn bucket(&self, name: &str) -> Result<Bucket> {
        let store = AmazonS3Builder::new()
            .with_endpoint(moto().endpoint())
            .with_allow_http(true)
            .with_region(REGION)
            .with_access_key_id("test")
            .with_secret_access_key("test-secret")
            .with_bucket_name(name)
            .build()
            .unwrap();
        let store = Arc::new(store);
        Ok(Bucket { objects: Arc::clone(&store) as _, multipart: Some(store) })
    }
}

#[async_trait]
impl Secrets for Services {
    async fn secret(&self, _: &SecretRef, _: Option<&str>) -> Result<StoredSecret> {
        Err(Error::failed("there are no secrets"))
    }
}

pub(crate) struct World {
    pub(crate) engine: Arc<Engine>,
    pub(crate) runtimes: Runtimes,
    pub(crate) locations: Vec<Location>,
    root: PathBuf,
    _folder: TempDir,
}

impl World {
    /// Of a role with these locations: folders below the world's root, or `s3://` URLs.
    pub(crate) fn of(locations: &[&str]) -> Self {
        Self::with(locations, &[])
    }

    /// With settings of its own.
    pub(crate) fn with(locations: &[&str], settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let person = Table::new()
            .bigint("id", [Some(1), Some(2), Some(3)])
            .texts("name", [Some("Ada"), None, Some("O'Hara, \"Bob\"")]);
        fs::create_dir_all(root.join("dataset/person")).unwrap();
        fs::write(root.join("dataset/person/1.parquet"), person.encode(Format::Parquet(Compression::SNAPPY))).unwrap();
        let mut overrides = Overrides::default();
        for setting in ["lake.location=dataset", "masked.location=masked", "engine.spill_folder=spill"] {
            overrides.set.push(setting.to_owned());
        }
        overrides.set.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let settings = Settings::load(&overrides, &root, &Environment::from_pairs([("AWS_REGION", REGION)])).unwrap();
        let runtimes = Runtimes::start(2).unwrap();
        let engine = Arc::new(Engine::new(settings, runtimes.io(), Arc::new(Services), Arc::new(Services)).unwrap());
        let locations = locations.iter().map(|text| Location::parse(text, &root).unwrap()).collect();
        Self { engine, runtimes, locations, root, _folder: folder }
    }

    /// Of a role with two folders.
    pub(crate) fn new() -> Self {
        Self::of(&["results/ada", "more"])
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What a statement is taken apart to.
    pub(crate) fn destination(&self, sql: &str) -> Result<Destination> {
        let (statement, kind) = gate(sql)?;
        split(statement, kind, &self.locations, WORKSPACE, &self.root).map(|(_, destination)| destination)
    }

    /// Runs a statement that writes.
    pub(crate) fn run(&self, sql: &str) -> Result<Written> {
        self.runtimes.run_to_end(async {
            let (statement, kind) = gate(sql)?;
            let (inner, destination) = split(statement, kind, &self.locations, WORKSPACE, &self.root)?;
            let session = self.session().await?;
            let planned = session.plan_parsed(inner, Kind::Read).await?;
            write(session.run(&planned)?, &self.engine, &destination).await
        })
    }

    #[track_caller]
    pub(crate) fn write(&self, sql: &str) -> Written {
        self.run(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// UNLOAD of the persons.
    pub(crate) fn unload(&self, to: &str) -> Result<Written> {
        self.run(&format!("UNLOAD (SELECT * FROM dataset.person) TO '{to}'"))
    }

    /// Writes rows of another making.
    pub(crate) fn write_rows(&self, rows: Answer, sql: &str) -> Result<Written> {
        let destination = self.destination(sql)?;
        self.runtimes.run_to_end(write(rows, &self.engine, &destination))
    }

    async fn session(&self) -> Result<RoleSession> {
        let raw = Arc::new(self.engine.raw().await?);
        let databases = match workspace(&self.engine, &self.locations, WORKSPACE).await {
            Ok(own) => vec![("dataset".to_owned(), raw), (WORKSPACE.to_owned(), Arc::new(own))],
            // Whether a place may be written to does not depend on what may be read.
            Err(_) => vec![("dataset".to_owned(), raw)],
        };
        let (keys, limits) = (BTreeSet::new(), Limits::default());
        RoleSession::open(&self.engine, Arc::new(Everything), databases, &keys, limits, Barrier::Fence)
    }

    /// A query's rows: `column,column`, then a line each.
    #[track_caller]
    pub(crate) fn ask(&self, sql: &str) -> String {
        let answer = self.runtimes.run(async {
            let session = self.session().await?;
            let planned = session.plan(sql).await?;
            let rows = session.run(&planned)?;
            let schema = rows.schema();
            let batches: Vec<RecordBatch> = rows.try_collect().await.expect("rows");
            Ok((schema, batches))
        });
        let (schema, batches) = answer.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let mut text = schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>().join(",");
        for batch in &batches {
            let options = FormatOptions::new().with_null("NULL");
            let columns =
                batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap());
            let columns: Vec<_> = columns.collect();
            for row in 0..batch.num_rows() {
                let cells: Vec<_> = columns.iter().map(|column| column.value(row).to_string()).collect();
                write!(text, "\n{}", cells.join(",")).unwrap();
            }
        }
        text
    }

    /// The tables of the role, and what was said of those left out.
    pub(crate) fn tables(&self) -> Result<(Vec<String>, Vec<String>)> {
        let own = self.runtimes.run(workspace(&self.engine, &self.locations, WORKSPACE))?;
        Ok((own.names().map(str::to_owned).collect(), self.engine.take_warnings()))
    }

    /// Every file, folder and link of the world, but spilled ones, with its size.
    pub(crate) fn everything(&self) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        walk(&self.root, &self.root.join("spill"), &mut seen);
        seen
    }

    /// The names of the files in a folder.
    pub(crate) fn files(&self, below: &str) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let folder = self.path(below);
        walk(&folder, &self.root.join("spill"), &mut seen);
        let folder = format!("{}/", folder.display());
        seen.iter().filter_map(|line| line.strip_suffix(" file")?.strip_prefix(&folder)).map(str::to_owned).collect()
    }

    /// A statement that must be refused for its place, with nothing made or changed.
    #[track_caller]
    pub(crate) fn refuses(&self, sql: &str) -> Error {
        let before = self.everything();
        let error = match self.run(sql) {
            Ok(written) => panic!("{sql} wrote to {}", written.location),
            Err(error) => error,
        };
        assert_eq!(error.kind(), ErrorKind::Refused, "{sql}: {error}");
        assert_eq!(code(&error), "42501", "{sql}: {error}");
        assert_eq!(self.everything(), before, "{sql}");
        error
    }

    /// UNLOAD to a place outside the role's locations. The hint names them.
    #[track_caller]
    pub(crate) fn refuses_place(&self, to: &str) {
        let error = self.refuses(&format!("UNLOAD (SELECT * FROM dataset.person) TO '{to}'"));
        let hints = error.hints().join("\n");
        for location in &self.locations {
            assert!(hints.contains(&location.to_string()), "{to}: {error}");
        }
    }
}

fn walk(folder: &Path, but: &Path, seen: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if path == but {
            continue;
        }
        let what = if kind.is_dir() {
            "folder"
        } else if kind.is_symlink() {
            "link"
        } else {
            "file"
        };
        seen.insert(format!("{} {what}", path.display()));
        if kind.is_dir() {
            walk(&path, but, seen);
        }
    }
}

/// The SQLSTATE of an error.
pub(crate) fn code(error: &Error) -> &str {
    error.context().iter().find(|(key, _)| *key == "code").map_or("", |(_, code)| code)
}

/// An answer of one column `n`, out of batches in a stream.
pub(crate) fn answer(batches: impl Stream<Item = EngineResult<RecordBatch>> + Send + 'static) -> Answer {
    Box::pin(RecordBatchStreamAdapter::new(schema(), batches))
}

fn schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]))
}

/// Rows that no compression makes smaller.
pub(crate) fn noise(rows: usize) -> RecordBatch {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let values = (0..rows).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::from_le_bytes(state.to_le_bytes())
    });
    let values: arrow::array::Int64Array = values.collect::<Vec<_>>().into();
    RecordBatch::try_new(schema(), vec![Arc::new(values)]).unwrap()
}

/// What a query says that breaks off.
pub(crate) fn broken() -> DataFusionError {
    DataFusionError::External(Box::new(Error::failed("the query broke off")))
}
