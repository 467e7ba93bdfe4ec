//! What a role reads of a table, as settings spell it.

use toml::de::{DeTable, DeValue};

use super::names;
use super::value::{is_clean, texts};

/// The text that stands for all of a table.
pub(super) const EVERYTHING: &str = "*";

/// Rows and columns of a table that a role reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectRule {
    /// Which columns.
    pub columns: ColumnChoice,
    /// The rows for which this SQL condition is true. `None` for all rows.
    pub rows: Option<String>,
}

/// Columns of a table. Names are as they were written, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnChoice {
    /// Every column, also those that come later.
    All,
    /// These alone. Never an empty list.
    Only(Vec<String>),
    /// Every column but these, also those that come later. Never an empty list.
    Except(Vec<String>),
}

impl SelectRule {
    /// Every row and column.
    pub(super) fn everything() -> Self {
        Self { columns: ColumnChoice::All, rows: None }
    }
}

/// The members of a rule.
const MEMBERS: [&str; 3] = ["columns", "except", "rows"];

/// Reads `"*"`, one rule or a list of rules. `None` if it is anything else: a rule that is half understood might give
/// more than it should.
pub(super) fn read(value: &DeValue<'_>) -> Option<Vec<SelectRule>> {
    match value {
        DeValue::String(text) => (text == EVERYTHING).then(|| vec![SelectRule::everything()]),
        DeValue::Table(table) => Some(vec![rule(table)?]),
        DeValue::Array(array) => {
            let rules: Option<Vec<_>> = array.iter().map(|item| rule(item.get_ref().as_table()?)).collect();
            rules.filter(|rules| !rules.is_empty())
        }
        _ => None,
    }
}

/// Reads one rule: `columns` or `except`, and `rows`; at least one of them.
fn rule(table: &DeTable<'_>) -> Option<SelectRule> {
    let known = table.iter().all(|(name, _)| MEMBERS.contains(&name.get_ref().as_ref()));
    if table.is_empty() || !known {
        return None;
    }
    let columns = match (table.get("columns"), table.get("except")) {
        (Some(_), Some(_)) => return None,
        (Some(only), None) => ColumnChoice::Only(column_names(only.get_ref())?),
        (None, Some(except)) => ColumnChoice::Except(column_names(except.get_ref())?),
        (None, None) => ColumnChoice::All,
    };
    let rows = match table.get("rows") {
        Some(rows) => Some(rows.get_ref().as_str().filter(|text| is_clean(text))?.to_owned()),
        None => None,
    };
    Some(SelectRule { columns, rows })
}

/// Names of columns: at least one, and none that looks like a pattern, which would name nothing.
fn column_names(value: &DeValue<'_>) -> Option<Vec<String>> {
    let names = texts(value.as_array()?)?;
    let sound = !names.is_empty() && names.iter().all(|name| is_clean(name) && name != EVERYTHING);
    sound.then_some(names)
}

/// What is likely wrong with a value that is no rule. Says names of members at most.
pub(super) fn slip(value: &DeValue<'_>) -> Option<String> {
    let tables: Vec<&DeTable<'_>> = match value {
        DeValue::Table(table) => vec![table],
        DeValue::Array(array) => array.iter().filter_map(|item| item.get_ref().as_table()).collect(),
        _ => Vec::new(),
    };
    tables.into_iter().find_map(|table| {
        if table.contains_key("columns") && table.contains_key("except") {
            return Some(String::from("`columns` and `except` exclude each other"));
        }
        let unknown = table.iter().map(|(name, _)| name.get_ref()).find(|name| !MEMBERS.contains(&name.as_ref()))?;
        let nearest = names::nearest(unknown, MEMBERS.into_iter())?;
        Some(format!("did you mean `{nearest}`?"))
    })
}

/// The rules as settings spell them.
pub(super) fn to_toml(rules: &[SelectRule]) -> toml::Value {
    let mut tables: Vec<toml::Value> = rules.iter().map(rule_to_toml).collect();
    match (tables.len(), tables.pop()) {
        (1, Some(one)) => one,
        (_, last) => toml::Value::Array(tables.into_iter().chain(last).collect()),
    }
}

fn rule_to_toml(rule: &SelectRule) -> toml::Value {
    let names = |names: &[String]| toml::Value::Array(names.iter().cloned().map(toml::Value::String).collect());
    let mut table = toml::Table::new();
    match &rule.columns {
        ColumnChoice::All => {}
        ColumnChoice::Only(only) => drop(table.insert("columns".into(), names(only))),
        ColumnChoice::Except(except) => drop(table.insert("except".into(), names(except))),
    }
    if let Some(rows) = &rule.rows {
        table.insert("rows".into(), toml::Value::String(rows.clone()));
    }
    if table.is_empty() { toml::Value::String(EVERYTHING.into()) } else { toml::Value::Table(table) }
}
