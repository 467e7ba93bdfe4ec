//! The contract of `engine::connections::Secrets`, and of keys made from secrets, on files and on Secrets Manager.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use saltlake::backend::local::LocalSecrets;
use saltlake::engine::connections::Secrets;
use saltlake::error::ErrorKind;
use saltlake::model::KeyId;
use saltlake::settings::SecretRef;
use saltlake_udfs::{MaskKey, key_fingerprint};
use zeroize::Zeroizing;

use super::place::{Place, apart};
use crate::support::moto::moto;

/// Something to keep secrets in.
trait Vault {
    fn put(&self, name: &str, text: &[u8]) -> SecretRef;
    /// A reference to nothing.
    fn missing(&self) -> SecretRef;
}

struct Files<'a>(&'a Path);

impl Vault for Files<'_> {
    fn put(&self, name: &str, text: &[u8]) -> SecretRef {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        SecretRef::File(path)
    }

    fn missing(&self) -> SecretRef {
        SecretRef::File(self.0.join("no such file"))
    }
}

struct SecretsManager;

impl SecretsManager {
    fn name(name: &str) -> String {
        format!("{name}-{}", uuid::Uuid::new_v4())
    }

    fn reference(id: String) -> SecretRef {
        SecretRef::SecretsManager { id, member: None }
    }
}

impl Vault for SecretsManager {
    fn put(&self, name: &str, text: &[u8]) -> SecretRef {
        let id = Self::name(name);
        match std::str::from_utf8(text) {
            Ok(text) => moto().create_secret(&id, text),
            Err(_) => moto().create_binary_secret(&id, text),
        };
        Self::reference(id)
    }

    fn missing(&self) -> SecretRef {
        Self::reference(Self::name("missing"))
    }
}

#[test]
fn secrets_keep_their_contract_in_files() {
    let place = Place::folder(&[]);
    keeps_its_contract(&place, &LocalSecrets, &Files(place.aside()));
    keeps_its_contract(&place, place.backend.as_ref(), &Files(place.aside()));
    let reference = Files(place.aside()).put("pinned", b"x");
    // A file has no versions: a pin that cannot hold is wrong, not ignored.
    place.fail(ErrorKind::Usage, LocalSecrets.secret(&reference, Some("v1")));
    let elsewhere = SecretRef::SecretsManager { id: "name".to_owned(), member: None };
    place.fail(ErrorKind::Failed, LocalSecrets.secret(&elsewhere, None));
}

#[test]
fn secrets_keep_their_contract_in_secrets_manager() {
    apart("contracts::secrets::secrets_keep_their_contract_in_secrets_manager", || {
        let place = Place::bucket(&[]);
        keeps_its_contract(&place, place.backend.as_ref(), &SecretsManager);
        versions_are_kept_apart(&place);
        a_deleted_secret_is_not_read(&place);
    });
}

fn keeps_its_contract(place: &Place, secrets: &dyn Secrets, vault: &dyn Vault) {
    // Bytes come as they are stored: no line end is cut off, nothing is decoded.
    for (name, bytes) in [
        ("text", b"TXlTZWNyZXQ=".as_slice()),
        ("newline", b" salt\n"),
        ("json", br#"{"salt":"TXlTZWNyZXQ="}"#),
        ("binary", &[0, 255, 254, 10, 13]),
        ("unicode", "nøkkel €".as_bytes()),
    ] {
        let stored = place.run(secrets.secret(&vault.put(name, bytes), None));
        assert_eq!(stored.bytes.as_slice(), bytes, "{name}");
        assert!(!format!("{stored:?}").contains("TXlT"), "a secret was printed");
    }
    let error = place.fail(ErrorKind::Failed, secrets.secret(&vault.missing(), None));
    assert!(!error.hints().is_empty(), "{error}");
}

fn versions_are_kept_apart(place: &Place) {
    let id = SecretsManager::name("rotated");
    let first = moto().create_secret(&id, "first value");
    let reference = SecretsManager::reference(id.clone());
    let read = |version: Option<&str>| {
        let stored = place.run(place.backend.secret(&reference, version));
        (String::from_utf8(stored.bytes.to_vec()).unwrap(), stored.version.unwrap())
    };
    assert_eq!(read(None), ("first value".to_owned(), first.clone()));
    let second = moto().rotate_secret(&id, "second value");
    assert_eq!(read(None), ("second value".to_owned(), second.clone()));
    assert_eq!(read(Some(&first)), ("first value".to_owned(), first.clone()));
    assert_eq!(read(Some(&second)), ("second value".to_owned(), second));
    // By its ARN as by its name.
    let described = moto().ask_secrets_manager("DescribeSecret", &serde_json::json!({ "SecretId": id })).json();
    let by_arn = SecretsManager::reference(described["ARN"].as_str().unwrap().to_owned());
    assert_eq!(place.run(place.backend.secret(&by_arn, Some(&first))).bytes.as_slice(), b"first value");
    let none = "00000000-0000-4000-8000-000000000000";
    let error = place.fail(ErrorKind::Failed, place.backend.secret(&reference, Some(none)));
    assert!(error.to_string().contains(none) && error.to_string().contains(&id), "{error}");
}

fn a_deleted_secret_is_not_read(place: &Place) {
    let id = SecretsManager::name("deleted");
    moto().create_secret(&id, "value");
    moto().delete_secret(&id);
    let error = place.fail(ErrorKind::Failed, place.backend.secret(&SecretsManager::reference(id), None));
    assert!(error.to_string().contains("scheduled for deletion"), "{error}");
}

#[test]
fn keys_from_files_and_from_secrets_manager_are_the_same() {
    apart("contracts::secrets::keys_from_files_and_from_secrets_manager_are_the_same", || {
        let key = b"MySecret".as_slice();
        let text = SecretsManager::name("text");
        moto().create_secret(&text, "TXlTZWNyZXQ=");
        let json = SecretsManager::name("json");
        moto().create_secret(&json, r#"{"other":"x","sa.lt":"TXlTZWNyZXQ=","number":5}"#);
        let binary = SecretsManager::name("binary");
        moto().create_binary_secret(&binary, key);
        let rotated = SecretsManager::name("rotated");
        let first = moto().create_secret(&rotated, "4d79536563726574");
        moto().rotate_secret(&rotated, "00");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        fs::write(&file, "TXlTZWNyZXQ=\n").unwrap();
        let settings = [
            format!("keys.text.secret=secretsmanager:{text}"),
            format!("keys.json.secret=secretsmanager:{json}#sa.lt"),
            format!("keys.binary.secret=secretsmanager:{binary}"),
            "keys.binary.encoding=utf8".to_owned(),
            format!("keys.pinned.secret=secretsmanager:{rotated}"),
            format!("keys.pinned.version={first}"),
            "keys.pinned.encoding=hex".to_owned(),
            format!("keys.file.secret=file:{}", file.display()),
            format!("keys.current.secret=secretsmanager:{rotated}"),
            "keys.current.encoding=hex".to_owned(),
            format!("keys.number.secret=secretsmanager:{json}#number"),
            format!("keys.absent.secret=secretsmanager:{json}#salt"),
            format!("keys.whole.secret=secretsmanager:{json}"),
        ];
        let place = Place::bucket(&settings.each_ref().map(String::as_str));
        let fingerprint = key_fingerprint(&MaskKey::new(Zeroizing::new(key.to_vec())));
        let ids = |name: &str| KeyId::new(name);
        let load = |name: &'static str| {
            let engine = &place.engine;
            async move { engine.load_keys(&BTreeSet::from([KeyId::new(name)])).await }
        };
        for name in ["text", "json", "binary", "pinned", "file"] {
            place.run(load(name));
            let used = place.engine.key_use(&ids(name)).unwrap();
            assert_eq!(used.fingerprint, fingerprint, "{name}");
            assert_eq!(used.version.is_some(), name != "file", "{name}");
        }
        assert_eq!(place.engine.key_use(&ids("pinned")).unwrap().version, Some(first));
        place.run(load("current"));
        assert_ne!(place.engine.key_use(&ids("current")).unwrap().fingerprint, fingerprint);
        for name in ["number", "absent", "whole"] {
            let error = place.fail(ErrorKind::Failed, load(name));
            assert!(error.to_string().contains(name) && !error.to_string().contains("TXlT"), "{error}");
        }
    });
}

#[test]
fn an_empty_secret_is_no_key() {
    apart("contracts::secrets::an_empty_secret_is_no_key", || {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("empty");
        fs::write(&file, "").unwrap();
        let json = SecretsManager::name("json");
        moto().create_secret(&json, r#"{"salt":""}"#);
        let empty = SecretsManager::name("empty");
        // Secrets Manager itself may refuse an empty text; then there is no value, which is no key either.
        moto().ask_secrets_manager("CreateSecret", &serde_json::json!({ "Name": empty, "SecretString": "" }));
        let settings = [
            format!("keys.file.secret=file:{}", file.display()),
            format!("keys.json.secret=secretsmanager:{json}#salt"),
            format!("keys.empty.secret=secretsmanager:{empty}"),
        ];
        let place = Place::bucket(&settings.each_ref().map(String::as_str));
        for (name, kind) in [("file", ErrorKind::Refused), ("json", ErrorKind::Refused), ("empty", ErrorKind::Failed)] {
            let wanted = BTreeSet::from([KeyId::new(name)]);
            place.fail(kind, place.engine.load_keys(&wanted));
            assert!(place.engine.key_use(&KeyId::new(name)).is_none(), "{name}");
        }
    });
}
