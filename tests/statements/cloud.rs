//! The same on S3.

use super::{ROLES, ask, lines, told};
use crate::support::binary::Sandbox;
use crate::support::moto::moto;
use crate::support::shelf::Shelf;
use crate::support::shop::Shop;

/// A shop whose analyst and administrator have places in a bucket.
fn shop() -> (Shop, Shelf) {
    let bucket = moto().bucket();
    let roles = ROLES
        .replace("workspace = \"desk\"", &format!("workspace = \"{}\"", bucket.location("desk/")))
        .replace("locations = [\"out\"]", &format!("locations = [\"{}\"]", bucket.location("out/")));
    let sandbox = Sandbox::new().with_all(moto().environment());
    let shop = Shop::in_sandbox(sandbox)
        .table("customer", &crate::support::shop::customers())
        .declared("customer", &[("id", "keep"), ("segment", "keep"), ("name", "keep"), ("mail", "keep")])
        .settings(&roles);
    (shop, bucket)
}

#[test]
fn tables_and_views_live_in_a_bucket_as_in_a_folder() {
    let (shop, bucket) = shop();
    for (role, prefix) in [("analyst", "out/"), ("admin", "desk/")] {
        let create = "CREATE TABLE workspace.parts WITH (partitioned_by = ARRAY['kind']) AS \
                      SELECT column1 AS id, column2 AS kind FROM (VALUES (1, 'a b'), (2, NULL), (3, ''), (4, 'ü/..'))";
        assert!(ask(&shop, role, create).ok().stdout().contains("4 rows written to s3://"));
        assert_eq!(bucket.list(&format!("{prefix}parts/")).len(), 4);
        told(ask(&shop, role, create), 3, &["42P07"]);
        ask(&shop, role, "INSERT INTO workspace.parts VALUES (5, 'new'), (6, 'a b')").ok();
        let rows = lines(ask(&shop, role, "SELECT id, kind FROM workspace.parts ORDER BY id"));
        assert_eq!(rows, ["id,kind", "1,a b", "2,", "3,", "4,ü/..", "5,new", "6,a b"], "{role}");
        ask(&shop, role, "CREATE VIEW workspace.v AS SELECT count(*) AS n FROM workspace.parts").ok();
        assert_eq!(lines(ask(&shop, role, "SELECT n FROM workspace.v")), ["n", "6"]);
        assert_eq!(lines(ask(&shop, role, "SHOW VIEWS IN workspace")).len(), 2);
        ask(&shop, role, "DROP VIEW workspace.v").ok();
        ask(&shop, role, "DROP TABLE workspace.parts").ok();
        let left = bucket.list(prefix);
        assert!(left.is_empty(), "{left:?}");
        ask(&shop, role, create).ok();
        ask(&shop, role, "DROP TABLE workspace.parts").ok();
    }
}

#[test]
fn an_external_table_reads_a_prefix_of_ones_own() {
    let (shop, bucket) = shop();
    bucket.put("out/logs/day=1/a.csv", *b"1,x\n2,y\n");
    bucket.put("raw/a.csv", *b"3,z\n");
    let create = |name: &str, place: &str| {
        format!(
            "CREATE EXTERNAL TABLE workspace.{name} (id int, word string) PARTITIONED BY (day int) \
             ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION '{place}'"
        )
    };
    ask(&shop, "analyst", &create("mine", &bucket.location("out/logs/"))).ok();
    assert_eq!(
        lines(ask(&shop, "analyst", "SELECT id, word, day FROM workspace.mine WHERE id = 2")),
        ["id,word,day", "2,y,1"]
    );
    told(ask(&shop, "analyst", &create("theirs", &bucket.location("raw/"))), 3, &["42501"]);
    ask(&shop, "analyst", "DROP TABLE workspace.mine").ok();
    assert_eq!(bucket.list("out/").len(), 1);
}
