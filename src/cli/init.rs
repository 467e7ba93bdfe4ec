//! `saltlake init`: writes a settings file with comments.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind as Io, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Error, Result};
use crate::model::printable;
use crate::settings::{FILE_NAME, file_template};

/// Write a settings file in which every setting is explained.
#[derive(Args, Clone, Debug)]
pub(super) struct InitArgs {
    /// The folder to write it to. Made if it does not exist.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Replace the file if there is one.
    #[arg(long)]
    pub force: bool,
}

/// Writes the file and says what to do next.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) if there is a file and `--force` is not given.
pub(super) fn run(args: &InitArgs, out: &mut dyn Write) -> Result<()> {
    let path = args.dir.join(FILE_NAME);
    fs::create_dir_all(&args.dir).map_err(|error| unwritable(&args.dir, &error))?;
    write_file(&path, args.force)?;
    out.write_all(next_steps(&path).as_bytes()).map_err(|error| super::output_fault(&error))
}

fn write_file(path: &Path, force: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options.open(path).and_then(|mut file| file.write_all(file_template().as_bytes()));
    written.map_err(|error| match error.kind() {
        Io::AlreadyExists => Error::usage("settings file exists already")
            .with("file", &path.display())
            .hint("edit it, or replace it with `--force`"),
        _ => unwritable(path, &error),
    })
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    let hint = match error.kind() {
        Io::PermissionDenied | Io::ReadOnlyFilesystem => "check who may write there",
        Io::StorageFull => "free some space on the disk",
        _ => "choose another folder with `--dir`",
    };
    Error::failed("cannot write the settings file").with("path", &path.display()).hint(hint)
}

fn next_steps(path: &Path) -> String {
    let file = printable(&path.to_string_lossy());
    format!(
        "wrote {file}\n\n\
         next, in its folder:\n  \
         1. set `location` and `sources` to where your tables and findings are\n  \
         2. make a key, readable by you alone, and keep it out of version control:\n       \
         (umask 077; head -c 32 /dev/urandom | base64 > default.key)\n  \
         3. see what came out: saltlake config\n  \
         4. see what was found: saltlake discover\n  \
         5. see what would be masked: saltlake plan --explain\n"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::error::ErrorKind;
    use crate::settings::{Environment, Overrides, Settings};

    fn init(dir: &Path, force: bool) -> Result<String> {
        let mut out = Vec::new();
        run(&InitArgs { dir: dir.to_owned(), force }, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_written_file_loads() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("new/lake");
        let said = init(&dir, false).unwrap();
        assert!(said.contains("saltlake.toml") && said.contains("saltlake config"), "{said}");
        let settings = Settings::load(&Overrides::default(), &dir, &Environment::default()).unwrap();
        assert_eq!(settings.file, Some(dir.join("saltlake.toml")));
        assert!(settings.keys.contains_key("default"));
    }

    #[test]
    fn a_file_is_replaced_only_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("saltlake.toml");
        fs::write(&file, "mine, and longer than nothing").unwrap();
        let error = init(folder.path(), false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine, and longer than nothing");
        init(folder.path(), true).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), file_template());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = init(&file.join("below"), false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert!(error.to_string().contains("file/below"), "{error}");
    }
}
