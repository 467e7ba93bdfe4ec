//! What analysts type in Athena: the answers that Trino documents, as an administrator gets them and as a role does.
//!
//! `tests/slt/*.slt` are in the form of `sqllogictest`; the comment of each record names the section of Trino's
//! documentation that it comes from.

mod ground;

use std::path::PathBuf;

use saltlake::engine::analysis::{self, SECTIONS, Standing};
use sqllogictest::{DBOutput, DefaultColumnType, Runner};

use self::ground::{Asker, Ground};

/// The files, each of which is a suite.
fn suites() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 8, "{files:?}");
    files
}

struct Database<'a>(&'a Ground, Asker);

impl sqllogictest::DB for Database<'_> {
    type Error = saltlake::error::Error;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Self::Error> {
        let (columns, rows) = self.0.ask(&self.1, sql)?;
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows })
    }
}

fn run_suites(asker: fn(&Ground) -> Asker) {
    let ground = Ground::new();
    let mut failed = Vec::new();
    for file in suites() {
        let records = sqllogictest::parse_file::<DefaultColumnType>(&file).unwrap();
        let mut runner = Runner::new(|| {
            let database = Database(&ground, asker(&ground));
            async move { Ok(database) }
        });
        for record in records {
            if let Err(error) = runner.run(record) {
                failed.push(format!("{}", error.display(false)));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn an_administrator_gets_the_answers_of_trino() {
    run_suites(Ground::administrator);
}

#[test]
fn a_role_gets_the_answers_of_trino() {
    run_suites(Ground::role);
}

/// An example as a query of one row or one for each of the rows.
fn query(example: &str) -> String {
    format!("SELECT {example} FROM (VALUES (1, 2.0, 'a'), (2, 3.0, 'b'), (3, 5.0, 'a'), (4, 4.0, 'c')) AS v (x, y, s)")
}

#[test]
fn every_function_that_is_listed_as_there_is_there() {
    let ground = Ground::new();
    let mut failed = Vec::new();
    for asker in [ground.administrator(), ground.role()] {
        for section in SECTIONS {
            for listed in section.functions {
                if matches!(listed.standing, Standing::Missing(_)) {
                    continue;
                }
                if let Err(error) = ground.ask(&asker, &query(listed.example)) {
                    failed.push(format!("{}: {}: {error}", asker.name(), listed.example));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn what_is_listed_as_missing_is_missing() {
    let ground = Ground::new();
    let asker = ground.administrator();
    for section in SECTIONS {
        for listed in section.functions {
            let name = listed.name;
            let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if matches!(listed.standing, Standing::Missing(_)) && plain {
                assert!(ground.ask(&asker, &query(&format!("{name}(x)"))).is_err(), "{name}");
            }
        }
    }
}

#[test]
fn a_column_keeps_the_name_that_was_written() {
    let ground = Ground::new();
    for asker in [ground.administrator(), ground.role()] {
        let names = ground
            .names(&asker, "SELECT count_if(x > 1), max_by(x, x), year(DATE '2020-01-01') FROM (VALUES (1)) AS v (x)");
        assert_eq!(names[0], "count_if(x > 1)");
        assert_eq!(names[2], "year(DATE '2020-01-01')");
    }
}

#[test]
fn what_nests_does_not_double() {
    let ground = Ground::new();
    let asker = ground.administrator();
    let nested = |name: &str, depth: usize| format!("{}1{}", format!("{name}(").repeat(depth), ", 1)".repeat(depth));
    for name in ["mod", "strpos", "width_bucket", "date_add"] {
        // Wrong types are fine: what counts is that an answer comes.
        let _ = ground.ask(&asker, &format!("SELECT {}", nested(name, 40)));
    }
    let deep = format!("SELECT {}1{}", "if(true, ".repeat(40), ", 0)".repeat(40));
    ground.ask(&asker, &deep).unwrap();
}

#[test]
fn what_would_fill_the_memory_is_stopped() {
    let ground = Ground::new();
    for sql in [
        "SELECT cardinality(sequence(1, 1000000000000))",
        "SELECT length(format('%2000000000d', 1))",
        "SELECT length(reduce(sequence(1, 64), 'x', (s, x) -> s || s, s -> s))",
        "SELECT cardinality(ngrams(sequence(1, 1000000), 500000))",
        "SELECT cardinality(repeat(1, 2000000000))",
    ] {
        assert!(ground.ask(&ground.role(), sql).is_err(), "{sql}");
    }
}

#[test]
fn no_error_of_a_function_holds_a_value() {
    let ground = Ground::new();
    for sql in [
        "SELECT date_parse(s, '%Y') FROM (VALUES ('gehe1m')) AS v (s)",
        "SELECT from_hex(s) FROM (VALUES ('gehe1m')) AS v (s)",
        "SELECT json_parse(s) FROM (VALUES ('gehe1m')) AS v (s)",
        "SELECT luhn_check(s) FROM (VALUES ('gehe1m')) AS v (s)",
        "SELECT from_base(s, 10) FROM (VALUES ('gehe1m')) AS v (s)",
        "SELECT regexp_extract('a', s) FROM (VALUES ('gehe1m(')) AS v (s)",
        "SELECT split_to_map(s, ',', '=') FROM (VALUES ('gehe1m')) AS v (s)",
        "SELECT date_add(s, 1, DATE '2020-01-01') FROM (VALUES ('gehe1m')) AS v (s)",
    ] {
        for asker in [ground.administrator(), ground.role()] {
            let error = ground.ask(&asker, sql).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("gehe1m"), "{sql}: {error}");
        }
    }
}

#[test]
fn the_page_of_sql_lists_the_functions() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/sql.md");
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    let (begin, end) = ("<!-- functions: made from src/engine/analysis/yardstick -->\n", "<!-- end of functions -->");
    let (head, rest) = page.split_once(begin).expect("the page has a place for the functions");
    let (listed, tail) = rest.split_once(end).expect("the place has an end");
    let made = format!("\n{}", analysis::page());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{head}{begin}{made}{end}{tail}")).unwrap();
    } else {
        assert!(listed == made, "docs/sql.md is not up to date: run `UPDATE_GOLDEN=1 cargo test trino`");
    }
}
