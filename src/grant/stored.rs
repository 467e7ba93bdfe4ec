//! Policies as they were at one moment, kept as text, and how they have changed since.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Snapshot;
use super::access::TableAccess;
use super::filter::Predicate;
use crate::error::{Error, Result};
use crate::model::printable;

/// The version of the form in which policies are kept.
pub const STORED_VERSION: u32 = 1;

/// The policies of every role at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The version of this form.
    pub version: u32,
    /// When it was written, as the writer has it.
    pub written_at: String,
    /// Visible tables by role, sorted by name.
    pub roles: BTreeMap<String, Vec<StoredTable>>,
    /// Whether Lake Formation was asked. Without that, `snapshot` says nothing of it.
    #[serde(default)]
    pub lake_formation: bool,
    /// What Lake Formation said.
    pub snapshot: Snapshot,
}

/// What a role saw of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StoredTable {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// Which rows, as SQL.
    pub rows: String,
    /// Visible columns, in the table's order.
    pub columns: Vec<StoredColumn>,
}

/// What a role saw of a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StoredColumn {
    /// Its name.
    pub name: String,
    /// Which cells, as SQL; `None` for all of the visible rows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cells: Option<String>,
    /// The mask, as SQL.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mask: Option<String>,
}

impl StoredTable {
    fn new(access: &TableAccess) -> Self {
        let columns = access.columns.iter().map(|column| StoredColumn {
            name: column.column.clone(),
            cells: (column.cells != Predicate::True).then(|| column.cells.to_sql()),
            mask: column.mask.clone(),
        });
        Self {
            database: access.table.database().to_owned(),
            table: access.table.table().to_owned(),
            rows: access.rows.to_sql(),
            columns: columns.collect(),
        }
    }
}

fn sorted(accesses: &[TableAccess]) -> Vec<StoredTable> {
    let mut tables: Vec<StoredTable> = accesses.iter().map(StoredTable::new).collect();
    tables.sort();
    tables
}

/// A short name for everything that a role sees: equal policies have equal versions, whatever order they come in.
pub fn policy_version(role_name: &str, accesses: &[TableAccess]) -> String {
    let mut hash = Sha256::new();
    // Every text with its length before it, so that no two policies run together to the same bytes.
    let mut add = |text: &str| {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text);
    };
    add(role_name);
    for table in sorted(accesses) {
        add("table");
        add(&table.database);
        add(&table.table);
        add(&table.rows);
        for column in &table.columns {
            add("column");
            add(&column.name);
            for (kind, text) in [("cells", &column.cells), ("mask", &column.mask)] {
                if let Some(text) = text {
                    add(kind);
                    add(text);
                }
            }
        }
    }
    const_hex::encode(hash.finalize()).chars().take(16).collect()
}

impl Stored {
    /// Keeps policies by role.
    pub fn new(written_at: String, policies: &BTreeMap<String, Vec<TableAccess>>, snapshot: Snapshot) -> Self {
        let roles = policies.iter().map(|(role, accesses)| (role.clone(), sorted(accesses))).collect();
        Self { version: STORED_VERSION, written_at, roles, lake_formation: false, snapshot }
    }

    /// As JSON, a line per value, with a line break at the end.
    ///
    /// # Errors
    /// If it cannot be written, which no content of it causes.
    pub fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(|_| Error::failed("policies cannot be written"))?;
        Ok(text + "\n")
    }

    /// From JSON.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Failed`] if it is not what [`Stored::to_json`] writes,
    /// [`crate::error::ErrorKind::Refused`] if it has another version.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let unreadable = |_| Error::failed("stored policies cannot be read").hint("write them anew");
        let Version { version } = serde_json::from_slice(bytes).map_err(unreadable)?;
        if version != STORED_VERSION {
            return Err(Error::refused("stored policies have a form that is not known here")
                .with("version", &u64::from(version))
                .hint("read them with the release that wrote them, or write them anew"));
        }
        serde_json::from_slice(bytes).map_err(unreadable)
    }
}

/// One difference between policies at two moments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The role.
    pub role: String,
    /// The table: its database and its name; `None` for the role itself.
    pub table: Option<(String, String)>,
    /// What is different, in words.
    pub what: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.role))?;
        if let Some((database, table)) = &self.table {
            write!(f, " {}", printable(&format!("{database}.{table}")))?;
        }
        write!(f, ": {}", printable(&self.what))
    }
}

/// What changed from `before` to `now`: roles, tables, rows, columns, cells and masks.
pub fn drift(before: &Stored, now: &Stored) -> Vec<Change> {
    let mut changes = Vec::new();
    for (role, old, new) in pairs(&before.roles, &now.roles) {
        let mut tell = |table: Option<(String, String)>, what: String| {
            changes.push(Change { role: role.clone(), table, what });
        };
        match (old, new) {
            (Some(_), None) => tell(None, "the role is gone".to_owned()),
            (None, Some(_)) => tell(None, "the role is new".to_owned()),
            _ => {}
        }
        let (old, new) = (by_name(old), by_name(new));
        for (name, old, new) in pairs(&old, &new) {
            let mut tell = |what: String| tell(Some(name.clone()), what);
            match (old, new) {
                (Some(old), Some(new)) => table_changes(old, new, &mut tell),
                (Some(_), None) => tell("the table is no longer visible".to_owned()),
                (None, Some(new)) => {
                    let columns: Vec<&str> = new.columns.iter().map(|column| column.name.as_str()).collect();
                    tell(format!("the table is visible now: rows {}, columns {}", new.rows, columns.join(", ")));
                }
                (None, None) => {}
            }
        }
    }
    changes
}

fn table_changes(old: &StoredTable, new: &StoredTable, tell: &mut dyn FnMut(String)) {
    if old.rows != new.rows {
        tell(format!("rows were {}, and are {} now", old.rows, new.rows));
    }
    let columns = |table: &StoredTable| -> BTreeMap<String, StoredColumn> {
        table.columns.iter().map(|column| (column.name.clone(), column.clone())).collect()
    };
    for (name, old, new) in pairs(&columns(old), &columns(new)) {
        match (old, new) {
            (Some(_), None) => tell(format!("column {name} is no longer visible")),
            (None, Some(_)) => tell(format!("column {name} is visible now")),
            (Some(old), Some(new)) => {
                let text = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
                if old.cells != new.cells {
                    let (old, new) = (text(&old.cells, "all"), text(&new.cells, "all"));
                    tell(format!("cells of column {name} were {old}, and are {new} now"));
                }
                if old.mask != new.mask {
                    let (old, new) = (text(&old.mask, "none"), text(&new.mask, "none"));
                    tell(format!("the mask of column {name} was {old}, and is {new} now"));
                }
            }
            (None, None) => {}
        }
    }
}

fn by_name(tables: Option<&Vec<StoredTable>>) -> BTreeMap<(String, String), &StoredTable> {
    let tables = tables.into_iter().flatten();
    tables.map(|table| ((table.database.clone(), table.table.clone()), table)).collect()
}

/// Every key of two maps with what either has under it.
fn pairs<'a, K: Ord + Clone, V>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> Vec<(K, Option<&'a V>, Option<&'a V>)> {
    let mut keys: Vec<&K> = old.keys().chain(new.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().map(|key| (key.clone(), old.get(key), new.get(key))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::access::ColumnAccess;
    use super::*;
    use crate::error::ErrorKind;
    use crate::model::TableName;

    fn access(table: &str, rows: &str, columns: &[(&str, &str, Option<&str>)]) -> TableAccess {
        let column = |(name, cells, mask): &(&str, &str, Option<&str>)| ColumnAccess {
            column: (*name).to_owned(),
            cells: Predicate::parse(cells).unwrap(),
            mask: mask.map(str::to_owned),
            grants: vec![3],
        };
        TableAccess {
            table: TableName::new("shop", table),
            rows: Predicate::parse(rows).unwrap(),
            columns: columns.iter().map(column).collect(),
            grants: vec![3],
        }
    }

    fn before() -> Vec<TableAccess> {
        vec![
            access("customer", "TRUE", &[("id", "TRUE", None), ("mail", "TRUE", None), ("name", "TRUE", None)]),
            access("bank", "TRUE", &[("id", "TRUE", None)]),
        ]
    }

    fn stored(roles: &[(&str, Vec<TableAccess>)]) -> Stored {
        let policies = roles.iter().map(|(role, accesses)| ((*role).to_owned(), accesses.clone())).collect();
        Stored::new("2026-11-24T15:10:01Z".to_owned(), &policies, Snapshot::default())
    }

    #[test]
    fn every_difference_is_told_in_words() {
        let now = vec![
            access(
                "customer",
                "x = 1",
                &[("id", "y = 2", None), ("name", "TRUE", Some("m(name)")), ("city", "TRUE", None)],
            ),
            access("card", "TRUE", &[("id", "TRUE", None)]),
        ];
        let (before, now) =
            (stored(&[("analyst", before()), ("old", vec![])]), stored(&[("analyst", now), ("new", vec![])]));
        let changes: Vec<String> = drift(&before, &now).iter().map(Change::to_string).collect();
        let expected = [
            "analyst shop.bank: the table is no longer visible",
            "analyst shop.card: the table is visible now: rows TRUE, columns id",
            r#"analyst shop.customer: rows were TRUE, and are "x" = 1 now"#,
            "analyst shop.customer: column city is visible now",
            r#"analyst shop.customer: cells of column id were all, and are "y" = 2 now"#,
            "analyst shop.customer: column mail is no longer visible",
            "analyst shop.customer: the mask of column name was none, and is m(name) now",
            "new: the role is new",
            "old: the role is gone",
        ];
        assert_eq!(changes, expected);
        assert!(drift(&now, &now).is_empty());
    }

    #[test]
    fn what_is_written_reads_back_and_other_versions_are_refused() {
        let stored = stored(&[("analyst", before())]);
        let text = stored.to_json().unwrap();
        assert_eq!(Stored::from_json(text.as_bytes()).unwrap(), stored);
        let later = text.replacen("\"version\": 1", "\"version\": 2", 1);
        assert_eq!(Stored::from_json(later.as_bytes()).unwrap_err().kind(), ErrorKind::Refused);
        for bytes in [&b""[..], b"[]", b"{}", b"\xff", b"{\"version\": 1}"] {
            assert!(Stored::from_json(bytes).is_err());
        }
    }

    #[test]
    fn a_version_depends_on_what_is_seen_and_on_nothing_else() {
        let version = policy_version("analyst", &before());
        assert_eq!(version.len(), 16);
        let mut other = before();
        other.reverse();
        other[0].grants = vec![7, 8];
        assert_eq!(policy_version("analyst", &other), version);
        assert_ne!(policy_version("other", &before()), version);
        other[1].columns[0].mask = Some("x".into());
        assert_ne!(policy_version("analyst", &other), version);
    }
}
