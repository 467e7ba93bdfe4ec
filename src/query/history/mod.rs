//! What was asked, and the answers that were kept: `ID.csv` with `ID.csv.metadata` as Amazon Athena has them, or
//! `ID.parquet`, and a record of each statement below `_saltlake/executions/`.
//!
//! INVARIANT: an answer is seen under its name when it is whole. A statement that failed or was stopped has none.
//! INVARIANT: a record holds what its user typed and counts, never a cell and never an error's text.

mod decode;
mod encode;
mod keep;
mod record;
mod table;

use std::cmp::Reverse;

use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use datafusion::prelude::SessionContext;
use futures::{StreamExt, TryStreamExt};
use uuid::Uuid;

pub use self::keep::{Kept, keep};
pub use self::record::{Execution, State, StoredColumn};
pub use self::table::{Viewer, execution_schema, executions_table};
use super::running::Answer;
use crate::engine::Engine;
use crate::engine::store::Store;
use crate::error::{Error, Result, Said};
use crate::model::Location;

/// Where records lie, below the results.
const RECORDS: &str = "_saltlake/executions";

/// How many records are read at once.
const RECORDS_AT_ONCE: usize = 16;

/// How an answer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptFormat {
    /// Comma-separated values, every one in quotes, and NULL as nothing at all.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl KeptFormat {
    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// The place where answers are kept.
#[derive(Clone)]
pub struct History {
    store: Store,
    io: tokio::runtime::Handle,
    reader: SessionContext,
    format: KeptFormat,
}

impl History {
    /// Opens a place. A folder is made, for its owner alone, if it is not there.
    ///
    /// # Errors
    /// If it cannot be made or reached.
    pub async fn open(engine: &Engine, location: &Location, format: KeptFormat) -> Result<Self> {
        if let Location::Folder(folder) = location {
            make_private(folder)?;
        }
        let store = engine.store(location).await?;
        Ok(Self { store, io: engine.io().clone(), reader: engine.reader(), format })
    }

    /// Records a statement as it stands: about to run, or ended.
    ///
    /// # Errors
    /// If the record cannot be written.
    pub async fn record(&self, execution: &Execution) -> Result<()> {
        let path = self.store.path(&record_name(&execution.id))?;
        let bytes = serde_json::to_vec_pretty(execution)
            .map_err(|_| Error::failed("the record of a statement cannot be written"))?;
        self.store.write(&path, bytes).await
    }

    /// The record of an id. One that the viewer may not see is as if it were not there.
    ///
    /// # Errors
    /// Usage if there is none, or the text is no id.
    pub async fn find(&self, id: &str, viewer: &Viewer) -> Result<Execution> {
        let unknown = || {
            Error::usage("there is no such query").with("id", &Said(id)).hint("`saltlake history` lists what was asked")
        };
        let known = Uuid::parse_str(id).map_err(|_| unknown())?.to_string();
        let execution = self.read(&known).await?;
        execution.filter(|execution| viewer.may_see(execution)).ok_or_else(unknown)
    }

    async fn read(&self, id: &str) -> Result<Option<Execution>> {
        let path = self.store.path(&record_name(id))?;
        let Some((bytes, _)) = self.store.read(&path).await? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|_| {
            Error::failed("the record of a query is damaged")
                .with("id", &Said(id))
                .hint("delete the record; its answer, if there is one, lies beside it")
        })
    }

    /// The newest records, the last first: at most `most`, and none from before `since`. A damaged one is left out, and
    /// counted.
    ///
    /// # Errors
    /// If records cannot be listed or read.
    pub async fn latest(&self, most: usize, since: Option<DateTime<Utc>>) -> Result<(Vec<Execution>, usize)> {
        let listed = self.store.list(RECORDS).await?;
        let names = listed.iter().filter_map(|meta| meta.location.filename()?.strip_suffix(".json"));
        let mut ids: Vec<Uuid> = names.filter_map(|name| Uuid::parse_str(name).ok()).collect();
        // An id begins with its moment.
        ids.retain(|id| since.is_none_or(|since| moment_of(id) >= since));
        ids.sort_unstable_by_key(|id| Reverse(*id));
        ids.truncate(most);
        let read = futures::stream::iter(ids).map(|id| async move { self.read(&id.to_string()).await });
        let read: Vec<Result<Option<Execution>>> = read.buffered(RECORDS_AT_ONCE).collect().await;
        let (mut found, mut damaged) = (Vec::new(), 0);
        for record in read {
            match record {
                Ok(record) => found.extend(record),
                Err(error) if error.message() == "the record of a query is damaged" => damaged += 1,
                Err(error) => return Err(error),
            }
        }
        Ok((found, damaged))
    }

    /// The rows of an answer that was kept.
    ///
    /// # Errors
    /// Usage if it has none; failed if it is gone or cannot be read.
    pub async fn rows(&self, execution: &Execution) -> Result<Answer> {
        let (Some(name), State::Succeeded) = (&execution.result, execution.state) else {
            return Err(Error::usage("the query has no answer that was kept")
                .with("id", &Said(&execution.id))
                .with("state", &Said(execution.state.name())));
        };
        let path = self.store.path(name)?;
        let schema: SchemaRef = execution.schema()?;
        let rows: Answer = if name.ends_with(".parquet") {
            decode::parquet(&self.store, &path, &self.reader).await?
        } else {
            decode::csv(&self.store, &path, schema).await?
        };
        let store = self.store.clone();
        let shown = store.display(&path);
        let mapped = rows.map_err(move |error| decode::named(&error, &shown));
        let schema = decode::schema_of(name, execution)?;
        Ok(Box::pin(datafusion::physical_plan::stream::RecordBatchStreamAdapter::new(schema, mapped)))
    }

    /// Where an answer is, for people.
    pub fn place(&self, name: &str) -> String {
        self.store.path(name).map_or_else(|_| name.to_owned(), |path| self.store.display(&path))
    }
}

fn record_name(id: &str) -> String {
    format!("{RECORDS}/{id}.json")
}

fn moment_of(id: &Uuid) -> DateTime<Utc> {
    let moment = id.get_timestamp().map(|stamp| stamp.to_unix());
    moment
        .and_then(|(seconds, nanos)| DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos))
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

fn make_private(folder: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| crate::engine::store::file_fault(&error, folder, "the folder of results cannot be made"))
}
