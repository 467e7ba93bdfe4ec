//! Policies as views, to be read, compared, or created in Athena.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;

use super::access::{ColumnAccess, TableAccess};
use super::check::type_of;
use super::filter::{Field, Literal, Predicate, quoted_name, quoted_text};
use super::names::fold;
use crate::model::{TableSchema, printable};

/// A view per table that shows what a role sees of it, in a database named like the role.
///
/// `CASE WHEN` and `WHERE` hide what a filter finds NULL about as they hide what it finds false. The result depends on
/// the policies alone, and Athena reads it where no mask of ours is in it.
pub fn views(role_name: &str, tables: &[(&TableAccess, &TableSchema)]) -> String {
    let mut tables = tables.to_vec();
    tables.sort_by(|(one, _), (other, _)| one.table.cmp(&other.table));
    let names = view_names(&tables);
    let views = tables.iter().zip(names).map(|((access, schema), name)| view(role_name, &name, access, schema));
    views.collect::<Vec<_>>().join("\n")
}

/// The table's name, or with the database's before it where tables of two databases have the same one.
fn view_names(tables: &[(&TableAccess, &TableSchema)]) -> Vec<String> {
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    for (access, _) in tables {
        *alike.entry(fold(access.table.table()).into_owned()).or_default() += 1;
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let name = |(access, _): &(&TableAccess, &TableSchema)| {
        let table = access.table.table();
        let alone = alike.get(fold(table).as_ref()) == Some(&1);
        let mut name = if alone { table.to_owned() } else { format!("{}_{table}", access.table.database()) };
        let plain = fold(&name).into_owned();
        let before = taken.entry(plain).or_default();
        *before += 1;
        if *before > 1 {
            name += &format!("_{before}");
        }
        name
    };
    tables.iter().map(name).collect()
}

fn view(role_name: &str, name: &str, access: &TableAccess, schema: &TableSchema) -> String {
    let write = |field: &Field, literal: &Literal| typed_literal(field, literal, schema);
    let mut text = format!("-- What role {} sees of {}\n", printable(role_name), access.table);
    let hidden: Vec<String> = schema
        .columns
        .iter()
        .filter(|column| access.columns.iter().all(|seen| seen.column != column.name))
        .map(|column| printable(&column.name))
        .collect();
    if !hidden.is_empty() {
        text += &format!("-- Hidden: {}\n", hidden.join(", "));
    }
    let masked: Vec<String> =
        access.columns.iter().filter(|column| column.mask.is_some()).map(|column| printable(&column.column)).collect();
    if !masked.is_empty() {
        text += &format!(
            "-- Masked by the settings; Athena does not have the functions of saltlake: {}\n",
            masked.join(", ")
        );
    }
    text += &format!("CREATE OR REPLACE VIEW {}.{} AS\nSELECT\n", quoted_name(role_name), quoted_name(name));
    let columns: Vec<String> = access.columns.iter().map(|column| format!("  {}", item(column, &write))).collect();
    text += &columns.join(",\n");
    text += &format!("\nFROM {}.{}", quoted_name(access.table.database()), quoted_name(access.table.table()));
    if access.rows != Predicate::True {
        text += &format!("\nWHERE {}", access.rows.to_sql_with(&write));
    }
    text + ";\n"
}

fn item(column: &ColumnAccess, write: &dyn Fn(&Field, &Literal) -> String) -> String {
    let name = quoted_name(&column.column);
    match (&column.mask, &column.cells) {
        (None, Predicate::True) => name,
        // On a line of its own, lest a comment at its end swallow what follows.
        (Some(mask), Predicate::True) => format!("({mask}\n  ) AS {name}"),
        (None, cells) => format!("CASE WHEN {} THEN {name} END AS {name}", cells.to_sql_with(write)),
        (Some(mask), cells) => format!("CASE WHEN {} THEN ({mask}\n  ) END AS {name}", cells.to_sql_with(write)),
    }
}

/// Athena compares dates and timestamps with literals of their type only.
fn typed_literal(field: &Field, literal: &Literal, schema: &TableSchema) -> String {
    match (literal, type_of(field, schema)) {
        (Literal::Text(text), Some(DataType::Date32 | DataType::Date64)) => format!("DATE {}", quoted_text(text)),
        (Literal::Text(text), Some(DataType::Timestamp(..))) => {
            format!("TIMESTAMP {}", quoted_text(&text.replace('T', " ")))
        }
        _ => literal.sql(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::evaluate::Grants;
    use super::super::tests::{ANALYST, customer, filter, grant, names, on_columns, on_filter, role, table};
    use super::super::{Columns, Snapshot, Unmanaged};
    use super::*;
    use crate::model::TableName;

    #[test]
    fn a_policy_is_a_readable_view() {
        let mut schema = customer();
        schema.columns[4].data_type = DataType::Date32;
        let snapshot = Snapshot {
            grants: vec![
                grant(ANALYST, on_filter("german"), &["SELECT"]),
                grant(ANALYST, on_filter("late"), &["SELECT"]),
                grant(ANALYST, on_columns("bank", Columns::All), &["SELECT"]),
            ],
            filters: vec![
                filter("german", Some("country = 'D''E' and id > 5"), Columns::Except(names(&["mail"]))),
                filter("late", Some("dt >= '2026-01-01'"), Columns::Only(names(&["id", "name"]))),
            ],
            ..Snapshot::default()
        };
        let mut analyst = role();
        analyst.masks.entry("customer".into()).or_default().insert("name".into(), "mask_null(name)".into());
        let grants = Grants::new(snapshot, Unmanaged::Deny);
        let bank = table("bank", &["id", "iban"]);
        let (customer, bank_access) =
            (grants.access(&analyst, &schema).unwrap(), grants.access(&analyst, &bank).unwrap());
        let expected = r#"-- What role analyst sees of shop.bank
CREATE OR REPLACE VIEW "analyst"."bank" AS
SELECT
  "id",
  "iban"
FROM "shop"."bank";

-- What role analyst sees of shop.customer
-- Hidden: mail
-- Masked by the settings; Athena does not have the functions of saltlake: name
CREATE OR REPLACE VIEW "analyst"."customer" AS
SELECT
  "id",
  (mask_null(name)
  ) AS "name",
  CASE WHEN "country" = 'D''E' AND "id" > 5 THEN "country" END AS "country",
  "dt"
FROM "shop"."customer"
WHERE ("country" = 'D''E' AND "id" > 5) OR "dt" >= DATE '2026-01-01';
"#;
        assert_eq!(views("analyst", &[(&customer, &schema), (&bank_access, &bank)]), expected);
        assert_eq!(views("analyst", &[(&bank_access, &bank), (&customer, &schema)]), expected);
    }

    #[test]
    fn no_two_views_have_one_name_and_no_name_leaves_its_place() {
        let mut schemas = ["A", "b", "a"].map(|database| table(database, &["id"]));
        for (schema, database) in schemas.iter_mut().zip(["x", "y\n\"z", "X"]) {
            schema.name = TableName::new(database, "T");
        }
        let owner = super::super::Role { name: "o".into(), full_access: true, ..Default::default() };
        let grants = Grants::new(Snapshot::default(), Unmanaged::Deny);
        let accesses: Vec<TableAccess> = schemas.iter().map(|schema| grants.access(&owner, schema).unwrap()).collect();
        let pairs: Vec<(&TableAccess, &TableSchema)> = accesses.iter().zip(&schemas).collect();
        let text = views("o\n; DROP", &pairs);
        for part in ["\"x_T_2\"", "\"X_T\"", "\"y\n\"\"z_T\"", "-- What role o\\u{a}; DROP sees of y\\u{a}\"z.T\n"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
