//! A view or an external table, out of the text of its statement.

use sqlparser::ast::{CreateView, Ident, Query, Statement as Ast};

use crate::engine::hive::ExternalTable;
use crate::engine::statement::{external_table, parse_script, table_name};
use crate::error::{Error, Result, Said};
use crate::model::{Location, TableName};
use crate::query::fault::coded;
use crate::query::gate;

/// Bytes of a definition at most.
pub(super) const BYTES_MAX: usize = 1 << 20;

/// What one statement defined.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name.
    pub name: TableName,
    /// The statement.
    pub text: String,
    /// The location that it is stored in.
    pub home: Location,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    View(Box<View>),
    External(Box<External>),
}

/// A view.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub name: TableName,
    /// The names of its columns, if it gives them.
    pub columns: Vec<String>,
    /// What it is.
    pub query: Box<Query>,
}

/// An external table.
#[derive(Clone, Debug)]
pub struct External {
    /// What its statement says.
    pub table: ExternalTable,
}

impl Definition {
    /// Reads a definition from the text of its statement.
    ///
    /// # Errors
    /// Usage if the text is none.
    pub fn read(name: TableName, text: &str, home: Location) -> Result<Self> {
        if text.len() > BYTES_MAX {
            return Err(coded(Error::usage("a definition is at most 1 MiB long"), "54001"));
        }
        let what = what(&name, text)?;
        Ok(Self { name, text: text.to_owned(), home, what })
    }

    /// It, if it is a view.
    pub fn view(&self) -> Option<&View> {
        match &self.what {
            What::View(view) => Some(view),
            What::External(_) => None,
        }
    }

    /// It, if it is an external table.
    pub fn external(&self) -> Option<&External> {
        match &self.what {
            What::External(external) => Some(external),
            What::View(_) => None,
        }
    }
}

fn what(name: &TableName, text: &str) -> Result<What> {
    let mut statements = parse_script(text, "a definition")?;
    let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
        return Err(Error::usage("a definition is one statement"));
    };
    match statement.ast {
        Ast::CreateView(create) => {
            let view = view(name.clone(), &create)?;
            Ok(What::View(Box::new(view)))
        }
        Ast::CreateTable(create) if create.external => {
            Ok(What::External(Box::new(External { table: external_table(&statement.text)? })))
        }
        _ => Err(Error::usage("a definition is CREATE VIEW or CREATE EXTERNAL TABLE")),
    }
}

/// Reads CREATE VIEW.
///
/// # Errors
/// Usage if it has a clause that is not supported; refused if it does more than read.
fn view(name: TableName, create: &CreateView) -> Result<View> {
    let plain = CreateView {
        or_alter: false,
        or_replace: create.or_replace,
        materialized: false,
        secure: false,
        name: create.name.clone(),
        name_before_not_exists: false,
        columns: create.columns.clone(),
        query: create.query.clone(),
        options: sqlparser::ast::CreateTableOptions::None,
        cluster_by: Vec::new(),
        comment: None,
        with_no_schema_binding: false,
        if_not_exists: false,
        temporary: false,
        copy_grants: false,
        to: None,
        params: None,
    };
    let bare = create.columns.iter().all(|column| column.data_type.is_none() && column.options.is_none());
    if plain != *create || !bare {
        return Err(coded(Error::usage("a clause of CREATE VIEW is not supported"), "0A000")
            .with("view", &name)
            .hint("write CREATE [OR REPLACE] VIEW name [(column, …)] AS SELECT …"));
    }
    gate::check_query(&create.query)?;
    let columns = create.columns.iter().map(|column| folded(&column.name)).collect();
    Ok(View { name, columns, query: create.query.clone() })
}

/// A name as the engine reads it.
fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// The name that a statement gives to what it defines.
///
/// # Errors
/// Refused if it is in another database than `workspace`.
pub(in crate::query) fn own_name(name: &sqlparser::ast::ObjectName, workspace: &str) -> Result<TableName> {
    let read = table_name(name, workspace).ok_or_else(|| {
        coded(Error::usage("a table name has one or two parts"), "42601").with("name", &Said(&name.to_string()))
    })?;
    if read.database() != workspace {
        return Err(coded(Error::refused("statements make and change tables in the workspace only"), "42501")
            .with("table", &read)
            .hint(format!("write {workspace}.{}", read.table()))
            .hint("masked tables are made by `saltlake run`"));
    }
    Ok(read)
}
