//! A kept answer, read again.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result as EngineResult};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionContext;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::encode::reads_back;
use super::record::Execution;
use crate::engine::fault::external;
use crate::engine::lake::{TableFiles, TableFormat};
use crate::engine::store::Store;
use crate::engine::table::LakeTable;
use crate::error::{Error, Result, Said};
use crate::model::TableName;
use crate::query::running::Answer;

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;

const DAMAGED: &str = "a kept answer cannot be read";

fn damaged() -> Error {
    Error::failed(DAMAGED).hint("ask the query again")
}

/// An error of reading, with the place.
pub(super) fn named(error: &DataFusionError, shown: &str) -> DataFusionError {
    let own = crate::engine::fault::engine_fault(error);
    let own = if own.message() == DAMAGED { own } else { damaged() };
    external(own.with("file", &Said(shown)))
}

fn gone(store: &Store, path: &Path, error: &object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::failed("the kept answer is gone")
            .with("file", &Said(&store.display(path)))
            .hint("somebody deleted it; ask the query again"),
        _ => store.fault(error, Some(path), "a kept answer cannot be read"),
    }
}

/// The columns as they are read from an answer's file.
pub(super) fn schema_of(name: &str, execution: &Execution) -> Result<SchemaRef> {
    let schema = execution.schema()?;
    Ok(if name.ends_with(".parquet") { schema } else { readable(&schema) })
}

/// What a text does not bring back stays text.
fn readable(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let kept = if reads_back(field.data_type()) { field.data_type().clone() } else { DataType::Utf8 };
        Field::new(field.name(), kept, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

pub(super) async fn parquet(store: &Store, path: &Path, reader: &SessionContext) -> Result<Answer> {
    let meta = store.objects().head(path).await.map_err(|error| gone(store, path, &error))?;
    let name = TableName::new("results", meta.location.filename().unwrap_or_default());
    let files = TableFiles::collect(name, store.clone(), vec![meta], Some(TableFormat::Parquet)).await?;
    let table = LakeTable::open(files, false, reader).await.map_err(|_| damaged())?;
    let rows = reader.read_table(Arc::new(table)).map_err(|_| damaged())?.execute_stream().await;
    let rows = rows.map_err(|_| damaged())?;
    let schema = rows.schema();
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows.map_err(|_| external(damaged())))))
}

pub(super) async fn csv(store: &Store, path: &Path, schema: SchemaRef) -> Result<Answer> {
    let found = store.objects().get(path).await.map_err(|error| gone(store, path, &error))?;
    let schema = readable(&schema);
    let state = Reading { bytes: found.into_stream(), parser: Parser::new(schema.fields().len()), ended: false };
    let columns = Arc::clone(&schema);
    let batches = futures::stream::try_unfold(state, move |mut state| {
        let columns = Arc::clone(&columns);
        async move {
            let batch = state.next(&columns).await?;
            Ok::<_, DataFusionError>(batch.map(|batch| (batch, state)))
        }
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
}

struct Reading {
    bytes: BoxStream<'static, object_store::Result<Bytes>>,
    parser: Parser,
    ended: bool,
}

impl Reading {
    async fn next(&mut self, schema: &SchemaRef) -> EngineResult<Option<RecordBatch>> {
        while !self.ended && self.parser.rows < BATCH_ROWS {
            match self.bytes.next().await {
                Some(Ok(bytes)) => self.parser.read(&bytes).map_err(external)?,
                Some(Err(_)) => return Err(external(damaged())),
                None => {
                    self.parser.end().map_err(external)?;
                    self.ended = true;
                }
            }
        }
        if self.parser.rows == 0 { Ok(None) } else { self.parser.take(schema).map(Some).map_err(external) }
    }
}

/// Reads what [`super::encode`] writes. A value without quotes is NULL.
struct Parser {
    columns: Vec<StringBuilder>,
    rows: usize,
    header: bool,
    field: Vec<u8>,
    /// The field under way has begun with a quote.
    quoted: bool,
    inside: bool,
    column: usize,
}

impl Parser {
    fn new(columns: usize) -> Self {
        let columns = (0..columns).map(|_| StringBuilder::new()).collect();
        Self { columns, rows: 0, header: true, field: Vec::new(), quoted: false, inside: false, column: 0 }
    }

    fn read(&mut self, bytes: &[u8]) -> Result<()> {
        for &byte in bytes {
            match byte {
                b'"' if self.inside => self.inside = false,
                b'"' => {
                    // A quote that follows a closing one stands for itself.
                    if self.quoted {
                        self.field.push(b'"');
                    }
                    (self.quoted, self.inside) = (true, true);
                }
                byte if self.inside => self.field.push(byte),
                b',' => self.finish_field()?,
                b'\n' => self.finish_line()?,
                _ => return Err(damaged()),
            }
        }
        Ok(())
    }

    fn end(&self) -> Result<()> {
        if self.inside || self.quoted || self.column > 0 || self.header { Err(damaged()) } else { Ok(()) }
    }

    fn finish_field(&mut self) -> Result<()> {
        let builder = self.columns.get_mut(self.column).ok_or_else(damaged)?;
        if !self.header {
            match (self.quoted, std::str::from_utf8(&self.field)) {
                (true, Ok(text)) => builder.append_value(text),
                (true, Err(_)) => return Err(damaged()),
                (false, _) => builder.append_null(),
            }
        }
        self.field.clear();
        self.quoted = false;
        self.column += 1;
        Ok(())
    }

    fn finish_line(&mut self) -> Result<()> {
        if !self.columns.is_empty() {
            self.finish_field()?;
        }
        if self.column != self.columns.len() {
            return Err(damaged());
        }
        self.column = 0;
        self.rows += usize::from(!self.header);
        self.header = false;
        Ok(())
    }

    fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch> {
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let columns = self.columns.iter_mut().zip(schema.fields()).map(|(builder, field)| {
            let texts: ArrayRef = Arc::new(builder.finish());
            cast_with_options(&texts, field.data_type(), &strict).map_err(|_| damaged())
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.rows)));
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(|_| damaged())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use arrow::array::{Array, AsArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
    use proptest::prelude::*;

    use super::*;
    use crate::query::history::encode::{header, lines};

    fn again(batch: &RecordBatch, cut: usize) -> RecordBatch {
        let mut bytes = header(&batch.schema());
        bytes.extend(lines(batch).unwrap());
        let mut parser = Parser::new(batch.num_columns());
        for piece in bytes.chunks(cut.max(1)) {
            parser.read(piece).unwrap();
        }
        parser.end().unwrap();
        parser.take(&readable(&batch.schema())).unwrap()
    }

    proptest! {
        #[test]
        fn what_was_kept_is_read_again_as_it_was(
            rows in proptest::collection::vec(
                (proptest::option::of(any::<String>()), proptest::option::of(any::<i64>()),
                 proptest::option::of(-1e300_f64..1e300), proptest::option::of(-60_000_000_000_000_000_i64..200_000_000_000_000_000)),
                1..20),
            cut in 1_usize..40,
        ) {
            let batch = RecordBatch::try_from_iter_with_nullable([
                ("te\"xt,", Arc::new(rows.iter().map(|row| row.0.clone()).collect::<StringArray>()) as ArrayRef, true),
                ("n", Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>()) as ArrayRef, true),
                ("f", Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>()) as ArrayRef, true),
                ("t", Arc::new(rows.iter().map(|row| row.3).collect::<TimestampMicrosecondArray>()) as ArrayRef, true),
            ]).unwrap();
            prop_assert_eq!(again(&batch, cut), batch);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), columns in 0_usize..4) {
            let mut parser = Parser::new(columns);
            let _ = parser.read(&bytes).and_then(|()| parser.end());
        }
    }

    #[test]
    fn nothing_and_an_empty_text_are_kept_apart() {
        let texts = Arc::new(StringArray::from(vec![Some(""), None, Some("NULL")])) as ArrayRef;
        let batch = RecordBatch::try_from_iter_with_nullable([("a", texts, true)]).unwrap();
        let read = again(&batch, 3);
        let column = read.column(0).as_string::<i32>();
        assert!(column.value(0).is_empty() && column.is_valid(0) && column.is_null(1) && column.value(2) == "NULL");
    }
}
