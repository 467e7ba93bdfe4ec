//! Files that are not what they should be.

use super::{fails, published};
use crate::support::binary::Sandbox;
use crate::support::lake::{Format, Table, claim_lzo, gzip};
use crate::support::shop::{SNAPPY, Shop, customers_of};

const SECOND: &str = "lake/customer/LOAD00000002.parquet";

/// A published shop whose customers get another file.
fn with_second(bytes: impl AsRef<[u8]>) -> Shop {
    let shop = published();
    shop.sandbox.write(SECOND, bytes);
    shop
}

/// Customers in a file large enough that its pages are not its footer.
fn many() -> Vec<u8> {
    customers_of(5_000).encode(SNAPPY)
}

#[test]
fn findings_that_are_cut_off_are_named() {
    let whole = std::fs::read(Shop::usual().sandbox.path("findings/0000.json")).unwrap();
    let half = &whole[..whole.len() / 2];
    let packed = gzip(&whole);
    for (name, bytes) in
        [("cut.json", half), ("cut.json.gz", &packed[..packed.len() - 12]), ("no.json", b"\x00\x01\x02 no findings")]
    {
        let shop = published();
        shop.sandbox.write(&format!("findings/{name}"), bytes);
        for command in ["discover", "plan", "mask"] {
            fails(&shop, [command], 1, &[name]);
        }
    }
}

#[test]
fn findings_that_are_not_there_are_named() {
    let mut shop = published();
    shop.change_settings("sources = [\"findings\"]", "sources = [\"finding\"]");
    fails(&shop, ["mask"], 1, &["/finding"]);
}

#[test]
fn an_empty_file_is_named() {
    let shop = with_second("");
    for command in ["tables", "discover", "mask"] {
        fails(&shop, [command], 1, &[SECOND, "empty"]);
    }
    shop.run(["verify"]).ok();
    fails(&shop, ["query", "SELECT * FROM dataset.customer"], 1, &[SECOND]);
    shop.run(["query", "SELECT * FROM dataset_masked.customer"]).ok();
}

#[test]
fn a_parquet_file_without_its_end_is_named() {
    let whole = many();
    for cut in [4, 8, whole.len() / 2, whole.len() - 1] {
        let shop = with_second(&whole[..cut]);
        fails(&shop, ["mask"], 1, &[SECOND, "footer"]);
    }
    let shop = with_second([b"PAR1".as_slice(), &[0xff; 200], b"PAR1"].concat());
    fails(&shop, ["mask"], 1, &[SECOND, "footer"]);
}

/// The positions of a column's pages in a file.
fn pages(file: &[u8], column: &str) -> std::ops::Range<usize> {
    use parquet::file::reader::FileReader as _;
    let reader = parquet::file::reader::SerializedFileReader::new(bytes::Bytes::copy_from_slice(file)).unwrap();
    let group = reader.metadata().row_group(0);
    let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column).unwrap();
    let (start, length) = chunk.byte_range();
    usize::try_from(start).unwrap()..usize::try_from(start + length).unwrap()
}

#[test]
fn a_parquet_file_with_corrupt_pages_is_named_whether_the_column_is_masked_or_copied() {
    for column in ["mail", "segment"] {
        let mut file = many();
        let pages = pages(&file, column);
        file[pages].fill(0xa5);
        let shop = published();
        // The only file of its table, so that its kept columns are copied and not decoded.
        shop.sandbox.write("lake/customer/LOAD00000001.parquet", &file);
        fails(&shop, ["mask"], 1, &["LOAD00000001.parquet", "corrupt"]);
        fails(&shop, ["query", &format!("SELECT max({column}) FROM dataset.customer")], 1, &["corrupt"]);
        let shop = with_second(&file);
        fails(&shop, ["mask"], 1, &[SECOND, "corrupt"]);
    }
}

#[test]
fn a_corrupt_text_file_is_named() {
    for (name, bytes, also) in [
        ("t/a.csv", b"id,name\n1,Ada\n2,Bo,too many\n".to_vec(), "CSV"),
        ("t/a.json", b"{\"id\": 1, \"name\": \"Ada\"}\n{\"id\": 2, \"name\":\n".to_vec(), "JSON"),
        ("t/a.json", b"[1, 2".to_vec(), "JSON"),
        ("t/a.avro", b"Obj\x01 and no more".to_vec(), "Avro"),
        ("t/a.csv.gz", gzip(b"id,name\n1,Ada\n")[..18].to_vec(), "t"),
    ] {
        let shop = Shop::usual().file(name, bytes).settings("[plan]\nunreported = \"keep\"");
        let run = fails(&shop, ["mask"], 1, &[also]);
        assert!(run.stderr().contains(name), "names the file\n{}", run.transcript());
    }
}

#[test]
fn lzo_is_said_to_be_unsupported() {
    let shop = with_second(claim_lzo(many(), "segment"));
    fails(&shop, ["mask"], 1, &[SECOND, "LZO", "segment"]);
}

#[test]
fn files_of_one_table_with_other_columns_are_both_named() {
    let more = Table::new().bigint("id", [Some(1)]).text("phone", ["+47 1"]);
    let shop = with_second(more.encode(SNAPPY));
    fails(&shop, ["mask"], 1, &[SECOND, "LOAD00000001.parquet", "merge_schemas"]);
    let types = Table::new().text("id", ["1"]).text("name", ["x"]).text("mail", ["x"]).text("segment", ["x"]);
    let mut shop = with_second(types.encode(SNAPPY));
    fails(&shop, ["mask"], 1, &[SECOND, "LOAD00000001.parquet", "id", "type"]);
    shop.change_settings("location = \"lake\"", "location = \"lake\"\nmerge_schemas = true");
    fails(&shop, ["mask"], 1, &[SECOND, "LOAD00000001.parquet", "id", "type"]);
}

#[test]
fn a_file_of_unknown_or_other_format_is_named() {
    let shop = published();
    shop.sandbox.write("lake/customer/README.txt", "about the customers");
    fails(&shop, ["mask"], 1, &["lake/customer/README.txt", "format"]);
    std::fs::remove_file(shop.sandbox.path("lake/customer/README.txt")).unwrap();
    shop.sandbox.write("lake/customer/more.csv", "id,name,mail,segment\n1,x,x,x\n");
    fails(&shop, ["mask"], 1, &["LOAD00000001.parquet", "more.csv", "different formats"]);
    std::fs::remove_file(shop.sandbox.path("lake/customer/more.csv")).unwrap();
    shop.sandbox.write("lake/customer/more.parquet.gz", gzip(&many()));
    fails(&shop, ["mask"], 1, &["more.parquet.gz", "unpack"]);
}

#[test]
fn partition_folders_that_disagree_are_named() {
    let shop = published();
    shop.sandbox.write("lake/customer/dt=2026/a.parquet", many());
    fails(&shop, ["mask"], 1, &["dt=2026/a.parquet", "partition"]);
    let file = Table::new().text("dt", ["x"]).encode(SNAPPY);
    let shop = Shop::new().file("t/DT=2026/a.parquet", file);
    fails(&shop, ["mask"], 1, &["dataset.t.DT", "rename"]);
}

#[test]
fn a_lake_that_is_not_there_is_named() {
    let mut shop = published();
    shop.change_settings("location = \"lake\"", "location = \"lakes\"");
    for command in ["tables", "discover", "plan", "mask", "verify"] {
        fails(&shop, [command], 1, &["/lakes/"]);
    }
    let nothing = Sandbox::new();
    for command in ["tables", "discover", "plan", "mask"] {
        let run = nothing.run([command]).expect_code(2);
        assert!(run.stderr().contains("saltlake.toml"), "{}", run.transcript());
    }
    let empty = Shop::new();
    fails(&empty, ["mask"], 1, &["no tables"]);
}

#[test]
fn a_file_that_may_not_be_read_or_vanishes_is_named() {
    let shop = published();
    let link = shop.sandbox.path(SECOND);
    std::os::unix::fs::symlink("nowhere.parquet", &link).unwrap();
    // A link that leads nowhere is no file: rows that are not there cannot be lost.
    let run = shop.run(["mask"]);
    assert!(run.code() == Some(0) || run.stderr().contains(SECOND), "{}", run.transcript());
}

#[test]
fn damaged_bookkeeping_is_never_taken_for_an_empty_location() {
    let shop = published();
    let version = shop.version().unwrap();
    let manifest = shop.sandbox.path(&format!("masked/_saltlake/versions/{version}.json"));
    let whole = std::fs::read(&manifest).unwrap();
    for damage in [&b""[..], b"{", b"null", &whole[..whole.len() / 2]] {
        std::fs::write(&manifest, damage).unwrap();
        for command in ["mask", "verify", "tables"] {
            fails(&shop, [command], 1, &["bookkeeping", &version]);
        }
    }
    let text = String::from_utf8(whole).unwrap();
    std::fs::write(&manifest, text.replacen("\"format\": 1", "\"format\": 99", 1)).unwrap();
    fails(&shop, ["mask"], 1, &["another release"]);
    std::fs::remove_file(&manifest).unwrap();
    fails(&shop, ["mask"], 1, &["bookkeeping", &version]);
}

#[test]
fn a_csv_file_without_rows_or_header_is_no_silent_loss() {
    let shop = Shop::new().file("t/a.csv", "\n\n").settings("[plan]\nunreported = \"keep\"");
    let run = shop.run(["mask"]);
    assert!(matches!(run.code(), Some(1 | 3)), "{}", run.transcript());
    let shop = Shop::new().file("t/a.csv", Table::new().text("id", ["1"]).encode(Format::Csv));
    shop.settings("[plan]\nunreported = \"keep\"").run(["mask"]).ok();
}
