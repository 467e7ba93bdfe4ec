//! A progress line on a terminal; nothing in a pipe.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::output;
use crate::engine::progress::Progress;
use crate::query::Scanned;

/// A statement that takes longer shows a line.
const SLOW: Duration = Duration::from_millis(500);

/// How often a line is drawn.
const TICK: Duration = Duration::from_millis(80);

/// Shows what a slow statement has read so far, until dropped.
pub(super) struct SlowLine {
    stop: std::sync::mpsc::Sender<()>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl SlowLine {
    /// Starts to show, if a person watches, once the statement is slow.
    pub(super) fn show(scanned: Scanned) -> Self {
        let (stop, stopped) = std::sync::mpsc::channel();
        // An end of the other side ends the waiting too.
        let waits = move |time| stopped.recv_timeout(time) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        let thread = output::is_watched().then(|| {
            std::thread::spawn(move || {
                if !waits(SLOW) {
                    return;
                }
                let bar = ProgressBar::new_spinner();
                let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}  Ctrl-C cancels");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                while waits(TICK) {
                    let (rows, bytes) = scanned.now();
                    let (rows, bytes) = (indicatif::HumanCount(rows), indicatif::DecimalBytes(bytes));
                    bar.set_message(format!("{rows} rows, {bytes} read"));
                    bar.tick();
                }
                bar.finish_and_clear();
            })
        });
        Self { stop, thread }
    }
}

impl Drop for SlowLine {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Shows a [`Progress`] until dropped.
pub(super) struct ProgressLine {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl ProgressLine {
    /// Starts to show, if a person watches.
    pub(super) fn show(progress: &Arc<Progress>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        if !output::is_watched() {
            return Self { stop, thread: None };
        }
        let (progress, stopped) = (Arc::clone(progress), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let bar = ProgressBar::new(0);
            let style =
                ProgressStyle::with_template("{spinner} {msg} {wide_bar} {human_pos}/{human_len} rows {elapsed}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            while !stopped.load(Ordering::Relaxed) {
                let (stage, done, total) = progress.now();
                bar.set_message(stage);
                bar.set_length(total.max(done));
                bar.set_position(done);
                bar.tick();
                std::thread::sleep(TICK);
            }
            bar.finish_and_clear();
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
