//! A role's rights, from grants.

use std::sync::Arc;

use super::tables::Rights;
use crate::error::Result;
use crate::grant::access::TableAccess;
use crate::grant::evaluate::Grants;
use crate::grant::{Role, masks::check_masks, stored::policy_version};
use crate::model::{TableName, TableSchema};

/// What one role was granted.
pub struct Granted {
    grants: Arc<Grants>,
    role: Role,
}

impl Granted {
    /// The rights of a role.
    pub fn new(grants: Arc<Grants>, role: Role) -> Self {
        Self { grants, role }
    }
}

impl Rights for Granted {
    fn may_see(&self, table: &TableName) -> bool {
        self.grants.of(&self.role).may_see(table)
    }

    fn access(&self, schema: &TableSchema) -> Result<Option<TableAccess>> {
        check_masks(&self.role, schema)?;
        Ok(self.grants.access(&self.role, schema))
    }

    fn version(&self, access: &TableAccess) -> String {
        policy_version(&self.role, std::slice::from_ref(access))
    }
}
