//! What stage 5 promises, one test per promise.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use arrow::datatypes::DataType;

use super::access::TableAccess;
use super::evaluate::Grants;
use super::masks::check_masks;
use super::*;
use crate::model::{ColumnSchema, TableSchema};

pub(super) const ANALYST: &str = "arn:aws:iam::111122223333:role/analyst";

/// `shop.<name>` with columns of text, and `dt` as partition column if it is among them.
pub(super) fn table(name: &str, columns: &[&str]) -> TableSchema {
    let column = |name: &&str| {
        let data_type = if *name == "id" { DataType::Int64 } else { DataType::Utf8 };
        ColumnSchema { name: (*name).to_owned(), data_type, partition: *name == "dt" }
    };
    TableSchema { name: TableName::new("shop", name), columns: columns.iter().map(column).collect() }
}

pub(super) fn customer() -> TableSchema {
    table("customer", &["id", "name", "mail", "country", "dt"])
}

pub(super) fn role() -> Role {
    Role { name: "analyst".to_owned(), principal: Some(ANALYST.to_owned()), ..Role::default() }
}

pub(super) fn grant(principal: &str, resource: Resource, permissions: &[&str]) -> Grant {
    let permissions = permissions.iter().map(|permission| (*permission).to_owned()).collect();
    Grant { principal: principal.to_owned(), resource, condition: None, permissions, origin: "test".to_owned() }
}

pub(super) fn named(table: &str) -> Tables {
    Tables::Named(table.to_owned())
}

pub(super) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(super) fn on_columns(table: &str, columns: Columns) -> Resource {
    Resource::Columns { database: "shop".to_owned(), table: named(table), columns }
}

pub(super) fn on_filter(name: &str) -> Resource {
    Resource::CellsFilter { database: "shop".to_owned(), table: "customer".to_owned(), name: name.to_owned() }
}

pub(super) fn filter(name: &str, rows: Option<&str>, columns: Columns) -> CellsFilter {
    CellsFilter {
        database: "shop".to_owned(),
        table: "customer".to_owned(),
        name: name.to_owned(),
        rows: rows.map(str::to_owned),
        columns,
    }
}

pub(super) fn tag(table: Option<&str>, column: Option<&str>, key: &str, value: &str) -> TagAssignment {
    TagAssignment {
        database: "shop".to_owned(),
        table: table.map(str::to_owned),
        column: column.map(str::to_owned),
        tags: BTreeMap::from([(key.to_owned(), value.to_owned())]),
    }
}

pub(super) fn tagged(key: &str, values: &[&str]) -> Resource {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    let tags = Tags::Expression(BTreeMap::from([(key.to_owned(), values)]));
    Resource::Tagged { kind: Tagged::Tables, tags }
}

/// A policy in one line: rows, then the columns with their cells and masks.
pub(super) fn words(access: Option<&TableAccess>) -> String {
    let Some(access) = access else { return "nothing".to_owned() };
    let column = |column: &super::access::ColumnAccess| {
        let cells = if column.cells == super::filter::Predicate::True {
            String::new()
        } else {
            format!(" where {}", column.cells)
        };
        let mask = column.mask.as_ref().map(|mask| format!(" as {mask}")).unwrap_or_default();
        format!("{}{mask}{cells}", column.column)
    };
    let columns: Vec<String> = access.columns.iter().map(column).collect();
    format!("{} | {}", access.rows, columns.join(", "))
}

fn select(resources: Vec<Resource>) -> Snapshot {
    let grants = resources.into_iter().map(|resource| grant(ANALYST, resource, &["SELECT"])).collect();
    Snapshot { grants, ..Snapshot::default() }
}

fn decide(snapshot: Snapshot) -> String {
    words(Grants::new(snapshot, Unmanaged::Deny).access(&role(), &customer()).as_ref())
}

fn problems(snapshot: Snapshot) -> Vec<String> {
    let grants = Grants::new(snapshot, Unmanaged::Deny);
    grants.problems().iter().map(|problem| format!("{}: {}", problem.what, problem.why)).collect()
}

const ALL: &str = "TRUE | id, name, mail, country, dt";

#[test]
fn a_permission_gives_what_its_resource_says() {
    let database = "SHOP".to_owned();
    let cases: Vec<(Resource, &[&str], &str)> = vec![
        (Resource::Table { database: "shop".into(), table: named("Customer") }, &["SELECT"], ALL),
        (Resource::Table { database: database.clone(), table: named("customer") }, &["ALL"], ALL),
        (Resource::Table { database: database.clone(), table: Tables::All }, &["SELECT"], ALL),
        (Resource::Table { database: database.clone(), table: named("ALL_TABLES") }, &["SELECT"], ALL),
        (Resource::Table { database: database.clone(), table: named("all_tables") }, &["SELECT"], "nothing"),
        (Resource::Table { database: database.clone(), table: named("customer") }, &["DESCRIBE", "INSERT"], "nothing"),
        (Resource::Table { database: database.clone(), table: named("bank") }, &["SELECT"], "nothing"),
        (on_columns("customer", Columns::All), &["SELECT"], ALL),
        (on_columns("customer", Columns::All), &["ALL"], ALL),
        (on_columns("ALL_TABLES", Columns::All), &["SELECT"], ALL),
        (on_columns("customer", Columns::Only(names(&["ID", "country"]))), &["SELECT"], "TRUE | id, country, dt"),
        (on_columns("customer", Columns::Only(names(&["id"]))), &["ALL"], "nothing"),
        (on_columns("customer", Columns::Only(names(&["gone"]))), &["SELECT"], "nothing"),
        (on_columns("customer", Columns::Except(names(&["Mail", "dt"]))), &["SELECT"], "TRUE | id, name, country, dt"),
        (Resource::Database(database.clone()), &["ALL", "DESCRIBE"], "nothing"),
        (Resource::Catalog, &["SUPER_USER"], ALL),
        (Resource::Catalog, &["ALL", "DESCRIBE"], "nothing"),
        (Resource::DataLocation("arn:aws:s3:::lake".into()), &["DATA_LOCATION_ACCESS"], "nothing"),
        (Resource::Unrelated("LF-Tag class".into()), &["SELECT"], "nothing"),
        (Resource::Unknown("Function".into()), &["SELECT"], "nothing"),
    ];
    for (resource, permissions, expected) in cases {
        let snapshot = Snapshot { grants: vec![grant(ANALYST, resource.clone(), permissions)], ..Snapshot::default() };
        assert_eq!(decide(snapshot), expected, "{permissions:?} on {resource}");
    }
}

#[test]
fn grants_unite_by_column_and_by_row() {
    let filters = vec![
        filter("german", Some("country = 'DE'"), Columns::All),
        filter("french", Some("country = 'FR'"), Columns::Only(names(&["id", "name"]))),
        filter("everyone", Some("TRUE"), Columns::Only(names(&["id"]))),
        filter("no_rows_text", None, Columns::Except(names(&["mail"]))),
    ];
    let cases: [(&[&str], &str); 5] = [
        (&["german"], r#""country" = 'DE' | id, name, mail, country, dt"#),
        (&["german", "french"], {
            r#""country" = 'DE' OR "country" = 'FR' | id, name, mail where "country" = 'DE', country where "country" = 'DE', dt"#
        }),
        (&["german", "everyone"], {
            r#"TRUE | id, name where "country" = 'DE', mail where "country" = 'DE', country where "country" = 'DE', dt"#
        }),
        (&["german", "no_rows_text"], r#"TRUE | id, name, mail where "country" = 'DE', country, dt"#),
        (&["German", "GERMAN"], r#""country" = 'DE' | id, name, mail, country, dt"#),
    ];
    for (granted, expected) in cases {
        let mut snapshot = select(granted.iter().map(|name| on_filter(name)).collect());
        snapshot.filters.clone_from(&filters);
        assert_eq!(decide(snapshot.clone()), expected, "{granted:?}");
        snapshot.grants.reverse();
        assert_eq!(decide(snapshot), expected, "{granted:?}, the other way round");
    }
}

#[test]
fn a_filter_that_is_not_understood_gives_nothing_and_is_told() {
    let cases = [
        (filter("f", Some("lower(country) = 'de'"), Columns::All), "not understood"),
        (filter("f", Some(""), Columns::All), "empty"),
        (filter("f", None, Columns::Only(names(&["id", "\"name\".\"first\""]))), "fields inside a column"),
        (filter("f", None, Columns::Except(names(&["\"name\".\"first\""]))), "fields inside a column"),
        (filter("other", None, Columns::All), "was not read"),
    ];
    for (filter, part) in cases {
        let mut snapshot = select(vec![on_filter("f")]);
        snapshot.filters.push(filter.clone());
        assert_eq!(decide(snapshot.clone()), "nothing");
        let told = problems(snapshot);
        assert!(told.len() == 1 && told[0].contains(part), "{filter:?}: {told:?}");
    }
    let mut twice = select(vec![on_filter("f")]);
    twice.filters = vec![filter("f", Some("TRUE"), Columns::All), filter("F", Some("id = 1"), Columns::All)];
    assert_eq!(decide(twice.clone()), "nothing");
    assert!(problems(twice)[0].contains("different contents"));
}

#[test]
fn a_filter_that_does_not_fit_the_table_gives_nothing_there_and_the_decision_says_why() {
    let mut snapshot = select(vec![on_filter("f"), on_columns("customer", Columns::Only(names(&["id"])))]);
    snapshot.filters.push(filter("f", Some("id = 'x'"), Columns::All));
    let grants = Grants::new(snapshot, Unmanaged::Deny);
    let decision = grants.decide(&role(), &customer());
    assert_eq!(words(decision.access.as_ref()), "TRUE | id, dt");
    assert_eq!(decision.refused.len(), 1);
    assert_eq!(decision.refused[0].grant, 0);
    assert!(decision.refused[0].why.contains("`id` can only be compared with a number"), "{decision:?}");
}

#[test]
fn a_condition_and_what_is_unknown_give_nothing_and_are_told() {
    let mut snapshot = select(vec![on_columns("customer", Columns::All)]);
    snapshot.grants[0].condition = Some("context.iam.principalTags.hasTag(\"x\")".to_owned());
    snapshot.grants.push(grant(ANALYST, Resource::Unknown("AnyResource".into()), &["SELECT"]));
    snapshot.grants.push(grant(ANALYST, on_columns("bank", Columns::All), &["LOOK", "DESCRIBE"]));
    assert_eq!(decide(snapshot.clone()), "nothing");
    let told = problems(snapshot);
    let parts = ["condition on the session", "kind is not known", "permission LOOK is not known"];
    for (told, part) in told.iter().zip(parts) {
        assert!(told.contains(part) && told.starts_with(ANALYST), "{told}");
    }
    assert_eq!(told.len(), 3);
}

#[test]
fn tags_give_the_columns_that_carry_them() {
    let tags = vec![
        tag(None, None, "class", "open"),
        tag(Some("customer"), Some("Mail"), "class", "sensitive"),
        tag(Some("customer"), Some("name"), "Class", "Sensitive"),
    ];
    let cases: [(Resource, &str); 6] = [
        (tagged("Class", &["OPEN"]), "TRUE | id, country, dt"),
        (tagged("class", &["sensitive"]), "TRUE | name, mail, dt"),
        (tagged("class", &["open", "sensitive"]), ALL),
        (tagged("class", &["*"]), ALL),
        (tagged("class", &["other"]), "nothing"),
        (tagged("team", &["*"]), "nothing"),
    ];
    for (resource, expected) in cases {
        let snapshot = Snapshot { tags: tags.clone(), ..select(vec![resource.clone()]) };
        assert_eq!(decide(snapshot), expected, "{resource}");
    }
    let databases = Resource::Tagged {
        kind: Tagged::Databases,
        tags: Tags::Expression(BTreeMap::from([("class".to_owned(), BTreeSet::from(["open".to_owned()]))])),
    };
    assert_eq!(decide(Snapshot { tags: tags.clone(), ..select(vec![databases]) }), "nothing");
    let saved = Resource::Tagged { kind: Tagged::Tables, tags: Tags::Saved("openly".to_owned()) };
    let mut snapshot = Snapshot { tags, ..select(vec![saved]) };
    assert_eq!(decide(snapshot.clone()), "nothing");
    assert!(problems(snapshot.clone())[0].contains("expression was not read"));
    snapshot.expressions.insert("Openly".into(), BTreeMap::from([("class".into(), BTreeSet::from(["open".into()]))]));
    assert_eq!(decide(snapshot), "TRUE | id, country, dt");
}

#[test]
fn columns_that_differ_only_by_case_are_not_mixed_up() {
    let schema = table("customer", &["id", "Id", "name"]);
    let access = |snapshot: Snapshot| words(Grants::new(snapshot, Unmanaged::Deny).access(&role(), &schema).as_ref());
    let cases = [
        (Columns::Only(names(&["id"])), "TRUE | id"),
        (Columns::Only(names(&["ID", "name"])), "TRUE | name"),
        (Columns::Except(names(&["id"])), "TRUE | name"),
        (Columns::All, "TRUE | id, Id, name"),
    ];
    for (columns, expected) in cases {
        assert_eq!(access(select(vec![on_columns("customer", columns.clone())])), expected, "{columns}");
    }
    let tags = vec![tag(None, None, "class", "open"), tag(Some("customer"), Some("id"), "class", "open")];
    assert_eq!(access(Snapshot { tags, ..select(vec![tagged("class", &["open"])]) }), "TRUE | name");
}

#[test]
fn a_row_level_security_policy_closes_what_it_is_attached_to() {
    let tags = vec![tag(Some("customer"), Some("mail"), "class", "sensitive")];
    let shop = "shop".to_owned();
    let cases = [
        (Resource::Table { database: shop.clone(), table: named("CUSTOMER") }, true),
        (Resource::Table { database: shop.clone(), table: named("bank") }, false),
        (Resource::Table { database: shop.clone(), table: named("ALL_TABLES") }, true),
        (Resource::Database("other".into()), false),
        (Resource::Database(shop), true),
        (Resource::Catalog, true),
        (tagged("class", &["sensitive"]), true),
        (tagged("class", &["open"]), false),
        (Resource::Tagged { kind: Tagged::Tables, tags: Tags::Saved("gone".into()) }, true),
        (Resource::Unknown("View".into()), true),
        (Resource::DataLocation("s3".into()), true),
    ];
    for (resource, closes) in cases {
        let attachments = vec![Attachment { policy: "p".into(), resource: resource.clone() }];
        let snapshot =
            Snapshot { attachments, tags: tags.clone(), ..select(vec![on_columns("customer", Columns::All)]) };
        let grants = Grants::new(snapshot, Unmanaged::Deny);
        let decision = grants.decide(&role(), &customer());
        assert_eq!(decision.access.is_none(), closes, "{resource}");
        assert_eq!(decision.attachments, if closes { vec![0] } else { vec![] });
        assert_eq!(grants.access(&role(), &customer()), decision.access);
    }
}

#[test]
fn where_lake_formation_does_not_enforce_settings_decide() {
    let everyone = |resource, permission: &str| grant("IAM_ALLOWED_PRINCIPALS", resource, &[permission]);
    let whole = || Resource::Table { database: "shop".into(), table: named("customer") };
    let own = grant(ANALYST, on_columns("customer", Columns::Only(names(&["id"]))), &["SELECT"]);
    let opted = |principal: &str, resource| vec![OptIn { principal: principal.into(), resource }];
    let cases = [
        (everyone(whole(), "ALL"), vec![], Unmanaged::Deny, "TRUE | id, dt"),
        (everyone(whole(), "ALL"), vec![], Unmanaged::Allow, ALL),
        (everyone(whole(), "SELECT"), vec![], Unmanaged::Allow, ALL),
        (everyone(whole(), "DESCRIBE"), vec![], Unmanaged::Allow, "TRUE | id, dt"),
        (everyone(Resource::Database("shop".into()), "ALL"), vec![], Unmanaged::Allow, "TRUE | id, dt"),
        (everyone(Resource::Catalog, "SUPER_USER"), vec![], Unmanaged::Allow, "TRUE | id, dt"),
        (everyone(tagged("class", &["*"]), "ALL"), vec![], Unmanaged::Allow, "TRUE | id, dt"),
        (everyone(whole(), "ALL"), opted(ANALYST, whole()), Unmanaged::Allow, "TRUE | id, dt"),
        (
            everyone(whole(), "ALL"),
            opted(ANALYST, Resource::Database("Shop".into())),
            Unmanaged::Allow,
            "TRUE | id, dt",
        ),
        (everyone(whole(), "ALL"), opted(ANALYST, Resource::Unknown("x".into())), Unmanaged::Allow, "TRUE | id, dt"),
        (everyone(whole(), "ALL"), opted("111122223333:IAMPrincipals", whole()), Unmanaged::Allow, "TRUE | id, dt"),
        (everyone(whole(), "ALL"), opted("arn:aws:iam::111122223333:role/x", whole()), Unmanaged::Allow, ALL),
        (everyone(whole(), "ALL"), opted(ANALYST, Resource::Database("b".into())), Unmanaged::Allow, ALL),
    ];
    for (given, opt_ins, unmanaged, expected) in cases {
        let text = format!("{} {} {opt_ins:?} {unmanaged:?}", given.what(), given.permissions_text());
        let tags = vec![tag(None, None, "class", "open")];
        let snapshot = Snapshot { grants: vec![given, own.clone()], opt_ins, tags, ..Snapshot::default() };
        let grants = Grants::new(snapshot, unmanaged);
        assert_eq!(words(grants.access(&role(), &customer()).as_ref()), expected, "{text}");
        assert_eq!(words(grants.decide(&role(), &customer()).access.as_ref()), expected, "{text}");
    }
    let stranger = Role { name: "local".into(), ..Role::default() };
    let snapshot = Snapshot { grants: vec![everyone(whole(), "ALL")], ..Snapshot::default() };
    assert!(problems(snapshot.clone())[0].contains("IAM_ALLOWED_PRINCIPALS on customer of shop"));
    assert!(Grants::new(snapshot, Unmanaged::Allow).access(&stranger, &customer()).is_some());
}

#[test]
fn groups_count_and_administrators_read_nothing_by_being_one() {
    let group = "arn:aws:iam::111122223333:saml-provider/okta:group/analysts";
    let snapshot = Snapshot {
        grants: vec![
            grant(group, on_columns("customer", Columns::Only(names(&["name"]))), &["SELECT"]),
            grant("111122223333:IAMPrincipals", on_columns("customer", Columns::Only(names(&["id"]))), &["SELECT"]),
        ],
        administrators: vec![ANALYST.to_owned()],
        ..Snapshot::default()
    };
    let grants = Grants::new(snapshot, Unmanaged::Deny);
    assert_eq!(words(grants.access(&role(), &customer()).as_ref()), "TRUE | id, dt");
    let member = Role { groups: vec![group.to_owned()], ..role() };
    assert_eq!(words(grants.access(&member, &customer()).as_ref()), "TRUE | id, name, dt");
    assert!(grants.is_administrator(&role()));
    let stranger = Role { name: "x".into(), principal: Some("arn:aws:iam::999922223333:role/x".into()), ..role() };
    assert_eq!(words(grants.access(&stranger, &customer()).as_ref()), "nothing");
    let owner = Role { name: "owner".into(), full_access: true, ..Role::default() };
    assert_eq!(words(grants.access(&owner, &customer()).as_ref()), ALL);
}

#[test]
fn masks_cover_visible_columns_and_the_key_with_the_database_prevails() {
    let masks = |entries: &[(&str, &str, &str)]| {
        let mut masks: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (table, column, mask) in entries {
            masks.entry((*table).to_owned()).or_default().insert((*column).to_owned(), (*mask).to_owned());
        }
        Role { masks, ..role() }
    };
    let grants = Grants::new(select(vec![on_columns("customer", Columns::Except(names(&["mail"])))]), Unmanaged::Deny);
    let role = masks(&[
        ("Customer", "NAME", "mask_null(name)"),
        ("customer", "mail", "mask_email(mail)"),
        ("customer", "country", "loose(country)"),
        ("SHOP.customer", "country", "exact(country)"),
        ("other.customer", "id", "wrong(id)"),
        ("bank", "id", "wrong(id)"),
    ]);
    let expected = "TRUE | id, name as mask_null(name), country as exact(country), dt";
    assert_eq!(words(grants.access(&role, &customer()).as_ref()), expected);
    assert!(check_masks(&role, &customer()).is_ok());
    let error = check_masks(&masks(&[("customer", "nme", "x")]), &customer()).unwrap_err();
    assert_eq!(error.kind(), crate::error::ErrorKind::Refused);
    assert!(error.to_string().contains("column: nme"), "{error}");
    assert!(check_masks(&masks(&[("bank", "nme", "x")]), &customer()).is_ok());
    let twins = table("customer", &["id", "Id"]);
    assert!(check_masks(&masks(&[("customer", "ID", "x")]), &twins).is_err());
    assert!(check_masks(&masks(&[("customer", "Id", "x")]), &twins).is_ok());
}

/// The worked example of a shop: a seller of one branch, who sees whole rows of it and the totals of all.
#[test]
fn a_seller_sees_whole_rows_of_the_own_branch_and_totals_of_all() {
    let schema = table("orders", &["number", "branch", "buyer", "total"]);
    let cells = |name: &str, rows: &str, columns| CellsFilter {
        table: "orders".to_owned(),
        ..filter(name, Some(rows), columns)
    };
    let on = |name: &str| Resource::CellsFilter { database: "shop".into(), table: "orders".into(), name: name.into() };
    let snapshot = Snapshot {
        filters: vec![
            cells("north", "branch = 'north'", Columns::All),
            cells("totals", "TRUE", Columns::Only(names(&["branch", "total"]))),
            cells("south", "branch = 'south'", Columns::Except(names(&["buyer"]))),
        ],
        ..select(vec![on("north"), on("totals"), on("south")])
    };
    let access = Grants::new(snapshot, Unmanaged::Deny).access(&role(), &schema).unwrap();
    let expected = concat!(
        r#"TRUE | number where "branch" = 'north' OR "branch" = 'south', branch, "#,
        r#"buyer where "branch" = 'north', total"#,
    );
    assert_eq!(words(Some(&access)), expected);
    assert_eq!(access.grants, [0, 1, 2]);
    assert_eq!(access.columns[2].grants, [0]);
}
