//! One column: a declaration first, then what findings report, then what settings say about all other columns.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;

use super::decide::Rules;
use super::declared::Declared;
use super::problems::{Problems, Undecided, declaration_lines, keep_despite};
use super::rule::{MaskCall, Rule};
use super::{Action, ColumnDecision, Policy, Reason, Unreported};
use crate::discover::ColumnFinding;
use crate::model::{ColumnRef, ColumnSchema, Identifier, TableName};

/// A column about which something must be decided, with all that is known about it.
pub(super) struct Question<'a> {
    column: ColumnRef,
    schema: &'a ColumnSchema,
    first: bool,
    found: &'a [&'a ColumnFinding],
    identifiers: BTreeMap<Identifier, u64>,
}

impl<'a> Question<'a> {
    pub(super) fn new(
        table: &TableName,
        schema: &'a ColumnSchema,
        first: bool,
        found: &'a [&'a ColumnFinding],
    ) -> Self {
        let mut identifiers: BTreeMap<Identifier, u64> = BTreeMap::new();
        for (identifier, count) in found.iter().flat_map(|finding| &finding.identifiers) {
            let sum = identifiers.entry(identifier.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        let column = ColumnRef { table: table.clone(), column: schema.name.clone() };
        Self { column, schema, first, found, identifiers }
    }

    pub(super) fn decision(&self, action: Action, reason: Reason) -> ColumnDecision {
        let inside: BTreeSet<_> =
            self.found.iter().map(|finding| &finding.path).filter(|path| path.is_nested()).collect();
        ColumnDecision {
            column: self.schema.name.clone(),
            data_type: self.schema.data_type.clone(),
            partition: self.schema.partition,
            action,
            reason,
            identifiers: self.identifiers.clone(),
            inside: inside.into_iter().cloned().collect(),
        }
    }

    pub(super) fn answer(&self, rules: &Rules<'_>, problems: &mut Problems) -> Result<(Action, Reason), Undecided> {
        if let Some(declared) = rules.declared.get(&self.column) {
            return self.as_declared(declared, rules.policy, problems);
        }
        if !self.found.is_empty() {
            return self.as_reported(rules, problems);
        }
        if self.is_operation_marker() {
            return Ok((Action::Keep, Reason::OperationMarker));
        }
        match rules.policy.unreported {
            Unreported::Keep => Ok((Action::Keep, Reason::Unreported)),
            Unreported::Refuse => Err(problems.undeclared(&self.column)),
        }
    }

    fn as_declared(
        &self,
        declared: &Declared<'_>,
        policy: &Policy,
        problems: &mut Problems,
    ) -> Result<(Action, Reason), Undecided> {
        match declared {
            Declared::Keep | Declared::KeepDespite(_) if self.found.is_empty() => Ok((Action::Keep, Reason::Declared)),
            Declared::Keep => Err(self.kept_though_reported(&[], policy, problems)),
            Declared::KeepDespite(named) if self.is_covered(named) => Ok((Action::Keep, Reason::DeclaredDespite)),
            Declared::KeepDespite(named) => Err(self.kept_though_reported(named, policy, problems)),
            Declared::Drop => Ok((Action::Drop, Reason::Declared)),
            Declared::Mask(call) => self.masked(call, Reason::Declared, policy, problems),
            Declared::Unusable => Err(problems.known()),
        }
    }

    /// Whether a declaration names everything that is reported. A finding that names no kind is never covered.
    fn is_covered(&self, named: &[String]) -> bool {
        self.found.iter().all(|finding| !finding.identifiers.is_empty())
            && self.identifiers.keys().all(|identifier| named.contains(&identifier.key()))
    }

    fn kept_though_reported(&self, named: &[String], policy: &Policy, problems: &mut Problems) -> Undecided {
        let keys: BTreeSet<String> = self.identifiers.keys().map(Identifier::key).collect();
        if self.found.iter().any(|finding| finding.identifiers.is_empty()) {
            return problems.refuse(
                format!("{}: declared `keep`, but findings report personal data of no named kind", self.column),
                Some("mask it or `drop` it".to_owned()),
            );
        }
        let missing: Vec<&str> = keys.iter().filter(|key| !named.contains(key)).map(String::as_str).collect();
        problems.refuse(
            format!("{}: declared `keep`, but findings report {}", self.column, missing.join(", ")),
            Some(format!(
                "if it is safe to read all the same, say so by name; else mask it or `drop` it\n{}",
                declaration_lines(&self.column, &keep_despite(keys.iter().map(String::as_str)), policy)
            )),
        )
    }

    fn as_reported(&self, rules: &Rules<'_>, problems: &mut Problems) -> Result<(Action, Reason), Undecided> {
        if self.schema.data_type.is_nested() || self.found.iter().any(|finding| finding.path.is_nested()) {
            return Ok((Action::Mask(MaskCall::Null), Reason::ReportedInside));
        }
        match self.reported_rule(rules, problems)? {
            // `IdentifierRules` holds no `keep`; were there one, hiding is the answer that leaks nothing.
            Rule::Keep => Ok((Action::Mask(MaskCall::Null), Reason::Reported)),
            Rule::Drop => Ok((Action::Drop, Reason::Reported)),
            Rule::Mask(call) => self.masked(call, Reason::Reported, rules.policy, problems),
        }
    }

    /// A mask that can work: its key is there, and its function takes the column's type.
    fn masked(
        &self,
        call: &MaskCall,
        reason: Reason,
        policy: &Policy,
        problems: &mut Problems,
    ) -> Result<(Action, Reason), Undecided> {
        if let Some(key) = call.key()
            && !policy.keys.contains(key.as_str())
        {
            return Err(problems.key_missing(key.as_str(), format!("the mask of {}", self.column)));
        }
        if call.function().takes(&self.schema.data_type) {
            return Ok((Action::Mask(call.clone()), reason));
        }
        Err(problems.refuse(
            format!("{}: `{}` takes no column of this type", self.column, call.function().name()),
            Some(format!(
                "hide it whole with `mask_null`, or `drop` it\n{}",
                declaration_lines(&self.column, "\"mask_null\"", policy)
            )),
        ))
    }

    /// The one rule on which all reported identifiers agree.
    fn reported_rule<'r>(&self, rules: &'r Rules<'_>, problems: &mut Problems) -> Result<&'r Rule, Undecided> {
        let mut found = Vec::new();
        for identifier in self.identifiers.keys() {
            found.push((identifier.key(), rules.identifiers.rule(identifier)));
        }
        if self.found.iter().any(|finding| finding.identifiers.is_empty()) {
            found.push(("default".to_owned(), rules.identifiers.default()));
        }
        let distinct: BTreeSet<_> = found.iter().map(|(_, rule)| rule).collect();
        match distinct.into_iter().collect::<Vec<_>>().as_slice() {
            [Some(rule)] => Ok(rule),
            several if several.contains(&&None) => Err(problems.known()),
            _ => Err(self.conflict(&found, rules.policy, problems)),
        }
    }

    fn conflict(&self, found: &[(String, Option<&Rule>)], policy: &Policy, problems: &mut Problems) -> Undecided {
        let rules: Vec<String> =
            found.iter().filter_map(|(identifier, rule)| Some(format!("{identifier} = `{}`", (*rule)?))).collect();
        problems.refuse(
            format!("{}: findings report identifiers whose rules conflict: {}", self.column, rules.join(", ")),
            Some(format!("choose one for the column\n{}", declaration_lines(&self.column, "\"salt_hash\"", policy))),
        )
    }

    /// AWS DMS puts `Op` in front of the columns of its change files: `I`, `U` or `D`, never personal.
    fn is_operation_marker(&self) -> bool {
        self.first && !self.schema.partition && self.schema.name == "Op" && is_text(&self.schema.data_type)
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}
