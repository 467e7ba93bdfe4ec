//! SHOW, as Athena has it: by queries of the information schema in the reader's own session, so that nobody is shown a
//! name that they could not select.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::parser::{DFParser, Statement};
use sqlparser::ast::{
    Ident, ObjectName, ShowCreateObject, ShowStatementFilter, ShowStatementFilterPosition, ShowStatementIn,
    ShowStatementOptions, Statement as Ast,
};
use sqlparser::dialect::GenericDialect;

use super::fault::coded;
use crate::engine::hive::type_name;
use crate::engine::lake::{NULL_PARTITION, TableFiles, TableFormat};
use crate::engine::spelling::PARTITIONS;
use crate::engine::statement::table_name;
use crate::error::{Error, Result, Said};
use crate::model::{Location, TableName};

/// What a SHOW asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// What a query of the information schema says.
    Query(String),
    /// The partitions of a table.
    Partitions(TableName),
    /// The statement that would make a table.
    CreateTable(TableName),
    /// The statement that made a view.
    CreateView(TableName),
}

/// Whether a statement is answered here. The engine has its own plain SHOW TABLES, SHOW COLUMNS and SHOW FUNCTIONS.
pub fn is_one(ast: &Ast) -> bool {
    match ast {
        Ast::ShowVariable { variable } => is_partitions(variable),
        Ast::ShowDatabases { .. } | Ast::ShowSchemas { .. } | Ast::ShowViews { materialized: false, .. } => true,
        Ast::ShowTables { show_options, .. } => {
            show_options.show_in.is_some() || show_options.filter_position.is_some()
        }
        Ast::ShowCreate { obj_type, .. } => matches!(obj_type, ShowCreateObject::Table | ShowCreateObject::View),
        _ => false,
    }
}

fn is_partitions(variable: &[Ident]) -> bool {
    variable.first().is_some_and(|word| word.quote_style.is_none() && word.value.eq_ignore_ascii_case(PARTITIONS))
}

/// Reads a SHOW. Tables of one part stand in `default_database`.
///
/// # Errors
/// Usage if a clause is not supported.
pub fn read(ast: &Ast, default_database: &str) -> Result<Show> {
    let named = |name: &ObjectName| {
        table_name(name, default_database).ok_or_else(|| {
            coded(Error::usage("a table name has one or two parts"), "42601").with("name", &Said(&name.to_string()))
        })
    };
    match ast {
        Ast::ShowVariable { variable } if is_partitions(variable) => {
            let name = ObjectName::from(variable.iter().skip(1).cloned().collect::<Vec<_>>());
            named(&name).map(Show::Partitions)
        }
        Ast::ShowDatabases { show_options, .. } | Ast::ShowSchemas { show_options, .. } => {
            if show_options.show_in.is_some() {
                return Err(unsupported("IN"));
            }
            Ok(Show::Query(databases(condition(show_options, "schema_name")?.as_deref())))
        }
        Ast::ShowTables {
            show_options,
            terse: false,
            history: false,
            extended: false,
            full: false,
            external: false,
        } => tables(show_options, "table_name", "", "table_schema, table_name, table_type").map(Show::Query),
        Ast::ShowViews { show_options, terse: false, materialized: false } => {
            let views = "AND table_type = 'VIEW'";
            tables(show_options, "table_name", views, "table_schema AS view_schema, table_name AS view_name")
                .map(Show::Query)
        }
        Ast::ShowCreate { obj_type: ShowCreateObject::Table, obj_name } => named(obj_name).map(Show::CreateTable),
        Ast::ShowCreate { obj_type: ShowCreateObject::View, obj_name } => named(obj_name).map(Show::CreateView),
        _ => Err(unsupported("a clause")),
    }
}

fn unsupported(clause: &str) -> Error {
    coded(Error::usage("a clause of SHOW is not supported"), "0A000").with("clause", &Said(clause)).hint(
        "known are SHOW DATABASES, SHOW TABLES, SHOW VIEWS [IN database] [LIKE 'pattern'], SHOW COLUMNS, \
         SHOW PARTITIONS, SHOW CREATE TABLE, SHOW CREATE VIEW and SHOW FUNCTIONS",
    )
}

fn databases(condition: Option<&str>) -> String {
    let condition = condition.map(|text| format!(" AND {text}")).unwrap_or_default();
    format!(
        "SELECT DISTINCT schema_name AS database_name FROM information_schema.schemata \
         WHERE schema_name <> 'information_schema'{condition} ORDER BY 1"
    )
}

fn tables(options: &ShowStatementOptions, column: &str, only: &str, shown: &str) -> Result<String> {
    let mut text =
        format!("SELECT {shown} FROM information_schema.tables WHERE table_schema <> 'information_schema' {only}");
    if let Some(database) = options.show_in.as_ref().map(database).transpose()? {
        text.push_str(&format!(" AND table_schema = {}", quoted(&database)));
    }
    if let Some(condition) = condition(options, column)? {
        text.push_str(&format!(" AND {condition}"));
    }
    text.push_str(" ORDER BY 1, 2");
    Ok(text)
}

/// The database after IN.
fn database(inside: &ShowStatementIn) -> Result<String> {
    let name = inside.parent_name.as_ref().and_then(|name| table_name(name, ""));
    match name {
        Some(name) if name.database().is_empty() && inside.parent_type.is_none() => Ok(name.table().to_owned()),
        _ => Err(unsupported("IN, other than IN database")),
    }
}

/// What a pattern asks of a column. In a pattern, `*` and `%` stand for any characters, and `|` between two of them for
/// either; case does not count.
fn condition(options: &ShowStatementOptions, column: &str) -> Result<Option<String>> {
    if options.starts_with.is_some() || options.limit.is_some() || options.limit_from.is_some() {
        return Err(unsupported("STARTS WITH, LIMIT"));
    }
    let filter = match &options.filter_position {
        None => return Ok(None),
        Some(ShowStatementFilterPosition::Suffix(filter) | ShowStatementFilterPosition::Infix(filter)) => filter,
    };
    let pattern = match filter {
        ShowStatementFilter::Like(text) | ShowStatementFilter::ILike(text) | ShowStatementFilter::NoKeyword(text) => {
            text
        }
        ShowStatementFilter::Where(_) => return Err(unsupported("WHERE")),
    };
    let either = pattern.split('|').map(|part| {
        let escaped = part.replace('\\', "\\\\").replace('_', "\\_").replace('*', "%");
        format!("{column} ILIKE {}", quoted(&escaped))
    });
    Ok(Some(format!("({})", either.collect::<Vec<_>>().join(" OR "))))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A query of this making, parsed.
///
/// # Errors
/// None, as far as it is made here.
pub fn statement(sql: &str) -> Result<Statement> {
    let parsed = DFParser::parse_sql_with_dialect(sql, &GenericDialect {}).ok().and_then(|mut all| all.pop_front());
    parsed.ok_or_else(|| coded(Error::failed("a SHOW could not be made a query"), "XX000"))
}

/// The query that reads a table: whoever may not see it is told so by its planner.
pub fn everything_of(table: &TableName) -> String {
    format!("SELECT * FROM {}.{}", identifier(table.database()), identifier(table.table()))
}

/// The columns of a table that stand in the names of folders.
pub fn partition_columns(files: &TableFiles) -> Vec<String> {
    match &files.declared {
        Some(declared) => declared.partitions().map(str::to_owned).collect(),
        None => files.partition_columns.clone(),
    }
}

/// The query for the partitions of a table, of those of its partition columns that the reader sees.
///
/// # Errors
/// Usage if there are none.
pub fn partitions(table: &TableName, columns: &[String], seen: &Schema) -> Result<String> {
    let seen = |name: &&String| seen.fields().iter().any(|field| field.name() == *name);
    let columns: Vec<&String> = columns.iter().filter(seen).collect();
    if columns.is_empty() {
        return Err(coded(Error::usage("the table is not partitioned"), "42809").with("table", table));
    }
    let parts = columns.iter().map(|name| {
        let value = format!("coalesce(CAST({} AS VARCHAR), '{NULL_PARTITION}')", identifier(name));
        format!("{} || {value}", quoted(&format!("{name}=")))
    });
    let path = parts.collect::<Vec<_>>().join(" || '/' || ");
    let name = format!("{}.{}", identifier(table.database()), identifier(table.table()));
    Ok(format!("SELECT DISTINCT {path} AS partition FROM {name} ORDER BY 1"))
}

/// CREATE EXTERNAL TABLE, as it would make a table with the columns that the reader sees.
pub fn create_table(table: &TableName, seen: &Schema, files: &TableFiles, location: Option<&Location>) -> Vec<String> {
    let folders = partition_columns(files);
    let tick = |name: &str| format!("`{}`", name.replace('`', "``"));
    let column = |field: &Field| format!("  {} {}", tick(field.name()), type_name(field.data_type()));
    let list = |fields: Vec<&Arc<Field>>| {
        let last = fields.len();
        let lines = fields.into_iter().enumerate();
        lines
            .map(|(index, field)| format!("{}{}", column(field), if index + 1 < last { "," } else { ")" }))
            .collect::<Vec<_>>()
    };
    let (inside, outside): (Vec<_>, Vec<_>) = seen.fields().iter().partition(|field| !folders.contains(field.name()));
    let mut lines = vec![format!("CREATE EXTERNAL TABLE {}.{}(", tick(table.database()), tick(table.table()))];
    lines.extend(list(inside));
    if !outside.is_empty() {
        lines.push("PARTITIONED BY (".to_owned());
        lines.extend(list(outside));
    }
    lines.extend(match files.format {
        TableFormat::Parquet => vec!["STORED AS PARQUET".to_owned()],
        TableFormat::Avro => vec!["STORED AS AVRO".to_owned()],
        TableFormat::Json => vec!["ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'".to_owned()],
        TableFormat::Csv => vec![
            "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'".to_owned(),
            "STORED AS TEXTFILE".to_owned(),
        ],
    });
    lines.extend(location.map(|location| format!("LOCATION {}", quoted(&location.to_string()))));
    if files.format == TableFormat::Csv && files.csv_header {
        lines.push("TBLPROPERTIES ('skip.header.line.count'='1')".to_owned());
    }
    lines
}

/// The lines of a statement as a result of one column.
///
/// # Errors
/// None, in practice.
pub fn lines(column: &str, lines: Vec<String>) -> Result<SendableRecordBatchStream> {
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new(column, DataType::Utf8, false)]));
    let values: ArrayRef = Arc::new(StringArray::from(lines));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![values]);
    let batch = batch.map_err(|_| coded(Error::failed("a result could not be made"), "XX000"))?;
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter([Ok(batch)]))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::engine::statement::parse_script;

    fn shown(text: &str) -> Result<Show> {
        let ast = parse_script(text, "-")?.pop().unwrap().ast;
        assert!(is_one(&ast), "{text}");
        read(&ast, "masked")
    }

    #[test]
    fn a_pattern_is_a_condition_and_nothing_else() {
        let Show::Query(sql) = shown("SHOW TABLES IN dataset 'cust*|it''s_%'").unwrap() else { panic!() };
        assert!(sql.contains("table_schema = 'dataset'"), "{sql}");
        assert!(sql.contains(r"(table_name ILIKE 'cust%' OR table_name ILIKE 'it''s\_%')"), "{sql}");
        statement(&sql).unwrap();
        for text in ["SHOW DATABASES LIKE 'a*'", "SHOW SCHEMAS", "SHOW VIEWS", "SHOW VIEWS IN workspace LIKE '*'"] {
            let Show::Query(sql) = shown(text).unwrap() else { panic!("{text}") };
            statement(&sql).unwrap();
        }
        for text in ["SHOW TABLES WHERE true", "SHOW TABLES IN a.b", "SHOW TABLES LIKE 'a' LIMIT 1"] {
            shown(text).unwrap_err();
        }
    }

    #[test]
    fn tables_are_named_as_elsewhere() {
        let name = |database: &str, table: &str| TableName::new(database, table);
        assert_eq!(shown("SHOW PARTITIONS Sales").unwrap(), Show::Partitions(name("masked", "sales")));
        assert_eq!(shown("SHOW PARTITIONS a.\"B c\"").unwrap(), Show::Partitions(name("a", "B c")));
        assert_eq!(shown("SHOW CREATE TABLE a.b").unwrap(), Show::CreateTable(name("a", "b")));
        assert_eq!(shown("SHOW CREATE VIEW workspace.v").unwrap(), Show::CreateView(name("workspace", "v")));
    }

    #[test]
    fn partitions_are_those_of_columns_that_are_seen() {
        let seen = Schema::new(vec![Field::new("day", DataType::Utf8, true)]);
        let columns = ["day".to_owned(), "it's".to_owned()];
        let sql = partitions(&TableName::new("a", "b"), &columns, &seen).unwrap();
        assert!(sql.contains("'day=' ||") && !sql.contains("it''s"), "{sql}");
        statement(&sql).unwrap();
        partitions(&TableName::new("a", "b"), &["x".to_owned()], &seen).unwrap_err();
    }
}
