//! Writing a masked table by splicing: the chunks of kept columns are copied byte for byte, only computed columns are
//! decoded, masked and encoded.
//!
//! Column chunks of a Parquet file do not depend on each other, so a query that computes each row from that row alone
//! needs to touch only the columns that change. Row groups keep the source's size; within a window of row groups the
//! computed columns are worked on in parallel, and memory is bounded by that window.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema};
use bytes::Bytes;
use datafusion::physical_expr::PhysicalExpr;
use object_store::{ObjectMeta, ObjectStoreExt};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, ProjectionMask};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use tokio::runtime::Handle;

use super::compression_of;
use super::ctas::WriteCompression;
use crate::engine::fault::engine_fault;
use crate::engine::part::PartFile;
use crate::engine::progress::Progress;
use crate::engine::store::Store;
use crate::error::{Error, Result, Said};

/// Rows decoded, masked and encoded at a time.
const BATCH_ROWS: usize = 16 * 1024;
/// Row groups whose computed columns may wait for their turn to be written.
const GROUPS_AHEAD: usize = 2;

/// One column of the output.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// A column of the source, copied as it is. `root` counts the file schema's top-level columns of the table.
    Copy {
        /// The column's name, in the source and in the output.
        name: String,
    },
    /// A column that is computed from others of the same row.
    Compute {
        /// Evaluates on a batch of `inputs`.
        expr: Arc<dyn PhysicalExpr>,
        /// The source columns that it reads, in file order.
        inputs: Vec<String>,
        /// The output column.
        field: Field,
    },
}

/// One file to splice.
pub(super) struct SpliceFile<'a> {
    pub(super) store: &'a Store,
    pub(super) meta: &'a ObjectMeta,
    pub(super) footer: &'a ArrowReaderMetadata,
    pub(super) outputs: &'a [Output],
    pub(super) compression: WriteCompression,
    pub(super) zstd_level: i32,
    pub(super) threads: usize,
    pub(super) io: &'a Handle,
    pub(super) cancelled: &'a AtomicBool,
    pub(super) progress: &'a Progress,
}

/// What can go wrong: reading the source, or everything else.
type Chunks = Vec<ArrowColumnChunk>;

impl SpliceFile<'_> {
    /// Writes the whole output file and returns its rows.
    pub(super) fn write(&self, part: &mut PartFile) -> Result<u64> {
        let metadata = self.footer.metadata();
        let indexed = self.outputs.iter().all(|output| match output {
            Output::Copy { name } => self.leaves(name).is_ok_and(|leaves| has_page_index(metadata, &leaves)),
            Output::Compute { .. } => true,
        });
        let properties = self.properties(indexed)?;
        let schema = self.schema().map_err(|error| self.fault(&error))?;
        let mut writer =
            SerializedFileWriter::new(part, schema, Arc::clone(&properties)).map_err(|error| self.fault(&error))?;
        let computed: Vec<usize> = self
            .outputs
            .iter()
            .enumerate()
            .filter_map(|(index, output)| matches!(output, Output::Compute { .. }).then_some(index))
            .collect();
        let queue = Queue::new(metadata.num_row_groups(), computed);
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| self.work(&queue, &properties, indexed));
            }
            let written = self.write_groups(&mut writer, &queue, indexed);
            queue.stop();
            written
        })?;
        writer.close().map_err(|error| self.fault(&error))?;
        Ok(u64::try_from(metadata.file_metadata().num_rows()).unwrap_or_default())
    }

    fn write_groups<W: Write + Send>(
        &self,
        writer: &mut SerializedFileWriter<W>,
        queue: &Queue,
        indexed: bool,
    ) -> Result<()> {
        for group in 0..self.footer.metadata().num_row_groups() {
            let mut row_group = writer.next_row_group().map_err(|error| self.fault(&error))?;
            for (index, output) in self.outputs.iter().enumerate() {
                if self.cancelled.load(Ordering::Relaxed) {
                    return Err(Error::failed("stopped"));
                }
                match output {
                    Output::Copy { name } => {
                        for leaf in self.leaves(name)? {
                            let (chunk, close) = self.copied(group, leaf, indexed)?;
                            row_group.append_column(&chunk, close).map_err(|error| self.fault(&error))?;
                        }
                    }
                    Output::Compute { .. } => {
                        for chunk in queue.take(group, index)? {
                            chunk.append_to_row_group(&mut row_group).map_err(|error| self.fault(&error))?;
                        }
                    }
                }
            }
            row_group.close().map_err(|error| self.fault(&error))?;
            let rows = self.footer.metadata().row_group(group).num_rows();
            self.progress.add_rows(u64::try_from(rows).unwrap_or_default());
            queue.advance(group + 1);
        }
        Ok(())
    }

    /// One worker: takes computed columns of row groups until none is left.
    fn work(&self, queue: &Queue, properties: &WriterPropertiesPtr, indexed: bool) {
        while let Some((group, index)) = queue.next() {
            let computed = match self.outputs.get(index) {
                Some(Output::Compute { expr, inputs, field }) => {
                    // The writer waits for every column: a panic must arrive there as an error.
                    let compute = || self.compute(group, expr, inputs, field, properties, indexed);
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(compute))
                        .unwrap_or_else(|_| Err(Error::failed("a worker thread ended early")))
                }
                _ => Err(Error::failed("a column to compute is missing")),
            };
            queue.put(group, index, computed);
        }
    }

    fn compute(
        &self,
        group: usize,
        expr: &Arc<dyn PhysicalExpr>,
        inputs: &[String],
        field: &Field,
        properties: &WriterPropertiesPtr,
        indexed: bool,
    ) -> Result<Chunks> {
        let schema = Arc::new(Schema::new(vec![field.clone()]));
        let parquet_schema = ArrowSchemaConverter::new().convert(&schema).map_err(|error| self.fault(&error))?;
        let shell =
            SerializedFileWriter::new(std::io::sink(), parquet_schema.root_schema_ptr(), Arc::clone(properties))
                .map_err(|error| self.fault(&error))?;
        let factory = ArrowRowGroupWriterFactory::new(&shell, schema);
        let mut writers = factory.create_column_writers(group).map_err(|error| self.fault(&error))?;
        self.each_batch(group, inputs, |batch| {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(Error::failed("stopped"));
            }
            let array = evaluate(expr, batch, field)?;
            let leaves = compute_leaves(field, &array).map_err(|error| self.fault(&error))?;
            for (writer, leaf) in writers.iter_mut().zip(&leaves) {
                writer.write(leaf).map_err(|error| self.fault(&error))?;
            }
            Ok(())
        })?;
        let mut chunks = Vec::with_capacity(writers.len());
        for writer in writers {
            let mut chunk = writer.close().map_err(|error| self.fault(&error))?;
            if !indexed {
                let close = chunk.close_mut();
                (close.column_index, close.offset_index) = (None, None);
            }
            chunks.push(chunk);
        }
        Ok(chunks)
    }

    /// Decodes the input columns of a row group, a batch at a time. Without inputs, batches hold only a row count.
    fn each_batch(
        &self,
        group: usize,
        inputs: &[String],
        mut visit: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let metadata = self.footer.metadata();
        if inputs.is_empty() {
            let mut left = usize::try_from(metadata.row_group(group).num_rows()).unwrap_or_default();
            while left > 0 {
                let rows = left.min(BATCH_ROWS);
                let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
                let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options);
                visit(&batch.map_err(|error| engine_fault(&error.into()))?)?;
                left -= rows;
            }
            return Ok(());
        }
        let roots: Vec<usize> = inputs.iter().map(|name| self.root(name)).collect::<Result<_>>()?;
        let mask = ProjectionMask::roots(metadata.file_metadata().schema_descr(), roots);
        let mut window = Window { chunks: BTreeMap::new(), length: self.meta.size };
        for name in inputs {
            for leaf in self.leaves(name)? {
                let (chunk, _) = self.chunk(group, leaf)?;
                window.chunks.extend(chunk.chunks);
            }
        }
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(window, self.footer.clone())
            .with_row_groups(vec![group])
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|error| self.fault(&error))?;
        for batch in reader {
            visit(&batch.map_err(|_| self.corrupt())?)?;
        }
        Ok(())
    }

    /// A column chunk of the source with the bookkeeping that goes with it.
    fn copied(&self, group: usize, leaf: usize, indexed: bool) -> Result<(Window, ColumnCloseResult)> {
        let metadata = self.footer.metadata();
        let (chunk, range) = self.chunk(group, leaf)?;
        let row_group = metadata.row_group(group);
        let column_index = metadata.column_index().and_then(|all| all.get(group)?.get(leaf)).cloned();
        let offset_index = metadata.offset_index().and_then(|all| all.get(group)?.get(leaf)).cloned();
        let close = ColumnCloseResult {
            bytes_written: range.end - range.start,
            rows_written: u64::try_from(row_group.num_rows()).unwrap_or_default(),
            metadata: row_group.column(leaf).clone(),
            bloom_filter: None,
            column_index: column_index.filter(|_| indexed),
            offset_index: offset_index.filter(|_| indexed),
        };
        Ok((chunk, close))
    }

    /// Reads the bytes of a column chunk.
    fn chunk(&self, group: usize, leaf: usize) -> Result<(Window, Range<u64>)> {
        let column = self.footer.metadata().row_group(group).column(leaf);
        let (start, length) = column.byte_range();
        let range = start..start + length;
        let read = self.io.block_on(self.store.objects().get_range(&self.meta.location, range.clone()));
        let bytes = read.map_err(|error| match error {
            object_store::Error::Generic { .. } if range.end > self.meta.size => self.corrupt(),
            other => self.store.fault(&other, Some(&self.meta.location), "cannot read a file"),
        })?;
        Ok((Window { chunks: BTreeMap::from([(start, bytes)]), length: self.meta.size }, range))
    }

    fn root(&self, name: &str) -> Result<usize> {
        let fields = self.footer.metadata().file_metadata().schema_descr().root_schema().get_fields();
        fields.iter().position(|field| field.name() == name).ok_or_else(|| {
            Error::failed("a file lacks a column of its table")
                .with("file", &Said(&self.shown()))
                .with("column", &Said(name))
        })
    }

    /// The leaf columns below a top-level column.
    fn leaves(&self, name: &str) -> Result<Vec<usize>> {
        let root = self.root(name)?;
        let schema = self.footer.metadata().file_metadata().schema_descr();
        Ok((0..schema.num_columns()).filter(|leaf| schema.get_column_root_idx(*leaf) == root).collect())
    }

    /// The output's schema: copied columns exactly as the source has them.
    fn schema(&self) -> ParquetResult<TypePtr> {
        let source = self.footer.metadata().file_metadata().schema_descr().root_schema();
        let mut fields: Vec<TypePtr> = Vec::with_capacity(self.outputs.len());
        for output in self.outputs {
            match output {
                Output::Copy { name } => {
                    let found = source.get_fields().iter().find(|field| field.name() == name);
                    fields.push(found.cloned().ok_or_else(|| ParquetError::General("column is missing".to_owned()))?);
                }
                Output::Compute { field, .. } => {
                    let converted = ArrowSchemaConverter::new().convert(&Schema::new(vec![field.clone()]))?;
                    fields.extend(converted.root_schema().get_fields().iter().cloned());
                }
            }
        }
        Ok(Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?))
    }

    fn properties(&self, indexed: bool) -> Result<WriterPropertiesPtr> {
        let statistics = if indexed { EnabledStatistics::Page } else { EnabledStatistics::Chunk };
        let properties = WriterProperties::builder()
            .set_compression(compression_of(self.compression, self.zstd_level)?)
            .set_statistics_enabled(statistics)
            .set_offset_index_disabled(!indexed)
            .set_created_by(concat!("saltlake ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        Ok(Arc::new(properties))
    }

    fn shown(&self) -> String {
        self.store.display(&self.meta.location)
    }

    fn corrupt(&self) -> Error {
        Error::failed("a Parquet file cannot be decoded")
            .with("file", &Said(&self.shown()))
            .hint("the file is corrupt: write it again or move it away")
    }

    /// An error of the Parquet library: ours if one is inside, an I/O error's kind, or a corrupt source.
    fn fault(&self, error: &ParquetError) -> Error {
        if let ParquetError::External(inner) = error {
            if let Some(own) = inner.downcast_ref::<Error>() {
                return own.clone();
            }
            if let Some(io) = inner.downcast_ref::<std::io::Error>() {
                return crate::engine::part::write_fault(io);
            }
        }
        self.corrupt()
    }
}

/// Evaluates an expression on a batch and casts the result to its column's type.
fn evaluate(expr: &Arc<dyn PhysicalExpr>, batch: &RecordBatch, field: &Field) -> Result<ArrayRef> {
    let value = expr.evaluate(batch).map_err(|error| engine_fault(&error))?;
    let array = value.into_array(batch.num_rows()).map_err(|error| engine_fault(&error))?;
    if array.data_type() == field.data_type() {
        return Ok(array);
    }
    cast(&array, field.data_type()).map_err(|error| engine_fault(&error.into()))
}

fn has_page_index(metadata: &ParquetMetaData, leaves: &[usize]) -> bool {
    let (Some(columns), Some(offsets)) = (metadata.column_index(), metadata.offset_index()) else { return false };
    (0..metadata.num_row_groups()).all(|group| {
        leaves.iter().all(|leaf| {
            let column = columns.get(group).and_then(|all| all.get(*leaf));
            let offset = offsets.get(group).and_then(|all| all.get(*leaf));
            let known = column.is_some_and(|index| {
                !matches!(index, parquet::file::page_index::column_index::ColumnIndexMetaData::NONE)
            });
            known && offset.is_some_and(|index| !index.page_locations.is_empty())
        })
    })
}

/// Byte ranges of a file in memory, by their position.
struct Window {
    chunks: BTreeMap<u64, Bytes>,
    length: u64,
}

impl Window {
    fn from(&self, start: u64) -> ParquetResult<Bytes> {
        let outside = || ParquetError::EOF("outside the column chunk".to_owned());
        let (base, bytes) = self.chunks.range(..=start).next_back().ok_or_else(outside)?;
        let offset = usize::try_from(start - base).map_err(|_| outside())?;
        if offset > bytes.len() {
            return Err(outside());
        }
        Ok(bytes.slice(offset..))
    }
}

impl Length for Window {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Window {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(Cursor::new(self.from(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let bytes = self.from(start)?;
        if length > bytes.len() {
            return Err(ParquetError::EOF("outside the column chunk".to_owned()));
        }
        Ok(bytes.slice(..length))
    }
}

/// Hands out computed columns in row-group order, and holds workers back that run too far ahead.
struct Queue {
    groups: usize,
    columns: Vec<usize>,
    next: AtomicUsize,
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    writing: usize,
    stopped: bool,
    done: BTreeMap<(usize, usize), Result<Chunks>>,
}

impl Queue {
    fn new(groups: usize, columns: Vec<usize>) -> Self {
        Self {
            groups,
            columns,
            next: AtomicUsize::new(0),
            state: Mutex::new(QueueState::default()),
            changed: Condvar::new(),
        }
    }

    /// The next column to compute; waits while it is too far ahead. `None` when there is none left.
    fn next(&self) -> Option<(usize, usize)> {
        let columns = self.columns.len();
        let item = self.next.fetch_add(1, Ordering::Relaxed);
        let group = item.checked_div(columns).filter(|group| *group < self.groups)?;
        let mut state = self.state.lock().ok()?;
        while group >= state.writing + GROUPS_AHEAD && !state.stopped {
            state = self.changed.wait(state).ok()?;
        }
        if state.stopped {
            return None;
        }
        self.columns.get(item % columns).map(|column| (group, *column))
    }

    fn put(&self, group: usize, column: usize, computed: Result<Chunks>) {
        if let Ok(mut state) = self.state.lock() {
            state.done.insert((group, column), computed);
        }
        self.changed.notify_all();
    }

    /// Waits for a computed column.
    fn take(&self, group: usize, column: usize) -> Result<Chunks> {
        let broken = || Error::failed("a worker thread ended early");
        let mut state = self.state.lock().map_err(|_| broken())?;
        loop {
            if let Some(computed) = state.done.remove(&(group, column)) {
                return computed;
            }
            let waited = self.changed.wait_timeout(state, std::time::Duration::from_millis(500));
            state = waited.map_err(|_| broken())?.0;
        }
    }

    fn advance(&self, writing: usize) {
        if let Ok(mut state) = self.state.lock() {
            state.writing = writing;
        }
        self.changed.notify_all();
    }

    fn stop(&self) {
        if let Ok(mut state) = self.state.lock() {
            state.stopped = true;
        }
        self.changed.notify_all();
    }
}
