//! The decisions: a declaration first, then what findings report, then what settings say about all other columns.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;

use super::declared::{Declarations, Declared, IdentifierRules, read_declarations};
use super::names::{file_stems, nearest};
use super::problems::{Problems, Undecided, declaration_lines, keep_despite};
use super::rule::{MaskCall, Rule};
use super::{Action, ColumnDecision, MaskingPlan, Policy, Reason, TablePlan, Unreported, sql};
use crate::discover::{ColumnFinding, Findings};
use crate::error::{Error, Result};
use crate::model::{ColumnRef, ColumnSchema, Identifier, TableName, TableSchema, folder_name, printable};

/// Decides what happens to every column of every table.
///
/// # Errors
/// [`crate::error::ErrorKind::Refused`], naming everything that is wrong: columns that nobody reported and nobody
/// declared, reported columns that are kept without naming what is reported, rules in conflict, rules for what does
/// not exist, tables of which nothing would stay. [`crate::error::ErrorKind::Usage`] if only rule texts or keys are
/// wrong.
pub fn decide(findings: &Findings, schemas: &[TableSchema], policy: &Policy) -> Result<MaskingPlan> {
    let mut problems = Problems::default();
    let mut warnings = Vec::new();
    check_tables(schemas, policy, &mut problems);
    let reported = by_column(findings, schemas, &mut problems, &mut warnings);
    let rules = Rules {
        identifiers: IdentifierRules::read(policy, &mut problems),
        declared: read_declarations(policy, schemas, &mut problems),
        policy,
    };
    let mut sorted: Vec<&TableSchema> = schemas.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut decided = Vec::new();
    for schema in sorted {
        decided.push((schema, decide_table(schema, &reported, &rules, &mut problems)));
    }
    problems.into_result(policy)?;
    warn_of_unused_masks(policy, findings, &mut warnings);
    write(decided, policy, warnings)
}

/// What findings report about one column and the places inside it.
type Reported<'a> = BTreeMap<(&'a TableName, &'a str), Vec<&'a ColumnFinding>>;

/// The rules of the settings, read.
struct Rules<'a> {
    identifiers: IdentifierRules,
    declared: Declarations<'a>,
    policy: &'a Policy,
}

fn check_tables(schemas: &[TableSchema], policy: &Policy, problems: &mut Problems) {
    if schemas.is_empty() {
        problems.refuse("there is no table to mask".to_owned(), None);
    }
    let mut targets = BTreeSet::new();
    for schema in schemas {
        let table = &schema.name;
        if !targets.insert(table.table()) {
            problems.refuse(format!("{table}: two tables would become one masked table"), None);
        }
        if table.database().to_lowercase() == policy.target_database.to_lowercase() {
            problems.refuse(
                format!("{table}: the masked table would have the name of the raw one"),
                Some("give `[masked] database` a name of its own".to_owned()),
            );
        }
        if schema.columns.is_empty() {
            problems.refuse(format!("{table}: has no columns"), None);
        }
        let mut names = BTreeSet::new();
        for column in &schema.columns {
            if !names.insert(&column.name) {
                problems.refuse(format!("{table}: has two columns named `{}`", column.name), None);
            }
        }
    }
}

/// Findings by the column they mean. One that means no column of a table is a problem: it would protect nothing.
fn by_column<'a>(
    findings: &'a Findings,
    schemas: &[TableSchema],
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) -> Reported<'a> {
    let mut reported = Reported::new();
    let mut elsewhere: BTreeSet<&TableName> = BTreeSet::new();
    for finding in findings.iter() {
        let Some(schema) = schemas.iter().find(|schema| schema.name == finding.table) else {
            elsewhere.insert(&finding.table);
            continue;
        };
        let column = finding.path.column.as_str();
        if schema.columns.iter().any(|known| known.name == column) {
            reported.entry((&finding.table, column)).or_default().push(finding);
        } else {
            problems
                .refuse(format!("{}: findings report column `{column}`, which it does not have", schema.name), None);
        }
    }
    for table in elsewhere {
        warnings.push(format!("findings report {table}, which this plan leaves alone"));
    }
    reported
}

/// One decision per column, partition columns last. Columns without one are reported as problems.
fn decide_table(
    schema: &TableSchema,
    reported: &Reported<'_>,
    rules: &Rules<'_>,
    problems: &mut Problems,
) -> Vec<ColumnDecision> {
    let mut decisions = Vec::new();
    let mut undecided = false;
    for (index, column) in schema.columns.iter().enumerate() {
        let found = reported.get(&(&schema.name, column.name.as_str())).map_or(&[][..], Vec::as_slice);
        let question = Question::new(&schema.name, column, index == 0, found);
        match question.answer(rules, problems) {
            Ok((action, reason)) => decisions.push(question.decision(action, reason)),
            Err(_) => undecided = true,
        }
    }
    decisions.sort_by_key(|decision| decision.partition);
    let mut files = decisions.iter().filter(|decision| !decision.partition);
    if !undecided && !schema.columns.is_empty() && files.all(|decision| decision.action == Action::Drop) {
        problems.refuse(
            format!("{}: nothing would stay but partition columns, or nothing at all", schema.name),
            Some("keep or mask at least one column that is not a partition column".to_owned()),
        );
    }
    decisions
}

/// A column about which something must be decided, with all that is known about it.
struct Question<'a> {
    column: ColumnRef,
    schema: &'a ColumnSchema,
    first: bool,
    found: &'a [&'a ColumnFinding],
    identifiers: BTreeMap<Identifier, u64>,
}

impl<'a> Question<'a> {
    fn new(table: &TableName, schema: &'a ColumnSchema, first: bool, found: &'a [&'a ColumnFinding]) -> Self {
        let mut identifiers: BTreeMap<Identifier, u64> = BTreeMap::new();
        for (identifier, count) in found.iter().flat_map(|finding| &finding.identifiers) {
            let sum = identifiers.entry(identifier.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        let column = ColumnRef { table: table.clone(), column: schema.name.clone() };
        Self { column, schema, first, found, identifiers }
    }

    fn decision(&self, action: Action, reason: Reason) -> ColumnDecision {
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

    fn answer(&self, rules: &Rules<'_>, problems: &mut Problems) -> Result<(Action, Reason), Undecided> {
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
            Declared::Keep if self.found.is_empty() => Ok((Action::Keep, Reason::Declared)),
            Declared::Keep => Err(self.kept_though_reported(&[], policy, problems)),
            Declared::KeepDespite(_) if self.found.is_empty() => Ok((Action::Keep, Reason::Declared)),
            Declared::KeepDespite(named) if self.is_covered(named) => Ok((Action::Keep, Reason::DeclaredDespite)),
            Declared::KeepDespite(named) => Err(self.kept_though_reported(named, policy, problems)),
            Declared::Drop => Ok((Action::Drop, Reason::Declared)),
            Declared::Mask(call) if self.schema.data_type.is_nested() && *call != MaskCall::Null => Err(problems
                .refuse(
                    format!("{}: `{}` cannot mask a nested column", self.column, call.function().name()),
                    Some(format!(
                        "hide it whole with `mask_null`, or `drop` it\n{}",
                        declaration_lines(&self.column, "\"mask_null\"", policy)
                    )),
                )),
            Declared::Mask(call) => Ok((Action::Mask(call.clone()), Reason::Declared)),
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
            Rule::Mask(call) => match call.key() {
                Some(key) if !rules.policy.keys.contains(key.as_str()) => {
                    Err(problems.key_missing(key.as_str(), format!("the mask of {}", self.column)))
                }
                _ => Ok((Action::Mask(call.clone()), Reason::Reported)),
            },
        }
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

/// A mask for a name that nothing reports, though a name close to it is reported and has no mask of its own.
fn warn_of_unused_masks(policy: &Policy, findings: &Findings, warnings: &mut Vec<String>) {
    let reported: BTreeSet<String> =
        findings.iter().flat_map(|finding| finding.identifiers.keys()).map(Identifier::key).collect();
    let without: Vec<&str> =
        reported.iter().filter(|key| !policy.masks.contains_key(*key)).map(String::as_str).collect();
    for unused in policy.masks.keys().filter(|key| !reported.contains(*key)) {
        if let Some(near) = nearest(unused, without.iter().copied()) {
            warnings.push(format!(
                "`[masks]` has a rule for `{}`, which no finding reports, and none for `{}`, which is masked by default",
                printable(unused),
                printable(near)
            ));
        }
    }
}

fn write(
    decided: Vec<(&TableSchema, Vec<ColumnDecision>)>,
    policy: &Policy,
    mut warnings: Vec<String>,
) -> Result<MaskingPlan> {
    let names: Vec<TableName> = decided.iter().map(|(schema, _)| schema.name.clone()).collect();
    let stems = file_stems(&names);
    let mut tables = Vec::new();
    for (schema, columns) in decided {
        if columns.len() != schema.columns.len() {
            return Err(Error::failed("a column was left undecided").with("table", &schema.name));
        }
        let Some(stem) = stems.get(&schema.name) else {
            return Err(Error::failed("a table was left without a file name").with("table", &schema.name));
        };
        warnings.extend(table_warnings(&schema.name, &columns));
        tables.push(table_plan(&schema.name, stem, columns, policy)?);
    }
    Ok(MaskingPlan { tables, warnings })
}

/// What a reader of the masked table may not expect.
fn table_warnings(table: &TableName, columns: &[ColumnDecision]) -> Vec<String> {
    let named = |reason: Reason| {
        let names: Vec<String> =
            columns.iter().filter(|column| column.reason == reason).map(|column| printable(&column.column)).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let hidden = named(Reason::ReportedInside)
        .map(|names| format!("{table}: hidden whole, since masks reach no places inside a column for now: {names}"));
    let kept = named(Reason::Unreported).map(|names| {
        format!("{table}: kept though nobody reported or declared them, as `[plan] unreported` says: {names}")
    });
    hidden.into_iter().chain(kept).collect()
}

fn table_plan(source: &TableName, stem: &str, columns: Vec<ColumnDecision>, policy: &Policy) -> Result<TablePlan> {
    let target = TableName::new(&policy.target_database, source.table());
    let mut location = policy.target_location.child(&folder_name(source.table())).to_url();
    if !location.ends_with('/') {
        location.push('/');
    }
    let script = sql::script(&sql::Parts {
        source,
        target: &target,
        location: &location,
        write_compression: &policy.write_compression,
        columns: &columns,
    })?;
    Ok(TablePlan { source: source.clone(), target, location, file_name: format!("{stem}.sql"), columns, script })
}
