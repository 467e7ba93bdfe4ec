//! Every way that people thought of to write elsewhere, each by name.

use std::fs;
use std::os::unix::fs::symlink;

use saltlake::error::ErrorKind;

use super::world::{World, code};

#[test]
fn parent_folders_are_no_way_out() {
    let world = World::new();
    for to in ["results/ada/../../dataset/person", "../x", "results/ada/x/..", "results/ada/..", "more/../more/x"] {
        world.refuses_place(to);
    }
}

#[test]
fn empty_parts_and_dots_are_no_way_out() {
    let world = World::new();
    for to in ["results//ada/x", "results/ada//x", "//etc", "results/ada/./x", "results/ada/x//", "", ".", "/"] {
        world.refuses_place(to);
    }
}

#[test]
fn percent_encoding_is_no_way_out() {
    let world = World::new();
    for to in ["results/ada/%2e%2e/%2e%2e/dataset/x", "results/ada/x%2Fy", "results%2Fada/x", "results/ada/%00"] {
        world.refuses_place(to);
    }
}

#[test]
fn a_link_is_no_way_out() {
    let world = World::new();
    fs::create_dir_all(world.path("results/ada")).unwrap();
    fs::create_dir_all(world.path("elsewhere")).unwrap();
    symlink(world.path("elsewhere"), world.path("results/ada/out")).unwrap();
    symlink("../../dataset", world.path("results/ada/lake")).unwrap();
    world.refuses_place("results/ada/out");
    world.refuses_place("results/ada/out/x/y");
    world.refuses_place("results/ada/lake/x");
    world.refuses("CREATE TABLE out AS SELECT 1 AS a");
    world.refuses("CREATE TABLE IF NOT EXISTS workspace.out AS SELECT 1 AS a");
}

#[test]
fn a_link_that_leads_nowhere_is_no_way_out() {
    let world = World::new();
    fs::create_dir_all(world.path("results/ada")).unwrap();
    symlink(world.path("not/yet/there"), world.path("results/ada/later")).unwrap();
    let place = |to: &str| world.destination(&format!("UNLOAD (SELECT 1) TO '{to}'")).unwrap_err();
    assert_eq!(code(&place("results/ada/later")), "42501");
    assert_eq!(code(&place("results/ada/later/x")), "42501");
    let table = world.destination("CREATE TABLE later AS SELECT 1").unwrap_err();
    assert_eq!(code(&table), "42501");
}

#[test]
fn a_file_is_no_folder() {
    let world = World::new();
    fs::create_dir_all(world.path("results/ada")).unwrap();
    fs::write(world.path("results/ada/file"), "mine").unwrap();
    world.refuses_place("results/ada/file/x");
    assert_eq!(code(&world.unload("results/ada/file").unwrap_err()), "55000");
    assert_eq!(fs::read(world.path("results/ada/file")).unwrap(), b"mine");
}

#[test]
fn an_absolute_path_elsewhere_is_refused_and_one_inside_is_fine() {
    let world = World::new();
    for to in ["/etc", "/etc/x", "/tmp/x"] {
        world.refuses_place(to);
    }
    world.refuses_place(&world.path("elsewhere").display().to_string());
    let inside = world.path("results/ada/x");
    let written = world.unload(&inside.display().to_string()).unwrap();
    assert_eq!((written.rows, written.files), (3, 1));
    assert_eq!(written.location.to_string(), format!("{}/", inside.display()));
}

#[test]
fn another_scheme_is_refused() {
    let world = World::of(&["results/ada", "s3://bucket/t/"]);
    let file = format!("file://{}", world.path("results/ada/x").display());
    for to in [
        "http://bucket/t/x",
        "https://bucket/t/x",
        "file:///etc",
        &file,
        "s3a://bucket/t/x",
        "s3n://bucket/t/x",
        "S3://bucket/t/x",
        "gs://bucket/t/x",
        "hdfs://bucket/t/x",
        "s3:/bucket/t/x",
        "s3:bucket/t/x",
    ] {
        world.refuses_place(to);
    }
}

#[test]
fn a_name_that_looks_alike_is_another() {
    let world = World::of(&["results/ada", "s3://bucket/t/"]);
    for to in ["results/ada2", "results/ada2/x", "results/ad", "s3://bucket/t2/", "s3://bucket/t2/x/", "s3://bucket/tx"]
    {
        world.refuses_place(to);
    }
}

#[test]
fn another_case_is_another_name() {
    let world = World::of(&["results/ada", "s3://bucket/t/"]);
    for to in ["Results/ada/x", "results/Ada/x", "s3://bucket/T/x/", "s3://Bucket/t/x/"] {
        world.refuses_place(to);
    }
}

#[test]
fn another_bucket_or_none_is_refused() {
    let world = World::of(&["s3://bucket/t/"]);
    for to in [
        "s3://other/t/x/",
        "s3://bucket.other/t/x/",
        "s3:///t/x/",
        "s3://user@bucket/t/x/",
        "s3://bucket:443/t/x/",
        "s3://bucket",
        "t/x",
    ] {
        world.refuses_place(to);
    }
}

#[test]
fn keys_of_a_bucket_have_no_detours_either() {
    let world = World::of(&["s3://bucket/t/"]);
    for to in [
        "s3://bucket/t/../raw/",
        "s3://bucket/t/x/../../raw/",
        "s3://bucket//t/x/",
        "s3://bucket/t//x/",
        "s3://bucket/t/x//",
        "s3://bucket/t/./x/",
        "s3://bucket/t/%2e%2e/raw/",
        "s3://bucket/t%2Fx/",
    ] {
        world.refuses_place(to);
    }
}

#[test]
fn a_parent_of_a_location_is_not_the_roles() {
    let world = World::of(&["results/ada", "s3://bucket/deep/t/"]);
    for to in ["results", "results/", "s3://bucket/", "s3://bucket/deep/", "s3://bucket/deep"] {
        world.refuses_place(to);
    }
}

#[test]
fn odd_characters_and_homes_are_refused() {
    let world = World::new();
    for to in ["results/ada\\..\\x", "results/ada/x\ny", "results/ada/\u{7}", "~/x", "~root/x"] {
        world.refuses_place(to);
    }
}

#[test]
fn hidden_names_are_refused() {
    let world = World::of(&["results/ada", "s3://bucket/t/"]);
    for to in ["results/ada/_saltlake/journal", "results/ada/.x", "results/ada/x/_y", "s3://bucket/t/_saltlake/x/"] {
        world.refuses_place(to);
    }
}

#[test]
fn a_role_without_locations_writes_nothing() {
    let world = World::of(&[]);
    for sql in ["UNLOAD (SELECT 1 AS a) TO 'results'", "CREATE TABLE t AS SELECT 1 AS a"] {
        let error = world.refuses(sql);
        assert!(error.hints().join("").contains("no locations"), "{error}");
    }
}

#[test]
fn the_lake_the_masked_tables_and_spilled_values_are_kept_apart_whatever_the_locations_say() {
    let world = World::of(&[".", "dataset/person", "masked/deep", "spill"]);
    for (to, what) in [
        ("dataset", "raw tables"),
        ("dataset/new", "raw tables"),
        ("dataset/person/deep", "raw tables"),
        ("masked/deep", "masked tables"),
        ("masked/x", "masked tables"),
        ("spill/x", "spill folder"),
        ("audit/x", "audit log"),
        // Around all of them.
        (&world.root().display().to_string(), "raw tables"),
    ] {
        let error = world.refuses(&format!("UNLOAD (SELECT 1 AS a) TO '{to}'"));
        assert!(error.to_string().contains(what), "{to}: {error}");
    }
    world.refuses("CREATE TABLE dataset AS SELECT 1 AS a");
    world.refuses("CREATE TABLE x WITH (external_location = 'spill/x') AS SELECT 1 AS a");
    // What meets none of them is the role's.
    world.write("UNLOAD (SELECT 1 AS a) TO 'free'");
}

#[test]
fn a_location_around_the_lake_is_no_workspace() {
    for location in [".", "dataset", "dataset/person", "masked"] {
        let world = World::of(&["results/ada", location]);
        let error = world.tables().unwrap_err();
        assert_eq!((error.kind(), code(&error)), (ErrorKind::Refused, "42501"), "{location}: {error}");
    }
}

#[test]
fn a_link_in_a_location_shows_nothing_that_lies_elsewhere() {
    let world = World::new();
    world.write("CREATE TABLE mine AS SELECT 1 AS a");
    symlink(world.path("dataset/person"), world.path("results/ada/stolen")).unwrap();
    symlink(world.path("dataset/person/1.parquet"), world.path("results/ada/mine/2.parquet")).unwrap();
    let (names, warnings) = world.tables().unwrap();
    assert_eq!(names, ["mine"]);
    assert!(warnings.join("").contains("links"), "{warnings:?}");
    assert_eq!(world.ask("SELECT * FROM workspace.mine"), "a\n1");
}

#[test]
fn a_table_goes_where_its_name_leads() {
    let world = World::new();
    for (location, why) in [
        ("results/ada", "the location itself"),
        ("results/ada/y", "another name"),
        ("results/ada/deep/x", "not directly"),
        ("results", "a parent"),
        ("elsewhere/x", "elsewhere"),
        ("results/ada/../../x", "a detour"),
    ] {
        let sql = format!("CREATE TABLE x WITH (external_location = '{location}') AS SELECT 1 AS a");
        assert_eq!(code(&world.refuses(&sql)), "42501", "{why}");
    }
    let written = world.write("CREATE TABLE x WITH (external_location = 'more/x/') AS SELECT 1 AS a");
    assert_eq!(written.location.to_string(), format!("{}/", world.path("more/x").display()));
    assert_eq!(world.ask("SELECT a FROM workspace.x"), "a\n1");
}

#[test]
fn no_name_of_a_table_leads_out() {
    let world = World::new();
    let before = world.everything();
    for name in ["../../dataset/x", "/etc/x", "..", ".", "_x", "versions", "a%2e%2e", "s3://b/x", "a.b"] {
        let written = world.write(&format!("CREATE TABLE \"{name}\" AS SELECT 1 AS a"));
        let root = format!("{}/", world.path("results/ada").display());
        let folder = written.location.to_string();
        let folder = folder.strip_prefix(&root).unwrap_or_else(|| panic!("{name}: {folder}"));
        assert_eq!(folder.trim_end_matches('/').split('/').count(), 1, "{name}: {folder}");
        assert_eq!(world.ask(&format!("SELECT a FROM workspace.\"{name}\"")), "a\n1", "{name}");
    }
    let own = world.path("results").display().to_string();
    let outside = world.everything().into_iter().filter(|line| !line.starts_with(&own));
    assert_eq!(outside.collect::<std::collections::BTreeSet<_>>(), before);
    for name in ["", &"x".repeat(256)] {
        let error = world.run(&format!("CREATE TABLE \"{name}\" AS SELECT 1 AS a")).unwrap_err();
        assert_eq!((error.kind(), code(&error)), (ErrorKind::Usage, "42602"), "{error}");
    }
}

#[test]
fn tables_are_created_in_the_workspace_only() {
    let world = World::new();
    for name in ["dataset.x", "dataset_masked.x", "information_schema.x", "lake.dataset.x", "\"Workspace\".x"] {
        world.refuses(&format!("CREATE TABLE {name} AS SELECT 1 AS a"));
    }
    for name in ["a", "workspace.b", "WORKSPACE.C", "lake.workspace.d"] {
        world.write(&format!("CREATE TABLE {name} AS SELECT 1 AS a"));
    }
    assert_eq!(world.tables().unwrap().0, ["a", "b", "c", "d"]);
}
