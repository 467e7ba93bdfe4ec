//! Tables as people bring them, by hand: what a first user tried, and what must not go wrong in silence.

use std::process::Command;

use crate::support::binary::Sandbox;
use crate::support::hash::salt_hashes;
use crate::support::moto::moto;
use crate::support::python;
use crate::support::shop::{KEY, Shop};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A table `t` whose column `name` is reported and `id` is kept.
fn shop(files: &[(&str, &[u8])]) -> Shop {
    let shop = Shop::new().reported("t", &[("NAME", "$.name")]).declared("t", &[("id", "keep")]);
    files.iter().fold(shop, |shop, (name, bytes)| shop.file(&format!("t/{name}"), bytes))
}

#[test]
fn csv_files_with_another_order_of_columns_are_read_by_name() {
    // Read by position, the names of the second file would stand in `id`, which is kept.
    let shop = shop(&[("a.csv", b"id,name\n1,Ada\n"), ("b.csv", b"name,id\nBob,2\n")]);
    shop.run(["mask"]).ok();
    let tokens = salt_hashes(&["Ada", "Bob"], KEY);
    assert_eq!(shop.masked_column("t", "id"), [some("1"), some("2")]);
    let mut names = shop.masked_column("t", "name");
    names.sort();
    let mut expected: Vec<_> = tokens.into_iter().map(Some).collect();
    expected.sort();
    assert_eq!(names, expected);
    shop.run(["verify"]).ok();
}

#[test]
fn csv_change_files_have_one_column_more_and_shift_nothing() {
    let shop = Shop::new()
        .file("t/LOAD00000001.csv", "id,name\n1,Ada\n")
        .file("t/20260101-1.csv", "Op,id,name\nD,1,Ada\n")
        .reported("t", &[("NAME", "$.name")])
        .declared("t", &[("id", "keep"), ("Op", "keep")]);
    shop.run(["mask"]).ok();
    assert_eq!(shop.masked_column("t", "id"), [some("1"), some("1")]);
    assert_eq!(shop.query("SELECT count(*) AS n FROM dataset_masked.t WHERE \"Op\" = 'D'"), ["n", "1"]);
    assert_eq!(shop.query("SELECT count(*) AS n FROM dataset.t WHERE \"Op\" IS NULL"), ["n", "1"]);
}

#[test]
fn whole_numbers_of_json_that_would_lose_digits_are_refused() {
    // As floating-point numbers, 2^53 + 1 is 2^53: two customers would become one.
    for lines in ["{\"id\":9007199254740993}\n{\"id\":1.5}\n", "{\"id\":18446744073709551617}\n"] {
        let shop = Shop::new().file("t/a.json", lines).declared("t", &[("id", "keep")]);
        let run = shop.run(["mask"]).expect_code(1);
        let said = run.stderr();
        assert!(said.contains("would lose digits") && said.contains("column: id") && said.contains("a.json"), "{said}");
        assert!(!said.contains("9007199254740993") && !said.contains("1844674"), "{said}");
    }
    let shop = Shop::new()
        .file("t/a.json", "{\"id\":9007199254740993,\"x\":1}\n{\"id\":9223372036854775807,\"x\":1.5}\n")
        .declared("t", &[("id", "keep"), ("x", "keep")]);
    shop.run(["mask"]).ok();
    assert_eq!(shop.masked_column("t", "id"), [some("9007199254740993"), some("9223372036854775807")]);
}

#[test]
fn whole_numbers_of_json_are_not_widened_from_one_file_to_the_next() {
    let files = |first: &str| {
        Shop::new()
            .file("t/a.json", format!("{{\"id\":{first}}}\n"))
            .file("t/b.json", "{\"id\":1.5}\n")
            .declared("t", &[("id", "keep")])
    };
    let said = files("9007199254740993").run(["mask"]).expect_code(1).stderr();
    assert!(said.contains("its type differs"), "{said}");
    let small = files("7");
    small.run(["mask"]).ok();
    assert_eq!(small.masked_column("t", "id"), [some("1.5"), some("7.0")]);
}

#[test]
fn members_of_json_objects_may_be_absent_null_or_late_in_single_files() {
    let many: String = (0..3000).map(|id| format!("{{\"id\":{id},\"p\":null}}\n")).collect();
    let shop = Shop::new()
        .file("t/a.json", many)
        .file("t/b.json", "{\"id\":3000,\"p\":{\"a\":1}}\n")
        .file("t/c.json", "{\"id\":3001,\"p\":{\"b\":[\"x\"]},\"late\":\"y\"}\n")
        .declared("t", &[("id", "keep"), ("p", "keep"), ("late", "keep")]);
    shop.run(["mask"]).ok();
    let seen =
        shop.query("SELECT count(*) AS n, max(p['a']) AS a, max(p['b'][1]) AS b, max(late) AS l FROM dataset_masked.t");
    assert_eq!(seen, ["n,a,b,l", "3002,1,x,y"]);
}

/// An Avro file of one `long` and one `string`, written by hand.
fn avro(rows: &[(u8, &str)]) -> Vec<u8> {
    let schema =
        br#"{"type":"record","name":"r","fields":[{"name":"id","type":"long"},{"name":"name","type":"string"}]}"#;
    avro_of(
        schema,
        rows.len(),
        &rows
            .iter()
            .flat_map(|(id, name)| [vec![id * 2, name.len() as u8 * 2], name.as_bytes().to_vec()].concat())
            .collect::<Vec<_>>(),
    )
}

fn avro_of(schema: &[u8], rows: usize, body: &[u8]) -> Vec<u8> {
    let long = |mut number: usize| {
        number *= 2;
        let mut bytes = Vec::new();
        while number >= 128 {
            bytes.push((number % 128) as u8 | 128);
            number /= 128;
        }
        bytes.push(number as u8);
        bytes
    };
    let text = |text: &[u8]| [long(text.len()), text.to_vec()].concat();
    let mark = b"0123456789abcdef";
    let head = [b"Obj\x01".to_vec(), long(1), text(b"avro.schema"), text(schema), long(0), mark.to_vec()].concat();
    [head, long(rows), long(body.len()), body.to_vec(), mark.to_vec()].concat()
}

#[test]
fn an_avro_file_that_is_cut_off_is_no_table_of_fewer_rows() {
    let whole = avro(&[(1, "Ada"), (2, "Bob")]);
    let good = shop(&[("a.avro", whole.as_slice())]);
    good.run(["mask"]).ok();
    assert_eq!(good.masked_column("t", "id"), [some("1"), some("2")]);
    for missing in [1, 10, 17, 24, whole.len() - 20] {
        let shop = shop(&[("a.avro", &whole[..whole.len() - missing])]);
        let said = shop.run(["mask"]).expect_code(1).stderr();
        assert!(said.contains("cut off or corrupt") && said.contains("a.avro"), "{missing}: {said}");
    }
}

#[test]
fn a_column_that_parquet_cannot_store_is_an_error_that_names_it() {
    let schema = br#"{"type":"record","name":"r","fields":[{"name":"id","type":"long"},{"name":"name","type":["null","long","string"]}]}"#;
    let shop = Shop::new()
        .file("t/a.avro", avro_of(schema, 1, &[2, 2, 10]))
        .declared("t", &[("id", "keep"), ("name", "keep")]);
    let said = shop.run(["mask"]).expect_code(1).stderr();
    assert!(said.contains("column: name") && said.contains("hint: ") && !said.contains("panicked"), "{said}");
}

#[test]
fn a_bad_line_is_told_with_its_file() {
    let cut = {
        let mut whole = crate::support::lake::gzip(b"id,name\n1,Ada\n2,Bob\n");
        whole.truncate(whole.len() - 9);
        whole
    };
    let cases: [(&str, &[u8]); 6] = [
        ("bad.csv", b"id,name\n1\n"),
        ("bad.csv", b"id,name\n1,Secret,2\n"),
        ("bad.csv", b"id,name\n1,S\xe9cret\n"),
        ("bad.json", b"{\"id\":1,\"name\":\"Secret\"}\n{\"id\":\"Secret\"}\n"),
        ("bad.json", b"{\"id\":1,\"name\":\"Secr"),
        ("bad.csv.gz", &cut),
    ];
    for (name, bytes) in cases {
        let shop = shop(&[(name, bytes)]);
        let said = shop.run(["mask"]).expect_code(1).stderr();
        assert!(said.contains(name) && said.contains("dataset.t") && said.contains("hint: "), "{name}: {said}");
        assert!(!said.contains("Secr"), "a cell: {said}");
    }
}

/// What a person sees in a terminal of 80 columns, and the exit code.
fn in_a_terminal(shop: &Shop, arguments: &[&str], environment: &[(&str, &str)]) -> (String, Option<i32>) {
    const TERMINAL: &str = "import fcntl, os, pty, struct, sys, termios\n\
        pid, terminal = pty.fork()\n\
        if pid == 0:\n    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 80, 0, 0))\n    \
        os.execv(sys.argv[1], sys.argv[1:])\n\
        while True:\n    try:\n        seen = os.read(terminal, 4096)\n    except OSError:\n        break\n    \
        if not seen:\n        break\n    os.write(1, seen)\n\
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
    let output = Command::new(python::interpreter())
        .args(["-c", TERMINAL, env!("CARGO_BIN_EXE_saltlake")])
        .args(arguments)
        .current_dir(shop.sandbox.folder())
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn commands_work_in_a_terminal_and_colour_can_be_turned_off() {
    let shop = Shop::usual();
    let (seen, code) = in_a_terminal(&shop, &["mask"], &[]);
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("published version"), "{seen}");
    let (seen, code) = in_a_terminal(&shop, &["discover", "--verbose"], &[]);
    assert_eq!(code, Some(0), "{seen}");
    let (seen, code) = in_a_terminal(&shop, &["tables", "--lake", "nowhere"], &[]);
    assert_eq!(code, Some(1), "{seen}");
    assert!(seen.contains("\u{1b}[1;31merror\u{1b}[0m: "), "{seen}");
    let (seen, _) = in_a_terminal(&shop, &["tables", "--lake", "nowhere"], &[("NO_COLOR", "1")]);
    assert!(seen.starts_with("error: ") && !seen.contains('\u{1b}'), "{seen}");
}

#[test]
fn a_stray_empty_file_and_a_table_that_is_not_there_are_told_with_what_to_do() {
    let shop = Shop::usual();
    let said = shop.run(["query", "SELECT * FROM nobody"]).expect_code(2).stderr();
    assert!(said.contains("nobody") && said.contains("hint: `saltlake tables` lists tables"), "{said}");
    let said = shop.run(["tables", "--set", "foo.bar=1"]).expect_code(2).stderr();
    assert!(said.contains("foo") && said.contains("sections are: lake, findings"), "{said}");
    let shop = shop.file("customer/README", "");
    let said = shop.run(["tables"]).expect_code(1).stderr();
    assert!(said.contains("0 bytes") && said.contains("customer/README") && said.contains("hint: "), "{said}");
}

#[test]
fn what_stands_for_a_folder_on_s3_is_no_file_of_a_table() {
    let shop = Shop::in_sandbox(Sandbox::new().with_all(moto().environment()));
    let lake = moto().bucket();
    let rows = b"id\n1\n";
    lake.put("dataset/t/y=1/m=2/a.csv", *rows);
    // What the S3 console and Hadoop leave. The console's names end in `/`, which no listing of ours shows.
    for marker in
        ["dataset", "dataset/t", "dataset/t/y=1", "dataset/t/y=1/m=2", "dataset/t_$folder$", "dataset/t/y=1_$folder$"]
    {
        lake.put(marker, "");
    }
    let run = shop.run(["tables", "--lake", &lake.location("dataset/")]).ok();
    assert!(run.stdout().contains("dataset.t "), "{}", run.transcript());
    assert_eq!(run.stderr(), "", "no marker is worth a word");
}

#[test]
fn a_link_that_leads_nowhere_is_named_and_loses_no_rows_in_silence() {
    let shop = shop(&[("a.csv", b"id,name\n1,Ada\n")]);
    std::os::unix::fs::symlink("/nonexistent/b.csv", shop.sandbox.path("lake/t/b.csv")).unwrap();
    let said = shop.run(["mask"]).expect_code(1).stderr();
    assert!(said.contains("leads nowhere") && said.contains("lake/t/b.csv"), "{said}");
    assert!(shop.version().is_none());
}

#[test]
fn a_csv_file_that_was_cut_off_inside_quotes_is_refused() {
    let shop = shop(&[("a.csv", b"id,name\n1,\"Ann\n2,Bob\n")]);
    let said = shop.run(["mask"]).expect_code(1).stderr();
    assert!(said.contains("ends inside quotes") && said.contains("a.csv") && !said.contains("Ann"), "{said}");
    let whole = self::shop(&[("a.csv", b"id,name\n1,\"Ann \"\"A\"\"\nLee\"\n2,Bob\n")]);
    whole.run(["mask"]).ok();
    assert_eq!(whole.masked_column("t", "id"), [some("1"), some("2")]);
}

#[test]
fn old_timestamps_far_away_stay_the_dates_they_are() {
    let sandbox = Sandbox::new();
    sandbox.write("raw/t/none", "");
    std::fs::remove_file(sandbox.path("raw/t/none")).unwrap();
    let made = Command::new(python::interpreter())
        .arg("-c")
        .arg(
            "import sys, datetime as d, pyarrow as pa, pyarrow.parquet as pq\n\
             days = [d.datetime(9999, 12, 31, 23, 59, 59, 999999), d.datetime(1, 1, 1), d.datetime(2024, 2, 29, 1, 2, 3, 4), None]\n\
             t = pa.table({'id': [1, 2, 3, 4], 'at': pa.array(days, pa.timestamp('us')), 'name': ['a', 'b', 'c', 'd']})\n\
             pq.write_table(t, sys.argv[1], use_deprecated_int96_timestamps=True)",
        )
        .arg(sandbox.path("raw/t/a.parquet"))
        .status()
        .unwrap();
    assert!(made.success());
    sandbox.write(
        "saltlake.toml",
        "[lake]\nlocation = \"raw\"\n[masked]\nlocation = \"masked\"\n\
         [columns.t]\nid = \"keep\"\nat = \"keep\"\nname = \"mask_redact\"\n",
    );
    sandbox.run(["mask"]).ok();
    let dates = |database: &str| {
        let sql = format!("SELECT at FROM {database}.t ORDER BY id");
        sandbox.run(["query", &sql, "--format", "csv"]).ok().stdout()
    };
    assert!(dates("dataset").contains("9999-12-31T23:59:59.999999"), "{}", dates("dataset"));
    assert_eq!(dates("dataset"), dates("dataset_masked"));
    // Written through the engine, too, and not only copied.
    sandbox.write("s.sql", "CREATE TABLE dataset_masked.u AS SELECT id, at FROM dataset.t WHERE id > 0");
    sandbox.run(["run", "s.sql"]).ok();
    let written =
        sandbox.run(["query", "SELECT at FROM dataset_masked.u ORDER BY id", "--format", "csv"]).ok().stdout();
    assert_eq!(dates("dataset"), written);
}

#[test]
fn a_boolean_is_hidden_whole() {
    let sandbox = Sandbox::new();
    let sql = "SELECT mask_partial(true, 1, 1) AS yes, mask_partial(1 = 2, 1, 1) AS no";
    let said = sandbox.run(["query", sql, "--format", "csv"]).ok().stdout();
    assert_eq!(said, "yes,no\n****,****\n");
}

#[test]
fn clauses_of_create_table_that_would_be_ignored_are_refused() {
    let shop = shop(&[("a.csv", b"id,name\n1,Ada\n")]);
    for clause in ["COMMENT 'x'", "PARTITION BY id", "CLUSTER BY (id)", "LOCATION 's3://b/x/'", "STORED AS ORC"] {
        let run = shop.script(&format!("CREATE TABLE dataset_masked.u {clause} AS SELECT id FROM dataset.t"));
        assert_eq!(run.code(), Some(2), "{clause}\n{}", run.stderr());
    }
    shop.script("CREATE OR REPLACE TABLE dataset_masked.u WITH (format = 'PARQUET') AS SELECT id FROM dataset.t").ok();
}

#[test]
fn a_published_table_that_shows_a_newly_reported_column_is_told() {
    let shop = Shop::new()
        .file("t/a.csv", "id,name\n1,Ada\n")
        .file("u/a.csv", "id,mail\n1,ada@example.com\n")
        .declared("t", &[("id", "keep"), ("name", "keep")])
        .declared("u", &[("id", "keep"), ("mail", "mask_email")]);
    shop.run(["mask"]).ok();
    let mut shop = shop.reported("t", &[("NAME", "$.name")]);
    shop.change_settings("\"name\" = \"keep\"", "\"name\" = \"salt_hash\"");
    let run = shop.script("CREATE TABLE dataset_masked.u AS SELECT id, mask_email(mail) AS mail FROM dataset.u").ok();
    let said = run.stderr();
    assert!(said.contains("should be masked again") && said.contains("dataset.t.name"), "{said}");
    shop.run(["mask"]).ok();
    let run = shop.script("CREATE TABLE dataset_masked.u AS SELECT id, mask_email(mail) AS mail FROM dataset.u").ok();
    assert!(!run.stderr().contains("should be masked again"), "{}", run.stderr());
}
