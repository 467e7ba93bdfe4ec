//! `saltlake query`: one query over raw and masked tables.

use std::io::Write;
use std::path::PathBuf;

use async_trait::async_trait;
use clap::Args;

use super::app::App;
use super::desk::{Desk, Reader, Rows};
pub(super) use super::formats::Format;
use super::formats::{self, Look};
use super::output;
use super::role::RoleArgs;
use crate::engine::interruptible;
use crate::error::{Error, Result};
use crate::settings::no_color;

/// Answer one SQL query over the raw and masked tables, and over saltlake.findings
#[derive(Args, Debug)]
pub(super) struct QueryArgs {
    /// The query; `-` reads it from standard input
    sql: String,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the result to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Findings to use instead of the settings' sources
    #[arg(long, value_name = "WHERE")]
    pub(super) findings: Vec<String>,
    #[command(flatten)]
    pub(super) role: RoleArgs,
}

pub(super) async fn run(args: &QueryArgs, app: &App) -> Result<()> {
    let text = if args.sql == "-" { output::read_stdin_text().await? } else { args.sql.clone() };
    args.format.check_output(args.output.as_ref())?;
    let desk = interruptible(Box::pin(Desk::open(app, &args.role))).await?;
    let mut statements = desk.parsed(&text, "the query").await?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => {
            Box::pin(desk.answer(&statement, &mut Printer::new(args.format, args.output.as_ref()))).await
        }
        (None, _) => Err(Error::usage("the query is empty")),
        (Some(_), false) => {
            Err(Error::usage("one query at a time").hint("put several into a file and use `saltlake run`"))
        }
    }
}

/// Prints answers, or writes them to a file.
pub(super) struct Printer<'a> {
    format: Format,
    file: Option<&'a PathBuf>,
}

impl<'a> Printer<'a> {
    pub(super) fn new(format: Format, file: Option<&'a PathBuf>) -> Self {
        Self { format, file }
    }

    /// A table on standard output.
    pub(super) fn table() -> Self {
        Self::new(Format::Table, None)
    }
}

#[async_trait(?Send)]
impl Reader for Printer<'_> {
    async fn rows(&mut self, rows: Rows) -> Result<()> {
        let screen = output::screen_width().filter(|_| self.file.is_none());
        let look = screen.map_or_else(Look::pipe, |width| Look { color: !no_color(), ..Look::screen(width) });
        // In a file or a pipe, a table's columns have their own names and no more.
        let marked = screen.is_some() || matches!(self.format, Format::Markdown | Format::Html);
        let look = if marked { Look { masked: rows.masked, ..look } } else { look };
        let shown = if let Some(path) = self.file {
            formats::write_file(rows.stream, self.format, &look, path).await?
        } else {
            let mut out = output::stdout_unlocked();
            let shown = formats::write(rows.stream, self.format, &look, &mut out).await?;
            out.flush().map_err(|error| super::output_fault(&error))?;
            shown
        };
        if shown.cut && screen.is_none() && self.format == Format::Table {
            output::print_warning("cells were cut to the width of the first rows; --format csv writes them whole");
        }
        Ok(())
    }

    fn said(&mut self, text: &str) -> Result<()> {
        output::print(&format!("{text}\n"))
    }
}
