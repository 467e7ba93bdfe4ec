//! The `saltlake` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    saltlake::cli::main()
}
