//! [`Collector`]: reads documents, and when all are read, says what they mean for the lake.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::document::{self, Document};
use super::findings::{
    Channel, ColumnFinding, Evidence, Findings, Outside, Reason, Totals, Unlocated, Unmapped,
};
use super::record::{Detection, Place, Record};
use super::resolve::{self, Lake, Whereabouts};
use super::shapes::{self, At, Batch};
use crate::error::Result;
use crate::model::{ColumnPath, Identifier, Location, TableName, TableSchema, TableSource};

/// Where the detailed result of some findings is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DetailLocation {
    /// The bucket.
    pub bucket: String,
    /// The plain key of a gzip file; or, ending in `/`, the prefix of several (for a large archive).
    pub key: String,
    /// The objects, as `bucket/key`, whose findings point to it.
    pub objects: BTreeSet<String>,
}

impl DetailLocation {
    /// `s3://bucket/key`.
    pub fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}

/// Collects findings from documents and from the live service.
///
/// A document is taken whole or not at all: when reading fails, nothing of it was used.
#[derive(Debug)]
pub struct Collector {
    use_archived: bool,
    records: Vec<Collected>,
    by_id: HashMap<(Channel, String), Vec<usize>>,
    totals: Totals,
}

/// A record and the document it came from.
#[derive(Debug)]
struct Collected {
    record: Record,
    origin: String,
}

impl Collector {
    /// Starts with nothing. `use_archived`: whether findings that someone suppressed count; the data is there all the
    /// same.
    pub fn new(use_archived: bool) -> Self {
        Self {
            use_archived,
            records: Vec::new(),
            by_id: HashMap::new(),
            totals: Totals::default(),
        }
    }

    /// Reads one document.
    ///
    /// A document below a folder `…-failed/`, where Firehose keeps what it could not deliver, is skipped and counted,
    /// unless it holds findings all the same.
    ///
    /// # Errors
    /// If any part of it is not JSON, is cut off, or is no known shape: named, with the number of the value.
    pub fn read(&mut self, document: &Document) -> Result<()> {
        if document::is_failed_delivery(&document.name) {
            match parse(document) {
                Ok((batch, _)) if batch.has_findings() => self.take(batch, &document.name),
                _ => {
                    self.totals.documents_skipped += 1;
                    return Ok(());
                }
            }
        } else {
            let (batch, values) = parse(document)?;
            self.totals.documents_empty += u64::from(values == 0);
            self.take(batch, &document.name);
        }
        self.totals.documents += 1;
        Ok(())
    }

    /// Reads values that were fetched from a live service, known as `origin`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_values(&mut self, origin: &str, values: Vec<Value>) -> Result<()> {
        let mut batch = Batch::default();
        for (number, value) in (1..).zip(values) {
            shapes::read(value, At::new(origin, number), &mut batch)?;
        }
        self.take(batch, origin);
        Ok(())
    }

    /// Reads a document that [`Self::detail_locations`] asked for. One file may hold the results of several objects:
    /// those of other objects than the findings are about are counted and left out.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_detail(&mut self, document: &Document, location: &DetailLocation) -> Result<()> {
        let (mut batch, values) = parse(document)?;
        let before = batch.records.len();
        batch
            .records
            .retain(|record| location.objects.contains(&record.object.path()));
        self.totals.details_unrelated += (before - batch.records.len()) as u64;
        self.totals.documents += 1;
        self.totals.documents_empty += u64::from(values == 0);
        self.take(batch, &document.name);
        Ok(())
    }

    /// The detailed results of findings about objects inside the lake, where there is one to read and it was not read
    /// yet.
    pub fn detail_locations(
        &self,
        tables: &[TableSource],
        lake_roots: &[Location],
    ) -> Vec<DetailLocation> {
        let lake = Lake {
            tables,
            roots: lake_roots,
        };
        let mut wanted: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        let mut known: BTreeSet<(&str, String)> = BTreeSet::new();
        for Collected { record, .. } in &self.records {
            let Some(url) = record.detail_url.as_deref() else {
                continue;
            };
            if record.channel == Channel::DiscoveryResult {
                known.insert((url, record.object.path()));
            }
        }
        for Collected { record, .. } in &self.records {
            let Some(url) = record.detail_url.as_deref() else {
                continue;
            };
            let object = record.object.path();
            let unused = record.archived && !self.use_archived;
            if unused
                || lake.find(&record.object) == Whereabouts::Outside
                || known.contains(&(url, object.clone()))
            {
                continue;
            }
            if let Some(place) = bucket_and_key(url) {
                wanted.entry(place).or_default().insert(object);
            }
        }
        wanted
            .into_iter()
            .map(|((bucket, key), objects)| DetailLocation {
                bucket,
                key,
                objects,
            })
            .collect()
    }

    /// Says what everything read means for these tables. `lake_roots` are all locations of the lake, under all of
    /// their names: an object below one of them that is in no table is listed and not ignored.
    pub fn finish(self, tables: &[TableSource], lake_roots: &[Location]) -> Findings {
        let lake = Lake {
            tables,
            roots: lake_roots,
        };
        let mut sums = Sums {
            totals: self.totals,
            ..Sums::default()
        };
        let used: Vec<Collected> = self.records;
        for collected in &used {
            let record = &collected.record;
            if record.archived && !self.use_archived {
                sums.totals.archived_ignored += 1;
                continue;
            }
            sums.totals.archived_used += u64::from(record.archived);
            sums.totals.incomplete += u64::from(!record.complete);
            if record.is_clean() {
                sums.totals.clean += 1;
                continue;
            }
            match lake.find(&record.object) {
                Whereabouts::Outside => sums.outside(collected),
                Whereabouts::Unmapped => sums.unmapped(collected),
                Whereabouts::Tables(indexes) => {
                    sums.totals.mapped += 1;
                    for table in indexes.into_iter().filter_map(|index| tables.get(index)) {
                        sums.mapped(collected, &table.schema);
                    }
                }
            }
        }
        sums.findings()
    }

    /// Takes what a document held.
    fn take(&mut self, batch: Batch, origin: &str) {
        let totals = &mut self.totals;
        totals.policy += batch.policy;
        totals.sample += batch.sample;
        totals.notifications += batch.notifications;
        totals.other_events += batch.other_events;
        totals.undelivered += batch.undelivered;
        totals.records += batch.policy + batch.sample + batch.records.len() as u64;
        for record in batch.records {
            totals.discovery_results += u64::from(record.channel == Channel::DiscoveryResult);
            if !record.id.is_empty() {
                let known = self
                    .by_id
                    .entry((record.channel, record.id.clone()))
                    .or_default();
                let same = known.iter().find(|index| {
                    self.records
                        .get(**index)
                        .is_some_and(|other| is_repeat(&other.record, &record))
                });
                if let Some(first) = same.and_then(|index| self.records.get_mut(*index)) {
                    totals.duplicates += 1;
                    // One copy that is not suppressed is enough to use it, and the order of reading changes nothing.
                    first.record.archived &= record.archived;
                    if origin < first.origin.as_str() {
                        origin.clone_into(&mut first.origin);
                    }
                    continue;
                }
                known.push(self.records.len());
            }
            self.records.push(Collected {
                record,
                origin: origin.to_owned(),
            });
        }
    }
}

fn parse(document: &Document) -> Result<(Batch, u64)> {
    let mut batch = Batch::default();
    let values = document::values(document, |number, value| {
        shapes::read(value, At::new(&document.name, number), &mut batch)
    })?;
    Ok((batch, values))
}

/// Whether two records of one id say the same. If they do not, both are used: findings are united.
fn is_repeat(one: &Record, other: &Record) -> bool {
    one.object == other.object
        && one.detections == other.detections
        && one.detail_url == other.detail_url
}

/// The bucket and key of a detailed result. `[export-config-not-set]` is no bucket: nothing was stored.
fn bucket_and_key(url: &str) -> Option<(String, String)> {
    let (bucket, key) = url.strip_prefix("s3://")?.split_once('/')?;
    let is_bucket = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if bucket.is_empty() || !bucket.chars().all(is_bucket) || key.is_empty() {
        return None;
    }
    Some((bucket.to_owned(), key.to_owned()))
}

/// An object and what was found in it.
type Sighting = (String, Identifier);

/// Adds up what each place is reported for.
#[derive(Default)]
struct Sums {
    columns: BTreeMap<(TableName, ColumnPath), ColumnSum>,
    unlocated: Vec<(Unlocated, Source)>,
    /// For each sighting by a discovery result: which result, and whether it located all of it.
    details: BTreeMap<Sighting, Vec<(Source, bool)>>,
    unmapped: BTreeSet<Unmapped>,
    outside: BTreeSet<Outside>,
    totals: Totals,
}

#[derive(Default)]
struct ColumnSum {
    counts: BTreeMap<Sighting, u64>,
    evidence: BTreeSet<Evidence>,
}

/// What ties a finding to a discovery result: the result it points to, and the contents of the object.
#[derive(Clone)]
struct Source {
    detail_url: Option<String>,
    etag: Option<String>,
}

impl Source {
    fn is_of(&self, other: &Self) -> bool {
        let same = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
        same(&self.detail_url, &other.detail_url) || same(&self.etag, &other.etag)
    }
}

impl Sums {
    fn outside(&mut self, collected: &Collected) {
        self.totals.outside += 1;
        self.outside
            .extend(collected.evidence().map(|evidence| Outside { evidence }));
    }

    fn unmapped(&mut self, collected: &Collected) {
        self.totals.unmapped += 1;
        let object = collected.record.object.path();
        self.unmapped
            .extend(collected.evidence().map(|evidence| Unmapped {
                object: object.clone(),
                evidence,
            }));
    }

    fn mapped(&mut self, collected: &Collected, schema: &TableSchema) {
        let record = &collected.record;
        let source = Source {
            detail_url: record.detail_url.clone(),
            etag: record.object.etag.clone(),
        };
        for (detection, evidence) in record.detections.iter().zip(collected.evidence()) {
            let sighting = (record.object.path(), detection.identifier.clone());
            let (located, lost) = locate_all(schema, detection);
            if record.channel == Channel::DiscoveryResult {
                let whole = !located.is_empty() && lost.is_empty();
                self.details
                    .entry(sighting.clone())
                    .or_default()
                    .push((source.clone(), whole));
            }
            for (path, count) in located {
                let sum = self.columns.entry((schema.name.clone(), path)).or_default();
                let largest = sum.counts.entry(sighting.clone()).or_default();
                *largest = count.max(*largest);
                sum.evidence.insert(Evidence {
                    count,
                    ..evidence.clone()
                });
            }
            for (reason, place) in lost {
                let (table, evidence) = (schema.name.clone(), evidence.clone());
                self.unlocated.push((
                    Unlocated {
                        table,
                        evidence,
                        reason,
                        place,
                    },
                    source.clone(),
                ));
            }
        }
    }

    fn findings(mut self) -> Findings {
        let unlocated = std::mem::take(&mut self.unlocated);
        let mut left = BTreeSet::new();
        for (unlocated, source) in unlocated {
            if self.is_located_by_details(&unlocated.evidence, &source) {
                self.totals.located_by_details += 1;
            } else {
                left.insert(unlocated);
            }
        }
        let columns = self.columns.into_iter().map(|((table, path), sum)| {
            let mut identifiers = BTreeMap::new();
            for ((_, identifier), count) in sum.counts {
                let total: &mut u64 = identifiers.entry(identifier).or_default();
                *total = total.saturating_add(count);
            }
            let finding = ColumnFinding {
                table: table.clone(),
                path: path.clone(),
                identifiers,
                evidence: sum.evidence.into_iter().collect(),
            };
            ((table, path), finding)
        });
        Findings {
            columns: columns.collect(),
            unlocated: left.into_iter().collect(),
            unmapped: self.unmapped.into_iter().collect(),
            outside: self.outside.into_iter().collect(),
            totals: self.totals,
        }
    }

    /// Whether a finding's own discovery result, or one of the same contents, located all of the same sighting.
    fn is_located_by_details(&self, evidence: &Evidence, source: &Source) -> bool {
        if evidence.channel != Channel::Finding {
            return false;
        }
        let sighting = (evidence.object.clone(), evidence.identifier.clone());
        let details = self
            .details
            .get(&sighting)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let own: Vec<bool> = details
            .iter()
            .filter(|(of, _)| of.is_of(source))
            .map(|(_, whole)| *whole)
            .collect();
        !own.is_empty() && own.into_iter().all(|whole| whole)
    }
}

/// What of a detection has a column, and what has not.
type Located = (
    BTreeMap<ColumnPath, u64>,
    BTreeSet<(Reason, Option<String>)>,
);

fn locate_all(schema: &TableSchema, detection: &Detection) -> Located {
    let mut located: BTreeMap<ColumnPath, u64> = BTreeMap::new();
    let mut lost = BTreeSet::new();
    for (place, times) in &detection.places {
        match resolve::locate(schema, place) {
            Ok(paths) => paths
                .into_iter()
                .for_each(|path| *located.entry(path).or_default() += times),
            Err(nowhere) => {
                lost.insert(nowhere);
            }
        }
    }
    // Locations are limited, counts are not: only when all are listed is their number what a column holds.
    let listed: u64 = detection
        .places
        .iter()
        .filter(|(place, _)| !matches!(place, Place::Nowhere(_)))
        .map(|(_, times)| times)
        .sum();
    if let Some(count) = detection.count.filter(|count| *count > listed) {
        for times in located.values_mut() {
            *times = count;
        }
    }
    (located, lost)
}

impl Collected {
    /// One piece of evidence for each detection, in order.
    fn evidence(&self) -> impl Iterator<Item = Evidence> {
        let object = self.record.object.path();
        self.record
            .detections
            .iter()
            .map(move |detection| Evidence {
                origin: self.origin.clone(),
                finding_id: self.record.id.clone(),
                channel: self.record.channel,
                object: object.clone(),
                identifier: detection.identifier.clone(),
                category: detection.category.clone(),
                count: detection
                    .count
                    .unwrap_or_else(|| detection.places.values().sum()),
            })
    }
}
