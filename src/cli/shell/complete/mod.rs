//! Completion: from what is typed, the cursor and the names that the role sees, to what may be meant.

use clap::ValueEnum;

use super::commands;
use super::context::{Named, Place, Wants, look};
use super::view::{OPTIONS, values_of};
use super::words::{BEGINNINGS, KEYWORDS, spelt};
use crate::cli::formats::Format;
use crate::model::printable;

/// A table with its columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) database: String,
    pub(super) name: String,
    pub(super) columns: Vec<String>,
}

/// What a session sees.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// The database of names that stand alone.
    pub(super) default_database: String,
    pub(super) databases: Vec<String>,
    pub(super) tables: Vec<Table>,
    pub(super) functions: Vec<String>,
    pub(super) roles: Vec<String>,
}

/// One way to go on: what takes the place of the typed text, and how it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) put: String,
    pub(super) shown: String,
}

/// What may be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Each takes the place of the text from byte `start` to the cursor.
    Choices { start: usize, choices: Vec<Choice> },
    /// Files whose path begins with the text from byte `start` to the cursor.
    Files { start: usize },
}

/// The database that describes the others: it is offered when asked for by name.
const DESCRIBING: [&str; 2] = ["information_schema", "saltlake"];

/// Completes at byte `at`.
pub(super) fn complete(text: &str, at: usize, names: &Names) -> Found {
    let before = text.get(..at).unwrap_or(text);
    if before.trim_start().starts_with('\\') {
        return of_command(before, names);
    }
    let place = look(text, at);
    let mut found = Choices::new(&place.typed);
    match place.wants {
        Wants::Nothing => {}
        _ if !place.qualifiers.is_empty() => qualified(&place, names, &mut found),
        Wants::Beginning => found.keywords(BEGINNINGS, &place),
        Wants::Tables => tables(&place.queries, names, &mut found),
        Wants::Databases => found.names(&names.databases, ""),
        Wants::Keywords => found.keywords(KEYWORDS, &place),
        Wants::Values => {
            let open = text.get(at..).unwrap_or_default().starts_with('(');
            values(&place, names, open, &mut found);
        }
    }
    Found::Choices { start: place.start, choices: found.list }
}

/// After `database.`, `table.` or `alias.`
fn qualified(place: &Place, names: &Names, found: &mut Choices<'_>) {
    if place.wants != Wants::Tables {
        let alias = match place.qualifiers.as_slice() {
            [alias] => place.tables.iter().find(|table| table.alias.as_ref() == Some(alias)),
            _ => None,
        };
        let path = alias.map_or(&place.qualifiers, |table| &table.path);
        let columns = find(path, names).map(|table| table.columns.as_slice()).unwrap_or_default();
        found.names(columns, "");
    }
    if let [.., database] = place.qualifiers.as_slice() {
        let inside = names.tables.iter().filter(|table| table.database == *database);
        found.names(inside.map(|table| &table.name), "");
    }
}

/// Tables by name; those of other databases if none of the usual one is meant.
fn tables(queries: &[String], names: &Names, found: &mut Choices<'_>) {
    found.names(queries, "");
    let (usual, other): (Vec<_>, Vec<_>) =
        names.tables.iter().partition(|table| table.database == names.default_database);
    found.names(usual.iter().map(|table| &table.name), "");
    if found.list.is_empty() {
        let other = other.into_iter().filter(|table| !DESCRIBING.contains(&table.database.as_str()));
        for table in other {
            found.name_in(&table.database, &table.name);
        }
    }
    found.names(&names.databases, ".");
}

fn values(place: &Place, names: &Names, open: bool, found: &mut Choices<'_>) {
    let read: Vec<&Table> = place.tables.iter().filter_map(|table| find(&table.path, names)).collect();
    if read.is_empty() && !place.typed.is_empty() {
        let usual = names.tables.iter().filter(|table| table.database == names.default_database);
        found.names(usual.flat_map(|table| &table.columns), "");
    }
    found.names(read.iter().flat_map(|table| &table.columns), "");
    if place.typed.is_empty() {
        return;
    }
    for Named { path, alias } in &place.tables {
        if let Some(name) = alias.as_ref().or(path.last()) {
            found.name(name, ".");
        }
    }
    found.names(&names.functions, if open { "" } else { "(" });
    found.keywords(KEYWORDS, place);
}

/// The table that a written path means.
fn find<'a>(path: &[String], names: &'a Names) -> Option<&'a Table> {
    let (database, name) = match path {
        [name] => (&names.default_database, name),
        [.., database, name] => (database, name),
        [] => return None,
    };
    names.tables.iter().find(|table| table.database == *database && table.name == *name)
}

/// Choices that begin with what is typed, without regard to case, each once.
struct Choices<'a> {
    typed: &'a str,
    list: Vec<Choice>,
}

impl<'a> Choices<'a> {
    fn new(typed: &'a str) -> Self {
        Self { typed, list: Vec::new() }
    }

    fn begins(&self, name: &str) -> bool {
        let typed = self.typed.trim_start_matches(['"', '`']);
        let mut letters = name.chars().flat_map(char::to_lowercase);
        typed.chars().flat_map(char::to_lowercase).all(|c| letters.next() == Some(c))
    }

    fn push(&mut self, put: String, shown: String) {
        if !self.list.iter().any(|choice| choice.put == put) {
            self.list.push(Choice { put, shown });
        }
    }

    /// A name, quoted where it must be or where the typed one is. One that could drive a terminal is not offered.
    fn name(&mut self, name: &str, after: &str) {
        if !self.begins(name) || printable(name) != name {
            return;
        }
        let put = match self.typed.chars().next() {
            Some('"') => format!("\"{}\"", name.replace('"', "\"\"")),
            Some('`') => format!("`{}`", name.replace('`', "``")),
            _ => spelt(name),
        };
        self.push(format!("{put}{after}"), format!("{name}{after}"));
    }

    fn names<'n>(&mut self, names: impl IntoIterator<Item = &'n String>, after: &str) {
        for name in names {
            self.name(name, after);
        }
    }

    /// A table of another database, by its own name.
    fn name_in(&mut self, database: &str, name: &str) {
        let whole = format!("{database}.{name}");
        if self.begins(name) && printable(&whole) == whole {
            self.push(format!("{}.{}", spelt(database), spelt(name)), whole);
        }
    }

    /// Keywords, in the case that is typed.
    fn keywords(&mut self, keywords: &[&str], place: &Place) {
        let sample = if self.typed.is_empty() { &place.first } else { self.typed };
        let lower = sample.chars().any(char::is_lowercase) && !sample.chars().any(char::is_uppercase);
        for keyword in keywords.iter().filter(|keyword| self.begins(keyword)).collect::<Vec<_>>() {
            let word = if lower { keyword.to_lowercase() } else { (*keyword).to_owned() };
            self.push(word.clone(), word);
        }
    }

    /// Words of a backslash command.
    fn words<T: AsRef<str>>(&mut self, words: impl IntoIterator<Item = T>) {
        for word in words {
            let word = word.as_ref();
            if self.begins(word) && printable(word) == word {
                self.push(word.to_owned(), word.to_owned());
            }
        }
    }
}

fn of_command(before: &str, names: &Names) -> Found {
    let start = before.rfind(char::is_whitespace).map_or(0, |space| space + 1);
    let typed = before.get(start..).unwrap_or_default();
    let words: Vec<&str> = before.get(..start).unwrap_or_default().split_whitespace().collect();
    let mut found = Choices::new(typed);
    match words.as_slice() {
        [] => {
            let mut found = Choices::new(typed.trim_start_matches('\\'));
            found.words(commands::names());
            return Found::Choices { start: before.len() - found.typed.len(), choices: found.list };
        }
        ["\\i" | "\\o"] => return Found::Files { start },
        ["\\o", _] => {
            let values = Format::value_variants().iter().filter_map(ValueEnum::to_possible_value);
            found.words(values.map(|value| value.get_name().to_owned()));
        }
        ["\\d" | "\\why"] => return table_of_command(typed, start, names),
        ["\\x"] => found.words(["on", "off", "auto"]),
        ["\\timing"] => found.words(["on", "off"]),
        ["\\role"] => found.words(&names.roles),
        ["\\df"] => found.words(&names.functions),
        ["\\pset"] => found.words(OPTIONS.iter().map(|option| option.name)),
        ["\\pset", name] => {
            let values = OPTIONS.iter().filter(|option| option.name == *name).flat_map(values_of);
            found.words(values.filter(|value| value.chars().any(char::is_lowercase)));
        }
        _ => {}
    }
    Found::Choices { start, choices: found.list }
}

/// `table`, `database.table`, `table.column`.
fn table_of_command(typed: &str, start: usize, names: &Names) -> Found {
    let place = look(&format!("DESCRIBE {typed}"), "DESCRIBE ".len() + typed.len());
    let mut found = Choices::new(&place.typed);
    if place.qualifiers.is_empty() {
        tables(&[], names, &mut found);
    } else {
        qualified(&Place { wants: Wants::Values, ..place.clone() }, names, &mut found);
    }
    Found::Choices { start: start + place.start - "DESCRIBE ".len(), choices: found.list }
}

#[cfg(test)]
mod tests;
