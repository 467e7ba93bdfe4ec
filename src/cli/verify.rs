//! `saltlake verify`: the checks of publication, repeated on what readers see now.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Args;
use sqlparser::ast::Statement as Ast;

use super::app::App;
use super::progress::ProgressLine;
use super::{output, workflow};
use crate::engine::manifest::{Manifest, ManifestTable};
use crate::engine::progress::Progress;
use crate::engine::statement::parse_script;
use crate::engine::target::Target;
use crate::error::{Error, Result, Said};
use crate::mask::verify::{Claim, sum_masked, verify};
use crate::mask::{CreateMasked, SourceFile, WriteCompression, WrittenFile, lineage, plan_query};
use crate::model::TableName;
use crate::publish::Receipt;

/// Prove again that the published masked tables are what their queries give, row by row
///
/// A table whose raw files have changed since is checked against its receipt alone, and the output says so.
#[derive(Args, Debug, Default)]
pub(super) struct VerifyArgs {
    /// Only this masked table
    table: Option<String>,
}

pub(super) async fn run(args: &VerifyArgs, app: &App) -> Result<()> {
    let target = app.engine.target().await?;
    let manifest = target.current().await?.ok_or_else(|| {
        Error::failed("nothing has been published yet")
            .with("location", target.store.location())
            .hint("run `saltlake mask` first")
    })?;
    let wanted = args.table.as_deref().map(|name| name.rsplit('.').next().unwrap_or(name));
    let mut rows = Vec::new();
    for (name, table) in &manifest.tables {
        if wanted.is_none_or(|wanted| wanted == name) {
            rows.push(check(app, &target, &manifest, name, table).await?);
        }
    }
    if rows.is_empty() {
        let error = Error::usage("there is no such masked table").hint("`saltlake tables` lists them");
        return Err(match &args.table {
            Some(table) => error.with("table", &Said(table)),
            None => Error::failed("the current version has no tables"),
        });
    }
    output::print(&output::columns(&["table", "rows", "masked cells", "checked against", "result"], &rows))
}

async fn check(
    app: &App,
    target: &Target,
    manifest: &Manifest,
    name: &str,
    table: &ManifestTable,
) -> Result<Vec<String>> {
    let progress = Arc::new(Progress::default());
    let _line = ProgressLine::show(&progress);
    let table_name = TableName::new(&target.database, name);
    let raw = Arc::new(app.engine.raw().await?);
    let masked = app.engine.masked(target, Some(manifest))?;
    let context = workflow::session(app, &raw, Arc::new(masked))?;
    let receipt = receipt(target, table).await?;
    let mut claim = claim(&table_name, table, &receipt)?;
    app.engine.load_keys(&crate::engine::statement::keys_of(&Ast::Query(claim.create.query.clone()))).await?;
    same_keys(app, &table_name, table)?;
    let changed = claim
        .sources
        .iter()
        .any(|(source, files)| raw.files(source.table()).map(crate::mask::source_files).as_ref() != Some(files));
    let planned = plan_query(&context, &claim.create.query).await.map(|plan| lineage::masks(&plan));
    if changed {
        // The raw table may be gone, or have lost a column of the query: then no shapes can be checked, only the rows.
        claim.masks = planned.unwrap_or_default();
        let found = sum_masked(&app.engine, target, &claim, &progress).await?;
        if found.hex() != table.row_hash || found.rows != table.rows {
            return Err(Error::refused("a masked table is not the one that was published")
                .with("table", &table_name)
                .hint("its files were changed or damaged; mask it again"));
        }
        let against = "receipt (the raw table has changed since)";
        return Ok(vec![
            table_name.to_string(),
            found.rows.to_string(),
            String::new(),
            against.to_owned(),
            "ok".to_owned(),
        ]);
    }
    claim.masks = planned?;
    let proof = verify(&app.engine, target, &claim, &raw, &context, &progress).await?;
    if proof.row_hash != table.row_hash {
        return Err(Error::refused("a masked table is not the one that was published")
            .with("table", &table_name)
            .hint("source and files agree with each other but not with the receipt; mask the table again"));
    }
    Ok(vec![
        table_name.to_string(),
        proof.rows.to_string(),
        proof.masked_cells.to_string(),
        "raw table and receipt".to_owned(),
        "ok".to_owned(),
    ])
}

async fn receipt(target: &Target, table: &ManifestTable) -> Result<Receipt> {
    let path = format!("_saltlake/receipts/{}.json", table.run);
    let missing = || Error::failed("the receipt cannot be read").with("file", &Said(&path));
    let (bytes, _) = target.store.read(&target.store.path(&path)?).await?.ok_or_else(missing)?;
    serde_json::from_slice(&bytes).map_err(|_| missing())
}

fn claim(name: &TableName, table: &ManifestTable, receipt: &Receipt) -> Result<Claim> {
    let damaged = || Error::failed("the published query cannot be read").with("table", name);
    let published = parse_script(&table.query, "the manifest")?.pop().map(|statement| statement.ast);
    let Some(Ast::CreateTable(create)) = published else { return Err(damaged()) };
    let query = create.query.ok_or_else(damaged)?;
    let mut sources: BTreeMap<TableName, Vec<SourceFile>> = BTreeMap::new();
    let recorded = receipt.tables.get(name.table()).ok_or_else(damaged)?;
    for source in &recorded.sources {
        let (database, source_table) = source.table.split_once('.').ok_or_else(damaged)?;
        sources.entry(TableName::new(database, source_table)).or_default().push(SourceFile {
            path: source.path.clone(),
            bytes: source.bytes,
            etag: source.etag.clone(),
        });
    }
    Ok(Claim {
        create: CreateMasked {
            table: name.clone(),
            query,
            sql: table.query.clone(),
            partitioned_by: table.partition_columns.clone(),
            compression: WriteCompression::Zstd,
            if_not_exists: false,
        },
        run: table.run.clone(),
        files: table
            .files
            .iter()
            .map(|file| WrittenFile { path: file.path.clone(), bytes: file.bytes, rows: file.rows })
            .collect(),
        masks: BTreeMap::new(),
        sources,
    })
}

/// A table cannot be checked with another key than its own.
fn same_keys(app: &App, name: &TableName, table: &ManifestTable) -> Result<()> {
    for (key, used) in &table.keys {
        let now = app.engine.key_use(&saltlake_udfs::KeyId::new(key));
        if now.is_some_and(|now| now.fingerprint != used.fingerprint) {
            return Err(Error::refused("the key differs from the one that the table was masked with")
                .with("key", &Said(key))
                .with("table", name)
                .hint("restore or pin the old key (`version` in `[keys]`), or mask with --rekey"));
        }
    }
    Ok(())
}
