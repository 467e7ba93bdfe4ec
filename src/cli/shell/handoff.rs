//! Handing a statement to the user's editor.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};
use crate::settings::{editor_program, temporary_folder};

/// A file that only the user reads, gone when dropped.
struct Draft(PathBuf);

impl Draft {
    fn write(text: &str) -> std::io::Result<Self> {
        let path = temporary_folder().join(format!("saltlake-{}.sql", uuid::Uuid::new_v4().simple()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let draft = Self(path);
        file.write_all(text.as_bytes())?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Lets the user edit a text, and returns what became of it.
///
/// # Errors
/// If there is no editor, it failed, or what it left cannot be read.
pub(super) fn edit(text: &str) -> Result<String> {
    let fault = || Error::failed("cannot write a file to edit").hint("check the folder for temporary files");
    let draft = Draft::write(text).map_err(|_| fault())?;
    let program = editor_program().unwrap_or_else(|| "vi".to_owned());
    if !run(&program, &draft.0) {
        return Err(Error::failed("the editor failed; the statement is as it was").hint("set VISUAL or EDITOR"));
    }
    let edited = std::fs::read_to_string(&draft.0).map_err(|_| Error::failed("cannot read what was edited"))?;
    Ok(edited.trim_end().to_owned())
}

/// The program may come with arguments, so a shell runs it.
fn run(program: &str, file: &Path) -> bool {
    let status = Command::new("sh").arg("-c").arg(format!("{program} \"$0\"")).arg(file).status();
    status.is_ok_and(|status| status.success())
}
