//! Entries of Lake Formation's answers: resources, permissions, filters and tags, from the JSON that the AWS CLI prints.
//!
//! Nothing is guessed. A member that is not known may narrow what the entry gives, so an entry that has one is not
//! understood.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::super::index::ALL_TABLES;
use super::super::{CellsFilter, Columns, Grant, Resource, Tables, TagExpression, Tagged, Tags};

pub(super) type Object = Map<String, Value>;

/// An object of known members; `null` counts as absent.
pub(super) fn object<'a>(value: &'a Value, known: &[&str]) -> Result<&'a Object, String> {
    let object = value.as_object().ok_or("it is not an object")?;
    match object.iter().find(|(key, value)| !value.is_null() && !known.contains(&key.as_str())) {
        Some((key, _)) => Err(format!("its member `{key}` is not known")),
        None => Ok(object),
    }
}

/// A member that is there and not `null`.
pub(super) fn member<'a>(object: &'a Object, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|value| !value.is_null())
}

pub(super) fn text(object: &Object, key: &str) -> Result<String, String> {
    let found = member(object, key).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.map(str::to_owned).ok_or_else(|| format!("its member `{key}` is missing or not a text"))
}

fn texts(value: &Value, what: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("its member `{what}` is not a list of texts");
    let list = value.as_array().ok_or_else(wrong)?;
    list.iter().map(|text| text.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

/// The catalog that an entry belongs to, wherever it says so.
pub(super) fn catalog_of(value: &Value) -> Option<&str> {
    let object = value.as_object()?;
    for key in ["CatalogId", "TableCatalogId"] {
        if let Some(catalog) = object.get(key).and_then(Value::as_str) {
            return Some(catalog);
        }
    }
    // The resource of an entry: one member, which says it inside.
    object.iter().find_map(|(kind, inside)| {
        let key = if kind == "Catalog" { "Id" } else { "CatalogId" };
        inside.get(key).or_else(|| inside.get("TableCatalogId")).and_then(Value::as_str)
    })
}

/// A resource. One that is not understood is [`Resource::Unknown`], with its kind.
pub(super) fn resource(value: Option<&Value>) -> Resource {
    let members: Vec<(&String, &Value)> =
        value.and_then(Value::as_object).into_iter().flatten().filter(|(_, inside)| !inside.is_null()).collect();
    let [(kind, inside)] = members[..] else { return Resource::Unknown("a resource that is not one thing".to_owned()) };
    known_resource(kind, inside).unwrap_or_else(|why| Resource::Unknown(format!("a resource of kind {kind}: {why}")))
}

fn known_resource(kind: &str, inside: &Value) -> Result<Resource, String> {
    Ok(match kind {
        "Catalog" => object(inside, &["Id"]).map(|_| Resource::Catalog)?,
        "Database" => Resource::Database(text(object(inside, &["CatalogId", "Name"])?, "Name")?),
        "Table" => {
            let inside = object(inside, &["CatalogId", "DatabaseName", "Name", "TableWildcard"])?;
            Resource::Table { database: text(inside, "DatabaseName")?, table: tables(inside)? }
        }
        "TableWithColumns" => {
            let known = ["CatalogId", "DatabaseName", "Name", "ColumnNames", "ColumnWildcard"];
            let inside = object(inside, &known)?;
            let database = text(inside, "DatabaseName")?;
            Resource::Columns { database, table: tables(inside)?, columns: columns(inside)? }
        }
        "DataCellsFilter" => {
            let inside = object(inside, &["TableCatalogId", "DatabaseName", "TableName", "Name"])?;
            let (database, table) = (text(inside, "DatabaseName")?, text(inside, "TableName")?);
            Resource::CellsFilter { database, table, name: text(inside, "Name")? }
        }
        "LFTagPolicy" => tag_policy(inside)?,
        "DataLocation" => Resource::DataLocation(text(object(inside, &["CatalogId", "ResourceArn"])?, "ResourceArn")?),
        "LFTag" => named(inside, "TagKey", "LF-Tag")?,
        "LFTagExpression" => named(inside, "Name", "LF-Tag expression")?,
        "RLSPolicy" => named(inside, "Name", "row-level security policy")?,
        _ => return Err("this kind is not known".to_owned()),
    })
}

fn named(inside: &Value, key: &str, what: &str) -> Result<Resource, String> {
    let inside = inside.as_object().ok_or("it is not an object")?;
    Ok(Resource::Unrelated(format!("{what} {}", text(inside, key)?)))
}

fn tables(inside: &Object) -> Result<Tables, String> {
    let wildcard = match member(inside, "TableWildcard") {
        Some(wildcard) => object(wildcard, &[]).map(|_| true)?,
        None => false,
    };
    match (member(inside, "Name").map(|_| text(inside, "Name")).transpose()?, wildcard) {
        (Some(name), _) if name == ALL_TABLES => Ok(Tables::All),
        (None, true) => Ok(Tables::All),
        (Some(name), false) => Ok(Tables::Named(name)),
        (Some(_), true) => Err("it names one table and every table".to_owned()),
        (None, false) => Err("it names no table".to_owned()),
    }
}

fn columns(inside: &Object) -> Result<Columns, String> {
    let names = member(inside, "ColumnNames").map(|names| texts(names, "ColumnNames")).transpose()?;
    let Some(wildcard) = member(inside, "ColumnWildcard") else {
        return names.map(Columns::Only).ok_or_else(|| "it names no columns".to_owned());
    };
    if names.is_some_and(|names| !names.is_empty()) {
        return Err("it names some columns and every column".to_owned());
    }
    let wildcard = object(wildcard, &["ExcludedColumnNames"])?;
    let excluded = member(wildcard, "ExcludedColumnNames");
    let excluded = excluded.map(|names| texts(names, "ExcludedColumnNames")).transpose()?.unwrap_or_default();
    Ok(if excluded.is_empty() { Columns::All } else { Columns::Except(excluded) })
}

fn tag_policy(inside: &Value) -> Result<Resource, String> {
    let inside = object(inside, &["CatalogId", "ResourceType", "Expression", "ExpressionName"])?;
    let kind = match text(inside, "ResourceType")?.as_str() {
        "DATABASE" => Tagged::Databases,
        "TABLE" => Tagged::Tables,
        _ => return Err("its member `ResourceType` is not known".to_owned()),
    };
    let written = member(inside, "Expression").filter(|list| list.as_array().is_none_or(|list| !list.is_empty()));
    let tags = match (written, member(inside, "ExpressionName")) {
        (Some(written), None) => Tags::Expression(expression(written)?),
        (None, Some(_)) => Tags::Saved(text(inside, "ExpressionName")?),
        _ => return Err("it has not one expression".to_owned()),
    };
    Ok(Resource::Tagged { kind, tags })
}

/// The keys and values of an LF-Tag expression.
pub(super) fn expression(value: &Value) -> Result<TagExpression, String> {
    let mut expression = TagExpression::new();
    for part in value.as_array().ok_or("its expression is not a list")? {
        let part = object(part, &["CatalogId", "TagKey", "TagValues"])?;
        let values = member(part, "TagValues").ok_or("its member `TagValues` is missing")?;
        let values: BTreeSet<String> = texts(values, "TagValues")?.into_iter().collect();
        if expression.insert(text(part, "TagKey")?, values).is_some() {
            return Err("its expression asks for one key twice".to_owned());
        }
    }
    if expression.is_empty() { Err("its expression is empty".to_owned()) } else { Ok(expression) }
}

/// Tags that are assigned: one value per key.
pub(super) fn assigned(value: &Value) -> Result<BTreeMap<String, String>, String> {
    let mut tags = BTreeMap::new();
    for (key, values) in tag_values(value)? {
        let [value] = <[String; 1]>::try_from(values).map_err(|_| "an assigned LF-Tag has not one value".to_owned())?;
        if tags.insert(key, value).is_some() {
            return Err("an LF-Tag is assigned twice".to_owned());
        }
    }
    Ok(tags)
}

fn tag_values(value: &Value) -> Result<Vec<(String, Vec<String>)>, String> {
    let mut tags = Vec::new();
    for tag in value.as_array().ok_or("its LF-Tags are not a list")? {
        let tag = object(tag, &["CatalogId", "TagKey", "TagValues"])?;
        let values = member(tag, "TagValues").ok_or("its member `TagValues` is missing")?;
        tags.push((text(tag, "TagKey")?, texts(values, "TagValues")?));
    }
    Ok(tags)
}

/// The text of a principal.
pub(super) fn principal(value: Option<&Value>) -> Result<String, String> {
    let value = value.ok_or("its principal is missing")?;
    text(object(value, &["DataLakePrincipalIdentifier"])?, "DataLakePrincipalIdentifier")
}

/// An entry of a list of permissions.
pub(super) fn permission(value: &Value, origin: &str) -> Result<Grant, String> {
    let known = [
        "Principal",
        "Resource",
        "Condition",
        "Permissions",
        "PermissionsWithGrantOption",
        "AdditionalDetails",
        "LastUpdated",
        "LastUpdatedBy",
    ];
    let entry = object(value, &known)?;
    let permissions = member(entry, "Permissions").ok_or("its member `Permissions` is missing")?;
    let condition = member(entry, "Condition").map(|condition| match condition.get("Expression") {
        Some(Value::String(expression)) => expression.clone(),
        _ => condition.to_string(),
    });
    Ok(Grant {
        principal: principal(member(entry, "Principal"))?,
        resource: resource(member(entry, "Resource")),
        condition,
        permissions: texts(permissions, "Permissions")?.into_iter().collect(),
        origin: origin.to_owned(),
    })
}

/// A data cells filter.
pub(super) fn cells_filter(value: &Value) -> Result<CellsFilter, String> {
    let known = [
        "TableCatalogId",
        "DatabaseName",
        "TableName",
        "Name",
        "RowFilter",
        "ColumnNames",
        "ColumnWildcard",
        "VersionId",
    ];
    let filter = object(value, &known)?;
    let rows = member(filter, "RowFilter").ok_or("its member `RowFilter` is missing")?;
    let rows = object(rows, &["FilterExpression", "AllRowsWildcard"])?;
    // A filter of all rows has both.
    let rows = match member(rows, "AllRowsWildcard") {
        Some(wildcard) => object(wildcard, &[]).map(|_| None)?,
        None => Some(text(rows, "FilterExpression")?),
    };
    Ok(CellsFilter {
        database: text(filter, "DatabaseName")?,
        table: text(filter, "TableName")?,
        name: text(filter, "Name")?,
        rows,
        columns: columns(filter)?,
    })
}
