//! What a setting's value may be, and how it is read from TOML, from a variable or from a flag.

use std::time::Duration;

use toml::de::{DeArray, DeTable, DeValue};

use super::select::{self, SelectRule};

/// What a setting's value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// An integer within bounds.
    Integer {
        /// The least it may be.
        least: i64,
        /// The most it may be.
        most: i64,
    },
    /// Bytes: an integer, or a text with a unit.
    Size,
    /// A time span: a text with a unit.
    Duration,
    /// The name of a database.
    Database,
    /// A folder or `s3://bucket/prefix/`.
    Location,
    /// A list of locations.
    Locations,
    /// A list of sources of findings.
    Sources,
    /// A folder of this machine.
    Folder,
    /// A reference to a secret.
    Secret,
    /// A mask.
    Rule,
    /// What becomes of a column.
    ColumnRule,
    /// The address of a service.
    Url,
    /// A list of texts.
    Texts,
    /// A list of sources of grants.
    GrantSources,
    /// An AWS account.
    Account,
    /// An SQL expression.
    Expression,
    /// What a role reads of a table.
    Select,
}

/// A value of the right kind, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Switch(bool),
    List(Vec<String>),
    /// `{ keep = true, despite = [...] }`
    KeepDespite(Vec<String>),
    /// `"*"`, `{ columns = [...], rows = "..." }`, or a list of such tables.
    Select(Vec<SelectRule>),
}

impl Kind {
    /// What is expected, for error messages and the reference.
    pub fn expected(self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::Choice(choices) => {
                let quoted: Vec<_> = choices.iter().map(|choice| format!("\"{choice}\"")).collect();
                quoted.join(" or ")
            }
            Self::Switch => "true or false".into(),
            Self::Integer { least, most } => format!("an integer from {least} to {most}"),
            Self::Size => "a size such as \"512MiB\" or \"2GB\", or a number of bytes; at least 1 MiB".into(),
            Self::Duration => "a duration such as \"45s\", \"30m\", \"12h\" or \"7d\"".into(),
            Self::Database => "a database name".into(),
            Self::Location => "a folder, or \"s3://bucket/prefix/\"".into(),
            Self::Locations => "a list of folders or \"s3://bucket/prefix/\"".into(),
            Self::Sources => "a list of files, folders, \"s3://bucket/prefix/\", \"-\" or \"macie\"".into(),
            Self::Folder => "a folder".into(),
            Self::Secret => "\"secretsmanager:NAME_OR_ARN\", \"secretsmanager:NAME_OR_ARN#member\", \"file:PATH\" or \
                 \"env:VARIABLE\""
                .into(),
            Self::Rule => "a mask such as \"salt_hash\" or \"mask_partial(0, 4)\"".into(),
            Self::ColumnRule => {
                "\"keep\", \"drop\", a mask such as \"mask_partial(0, 4)\", or { keep = true, despite = [\"NAME\"] }"
                    .into()
            }
            Self::Url => "an http:// or https:// address".into(),
            Self::Texts => "a list of texts".into(),
            Self::GrantSources => "a list of files, folders, \"s3://bucket/prefix/\" or \"lakeformation\"".into(),
            Self::Account => "an AWS account, which has 12 digits".into(),
            Self::Expression => "an SQL expression in one line, such as \"mask_email(mail)\"".into(),
            Self::Select => {
                "\"*\", { columns = [\"NAME\"], rows = \"CONDITION\" }, { except = [\"NAME\"] }, or a list of \
                 such tables"
                    .into()
            }
        }
    }

    /// Whether the value is a list.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Locations | Self::Sources | Self::Texts | Self::GrantSources)
    }

    /// Reads a TOML value. `None` if it is of another kind.
    pub(super) fn read_toml(self, value: &DeValue<'_>) -> Option<Value> {
        if self == Self::Select {
            return select::read(value).map(Value::Select);
        }
        let read = match value {
            DeValue::String(text) => Value::Text(text.clone().into_owned()),
            DeValue::Integer(number) => Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?),
            DeValue::Boolean(switch) => Value::Switch(*switch),
            DeValue::Array(array) => Value::List(texts(array)?),
            DeValue::Table(table) => Value::KeepDespite(despite(table)?),
            DeValue::Float(_) | DeValue::Datetime(_) => return None,
        };
        self.accepts(&read).then_some(read)
    }

    /// Reads the text of a variable or a flag: as in TOML, without the quotes; lists are separated by commas.
    pub(super) fn read_text(self, text: &str) -> Option<Value> {
        let read = match self {
            Self::Switch => Value::Switch(text.parse().ok()?),
            Self::Integer { .. } => Value::Integer(text.parse().ok()?),
            Self::Select if text == select::EVERYTHING => Value::Select(vec![SelectRule::everything()]),
            kind if kind.is_list() => Value::List(
                text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect(),
            ),
            _ => Value::Text(text.to_owned()),
        };
        self.accepts(&read).then_some(read)
    }

    /// Whether a value is of this kind.
    pub(super) fn accepts(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Integer { least, most }, Value::Integer(number)) => (least..=most).contains(number),
            (Self::Size, value) => value.bytes().is_some_and(|bytes| bytes >= 1 << 20),
            (Self::Duration, Value::Text(text)) => parse_duration(text).is_some(),
            (Self::Choice(choices), Value::Text(text)) => choices.contains(&text.as_str()),
            (Self::Url, Value::Text(text)) => is_endpoint(text),
            (Self::Account, Value::Text(text)) => text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()),
            (kind, Value::List(items)) => kind.is_list() && items.iter().all(|item| is_clean(item)),
            (Self::Switch, Value::Switch(_))
            | (Self::ColumnRule, Value::KeepDespite(_))
            | (Self::Select, Value::Select(_)) => true,
            (Self::Switch | Self::Integer { .. } | Self::Select, Value::Text(_)) => false,
            (kind, Value::Text(text)) => !kind.is_list() && is_clean(text),
            _ => false,
        }
    }
}

impl Value {
    /// The bytes of a size.
    pub(super) fn bytes(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            Self::Text(text) => parse_size(text),
            _ => None,
        }
    }
}

/// Whether a text says something and cannot confuse a terminal or a log.
pub(super) fn is_clean(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(char::is_control)
}

/// Whether a text is the address of a service.
fn is_endpoint(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The texts of an array, if it holds nothing else.
pub(super) fn texts(array: &DeArray<'_>) -> Option<Vec<String>> {
    array.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}

/// The identifiers of `{ keep = true, despite = [...] }`, if the table is just that.
fn despite(table: &DeTable<'_>) -> Option<Vec<String>> {
    let keep = table.get("keep")?.get_ref().as_bool()?;
    let identifiers = texts(table.get("despite")?.get_ref().as_array()?)?;
    let sound = keep && table.len() == 2 && !identifiers.is_empty() && identifiers.iter().all(|name| is_clean(name));
    sound.then_some(identifiers)
}

/// Splits `12h` into the number and the unit.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

/// Reads `45s`, `30m`, `12h`, `7d`. At most a hundred years, so that adding it to a date cannot overflow.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let unit_seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let seconds = number.checked_mul(unit_seconds)?;
    (seconds <= 36_500 * 24 * 60 * 60).then(|| Duration::from_secs(seconds))
}

/// Reads `512MiB` (powers of 1024), `2GB` (powers of 1000) or plain bytes.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let unit_bytes = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(unit_bytes)
}
