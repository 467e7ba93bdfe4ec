//! Published payloads of Macie, EventBridge, Firehose and S3, read by the binary as `discover --findings`.
//!
//! They run where the folder that holds them stands next to the checkout; elsewhere they say so and pass.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::binary::{Run, Sandbox};
use crate::support::lake::Table;
use crate::support::shop::SNAPPY;

/// The bucket of the samples that were derived from an architecture of AWS's own.
const DERIVED: &str = "dcp-macie-us-east-1-111122223333";
const EXAMPLE: &str = "DOC-EXAMPLE-BUCKET1";

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/formats/samples");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no published samples next to the checkout");
    None
}

/// A lake on this machine whose tables are copies of those that the samples are about.
struct Copies {
    sandbox: Sandbox,
    samples: PathBuf,
}

impl Copies {
    fn new() -> Option<Self> {
        let samples = folder()?;
        let sandbox = Sandbox::new();
        let mut settings = format!(
            "[lake]\nlocation = \"lake\"\nknown_as = [\"s3://{DERIVED}/dataset/\"]\n[findings]\ndetails = false\n"
        );
        let long = format!("{}{}", "x".repeat(40), &"abcdefghijklmnopqrstuvwxyz".repeat(8)[20..]);
        let alphabet = "abcdefghijklmnopqrstuvwxyz";
        let tables: [(&str, &str, &str, &[&str]); 10] = [
            (
                "records",
                EXAMPLE,
                "records/",
                &[
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
                ],
            ),
            ("avro", EXAMPLE, "mock-data/avro/", &["ssn", "phone", "first_name", "address", "city", "ccn"]),
            ("cards", EXAMPLE, "macie-workshop/CreditCardDataSmall.json", &["Name", "Card Number", "CVV"]),
            (
                "spaces",
                EXAMPLE,
                "macie-workshop/sample-data with spaces.csv",
                &["SSN", "gender", "birthdate", "maiden name", "last_name", "phone", "CCN"],
            ),
            ("cdi", EXAMPLE, "test-cdi.csv", &["email"]),
            ("sheet", "testsiemplify2", "", &["a"]),
            ("card", "", "", &["id", "cred_card_provider", "card_number", "card_expiration", "card_security_code"]),
            ("bank", "", "", &["id", "account_number", "iban", "bban"]),
            ("app_config", "", "", &["credentials", "session_token"]),
            ("edge", "", "", &[alphabet, "Card Number", "access", "1234567890", &long]),
        ];
        for (name, bucket, prefix, columns) in tables {
            let table = columns.iter().fold(Table::new(), |table, column| table.text(column, ["x"]));
            sandbox.write(&format!("lake/{name}/LOAD00000001.parquet"), table.encode(SNAPPY));
            if !bucket.is_empty() {
                settings.push_str(&format!("[lake.tables.{name}]\nknown_as = [\"s3://{bucket}/{prefix}\"]\n"));
            }
        }
        sandbox.write("lake/customers/LOAD00000001.parquet", Table::new().text("passport_no", ["x"]).encode(SNAPPY));
        settings.push_str(&format!("[lake.tables.customers]\nknown_as = [\"s3://{DERIVED}/raw/customers/\"]\n"));
        sandbox.write("saltlake.toml", settings);
        Some(Self { sandbox, samples })
    }

    fn discover(&self, samples: &[&str]) -> Run {
        let mut arguments = vec!["discover".to_owned(), "--format".to_owned(), "json".to_owned()];
        for sample in samples {
            arguments.extend(["--findings".to_owned(), self.samples.join(sample).display().to_string()]);
        }
        self.sandbox.run(arguments)
    }

    /// What a sample says, as `table.column: identifiers × count`.
    #[track_caller]
    fn assert_says(&self, samples: &[&str], expected: &[&str]) {
        let run = self.discover(samples).ok();
        assert_eq!(lines(&run), expected, "{samples:?}");
    }
}

fn lines(run: &Run) -> Vec<String> {
    let line = |found: &Value| {
        let names: Vec<&str> = found["identifiers"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let table = found["table"].as_str().unwrap().strip_prefix("dataset.").unwrap();
        format!("{table}.{}: {} × {}", found["column"].as_str().unwrap(), names.join(" "), found["count"])
    };
    run.json().as_array().unwrap().iter().map(line).collect()
}

#[test]
fn findings_and_discovery_results_name_their_columns() {
    let Some(copies) = Copies::new() else { return };
    let records = [
        "records.CCN: CREDIT_CARD_NUMBER × 30",
        "records.SSN: ADDRESS USA_SOCIAL_SECURITY_NUMBER × 36",
        "records.birthdate: DATE_OF_BIRTH × 30",
        "records.city: ADDRESS × 6",
        "records.first_name: NAME × 27",
        "records.phone: PHONE_NUMBER × 30",
    ];
    copies.assert_says(&["finding_01_parquet_multiple.json"], &records);
    // What the AWS CLI prints: the same finding and one more.
    let more = [
        "bank.account_number: custom:account_number × 1000",
        "bank.bban: UK_BANK_ACCOUNT_NUMBER × 2000",
        "bank.iban: UK_BANK_ACCOUNT_NUMBER × 2000",
    ];
    copies.assert_says(&["cli_get_findings_output_DERIVED.json"], &[more.as_slice(), &records].concat());
    let results = [
        "records.CCN: CREDIT_CARD_NUMBER × 30",
        "records.SSN: ADDRESS USA_SOCIAL_SECURITY_NUMBER × 31",
        "records.birthdate: DATE_OF_BIRTH × 30",
        "records.city: ADDRESS × 5",
        "records.first_name: NAME × 26",
        "records.last_name: NAME × 1",
        "records.phone: PHONE_NUMBER × 30",
    ];
    copies.assert_says(&["discovery_result_01_parquet.jsonl"], &results);
    copies.assert_says(&["discovery_result_01_parquet.jsonl.gz"], &results);
    let cards = [
        "cards.CVV: CREDIT_CARD_SECURITY_CODE × 7",
        "cards.Card Number: CREDIT_CARD_NUMBER × 7",
        "cards.Name: NAME × 5",
    ];
    copies.assert_says(&["finding_04_json_bracket_paths.json"], &cards);
    copies.assert_says(&["discovery_result_02_json_bracket_paths.jsonl"], &cards);
    copies.assert_says(&["finding_05_csv_custom_identifier.json"], &["cdi.email: custom:email check × 1"]);
    let avro = lines(&copies.discover(&["finding_02_avro_multiple.json"]).ok());
    let columns: Vec<&str> = avro.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(columns, ["avro.address", "avro.ccn", "avro.city", "avro.first_name", "avro.phone", "avro.ssn"]);
    let archived = "finding_13_automated_discovery_archived_DERIVED.json";
    let found = lines(&copies.discover(&[archived]).ok());
    assert!(found.len() == 1 && found[0].starts_with("customers.passport_no: "), "{found:?}");
}

#[test]
fn cells_name_columns_of_the_object_that_they_are_in() {
    let Some(copies) = Copies::new() else { return };
    // The file holds results of two objects; the lake has a table for one of them.
    copies.assert_says(
        &["discovery_result_03_csv_two_records.jsonl"],
        &[
            "spaces.CCN: CREDIT_CARD_NUMBER × 30",
            "spaces.SSN: ADDRESS USA_SOCIAL_SECURITY_NUMBER × 58",
            "spaces.birthdate: ADDRESS DATE_OF_BIRTH × 58",
            "spaces.last_name: NAME × 20",
            "spaces.maiden name: NAME × 20",
            "spaces.phone: PHONE_NUMBER × 28",
        ],
    );
}

#[test]
fn firehose_files_say_the_same_in_every_form_and_together() {
    let Some(copies) = Copies::new() else { return };
    let files = [
        "firehose_01_concatenated_no_newline_DERIVED.json",
        "firehose_02_newline_delimited_DERIVED.json",
        "firehose_03_concatenated_DERIVED.gz",
    ];
    let found = [
        "app_config.credentials.aws.key: AWS_CREDENTIALS × 2",
        "app_config.session_token: JSON_WEB_TOKEN × 1",
        "bank.account_number: custom:account_number × 1000",
        "bank.bban: UK_BANK_ACCOUNT_NUMBER × 2000",
        "bank.iban: UK_BANK_ACCOUNT_NUMBER × 2000",
        "card.card_expiration: CREDIT_CARD_EXPIRATION × 1000",
        "card.card_number: CREDIT_CARD_NUMBER × 2000",
        "card.card_security_code: CREDIT_CARD_SECURITY_CODE × 1000",
    ];
    for file in files {
        copies.assert_says(&[file], &found);
    }
    copies.assert_says(&files, &found);
    let single = [
        "finding_09_financial_parquet_DERIVED.json",
        "finding_10_credentials_parquet_DERIVED.json",
        "finding_11_managed_and_custom_parquet_DERIVED.json",
    ];
    copies.assert_says(&single, &found);
}

#[test]
fn what_names_no_column_is_refused_by_name() {
    let Some(copies) = Copies::new() else { return };
    let run = copies.discover(&["finding_07_personal_no_occurrences.json"]).expect_code(3);
    assert!(run.stderr().contains("4e958e42874e5e24ae7e92257cf2783e"), "{}", run.transcript());
    let run = copies.discover(&["finding_12_jsonpath_edge_cases_DERIVED.json"]).expect_code(3);
    let found = lines(&run);
    for column in [
        "edge.abcdefghijklmnopqrstuvwxyz:",
        "edge.Card Number:",
        "edge.access.key[*]:",
        "edge.1234567890.usssn1.usssn2.abcdefghijklmnopqrstuvwxyz:",
    ] {
        assert!(found.iter().any(|line| line.starts_with(column)), "{column} is not in {found:?}");
    }
    for identifier in ["ADDRESS", "PHONE_NUMBER", "DATE_OF_BIRTH"] {
        assert!(run.stderr().contains(&format!("dataset.edge: {identifier} ")), "{}", run.transcript());
    }
}

#[test]
fn samples_policies_and_notifications_are_no_findings() {
    let Some(copies) = Copies::new() else { return };
    for name in [
        "eventbridge_01_finding_multiple_csv.json",
        "eventbridge_02_policy_finding.json",
        "s3_event_01_put.json",
        "s3_event_02_put_encoded_key_DERIVED.json",
        "s3_event_03_test_event.json",
        "s3_event_04_eventbridge_object_created.json",
        "s3_event_05_sns_envelope_in_sqs_DERIVED.json",
        "s3_event_06_moto_observed.json",
    ] {
        copies.assert_says(&[name], &[]);
    }
}

#[test]
fn answers_of_other_services_are_errors_and_never_empty_findings() {
    let Some(copies) = Copies::new() else { return };
    let names = std::fs::read_dir(&copies.samples).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    let foreign = |name: &&String| {
        ["glue_", "lf_", "secrets_"].iter().any(|service| name.starts_with(service)) && name.ends_with(".json")
    };
    let foreign: Vec<&String> = names.iter().filter(foreign).collect();
    assert!(foreign.len() >= 10, "{names:?}");
    for name in foreign {
        let run = copies.discover(&[name]).expect_code(1);
        assert!(run.stderr().contains(name.as_str()), "{}", run.transcript());
        assert!(!run.transcript().contains("SecretString"), "{}", run.transcript());
    }
}
