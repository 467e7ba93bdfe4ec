//! The plan as a whole: every table, every column, and everything that is wrong, said together.

use std::collections::{BTreeMap, BTreeSet};

use super::declared::{Declarations, IdentifierRules, read_declarations};
use super::names::{file_stems, nearest};
use super::problems::Problems;
use super::question::Question;
use super::{Action, ColumnDecision, MaskingPlan, Policy, Reason, TablePlan, sql};
use crate::discover::{ColumnFinding, Findings};
use crate::error::{Error, Result};
use crate::model::{Identifier, TableName, TableSchema, folder_name, printable};

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
pub(super) struct Rules<'a> {
    pub(super) identifiers: IdentifierRules,
    pub(super) declared: Declarations<'a>,
    pub(super) policy: &'a Policy,
}

fn check_tables(schemas: &[TableSchema], policy: &Policy, problems: &mut Problems) {
    if schemas.is_empty() {
        let hint = "check `[lake] location`: each folder in it that holds files is a table";
        problems.refuse("there is no table to mask".to_owned(), Some(hint.to_owned()));
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
