//! What roles and the audit log must not say together with the rest.

use std::path::Path;
use std::time::Duration;

use super::checks::{RESERVED_DATABASES, origin, raw_locations};
use super::places::{is_within, path_is_within};
use super::resolve::Reader;
use super::{FILE_NAME, FindingsOrigin, GrantsOrigin, RoleSettings, SecretRef, Settings};
use crate::error::{Error, Result, Said};
use crate::model::Location;

/// Checks what no single setting can tell.
pub(super) fn check(settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    check_names(settings, reader)?;
    check_default_role(settings, reader)?;
    for (name, role) in &settings.roles {
        check_full_access(name, role, reader)?;
        check_principals(name, role, reader)?;
        check_keys(name, role, settings, reader)?;
        check_time(name, role, reader)?;
        check_locations(name, role, settings, reader)?;
    }
    check_workspace_apart(settings, reader)?;
    check_results_apart(settings, reader)?;
    check_audit_apart(settings, reader)
}

/// A role's name is also that of a schema in SQL, which folds the case of names that are not quoted.
fn check_names(settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    let databases = [settings.lake.database.as_str(), settings.masked.database.as_str()];
    let mut seen: Vec<&str> = Vec::new();
    for name in settings.roles.keys() {
        let is_taken = |taken: &&str| taken.to_lowercase() == name.to_lowercase();
        let message = if RESERVED_DATABASES.iter().any(is_taken) {
            "role's name is reserved"
        } else if databases.iter().any(is_taken) {
            "role has the name of a database"
        } else if seen.iter().any(is_taken) {
            "names of two roles differ by case alone"
        } else {
            seen.push(name);
            continue;
        };
        return Err(Error::usage(message)
            .with("role", &Said(name))
            .with("in", &origin(reader, &["roles", name]))
            .hint("choose another name: SQL uses it for the schema of the role's results"));
    }
    Ok(())
}

fn check_default_role(settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    let Some(name) = settings.grants.default_role.as_ref().filter(|name| !settings.roles.contains_key(*name)) else {
        return Ok(());
    };
    let error = Error::usage("default role is not defined")
        .with("role", &Said(name))
        .with("in", &origin(reader, &["grants", "default_role"]));
    Err(match super::names::nearest(name, settings.roles.keys().map(String::as_str)) {
        Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
        None => error.hint(format!("define it as `[roles.NAME]` in `{FILE_NAME}`")),
    })
}

/// Who takes away full access by a mask alone would not.
fn check_full_access(name: &str, role: &RoleSettings, reader: &Reader<'_>) -> Result<()> {
    if !role.full_access {
        return Ok(());
    }
    let (message, member) = if !role.select.is_empty() {
        ("a role with full access has a selection, which would mean nothing", "select")
    } else if !role.masks.is_empty() {
        ("a role with full access has masks, which would mean nothing", "mask")
    } else if role.memory_bytes.is_some() {
        ("a role with full access has a limit, which would mean nothing", "memory")
    } else if role.time.is_some() {
        ("a role with full access has a limit, which would mean nothing", "time")
    } else if role.rows.is_some() {
        ("a role with full access has a limit, which would mean nothing", "rows")
    } else if role.scanned_bytes.is_some() {
        ("a role with full access has a limit, which would mean nothing", "scanned")
    } else {
        return Ok(());
    };
    Err(Error::usage(message)
        .with("role", &Said(name))
        .with("in", &origin(reader, &["roles", name, member]))
        .hint(format!("remove `full_access`, or all of `{member}` of `[roles.{name}]`")))
}

/// What the settings give to one role, no other has by calling itself so.
fn check_principals(name: &str, role: &RoleSettings, reader: &Reader<'_>) -> Result<()> {
    let of_a_role = |text: &&String| text.trim().to_lowercase().starts_with("role:");
    let member = if role.principal.iter().any(|text| of_a_role(&text)) {
        "principal"
    } else if role.groups.iter().any(|text| of_a_role(&text)) {
        "groups"
    } else {
        return Ok(());
    };
    Err(Error::usage("a principal or a group begins with `role:`, which is how the settings' own roles are told apart")
        .with("role", &Said(name))
        .with("in", &origin(reader, &["roles", name, member]))
        .hint("name an ARN, or a group by a name of its own"))
}

fn check_keys(name: &str, role: &RoleSettings, settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    let Some(key) = role.keys.iter().find(|key| !settings.keys.contains_key(*key)) else {
        return Ok(());
    };
    let error = Error::usage("role names a key that is not configured")
        .with("role", &Said(name))
        .with("in", &origin(reader, &["roles", name, "keys"]));
    // A text that is no key's name may be the key itself.
    Err(match super::names::nearest(key, settings.keys.keys().map(String::as_str)) {
        Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
        None => error.hint("name keys by their section: `default` for `[keys.default]`"),
    })
}

fn check_time(name: &str, role: &RoleSettings, reader: &Reader<'_>) -> Result<()> {
    if role.time != Some(Duration::ZERO) {
        return Ok(());
    }
    Err(Error::usage("role's statements have no time to run")
        .with("role", &Said(name))
        .with("in", &origin(reader, &["roles", name, "time"]))
        .hint("write at least \"1s\", or leave `time` out"))
}

/// Where a role writes, it may replace what is there, and others may read what it wrote.
fn check_locations(name: &str, role: &RoleSettings, settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    let kept_apart = kept_apart(settings);
    for location in &role.locations {
        let meets = |(_, place): &&(&str, Location)| is_within(location, place) || is_within(place, location);
        let Some((what, place)) = kept_apart.iter().find(meets) else {
            continue;
        };
        return Err(Error::refused("a role would write where only saltlake and its owner may")
            .with("role", &Said(name))
            .with("location", location)
            .with("meets", &Said(what))
            .with("at", &Said(place.to_url().trim_end_matches('/')))
            .with("in", &origin(reader, &["roles", name, "locations"]))
            .hint("choose a location that neither lies in the other nor holds it"));
    }
    Ok(())
}

/// What is made there, others may read, and nothing that is kept apart may be taken for it.
fn check_workspace_apart(settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    let Some(workspace) = &settings.query.workspace else {
        return Ok(());
    };
    let kept_apart = kept_apart(settings);
    let meets = |(_, place): &&(&str, Location)| is_within(workspace, place) || is_within(place, workspace);
    let Some((what, place)) = kept_apart.iter().find(meets) else {
        return Ok(());
    };
    Err(Error::refused("the workspace would lie where only saltlake and its owner may write")
        .with("location", workspace)
        .with("meets", &Said(what))
        .with("at", &Said(place.to_url().trim_end_matches('/')))
        .with("in", &origin(reader, &["query", "workspace"]))
        .hint("choose a location that neither lies in the other nor holds it"))
}

/// Places that no role may write to, or around.
fn kept_apart(settings: &Settings) -> Vec<(&'static str, Location)> {
    let folder = |path: &Path| Location::Folder(path.to_owned());
    let mut places: Vec<_> = raw_locations(settings).map(|raw| ("raw tables", raw.clone())).collect();
    places.extend(settings.masked.location.iter().map(|masked| ("masked tables", masked.clone())));
    places.extend(settings.engine.spill_folder.iter().map(|spill| ("the spill folder", folder(spill))));
    places.push(("the audit log", folder(&settings.audit.folder)));
    places.extend(settings.query.results.iter().map(|results| ("kept results", results.clone())));
    places.extend(settings.file.iter().map(|file| ("the settings file", folder(file))));
    for source in &settings.grants.sources {
        if let GrantsOrigin::At(location) = source {
            places.push(("a source of grants", location.clone()));
        }
    }
    for source in &settings.findings.sources {
        if let FindingsOrigin::At(location) = source {
            places.push(("a source of findings", location.clone()));
        }
    }
    for key in settings.keys.values() {
        if let SecretRef::File(path) = &key.secret {
            places.push(("a key", folder(path)));
        }
    }
    places
}

/// Kept results hold what each role was answered: they lie neither among tables, which others read, nor around them.
fn check_results_apart(settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    let Some(results) = &settings.query.results else {
        return Ok(());
    };
    let meets = |place: &&Location| is_within(results, place) || is_within(place, results);
    let Some(place) = raw_locations(settings).chain(&settings.masked.location).find(meets) else {
        return Ok(());
    };
    Err(Error::refused("kept results would lie among the tables, or around them")
        .with("results", results)
        .with("location", place)
        .with("in", &origin(reader, &["query", "results"]))
        .hint("set `results` of `[query]` to a place apart from the lake and the masked location"))
}

/// The log says who asked what. Without roles nothing is logged, unless somebody set a folder.
fn check_audit_apart(settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    let set = origin(reader, &["audit", "folder"]);
    if settings.roles.is_empty() && set == super::Origin::Default {
        return Ok(());
    }
    let folder = &settings.audit.folder;
    let around = raw_locations(settings).chain(&settings.masked.location).find(|place| path_is_within(folder, place));
    let Some(around) = around else {
        return Ok(());
    };
    Err(Error::refused("the audit log would lie among the tables")
        .with("audit folder", &folder.display())
        .with("location", around)
        .with("in", &set)
        .hint("set `folder` of `[audit]` to one outside the lake and the masked location"))
}
