//! The paths of Macie's record locations: `JSONPath` as Macie writes it, read tolerantly.
//!
//! ```text
//! path  = "$" step*
//! step  = "." name | name (right after "]") | "[" digits "]" | "[*]" | ".*" | "['" quoted "']" | "[\"" quoted "\"]"
//!       | ".." (right after "$": the leading steps were cut)
//! name  = one or more characters other than . [ ]
//! ```
//!
//! A quoted name ends at its quote followed by `]`. Inside it `\'`, `\"`, `\\` and a doubled quote stand for one
//! character; how Macie escapes is not documented, so any other backslash or quote stands for itself.

/// A path, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonPath {
    /// The whole path, from the record down.
    Whole(Vec<Step>),
    /// `$..a.b`: the last steps of a path whose leading steps Macie cut. Not recursive descent.
    Suffix(Vec<Step>),
    /// No path.
    Absent,
    /// Something else.
    Unreadable,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A named element.
    Name(String),
    /// The end of a name whose beginning Macie cut and replaced by `...`.
    NameEnd(String),
    /// An element of an array; `None` for any.
    Index(Option<u64>),
    /// Any named element: `.*`.
    AnyName,
}

/// What Macie puts in place of the beginning of a long name.
const CUT: &str = "...";

/// Reads a path. Total: every text gives some [`JsonPath`].
pub fn parse(text: &str) -> JsonPath {
    if text.is_empty() {
        return JsonPath::Absent;
    }
    let Some(rest) = text.strip_prefix('$') else {
        return JsonPath::Unreadable;
    };
    match rest.strip_prefix("..") {
        Some(rest) => match steps(rest, true) {
            Some(steps) if !steps.is_empty() => JsonPath::Suffix(steps),
            _ => JsonPath::Unreadable,
        },
        None => steps(rest, false).map_or(JsonPath::Unreadable, JsonPath::Whole),
    }
}

/// Reads steps to the end of the text. `bare`: whether a name may stand here without its dot.
fn steps(mut rest: &str, mut bare: bool) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = if let Some(inside) = rest.strip_prefix('[') {
            bare = true;
            bracket(inside)?
        } else {
            let name = match rest.strip_prefix('.') {
                Some(name) => name,
                None if bare => rest,
                None => return None,
            };
            bare = false;
            plain(name)?
        };
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

/// A name up to the next dot or bracket.
fn plain(text: &str) -> Option<(Step, &str)> {
    let end = text.find(['.', '[', ']']).unwrap_or(text.len());
    let (name, after) = text.split_at_checked(end)?;
    match name {
        "" => None,
        "*" => Some((Step::AnyName, after)),
        _ => Some((Step::Name(name.to_owned()), after)),
    }
}

/// What follows a `[`.
fn bracket(text: &str) -> Option<(Step, &str)> {
    if let Some(after) = text.strip_prefix("*]") {
        return Some((Step::Index(None), after));
    }
    if let Some(quote @ ('\'' | '"')) = text.chars().next() {
        return quoted(text.split_at_checked(1)?.1, quote);
    }
    let (digits, after) = text.split_once(']')?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // An index too large for a number is still an index: which one does not matter.
    Some((Step::Index(digits.parse().ok()), after))
}

/// What follows an opening quote.
fn quoted(text: &str, quote: char) -> Option<(Step, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let mut chars = rest.chars();
        let c = chars.next()?;
        rest = chars.as_str();
        if c == quote {
            if let Some(after) = rest.strip_prefix(']') {
                return Some((named(name), after));
            }
            // A doubled quote is one, unless the second one is the end: then the first stood for itself.
            if let Some(after) = rest.strip_prefix(quote)
                && !after.starts_with(']')
            {
                rest = after;
            }
            name.push(c);
        } else if c == '\\' {
            let escaped = rest
                .chars()
                .next()
                .filter(|next| matches!(next, '\'' | '"' | '\\'));
            // `\']` may be a name that ends in a backslash; it is, if no other end follows.
            match escaped {
                Some(next)
                    if next != quote || rest.get(1..).is_some_and(|after| ends(after, quote)) =>
                {
                    name.push(next);
                    rest = rest.get(1..)?;
                }
                _ => name.push(c),
            }
        } else {
            name.push(c);
        }
    }
}

/// Whether a quoted name can still end in `text`.
fn ends(text: &str, quote: char) -> bool {
    text.match_indices(quote).any(|(at, _)| {
        text.get(at + 1..)
            .is_some_and(|after| after.starts_with(']'))
    })
}

fn named(name: String) -> Step {
    match name.strip_prefix(CUT) {
        Some(end) if !end.is_empty() => Step::NameEnd(end.to_owned()),
        _ => Step::Name(name),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Step {
        Step::Name(text.to_owned())
    }

    fn end(text: &str) -> Step {
        Step::NameEnd(text.to_owned())
    }

    #[test]
    fn every_documented_form_is_read() {
        let index = |index| Step::Index(Some(index));
        let cases: Vec<(&str, JsonPath)> = vec![
            ("$", JsonPath::Whole(vec![])),
            ("$.SSN", JsonPath::Whole(vec![name("SSN")])),
            ("$['abc']", JsonPath::Whole(vec![name("abc")])),
            ("$[\"abc\"]", JsonPath::Whole(vec![name("abc")])),
            (
                "$[0]['Card Number']",
                JsonPath::Whole(vec![index(0), name("Card Number")]),
            ),
            ("$[6].CVV", JsonPath::Whole(vec![index(6), name("CVV")])),
            (
                "$.access.key[2]",
                JsonPath::Whole(vec![name("access"), name("key"), index(2)]),
            ),
            (
                "$.credentials.aws.key",
                JsonPath::Whole(vec![name("credentials"), name("aws"), name("key")]),
            ),
            (
                "$['1234567890']usssn1.usssn2['abc']",
                JsonPath::Whole(vec![
                    name("1234567890"),
                    name("usssn1"),
                    name("usssn2"),
                    name("abc"),
                ]),
            ),
            ("$['...uvwxyz']", JsonPath::Whole(vec![end("uvwxyz")])),
            (
                "$..usssn2.usssn3['x']",
                JsonPath::Suffix(vec![name("usssn2"), name("usssn3"), name("x")]),
            ),
            ("$..['x'].y", JsonPath::Suffix(vec![name("x"), name("y")])),
            ("$..[3].y", JsonPath::Suffix(vec![index(3), name("y")])),
            ("$['a.b'].c", JsonPath::Whole(vec![name("a.b"), name("c")])),
            (
                "$.a[*].b",
                JsonPath::Whole(vec![name("a"), Step::Index(None), name("b")]),
            ),
            ("$.*", JsonPath::Whole(vec![Step::AnyName])),
            (
                "$.tags.list[0].element",
                JsonPath::Whole(vec![name("tags"), name("list"), index(0), name("element")]),
            ),
            ("$.maiden name", JsonPath::Whole(vec![name("maiden name")])),
            ("$['it''s']", JsonPath::Whole(vec![name("it's")])),
            (r"$['it\'s']", JsonPath::Whole(vec![name("it's")])),
            ("$['it's']", JsonPath::Whole(vec![name("it's")])),
            ("$['its'']", JsonPath::Whole(vec![name("its'")])),
            (r"$['a\']", JsonPath::Whole(vec![name(r"a\")])),
            (r"$['a\\b']", JsonPath::Whole(vec![name(r"a\b")])),
            (r"$['a\b']", JsonPath::Whole(vec![name(r"a\b")])),
            ("$['...']", JsonPath::Whole(vec![name("...")])),
            (
                "$[99999999999999999999999].a",
                JsonPath::Whole(vec![Step::Index(None), name("a")]),
            ),
            ("", JsonPath::Absent),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_unreadable() {
        for text in [
            "SSN",
            ".SSN",
            "$SSN",
            "$.",
            "$..",
            "$...",
            "$....abc",
            "$.a..b",
            "$.a.",
            "$[",
            "$[]",
            "$[1",
            "$[-1]",
            "$[a]",
            "$['a'",
            "$['a",
            "$['",
            "$['a\"]",
            "$.a]",
            "$.a]b",
            "$[1,2]",
            "$[?(@.a)]",
            "$$",
            "\u{feff}$.a",
            " $.a",
        ] {
            assert_eq!(parse(text), JsonPath::Unreadable, "{text}");
        }
    }

    /// Writes a step in one of its forms.
    fn write(step: &Step, style: u8) -> String {
        let quote = |name: &str| match style % 3 {
            0 => format!("['{}']", name.replace('\\', r"\\").replace('\'', r"\'")),
            1 => format!("[\"{}\"]", name.replace('\\', r"\\").replace('"', r#"\""#)),
            _ => format!("['{}']", name.replace('\\', r"\\").replace('\'', "''")),
        };
        match step {
            Step::Name(name) if style > 8 && !name.contains(['.', '[', ']']) && name != "*" => {
                format!(".{name}")
            }
            Step::Name(name) => quote(name),
            Step::NameEnd(name) => quote(&format!("...{name}")),
            Step::Index(Some(index)) => format!("[{index}]"),
            Step::Index(None) => "[*]".to_owned(),
            Step::AnyName => ".*".to_owned(),
        }
    }

    fn a_name() -> impl Strategy<Value = String> {
        // Without the one pair of characters that ends a quoted name whatever stands before it, and without names that
        // end in a quote or begin with the cut marker: both are ambiguous in Macie's grammar.
        prop_oneof![
            "[a-zA-Z_][a-zA-Z0-9_]{0,8}",
            "[a-z .$*'\"\\\\\u{e9}\u{1f600}-]{0,6}[a-z\u{e9}]"
        ]
        .prop_filter("cut marker", |name| !name.starts_with(CUT))
    }

    fn a_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => a_name().prop_map(Step::Name),
            1 => a_name().prop_map(Step::NameEnd),
            1 => proptest::option::of(any::<u64>()).prop_map(Step::Index),
            1 => Just(Step::AnyName),
        ]
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in any::<String>()) {
            let _ = parse(&text);
            let _ = parse(&format!("${text}"));
        }

        #[test]
        fn any_text_of_the_alphabet_is_read_without_panic(text in r#"\$[\$\.\[\]'"\\\*0-9a\u{e9}]{0,24}"#) {
            let _ = parse(&text);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn what_is_written_is_read_back(
            steps in proptest::collection::vec((a_step(), 0u8..16), 1..6),
            cut in any::<bool>(),
        ) {
            let mut text = String::new();
            for (step, style) in &steps {
                text.push_str(&write(step, *style));
            }
            let steps: Vec<Step> = steps.into_iter().map(|(step, _)| step).collect();
            if cut {
                let after = text.strip_prefix('.').unwrap_or(&text);
                prop_assert_eq!(parse(&format!("$..{after}")), JsonPath::Suffix(steps));
            } else {
                prop_assert_eq!(parse(&format!("${text}")), JsonPath::Whole(steps));
            }
        }
    }
}
