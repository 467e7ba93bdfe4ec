//! `CREATE TABLE … WITH (…) AS SELECT …` in Athena's spelling.

use sqlparser::ast::{CreateTable, CreateTableOptions, Expr, Query, SqlOption, Statement as Ast, Value};

use crate::engine::statement::{is_plain, table_name};
use crate::engine::target::Target;
use crate::error::{Error, Result, Said};
use crate::model::{Location, TableName, folder_name};

/// How the files of a masked table are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteCompression {
    /// Zstandard, at the level of the settings. The default.
    Zstd,
    /// Snappy.
    Snappy,
    /// Gzip.
    Gzip,
    /// None.
    None,
}

/// One masked table to create.
#[derive(Clone, Debug)]
pub struct CreateMasked {
    /// Its name.
    pub table: TableName,
    /// The query that makes it.
    pub query: Box<Query>,
    /// The whole statement as it was written. Receipts and manifests keep this text: printing the syntax tree again
    /// would not bring back every name (a quote after a backslash is not doubled).
    pub sql: String,
    /// Partition columns, outermost folder first. They are the last columns of the query.
    pub partitioned_by: Vec<String>,
    /// Compression of newly encoded columns.
    pub compression: WriteCompression,
    /// Whether an existing table of the name is left as it is.
    pub if_not_exists: bool,
}

/// Reads a statement as the creation of a masked table; `None` if it is another kind of statement.
///
/// # Errors
/// [`crate::error::ErrorKind::Usage`] for a `CREATE TABLE` that is not of this form, and for options that are unknown
/// or lead elsewhere than the masked location.
pub fn read(ast: &Ast, sql: &str, target: &Target) -> Result<Option<CreateMasked>> {
    let Ast::CreateTable(create) = ast else { return Ok(None) };
    let table = table_name(&create.name, &target.database).ok_or_else(|| {
        Error::usage("a table name has one or two parts").with("name", &Said(&create.name.to_string()))
    })?;
    if table.database() != target.database {
        return Err(Error::usage("tables can be created in the masked database only")
            .with("table", &table)
            .hint(format!("write CREATE TABLE {}.{} …", target.database, table.table())));
    }
    let Some(query) = create.query.clone() else {
        return Err(Error::usage("CREATE TABLE needs AS SELECT here").with("table", &table));
    };
    reject_extras(create, &table)?;
    let mut masked = CreateMasked {
        table,
        query,
        sql: sql.to_owned(),
        partitioned_by: Vec::new(),
        compression: WriteCompression::Zstd,
        if_not_exists: create.if_not_exists,
    };
    let options = match &create.table_options {
        CreateTableOptions::None => &[][..],
        CreateTableOptions::With(options) => options,
        _ => return Err(Error::usage("table options are written as WITH (name = value)").with("table", &masked.table)),
    };
    for option in options {
        let SqlOption::KeyValue { key, value } = option else {
            return Err(Error::usage("a table option is written as name = value").with("table", &masked.table));
        };
        apply_option(&mut masked, &key.value.to_ascii_lowercase(), value, target)?;
    }
    Ok(Some(masked))
}

/// Refuses every clause that is not read, since one that is left out in silence is not what its writer meant.
fn reject_extras(create: &CreateTable, table: &TableName) -> Result<()> {
    if is_plain(&CreateTable { or_replace: false, ..create.clone() }) {
        return Ok(());
    }
    Err(Error::usage("CREATE TABLE here is CREATE [OR REPLACE] TABLE [IF NOT EXISTS] name [WITH (…)] AS SELECT …")
        .with("table", table)
        .hint("leave the other clauses out; options such as partitioned_by go into WITH (…)"))
}

fn apply_option(masked: &mut CreateMasked, key: &str, value: &Expr, target: &Target) -> Result<()> {
    let fault = |message: &'static str| Error::usage(message).with("table", &masked.table).with("option", &Said(key));
    let text = || text_of(value).ok_or_else(|| fault("the option takes a quoted text"));
    match key {
        "format" => {
            if !text()?.eq_ignore_ascii_case("parquet") {
                return Err(fault("masked tables are written as PARQUET"));
            }
        }
        "external_location" => {
            let wanted = text()?;
            let own = plain_location(target, &masked.table);
            if Location::parse(&wanted, std::path::Path::new("/")) != Some(own.clone()) {
                return Err(fault("a masked table's location follows from `[masked] location`")
                    .with("given", &Said(&wanted))
                    .with("expected", &own));
            }
        }
        "write_compression" | "parquet_compression" => {
            masked.compression = match text()?.to_ascii_uppercase().as_str() {
                "ZSTD" => WriteCompression::Zstd,
                "SNAPPY" => WriteCompression::Snappy,
                "GZIP" => WriteCompression::Gzip,
                "NONE" | "UNCOMPRESSED" => WriteCompression::None,
                _ => return Err(fault("unknown compression").hint("use ZSTD, SNAPPY, GZIP or NONE")),
            };
        }
        "partitioned_by" => {
            let Expr::Array(array) = value else {
                return Err(fault("partitioned_by takes ARRAY['column', …]"));
            };
            masked.partitioned_by = array
                .elem
                .iter()
                .map(|element| text_of(element).ok_or_else(|| fault("partitioned_by takes ARRAY['column', …]")))
                .collect::<Result<_>>()?;
        }
        "bucketed_by" | "bucket_count" => {
            return Err(fault("bucketed tables are not supported").hint("leave the option out"));
        }
        _ => {
            return Err(fault("unknown table option")
                .hint("known are format, external_location, partitioned_by, write_compression"));
        }
    }
    Ok(())
}

fn text_of(value: &Expr) -> Option<String> {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Where a plain reader finds a masked table: `<masked location>/<table>/`.
pub fn plain_location(target: &Target, table: &TableName) -> Location {
    target.store.location().child(&folder_name(table.table()))
}
