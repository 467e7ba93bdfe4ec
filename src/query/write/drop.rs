//! DROP TABLE: the files of a table of the workspace.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use futures::{StreamExt, TryStreamExt};

use super::{place, staged};
use crate::engine::Engine;
use crate::engine::store::{Store, file_fault};
use crate::error::{Error, Result, Said};
use crate::model::{Location, TableName};
use crate::query::fault::coded;
use crate::query::workspace::Workspace;

/// How many objects are deleted at once.
const DELETED_AT_ONCE: usize = 16;

/// Removes a table's files. In a folder they are gone at once; in a bucket one after the other.
///
/// # Errors
/// Refused if a link stands on the way, or another statement writes to the table; failed if a file cannot be removed.
pub async fn drop_table(engine: &Engine, workspace: &Workspace, table: &TableName) -> Result<()> {
    let (Some(files), Some(home)) = (workspace.database().files(table.table()), workspace.home(table.table())) else {
        return Err(coded(Error::usage("there is no such table"), "42P01").with("table", table));
    };
    let location = files.store.location();
    place::reject_kept_apart(location, engine)?;
    match location {
        Location::Folder(folder) => drop_folder(folder, home, workspace.locations()),
        Location::S3 { .. } => drop_objects(&files.store).await,
    }
}

/// Takes a folder away and then deletes it. Links in it are deleted, not followed.
fn drop_folder(folder: &Path, home: &Location, locations: &[Location]) -> Result<()> {
    let fault = |error: std::io::Error| file_fault(&error, folder, "cannot remove a table");
    let led_away = || {
        let given = Location::Folder(folder.to_owned()).to_url();
        place::forbidden(&given, "a link stands on the way to it", locations)
    };
    let Some(Location::Folder(home)) = place::real(home) else { return Err(led_away()) };
    let name = folder.file_name().ok_or_else(led_away)?;
    let own = home.join(name);
    if !own.symlink_metadata().map_err(fault)?.is_dir() || own.canonicalize().map_err(fault)? != own {
        return Err(led_away());
    }
    let lock = File::open(&own).map_err(fault)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(coded(Error::refused("another statement is writing to the table"), "55006")
                .with("location", &own.display())
                .hint("run the statement again when the other has ended"));
        }
        Err(TryLockError::Error(error)) => return Err(fault(error)),
    }
    let taken = staged::dropped(&own);
    // What an earlier statement could not delete to its end.
    if taken.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        fs::remove_dir_all(&taken).map_err(fault)?;
    }
    fs::rename(&own, &taken).map_err(fault)?;
    fs::remove_dir_all(&taken).map_err(fault)?;
    let _ = File::open(&home).and_then(|home| home.sync_all());
    Ok(())
}

async fn drop_objects(store: &Store) -> Result<()> {
    let objects = store.list("").await?;
    let inside = objects.iter().filter(|meta| store.relative(&meta.location).is_some());
    let deletions: Vec<_> = inside.map(|meta| store.delete(&meta.location)).collect();
    futures::stream::iter(deletions).buffer_unordered(DELETED_AT_ONCE).try_collect::<()>().await?;
    let left = store.list("").await?;
    if left.is_empty() {
        return Ok(());
    }
    Err(Error::failed("objects of the table are still there")
        .with("location", store.location())
        .with("objects", &Said(&left.len().to_string())))
}
