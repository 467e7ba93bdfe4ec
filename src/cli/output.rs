//! The only place that talks to people and programs: data to standard output, everything else to standard error.

use std::io::{IsTerminal, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use crate::engine::interruptible;
use crate::error::{Error, ErrorKind, Result, Said};
use crate::settings::{log_filter, no_color};

const BROKEN_PIPE: &str = "nobody reads the output any more";

/// Standard output.
pub(super) fn stdout() -> std::io::StdoutLock<'static> {
    std::io::stdout().lock()
}

/// Standard output for a stream of results, which crosses threads.
pub(super) fn stdout_unlocked() -> std::io::BufWriter<std::io::Stdout> {
    std::io::BufWriter::new(std::io::stdout())
}

/// Writes text to standard output.
pub(super) fn print(text: &str) -> Result<()> {
    stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush()).map_err(|error| fault(&error))
}

/// Reads standard input to its end, on a thread of its own: Ctrl-C ends the program all the same.
pub(super) async fn read_stdin() -> Result<Vec<u8>> {
    let read = tokio::task::spawn_blocking(|| {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    });
    let fault = || Error::failed("cannot read standard input");
    interruptible(async { read.await.map_err(|_| fault())?.map_err(|_| fault()) }).await
}

/// Reads standard input as text.
pub(super) async fn read_stdin_text() -> Result<String> {
    String::from_utf8(read_stdin().await?).map_err(|_| Error::failed("standard input is not UTF-8 text"))
}

/// Writes a line to standard error, for people.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Whether a person watches standard error.
pub(super) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// How many columns standard output has, if it is a screen.
pub(super) fn screen_width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    // A terminal that does not know its size is taken for an old one.
    Some(terminal_size::terminal_size_of(std::io::stdout()).map_or(80, |(width, _)| usize::from(width.0).max(1)))
}

/// An output error in our words. A reader that went away ends the program quietly.
pub(super) fn fault(error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return Error::new(ErrorKind::Failed, BROKEN_PIPE);
    }
    Error::failed("cannot write the output").with("reason", &Said(crate::engine::store::io_kind(error.kind())))
}

/// Whether an error only says that the reader of the output went away.
pub(super) fn is_broken_pipe(error: &Error) -> bool {
    error.message() == BROKEN_PIPE
}

fn painted(text: &str, code: &str) -> String {
    if is_watched() && !no_color() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Text for standard error that may be passed over.
pub(super) fn dimmed(text: &str) -> String {
    painted(text, "2")
}

/// Prints an error: what, where, what next.
pub(super) fn print_error(error: &Error) {
    let label = match error.kind() {
        ErrorKind::Refused => "refused",
        ErrorKind::Interrupted => "stopped",
        ErrorKind::Failed | ErrorKind::Usage => "error",
    };
    let text = error.to_string();
    // A stop needs no message: its label says it.
    match text.strip_prefix(label) {
        Some(rest) => note(&format!("{}{rest}", painted(label, "1;31"))),
        None => note(&format!("{}: {text}", painted(label, "1;31"))),
    }
}

/// Prints a warning.
pub(super) fn print_warning(text: &str) {
    note(&format!("{}: {text}", painted("warning", "1;33")));
}

/// Whether only saltlake's own lines are logged.
static OWN_LOG_ONLY: AtomicBool = AtomicBool::new(false);

/// From now on the libraries below log nothing, whatever the filter says: they write plans, paths and statistics, which
/// are not a granted role's to see.
pub(super) fn log_own_lines_only() {
    OWN_LOG_ONLY.store(true, Ordering::Relaxed);
}

/// Starts the log on standard error. `SALTLAKE_LOG` sets its filter; `--verbose` shows what saltlake does.
///
/// INVARIANT: libraries below never log at `trace`, whatever the filter says: that is where they write whole requests
/// and responses.
pub(super) fn start_log(verbose: bool) {
    let filter = match log_filter() {
        Some(filter) => EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("off")),
        None if verbose => EnvFilter::new("saltlake=info"),
        None => EnvFilter::new("saltlake=error"),
    };
    // Without colour: the library is built without it, and panics when it is asked for.
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_target(false);
    let said = dynamic_filter_fn(|event, _| {
        let own = event.target().starts_with("saltlake");
        own || (*event.level() <= tracing::Level::DEBUG && !OWN_LOG_ONLY.load(Ordering::Relaxed))
    });
    let _ = tracing_subscriber::registry().with(filter).with(said).with(lines).try_init();
}

/// A panic says where, not what: its text may quote the value that a library could not handle.
pub(super) fn hide_panic_texts() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
        note(&format!("{}: a bug stopped part of the work{place}; please report it", painted("error", "1;31")));
    }));
}

/// Rows of text as aligned columns.
pub(super) fn columns(head: &[&str], rows: &[Vec<String>]) -> String {
    let width_of = |text: &str| text.chars().count();
    let widths: Vec<usize> = (0..head.len())
        .map(|index| {
            let cells = rows.iter().filter_map(|row| row.get(index)).map(|cell| width_of(cell));
            cells.chain(head.get(index).map(|name| width_of(name))).max().unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut out = String::new();
        for (cell, width) in cells.zip(&widths) {
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', width + 2 - width_of(cell).min(*width)));
        }
        text.push_str(out.trim_end());
        text.push('\n');
    };
    line(&mut head.iter().copied());
    let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    line(&mut rules.iter().map(String::as_str));
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    text
}
