//! Roles under grants as the AWS CLI printed them.

use serde_json::{Value, json};

use super::{ask, lines, told};
use crate::support::shop::Shop;

const CATALOG: &str = "111122223333";
const ANALYST: &str = "arn:aws:iam::111122223333:role/team/analyst";
const OTHER: &str = "arn:aws:iam::111122223333:role/other";

/// A shop whose grants are these documents. Nobody asks AWS who is there: the grants are files.
fn shop(settings: &str, documents: &[Value]) -> Shop {
    let shop = Shop::usual().settings(&format!(
        "[grants]\nsources = [\"grants\"]\n{settings}\n\n[roles.analyst]\nprincipal = \"{ANALYST}\"\n\n\
         [roles.other]\nprincipal = \"{OTHER}\""
    ));
    std::fs::create_dir(shop.sandbox.path("grants")).unwrap();
    for (number, document) in documents.iter().enumerate() {
        shop.sandbox.write(&format!("grants/{number}.json"), document.to_string());
    }
    shop
}

fn entry(principal: &str, resource: &Value, permissions: &[&str]) -> Value {
    json!({
        "Principal": { "DataLakePrincipalIdentifier": principal },
        "Resource": resource,
        "Permissions": permissions,
        "PermissionsWithGrantOption": [],
    })
}

fn select(principal: &str, resource: &Value) -> Value {
    entry(principal, resource, &["SELECT"])
}

fn permissions(entries: &[Value]) -> Value {
    json!({ "PrincipalResourcePermissions": entries })
}

/// A table with its columns: `{"ColumnNames": …}` or `{"ColumnWildcard": …}`.
fn columns(table: &str, choice: &Value) -> Value {
    let mut resource = json!({ "CatalogId": CATALOG, "DatabaseName": "dataset", "Name": table });
    for (name, value) in choice.as_object().unwrap() {
        resource[name] = value.clone();
    }
    json!({ "TableWithColumns": resource })
}

fn all_columns() -> Value {
    json!({ "ColumnWildcard": {} })
}

fn filter(name: &str) -> Value {
    json!({ "DataCellsFilter": { "TableCatalogId": CATALOG, "DatabaseName": "dataset", "TableName": "customer", "Name": name } })
}

const CUSTOMERS: &str = "SELECT * FROM dataset.customer ORDER BY id";
const ACCOUNTS: &str = "SELECT count(*) AS n FROM dataset.account";

#[test]
fn select_on_columns_shows_them_and_other_permissions_show_nothing() {
    let table = json!({ "Table": { "CatalogId": CATALOG, "DatabaseName": "dataset", "Name": "account" } });
    let shop = shop(
        "",
        &[permissions(&[
            select(
                ANALYST,
                &columns("customer", &json!({ "ColumnWildcard": { "ExcludedColumnNames": ["mail", "name"] } })),
            ),
            select(OTHER, &columns("customer", &json!({ "ColumnNames": ["id"] }))),
            entry(ANALYST, &table, &["DESCRIBE", "INSERT", "ALTER"]),
        ])],
    );
    assert_eq!(lines(&shop, "analyst", CUSTOMERS), ["id,segment", "1,gold", "2,silver", "3,gold", "4,"]);
    assert_eq!(lines(&shop, "other", CUSTOMERS), ["id", "1", "2", "3", "4"]);
    told(ask(&shop, "analyst", ACCOUNTS), 2, &["42P01"]);
    told(ask(&shop, "other", ACCOUNTS), 2, &["42P01"]);
}

#[test]
fn all_on_a_table_and_select_on_all_tables_show_everything() {
    let table = json!({ "Table": { "CatalogId": CATALOG, "DatabaseName": "dataset", "Name": "account" } });
    let shop = shop(
        "",
        &[permissions(&[entry(ANALYST, &table, &["ALL"]), select(OTHER, &columns("ALL_TABLES", &all_columns()))])],
    );
    assert_eq!(lines(&shop, "analyst", ACCOUNTS), ["n", "3"]);
    told(ask(&shop, "analyst", CUSTOMERS), 2, &["42P01"]);
    assert_eq!(lines(&shop, "other", ACCOUNTS), ["n", "3"]);
    assert_eq!(lines(&shop, "other", CUSTOMERS)[0], "id,name,mail,segment");
}

#[test]
fn cells_filters_show_their_rows_and_columns() {
    let rows = |expression: &str| json!({ "FilterExpression": expression });
    let base = |name: &str, rows: &Value| json!({ "TableCatalogId": CATALOG, "DatabaseName": "dataset", "TableName": "customer", "Name": name, "RowFilter": rows });
    let mut gold = base("gold", &rows("segment = 'gold'"));
    gold["ColumnNames"] = json!(["id", "name"]);
    let mut every = base("every", &json!({ "FilterExpression": "TRUE", "AllRowsWildcard": {} }));
    every["ColumnWildcard"] = json!({ "ExcludedColumnNames": ["mail", "name"] });
    let shop = shop(
        "",
        &[
            permissions(&[
                select(ANALYST, &filter("gold")),
                select(OTHER, &filter("gold")),
                select(OTHER, &filter("every")),
            ]),
            json!({ "DataCellsFilters": [gold, every] }),
        ],
    );
    assert_eq!(lines(&shop, "analyst", CUSTOMERS), ["id,name", "1,Ada Lovelace", "3,"]);
    let wanted = ["id,name,segment", "1,Ada Lovelace,gold", "2,,silver", "3,,gold", "4,,"];
    assert_eq!(lines(&shop, "other", CUSTOMERS), wanted);
}

#[test]
fn tags_decide_column_by_column() {
    let open = |value: &str| json!([{ "CatalogId": CATALOG, "TagKey": "level", "TagValues": [value] }]);
    let policy = json!({ "LFTagPolicy": {
        "CatalogId": CATALOG, "ResourceType": "TABLE", "Expression": [{ "TagKey": "level", "TagValues": ["open"] }],
    } });
    let shop = shop(
        "",
        &[
            permissions(&[select(ANALYST, &policy)]),
            json!({
                "Resource": { "Table": { "CatalogId": CATALOG, "DatabaseName": "dataset", "Name": "customer" } },
                "LFTagOnDatabase": [],
                "LFTagsOnTable": open("open"),
                "LFTagsOnColumns": [{ "Name": "mail", "LFTags": open("closed") }, { "Name": "name", "LFTags": open("closed") }],
            }),
        ],
    );
    assert_eq!(lines(&shop, "analyst", CUSTOMERS)[0], "id,segment");
    told(ask(&shop, "analyst", ACCOUNTS), 2, &["42P01"]);
}

#[test]
fn a_condition_gives_nothing_and_is_said() {
    let mut conditional = select(&format!("{CATALOG}:IAMPrincipals"), &columns("customer", &all_columns()));
    conditional["Condition"] = json!({ "Expression": "context.iam.principalTags.hasTag(\"department\")" });
    let shop = shop("", &[permissions(&[conditional])]);
    told(ask(&shop, "analyst", CUSTOMERS), 2, &["42P01"]);
    let run = shop.run(["grant"]).ok();
    assert!(run.stderr().contains("it has a condition on the session"), "{}", run.transcript());
    let why = shop.run(["why", "analyst", "customer"]).ok().stdout();
    assert!(why.contains("does not see") && why.contains("a condition on the session"), "{why}");
}

#[test]
fn every_principal_of_the_account_is_every_role_of_it() {
    let shop =
        shop("", &[permissions(&[select(&format!("{CATALOG}:IAMPrincipals"), &columns("account", &all_columns()))])])
            .settings(
                "[roles.stranger]\nprincipal = \"arn:aws:iam::999988887777:role/analyst\"\n\n[roles.nobody]\nkeys = []",
            );
    assert_eq!(lines(&shop, "analyst", ACCOUNTS), ["n", "3"]);
    told(ask(&shop, "stranger", ACCOUNTS), 2, &["42P01"]);
    told(ask(&shop, "nobody", ACCOUNTS), 2, &["42P01"]);
}

#[test]
fn what_lake_formation_does_not_guard_is_as_the_settings_say() {
    let documents = [permissions(&[select("IAM_ALLOWED_PRINCIPALS", &columns("account", &all_columns()))])];
    for settings in ["", "unmanaged = \"deny\""] {
        let shop = shop(settings, &documents);
        told(ask(&shop, "analyst", ACCOUNTS), 2, &["42P01"]);
        assert!(shop.run(["grant"]).ok().stderr().contains("IAM_ALLOWED_PRINCIPALS on account of dataset"));
    }
    let unopted = shop("unmanaged = \"allow\"", &documents);
    told(ask(&unopted, "analyst", ACCOUNTS), 3, &["who opted in", "list-lake-formation-opt-ins"]);
    let [permissions] = documents;
    let shop = shop("unmanaged = \"allow\"", &[permissions, json!({ "LakeFormationOptInsInfoList": [] })]);
    assert_eq!(lines(&shop, "analyst", ACCOUNTS), ["n", "3"]);
    told(ask(&shop, "analyst", CUSTOMERS), 2, &["42P01"]);
}

#[test]
fn what_is_not_understood_is_named_and_gives_nothing() {
    let mut broken =
        json!({ "TableCatalogId": CATALOG, "DatabaseName": "dataset", "TableName": "customer", "Name": "odd" });
    broken["RowFilter"] = json!({ "FilterExpression": "substr(segment, 1, 1) = 'g'" });
    broken["ColumnWildcard"] = json!({});
    let shop = shop(
        "",
        &[
            permissions(&[
                select(ANALYST, &json!({ "UserDefinedFunction": { "Name": "f" } })),
                select(ANALYST, &filter("missing")),
                select(ANALYST, &filter("odd")),
                select("arn:aws:iam::111122223333:role/*", &columns("customer", &all_columns())),
                entry(ANALYST, &columns("account", &all_columns()), &["SELEKT"]),
            ]),
            json!({ "DataCellsFilters": [broken] }),
        ],
    );
    told(ask(&shop, "analyst", CUSTOMERS), 2, &["42P01"]);
    told(ask(&shop, "analyst", ACCOUNTS), 2, &["42P01"]);
    let run = shop.run(["grant"]).ok();
    for word in ["UserDefinedFunction", "its cells filter was not read", "cells filter odd"] {
        assert!(run.stderr().contains(word), "no `{word}` in\n{}", run.transcript());
    }
    shop.sandbox.snapshots().bind(|| insta::assert_snapshot!("not_understood", run.transcript()));
}

#[test]
fn a_file_that_cannot_be_read_shows_nothing() {
    let good = permissions(&[select(ANALYST, &columns("customer", &all_columns()))]);
    let mut unfinished = good.clone();
    unfinished["NextToken"] = json!("more");
    for (bad, words) in [
        ("{ \"PrincipalResourcePermissions\": [", "a file of grants is not JSON"),
        ("", "a file of grants is empty"),
        (&unfinished.to_string(), "its next page is not there"),
    ] {
        let shop = shop("", std::slice::from_ref(&good));
        shop.sandbox.write("grants/bad.json", bad);
        for run in [ask(&shop, "analyst", CUSTOMERS), shop.run(["grant"]), shop.run(["why", "analyst", "customer"])] {
            assert!(matches!(run.code(), Some(1..=3)), "{}", run.transcript());
            let code = run.code().unwrap();
            told(run, code, &[words]);
        }
    }
    let shop = shop("", &[good]);
    std::fs::remove_dir_all(shop.sandbox.path("grants")).unwrap();
    let run = ask(&shop, "analyst", CUSTOMERS);
    assert_ne!(run.code(), Some(0), "{}", run.transcript());
    assert_eq!(run.stdout(), "");
}

#[test]
fn grants_of_another_catalog_do_not_count() {
    let documents = [permissions(&[select(ANALYST, &columns("customer", &all_columns()))])];
    let here = shop(&format!("catalog = \"{CATALOG}\""), &documents);
    assert_eq!(lines(&here, "analyst", CUSTOMERS).len(), 5);
    let elsewhere = shop("catalog = \"999988887777\"", &documents);
    let run = ask(&elsewhere, "analyst", CUSTOMERS);
    assert_ne!(run.code(), Some(0), "{}", run.transcript());
    assert_eq!(run.stdout(), "");
}

#[test]
fn files_and_settings_add_up_and_masks_take_away() {
    let shop =
        shop("", &[permissions(&[select(ANALYST, &columns("customer", &json!({ "ColumnNames": ["id", "name"] })))])])
            .settings(
                "[roles.analyst.select]\n\"dataset.customer\" = { columns = [\"segment\"] }\n\n\
             [roles.analyst.mask.customer]\nname = \"'hidden'\"",
            );
    let wanted = ["id,name,segment", "1,hidden,gold", "2,hidden,silver", "3,hidden,gold", "4,hidden,"];
    assert_eq!(lines(&shop, "analyst", CUSTOMERS), wanted);
}

#[test]
fn a_revoked_grant_is_gone_with_the_next_statement() {
    let shop = shop("", &[permissions(&[select(ANALYST, &columns("customer", &all_columns()))])]);
    shop.run(["grant"]).ok();
    assert_eq!(lines(&shop, "analyst", CUSTOMERS).len(), 5);
    shop.sandbox
        .write("grants/0.json", permissions(&[select(OTHER, &columns("customer", &all_columns()))]).to_string());
    told(ask(&shop, "analyst", CUSTOMERS), 2, &["42P01"]);
    let check = shop.run(["grant", "--check"]).expect_code(3).stderr();
    assert!(check.contains("analyst") && check.contains("other"), "{check}");
}

#[test]
fn why_names_the_file_and_the_entry() {
    let shop = shop(
        "",
        &[permissions(&[
            select(OTHER, &columns("customer", &json!({ "ColumnNames": ["id"] }))),
            select(ANALYST, &columns("customer", &json!({ "ColumnWildcard": { "ExcludedColumnNames": ["mail"] } }))),
        ])],
    );
    let mut text = String::new();
    for place in ["customer", "customer.name", "customer.mail", "account"] {
        text.push_str(&format!("$ why analyst {place}\n{}\n", shop.run(["why", "analyst", place]).ok().stdout()));
    }
    shop.sandbox.snapshots().bind(|| insta::assert_snapshot!("why_documents", text));
}
