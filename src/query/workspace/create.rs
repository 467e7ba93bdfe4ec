//! CREATE VIEW, CREATE EXTERNAL TABLE and DROP, as far as they can be judged before anything is planned.

use std::path::Path;

use sqlparser::ast::{ObjectType, Statement as Ast};

use super::definition::own_name;
use super::{Definition, Reach, Workspace, tables};
use crate::engine::Engine;
use crate::error::{Error, Result, Said};
use crate::model::{Location, TableName};
use crate::query::fault::coded;

/// A view as CREATE VIEW defines it. It is not planned yet, and not stored.
///
/// # Errors
/// Refused if it is in another database, or the name is taken; usage if a clause is not supported.
pub fn view(ast: &Ast, text: &str, workspace: &Workspace) -> Result<Definition> {
    let Ast::CreateView(create) = ast else {
        return Err(coded(Error::usage("the statement is not CREATE VIEW"), "42601"));
    };
    let name = own_name(&create.name, workspace.name())?;
    let before = workspace.definition(name.table());
    let replaced = before.filter(|before| create.or_replace && before.view().is_some());
    if replaced.is_none() && workspace.holds(name.table()) {
        let hint = match before.and_then(Definition::view) {
            Some(_) => "write CREATE OR REPLACE VIEW, or choose another name",
            None => "choose another name: a table has this one",
        };
        return Err(coded(Error::refused("the name is taken"), "42P07").with("view", &name).hint(hint));
    }
    let home = match replaced {
        Some(before) => before.home.clone(),
        None => home(workspace, &name)?,
    };
    Definition::read(name, text, home)
}

/// An external table as its statement defines it, not stored yet; `None` if it is there and the statement says
/// IF NOT EXISTS.
///
/// # Errors
/// Refused if it is in another database, the name is taken, or the session does not reach its location.
pub fn external(
    ast: &Ast,
    text: &str,
    workspace: &Workspace,
    engine: &Engine,
    reach: Reach,
    base: &Path,
) -> Result<Option<Definition>> {
    let Ast::CreateTable(create) = ast else {
        return Err(coded(Error::usage("the statement is not CREATE EXTERNAL TABLE"), "42601"));
    };
    let name = own_name(&create.name, workspace.name())?;
    if workspace.holds(name.table()) {
        if create.if_not_exists && workspace.definition(name.table()).is_none_or(|known| known.view().is_none()) {
            return Ok(None);
        }
        return Err(coded(Error::refused("the table exists"), "42P07")
            .with("table", &name)
            .hint("choose another name, or write CREATE EXTERNAL TABLE IF NOT EXISTS"));
    }
    let definition = Definition::read(name.clone(), text, home(workspace, &name)?)?;
    if let Some(external) = definition.external() {
        tables::external_place(engine, &external.table.location, workspace.locations(), reach, base)?;
    }
    Ok(Some(definition))
}

/// The first location.
fn home(workspace: &Workspace, name: &TableName) -> Result<Location> {
    workspace.locations().first().cloned().ok_or_else(|| no_place(name))
}

/// There is nowhere to make anything.
pub fn no_place(name: &TableName) -> Error {
    coded(Error::usage("there is no place for tables and views of your own"), "42501")
        .with("name", name)
        .hint("set `[query] workspace` in saltlake.toml, or `locations` of the role: a folder or an s3:// prefix")
}

/// What DROP takes away.
#[derive(Clone, Debug)]
pub enum Dropped {
    /// The files of a table.
    Files(TableName),
    /// A view, or an external table, whose files stay.
    Definition(Box<Definition>),
}

impl Dropped {
    /// Its name.
    pub fn name(&self) -> &TableName {
        match self {
            Self::Files(name) => name,
            Self::Definition(definition) => &definition.name,
        }
    }
}

/// Reads DROP TABLE and DROP VIEW. What is not there is left out, if the statement says IF EXISTS.
///
/// # Errors
/// Refused if a name is not in the workspace; usage if it is not there, or is of the other kind.
pub fn dropped(ast: &Ast, workspace: &Workspace) -> Result<Vec<Dropped>> {
    let Ast::Drop { object_type, if_exists, names, cascade, restrict, purge, temporary, table } = ast else {
        return Err(coded(Error::usage("the statement is not DROP"), "42601"));
    };
    let is_view = *object_type == ObjectType::View;
    if !is_view && *object_type != ObjectType::Table || *cascade || *restrict || *purge || *temporary || table.is_some()
    {
        return Err(coded(Error::usage("a clause of DROP is not supported"), "0A000")
            .hint("write DROP TABLE [IF EXISTS] name, or DROP VIEW [IF EXISTS] name"));
    }
    let mut all = Vec::new();
    for written in names {
        let name = own_name(written, workspace.name())?;
        let definition = workspace.definition(name.table());
        let found = match definition {
            Some(definition) if definition.view().is_some() == is_view => {
                Some(Dropped::Definition(Box::new(definition.clone())))
            }
            Some(_) => return Err(other_kind(&name, is_view)),
            None if workspace.home(name.table()).is_some() && is_view => return Err(other_kind(&name, is_view)),
            None => workspace.home(name.table()).map(|_| Dropped::Files(name.clone())),
        };
        match found {
            Some(found) => all.push(found),
            None if *if_exists => {}
            None => {
                return Err(coded(Error::usage("there is no such table or view"), "42P01")
                    .with("name", &name)
                    .hint("SHOW TABLES lists what there is; DROP … IF EXISTS passes over what is not"));
            }
        }
    }
    Ok(all)
}

fn other_kind(name: &TableName, is_view: bool) -> Error {
    let (message, hint) = if is_view {
        ("it is a table and no view", "write DROP TABLE")
    } else {
        ("it is a view and no table", "write DROP VIEW")
    };
    coded(Error::usage(message), "42809").with("name", &Said(&name.to_string())).hint(hint)
}
