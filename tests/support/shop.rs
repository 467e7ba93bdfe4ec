//! A small lake with everything that the whole way needs: tables, findings about them, a key and settings.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use parquet::basic::Compression;
use serde_json::Value;

use super::binary::{Run, Sandbox};
use super::lake::{self, Format, Table};
use super::macie_stub::{add_custom, finding};

/// The key of every shop, and how it is stored.
pub(crate) const KEY: &[u8] = b"MySecret-of-sixteen-bytes";
pub(crate) const KEY_BASE64: &str = "TXlTZWNyZXQtb2Ytc2l4dGVlbi1ieXRlcw==";

/// The bucket that findings name; the folder `lake` is its copy.
const BUCKET: &str = "raw-bucket";

/// The usual format of a table.
pub(crate) const SNAPPY: Format = Format::Parquet(Compression::SNAPPY);

/// A sandbox whose folder holds `lake`, `findings`, `default.key` and `saltlake.toml`; masked tables go to `masked`.
pub(crate) struct Shop {
    pub(crate) sandbox: Sandbox,
    settings: String,
}

impl Shop {
    /// Without tables.
    pub(crate) fn new() -> Self {
        Self::in_sandbox(Sandbox::new())
    }

    pub(crate) fn in_sandbox(sandbox: Sandbox) -> Self {
        sandbox.write("default.key", format!("{KEY_BASE64}\n"));
        for folder in ["lake", "findings"] {
            fs::create_dir_all(sandbox.path(folder)).unwrap();
        }
        let settings = format!(
            "[lake]\nlocation = \"lake\"\nknown_as = [\"s3://{BUCKET}/dataset/\"]\n\n\
             [findings]\nsources = [\"findings\"]\n\n[keys.default]\nsecret = \"file:default.key\"\n\n\
             [masked]\nlocation = \"masked\"\n"
        );
        let shop = Self { sandbox, settings };
        shop.write_settings();
        shop
    }

    /// Customers with mails, and accounts that join them by it. `id`, `segment` and `amount` are declared; names, mails
    /// and account numbers are reported.
    pub(crate) fn usual() -> Self {
        Self::new()
            .table("customer", &customers())
            .reported("customer", &[("NAME", "$.name")])
            .reported_custom("customer", "mail address", "$.mail")
            .table("account", &accounts())
            .reported_custom("account", "mail address", "$.owner")
            .reported("account", &[("BANK_ACCOUNT_NUMBER", "$.iban")])
            .declared("customer", &[("id", "keep"), ("segment", "keep")])
            .declared("account", &[("id", "keep"), ("amount", "keep")])
    }

    /// Adds a Parquet table with one file.
    #[must_use]
    pub(crate) fn table(self, name: &str, table: &Table) -> Self {
        self.file(&format!("{name}/LOAD00000001.parquet"), table.encode(SNAPPY))
    }

    /// Adds a file below the lake.
    #[must_use]
    pub(crate) fn file(self, key: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.sandbox.write(&format!("lake/{key}"), bytes);
        self
    }

    /// Adds a finding about a table's first file: `(identifier, jsonPath)` each.
    #[must_use]
    pub(crate) fn reported(self, table: &str, columns: &[(&str, &str)]) -> Self {
        let columns: Vec<_> = columns.iter().map(|(name, path)| (*name, "PERSONAL_INFORMATION", *path)).collect();
        self.finding(&finding(BUCKET, &format!("dataset/{table}/LOAD00000001.parquet"), &columns))
    }

    /// Adds a finding of a custom identifier.
    #[must_use]
    pub(crate) fn reported_custom(self, table: &str, name: &str, path: &str) -> Self {
        let mut found = finding(BUCKET, &format!("dataset/{table}/LOAD00000001.parquet"), &[]);
        add_custom(&mut found, "3f8f9e5c-1c1a-4b0e-9d2c-7a6b5c4d3e2f", name, path);
        self.finding(&found)
    }

    #[must_use]
    fn finding(self, found: &Value) -> Self {
        let number = fs::read_dir(self.sandbox.path("findings")).unwrap().count();
        // Ids and file names that are the same in every run, for snapshots.
        let mut found = found.clone();
        found["id"] = format!("finding-{number:04}").into();
        self.sandbox.write(&format!("findings/{number:04}.json"), found.to_string());
        self
    }

    /// Declares columns of a table: `(column, rule)`, names as they are.
    #[must_use]
    pub(crate) fn declared(self, table: &str, columns: &[(&str, &str)]) -> Self {
        let quoted = |name: &str| serde_json::to_string(name).unwrap();
        let lines: String =
            columns.iter().map(|(name, rule)| format!("{} = {}\n", quoted(name), quoted(rule))).collect();
        self.settings(&format!("[columns.{}]\n{lines}", quoted(table)))
    }

    /// Adds lines to the settings.
    #[must_use]
    pub(crate) fn settings(mut self, lines: &str) -> Self {
        self.add_settings(lines);
        self
    }

    pub(crate) fn add_settings(&mut self, lines: &str) {
        self.settings.push_str(&format!("\n{}\n", lines.trim_end()));
        self.write_settings();
    }

    /// Replaces a part of the settings.
    pub(crate) fn change_settings(&mut self, from: &str, to: &str) {
        assert!(self.settings.contains(from), "no `{from}` in\n{}", self.settings);
        self.settings = self.settings.replace(from, to);
        self.write_settings();
    }

    fn write_settings(&self) {
        self.sandbox.write("saltlake.toml", &self.settings);
    }

    /// Sets a variable of the binary's environment.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.sandbox = self.sandbox.with(name, value);
        self
    }

    #[track_caller]
    pub(crate) fn run<const N: usize>(&self, arguments: [&str; N]) -> Run {
        self.sandbox.run(arguments)
    }

    /// Runs a script; its file is `script.sql`.
    #[track_caller]
    pub(crate) fn script(&self, sql: &str) -> Run {
        self.sandbox.write("script.sql", sql);
        self.run(["run", "script.sql"])
    }

    /// A query's result as CSV lines, header first.
    #[track_caller]
    pub(crate) fn query(&self, sql: &str) -> Vec<String> {
        self.run(["query", sql, "--format", "csv"]).ok().stdout().lines().map(str::to_owned).collect()
    }

    /// One cell.
    #[track_caller]
    pub(crate) fn cell(&self, sql: &str) -> String {
        let lines = self.query(sql);
        assert_eq!(lines.len(), 2, "{lines:?}");
        lines[1].clone()
    }

    /// A masked table as a plain Parquet reader finds it: every file below its folder, by path below that folder.
    pub(crate) fn masked(&self, table: &str) -> BTreeMap<String, RecordBatch> {
        let root = self.sandbox.path("masked").join(table);
        files_below(&root)
            .into_iter()
            .map(|path| {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                let batch = lake::read_parquet(fs::read(&path).unwrap());
                (name.clone(), batch.unwrap_or_else(|error| panic!("{name}: {error}")))
            })
            .collect()
    }

    /// The rows of a masked table, in order of their texts, with its columns' names first.
    pub(crate) fn masked_rows(&self, table: &str) -> Vec<Vec<Option<String>>> {
        let mut names = None;
        let mut rows = Vec::new();
        for batch in self.masked(table).into_values() {
            let own: Vec<_> = batch.schema().fields().iter().map(|field| Some(field.name().clone())).collect();
            assert_eq!(names.get_or_insert_with(|| own.clone()), &own, "files of one table have the same columns");
            rows.extend(lake::rows(&batch));
        }
        rows.sort();
        rows.insert(0, names.expect("a masked table has files"));
        rows
    }

    /// One column of a masked table, in the order of the rows' texts.
    pub(crate) fn masked_column(&self, table: &str, column: &str) -> Vec<Option<String>> {
        let rows = self.masked_rows(table);
        let names = &rows[0];
        let index = names.iter().position(|name| name.as_deref() == Some(column));
        let index = index.unwrap_or_else(|| panic!("no column {column} in {names:?}"));
        rows[1..].iter().map(|row| row[index].clone()).collect()
    }

    /// The current version, by the pointer.
    pub(crate) fn version(&self) -> Option<String> {
        let link = fs::read_link(self.sandbox.path("masked/versions/current")).ok()?;
        Some(link.display().to_string())
    }

    /// The receipt of the current version.
    pub(crate) fn receipt(&self) -> Value {
        let version = self.version().expect("a version is published");
        let path = self.sandbox.path(&format!("masked/_saltlake/receipts/{version}.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    /// Every byte that readers may see, by path: what must be the same before and after a failure.
    pub(crate) fn published(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let Some(version) = self.version() else { return BTreeMap::new() };
        let root = self.sandbox.path("masked");
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&root).unwrap() {
            let path = entry.unwrap().path();
            if path.is_symlink() {
                files.extend(files_below(&path).into_iter().map(|file| (file.clone(), fs::read(file).unwrap())));
            }
        }
        files.insert(PathBuf::from("version"), version.into_bytes());
        files
    }

    /// The folders of versions, published or not.
    pub(crate) fn versions(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.sandbox.path("masked/versions")) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name != "current");
        names.sort();
        names
    }
}

/// The files below a folder, links followed, in order.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Names and mails of the usual shop's customers: NULL and the empty text among them.
pub(crate) fn customers() -> Table {
    Table::new()
        .bigint("id", [Some(1), Some(2), Some(3), Some(4)])
        .texts("name", [Some("Ada Lovelace"), Some("Åsa Lind"), None, Some("")])
        .texts(
            "mail",
            [Some("ada.lovelace@example.org"), Some("asa.lind@example.com"), Some("nobody@example.net"), None],
        )
        .texts("segment", [Some("gold"), Some("silver"), Some("gold"), None])
}

/// Accounts of the usual shop's customers, by mail.
pub(crate) fn accounts() -> Table {
    Table::new()
        .bigint("id", [Some(10), Some(20), Some(30)])
        .texts(
            "owner",
            [Some("ada.lovelace@example.org"), Some("asa.lind@example.com"), Some("ada.lovelace@example.org")],
        )
        .text("iban", ["DE89370400440532013000", "SE4550000000058398257466", "GB82WEST12345698765432"])
        .double("amount", [Some(12.5), Some(-3.0), None])
}

/// As many customers as asked for, no two alike.
pub(crate) fn customers_of(count: i64) -> Table {
    Table::new()
        .bigint("id", (0..count).map(Some))
        .text("name", (0..count).map(|n| format!("Person Number {n}")))
        .text("mail", (0..count).map(|n| format!("person.{n}@example.org")))
        .text("segment", (0..count).map(|n| format!("segment {}", n % 700)))
}
