//! How each kind of statement is answered, whoever asks.

use datafusion::sql::parser::Statement as EngineStatement;

use super::super::audit::Entry;
use super::asked::Asked;
use super::clerk::{Clerk, Opened, Scope};
use super::{Reader, Rows, WORKSPACE, tables_version};
use crate::engine::interruptible;
use crate::engine::statement::Statement;
use crate::error::{Error, Result, Said};
use crate::model::TableName;
use crate::query::Kind;
use crate::query::show::{self, Show};
use crate::query::workspace::create::{self, Dropped};
use crate::query::workspace::{self, Definition, Reach, Workspace};
use crate::query::write::{Destination, drop_table, insert, split_within, write};

/// Where an answer goes, and what is noted of it.
pub(super) struct Out<'a> {
    pub(super) reader: &'a mut dyn Reader,
    pub(super) entry: &'a mut Entry,
    pub(super) asked: &'a mut Asked,
}

/// Answers a statement.
pub(super) async fn answer(clerk: &dyn Clerk, statement: &Statement, mut out: Out<'_>) -> Result<()> {
    let (parsed, kind) = clerk.judge(statement)?;
    match kind {
        Kind::Read | Kind::Explain => {
            interruptible(Box::pin(async {
                let (scope, opened) = clerk.open(statement, kind).await?;
                let read = Box::pin(read(clerk, &opened, &scope, (parsed, kind), &mut out)).await;
                explained(clerk, read, &scope, &opened).await
            }))
            .await
        }
        Kind::Create | Kind::Unload | Kind::Insert => Box::pin(store(clerk, statement, parsed, kind, &mut out)).await,
        Kind::Show => interruptible(Box::pin(list(clerk, statement, &mut out))).await,
        Kind::Drop | Kind::View | Kind::External => {
            interruptible(Box::pin(define(clerk, statement, kind, &mut out))).await
        }
        Kind::Prepared => Err(Error::usage("a prepared statement holds another one of its kind")),
    }
}

/// Plans a statement, and does not run it.
pub(super) async fn rehearse(clerk: &dyn Clerk, statement: &Statement, entry: &mut Entry) -> Result<()> {
    let (parsed, kind) = clerk.judge(statement)?;
    match kind {
        Kind::Read | Kind::Explain => {
            let (scope, opened) = clerk.open(statement, kind).await?;
            note(&scope, entry);
            let planned = opened.session.plan(parsed, kind, entry).await.map(|_| ());
            explained(clerk, planned, &scope, &opened).await
        }
        Kind::Create | Kind::Unload | Kind::Insert => {
            let scope = clerk.scope(&statement.ast, kind).await?;
            let (inner, _) = destination(clerk, parsed, kind, &scope.workspace).await?;
            let opened = clerk.open_scope(&reading(statement, &inner), &scope).await?;
            opened.session.plan(inner, Kind::Read, entry).await.map(|_| ())
        }
        Kind::Show => show::read(&statement.ast, &clerk.app().settings().masked.database).map(|_| ()),
        Kind::View => checked_view(clerk, statement, entry).await.map(|_| ()),
        Kind::External => {
            let scope = clerk.scope(&statement.ast, kind).await?;
            external(clerk, statement, &scope.workspace).map(|_| ())
        }
        // What is not there now may be there when the script gets so far.
        Kind::Drop | Kind::Prepared => Ok(()),
    }
}

async fn explained<T>(clerk: &dyn Clerk, done: Result<T>, scope: &Scope, opened: &Opened) -> Result<T> {
    match done {
        Ok(done) => Ok(done),
        Err(error) => Err(clerk.explained(error, scope, &opened.databases).await),
    }
}

fn note(scope: &Scope, entry: &mut Entry) {
    if entry.tables.is_empty() {
        entry.tables = scope.names();
    }
}

async fn read(
    clerk: &dyn Clerk,
    opened: &Opened,
    scope: &Scope,
    (parsed, kind): (EngineStatement, Kind),
    out: &mut Out<'_>,
) -> Result<()> {
    note(scope, out.entry);
    let session = &opened.session;
    let planned = session.plan(parsed, kind, out.entry).await?;
    out.asked.planned(&out.entry.tables, &out.entry.policy_version, tables_version(&planned, &opened.databases));
    let rows = match out.asked.reusable(clerk.app()).await? {
        Some(kept) => kept,
        None => out.asked.answer(session.run(&planned)?, session.marks(&planned), session.scanned(&planned)),
    };
    let scanned = rows.scanned.clone();
    let read = out.reader.rows(Rows { stream: out.entry.counted(rows.stream), ..rows }).await;
    session.account(&scanned, out.entry);
    read
}

/// Writes rows to where a statement says. When it is stopped, it puts things in order itself.
async fn store(
    clerk: &dyn Clerk,
    statement: &Statement,
    parsed: EngineStatement,
    kind: Kind,
    out: &mut Out<'_>,
) -> Result<()> {
    let engine = &clerk.app().engine;
    let begun = interruptible(Box::pin(async {
        let scope = clerk.scope(&statement.ast, kind).await?;
        let (inner, destination) = destination(clerk, parsed, kind, &scope.workspace).await?;
        if !destination.check(engine).await? {
            return Ok(None);
        }
        let opened = clerk.open_scope(&reading(statement, &inner), &scope).await?;
        note(&scope, out.entry);
        let planned = opened.session.plan(inner, Kind::Read, out.entry).await;
        let planned = explained(clerk, planned, &scope, &opened).await?;
        out.asked.planned(&out.entry.tables, &out.entry.policy_version, String::new());
        Ok(Some((destination, scope, opened, planned)))
    }));
    let Some((destination, scope, opened, planned)) = begun.await? else {
        return out.reader.said("the table is there already; nothing was done");
    };
    let rows = out.entry.counted(opened.session.run(&planned)?);
    let written = Box::pin(write(rows, engine, &destination)).await;
    let scanned = opened.session.scanned(&planned);
    opened.session.account(&scanned, out.entry);
    let written = explained(clerk, written, &scope, &opened).await?;
    out.asked.wrote(written.rows, &scanned);
    out.reader.said(&format!("{} rows written to {}", written.rows, written.location))
}

/// The query inside a statement that writes, and where its rows go.
async fn destination(
    clerk: &dyn Clerk,
    parsed: EngineStatement,
    kind: Kind,
    workspace: &Workspace,
) -> Result<(EngineStatement, Destination)> {
    if kind == Kind::Insert
        && let EngineStatement::Statement(ast) = parsed
    {
        return insert(*ast, workspace).await;
    }
    let mut locations = clerk.locations()?;
    if kind == Kind::Unload {
        locations.extend(clerk.unload_locations()?);
    }
    let base = &clerk.app().settings().root;
    let (inner, destination) = split_within(parsed, kind, (&locations, clerk.reach()), WORKSPACE, base)?;
    if let Some(table) = destination.table()
        && let Some(definition) = workspace.definition(table.table())
    {
        return existing(definition, destination.if_not_exists()).map(|()| (inner, destination));
    }
    Ok((inner, destination))
}

/// A view or an external table has the name that a table is to have.
fn existing(definition: &Definition, if_not_exists: bool) -> Result<()> {
    let what = if definition.view().is_some() { "a view" } else { "an external table" };
    let hint = if if_not_exists {
        "it is no table of the statement's making: choose another name"
    } else {
        "choose another name"
    };
    Err(Error::refused("the name is taken")
        .with("code", &Said("42P07"))
        .with("table", &definition.name)
        .with("by", &Said(what))
        .hint(hint))
}

/// A statement that stands for the query inside another.
fn reading(statement: &Statement, inner: &EngineStatement) -> Statement {
    match inner {
        EngineStatement::Statement(ast) => Statement { ast: ast.as_ref().clone(), ..statement.clone() },
        _ => statement.clone(),
    }
}

/// SHOW, by queries of the information schema and of the tables themselves.
async fn list(clerk: &dyn Clerk, statement: &Statement, out: &mut Out<'_>) -> Result<()> {
    let show = show::read(&statement.ast, &clerk.app().settings().masked.database)?;
    let query = match &show {
        Show::Query(sql) => sql.clone(),
        Show::Partitions(table) | Show::CreateTable(table) | Show::CreateView(table) => show::everything_of(table),
    };
    let parsed = show::statement(&query)?;
    let (scope, opened) = clerk.open(&reading(statement, &parsed), Kind::Read).await?;
    let parsed = match &show {
        Show::Query(_) => parsed,
        Show::Partitions(table) => {
            let (files, seen) = files_of(&opened, table, parsed, out.entry).await?;
            show::statement(&show::partitions(table, &files.map(show::partition_columns).unwrap_or_default(), &seen)?)?
        }
        Show::CreateTable(table) => {
            let lines = table_lines(clerk, &scope, &opened, (table, parsed), out.entry).await?;
            return lines_out("createtab_stmt", lines, &scope, out).await;
        }
        Show::CreateView(table) => {
            let lines = view_lines(&scope, table)?;
            opened.session.plan(parsed, Kind::Read, out.entry).await?;
            return lines_out("create_view", lines, &scope, out).await;
        }
    };
    let read = Box::pin(read(clerk, &opened, &scope, (parsed, Kind::Read), out)).await;
    explained(clerk, read, &scope, &opened).await
}

async fn lines_out(column: &str, lines: Vec<String>, scope: &Scope, out: &mut Out<'_>) -> Result<()> {
    note(scope, out.entry);
    let rows = show::lines(column, lines)?;
    let rows = out.asked.answer(rows, Vec::new(), crate::query::Scanned::known(0, 0));
    out.reader.rows(Rows { stream: out.entry.counted(rows.stream), ..rows }).await
}

/// The files of a table, and its columns as they are seen. One that is not seen is one that is not there.
async fn files_of<'a>(
    opened: &'a Opened,
    table: &TableName,
    everything: EngineStatement,
    entry: &mut Entry,
) -> Result<(Option<&'a crate::engine::lake::TableFiles>, arrow::datatypes::SchemaRef)> {
    opened.session.plan(everything, Kind::Read, entry).await?;
    let seen = opened.session.columns(table).await?;
    let seen =
        seen.ok_or_else(|| Error::usage("there is no such table").with("code", &Said("42P01")).with("table", table))?;
    Ok((opened.database(table.database()).and_then(|database| database.files(table.table())), seen))
}

async fn table_lines(
    clerk: &dyn Clerk,
    scope: &Scope,
    opened: &Opened,
    (table, everything): (&TableName, EngineStatement),
    entry: &mut Entry,
) -> Result<Vec<String>> {
    let own = table.database() == WORKSPACE;
    if own && let Some(definition) = scope.workspace.definition(table.table()) {
        if definition.view().is_some() {
            return Err(Error::usage("it is a view and no table")
                .with("code", &Said("42809"))
                .with("view", table)
                .hint("write SHOW CREATE VIEW"));
        }
        return Ok(definition.text.lines().map(str::to_owned).collect());
    }
    let (files, seen) = files_of(opened, table, everything, entry).await?;
    let files = files
        .ok_or_else(|| Error::usage("the table is saltlake's own, and is made by no statement").with("table", table))?;
    let location = (own || clerk.reach() == Reach::Anywhere).then(|| files.store.location());
    Ok(show::create_table(table, &seen, files, location))
}

fn view_lines(scope: &Scope, view: &TableName) -> Result<Vec<String>> {
    let own = view.database() == WORKSPACE;
    let definition = own.then(|| scope.workspace.definition(view.table())).flatten();
    let definition = definition.filter(|definition| definition.view().is_some()).ok_or_else(|| {
        Error::usage("there is no such view")
            .with("code", &Said("42P01"))
            .with("view", view)
            .hint("SHOW VIEWS lists what there is; a table is shown by SHOW CREATE TABLE")
    })?;
    Ok(definition.text.lines().map(str::to_owned).collect())
}

/// CREATE VIEW, CREATE EXTERNAL TABLE, DROP.
async fn define(clerk: &dyn Clerk, statement: &Statement, kind: Kind, out: &mut Out<'_>) -> Result<()> {
    let engine = &clerk.app().engine;
    match kind {
        Kind::View => {
            let definition = checked_view(clerk, statement, out.entry).await?;
            workspace::save(engine, &definition).await?;
            out.reader.said(&format!("view {} is made", definition.name))
        }
        Kind::External => {
            let scope = clerk.scope(&statement.ast, kind).await?;
            let Some(definition) = external(clerk, statement, &scope.workspace)? else {
                return out.reader.said("the table is there already; nothing was done");
            };
            workspace::save(engine, &definition).await?;
            out.entry.tables = vec![definition.name.to_string()];
            out.reader.said(&format!("external table {} is made", definition.name))
        }
        _ => {
            let scope = clerk.scope(&statement.ast, kind).await?;
            let dropped = create::dropped(&statement.ast, &scope.workspace)?;
            for one in &dropped {
                match one {
                    Dropped::Files(table) => drop_table(engine, &scope.workspace, table).await?,
                    Dropped::Definition(definition) => workspace::remove(engine, definition).await?,
                }
            }
            let names: Vec<String> = dropped.iter().map(Dropped::name).map(ToString::to_string).collect();
            let said = if names.is_empty() {
                "there is no such table; nothing was done".to_owned()
            } else {
                format!("{} dropped", names.join(", "))
            };
            out.entry.tables = names;
            out.reader.said(&said)
        }
    }
}

fn external(clerk: &dyn Clerk, statement: &Statement, workspace: &Workspace) -> Result<Option<Definition>> {
    let app = clerk.app();
    create::external(&statement.ast, &statement.text, workspace, &app.engine, clerk.reach(), &app.settings().root)
}

/// A view as it would be stored, planned once in the session of whoever makes it.
async fn checked_view(clerk: &dyn Clerk, statement: &Statement, entry: &mut Entry) -> Result<Definition> {
    let scope = clerk.scope(&statement.ast, Kind::View).await?;
    let definition = create::view(&statement.ast, &statement.text, &scope.workspace)?;
    let parsed = show::statement(&show::everything_of(&definition.name))?;
    let default = &clerk.app().settings().masked.database;
    let workspace = scope.workspace.with(definition.clone());
    let EngineStatement::Statement(ast) = &parsed else { return Ok(definition) };
    let reads = workspace.expand(ast, default)?;
    let scope = Scope { workspace, reads, every: false };
    let opened = clerk.open_scope(&reading(statement, &parsed), &scope).await?;
    note(&scope, entry);
    opened.session.plan(parsed, Kind::Read, entry).await?;
    Ok(definition)
}
