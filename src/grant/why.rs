//! Why a role sees what it sees of a table, in words.

use std::collections::BTreeSet;
use std::fmt;

use super::access::{ColumnAccess, TableAccess};
use super::evaluate::{Decision, Grants};
use super::filter::Predicate;
use super::index::filter_key;
use super::names::{Meaning, alike, column_meaning, fold};
use super::principal::covers;
use super::{Grant, Resource, Role, Tables, Unmanaged};
use crate::model::{TableSchema, printable};

/// Lines of plain text that say what a role sees and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    lines: Vec<String>,
}

impl Explanation {
    /// Its lines, without line breaks.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Explains what a role sees of a table, or of one of its columns.
pub fn explain(grants: &Grants, role: &Role, schema: &TableSchema, column: Option<&str>) -> Explanation {
    let decision = grants.decide(role, schema);
    let mut writer = Writer { grants, role, schema, decision: &decision, lines: Vec::new() };
    match column.map(|name| (name, column_meaning(name, &schema.columns))) {
        None => writer.table(),
        Some((_, Meaning::One(place))) => {
            let name = schema.columns.get(place).map_or("", |column| column.name.as_str());
            writer.column(name);
        }
        Some((name, Meaning::Unknown)) => {
            writer.line(0, &format!("{} has no column `{name}`", schema.name));
        }
        Some((name, Meaning::Ambiguous)) => {
            writer.line(0, &format!("`{name}` may be several columns of {}, which differ only by case", schema.name));
        }
    }
    Explanation { lines: writer.lines }
}

struct Writer<'a> {
    grants: &'a Grants,
    role: &'a Role,
    schema: &'a TableSchema,
    decision: &'a Decision,
    lines: Vec<String>,
}

impl Writer<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        self.lines.push(format!("{}{}", "  ".repeat(depth), printable(text)));
    }

    fn table(&mut self) {
        let Some(access) = &self.decision.access else {
            self.line(0, &format!("role {} does not see {}", self.role.name, self.schema.name));
            self.not_visible(None);
            return;
        };
        let (seen, all) = (access.columns.len(), self.schema.columns.len());
        self.line(0, &format!("role {} sees {}: {seen} of {all} columns", self.role.name, self.schema.name));
        self.line(1, &format!("rows: {}", rows_words(access)));
        for column in &access.columns {
            self.line(1, &format!("{}: {}", column.column, column_words(column, access)));
        }
        let hidden = self.schema.columns.iter().map(|column| column.name.as_str());
        let hidden: Vec<&str> =
            hidden.filter(|name| access.columns.iter().all(|column| column.column != *name)).collect();
        if !hidden.is_empty() {
            self.line(1, &format!("hidden: {}", hidden.join(", ")));
        }
        self.given(&access.grants);
        self.refused();
        self.unmanaged();
    }

    fn column(&mut self, name: &str) {
        let subject = format!("{}.{name}", self.schema.name);
        let access = self.decision.access.as_ref();
        let seen = access.and_then(|access| access.columns.iter().find(|column| column.column == name));
        let (Some(access), Some(column)) = (access, seen) else {
            self.line(0, &format!("role {} does not see {subject}", self.role.name));
            self.not_visible(Some(name));
            return;
        };
        self.line(0, &format!("role {} sees {subject}", self.role.name));
        self.line(1, &format!("rows: {}", rows_words(access)));
        self.line(1, &format!("cells: {}", column_words(column, access)));
        self.given(&column.grants);
        self.refused();
        self.unmanaged();
    }

    fn given(&mut self, places: &[usize]) {
        if self.role.full_access {
            self.line(1, "given by: the settings, which let the role read everything");
            return;
        }
        self.line(1, "given by:");
        for place in places {
            let Some(grant) = self.grants.snapshot().grants.get(*place) else { continue };
            self.grant(grant);
        }
    }

    fn grant(&mut self, grant: &Grant) {
        let text =
            format!("{}: {} on {} ({})", grant.principal, grant.permissions_text(), grant.resource, grant.origin);
        self.line(2, &text);
        let Resource::CellsFilter { database, table, name } = &grant.resource else { return };
        let key = filter_key(database, table, name);
        let filters = self.grants.snapshot().filters.iter();
        let found =
            filters.filter(|filter| filter_key(&filter.database, &filter.table, &filter.name) == key).next_back();
        if let Some(filter) = found {
            self.line(3, &format!("rows {}; {}", filter.rows.as_deref().unwrap_or("all"), filter.columns));
        }
    }

    fn refused(&mut self) {
        if self.decision.refused.is_empty() {
            return;
        }
        self.line(1, "gives nothing:");
        for refused in &self.decision.refused {
            let Some(grant) = self.grants.snapshot().grants.get(refused.grant) else { continue };
            self.grant(grant);
            self.line(3, &refused.why);
        }
    }

    fn unmanaged(&mut self) {
        if self.decision.unmanaged.is_empty() {
            return;
        }
        let text = match (self.grants.unmanaged(), self.decision.opted_in) {
            (Unmanaged::Deny, _) => "which gives nothing by the settings",
            (Unmanaged::Allow, true) => "but the role opted in, so only its own grants count",
            (Unmanaged::Allow, false) => "and the settings let every role read there",
        };
        self.line(1, &format!("lake formation does not enforce here (IAM_ALLOWED_PRINCIPALS), {text}"));
    }

    /// Everything that keeps a table or a column from being seen, and what would give it.
    fn not_visible(&mut self, column: Option<&str>) {
        for place in &self.decision.attachments {
            let Some(attachment) = self.grants.snapshot().attachments.get(*place) else { continue };
            let (policy, resource) = (&attachment.policy, &attachment.resource);
            self.line(
                1,
                &format!("the row-level security policy {policy} on {resource} closes it, since it is not mirrored"),
            );
        }
        let visible = self.decision.access.is_some();
        if visible && column.is_some() {
            self.line(1, "it sees other columns of the table, and no grant gives this one");
        }
        self.tags(column);
        self.refused();
        self.unmanaged();
        self.others();
        if self.grants.is_administrator(self.role) {
            self.line(1, "its principal is a data lake administrator, who may grant but reads nothing by that");
        }
        if !self.decision.attachments.is_empty() {
            return;
        }
        let Some(principal) = self.role.principal.as_deref() else {
            self.line(1, "the role has no principal, so only the settings can give it anything");
            self.line(1, &format!("to give it: name {} in roles.{}.select", self.schema.name, self.role.name));
            return;
        };
        let what = column.map_or_else(|| "the table".to_owned(), |name| format!("column {name}"));
        self.line(1, &format!("to give it: grant SELECT on {what} of {} to {principal}", self.schema.name));
    }

    /// Grants of the role on the table or its database that give no rows.
    fn others(&mut self) {
        let told: BTreeSet<usize> = self.decision.refused.iter().map(|refused| refused.grant).collect();
        let given = self.decision.access.as_ref().map(|access| access.grants.clone()).unwrap_or_default();
        let own: Vec<&Grant> = self
            .grants
            .snapshot()
            .grants
            .iter()
            .enumerate()
            .filter(|(place, grant)| {
                !told.contains(place)
                    && !given.contains(place)
                    && about(&grant.resource, self.schema)
                    && covers(&grant.principal, self.role)
            })
            .map(|(_, grant)| grant)
            .collect();
        if own.is_empty() && told.is_empty() && given.is_empty() {
            self.line(1, "no grant of the role names the table, its columns or its LF-Tags");
        } else if !own.is_empty() && self.decision.attachments.is_empty() {
            self.line(1, "its other grants there do not give it:");
            for grant in own {
                self.grant(grant);
            }
        }
    }

    /// The LF-Tags that decide about grants by tags.
    fn tags(&mut self, column: Option<&str>) {
        let (database, table) = (fold(self.schema.name.database()), fold(self.schema.name.table()));
        let tags = self.grants.tags().of(&database, &table);
        let set = column.map_or(tags.table, |name| tags.column(&fold(name)).0);
        let Some(set) = self.grants.tags().set(set).filter(|set| !set.is_empty()) else { return };
        let text = |(key, value): (&String, &Option<String>)| match value {
            Some(value) => format!("{key}={value}"),
            None => format!("{key}, read twice with different values"),
        };
        let text: Vec<String> = set.iter().map(text).collect();
        self.line(1, &format!("its LF-Tags: {}", text.join(", ")));
    }
}

fn rows_words(access: &TableAccess) -> String {
    if access.rows == Predicate::True { "all".to_owned() } else { format!("where {}", access.rows.to_sql()) }
}

fn column_words(column: &ColumnAccess, access: &TableAccess) -> String {
    let mut text = match &column.mask {
        Some(mask) => format!("masked as {mask}"),
        None => "as it is".to_owned(),
    };
    if column.cells != Predicate::True {
        text += &format!(", and NULL unless {}", column.cells.to_sql());
    } else if access.rows != Predicate::True {
        text += ", in those rows";
    }
    text
}

/// Whether a resource names a table or its database.
fn about(resource: &Resource, schema: &TableSchema) -> bool {
    let (database, table) = (schema.name.database(), schema.name.table());
    match resource {
        Resource::Catalog => true,
        Resource::Database(name) => alike(name, database),
        Resource::Table { database: name, table: which } | Resource::Columns { database: name, table: which, .. } => {
            alike(name, database)
                && match which {
                    Tables::All => true,
                    Tables::Named(which) => alike(which, table),
                }
        }
        Resource::CellsFilter { database: name, table: which, .. } => alike(name, database) && alike(which, table),
        Resource::Tagged { .. } => true,
        Resource::DataLocation(_) | Resource::Unrelated(_) | Resource::Unknown(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ANALYST, customer, filter, grant, names, on_columns, on_filter, role, tag, tagged};
    use super::super::{Attachment, Columns, Snapshot};
    use super::*;

    fn said(snapshot: Snapshot, role: &Role, column: Option<&str>) -> String {
        explain(&Grants::new(snapshot, Unmanaged::Deny), role, &customer(), column).to_string()
    }

    fn granted() -> Snapshot {
        Snapshot {
            grants: vec![
                grant(ANALYST, on_filter("german"), &["SELECT"]),
                grant(ANALYST, on_columns("customer", Columns::Only(names(&["id"]))), &["SELECT"]),
                grant(ANALYST, on_filter("broken"), &["SELECT"]),
                grant(ANALYST, Resource::Database("shop".into()), &["DESCRIBE"]),
            ],
            filters: vec![
                filter("german", Some("country = 'DE'"), Columns::Except(names(&["mail"]))),
                filter("broken", Some("nobody = 1"), Columns::All),
            ],
            tags: vec![tag(Some("customer"), Some("mail"), "class", "sensitive")],
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_visible_table_is_told_with_rows_cells_masks_and_the_grants_that_give_it() {
        let mut analyst = role();
        analyst.masks.entry("customer".into()).or_default().insert("name".into(), "mask_null(name)".into());
        let expected = r#"role analyst sees shop.customer: 4 of 5 columns
  rows: all
  id: as it is
  name: masked as mask_null(name), and NULL unless "country" = 'DE'
  country: as it is, and NULL unless "country" = 'DE'
  dt: as it is
  hidden: mail
  given by:
    arn:aws:iam::111122223333:role/analyst: SELECT on cells filter german of shop.customer (test)
      rows country = 'DE'; all columns but mail
    arn:aws:iam::111122223333:role/analyst: SELECT on columns id of shop.customer (test)
  gives nothing:
    arn:aws:iam::111122223333:role/analyst: SELECT on cells filter broken of shop.customer (test)
      rows nobody = 1; all columns
      its row filter cannot be used: the table has no column `nobody`
"#;
        assert_eq!(said(granted(), &analyst, None), expected);
    }

    #[test]
    fn a_hidden_column_is_told_with_what_would_give_it() {
        let expected = "role analyst does not see shop.customer.mail
  it sees other columns of the table, and no grant gives this one
  its LF-Tags: class=sensitive
  gives nothing:
    arn:aws:iam::111122223333:role/analyst: SELECT on cells filter broken of shop.customer (test)
      rows nobody = 1; all columns
      its row filter cannot be used: the table has no column `nobody`
  its other grants there do not give it:
    arn:aws:iam::111122223333:role/analyst: DESCRIBE on database shop (test)
  to give it: grant SELECT on column mail of shop.customer to arn:aws:iam::111122223333:role/analyst
";
        assert_eq!(said(granted(), &role(), Some("MAIL")), expected);
        assert!(said(granted(), &role(), Some("gone")).contains("shop.customer has no column `gone`"));
        assert!(said(granted(), &role(), Some("country")).contains("NULL unless"));
    }

    #[test]
    fn every_reason_for_nothing_is_told() {
        let everyone = Resource::Table { database: "shop".into(), table: Tables::Named("customer".into()) };
        let mut condition = granted();
        condition.grants.truncate(2);
        condition.grants.iter_mut().for_each(|grant| grant.condition = Some("x".into()));
        let attachment = Attachment { policy: "branches".into(), resource: Resource::Database("shop".into()) };
        let cases = [
            (Snapshot::default(), "no grant of the role names the table"),
            (condition, "it has a condition on the session"),
            (
                Snapshot { attachments: vec![attachment], ..granted() },
                "security policy branches on database shop closes it",
            ),
            (Snapshot { grants: vec![grant("IAM_ALLOWED_PRINCIPALS", everyone, &["ALL"])], ..Snapshot::default() }, {
                "does not enforce here (IAM_ALLOWED_PRINCIPALS), which gives nothing by the settings"
            }),
            (Snapshot { administrators: vec![ANALYST.into()], ..Snapshot::default() }, "data lake administrator"),
            (Snapshot { grants: vec![grant(ANALYST, tagged("class", &["open"]), &["SELECT"])], ..granted() }, {
                "SELECT on tables and columns with LF-Tags class=open"
            }),
        ];
        for (snapshot, part) in cases {
            let text = said(snapshot, &role(), None);
            assert!(
                text.starts_with("role analyst does not see shop.customer\n") && text.contains(part),
                "{part}: {text}"
            );
        }
        let local = Role { name: "local".into(), ..Role::default() };
        assert!(said(granted(), &local, None).contains("to give it: name shop.customer in roles.local.select"));
        let owner = Role { name: "owner".into(), full_access: true, ..Role::default() };
        assert!(said(granted(), &owner, None).contains("read everything"));
    }
}
