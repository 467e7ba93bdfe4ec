//! Paths whose leading steps Macie cut: `$..b.c` is matched as the end of a path of the table's schema.

use arrow::datatypes::{DataType, Field};

use super::jsonpath::Step;
use crate::model::{ColumnPath, PathStep, TableSchema};

/// The most paths of one column that are compared. A column with more is not searched, so that the finding stays
/// unlocated: it is refused and nothing is guessed.
const PATHS_MAX: usize = 4096;

/// The names that writers put between a list and its element.
const LIST_NAMES: [&[&str]; 7] = [
    &[],
    &["list", "element"],
    &["list", "item"],
    &["bag", "array_element"],
    &["array"],
    &["element"],
    &["item"],
];

/// The names that writers put between a map and its keys or values. `None` is a key of the map itself.
const MAP_NAMES: [&[Option<&str>]; 5] = [
    &[None],
    &[Some("key_value"), Some("value")],
    &[Some("entries"), Some("values")],
    &[Some("value")],
    &[Some("values")],
];

/// The same for a map's keys, which have nothing below them.
const MAP_KEY_NAMES: [&[&str]; 4] = [
    &["key_value", "key"],
    &["entries", "keys"],
    &["key"],
    &["keys"],
];

/// A name that a path asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Match<'a> {
    /// This name.
    Name(&'a str),
    /// A name with this end, or the literal name `...end`.
    End(&'a str),
    /// Any name.
    Any,
}

impl Match<'_> {
    /// Whether a name is meant.
    pub(super) fn is(&self, name: &str, ignore_case: bool) -> bool {
        let fold = |text: &str| {
            if ignore_case {
                text.to_lowercase()
            } else {
                text.to_owned()
            }
        };
        match self {
            Self::Name(wanted) => fold(name) == fold(wanted),
            Self::End(end) => fold(name).ends_with(&fold(end)),
            Self::Any => true,
        }
    }
}

/// One path from a column down to a value.
#[derive(Clone)]
struct Leaf<'a> {
    names: Vec<Option<&'a str>>,
    steps: Vec<PathStep>,
}

impl Leaf<'_> {
    fn ends_with(&self, wanted: &[Match<'_>], ignore_case: bool) -> bool {
        wanted.len() <= self.names.len()
            && wanted
                .iter()
                .rev()
                .zip(self.names.iter().rev())
                .all(|(wanted, name)| match name {
                    Some(name) => wanted.is(name, ignore_case),
                    None => true, // a key of a map has any name
                })
    }
}

/// Every place of the schema whose path ends in these steps; all of them, since any may be meant.
pub(super) fn columns(schema: &TableSchema, steps: &[Step]) -> Vec<ColumnPath> {
    let wanted: Vec<Match<'_>> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Name(name) => Some(Match::Name(name)),
            Step::NameEnd(end) => Some(Match::End(end)),
            Step::AnyName => Some(Match::Any),
            Step::Index(_) => None,
        })
        .collect();
    // A path without a single name fits everything and says nothing.
    if !wanted
        .iter()
        .any(|wanted| matches!(wanted, Match::Name(_) | Match::End(_)))
    {
        return Vec::new();
    }
    let mut all = Vec::new();
    for column in &schema.columns {
        match leaves(&column.name, &column.data_type) {
            Some(leaves) => all.extend(leaves.into_iter().map(|leaf| (&column.name, leaf))),
            None => return Vec::new(),
        }
    }
    let fitting = |ignore_case| {
        let mut paths: Vec<ColumnPath> = all
            .iter()
            .filter(|(_, leaf)| leaf.ends_with(&wanted, ignore_case))
            .map(|(column, leaf)| ColumnPath {
                column: (*column).clone(),
                steps: leaf.steps.clone(),
            })
            .collect();
        paths.sort();
        paths.dedup();
        paths
    };
    let exact = fitting(false);
    if exact.is_empty() {
        fitting(true)
    } else {
        exact
    }
}

/// Every path of a column; `None` if there are too many.
fn leaves<'a>(name: &'a str, data_type: &'a DataType) -> Option<Vec<Leaf<'a>>> {
    let mut done = Vec::new();
    let mut open = vec![(
        Leaf {
            names: vec![Some(name)],
            steps: Vec::new(),
        },
        data_type,
    )];
    while let Some((leaf, data_type)) = open.pop() {
        if done.len() + open.len() > PATHS_MAX {
            return None;
        }
        match data_type {
            DataType::Struct(fields) => open.extend(fields.iter().map(|field| child(&leaf, field))),
            DataType::List(element)
            | DataType::LargeList(element)
            | DataType::ListView(element)
            | DataType::LargeListView(element)
            | DataType::FixedSizeList(element, _) => {
                let named = LIST_NAMES
                    .iter()
                    .map(|names| element_of(&leaf, names.iter().copied().map(Some)));
                open.extend(named.map(|leaf| (leaf, element.data_type())));
            }
            DataType::Map(entries, _) => {
                done.extend(
                    MAP_KEY_NAMES
                        .iter()
                        .map(|names| element_of(&leaf, names.iter().copied().map(Some))),
                );
                if let DataType::Struct(fields) = entries.data_type()
                    && let Some(value) = fields.get(1)
                {
                    let named = MAP_NAMES
                        .iter()
                        .map(|names| element_of(&leaf, names.iter().copied()));
                    open.extend(named.map(|leaf| (leaf, value.data_type())));
                }
            }
            _ => done.push(leaf),
        }
    }
    Some(done)
}

fn child<'a>(leaf: &Leaf<'a>, field: &'a Field) -> (Leaf<'a>, &'a DataType) {
    let mut leaf = leaf.clone();
    leaf.names.push(Some(field.name()));
    leaf.steps.push(PathStep::Field(field.name().clone()));
    (leaf, field.data_type())
}

fn element_of<'a>(leaf: &Leaf<'a>, names: impl Iterator<Item = Option<&'a str>>) -> Leaf<'a> {
    let mut leaf = leaf.clone();
    leaf.names.extend(names);
    leaf.steps.push(PathStep::Element(None));
    leaf
}
