//! Cells as text: what a reader may see of them, how wide they are, and how they are cut.

use std::borrow::Cow;

use arrow::array::{Array, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::fault;
use super::look::{Breaks, Look};
use crate::error::Result;

/// The mark of a cell that was cut.
pub(super) const CUT: char = '…';

/// The mark of a masked column, where box drawing is readable.
pub(super) const MASK: &str = "▒";

/// The columns of a batch, read as text.
pub(super) struct Cells<'a> {
    columns: Vec<(ArrayFormatter<'a>, Option<NullBuffer>)>,
}

impl<'a> Cells<'a> {
    /// `null` is what NULL inside a list or struct reads as.
    pub(super) fn read(batch: &'a RecordBatch, null: &'a str) -> Result<Self> {
        let options = FormatOptions::default().with_null(null);
        let read = |column: &'a dyn Array| {
            let formatter = ArrayFormatter::try_new(column, &options).map_err(|error| fault(&error))?;
            Ok((formatter, column.logical_nulls()))
        };
        Ok(Self { columns: batch.columns().iter().map(|column| read(column.as_ref())).collect::<Result<_>>()? })
    }

    /// The text of a cell as it is; none for NULL.
    pub(super) fn get(&self, column: usize, row: usize) -> Option<String> {
        let (formatter, nulls) = self.columns.get(column)?;
        let null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        (!null).then(|| formatter.value(row).to_string())
    }

    /// How many columns there are.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }
}

/// The names of a result's columns, as they are shown.
pub(super) fn names(schema: &SchemaRef) -> Vec<String> {
    schema.fields().iter().map(|field| visible(field.name(), Breaks::Escaped).into_owned()).collect()
}

/// The names of a result's columns, masked ones marked in words.
pub(super) fn marked_names(schema: &SchemaRef, look: &Look) -> Vec<String> {
    let mark = |(column, name): (usize, String)| if look.is_masked(column) { format!("{name} (masked)") } else { name };
    names(schema).into_iter().enumerate().map(mark).collect()
}

/// Whether a column's cells are numbers, which stand to the right.
pub(super) fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_number(values),
        other => other.is_numeric(),
    }
}

/// Whether a result is a plan of the engine, whose text has lines.
pub(super) fn is_plan(schema: &SchemaRef) -> bool {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    names == ["plan_type", "plan"]
}

/// Replaces what would drive a terminal, or reorder the text around it, by what can be read.
pub(super) fn visible(text: &str, breaks: Breaks) -> Cow<'_, str> {
    let kept = |c: char| !hidden(c) || (c == '\n' && breaks == Breaks::Kept);
    if text.chars().all(kept) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if kept(c) => out.push(c),
            '\n' | '\r' | '\t' => out.extend(c.escape_default()),
            c => out.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(out)
}

fn hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Columns of a terminal that a text takes.
pub(super) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// A text of at most so many columns, with a mark if it was cut.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if width(text) <= most {
        return Cow::Borrowed(text);
    }
    let mut end = 0;
    let mut taken = 0;
    for (start, c) in text.char_indices() {
        taken += c.width().unwrap_or_default();
        if taken + 1 > most {
            break;
        }
        end = start + c.len_utf8();
    }
    let mut kept = text.get(..end).unwrap_or_default();
    // A sequence may be wider than its characters, and one that is left open would take in the mark.
    while width(kept) + 1 > most || kept.ends_with('\u{200d}') {
        match kept.chars().next_back() {
            Some(last) => kept = kept.get(..kept.len() - last.len_utf8()).unwrap_or_default(),
            None => break,
        }
    }
    if most == 0 { Cow::Borrowed("") } else { Cow::Owned(format!("{kept}{CUT}")) }
}

/// Fills a text up with spaces.
pub(super) fn pad(text: &str, to: usize, right: bool) -> String {
    let spaces = " ".repeat(to.saturating_sub(width(text)));
    if right { format!("{spaces}{text}") } else { format!("{text}{spaces}") }
}

/// A text in a style of the terminal.
pub(super) fn painted(text: &str, code: &str, color: bool) -> String {
    if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_their_width() {
        for (text, most, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("abcd", 1, "…"),
            ("abcd", 0, ""),
            ("", 0, ""),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("日本語", 2, "…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("👩\u{200d}👩\u{200d}👧 family", 4, "👩…"),
        ] {
            assert_eq!(cut(text, most), expected, "{text:?} to {most}");
        }
    }

    #[test]
    fn what_drives_a_terminal_is_shown_as_text() {
        let text = "a\u{1b}[31mb\u{9b}1mc\rd\ne\tf\u{202e}g\u{7}";
        assert_eq!(visible(text, Breaks::Escaped), r"a\u{1b}[31mb\u{9b}1mc\rd\ne\tf\u{202e}g\u{7}");
        assert_eq!(visible("a\nb\rc", Breaks::Kept), "a\nb\\rc");
        assert_eq!(visible("زبان 日本 👩\u{200d}👧", Breaks::Escaped), "زبان 日本 👩\u{200d}👧");
    }
}
