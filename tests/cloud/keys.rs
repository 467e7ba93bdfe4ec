//! Keys in Secrets Manager: forms, versions, rotation; and the credentials that all of AWS needs.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::world::{KEY_BASE64, OTHER_KEY_BASE64, Wing, World};
use crate::support::binary::Sandbox;
use crate::support::moto::{REGION, moto};

fn current_version(secret: &str) -> Value {
    moto().ask_secrets_manager("GetSecretValue", &json!({ "SecretId": secret })).json()["VersionId"].clone()
}

#[test]
fn every_form_of_a_secret_gives_the_same_tokens() {
    let mut world = World::usual(Wing::Folder, Wing::Folder);
    world.run(["mask"]).ok();
    let rows = world.masked_rows("card");
    let secret = world.secret.clone();
    let name = |form: &str| format!("saltlake/{form}-{}", uuid::Uuid::new_v4());
    let (json_form, hex, utf8) = (name("json"), name("hex"), name("utf8"));
    moto().create_secret(&json_form, &json!({ "salt": KEY_BASE64, "other": "x" }).to_string());
    moto().create_secret(&hex, "4d795365637265742d6f662d7369787465656e2d6279746573");
    moto().create_binary_secret(&utf8, b"MySecret-of-sixteen-bytes");
    world.sandbox.write("key.txt", KEY_BASE64);
    let mut line = format!("secret = \"secretsmanager:{secret}\"");
    for next in [
        format!("secret = \"secretsmanager:{json_form}#salt\""),
        format!("secret = \"secretsmanager:{hex}\"\nencoding = \"hex\""),
        format!("secret = \"secretsmanager:{utf8}\"\nencoding = \"utf8\""),
        "secret = \"file:key.txt\"".to_owned(),
    ] {
        world.change_settings(&line, &next);
        // The same key from elsewhere is no other key: no --rekey.
        world.run(["mask"]).ok();
        assert_eq!(world.masked_rows("card"), rows, "{next}");
        line = next;
    }
    world.change_settings(&line, &format!("secret = \"secretsmanager:{json_form}#pepper\""));
    let run = world.run(["mask"]).expect_code(1);
    assert!(run.stderr().contains("no such member") && run.stderr().contains("pepper"), "{}", run.transcript());
    assert!(!run.transcript().contains(KEY_BASE64), "{}", run.transcript());
    assert_eq!(world.masked_rows("card"), rows);
}

#[test]
fn a_rotated_secret_is_refused_until_rekey_is_said_and_a_pinned_version_stays() {
    let mut world = World::usual(Wing::S3, Wing::S3);
    let first = current_version(&world.secret);
    world.run(["mask"]).ok();
    let (version, rows) = (world.version(), world.masked_rows("card"));
    moto().rotate_secret(&world.secret, OTHER_KEY_BASE64);
    let second = current_version(&world.secret);
    assert_ne!(first, second);

    let run = world.run(["mask"]).expect_code(3);
    assert!(run.stderr().contains("--rekey") && run.stderr().contains("default"), "{}", run.transcript());
    assert_eq!((world.version(), world.masked_rows("card")), (version.clone(), rows.clone()));
    let run = world.run(["verify"]).expect_code(3);
    assert!(run.stderr().contains("the key differs"), "{}", run.transcript());
    // The masked tables can be read all the same: reading needs no key.
    assert_eq!(world.query("SELECT count(*) AS n FROM card"), ["n", "60"]);

    let line = format!("secret = \"secretsmanager:{}\"", world.secret);
    let pinned = format!("{line}\nversion = {first}");
    world.change_settings(&line, &pinned);
    world.run(["verify"]).ok();
    world.run(["mask"]).ok();
    assert_eq!(world.masked_rows("card"), rows);
    assert_eq!(world.receipt()["tables"]["card"]["keys"]["default"]["version"], first);

    world.change_settings(&pinned, &line);
    world.run(["mask"]).expect_code(3);
    world.run(["mask", "--rekey"]).ok();
    assert_ne!(world.masked_rows("card"), rows);
    let receipt = world.receipt();
    assert_eq!(receipt["tables"]["card"]["keys"]["default"]["version"], second, "{receipt}");
    assert_eq!(receipt["rekey"], true, "{receipt}");
    let joined = "SELECT count(*) AS n FROM customer c JOIN card k ON c.username = k.username";
    assert_eq!(world.query(joined), ["n", "60"]);
    world.run(["verify"]).ok();
}

#[test]
fn a_rekey_of_some_tables_only_is_refused() {
    let world = World::usual(Wing::Folder, Wing::S3);
    world.run(["mask"]).ok();
    let rows = world.masked_rows("card");
    world.run(["plan", "-o", "scripts"]).ok();
    moto().rotate_secret(&world.secret, OTHER_KEY_BASE64);
    let run = world.run(["run", "scripts/card.sql", "--rekey"]).expect_code(3);
    assert!(run.stderr().contains("customer"), "{}", run.transcript());
    assert_eq!(world.masked_rows("card"), rows);
}

#[test]
fn a_missing_and_a_deleted_secret_are_named() {
    let mut world = World::usual(Wing::Folder, Wing::Folder);
    moto().delete_secret(&world.secret);
    let run = world.run(["mask"]).expect_code(1);
    assert!(run.stderr().contains("scheduled for deletion"), "{}", run.transcript());
    let secret = world.secret.clone();
    world.change_settings(&secret, "saltlake/never-made");
    let run = world.run(["mask"]).expect_code(1);
    assert!(
        run.stderr().contains("no such secret") && run.stderr().contains("saltlake/never-made"),
        "{}",
        run.transcript()
    );
    assert_eq!(world.version(), None);
}

#[test]
fn a_credential_process_is_asked_once_and_not_for_every_request() {
    let mut world = World::usual(Wing::S3, Wing::S3);
    let expiration = (chrono::Utc::now() + chrono::Duration::hours(1)).to_rfc3339();
    let answer = json!({
        "Version": 1, "AccessKeyId": "test", "SecretAccessKey": "test-secret", "SessionToken": "token",
        "Expiration": expiration,
    });
    // A sandbox of its own, without the keys in its environment.
    let sandbox = Sandbox::new().with("AWS_REGION", REGION).with("AWS_ENDPOINT_URL", moto().endpoint());
    let script = sandbox.path("credentials.sh");
    let calls = sandbox.path("calls.txt");
    std::fs::write(&script, format!("#!/bin/sh\necho call >>'{}'\ncat <<'END'\n{answer}\nEND\n", calls.display()))
        .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let home = sandbox.root().join("home/.aws");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("config"), format!("[profile data]\ncredential_process = {}\n", script.display()))
        .unwrap();
    let settings = std::fs::read_to_string(world.sandbox.path("saltlake.toml")).unwrap();
    sandbox.write("saltlake.toml", settings);
    for number in 0..3 {
        let name = format!("findings/{number}.json");
        sandbox.write(&name, std::fs::read(world.sandbox.path(&name)).unwrap());
    }
    world.sandbox = sandbox;
    world.run(["mask"]).expect_code(1);
    assert!(!calls.exists(), "a profile that nobody asked for was used");
    world.run(["mask", "--profile", "data"]).ok();
    assert_eq!(world.masked_rows("card").len(), 60);
    let calls = std::fs::read_to_string(calls).unwrap().lines().count();
    // Ours, and one for each of the SDK's clients.
    assert!(calls <= 3, "asked {calls} times");
}
