//! Every setting with where its value came from, for `saltlake config`. Secrets are never looked up here.

use super::keys::{KEYS, Key};
use super::layers::{Entry, Origin, show_path};
use super::resolve::Reader;
use super::value::{Kind, Value};
use super::{SecretRef, places};
use crate::model::Location;

/// What stands for a secret part of a value.
const REDACTED: &str = "[redacted]";

/// One setting as it came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// Its path, name by name.
    pub path: Vec<String>,
    /// Its value, places made absolute and credentials redacted. `None` if it is unset.
    pub value: Option<toml::Value>,
    /// Where the value came from.
    pub origin: Origin,
}

impl Provenance {
    /// The path as TOML spells it.
    pub fn setting(&self) -> String {
        show_path(&self.path)
    }

    /// The section that holds it, as TOML spells it.
    pub fn section(&self) -> String {
        self.path.split_last().map_or_else(String::new, |(_, section)| show_path(section))
    }

    /// Its name inside the section, as TOML spells it.
    pub fn name(&self) -> String {
        self.path.last().map_or_else(String::new, |name| show_path(&[name]))
    }
}

/// Lists every setting in the order of the list of settings; unset ones too, except open ones.
pub(super) fn list(reader: &Reader<'_>) -> Vec<Provenance> {
    let mut list = Vec::new();
    for key in KEYS {
        let of_key = reader.layers.entries.iter().filter(|(_, entry)| entry.key.path == key.path);
        let before = list.len();
        list.extend(of_key.map(|(path, entry)| Provenance {
            path: path.clone(),
            value: Some(shown(reader, entry)),
            origin: entry.origin.clone(),
        }));
        if list.len() == before && !key.is_open() {
            list.push(unset(key));
        }
    }
    list
}

fn unset(key: &Key) -> Provenance {
    Provenance { path: key.path.split('.').map(str::to_owned).collect(), value: None, origin: Origin::Default }
}

/// A value as it may be shown.
fn shown(reader: &Reader<'_>, entry: &Entry) -> toml::Value {
    let base = reader.base(&entry.origin);
    let text = |text: &str| {
        let absolute = match entry.key.kind {
            Kind::Location | Kind::Locations => places::parse(text, base).map(|location| location.to_url()),
            // A source may be a file, which a location's text, ending in a slash, would not show.
            Kind::Sources | Kind::GrantSources if !is_service(entry.key.kind, text) => {
                match places::parse(text, base) {
                    Some(Location::Folder(path)) => Some(path.to_string_lossy().into_owned()),
                    _ => None,
                }
            }
            Kind::Folder => Some(places::absolute(text, base).to_string_lossy().into_owned()),
            // What is not a reference may be a secret.
            Kind::Secret => Some(SecretRef::parse(text, base).map_or(REDACTED.to_owned(), |secret| secret.to_text())),
            _ => None,
        };
        toml::Value::String(redact_user(absolute.as_deref().unwrap_or(text)))
    };
    match &entry.value {
        Value::Text(value) => text(value),
        Value::Integer(number) => toml::Value::Integer(*number),
        Value::Switch(switch) => toml::Value::Boolean(*switch),
        Value::List(items) => toml::Value::Array(items.iter().map(|item| text(item)).collect()),
        Value::KeepDespite(identifiers) => {
            let despite = identifiers.iter().cloned().map(toml::Value::String).collect();
            let members = [("keep", toml::Value::Boolean(true)), ("despite", toml::Value::Array(despite))];
            toml::Value::Table(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        }
        Value::Select(rules) => super::select::to_toml(rules),
    }
}

/// Whether a source is no place: a live service, or standard input.
fn is_service(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::GrantSources => text == super::roles::LAKE_FORMATION,
        _ => matches!(text, "-" | "macie"),
    }
}

/// Redacts `user:password@` of an address.
fn redact_user(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.get(..host_end).and_then(|authority| authority.rfind('@')) {
        Some(at) => format!("{scheme}://{REDACTED}{}", rest.get(at..).unwrap_or_default()),
        None => text.to_owned(),
    }
}
