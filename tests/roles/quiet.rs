//! A granted role hears nothing of plans, paths and policies, however much is logged.

use super::{ask, hidden, shop};

const STATEMENTS: [&str; 7] = [
    "SELECT * FROM dataset.customer ORDER BY id",
    "SELECT segment, count(*) AS n FROM dataset.customer GROUP BY segment ORDER BY segment",
    "SELECT a.id FROM dataset.customer AS a JOIN dataset.customer AS b ON a.name = b.name",
    "SELECT CAST(name AS INT) FROM dataset.customer",
    "SELECT mail FROM dataset.customer",
    "SELECT * FROM dataset.account",
    "SHOW TABLES",
];

/// Words of the lake's paths, of plans, and of the policy.
const WORDS: [&str; 8] =
    ["LOAD0000", "lake/customer", "account/", "substr", "Exec", "TableScan", "Projection", "segment = "];

#[test]
fn logs_of_a_granted_role_hold_no_plan_path_policy_or_cell() {
    for filter in ["debug", "trace", "datafusion=trace,saltlake=trace", "info"] {
        let shop = shop().with("SALTLAKE_LOG", filter);
        for sql in STATEMENTS {
            let run = ask(&shop, "analyst", sql);
            for word in WORDS {
                assert!(!run.stderr().contains(word), "`{word}` under {filter}: {sql}\n{}", run.transcript());
            }
            hidden().assert_clean(sql, &run.stderr);
            hidden().assert_clean(sql, &run.stdout);
        }
    }
}

#[test]
fn verbose_tells_a_granted_role_no_more() {
    let shop = shop();
    for sql in STATEMENTS {
        let quiet = ask(&shop, "analyst", sql);
        let verbose = shop.run(["-v", "query", sql, "--role", "analyst", "--format", "csv"]);
        assert_eq!(verbose.stdout(), quiet.stdout(), "{sql}");
        for word in WORDS {
            assert!(!verbose.stderr().contains(word), "`{word}`: {sql}\n{}", verbose.transcript());
        }
        hidden().assert_clean(sql, &verbose.stderr);
    }
}

#[test]
fn plans_show_a_role_what_it_sees_and_nothing_below() {
    let shop = shop();
    let run = ask(&shop, "analyst", "EXPLAIN SELECT id, name FROM dataset.customer WHERE segment = 'gold'").ok();
    for word in ["LOAD0000", "lake/customer", "substr", "mail", "CASE", "DataSource", "file_groups", "statistics"] {
        assert!(!run.stdout().contains(word), "`{word}` in\n{}", run.transcript());
    }
    assert!(run.stdout().contains("PolicyExec"), "{}", run.transcript());
}

#[test]
fn a_broken_file_is_told_without_its_content_and_place() {
    let shop = shop().file("customer/LOAD00000002.parquet", b"PAR1 secret-in-the-file PAR1");
    for sql in ["SELECT * FROM dataset.customer", "SHOW TABLES", "DESCRIBE dataset.customer"] {
        let run = ask(&shop, "analyst", sql);
        assert_eq!(run.code(), Some(1), "{sql}: {}", run.transcript());
        assert!(!run.transcript().contains("secret-in-the-file"), "{sql}: {}", run.transcript());
        assert!(!run.transcript().contains("LOAD0000"), "{sql}: {}", run.transcript());
    }
}

#[test]
fn a_broken_hidden_table_is_like_one_that_is_not_there() {
    let shop = shop().file("account/LOAD00000002.parquet", b"PAR1 secret-in-the-file PAR1");
    let run =
        |table: &str| ask(&shop, "analyst", &format!("SELECT * FROM dataset.{table}")).transcript().replace(table, "$");
    assert_eq!(run("account"), run("acoount"));
    let listed = ask(&shop, "analyst", "SHOW TABLES");
    assert!(!listed.transcript().contains("account"), "{}", listed.transcript());
}
