//! Input that cannot be used, disks that are full, runs that are cut off: an error that names the file and the next
//! step, and what was published before untouched.

mod files;
mod keys;
mod runs;
mod statements;

use crate::support::binary::Run;
use crate::support::lake::Table;
use crate::support::shop::Shop;

/// Runs a command that must fail with this code, name these and leave what is published as it is.
#[track_caller]
fn fails<const N: usize>(shop: &Shop, arguments: [&str; N], code: i32, says: &[&str]) -> Run {
    let (before, versions) = (shop.published(), shop.versions());
    let run = shop.run(arguments).expect_code(code);
    let said = run.stderr();
    for text in says.iter().chain(&["hint: "]) {
        assert!(said.contains(text), "says nothing of `{text}`\n{}", run.transcript());
    }
    assert!(!said.contains("panicked"), "{}", run.transcript());
    assert_eq!(shop.published(), before, "what was published is untouched\n{}", run.transcript());
    assert_eq!(shop.versions(), versions, "nothing half-done is left\n{}", run.transcript());
    run
}

/// A shop whose usual tables are published.
fn published() -> Shop {
    let shop = Shop::usual();
    shop.run(["mask"]).ok();
    shop
}

/// Adds a table that takes a while to mask: its file has many row groups and no two equal names.
fn with_big(shop: Shop) -> Shop {
    let rows = 200_000;
    let table = Table::new()
        .bigint("id", (0..rows).map(Some))
        .text("name", (0..rows).map(|n| format!("somebody with a long name and the number {n}")));
    shop.file("zz_big/LOAD00000001.parquet", table.encode_in_groups(40_000))
        .reported("zz_big", &[("NAME", "$.name")])
        .declared("zz_big", &[("id", "keep")])
}
