//! Published payloads, where the folder that holds them stands next to the checkout.

use std::fs;
use std::path::Path;

use super::*;

const LAKE_BUCKET: &str = "dcp-macie-us-east-1-111122223333";

/// A sample, or `None` (said aloud) where there are none.
fn sample(name: &str) -> Option<Document> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/formats/samples");
    if !folder.is_dir() {
        // Goes to the test's own captured output.
        std::io::Write::write_all(&mut std::io::stderr(), b"skipped: no published samples next to the checkout\n")
            .unwrap();
        return None;
    }
    let bytes = fs::read(folder.join(name)).unwrap();
    Some(Document { name: name.to_owned(), bytes: bytes.into() })
}

fn read(names: &[&str], tables: &[TableSource], roots: &[Location]) -> Option<Findings> {
    let mut collector = Collector::new(true);
    for name in names {
        collector.read(&sample(name)?).unwrap();
    }
    let findings = collector.finish(tables, roots);
    assert_nothing_is_lost(findings.totals());
    Some(findings)
}

fn sample_table() -> TableSource {
    let columns = [
        "SSN",
        "type",
        "birthdate",
        "middle",
        "last_name",
        "first_name",
        "address",
        "city",
        "state",
        "zip",
        "phone",
        "email",
        "cc_type",
        "CCN",
        "cc_cvc",
        "cc_expiredate",
    ];
    table("records", s3("DOC-EXAMPLE-BUCKET1", "records/"), &columns)
}

fn dataset() -> Vec<TableSource> {
    let at = |name: &str, columns: &[&str]| table(name, s3(LAKE_BUCKET, &format!("dataset/{name}/")), columns);
    vec![
        at("card", &["id", "cred_card_provider", "card_number", "card_expiration", "card_security_code"]),
        at("bank", &["id", "account_number", "iban", "bban"]),
        at("app_config", &["credentials", "session_token"]),
    ]
}

#[test]
fn the_parquet_finding_names_its_columns() {
    let located = [
        "records.CCN: CREDIT_CARD_NUMBER×30",
        "records.SSN: ADDRESS×6 USA_SOCIAL_SECURITY_NUMBER×30",
        "records.birthdate: DATE_OF_BIRTH×30",
        "records.city: ADDRESS×6",
        "records.first_name: NAME×27",
        "records.phone: PHONE_NUMBER×30",
    ];
    for name in ["finding_01_parquet_multiple.json", "cli_get_findings_output_DERIVED.json"] {
        let Some(findings) = read(&[name], &[sample_table()], &[]) else {
            return;
        };
        assert_eq!(summary(&findings), located, "{name}");
        findings.refusal(Accepted::default()).unwrap();
    }
}

#[test]
fn the_parquet_discovery_result_locates_more() {
    for name in ["discovery_result_01_parquet.jsonl", "discovery_result_01_parquet.jsonl.gz"] {
        let Some(findings) = read(&[name], &[sample_table()], &[]) else {
            return;
        };
        let located = [
            "records.CCN: CREDIT_CARD_NUMBER×30",
            "records.SSN: ADDRESS×1 USA_SOCIAL_SECURITY_NUMBER×30",
            "records.birthdate: DATE_OF_BIRTH×30",
            "records.city: ADDRESS×5",
            "records.first_name: NAME×26",
            "records.last_name: NAME×1",
            "records.phone: PHONE_NUMBER×30",
        ];
        assert_eq!(summary(&findings), located, "{name}");
        assert_eq!(findings.totals().discovery_results, 1);
    }
    let both = ["finding_01_parquet_multiple.json", "discovery_result_01_parquet.jsonl"];
    let Some(findings) = read(&both, &[sample_table()], &[]) else {
        return;
    };
    assert_eq!(findings.iter().map(|finding| finding.evidence.len()).sum::<usize>(), 15);
    assert_eq!(findings.totals().duplicates, 0);
}

#[test]
fn avro_and_json_findings_are_read() {
    let avro = table(
        "avro",
        s3("DOC-EXAMPLE-BUCKET1", "mock-data/avro/"),
        &["ssn", "phone", "first_name", "address", "city", "ccn"],
    );
    let Some(findings) = read(&["finding_02_avro_multiple.json"], &[avro], &[]) else {
        return;
    };
    assert_eq!(findings.iter().count(), 6);
    let cards = table("cards", s3("DOC-EXAMPLE-BUCKET1", "macie-workshop/"), &["Name", "Card Number", "CVV"]);
    for (name, channel) in [
        ("finding_04_json_bracket_paths.json", Channel::Finding),
        ("discovery_result_02_json_bracket_paths.jsonl", Channel::DiscoveryResult),
    ] {
        let Some(findings) = read(&[name], std::slice::from_ref(&cards), &[]) else {
            return;
        };
        let located =
            ["cards.CVV: CREDIT_CARD_SECURITY_CODE×7", "cards.Card Number: CREDIT_CARD_NUMBER×7", "cards.Name: NAME×5"];
        assert_eq!(summary(&findings), located, "{name}");
        assert!(findings.iter().all(|finding| finding.evidence[0].channel == channel));
    }
}

#[test]
fn cells_name_columns_and_one_file_holds_results_of_two_objects() {
    let columns = ["SSN", "gender", "birthdate", "maiden name", "last_name", "phone", "CCN"];
    let plain = table("plain", s3("DOC-EXAMPLE-BUCKET1", "macie-workshop/sample-data.csv/"), &columns);
    let spaces = table("spaces", s3("DOC-EXAMPLE-BUCKET1", "macie-workshop/sample-data with spaces.csv/"), &columns);
    let name = "discovery_result_03_csv_two_records.jsonl";
    let Some(findings) = read(&[name], &[plain, spaces], &[]) else {
        return;
    };
    let of = |table: &str| {
        [
            format!("{table}.CCN: CREDIT_CARD_NUMBER×30"),
            format!("{table}.SSN: ADDRESS×28 USA_SOCIAL_SECURITY_NUMBER×30"),
            format!("{table}.birthdate: ADDRESS×28 DATE_OF_BIRTH×30"),
            format!("{table}.last_name: NAME×20"),
            format!("{table}.maiden name: NAME×20"),
            format!("{table}.phone: PHONE_NUMBER×28"),
        ]
    };
    assert_eq!(summary(&findings), [of("plain"), of("spaces")].concat());
    assert_eq!(findings.totals().discovery_results, 2);
    let csv = table("cdi", s3("DOC-EXAMPLE-BUCKET1", "test-cdi.csv/"), &["email"]);
    let Some(findings) = read(&["finding_05_csv_custom_identifier.json"], &[csv], &[]) else {
        return;
    };
    assert_eq!(summary(&findings), ["cdi.email: custom:email check×1"]);
}

#[test]
fn a_finding_without_occurrences_is_unlocated_and_has_no_details() {
    let name = "finding_07_personal_no_occurrences.json";
    let Some(document) = sample(name) else { return };
    let tables = [table("sheet", s3("testsiemplify2", ""), &["a"])];
    let mut collector = Collector::new(true);
    collector.read(&document).unwrap();
    assert_eq!(collector.detail_locations(&tables, &[]), []);
    let findings = collector.finish(&tables, &[]);
    assert_eq!(findings.unlocated()[0].reason, Reason::NoLocations);
    assert_eq!(findings.unlocated()[0].evidence.finding_id, "4e958e42874e5e24ae7e92257cf2783e");
}

#[test]
fn the_derived_findings_name_tables_and_columns() {
    let names = [
        "finding_09_financial_parquet_DERIVED.json",
        "finding_10_credentials_parquet_DERIVED.json",
        "finding_11_managed_and_custom_parquet_DERIVED.json",
    ];
    let Some(findings) = read(&names, &dataset(), &[]) else {
        return;
    };
    let located = [
        "app_config.credentials.aws.key: AWS_CREDENTIALS×2",
        "app_config.session_token: JSON_WEB_TOKEN×1",
        "bank.account_number: custom:account_number×1000",
        "bank.bban: UK_BANK_ACCOUNT_NUMBER×2000",
        "bank.iban: UK_BANK_ACCOUNT_NUMBER×2000",
        "card.card_expiration: CREDIT_CARD_EXPIRATION×1000",
        "card.card_number: CREDIT_CARD_NUMBER×2000",
        "card.card_security_code: CREDIT_CARD_SECURITY_CODE×1000",
    ];
    assert_eq!(summary(&findings), located);
}

#[test]
fn every_form_of_path_is_located_or_listed() {
    let tail = "uvwxyzabcdefghijklmnopqrstuvwxyz";
    let long =
        format!("{}{}", "x".repeat(40), "abcdefghijklmnopqrstuvwxyz".repeat(8).replacen("abcdefghijklmnopqrst", "", 1));
    let columns = ["abcdefghijklmnopqrstuvwxyz", "Card Number", "access", "1234567890", &long];
    let edge = table("edge", s3(LAKE_BUCKET, "dataset/edge/"), &columns);
    let Some(findings) = read(&["finding_12_jsonpath_edge_cases_DERIVED.json"], &[edge], &[]) else {
        return;
    };
    let paths: Vec<String> = findings.iter().map(|finding| finding.path.to_string()).collect();
    for path in [
        "abcdefghijklmnopqrstuvwxyz",
        "Card Number",
        "access.key[*]",
        "1234567890.usssn1.usssn2.abcdefghijklmnopqrstuvwxyz",
    ] {
        assert!(paths.iter().any(|known| known == path), "{path} is not among {paths:?}");
    }
    assert!(long.ends_with(tail));
    let reasons: Vec<(String, Reason)> =
        findings.unlocated().iter().map(|unlocated| (unlocated.evidence.identifier.key(), unlocated.reason)).collect();
    for (identifier, reason) in [
        ("ADDRESS", Reason::NoPath),
        ("ADDRESS", Reason::CutPath),
        ("PHONE_NUMBER", Reason::NoLocations),
        ("DATE_OF_BIRTH", Reason::NoLocations),
    ] {
        assert!(reasons.contains(&(identifier.to_owned(), reason)), "{identifier} {reason} is not among {reasons:?}");
    }
}

#[test]
fn the_archived_finding_is_used_unless_settings_say_otherwise() {
    let Some(document) = sample("finding_13_automated_discovery_archived_DERIVED.json") else {
        return;
    };
    let tables = [table("customers", s3(LAKE_BUCKET, "raw/customers/"), &["passport_no"])];
    for (use_archived, located) in [(true, 1), (false, 0)] {
        let mut collector = Collector::new(use_archived);
        collector.read(&document).unwrap();
        let findings = collector.finish(&tables, &[]);
        assert_eq!(findings.iter().count(), located);
        assert_eq!(findings.totals().archived_used + findings.totals().archived_ignored, 1);
        assert_nothing_is_lost(findings.totals());
    }
}

#[test]
fn events_of_the_documentation_are_examples_and_ignored() {
    let names = ["eventbridge_01_finding_multiple_csv.json", "eventbridge_02_policy_finding.json"];
    let Some(findings) = read(&names, &[table("b", s3("amzn-s3-demo-bucket2", ""), &["SSN"])], &[]) else {
        return;
    };
    assert_eq!((findings.totals().sample, findings.totals().policy, findings.iter().count()), (1, 1, 0));
}

#[test]
fn firehose_files_hold_four_events_in_every_form() {
    let names = [
        "firehose_01_concatenated_no_newline_DERIVED.json",
        "firehose_02_newline_delimited_DERIVED.json",
        "firehose_03_concatenated_DERIVED.gz",
    ];
    let mut all = Vec::new();
    for name in names {
        let Some(findings) = read(&[name], &dataset(), &[s3(LAKE_BUCKET, "dataset/")]) else {
            return;
        };
        let totals = findings.totals();
        assert_eq!((totals.records, totals.policy, totals.mapped), (4, 1, 3), "{name}");
        findings.refusal(Accepted::default()).unwrap();
        all.push(summary(&findings));
    }
    assert_eq!(all[0].len(), 8);
    assert_eq!((&all[0], &all[0]), (&all[1], &all[2]));
    let Some(findings) = read(&names, &dataset(), &[]) else {
        return;
    };
    assert_eq!(findings.totals().duplicates, 6);
    assert_eq!(summary(&findings), all[0]);
    // Cut anywhere but between events, the file is refused.
    let Some(whole) = sample(names[0]) else {
        return;
    };
    for length in (1..whole.bytes.len()).step_by(97) {
        let mut collector = Collector::new(true);
        let cut = Document { name: "cut".to_owned(), bytes: whole.bytes.slice(..length) };
        let between = whole.bytes[length - 1] == b'}' && whole.bytes[length] == b'{';
        assert_eq!(collector.read(&cut).is_ok(), between, "{length}");
    }
}

#[test]
fn notifications_of_s3_are_counted_and_no_findings() {
    let names = [
        "s3_event_01_put.json",
        "s3_event_02_put_encoded_key_DERIVED.json",
        "s3_event_03_test_event.json",
        "s3_event_04_eventbridge_object_created.json",
        "s3_event_05_sns_envelope_in_sqs_DERIVED.json",
        "s3_event_06_moto_observed.json",
    ];
    let Some(findings) = read(&names, &[], &[]) else {
        return;
    };
    assert_eq!((findings.totals().notifications, findings.totals().records), (7, 0));
}

#[test]
fn samples_of_other_services_are_refused() {
    for name in [
        "glue_01_get_table_parquet_DERIVED.json",
        "lf_12_data_lake_settings.json",
        "secrets_01_get_secret_value_current.json",
    ] {
        let Some(document) = sample(name) else { return };
        let error = Collector::new(true).read(&document).unwrap_err().to_string();
        assert!(error.contains("neither a finding"), "{name}: {error}");
        assert!(!error.contains("SecretString"), "{error}");
    }
}
