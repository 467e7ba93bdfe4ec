//! Puts the layers on top of each other: default, AWS's variables, file, our variables, flags. The later wins.
//!
//! INVARIANT: no error quotes a value that was not understood. It may be a key, written where its reference belongs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::environment::Environment;
use super::keys::{self, AWS_IGNORE_ENDPOINTS, AWS_VARIABLES, KEYS, Key};
use super::names::{self, Found, is_wildcard};
use super::select;
use super::value::{Kind, Value};
use crate::error::{Error, Result, Said};

/// What flags say about settings. The command line fills it; settings know nothing of clap.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config FILE`.
    pub config: Option<PathBuf>,
    /// `--set KEY=VALUE`, in their order; the last wins.
    pub set: Vec<String>,
    /// Values of flags of their own, by the path of their setting.
    pub flags: Vec<(&'static str, Vec<String>)>,
}

impl Overrides {
    /// Sets one setting, such as `lake.location`, from a flag of its own.
    #[must_use]
    pub fn with(self, path: &'static str, value: impl Into<String>) -> Self {
        self.with_list(path, [value])
    }

    /// Sets a setting that holds a list from a flag that may be repeated.
    #[must_use]
    pub fn with_list<V: Into<String>>(mut self, path: &'static str, values: impl IntoIterator<Item = V>) -> Self {
        self.flags.push((path, values.into_iter().map(Into::into).collect()));
        self
    }
}

/// Where a value came from. The order is the order of precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// One of AWS's own variables.
    AwsVariable(&'static str),
    /// A line of the file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// One of our variables.
    Variable(String),
    /// A flag.
    Flag(&'static str),
}

impl Origin {
    /// The layer: of two values for one purpose, that of the higher layer wins.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::AwsVariable(_) => 1,
            Self::File { .. } => 2,
            Self::Variable(_) => 3,
            Self::Flag(_) => 4,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::AwsVariable(name) => f.write_str(name),
            Self::File { path, line } => write!(f, "{}:{line}", crate::model::printable(&path.to_string_lossy())),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

impl crate::error::Safe for Origin {}

/// The names that lead to a setting: `["masks", "custom:account_number"]`.
pub(super) type SettingPath = Vec<String>;

/// A value and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: &'static Key,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// Every value that was set, the winning one each.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) entries: BTreeMap<SettingPath, Entry>,
    /// The tables that were written, so that one without any setting does not go unseen.
    pub(super) sections: BTreeMap<SettingPath, Origin>,
}

impl Layers {
    /// Puts every layer together.
    pub(super) fn collect(
        overrides: &Overrides,
        environment: &Environment,
        file: Option<&(PathBuf, String)>,
    ) -> Result<Self> {
        let mut layers = Self::default();
        layers.add_aws_variables(environment)?;
        if let Some((path, text)) = file {
            layers.add_file(path, text)?;
        }
        layers.add_variables(environment)?;
        layers.add_flags(overrides)?;
        layers.add_defaults();
        Ok(layers)
    }

    fn add_aws_variables(&mut self, environment: &Environment) -> Result<()> {
        let ignore_endpoints = environment.get(AWS_IGNORE_ENDPOINTS).is_some_and(|it| it.eq_ignore_ascii_case("true"));
        for (name, path) in AWS_VARIABLES {
            let path = owned(path);
            let skipped = ignore_endpoints && name.contains("ENDPOINT");
            if let Some(text) = environment.get(name)
                && !skipped
                && !self.entries.contains_key(&path)
            {
                self.add_text(path, &[text], Origin::AwsVariable(name))?;
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path, text: &str) -> Result<()> {
        let file = SourceText { path, text };
        let document = DeTable::parse(text).map_err(|error| {
            let origin = file.origin(error.span().map_or(0, |span| span.start));
            Error::usage("settings are not valid TOML").with("in", &origin).with("problem", &Said(error.message()))
        })?;
        self.add_table(file, &mut Vec::new(), document.get_ref())
    }

    /// Adds a table of the file and those below it. The list of settings bounds the depth.
    fn add_table(&mut self, file: SourceText<'_>, path: &mut SettingPath, table: &DeTable<'_>) -> Result<()> {
        for (name, value) in table {
            let origin = file.origin(name.span().start);
            path.push(name.get_ref().clone().into_owned());
            match (names::find(path), value.get_ref()) {
                (Found::Nothing, _) => return Err(unknown_setting(path, &origin)),
                (Found::Section, DeValue::Table(table)) => {
                    self.sections.insert(path.clone(), origin);
                    self.add_table(file, path, table)?;
                }
                (Found::Section, other) => {
                    return Err(wrong_form(path, &origin, "a table of settings")
                        .with("found", &Said(other.type_str()))
                        .hint(format!("write it as a section: `[{}]`", show_path(path))));
                }
                (Found::Key(key), value) => {
                    let Some(read) = key.kind.read_toml(value) else {
                        let error =
                            wrong_form(path, &origin, &key.kind.expected()).with("found", &Said(value.type_str()));
                        return Err(slip(key, value).into_iter().fold(error, Error::hint));
                    };
                    self.entries.insert(path.clone(), Entry { key, value: read, origin });
                }
            }
            path.pop();
        }
        Ok(())
    }

    fn add_variables(&mut self, environment: &Environment) -> Result<()> {
        for (name, key) in keys::variables() {
            if let (Some(key), Some(text)) = (key, environment.get(&name)) {
                self.add_text(owned(key.path), &[text], Origin::Variable(name))?;
            }
        }
        Ok(())
    }

    fn add_flags(&mut self, overrides: &Overrides) -> Result<()> {
        for assignment in &overrides.set {
            self.add_assignment(assignment)?;
        }
        for (path, values) in &overrides.flags {
            let flag = KEYS.iter().find(|key| key.path == *path).and_then(|key| key.flag);
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            self.add_text(owned(path), &values, Origin::Flag(flag.unwrap_or("a flag")))?;
        }
        Ok(())
    }

    /// Adds `--set KEY=VALUE`. A value that begins as a TOML string, list or table is read as TOML.
    fn add_assignment(&mut self, assignment: &str) -> Result<()> {
        let origin = Origin::Flag("--set");
        let Some((path, value)) = split_assignment(assignment) else {
            return Err(Error::usage("`--set` takes `KEY=VALUE`")
                .hint("such as `--set engine.threads=4`, or `--set 'columns.customer.\"a.b\"=keep'`"));
        };
        if !value.starts_with(['"', '\'', '[', '{']) {
            return self.add_text(path, &[value], origin);
        }
        let key = known_key(&path, &origin)?;
        let read = DeValue::parse(value).ok().and_then(|parsed| key.kind.read_toml(parsed.get_ref()));
        let value = read.ok_or_else(|| wrong_form(&path, &origin, &key.kind.expected()))?;
        self.entries.insert(path, Entry { key, value, origin });
        Ok(())
    }

    /// Adds the text of a variable or a flag. More than one text is a list of its items.
    fn add_text(&mut self, path: SettingPath, texts: &[&str], origin: Origin) -> Result<()> {
        let key = known_key(&path, &origin)?;
        let read = match texts {
            [text] => key.kind.read_text(text),
            items => {
                let list = Value::List(items.iter().map(|item| (*item).to_owned()).collect());
                key.kind.accepts(&list).then_some(list)
            }
        };
        let value = read.ok_or_else(|| wrong_form(&path, &origin, &key.kind.expected()))?;
        self.entries.insert(path, Entry { key, value, origin });
        Ok(())
    }

    /// Adds the defaults of what nobody set: of fixed settings, and of open ones wherever their section stands.
    fn add_defaults(&mut self) {
        for key in KEYS {
            let Some(value) = key.default.and_then(|text| default_value(key, text)) else {
                continue;
            };
            for path in self.homes(key) {
                let entry = Entry { key, value: value.clone(), origin: Origin::Default };
                self.entries.entry(path).or_insert(entry);
            }
        }
    }

    /// The paths at which a setting stands: one, or one for each section that the user named.
    fn homes(&self, key: &Key) -> Vec<SettingPath> {
        if !key.is_open() {
            return vec![owned(key.path)];
        }
        let pattern = owned(key.path);
        let Some(open) = pattern.iter().position(|segment| is_wildcard(segment)) else {
            return Vec::new();
        };
        let (before, after) = pattern.split_at(open);
        let names = self.names_in(before);
        let home = |name: &String| {
            let rest = after.iter().skip(1).cloned();
            before.iter().cloned().chain([name.clone()]).chain(rest).collect()
        };
        names.iter().map(home).collect()
    }

    /// The names that the user chose directly below a path: of sections that were written, and of those that
    /// settings imply.
    pub(super) fn names_in<S: AsRef<str>>(&self, parent: &[S]) -> Vec<String> {
        let below = |path: &SettingPath| {
            let starts = path.len() > parent.len() && path.iter().zip(parent).all(|(a, b)| a == b.as_ref());
            starts.then(|| path.get(parent.len()).cloned()).flatten()
        };
        let mut names: Vec<String> = self.sections.keys().chain(self.entries.keys()).filter_map(below).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// A file's name and text, to tell lines.
#[derive(Clone, Copy)]
struct SourceText<'a> {
    path: &'a Path,
    text: &'a str,
}

impl SourceText<'_> {
    fn origin(self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        let line = before.fold(1, |line, byte| line + u64::from(*byte == b'\n'));
        Origin::File { path: self.path.to_owned(), line }
    }
}

/// A declared default as a value. A test checks that each can be read.
fn default_value(key: &Key, text: &str) -> Option<Value> {
    key.kind.read_toml(DeValue::parse(text).ok()?.get_ref())
}

/// Splits a path of plain names.
fn owned(path: &str) -> SettingPath {
    path.split('.').map(str::to_owned).collect()
}

/// Finds the setting at a path, or says what is wrong.
fn known_key(path: &SettingPath, origin: &Origin) -> Result<&'static Key> {
    match names::find(path) {
        Found::Key(key) => Ok(key),
        Found::Section => Err(Error::usage("this is a section, not a setting")
            .with("setting", &Said(&show_path(path)))
            .with("in", origin)),
        Found::Nothing => Err(unknown_setting(path, origin)),
    }
}

fn unknown_setting(path: &SettingPath, origin: &Origin) -> Error {
    Error::usage("unknown setting")
        .with("setting", &Said(&show_path(path)))
        .with("in", origin)
        .hint(names::suggest(path))
}

/// A setting whose value is of the wrong form. Never says the value.
pub(super) fn wrong_form(path: &SettingPath, origin: &Origin, expected: &str) -> Error {
    Error::usage("setting has a value of the wrong form")
        .with("setting", &Said(&show_path(path)))
        .with("in", origin)
        .with("expected", &Said(expected))
}

/// What was likely meant by a value of the wrong form. Says names of members at most, never a value.
fn slip(key: &Key, value: &DeValue<'_>) -> Option<String> {
    let own = (key.kind == Kind::Select).then(|| select::slip(value)).flatten();
    let dotted = || String::from("a name that holds a dot is quoted: `\"database.table\"`");
    own.or_else(|| (key.is_open() && value.is_table()).then(dotted))
}

/// A path as TOML spells it: names that are not plain are quoted.
pub(super) fn show_path<S: AsRef<str>>(path: &[S]) -> String {
    let names: Vec<String> = path.iter().map(|name| show_name(name.as_ref())).collect();
    names.join(".")
}

/// A name as a TOML key.
pub(super) fn show_name(name: &str) -> String {
    let plain =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if plain {
        return name.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(format!("\\u{:04X}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Splits `KEY=VALUE`. A name of the key may be quoted, and then hold dots and equal signs.
fn split_assignment(text: &str) -> Option<(SettingPath, &str)> {
    let mut path = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let (name, after) = take_name(rest)?;
        path.push(name);
        rest = after.trim_start();
        if let Some(value) = rest.strip_prefix('=') {
            return Some((path, value.trim()));
        }
        rest = rest.strip_prefix('.')?.trim_start();
    }
}

/// Takes one name, quoted or plain, from the front of a text.
fn take_name(text: &str) -> Option<(String, &str)> {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let (name, rest) = text.split_at_checked(text.find(['.', '='])?)?;
        let name = name.trim();
        return (!name.is_empty()).then(|| (name.to_owned(), rest));
    };
    let mut escaped = false;
    let closing = |(_, c): &(usize, char)| {
        let closes = *c == quote && !escaped;
        escaped = *c == '\\' && quote == '"' && !escaped;
        closes
    };
    let (end, _) = text.char_indices().skip(1).find(closing)?;
    let (quoted, rest) = text.split_at_checked(end + 1)?;
    let name = DeValue::parse(quoted).ok()?.get_ref().as_str()?.to_owned();
    Some((name, rest))
}
