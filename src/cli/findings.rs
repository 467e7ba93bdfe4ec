//! Findings from wherever the settings say, turned into what is known about the lake.

use bytes::Bytes;

use super::app::App;
use super::output;
use crate::discover::{Accepted, Collector, Document, Findings, LiveFindings};
use crate::engine::catalog::Database;
use crate::error::{Error, Result, Said};
use crate::model::{Location, TableSource};
use crate::settings::{FindingsOrigin, Overrides, Settings};

/// The findings that settings accept although nobody can act on them.
pub(super) fn accepted(settings: &Settings) -> Accepted {
    Accepted { unlocated: settings.findings.accept_unlocated, unmapped: settings.findings.accept_unmapped }
}

/// Puts `--findings` over the settings' sources.
pub(super) fn with_sources(overrides: Overrides, sources: &[String]) -> Overrides {
    if sources.is_empty() { overrides } else { overrides.with_list("findings.sources", sources) }
}

/// Reads every source and says what it means for the raw tables.
pub(super) async fn gather(app: &App, raw: &Database) -> Result<(Findings, Vec<TableSource>)> {
    let settings = app.settings();
    let tables = app.engine.table_sources(raw).await?;
    let roots = app.engine.lake_roots();
    let mut collector = Collector::new(settings.findings.archived);
    for origin in &settings.findings.sources {
        match origin {
            FindingsOrigin::Stdin => {
                let bytes = output::read_stdin().await?;
                collector.read(&Document { name: "standard input".to_owned(), bytes: Bytes::from(bytes) })?;
            }
            FindingsOrigin::Macie => {
                let values = app.backend.macie().await?.findings().await?;
                collector.read_values("macie", values)?;
            }
            FindingsOrigin::At(location) => {
                for document in documents(app, location).await? {
                    collector.read(&document)?;
                }
            }
        }
    }
    if settings.findings.details && speaks_to_aws(app) {
        read_details(app, &mut collector, &tables, &roots).await?;
    }
    let found = collector.finish(&tables, &roots);
    reject_unreachable(app, &found)?;
    Ok((found, tables))
}

/// Findings name buckets. A lake in a folder that has no other name can never be meant by one, and a plan made as if
/// nothing had been found would be wrong.
fn reject_unreachable(app: &App, found: &Findings) -> Result<()> {
    let lake = &app.settings().lake;
    let totals = found.totals();
    if totals.outside == 0 || totals.mapped > 0 {
        return Ok(());
    }
    let in_s3 = |location: &Location| matches!(location, Location::S3 { .. });
    let named = lake.location.iter().chain(&lake.known_as).any(in_s3)
        || lake.tables.values().any(|table| in_s3(&table.location) || table.known_as.iter().any(in_s3));
    if named {
        app.engine.warn(format!("all {} findings are about objects outside the lake", totals.outside));
        return Ok(());
    }
    Err(Error::refused("no finding can be about this lake: findings name buckets, and the lake is a folder")
        .with("findings", &totals.outside)
        .hint("say which bucket the folder is a copy of:\n[lake]\nknown_as = [\"s3://BUCKET/PREFIX/\"]"))
}

/// Whether anything in the settings is in AWS. A laptop without a cloud must not wait for one.
fn speaks_to_aws(app: &App) -> bool {
    let settings = app.settings();
    let s3 = |location: &Location| matches!(location, Location::S3 { .. });
    settings.lake.location.iter().any(s3)
        || settings.lake.tables.values().any(|table| s3(&table.location))
        || settings.findings.sources.iter().any(|origin| match origin {
            FindingsOrigin::At(location) => s3(location),
            FindingsOrigin::Macie => true,
            FindingsOrigin::Stdin => false,
        })
}

/// The detailed results that findings point to. One that cannot be read is said and passed over: the finding counts.
async fn read_details(app: &App, collector: &mut Collector, tables: &[TableSource], roots: &[Location]) -> Result<()> {
    for detail in collector.detail_locations(tables, roots) {
        let location =
            Location::S3 { bucket: detail.bucket.clone(), prefix: format!("{}/", detail.key.trim_end_matches('/')) };
        match documents(app, &location).await {
            Ok(found) => {
                for document in found {
                    collector.read_detail(&document, &detail)?;
                }
            }
            Err(_) => app.engine.warn(format!(
                "the detailed result at {} cannot be read; the finding is used without it",
                detail.url()
            )),
        }
    }
    Ok(())
}

/// The documents at a location: one file or object, or everything below a folder or prefix.
async fn documents(app: &App, location: &Location) -> Result<Vec<Document>> {
    if let Location::Folder(path) = location
        && path.is_file()
    {
        let bytes = std::fs::read(path)
            .map_err(|_| Error::failed("cannot read a findings file").with("file", &path.display()))?;
        return Ok(vec![Document { name: path.display().to_string(), bytes: Bytes::from(bytes) }]);
    }
    let missing = || {
        Error::failed("no findings there")
            .with("location", location)
            .hint("check `[findings] sources`; relative paths start at the settings file")
    };
    if let Location::Folder(path) = location
        && !path.is_dir()
    {
        return Err(missing());
    }
    let store = app.engine.store(location).await?;
    if let Location::S3 { .. } = location
        && !store.root().as_ref().is_empty()
        && let Some((bytes, _)) = store.read(store.root()).await?
    {
        return Ok(vec![Document { name: store.display(store.root()), bytes }]);
    }
    let mut documents = Vec::new();
    for meta in store.list("").await? {
        let relative = store.relative(&meta.location).unwrap_or_default();
        if relative.split('/').any(|part| part.starts_with('.')) {
            continue;
        }
        let (bytes, _) = store.read(&meta.location).await?.ok_or_else(|| {
            Error::failed("a findings file went away while it was read")
                .with("file", &Said(&store.display(&meta.location)))
                .hint("run the command again")
        })?;
        documents.push(Document { name: store.display(&meta.location), bytes });
    }
    if documents.is_empty() && matches!(location, Location::S3 { .. }) {
        return Err(missing());
    }
    Ok(documents)
}
