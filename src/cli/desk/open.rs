//! Statements of whoever may read everything.

use std::sync::Arc;

use datafusion::sql::parser::Statement as EngineStatement;

use super::super::app::App;
use super::super::audit::Entry;
use super::super::{findings, records, workflow};
use super::asked::Asked;
use super::{INFORMATION_SCHEMA, Reader, Rows, tables_version};
use crate::engine::catalog::Database;
use crate::engine::fault::planning_fault;
use crate::engine::statement::{Statement, relations_of, table_name};
use crate::error::{Error, Result};
use crate::model::TableName;
use crate::query::history::Viewer;
use crate::query::{Kind, Limits, OpenSession, Planned};

/// Statements over everything that there is.
pub(super) struct OpenDesk<'a> {
    pub(super) app: &'a App,
    pub(super) viewer: Viewer,
}

impl OpenDesk<'_> {
    pub(super) async fn answer(
        &self,
        statement: &Statement,
        reader: &mut dyn Reader,
        entry: &mut Entry,
        asked: &mut Asked,
    ) -> Result<()> {
        let databases = self.databases(statement, entry).await?;
        match Box::pin(self.read(statement, &databases, (reader, entry, asked))).await {
            Ok(()) => Ok(()),
            Err(error) => Err(databases.name_file(self.app, statement, error).await),
        }
    }

    /// Plans a statement, and does not run it.
    pub(super) async fn rehearse(&self, statement: &Statement, entry: &mut Entry) -> Result<()> {
        let databases = self.databases(statement, entry).await?;
        self.plan(statement, &databases).await.map(|_| ())
    }

    async fn databases(&self, statement: &Statement, entry: &mut Entry) -> Result<Databases> {
        entry.tables = relations(self.app, statement).iter().map(ToString::to_string).collect();
        workflow::load_query_keys(self.app, statement).await?;
        databases(self.app, statement).await
    }

    async fn read(
        &self,
        statement: &Statement,
        databases: &Databases,
        (reader, entry, asked): (&mut dyn Reader, &mut Entry, &mut Asked),
    ) -> Result<()> {
        let (session, planned) = self.plan(statement, databases).await?;
        asked.planned(&entry.tables, "", tables_version(&planned, &databases.named(self.app)));
        let rows = match asked.reusable(self.app).await? {
            Some(kept) => kept,
            None => asked.answer(session.run(&planned)?, Vec::new(), session.scanned(&planned)),
        };
        let scanned = rows.scanned.clone();
        let read = reader.rows(Rows { stream: entry.counted(rows.stream), ..rows }).await;
        (entry.rows_read, entry.bytes_read) = scanned.now();
        read
    }

    async fn plan(&self, statement: &Statement, databases: &Databases) -> Result<(OpenSession, Planned)> {
        let app = self.app;
        let context = workflow::session(app, &databases.raw, Arc::clone(&databases.masked) as _)?;
        let mut own = workflow::OwnTables::default();
        if workflow::reads_findings(statement) {
            let (found, _) = findings::gather(app, &databases.raw).await?;
            own.findings(&found)?;
        }
        records::add(app, &relations(app, statement), &self.viewer, &mut own).await?;
        own.register(&context)?;
        let dialect = context.state().config_options().sql_parser.dialect;
        let parsed = context.state().sql_to_statement(&statement.text, &dialect);
        let parsed = parsed.map_err(|error| planning_fault(&error))?;
        let usual = &app.settings().query;
        let limits =
            Limits { memory_bytes: None, time: usual.time, rows: usual.rows, scanned_bytes: usual.scanned_bytes };
        let kind = if matches!(parsed, EngineStatement::Explain(_)) { Kind::Explain } else { Kind::Read };
        let session = OpenSession::new(context, limits);
        let planned = session.plan_parsed(parsed, kind).await?;
        Ok((session, planned))
    }
}

/// What a statement can read.
struct Databases {
    raw: Arc<Database>,
    masked: Arc<Database>,
}

impl Databases {
    fn named(&self, app: &App) -> Vec<(String, Arc<Database>)> {
        let settings = app.settings();
        vec![
            (settings.lake.database.clone(), Arc::clone(&self.raw)),
            (settings.masked.database.clone(), Arc::clone(&self.masked)),
        ]
    }

    /// Adds the file to an error about what a file holds.
    async fn name_file(&self, app: &App, statement: &Statement, error: Error) -> Error {
        let settings = app.settings();
        let relations = relations(app, statement);
        let tables = |database: &str| {
            let here: Vec<_> = relations.iter().filter(|name| name.database() == database).collect();
            here.into_iter().map(TableName::table).collect::<Vec<_>>()
        };
        let error = self.raw.name_file(error, tables(&settings.lake.database)).await;
        self.masked.name_file(error, tables(&settings.masked.database)).await
    }
}

fn relations(app: &App, statement: &Statement) -> Vec<TableName> {
    let names = relations_of(&statement.ast);
    names.iter().filter_map(|name| table_name(name, &app.settings().masked.database)).collect()
}

/// Lists the databases that a statement names. `SELECT 1` needs no lake.
async fn databases(app: &App, statement: &Statement) -> Result<Databases> {
    let settings = app.settings();
    let relations = relations(app, statement);
    let everything = relations.iter().any(|name| name.database() == INFORMATION_SCHEMA)
        || matches!(statement.ast, sqlparser::ast::Statement::ShowTables { .. });
    let names = |database: &str| everything || relations.iter().any(|name| name.database() == database);
    let nothing = || Database::new(std::collections::BTreeMap::new(), false, app.engine.reader());
    let raw = if names(&settings.lake.database) || workflow::reads_findings(statement) {
        app.engine.raw().await?
    } else {
        nothing()
    };
    let masked = if names(&settings.masked.database) && settings.masked.location.is_some() {
        let target = app.engine.target().await?;
        app.engine.masked(&target, target.current().await?.as_ref())?
    } else {
        nothing()
    };
    Ok(Databases { raw: Arc::new(raw), masked: Arc::new(masked) })
}
