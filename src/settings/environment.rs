//! The one door to the process environment.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::keys::{AWS_IGNORE_ENDPOINTS, AWS_VARIABLES, VARIABLE_PREFIX, variables};
use crate::error::{Error, Result, Said};

/// The variables that settings look at: the values of those that are declared, and the mere names of others that begin
/// with `SALTLAKE_`, since those may hold a key.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
    unknown: Vec<String>,
}

impl Environment {
    /// Takes what concerns us from name and value pairs. An empty value counts as unset.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut environment = Self::default();
        let declared = declared_names();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            if declared.contains(&name) {
                if !value.is_empty() {
                    environment.values.insert(name, value);
                }
            } else if name.starts_with(VARIABLE_PREFIX) {
                environment.unknown.push(name);
            }
        }
        environment
    }

    /// The environment of this process.
    ///
    /// # Errors
    /// A declared variable that is not UTF-8.
    pub fn of_process() -> Result<Self> {
        let declared = declared_names();
        let mut environment = Self::default();
        for (name, value) in env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if !declared.contains(&name) {
                if name.starts_with(VARIABLE_PREFIX) {
                    environment.unknown.push(name);
                }
                continue;
            }
            let value = value
                .into_string()
                .map_err(|_| Error::usage("environment variable is not UTF-8 text").with("variable", &Said(&name)))?;
            if !value.is_empty() {
                environment.values.insert(name, value);
            }
        }
        Ok(environment)
    }

    /// A declared variable, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Names that begin as ours do and are not declared.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().map(String::as_str)
    }
}

/// Every variable whose value settings may read.
fn declared_names() -> Vec<String> {
    let aws = AWS_VARIABLES.iter().map(|(name, _)| (*name).to_owned());
    variables().into_iter().map(|(name, _)| name).chain(aws).chain([AWS_IGNORE_ENDPOINTS.to_owned()]).collect()
}

/// The value of a variable that an `env:` key names. `None` if it is unset or not UTF-8.
pub fn environment_value(name: &str) -> Option<Zeroizing<String>> {
    env::var(name).ok().map(Zeroizing::new)
}

/// Whether the user wants output without colour (<https://no-color.org>).
pub fn no_color() -> bool {
    env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// What `SALTLAKE_LOG` asks to be logged.
pub fn log_filter() -> Option<String> {
    env::var("SALTLAKE_LOG").ok().filter(|filter| !filter.is_empty())
}

/// The system's folder for temporary files.
pub fn temporary_folder() -> PathBuf {
    env::temp_dir()
}

/// The user's folder for what a program remembers: `$XDG_STATE_HOME/saltlake`, else `~/.local/state/saltlake`. None if
/// there is no home.
pub fn state_folder() -> Option<PathBuf> {
    let folder = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let states = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(states.join("saltlake"))
}

/// The user's program to page with, as a line for the shell.
pub fn pager_program() -> Option<String> {
    env::var("PAGER").ok().filter(|program| !program.trim().is_empty())
}

/// The user's program to edit with, as a line for the shell.
pub fn editor_program() -> Option<String> {
    ["VISUAL", "EDITOR"].iter().filter_map(|name| env::var(name).ok()).find(|program| !program.trim().is_empty())
}

/// The folder in which the program was started.
///
/// # Errors
/// The folder was removed or may not be read.
pub fn current_folder() -> Result<PathBuf> {
    env::current_dir().map_err(|_| {
        Error::failed("cannot tell the current folder").hint("change to a folder that exists and may be read")
    })
}
