//! Which statements a role may run. What is not listed is refused.

use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SQLOptions;
use datafusion::sql::parser::{DFParser, Statement};
use sqlparser::ast::{ObjectType, Query, SetExpr, Statement as Ast};
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::fault::coded;
use crate::engine::fault::planning_fault;
use crate::engine::statement::own_spelling;
use crate::error::{Error, Result, Said};

/// How many operators and words a statement may hold: what stands one inside the other, or one behind the other in an
/// expression, is walked through step by step inside the step before, and a stack that runs over ends the whole program.
const LINKS_MAX: usize = 5_000;

/// What a statement of a role does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It reads: a query, SHOW TABLES, SHOW COLUMNS, SHOW FUNCTIONS, DESCRIBE.
    Read,
    /// EXPLAIN of a query, in its plain form.
    Explain,
    /// CREATE TABLE … AS.
    Create,
    /// UNLOAD (…) TO.
    Unload,
    /// INSERT INTO.
    Insert,
    /// DROP TABLE, DROP VIEW.
    Drop,
    /// CREATE VIEW.
    View,
    /// CREATE EXTERNAL TABLE.
    External,
    /// A SHOW that [`show`](super::show) answers by a query of the information schema.
    Show,
    /// PREPARE, EXECUTE, DEALLOCATE.
    Prepared,
}

/// Judges a query that is stored rather than answered.
///
/// # Errors
/// Refused if it does more than read.
pub(super) fn check_query(query: &Query) -> Result<()> {
    if is_reading(&query.body) {
        return Ok(());
    }
    Err(coded(Error::refused("a view may only read"), "42501"))
}

/// Judges a statement that is parsed already: that of EXECUTE, its parameters filled in.
///
/// # Errors
/// Refused if a role may not run it.
pub fn gate_parsed(ast: Ast) -> Result<(Statement, Kind)> {
    let statement = Statement::Statement(Box::new(ast));
    let kind = kind_of(&statement).ok_or_else(|| refusal(&statement))?;
    Ok((statement, kind))
}

/// Parses one statement with the engine's own parser, so that nothing is judged by another parser than the one that
/// plans it, and says what it does.
///
/// # Errors
/// Usage if it cannot be parsed or is not one statement; refused if a role may not run it, or if it is too long.
pub fn gate(text: &str) -> Result<(Statement, Kind)> {
    check_length(text)?;
    if let Some(ast) = own_spelling(text).map_err(|error| coded(error, "42601"))? {
        return gate_parsed(ast);
    }
    let parsed = DFParser::parse_sql_with_dialect(text, &GenericDialect {});
    let mut statements = parsed.map_err(|error| super::role_planning_fault(&error))?;
    let (Some(statement), true) = (statements.pop_front(), statements.is_empty()) else {
        return Err(Error::usage("one statement at a time"));
    };
    let kind = kind_of(&statement).ok_or_else(|| refusal(&statement))?;
    Ok((statement, kind))
}

/// As [`gate`], for whoever may read everything: what is none of the kinds is judged when it is planned.
///
/// # Errors
/// Usage if it cannot be parsed.
pub fn gate_open(text: &str) -> Result<(Statement, Kind)> {
    if let Some(ast) = own_spelling(text)? {
        return Ok(gate_open_parsed(ast));
    }
    let parsed = DFParser::parse_sql_with_dialect(text, &GenericDialect {});
    let mut statements = parsed.map_err(|error| planning_fault(&error))?;
    let (Some(statement), true) = (statements.pop_front(), statements.is_empty()) else {
        return Err(Error::usage("one statement at a time"));
    };
    Ok(match statement {
        Statement::Statement(ast) => gate_open_parsed(*ast),
        statement @ Statement::Explain(_) => (statement, Kind::Explain),
        statement => (statement, Kind::Read),
    })
}

/// As [`gate_open`], of a statement that is parsed already.
pub fn gate_open_parsed(ast: Ast) -> (Statement, Kind) {
    let kind = kind_of_ast(&ast).unwrap_or(Kind::Read);
    (Statement::Statement(Box::new(ast)), kind)
}

/// What a statement does, if it is one that a session answers by itself.
pub fn kind_of_statement(ast: &Ast) -> Option<Kind> {
    kind_of_ast(ast)
}

/// Refuses a statement that could nest deeper than the stack is. A list of literals is as long as it likes.
fn check_length(text: &str) -> Result<()> {
    // What is no sequence of tokens is the parser's to judge.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, text).tokenize() else { return Ok(()) };
    let links = tokens.iter().filter(|token| {
        !matches!(
            token,
            Token::Whitespace(_)
                | Token::Comma
                | Token::Period
                | Token::RParen
                | Token::RBracket
                | Token::Number(..)
                | Token::SingleQuotedString(_)
        )
    });
    if links.count() > LINKS_MAX {
        return Err(coded(Error::refused("the statement is too long"), "54001")
            .with("most operators and words", &LINKS_MAX)
            .hint("ask in several statements, or with a list: `id IN (1, 2, …)` may be of any length"));
    }
    Ok(())
}

fn kind_of(statement: &Statement) -> Option<Kind> {
    match statement {
        Statement::Statement(ast) => kind_of_ast(ast),
        Statement::Explain(explain) => {
            let options = &explain.options;
            let plain = !options.analyze
                && !options.verbose
                && options.format.is_none()
                && options.analyze_level.is_none()
                && options.analyze_categories.is_none()
                && options.show_statistics.is_none();
            let reads =
                matches!(explain.statement.as_ref(), Statement::Statement(ast) if kind_of_ast(ast) == Some(Kind::Read));
            (plain && reads).then_some(Kind::Explain)
        }
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => None,
    }
}

fn kind_of_ast(ast: &Ast) -> Option<Kind> {
    match ast {
        Ast::Query(query) => is_reading(&query.body).then_some(Kind::Read),
        ast if super::show::is_one(ast) => Some(Kind::Show),
        Ast::ShowTables { .. } | Ast::ShowColumns { .. } | Ast::ShowFunctions { .. } | Ast::ExplainTable { .. } => {
            Some(Kind::Read)
        }
        Ast::CreateView(_) => Some(Kind::View),
        Ast::CreateTable(create) if create.external => Some(Kind::External),
        Ast::Insert(insert) if insert.source.as_ref().is_some_and(|query| is_reading(&query.body)) => {
            Some(Kind::Insert)
        }
        Ast::Drop { object_type: ObjectType::Table | ObjectType::View, .. } => Some(Kind::Drop),
        Ast::Prepare { .. } | Ast::Execute { .. } | Ast::Deallocate { .. } => Some(Kind::Prepared),
        Ast::CreateTable(create) if create.query.is_some() => Some(Kind::Create),
        Ast::Unload { query: Some(_), .. } => Some(Kind::Unload),
        _ => None,
    }
}

/// Whether the body of a query holds nothing but queries. The plan is looked through as well, by [`check_plan`].
fn is_reading(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_none(),
        SetExpr::Query(query) => is_reading(&query.body),
        SetExpr::SetOperation { left, right, .. } => is_reading(left) && is_reading(right),
        SetExpr::Values(_) | SetExpr::Table(_) => true,
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => false,
    }
}

fn refusal(statement: &Statement) -> Error {
    let text = statement.to_string();
    let first: String = text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default().to_uppercase();
    coded(Error::refused("a role may not run this statement"), "42501").with("statement", &Said(&first)).hint(
        "a role may run SELECT, EXPLAIN (in its plain form), SHOW, DESCRIBE, PREPARE and EXECUTE, and in its own \
             locations CREATE TABLE AS, INSERT INTO, CREATE VIEW, CREATE EXTERNAL TABLE, DROP and UNLOAD",
    )
}

/// The second look, at what was planned: nothing in it creates, changes, sets or copies.
///
/// # Errors
/// Refused, naming what it found.
pub(super) fn check_plan(plan: &LogicalPlan) -> Result<()> {
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let denied = |_: DataFusionError| coded(Error::refused("a role may only read"), "42501");
    options.verify_plan(plan).map_err(denied)?;
    match plan {
        LogicalPlan::Analyze(_) => Err(coded(Error::refused("a role may not run EXPLAIN ANALYZE"), "42501")),
        _ => Ok(()),
    }
}

/// As [`check_plan`], for whoever may read everything: EXPLAIN in all its forms.
///
/// # Errors
/// Usage, naming what to do instead.
pub(super) fn check_plan_of_anyone(plan: &LogicalPlan) -> Result<()> {
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options.verify_plan(plan).map_err(|_| {
        Error::usage("a query only reads").hint("`saltlake run` makes masked tables: CREATE TABLE … AS SELECT …")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn what_reads_is_allowed() {
        for (sql, kind) in [
            ("SELECT 1", Kind::Read),
            ("WITH a AS (SELECT 1) SELECT * FROM a UNION SELECT 2", Kind::Read),
            ("VALUES (1)", Kind::Read),
            ("SHOW TABLES", Kind::Read),
            ("SHOW COLUMNS FROM t", Kind::Read),
            ("DESCRIBE t", Kind::Read),
            ("EXPLAIN SELECT 1", Kind::Explain),
            ("CREATE TABLE a.b WITH (format = 'PARQUET') AS SELECT 1", Kind::Create),
            ("UNLOAD (SELECT 1) TO 's3://b/p/' WITH (format = 'PARQUET')", Kind::Unload),
            ("INSERT INTO t VALUES (1)", Kind::Insert),
            ("INSERT INTO t (a) SELECT 1", Kind::Insert),
            ("DROP TABLE IF EXISTS t", Kind::Drop),
            ("DROP VIEW t", Kind::Drop),
            ("CREATE OR REPLACE VIEW v AS SELECT 1", Kind::View),
            ("CREATE EXTERNAL TABLE t (a struct<b:int>) STORED AS PARQUET LOCATION 'x'", Kind::External),
            ("SHOW CREATE TABLE t", Kind::Show),
            ("SHOW PARTITIONS a.t", Kind::Show),
            ("SHOW TABLES IN a 'b*'", Kind::Show),
            ("SHOW VIEWS", Kind::Show),
            ("SHOW DATABASES", Kind::Show),
            ("SHOW COLUMNS FROM t IN a", Kind::Read),
            ("PREPARE p FROM SELECT ?", Kind::Prepared),
            ("EXECUTE p USING 1, 'x'", Kind::Prepared),
            ("DEALLOCATE PREPARE p", Kind::Prepared),
        ] {
            assert_eq!(gate(sql).map(|(_, kind)| kind).unwrap(), kind, "{sql}");
        }
    }

    #[test]
    fn all_else_is_refused() {
        for sql in [
            "EXPLAIN ANALYZE SELECT 1",
            "EXPLAIN VERBOSE SELECT 1",
            "EXPLAIN FORMAT TREE SELECT 1",
            "EXPLAIN FORMAT pgjson SELECT 1",
            "EXPLAIN EXPLAIN SELECT 1",
            "SET datafusion.execution.batch_size = 1",
            "RESET datafusion.execution.batch_size",
            "SHOW ALL",
            "SHOW datafusion.execution.batch_size",
            "CREATE TABLE t (a INT)",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
            "SHOW PARTITIONS",
            "SHOW PARTITIONS t WHERE a = 1",
            "CREATE EXTERNAL TABLE t (a int) STORED AS ORC LOCATION 'x'",
            "CREATE OR REPLACE EXTERNAL TABLE t STORED AS CSV LOCATION 'x'",
            "DROP SCHEMA s",
            "DROP FUNCTION f",
            "INSERT INTO t DEFAULT VALUES",
            "CREATE SCHEMA s",
            "CREATE DATABASE d",
            "CREATE FUNCTION f(x INT) RETURNS INT RETURN x",
            "UPDATE t SET a = 1",
            "DELETE FROM t",
            "COPY (SELECT 1) TO '/tmp/x.csv'",
            "COPY t TO '/tmp/x.csv'",
            "SELECT 1 INTO t",
            "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
            "ALTER TABLE t ADD COLUMN a INT",
            "TRUNCATE TABLE t",
            "BEGIN",
            "USE s",
            "EXPLAIN COPY t TO 'x'",
            "EXPLAIN INSERT INTO t VALUES (1)",
            "EXPLAIN CREATE TABLE a AS SELECT 1",
        ] {
            let error = gate(sql).map(|(_, kind)| kind).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Refused | ErrorKind::Usage), "{sql}: {error}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused_before_it_is_parsed() {
        for sql in [format!("SELECT 1{}", "::INT".repeat(50_000)), format!("SELECT {}1", "id + ".repeat(50_000))] {
            assert_eq!(gate(&sql).map(|(_, kind)| kind).unwrap_err().kind(), ErrorKind::Refused);
        }
        gate(&format!("SELECT * FROM t WHERE id IN ({}1)", "1, ".repeat(50_000))).unwrap();
    }
}
