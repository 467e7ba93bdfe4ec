//! Runs the shipped binary as a person would, in a folder of its own and with nothing of this machine's environment.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::shelf::Shelf;

/// No command of a test takes longer.
const RUN_TIME_MAX: Duration = Duration::from_mins(5);

/// A folder to work in, a home, a temporary folder, and an environment: all empty at first.
pub(crate) struct Sandbox {
    root: TempDir,
    environment: BTreeMap<String, String>,
    runs: std::sync::atomic::AtomicUsize,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("saltlake-test-").tempdir().unwrap();
        for name in ["work", "home", "tmp", "output"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let text = |name: &str| root.path().join(name).display().to_string();
        let environment = [
            ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
            ("HOME".to_owned(), text("home")),
            ("TMPDIR".to_owned(), text("tmp")),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ("TZ".to_owned(), "UTC".to_owned()),
            // Or the AWS clients would ask a network address for credentials.
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
        ];
        Self { environment: environment.into(), root, runs: 0.into() }
    }

    /// Sets a variable of the binary's environment.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets variables of the binary's environment, such as `moto().environment()`.
    #[must_use]
    pub(crate) fn with_all(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// The folder that the binary starts in.
    pub(crate) fn folder(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// Everything that the binary may have left: its folder, home and temporary folder, and what it printed.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// The binary's environment.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// A path below the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// The folder as a shelf.
    pub(crate) fn shelf(&self) -> Shelf {
        Shelf::Folder(self.folder())
    }

    /// Writes a file below the folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        self.shelf().put(name, content.as_ref());
    }

    /// Runs the binary to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        self.spawn(arguments).wait()
    }

    /// Runs the binary to its end with something on standard input.
    pub(crate) fn run_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: impl AsRef<[u8]>,
    ) -> Run {
        let path = self.next_output("stdin");
        fs::write(&path, input).unwrap();
        self.start(arguments, Stdio::from(File::open(path).unwrap())).wait()
    }

    /// Runs a shell script in which `"$0"` is the binary: for pipes, limits and redirections.
    pub(crate) fn shell(&self, script: &str) -> Run {
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_saltlake")]);
        Running::start(command, self, Stdio::null()).wait()
    }

    /// Starts the binary with an input that never ends, as a terminal is.
    pub(crate) fn spawn_waiting<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Running {
        self.start(arguments, Stdio::piped())
    }

    /// Starts the binary and leaves it running.
    pub(crate) fn spawn<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Running {
        self.start(arguments, Stdio::null())
    }

    fn start<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>, input: Stdio) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saltlake"));
        command.args(arguments);
        Running::start(command, self, input)
    }

    /// A new file name. Output goes to files, so that a killed binary's last words are kept and no pipe fills up.
    fn next_output(&self, kind: &str) -> PathBuf {
        let number = self.runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.root.path().join(format!("output/{number}.{kind}"))
    }

    /// Settings under which snapshots hold nothing of this machine, this moment or this run.
    ///
    /// Use: `sandbox.snapshots().bind(|| insta::assert_snapshot!(run.transcript()))`.
    pub(crate) fn snapshots(&self) -> insta::Settings {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots"));
        settings.set_prepend_module_to_snapshot(true);
        settings.set_omit_expression(true);
        // The first filters see the text first: the most exact come first.
        settings.add_filter(&escaped(&self.folder().display().to_string()), "[FOLDER]");
        settings.add_filter(&escaped(&self.root.path().display().to_string()), "[SANDBOX]");
        settings.add_filter(r"\btest-[0-9a-f]{32}\b", "[BUCKET]");
        settings.add_filter(r"127\.0\.0\.1:\d+", "[ADDRESS]");
        settings.add_filter(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[UUID]");
        settings.add_filter(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00| UTC)?", "[TIME]");
        settings.add_filter(r"\b\d+(\.\d+)?\s?(ns|µs|ms|s|seconds?)\b", "[DURATION]");
        settings.add_filter(&format!(r"\b{}\b", escaped(env!("CARGO_PKG_VERSION"))), "[VERSION]");
        settings
    }
}

/// A text as a pattern that matches it alone.
fn escaped(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if !c.is_alphanumeric() && c != '/' && c != '-' && c != '_' {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// A binary that runs.
pub(crate) struct Running {
    child: Child,
    started: Instant,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    fn start(mut command: Command, sandbox: &Sandbox, input: Stdio) -> Self {
        let (stdout, stderr) = (sandbox.next_output("stdout"), sandbox.next_output("stderr"));
        let child = command
            .env_clear()
            .envs(&sandbox.environment)
            .current_dir(sandbox.folder())
            .stdin(input)
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .expect("start the binary");
        Self { child, started: Instant::now(), stdout, stderr }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed to standard error so far.
    pub(crate) fn stderr_so_far(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap()).into_owned()
    }

    /// The file that its standard error goes to.
    pub(crate) fn stderr_path(&self) -> PathBuf {
        self.stderr.clone()
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it has printed a text to standard error.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let until = Instant::now() + RUN_TIME_MAX;
        while !self.stderr_so_far().contains(text) {
            assert!(self.is_alive(), "ended before it said `{text}`:\n{}", self.stderr_so_far());
            assert!(Instant::now() < until, "waited {RUN_TIME_MAX:?} for `{text}`:\n{}", self.stderr_so_far());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for it to end by itself.
    pub(crate) fn wait(mut self) -> Run {
        let Some(status) = self.wait_until(self.started + RUN_TIME_MAX) else {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
            panic!("still running after {RUN_TIME_MAX:?}; standard error:\n{}", self.stderr_so_far());
        };
        self.ended(status)
    }

    /// Kills it (SIGKILL: it cannot tidy up) so long after its start, unless it ended before.
    pub(crate) fn kill_after(mut self, life: Duration) -> Run {
        let status = self.wait_until(self.started + life);
        let status = status.unwrap_or_else(|| {
            self.child.kill().unwrap();
            self.child.wait().unwrap()
        });
        self.ended(status)
    }

    /// Kills it (SIGKILL) as soon as something is so, such as a file being there, unless it ended before.
    pub(crate) fn kill_when(mut self, mut is_so: impl FnMut() -> bool) -> Run {
        let until = self.started + RUN_TIME_MAX;
        while self.is_alive() && !is_so() {
            assert!(Instant::now() < until, "waited {RUN_TIME_MAX:?} for the moment to kill");
            std::thread::sleep(Duration::from_millis(1));
        }
        self.kill_after(Duration::ZERO)
    }

    /// Asks it to stop, as Ctrl-C does, and waits for its end.
    pub(crate) fn interrupt(self) -> Run {
        let sent = Command::new("kill").args(["-INT", &self.id().to_string()]).status().expect("run `kill`");
        assert!(sent.success(), "nothing to interrupt");
        self.wait()
    }

    fn wait_until(&mut self, until: Instant) -> Option<ExitStatus> {
        // Short at first, so that a quick command costs no more than it takes.
        let mut pause = Duration::from_micros(500);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            let left = until.checked_duration_since(Instant::now())?;
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    fn ended(&self, status: ExitStatus) -> Run {
        Run {
            status,
            took: self.started.elapsed(),
            stdout: fs::read(&self.stdout).unwrap(),
            stderr: fs::read(&self.stderr).unwrap(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves nothing running. Both fail only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A run that ended.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    status: ExitStatus,
    /// From start to end.
    pub(crate) took: Duration,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Run {
    /// The exit code; none if it was killed.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Whether a signal ended it.
    pub(crate) fn was_killed(&self) -> bool {
        self.status.code().is_none()
    }

    /// Standard output as text.
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("standard output is UTF-8")
    }

    /// Standard error as text.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.stderr.clone()).expect("standard error is UTF-8")
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("not JSON: {error}\n{}", self.transcript()))
    }

    /// Fails the test unless the run ended with this exit code.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "exit code\n{}", self.transcript());
        self
    }

    /// Fails the test unless the run did what it was told.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.expect_code(0)
    }

    /// Everything that a person would see, for snapshots and messages.
    pub(crate) fn transcript(&self) -> String {
        let code = self.code().map_or("killed".to_owned(), |code| code.to_string());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("exit code: {code}\n--- stdout\n{}--- stderr\n{}", text(&self.stdout), text(&self.stderr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any other program, run the way the binary is run.
    fn start(sandbox: &Sandbox, script: &str) -> Running {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Running::start(command, sandbox, Stdio::null())
    }

    #[test]
    fn the_binary_runs_in_the_sandbox() {
        let run = Sandbox::new().run([OsStr::new("--version")]);
        assert!(!run.was_killed(), "{}", run.transcript());
    }

    #[test]
    fn nothing_of_this_machines_environment_gets_in() {
        let sandbox = Sandbox::new().with("AWS_REGION", "eu-west-1");
        let run = start(&sandbox, "env; pwd; echo words >&2; exit 3").wait().expect_code(3);
        let lines = run.stdout();
        let names = lines.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
        // `sh` adds its own.
        let mut names: Vec<&str> = names.filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name)).collect();
        names.sort_unstable();
        assert_eq!(names, ["AWS_EC2_METADATA_DISABLED", "AWS_REGION", "HOME", "LANG", "PATH", "TMPDIR", "TZ"]);
        assert!(lines.contains(&sandbox.folder().display().to_string()));
        assert_eq!(run.stderr(), "words\n");
    }

    #[test]
    fn a_kill_strikes_in_time_and_keeps_the_last_words() {
        let sandbox = Sandbox::new();
        let run = start(&sandbox, "echo begun; exec sleep 60").kill_after(Duration::from_millis(300));
        assert!(run.was_killed() && run.took < Duration::from_secs(30), "{}", run.transcript());
        assert_eq!(run.stdout(), "begun\n");
        let run = start(&sandbox, "touch here; exec sleep 60").kill_when(|| sandbox.path("here").exists());
        assert!(run.was_killed());
        assert!(!start(&sandbox, "true").kill_after(Duration::from_secs(30)).was_killed());
    }

    #[test]
    fn an_interrupted_program_can_tidy_up() {
        let sandbox = Sandbox::new();
        let running = start(&sandbox, "trap 'echo bye; exit 130' INT; touch ready; while :; do sleep 0.01; done");
        while !sandbox.path("ready").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(running.interrupt().expect_code(130).stdout(), "bye\n");
    }

    #[test]
    fn snapshots_hold_nothing_of_this_run() {
        let sandbox = Sandbox::new();
        let text = format!(
            "wrote {}/masked/customer/ in 1.25 s, 12 ms at 2026-11-24T12:13:14.5Z\n\
             run 0192f0c1-2345-7abc-8def-0123456789ab, home {}/home, http://127.0.0.1:4711, s3://test-{}/x, saltlake {}\n\
             12 rows, 5 columns",
            sandbox.folder().display(),
            sandbox.root().display(),
            "0123456789abcdef".repeat(2),
            env!("CARGO_PKG_VERSION"),
        );
        sandbox.snapshots().bind(|| {
            insta::assert_snapshot!(text, @r"
            wrote [FOLDER]/masked/customer/ in [DURATION], [DURATION] at [TIME]
            run [UUID], home [SANDBOX]/home, http://[ADDRESS], s3://[BUCKET]/x, saltlake [VERSION]
            12 rows, 5 columns
            ");
        });
    }
}
