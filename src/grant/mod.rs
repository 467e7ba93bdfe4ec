//! Stage 5: who may read what. Grants of AWS Lake Formation, or of the settings, become one policy per role and table.
//!
//! In: a [`Snapshot`] of what was granted, the [`Role`]s, and the tables' columns. Out: [`TableAccess`], the policy that
//! the engine enforces behind its barrier.
//!
//! INVARIANT: pure. No clock, network or file: same input, same policies.
//! INVARIANT: in doubt nothing is given. A grant that is not understood is listed in [`Snapshot::problems`] and gives
//! nothing; what narrows access and cannot be mirrored closes its table.

pub mod access;
mod check;
mod contribution;
mod describe;
pub mod evaluate;
pub mod filter;
pub mod index;
pub mod masks;
mod names;
pub mod parse;
mod places;
pub mod principal;
pub mod print;
#[cfg(test)]
mod reference;
pub mod settings;
pub mod stored;
mod tags;
#[cfg(test)]
mod tests;
pub mod why;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::access::{ColumnAccess, TableAccess};
pub use self::evaluate::{Decision, Grants, RefusedGrant, RoleGrants};
pub use self::filter::Predicate;
pub use self::masks::check_masks;
use crate::error::Result;
use crate::model::{KeyId, TableName};

/// Everything that was granted, as it was read: from Lake Formation, from the AWS CLI's files, or from the settings.
///
/// Names of databases, tables, columns and tags are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Grants, in the order in which they were read.
    pub grants: Vec<Grant>,
    /// Data cells filters, by which grants name rows and columns.
    pub filters: Vec<CellsFilter>,
    /// LF-Tags of databases, tables and columns.
    pub tags: Vec<TagAssignment>,
    /// Saved LF-Tag expressions, by name.
    pub expressions: BTreeMap<String, TagExpression>,
    /// Data lake administrators, read-only ones included. They may grant, and read nothing by that.
    pub administrators: Vec<String>,
    /// Principals that opted in to Lake Formation for a resource in hybrid access mode.
    pub opt_ins: Vec<OptIn>,
    /// Row-level security policies that are attached to something. They narrow access and cannot be mirrored.
    pub attachments: Vec<Attachment>,
    /// What was not understood, and therefore gives nothing.
    pub problems: Vec<Problem>,
}

/// One grant: a principal, a resource, and what the principal may do with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who: an ARN, an account, a group, or `IAM_ALLOWED_PRINCIPALS`.
    pub principal: String,
    /// What it is about.
    pub resource: Resource,
    /// A Cedar expression on the session. A grant that has one gives nothing, since it is not evaluated.
    pub condition: Option<String>,
    /// Permissions in their wire names, such as `SELECT`.
    pub permissions: BTreeSet<String>,
    /// Where it was read, for people: `lakeformation`, `permissions.json, entry 3`, `saltlake.toml, roles.analyst`.
    pub origin: String,
}

/// What a grant is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// The whole catalog.
    Catalog,
    /// A database. Gives no rows of its tables.
    Database(String),
    /// A table, or every table of a database.
    Table {
        /// The database.
        database: String,
        /// Which of its tables.
        table: Tables,
    },
    /// Columns of a table, or of every table of a database.
    Columns {
        /// The database.
        database: String,
        /// Which of its tables.
        table: Tables,
        /// Which columns.
        columns: Columns,
    },
    /// A data cells filter of a table.
    CellsFilter {
        /// The database.
        database: String,
        /// The table.
        table: String,
        /// The filter's name.
        name: String,
    },
    /// Databases, or tables and columns, whose LF-Tags match an expression.
    Tagged {
        /// What it gives permissions on.
        kind: Tagged,
        /// Which tags.
        tags: Tags,
    },
    /// A place in storage where tables may be created. Gives no rows.
    DataLocation(String),
    /// Something that has to do with reading nothing: an LF-Tag, a saved expression.
    Unrelated(String),
    /// A resource of a kind that is not known here. Gives nothing, and is a [`Problem`].
    Unknown(String),
}

/// Tables of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tables {
    /// Every table, also those that come later.
    All,
    /// One table.
    Named(String),
}

/// Columns of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Columns {
    /// Every column, also those that come later.
    All,
    /// These columns alone.
    Only(Vec<String>),
    /// Every column but these, also those that come later.
    Except(Vec<String>),
}

/// What an LF-Tag grant gives permissions on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tagged {
    /// Databases. Gives no rows.
    Databases,
    /// Tables and columns.
    Tables,
}

/// The tags that an LF-Tag grant asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tags {
    /// Written out.
    Expression(TagExpression),
    /// A saved expression, by name.
    Saved(String),
}

/// Tag keys and the values of which a resource must have one: AND across keys, OR across values, `*` for any value.
pub type TagExpression = BTreeMap<String, BTreeSet<String>>;

/// A data cells filter: rows and columns of a table under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellsFilter {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// Its name, unique in the table.
    pub name: String,
    /// The row filter as written; `None` for all rows.
    pub rows: Option<String>,
    /// Which columns.
    pub columns: Columns,
}

/// LF-Tags that were assigned to a database, a table or a column. What is below inherits, key by key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagAssignment {
    /// The database.
    pub database: String,
    /// The table; `None` for the database itself.
    pub table: Option<String>,
    /// The column; `None` for the table itself.
    pub column: Option<String>,
    /// One value per key.
    pub tags: BTreeMap<String, String>,
}

/// A principal for whom Lake Formation is enforced on a resource in hybrid access mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptIn {
    /// Who.
    pub principal: String,
    /// Where.
    pub resource: Resource,
}

/// A row-level security policy on a table, or on whatever its resource matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The policy's name.
    pub policy: String,
    /// What it is attached to.
    pub resource: Resource,
}

/// Something that was not understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where it was read.
    pub origin: String,
    /// What it is, in names: the principal and the resource, or the filter.
    pub what: String,
    /// Why it gives nothing.
    pub why: String,
}

/// Who a session acts for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Its name in the settings.
    pub name: String,
    /// The principal whose grants it has.
    pub principal: Option<String>,
    /// Groups that cover the principal. Lake Formation does not know them.
    pub groups: Vec<String>,
    /// Whether it reads everything, raw tables too.
    pub full_access: bool,
    /// Keys that it may compute masking functions with.
    pub keys: BTreeSet<KeyId>,
    /// Masks of our own: table (`customer` or `dataset.customer`), column, expression on the raw row.
    pub masks: BTreeMap<String, BTreeMap<String, String>>,
}

/// What is done where Lake Formation does not enforce: resources of `IAM_ALLOWED_PRINCIPALS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unmanaged {
    /// Nobody reads them by that.
    #[default]
    Deny,
    /// Every role reads them.
    Allow,
}

/// Where grants are read.
#[async_trait]
pub trait GrantSource: Send + Sync {
    /// Everything that was granted on these databases and tables.
    ///
    /// # Errors
    /// If anything of it cannot be read: a part of the grants is no basis.
    async fn snapshot(&self, tables: &[TableName]) -> Result<Snapshot>;
}
