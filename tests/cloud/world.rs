//! A lake with findings, a key and settings, with each part on a folder or in a bucket.

use serde_json::{Value, json};

use crate::support::binary::{Run, Sandbox};
use crate::support::lake::{self, Table, full_load_key, gzip};
use crate::support::macie_stub::{add_custom, finding};
use crate::support::moto::moto;
use crate::support::shelf::Shelf;
use crate::support::shop::SNAPPY;

/// The key of every world, and how it is stored.
pub(super) const KEY: &[u8] = b"MySecret-of-sixteen-bytes";
pub(super) const KEY_BASE64: &str = "TXlTZWNyZXQtb2Ytc2l4dGVlbi1ieXRlcw==";
/// Another.
pub(super) const OTHER_KEY_BASE64: &str = "QW5vdGhlci1rZXktb2Ytc2l4dGVlbi1ieXRlcw==";

/// The bucket that findings name, whatever the lake is.
pub(super) const ORIGIN: &str = "origin-bucket";

/// Where something is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wing {
    Folder,
    S3,
}

/// A sandbox and what the binary works on.
pub(super) struct World {
    pub(super) sandbox: Sandbox,
    pub(super) lake: Shelf,
    pub(super) masked: Shelf,
    /// The secret that holds the key, in Secrets Manager.
    pub(super) secret: String,
    settings: String,
}

impl World {
    /// An empty lake. The key is in Secrets Manager; findings are in `findings/` of the sandbox.
    pub(super) fn new(lake: Wing, masked: Wing) -> Self {
        let sandbox = Sandbox::new().with_all(moto().environment());
        let shelf = |wing: Wing| match wing {
            Wing::Folder => sandbox.shelf(),
            Wing::S3 => moto().bucket(),
        };
        let (lake, masked) = (shelf(lake), shelf(masked));
        if matches!(lake, Shelf::Folder(_)) {
            std::fs::create_dir(sandbox.path("dataset")).unwrap();
        }
        std::fs::create_dir(sandbox.path("findings")).unwrap();
        let secret = format!("saltlake/key-{}", uuid::Uuid::new_v4());
        moto().create_secret(&secret, KEY_BASE64);
        let settings = format!(
            "[lake]\nlocation = \"{}\"\nknown_as = [\"s3://{ORIGIN}/dataset/\"]\n\n[findings]\nsources = [\"findings\"]\n\n\
             [keys.default]\nsecret = \"secretsmanager:{secret}\"\n\n[masked]\nlocation = \"{}\"\nhold_expiry = \"30s\"\n",
            lake.location("dataset/"),
            masked.location("masked/"),
        );
        let world = Self { sandbox, lake, masked, secret, settings };
        world.write_settings();
        world
    }

    /// Customers and their cards, found by Macie, with the key and the settings that they need.
    pub(super) fn usual(lake: Wing, masked: Wing) -> Self {
        let mut world = Self::new(lake, masked);
        world.put_table("customer", 1, &customers());
        world.put_table("card", 1, &cards(0..40));
        world.put_table("card", 2, &cards(40..60));
        for (number, found) in usual_findings(ORIGIN).iter().enumerate() {
            world.sandbox.write(&format!("findings/{number}.json"), found.to_string());
        }
        world.add_settings(DECLARED);
        world
    }

    /// Writes a table's n-th file.
    pub(super) fn put_table(&self, name: &str, number: u32, table: &Table) {
        self.lake.put(&full_load_key(&format!("dataset/{name}"), number, SNAPPY), table.encode(SNAPPY));
    }

    pub(super) fn add_settings(&mut self, lines: &str) {
        self.settings.push_str(&format!("\n{}\n", lines.trim_end()));
        self.write_settings();
    }

    pub(super) fn change_settings(&mut self, from: &str, to: &str) {
        assert!(self.settings.contains(from), "no `{from}` in\n{}", self.settings);
        self.settings = self.settings.replace(from, to);
        self.write_settings();
    }

    fn write_settings(&self) {
        self.sandbox.write("saltlake.toml", &self.settings);
    }

    /// Sets a variable of the binary's environment.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.sandbox = self.sandbox.with(name, value);
        self
    }

    pub(super) fn run<const N: usize>(&self, arguments: [&str; N]) -> Run {
        self.sandbox.run(arguments)
    }

    /// A query's result as CSV lines, header first.
    #[track_caller]
    pub(super) fn query(&self, sql: &str) -> Vec<String> {
        self.run(["query", sql, "--format", "csv"]).ok().stdout().lines().map(str::to_owned).collect()
    }

    /// The current version, as a reader that follows the pointer finds it.
    pub(super) fn version(&self) -> Option<String> {
        match &self.masked {
            Shelf::Folder(root) => {
                let link = std::fs::read_link(root.join("masked/versions/current")).ok()?;
                Some(link.display().to_string())
            }
            Shelf::Bucket { .. } => {
                let pointer: Value =
                    serde_json::from_slice(&self.masked.find("masked/_saltlake/pointer.json")?).unwrap();
                pointer["version"].as_str().map(str::to_owned)
            }
        }
    }

    fn bookkeeping(&self, kind: &str) -> Value {
        let version = self.version().expect("a version is published");
        serde_json::from_slice(&self.masked.get(&format!("masked/_saltlake/{kind}/{version}.json"))).unwrap()
    }

    /// The receipt of the current version.
    pub(super) fn receipt(&self) -> Value {
        self.bookkeeping("receipts")
    }

    /// The keys of a masked table's files.
    pub(super) fn masked_files(&self, table: &str) -> Vec<String> {
        let manifest = self.bookkeeping("versions");
        let files = manifest["tables"][table]["files"].as_array().unwrap_or_else(|| panic!("no {table} in {manifest}"));
        files.iter().map(|file| format!("masked/{}", file["path"].as_str().unwrap())).collect()
    }

    /// The rows of a masked table, read without saltlake, in order of their texts.
    pub(super) fn masked_rows(&self, table: &str) -> Vec<Vec<Option<String>>> {
        let files = self.masked_files(table);
        let batches = files.iter().map(|key| lake::read_parquet(self.masked.get(key)).unwrap());
        let mut rows: Vec<_> = batches.flat_map(|batch| lake::rows(&batch)).collect();
        rows.sort();
        rows
    }

    /// The name of the masked location's bucket.
    pub(super) fn masked_bucket(&self) -> &str {
        bucket_name(&self.masked)
    }
}

pub(super) fn bucket_name(shelf: &Shelf) -> &str {
    match shelf {
        Shelf::Bucket { name, .. } => name,
        Shelf::Folder(_) => panic!("a folder is no bucket"),
    }
}

/// What the usual tables' columns need besides findings.
pub(super) const DECLARED: &str = "\
[columns.customer]\nid = \"keep\"\ngender = \"keep\"\n\n\
[columns.card]\nid = \"keep\"\ncard_expiration = \"mask_redact\"\n";

/// Thirty people; NULL and the empty text among them.
pub(super) fn customers() -> Table {
    let of = |text: &'static str| (0..30).map(move |number| format!("{text}{number:03}")).collect::<Vec<_>>();
    let names = of("Person with a name ");
    let names = names.iter().enumerate().map(|(index, name)| match index {
        7 => None,
        8 => Some(""),
        _ => Some(name.as_str()),
    });
    Table::new()
        .bigint("id", (0..30).map(Some))
        .text("username", of("user-number-"))
        .texts("name", names)
        .text("gender", (0..30).map(|number| ["f", "m", "x"][number % 3]))
        .text("mail", (0..30).map(|number| format!("somebody-{number:03}@example.org")))
}

/// Two cards for each, by user name.
pub(super) fn cards(numbers: std::ops::Range<usize>) -> Table {
    Table::new()
        .bigint("id", numbers.clone().map(|number| Some(i64::try_from(number).unwrap())))
        .text("username", numbers.clone().map(|number| format!("user-number-{:03}", number % 30)))
        .text("card_number", numbers.clone().map(|number| format!("4000 0000 0000 {number:04}")))
        .text("card_expiration", numbers.map(|number| format!("1{}/29", number % 3)))
}

/// What Macie says of the usual tables in a bucket.
pub(super) fn usual_findings(bucket: &str) -> Vec<Value> {
    let mut customer =
        finding(bucket, "dataset/customer/LOAD00000001.parquet", &[("NAME", "PERSONAL_INFORMATION", "$.name")]);
    add_custom(&mut customer, "8a3f8f2e-0000-4000-8000-000000000001", "user name", "$.username");
    add_custom(&mut customer, "8a3f8f2e-0000-4000-8000-000000000002", "mail", "$.mail");
    let card_number = [("CREDIT_CARD_NUMBER", "FINANCIAL_INFORMATION", "$.card_number")];
    let mut card = finding(bucket, "dataset/card/LOAD00000001.parquet", &card_number);
    add_custom(&mut card, "8a3f8f2e-0000-4000-8000-000000000001", "user name", "$.username");
    let second = finding(bucket, "dataset/card/LOAD00000002.parquet", &card_number);
    vec![customer, card, second]
}

/// A file as Firehose delivers it: `EventBridge` events back to back.
pub(super) fn firehose(findings: &[Value], packed: bool) -> Vec<u8> {
    let events = findings.iter().map(|found| {
        json!({
            "version": "0", "id": uuid::Uuid::new_v4().to_string(), "detail-type": "Macie Finding",
            "source": "aws.macie", "account": "123456789012", "time": "2026-11-24T08:15:30Z", "region": "us-east-1",
            "resources": [], "detail": found,
        })
    });
    let bytes = events.map(|event| event.to_string()).collect::<String>().into_bytes();
    if packed { gzip(&bytes) } else { bytes }
}
