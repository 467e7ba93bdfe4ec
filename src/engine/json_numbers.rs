//! Whole numbers in JSON lines that no 64-bit integer holds.
//!
//! The engine reads them as floating-point numbers, which keep 15 digits: other account numbers, and other tokens, in
//! silence.

use std::io::Write;

use flate2::write::MultiGzDecoder;
use futures::TryStreamExt;
use object_store::ObjectStoreExt;

use super::lake::{LakeFile, TableFiles};
use crate::error::{Error, Result, Said};

/// Digits of the longest 64-bit integer, and its sign.
const INTEGER_BYTES: usize = 20;

/// Refuses a file that holds such a number.
///
/// # Errors
/// Names the file and the line of the first one.
pub(super) async fn check(files: &TableFiles, file: &LakeFile) -> Result<()> {
    let (store, path) = (&files.store, &file.meta.location);
    let fault = |error: object_store::Error| store.fault(&error, Some(path), "cannot read a file");
    let mut chunks = store.objects().get(path).await.map_err(fault)?.into_stream();
    let mut plain = Scanner::default();
    let mut packed = MultiGzDecoder::new(Scanner::default());
    while let Some(chunk) = chunks.try_next().await.map_err(fault)? {
        if !files.gzip {
            plain.scan(&chunk);
        } else if packed.write_all(&chunk).is_err() {
            return Ok(()); // Damaged: the reader of the schema says so better.
        }
    }
    if files.gzip && packed.try_finish().is_err() {
        return Ok(());
    }
    let scanner = if files.gzip { packed.get_ref() } else { &plain };
    match scanner.found {
        None => Ok(()),
        Some(line) => Err(Error::failed("a whole number in a JSON file has more digits than a 64-bit integer holds")
            .with("table", &files.name)
            .with("file", &Said(&store.display(path)))
            .with("line", &line)
            .hint("it would be rounded; write such numbers as texts, in quotes")),
    }
}

/// Follows JSON text through strings and numbers. What is no JSON at all is for the reader to find out.
struct Scanner {
    line: u64,
    in_string: bool,
    escaped: bool,
    number: Vec<u8>,
    /// The line of the first number that does not fit.
    found: Option<u64>,
}

impl Default for Scanner {
    fn default() -> Self {
        Self { line: 1, in_string: false, escaped: false, number: Vec::new(), found: None }
    }
}

impl Scanner {
    fn scan(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.step(*byte);
        }
    }

    fn step(&mut self, byte: u8) {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        if matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') {
            // One byte more than fits tells that it does not.
            if self.number.len() <= INTEGER_BYTES || !byte.is_ascii_digit() {
                self.number.push(byte);
            }
            return;
        }
        self.end_number();
        match byte {
            b'"' => self.in_string = true,
            b'\n' => self.line += 1,
            _ => {}
        }
    }

    fn end_number(&mut self) {
        let text = std::str::from_utf8(&self.number).unwrap_or_default();
        let whole = text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
        if whole && text.len() >= INTEGER_BYTES - 1 && text.parse::<i64>().is_err() {
            self.found.get_or_insert(self.line);
        }
        self.number.clear();
    }
}

impl Write for Scanner {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.scan(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Scanner;

    fn found(text: &str) -> Option<u64> {
        let mut scanner = Scanner::default();
        scanner.scan(text.as_bytes());
        scanner.found
    }

    #[test]
    fn a_whole_number_that_no_integer_holds_is_found_on_its_line() {
        for number in ["9223372036854775808", "-9223372036854775809", "12345678901234567890", "1".repeat(60).as_str()] {
            assert_eq!(found(&format!("{{\"a\":1}}\n{{\"a\":[{{\"b\":{number}}}]}}\n")), Some(2), "{number}");
        }
    }

    #[test]
    fn other_numbers_and_texts_of_digits_are_none() {
        for value in [
            "9223372036854775807",
            "-9223372036854775808",
            "0.12345678901234567890123",
            "12345678901234567890.5",
            "12345678901234567890e-5",
            "\"12345678901234567890\"",
            "\"\\\"12345678901234567890\"",
            "true",
        ] {
            assert_eq!(found(&format!("{{\"a\":{value}}}\n")), None, "{value}");
        }
    }
}
