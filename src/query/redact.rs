//! Statements as the audit log keeps them: what was asked, without any value.
//!
//! This works on the tokens of the text as it was typed, not on its syntax tree. In the tree literals stand in dozens of
//! places besides expressions (limits, locations, options, `SET`, types, `COPY`), and a walk that misses one shows it.
//! Nor can a tree be printed and read again: a text with a backslash before a quote is printed in a form that ends
//! elsewhere. Tokens come in few kinds, and the tokenizer is the one that the engine's parser reads with.
//!
//! INVARIANT: what is not listed as harmless is hidden, and the result is read once more before it is given.

use datafusion::sql::parser::DFParser;
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer, Word};

use crate::engine::statement::own_spelling;
use crate::model::printable;

/// What stands for a value.
const HIDDEN: &str = "?";

/// What stands for a text that is no statement.
pub const UNREADABLE: &str = "unreadable statement";

/// The most characters of a statement that are kept, the mark of what is missing included.
const CHARACTERS_MAX: usize = 4_000;

/// The mark of what is missing.
const MORE: char = '…';

/// A statement without its values: every number, string and placeholder is `?`, lists of options are `(?)`, what
/// follows `SET name =` is `?`, and comments are gone. Names, quoted ones too, and TRUE, FALSE and NULL stay. At most
/// 4,000 characters.
///
/// A text that is not one statement may hold anything, even as bare words, and is [`UNREADABLE`].
pub fn redacted(statement: &str) -> String {
    let is_one = |parsed: &std::collections::VecDeque<_>| parsed.len() == 1;
    let generic =
        || DFParser::parse_sql_with_dialect(statement, &GenericDialect {}).is_ok_and(|parsed| is_one(&parsed));
    if !own_spelling(statement).is_ok_and(|own| own.is_some()) && !generic() {
        return UNREADABLE.to_owned();
    }
    match tokenize(statement).and_then(without_values) {
        Some(text) if holds_no_value(&text) => text,
        _ => UNREADABLE.to_owned(),
    }
}

fn tokenize(text: &str) -> Option<Vec<Token>> {
    Tokenizer::new(&GenericDialect {}, text).tokenize().ok()
}

/// The second net: reads what was written, which must have no token that should have been hidden.
fn holds_no_value(text: &str) -> bool {
    tokenize(text.trim_end_matches(MORE)).is_some_and(|tokens| {
        tokens.iter().all(|token| match token {
            Token::Placeholder(mark) => mark == HIDDEN,
            Token::Whitespace(space) => space.to_string() == " ",
            token => is_harmless(token),
        })
    })
}

/// What the last token was, as far as the next one depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Whitespace or a comment after a value.
    ValueAndSpace,
    /// A number. A word at its heels, as in `1_000`, belongs to it.
    Number,
    /// Another value.
    Value,
    /// A word after which a list of options may follow.
    BeforeOptions,
    /// Anything else.
    Other,
}

fn without_values(tokens: Vec<Token>) -> Option<String> {
    let is_set = tokens.iter().find(|token| !is_space(token)).is_some_and(|token| is_keyword(token, &["SET"]));
    let mut written = Written::default();
    let mut last = Last::Other;
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        last = match &token {
            Token::SemiColon => {
                written.more |= tokens.any(|token| !is_space(&token));
                break;
            }
            // No statement of ours has one outside a string: who wrote it had other strings in mind.
            Token::Backslash => return None,
            space if is_space(space) => {
                written.gap = true;
                if matches!(last, Last::Number | Last::Value) { Last::ValueAndSpace } else { last }
            }
            Token::Word(_) if last == Last::Number => last,
            Token::LParen if last != Last::Other => {
                skip_group(&mut tokens)?;
                written.push("(?)");
                Last::Other
            }
            token if is_set && sets(token) => {
                written.push(&shown(token));
                written.gap = true;
                written.push(HIDDEN);
                break;
            }
            token if is_harmless(token) => {
                written.push(&shown(token));
                if is_keyword(token, OPTIONS) { Last::BeforeOptions } else { Last::Other }
            }
            value => {
                written.push(HIDDEN);
                if matches!(value, Token::Number(..) | Token::HexStringLiteral(_)) { Last::Number } else { Last::Value }
            }
        };
        if written.more {
            break;
        }
    }
    Some(written.finish())
}

/// Words before a list of options in parentheses, whose names and values may be words. So are those after a value, as in
/// `COPY t TO 'place' (format csv)`.
const OPTIONS: &[&str] = &["OPTIONS", "WITH", "PROPERTIES", "TBLPROPERTIES", "DBPROPERTIES", "SERDEPROPERTIES"];

/// Whether the value of `SET` follows, which may be a word.
fn sets(token: &Token) -> bool {
    matches!(token, Token::Eq | Token::Assignment) || is_keyword(token, &["TO", "ZONE"])
}

fn is_keyword(token: &Token, keywords: &[&str]) -> bool {
    let Token::Word(Word { value, quote_style: None, .. }) = token else {
        return false;
    };
    keywords.iter().any(|keyword| keyword.eq_ignore_ascii_case(value))
}

fn is_space(token: &Token) -> bool {
    matches!(token, Token::Whitespace(_) | Token::EOF)
}

/// Skips to the end of a group in parentheses. `None` if there is none.
fn skip_group(tokens: &mut impl Iterator<Item = Token>) -> Option<()> {
    let mut depth = 1_usize;
    for token in tokens {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(());
        }
    }
    None
}

/// Whether a token holds no value: a name, a keyword, an operator or punctuation.
fn is_harmless(token: &Token) -> bool {
    use Token as T;
    matches!(
        token,
        T::Word(_)
            | T::Comma
            | T::DoubleEq
            | T::Eq
            | T::Neq
            | T::Lt
            | T::Gt
            | T::LtEq
            | T::GtEq
            | T::Spaceship
            | T::Plus
            | T::Minus
            | T::Mul
            | T::Div
            | T::Mod
            | T::StringConcat
            | T::LParen
            | T::RParen
            | T::LBracket
            | T::RBracket
            | T::LBrace
            | T::RBrace
            | T::Period
            | T::Colon
            | T::DoubleColon
            | T::Assignment
            | T::RArrow
            | T::Ampersand
            | T::Pipe
            | T::Caret
            | T::Tilde
            | T::TildeAsterisk
            | T::ExclamationMarkTilde
            | T::ExclamationMarkTildeAsterisk
            | T::ShiftLeft
            | T::ShiftRight
            | T::Arrow
            | T::LongArrow
            | T::AtArrow
            | T::ArrowAt
    )
}

/// A harmless token as it was typed, quotes inside quoted names doubled again.
fn shown(token: &Token) -> String {
    match token {
        Token::Word(Word { value, quote_style: Some(quote), .. }) => {
            let closing = if *quote == '[' { ']' } else { *quote };
            let doubled = value.replace(closing, &format!("{closing}{closing}"));
            format!("{quote}{}{closing}", printable(&doubled))
        }
        token => printable(&token.to_string()),
    }
}

/// The text as it comes out: one space where there was any, and none of a token that has no room.
#[derive(Default)]
struct Written {
    text: String,
    characters: usize,
    /// Whether there was whitespace, or a comment, after the last token.
    gap: bool,
    /// Whether something is missing at the end.
    more: bool,
}

impl Written {
    fn push(&mut self, piece: &str) {
        // What the reader of the original kept apart stays apart when a value between them shrinks to a mark.
        let sticks = |c: char| c.is_alphanumeric() || matches!(c, '_' | '?' | '"' | '`' | '@' | '#' | '$');
        let touches = self.text.ends_with(sticks) && piece.starts_with(sticks);
        let gap = (self.gap || touches) && !self.text.is_empty();
        let characters = piece.chars().count() + usize::from(gap);
        if self.more || self.characters + characters + 1 > CHARACTERS_MAX {
            self.more = true;
            return;
        }
        if gap {
            self.text.push(' ');
        }
        self.text.push_str(piece);
        self.characters += characters;
        self.gap = false;
    }

    fn finish(mut self) -> String {
        if self.more {
            self.text.push(MORE);
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_hidden_and_names_stay() {
        for (statement, wanted) in [
            ("SELECT a, 'x' AS b FROM t WHERE c=1", "SELECT a, ? AS b FROM t WHERE c=?"),
            ("select  \"First Name\",\n\tt.*  from shop.t", "select \"First Name\", t.* from shop.t"),
            ("SELECT \"a\"\"b\" FROM t", "SELECT \"a\"\"b\" FROM t"),
            ("SELECT a -- secret\nFROM/*secret*/t", "SELECT a FROM t"),
            ("SELECT a FROM t LIMIT 10 OFFSET 20", "SELECT a FROM t LIMIT ? OFFSET ?"),
            ("VALUES (1, 'x'), (2.5e10, NULL)", "VALUES (?, ?), (?, NULL)"),
            ("SELECT DATE '2020-01-01', INTERVAL '1 day'", "SELECT DATE ?, INTERVAL ?"),
            ("SELECT DATE'2020-01-01'", "SELECT DATE ?"),
            ("SELECT X'AB', 0xCD, N'x', E'a\\nb', U&'x', B'01', R'x'", "SELECT ?, ?, ?, ?, ?, ?, ?"),
            ("SELECT $$x$$, $a$x$a$, $1, ?", "SELECT ?, ?, ?, ?"),
            ("SELECT 1_000", "SELECT ?"),
            ("SELECT 'it''s' 'x'", "SELECT ? ?"),
            ("SELECT a::VARCHAR(20)||'x'", "SELECT a::VARCHAR(?)||?"),
            ("SELECT 1-1, 2 - -3", "SELECT ?-?, ? - -?"),
            ("SELECT a FROM t WHERE b IN ('x','y') AND NOT c", "SELECT a FROM t WHERE b IN (?,?) AND NOT c"),
            ("SELECT a FROM t WHERE b LIKE '%x\\%' ESCAPE '\\';", "SELECT a FROM t WHERE b LIKE ? ESCAPE ?"),
            ("WITH x (a, b) AS (SELECT 1, 2) SELECT a FROM x", "WITH x (a, b) AS (SELECT ?, ?) SELECT a FROM x"),
            ("SET datafusion.execution.batch_size = 10", "SET datafusion.execution.batch_size = ?"),
            ("SET a.b TO secret", "SET a.b TO ?"),
            ("SET TIME ZONE secret", "SET TIME ZONE ?"),
            ("RESET datafusion.execution.batch_size", "RESET datafusion.execution.batch_size"),
            (
                "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 's3://b/secret' OPTIONS (secret secret, 'a' 'b')",
                "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION ? OPTIONS (?)",
            ),
            (
                "COPY (SELECT 1) TO 's3://b' STORED AS CSV OPTIONS(a secret)",
                "COPY (SELECT ?) TO ? STORED AS CSV OPTIONS(?)",
            ),
            ("CREATE TABLE t WITH (secret = 'x') AS SELECT a FROM s", "CREATE TABLE t WITH (?) AS SELECT a FROM s"),
            ("UNLOAD (SELECT a FROM t) TO 's3://b/' WITH (format = 'x')", "UNLOAD (SELECT a FROM t) TO ? WITH (?)"),
            (
                "PREPARE p FROM SELECT a FROM t WHERE b = ? AND c = 'x'",
                "PREPARE p FROM SELECT a FROM t WHERE b = ? AND c = ?",
            ),
            ("EXECUTE p USING 1, 'x'", "EXECUTE p USING ?, ?"),
            ("SHOW PARTITIONS a.t", "SHOW PARTITIONS a.t"),
            (
                "CREATE EXTERNAL TABLE t (a struct<b:int>) ROW FORMAT SERDE 'x.JsonSerDe' LOCATION 's3://b/secret' \
                 TBLPROPERTIES ('skip.header.line.count'='0')",
                "CREATE EXTERNAL TABLE t (a struct<b:int>) ROW FORMAT SERDE ? LOCATION ? TBLPROPERTIES (?)",
            ),
            ("EXPLAIN SELECT a FROM t WHERE b = 'x'", "EXPLAIN SELECT a FROM t WHERE b = ?"),
            ("UPDATE t SET a = 'x' WHERE b = 1", "UPDATE t SET a = ? WHERE b = ?"),
        ] {
            assert_eq!(redacted(statement), wanted, "{statement}");
        }
    }

    #[test]
    fn what_is_not_one_statement_is_not_kept() {
        for text in
            ["", "  ", "Anna Schmidt", "SELECT 'open", "SELECT 1; SELECT 2", "SELECT a \\ b", "SELECT 1 /* open"]
        {
            assert_eq!(redacted(text), UNREADABLE, "{text}");
        }
    }

    /// A text that an SQL printer would give back in a form that ends elsewhere.
    #[test]
    fn a_backslash_before_a_quote_hides_nothing_else() {
        assert_eq!(redacted("SELECT 'a\\'' secret '' x', b FROM t"), "SELECT ?, b FROM t");
    }

    #[test]
    fn long_statements_are_cut_between_tokens() {
        let columns: Vec<String> = (0..2_000).map(|number| format!("\"column {number}\"")).collect();
        let text = redacted(&format!("SELECT {} FROM t", columns.join(", ")));
        assert!(text.chars().count() <= 4_000 && text.chars().count() > 3_900, "{}", text.chars().count());
        assert!(text.ends_with('…') && text.starts_with("SELECT \"column 0\", "), "{text}");
        let whole = format!("SELECT {}", "ä".repeat(3_990));
        assert_eq!(redacted(&whole), whole);
        assert_eq!(redacted(&format!("SELECT {}", "ä".repeat(4_000))), "SELECT…");
    }

    #[test]
    fn a_name_cannot_move_a_terminal_or_start_a_line() {
        let text = redacted("SELECT \"a\u{1b}[2J\nb\" FROM t");
        assert!(!text.contains(char::is_control), "{text:?}");
    }

    /// A number and a text that appear in a statement only as values.
    const NUMBER: &str = "8675309";
    const TEXT: &str = "canary";

    /// What a value may look like.
    const FORMS: &[&str] = &[
        "'canary'",
        "'it''s a canary'",
        "'\\canary\\'",
        "E'\\'canary'",
        "N'canary'",
        "U&'canary'",
        "B'canary'",
        "R'canary'",
        "X'8675309A'",
        "0x8675309",
        "8675309",
        "8675309.5",
        "8675309e3",
        "0.8675309",
        "$$canary$$",
        "$a$canary$a$",
        "DATE 'canary'",
        "TIMESTAMP 'canary'",
        "INTERVAL '8675309' DAY",
        "INTERVAL 'canary'",
        "-8675309",
        "8675309_canary",
        "CAST('canary' AS VARCHAR(8675309))",
        "f('canary', 8675309)",
        "ARRAY['canary']",
        "{a: 'canary'}",
        "CASE WHEN a = 'canary' THEN 8675309 END",
        "a IN ('canary', 8675309)",
        "a LIKE 'canary%' ESCAPE '\\'",
        "a /* canary */",
        "a -- canary 8675309\n",
        "'canary'::text",
        "$8675309",
        "(SELECT 'canary' LIMIT 8675309)",
        "a BETWEEN 'canary' AND 8675309",
        "a ~ 'canary'",
        "a[8675309]",
        "EXTRACT(DAY FROM DATE 'canary')",
        "SUBSTRING(a FROM 8675309)",
        "count(*) FILTER (WHERE a = 'canary')",
    ];

    /// Statements with places for values.
    const SHAPES: &[&str] = &[
        "SELECT # AS x, # FROM t WHERE # = # LIMIT 8675309",
        "SELECT # FROM t JOIN u ON # = t.a GROUP BY # HAVING # > # ORDER BY # LIMIT 8675309 OFFSET 8675309",
        "VALUES (#, #), (#, 'canary')",
        "WITH c AS (SELECT # FROM t) SELECT # FROM c UNION ALL SELECT #",
        "EXPLAIN SELECT # FROM t",
        "CREATE TABLE r WITH (format = 'canary', canary = canary) AS SELECT # FROM t",
        "UNLOAD (SELECT # FROM t) TO 's3://canary/' WITH (format = 'canary', partitioned_by = ARRAY['canary'])",
        "COPY (SELECT # FROM t) TO 'canary' STORED AS CSV OPTIONS ('canary' 'canary', canary canary, x 8675309)",
        "CREATE EXTERNAL TABLE r STORED AS CSV LOCATION 'canary' OPTIONS (canary canary, 'canary' 8675309)",
        "SET datafusion.execution.target_partitions = canary",
        "SET datafusion.execution.target_partitions TO 'canary'",
        "INSERT INTO t VALUES (#, 'canary')",
        "UPDATE t SET a = #, b = 'canary' WHERE #",
        "SELECT f(a => #) OVER (PARTITION BY # ORDER BY # ROWS BETWEEN 8675309 PRECEDING AND CURRENT ROW) FROM t",
        "SELECT a FROM 'canary'",
        "SHOW TABLES LIKE 'canary'",
    ];

    fn value() -> impl Strategy<Value = String> {
        prop::sample::select(FORMS).prop_map(str::to_owned)
    }

    fn statement() -> impl Strategy<Value = String> {
        let values = proptest::collection::vec(value(), 8);
        (prop::sample::select(SHAPES), values).prop_map(|(shape, values)| {
            let mut values = values.iter().cycle();
            shape.split_inclusive('#').fold(String::new(), |text, part| match part.strip_suffix('#') {
                Some(before) => format!("{text}{before}{}", values.next().cloned().unwrap_or_default()),
                None => text + part,
            })
        })
    }

    /// The property below would hold of anything that is not understood.
    #[test]
    fn every_form_is_understood() {
        let forms = FORMS.iter().map(|form| format!("SELECT {form} FROM t"));
        let shapes = SHAPES.iter().map(|shape| shape.replace('#', "'canary'"));
        let lost: Vec<_> = forms.chain(shapes).filter(|statement| redacted(statement) == UNREADABLE).collect();
        assert_eq!(lost, [""; 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_value_of_any_statement_is_shown(statement in statement()) {
            let text = redacted(&statement);
            prop_assert!(!text.contains(TEXT) && !text.contains(NUMBER), "{statement}\n{text}");
            prop_assert!(text == UNREADABLE || holds_no_value(&text));
        }

        /// Also where no parser would understand it.
        #[test]
        fn no_value_among_any_tokens_is_shown(
            pieces in proptest::collection::vec(prop_oneof![
                value(), "[a-zA-Z_]{1,4}", "\"[^\"\\p{Cc}]{0,4}\"", "[-+*/=<>!~|&^%#@:.,()\\[\\]{}?;]{1,3}", "[0-9]{1,3}",
            ], 0..20),
        ) {
            let statement = pieces.join(" ");
            // A comment that swallows a quote, and with it the meaning of all others, is another statement. So is a pair
            // of dollar signs, which is therefore no piece of its own.
            prop_assume!(!statement.contains("/*") && !statement.replace("-- canary", "").contains("--"));
            if let Some(text) = tokenize(&statement).and_then(without_values) {
                prop_assert!(!text.contains(TEXT) && !text.contains(NUMBER), "{statement}\n{text}");
                prop_assert!(holds_no_value(&text), "{statement}\n{text}");
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let text = redacted(&text);
            prop_assert!(text.chars().count() <= CHARACTERS_MAX);
        }
    }
}
