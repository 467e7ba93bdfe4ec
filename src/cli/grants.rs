//! Grants from wherever the settings say: the stored ones of Lake Formation, the AWS CLI's files, and the roles'
//! own `select`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::app::App;
use super::role::role_of;
use crate::backend::aws::lakeformation::PARTIAL;
use crate::backend::local::grants::read_documents;
use crate::engine::catalog::Database;
use crate::engine::target::Target;
use crate::error::{Error, Result, Said};
use crate::grant::document::Documents;
use crate::grant::evaluate::Grants;
use crate::grant::settings::settings_grants;
use crate::grant::stored::Stored;
use crate::grant::{Columns, GrantSource, Role, Snapshot, Unmanaged};
use crate::model::{Location, TableName, TableSchema};
use crate::settings::{ColumnChoice, GrantsOrigin, Settings};

/// Where `saltlake grant` keeps what it read and what follows from it, below the masked location.
const STORED: &str = "_saltlake/grants.json";

/// What was granted outside the settings.
#[derive(Clone)]
pub(super) struct Outside(Snapshot);

impl Outside {
    /// As sessions see it: files as they are now, Lake Formation as it was stored.
    ///
    /// # Errors
    /// Refused if nothing was stored, or too long ago.
    pub(super) async fn of_sessions(app: &App) -> Result<Self> {
        let mut snapshot = files(app).await?;
        if is_live(app.settings()) {
            let stored = stored(&app.engine.target().await?).await?.filter(|stored| stored.lake_formation);
            let stored = stored.ok_or_else(|| {
                Error::refused("no grants of Lake Formation are stored")
                    .hint("run `saltlake grant` as an administrator")
            })?;
            check_age(&stored, app.settings(), Utc::now())?;
            add(&mut snapshot, stored.snapshot);
        }
        Ok(Self(snapshot))
    }

    /// As it is now. Also what of it is to be stored: Lake Formation's part.
    pub(super) async fn of_now(app: &App, tables: &[TableName]) -> Result<(Self, Snapshot)> {
        let mut snapshot = files(app).await?;
        let mut live = Snapshot::default();
        if is_live(app.settings()) {
            let service = app.backend.lakeformation(app.settings().grants.catalog.clone()).await?;
            live = service.snapshot(tables).await?;
            reject_partial(&live)?;
            add(&mut snapshot, live.clone());
        }
        Ok((Self(snapshot), live))
    }

    /// Together with what the settings give on these tables.
    ///
    /// # Errors
    /// Usage if a `select` of a role cannot be understood.
    pub(super) fn with_settings(&self, settings: &Settings, tables: &[TableName]) -> Result<Grants> {
        self.with_roles(settings, &mut settings.roles.keys(), tables)
    }

    /// As [`Self::with_settings`], for one role alone: what is wrong with another is none of its business.
    ///
    /// # Errors
    /// Usage if its `select` cannot be understood.
    pub(super) fn with_role(&self, settings: &Settings, role: &str, tables: &[TableName]) -> Result<Grants> {
        let mut names = settings.roles.keys().filter(|name| *name == role);
        self.with_roles(settings, &mut names, tables)
    }

    fn with_roles(
        &self,
        settings: &Settings,
        names: &mut dyn Iterator<Item = &String>,
        tables: &[TableName],
    ) -> Result<Grants> {
        let mut snapshot = self.0.clone();
        for (name, role) in names.filter_map(|name| settings.roles.get_key_value(name)) {
            for (pattern, rules) in &role.select {
                for (number, rule) in rules.iter().enumerate() {
                    let columns = columns_of(&rule.columns);
                    let given = settings_grants(name, pattern, &columns, rule.rows.as_deref(), tables)?;
                    add_numbered(&mut snapshot, given, number);
                }
            }
        }
        let unmanaged = if settings.grants.unmanaged_allowed { Unmanaged::Allow } else { Unmanaged::Deny };
        Ok(Grants::new(snapshot, unmanaged))
    }
}

/// Several rules on one table are several filters: each needs a name of its own.
fn add_numbered(
    snapshot: &mut Snapshot,
    given: Vec<(crate::grant::Grant, Option<crate::grant::CellsFilter>)>,
    number: usize,
) {
    for (mut grant, filter) in given {
        if let Some(mut filter) = filter {
            filter.name.push_str(&format!("#{}", number + 1));
            if let crate::grant::Resource::CellsFilter { name, .. } = &mut grant.resource {
                name.clone_from(&filter.name);
            }
            snapshot.filters.push(filter);
        }
        snapshot.grants.push(grant);
    }
}

fn columns_of(choice: &ColumnChoice) -> Columns {
    match choice {
        ColumnChoice::All => Columns::All,
        ColumnChoice::Only(names) => Columns::Only(names.clone()),
        ColumnChoice::Except(names) => Columns::Except(names.clone()),
    }
}

/// The columns that a role's `select` names, by pattern.
pub(super) fn declared(settings: &Settings, role: &str) -> Vec<(String, Columns)> {
    let select = settings.roles.get(role).map(|role| &role.select);
    let rules = select.into_iter().flatten();
    rules.flat_map(|(pattern, rules)| rules.iter().map(|rule| (pattern.clone(), columns_of(&rule.columns)))).collect()
}

pub(super) fn is_live(settings: &Settings) -> bool {
    settings.grants.sources.contains(&GrantsOrigin::LakeFormation)
}

async fn files(app: &App) -> Result<Snapshot> {
    let sources = app.settings().grants.sources.iter();
    let locations: Vec<Location> = sources
        .filter_map(|source| match source {
            GrantsOrigin::At(location) => Some(location.clone()),
            GrantsOrigin::LakeFormation => None,
        })
        .collect();
    if locations.is_empty() {
        return Ok(Snapshot::default());
    }
    let mut reader = Documents::new(app.settings().grants.catalog.clone());
    for (name, bytes) in read_documents(&app.engine, &locations).await? {
        reader.read(&name, &bytes)?;
    }
    reject_unopted(app.settings(), reader.commands())?;
    reader.finish()
}

/// A part of the grants is no basis: what it lacks may be what narrows them.
fn reject_partial(live: &Snapshot) -> Result<()> {
    match live.problems.iter().find(|problem| problem.why == PARTIAL) {
        None => Ok(()),
        Some(problem) => {
            Err(Error::refused("Lake Formation lists grants in part to who is no data lake administrator")
                .with("you", &Said(&problem.what))
                .hint("make this identity a read-only data lake administrator, or use the profile of one (--profile)"))
        }
    }
}

/// Where everyone reads what Lake Formation does not enforce, who opted in to it has to be known.
fn reject_unopted(settings: &Settings, read: &BTreeSet<&'static str>) -> Result<()> {
    const OPT_INS: &str = "list-lake-formation-opt-ins";
    if !settings.grants.unmanaged_allowed || read.contains(OPT_INS) {
        return Ok(());
    }
    Err(Error::refused("`[grants] unmanaged = \"allow\"` needs to know who opted in to Lake Formation")
        .hint(format!("add what `aws lakeformation {OPT_INS}` prints to the files of `[grants] sources`")))
}

fn add(snapshot: &mut Snapshot, more: Snapshot) {
    snapshot.grants.extend(more.grants);
    snapshot.filters.extend(more.filters);
    snapshot.tags.extend(more.tags);
    snapshot.expressions.extend(more.expressions);
    snapshot.administrators.extend(more.administrators);
    snapshot.opt_ins.extend(more.opt_ins);
    snapshot.attachments.extend(more.attachments);
    snapshot.problems.extend(more.problems);
}

/// What `saltlake grant` stored last.
pub(super) async fn stored(target: &Target) -> Result<Option<Stored>> {
    match target.store.read(&target.store.path(STORED)?).await? {
        Some((bytes, _)) => Ok(Some(Stored::from_json(&bytes)?)),
        None => Ok(None),
    }
}

/// Stores.
pub(super) async fn store(target: &Target, stored: &Stored) -> Result<()> {
    target.store.write(&target.store.path(STORED)?, stored.to_json()?).await
}

fn check_age(stored: &Stored, settings: &Settings, now: DateTime<Utc>) -> Result<()> {
    let written = DateTime::parse_from_rfc3339(&stored.written_at).map_err(|_| {
        Error::failed("the stored grants do not say when they were stored").hint("run `saltlake grant`")
    })?;
    let age = now.signed_duration_since(written);
    // A clock that runs ahead elsewhere is no reason to trust grants for longer.
    if age.to_std().is_ok_and(|age| age > settings.grants.max_age) {
        return Err(Error::refused("the stored grants of Lake Formation are too old")
            .with("stored", &Said(&stored.written_at))
            .hint("run `saltlake grant` as an administrator; `[grants] max_age` says how old they may be"));
    }
    Ok(())
}

/// Every table of the lake, raw and masked, with its columns.
pub(super) async fn every_table(app: &App) -> Result<Vec<TableSchema>> {
    let mut schemas = Vec::new();
    for database in every_database(app).await? {
        let names: Vec<String> = database.names().map(str::to_owned).collect();
        for name in names {
            if let Some(table) = database.open(&name).await? {
                schemas.push(table.table_schema());
            }
        }
    }
    Ok(schemas)
}

/// The raw and the masked database, as far as there are such.
pub(super) async fn every_database(app: &App) -> Result<Vec<Database>> {
    let settings = app.settings();
    let mut databases = Vec::new();
    if settings.lake.location.is_some() || !settings.lake.tables.is_empty() {
        databases.push(app.engine.raw().await?);
    }
    if settings.masked.location.is_some() {
        let target = app.engine.target().await?;
        databases.push(app.engine.masked(&target, target.current().await?.as_ref())?);
    }
    Ok(databases)
}

/// Every role of the settings.
pub(super) fn every_role(settings: &Settings) -> BTreeMap<String, Role> {
    settings.roles.iter().map(|(name, role)| (name.clone(), role_of(name, role))).collect()
}
