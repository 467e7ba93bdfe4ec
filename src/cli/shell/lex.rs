//! SQL cut into tokens, for the editor: total over any text, finished or not.
//!
//! The engine's own tokenizer gives up at an open string, which is what an editor sees most of the time.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Space,
    /// A keyword or a name.
    Word,
    /// A name in double quotes or backticks.
    Quoted,
    Number,
    /// A text: in single quotes, or between dollar signs.
    Text,
    Comment,
    Semicolon,
    /// Any other character.
    Symbol,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Its first byte.
    pub(super) start: usize,
    /// Whether its quote or comment ends.
    pub(super) closed: bool,
}

impl Token<'_> {
    /// The byte after its last.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it says something to the engine.
    pub(super) fn is_solid(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::Comment)
    }

    /// Whether it is this word, in any case.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// The name that a word or a quoted name stands for.
    pub(super) fn name(&self) -> String {
        match (self.kind, self.text.chars().next()) {
            (Kind::Quoted, Some(quote)) => {
                let inner = self.text.get(1..).unwrap_or_default();
                let inner = if self.closed { inner.strip_suffix(quote).unwrap_or(inner) } else { inner };
                inner.replace(&format!("{quote}{quote}"), &quote.to_string())
            }
            _ => self.text.to_lowercase(),
        }
    }
}

/// Cuts a text into tokens that make it up again.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
        let (kind, length, closed) = next(rest);
        found.push(Token { kind, text: rest.get(..length).unwrap_or(rest), start, closed });
        start += length.max(1);
    }
    found
}

/// The kind and the length of the token that a text begins with, and whether it ends within it.
fn next(rest: &str) -> (Kind, usize, bool) {
    let Some(first) = rest.chars().next() else { return (Kind::Space, 0, true) };
    let run = |of: fn(char) -> bool| rest.find(|c| !of(c)).unwrap_or(rest.len());
    match first {
        ';' => (Kind::Semicolon, 1, true),
        '\'' => of_quotes(Kind::Text, rest, 0, '\'', false),
        'e' | 'E' if rest.get(1..2) == Some("'") => of_quotes(Kind::Text, rest, 1, '\'', true),
        '"' | '`' => of_quotes(Kind::Quoted, rest, 0, first, false),
        '-' if rest.starts_with("--") => {
            let end = rest.find('\n');
            (Kind::Comment, end.map_or(rest.len(), |end| end + 1), true)
        }
        '/' if rest.starts_with("/*") => block_comment(rest),
        '$' => dollar(rest).unwrap_or((Kind::Symbol, 1, true)),
        c if c.is_whitespace() => (Kind::Space, run(char::is_whitespace), true),
        c if c.is_ascii_digit() => (Kind::Number, number(rest), true),
        c if is_name_start(c) => (Kind::Word, run(is_name_part), true),
        c => (Kind::Symbol, c.len_utf8(), true),
    }
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '@' | '#')
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '@' | '#')
}

/// Up to the closing quote; a doubled one stands for itself.
fn of_quotes(kind: Kind, rest: &str, prefix: usize, quote: char, backslashes: bool) -> (Kind, usize, bool) {
    let mut chars = rest.char_indices().skip_while(|(at, _)| *at <= prefix).peekable();
    while let Some((at, c)) = chars.next() {
        if backslashes && c == '\\' {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return (kind, at + 1, true);
        }
    }
    (kind, rest.len(), false)
}

/// Block comments nest.
fn block_comment(rest: &str) -> (Kind, usize, bool) {
    let bytes = rest.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(pair) = bytes.get(at..at + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return (Kind::Comment, at, true);
        }
    }
    (Kind::Comment, rest.len(), false)
}

/// `$tag$ … $tag$`, if a tag is there.
fn dollar(rest: &str) -> Option<(Kind, usize, bool)> {
    let inside = rest.get(1..)?;
    let tag = inside.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(inside.len());
    let numbered = inside.starts_with(|c: char| c.is_ascii_digit());
    if numbered || inside.get(tag..)?.chars().next()? != '$' {
        return None;
    }
    let fence = rest.get(..tag + 2)?;
    let end = rest.get(fence.len()..)?.find(fence);
    Some(match end {
        Some(end) => (Kind::Text, end + 2 * fence.len(), true),
        None => (Kind::Text, rest.len(), false),
    })
}

fn number(rest: &str) -> usize {
    let mut before = ' ';
    rest.find(|c: char| {
        let signed = matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
        before = c;
        !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || signed)
    })
    .unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str, bool)> {
        let solid = tokens(text).into_iter().filter(|token| token.kind != Kind::Space);
        solid.map(|token| (token.kind, token.text, token.closed)).collect()
    }

    #[test]
    fn every_kind_is_cut_where_the_engine_cuts_it() {
        use Kind::{Comment, Number, Quoted, Semicolon, Symbol, Text, Word};
        for (text, expected) in [
            ("SELECT 1.5e-3;", vec![(Word, "SELECT", true), (Number, "1.5e-3", true), (Semicolon, ";", true)]),
            ("'it''s; fine'x", vec![(Text, "'it''s; fine'", true), (Word, "x", true)]),
            ("'open; ", vec![(Text, "'open; ", false)]),
            ("'back\\' y", vec![(Text, "'back\\'", true), (Word, "y", true)]),
            ("E'it\\'s'", vec![(Text, "E'it\\'s'", true)]),
            ("\"a\"\"b\" `c", vec![(Quoted, "\"a\"\"b\"", true), (Quoted, "`c", false)]),
            ("$$a;'$$ $q$ $$ $q$", vec![(Text, "$$a;'$$", true), (Text, "$q$ $$ $q$", true)]),
            ("$tag$ never", vec![(Text, "$tag$ never", false)]),
            ("$1 $x", vec![(Symbol, "$", true), (Number, "1", true), (Symbol, "$", true), (Word, "x", true)]),
            ("-- a; 'b\n1", vec![(Comment, "-- a; 'b\n", true), (Number, "1", true)]),
            ("/* a /* b */ ; */ 2", vec![(Comment, "/* a /* b */ ; */", true), (Number, "2", true)]),
            ("/* a /* b */", vec![(Comment, "/* a /* b */", false)]),
            ("a-1", vec![(Word, "a", true), (Symbol, "-", true), (Number, "1", true)]),
            ("größe=ü", vec![(Word, "größe", true), (Symbol, "=", true), (Word, "ü", true)]),
        ] {
            assert_eq!(kinds(text), expected, "{text}");
        }
    }

    #[test]
    fn names_are_read_as_the_engine_reads_them() {
        for (text, name) in [("Mail", "mail"), ("\"Ma\"\"il\"", "Ma\"il"), ("\"Ma", "Ma"), ("`x y`", "x y")] {
            assert_eq!(tokens(text).first().unwrap().name(), name, "{text}");
        }
    }

    proptest! {
        #[test]
        fn tokens_make_up_the_text(text in "([ -~]|ü|\n|'|\"|\\$|/\\*|\\*/|--|;){0,60}") {
            let mut at = 0;
            for token in tokens(&text) {
                prop_assert_eq!(token.start, at);
                at = token.end();
            }
            prop_assert_eq!(at, text.len());
        }
    }
}
