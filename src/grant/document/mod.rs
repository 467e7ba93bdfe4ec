//! What the AWS CLI printed about Lake Formation, kept in files: permissions, filters, tags, settings.
//!
//! A file holds one answer, several one after the other, or a list of data cells filters. The answer of
//! `get-resource-lf-tags` does not say which resource it is about, so it is kept with the request's `Resource` beside
//! it: `{"Resource": {"Table": {"DatabaseName": "shop", "Name": "customer"}}, "LFTagOnDatabase": [], …}`.

mod entries;
mod tags;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use self::entries::{catalog_of, cells_filter, expression, member, object, permission, principal, resource, text};
use super::index::filter_words;
use super::{Attachment, OptIn, Problem, Snapshot};
use crate::error::{Error, Result, Said};
use crate::model::printable;

/// The members by which an answer is known, and the commands that print them.
const KINDS: [(&str, &str); 16] = [
    ("PrincipalResourcePermissions", "list-permissions"),
    ("Permissions", "get-effective-permissions-for-path"),
    ("DataCellsFilters", "list-data-cells-filter"),
    ("DataCellsFilter", "get-data-cells-filter"),
    ("LFTagOnDatabase", "get-resource-lf-tags"),
    ("LFTagsOnTable", "get-resource-lf-tags"),
    ("LFTagsOnColumns", "get-resource-lf-tags"),
    ("TableList", "search-tables-by-lf-tags"),
    ("LFTags", "list-lf-tags"),
    ("LFTagExpressions", "list-lf-tag-expressions"),
    ("DataLakeSettings", "get-data-lake-settings"),
    ("LakeFormationOptInsInfoList", "list-lake-formation-opt-ins"),
    ("RLSPolicyAttachments", "list-rls-policy-attachments"),
    ("RLSPolicies", "list-rls-policies"),
    ("RLSPolicy", "get-rls-policy"),
    ("ResourceInfoList", "list-resources"),
];

/// Members of answers that say nothing about grants.
const BESIDE: [&str; 3] = ["NextToken", "ResponseMetadata", "Resource"];

/// Reads files into one snapshot. Give them in the order of their names: a page follows the one before it.
#[derive(Debug, Default)]
pub struct Documents {
    snapshot: Snapshot,
    /// The catalog that is meant, if the settings name one.
    catalog: Option<String>,
    /// The catalogs that entries named.
    catalogs: BTreeSet<String>,
    /// Places of the grants by what is granted to whom, so that the same entry read twice stays one.
    places: HashMap<String, usize>,
    /// A page whose continuation must come next: the file and the kind of answer.
    unfinished: Option<(String, String)>,
    /// The commands whose answers were read.
    commands: BTreeSet<&'static str>,
}

/// Where something was read: the file and which of its answers.
struct Place<'a> {
    file: &'a str,
    document: usize,
}

impl Place<'_> {
    fn entry(&self, number: usize) -> String {
        match self.document {
            1 => format!("{}, entry {number}", self.file),
            document => format!("{}, document {document}, entry {number}", self.file),
        }
    }

    fn refuse(&self, message: &'static str) -> Error {
        Error::refused(message).with("file", &Said(self.file)).with("document", &self.document)
    }
}

impl Documents {
    /// Reads entries of one catalog, or of the only one that there is.
    pub fn new(catalog: Option<String>) -> Self {
        Self { catalog, ..Self::default() }
    }

    /// Reads a file. `name` is how people know it.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Failed`] if it is not JSON or empty; [`crate::error::ErrorKind::Refused`] if an
    /// answer is not known, or is incomplete where a part would give more than the whole.
    pub fn read(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        // serde_json refuses values nested deeper than 128 levels, so no file can exhaust the stack.
        let values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
        let mut count = 0;
        for value in values {
            count += 1;
            let value = value.map_err(|error| {
                let (line, column) = (error.line(), error.column());
                let error = Error::failed("a file of grants is not JSON").with("file", &Said(name));
                error.with("line", &line).with("column", &column)
            })?;
            self.document(&Place { file: name, document: count }, &value)?;
        }
        if count == 0 {
            return Err(Error::failed("a file of grants is empty").with("file", &Said(name)));
        }
        Ok(())
    }

    /// The commands whose answers were read, such as `list-permissions`.
    pub fn commands(&self) -> &BTreeSet<&'static str> {
        &self.commands
    }

    /// Everything that was read.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Refused`] if a page has no continuation;
    /// [`crate::error::ErrorKind::Usage`] if entries of several catalogs were read and none is chosen.
    pub fn finish(self) -> Result<Snapshot> {
        if let Some((file, kind)) = &self.unfinished {
            return Err(incomplete(file, kind));
        }
        if self.catalog.is_none() && self.catalogs.len() > 1 {
            let mut error = Error::usage("the files hold grants of more than one catalog");
            for catalog in &self.catalogs {
                error = error.item(&Said(catalog));
            }
            return Err(error.hint("set `[grants] catalog` to the one that is meant"));
        }
        Ok(self.snapshot)
    }

    fn document(&mut self, place: &Place<'_>, value: &Value) -> Result<()> {
        if let Value::Array(list) = value {
            return self.list_of_filters(place, list);
        }
        let Value::Object(document) = value else {
            return Err(unknown(place, "a value that is not an object"));
        };
        let kinds: Vec<&str> = document.keys().map(String::as_str).filter(|key| !BESIDE.contains(key)).collect();
        let tags = kinds.iter().any(|key| key.starts_with("LFTagOn") || key.starts_with("LFTagsOn"));
        if let Some(key) = kinds.iter().find(|key| command(key).is_none()) {
            return Err(unknown(place, key));
        }
        let Some(kind) = kinds.first().copied() else { return Err(unknown(place, "nothing that is known")) };
        if !tags && document.contains_key("Resource") {
            return Err(unknown(place, "Resource"));
        }
        if let Some((file, wanted)) = self.unfinished.take()
            && wanted != kind
        {
            return Err(incomplete(&file, &wanted));
        }
        self.commands.extend(kinds.iter().filter_map(|kind| command(kind)));
        if tags {
            self.resource_tags(place, document)?;
        }
        for (key, value) in document.iter().filter(|(_, value)| !value.is_null()) {
            self.part(place, key, value)?;
        }
        if member(document, "NextToken").is_some_and(|token| token.as_str() != Some("")) {
            self.unfinished = Some((place.file.to_owned(), kind.to_owned()));
        }
        Ok(())
    }

    fn part(&mut self, place: &Place<'_>, key: &str, value: &Value) -> Result<()> {
        match key {
            "PrincipalResourcePermissions" | "Permissions" => {
                let list = list(place, key, value)?;
                list.iter().enumerate().for_each(|(at, entry)| self.permission(&place.entry(at + 1), entry));
            }
            "DataCellsFilters" => {
                let list = list(place, key, value)?;
                list.iter().enumerate().for_each(|(at, filter)| self.filter(&place.entry(at + 1), filter));
            }
            "DataCellsFilter" => self.filter(&place.entry(1), value),
            "TableList" => {
                for entry in list(place, key, value)? {
                    self.found_table(place, entry)?;
                }
            }
            "LFTagExpressions" => {
                let list = list(place, key, value)?;
                list.iter().enumerate().for_each(|(at, saved)| self.expression(&place.entry(at + 1), saved));
            }
            "DataLakeSettings" => self.administrators(place, value)?,
            "LakeFormationOptInsInfoList" => {
                for (at, entry) in list(place, key, value)?.iter().enumerate() {
                    self.opt_in(place, at + 1, entry)?;
                }
            }
            key if is_attachments(key) => self.attachments(place, value),
            _ => {}
        }
        Ok(())
    }

    fn list_of_filters(&mut self, place: &Place<'_>, list: &[Value]) -> Result<()> {
        if let Some((file, wanted)) = self.unfinished.take() {
            return Err(incomplete(&file, &wanted));
        }
        let is_filter = |value: &Value| value.get("TableName").is_some() && value.get("Name").is_some();
        if list.is_empty() || !list.iter().all(is_filter) {
            return Err(unknown(place, "a list of something else than data cells filters"));
        }
        self.commands.insert("list-data-cells-filter");
        list.iter().enumerate().for_each(|(at, filter)| self.filter(&place.entry(at + 1), filter));
        Ok(())
    }

    fn problem(&mut self, origin: &str, what: impl Into<String>, why: impl Into<String>) {
        let (what, why) = (printable(&what.into()), printable(&why.into()));
        self.snapshot.problems.push(Problem { origin: origin.to_owned(), what, why });
    }

    /// Whether an entry belongs to the catalog that is meant. One that does not is told.
    fn admits(&mut self, catalog: Option<&str>, origin: &str, what: &str) -> bool {
        let Some(catalog) = catalog else { return true };
        self.catalogs.insert(catalog.to_owned());
        let other = self.catalog.as_ref().is_some_and(|meant| meant != catalog);
        if other {
            self.problem(origin, what, format!("it belongs to another catalog, {catalog}"));
        }
        !other
    }

    fn permission(&mut self, origin: &str, entry: &Value) {
        let grant = match permission(entry, origin) {
            Ok(grant) => grant,
            Err(why) => return self.problem(origin, "a permission", why),
        };
        if !self.admits(entry.get("Resource").and_then(catalog_of), origin, &grant.what()) {
            return;
        }
        let key = format!("{:?}", (&grant.principal, &grant.resource, &grant.condition));
        if let Some(same) = self.places.get(&key).and_then(|place| self.snapshot.grants.get_mut(*place)) {
            same.permissions.extend(grant.permissions);
        } else {
            self.places.insert(key, self.snapshot.grants.len());
            self.snapshot.grants.push(grant);
        }
    }

    fn filter(&mut self, origin: &str, filter: &Value) {
        let understood = match cells_filter(filter) {
            Ok(understood) => understood,
            Err(why) => return self.problem(origin, "a data cells filter", why),
        };
        let what = filter_words(&understood);
        if self.admits(catalog_of(filter), origin, &what) && !self.snapshot.filters.contains(&understood) {
            self.snapshot.filters.push(understood);
        }
    }

    fn expression(&mut self, origin: &str, saved: &Value) {
        let read = object(saved, &["Name", "Description", "CatalogId", "Expression"]).and_then(|saved| {
            let written = member(saved, "Expression").ok_or("its member `Expression` is missing")?;
            Ok((text(saved, "Name")?, expression(written)?))
        });
        match read {
            Err(why) => self.problem(origin, "a saved LF-Tag expression", why),
            Ok((name, expression)) => {
                if !self.admits(catalog_of(saved), origin, &format!("the saved LF-Tag expression {name}")) {
                    return;
                }
                let before = self.snapshot.expressions.insert(name.clone(), expression);
                if before.is_some() && before.as_ref() != self.snapshot.expressions.get(&name) {
                    // Matches nothing, and stays so if the first one is read again.
                    self.snapshot.expressions.insert(name.clone(), BTreeMap::new());
                    self.problem(
                        origin,
                        format!("the saved LF-Tag expression {name}"),
                        "it was read twice, differently",
                    );
                }
            }
        }
    }

    fn administrators(&mut self, place: &Place<'_>, settings: &Value) -> Result<()> {
        for key in ["DataLakeAdmins", "ReadOnlyAdmins"] {
            let Some(admins) = settings.get(key).filter(|admins| !admins.is_null()) else { continue };
            for admin in list(place, key, admins)? {
                match principal(Some(admin)) {
                    Ok(principal) if self.snapshot.administrators.contains(&principal) => {}
                    Ok(principal) => self.snapshot.administrators.push(principal),
                    Err(why) => self.problem(place.file, "an administrator", why),
                }
            }
        }
        Ok(())
    }

    /// An opt-in takes access away, so its resource may be unknown, and its condition counts as met.
    fn opt_in(&mut self, place: &Place<'_>, number: usize, entry: &Value) -> Result<()> {
        let about = entry.get("Resource").filter(|about| !about.is_null());
        let principal = principal(entry.get("Principal"))
            .map_err(|why| place.refuse("an opt-in does not say whose it is").with("entry", &number).hint(why))?;
        let opt_in = OptIn { principal, resource: resource(about) };
        let what = format!("the opt-in of {}", opt_in.principal);
        if self.admits(about.and_then(catalog_of), &place.entry(number), &what)
            && !self.snapshot.opt_ins.contains(&opt_in)
        {
            self.snapshot.opt_ins.push(opt_in);
        }
        Ok(())
    }

    /// Attachments close tables, so one that is not understood closes them all.
    fn attachments(&mut self, place: &Place<'_>, value: &Value) {
        let unlisted = std::slice::from_ref(value);
        let entries = value.as_array().map_or(unlisted, Vec::as_slice);
        for (at, entry) in entries.iter().enumerate() {
            let about = entry.get("Resource").filter(|about| !about.is_null());
            let names = ["Name", "RLSPolicyName", "PolicyName"];
            let policy =
                names.iter().find_map(|name| entry.get(name)).and_then(Value::as_str).unwrap_or("without a name");
            let attachment = Attachment { policy: policy.to_owned(), resource: resource(about) };
            let what = format!("row-level security policy {policy}");
            if self.admits(about.and_then(catalog_of), &place.entry(at + 1), &what)
                && !self.snapshot.attachments.contains(&attachment)
            {
                self.snapshot.attachments.push(attachment);
            }
        }
    }
}

/// The command that prints a member.
fn command(key: &str) -> Option<&'static str> {
    let known = KINDS.iter().find(|(member, _)| *member == key).map(|(_, command)| *command);
    known.or_else(|| is_attachments(key).then_some("list-rls-policy-attachments"))
}

/// The member's name is not documented everywhere, and whatever lists attachments must not be overlooked.
fn is_attachments(key: &str) -> bool {
    let key = key.to_lowercase();
    key.contains("rls") && key.contains("attachment")
}

fn list<'a>(place: &Place<'_>, key: &str, value: &'a Value) -> Result<&'a Vec<Value>> {
    value.as_array().ok_or_else(|| place.refuse("a member of an answer is not a list").with("member", &Said(key)))
}

fn incomplete(file: &str, kind: &str) -> Error {
    Error::refused("an answer is incomplete: its next page is not there")
        .with("file", &Said(file))
        .with("answer", &Said(kind))
        .hint(
            "run the command without `--max-items` and `--no-paginate`, \
             or keep every page, so that the next one follows in the order of the files' names",
        )
}

fn unknown(place: &Place<'_>, what: &str) -> Error {
    let known: Vec<String> = KINDS.iter().map(|(member, command)| format!("{member} ({command})")).collect();
    place
        .refuse("a file of grants holds something that is not known")
        .with("found", &Said(what))
        .hint(format!("known are: {}", known.join(", ")))
}
