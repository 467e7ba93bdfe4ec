//! From a raw lake on S3 to masked tables on S3, and the same on every mixture of folders and buckets.

use serde_json::{Value, json};

use super::world::{
    DECLARED, KEY, OTHER_KEY_BASE64, Wing, World, bucket_name, cards, customers, firehose, usual_findings,
};
use crate::support::canary::Canary;
use crate::support::hash::salt_hashes;
use crate::support::lake::{Table, gzip};
use crate::support::macie_stub::finding;
use crate::support::moto::moto;
use crate::support::shelf::Shelf;

/// A finding that counts card expirations without telling where, and the discovery result that tells.
fn counted_only(lake: &str, results: &str) -> (Value, Vec<u8>) {
    let url = format!("s3://{results}/AWSLogs/123456789012/Macie/us-east-1/job/123456789012/5f0c.jsonl.gz");
    let expiration = [("CREDIT_CARD_EXPIRATION", "FINANCIAL_INFORMATION", "$.card_expiration")];
    let mut found = finding(lake, "dataset/card/LOAD00000001.parquet", &expiration);
    found["classificationDetails"]["detailedResultsLocation"] = json!(url);
    let mut detail = found.clone();
    found["classificationDetails"]["result"]["sensitiveData"][0]["detections"][0]["occurrences"] = json!({});
    detail["id"] = json!(uuid::Uuid::new_v4().simple().to_string());
    detail["severity"]["score"] = json!("3");
    detail["classificationDetails"]["jobArn"] = json!("arn:aws:macie2:us-east-1:123456789012:classification-job/5f0c");
    for member in ["archived", "sample", "count", "updatedAt"] {
        detail.as_object_mut().unwrap().remove(member);
    }
    let detection = &mut detail["classificationDetails"]["result"]["sensitiveData"][0]["detections"][0];
    detection["count"] = json!("40");
    detection["occurrences"]["records"][0]["recordIndex"] = json!("0");
    (found, gzip(format!("{detail}\n").as_bytes()))
}

/// Everything in buckets: raw lake, findings as Firehose delivers them, a discovery result, masked tables.
fn all_on_s3() -> (World, Shelf) {
    let mut world = World::new(Wing::S3, Wing::S3);
    let (findings, results) = (moto().bucket(), moto().bucket());
    let lake = bucket_name(&world.lake).to_owned();
    world.put_table("customer", 1, &customers());
    world.put_table("card", 1, &cards(0..40));
    world.put_table("card", 2, &cards(40..60));
    let (counted, detail) = counted_only(&lake, bucket_name(&results));
    results.put("AWSLogs/123456789012/Macie/us-east-1/job/123456789012/5f0c.jsonl.gz", detail);
    let usual = usual_findings(&lake);
    let policy = json!({
        "id": "p1", "category": "POLICY", "type": "Policy:IAMUser/S3BucketPublic", "schemaVersion": "1.0",
        "resourcesAffected": { "s3Bucket": { "name": lake } },
    });
    let elsewhere = finding("another-bucket", "x/y.csv", &[("NAME", "PERSONAL_INFORMATION", "$.name")]);
    findings.put("macie/2026/11/24/08/stream-1-2026-11-24-08-15-30-aaaa", firehose(&usual[..2], false));
    findings
        .put("macie/2026/11/24/09/stream-1-2026-11-24-09-15-30-bbbb.gz", firehose(&[counted, policy, elsewhere], true));
    findings.put("macie/2026/11/24/10/stream-1-2026-11-24-10-15-30-cccc", firehose(&usual[2..], true));
    world.change_settings("sources = [\"findings\"]", &format!("sources = [\"{}\"]", findings.location("macie/")));
    world.change_settings("known_as = [\"s3://origin-bucket/dataset/\"]\n", "");
    world.add_settings(DECLARED);
    // The discovery result tells of it: nobody need declare it.
    world.change_settings("card_expiration = \"mask_redact\"\n", "");
    (world, findings)
}

#[test]
fn everything_on_s3_is_discovered_planned_masked_verified_and_queried() {
    let (world, findings) = all_on_s3();
    let discovered = world.run(["discover", "--format", "json"]).ok();
    let columns: Vec<String> = discovered.json().as_array().unwrap().iter().map(column_text).collect();
    assert_eq!(
        columns,
        [
            "dataset.card.card_expiration CREDIT_CARD_EXPIRATION",
            "dataset.card.card_number CREDIT_CARD_NUMBER",
            "dataset.card.username custom:user name",
            "dataset.customer.mail custom:mail",
            "dataset.customer.name NAME",
            "dataset.customer.username custom:user name",
        ]
    );
    for origin in [&findings.location("macie/2026/11/24/08/"), "/AWSLogs/123456789012/Macie/us-east-1/job/"] {
        assert!(discovered.stdout().contains(origin), "{origin} is no origin in {}", discovered.transcript());
    }
    let table = world.run(["discover"]).ok().stdout();
    assert!(table.contains("1 outside it, 1 policy"), "{table}");

    world.run(["plan", "-o", "scripts"]).ok();
    let script = std::fs::read_to_string(world.sandbox.path("scripts/card.sql")).unwrap();
    assert!(script.contains(&world.masked.location("masked/card/")), "{script}");
    world.run(["mask"]).ok();
    let first = world.version().unwrap();
    assert_tokens(&world);
    assert_receipt(&world);
    let verified = world.run(["verify"]).ok().stdout();
    assert_eq!(verified.matches(" ok").count(), 2, "{verified}");

    // The same by scripts.
    let rows = world.masked_rows("card");
    world.run(["run", "scripts/card.sql", "scripts/customer.sql"]).ok();
    assert_ne!(world.version().unwrap(), first);
    assert_eq!(world.masked_rows("card"), rows);
    world.run(["verify", "card"]).ok();

    let joined = "SELECT count(*) AS n FROM customer c JOIN card k ON c.username = k.username";
    assert_eq!(world.query(joined), ["n", "60"]);
    let raw = "SELECT count(DISTINCT name) AS n FROM dataset.customer";
    assert_eq!(world.query(raw), ["n", "29"]);
    assert_no_leak(&world);
    assert_eq!(moto().unfinished_uploads(world.masked_bucket()), [""; 0]);
}

fn column_text(found: &Value) -> String {
    let identifiers: Vec<&str> = found["identifiers"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    format!("{}.{} {}", found["table"].as_str().unwrap(), found["column"].as_str().unwrap(), identifiers.join(" "))
}

/// Tokens are those of Python's hashlib; NULL stays NULL, the empty text does not stay empty.
fn assert_tokens(world: &World) {
    let user = |number: usize| format!("user-number-{number:03}");
    let mail = |number: usize| format!("somebody-{number:03}@example.org");
    let users = salt_hashes(&(0..30).map(user).collect::<Vec<_>>(), KEY);
    let mails = salt_hashes(&(0..30).map(mail).collect::<Vec<_>>(), KEY);
    let mut expected: Vec<Vec<Option<String>>> = (0..30)
        .map(|number| {
            let name = match number {
                7 => None,
                8 => Some(String::new()),
                _ => Some(format!("Person with a name {number:03}")),
            };
            let name = name.map(|name| salt_hashes(&[name], KEY).remove(0));
            let gender = ["f", "m", "x"][number % 3].to_owned();
            vec![Some(number.to_string()), Some(users[number].clone()), name, Some(gender), Some(mails[number].clone())]
        })
        .collect();
    expected.sort();
    assert_eq!(world.masked_rows("customer"), expected);
    assert_eq!(world.masked_rows("card").len(), 60);
}

fn assert_receipt(world: &World) {
    let receipt = world.receipt();
    let secret = moto().ask_secrets_manager("GetSecretValue", &json!({ "SecretId": world.secret })).json();
    let key = &receipt["tables"]["customer"]["keys"]["default"];
    assert_eq!((&key["source"], &key["version"]), (&json!("secretsmanager"), &secret["VersionId"]), "{receipt}");
    let sources = receipt["tables"]["card"]["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 2, "{receipt}");
    for (source, number) in sources.iter().zip(1..) {
        let key = format!("dataset/card/LOAD{number:08X}.parquet");
        assert_eq!(source["path"], world.lake.location(&key).as_str());
        assert_eq!(source["bytes"], world.lake.get(&key).len());
        assert!(source["etag"].as_str().is_some_and(|etag| etag.len() >= 32), "{source}");
    }
    assert_eq!(receipt["findings"]["counts"]["outside"], 1, "{receipt}");
}

/// Neither what the binary left on this machine nor what it published holds a raw cell or the key.
fn assert_no_leak(world: &World) {
    let canary = Canary::new()
        .cells("customer.name", (10..30).map(|number| format!("Person with a name {number:03}")))
        .cells("customer.username", (0..30).map(|number| format!("user-number-{number:03}")))
        .cells("card.card_number", (0..60).map(|number| format!("4000 0000 0000 {number:04}")))
        .key("default", KEY);
    canary.assert_clean_below(world.sandbox.root(), &[]);
    for key in world.masked.list("masked/") {
        canary.assert_clean(&key, &world.masked.get(&key));
    }
}

#[test]
fn the_same_commands_give_the_same_rows_on_every_mixture_of_folders_and_buckets() {
    let mut seen: Option<[Vec<Vec<Option<String>>>; 2]> = None;
    for (lake, masked) in
        [(Wing::Folder, Wing::Folder), (Wing::Folder, Wing::S3), (Wing::S3, Wing::Folder), (Wing::S3, Wing::S3)]
    {
        let world = World::usual(lake, masked);
        world.run(["plan", "-o", "scripts"]).ok();
        let script = std::fs::read_to_string(world.sandbox.path("scripts/card.sql")).unwrap();
        let place = world.masked.location("masked/");
        assert!(script.contains(&place), "{script}");
        world.run(["run", "scripts/customer.sql", "scripts/card.sql"]).ok();
        let rows = ["customer", "card"].map(|table| world.masked_rows(table));
        world.run(["mask"]).ok();
        assert_eq!(["customer", "card"].map(|table| world.masked_rows(table)), rows, "{lake:?} to {masked:?}");
        world.run(["verify"]).ok();
        assert_eq!(world.query("SELECT id, username FROM card ORDER BY id").len(), 61);
        match &seen {
            None => seen = Some(rows),
            Some(seen) => assert_eq!(seen, &rows, "{lake:?} to {masked:?}"),
        }
    }
}

/// Text that no codec makes small.
pub(super) fn noise(rows: usize, characters: usize) -> Vec<String> {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut row = || {
        let bytes = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        let bytes: Vec<u8> = bytes.take(characters / 8).flatten().collect();
        BASE64_STANDARD.encode(bytes)
    };
    (0..rows).map(|_| row()).collect()
}

#[test]
fn large_files_go_up_in_parts_both_copied_and_streamed() {
    let mut world = World::new(Wing::S3, Wing::S3);
    let rows: usize = 14_000;
    let table = Table::new()
        .bigint("id", (0..rows).map(|number| Some(i64::try_from(number).unwrap())))
        .text("username", (0..rows).map(|number| format!("user-number-{number:05}")))
        .text("payload", noise(rows, 1536));
    world.put_table("blob", 1, &table);
    world.sandbox.write(
        "findings/0.json",
        finding(
            "origin-bucket",
            "dataset/blob/LOAD00000001.parquet",
            &[("NAME", "PERSONAL_INFORMATION", "$.username")],
        )
        .to_string(),
    );
    world.add_settings("[columns.blob]\nid = \"keep\"\npayload = \"keep\"\n\n[engine]\nthreads = 1");
    world.run(["mask"]).ok();
    assert_eq!(world.receipt()["tables"]["blob"]["way"], "spliced");
    assert_uploaded_in_parts(&world, rows);
    world.sandbox.write(
        "streamed.sql",
        format!(
            "CREATE TABLE dataset_masked.blob WITH (external_location = '{}') AS\n\
             SELECT id, salt_hash(username) AS username, payload FROM dataset.blob WHERE id >= 0;",
            world.masked.location("masked/blob/")
        ),
    );
    world.run(["run", "streamed.sql"]).ok();
    assert_eq!(world.receipt()["tables"]["blob"]["way"], "streamed");
    assert_uploaded_in_parts(&world, rows);
}

fn assert_uploaded_in_parts(world: &World, rows: usize) {
    let files = world.masked_files("blob");
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(world.masked.get(&files[0]).len() > 16 << 20, "too small to need parts");
    assert_eq!(world.masked_rows("blob").len(), rows);
    let Shelf::Bucket { store, .. } = &world.masked else { panic!("a bucket is a bucket") };
    let (store, path) = (std::sync::Arc::clone(store), object_store::path::Path::parse(&files[0]).unwrap());
    let meta = crate::support::shelf::wait(async move {
        use object_store::ObjectStoreExt as _;
        store.head(&path).await
    });
    // As S3 marks what was put together from parts.
    assert!(meta.unwrap().e_tag.is_some_and(|etag| etag.contains('-')), "it was put in one piece");
    assert_eq!(moto().unfinished_uploads(world.masked_bucket()), [""; 0]);
    assert_eq!(world.masked.list("masked/_saltlake/journal/"), [""; 0]);
}

#[test]
fn findings_of_the_same_text_with_another_key_do_not_join() {
    let mut world = World::usual(Wing::Folder, Wing::S3);
    world.sandbox.write("other.key", OTHER_KEY_BASE64);
    world.add_settings("[keys.other]\nsecret = \"file:other.key\"");
    world.change_settings(
        "card_expiration = \"mask_redact\"",
        "card_expiration = \"mask_redact\"\nusername = \"salt_hash('other')\"",
    );
    world.run(["mask"]).ok();
    let joined = "SELECT count(*) AS n FROM customer c JOIN card k ON c.username = k.username";
    assert_eq!(world.query(joined), ["n", "0"]);
    let keys = &world.receipt()["tables"]["card"]["keys"];
    assert_eq!(keys["other"]["source"], "file", "{keys}");
}
