//! Where in a text that the user typed an error is, and what is shown of it.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use crate::model::printable;

/// How many characters of a line are shown.
const SHOWN_MAX: usize = 76;
/// How many of them stand before the place, if the line is longer.
const BEFORE_MAX: usize = 40;

/// A stretch of a text. Lines and columns count from 1, columns in characters; the end is the column behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The line that it begins in.
    pub line: u64,
    /// The column that it begins at.
    pub column: u64,
    /// The line that it ends in.
    pub end_line: u64,
    /// The column behind its end.
    pub end_column: u64,
}

impl Stretch {
    /// One character.
    pub fn point(line: u64, column: u64) -> Self {
        Self { line, column, end_line: line, end_column: column.saturating_add(1) }
    }

    /// Whether another is within it.
    pub fn holds(&self, other: Self) -> bool {
        let (start, end) = ((self.line, self.column), (self.end_line, self.end_column));
        start <= (other.line, other.column) && (other.end_line, other.end_column) <= end
    }

    pub(super) fn moved(self, line: u64, column: u64) -> Self {
        let lines = line.saturating_sub(1);
        let columns = |of_line: u64| if of_line == 1 { column.saturating_sub(1) } else { 0 };
        Self {
            line: self.line.saturating_add(lines),
            column: self.column.saturating_add(columns(self.line)),
            end_line: self.end_line.saturating_add(lines),
            end_column: self.end_column.saturating_add(columns(self.end_line)),
        }
    }
}

/// A place that an error is about.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Known to whoever has the text.
    Known(Stretch),
    /// With the line to show.
    Shown(Excerpt),
}

/// A line of a text, with marks under a stretch of it.
#[derive(Clone, Debug)]
pub(super) struct Excerpt {
    pub(super) line: u64,
    pub(super) column: u64,
    text: String,
    before: usize,
    marks: usize,
}

impl Excerpt {
    /// `first` is where the text begins in what holds it: its line and column.
    pub(super) fn of(text: &str, stretch: Stretch, first: (u64, u64)) -> Self {
        let skipped = usize::try_from(stretch.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let line = text.split('\n').nth(skipped).unwrap_or_default();
        let start = usize::try_from(stretch.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let end = if stretch.end_line == stretch.line { stretch.end_column.saturating_sub(1) } else { u64::MAX };
        let end = usize::try_from(end).unwrap_or(usize::MAX).max(start.saturating_add(1));
        // Of a line without end, only the part around the place is looked at.
        let from = if start < SHOWN_MAX - 16 { 0 } else { start - BEFORE_MAX };
        let (mut before, mut marks) = (0, 0);
        let mut shown = String::new();
        if from > 0 {
            shown.push('…');
            before = 1;
        }
        let mut rest = line.trim_end_matches('\r').chars().skip(from);
        for (index, c) in (from..).zip(rest.by_ref().take(SHOWN_MAX)) {
            let part = if c == '\t' { "    ".to_owned() } else { printable(c.encode_utf8(&mut [0; 4])) };
            if index < start {
                before += part.width();
            } else if index < end {
                marks += part.width();
            }
            shown.push_str(&part);
        }
        if rest.next().is_some() {
            shown.push('…');
        }
        let Stretch { line, column, .. } = stretch.moved(first.0, first.1);
        Self { line, column, text: shown.trim_end().to_owned(), before, marks: marks.max(1) }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, text, before, marks } = self;
        let number = line.to_string();
        let blank = " ".repeat(number.len());
        let (before, marks) = (" ".repeat(*before), "^".repeat(*marks));
        write!(f, "\n  line {line}, column {column}\n  {blank} |\n  {number} | {text}\n  {blank} | {before}{marks}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, stretch: Stretch) -> String {
        Excerpt::of(text, stretch, (1, 1)).to_string()
    }

    fn stretch(line: u64, column: u64, end_column: u64) -> Stretch {
        Stretch { line, column, end_line: line, end_column }
    }

    #[test]
    fn a_place_is_marked_below_its_line() {
        let text = "SELECT id,\n\temial, 日本x\r\nFROM t";
        insta::assert_snapshot!("tab_before", shown(text, stretch(2, 2, 7)));
        insta::assert_snapshot!("wide_letters", shown(text, stretch(2, 11, 12)));
        insta::assert_snapshot!("third_line", shown(text, stretch(3, 7, 8)));
        insta::assert_snapshot!("over_lines", shown(text, Stretch { line: 1, column: 8, end_line: 3, end_column: 2 }));
        insta::assert_snapshot!("control_character", shown("SELECT '\u{1b}[31m", stretch(1, 8, 9)));
    }

    #[test]
    fn a_text_within_another_counts_from_there() {
        let excerpt = Excerpt::of("SELECT\nb", stretch(1, 1, 7), (12, 30));
        assert_eq!((excerpt.line, excerpt.column), (12, 30));
        let excerpt = Excerpt::of("SELECT\nb", stretch(2, 1, 2), (12, 30));
        assert_eq!((excerpt.line, excerpt.column), (13, 1));
    }

    #[test]
    fn of_a_long_line_a_part_is_shown() {
        let text = format!("{}HERE{}", "x".repeat(5_000_000), "y".repeat(5_000_000));
        insta::assert_snapshot!("long_line", shown(&text, stretch(1, 5_000_001, 5_000_005)));
        assert!(shown(&text, stretch(1, 1, 10_000_000)).len() < 300);
    }

    #[test]
    fn places_outside_a_text_are_no_harm() {
        for (line, column) in [(0, 0), (1, 99), (99, 1), (u64::MAX, u64::MAX)] {
            assert!(shown("SELECT 1", stretch(line, column, column)).contains('^'));
        }
    }
}
