//! What is wrong with a text that is no SQL, in our words, and how deep a statement may nest.

use sqlparser::dialect::GenericDialect;
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, TokenizerError};

use crate::error::{Error, Result, Said, Stretch};

/// The message of errors about a text that is no SQL.
const UNREADABLE: &str = "the SQL text cannot be read";
const UNBALANCED: &str = "the parentheses are not balanced";
const TOO_DEEP: &str = "the statement is nested too deeply";

/// How deep operators and parentheses may stand one inside the other. A chain of operators counts as many: each is walked
/// through inside the one before, and a stack that runs over ends the whole program.
const DEPTH_MAX: usize = 5_000;

/// How many operators a query of a set, or a join, counts as.
const QUERY_WEIGHT: usize = 5;

/// In a text of more bytes, the beginning of a comment that does not end is not looked for.
const SEARCHED_BYTES_MAX: usize = 1 << 20;

/// The tokens of a text.
///
/// # Errors
/// Usage, with the place.
pub(super) fn tokens_of(text: &str) -> Result<Vec<TokenWithSpan>> {
    let dialect = GenericDialect {};
    Tokenizer::new(&dialect, text).tokenize_with_location().map_err(|error| token_fault(text, &error))
}

/// A place of the parser as ours.
pub(super) fn stretch_of(span: Span) -> Option<Stretch> {
    let (start, end) = (span.start, span.end);
    (start.line > 0).then_some(Stretch {
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
    })
}

fn point(place: Location) -> Stretch {
    Stretch::point(place.line.max(1), place.column.max(1))
}

/// The place behind a text.
fn end_of(text: &str) -> Stretch {
    let text = text.trim_end();
    let lines = text.matches('\n').count() as u64;
    let last = text.rsplit('\n').next().unwrap_or_default();
    Stretch::point(lines + 1, last.chars().count() as u64 + 1)
}

/// An error of the tokenizer in our words.
fn token_fault(text: &str, error: &TokenizerError) -> Error {
    let place = point(error.location);
    let message = error.message.as_str();
    if message.contains("multi-line comment") {
        let begins = comment_start(text).unwrap_or(place);
        return Error::usage("a comment does not end").about(begins).hint("close it with `*/`");
    }
    if message.starts_with("Expected close delimiter") {
        return Error::usage("a quoted name does not end")
            .about(place)
            .hint("it ends with the quote that it begins with; a text goes in single quotes: 'text'");
    }
    if message.contains("dollar-quoted") {
        return Error::usage("a text in dollar quotes does not end")
            .about(place)
            .hint("it ends with the mark that it begins with: $$text$$");
    }
    if message.starts_with("Unterminated") {
        return Error::usage("a string does not end")
            .about(place)
            .hint("it ends with `'`; a quote inside it is written twice: 'it''s'");
    }
    Error::usage(UNREADABLE).about(place).with("reason", &Said(&worded(message)))
}

/// Where the comment begins that the text ends in.
fn comment_start(text: &str) -> Option<Stretch> {
    if text.len() > SEARCHED_BYTES_MAX {
        return None;
    }
    let dialect = GenericDialect {};
    let outside = |before: &str| Tokenizer::new(&dialect, before).tokenize().is_ok();
    let start =
        text.rmatch_indices("/*").take(20).find(|(start, _)| outside(text.get(..*start).unwrap_or_default()))?;
    let before = text.get(..start.0).unwrap_or_default();
    let lines = before.matches('\n').count() as u64;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64;
    Some(Stretch { end_column: column + 3, ..Stretch::point(lines + 1, column + 1) })
}

/// An error of the parser in our words. `text` is what it parsed, where that is at hand.
pub(crate) fn parser_fault(text: Option<&str>, error: &ParserError) -> Error {
    match error {
        ParserError::RecursionLimitExceeded => too_deep(),
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            let (reason, location) = split_location(message);
            let tokens = match tokens_of(text.unwrap_or_default()) {
                Ok(tokens) => tokens,
                Err(error) => return error,
            };
            let met = tokens.iter().find(|token| Some(token.span.start) == location);
            let place = met.and_then(|token| stretch_of(token.span)).or(location.map(point));
            if let Some(error) = unbalanced(&tokens, location) {
                return error;
            }
            let fault = Error::usage(UNREADABLE).with("reason", &Said(&worded(reason)));
            match place.or(text.map(end_of)) {
                Some(place) => fault.about(place),
                None => fault,
            }
        }
    }
}

/// Takes the parser's own mark of the place off its message.
fn split_location(message: &str) -> (&str, Option<Location>) {
    let split = message.rsplit_once(" at Line: ").and_then(|(reason, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((reason, Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? }))
    });
    split.map_or((message, None), |(reason, place)| (reason, Some(place)))
}

/// Parentheses that are to blame: one too many where the parser stopped, or one too few where the text ends.
fn unbalanced(tokens: &[TokenWithSpan], stopped: Option<Location>) -> Option<Error> {
    let mut open: Vec<&TokenWithSpan> = Vec::new();
    for token in tokens {
        match token.token {
            Token::LParen => open.push(token),
            Token::RParen if open.pop().is_none() => {
                let here = Some(token.span.start) == stopped;
                let error = || Error::usage(UNBALANCED).about(point(token.span.start));
                return here.then(|| error().hint("no `(` is open here: take the `)` away, or open one before it"));
            }
            _ => {}
        }
    }
    let unclosed = open.last()?;
    stopped.is_none().then(|| Error::usage(UNBALANCED).about(point(unclosed.span.start)).hint("close it with `)`"))
}

/// How many characters of a name or a reason are said.
const SAID_MAX: usize = 300;

/// A text that is not longer than anyone reads. A cut one ends with `…`.
pub(super) fn brief(text: &str) -> String {
    match text.char_indices().nth(SAID_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The parser's words as a part of our sentences.
fn worded(reason: &str) -> String {
    let reason = brief(reason);
    let reason = reason.trim_end_matches('.').replace("found: EOF", "found the end").replace("Expected: ", "expected ");
    let reason = reason.replace("found: ", "found ");
    let mut letters = reason.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn too_deep() -> Error {
    Error::usage(TOO_DEEP)
        .hint("name its inner parts with WITH, or ask for a list: `id IN (1, 2, …)` may be of any length")
}

/// Whether an error says that a statement is nested too deeply.
pub fn is_too_deep(error: &Error) -> bool {
    error.message() == TOO_DEEP
}

/// Refuses statements that could nest deeper than the stack is.
///
/// # Errors
/// Usage, with the place where it is too much.
pub(super) fn check_depth<'a>(tokens: impl Iterator<Item = &'a TokenWithSpan>) -> Result<()> {
    // What opened each level, and how many operators stand in a row in it: what a comma parts stands side by side.
    let mut levels = vec![(Level::Statement, 0)];
    let mut depth = 0;
    for token in tokens {
        match (kind_of(&token.token), levels.last_mut()) {
            (Kind::Opens(level), _) => {
                levels.push((level, 0));
                depth += 1;
            }
            (Kind::Closes(level), Some((open, links))) if level == *open => {
                depth -= *links + 1;
                levels.pop();
            }
            (Kind::Parts, Some((_, links))) => depth -= std::mem::take(links),
            (Kind::Links(weight), Some((_, links))) => {
                *links += weight;
                depth += weight;
            }
            _ => {}
        }
        if depth > DEPTH_MAX {
            let error = too_deep().with("most levels", &DEPTH_MAX);
            return Err(stretch_of(token.span).map_or(error.clone(), |place| error.about(place)));
        }
    }
    Ok(())
}

/// What opened a level.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Statement,
    Bracket,
    Case,
}

/// What a token does to the depth.
enum Kind {
    Opens(Level),
    Closes(Level),
    Parts,
    /// Stands one level deeper than what is before it; with the levels that it counts for.
    Links(usize),
    Nothing,
}

fn kind_of(token: &Token) -> Kind {
    use sqlparser::keywords::Keyword;
    match token {
        Token::LParen | Token::LBracket | Token::LBrace => Kind::Opens(Level::Bracket),
        Token::RParen | Token::RBracket | Token::RBrace => Kind::Closes(Level::Bracket),
        Token::Comma | Token::SemiColon => Kind::Parts,
        Token::Word(word) => match word.keyword {
            Keyword::CASE => Kind::Opens(Level::Case),
            Keyword::END => Kind::Closes(Level::Case),
            Keyword::WHEN | Keyword::THEN | Keyword::ELSE => Kind::Parts,
            Keyword::AND
            | Keyword::OR
            | Keyword::NOT
            | Keyword::XOR
            | Keyword::IS
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::BETWEEN
            | Keyword::COLLATE
            | Keyword::AT => Kind::Links(1),
            // A query takes more of the stack than an operator.
            Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::JOIN => Kind::Links(QUERY_WEIGHT),
            _ => Kind::Nothing,
        },
        Token::Whitespace(_)
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::DollarQuotedString(_)
        | Token::Period
        | Token::EOF => Kind::Nothing,
        _ => Kind::Links(1),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn depth(text: &str) -> Result<()> {
        check_depth(tokens_of(text).unwrap().iter())
    }

    #[test]
    fn chains_and_nests_have_a_depth_and_lists_have_none() {
        let many = 20_000;
        for (text, fits) in [
            (format!("SELECT 1{}", "+1".repeat(many)), false),
            (format!("SELECT 1 WHERE true{}", " AND true".repeat(many)), false),
            (format!("SELECT {}1{}", "(".repeat(many), ")".repeat(many)), false),
            (format!("SELECT {}1", "- ".repeat(many)), false),
            (format!("SELECT 1{}", " UNION SELECT 1".repeat(many)), false),
            (format!("SELECT 1{}", " + CASE WHEN true THEN 1 END".repeat(many)), false),
            (format!("SELECT {}1{}", "f(1, ".repeat(many), ")".repeat(many)), false),
            (format!("SELECT 1{}", "::int".repeat(many)), false),
            (format!("SELECT 1 WHERE 1 IN (1{})", ", -1".repeat(many)), true),
            (format!("VALUES (1, 'a'){}", ", (1 + 1, lower('a'))".repeat(many)), true),
            (format!("SELECT 1{}", ", salt_hash(a) AS b".repeat(many)), true),
            (format!("SELECT CASE{} END", " WHEN a = 1 THEN 2".repeat(many)), true),
            (format!("SELECT '{}'", "(+".repeat(many)), true),
            (format!("SELECT 1{}", "+1".repeat(1_000)), true),
        ] {
            assert_eq!(depth(&text).is_ok(), fits, "{}", text.get(..60).unwrap());
        }
        assert!(depth("SELECT 1))))) END END").is_ok(), "what is not open is the parser's to judge");
    }
}
