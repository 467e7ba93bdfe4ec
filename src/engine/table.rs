//! A table of the lake for the engine: a pinned list of files with one schema, read by DataFusion's own readers.
//!
//! No listing is cached and none happens at scan time: what was listed is what is read.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as EngineResult;
use datafusion::common::ScalarValue;
use datafusion::datasource::TableType;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::avro::AvroFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::Int96Coercer;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema as ScanSchema;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion::prelude::SessionContext;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStoreExt};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::MetadataFetch;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};

use super::lake::{LakeFile, TableFiles};
use super::store::Store;
use crate::error::{Error, Result, Said};
use crate::model::{ColumnRef, TableName, TableSchema};
use crate::settings::TableFormat;

/// How many footers are read at once.
const FOOTERS_AT_ONCE: usize = 16;

/// Bytes of a file's end that are read at once, in the hope that they hold the whole footer.
const FOOTER_BYTES: usize = 64 * 1024;

/// The unit of Spark's and Hive's old INT96 timestamps. In nanoseconds, dates outside 1677 to 2262 (9999-12-31, say) would
/// wrap to others in silence; Spark itself writes microseconds.
const INT96_UNIT: &str = "us";

/// A quote for text that has none.
const NO_QUOTE: u8 = 0;

/// The first column of a DMS change file: `I`, `U` or `D`.
pub const DMS_OPERATION: &str = "Op";

/// A table with its files and its schema, ready to be scanned.
#[derive(Clone)]
pub struct LakeTable {
    files: Arc<TableFiles>,
    footers: Arc<Vec<Option<ArrowReaderMetadata>>>,
    /// The columns of each CSV file in its own order, by which alone a CSV reader finds them. Empty for other formats.
    layouts: Arc<Vec<SchemaRef>>,
    file_schema: SchemaRef,
    /// The columns that are read: those of the files, then those of folders.
    read: SchemaRef,
    /// The columns that are shown: others than are read only where they were declared.
    schema: SchemaRef,
}

impl fmt::Debug for LakeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LakeTable({}, {} files)", self.files.name, self.files.files.len())
    }
}

impl LakeTable {
    /// Reads the schema of every file and unites them.
    ///
    /// # Errors
    /// If a file cannot be read, or the files' columns differ and `merge_schemas` is not set. Names the files.
    pub async fn open(files: TableFiles, merge_schemas: bool, context: &SessionContext) -> Result<Self> {
        let files = Arc::new(files);
        if let Some(declared) = &files.declared
            && let Some(file_schema) = declared.file_schema(files.format)
        {
            declared.check(&files)?;
            let layouts = vec![Arc::clone(&file_schema); files.files.len()];
            let footers = vec![None; files.files.len()];
            return Self::assemble(files, footers, layouts, file_schema);
        }
        let read: Vec<(SchemaRef, Option<ArrowReaderMetadata>)> = futures::stream::iter(files.files.clone())
            .map(|file| {
                let (files, context) = (Arc::clone(&files), context.clone());
                async move { schema_of(&files, &file, &context).await }
            })
            .buffered(FOOTERS_AT_ONCE)
            .try_collect()
            .await?;
        let (schemas, footers): (Vec<_>, Vec<_>) = read.into_iter().unzip();
        let file_schema = super::schema::unite(&files, &schemas, merge_schemas || files.declared.is_some())?;
        let layouts = if files.format == TableFormat::Csv { schemas } else { Vec::new() };
        Self::assemble(files, footers, layouts, file_schema)
    }

    /// With a schema that is known already, such as a manifest's.
    pub fn with_schema(files: TableFiles, file_schema: SchemaRef) -> Result<Self> {
        let footers = vec![None; files.files.len()];
        Self::assemble(Arc::new(files), footers, Vec::new(), file_schema)
    }

    fn assemble(
        files: Arc<TableFiles>,
        footers: Vec<Option<ArrowReaderMetadata>>,
        layouts: Vec<SchemaRef>,
        file_schema: SchemaRef,
    ) -> Result<Self> {
        if let Some(declared) = &files.declared {
            declared.check(&files)?;
        }
        for column in &files.partition_columns {
            if file_schema.fields().iter().any(|field| field.name().eq_ignore_ascii_case(column)) {
                return Err(Error::failed("a partition folder has the name of a column of the files")
                    .with("column", &ColumnRef { table: files.name.clone(), column: column.clone() })
                    .hint("rename the folder's part before the `=`"));
            }
        }
        let mut fields: Vec<FieldRef> = file_schema.fields().iter().cloned().collect();
        fields.extend(partition_fields(&files.partition_columns));
        let (footers, layouts) = (Arc::new(footers), Arc::new(layouts));
        let read = Arc::new(Schema::new(fields));
        let schema = files.declared.as_ref().map_or_else(|| Arc::clone(&read), |declared| declared.schema());
        Ok(Self { files, footers, layouts, file_schema, read, schema })
    }

    /// The pinned files.
    pub fn files(&self) -> &TableFiles {
        &self.files
    }

    /// The Parquet footer of each file, where it was read.
    pub fn footers(&self) -> &[Option<ArrowReaderMetadata>] {
        &self.footers
    }

    /// The columns that stand in the files.
    pub fn file_schema(&self) -> &SchemaRef {
        &self.file_schema
    }

    /// The table's name.
    pub fn name(&self) -> &TableName {
        &self.files.name
    }

    /// The table's columns as the stages share them.
    pub fn table_schema(&self) -> TableSchema {
        let folders = self.files.declared.as_ref().map(|declared| declared.partitions().count());
        let folders = folders.unwrap_or(self.files.partition_columns.len());
        TableSchema::from_arrow(self.files.name.clone(), &self.schema, folders)
    }

    /// The first file that cannot be read to its end. Reads every file up to it.
    pub async fn find_undecodable(&self, context: &SessionContext) -> Option<String> {
        for (index, file) in self.files.files.iter().enumerate() {
            let files = TableFiles { files: vec![file.clone()], ..self.files.as_ref().clone() };
            let layouts = self.layouts.get(index).cloned().into_iter().collect();
            let alone = Self::assemble(Arc::new(files), vec![None], layouts, Arc::clone(&self.file_schema)).ok()?;
            if let Err(error) = read_through(alone, context).await
                && super::fault::wants_file(&super::fault::engine_fault(&error))
            {
                return Some(self.files.store.display(&file.meta.location));
            }
        }
        None
    }

    /// The files by the order of columns in which they are read.
    fn by_layout(&self) -> Vec<(SchemaRef, Vec<&LakeFile>)> {
        let mut groups: Vec<(SchemaRef, Vec<&LakeFile>)> = Vec::new();
        for (index, file) in self.files.files.iter().enumerate() {
            let layout = self.layouts.get(index).unwrap_or(&self.file_schema);
            match groups.iter_mut().find(|(known, _)| known.fields() == layout.fields()) {
                Some((_, files)) => files.push(file),
                None => groups.push((Arc::clone(layout), vec![file])),
            }
        }
        groups
    }

    /// Reads every file.
    async fn scan_files(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        // INVARIANT: the CSV reader takes fields by their position. In another file's order the values of one column would
        // stand under the name of another: what is masked in one file would be readable in the next.
        if self.files.format == TableFormat::Csv && self.layouts.len() != self.files.files.len() {
            return Err(super::fault::external(Error::failed("the headers of a CSV table were not read")));
        }
        let mut plans = Vec::new();
        for layout in self.by_layout() {
            plans.push(self.scan_layout(state, layout, projection, limit).await?);
        }
        match plans.pop() {
            Some(only) if plans.is_empty() => Ok(only),
            Some(last) => {
                plans.push(last);
                UnionExec::try_new(plans)
            }
            None => Err(super::fault::external(Error::failed("a table without files cannot be scanned"))),
        }
    }

    /// Reads files of one layout. Columns that they lack are NULL.
    async fn scan_layout(
        &self,
        state: &dyn Session,
        (layout, files): (SchemaRef, Vec<&LakeFile>),
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let rearranged = (layout.fields() != self.file_schema.fields()).then(|| self.rearranged(&layout, projection));
        let (projection, columns) = match rearranged {
            None => (projection.cloned(), None),
            Some(rearranged) => {
                let (indices, columns) = rearranged?;
                (Some(indices), Some(columns))
            }
        };
        let url = self.files.store.url().map_err(super::fault::external)?;
        let format = reader_of(&self.files);
        let partitions = partition_fields(&self.files.partition_columns);
        let source = format.file_source(ScanSchema::builder(layout).with_table_partition_cols(partitions).build());
        let config = FileScanConfigBuilder::new(url, source)
            .with_file_groups(file_groups(files, state.config().target_partitions()))
            .with_projection_indices(projection)?
            .with_limit(limit)
            .build();
        let plan = format.create_physical_plan(state, config).await?;
        if self.files.format == TableFormat::Parquet {
            return Ok(plan);
        }
        let plan = super::named::naming_files(plan, &self.files);
        Ok(match columns {
            Some(columns) => Arc::new(ProjectionExec::try_new(columns, plan)?),
            None => plan,
        })
    }

    /// Which columns of a layout are read, and what makes the wanted ones of them.
    #[allow(clippy::type_complexity, reason = "a pair for one caller")]
    fn rearranged(
        &self,
        layout: &Schema,
        projection: Option<&Vec<usize>>,
    ) -> EngineResult<(Vec<usize>, Vec<(Arc<dyn PhysicalExpr>, String)>)> {
        let wanted = match projection {
            Some(columns) => self.read.project(columns)?,
            None => self.read.as_ref().clone(),
        };
        let own = layout.fields().iter().map(|field| field.name());
        let available: Vec<&String> = own.chain(&self.files.partition_columns).collect();
        let (mut indices, mut columns) = (Vec::new(), Vec::<(Arc<dyn PhysicalExpr>, String)>::new());
        for field in wanted.fields() {
            let made: Arc<dyn PhysicalExpr> = match available.iter().position(|name| *name == field.name()) {
                Some(index) => {
                    indices.push(index);
                    Arc::new(Column::new(field.name(), indices.len() - 1))
                }
                None => Arc::new(Literal::new(ScalarValue::try_from(field.data_type())?)),
            };
            columns.push((made, field.name().clone()));
        }
        Ok((indices, columns))
    }
}

fn file_groups(files: Vec<&LakeFile>, parallel: usize) -> Vec<FileGroup> {
    let files = files.into_iter().map(|file| {
        let values = file.partitions.iter().map(|value| ScalarValue::Utf8(value.clone())).collect();
        PartitionedFile::new_from_meta(file.meta.clone()).with_partition_values(values)
    });
    FileGroup::new(files.collect()).split_files(parallel)
}

async fn read_through(table: LakeTable, context: &SessionContext) -> EngineResult<()> {
    let mut rows = context.read_table(Arc::new(table))?.execute_stream().await?;
    while rows.try_next().await?.is_some() {}
    Ok(())
}

fn partition_fields(columns: &[String]) -> Vec<FieldRef> {
    columns.iter().map(|name| Arc::new(Field::new(name, DataType::Utf8, true))).collect()
}

/// The DataFusion reader of a table's files.
fn reader_of(files: &TableFiles) -> Arc<dyn FileFormat> {
    let compression = if files.gzip { FileCompressionType::GZIP } else { FileCompressionType::UNCOMPRESSED };
    match files.format {
        TableFormat::Parquet => {
            let format = ParquetFormat::new().with_force_view_types(false);
            Arc::new(format.with_coerce_int96(Some(INT96_UNIT.to_owned())))
        }
        TableFormat::Csv => {
            let format = CsvFormat::default()
                .with_has_header(files.csv_header)
                .with_newlines_in_values(true)
                .with_file_compression_type(compression);
            let Some(declared) = &files.declared else { return Arc::new(format) };
            let text = &declared.text;
            // The reader always has a quote. A byte that no text holds is none.
            let format = format.with_delimiter(text.delimiter).with_quote(text.quote.unwrap_or(NO_QUOTE));
            Arc::new(format.with_escape(text.escape).with_truncated_rows(true))
        }
        TableFormat::Json => Arc::new(JsonFormat::default().with_file_compression_type(compression)),
        TableFormat::Avro => Arc::new(AvroFormat),
    }
}

/// The columns of one file, and its footer when it is Parquet.
async fn schema_of(
    files: &TableFiles,
    file: &LakeFile,
    context: &SessionContext,
) -> Result<(SchemaRef, Option<ArrowReaderMetadata>)> {
    let store = &files.store;
    let shown = store.display(&file.meta.location);
    if file.meta.size == 0 {
        return Err(Error::failed("a file of a table is empty (0 bytes)")
            .with("table", &files.name)
            .with("file", &Said(&shown))
            .hint("write it again or delete it: an upload may have been cut off"));
    }
    if files.format == TableFormat::Parquet {
        let footer = footer_of(files, file).await?;
        return Ok((Arc::clone(footer.schema()), Some(footer)));
    }
    match files.format {
        TableFormat::Csv => return Ok((super::infer::csv_columns(files, file).await?, None)),
        TableFormat::Json => return Ok((super::infer::json_columns(files, file).await?, None)),
        TableFormat::Avro => super::infer::check_avro_end(files, file).await?,
        TableFormat::Parquet => {}
    }
    let state = context.state();
    let objects = [file.meta.clone()];
    let schema = reader_of(files).infer_schema(&state, store.objects(), &objects).await.map_err(|error| {
        super::fault::engine_fault(&error)
            .with("table", &files.name)
            .with("file", &Said(&shown))
            .hint("see that the file is what its name says, and complete")
    })?;
    Ok((schema, None))
}

async fn footer_of(files: &TableFiles, file: &LakeFile) -> Result<ArrowReaderMetadata> {
    let store = &files.store;
    let fault = |message: &'static str| {
        Error::failed(message).with("table", &files.name).with("file", &Said(&store.display(&file.meta.location)))
    };
    let footer = read_footer(store, &file.meta).await.map_err(|error| match error {
        parquet::errors::ParquetError::External(inner) if inner.is::<object_store::Error>() => {
            match inner.downcast::<object_store::Error>() {
                Ok(error) => store.fault(&error, Some(&file.meta.location), "cannot read a file"),
                Err(_) => fault("cannot read a file"),
            }
        }
        _ => fault("not a readable Parquet file: its footer is missing, cut off or corrupt")
            .hint("write the file again or move it away; a file that is still being written has no footer yet"),
    })?;
    for group in footer.metadata().row_groups() {
        for column in group.columns() {
            if column.compression() == Compression::LZO {
                return Err(fault("a Parquet file is compressed with LZO, which is not supported")
                    .with("column", &Said(&column.column_path().string()))
                    .hint("rewrite the file with ZSTD, SNAPPY, GZIP, BROTLI, LZ4 or no compression"));
            }
        }
    }
    Ok(footer)
}

/// Reads a Parquet footer with its page indexes where it has them.
async fn read_footer(store: &Store, meta: &ObjectMeta) -> parquet::errors::Result<ArrowReaderMetadata> {
    let fetch = Ranges { store, path: &meta.location };
    let metadata = ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Optional)
        .with_prefetch_hint(Some(FOOTER_BYTES))
        .load_and_finish(fetch, meta.size)
        .await?;
    let metadata = Arc::new(metadata);
    let footer = ArrowReaderMetadata::try_new(Arc::clone(&metadata), ArrowReaderOptions::new())?;
    let schema = metadata.file_metadata().schema_descr();
    match Int96Coercer::new(schema, footer.schema(), &TimeUnit::Microsecond).coerce() {
        Some(coerced) => {
            ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new().with_schema(Arc::new(coerced)))
        }
        None => Ok(footer),
    }
}

/// Byte ranges of one object, for the footer's reader.
struct Ranges<'a> {
    store: &'a Store,
    path: &'a object_store::path::Path,
}

impl MetadataFetch for Ranges<'_> {
    fn fetch(&mut self, range: std::ops::Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        let read = self.store.objects().get_range(self.path, range);
        async move { read.await.map_err(|error| ParquetError::External(Box::new(error))) }.boxed()
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        if self.files.files.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => Arc::clone(&self.schema),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let Some(declared) = &self.files.declared else { return self.scan_files(state, projection, limit).await };
        let (indices, columns) = declared.projection(self.files.format, &self.read, projection)?;
        let plan = self.scan_files(state, Some(&indices), limit).await?;
        Ok(if columns.is_empty() { plan } else { Arc::new(ProjectionExec::try_new(columns, plan)?) })
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> EngineResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}
