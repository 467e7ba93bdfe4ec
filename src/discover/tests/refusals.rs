//! What names no column or no table.

use super::*;

#[test]
fn a_detection_without_a_column_is_refused_by_name() {
    let nowhere = json!({"count": 1, "type": "NAME"});
    let cases = [
        (json!({"count": 1, "type": "NAME"}), Reason::NoLocations),
        (json!({"type": "NAME"}), Reason::NoLocations),
        (json!({"count": 1, "type": "NAME", "occurrences": null}), Reason::NoLocations),
        (json!({"count": 1, "type": "NAME", "occurrences": {"records": null, "cells": []}}), Reason::NoLocations),
        (json!({"count": 1, "type": "NAME", "occurrences": {"records": [{"recordIndex": 1}]}}), Reason::NoPath),
        (json!({"count": 1, "type": "NAME", "occurrences": {"records": [{"jsonPath": ""}]}}), Reason::NoPath),
        (at_paths("NAME", 1, &["$.nome"]), Reason::UnknownPath),
        (at_paths("NAME", 1, &["$[0]"]), Reason::UnknownPath),
        (at_paths("NAME", 1, &["$.*"]), Reason::UnknownPath),
        (at_paths("NAME", 1, &["name"]), Reason::UnreadablePath),
        (at_paths("NAME", 1, &["$..x.y"]), Reason::CutPath),
        (json!({"count": 1, "type": "NAME", "occurrences": {"cells": [{"row": 2}]}}), Reason::UnknownCell),
        (json!({"count": 1, "type": "NAME", "occurrences": {"lineRanges": [{"start": 1}]}}), Reason::NotColumns),
        (json!({"count": 1, "type": "NAME", "occurrences": {"pages": [{"pageNumber": 1}]}}), Reason::NotColumns),
        (json!({"count": 1, "type": "NAME", "occurrences": {"offsetRanges": [{}]}}), Reason::NotColumns),
    ];
    for (detection, reason) in cases {
        let findings = found(&[finding("f-1", CUSTOMER, &detection)]);
        let reasons: Vec<Reason> = findings.unlocated().iter().map(|unlocated| unlocated.reason).collect();
        assert_eq!(reasons, [reason], "{detection}");
        let error = findings.refusal(Accepted::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        let text = error.to_string();
        for part in ["dataset.customer: NAME", "finding f-1 in f.json", "unlocated = \"accept\"", reason.text()] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        findings.refusal(Accepted { unlocated: true, unmapped: false }).unwrap();
        findings.refusal(Accepted { unlocated: false, unmapped: true }).unwrap_err();
    }
    let mut embedded = finding("1", CUSTOMER, &at_paths("NAME", 1, &["$.name"]));
    embedded["resourcesAffected"]["s3Object"]["embeddedFileDetails"] = json!({"filePath": "a.parquet"});
    let findings = found(&[embedded]);
    assert_eq!(findings.unlocated()[0].reason, Reason::EmbeddedFile);
    assert_eq!(findings.iter().count(), 0);
    // Located and lost at once: both.
    let mut both = at_paths("NAME", 2, &["$.name"]);
    both["occurrences"]["records"].as_array_mut().unwrap().push(json!({"recordIndex": 9}));
    let findings = found(&[finding("1", CUSTOMER, &both)]);
    assert_eq!((findings.iter().count(), findings.unlocated().len()), (1, 1));
    // Counted zero times and nowhere: nothing was found, beside what was.
    let mut value = finding("1", CUSTOMER, &nowhere);
    value["classificationDetails"]["result"]["sensitiveData"][0]["detections"] =
        json!([{"type": "NAME", "count": "0"}, at_paths("ADDRESS", 1, &["$.mail"])]);
    let findings = found(&[value]);
    assert_eq!((findings.iter().count(), findings.unlocated().len()), (1, 0));
}

#[test]
fn a_finding_without_detections_is_unlocated_and_a_discovery_result_is_clean() {
    let at = ["classificationDetails", "result"];
    let result_of =
        |sensitive: &Value, custom: &Value| json!({"sensitiveData": sensitive, "customDataIdentifiers": custom});
    let empties =
        [json!(null), result_of(&json!([]), &json!(null)), result_of(&json!(null), &json!({"totalCount": 0}))];
    for empty in &empties {
        let mut value = finding("1", CUSTOMER, &json!({"type": "NAME", "count": 1}));
        value[at[0]][at[1]] = empty.clone();
        let findings = found(&[value]);
        assert_eq!(findings.unlocated()[0].reason, Reason::NoDetections, "{empty}");
        assert_eq!(findings.unlocated()[0].evidence.identifier.key(), "SensitiveData:S3Object/Personal");
    }
    for empty in &empties[1..] {
        let mut value = discovery_result("1", CUSTOMER, &json!({"type": "NAME", "count": 1}));
        value[at[0]][at[1]] = empty.clone();
        value[at[0]][at[1]]["status"] = json!({"code": "SKIPPED", "reason": "UNSUPPORTED_FILE_TYPE_EXCEPTION"});
        let findings = found(&[value]);
        assert_eq!((findings.totals().clean, findings.totals().incomplete), (1, 1), "{empty}");
        assert_eq!(findings.unlocated(), []);
        assert_nothing_is_lost(findings.totals());
    }
    // A total without detections speaks of data.
    for (sensitive, custom, identifier) in [
        (json!([{"category": "CREDENTIALS", "totalCount": "3", "detections": []}]), json!(null), "CREDENTIALS"),
        (json!([{"category": "CREDENTIALS"}]), json!(null), "CREDENTIALS"),
        (json!([]), json!({"totalCount": "3", "detections": null}), "CUSTOM_IDENTIFIER"),
    ] {
        let mut value = discovery_result("1", CUSTOMER, &json!({}));
        value[at[0]][at[1]] = result_of(&sensitive, &custom);
        let findings = found(&[value]);
        assert_eq!(findings.unlocated()[0].reason, Reason::NoDetections);
        assert_eq!(findings.unlocated()[0].evidence.identifier.key(), identifier);
    }
}

#[test]
fn the_findings_own_discovery_result_locates_what_the_finding_does_not() {
    let lost = finding("1", CUSTOMER, &json!({"type": "NAME", "count": 30}));
    let located = discovery_result("2", CUSTOMER, &at_paths("NAME", 30, &["$.name"]));
    let findings = found(&[lost.clone(), located.clone()]);
    assert_eq!(findings.unlocated(), []);
    assert_eq!(findings.totals().located_by_details, 1);
    assert_eq!(summary(&findings), ["customer.name: NAME×30"]);
    // Another object, identifier, scan of other contents, or a result that is itself incomplete: no.
    let mut other_scan = located.clone();
    other_scan["classificationDetails"]["detailedResultsLocation"] = json!("s3://results/r2.jsonl.gz");
    other_scan["resourcesAffected"]["s3Object"]["eTag"] = json!("e2");
    let mut half = at_paths("NAME", 30, &["$.name"]);
    half["occurrences"]["records"].as_array_mut().unwrap().push(json!({"recordIndex": 9}));
    let others = [
        discovery_result("2", "dataset/customer/other.parquet", &at_paths("NAME", 30, &["$.name"])),
        discovery_result("2", CUSTOMER, &at_paths("ADDRESS", 30, &["$.name"])),
        discovery_result("2", CUSTOMER, &half),
        finding("2", CUSTOMER, &at_paths("NAME", 30, &["$.name"])),
        other_scan.clone(),
    ];
    for other in others {
        let findings = found(&[lost.clone(), other.clone()]);
        assert!(findings.unlocated().iter().any(|left| left.evidence.finding_id == "1"), "{other}");
    }
    // The same contents under another result: yes.
    other_scan["resourcesAffected"]["s3Object"]["eTag"] = json!("e1");
    assert_eq!(found(&[lost, other_scan]).unlocated(), []);
}

#[test]
fn details_are_asked_for_where_they_can_be_read() {
    let detection = json!({"type": "NAME", "count": 30});
    let mut values = vec![finding("1", CUSTOMER, &detection), finding("2", CUSTOMER, &detection)];
    let urls = [
        "s3://[export-config-not-set]/AWSLogs/x.jsonl.gz",
        "s3://results/AWSLogs/folder/",
        "s3://results",
        "s3://results/",
        "https://results/x",
        "",
    ];
    for (number, url) in urls.iter().enumerate() {
        let mut value = finding(&format!("u{number}"), CUSTOMER, &detection);
        value["classificationDetails"]["detailedResultsLocation"] = json!(url);
        values.push(value);
    }
    let mut outside = finding("3", "elsewhere/x", &detection);
    outside["classificationDetails"]["detailedResultsLocation"] = json!("s3://results/outside.jsonl.gz");
    values.push(outside);
    let mut collector = collect(&values);
    let locations = collector.detail_locations(&[customer()], &lake());
    let asked: Vec<String> = locations.iter().map(DetailLocation::url).collect();
    assert_eq!(asked, ["s3://results/AWSLogs/folder/", "s3://results/AWSLogs/r1.jsonl.gz"]);
    assert!(locations[1].objects.contains(&format!("lake/{CUSTOMER}")));
    let related = discovery_result("4", CUSTOMER, &at_paths("NAME", 30, &["$.name"]));
    let unrelated = discovery_result("5", "dataset/customer/b", &at_paths("NAME", 1, &["$.mail"]));
    let text = format!("{related}\n{unrelated}\n");
    collector.read_detail(&document("s3://results/AWSLogs/r1.jsonl.gz", text), &locations[1]).unwrap();
    assert_eq!(collector.detail_locations(&[customer()], &lake()).len(), 1);
    let findings = collector.finish(&[customer()], &lake());
    assert_eq!(summary(&findings), ["customer.name: NAME×30"]);
    assert_eq!(findings.totals().details_unrelated, 1);
    assert_eq!(findings.unlocated(), []);
    assert_nothing_is_lost(findings.totals());
}

#[test]
fn an_object_of_the_lake_without_a_table_is_refused_by_name() {
    let findings = found(&[finding("f-1", "dataset/new\u{1b}[2J/x", &at_paths("NAME", 1, &["$.a"]))]);
    let error = findings.refusal(Accepted::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let text = error.to_string();
    assert!(text.contains("lake/dataset/new") && text.contains("unmapped = \"accept\""), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    findings.refusal(Accepted { unlocated: false, unmapped: true }).unwrap();
    findings.refusal(Accepted { unlocated: true, unmapped: false }).unwrap_err();
}

#[test]
fn a_header_that_may_be_a_value_is_never_said() {
    let detection =
        json!({"type": "NAME", "count": 1, "occurrences": {"cells": [{"columnName": "Alice", "column": 7}]}});
    let error = found(&[finding("1", CUSTOMER, &detection)]).refusal(Accepted::default()).unwrap_err().to_string();
    assert!(error.contains("column 7") && !error.contains("Alice"), "{error}");
}
