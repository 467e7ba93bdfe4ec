//! `saltlake mask`: the whole way, from findings to published tables.

use std::sync::Arc;

use clap::Args;

use super::app::App;
use super::workflow::{self, Run, Work};
use crate::engine::statement::parse_script;
use crate::error::Result;

/// Discover, plan, mask, verify and publish every table of the lake, in one run
///
/// All tables switch together, or none does. What was published before stays readable until then, and for a grace
/// period after.
#[derive(Args, Debug)]
pub(super) struct MaskArgs {
    /// Findings to use instead of the settings' sources: a file, folder, s3:// prefix, `-`, or `macie`
    #[arg(long, value_name = "WHERE")]
    pub(super) findings: Vec<String>,
    /// Mask with a key other than the one that published tables were masked with
    #[arg(long)]
    rekey: bool,
}

pub(super) async fn run(args: &MaskArgs, app: &App) -> Result<()> {
    let target = app.engine.target().await?;
    let raw = Arc::new(app.engine.raw().await?);
    let decided = workflow::decide(app, &raw).await?;
    let mut statements = Vec::new();
    for table in decided.plan.tables() {
        for statement in parse_script(table.script(), table.file_name())? {
            statements.push((table.file_name().to_owned(), statement));
        }
    }
    let steps = workflow::sort(statements, &target)?;
    let mut run = Run::begin(app, target.clone(), decided, raw, &steps, "mask", args.rekey).await?;
    for step in &steps {
        if let Work::Create(create) = &step.work
            && let Err(error) = run.create(create).await
        {
            run.give_up().await;
            return Err(error);
        }
    }
    let (publication, proven) = run.finish().await?;
    workflow::report(&publication, &proven, &target)
}
