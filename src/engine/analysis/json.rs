//! Trino's "JSON functions and operators". JSON is text here: there is no type of its own.

use arrow::array::ArrayRef;
use datafusion::common::Result as EngineResult;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::row::{Columns, Kind, Remembered, Spec, gives};

const TEXT: &[&[Kind]] = &[&[Kind::Text]];
const PATH: &[&[Kind]] = &[&[Kind::Text, Kind::Text]];

pub(super) const SPECS: &[Spec] = &[
    Spec { name: "json_extract", takes: PATH, gives: gives::text, run: |c| found(c, json_of), fails: true },
    Spec { name: "json_query", takes: PATH, gives: gives::text, run: |c| found(c, json_of), fails: true },
    Spec { name: "json_extract_scalar", takes: PATH, gives: gives::text, run: |c| found(c, scalar_of), fails: true },
    Spec { name: "json_value", takes: PATH, gives: gives::text, run: |c| found(c, scalar_of), fails: true },
    Spec { name: "json_exists", takes: PATH, gives: gives::bool, run: exists, fails: true },
    Spec { name: "json_size", takes: PATH, gives: gives::int, run: size, fails: true },
    Spec { name: "json_array_length", takes: TEXT, gives: gives::int, run: array_length, fails: false },
    Spec {
        name: "json_array_get",
        takes: &[&[Kind::Text, Kind::Int]],
        gives: gives::text,
        run: array_get,
        fails: false,
    },
    Spec {
        name: "json_array_contains",
        takes: &[
            &[Kind::Text, Kind::Text],
            &[Kind::Text, Kind::Bool],
            &[Kind::Text, Kind::Int],
            &[Kind::Text, Kind::Double],
        ],
        gives: gives::bool,
        run: array_contains,
        fails: false,
    },
    Spec { name: "json_parse", takes: TEXT, gives: gives::text, run: parse, fails: true },
    Spec {
        name: "json_format",
        takes: TEXT,
        gives: gives::text,
        run: |columns| columns.texts(|row| Ok(Some(columns.text(0, row)))),
        fails: false,
    },
    Spec {
        name: "is_json_scalar",
        takes: TEXT,
        gives: gives::bool,
        run: |columns| {
            columns.bools(|row| match read(columns.text(0, row)) {
                Some(value) => Ok(Some(!value.is_object() && !value.is_array())),
                None => Err(columns.wrong("not JSON")),
            })
        },
        fails: true,
    },
];

fn read(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// A step of a path as Trino's older functions read it.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(i64),
    All,
}

/// A path: in steps if it is a plain one, and as RFC 9535 has it otherwise.
enum Path {
    Steps(Vec<Step>),
    Full(Box<JsonPath>),
}

impl Path {
    fn read(columns: &Columns, text: &str) -> EngineResult<Self> {
        let text = text.trim();
        let text = text.strip_prefix("lax ").or_else(|| text.strip_prefix("strict ")).unwrap_or(text).trim_start();
        if let Some(steps) = steps(text) {
            return Ok(Self::Steps(steps));
        }
        let full = JsonPath::parse(text).map_err(|_| columns.wrong("not a JSON path"))?;
        Ok(Self::Full(Box::new(full)))
    }

    /// What the path leads to, and whether it can lead to several.
    fn find<'a>(&self, value: &'a Value) -> Found<'a> {
        match self {
            Self::Full(path) => Found { all: path.query(value).all(), many: true },
            Self::Steps(steps) => {
                let mut all = vec![value];
                for step in steps {
                    all = all.into_iter().flat_map(|value| step.of(value)).collect();
                }
                Found { all, many: steps.contains(&Step::All) }
            }
        }
    }
}

impl Step {
    fn of<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Name(name), Value::Object(fields)) => fields.get(name).into_iter().collect(),
            (Self::Index(index), Value::Array(items)) => at(items, *index).into_iter().collect(),
            (Self::All, Value::Array(items)) => items.iter().collect(),
            (Self::All, Value::Object(fields)) => fields.values().collect(),
            _ => Vec::new(),
        }
    }
}

/// An element from the beginning, or from the end if the index is negative.
fn at(items: &[Value], index: i64) -> Option<&Value> {
    let back = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 { items.get(items.len().checked_sub(back)?) } else { items.get(back) }
}

/// Reads `$.name`, `$['name']`, `$[0]`, `$[*]`. None if there is anything else in it.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at_checked(end)?;
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ':' | '@');
            match name {
                "*" => steps.push(Step::All),
                _ if !name.is_empty() && name.chars().all(plain) => steps.push(Step::Name(name.to_owned())),
                _ => return None,
            }
            rest = after;
            continue;
        }
        let inside = rest.strip_prefix('[')?;
        let quote = inside.chars().next().filter(|c| matches!(c, '\'' | '"'));
        if let Some(quote) = quote {
            let (name, after) = inside.get(1..)?.split_once(quote)?;
            if name.contains('\\') {
                return None;
            }
            steps.push(Step::Name(name.to_owned()));
            rest = after.strip_prefix(']')?;
        } else {
            let (index, after) = inside.split_once(']')?;
            steps.push(if index == "*" { Step::All } else { Step::Index(index.parse().ok()?) });
            rest = after;
        }
    }
    Some(steps)
}

/// What a path leads to in a document.
struct Found<'a> {
    all: Vec<&'a Value>,
    many: bool,
}

/// The one, or all of them as an array if the path can lead to several.
fn json_of(found: &Found<'_>) -> Option<String> {
    match (found.all.as_slice(), found.many) {
        ([one], _) => Some(one.to_string()),
        ([], _) | (_, false) => None,
        (several, true) => {
            let parts: Vec<String> = several.iter().map(ToString::to_string).collect();
            Some(format!("[{}]", parts.join(",")))
        }
    }
}

/// The one, if it is no array and no object.
fn scalar_of(found: &Found<'_>) -> Option<String> {
    match found.all.as_slice() {
        [Value::String(text)] => Some(text.clone()),
        [value @ (Value::Bool(_) | Value::Number(_))] => Some(value.to_string()),
        _ => None,
    }
}

fn found(columns: &Columns, say: fn(&Found<'_>) -> Option<String>) -> EngineResult<ArrayRef> {
    let mut paths = Remembered::new();
    columns.texts(|row| {
        let path = paths.of(columns.text(1, row), |text| Path::read(columns, text))?;
        let Some(value) = read(columns.text(0, row)) else { return Ok(None) };
        Ok(say(&path.find(&value)))
    })
}

fn exists(columns: &Columns) -> EngineResult<ArrayRef> {
    let mut paths = Remembered::new();
    columns.bools(|row| {
        let path = paths.of(columns.text(1, row), |text| Path::read(columns, text))?;
        Ok(Some(read(columns.text(0, row)).is_some_and(|value| !path.find(&value).all.is_empty())))
    })
}

fn size(columns: &Columns) -> EngineResult<ArrayRef> {
    let mut paths = Remembered::new();
    columns.ints(|row| {
        let path = paths.of(columns.text(1, row), |text| Path::read(columns, text))?;
        let value = read(columns.text(0, row));
        let found = value.as_ref().map(|value| path.find(value).all);
        let size = found.and_then(|all| {
            let [one] = all.as_slice() else { return None };
            Some(match one {
                Value::Array(items) => items.len(),
                Value::Object(fields) => fields.len(),
                _ => 0,
            })
        });
        Ok(size.and_then(|size| i64::try_from(size).ok()))
    })
}

/// The elements, if the text is an array.
fn elements(text: &str) -> Option<Vec<Value>> {
    match read(text)? {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

fn array_length(columns: &Columns) -> EngineResult<ArrayRef> {
    columns.ints(|row| Ok(elements(columns.text(0, row)).and_then(|items| i64::try_from(items.len()).ok())))
}

fn array_get(columns: &Columns) -> EngineResult<ArrayRef> {
    columns.texts(|row| {
        let items = elements(columns.text(0, row)).unwrap_or_default();
        Ok(at(&items, columns.int(1, row)).filter(|value| !value.is_null()).map(ToString::to_string))
    })
}

fn array_contains(columns: &Columns) -> EngineResult<ArrayRef> {
    use arrow::datatypes::DataType;
    let sought = columns.array(1)?.data_type().clone();
    columns.bools(|row| {
        let Some(items) = elements(columns.text(0, row)) else { return Ok(None) };
        Ok(Some(items.iter().any(|item| match sought {
            DataType::Utf8 => item.as_str() == Some(columns.text(1, row)),
            DataType::Int64 => item.as_i64() == Some(columns.int(1, row)),
            DataType::Float64 => item.as_f64() == Some(columns.double(1, row)),
            _ => item.as_bool().is_some() && item.as_bool() == columns.boolean(1, row),
        })))
    })
}

/// The text in one form: no space, names in order.
fn parse(columns: &Columns) -> EngineResult<ArrayRef> {
    columns.texts(|row| match read(columns.text(0, row)) {
        Some(value) => Ok(Some(value.to_string())),
        None => Err(columns.wrong("not JSON")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_read_in_steps() {
        let name = |name: &str| Step::Name(name.to_owned());
        assert_eq!(steps("$"), Some(vec![]));
        assert_eq!(steps("$.a-b['c.d'][0][*]"), Some(vec![name("a-b"), name("c.d"), Step::Index(0), Step::All]));
        for path in ["", "a", "$.", "$..a", "$[?(@.a)]", "$[", "$['a'", "$x"] {
            assert_eq!(steps(path), None, "{path}");
        }
    }
}
