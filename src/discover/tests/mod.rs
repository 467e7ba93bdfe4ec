//! The stage as a whole: documents in, [`Findings`] out.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::error::ErrorKind;
use crate::model::{ColumnPath, Identifier, Location, PathStep, TableName, TableSchema, TableSource};

mod columns;
mod output;
mod properties;
mod refusals;
mod samples;
mod shapes;

fn s3(bucket: &str, prefix: &str) -> Location {
    Location::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() }
}

fn text_fields(names: &[&str]) -> Vec<Field> {
    names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect()
}

fn table_of(name: &str, location: Location, fields: Vec<Field>, partitions: usize) -> TableSource {
    let schema = Arc::new(Schema::new(fields));
    let name = TableName::new("dataset", name);
    TableSource { locations: vec![location], schema: TableSchema::from_arrow(name, &schema, partitions) }
}

fn table(name: &str, location: Location, columns: &[&str]) -> TableSource {
    table_of(name, location, text_fields(columns), 0)
}

fn customer() -> TableSource {
    table("customer", s3("lake", "dataset/customer/"), &["id", "username", "name", "mail"])
}

fn lake() -> [Location; 1] {
    [s3("lake", "dataset/")]
}

/// A finding of one managed detection.
fn finding(id: &str, key: &str, detection: &Value) -> Value {
    json!({
        "schemaVersion": "1.0", "id": id, "type": "SensitiveData:S3Object/Personal", "category": "CLASSIFICATION",
        "archived": false, "sample": false, "severity": {"score": 3, "description": "High"}, "count": 1,
        "resourcesAffected": {
            "s3Bucket": {"name": "lake"}, "s3Object": {"key": key, "path": format!("lake/{key}"), "eTag": "e1"},
        },
        "classificationDetails": {
            "detailedResultsLocation": "s3://results/AWSLogs/r1.jsonl.gz", "jobId": "j",
            "result": {
                "status": {"code": "COMPLETE", "reason": null},
                "sensitiveData": [
                    {"category": "PERSONAL_INFORMATION", "totalCount": 1, "detections": [detection]},
                ],
                "customDataIdentifiers": {"totalCount": 0, "detections": []},
            },
        },
    })
}

/// The discovery result of the same.
fn discovery_result(id: &str, key: &str, detection: &Value) -> Value {
    let mut value = finding(id, key, detection);
    let object = value.as_object_mut().unwrap();
    for name in ["archived", "sample", "count"] {
        object.remove(name);
    }
    object["severity"] = json!({"score": "3", "description": "High"});
    value
}

fn at_paths(kind: &str, count: u64, paths: &[&str]) -> Value {
    let records: Vec<Value> =
        (0..).zip(paths).map(|(index, path)| json!({"recordIndex": index, "jsonPath": path})).collect();
    json!({"type": kind, "count": count, "occurrences": {"records": records, "cells": null, "pages": null}})
}

fn document(name: &str, text: impl Into<String>) -> Document {
    Document { name: name.to_owned(), bytes: text.into().into_bytes().into() }
}

fn collect(values: &[Value]) -> Collector {
    let mut collector = Collector::new(true);
    let text: String = values.iter().map(Value::to_string).collect();
    collector.read(&document("f.json", text)).unwrap();
    collector
}

fn found(values: &[Value]) -> Findings {
    collect(values).finish(&[customer()], &lake())
}

/// `column.path: IDENTIFIER×count …` of each place.
fn summary(findings: &Findings) -> Vec<String> {
    let line = |finding: &ColumnFinding| {
        let all: Vec<String> =
            finding.identifiers.iter().map(|(identifier, count)| format!("{identifier}×{count}")).collect();
        format!("{}.{}: {}", finding.table.table(), finding.path, all.join(" "))
    };
    findings.iter().map(line).collect()
}

/// INVARIANT of [`Totals`]: every record is in exactly one of these.
fn assert_nothing_is_lost(totals: &Totals) {
    let ends = totals.policy
        + totals.sample
        + totals.archived_ignored
        + totals.duplicates
        + totals.clean
        + totals.outside
        + totals.unmapped
        + totals.mapped;
    assert_eq!(ends, totals.records, "{totals:?}");
}

const CUSTOMER: &str = "dataset/customer/LOAD00000001.parquet";

#[test]
fn a_finding_names_its_columns() {
    let findings = found(&[finding("1", CUSTOMER, &at_paths("NAME", 30, &["$.name", "$.Name", "$.username"]))]);
    assert_eq!(summary(&findings), ["customer.name: NAME×30", "customer.username: NAME×30"]);
    findings.refusal(Accepted::default()).unwrap();
    let name = TableName::new("dataset", "customer");
    let columns = findings.column(&name, "name");
    assert_eq!(columns.len(), 1);
    assert_eq!(columns[0].evidence[0].finding_id, "1");
    assert_eq!(columns[0].evidence[0].origin, "f.json");
    assert_eq!(columns[0].evidence[0].object, format!("lake/{CUSTOMER}"));
    assert!(findings.column(&name, "id").is_empty());
}
