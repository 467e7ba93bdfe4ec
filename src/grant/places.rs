//! Where something holds: everywhere, in a database, at a table, or by LF-Tags.

use std::collections::{BTreeSet, HashMap};

use super::tags::{Conditions, TagIndex, TagsOf};

/// Where a grant, a restriction or an opt-in holds. Names in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Every table.
    Everything,
    /// Every table of a database.
    Database(String),
    /// One table: its database and its name.
    Table(String, String),
    /// Tables and columns whose tags match.
    Tagged(Conditions),
}

/// Numbered things, to be found by table.
#[derive(Debug, Default)]
pub(super) struct Places {
    everything: Vec<usize>,
    databases: HashMap<String, Vec<usize>>,
    tables: HashMap<String, HashMap<String, Vec<usize>>>,
    tagged: Vec<(usize, Vec<bool>)>,
    /// Whether tags that may match do, and those of the database count as well: right for what closes tables.
    perhaps: bool,
}

impl Places {
    /// For what gives access: tags must match surely.
    pub(super) fn giving() -> Self {
        Self::default()
    }

    /// For what takes access away.
    pub(super) fn closing() -> Self {
        Self { perhaps: true, ..Self::default() }
    }

    pub(super) fn add(&mut self, number: usize, scope: &Scope, tags: &TagIndex) {
        match scope {
            Scope::Everything => self.everything.push(number),
            Scope::Database(database) => self.databases.entry(database.clone()).or_default().push(number),
            Scope::Table(database, table) => {
                let tables = self.tables.entry(database.clone()).or_default();
                tables.entry(table.clone()).or_default().push(number);
            }
            Scope::Tagged(conditions) => {
                let accepted = if self.perhaps {
                    tags.accepted(|set| conditions.match_perhaps(set))
                } else {
                    tags.accepted(|set| conditions.match_surely(set))
                };
                self.tagged.push((number, accepted));
            }
        }
    }

    /// The numbers of what holds at a table, in ascending order.
    pub(super) fn at(&self, database: &str, table: &str, tags: &TagsOf<'_>) -> Vec<usize> {
        let mut found = self.everything.clone();
        found.extend(self.databases.get(database).into_iter().flatten());
        found.extend(self.tables.get(database).and_then(|tables| tables.get(table)).into_iter().flatten());
        for (number, accepted) in &self.tagged {
            let accepts = |set: &usize| accepted.get(*set).copied().unwrap_or(self.perhaps);
            if tags.distinct().iter().any(accepts) || (self.perhaps && accepts(&tags.database)) {
                found.push(*number);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether something holds at every table.
    pub(super) fn holds_everywhere(&self) -> bool {
        !self.everything.is_empty()
    }

    /// The databases at all of whose tables something holds.
    pub(super) fn databases(&self) -> impl Iterator<Item = &str> {
        self.databases.keys().map(String::as_str)
    }

    /// The tables at which something holds by name.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tables
            .iter()
            .flat_map(|(database, tables)| tables.keys().map(move |table| (database.as_str(), table.as_str())))
    }

    /// The tag sets that something accepts, each once.
    pub(super) fn tag_sets(&self) -> BTreeSet<usize> {
        let accepted = |accepted: &[bool]| {
            accepted.iter().enumerate().filter(|(_, yes)| **yes).map(|(set, _)| set).collect::<Vec<_>>()
        };
        self.tagged.iter().flat_map(|(_, sets)| accepted(sets)).collect()
    }

    /// Which tag sets a tagged thing accepts.
    pub(super) fn accepted(&self, number: usize) -> Option<&[bool]> {
        self.tagged.iter().find(|(found, _)| *found == number).map(|(_, accepted)| accepted.as_slice())
    }
}
