//! PREPARE, EXECUTE and DEALLOCATE: statements with `?` for values that come later.
//!
//! INVARIANT: a parameter goes into the syntax tree, never into text: whatever is in it, it is one value.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, ExprWithAlias, Ident, ObjectName, ObjectNamePart, Statement as Ast, Value, visit_expressions,
    visit_expressions_mut,
};

use super::fault::coded;
use crate::error::{Error, Result, Said};

/// Parts of one parameter at most: a literal, or a small expression of some.
const PARTS_MAX: usize = 64;

/// The prepared statements of a script or a shell.
#[derive(Debug, Default)]
pub struct Prepared {
    statements: BTreeMap<String, Ast>,
}

/// What came of one of the three statements.
#[derive(Debug)]
pub enum Outcome {
    /// A statement is prepared, or forgotten.
    Done,
    /// A statement to be run in place of EXECUTE. It has to be judged as any other.
    Run(Box<Ast>),
}

impl Prepared {
    /// Takes a statement of these three.
    ///
    /// # Errors
    /// Usage if there is no such prepared statement, the number of parameters is wrong, or one is no literal.
    pub fn take(&mut self, ast: Ast) -> Result<Outcome> {
        match ast {
            Ast::Prepare { name, data_types, statement } => {
                if !data_types.is_empty() {
                    return Err(coded(Error::usage("parameters are prepared without types"), "0A000"));
                }
                self.prepare(&name, *statement)?;
                Ok(Outcome::Done)
            }
            Ast::Deallocate { name, .. } => {
                let name = folded(&name);
                self.statements.remove(&name).map(|_| Outcome::Done).ok_or_else(|| unknown(&name))
            }
            Ast::Execute { name: Some(name), parameters, has_parentheses, immediate, into, using, output, default } => {
                if immediate || output || default || !into.is_empty() || has_parentheses || !parameters.is_empty() {
                    return Err(coded(Error::usage("a clause of EXECUTE is not supported"), "0A000")
                        .hint("write EXECUTE name USING 1, 'x'"));
                }
                self.execute(&name, &using).map(|ast| Outcome::Run(Box::new(ast)))
            }
            _ => Err(coded(Error::usage("the statement is not PREPARE, EXECUTE or DEALLOCATE"), "42601")),
        }
    }

    fn prepare(&mut self, name: &Ident, statement: Ast) -> Result<()> {
        let kept = matches!(statement, Ast::Query(_) | Ast::Insert(_) | Ast::Unload { .. })
            || matches!(&statement, Ast::CreateTable(create) if create.query.is_some());
        if !kept {
            return Err(coded(Error::usage("this statement cannot be prepared"), "0A000")
                .hint("SELECT, INSERT INTO, CREATE TABLE … AS and UNLOAD can"));
        }
        self.statements.insert(folded(name), statement);
        Ok(())
    }

    fn execute(&self, name: &ObjectName, using: &[ExprWithAlias]) -> Result<Ast> {
        let name = match name.0.as_slice() {
            [ObjectNamePart::Identifier(ident)] => folded(ident),
            _ => return Err(unknown(&name.to_string())),
        };
        let mut ast = self.statements.get(&name).cloned().ok_or_else(|| unknown(&name))?;
        for parameter in using {
            check_parameter(parameter)?;
        }
        let wanted = placeholders(&ast);
        if wanted != using.len() {
            return Err(coded(Error::usage("the number of parameters is wrong"), "07001")
                .with("statement", &Said(&name))
                .with("given", &using.len())
                .with("wanted", &wanted)
                .hint("EXECUTE name USING one value for each `?`"));
        }
        let _ = visit_expressions_mut(&mut ast, |expr| {
            if let Some(parameter) = number(expr).and_then(|number| using.get(number - 1)) {
                *expr = match &parameter.expr {
                    value @ Expr::Value(_) => value.clone(),
                    other => Expr::Nested(Box::new(other.clone())),
                };
            }
            ControlFlow::<()>::Continue(())
        });
        Ok(ast)
    }
}

fn unknown(name: &str) -> Error {
    coded(Error::usage("there is no such prepared statement"), "26000")
        .with("statement", &Said(name))
        .hint("PREPARE name FROM SELECT … makes one, for the script or the shell that it stands in")
}

fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// The number of a placeholder, from 1.
fn number(expr: &Expr) -> Option<usize> {
    let Expr::Value(value) = expr else { return None };
    let Value::Placeholder(text) = &value.value else { return None };
    text.strip_prefix('$')?.parse().ok().filter(|number| *number > 0)
}

fn placeholders(ast: &Ast) -> usize {
    let mut count = 0;
    let _ = visit_expressions(ast, |expr| {
        count += usize::from(number(expr).is_some());
        ControlFlow::<()>::Continue(())
    });
    count
}

/// A parameter is a literal, or an expression of literals: it reads nothing.
fn check_parameter(parameter: &ExprWithAlias) -> Result<()> {
    let mut parts = 0_usize;
    let mut sound = parameter.alias.is_none();
    let _ = visit_expressions(&parameter.expr, |expr| {
        parts += 1;
        sound &= matches!(
            expr,
            Expr::Value(_)
                | Expr::TypedString(_)
                | Expr::Interval(_)
                | Expr::Nested(_)
                | Expr::UnaryOp { .. }
                | Expr::BinaryOp { .. }
                | Expr::Cast { .. }
                | Expr::Array(_)
        ) && !matches!(expr, Expr::Value(value) if matches!(value.value, Value::Placeholder(_)));
        ControlFlow::<()>::Continue(())
    });
    if sound && parts <= PARTS_MAX {
        return Ok(());
    }
    Err(coded(Error::usage("a parameter is a literal, or a small expression of literals"), "42601")
        .hint("EXECUTE name USING 1, 'x', DATE '2024-01-31'"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::engine::statement::parse_script;

    fn run(statements: &[&str]) -> Result<String> {
        let mut prepared = Prepared::default();
        let mut last = String::new();
        for text in statements {
            let ast = parse_script(text, "-")?.pop().unwrap().ast;
            if let Outcome::Run(ast) = prepared.take(ast)? {
                last = ast.to_string();
            }
        }
        Ok(last)
    }

    #[test]
    fn values_stand_where_their_marks_stood_in_the_text() {
        let text = "PREPARE p FROM SELECT a FROM t WHERE b = ? AND c IN (?, ?) ORDER BY d LIMIT ?";
        let ran = run(&[text, "EXECUTE p USING 'it''s', -1, 1 + 2, 10"]).unwrap();
        assert_eq!(ran, "SELECT a FROM t WHERE b = 'it''s' AND c IN ((-1), (1 + 2)) ORDER BY d LIMIT 10");
        assert_eq!(run(&["PREPARE P AS SELECT 1", "EXECUTE p"]).unwrap(), "SELECT 1");
        let ran = run(&["PREPARE p FROM SELECT '?' AS \"?\", ? -- ?", "EXECUTE p USING 5"]).unwrap();
        assert_eq!(ran, "SELECT '?' AS \"?\", 5");
    }

    #[test]
    fn a_parameter_is_one_value_and_reads_nothing() {
        let prepare = "PREPARE p FROM SELECT ? FROM t";
        for using in ["a", "(SELECT 1)", "salt_hash('x')", "?", "1 AS b", "(SELECT secret FROM other)"] {
            assert!(run(&[prepare, &format!("EXECUTE p USING {using}")]).is_err(), "{using}");
        }
        let text = "1; DROP TABLE t --";
        let ran = run(&[prepare, &format!("EXECUTE p USING '{text}'")]).unwrap();
        assert_eq!(ran, format!("SELECT '{text}' FROM t"));
    }

    #[test]
    fn what_does_not_fit_is_said_to() {
        for statements in [
            &["EXECUTE p"][..],
            &["PREPARE p FROM SELECT ?", "EXECUTE p"],
            &["PREPARE p FROM SELECT ?", "EXECUTE p USING 1, 2"],
            &["PREPARE p FROM SELECT $1", "EXECUTE p USING 1"],
            &["PREPARE p FROM SELECT 1", "DEALLOCATE PREPARE p", "EXECUTE p"],
            &["PREPARE p FROM DROP TABLE t"],
            &["PREPARE p FROM CREATE VIEW v AS SELECT 1"],
            &["PREPARE p FROM PREPARE q FROM SELECT 1"],
            &["DEALLOCATE PREPARE p"],
        ] {
            let error = run(statements).unwrap_err();
            assert_eq!(error.kind(), crate::error::ErrorKind::Usage, "{statements:?}: {error}");
        }
    }
}
