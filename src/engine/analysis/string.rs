//! Trino's "String functions and operators" that the engine lacks.

use arrow::array::ArrayRef;
use datafusion::common::Result as EngineResult;

use super::map::{self, Twice};
use super::row::{Columns, Kind, Spec, gives};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        name: "split",
        takes: &[&[Kind::Text, Kind::Text], &[Kind::Text, Kind::Text, Kind::Int]],
        gives: gives::texts,
        run: split,
        fails: true,
    },
    Spec {
        name: "split_to_map",
        takes: &[&[Kind::Text, Kind::Text, Kind::Text]],
        gives: |_| Ok(map::map_type(&arrow::datatypes::DataType::Utf8, &arrow::datatypes::DataType::Utf8)),
        run: split_to_map,
        fails: true,
    },
    Spec {
        name: "split_to_multimap",
        takes: &[&[Kind::Text, Kind::Text, Kind::Text]],
        gives: |_| {
            let texts = gives::texts(&[])?;
            Ok(map::map_type(&arrow::datatypes::DataType::Utf8, &texts))
        },
        run: split_to_multimap,
        fails: true,
    },
    Spec {
        name: "hamming_distance",
        takes: &[&[Kind::Text, Kind::Text]],
        gives: gives::int,
        run: hamming_distance,
        fails: true,
    },
    Spec {
        name: "strpos_instance",
        takes: &[&[Kind::Text, Kind::Text, Kind::Int]],
        gives: gives::int,
        run: strpos,
        fails: true,
    },
    Spec {
        name: "to_utf8",
        takes: &[&[Kind::Text]],
        gives: gives::bytes,
        run: |columns| columns.binaries(|row| Ok(Some(columns.text(0, row).as_bytes().to_vec()))),
        fails: false,
    },
    Spec {
        name: "from_utf8",
        takes: &[&[Kind::Bytes], &[Kind::Bytes, Kind::Text]],
        gives: gives::text,
        run: from_utf8,
        fails: true,
    },
    Spec {
        name: "byte_length",
        takes: &[&[Kind::Bytes]],
        gives: gives::int,
        run: |columns| columns.ints(|row| Ok(i64::try_from(columns.bytes(0, row).len()).ok())),
        fails: false,
    },
    Spec { name: "luhn_check", takes: &[&[Kind::Text]], gives: gives::bool, run: luhn_check, fails: true },
    Spec {
        name: "soundex",
        takes: &[&[Kind::Text]],
        gives: gives::text,
        run: |columns| columns.texts(|row| Ok(Some(soundex(columns.text(0, row))))),
        fails: false,
    },
];

fn split(columns: &Columns) -> EngineResult<ArrayRef> {
    columns.lists(|row| {
        let (text, delimiter) = (columns.text(0, row), columns.text(1, row));
        if delimiter.is_empty() {
            return Err(columns.wrong("the delimiter is empty"));
        }
        if columns.count() < 3 {
            return Ok(Some(text.split(delimiter).map(|part| Some(part.to_owned())).collect()));
        }
        match usize::try_from(columns.int(2, row)) {
            Ok(limit) if limit > 0 => {
                Ok(Some(text.splitn(limit, delimiter).map(|part| Some(part.to_owned())).collect()))
            }
            _ => Err(columns.wrong("the limit is not positive")),
        }
    })
}

/// The entries of a row: what stands before the first delimiter, and what behind it.
fn entries(columns: &Columns, row: usize) -> EngineResult<Vec<(&str, &str)>> {
    let (text, between_entries, between) = (columns.text(0, row), columns.text(1, row), columns.text(2, row));
    if between_entries.is_empty() || between.is_empty() || between_entries == between {
        return Err(columns.wrong("the delimiters are empty or the same"));
    }
    let parts = text.split(between_entries).filter(|part| !part.is_empty());
    parts.map(|part| part.split_once(between).ok_or_else(|| columns.wrong("an entry has no key and value"))).collect()
}

fn split_to_map(columns: &Columns) -> EngineResult<ArrayRef> {
    let rows = columns.each(|row| entries(columns, row).map(Some))?;
    map::of_texts(&rows, Twice::Wrong, &|| columns.refuse("a key stands twice"))
}

fn split_to_multimap(columns: &Columns) -> EngineResult<ArrayRef> {
    let rows = columns.each(|row| entries(columns, row).map(Some))?;
    map::of_text_lists(&rows)
}

fn hamming_distance(columns: &Columns) -> EngineResult<ArrayRef> {
    columns.ints(|row| {
        let (left, right) = (columns.text(0, row), columns.text(1, row));
        if left.chars().count() != right.chars().count() {
            return Err(columns.wrong("the texts are not of the same length"));
        }
        let different = left.chars().zip(right.chars()).filter(|(left, right)| left != right).count();
        Ok(i64::try_from(different).ok())
    })
}

/// Where a text stands in another for the n-th time, from the end if n is negative.
fn strpos(columns: &Columns) -> EngineResult<ArrayRef> {
    columns.ints(|row| {
        let (text, part, instance) = (columns.text(0, row), columns.text(1, row), columns.int(2, row));
        if instance == 0 {
            return Err(columns.wrong("the instance is zero"));
        }
        if part.is_empty() {
            return Ok(Some(1));
        }
        let nth = usize::try_from(instance.unsigned_abs() - 1).unwrap_or(usize::MAX);
        let found = if instance > 0 { text.match_indices(part).nth(nth) } else { text.rmatch_indices(part).nth(nth) };
        let before = found.and_then(|(at, _)| text.get(..at)).map(|before| before.chars().count() + 1);
        Ok(Some(i64::try_from(before.unwrap_or(0)).unwrap_or(i64::MAX)))
    })
}

fn from_utf8(columns: &Columns) -> EngineResult<ArrayRef> {
    columns.texts(|row| {
        let bytes = columns.bytes(0, row);
        if columns.count() < 2 {
            return Ok(Some(String::from_utf8_lossy(bytes).into_owned()));
        }
        let instead = columns.text(1, row);
        if instead.chars().count() > 1 {
            return Err(columns.wrong("what stands for invalid bytes is more than one character"));
        }
        let mut text = String::new();
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                text.push_str(instead);
            }
        }
        Ok(Some(text))
    })
}

/// Whether a text of digits ends with the right check digit.
fn luhn_check(columns: &Columns) -> EngineResult<ArrayRef> {
    columns.bools(|row| {
        let text = columns.text(0, row);
        let mut sum = 0_u64;
        for (index, letter) in text.chars().rev().enumerate() {
            let digit = letter.to_digit(10).filter(|_| letter.is_ascii_digit());
            let digit = u64::from(digit.ok_or_else(|| columns.wrong("not a text of digits"))?);
            sum += match (index % 2, digit * 2) {
                (0, _) => digit,
                (_, doubled) if doubled > 9 => doubled - 9,
                (_, doubled) => doubled,
            };
        }
        Ok(Some(!text.is_empty() && sum.is_multiple_of(10)))
    })
}

/// The first letter, and three digits for the consonants behind it.
fn soundex(text: &str) -> String {
    let code = |letter: char| match letter {
        'B' | 'F' | 'P' | 'V' => '1',
        'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => '2',
        'D' | 'T' => '3',
        'L' => '4',
        'M' | 'N' => '5',
        'R' => '6',
        // These part nothing: two letters of one code around them count once.
        'H' | 'W' => '-',
        _ => '0',
    };
    let mut letters = text.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase());
    let Some(first) = letters.next() else { return String::new() };
    let mut out = String::from(first);
    let mut last = code(first);
    for digit in letters.map(code) {
        if digit == '-' {
            continue;
        }
        if digit != '0' && digit != last {
            out.push(digit);
        }
        last = digit;
        if out.len() == 4 {
            break;
        }
    }
    format!("{out:0<4}")
}
