//! Colours of what is typed: such of the sixteen that are read on dark and on light, and bold.

use super::lex::{Kind, Token, tokens};
use super::words::is_keyword;

/// Longer texts are left as they are: each key would paint all of it.
const PAINTED_BYTES_MAX: usize = 32 * 1024;

const BOLD: &str = "1";
const TEXT: &str = "32";
const NUMBER: &str = "35";
const FUNCTION: &str = "36";
const COMMENT: &str = "90";
const OPEN: &str = "31";

/// A text under one of the terminal's colours.
pub(super) fn painted(text: &str, code: &str) -> String {
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// Paints SQL, or the name of a backslash command. What is shown is as wide as before.
pub(super) fn paint(text: &str) -> String {
    if text.len() > PAINTED_BYTES_MAX {
        return text.to_owned();
    }
    if text.trim_start().starts_with('\\') {
        let end = text.trim_end().find(|c: char| c.is_whitespace()).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return painted(name, BOLD) + rest;
    }
    let tokens = tokens(text);
    let mut out = String::with_capacity(text.len() * 2);
    for (at, token) in tokens.iter().enumerate() {
        let after = tokens.get(at + 1).map(|next| next.text);
        match code(token, after) {
            Some(code) => out.push_str(&painted(token.text, code)),
            None => out.push_str(token.text),
        }
    }
    out
}

fn code(token: &Token<'_>, after: Option<&str>) -> Option<&'static str> {
    if !token.closed {
        return Some(if token.kind == Kind::Comment { COMMENT } else { OPEN });
    }
    match token.kind {
        Kind::Word if is_keyword(token.text) => Some(BOLD),
        Kind::Word if after == Some("(") => Some(FUNCTION),
        Kind::Text => Some(TEXT),
        Kind::Number => Some(NUMBER),
        Kind::Comment => Some(COMMENT),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// With the colours' codes in brackets.
    fn shown(text: &str) -> String {
        paint(text).replace("\u{1b}[0m", "]").replace("\u{1b}[", "[").replace('m', ":")
    }

    #[test]
    fn each_kind_has_its_colour() {
        for (text, expected) in [
            ("SELECT x", "[1:SELECT] x"),
            ("select f(1, 'a')", "[1:select] [36:f]([35:1], [32:'a'])"),
            ("'open", "[31:'open]"),
            ("x -- note", "x [90:-- note]"),
            ("/* open", "[90:/* open]"),
            ("\\d custo", "[1:\\d] custo"),
            ("\"Na\" 1", "\"Na\" [35:1]"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_text_itself_stays(text in "([ -~]|ü|\n|'|\\$\\$|--|/\\*){0,60}") {
            let bare = paint(&text).split('\u{1b}').enumerate().map(|(at, part)| {
                if at == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) }
            }).collect::<String>();
            prop_assert_eq!(bare, text);
        }
    }
}
