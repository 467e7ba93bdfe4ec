//! Names as files, as TOML keys, and as suggestions.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::model::TableName;

/// Bytes of a file name that a table may fill. Most file systems allow 255; the rest is for extensions.
const STEM_BYTES_MAX: usize = 180;

/// The nearest of several names, if one is near enough to be meant.
pub(super) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_lowercase();
    names
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(folded.chars().count()) / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// A name that stands alone as one step of a path on every file system and in every bucket, one per table.
///
/// Ordinary names stay as they are. Other bytes become `~hh`, so two names never look alike; names that differ only by
/// case, which some file systems take for one, get a mark of their own.
pub(super) fn file_stems(tables: &[TableName]) -> BTreeMap<TableName, String> {
    let mut by_folded: BTreeMap<String, Vec<&TableName>> = BTreeMap::new();
    for table in tables {
        by_folded.entry(file_stem(table.table()).to_lowercase()).or_default().push(table);
    }
    let mut stems = BTreeMap::new();
    for (folded, alike) in by_folded {
        for table in &alike {
            let stem = file_stem(table.table());
            let plain = alike.len() == 1 || stem == folded;
            let stem = if plain { stem } else { stem + &mark(table.table()) };
            stems.insert((*table).clone(), stem);
        }
    }
    stems
}

fn file_stem(name: &str) -> String {
    let mut stem = String::new();
    for (index, c) in name.char_indices() {
        // A leading `_` or `.` hides a folder from every reader of a lake, and `..` leaves it.
        let inside = index > 0 && index + c.len_utf8() < name.len();
        let plain = c.is_alphanumeric() || c == '-' || (inside && c == '.') || (index > 0 && c == '_');
        if plain {
            stem.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                stem.push('~');
                stem.push_str(&const_hex::encode([byte]));
            }
        }
    }
    if stem.is_empty() {
        return "~".to_owned();
    }
    if stem.len() > STEM_BYTES_MAX {
        let cut = stem.floor_char_boundary(STEM_BYTES_MAX);
        stem.truncate(cut);
        stem.push_str(&mark(name));
    }
    stem
}

/// `~~` and sixteen hexadecimal digits that belong to a name. No escape begins with two tildes.
fn mark(name: &str) -> String {
    let mut digits = const_hex::encode(Sha256::digest(name));
    digits.truncate(16);
    format!("~~{digits}")
}

/// A key as TOML writes it: bare where it may, quoted and escaped elsewhere, so that it can be pasted and printed.
pub(super) fn toml_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) {
        return key.to_owned();
    }
    toml_string(key)
}

/// A basic string of TOML. Everything that [`crate::model::printable`] would change is escaped the TOML way.
pub(super) fn toml_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if crate::model::printable(c.encode_utf8(&mut [0; 4])).len() != c.len_utf8() => {
                // Writing into a `String` cannot fail.
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn stems(names: &[&str]) -> Vec<String> {
        let tables: Vec<TableName> = names.iter().map(|name| TableName::new("d", *name)).collect();
        let stems = file_stems(&tables);
        tables.iter().map(|table| stems.get(table).unwrap().clone()).collect()
    }

    #[test]
    fn an_ordinary_name_is_its_own_file_name() {
        assert_eq!(stems(&["customer", "Card_2", "Größe", "a.b-c"]), ["customer", "Card_2", "Größe", "a.b-c"]);
    }

    #[test]
    fn a_name_cannot_leave_its_folder_or_hide_in_it() {
        assert_eq!(
            stems(&["..", "../x", ".a", "_a", "a/b", "a\\b", "a\nb", "dt=1", "", "~"]),
            ["~2e~2e", "~2e.~2fx", "~2ea", "~5fa", "a~2fb", "a~5cb", "a~0ab", "dt~3d1", "~", "~7e"]
        );
    }

    #[test]
    fn names_that_differ_only_by_case_get_different_files() {
        let stems = stems(&["customer", "Customer", "CUSTOMER"]);
        let folded: BTreeSet<String> = stems.iter().map(|stem| stem.to_lowercase()).collect();
        assert_eq!(folded.len(), 3, "{stems:?}");
        assert_eq!(stems.first().unwrap(), "customer");
    }

    #[test]
    fn a_suggestion_is_near_or_absent() {
        let names = ["customer", "card", "bank"];
        assert_eq!(nearest("custmer", names), Some("customer"));
        assert_eq!(nearest("CARD", names), Some("card"));
        assert_eq!(nearest("invoices", names), None);
    }

    proptest! {
        #[test]
        fn no_two_names_share_a_file(names in prop::collection::btree_set("\\PC{0,8}|[aA~_./]{0,4}|a{170,200}", 1..12)) {
            let tables: Vec<TableName> = names.iter().map(|name| TableName::new("d", name)).collect();
            let stems = file_stems(&tables);
            let folded: BTreeSet<String> = stems.values().map(|stem| stem.to_lowercase()).collect();
            prop_assert_eq!(folded.len(), names.len());
            for stem in stems.values() {
                prop_assert!(!stem.is_empty() && stem.len() < 230);
                prop_assert!(!stem.starts_with(['.', '_']) && !stem.contains(['/', '\\', '=', '\0']));
            }
        }

        #[test]
        fn a_toml_key_reads_back(key in any::<String>()) {
            let line = format!("{} = 1", toml_key(&key));
            prop_assert!(!line.contains('\n'));
            let table: toml::Table = line.parse().unwrap();
            prop_assert_eq!(table.keys().next().unwrap(), &key);
        }
    }
}
