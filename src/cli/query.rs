//! `saltlake query`: one query over raw and masked tables.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use datafusion::physical_plan::{SendableRecordBatchStream, execute_stream};

use super::app::App;
use super::audit::Entry;
pub(super) use super::formats::Format;
use super::formats::Look;
use super::role::{Desk, RoleArgs};
use super::{findings, formats, output, records, run, workflow};
use crate::engine::catalog::Database;
use crate::engine::fault::{engine_fault, planning_fault};
use crate::engine::interruptible;
use crate::engine::statement::{Statement, relations_of, table_name};
use crate::error::{Error, Result};
use crate::model::TableName;
use crate::settings::no_color;

/// Answer one SQL query over the raw and masked tables, and over saltlake.findings
#[derive(Args, Debug)]
pub(super) struct QueryArgs {
    /// The query; `-` reads it from standard input
    sql: String,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the result to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Findings to use instead of the settings' sources
    #[arg(long, value_name = "WHERE")]
    pub(super) findings: Vec<String>,
    #[command(flatten)]
    pub(super) role: RoleArgs,
}

pub(super) async fn run(args: &QueryArgs, app: &App) -> Result<()> {
    let text = if args.sql == "-" { output::read_stdin_text().await? } else { args.sql.clone() };
    args.format.check_place(args.output.as_deref())?;
    let desk = interruptible(Box::pin(Desk::open(app, &args.role))).await?;
    let mut statements = desk.parsed(&text, "the query").await?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Box::pin(desk.answer(&statement, args.format, args.output.as_ref())).await,
        (None, _) => Err(Error::usage("the query is empty")),
        (Some(_), false) => {
            Err(Error::usage("one query at a time").hint("put several into a file and use `saltlake run`"))
        }
    }
}

/// Runs a query and writes its result.
pub(super) async fn answer(
    app: &App,
    statement: &Statement,
    format: Format,
    file: Option<&PathBuf>,
    entry: &mut Entry,
) -> Result<()> {
    entry.tables = relations(app, statement).iter().map(ToString::to_string).collect();
    workflow::load_query_keys(app, statement).await?;
    let databases = databases(app, statement).await?;
    match Box::pin(print_answer(app, &databases, statement, format, file, entry)).await {
        Ok(()) => Ok(()),
        Err(error) => Err(databases.name_file(app, statement, error).await),
    }
}

async fn print_answer(
    app: &App,
    databases: &Databases,
    statement: &Statement,
    format: Format,
    file: Option<&PathBuf>,
    entry: &Entry,
) -> Result<()> {
    let stream = Box::pin(execute(app, databases, statement)).await?;
    write_answer(entry.counted(stream), format, file).await
}

/// Writes rows to standard output, or whole to a file.
pub(super) async fn write_answer(
    stream: SendableRecordBatchStream,
    format: Format,
    file: Option<&PathBuf>,
) -> Result<()> {
    match file {
        None => {
            let screen = |width| Look { color: !no_color(), ..Look::screen(width) };
            let look = output::screen_width().map_or_else(Look::pipe, screen);
            let mut out = output::stdout_unlocked();
            formats::write(stream, format, &look, &mut out).await?;
            out.flush().map_err(|error| super::output_fault(&error))
        }
        Some(path) => formats::write_file(stream, format, &Look::pipe(), path).await.map(|_| ()),
    }
}

/// What a statement can read.
struct Databases {
    raw: Arc<Database>,
    masked: Arc<Database>,
}

impl Databases {
    /// Adds the file to an error about what a file holds.
    async fn name_file(&self, app: &App, statement: &Statement, error: Error) -> Error {
        let settings = app.settings();
        let relations = relations(app, statement);
        let tables = |database: &str| {
            let here: Vec<_> = relations.iter().filter(|name| name.database() == database).collect();
            here.into_iter().map(TableName::table).collect::<Vec<_>>()
        };
        let error = self.raw.name_file(error, tables(&settings.lake.database)).await;
        self.masked.name_file(error, tables(&settings.masked.database)).await
    }
}

fn relations(app: &App, statement: &Statement) -> Vec<TableName> {
    let names = relations_of(&statement.ast);
    names.iter().filter_map(|name| table_name(name, &app.settings().masked.database)).collect()
}

/// Lists the databases that a statement names. `SELECT 1` needs no lake.
async fn databases(app: &App, statement: &Statement) -> Result<Databases> {
    let settings = app.settings();
    let relations = relations(app, statement);
    let everything = relations.iter().any(|name| name.database() == "information_schema")
        || matches!(statement.ast, sqlparser::ast::Statement::ShowTables { .. });
    let names = |database: &str| everything || relations.iter().any(|name| name.database() == database);
    let nothing = || Database::new(std::collections::BTreeMap::new(), false, app.engine.reader());
    let raw = if names(&settings.lake.database) || workflow::reads_findings(statement) {
        app.engine.raw().await?
    } else {
        nothing()
    };
    let masked = if names(&settings.masked.database) && settings.masked.location.is_some() {
        let target = app.engine.target().await?;
        app.engine.masked(&target, target.current().await?.as_ref())?
    } else {
        nothing()
    };
    Ok(Databases { raw: Arc::new(raw), masked: Arc::new(masked) })
}

async fn execute(app: &App, databases: &Databases, statement: &Statement) -> Result<SendableRecordBatchStream> {
    let context = workflow::session(app, &databases.raw, Arc::clone(&databases.masked) as _)?;
    let mut own = workflow::OwnTables::default();
    if workflow::reads_findings(statement) {
        let (found, _) = findings::gather(app, &databases.raw).await?;
        own.findings(&found)?;
    }
    records::add(app, &relations(app, statement), &mut own).await?;
    own.register(&context)?;
    let frame = context.sql_with_options(&statement.text, run::reading_only()).await;
    let plan = frame.map_err(|error| planning_fault(&error))?.create_physical_plan().await;
    let plan = plan.map_err(|error| planning_fault(&error))?;
    execute_stream(plan, context.task_ctx()).map_err(|error| engine_fault(&error))
}
