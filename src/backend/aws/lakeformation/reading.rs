//! A snapshot in the making.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_lakeformation::operation::get_resource_lf_tags::GetResourceLfTagsOutput;
use aws_sdk_lakeformation::types;

use super::convert;
use super::tags::{Level, Reader};
use super::{ORIGIN, TagAssignment};
use crate::backend::aws::identity::Caller;
use crate::error::{Error, Result, Said};
use crate::grant::{Attachment, CellsFilter, Grant, OptIn, Resource, Snapshot};
use crate::model::TableName;

/// What was read so far of one catalog.
pub(super) struct Reading<'a> {
    catalog: &'a str,
    snapshot: Snapshot,
    /// Where the grant of a principal, condition and resource stands.
    places: HashMap<String, usize>,
    /// Filters that are named and not usable.
    closed: BTreeSet<(String, String, String)>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(catalog: &'a str) -> Self {
        Self { catalog, snapshot: Snapshot::default(), places: HashMap::new(), closed: BTreeSet::new() }
    }

    /// What was read, each problem once.
    pub(super) fn finish(mut self) -> Snapshot {
        let mut seen = BTreeSet::new();
        self.snapshot.problems.retain(|problem| seen.insert((problem.what.clone(), problem.why.clone())));
        self.snapshot
    }

    /// Administrators, and whether the caller is one of them.
    pub(super) fn settings(&mut self, settings: &types::DataLakeSettings, caller: &Caller) {
        let lists = [&settings.data_lake_admins, &settings.read_only_admins];
        let all = lists.into_iter().flatten().flatten();
        for name in all.filter_map(|principal| principal.data_lake_principal_identifier.clone()) {
            if !self.snapshot.administrators.contains(&name) {
                self.snapshot.administrators.push(name);
            }
        }
        if !self.snapshot.administrators.iter().any(|name| caller.is(name)) {
            self.problem(&caller.arn, super::PARTIAL);
        }
    }

    /// A table that the Data Catalog does not have. What is granted on all tables of its database counts for it, as for
    /// every table that comes later.
    pub(super) fn not_catalogued(&mut self, table: &TableName) {
        self.problem(&table.to_string(), "the Data Catalog does not have it, so nothing names it there");
    }

    /// Entries of a list of permissions. One that came before is united with it.
    pub(super) fn permissions(&mut self, entries: &[types::PrincipalResourcePermissions]) {
        for entry in entries {
            let (resource, catalog) = convert::resource(entry.resource.as_ref());
            let Some(principal) = principal(entry.principal.as_ref()) else {
                self.problem(&format!("a grant on {resource}"), "it names no principal");
                continue;
            };
            if let Some(catalog) = self.foreign(catalog) {
                let what = format!("{principal} on {resource}");
                self.problem(&what, &format!("the resource belongs to another catalog: {catalog}"));
                continue;
            }
            let condition = entry.condition.as_ref().map(|found| found.expression.clone().unwrap_or_default());
            let permissions = entry.permissions.iter().flatten().map(|permission| permission.as_str().to_owned());
            let key = format!("{principal}\n{condition:?}\n{resource:?}");
            let grants = &mut self.snapshot.grants;
            let place = *self.places.entry(key).or_insert_with(|| {
                let permissions = BTreeSet::new();
                grants.push(Grant { principal, resource, condition, permissions, origin: ORIGIN.to_owned() });
                grants.len() - 1
            });
            if let Some(grant) = grants.get_mut(place) {
                grant.permissions.extend(permissions);
            }
        }
    }

    /// Data cells filters.
    ///
    /// # Errors
    /// If one has two contents: it changed meanwhile.
    pub(super) fn filters(&mut self, filters: &[types::DataCellsFilter]) -> Result<()> {
        for found in filters {
            let what =
                format!("data cells filter {} of table {}.{}", found.name, found.database_name, found.table_name);
            if let Some(catalog) = self.foreign(Some(found.table_catalog_id.clone())) {
                self.problem(&what, &format!("the table belongs to another catalog: {catalog}"));
                continue;
            }
            match convert::filter(found) {
                Ok(filter) => self.filter(filter)?,
                Err(why) => {
                    self.closed.insert(key(&found.database_name, &found.table_name, &found.name));
                    self.problem(&what, why);
                }
            }
        }
        Ok(())
    }

    fn filter(&mut self, filter: CellsFilter) -> Result<()> {
        let name = key(&filter.database, &filter.table, &filter.name);
        let known = self.snapshot.filters.iter().find(|known| key(&known.database, &known.table, &known.name) == name);
        match known {
            Some(known) if *known == filter => {}
            Some(_) => {
                return Err(Error::failed("a data cells filter changed while the grants were read")
                    .with("table", &TableName::new(filter.database, filter.table))
                    .with("filter", &Said(&filter.name))
                    .hint("run the command again"));
            }
            None => self.snapshot.filters.push(filter),
        }
        Ok(())
    }

    /// Filters of these tables that a grant names and that were not listed, each once.
    pub(super) fn missing_filters<'t>(&self, tables: &BTreeSet<&'t TableName>) -> Vec<(&'t TableName, String)> {
        let listed = self.snapshot.filters.iter();
        let mut seen: BTreeSet<_> = listed.map(|known| key(&known.database, &known.table, &known.name)).collect();
        seen.extend(self.closed.iter().cloned());
        let mut missing = Vec::new();
        for grant in &self.snapshot.grants {
            let Resource::CellsFilter { database, table, name } = &grant.resource else { continue };
            let asked = tables.iter().find(|asked| same(asked.database(), database) && same(asked.table(), table));
            if let Some(asked) = asked
                && seen.insert(key(database, table, name))
            {
                missing.push((*asked, name.clone()));
            }
        }
        missing
    }

    /// A filter that a grant names and that does not exist.
    pub(super) fn filter_is_gone(&mut self, table: &TableName, name: &str) {
        self.problem(
            &format!("data cells filter {name} of table {table}"),
            "a grant names the filter, and there is none",
        );
    }

    /// The tags of a database, which its tables inherit.
    pub(super) fn database_tags(&mut self, database: &str, answer: &GetResourceLfTagsOutput) -> Result<Level> {
        let mut reader = Reader { catalog: self.catalog, problems: Vec::new() };
        let level = reader.database(database, answer)?;
        self.snapshot.problems.extend(reader.problems);
        if !level.is_empty() {
            let database = database.to_owned();
            self.snapshot.tags.push(TagAssignment { database, table: None, column: None, tags: level.clone() });
        }
        Ok(level)
    }

    /// The tags of a table and its columns.
    pub(super) fn table_tags(
        &mut self,
        table: &TableName,
        answer: &GetResourceLfTagsOutput,
        database: Option<&Level>,
    ) -> Result<()> {
        let mut reader = Reader { catalog: self.catalog, problems: Vec::new() };
        let none = Level::new();
        self.snapshot.tags.extend(reader.table(table, answer, database.unwrap_or(&none))?);
        self.snapshot.problems.extend(reader.problems);
        Ok(())
    }

    /// Saved LF-Tag expressions.
    ///
    /// # Errors
    /// If a name has two contents: it changed meanwhile.
    pub(super) fn expressions(&mut self, expressions: &[types::LfTagExpression]) -> Result<()> {
        for found in expressions {
            let name = found.name.clone().unwrap_or_default();
            let what = format!("LF-Tag expression {name}");
            if let Some(catalog) = self.foreign(found.catalog_id.clone()) {
                self.problem(&what, &format!("it belongs to another catalog: {catalog}"));
                continue;
            }
            match convert::expression(found.expression.as_deref().unwrap_or_default()) {
                Ok(_) if name.is_empty() => self.problem(&what, "it has no name"),
                Ok(expression) => {
                    let before = self.snapshot.expressions.insert(name.clone(), expression);
                    if before.is_some() && before.as_ref() != self.snapshot.expressions.get(&name) {
                        return Err(Error::failed("an LF-Tag expression changed while the grants were read")
                            .with("expression", &Said(&name))
                            .hint("run the command again"));
                    }
                }
                Err(why) => self.problem(&what, why),
            }
        }
        Ok(())
    }

    /// Opt-ins. They narrow what is read without Lake Formation, so one of another catalog or with a condition counts
    /// as it stands.
    pub(super) fn opt_ins(&mut self, all: &[types::LakeFormationOptInsInfo]) {
        for found in all {
            let (resource, _) = convert::resource(found.resource.as_ref());
            match principal(found.principal.as_ref()) {
                Some(principal) => self.snapshot.opt_ins.push(OptIn { principal, resource }),
                None => self.problem(&format!("an opt-in for {resource}"), "it names no principal"),
            }
        }
    }

    /// Attached row-level security policies. They narrow, so one of another catalog, for one principal or with a
    /// condition counts as if it were for all.
    pub(super) fn attachments(&mut self, all: &[types::RlsPolicyAttachment]) {
        for found in all {
            let (resource, _) = convert::resource(found.resource.as_ref());
            self.snapshot
                .attachments
                .push(Attachment { policy: found.policy_name.clone().unwrap_or_default(), resource });
        }
    }

    /// A catalog that is not the one that is read.
    fn foreign(&self, catalog: Option<String>) -> Option<String> {
        catalog.filter(|catalog| !catalog.is_empty() && catalog != self.catalog)
    }

    fn problem(&mut self, what: &str, why: &str) {
        self.snapshot.problems.push(super::problem(what, why));
    }
}

fn principal(found: Option<&types::DataLakePrincipal>) -> Option<String> {
    found?.data_lake_principal_identifier.clone().filter(|name| !name.is_empty())
}

/// A filter's full name. Databases and tables have one spelling in any case; filters' names are kept as they are.
fn key(database: &str, table: &str, name: &str) -> (String, String, String) {
    (database.to_lowercase(), table.to_lowercase(), name.to_owned())
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
