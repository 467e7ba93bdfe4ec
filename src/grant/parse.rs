//! The text of a row filter, read by the documented grammar and nothing beyond it.
//!
//! SQL parsers know a thousand words that are plain column names here, and many expressions that must not pass. So this
//! reads the grammar itself: comparisons, BETWEEN, IN, LIKE, IS NULL, joined by AND, OR, NOT and parentheses.

use std::iter::Peekable;
use std::str::CharIndices;

use super::filter::{Field, Literal, Operator, Predicate};

/// How many characters a filter may have.
pub const CHARACTERS_MAX: usize = 2048;

/// How deep NOT and parentheses may nest.
pub const DEPTH_MAX: usize = 64;

/// How many names a dotted name may have: a column and the fields below it.
const NAMES_MAX: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// An unquoted name or a keyword.
    Word(String),
    /// A name in double quotes.
    Quoted(String),
    /// A text in single quotes.
    Text(String),
    /// Digits without a sign.
    Number(String),
    /// A comparison, a parenthesis, a comma, a dot, a sign.
    Mark(&'static str),
}

/// Reads a filter.
pub(super) fn parse(text: &str) -> Result<Predicate, String> {
    if text.chars().count() > CHARACTERS_MAX {
        return Err(format!("the row filter is longer than {CHARACTERS_MAX} characters"));
    }
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Err("the row filter is empty".to_owned());
    }
    let mut parser = Parser { tokens, at: 0 };
    let predicate = parser.alternatives(0)?;
    match parser.peek() {
        None => Ok(predicate),
        Some(_) => Err(parser.unexpected("AND, OR or the end")),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some(&(at, c)) = chars.peek() {
        if c.is_whitespace() {
            chars.next();
        } else if c == '\'' || c == '"' {
            chars.next();
            let inside = quoted(&mut chars, c)
                .ok_or_else(|| format!("the quote at character {} is not closed", place(text, at)))?;
            if c == '"' && inside.is_empty() {
                return Err("a quoted name is empty".to_owned());
            }
            tokens.push(if c == '"' { Token::Quoted(inside) } else { Token::Text(inside) });
        } else if c.is_ascii_digit() || (c == '.' && begins_fraction(text, at, tokens.last())) {
            tokens.push(Token::Number(number(text, &mut chars)?));
        } else if c.is_alphabetic() || c == '_' {
            let word = while_some(&mut chars, |c| c.is_alphanumeric() || c == '_' || c == '$');
            tokens.push(Token::Word(word));
        } else {
            tokens.push(mark(text, at, &mut chars)?);
        }
    }
    Ok(tokens)
}

/// A character's place for people, who count from one.
fn place(text: &str, at: usize) -> usize {
    text.get(..at).map_or(0, |before| before.chars().count()) + 1
}

fn while_some(chars: &mut Peekable<CharIndices<'_>>, wanted: impl Fn(char) -> bool) -> String {
    let mut out = String::new();
    while let Some((_, c)) = chars.next_if(|(_, c)| wanted(*c)) {
        out.push(c);
    }
    out
}

/// What is inside quotes, where a doubled quote stands for one. `None` if they are not closed.
fn quoted(chars: &mut Peekable<CharIndices<'_>>, quote: char) -> Option<String> {
    let mut out = String::new();
    loop {
        let (_, c) = chars.next()?;
        if c != quote {
            out.push(c);
        } else if chars.next_if(|(_, c)| *c == quote).is_some() {
            out.push(quote);
        } else {
            return Some(out);
        }
    }
}

/// Whether a dot begins a number such as `.5` and not a field's name.
fn begins_fraction(text: &str, at: usize, before: Option<&Token>) -> bool {
    let digit = text.get(at + 1..).and_then(|rest| rest.chars().next()).is_some_and(|c| c.is_ascii_digit());
    digit && !matches!(before, Some(Token::Word(_) | Token::Quoted(_)))
}

fn number(text: &str, chars: &mut Peekable<CharIndices<'_>>) -> Result<String, String> {
    let mut digits = while_some(chars, |c| c.is_ascii_digit());
    if digits.is_empty() {
        digits.push('0');
    }
    if chars.next_if(|(_, c)| *c == '.').is_some() {
        let fraction = while_some(chars, |c| c.is_ascii_digit());
        if !fraction.is_empty() {
            digits = format!("{digits}.{fraction}");
        }
    }
    if chars.next_if(|(_, c)| *c == 'e' || *c == 'E').is_some() {
        let sign = chars.next_if(|(_, c)| *c == '-' || *c == '+').map_or("", |(_, c)| if c == '-' { "-" } else { "" });
        let exponent = while_some(chars, |c| c.is_ascii_digit());
        if exponent.is_empty() || exponent.len() > 3 {
            return Err("a number has no usable exponent".to_owned());
        }
        digits = format!("{digits}e{sign}{exponent}");
    }
    match chars.peek() {
        Some((at, c)) if c.is_alphanumeric() || matches!(c, '_' | '.') => {
            Err(format!("character {} does not belong to a number", place(text, *at)))
        }
        _ => Ok(digits),
    }
}

fn mark(text: &str, at: usize, chars: &mut Peekable<CharIndices<'_>>) -> Result<Token, String> {
    const MARKS: [&str; 13] = ["<=", ">=", "<>", "!=", "=", "<", ">", "(", ")", ",", ".", "-", "+"];
    let rest = text.get(at..).unwrap_or_default();
    let found = MARKS.into_iter().find(|mark| rest.starts_with(mark));
    let mark = found.ok_or_else(|| format!("character {} has no meaning in a row filter", place(text, at)))?;
    for _ in mark.chars() {
        chars.next();
    }
    Ok(Token::Mark(mark))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

/// Words that are not names unless quoted.
const KEYWORDS: [&str; 10] = ["and", "or", "not", "between", "in", "like", "is", "null", "true", "false"];

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// What was expected instead. Says where by counting words, since a literal must not be quoted.
    fn unexpected(&self, wanted: &str) -> String {
        match self.peek() {
            None => format!("the row filter ends where {wanted} was expected"),
            Some(Token::Word(word)) if KEYWORDS.contains(&word.to_lowercase().as_str()) => {
                format!("the row filter has {} where {wanted} was expected", word.to_uppercase())
            }
            Some(_) => format!("the row filter is not understood at its word {}: {wanted} was expected", self.at + 1),
        }
    }

    fn at_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.at_keyword(keyword);
        self.at += usize::from(found);
        found
    }

    fn take_mark(&mut self, mark: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Mark(found)) if *found == mark);
        self.at += usize::from(found);
        found
    }

    fn require(&mut self, found: bool, wanted: &str) -> Result<(), String> {
        if found { Ok(()) } else { Err(self.unexpected(wanted)) }
    }

    fn alternatives(&mut self, depth: usize) -> Result<Predicate, String> {
        let mut parts = vec![self.conditions(depth)?];
        while self.take_keyword("or") {
            parts.push(self.conditions(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Predicate::Or(parts) })
    }

    fn conditions(&mut self, depth: usize) -> Result<Predicate, String> {
        let mut parts = vec![self.factor(depth)?];
        while self.take_keyword("and") {
            parts.push(self.factor(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Predicate::And(parts) })
    }

    fn factor(&mut self, depth: usize) -> Result<Predicate, String> {
        if depth >= DEPTH_MAX {
            return Err(format!("the row filter nests deeper than {DEPTH_MAX}"));
        }
        if self.take_keyword("not") {
            return Ok(Predicate::Not(Box::new(self.factor(depth + 1)?)));
        }
        if self.take_mark("(") {
            let inner = self.alternatives(depth + 1)?;
            let closed = self.take_mark(")");
            self.require(closed, "a closing parenthesis")?;
            return Ok(inner);
        }
        if self.take_keyword("true") {
            return Ok(Predicate::True);
        }
        if self.take_keyword("false") {
            return Ok(Predicate::False);
        }
        let field = self.field()?;
        self.simple(field)
    }

    fn field(&mut self) -> Result<Field, String> {
        let mut names = vec![self.name()?];
        while self.take_mark(".") {
            names.push(self.name()?);
        }
        if names.len() > NAMES_MAX {
            return Err(format!("a name has more than {NAMES_MAX} parts"));
        }
        Ok(Field(names))
    }

    fn name(&mut self) -> Result<String, String> {
        match self.peek() {
            Some(Token::Quoted(_)) => {}
            Some(Token::Word(word)) if !KEYWORDS.contains(&word.to_lowercase().as_str()) => {}
            _ => return Err(self.unexpected("a column's name")),
        }
        match self.next() {
            Some(Token::Quoted(name) | Token::Word(name)) => Ok(name),
            _ => Err(self.unexpected("a column's name")),
        }
    }

    /// What is said about a column.
    fn simple(&mut self, field: Field) -> Result<Predicate, String> {
        if let Some(operator) = self.operator() {
            return Ok(Predicate::Compare { field, operator, literal: self.literal()? });
        }
        if self.take_keyword("is") {
            let negated = self.take_keyword("not");
            let null = self.take_keyword("null");
            self.require(null, "NULL")?;
            return Ok(Predicate::IsNull { field, negated });
        }
        let negated = self.take_keyword("not");
        if self.take_keyword("between") {
            let low = self.literal()?;
            let and = self.take_keyword("and");
            self.require(and, "AND")?;
            return Ok(Predicate::Between { field, low, high: self.literal()?, negated });
        }
        if self.take_keyword("in") {
            return Ok(Predicate::In { field, list: self.list()?, negated });
        }
        if self.take_keyword("like") {
            return match self.literal()? {
                Literal::Text(pattern) => Ok(Predicate::Like { field, pattern, negated }),
                _ => Err("LIKE needs a text".to_owned()),
            };
        }
        Err(self.unexpected("a comparison, BETWEEN, IN, LIKE or IS"))
    }

    fn operator(&mut self) -> Option<Operator> {
        let Some(Token::Mark(mark)) = self.peek() else { return None };
        let operator = match *mark {
            "=" => Operator::Equal,
            "<>" | "!=" => Operator::NotEqual,
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            _ => return None,
        };
        self.at += 1;
        Some(operator)
    }

    fn list(&mut self) -> Result<Vec<Literal>, String> {
        let open = self.take_mark("(");
        self.require(open, "a list in parentheses")?;
        let mut list = vec![self.literal()?];
        while self.take_mark(",") {
            list.push(self.literal()?);
        }
        let closed = self.take_mark(")");
        self.require(closed, "a comma or a closing parenthesis")?;
        Ok(list)
    }

    fn literal(&mut self) -> Result<Literal, String> {
        let wanted = "a text, a number, TRUE or FALSE";
        let minus = self.take_mark("-");
        if minus || self.take_mark("+") {
            return match self.next() {
                Some(Token::Number(digits)) if minus => Ok(Literal::Number(format!("-{digits}"))),
                Some(Token::Number(digits)) => Ok(Literal::Number(digits)),
                _ => Err("a sign stands before something that is not a number".to_owned()),
            };
        }
        if self.take_keyword("true") {
            return Ok(Literal::Boolean(true));
        }
        if self.take_keyword("false") {
            return Ok(Literal::Boolean(false));
        }
        match self.peek() {
            Some(Token::Text(_) | Token::Number(_)) => {}
            _ => return Err(self.unexpected(wanted)),
        }
        match self.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(text)),
            Some(Token::Number(digits)) => Ok(Literal::Number(digits)),
            _ => Err(self.unexpected(wanted)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_documented_grammar_is_read() {
        let cases = [
            ("country='DE'", r#""country" = 'DE'"#),
            ("country <> 'DE'", r#""country" <> 'DE'"#),
            ("country!='DE'", r#""country" <> 'DE'"#),
            ("age>=-18", r#""age" >= -18"#),
            ("price < .5 or price > 1.50E3", r#""price" < 0.5 OR "price" > 1.50e3"#),
            ("age between 18 and 65 and active = true", r#""age" BETWEEN 18 AND 65 AND "active" = TRUE"#),
            ("age NOT BETWEEN 1 AND 2", r#""age" NOT BETWEEN 1 AND 2"#),
            ("country In ('DE' , 'FR')", r#""country" IN ('DE', 'FR')"#),
            ("country not in ('DE')", r#""country" NOT IN ('DE')"#),
            ("name LIKE '%it_d%'", r#""name" LIKE '%it_d%'"#),
            ("name not like 'A%'", r#""name" NOT LIKE 'A%'"#),
            ("name IS NULL or name is not null", r#""name" IS NULL OR "name" IS NOT NULL"#),
            ("customer.customerName <> 'John'", r#""customer"."customerName" <> 'John'"#),
            (r#""first"."a ""b""" = 'it''s'"#, r#""first"."a ""b""" = 'it''s'"#),
            ("TRUE", "TRUE"),
            ("(c IN ('DE','FR') and (year > 2010)) or (c like '%ited%')", {
                r#"("c" IN ('DE', 'FR') AND "year" > 2010) OR "c" LIKE '%ited%'"#
            }),
            ("not a = 1 and b = 2", r#"NOT ("a" = 1) AND "b" = 2"#),
            ("NOT (a = 1 OR b = 2)", r#"NOT ("a" = 1 OR "b" = 2)"#),
            ("date > '2020-01-01' AND user = 'x' AND position = 1", {
                r#""date" > '2020-01-01' AND "user" = 'x' AND "position" = 1"#
            }),
            ("größe = 'ß'", r#""größe" = 'ß'"#),
        ];
        for (text, sql) in cases {
            let predicate = Predicate::parse(text).unwrap_or_else(|reason| panic!("{text}: {reason}"));
            assert_eq!(predicate.to_sql(), sql, "{text}");
            assert_eq!(Predicate::parse(sql).unwrap(), predicate, "{sql}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_reason_that_quotes_no_literal() {
        let cases = [
            "",
            "  ",
            "a",
            "a =",
            "a = b",
            "'x' = a",
            "1 = 1",
            "a = lower('geheim')",
            "lower(a) = 'geheim'",
            "a = 'geheim",
            "a = 'geheim' extra",
            "a = (SELECT 1)",
            "a IN (SELECT b FROM t)",
            "a IN ()",
            "a IN 'geheim'",
            "a LIKE 'geheim' ESCAPE '!'",
            "a LIKE 5",
            "a = NULL",
            "a IS TRUE",
            "a + 1 = 2",
            "a = 1; DROP TABLE t",
            "a = 1 -- b",
            "a = 1 /* b */",
            "a = DATE '2020-01-01'",
            "a[1] = 1",
            "a..b = 1",
            "\"\" = 1",
            "a = 1_000",
            "a = 1e",
            "a = 0x10",
            "a = 1.2.3",
            "a = - 'geheim'",
            "and = 1",
            "(a = 1",
            "a = 1)",
            "a = $$geheim$$",
            "a == 1",
            "a BETWEEN 1 OR 2",
            "not",
        ];
        for text in cases {
            let reason = Predicate::parse(text).err().unwrap_or_else(|| panic!("{text} was read"));
            assert!(!reason.contains("geheim"), "{reason}");
        }
    }

    #[test]
    fn length_and_depth_are_bounded() {
        let long = format!("a = '{}'", "x".repeat(CHARACTERS_MAX));
        assert!(Predicate::parse(&long).unwrap_err().contains("longer than 2048"));
        let deep = format!("{}a = 1{}", "(".repeat(900), ")".repeat(900));
        assert!(Predicate::parse(&deep).unwrap_err().contains("nests deeper"));
        assert!(Predicate::parse(&format!("{}a = 1", "NOT ".repeat(500))).unwrap_err().contains("nests deeper"));
        let wide = vec!["a=1"; 400].join(" OR ");
        assert!(Predicate::parse(&wide.replace(" OR ", "OR ")).is_err());
        assert!(Predicate::parse(&vec!["a=1"; 250].join(" or ")).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = Predicate::parse(&text);
        }

        #[test]
        fn what_is_read_reads_back(text in "(a|b\\.c|\"x y\"|NOT |\\(|\\)|=|<>|<|'it''s'|'é'|1|-2\\.5|TRUE|IN|LIKE|BETWEEN|AND|OR|IS|NULL|,| ){0,14}") {
            if let Ok(predicate) = Predicate::parse(&text) {
                prop_assert_eq!(Predicate::parse(&predicate.to_sql()), Ok(predicate));
            }
        }
    }
}
