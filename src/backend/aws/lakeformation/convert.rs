//! From the SDK's types to ours. What is not wholly understood becomes [`Resource::Unknown`], or a reason why not.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lakeformation::types;

use crate::grant::index::ALL_TABLES;
use crate::grant::{CellsFilter, Columns, Resource, Tables, TagExpression, Tagged, Tags};

/// What an entry is about, and the catalog that it names.
pub(super) fn resource(resource: Option<&types::Resource>) -> (Resource, Option<String>) {
    let Some(found) = resource else {
        return (Resource::Unknown("an entry without a resource".to_owned()), None);
    };
    let mut members = members(found);
    match (members.pop(), members.is_empty()) {
        (Some(only), true) => only,
        (Some(_), false) => (Resource::Unknown("an entry with several resources".to_owned()), None),
        (None, _) => (Resource::Unknown("a resource of a kind that is not known".to_owned()), None),
    }
}

/// Every member that is set: there should be one.
fn members(found: &types::Resource) -> Vec<(Resource, Option<String>)> {
    let mut all = Vec::new();
    if let Some(catalog) = &found.catalog {
        all.push((Resource::Catalog, catalog.id.clone()));
    }
    if let Some(database) = &found.database {
        all.push((named(&database.name, "a database", Resource::Database), database.catalog_id.clone()));
    }
    if let Some(found) = &found.table {
        all.push((table(found), found.catalog_id.clone()));
    }
    if let Some(found) = &found.table_with_columns {
        all.push((table_with_columns(found), found.catalog_id.clone()));
    }
    if let Some(place) = &found.data_location {
        let resource = named(&place.resource_arn, "a data location", Resource::DataLocation);
        all.push((resource, place.catalog_id.clone()));
    }
    if let Some(filter) = &found.data_cells_filter {
        all.push((filter_of_grant(filter), filter.table_catalog_id.clone()));
    }
    if let Some(tag) = &found.lf_tag {
        let resource = Resource::Unrelated(format!("LF-Tag {}", tag.tag_key));
        all.push((resource, tag.catalog_id.clone()));
    }
    if let Some(policy) = &found.lf_tag_policy {
        all.push((tagged(policy), policy.catalog_id.clone()));
    }
    if let Some(expression) = &found.lf_tag_expression {
        let resource = Resource::Unrelated(format!("LF-Tag expression {}", expression.name));
        all.push((resource, expression.catalog_id.clone()));
    }
    if let Some(policy) = &found.rls_policy {
        let resource = Resource::Unknown(format!("row-level security policy {}", policy.name));
        all.push((resource, policy.catalog_id.clone()));
    }
    all
}

fn named(name: &str, what: &str, resource: fn(String) -> Resource) -> Resource {
    if name.is_empty() { Resource::Unknown(format!("{what} without a name")) } else { resource(name.to_owned()) }
}

fn table(found: &types::TableResource) -> Resource {
    match tables(found.name.as_deref(), found.table_wildcard.is_some()) {
        Some(table) if !found.database_name.is_empty() => {
            Resource::Table { database: found.database_name.clone(), table }
        }
        _ => Resource::Unknown(format!("a table of database {} without one name", found.database_name)),
    }
}

fn table_with_columns(found: &types::TableWithColumnsResource) -> Resource {
    let place = format!("{}.{}", found.database_name, found.name);
    let Some(table) = tables(Some(&found.name), false).filter(|_| !found.database_name.is_empty()) else {
        return Resource::Unknown(format!("columns of a table without a name: {place}"));
    };
    match columns(found.column_names.as_deref(), found.column_wildcard.as_ref()) {
        Some(columns) => Resource::Columns { database: found.database_name.clone(), table, columns },
        None => Resource::Unknown(format!("columns of table {place} that are not said")),
    }
}

fn tables(name: Option<&str>, wildcard: bool) -> Option<Tables> {
    match name {
        Some(ALL_TABLES) => Some(Tables::All),
        None | Some("") => wildcard.then_some(Tables::All),
        Some(name) => (!wildcard).then(|| Tables::Named(name.to_owned())),
    }
}

fn columns(names: Option<&[String]>, wildcard: Option<&types::ColumnWildcard>) -> Option<Columns> {
    let names = names.unwrap_or_default();
    match wildcard.map(|wildcard| wildcard.excluded_column_names.as_deref().unwrap_or_default()) {
        None if names.is_empty() => None,
        None => Some(Columns::Only(names.to_vec())),
        Some(_) if !names.is_empty() => None,
        Some([]) => Some(Columns::All),
        Some(excluded) => Some(Columns::Except(excluded.to_vec())),
    }
}

fn filter_of_grant(filter: &types::DataCellsFilterResource) -> Resource {
    let text = |member: &Option<String>| member.clone().filter(|text| !text.is_empty());
    match (text(&filter.database_name), text(&filter.table_name), text(&filter.name)) {
        (Some(database), Some(table), Some(name)) => Resource::CellsFilter { database, table, name },
        _ => Resource::Unknown("a data cells filter without a name".to_owned()),
    }
}

fn tagged(policy: &types::LfTagPolicyResource) -> Resource {
    let kind = match &policy.resource_type {
        types::ResourceType::Database => Tagged::Databases,
        types::ResourceType::Table => Tagged::Tables,
        other => return Resource::Unknown(format!("LF-Tags of a kind that is not known: {}", other.as_str())),
    };
    let saved = policy.expression_name.clone().filter(|name| !name.is_empty());
    let tags = match (saved, expression(&policy.expression)) {
        (Some(name), _) if policy.expression.is_empty() => Tags::Saved(name),
        (None, Ok(expression)) => Tags::Expression(expression),
        (None, Err(why)) => return Resource::Unknown(format!("LF-Tags: {why}")),
        (Some(name), _) => return Resource::Unknown(format!("LF-Tags by name and written out: {name}")),
    };
    Resource::Tagged { kind, tags }
}

/// Keys and values that are asked for.
///
/// # Errors
/// If there are none, or a key comes twice: whether both or either is meant is not said.
pub(super) fn expression(tags: &[types::LfTag]) -> Result<TagExpression, &'static str> {
    let mut all = BTreeMap::new();
    let mut keys = BTreeSet::new();
    for tag in tags {
        if !keys.insert(tag.tag_key.to_lowercase()) {
            return Err("an LF-Tag expression names a key twice");
        }
        if tag.tag_key.is_empty() || tag.tag_values.is_empty() {
            return Err("an LF-Tag expression lacks a key or its values");
        }
        all.insert(tag.tag_key.clone(), tag.tag_values.iter().cloned().collect());
    }
    if all.is_empty() { Err("an LF-Tag expression is empty") } else { Ok(all) }
}

/// A data cells filter.
///
/// # Errors
/// If its rows or columns are not said.
pub(super) fn filter(filter: &types::DataCellsFilter) -> Result<CellsFilter, &'static str> {
    if [&filter.database_name, &filter.table_name, &filter.name].iter().any(|name| name.is_empty()) {
        return Err("the filter lacks its name or its table's");
    }
    let columns = columns(filter.column_names.as_deref(), filter.column_wildcard.as_ref());
    Ok(CellsFilter {
        database: filter.database_name.clone(),
        table: filter.table_name.clone(),
        name: filter.name.clone(),
        rows: rows(filter.row_filter.as_ref())?,
        columns: columns.ok_or("the filter does not say which columns")?,
    })
}

/// The row filter as written; `None` for all rows, which are listed as the text TRUE, too.
fn rows(filter: Option<&types::RowFilter>) -> Result<Option<String>, &'static str> {
    let text = filter.and_then(|filter| filter.filter_expression.clone()).filter(|text| !text.trim().is_empty());
    match (text, filter.is_some_and(|filter| filter.all_rows_wildcard.is_some())) {
        (None, true) => Ok(None),
        (Some(text), true) if text.trim().eq_ignore_ascii_case("true") => Ok(None),
        // Two answers to one question: the narrower one.
        (Some(text), _) => Ok(Some(text)),
        (None, false) => Err("the filter does not say which rows"),
    }
}
