//! `saltlake results`: an answer that was kept, again.

use std::path::PathBuf;

use clap::Args;

use super::app::App;
use super::desk::{Desk, history_of};
use super::query::{Format, Printer};
use super::role::RoleArgs;
use crate::error::{Error, Result};

/// Print the answer of an earlier query again, without asking it again
///
/// A role is given its own answers, as long as its rights are what they were.
#[derive(Args, Debug)]
pub(super) struct ResultsArgs {
    /// The query's id, as `saltlake history` lists it
    #[arg(value_name = "ID")]
    id: String,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the answer to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    role: RoleArgs,
}

pub(super) async fn run(args: &ResultsArgs, app: &App) -> Result<()> {
    args.format.check_output(args.output.as_ref())?;
    let desk = Desk::open(app, &args.role).await?;
    let history = history_of(app).await?.ok_or_else(|| {
        Error::usage("no answers are kept")
            .hint("set `results` of `[query]` in saltlake.toml to a folder or an `s3://` prefix")
    })?;
    desk.again(&history, &args.id, &mut Printer::new(args.format, args.output.as_ref())).await
}
