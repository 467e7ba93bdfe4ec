//! All tables of a lake at once, indexed so that a role's grants find theirs: the work grows with what was granted, and
//! not with roles times tables.

use std::collections::{BTreeSet, HashMap};

use super::access::TableAccess;
use super::evaluate::Grants;
use super::names::fold;
use super::places::Places;
use super::{Role, Unmanaged};
use crate::model::TableSchema;

/// Tables, to be asked about for many roles.
pub struct Catalog<'a> {
    grants: &'a Grants,
    schemas: &'a [TableSchema],
    index: TableIndex,
}

/// Places of tables: by name, by database, and by the tag sets that stand on them.
#[derive(Default)]
pub(super) struct TableIndex {
    databases: HashMap<String, HashMap<String, Vec<usize>>>,
    tag_sets: HashMap<usize, Vec<usize>>,
    count: usize,
}

impl Grants {
    /// Tables to be asked about for many roles.
    pub fn tables<'a>(&'a self, schemas: &'a [TableSchema]) -> Catalog<'a> {
        let mut index = TableIndex { count: schemas.len(), ..TableIndex::default() };
        for (place, schema) in schemas.iter().enumerate() {
            let (database, table) = (fold(schema.name.database()), fold(schema.name.table()));
            for set in self.tags().of(&database, &table).distinct() {
                index.tag_sets.entry(*set).or_default().push(place);
            }
            let tables = index.databases.entry(database.into_owned()).or_default();
            tables.entry(table.into_owned()).or_default().push(place);
        }
        Catalog { grants: self, schemas, index }
    }

    /// What a role sees of many tables. Those that it does not see are left out.
    pub fn tables_of(&self, role: &Role, schemas: &[TableSchema]) -> Vec<TableAccess> {
        self.tables(schemas).of(role)
    }
}

impl Catalog<'_> {
    /// What a role sees, in the order of the tables.
    pub fn of(&self, role: &Role) -> Vec<TableAccess> {
        let own = self.grants.of(role);
        let mut places = BTreeSet::new();
        if role.full_access {
            places.extend(0..self.schemas.len());
        } else {
            own.rights().find(&self.index, &mut places);
            if self.grants.unmanaged() == Unmanaged::Allow {
                self.grants.everyone().find(&self.index, &mut places);
            }
        }
        places.into_iter().filter_map(|place| own.access(self.schemas.get(place)?)).collect()
    }
}

impl TableIndex {
    /// Every table.
    pub(super) fn all(&self) -> std::ops::Range<usize> {
        0..self.count
    }

    /// Every table of a database.
    pub(super) fn database(&self, database: &str) -> impl Iterator<Item = usize> {
        self.databases.get(database).into_iter().flat_map(|tables| tables.values().flatten().copied())
    }

    /// The tables of a name: one, or several that differ by case.
    pub(super) fn table(&self, database: &str, table: &str) -> impl Iterator<Item = usize> {
        let found = self.databases.get(database).and_then(|tables| tables.get(table));
        found.into_iter().flatten().copied()
    }

    /// The tables on which a tag set stands, or on one of whose columns.
    pub(super) fn tagged(&self, set: usize) -> impl Iterator<Item = usize> {
        self.tag_sets.get(&set).into_iter().flatten().copied()
    }
}

impl Places {
    /// Adds the tables at which anything of this holds.
    fn find(&self, index: &TableIndex, found: &mut BTreeSet<usize>) {
        if self.holds_everywhere() {
            found.extend(index.all());
            return;
        }
        for database in self.databases() {
            found.extend(index.database(database));
        }
        for (database, table) in self.tables() {
            found.extend(index.table(database, table));
        }
        for set in self.tag_sets() {
            found.extend(index.tagged(set));
        }
    }
}
