//! What each grant gives, found out once: where, which columns, which rows, or why nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::filter::Predicate;
use super::names::{Meaning, fold, meaning};
use super::places::Scope;
use super::principal::{Key, granted};
use super::tags::Conditions;
use super::{CellsFilter, Columns, Grant, Problem, Resource, Snapshot, Tables, Tagged, Tags};

/// Permissions that are known here. Any other gives nothing and is reported.
const PERMISSIONS: [&str; 17] = [
    "ALL",
    "SELECT",
    "ALTER",
    "DROP",
    "DELETE",
    "INSERT",
    "DESCRIBE",
    "CREATE_DATABASE",
    "CREATE_TABLE",
    "DATA_LOCATION_ACCESS",
    "CREATE_LF_TAG",
    "ASSOCIATE",
    "GRANT_WITH_LF_TAG_EXPRESSION",
    "CREATE_LF_TAG_EXPRESSION",
    "CREATE_CATALOG",
    "SUPER_USER",
    "EXECUTE",
];

/// The name under which Lake Formation lists a grant on every table of a database.
pub const ALL_TABLES: &str = "ALL_TABLES";

/// What a grant gives to read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Right {
    /// Its place among the snapshot's grants.
    pub(super) grant: usize,
    /// Where.
    pub(super) scope: Scope,
    /// Which columns; for a tagged scope, those whose tags match.
    pub(super) columns: Columns,
    /// Which rows, as written.
    pub(super) rows: Predicate,
}

/// Why a grant that should give something to read gives nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    /// Its place among the snapshot's grants.
    pub(super) grant: usize,
    /// Where it would.
    pub(super) scope: Scope,
    /// Why it does not.
    pub(super) why: String,
}

/// Every grant, understood.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) rights: Vec<Right>,
    pub(super) refusals: Vec<Refusal>,
    /// Places among the rights, by principal.
    pub(super) rights_of: HashMap<Key, Vec<usize>>,
    /// Places among the refusals, by principal.
    pub(super) refusals_of: HashMap<Key, Vec<usize>>,
    pub(super) problems: Vec<Problem>,
}

/// A filter's key: database, table and name in lower case.
pub(super) type FilterKey = (String, String, String);

/// A filter, or why it gives nothing.
type Filters = HashMap<FilterKey, Result<(Predicate, Columns), String>>;

/// What a resource gives when it is granted for reading.
enum Gives {
    Rows(Scope, Columns, Predicate),
    Nothing,
    Refused(Scope, String),
}

impl Index {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let mut index = Self { problems: snapshot.problems.clone(), ..Self::default() };
        let filters = index.filters(snapshot);
        for (place, grant) in snapshot.grants.iter().enumerate() {
            index.grant(place, grant, snapshot, &filters);
        }
        index.unmanaged(snapshot);
        index
    }

    fn problem(&mut self, origin: &str, what: String, why: impl Into<String>) {
        self.problems.push(Problem { origin: origin.to_owned(), what, why: why.into() });
    }

    /// Reads every filter once. What is wrong with one is told once, however many grants name it.
    fn filters(&mut self, snapshot: &Snapshot) -> Filters {
        let mut filters = Filters::new();
        let mut read: HashMap<FilterKey, &CellsFilter> = HashMap::new();
        for filter in &snapshot.filters {
            let key = filter_key(&filter.database, &filter.table, &filter.name);
            let twice = read.get(&key).is_some_and(|other| !same_filter(other, filter));
            if !twice && read.contains_key(&key) {
                continue;
            }
            let understood =
                if twice { Err("it was read twice, with different contents".to_owned()) } else { understand(filter) };
            if let Err(why) = &understood {
                self.problem("cells filters", filter_words(filter), why.clone());
            }
            read.insert(key.clone(), filter);
            filters.insert(key, understood);
        }
        filters
    }

    fn grant(&mut self, place: usize, grant: &Grant, snapshot: &Snapshot, filters: &Filters) {
        for permission in &grant.permissions {
            if !PERMISSIONS.contains(&permission.as_str()) {
                let why = format!("the permission {} is not known", crate::model::printable(permission));
                self.problem(&grant.origin, grant.what(), why);
            }
        }
        if matches!(grant.resource, Resource::Unknown(_)) {
            self.problem(&grant.origin, grant.what(), "a resource of this kind is not known");
            return;
        }
        let gives = match (&grant.condition, gives(grant, snapshot, filters)) {
            (Some(_), Gives::Rows(scope, ..) | Gives::Refused(scope, _)) => {
                Gives::Refused(scope, "it has a condition on the session, which is not evaluated".to_owned())
            }
            (_, gives) => gives,
        };
        match gives {
            Gives::Nothing => {}
            Gives::Rows(scope, columns, rows) => {
                let key = granted(&grant.principal);
                self.rights_of.entry(key).or_default().push(self.rights.len());
                self.rights.push(Right { grant: place, scope, columns, rows });
            }
            Gives::Refused(scope, why) => {
                // A filter that is wrong in itself was told already.
                let told = matches!(&grant.resource, Resource::CellsFilter { database, table, name }
                    if filters.get(&filter_key(database, table, name)).is_some_and(Result::is_err));
                if !told || grant.condition.is_some() {
                    self.problem(&grant.origin, grant.what(), why.clone());
                }
                let key = granted(&grant.principal);
                self.refusals_of.entry(key).or_default().push(self.refusals.len());
                self.refusals.push(Refusal { grant: place, scope, why });
            }
        }
    }

    /// Tells, once per database, where Lake Formation does not enforce.
    fn unmanaged(&mut self, snapshot: &Snapshot) {
        let mut tables: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
        for grant in &snapshot.grants {
            let reads = grant.permissions.contains("ALL") || grant.permissions.contains("SELECT");
            if granted(&grant.principal) != Key::Everyone || !reads {
                continue;
            }
            let (database, what) = match &grant.resource {
                Resource::Database(database) => (database, "the database".to_owned()),
                Resource::Table { database, table } | Resource::Columns { database, table, .. } => {
                    (database, table.to_string())
                }
                _ => continue,
            };
            tables.entry((&grant.origin, database)).or_default().insert(what);
        }
        for ((origin, database), names) in tables {
            let what = match names.first() {
                Some(name) if names.len() == 1 => name.clone(),
                _ => format!("{} resources", names.len()),
            };
            let what = crate::model::printable(&format!("IAM_ALLOWED_PRINCIPALS on {what} of {database}"));
            self.problem(origin, what, "lake formation does not enforce there: whom IAM allows, reads");
        }
    }
}

pub(super) fn filter_key(database: &str, table: &str, name: &str) -> FilterKey {
    (fold(database).into_owned(), fold(table).into_owned(), fold(name).into_owned())
}

/// Where a table of a grant is.
pub(super) fn table_scope(database: &str, table: &Tables) -> Scope {
    match table {
        Tables::Named(table) if table != ALL_TABLES => {
            Scope::Table(fold(database).into_owned(), fold(table).into_owned())
        }
        _ => Scope::Database(fold(database).into_owned()),
    }
}

/// The expression that tags are compared with. `None` for a saved one that was not read.
pub(super) fn conditions(tags: &Tags, snapshot: &Snapshot) -> Option<Conditions> {
    match tags {
        Tags::Expression(expression) => Some(Conditions::new(expression)),
        Tags::Saved(name) => match meaning(name, snapshot.expressions.keys().map(String::as_str)) {
            Meaning::One(place) => snapshot.expressions.values().nth(place).map(Conditions::new),
            Meaning::Unknown | Meaning::Ambiguous => None,
        },
    }
}

/// Every table that a resource can have to do with: right for what closes tables.
pub(super) fn widest_scope(resource: &Resource, snapshot: &Snapshot) -> Scope {
    match resource {
        Resource::Database(database) => Scope::Database(fold(database).into_owned()),
        Resource::Table { database, table } | Resource::Columns { database, table, .. } => table_scope(database, table),
        Resource::CellsFilter { database, table, .. } => {
            Scope::Table(fold(database).into_owned(), fold(table).into_owned())
        }
        Resource::Tagged { tags, .. } => conditions(tags, snapshot).map_or(Scope::Everything, Scope::Tagged),
        Resource::Catalog | Resource::DataLocation(_) | Resource::Unrelated(_) | Resource::Unknown(_) => {
            Scope::Everything
        }
    }
}

/// What a grant gives to read, its condition aside.
fn gives(grant: &Grant, snapshot: &Snapshot, filters: &Filters) -> Gives {
    let select = grant.permissions.contains("SELECT");
    let reads = select || grant.permissions.contains("ALL");
    match &grant.resource {
        Resource::Catalog if grant.permissions.contains("SUPER_USER") => {
            Gives::Rows(Scope::Everything, Columns::All, Predicate::True)
        }
        Resource::Table { database, table } if reads => {
            Gives::Rows(table_scope(database, table), Columns::All, Predicate::True)
        }
        Resource::Columns { database, table, columns } if select || (reads && *columns == Columns::All) => {
            Gives::Rows(table_scope(database, table), columns.clone(), Predicate::True)
        }
        Resource::CellsFilter { database, table, name } if select => {
            let key = filter_key(database, table, name);
            let scope = Scope::Table(key.0.clone(), key.1.clone());
            match filters.get(&key) {
                Some(Ok((rows, columns))) => Gives::Rows(scope, columns.clone(), rows.clone()),
                Some(Err(why)) => Gives::Refused(scope, format!("its cells filter gives nothing: {why}")),
                None => Gives::Refused(scope, "its cells filter was not read".to_owned()),
            }
        }
        Resource::Tagged { kind: Tagged::Tables, tags } if reads => match conditions(tags, snapshot) {
            Some(conditions) => Gives::Rows(Scope::Tagged(conditions), Columns::All, Predicate::True),
            None => Gives::Refused(Scope::Everything, "its saved LF-Tag expression was not read".to_owned()),
        },
        _ => Gives::Nothing,
    }
}

fn understand(filter: &CellsFilter) -> Result<(Predicate, Columns), String> {
    let (Columns::Only(names) | Columns::Except(names)) = &filter.columns else {
        return Ok((rows(filter)?, Columns::All));
    };
    if names.iter().any(|name| name.starts_with('"')) {
        return Err("it names fields inside a column, which is not mirrored".to_owned());
    }
    Ok((rows(filter)?, filter.columns.clone()))
}

fn rows(filter: &CellsFilter) -> Result<Predicate, String> {
    filter.rows.as_deref().map_or(Ok(Predicate::True), Predicate::parse)
}

fn same_filter(one: &CellsFilter, other: &CellsFilter) -> bool {
    one.rows == other.rows && one.columns == other.columns
}

pub(super) fn filter_words(filter: &CellsFilter) -> String {
    let CellsFilter { database, table, name, .. } = filter;
    crate::model::printable(&format!("cells filter {name} of {database}.{table}"))
}
