//! Roles, grants and the audit log: from layers of values to typed settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::layers::wrong_form;
use super::resolve::{Reader, is_sound_name, owned};
use super::select::SelectRule;
use super::value::{Value, parse_duration};
use crate::error::{Error, Result, Said};
use crate::model::Location;

/// The source of grants that is a live service.
pub(super) const LAKE_FORMATION: &str = "lakeformation";

/// Who may read what, as Lake Formation has it. What roles select by the settings counts in addition.
#[derive(Clone, Debug)]
pub struct GrantsSettings {
    /// The live service, or files, folders and `s3://` prefixes with the AWS CLI's answers.
    pub sources: Vec<GrantsOrigin>,
    /// The AWS account whose catalog counts: 12 digits.
    pub catalog: Option<String>,
    /// Whether a grant to `IAM_ALLOWED_PRINCIPALS` gives the table to every role. Default false: to none.
    pub unmanaged_allowed: bool,
    /// The role of a session that names none. Always one of [`Settings::roles`](super::Settings::roles).
    pub default_role: Option<String>,
    /// Stored grants of Lake Formation that are older are not used. Default one day.
    pub max_age: Duration,
}

/// One source of grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantsOrigin {
    /// The live service.
    LakeFormation,
    /// A file, a folder or an `s3://` prefix.
    At(Location),
}

/// A role that a session acts in.
#[derive(Clone, Debug)]
pub struct RoleSettings {
    /// The principal whose grants it has: an ARN, or any name.
    pub principal: Option<String>,
    /// Groups whose grants it has too.
    pub groups: Vec<String>,
    /// Whether it reads everything as it is, raw tables too. Default false. If true, it has no `masks` and no `select`.
    pub full_access: bool,
    /// Names of keys that it may compute masking functions with. Each is one of the settings' keys.
    pub keys: Vec<String>,
    /// Folders and prefixes where it may write results, apart from every table.
    pub locations: Vec<Location>,
    /// Bytes that one of its statements may hold in memory. `None` for what the engine may.
    pub memory_bytes: Option<u64>,
    /// How long one of its statements may run, at least a second. `None` for no end.
    pub time: Option<Duration>,
    /// Rows of one of its answers.
    pub rows: Option<u64>,
    /// Bytes that may leave its barrier for one statement.
    pub scanned_bytes: Option<u64>,
    /// By table (`customer` or `dataset.customer`) and column: an SQL expression on the raw row to read instead.
    pub masks: BTreeMap<String, BTreeMap<String, String>>,
    /// By table (`customer`, `dataset.customer` or `dataset.*`): what it reads besides the grants, each list not empty.
    pub select: BTreeMap<String, Vec<SelectRule>>,
}

/// The log of every statement of a role.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    /// Its folder. Default `audit` beside the settings file.
    pub folder: PathBuf,
    /// Bytes above which the log starts a new file. Default 64 MiB.
    pub rotate_bytes: u64,
}

impl Reader<'_> {
    pub(super) fn grants(&self) -> Result<GrantsSettings> {
        let mut sources = Vec::new();
        if let Some((path, entry)) = self.entry(&["grants", "sources"])
            && let Value::List(items) = &entry.value
        {
            for item in items {
                sources.push(match item.as_str() {
                    LAKE_FORMATION => GrantsOrigin::LakeFormation,
                    text => GrantsOrigin::At(self.parse_location(path, entry, text)?),
                });
            }
        }
        Ok(GrantsSettings {
            sources,
            catalog: self.text(&["grants", "catalog"]),
            unmanaged_allowed: self.text(&["grants", "unmanaged"]).as_deref() == Some("allow"),
            default_role: self.text(&["grants", "default_role"]),
            max_age: self.duration(&["grants", "max_age"]).unwrap_or_default(),
        })
    }

    pub(super) fn audit(&self) -> Result<AuditSettings> {
        Ok(AuditSettings {
            folder: self.folder(&["audit", "folder"])?.unwrap_or_else(|| self.root.join("audit")),
            rotate_bytes: self.bytes(&["audit", "rotate"]).unwrap_or_default(),
        })
    }

    pub(super) fn roles(&self) -> Result<BTreeMap<String, RoleSettings>> {
        let mut roles = BTreeMap::new();
        for name in self.layers.names_in(&["roles"]) {
            if !is_sound_name(&name) {
                let path = owned(&["roles", &name]);
                return Err(Error::usage("name cannot be a role's")
                    .with("in", &self.origin_of(&path))
                    .hint("a role's name is made of ASCII letters, digits, `.`, `-` and `_`"));
            }
            let role = self.role(&name)?;
            roles.insert(name, role);
        }
        Ok(roles)
    }

    fn role(&self, name: &str) -> Result<RoleSettings> {
        let at = |member| ["roles", name, member];
        Ok(RoleSettings {
            principal: self.text(&at("principal")),
            groups: self.texts(&at("groups")),
            full_access: self.switch(&at("full_access")),
            keys: self.texts(&at("keys")),
            locations: self.locations(&at("locations"))?,
            memory_bytes: self.bytes(&at("memory")),
            time: self.duration(&at("time")),
            rows: self.count(&at("rows")),
            scanned_bytes: self.bytes(&at("scanned")),
            masks: self.role_masks(name)?,
            select: self.role_select(name)?,
        })
    }

    fn role_masks(&self, role: &str) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
        let mut masks = BTreeMap::new();
        for table in self.layers.names_in(&["roles", role, "mask"]) {
            self.check_table_reference(&["roles", role, "mask", &table], &table, false)?;
            let mut columns = BTreeMap::new();
            for column in self.layers.names_in(&["roles", role, "mask", &table]) {
                if let Some(expression) = self.text(&["roles", role, "mask", &table, &column]) {
                    columns.insert(column, expression);
                }
            }
            masks.insert(table, columns);
        }
        Ok(masks)
    }

    fn role_select(&self, role: &str) -> Result<BTreeMap<String, Vec<SelectRule>>> {
        let mut select = BTreeMap::new();
        for table in self.layers.names_in(&["roles", role, "select"]) {
            let Some((path, entry)) = self.entry(&["roles", role, "select", &table]) else {
                continue;
            };
            self.check_table_reference(&["roles", role, "select", &table], &table, true)?;
            match &entry.value {
                Value::Select(rules) => select.insert(table, rules.clone()),
                _ => return Err(wrong_form(path, &entry.origin, &entry.key.kind.expected())),
            };
        }
        Ok(select)
    }

    /// A name that is neither a table's nor a database's would be passed over in silence, and with it a mask.
    fn check_table_reference(&self, path: &[&str], table: &str, all_allowed: bool) -> Result<()> {
        let named = if all_allowed { table.strip_suffix(".*").unwrap_or(table) } else { table };
        let sound = !named.trim().is_empty()
            && !named.starts_with('.')
            && !named.ends_with('.')
            && !named.contains(|c: char| c == '*' || c.is_control());
        if sound {
            return Ok(());
        }
        let forms = if all_allowed {
            "`table`, `\"database.table\"` or `\"database.*\"`"
        } else {
            "`table` or `\"database.table\"`"
        };
        Err(Error::usage("name stands for no table")
            .with("table", &Said(table))
            .with("in", &self.origin_of(&owned(path)))
            .hint(format!("write {forms}")))
    }

    pub(super) fn duration(&self, path: &[&str]) -> Option<Duration> {
        parse_duration(&self.text(path)?)
    }

    pub(super) fn bytes(&self, path: &[&str]) -> Option<u64> {
        self.entry(path)?.1.value.bytes()
    }

    /// A number that may be unset.
    pub(super) fn count(&self, path: &[&str]) -> Option<u64> {
        match self.entry(path)?.1.value {
            Value::Integer(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    fn texts(&self, path: &[&str]) -> Vec<String> {
        match self.entry(path) {
            Some((_, entry)) => match &entry.value {
                Value::List(items) => items.clone(),
                _ => Vec::new(),
            },
            None => Vec::new(),
        }
    }
}
