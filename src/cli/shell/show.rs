//! Showing an answer: on the screen, through the pager, or into a file; with a line of progress before it and a footer
//! behind it.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use super::pager::{Screen, screen_size};
use super::view::View;
use crate::cli::desk::{Reader, Rows};
use crate::cli::formats::{self, Breaks, Format, Look, Shown};
use crate::cli::output;
use crate::cli::progress::SlowLine;
use crate::engine::fault::engine_fault;
use crate::error::{Error, Result};
use crate::query::Scanned;

/// A larger answer is not kept for `\last` and `\chart`.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// An answer that was shown, for showing it again.
#[derive(Clone)]
pub(super) struct Kept {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    masked: Vec<bool>,
    /// Whether all of it is here.
    whole: bool,
}

impl Kept {
    pub(super) fn rows(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self { schema, batches, masked: Vec::new(), whole: true }
    }

    fn stream(&self) -> Result<SendableRecordBatchStream> {
        let stream = MemoryStream::try_new(self.batches.clone(), Arc::clone(&self.schema), None);
        Ok(Box::pin(stream.map_err(|error| engine_fault(&error))?))
    }
}

/// Where the next answer goes.
#[derive(Clone)]
pub(super) struct Destination {
    pub(super) path: PathBuf,
    pub(super) format: Format,
}

/// Shows answers.
#[allow(clippy::struct_excessive_bools, reason = "each says one thing of how it shows")]
pub(super) struct Shower<'a> {
    view: &'a View,
    color: bool,
    /// A file instead of the screen.
    pub(super) file: Option<Destination>,
    /// A format instead of the view's.
    pub(super) format: Option<Format>,
    pub(super) title: Option<String>,
    /// Whether cells keep their line breaks, as plans do.
    pub(super) plan: bool,
    /// Whether what is read left a barrier.
    pub(super) granted: bool,
    /// Whether the footer tells what was read.
    pub(super) tells_read: bool,
    screen: Option<Screen>,
    answered: Option<Answered>,
    begun: Instant,
}

/// What the footer tells.
struct Answered {
    shown: Shown,
    scanned: Option<Scanned>,
    reused: bool,
    id: Option<String>,
    kept: Option<Kept>,
}

impl<'a> Shower<'a> {
    pub(super) fn new(view: &'a View, color: bool) -> Self {
        Self {
            view,
            color,
            file: None,
            format: None,
            title: None,
            plan: false,
            granted: false,
            tells_read: false,
            screen: None,
            answered: None,
            begun: Instant::now(),
        }
    }

    /// Shows an answer again.
    ///
    /// # Errors
    /// As the format and the screen.
    pub(super) async fn again(&mut self, kept: &Kept) -> Result<()> {
        if !kept.whole {
            return Err(Error::usage("the last result was not kept whole").hint("run its statement again"));
        }
        let shown = self.show(kept.stream()?, kept.masked.clone(), None).await?;
        self.answered = Some(Answered { shown, scanned: None, reused: false, id: None, kept: None });
        Ok(())
    }

    /// Ends the showing: the pager is left, the footer stands. Gives the answer back for showing it again.
    ///
    /// # Errors
    /// As the screen.
    pub(super) fn finish(mut self) -> Result<Option<Kept>> {
        let took = self.begun.elapsed();
        if let Some(screen) = self.screen.take() {
            screen.finish()?;
        }
        let Some(answered) = self.answered.take() else {
            if self.view.timing {
                output::note(&format!("({:.2} s)", took.as_secs_f64()));
            }
            return Ok(None);
        };
        if let Some(file) = &self.file {
            output::note(&format!("{} written to {}", rows(answered.shown.rows), file.path.display()));
        }
        output::note(&self.footer(&answered, took.as_secs_f64()));
        Ok(answered.kept)
    }

    fn footer(&self, answered: &Answered, seconds: f64) -> String {
        let first = if answered.shown.cut && self.view.cuts_at(answered.shown.rows) { "first " } else { "" };
        let mut parts = vec![format!("{first}{}", rows(answered.shown.rows))];
        if self.view.timing {
            parts.push(format!("{seconds:.2} s"));
        }
        if answered.reused {
            parts.push("a kept answer".to_owned());
        } else if let Some(scanned) = answered.scanned.as_ref().filter(|_| self.tells_read) {
            let how = if self.granted { "through the barrier" } else { "read" };
            parts.push(format!("{} {how}", bytes(scanned.bytes())));
        }
        parts.extend(answered.id.as_ref().map(|id| format!("query {id}")));
        format!("({})", parts.join(", "))
    }

    async fn show(
        &mut self,
        stream: SendableRecordBatchStream,
        masked: Vec<bool>,
        scanned: Option<Scanned>,
    ) -> Result<Shown> {
        let line = scanned.map(SlowLine::show);
        if let Some(file) = &self.file {
            let look = Look { masked, ..Look::pipe() };
            return formats::write_file(stream, file.format, &look, &file.path).await;
        }
        let mut look = self.view.look(screen_size().0, self.color, masked);
        look.title.clone_from(&self.title);
        look.breaks = if self.plan { Breaks::Kept } else { Breaks::Escaped };
        let screen = Screen::new(self.view.pager && self.title.is_none());
        let mut quiet = Quiet { line, screen };
        let format = self.format.unwrap_or(self.view.format);
        let shown = formats::write(stream, format, &look, &mut quiet).await;
        drop(quiet.line.take());
        self.screen = Some(quiet.screen);
        match shown {
            // Who leaves the pager has seen enough.
            Err(error) if output::is_broken_pipe(&error) => Ok(Shown { rows: 0, cut: true }),
            other => other,
        }
    }
}

#[async_trait(?Send)]
impl Reader for Shower<'_> {
    async fn rows(&mut self, rows: Rows) -> Result<()> {
        let schema = rows.stream.schema();
        let keeping = Arc::new(Mutex::new(Keeping::default()));
        let scanned = Some(rows.scanned.clone());
        let shown = self.show(tee(rows.stream, &keeping), rows.masked.clone(), scanned).await?;
        let keeping = keeping.lock().map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default();
        let whole = !keeping.over && keeping.ended;
        let kept = Kept { schema, batches: keeping.batches, masked: rows.masked, whole };
        let (scanned, kept) = (Some(rows.scanned), Some(kept));
        self.answered = Some(Answered { shown, scanned, reused: rows.reused, id: rows.id, kept });
        Ok(())
    }

    fn said(&mut self, text: &str) -> Result<()> {
        output::note(text);
        Ok(())
    }
}

/// What went by so far.
#[derive(Default)]
struct Keeping {
    batches: Vec<RecordBatch>,
    bytes: usize,
    over: bool,
    ended: bool,
}

/// Keeps rows as they go by, up to a limit.
fn tee(rows: SendableRecordBatchStream, keeping: &Arc<Mutex<Keeping>>) -> SendableRecordBatchStream {
    let (schema, keeping, ending) = (rows.schema(), Arc::clone(keeping), Arc::clone(keeping));
    let rows = rows.inspect(move |batch| {
        let (Ok(batch), Ok(mut kept)) = (batch, keeping.lock()) else { return };
        kept.bytes += batch.get_array_memory_size();
        if kept.bytes > KEPT_BYTES_MAX {
            kept.over = true;
            kept.batches.clear();
        } else if !kept.over {
            kept.batches.push(batch.clone());
        }
    });
    let end = futures::stream::poll_fn(move |_| {
        if let Ok(mut kept) = ending.lock() {
            kept.ended = true;
        }
        std::task::Poll::Ready(None)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows.chain(end)))
}

/// A screen whose line of progress goes when rows come.
struct Quiet {
    line: Option<SlowLine>,
    screen: Screen,
}

impl Write for Quiet {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        drop(self.line.take());
        self.screen.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.screen.flush()
    }
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

/// A size in powers of a thousand.
pub(super) fn bytes(count: u64) -> String {
    let mut unit = "B";
    #[allow(clippy::cast_precision_loss, reason = "two digits are shown")]
    let mut size = count as f64;
    for larger in ["kB", "MB", "GB", "TB"] {
        if size < 999.5 {
            break;
        }
        (unit, size) = (larger, size / 1000.0);
    }
    if unit == "B" || size >= 99.95 { format!("{size:.0} {unit}") } else { format!("{size:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_234_567, "1.2 MB"),
            (123_456_789, "123 MB"),
            (999_999_999, "1.0 GB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        assert_eq!((rows(0), rows(1)), ("0 rows".to_owned(), "1 row".to_owned()));
    }
}
