//! Writing a masked table by splicing: the chunks of kept columns are copied byte for byte, only computed columns are
//! decoded, masked and encoded.
//!
//! Column chunks of a Parquet file do not depend on each other, so a query that computes each row from that row alone
//! needs to touch only the columns that change. Row groups keep the source's size; within a window of row groups the
//! computed columns are worked on in parallel, and memory is bounded by that window.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema};
use bytes::Bytes;
use datafusion::physical_expr::PhysicalExpr;
use object_store::{ObjectMeta, ObjectStoreExt};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, ProjectionMask, encode_arrow_schema};
use parquet::basic::ColumnOrder;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use tokio::runtime::Handle;

use super::compression_of;
use super::ctas::WriteCompression;
use super::queue::{Chunks, Queue, StopOnDrop};
use super::stream::write_failed;
use crate::engine::fault::engine_fault;
use crate::engine::part::PartFile;
use crate::engine::progress::Progress;
use crate::engine::schema::bare;
use crate::engine::store::Store;
use crate::error::{Error, Result, Said};

/// Rows decoded, masked and encoded at a time.
const BATCH_ROWS: usize = 16 * 1024;

/// One column of the output.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// A column of the source, copied as it is.
    Copy {
        /// The column's name, in the source and in the output.
        name: String,
    },
    /// A column that is computed from others of the same row.
    Compute {
        /// Evaluates on a batch of `inputs`.
        expr: Arc<dyn PhysicalExpr>,
        /// The source columns that it reads, in the order in which `expr` counts them.
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

impl SpliceFile<'_> {
    /// Writes the whole output file and returns its rows.
    pub(super) fn write(&self, part: &mut PartFile) -> Result<u64> {
        let metadata = self.footer.metadata();
        let indexed = self.outputs.iter().all(|output| match output {
            Output::Copy { name } => self.leaves(name).is_ok_and(|leaves| {
                has_page_index(metadata, &leaves) && leaves.iter().all(|leaf| self.is_ordered(*leaf))
            }),
            Output::Compute { .. } => true,
        });
        let properties = self.properties(indexed)?;
        let schema = self.schema().map_err(|error| write_failed(&error))?;
        let mut writer =
            SerializedFileWriter::new(part, schema, Arc::clone(&properties)).map_err(|error| write_failed(&error))?;
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
            // However this ends, by a panic too: workers that wait for their turn must not wait for ever.
            let _stop = StopOnDrop(&queue);
            self.write_groups(&mut writer, &queue, indexed)
        })?;
        writer.close().map_err(|error| write_failed(&error))?;
        let rows: i64 = metadata.row_groups().iter().map(parquet::file::metadata::RowGroupMetaData::num_rows).sum();
        Ok(u64::try_from(rows).unwrap_or_default())
    }

    fn write_groups<W: Write + Send>(
        &self,
        writer: &mut SerializedFileWriter<W>,
        queue: &Queue,
        indexed: bool,
    ) -> Result<()> {
        for group in 0..self.footer.metadata().num_row_groups() {
            let mut row_group = writer.next_row_group().map_err(|error| write_failed(&error))?;
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
                            chunk.append_to_row_group(&mut row_group).map_err(|error| write_failed(&error))?;
                        }
                    }
                }
            }
            row_group.close().map_err(|error| write_failed(&error))?;
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
                    let compute = || self.compute(group, (expr, inputs, field), queue, properties, indexed);
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
        (expr, inputs, field): (&Arc<dyn PhysicalExpr>, &[String], &Field),
        queue: &Queue,
        properties: &WriterPropertiesPtr,
        indexed: bool,
    ) -> Result<Chunks> {
        let schema = Arc::new(Schema::new(vec![field.clone()]));
        let parquet_schema = ArrowSchemaConverter::new().convert(&schema).map_err(|error| write_failed(&error))?;
        let shell =
            SerializedFileWriter::new(std::io::sink(), parquet_schema.root_schema_ptr(), Arc::clone(properties))
                .map_err(|error| write_failed(&error))?;
        let factory = ArrowRowGroupWriterFactory::new(&shell, schema);
        let mut writers = factory.create_column_writers(group).map_err(|error| write_failed(&error))?;
        self.each_batch(group, inputs, |batch| {
            if self.cancelled.load(Ordering::Relaxed) || queue.is_stopped() {
                return Err(Error::failed("stopped"));
            }
            let array = evaluate(expr, batch, field)?;
            let leaves = compute_leaves(field, &array).map_err(|error| write_failed(&error))?;
            for (writer, leaf) in writers.iter_mut().zip(&leaves) {
                writer.write(leaf).map_err(|error| write_failed(&error))?;
            }
            Ok(())
        })?;
        let mut chunks = Vec::with_capacity(writers.len());
        for writer in writers {
            let mut chunk = writer.close().map_err(|error| write_failed(&error))?;
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
            // The reader gives the columns in this file's order, which may be another than the table's.
            let batch = batch.map_err(|_| self.corrupt())?;
            let order: Vec<usize> = inputs
                .iter()
                .map(|name| batch.schema().index_of(name))
                .collect::<Result<_, _>>()
                .map_err(|_| self.corrupt())?;
            visit(&batch.project(&order).map_err(|_| self.corrupt())?)?;
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
        let mut metadata = row_group.column(leaf).clone();
        if !self.is_ordered(leaf) && metadata.statistics().is_some() {
            let cleared = metadata.into_builder().clear_statistics().build();
            metadata = cleared.map_err(|_| self.corrupt())?;
        }
        let close = ColumnCloseResult {
            bytes_written: range.end - range.start,
            rows_written: u64::try_from(row_group.num_rows()).unwrap_or_default(),
            metadata,
            bloom_filter: None,
            column_index: column_index.filter(|_| indexed),
            offset_index: offset_index.filter(|_| indexed),
        };
        Ok((chunk, close))
    }

    /// Whether the order that a column's smallest and largest values go by is the one that the output declares. Readers
    /// must not trust such values of a file without it, and in the output they would.
    fn is_ordered(&self, leaf: usize) -> bool {
        let orders = self.footer.metadata().file_metadata().column_orders();
        orders
            .and_then(|orders| orders.get(leaf))
            .is_some_and(|order| matches!(order, ColumnOrder::TYPE_DEFINED_ORDER(_)))
    }

    /// The place of a column chunk, which must lie inside the file.
    fn range(&self, group: usize, leaf: usize) -> Result<Range<u64>> {
        let column = self.footer.metadata().row_group(group).column(leaf);
        let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
        let start = u64::try_from(start).map_err(|_| self.corrupt())?;
        let length = u64::try_from(column.compressed_size()).map_err(|_| self.corrupt())?;
        let end = start.checked_add(length).filter(|end| *end <= self.meta.size).ok_or_else(|| self.corrupt())?;
        Ok(start..end)
    }

    /// Reads the bytes of a column chunk.
    fn chunk(&self, group: usize, leaf: usize) -> Result<(Window, Range<u64>)> {
        let range = self.range(group, leaf)?;
        let start = range.start;
        let read = self.io.block_on(self.store.objects().get_range(&self.meta.location, range.clone()));
        let bytes = read.map_err(|error| self.store.fault(&error, Some(&self.meta.location), "cannot read a file"))?;
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

    /// The Arrow types of the output, which Parquet's own types do not tell all of (a duration is an integer there).
    /// Written anew from names and types: the source's own text may hold anything.
    fn arrow_schema(&self) -> Result<KeyValue> {
        let source = self.footer.schema();
        let fields = self.outputs.iter().map(|output| match output {
            Output::Copy { name } => source.field_with_name(name).map(bare).map_err(|_| self.corrupt()),
            Output::Compute { field, .. } => Ok(bare(field)),
        });
        let schema = Schema::new(fields.collect::<Result<Vec<_>>>()?);
        Ok(KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), encode_arrow_schema(&schema)))
    }

    fn properties(&self, indexed: bool) -> Result<WriterPropertiesPtr> {
        let statistics = if indexed { EnabledStatistics::Page } else { EnabledStatistics::Chunk };
        let properties = WriterProperties::builder()
            .set_compression(compression_of(self.compression, self.zstd_level)?)
            .set_statistics_enabled(statistics)
            .set_offset_index_disabled(!indexed)
            .set_key_value_metadata(Some(vec![self.arrow_schema()?]))
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

    /// An error while source bytes are read or copied: that of the output's file if it is one, else a corrupt source.
    fn fault(&self, error: &ParquetError) -> Error {
        if matches!(error, ParquetError::External(_)) { write_failed(error) } else { self.corrupt() }
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
