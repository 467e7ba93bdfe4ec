//! A real pseudo-terminal: keys are typed into it, and the screen is read back.

use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::binary::Sandbox;
use super::picture::{Palette, draw};

/// Nothing takes longer to appear.
const PATIENCE: Duration = Duration::from_mins(1);

/// Lines and columns of the screen.
pub(crate) const SIZE: (u16, u16) = (40, 120);

/// A program at a terminal.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    seen: Arc<Mutex<Seen>>,
    /// How much of the output was looked at.
    looked: usize,
    _master: Box<dyn MasterPty + Send>,
}

/// What the program wrote.
struct Seen {
    screen: vt100::Parser,
    raw: Vec<u8>,
    ended: bool,
}

impl Terminal {
    /// Starts the binary in a sandbox.
    pub(crate) fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        Self::start_in_size(sandbox, arguments, SIZE)
    }

    /// Starts the binary on a screen of so many lines and columns.
    pub(crate) fn start_in_size(sandbox: &Sandbox, arguments: &[&str], (rows, cols): (u16, u16)) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("open a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_saltlake"));
        command.args(arguments);
        command.env_clear();
        command.env("TERM", "xterm-256color");
        for (name, value) in sandbox.environment() {
            command.env(name, value);
        }
        command.cwd(sandbox.folder());
        let child = pair.slave.spawn_command(command).expect("start the binary");
        drop(pair.slave);
        let keys = pair.master.take_writer().unwrap();
        let mut output = pair.master.try_clone_reader().unwrap();
        let screen = vt100::Parser::new(at_least_one(rows), at_least_one(cols), 0);
        let seen = Arc::new(Mutex::new(Seen { screen, raw: Vec::new(), ended: false }));
        let written = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                let mut seen = written.lock().unwrap();
                seen.screen.process(&bytes[..count]);
                seen.raw.extend_from_slice(&bytes[..count]);
            }
            written.lock().unwrap().ended = true;
        });
        Self { child, keys, seen, looked: 0, _master: pair.master }
    }

    /// Types keys: `\r` is Enter, `\t` Tab, `\u{3}` Ctrl-C.
    pub(crate) fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Types a line and presses Enter.
    pub(crate) fn line(&mut self, line: &str) {
        self.keys(&format!("{line}\r"));
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub(crate) fn wait_for_screen(&self, text: &str) {
        self.wait(&format!("the screen to show `{text}`"), |seen| {
            seen.screen.screen().contents().contains(text).then_some(())
        });
    }

    /// Waits until the cursor is in a column, counted from 0.
    #[track_caller]
    pub(crate) fn wait_for_cursor(&self, column: usize) {
        self.wait(&format!("the cursor in column {column}"), |seen| {
            (usize::from(seen.screen.screen().cursor_position().1) == column).then_some(())
        });
    }

    /// Waits until a text was written after what was waited for before, and gives what was written up to its end:
    /// without colours and movements, as it came.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) -> String {
        let looked = self.looked;
        let (before, looked) = self.wait(&format!("`{text}`"), |seen| {
            let new = plain(&seen.raw[looked..]);
            let (at, _) = new.iter().enumerate().find(|(at, _)| {
                let mut rest = new[*at..].iter().map(|(c, _)| *c);
                text.chars().all(|c| rest.next() == Some(c))
            })?;
            let end = at + text.chars().count();
            let before: String = new[..end].iter().map(|(c, _)| *c).collect();
            Some((before, looked + new[end - 1].1))
        });
        self.looked = looked;
        before
    }

    /// What the screen shows now.
    pub(crate) fn screen(&self) -> String {
        self.seen.lock().unwrap().screen.screen().contents()
    }

    /// The screen as a picture.
    pub(crate) fn picture(&self, palette: &Palette, steady: impl Fn(&str) -> String) -> String {
        draw(self.seen.lock().unwrap().screen.screen(), palette, steady)
    }

    /// Every byte that was written so far.
    pub(crate) fn written(&self) -> Vec<u8> {
        self.seen.lock().unwrap().raw.clone()
    }

    /// Waits for the program to end by itself, and gives its exit code.
    #[track_caller]
    pub(crate) fn end(mut self) -> u32 {
        self.wait("the end", |seen| seen.ended.then_some(()));
        self.child.wait().unwrap().exit_code()
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, is_there: impl Fn(&Seen) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            let (found, ended) = {
                let seen = self.seen.lock().unwrap();
                (is_there(&seen), seen.ended)
            };
            if let Some(found) = found {
                return found;
            }
            assert!(
                !ended && Instant::now() < until,
                "waited for {what}; ended: {ended}; the screen:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn at_least_one(count: u16) -> NonZero<u16> {
    NonZero::new(count).expect("a screen has lines and columns")
}

/// The characters of what was written, each with the byte after it, without control sequences and carriage returns.
fn plain(raw: &[u8]) -> Vec<(char, usize)> {
    let text = String::from_utf8_lossy(raw);
    let mut chars = text.char_indices().peekable();
    let mut plain = Vec::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '\u{1b}' => {
                // `ESC [ … letter`, or one character.
                if chars.next_if(|(_, next)| *next == '[').is_some() {
                    while chars.next_if(|(_, next)| !('@'..='~').contains(next)).is_some() {}
                }
                chars.next();
            }
            '\r' => {}
            _ => plain.push((c, at + c.len_utf8())),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_are_no_text() {
        let text: String = plain(b"\x1b[1;31mred\x1b[0m\r\n\x1b[?2004h> \x1b[K").iter().map(|(c, _)| *c).collect();
        assert_eq!(text, "red\n> ");
    }

    #[test]
    fn a_program_at_a_terminal_is_seen() {
        let mut terminal = Terminal::start(&Sandbox::new(), &["--version"]);
        terminal.expect("saltlake ");
        assert_eq!(terminal.end(), 0);
    }
}
