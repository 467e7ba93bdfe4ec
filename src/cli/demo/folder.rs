//! The demo's folder: raw tables, findings, a key and settings.
//!
//! INVARIANT: nothing that is not the demo's is touched. A folder is taken if it is empty, or if an earlier demo is in
//! it.
//! INVARIANT: settings come last, so a folder with the demo's settings holds the whole demo.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind as Io, Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use super::data::{self, TABLES, Table, WrittenFile};
use super::findings::{FIREHOSE_KEY, Object, delivery};
use crate::error::{Error, Result};
use crate::settings::FILE_NAME;

/// The settings of the demo.
const SETTINGS: &str = include_str!("demo.toml");

/// What the first line of the demo's settings begins with.
const MARK: &str = "# saltlake demo: invented data.";

/// The file that claims a folder for as long as its demo is not whole.
const CLAIM: &str = ".saltlake-demo-unfinished";

/// Where settings go that somebody changed, when a new demo takes their place.
const CHANGED_SETTINGS: &str = "saltlake.toml.before";

/// The key's file, as the settings name it.
const KEY: &str = "secrets/demo.key";

const KEY_BYTES: usize = 32;

/// Writes the whole demo. In the folder of an earlier one, its tables, findings and settings are written anew and its
/// key stays, so that tokens stay the same.
///
/// # Errors
/// [`ErrorKind::Refused`](crate::error::ErrorKind::Refused) if the folder holds something else.
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for no rows.
pub(super) fn lay_out(folder: &Path, rows: usize) -> Result<()> {
    if rows == 0 {
        return Err(Error::usage("a demo without rows shows nothing").hint("ask for at least one: `--rows 1000`"));
    }
    claim(folder)?;
    write_key(folder)?;
    let files = TABLES.iter().map(|table| write_table(folder, table, rows)).collect::<Result<Vec<_>>>()?;
    let objects: Vec<Object<'_>> = TABLES
        .iter()
        .zip(&files)
        .map(|(table, file)| Object { key: object_key(table), table: table.name, file })
        .collect();
    write_whole(&folder.join("findings").join(FIREHOSE_KEY), delivery(&objects).as_bytes())?;
    write_whole(&folder.join(FILE_NAME), SETTINGS.as_bytes())?;
    let claim = folder.join(CLAIM);
    fs::remove_file(&claim).map_err(|error| unwritable(&claim, &error))
}

/// Makes the folder the demo's, or refuses. Afterwards it has a claim and no settings.
fn claim(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let settings = folder.join(FILE_NAME);
    let (earlier, claim) = (is_marked(&settings)?, folder.join(CLAIM));
    if !earlier && !is_marked(&claim)? && !is_empty(folder)? {
        return Err(Error::refused("folder is not empty and no demo's")
            .with("folder", &folder.display())
            .hint("choose another folder with `--dir`: the demo writes over nothing that is not its own"));
    }
    fs::write(&claim, format!("{MARK} It is being written.\n")).map_err(|error| unwritable(&claim, &error))?;
    if earlier {
        let text = fs::read(&settings).map_err(|error| unreadable(&settings, &error))?;
        let gone = if text == SETTINGS.as_bytes() {
            fs::remove_file(&settings)
        } else {
            fs::rename(&settings, folder.join(CHANGED_SETTINGS))
        };
        gone.map_err(|error| unwritable(&settings, &error))?;
    }
    Ok(())
}

/// Whether a file begins with the demo's mark. One that does not exist does not.
fn is_marked(path: &Path) -> Result<bool> {
    let mut line = Vec::new();
    let read =
        File::open(path).and_then(|file| BufReader::new(file).take(MARK.len() as u64).read_until(b'\n', &mut line));
    match read {
        Ok(_) => Ok(line == MARK.as_bytes()),
        Err(error) if error.kind() == Io::NotFound => Ok(false),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn is_empty(folder: &Path) -> Result<bool> {
    let mut entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    Ok(entries.next().is_none())
}

/// The key of a table's file below the raw folder, and in the bucket that findings speak of.
fn object_key(table: &Table) -> String {
    format!("dataset/{}/LOAD00000001.parquet", table.name)
}

fn write_table(folder: &Path, table: &Table, rows: usize) -> Result<WrittenFile> {
    let path = folder.join("raw").join(object_key(table));
    let mut written = None;
    replace(&path, |file| {
        written = Some(data::write(table, rows, file).map_err(io::Error::other)?);
        Ok(())
    })?;
    written.ok_or_else(|| Error::failed("demo table was not written").with("file", &path.display()))
}

/// Makes a key, unless there is one: tables that are masked already were masked with it.
fn write_key(folder: &Path) -> Result<()> {
    let path = folder.join(KEY);
    if path.try_exists().map_err(|error| unreadable(&path, &error))? {
        return Ok(());
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    SysRng.try_fill_bytes(key.as_mut_slice()).map_err(|_| {
        Error::failed("the system gave no random bytes for a key").hint("check that `/dev/urandom` can be read")
    })?;
    let text = Zeroizing::new(STANDARD.encode(key.as_slice()));
    make_private_folder(folder.join("secrets").as_path())?;
    replace_with(&path, &private_file(), |file| writeln!(file, "{}", text.as_str()))
}

/// A folder that only its owner enters.
fn make_private_folder(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| unwritable(path, &error))
}

/// A new file that only its owner reads, from its first moment.
fn private_file() -> OpenOptions {
    let mut options = new_file();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn new_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, |file| file.write_all(bytes))
}

fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    replace_with(path, &new_file(), write)
}

/// Writes a file beside its place and moves it there once it is whole. Readers skip the hidden name it has before.
fn replace_with(path: &Path, options: &OpenOptions, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = path.with_file_name(format!(".{name}.unfinished"));
    let written = || {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        // One that was left behind could be open to more readers than this one.
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != Io::NotFound => return Err(error),
            _ => {}
        }
        let mut file = options.open(&unfinished)?;
        write(&mut file)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    written().map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    let hint = match error.kind() {
        Io::PermissionDenied | Io::ReadOnlyFilesystem => "check who may write there",
        Io::StorageFull | Io::QuotaExceeded => "free some space on the disk, or ask for fewer rows with `--rows`",
        _ => "choose another folder with `--dir`",
    };
    Error::failed("cannot write the demo").with("path", &path.display()).hint(hint)
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    let hint = match error.kind() {
        Io::PermissionDenied => "check who may read it, or choose another folder with `--dir`",
        _ => "choose another folder with `--dir`",
    };
    Error::failed("cannot look at the demo's folder").with("path", &path.display()).hint(hint)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::*;
    use crate::error::ErrorKind;
    use crate::model::Location;
    use crate::settings::{Environment, FindingsOrigin, Overrides, SecretRef, Settings};

    fn demo() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        lay_out(folder.path(), 20).unwrap();
        folder
    }

    /// Every file below a folder, by its path there.
    fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
                }
            }
        }
        files
    }

    fn load(folder: &Path) -> Settings {
        Settings::load(&Overrides::default(), folder, &Environment::default()).unwrap()
    }

    #[test]
    fn the_folder_holds_tables_findings_key_and_settings() {
        let folder = demo();
        let found: Vec<String> =
            files(folder.path()).keys().map(|path| path.to_string_lossy().replace('\\', "/")).collect();
        let findings = format!("findings/{FIREHOSE_KEY}");
        let expected = [
            findings.as_str(),
            "raw/dataset/bank/LOAD00000001.parquet",
            "raw/dataset/card/LOAD00000001.parquet",
            "raw/dataset/customer/LOAD00000001.parquet",
            "saltlake.toml",
            "secrets/demo.key",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn its_settings_load_and_name_what_is_there() {
        let folder = demo();
        let settings = load(folder.path());
        assert_eq!(settings.lake.location, Some(Location::Folder(folder.path().join("raw/dataset"))));
        assert_eq!(
            settings.lake.known_as,
            [Location::parse("s3://saltlake-demo-raw/dataset/", Path::new("/")).unwrap()]
        );
        let findings = Location::Folder(folder.path().join("findings"));
        assert_eq!(settings.findings.sources, [FindingsOrigin::At(findings)]);
        let key = settings.keys.get("default").unwrap();
        assert_eq!(key.secret, SecretRef::File(folder.path().join(KEY)));
        assert_eq!(settings.masked_location().unwrap(), &Location::Folder(folder.path().join("masked")));
    }

    #[test]
    fn every_column_is_either_reported_or_declared() {
        let folder = demo();
        let settings = load(folder.path());
        let findings = fs::read_to_string(folder.path().join("findings").join(FIREHOSE_KEY)).unwrap();
        for table in &TABLES {
            let declared = settings.columns.get(table.name).unwrap();
            for column in ["id"].iter().chain(table.columns) {
                let reported = findings.contains(&format!("\"$.{column}\""));
                assert!(reported != declared.contains_key(*column), "{}.{column}", table.name);
            }
        }
    }

    #[test]
    fn the_settings_begin_with_the_mark() {
        assert!(SETTINGS.starts_with(MARK));
    }

    #[test]
    fn the_key_is_32_random_bytes_for_its_owner() {
        let (one, other) = (demo(), demo());
        let read = |folder: &tempfile::TempDir| fs::read_to_string(folder.path().join(KEY)).unwrap();
        assert_eq!(STANDARD.decode(read(&one).trim_end()).unwrap().len(), KEY_BYTES);
        assert_ne!(read(&one), read(&other));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &str| fs::metadata(one.path().join(path)).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode("secrets"), mode(KEY)), (0o700, 0o600));
        }
    }

    #[test]
    fn two_demos_differ_in_nothing_but_the_key() {
        let (one, other) = (demo(), demo());
        let without_key = |folder: &tempfile::TempDir| {
            let mut files = files(folder.path());
            files.remove(Path::new(KEY)).unwrap();
            files
        };
        assert_eq!(without_key(&one), without_key(&other));
    }

    #[test]
    fn an_earlier_demo_is_written_anew_and_keeps_its_key() {
        let folder = demo();
        let before = files(folder.path());
        let masked = folder.path().join("masked/receipt.json");
        fs::create_dir(masked.parent().unwrap()).unwrap();
        fs::write(&masked, "{}").unwrap();
        lay_out(folder.path(), 21).unwrap();
        let mut after = files(folder.path());
        assert_eq!(after.remove(Path::new("masked/receipt.json")).unwrap(), b"{}");
        assert!(after.keys().eq(before.keys()));
        for (path, bytes) in after {
            let same = path == Path::new(KEY) || path == Path::new(FILE_NAME);
            assert_eq!(before.get(&path) == Some(&bytes), same, "{}", path.display());
        }
    }

    #[test]
    fn settings_that_were_changed_are_put_aside() {
        let folder = demo();
        let settings = folder.path().join(FILE_NAME);
        let changed = format!("{SETTINGS}\n# mine\n");
        fs::write(&settings, &changed).unwrap();
        lay_out(folder.path(), 20).unwrap();
        assert_eq!(fs::read_to_string(settings).unwrap(), SETTINGS);
        assert_eq!(fs::read_to_string(folder.path().join(CHANGED_SETTINGS)).unwrap(), changed);
    }

    #[test]
    fn a_foreign_folder_is_refused_and_left_alone() {
        for (name, text) in [("notes.txt", "mine"), (FILE_NAME, "# mine\n"), (FILE_NAME, ""), (CLAIM, "mine")] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(name), text).unwrap();
            let before = files(folder.path());
            let error = lay_out(folder.path(), 20).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused);
            assert!(error.to_string().contains("--dir"), "{error}");
            assert_eq!(files(folder.path()), before, "{name}");
        }
    }

    #[test]
    fn a_demo_that_was_cut_short_is_not_taken_for_whole_and_can_be_done_again() {
        let folder = demo();
        // What stands in the way of a table stops the second demo in its middle.
        let table = folder.path().join("raw/dataset/card/LOAD00000001.parquet");
        fs::remove_file(&table).unwrap();
        fs::create_dir(&table).unwrap();
        let error = lay_out(folder.path(), 20).unwrap_err();
        assert!(error.to_string().contains("card/LOAD00000001.parquet"), "{error}");
        assert!(!folder.path().join(FILE_NAME).exists());
        fs::remove_dir(&table).unwrap();
        lay_out(folder.path(), 20).unwrap();
        assert!(folder.path().join(FILE_NAME).exists() && !folder.path().join(CLAIM).exists());
    }

    #[test]
    fn a_demo_without_rows_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(lay_out(folder.path(), 0).unwrap_err().kind(), ErrorKind::Usage);
        assert!(files(folder.path()).is_empty());
    }

    #[test]
    fn a_file_in_the_folders_place_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("demo");
        fs::write(&file, "").unwrap();
        let error = lay_out(&file, 20).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert!(error.to_string().contains("demo"), "{error}");
    }
}
