//! `--role`: who a statement acts for, and the session that follows from it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use datafusion::execution::SendableRecordBatchStream;
use sqlparser::ast::Statement as Ast;

use super::app::App;
use super::audit::{Entry, Log};
use super::grants::Outside;
use super::query::Format;
use super::{grants, output, query};
use crate::engine::catalog::Database;
use crate::engine::interruptible;
use crate::engine::statement::{Statement, keys_of, parse_script, relations_of, table_name};
use crate::error::{Error, Result, Said};
use crate::grant::Role;
use crate::model::{KeyId, TableName};
use crate::query::write::{split, workspace, write};
use crate::query::{Barrier, Granted, Kind, Limits, Rights, RoleSession, gate};
use crate::settings::{GrantsOrigin, RoleSettings, Settings};

/// The database of a role's own results.
pub(super) const WORKSPACE: &str = "workspace";

const INFORMATION_SCHEMA: &str = "information_schema";

/// The flag of commands that read.
#[derive(Args, Debug, Default, Clone)]
pub(super) struct RoleArgs {
    /// The role to act in, of `[roles]` in the settings; `[grants] default_role` if not given
    #[arg(long, value_name = "NAME")]
    pub(super) role: Option<String>,
}

/// Who a command acts for.
pub(super) enum Acting {
    /// No roles are defined: whoever runs the program reads what is there.
    Anyone,
    /// A role with full access, by name.
    Full(String),
    /// A role that sees what was granted to it.
    Granted(Box<Role>),
}

/// Chooses the role of a command.
///
/// # Errors
/// Usage if there is no such role, or none was chosen where roles are defined.
pub(super) fn choose(settings: &Settings, args: &RoleArgs) -> Result<Acting> {
    let named = args.role.as_ref();
    if settings.roles.is_empty() {
        return match named {
            None => Ok(Acting::Anyone),
            Some(name) => Err(Error::usage("no roles are defined")
                .with("role", &Said(name))
                .hint(format!("add `[roles.{name}]` to saltlake.toml"))),
        };
    }
    let name = named.or(settings.grants.default_role.as_ref()).ok_or_else(|| {
        Error::usage("no role was chosen")
            .hint("pass --role NAME, or set `[grants] default_role` in saltlake.toml")
            .hint(known(settings))
    })?;
    let found = settings
        .roles
        .get(name)
        .ok_or_else(|| Error::usage("there is no such role").with("role", &Said(name)).hint(known(settings)))?;
    Ok(if found.full_access { Acting::Full(name.clone()) } else { Acting::Granted(Box::new(role_of(name, found))) })
}

fn known(settings: &Settings) -> String {
    let names: Vec<&str> = settings.roles.keys().map(String::as_str).collect();
    format!("roles are: {}", names.join(", "))
}

/// A role of the settings as the grants know it.
pub(super) fn role_of(name: &str, settings: &RoleSettings) -> Role {
    Role {
        name: name.to_owned(),
        principal: settings.principal.clone(),
        groups: settings.groups.clone(),
        full_access: settings.full_access,
        keys: settings.keys.iter().map(KeyId::new).collect(),
        masks: settings.masks.clone(),
    }
}

/// On AWS, a role is taken by its principal, or by who may assume it. Elsewhere nobody can be asked who is there.
///
/// # Errors
/// Refused if the caller is neither; failed if AWS does not say.
pub(super) async fn check_identity(app: &App, name: &str) -> Result<Option<String>> {
    let settings = app.settings();
    let live = settings.grants.sources.contains(&GrantsOrigin::LakeFormation);
    let principal = settings.roles.get(name).and_then(|role| role.principal.as_deref());
    let Some(principal) = principal.filter(|principal| live && principal.starts_with("arn:")) else { return Ok(None) };
    let identity = app.backend.identity().await?;
    let caller = identity.caller().await?;
    if caller.is(principal) || identity.may_assume(principal).await? {
        return Ok(Some(caller.arn.clone()));
    }
    Err(Error::refused("your AWS identity may not act in this role")
        .with("role", &Said(name))
        .with("principal", &Said(principal))
        .with("you", &Said(&caller.arn))
        .hint("use the profile of the principal (--profile), or let it be assumed: `sts:AssumeRole`"))
}

/// Where statements are answered: for anyone, under full access, or under what one role was granted.
pub(super) struct Desk<'a> {
    app: &'a App,
    acting: Acting,
    /// What was granted outside the settings, for a granted role.
    outside: Option<Outside>,
    log: Option<Log>,
}

impl<'a> Desk<'a> {
    /// Chooses the role, sees that the caller may act in it, reads its grants, and opens the audit log.
    ///
    /// # Errors
    /// Refused or failed if any of it cannot be done: without grants nothing is shown, unrecorded nothing is run.
    pub(super) async fn open(app: &'a App, args: &RoleArgs) -> Result<Self> {
        let acting = choose(app.settings(), args)?;
        let (name, role) = match &acting {
            Acting::Anyone => return Ok(Self { app, acting, outside: None, log: None }),
            Acting::Full(name) => (name.clone(), None),
            Acting::Granted(role) => (role.name.clone(), Some(role)),
        };
        if role.is_some() {
            output::log_own_lines_only();
        }
        let identity = check_identity(app, &name).await?;
        let log = Log::open(app.settings(), &name, identity)?;
        let outside = match role {
            Some(_) => Some(Outside::of_sessions(app).await?),
            None => None,
        };
        Ok(Self { app, acting, outside, log: Some(log) })
    }

    /// Whether statements are answered from what a role was granted.
    pub(super) fn is_granted(&self) -> bool {
        self.outside.is_some()
    }

    /// Parses a script. A text that cannot be parsed is recorded as a statement that was not run.
    ///
    /// # Errors
    /// Usage, naming `origin` and the line.
    pub(super) async fn parsed(&self, text: &str, origin: &str) -> Result<Vec<Statement>> {
        match parse_script(text, origin) {
            Ok(statements) => Ok(statements),
            Err(error) => {
                let error = if self.is_granted() { error.with("code", &Said("42601")) } else { error };
                self.recorded(text, async |_| Err(error)).await
            }
        }
    }

    /// Answers one statement, and records it.
    ///
    /// # Errors
    /// As the statement; refused if it cannot be recorded.
    pub(super) async fn answer(&self, statement: &Statement, format: Format, file: Option<&PathBuf>) -> Result<()> {
        if let (Acting::Granted(role), Some(outside)) = (&self.acting, &self.outside) {
            let granted = GrantedDesk { app: self.app, role, outside };
            let work = async |entry: &mut Entry| granted.answer(statement, format, file, entry).await;
            return Box::pin(self.recorded(&statement.text, work)).await;
        }
        let work = async |entry: &mut Entry| {
            interruptible(Box::pin(query::answer(self.app, statement, format, file, entry))).await
        };
        Box::pin(self.recorded(&statement.text, work)).await
    }

    /// Does something under a record of the audit log: that it began, and how it ended.
    ///
    /// # Errors
    /// As the work; refused if it cannot be recorded.
    pub(super) async fn recorded<T>(
        &self,
        statement: &str,
        work: impl AsyncFnOnce(&mut Entry) -> Result<T>,
    ) -> Result<T> {
        match &self.log {
            None => work(&mut Entry::default()).await,
            Some(log) => log.recorded(statement, work).await,
        }
    }
}

/// Statements of a granted role.
struct GrantedDesk<'a> {
    app: &'a App,
    role: &'a Role,
    outside: &'a Outside,
}

impl GrantedDesk<'_> {
    async fn answer(
        &self,
        statement: &Statement,
        format: Format,
        file: Option<&PathBuf>,
        entry: &mut Entry,
    ) -> Result<()> {
        let (parsed, kind) = gate(&statement.text)?;
        self.check_keys(statement)?;
        match kind {
            Kind::Read | Kind::Explain => {
                interruptible(Box::pin(async {
                    let session = self.session(statement).await?;
                    let rows = self.rows(&session, parsed, kind, entry).await?;
                    let written = query::write_answer(rows, format, file).await;
                    entry.passed(session.passed());
                    written
                }))
                .await
            }
            Kind::Create | Kind::Unload => self.write(statement, parsed, kind, entry).await,
            _ => Err(Error::refused("a role may not run this statement").with("code", &Said("42501"))),
        }
    }

    /// Writes rows into a location of the role's. When it is stopped, it puts things in order itself.
    async fn write(
        &self,
        statement: &Statement,
        parsed: datafusion::sql::parser::Statement,
        kind: Kind,
        entry: &mut Entry,
    ) -> Result<()> {
        let begun = interruptible(Box::pin(async {
            let base = &self.app.settings().root;
            let mut locations = self.settings()?.locations.clone();
            if kind == Kind::Unload {
                // What Lake Formation lets it write is not thereby its to read, so no table of the workspace lies there.
                let grants = self.outside.with_role(self.app.settings(), &self.role.name, &[])?;
                locations.extend(grants.data_locations(self.role));
            }
            let (inner, destination) = split(parsed, kind, &locations, WORKSPACE, base)?;
            if !destination.check(&self.app.engine).await? {
                return Ok(None);
            }
            let session = self.session(statement).await?;
            let rows = self.rows(&session, inner, Kind::Read, entry).await?;
            Ok(Some((destination, session, rows)))
        }));
        let Some((destination, session, rows)) = begun.await? else {
            return output::print("the table is there already; nothing was done\n");
        };
        let written = Box::pin(write(rows, &self.app.engine, &destination)).await;
        entry.passed(session.passed());
        let written = written?;
        output::print(&format!("{} rows written to {}\n", written.rows, written.location))
    }

    async fn rows(
        &self,
        session: &RoleSession,
        statement: datafusion::sql::parser::Statement,
        kind: Kind,
        entry: &mut Entry,
    ) -> Result<SendableRecordBatchStream> {
        let planned = session.plan_parsed(statement, kind).await;
        entry.policy_version = session.policy_version();
        let planned = planned?;
        entry.tables = planned.tables.iter().map(ToString::to_string).collect();
        Ok(entry.counted(session.run(&planned)?))
    }

    fn settings(&self) -> Result<&RoleSettings> {
        let found = self.app.settings().roles.get(&self.role.name);
        found.ok_or_else(|| Error::usage("there is no such role").with("role", &Said(&self.role.name)))
    }

    /// The session of one statement: with the databases that it names.
    async fn session(&self, statement: &Statement) -> Result<RoleSession> {
        self.load_keys(statement).await?;
        let settings = self.settings()?;
        let limits = Limits { memory_bytes: settings.memory_bytes, time: settings.time };
        let databases = self.databases(statement).await?;
        let settings_of = self.app.settings();
        let tables: Vec<TableName> = databases
            .iter()
            .flat_map(|(name, database)| database.names().map(move |table| TableName::new(name, table)))
            .collect();
        let grants = Arc::new(self.outside.with_role(settings_of, &self.role.name, &tables)?);
        let declared = grants::declared(settings_of, &self.role.name);
        let rights: Arc<dyn Rights> = Arc::new(Granted::new(grants, self.role.clone(), declared, WORKSPACE));
        RoleSession::open(&self.app.engine, rights, databases, &self.role.keys, limits, Barrier::Fence)
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

    async fn databases(&self, statement: &Statement) -> Result<Vec<(String, Arc<Database>)>> {
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
