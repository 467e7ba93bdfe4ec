//! `saltlake tables`: what there is, raw and masked.

use clap::Args;

use super::app::App;
use super::output;
use crate::engine::catalog::Database;
use crate::error::Result;

/// List the raw tables and the published masked ones
#[derive(Args, Debug)]
pub(super) struct TablesArgs {}

pub(super) async fn run(_: &TablesArgs, app: &App) -> Result<()> {
    let settings = app.settings();
    let mut rows = Vec::new();
    // Who has only the masked location sets no lake.
    if settings.lake.location.is_some() || !settings.lake.tables.is_empty() || settings.masked.location.is_none() {
        list(&app.engine.raw().await?, &mut rows).await?;
    }
    if settings.masked.location.is_some() {
        let target = app.engine.target().await?;
        if let Some(manifest) = target.current().await? {
            list(&app.engine.masked(&target, Some(&manifest))?, &mut rows).await?;
        }
    }
    output::print(&output::columns(&["table", "format", "columns", "files", "bytes", "location"], &rows))
}

async fn list(database: &Database, rows: &mut Vec<Vec<String>>) -> Result<()> {
    for name in database.names() {
        if let Some(table) = database.open(name).await? {
            let files = table.files();
            rows.push(vec![
                table.name().to_string(),
                format!("{:?}", files.format).to_lowercase(),
                table.table_schema().columns.len().to_string(),
                files.files.len().to_string(),
                files.bytes().to_string(),
                files.store.location().to_string(),
            ]);
        }
    }
    Ok(())
}
