//! Why, column by column, in plain text.

use std::fmt::Write as _;

use super::{Action, ColumnDecision, MaskingPlan, Reason, TablePlan};
use crate::model::printable;

impl MaskingPlan {
    /// What happens to every column and why: a block per table, a line per column, then the totals.
    pub fn explain(&self) -> String {
        let mut out = String::new();
        for table in &self.tables {
            explain_table(&mut out, table);
        }
        // Writing into a `String` cannot fail.
        let _ = writeln!(out, "{}", self.totals());
        for warning in &self.warnings {
            let _ = writeln!(out, "warning: {warning}");
        }
        out
    }

    fn totals(&self) -> String {
        let count = |wanted: fn(&Action) -> bool| {
            self.tables.iter().flat_map(|table| &table.columns).filter(|column| wanted(&column.action)).count()
        };
        let counted = |count: usize, one: &str| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {one}{plural}")
        };
        format!(
            "{}: {} masked, {} kept, {} dropped",
            counted(self.tables.len(), "table"),
            counted(count(|action| matches!(action, Action::Mask(_))), "column"),
            count(|action| *action == Action::Keep),
            count(|action| *action == Action::Drop),
        )
    }
}

fn explain_table(out: &mut String, table: &TablePlan) {
    let _ = writeln!(out, "{} -> {}", table.source, table.target);
    for line in column_lines(&table.columns) {
        let _ = writeln!(out, "  {line}");
    }
    out.push('\n');
}

/// A line per column: name, action and reason, aligned. Names are escaped, so each is one line.
pub(super) fn column_lines(columns: &[ColumnDecision]) -> Vec<String> {
    let rows: Vec<[String; 3]> = columns
        .iter()
        .map(|column| {
            [printable(&column.column), printable(&action_text(&column.action)), printable(&reason_text(column))]
        })
        .collect();
    let width =
        |texts: fn(&[String; 3]) -> &String| rows.iter().map(|row| texts(row).chars().count()).max().unwrap_or(0);
    let (names, actions) = (width(|[name, _, _]| name), width(|[_, action, _]| action));
    rows.iter().map(|[name, action, reason]| format!("{name:names$}  {action:actions$}  {reason}")).collect()
}

impl ColumnDecision {
    /// What happens to the column, as settings would say it.
    pub fn action_text(&self) -> String {
        action_text(&self.action)
    }

    /// Why, in words. Not escaped: an identifier's name may hold anything.
    pub fn reason_text(&self) -> String {
        reason_text(self)
    }
}

fn action_text(action: &Action) -> String {
    match action {
        Action::Keep => "keep".to_owned(),
        Action::Drop => "drop".to_owned(),
        Action::Mask(call) => call.to_string(),
    }
}

/// Why, in words. Not escaped: an identifier's name may hold anything.
pub(super) fn reason_text(column: &ColumnDecision) -> String {
    let reported = reported_text(column);
    match column.reason {
        Reason::Declared if column.identifiers.is_empty() => "declared".to_owned(),
        Reason::Declared => format!("declared; findings report {reported}"),
        Reason::DeclaredDespite => {
            format!("declared safe to read although findings report {reported}")
        }
        Reason::Reported => format!("findings report {reported}"),
        Reason::ReportedInside if column.inside.is_empty() => {
            format!("findings report {reported} in a nested column, hidden whole for now")
        }
        Reason::ReportedInside => {
            let places: Vec<String> = column.inside.iter().map(ToString::to_string).collect();
            format!("findings report {reported} inside it, at {}; hidden whole for now", places.join(", "))
        }
        Reason::OperationMarker => "operation marker of AWS DMS; not reported".to_owned(),
        Reason::Unreported => "not reported, not declared; settings accept that".to_owned(),
    }
}

fn reported_text(column: &ColumnDecision) -> String {
    if column.identifiers.is_empty() {
        return "personal data of no named kind".to_owned();
    }
    let names: Vec<String> =
        column.identifiers.iter().map(|(identifier, count)| format!("{identifier} ({count})")).collect();
    names.join(", ")
}
