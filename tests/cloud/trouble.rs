//! What AWS can answer instead of an answer: each is said with what to do, ends with its exit code, and publishes
//! nothing.

use super::world::{ORIGIN, Wing, World, usual_findings};
use crate::support::binary::{Run, Sandbox};
use crate::support::macie_stub::MacieStub;
use crate::support::moto::{REGION, moto};
use crate::support::stub::{Reply, Stub};

#[track_caller]
fn assert_says(run: &Run, texts: &[&str]) {
    for text in texts {
        assert!(run.stderr().contains(text), "no `{text}` in\n{}", run.transcript());
    }
}

/// A stub that answers every call with an S3 error.
fn s3_error(status: u16, code: &'static str) -> Stub {
    Stub::serve(move |_| Reply {
        status,
        headers: vec![("content-type", "application/xml".to_owned())],
        body: format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>m</Message></Error>"
        )
        .into_bytes(),
    })
}

/// A sandbox whose settings put one of its parts on S3 and the rest on folders.
fn with_s3(part: &str, endpoint: &str) -> Sandbox {
    let sandbox = Sandbox::new().with_all(moto().environment()).with("AWS_ENDPOINT_URL_S3", endpoint);
    let place = |name: &str| if name == part { format!("s3://some-bucket/{name}/") } else { name.to_owned() };
    sandbox.write(
        "saltlake.toml",
        format!(
            "[lake]\nlocation = \"{}\"\nknown_as = [\"s3://{ORIGIN}/dataset/\"]\n[findings]\nsources = [\"{}\"]\n\
             [keys.default]\nsecret = \"file:key\"\n[masked]\nlocation = \"{}\"\n[columns.customer]\nid = \"keep\"\ngender = \"keep\"\n",
            place("dataset"),
            place("findings"),
            place("masked"),
        ),
    );
    sandbox.write("key", super::world::KEY_BASE64);
    let table = super::world::customers().encode(crate::support::shop::SNAPPY);
    sandbox.write("dataset/customer/LOAD00000001.parquet", table);
    sandbox.write("findings/0.json", usual_findings(ORIGIN)[0].to_string());
    sandbox
}

#[test]
fn a_denied_bucket_is_named_whatever_it_holds() {
    let stub = Stub::denying_s3();
    for part in ["dataset", "findings", "masked"] {
        let run = with_s3(part, stub.endpoint()).run(["mask"]).expect_code(1);
        assert_says(&run, &[&format!("s3://some-bucket/{part}"), "access denied", "bucket policy"]);
    }
    let asked = stub.asked();
    assert!(asked.len() >= 3);
    for call in asked {
        assert!(call.header("authorization").is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256")), "{call:?}");
    }
}

#[test]
fn errors_of_s3_say_what_is_to_be_done() {
    for (status, code, texts) in [
        (403, "InvalidAccessKeyId", ["the credentials are not accepted", "AWS_PROFILE"]),
        (403, "SignatureDoesNotMatch", ["the credentials are not accepted", "AWS_PROFILE"]),
        (400, "ExpiredToken", ["the session has expired", "aws sso login"]),
        (400, "AuthorizationHeaderMalformed", ["the bucket is in another region", "--region"]),
        (301, "PermanentRedirect", ["the bucket is in another region", "--region"]),
        (403, "RequestTimeTooSkewed", ["this machine's clock is wrong", "set the clock"]),
        (404, "NoSuchBucket", ["there is no such bucket", "some-bucket"]),
    ] {
        let stub = s3_error(status, code);
        for part in ["dataset", "masked"] {
            let run = with_s3(part, stub.endpoint()).run(["mask"]).expect_code(1);
            assert_says(&run, &texts);
        }
        assert!(stub.asked().len() <= 12, "{code}: repeated {} times in vain", stub.asked().len());
    }
}

#[test]
fn a_missing_bucket_is_named() {
    for part in ["dataset", "findings", "masked"] {
        let sandbox = with_s3(part, moto().endpoint());
        let run = sandbox.run(["mask"]).expect_code(1);
        assert_says(&run, &["there is no such bucket", "some-bucket"]);
    }
    let sandbox = with_s3("masked", moto().endpoint());
    for arguments in [["verify", "customer"], ["query", "SELECT * FROM customer"]] {
        let run = sandbox.run(arguments).expect_code(1);
        assert_says(&run, &["there is no such bucket", "some-bucket"]);
    }
}

#[test]
fn a_missing_prefix_is_said() {
    let mut world = World::usual(Wing::S3, Wing::S3);
    let place = world.lake.location("dataset/");
    world.change_settings(&place, &world.lake.location("datasets/"));
    let run = world.run(["mask"]);
    assert!(matches!(run.code(), Some(1..=3)), "a lake without tables was masked: {}", run.transcript());
    assert_eq!(world.version(), None);
    world.change_settings(&world.lake.location("datasets/"), &place);
    let findings = world.lake.location("no-findings-here/");
    world.change_settings("sources = [\"findings\"]", &format!("sources = [\"{findings}\"]"));
    let run = world.run(["mask"]).expect_code(1);
    assert_says(&run, &["no findings there", "no-findings-here"]);
}

#[test]
fn without_credentials_nothing_is_asked_of_aws() {
    let stub = Stub::denying_s3();
    for part in ["dataset", "findings", "masked"] {
        let signed = with_s3(part, stub.endpoint());
        let sandbox = Sandbox::new().with("AWS_REGION", REGION).with("AWS_ENDPOINT_URL", stub.endpoint());
        copy(&signed, &sandbox);
        let run = sandbox.run(["mask"]).expect_code(1);
        assert_says(&run, &["no AWS credentials were found", "aws sso login"]);
    }
    let macie = Sandbox::new().with("AWS_REGION", REGION).with("AWS_ENDPOINT_URL", stub.endpoint());
    copy(&with_s3("none", stub.endpoint()), &macie);
    let run = macie.run(["discover", "--findings", "macie"]).expect_code(1);
    assert_says(&run, &["credentials"]);
    let run = macie.run(["mask", "--set", "keys.default.secret=secretsmanager:some-secret"]).expect_code(1);
    assert_says(&run, &["no AWS credentials were found"]);
    // And what needs no cloud asks for none.
    macie.run(["mask"]).ok();
    assert!(stub.asked().is_empty(), "asked without credentials: {:?}", stub.asked());
}

fn copy(from: &Sandbox, to: &Sandbox) {
    for key in from.shelf().list("") {
        to.write(&key, from.shelf().get(&key));
    }
}

#[test]
fn a_broken_credential_process_is_no_missing_profile() {
    let stub = Stub::denying_s3();
    let sandbox = Sandbox::new().with("AWS_REGION", REGION).with("AWS_ENDPOINT_URL", stub.endpoint());
    copy(&with_s3("dataset", stub.endpoint()), &sandbox);
    let home = sandbox.root().join("home/.aws");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("config"), "[default]\ncredential_process = /bin/sh -c \"echo hunter2-secret; exit 1\"\n")
        .unwrap();
    let run = sandbox.run(["mask"]).expect_code(1);
    assert_says(&run, &["AWS credentials could not be obtained"]);
    assert!(!run.transcript().contains("hunter2"), "{}", run.transcript());
    let run = sandbox.run(["mask", "--profile", "no-such-profile"]).expect_code(1);
    assert_says(&run, &["credentials"]);
    assert!(stub.asked().is_empty(), "{:?}", stub.asked());
}

#[test]
fn an_unreachable_endpoint_is_said_within_a_minute() {
    // Nothing listens on port 1.
    let sandbox = with_s3("dataset", "http://127.0.0.1:1");
    let run = sandbox.run(["discover"]).expect_code(1);
    assert_says(&run, &["s3://some-bucket/dataset", "connection refused"]);
    assert!(run.took < std::time::Duration::from_mins(1), "{:?}", run.took);
    let sandbox = with_s3("none", moto().endpoint()).with("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1");
    let run = sandbox.run(["mask", "--set", "keys.default.secret=secretsmanager:some-secret"]).expect_code(1);
    assert_says(&run, &["Secrets Manager cannot be reached"]);
}

#[test]
fn no_region_is_said_before_anything_is_asked() {
    let stub = MacieStub::new(usual_findings(ORIGIN)).start();
    let sandbox = Sandbox::new().with("AWS_ACCESS_KEY_ID", "test").with("AWS_SECRET_ACCESS_KEY", "test-secret");
    copy(&with_s3("dataset", stub.endpoint()), &sandbox);
    let run = sandbox.run(["discover"]).expect_code(2);
    assert_says(&run, &["no AWS region is set", "AWS_REGION"]);
}

#[test]
fn errors_of_secrets_manager_say_what_is_to_be_done() {
    for (code, texts) in [
        ("AccessDeniedException", ["the secret may not be read", "secretsmanager:GetSecretValue"]),
        ("DecryptionFailure", ["the secret may not be read", "kms:Decrypt"]),
        ("UnrecognizedClientException", ["does not accept the AWS credentials", "aws sso login"]),
        ("ExpiredTokenException", ["does not accept the AWS credentials", "aws sso login"]),
        ("ThrottlingException", ["did not give the secret out", "ThrottlingException"]),
    ] {
        let stub = Stub::serve(move |_| Reply {
            status: 400,
            headers: vec![("content-type", "application/x-amz-json-1.1".to_owned())],
            body: format!("{{\"__type\":\"{code}\",\"message\":\"User: arn:aws:iam::1:user/x\"}}").into_bytes(),
        });
        let sandbox = with_s3("none", moto().endpoint()).with("AWS_ENDPOINT_URL_SECRETS_MANAGER", stub.endpoint());
        let run = sandbox.run(["mask", "--set", "keys.default.secret=secretsmanager:some-secret"]).expect_code(1);
        assert_says(&run, &texts);
        assert_says(&run, &["some-secret"]);
        assert!(!sandbox.path("masked/versions/current").exists());
    }
}
