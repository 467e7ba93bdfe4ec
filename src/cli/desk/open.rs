//! Statements of whoever may read everything.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::sql::parser::Statement as EngineStatement;

use super::super::app::App;
use super::super::{findings, records, workflow};
use super::clerk::{Clerk, Databases, Opened, Scope, Session};
use crate::engine::statement::Statement;
use crate::error::{Error, Result};
use crate::model::{Location, TableName};
use crate::query::history::Viewer;
use crate::query::workspace::{Expansion, Reach};
use crate::query::{Kind, Limits, OpenSession, gate_open, gate_open_parsed};

/// Statements over everything that there is.
pub(super) struct OpenDesk<'a> {
    pub(super) app: &'a App,
    /// The locations of the role with full access; none without a role.
    pub(super) locations: Vec<Location>,
    pub(super) viewer: Viewer,
}

#[async_trait(?Send)]
impl Clerk for OpenDesk<'_> {
    fn app(&self) -> &App {
        self.app
    }

    fn locations(&self) -> Result<Vec<Location>> {
        if self.locations.is_empty() {
            return Ok(self.app.settings().query.workspace.iter().cloned().collect());
        }
        Ok(self.locations.clone())
    }

    fn unload_locations(&self) -> Result<Vec<Location>> {
        Ok(Vec::new())
    }

    fn reach(&self) -> Reach {
        Reach::Anywhere
    }

    fn judge(&self, statement: &Statement) -> Result<(EngineStatement, Kind)> {
        Ok(match gate_open(&statement.text)? {
            // Of EXECUTE, what is judged and run is the statement that it stands for.
            (_, Kind::Prepared) => gate_open_parsed(statement.ast.clone()),
            judged => judged,
        })
    }

    fn check(&self, _: &Expansion) -> Result<()> {
        Ok(())
    }

    async fn session(&self, _: &Statement, scope: &Scope) -> Result<Opened> {
        let app = self.app;
        app.engine.load_keys(&scope.reads.keys).await?;
        let finds = scope.reads.relations.iter().any(workflow::is_findings);
        let wants_raw = scope.wants(&app.settings().lake.database) || finds;
        let databases = scope.databases(app, wants_raw).await?;
        let [(_, raw), (_, masked), _] = databases.as_slice() else {
            return Err(Error::failed("a database is missing"));
        };
        let context = workflow::session(app, raw, Arc::clone(masked) as _)?;
        let mut own = workflow::OwnTables::default();
        if finds {
            let (found, _) = findings::gather(app, raw).await?;
            own.findings(&found)?;
        }
        records::add(app, &scope.reads.relations, &self.viewer, &mut own).await?;
        own.register(&context)?;
        let usual = &app.settings().query;
        let limits =
            Limits { memory_bytes: None, time: usual.time, rows: usual.rows, scanned_bytes: usual.scanned_bytes };
        let session = OpenSession::new(context, &scope.workspace, limits)?;
        Ok(Opened { session: Session::Open(Box::new(session)), databases })
    }

    /// Adds the file to an error about what a file holds.
    async fn explained(&self, mut error: Error, scope: &Scope, databases: &Databases) -> Error {
        for (name, database) in databases {
            let here = scope.reads.relations.iter().filter(|table| table.database() == name);
            error = database.name_file(error, here.map(TableName::table)).await;
        }
        error
    }
}
