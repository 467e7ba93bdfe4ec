//! saltlake's own tables for an administrator: `saltlake.roles`, `.grants`, `.policies`, `.audit`
//! and `.query_executions`, which a role reads too.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use datafusion::catalog::SchemaProvider;

use super::app::App;
use super::desk::history_of;
use super::grants;
use super::workflow::{OWN_DATABASE, OwnTables};
use crate::engine::statement::{Statement, relations_of, table_name};
use crate::error::{Error, Result};
use crate::grant::evaluate::Grants;
use crate::grant::filter::Predicate;
use crate::grant::stored::policy_version;
use crate::model::{TableName, TableSchema};
use crate::query::history::{Viewer, executions_table};

/// The table of queries.
const EXECUTIONS: &str = "query_executions";

/// How many queries the table lists.
const EXECUTIONS_MAX: usize = 10_000;

/// Adds those of them that a statement names.
///
/// # Errors
/// If grants or the log cannot be read.
pub(super) async fn add(app: &App, named: &[TableName], viewer: &Viewer, own: &mut OwnTables) -> Result<()> {
    let asks = |table: &str| named.iter().any(|name| name.database() == OWN_DATABASE && name.table() == table);
    if asks("roles") {
        own.add("roles", roles(app)?);
    }
    if asks("grants") || asks("policies") {
        let schemas = grants::every_table(app).await?;
        let tables: Vec<TableName> = schemas.iter().map(|schema| schema.name.clone()).collect();
        let all = grants::Outside::of_sessions(app).await?.with_settings(app.settings(), &tables)?;
        own.add("grants", granted(&all)?);
        own.add("policies", policies(app, &all, &schemas)?);
    }
    if asks("audit") {
        let read = crate::query::audit::read_all(&app.settings().audit.folder)?;
        if read.damaged > 0 {
            app.engine.warn(format!("{} line(s) of the audit log are damaged and left out", read.damaged));
        }
        own.add("audit", read.batch);
    }
    if asks(EXECUTIONS) {
        own.add(EXECUTIONS, executed(app, viewer).await?);
    }
    Ok(())
}

/// The table of queries, for a role that names it: its own queries alone.
///
/// # Errors
/// As [`add`].
pub(super) async fn executions(
    app: &App,
    statement: &Statement,
    viewer: &Viewer,
) -> Result<Option<Arc<dyn SchemaProvider>>> {
    let names = relations_of(&statement.ast);
    let mut names = names.iter().filter_map(|name| table_name(name, OWN_DATABASE));
    if !names.any(|name| name.database() == OWN_DATABASE && name.table() == EXECUTIONS) {
        return Ok(None);
    }
    let mut own = OwnTables::default();
    own.add(EXECUTIONS, executed(app, viewer).await?);
    own.database().map(Some)
}

async fn executed(app: &App, viewer: &Viewer) -> Result<RecordBatch> {
    let history = history_of(app).await?.ok_or_else(|| {
        Error::usage("no queries are kept")
            .hint("set `results` of `[query]` in saltlake.toml to a folder or an `s3://` prefix")
    })?;
    let (all, damaged) = history.latest(EXECUTIONS_MAX, None).await?;
    if damaged > 0 {
        app.engine.warn(format!("{damaged} record(s) of queries are damaged and left out"));
    }
    if all.len() == EXECUTIONS_MAX {
        app.engine.warn(format!("only the newest {EXECUTIONS_MAX} queries are listed"));
    }
    executions_table(&history, &all, viewer)
}

fn text(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    // Every column may be NULL, whatever is in it now.
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).map_err(|_| Error::failed("a table of saltlake's own is broken"))
}

fn roles(app: &App) -> Result<RecordBatch> {
    let all: Vec<_> = app.settings().roles.iter().collect();
    let joined = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
    batch(vec![
        ("role", text(all.iter().map(|(name, _)| Some((*name).clone())))),
        ("principal", text(all.iter().map(|(_, role)| role.principal.clone()))),
        ("groups", text(all.iter().map(|(_, role)| joined(&role.groups)))),
        ("full_access", Arc::new(all.iter().map(|(_, role)| Some(role.full_access)).collect::<BooleanArray>())),
        ("keys", text(all.iter().map(|(_, role)| joined(&role.keys)))),
        (
            "locations",
            text(all.iter().map(|(_, role)| {
                let places: Vec<String> = role.locations.iter().map(ToString::to_string).collect();
                joined(&places)
            })),
        ),
        (
            "is_default",
            Arc::new(
                all.iter()
                    .map(|(name, _)| Some(app.settings().grants.default_role.as_ref() == Some(*name)))
                    .collect::<BooleanArray>(),
            ),
        ),
    ])
}

fn granted(all: &Grants) -> Result<RecordBatch> {
    let grants = &all.snapshot().grants;
    let problem = |what: &str, origin: &str| {
        let found = all.problems().iter().find(|problem| problem.what == what && problem.origin == origin);
        found.map(|problem| problem.why.clone())
    };
    batch(vec![
        ("principal", text(grants.iter().map(|grant| Some(grant.principal.clone())))),
        ("resource", text(grants.iter().map(|grant| Some(grant.resource.to_string())))),
        ("permissions", text(grants.iter().map(|grant| Some(grant.permissions_text())))),
        ("condition", text(grants.iter().map(|grant| grant.condition.clone()))),
        ("origin", text(grants.iter().map(|grant| Some(grant.origin.clone())))),
        ("gives_nothing_because", text(grants.iter().map(|grant| problem(&grant.what(), &grant.origin)))),
    ])
}

/// One row per role, table and visible column.
fn policies(app: &App, all: &Grants, schemas: &[TableSchema]) -> Result<RecordBatch> {
    let mut rows: Vec<[Option<String>; 7]> = Vec::new();
    for (name, role) in grants::every_role(app.settings()) {
        for access in all.tables_of(&role, schemas) {
            let version = policy_version(&name, std::slice::from_ref(&access));
            for column in &access.columns {
                rows.push([
                    Some(name.clone()),
                    Some(access.table.to_string()),
                    Some(column.column.clone()),
                    Some(access.rows.to_sql()),
                    (column.cells != Predicate::True).then(|| column.cells.to_sql()),
                    column.mask.clone(),
                    Some(version.clone()),
                ]);
            }
        }
    }
    let names = ["role", "table_name", "column_name", "row_filter", "cell_filter", "mask", "version"];
    let column = |index: usize| text(rows.iter().map(|row| row.get(index).cloned().flatten()));
    batch(names.iter().enumerate().map(|(index, name)| (*name, column(index))).collect())
}
