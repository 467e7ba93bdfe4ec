//! A kill in the middle of a multipart upload: nobody pays for its parts for ever.

use std::fmt::Write as _;
use std::time::Duration;

use parquet::basic::Compression;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::super::support::binary::Sandbox;
use super::super::support::lake::{Format, Table};
use super::super::support::moto::moto;
use super::super::support::shelf::Shelf;

/// 300,000 rows of 120 random characters do not compress: more than two parts of 16 MiB.
const ROWS: i64 = 300_000;

fn noise() -> Vec<u8> {
    let mut chance = StdRng::seed_from_u64(1);
    let cell = |_: i64| {
        let mut text = String::with_capacity(120);
        for _ in 0..15 {
            write!(text, "{:08x}", chance.random::<u32>()).unwrap();
        }
        text
    };
    let noise: Vec<String> = (0..ROWS).map(cell).collect();
    let names = (0..ROWS).map(|row| format!("person-{row}"));
    let table = Table::new().bigint("id", (0..ROWS).map(Some)).text("noise", noise).text("name", names);
    table.encode(Format::Parquet(Compression::UNCOMPRESSED))
}

#[test]
fn an_upload_that_a_kill_cut_off_is_aborted_by_the_next_run() {
    let bucket = moto().bucket();
    let Shelf::Bucket { name, .. } = &bucket else { panic!("a bucket is a bucket") };
    let sandbox = Sandbox::new().with_all(moto().environment()).with("JOIN_KEY", "the key of the upload test");
    sandbox.write(
        "saltlake.toml",
        format!(
            "[lake]\nlocation = \"s3://{name}/dataset/\"\n[keys.default]\nsecret = \"env:JOIN_KEY\"\n\
             encoding = \"utf8\"\n[masked]\nlocation = \"s3://{name}/masked/\"\nhold_expiry = \"3s\"\n\
             [columns.big]\nid = \"keep\"\nnoise = \"keep\"\nname = \"salt_hash\"\n"
        ),
    );
    bucket.put("dataset/big/1.parquet", noise());
    let journal = "masked/_saltlake/journal/";
    let mut cut_off = 0;
    for strike in 0..4 {
        // The entry of the run that was killed before stands there until this one has cleaned up.
        let known = bucket.list(journal);
        let run = sandbox.spawn(["-v", "mask"]).kill_when(|| {
            let journaled = bucket.list(journal).iter().any(|key| !key.ends_with("run.json") && !known.contains(key));
            // The first strikes as soon as an upload is journaled, the others later and later into it.
            if journaled {
                std::thread::sleep(Duration::from_millis(15 * strike));
            }
            journaled
        });
        assert!(run.was_killed(), "ended before its upload was seen:\n{}", run.transcript());
        let open = moto().unfinished_uploads(name).len();
        assert!(open <= 1, "strike {strike}: {open} uploads are open: the run before was not cleaned up after");
        cut_off += open;
        std::thread::sleep(Duration::from_millis(3_100));
    }
    assert!(cut_off > 0, "no kill struck in the middle of an upload");
    println!("4 kills at uploads, {cut_off} of them in the middle of one");
    let run = sandbox.run(["mask"]).ok();
    assert_eq!(moto().unfinished_uploads(name), [""; 0], "{}", run.transcript());
    assert_eq!(bucket.list(journal), [""; 0]);
    assert_eq!(bucket.list("masked/versions/").len(), 1, "the files of killed runs are gone");
    let count = sandbox.run(["query", "SELECT count(*) AS n FROM dataset_masked.big", "--format", "json"]).ok();
    assert_eq!(count.json()[0]["n"], ROWS);
}
