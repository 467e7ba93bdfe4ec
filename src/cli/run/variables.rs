//! Variables of a script: `:name` stands for its text as it is, `:'name'` for it as a string, `:"name"` as a name.

use std::collections::BTreeMap;

use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{Error, Result, Said};

/// Variables by name.
pub(in crate::cli) type Variables = BTreeMap<String, String>;

/// Takes the variables out of what `--set` was given: a setting's name holds a dot, a variable's does not.
pub(in crate::cli) fn take(set: &mut Vec<String>) -> Variables {
    let mut variables = Variables::new();
    let mut settings = Vec::new();
    for item in std::mem::take(set) {
        match item.split_once('=') {
            Some((name, value)) if is_name(name) => {
                variables.insert(name.to_owned(), value.to_owned());
            }
            _ => settings.push(item),
        }
    }
    *set = settings;
    variables
}

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(begins_name) && letters.all(continues_name)
}

fn begins_name(letter: char) -> bool {
    letter.is_ascii_alphabetic() || letter == '_'
}

fn continues_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Puts variables into a script. In strings, quoted names and comments nothing is replaced, nor is what follows a second
/// colon (`x::INT`). In `[a:b]` a name that is no variable is left alone, since it may be the end of a slice.
///
/// # Errors
/// Usage if a variable is not set, naming it and the line.
pub(in crate::cli) fn put_in(script: &str, variables: &Variables, origin: &str) -> Result<String> {
    if !script.contains(':') {
        return Ok(script.to_owned());
    }
    // What is no sequence of tokens is the parser's to judge.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, script).with_unescape(false).tokenize_with_location() else {
        return Ok(script.to_owned());
    };
    let (mut out, mut rest, mut depth) = (String::new(), Cursor::new(script), 0_usize);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match &token.token {
            Token::LBracket => depth += 1,
            Token::RBracket => depth = depth.saturating_sub(1),
            Token::Colon => {
                let next = tokens.get(at + 1).filter(|next| next.span.start == token.span.end);
                if let Some((next, name, form)) =
                    next.and_then(|next| Some((next, name_of(&next.token)?, form_of(&next.token))))
                {
                    match variables.get(name) {
                        Some(value) => {
                            out.push_str(rest.up_to(token.span.start));
                            out.push_str(&form(value));
                            rest.skip_to(next.span.end);
                            at += 1;
                        }
                        None if depth > 0 => {}
                        None => {
                            return Err(Error::usage("a variable of the script is not set")
                                .with("variable", &Said(name))
                                .with("file", &Said(origin))
                                .with("line", &token.span.start.line)
                                .hint(format!("pass `--set {name}=VALUE`")));
                        }
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
    out.push_str(rest.all());
    Ok(out)
}

fn name_of(token: &Token) -> Option<&str> {
    let name = match token {
        Token::Word(word) if matches!(word.quote_style, None | Some('"')) => &word.value,
        Token::SingleQuotedString(name) => name,
        _ => return None,
    };
    is_name(name).then_some(name.as_str())
}

fn form_of(token: &Token) -> fn(&str) -> String {
    match token {
        Token::SingleQuotedString(_) => |value| format!("'{}'", value.replace('\'', "''")),
        Token::Word(word) if word.quote_style.is_some() => |value| format!("\"{}\"", value.replace('"', "\"\"")),
        _ => str::to_owned,
    }
}

/// Walks through a text by lines and columns.
struct Cursor<'a> {
    text: &'a str,
    offset: usize,
    line: u64,
    column: u64,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1, column: 1 }
    }

    fn up_to(&mut self, place: sqlparser::tokenizer::Location) -> &'a str {
        let start = self.offset;
        while (self.line, self.column) < (place.line, place.column) {
            let Some(letter) = self.text.get(self.offset..).and_then(|rest| rest.chars().next()) else { break };
            self.offset += letter.len_utf8();
            if letter == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
        self.text.get(start..self.offset).unwrap_or_default()
    }

    fn skip_to(&mut self, place: sqlparser::tokenizer::Location) {
        self.up_to(place);
    }

    fn all(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn put(script: &str) -> Result<String> {
        let variables = Variables::from([("day".to_owned(), "it's 1".to_owned()), ("n".to_owned(), "5".to_owned())]);
        put_in(script, &variables, "x.sql")
    }

    #[test]
    fn variables_stand_for_texts_strings_and_names() {
        for (script, expected) in [
            ("SELECT :n, :'day', :\"day\"", "SELECT 5, 'it''s 1', \"it's 1\""),
            (
                "SELECT ':n', \":n\" -- :n\n, /* :n */ $$:n$$, x::INT, :n",
                "SELECT ':n', \":n\" -- :n\n, /* :n */ $$:n$$, x::INT, 5",
            ),
            ("SELECT a[1:b], a[1::n]", "SELECT a[1:b], a[1::n]"),
            ("SELECT 'é', :n;\nSELECT :n", "SELECT 'é', 5;\nSELECT 5"),
            ("SELECT 'it''s :n', :n", "SELECT 'it''s :n', 5"),
            ("SELECT 'open :n", "SELECT 'open :n"),
        ] {
            assert_eq!(put(script).unwrap(), expected, "{script}");
        }
    }

    #[test]
    fn a_variable_that_is_not_set_is_named_with_its_line() {
        let error = put("SELECT 1;\nSELECT :missing").unwrap_err().to_string();
        assert!(error.contains("missing") && error.contains("line: 2") && error.contains("--set missing="), "{error}");
    }

    #[test]
    fn settings_and_variables_are_told_apart_by_the_dot() {
        let mut set = vec!["engine.threads=1".to_owned(), "day=2024-01-01=x".to_owned(), "nonsense".to_owned()];
        let variables = take(&mut set);
        assert_eq!(set, ["engine.threads=1", "nonsense"]);
        assert_eq!(variables.get("day").map(String::as_str), Some("2024-01-01=x"));
    }
}
