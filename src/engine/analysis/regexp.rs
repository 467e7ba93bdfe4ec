//! Trino's "Regular expression functions" that the engine lacks.
//!
//! Patterns are those of the `regex` crate, as in the engine's own functions: no look-around, no back references, and
//! time that grows with the text alone.

use arrow::array::ArrayRef;
use datafusion::common::Result as EngineResult;
use regex::Regex;

use super::row::{Columns, Kind, Remembered, Spec, gives};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        name: "regexp_extract",
        takes: &[&[Kind::Text, Kind::Text], &[Kind::Text, Kind::Text, Kind::Int]],
        gives: gives::text,
        run: extract,
        fails: true,
    },
    Spec {
        name: "regexp_extract_all",
        takes: &[&[Kind::Text, Kind::Text], &[Kind::Text, Kind::Text, Kind::Int]],
        gives: gives::texts,
        run: extract_all,
        fails: true,
    },
    Spec { name: "regexp_split", takes: &[&[Kind::Text, Kind::Text]], gives: gives::texts, run: split, fails: true },
    Spec {
        name: "regexp_position",
        takes: &[
            &[Kind::Text, Kind::Text],
            &[Kind::Text, Kind::Text, Kind::Int],
            &[Kind::Text, Kind::Text, Kind::Int, Kind::Int],
        ],
        gives: gives::int,
        run: position,
        fails: true,
    },
];

fn compiled(columns: &Columns, pattern: &str) -> EngineResult<Regex> {
    Regex::new(pattern).map_err(|_| columns.wrong("not a regular expression"))
}

/// The group that a call asks for: the third argument, or the whole match.
fn group(columns: &Columns, pattern: &Regex, row: usize) -> EngineResult<usize> {
    let asked = if columns.count() > 2 { columns.int(2, row) } else { 0 };
    let asked = usize::try_from(asked).ok().filter(|group| *group < pattern.captures_len());
    asked.ok_or_else(|| columns.wrong("the pattern has no such group"))
}

fn extract(columns: &Columns) -> EngineResult<ArrayRef> {
    let mut patterns = Remembered::new();
    columns.texts(|row| {
        let pattern = patterns.of(columns.text(1, row), |pattern| compiled(columns, pattern))?;
        let group = group(columns, pattern, row)?;
        let found = pattern.captures(columns.text(0, row)).and_then(|found| found.get(group));
        Ok(found.map(|found| found.as_str()))
    })
}

fn extract_all(columns: &Columns) -> EngineResult<ArrayRef> {
    let mut patterns = Remembered::new();
    columns.lists(|row| {
        let pattern = patterns.of(columns.text(1, row), |pattern| compiled(columns, pattern))?;
        let group = group(columns, pattern, row)?;
        let all = pattern.captures_iter(columns.text(0, row));
        Ok(Some(all.map(|found| found.get(group).map(|part| part.as_str().to_owned())).collect()))
    })
}

fn split(columns: &Columns) -> EngineResult<ArrayRef> {
    let mut patterns = Remembered::new();
    columns.lists(|row| {
        let pattern = patterns.of(columns.text(1, row), |pattern| compiled(columns, pattern))?;
        Ok(Some(pattern.split(columns.text(0, row)).map(|part| Some(part.to_owned())).collect()))
    })
}

/// The place of a match in characters from 1, or -1: of the n-th one behind a start.
fn position(columns: &Columns) -> EngineResult<ArrayRef> {
    let mut patterns = Remembered::new();
    columns.ints(|row| {
        let pattern = patterns.of(columns.text(1, row), |pattern| compiled(columns, pattern))?;
        let start = if columns.count() > 2 { columns.int(2, row) } else { 1 };
        let nth = if columns.count() > 3 { columns.int(3, row) } else { 1 };
        let (Ok(start), Ok(nth)) = (usize::try_from(start), usize::try_from(nth)) else {
            return Err(columns.wrong("the start and the occurrence are positive"));
        };
        if start == 0 || nth == 0 {
            return Err(columns.wrong("the start and the occurrence are positive"));
        }
        let text = columns.text(0, row);
        let Some((from, _)) = text.char_indices().nth(start - 1) else { return Ok(Some(-1)) };
        let rest = text.get(from..).unwrap_or_default();
        let found = pattern.find_iter(rest).nth(nth - 1).and_then(|found| rest.get(..found.start()));
        Ok(Some(found.map_or(-1, |before| i64::try_from(before.chars().count() + start).unwrap_or(i64::MAX))))
    })
}
