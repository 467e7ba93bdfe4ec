//! Everything that is wrong with a plan, collected and said together.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Policy;
use super::names::{toml_key, toml_string};
use crate::error::{Error, ErrorKind, Result, Said};
use crate::model::{ColumnRef, TableName};

/// Stands for a decision that could not be made. INVARIANT: only [`Problems`] makes one, so nothing stays undecided
/// without being reported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Undecided(());

/// What is wrong so far.
#[derive(Default)]
pub(super) struct Problems {
    items: Vec<String>,
    hints: Vec<String>,
    undeclared: BTreeMap<TableName, Vec<String>>,
    keys_missing: BTreeMap<String, BTreeSet<String>>,
    refused: bool,
}

impl Problems {
    /// Something personal would have stayed readable, or the rules contradict the tables or each other.
    pub(super) fn refuse(&mut self, item: String, hint: Option<String>) -> Undecided {
        self.refused = true;
        self.add(item, hint)
    }

    /// A rule text that is no rule, or no mask.
    pub(super) fn rule(&mut self, place: &str, error: &Error) -> Undecided {
        self.refused |= error.kind() == ErrorKind::Refused;
        let rules: Vec<&str> = error.context().iter().map(|(_, rule)| rule.as_str()).collect();
        let hints = error.hints().join("\n");
        self.add(
            format!("{place}: {}: `{}`", error.message(), rules.join("`, `")),
            (!hints.is_empty()).then_some(hints),
        )
    }

    /// A key that `place` needs and settings do not have.
    pub(super) fn key_missing(&mut self, key: &str, place: String) -> Undecided {
        self.keys_missing.entry(key.to_owned()).or_default().insert(place);
        Undecided(())
    }

    /// A column that nobody reported and nobody declared.
    pub(super) fn undeclared(&mut self, column: &ColumnRef) -> Undecided {
        self.refused = true;
        self.undeclared.entry(column.table.clone()).or_default().push(column.column.clone());
        Undecided(())
    }

    /// For what follows from a problem that is reported already.
    pub(super) fn known(&mut self) -> Undecided {
        if self.is_empty() {
            return self.refuse("a rule is missing".to_owned(), None);
        }
        Undecided(())
    }

    fn add(&mut self, item: String, hint: Option<String>) -> Undecided {
        self.items.push(item);
        if let Some(hint) = hint
            && !self.hints.contains(&hint)
        {
            self.hints.push(hint);
        }
        Undecided(())
    }

    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.undeclared.is_empty() && self.keys_missing.is_empty()
    }

    /// One error that names everything, or none.
    pub(super) fn into_result(self, policy: &Policy) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let mut error = match (self.refused, self.items.is_empty() && self.keys_missing.is_empty()) {
            (true, true) => Error::refused("nobody reported and nobody declared some columns"),
            (true, false) => Error::refused("tables cannot be masked as the settings say"),
            (false, _) => Error::usage("masking rules cannot be used"),
        };
        for (table, columns) in &self.undeclared {
            let columns: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
            let item = format!("{table}: nobody reported or declared {}", columns.join(", "));
            error = error.item(&Said(&item));
        }
        for (key, places) in &self.keys_missing {
            error = error.item(&Said(&missing_key(key, places)));
        }
        for item in &self.items {
            error = error.item(&Said(item));
        }
        for hint in self.hints_for_all(policy) {
            error = error.hint(hint);
        }
        Err(error)
    }

    fn hints_for_all(&self, policy: &Policy) -> Vec<String> {
        let mut hints = Vec::new();
        if !self.undeclared.is_empty() {
            hints.push(format!(
                "declare what is safe to read by pasting this into the settings, or write a mask or `drop` in place of \
                 `keep`\n{}",
                undeclared_lines(&self.undeclared, policy)
            ));
            hints.push("or accept every such column with `[plan] unreported = \"keep\"`".to_owned());
        }
        for key in self.keys_missing.keys() {
            hints.push(format!(
                "add the key to the settings\n[keys.{}]\nsecret = \"file:PATH\"  # or \"secretsmanager:NAME\", \"env:VARIABLE\"",
                toml_key(key)
            ));
        }
        hints.extend(self.hints.iter().cloned());
        hints
    }
}

fn missing_key(key: &str, places: &BTreeSet<String>) -> String {
    let first = places.first().map_or("", String::as_str);
    match places.len() {
        0 | 1 => format!("no key named `{key}`, which {first} needs"),
        more => format!("no key named `{key}`, which {first} and {} others need", more - 1),
    }
}

fn undeclared_lines(undeclared: &BTreeMap<TableName, Vec<String>>, policy: &Policy) -> String {
    let mut lines = String::new();
    for (table, columns) in undeclared {
        let (header, exists) = section(table, policy);
        let remark = if exists { "  # this section exists: add to it" } else { "" };
        // Writing into a `String` cannot fail.
        let _ = writeln!(lines, "{header}{remark}");
        for column in columns {
            let _ = writeln!(lines, "{} = \"keep\"", toml_key(column));
        }
    }
    lines.trim_end().to_owned()
}

/// The lines of the settings that declare one column.
pub(super) fn declaration_lines(column: &ColumnRef, value: &str, policy: &Policy) -> String {
    let (header, _) = section(&column.table, policy);
    format!("{header}\n{} = {value}", toml_key(&column.column))
}

/// The value of a declaration that keeps a column despite what findings report.
pub(super) fn keep_despite<'a>(identifiers: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = identifiers.into_iter().map(toml_string).collect();
    format!("{{ keep = true, despite = [{}] }}", names.join(", "))
}

/// The header of a table's declarations in the user's own spelling, and whether the settings have it.
fn section(table: &TableName, policy: &Policy) -> (String, bool) {
    let spelled = policy.columns.keys().find(|name| name.as_str() == table.table()).or_else(|| {
        let folded = table.table().to_lowercase();
        policy.columns.keys().find(|name| name.to_lowercase() == folded)
    });
    let name = spelled.map_or(table.table(), String::as_str);
    (format!("[columns.{}]", toml_key(name)), spelled.is_some())
}
