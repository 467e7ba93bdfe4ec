//! The line editor: keys, completion, colours and history around rustyline.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustyline::completion::{Completer, Pair};
use rustyline::config::{BellStyle, Configurer};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::{History, MemHistory};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, Editor, Event, EventContext, EventHandler, Helper,
    KeyEvent, RepeatCount,
};

use super::complete::{Found, complete};
use super::highlight::paint;
use super::history::{HistoryFile, News, may_be_kept};
use super::names::SharedNames;
use super::validate::is_whole;
use crate::error::{Error, Result};
use crate::model::printable;
use crate::settings::EditMode;

/// Statements that are kept in memory.
const ENTRIES_MAX: usize = 10_000;

/// Candidates above which the user is asked before they are listed.
const LISTED_MAX: usize = 200;

/// What the user did at the prompt.
pub(super) enum Typed {
    /// Entered a whole statement or command.
    Line(String),
    /// Asked for the editor.
    Edit(String),
    /// Pressed Ctrl-C, on an empty line or not.
    Cancelled { empty: bool },
    /// Left.
    End,
}

/// The editor at the prompt.
pub(super) struct LineEditor {
    inner: Editor<SqlHelper, MemHistory>,
    file: Option<HistoryFile>,
    pressed: Arc<Mutex<Option<Pressed>>>,
}

/// A key that ends the line by itself, with the line.
enum Pressed {
    Interrupt { empty: bool },
    Edit(String),
}

impl LineEditor {
    /// An editor that keeps what is typed in a file, if there is one.
    ///
    /// # Errors
    /// If the terminal cannot be used.
    pub(super) fn new(names: SharedNames, file: Option<HistoryFile>, mode: EditMode, color: bool) -> Result<Self> {
        let fault = |_| Error::failed("the terminal cannot be used").hint("run scripts by `saltlake run`");
        let config = Config::builder()
            .max_history_size(ENTRIES_MAX)
            .and_then(|config| config.history_ignore_dups(true))
            .map_err(fault)?
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .completion_prompt_limit(LISTED_MAX)
            .bell_style(BellStyle::None)
            .color_mode(if color { ColorMode::Enabled } else { ColorMode::Disabled })
            .edit_mode(keys_of(mode))
            .build();
        let entries = MemHistory::with_config(&config);
        let mut inner = Editor::with_history(config, entries).map_err(fault)?;
        inner.set_helper(Some(SqlHelper { names, color }));
        let pressed = Arc::new(Mutex::new(None));
        let key = |edits| EventHandler::Conditional(Box::new(Key { pressed: Arc::clone(&pressed), edits }));
        inner.bind_sequence(KeyEvent::ctrl('C'), key(false));
        inner.bind_sequence(Event::KeySeq(vec![KeyEvent::ctrl('X'), KeyEvent::ctrl('E')]), key(true));
        Ok(Self { inner, file, pressed })
    }

    /// Changes the keys.
    pub(super) fn set_mode(&mut self, mode: EditMode) {
        self.inner.set_edit_mode(keys_of(mode));
    }

    /// Reads what the user types, beginning with a text that may be changed.
    ///
    /// # Errors
    /// If the terminal cannot be used.
    pub(super) fn read(&mut self, prompt: &(String, String), initial: &str) -> Result<Typed> {
        self.read_news();
        let typed = self.inner.readline_with_initial(prompt, (initial, ""));
        let pressed = self.pressed.lock().ok().and_then(|mut pressed| pressed.take());
        match (typed, pressed) {
            (Ok(line), _) => Ok(Typed::Line(line)),
            (Err(ReadlineError::Interrupted), Some(Pressed::Edit(text))) => Ok(Typed::Edit(text)),
            (Err(ReadlineError::Interrupted), Some(Pressed::Interrupt { empty })) => Ok(Typed::Cancelled { empty }),
            (Err(ReadlineError::Interrupted), None) => Ok(Typed::Cancelled { empty: false }),
            // A terminal that is gone types nothing more.
            (Err(ReadlineError::Eof | ReadlineError::Io(_) | ReadlineError::Errno(_)), _) => Ok(Typed::End),
            (Err(_), _) => Err(Error::failed("the terminal cannot be read")),
        }
    }

    /// Keeps what was typed, if it may be kept.
    pub(super) fn remember(&mut self, entry: &str) {
        let entry = entry.trim_end();
        if let Some(Ok(news)) = self.file.as_mut().map(|file| file.add(entry)) {
            self.take(news);
        }
        if may_be_kept(entry) {
            let _ = self.inner.history_mut().add(entry);
        }
    }

    /// What was typed before, oldest first.
    pub(super) fn entries(&mut self) -> Vec<String> {
        self.read_news();
        self.inner.history().into_iter().cloned().collect()
    }

    /// Takes over what other sessions typed. Without their file there is nothing to take.
    fn read_news(&mut self) {
        if let Some(Ok(news)) = self.file.as_mut().map(HistoryFile::news) {
            self.take(news);
        }
    }

    fn take(&mut self, news: News) {
        if news.anew {
            let _ = self.inner.history_mut().clear();
        }
        for entry in news.entries {
            let _ = self.inner.history_mut().add_owned(entry);
        }
    }
}

fn keys_of(mode: EditMode) -> rustyline::EditMode {
    match mode {
        EditMode::Emacs => rustyline::EditMode::Emacs,
        EditMode::Vi => rustyline::EditMode::Vi,
    }
}

/// Notes what was on the line when a key was pressed that ends it.
struct Key {
    pressed: Arc<Mutex<Option<Pressed>>>,
    edits: bool,
}

impl ConditionalEventHandler for Key {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        let line = context.line();
        let pressed =
            if self.edits { Pressed::Edit(line.to_owned()) } else { Pressed::Interrupt { empty: line.is_empty() } };
        if let Ok(mut noted) = self.pressed.lock() {
            *noted = Some(pressed);
        }
        Some(Cmd::Interrupt)
    }
}

/// What the editor knows of SQL.
struct SqlHelper {
    names: SharedNames,
    color: bool,
}

impl Helper for SqlHelper {}

impl Hinter for SqlHelper {
    type Hint = String;
}

impl Validator for SqlHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let whole = is_whole(context.input());
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Highlighter for SqlHelper {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.color { Cow::Owned(paint(line)) } else { Cow::Borrowed(line) }
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.color
    }
}

impl Completer for SqlHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &rustyline::Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        match complete(line, at, &self.names.get()) {
            Found::Choices { start, choices } => {
                let pair = |choice: super::complete::Choice| Pair { display: choice.shown, replacement: choice.put };
                Ok((start, choices.into_iter().map(pair).collect()))
            }
            Found::Files { start } => Ok((start, files(line.get(start..at).unwrap_or_default()))),
        }
    }
}

/// The files whose path begins with a text. Names that could drive a terminal, or would need quotes, are left out.
fn files(typed: &str) -> Vec<Pair> {
    let (folder, begin) = typed.rsplit_once('/').map_or(("", typed), |(folder, begin)| (folder, begin));
    let place = match (folder, typed.starts_with('/')) {
        ("", true) => PathBuf::from("/"),
        ("", false) => PathBuf::from("."),
        (folder, _) => PathBuf::from(folder),
    };
    let before = typed.get(..typed.len() - begin.len()).unwrap_or_default();
    let Ok(entries) = std::fs::read_dir(&place) else { return Vec::new() };
    let mut found: Vec<Pair> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(begin) && (begin.starts_with('.') || !name.starts_with('.')))
        .filter(|name| printable(name) == *name && !name.contains([' ', '\'', '"']))
        .map(|name| shown(&place, before, &name))
        .collect();
    found.sort_by(|a, b| a.display.cmp(&b.display));
    found
}

fn shown(place: &Path, before: &str, name: &str) -> Pair {
    let end = if place.join(name).is_dir() { "/" } else { "" };
    Pair { display: format!("{name}{end}"), replacement: format!("{before}{name}{end}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn files_are_found_by_the_begin_of_their_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("scripts")).unwrap();
        for name in ["some.sql", ".hidden", "scripts/a.sql", "s pace", "s\u{1b}"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let base = folder.path().display().to_string();
        let found = |typed: &str| {
            files(&format!("{base}/{typed}"))
                .into_iter()
                .map(|pair| pair.replacement.strip_prefix(&format!("{base}/")).unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(found("s"), ["scripts/", "some.sql"]);
        assert_eq!(found("scripts/"), ["scripts/a.sql"]);
        assert_eq!(found(".h"), [".hidden"]);
        assert_eq!(found("nothing/"), [""; 0]);
    }
}
