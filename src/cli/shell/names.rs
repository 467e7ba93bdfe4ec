//! The names that completion offers: what the role sees, read beside the prompt so that nobody waits for it.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use async_trait::async_trait;
use futures::StreamExt;
use tokio::sync::watch;

use super::complete::{Names, Table};
use crate::cli::app::App;
use crate::cli::desk::{Desk, Reader, Rows};
use crate::cli::role::RoleArgs;
use crate::engine::Runtimes;
use crate::engine::fault::engine_fault;
use crate::error::{Error, Result};

/// How long a completion waits for names that are being read.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Everything that is named, in one statement: it lists the lake once.
const NAMED: &str = "SELECT 'column' AS kind, table_schema AS a, table_name AS b, column_name AS c, \
     CAST(ordinal_position AS BIGINT) AS n FROM information_schema.columns \
     UNION ALL SELECT 'table', table_schema, table_name, '', 0 FROM information_schema.tables \
     UNION ALL SELECT 'database', schema_name, '', '', 0 FROM information_schema.schemata \
     UNION ALL SELECT DISTINCT 'function', routine_name, '', '', 0 FROM information_schema.routines \
     ORDER BY 1, 2, 3, 5";

/// Names that one thread reads and another completes with.
#[derive(Clone, Default)]
pub(super) struct SharedNames(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    names: Arc<Names>,
    reading: bool,
}

impl SharedNames {
    /// The names, after a little patience if they are being read.
    pub(super) fn get(&self) -> Arc<Names> {
        let (state, changed) = &*self.0;
        let Ok(state) = state.lock() else { return Arc::default() };
        let waited = changed.wait_timeout_while(state, PATIENCE, |state| state.reading);
        waited.map(|(state, _)| Arc::clone(&state.names)).unwrap_or_default()
    }

    fn set(&self, reading: bool, names: Option<Names>) {
        let (state, changed) = &*self.0;
        if let Ok(mut state) = state.lock() {
            state.reading = reading;
            if let Some(names) = names {
                state.names = Arc::new(names);
            }
        }
        changed.notify_all();
    }
}

/// Asks for names to be read, until dropped.
pub(super) struct Asking {
    names: SharedNames,
    roles: Sender<Option<String>>,
    over: watch::Sender<bool>,
}

/// Reads names when asked to.
pub(super) struct Reading {
    names: SharedNames,
    roles: Receiver<Option<String>>,
    over: watch::Receiver<bool>,
}

/// The two ends, for a thread each.
pub(super) fn ends(names: &SharedNames) -> (Asking, Reading) {
    let (roles, asked) = channel();
    let (over, ends) = watch::channel(false);
    let asking = Asking { names: names.clone(), roles, over };
    (asking, Reading { names: names.clone(), roles: asked, over: ends })
}

impl Asking {
    /// Has the names of a role read.
    pub(super) fn read(&self, role: Option<&str>) {
        self.names.set(true, None);
        if self.roles.send(role.map(str::to_owned)).is_err() {
            self.names.set(false, None);
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let _ = self.over.send(true);
    }
}

impl Reading {
    /// Serves until the other end is dropped. Names that cannot be read are those from before: the prompt is no place to
    /// tell of it.
    pub(super) fn serve(mut self, app: &App, runtimes: &Runtimes) {
        while let Ok(mut role) = self.roles.recv() {
            while let Ok(later) = self.roles.try_recv() {
                role = later;
            }
            let mut over = self.over.clone();
            let read = runtimes.wait(async {
                tokio::select! {
                    names = Box::pin(read(app, role)) => names.map(Some),
                    _ = over.wait_for(|over| *over) => Ok(None),
                }
            });
            let names = read.ok().flatten().or_else(|| Some(without_lake(app)));
            self.names.set(false, names);
            if *self.over.borrow_and_update() {
                return;
            }
        }
    }
}

/// What is known without reading anything.
fn without_lake(app: &App) -> Names {
    let settings = app.settings();
    Names {
        default_database: settings.masked.database.clone(),
        databases: vec![settings.lake.database.clone(), settings.masked.database.clone()],
        functions: saltlake_udfs::catalogue().iter().map(|function| function.name.to_owned()).collect(),
        roles: settings.roles.keys().cloned().collect(),
        tables: Vec::new(),
    }
}

async fn read(app: &App, role: Option<String>) -> Result<Names> {
    let desk = Desk::open(app, &RoleArgs { role }).await?;
    let mut found = Listing::default();
    for statement in desk.parsed(NAMED, "the shell").await? {
        desk.look(&statement, &mut found).await?;
    }
    let mut names = Names { databases: Vec::new(), functions: Vec::new(), ..without_lake(app) };
    let mut tables: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for [kind, a, b, c] in found.0 {
        match kind.as_str() {
            "column" => tables.entry((a, b)).or_default().push(c),
            "table" => drop(tables.entry((a, b)).or_default()),
            "database" => names.databases.push(a),
            _ => names.functions.push(a),
        }
    }
    let table = |((database, name), columns)| Table { database, name, columns };
    names.tables = tables.into_iter().map(table).collect();
    Ok(names)
}

/// Takes rows of four texts.
#[derive(Default)]
struct Listing(Vec<[String; 4]>);

#[async_trait(?Send)]
impl Reader for Listing {
    async fn rows(&mut self, mut rows: Rows) -> Result<()> {
        while let Some(batch) = rows.stream.next().await {
            let batch = batch.map_err(|error| engine_fault(&error))?;
            let texts = batch.columns().iter().take(4).map(|column| cast(column, &DataType::Utf8));
            let texts = texts.collect::<Result<Vec<_>, _>>().map_err(|_| Error::failed("names cannot be read"))?;
            let text = |column: usize, row: usize| {
                let texts = texts.get(column).map(AsArray::as_string::<i32>);
                texts.filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row).to_owned()).unwrap_or_default()
            };
            self.0.extend((0..batch.num_rows()).map(|row| [0, 1, 2, 3].map(|column| text(column, row))));
        }
        Ok(())
    }

    fn said(&mut self, _: &str) -> Result<()> {
        Ok(())
    }
}
