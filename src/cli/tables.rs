//! `saltlake tables`: what there is, raw and masked.

use clap::Args;

use super::app::App;
use super::output;
use crate::error::Result;

/// List the raw tables and the published masked ones
#[derive(Args, Debug)]
pub(super) struct TablesArgs {}

pub(super) async fn run(_: &TablesArgs, app: &App) -> Result<()> {
    let settings = app.settings();
    let mut rows = Vec::new();
    let raw = app.engine.raw().await?;
    for name in raw.names() {
        if let Some(table) = raw.open(name).await? {
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
    if settings.masked.location.is_some() {
        let target = app.engine.target().await?;
        if let Some(manifest) = target.current().await? {
            let masked = app.engine.masked(&target, Some(&manifest))?;
            for name in masked.names() {
                if let Some(table) = masked.open(name).await? {
                    rows.push(vec![
                        table.name().to_string(),
                        "parquet".to_owned(),
                        table.table_schema().columns.len().to_string(),
                        table.files().files.len().to_string(),
                        table.files().bytes().to_string(),
                        table.files().store.location().to_string(),
                    ]);
                }
            }
        }
    }
    output::print(&output::columns(&["table", "format", "columns", "files", "bytes", "location"], &rows))
}
