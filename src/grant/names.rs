//! Names of databases, tables and columns, which Lake Formation compares without regard to case.

use std::borrow::Cow;

use crate::model::{ColumnSchema, TableName};

/// The form in which names are compared.
pub(super) fn fold(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.to_lowercase())
}

/// Whether two names are the same but for their case.
pub(super) fn alike(one: &str, other: &str) -> bool {
    one == other || fold(one) == fold(other)
}

/// What a name means among others.
pub(super) enum Meaning {
    /// The place of the one that is meant.
    One(usize),
    /// None has this name.
    Unknown,
    /// Several differ only by case, and none is spelled like this.
    Ambiguous,
}

/// The one that is spelled like a name, or else the only one that is spelled like it but for case.
pub(super) fn meaning<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Meaning {
    let mut found = Meaning::Unknown;
    for (place, candidate) in names.enumerate() {
        if candidate == name {
            return Meaning::One(place);
        }
        if alike(candidate, name) {
            found = match found {
                Meaning::Unknown => Meaning::One(place),
                _ => Meaning::Ambiguous,
            };
        }
    }
    found
}

/// The place of a column among those of a table.
pub(super) fn column_meaning(name: &str, columns: &[ColumnSchema]) -> Meaning {
    meaning(name, columns.iter().map(|column| column.name.as_str()))
}

/// Whether a key of the settings, `table` or `database.table`, names a table; `Some(true)` if it names the database too.
pub(super) fn names_table(key: &str, table: &TableName) -> Option<bool> {
    if alike(key, &format!("{}.{}", table.database(), table.table())) {
        return Some(true);
    }
    alike(key, table.table()).then_some(false)
}
