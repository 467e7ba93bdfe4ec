//! AWS Lake Formation: what the live service says was granted.
//!
//! A part of the grants is no basis: every operation below has to answer, to its last page. In newer versions of the
//! service there are resources and permissions that the SDK does not know; entries with them are handed on as unknown
//! and give nothing.
//!
//! What is not seen here: whether a table's location is registered, and so whether Lake Formation is asked at all; what
//! IAM policies allow; grants on databases and tables behind resource links; and, unless the caller is a data lake
//! administrator, whatever the service chooses not to list to it.

mod calls;
mod convert;
mod reading;
mod tags;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_lakeformation::Client;
use aws_sdk_lakeformation::operation::get_resource_lf_tags::GetResourceLfTagsOutput;
use aws_sdk_lakeformation::types::{DataCellsFilter, PrincipalResourcePermissions};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use self::calls::Calls;
use self::reading::Reading;
use super::identity::Identity;
use crate::error::{Error, Result, Said};
use crate::grant::{GrantSource, Problem, Snapshot, TagAssignment};
use crate::model::{TableName, printable};

/// Why a snapshot is no basis for policies: the problem that stands in it then.
pub const PARTIAL: &str =
    "it is no data lake administrator, so the service may list to it only a part of what was granted";

/// Where grants, filters and tags come from, for people.
const ORIGIN: &str = "lakeformation";

/// How many tables are asked about at a time. The service takes some twenty calls a second.
const TABLES_AT_A_TIME: usize = 8;

/// The live service as a source of grants.
///
/// Throttled and failed calls are repeated as the client's retry settings say.
#[derive(Clone, Debug)]
pub struct LakeFormation {
    client: Client,
    identity: Identity,
    catalog: Option<String>,
}

/// What one table was asked for.
struct Answers {
    permissions: Vec<PrincipalResourcePermissions>,
    filters: Vec<DataCellsFilter>,
    tags: GetResourceLfTagsOutput,
}

impl LakeFormation {
    /// Uses clients that were built with the region, credentials and endpoints of the settings. `catalog` is the Data
    /// Catalog's id; without one it is that of the caller's account.
    pub fn new(client: Client, identity: Identity, catalog: Option<String>) -> Self {
        Self { client, identity, catalog }
    }
}

#[async_trait]
impl GrantSource for LakeFormation {
    async fn snapshot(&self, tables: &[TableName]) -> Result<Snapshot> {
        let caller = self.identity.caller().await?;
        let catalog = self.catalog.as_deref().unwrap_or(&caller.account);
        let calls = Calls { client: &self.client, catalog };
        let mut reading = Reading::new(catalog);
        reading.settings(&calls.settings().await?, &caller);
        reading.attachments(&calls.attachments().await?);
        reading.opt_ins(&calls.opt_ins().await?);
        reading.expressions(&calls.expressions().await?)?;
        reading.permissions(&calls.permissions(None).await?);
        let tables: BTreeSet<&TableName> = tables.iter().collect();
        let tags = databases(&calls, &tables, &mut reading).await?;
        let (known, unknown): (BTreeSet<_>, BTreeSet<_>) =
            tables.into_iter().partition(|table| tags.contains_key(table.database()));
        for table in unknown {
            reading.not_catalogued(table);
        }
        let tables = known;
        let asked: Vec<_> = tables.iter().map(|table| ask(&calls, table)).collect();
        let answers: Vec<_> = stream::iter(asked).buffered(TABLES_AT_A_TIME).try_collect().await?;
        for (table, answers) in answers {
            let Some(answers) = answers else {
                reading.not_catalogued(table);
                continue;
            };
            reading.permissions(&answers.permissions);
            reading.filters(&answers.filters)?;
            reading.table_tags(table, &answers.tags, tags.get(table.database()))?;
        }
        missing_filters(&calls, &tables, &mut reading).await?;
        Ok(reading.finish())
    }
}

/// Asks about one table. `None` if the Data Catalog does not have it.
async fn ask<'a>(calls: &Calls<'_>, table: &'a TableName) -> Result<(&'a TableName, Option<Answers>)> {
    let answers = async {
        Ok::<_, Error>(Answers {
            permissions: Box::pin(calls.permissions(Some(table))).await?,
            filters: Box::pin(calls.filters(table)).await?,
            tags: Box::pin(calls.table_tags(table)).await?,
        })
    };
    match answers.await {
        Ok(answers) => Ok((table, Some(answers))),
        Err(error) if error.message() == calls::MISSING => Ok((table, None)),
        Err(error) => Err(error.with("table", table)),
    }
}

/// The tags of the tables' databases, of those that the Data Catalog has.
async fn databases<'a>(
    calls: &Calls<'_>,
    tables: &BTreeSet<&'a TableName>,
    reading: &mut Reading<'_>,
) -> Result<BTreeMap<&'a str, tags::Level>> {
    let names: BTreeSet<&str> = tables.iter().map(|table| table.database()).collect();
    let mut levels = BTreeMap::new();
    for name in names {
        let answer = match calls.database_tags(name).await {
            Ok(answer) => answer,
            Err(error) if error.message() == calls::MISSING => continue,
            Err(error) => return Err(error.with("database", &Said(name))),
        };
        levels.insert(name, reading.database_tags(name, &answer)?);
    }
    Ok(levels)
}

/// The filters that grants on the tables name and that were not listed.
async fn missing_filters(calls: &Calls<'_>, tables: &BTreeSet<&TableName>, reading: &mut Reading<'_>) -> Result<()> {
    for (table, name) in reading.missing_filters(tables) {
        match calls.filter(table, &name).await {
            Ok(Some(filter)) => reading.filters(&[filter])?,
            Ok(None) => reading.filter_is_gone(table, &name),
            Err(error) => return Err(error.with("table", table).with("filter", &Said(&name))),
        }
    }
    Ok(())
}

/// Something of the service's that gives nothing. Its names may hold anything.
fn problem(what: &str, why: &str) -> Problem {
    Problem { origin: ORIGIN.to_owned(), what: printable(what), why: printable(why) }
}
