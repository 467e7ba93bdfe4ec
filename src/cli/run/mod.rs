//! `saltlake run`: SQL scripts, all or nothing.

mod report;
pub(super) mod variables;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

pub(super) use self::report::RunFormat;
use self::report::{Place, Report};
use self::variables::Variables;
use super::app::App;
use super::desk::{Desk, Reader, Rows};
use super::output;
use super::role::RoleArgs;
use super::workflow::{self, Rehearsal, Run, Step, Work};
use crate::engine::analysis;
use crate::engine::fault::{engine_fault, planning_fault};
use crate::engine::interruptible;
use crate::engine::statement::Statement;
use crate::engine::target::Target;
use crate::error::{Error, Result};
use crate::query::Scanned;

/// Execute SQL scripts: masked tables are created, verified and published together; queries are printed
///
/// Every file is read and parsed before anything runs. The first statement that fails ends the run, and nothing of it
/// is published.
///
/// A script may hold variables, which `--set NAME=VALUE` gives: `:name` stands for the value as it is, `:'name'` for it
/// as a string, `:"name"` as a name.
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
    /// Plan and judge every statement, and run none
    #[arg(long)]
    dry_run: bool,
    /// Go on after a statement that failed; a run that writes publishes nothing then
    #[arg(long)]
    continue_on_error: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t = RunFormat::Table)]
    format: RunFormat,
    #[command(flatten)]
    pub(super) role: RoleArgs,
}

impl RunArgs {
    /// A script that comes by standard input.
    pub(super) fn of_stdin(role: RoleArgs) -> Self {
        let (files, findings) = (vec![PathBuf::from("-")], Vec::new());
        let format = RunFormat::Table;
        Self { files, findings, rekey: false, dry_run: false, continue_on_error: false, format, role }
    }
}

pub(super) async fn run(args: &RunArgs, app: &App, variables: &Variables) -> Result<()> {
    let desk = interruptible(Box::pin(Desk::open(app, &args.role))).await?;
    let mut statements = Vec::new();
    for file in &args.files {
        let (origin, text) = read(file).await?;
        let text = variables::put_in(&text, variables, &origin)?;
        let parsed = desk.parsed(&text, &origin).await?;
        statements.extend(parsed.into_iter().map(|statement| (origin.clone(), statement)));
    }
    let mut report = Report::new(args.format, args.continue_on_error);
    if desk.is_granted() {
        return Box::pin(read_only(args, &desk, &statements, &mut report)).await;
    }
    let target = app.engine.target().await?;
    let steps = workflow::sort(statements, &target)?;
    let writes = steps.iter().any(|step| matches!(step.work, Work::Create(_) | Work::Drop { .. }));
    if let Some(step) = steps.iter().find(|step| writes && matches!(step.work, Work::Workspace)) {
        let error = Error::usage("a script that makes masked tables only reads besides")
            .hint("what makes or changes tables, views or files of the workspace goes into a script of its own");
        return Err(workflow::at(error, &step.origin, &step.statement));
    }
    match (writes, args.dry_run) {
        (true, true) => Box::pin(rehearse(app, &desk, target, &steps, &mut report)).await,
        (true, false) => write(args, app, &desk, target, steps, report).await,
        (false, _) => {
            let statements: Vec<_> = steps.into_iter().map(|step| (step.origin, step.statement)).collect();
            Box::pin(read_only(args, &desk, &statements, &mut report)).await
        }
    }
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

/// A script that makes no masked tables: each statement as `saltlake query` would run it, until one fails.
async fn read_only(
    args: &RunArgs,
    desk: &Desk<'_>,
    statements: &[(String, Statement)],
    report: &mut Report,
) -> Result<()> {
    for (index, (origin, statement)) in statements.iter().enumerate() {
        let place = Place { origin, statement, number: (index + 1, statements.len()) };
        let work = async |reader: &mut dyn Reader| {
            if args.dry_run { desk.rehearse(statement).await } else { desk.answer(statement, reader).await }
        };
        Box::pin(report.each(place, work)).await?;
    }
    conclude(args.dry_run, statements.len(), report)
}

fn conclude(dry_run: bool, statements: usize, report: &Report) -> Result<()> {
    report.end()?;
    if dry_run && report.prints() {
        output::print(&format!("{statements} statement(s) planned; nothing was run\n"))?;
    }
    Ok(())
}

/// A script that makes masked tables, judged and not run.
async fn rehearse(app: &App, desk: &Desk<'_>, target: Target, steps: &[Step], report: &mut Report) -> Result<()> {
    let mut rehearsal = interruptible(Box::pin(Rehearsal::begin(app, target, steps))).await?;
    for (index, step) in steps.iter().enumerate() {
        let place = Place { origin: &step.origin, statement: &step.statement, number: (index + 1, steps.len()) };
        let work = async |_: &mut dyn Reader| {
            let judged = desk.recorded(&step.statement.text, async |_| rehearsal.step(step).await);
            interruptible(Box::pin(judged)).await
        };
        Box::pin(report.each(place, work)).await?;
    }
    conclude(true, steps.len(), report)
}

async fn write(
    args: &RunArgs,
    app: &App,
    desk: &Desk<'_>,
    target: Target,
    steps: Vec<Step>,
    mut report: Report,
) -> Result<()> {
    let begun = async {
        let raw = Arc::new(app.engine.raw().await?);
        let decided = workflow::decide(app, &raw).await?;
        let findings = decided.findings.clone();
        Ok((findings, Run::begin(app, target.clone(), decided, raw, &steps, "run", args.rekey).await?))
    };
    let (findings, mut run) = interruptible(Box::pin(begun)).await?;
    let work = async {
        for (index, step) in steps.iter().enumerate() {
            let place = Place { origin: &step.origin, statement: &step.statement, number: (index + 1, steps.len()) };
            let work = async |reader: &mut dyn Reader| {
                let recorded = desk.recorded(&step.statement.text, async |_| match &step.work {
                    Work::Create(create) => Box::pin(run.create(create)).await,
                    Work::Drop { tables, if_exists } => {
                        tables.iter().try_for_each(|table| run.drop_table(table, *if_exists))
                    }
                    Work::Query | Work::Workspace => show(app, &run, &step.statement, &findings, reader).await,
                });
                Box::pin(recorded).await
            };
            Box::pin(report.each(place, work)).await?;
        }
        Ok(())
    };
    if let Err(error) = interruptible(Box::pin(work)).await {
        run.give_up().await;
        return Err(error);
    }
    if report.has_failed() {
        run.give_up().await;
        return report.end().map_err(|error| error.hint("nothing was published"));
    }
    let (publication, proven) = run.finish().await?;
    if report.prints() {
        workflow::report(&publication, &proven, &target)
    } else {
        let published = serde_json::json!({ "published": publication.version, "receipt": publication.receipt });
        output::print(&format!("{published}\n"))
    }
}

/// A query in the middle of a run sees what the run has made so far.
async fn show(
    app: &App,
    run: &Run<'_>,
    statement: &Statement,
    findings: &crate::discover::Findings,
    reader: &mut dyn Reader,
) -> Result<()> {
    workflow::load_query_keys(app, statement).await?;
    let context = run.context()?;
    let mut own = workflow::OwnTables::default();
    if workflow::reads_findings(statement) {
        own.findings(findings)?;
    }
    own.register(&context)?;
    let plan = plan_reading(&context, statement).await?;
    let frame = context.execute_logical_plan(plan).await;
    let stream = frame.map_err(|error| planning_fault(&error))?.execute_stream().await;
    let stream = stream.map_err(|error| engine_fault(&error))?;
    let scanned = Scanned::known(0, 0);
    reader.rows(Rows { stream, masked: Vec::new(), scanned, reused: false, id: None }).await
}

/// Plans a query, which reads: it creates, changes and sets nothing.
///
/// # Errors
/// Usage if it does, or does not fit what there is.
pub(super) async fn plan_reading(context: &SessionContext, statement: &Statement) -> Result<LogicalPlan> {
    let (state, fault) = (context.state(), |error| planning_fault(&error));
    let dialect = state.config_options().sql_parser.dialect;
    let mut parsed = state.sql_to_statement(&statement.text, &dialect).map_err(fault)?;
    analysis::translate_parsed(&mut parsed);
    let plan = state.statement_to_plan(parsed).await.map_err(fault)?;
    let reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reading.verify_plan(&plan).map_err(fault)?;
    Ok(plan)
}
