//! `saltlake plan`: the masking SQL that saltlake proposes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::app::App;
use super::{output, workflow};
use crate::error::{Error, Result};

/// Write the masking SQL, one script per table
///
/// Exits with 3 if a column was neither reported nor declared: findings never prove a column clean. The refusal prints
/// the lines to paste into the settings.
#[derive(Args, Debug, Default)]
pub(super) struct PlanArgs {
    /// Write the scripts into a folder instead of standard output
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Say why, column by column
    #[arg(long, conflicts_with_all = ["output", "format"])]
    explain: bool,
    /// How to print the plan
    #[arg(long, value_enum, default_value_t = Format::Sql, conflicts_with = "output")]
    format: Format,
    /// Findings to use instead of the settings' sources
    #[arg(long, value_name = "WHERE")]
    pub(super) findings: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The scripts
    #[default]
    Sql,
    /// The decisions
    Json,
}

impl PlanArgs {
    /// As `--explain`.
    pub(super) fn explained() -> Self {
        Self { explain: true, ..Self::default() }
    }
}

pub(super) async fn run(args: &PlanArgs, app: &App) -> Result<()> {
    let raw = app.engine.raw().await?;
    let decided = workflow::decide(app, &raw).await?;
    let plan = &decided.plan;
    if args.explain {
        // The explanation says what the warnings would.
        app.engine.take_warnings();
        return output::print(&plan.explain());
    }
    if args.format == Format::Json {
        let text = serde_json::to_string_pretty(plan).map_err(|_| Error::failed("cannot write the plan as JSON"))?;
        return output::print(&format!("{text}\n"));
    }
    let Some(folder) = &args.output else {
        let scripts: Vec<&str> = plan.tables().iter().map(crate::plan::TablePlan::script).collect();
        return output::print(&scripts.join("\n"));
    };
    let fault = |error: std::io::Error| crate::engine::store::file_fault(&error, folder, "cannot write the scripts");
    std::fs::create_dir_all(folder).map_err(fault)?;
    for table in plan.tables() {
        let path = folder.join(table.file_name());
        std::fs::write(&path, table.script()).map_err(fault)?;
        output::note(&format!("wrote {}", path.display()));
    }
    Ok(())
}
