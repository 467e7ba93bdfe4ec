//! One session at the prompt: what is typed, run and shown until it is left.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use super::commands;
use super::editor::{LineEditor, Typed};
use super::handoff;
use super::names::{Asking, SharedNames};
use super::pager::PAGING;
use super::prompt::prompt;
use super::show::{Destination, Kept, Shower};
use super::validate::leaves;
use super::view::View;
use crate::cli::app::App;
use crate::cli::desk::Desk;
use crate::cli::formats::Format;
use crate::cli::output;
use crate::cli::role::RoleArgs;
use crate::engine::statement::Statement;
use crate::engine::{Runtimes, interruptible};
use crate::error::{Error, ErrorKind, Result};

/// What errors call the place that a statement was typed at.
pub(super) const ORIGIN: &str = "the shell";

/// How long a statement has to give up once Ctrl-C was pressed twice.
const LAST_CHANCE: Duration = Duration::from_millis(300);

/// Whether the shell goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Go {
    On,
    Leave,
}

/// A session.
pub(super) struct Session<'a> {
    pub(super) app: &'a App,
    pub(super) runtimes: &'a Runtimes,
    pub(super) desk: Desk<'a>,
    pub(super) view: View,
    pub(super) color: bool,
    pub(super) editor: LineEditor,
    pub(super) names: SharedNames,
    pub(super) asking: Asking,
    /// The last answer.
    pub(super) last: Option<Kept>,
    /// The last statement.
    pub(super) statement: Option<Statement>,
    /// Where the next answer goes, if not to the screen.
    pub(super) file: Option<Destination>,
    /// How the next answer is shown, if not as usual.
    pub(super) format: Option<Format>,
    /// What stands on the next line at first.
    pub(super) initial: String,
}

impl<'a> Session<'a> {
    /// Opens the desk in a role.
    ///
    /// # Errors
    /// As [`Desk::open`].
    pub(super) fn open(
        (app, runtimes): (&'a App, &'a Runtimes),
        role: &RoleArgs,
        (view, color): (View, bool),
        editor: LineEditor,
        (names, asking): (SharedNames, Asking),
    ) -> Result<Self> {
        drop(listen(runtimes)?); // heard from here on, though nobody waits for it yet
        let desk = runtimes.wait(interruptible(Box::pin(Desk::open(app, role))))?;
        asking.read(desk.role());
        Ok(Self {
            app,
            runtimes,
            desk,
            view,
            color,
            editor,
            names,
            asking,
            last: None,
            statement: None,
            file: None,
            format: None,
            initial: String::new(),
        })
    }

    /// Reads and runs until the user leaves.
    ///
    /// # Errors
    /// If the terminal cannot be used.
    pub(super) fn serve(&mut self) -> Result<()> {
        output::note(&self.welcome());
        let mut interrupts = 0;
        loop {
            self.app.print_warnings();
            let prompt = prompt(self.desk.role(), self.desk.is_granted());
            let initial = std::mem::take(&mut self.initial);
            let done = match self.editor.read(&prompt, &initial)? {
                Typed::End => return Ok(()),
                Typed::Cancelled { empty: true } if interrupts > 0 => return Ok(()),
                Typed::Cancelled { empty: true } => {
                    output::note("Ctrl-C again, Ctrl-D or \\q leaves");
                    interrupts += 1;
                    continue;
                }
                Typed::Cancelled { empty: false } => Ok(Go::On),
                Typed::Edit(text) => self.edit(&text).map(|()| Go::On),
                Typed::Line(line) => self.line(&line),
            };
            interrupts = 0;
            match done {
                Ok(Go::On) => {}
                Ok(Go::Leave) => return Ok(()),
                Err(error) if output::is_broken_pipe(&error) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    output::note("cancelled");
                    interrupts = 1;
                }
                Err(error) => output::print_error(&error),
            }
        }
    }

    fn welcome(&self) -> String {
        let settings = self.app.settings();
        let lake = settings.lake.location.as_ref().or(settings.masked.location.as_ref());
        let lake = lake.map(|lake| format!(", lake {lake}")).unwrap_or_default();
        format!("saltlake {}{lake}. Type \\? for help, \\q to leave.", env!("CARGO_PKG_VERSION"))
    }

    /// Runs a line that was typed.
    fn line(&mut self, line: &str) -> Result<Go> {
        if line.trim().is_empty() {
            return Ok(Go::On);
        }
        if leaves(line) {
            return Ok(Go::Leave);
        }
        self.editor.remember(line);
        if line.trim_start().starts_with('\\') {
            let command = commands::parse(line)?;
            return self.act(command, 0);
        }
        self.statements(line, ORIGIN).map(|()| Go::On)
    }

    /// Runs the statements of a text, until one fails.
    pub(super) fn statements(&mut self, text: &str, origin: &str) -> Result<()> {
        let statements = self.runtimes.wait(self.desk.parsed(text, origin))?;
        for statement in statements {
            let kept = self.answer(&statement, true)?;
            if kept.is_some() {
                self.last = kept;
            }
            self.statement = Some(statement);
        }
        Ok(())
    }

    /// Answers one statement. With `asked`, it was asked by the user; else it is a look at what there is.
    pub(super) fn answer(&mut self, statement: &Statement, asked: bool) -> Result<Option<Kept>> {
        let (file, format) = if asked { (self.file.take(), self.format.take()) } else { (None, Some(Format::Table)) };
        let mut shower = self.shower();
        (shower.file, shower.format, shower.tells_read) = (file, format, asked);
        shower.plan = begins_with(&statement.text, &["explain", "show"]);
        let (desk, runtimes) = (&self.desk, self.runtimes);
        let done = guarded(runtimes, async {
            if asked { desk.answer(statement, &mut shower).await } else { desk.look(statement, &mut shower).await }
        });
        if done.is_ok() && begins_with(&statement.text, &["create", "drop", "insert", "alter", "unload"]) {
            self.asking.read(desk.role());
        }
        done?;
        shower.finish()
    }

    /// What shows an answer in the view as it is.
    pub(super) fn shower(&self) -> Shower<'_> {
        let mut shower = Shower::new(&self.view, self.color);
        shower.granted = self.desk.is_granted();
        shower
    }

    /// Hands a text to the user's editor; what comes back stands on the next line.
    pub(super) fn edit(&mut self, text: &str) -> Result<()> {
        text.clone_into(&mut self.initial);
        self.initial = handoff::edit(text)?;
        Ok(())
    }
}

/// Has Ctrl-C heard from now on. The line editor puts a handler of its own in place while it reads, and afterwards the one
/// that it found: that must not be the system's, which ends the program.
///
/// # Errors
/// If it cannot be heard.
pub(super) fn listen(runtimes: &Runtimes) -> Result<Signal> {
    let fault = |_| Error::failed("Ctrl-C cannot be heard");
    runtimes.wait(async { signal(SignalKind::interrupt()).map_err(fault) })
}

/// Whether a statement begins with one of some words.
fn begins_with(statement: &str, words: &[&str]) -> bool {
    let first = statement.split_whitespace().next().unwrap_or_default();
    words.iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// Runs a statement. The first Ctrl-C is its own: it gives up. At the second the program ends, whatever it is doing.
pub(super) fn guarded<T>(runtimes: &Runtimes, work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut guard = JoinSet::new();
    guard.spawn_on(
        async {
            let mut pressed = 0;
            while pressed < 2 && tokio::signal::ctrl_c().await.is_ok() {
                // Within a pager Ctrl-C is the pager's.
                pressed += usize::from(!PAGING.load(Ordering::Relaxed));
            }
            // The first may have come before the statement listened: then it gives up by the second, in time.
            tokio::time::sleep(LAST_CHANCE).await;
            output::note("stopped");
            std::process::exit(i32::from(ErrorKind::Interrupted.exit_code()));
        },
        &runtimes.io(),
    );
    runtimes.wait(Box::pin(work))
}

/// An error of a file's statement, with its place.
pub(super) fn nested_too_deep() -> Error {
    Error::usage("files name each other too deeply").hint("a file that runs itself never ends")
}
