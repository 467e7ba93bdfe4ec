//! `saltlake mask`: the whole way, from findings to published tables.

use std::sync::Arc;

use clap::Args;

use super::app::App;
use super::workflow::{self, Run, Step, Work};
use crate::engine::interruptible;
use crate::engine::statement::parse_script;
use crate::engine::target::Target;
use crate::error::Result;

/// Discover, plan, mask, verify and publish every table of the lake, in one run
///
/// All tables switch together, or none does. What was published before stays readable until then, and for a grace
/// period after.
#[derive(Args, Debug, Default)]
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
    let (steps, mut run) = interruptible(Box::pin(begin(args, app, &target))).await?;
    let work = async {
        for step in &steps {
            if let Work::Create(create) = &step.work {
                Box::pin(run.create(create)).await?;
            }
        }
        Ok(())
    };
    if let Err(error) = interruptible(Box::pin(work)).await {
        run.give_up().await;
        return Err(error);
    }
    let (publication, proven) = run.finish().await?;
    workflow::report(&publication, &proven, &target)
}

async fn begin<'a>(args: &MaskArgs, app: &'a App, target: &Target) -> Result<(Vec<Step>, Run<'a>)> {
    let raw = Arc::new(app.engine.raw().await?);
    let decided = workflow::decide(app, &raw).await?;
    let mut statements = Vec::new();
    for table in decided.plan.tables() {
        for statement in parse_script(table.script(), table.file_name())? {
            statements.push((table.file_name().to_owned(), statement));
        }
    }
    let steps = workflow::sort(statements, target)?;
    let run = Run::begin(app, target.clone(), decided, raw, &steps, "mask", args.rekey).await?;
    Ok((steps, run))
}
