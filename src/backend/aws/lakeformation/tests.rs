//! The client against a service that does not answer as it should, and answers that leave room for doubt.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_lakeformation::config::retry::RetryConfig;
use aws_sdk_lakeformation::config::timeout::TimeoutConfig;
use aws_sdk_lakeformation::config::{BehaviorVersion, Region};
use aws_sdk_lakeformation::types;
use serde_json::{Value, json};
use tiny_http::{Header, Response, Server};

use super::*;
use crate::backend::aws::identity::Caller;
use crate::error::ErrorKind;
use crate::grant::{Columns, Resource, Tables};

struct Stub {
    server: Arc<Server>,
    url: String,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

type Answer = (u16, &'static str, String);

/// Says who the caller is, and answers everything else as told: the operation, and how often it was asked for before.
fn stub(mut answer: impl FnMut(&str, usize) -> Answer + Send + 'static) -> Stub {
    let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
    let url = format!("http://{}", server.server_addr().to_ip().unwrap());
    let listener = Arc::clone(&server);
    std::thread::spawn(move || {
        let mut counts = BTreeMap::new();
        for request in listener.incoming_requests() {
            let operation = request.url().trim_start_matches('/').to_owned();
            let count: &mut usize = counts.entry(operation.clone()).or_default();
            let (status, kind, text) = if operation.is_empty() { identity() } else { answer(&operation, *count) };
            *count += 1;
            let length = text.len();
            let header = Header::from_bytes("content-type", kind).unwrap();
            let body = Cursor::new(text.into_bytes());
            let _ = request.respond(Response::new(status.into(), vec![header], body, Some(length), None));
        }
    });
    Stub { server, url }
}

fn identity() -> Answer {
    let text = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                <Arn>arn:aws:iam::111122223333:user/anna</Arn><UserId>A</UserId><Account>111122223333</Account>\
                </GetCallerIdentityResult></GetCallerIdentityResponse>";
    (200, "text/xml", text.to_owned())
}

fn json_answer(status: u16, body: &Value) -> Answer {
    (status, "application/json", body.to_string())
}

/// What a data lake without grants says.
fn empty(operation: &str) -> Answer {
    let settings =
        json!({ "DataLakeAdmins": [{ "DataLakePrincipalIdentifier": "arn:aws:iam::111122223333:user/anna" }] });
    json_answer(
        200,
        &if operation == "GetDataLakeSettings" { json!({ "DataLakeSettings": settings }) } else { json!({}) },
    )
}

fn service(url: &str) -> LakeFormation {
    let credentials = Credentials::new("id", "key", None, None, "test");
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let client = aws_sdk_lakeformation::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(300)).build())
        .retry_config(retries.clone())
        .credentials_provider(credentials.clone());
    let sts = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(retries)
        .credentials_provider(credentials);
    let identity = Identity::new(aws_sdk_sts::Client::from_conf(sts.build()));
    LakeFormation::new(Client::from_conf(client.build()), identity, None)
}

async fn snapshot(stub: &Stub) -> Result<Snapshot> {
    service(&stub.url).snapshot(&[TableName::new("shop", "customer")]).await
}

#[tokio::test]
async fn no_grants_are_no_error_and_a_failed_call_is_repeated() {
    let stub = stub(|operation, before| match (operation, before) {
        ("ListPermissions" | "GetResourceLFTags", 0) => {
            json_answer(500, &json!({ "__type": "InternalServiceException" }))
        }
        ("ListRLSPolicyAttachments", 0) => json_answer(400, &json!({ "__type": "ThrottledException" })),
        _ => empty(operation),
    });
    let found = snapshot(&stub).await.unwrap();
    assert_eq!((found.grants, found.problems), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn trouble_is_said_without_the_words_of_the_service() {
    let html = || "<html><body>secret text</body></html>".to_owned();
    let cut =
        || r#"{"PrincipalResourcePermissions":[{"Principal":{"DataLakePrincipalIdentifier":"secret te"#.to_owned();
    let coded = |status: u16, code: &str| json_answer(status, &json!({ "__type": code, "Message": "secret text" }));
    let cases: [(Answer, &[&str]); 9] = [
        (
            coded(400, "AccessDeniedException"),
            &["access to Lake Formation is denied", "read-only data lake administrator"],
        ),
        (
            coded(500, "InternalServiceException"),
            &["does not answer as expected", "HTTP status: 500", "InternalService"],
        ),
        (coded(400, "ThrottlingException"), &["Lake Formation throttles its callers"]),
        (coded(403, "ExpiredTokenException"), &["does not accept the AWS credentials", "aws sso login"]),
        (coded(400, "EntityNotFoundException"), &["no such database or table", "Glue"]),
        (coded(400, "secret text in a code"), &["does not answer as expected", "HTTP status: 400"]),
        ((404, "text/html", html()), &["does not answer as expected", "HTTP status: 404"]),
        ((200, "text/html", html()), &["does not answer as expected", "HTTP status: 200"]),
        ((200, "application/json", cut()), &["does not answer as expected", "ListPermissions"]),
    ];
    for (answer, parts) in cases {
        let given = answer.clone();
        let stub =
            stub(move |operation, _| if operation == "ListPermissions" { given.clone() } else { empty(operation) });
        let error = snapshot(&stub).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        let error = error.to_string();
        for part in parts.iter().chain(&["operation: ListPermissions", "hint: "]) {
            assert!(error.contains(part), "{answer:?}: no `{part}` in {error}");
        }
        assert!(!error.contains("secret") && !error.contains('<'), "{error}");
    }
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_not_waited_for() {
    let stub = stub(|operation, _| {
        if operation == "ListLakeFormationOptIns" {
            std::thread::sleep(Duration::from_millis(700));
        }
        empty(operation)
    });
    let started = Instant::now();
    let error = snapshot(&stub).await.unwrap_err().to_string();
    assert!(error.contains("Lake Formation cannot be reached"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
    let error = service("http://127.0.0.1:1").snapshot(&[]).await.unwrap_err().to_string();
    assert!(error.contains("STS cannot be reached"), "{error}");
}

#[tokio::test]
async fn an_answer_without_what_was_asked_for_is_none() {
    let stub = stub(|_, _| json_answer(200, &json!({})));
    let error = snapshot(&stub).await.unwrap_err().to_string();
    assert!(error.contains("leaves out what was asked for") && error.contains("DataLakeSettings"), "{error}");
}

#[tokio::test]
async fn pages_that_do_not_end_are_an_error() {
    let page = || json!({ "LFTagExpressions": [], "NextToken": "again" });
    let stub = stub(move |operation, _| match operation {
        "ListLFTagExpressions" => json_answer(200, &page()),
        _ => empty(operation),
    });
    let error = snapshot(&stub).await.unwrap_err().to_string();
    assert!(error.contains("pages without end") && error.contains("ListLFTagExpressions"), "{error}");

    // A new token each time, and nothing else.
    let mut count = 0;
    let endless = calls::pages("ListPermissions", |_| {
        count += 1;
        let token = count.to_string();
        async move { Ok((None::<Vec<()>>, Some(token))) }
    });
    assert!(endless.await.unwrap_err().to_string().contains("pages without end"));
    // Empty pages on the way are none, and so is an empty token at the end.
    let mut count = 0;
    let some = calls::pages("ListPermissions", |token: Option<String>| {
        count += 1;
        assert_eq!(token.is_some(), count > 1);
        let next = if count < 4 { count.to_string() } else { String::new() };
        let items = (count == 3).then(|| vec![7]);
        async move { Ok((items, Some(next))) }
    });
    assert_eq!(some.await.unwrap(), [7]);
}

fn columns_of(names: &[&str], wildcard: Option<&[&str]>) -> Resource {
    let excluded = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        types::ColumnWildcard::builder().set_excluded_column_names(Some(names)).build()
    };
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let found = types::TableWithColumnsResource::builder().database_name("d").name("t").set_column_names(Some(names));
    let found = found.set_column_wildcard(wildcard.map(excluded)).build().unwrap();
    convert::resource(Some(&types::Resource::builder().table_with_columns(found).build())).0
}

#[test]
fn columns_are_all_some_or_in_doubt_none() {
    let wanted =
        |columns| Resource::Columns { database: "d".to_owned(), table: Tables::Named("t".to_owned()), columns };
    assert_eq!(columns_of(&[], Some(&[])), wanted(Columns::All));
    assert_eq!(columns_of(&["a"], None), wanted(Columns::Only(vec!["a".to_owned()])));
    assert_eq!(columns_of(&[], Some(&["a"])), wanted(Columns::Except(vec!["a".to_owned()])));
    for doubtful in [columns_of(&[], None), columns_of(&["a"], Some(&[])), columns_of(&["a"], Some(&["b"]))] {
        assert!(matches!(doubtful, Resource::Unknown(_)), "{doubtful:?}");
    }
}

#[test]
fn tables_are_all_one_or_in_doubt_none() {
    let wildcard = || types::TableWildcard::builder().build();
    let table = |name: Option<&str>, all: bool| {
        let found = types::TableResource::builder().database_name("d").set_name(name.map(str::to_owned));
        let found = found.set_table_wildcard(all.then(wildcard)).build().unwrap();
        convert::resource(Some(&types::Resource::builder().table(found).build())).0
    };
    let wanted = |table| Resource::Table { database: "d".to_owned(), table };
    for all in [table(None, true), table(Some("ALL_TABLES"), true), table(Some("ALL_TABLES"), false)] {
        assert_eq!(all, wanted(Tables::All));
    }
    assert_eq!(table(Some("all_tables"), false), wanted(Tables::Named("all_tables".to_owned())));
    for doubtful in [table(None, false), table(Some(""), false), table(Some("t"), true)] {
        assert!(matches!(doubtful, Resource::Unknown(_)), "{doubtful:?}");
    }
}

#[test]
fn one_resource_is_one_and_two_are_none() {
    let database = types::DatabaseResource::builder().name("d").build().unwrap();
    let catalog = types::CatalogResource::builder().id("1").build();
    let one = types::Resource::builder().catalog(catalog.clone()).build();
    assert_eq!(convert::resource(Some(&one)), (Resource::Catalog, Some("1".to_owned())));
    let both = types::Resource::builder().catalog(catalog).database(database).build();
    for doubtful in [Some(&both), Some(&types::Resource::builder().build()), None] {
        assert!(matches!(convert::resource(doubtful).0, Resource::Unknown(_)), "{doubtful:?}");
    }
}

#[test]
fn an_expression_is_whole_or_nothing() {
    let tag = |key: &str, values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        types::LfTag::builder().tag_key(key).set_tag_values(Some(values)).build().unwrap()
    };
    assert_eq!(convert::expression(&[tag("a", &["1", "2"]), tag("b", &["*"])]).unwrap().len(), 2);
    for doubtful in [vec![], vec![tag("a", &[])], vec![tag("", &["1"])], vec![tag("a", &["1"]), tag("A", &["2"])]] {
        assert!(convert::expression(&doubtful).is_err(), "{doubtful:?}");
    }
    let both = types::LfTagPolicyResource::builder()
        .resource_type(types::ResourceType::Table)
        .expression(tag("a", &["1"]))
        .expression_name("saved");
    let both = types::Resource::builder().lf_tag_policy(both.build().unwrap()).build();
    assert!(matches!(convert::resource(Some(&both)).0, Resource::Unknown(_)));
}

fn rows(text: Option<&str>, all: bool) -> Result<Option<String>, &'static str> {
    let wildcard = all.then(|| types::AllRowsWildcard::builder().build());
    let filter = types::RowFilter::builder().set_filter_expression(text.map(str::to_owned));
    let filter = types::DataCellsFilter::builder()
        .table_catalog_id("1")
        .database_name("d")
        .table_name("t")
        .name("f")
        .column_wildcard(types::ColumnWildcard::builder().build())
        .row_filter(filter.set_all_rows_wildcard(wildcard).build());
    convert::filter(&filter.build().unwrap()).map(|filter| filter.rows)
}

#[test]
fn all_rows_are_said_and_the_narrower_of_two_answers_counts() {
    assert_eq!(rows(None, true), Ok(None));
    assert_eq!(rows(Some(" true "), true), Ok(None));
    assert_eq!(rows(Some("a = 1"), false), Ok(Some("a = 1".to_owned())));
    assert_eq!(rows(Some("a = 1"), true), Ok(Some("a = 1".to_owned())));
    assert!(rows(None, false).is_err());
    assert!(rows(Some(" "), false).is_err());
}

#[test]
fn a_tag_without_one_value_is_an_error_and_a_foreign_one_another_tag() {
    let pair = |catalog: Option<&str>, key: &str, values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let pair = types::LfTagPair::builder().set_catalog_id(catalog.map(str::to_owned)).tag_key(key);
        pair.set_tag_values(Some(values)).build().unwrap()
    };
    let answer = |pairs: &[types::LfTagPair]| {
        GetResourceLfTagsOutput::builder().set_lf_tags_on_table(Some(pairs.to_vec())).build()
    };
    let table = TableName::new("d", "t");
    let mut reading = Reading::new("1");
    let read = |reading: &mut Reading<'_>, pairs: &[types::LfTagPair]| reading.table_tags(&table, &answer(pairs), None);
    read(&mut reading, &[pair(Some("1"), "Class", &["Personal"]), pair(Some("2"), "class", &["public"])]).unwrap();
    for bad in [vec![pair(None, "a", &[])], vec![pair(None, "a", &["1", "2"])], vec![pair(None, "a", &["1"]); 2]] {
        let error = read(&mut reading, &bad).unwrap_err().to_string();
        assert!(error.contains("no one value") && error.contains("d.t"), "{error}");
    }
    let found = reading.finish();
    assert_eq!(found.tags.len(), 1);
    assert_eq!(found.tags[0].tags, BTreeMap::from([("class".to_owned(), "personal".to_owned())]));
    assert!(found.problems[0].why.contains("another catalog: 2"), "{:?}", found.problems);
}

#[test]
fn an_inherited_tag_is_not_assigned_again_and_an_overridden_one_is() {
    let pair = |value: &str| types::LfTagPair::builder().tag_key("class").tag_values(value).build().unwrap();
    let column = |name: &str, value: &str| types::ColumnLfTag::builder().name(name).lf_tags(pair(value)).build();
    let answer = GetResourceLfTagsOutput::builder()
        .lf_tags_on_table(pair("internal"))
        .lf_tags_on_columns(column("a", "internal"))
        // As on the database, and not as on the table.
        .lf_tags_on_columns(column("b", "public"));
    let mut reading = Reading::new("1");
    let level = tags::Level::from([("class".to_owned(), "public".to_owned())]);
    reading.table_tags(&TableName::new("d", "t"), &answer.clone().build(), Some(&level)).unwrap();
    let twice = answer.lf_tags_on_columns(column("B", "internal")).build();
    assert!(reading.table_tags(&TableName::new("d", "t"), &twice, None).is_err());
    let found = reading.finish().tags;
    let values: Vec<_> = found.iter().map(|at| (at.column.as_deref(), at.tags["class"].as_str())).collect();
    assert_eq!(values, [(None, "internal"), (Some("b"), "public")]);
}

#[test]
fn what_changes_while_it_is_read_is_an_error() {
    let expression = |value: &str| {
        let tag = types::LfTag::builder().tag_key("a").tag_values(value).build().unwrap();
        types::LfTagExpression::builder().name("saved").expression(tag).build()
    };
    let mut reading = Reading::new("1");
    reading.expressions(&[expression("1"), expression("1")]).unwrap();
    assert!(reading.expressions(&[expression("2")]).is_err());
}

#[test]
fn a_caller_that_is_no_administrator_is_told() {
    let settings = |name: &str| {
        let admin = types::DataLakePrincipal::builder().data_lake_principal_identifier(name).build();
        types::DataLakeSettings::builder().read_only_admins(admin).build()
    };
    let caller = Caller {
        arn: "arn:aws:sts::111122223333:assumed-role/auditor/me".to_owned(),
        account: "111122223333".to_owned(),
    };
    for (name, wanted) in [("arn:aws:iam::111122223333:role/x/auditor", 0), ("arn:aws:iam::111122223333:role/other", 1)]
    {
        let mut reading = Reading::new("111122223333");
        reading.settings(&settings(name), &caller);
        let found = reading.finish();
        assert_eq!((found.administrators.len(), found.problems.len()), (1, wanted), "{name}");
    }
}
