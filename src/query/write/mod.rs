//! CREATE TABLE … AS, INSERT INTO and UNLOAD: the rows of a query, as files in the session's own locations.
//!
//! In: a statement that [`gate`](super::gate) let through, the locations, the rows of the inner query under the session's
//! rights. Out: one file, one for each partition, or nothing.
//!
//! INVARIANT: what is written lies inside one of the role's locations, and never meets the lake, the masked location or
//! the spill folder, whatever the role's locations say.
//! INVARIANT: all or nothing. A file is seen under its name when it is whole, and nothing that was there is changed.

mod attempt;
mod bucket;
mod drop;
mod encode;
mod folder;
mod insert;
mod layout;
mod options;
pub(in crate::query) mod place;
mod staged;

use std::path::Path;
use std::sync::Arc;

use datafusion::sql::parser::Statement;
use sqlparser::ast::{
    CreateTable, CreateTableOptions, Expr, Ident, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, Query, SetExpr,
    SqlOption, Statement as Ast,
};

pub use self::attempt::{Written, write};
pub use self::drop::drop_table;
pub use self::insert::insert;
use self::layout::Table;
pub use self::options::{Compression, Format};
use self::options::{Options, fault};
use super::fault::coded;
use super::gate::Kind;
use super::workspace::Reach;
pub use super::workspace::workspace;
use crate::engine::Engine;
use crate::engine::statement::{is_plain, table_name};
use crate::error::{Error, Result, Said};
use crate::model::{Location, TableName};

/// Where a statement's rows go, and how they are written there.
#[derive(Clone, Debug)]
pub struct Destination {
    location: Location,
    format: Format,
    compression: Compression,
    delimiter: u8,
    partitioned_by: Vec<String>,
    table: Option<TableName>,
    /// The table that rows are added to.
    into: Option<Arc<Table>>,
    /// Where else a table of the name would stand.
    namesakes: Vec<Location>,
    if_not_exists: bool,
    /// The role's locations, for what it is told.
    locations: Vec<Location>,
}

impl Destination {
    /// The folder or prefix, with links followed.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// How the rows are written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How the file is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The table that is created or added to; `None` for UNLOAD.
    pub fn table(&self) -> Option<&TableName> {
        self.table.as_ref()
    }

    /// Whether a table that is there is left as it is.
    pub fn if_not_exists(&self) -> bool {
        self.if_not_exists
    }

    /// Looks whether it may be written to, before anything is computed: `false` if its table exists and the statement
    /// says IF NOT EXISTS. [`write()`] looks again.
    ///
    /// # Errors
    /// Refused if it meets what is not the role's, or is not empty.
    pub async fn check(&self, engine: &Engine) -> Result<bool> {
        attempt::check(self, engine).await
    }
}

/// Takes a statement apart: the query in it, to be planned as one that reads, and where its rows go.
///
/// `workspace` is the database of the role's tables; relative folders start at `base`.
///
/// # Errors
/// Refused if it leads outside the role's `locations`; usage if it has clauses or options that are not supported.
pub fn split(
    statement: Statement,
    kind: Kind,
    locations: &[Location],
    workspace: &str,
    base: &Path,
) -> Result<(Statement, Destination)> {
    split_within(statement, kind, (locations, Reach::Own), workspace, base)
}

/// As [`split`], for a session that may reach further: UNLOAD goes anywhere then.
///
/// # Errors
/// As [`split`].
pub fn split_within(
    statement: Statement,
    kind: Kind,
    (locations, reach): (&[Location], Reach),
    workspace: &str,
    base: &Path,
) -> Result<(Statement, Destination)> {
    let Statement::Statement(ast) = statement else { return Err(no_write()) };
    let (mut query, destination) = match (*ast, kind) {
        (Ast::Unload { query: Some(query), query_text: None, to, auth, with, options }, Kind::Unload) => {
            if auth.is_some() || !options.is_empty() {
                let first = options.first().map_or_else(|| "IAM_ROLE".to_owned(), ToString::to_string);
                return Err(fault("the clause is not supported", &first).hint("options go into WITH (name = value)"));
            }
            (query, unload(&to, &with, (locations, reach), base)?)
        }
        (Ast::CreateTable(create), Kind::Create) => create_table(create, locations, workspace, base)?,
        _ => return Err(no_write()),
    };
    if !destination.partitioned_by.is_empty() {
        let columns = destination.partitioned_by.iter();
        query = ordered(query, columns.map(|name| Expr::Identifier(Ident::with_quote('"', name))).collect());
    }
    Ok((Statement::Statement(Box::new(Ast::Query(query))), destination))
}

/// A query whose rows come sorted, so that one file is open at a time, however many folders there are. The sort spills.
fn ordered(query: Box<Query>, by: Vec<Expr>) -> Box<Query> {
    let sorted = |expr| OrderByExpr { expr, options: OrderByOptions::default(), with_fill: None };
    let kind = OrderByKind::Expressions(by.into_iter().map(sorted).collect());
    Box::new(Query {
        with: None,
        body: Box::new(SetExpr::Query(query)),
        order_by: Some(OrderBy { kind, interpolate: None }),
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    })
}

fn no_write() -> Error {
    coded(Error::refused("a role may not run this statement"), "42501")
        .hint("what writes is CREATE TABLE name AS SELECT … and UNLOAD (SELECT …) TO 'location'")
}

fn unload(
    to: &Ident,
    with: &[SqlOption],
    (locations, reach): (&[Location], Reach),
    base: &Path,
) -> Result<Destination> {
    if to.quote_style != Some('\'') {
        return Err(
            coded(Error::usage("UNLOAD takes its location in single quotes"), "42601").with("given", &Said(&to.value))
        );
    }
    let options = Options::of_unload(with)?;
    let location = match reach {
        Reach::Own => place::inside(&to.value, locations, base)?,
        Reach::Anywhere => place::anywhere(&to.value, base)?,
    };
    Ok(Destination {
        location,
        format: options.format(),
        compression: options.compression(),
        delimiter: options.delimiter(),
        partitioned_by: options.partitioned_by.clone().unwrap_or_default(),
        table: None,
        into: None,
        namesakes: Vec::new(),
        if_not_exists: false,
        locations: locations.to_vec(),
    })
}

fn create_table(
    create: CreateTable,
    locations: &[Location],
    workspace: &str,
    base: &Path,
) -> Result<(Box<Query>, Destination)> {
    let usage = |message| coded(Error::usage(message), "42601");
    let table = table_name(&create.name, workspace)
        .ok_or_else(|| usage("a table name has one or two parts").with("name", &Said(&create.name.to_string())))?;
    if table.database() != workspace {
        return Err(coded(Error::refused("a role creates tables in its own workspace only"), "42501")
            .with("table", &table)
            .hint(format!("write CREATE TABLE {workspace}.{} …", table.table()))
            .hint("masked tables are made by `saltlake run`"));
    }
    reject_extras(&create, &table)?;
    let options = match &create.table_options {
        CreateTableOptions::None => Options::default(),
        CreateTableOptions::With(options) => Options::of_table(options)?,
        _ => return Err(usage("table options are written as WITH (name = value)").with("table", &table)),
    };
    let mut namesakes: Vec<Location> =
        locations.iter().map(|location| place::of_table(table.table(), location)).collect::<Result<_>>()?;
    let Some(first) = namesakes.first().cloned() else {
        return Err(place::forbidden(&table.to_string(), "it has no location to create a table in", locations));
    };
    let location = match &options.location {
        None => first,
        Some(text) => table_place(text, &table, &namesakes, locations, base)?,
    };
    namesakes.retain(|place| *place != location);
    let destination = Destination {
        location,
        format: options.format(),
        compression: options.compression(),
        delimiter: options.delimiter(),
        partitioned_by: options.partitioned_by.clone().unwrap_or_default(),
        table: Some(table),
        into: None,
        namesakes,
        if_not_exists: create.if_not_exists,
        locations: locations.to_vec(),
    };
    let query = create.query.ok_or_else(|| usage("CREATE TABLE needs AS SELECT here"))?;
    Ok((query, destination))
}

/// The place that `external_location` names. A table goes by the name of its folder, so the two must agree.
fn table_place(
    text: &str,
    table: &TableName,
    places: &[Location],
    locations: &[Location],
    base: &Path,
) -> Result<Location> {
    let place = place::inside(text, locations, base)?;
    if places.contains(&place) {
        return Ok(place);
    }
    let own: Vec<_> = places.iter().map(|place| format!("`{place}`")).collect();
    Err(place::forbidden(text, "a table's folder has the table's name, directly in a location of the role", locations)
        .with("table", table)
        .hint(format!("leave external_location out, or set it to {}", own.join(" or "))))
}

/// Refuses every clause that is not read, since one that is left out in silence is not what its writer meant.
fn reject_extras(create: &CreateTable, table: &TableName) -> Result<()> {
    if is_plain(create) {
        return Ok(());
    }
    let clause = match create {
        CreateTable { or_replace: true, .. } => "OR REPLACE",
        CreateTable { temporary: true, .. } => "TEMPORARY",
        CreateTable { external: true, .. } => "EXTERNAL",
        CreateTable { like: Some(_), .. } => "LIKE",
        CreateTable { clone: Some(_), .. } => "CLONE",
        CreateTable { columns, .. } if !columns.is_empty() => "a list of columns",
        _ => "a clause",
    };
    Err(coded(Error::usage("a clause of CREATE TABLE is not supported"), "0A000")
        .with("table", table)
        .with("clause", &Said(clause))
        .hint("write CREATE TABLE [IF NOT EXISTS] name [WITH (…)] AS SELECT …"))
}
