//! Too much of everything: of memory, of time, of depth. The answer is an error with a code, and the program lives on.

use std::process::Command;
use std::time::{Duration, Instant};

use saltlake::query::{Barrier, Limits};

use crate::barrier::lakes::{self, Side};
use crate::barrier::world::{FILTERS, World, policies};

/// Tells a process that it is one that a test started.
const APART: &str = "TESTS_BARRIER_APART";

/// Statements that would fill the memory or never end, and the codes with which they may.
const BOMBS: [&str; 14] = [
    "SELECT length(repeat('x', 2000000000))",
    "SELECT repeat(name, 1000000000) FROM customer",
    "SELECT lpad('x', 2000000000)",
    "SELECT rpad(name, CAST(id AS INT) * 100000000) FROM customer",
    "SELECT array_repeat(name, 2000000000) FROM customer",
    "SELECT range(1, 2000000000)",
    "SELECT generate_series(1, id * 100000000) FROM customer",
    "SELECT repeat(repeat(repeat('x', 10000), 10000), 10000)",
    "SELECT count(*) FROM customer a, customer b, customer c, customer d, customer e, customer f, customer g",
    "SELECT a.id FROM customer a, customer b, customer c, customer d, customer e ORDER BY a.name || b.name || c.name",
    "SELECT array_agg(a.name || b.name || c.phone || d.phone) FROM customer a, customer b, customer c, customer d",
    "SELECT count(DISTINCT a.phone || b.phone || c.phone || d.phone) FROM customer a, customer b, customer c, customer d",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT a.n + 1 FROM r a CROSS JOIN customer b) SELECT n FROM r ORDER BY n DESC",
];

#[test]
fn bombs_end_in_bounds() {
    let world = World::on_many_threads(lakes::files(Side::A));
    let limits = Limits { memory_bytes: Some(32 << 20), time: Some(Duration::from_secs(2)), ..Limits::default() };
    let session = world.session_with(policies(FILTERS[0]), Barrier::Fence, &[], limits);
    for sql in BOMBS {
        let start = Instant::now();
        let outcome = world.outcome(&session, sql);
        let known = ["54000", "53200", "57014"].contains(&outcome.code.as_deref().unwrap_or_default());
        assert!(known, "{sql}: {}", outcome.text().chars().take(1000).collect::<String>());
        assert!(start.elapsed() < Duration::from_mins(1), "{sql}: {:?}", start.elapsed());
        super::assert_clean(&outcome, sql);
    }
    assert_eq!(world.outcome(&session, "SELECT count(*) FROM customer").brief(), "24", "the session lives on");
    // What was given up has stopped: a runtime ends only when nothing computes in it.
    let end = Instant::now();
    drop((session, world));
    assert!(end.elapsed() < Duration::from_secs(20), "{:?}", end.elapsed());
}

/// Statements of great depth or length.
fn deep() -> Vec<(&'static str, String)> {
    let nested = |open: &str, middle: &str, close: &str, depth: usize| {
        format!("{}{middle}{}", open.repeat(depth), close.repeat(depth))
    };
    let chain = |part: &str, join: &str, length: usize| vec![part; length].join(join);
    vec![
        ("parentheses", format!("SELECT {}", nested("(", "1", ")", 20_000))),
        ("subqueries", nested("SELECT * FROM (", "SELECT id FROM customer", ") AS t", 3_000)),
        ("scalar subqueries", format!("SELECT {}", nested("(SELECT ", "1", ")", 3_000))),
        ("functions", format!("SELECT {} FROM customer", nested("abs(", "id", ")", 3_000))),
        ("cases", format!("SELECT {}", nested("CASE WHEN true THEN ", "1", " END", 3_000))),
        ("some casts", format!("SELECT 1{}", "::INT".repeat(900))),
        ("many casts", format!("SELECT 1{}", "::INT".repeat(4_900))),
        ("too many casts", format!("SELECT 1{}", "::INT".repeat(50_000))),
        ("indices", format!("SELECT tags{} FROM customer", "[1]".repeat(900))),
        ("too many indices", format!("SELECT tags{} FROM customer", "[1]".repeat(50_000))),
        ("joins", format!("SELECT 1 FROM customer {}", "CROSS JOIN customer ".repeat(5_000))),
        ("too long a sum", format!("SELECT {} FROM customer", chain("id", " + ", 50_000))),
        ("too long an OR", format!("SELECT * FROM customer WHERE {}", chain("id = 1", " OR ", 50_000))),
        ("too long a union", chain("SELECT 1", " UNION ALL ", 50_000)),
        ("too long a mixture", format!("SELECT {} FROM customer", chain("abs(id::INT)", " IS NULL AND 1 < ", 50_000))),
        ("negations", format!("SELECT * FROM customer WHERE {} active", "NOT ".repeat(20_000))),
        ("signs", format!("SELECT {} 1", "- ".repeat(20_000))),
        ("lists", format!("SELECT {}", nested("[", "1", "]", 3_000))),
        ("comments", format!("SELECT {} 1", nested("/*", "x", "*/", 20_000))),
        ("a long sum", format!("SELECT {} FROM customer", chain("id", " + ", 900))),
        ("a long OR", format!("SELECT * FROM customer WHERE {}", chain("id = 1", " OR ", 450))),
        ("a long concatenation", format!("SELECT {} FROM customer", chain("name", " || ", 900))),
        ("a long list", format!("SELECT count(*) FROM customer WHERE id IN ({})", chain("10", ", ", 20_000))),
        ("a long union", chain("SELECT 1", " UNION ALL ", 1_000)),
        (
            "many columns",
            format!("SELECT {}", (0..3_000).map(|n| format!("{n} AS c{n}")).collect::<Vec<_>>().join(", ")),
        ),
    ]
}

/// A stack that runs over ends the whole process, so each of these runs in one of its own.
#[test]
fn depth_is_an_error_and_no_crash() {
    let name = "barrier::attacks::limits::depth_is_an_error_and_no_crash";
    if let Ok(number) = std::env::var(APART) {
        let world = World::on_many_threads(lakes::files(Side::A));
        let session = world.session(policies(FILTERS[0]), Barrier::Fence);
        let (_, sql) = &deep()[number.parse::<usize>().unwrap()];
        let outcome = world.outcome(&session, sql);
        super::assert_clean(&outcome, sql);
        assert_eq!(world.outcome(&session, "SELECT count(*) FROM customer").brief(), "24", "the session lives on");
        return;
    }
    let crashed = deep().into_iter().enumerate().filter_map(|(number, (kind, _))| {
        let run = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(APART, number.to_string())
            .output()
            .unwrap();
        (!run.status.success()).then(|| format!("{kind}: {:?}", run.status))
    });
    let crashed: Vec<_> = crashed.collect();
    assert!(crashed.is_empty(), "{crashed:#?}");
}

/// Whether a statement has room enough does not hang on what is hidden.
#[test]
fn memory_runs_out_for_both_twins_alike() {
    let twins = [Side::A, Side::B].map(World::twin);
    let statements = [
        "SELECT * FROM customer ORDER BY name",
        "SELECT note, balance, home, count(*) FROM customer GROUP BY 1, 2, 3 ORDER BY 1, 2",
        "SELECT array_agg(tags), array_agg(note) FROM customer",
        "SELECT c.note, o.total FROM customer c JOIN orders o ON c.id = o.customer_id ORDER BY 1, 2",
    ];
    let (mut enough, mut short) = (0, 0);
    for step in 0..24 {
        let bytes = 2048_u64 << (step / 2);
        let bytes = if step % 2 == 0 { bytes } else { bytes + bytes / 2 };
        let limits = Limits { memory_bytes: Some(bytes), ..Limits::default() };
        let sessions =
            [0, 1].map(|twin: usize| twins[twin].session_with(policies(FILTERS[0]), Barrier::Fence, &[], limits));
        for sql in statements {
            let [a, b] = [0, 1].map(|twin: usize| twins[twin].outcome(&sessions[twin], sql));
            assert_eq!(a, b, "{bytes} bytes: {sql}");
            if a.succeeded() { enough += 1 } else { short += 1 }
        }
    }
    assert!(enough > 10 && short > 10, "{enough} had enough, {short} had not");
}

/// A role computes masks under its own keys alone.
#[test]
fn keys_are_those_that_were_given() {
    let world = World::twin(Side::A);
    let open = |keys: &[&str]| world.session_with(policies(FILTERS[0]), Barrier::Fence, keys, Limits::default());
    let (none, one) = (open(&[]), open(&["default"]));
    for call in ["salt_hash('a', 'default')", "hmac_hash('a', 'default')", "mask_email('a@b.com')", "mask_null(1)"] {
        let sql = format!("SELECT {call}");
        assert!(!world.outcome(&none, &sql).succeeded(), "{sql}");
        assert!(world.outcome(&one, &sql).succeeded(), "{sql}: {:?}", world.outcome(&one, &sql));
    }
    for sql in ["SELECT salt_hash('a', 'other')", "SELECT salt_hash(name, 'other') FROM customer"] {
        let outcome = world.outcome(&one, sql);
        assert!(!outcome.succeeded(), "{sql}: {outcome:?}");
        super::assert_clean(&outcome, sql);
    }
    // With the key a role finds what it knows: that is what the key is for.
    let sql = "SELECT id FROM customer WHERE phone = salt_hash('+49 30 5551', 'default')";
    assert_eq!(world.outcome(&one, sql).brief(), "20");
}
