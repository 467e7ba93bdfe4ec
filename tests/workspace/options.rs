//! Options and clauses: what is not supported is refused by its name, and nothing is left out in silence.

use saltlake::error::ErrorKind;
use saltlake::query::write::{Compression, Format};

use super::world::{World, code};

#[test]
fn options_that_are_not_supported_are_refused_by_name() {
    let world = World::new();
    for (option, named) in [
        ("partitioned_by = 'id'", "partitioned_by"),
        ("bucketed_by = ARRAY['id']", "bucketed_by"),
        ("bucket_count = 4", "bucket_count"),
        ("field_delimiter = '|'", "field_delimiter"),
        ("compression_level = 3", "compression_level"),
        ("vacuum_max = 1", "vacuum_max"),
        ("format = 'ORC'", "format"),
        ("format = 'AVRO'", "format"),
        ("format = PARQUET", "format"),
        ("format = 1", "format"),
        ("format = 'PARQUET', format = 'CSV'", "format"),
        ("compression = 'LZO'", "compression"),
        ("format = 'CSV', compression = 'ZSTD'", "compression"),
        ("format = 'JSON', compression = 'SNAPPY'", "compression"),
        ("external_location = 'more/x'", "external_location"),
        ("heap", "HEAP"),
    ] {
        let error = world.run(&format!("UNLOAD (SELECT 1 AS a) TO 'more/x' WITH ({option})")).unwrap_err();
        assert_eq!((error.kind(), code(&error)), (ErrorKind::Usage, "0A000"), "{option}: {error}");
        assert!(error.to_string().to_lowercase().contains(&format!("option: {}", named.to_lowercase())), "{error}");
    }
    for (option, named) in [
        ("partitioned_by = 'id'", "partitioned_by"),
        ("bucketed_by = ARRAY['id'], bucket_count = 4", "bucketed_by"),
        ("format = 'CSV'", "format"),
        ("write_compression = 'BROTLI'", "write_compression"),
        ("compression = 'ZSTD'", "compression"),
        ("is_external = 'true'", "is_external"),
        ("table_type = 'ICEBERG'", "table_type"),
    ] {
        let error = world.run(&format!("CREATE TABLE x WITH ({option}) AS SELECT 1 AS a")).unwrap_err();
        assert_eq!((error.kind(), code(&error)), (ErrorKind::Usage, "0A000"), "{option}: {error}");
        assert!(error.to_string().contains(&format!("option: {named}")), "{error}");
    }
    assert!(world.files("results").is_empty() && world.files("more").is_empty());
}

#[test]
fn clauses_that_are_not_supported_are_refused() {
    let world = World::new();
    for sql in [
        "CREATE OR REPLACE TABLE x AS SELECT 1 AS a",
        "CREATE TEMPORARY TABLE x AS SELECT 1 AS a",
        "CREATE TABLE x (a BIGINT) AS SELECT 1 AS a",
        "CREATE TABLE x LIKE dataset.person AS SELECT 1 AS a",
        "CREATE TABLE x CLONE dataset.person",
        "CREATE TABLE x LIKE dataset.person",
        "CREATE TABLE x (a BIGINT)",
        "CREATE TABLE x LOCATION 'more/x' AS SELECT 1 AS a",
        "CREATE TABLE x ON COMMIT DROP AS SELECT 1 AS a",
        "CREATE TABLE x COMMENT = 'c' AS SELECT 1 AS a",
        "CREATE TABLE x WITH (format = 'PARQUET') LOCATION 'more/x' AS SELECT 1 AS a",
        "CREATE TABLE a.b.c.d AS SELECT 1 AS a",
        "UNLOAD (SELECT 1 AS a) TO \"more/x\"",
        "UNLOAD (SELECT 1 AS a) TO more",
        "UNLOAD ('SELECT 1 AS a') TO 'more/x'",
        "UNLOAD (SELECT 1 AS a) TO 'more/x' IAM_ROLE DEFAULT",
        "UNLOAD (SELECT 1 AS a) TO 'more/x' ALLOWOVERWRITE",
        "UNLOAD (SELECT 1 AS a) TO 'more/x' WITH (format = 'CSV') HEADER",
    ] {
        let error = world.run(sql).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Usage | ErrorKind::Refused), "{sql}: {error}");
    }
    assert!(world.files("results").is_empty() && world.files("more").is_empty());
}

#[test]
fn the_inner_query_only_reads() {
    let world = World::new();
    let before = world.everything();
    for inner in [
        "SELECT 1 AS a INTO other",
        "INSERT INTO workspace.t SELECT 1",
        "WITH x AS (INSERT INTO workspace.t SELECT 1) SELECT 1 AS a",
        "UPDATE workspace.t SET a = 2",
        "DELETE FROM workspace.t",
    ] {
        for sql in [format!("CREATE TABLE x AS {inner}"), format!("UNLOAD ({inner}) TO 'more/x'")] {
            assert!(world.run(&sql).is_err(), "{sql}");
        }
    }
    assert_eq!(world.everything(), before);
}

#[test]
fn defaults_are_those_of_the_format() {
    let world = World::new();
    for (with, format, compression) in [
        ("", Format::Parquet, Compression::Zstd),
        ("WITH (format = 'parquet')", Format::Parquet, Compression::Zstd),
        ("WITH (format = 'CSV')", Format::Csv, Compression::Gzip),
        ("WITH (FORMAT = 'Json')", Format::Json, Compression::Gzip),
        ("WITH (format = 'JSON', compression = 'none')", Format::Json, Compression::None),
        ("WITH (compression = 'SNAPPY')", Format::Parquet, Compression::Snappy),
    ] {
        let destination = world.destination(&format!("UNLOAD (SELECT 1 AS a) TO 'more/x/' {with}")).unwrap();
        assert_eq!((destination.format(), destination.compression()), (format, compression), "{with}");
        assert_eq!(destination.table(), None);
    }
    let table = world.destination("CREATE TABLE x WITH (write_compression = 'GZIP') AS SELECT 1 AS a").unwrap();
    assert_eq!((table.format(), table.compression()), (Format::Parquet, Compression::Gzip));
    assert_eq!(table.table().unwrap().to_string(), "workspace.x");
}
