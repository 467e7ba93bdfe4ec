//! What a statement reads, through views.

use std::collections::BTreeSet;

use sqlparser::ast::Statement as Ast;

use super::{View, Workspace};
use crate::engine::statement::{keys_of, relations_of, table_name};
use crate::error::{Error, Result};
use crate::model::{KeyId, TableName};
use crate::query::fault::coded;

/// Views on views at most.
const DEPTH_MAX: usize = 16;

/// Tables and views that a statement may read through views, each counted as often as it is read: a view that names another
/// twice, which names another twice, and so on, would fill the memory before anything is read.
const TABLES_MAX: u64 = 1_000;

/// What a statement reads.
#[derive(Debug, Default)]
pub struct Expansion {
    /// Tables and views that it names, itself or through views.
    pub relations: Vec<TableName>,
    /// The keys of masking functions, in it or in its views.
    pub keys: BTreeSet<KeyId>,
    /// The views, each behind those that it reads.
    pub views: Vec<View>,
}

impl Expansion {
    /// Adds what another reads.
    pub fn add(&mut self, other: Self) {
        self.keys.extend(other.keys);
        for name in other.relations {
            if !self.relations.contains(&name) {
                self.relations.push(name);
            }
        }
        for view in other.views {
            if !self.views.iter().any(|known| known.name == view.name) {
                self.views.push(view);
            }
        }
    }
}

impl Workspace {
    /// Follows the names of a statement through views. Names of one part stand in `default_database`.
    ///
    /// # Errors
    /// Refused if views name one another in a circle, too deeply, or too often.
    pub fn expand(&self, ast: &Ast, default_database: &str) -> Result<Expansion> {
        let mut walk =
            Walk { workspace: self, default_database, found: Expansion::default(), path: Vec::new(), tables: 0 };
        walk.statement(ast)?;
        Ok(walk.found)
    }

    /// Every view that is sound, each behind those that it reads: for statements that list what is there, and compute
    /// nothing with any key.
    pub fn every_view(&self, default_database: &str) -> Expansion {
        let mut found = Expansion::default();
        for view in self.views().filter_map(super::Definition::view) {
            let Ok(one) = self.expand(&reading(view), default_database) else { continue };
            let views = one.views.iter().cloned().chain([view.clone()]).collect();
            found.add(Expansion { views, keys: BTreeSet::new(), ..one });
        }
        found
    }
}

/// The query of a view as a statement.
pub(super) fn reading(view: &View) -> Ast {
    Ast::Query(view.query.clone())
}

struct Walk<'a> {
    workspace: &'a Workspace,
    default_database: &'a str,
    found: Expansion,
    path: Vec<TableName>,
    /// Tables in views so far.
    tables: u64,
}

impl Walk<'_> {
    fn statement(&mut self, ast: &Ast) -> Result<()> {
        self.found.keys.extend(keys_of(ast));
        for name in relations_of(ast) {
            if let Some(name) = table_name(&name, self.default_database) {
                self.relation(name)?;
            }
        }
        Ok(())
    }

    fn relation(&mut self, name: TableName) -> Result<()> {
        let own = name.database() == self.workspace.name();
        let definition = own.then(|| self.workspace.definition(name.table())).flatten();
        let view = definition.and_then(|definition| definition.view()).cloned();
        if !self.found.relations.contains(&name) {
            self.found.relations.push(name.clone());
        }
        self.tables += u64::from(!self.path.is_empty());
        if self.tables > TABLES_MAX {
            return Err(coded(Error::refused("the statement reads too many tables through views"), "54001")
                .with("most tables", &TABLES_MAX)
                .hint("create a table of one of the views: CREATE TABLE … AS SELECT * FROM …"));
        }
        let Some(view) = view else { return Ok(()) };
        if self.path.contains(&name) {
            return Err(coded(Error::refused("views name one another in a circle"), "42P17").with("view", &name));
        }
        if self.path.len() >= DEPTH_MAX {
            return Err(coded(Error::refused("views on views go too deep"), "54001")
                .with("view", &name)
                .with("most views on views", &DEPTH_MAX));
        }
        self.path.push(name);
        self.statement(&reading(&view))?;
        self.path.pop();
        if !self.found.views.iter().any(|known| known.name == view.name) {
            self.found.views.push(view);
        }
        Ok(())
    }
}
