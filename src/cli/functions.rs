//! `saltlake functions`: the reference of the masking functions.

use clap::Args;

use super::output;
use crate::error::Result;

/// Print the reference of the masking functions
#[derive(Args, Debug)]
pub(super) struct FunctionsArgs {
    /// Only this function
    name: Option<String>,
}

pub(super) fn run(args: &FunctionsArgs) -> Result<()> {
    output::print(&reference(args.name.as_deref())?)
}

/// The reference as Markdown, of one function or of all.
pub(crate) fn reference(name: Option<&str>) -> Result<String> {
    let mut text = String::new();
    for function in saltlake_udfs::catalogue() {
        if name.is_none_or(|name| name.eq_ignore_ascii_case(function.name)) {
            text.push_str(&section(function));
        }
    }
    if let (true, Some(name)) = (text.is_empty(), name) {
        let nearest = saltlake_udfs::catalogue()
            .iter()
            .max_by(|a, b| strsim::jaro(a.name, name).total_cmp(&strsim::jaro(b.name, name)))
            .map(|function| format!("did you mean `{}`?", function.name));
        let error = crate::error::Error::usage("no such masking function").with("function", &crate::error::Said(name));
        return Err(error.hint(nearest.unwrap_or_default()));
    }
    Ok(text)
}

fn section(function: &saltlake_udfs::FunctionInfo) -> String {
    let mut text = format!("## {}\n\n`{}`\n\n{}\n\n", function.name, function.signature, function.description);
    for (name, meaning) in function.arguments {
        text.push_str(&format!("- `{name}`: {meaning}\n"));
    }
    text.push_str(&format!("\nOutput: {}\n\n{}\n\n", function.output, function.sql_example()));
    text
}
