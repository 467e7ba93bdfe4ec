//! Grants of the settings: `[roles.NAME.select]` becomes ordinary grants, so that one evaluator decides for both.

use std::collections::BTreeSet;

use super::index::ALL_TABLES;
use super::names::{Meaning, alike, column_meaning, names_table};
use super::principal::own_principal;
use super::{CellsFilter, Columns, Grant, Predicate, Resource, Role, Tables, check_masks};
use crate::error::{Error, Result, Said};
use crate::model::{TableName, TableSchema};

/// What a role of the settings may read of the tables that a pattern names: `database.table`, `table` in whatever
/// database, or `database.*` for every table of a database, later ones too unless there is a row filter.
///
/// The grants are of the role and not of its principal, which other roles may have too. A pattern that names none of
/// `tables` gives nothing.
///
/// # Errors
/// [`crate::error::ErrorKind::Usage`] if the row filter cannot be read or the pattern names everything.
pub fn settings_grants(
    role_name: &str,
    pattern: &str,
    columns: &Columns,
    rows: Option<&str>,
    tables: &[TableName],
) -> Result<Vec<(Grant, Option<CellsFilter>)>> {
    let refuse =
        |message: &'static str| Error::usage(message).with("role", &Said(role_name)).with("table", &Said(pattern));
    if pattern.is_empty() || pattern == "*" || pattern.starts_with("*.") {
        return Err(refuse("the pattern does not name a table or a database")
            .hint("write `database.table`, `table`, or `database.*`"));
    }
    if let Some(Err(why)) = rows.map(Predicate::parse) {
        return Err(refuse("the row filter cannot be read").hint(why));
    }
    let grant = |resource: Resource| Grant {
        principal: own_principal(role_name),
        resource,
        condition: None,
        permissions: BTreeSet::from(["SELECT".to_owned()]),
        origin: format!("settings, roles.{role_name}.select"),
    };
    let database = pattern.strip_suffix(".*");
    if let (Some(database), None) = (database, rows) {
        let database = database.to_owned();
        let resource = Resource::Columns { database, table: Tables::All, columns: columns.clone() };
        return Ok(vec![(grant(resource), None)]);
    }
    let named = |table: &&TableName| is_meant(pattern, table);
    let mut grants = Vec::new();
    for table in tables.iter().filter(named) {
        if table.table() == ALL_TABLES {
            return Err(refuse("a table of this name cannot be granted, since it means every table")
                .hint(format!("to give every table, write `{}.*`", table.database())));
        }
        let (database, name) = (table.database().to_owned(), table.table().to_owned());
        let Some(rows) = rows else {
            let table = Tables::Named(name);
            grants.push((grant(Resource::Columns { database, table, columns: columns.clone() }), None));
            continue;
        };
        let filter = CellsFilter {
            database: database.clone(),
            table: name.clone(),
            name: format!("roles.{role_name}.select.{pattern}"),
            rows: Some(rows.to_owned()),
            columns: columns.clone(),
        };
        let resource = Resource::CellsFilter { database, table: name, name: filter.name.clone() };
        grants.push((grant(resource), Some(filter)));
    }
    Ok(grants)
}

/// Whether a pattern of `select` names a table.
pub fn is_meant(pattern: &str, table: &TableName) -> bool {
    match pattern.strip_suffix(".*") {
        Some(database) => alike(database, table.database()),
        None => names_table(pattern, table).is_some(),
    }
}

/// Compares what the settings say of a role with a table: its masks, and the columns that `select` names, by the pattern
/// of their table.
///
/// # Errors
/// [`crate::error::ErrorKind::Refused`] if one names a column that the table does not have.
pub fn check_role(role: &Role, declared: &[(String, Columns)], schema: &TableSchema) -> Result<()> {
    check_masks(role, schema)?;
    let mut meant = declared.iter().filter(|(pattern, _)| is_meant(pattern, &schema.name));
    meant.try_for_each(|(_, columns)| check_columns(&role.name, columns, schema))
}

/// Compares the columns that settings name with a table's own, so that a slip of the pen is not a column left visible.
///
/// # Errors
/// [`crate::error::ErrorKind::Refused`] if one does not exist, or may be one of several.
pub fn check_columns(role_name: &str, columns: &Columns, schema: &TableSchema) -> Result<()> {
    let (Columns::Only(names) | Columns::Except(names)) = columns else { return Ok(()) };
    for name in names {
        let message = match column_meaning(name, &schema.columns) {
            Meaning::One(_) => continue,
            Meaning::Unknown => "a role names a column that the table does not have",
            Meaning::Ambiguous => "a role names a column that several columns of the table may be",
        };
        return Err(Error::refused(message)
            .with("role", &Said(role_name))
            .with("table", &schema.name)
            .with("column", &Said(name)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::evaluate::Grants;
    use super::super::tests::{customer, names, role, table, words};
    use super::super::{Snapshot, Unmanaged};
    use super::*;
    use crate::error::ErrorKind;

    fn tables() -> Vec<TableName> {
        vec![TableName::new("shop", "customer"), TableName::new("shop", "bank"), TableName::new("other", "Customer")]
    }

    fn sees(pattern: &str, columns: &Columns, rows: Option<&str>) -> [String; 2] {
        let mut snapshot = Snapshot::default();
        for (grant, filter) in settings_grants("analyst", pattern, columns, rows, &tables()).unwrap() {
            snapshot.grants.push(grant);
            snapshot.filters.extend(filter);
        }
        let grants = Grants::new(snapshot, Unmanaged::Deny);
        assert!(grants.problems().is_empty());
        let other = Role { name: "other".into(), ..role() };
        assert_eq!(grants.access(&other, &customer()), None);
        let local = Role { name: "analyst".into(), ..Role::default() };
        [customer(), table("bank", &["id", "country"])].map(|table| words(grants.access(&local, &table).as_ref()))
    }

    #[test]
    fn a_pattern_gives_the_tables_that_it_names() {
        let none = "nothing";
        let german = Some("country = 'DE'");
        let all = "TRUE | id, name, mail, country, dt";
        let only = Columns::Only(names(&["id", "country"]));
        let except = Columns::Except(names(&["name", "Mail"]));
        let cases = [
            ("customer", &Columns::All, None, [all, none]),
            ("Shop.Customer", &only, None, ["TRUE | id, country, dt", none]),
            ("shop.*", &except, None, ["TRUE | id, country, dt", "TRUE | id, country"]),
            ("shop.*", &except, german, [r#""country" = 'DE' | id, country, dt"#, r#""country" = 'DE' | id, country"#]),
            ("bank", &only, german, [none, r#""country" = 'DE' | id, country"#]),
            ("other.*", &Columns::All, None, [none, none]),
            ("other.customer", &Columns::All, None, [none, none]),
            ("custom", &Columns::All, None, [none, none]),
        ];
        for (pattern, columns, rows, expected) in cases {
            assert_eq!(sees(pattern, columns, rows), expected, "{pattern} {columns} {rows:?}");
        }
    }

    #[test]
    fn roles_with_one_principal_do_not_share_what_settings_give() {
        let granted = settings_grants("analyst", "customer", &Columns::All, None, &tables()).unwrap();
        let snapshot =
            Snapshot { grants: granted.into_iter().map(|(grant, _)| grant).collect(), ..Snapshot::default() };
        let grants = Grants::new(snapshot, Unmanaged::Deny);
        assert!(grants.access(&role(), &customer()).is_some());
        assert_eq!(grants.access(&Role { name: "intern".into(), ..role() }, &customer()), None);
    }

    #[test]
    fn what_settings_cannot_mean_is_an_error() {
        for (pattern, rows) in [("", None), ("*", None), ("*.customer", None), ("bank", Some("lower(x) = 'geheim'"))] {
            let error = settings_grants("a", pattern, &Columns::All, rows, &tables()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{pattern}");
            assert!(!error.to_string().contains("geheim"), "{error}");
        }
        let every = [TableName::new("shop", "ALL_TABLES")];
        assert!(settings_grants("a", "ALL_TABLES", &Columns::All, None, &every).is_err());
        assert!(check_columns("a", &Columns::Except(names(&["mial"])), &customer()).is_err());
        assert!(check_columns("a", &Columns::Only(names(&["ID"])), &customer()).is_ok());
        assert!(check_columns("a", &Columns::All, &customer()).is_ok());
    }
}
