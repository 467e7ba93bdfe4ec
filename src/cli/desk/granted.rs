//! Statements of a granted role: behind its barrier, into its own locations.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::sql::parser::Statement as EngineStatement;

use super::super::app::App;
use super::super::audit::{Entry, user};
use super::super::grants::Outside;
use super::super::workflow::OWN_DATABASE;
use super::super::{grants, records};
use super::WORKSPACE;
use super::answer::rehearse;
use super::clerk::{Clerk, Databases, Opened, Scope, Session, has_lake};
use crate::engine::statement::{Statement, keys_of, parse_script};
use crate::error::{Error, Result, Said};
use crate::grant::Role;
use crate::model::{KeyId, Location, TableName};
use crate::query::history::{Execution, Viewer};
use crate::query::workspace::{Expansion, Reach};
use crate::query::{Barrier, Granted, Kind, Limits, Rights, RoleSession, gate, gate_parsed};
use crate::settings::RoleSettings;

/// Statements of a granted role.
pub(super) struct GrantedDesk<'a> {
    pub(super) app: &'a App,
    pub(super) role: &'a Role,
    pub(super) outside: &'a Outside,
}

impl GrantedDesk<'_> {
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
        if rehearse(self, &statement, entry).await.is_err() || entry.policy_version != execution.policy_version {
            return Err(changed());
        }
        Ok(())
    }

    fn settings(&self) -> Result<&RoleSettings> {
        let found = self.app.settings().roles.get(&self.role.name);
        found.ok_or_else(|| Error::usage("there is no such role").with("role", &Said(&self.role.name)))
    }

    /// The keys that the role may use and the statement does, and those of the role's own masks.
    async fn load_keys(&self, scope: &Scope) -> Result<()> {
        let used: BTreeSet<KeyId> = scope.reads.keys.intersection(&self.role.keys).cloned().collect();
        self.app.engine.load_keys(&used).await?;
        for mask in self.role.masks.values().flat_map(|columns| columns.values()) {
            for part in parse_script(&format!("SELECT {mask}"), "a mask of the role")? {
                self.app.engine.load_keys(&keys_of(&part.ast)).await?;
            }
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl Clerk for GrantedDesk<'_> {
    fn app(&self) -> &App {
        self.app
    }

    fn locations(&self) -> Result<Vec<Location>> {
        Ok(self.settings()?.locations.clone())
    }

    fn unload_locations(&self) -> Result<Vec<Location>> {
        // What Lake Formation lets it write is not thereby its to read, so no table of the workspace lies there.
        let grants = self.outside.with_role(self.app.settings(), &self.role.name, &[])?;
        Ok(grants.data_locations(self.role))
    }

    fn reach(&self) -> Reach {
        Reach::Own
    }

    fn judge(&self, statement: &Statement) -> Result<(EngineStatement, Kind)> {
        match gate(&statement.text)? {
            // Of EXECUTE, what is judged and run is the statement that it stands for.
            (_, Kind::Prepared) => gate_parsed(statement.ast.clone()),
            judged => Ok(judged),
        }
    }

    /// Whether a role that computes masking functions does so with its own keys alone. A role without keys has no such
    /// functions, and hears that from the planner.
    fn check(&self, reads: &Expansion) -> Result<()> {
        match reads.keys.difference(&self.role.keys).next() {
            Some(key) if !self.role.keys.is_empty() => Err(Error::refused("the role may not compute with this key")
                .with("code", &Said("42501"))
                .with("key", key)
                .hint("`keys` of the role in the settings names those that it may use")),
            _ => Ok(()),
        }
    }

    async fn session(&self, statement: &Statement, scope: &Scope) -> Result<Opened> {
        self.load_keys(scope).await?;
        let settings = self.settings()?;
        let usual = &self.app.settings().query;
        let limits = Limits {
            memory_bytes: settings.memory_bytes,
            time: settings.time.or(usual.time),
            rows: settings.rows.or(usual.rows),
            scanned_bytes: settings.scanned_bytes.or(usual.scanned_bytes),
        };
        let settings_of = self.app.settings();
        let wants_raw = scope.wants(&settings_of.lake.database) && has_lake(settings_of);
        let databases = scope.databases(self.app, wants_raw).await?;
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
        Ok(Opened { session: Session::Role(Box::new(session)), databases })
    }

    async fn explained(&self, error: Error, _: &Scope, _: &Databases) -> Error {
        error
    }
}
