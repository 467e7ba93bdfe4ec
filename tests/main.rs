//! Tests from outside: of the shipped binary, of the house as a whole, and of the tools they stand on.
//!
//! One test binary, since linking the engine is slow. `support` is the tool box; every other module is a suite.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::unnecessary_wraps,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a test that meets something unexpected stops there and says so"
)]
#![allow(clippy::disallowed_methods, reason = "tests find their services by the environment; they are no room")]

mod acceptance;
mod architecture;
mod attacks;
mod bad_input;
mod barrier;
mod cloud;
mod contracts;
mod docs;
mod formats;
mod house_rules;
mod kept;
mod kill;
mod leaks;
mod options;
mod passage;
mod pipeline;
mod roles;
mod samples;
mod scripts;
mod shell;
mod splice;
mod statements;
mod support;
mod tamper;
mod trino;
mod workspace;
