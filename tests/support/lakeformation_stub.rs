//! Lake Formation as it answers, in front of moto, which keeps grants, tags and settings but lists them otherwise.
//!
//! What a test puts in goes to moto where moto has the operation; what the stub answers comes from there. The stub adds
//! what moto lacks: SELECT listed apart from other permissions, `ALL_TABLES`, catalog ids, related grants of a table,
//! inherited tags, pages, data cells filters, saved expressions, opt-ins and row-level security. It is as strict as
//! the service: calls must be signed, names are in lower case, and a page token must be one that it gave out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::http;
use super::moto::{REGION, moto};
use super::stub::{Asked, Reply, Stub};

/// The catalog that the stub serves: the account of moto's caller.
pub(crate) const CATALOG: &str = "123456789012";

/// Answers in the stub's place, if it likes to.
type Interrupt = Box<dyn FnMut(&Asked) -> Option<Reply> + Send>;

/// A stub that is being set up.
pub(crate) struct LakeFormationStub {
    /// The catalog's name in moto, which all tests share.
    catalog: String,
    tables: BTreeMap<(String, String), Vec<String>>,
    tagged: BTreeMap<String, Vec<Value>>,
    entries: Vec<Value>,
    filters: Vec<Value>,
    unlisted: BTreeSet<String>,
    expressions: Vec<Value>,
    opt_ins: Vec<Value>,
    attachments: Vec<Value>,
    page_size: usize,
    interrupt: Interrupt,
}

impl LakeFormationStub {
    /// An empty catalog whose pages hold two items.
    pub(crate) fn new() -> Self {
        Self {
            catalog: format!("test-{}", uuid::Uuid::new_v4().simple()),
            tables: BTreeMap::new(),
            tagged: BTreeMap::new(),
            entries: Vec::new(),
            filters: Vec::new(),
            unlisted: BTreeSet::new(),
            expressions: Vec::new(),
            opt_ins: Vec::new(),
            attachments: Vec::new(),
            page_size: 2,
            interrupt: Box::new(|_| None),
        }
    }

    /// A table of the Data Catalog.
    #[must_use]
    pub(crate) fn table(mut self, database: &str, table: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        self.tables.insert((database.to_owned(), table.to_owned()), columns);
        self
    }

    /// Grants permissions.
    #[must_use]
    pub(crate) fn grant(self, principal: &str, resource: &Value, permissions: &[&str]) -> Self {
        let principal = json!({ "DataLakePrincipalIdentifier": principal });
        let body = json!({ "Principal": principal, "Resource": resource, "Permissions": permissions });
        self.moto("GrantPermissions", body);
        self
    }

    /// An entry that is listed as it stands.
    #[must_use]
    pub(crate) fn entry(mut self, entry: Value) -> Self {
        self.entries.push(entry);
        self
    }

    /// A data cells filter; `rows` is a `RowFilter`, `columns` holds `ColumnNames` or `ColumnWildcard`.
    #[must_use]
    pub(crate) fn filter(mut self, table: [&str; 2], name: &str, rows: &Value, columns: &Value) -> Self {
        let mut filter = json!({ "TableCatalogId": CATALOG, "DatabaseName": table[0], "TableName": table[1] });
        filter["Name"] = json!(name);
        filter["RowFilter"] = rows.clone();
        merge(&mut filter, columns);
        self.filters.push(filter);
        self
    }

    /// Leaves a data cells filter out of lists; it is there when it is asked for by name.
    #[must_use]
    pub(crate) fn unlisted(mut self, name: &str) -> Self {
        self.unlisted.insert(name.to_owned());
        self
    }

    /// Makes an LF-Tag and assigns it to a resource.
    #[must_use]
    pub(crate) fn tag(mut self, resource: &Value, key: &str, value: &str) -> Self {
        self.moto("CreateLFTag", json!({ "TagKey": key, "TagValues": [value] }));
        let tags = self.tagged.entry(resource.to_string()).or_default();
        tags.push(json!({ "TagKey": key, "TagValues": [value] }));
        let body = json!({ "Resource": resource, "LFTags": tags });
        let answer = self.moto("AddLFTagsToResource", body);
        assert_eq!(answer["Failures"], json!([]), "tag {resource}");
        self
    }

    /// Saves an LF-Tag expression.
    #[must_use]
    pub(crate) fn expression(mut self, name: &str, tags: &Value) -> Self {
        self.expressions.push(json!({ "Name": name, "CatalogId": CATALOG, "Expression": tags }));
        self
    }

    /// Opts a principal in.
    #[must_use]
    pub(crate) fn opt_in(mut self, principal: &str, resource: &Value) -> Self {
        let principal = json!({ "DataLakePrincipalIdentifier": principal });
        self.opt_ins.push(json!({ "Principal": principal, "Resource": resource, "LastModified": 1_790_000_000 }));
        self
    }

    /// Attaches a row-level security policy.
    #[must_use]
    pub(crate) fn attachment(mut self, policy: &str, resource: &Value) -> Self {
        self.attachments.push(json!({ "CatalogId": CATALOG, "PolicyName": policy, "Resource": resource }));
        self
    }

    /// Names the data lake administrators, and those who only read.
    #[must_use]
    pub(crate) fn administrators(self, names: &[&str], readers: &[&str]) -> Self {
        let list = |names: &[&str]| -> Vec<Value> {
            names.iter().map(|name| json!({ "DataLakePrincipalIdentifier": name })).collect()
        };
        let settings = json!({ "DataLakeAdmins": list(names), "ReadOnlyAdmins": list(readers) });
        self.moto("PutDataLakeSettings", json!({ "DataLakeSettings": settings }));
        self
    }

    /// How many items a page holds at most.
    #[must_use]
    pub(crate) fn page_size(mut self, items: usize) -> Self {
        assert!(items > 0, "an empty page has no end");
        self.page_size = items;
        self
    }

    /// Lets something else answer first.
    #[must_use]
    pub(crate) fn interrupt(mut self, interrupt: impl FnMut(&Asked) -> Option<Reply> + Send + 'static) -> Self {
        self.interrupt = Box::new(interrupt);
        self
    }

    /// Starts serving. The answer's `asked()` shows the calls.
    pub(crate) fn start(mut self) -> Stub {
        Stub::serve(move |asked| {
            if let Some(reply) = (self.interrupt)(asked) {
                return reply;
            }
            self.answer(asked).unwrap_or_else(|reply| reply)
        })
    }

    fn answer(&self, asked: &Asked) -> Result<Reply, Reply> {
        if !asked.header("authorization").is_some_and(|value| value.contains("/lakeformation/aws4_request")) {
            return Err(error(403, "MissingAuthenticationTokenException", "Missing Authentication Token"));
        }
        let body = asked.json();
        if body["CatalogId"].as_str().is_some_and(|catalog| catalog != CATALOG) {
            return Err(error(400, "EntityNotFoundException", "Catalog not found."));
        }
        let page = |name: &str, items: &[Value]| self.page(&body, name, items);
        match asked.path.as_str() {
            "/ListPermissions" => page("PrincipalResourcePermissions", &self.permissions(&body)?),
            "/ListDataCellsFilter" => page("DataCellsFilters", &self.list_filters(&body)?),
            "/GetDataCellsFilter" => self.get_filter(&body),
            "/GetResourceLFTags" => self.resource_tags(&body),
            "/GetDataLakeSettings" => Ok(ok(&self.moto("GetDataLakeSettings", json!({})))),
            "/ListLFTagExpressions" => page("LFTagExpressions", &self.expressions),
            "/ListLakeFormationOptIns" => page("LakeFormationOptInsInfoList", &self.opt_ins),
            "/ListRLSPolicyAttachments" => page("RLSPolicyAttachments", &self.attachments),
            _ => Err(error(404, "UnknownOperationException", "The stub knows no such operation.")),
        }
    }

    fn page(&self, body: &Value, name: &str, items: &[Value]) -> Result<Reply, Reply> {
        let prefix = format!("{name}-after-");
        let start = match &body["NextToken"] {
            Value::Null => 0,
            value => value
                .as_str()
                .and_then(|token| token.strip_prefix(&prefix)?.parse::<usize>().ok())
                .ok_or_else(|| error(400, "InvalidInputException", "Invalid NextToken."))?,
        };
        let end = start.saturating_add(self.page_size).min(items.len());
        let mut answer = json!({ name: items.get(start..end).unwrap_or_default() });
        if end < items.len() {
            answer["NextToken"] = json!(format!("{prefix}{end}"));
        }
        Ok(ok(&answer))
    }

    /// The entries that a call is about. Grants on data cells filters are related to their tables.
    fn permissions(&self, body: &Value) -> Result<Vec<Value>, Reply> {
        let mut all: Vec<Value> = Vec::new();
        for entry in self.moto("ListPermissions", json!({}))["PrincipalResourcePermissions"].as_array().unwrap() {
            split(entry, &mut all);
        }
        all.sort_by_key(Value::to_string);
        all.extend(self.entries.iter().cloned());
        if !body["Principal"].is_null() {
            return Err(error(400, "InvalidInputException", "The stub lists for all principals only."));
        }
        let Some(asked) = body["Resource"].get("Table") else {
            all.retain(|entry| entry["Resource"].get("DataCellsFilter").is_none());
            return Ok(all);
        };
        let (database, table) = self.known(asked)?;
        let related = body["IncludeRelated"] == "TRUE";
        all.retain(|entry| {
            let resource = &entry["Resource"];
            let is = |member: &Value, name: &str| {
                member["DatabaseName"] == database.as_str()
                    && (member[name] == table.as_str() || member[name] == "ALL_TABLES")
            };
            is(&resource["Table"], "Name")
                || is(&resource["TableWithColumns"], "Name")
                || (related && is(&resource["DataCellsFilter"], "TableName"))
        });
        Ok(all)
    }

    fn list_filters(&self, body: &Value) -> Result<Vec<Value>, Reply> {
        let (database, table) = self.known(&body["Table"])?;
        let of_table = |filter: &&Value| {
            filter["DatabaseName"] == database.as_str()
                && filter["TableName"] == table.as_str()
                && !self.unlisted.contains(filter["Name"].as_str().unwrap())
        };
        Ok(self.filters.iter().filter(of_table).cloned().collect())
    }

    fn get_filter(&self, body: &Value) -> Result<Reply, Reply> {
        let members = ["TableCatalogId", "DatabaseName", "TableName", "Name"];
        let found = self.filters.iter().find(|filter| members.iter().all(|name| filter[*name] == body[*name]));
        let missing = || error(400, "EntityNotFoundException", "Data cells filter not found.");
        Ok(ok(&json!({ "DataCellsFilter": found.ok_or_else(missing)? })))
    }

    /// The tags of a database, or of a table and its columns, with those that they inherit.
    fn resource_tags(&self, body: &Value) -> Result<Reply, Reply> {
        let resource = &body["Resource"];
        if let Some(database) = resource["Database"]["Name"].as_str() {
            if !self.tables.keys().any(|(known, _)| known == database) {
                return Err(error(400, "EntityNotFoundException", "Database not found."));
            }
            return Ok(ok(&json!({ "LFTagOnDatabase": self.level(&database_of(database), "LFTagOnDatabase") })));
        }
        let (database, table) = self.known(&resource["Table"])?;
        let inherits = body["ShowAssignedLFTags"] != true;
        let below = |mut level: Vec<Value>, above: &[Value]| {
            let has = |level: &[Value], tag: &Value| level.iter().any(|own| own["TagKey"] == tag["TagKey"]);
            let inherited: Vec<Value> = above.iter().filter(|tag| inherits && !has(&level, tag)).cloned().collect();
            level.extend(inherited);
            level
        };
        let on_database = self.level(&database_of(&database), "LFTagOnDatabase");
        let on_table = below(self.level(&table_of(&database, &table), "LFTagsOnTable"), &on_database);
        let mut on_columns = Vec::new();
        for column in &self.tables[&(database.clone(), table.clone())] {
            let tags = below(self.level(&column_of(&database, &table, column), "LFTagsOnColumns"), &on_table);
            if !tags.is_empty() {
                on_columns.push(json!({ "Name": column, "LFTags": tags }));
            }
        }
        let answer =
            json!({ "LFTagOnDatabase": on_database, "LFTagsOnTable": on_table, "LFTagsOnColumns": on_columns });
        Ok(ok(&answer))
    }

    /// The tags that moto has for one level. It fails for a resource that was never tagged.
    fn level(&self, resource: &Value, member: &str) -> Vec<Value> {
        if !self.tagged.contains_key(&resource.to_string()) {
            return Vec::new();
        }
        let answer = self.moto("GetResourceLFTags", json!({ "Resource": resource }));
        let tags = match member {
            "LFTagsOnColumns" => &answer[member][0]["LFTags"],
            _ => &answer[member],
        };
        let mut tags = tags.as_array().expect("tags").clone();
        for tag in &mut tags {
            tag["CatalogId"] = json!(CATALOG);
        }
        tags
    }

    /// A table that was named as the catalog has it.
    fn known(&self, table: &Value) -> Result<(String, String), Reply> {
        let text = |name: &str| table[name].as_str().unwrap_or_default().to_owned();
        let name = (text("DatabaseName"), text("Name"));
        let known = self.tables.contains_key(&name);
        known.then_some(name).ok_or_else(|| error(400, "EntityNotFoundException", "Table not found."))
    }

    /// One call of moto, in the catalog of this stub.
    fn moto(&self, operation: &str, mut body: Value) -> Value {
        body["CatalogId"] = json!(self.catalog);
        if operation.contains("LFTags") {
            let member = body["Resource"].as_object_mut().unwrap().values_mut().next().unwrap();
            member["CatalogId"] = json!(self.catalog);
        }
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/lakeformation/aws4_request, \
             SignedHeaders=host, Signature=x"
        );
        let headers = [("Content-Type", "application/json"), ("Authorization", authorization.as_str())];
        let path = format!("/{operation}");
        let answer = http::request("POST", moto().endpoint(), &path, &headers, body.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
        answer.json()
    }
}

/// An entry as the service lists it: SELECT apart, with columns, and catalog ids.
fn split(entry: &Value, all: &mut Vec<Value>) {
    let with = |resource: Value, permissions: &[Value]| {
        json!({ "Principal": entry["Principal"], "Resource": resource, "Permissions": permissions,
                "PermissionsWithGrantOption": [], "LastUpdated": 1_790_000_000.25 })
    };
    let mut resource = entry["Resource"].clone();
    for (name, member) in resource.as_object_mut().unwrap() {
        let id = match name.as_str() {
            "Catalog" => "Id",
            "DataCellsFilter" => "TableCatalogId",
            _ => "CatalogId",
        };
        if member[id].is_null() {
            member[id] = json!(CATALOG);
        }
    }
    let mut permissions = entry["Permissions"].as_array().unwrap().clone();
    permissions.sort_by_key(Value::to_string);
    let Some(table) = resource.get_mut("Table") else {
        all.push(with(resource, &permissions));
        return;
    };
    if table.get("TableWildcard").is_some() {
        table["Name"] = json!("ALL_TABLES");
    }
    let columns = json!({ "CatalogId": table["CatalogId"], "DatabaseName": table["DatabaseName"],
                          "Name": table["Name"], "ColumnWildcard": {} });
    let (select, others): (Vec<Value>, Vec<Value>) = permissions.into_iter().partition(|name| name == "SELECT");
    if !others.is_empty() {
        all.push(with(resource, &others));
    }
    if !select.is_empty() {
        all.push(with(json!({ "TableWithColumns": columns }), &select));
    }
}

/// A database as a resource.
pub(crate) fn database_of(name: &str) -> Value {
    json!({ "Database": { "Name": name } })
}

/// A table as a resource.
pub(crate) fn table_of(database: &str, name: &str) -> Value {
    json!({ "Table": { "DatabaseName": database, "Name": name } })
}

/// Every table of a database as a resource.
pub(crate) fn tables_of(database: &str) -> Value {
    json!({ "Table": { "DatabaseName": database, "TableWildcard": {} } })
}

/// A column as a resource.
pub(crate) fn column_of(database: &str, table: &str, column: &str) -> Value {
    json!({ "TableWithColumns": { "DatabaseName": database, "Name": table, "ColumnNames": [column] } })
}

/// A data cells filter as a resource.
pub(crate) fn filter_of(database: &str, table: &str, name: &str) -> Value {
    json!({ "DataCellsFilter": { "DatabaseName": database, "TableName": table, "Name": name } })
}

fn merge(object: &mut Value, members: &Value) {
    for (name, value) in members.as_object().expect("members") {
        object[name] = value.clone();
    }
}

fn ok(body: &Value) -> Reply {
    let headers = vec![("content-type", "application/json".to_owned())];
    Reply { status: 200, headers, body: body.to_string().into_bytes() }
}

/// An error as the service tells it.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    let headers = vec![("content-type", "application/json".to_owned()), ("x-amzn-errortype", code.to_owned())];
    Reply { status, headers, body: json!({ "Message": message }).to_string().into_bytes() }
}

#[cfg(test)]
mod tests;
