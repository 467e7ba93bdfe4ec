//! Findings straight from Macie.

use serde_json::{Value, json};

use super::world::{ORIGIN, Wing, World, usual_findings};
use crate::support::macie_stub::{MacieStub, finding};

/// The usual findings among many of the same and of other buckets: a live Macie covers the whole account.
fn account() -> Vec<Value> {
    let mut all = usual_findings(ORIGIN);
    for number in 0..80 {
        let name = [("NAME", "PERSONAL_INFORMATION", "$.name")];
        let (bucket, key) = match number % 4 {
            0 => (ORIGIN, "dataset/customer/LOAD00000001.parquet"),
            _ => ("payroll-bucket", "2026/salaries.csv"),
        };
        let mut found = finding(bucket, key, &name);
        found["archived"] = json!(number % 5 == 0);
        all.insert(usize::try_from(number).unwrap() / 2, found);
    }
    all
}

fn world_with(stub: &crate::support::stub::Stub) -> World {
    let mut world = World::usual(Wing::S3, Wing::S3).with("AWS_ENDPOINT_URL_MACIE2", stub.endpoint());
    world.change_settings("sources = [\"findings\"]", "sources = [\"macie\"]");
    world
}

#[test]
fn findings_of_the_live_service_mask_a_lake() {
    let all = account();
    let stub = MacieStub::new(all.clone()).page_size(20).throttle_every(4).start();
    let world = world_with(&stub);
    let live = world.run(["discover", "--format", "json"]).ok();
    let file = all.iter().map(Value::to_string).collect::<String>();
    world.sandbox.write("all.json", file);
    let read = world.run(["discover", "--format", "json", "--findings", "all.json"]).ok();
    assert_eq!(without_origin(live.json()), without_origin(read.json()));
    let table = world.run(["discover"]).ok().stdout();
    assert!(table.contains("60 outside it"), "{table}");
    world.run(["mask"]).ok();
    assert_eq!(world.masked_rows("customer").len(), 30);
    assert_eq!(world.receipt()["findings"]["sources"], json!(["macie"]));
    for call in stub.asked() {
        assert!(call.header("authorization").is_some(), "an unsigned call: {call:?}");
    }
}

fn without_origin(mut found: Value) -> Value {
    for column in found.as_array_mut().unwrap() {
        let evidence = column["evidence"].as_array_mut().unwrap();
        for piece in evidence.iter_mut() {
            piece.as_object_mut().unwrap().remove("origin");
        }
        evidence.sort_by_key(ToString::to_string);
    }
    found
}

#[test]
fn a_denied_an_absent_and_an_endlessly_busy_service_are_errors() {
    let stub = MacieStub::new(account()).deny().start();
    let world = world_with(&stub);
    for command in ["discover", "plan", "mask"] {
        let run = world.run([command]).expect_code(1);
        assert!(run.stderr().contains("access to Macie is denied"), "{}", run.transcript());
        assert!(run.stderr().contains("macie2:GetFindings"), "{}", run.transcript());
    }
    assert_eq!(world.version(), None);
    let run = world_with(&stub).with("AWS_ENDPOINT_URL_MACIE2", "http://127.0.0.1:1").run(["discover"]).expect_code(1);
    assert!(run.stderr().contains("Macie cannot be reached"), "{}", run.transcript());
    let busy = crate::support::stub::Stub::serve(|_| crate::support::stub::Reply {
        status: 429,
        headers: vec![("x-amzn-errortype", "ThrottlingException".to_owned())],
        body: br#"{"message":"Rate exceeded"}"#.to_vec(),
    });
    let run = world_with(&busy).run(["discover"]).expect_code(1);
    assert!(run.stderr().contains("throttles"), "{}", run.transcript());
    assert!(busy.asked().len() > 1, "it gave up at the first word");
}
