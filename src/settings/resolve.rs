//! From layers of values to typed settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::keys;
use super::layers::{Entry, Layers, Origin, SettingPath, wrong_form};
use super::names;
use super::places;
use super::secret::NotAReference;
use super::value::{Value, parse_duration};
use super::{
    AwsSettings, ColumnRule, EngineSettings, FindingsOrigin, FindingsSettings, KeyEncoding, KeySettings, LakeSettings,
    MaskedSettings, SecretRef, Settings, TableFormat, TableSettings, Unreported,
};
use crate::error::{Error, Result, Said};
use crate::model::Location;

/// Reads typed values out of the layers.
pub(super) struct Reader<'a> {
    pub(super) layers: &'a Layers,
    /// Where relative paths of the file start.
    pub(super) root: &'a Path,
    /// Where relative paths of variables and flags start.
    pub(super) current_folder: &'a Path,
}

impl Reader<'_> {
    /// Everything, typed.
    pub(super) fn settings(&self, file: Option<PathBuf>) -> Result<Settings> {
        Ok(Settings {
            file,
            root: self.root.to_owned(),
            lake: self.lake()?,
            findings: self.findings()?,
            keys: self.keys()?,
            masks: self.masks(),
            default_mask: self.text(&["masks", "default"]).unwrap_or_default(),
            columns: self.columns()?,
            unreported: match self.text(&["plan", "unreported"]).as_deref() {
                Some("keep") => Unreported::Keep,
                _ => Unreported::Refuse,
            },
            masked: self.masked()?,
            grants: self.grants()?,
            roles: self.roles()?,
            query: self.query()?,
            audit: self.audit()?,
            shell: self.shell(),
            engine: self.engine()?,
            aws: self.aws(),
        })
    }

    fn lake(&self) -> Result<LakeSettings> {
        let location = self.location(&["lake", "location"])?;
        let mut tables = BTreeMap::new();
        for name in self.layers.names_in(&["lake", "tables"]) {
            self.check_table_name(&name)?;
            let table = self.table(&name, location.as_ref())?;
            tables.insert(name, table);
        }
        Ok(LakeSettings {
            location,
            database: self.text(&["lake", "database"]).unwrap_or_default(),
            known_as: self.locations(&["lake", "known_as"])?,
            merge_schemas: self.switch(&["lake", "merge_schemas"]),
            csv_header: self.switch(&["lake", "csv_header"]),
            tables,
        })
    }

    fn table(&self, name: &str, lake: Option<&Location>) -> Result<TableSettings> {
        let at = |member| ["lake", "tables", name, member];
        let location = self.location(&at("location"))?.or_else(|| lake.map(|lake| lake.child(name)));
        let Some(location) = location else {
            let path = owned(&["lake", "tables", name]);
            return Err(Error::usage("table has no location")
                .with("table", &Said(name))
                .with("in", &self.origin_of(&path))
                .hint("set its `location`, or `location` of `[lake]` if it is a child of the lake"));
        };
        let format = match self.text(&at("format")).as_deref() {
            Some("parquet") => Some(TableFormat::Parquet),
            Some("csv") => Some(TableFormat::Csv),
            Some("json") => Some(TableFormat::Json),
            Some("avro") => Some(TableFormat::Avro),
            _ => None,
        };
        Ok(TableSettings { location, format, known_as: self.locations(&at("known_as"))? })
    }

    /// A table's name becomes a folder of the masked tables, where readers skip hidden ones.
    fn check_table_name(&self, name: &str) -> Result<()> {
        let unsound = name.trim().is_empty()
            || name.len() > 255
            || name.starts_with(['.', '_'])
            || name.contains(|c: char| c == '/' || c == '\\' || c.is_control());
        if !unsound {
            return Ok(());
        }
        let path = owned(&["lake", "tables", name]);
        Err(Error::usage("name cannot be a table's").with("table", &Said(name)).with("in", &self.origin_of(&path)).hint(
            "a table's name is not empty, does not begin with `.` or `_`, and holds no slash and no control character",
        ))
    }

    fn findings(&self) -> Result<FindingsSettings> {
        let mut sources = Vec::new();
        if let Some((path, entry)) = self.entry(&["findings", "sources"])
            && let Value::List(items) = &entry.value
        {
            for item in items {
                sources.push(match item.as_str() {
                    "-" => FindingsOrigin::Stdin,
                    "macie" => FindingsOrigin::Macie,
                    text => FindingsOrigin::At(self.parse_location(path, entry, text)?),
                });
            }
        }
        Ok(FindingsSettings {
            sources,
            archived: self.text(&["findings", "archived"]).as_deref() != Some("ignore"),
            details: self.switch(&["findings", "details"]),
            accept_unlocated: self.text(&["findings", "unlocated"]).as_deref() == Some("accept"),
            accept_unmapped: self.text(&["findings", "unmapped"]).as_deref() == Some("accept"),
        })
    }

    fn keys(&self) -> Result<BTreeMap<String, KeySettings>> {
        let mut keys = BTreeMap::new();
        for name in self.layers.names_in(&["keys"]) {
            if !is_sound_name(&name) {
                let path = owned(&["keys", &name]);
                return Err(Error::usage("name cannot be a key's")
                    .with("in", &self.origin_of(&path))
                    .hint("a key's name is made of ASCII letters, digits, `.`, `-` and `_`"));
            }
            let key = self.key(&name)?;
            keys.insert(name, key);
        }
        Ok(keys)
    }

    fn key(&self, name: &str) -> Result<KeySettings> {
        let at = |member| ["keys", name, member];
        let Some((path, entry)) = self.entry(&at("secret")) else {
            let path = owned(&["keys", name]);
            return Err(Error::usage("key has no secret")
                .with("key", &Said(name))
                .with("in", &self.origin_of(&path))
                .hint(format!("add `secret`: {}", keys_secret_forms())));
        };
        let secret = self.parse_secret(path, entry)?;
        let version = self.text(&at("version"));
        if version.is_some() && !matches!(secret, SecretRef::SecretsManager { .. }) {
            let path = owned(&at("version"));
            return Err(Error::usage("only a secret of Secrets Manager has versions")
                .with("key", &Said(name))
                .with("in", &self.origin_of(&path))
                .hint("remove `version`, or name the secret as `secretsmanager:NAME_OR_ARN`"));
        }
        let encoding = match self.text(&at("encoding")).as_deref() {
            Some("utf8") => KeyEncoding::Utf8,
            Some("hex") => KeyEncoding::Hex,
            _ => KeyEncoding::Base64,
        };
        Ok(KeySettings { secret, version, encoding })
    }

    fn parse_secret(&self, path: &SettingPath, entry: &Entry) -> Result<SecretRef> {
        let Value::Text(text) = &entry.value else {
            return Err(wrong_form(path, &entry.origin, &entry.key.kind.expected()));
        };
        let secret = SecretRef::parse(text, self.base(&entry.origin)).map_err(|problem| {
            let error =
                wrong_form(path, &entry.origin, &entry.key.kind.expected()).with("problem", &Said(problem.problem()));
            match problem {
                NotAReference::NoScheme => error.hint(
                    "settings name where a secret is and never hold one; if you wrote the secret itself here, \
                     consider it disclosed and replace it",
                ),
                _ => error,
            }
        })?;
        if let SecretRef::Env(name) = &secret
            && keys::variables().iter().any(|(declared, _)| declared == name)
        {
            return Err(Error::usage("this variable is a setting and is shown: it cannot hold a key")
                .with("variable", &Said(name))
                .with("in", &entry.origin)
                .hint("keep the key in a variable of another name"));
        }
        Ok(secret)
    }

    fn masks(&self) -> BTreeMap<String, String> {
        let names = self.layers.names_in(&["masks"]).into_iter().filter(|name| name != "default");
        names.filter_map(|name| Some((name.clone(), self.text(&["masks", &name])?))).collect()
    }

    fn columns(&self) -> Result<BTreeMap<String, BTreeMap<String, ColumnRule>>> {
        let mut columns = BTreeMap::new();
        for table in self.layers.names_in(&["columns"]) {
            let mut rules = BTreeMap::new();
            for column in self.layers.names_in(&["columns", &table]) {
                let Some((path, entry)) = self.entry(&["columns", &table, &column]) else {
                    continue;
                };
                let rule = match &entry.value {
                    Value::Text(text) => ColumnRule::Rule(text.clone()),
                    Value::KeepDespite(identifiers) => ColumnRule::KeepDespite(identifiers.clone()),
                    _ => return Err(wrong_form(path, &entry.origin, &entry.key.kind.expected())),
                };
                rules.insert(column, rule);
            }
            columns.insert(table, rules);
        }
        Ok(columns)
    }

    fn masked(&self) -> Result<MaskedSettings> {
        let duration = |key| self.text(&["masked", key]).and_then(|text| parse_duration(&text)).unwrap_or_default();
        Ok(MaskedSettings {
            location: self.location(&["masked", "location"])?,
            database: self.text(&["masked", "database"]).unwrap_or_default(),
            grace: duration("grace"),
            hold_expiry: duration("hold_expiry"),
            zstd_level: i32::try_from(self.integer(&["masked", "zstd_level"])).unwrap_or(1),
        })
    }

    fn engine(&self) -> Result<EngineSettings> {
        let memory = self.entry(&["engine", "memory"]).and_then(|(_, entry)| entry.value.bytes());
        let threads = match usize::try_from(self.integer(&["engine", "threads"])) {
            Ok(threads) if threads > 0 => threads,
            _ => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let spill_folder = self.folder(&["engine", "spill_folder"])?;
        Ok(EngineSettings { memory_bytes: memory.unwrap_or_default(), threads, spill_folder })
    }

    fn aws(&self) -> AwsSettings {
        AwsSettings {
            region: self.text(&["aws", "region"]),
            profile: self.text(&["aws", "profile"]),
            endpoint_url: self.text(&["aws", "endpoint_url"]),
            s3_endpoint_url: self.endpoint("s3"),
            macie_endpoint_url: self.endpoint("macie2"),
            secretsmanager_endpoint_url: self.endpoint("secretsmanager"),
            lakeformation_endpoint_url: self.endpoint("lakeformation"),
            sts_endpoint_url: self.endpoint("sts"),
        }
    }

    /// The endpoint of a service: of its own setting and the common one, that of the higher layer; in one layer its
    /// own. So `--endpoint-url` leads everything elsewhere, whatever the file says.
    fn endpoint(&self, service: &str) -> Option<String> {
        let own = self.entry(&["aws", "endpoints", service]);
        let common = self.entry(&["aws", "endpoint_url"]);
        let (_, entry) = match (own, common) {
            (Some(own), Some(common)) if common.1.origin.rank() > own.1.origin.rank() => common,
            (own, common) => own.or(common)?,
        };
        match &entry.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    pub(super) fn entry<S: AsRef<str>>(&self, path: &[S]) -> Option<(&SettingPath, &Entry)> {
        self.layers.entries.get_key_value(&owned(path))
    }

    pub(super) fn text<S: AsRef<str>>(&self, path: &[S]) -> Option<String> {
        match &self.entry(path)?.1.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    pub(super) fn switch(&self, path: &[&str]) -> bool {
        matches!(self.entry(path), Some((_, Entry { value: Value::Switch(true), .. })))
    }

    fn integer(&self, path: &[&str]) -> i64 {
        match self.entry(path) {
            Some((_, Entry { value: Value::Integer(number), .. })) => *number,
            _ => 0,
        }
    }

    /// A folder of this machine.
    pub(super) fn folder(&self, path: &[&str]) -> Result<Option<PathBuf>> {
        let Some((path, entry)) = self.entry(path) else {
            return Ok(None);
        };
        match &entry.value {
            Value::Text(text) if !text.contains("://") && !places::means_home(text) => {
                Ok(Some(places::absolute(text, self.base(&entry.origin))))
            }
            _ => Err(wrong_form(path, &entry.origin, &entry.key.kind.expected())),
        }
    }

    pub(super) fn location(&self, path: &[&str]) -> Result<Option<Location>> {
        match (self.entry(path), self.text(path)) {
            (Some((path, entry)), Some(text)) => self.parse_location(path, entry, &text).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn locations(&self, path: &[&str]) -> Result<Vec<Location>> {
        match self.entry(path) {
            Some((path, entry)) => match &entry.value {
                Value::List(items) => items.iter().map(|item| self.parse_location(path, entry, item)).collect(),
                _ => Err(wrong_form(path, &entry.origin, &entry.key.kind.expected())),
            },
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn parse_location(&self, path: &SettingPath, entry: &Entry, text: &str) -> Result<Location> {
        places::parse(text, self.base(&entry.origin)).ok_or_else(|| {
            let error = wrong_form(path, &entry.origin, &entry.key.kind.expected());
            if places::means_home(text) { error.hint("`~` is not expanded: write the whole path") } else { error }
        })
    }

    /// Where relative paths of an origin start.
    pub(super) fn base(&self, origin: &Origin) -> &Path {
        match origin {
            Origin::File { .. } | Origin::Default => self.root,
            Origin::AwsVariable(_) | Origin::Variable(_) | Origin::Flag(_) => self.current_folder,
        }
    }

    /// Where a section or a setting was written; for a section without a line of its own, its first setting.
    pub(super) fn origin_of(&self, path: &SettingPath) -> Origin {
        let entries = self.layers.entries.iter().filter(|(_, entry)| entry.origin != Origin::Default);
        let first = || entries.clone().find(|(place, _)| place.starts_with(path)).map(|(_, entry)| &entry.origin);
        self.layers.sections.get(path).or_else(first).cloned().unwrap_or(Origin::Default)
    }
}

pub(super) fn owned<S: AsRef<str>>(path: &[S]) -> SettingPath {
    path.iter().map(|name| name.as_ref().to_owned()).collect()
}

/// Whether a text may name a key or a role.
pub(super) fn is_sound_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

fn keys_secret_forms() -> String {
    super::value::Kind::Secret.expected()
}

/// A variable that looks like ours and is not: likely a slip that would leave a setting at its default.
pub(super) fn check_unknown_variables(environment: &Environment, settings: &Settings) -> Result<()> {
    let holds_key = |name: &str| settings.keys.values().any(|key| key.secret == SecretRef::Env(name.to_owned()));
    let Some(name) = environment.unknown().find(|name| !holds_key(name)) else {
        return Ok(());
    };
    let variables = keys::variables();
    let error = Error::usage("unknown environment variable").with("variable", &Said(name));
    Err(match names::nearest(name, variables.iter().map(|(name, _)| name.as_str())) {
        Some(nearest) => error.hint(format!("did you mean `{nearest}`? Otherwise unset it")),
        None => error.hint("unset it; `docs/settings.md` lists every variable"),
    })
}
