//! Declarations of the settings, matched with the tables and columns they mean.

use std::collections::BTreeMap;

use super::names::nearest;
use super::problems::Problems;
use super::rule::{MaskCall, Rule};
use super::{Declaration, Policy};
use crate::model::{ColumnRef, Identifier, TableSchema, printable};

/// What is declared about one column.
#[derive(Clone, Debug)]
pub(super) enum Declared<'a> {
    Keep,
    KeepDespite(&'a [String]),
    Drop,
    Mask(MaskCall),
    /// Declared in a way that is reported as a problem already.
    Unusable,
}

/// Every declaration, by the column it means.
pub(super) type Declarations<'a> = BTreeMap<ColumnRef, Declared<'a>>;

/// Reads every declaration. Names match exactly, else without regard to case if only one name does.
pub(super) fn read_declarations<'a>(
    policy: &'a Policy,
    schemas: &[TableSchema],
    problems: &mut Problems,
) -> Declarations<'a> {
    let mut declarations = Declarations::new();
    let tables: Vec<&str> = schemas.iter().map(|schema| schema.name.table()).collect();
    for (table, columns) in &policy.columns {
        match find(table, &tables) {
            Found::One(index) => {
                if let Some(schema) = schemas.get(index) {
                    read_table(table, columns, schema, policy, problems, &mut declarations);
                }
            }
            Found::Several(names) => {
                let names = names.join("`, `");
                problems.refuse(format!("`[columns]` names table `{table}`, which may be `{names}`"), None);
            }
            Found::None(near) => {
                problems.refuse(
                    format!("`[columns]` names table `{table}`, which does not exist"),
                    near.map(|near| format!("did you mean table `{}`?", printable(near))),
                );
            }
        }
    }
    declarations
}

fn read_table<'a>(
    table: &str,
    columns: &'a BTreeMap<String, Declaration>,
    schema: &TableSchema,
    policy: &Policy,
    problems: &mut Problems,
    declarations: &mut Declarations<'a>,
) {
    let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    for (name, declaration) in columns {
        let place = format!("column `{name}` of `[columns]` table `{table}`");
        let column = match find(name, &names) {
            Found::One(index) => names.get(index).copied().unwrap_or(name),
            Found::Several(names) => {
                let names = names.join("`, `");
                problems.refuse(format!("{place} may be `{names}`"), None);
                continue;
            }
            Found::None(near) => {
                problems.refuse(
                    format!("{place} does not exist"),
                    near.map(|near| format!("did you mean column `{}`?", printable(near))),
                );
                continue;
            }
        };
        let declared = read_declaration(&place, declaration, policy, problems);
        let column = ColumnRef { table: schema.name.clone(), column: column.to_owned() };
        if declarations.insert(column.clone(), declared).is_some() {
            problems.refuse(format!("{column} is declared twice, the second time as `{name}` under `{table}`"), None);
            declarations.insert(column, Declared::Unusable);
        }
    }
}

fn read_declaration<'a>(
    place: &str,
    declaration: &'a Declaration,
    policy: &Policy,
    problems: &mut Problems,
) -> Declared<'a> {
    match declaration {
        Declaration::KeepDespite(names) => Declared::KeepDespite(names),
        Declaration::Rule(text) => match read_rule(place, text, policy, problems) {
            Some(Rule::Keep) => Declared::Keep,
            Some(Rule::Drop) => Declared::Drop,
            Some(Rule::Mask(call)) => Declared::Mask(call),
            None => Declared::Unusable,
        },
    }
}

/// Reads a rule text and checks its key. `None` if that is reported as a problem.
fn read_rule(place: &str, text: &str, policy: &Policy, problems: &mut Problems) -> Option<Rule> {
    let rule = match Rule::parse(text) {
        Ok(rule) => rule,
        Err(error) => {
            problems.rule(place, &error);
            return None;
        }
    };
    if let Rule::Mask(call) = &rule
        && let Some(key) = call.key()
        && !policy.keys.contains(key.as_str())
    {
        problems.key_missing(key.as_str(), place.to_owned());
        return None;
    }
    Some(rule)
}

/// The rules of identifiers: `None` for one that is reported as a problem already.
pub(super) struct IdentifierRules {
    rules: BTreeMap<String, Option<Rule>>,
    default: Option<Rule>,
}

impl IdentifierRules {
    /// Reads every rule, used or not: a rule that cannot work is said before it is needed.
    pub(super) fn read(policy: &Policy, problems: &mut Problems) -> Self {
        let rules = policy
            .masks
            .iter()
            .map(|(identifier, text)| {
                let place = format!("`[masks]` `{identifier}`");
                let rule = read_rule(&place, text, policy, problems);
                (identifier.clone(), hiding(&place, rule, problems))
            })
            .collect();
        let place = "`[masks]` `default`";
        // Its key is checked where it is used: a lake in which nothing is found needs no key.
        let default = match Rule::parse(&policy.default_mask) {
            Ok(rule) => hiding(place, Some(rule), problems),
            Err(error) => {
                problems.rule(place, &error);
                None
            }
        };
        Self { rules, default }
    }

    /// The rule for an identifier.
    pub(super) fn rule(&self, identifier: &Identifier) -> Option<&Rule> {
        match self.rules.get(&identifier.key()) {
            Some(own) => own.as_ref(),
            None => self.default.as_ref(),
        }
    }

    /// The rule for what has no identifier of its own.
    pub(super) fn default(&self) -> Option<&Rule> {
        self.default.as_ref()
    }
}

/// What findings report is kept column by column, never a whole kind of personal data at once.
fn hiding(place: &str, rule: Option<Rule>, problems: &mut Problems) -> Option<Rule> {
    if rule == Some(Rule::Keep) {
        problems.refuse(
            format!("{place} is `keep`, which hides nothing"),
            Some(
                "keep single columns with `NAME = { keep = true, despite = [\"IDENTIFIER\"] }` in `[columns.TABLE]`"
                    .to_owned(),
            ),
        );
        return None;
    }
    rule
}

enum Found<'a> {
    One(usize),
    Several(Vec<&'a str>),
    None(Option<&'a str>),
}

/// Finds a name among names: exactly, else without regard to case if only one name fits.
fn find<'a>(name: &str, names: &[&'a str]) -> Found<'a> {
    let exact: Vec<usize> = positions(names, |candidate| candidate == name);
    let folded = name.to_lowercase();
    let fitting =
        if exact.is_empty() { positions(names, |candidate| candidate.to_lowercase() == folded) } else { exact };
    match fitting.as_slice() {
        [] => Found::None(nearest(name, names.iter().copied())),
        [one] => Found::One(*one),
        several => Found::Several(several.iter().filter_map(|index| names.get(*index).copied()).collect()),
    }
}

fn positions(names: &[&str], fits: impl Fn(&str) -> bool) -> Vec<usize> {
    names.iter().enumerate().filter(|(_, candidate)| fits(candidate)).map(|(index, _)| index).collect()
}
