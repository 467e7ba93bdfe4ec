//! `saltlake history`: what was asked.

use clap::Args;

use super::app::App;
use super::desk::Desk;
use super::query::{Format, Printer};
use super::role::RoleArgs;
use crate::engine::statement::parse_script;
use crate::error::{Error, Result};

/// List the queries that were asked, the newest first
///
/// They are kept where `results` of `[query]` says. A role sees its own; whoever may read everything sees all, those of
/// others without their values. The same rows are in SQL as `saltlake.query_executions`.
#[derive(Args, Debug)]
pub(super) struct HistoryArgs {
    /// Only queries whose statement or id holds this text
    #[arg(value_name = "TEXT")]
    search: Option<String>,
    /// How many
    #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
    limit: u32,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    role: RoleArgs,
}

pub(super) async fn run(args: &HistoryArgs, app: &App) -> Result<()> {
    let desk = Desk::open(app, &args.role).await?;
    let statements = parse_script(&listing(args.search.as_deref(), args.limit), "the list of queries")?;
    let statement = statements.first().ok_or_else(|| Error::failed("the list of queries cannot be asked"))?;
    desk.look(statement, &mut Printer::new(args.format, None)).await
}

/// The query that lists queries.
pub(super) fn listing(search: Option<&str>, limit: u32) -> String {
    let searched = search.map_or_else(String::new, |text| {
        let text = format!("'{}'", text.replace('\'', "''"));
        format!("WHERE contains(lower(statement), lower({text})) OR contains(query_execution_id, lower({text})) ")
    });
    format!(
        "SELECT query_execution_id AS id, state, submitted_at, run_time_ms, row_count, scanned_bytes, role, statement \
         FROM saltlake.query_executions {searched}ORDER BY submitted_at DESC, query_execution_id DESC LIMIT {limit}"
    )
}
