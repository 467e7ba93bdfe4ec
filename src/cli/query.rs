//! `saltlake query`: one query over raw and masked tables.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder;
use arrow::datatypes::SchemaRef;
use arrow::json::WriterBuilder as JsonBuilder;
use arrow::json::writer::{JsonArray, LineDelimited, Writer as JsonWriter};
use clap::{Args, ValueEnum};
use datafusion::config::Dialect;
use datafusion::dataframe::DataFrame;
use datafusion::physical_plan::{SendableRecordBatchStream, execute_stream};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use parquet::arrow::ArrowWriter;

use super::app::App;
use super::audit::Entry;
use super::role::{Desk, RoleArgs};
use super::{findings, output, records, run, workflow};
use crate::engine::analysis;
use crate::engine::catalog::Database;
use crate::engine::fault::{engine_fault, planning_fault};
use crate::engine::interruptible;
use crate::engine::statement::{Statement, relations_of, table_name};
use crate::error::{Error, Result};
use crate::model::TableName;

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

/// A result format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// An aligned table
    Table,
    /// Comma-separated values with a header
    Csv,
    /// A JSON array of objects
    Json,
    /// One JSON object a line
    Ndjson,
    /// A Parquet file; needs --output
    Parquet,
}

pub(super) async fn run(args: &QueryArgs, app: &App) -> Result<()> {
    let text = if args.sql == "-" { output::read_stdin_text().await? } else { args.sql.clone() };
    if args.format == Format::Parquet && args.output.is_none() {
        return Err(Error::usage("a Parquet result goes to a file").hint("add --output FILE"));
    }
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
            let mut out = output::stdout_unlocked();
            write(stream, format, &mut out).await?;
            out.flush().map_err(|error| super::output_fault(&error))
        }
        Some(path) => write_file(stream, format, path).await,
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
    let frame = translated(&context, statement).await;
    let plan = frame.map_err(|error| planning_fault(&error))?.create_physical_plan().await;
    let plan = plan.map_err(|error| planning_fault(&error))?;
    execute_stream(plan, context.task_ctx()).map_err(|error| engine_fault(&error))
}

/// Plans a statement as the engine spells it.
async fn translated(context: &SessionContext, statement: &Statement) -> datafusion::common::Result<DataFrame> {
    let state = context.state();
    let mut parsed = state.sql_to_statement(&statement.text, &Dialect::Generic)?;
    analysis::translate_parsed(&mut parsed);
    let plan = state.statement_to_plan(parsed).await?;
    run::reading_only().verify_plan(&plan)?;
    context.execute_logical_plan(plan).await
}

/// Writes to a file beside its place and renames it there, so that a failed query leaves no half result.
async fn write_file(stream: SendableRecordBatchStream, format: Format, path: &PathBuf) -> Result<()> {
    let fault = |error: std::io::Error| crate::engine::store::file_fault(&error, path, "cannot write the result");
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let file = std::fs::File::create_new(&part).map_err(fault)?;
    let mut out = std::io::BufWriter::new(file);
    let written = write(stream, format, &mut out).await;
    let written =
        written.and_then(|()| out.flush().map_err(fault)).and_then(|()| std::fs::rename(&part, path).map_err(fault));
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

async fn write(mut stream: SendableRecordBatchStream, format: Format, out: &mut (dyn Write + Send)) -> Result<()> {
    let schema = stream.schema();
    if format == Format::Table {
        let mut batches = Vec::new();
        while let Some(batch) = stream.next().await {
            batches.push(batch.map_err(|error| engine_fault(&error))?);
        }
        if batches.is_empty() {
            batches.push(RecordBatch::new_empty(schema));
        }
        return out.write_all(output::table(&batches)?.as_bytes()).map_err(|error| super::output_fault(&error));
    }
    let mut sink = Sink::new(format, schema, out)?;
    while let Some(batch) = stream.next().await {
        sink.write(&batch.map_err(|error| engine_fault(&error))?)?;
    }
    sink.finish()
}

/// A writer of batches in one format.
enum Sink<'a> {
    Csv { out: &'a mut (dyn Write + Send) },
    Json(JsonWriter<&'a mut (dyn Write + Send), JsonArray>),
    Ndjson(JsonWriter<&'a mut (dyn Write + Send), LineDelimited>),
    Parquet(Box<ArrowWriter<&'a mut (dyn Write + Send)>>),
}

impl<'a> Sink<'a> {
    fn new(format: Format, schema: SchemaRef, out: &'a mut (dyn Write + Send)) -> Result<Self> {
        Ok(match format {
            Format::Csv | Format::Table => {
                // An empty result still has its header.
                write_csv(&RecordBatch::new_empty(schema), true, out)?;
                Self::Csv { out }
            }
            Format::Json => Self::Json(JsonBuilder::new().with_explicit_nulls(true).build(out)),
            Format::Ndjson => Self::Ndjson(JsonBuilder::new().with_explicit_nulls(true).build(out)),
            Format::Parquet => {
                crate::engine::reject_unstorable(&schema)?;
                Self::Parquet(Box::new(ArrowWriter::try_new(out, schema, None).map_err(|error| parquet_fault(&error))?))
            }
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Csv { out } => write_csv(batch, false, *out),
            Self::Json(writer) => writer.write(batch).map_err(|error| fault(&error)),
            Self::Ndjson(writer) => writer.write(batch).map_err(|error| fault(&error)),
            Self::Parquet(writer) => writer.write(batch).map_err(|error| parquet_fault(&error)),
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Csv { .. } => Ok(()),
            Self::Json(mut writer) => {
                writer.finish().map_err(|error| fault(&error))?;
                writeln!(writer.into_inner()).map_err(|error| super::output_fault(&error))
            }
            Self::Ndjson(mut writer) => writer.finish().map_err(|error| fault(&error)),
            Self::Parquet(writer) => writer.close().map(|_| ()).map_err(|error| parquet_fault(&error)),
        }
    }
}

fn fault(error: &arrow::error::ArrowError) -> Error {
    if let arrow::error::ArrowError::IoError(_, io) = error {
        return super::output_fault(io);
    }
    Error::failed("a result column cannot be written in this format").hint("cast it to text, or use another --format")
}

/// Writes a batch as CSV. By way of memory: the CSV writer's own errors do not tell a full disk from a wrong type.
fn write_csv(batch: &RecordBatch, header: bool, out: &mut (dyn Write + Send)) -> Result<()> {
    let mut text = Vec::new();
    WriterBuilder::new().with_header(header).build(&mut text).write(batch).map_err(|error| fault(&error))?;
    out.write_all(&text).map_err(|error| super::output_fault(&error))
}

fn parquet_fault(error: &parquet::errors::ParquetError) -> Error {
    if let parquet::errors::ParquetError::External(inner) = error
        && let Some(io) = inner.downcast_ref::<std::io::Error>()
    {
        return super::output_fault(io);
    }
    Error::failed("the result cannot be written as Parquet")
        .hint("cast columns of unusual types, or use another --format")
}
