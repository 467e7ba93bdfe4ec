//! The operations, each to its last page.

use std::collections::BTreeSet;

use aws_sdk_lakeformation::Client;
use aws_sdk_lakeformation::error::BuildError;
use aws_sdk_lakeformation::operation::get_resource_lf_tags::GetResourceLfTagsOutput;
use aws_sdk_lakeformation::types::{
    DataCellsFilter, DataLakeSettings, DatabaseResource, LakeFormationOptInsInfo, LfTagExpression,
    PrincipalResourcePermissions, Resource, RlsPolicyAttachment, TableResource,
};

use crate::backend::aws::fault::{Service, code};
use crate::error::{Error, Result, Said};
use crate::model::TableName;

/// The message of an error about something that the Data Catalog does not have.
pub(super) const MISSING: &str = "the Data Catalog has no such database or table";

const LAKE_FORMATION: Service = Service {
    unsigned: "no AWS credentials for Lake Formation",
    unreachable: "Lake Formation cannot be reached",
    denied: "access to Lake Formation is denied",
    throttled: "Lake Formation throttles its callers",
    rejected: "Lake Formation does not accept the AWS credentials",
    missing: MISSING,
    unexpected: "Lake Formation does not answer as expected",
    missing_hint: "grants are read for databases and tables of the Glue Data Catalog: check their names, \
                   `[aws] region` and the catalog's id",
    denied_hint: "allow this identity lakeformation:ListPermissions, ListDataCellsFilter, GetDataCellsFilter, \
                  GetResourceLFTags, ListLFTagExpressions, GetDataLakeSettings, ListLakeFormationOptIns and \
                  ListRLSPolicyAttachments, and make it a read-only data lake administrator",
    endpoint: "lakeformation",
};

/// The client and the catalog that is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls<'a> {
    /// The client.
    pub(super) client: &'a Client,
    /// The catalog's id.
    pub(super) catalog: &'a str,
}

impl Calls<'_> {
    /// What was granted: on everything, or on a table with its data cells filters.
    pub(super) async fn permissions(&self, table: Option<&TableName>) -> Result<Vec<PrincipalResourcePermissions>> {
        const OPERATION: &str = "ListPermissions";
        let resource = table.map(|table| self.table(table)).transpose()?;
        let resource = resource.map(|table| Resource::builder().table(table).build());
        pages(OPERATION, |token| {
            let call = self.client.list_permissions().catalog_id(self.catalog).set_next_token(token);
            let call = call.set_include_related(resource.as_ref().map(|_| "TRUE".to_owned()));
            let call = call.set_resource(resource.clone());
            async move {
                let page = call.send().await.map_err(|error| LAKE_FORMATION.fault(OPERATION, &error))?;
                Ok((page.principal_resource_permissions, page.next_token))
            }
        })
        .await
    }

    /// The data cells filters of a table.
    pub(super) async fn filters(&self, table: &TableName) -> Result<Vec<DataCellsFilter>> {
        const OPERATION: &str = "ListDataCellsFilter";
        let table = self.table(table)?;
        pages(OPERATION, |token| {
            let call = self.client.list_data_cells_filter().table(table.clone()).set_next_token(token);
            async move {
                let page = call.send().await.map_err(|error| LAKE_FORMATION.fault(OPERATION, &error))?;
                Ok((page.data_cells_filters, page.next_token))
            }
        })
        .await
    }

    /// One data cells filter; `None` if there is none of the name.
    pub(super) async fn filter(&self, table: &TableName, name: &str) -> Result<Option<DataCellsFilter>> {
        const OPERATION: &str = "GetDataCellsFilter";
        let call = self.client.get_data_cells_filter().table_catalog_id(self.catalog);
        let call = call.database_name(lower(table.database())).table_name(lower(table.table())).name(name);
        match call.send().await {
            Ok(found) => found.data_cells_filter.map(Some).ok_or_else(|| lacks(OPERATION, "DataCellsFilter")),
            Err(error) if code(&error).is_some_and(|code| code.contains("EntityNotFound")) => Ok(None),
            Err(error) => Err(LAKE_FORMATION.fault(OPERATION, &error)),
        }
    }

    /// The LF-Tags of a database.
    pub(super) async fn database_tags(&self, database: &str) -> Result<GetResourceLfTagsOutput> {
        let resource = DatabaseResource::builder().catalog_id(self.catalog).name(lower(database)).build();
        self.tags(Resource::builder().database(resource.map_err(|error| incomplete(&error))?).build()).await
    }

    /// The LF-Tags of a table and its columns.
    pub(super) async fn table_tags(&self, table: &TableName) -> Result<GetResourceLfTagsOutput> {
        self.tags(Resource::builder().table(self.table(table)?).build()).await
    }

    /// Inherited tags are asked for, too: whether a list of assigned ones alone tells of a table's columns is not
    /// documented, and a column whose own tag is missed would be read by its table's.
    async fn tags(&self, resource: Resource) -> Result<GetResourceLfTagsOutput> {
        let call = self.client.get_resource_lf_tags().catalog_id(self.catalog).resource(resource);
        call.send().await.map_err(|error| LAKE_FORMATION.fault("GetResourceLFTags", &error))
    }

    /// The saved LF-Tag expressions.
    pub(super) async fn expressions(&self) -> Result<Vec<LfTagExpression>> {
        const OPERATION: &str = "ListLFTagExpressions";
        pages(OPERATION, |token| {
            let call = self.client.list_lf_tag_expressions().catalog_id(self.catalog).set_next_token(token);
            async move {
                let page = call.send().await.map_err(|error| LAKE_FORMATION.fault(OPERATION, &error))?;
                Ok((page.lf_tag_expressions, page.next_token))
            }
        })
        .await
    }

    /// The data lake's settings.
    pub(super) async fn settings(&self) -> Result<DataLakeSettings> {
        const OPERATION: &str = "GetDataLakeSettings";
        let answer = self.client.get_data_lake_settings().catalog_id(self.catalog).send().await;
        let answer = answer.map_err(|error| LAKE_FORMATION.fault(OPERATION, &error))?;
        answer.data_lake_settings.ok_or_else(|| lacks(OPERATION, "DataLakeSettings"))
    }

    /// Who opted in to Lake Formation, and where.
    pub(super) async fn opt_ins(&self) -> Result<Vec<LakeFormationOptInsInfo>> {
        const OPERATION: &str = "ListLakeFormationOptIns";
        pages(OPERATION, |token| {
            let call = self.client.list_lake_formation_opt_ins().set_next_token(token);
            async move {
                let page = call.send().await.map_err(|error| LAKE_FORMATION.fault(OPERATION, &error))?;
                Ok((page.lake_formation_opt_ins_info_list, page.next_token))
            }
        })
        .await
    }

    /// Which row-level security policies are attached to what.
    pub(super) async fn attachments(&self) -> Result<Vec<RlsPolicyAttachment>> {
        const OPERATION: &str = "ListRLSPolicyAttachments";
        pages(OPERATION, |token| {
            let call = self.client.list_rls_policy_attachments().set_next_token(token);
            async move {
                let page = call.send().await.map_err(|error| LAKE_FORMATION.fault(OPERATION, &error))?;
                Ok((page.rls_policy_attachments, page.next_token))
            }
        })
        .await
    }

    fn table(&self, table: &TableName) -> Result<TableResource> {
        let resource = TableResource::builder().catalog_id(self.catalog);
        let resource = resource.database_name(lower(table.database())).name(lower(table.table()));
        resource.build().map_err(|error| incomplete(&error))
    }
}

/// The Data Catalog keeps names in lower case.
fn lower(name: &str) -> String {
    name.to_lowercase()
}

/// The builder's own text is not repeated, as with every text of the SDK.
fn incomplete(_: &BuildError) -> Error {
    Error::failed("a request to Lake Formation is incomplete")
}

fn lacks(operation: &'static str, member: &'static str) -> Error {
    Error::failed("Lake Formation leaves out what was asked for")
        .with("operation", &Said(operation))
        .with("member", &Said(member))
        .hint("check `[aws.endpoints] lakeformation`")
}

/// How many pages a list may have. A service that never ends one is broken.
const PAGES_MAX: usize = 10_000;

/// Every item of a list that comes in pages. `page` asks for the one after a token.
///
/// # Errors
/// If a page fails, a token comes back, or there is no end: a part of a list is no list.
pub(super) async fn pages<T, P, F>(operation: &'static str, mut page: P) -> Result<Vec<T>>
where
    P: FnMut(Option<String>) -> F,
    F: Future<Output = Result<(Option<Vec<T>>, Option<String>)>>,
{
    let mut all = Vec::new();
    let mut tokens = BTreeSet::new();
    let mut token = None;
    loop {
        let (items, next) = page(token).await?;
        all.extend(items.unwrap_or_default());
        token = next.filter(|next| !next.is_empty());
        match &token {
            None => return Ok(all),
            Some(next) if tokens.len() < PAGES_MAX && tokens.insert(next.clone()) => {}
            Some(_) => {
                return Err(Error::failed("the service lists pages without end")
                    .with("operation", &Said(operation))
                    .with("pages so far", &tokens.len())
                    .hint("run it again; a list that does not end is not used in part"));
            }
        }
    }
}
