//! The policy table by itself: which rows, which cells, in which batches, and what is counted.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, StructArray};
use arrow::datatypes::{DataType, Field};
use futures::StreamExt;
use saltlake::grant::access::ColumnAccess;
use saltlake::grant::filter::Predicate;
use saltlake::query::{Barrier, RoleSession};

use super::lakes::long_table;
use super::world::{Policies, World, access, at_most, equal, field, shown};
use crate::support::lake::Table;

fn small(rows: Predicate, columns: Vec<ColumnAccess>) -> (World, RoleSession) {
    let text = |values: [Option<&str>; 4]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let fields = ["city", "zip"].map(|name| Field::new(name, DataType::Utf8, true));
    let parts = vec![text([Some("a"), Some("b"), Some("c"), None]), text([Some("1"), Some("2"), Some("3"), None])];
    let home = StructArray::new(fields.to_vec().into(), parts, None);
    let table = Table::new()
        .bigint("id", [Some(1), Some(2), Some(3), None])
        .texts("region", [Some("EU"), Some("US"), None, Some("EU")])
        .column("home", Arc::new(home));
    let world = World::over(vec![("t/a.parquet".to_owned(), table.encode_in_groups(2))]);
    let session = world.session(Policies(vec![access("t", rows, columns)]), Barrier::Fence);
    (world, session)
}

fn seen(rows: Predicate) -> String {
    let (world, session) = small(rows, vec![shown("id")]);
    world.outcome(&session, "SELECT coalesce(id, 0) FROM t").brief()
}

#[test]
fn null_hides_a_row_as_false_does() {
    let us = || equal("region", "US");
    assert_eq!(seen(us()), "2");
    assert_eq!(seen(Predicate::Not(Box::new(us()))), "1; 0");
    assert_eq!(seen(Predicate::Or(vec![us(), equal("region", "EU")])), "1; 2; 0");
    assert_eq!(seen(Predicate::And(vec![equal("region", "EU"), at_most("id", 5)])), "1");
    assert_eq!(seen(Predicate::IsNull { field: field("region"), negated: false }), "3");
    assert_eq!(seen(Predicate::False), "");
    assert_eq!(seen(Predicate::True), "1; 2; 3; 0");
}

#[test]
fn a_cell_is_null_unless_its_condition_is_true() {
    let cells = Predicate::Not(Box::new(equal("region", "US")));
    let id = ColumnAccess { cells, ..shown("id") };
    let (world, session) = small(Predicate::True, vec![id, shown("region")]);
    let sql = "SELECT region, id FROM t";
    assert_eq!(world.outcome(&session, sql).brief(), "EU|1; US|~; ~|~; EU|~");
}

#[test]
fn a_condition_on_a_mask_hides_the_masks_result() {
    let region =
        ColumnAccess { cells: at_most("id", 1), mask: Some("concat('m-', region)".to_owned()), ..shown("region") };
    let (world, session) = small(Predicate::True, vec![region]);
    assert_eq!(world.outcome(&session, "SELECT region FROM t").brief(), "m-EU; ~; ~; ~");
    assert_eq!(world.outcome(&session, "SELECT count(*) FROM t WHERE region = 'EU'").brief(), "0");
}

#[test]
fn a_struct_can_be_masked_field_by_field() {
    let mask = "named_struct('city', home['city'], 'zip', 'x')".to_owned();
    let home = ColumnAccess { mask: Some(mask), ..shown("home") };
    let (world, session) = small(equal("region", "EU"), vec![shown("id"), home]);
    let outcome = world.outcome(&session, "SELECT id, home['city'], home['zip'] FROM t WHERE id = 1");
    assert_eq!(outcome.brief(), "1|a|x", "{outcome:?}");
}

#[test]
fn a_mask_that_fails_on_hidden_rows_does_not_fail() {
    let id = ColumnAccess { mask: Some("2 / (id - 2)".to_owned()), ..shown("id") };
    let (world, session) = small(equal("region", "EU"), vec![id]);
    assert_eq!(world.outcome(&session, "SELECT id FROM t").brief(), "-2; ~");
}

/// A long table of which every third row is visible.
fn long(rows: i64) -> (World, RoleSession) {
    let columns = vec![shown("id"), ColumnAccess { cells: at_most("balance", 30), ..shown("balance") }];
    let world = World::over(vec![("t/a.parquet".to_owned(), long_table(rows, 3, 5000))]);
    let session = world.session(Policies(vec![access("t", equal("region", "EU"), columns)]), Barrier::Fence);
    (world, session)
}

#[test]
fn batches_are_cut_by_visible_rows_alone() {
    let (world, session) = long(100_000);
    for sql in ["SELECT id, balance FROM t", "SELECT 1 FROM t"] {
        let sizes = world.runtime.block_on(async {
            let planned = session.plan(sql).await.unwrap();
            let batches = session.run(&planned).unwrap();
            batches.map(|batch| batch.unwrap().num_rows()).collect::<Vec<_>>().await
        });
        assert_eq!(sizes, [8192, 8192, 8192, 8192, 33_334 - 4 * 8192], "{sql}");
    }
}

#[test]
fn leak_proof_predicates_go_below_the_barrier_and_others_do_not() {
    let (world, session) = long(10_000);
    let passed = |sql: &str| world.outcome(&session, sql).passed.0;
    assert_eq!(passed("SELECT id FROM t WHERE id < 10"), 10);
    assert_eq!(passed("SELECT id FROM t WHERE id IN (1, 2)"), 2);
    assert_eq!(passed("SELECT count(*) FROM t WHERE NOT (id >= 10 OR id IS NULL)"), 10);
    assert_eq!(passed("SELECT id FROM t WHERE id + 0 < 10"), 3334);
    assert_eq!(passed("SELECT id FROM t WHERE id % 1000 = 7"), 3334);
    // A column that is not shown as it is.
    assert_eq!(passed("SELECT id FROM t WHERE balance < 10"), 3334);
    assert_eq!(passed("SELECT id FROM t WHERE balance IS NULL"), 3334);
}

#[test]
fn a_limit_counts_visible_rows() {
    let (world, session) = long(10_000);
    let outcome = world.outcome(&session, "SELECT id FROM t LIMIT 3");
    assert_eq!((outcome.brief(), outcome.passed.0), ("0; 1; 2".to_owned(), 3));
    let outcome = world.outcome(&session, "SELECT id FROM t WHERE id > 5 LIMIT 2");
    assert_eq!((outcome.brief(), outcome.passed.0), ("6; 7".to_owned(), 2));
}

#[test]
fn bytes_are_those_of_visible_cells() {
    let (world, session) = long(3_000);
    let bytes = |sql: &str| world.outcome(&session, sql).passed.1;
    assert_eq!(bytes("SELECT 1 FROM t"), 0);
    // Eight bytes an id; a hidden cell takes what a NULL takes.
    assert_eq!(bytes("SELECT id FROM t"), 8 * 1000);
}

#[test]
fn a_policy_that_does_not_fit_is_an_error_without_the_policy() {
    let id = ColumnAccess { mask: Some("nothing_of_this_name(id)".to_owned()), ..shown("id") };
    let (world, session) = small(Predicate::True, vec![id]);
    let outcome = world.outcome(&session, "SELECT id FROM t");
    assert!(!outcome.succeeded() && !outcome.text().contains("nothing_of_this_name"), "{outcome:?}");
    let (world, session) = small(at_most("region", 770), vec![shown("id")]);
    let outcome = world.outcome(&session, "SELECT id FROM t");
    assert!(!outcome.succeeded() && !outcome.text().contains("770"), "{outcome:?}");
}
