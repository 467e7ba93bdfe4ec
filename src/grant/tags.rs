//! LF-Tags: what a database, its tables and their columns carry, and which expressions that matches.
//!
//! A tag that is assigned lower down overrides the inherited one of the same key. Few places differ in their tags, so
//! every distinct set of them is kept once, and an expression is compared with each set once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::names::fold;
use super::{Snapshot, TagAssignment, TagExpression};

/// The tags of one place: a value per key, `None` where two different ones were read. Keys and values in lower case.
pub(super) type TagSet = BTreeMap<String, Option<String>>;

/// An expression to compare with: keys, and the values of which one must be there. All of them must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conditions(Vec<(String, BTreeSet<String>)>);

impl Conditions {
    pub(super) fn new(expression: &TagExpression) -> Self {
        let lower = |values: &BTreeSet<String>| values.iter().map(|value| value.to_lowercase()).collect();
        Self(expression.iter().map(|(key, values)| (key.to_lowercase(), lower(values))).collect())
    }

    /// Whether tags match, as a grant asks: a key that is contradictory or missing does not.
    pub(super) fn match_surely(&self, tags: &TagSet) -> bool {
        let holds = |(key, values): &(String, BTreeSet<String>)| match tags.get(key) {
            Some(Some(value)) => values.contains("*") || values.contains(value),
            _ => false,
        };
        !self.0.is_empty() && self.0.iter().all(holds)
    }

    /// Whether tags may match, as what closes tables asks: what is contradictory or not understood does.
    pub(super) fn match_perhaps(&self, tags: &TagSet) -> bool {
        self.0.iter().all(|(key, values)| match tags.get(key) {
            Some(Some(value)) => values.is_empty() || values.contains("*") || values.contains(value),
            Some(None) => true,
            None => false,
        })
    }
}

/// The effective tags of everything that has any.
#[derive(Debug, Default)]
pub(super) struct TagIndex {
    sets: Vec<TagSet>,
    databases: HashMap<String, usize>,
    tables: HashMap<String, HashMap<String, TableTags>>,
    /// The set of a place without tags.
    none: usize,
}

/// Places in the list of sets.
#[derive(Debug)]
struct TableTags {
    table: usize,
    columns: HashMap<String, usize>,
    distinct: Vec<usize>,
}

/// The effective tags of one table, as places in the list of sets.
#[derive(Clone, Copy, Debug)]
pub(super) struct TagsOf<'a> {
    /// Those of its database.
    pub(super) database: usize,
    /// Its own.
    pub(super) table: usize,
    columns: Option<&'a HashMap<String, usize>>,
    distinct: Option<&'a [usize]>,
}

impl TagsOf<'_> {
    /// Those of a column, by its name in lower case; `true` if they were assigned to it and not inherited alone.
    pub(super) fn column(&self, folded: &str) -> (usize, bool) {
        match self.columns.and_then(|columns| columns.get(folded)) {
            Some(set) => (*set, true),
            None => (self.table, false),
        }
    }

    /// Every set that the table or one of its columns has.
    pub(super) fn distinct(&self) -> &[usize] {
        self.distinct.unwrap_or(std::slice::from_ref(&self.table))
    }
}

/// What was assigned to one table and its columns themselves.
#[derive(Default)]
struct Assigned {
    table: TagSet,
    columns: HashMap<String, TagSet>,
}

/// Gives every distinct set a number, and every pair of an inherited and an own set the number of the result.
#[derive(Default)]
struct Interner {
    numbers: HashMap<TagSet, usize>,
    sets: Vec<TagSet>,
    results: HashMap<(usize, usize), usize>,
}

impl Interner {
    fn number(&mut self, set: TagSet) -> usize {
        if let Some(number) = self.numbers.get(&set) {
            return *number;
        }
        let number = self.sets.len();
        self.sets.push(set.clone());
        self.numbers.insert(set, number);
        number
    }

    fn effective(&mut self, inherited: usize, own: TagSet) -> usize {
        let own = self.number(own);
        if let Some(result) = self.results.get(&(inherited, own)) {
            return *result;
        }
        let mut set = self.sets.get(inherited).cloned().unwrap_or_default();
        set.extend(self.sets.get(own).cloned().unwrap_or_default());
        let result = self.number(set);
        self.results.insert((inherited, own), result);
        result
    }
}

impl TagIndex {
    /// Resolves inheritance. `contradiction` is told of each assignment whose key has another value at the same place.
    pub(super) fn new(snapshot: &Snapshot, mut contradiction: impl FnMut(&TagAssignment, &str)) -> Self {
        let mut databases: HashMap<String, TagSet> = HashMap::new();
        let mut tables: HashMap<String, HashMap<String, Assigned>> = HashMap::new();
        for assignment in &snapshot.tags {
            let database = fold(&assignment.database).into_owned();
            let place = match &assignment.table {
                None => databases.entry(database).or_default(),
                Some(table) => {
                    let place = tables.entry(database).or_default().entry(fold(table).into_owned()).or_default();
                    match &assignment.column {
                        None => &mut place.table,
                        Some(column) => place.columns.entry(fold(column).into_owned()).or_default(),
                    }
                }
            };
            for (key, value) in &assignment.tags {
                if !merge(place, key, value) {
                    contradiction(assignment, key);
                }
            }
        }
        let mut interner = Interner::default();
        let none = interner.number(TagSet::new());
        let databases: HashMap<String, usize> =
            databases.into_iter().map(|(name, set)| (name, interner.number(set))).collect();
        let resolved = tables
            .into_iter()
            .map(|(database, tables)| {
                let inherited = databases.get(&database).copied().unwrap_or(none);
                let tables = tables
                    .into_iter()
                    .map(|(table, assigned)| (table, TableTags::new(inherited, assigned, &mut interner)))
                    .collect();
                (database, tables)
            })
            .collect();
        Self { sets: interner.sets, databases, tables: resolved, none }
    }

    /// The effective tags of a table. Names in lower case.
    pub(super) fn of(&self, database: &str, table: &str) -> TagsOf<'_> {
        let inherited = self.databases.get(database).copied().unwrap_or(self.none);
        match self.tables.get(database).and_then(|tables| tables.get(table)) {
            Some(found) => TagsOf {
                database: inherited,
                table: found.table,
                columns: Some(&found.columns),
                distinct: Some(&found.distinct),
            },
            None => TagsOf { database: inherited, table: inherited, columns: None, distinct: None },
        }
    }

    /// One set, for people.
    pub(super) fn set(&self, place: usize) -> Option<&TagSet> {
        self.sets.get(place)
    }

    /// Which sets a test accepts.
    pub(super) fn accepted(&self, test: impl Fn(&TagSet) -> bool) -> Vec<bool> {
        self.sets.iter().map(test).collect()
    }
}

impl TableTags {
    fn new(inherited: usize, assigned: Assigned, interner: &mut Interner) -> Self {
        let table = interner.effective(inherited, assigned.table);
        let columns: HashMap<String, usize> =
            assigned.columns.into_iter().map(|(name, own)| (name, interner.effective(table, own))).collect();
        let distinct: BTreeSet<usize> = columns.values().copied().chain([table]).collect();
        Self { table, columns, distinct: distinct.into_iter().collect() }
    }
}

/// Puts a tag into a set. `false` if the key had another value.
fn merge(set: &mut TagSet, key: &str, value: &str) -> bool {
    let value = value.to_lowercase();
    let kept = set.entry(key.to_lowercase()).or_insert_with(|| Some(value.clone()));
    if kept.as_deref() == Some(value.as_str()) {
        return true;
    }
    *kept = None;
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn assignment(table: Option<&str>, column: Option<&str>, tags: &[(&str, &str)]) -> TagAssignment {
        TagAssignment {
            database: "Shop".to_owned(),
            table: table.map(str::to_owned),
            column: column.map(str::to_owned),
            tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        }
    }

    fn expression(text: &str) -> TagExpression {
        let part = |part: &str| {
            let (key, values) = part.split_once('=').unwrap();
            (key.to_owned(), values.split('|').map(str::to_owned).collect())
        };
        text.split_whitespace().map(part).collect()
    }

    #[test]
    fn a_tag_lower_down_overrides_the_inherited_one_of_its_key() {
        let tags = vec![
            assignment(None, None, &[("Class", "Open"), ("team", "sales")]),
            assignment(Some("Customer"), None, &[("class", "closed")]),
            assignment(Some("customer"), Some("ID"), &[("CLASS", "open")]),
            assignment(Some("customer"), Some("mail"), &[("kind", "pii")]),
        ];
        let index = TagIndex::new(&Snapshot { tags, ..Snapshot::default() }, |_, _| panic!("no contradiction"));
        let customer = index.of("shop", "customer");
        let cases = [
            ("class=open", customer.table, false),
            ("class=closed", customer.table, true),
            ("class=Closed team=sales", customer.table, true),
            ("class=closed team=ops", customer.table, false),
            ("class=closed|open team=*", customer.table, true),
            ("kind=*", customer.table, false),
            ("class=open team=sales", customer.column("id").0, true),
            ("class=closed kind=pii team=sales", customer.column("mail").0, true),
            ("class=closed", customer.column("name").0, true),
            ("class=open", index.of("shop", "bank").table, true),
            ("class=open", index.of("elsewhere", "bank").table, false),
            ("", customer.table, false),
        ];
        for (text, set, matches) in cases {
            let conditions = Conditions::new(&expression(text));
            assert_eq!(conditions.match_surely(index.set(set).unwrap()), matches, "{text}");
        }
        assert_eq!(customer.distinct().len(), 3);
    }

    #[test]
    fn a_key_with_two_values_matches_no_grant_and_every_restriction() {
        let tags = vec![
            assignment(Some("t"), None, &[("class", "open")]),
            assignment(Some("T"), None, &[("Class", "closed")]),
        ];
        let mut told = Vec::new();
        let index = TagIndex::new(&Snapshot { tags, ..Snapshot::default() }, |_, key| told.push(key.to_owned()));
        assert_eq!(told, ["Class"]);
        let set = index.set(index.of("shop", "t").table).unwrap();
        for text in ["class=open", "class=closed", "class=*"] {
            assert!(!Conditions::new(&expression(text)).match_surely(set), "{text}");
            assert!(Conditions::new(&expression(text)).match_perhaps(set), "{text}");
        }
        assert!(!Conditions::new(&expression("other=x")).match_perhaps(set));
        assert!(Conditions::new(&TagExpression::new()).match_perhaps(set));
    }
}
