//! A progress line on a terminal; nothing in a pipe.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::output;
use crate::engine::progress::Progress;

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
                std::thread::sleep(Duration::from_millis(80));
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
