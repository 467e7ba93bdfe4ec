//! Statements of a script: where each begins, what it is, and which keys and tables it names.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use saltlake_udfs::KeyId;
use sqlparser::ast::{
    CreateTable, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, ObjectNamePart, Statement as Ast,
    Value, visit_expressions, visit_relations,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::CATALOG;
use super::hive::{self, ExternalTable};
use super::spelling::{self, Spelling};
use crate::error::{Error, Result, Said};
use crate::model::TableName;

/// One statement of a script.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its text, without the semicolon.
    pub text: String,
    /// The line of its first token, from 1.
    pub line: u64,
    /// Its syntax tree.
    pub ast: Ast,
}

/// Splits a script by its tokens, so that a semicolon in a string or comment splits nothing, and parses each statement.
///
/// # Errors
/// [`crate::error::ErrorKind::Usage`] naming `origin` and the line.
pub fn parse_script(text: &str, origin: &str) -> Result<Vec<Statement>> {
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().map_err(|error| {
        Error::usage("the SQL text cannot be read")
            .with("file", &Said(origin))
            .with("line", &error.location.line)
            .with("reason", &Said(&error.message))
    })?;
    let mut statements = Vec::new();
    let mut pending: Vec<TokenWithSpan> = Vec::new();
    for token in tokens {
        match token.token {
            Token::SemiColon => statements.extend(parse_one(text, &std::mem::take(&mut pending), origin)?),
            Token::EOF => {}
            _ => pending.push(token),
        }
    }
    statements.extend(parse_one(text, &pending, origin)?);
    Ok(statements)
}

fn parse_one(script: &str, tokens: &[TokenWithSpan], origin: &str) -> Result<Option<Statement>> {
    let mut solid = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
    let Some(first) = solid.next() else { return Ok(None) };
    let last = solid.next_back().unwrap_or(first);
    let line = first.span.start.line;
    let text = script
        .get(byte_offset(script, first.span.start)..byte_offset(script, last.span.end))
        .unwrap_or_default()
        .to_owned();
    let fault = |reason: &str| {
        Error::usage("the SQL text cannot be read")
            .with("file", &Said(origin))
            .with("line", &line)
            .with("reason", &Said(reason))
    };
    let parsed = spelling::parse(tokens).map_err(|error| error.with("file", &Said(origin)).with("line", &line))?;
    let (ast, rest) = parsed.map_err(|error| fault(&error.to_string()))?;
    if rest.token != Token::EOF {
        return Err(
            fault(&format!("unexpected `{rest}` after the statement")).hint("separate statements by a semicolon")
        );
    }
    Ok(Some(Statement { text, line, ast }))
}

/// The syntax tree of a statement that is spelt in Athena's own way; `None` if the generic dialect is to read it.
///
/// # Errors
/// Usage, if it is such a statement and cannot be read.
pub fn own_spelling(text: &str) -> Result<Option<Ast>> {
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location() else { return Ok(None) };
    let mut tokens: Vec<TokenWithSpan> = tokens.into_iter().filter(|token| token.token != Token::EOF).collect();
    while tokens.last().is_some_and(|last| matches!(last.token, Token::SemiColon | Token::Whitespace(_))) {
        tokens.pop();
    }
    if tokens.iter().any(|token| token.token == Token::SemiColon) {
        return Ok(None);
    }
    match spelling::read(&tokens)? {
        Spelling::Generic => Ok(None),
        Spelling::Read(ast) => Ok(Some(*ast)),
        Spelling::Changed(_) => Ok(parse_one(text, &tokens, "the statement")?.map(|statement| statement.ast)),
    }
}

/// What CREATE EXTERNAL TABLE says.
///
/// # Errors
/// Usage, naming the clause.
pub fn external_table(text: &str) -> Result<ExternalTable> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize();
    let tokens = tokens.map_err(|_| Error::usage("the SQL text cannot be read"))?;
    let solid =
        tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_) | Token::SemiColon | Token::EOF));
    hive::external_table(solid.collect())
}

/// The byte position of a tokenizer location, whose line and column count from 1 and whose column counts characters.
fn byte_offset(text: &str, location: Location) -> usize {
    let mut start = 0;
    for _ in 1..location.line {
        match text.get(start..).and_then(|rest| rest.find('\n')) {
            Some(end) => start += end + 1,
            None => return text.len(),
        }
    }
    let column = usize::try_from(location.column.saturating_sub(1)).unwrap_or(usize::MAX);
    text.get(start..).and_then(|line| line.char_indices().nth(column)).map_or(text.len(), |(offset, _)| start + offset)
}

/// Whether CREATE TABLE says nothing but IF NOT EXISTS, a name, options and a query: no clause that its reader would pass
/// over.
pub fn is_plain(create: &CreateTable) -> bool {
    let plain = Parser::parse_sql(&GenericDialect {}, "CREATE TABLE t AS SELECT 1").ok().and_then(|mut all| all.pop());
    let Some(Ast::CreateTable(mut plain)) = plain else { return false };
    plain.name.clone_from(&create.name);
    plain.query.clone_from(&create.query);
    plain.table_options.clone_from(&create.table_options);
    plain.if_not_exists = create.if_not_exists;
    plain == *create
}

/// The names of the keys that a statement's masking functions use.
pub fn keys_of(ast: &Ast) -> BTreeSet<KeyId> {
    let mut keys = BTreeSet::new();
    let _ = visit_expressions(ast, |expr| {
        if let Expr::Function(function) = expr
            && function_name(&function.name).is_some_and(|name| saltlake_udfs::keyed(&name))
        {
            keys.insert(key_of(&function.args));
        }
        ControlFlow::<()>::Continue(())
    });
    keys
}

/// A function's name as the engine looks it up: unquoted, it is lower-cased.
fn function_name(name: &ObjectName) -> Option<String> {
    let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else { return None };
    Some(if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() })
}

/// The key named by a call's second argument; the default key if there is none. What is not a text literal is refused
/// by the function itself.
fn key_of(arguments: &FunctionArguments) -> KeyId {
    if let FunctionArguments::List(list) = arguments
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))) = list.args.get(1)
        && let Some(name) = string_literal(&value.value)
    {
        return KeyId::new(name);
    }
    KeyId::new(KeyId::DEFAULT)
}

/// The text of a literal in each of the ways that the engine reads as text.
fn string_literal(value: &Value) -> Option<&str> {
    match value {
        Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
        Value::DollarQuotedString(text) => Some(&text.value),
        _ => None,
    }
}

/// The tables that a statement names, as written.
pub fn relations_of(ast: &Ast) -> Vec<ObjectName> {
    let mut relations = Vec::new();
    let _ = visit_relations(ast, |name| {
        relations.push(name.clone());
        ControlFlow::<()>::Continue(())
    });
    relations
}

/// Reads a written table name: unquoted parts are lower-cased, as the engine does.
///
/// A name of one part stands in `default_database`; one of three begins with the only catalog.
pub fn table_name(name: &ObjectName, default_database: &str) -> Option<TableName> {
    let mut parts = Vec::new();
    for part in &name.0 {
        match part {
            ObjectNamePart::Identifier(ident) if ident.quote_style.is_some() => parts.push(ident.value.clone()),
            ObjectNamePart::Identifier(ident) => parts.push(ident.value.to_ascii_lowercase()),
            ObjectNamePart::Function(_) => return None,
        }
    }
    match parts.as_slice() {
        [table] => Some(TableName::new(default_database, table.clone())),
        [database, table] => Some(TableName::new(database.clone(), table.clone())),
        [catalog, database, table] if catalog == CATALOG => Some(TableName::new(database.clone(), table.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn a_semicolon_in_a_string_or_comment_splits_nothing() {
        let script = "-- a; b\nSELECT 'x;y';\n/* ; */ SELECT \"ü;\" FROM t\n;;\n";
        let statements = parse_script(script, "x.sql").unwrap();
        let texts: Vec<_> = statements.iter().map(|s| (s.line, s.text.as_str())).collect();
        assert_eq!(texts, [(2, "SELECT 'x;y'"), (3, "SELECT \"ü;\" FROM t")]);
    }

    #[test]
    fn an_error_names_the_file_and_the_line() {
        let error = parse_script("SELECT 1;\n\nSELEC 2", "a.sql").unwrap_err().to_string();
        assert!(error.contains("a.sql") && error.contains("line: 3"), "{error}");
    }

    #[test]
    fn keys_are_found_by_name_and_by_default() {
        let statements =
            parse_script("SELECT salt_hash(a), HMAC_HASH(b, 'join') FROM t WHERE salt_hash(c,'k') = 'x'", "-").unwrap();
        let keys: Vec<_> = keys_of(&statements[0].ast).iter().map(|k| k.as_str().to_owned()).collect();
        assert_eq!(keys, ["default", "join", "k"]);
    }

    #[test]
    fn keys_are_found_however_a_call_is_spelt() {
        for (sql, key) in [
            ("SELECT \"salt_hash\"(a) FROM t", "default"),
            ("SELECT salt_hash(a, E'k') FROM t", "k"),
            ("SELECT salt_hash(a, $$k$$) FROM t", "k"),
            ("WITH c AS (SELECT Salt_Hash(a, 'k') AS a FROM t) SELECT a FROM c", "k"),
        ] {
            let statements = parse_script(sql, "-").unwrap();
            let keys: Vec<_> = keys_of(&statements[0].ast).iter().map(|k| k.as_str().to_owned()).collect();
            assert_eq!(keys, [key], "{sql}");
        }
    }

    #[test]
    fn a_table_has_one_name_however_it_is_written() {
        let cases = ["dataset.customer", "lake.dataset.customer", "LAKE.DataSet.Customer", "\"dataset\".\"customer\""];
        for name in cases {
            let statements = parse_script(&format!("SELECT * FROM {name}"), "-").unwrap();
            let names: Vec<_> = relations_of(&statements[0].ast).iter().map(|name| table_name(name, "m")).collect();
            assert_eq!(names, [Some(TableName::new("dataset", "customer"))], "{name}");
        }
    }
}
