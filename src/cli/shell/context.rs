//! Where in a statement the cursor stands: what may follow there, and which tables the statement names, before and after.

use super::lex::{Kind, Token, tokens};
use super::words::{is_keyword, is_reserved};

/// What may stand at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// The first word of a statement.
    Beginning,
    Tables,
    Databases,
    /// A value: columns and functions, or a keyword.
    Values,
    /// Something after a value: keywords alone.
    Keywords,
    Nothing,
}

/// A table that a statement names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Database and table, or the table alone.
    pub(super) path: Vec<String>,
    pub(super) alias: Option<String>,
}

/// The surroundings of the cursor.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) wants: Wants,
    /// Names before the one at the cursor, each followed by a dot.
    pub(super) qualifiers: Vec<String>,
    /// What is typed of the name at the cursor, as it is spelt.
    pub(super) typed: String,
    /// Its first byte.
    pub(super) start: usize,
    pub(super) tables: Vec<Named>,
    /// Names that `WITH` gives.
    pub(super) queries: Vec<String>,
    /// The statement's first word, from which its case is taken.
    pub(super) first: String,
}

/// Looks around the cursor at byte `at`.
pub(super) fn look(text: &str, at: usize) -> Place {
    let all = tokens(text);
    let begin = all.iter().rposition(|token| token.kind == Kind::Semicolon && token.end() <= at).map_or(0, |it| it + 1);
    let mine = all.get(begin..).unwrap_or_default();
    let end = mine.iter().position(|token| token.kind == Kind::Semicolon && token.start >= at).unwrap_or(mine.len());
    let mine = mine.get(..end).unwrap_or_default();

    let solid: Vec<Token<'_>> = mine.iter().copied().filter(Token::is_solid).collect();
    let mut before: Vec<Token<'_>> = solid.iter().copied().filter(|token| token.end() <= at).collect();
    let under = mine.iter().find(|token| token.start < at && at <= token.end());
    let (mut wants, mut start) = (None, at);
    if let Some(token) = under {
        match token.kind {
            Kind::Word | Kind::Quoted if token.kind == Kind::Word || !token.closed || at < token.end() => {
                start = token.start;
                before.retain(|other| other.start < token.start);
            }
            Kind::Text | Kind::Quoted | Kind::Number => wants = Some(Wants::Nothing),
            Kind::Comment if at < token.end() || !is_over(token) => wants = Some(Wants::Nothing),
            _ => {}
        }
    }
    let qualifiers = qualifiers(&mut before, start);
    Place {
        wants: wants.unwrap_or_else(|| wants_after(&before)),
        qualifiers,
        typed: text.get(start..at).unwrap_or_default().to_owned(),
        start,
        tables: named(&solid),
        queries: queries(&solid),
        first: solid.first().map(|token| token.text.to_owned()).unwrap_or_default(),
    }
}

/// Whether what follows a comment is none of it.
fn is_over(comment: &Token<'_>) -> bool {
    if comment.text.starts_with("--") { comment.text.ends_with('\n') } else { comment.closed }
}

/// Takes `a.b.` off the end.
fn qualifiers(before: &mut Vec<Token<'_>>, mut start: usize) -> Vec<String> {
    let mut names = Vec::new();
    while let [.., name, dot] = before.as_slice()
        && dot.text == "."
        && dot.end() == start
        && matches!(name.kind, Kind::Word | Kind::Quoted)
    {
        start = name.start;
        names.insert(0, name.name());
        before.truncate(before.len() - 2);
    }
    names
}

fn wants_after(before: &[Token<'_>]) -> Wants {
    let [earlier @ .., last] = before else { return Wants::Beginning };
    let first = before.first();
    let starts = |word: &str| first.is_some_and(|first| first.is(word));
    let previous = |word: &str| earlier.last().is_some_and(|token| token.is(word));
    if last.is("from") || last.is("in") && starts("show") {
        return match () {
            () if starts("show") && before.get(1).is_some_and(|token| token.is("tables")) => Wants::Databases,
            () if previous("distinct") || inside_call(before) => Wants::Values,
            () => Wants::Tables,
        };
    }
    let introduces = ["join", "into", "update", "table", "view", "describe"].iter().any(|word| last.is(word));
    if introduces || (last.is("desc") && earlier.is_empty()) {
        return Wants::Tables;
    }
    match last.kind {
        Kind::Symbol if last.text == "," => {
            if lists_tables(earlier) {
                Wants::Tables
            } else {
                Wants::Values
            }
        }
        Kind::Symbol if last.text == ")" => Wants::Keywords,
        // A star stands for columns, or multiplies.
        Kind::Symbol if last.text == "*" => match earlier.last() {
            Some(token) if is_operand(token) => Wants::Values,
            _ => Wants::Keywords,
        },
        Kind::Symbol => Wants::Values,
        Kind::Word if last.is("as") => Wants::Keywords,
        _ if is_operand(last) => Wants::Keywords,
        _ => Wants::Values,
    }
}

/// Whether a token ends a value.
fn is_operand(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word => !is_keyword(token.text) || ["null", "true", "false", "end"].iter().any(|word| token.is(word)),
        Kind::Quoted | Kind::Number | Kind::Text => true,
        _ => token.text == ")",
    }
}

/// Whether the last FROM belongs to a function, as in `extract(year FROM day)`.
fn inside_call(before: &[Token<'_>]) -> bool {
    let mut depth = 0;
    for (at, token) in before.iter().enumerate().rev() {
        match token.text {
            ")" => depth += 1,
            "(" if depth == 0 => {
                let name = at.checked_sub(1).and_then(|at| before.get(at));
                return name.is_some_and(|name| ["extract", "substring", "trim", "overlay"].iter().any(|f| name.is(f)));
            }
            "(" => depth -= 1,
            _ => {}
        }
    }
    false
}

/// Whether a comma after these tokens goes on with a list of tables.
fn lists_tables(before: &[Token<'_>]) -> bool {
    let mut depth = 0;
    for token in before.iter().rev() {
        match token.text {
            ")" => depth += 1,
            "(" if depth == 0 => return false,
            "(" => depth -= 1,
            _ if depth > 0 || token.kind != Kind::Word => {}
            _ if token.is("from") || token.is("join") => return true,
            _ if ["select", "where", "on", "by", "having", "set", "values", "using"]
                .iter()
                .any(|word| token.is(word)) =>
            {
                return false;
            }
            _ => {}
        }
    }
    false
}

/// The tables that a statement reads or writes, with their aliases.
fn named(solid: &[Token<'_>]) -> Vec<Named> {
    let mut tables = Vec::new();
    let mut at = 0;
    let introduces = |token: &Token<'_>| {
        ["from", "join", "into", "update", "table", "describe", "desc"].iter().any(|word| token.is(word))
    };
    while let Some(token) = solid.get(at) {
        at += 1;
        if !introduces(token) {
            continue;
        }
        while let Some((table, next)) = table_at(solid, at) {
            tables.push(table);
            at = next;
            match solid.get(at) {
                Some(comma) if comma.text == "," => at += 1,
                _ => break,
            }
        }
    }
    tables
}

/// A table's name and alias at a token, and the token after them.
fn table_at(solid: &[Token<'_>], mut at: usize) -> Option<(Named, usize)> {
    let name = |at: usize| {
        let token = solid.get(at)?;
        let named = token.kind == Kind::Quoted || token.kind == Kind::Word && !is_reserved(token.text);
        named.then(|| token.name())
    };
    let mut path = vec![name(at)?];
    at += 1;
    while solid.get(at).is_some_and(|token| token.text == ".") {
        at += 1;
        let Some(part) = name(at) else { break };
        path.push(part);
        at += 1;
    }
    let aliased = solid.get(at).is_some_and(|token| token.is("as"));
    let place = if aliased { at + 1 } else { at };
    let alias = name(place);
    let at = if alias.is_some() { place + 1 } else { at };
    Some((Named { path, alias }, at))
}

fn queries(solid: &[Token<'_>]) -> Vec<String> {
    let mut names = Vec::new();
    for group in solid.windows(4) {
        if let [before, name, r#as, open] = group
            && (before.is("with") || before.is("recursive") || before.text == ",")
            && matches!(name.kind, Kind::Word | Kind::Quoted)
            && r#as.is("as")
            && open.text == "("
        {
            names.push(name.name());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at the bar in a text.
    fn at(text: &str) -> Place {
        let (before, after) = text.split_once('|').unwrap_or((text, ""));
        look(&format!("{before}{after}"), before.len())
    }

    #[test]
    fn what_may_follow_is_known_by_what_stands_before() {
        use Wants::{Beginning, Databases, Keywords, Nothing, Tables, Values};
        for (text, wants) in [
            ("|", Beginning),
            ("sel|", Beginning),
            ("SELECT 1; se|", Beginning),
            ("SELECT |", Values),
            ("SELECT a, |", Values),
            ("SELECT * |", Keywords),
            ("SELECT a * |", Values),
            ("SELECT count(|", Values),
            ("SELECT a |", Keywords),
            ("SELECT a FROM |", Tables),
            ("SELECT a FROM cust|", Tables),
            ("SELECT a FROM t, |", Tables),
            ("SELECT a FROM t AS x, |", Tables),
            ("SELECT a FROM (SELECT f(b), c FROM d) AS s, |", Tables),
            ("SELECT a FROM t WHERE b IN (1, |", Values),
            ("SELECT a FROM t ORDER BY a, |", Values),
            ("SELECT a FROM t JOIN |", Tables),
            ("SELECT a FROM t JOIN u ON |", Values),
            ("SELECT a FROM t |", Keywords),
            ("SELECT a FROM t WHERE |", Values),
            ("SELECT extract(year FROM |", Values),
            ("SELECT a IS DISTINCT FROM |", Values),
            ("INSERT INTO |", Tables),
            ("INSERT INTO t (|", Values),
            ("DESCRIBE |", Tables),
            ("SHOW TABLES IN |", Databases),
            ("SHOW COLUMNS FROM |", Tables),
            ("SHOW CREATE TABLE |", Tables),
            ("SELECT 'fro|m'", Nothing),
            ("SELECT 'a|", Nothing),
            ("SELECT 1 -- fr|", Nothing),
            ("SELECT 12|", Nothing),
            ("SELECT a AS |", Keywords),
        ] {
            assert_eq!(at(text).wants, wants, "{text}");
        }
    }

    #[test]
    fn names_before_a_dot_and_what_is_typed_are_told_apart() {
        for (text, qualifiers, typed) in [
            ("SELECT c.ma|", vec!["c"], "ma"),
            ("SELECT Dataset.Customer.|", vec!["dataset", "customer"], ""),
            ("SELECT \"My T\".\"a|", vec!["My T"], "\"a"),
            ("SELECT ma|il FROM t", vec![], "ma"),
            ("SELECT 1 .x|", vec![], "x"),
        ] {
            let place = at(text);
            assert_eq!(
                (place.qualifiers, place.typed),
                (qualifiers.into_iter().map(str::to_owned).collect(), typed.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn tables_are_found_before_and_after_the_cursor() {
        let named = |path: &[&str], alias: Option<&str>| Named {
            path: path.iter().map(|name| (*name).to_owned()).collect(),
            alias: alias.map(str::to_owned),
        };
        for (text, tables) in [
            ("SELECT | FROM customer", vec![named(&["customer"], None)]),
            (
                "SELECT | FROM dataset.customer c JOIN \"Card\" AS k ON",
                vec![named(&["dataset", "customer"], Some("c")), named(&["Card"], Some("k"))],
            ),
            (
                "SELECT | FROM a, b x, c WHERE d",
                vec![named(&["a"], None), named(&["b"], Some("x")), named(&["c"], None)],
            ),
            ("SELECT | FROM (SELECT * FROM inner_t) s", vec![named(&["inner_t"], None)]),
            ("SELECT 1 FROM old; SELECT | FROM new; SELECT 2 FROM later", vec![named(&["new"], None)]),
            ("SELECT |", vec![]),
        ] {
            assert_eq!(at(text).tables, tables, "{text}");
        }
        assert_eq!(at("WITH a AS (SELECT 1), b AS (SELECT 2) SELECT |").queries, ["a", "b"]);
    }
}
