//! Trino's functions, section by section of its documentation, and what becomes of each. The page `docs/sql.md` is made
//! of this list, and a test runs every example.

mod numbers;
mod others;
mod values;

/// What becomes of a function of Trino.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is there, and means the same.
    There,
    /// It is written otherwise before it is planned, and means the same.
    Translated,
    /// It is there, and differs: how.
    Differs(&'static str),
    /// It is not there; what to use instead, if there is something.
    Missing(&'static str),
}

/// A function of Trino's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// Its name, or its syntax if it is no call.
    pub name: &'static str,
    /// What becomes of it.
    pub standing: Standing,
    /// An expression that uses it; empty if it is not there.
    pub example: &'static str,
}

/// A section of Trino's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its title.
    pub title: &'static str,
    /// Its functions.
    pub functions: &'static [Listed],
}

const fn there(name: &'static str, example: &'static str) -> Listed {
    Listed { name, standing: Standing::There, example }
}

const fn translated(name: &'static str, example: &'static str) -> Listed {
    Listed { name, standing: Standing::Translated, example }
}

const fn differs(name: &'static str, example: &'static str, how: &'static str) -> Listed {
    Listed { name, standing: Standing::Differs(how), example }
}

const fn missing(name: &'static str, instead: &'static str) -> Listed {
    Listed { name, standing: Standing::Missing(instead), example: "" }
}

/// All sections, in the order of the documentation.
pub const SECTIONS: &[Section] = &[
    numbers::AGGREGATE,
    values::ARRAY,
    values::BINARY,
    numbers::BITWISE,
    numbers::COMPARISON,
    others::CONDITIONAL,
    others::CONVERSION,
    others::DATE_AND_TIME,
    values::JSON,
    others::LAMBDA,
    values::MAP,
    numbers::MATHEMATICAL,
    values::REGULAR_EXPRESSION,
    values::STRING,
    values::URL,
    others::UUID,
    numbers::WINDOW,
    others::FROM,
    others::ABSENT,
];

/// What `docs/sql.md` says of functions.
pub fn page() -> String {
    let mut page = String::new();
    for section in SECTIONS {
        page.push_str(&format!("### {}\n\n| Function | Here | Example |\n|---|---|---|\n", section.title));
        for listed in section.functions {
            let here = match listed.standing {
                Standing::There => "as is".to_owned(),
                Standing::Translated => "translated".to_owned(),
                Standing::Differs(how) => format!("differs: {how}"),
                Standing::Missing("") => "not there".to_owned(),
                Standing::Missing(instead) => format!("not there; {instead}"),
            };
            let cell = |text: &str| text.replace('|', "\\|");
            let example = if listed.example.is_empty() { String::new() } else { format!("`{}`", cell(listed.example)) };
            page.push_str(&format!("| `{}` | {} | {example} |\n", cell(listed.name), cell(&here)));
        }
        page.push('\n');
    }
    page
}
