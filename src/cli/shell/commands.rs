//! The backslash commands. clap's declarations are their parser, their help and the table in `docs/shell.md`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind as Wrong;
use clap::{CommandFactory, Parser, Subcommand};

use super::view::OPTIONS;
use crate::cli::formats::Format;
use crate::error::{Error, Result, Said};

/// A backslash command, as typed without its backslash.
#[derive(Parser, Debug)]
#[command(no_binary_name = true, disable_help_flag = true, disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// What a backslash command does.
#[derive(Subcommand, Clone, Debug, PartialEq)]
pub(super) enum Command {
    /// Describe a table's columns, or list tables and views
    #[command(name = "d")]
    Describe { table: Option<String> },
    /// List tables, of which names hold a pattern
    #[command(name = "dt")]
    Tables { pattern: Option<String> },
    /// List views
    #[command(name = "dv")]
    Views { pattern: Option<String> },
    /// List functions
    #[command(name = "df")]
    Functions { pattern: Option<String> },
    /// List databases
    #[command(name = "l")]
    Databases,
    /// Show rows one below the other: always, never, or when they are too wide
    #[command(name = "x")]
    Expanded {
        #[arg(value_parser = PossibleValuesParser::new(["on", "off", "auto"]))]
        value: Option<String>,
    },
    /// Show how long a statement took, or not
    #[command(name = "timing")]
    Timing {
        #[arg(value_parser = PossibleValuesParser::new(["on", "off"]))]
        value: Option<String>,
    },
    /// Run the statements and commands of a file
    #[command(name = "i")]
    Include { file: String },
    /// Write the next result to a file; the format follows from its name, such as .parquet
    #[command(name = "o")]
    Output {
        file: Option<String>,
        #[arg(value_enum)]
        format: Option<Format>,
    },
    /// Run the last statement again and again until Ctrl-C
    #[command(name = "watch")]
    Watch {
        #[arg(default_value = "2", value_parser = seconds)]
        seconds: f64,
    },
    /// Show the options of the display, or set one
    #[command(name = "pset")]
    Set { name: Option<String>, value: Vec<String> },
    /// Say in which role statements run, or act in another
    #[command(name = "role")]
    Role { name: Option<String> },
    /// Explain what the role sees of a table or column, and which grants decide it
    #[command(name = "why")]
    Why {
        #[arg(value_name = "TABLE[.COLUMN]")]
        place: String,
    },
    /// Show what was typed before, of which it holds a pattern
    #[command(name = "history")]
    History { pattern: Vec<String> },
    /// Show the last result again
    #[command(name = "last")]
    Last,
    /// Draw the last result as a chart, or the next one if there is none
    #[command(name = "chart")]
    Chart,
    /// Edit the last statement in $VISUAL or $EDITOR; Ctrl-X Ctrl-E edits what is being typed
    #[command(name = "e")]
    Edit,
    /// Leave
    #[command(name = "q")]
    Quit,
    /// Show this help
    #[command(name = "?", aliases = ["h", "help"])]
    Help,
}

fn seconds(text: &str) -> Result<f64, String> {
    let most = 86_400.0;
    text.parse().ok().filter(|seconds| (0.1..=most).contains(seconds)).ok_or_else(|| "0.1 to 86400".to_owned())
}

/// Reads a line that begins with a backslash.
///
/// # Errors
/// Usage, with the nearest command or the way the command is used.
pub(super) fn parse(line: &str) -> Result<Command> {
    let words = words(line.trim().trim_end_matches(';').trim_start_matches('\\'));
    let name = words.first().map(String::as_str).unwrap_or_default();
    match Line::try_parse_from(&words) {
        Ok(line) => Ok(line.command),
        Err(_) if usage(name).is_none() => {
            let error = Error::usage("there is no such command").with("command", &Said(&format!("\\{name}")));
            Err(match nearest(name) {
                Some(nearest) => error.hint(format!("did you mean `\\{nearest}`? `\\?` lists all commands")),
                None => error.hint("`\\?` lists all commands"),
            })
        }
        Err(error) => {
            let message = match error.kind() {
                Wrong::MissingRequiredArgument => "the command needs more",
                Wrong::UnknownArgument | Wrong::TooManyValues => "the command takes less",
                _ => "the command does not take this value",
            };
            Err(Error::usage(message).hint(format!("usage: {}", usage(name).unwrap_or_default())))
        }
    }
}

/// Splits at spaces. Single quotes hold a word together and go; double quotes stay, since they belong to SQL's names.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote, mut begun) = (String::new(), None, false);
    for c in line.chars() {
        match quote {
            Some(open) if c == open => {
                quote = None;
                if c == '"' {
                    word.push(c);
                }
            }
            None if c == '\'' || c == '"' => {
                (quote, begun) = (Some(c), true);
                if c == '"' {
                    word.push(c);
                }
            }
            None if c.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// A file that a command names.
pub(super) fn path(word: &str) -> PathBuf {
    PathBuf::from(word.strip_prefix('"').and_then(|word| word.strip_suffix('"')).unwrap_or(word))
}

/// The names of all commands, without their backslash.
pub(super) fn names() -> Vec<String> {
    Line::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

fn nearest(name: &str) -> Option<String> {
    let near = names().into_iter().map(|known| (strsim::jaro_winkler(&known, name), known));
    near.filter(|(likeness, _)| *likeness > 0.7).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// `\d [TABLE]`.
fn usage(name: &str) -> Option<String> {
    let line = Line::command();
    let is =
        |command: &&clap::Command| command.get_name() == name || command.get_all_aliases().any(|alias| alias == name);
    line.get_subcommands().find(is).map(usage_of)
}

fn usage_of(command: &clap::Command) -> String {
    let mut text = format!("\\{}", command.get_name());
    for argument in command.get_arguments() {
        let choices: Vec<String> =
            argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        let name = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        let shown = if (1..5).contains(&choices.len()) { choices.join("|") } else { name.unwrap_or_default() };
        text.push_str(&if argument.is_required_set() { format!(" {shown}") } else { format!(" [{shown}]") });
    }
    text
}

/// Every command as it is used, with what it does.
fn all() -> Vec<(String, String)> {
    let line = Line::command();
    let about = |command: &clap::Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    line.get_subcommands().map(|command| (usage_of(command), about(command))).collect()
}

/// What the keys do.
pub(super) const KEYS: &[(&str, &str)] = &[
    ("Tab", "completes keywords, tables, columns, functions, commands and files"),
    ("Ctrl-R", "searches what was typed before; the arrow keys walk through it"),
    ("Ctrl-X Ctrl-E", "edits what is being typed in $VISUAL or $EDITOR"),
    ("Ctrl-C", "cancels a statement, or clears the line; twice leaves"),
    ("Ctrl-D", "leaves, on an empty line"),
];

/// The help of `\?`.
pub(super) fn help() -> String {
    let mut text =
        String::from("A statement ends with a semicolon and may span lines. Commands end with the line.\n\n");
    let mut table = |rows: Vec<(String, String)>| {
        let width = rows.iter().map(|(usage, _)| usage.len()).max().unwrap_or_default();
        for (usage, about) in rows {
            text.push_str(&format!("  {usage:width$}  {about}\n"));
        }
        text.push('\n');
    };
    table(all());
    table(KEYS.iter().map(|(key, what)| ((*key).to_owned(), (*what).to_owned())).collect());
    let options = OPTIONS.iter().map(|option| (format!("\\pset {}", option.name), option.help.to_owned()));
    table(options.collect());
    text.pop();
    text
}

/// The tables of `docs/shell.md`.
pub(super) fn markdown() -> String {
    let mut text = String::from("| Command | What it does |\n|---|---|\n");
    for (usage, about) in all() {
        text.push_str(&format!("| `{}` | {about} |\n", usage.replace('|', "\\|")));
    }
    text.push_str("\n| Key | What it does |\n|---|---|\n");
    for (key, what) in KEYS {
        text.push_str(&format!("| {key} | {what} |\n"));
    }
    text.push_str("\n| Option of `\\pset` | Values | What it sets |\n|---|---|---|\n");
    for option in OPTIONS {
        let values = option.values.join("`, `");
        text.push_str(&format!("| `{}` | `{values}` | {} |\n", option.name, option.help));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn commands_are_read_with_their_arguments() {
        let text = |word: &str| Some(word.to_owned());
        for (line, command) in [
            ("\\d", Command::Describe { table: None }),
            ("\\d customer;", Command::Describe { table: text("customer") }),
            ("  \\d dataset.\"My Table\" ", Command::Describe { table: text("dataset.\"My Table\"") }),
            ("\\dt cust", Command::Tables { pattern: text("cust") }),
            ("\\x", Command::Expanded { value: None }),
            ("\\x auto", Command::Expanded { value: text("auto") }),
            ("\\i 'a b.sql'", Command::Include { file: "a b.sql".to_owned() }),
            ("\\o out.csv", Command::Output { file: text("out.csv"), format: None }),
            ("\\o out json", Command::Output { file: text("out"), format: Some(Format::Json) }),
            ("\\watch", Command::Watch { seconds: 2.0 }),
            ("\\watch 0.5", Command::Watch { seconds: 0.5 }),
            ("\\pset null ''", Command::Set { name: text("null"), value: vec![String::new()] }),
            ("\\history select 1", Command::History { pattern: vec!["select".to_owned(), "1".to_owned()] }),
            ("\\why customer.mail", Command::Why { place: "customer.mail".to_owned() }),
            ("\\?", Command::Help),
            ("\\h", Command::Help),
            ("\\q", Command::Quit),
        ] {
            assert_eq!(parse(line).unwrap(), command, "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_told_with_a_hint() {
        for (line, words) in [
            ("\\histry", ["there is no such command", "did you mean `\\history`"]),
            ("\\", ["there is no such command", "`\\?` lists"]),
            ("\\zzz", ["\\zzz", "`\\?` lists"]),
            ("\\i", ["the command needs more", "usage: \\i FILE"]),
            ("\\x maybe", ["does not take this value", "usage: \\x [on|off|auto]"]),
            ("\\q now", ["the command takes less", "usage: \\q"]),
            ("\\watch 0", ["does not take this value", "\\watch [SECONDS]"]),
            ("\\why", ["the command needs more", "usage: \\why TABLE[.COLUMN]"]),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{line}: {error}");
        }
    }

    #[test]
    fn the_help_names_every_command() {
        let help = help();
        for name in names() {
            assert!(help.contains(&format!("  \\{name}")), "{name} in\n{help}");
        }
        assert!(help.lines().all(|line| line.chars().count() <= 110), "{help}");
    }
}
