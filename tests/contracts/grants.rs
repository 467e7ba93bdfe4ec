//! The contract of `grant::GrantSource` for the live service: all that was granted, from every page, in our own words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use saltlake::backend::aws::lakeformation::LakeFormation;
use saltlake::error::ErrorKind;
use saltlake::grant::{
    Attachment, CellsFilter, Columns, Grant, GrantSource as _, Grants, OptIn, Predicate, Resource, Role, Snapshot,
    Tables, TagAssignment, Tagged, Tags, Unmanaged,
};
use saltlake::model::{TableName, TableSchema};
use serde_json::json;

use super::place::{Place, apart};
use crate::support::lakeformation_stub::{
    CATALOG, LakeFormationStub, column_of, database_of, error, filter_of, table_of, tables_of,
};
use crate::support::stub::Stub;

pub(super) const ANALYST: &str = "arn:aws:iam::123456789012:role/team/analyst";
const SUPPORT: &str = "arn:aws:iam::123456789012:role/support";
/// Whom moto takes its callers for.
pub(super) const CALLER: &str = "arn:aws:sts::123456789012:user/moto";

fn service(stub: &Stub, catalog: Option<&str>) -> (Place, LakeFormation) {
    let endpoint = format!("aws.endpoints.lakeformation={}", stub.endpoint());
    let place = Place::bucket(&[&endpoint]);
    let service = place.run(place.backend.lakeformation(catalog.map(str::to_owned)));
    (place, service)
}

fn snapshot(stub: &Stub, tables: &[(&str, &str)]) -> Snapshot {
    let (place, service) = service(stub, None);
    let tables: Vec<TableName> = tables.iter().map(|(database, table)| TableName::new(*database, *table)).collect();
    place.run(service.snapshot(&tables))
}

/// Two tables in an account whose caller may see everything.
fn shop() -> LakeFormationStub {
    LakeFormationStub::new()
        .table("shop", "customer", &["id", "mail", "country"])
        .table("shop", "purchase", &["id", "amount"])
        .administrators(&["arn:aws:iam::123456789012:role/admin"], &[CALLER])
}

const TABLES: [(&str, &str); 2] = [("shop", "customer"), ("shop", "purchase")];

fn granted(snapshot: &Snapshot, principal: &str) -> Vec<(Resource, Vec<String>)> {
    let of_principal = snapshot.grants.iter().filter(|grant| grant.principal == principal);
    of_principal.map(|grant| (grant.resource.clone(), grant.permissions.iter().cloned().collect())).collect()
}

fn columns(table: Tables, columns: Columns) -> Resource {
    Resource::Columns { database: "shop".to_owned(), table, columns }
}

fn customer() -> Tables {
    Tables::Named("customer".to_owned())
}

fn problems(snapshot: &Snapshot) -> Vec<String> {
    snapshot.problems.iter().map(|problem| format!("{}: {}", problem.what, problem.why)).collect()
}

#[test]
fn every_kind_of_grant_is_read_from_every_page_once() {
    apart("contracts::grants::every_kind_of_grant_is_read_from_every_page_once", || {
        let tagged = |kind: &str, more: serde_json::Value| {
            let mut policy = json!({ "ResourceType": kind });
            more.as_object().unwrap().iter().for_each(|(name, value)| policy[name] = value.clone());
            json!({ "LFTagPolicy": policy })
        };
        let only = json!({ "TableWithColumns": { "DatabaseName": "shop", "Name": "customer", "ColumnNames": ["id"] } });
        let except = json!({ "TableWithColumns": { "DatabaseName": "shop", "Name": "customer",
                             "ColumnWildcard": { "ExcludedColumnNames": ["mail"] } } });
        let expression = json!([{ "TagKey": "class", "TagValues": ["public", "internal"] }]);
        let stub = shop()
            .grant(ANALYST, &json!({ "Catalog": {} }), &["CREATE_DATABASE"])
            .grant(ANALYST, &database_of("shop"), &["DESCRIBE"])
            .grant(ANALYST, &table_of("shop", "customer"), &["SELECT", "DESCRIBE", "ALTER"])
            .grant(ANALYST, &tables_of("shop"), &["SELECT", "DESCRIBE"])
            .grant(ANALYST, &except, &["SELECT"])
            .grant(SUPPORT, &only, &["SELECT"])
            .grant(SUPPORT, &filter_of("shop", "customer", "eu"), &["SELECT", "DESCRIBE"])
            .grant(SUPPORT, &tagged("TABLE", json!({ "Expression": expression })), &["SELECT"])
            .grant(SUPPORT, &tagged("DATABASE", json!({ "ExpressionName": "open" })), &["DESCRIBE"])
            .grant(
                SUPPORT,
                &json!({ "DataLocation": { "ResourceArn": "arn:aws:s3:::lake" } }),
                &["DATA_LOCATION_ACCESS"],
            )
            .grant(SUPPORT, &json!({ "LFTag": { "TagKey": "class", "TagValues": ["*"] } }), &["ASSOCIATE"])
            .filter(
                ["shop", "customer"],
                "eu",
                &json!({ "FilterExpression": "country = 'DE'" }),
                &json!({ "ColumnNames": ["id", "country"] }),
            )
            .start();
        let snapshot = snapshot(&stub, &TABLES);
        let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
        let shop = "shop".to_owned();
        let analyst = granted(&snapshot, ANALYST);
        for wanted in [
            (Resource::Catalog, all(&["CREATE_DATABASE"])),
            (Resource::Database(shop.clone()), all(&["DESCRIBE"])),
            (Resource::Table { database: shop.clone(), table: customer() }, all(&["ALTER", "DESCRIBE"])),
            (columns(customer(), Columns::All), all(&["SELECT"])),
            (Resource::Table { database: shop.clone(), table: Tables::All }, all(&["DESCRIBE"])),
            (columns(Tables::All, Columns::All), all(&["SELECT"])),
            (columns(customer(), Columns::Except(all(&["mail"]))), all(&["SELECT"])),
        ] {
            assert_eq!(analyst.iter().filter(|grant| **grant == wanted).count(), 1, "{wanted:?} in {analyst:?}");
        }
        assert_eq!(analyst.len(), 7);
        let values = BTreeSet::from(["public".to_owned(), "internal".to_owned()]);
        let tags = Tags::Expression(BTreeMap::from([("class".to_owned(), values)]));
        let filter = Resource::CellsFilter { database: shop, table: "customer".to_owned(), name: "eu".to_owned() };
        let support = granted(&snapshot, SUPPORT);
        for wanted in [
            (columns(customer(), Columns::Only(all(&["id"]))), all(&["SELECT"])),
            (filter, all(&["DESCRIBE", "SELECT"])),
            (Resource::Tagged { kind: Tagged::Tables, tags }, all(&["SELECT"])),
            (Resource::Tagged { kind: Tagged::Databases, tags: Tags::Saved("open".to_owned()) }, all(&["DESCRIBE"])),
            (Resource::DataLocation("arn:aws:s3:::lake".to_owned()), all(&["DATA_LOCATION_ACCESS"])),
            (Resource::Unrelated("LF-Tag class".to_owned()), all(&["ASSOCIATE"])),
        ] {
            assert_eq!(support.iter().filter(|grant| **grant == wanted).count(), 1, "{wanted:?} in {support:?}");
        }
        assert_eq!(support.len(), 6);
        assert_eq!(problems(&snapshot), [""; 0]);
        for call in stub.asked() {
            assert!(call.header("authorization").unwrap().contains("/lakeformation/aws4_request"), "an unsigned call");
        }
        let first = stub.asked().iter().filter(|call| call.path == "/ListPermissions").count();
        assert!(first > 10, "13 entries and those of two tables, two a page: {first}");
    });
}

#[test]
fn what_stands_beside_the_grants_is_read_too() {
    apart("contracts::grants::what_stands_beside_the_grants_is_read_too", || {
        let expression = json!([{ "TagKey": "class", "TagValues": ["*"] }]);
        let all_rows = json!({ "FilterExpression": "TRUE", "AllRowsWildcard": {} });
        let stub = shop()
            .filter(["shop", "customer"], "all", &all_rows, &json!({ "ColumnWildcard": {} }))
            .filter(
                ["shop", "customer"],
                "no mail",
                &json!({ "FilterExpression": "country = 'DE'" }),
                &json!({ "ColumnWildcard": { "ExcludedColumnNames": ["mail"] } }),
            )
            .filter(["shop", "purchase"], "all", &all_rows, &json!({ "ColumnNames": ["amount"] }))
            .tag(&database_of("shop"), "class", "public")
            .tag(&database_of("shop"), "domain", "sales")
            .tag(&table_of("shop", "purchase"), "class", "internal")
            .tag(&column_of("shop", "customer", "mail"), "class", "personal")
            .expression("open", &expression)
            .expression("first", &expression)
            .expression("second", &expression)
            .opt_in(ANALYST, &table_of("shop", "customer"))
            .opt_in(SUPPORT, &database_of("shop"))
            .opt_in(SUPPORT, &table_of("shop", "purchase"))
            .attachment("by country", &table_of("shop", "customer"))
            .start();
        let snapshot = snapshot(&stub, &TABLES);
        let text = |text: &str| text.to_owned();
        let filter = |table: &str, name: &str, rows: Option<&str>, columns: Columns| CellsFilter {
            database: text("shop"),
            table: text(table),
            name: text(name),
            rows: rows.map(text),
            columns,
        };
        assert_eq!(
            snapshot.filters,
            [
                filter("customer", "all", None, Columns::All),
                filter("customer", "no mail", Some("country = 'DE'"), Columns::Except(vec![text("mail")])),
                filter("purchase", "all", None, Columns::Only(vec![text("amount")])),
            ]
        );
        let tags = |table: Option<&str>, column: Option<&str>, tags: &[(&str, &str)]| TagAssignment {
            database: text("shop"),
            table: table.map(text),
            column: column.map(text),
            tags: tags.iter().map(|(key, value)| (text(key), text(value))).collect(),
        };
        // What is inherited is not told again.
        assert_eq!(
            snapshot.tags,
            [
                tags(None, None, &[("class", "public"), ("domain", "sales")]),
                tags(Some("customer"), Some("mail"), &[("class", "personal")]),
                tags(Some("purchase"), None, &[("class", "internal")]),
            ]
        );
        assert_eq!(snapshot.expressions.keys().collect::<Vec<_>>(), ["first", "open", "second"]);
        assert_eq!(snapshot.administrators, ["arn:aws:iam::123456789012:role/admin", CALLER]);
        let customers = Resource::Table { database: text("shop"), table: customer() };
        let opt_in = OptIn { principal: ANALYST.to_owned(), resource: customers.clone() };
        assert_eq!((snapshot.opt_ins.len(), &snapshot.opt_ins[0]), (3, &opt_in));
        assert_eq!(snapshot.attachments, [Attachment { policy: text("by country"), resource: customers }]);
        assert_eq!(problems(&snapshot), [""; 0]);
    });
}

#[test]
fn a_filter_that_is_not_listed_is_asked_for_by_name() {
    apart("contracts::grants::a_filter_that_is_not_listed_is_asked_for_by_name", || {
        let stub = shop()
            .grant(ANALYST, &filter_of("shop", "customer", "hidden"), &["SELECT"])
            .grant(SUPPORT, &filter_of("shop", "customer", "hidden"), &["SELECT"])
            .grant(SUPPORT, &filter_of("shop", "customer", "gone"), &["SELECT"])
            .filter(
                ["shop", "customer"],
                "hidden",
                &json!({ "FilterExpression": "id = 1" }),
                &json!({ "ColumnWildcard": {} }),
            )
            .unlisted("hidden")
            .start();
        // The lake's own spelling; the Data Catalog has lower case.
        let snapshot = snapshot(&stub, &[("Shop", "Customer")]);
        assert_eq!(snapshot.filters.len(), 1, "{:?}", snapshot.filters);
        assert_eq!(snapshot.filters[0].rows.as_deref(), Some("id = 1"));
        assert_eq!(
            problems(&snapshot),
            ["data cells filter gone of table Shop.Customer: a grant names the filter, and there is none",]
        );
        assert_eq!(stub.asked().iter().filter(|call| call.path == "/GetDataCellsFilter").count(), 2);
    });
}

#[test]
fn what_is_not_understood_is_handed_on_and_gives_nothing() {
    apart("contracts::grants::what_is_not_understood_is_handed_on_and_gives_nothing", || {
        let entry = |resource: serde_json::Value, permissions: &[&str]| {
            json!({ "Principal": { "DataLakePrincipalIdentifier": ANALYST }, "Resource": resource,
                    "Permissions": permissions })
        };
        let mut conditional = entry(table_of("shop", "customer"), &["SELECT"]);
        conditional["Condition"] = json!({ "Expression": "context.iam.principalTags.hasTag(\"a\")" });
        let mut nobody = entry(table_of("shop", "customer"), &["SELECT"]);
        nobody["Principal"] = json!({});
        let mut foreign = table_of("shop", "customer");
        foreign["Table"]["CatalogId"] = json!("999999999999");
        let stub = LakeFormationStub::new()
            .table("shop", "customer", &["id"])
            .entry(conditional)
            .entry(nobody)
            .entry(entry(foreign, &["SELECT"]))
            .entry(entry(json!({ "AnyResource": {} }), &["SELECT"]))
            .entry(entry(json!({ "RLSPolicy": { "Name": "by country" } }), &["DESCRIBE"]))
            .entry(entry(json!({ "Table": { "DatabaseName": "shop" } }), &["ALL"]))
            .entry(entry(table_of("shop", "customer"), &["EXECUTE"]))
            .entry(entry(table_of("shop", "customer"), &["DESCRIBE"]))
            .filter(["shop", "customer"], "no rows", &json!({}), &json!({ "ColumnWildcard": {} }))
            .start();
        let snapshot = snapshot(&stub, &[("shop", "customer")]);
        let unknown: Vec<_> =
            snapshot.grants.iter().filter(|grant| matches!(grant.resource, Resource::Unknown(_))).collect();
        assert_eq!(unknown.len(), 3, "{unknown:?}");
        let known: Vec<&Grant> =
            snapshot.grants.iter().filter(|grant| !matches!(grant.resource, Resource::Unknown(_))).collect();
        assert_eq!(known.len(), 2, "{known:?}");
        assert_eq!(known[0].condition.as_deref(), Some("context.iam.principalTags.hasTag(\"a\")"));
        assert_eq!(known[1].permissions, BTreeSet::from(["DESCRIBE".to_owned(), "EXECUTE".to_owned()]));
        assert_eq!(known[1].condition, None);
        assert!(snapshot.filters.is_empty());
        let told = problems(&snapshot);
        for part in [
            "another catalog: 999999999999",
            "names no principal",
            "filter no rows of table shop.customer: the filter does not say which rows",
            "moto: it is no data lake administrator",
        ] {
            assert!(told.iter().any(|problem| problem.contains(part)), "no `{part}` in {told:?}");
        }
        assert_eq!(told.len(), 4, "{told:?}");
    });
}

#[test]
fn a_catalog_can_be_named_and_a_table_that_is_not_in_it_is_told() {
    apart("contracts::grants::a_catalog_can_be_named_and_a_table_that_is_not_in_it_is_told", || {
        let stub = shop().start();
        let (place, named) = service(&stub, Some(CATALOG));
        place.run(named.snapshot(&[TableName::new("shop", "customer")]));
        let unheard = [TableName::new("shop", "unheard"), TableName::new("nowhere", "customer")];
        let told = place.run(named.snapshot(&unheard)).problems;
        for name in ["shop.unheard", "nowhere.customer"] {
            assert!(
                told.iter().any(|problem| problem.what == name && problem.why.contains("Data Catalog")),
                "{told:?}"
            );
        }
        let (place, other) = service(&stub, Some("999999999999"));
        place.fail(ErrorKind::Failed, other.snapshot(&[]));
    });
}

#[test]
fn an_emulator_without_an_operation_gives_no_grants() {
    apart("contracts::grants::an_emulator_without_an_operation_gives_no_grants", || {
        let place = Place::bucket(&[]);
        let service = place.run(place.backend.lakeformation(None));
        let error = place.fail(ErrorKind::Failed, service.snapshot(&[])).to_string();
        assert!(error.contains("Lake Formation does not answer as expected"), "{error}");
        assert!(error.contains("HTTP status: 404") && !error.contains('<'), "{error}");
    });
}

#[test]
fn every_operation_has_to_answer() {
    apart("contracts::grants::every_operation_has_to_answer", || {
        for operation in [
            "ListPermissions",
            "ListDataCellsFilter",
            "GetDataCellsFilter",
            "GetResourceLFTags",
            "ListLFTagExpressions",
            "GetDataLakeSettings",
            "ListLakeFormationOptIns",
            "ListRLSPolicyAttachments",
        ] {
            let path = format!("/{operation}");
            let stub = shop()
                .grant(ANALYST, &filter_of("shop", "customer", "hidden"), &["SELECT"])
                .interrupt(move |asked| {
                    (asked.path == path).then(|| error(400, "AccessDeniedException", "User: secret"))
                })
                .start();
            let (place, service) = service(&stub, None);
            let error =
                place.fail(ErrorKind::Failed, service.snapshot(&[TableName::new("shop", "customer")])).to_string();
            for part in ["access to Lake Formation is denied", operation, "lakeformation:ListPermissions"] {
                assert!(error.contains(part), "no `{part}` in {error}");
            }
            assert!(!error.contains("secret"), "{error}");
        }
    });
}

#[test]
fn what_the_service_lists_is_what_a_role_sees() {
    apart("contracts::grants::what_the_service_lists_is_what_a_role_sees", || {
        let public = json!({ "LFTagPolicy": { "ResourceType": "TABLE", "ExpressionName": "open" } });
        let stub = shop()
            .grant(ANALYST, &filter_of("shop", "customer", "eu"), &["SELECT"])
            .grant(ANALYST, &table_of("shop", "purchase"), &["SELECT"])
            .grant(SUPPORT, &public, &["SELECT"])
            .filter(
                ["shop", "customer"],
                "eu",
                &json!({ "FilterExpression": "country = 'DE'" }),
                &json!({ "ColumnNames": ["id", "country"] }),
            )
            .tag(&database_of("shop"), "class", "public")
            .tag(&column_of("shop", "customer", "mail"), "class", "personal")
            .expression("open", &json!([{ "TagKey": "class", "TagValues": ["public"] }]))
            .attachment("by amount", &table_of("shop", "purchase"))
            .start();
        let grants = Grants::new(snapshot(&stub, &TABLES), Unmanaged::Deny);
        let schema = |table: &str, columns: &[&str]| {
            let fields: Vec<Field> = columns.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect();
            TableSchema::from_arrow(TableName::new("shop", table), &Arc::new(Schema::new(fields)), 0)
        };
        let customer = schema("customer", &["id", "mail", "country"]);
        let role = |principal: &str| Role { principal: Some(principal.to_owned()), ..Role::default() };
        let seen = |principal: &str| {
            let access = grants.access(&role(principal), &customer).expect("a visible table");
            let columns: Vec<String> = access.columns.into_iter().map(|column| column.column).collect();
            (columns.join(" "), access.rows == Predicate::True)
        };
        assert_eq!(seen(ANALYST), ("id country".to_owned(), false));
        assert_eq!(seen(SUPPORT), ("id country".to_owned(), true));
        assert!(grants.access(&role("arn:aws:iam::123456789012:role/other"), &customer).is_none());
        assert!(grants.access(&role(ANALYST), &schema("purchase", &["id", "amount"])).is_none(), "a policy closes it");
    });
}
