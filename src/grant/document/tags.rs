//! LF-Tags of databases, tables and columns.
//!
//! What is not understood is refused and not left out: a column without its own tags is seen by grants on the tags of its
//! table.

use std::collections::BTreeSet;

use serde_json::Value;

use super::entries::{Object, assigned, catalog_of, member, object, resource, text};
use super::{Documents, Place};
use crate::error::{Error, Result};
use crate::grant::{Resource, Tables, TagAssignment};

impl Documents {
    /// The answer of `get-resource-lf-tags`, with the request's resource beside it.
    pub(super) fn resource_tags(&mut self, place: &Place<'_>, document: &Object) -> Result<()> {
        let about = member(document, "Resource");
        let (database, table) = match about.map(|about| resource(Some(about))) {
            None => {
                let error = place.refuse("LF-Tags do not say what they belong to");
                return Err(error.hint(
                    "put the request's resource beside them: \
                     {\"Resource\": {\"Table\": {\"DatabaseName\": \"…\", \"Name\": \"…\"}}, \"LFTagOnDatabase\": …}",
                ));
            }
            Some(Resource::Database(database)) => (database, None),
            Some(
                Resource::Table { database, table: Tables::Named(table) }
                | Resource::Columns { database, table: Tables::Named(table), .. },
            ) => (database, Some(table)),
            Some(_) => return Err(place.refuse("LF-Tags belong to something that is not a table or a database")),
        };
        self.tags(place, document, about.and_then(catalog_of), &database, table.as_deref())
    }

    /// An entry of `search-tables-by-lf-tags`.
    pub(super) fn found_table(&mut self, place: &Place<'_>, entry: &Value) -> Result<()> {
        let wrong = |why: String| unreadable(place, why);
        let known = ["Table", "LFTagOnDatabase", "LFTagsOnTable", "LFTagsOnColumns"];
        let entry = object(entry, &known).map_err(wrong)?;
        let table = member(entry, "Table").ok_or_else(|| wrong("an entry names no table".to_owned()))?;
        let names = table.as_object().ok_or_else(|| wrong("an entry names no table".to_owned()))?;
        let (database, name) = (text(names, "DatabaseName").map_err(wrong)?, text(names, "Name").map_err(wrong)?);
        self.tags(place, entry, catalog_of(table), &database, Some(&name))
    }

    /// Tags on three levels.
    fn tags(
        &mut self,
        place: &Place<'_>,
        levels: &Object,
        catalog: Option<&str>,
        database: &str,
        table: Option<&str>,
    ) -> Result<()> {
        for (table, column, tags) in places(levels, table).map_err(|why| unreadable(place, why))? {
            let what = format!("LF-Tags of {database}.{}", table.unwrap_or("*"));
            let own: BTreeSet<&str> = tags.as_array().into_iter().flatten().filter_map(catalog_of).collect();
            let tags = assigned(tags).map_err(|why| unreadable(place, why))?;
            let mut admitted = true;
            for catalog in own.into_iter().chain(catalog) {
                admitted &= self.admits(Some(catalog), place.file, &what);
            }
            if admitted && !tags.is_empty() {
                let (database, table) = (database.to_owned(), table.map(str::to_owned));
                self.snapshot.tags.push(TagAssignment { database, table, column, tags });
            }
        }
        Ok(())
    }
}

fn unreadable(place: &Place<'_>, why: String) -> Error {
    place.refuse("LF-Tags cannot be read").hint(why)
}

/// A table or `None` for its database, a column or `None` for the table, and a list of tags.
type TagsAt<'a> = (Option<&'a str>, Option<String>, &'a Value);

/// The lists of tags, with the place that each belongs to.
fn places<'a>(levels: &'a Object, table: Option<&'a str>) -> Result<Vec<TagsAt<'a>>, String> {
    let mut places: Vec<TagsAt<'a>> = Vec::new();
    places.extend(member(levels, "LFTagOnDatabase").map(|tags| (None, None, tags)));
    let (on_table, on_columns) = (member(levels, "LFTagsOnTable"), member(levels, "LFTagsOnColumns"));
    let Some(table) = table else {
        let holds = |value: &Value| value.as_array().is_none_or(|list| !list.is_empty());
        if on_table.into_iter().chain(on_columns).any(holds) {
            return Err("they are on a table or its columns, and the resource is a database".to_owned());
        }
        return Ok(places);
    };
    places.extend(on_table.map(|tags| (Some(table), None, tags)));
    if let Some(columns) = on_columns {
        for column in columns.as_array().ok_or("those of columns are not a list")? {
            let column = object(column, &["Name", "LFTags"])?;
            let tags = member(column, "LFTags").ok_or("a column has no list of them")?;
            places.push((Some(table), Some(text(column, "Name")?), tags));
        }
    }
    Ok(places)
}
