//! The tables of a role: each behind its policy, found when a statement first names it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex as Lock, Weak};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::{CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as EngineResult};
use datafusion::datasource::ViewTable;
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use datafusion::logical_expr::{Expr, Volatility};
use datafusion::prelude::SessionContext;
use tokio::sync::Mutex;

use super::convert::{expression, where_true};
use super::session::Barrier;
use crate::engine::catalog::Database;
use crate::engine::policy::{Passed, Policy, PolicyColumn, PolicyTable, behind};
use crate::engine::table::LakeTable;
use crate::error::{Error, Result};
use crate::grant::access::{ColumnAccess, TableAccess};
use crate::grant::filter::Predicate;
use crate::model::{ColumnRef, TableName, TableSchema};

/// What decides which rows and columns of a table are shown.
pub trait Rights: Send + Sync {
    /// Whether the role may see anything of a table at all. What it may not is not even opened.
    fn may_see(&self, table: &TableName) -> bool;

    /// The role's policy on a table; `None` if it sees nothing of it.
    ///
    /// # Errors
    /// If the policy does not fit the table.
    fn access(&self, schema: &TableSchema) -> Result<Option<TableAccess>>;

    /// A policy as a text that changes with it, for the audit log.
    fn version(&self, access: &TableAccess) -> String;
}

/// What the databases of one session share.
pub(super) struct Shared {
    pub(super) rights: Arc<dyn Rights>,
    /// The engine's own session, with masking functions under the engine's keys.
    pub(super) inside: SessionContext,
    pub(super) passed: Arc<Passed>,
    pub(super) barrier: Barrier,
    /// The policies that statements met, by table.
    pub(super) met: Lock<BTreeMap<TableName, String>>,
    /// The masked columns of the tables that statements met.
    pub(super) masked: Lock<BTreeMap<TableName, BTreeSet<String>>>,
    /// Views, planned from the session's own tables.
    pub(super) views: Lock<BTreeMap<TableName, Arc<dyn TableProvider>>>,
}

impl Shared {
    fn view(&self, database: &str, name: &str) -> Option<Arc<dyn TableProvider>> {
        self.views.lock().ok()?.get(&TableName::new(database, name)).cloned()
    }

    /// The names of the views in a database.
    fn views_of(&self, database: &str) -> Vec<String> {
        let views = self.views.lock().map(|views| views.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        views.into_iter().filter(|name| name.database() == database).map(|name| name.table().to_owned()).collect()
    }
}

/// One database as a role sees it.
pub(super) struct RoleDatabase {
    database: Arc<Database>,
    shared: Arc<Shared>,
    opened: Mutex<BTreeMap<String, Option<Arc<dyn TableProvider>>>>,
    /// The name of the database.
    name: String,
}

impl fmt::Debug for RoleDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoleDatabase({})", self.name)
    }
}

impl RoleDatabase {
    pub(super) fn new(name: &str, database: Arc<Database>, shared: Arc<Shared>) -> Self {
        Self { database, shared, opened: Mutex::new(BTreeMap::new()), name: name.to_owned() }
    }

    async fn open(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let table_name = TableName::new(&self.name, name);
        if self.database.files(name).is_none() || !self.shared.rights.may_see(&table_name) {
            return Ok(None);
        }
        // The reason may name files, which are not the role's to know.
        let opened = self.database.open(name).await.map_err(|error| behind(&table_name, &error))?;
        let Some(table) = opened else { return Ok(None) };
        let Some(access) = self.shared.rights.access(&table.table_schema())? else { return Ok(None) };
        let version = self.shared.rights.version(&access);
        if let Ok(mut met) = self.shared.met.lock() {
            met.insert(table_name.clone(), version);
        }
        if let Ok(mut masked) = self.shared.masked.lock() {
            let columns = access.columns.iter().filter(|column| column.mask.is_some());
            masked.insert(table_name.clone(), columns.map(|column| column.column.clone()).collect());
        }
        let policy = policy_of(&access, &table, &self.shared.inside)?;
        let (inside, passed) = (self.shared.inside.clone(), Arc::clone(&self.shared.passed));
        let policed = PolicyTable::new(table_name, table, policy, inside, passed)?;
        Ok(Some(match self.shared.barrier {
            Barrier::Fence => Arc::new(policed),
            Barrier::PlainView => {
                let view = policed.as_view().map_err(|error| crate::engine::fault::engine_fault(&error))?;
                Arc::new(ViewTable::new(view, None))
            }
        }))
    }
}

#[async_trait]
impl SchemaProvider for RoleDatabase {
    /// Names of tables that the role may see anything of. Some turn out to show nothing: `table` decides.
    fn table_names(&self) -> Vec<String> {
        let visible = |name: &&str| self.shared.rights.may_see(&TableName::new(&self.name, *name));
        let tables = self.database.names().filter(visible).map(str::to_owned);
        tables.chain(self.shared.views_of(&self.name)).collect()
    }

    async fn table(&self, name: &str) -> EngineResult<Option<Arc<dyn TableProvider>>> {
        if let Some(view) = self.shared.view(&self.name, name) {
            return Ok(Some(view));
        }
        let mut opened = self.opened.lock().await;
        if let Some(known) = opened.get(name) {
            return Ok(known.clone());
        }
        let table = self.open(name).await.map_err(crate::engine::fault::external)?;
        opened.insert(name.to_owned(), table.clone());
        Ok(table)
    }

    fn table_exist(&self, name: &str) -> bool {
        let table = self.database.files(name).is_some();
        let seen = table && self.shared.rights.may_see(&TableName::new(&self.name, name));
        seen || self.shared.view(&self.name, name).is_some()
    }
}

/// A role's policy as the engine's expressions.
///
/// # Errors
/// Refused if a filter or a mask does not fit the table. Names the column, not the policy.
fn policy_of(access: &TableAccess, table: &LakeTable, inside: &SessionContext) -> Result<Policy> {
    let schema = datafusion::catalog::TableProvider::schema(table);
    let rows = match &access.rows {
        Predicate::True => None,
        rows => Some(expression(rows, &schema)?),
    };
    let columns = access.columns.iter().map(|column| {
        Ok(PolicyColumn { name: column.column.clone(), shown: shown(column, table.name(), &schema, inside)? })
    });
    Ok(Policy { rows, columns: columns.collect::<Result<_>>()? })
}

fn shown(
    column: &ColumnAccess,
    table: &TableName,
    schema: &SchemaRef,
    inside: &SessionContext,
) -> Result<Option<Expr>> {
    let masked = match &column.mask {
        Some(mask) => Some(mask_of(mask, &column.column, table, schema, inside)?),
        None => None,
    };
    if column.cells == Predicate::True {
        return Ok(masked);
    }
    let raw = || Expr::Column(datafusion::common::Column::new_unqualified(&column.column));
    where_true(&column.cells, masked.unwrap_or_else(raw), schema).map(Some)
}

/// A mask of the settings, planned on the raw row.
fn mask_of(mask: &str, column: &str, table: &TableName, schema: &SchemaRef, inside: &SessionContext) -> Result<Expr> {
    let place = ColumnRef { table: table.clone(), column: column.to_owned() };
    let unfit = || {
        Error::refused("a mask of the role cannot be computed on its table")
            .with("code", &crate::error::Said("58000"))
            .with("column", &place)
            .hint("a mask is an expression on the columns of the table, such as `mask_email(mail)`")
    };
    let fields = DFSchema::try_from(Arc::clone(schema)).map_err(|_| unfit())?;
    let expr = inside.state().create_logical_expr(mask, &fields).map_err(|_| unfit())?;
    let mut sound = true;
    let _ = expr.apply(|part| {
        sound &= match part {
            Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::ScalarSubquery(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::Placeholder(_)
            | Expr::ScalarVariable(..)
            | Expr::OuterReferenceColumn(..) => false,
            // The same row has to look the same each time, or averaging would undo the mask.
            Expr::ScalarFunction(function) => function.func.signature().volatility != Volatility::Volatile,
            _ => true,
        };
        Ok(TreeNodeRecursion::Continue)
    });
    if sound { Ok(unnormalize_col(expr)) } else { Err(unfit()) }
}

/// The information schema of a role: what its own tables and functions are. Settings of the engine are not shown, since
/// they name folders of the machine.
pub(super) struct RoleInformation {
    /// The list holds this schema in turn.
    pub(super) catalogs: Weak<dyn CatalogProviderList>,
}

impl fmt::Debug for RoleInformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoleInformation")
    }
}

/// The tables of the information schema that a role may read.
const SHOWN: [&str; 6] = ["tables", "columns", "schemata", "views", "routines", "parameters"];

#[async_trait]
impl SchemaProvider for RoleInformation {
    fn table_names(&self) -> Vec<String> {
        SHOWN.iter().map(|name| (*name).to_owned()).collect()
    }

    async fn table(&self, name: &str) -> EngineResult<Option<Arc<dyn TableProvider>>> {
        match self.catalogs.upgrade() {
            Some(catalogs) if self.table_exist(name) => InformationSchemaProvider::new(catalogs).table(name).await,
            _ => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        SHOWN.contains(&name)
    }
}
