//! What every command that touches data needs: settings, the backend and the engine, put together once.

use std::sync::Arc;

use crate::backend::Backend;
use crate::engine::{Engine, Runtimes};
use crate::error::Result;
use crate::settings::{Overrides, Settings};

use super::output;

/// The program's parts.
pub(super) struct App {
    pub(super) backend: Arc<Backend>,
    pub(super) engine: Engine,
}

impl App {
    fn new(settings: Settings, runtimes: &Runtimes) -> Result<Self> {
        let backend = Arc::new(Backend::new(&settings, runtimes.io()));
        let engine = Engine::new(settings, runtimes.io(), Arc::clone(&backend) as _, Arc::clone(&backend) as _)?;
        Ok(Self { backend, engine })
    }

    pub(super) fn settings(&self) -> &Settings {
        self.engine.settings()
    }

    /// Prints what the user should hear once.
    pub(super) fn print_warnings(&self) {
        for warning in self.engine.take_warnings() {
            output::print_warning(&warning);
        }
    }
}

/// Resolves the settings, starts the engine, runs a command on it, and ends it.
pub(super) fn with_app(overrides: &Overrides, command: impl AsyncFnOnce(&App) -> Result<()>) -> Result<()> {
    let settings = Settings::from_process(overrides)?;
    with_settings(settings, command)
}

/// As [`with_app`], for a command that writes and puts things in order itself when it is stopped.
pub(super) fn with_writing_app(overrides: &Overrides, command: impl AsyncFnOnce(&App) -> Result<()>) -> Result<()> {
    run_with(Settings::from_process(overrides)?, |app, runtimes| runtimes.run_to_end(Box::pin(command(app))))
}

/// As [`with_app`], with settings that are resolved already.
pub(super) fn with_settings(settings: Settings, command: impl AsyncFnOnce(&App) -> Result<()>) -> Result<()> {
    run_with(settings, |app, runtimes| runtimes.run(Box::pin(command(app))))
}

/// As [`with_app`], for a command that lives on after Ctrl-C and runs its work piece by piece.
pub(super) fn with_runtimes(overrides: &Overrides, command: impl FnOnce(&App, &Runtimes) -> Result<()>) -> Result<()> {
    run_with(Settings::from_process(overrides)?, command)
}

fn run_with(settings: Settings, command: impl FnOnce(&App, &Runtimes) -> Result<()>) -> Result<()> {
    let runtimes = Runtimes::start(settings.engine.threads)?;
    let app = App::new(settings, &runtimes)?;
    let done = command(&app, &runtimes);
    app.print_warnings();
    let spill = app.engine.spill();
    drop(app);
    runtimes.stop();
    drop(spill);
    done
}
