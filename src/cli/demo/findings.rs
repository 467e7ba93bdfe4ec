//! Macie findings about the demo's files, as EventBridge words them and Firehose stores them.
//!
//! INVARIANT: no chance and no clock. The same files give the same bytes.

use serde_json::{Value, json};

use super::data::{LOCATIONS_MAX, Tally, WrittenFile};

/// Where Firehose would put the file, below the folder of findings: a folder by the hour, a name without extension.
pub(super) const FIREHOSE_KEY: &str =
    "2026/01/15/08/demo-findings-1-2026-01-15-08-00-00-5a171a4e-0000-4000-8000-000000000000";

/// The bucket that the findings are about. There is none: settings say which folder is its copy.
const BUCKET: &str = "saltlake-demo-raw";

/// The account that AWS keeps for examples.
const ACCOUNT: &str = "111122223333";

const REGION: &str = "eu-central-1";

const JOB: &str = "5a171a4e0000000000000000000000aa";

/// When the findings were made. They are as old as the file that holds them says.
const CREATED_AT: &str = "2026-01-15T07:59:41.967Z";

/// Macie stops counting names there, in every file.
const NAMES_MAX: u64 = 1_000;

/// What a scan looks for in a table.
struct Detector {
    kind: Kind,
    columns: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Macie's own, with its category.
    Managed(&'static str, &'static str),
    /// The customer's own, with its name. Macie tells it by a UUID.
    Custom(&'static str, &'static str),
}

use Kind::{Custom, Managed};

const CUSTOMER: &[Detector] = &[
    Detector { kind: Managed("NAME", "PERSONAL_INFORMATION"), columns: &["name"] },
    Detector { kind: Managed("DATE_OF_BIRTH", "PERSONAL_INFORMATION"), columns: &["birthdate"] },
    Detector { kind: Custom("5a171a4e-1111-4a11-8a11-0000000000c1", "username"), columns: &["username"] },
    Detector { kind: Custom("5a171a4e-2222-4a22-8a22-0000000000c2", "mail"), columns: &["mail"] },
];

const CARD: &[Detector] = &[
    Detector { kind: Managed("CREDIT_CARD_NUMBER", "FINANCIAL_INFORMATION"), columns: &["card_number"] },
    Detector { kind: Managed("CREDIT_CARD_EXPIRATION", "FINANCIAL_INFORMATION"), columns: &["card_expiration"] },
    Detector { kind: Managed("CREDIT_CARD_SECURITY_CODE", "FINANCIAL_INFORMATION"), columns: &["card_security_code"] },
];

const BANK: &[Detector] = &[
    Detector { kind: Managed("UK_BANK_ACCOUNT_NUMBER", "FINANCIAL_INFORMATION"), columns: &["iban", "bban"] },
    Detector { kind: Custom("5a171a4e-3333-4a33-8a33-0000000000c3", "account_number"), columns: &["account_number"] },
];

/// An object of the bucket.
pub(super) struct Object<'a> {
    /// Its key.
    pub(super) key: String,
    /// The table it is a file of.
    pub(super) table: &'a str,
    /// What it holds.
    pub(super) file: &'a WrittenFile,
}

/// One event for each object and one about the bucket, without anything between them: Firehose adds no line breaks.
pub(super) fn delivery(objects: &[Object<'_>]) -> String {
    let findings = (1..).zip(objects).map(|(number, object)| event(number, &finding(number, object)));
    let policy = event(objects.len() + 1, &policy_finding(objects.len() + 1));
    findings.chain([policy]).map(|event| event.to_string()).collect()
}

/// The envelope in which EventBridge delivers a finding.
fn event(number: usize, finding: &Value) -> Value {
    json!({
        "version": "0",
        "id": format!("5a171a4e-0000-4000-9000-{number:012}"),
        "detail-type": "Macie Finding",
        "source": "aws.macie",
        "account": ACCOUNT,
        "time": "2026-01-15T08:00:00Z",
        "region": REGION,
        "resources": [],
        "detail": finding,
    })
}

fn finding(number: usize, object: &Object<'_>) -> Value {
    let detections = detections(detectors(object.table), &object.file.tallies);
    let categories = categories(&detections);
    let (kind, title) = kind_and_title(&categories);
    let (score, description) = severity(&detections);
    json!({
        "schemaVersion": "1.0",
        "id": finding_id(number),
        "accountId": ACCOUNT,
        "partition": "aws",
        "region": REGION,
        "type": kind,
        "title": title,
        "description": title,
        "severity": { "score": score, "description": description },
        "createdAt": CREATED_AT,
        "updatedAt": CREATED_AT,
        "count": 1,
        "resourcesAffected": { "s3Bucket": bucket(), "s3Object": s3_object(object) },
        "category": "CLASSIFICATION",
        "classificationDetails": {
            "jobArn": format!("arn:aws:macie2:{REGION}:{ACCOUNT}:classification-job/{JOB}"),
            "jobId": JOB,
            "originType": "SENSITIVE_DATA_DISCOVERY_JOB",
            "detailedResultsLocation": format!(
                "s3://[export-config-not-set]/AWSLogs/{ACCOUNT}/Macie/{REGION}/{JOB}/{ACCOUNT}/\
                 5a171a4e-0000-4000-a000-{number:012}.jsonl.gz"
            ),
            "result": result(&detections, &categories, object.file.bytes),
        },
        "policyDetails": null,
        "sample": false,
        "archived": false,
    })
}

fn finding_id(number: usize) -> String {
    format!("5a171a4e{number:024x}")
}

fn detectors(table: &str) -> &'static [Detector] {
    match table {
        "customer" => CUSTOMER,
        "card" => CARD,
        "bank" => BANK,
        _ => &[],
    }
}

/// What one detector found.
struct Detection {
    kind: Kind,
    count: u64,
    /// Columns and rows of some of it.
    places: Vec<(&'static str, u64)>,
}

/// What detectors find. A finding has room for 15 places: the detectors share it.
fn detections(detectors: &[Detector], tallies: &[Tally]) -> Vec<Detection> {
    let each = LOCATIONS_MAX.checked_div(detectors.len()).unwrap_or_default();
    let more = LOCATIONS_MAX.checked_rem(detectors.len()).unwrap_or_default();
    let found = detectors.iter().enumerate().map(|(index, detector)| {
        let tallies: Vec<&Tally> =
            detector.columns.iter().filter_map(|name| tallies.iter().find(|tally| tally.column == *name)).collect();
        let count = tallies.iter().map(|tally| tally.values).sum::<u64>();
        let most = if matches!(detector.kind, Managed("NAME", _)) { NAMES_MAX } else { u64::MAX };
        let places = places(&tallies, each + usize::from(index < more));
        Detection { kind: detector.kind, count: count.min(most), places }
    });
    found.filter(|detection| detection.count > 0).collect()
}

/// The first places, row by row, and in each row column by column.
fn places(tallies: &[&Tally], most: usize) -> Vec<(&'static str, u64)> {
    (0..most)
        .flat_map(|nth| tallies.iter().filter_map(move |tally| Some((tally.column, *tally.first_rows.get(nth)?))))
        .take(most)
        .collect()
}

/// The categories of Macie's own identifiers, each once. One that is the customer's own counts as `None`.
fn categories(detections: &[Detection]) -> Vec<Option<&'static str>> {
    let mut categories: Vec<Option<&'static str>> = detections
        .iter()
        .map(|detection| match detection.kind {
            Managed(_, category) => Some(category),
            Custom(..) => None,
        })
        .collect();
    categories.sort_unstable();
    categories.dedup();
    categories
}

fn kind_and_title(categories: &[Option<&str>]) -> (&'static str, &'static str) {
    match categories {
        [Some("FINANCIAL_INFORMATION")] => {
            ("SensitiveData:S3Object/Financial", "The S3 object contains financial information")
        }
        [Some("PERSONAL_INFORMATION")] => {
            ("SensitiveData:S3Object/Personal", "The S3 object contains personal information")
        }
        [None] => ("SensitiveData:S3Object/CustomIdentifier", "The S3 object contains custom sensitive data"),
        _ => ("SensitiveData:S3Object/Multiple", "The S3 object contains multiple categories of sensitive data"),
    }
}

/// The highest of all detections.
fn severity(detections: &[Detection]) -> (u8, &'static str) {
    let score = detections.iter().map(|detection| match detection.kind {
        Managed("NAME" | "DATE_OF_BIRTH" | "CREDIT_CARD_EXPIRATION" | "CREDIT_CARD_SECURITY_CODE", _) => {
            match detection.count {
                0..=1 => 1,
                2..=99 => 2,
                _ => 3,
            }
        }
        Managed(..) => 3,
        Custom(..) => 2,
    });
    match score.max().unwrap_or(1) {
        1 => (1, "Low"),
        2 => (2, "Medium"),
        _ => (3, "High"),
    }
}

fn result(detections: &[Detection], categories: &[Option<&'static str>], bytes: u64) -> Value {
    let of = |category: Option<&str>| -> Vec<&Detection> {
        let is_of = |detection: &&Detection| match detection.kind {
            Managed(_, its) => Some(its) == category,
            Custom(..) => category.is_none(),
        };
        detections.iter().filter(is_of).collect()
    };
    let total = |detections: &[&Detection]| detections.iter().map(|detection| detection.count).sum::<u64>();
    let show = |detections: &[&Detection]| detections.iter().map(|it| detection(it)).collect::<Vec<_>>();
    let managed: Vec<Value> = categories
        .iter()
        .filter(|category| category.is_some())
        .map(|category| {
            let detections = of(*category);
            json!({ "category": category, "totalCount": total(&detections), "detections": show(&detections) })
        })
        .collect();
    let custom = of(None);
    let listed: u64 = detections.iter().map(|detection| detection.places.len() as u64).sum();
    let found: u64 = detections.iter().map(|detection| detection.count).sum();
    json!({
        "status": { "code": "COMPLETE", "reason": null },
        "mimeType": "application/parquet",
        "sizeClassified": bytes,
        "additionalOccurrences": found > listed,
        "sensitiveData": managed,
        "customDataIdentifiers": { "totalCount": total(&custom), "detections": show(&custom) },
    })
}

fn detection(detection: &Detection) -> Value {
    let records: Vec<Value> = detection
        .places
        .iter()
        .map(|(column, row)| json!({ "jsonPath": format!("$.{column}"), "recordIndex": row }))
        .collect();
    let occurrences =
        json!({ "records": records, "lineRanges": null, "offsetRanges": null, "pages": null, "cells": null });
    match detection.kind {
        Managed(id, _) => json!({ "type": id, "count": detection.count, "occurrences": occurrences }),
        // The member is called `arn` and holds a UUID.
        Custom(id, name) => {
            json!({ "arn": id, "name": name, "count": detection.count, "occurrences": occurrences })
        }
    }
}

fn bucket() -> Value {
    json!({
        "arn": format!("arn:aws:s3:::{BUCKET}"),
        "name": BUCKET,
        "createdAt": "2025-11-03T09:12:20.000Z",
        "owner": { "displayName": null, "id": null },
        "tags": [],
        "defaultServerSideEncryption": { "encryptionType": "AES256", "kmsMasterKeyId": null },
        "allowsUnencryptedObjectUploads": "TRUE",
    })
}

fn s3_object(object: &Object<'_>) -> Value {
    json!({
        "bucketArn": format!("arn:aws:s3:::{BUCKET}"),
        "key": object.key,
        "path": format!("{BUCKET}/{}", object.key),
        "extension": "parquet",
        "lastModified": "2026-01-15T06:30:12.000Z",
        "etag": object.file.etag,
        "versionId": "",
        "serverSideEncryption": { "encryptionType": "AES256", "kmsMasterKeyId": null },
        "size": object.file.bytes,
        "storageClass": "STANDARD",
        "tags": [],
        "publicAccess": false,
    })
}

/// A finding about the bucket and not about data, as a real stream holds them too.
fn policy_finding(number: usize) -> Value {
    json!({
        "schemaVersion": "1.0",
        "id": finding_id(number),
        "accountId": ACCOUNT,
        "partition": "aws",
        "region": REGION,
        "type": "Policy:IAMUser/S3BlockPublicAccessDisabled",
        "title": "Block public access settings are disabled for the S3 bucket",
        "description": "All Amazon S3 block public access settings are disabled for the bucket.",
        "severity": { "score": 3, "description": "High" },
        "createdAt": "2026-01-14T15:46:02.000Z",
        "updatedAt": CREATED_AT,
        "count": 2,
        "resourcesAffected": { "s3Bucket": bucket(), "s3Object": null },
        "category": "POLICY",
        "classificationDetails": null,
        "policyDetails": {
            "action": {
                "actionType": "AWS_API_CALL",
                "apiCallDetails": {
                    "api": "PutBucketPublicAccessBlock",
                    "apiServiceName": "s3.amazonaws.com",
                    "firstSeen": "2026-01-14T15:46:02.401Z",
                    "lastSeen": CREATED_AT,
                },
            },
            "actor": { "domainDetails": null, "ipAddressDetails": null, "userIdentity": null },
        },
        "sample": false,
        "archived": false,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};

    use super::super::data::{TABLES, write};
    use super::*;
    use crate::discover::{Collector, Document};
    use crate::model::{Location, TableName, TableSchema, TableSource};

    fn delivered(rows: usize) -> String {
        let files: Vec<_> = TABLES.iter().map(|table| write(table, rows, std::io::sink()).unwrap()).collect();
        let objects: Vec<_> = TABLES
            .iter()
            .zip(&files)
            .map(|(table, file)| Object {
                key: format!("dataset/{}/LOAD00000001.parquet", table.name),
                table: table.name,
                file,
            })
            .collect();
        delivery(&objects)
    }

    fn events(text: &str) -> Vec<Value> {
        serde_json::Deserializer::from_str(text).into_iter().map(Result::unwrap).collect()
    }

    fn sources() -> Vec<TableSource> {
        let source = |table: &super::super::data::Table| {
            let fields: Vec<Field> =
                table.columns.iter().map(|column| Field::new(*column, DataType::Utf8, true)).collect();
            let schema = Arc::new(Schema::new(fields));
            let location = Location::parse("s3://saltlake-demo-raw/dataset/", Path::new("/")).unwrap();
            TableSource {
                locations: vec![location.child(table.name)],
                schema: TableSchema::from_arrow(TableName::new("dataset", table.name), &schema, 0),
            }
        };
        TABLES.iter().map(source).collect()
    }

    #[test]
    fn events_stand_back_to_back_as_firehose_leaves_them() {
        let text = delivered(50);
        assert!(text.starts_with('{') && text.ends_with('}') && !text.contains('\n'));
        let events = events(&text);
        assert_eq!(events.len(), 4);
        for event in &events {
            assert_eq!(event["detail-type"], "Macie Finding");
            assert_eq!(event["source"], "aws.macie");
        }
        assert_eq!(events[3]["detail"]["category"], "POLICY");
        assert_eq!(text, delivered(50));
    }

    #[test]
    fn a_finding_names_15_places_at_most_and_none_that_is_empty() {
        for rows in [1, 3, 2_000] {
            for event in &events(&delivered(rows))[..3] {
                let result = &event["detail"]["classificationDetails"]["result"];
                let managed = result["sensitiveData"].as_array().unwrap().iter();
                let detections: Vec<&Value> = managed
                    .flat_map(|category| category["detections"].as_array().unwrap())
                    .chain(result["customDataIdentifiers"]["detections"].as_array().unwrap())
                    .collect();
                let places = |detection: &Value| detection["occurrences"]["records"].as_array().unwrap().len();
                assert!(detections.iter().all(|detection| places(detection) > 0), "{rows}");
                let all: usize = detections.into_iter().map(places).sum();
                assert!(if rows == 2_000 { all == 15 } else { all <= 15 }, "{rows}: {all}");
            }
        }
    }

    #[test]
    fn the_reader_maps_every_finding_to_its_column() {
        for rows in [1, 2, 2_000] {
            let mut collector = Collector::new(true);
            let bytes = delivered(rows).into_bytes().into();
            collector.read(&Document { name: FIREHOSE_KEY.to_owned(), bytes }).unwrap();
            let sources = sources();
            assert!(collector.detail_locations(&sources, &[]).is_empty());
            let findings = collector.finish(&sources, &[]);
            assert_eq!((findings.totals().policy, findings.totals().mapped), (1, 3));
            let found: BTreeMap<String, Vec<String>> = findings
                .iter()
                .map(|finding| {
                    let place = format!("{}.{}", finding.table.table(), finding.path);
                    (place, finding.identifiers.keys().map(ToString::to_string).collect())
                })
                .collect();
            let expected = [
                ("bank.account_number", "custom:account_number"),
                ("bank.bban", "UK_BANK_ACCOUNT_NUMBER"),
                ("bank.iban", "UK_BANK_ACCOUNT_NUMBER"),
                ("card.card_expiration", "CREDIT_CARD_EXPIRATION"),
                ("card.card_number", "CREDIT_CARD_NUMBER"),
                ("card.card_security_code", "CREDIT_CARD_SECURITY_CODE"),
                ("customer.birthdate", "DATE_OF_BIRTH"),
                ("customer.mail", "custom:mail"),
                ("customer.name", "NAME"),
                ("customer.username", "custom:username"),
            ];
            let expected = expected.map(|(place, identifier)| (place.to_owned(), vec![identifier.to_owned()]));
            assert_eq!(found, BTreeMap::from(expected), "{rows}");
        }
    }

    #[test]
    fn counts_are_those_of_the_files() {
        let events = events(&delivered(2_000));
        let managed = &events[0]["detail"]["classificationDetails"]["result"]["sensitiveData"][0];
        assert_eq!(managed["detections"][0]["count"], NAMES_MAX);
        let birthdates = write(&TABLES[0], 2_000, std::io::sink()).unwrap().tallies[4].clone();
        assert_eq!((birthdates.column, &managed["detections"][1]["count"]), ("birthdate", &birthdates.values.into()));
        assert!(birthdates.values < 2_000);
    }
}
