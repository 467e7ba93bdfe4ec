//! What a statement is answered with: how far it reaches, the databases that it reads, and a session over them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::Statement as Ast;

use super::super::app::App;
use super::super::audit::Entry;
use super::{INFORMATION_SCHEMA, WORKSPACE};
use crate::engine::catalog::Database;
use crate::engine::statement::{Statement, relations_of, table_name};
use crate::error::{Error, Result};
use crate::model::{Location, TableName};
use crate::query::workspace::{Expansion, Reach, View, Workspace};
use crate::query::{Answer, Kind, OpenSession, Planned, RoleSession, Scanned};
use crate::settings::Settings;

pub(super) type Databases = Vec<(String, Arc<Database>)>;

/// Answers statements for somebody.
#[async_trait(?Send)]
pub(super) trait Clerk {
    /// The program.
    fn app(&self) -> &App;

    /// Where tables and views of one's own are.
    fn locations(&self) -> Result<Vec<Location>>;

    /// Where UNLOAD may write besides.
    fn unload_locations(&self) -> Result<Vec<Location>>;

    /// How far statements reach.
    fn reach(&self) -> Reach;

    /// What a statement does.
    fn judge(&self, statement: &Statement) -> Result<(EngineStatement, Kind)>;

    /// Whether it may be answered at all, before anything is opened for it.
    fn check(&self, reads: &Expansion) -> Result<()>;

    /// The session of one statement, without views.
    async fn session(&self, statement: &Statement, scope: &Scope) -> Result<Opened>;

    /// Adds what is known about an error.
    async fn explained(&self, error: Error, scope: &Scope, databases: &Databases) -> Error;

    /// What a statement reads, and the session for it.
    async fn open(&self, statement: &Statement, kind: Kind) -> Result<(Scope, Opened)> {
        let scope = self.scope(&statement.ast, kind).await?;
        let opened = self.open_scope(statement, &scope).await?;
        Ok((scope, opened))
    }

    /// The session for what a statement reads.
    async fn open_scope(&self, statement: &Statement, scope: &Scope) -> Result<Opened> {
        self.check(&scope.reads)?;
        let opened = self.session(statement, scope).await?;
        opened.session.add_views(&scope.reads.views, scope.every).await?;
        Ok(opened)
    }

    /// What a statement reads.
    async fn scope(&self, ast: &Ast, kind: Kind) -> Result<Scope> {
        let app = self.app();
        let default = &app.settings().masked.database;
        let named: Vec<TableName> = relations_of(ast).iter().filter_map(|name| table_name(name, default)).collect();
        let every = named.iter().any(|name| name.database() == INFORMATION_SCHEMA)
            || matches!(ast, Ast::ShowTables { .. } | Ast::ShowColumns { .. });
        let makes = matches!(kind, Kind::Create | Kind::Insert | Kind::Drop | Kind::View | Kind::External);
        let workspace = if every || makes || named.iter().any(|name| name.database() == WORKSPACE) {
            let base = &app.settings().root;
            Workspace::open(&app.engine, &self.locations()?, WORKSPACE, self.reach(), base).await?
        } else {
            Workspace::nothing(&app.engine, WORKSPACE)
        };
        let mut reads = workspace.expand(ast, default)?;
        if every {
            reads.add(workspace.every_view(default));
        }
        Ok(Scope { workspace, reads, every })
    }
}

/// What a statement reads.
pub(super) struct Scope {
    /// The workspace; empty if the statement names nothing of it.
    pub(super) workspace: Workspace,
    /// Tables, views and keys.
    pub(super) reads: Expansion,
    /// Whether it lists what there is, so that every database is opened.
    pub(super) every: bool,
}

impl Scope {
    /// Whether a database is read.
    pub(super) fn wants(&self, database: &str) -> bool {
        self.every || self.reads.relations.iter().any(|name| name.database() == database)
    }

    /// The raw and the masked database, where they are read, and the workspace.
    pub(super) async fn databases(&self, app: &App, wants_raw: bool) -> Result<Databases> {
        let settings = app.settings();
        let nothing = || Database::new(std::collections::BTreeMap::new(), false, app.engine.reader());
        let raw = if wants_raw { app.engine.raw().await? } else { nothing() };
        let masked = if self.wants(&settings.masked.database) && settings.masked.location.is_some() {
            let target = app.engine.target().await?;
            app.engine.masked(&target, target.current().await?.as_ref())?
        } else {
            nothing()
        };
        Ok(vec![
            (settings.lake.database.clone(), Arc::new(raw)),
            (settings.masked.database.clone(), Arc::new(masked)),
            (WORKSPACE.to_owned(), Arc::clone(self.workspace.database())),
        ])
    }

    /// The names of what is read.
    pub(super) fn names(&self) -> Vec<String> {
        let names: BTreeSet<String> = self.reads.relations.iter().map(ToString::to_string).collect();
        names.into_iter().collect()
    }
}

/// Whether there is a lake to list.
pub(super) fn has_lake(settings: &Settings) -> bool {
    settings.lake.location.is_some() || !settings.lake.tables.is_empty()
}

/// A session, and the databases that it was opened over.
pub(super) struct Opened {
    pub(super) session: Session,
    pub(super) databases: Databases,
}

impl Opened {
    /// The database of a name.
    pub(super) fn database(&self, name: &str) -> Option<&Arc<Database>> {
        self.databases.iter().find(|(database, _)| database == name).map(|(_, database)| database)
    }
}

/// A session of either kind.
pub(super) enum Session {
    Role(Box<RoleSession>),
    Open(Box<OpenSession>),
}

impl Session {
    pub(super) async fn add_views(&self, views: &[View], every: bool) -> Result<()> {
        match self {
            Self::Role(session) => session.add_views(views, every).await,
            Self::Open(session) => session.add_views(views, every).await,
        }
    }

    pub(super) async fn columns(&self, table: &TableName) -> Result<Option<SchemaRef>> {
        match self {
            Self::Role(session) => session.columns(table).await,
            Self::Open(session) => session.columns(table).await,
        }
    }

    pub(super) async fn plan(&self, statement: EngineStatement, kind: Kind, entry: &mut Entry) -> Result<Planned> {
        match self {
            Self::Role(session) => {
                let planned = session.plan_parsed(statement, kind).await;
                entry.policy_version = session.policy_version();
                let planned = planned?;
                entry.tables = planned.tables.iter().map(ToString::to_string).collect();
                Ok(planned)
            }
            Self::Open(session) => session.plan_parsed(statement, kind).await,
        }
    }

    pub(super) fn run(&self, planned: &Planned) -> Result<Answer> {
        match self {
            Self::Role(session) => session.run(planned),
            Self::Open(session) => session.run(planned),
        }
    }

    pub(super) fn marks(&self, planned: &Planned) -> Vec<bool> {
        match self {
            Self::Role(session) => session.marks(planned),
            Self::Open(_) => Vec::new(),
        }
    }

    pub(super) fn scanned(&self, planned: &Planned) -> Scanned {
        match self {
            Self::Role(session) => session.scanned(),
            Self::Open(session) => session.scanned(planned),
        }
    }

    /// Notes what was read.
    pub(super) fn account(&self, scanned: &Scanned, entry: &mut Entry) {
        match self {
            Self::Role(session) => entry.passed(session.passed()),
            Self::Open(_) => (entry.rows_read, entry.bytes_read) = scanned.now(),
        }
    }
}
