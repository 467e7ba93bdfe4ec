//! What reading files of grants promises, one test per promise.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::super::evaluate::Grants;
use super::super::tests::{customer, role, words};
use super::super::{Columns, Resource, Tables, Unmanaged};
use super::*;
use crate::error::ErrorKind;

fn read(texts: &[&str]) -> Result<Snapshot> {
    read_catalog(None, texts)
}

fn read_catalog(catalog: Option<&str>, texts: &[&str]) -> Result<Snapshot> {
    let mut documents = Documents::new(catalog.map(str::to_owned));
    for (number, text) in texts.iter().enumerate() {
        documents.read(&format!("{number}.json"), text.as_bytes())?;
    }
    documents.finish()
}

/// A list of one permission.
fn permission_text(resource: &str, permissions: &str) -> String {
    let principal = r#"{"DataLakePrincipalIdentifier": "arn:aws:iam::111122223333:role/analyst"}"#;
    let entry = format!(r#"{{"Principal": {principal}, "Resource": {resource}, "Permissions": {permissions}}}"#);
    format!(r#"{{"PrincipalResourcePermissions": [{entry}]}}"#)
}

#[test]
fn every_kind_of_resource_is_read() {
    let columns = |columns| Resource::Columns { database: "shop".into(), table: Tables::Named("t".into()), columns };
    let cases = [
        (r#"{"Catalog": {"Id": "111122223333"}}"#, Resource::Catalog),
        (r#"{"Database": {"CatalogId": "111122223333", "Name": "shop"}}"#, Resource::Database("shop".into())),
        (r#"{"Table": {"DatabaseName": "shop", "Name": "t"}}"#, {
            Resource::Table { database: "shop".into(), table: Tables::Named("t".into()) }
        }),
        (r#"{"Table": {"DatabaseName": "shop", "TableWildcard": {}}}"#, {
            Resource::Table { database: "shop".into(), table: Tables::All }
        }),
        (r#"{"Table": {"DatabaseName": "shop", "Name": "ALL_TABLES", "TableWildcard": {}}}"#, {
            Resource::Table { database: "shop".into(), table: Tables::All }
        }),
        (r#"{"TableWithColumns": {"DatabaseName": "shop", "Name": "ALL_TABLES", "ColumnWildcard": {}}}"#, {
            Resource::Columns { database: "shop".into(), table: Tables::All, columns: Columns::All }
        }),
        (r#"{"TableWithColumns": {"DatabaseName": "shop", "Name": "t", "ColumnNames": ["a", "b"]}}"#, {
            columns(Columns::Only(vec!["a".into(), "b".into()]))
        }),
        (
            r#"{"TableWithColumns": {"DatabaseName": "shop", "Name": "t", "ColumnWildcard": {"ExcludedColumnNames": ["a"]}}}"#,
            columns(Columns::Except(vec!["a".into()])),
        ),
        (
            r#"{"DataLocation": {"ResourceArn": "arn:aws:s3:::lake"}}"#,
            Resource::DataLocation("arn:aws:s3:::lake".into()),
        ),
        (r#"{"LFTag": {"TagKey": "class", "TagValues": ["*"]}, "Database": null}"#, {
            Resource::Unrelated("LF-Tag class".into())
        }),
        (r#"{"LFTagExpression": {"Name": "open"}}"#, Resource::Unrelated("LF-Tag expression open".into())),
        (r#"{"RLSPolicy": {"Name": "p"}}"#, Resource::Unrelated("row-level security policy p".into())),
    ];
    for (text, expected) in cases {
        let snapshot = read(&[&permission_text(text, "[\"SELECT\"]")]).unwrap();
        assert_eq!(snapshot.grants[0].resource, expected, "{text}");
        assert_eq!(snapshot.grants[0].origin, "0.json, entry 1");
    }
}

#[test]
fn what_is_not_understood_gives_nothing_and_is_told() {
    let resources = [
        "{}",
        "null",
        "[]",
        r#"{"AnyResource": {}}"#,
        r#"{"Database": {"Name": "shop"}, "Table": {"DatabaseName": "shop", "Name": "customer"}}"#,
        r#"{"Table": {"DatabaseName": "shop"}}"#,
        r#"{"Table": {"DatabaseName": "shop", "Name": "customer", "TableWildcard": {}}}"#,
        r#"{"Table": {"DatabaseName": "shop", "Name": "customer", "Rows": "some"}}"#,
        r#"{"TableWithColumns": {"DatabaseName": "shop", "Name": "customer"}}"#,
        r#"{"TableWithColumns": {"DatabaseName": "shop", "Name": "customer", "ColumnNames": ["id"], "ColumnWildcard": {}}}"#,
        r#"{"TableWithColumns": {"DatabaseName": "shop", "Name": "customer", "ColumnWildcard": {"Only": ["id"]}}}"#,
        r#"{"TableWithColumns": {"DatabaseName": "shop", "Name": "customer", "ColumnNames": "id"}}"#,
        r#"{"LFTagPolicy": {"ResourceType": "TABLE", "Expression": []}}"#,
        r#"{"LFTagPolicy": {"ResourceType": "VIEW", "ExpressionName": "x"}}"#,
        r#"{"LFTagPolicy": {"ResourceType": "TABLE", "Expression": [{"TagKey": "a", "TagValues": ["x"]}, {"TagKey": "a", "TagValues": ["y"]}]}}"#,
    ];
    for text in resources {
        let snapshot = read(&[&permission_text(text, "[\"SELECT\", \"ALL\"]")]).unwrap();
        let grants = Grants::new(snapshot, Unmanaged::Deny);
        assert_eq!(grants.problems().len(), 1, "{text}");
        assert_eq!(words(grants.access(&role(), &customer()).as_ref()), "nothing", "{text}");
    }
    let whole = r#"{"Table": {"DatabaseName": "shop", "Name": "customer"}}"#;
    for (from, to) in [
        ("\"Permissions\": [\"SELECT\"]", "\"Permissions\": \"SELECT\""),
        ("\"Permissions\": [\"SELECT\"]", "\"Permissions\": [\"SELECT\"], \"RowFilter\": \"x\""),
        ("\"Permissions\": [\"SELECT\"]", "\"Permissions\": [\"SELECT\"], \"Condition\": {\"Expression\": \"x\"}"),
        ("\"Permissions\": [\"SELECT\"]", "\"Permissions\": [\"SELECT\"], \"Condition\": {}"),
        ("DataLakePrincipalIdentifier", "Identifier"),
    ] {
        let text = permission_text(whole, "[\"SELECT\"]").replace(from, to);
        let grants = Grants::new(read(&[&text]).unwrap(), Unmanaged::Deny);
        assert_eq!(grants.problems().len(), 1, "{text}");
        assert_eq!(words(grants.access(&role(), &customer()).as_ref()), "nothing", "{text}");
    }
}

#[test]
fn files_become_one_policy() {
    let filter_grant = permission_text(
        r#"{"DataCellsFilter": {"TableCatalogId": "111122223333", "DatabaseName": "shop", "TableName": "customer", "Name": "f"}}"#,
        "[\"DESCRIBE\", \"SELECT\"]",
    );
    let tag_grant = permission_text(
        r#"{"LFTagPolicy": {"CatalogId": "111122223333", "ResourceType": "TABLE", "ExpressionName": "open"}}"#,
        "[\"SELECT\"]",
    );
    let filters = r#"[{"TableCatalogId": "111122223333", "DatabaseName": "shop", "TableName": "customer", "Name": "f",
        "RowFilter": {"FilterExpression": "country = 'DE'"}, "ColumnNames": ["name", "mail"]}]"#;
    let expressions = r#"{"LFTagExpressions": [{"Name": "open", "CatalogId": "111122223333", "Description": "x",
        "Expression": [{"TagKey": "class", "TagValues": ["open", "internal"]}]}]}"#;
    let tags = r#"{"Resource": {"Table": {"DatabaseName": "shop", "Name": "customer"}},
        "LFTagOnDatabase": [{"CatalogId": "111122223333", "TagKey": "class", "TagValues": ["open"]}],
        "LFTagsOnTable": [{"TagKey": "class", "TagValues": ["open"]}],
        "LFTagsOnColumns": [{"Name": "mail", "LFTags": [{"TagKey": "class", "TagValues": ["closed"]}]},
                            {"Name": "name", "LFTags": [{"TagKey": "class", "TagValues": ["closed"]}]}]}"#;
    let settings = r#"{"DataLakeSettings": {"DataLakeAdmins": [{"DataLakePrincipalIdentifier": "arn:admin"}],
        "ReadOnlyAdmins": [{"DataLakePrincipalIdentifier": "arn:reader"}], "Parameters": {}}}"#;
    let ignored = r#"{"LFTags": [{"TagKey": "class", "TagValues": ["open", "closed"]}]} {"ResourceInfoList": []}"#;
    let both = format!("{filter_grant}\n{tag_grant}{filter_grant}");
    let snapshot = read(&[&both, filters, filters, expressions, tags, settings, ignored]).unwrap();
    assert_eq!((snapshot.grants.len(), snapshot.filters.len()), (2, 1));
    assert_eq!(snapshot.grants[1].origin, "0.json, document 2, entry 1");
    assert_eq!(snapshot.administrators, ["arn:admin", "arn:reader"]);
    let grants = Grants::new(snapshot, Unmanaged::Deny);
    assert!(grants.problems().is_empty(), "{:?}", grants.problems());
    let expected = r#"TRUE | id, name where "country" = 'DE', mail where "country" = 'DE', country, dt"#;
    assert_eq!(words(grants.access(&role(), &customer()).as_ref()), expected);
}

#[test]
fn found_tables_opt_ins_and_attachments_are_read() {
    let found = r#"{"TableList": [{"Table": {"CatalogId": "1", "DatabaseName": "shop", "Name": "customer"},
        "LFTagsOnTable": [{"TagKey": "a", "TagValues": ["x"]}],
        "LFTagsOnColumns": [{"Name": "id", "LFTags": [{"TagKey": "a", "TagValues": ["y"]}]}]}]}"#;
    let opt_ins = r#"{"LakeFormationOptInsInfoList": [{"Resource": {"Database": {"Name": "shop"}},
        "Principal": {"DataLakePrincipalIdentifier": "arn:x"}, "LastModified": "2026-01-01"},
        {"Resource": {"New": {}}, "Principal": {"DataLakePrincipalIdentifier": "arn:y"}, "Condition": {}}]}"#;
    let attachments = r#"{"RLSPolicyAttachments": [{"Name": "p", "Resource": {"Table": {"DatabaseName": "shop", "Name": "t"}}},
        {"Something": 1}, "else"]}"#;
    let snapshot = read(&[found, opt_ins, attachments, r#"{"rlsAttachmentList": {"a": 1}}"#]).unwrap();
    assert_eq!(snapshot.tags.len(), 2);
    assert_eq!(snapshot.tags[1].column.as_deref(), Some("id"));
    assert_eq!(snapshot.opt_ins[0].resource, Resource::Database("shop".into()));
    assert!(matches!(snapshot.opt_ins[1].resource, Resource::Unknown(_)));
    assert!(matches!(snapshot.attachments[0].resource, Resource::Table { .. }));
    assert!(matches!(snapshot.attachments[1].resource, Resource::Unknown(_)));
    assert!(read(&[r#"{"RLSPolicyAttachments": []}"#]).unwrap().attachments.is_empty());
}

#[test]
fn a_filter_is_read_in_every_form() {
    let filter = |rows: &str, columns: &str| {
        format!(
            r#"{{"DataCellsFilter": {{"DatabaseName": "d", "TableName": "t", "Name": "f", "RowFilter": {rows}, {columns}}}}}"#
        )
    };
    let all = r#""ColumnWildcard": {}"#;
    let snapshot = read(&[&filter(r#"{"FilterExpression": "TRUE", "AllRowsWildcard": {}}"#, all)]).unwrap();
    assert_eq!((snapshot.filters[0].rows.clone(), snapshot.filters[0].columns.clone()), (None, Columns::All));
    let snapshot = read(&[&filter(r#"{"FilterExpression": "a = 1"}"#, r#""ColumnNames": ["a"]"#)]).unwrap();
    assert_eq!(snapshot.filters[0].rows.as_deref(), Some("a = 1"));
    for (rows, columns) in
        [("{}", all), ("null", all), (r#"{"Other": 1}"#, all), (r#"{"AllRowsWildcard": {}}"#, r#""x": 1"#)]
    {
        let snapshot = read(&[&filter(rows, columns)]).unwrap();
        assert!(snapshot.filters.is_empty() && snapshot.problems.len() == 1, "{rows} {columns}");
    }
}

#[test]
fn a_page_without_its_continuation_is_refused() {
    let page = |token: &str| format!(r#"{{"PrincipalResourcePermissions": [], "NextToken": {token}}}"#);
    let (first, last) = (page("\"abc\""), page("null"));
    assert!(read(&[&first, &last]).is_ok());
    assert!(read(&[&first, &first, &last]).is_ok());
    assert!(read(&[&format!("{first}{last}")]).is_ok());
    let other = r#"{"LFTags": []}"#;
    for texts in [vec![first.as_str()], vec![&last, &first], vec![&first, other, &last], vec![&first, "[]"]] {
        let error = read(&texts).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("incomplete"), "{error}");
    }
}

#[test]
fn an_answer_that_is_not_known_is_refused_by_name() {
    let cases = [
        (r#"{"Buckets": []}"#, "found: Buckets"),
        (r#"{"PrincipalResourcePermissions": [], "More": 1}"#, "found: More"),
        (r#"{"PrincipalResourcePermissions": [], "Resource": {}}"#, "found: Resource"),
        (r#"{"PrincipalResourcePermissions": {}}"#, "not a list"),
        ("{}", "nothing that is known"),
        ("[1]", "a list of something else"),
        ("[]", "a list of something else"),
        ("7", "not an object"),
        (r#"{"LFTagOnDatabase": []}"#, "do not say what they belong to"),
        (r#"{"Resource": {"Catalog": {}}, "LFTagOnDatabase": []}"#, "not a table or a database"),
        (r#"{"Resource": {"Database": {"Name": "d"}}, "LFTagsOnTable": [{"TagKey": "a", "TagValues": ["b"]}]}"#, {
            "the resource is a database"
        }),
        (
            r#"{"Resource": {"Database": {"Name": "d"}}, "LFTagOnDatabase": [{"TagKey": "a", "TagValues": ["b", "c"]}]}"#,
            { "not one value" },
        ),
        (r#"{"LakeFormationOptInsInfoList": [{"Resource": {}}]}"#, "does not say whose"),
        (r#"{"TableList": [{}]}"#, "names no table"),
    ];
    for (text, part) in cases {
        let error = read(&[text]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{text}");
        assert!(error.to_string().contains(part) && error.to_string().contains("file: 0.json"), "{text}: {error}");
    }
    for text in ["", "  ", "{", "{\"LFTags\": []} x", "\u{0}"] {
        assert_eq!(read(&[text]).unwrap_err().kind(), ErrorKind::Failed, "{text}");
    }
}

#[test]
fn entries_of_another_catalog_are_left_out_and_told() {
    let one = permission_text(
        r#"{"Table": {"CatalogId": "111122223333", "DatabaseName": "d", "Name": "t"}}"#,
        "[\"SELECT\"]",
    );
    let other = permission_text(r#"{"Catalog": {"Id": "999922223333:s3tablescatalog/b"}}"#, "[\"SUPER_USER\"]");
    let own = permission_text(r#"{"Database": {"Name": "d"}}"#, "[\"ALL\"]");
    let error = read(&[&one, &other]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(error.items().len(), 2);
    let snapshot = read_catalog(Some("111122223333"), &[&one, &other, &own]).unwrap();
    assert_eq!((snapshot.grants.len(), snapshot.problems.len()), (2, 1));
    assert!(snapshot.problems[0].why.contains("another catalog"));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut documents = Documents::new(None);
        let _ = documents.read("x", &bytes);
        let _ = documents.finish();
    }

    #[test]
    fn no_json_panics(
        text in r#"(\{|\}|\[|\]|:|,|"Resource"|"LFTagOnDatabase"|"LFTagsOnColumns"|"Permissions"|"Principal"|"Name"|"TableList"|"Table"|"x"|1|null|\{\}|\[\]){0,24}"#,
    ) {
        let mut documents = Documents::new(None);
        let _ = documents.read("x", text.as_bytes());
        let _ = documents.finish();
    }
}
