//! One finding or discovery result, reduced to what matters: which identifiers, in which object, where.
//!
//! The wire form is read tolerantly: every member may be absent or null, unknown ones are ignored, and discovery
//! results write their numbers as strings. A member of a wrong type is an error, never "nothing there".

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::findings::{Channel, Reason};
use crate::model::Identifier;

/// A finding or discovery result about one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) channel: Channel,
    pub(super) id: String,
    pub(super) archived: bool,
    /// Whether Macie analysed the whole object.
    pub(super) complete: bool,
    pub(super) object: Object,
    pub(super) detail_url: Option<String>,
    pub(super) detections: Vec<Detection>,
}

impl Record {
    /// A discovery result of an object in which nothing was found.
    pub(super) fn is_clean(&self) -> bool {
        self.detections.is_empty()
    }
}

/// The object that a record is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) bucket: Option<String>,
    /// The plain key, as it is. INVARIANT: never URL-decoded.
    pub(super) key: Option<String>,
    pub(super) etag: Option<String>,
}

impl Object {
    /// `bucket/key`, as far as known.
    pub(super) fn path(&self) -> String {
        match (&self.bucket, &self.key) {
            (None, None) => String::new(),
            (bucket, key) => {
                format!(
                    "{}/{}",
                    bucket.as_deref().unwrap_or_default(),
                    key.as_deref().unwrap_or_default()
                )
            }
        }
    }
}

/// One identifier that was found in the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Detection {
    pub(super) identifier: Identifier,
    pub(super) category: String,
    pub(super) count: Option<u64>,
    /// Where, and how often there. Never empty.
    pub(super) places: BTreeMap<Place, u64>,
}

/// Where an identifier was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// At a path of a record.
    Path(String),
    /// In a cell of a column, by name or by number from 1.
    Cell {
        name: Option<String>,
        column: Option<u64>,
    },
    /// Somewhere.
    Nowhere(Reason),
}

/// What a JSON object in the form of a finding turned out to be.
#[derive(Debug)]
pub(super) enum Outcome {
    /// About a bucket's policy: names no data.
    Policy,
    /// A generated example.
    Sample,
    /// About data.
    Record(Record),
}

/// Reads a finding or discovery result. `channel` is `None` where the shape has to tell.
pub(super) fn read(value: Value, channel: Option<Channel>) -> serde_json::Result<Outcome> {
    let finding = Finding::deserialize(value)?;
    let kind = finding.kind.as_deref().unwrap_or_default();
    let is_policy = match &finding.category {
        Some(category) => category == "POLICY",
        None => kind.starts_with("Policy:"),
    };
    // A policy finding that has details of data contradicts itself; the data decides.
    if is_policy && finding.classification_details.is_none() {
        return Ok(Outcome::Policy);
    }
    if finding.sample == Some(true) {
        return Ok(Outcome::Sample);
    }
    let channel = channel.unwrap_or(match (finding.archived, finding.sample) {
        (None, None) => Channel::DiscoveryResult,
        _ => Channel::Finding,
    });
    Ok(Outcome::Record(finding.record(channel)))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Finding {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    category: Option<String>,
    #[serde(deserialize_with = "flag")]
    archived: Option<bool>,
    #[serde(deserialize_with = "flag")]
    sample: Option<bool>,
    #[serde(deserialize_with = "object")]
    resources_affected: Option<Resources>,
    #[serde(deserialize_with = "object")]
    classification_details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Resources {
    #[serde(deserialize_with = "object")]
    s3_bucket: Option<S3Bucket>,
    #[serde(deserialize_with = "object")]
    s3_object: Option<S3Object>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct S3Bucket {
    name: Option<String>,
    arn: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct S3Object {
    bucket_arn: Option<String>,
    key: Option<String>,
    path: Option<String>,
    #[serde(alias = "etag")]
    e_tag: Option<String>,
    embedded_file_details: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Details {
    detailed_results_location: Option<String>,
    #[serde(deserialize_with = "object")]
    result: Option<Outcomes>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Outcomes {
    #[serde(deserialize_with = "object")]
    status: Option<Status>,
    #[serde(deserialize_with = "objects")]
    sensitive_data: Option<Vec<Group>>,
    #[serde(deserialize_with = "object")]
    custom_data_identifiers: Option<Group>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Group {
    category: Option<String>,
    #[serde(deserialize_with = "number")]
    total_count: Option<u64>,
    #[serde(deserialize_with = "objects")]
    detections: Option<Vec<Found>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Found {
    #[serde(rename = "type")]
    kind: Option<String>,
    arn: Option<String>,
    name: Option<String>,
    #[serde(deserialize_with = "number")]
    count: Option<u64>,
    #[serde(deserialize_with = "object")]
    occurrences: Option<Occurrences>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Occurrences {
    #[serde(deserialize_with = "objects")]
    cells: Option<Vec<Cell>>,
    #[serde(deserialize_with = "objects")]
    records: Option<Vec<At>>,
    line_ranges: Option<Vec<Value>>,
    pages: Option<Vec<Value>>,
    offset_ranges: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Cell {
    #[serde(deserialize_with = "number")]
    column: Option<u64>,
    column_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct At {
    json_path: Option<String>,
}

/// An object or null. A list is not taken for an object, as serde would by position.
fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value @ Value::Object(_) => T::deserialize(value)
            .map(Some)
            .map_err(serde::de::Error::custom),
        _ => Err(serde::de::Error::custom("not an object")),
    }
}

/// A list of objects, or null.
fn objects<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let one = |value: Value| match object(value) {
        Ok(Some(value)) => Ok(value),
        _ => Err(serde::de::Error::custom("not an object")),
    };
    let values = Option::<Vec<Value>>::deserialize(deserializer)?;
    values
        .map(|values| values.into_iter().map(one).collect())
        .transpose()
}

/// A count: a number, or a string that holds one. What is neither whole nor positive is as good as absent, and an
/// absent count never hides anything.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Number(number) => Ok(number.as_u64()),
        Value::String(text) => Ok(text.trim().parse().ok()),
        _ => Err(serde::de::Error::custom("not a number")),
    }
}

/// A boolean, or a string that holds one.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(flag)),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        _ => Err(serde::de::Error::custom("not a boolean")),
    }
}

impl Finding {
    fn record(self, channel: Channel) -> Record {
        let details = self.classification_details.unwrap_or_default();
        let has_result = details.result.is_some();
        let result = details.result.unwrap_or_default();
        let complete = result
            .status
            .and_then(|status| status.code)
            .is_none_or(|code| code == "COMPLETE");
        let mut detections: Vec<Detection> = result
            .sensitive_data
            .into_iter()
            .flatten()
            .flat_map(managed)
            .collect();
        detections.extend(result.custom_data_identifiers.into_iter().flat_map(custom));
        let can_be_clean = channel == Channel::DiscoveryResult && has_result;
        if detections.is_empty() && !can_be_clean {
            let category = self.category.unwrap_or_default();
            let identifier = Identifier::Managed(self.kind.unwrap_or_else(|| "UNKNOWN".to_owned()));
            detections.push(unknown(identifier, category, None));
        }
        let resources = self.resources_affected.unwrap_or_default();
        let s3_object = resources.s3_object.unwrap_or_default();
        if s3_object
            .embedded_file_details
            .as_ref()
            .is_some_and(|details| !details.is_null())
        {
            for detection in &mut detections {
                detection.places = BTreeMap::from([(Place::Nowhere(Reason::EmbeddedFile), 1)]);
            }
        }
        Record {
            channel,
            id: self.id.unwrap_or_default(),
            archived: self.archived == Some(true),
            complete,
            object: s3_object.object(resources.s3_bucket.unwrap_or_default()),
            detail_url: details
                .detailed_results_location
                .filter(|url| !url.is_empty()),
            detections,
        }
    }
}

impl S3Object {
    fn object(self, bucket: S3Bucket) -> Object {
        let (path_bucket, path_key) =
            match self.path.as_deref().and_then(|path| path.split_once('/')) {
                Some((bucket, key)) => (Some(bucket.to_owned()), Some(key.to_owned())),
                None => (None, None),
            };
        let of_arn =
            |arn: Option<String>| arn.and_then(|arn| Some(arn.rsplit_once(":::")?.1.to_owned()));
        let bucket = bucket
            .name
            .or_else(|| of_arn(bucket.arn))
            .or_else(|| of_arn(self.bucket_arn))
            .or(path_bucket);
        let some = |text: &String| !text.is_empty();
        Object {
            bucket: bucket.filter(some),
            key: self.key.filter(some).or(path_key).filter(some),
            etag: self.e_tag.filter(some),
        }
    }
}

fn managed(group: Group) -> Vec<Detection> {
    let category = group.category.unwrap_or_default();
    let unnamed = if category.is_empty() {
        "UNKNOWN"
    } else {
        &category
    }
    .to_owned();
    let found = group.detections.unwrap_or_default();
    if found.is_empty() && group.total_count != Some(0) {
        return vec![unknown(
            Identifier::Managed(unnamed),
            category,
            group.total_count,
        )];
    }
    let identify = |found: &mut Found| {
        Identifier::Managed(found.kind.take().unwrap_or_else(|| unnamed.clone()))
    };
    found
        .into_iter()
        .filter_map(|found| detection(found, &category, identify))
        .collect()
}

fn custom(group: Group) -> Vec<Detection> {
    let category = group
        .category
        .unwrap_or_else(|| "CUSTOM_IDENTIFIER".to_owned());
    let found = group.detections.unwrap_or_default();
    if found.is_empty() && group.total_count.is_some_and(|count| count > 0) {
        return vec![unknown(
            Identifier::Managed(category.clone()),
            category,
            group.total_count,
        )];
    }
    found
        .into_iter()
        .filter_map(|found| detection(found, &category, custom_identifier))
        .collect()
}

/// A custom identifier. Its `arn` is a bare UUID in practice; an ARN around it is stripped.
fn custom_identifier(found: &mut Found) -> Identifier {
    let arn = found.arn.take().unwrap_or_default();
    let id = arn
        .rsplit_once("custom-data-identifier/")
        .map_or(arn.as_str(), |(_, id)| id)
        .to_owned();
    let name = found
        .name
        .take()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| id.clone());
    Identifier::Custom { id, name }
}

/// Personal data that a finding speaks of without a single detection.
fn unknown(identifier: Identifier, category: String, count: Option<u64>) -> Detection {
    let places = BTreeMap::from([(Place::Nowhere(Reason::NoDetections), 1)]);
    Detection {
        identifier,
        category,
        count,
        places,
    }
}

/// `None` if it counts zero and is nowhere: nothing was found.
fn detection(
    mut found: Found,
    category: &str,
    identify: impl FnOnce(&mut Found) -> Identifier,
) -> Option<Detection> {
    let identifier = identify(&mut found);
    let mut places = places(found.occurrences.unwrap_or_default());
    if places.is_empty() {
        if found.count == Some(0) {
            return None;
        }
        places.insert(Place::Nowhere(Reason::NoLocations), 1);
    }
    Some(Detection {
        identifier,
        category: category.to_owned(),
        count: found.count,
        places,
    })
}

fn places(occurrences: Occurrences) -> BTreeMap<Place, u64> {
    let records = occurrences
        .records
        .into_iter()
        .flatten()
        .map(|at| match at.json_path {
            Some(path) if !path.is_empty() => Place::Path(path),
            _ => Place::Nowhere(Reason::NoPath),
        });
    let cells = occurrences
        .cells
        .into_iter()
        .flatten()
        .map(|cell| Place::Cell {
            name: cell.column_name.filter(|name| !name.is_empty()),
            column: cell.column,
        });
    let others = [
        occurrences.line_ranges,
        occurrences.pages,
        occurrences.offset_ranges,
    ];
    let others = others
        .into_iter()
        .flatten()
        .flatten()
        .map(|_| Place::Nowhere(Reason::NotColumns));
    let mut places = BTreeMap::new();
    for place in records.chain(cells).chain(others) {
        *places.entry(place).or_default() += 1;
    }
    places
}
