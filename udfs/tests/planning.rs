//! What planning refuses, and what plans, errors and debug output must never hold.

use std::hash::{DefaultHasher, Hash, Hasher};

use datafusion::logical_expr::{LogicalPlan, ScalarUDF};
use saltlake_udfs::{EXAMPLE_KEYS, all_functions};

use crate::support::{error, function, function_with, ring_of, rows, run, session, session_of};

#[test]
fn an_unknown_key_is_refused_by_name_with_the_line_to_add() {
    let context = session();
    let message = error(&context, "SELECT salt_hash(c, 'nope') FROM (VALUES ('alice')) AS t(c)");
    assert!(message.contains("`nope`") && message.contains("[keys.nope]"), "{message}");
    assert!(!message.contains("alice"), "{message}");
    let message = error(&session_of(&[]), "SELECT hmac_hash('alice')");
    assert!(message.contains("`default`") && message.contains("[keys.default]"), "{message}");
    let message = error(&context, "SELECT salt_hash('alice', 'a.b')");
    assert!(message.contains("[keys.\"a.b\"]"), "{message}");
}

#[test]
fn an_empty_key_is_refused() {
    let message = error(&session_of(&[("default", b"")]), "SELECT salt_hash('alice')");
    assert!(message.contains("is empty"), "{message}");
}

#[test]
fn calls_that_no_function_takes_are_refused_at_planning() {
    let context = session();
    run(&context, "CREATE TABLE t AS SELECT 'SECRET' AS c, 4 AS n, 'default' AS k, [1, 2] AS l").unwrap();
    let cases = [
        ("salt_hash()", "takes 1 to 2 arguments"),
        ("salt_hash(c, 'default', 1)", "takes 1 to 2 arguments"),
        ("salt_hash(c, k)", "key name as a text literal"),
        ("salt_hash(c, NULL)", "key name as a text literal"),
        ("salt_hash(c, CAST(NULL AS VARCHAR))", "key name as a text literal"),
        ("hmac_hash(c, 5)", "key name as a text literal"),
        ("hmac_hash(l)", "use `mask_null(value)`"),
        ("salt_hash(named_struct('a', c))", "use `mask_null(value)`"),
        ("salt_hash(INTERVAL '1 day')", "use `mask_null(value)`"),
        ("mask_email(arrow_cast(5, 'Duration(Second)'))", "use `mask_null(value)`"),
        ("mask_partial(c)", "takes 3 arguments, not 1"),
        ("mask_partial(c, -1, 2)", "`first` to be 0 or more"),
        ("mask_partial(c, 1, -2)", "`last` to be 0 or more"),
        ("mask_partial(c, NULL, 2)", "not NULL"),
        ("mask_partial(c, 1, n)", "`last` as a whole number literal"),
        ("mask_partial(c, n, 1)", "`first` as a whole number literal"),
        ("mask_partial(c, 1.5, 1)", "`first` as a whole number literal"),
        ("mask_partial(c, '1', 1)", "`first` as a whole number literal"),
        ("mask_partial(l, 1, 1)", "use `mask_null(value)`"),
        ("mask_email(c, 1)", "takes 1 arguments"),
        ("mask_redact(c, k)", "text as a text literal"),
        ("mask_redact(c, NULL)", "text as a text literal"),
        ("mask_null()", "takes 1 arguments"),
        ("mask_null(c, c)", "takes 1 arguments"),
    ];
    for (call, expected) in cases {
        // Planning alone must fail: nothing of the table is read.
        let message = error(&context, &format!("EXPLAIN SELECT {call} FROM t"));
        assert!(message.contains(expected), "{call}: {message}");
        assert!(!message.contains("SECRET"), "{call}: {message}");
    }
    let long = "x".repeat(5_000);
    let message = error(&context, &format!("SELECT mask_redact(c, '{long}') FROM t"));
    assert!(message.contains("at most 4096 bytes"), "{message}");
}

/// A key that could not be missed, and how a list of its first bytes would be printed.
const CANARY: (&[u8], &str, &str) = (b"CANARYKEY-4711", "CANARYKEY", "67, 65, 78");

#[test]
fn no_plan_holds_a_key() {
    let context = session_of(&[("default", CANARY.0)]);
    run(&context, "CREATE TABLE t AS SELECT 'alice' AS c").unwrap();
    let sql = "SELECT salt_hash(c), hmac_hash(c, 'default') FROM t WHERE salt_hash(c) > 'a'";
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (logical, physical) = runtime.block_on(async {
        let plan: LogicalPlan = context.state().create_logical_plan(sql).await.unwrap();
        let physical = context.state().create_physical_plan(&plan).await.unwrap();
        (format!("{plan:?} {plan:#?} {}", plan.display_indent_schema()), format!("{physical:?}"))
    });
    let explained = rows(&context, &format!("EXPLAIN VERBOSE {sql}")).unwrap();
    for text in [logical, physical, format!("{explained:?}")] {
        assert!(text.contains("salt_hash"), "{text}");
        assert!(!text.contains(CANARY.1) && !text.contains(CANARY.2), "{text}");
    }
}

#[test]
fn no_debug_output_and_no_error_holds_a_key() {
    let keys: &[(&str, &[u8])] = &[("default", CANARY.0)];
    for function in all_functions(&ring_of(keys)) {
        let text = format!("{function:?} {function:#?}");
        assert!(!text.contains(CANARY.1) && !text.contains(CANARY.2), "{text}");
    }
    let context = session_of(keys);
    for call in ["salt_hash('a', 'b')", "salt_hash([1])", "hmac_hash('a', NULL)", "hmac_hash()"] {
        let message = error(&context, &format!("SELECT {call}"));
        assert!(!message.contains(CANARY.1) && !message.contains(CANARY.2), "{message}");
    }
}

#[test]
fn functions_are_the_same_only_with_the_same_key_ring() {
    let hash_of = |function: &ScalarUDF| {
        let mut hasher = DefaultHasher::new();
        function.hash(&mut hasher);
        hasher.finish()
    };
    let ring = ring_of(EXAMPLE_KEYS);
    let pairs = all_functions(&ring).into_iter().zip(all_functions(&ring));
    for (one, other) in pairs {
        assert_eq!(one, other);
        assert_eq!(hash_of(&one), hash_of(&other));
    }
    // Equal keys in another session's ring: still another function, since the bytes are never compared.
    for name in ["salt_hash", "hmac_hash"] {
        assert_ne!(function(name), function_with(name, EXAMPLE_KEYS));
    }
    assert_ne!(function("salt_hash"), function("hmac_hash"));
}
