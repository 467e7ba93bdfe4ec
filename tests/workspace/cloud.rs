//! The same on S3: an object is there when it is whole.

use futures::stream;
use saltlake::error::ErrorKind;

use super::world::{World, answer, broken, code, noise};
use crate::support::moto::moto;
use crate::support::shelf::Shelf;

/// A bucket, its name, and a world whose role has a prefix of it.
fn bucket() -> (Shelf, String, World) {
    let shelf = moto().bucket();
    let Shelf::Bucket { name, .. } = &shelf else { panic!("a bucket is a bucket") };
    let world = World::of(&[&format!("s3://{name}/roles/ada/"), "more"]);
    let name = name.clone();
    (shelf, name, world)
}

#[test]
fn a_created_table_is_read_again_from_s3() {
    let (shelf, name, world) = bucket();
    assert_eq!(world.tables().unwrap().0, [""; 0], "a location that does not exist yet has no tables");
    let written = world.write("CREATE TABLE \"My Table\" AS SELECT * FROM dataset.person");
    assert_eq!((written.rows, written.files), (3, 1));
    assert_eq!(written.location.to_url(), format!("s3://{name}/roles/ada/My%20Table/"));
    assert_eq!(world.ask("SELECT count(*) AS n, max(name) AS m FROM workspace.\"My Table\""), "n,m\n3,O'Hara, \"Bob\"");
    let files = shelf.list("");
    assert!(files.len() == 1 && files[0].ends_with(".parquet"), "{files:?}");
    world.write("CREATE TABLE IF NOT EXISTS \"My Table\" AS SELECT 1 AS a");
    let again = world.run("CREATE TABLE \"My Table\" AS SELECT 1 AS a").unwrap_err();
    assert_eq!((again.kind(), code(&again)), (ErrorKind::Refused, "42P07"));
    assert_eq!(shelf.list(""), files);
}

#[test]
fn a_prefix_that_is_not_empty_is_left_as_it_is() {
    let (shelf, name, world) = bucket();
    shelf.put("roles/ada/x/mine.txt", *b"kept");
    shelf.put("roles/ada/y2/z", *b"kept");
    let unload = |to: &str| world.unload(&format!("s3://{name}/roles/ada/{to}"));
    for to in ["", "x", "x/"] {
        let error = unload(to).unwrap_err();
        assert_eq!((error.kind(), code(&error)), (ErrorKind::Refused, "55000"), "{to}: {error}");
    }
    assert_eq!(shelf.list(""), ["roles/ada/x/mine.txt", "roles/ada/y2/z"]);
    // A prefix that begins another's name is not that other.
    unload("y").unwrap();
    assert_eq!(shelf.list("roles/ada/y/").len(), 1);
    // And UNLOAD takes every format there.
    world.write(&format!("UNLOAD (SELECT 1 AS a) TO 's3://{name}/roles/ada/j/' WITH (format = 'JSON')"));
    assert_eq!(world.ask("SELECT a FROM workspace.j"), "a\n1");
}

#[test]
fn a_prefix_that_looks_alike_is_another() {
    let (_, name, world) = bucket();
    for to in ["s3://other/roles/ada/x", &format!("s3://{name}/roles/ada2/"), &format!("s3://{name}/roles/")] {
        world.refuses_place(to);
    }
}

#[test]
fn what_a_bucket_keeps_apart_is_not_the_roles_whatever_its_locations_say() {
    let (shelf, name, _) = bucket();
    let masked = format!("masked.location=s3://{name}/masked/");
    let known = format!("lake.known_as=s3://{name}/raw/lake/");
    let world = World::with(&[&format!("s3://{name}/")], &[&masked, &known]);
    for (to, what) in [
        ("masked", "masked tables"),
        ("masked/x/y/", "masked tables"),
        ("raw/lake/person/", "raw tables"),
        ("raw/", "raw tables"),
        ("", "raw tables"),
    ] {
        let error = world.refuses(&format!("UNLOAD (SELECT 1 AS a) TO 's3://{name}/{to}'"));
        assert!(error.to_string().contains(what), "{to}: {error}");
    }
    world.refuses("CREATE TABLE masked AS SELECT 1 AS a");
    assert_eq!(code(&world.tables().unwrap_err()), "42501");
    assert_eq!(shelf.list(""), [""; 0]);
    world.write(&format!("UNLOAD (SELECT 1 AS a) TO 's3://{name}/masked2/'"));
}

#[test]
fn whoever_comes_between_is_left_alone() {
    let (shelf, name, world) = bucket();
    let (other, folder) = (shelf.clone(), world.path("more/x"));
    let in_bucket = stream::once(async move {
        other.put("roles/ada/x/theirs", *b"theirs");
        Ok(noise(10))
    });
    let in_folder = stream::once(async move {
        while std::fs::write(folder.join("theirs"), "theirs").is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Ok(noise(10))
    });
    for (rows, to) in [(answer(in_bucket), format!("s3://{name}/roles/ada/x/")), (answer(in_folder), "more/x".into())] {
        let error = world.write_rows(rows, &format!("UNLOAD (SELECT 1) TO '{to}'")).unwrap_err();
        assert_eq!((error.kind(), code(&error)), (ErrorKind::Refused, "55000"), "{to}: {error}");
    }
    assert_eq!(shelf.list(""), ["roles/ada/x/theirs"]);
    assert_eq!(world.files("more/x"), ["theirs"]);
}

/// Waits, since a part that was under way takes its time.
fn no_upload_is_left(bucket: &str) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !moto().unfinished_uploads(bucket).is_empty() {
        assert!(std::time::Instant::now() < until, "an upload is left");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_large_result_is_one_object_and_a_broken_one_is_none() {
    let (shelf, name, world) = bucket();
    // Three parts of 16 MiB, and some.
    let batches = || (0..25).map(|_| Ok(noise(250_000)));
    let sql = format!("UNLOAD (SELECT 1) TO 's3://{name}/roles/ada/big/' WITH (compression = 'NONE')");
    let rows = stream::iter(batches().chain([Err(broken())]));
    let error = world.write_rows(answer(rows), &sql).unwrap_err();
    assert!(error.to_string().contains("the query broke off"), "{error}");
    no_upload_is_left(&name);
    let files = shelf.list("");
    assert!(files.iter().all(|file| file.contains("/_saltlake/journal/")), "{files:?}");
    assert_eq!(world.tables().unwrap().0, [""; 0]);

    let written = world.write_rows(answer(stream::iter(batches())), &sql).unwrap();
    assert_eq!((written.rows, written.files), (25 * 250_000, 1));
    let files = shelf.list("");
    assert_eq!(files.iter().filter(|file| !file.contains("/_saltlake/")).count(), 1, "{files:?}");
    assert!(moto().unfinished_uploads(&name).is_empty());
    assert_eq!(world.ask("SELECT count(*) AS n FROM workspace.big"), "n\n6250000");
}

#[test]
fn what_a_dead_statement_left_in_a_bucket_is_cleaned_and_a_live_one_is_left_alone() {
    let (shelf, name, world) = bucket();
    let plant = |id: uuid::Uuid, key: &str| {
        let upload = moto().abandon_upload(&name, key);
        let note = format!("roles/ada/t/_saltlake/journal/{}/0.json", id.simple());
        shelf.put(&note, format!("{{\"path\":\"{key}\",\"upload_id\":\"{upload}\"}}"));
        (note, upload)
    };
    let long_ago = uuid::Timestamp::from_unix(uuid::NoContext, 1_700_000_000, 0);
    let (dead, _) = plant(uuid::Uuid::new_v7(long_ago), "roles/ada/t/dead.parquet");
    let (live, live_upload) = plant(uuid::Uuid::now_v7(), "roles/ada/t/live.parquet");
    // A note about something that is not below the prefix is no order to delete it.
    let (foreign, foreign_upload) = plant(uuid::Uuid::new_v7(long_ago), "roles/eve/t/1.parquet");
    world.write("CREATE TABLE t AS SELECT 1 AS a");
    let mut left = moto().unfinished_uploads(&name);
    left.sort();
    let mut wanted = [live_upload, foreign_upload];
    wanted.sort();
    assert_eq!(left, wanted);
    let files = shelf.list("");
    assert!(!files.contains(&dead) && files.contains(&live) && files.contains(&foreign), "{files:?}");
    assert_eq!(world.ask("SELECT a FROM workspace.t"), "a\n1");
}

#[test]
fn a_bucket_that_is_not_there_is_said_to_be() {
    let world = World::of(&["s3://no-such-bucket-of-ours/t/"]);
    let error = world.run("CREATE TABLE x AS SELECT 1 AS a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
    assert!(error.to_string().contains("there is no such bucket"), "{error}");
}
