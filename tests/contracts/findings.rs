//! The contract of `discover::LiveFindings`: what the live service tells is what a file with the same findings tells.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use saltlake::backend::aws::macie::Macie;
use saltlake::discover::{Collector, Document, Findings, LiveFindings};
use saltlake::error::{ErrorKind, Result};
use saltlake::model::{Location, TableName, TableSchema, TableSource};
use serde_json::{Value, json};

use super::place::{Place, apart};
use crate::support::macie_stub::{MacieStub, add_custom, finding};
use crate::support::stub::Stub;

const KEY: &str = "dataset/customer/LOAD00000001.parquet";

fn tables() -> Vec<TableSource> {
    let names = ["id", "name", "mail", "card number", "birthdate", "address"];
    let fields: Vec<Field> = names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let name = TableName::new("dataset", "customer");
    vec![TableSource {
        locations: vec![place("s3://lake/dataset/customer/")],
        schema: TableSchema::from_arrow(name, &schema, 0),
    }]
}

fn place(text: &str) -> Location {
    Location::parse(text, std::path::Path::new("/")).unwrap()
}

/// A finding of every shape that the API has: records, cells, no column, a custom identifier, archived, sample, policy,
/// another bucket, no table.
fn findings() -> Vec<Value> {
    let name = ("NAME", "PERSONAL_INFORMATION", "$.name");
    let card = ("CREDIT_CARD_NUMBER", "FINANCIAL_INFORMATION", "$['card number']");
    let mut custom = finding("lake", KEY, &[name]);
    add_custom(&mut custom, "8a3f8f2e-0000-4000-8000-000000000001", "our mail", "$.mail");
    let mut archived = finding("lake", KEY, &[("DATE_OF_BIRTH", "PERSONAL_INFORMATION", "$.birthdate")]);
    archived["archived"] = json!(true);
    let mut sample = finding("lake", KEY, &[name]);
    sample["sample"] = json!(true);
    let mut cells = finding("lake", KEY, &[card]);
    let detection = &mut cells["classificationDetails"]["result"]["sensitiveData"][0]["detections"][0];
    detection["count"] = json!(7);
    detection["occurrences"] = json!({ "cells": [
        { "cellReference": null, "column": 6, "columnName": "address", "row": 3 },
        { "cellReference": null, "column": 6, "columnName": "address", "row": 4 },
    ] });
    let mut nowhere = finding("lake", KEY, &[card]);
    nowhere["classificationDetails"]["result"]["sensitiveData"][0]["detections"][0]["occurrences"] = Value::Null;
    let policy = json!({
        "id": "0123456789abcdef0123456789abcdef", "category": "POLICY", "type": "Policy:IAMUser/S3BucketPublic",
        "archived": false, "sample": false, "schemaVersion": "1.0",
        "resourcesAffected": { "s3Bucket": { "name": "lake" } },
    });
    let mut detailed = finding("lake", KEY, &[name, card]);
    detailed["classificationDetails"]["detailedResultsLocation"] = json!("s3://results/AWSLogs/x.jsonl.gz");
    let outside = finding("another", "x.csv", &[name]);
    let unmapped = finding("lake", "dataset/loose.parquet", &[name]);
    vec![custom, archived, sample, cells, nowhere, policy, detailed, outside, unmapped]
}

fn service(stub: &Stub) -> (Place, Macie) {
    let endpoint = format!("aws.endpoints.macie2={}", stub.endpoint());
    let place = Place::bucket(&[&endpoint]);
    let macie = place.run(place.backend.macie());
    (place, macie)
}

fn from_file(findings: &[Value], read: impl FnOnce(&mut Collector) -> Result<()>) -> Findings {
    assert!(!findings.is_empty());
    let mut collector = Collector::new(true);
    read(&mut collector).unwrap();
    collector.finish(&tables(), &[place("s3://lake/dataset/")])
}

/// All that findings say, without where they were read and how many documents that took.
fn gist(findings: &Findings) -> String {
    let columns = serde_json::to_string(findings).unwrap().replace("\"macie\"", "\"file\"");
    let totals = findings.totals();
    let lists = format!("{:?}{:?}", findings.unlocated(), findings.unmapped()).replace("\"macie\"", "\"file\"");
    format!("{columns}\n{lists}\nmapped {} outside {} sample {}", totals.mapped, totals.outside, totals.sample)
}

#[test]
fn live_findings_say_what_the_same_findings_in_a_file_say() {
    apart("contracts::findings::live_findings_say_what_the_same_findings_in_a_file_say", || {
        let all = findings();
        let stub = MacieStub::new(all.clone()).page_size(2).throttle_every(3).start();
        let (place, macie) = service(&stub);
        let values = place.run(macie.findings());
        let live = from_file(&all, |collector| collector.read_values("macie", values));
        let text: String = all.iter().map(Value::to_string).collect();
        let document = Document { name: "file".to_owned(), bytes: text.into() };
        let read = from_file(&all, |collector| collector.read(&document));
        assert_eq!(gist(&live), gist(&read));
        let name = TableName::new("dataset", "customer");
        for column in ["name", "mail", "card number", "birthdate", "address"] {
            assert_eq!(live.column(&name, column).len(), 1, "{column}");
        }
        assert_eq!((live.unlocated().len(), live.unmapped().len()), (1, 1), "{}", gist(&live));
        assert_eq!((live.totals().outside, live.totals().sample), (1, 1));
    });
}

#[test]
fn every_finding_of_a_large_account_is_fetched_once() {
    apart("contracts::findings::every_finding_of_a_large_account_is_fetched_once", || {
        let all: Vec<Value> = (0..137)
            .map(|number| {
                let mut made = finding("lake", KEY, &[("NAME", "PERSONAL_INFORMATION", "$.name")]);
                made["archived"] = json!(number % 10 == 0);
                made
            })
            .collect();
        let stub = MacieStub::new(all.clone()).page_size(20).start();
        let (place, macie) = service(&stub);
        let mut ids: Vec<String> =
            place.run(macie.findings()).iter().map(|value| value["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        let mut wanted: Vec<String> = all.iter().map(|value| value["id"].as_str().unwrap().to_owned()).collect();
        wanted.sort();
        assert_eq!(ids, wanted);
        let asked = stub.asked();
        assert_eq!(asked.iter().filter(|call| call.path == "/findings/describe").count(), 3);
        for call in asked {
            assert!(call.header("authorization").unwrap().contains("/macie2/aws4_request"), "an unsigned call");
        }
    });
}

#[test]
fn a_service_that_does_not_tell_all_is_an_error() {
    apart("contracts::findings::a_service_that_does_not_tell_all_is_an_error", || {
        let denied = MacieStub::new(findings()).deny().start();
        let (place, macie) = service(&denied);
        let error = place.fail(ErrorKind::Failed, macie.findings());
        assert!(error.to_string().contains("access to Macie is denied"), "{error}");
        assert!(error.to_string().contains("macie2:ListFindings"), "{error}");
        drop(place);

        // It lists an id that it does not describe.
        let stub = Stub::serve(move |_| crate::support::stub::Reply {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            body: br#"{"findingIds":["0123456789abcdef0123456789abcdef"],"findings":[]}"#.to_vec(),
        });
        let (place, macie) = service(&stub);
        let error = place.fail(ErrorKind::Failed, macie.findings());
        assert!(error.to_string().contains("missing: 1"), "{error}");
    });
}
