//! The stub is as strict as the service, and lists as it does.

use super::super::http::{Answer, request};
use super::*;

fn ask(stub: &Stub, operation: &str, body: &Value) -> Answer {
    let signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lakeformation/aws4_request, Signature=x";
    let headers = [("Authorization", signed)];
    request("POST", stub.endpoint(), &format!("/{operation}"), &headers, body.to_string().as_bytes())
}

#[test]
fn what_moto_was_told_is_listed_as_the_service_does() {
    let stub = LakeFormationStub::new()
        .page_size(9)
        .table("shop", "customer", &["id"])
        .grant("arn:aws:iam::123456789012:role/a", &tables_of("shop"), &["SELECT", "DESCRIBE"])
        .grant("arn:aws:iam::123456789012:role/a", &filter_of("shop", "customer", "eu"), &["SELECT"])
        .start();
    let listed = |body: &Value| {
        let answer = ask(&stub, "ListPermissions", body).json();
        let entries = answer["PrincipalResourcePermissions"].as_array().unwrap().clone();
        entries.iter().map(|entry| entry["Resource"].clone()).collect::<Vec<_>>()
    };
    let all = json!({ "CatalogId": CATALOG, "DatabaseName": "shop", "Name": "ALL_TABLES" });
    let (mut described, mut selected) = (all.clone(), all);
    described["TableWildcard"] = json!({});
    selected["ColumnWildcard"] = json!({});
    let plain = [json!({ "Table": described }), json!({ "TableWithColumns": selected })];
    assert_eq!(listed(&json!({})), plain);
    let mut body = json!({ "Resource": table_of("shop", "customer") });
    assert_eq!(listed(&body), plain);
    body["IncludeRelated"] = json!("TRUE");
    assert_eq!(listed(&body).len(), 3);
    let unknown = ask(&stub, "ListPermissions", &json!({ "Resource": table_of("shop", "Customer") }));
    assert_eq!((unknown.status, unknown.header("x-amzn-errortype")), (400, Some("EntityNotFoundException")));
}

#[test]
fn tags_are_inherited_key_by_key() {
    let stub = LakeFormationStub::new()
        .table("shop", "customer", &["id", "mail"])
        .tag(&database_of("shop"), "domain", "sales")
        .tag(&database_of("shop"), "class", "public")
        .tag(&column_of("shop", "customer", "mail"), "class", "personal")
        .start();
    let answer = ask(&stub, "GetResourceLFTags", &json!({ "Resource": table_of("shop", "customer") })).json();
    let tags = |tags: &Value| -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        tags.as_array().unwrap().iter().map(|tag| (text(&tag["TagKey"]), text(&tag["TagValues"][0]))).collect()
    };
    let of = |class: &str| BTreeMap::from([("class", class), ("domain", "sales")].map(|(k, v)| (k.into(), v.into())));
    assert_eq!(tags(&answer["LFTagsOnTable"]), of("public"));
    assert_eq!(tags(&answer["LFTagsOnColumns"][0]["LFTags"]), of("public"));
    assert_eq!(tags(&answer["LFTagsOnColumns"][1]["LFTags"]), of("personal"));
}
