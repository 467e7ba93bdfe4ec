//! What there is: tables, views, functions, databases, and the columns of one table.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use async_trait::async_trait;

use super::complete::Names;
use super::lex::{Kind, tokens};
use super::show::Kept;
use super::words::spelt;
use crate::cli::desk::{Reader, Rows};
use crate::error::{Error, Result};

const KIND: &str = "CASE table_type WHEN 'VIEW' THEN 'view' ELSE 'table' END";

const OF_USERS: &str = "table_schema <> 'information_schema'";

/// A list of tables or views, of which names hold a pattern.
pub(super) fn tables(pattern: Option<&str>, views: bool) -> String {
    let kind = if views { "table_type = 'VIEW'" } else { "table_type <> 'VIEW'" };
    let held = held("concat(table_schema, '.', table_name)", pattern);
    format!(
        "SELECT table_schema AS database, table_name AS name, {KIND} AS kind FROM information_schema.tables \
         WHERE {OF_USERS} AND {kind}{held} ORDER BY 1, 2"
    )
}

/// A list of tables and views.
pub(super) fn all() -> String {
    format!(
        "SELECT table_schema AS database, table_name AS name, {KIND} AS kind FROM information_schema.tables \
         WHERE {OF_USERS} ORDER BY 1, 2"
    )
}

/// A list of functions.
pub(super) fn functions(pattern: Option<&str>) -> String {
    let held = held("routine_name", pattern);
    format!(
        "SELECT routine_name AS name, min(function_type) AS kind, min(syntax_example) AS usage \
         FROM information_schema.routines WHERE true{held} GROUP BY routine_name ORDER BY 1"
    )
}

/// A list of databases.
pub(super) fn databases() -> String {
    "SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name <> 'information_schema' ORDER BY 1"
        .to_owned()
}

/// A condition that a text holds a pattern, in which `*` and `%` stand for anything.
fn held(text: &str, pattern: Option<&str>) -> String {
    let Some(pattern) = pattern else { return String::new() };
    let escaped = pattern.replace('\\', "\\\\").replace('_', "\\_").replace('*', "%").replace('\'', "''");
    format!(" AND {text} ILIKE '%{escaped}%'")
}

/// A query that has a table's columns and no row of it. A table of another database is found by its own name, if only one
/// is called so.
///
/// # Errors
/// Usage if that is no name.
pub(super) fn shape(table: &str, names: &Names) -> Result<String> {
    let parts = tokens(table);
    let is_name = |kind| matches!(kind, Kind::Word | Kind::Quoted);
    let sound = parts
        .iter()
        .enumerate()
        .all(|(at, part)| part.closed && if at.is_multiple_of(2) { is_name(part.kind) } else { part.text == "." });
    if !sound || parts.len().is_multiple_of(2) {
        return Err(Error::usage("this is no name of a table").hint("`\\dt` lists the tables"));
    }
    let mut path = table.to_owned();
    if let [part] = parts.as_slice() {
        let name = part.name();
        let called = names.tables.iter().filter(|table| table.name == name).collect::<Vec<_>>();
        match called.as_slice() {
            [only] if only.database != names.default_database => {
                path = format!("{}.{}", spelt(&only.database), spelt(&only.name));
            }
            _ => {}
        }
    }
    Ok(format!("SELECT * FROM {path} LIMIT 0"))
}

/// Takes an answer's columns for its rows.
#[derive(Default)]
pub(super) struct Shape(pub(super) Option<Kept>);

#[async_trait(?Send)]
impl Reader for Shape {
    async fn rows(&mut self, rows: Rows) -> Result<()> {
        let schema = rows.stream.schema();
        let fields = schema.fields();
        let texts = |of: fn(&Field) -> String| -> ArrayRef {
            Arc::new(fields.iter().map(|field| Some(of(field))).collect::<StringArray>())
        };
        let masked = |at: usize| Some(rows.masked.get(at).copied().unwrap_or_default());
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("column", texts(|field| field.name().clone())),
            ("type", texts(|field| type_name(field.data_type()))),
            ("nullable", Arc::new(fields.iter().map(|field| Some(field.is_nullable())).collect::<BooleanArray>())),
        ];
        if rows.masked.contains(&true) {
            columns.push(("masked", Arc::new((0..fields.len()).map(masked).collect::<BooleanArray>())));
        }
        let batch = RecordBatch::try_from_iter(columns);
        let batch = batch.map_err(|_| Error::failed("the columns cannot be listed"))?;
        let schema = Arc::new(Schema::clone(&batch.schema()));
        self.0 = Some(Kept::rows(schema, vec![batch]));
        Ok(())
    }

    fn said(&mut self, _: &str) -> Result<()> {
        Ok(())
    }
}

/// A type as SQL calls it.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "varchar".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::UInt8 => "tinyint unsigned".to_owned(),
        DataType::UInt16 => "smallint unsigned".to_owned(),
        DataType::UInt32 => "integer unsigned".to_owned(),
        DataType::UInt64 => "bigint unsigned".to_owned(),
        DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "varbinary".to_owned()
        }
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            format!("decimal({precision}, {scale})")
        }
        DataType::Timestamp(unit, zone) => {
            let digits = match unit {
                TimeUnit::Second => 0,
                TimeUnit::Millisecond => 3,
                TimeUnit::Microsecond => 6,
                TimeUnit::Nanosecond => 9,
            };
            let zone = if zone.is_some() { " with time zone" } else { "" };
            format!("timestamp({digits}){zone}")
        }
        DataType::Dictionary(_, value) => type_name(value),
        nested => nested_name(nested),
    }
}

/// A type that holds others, as SQL calls it.
fn nested_name(data_type: &DataType) -> String {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            format!("array({})", type_name(item.data_type()))
        }
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{} {}", field.name(), type_name(field.data_type()))).collect();
            format!("row({})", fields.join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) => {
                let types: Vec<String> = pair.iter().map(|field| type_name(field.data_type())).collect();
                format!("map({})", types.join(", "))
            }
            _ => "map".to_owned(),
        },
        other => other.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::cli::shell::complete::Table;

    #[test]
    fn a_pattern_is_data() {
        assert!(tables(Some("a'; DROP"), false).contains("ILIKE '%a''; DROP%'"));
        assert!(functions(Some("to_*")).contains("ILIKE '%to\\_%%'"));
        assert!(!tables(None, true).contains("ILIKE"));
    }

    #[test]
    fn a_table_is_found_in_its_database() {
        let table = |database: &str, name: &str| Table {
            database: database.to_owned(),
            name: name.to_owned(),
            columns: Vec::new(),
        };
        let names = Names {
            default_database: "masked".to_owned(),
            tables: vec![table("raw", "card"), table("masked", "bank"), table("raw", "bank"), table("raw", "My T")],
            ..Names::default()
        };
        for (written, query) in [
            ("card", "SELECT * FROM raw.card LIMIT 0"),
            ("bank", "SELECT * FROM bank LIMIT 0"),
            ("raw.bank", "SELECT * FROM raw.bank LIMIT 0"),
            ("\"My T\"", "SELECT * FROM raw.\"My T\" LIMIT 0"),
            ("nothing", "SELECT * FROM nothing LIMIT 0"),
        ] {
            assert_eq!(shape(written, &names).unwrap(), query);
        }
        for wrong in ["", "a b", "a.", "a;", "a, b", "(SELECT 1)", "\"open", "'text'", "a--x"] {
            assert!(shape(wrong, &names).is_err(), "{wrong}");
        }
    }

    #[test]
    fn types_are_named_as_sql_names_them() {
        let list = DataType::List(Arc::new(Field::new("item", DataType::Utf8View, true)));
        assert_eq!(type_name(&list), "array(varchar)");
        assert_eq!(type_name(&DataType::Decimal128(10, 2)), "decimal(10, 2)");
        assert_eq!(
            type_name(&DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
            "timestamp(3) with time zone"
        );
        let row = DataType::Struct(vec![Field::new("a", DataType::Int64, true), Field::new("b", list, true)].into());
        assert_eq!(type_name(&row), "row(a bigint, b array(varchar))");
    }
}
