//! How results are shown: what `\pset`, `\x` and `\timing` set.

use clap::ValueEnum;

use crate::cli::formats::{Border, Expanded, Format, Look};
use crate::error::{Error, Result, Said};
use crate::settings::{EditMode, ShellSettings};

/// An option of `\pset`.
pub(super) struct ViewOption {
    pub(super) name: &'static str,
    /// What it may be; a word in capitals stands for a value of that kind.
    pub(super) values: &'static [&'static str],
    pub(super) help: &'static str,
}

const SWITCH: &[&str] = &["on", "off"];

/// Every option, in the order in which it is shown.
pub(super) const OPTIONS: &[ViewOption] = &[
    ViewOption { name: "format", values: &["FORMAT"], help: "the format of results on the screen" },
    ViewOption { name: "expanded", values: &["on", "off", "auto"], help: "rows one below the other, as \\x" },
    ViewOption { name: "border", values: &["unicode", "ascii", "none"], help: "the lines of tables" },
    ViewOption { name: "null", values: &["TEXT"], help: "what stands for NULL" },
    ViewOption { name: "rows", values: &["NUMBER", "all"], help: "how many rows of a result are shown" },
    ViewOption { name: "width", values: &["NUMBER", "auto"], help: "how wide a table may be, in characters" },
    ViewOption { name: "pager", values: SWITCH, help: "$PAGER or less, for what does not fit the screen" },
    ViewOption { name: "timing", values: SWITCH, help: "how long a statement took, as \\timing" },
    ViewOption { name: "editmode", values: &["emacs", "vi"], help: "the keys of the editor" },
];

/// The display as it is set.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) format: Format,
    pub(super) expanded: Expanded,
    border: Border,
    null: String,
    rows: Option<u64>,
    width: Option<usize>,
    pub(super) pager: bool,
    pub(super) timing: bool,
    pub(super) editmode: EditMode,
}

impl View {
    pub(super) fn new(settings: &ShellSettings, format: Format) -> Self {
        Self {
            format,
            expanded: named(EXPANDED, &settings.expanded).unwrap_or(Expanded::Auto),
            border: Border::Unicode,
            null: "NULL".to_owned(),
            rows: None,
            width: None,
            pager: settings.pager,
            timing: true,
            editmode: settings.editmode,
        }
    }

    /// The look of a result on a screen so wide.
    pub(super) fn look(&self, screen_width: usize, color: bool, masked: Vec<bool>) -> Look {
        let mut look = Look::screen(self.width.unwrap_or(screen_width));
        look.rows_max = self.rows;
        look.null.clone_from(&self.null);
        look.expanded = self.expanded;
        look.border = self.border;
        look.color = color;
        look.masked = masked;
        look
    }

    /// Whether so many rows are as many as are shown.
    pub(super) fn cuts_at(&self, rows: u64) -> bool {
        self.rows == Some(rows)
    }

    /// Sets an option; without a value a switch turns over.
    ///
    /// # Errors
    /// Usage, with the values that it takes.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        let option = option(name)?;
        let wrong = || {
            Error::usage("the option does not take this value")
                .with("option", &Said(option.name))
                .hint(format!("it may be: {}", values_of(option).join(", ")))
        };
        let needed = || value.ok_or_else(wrong);
        match option.name {
            "format" => self.format = on_screen(needed()?).ok_or_else(wrong)?,
            "expanded" => self.expanded = expanded(self.expanded, value).ok_or_else(wrong)?,
            "border" => self.border = named(BORDERS, needed()?).ok_or_else(wrong)?,
            "null" => {
                let text = value.filter(|text| !text.contains(char::is_control)).ok_or_else(wrong)?;
                text.clone_into(&mut self.null);
            }
            "rows" => self.rows = number(needed()?, "all").ok_or_else(wrong)?,
            "width" => {
                let width = number(needed()?, "auto").ok_or_else(wrong)?;
                self.width = width.map(|width| usize::try_from(width).unwrap_or(usize::MAX));
            }
            "pager" => self.pager = switch(self.pager, value).ok_or_else(wrong)?,
            "timing" => self.timing = switch(self.timing, value).ok_or_else(wrong)?,
            _ => {
                self.editmode = match needed()? {
                    "emacs" => EditMode::Emacs,
                    "vi" => EditMode::Vi,
                    _ => return Err(wrong()),
                }
            }
        }
        Ok(())
    }

    /// An option's value, as it would be set.
    pub(super) fn get(&self, name: &str) -> String {
        match name {
            "format" => format_name(self.format),
            "expanded" => name_in(EXPANDED, &self.expanded),
            "border" => name_in(BORDERS, &self.border),
            "null" => format!("'{}'", self.null),
            "rows" => self.rows.map_or_else(|| "all".to_owned(), |rows| rows.to_string()),
            "width" => self.width.map_or_else(|| "auto".to_owned(), |width| width.to_string()),
            "pager" => on_off(self.pager),
            "timing" => on_off(self.timing),
            _ => if self.editmode == EditMode::Vi { "vi" } else { "emacs" }.to_owned(),
        }
    }

    /// Every option with its value, a line each.
    pub(super) fn list(&self) -> String {
        let line = |option: &ViewOption| format!("{:10}{:10}{}\n", option.name, self.get(option.name), option.help);
        OPTIONS.iter().map(line).collect()
    }
}

/// The values that an option takes.
pub(super) fn values_of(option: &ViewOption) -> Vec<String> {
    match option.values {
        ["FORMAT"] => {
            Format::value_variants().iter().copied().filter(|format| !needs_file(*format)).map(format_name).collect()
        }
        values => values.iter().map(|value| (*value).to_owned()).collect(),
    }
}

/// # Errors
/// Usage, with the nearest option.
fn option(name: &str) -> Result<&'static ViewOption> {
    OPTIONS.iter().find(|option| option.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let names: Vec<&str> = OPTIONS.iter().map(|option| option.name).collect();
        Error::usage("there is no such option")
            .with("option", &Said(name))
            .hint(format!("options are: {}", names.join(", ")))
    })
}

/// Whether a format is for files alone.
pub(super) fn needs_file(format: Format) -> bool {
    matches!(format, Format::Parquet | Format::Arrow)
}

fn on_screen(value: &str) -> Option<Format> {
    Format::from_str(value, true).ok().filter(|format| !needs_file(*format))
}

fn format_name(format: Format) -> String {
    format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

const BORDERS: &[(&str, Border)] = &[("unicode", Border::Unicode), ("ascii", Border::Ascii), ("none", Border::None)];

const EXPANDED: &[(&str, Expanded)] = &[("on", Expanded::On), ("off", Expanded::Off), ("auto", Expanded::Auto)];

fn named<T: Copy>(names: &[(&str, T)], name: &str) -> Option<T> {
    names.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn name_in<T: PartialEq>(names: &[(&str, T)], value: &T) -> String {
    names.iter().find(|(_, known)| known == value).map(|(name, _)| (*name).to_owned()).unwrap_or_default()
}

fn on_off(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

fn switch(now: bool, value: Option<&str>) -> Option<bool> {
    match value {
        None => Some(!now),
        Some("on") => Some(true),
        Some("off") => Some(false),
        Some(_) => None,
    }
}

fn expanded(now: Expanded, value: Option<&str>) -> Option<Expanded> {
    match value {
        None if now == Expanded::On => Some(Expanded::Off),
        None => Some(Expanded::On),
        Some(value) => named(EXPANDED, value),
    }
}

/// A number from one on, or the word that stands for none.
#[allow(clippy::option_option, reason = "outside: whether it was understood; inside: whether there is a number")]
fn number(value: &str, none: &str) -> Option<Option<u64>> {
    if value == none { Some(None) } else { value.parse().ok().filter(|number| *number > 0).map(Some) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn view() -> View {
        View::new(&ShellSettings::default(), Format::Table)
    }

    #[test]
    fn every_option_is_set_and_shown() {
        let mut view = view();
        for (name, value) in [
            ("format", "csv"),
            ("expanded", "on"),
            ("border", "ascii"),
            ("rows", "10"),
            ("rows", "all"),
            ("width", "60"),
            ("width", "auto"),
            ("pager", "off"),
            ("timing", "off"),
            ("editmode", "vi"),
        ] {
            view.set(name, Some(value)).unwrap();
            assert_eq!(view.get(name), value, "{name}");
        }
        view.set("null", Some("-")).unwrap();
        view.set("PAGER", None).unwrap();
        assert_eq!((view.get("null"), view.get("pager")), ("'-'".to_owned(), "on".to_owned()));
        assert!(OPTIONS.iter().all(|option| view.list().contains(option.help)));
    }

    #[test]
    fn a_wrong_value_changes_nothing_and_says_what_would_be_right() {
        for (name, value, words) in [
            ("format", "parquet", "table"),
            ("format", "xml", "csv"),
            ("expanded", "maybe", "auto"),
            ("rows", "-1", "all"),
            ("rows", "0", "NUMBER"),
            ("border", "", "unicode"),
            ("null", "\u{1b}[31m", "TEXT"),
            ("editmode", "ed", "vi"),
            ("colour", "on", "options are: format"),
        ] {
            let mut view = view();
            let error = view.set(name, Some(value)).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains('\u{1b}'), "{name}: {error}");
            assert_eq!(view.list(), self::view().list());
        }
    }

    #[test]
    fn without_a_value_the_expanded_display_turns_over() {
        let mut view = view();
        for expected in ["on", "off", "on"] {
            view.set("expanded", None).unwrap();
            assert_eq!(view.get("expanded"), expected);
        }
    }
}
