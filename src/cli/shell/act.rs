//! What the backslash commands do.

use std::path::Path;
use std::time::Duration;

use super::commands::{self, Command};
use super::describe::{self, Shape};
use super::pager::Screen;
use super::session::{Go, ORIGIN, Session, guarded, listen, nested_too_deep};
use super::show::Destination;
use super::validate::{is_whole, leaves};
use crate::cli::desk::Desk;
use crate::cli::formats::Format;
use crate::cli::role::RoleArgs;
use crate::cli::{output, why};
use crate::engine::interruptible;
use crate::error::{Error, ErrorKind, Result, Said};
use crate::model::printable;

/// How deep files may name each other.
const DEPTH_MAX: usize = 16;

/// Formats by the end of a file's name.
const ENDINGS: &[(&str, Format)] = &[
    ("parquet", Format::Parquet),
    ("arrow", Format::Arrow),
    ("csv", Format::Csv),
    ("tsv", Format::Tsv),
    ("json", Format::Json),
    ("ndjson", Format::Ndjson),
    ("jsonl", Format::Ndjson),
    ("md", Format::Markdown),
    ("html", Format::Html),
    ("txt", Format::Table),
];

impl Session<'_> {
    /// Does what a command says, `depth` files deep.
    pub(super) fn act(&mut self, command: Command, depth: usize) -> Result<Go> {
        match command {
            Command::Quit => return Ok(Go::Leave),
            Command::Include { file } => return self.include(&commands::path(&file), depth),
            Command::Help => self.page(&commands::help())?,
            Command::Describe { table: Some(table) } => self.describe(&table)?,
            Command::Describe { table: None } => self.look(&describe::all())?,
            Command::Tables { pattern } => self.look(&describe::tables(pattern.as_deref(), false))?,
            Command::Views { pattern } => self.look(&describe::tables(pattern.as_deref(), true))?,
            Command::Functions { pattern } => self.look(&describe::functions(pattern.as_deref()))?,
            Command::Databases => self.look(&describe::databases())?,
            Command::Expanded { value } => self.set("expanded", value.as_deref())?,
            Command::Timing { value } => self.set("timing", value.as_deref())?,
            Command::Set { name: None, .. } => self.page(&self.view.list())?,
            Command::Set { name: Some(name), value } => {
                let value = value.join(" ");
                let shown = matches!(name.as_str(), "null").then_some(value.as_str());
                self.set(&name, Some(value.as_str()).filter(|value| !value.is_empty()).or(shown))?;
            }
            Command::Output { file, format } => self.output(file.as_deref(), format)?,
            Command::Watch { seconds } => self.watch(Duration::from_secs_f64(seconds))?,
            Command::Role { name } => self.role(name)?,
            Command::Why { place } => self.why(&place)?,
            Command::History { pattern } => self.history(&pattern.join(" "))?,
            Command::Last => self.again(None)?,
            Command::Chart => self.chart()?,
            Command::Edit => {
                let last = self.statement.as_ref().map(|last| format!("{};", last.text)).unwrap_or_default();
                self.edit(&last)?;
            }
        }
        Ok(Go::On)
    }

    /// Shows a text, through the pager if need be.
    fn page(&self, text: &str) -> Result<()> {
        let mut screen = Screen::new(self.view.pager);
        let written = std::io::Write::write_all(&mut screen, text.as_bytes());
        match written.map_err(|error| output::fault(&error)) {
            Err(error) if !output::is_broken_pipe(&error) => Err(error),
            _ => screen.finish(),
        }
    }

    /// A look at what there is, which is nobody's question.
    fn look(&mut self, query: &str) -> Result<()> {
        for statement in self.runtimes.wait(self.desk.parsed(query, ORIGIN))? {
            self.answer(&statement, false)?;
        }
        Ok(())
    }

    fn describe(&mut self, table: &str) -> Result<()> {
        let query = describe::shape(table, &self.names.get())?;
        let mut shape = Shape::default();
        let desk = &self.desk;
        for statement in self.runtimes.wait(desk.parsed(&query, ORIGIN))? {
            guarded(self.runtimes, desk.look(&statement, &mut shape))?;
        }
        let Some(kept) = shape.0 else { return Ok(()) };
        let mut shower = self.shower();
        shower.format = Some(Format::Table);
        self.runtimes.wait(shower.again(&kept))?;
        shower.finish().map(|_| ())
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        self.view.set(name, value)?;
        self.editor.set_mode(self.view.editmode);
        let name = name.to_lowercase();
        output::note(&format!("{name} is {}", self.view.get(&name)));
        Ok(())
    }

    fn output(&mut self, file: Option<&str>, format: Option<Format>) -> Result<()> {
        let Some(file) = file else {
            self.file = None;
            output::note("results go to the screen");
            return Ok(());
        };
        let path = commands::path(file);
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        let known = ENDINGS.iter().find(|(known, _)| *known == ending).map(|(_, format)| *format);
        let format = format.or(known).ok_or_else(|| {
            let endings: Vec<&str> = ENDINGS.iter().map(|(ending, _)| *ending).collect();
            Error::usage("the name of the file does not tell its format")
                .with("file", &path.display())
                .hint(format!("name the format behind it, or end it in one of: {}", endings.join(", ")))
        })?;
        output::note(&format!("the next result goes to {}", printable(&path.display().to_string())));
        self.file = Some(Destination { path, format });
        Ok(())
    }

    /// Runs the last statement again and again. Ctrl-C is the way to end it, so it is no failure.
    fn watch(&mut self, pause: Duration) -> Result<()> {
        let statement = self.statement.clone().ok_or_else(nothing_yet)?;
        // One ear for all rounds: a key that is pressed between two of them is heard too.
        let mut pressed = listen(self.runtimes)?;
        let pager = std::mem::replace(&mut self.view.pager, false);
        let ended = loop {
            let time = chrono::Local::now().format("%H:%M:%S");
            output::note(&format!("{time}, every {} s; Ctrl-C ends it", pause.as_secs_f64()));
            match self.answer(&statement, true) {
                Ok(kept) => self.last = kept.or(self.last.take()),
                Err(error) if error.kind() == ErrorKind::Interrupted => break Ok(()),
                Err(error) => break Err(error),
            }
            let goes_on = self.runtimes.wait(async {
                tokio::select! {
                    biased;
                    _ = pressed.recv() => Ok(false),
                    () = tokio::time::sleep(pause) => Ok(true),
                }
            });
            if !matches!(goes_on, Ok(true)) {
                break goes_on.map(|_| ());
            }
        };
        self.view.pager = pager;
        ended
    }

    fn role(&mut self, name: Option<String>) -> Result<()> {
        if name.is_some() {
            let args = RoleArgs { role: name };
            self.desk = self.runtimes.wait(interruptible(Box::pin(Desk::open(self.app, &args))))?;
            // What one role was answered is not another's to see.
            (self.last, self.statement, self.file) = (None, None, None);
            self.asking.read(self.desk.role());
        }
        let known: Vec<String> = self.app.settings().roles.keys().map(|name| printable(name)).collect();
        output::note(&match self.desk.role() {
            Some(role) => format!("the role is {}; roles are: {}", printable(role), known.join(", ")),
            None => "no roles are defined: everything there is can be read".to_owned(),
        });
        Ok(())
    }

    fn why(&mut self, place: &str) -> Result<()> {
        let role = self.desk.role().ok_or_else(|| {
            Error::usage("no roles are defined")
                .hint("`saltlake grant` and `[roles]` in saltlake.toml say who may read what")
        })?;
        guarded(self.runtimes, interruptible(Box::pin(why::run(&why::WhyArgs::of(role, place), self.app))))
    }

    fn history(&mut self, pattern: &str) -> Result<()> {
        let pattern = pattern.to_lowercase();
        let entries = self.editor.entries();
        let mut text = String::new();
        for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.to_lowercase().contains(&pattern)) {
            let entry: Vec<String> = entry.lines().map(printable).collect();
            text.push_str(&format!("{:5}  {}\n", at + 1, entry.join("\n       ")));
        }
        self.page(&text)
    }

    fn again(&mut self, format: Option<Format>) -> Result<()> {
        let kept = self.last.as_ref().ok_or_else(nothing_yet)?;
        let mut shower = self.shower();
        shower.format = format;
        self.runtimes.wait(shower.again(kept))?;
        shower.finish().map(|_| ())
    }

    fn chart(&mut self) -> Result<()> {
        if self.last.is_some() {
            return self.again(Some(Format::Chart));
        }
        self.format = Some(Format::Chart);
        output::note("the next result is drawn as a chart");
        Ok(())
    }

    /// Runs a file: statements, and commands that stand on lines of their own.
    fn include(&mut self, file: &Path, depth: usize) -> Result<Go> {
        if depth >= DEPTH_MAX {
            return Err(nested_too_deep());
        }
        let bytes = std::fs::read(file).map_err(|_| {
            Error::failed("the file cannot be read").with("file", &file.display()).hint("check its name")
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::failed("the file is not UTF-8 text").with("file", &file.display()))?;
        let origin = file.display().to_string();
        let mut pending = String::new();
        let mut begin = 1;
        let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let number = at + 1;
            if pending.trim().is_empty() {
                (pending, begin) = (String::new(), number);
            }
            let alone = pending.is_empty() && line.trim_start().starts_with('\\');
            let place = |error: Error| at_line(error, &origin, begin);
            if alone {
                let command = commands::parse(line).map_err(place)?;
                if self.act(command, depth + 1).map_err(place)? == Go::Leave {
                    return Ok(Go::Leave);
                }
                continue;
            }
            pending.push_str(line);
            pending.push('\n');
            if is_whole(&pending) || number == lines.len() {
                if leaves(&pending) {
                    return Ok(Go::Leave);
                }
                let run = std::mem::take(&mut pending);
                self.statements(&run, &origin).map_err(place)?;
            }
        }
        Ok(Go::On)
    }
}

/// An error with its place in a file; a stop needs none.
fn at_line(error: Error, origin: &str, line: usize) -> Error {
    match error.kind() {
        ErrorKind::Interrupted => error,
        _ => error.with("in", &Said(&format!("{origin}, from line {line}"))),
    }
}

fn nothing_yet() -> Error {
    Error::usage("no statement was run yet")
}
