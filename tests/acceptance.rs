//! Tables as people bring them, by hand: what a first user tried, and what must not go wrong in silence.

use std::process::Command;

use crate::support::python;
use crate::support::shop::Shop;

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A table `t` whose column `name` is reported and `id` is kept.
fn shop(files: &[(&str, &[u8])]) -> Shop {
    let shop = Shop::new().reported("t", &[("NAME", "$.name")]).declared("t", &[("id", "keep")]);
    files.iter().fold(shop, |shop, (name, bytes)| shop.file(&format!("t/{name}"), bytes))
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
