//! Settings, resolved once: flag over environment over file over default.
//!
//! In: [`Overrides`] of the command line, the [`Environment`], the nearest `saltlake.toml`. Out: [`Settings`].
//! INVARIANT: a secret is never looked up here, and no error quotes a value that was not understood: it may be one.
//! INVARIANT: what is not understood is an error. A slip in a name must not leave a column as it is.

mod checks;
#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
mod environment;
mod keys;
mod layers;
mod names;
mod places;
mod provenance;
mod query;
mod reference;
mod resolve;
mod role_checks;
mod roles;
mod secret;
mod select;
mod shell;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use environment::{
    Environment, current_folder, editor_program, environment_value, log_filter, no_color, pager_program, state_folder,
    temporary_folder,
};
pub use keys::{KEYS, Key, SECTIONS};
pub use layers::{Origin, Overrides};
pub use provenance::Provenance;
pub use query::{QuerySettings, ResultsFormat};
pub use reference::{file_template, reference_markdown};
pub use roles::{AuditSettings, GrantsOrigin, GrantsSettings, RoleSettings};
pub use select::{ColumnChoice, SelectRule};
pub use shell::{EditMode, ShellSettings};
pub use value::Kind;

use crate::error::{Error, Result};
use crate::model::Location;

/// The name of the settings file.
pub const FILE_NAME: &str = "saltlake.toml";

impl Settings {
    /// The settings of this process.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn from_process(overrides: &Overrides) -> Result<Self> {
        Self::load(overrides, &current_folder()?, &Environment::of_process()?)
    }

    /// Resolves settings. Without a file, defaults hold.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) names the setting, the file and the line, or the variable or
    /// flag. [`ErrorKind::Refused`](crate::error::ErrorKind::Refused) if raw data or a key would lie among the masked
    /// tables, or a role might write where it must not.
    pub fn load(overrides: &Overrides, current_folder: &Path, environment: &Environment) -> Result<Self> {
        Ok(load(overrides, current_folder, environment)?.0)
    }

    /// Every setting with its value, fit to be shown, and where it came from.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn provenance(
        overrides: &Overrides,
        current_folder: &Path,
        environment: &Environment,
    ) -> Result<(Self, Vec<Provenance>)> {
        load(overrides, current_folder, environment)
    }

    /// Where masked tables go.
    ///
    /// # Errors
    /// Nobody set it.
    pub fn masked_location(&self) -> Result<&Location> {
        self.masked.location.as_ref().ok_or_else(|| {
            Error::usage("nobody said where masked tables go").hint(format!(
                "set `location` of `[masked]` in `{FILE_NAME}`, `SALTLAKE_MASKED_LOCATION` or `--masked`"
            ))
        })
    }

    /// Checks that there is a raw lake: a location, or tables with their own.
    ///
    /// # Errors
    /// Nobody set any.
    pub fn require_lake(&self) -> Result<()> {
        if self.lake.location.is_some() || !self.lake.tables.is_empty() {
            return Ok(());
        }
        Err(Error::usage("nobody said where the raw lake is")
            .hint(format!("set `location` of `[lake]` in `{FILE_NAME}`, `SALTLAKE_LAKE_LOCATION` or `--lake`"))
            .hint(format!("`saltlake init` writes a `{FILE_NAME}`")))
    }
}

fn load(
    overrides: &Overrides,
    current_folder: &Path,
    environment: &Environment,
) -> Result<(Settings, Vec<Provenance>)> {
    let file = read_file(overrides, current_folder, environment)?;
    let layers = layers::Layers::collect(overrides, environment, file.as_ref())?;
    let folder = file.as_ref().and_then(|(path, _)| path.parent());
    let reader = resolve::Reader { layers: &layers, root: folder.unwrap_or(current_folder), current_folder };
    let settings = reader.settings(file.as_ref().map(|(path, _)| path.clone()))?;
    checks::check(&settings, &reader)?;
    resolve::check_unknown_variables(environment, &settings)?;
    Ok((settings, provenance::list(&reader)))
}

/// Reads the file that `--config` or `SALTLAKE_CONFIG` names, else the nearest one upward from the current folder.
fn read_file(
    overrides: &Overrides,
    current_folder: &Path,
    environment: &Environment,
) -> Result<Option<(PathBuf, String)>> {
    let named = overrides.config.as_deref().or_else(|| environment.get("SALTLAKE_CONFIG").map(Path::new));
    let found = match named {
        Some(named) => Some(places::absolute(named, current_folder)),
        None => current_folder.ancestors().map(|folder| folder.join(FILE_NAME)).find(|path| path.exists()),
    };
    let Some(path) = found else { return Ok(None) };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) => Err(unreadable(&path, &error)),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    use std::io::ErrorKind as Io;
    let (message, hint) = match error.kind() {
        Io::NotFound => ("settings file does not exist", "`saltlake init` writes one"),
        Io::PermissionDenied => ("settings file may not be read", "check who may read it"),
        Io::InvalidData => ("settings file is not UTF-8 text", "save it as UTF-8"),
        Io::IsADirectory => ("settings file is a folder", "name the file in it, or rename the folder"),
        _ => ("settings file cannot be read", "check the disk and the path"),
    };
    Error::usage(message).with("file", &path.display()).hint(hint)
}

/// Everything a run is told, after flags, environment, file and defaults were put together.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// The folder that relative paths start from: the file's folder, or the current one.
    pub root: PathBuf,
    /// `[lake]`: the raw tables.
    pub lake: LakeSettings,
    /// `[findings]`: where findings come from.
    pub findings: FindingsSettings,
    /// `[keys.NAME]`: where keys come from.
    pub keys: BTreeMap<String, KeySettings>,
    /// `[masks]`: the rule per identifier key (`NAME`, `custom:account_number`).
    pub masks: BTreeMap<String, String>,
    /// `[masks] default`: the rule for an identifier that has none. `salt_hash` unless set.
    pub default_mask: String,
    /// `[columns.TABLE]`: the rule per column.
    pub columns: BTreeMap<String, BTreeMap<String, ColumnRule>>,
    /// `[plan] unreported`: what happens to a column that nobody reported and nobody declared.
    pub unreported: Unreported,
    /// `[masked]`: where masked tables go.
    pub masked: MaskedSettings,
    /// `[grants]`: who may read what, as Lake Formation has it.
    pub grants: GrantsSettings,
    /// `[roles.NAME]`: the roles that sessions act in.
    pub roles: BTreeMap<String, RoleSettings>,
    /// `[query]`: where answers are kept, and what statements may use.
    pub query: QuerySettings,
    /// `[audit]`: the log of every statement of a role.
    pub audit: AuditSettings,
    /// `[shell]`: how the SQL shell behaves at first.
    pub shell: ShellSettings,
    /// `[engine]`: limits of the query engine.
    pub engine: EngineSettings,
    /// `[aws]`: overrides of the AWS configuration chain.
    pub aws: AwsSettings,
}

/// The raw lake.
#[derive(Clone, Debug)]
pub struct LakeSettings {
    /// Each child folder or prefix is a table.
    pub location: Option<Location>,
    /// The database name of the raw tables. Default `dataset`.
    pub database: String,
    /// Other names by which findings know the location, such as the bucket it was copied from.
    pub known_as: Vec<Location>,
    /// Whether files of one table may differ in their columns: the union is read, what is missing is NULL.
    pub merge_schemas: bool,
    /// Whether CSV files begin with a line of column names. Default true.
    pub csv_header: bool,
    /// Tables listed explicitly, each with its own location.
    pub tables: BTreeMap<String, TableSettings>,
}

/// One explicitly listed table.
#[derive(Clone, Debug)]
pub struct TableSettings {
    /// Its folder or prefix.
    pub location: Location,
    /// Its file format, if the file names do not tell.
    pub format: Option<TableFormat>,
    /// Other names by which findings know the location.
    pub known_as: Vec<Location>,
}

/// A file format that the lake reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object a line.
    Json,
    /// Apache Avro.
    Avro,
}

/// Where findings come from and what is done with those that name no column.
#[allow(clippy::struct_excessive_bools, reason = "four independent switches, as the user sets them")]
#[derive(Clone, Debug)]
pub struct FindingsSettings {
    /// Files, folders, `s3://` prefixes, `-` for standard input, or `macie` for the live service.
    pub sources: Vec<FindingsOrigin>,
    /// Whether archived (suppressed) findings count. Default true: the data is there all the same.
    pub archived: bool,
    /// Whether the detailed result that a finding points to is read when it can be. Default true.
    pub details: bool,
    /// Accept findings that name a type but no column of their table. Default false: refused.
    pub accept_unlocated: bool,
    /// Accept findings about objects inside the lake that belong to no table. Default false: refused.
    pub accept_unmapped: bool,
}

/// One source of findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindingsOrigin {
    /// A file, a folder (read recursively) or an `s3://` prefix or object.
    At(Location),
    /// Standard input.
    Stdin,
    /// The live Macie service.
    Macie,
}

/// Where a key comes from.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// The reference, parsed.
    pub secret: SecretRef,
    /// A pinned Secrets Manager version id.
    pub version: Option<String>,
    /// How the stored text becomes the key's bytes. Default base64.
    pub encoding: KeyEncoding,
}

/// A reference to a secret: never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// `secretsmanager:NAME_OR_ARN[#json-member]`.
    SecretsManager {
        /// Name or ARN.
        id: String,
        /// The member of a JSON object, if the secret is one.
        member: Option<String>,
    },
    /// `file:PATH`, made absolute.
    File(PathBuf),
    /// `env:VAR`.
    Env(String),
}

/// How a stored secret is decoded into key bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEncoding {
    /// The text is base64 of the key.
    Base64,
    /// The text's own bytes are the key.
    Utf8,
    /// The text is hexadecimal.
    Hex,
}

/// The rule for one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnRule {
    /// A rule text: `keep`, `drop`, or a mask such as `mask_partial(0, 4)`.
    Rule(String),
    /// `{ keep = true, despite = ["NAME"] }`: kept although these identifiers were reported.
    KeepDespite(Vec<String>),
}

/// What happens to a column that nobody reported and nobody declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreported {
    /// The plan is refused and names the column.
    Refuse,
    /// The column is kept; the receipt says so.
    Keep,
}

/// Where masked tables go.
#[derive(Clone, Debug)]
pub struct MaskedSettings {
    /// A folder or prefix.
    pub location: Option<Location>,
    /// The database name of the masked tables. Default `dataset_masked`.
    pub database: String,
    /// How long a replaced version stays readable. Default one hour.
    pub grace: Duration,
    /// After how long without a sign of life a run on S3 counts as dead. Default one minute.
    pub hold_expiry: Duration,
    /// The zstd level of masked columns, 1 to 22. Default 1.
    pub zstd_level: i32,
}

/// Limits of the engine.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Bytes that sorts, joins and aggregates may hold before they spill. Default 1 GiB.
    pub memory_bytes: u64,
    /// Worker threads. Default: the machine's cores.
    pub threads: usize,
    /// Where operators spill. Default: the system's temporary folder.
    pub spill_folder: Option<PathBuf>,
}

/// Overrides of the AWS configuration chain.
#[derive(Clone, Debug, Default)]
pub struct AwsSettings {
    /// The region.
    pub region: Option<String>,
    /// The profile of the shared configuration files.
    pub profile: Option<String>,
    /// One endpoint for every service.
    pub endpoint_url: Option<String>,
    /// The endpoint of S3.
    pub s3_endpoint_url: Option<String>,
    /// The endpoint of Macie.
    pub macie_endpoint_url: Option<String>,
    /// The endpoint of Secrets Manager.
    pub secretsmanager_endpoint_url: Option<String>,
    /// The endpoint of Lake Formation.
    pub lakeformation_endpoint_url: Option<String>,
    /// The endpoint of STS.
    pub sts_endpoint_url: Option<String>,
}
