//! The client against a small HTTP stub of the two operations.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_macie2::config::retry::RetryConfig;
use aws_sdk_macie2::config::{BehaviorVersion, Builder, Region};
use tiny_http::{Header, Response, Server};

use super::*;
use crate::discover::{Channel, Collector};
use crate::model::{Location, TableName, TableSchema, TableSource};

const PAGE: usize = 40;

/// How the stub misbehaves.
#[allow(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
#[derive(Clone, Copy, Default)]
struct Faults {
    throttled_calls: usize,
    denied: bool,
    forgets: bool,
    repeats_pages: bool,
    html: bool,
}

struct Stub {
    server: Arc<Server>,
    url: String,
    calls: Arc<Mutex<HashMap<String, usize>>>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

fn finding(number: usize) -> Value {
    let records = json!({"records": [{"jsonPath": "$.name", "recordIndex": 0}], "cells": [{"row": 2, "column": 1, "columnName": "mail"}]});
    let category = if number == 7 { "POLICY" } else { "CLASSIFICATION" };
    json!({
        "id": format!("f-{number:03}"), "category": category, "type": "SensitiveData:S3Object/Multiple",
        "archived": number.is_multiple_of(10), "sample": number == 8, "createdAt": "2021-11-22T21:22:03.967Z",
        "severity": {"score": 3, "description": "High"}, "count": 1,
        "resourcesAffected": {"s3Bucket": {"name": "lake"}, "s3Object": {
            "key": format!("t/part+{number}.parquet"), "path": format!("lake/t/part+{number}.parquet"), "eTag": "e"}},
        "classificationDetails": if number == 7 { Value::Null } else { json!({
            "detailedResultsLocation": format!("s3://results/{number}.jsonl.gz"), "jobId": "j",
            "originType": "SENSITIVE_DATA_DISCOVERY_JOB",
            "result": {
                "status": {"code": "PARTIAL", "reason": "TIME_CUT_OFF_REACHED"}, "mimeType": "application/parquet",
                "sensitiveData": [{"category": "A_CATEGORY_OF_TOMORROW", "totalCount": 5, "detections": [
                    {"type": "NAME", "count": 5, "occurrences": records},
                    {"type": "ADDRESS", "count": 5, "occurrences": {"pages": [{"pageNumber": 2}]}}]}],
                "customDataIdentifiers": {"totalCount": 1, "detections": [
                    {"arn": "u-1", "name": "mail", "count": 1, "occurrences": records}]},
            }})
        },
    })
}

/// Serves `all` findings until it is dropped.
fn stub(all: usize, faults: Faults) -> Stub {
    let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
    let url = format!("http://{}", server.server_addr().to_ip().unwrap());
    let calls: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let (listener, counter) = (Arc::clone(&server), Arc::clone(&calls));
    std::thread::spawn(move || {
        let mut left = faults.throttled_calls;
        for mut request in listener.incoming_requests() {
            let body: Value = serde_json::from_reader(request.as_reader()).unwrap_or_default();
            *counter.lock().unwrap().entry(request.url().to_owned()).or_default() += 1;
            let (status, reply) = if left > 0 {
                left -= 1;
                (429, json!({"__type": "ThrottlingException", "message": "secret text"}))
            } else if faults.denied {
                (403, json!({"__type": "AccessDeniedException", "message": "secret text"}))
            } else if request.url() == "/findings" {
                (200, list(all, &body, faults))
            } else {
                describe(&body, faults)
            };
            let (text, kind) = match (faults.html, status) {
                (true, _) => ("<html>Not Found</html>".to_owned(), "text/html"),
                (false, _) => (reply.to_string(), "application/json"),
            };
            let header = Header::from_bytes("content-type", kind).unwrap();
            let status = if faults.html { 404 } else { status };
            let length = text.len();
            let response =
                Response::new(status.into(), vec![header], Cursor::new(text.into_bytes()), Some(length), None);
            let _ = request.respond(response);
        }
    });
    Stub { server, url, calls }
}

/// Without an `archived` criterion the stub hides suppressed findings, as Macie might.
fn list(all: usize, body: &Value, faults: Faults) -> Value {
    let criteria = &body["findingCriteria"]["criterion"];
    assert_eq!(criteria["category"]["eq"], json!(["CLASSIFICATION"]));
    let archived = criteria["archived"]["eq"] == json!(["true"]);
    let ids: Vec<Value> = (0..all)
        .map(finding)
        .filter(|finding| finding["archived"] == json!(archived))
        .map(|finding| finding["id"].clone())
        .collect();
    let start: usize = body["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
    let end = (start + PAGE).min(ids.len());
    let next = if faults.repeats_pages { json!("0") } else { json!(end.to_string()) };
    json!({"findingIds": ids[start..end], "nextToken": if end < ids.len() || faults.repeats_pages { next } else { json!("") }})
}

fn describe(body: &Value, faults: Faults) -> (u16, Value) {
    let ids = body["findingIds"].as_array().unwrap();
    if ids.len() > 50 {
        return (400, json!({"__type": "ValidationException", "message": "too many ids"}));
    }
    let number = |id: &Value| id.as_str().unwrap().trim_start_matches("f-").parse::<usize>().unwrap();
    let findings = ids.iter().skip(usize::from(faults.forgets)).map(|id| finding(number(id)));
    (200, json!({"findings": findings.collect::<Vec<_>>()}))
}

fn builder(url: &str) -> Builder {
    aws_sdk_macie2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
}

fn macie(url: &str) -> Macie {
    let credentials = Credentials::new("id", "key", None, None, "test");
    Macie::new(Client::from_conf(builder(url).credentials_provider(credentials).build()))
}

#[tokio::test]
async fn all_pages_are_listed_and_described_fifty_at_a_time() {
    let stub = stub(203, Faults { throttled_calls: 2, ..Faults::default() });
    let values = macie(&stub.url).findings().await.unwrap();
    assert_eq!(values.len(), 203);
    let calls = stub.calls.lock().unwrap();
    // 182 open findings on 5 pages and 21 archived ones on one, two calls throttled; 203 ids in 5 chunks.
    assert_eq!((calls["/findings"], calls["/findings/describe"]), (8, 5));
    let columns =
        ["name", "mail"].map(|name| arrow::datatypes::Field::new(name, arrow::datatypes::DataType::Utf8, true));
    let schema = Arc::new(arrow::datatypes::Schema::new(columns.to_vec()));
    let location = Location::S3 { bucket: "lake".to_owned(), prefix: "t/".to_owned() };
    let table = TableName::new("dataset", "t");
    let tables = [TableSource { locations: vec![location], schema: TableSchema::from_arrow(table, &schema, 0) }];
    // What came through the client is what a file of the same findings gives.
    let mut live = Collector::new(true);
    live.read_values("macie", values).unwrap();
    let mut from_file = Collector::new(true);
    from_file.read_values("macie", (0..203).map(finding).collect()).unwrap();
    assert_eq!(live.detail_locations(&tables, &[]), from_file.detail_locations(&tables, &[]));
    let findings = live.finish(&tables, &[]);
    assert_eq!(findings, from_file.finish(&tables, &[]));
    let totals = findings.totals();
    assert_eq!((totals.mapped, totals.policy, totals.sample, totals.incomplete), (201, 1, 1, 201));
    assert_eq!((findings.iter().count(), findings.unlocated().len()), (2, 201));
    assert!(findings.iter().all(|finding| finding.evidence[0].channel == Channel::Finding));
}

#[tokio::test]
async fn no_findings_are_no_error() {
    let stub = stub(0, Faults::default());
    assert_eq!(macie(&stub.url).findings().await.unwrap(), Vec::<Value>::new());
}

#[tokio::test]
async fn failures_say_what_to_do_and_not_what_the_service_said() {
    let cases = [
        (Faults { denied: true, ..Faults::default() }, ["access to Macie is denied", "AccessDeniedException"]),
        (Faults { throttled_calls: 99, ..Faults::default() }, ["Macie throttles its callers", "ThrottlingException"]),
        (Faults { forgets: true, ..Faults::default() }, ["does not return some findings", "missing: 1"]),
        (Faults { repeats_pages: true, ..Faults::default() }, ["repeats a page", "ListFindings"]),
        (Faults { html: true, ..Faults::default() }, ["does not answer as expected", "HTTP status: 404"]),
    ];
    for (faults, parts) in cases {
        let stub = stub(60, faults);
        let error = macie(&stub.url).findings().await.unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{part} is missing in {error}");
        }
        assert!(error.contains("hint: ") && !error.contains("secret text"), "{error}");
    }
}

#[tokio::test]
async fn missing_credentials_and_unreachable_services_are_told_apart() {
    let unreachable = macie("http://127.0.0.1:1").findings().await.unwrap_err().to_string();
    assert!(unreachable.contains("cannot be reached"), "{unreachable}");
    let stub = stub(1, Faults::default());
    let empty = aws_credential_types::provider::SharedCredentialsProvider::new(NoCredentials);
    let none = Macie::new(Client::from_conf(builder(&stub.url).credentials_provider(empty).build()));
    let error = none.findings().await.unwrap_err().to_string();
    assert!(error.contains("no AWS credentials"), "{error}");
}

#[derive(Debug)]
struct NoCredentials;

impl aws_credential_types::provider::ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let error = CredentialsError::not_loaded("none");
        aws_credential_types::provider::future::ProvideCredentials::ready(Err(error))
    }
}
