//! Looks for cells and keys in places where they must never be: output, logs, plans, published files.

use std::fs;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, Engine as _};

use super::lake;

/// Shorter texts turn up by chance.
const NEEDLE_BYTES_MIN: usize = 6;

/// The texts that must not turn up, in every spelling that a leak may have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canary {
    needles: Vec<Needle>,
}

#[derive(Clone, Debug)]
struct Needle {
    /// What it is, such as `customer.mail` or `key default as hex`: printed in place of the text.
    label: String,
    /// In lower case: a leak in capitals is a leak.
    bytes: Vec<u8>,
}

impl Canary {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A raw cell.
    #[must_use]
    pub(crate) fn cell(mut self, label: &str, text: &str) -> Self {
        self.add(label.to_owned(), text.as_bytes());
        self
    }

    /// Raw cells of one column.
    #[must_use]
    pub(crate) fn cells<T: AsRef<str>>(mut self, label: &str, texts: impl IntoIterator<Item = T>) -> Self {
        for text in texts {
            self.add(label.to_owned(), text.as_ref().as_bytes());
        }
        self
    }

    /// A key's bytes: as they are, in base64, in hexadecimal, and as Rust and Python print bytes.
    #[must_use]
    pub(crate) fn key(mut self, name: &str, key: &[u8]) -> Self {
        self.add(format!("key {name}"), key);
        for encoded in [BASE64_STANDARD.encode(key), BASE64_URL_SAFE.encode(key)] {
            // Without its padding it is found with and without.
            self.add(format!("key {name} as base64"), encoded.trim_end_matches('=').as_bytes());
        }
        self.add(format!("key {name} as hex"), const_hex::encode(key).as_bytes());
        let numbers: Vec<String> = key.iter().map(u8::to_string).collect();
        self.add(format!("key {name} as numbers"), numbers.join(", ").as_bytes());
        self.add(format!("key {name} as numbers"), numbers.join(",").as_bytes());
        self
    }

    fn add(&mut self, label: String, bytes: &[u8]) {
        assert!(bytes.len() >= NEEDLE_BYTES_MIN, "{label}: too short to be looked for without false alarms");
        self.needles.push(Needle { label, bytes: bytes.to_ascii_lowercase() });
    }

    /// What turns up in some bytes, as `PLACE holds LABEL`. Gzip is unpacked and Parquet is decoded first.
    pub(crate) fn leaks_in(&self, place: &str, bytes: &[u8]) -> Vec<String> {
        let mut leaks = Vec::new();
        for (view, content) in views(bytes) {
            let content = content.to_ascii_lowercase();
            for needle in &self.needles {
                if content.windows(needle.bytes.len()).any(|window| window == needle.bytes) {
                    leaks.push(format!("{place}{view} holds {}", needle.label));
                }
            }
        }
        leaks.sort();
        leaks.dedup();
        leaks
    }

    /// What turns up in the files of a folder, in their names too. `skip` names folders and files, relative to it,
    /// that may hold cells: the raw lake.
    pub(crate) fn leaks_below(&self, folder: &Path, skip: &[&str]) -> Vec<String> {
        let mut leaks = Vec::new();
        self.walk(folder, folder, skip, &mut leaks);
        leaks
    }

    fn walk(&self, root: &Path, folder: &Path, skip: &[&str], leaks: &mut Vec<String>) {
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if skip.contains(&name.as_str()) {
                continue;
            }
            leaks.extend(self.leaks_in(&format!("the name of {name}"), name.as_bytes()));
            if path.is_dir() {
                self.walk(root, &path, skip, leaks);
            } else if path.is_file() {
                leaks.extend(self.leaks_in(&name, &fs::read(&path).unwrap()));
            }
        }
    }

    /// Fails the test if anything turns up.
    #[track_caller]
    pub(crate) fn assert_clean(&self, place: &str, bytes: &[u8]) {
        let leaks = self.leaks_in(place, bytes);
        assert!(leaks.is_empty(), "leaked:\n{}", leaks.join("\n"));
    }

    /// Fails the test if anything turns up in a folder.
    #[track_caller]
    pub(crate) fn assert_clean_below(&self, folder: &Path, skip: &[&str]) {
        let leaks = self.leaks_below(folder, skip);
        assert!(leaks.is_empty(), "leaked:\n{}", leaks.join("\n"));
    }
}

/// The ways to read some bytes: as they are, unpacked, decoded.
fn views(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut views = vec![("", bytes.to_vec())];
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        // What a truncated file gives before its end is looked at as well.
        let _ = std::io::copy(&mut flate2::read::MultiGzDecoder::new(bytes), &mut unpacked);
        views.push((" (unpacked)", unpacked));
    }
    if bytes.starts_with(b"PAR1")
        && let Ok(batch) = lake::read_parquet(bytes.to_vec())
    {
        let rows = lake::rows(&batch);
        let cells: Vec<String> = rows.into_iter().flatten().flatten().collect();
        views.push((" (decoded)", cells.join("\n").into_bytes()));
    }
    views
}

#[cfg(test)]
mod tests {
    use parquet::basic::{Compression, ZstdLevel};

    use super::super::lake::{Format, Table, gzip};
    use super::*;

    fn canary() -> Canary {
        Canary::new().cell("customer.mail", "ada.canary@example.org").key("default", b"MySecret")
    }

    #[test]
    fn cells_are_found_in_any_case() {
        assert_eq!(
            canary().leaks_in("stderr", b"could not cast ADA.Canary@example.org"),
            ["stderr holds customer.mail"]
        );
        canary().assert_clean("stderr", b"could not cast a cell of `mail`");
    }

    #[test]
    fn keys_are_found_in_every_spelling() {
        for text in ["MySecret", "TXlTZWNyZXQ=", "TXlTZWNyZXQ", "4d79536563726574", "4D79536563726574"] {
            assert!(!canary().leaks_in("log", text.as_bytes()).is_empty(), "{text}");
        }
        assert!(!canary().leaks_in("log", format!("{:?}", b"MySecret").as_bytes()).is_empty());
    }

    #[test]
    fn packed_and_encoded_files_are_looked_into() {
        let mail = "ada.canary@example.org";
        // Long enough for the codec to hide the plain text from a plain search.
        let table = Table::new().text("mail", std::iter::repeat_n(mail, 50)).text("n", (0..50).map(|n| n.to_string()));
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        fs::write(place("a.parquet"), table.encode(Format::Parquet(Compression::ZSTD(ZstdLevel::default())))).unwrap();
        fs::write(place("b.gz"), gzip(mail.as_bytes())).unwrap();
        fs::create_dir(place("raw")).unwrap();
        fs::write(place("raw/c.csv"), mail).unwrap();
        fs::write(place(mail), "").unwrap();
        let leaks = canary().leaks_below(folder.path(), &["raw"]);
        assert!(leaks.contains(&"a.parquet (decoded) holds customer.mail".to_owned()), "{leaks:?}");
        assert!(leaks.contains(&"b.gz (unpacked) holds customer.mail".to_owned()), "{leaks:?}");
        assert!(leaks.contains(&format!("the name of {mail} holds customer.mail")), "{leaks:?}");
        assert!(!leaks.iter().any(|leak| leak.starts_with("raw")), "{leaks:?}");
        assert_eq!(canary().leaks_below(&place("raw"), &[]), ["c.csv holds customer.mail"]);
    }

    #[test]
    #[should_panic(expected = "too short")]
    fn a_short_text_is_no_canary() {
        let _ = Canary::new().cell("card.cvv", "123");
    }
}
