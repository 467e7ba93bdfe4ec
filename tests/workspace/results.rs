//! What is written, and what is left when it goes wrong.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt as _, StreamExt as _, stream};
use parquet::basic::Compression;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use saltlake::error::ErrorKind;
use saltlake::query::write::write;

use super::world::{World, answer, broken, code, noise};

const PERSONS: &str = "id,name\n1,Ada\n2,NULL\n3,O'Hara, \"Bob\"";

#[test]
fn a_created_table_is_read_again() {
    let world = World::new();
    let written = world.write("CREATE TABLE workspace.copy AS SELECT * FROM dataset.person");
    assert_eq!((written.rows, written.files), (3, 1));
    let files = world.files("results/ada");
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].starts_with("copy/") && files[0].ends_with(".parquet"), "{files:?}");
    assert_eq!(world.ask("SELECT * FROM workspace.copy ORDER BY id"), PERSONS);
    // And from that table the next.
    world.write("CREATE TABLE names AS SELECT name FROM workspace.copy WHERE name IS NOT NULL");
    assert_eq!(world.ask("SELECT count(*) AS n FROM workspace.names"), "n\n2");
    assert_eq!(world.tables().unwrap(), (vec!["copy".to_owned(), "names".to_owned()], Vec::new()));
}

#[test]
fn every_format_is_read_again() {
    let world = World::new();
    for (index, (with, end)) in [
        ("format = 'PARQUET'", ".parquet"),
        ("format = 'PARQUET', compression = 'NONE'", ".parquet"),
        ("format = 'CSV'", ".csv.gz"),
        ("format = 'CSV', compression = 'NONE'", ".csv"),
        ("format = 'JSON'", ".json.gz"),
        ("format = 'JSON', compression = 'NONE'", ".json"),
    ]
    .iter()
    .enumerate()
    {
        let sql = format!("UNLOAD (SELECT * FROM dataset.person ORDER BY id) TO 'more/t{index}/' WITH ({with})");
        assert_eq!(world.write(&sql).rows, 3);
        let files = world.files(&format!("more/t{index}"));
        assert!(files.len() == 1 && files[0].ends_with(end) && !files[0].starts_with('.'), "{with}: {files:?}");
        let rows = world.ask(&format!("SELECT id, name FROM workspace.t{index} ORDER BY id"));
        assert_eq!(rows, PERSONS, "{with}");
    }
}

#[test]
fn parquet_is_compressed_as_asked() {
    let world = World::new();
    for (name, compression) in [
        ("ZSTD", Compression::ZSTD(parquet::basic::ZstdLevel::default())),
        ("SNAPPY", Compression::SNAPPY),
        ("GZIP", Compression::GZIP(parquet::basic::GzipLevel::default())),
        ("NONE", Compression::UNCOMPRESSED),
    ] {
        world.write(&format!("CREATE TABLE {name} WITH (write_compression = '{name}') AS SELECT 1 AS a"));
        let folder = format!("results/ada/{}", name.to_lowercase());
        let file = fs::File::open(world.path(&folder).join(&world.files(&folder)[0])).unwrap();
        let footer = SerializedFileReader::new(file).unwrap();
        let written = footer.metadata().row_group(0).column(0).compression();
        assert_eq!(std::mem::discriminant(&written), std::mem::discriminant(&compression), "{name}");
    }
}

#[test]
fn a_result_without_rows_has_its_columns() {
    let world = World::new();
    let written = world.write("CREATE TABLE none AS SELECT * FROM dataset.person WHERE id > 9");
    assert_eq!((written.rows, written.files), (0, 1));
    assert_eq!(world.ask("SELECT * FROM workspace.none"), "id,name");
    world.write(
        "UNLOAD (SELECT * FROM dataset.person WHERE id > 9) TO 'more/c' WITH (format = 'CSV', compression = 'NONE')",
    );
    let file = world.path("more/c").join(&world.files("more/c")[0]);
    assert_eq!(fs::read_to_string(file).unwrap().trim_end(), "id,name");
    world.write("UNLOAD (SELECT * FROM dataset.person WHERE id > 9) TO 'more/j' WITH (format = 'JSON')");
}

#[test]
fn columns_that_a_format_cannot_store_are_named() {
    let world = World::new();
    let before = world.everything();
    let csv = "WITH (format = 'CSV')";
    for (query, with, named) in [
        ("SELECT 1 AS a, make_array(1, 2) AS list", csv, "list"),
        ("SELECT named_struct('x', 1) AS pair", csv, "pair"),
        ("SELECT p.id, q.id FROM dataset.person p, dataset.person q", "", "id"),
    ] {
        let error = world.run(&format!("UNLOAD ({query}) TO 'more/x' {with}")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{query}: {error}");
        assert!(error.to_string().contains(&format!("column: {named}")), "{query}: {error}");
    }
    assert_eq!(world.everything(), before);
    world.write("CREATE TABLE lists AS SELECT make_array(1, 2) AS list");
    assert_eq!(world.ask("SELECT list FROM workspace.lists"), "list\n[1, 2]");
}

#[test]
fn a_location_that_is_not_empty_is_left_as_it_is() {
    let world = World::new();
    for kept in ["results/ada/x/mine.txt", "more/x/.hidden", "more/deep/a/b/_c"] {
        fs::create_dir_all(world.path(kept).parent().unwrap()).unwrap();
        fs::write(world.path(kept), "kept").unwrap();
    }
    let before = world.everything();
    for to in ["results/ada/x", "more/x", "more/deep", "more/deep/a", "more"] {
        let error = world.unload(to).unwrap_err();
        assert_eq!((error.kind(), code(&error)), (ErrorKind::Refused, "55000"), "{to}: {error}");
    }
    assert_eq!(code(&world.run("CREATE TABLE x AS SELECT 1 AS a").unwrap_err()), "42P07");
    assert_eq!(world.everything(), before);
    assert_eq!(fs::read(world.path("more/x/.hidden")).unwrap(), b"kept");
}

#[test]
fn a_location_itself_takes_an_unload_once() {
    let world = World::new();
    fs::create_dir_all(world.path("results/ada/only/folders")).unwrap();
    assert_eq!(world.unload("results/ada/").unwrap().rows, 3);
    assert_eq!(code(&world.unload("results/ada").unwrap_err()), "55000");
    assert!(world.tables().unwrap().0.is_empty(), "files beside tables belong to none");
}

#[test]
fn if_not_exists_leaves_a_table_alone() {
    let world = World::new();
    world.write("CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS a");
    let before = world.everything();
    let written = world.write("CREATE TABLE IF NOT EXISTS t AS SELECT 2 AS a");
    assert_eq!((written.rows, written.files), (0, 0));
    assert_eq!(world.everything(), before);
    assert_eq!(world.ask("SELECT a FROM workspace.t"), "a\n1");
    let again = world.run("CREATE TABLE t AS SELECT 2 AS a").unwrap_err();
    assert_eq!((again.kind(), code(&again)), (ErrorKind::Refused, "42P07"));
}

#[test]
fn two_locations_hold_no_two_tables_of_a_name() {
    let world = World::new();
    world.write("CREATE TABLE t WITH (external_location = 'more/t') AS SELECT 1 AS a");
    assert_eq!(code(&world.run("CREATE TABLE t AS SELECT 2 AS a").unwrap_err()), "42P07");
    world.write("CREATE TABLE IF NOT EXISTS t AS SELECT 2 AS a");
    // By another way there can be two: the first location's is seen.
    world.write("UNLOAD (SELECT 3 AS a) TO 'results/ada/t'");
    assert_eq!(world.ask("SELECT a FROM workspace.t"), "a\n3");
}

#[test]
fn what_a_dead_statement_left_is_cleaned() {
    let world = World::new();
    fs::create_dir_all(world.path("results/ada/t")).unwrap();
    fs::write(world.path("results/ada/t/.saltlake-0198"), "half a file").unwrap();
    assert!(world.tables().unwrap().0.is_empty());
    world.write("CREATE TABLE t AS SELECT 1 AS a");
    let files = world.files("results/ada/t");
    assert!(files.len() == 1 && files[0].ends_with(".parquet"), "{files:?}");
}

#[test]
fn a_query_that_breaks_off_leaves_nothing() {
    let world = World::new();
    let before = world.everything();
    for format in ["PARQUET", "CSV", "JSON"] {
        let rows = stream::iter([Ok(noise(5000)), Ok(noise(5000)), Err(broken())]);
        let sql = format!("UNLOAD (SELECT 1) TO 'more/a/b' WITH (format = '{format}')");
        let error = world.write_rows(answer(rows), &sql).unwrap_err();
        assert!(error.to_string().contains("the query broke off"), "{error}");
        assert_eq!(world.everything(), before, "{format}");
    }
    let error = world.run("CREATE TABLE t AS SELECT CAST(name AS BIGINT) AS a FROM dataset.person").unwrap_err();
    assert_eq!(code(&error), "22018", "{error}");
    assert!(!error.to_string().contains("Ada"), "{error}");
    assert_eq!(world.everything(), before);
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_statement_that_is_given_up_leaves_nothing_and_one_at_a_time_writes_to_a_place() {
    let world = World::new();
    let before = world.everything();
    let destination = world.destination("UNLOAD (SELECT 1) TO 'more/a'").unwrap();
    let rows = stream::iter([Ok(noise(100))]).chain(futures::future::pending().into_stream());
    let engine = Arc::clone(&world.engine);
    let under_way = async move { write(answer(rows), &engine, &destination).await };
    let (given_up, wait) = tokio::sync::oneshot::channel::<()>();
    std::thread::scope(|scope| {
        let runtimes = &world.runtimes;
        scope.spawn(move || {
            runtimes.run(async {
                tokio::select! {
                    written = under_way => panic!("it ended: {written:?}"),
                    _ = wait => Ok(()),
                }
            })
        });
        wait_for("the first statement", || !world.files("more/a").is_empty());
        // What is being written has no name that a reader would look at.
        assert!(world.files("more/a")[0].starts_with(".saltlake-"));
        assert!(world.tables().unwrap().0.is_empty());
        let error = world.unload("more/a").unwrap_err();
        assert_eq!((error.kind(), code(&error)), (ErrorKind::Refused, "55006"), "{error}");
        given_up.send(()).unwrap();
    });
    wait_for("the end of what was given up", || world.everything() == before);
    world.unload("more/a").unwrap();
}

#[test]
fn one_broken_table_does_not_take_the_others_with_it() {
    let world = World::new();
    world.write("CREATE TABLE good AS SELECT 1 AS a");
    world.write("UNLOAD (SELECT 1 AS a) TO 'results/ada/bad/x' WITH (format = 'CSV')");
    world.write("UNLOAD (SELECT 1 AS a) TO 'results/ada/bad/y' WITH (format = 'JSON')");
    let (names, warnings) = world.tables().unwrap();
    assert_eq!(names, ["good"]);
    assert!(warnings.join("").contains("workspace.bad"), "{warnings:?}");
}

/// Tells a process that it may write small files only.
const NARROW: &str = "TESTS_NARROW";

#[test]
fn a_file_that_does_not_fit_leaves_nothing() {
    if std::env::var_os(NARROW).is_none() {
        let name = "workspace::results::a_file_that_does_not_fit_leaves_nothing";
        let output = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" --exact \"$1\" --nocapture"])
            .args([std::env::current_exe().unwrap().as_os_str(), name.as_ref()])
            .env(NARROW, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let world = World::new();
    let before = world.everything();
    for format in ["PARQUET", "CSV", "JSON"] {
        let rows = stream::iter((0..40).map(|_| Ok(noise(20_000))));
        let sql = format!("UNLOAD (SELECT 1) TO 'more/a' WITH (format = '{format}', compression = 'NONE')");
        let error = world.write_rows(answer(rows), &sql).unwrap_err();
        let said = error.to_string();
        assert_eq!((error.kind(), code(&error)), (ErrorKind::Failed, "58030"), "{said}");
        assert!(said.contains("larger than is allowed") && !said.contains(".saltlake-"), "{said}");
        assert_eq!(world.everything(), before, "{format}");
    }
}
