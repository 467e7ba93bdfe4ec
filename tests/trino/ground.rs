//! An engine without tables, asked by an administrator and by a role.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::config::Dialect;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use saltlake::backend::Backend;
use saltlake::engine::fault::{engine_fault, planning_fault};
use saltlake::engine::{Engine, Runtimes, analysis};
use saltlake::error::Result;
use saltlake::grant::access::TableAccess;
use saltlake::model::{TableName, TableSchema};
use saltlake::query::{Barrier, Limits, Rights, RoleSession};
use saltlake::settings::{Environment, Overrides, Settings};

/// Who asks.
pub(super) enum Asker {
    Administrator(SessionContext),
    Role(Box<RoleSession>),
}

impl Asker {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Administrator(_) => "administrator",
            Self::Role(_) => "role",
        }
    }
}

/// A role that sees no table.
struct Nothing;

impl Rights for Nothing {
    fn may_see(&self, _: &TableName) -> bool {
        false
    }

    fn access(&self, _: &TableSchema) -> Result<Option<TableAccess>> {
        Ok(None)
    }

    fn version(&self, _: &TableAccess) -> String {
        String::new()
    }
}

pub(super) struct Ground {
    engine: Engine,
    runtimes: Runtimes,
    _folder: tempfile::TempDir,
}

impl Ground {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut overrides = Overrides::default();
        overrides.set.extend(["lake.location=dataset", "masked.location=masked"].map(str::to_owned));
        let settings = Settings::load(&overrides, folder.path(), &Environment::default()).unwrap();
        let runtimes = Runtimes::start(1).unwrap();
        let backend = Arc::new(Backend::new(&settings, runtimes.io()));
        let engine = Engine::new(settings, runtimes.io(), Arc::clone(&backend) as _, backend).unwrap();
        Self { engine, runtimes, _folder: folder }
    }

    pub(super) fn administrator(&self) -> Asker {
        Asker::Administrator(self.engine.session(Vec::new()).unwrap())
    }

    pub(super) fn role(&self) -> Asker {
        let (keys, limits) = (BTreeSet::new(), Limits::default());
        let session = RoleSession::open(&self.engine, Arc::new(Nothing), Vec::new(), &keys, limits, Barrier::Fence);
        Asker::Role(Box::new(session.unwrap()))
    }

    fn batches(&self, asker: &Asker, sql: &str) -> Result<Vec<RecordBatch>> {
        self.runtimes.run(async {
            match asker {
                Asker::Administrator(context) => {
                    let state = context.state();
                    let parsed = state.sql_to_statement(sql, &Dialect::Generic);
                    let mut parsed = parsed.map_err(|error| planning_fault(&error))?;
                    analysis::translate_parsed(&mut parsed);
                    let plan = state.statement_to_plan(parsed).await.map_err(|error| planning_fault(&error))?;
                    let frame = context.execute_logical_plan(plan).await.map_err(|error| planning_fault(&error))?;
                    let plan = frame.create_physical_plan().await.map_err(|error| planning_fault(&error))?;
                    let rows = datafusion::physical_plan::collect(plan, context.task_ctx()).await;
                    rows.map_err(|error| engine_fault(&error))
                }
                Asker::Role(session) => {
                    let planned = session.plan(sql).await?;
                    let rows: std::result::Result<Vec<_>, _> = session.run(&planned)?.try_collect().await;
                    rows.map_err(|error| engine_fault(&error))
                }
            }
        })
    }

    /// The number of columns and the cells of an answer.
    pub(super) fn ask(&self, asker: &Asker, sql: &str) -> Result<(usize, Vec<Vec<String>>)> {
        let batches = self.batches(asker, sql)?;
        let columns = batches.first().map_or(0, RecordBatch::num_columns);
        let options = FormatOptions::new().with_null("NULL");
        let mut rows = Vec::new();
        for batch in &batches {
            let cells: Vec<_> =
                batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            rows.extend((0..batch.num_rows()).map(|row| {
                let cell = |cells: &ArrayFormatter| cells.value(row).to_string();
                cells.iter().map(cell).map(|cell| if cell.is_empty() { "(empty)".to_owned() } else { cell }).collect()
            }));
        }
        Ok((columns, rows))
    }

    /// The names of an answer's columns.
    pub(super) fn names(&self, asker: &Asker, sql: &str) -> Vec<String> {
        let batches = self.batches(asker, sql).unwrap();
        batches[0].schema().fields().iter().map(|field| field.name().clone()).collect()
    }
}
