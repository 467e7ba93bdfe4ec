//! The databases that SQL sees: raw and masked tables, opened when a statement first names them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::Result as EngineResult;
use datafusion::prelude::SessionContext;
use tokio::sync::Mutex;

use super::lake::TableFiles;
use super::table::LakeTable;
use crate::error::{Error, Result, Said};

/// One database: its tables' files are pinned, their schemas are read on first use.
pub struct Database {
    tables: BTreeMap<String, TableFiles>,
    opened: Mutex<BTreeMap<String, Arc<LakeTable>>>,
    merge_schemas: bool,
    reader: SessionContext,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({} tables)", self.tables.len())
    }
}

impl Database {
    /// A database of these tables. `reader` is the session whose stores and caches read schemas.
    pub fn new(tables: BTreeMap<String, TableFiles>, merge_schemas: bool, reader: SessionContext) -> Self {
        Self { tables, opened: Mutex::new(BTreeMap::new()), merge_schemas, reader }
    }

    /// The names of its tables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// The files of a table.
    pub fn files(&self, name: &str) -> Option<&TableFiles> {
        self.tables.get(name)
    }

    /// Adds the file to an error about what a file holds, by reading these tables again file by file. Other errors stay
    /// as they are.
    pub async fn name_file<'a>(&self, error: Error, tables: impl IntoIterator<Item = &'a str>) -> Error {
        if !super::fault::wants_file(&error) {
            return error;
        }
        for name in tables {
            if let Ok(Some(table)) = self.open(name).await
                && let Some(file) = table.find_undecodable(&self.reader).await
            {
                return error.with("table", table.name()).with("file", &Said(&file));
            }
        }
        error
    }

    /// Opens a table: reads its schema the first time.
    pub async fn open(&self, name: &str) -> Result<Option<Arc<LakeTable>>> {
        let Some(files) = self.tables.get(name) else { return Ok(None) };
        let mut opened = self.opened.lock().await;
        if let Some(table) = opened.get(name) {
            return Ok(Some(Arc::clone(table)));
        }
        let table = Arc::new(LakeTable::open(files.clone(), self.merge_schemas, &self.reader).await?);
        opened.insert(name.to_owned(), Arc::clone(&table));
        Ok(Some(table))
    }
}

#[async_trait]
impl SchemaProvider for Database {
    fn table_names(&self) -> Vec<String> {
        self.tables.keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> EngineResult<Option<Arc<dyn TableProvider>>> {
        let opened = self.open(name).await.map_err(super::fault::external)?;
        Ok(opened.map(|table| table as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }
}
