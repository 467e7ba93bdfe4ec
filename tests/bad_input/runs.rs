//! Runs that meet another run, a full disk, a changed source, Ctrl-C or a reader that goes away.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use super::{fails, published, with_big};
use crate::support::binary::Run;
use crate::support::shop::{Shop, customers};

const WRITING: &str = "mask: writing table=dataset_masked.zz_big";

#[test]
fn a_second_run_is_refused_while_one_holds_the_location() {
    let shop = with_big(published()).with("SALTLAKE_LOG", "saltlake=info");
    let mut first = shop.sandbox.spawn(["mask"]);
    first.wait_for(WRITING);
    let second = shop.run(["mask"]).expect_code(3);
    assert!(second.stderr().contains("another run") && second.stderr().contains("hint: "), "{}", second.transcript());
    shop.run(["query", "SELECT count(*) FROM dataset_masked.customer"]).ok();
    first.wait().ok();
    assert_eq!(shop.cell("SELECT count(*) FROM dataset_masked.zz_big"), "200000");
}

#[test]
fn a_hold_names_its_run_and_ends_with_its_process() {
    let shop = published();
    let hold = File::options().read(true).write(true).open(shop.sandbox.path("masked/_saltlake/hold")).unwrap();
    hold.lock().unwrap();
    let version = shop.version().unwrap();
    fails(&shop, ["mask"], 3, &["another run", &version, "/masked"]);
    drop(hold);
    shop.run(["mask"]).ok();
}

#[test]
fn a_killed_run_leaves_the_last_version_and_the_next_run_cleans_up() {
    let shop = published().with("SALTLAKE_LOG", "saltlake=info");
    let before = shop.published();
    let shop = with_big(shop);
    for moment in [WRITING, "verify: reading back", "publish: writing the receipt"] {
        let mut running = shop.sandbox.spawn(["mask"]);
        running.wait_for(moment);
        running.kill_after(std::time::Duration::ZERO);
        // The kill may come after the switch: then the new version is whole.
        if shop.version().map(String::into_bytes) == before.get(&PathBuf::from("version")).cloned() {
            assert_eq!(shop.published(), before, "{moment}");
        }
        shop.run(["verify"]).ok();
    }
    shop.run(["mask"]).ok();
    let kept: Vec<String> = shop.versions();
    assert!(kept.len() <= 3, "dead runs are cleaned up: {kept:?}");
    assert!(shop.version().is_some_and(|version| kept.contains(&version)));
}

#[test]
fn ctrl_c_leaves_the_last_version() {
    for moment in [WRITING, "verify: reading back table=dataset_masked.zz_big"] {
        let shop = published().with("SALTLAKE_LOG", "saltlake=info");
        let before = shop.published();
        let shop = with_big(shop);
        let mut running = shop.sandbox.spawn(["mask"]);
        running.wait_for(moment);
        let run = running.interrupt().expect_code(130);
        assert!(run.stderr().contains("stopped") && run.stderr().contains("untouched"), "{}", run.transcript());
        assert_eq!(shop.published(), before);
        shop.run(["mask"]).ok();
        assert_eq!(shop.versions().len(), 2, "what the stopped run left is gone: {:?}", shop.versions());
    }
}

#[test]
fn ctrl_c_ends_a_command_that_waits_for_its_input() {
    let shop = published();
    for arguments in
        [&["query", "-"][..], &["discover", "--findings", "-"], &["mask", "--findings", "-"], &["run", "-"]]
    {
        let running = shop.sandbox.spawn_waiting(arguments);
        // Long enough for it to wait for its input.
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        let run = running.interrupt();
        assert!(run.code() == Some(130) || run.was_killed(), "{arguments:?}\n{}", run.transcript());
        assert!(run.took < std::time::Duration::from_secs(30), "{arguments:?} took {:?}", run.took);
    }
}

#[test]
fn a_source_that_changes_while_it_is_masked_is_refused() {
    let shop = with_big(published()).with("SALTLAKE_LOG", "saltlake=info");
    let before = shop.published();
    for change in ["added", "replaced", "deleted"] {
        let mut running = shop.sandbox.spawn(["mask"]);
        running.wait_for(WRITING);
        let file = match change {
            "added" => "lake/customer/LOAD00000002.parquet",
            _ => "lake/customer/LOAD00000001.parquet",
        };
        match change {
            "deleted" => fs::remove_file(shop.sandbox.path(file)).unwrap(),
            // The same size, so that only its time tells.
            _ => shop.sandbox.write(file, customers().encode(crate::support::shop::SNAPPY)),
        }
        let run = running.wait().expect_code(3);
        assert!(run.stderr().contains(file) && run.stderr().contains("hint: "), "{change}\n{}", run.transcript());
        assert_eq!(shop.published(), before, "{change}");
        assert_eq!(shop.versions().len(), 1, "{change}");
    }
}

#[test]
fn what_saltlake_did_not_write_is_never_replaced() {
    let shop = Shop::usual();
    shop.sandbox.write("masked/customer/mine.parquet", "precious");
    fails(&shop, ["mask"], 3, &["masked/customer", "move it away"]);
    assert_eq!(fs::read(shop.sandbox.path("masked/customer/mine.parquet")).unwrap(), b"precious");
    fs::remove_dir_all(shop.sandbox.path("masked/customer")).unwrap();
    shop.sandbox.write("elsewhere/mine.parquet", "precious");
    std::os::unix::fs::symlink("../elsewhere", shop.sandbox.path("masked/customer")).unwrap();
    fails(&shop, ["mask"], 3, &["masked/customer", "move it away"]);
    assert_eq!(fs::read(shop.sandbox.path("masked/customer/mine.parquet")).unwrap(), b"precious");
    fs::remove_file(shop.sandbox.path("masked/customer")).unwrap();
    shop.sandbox.write("masked/notes.txt", "of no table");
    shop.run(["mask"]).ok();
    assert_eq!(fs::read(shop.sandbox.path("masked/notes.txt")).unwrap(), b"of no table");
}

#[test]
fn masked_tables_cannot_go_where_raw_ones_are() {
    for location in ["lake", "lake/inside", "."] {
        let mut shop = Shop::usual();
        shop.change_settings("location = \"masked\"", &format!("location = \"{location}\""));
        fails(&shop, ["mask"], 3, &["raw: ", "masked: ", "/saltlake.toml:"]);
    }
}

/// A file system of two megabytes where one can be mounted, unmounted at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: PathBuf) -> Option<Self> {
        fs::create_dir_all(&folder).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "none"]).arg(&folder).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[track_caller]
fn ended_full(shop: &Shop, run: Run, before: &std::collections::BTreeMap<PathBuf, Vec<u8>>) {
    let run = run.expect_code(1);
    let said = run.stderr();
    assert!(said.contains("zz%5Fbig") || said.contains("zz_big"), "names the file\n{}", run.transcript());
    assert!(said.contains("masked/versions/") && said.contains("hint: "), "{}", run.transcript());
    assert_eq!(&shop.published(), before);
    assert_eq!(shop.versions().len(), 1, "nothing is left of the run");
    shop.run(["verify", "customer"]).ok();
}

#[test]
fn a_full_disk_leaves_the_last_version() {
    let shop = Shop::usual();
    let disk = SmallDisk::mount(shop.sandbox.path("masked"));
    shop.run(["mask"]).ok();
    let before = shop.published();
    let shop = with_big(shop);
    // Where nothing can be mounted, a limit on the size of files stands in for the end of the disk.
    let run = match &disk {
        Some(_) => shop.run(["mask"]),
        None => shop.sandbox.shell("trap '' XFSZ; ulimit -f 1024; exec \"$0\" mask"),
    };
    ended_full(&shop, run, &before);
}

#[test]
fn a_limit_on_the_size_of_files_leaves_the_last_version() {
    let shop = published();
    let before = shop.published();
    let shop = with_big(shop);
    let run = shop.sandbox.shell("trap '' XFSZ; ulimit -f 1024; exec \"$0\" mask");
    ended_full(&shop, run, &before);
    // Joins and sorts that write to the disk for lack of memory meet the same limit elsewhere.
    shop.run(["mask"]).ok();
}

#[test]
fn an_output_that_is_full_is_an_error() {
    let shop = with_big(published());
    for format in ["table", "csv", "json", "ndjson"] {
        for table in ["dataset_masked.customer", "dataset.zz_big"] {
            let limit = if table.ends_with("zz_big") { "WHERE id < 5000" } else { "" };
            let script = format!("exec \"$0\" query 'SELECT * FROM {table} {limit}' --format {format} > /dev/full");
            let run = shop.sandbox.shell(&script).expect_code(1);
            assert!(run.stderr().contains("no space left"), "{format} {table}\n{}", run.transcript());
        }
    }
    for command in ["plan", "tables", "discover", "functions", "config"] {
        let run = shop.sandbox.shell(&format!("exec \"$0\" {command} > /dev/full")).expect_code(1);
        assert!(run.stderr().starts_with("error: cannot write the output"), "{command}\n{}", run.transcript());
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let shop = with_big(published());
    for format in ["table", "csv", "json", "ndjson"] {
        let script = format!(
            "{{ \"$0\" query 'SELECT * FROM dataset.zz_big WHERE id < 20000' --format {format}; echo $? >&2; }} | head -c 1 > /dev/null"
        );
        let run = shop.sandbox.shell(&script).ok();
        assert_eq!(run.stderr(), "0\n", "{format}");
    }
    for command in ["functions", "plan", "config", "--help", "query --help"] {
        let script = format!("{{ \"$0\" {command}; echo $? >&2; }} | true");
        let run = shop.sandbox.shell(&script).ok();
        assert_eq!(run.stderr(), "0\n", "{command}");
    }
}
