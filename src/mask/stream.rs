//! Writing a masked table from a query's stream: for queries that filter, join or aggregate, and for sources that are
//! not Parquet.
//!
//! Each output partition of the plan writes files of its own. With partition columns the rows come sorted by them, so
//! that one file is open at a time, however many values there are.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::WrittenFile;
use super::paths::FileNames;
use crate::engine::fault::engine_fault;
use crate::engine::part::{PartFile, PartFiles, write_fault};
use crate::engine::progress::Progress;
use crate::engine::reject_unstorable;
use crate::engine::schema::bare;
use crate::error::{Error, Result};

/// Batches that wait between the query and a writer.
const BATCHES_WAITING: usize = 2;

/// What every writer of one table shares.
#[derive(Clone)]
pub(super) struct StreamTable {
    pub(super) parts: PartFiles,
    pub(super) names: Arc<FileNames>,
    pub(super) properties: WriterProperties,
    pub(super) partition_columns: usize,
    pub(super) progress: Arc<Progress>,
}

/// Runs a plan and writes its rows.
pub(super) async fn write(
    plan: Arc<dyn ExecutionPlan>,
    context: &SessionContext,
    table: StreamTable,
) -> Result<Vec<WrittenFile>> {
    reject_unstorable(&plan.schema())?;
    let partitions = plan.output_partitioning().partition_count();
    let mut tasks = JoinSet::new();
    for partition in 0..partitions {
        let stream = plan.execute(partition, context.task_ctx()).map_err(|error| engine_fault(&error))?;
        let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
        let (table, schema) = (table.clone(), plan.schema());
        tasks.spawn_blocking(move || write_stream(&table, &schema, receiver));
        tasks.spawn(async move {
            let mut stream = stream;
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(|error| engine_fault(&error));
                let failed = batch.is_err();
                if sender.send(batch).await.is_err() || failed {
                    break;
                }
            }
            Ok(Vec::new())
        });
    }
    let mut files = Vec::new();
    while let Some(done) = tasks.join_next().await {
        files.extend(done.map_err(|_| Error::failed("a worker thread ended early"))??);
    }
    if files.is_empty() {
        // A result without rows still has columns: those of the files, and the folders of the partition columns.
        let (schema, whole) = (data_schema(&plan.schema(), table.partition_columns), plan.schema());
        let partitions = whole.fields().iter().skip(schema.fields().len());
        let folder: String = partitions.map(|field| FileNames::partition_folder(field.name(), None)).collect();
        let empty = tokio::task::spawn_blocking(move || {
            let mut open = OpenFile::create(&table, &schema, &folder)?;
            open.write(&RecordBatch::new_empty(schema))?;
            open.finish()
        });
        files.push(empty.await.map_err(|_| Error::failed("a worker thread ended early"))??);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Takes batches until the channel closes. An error in the channel ends the writer without completing its file.
fn write_stream(
    table: &StreamTable,
    schema: &SchemaRef,
    mut batches: mpsc::Receiver<Result<RecordBatch>>,
) -> Result<Vec<WrittenFile>> {
    let mut files = Vec::new();
    let mut open: Option<OpenFile> = None;
    while let Some(batch) = batches.blocking_recv() {
        let batch = batch?;
        table.progress.add_rows(batch.num_rows() as u64);
        for (folder, rows) in runs(&batch, table.partition_columns)? {
            if open.as_ref().is_none_or(|file| file.folder != folder) {
                if let Some(file) = open.take() {
                    files.push(file.finish()?);
                }
                open = Some(OpenFile::create(table, &data_schema(schema, table.partition_columns), &folder)?);
            }
            if let Some(file) = &mut open {
                file.write(&rows)?;
            }
        }
    }
    if let Some(file) = open {
        files.push(file.finish()?);
    }
    Ok(files)
}

/// The columns that stand in the files: all but the partition columns, which are last. Names and types alone.
fn data_schema(schema: &SchemaRef, partition_columns: usize) -> SchemaRef {
    let kept = schema.fields().len().saturating_sub(partition_columns);
    Arc::new(Schema::new(schema.fields().iter().take(kept).map(|field| bare(field)).collect::<Vec<_>>()))
}

/// Cuts a batch into runs of equal partition values, each with its folder.
fn runs(batch: &RecordBatch, partition_columns: usize) -> Result<Vec<(String, RecordBatch)>> {
    if batch.num_rows() == 0 {
        return Ok(Vec::new());
    }
    if partition_columns == 0 {
        return Ok(vec![(String::new(), batch.clone())]);
    }
    let kept = batch.num_columns() - partition_columns;
    let schema = batch.schema();
    let folder_at = |row: usize| -> String {
        let mut folder = String::new();
        for index in kept..batch.num_columns() {
            let column = batch.column(index).as_string::<i32>();
            let value = column.is_valid(row).then(|| column.value(row));
            folder.push_str(&FileNames::partition_folder(schema.field(index).name(), value));
        }
        folder
    };
    let data = batch.project(&(0..kept).collect::<Vec<_>>()).map_err(|error| engine_fault(&error.into()))?;
    let mut runs = Vec::new();
    let (mut start, mut folder) = (0, folder_at(0));
    for row in 1..batch.num_rows() {
        let next = folder_at(row);
        if next != folder {
            runs.push((std::mem::replace(&mut folder, next), data.slice(start, row - start)));
            start = row;
        }
    }
    runs.push((folder, data.slice(start, batch.num_rows() - start)));
    Ok(runs)
}

/// A file that rows are being written to. Dropped unfinished, it has no footer and no reader takes it for a table.
struct OpenFile {
    writer: ArrowWriter<PartFile>,
    folder: String,
    rows: u64,
}

impl OpenFile {
    fn create(table: &StreamTable, schema: &SchemaRef, folder: &str) -> Result<Self> {
        let part = table.parts.create(&table.names.next(folder))?;
        let writer = ArrowWriter::try_new(part, Arc::clone(schema), Some(table.properties.clone()))
            .map_err(|error| write_failed(&error))?;
        Ok(Self { writer, folder: folder.to_owned(), rows: 0 })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch).map_err(|error| write_failed(&error))
    }

    fn finish(self) -> Result<WrittenFile> {
        let rows = self.rows;
        let part = self.writer.into_inner().map_err(|error| write_failed(&error))?;
        let (path, bytes) = part.finish()?;
        Ok(WrittenFile { path, bytes, rows })
    }
}

/// An error while a Parquet file is written, in our words.
pub(super) fn write_failed(error: &ParquetError) -> Error {
    if let ParquetError::External(inner) = error {
        if let Some(own) = inner.downcast_ref::<Error>() {
            return own.clone();
        }
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return write_fault(io);
        }
    }
    Error::failed("a column cannot be written as Parquet")
        .hint("Parquet cannot store every type (an empty struct, for example): cast or leave the column out")
}
