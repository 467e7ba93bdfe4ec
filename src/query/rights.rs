//! A role's rights, from grants.

use std::sync::Arc;

use super::tables::Rights;
use crate::error::Result;
use crate::grant::access::TableAccess;
use crate::grant::evaluate::Grants;
use crate::grant::settings::check_role;
use crate::grant::stored::policy_version;
use crate::grant::{Columns, Role};
use crate::model::{TableName, TableSchema};

/// What one role was granted.
pub struct Granted {
    grants: Arc<Grants>,
    role: Role,
    /// The columns that the role's settings name, by the pattern of their table.
    declared: Vec<(String, Columns)>,
    /// The database of the role's own results, all of which it sees.
    workspace: String,
}

impl Granted {
    /// The rights of a role, whose own results are in the database `workspace`. `declared` are the columns that its
    /// settings name, by the pattern of their table: each has to be there.
    pub fn new(grants: Arc<Grants>, role: Role, declared: Vec<(String, Columns)>, workspace: &str) -> Self {
        Self { grants, role, declared, workspace: workspace.to_owned() }
    }
}

impl Rights for Granted {
    fn may_see(&self, table: &TableName) -> bool {
        table.database() == self.workspace || self.grants.of(&self.role).may_see(table)
    }

    fn access(&self, schema: &TableSchema) -> Result<Option<TableAccess>> {
        if schema.name.database() == self.workspace {
            return Ok(Some(TableAccess::everything(schema)));
        }
        check_role(&self.role, &self.declared, schema)?;
        Ok(self.grants.access(&self.role, schema))
    }

    fn version(&self, access: &TableAccess) -> String {
        policy_version(&self.role.name, std::slice::from_ref(access))
    }
}
