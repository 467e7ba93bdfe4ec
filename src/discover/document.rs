//! From the bytes of one file, object or stream to JSON values.
//!
//! Values may stand back to back, as Firehose delivers them, on lines of their own, or printed over many lines; gzip
//! (with any number of members) is told by its magic bytes and never by a name.

use std::io::{self, BufReader, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use serde_json::error::Category;

use crate::error::{Error, Result, Said};

/// The most bytes that one document may unfold into. Firehose ends a file at 128 MB; the rest is room for large
/// discovery results, and a bound for a file made to unfold without end.
const UNFOLDED_BYTES_MAX: u64 = 4 << 30;

/// How many bytes are looked at to tell what a document is.
const HEAD_BYTES: usize = 16;

/// What other formats begin with.
const FORMATS: [(&[u8], &str); 13] = [
    (b"PK\x03\x04", "ZIP"),
    (b"PK\x05\x06", "ZIP"),
    (b"\xff\x06\x00\x00sNaPpY", "Snappy"),
    (b"\x82SNAPPY\x00", "Snappy"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"PAR1", "Parquet"),
    (b"Obj\x01", "Avro"),
    (b"ORC", "ORC"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
];

/// One file, object or stream that may hold findings.
#[derive(Clone, Debug)]
pub struct Document {
    /// How people know it: a path, an `s3://` URL, or `standard input`.
    pub name: String,
    /// All of its bytes, as they were stored.
    pub bytes: Bytes,
}

/// Hands each JSON value of a document to `each`, with its number (from 1), and returns how many there were.
///
/// # Errors
/// If any part of the document is not JSON, or is cut off; then the caller must forget what `each` was given.
pub(super) fn values(
    document: &Document,
    mut each: impl FnMut(u64, Value) -> Result<()>,
) -> Result<u64> {
    let bytes: &[u8] = &document.bytes;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        let text = without_mark(known_format(document, bytes)?);
        let skipped = bytes.len() - text.len();
        return parse(
            document,
            skipped,
            serde_json::Deserializer::from_slice(text),
            &mut each,
        );
    }
    let mut unfolded = Limited {
        inner: MultiGzDecoder::new(bytes),
        left: UNFOLDED_BYTES_MAX,
    };
    let mut head = Vec::with_capacity(HEAD_BYTES);
    unfolded
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(|error| unreadable(document, error.kind()))?;
    let text = without_mark(known_format(document, &head)?);
    let skipped = head.len() - text.len();
    let reader = BufReader::with_capacity(1 << 16, text.chain(unfolded));
    parse(
        document,
        skipped,
        serde_json::Deserializer::from_reader(reader),
        &mut each,
    )
}

fn parse<'de, R: serde_json::de::Read<'de>>(
    document: &Document,
    skipped: usize,
    deserializer: serde_json::Deserializer<R>,
    each: &mut impl FnMut(u64, Value) -> Result<()>,
) -> Result<u64> {
    // serde_json refuses values nested deeper than 128 levels, so no document can exhaust the stack.
    let mut stream = deserializer.into_iter::<Value>();
    let mut number = 0;
    loop {
        match stream.next() {
            None => return Ok(number),
            Some(Ok(value)) => {
                number += 1;
                each(number, value)?;
            }
            Some(Err(error)) => {
                let offset = skipped + stream.byte_offset();
                return Err(not_json(document, number + 1, offset, &error));
            }
        }
    }
}

/// Says what is wrong without quoting the document.
fn not_json(document: &Document, value: u64, offset: usize, error: &serde_json::Error) -> Error {
    let (message, hint) = match error.classify() {
        Category::Io => {
            return unreadable(
                document,
                error.io_error_kind().unwrap_or(io::ErrorKind::Other),
            );
        }
        Category::Eof => (
            "document ends in the middle of a JSON value",
            "fetch it again: it was cut off on its way",
        ),
        Category::Syntax | Category::Data if error.to_string().starts_with("recursion limit") => (
            "document holds a JSON value nested too deeply",
            "findings are nested 10 levels deep: check what this file is",
        ),
        Category::Syntax | Category::Data => (
            "document holds something that is not JSON",
            "give findings as JSON: `aws macie2 get-findings --output json`, EventBridge events or discovery results",
        ),
    };
    Error::failed(message)
        .with("document", &Said(&document.name))
        .with("value", &value)
        .with("which starts at byte", &offset)
        .with("line", &error.line())
        .hint(hint)
}

fn unreadable(document: &Document, kind: io::ErrorKind) -> Error {
    let (message, hint) = match kind {
        io::ErrorKind::UnexpectedEof => (
            "compressed document is cut off",
            "fetch it again: it was cut off on its way",
        ),
        io::ErrorKind::FileTooLarge => (
            "compressed document unfolds into more than 4 GiB",
            "split it",
        ),
        _ => (
            "compressed document is damaged",
            "fetch it again, or check it with `gzip -t`",
        ),
    };
    Error::failed(message)
        .with("document", &Said(&document.name))
        .hint(hint)
}

/// The same bytes, unless they are those of a format that holds no JSON.
fn known_format<'a>(document: &Document, bytes: &'a [u8]) -> Result<&'a [u8]> {
    match FORMATS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        None => Ok(bytes),
        Some((_, format)) => Err(Error::failed("document is not JSON")
            .with("document", &Said(&document.name))
            .with("format", &Said(format))
            .hint("unpack it first: findings are read as JSON, plain or gzip")),
    }
}

/// Without the byte order mark.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Whether a document lies below a folder in which Firehose keeps what it could not deliver (`processing-failed/`).
pub(super) fn is_failed_delivery(name: &str) -> bool {
    name.rsplit_once('/')
        .is_some_and(|(folders, _)| folders.split('/').any(|folder| folder.ends_with("-failed")))
}

/// A reader that fails after a number of bytes.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        match self.left.checked_sub(bytes as u64) {
            Some(left) => self.left = left,
            None => return Err(io::ErrorKind::FileTooLarge.into()),
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn document(bytes: &[u8]) -> Document {
        Document {
            name: "the document".to_owned(),
            bytes: Bytes::copy_from_slice(bytes),
        }
    }

    fn read(bytes: &[u8]) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let count = values(&document(bytes), |number, value| {
            all.push(value);
            assert_eq!(number, all.len() as u64);
            Ok(())
        })?;
        assert_eq!(count, all.len() as u64);
        Ok(all)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn values_stand_back_to_back_on_lines_or_printed() {
        for text in [
            "{\"a\":1}{\"a\":2}",
            "{\"a\":1}\n{\"a\":2}\r\n",
            "\n{\n \"a\": 1\n}\n\n{\n \"a\": 2\n}",
            "\u{feff}{\"a\":1} {\"a\":2}",
        ] {
            let all = read(text.as_bytes()).unwrap();
            assert_eq!(
                all,
                vec![serde_json::json!({"a": 1}), serde_json::json!({"a": 2})],
                "{text}"
            );
            assert_eq!(read(&gzip(text.as_bytes())).unwrap(), all, "{text}");
        }
    }

    #[test]
    fn every_member_of_a_gzip_file_is_read() {
        let mut bytes = gzip(b"{\"a\":");
        bytes.extend(gzip(b""));
        bytes.extend(gzip(b"1}{\"a\":2}"));
        assert_eq!(read(&bytes).unwrap().len(), 2);
    }

    #[test]
    fn nothing_is_an_empty_document() {
        for bytes in [&b""[..], b" \n", b"\xef\xbb\xbf", &gzip(b""), &gzip(b"\n")] {
            assert_eq!(read(bytes).unwrap(), Vec::<Value>::new());
        }
    }

    #[test]
    fn a_cut_document_is_refused_and_named() {
        let text = "{\"a\":1}{\"a\":22,\"b\":[1,2]}";
        for length in 8..text.len() {
            let error = read(&text.as_bytes()[..length]).unwrap_err().to_string();
            assert!(
                error.starts_with("document ends in the middle of a JSON value"),
                "{error}"
            );
            assert!(error.contains("document: the document"), "{error}");
            assert!(
                error.contains("value: 2") && error.contains("starts at byte: 7"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_cut_gzip_file_is_refused_wherever_it_was_cut() {
        let mut bytes = gzip(b"{\"a\":1}");
        let first = bytes.len();
        bytes.extend(gzip(b"{\"a\":2}{\"a\":3}"));
        for length in (2..bytes.len()).filter(|length| *length != first) {
            let error = read(&bytes[..length]).unwrap_err().to_string();
            assert!(
                error.starts_with("compressed document is cut off"),
                "{length}: {error}"
            );
        }
    }

    #[test]
    fn a_damaged_gzip_file_is_refused() {
        let mut bytes = gzip(b"{\"a\":1}");
        bytes.extend(b"{\"a\":2}");
        assert!(read(&bytes).is_err());
        let mut bytes = gzip(b"{\"a\":1}");
        let last = bytes.len() - 5;
        bytes[last] ^= 0xff;
        assert!(read(&bytes).is_err());
    }

    #[test]
    fn other_formats_are_refused_by_name() {
        for (magic, format) in FORMATS {
            for bytes in [magic.to_vec(), gzip(magic)] {
                let error = read(&bytes).unwrap_err().to_string();
                assert!(error.contains(&format!("format: {format}")), "{error}");
            }
        }
        assert!(
            read(b"findings:\n- id: 1")
                .unwrap_err()
                .to_string()
                .contains("not JSON")
        );
    }

    #[test]
    fn deep_nesting_is_refused() {
        for bytes in ["[".repeat(1 << 20), "{\"a\":".repeat(1 << 20)] {
            let error = read(bytes.as_bytes()).unwrap_err().to_string();
            assert!(
                error.starts_with("document holds a JSON value nested too deeply"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_document_that_unfolds_too_far_is_refused() {
        let mut limited = Limited {
            inner: io::repeat(b' '),
            left: 100_000,
        };
        let error = io::copy(&mut limited, &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn failed_deliveries_are_told_by_their_folder() {
        assert!(is_failed_delivery("s3://b/p/processing-failed/2024/04/x"));
        assert!(is_failed_delivery("format-conversion-failed/x"));
        assert!(!is_failed_delivery("s3://b/p/2024/processing-failed"));
        assert!(!is_failed_delivery("s3://b/failed/x") && !is_failed_delivery("x-failed"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = read(&bytes);
            let mut with_magic = vec![0x1f, 0x8b];
            with_magic.extend(&bytes);
            let _ = read(&with_magic);
            let _ = read(&gzip(&bytes));
        }
    }
}
