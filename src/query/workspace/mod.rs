//! The database `workspace`: the tables, views and external tables that statements have made.
//!
//! Tables are folders in the locations. Views and external tables are the text of their own statement, in
//! `_saltlake/definitions/` of a location.
//!
//! INVARIANT: a view is planned in the session that reads it, from that session's tables. It shows nothing that its reader
//! could not select, whoever wrote it.
//! INVARIANT: what a definition names is judged when it is read, not only when it is written: definitions are files, and
//! whoever may write to the location may change them.

pub mod create;
mod definition;
mod expand;
mod schema;
mod store;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub(in crate::query) use self::definition::own_name;
pub use self::definition::{Definition, External, View};
pub use self::expand::Expansion;
pub use self::schema::{WorkspaceSchema, plan_view};
pub use self::store::{remove, save};
pub use self::tables::workspace;
use crate::engine::Engine;
use crate::engine::catalog::Database;
use crate::error::Result;
use crate::model::{Location, TableName, printable};

/// How far a session's statements reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Into its own locations alone.
    Own,
    /// Anywhere but where things are kept apart.
    Anywhere,
}

/// What is in the locations of one session.
pub struct Workspace {
    name: String,
    locations: Vec<Location>,
    database: Arc<Database>,
    /// Where each table lies that is a folder.
    homes: BTreeMap<String, Location>,
    definitions: BTreeMap<String, Definition>,
}

impl Workspace {
    /// Reads what is in the locations. Of two things with one name, that of the first location is seen, and a table
    /// before a definition. Relative places in definitions start at `base`.
    ///
    /// # Errors
    /// Refused if a location meets what is kept apart. Failed if one cannot be listed.
    pub async fn open(engine: &Engine, locations: &[Location], name: &str, reach: Reach, base: &Path) -> Result<Self> {
        let (mut tables, homes) = tables::collect(engine, locations, name).await?;
        let mut definitions = BTreeMap::new();
        for location in locations {
            for definition in store::read_all(engine, location, name).await? {
                let key = definition.name.table().to_owned();
                if !tables.contains_key(&key) && !definitions.contains_key(&key) {
                    definitions.insert(key, definition);
                }
            }
        }
        let mut left_out = Vec::new();
        for (key, definition) in &definitions {
            let Some(external) = definition.external() else { continue };
            match tables::external(engine, &definition.name, external, locations, reach, base).await {
                Ok(files) => {
                    tables.insert(key.clone(), files);
                }
                // One that cannot be read must not take the others with it.
                Err(error) => {
                    let shown = printable(&definition.name.to_string());
                    engine.warn(format!("the external table `{shown}` is left out: {}", error.message()));
                    left_out.push(key.clone());
                }
            }
        }
        let database = Arc::new(Database::new(tables, false, engine.reader()));
        Ok(Self { name: name.to_owned(), locations: locations.to_vec(), database, homes, definitions })
    }

    /// One that is empty: for statements that name nothing of it.
    pub fn nothing(engine: &Engine, name: &str) -> Self {
        let database = Arc::new(Database::new(BTreeMap::new(), false, engine.reader()));
        let (homes, definitions) = (BTreeMap::new(), BTreeMap::new());
        Self { name: name.to_owned(), locations: Vec::new(), database, homes, definitions }
    }

    /// Its name as a database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The locations, in order.
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// The tables and external tables.
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// Where a table lies: the location that its folder is in.
    pub fn home(&self, table: &str) -> Option<&Location> {
        self.homes.get(table)
    }

    /// A view or an external table.
    pub fn definition(&self, name: &str) -> Option<&Definition> {
        self.definitions.get(name)
    }

    /// The names of views.
    pub fn views(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.values().filter(|definition| definition.view().is_some())
    }

    /// Whether anything has the name.
    pub fn holds(&self, name: &str) -> bool {
        self.database.files(name).is_some() || self.definitions.contains_key(name)
    }

    /// The name of one of its tables.
    pub fn table(&self, name: &str) -> TableName {
        TableName::new(&self.name, name)
    }

    /// With a definition that is not stored yet.
    #[must_use]
    pub fn with(mut self, definition: Definition) -> Self {
        self.definitions.insert(definition.name.table().to_owned(), definition);
        self
    }
}
