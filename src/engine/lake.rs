//! The lake as files: which tables there are, which objects belong to each, and in which format.
//!
//! INVARIANT: an object of a table is read, ignored by rule (a name that begins with `_` or `.`), or the reason for an
//! error that names it. None is skipped in silence, since its rows would be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use super::declared::Declared;
use super::store::Store;
use crate::error::{Error, Result, Said};
use crate::model::TableName;
pub use crate::settings::TableFormat;

/// The name Hive gives the partition folder of NULL.
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// One object of a table.
#[derive(Clone, Debug)]
pub struct LakeFile {
    /// Path, size and etag as they were when the table was listed.
    pub meta: ObjectMeta,
    /// The values of the table's partition columns for all of its rows.
    pub partitions: Vec<Option<String>>,
}

/// The objects of one table, pinned at the time of listing.
#[derive(Clone, Debug)]
pub struct TableFiles {
    /// The table.
    pub name: TableName,
    /// The store of the table's folder.
    pub store: Store,
    /// The format of every file.
    pub format: TableFormat,
    /// Whether the files are gzip-compressed as a whole (CSV and JSON lines).
    pub gzip: bool,
    /// Whether CSV files begin with a line of column names.
    pub csv_header: bool,
    /// The names of the partition columns, outermost folder first.
    pub partition_columns: Vec<String>,
    /// The objects, in name order.
    pub files: Vec<LakeFile>,
    /// The columns, if they were declared rather than found.
    pub declared: Option<Arc<Declared>>,
}

impl TableFiles {
    /// Sorts a table's listed objects by rule.
    ///
    /// # Errors
    /// If an object's format is unknown or differs from the others', or partition folders disagree.
    pub async fn collect(
        name: TableName,
        store: Store,
        objects: Vec<ObjectMeta>,
        declared: Option<TableFormat>,
    ) -> Result<Self> {
        let objects = visible(&store, objects);
        let mut table = Self {
            name,
            store,
            format: declared.unwrap_or(TableFormat::Parquet),
            gzip: false,
            csv_header: true,
            partition_columns: Vec::new(),
            files: Vec::new(),
            declared: None,
        };
        let mut first: Option<String> = None;
        for meta in objects {
            let shown = table.store.display(&meta.location);
            let (format, gzip) = match declared {
                Some(format) => (format, is_gzip(&shown)),
                None => table.format_of(&meta).await?,
            };
            let folders = folders_of(&table.store, &meta);
            let (columns, partitions): (Vec<_>, Vec<_>) = folders.into_iter().unzip();
            match &first {
                None => {
                    (table.format, table.gzip, table.partition_columns) = (format, gzip, columns);
                    first = Some(shown);
                }
                Some(first) if (table.format, table.gzip) != (format, gzip) => {
                    return Err(Error::failed("files of one table have different formats")
                        .with("table", &table.name)
                        .with("file", &Said(&shown))
                        .with("differs from", &Said(first))
                        .hint("move one of them to a table of its own, or give it a name that begins with `_`"));
                }
                Some(first) if table.partition_columns != columns => {
                    return Err(Error::failed("files of one table lie in different partition folders")
                        .with("table", &table.name)
                        .with("file", &Said(&shown))
                        .with("differs from", &Said(first))
                        .hint("every file needs the same `name=value` folders in the same order"));
                }
                Some(_) => {}
            }
            table.files.push(LakeFile { meta, partitions });
        }
        Ok(table)
    }

    /// The format that an object's name tells, or its first bytes when the name has no extension.
    async fn format_of(&self, meta: &ObjectMeta) -> Result<(TableFormat, bool)> {
        let shown = self.store.display(&meta.location);
        let gzip = is_gzip(&shown);
        let name = meta.location.filename().unwrap_or_default().to_ascii_lowercase();
        let stem = name.strip_suffix(".gz").unwrap_or(&name);
        let extension = stem.rsplit_once('.').map(|(_, extension)| extension);
        let format = match extension {
            Some("parquet" | "parq") => TableFormat::Parquet,
            Some("csv") => TableFormat::Csv,
            Some("json" | "jsonl" | "ndjson") => TableFormat::Json,
            Some("avro") => TableFormat::Avro,
            _ if meta.size == 0 => {
                return Err(Error::failed("a file of a table is empty (0 bytes), and its name tells no format")
                    .with("table", &self.name)
                    .with("file", &Said(&shown))
                    .hint("delete it, or give it a name that begins with `_`"));
            }
            _ => {
                let length = meta.size.min(4);
                let head = self.store.objects().get_range(&meta.location, 0..length).await;
                match head.map_err(|e| self.store.fault(&e, Some(&meta.location), "cannot read a file"))?.as_ref() {
                    b"PAR1" => TableFormat::Parquet,
                    b"Obj\x01" => TableFormat::Avro,
                    _ => {
                        return Err(Error::failed("cannot tell the format of a file")
                            .with("table", &self.name)
                            .with("file", &Said(&shown))
                            .hint("set `format` for the table in `[lake.tables]`, move the file elsewhere, or give it a name that begins with `_`"));
                    }
                }
            }
        };
        if gzip && matches!(format, TableFormat::Parquet | TableFormat::Avro) {
            return Err(Error::failed("a Parquet or Avro file is compressed as a whole")
                .with("table", &self.name)
                .with("file", &Said(&shown))
                .hint("unpack it: these formats compress inside the file"));
        }
        Ok((format, gzip))
    }

    /// A text that changes with any file of the table: its name, its size, its time or its etag.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for LakeFile { meta, .. } in &self.files {
            let moment = meta.last_modified.timestamp_nanos_opt().unwrap_or_default();
            let etag = meta.e_tag.as_deref().unwrap_or_default();
            hash.update(format!("{}\n{}\n{moment}\n{etag}\n", self.store.display(&meta.location), meta.size));
        }
        // How they are read follows from what was declared.
        hash.update(format!("{:?}", self.declared));
        const_hex::encode(hash.finalize())
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.meta.size).sum()
    }
}

fn is_gzip(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

/// The objects that hold rows: no name or folder below the table begins with `_` or `.`, and no folder markers.
fn visible(store: &Store, objects: Vec<ObjectMeta>) -> Vec<ObjectMeta> {
    let markers = folder_markers(&objects);
    objects
        .into_iter()
        .filter(|meta| {
            let Some(relative) = store.relative(&meta.location) else { return false };
            let marker = meta.size == 0 && relative.is_empty() || markers.contains(&meta.location);
            !marker && !relative.split('/').any(|part| part.starts_with(['_', '.']))
        })
        .collect()
}

/// Objects of no bytes that only stand for a folder: the S3 console makes them with the folder's name, Hadoop beside it
/// with `_$folder$` at the end.
pub(super) fn folder_markers(objects: &[ObjectMeta]) -> BTreeSet<Path> {
    let mut folders = BTreeSet::new();
    for meta in objects {
        let mut rest = meta.location.as_ref();
        while let Some((folder, _)) = rest.rsplit_once('/') {
            if !folders.insert(folder) {
                break;
            }
            rest = folder;
        }
    }
    let marks = |path: &str| folders.contains(path) || path.ends_with("_$folder$");
    let empty = objects.iter().filter(|meta| meta.size == 0);
    empty.filter(|meta| marks(meta.location.as_ref())).map(|meta| meta.location.clone()).collect()
}

/// The `name=value` folders between a table's root and an object, decoded.
fn folders_of(store: &Store, meta: &ObjectMeta) -> Vec<(String, Option<String>)> {
    store.relative(&meta.location).map(partition_folders).unwrap_or_default()
}

/// The values in the `name=value` folders of a path below its table.
pub(super) fn partition_values(relative: &str) -> Vec<Option<String>> {
    partition_folders(relative).into_iter().map(|(_, value)| value).collect()
}

fn partition_folders(relative: &str) -> Vec<(String, Option<String>)> {
    let Some((folders, _)) = relative.rsplit_once('/') else { return Vec::new() };
    folders
        .split('/')
        .filter_map(|folder| folder.split_once('='))
        .map(|(name, value)| {
            let value = (value != NULL_PARTITION).then(|| decode(value));
            (decode(name), value)
        })
        .collect()
}

/// Undoes percent-encoding. What does not decode to UTF-8 stays as it is written: no two values become one.
fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}

/// Groups the objects below a lake's root by their first folder: each is a table.
pub fn by_first_folder(store: &Store, objects: Vec<ObjectMeta>) -> BTreeMap<String, Vec<ObjectMeta>> {
    let mut tables: BTreeMap<String, Vec<ObjectMeta>> = BTreeMap::new();
    for meta in objects {
        let Some((folder, _)) = store.relative(&meta.location).and_then(|relative| relative.split_once('/')) else {
            continue;
        };
        if !folder.starts_with(['_', '.']) {
            tables.entry(folder.to_owned()).or_default().push(meta);
        }
    }
    tables
}
