//! A second opinion: the policy again, slow and obvious, compared with the real one on generated grants.
//!
//! Column by column and grant by grant, without an index. It shares no code with the rest of this room but the types.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::evaluate::Grants;
use super::filter::Predicate;
use super::tests::{customer, filter, grant, named, names, on_filter, tag};
use super::*;
use crate::model::TableSchema;

/// Row filters by which rows, or a column's cells, are seen: any of these. Empty for "not at all".
type Seen = BTreeSet<&'static str>;

/// Rows, and the cells of each visible column.
type Answer = (Seen, BTreeMap<String, Seen>);

/// Principals that the generator grants to, and whether they cover the role.
const PRINCIPALS: [(&str, bool); 6] = [
    ("arn:aws:iam::111122223333:role/path/analyst", true),
    ("group", true),
    ("111122223333:IAMPrincipals", true),
    ("111122223333", false),
    ("arn:aws:iam::111122223333:role/other", false),
    ("IAM_ALLOWED_PRINCIPALS", false),
];

/// Row filters that the generator writes, and what they mean on the table: `None` for those that cannot be used.
const ROWS: [(&str, Option<&str>); 5] = [
    ("id = 1", Some("\"id\" = 1")),
    ("COUNTRY = 'DE'", Some("\"country\" = 'DE'")),
    ("TRUE", Some("TRUE")),
    ("country = 1", None),
    ("upper(country) = 'DE'", None),
];

fn the_role() -> Role {
    Role {
        name: "analyst".into(),
        principal: Some("arn:aws:sts::111122223333:assumed-role/analyst/anna".into()),
        groups: vec!["group".into()],
        ..Role::default()
    }
}

/// The tags of a column: its own, else the table's, else the database's. `None` for a key read twice with two values.
fn tags_of(snapshot: &Snapshot, column: Option<&str>) -> BTreeMap<String, Option<String>> {
    let mut tags = BTreeMap::new();
    for level in [(None, None), (Some("customer"), None), (Some("customer"), column)] {
        let mut here: BTreeMap<String, Option<String>> = BTreeMap::new();
        for assignment in &snapshot.tags {
            if (assignment.table.as_deref(), assignment.column.as_deref()) != level {
                continue;
            }
            for (key, value) in &assignment.tags {
                let differs = here.get(key).is_some_and(|other| other.as_ref() != Some(value));
                here.insert(key.clone(), (!differs).then(|| value.clone()));
            }
        }
        tags.extend(here);
    }
    tags
}

/// `None`: it cannot be known.
fn tags_match(tags: &BTreeMap<String, Option<String>>, wanted: &Tags) -> Option<bool> {
    let Tags::Expression(wanted) = wanted else { return None };
    let mut certain = true;
    for (key, values) in wanted {
        match tags.get(key) {
            None => return Some(false),
            Some(None) => certain = false,
            Some(Some(value)) if values.contains("*") || values.contains(value) => {}
            Some(Some(_)) => return Some(false),
        }
    }
    certain.then_some(true)
}

/// The row filter by which a grant shows a column; `None` if it does not.
fn shows(grant: &Grant, column: &str, snapshot: &Snapshot) -> Option<&'static str> {
    if grant.condition.is_some() || !(grant.permissions.contains("SELECT") || grant.permissions.contains("ALL")) {
        return None;
    }
    let select = grant.permissions.contains("SELECT");
    let among = |columns: &Columns| match columns {
        Columns::All => true,
        Columns::Only(names) => names.iter().any(|name| name == column),
        Columns::Except(names) => names.iter().all(|name| name != column),
    };
    let here =
        |database: &str, table: &Tables| database == "shop" && (*table == Tables::All || *table == named("customer"));
    match &grant.resource {
        Resource::Table { database, table } if here(database, table) => Some("TRUE"),
        Resource::Columns { database, table, columns } if here(database, table) => {
            ((select || *columns == Columns::All) && among(columns)).then_some("TRUE")
        }
        Resource::CellsFilter { name, .. } if select => {
            let filters: Vec<&CellsFilter> = snapshot.filters.iter().filter(|filter| filter.name == *name).collect();
            let first = filters.first()?;
            if filters.iter().any(|filter| filter != first) || !among(&first.columns) {
                return None;
            }
            match &first.rows {
                None => Some("TRUE"),
                Some(text) => ROWS.iter().find(|(written, _)| written == text).and_then(|(_, meaning)| *meaning),
            }
        }
        Resource::Tagged { kind: Tagged::Tables, tags } => {
            (tags_match(&tags_of(snapshot, Some(column)), tags) == Some(true)).then_some("TRUE")
        }
        _ => None,
    }
}

/// Whether a resource has, or may have, to do with the table.
fn touches(resource: &Resource, snapshot: &Snapshot, schema: &TableSchema) -> bool {
    match resource {
        Resource::Database(database) => database == "shop",
        Resource::Table { database, table } | Resource::Columns { database, table, .. } => {
            database == "shop" && (*table == Tables::All || *table == named("customer"))
        }
        Resource::Tagged { tags, .. } => {
            let database = Snapshot {
                tags: snapshot.tags.iter().filter(|tag| tag.table.is_none()).cloned().collect(),
                ..Snapshot::default()
            };
            // A column that has tags counts, whether the table has it or not.
            let tagged = snapshot.tags.iter().filter_map(|tag| tag.column.clone());
            let columns: Vec<String> = schema.columns.iter().map(|column| column.name.clone()).chain(tagged).collect();
            columns.iter().any(|column| tags_match(&tags_of(snapshot, Some(column)), tags) != Some(false))
                || tags_match(&tags_of(snapshot, None), tags) != Some(false)
                || tags_match(&tags_of(&database, None), tags) != Some(false)
        }
        _ => true,
    }
}

fn reference(snapshot: &Snapshot, unmanaged: Unmanaged, schema: &TableSchema) -> Option<Answer> {
    if snapshot.attachments.iter().any(|attachment| touches(&attachment.resource, snapshot, schema)) {
        return None;
    }
    let covers = |principal: &str| PRINCIPALS.iter().any(|(text, covers)| *text == principal && *covers);
    let opted_in =
        snapshot.opt_ins.iter().any(|opt_in| covers(&opt_in.principal) && touches(&opt_in.resource, snapshot, schema));
    let counts = |grant: &Grant| {
        let named = matches!(grant.resource, Resource::Table { .. } | Resource::Columns { .. });
        let everyone = grant.principal == "IAM_ALLOWED_PRINCIPALS";
        covers(&grant.principal) || (everyone && named && unmanaged == Unmanaged::Allow && !opted_in)
    };
    let mut rows = Seen::new();
    let mut columns: BTreeMap<String, Seen> = BTreeMap::new();
    for grant in snapshot.grants.iter().filter(|grant| counts(grant)) {
        for column in &schema.columns {
            let Some(seen) = shows(grant, &column.name, snapshot) else { continue };
            rows.insert(seen);
            columns.entry(column.name.clone()).or_default().insert(seen);
        }
    }
    if rows.is_empty() {
        return None;
    }
    columns.insert("dt".to_owned(), rows.clone());
    Some((all_prevails(rows), columns.into_iter().map(|(name, seen)| (name, all_prevails(seen))).collect()))
}

fn all_prevails(seen: Seen) -> Seen {
    if seen.contains("TRUE") { Seen::from(["TRUE"]) } else { seen }
}

/// The real answer in the reference's words.
fn actual(grants: &Grants, schema: &TableSchema) -> Option<Answer> {
    let seen = |predicate: &Predicate| -> Seen {
        let texts = match predicate {
            Predicate::Or(parts) => parts.iter().map(Predicate::to_sql).collect(),
            one => vec![one.to_sql()],
        };
        let known =
            |text: String| *ROWS.iter().filter_map(|(_, text)| text.as_ref()).find(|known| **known == text).unwrap();
        texts.into_iter().map(known).collect()
    };
    let access = grants.access(&the_role(), schema)?;
    let rows = seen(&access.rows);
    let cells = |cells: &Predicate| if *cells == Predicate::True { rows.clone() } else { seen(cells) };
    let columns = access.columns.iter().map(|column| (column.column.clone(), cells(&column.cells))).collect();
    Some((rows.clone(), columns))
}

fn columns() -> impl Strategy<Value = Columns> {
    let some = || prop::sample::subsequence(vec!["id", "name", "mail", "country", "dt", "gone"], 1..5);
    prop_oneof![
        2 => Just(Columns::All),
        3 => some().prop_map(|some| Columns::Only(names(&some))),
        2 => some().prop_map(|some| Columns::Except(names(&some))),
    ]
}

fn expression() -> impl Strategy<Value = Tags> {
    let values = || prop::sample::subsequence(vec!["open", "closed", "*"], 1..3);
    let keys = (prop::option::weighted(0.8, values()), prop::option::weighted(0.3, values())).prop_map(|(a, b)| {
        let mut expression = TagExpression::new();
        for (key, values) in [("a", a), ("b", b)] {
            if let Some(values) = values {
                expression.insert(key.to_owned(), values.into_iter().map(str::to_owned).collect());
            }
        }
        expression.entry("a".to_owned()).or_insert_with(|| BTreeSet::from(["*".to_owned()]));
        Tags::Expression(expression)
    });
    prop_oneof![9 => keys, 1 => Just(Tags::Saved("gone".to_owned()))]
}

fn resource() -> impl Strategy<Value = Resource> {
    let tables = || prop_oneof![1 => Just(Tables::All), 4 => Just(named("customer")), 1 => Just(named("bank"))];
    let database = || prop_oneof![9 => Just("shop".to_owned()), 1 => Just("other".to_owned())];
    let kind = || prop_oneof![5 => Just(Tagged::Tables), 1 => Just(Tagged::Databases)];
    prop_oneof![
        1 => database().prop_map(Resource::Database),
        1 => (database(), tables()).prop_map(|(database, table)| Resource::Table { database, table }),
        3 => (database(), tables(), columns())
            .prop_map(|(database, table, columns)| Resource::Columns { database, table, columns }),
        12 => prop::sample::select(vec!["one", "two", "three"]).prop_map(on_filter),
        4 => (kind(), expression()).prop_map(|(kind, tags)| Resource::Tagged { kind, tags }),
        1 => Just(Resource::Unknown("new".to_owned())),
    ]
}

fn a_grant() -> impl Strategy<Value = Grant> {
    let other = prop::sample::subsequence(vec!["SELECT", "ALL", "DESCRIBE", "NEW"], 1..3);
    let permissions = prop_oneof![2 => Just(vec!["SELECT"]), 1 => other];
    let principal = prop_oneof![2 => Just(PRINCIPALS[0]), 1 => prop::sample::select(PRINCIPALS.to_vec())];
    (principal, resource(), permissions, prop::bool::weighted(0.05)).prop_map(
        |((principal, _), resource, permissions, condition)| Grant {
            condition: condition.then(|| "x".to_owned()),
            ..grant(principal, resource, &permissions)
        },
    )
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let rows = prop::option::weighted(
        0.95,
        prop::sample::select([0, 0, 0, 1, 1, 1, 2, 3, 4].map(|row: usize| ROWS[row].0).to_vec()),
    );
    let name = prop::sample::select(vec!["one", "two", "three"]);
    let filters = prop::collection::vec((name, rows, columns()).prop_map(|(n, r, c)| filter(n, r, c)), 2..5);
    let place = prop::sample::select(vec![
        (None, None),
        (Some("customer"), None),
        (Some("customer"), Some("id")),
        (Some("customer"), Some("mail")),
        (Some("bank"), None),
    ]);
    let value = prop::sample::select(vec!["open", "closed"]);
    let tags = (place, prop::sample::select(vec!["a", "b"]), value)
        .prop_map(|((table, column), key, value)| tag(table, column, key, value));
    let opt_in = (prop::sample::select(PRINCIPALS[..5].to_vec()), resource())
        .prop_map(|((principal, _), resource)| OptIn { principal: principal.to_owned(), resource });
    let attachment = resource().prop_map(|resource| Attachment { policy: "p".to_owned(), resource });
    let rare = prop_oneof![8 => Just(Vec::new()), 1 => prop::collection::vec(attachment, 1..2)];
    (
        prop::collection::vec(a_grant(), 1..8),
        filters,
        prop::collection::vec(tags, 0..6),
        prop::collection::vec(opt_in, 0..2),
        rare,
    )
        .prop_map(|(grants, filters, tags, opt_ins, attachments)| Snapshot {
            grants,
            filters,
            tags,
            opt_ins,
            attachments,
            ..Snapshot::default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_policy_is_that_of_the_obvious_reference(snapshot in snapshot(), allow in any::<bool>()) {
        let unmanaged = if allow { Unmanaged::Allow } else { Unmanaged::Deny };
        let schema = customer();
        let expected = reference(&snapshot, unmanaged, &schema);
        let grants = Grants::new(snapshot, unmanaged);
        prop_assert_eq!(actual(&grants, &schema), expected);
        let decision = grants.decide(&the_role(), &schema);
        prop_assert_eq!(grants.access(&the_role(), &schema), decision.access);
    }
}

#[test]
fn the_generated_grants_reach_every_kind_of_policy() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let snapshots = snapshot();
    let (mut nothing, mut all, mut some_rows, mut some_cells) = (0, 0, 0, 0);
    for _ in 0..2000 {
        let snapshot = snapshots.new_tree(&mut runner).unwrap().current();
        let Some((rows, columns)) = reference(&snapshot, Unmanaged::Deny, &customer()) else {
            nothing += 1;
            continue;
        };
        all += usize::from(columns.len() == 5 && rows.contains("TRUE"));
        some_rows += usize::from(!rows.contains("TRUE"));
        some_cells += usize::from(columns.values().any(|cells| *cells != rows));
    }
    let counts = format!("{nothing} nothing, {all} all, {some_rows} some rows, {some_cells} some cells");
    assert!(nothing > 100 && all > 100 && some_rows > 50 && some_cells > 50, "{counts}");
}
