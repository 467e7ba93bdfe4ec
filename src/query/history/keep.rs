//! Keeping an answer while it goes by.

use std::io::Write;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{DataFusionError, Result as EngineResult};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::encode::{header, lines};
use super::record::{Execution, StoredColumn};
use super::{History, KeptFormat};
use crate::engine::fault::external;
use crate::engine::part::{PartFile, PartFiles};
use crate::engine::store::{Store, file_fault};
use crate::engine::target::Target;
use crate::error::{Error, Result, Said};
use crate::query::running::Answer;

/// Batches that wait for the file.
const BATCHES_WAITING: usize = 2;

const UNWRITABLE: &str = "the answer cannot be kept";

/// The name of an answer's file, known when the answer has come to its end.
#[derive(Clone, Debug, Default)]
struct Name(Arc<Mutex<Option<String>>>);

impl Name {
    fn set(&self, name: String) {
        if let Ok(mut kept) = self.0.lock() {
            *kept = Some(name);
        }
    }
}

/// What becomes of an answer's file.
#[derive(Debug)]
pub struct Kept {
    name: Name,
    settled: oneshot::Receiver<()>,
}

impl Kept {
    /// Waits until the file is whole, or gone, and gives its name below the results: `None` if the answer did not come to
    /// its end. Call it when the answer was read or dropped.
    pub async fn settled(self) -> Option<String> {
        // The other end is dropped when the work on the file is done, whatever became of it.
        let _ = self.settled.await;
        self.name.0.lock().ok().and_then(|name| name.clone())
    }
}

enum Message {
    Rows(RecordBatch),
    End,
}

/// Passes an answer on, and keeps it. The end of the answer is passed on when its file is whole.
///
/// Notes the answer's columns in the execution; `masked` says over which of them a mask is.
///
/// # Errors
/// What goes wrong comes with the rows.
pub fn keep(history: &History, execution: &mut Execution, masked: &[bool], rows: Answer) -> (Answer, Kept) {
    let schema = rows.schema();
    let marks = masked.iter().copied().chain(std::iter::repeat(false));
    execution.columns = schema
        .fields()
        .iter()
        .zip(marks)
        .map(|(field, masked)| StoredColumn {
            name: field.name().clone(),
            data_type: field.data_type().to_string(),
            masked,
        })
        .collect();
    // Parquet does not store every type, nor two columns of one name.
    let parquet = history.format == KeptFormat::Parquet && is_storable(&schema);
    let format = if parquet { KeptFormat::Parquet } else { KeptFormat::Csv };
    let file = Keeping {
        store: history.store.clone(),
        io: history.io.clone(),
        id: execution.id.clone(),
        format,
        schema: Arc::clone(&schema),
        columns: execution.columns.clone(),
    };
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
    let mut work = JoinSet::new();
    let (done, settled) = oneshot::channel();
    work.spawn_blocking(move || {
        let _done: oneshot::Sender<()> = done;
        file.run(receiver)
    });
    let name = Name::default();
    let passing = Passing { rows, sender: Some(sender), work, kept: name.clone() };
    let kept = Kept { name, settled };
    let stream = futures::stream::try_unfold(passing, |mut passing| async move {
        Ok::<_, DataFusionError>(passing.next().await?.map(|batch| (batch, passing)))
    });
    (Box::pin(RecordBatchStreamAdapter::new(schema, stream)), kept)
}

fn is_storable(schema: &SchemaRef) -> bool {
    let names: std::collections::BTreeSet<_> = schema.fields().iter().map(|field| field.name()).collect();
    let known = schema.fields().iter().all(|field| !holds_interval(field.data_type()));
    known
        && !names.is_empty()
        && names.len() == schema.fields().len()
        && crate::engine::reject_unstorable(schema).is_ok()
}

/// The Parquet writer finds out about intervals when it meets their first row.
fn holds_interval(data_type: &DataType) -> bool {
    match data_type {
        DataType::Interval(_) => true,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => holds_interval(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_interval(field.data_type())),
        _ => false,
    }
}

struct Passing {
    rows: Answer,
    sender: Option<mpsc::Sender<Message>>,
    work: JoinSet<Result<String>>,
    kept: Name,
}

impl Passing {
    async fn next(&mut self) -> EngineResult<Option<RecordBatch>> {
        let Some(sender) = &self.sender else { return Ok(None) };
        match self.rows.next().await {
            Some(Ok(batch)) => {
                if sender.send(Message::Rows(batch.clone())).await.is_err() {
                    self.written().await?;
                    return Err(external(Error::failed(UNWRITABLE)));
                }
                Ok(Some(batch))
            }
            Some(Err(error)) => {
                self.sender = None;
                Err(error)
            }
            None => {
                let _ = sender.send(Message::End).await;
                self.sender = None;
                let name = self.written().await?;
                self.kept.set(name);
                Ok(None)
            }
        }
    }

    async fn written(&mut self) -> EngineResult<String> {
        match self.work.join_next().await {
            Some(Ok(written)) => written.map_err(external),
            _ => Err(external(Error::failed(UNWRITABLE))),
        }
    }
}

struct Keeping {
    store: Store,
    io: tokio::runtime::Handle,
    id: String,
    format: KeptFormat,
    schema: SchemaRef,
    columns: Vec<StoredColumn>,
}

impl Keeping {
    /// Takes rows until their end, on a thread for blocking work. Returns the file's name.
    fn run(self, rows: mpsc::Receiver<Message>) -> Result<String> {
        let name = format!("{}.{}", self.id, self.format.extension());
        let written = self.write(&name, rows);
        if written.is_err()
            && let Some(file) = self.store.path(&self.hidden()).ok().and_then(|path| self.store.file(&path))
        {
            let _ = std::fs::remove_file(file);
        }
        written.map_err(|error| {
            let reason = error.context().iter().find(|(key, _)| *key == "reason").map(|(_, reason)| reason.clone());
            let fault = Error::new(error.kind(), UNWRITABLE).with("location", self.store.location());
            let fault = reason.iter().fold(fault, |fault, reason| fault.with("reason", &Said(reason)));
            fault.hint("`results` of `[query]` in the settings says where answers are kept")
        })?;
        Ok(name)
    }

    /// The name of the file until it is whole.
    fn hidden(&self) -> String {
        format!(".{}.part", self.id)
    }

    fn write(&self, name: &str, mut rows: mpsc::Receiver<Message>) -> Result<()> {
        let target = Target::of_files(self.store.clone(), self.io.clone());
        let parts = PartFiles::new(target, &self.id, self.io.clone());
        let path = self.store.path(name)?;
        // In a folder, under a hidden name until it is whole; an object comes into being when it is complete.
        let local = self.store.file(&path);
        let hidden = self.hidden();
        let file = parts.create(if local.is_some() { &hidden } else { name })?;
        let mut encoder = Encoder::begin(file, self.format, &self.schema)?;
        loop {
            match rows.blocking_recv() {
                Some(Message::Rows(batch)) => encoder.write(&batch)?,
                Some(Message::End) => break,
                None => return Err(Error::failed("the rows ended early")),
            }
        }
        encoder.finish()?.finish()?;
        if self.format == KeptFormat::Csv {
            let metadata = serde_json::to_vec_pretty(&serde_json::json!({ "columns": self.columns }));
            let metadata = metadata.map_err(|_| Error::failed(UNWRITABLE))?;
            self.io.block_on(self.store.write(&self.store.path(&format!("{name}.metadata"))?, metadata))?;
        }
        match local {
            None => Ok(()),
            Some(file) => std::fs::rename(file.with_file_name(&hidden), &file)
                .map_err(|error| file_fault(&error, &file, UNWRITABLE)),
        }
    }
}

enum Encoder {
    Csv(PartFile),
    Parquet(Box<ArrowWriter<PartFile>>),
}

impl Encoder {
    fn begin(mut file: PartFile, format: KeptFormat, schema: &SchemaRef) -> Result<Self> {
        Ok(match format {
            KeptFormat::Csv => {
                file.write_all(&header(schema)).map_err(|error| crate::engine::part::write_fault(&error))?;
                Self::Csv(file)
            }
            KeptFormat::Parquet => {
                let writer = ArrowWriter::try_new(file, Arc::clone(schema), None);
                Self::Parquet(Box::new(writer.map_err(|_| Error::failed(UNWRITABLE))?))
            }
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Csv(file) => {
                let lines = lines(batch).map_err(|_| Error::failed(UNWRITABLE))?;
                file.write_all(&lines).map_err(|error| crate::engine::part::write_fault(&error))
            }
            Self::Parquet(writer) => writer.write(batch).map_err(|error| parquet_fault(&error)),
        }
    }

    fn finish(self) -> Result<PartFile> {
        match self {
            Self::Csv(file) => Ok(file),
            Self::Parquet(writer) => writer.into_inner().map_err(|error| parquet_fault(&error)),
        }
    }
}

fn parquet_fault(error: &parquet::errors::ParquetError) -> Error {
    if let parquet::errors::ParquetError::External(inner) = error
        && let Some(io) = inner.downcast_ref::<std::io::Error>()
    {
        return crate::engine::part::write_fault(io);
    }
    Error::failed(UNWRITABLE)
}
