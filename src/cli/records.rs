//! saltlake's own tables for an administrator: `saltlake.roles`, `.grants`, `.policies` and `.audit`.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};

use super::app::App;
use super::grants;
use super::workflow::{OWN_DATABASE, OwnTables};
use crate::error::{Error, Result};
use crate::grant::evaluate::Grants;
use crate::grant::filter::Predicate;
use crate::grant::stored::policy_version;
use crate::model::{TableName, TableSchema};

/// Adds those of them that a statement names.
///
/// # Errors
/// If grants or the log cannot be read.
pub(super) async fn add(app: &App, named: &[TableName], own: &mut OwnTables) -> Result<()> {
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
    Ok(())
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
