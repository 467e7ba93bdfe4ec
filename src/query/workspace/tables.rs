//! The tables of the workspace: folders of a location, and files elsewhere that an external table declares.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectMeta;
use percent_encoding::percent_decode_str;

use super::{External, Reach};
use crate::engine::Engine;
use crate::engine::catalog::Database;
use crate::engine::declared::Declared;
use crate::engine::lake::{TableFiles, by_first_folder};
use crate::engine::store::Store;
use crate::error::Result;
use crate::model::{Location, TableName, folder_name, printable};
use crate::query::write::place;

/// The tables of these locations as a database: each child folder is one, named `database.folder`. Of two with one name,
/// that of the first location is seen. A location that does not exist yet has none.
///
/// # Errors
/// Refused if a location meets the lake or the masked location: its tables would be read without a policy. Failed if
/// one cannot be listed.
pub async fn workspace(engine: &Engine, locations: &[Location], database: &str) -> Result<Database> {
    let (tables, _) = collect(engine, locations, database).await?;
    Ok(Database::new(tables, false, engine.reader()))
}

type Tables = BTreeMap<String, TableFiles>;

/// The tables of these locations, and which location each is of.
pub(super) async fn collect(
    engine: &Engine,
    locations: &[Location],
    database: &str,
) -> Result<(Tables, BTreeMap<String, Location>)> {
    let (mut tables, mut homes) = (BTreeMap::new(), BTreeMap::new());
    for location in locations {
        place::reject_kept_apart(location, engine)?;
        if let Location::Folder(path) = location
            && !path.is_dir()
        {
            continue;
        }
        let store = engine.store(location).await?;
        let mut objects = store.list("").await?;
        keep_inside(&store, &mut objects, engine);
        for (folder, objects) in by_first_folder(&store, objects) {
            let name = table_of(&folder);
            if tables.contains_key(&name) {
                continue;
            }
            let own = Store::new(location.child(&folder), store.bucket().clone())?;
            match TableFiles::collect(TableName::new(database, &name), own, objects, None).await {
                Ok(mut files) if !files.files.is_empty() => {
                    // As results are written, whatever the lake's own CSV files are like.
                    files.csv_header = true;
                    homes.insert(name.clone(), location.clone());
                    tables.insert(name, files);
                }
                Ok(_) => {}
                // One table that cannot be read must not take the others with it.
                Err(error) => engine.warn(format!(
                    "the table `{}` of the role is left out: {}",
                    printable(&format!("{database}.{name}")),
                    error.message()
                )),
            }
        }
    }
    Ok((tables, homes))
}

/// The files of an external table.
///
/// # Errors
/// Refused if it lies where the session does not reach; failed if it cannot be listed.
pub(super) async fn external(
    engine: &Engine,
    name: &TableName,
    external: &External,
    locations: &[Location],
    reach: Reach,
    base: &Path,
) -> Result<TableFiles> {
    let table = &external.table;
    let location = external_place(engine, &table.location, locations, reach, base)?;
    let store = engine.store(&location).await?;
    let exists = match &location {
        Location::Folder(folder) => folder.is_dir(),
        Location::S3 { .. } => true,
    };
    let mut objects = if exists { store.list("").await? } else { Vec::new() };
    keep_inside(&store, &mut objects, engine);
    let mut files = TableFiles::collect(name.clone(), store, objects, Some(table.format)).await?;
    files.csv_header = table.text.header;
    files.declared = Some(Arc::new(Declared::new(table)));
    if files.files.is_empty() {
        files.partition_columns = table.partitions.iter().map(|field| field.name().clone()).collect();
    }
    Ok(files)
}

/// The place of an external table.
///
/// # Errors
/// Refused if the session does not reach it, or it is kept apart from everybody.
pub(in crate::query) fn external_place(
    engine: &Engine,
    text: &str,
    locations: &[Location],
    reach: Reach,
    base: &Path,
) -> Result<Location> {
    let place = match reach {
        Reach::Own => place::inside(text, locations, base)?,
        Reach::Anywhere => place::anywhere(text, base)?,
    };
    place::reject_kept_apart(&place, engine)?;
    Ok(place)
}

/// The table of a folder. A folder that no table's name leads to goes by its own name.
fn table_of(folder: &str) -> String {
    match percent_decode_str(folder).decode_utf8() {
        Ok(name) if folder_name(&name) == folder => name.into_owned(),
        _ => folder.to_owned(),
    }
}

/// Leaves out files that a link leads to which are elsewhere.
fn keep_inside(store: &Store, objects: &mut Vec<ObjectMeta>, engine: &Engine) {
    let root: Option<PathBuf> = match store.location() {
        Location::Folder(folder) => folder.canonicalize().ok(),
        Location::S3 { .. } => return,
    };
    let before = objects.len();
    objects.retain(|meta| {
        let real = store.file(&meta.location).and_then(|file| file.canonicalize().ok());
        root.as_ref().zip(real).is_some_and(|(root, real)| real.starts_with(root))
    });
    if objects.len() < before {
        engine.warn(format!(
            "{} file(s) are left out: links in a role's location lead to them, and they lie elsewhere",
            before - objects.len()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_name_that_it_was_made_under() {
        for name in ["t", "My Table", "_hidden", "versions", "ü/..", "100%"] {
            assert_eq!(table_of(&folder_name(name)), name);
        }
        for folder in ["a b", "a.b", "%zz", "%41"] {
            assert_eq!(table_of(folder), folder);
        }
    }
}
