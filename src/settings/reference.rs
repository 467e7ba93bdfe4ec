//! Texts made from the list of settings: the reference page and the file that `saltlake init` writes.

use std::fmt::Write as _;

use super::FILE_NAME;
use super::keys::{AWS_IGNORE_ENDPOINTS, AWS_VARIABLES, KEYS, Key, OTHER_VARIABLES, SECTIONS};
use super::names::is_wildcard;

/// The page `docs/settings.md`.
pub fn reference_markdown() -> String {
    let mut page = format!(
        "<!-- Made from src/settings/keys.rs: UPDATE_GOLDEN=1 cargo test settings::tests -->\n\
         # Settings\n\n\
         Settings come from flags, environment variables, the file `{FILE_NAME}`, and defaults; the first that sets a \
         value wins. The file is the one that `--config` or `SALTLAKE_CONFIG` names, else the nearest one upward from \
         the current folder. `saltlake init` writes one with comments; `saltlake config` prints what came out, and \
         where each value came from.\n\n\
         - Relative paths start from the file's folder; in flags and variables, from the current folder. `~` is not \
         expanded.\n\
         - Any setting can be given as `--set KEY=VALUE`, such as `--set engine.threads=4`. A name that holds a dot is \
         quoted: `--set 'columns.customer.\"a.b\"=keep'`.\n\
         - In variables and flags texts have no quotes, and the items of a list are separated by commas. An empty \
         variable counts as unset.\n\
         - Names in capitals (`NAME`, `TABLE`) stand for names of your own. Such settings have no variable.\n\
         - An unknown setting, and an unknown variable that begins with `SALTLAKE_`, is an error (exit code 2), unless \
         a key names that variable as `env:VARIABLE`.\n\
         - Masked tables inside the lake or around it, a key file among the masked tables, and a spill folder among \
         tables are refused (exit code 3). So is a place where a role may write if it lies within tables, the spill \
         folder, the audit log or a source of grants or findings, or holds any of them, a key or the settings file; \
         and, where there are roles, an audit log among tables.\n"
    );
    for (section, help) in SECTIONS {
        let _ = write!(page, "\n## `[{section}]`\n\n{help}\n\n");
        for key in keys_of(section) {
            page.push_str(&reference_entry(key));
        }
    }
    page.push_str("\n## Other variables\n\n");
    for (name, help) in OTHER_VARIABLES {
        let _ = writeln!(page, "- `{name}`: {help}");
    }
    page.push_str("- `NO_COLOR`: If set, output has no colour.\n");
    page.push_str(
        "\nAWS's own variables work as everywhere. These stand in for a setting that is not given otherwise; \
         the first that is set counts:\n\n",
    );
    for (name, path) in AWS_VARIABLES {
        let _ = writeln!(page, "- `{name}` for `{path}`");
    }
    let _ = write!(
        page,
        "\nWith `{AWS_IGNORE_ENDPOINTS}=true` the endpoint variables are not read. An endpoint of a single service wins \
         over the common one of the same source: `--endpoint-url` on the command line wins over `[aws.endpoints]` of \
         the file.\n"
    );
    page
}

fn reference_entry(key: &Key) -> String {
    let mut entry = format!("- **`{}`**: {}\n  Value: {}.", key.path, key.help, key.kind.expected());
    let _ = match key.default {
        Some(default) => write!(entry, " Default: `{default}`."),
        None => write!(entry, " Default: unset."),
    };
    if let Some(variable) = key.variable() {
        let _ = write!(entry, "\n  Variable: `{variable}`.");
    }
    if let Some(flag) = key.flag {
        let _ = write!(entry, " Flag: `{flag}`.");
    }
    entry.push('\n');
    entry
}

/// The file that `saltlake init` writes: every setting with its meaning; those that need no decision commented out.
pub fn file_template() -> String {
    let mut file = String::new();
    push_comment(
        &mut file,
        "Settings of saltlake. Relative paths start from this file's folder. `saltlake config` prints what came out.",
    );
    push_comment(&mut file, "A line that begins with `#` and no space is a setting: remove the `#` to use it.");
    for (section, help) in SECTIONS {
        file.push('\n');
        push_comment(&mut file, help);
        if section.split('.').any(is_wildcard) {
            push_open_section(&mut file, section);
        } else {
            let _ = writeln!(file, "[{section}]");
            for key in keys_of(section) {
                push_help(&mut file, key);
                for (name, value) in shown_lines(key, section) {
                    push_line(&mut file, key.written, name, value);
                }
            }
        }
    }
    file
}

/// A section whose name the user chooses: the examples, grouped by their section, helps in the first one.
fn push_open_section(file: &mut String, section: &str) {
    let mut groups: Vec<(&str, String, bool)> = Vec::new();
    for key in keys_of(section) {
        let mut explained = false;
        for (path, value) in key.examples {
            let Some((parent, name)) = path.rsplit_once('.') else {
                continue;
            };
            let place = groups.iter().position(|(group, ..)| *group == parent).unwrap_or(groups.len());
            if place == groups.len() {
                groups.push((parent, String::new(), false));
            }
            let Some((_, lines, written)) = groups.get_mut(place) else {
                continue;
            };
            let shows_it = key.path.ends_with(name) || key.path.rsplit('.').next().is_some_and(is_wildcard);
            if !explained && shows_it {
                push_help(lines, key);
                explained = true;
            }
            push_line(lines, key.written, name, value);
            *written |= key.written;
        }
    }
    for (index, (group, lines, written)) in groups.into_iter().enumerate() {
        if index > 0 {
            file.push('\n');
        }
        let _ = writeln!(file, "{}[{group}]\n{}", if written { "" } else { "#" }, lines.trim_end());
    }
}

/// What to show of a setting: its examples, else its default.
fn shown_lines(key: &'static Key, section: &str) -> Vec<(&'static str, &'static str)> {
    let local = |path: &'static str| path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')).unwrap_or(path);
    match (key.examples, key.default) {
        ([], Some(default)) => vec![(local(key.path), default)],
        (examples, _) => examples.iter().map(|(path, value)| (local(path), *value)).collect(),
    }
}

fn push_help(file: &mut String, key: &Key) {
    let mut help = key.help.to_owned();
    if let Some(default) = key.default.filter(|_| !key.examples.is_empty() && !key.written) {
        let _ = write!(help, " Default: {default}.");
    }
    let choices = matches!(key.kind, super::Kind::Choice(_));
    if choices {
        let _ = write!(help, " One of {}.", key.kind.expected().replace(" or ", ", "));
    }
    push_comment(file, &help);
}

fn push_line(file: &mut String, written: bool, name: &str, value: &str) {
    let _ = writeln!(file, "{}{name} = {value}", if written { "" } else { "#" });
}

/// Adds prose as comment lines of at most 100 characters.
fn push_comment(file: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > 100 {
            let _ = writeln!(file, "{line}");
            line = String::from("#");
        }
        let _ = write!(line, " {word}");
    }
    let _ = writeln!(file, "{line}");
}

/// The settings of a section.
fn keys_of(section: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.path.rsplit_once('.').is_some_and(|(parent, _)| parent == section))
}
