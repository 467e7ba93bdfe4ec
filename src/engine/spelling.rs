//! Statements that Athena spells in a way which the SQL parser's generic dialect does not read. Each becomes a syntax tree
//! of that dialect, so that what judges statements and what answers them look at the same tree.
//!
//! | As written | The tree |
//! |---|---|
//! | `PREPARE p FROM …` | of `PREPARE p AS …`; each `?` becomes `$1`, `$2`, … in the order of the text |
//! | `SHOW COLUMNS FROM t IN db` | of `SHOW COLUMNS FROM db.t` |
//! | `SHOW PARTITIONS t` | of `SHOW partitions.t`, a variable, read strictly |
//! | `CREATE EXTERNAL TABLE …` | of one with that name; [`super::hive`] reads the rest |

use sqlparser::ast::{Ident, ObjectNamePart, Statement as Ast};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::hive;
use crate::error::{Error, Result};

/// The word that SHOW PARTITIONS is known by in its tree.
pub const PARTITIONS: &str = "PARTITIONS";

/// What became of a statement's tokens.
pub(super) enum Spelling {
    /// They are the generic dialect's.
    Generic,
    /// They are, after a change.
    Changed(Vec<TokenWithSpan>),
    /// They are read.
    Read(Box<Ast>),
}

/// Looks for the spellings above.
///
/// # Errors
/// Usage, if it is one of them and wrong in itself.
pub(super) fn read(tokens: &[TokenWithSpan]) -> Result<Spelling> {
    let solid: Vec<&TokenWithSpan> =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF)).collect();
    let word = |index: usize| solid.get(index).and_then(|token| keyword(&token.token)).unwrap_or_default();
    match (word(0).as_str(), word(1).as_str(), word(2).as_str()) {
        // Without a list of columns it is the engine's own statement of that name, which nobody may run.
        ("CREATE", "EXTERNAL", "TABLE") if solid.iter().any(|token| token.token == Token::LParen) => {
            let table = hive::external_table(solid.iter().map(|token| token.token.clone()).collect())?;
            Ok(external(&table).map_or(Spelling::Generic, |ast| Spelling::Read(Box::new(ast))))
        }
        ("PREPARE", _, _) => Ok(Spelling::Changed(prepare(tokens, &solid))),
        ("SHOW", PARTITIONS, _) => {
            let rest = solid.iter().skip(2).map(|token| (*token).clone()).collect();
            let wrong = || Error::usage("SHOW PARTITIONS names one table").hint("write SHOW PARTITIONS database.table");
            partitions(rest).map(|ast| Spelling::Read(Box::new(ast))).ok_or_else(wrong)
        }
        ("SHOW", "COLUMNS", "FROM" | "IN") => Ok(columns(&solid).map_or(Spelling::Generic, Spelling::Changed)),
        _ => Ok(Spelling::Generic),
    }
}

fn keyword(token: &Token) -> Option<String> {
    match token {
        Token::Word(Word { value, quote_style: None, .. }) => Some(value.to_ascii_uppercase()),
        _ => None,
    }
}

/// A tree that stands for an external table: its name, and that it is one.
fn external(table: &hive::ExternalTable) -> Option<Ast> {
    let text = "CREATE EXTERNAL TABLE t (a INT) STORED AS PARQUET LOCATION 'x'";
    let Ok(Some(Ast::CreateTable(mut create))) = Parser::parse_sql(&GenericDialect {}, text).map(|mut all| all.pop())
    else {
        return None;
    };
    create.name.clone_from(&table.name);
    create.if_not_exists = table.if_not_exists;
    create.location = Some(table.location.clone());
    Some(Ast::CreateTable(create))
}

fn prepare(tokens: &[TokenWithSpan], solid: &[&TokenWithSpan]) -> Vec<TokenWithSpan> {
    let from = solid.get(2).filter(|token| keyword(&token.token).as_deref() == Some("FROM")).map(|token| token.span);
    let mut count = 0_usize;
    let changed = tokens.iter().map(|token| {
        let mut token = token.clone();
        if Some(token.span) == from {
            token.token = Token::make_keyword("AS");
        } else if token.token == Token::Placeholder("?".to_owned()) || token.token == Token::Question {
            count += 1;
            token.token = Token::Placeholder(format!("${count}"));
        } else if matches!(token.token, Token::Placeholder(_)) {
            // One that has its own number would be taken for another: this is a name that nothing is given for.
            token.token = Token::Placeholder("$named".to_owned());
        }
        token
    });
    changed.collect()
}

/// `SHOW COLUMNS FROM t IN db`, if that is all.
fn columns(solid: &[&TokenWithSpan]) -> Option<Vec<TokenWithSpan>> {
    let [show, columns, from, table, inside, database] = solid else { return None };
    let is_name = |token: &TokenWithSpan| matches!(token.token, Token::Word(_));
    let is_in = matches!(keyword(&inside.token)?.as_str(), "IN" | "FROM");
    if !is_in || !is_name(table) || !is_name(database) {
        return None;
    }
    let period = TokenWithSpan { token: Token::Period, span: inside.span };
    let spaced = |token: &TokenWithSpan| token.clone();
    Some(vec![spaced(show), spaced(columns), spaced(from), spaced(database), period, spaced(table)])
}

fn partitions(rest: Vec<TokenWithSpan>) -> Option<Ast> {
    let mut parser = Parser::new(&GenericDialect {}).with_tokens_with_locations(rest);
    let name = parser.parse_object_name(false).ok()?;
    if parser.peek_token().token != Token::EOF {
        return None;
    }
    let mut variable = vec![Ident::new(PARTITIONS)];
    for part in name.0 {
        let ObjectNamePart::Identifier(ident) = part else { return None };
        variable.push(ident);
    }
    Some(Ast::ShowVariable { variable })
}

/// Parses a statement, spelt in either way.
///
/// # Errors
/// As [`read`], or what the parser says.
pub(super) fn parse(tokens: &[TokenWithSpan]) -> Result<Result<(Ast, TokenWithSpan), ParserError>, Error> {
    let tokens = match read(tokens)? {
        Spelling::Read(ast) => return Ok(Ok((*ast, TokenWithSpan::new_eof()))),
        Spelling::Changed(tokens) => tokens,
        Spelling::Generic => tokens.to_vec(),
    };
    let mut parser = Parser::new(&GenericDialect {}).with_tokens_with_locations(tokens);
    Ok(parser.parse_statement().map(|ast| (ast, parser.peek_token())))
}
