//! Trino's "URL functions".
//!
//! A URL is cut where RFC 3986 (appendix B) cuts it, and left as it is written: nothing is lower-cased or resolved.

use std::sync::LazyLock;

use arrow::array::ArrayRef;
use datafusion::common::Result as EngineResult;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use regex::Regex;

use super::row::{Columns, Kind, Spec, gives};

const TEXT: &[&[Kind]] = &[&[Kind::Text]];

/// What `application/x-www-form-urlencoded` leaves as it is, besides the space.
const LEFT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'*').remove(b'_').remove(b' ');

pub(super) const SPECS: &[Spec] = &[
    Spec {
        name: "url_extract_protocol",
        takes: TEXT,
        gives: gives::text,
        run: |c| part(c, |url| url.scheme),
        fails: false,
    },
    Spec { name: "url_extract_host", takes: TEXT, gives: gives::text, run: |c| part(c, |url| url.host), fails: false },
    Spec { name: "url_extract_path", takes: TEXT, gives: gives::text, run: |c| part(c, |url| url.path), fails: false },
    Spec {
        name: "url_extract_query",
        takes: TEXT,
        gives: gives::text,
        run: |c| part(c, |url| url.query),
        fails: false,
    },
    Spec {
        name: "url_extract_fragment",
        takes: TEXT,
        gives: gives::text,
        run: |c| part(c, |url| url.fragment),
        fails: false,
    },
    Spec {
        name: "url_extract_port",
        takes: TEXT,
        gives: gives::int,
        run: |c| {
            c.ints(|row| Ok(Url::read(c.text(0, row)).and_then(|url| url.port?.parse::<u16>().ok()).map(i64::from)))
        },
        fails: false,
    },
    Spec {
        name: "url_extract_parameter",
        takes: &[&[Kind::Text, Kind::Text]],
        gives: gives::text,
        run: |c| c.texts(|row| Ok(parameter(c.text(0, row), c.text(1, row)))),
        fails: false,
    },
    Spec {
        name: "url_encode",
        takes: TEXT,
        gives: gives::text,
        run: |c| c.texts(|row| Ok(Some(utf8_percent_encode(c.text(0, row), LEFT).to_string().replace(' ', "+")))),
        fails: false,
    },
    Spec {
        name: "url_decode",
        takes: TEXT,
        gives: gives::text,
        run: |c| {
            c.texts(|row| {
                let spaced = c.text(0, row).replace('+', " ");
                if !escapes_are_whole(&spaced) {
                    return Err(c.wrong("an escape is cut off"));
                }
                Ok(Some(percent_decode_str(&spaced).decode_utf8_lossy().into_owned()))
            })
        },
        fails: true,
    },
];

/// The parts of a URL as they are written.
struct Url<'a> {
    scheme: Option<&'a str>,
    host: Option<&'a str>,
    port: Option<&'a str>,
    path: Option<&'a str>,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Url<'a> {
    /// None for what no URL looks like: spaces in it, or a cut-off escape.
    fn read(text: &'a str) -> Option<Self> {
        static PARTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$").ok()
        });
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"{}|\\^`".contains(c))
            || !escapes_are_whole(text)
        {
            return None;
        }
        let found = PARTS.as_ref()?.captures(text)?;
        let part = |group: usize| found.get(group).map(|part| part.as_str());
        let authority = part(2).map(|authority| authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        // An IPv6 address stands in brackets and has colons of its own.
        let (server, port) = match authority.and_then(|authority| authority.rsplit_once(':')) {
            Some((name, number)) if !number.ends_with(']') => (Some(name), Some(number)),
            _ => (authority, None),
        };
        let host = server.filter(|name| !name.is_empty());
        Some(Self { scheme: part(1), host, port, path: part(3), query: part(4), fragment: part(5) })
    }
}

fn part(columns: &Columns, pick: for<'a> fn(Url<'a>) -> Option<&'a str>) -> EngineResult<ArrayRef> {
    columns.texts(|row| {
        let url = Url::read(columns.text(0, row));
        // A URL without a part has an empty one; what is no URL has none.
        Ok(url.map(|url| {
            let part = pick(url).unwrap_or_default();
            percent_decode_str(part).decode_utf8_lossy().into_owned()
        }))
    })
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let query = Url::read(url)?.query?;
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key) == name).then(|| decoded(value))
    })
}

/// Whether two hexadecimal digits follow every `%`.
fn escapes_are_whole(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|after| after.as_bytes().first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}
