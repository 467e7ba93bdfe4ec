//! `saltlake discover`: what findings say about the lake.

use clap::{Args, ValueEnum};

use super::app::App;
use super::{findings, output};
use crate::discover::Findings;
use crate::error::{Error, Result};

/// Show which columns of the lake hold personal data, and where that is known from
///
/// Exits with 3 if a finding tells of personal data but names no column or table: a plan could not act on it.
#[derive(Args, Debug, Default)]
pub(super) struct DiscoverArgs {
    /// Findings to use instead of the settings' sources: a file, folder, s3:// prefix, `-`, or `macie`
    #[arg(long, value_name = "WHERE")]
    pub(super) findings: Vec<String>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An aligned table
    #[default]
    Table,
    /// A JSON array of {table, column, identifiers, count, evidence}
    Json,
}

pub(super) async fn run(args: &DiscoverArgs, app: &App) -> Result<()> {
    let raw = app.engine.raw().await?;
    let (found, _) = findings::gather(app, &raw).await?;
    match args.format {
        Format::Table => output::print(&table(&found))?,
        Format::Json => {
            let text =
                serde_json::to_string_pretty(&found).map_err(|_| Error::failed("cannot write findings as JSON"))?;
            output::print(&format!("{text}\n"))?;
        }
    }
    found.refusal(findings::accepted(app.settings()))
}

fn table(found: &Findings) -> String {
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|column| {
            let identifiers: Vec<String> = column.identifiers.keys().map(ToString::to_string).collect();
            let origins: std::collections::BTreeSet<&str> =
                column.evidence.iter().map(|evidence| evidence.origin.as_str()).collect();
            let first = origins.iter().next().map(|origin| short(origin)).unwrap_or_default();
            let origin = if origins.len() > 1 { format!("{first} and {} more", origins.len() - 1) } else { first };
            vec![
                column.table.to_string(),
                column.path.to_string(),
                identifiers.join(", "),
                column.count().to_string(),
                origin,
            ]
        })
        .collect();
    let mut text = output::columns(&["table", "column", "identifiers", "count", "from"], &rows);
    let totals = found.totals();
    text.push_str(&format!(
        "\n{} records in {} documents: {} about tables of the lake, {} outside it, {} policy, {} sample, {} duplicates",
        totals.records,
        totals.documents,
        totals.mapped,
        totals.outside,
        totals.policy,
        totals.sample,
        totals.duplicates,
    ));
    if totals.archived_used + totals.archived_ignored > 0 {
        text.push_str(&format!(", archived {} used and {} ignored", totals.archived_used, totals.archived_ignored));
    }
    text.push('\n');
    text
}

/// A file's name, cut if it is long: Firehose begins it with the stream and the time.
fn short(origin: &str) -> String {
    const SHOWN: usize = 28;
    let name = crate::model::printable(origin.rsplit('/').next().unwrap_or(origin));
    if name.chars().count() <= SHOWN + 1 {
        return name;
    }
    format!("{}…", name.chars().take(SHOWN).collect::<String>())
}
