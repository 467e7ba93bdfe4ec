//! S3 and Secrets Manager on this machine: one moto server for the whole test process, started when first asked for.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use serde_json::{Value, json};

use super::http::{self, Answer};
use super::python;
use super::shelf::Shelf;

/// The region of everything in here.
pub(crate) const REGION: &str = "us-east-1";
const ACCESS_KEY_ID: &str = "test";
const SECRET_ACCESS_KEY: &str = "test-secret";

/// The running server.
pub(crate) struct Moto {
    endpoint: String,
    // Never dropped: the pipe closes when this process ends, however it ends, and then the server ends too. None if the
    // server is that of a process that waits for this one.
    _lifeline: Option<(Child, ChildStdin)>,
}

/// Names the server to a process that a test starts.
pub(crate) const ENDPOINT_VARIABLE: &str = "TESTS_MOTO";

/// The server of this test process.
pub(crate) fn moto() -> &'static Moto {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    MOTO.get_or_init(start)
}

fn start() -> Moto {
    if let Ok(endpoint) = std::env::var(ENDPOINT_VARIABLE) {
        return Moto { endpoint, _lifeline: None };
    }
    let (mut child, stdin) = spawn();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port: u16 = line.trim().parse().expect("moto did not start; its message is above");
    let endpoint = format!("http://127.0.0.1:{port}");
    let started = Instant::now();
    while http::request("GET", &endpoint, "/moto-api/data.json", &[], b"").status != 200 {
        assert!(started.elapsed() < Duration::from_mins(1), "moto does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    Moto { endpoint, _lifeline: Some((child, stdin)) }
}

fn spawn() -> (Child, ChildStdin) {
    let mut child = Command::new(python::interpreter())
        .arg("-I")
        .arg(python::script("serve.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start moto");
    let stdin = child.stdin.take().unwrap();
    (child, stdin)
}

impl Moto {
    /// `http://127.0.0.1:PORT`, for every service.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The environment in which the AWS clients of a binary find the server.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("AWS_REGION", REGION),
            ("AWS_ENDPOINT_URL", &self.endpoint),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Makes a bucket that no other test has.
    pub(crate) fn bucket(&self) -> Shelf {
        let name = format!("test-{}", uuid::Uuid::new_v4().simple());
        self.make_bucket(&name);
        self.open(&name)
    }

    /// Makes a bucket of a given name.
    pub(crate) fn make_bucket(&self, name: &str) {
        let answer = http::request("PUT", &self.endpoint, &format!("/{name}"), &[], b"");
        assert_eq!(answer.status, 200, "make bucket {name}: {}", answer.text());
    }

    /// A bucket, whether it exists or not.
    pub(crate) fn open(&self, name: &str) -> Shelf {
        let store = AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_allow_http(true)
            .with_region(REGION)
            .with_access_key_id(ACCESS_KEY_ID)
            .with_secret_access_key(SECRET_ACCESS_KEY)
            .with_bucket_name(name)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .build()
            .unwrap();
        Shelf::Bucket { name: name.to_owned(), store: Arc::new(store) }
    }

    /// The ids of multipart uploads that were neither completed nor aborted.
    pub(crate) fn unfinished_uploads(&self, bucket: &str) -> Vec<String> {
        let answer = http::request("GET", &self.endpoint, &format!("/{bucket}?uploads"), &[], b"");
        assert_eq!(answer.status, 200, "list uploads of {bucket}: {}", answer.text());
        let text = answer.text();
        let parts = text.split("<UploadId>").skip(1);
        parts.map(|part| part.split('<').next().unwrap_or_default().to_owned()).collect()
    }

    /// Starts a multipart upload and leaves it, as a killed writer does. Returns its id.
    pub(crate) fn abandon_upload(&self, bucket: &str, key: &str) -> String {
        let answer = http::request("POST", &self.endpoint, &format!("/{bucket}/{key}?uploads"), &[], b"");
        assert_eq!(answer.status, 200, "start an upload: {}", answer.text());
        let text = answer.text();
        let id = text.split("<UploadId>").nth(1).and_then(|rest| rest.split('<').next());
        id.expect("an upload id").to_owned()
    }

    /// Makes a secret of a text. Returns its version's id.
    pub(crate) fn create_secret(&self, name: &str, text: &str) -> String {
        self.secrets_manager("CreateSecret", &json!({ "Name": name, "SecretString": text }))
    }

    /// Makes a secret of bytes. Returns its version's id.
    pub(crate) fn create_binary_secret(&self, name: &str, bytes: &[u8]) -> String {
        use base64::prelude::{BASE64_STANDARD, Engine as _};
        let encoded = BASE64_STANDARD.encode(bytes);
        self.secrets_manager("CreateSecret", &json!({ "Name": name, "SecretBinary": encoded }))
    }

    /// Gives a secret a new value. Returns the new version's id.
    pub(crate) fn rotate_secret(&self, name: &str, text: &str) -> String {
        self.secrets_manager("PutSecretValue", &json!({ "SecretId": name, "SecretString": text }))
    }

    /// Schedules a secret's deletion: reading it is an `InvalidRequestException` from then on.
    pub(crate) fn delete_secret(&self, name: &str) {
        let answer = self.ask_secrets_manager("DeleteSecret", &json!({ "SecretId": name }));
        assert_eq!(answer.status, 200, "delete secret {name}: {}", answer.text());
    }

    fn secrets_manager(&self, operation: &str, body: &Value) -> String {
        let answer = self.ask_secrets_manager(operation, body);
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
        answer.json()["VersionId"].as_str().expect("a version id").to_owned()
    }

    /// One call, as AWS JSON 1.1. The signature is not checked; its scope tells moto which service is meant.
    pub(crate) fn ask_secrets_manager(&self, operation: &str, body: &Value) -> Answer {
        let target = format!("secretsmanager.{operation}");
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20260101/{REGION}/secretsmanager/aws4_request, \
             SignedHeaders=host, Signature=x"
        );
        let headers = [
            ("Content-Type", "application/x-amz-json-1.1"),
            ("X-Amz-Target", &target),
            ("Authorization", &authorization),
        ];
        http::request("POST", &self.endpoint, "/", &headers, body.to_string().as_bytes())
    }
}

#[test]
fn a_server_does_not_outlive_its_tests() {
    let (mut child, stdin) = spawn();
    let mut port = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
    assert!(port.trim().parse::<u16>().is_ok(), "{port}");
    // What the kernel does for a process that ends, killed or not.
    drop(stdin);
    let until = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < until, "the server lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_bucket_holds_what_was_put() {
    super::shelf::holds_what_was_put(&moto().bucket());
}

#[test]
fn a_conditional_put_has_one_winner() {
    use object_store::path::Path;
    use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload, UpdateVersion};

    let Shelf::Bucket { store, .. } = moto().bucket() else { panic!("a bucket is a bucket") };
    super::shelf::wait(async move {
        let pointer = Path::from("pointer.json");
        let first = store.put_opts(&pointer, PutPayload::from("1"), PutMode::Create.into()).await.unwrap();
        let again = store.put_opts(&pointer, PutPayload::from("x"), PutMode::Create.into()).await;
        assert!(matches!(again, Err(object_store::Error::AlreadyExists { .. })), "{again:?}");
        let seen = UpdateVersion { e_tag: first.e_tag, version: first.version };
        store.put_opts(&pointer, PutPayload::from("2"), PutMode::Update(seen.clone()).into()).await.unwrap();
        let stale = store.put_opts(&pointer, PutPayload::from("3"), PutMode::Update(seen).into()).await;
        assert!(matches!(stale, Err(object_store::Error::Precondition { .. })), "{stale:?}");
        assert_eq!(store.get(&pointer).await.unwrap().bytes().await.unwrap(), "2");
    });
}

#[test]
fn a_missing_bucket_is_an_error() {
    let Shelf::Bucket { store, .. } = moto().open("no-such-bucket") else { panic!("a bucket is a bucket") };
    let listed = super::shelf::wait(async move {
        use futures::TryStreamExt as _;
        store.list(None).try_collect::<Vec<_>>().await
    });
    assert!(listed.is_err());
}

#[test]
fn an_abandoned_upload_can_be_seen() {
    let shelf = moto().bucket();
    let Shelf::Bucket { name, .. } = &shelf else { panic!("a bucket is a bucket") };
    assert_eq!(moto().unfinished_uploads(name), [""; 0]);
    let id = moto().abandon_upload(name, "masked/part.parquet");
    assert_eq!(moto().unfinished_uploads(name), [id]);
    assert_eq!(shelf.list(""), [""; 0]);
}

#[test]
fn a_secret_keeps_its_versions() {
    let name = format!("key-{}", uuid::Uuid::new_v4());
    let first = moto().create_secret(&name, "TXlTZWNyZXQ=");
    let second = moto().rotate_secret(&name, "T3RoZXI=");
    assert_ne!(first, second);
    let current = moto().ask_secrets_manager("GetSecretValue", &json!({ "SecretId": name })).json();
    assert_eq!(current["SecretString"], "T3RoZXI=");
    assert_eq!(current["VersionId"], second.as_str());
    let pinned = json!({ "SecretId": name, "VersionId": first });
    assert_eq!(moto().ask_secrets_manager("GetSecretValue", &pinned).json()["SecretString"], "TXlTZWNyZXQ=");
    moto().delete_secret(&name);
    assert_eq!(moto().ask_secrets_manager("GetSecretValue", &pinned).status, 400);
}

#[test]
fn a_binary_secret_comes_back_whole() {
    let name = format!("key-{}", uuid::Uuid::new_v4());
    moto().create_binary_secret(&name, &[0, 255, 10]);
    let value = moto().ask_secrets_manager("GetSecretValue", &json!({ "SecretId": name })).json();
    assert_eq!(value["SecretBinary"], "AP8K");
}
