//! An S3 that loses answers, refuses single requests, or is left in the middle: a proxy in front of moto plays it.

use std::collections::BTreeSet;

use super::whole_way::noise;
use super::world::{ORIGIN, Wing, World};
use crate::support::http;
use crate::support::lake::Table;
use crate::support::macie_stub::finding;
use crate::support::moto::moto;
use crate::support::stub::{Asked, Reply, Stub};

/// The headers of an answer that clients read.
const ANSWERED: [&str; 5] = ["etag", "content-type", "content-range", "last-modified", "accept-ranges"];

/// Passes a request on to moto.
fn pass_on(asked: &Asked) -> Reply {
    let skipped = ["host", "content-length", "connection"];
    let headers: Vec<(&str, &str)> = asked
        .headers
        .iter()
        .filter(|(name, _)| !skipped.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let answer = http::request(&asked.method, moto().endpoint(), &asked.path, &headers, &asked.body);
    let headers = ANSWERED.iter().filter_map(|name| Some((*name, answer.header(name)?.to_owned())));
    Reply { status: answer.status, headers: headers.collect(), body: answer.body }
}

fn refusal(status: u16, code: &str) -> Reply {
    Reply {
        status,
        headers: vec![("content-type", "application/xml".to_owned())],
        body: format!("<Error><Code>{code}</Code><Message>m</Message></Error>").into_bytes(),
    }
}

/// A usual world whose S3 is behind a proxy.
fn behind(proxy: &Stub) -> World {
    World::usual(Wing::S3, Wing::S3).with("AWS_ENDPOINT_URL_S3", proxy.endpoint())
}

fn is_conditional(asked: &Asked) -> bool {
    asked.header("if-match").is_some() || asked.header("if-none-match").is_some()
}

#[test]
fn a_lost_answer_to_a_conditional_put_does_not_lose_the_run() {
    let mut lost = BTreeSet::new();
    let proxy = Stub::serve(move |asked| {
        let reply = pass_on(asked);
        // Done, but nobody hears of it; each content once, so that the second try meets the work of the first.
        if asked.method == "PUT" && is_conditional(asked) && lost.insert((asked.path.clone(), asked.body.clone())) {
            return refusal(503, "SlowDown");
        }
        reply
    });
    let world = behind(&proxy);
    for _ in 0..2 {
        world.run(["mask"]).ok();
    }
    world.run(["verify"]).ok();
    assert_eq!(world.masked_rows("card").len(), 60);
    let again = proxy.asked().into_iter().filter(is_conditional).filter(|asked| asked.path.contains("pointer.json"));
    assert!(again.count() >= 6, "no answer was lost");
}

#[test]
fn a_write_that_is_refused_in_the_middle_publishes_nothing() {
    for refused in ["/card/", "_saltlake/receipts/", "_saltlake/versions/"] {
        let armed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let proxy = Stub::serve({
            let armed = std::sync::Arc::clone(&armed);
            move |asked| {
                let is_it = asked.method == "PUT" && asked.path.contains(refused) && asked.path.contains("masked");
                if armed.load(std::sync::atomic::Ordering::Relaxed) && is_it {
                    return refusal(403, "AccessDenied");
                }
                pass_on(asked)
            }
        });
        let world = behind(&proxy);
        world.run(["mask"]).ok();
        let (version, rows) = (world.version(), world.masked_rows("card"));
        armed.store(true, std::sync::atomic::Ordering::Relaxed);
        let run = world.run(["mask"]).expect_code(1);
        assert!(run.stderr().contains("access denied"), "{refused}: {}", run.transcript());
        assert_eq!((world.version(), world.masked_rows("card")), (version.clone(), rows), "{refused}");
        armed.store(false, std::sync::atomic::Ordering::Relaxed);
        world.run(["verify"]).ok();
        // The location was given back, and what the failed run left is cleaned up.
        world.run(["mask", "--set", "masked.grace=0s"]).ok();
        let mut files: Vec<_> = ["card", "customer"].iter().flat_map(|table| world.masked_files(table)).collect();
        files.sort();
        assert_eq!(world.masked.list("masked/versions/"), files, "{refused}");
    }
}

#[test]
fn a_switch_whose_outcome_nobody_knows_is_not_called_a_failure_when_it_happened() {
    // The pointer is written, and then the store does not answer any more until the client gives up.
    let mut switched = false;
    let proxy = Stub::serve(move |asked| {
        if asked.method == "PUT" && asked.path.contains("pointer.json") && is_conditional(asked) {
            let reply = pass_on(asked);
            if switched {
                return refusal(400, "RequestTimeout");
            }
            // The first one is the fence.
            switched = true;
            return reply;
        }
        pass_on(asked)
    });
    let world = behind(&proxy);
    let run = world.run(["mask"]);
    assert_eq!(run.code(), Some(0), "{}", run.transcript());
    assert!(run.stdout().contains(&world.version().unwrap()), "{}", run.transcript());
    world.run(["verify"]).ok();
}

/// S3's answer to one who may not delete: each object on its own, in an answer that is no error.
fn undeleted(asked: &Asked) -> Reply {
    let body = String::from_utf8_lossy(&asked.body);
    let keys = body.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
    let errors = keys
        .map(|key| format!("<Error><Key>{key}</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"));
    Reply {
        status: 200,
        headers: vec![("content-type", "application/xml".to_owned())],
        body: format!("<DeleteResult>{}</DeleteResult>", errors.collect::<String>()).into_bytes(),
    }
}

#[test]
fn clean_up_that_fails_after_the_switch_is_no_failure_of_the_run() {
    let proxy = Stub::serve(|asked| if asked.path.contains("?delete") { undeleted(asked) } else { pass_on(asked) });
    let world = behind(&proxy);
    world.run(["mask"]).ok();
    let first = world.version();
    // What the first run could not delete the next one cannot either, and says so before it begins.
    let run = world.run(["mask"]).expect_code(1);
    assert!(run.stderr().contains("cannot delete an object"), "{}", run.transcript());
    assert!(run.stderr().contains("access denied"), "{}", run.transcript());
    assert_eq!(world.version(), first);
    world.run(["verify"]).ok();
}

#[test]
fn an_interrupted_run_aborts_its_uploads_and_gives_the_location_back() {
    let mut world = World::new(Wing::Folder, Wing::S3);
    let rows: usize = 24_000;
    let table = Table::new()
        .bigint("id", (0..rows).map(|number| Some(i64::try_from(number).unwrap())))
        .text("username", (0..rows).map(|number| format!("user-number-{number:05}")))
        .text("payload", noise(rows, 1536));
    world.put_table("blob", 1, &table);
    let name = [("NAME", "PERSONAL_INFORMATION", "$.username")];
    let found = finding(ORIGIN, "dataset/blob/LOAD00000001.parquet", &name);
    world.sandbox.write("findings/0.json", found.to_string());
    world.add_settings("[columns.blob]\nid = \"keep\"\npayload = \"keep\"\n\n[engine]\nthreads = 1");
    let mut running = world.sandbox.spawn(["mask"]);
    let until = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while running.is_alive() && world.masked.list("masked/_saltlake/journal/").is_empty() {
        assert!(std::time::Instant::now() < until, "no upload was begun");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let run = running.interrupt();
    assert_eq!(run.code(), Some(130), "{}", run.transcript());
    assert_eq!(world.version(), None);
    assert_eq!(moto().unfinished_uploads(world.masked_bucket()), [""; 0], "{}", run.transcript());
    assert_eq!(world.masked.list("masked/versions/"), [""; 0]);
    // At once, long before any hold expires.
    world.run(["mask"]).ok();
    assert_eq!(world.masked_rows("blob").len(), rows);
}

#[test]
fn a_store_that_is_lost_in_the_middle_of_a_result_leaves_nothing_half_written() {
    let armed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let proxy = Stub::serve({
        let (armed, mut read) = (std::sync::Arc::clone(&armed), 0);
        move |asked| {
            let is_data = asked.method == "GET" && asked.path.contains("/card/") && asked.path.contains(".parquet");
            if armed.load(std::sync::atomic::Ordering::Relaxed) && is_data {
                read += 1;
                // Two files: their footers are given, their rows are not.
                if read > 2 {
                    return refusal(403, "AccessDenied");
                }
            }
            pass_on(asked)
        }
    });
    let world = behind(&proxy);
    armed.store(true, std::sync::atomic::Ordering::Relaxed);
    let sql = "SELECT * FROM dataset.card";
    let run =
        world.run(["query", sql, "--format", "csv", "-o", "out.csv", "--set", "query.results=kept"]).expect_code(1);
    assert!(run.stderr().contains("dataset.card") && !run.stderr().contains("bug"), "{}", run.transcript());
    let left = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(world.sandbox.path(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert!(!left("").iter().any(|name| name.contains("out.csv")), "{:?}", left(""));
    assert_eq!(left("kept"), ["_saltlake"], "no answer is kept of it");
    let said = world.run(["history", "--format", "json", "--set", "query.results=kept"]).ok().stdout();
    assert!(said.contains("\"FAILED\""), "{said}");
}
