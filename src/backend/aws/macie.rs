//! Amazon Macie: findings from the live service.
//!
//! Macie is regional: these are the findings of the client's account in the client's region, for the 90 days that Macie
//! keeps them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_macie2::Client;
use aws_sdk_macie2::types::{
    Cell, ClassificationDetails, ClassificationResult, CriterionAdditionalProperties, CustomDetection,
    DefaultDetection, Finding, FindingCriteria, Occurrences, ResourcesAffected,
};
use serde_json::{Value, json};

use super::fault::Service;
use crate::discover::LiveFindings;
use crate::error::{Error, Result, Said};

const MACIE: Service = Service {
    unsigned: "no AWS credentials for Macie",
    unreachable: "Macie cannot be reached",
    denied: "access to Macie is denied",
    throttled: "Macie throttles its callers",
    rejected: "Macie does not accept the AWS credentials",
    missing: "Macie does not answer as expected",
    unexpected: "Macie does not answer as expected",
    missing_hint: "run it again, or check `[aws] region` and `[aws.endpoints] macie2`",
    denied_hint: "allow macie2:ListFindings and macie2:GetFindings to this identity, and check that Macie is enabled in \
                  this region",
    endpoint: "macie2",
};

/// The most ids that one `GetFindings` takes.
const IDS_PER_CALL: usize = 50;

/// The live service as a source of findings.
///
/// Throttled and failed calls are repeated as the client's retry settings say.
#[derive(Clone, Debug)]
pub struct Macie {
    client: Client,
}

impl Macie {
    /// Uses a client that was built with the region, credentials and endpoint of the settings.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Ids of all sensitive-data findings, suppressed ones included.
    async fn ids(&self) -> Result<Vec<String>> {
        // Whether a list without this criterion holds suppressed findings is not documented: ask for them, too.
        let mut ids = self.list(None).await?;
        ids.extend(self.list(Some("true")).await?);
        Ok(ids.into_iter().collect())
    }

    async fn list(&self, archived: Option<&str>) -> Result<BTreeSet<String>> {
        let equals = |value: &str| CriterionAdditionalProperties::builder().eq(value).build();
        let mut criteria = FindingCriteria::builder().criterion("category", equals("CLASSIFICATION"));
        if let Some(archived) = archived {
            criteria = criteria.criterion("archived", equals(archived));
        }
        let criteria = criteria.build();
        let mut ids = BTreeSet::new();
        let mut tokens = BTreeSet::new();
        let mut token = None;
        loop {
            let call = self.client.list_findings().finding_criteria(criteria.clone()).set_next_token(token);
            let page = call.send().await.map_err(|error| MACIE.fault("ListFindings", &error))?;
            ids.extend(page.finding_ids.unwrap_or_default());
            token = page.next_token.filter(|token| !token.is_empty());
            match &token {
                None => return Ok(ids),
                Some(token) if tokens.insert(token.clone()) => {}
                Some(_) => {
                    return Err(Error::failed("Macie repeats a page of its list of findings without end")
                        .with("operation", &Said("ListFindings"))
                        .with("findings so far", &ids.len())
                        .hint("run it again; if it stays, feed findings from files"));
                }
            }
        }
    }

    async fn get(&self, ids: &[String]) -> Result<Vec<Finding>> {
        let call = self.client.get_findings().set_finding_ids(Some(ids.to_vec()));
        let findings = call.send().await.map_err(|error| MACIE.fault("GetFindings", &error))?;
        Ok(findings.findings.unwrap_or_default())
    }
}

#[async_trait]
impl LiveFindings for Macie {
    async fn findings(&self) -> Result<Vec<Value>> {
        let ids = self.ids().await?;
        let mut values = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(IDS_PER_CALL) {
            let mut missing: BTreeSet<&String> = chunk.iter().collect();
            for finding in self.get(chunk).await? {
                if let Some(id) = &finding.id {
                    missing.remove(id);
                }
                values.push(to_json(&finding));
            }
            if !missing.is_empty() {
                return Err(Error::failed("Macie does not return some findings that it lists")
                    .with("operation", &Said("GetFindings"))
                    .with("missing", &missing.len())
                    .hint("a finding that just passed its 90 days is lost so: run it again"));
            }
        }
        Ok(values)
    }
}

/// A finding as `aws macie2 get-findings` prints it, reduced to what stage 1 reads.
fn to_json(finding: &Finding) -> Value {
    json!({
        "id": finding.id,
        "type": finding.r#type.as_ref().map(aws_sdk_macie2::types::FindingType::as_str),
        "category": finding.category.as_ref().map(aws_sdk_macie2::types::FindingCategory::as_str),
        // Both are always there in a finding; a discovery result, which this is not, has neither.
        "archived": finding.archived.unwrap_or(false),
        "sample": finding.sample.unwrap_or(false),
        "resourcesAffected": finding.resources_affected.as_ref().map(resources),
        "classificationDetails": finding.classification_details.as_ref().map(details),
    })
}

fn resources(resources: &ResourcesAffected) -> Value {
    let bucket = resources.s3_bucket.as_ref().map(|bucket| json!({ "name": bucket.name, "arn": bucket.arn }));
    let object = resources.s3_object.as_ref().map(|object| {
        json!({ "bucketArn": object.bucket_arn, "key": object.key, "path": object.path, "eTag": object.e_tag })
    });
    json!({ "s3Bucket": bucket, "s3Object": object })
}

fn details(details: &ClassificationDetails) -> Value {
    json!({
        "detailedResultsLocation": details.detailed_results_location,
        "jobId": details.job_id,
        "result": details.result.as_ref().map(result),
    })
}

fn result(result: &ClassificationResult) -> Value {
    let groups = result.sensitive_data.as_ref().map(|groups| {
        let group = |group: &aws_sdk_macie2::types::SensitiveDataItem| {
            json!({
                "category": group.category.as_ref().map(aws_sdk_macie2::types::SensitiveDataItemCategory::as_str),
                "totalCount": group.total_count,
                "detections": all(group.detections.as_deref(), managed),
            })
        };
        groups.iter().map(group).collect::<Vec<_>>()
    });
    let custom_group = result.custom_data_identifiers.as_ref().map(
        |group| json!({ "totalCount": group.total_count, "detections": all(group.detections.as_deref(), custom) }),
    );
    json!({
        "status": result.status.as_ref().map(|status| json!({ "code": status.code, "reason": status.reason })),
        "mimeType": result.mime_type,
        "sensitiveData": groups,
        "customDataIdentifiers": custom_group,
    })
}

fn managed(detection: &DefaultDetection) -> Value {
    json!({
        "type": detection.r#type,
        "count": detection.count,
        "occurrences": detection.occurrences.as_ref().map(occurrences),
    })
}

fn custom(detection: &CustomDetection) -> Value {
    json!({
        "arn": detection.arn,
        "name": detection.name,
        "count": detection.count,
        "occurrences": detection.occurrences.as_ref().map(occurrences),
    })
}

fn occurrences(occurrences: &Occurrences) -> Value {
    let cell = |cell: &Cell| json!({ "row": cell.row, "column": cell.column, "columnName": cell.column_name });
    json!({
        "cells": all(occurrences.cells.as_deref(), cell),
        "records": all(occurrences.records.as_deref(), |record| {
            json!({ "recordIndex": record.record_index, "jsonPath": record.json_path })
        }),
        // What lines and pages hold is not read, only that they are there.
        "lineRanges": all(occurrences.line_ranges.as_deref(), |range| json!({ "start": range.start })),
        "pages": all(occurrences.pages.as_deref(), |page| json!({ "pageNumber": page.page_number })),
        "offsetRanges": all(occurrences.offset_ranges.as_deref(), |range| json!({ "start": range.start })),
    })
}

fn all<T>(items: Option<&[T]>, convert: impl Fn(&T) -> Value) -> Option<Vec<Value>> {
    items.map(|items| items.iter().map(convert).collect())
}

#[cfg(test)]
mod tests;
