//! INSERT INTO: rows for a table of the workspace.

use std::sync::Arc;

use datafusion::sql::parser::Statement;
use sqlparser::ast::{Expr, Insert, ObjectName, ObjectNamePart, Query, Statement as Ast, TableObject, Value};

use super::layout::Table;
use super::options::{Compression, Format};
use super::{Destination, ordered, place};
use crate::engine::lake::TableFormat;
use crate::engine::schema::bare;
use crate::error::{Error, Result, Said};
use crate::model::{Location, TableName};
use crate::query::fault::coded;
use crate::query::workspace::{Workspace, own_name};

/// Takes INSERT apart: the query in it, to be planned as one that reads, and where its rows go.
///
/// # Errors
/// Refused if the table is not one of the workspace's own; usage if there is no such table, it has no such column, or the
/// statement has a clause that is not supported.
pub async fn insert(ast: Ast, workspace: &Workspace) -> Result<(Statement, Destination)> {
    let Ast::Insert(insert) = ast else { return Err(super::no_write()) };
    let TableObject::TableName(name) = &insert.table else {
        return Err(coded(Error::usage("INSERT names a table"), "42601"));
    };
    let name = own_name(name, workspace.name())?;
    reject_extras(&insert, &name)?;
    let (location, format, compression) = place_of(&name, workspace)?;
    let table = table(&name, &insert.columns, workspace).await?;
    let Some(query) = insert.source else {
        return Err(coded(Error::usage("INSERT needs SELECT or VALUES"), "42601").with("table", &name));
    };
    let query = sorted(query, &table);
    let destination = Destination {
        location,
        format,
        compression,
        delimiter: b',',
        partitioned_by: Vec::new(),
        table: Some(name),
        into: Some(Arc::new(table)),
        namesakes: Vec::new(),
        if_not_exists: false,
        locations: workspace.locations().to_vec(),
    };
    Ok((Statement::Statement(Box::new(Ast::Query(query))), destination))
}

/// Refuses every clause that is not read.
fn reject_extras(insert: &Insert, name: &TableName) -> Result<()> {
    let mut plain = insert.clone();
    plain.optimizer_hints = Vec::new();
    (plain.or, plain.ignore, plain.into, plain.overwrite) = (None, false, true, false);
    (plain.table_alias, plain.partitioned, plain.on) = (None, None, None);
    (plain.assignments, plain.after_columns) = (Vec::new(), Vec::new());
    (plain.returning, plain.output, plain.replace_into) = (None, None, false);
    (plain.priority, plain.insert_alias, plain.settings, plain.format_clause) = (None, None, None, None);
    (plain.multi_table_insert_type, plain.multi_table_into_clauses) = (None, Vec::new());
    if plain == *insert {
        return Ok(());
    }
    let clause = if insert.overwrite { "OVERWRITE" } else { "a clause" };
    Err(coded(Error::usage("a clause of INSERT is not supported"), "0A000")
        .with("table", name)
        .with("clause", &Said(clause))
        .hint("write INSERT INTO name [(column, …)] SELECT …, or VALUES (…)"))
}

/// Where the table's files are, and how they are written.
fn place_of(name: &TableName, workspace: &Workspace) -> Result<(Location, Format, Compression)> {
    if let Some(definition) = workspace.definition(name.table()) {
        let what = if definition.view().is_some() { "a view" } else { "an external table" };
        return Err(coded(Error::refused("rows go into tables that CREATE TABLE … AS has made"), "42809")
            .with("table", name)
            .with("it is", &Said(what)));
    }
    let (Some(files), Some(home)) = (workspace.database().files(name.table()), workspace.home(name.table())) else {
        return Err(coded(Error::usage("there is no such table"), "42P01")
            .with("table", name)
            .hint("CREATE TABLE … AS makes it; SHOW TABLES lists what there is"));
    };
    let (format, packed) = match files.format {
        TableFormat::Parquet => (Format::Parquet, Compression::Zstd),
        TableFormat::Csv => (Format::Csv, Compression::Gzip),
        TableFormat::Json => (Format::Json, Compression::Gzip),
        TableFormat::Avro => {
            return Err(coded(Error::refused("rows cannot be added to Avro files"), "0A000").with("table", name));
        }
    };
    let compression = if files.gzip || format == Format::Parquet { packed } else { Compression::None };
    let place = files.store.location().clone();
    // What is written lies where the table seems to: not behind a link that has come to stand for its folder.
    let real = place::real(&place);
    let expected = match (place::real(home), &place) {
        (Some(Location::Folder(home)), Location::Folder(place)) => {
            place.file_name().map(|folder| Location::Folder(home.join(folder)))
        }
        (home, _) => home.map(|_| place.clone()),
    };
    if real.is_none() || real != expected {
        let given = place.to_url();
        return Err(place::forbidden(&given, "a link stands on the way to it", workspace.locations()));
    }
    Ok((real.unwrap_or(place), format, compression))
}

async fn table(name: &TableName, columns: &[ObjectName], workspace: &Workspace) -> Result<Table> {
    let opened = workspace.database().open(name.table()).await?;
    let opened = opened.ok_or_else(|| coded(Error::usage("there is no such table"), "42P01").with("table", name))?;
    let files = opened.files();
    let schema = opened.file_schema();
    let plain = schema.fields().iter().map(|field| bare(field).with_nullable(true));
    let partitions = files.partition_columns.clone();
    let all: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).chain(partitions.clone()).collect();
    let named = if columns.is_empty() { all.clone() } else { named(name, columns, &all)? };
    let columns = Arc::new(arrow::datatypes::Schema::new(plain.collect::<Vec<_>>()));
    Ok(Table { columns, partitions, named })
}

fn named(table: &TableName, columns: &[ObjectName], all: &[String]) -> Result<Vec<String>> {
    let mut named: Vec<String> = Vec::new();
    for column in columns {
        let [ObjectNamePart::Identifier(ident)] = column.0.as_slice() else {
            return Err(coded(Error::usage("a column has a name of one part"), "42601").with("table", table));
        };
        let name = if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() };
        if !all.contains(&name) {
            return Err(coded(Error::usage("the table has no such column"), "42703")
                .with("table", table)
                .with("column", &Said(&name))
                .hint(format!("its columns are: {}", all.join(", "))));
        }
        if named.contains(&name) {
            return Err(coded(Error::usage("a column is named twice"), "42701")
                .with("table", table)
                .with("column", &Said(&name)));
        }
        named.push(name);
    }
    Ok(named)
}

/// The query, sorted by the columns that become folders, by their positions in it.
fn sorted(query: Box<Query>, table: &Table) -> Box<Query> {
    let position = |name: &String| table.named.iter().position(|named| named == name);
    let by: Vec<Expr> = table
        .partitions
        .iter()
        .filter_map(position)
        .map(|index| Expr::value(Value::Number((index + 1).to_string(), false)))
        .collect();
    if by.is_empty() { query } else { ordered(query, by) }
}
