//! What was typed before: a file of the user alone, shared by all sessions.
//!
//! INVARIANT: a statement that may set a secret is never kept, nor one that begins with a space.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::lex::{Kind, tokens};

/// A longer file is cut to its younger half.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A longer statement is not kept.
const ENTRY_BYTES_MAX: usize = 64 * 1024;

/// The file, and how far it was read.
pub(super) struct HistoryFile {
    path: PathBuf,
    read_bytes: u64,
}

/// What other sessions added.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Whether the file was cut: what follows is all there is.
    pub(super) anew: bool,
    pub(super) entries: Vec<String>,
}

impl HistoryFile {
    /// Opens the file in a folder, which is made if need be.
    ///
    /// # Errors
    /// If either cannot be made or may not be read.
    pub(super) fn open(folder: &Path) -> std::io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let history = Self { path: folder.join("history"), read_bytes: 0 };
        let mut file = history.locked()?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        if file.metadata()?.len() > FILE_BYTES_MAX {
            cut(&mut file)?;
        }
        Ok(history)
    }

    /// The file under a lock that ends with it.
    fn locked(&self) -> std::io::Result<File> {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)?;
        file.lock()?;
        Ok(file)
    }

    /// What was added since it was last read.
    pub(super) fn news(&mut self) -> std::io::Result<News> {
        let mut file = self.locked()?;
        self.read(&mut file)
    }

    /// Adds a statement, if it may be kept, behind what others added meanwhile.
    pub(super) fn add(&mut self, entry: &str) -> std::io::Result<News> {
        let mut file = self.locked()?;
        let news = self.read(&mut file)?;
        if may_be_kept(entry) {
            let line = escaped(entry) + "\n";
            file.write_all(line.as_bytes())?;
            self.read_bytes += line.len() as u64;
        }
        Ok(news)
    }

    fn read(&mut self, file: &mut File) -> std::io::Result<News> {
        let length = file.metadata()?.len();
        let anew = length < self.read_bytes;
        if anew {
            self.read_bytes = 0;
        }
        file.seek(SeekFrom::Start(self.read_bytes))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        self.read_bytes += bytes.len() as u64;
        let text = String::from_utf8_lossy(&bytes);
        Ok(News { anew, entries: text.lines().filter(|line| !line.is_empty()).map(unescaped).collect() })
    }
}

/// Keeps the younger half of a file, in place: other sessions have it open by name alone.
fn cut(file: &mut File) -> std::io::Result<()> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let half = text.len() / 2;
    let line = text.iter().skip(half).position(|byte| *byte == b'\n').map_or(text.len(), |at| half + at + 1);
    file.set_len(0)?;
    file.write_all(text.get(line..).unwrap_or_default())
}

/// An entry as one line.
fn escaped(entry: &str) -> String {
    entry.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

fn unescaped(line: &str) -> String {
    let mut entry = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            (_, Some('n')) => entry.push('\n'),
            (_, Some('r')) => entry.push('\r'),
            (_, Some(other)) => entry.push(other),
            (c, None) => entry.push(c),
        }
    }
    entry
}

/// Whether what was typed may be kept.
pub(super) fn may_be_kept(entry: &str) -> bool {
    let blank = entry.trim().is_empty() || entry.starts_with(char::is_whitespace);
    !blank && entry.len() <= ENTRY_BYTES_MAX && !may_set_secret(entry)
}

/// Parts of names and texts that speak of a secret.
const SECRET: [&str; 8] =
    ["secret", "password", "passwd", "passphrase", "credential", "apikey", "privatekey", "accesskey"];

/// Whole words that do.
const SECRET_WORDS: [&str; 8] = ["key", "keys", "pwd", "pw", "token", "bearer", "authorization", "identified"];

/// Whether a statement speaks of a secret beside a value. In doubt it does: a statement is typed again sooner than a
/// secret is taken back.
fn may_set_secret(entry: &str) -> bool {
    let lower = entry.to_lowercase();
    let words = || lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let letters: String = lower.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' ')).collect();
    let speaks = SECRET.iter().any(|part| letters.contains(part)) || words().any(|word| SECRET_WORDS.contains(&word));
    let sets = words().next().is_some_and(|first| ["set", "alter", "pset"].contains(&first));
    let literal = tokens(entry).iter().any(|token| matches!(token.kind, Kind::Text | Kind::Quoted));
    (speaks && (literal || sets)) || holds_access_key(entry) || holds_login(&lower)
}

/// An AWS access key id: what is beside it is likely its secret.
fn holds_access_key(entry: &str) -> bool {
    entry.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        word.len() == 20
            && (word.starts_with("AKIA") || word.starts_with("ASIA"))
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}

/// `https://user:password@host`.
fn holds_login(lower: &str) -> bool {
    lower.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '\'', '"', ' ', '\n']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(login, _)| login.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_statement_that_may_set_a_secret_is_not_kept() {
        for secret in [
            "CREATE USER ada PASSWORD 'hunter2';",
            "ALTER USER ada IDENTIFIED BY 'hunter2';",
            "SET s3.secret_access_key = 'abc';",
            "SET aws_secret_access_key = abc;",
            "set session token = x;",
            "SELECT f('api_key=abc');",
            "SELECT salt_hash(mail, key => 'abc');",
            "COPY t TO 'x' OPTIONS (\"aws.credentials\" 'x');",
            "CREATE EXTERNAL TABLE t OPTIONS ('ACCESS_KEY_ID' 'x');",
            "SELECT 'AKIAIOSFODNN7EXAMPLE';",
            "SELECT 'https://ada:hunter2@example.com/x';",
            "SELECT $$my Password$$;",
            " SELECT 1;",
            "\tSELECT 1;",
            "",
        ] {
            assert!(!may_be_kept(secret), "{secret}");
        }
        assert!(!may_be_kept(&format!("SELECT '{}';", "x".repeat(ENTRY_BYTES_MAX))));
    }

    #[test]
    fn everything_else_is_kept() {
        for kept in [
            "SELECT 1;",
            "SELECT * FROM customer WHERE mail = 'ada@example.org';",
            "SELECT l_orderkey, monkey FROM lineitem WHERE l_comment = 'x';",
            "SELECT salt_hash(mail, 'join') FROM customer;",
            "SELECT count(*) FROM keys;",
            "SELECT 's3://bucket/prefix';",
            "\\d customer",
            "\\pset null '-'",
        ] {
            assert!(may_be_kept(kept), "{kept}");
        }
    }

    #[test]
    fn the_file_is_the_users_alone_and_shared_by_sessions() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state/saltlake");
        let mut one = HistoryFile::open(&state).unwrap();
        let mut two = HistoryFile::open(&state).unwrap();
        one.add("SELECT 1\n  AS \\one;").unwrap();
        let news = two.add("SELECT 2;").unwrap();
        assert_eq!(news.entries, ["SELECT 1\n  AS \\one;"]);
        assert_eq!(one.news().unwrap().entries, ["SELECT 2;"]);
        assert_eq!(one.news().unwrap(), News::default());
        one.add("SET password = 'hunter2';").unwrap();
        assert_eq!(two.news().unwrap(), News::default());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&state), mode(&state.join("history"))), (0o700, 0o600));
        assert_eq!(HistoryFile::open(&state).unwrap().news().unwrap().entries.len(), 2);
    }

    #[test]
    fn others_may_not_read_a_file_that_they_could_read_before() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history");
        std::fs::write(&file, "SELECT 1;\n").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let mut history = HistoryFile::open(folder.path()).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(history.news().unwrap().entries, ["SELECT 1;"]);
    }

    #[test]
    fn a_long_file_keeps_its_younger_half() {
        let folder = tempfile::tempdir().unwrap();
        let mut early = HistoryFile::open(folder.path()).unwrap();
        let line = format!("SELECT '{}';\n", "x".repeat(1000));
        std::fs::write(folder.path().join("history"), line.repeat(5000) + "SELECT 'last';\n").unwrap();
        assert_eq!(early.news().unwrap().entries.len(), 5001);
        let mut late = HistoryFile::open(folder.path()).unwrap();
        let kept = late.news().unwrap().entries;
        assert!((2400..2600).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.last().unwrap(), "SELECT 'last';");
        let again = early.news().unwrap();
        assert!(again.anew && again.entries == kept);
    }

    proptest! {
        #[test]
        fn an_entry_is_one_line_and_comes_back(entry in "([ -~]|ü|\n|\r|\\\\){0,60}") {
            prop_assert!(!escaped(&entry).contains(['\n', '\r']));
            prop_assert_eq!(unescaped(&escaped(&entry)), entry);
        }
    }
}
