//! Who reads what: all grants at once, and the policy of one role on one table.
//!
//! Grants are indexed by principal, and those of a role by table, so the work grows with the grants that touch the role
//! and not with principals times tables.

use std::collections::HashMap;

use super::access::TableAccess;
use super::contribution::{Contribution, columns_of, unite};
use super::index::{Index, Right, widest_scope};
use super::masks::masks_of;
use super::names::fold;
use super::places::{Places, Scope};
use super::principal::{Key, covers, granted, keys_of};
use super::tags::{TagIndex, TagsOf};
use super::{Problem, Resource, Role, Snapshot, Unmanaged};
use crate::model::{Location, TableName, TableSchema, printable};

/// Everything that was granted, ready to be asked.
#[derive(Debug)]
pub struct Grants {
    snapshot: Snapshot,
    unmanaged: Unmanaged,
    index: Index,
    tags: TagIndex,
    /// Places among the rights of what everyone reads where Lake Formation does not enforce.
    everyone: Places,
    /// Places among the attachments.
    attachments: Places,
    /// Where a principal opted in.
    opt_ins: HashMap<Key, Vec<usize>>,
}

/// The policy of a role on a table, and everything that led to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The table.
    pub table: TableName,
    /// What the role sees; `None` for nothing, not even the name.
    pub access: Option<TableAccess>,
    /// Grants that would have given something, and why they do not.
    pub refused: Vec<RefusedGrant>,
    /// Places in [`Snapshot::attachments`] of the row-level security policies that close the table.
    pub attachments: Vec<usize>,
    /// Places in [`Snapshot::grants`] of those to `IAM_ALLOWED_PRINCIPALS` on the table.
    pub unmanaged: Vec<usize>,
    /// Whether the role opted in there, so that only its own grants count.
    pub opted_in: bool,
}

/// A grant that gives nothing on a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedGrant {
    /// Its place in [`Snapshot::grants`].
    pub grant: usize,
    /// Why it gives nothing.
    pub why: String,
}

impl Grants {
    /// Understands every grant. What is not understood stands in [`Grants::problems`] and gives nothing.
    pub fn new(snapshot: Snapshot, unmanaged: Unmanaged) -> Self {
        let mut index = Index::new(&snapshot);
        let mut contradictions = Vec::new();
        let tags = TagIndex::new(&snapshot, |assignment, key| {
            let place = [Some(assignment.database.as_str()), assignment.table.as_deref(), assignment.column.as_deref()];
            let place = place.into_iter().flatten().collect::<Vec<_>>().join(".");
            contradictions.push(Problem {
                origin: "LF-Tags".to_owned(),
                what: printable(&format!("{key} of {place}")),
                why: "it was read twice, with different values, so no grant matches it".to_owned(),
            });
        });
        index.problems.extend(contradictions);
        let mut everyone = Places::giving();
        for right in index.rights_of.get(&Key::Everyone).into_iter().flatten() {
            let Some(found) = index.rights.get(*right) else { continue };
            // Lake Formation gives this group tables and nothing finer. Whatever else names it is not understood.
            let resource = snapshot.grants.get(found.grant).map(|grant| &grant.resource);
            if matches!(resource, Some(Resource::Table { .. } | Resource::Columns { .. })) {
                everyone.add(*right, &found.scope, &tags);
            }
        }
        let mut attachments = Places::closing();
        for (place, attachment) in snapshot.attachments.iter().enumerate() {
            attachments.add(place, &widest_scope(&attachment.resource, &snapshot), &tags);
        }
        let mut opt_ins: HashMap<Key, Vec<usize>> = HashMap::new();
        for (place, opt_in) in snapshot.opt_ins.iter().enumerate() {
            opt_ins.entry(granted(&opt_in.principal)).or_default().push(place);
        }
        Self { snapshot, unmanaged, index, tags, everyone, attachments, opt_ins }
    }

    /// What was granted, as it was read.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// What is done where Lake Formation does not enforce.
    pub fn unmanaged(&self) -> Unmanaged {
        self.unmanaged
    }

    /// Everything that was not understood, when it was read or when it was indexed.
    pub fn problems(&self) -> &[Problem] {
        &self.index.problems
    }

    /// The grants of a role, ready to be asked about many tables.
    pub fn of<'a>(&'a self, role: &'a Role) -> RoleGrants<'a> {
        let keys = keys_of(role);
        let mut rights = Places::giving();
        let mut refusals = Places::closing();
        for key in &keys {
            for right in self.index.rights_of.get(key).into_iter().flatten() {
                if let Some(found) = self.index.rights.get(*right) {
                    rights.add(*right, &found.scope, &self.tags);
                }
            }
            for refusal in self.index.refusals_of.get(key).into_iter().flatten() {
                if let Some(found) = self.index.refusals.get(*refusal) {
                    refusals.add(*refusal, &found.scope, &self.tags);
                }
            }
        }
        let mut opt_ins = Places::closing();
        for key in keys.iter().chain([&Key::Everyone]) {
            for place in self.opt_ins.get(key).into_iter().flatten() {
                if let Some(found) = self.snapshot.opt_ins.get(*place) {
                    opt_ins.add(*place, &widest_scope(&found.resource, &self.snapshot), &self.tags);
                }
            }
        }
        RoleGrants { grants: self, role, rights, refusals, opt_ins }
    }

    /// What a role sees of a table. `None`: nothing, not even its name.
    pub fn access(&self, role: &Role, schema: &TableSchema) -> Option<TableAccess> {
        self.of(role).access(schema)
    }

    /// What a role sees of a table, and everything that led to it.
    pub fn decide(&self, role: &Role, schema: &TableSchema) -> Decision {
        self.of(role).decide(schema)
    }

    /// The places in S3 where a role may create data: what `DATA_LOCATION_ACCESS` was granted on. They give no rows.
    pub fn data_locations(&self, role: &Role) -> Vec<Location> {
        let mut places = Vec::new();
        for grant in &self.snapshot.grants {
            if let Resource::DataLocation(arn) = &grant.resource
                && grant.condition.is_none()
                && grant.permissions.contains("DATA_LOCATION_ACCESS")
                && covers(&grant.principal, role)
                && let Some(place) = bucket_place(arn)
            {
                places.push(place);
            }
        }
        places
    }

    /// Whether a role's principal is a data lake administrator, which lets it grant and lets it read nothing.
    pub fn is_administrator(&self, role: &Role) -> bool {
        self.snapshot.administrators.iter().any(|principal| covers(principal, role))
    }

    /// What everyone reads where Lake Formation does not enforce.
    pub(super) fn everyone(&self) -> &Places {
        &self.everyone
    }

    pub(super) fn tags(&self) -> &TagIndex {
        &self.tags
    }
}

/// `arn:aws:s3:::bucket/prefix` as a location. A bucket of another kind is none.
fn bucket_place(arn: &str) -> Option<Location> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, _, service) = (parts.next()?, parts.next()?, parts.next()?);
    let path = parts.nth(2)?;
    if scheme != "arn" || service != "s3" || path.contains(['*', '?']) {
        return None;
    }
    Location::parse(&format!("s3://{path}"), std::path::Path::new("/"))
}

/// The grants of one role.
#[derive(Debug)]
pub struct RoleGrants<'a> {
    grants: &'a Grants,
    role: &'a Role,
    rights: Places,
    refusals: Places,
    opt_ins: Places,
}

impl RoleGrants<'_> {
    /// What the role sees of a table. `None`: nothing, not even its name.
    pub fn access(&self, schema: &TableSchema) -> Option<TableAccess> {
        if self.role.full_access {
            return Some(TableAccess::everything(schema));
        }
        let (database, table) = (fold(schema.name.database()), fold(schema.name.table()));
        let tags = self.grants.tags.of(&database, &table);
        let rights = self.rights_at(&database, &table, &tags);
        if rights.is_empty() || !self.grants.attachments.at(&database, &table, &tags).is_empty() {
            return None;
        }
        self.united(&rights, schema, &tags, &mut |_, _| {})
    }

    /// What was granted to the role itself.
    pub(super) fn rights(&self) -> &Places {
        &self.rights
    }

    /// Whether the role may see anything of a table, as far as that follows from its name.
    pub fn may_see(&self, table: &TableName) -> bool {
        let (database, table) = (fold(table.database()), fold(table.table()));
        let tags = self.grants.tags.of(&database, &table);
        self.role.full_access || !self.rights_at(&database, &table, &tags).is_empty()
    }

    /// What the role sees of a table, and everything that led to it.
    pub fn decide(&self, schema: &TableSchema) -> Decision {
        let (database, table) = (fold(schema.name.database()), fold(schema.name.table()));
        let tags = self.grants.tags.of(&database, &table);
        let index = &self.grants.index;
        let mut refused: Vec<RefusedGrant> = self
            .refusals
            .at(&database, &table, &tags)
            .into_iter()
            .filter_map(|place| index.refusals.get(place))
            .map(|refusal| RefusedGrant { grant: refusal.grant, why: refusal.why.clone() })
            .collect();
        let attachments = self.grants.attachments.at(&database, &table, &tags);
        let rights = self.rights_at(&database, &table, &tags);
        let access = self.united(&rights, schema, &tags, &mut |grant, why| refused.push(RefusedGrant { grant, why }));
        let access = if self.role.full_access { Some(TableAccess::everything(schema)) } else { access };
        let everyone = self.grants.everyone.at(&database, &table, &tags);
        Decision {
            table: schema.name.clone(),
            access: access.filter(|_| attachments.is_empty() || self.role.full_access),
            refused,
            attachments,
            unmanaged: everyone.iter().filter_map(|place| index.rights.get(*place)).map(|right| right.grant).collect(),
            opted_in: !self.opt_ins.at(&database, &table, &tags).is_empty(),
        }
    }

    /// The rights that count at a table: its own, and those of everyone where that is allowed.
    fn rights_at(&self, database: &str, table: &str, tags: &TagsOf<'_>) -> Vec<usize> {
        let mut rights = self.rights.at(database, table, tags);
        if self.grants.unmanaged == Unmanaged::Allow && self.opt_ins.at(database, table, tags).is_empty() {
            rights.extend(self.grants.everyone.at(database, table, tags));
            rights.sort_unstable();
        }
        rights
    }

    /// What rights give together. Those that give nothing are told to `refuse`.
    fn united(
        &self,
        rights: &[usize],
        schema: &TableSchema,
        tags: &TagsOf<'_>,
        refuse: &mut dyn FnMut(usize, String),
    ) -> Option<TableAccess> {
        let mut contributions = Vec::new();
        for place in rights {
            let Some(right) = self.grants.index.rights.get(*place) else { continue };
            match self.contribution(*place, right, schema, tags) {
                Ok(contribution) => contributions.push(contribution),
                Err(why) => refuse(right.grant, why),
            }
        }
        let mut access = unite(&contributions, schema)?;
        for (column, mask) in access.columns.iter_mut().zip(masks_of(self.role, schema, &contributions)) {
            column.mask = mask;
        }
        Some(access)
    }

    fn contribution(
        &self,
        place: usize,
        right: &Right,
        schema: &TableSchema,
        tags: &TagsOf<'_>,
    ) -> Result<Contribution, String> {
        let accepted = match &right.scope {
            // Without the sets that it asks for, a grant by tags would be one of all columns.
            Scope::Tagged(_) => Some(self.rights.accepted(place).unwrap_or_default()),
            _ => None,
        };
        let columns = columns_of(&right.columns, accepted, schema, tags)
            .ok_or_else(|| "it names no column that the table has".to_owned())?;
        let rows = right.rows.clone().check(schema).map_err(|why| format!("its row filter cannot be used: {why}"))?;
        Ok(Contribution { grant: right.grant, columns, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_location_is_a_bucket_or_a_prefix_of_one() {
        let place = |arn| bucket_place(arn).map(|place| place.to_string());
        assert_eq!(place("arn:aws:s3:::results").as_deref(), Some("s3://results/"));
        assert_eq!(place("arn:aws-cn:s3:::results/a/b/").as_deref(), Some("s3://results/a/b/"));
        for arn in
            ["arn:aws:s3:::", "arn:aws:s3:::results/*", "arn:aws:sqs:::results", "s3://results", "", "arn:aws:s3"]
        {
            assert_eq!(place(arn), None, "{arn}");
        }
    }
}
