//! The reference tells the truth: every function is documented, and every example gives what it says.

use saltlake_udfs::{EXAMPLE_KEYS, all_functions, catalogue, function_info, keyed};

use crate::support::{cell, ring_of, session};

#[test]
fn every_function_is_documented_and_every_example_runs() {
    let context = session();
    let functions = all_functions(&ring_of(EXAMPLE_KEYS));
    for function in &functions {
        let name = function.name();
        let documentation = function.documentation().unwrap_or_else(|| panic!("{name} has no documentation"));
        assert!(documentation.syntax_example.starts_with(name), "{name}");
        assert!(documentation.description.len() > 40, "{name}");
        assert!(documentation.arguments.as_ref().is_some_and(|arguments| !arguments.is_empty()), "{name}");

        let example = documentation.sql_example.as_deref().unwrap_or_else(|| panic!("{name} has no example"));
        let lines: Vec<&str> = example.lines().filter(|line| !line.starts_with("```")).collect();
        assert!(!lines.is_empty() && lines.len().is_multiple_of(2), "{name}");
        for pair in lines.chunks(2) {
            let sql = pair[0].strip_prefix("> ").unwrap();
            assert!(sql.contains(name), "{sql}");
            assert_eq!(cell(&context, sql).unwrap(), pair[1], "{sql}");
        }
    }
    let names: Vec<&str> = functions.iter().map(|function| function.name()).collect();
    let listed: Vec<&str> = catalogue().iter().map(|info| info.name).collect();
    assert_eq!(names, listed, "the catalogue and the functions disagree");
}

#[test]
fn functions_are_found_by_name() {
    assert_eq!(function_info("mask_email").map(|info| info.signature), Some("mask_email(value)"));
    assert!(function_info("sha256").is_none());
    assert!(keyed("salt_hash") && keyed("hmac_hash"));
    assert!(!keyed("mask_redact") && !keyed("nothing"));
}
