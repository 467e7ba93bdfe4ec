#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod apart;
mod generated;
mod roles;
mod wrong;

use std::fs;

use super::*;
use crate::error::ErrorKind;

/// A folder with a settings file.
struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), text).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn load(&self) -> Result<Settings> {
        Settings::load(&Overrides::default(), self.path(), &Environment::default())
    }

    fn load_with(&self, overrides: &Overrides, variables: &[(&str, &str)]) -> Result<Settings> {
        Settings::load(overrides, self.path(), &environment(variables))
    }
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(variables.iter().copied())
}

fn set(assignments: &[&str]) -> Overrides {
    Overrides { set: assignments.iter().map(|it| (*it).to_owned()).collect(), ..Overrides::default() }
}

/// The error of a file, which must be of this kind and say these things.
fn assert_error(text: &str, kind: ErrorKind, says: &[&str]) -> String {
    let error = Fixture::new(text).load().unwrap_err();
    let said = error.to_string();
    assert_eq!(error.kind(), kind, "{said}");
    for part in says {
        assert!(said.contains(part), "`{part}` is missing in:\n{said}");
    }
    said
}

fn load_bare(overrides: &Overrides, variables: &[(&str, &str)]) -> Result<Settings> {
    Settings::load(overrides, Path::new("/nowhere"), &environment(variables))
}

#[test]
fn without_a_file_defaults_hold() {
    let settings = load_bare(&Overrides::default(), &[]).unwrap();
    assert_eq!(settings.file, None);
    assert_eq!(settings.root, Path::new("/nowhere"));
    assert_eq!(settings.lake.location, None);
    assert_eq!(settings.lake.database, "dataset");
    assert!(!settings.lake.merge_schemas);
    assert!(settings.findings.sources.is_empty());
    assert!(settings.findings.archived && settings.findings.details);
    assert!(!settings.findings.accept_unlocated && !settings.findings.accept_unmapped);
    assert!(settings.keys.is_empty() && settings.masks.is_empty() && settings.columns.is_empty());
    assert_eq!(settings.default_mask, "salt_hash");
    assert_eq!(settings.unreported, Unreported::Refuse);
    assert_eq!(settings.masked.database, "dataset_masked");
    assert_eq!(settings.masked.grace, Duration::from_hours(1));
    assert_eq!(settings.masked.zstd_level, 1);
    assert_eq!(settings.engine.memory_bytes, 1 << 30);
    assert!(settings.engine.threads >= 1);
    assert_eq!(settings.engine.spill_folder, None);
    assert_eq!(settings.aws.s3_endpoint_url, None);
    assert_eq!(settings.require_lake().unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(settings.masked_location().unwrap_err().kind(), ErrorKind::Usage);
}

#[allow(clippy::too_many_lines, reason = "one file with every setting, one line each")]
#[test]
fn every_setting_of_a_file_is_read() {
    let fixture = Fixture::new(
        r#"
        [lake]
        location = "raw"
        database = "shop"
        known_as = ["s3://origin/data"]
        merge_schemas = true
        [lake.tables.orders]
        location = "s3://bucket/orders"
        format = "csv"
        known_as = ["old/orders"]
        [lake.tables.customer]
        format = "avro"
        [findings]
        sources = ["findings", "s3://b/p/", "-", "macie", "./macie"]
        archived = "ignore"
        details = false
        unlocated = "accept"
        unmapped = "accept"
        [keys.default]
        secret = "file:secrets/key"
        encoding = "hex"
        [keys.cloud]
        secret = "secretsmanager:prod/salt#member"
        version = "v1"
        [keys.shell]
        secret = "env:SALTLAKE_SALT"
        encoding = "utf8"
        [masks]
        default = "hmac_hash"
        NAME = "mask_redact"
        "custom:account_number" = "mask_partial(0, 4)"
        [columns.customer]
        id = "keep"
        "a.b" = { keep = true, despite = ["NAME", "custom:x"] }
        [plan]
        unreported = "keep"
        [masked]
        location = "s3://masked"
        database = "shop_masked"
        grace = "7d"
        zstd_level = 22
        [engine]
        memory = "2GB"
        threads = 3
        spill_folder = "spill"
        [aws]
        region = "eu-central-1"
        profile = "team"
        endpoint_url = "http://localhost:5000"
        [aws.endpoints]
        macie2 = "http://localhost:5001"
        "#,
    );
    let settings = fixture.load_with(&Overrides::default(), &[("SALTLAKE_SALT", "a key, not a setting")]).unwrap();
    let root = fixture.path();
    let folder = |name: &str| Location::Folder(root.join(name));
    let s3 = |bucket: &str, prefix: &str| Location::S3 { bucket: bucket.into(), prefix: prefix.into() };

    settings.require_lake().unwrap();
    settings.masked_location().unwrap();
    assert_eq!(settings.file, Some(root.join(FILE_NAME)));
    assert_eq!(settings.root, root);
    assert_eq!(settings.lake.location, Some(folder("raw")));
    assert_eq!(settings.lake.database, "shop");
    assert_eq!(settings.lake.known_as, [s3("origin", "data/")]);
    assert!(settings.lake.merge_schemas);
    let orders = settings.lake.tables.get("orders").unwrap();
    assert_eq!(orders.location, s3("bucket", "orders/"));
    assert_eq!(orders.format, Some(TableFormat::Csv));
    assert_eq!(orders.known_as, [folder("old/orders")]);
    let customer = settings.lake.tables.get("customer").unwrap();
    assert_eq!(customer.location, folder("raw/customer"));
    assert_eq!(customer.format, Some(TableFormat::Avro));
    assert_eq!(
        settings.findings.sources,
        [
            FindingsOrigin::At(folder("findings")),
            FindingsOrigin::At(s3("b", "p/")),
            FindingsOrigin::Stdin,
            FindingsOrigin::Macie,
            FindingsOrigin::At(folder("macie")),
        ]
    );
    assert!(!settings.findings.archived && !settings.findings.details);
    assert!(settings.findings.accept_unlocated && settings.findings.accept_unmapped);
    let key = |name: &str| settings.keys.get(name).unwrap();
    assert_eq!(key("default").secret, SecretRef::File(root.join("secrets/key")));
    assert_eq!(key("default").encoding, KeyEncoding::Hex);
    let member = Some("member".to_owned());
    assert_eq!(key("cloud").secret, SecretRef::SecretsManager { id: "prod/salt".into(), member });
    assert_eq!(key("cloud").version.as_deref(), Some("v1"));
    assert_eq!(key("cloud").encoding, KeyEncoding::Base64);
    assert_eq!(key("shell").secret, SecretRef::Env("SALTLAKE_SALT".into()));
    assert_eq!(key("shell").encoding, KeyEncoding::Utf8);
    assert_eq!(settings.default_mask, "hmac_hash");
    let masks: Vec<_> = settings.masks.iter().map(|(name, rule)| (name.as_str(), rule.as_str())).collect();
    assert_eq!(masks, [("NAME", "mask_redact"), ("custom:account_number", "mask_partial(0, 4)")]);
    let columns = settings.columns.get("customer").unwrap();
    assert_eq!(columns.get("id"), Some(&ColumnRule::Rule("keep".into())));
    assert_eq!(columns.get("a.b"), Some(&ColumnRule::KeepDespite(vec!["NAME".into(), "custom:x".into()])));
    assert_eq!(settings.unreported, Unreported::Keep);
    assert_eq!(settings.masked.location, Some(s3("masked", "")));
    assert_eq!(settings.masked.database, "shop_masked");
    assert_eq!(settings.masked.grace, Duration::from_hours(7 * 24));
    assert_eq!(settings.masked.zstd_level, 22);
    assert_eq!(settings.engine.memory_bytes, 2_000_000_000);
    assert_eq!(settings.engine.threads, 3);
    assert_eq!(settings.engine.spill_folder, Some(root.join("spill")));
    assert_eq!(settings.aws.region.as_deref(), Some("eu-central-1"));
    assert_eq!(settings.aws.profile.as_deref(), Some("team"));
    assert_eq!(settings.aws.endpoint_url.as_deref(), Some("http://localhost:5000"));
    assert_eq!(settings.aws.s3_endpoint_url.as_deref(), Some("http://localhost:5000"));
    assert_eq!(settings.aws.macie_endpoint_url.as_deref(), Some("http://localhost:5001"));
    assert_eq!(settings.aws.secretsmanager_endpoint_url.as_deref(), Some("http://localhost:5000"));
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let fixture = Fixture::new("[lake]\nlocation = \"from-file\"\n[masked]\ndatabase = \"from_file\"\n");
    let folder = |name: &str| Some(Location::Folder(fixture.path().join(name)));
    let variables = [("SALTLAKE_LAKE_LOCATION", "from-variable"), ("SALTLAKE_MASKED_DATABASE", "")];

    assert_eq!(fixture.load().unwrap().lake.location, folder("from-file"));
    let settings = fixture.load_with(&Overrides::default(), &variables).unwrap();
    assert_eq!(settings.lake.location, folder("from-variable"));
    assert_eq!(settings.masked.database, "from_file", "an empty variable counts as unset");
    let settings = fixture.load_with(&set(&["lake.location=from-set"]), &variables).unwrap();
    assert_eq!(settings.lake.location, folder("from-set"));
    let overrides = set(&["lake.location=from-set"]).with("lake.location", "from-flag");
    assert_eq!(fixture.load_with(&overrides, &variables).unwrap().lake.location, folder("from-flag"));
}

#[test]
fn the_file_is_found_upward_and_relative_paths_start_where_they_were_written() {
    let fixture = Fixture::new("[lake]\nlocation = \"raw\"\n");
    let below = fixture.path().join("some/where");
    fs::create_dir_all(&below).unwrap();
    let overrides = Overrides::default().with("masked.location", "../masked");
    let settings =
        Settings::load(&overrides, &below, &environment(&[("SALTLAKE_FINDINGS_SOURCES", "a, b ,macie")])).unwrap();
    assert_eq!(settings.root, fixture.path());
    assert_eq!(settings.lake.location, Some(Location::Folder(fixture.path().join("raw"))));
    assert_eq!(settings.masked.location, Some(Location::Folder(fixture.path().join("some/masked"))));
    assert_eq!(
        settings.findings.sources,
        [
            FindingsOrigin::At(Location::Folder(below.join("a"))),
            FindingsOrigin::At(Location::Folder(below.join("b"))),
            FindingsOrigin::Macie,
        ]
    );
}

#[test]
fn a_named_file_must_exist_and_wins_over_a_found_one() {
    let fixture = Fixture::new("[lake]\ndatabase = \"found\"\n");
    fs::create_dir(fixture.path().join("sub")).unwrap();
    fs::write(fixture.path().join("sub/other.toml"), "[lake]\ndatabase = \"named\"\nlocation = \"raw\"\n").unwrap();
    let overrides = Overrides { config: Some("sub/other.toml".into()), ..Overrides::default() };
    let settings = fixture.load_with(&overrides, &[("SALTLAKE_CONFIG", "missing.toml")]).unwrap();
    assert_eq!(settings.lake.database, "named");
    assert_eq!(settings.lake.location, Some(Location::Folder(fixture.path().join("sub/raw"))));

    let error = fixture.load_with(&Overrides::default(), &[("SALTLAKE_CONFIG", "missing.toml")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("missing.toml"), "{error}");
    let folder = Overrides { config: Some("sub".into()), ..Overrides::default() };
    assert!(fixture.load_with(&folder, &[]).unwrap_err().to_string().contains("is a folder"));
}

#[test]
fn an_unknown_variable_of_ours_is_an_error_with_a_suggestion() {
    let error = load_bare(&Overrides::default(), &[("SALTLAKE_LAKE_LOCATON", "x")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("did you mean `SALTLAKE_LAKE_LOCATION`?"), "{error}");
    let error = load_bare(&Overrides::default(), &[("SALTLAKE_", "hunter2")]).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let error = load_bare(&Overrides::default(), &[("SALTLAKE_ENGINE_THREADS", "many")]).unwrap_err();
    assert!(error.to_string().contains("in: SALTLAKE_ENGINE_THREADS"), "{error}");
    load_bare(&Overrides::default(), &[("SALTLAKE_LOG", "debug"), ("OTHER", "x")]).unwrap();
}

#[test]
fn a_generic_flag_reads_toml_or_plain_text() {
    let settings = load_bare(
        &set(&[
            "engine.threads=1",
            "engine.threads = 2",
            "masked.grace=45s",
            "lake.database='it''s'".replace("''", "=").as_str(),
            "findings.sources=[\"a,b\", \"-\"]",
            "masks.custom:account_number=mask_partial(0, 4)",
            "columns.customer.\"a.b=\\\"c\"=keep",
            "columns.customer.'x.y' = { keep = true, despite = ['NAME'] }",
            "keys.default.secret=env:A_KEY",
            "lake.merge_schemas=true",
        ]),
        &[],
    )
    .unwrap();
    assert_eq!(settings.engine.threads, 2);
    assert_eq!(settings.masked.grace, Duration::from_secs(45));
    assert_eq!(settings.lake.database, "it=s");
    assert_eq!(settings.findings.sources.len(), 2);
    assert_eq!(settings.masks.get("custom:account_number").map(String::as_str), Some("mask_partial(0, 4)"));
    let columns = settings.columns.get("customer").unwrap();
    assert_eq!(columns.get("a.b=\"c"), Some(&ColumnRule::Rule("keep".into())));
    assert_eq!(columns.get("x.y"), Some(&ColumnRule::KeepDespite(vec!["NAME".into()])));
    assert_eq!(settings.keys.get("default").map(|key| key.encoding), Some(KeyEncoding::Base64));
    assert!(settings.lake.merge_schemas);

    for (wrong, says) in [
        ("engine.threads", "`--set` takes `KEY=VALUE`"),
        ("=1", "`--set` takes `KEY=VALUE`"),
        ("\"open=1", "`--set` takes `KEY=VALUE`"),
        ("engine.thread=1", "did you mean `threads`?"),
        ("engine=1", "this is a section"),
        ("findings.sources=[1]", "a list of files"),
        ("findings.sources=[", "a list of files"),
        ("engine.threads=x", "an integer from 0"),
        ("lake.location=", "a folder"),
    ] {
        let error = load_bare(&set(&[wrong]), &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(says), "`{wrong}`: {error}");
    }
}

#[test]
fn a_repeated_flag_gives_a_list_whose_items_may_hold_commas() {
    let overrides = Overrides::default().with_list("findings.sources", ["/a,b", "/c"]);
    let settings = load_bare(&overrides, &[]).unwrap();
    let at = |path: &str| FindingsOrigin::At(Location::Folder(path.into()));
    assert_eq!(settings.findings.sources, [at("/a,b"), at("/c")]);
}

#[test]
fn endpoints_and_region_follow_precedence() {
    let s3 = |file: &str, overrides: &Overrides, variables: &[(&str, &str)]| {
        Fixture::new(file).load_with(overrides, variables).unwrap().aws.s3_endpoint_url.unwrap_or_default()
    };
    let none = Overrides::default();
    let aws = [("AWS_ENDPOINT_URL", "http://aws"), ("AWS_ENDPOINT_URL_S3", "http://aws-s3")];
    let both = "[aws]\nendpoint_url = \"http://file\"\n[aws.endpoints]\ns3 = \"http://file-s3\"\n";
    assert_eq!(s3("", &none, &aws), "http://aws-s3");
    assert_eq!(s3("", &none, &aws[..1]), "http://aws");
    assert_eq!(s3("[aws]\nendpoint_url = \"http://file\"\n", &none, &aws), "http://file");
    assert_eq!(s3(both, &none, &aws), "http://file-s3");
    assert_eq!(s3(both, &none, &[("SALTLAKE_AWS_ENDPOINT_URL", "http://ours")]), "http://ours");
    assert_eq!(s3(both, &none, &[("SALTLAKE_AWS_ENDPOINTS_S3", "http://ours-s3")]), "http://ours-s3");
    assert_eq!(s3(both, &none.clone().with("aws.endpoint_url", "http://flag"), &aws), "http://flag");
    let ignored = [("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"), aws[0], aws[1]];
    assert_eq!(s3("", &none, &ignored), "");

    let services = [
        ("AWS_ENDPOINT_URL_MACIE2", "http://m"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://s"),
        ("AWS_ENDPOINT_URL_LAKEFORMATION", "http://l"),
        ("AWS_ENDPOINT_URL_STS", "http://t"),
    ];
    let settings = load_bare(&none, &services).unwrap();
    assert_eq!(settings.aws.macie_endpoint_url.as_deref(), Some("http://m"));
    assert_eq!(settings.aws.secretsmanager_endpoint_url.as_deref(), Some("http://s"));
    assert_eq!(settings.aws.lakeformation_endpoint_url.as_deref(), Some("http://l"));
    assert_eq!(settings.aws.sts_endpoint_url.as_deref(), Some("http://t"));
    assert_eq!(settings.aws.s3_endpoint_url, None);

    let region = |variables: &[(&str, &str)]| load_bare(&none, variables).unwrap().aws.region.unwrap_or_default();
    assert_eq!(region(&[("AWS_DEFAULT_REGION", "b"), ("AWS_REGION", "a")]), "a");
    assert_eq!(region(&[("AWS_DEFAULT_REGION", "b"), ("AWS_REGION", "")]), "b");
    assert_eq!(region(&[("AWS_REGION", "a"), ("SALTLAKE_AWS_REGION", "c")]), "c");
}

#[test]
fn sizes_and_durations() {
    for (text, bytes) in [("0", 0), ("12", 12), ("1kB", 1000), ("512MiB", 512 << 20), ("2 GB", 2_000_000_000)] {
        assert_eq!(value::parse_size(text), Some(bytes), "{text}");
    }
    for text in ["", "MiB", "1.5GiB", "-1", "1XB", "1G", "٣GB"] {
        assert_eq!(value::parse_size(text), None, "{text}");
    }
    for (text, seconds) in [("0s", 0), ("45s", 45), ("30m", 1800), ("12h", 43_200), ("36500d", 3_153_600_000)] {
        assert_eq!(value::parse_duration(text), Some(Duration::from_secs(seconds)), "{text}");
    }
    for text in ["", "h", "1", "1.5h", "-1h", "1h30m", "36501d", "1H"] {
        assert_eq!(value::parse_duration(text), None, "{text}");
    }
}
