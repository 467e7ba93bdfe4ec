//! What a document may hold.

use super::*;

#[test]
fn every_shape_gives_the_same_findings() {
    let one = finding("1", CUSTOMER, &at_paths("NAME", 2, &["$.name", "$.name"]));
    let event = json!({"version": "0", "id": "e", "detail-type": "Macie Finding", "source": "aws.macie", "detail": one});
    let sns = json!({"Type": "Notification", "MessageId": "m", "Message": event.to_string()});
    let sqs = json!({"MessageId": "m", "Body": sns.to_string()});
    let shapes = [
        one.clone(),
        event.clone(),
        json!({"findings": [one], "ResponseMetadata": {}}),
        json!([one]),
        json!([event, event]),
        sns.clone(),
        sqs.clone(),
        json!({"Messages": [sqs]}),
        json!({"Records": [{"messageId": "m", "body": event.to_string(), "eventSource": "aws:sqs"}]}),
        json!({"Records": [{"EventSource": "aws:sns", "Sns": sns}]}),
        json!({"MessageId": "m", "Body": format!("{event}{event}")}),
        json!({"source": "custom", "detail-type": "forwarded", "detail": one}),
        json!({"source": "aws.macie", "detail-type": "Macie Finding", "detail": one.to_string()}),
    ];
    for shape in shapes {
        let findings = found(std::slice::from_ref(&shape));
        assert_eq!(summary(&findings), ["customer.name: NAME×2"], "{shape}");
        let totals = findings.totals();
        assert_eq!(totals.records - totals.duplicates, 1, "{shape}");
        assert_nothing_is_lost(totals);
    }
}

#[test]
fn what_is_no_finding_is_counted() {
    let findings = found(&[
        json!({"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "a+b"}}}]}),
        json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}),
        json!({"source": "aws.s3", "detail-type": "Object Created", "detail": {"object": {"key": "k"}}}),
        json!({"source": "aws.macie", "detail-type": "Macie Alert", "detail": {"notification-type": "ALERT"}}),
        json!({"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe", "Token": "t"}),
        json!({"attemptsMade": 4, "errorCode": "500", "rawData": "e30="}),
        json!({"findings": []}),
        json!({"Messages": []}),
        json!([]),
    ]);
    let totals = findings.totals();
    assert_eq!(
        (
            totals.notifications,
            totals.other_events,
            totals.undelivered
        ),
        (3, 2, 1)
    );
    assert_eq!(
        (totals.records, totals.documents, totals.documents_empty),
        (0, 1, 0)
    );
}

#[test]
fn other_values_are_refused_with_document_and_number() {
    let good = finding("1", CUSTOMER, &at_paths("NAME", 1, &["$.name"]));
    let security_hub =
        json!({"ProductArn": "p", "AwsAccountId": "1", "Resources": [{"DataClassification": {}}]});
    let cases = [
        (json!({"a": 1}), "neither a finding"),
        (json!({}), "neither a finding"),
        (json!(null), "neither a finding"),
        (json!("text"), "neither a finding"),
        (json!({"findings": "none"}), "neither a finding"),
        (
            json!({"Records": [{"eventSource": "s3.amazonaws.com", "userIdentity": {}}]}),
            "neither a finding",
        ),
        (
            json!({"findingIds": ["1"], "nextToken": "t"}),
            "ids of findings",
        ),
        (security_hub.clone(), "Security Hub"),
        (json!({"Findings": [security_hub.clone()]}), "Security Hub"),
        (
            json!({"source": "aws.securityhub", "detail-type": "x", "detail": {"findings": [security_hub]}}),
            "Security Hub",
        ),
        (json!({"Message": "plain words"}), "not JSON"),
        (json!({"Body": "{\"findings\":["}), "not JSON"),
        (json!({"Body": ""}), "message is empty"),
        (
            json!({"source": "aws.macie", "detail-type": "Macie Finding", "detail": null}),
            "detail is none",
        ),
        (
            json!({"source": "aws.macie", "detail-type": "Macie Finding", "detail": {"x": 1}}),
            "detail is none",
        ),
        (json!([[[[[[[[[[[]]]]]]]]]]]), "too many envelopes"),
        (
            json!({"category": "CLASSIFICATION", "type": "x", "classificationDetails": []}),
            "unexpected type",
        ),
        (
            json!({"classificationDetails": {"result": {"sensitiveData": "x"}}}),
            "unexpected type",
        ),
        (
            json!({"classificationDetails": {"result": []}}),
            "unexpected type",
        ),
        (
            json!({"classificationDetails": {"result": {"sensitiveData": [null]}}}),
            "unexpected type",
        ),
        (
            json!({"classificationDetails": {"result": {"sensitiveData": [["x"]]}}}),
            "unexpected type",
        ),
        (
            json!({"classificationDetails": {"result": {"sensitiveData": {}}}}),
            "unexpected type",
        ),
        (
            json!({"classificationDetails": {"result": {"customDataIdentifiers": []}}}),
            "unexpected type",
        ),
        (
            json!({"classificationDetails": {"result": {"sensitiveData": [{"detections": [{"occurrences": []}]}]}}}),
            "unexpected type",
        ),
        (
            json!({"classificationDetails": {}, "resourcesAffected": "lake"}),
            "unexpected type",
        ),
        (
            json!({"classificationDetails": {}, "archived": {"is": true}}),
            "unexpected type",
        ),
    ];
    for (value, message) in cases {
        let mut collector = Collector::new(true);
        let error = collector
            .read(&document("s3://b/k", format!("{good}\n{value}")))
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains(message), "{value}: {text}");
        assert!(
            text.contains("document: s3://b/k") && text.contains("value: 2"),
            "{text}"
        );
        assert_eq!(error.kind(), ErrorKind::Failed);
        // The good finding before it is not used either.
        assert_eq!(
            collector.finish(&[customer()], &lake()),
            Findings::default()
        );
    }
}

#[test]
fn policy_and_sample_findings_are_ignored_and_counted() {
    let one = finding("1", CUSTOMER, &at_paths("NAME", 1, &["$.name"]));
    let mut policy = one.clone();
    policy["category"] = json!("POLICY");
    policy["classificationDetails"] = json!(null);
    policy["sample"] = json!(true);
    let mut sample = one.clone();
    sample["sample"] = json!(true);
    // It calls itself a policy finding and has details of data: the data counts.
    let mut contradiction = one;
    contradiction["category"] = json!("POLICY");
    let findings = found(&[policy, sample, contradiction]);
    let totals = findings.totals();
    assert_eq!(
        (totals.records, totals.policy, totals.sample, totals.mapped),
        (3, 1, 1, 1)
    );
    assert_nothing_is_lost(totals);
}

#[test]
fn archived_findings_count_unless_settings_say_otherwise() {
    let mut archived = finding("1", CUSTOMER, &at_paths("NAME", 1, &["$.name"]));
    archived["archived"] = json!(true);
    let used = found(std::slice::from_ref(&archived));
    assert_eq!((summary(&used).len(), used.totals().archived_used), (1, 1));
    let mut collector = Collector::new(false);
    collector
        .read(&document("f", archived.to_string()))
        .unwrap();
    assert_eq!(collector.detail_locations(&[customer()], &lake()), []);
    let ignored = collector.finish(&[customer()], &lake());
    assert_eq!(
        (summary(&ignored).len(), ignored.totals().archived_ignored),
        (0, 1)
    );
    assert_nothing_is_lost(ignored.totals());
    // One copy that is not archived is enough, in either order.
    let mut plain = archived.clone();
    plain["archived"] = json!(false);
    for order in [[&plain, &archived], [&archived, &plain]] {
        let mut collector = Collector::new(false);
        for value in order {
            collector.read(&document("f", value.to_string())).unwrap();
        }
        let findings = collector.finish(&[customer()], &lake());
        assert_eq!(
            (summary(&findings).len(), findings.totals().duplicates),
            (1, 1)
        );
    }
}

#[test]
fn repeats_are_counted_once_and_differing_copies_are_united() {
    let one = finding("1", CUSTOMER, &at_paths("NAME", 7, &["$.name"]));
    let findings = found(&[one.clone(), one.clone()]);
    assert_eq!(summary(&findings), ["customer.name: NAME×7"]);
    assert_eq!(findings.totals().duplicates, 1);
    let findings = found(&[
        one,
        finding("1", CUSTOMER, &at_paths("NAME", 9, &["$.name", "$.mail"])),
    ]);
    assert_eq!(
        summary(&findings),
        ["customer.mail: NAME×9", "customer.name: NAME×9"]
    );
    assert_eq!(findings.totals().duplicates, 0);
    assert_nothing_is_lost(findings.totals());
}

#[test]
fn custom_identifiers_are_known_by_id_and_name() {
    let mut value = finding("1", CUSTOMER, &at_paths("NAME", 1, &["$.name"]));
    let custom = |arn: &str, name: Value, path: &str| {
        let mut detection = at_paths("unused", 4, &[path]);
        let object = detection.as_object_mut().unwrap();
        object.remove("type");
        object.insert("arn".to_owned(), json!(arn));
        object.insert("name".to_owned(), name);
        detection
    };
    value["classificationDetails"]["result"]["customDataIdentifiers"] = json!({"totalCount": 8, "detections": [
        custom("u-1", json!("account number"), "$.id"),
        custom("arn:aws:macie2:us-east-1:1:custom-data-identifier/u-2", json!(null), "$.mail"),
    ]});
    let findings = found(&[value]);
    let identifiers: Vec<Identifier> = findings
        .iter()
        .flat_map(|finding| finding.identifiers.keys().cloned())
        .collect();
    let custom = |id: &str, name: &str| Identifier::Custom {
        id: id.to_owned(),
        name: name.to_owned(),
    };
    assert_eq!(
        identifiers,
        [
            custom("u-1", "account number"),
            custom("u-2", "u-2"),
            Identifier::Managed("NAME".to_owned())
        ]
    );
}

#[test]
fn failed_deliveries_are_skipped_unless_they_hold_findings() {
    let mut collector = Collector::new(true);
    let failed = "s3://b/p/processing-failed/2024/x";
    collector
        .read(&document(
            failed,
            r#"{"attemptsMade":4,"errorCode":"1","rawData":"e30="}"#,
        ))
        .unwrap();
    collector.read(&document(failed, "not json")).unwrap();
    let one = finding("1", CUSTOMER, &at_paths("NAME", 1, &["$.name"]));
    collector
        .read(&document(
            "/home/import-failed/findings.json",
            one.to_string(),
        ))
        .unwrap();
    let findings = collector.finish(&[customer()], &lake());
    let totals = findings.totals();
    assert_eq!(
        (totals.documents_skipped, totals.documents, totals.mapped),
        (2, 1, 1)
    );
}
