//! Object keys as they are: nothing is decoded, encoded or cut, and what belongs to no table is said.

use super::world::{ORIGIN, Wing, World, bucket_name};
use crate::support::lake::Table;
use crate::support::macie_stub::finding;
use crate::support::shop::SNAPPY;

const NAME: [(&str, &str, &str); 1] = [("NAME", "PERSONAL_INFORMATION", "$.name")];

fn people(first: i64) -> Table {
    Table::new()
        .bigint("id", (first..first + 3).map(Some))
        .text("name", (first..first + 3).map(|number| format!("Somebody named {number:04}")))
}

#[test]
fn keys_with_spaces_plus_percent_and_unicode_are_taken_as_they_are() {
    let mut world = World::new(Wing::S3, Wing::S3);
    let bucket = bucket_name(&world.lake).to_owned();
    let table = "p+p%20l é";
    let keys = [
        format!("dataset/{table}/year=2026/city=A b+c/LO AD+1%41.parquet"),
        format!("dataset/{table}/year=2026/city=%C3%84rger/ä (2)'&.parquet"),
        format!("dataset/{table}/year=__HIVE_DEFAULT_PARTITION__/city=x%2Fy/~part!.parquet"),
    ];
    for (first, key) in (0..).step_by(3).zip(&keys) {
        world.lake.put(key, people(first).encode(SNAPPY));
    }
    // Hidden ones are no files of the table.
    world.lake.put(&format!("dataset/{table}/year=2026/city=x/_SUCCESS"), *b"");
    world.lake.put(&format!("dataset/{table}/_temporary/0.parquet"), *b"half");
    world.sandbox.write("findings/0.json", finding(&bucket, &keys[0], &NAME).to_string());
    world.add_settings(&format!(
        "[columns.\"{table}\"]\nid = \"keep\"\nyear = \"keep\"\ncity = \"keep\"\n\n[lake.tables.plain]\nlocation = \"{}\"",
        world.lake.location("else where/pl+ain/")
    ));
    world.lake.put("else where/pl+ain/a%2Fb.parquet", people(100).encode(SNAPPY));
    world.add_settings("[columns.plain]\nid = \"keep\"\nname = \"salt_hash\"");
    world.run(["mask"]).ok();
    world.run(["verify"]).ok();
    let rows =
        world.query(&format!("SELECT year, city, count(*) AS n FROM \"{table}\" GROUP BY year, city ORDER BY city"));
    assert_eq!(rows, ["year,city,n", "2026,A b+c,3", ",x/y,3", "2026,Ärger,3"]);
    assert_eq!(world.query("SELECT count(name) AS n FROM plain"), ["n", "3"]);
    let sources = &world.receipt()["tables"][table]["sources"];
    let paths: Vec<&str> = sources.as_array().unwrap().iter().map(|source| source["path"].as_str().unwrap()).collect();
    for key in &keys {
        assert!(paths.contains(&format!("s3://{bucket}/{key}").as_str()), "{key} is not among {paths:?}");
    }
}

#[test]
fn a_finding_matches_a_key_letter_by_letter() {
    let mut world = World::new(Wing::S3, Wing::S3);
    let bucket = bucket_name(&world.lake).to_owned();
    world.lake.put("dataset/a b/x.parquet", people(0).encode(SNAPPY));
    world.lake.put("dataset/a+b/x.parquet", people(0).encode(SNAPPY));
    world.add_settings("[columns.\"a b\"]\nid = \"keep\"\n\n[columns.\"a+b\"]\nid = \"keep\"");
    world.sandbox.write("findings/0.json", finding(&bucket, "dataset/a+b/x.parquet", &NAME).to_string());
    // The finding is about one of both; the other is undecided.
    let run = world.run(["mask"]).expect_code(3);
    assert!(run.stderr().contains("a b") && run.stderr().contains("name"), "{}", run.transcript());
    let found = world.run(["discover", "--format", "json"]).ok().json();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["table"], "dataset.a+b");
}

#[test]
fn findings_outside_the_lake_are_counted_and_those_inside_without_a_table_are_refused() {
    for wing in [Wing::Folder, Wing::S3] {
        let mut world = World::usual(wing, Wing::Folder);
        for (number, (bucket, key)) in [
            ("another-bucket", "dataset/card/LOAD00000001.parquet"),
            (ORIGIN, "dataset-of-others/card/LOAD00000001.parquet"),
            (ORIGIN, "x.csv"),
        ]
        .into_iter()
        .enumerate()
        {
            world.sandbox.write(&format!("findings/outside-{number}.json"), finding(bucket, key, &NAME).to_string());
        }
        let run = world.run(["discover"]).ok();
        assert!(run.stdout().contains("3 outside it"), "{}", run.transcript());
        world.run(["mask"]).ok();
        let version = world.version();
        let loose = "dataset/notes of 2026+1%.csv";
        world.sandbox.write("findings/inside.json", finding(ORIGIN, loose, &NAME).to_string());
        for command in ["discover", "plan", "mask"] {
            let run = world.run([command]).expect_code(3);
            assert!(run.stderr().contains(&format!("{ORIGIN}/{loose}")), "{}", run.transcript());
            assert!(run.stderr().contains("belong to no table"), "{}", run.transcript());
        }
        assert_eq!(world.version(), version);
        world.change_settings("sources = [\"findings\"]", "sources = [\"findings\"]\nunmapped = \"accept\"");
        world.run(["mask"]).ok();
        let receipt = world.receipt();
        assert_eq!(receipt["findings"]["accepted_unmapped"], 1, "{receipt}");
    }
}

#[test]
fn folder_markers_are_no_files() {
    let world = World::usual(Wing::S3, Wing::S3);
    for key in ["dataset/", "dataset/card/", "dataset/customer/"] {
        put_raw(&world, key);
    }
    let tables = world.run(["tables"]).ok().stdout();
    assert_eq!(tables.matches("dataset.card").count(), 1, "{tables}");
    world.run(["mask"]).ok();
    assert_eq!(world.masked_rows("card").len(), 60);
}

/// Writes an empty object whose key ends in `/`, as the S3 console does for a new folder.
fn put_raw(world: &World, key: &str) {
    let key = key.replace(' ', "%20");
    let path = format!("/{}/{key}", bucket_name(&world.lake));
    let answer = crate::support::http::request("PUT", crate::support::moto::moto().endpoint(), &path, &[], b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn an_object_whose_key_is_no_path_stops_the_run_and_is_named() {
    for key in ["dataset/card//LOAD00000009.parquet", "dataset/card/../card/x.parquet", "dataset//x.parquet"] {
        let world = World::usual(Wing::S3, Wing::S3);
        put_raw(&world, key);
        let run = world.run(["mask"]);
        if run.code() == Some(0) {
            // Only if the store itself took the key for another one.
            assert!(key.contains(".."), "{key} was passed over: {}", run.transcript());
            continue;
        }
        assert_eq!(run.code(), Some(1), "{}", run.transcript());
        assert!(run.stderr().contains(key) && run.stderr().contains("an object's key has"), "{}", run.transcript());
        assert_eq!(world.version(), None);
    }
}

#[test]
fn a_whole_bucket_is_a_location_and_one_bucket_can_hold_both() {
    let mut world = World::usual(Wing::S3, Wing::S3);
    let lake = bucket_name(&world.lake).to_owned();
    // Lake and masked tables side by side.
    let masked = world.masked.location("masked/");
    world.change_settings(&masked, &format!("s3://{lake}/mas+ked é"));
    world.run(["mask"]).ok();
    world.run(["verify"]).ok();
    assert_eq!(world.query("SELECT count(*) AS n FROM card"), ["n", "60"]);
    // Inside the lake they would be taken for raw tables.
    world.change_settings(&format!("s3://{lake}/mas+ked é"), &format!("s3://{lake}/dataset/masked"));
    world.run(["mask"]).expect_code(3);
    // A bucket of its own, without a prefix.
    let root = world.masked_bucket().to_owned();
    world.change_settings(&format!("s3://{lake}/dataset/masked"), &format!("s3://{root}"));
    world.run(["mask"]).ok();
    world.run(["mask"]).ok();
    world.run(["verify"]).ok();
    assert_eq!(world.query("SELECT count(*) AS n FROM customer"), ["n", "30"]);
    assert!(world.masked.find("_saltlake/pointer.json").is_some());
}
