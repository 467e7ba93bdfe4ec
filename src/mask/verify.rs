//! Proof that a masked table holds every row of its query's result, each masked, and nothing else.
//!
//! The query is planned and run a second time, over a fresh listing of the source and always through the query engine;
//! the masked files are listed and read afresh. Rows, NULLs per column and the order-independent sum of whole-row hashes
//! must agree, and every cell of a masked column must have the shape that its mask gives. Nothing of the writer is used:
//! not its counts, its batches or its way of writing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream_partitioned;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use tokio::task::JoinSet;

use super::lineage::MaskUse;
use super::row_hash::RowSum;
use super::{Clock, CreateMasked, SourceFile, Spent, WrittenFile, plan_query, source_files, with_partitions_last};
use crate::engine::Engine;
use crate::engine::catalog::Database;
use crate::engine::fault::{engine_fault, planning_fault};
use crate::engine::functions::unmasked_cells;
use crate::engine::lake::TableFiles;
use crate::engine::progress::Progress;
use crate::engine::statement::keys_of;
use crate::engine::store::Store;
use crate::engine::table::LakeTable;
use crate::engine::target::Target;
use crate::error::{Error, Result, Said};
use crate::model::{ColumnRef, TableName, folder_name};

/// What a masked table is held against.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The statement that made it.
    pub create: CreateMasked,
    /// The run that wrote it.
    pub run: String,
    /// The files it should consist of.
    pub files: Vec<WrittenFile>,
    /// The mask of each masked column.
    pub masks: BTreeMap<String, MaskUse>,
    /// The raw files it was made from.
    pub sources: BTreeMap<TableName, Vec<SourceFile>>,
}

/// What was found, when everything agreed.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Rows.
    pub rows: u64,
    /// The sum of row hashes, as 32 hexadecimal digits.
    pub row_hash: String,
    /// NULLs per column.
    pub nulls: BTreeMap<String, u64>,
    /// Cells of masked columns whose shape was checked.
    pub masked_cells: u64,
    /// What the proof took.
    pub spent: Spent,
}

/// Checks a table against its claim. `context` must be a fresh session over `raw`, a fresh listing.
///
/// # Errors
/// [`crate::error::ErrorKind::Refused`] naming what does not agree.
pub async fn verify(
    engine: &Engine,
    target: &Target,
    claim: &Claim,
    raw: &Database,
    context: &SessionContext,
    progress: &Arc<Progress>,
) -> Result<Verified> {
    let proven = prove(engine, target, claim, raw, context, progress).await;
    let Err(error) = proven else { return proven };
    // A chunk that was copied corrupt is corrupt in the masked file, too: the raw file is the one to look at.
    let error = raw.name_file(error, claim.sources.keys().map(TableName::table)).await;
    Err(name_masked_file(error, engine, target, claim).await)
}

async fn prove(
    engine: &Engine,
    target: &Target,
    claim: &Claim,
    raw: &Database,
    context: &SessionContext,
    progress: &Arc<Progress>,
) -> Result<Verified> {
    let table = &claim.create.table;
    tracing::info!(table = %table, "verify: reading back");
    let clock = Clock::start();
    same_sources(claim, raw)?;
    let (found, masked_cells, schema) = masked_side(engine, target, claim, progress).await?;
    engine.load_keys(&keys_of(&sqlparser::ast::Statement::Query(claim.create.query.clone()))).await?;
    let plan = plan_query(context, &claim.create.query).await?;
    let plan = with_partitions_last(plan, &claim.create)?;
    let expected = source_side(context, plan, &schema, table, progress).await?;
    compare(table, &schema, &expected, &found)?;
    let nulls = schema.fields().iter().map(|field| field.name().clone()).zip(found.nulls.iter().copied()).collect();
    tracing::info!(table = %table, rows = found.rows, "verify: agreed");
    Ok(Verified { rows: found.rows, row_hash: found.hex(), nulls, masked_cells, spent: clock.spent() })
}

/// Adds up the rows of the masked files alone, for a later check against what was published.
pub async fn sum_masked(engine: &Engine, target: &Target, claim: &Claim, progress: &Arc<Progress>) -> Result<RowSum> {
    match masked_side(engine, target, claim, progress).await {
        Ok((sum, _, _)) => Ok(sum),
        Err(error) => Err(name_masked_file(error, engine, target, claim).await),
    }
}

/// Adds the masked file to an error about what a file holds.
async fn name_masked_file(error: Error, engine: &Engine, target: &Target, claim: &Claim) -> Error {
    match masked_table(target, claim).await {
        Ok(table) => {
            let name = claim.create.table.table();
            let database = Database::new(BTreeMap::from([(name.to_owned(), table)]), false, engine.reader());
            database.name_file(error, [name]).await
        }
        Err(_) => error,
    }
}

/// Lists the masked files, which must be those that were written.
async fn masked_table(target: &Target, claim: &Claim) -> Result<TableFiles> {
    let table = &claim.create.table;
    let folder = format!("versions/{}/{}", claim.run, folder_name(table.table()));
    let store = Store::new(target.store.location().child(&folder), target.store.bucket().clone())?;
    let listed = store.list("").await?;
    let found: BTreeSet<(String, u64)> =
        listed.iter().filter_map(|meta| Some((target.store.relative(&meta.location)?.to_owned(), meta.size))).collect();
    let expected: BTreeSet<(String, u64)> = claim.files.iter().map(|file| (file.path.clone(), file.bytes)).collect();
    if let Some((path, _)) = found.symmetric_difference(&expected).next() {
        return Err(Error::refused("the files of the masked table are not those that were written")
            .with("table", table)
            .with("file", &Said(path))
            .hint("a file is missing, cut off or foreign; mask the table again"));
    }
    TableFiles::collect(table.clone(), store, listed, None).await
}

fn same_sources(claim: &Claim, raw: &Database) -> Result<()> {
    for (name, recorded) in &claim.sources {
        let now = raw.files(name.table()).map(source_files).unwrap_or_default();
        if &now != recorded {
            let changed = now
                .iter()
                .chain(recorded)
                .find(|file| now.contains(file) != recorded.contains(file))
                .map(|file| file.path.clone())
                .unwrap_or_default();
            return Err(Error::refused("the raw table is not the one that was masked")
                .with("table", name)
                .with("file", &Said(&changed))
                .hint("it was written to meanwhile; run again when nobody writes, or mask what is there now"));
        }
    }
    Ok(())
}

/// Lists and reads the masked files: sum of rows, and the number of masked cells whose shape was checked.
async fn masked_side(
    engine: &Engine,
    target: &Target,
    claim: &Claim,
    progress: &Arc<Progress>,
) -> Result<(RowSum, u64, SchemaRef)> {
    let table = &claim.create.table;
    let files = masked_table(target, claim).await?;
    let reader = engine.reader();
    let opened = Arc::new(LakeTable::open(files, false, &reader).await?);
    let schema = datafusion::catalog::TableProvider::schema(opened.as_ref());
    let checks: Vec<Option<MaskUse>> =
        schema.fields().iter().map(|field| claim.masks.get(field.name()).cloned()).collect();
    progress.begin(format!("verifying {table}"), claim.files.iter().map(|file| file.rows).sum::<u64>() * 2);
    let frame = reader.read_table(opened).map_err(|error| engine_fault(&error))?;
    let plan = frame.create_physical_plan().await.map_err(|error| engine_fault(&error))?;
    let cells = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let (shared, counted) = (Arc::new(checks), Arc::clone(&cells));
    let name = table.clone();
    let sum = sum_of(plan, &reader, progress, move |batch| {
        check_shapes(&name, &shared, batch, &counted)?;
        Ok(batch.clone())
    })
    .await
    .map_err(|error| named(error, table))?;
    Ok((sum, cells.load(std::sync::atomic::Ordering::Relaxed), schema))
}

/// Adds the table to an error that came from deep below it.
fn named(error: Error, table: &TableName) -> Error {
    if error.kind() == crate::error::ErrorKind::Failed { error.with("table", table) } else { error }
}

/// Counts the cells that a mask cannot have written.
fn check_shapes(
    table: &TableName,
    checks: &[Option<MaskUse>],
    batch: &RecordBatch,
    cells: &std::sync::atomic::AtomicU64,
) -> Result<()> {
    for ((check, column), field) in checks.iter().zip(batch.columns()).zip(batch.schema().fields()) {
        let Some(mask) = check else { continue };
        let unmasked = unmasked_cells(&mask.function, &mask.arguments, column.as_ref())?;
        if unmasked > 0 {
            return Err(Error::refused("a masked column holds cells that its mask cannot have written")
                .with("column", &ColumnRef { table: table.clone(), column: field.name().clone() })
                .with("mask", &Said(&mask.function))
                .with("cells", &unmasked)
                .hint("nothing was published; mask the table again"));
        }
        cells.fetch_add(column.len() as u64, std::sync::atomic::Ordering::Relaxed);
    }
    Ok(())
}

/// Runs the query again and adds up its rows, in the types that the masked files have.
async fn source_side(
    context: &SessionContext,
    plan: LogicalPlan,
    schema: &SchemaRef,
    table: &TableName,
    progress: &Arc<Progress>,
) -> Result<RowSum> {
    let names: Vec<_> = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
    let written: Vec<_> = schema.fields().iter().map(|field| field.name().clone()).collect();
    if names != written {
        return Err(Error::refused("the masked files have other columns than the query").with("table", table));
    }
    let state = context.state();
    let physical = state.create_physical_plan(&plan).await.map_err(|error| planning_fault(&error))?;
    let types = Arc::clone(schema);
    sum_of(physical, context, progress, move |batch| {
        let columns = batch.columns().iter().zip(types.fields());
        let columns: Result<Vec<ArrayRef>> = columns
            .map(|(column, field)| {
                if column.data_type() == field.data_type() {
                    return Ok(Arc::clone(column));
                }
                cast(column, field.data_type()).map_err(|error| engine_fault(&error.into()))
            })
            .collect();
        let fields: Vec<_> = types.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), columns?)
            .map_err(|error| engine_fault(&error.into()))
    })
    .await
}

/// Adds up the rows of every partition of a plan in parallel.
async fn sum_of(
    plan: Arc<dyn datafusion::physical_plan::ExecutionPlan>,
    context: &SessionContext,
    progress: &Arc<Progress>,
    prepare: impl Fn(&RecordBatch) -> Result<RecordBatch> + Send + Sync + 'static,
) -> Result<RowSum> {
    let streams = execute_stream_partitioned(plan, context.task_ctx()).map_err(|error| engine_fault(&error))?;
    let prepare = Arc::new(prepare);
    let mut tasks = JoinSet::new();
    for mut stream in streams {
        let (prepare, progress) = (Arc::clone(&prepare), Arc::clone(progress));
        tasks.spawn(async move {
            let mut sum = RowSum::default();
            while let Some(batch) = stream.next().await {
                let batch = prepare(&batch.map_err(|error| engine_fault(&error))?)?;
                sum.add(&batch).map_err(|error| engine_fault(&error.into()))?;
                progress.add_rows(batch.num_rows() as u64);
            }
            Ok::<_, Error>(sum)
        });
    }
    let mut whole = RowSum::default();
    while let Some(done) = tasks.join_next().await {
        whole.merge(&done.map_err(|_| Error::failed("a worker thread ended early"))??);
    }
    Ok(whole)
}

fn compare(table: &TableName, schema: &SchemaRef, expected: &RowSum, found: &RowSum) -> Result<()> {
    let fault = |message: &'static str| Error::refused(message).with("table", table);
    if expected.rows != found.rows {
        return Err(fault("the masked table has another number of rows than its query")
            .with("expected", &expected.rows)
            .with("found", &found.rows)
            .hint("nothing was published; if the query uses LIMIT without ORDER BY, its result is not determined"));
    }
    for (index, field) in schema.fields().iter().enumerate() {
        let of = |sum: &RowSum| sum.nulls.get(index).copied().unwrap_or_default();
        if of(expected) != of(found) {
            return Err(fault("a column of the masked table has another number of NULLs than its query")
                .with("column", &Said(field.name()))
                .with("expected", &of(expected))
                .with("found", &of(found))
                .hint("nothing was published; mask the table again"));
        }
    }
    if expected.sum != found.sum {
        return Err(fault("the rows of the masked table are not those of its query")
            .hint("nothing was published; a query with random() or now() cannot be verified, since each run differs"));
    }
    Ok(())
}
