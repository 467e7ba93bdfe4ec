//! LF-Tags of databases, tables and columns, as assignments per level.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lakeformation::operation::get_resource_lf_tags::GetResourceLfTagsOutput;
use aws_sdk_lakeformation::types::LfTagPair;

use crate::error::{Error, Result, Said};
use crate::grant::{Problem, TagAssignment};
use crate::model::TableName;

/// A level's tags, keys and values as they are stored.
pub(super) type Level = BTreeMap<String, String>;

/// Reads tags of one catalog. Those of another are other tags, even under the same key.
pub(super) struct Reader<'a> {
    /// The catalog's id.
    pub(super) catalog: &'a str,
    /// Tags of other catalogs.
    pub(super) problems: Vec<Problem>,
}

impl Reader<'_> {
    /// The tags of a database.
    ///
    /// # Errors
    /// If a key has no one value.
    pub(super) fn database(&mut self, name: &str, answer: &GetResourceLfTagsOutput) -> Result<Level> {
        self.level(answer.lf_tag_on_database.as_deref().unwrap_or_default(), name)
    }

    /// The assignments of a table and its columns, without those that are the same as on the level above.
    ///
    /// # Errors
    /// If a key has no one value.
    pub(super) fn table(
        &mut self,
        table: &TableName,
        answer: &GetResourceLfTagsOutput,
        database: &Level,
    ) -> Result<Vec<TagAssignment>> {
        let own = self.level(answer.lf_tags_on_table.as_deref().unwrap_or_default(), &table.to_string())?;
        // What the answer does not repeat is inherited all the same.
        let mut effective = database.clone();
        effective.extend(own.clone());
        let mut all = vec![(None, without(own, database))];
        let mut names = BTreeSet::new();
        for column in answer.lf_tags_on_columns.as_deref().unwrap_or_default() {
            let name = column.name.clone().filter(|name| !name.is_empty() && names.insert(name.to_lowercase()));
            let name = name.ok_or_else(|| {
                Error::failed("Lake Formation lists LF-Tags of a column that has no name of its own")
                    .with("table", table)
                    .hint("run the command again")
            })?;
            let tags = self.level(column.lf_tags.as_deref().unwrap_or_default(), &format!("{table}.{name}"))?;
            all.push((Some(name), without(tags, &effective)));
        }
        let assignment = |(column, tags)| TagAssignment {
            database: table.database().to_owned(),
            table: Some(table.table().to_owned()),
            column,
            tags,
        };
        Ok(all.into_iter().filter(|(_, tags)| !tags.is_empty()).map(assignment).collect())
    }

    fn level(&mut self, pairs: &[LfTagPair], place: &str) -> Result<Level> {
        let mut level = Level::new();
        for pair in pairs {
            if let Some(catalog) = pair.catalog_id.as_deref().filter(|catalog| *catalog != self.catalog) {
                let why = format!("the tag belongs to another catalog: {catalog}");
                self.problems.push(super::problem(&format!("LF-Tag {} of {place}", pair.tag_key), &why));
                continue;
            }
            let one = match &pair.tag_values[..] {
                [value] => level.insert(pair.tag_key.to_lowercase(), value.to_lowercase()).is_none(),
                _ => false,
            };
            // Passing the tag over would let the level above decide.
            if !one {
                return Err(Error::failed("an LF-Tag has no one value")
                    .with("operation", &Said("GetResourceLFTags"))
                    .with("resource", &Said(place))
                    .with("key", &Said(&pair.tag_key))
                    .hint("assign one value of the key to it, then run this again"));
            }
        }
        Ok(level)
    }
}

fn without(mut tags: Level, above: &Level) -> Level {
    tags.retain(|key, value| above.get(key) != Some(value));
    tags
}
