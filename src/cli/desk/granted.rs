//! Statements of a granted role: behind its barrier, into its own locations.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::Statement as Ast;

use super::super::app::App;
use super::super::audit::{Entry, user};
use super::super::grants::Outside;
use super::super::workflow::OWN_DATABASE;
use super::super::{grants, records};
use super::asked::Asked;
use super::{INFORMATION_SCHEMA, Reader, Rows, WORKSPACE, tables_version};
use crate::engine::catalog::Database;
use crate::engine::interruptible;
use crate::engine::statement::{Statement, keys_of, parse_script, relations_of, table_name};
use crate::error::{Error, Result, Said};
use crate::grant::Role;
use crate::model::{KeyId, TableName};
use crate::query::history::{Execution, Viewer};
use crate::query::write::{Destination, split, workspace, write};
use crate::query::{Barrier, Granted, Kind, Limits, Planned, Rights, RoleSession, gate};
use crate::settings::{RoleSettings, Settings};

type Databases = Vec<(String, Arc<Database>)>;

/// Statements of a granted role.
pub(super) struct GrantedDesk<'a> {
    pub(super) app: &'a App,
    pub(super) role: &'a Role,
    pub(super) outside: &'a Outside,
}

impl GrantedDesk<'_> {
    pub(super) async fn answer(
        &self,
        statement: &Statement,
        reader: &mut dyn Reader,
        entry: &mut Entry,
        asked: &mut Asked,
    ) -> Result<()> {
        let (parsed, kind) = gate(&statement.text)?;
        self.check_keys(statement)?;
        match kind {
            Kind::Read | Kind::Explain => {
                interruptible(Box::pin(self.read(statement, parsed, kind, (reader, entry, asked)))).await
            }
            Kind::Create | Kind::Unload => self.write(statement, parsed, kind, (reader, entry, asked)).await,
        }
    }

    /// Plans a statement, and does not run it.
    pub(super) async fn rehearse(&self, statement: &Statement, entry: &mut Entry) -> Result<()> {
        let (parsed, kind) = gate(&statement.text)?;
        self.check_keys(statement)?;
        let inner = match kind {
            Kind::Read | Kind::Explain => parsed,
            Kind::Create | Kind::Unload => self.split(parsed, kind)?.0,
        };
        let (session, _) = self.session(statement).await?;
        self.plan(&session, inner, kind, entry).await.map(|_| ())
    }

    /// Whether the role may still see what it was answered: a grant that was taken back takes its answers with it.
    pub(super) async fn check_rights(&self, execution: &Execution, entry: &mut Entry) -> Result<()> {
        let changed = || {
            Error::refused("the role's rights are not what they were when the query was answered")
                .with("code", &Said("42501"))
                .with("id", &Said(&execution.id))
                .hint("ask the query again")
        };
        let mut statements = parse_script(&execution.statement, "the query")?;
        let (Some(statement), true) = (statements.pop(), statements.is_empty()) else { return Err(changed()) };
        if self.rehearse(&statement, entry).await.is_err() || entry.policy_version != execution.policy_version {
            return Err(changed());
        }
        Ok(())
    }

    async fn read(
        &self,
        statement: &Statement,
        parsed: EngineStatement,
        kind: Kind,
        (reader, entry, asked): (&mut dyn Reader, &mut Entry, &mut Asked),
    ) -> Result<()> {
        let (session, databases) = self.session(statement).await?;
        let planned = self.plan(&session, parsed, kind, entry).await?;
        asked.planned(&entry.tables, &entry.policy_version, tables_version(&planned, &databases));
        let rows = match asked.reusable(self.app).await? {
            Some(kept) => kept,
            None => {
                let marks = session.marks(&planned);
                asked.answer(session.run(&planned)?, marks, session.scanned())
            }
        };
        let rows = Rows { stream: entry.counted(rows.stream), ..rows };
        let read = reader.rows(rows).await;
        entry.passed(session.passed());
        read
    }

    /// Writes rows into a location of the role's. When it is stopped, it puts things in order itself.
    async fn write(
        &self,
        statement: &Statement,
        parsed: EngineStatement,
        kind: Kind,
        (reader, entry, asked): (&mut dyn Reader, &mut Entry, &mut Asked),
    ) -> Result<()> {
        let begun = interruptible(Box::pin(async {
            let (inner, destination) = self.split(parsed, kind)?;
            if !destination.check(&self.app.engine).await? {
                return Ok(None);
            }
            let (session, _) = self.session(statement).await?;
            let planned = self.plan(&session, inner, Kind::Read, entry).await?;
            asked.planned(&entry.tables, &entry.policy_version, String::new());
            let rows = entry.counted(session.run(&planned)?);
            Ok(Some((destination, session, rows)))
        }));
        let Some((destination, session, rows)) = begun.await? else {
            return reader.said("the table is there already; nothing was done");
        };
        let written = Box::pin(write(rows, &self.app.engine, &destination)).await;
        entry.passed(session.passed());
        let written = written?;
        asked.wrote(written.rows, &session.scanned());
        reader.said(&format!("{} rows written to {}", written.rows, written.location))
    }

    /// The query inside a statement that writes, and where its rows go.
    fn split(&self, parsed: EngineStatement, kind: Kind) -> Result<(EngineStatement, Destination)> {
        let base = &self.app.settings().root;
        let mut locations = self.settings()?.locations.clone();
        if kind == Kind::Unload {
            // What Lake Formation lets it write is not thereby its to read, so no table of the workspace lies there.
            let grants = self.outside.with_role(self.app.settings(), &self.role.name, &[])?;
            locations.extend(grants.data_locations(self.role));
        }
        split(parsed, kind, &locations, WORKSPACE, base)
    }

    async fn plan(
        &self,
        session: &RoleSession,
        statement: EngineStatement,
        kind: Kind,
        entry: &mut Entry,
    ) -> Result<Planned> {
        let planned = session.plan_parsed(statement, kind).await;
        entry.policy_version = session.policy_version();
        let planned = planned?;
        entry.tables = planned.tables.iter().map(ToString::to_string).collect();
        Ok(planned)
    }

    fn settings(&self) -> Result<&RoleSettings> {
        let found = self.app.settings().roles.get(&self.role.name);
        found.ok_or_else(|| Error::usage("there is no such role").with("role", &Said(&self.role.name)))
    }

    /// The session of one statement, with the databases that it names.
    async fn session(&self, statement: &Statement) -> Result<(RoleSession, Databases)> {
        self.load_keys(statement).await?;
        let settings = self.settings()?;
        let usual = &self.app.settings().query;
        let limits = Limits {
            memory_bytes: settings.memory_bytes,
            time: settings.time.or(usual.time),
            rows: settings.rows.or(usual.rows),
            scanned_bytes: settings.scanned_bytes.or(usual.scanned_bytes),
        };
        let databases = self.databases(statement).await?;
        let settings_of = self.app.settings();
        let tables: Vec<TableName> = databases
            .iter()
            .flat_map(|(name, database)| database.names().map(move |table| TableName::new(name, table)))
            .collect();
        let grants = Arc::new(self.outside.with_role(settings_of, &self.role.name, &tables)?);
        let declared = grants::declared(settings_of, &self.role.name);
        let rights: Arc<dyn Rights> = Arc::new(Granted::new(grants, self.role.clone(), declared, WORKSPACE));
        let (engine, keys) = (&self.app.engine, &self.role.keys);
        let session = RoleSession::open(engine, rights, databases.clone(), keys, limits, Barrier::Fence)?;
        let viewer = Viewer { role: Some(self.role.name.clone()), user: user(), sees_all: false };
        if let Some(own) = records::executions(self.app, statement, &viewer).await? {
            session.add_own(OWN_DATABASE, own)?;
        }
        Ok((session, databases))
    }

    /// Whether a role that computes masking functions does so with its own keys alone. A role without keys has no such
    /// functions, and hears that from the planner.
    fn check_keys(&self, statement: &Statement) -> Result<()> {
        let used = keys_of(&statement.ast);
        match used.difference(&self.role.keys).next() {
            Some(key) if !self.role.keys.is_empty() => Err(Error::refused("the role may not compute with this key")
                .with("code", &Said("42501"))
                .with("key", key)
                .hint("`keys` of the role in the settings names those that it may use")),
            _ => Ok(()),
        }
    }

    /// The keys that the role may use and the statement does, and those of the role's own masks.
    async fn load_keys(&self, statement: &Statement) -> Result<()> {
        let used: BTreeSet<KeyId> = keys_of(&statement.ast).intersection(&self.role.keys).cloned().collect();
        self.app.engine.load_keys(&used).await?;
        for mask in self.role.masks.values().flat_map(|columns| columns.values()) {
            for part in parse_script(&format!("SELECT {mask}"), "a mask of the role")? {
                self.app.engine.load_keys(&keys_of(&part.ast)).await?;
            }
        }
        Ok(())
    }

    async fn databases(&self, statement: &Statement) -> Result<Databases> {
        let settings = self.app.settings();
        let named: Vec<TableName> = relations_of(&statement.ast)
            .iter()
            .filter_map(|name| table_name(name, &settings.masked.database))
            .collect();
        let everything = named.iter().any(|name| name.database() == INFORMATION_SCHEMA)
            || matches!(statement.ast, Ast::ShowTables { .. } | Ast::ShowColumns { .. });
        let wanted = |database: &str| everything || named.iter().any(|name| name.database() == database);
        let nothing = || Database::new(std::collections::BTreeMap::new(), false, self.app.engine.reader());
        let raw = if wanted(&settings.lake.database) && has_lake(settings) {
            self.app.engine.raw().await?
        } else {
            nothing()
        };
        let masked = if wanted(&settings.masked.database) && settings.masked.location.is_some() {
            let target = self.app.engine.target().await?;
            self.app.engine.masked(&target, target.current().await?.as_ref())?
        } else {
            nothing()
        };
        let own = &self.settings()?.locations;
        let own = if wanted(WORKSPACE) { workspace(&self.app.engine, own, WORKSPACE).await? } else { nothing() };
        Ok(vec![
            (settings.lake.database.clone(), Arc::new(raw)),
            (settings.masked.database.clone(), Arc::new(masked)),
            (WORKSPACE.to_owned(), Arc::new(own)),
        ])
    }
}

fn has_lake(settings: &Settings) -> bool {
    settings.lake.location.is_some() || !settings.lake.tables.is_empty()
}
