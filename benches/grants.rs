//! How long it takes to resolve every role's policies on a large catalog, beside a loop that tries each grant on each
//! table. `cargo bench --bench grants`.
//!
//! 10,000 tables of 50 columns, 200 principals, LF-Tags on databases, tables and columns. The loop is the obvious way
//! (`every grant × every table`), run on a part of the principals and tables and scaled up. Prints Markdown.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark that meets something unexpected stops there and says so"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use arrow::datatypes::DataType;
use saltlake::grant::evaluate::Grants;
use saltlake::grant::{
    CellsFilter, Columns, Grant, Resource, Role, Snapshot, Tables, TagAssignment, Tagged, Tags, Unmanaged,
};
use saltlake::model::{ColumnSchema, TableName, TableSchema};

const DATABASES: usize = 100;
const TABLES_PER_DATABASE: usize = 100;
const COLUMNS: usize = 50;
const PRINCIPALS: usize = 200;
/// Principals and tables of the obvious loop, which is scaled up to all of them.
const PRINCIPALS_OF_LOOP: usize = 2;
const TABLES_OF_LOOP: usize = 50;

fn main() {
    let schemas = schemas();
    println!(
        "| grants per principal | grants | policies | resolved in | per grant or policy | obvious loop | ratio |\n\
         |---:|---:|---:|---:|---:|---:|---:|"
    );
    for grants_per_principal in [10, 20, 40] {
        let (snapshot, roles) = snapshot(grants_per_principal);
        let count = snapshot.grants.len();
        let started = Instant::now();
        let grants = Grants::new(snapshot.clone(), Unmanaged::Deny);
        let tables = grants.tables(&schemas);
        let policies: usize = roles.iter().map(|role| tables.of(role).len()).sum();
        let spent = started.elapsed();
        let looped = obvious(&snapshot, &roles, &schemas);
        println!(
            "| {grants_per_principal} | {count} | {policies} | {:.2} s | {:.2} µs | {:.0} s | 1/{:.0} |",
            spent.as_secs_f64(),
            spent.as_secs_f64() * 1e6 / (count + policies) as f64,
            looped.as_secs_f64(),
            looped.as_secs_f64() / spent.as_secs_f64(),
        );
    }
}

/// Every grant of a role is tried on every table, each on a catalog of its own, as one would write it first.
fn obvious(snapshot: &Snapshot, roles: &[Role], schemas: &[TableSchema]) -> Duration {
    let started = Instant::now();
    let mut policies = 0;
    for role in roles.iter().take(PRINCIPALS_OF_LOOP) {
        for schema in schemas.iter().step_by(schemas.len() / TABLES_OF_LOOP) {
            let own = snapshot.grants.iter().filter(|grant| Some(&grant.principal) == role.principal.as_ref());
            policies += usize::from(own.filter(|grant| names(grant, snapshot, schema)).count() > 0);
        }
    }
    assert!(std::hint::black_box(policies) <= PRINCIPALS_OF_LOOP * TABLES_OF_LOOP);
    started.elapsed() * u32::try_from(PRINCIPALS / PRINCIPALS_OF_LOOP * schemas.len() / TABLES_OF_LOOP).unwrap()
}

/// Whether a grant touches a table, without any index: tags are looked up column by column.
fn names(grant: &Grant, snapshot: &Snapshot, schema: &TableSchema) -> bool {
    match &grant.resource {
        Resource::Columns { database, table: Tables::Named(table), .. }
        | Resource::CellsFilter { database, table, .. } => {
            database == schema.name.database() && table == schema.name.table()
        }
        Resource::Tagged { tags: Tags::Expression(expression), .. } => {
            let assigned = |table: Option<&str>, key: &str| {
                let found = snapshot.tags.iter().find(|assignment| {
                    assignment.database == schema.name.database()
                        && assignment.table.as_deref() == table
                        && assignment.column.is_none()
                        && assignment.tags.contains_key(key)
                });
                found.and_then(|assignment| assignment.tags.get(key).cloned())
            };
            expression.iter().all(|(key, values)| {
                let value = assigned(Some(schema.name.table()), key).or_else(|| assigned(None, key));
                value.is_some_and(|value| values.contains(&value))
            })
        }
        _ => false,
    }
}

fn database(number: usize) -> String {
    format!("database_{number}")
}

fn table(number: usize) -> String {
    format!("table_{number}")
}

fn schemas() -> Vec<TableSchema> {
    let columns: Vec<ColumnSchema> = (0..COLUMNS)
        .map(|number| ColumnSchema { name: format!("column_{number}"), data_type: DataType::Utf8, partition: false })
        .collect();
    let names =
        (0..DATABASES).flat_map(|d| (0..TABLES_PER_DATABASE).map(move |t| TableName::new(database(d), table(t))));
    names.map(|name| TableSchema { name, columns: columns.clone() }).collect()
}

fn snapshot(grants_per_principal: usize) -> (Snapshot, Vec<Role>) {
    let mut snapshot = Snapshot { tags: tags(), ..Snapshot::default() };
    let mut roles = Vec::new();
    for number in 0..PRINCIPALS {
        let principal = format!("arn:aws:iam::111122223333:role/role-{number}");
        for grant in 0..grants_per_principal {
            let place = number * 7919 + grant * 104_729;
            let (database, table) = (database(place % DATABASES), table(place / DATABASES % TABLES_PER_DATABASE));
            let resource = match grant % 4 {
                0 => {
                    let columns = Columns::Only((0..10).map(|column| format!("column_{column}")).collect());
                    Resource::Columns { database, table: Tables::Named(table), columns }
                }
                1 => {
                    let columns = Columns::Except(vec!["column_1".to_owned(), "column_2".to_owned()]);
                    Resource::Columns { database, table: Tables::Named(table), columns }
                }
                2 => {
                    let name = format!("filter-{number}-{grant}");
                    snapshot.filters.push(CellsFilter {
                        database: database.clone(),
                        table: table.clone(),
                        name: name.clone(),
                        rows: Some("column_3 = 'x' AND column_4 IN ('a', 'b')".to_owned()),
                        columns: Columns::All,
                    });
                    Resource::CellsFilter { database, table, name }
                }
                _ => {
                    let values = |text: String| BTreeSet::from([text]);
                    let expression = BTreeMap::from([
                        ("domain".to_owned(), values(format!("d{}", place % DATABASES))),
                        ("level".to_owned(), values(format!("l{}", place % 5))),
                    ]);
                    Resource::Tagged { kind: Tagged::Tables, tags: Tags::Expression(expression) }
                }
            };
            snapshot.grants.push(Grant {
                principal: principal.clone(),
                resource,
                condition: None,
                permissions: BTreeSet::from(["SELECT".to_owned()]),
                origin: "benchmark".to_owned(),
            });
        }
        roles.push(Role { name: format!("role-{number}"), principal: Some(principal), ..Role::default() });
    }
    (snapshot, roles)
}

/// A domain per database, a level per table, and some columns of a level of their own.
fn tags() -> Vec<TagAssignment> {
    let one = |key: &str, value: String| BTreeMap::from([(key.to_owned(), value)]);
    let mut tags = Vec::new();
    for d in 0..DATABASES {
        let database = database(d);
        let domain = one("domain", format!("d{d}"));
        tags.push(TagAssignment { database: database.clone(), table: None, column: None, tags: domain });
        for t in 0..TABLES_PER_DATABASE {
            let table = Some(table(t));
            let level = one("level", format!("l{}", t % 5));
            tags.push(TagAssignment { database: database.clone(), table: table.clone(), column: None, tags: level });
            for c in 0..5 {
                let column = Some(format!("column_{c}"));
                let level = one("level", format!("l{}", (t + c) % 5));
                tags.push(TagAssignment { database: database.clone(), table: table.clone(), column, tags: level });
            }
        }
    }
    tags
}
