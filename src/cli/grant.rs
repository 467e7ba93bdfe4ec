//! `saltlake grant`: grants become policies.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, Utc};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::app::App;
use super::{grants, output};
use crate::error::{Error, Result, Said};
use crate::grant::access::TableAccess;
use crate::grant::evaluate::Grants;
use crate::grant::filter::Predicate;
use crate::grant::print::views;
use crate::grant::settings::check_role;
use crate::grant::stored::{Stored, drift, policy_version};
use crate::model::{TableName, TableSchema};

/// Turn grants into one policy per role and table, and store them
///
/// Reads what Lake Formation says now, the files of `[grants] sources`, and the roles' own `select`. Sessions with --role
/// take Lake Formation's grants from what was stored last; files and settings count as they are.
#[derive(Args, Debug, Default)]
pub(super) struct GrantArgs {
    /// Print the policies as views in SQL, for reading and for Athena; store nothing
    #[arg(long, conflicts_with = "check")]
    print: bool,
    /// Compare what is stored with what would be stored now; exit with 3 if they differ, store nothing
    #[arg(long)]
    check: bool,
    /// Only this role
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// How to print the policies
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An aligned table
    #[default]
    Table,
    /// A JSON object: roles with their policies, and problems
    Json,
}

/// Policies by role, with the tables that they are about.
struct Policies {
    schemas: Vec<TableSchema>,
    roles: BTreeMap<String, Vec<TableAccess>>,
    full: Vec<String>,
    grants: Grants,
    stored: Stored,
}

pub(super) async fn run(args: &GrantArgs, app: &App) -> Result<()> {
    let settings = app.settings();
    if settings.roles.is_empty() {
        return Err(Error::usage("no roles are defined").hint(
            "add them to saltlake.toml:\n[roles.analyst]\nprincipal = \"arn:aws:iam::111122223333:role/analyst\"",
        ));
    }
    if let Some(name) = &args.role
        && !settings.roles.contains_key(name)
    {
        return Err(Error::usage("there is no such role").with("role", &Said(name)));
    }
    let policies = policies(app).await?;
    warn(app, &policies);
    let shown = |role: &&String| args.role.as_ref().is_none_or(|wanted| wanted == *role);
    if args.print {
        return print_views(&policies, &shown);
    }
    let target = app.engine.target().await?;
    if args.check {
        return check(grants::stored(&target).await?.as_ref(), &policies.stored);
    }
    grants::store(&target, &policies.stored).await?;
    match args.format {
        Format::Table => output::print(&table(&policies, &shown)),
        Format::Json => print_json(&policies, &shown),
    }
}

/// Says what was granted and gives nothing.
fn warn(app: &App, policies: &Policies) {
    for problem in policies.grants.problems() {
        app.engine.warn(format!("{} ({}): {}", problem.what, problem.origin, problem.why));
    }
    for (name, role) in grants::every_role(app.settings()).iter().filter(|(_, role)| !role.full_access) {
        let own = policies.grants.of(role);
        for schema in policies.schemas.iter().filter(|schema| own.may_see(&schema.name)) {
            for refused in own.decide(schema).refused {
                let grant = policies.grants.snapshot().grants.get(refused.grant);
                let what = grant.map(crate::grant::Grant::what).unwrap_or_default();
                app.engine.warn(format!("role {name} reads nothing of {} by {what}: {}", schema.name, refused.why));
            }
        }
    }
}

async fn policies(app: &App) -> Result<Policies> {
    let settings = app.settings();
    let schemas = grants::every_table(app).await?;
    let names: Vec<TableName> = schemas.iter().map(|schema| schema.name.clone()).collect();
    let (outside, live) = grants::Outside::of_now(app, &names).await?;
    let all = outside.with_settings(settings, &names)?;
    let mut roles = BTreeMap::new();
    let mut full = Vec::new();
    for (name, role) in grants::every_role(settings) {
        if role.full_access {
            full.push(name);
            continue;
        }
        let declared = grants::declared(settings, &name);
        for schema in &schemas {
            check_role(&role, &declared, schema)?;
        }
        roles.insert(name, all.tables_of(&role, &schemas));
    }
    let written_at = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut stored = Stored::new(written_at, &roles, live);
    stored.lake_formation = grants::is_live(settings);
    Ok(Policies { schemas, roles, full, grants: all, stored })
}

fn check(before: Option<&Stored>, now: &Stored) -> Result<()> {
    let Some(before) = before else {
        return Err(Error::refused("nothing is stored to compare with").hint("run `saltlake grant`"));
    };
    let changes = drift(before, now);
    if changes.is_empty() {
        return output::print(&format!("what was stored at {} is what would be stored now\n", before.written_at));
    }
    let error =
        Error::refused("the policies have changed since they were stored").with("stored", &Said(&before.written_at));
    let error = changes.iter().fold(error, |error, change| error.item(&Said(&change.to_string())));
    Err(error.hint("run `saltlake grant` to store them as they are now"))
}

fn print_views(policies: &Policies, shown: &dyn Fn(&&String) -> bool) -> Result<()> {
    let mut text = String::new();
    for (role, tables) in policies.roles.iter().filter(|(role, _)| shown(role)) {
        let schema_of = |table: &TableName| policies.schemas.iter().find(|schema| schema.name == *table);
        let tables: Vec<_> = tables.iter().filter_map(|access| Some((access, schema_of(&access.table)?))).collect();
        text.push_str(&views(role, &tables));
        text.push('\n');
    }
    for role in policies.full.iter().filter(shown) {
        text.push_str(&format!("-- Role {role} has full access, and needs no views.\n"));
    }
    output::print(&text)
}

fn table(policies: &Policies, shown: &dyn Fn(&&String) -> bool) -> String {
    let mut rows = Vec::new();
    for role in policies.full.iter().filter(shown) {
        rows.push(vec![role.clone(), "every table".to_owned(), "all".to_owned(), "all".to_owned(), String::new()]);
    }
    for (role, tables) in policies.roles.iter().filter(|(role, _)| shown(role)) {
        if tables.is_empty() {
            rows.push(vec![role.clone(), "no table".to_owned(), String::new(), String::new(), String::new()]);
        }
        for access in tables {
            let all = policies.schemas.iter().find(|schema| schema.name == access.table).map_or(0, |s| s.columns.len());
            let changed = access.columns.iter().filter(|column| !column.unchanged());
            let changed: Vec<String> = changed.map(|column| crate::model::printable(&column.column)).collect();
            rows.push(vec![
                role.clone(),
                access.table.to_string(),
                format!("{} of {all}", access.columns.len()),
                rows_text(&access.rows),
                changed.join(", "),
            ]);
        }
    }
    output::columns(&["role", "table", "columns", "rows", "masked or partly hidden"], &rows)
}

fn rows_text(rows: &Predicate) -> String {
    match rows {
        Predicate::True => "all".to_owned(),
        other => crate::model::printable(&other.to_sql()),
    }
}

fn print_json(policies: &Policies, shown: &dyn Fn(&&String) -> bool) -> Result<()> {
    let full = policies.full.iter().filter(shown).map(|role| json!({ "role": role, "full_access": true }));
    let granted = policies.roles.iter().filter(|(role, _)| shown(role)).map(|(role, tables)| {
        json!({
            "role": role,
            "full_access": false,
            "version": policy_version(role, tables),
            "tables": policies.stored.roles.get(role),
        })
    });
    let roles: Vec<_> = full.chain(granted).collect();
    let text = serde_json::to_string_pretty(&json!({ "roles": roles, "problems": policies.grants.problems() }))
        .map_err(|_| Error::failed("cannot write policies as JSON"))?;
    output::print(&format!("{text}\n"))
}
