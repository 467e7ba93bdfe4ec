//! `saltlake run`: SQL scripts, all or nothing.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use datafusion::execution::context::SQLOptions;

use super::app::App;
use super::role::{Desk, RoleArgs};
use super::workflow::{self, Run, Step, Work};
use super::{output, query};
use crate::engine::fault::{engine_fault, planning_fault};
use crate::engine::interruptible;
use crate::engine::statement::Statement;
use crate::engine::target::Target;
use crate::error::{Error, Result};

/// Execute SQL scripts: masked tables are created, verified and published together; queries are printed
///
/// Every file is read and parsed before anything runs. The first statement that fails ends the run, and nothing of it
/// is published.
#[derive(Args, Debug)]
pub(super) struct RunArgs {
    /// Script files, in order; `-` for standard input
    #[arg(required = true, value_name = "FILE.sql")]
    files: Vec<PathBuf>,
    /// Findings to use instead of the settings' sources
    #[arg(long, value_name = "WHERE")]
    pub(super) findings: Vec<String>,
    /// Mask with a key other than the one that published tables were masked with
    #[arg(long)]
    rekey: bool,
    #[command(flatten)]
    pub(super) role: RoleArgs,
}

pub(super) async fn run(args: &RunArgs, app: &App) -> Result<()> {
    let desk = interruptible(Box::pin(Desk::open(app, &args.role))).await?;
    let mut statements = Vec::new();
    for file in &args.files {
        let (origin, text) = read(file).await?;
        let parsed = desk.parsed(&text, &origin).await?;
        statements.extend(parsed.into_iter().map(|statement| (origin.clone(), statement)));
    }
    if desk.is_granted() {
        return Box::pin(as_role(&desk, statements)).await;
    }
    let target = app.engine.target().await?;
    let steps = workflow::sort(statements, &target)?;
    let writes = steps.iter().any(|step| !matches!(step.work, Work::Query));
    if writes { write(args, app, &desk, target, steps).await } else { Box::pin(read_only(&desk, &steps)).await }
}

/// A script of a granted role: each statement as `saltlake query` would run it, until one fails.
async fn as_role(desk: &Desk<'_>, statements: Vec<(String, Statement)>) -> Result<()> {
    for (origin, statement) in statements {
        let answered = desk.answer(&statement, query::Format::Table, None).await;
        answered.map_err(|error| workflow::at(error, &origin, &statement))?;
    }
    Ok(())
}

async fn read(file: &PathBuf) -> Result<(String, String)> {
    if file.as_os_str() == "-" {
        return Ok(("standard input".to_owned(), output::read_stdin_text().await?));
    }
    let bytes = std::fs::read(file)
        .map_err(|_| Error::failed("the script cannot be read").with("file", &file.display()).hint("check its name"))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::failed("the script is not UTF-8 text").with("file", &file.display()))?;
    Ok((file.display().to_string(), text.trim_start_matches('\u{feff}').to_owned()))
}

async fn read_only(desk: &Desk<'_>, steps: &[Step]) -> Result<()> {
    for step in steps {
        let answered = desk.answer(&step.statement, query::Format::Table, None).await;
        answered.map_err(|error| workflow::at(error, &step.origin, &step.statement))?;
    }
    Ok(())
}

async fn write(args: &RunArgs, app: &App, desk: &Desk<'_>, target: Target, steps: Vec<Step>) -> Result<()> {
    let begun = async {
        let raw = Arc::new(app.engine.raw().await?);
        let decided = workflow::decide(app, &raw).await?;
        let findings = decided.findings.clone();
        Ok((findings, Run::begin(app, target.clone(), decided, raw, &steps, "run", args.rekey).await?))
    };
    let (findings, mut run) = interruptible(Box::pin(begun)).await?;
    let work = async {
        for step in &steps {
            let done = desk.recorded(&step.statement.text, async |_| match &step.work {
                Work::Create(create) => run.create(create).await,
                Work::Drop { tables, if_exists } => {
                    tables.iter().try_for_each(|table| run.drop_table(table, *if_exists))
                }
                Work::Query => show(app, &run, &step.statement, &findings).await,
            });
            Box::pin(done).await.map_err(|error| workflow::at(error, &step.origin, &step.statement))?;
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

/// A query in the middle of a run sees what the run has made so far.
async fn show(app: &App, run: &Run<'_>, statement: &Statement, findings: &crate::discover::Findings) -> Result<()> {
    workflow::load_query_keys(app, statement).await?;
    let context = run.context()?;
    let mut own = workflow::OwnTables::default();
    if workflow::reads_findings(statement) {
        own.findings(findings)?;
    }
    own.register(&context)?;
    let frame = context.sql_with_options(&statement.text, reading_only()).await;
    let batches = frame.map_err(|error| planning_fault(&error))?.collect().await;
    output::print(&output::table(&batches.map_err(|error| engine_fault(&error))?)?)
}

/// Queries read: they create, change and set nothing.
pub(super) fn reading_only() -> SQLOptions {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
}
