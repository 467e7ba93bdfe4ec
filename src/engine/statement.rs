//! Statements of a script: where each begins, what it is, and which keys and tables it names.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use saltlake_udfs::KeyId;
use sqlparser::ast::{
    CreateTable, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, ObjectNamePart, Statement as Ast,
    Value, visit_expressions, visit_relations,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::CATALOG;
use super::hive::{self, ExternalTable};
use super::spelling::{self, Spelling};
use super::syntax::{check_depth, parser_fault, stretch_of, tokens_of};
use crate::error::{Error, ErrorKind, Result, Said, Stretch};
use crate::model::TableName;

/// One statement of a script.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its text, without the semicolon.
    pub text: String,
    /// The line of its first token, from 1.
    pub line: u64,
    /// The column of its first token, from 1, in characters.
    pub column: u64,
    /// Its syntax tree. Places in it count from the beginning of the text.
    pub ast: Ast,
}

impl Statement {
    /// Shows the place of an error in the statement, which the user typed. An error that names a function, a table or a
    /// column has its place where that stands: at its own place, or where the statement holds it once.
    #[must_use]
    pub fn showing(&self, error: Error) -> Error {
        let error = match self.named_in(&error) {
            Some(Some(stretch)) => error.about(stretch),
            // Planned for it was another text, such as the query that SHOW stands for.
            Some(None) => error.without_place(),
            None => error,
        };
        error.shown_in(&self.text, (self.line, self.column))
    }

    /// Where what an error names stands in the statement; nothing if it names nothing.
    #[allow(clippy::option_option, reason = "it names something or not, and that has a place or not")]
    fn named_in(&self, error: &Error) -> Option<Option<Stretch>> {
        if error.kind() != ErrorKind::Usage || error.shown_at().is_some() {
            return None;
        }
        let named = |(key, _): &&(&str, String)| ["function", "table", "column"].contains(key);
        let (_, name) = error.context().iter().find(named)?;
        let last = name.rsplit('.').next()?.trim_matches('"');
        let tokens = tokens_of(&self.text).ok()?;
        let is_it = |token: &&TokenWithSpan| match (&token.token, last.strip_suffix('…')) {
            (Token::Word(word), Some(begin)) => word.value.starts_with(begin),
            (Token::Word(word), None) => word.value.eq_ignore_ascii_case(last),
            _ => false,
        };
        let found: Vec<Stretch> = tokens.iter().filter(is_it).filter_map(|token| stretch_of(token.span)).collect();
        let own = error.stretch().filter(|own| found.iter().any(|word| own.holds(*word)));
        Some(own.or_else(|| found.first().copied().filter(|_| found.len() == 1)))
    }
}

/// Splits a script by its tokens, so that a semicolon in a string or comment splits nothing, and parses each statement.
///
/// # Errors
/// [`crate::error::ErrorKind::Usage`] naming `origin`, with the place, which whoever knows that the user typed the text
/// may show.
pub fn parse_script(text: &str, origin: &str) -> Result<Vec<Statement>> {
    let pieces = pieces_of(text).map_err(|error| error.with("file", &Said(origin)))?;
    let parsed = pieces.into_iter().map(|piece| {
        let ast = parse_one(piece.text).map_err(|error| {
            let error = error.with("file", &Said(origin));
            error.moved(piece.start.line, piece.start.column)
        })?;
        Ok(Statement { text: piece.text.to_owned(), line: piece.start.line, column: piece.start.column, ast })
    });
    parsed.collect()
}

/// The text of one statement, and where it begins.
struct Piece<'a> {
    text: &'a str,
    start: Location,
}

fn pieces_of(text: &str) -> Result<Vec<Piece<'_>>> {
    let tokens = tokens_of(text)?;
    check_depth(tokens.iter())?;
    let mut cursor = Cursor { text, offset: 0, place: Location { line: 1, column: 1 } };
    let mut pieces = Vec::new();
    let mut solid: Option<(Location, Location)> = None;
    for token in tokens {
        match token.token {
            Token::SemiColon => pieces.extend(solid.take().map(|(start, end)| cursor.piece(start, end))),
            Token::Whitespace(_) | Token::EOF => {}
            _ => solid = Some((solid.map_or(token.span.start, |(start, _)| start), token.span.end)),
        }
    }
    pieces.extend(solid.map(|(start, end)| cursor.piece(start, end)));
    Ok(pieces)
}

/// Walks through a text once, by the places of its tokens.
struct Cursor<'a> {
    text: &'a str,
    offset: usize,
    place: Location,
}

impl<'a> Cursor<'a> {
    fn piece(&mut self, start: Location, end: Location) -> Piece<'a> {
        let from = self.offset_of(start);
        let to = self.offset_of(end);
        Piece { text: self.text.get(from..to).unwrap_or_default(), start }
    }

    fn offset_of(&mut self, place: Location) -> usize {
        let rest = self.text.get(self.offset..).unwrap_or_default();
        for c in rest.chars() {
            if self.place >= place {
                break;
            }
            self.offset += c.len_utf8();
            if c == '\n' {
                self.place = Location { line: self.place.line + 1, column: 1 };
            } else {
                self.place.column += 1;
            }
        }
        self.offset
    }
}

fn parse_one(text: &str) -> Result<Ast> {
    parse_tokens(text, &solid_tokens(text)?)
}

/// The tokens of a text without its end.
fn solid_tokens(text: &str) -> Result<Vec<TokenWithSpan>> {
    let mut tokens = tokens_of(text)?;
    tokens.retain(|token| token.token != Token::EOF);
    Ok(tokens)
}

fn parse_tokens(text: &str, tokens: &[TokenWithSpan]) -> Result<Ast> {
    let (ast, rest) = spelling::parse(tokens)?.map_err(|error| parser_fault(Some(text), &error))?;
    if rest.token == Token::EOF {
        return Ok(ast);
    }
    let met = ParserError::ParserError(format!("unexpected `{rest}` after the statement{}", rest.span.start));
    let error = parser_fault(Some(text), &met);
    Err(if error.hints().is_empty() { error.hint("separate statements by a semicolon") } else { error })
}

/// The syntax tree of a statement that is spelt in Athena's own way; `None` if the generic dialect is to read it.
///
/// # Errors
/// Usage, if it is such a statement and cannot be read.
pub fn own_spelling(text: &str) -> Result<Option<Ast>> {
    let Ok(mut tokens) = solid_tokens(text) else { return Ok(None) };
    while tokens.last().is_some_and(|last| matches!(last.token, Token::SemiColon | Token::Whitespace(_))) {
        tokens.pop();
    }
    if tokens.iter().any(|token| token.token == Token::SemiColon) {
        return Ok(None);
    }
    match spelling::read(&tokens)? {
        Spelling::Generic => Ok(None),
        Spelling::Read(ast) => Ok(Some(*ast)),
        Spelling::Changed(_) => parse_tokens(text, &tokens).map(Some),
    }
}

/// What CREATE EXTERNAL TABLE says.
///
/// # Errors
/// Usage, naming the clause.
pub fn external_table(text: &str) -> Result<ExternalTable> {
    let tokens = tokens_of(text)?.into_iter().map(|token| token.token);
    let solid = tokens.filter(|token| !matches!(token, Token::Whitespace(_) | Token::SemiColon | Token::EOF));
    hive::external_table(solid.collect())
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
        let script = "SELECT 1;\n\n SELEC 2";
        let error = parse_script(script, "a.sql").unwrap_err().to_string();
        assert!(error.contains("a.sql"), "{error}");
        let error = parse_script(script, "a.sql").unwrap_err().shown_in(script, (1, 1));
        assert_eq!(error.shown_at(), Some((3, 2)), "{error}");
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
