//! Stage 3: do what the plan says.
//!
//! In: a query and the name of a masked table. Out: [`MaskedTable`], written and verified, but not yet visible.
//! INVARIANT: nothing here is visible to readers. Files lie in the folder of a run that no pointer names.
//! INVARIANT: a raw column reaches a masked table only if the plan keeps it, or through a mask.

pub mod ctas;
pub mod lineage;
mod paths;
mod queue;
mod recognise;
pub mod row_hash;
mod splice;
mod stream;
pub mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, cast, ident};
use datafusion::prelude::SessionContext;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use sqlparser::ast::Statement as Ast;

pub use self::ctas::{CreateMasked, WriteCompression};
pub use self::lineage::MaskUse;
use self::paths::FileNames;
use crate::engine::Engine;
use crate::engine::analysis;
use crate::engine::catalog::Database;
use crate::engine::fault::planning_fault;
use crate::engine::keys::KeyUse;
use crate::engine::part::PartFiles;
use crate::engine::progress::Progress;
use crate::engine::statement::{keys_of, parse_script, relations_of, table_name};
use crate::error::{Error, Result, Said};
use crate::model::{ColumnRef, KeyId, TableName};

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// Path below the masked location.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
}

/// A raw file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// File path or `s3://` URL.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// The store's etag, where it has one.
    pub etag: Option<String>,
}

/// How a table was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Kept columns were copied chunk by chunk.
    Spliced,
    /// Every row went through the query engine.
    Streamed,
}

/// Seconds on the clock and of the processor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Wall-clock time.
    pub wall: Duration,
    /// Processor time of the whole process in that span.
    pub cpu: Duration,
    /// The most memory that the process had held by the end of the span, where the system tells.
    pub peak_memory_bytes: Option<u64>,
}

/// A masked table that lies ready to be published.
#[derive(Clone, Debug)]
pub struct MaskedTable {
    /// Its name.
    pub table: TableName,
    /// Its files.
    pub files: Vec<WrittenFile>,
    /// Its partition columns.
    pub partition_columns: Vec<String>,
    /// The mask of each masked column.
    pub masks: BTreeMap<String, MaskUse>,
    /// The keys it was masked with.
    pub keys: BTreeMap<String, KeyUse>,
    /// The raw tables it was made from, with their files as they were read.
    pub sources: BTreeMap<TableName, Vec<SourceFile>>,
    /// The statement that made it, as it was written.
    pub query: String,
    /// How it was written.
    pub way: Way,
    /// What writing took.
    pub spent: Spent,
}

impl MaskedTable {
    /// Rows in all files.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }
}

/// What may pass unmasked.
pub trait Passage {
    /// Whether the plan keeps a raw column as it is.
    fn keeps(&self, column: &ColumnRef) -> bool;

    /// The statement that made a masked table, if an earlier run did: what passed then need not pass now.
    fn published(&self, table: &str) -> Option<&str>;
}

/// One run's means to create masked tables.
pub struct Masking<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// A session that sees the raw and masked databases.
    pub context: &'a SessionContext,
    /// The raw database.
    pub raw: &'a Database,
    /// Where files go.
    pub parts: &'a PartFiles,
    /// What may pass unmasked.
    pub passage: &'a dyn Passage,
    /// Counters.
    pub progress: Arc<Progress>,
}

impl Masking<'_> {
    /// Writes one masked table.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Refused`] if a raw column that the plan does not keep would pass unmasked.
    pub async fn create(&self, create: &CreateMasked) -> Result<MaskedTable> {
        let ast = Ast::Query(create.query.clone());
        let keys = keys_of(&ast);
        self.engine.load_keys(&keys).await?;
        let plan = plan_query(self.context, &create.query).await?;
        self.check_passage(&plan, &create.table)?;
        self.check_published(&plan, &create.table).await?;
        let masks = lineage::masks(&plan);
        let plan = with_partitions_last(plan, create)?;
        let sources = self.sources(&ast);
        let rows_total = self.rows_of(&sources).await?;
        self.progress.begin(format!("masking {}", create.table), rows_total);
        tracing::info!(table = %create.table, "mask: writing");
        let clock = Clock::start();
        let written = self.write(create, &plan).await;
        let (files, way) = match written {
            Ok(written) => written,
            Err(error) => return Err(self.raw.name_file(error, sources.keys().map(TableName::table)).await),
        };
        let spent = clock.spent();
        tracing::info!(table = %create.table, files = files.len(), "mask: written");
        Ok(MaskedTable {
            table: create.table.clone(),
            files,
            partition_columns: create.partitioned_by.clone(),
            masks,
            keys: self.key_uses(&keys),
            sources,
            query: create.sql.clone(),
            way,
            spent,
        })
    }

    /// Plans a masked table and judges it as [`Self::create`] does, without writing it. Returns the columns that it would
    /// have.
    ///
    /// # Errors
    /// As [`Self::create`], but for what goes wrong while rows are written.
    pub async fn rehearse(&self, create: &CreateMasked) -> Result<arrow::datatypes::SchemaRef> {
        self.engine.load_keys(&keys_of(&Ast::Query(create.query.clone()))).await?;
        let plan = plan_query(self.context, &create.query).await?;
        self.check_passage(&plan, &create.table)?;
        self.check_published(&plan, &create.table).await?;
        let plan = with_partitions_last(plan, create)?;
        Ok(Arc::clone(plan.schema().inner()))
    }

    /// Refuses a query by which an undecided or reported raw column would reach the output as it is.
    fn check_passage(&self, plan: &LogicalPlan, table: &TableName) -> Result<()> {
        let database = &self.engine.settings().lake.database;
        let mut leaks = BTreeSet::new();
        for (output, flow) in lineage::unmasked(plan, database)? {
            for column in flow.into_iter().filter(|column| !self.passage.keeps(column)) {
                leaks.insert(format!("{column} would be readable in {table} as `{output}`"));
            }
        }
        if leaks.is_empty() {
            return Ok(());
        }
        let error = Error::refused("columns that are not declared `keep` would pass unmasked").with("table", table);
        let error = leaks.iter().fold(error, |error, leak| error.item(&Said(leak)));
        Err(error.hint("mask them in the query, leave them out, or declare them in `[columns]` of saltlake.toml"))
    }

    /// Whether the statement that made a published table would still be let pass.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Refused`] if not; another kind if it cannot be planned any more.
    pub async fn check_again(&self, table: &TableName, sql: &str) -> Result<()> {
        let plan = self.plan_published(sql).await?;
        self.check_passage(&plan, table)
    }

    /// Refuses to read a masked table of an earlier run that shows what may not pass any more.
    async fn check_published(&self, plan: &LogicalPlan, table: &TableName) -> Result<()> {
        let mut seen = BTreeSet::new();
        let mut plans = vec![plan.clone()];
        while let Some(plan) = plans.pop() {
            for name in self.masked_tables(&plan)?.into_iter().filter(|name| seen.insert(name.clone())) {
                let Some(sql) = self.passage.published(&name) else { continue };
                let stale = |error: &Error| {
                    Error::refused("a masked table of an earlier run is not what today's plan would make")
                        .with("table", table)
                        .with("reads", &Said(&name))
                        .with("reason", &Said(error.message()))
                        .hint("mask that table in the same run, before this one")
                };
                let made = self.plan_published(sql).await.map_err(|error| stale(&error))?;
                self.check_passage(&made, table).map_err(|error| stale(&error))?;
                plans.push(made);
            }
        }
        Ok(())
    }

    /// The names of the masked tables that a plan reads.
    fn masked_tables(&self, plan: &LogicalPlan) -> Result<BTreeSet<String>> {
        let masked = &self.engine.settings().masked.database;
        let tables = lineage::tables(plan)?.into_iter();
        Ok(tables.filter(|(database, _)| database.as_ref().is_none_or(|name| name == masked)).map(|(_, t)| t).collect())
    }

    async fn plan_published(&self, sql: &str) -> Result<LogicalPlan> {
        let unreadable = || Error::failed("the published query cannot be read");
        let statement = parse_script(sql, "the manifest")?.pop().ok_or_else(unreadable)?;
        let Ast::CreateTable(created) = statement.ast else { return Err(unreadable()) };
        let query = created.query.ok_or_else(unreadable)?;
        self.engine.load_keys(&keys_of(&Ast::Query(query.clone()))).await?;
        plan_query(self.context, &query).await
    }

    async fn write(&self, create: &CreateMasked, plan: &LogicalPlan) -> Result<(Vec<WrittenFile>, Way)> {
        let state = self.context.state();
        let optimized = state.optimize(plan).map_err(|error| planning_fault(&error))?;
        let names = Arc::new(FileNames::new(create.table.table(), self.parts.run()));
        let recognised =
            recognise::recognise(&optimized, &state, self.raw, create, &self.engine.settings().lake.database);
        if let Some(job) = recognised.await? {
            return Ok((self.splice(create, job, names).await?, Way::Spliced));
        }
        let zstd_level = self.engine.settings().masked.zstd_level;
        let properties = WriterProperties::builder()
            .set_compression(compression_of(create.compression, zstd_level)?)
            .set_max_row_group_row_count(Some(256 * 1024))
            .set_created_by(concat!("saltlake ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let table = stream::StreamTable {
            parts: self.parts.clone(),
            names,
            properties,
            partition_columns: create.partitioned_by.len(),
            progress: Arc::clone(&self.progress),
        };
        let sorted = sorted_by_partitions(optimized, create)?;
        let physical = state.create_physical_plan(&sorted).await.map_err(|error| planning_fault(&error))?;
        Ok((stream::write(physical, self.context, table).await?, Way::Streamed))
    }

    /// Splices file after file on a blocking thread, which spreads each over the cores.
    async fn splice(
        &self,
        create: &CreateMasked,
        job: recognise::SpliceJob,
        names: Arc<FileNames>,
    ) -> Result<Vec<WrittenFile>> {
        let (parts, progress, io) = (self.parts.clone(), Arc::clone(&self.progress), self.engine.io().clone());
        let settings = self.engine.settings();
        let (threads, zstd_level, compression) =
            (settings.engine.threads, settings.masked.zstd_level, create.compression);
        let cancelled = Arc::new(AtomicBool::new(false));
        let guard = CancelOnDrop(Arc::clone(&cancelled));
        let work = tokio::task::spawn_blocking(move || {
            let mut files = Vec::new();
            let lake = job.table.files();
            for ((file, footer), folder) in lake.files.iter().zip(job.table.footers()).zip(&job.folders) {
                let Some(footer) = footer else { continue };
                let splice = splice::SpliceFile {
                    store: &lake.store,
                    meta: &file.meta,
                    footer,
                    outputs: &job.outputs,
                    compression,
                    zstd_level,
                    threads,
                    io: &io,
                    cancelled: &cancelled,
                    progress: &progress,
                };
                let mut part = parts.create(&names.next(folder))?;
                let rows = splice.write(&mut part)?;
                let (path, bytes) = part.finish()?;
                files.push(WrittenFile { path, bytes, rows });
            }
            Ok(files)
        });
        let files = work.await.map_err(|_| Error::failed("a worker thread ended early"))?;
        drop(guard);
        files
    }

    fn key_uses(&self, keys: &BTreeSet<KeyId>) -> BTreeMap<String, KeyUse> {
        keys.iter().filter_map(|key| Some((key.as_str().to_owned(), self.engine.key_use(key)?))).collect()
    }

    /// The raw tables that a query reads, with the files that were pinned for them.
    fn sources(&self, ast: &Ast) -> BTreeMap<TableName, Vec<SourceFile>> {
        let settings = self.engine.settings();
        let mut sources = BTreeMap::new();
        for relation in relations_of(ast) {
            let Some(name) = table_name(&relation, &settings.masked.database) else { continue };
            if name.database() == settings.lake.database
                && let Some(files) = self.raw.files(name.table())
            {
                sources.insert(name, source_files(files));
            }
        }
        sources
    }

    async fn rows_of(&self, sources: &BTreeMap<TableName, Vec<SourceFile>>) -> Result<u64> {
        let mut rows = 0;
        for name in sources.keys() {
            if let Some(table) = self.raw.open(name.table()).await? {
                rows += table
                    .footers()
                    .iter()
                    .flatten()
                    .map(|footer| footer.metadata().file_metadata().num_rows())
                    .sum::<i64>();
            }
        }
        Ok(u64::try_from(rows).unwrap_or_default())
    }
}

/// Stops the workers when the run is given up.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// The pinned files of a table as receipts record them.
pub fn source_files(files: &crate::engine::lake::TableFiles) -> Vec<SourceFile> {
    files
        .files
        .iter()
        .map(|file| SourceFile {
            path: files.store.display(&file.meta.location),
            bytes: file.meta.size,
            etag: file.meta.e_tag.clone(),
        })
        .collect()
}

/// Plans a query without optimising it.
pub async fn plan_query(context: &SessionContext, query: &sqlparser::ast::Query) -> Result<LogicalPlan> {
    let mut statement = Ast::Query(Box::new(query.clone()));
    analysis::translate(&mut statement);
    let statement = datafusion::sql::parser::Statement::Statement(Box::new(statement));
    context.state().statement_to_plan(statement).await.map_err(|error| planning_fault(&error))
}

/// Partition columns become text, as folder names are. They must be the last columns of the query, in order.
pub(crate) fn with_partitions_last(plan: LogicalPlan, create: &CreateMasked) -> Result<LogicalPlan> {
    if create.partitioned_by.is_empty() {
        return Ok(plan);
    }
    let names: Vec<String> = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
    let first = names.len().saturating_sub(create.partitioned_by.len());
    if names.get(first..) != Some(&create.partitioned_by[..]) || first == 0 {
        return Err(Error::usage(
            "partition columns are the last columns of the query, in the order of partitioned_by",
        )
        .with("table", &create.table)
        .hint("move them to the end of SELECT; at least one other column is needed"));
    }
    let columns = names.iter().enumerate().map(|(index, name)| {
        let column = ident(name);
        if index < first { column } else { cast(column, arrow::datatypes::DataType::Utf8).alias(name) }
    });
    let already =
        plan.schema().fields().iter().skip(first).all(|field| field.data_type() == &arrow::datatypes::DataType::Utf8);
    if already {
        return Ok(plan);
    }
    let columns: Vec<_> = columns.collect();
    LogicalPlanBuilder::from(plan)
        .project(columns)
        .and_then(LogicalPlanBuilder::build)
        .map_err(|error| planning_fault(&error))
}

fn sorted_by_partitions(plan: LogicalPlan, create: &CreateMasked) -> Result<LogicalPlan> {
    if create.partitioned_by.is_empty() {
        return Ok(plan);
    }
    let sorts = create.partitioned_by.iter().map(|name| ident(name).sort(true, true));
    LogicalPlanBuilder::from(plan)
        .sort(sorts.collect::<Vec<_>>())
        .and_then(LogicalPlanBuilder::build)
        .map_err(|error| planning_fault(&error))
}

/// The Parquet codec of an option.
pub(crate) fn compression_of(compression: WriteCompression, zstd_level: i32) -> Result<Compression> {
    Ok(match compression {
        WriteCompression::Zstd => Compression::ZSTD(
            ZstdLevel::try_new(zstd_level).map_err(|_| Error::usage("a zstd level is between 1 and 22"))?,
        ),
        WriteCompression::Snappy => Compression::SNAPPY,
        WriteCompression::Gzip => Compression::GZIP(GzipLevel::default()),
        WriteCompression::None => Compression::UNCOMPRESSED,
    })
}

/// Measures wall-clock and processor time.
pub(crate) struct Clock {
    wall: Instant,
    cpu: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { wall: Instant::now(), cpu: process_cpu() }
    }

    pub(crate) fn spent(&self) -> Spent {
        Spent {
            wall: self.wall.elapsed(),
            cpu: process_cpu().saturating_sub(self.cpu),
            peak_memory_bytes: peak_memory_bytes(),
        }
    }
}

/// Processor time of this process so far, where the system tells (Linux).
fn process_cpu() -> Duration {
    // The 14th and 15th fields, counted after the parenthesised name; in ticks of 1/100 s on every Linux.
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return Duration::ZERO };
    let Some((_, fields)) = stat.rsplit_once(')') else { return Duration::ZERO };
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// The most memory that this process held so far, where the system tells (Linux).
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}
