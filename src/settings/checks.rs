//! What settings must not say together.

use super::layers::Origin;
use super::places::{is_within, path_is_within};
use super::resolve::Reader;
use super::{SecretRef, Settings, role_checks};
use crate::error::{Error, Result, Said};
use crate::model::Location;

/// Database names that saltlake or the engine keeps for itself.
pub(super) const RESERVED_DATABASES: &[&str] = &["saltlake", "information_schema"];

/// Checks what no single setting can tell.
pub(super) fn check(settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    check_databases(settings, reader)?;
    check_tables_apart(settings, reader)?;
    check_masked_apart(settings, reader)?;
    check_spill_apart(settings, reader)?;
    check_keys_apart(settings, reader)?;
    role_checks::check(settings, reader)
}

fn check_databases(settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    let names = [("lake", &settings.lake.database), ("masked", &settings.masked.database)];
    for (section, name) in names {
        let error = |message| Error::usage(message).with("in", &origin(reader, &[section, "database"]));
        // The last is that of tables that statements make.
        if RESERVED_DATABASES.iter().chain(&["workspace"]).any(|reserved| reserved.eq_ignore_ascii_case(name)) {
            return Err(error("database name is reserved").with("database", &Said(name)).hint("choose another name"));
        }
        if name.starts_with(['.', '_']) || name.contains(['/', '\\']) {
            return Err(error("name cannot be a database's")
                .with("database", &Said(name))
                .hint("a database's name does not begin with `.` or `_` and holds no slash"));
        }
    }
    // SQL folds the case of names that are not quoted.
    if settings.lake.database.to_lowercase() == settings.masked.database.to_lowercase() {
        return Err(Error::usage("raw and masked tables have the same database name")
            .with("database", &Said(&settings.lake.database))
            .with("in", &origin(reader, &["masked", "database"]))
            .hint("give `database` of `[masked]` another name, so that SQL can tell raw from masked"));
    }
    Ok(())
}

/// Files of a table inside another belong to both, but their findings reach only one: the other's copy would stay
/// readable.
fn check_tables_apart(settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    let tables: Vec<_> = settings.lake.tables.iter().collect();
    if let Some(lake) = &settings.lake.location
        && let Some((name, table)) = tables.iter().find(|(_, table)| is_within(lake, &table.location))
    {
        return Err(Error::usage("a table holds the whole lake")
            .with("table", &Said(name))
            .with("location", &table.location)
            .with("lake", lake)
            .with("in", &origin(reader, &["lake", "tables", name]))
            .hint("give the table a location of its own, or leave `location` of `[lake]` out"));
    }
    for (index, (name, table)) in tables.iter().enumerate() {
        for (other_name, other) in tables.iter().skip(index + 1) {
            if is_within(&table.location, &other.location) || is_within(&other.location, &table.location) {
                return Err(Error::usage("a table lies within another")
                    .with("table", &Said(name))
                    .with("location", &table.location)
                    .with("other table", &Said(other_name))
                    .with("other location", &other.location)
                    .with("in", &origin(reader, &["lake", "tables", other_name]))
                    .hint("give each table a location of its own"));
            }
        }
    }
    Ok(())
}

/// Every raw location: the lake's and those of tables with a place of their own.
pub(super) fn raw_locations(settings: &Settings) -> impl Iterator<Item = &Location> {
    settings.lake.location.iter().chain(settings.lake.tables.values().map(|table| &table.location))
}

fn check_masked_apart(settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    let Some(masked) = &settings.masked.location else {
        return Ok(());
    };
    for raw in raw_locations(settings) {
        let message = match (is_within(masked, raw), is_within(raw, masked)) {
            (false, false) => continue,
            (true, true) => "masked tables would go where raw tables are",
            (true, false) => "masked tables would go inside the raw lake",
            (false, true) => "the raw lake lies inside the masked location",
        };
        return Err(Error::refused(message)
            .with("raw", raw)
            .with("masked", masked)
            .with("in", &origin(reader, &["masked", "location"]))
            .hint("who may read masked tables must not reach raw ones: choose a masked location apart from the lake"));
    }
    Ok(())
}

/// Spilled operators write raw values, readable to whoever may list the folder.
fn check_spill_apart(settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    let Some(spill) = &settings.engine.spill_folder else {
        return Ok(());
    };
    let Some(around) =
        raw_locations(settings).chain(&settings.masked.location).find(|location| path_is_within(spill, location))
    else {
        return Ok(());
    };
    Err(Error::refused("operators would spill raw values among the tables")
        .with("spill folder", &spill.display())
        .with("location", around)
        .with("in", &origin(reader, &["engine", "spill_folder"]))
        .hint("choose a folder outside the lake and the masked location"))
}

/// A key beside the masked tables undoes them.
fn check_keys_apart(settings: &Settings, reader: &Reader<'_>) -> Result<()> {
    let Some(masked) = &settings.masked.location else {
        return Ok(());
    };
    for (name, key) in &settings.keys {
        if let SecretRef::File(path) = &key.secret
            && path_is_within(path, masked)
        {
            return Err(Error::refused("the key lies among the masked tables")
                .with("key", &Said(name))
                .with("file", &path.display())
                .with("masked", masked)
                .with("in", &origin(reader, &["keys", name, "secret"]))
                .hint("who may read masked tables must not reach the key: move it elsewhere"));
        }
    }
    Ok(())
}

pub(super) fn origin(reader: &Reader<'_>, path: &[&str]) -> Origin {
    reader.origin_of(&path.iter().map(|name| (*name).to_owned()).collect())
}
