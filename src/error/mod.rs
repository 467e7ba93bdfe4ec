//! One error for the whole program: what went wrong, where, and what to do next.
//!
//! INVARIANT: an error text never holds a cell of a table or a key. The message is fixed text, and context takes only
//! what is [`Safe`] to say aloud. A line of a statement is shown to whoever typed it, by [`Error::shown_in`] alone; it
//! is no part of the message or the context, and so in no log.

mod place;

use std::fmt;

pub use self::place::Stretch;
use self::place::{Excerpt, Place};
use crate::model::{ColumnPath, ColumnRef, Identifier, KeyId, Location, TableName, printable};

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it was. Decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Something broke: unreadable input, unreachable service, full disk.
    Failed,
    /// Wrong arguments or settings.
    Usage,
    /// Everything worked and the answer is no: something personal would have stayed readable, or a join would break.
    Refused,
    /// The user stopped it.
    Interrupted,
}

impl ErrorKind {
    /// The process exit code: 1 failed, 2 usage, 3 refused, 130 interrupted (128 + SIGINT, as shells have it).
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Interrupted => 130,
        }
    }
}

/// May be said aloud in errors, logs and headers: names, counts, ids, durations.
///
/// Never implemented for `String`, `&str`, `ScalarValue` or arrays: those can hold a cell.
pub trait Safe: fmt::Display {}

impl Safe for TableName {}
impl Safe for ColumnRef {}
impl Safe for ColumnPath {}
impl Safe for Identifier {}
impl Safe for Location {}
impl Safe for KeyId {}
impl Safe for usize {}
impl Safe for u64 {}
impl Safe for i64 {}
impl Safe for std::path::Display<'_> {}

/// A text that its caller vouches for: a name, a path, a setting or what the user typed, never a cell or a key.
///
/// Every use is a place to review.
pub struct Said<'a>(pub &'a str);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(self.0))
    }
}

impl Safe for Said<'_> {}

/// What failed, where, and what to do next.
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    message: &'static str,
    context: Vec<(&'static str, String)>,
    items: Vec<String>,
    hints: Vec<String>,
    /// Apart, since few errors have one and every result has room for an error.
    place: Option<Box<Place>>,
}

impl Error {
    /// An error of a kind. `message` is lower case, without a full stop.
    pub fn new(kind: ErrorKind, message: &'static str) -> Self {
        Self { kind, message, context: Vec::new(), items: Vec::new(), hints: Vec::new(), place: None }
    }

    /// Something broke.
    pub fn failed(message: &'static str) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// Wrong arguments or settings.
    pub fn usage(message: &'static str) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// The answer is no.
    pub fn refused(message: &'static str) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// Says where: `with("column", &column)` prints `column: …`.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: &impl Safe) -> Self {
        self.context.push((key, value.to_string()));
        self
    }

    /// Adds a line to the list of things the error is about.
    #[must_use]
    pub fn item(mut self, item: &impl Safe) -> Self {
        self.items.push(item.to_string());
        self
    }

    /// Says what to do next. May hold lines to paste; each line break starts a new line.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says which stretch of the statement it is about. Nothing of it is shown before [`Self::shown_in`].
    #[must_use]
    pub fn about(mut self, stretch: Stretch) -> Self {
        self.place = Some(Box::new(Place::Known(stretch)));
        self
    }

    /// Forgets the place: it is in a text that the user did not type.
    #[must_use]
    pub fn without_place(mut self) -> Self {
        self.place = None;
        self
    }

    /// Counts the place from the beginning of a text that holds the one it was found in, which begins at that line and
    /// column.
    #[must_use]
    pub fn moved(mut self, line: u64, column: u64) -> Self {
        if let Some(stretch) = self.stretch() {
            self.place = Some(Box::new(Place::Known(stretch.moved(line, column))));
        }
        self
    }

    /// Shows the place in the text that the user typed. `first` is where that begins in a script: its line and column.
    #[must_use]
    pub fn shown_in(mut self, text: &str, first: (u64, u64)) -> Self {
        if let Some(stretch) = self.stretch() {
            self.place = Some(Box::new(Place::Shown(Excerpt::of(text, stretch, first))));
        }
        self
    }

    /// Its place, while that is not shown.
    pub fn stretch(&self) -> Option<Stretch> {
        match self.place.as_deref() {
            Some(Place::Known(stretch)) => Some(*stretch),
            _ => None,
        }
    }

    /// The line and column of its place in what the user typed, if that was shown.
    pub fn shown_at(&self) -> Option<(u64, u64)> {
        match self.place.as_deref() {
            Some(Place::Shown(excerpt)) => Some((excerpt.line, excerpt.column)),
            _ => None,
        }
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The fixed message.
    pub fn message(&self) -> &'static str {
        self.message
    }

    /// Context pairs, in the order they were added.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.context
    }

    /// The things the error is about, a line each.
    pub fn items(&self) -> &[String] {
        &self.items
    }

    /// Hints, in the order they were added.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)?;
        for (key, value) in &self.context {
            write!(f, "\n  {key}: {value}")?;
        }
        for item in &self.items {
            write!(f, "\n  - {item}")?;
        }
        if let Some(Place::Shown(excerpt)) = self.place.as_deref() {
            write!(f, "{excerpt}")?;
        }
        for hint in &self.hints {
            write!(f, "\nhint: {}", hint.replace('\n', "\n      "))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Error {}
