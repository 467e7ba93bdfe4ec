//! `saltlake shell`: SQL at a prompt.
//!
//! The editor reads on the program's first thread, where the pieces of work of each statement run to their end or until
//! Ctrl-C; names for completion are read on a thread beside it.

mod act;
mod commands;
mod complete;
mod context;
mod describe;
mod editor;
mod handoff;
mod highlight;
mod history;
mod lex;
mod names;
mod pager;
mod prompt;
mod session;
mod show;
mod validate;
mod view;
mod words;

use std::io::IsTerminal;

use clap::Args;

use self::editor::LineEditor;
use self::history::HistoryFile;
use self::names::SharedNames;
use self::session::Session;
use self::view::{View, needs_file};
use super::app::{App, with_runtimes, with_writing_app};
use super::formats::Format;
use super::role::RoleArgs;
use super::{output, run};
use crate::engine::Runtimes;
use crate::error::{Error, Result};
use crate::settings::{Overrides, Settings, no_color, state_folder};

/// Ask questions in SQL at a prompt that completes names, keeps what was typed, and pages results
///
/// `\?` at the prompt lists its commands and keys. Without a terminal on standard input it runs what is written there,
/// as `saltlake run -`.
#[derive(Args, Debug)]
pub(super) struct ShellArgs {
    /// How to show results at first
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Keep nothing that is typed for later sessions
    #[arg(long)]
    no_history: bool,
    #[command(flatten)]
    role: RoleArgs,
}

/// Runs the shell, or the script on standard input.
pub(super) fn run(args: &ShellArgs, overrides: &Overrides) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        let script = run::RunArgs::of_stdin(args.role.clone());
        let mut overrides = overrides.clone();
        let variables = run::variables::take(&mut overrides.set);
        return with_writing_app(&overrides, async |app| run::run(&script, app, &variables).await);
    }
    if needs_file(args.format) {
        return Err(Error::usage("the format is for files").hint("at the prompt: `\\o FILE.parquet`"));
    }
    with_runtimes(overrides, |app, runtimes| at_prompt(args, app, runtimes))
}

fn at_prompt(args: &ShellArgs, app: &App, runtimes: &Runtimes) -> Result<()> {
    let names = SharedNames::default();
    let (asking, reading) = names::ends(&names);
    let settings = app.settings();
    let color = std::io::stdout().is_terminal() && !no_color();
    let view = View::new(&settings.shell, args.format);
    let history = if args.no_history { None } else { history_file(settings) };
    let editor = LineEditor::new(names.clone(), history, view.editmode, color)?;
    std::thread::scope(|scope| {
        let mut session = Session::open((app, runtimes), &args.role, (view, color), editor, (names, asking))?;
        scope.spawn(move || reading.serve(app, runtimes));
        session.serve()
    })
}

/// Where statements are kept. Without a place for it the shell goes on.
fn history_file(settings: &Settings) -> Option<HistoryFile> {
    if !settings.shell.history {
        return None;
    }
    let opened = state_folder().and_then(|folder| HistoryFile::open(&folder).ok());
    if opened.is_none() {
        output::print_warning("what is typed is not kept: the folder for it cannot be used");
    }
    opened
}

/// The tables of `docs/shell.md`.
pub(super) fn reference() -> String {
    commands::markdown()
}
