//! The screen, and the pager for what does not fit it.

use std::io::{ErrorKind as Io, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use unicode_width::UnicodeWidthChar;

use crate::cli::output;
use crate::error::{Error, Result};
use crate::settings::pager_program;

/// Whether a pager has the screen and the keys.
pub(super) static PAGING: AtomicBool = AtomicBool::new(false);

/// Lines of the screen that are not a result's: its footer, an empty line, the next prompt.
const LINES_KEPT: usize = 3;

/// The size of the screen in characters: columns and lines.
pub(super) fn screen_size() -> (usize, usize) {
    let size = terminal_size::terminal_size();
    size.map_or((80, 24), |(width, height)| (usize::from(width.0).max(20), usize::from(height.0).max(5)))
}

/// A writer to the screen. It holds what it gets until it knows whether that fits; then a pager has it, or the screen.
pub(super) struct Screen {
    columns: usize,
    lines_max: usize,
    fit: Fit,
    held: Vec<u8>,
    out: Out,
}

enum Out {
    Holding,
    Plain,
    Paged(Child),
}

impl Screen {
    /// With a pager for what does not fit, or without.
    pub(super) fn new(pager: bool) -> Self {
        let (columns, lines) = screen_size();
        let out = if pager { Out::Holding } else { Out::Plain };
        Self { columns, lines_max: lines.saturating_sub(LINES_KEPT), fit: Fit::default(), held: Vec::new(), out }
    }

    /// Shows what is left, and waits for the pager to be left.
    ///
    /// # Errors
    /// If the screen cannot be written to or the pager cannot be run. A pager that is left early is none.
    pub(super) fn finish(mut self) -> Result<()> {
        if let Out::Paged(child) = &mut self.out {
            drop(child.stdin.take());
            let ended = child.wait().map_err(|error| output::fault(&error))?;
            PAGING.store(false, Ordering::Relaxed);
            // How a shell says that there is no such program, or that it may not be run.
            return match ended.code() {
                Some(126 | 127) => Err(Error::failed("the pager cannot be run").hint(
                    "set PAGER to another program, or go without: `\\pset pager off`; `\\last` shows the result",
                )),
                _ => Ok(()),
            };
        }
        let mut out = output::stdout();
        out.write_all(&self.held).and_then(|()| out.flush()).map_err(|error| output::fault(&error))
    }

    fn hold(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.held.extend_from_slice(bytes);
        self.fit.see(bytes);
        if self.fit.lines <= self.lines_max && self.fit.widest <= self.columns {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        match start_pager() {
            Ok(child) => {
                PAGING.store(true, Ordering::Relaxed);
                self.out = Out::Paged(child);
            }
            Err(_) => self.out = Out::Plain,
        }
        self.write_all(&held)
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.out {
            Out::Holding => self.hold(bytes)?,
            Out::Plain => output::stdout().write_all(bytes)?,
            Out::Paged(child) => match &mut child.stdin {
                Some(pipe) => pipe.write_all(bytes)?,
                None => return Err(Io::BrokenPipe.into()),
            },
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match &mut self.out {
            Out::Plain => output::stdout().flush(),
            _ => Ok(()),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A cancelled statement leaves its pager with what it has.
        if let Out::Paged(child) = &mut self.out {
            drop(child.stdin.take());
            let _ = child.wait();
            PAGING.store(false, Ordering::Relaxed);
        }
    }
}

/// The user's pager, or `less` so that it shows colours, does not wrap, and leaves what it showed on the screen.
fn start_pager() -> std::io::Result<Child> {
    let mut command = if let Some(program) = pager_program() {
        let mut shell = Command::new("sh");
        shell.args(["-c", &program]);
        shell
    } else {
        let mut less = Command::new("less");
        less.arg("-SRFX");
        less
    };
    command.stdin(Stdio::piped()).spawn()
}

/// How many lines a text has and how wide it is, as it comes.
#[derive(Default)]
struct Fit {
    lines: usize,
    widest: usize,
    width: usize,
    /// Within a colour's code.
    in_code: bool,
    /// The begin of a character of more bytes.
    rest: Vec<u8>,
}

impl Fit {
    fn see(&mut self, bytes: &[u8]) {
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&all) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Ok(_) | Err(_) => all.len(),
        };
        let (text, rest) = all.split_at_checked(whole).unwrap_or((&all, &[]));
        String::from_utf8_lossy(text).chars().for_each(|c| self.see_char(c));
        self.rest = rest.to_vec();
    }

    fn see_char(&mut self, c: char) {
        match c {
            '\n' => {
                self.lines += 1;
                self.width = 0;
            }
            '\u{1b}' => self.in_code = true,
            _ if self.in_code => self.in_code = !c.is_ascii_alphabetic(),
            _ => {
                self.width += c.width().unwrap_or_default();
                self.widest = self.widest.max(self.width);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_width_are_those_on_the_screen() {
        for (parts, lines, widest) in [
            (vec!["abc\nde\n"], 2, 3),
            (vec!["ab", "cd"], 0, 4),
            (vec!["\u{1b}[1mab\u{1b}", "[0mc\n"], 1, 3),
            (vec!["漢字\n"], 1, 4),
            (vec![""], 0, 0),
        ] {
            let mut fit = Fit::default();
            for part in &parts {
                fit.see(part.as_bytes());
            }
            assert_eq!((fit.lines, fit.widest), (lines, widest), "{parts:?}");
        }
        let mut fit = Fit::default();
        "é漢".bytes().for_each(|byte| fit.see(&[byte]));
        assert_eq!(fit.widest, 3);
    }
}
