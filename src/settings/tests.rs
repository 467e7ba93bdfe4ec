#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;

use proptest::prelude::*;

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
    Overrides {
        set: assignments.iter().map(|it| (*it).to_owned()).collect(),
        ..Overrides::default()
    }
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
}

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
    let settings = fixture
        .load_with(
            &Overrides::default(),
            &[("SALTLAKE_SALT", "a key, not a setting")],
        )
        .unwrap();
    let root = fixture.path();
    let folder = |name: &str| Location::Folder(root.join(name));
    let s3 = |bucket: &str, prefix: &str| Location::S3 {
        bucket: bucket.into(),
        prefix: prefix.into(),
    };

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
    assert_eq!(
        key("default").secret,
        SecretRef::File(root.join("secrets/key"))
    );
    assert_eq!(key("default").encoding, KeyEncoding::Hex);
    let member = Some("member".to_owned());
    assert_eq!(
        key("cloud").secret,
        SecretRef::SecretsManager {
            id: "prod/salt".into(),
            member
        }
    );
    assert_eq!(key("cloud").version.as_deref(), Some("v1"));
    assert_eq!(key("cloud").encoding, KeyEncoding::Base64);
    assert_eq!(key("shell").secret, SecretRef::Env("SALTLAKE_SALT".into()));
    assert_eq!(key("shell").encoding, KeyEncoding::Utf8);
    assert_eq!(settings.default_mask, "hmac_hash");
    let masks: Vec<_> = settings
        .masks
        .iter()
        .map(|(name, rule)| (name.as_str(), rule.as_str()))
        .collect();
    assert_eq!(
        masks,
        [
            ("NAME", "mask_redact"),
            ("custom:account_number", "mask_partial(0, 4)")
        ]
    );
    let columns = settings.columns.get("customer").unwrap();
    assert_eq!(columns.get("id"), Some(&ColumnRule::Rule("keep".into())));
    assert_eq!(
        columns.get("a.b"),
        Some(&ColumnRule::KeepDespite(vec![
            "NAME".into(),
            "custom:x".into()
        ]))
    );
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
    assert_eq!(
        settings.aws.endpoint_url.as_deref(),
        Some("http://localhost:5000")
    );
    assert_eq!(
        settings.aws.s3_endpoint_url.as_deref(),
        Some("http://localhost:5000")
    );
    assert_eq!(
        settings.aws.macie_endpoint_url.as_deref(),
        Some("http://localhost:5001")
    );
    assert_eq!(
        settings.aws.secretsmanager_endpoint_url.as_deref(),
        Some("http://localhost:5000")
    );
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let fixture =
        Fixture::new("[lake]\nlocation = \"from-file\"\n[masked]\ndatabase = \"from_file\"\n");
    let folder = |name: &str| Some(Location::Folder(fixture.path().join(name)));
    let variables = [
        ("SALTLAKE_LAKE_LOCATION", "from-variable"),
        ("SALTLAKE_MASKED_DATABASE", ""),
    ];

    assert_eq!(fixture.load().unwrap().lake.location, folder("from-file"));
    let settings = fixture
        .load_with(&Overrides::default(), &variables)
        .unwrap();
    assert_eq!(settings.lake.location, folder("from-variable"));
    assert_eq!(
        settings.masked.database, "from_file",
        "an empty variable counts as unset"
    );
    let settings = fixture
        .load_with(&set(&["lake.location=from-set"]), &variables)
        .unwrap();
    assert_eq!(settings.lake.location, folder("from-set"));
    let overrides = set(&["lake.location=from-set"]).with("lake.location", "from-flag");
    assert_eq!(
        fixture
            .load_with(&overrides, &variables)
            .unwrap()
            .lake
            .location,
        folder("from-flag")
    );
}

#[test]
fn the_file_is_found_upward_and_relative_paths_start_where_they_were_written() {
    let fixture = Fixture::new("[lake]\nlocation = \"raw\"\n");
    let below = fixture.path().join("some/where");
    fs::create_dir_all(&below).unwrap();
    let overrides = Overrides::default().with("masked.location", "../masked");
    let settings = Settings::load(
        &overrides,
        &below,
        &environment(&[("SALTLAKE_FINDINGS_SOURCES", "a, b ,macie")]),
    )
    .unwrap();
    assert_eq!(settings.root, fixture.path());
    assert_eq!(
        settings.lake.location,
        Some(Location::Folder(fixture.path().join("raw")))
    );
    assert_eq!(
        settings.masked.location,
        Some(Location::Folder(fixture.path().join("some/masked")))
    );
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
    fs::write(
        fixture.path().join("sub/other.toml"),
        "[lake]\ndatabase = \"named\"\nlocation = \"raw\"\n",
    )
    .unwrap();
    let overrides = Overrides {
        config: Some("sub/other.toml".into()),
        ..Overrides::default()
    };
    let settings = fixture
        .load_with(&overrides, &[("SALTLAKE_CONFIG", "missing.toml")])
        .unwrap();
    assert_eq!(settings.lake.database, "named");
    assert_eq!(
        settings.lake.location,
        Some(Location::Folder(fixture.path().join("sub/raw")))
    );

    let error = fixture
        .load_with(
            &Overrides::default(),
            &[("SALTLAKE_CONFIG", "missing.toml")],
        )
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("missing.toml"), "{error}");
    let folder = Overrides {
        config: Some("sub".into()),
        ..Overrides::default()
    };
    assert!(
        fixture
            .load_with(&folder, &[])
            .unwrap_err()
            .to_string()
            .contains("is a folder")
    );
}

#[test]
fn an_unknown_setting_names_its_line_and_the_nearest_name() {
    let line = |number: u64| format!("{FILE_NAME}:{number}");
    let cases = [
        (
            "[lake]\n\nlocaton = \"x\"",
            line(3),
            "did you mean `location`?",
        ),
        ("[lak]\nlocation = \"x\"", line(1), "did you mean `lake`?"),
        (
            "[lake]\nzstd_level = 3",
            line(2),
            "did you mean `masked.zstd_level`?",
        ),
        (
            "[aws.endpoints]\nmacie = \"http://x\"",
            line(2),
            "did you mean `macie2`?",
        ),
        (
            "[keys.default]\nsecret = \"env:K\"\nencodng = \"hex\"",
            line(3),
            "did you mean `encoding`?",
        ),
        ("[plan]\nxyzzy = 1", line(2), "known here: unreported"),
        (
            "[lake.tables.a]\nlocation = \"x\"\nFormat = \"csv\"",
            line(3),
            "did you mean `format`?",
        ),
    ];
    for (text, line, hint) in cases {
        assert_error(text, ErrorKind::Usage, &["unknown setting", &line, hint]);
    }
}

#[test]
fn a_value_of_the_wrong_form_names_its_line_and_what_is_expected() {
    let cases = [
        ("[lake]\nlocation = 3", "lake.location", "a folder"),
        (
            "[lake]\nlocation = \"ftp://x/y\"",
            "lake.location",
            "s3://bucket/prefix/",
        ),
        (
            "[lake]\nlocation = \"s3:///y\"",
            "lake.location",
            "s3://bucket/prefix/",
        ),
        ("[lake]\nlocation = \"\"", "lake.location", "a folder"),
        (
            "[lake]\nlocation = \"~/lake\"",
            "lake.location",
            "`~` is not expanded",
        ),
        (
            "[lake]\nlocation = \"a\\u001b[2J\"",
            "lake.location",
            "a folder",
        ),
        (
            "[lake]\nlocation = \"s3a://id:secret@bucket/\"",
            "lake.location",
            "s3://bucket/prefix/",
        ),
        ("[lake]\nknown_as = \"s3://x\"", "lake.known_as", "a list"),
        ("[lake]\nknown_as = [1]", "lake.known_as", "a list"),
        (
            "[lake]\nmerge_schemas = \"yes\"",
            "lake.merge_schemas",
            "true or false",
        ),
        ("[lake]\ntables = [1]", "lake.tables", "a table of settings"),
        (
            "[[keys]]\nsecret = \"env:X\"",
            "keys",
            "a table of settings",
        ),
        (
            "[lake.tables.t]\nformat = \"xml\"",
            "lake.tables.t.format",
            "\"parquet\" or \"csv\" or \"json\" or \"avro\"",
        ),
        (
            "[findings]\narchived = true",
            "findings.archived",
            "\"use\" or \"ignore\"",
        ),
        (
            "[masked]\ngrace = 3600",
            "masked.grace",
            "a duration such as",
        ),
        (
            "[masked]\ngrace = \"1 fortnight\"",
            "masked.grace",
            "a duration such as",
        ),
        (
            "[masked]\ngrace = \"99999999999999999999d\"",
            "masked.grace",
            "a duration such as",
        ),
        (
            "[masked]\ngrace = \"18446744073709551615d\"",
            "masked.grace",
            "a duration such as",
        ),
        (
            "[masked]\nzstd_level = 0",
            "masked.zstd_level",
            "an integer from 1 to 22",
        ),
        (
            "[masked]\nzstd_level = 23",
            "masked.zstd_level",
            "an integer from 1 to 22",
        ),
        (
            "[masked]\nzstd_level = 1.0",
            "masked.zstd_level",
            "an integer from 1 to 22",
        ),
        (
            "[masked]\nzstd_level = 99999999999999999999",
            "masked.zstd_level",
            "an integer from 1 to 22",
        ),
        (
            "[engine]\nmemory = \"lots\"",
            "engine.memory",
            "a size such as",
        ),
        (
            "[engine]\nmemory = \"20000000TiB\"",
            "engine.memory",
            "a size such as",
        ),
        ("[engine]\nmemory = 4096", "engine.memory", "at least 1 MiB"),
        (
            "[engine]\nthreads = -1",
            "engine.threads",
            "an integer from 0",
        ),
        (
            "[engine]\nspill_folder = \"s3://bucket/\"",
            "engine.spill_folder",
            "a folder",
        ),
        (
            "[aws]\nendpoint_url = \"localhost:5000\"",
            "aws.endpoint_url",
            "an http:// or https:// address",
        ),
        (
            "[columns.c]\nx = { keep = true }",
            "columns.c.x",
            "despite = [\"NAME\"]",
        ),
        (
            "[columns.c]\nx = { keep = false, despite = [\"A\"] }",
            "columns.c.x",
            "despite = [\"NAME\"]",
        ),
        (
            "[columns.c]\nx = { keep = true, despite = [\"A\"], also = 1 }",
            "columns.c.x",
            "despite = [\"NAME\"]",
        ),
        (
            "[columns.c]\nx = { keep = true, despite = [] }",
            "columns.c.x",
            "despite = [\"NAME\"]",
        ),
        (
            "[columns.c]\nx.y = \"keep\"",
            "columns.c.x",
            "\"keep\", \"drop\"",
        ),
        (
            "[masks]\nNAME = { keep = true, despite = [\"A\"] }",
            "masks.NAME",
            "a mask such as",
        ),
    ];
    for (text, setting, expected) in cases {
        let line = format!("{FILE_NAME}:2");
        let line = if setting == "keys" {
            format!("{FILE_NAME}:1")
        } else {
            line
        };
        assert_error(
            text,
            ErrorKind::Usage,
            &[&format!("setting: {setting}\n"), &line, expected],
        );
    }
}

#[test]
fn text_that_is_no_toml_names_its_line() {
    assert_error(
        "[lake]\nlocation = \"x\n",
        ErrorKind::Usage,
        &["not valid TOML", &format!("{FILE_NAME}:2")],
    );
    assert_error(
        "[lake]\ndatabase = \"a\"\ndatabase = \"b\"",
        ErrorKind::Usage,
        &["duplicate key", ":3"],
    );
    let fixture = Fixture::new("");
    fs::write(
        fixture.path().join(FILE_NAME),
        b"[lake]\nlocation = \"\xff\"",
    )
    .unwrap();
    assert!(
        fixture
            .load()
            .unwrap_err()
            .to_string()
            .contains("not UTF-8")
    );
}

#[test]
fn a_secret_written_where_its_reference_belongs_is_not_repeated() {
    const SECRET: &str = "TXlTZWNyZXQ=";
    let texts = [
        format!("[keys.default]\nsecret = \"{SECRET}\""),
        format!("[keys.default]\nsecret = {SECRET}"),
        format!("[keys.default]\nsecret = \"env:{SECRET}\""),
        format!("[keys.default]\nsecret = \"base64:{SECRET}\""),
        format!("[keys.default]\nsecret = \"secretsmanager:x y {SECRET}\""),
        format!("[keys.default]\nsecret = [\"{SECRET}\"]"),
        format!("[keys.default]\nsecret = {{ value = \"{SECRET}\" }}"),
        format!("[keys]\ndefault = \"{SECRET}\""),
        format!("[keys.default]\nsecret = \"env:X\"\nencoding = \"{SECRET}\""),
        format!("[keys.default]\nsecret = \"{SECRET}"),
    ];
    for text in texts {
        let said = assert_error(&text, ErrorKind::Usage, &[FILE_NAME]);
        assert!(!said.contains("TXlTZWNy"), "{said}");
    }
    let error = load_bare(&set(&[&format!("keys.default.secret={SECRET}")]), &[]).unwrap_err();
    assert!(!error.to_string().contains(SECRET), "{error}");
    assert!(error.to_string().contains("--set"), "{error}");
}

#[test]
fn references_to_secrets() {
    let base = Path::new("/base");
    let parse = |text: &str| SecretRef::parse(text, base);
    let manager = |id: &str, member: Option<&str>| {
        Ok(SecretRef::SecretsManager {
            id: id.into(),
            member: member.map(str::to_owned),
        })
    };
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/salt-AbCdEf";
    assert_eq!(
        parse("secretsmanager:prod/salt"),
        manager("prod/salt", None)
    );
    assert_eq!(
        parse("secretsmanager:salt#a#b"),
        manager("salt", Some("a#b"))
    );
    assert_eq!(parse(&format!("secretsmanager:{arn}")), manager(arn, None));
    assert_eq!(
        parse(&format!("secretsmanager:{arn}#key")),
        manager(arn, Some("key"))
    );
    assert_eq!(parse("file:key"), Ok(SecretRef::File("/base/key".into())));
    assert_eq!(
        parse("file:/abs/key#1"),
        Ok(SecretRef::File("/abs/key#1".into()))
    );
    assert_eq!(
        parse("file:///abs/key"),
        Ok(SecretRef::File("/abs/key".into()))
    );
    assert_eq!(parse("env:MY_KEY_2"), Ok(SecretRef::Env("MY_KEY_2".into())));
    for text in [
        "",
        "salt",
        "env:",
        "env:2X",
        "env:A-B",
        "env:A#b",
        "file:",
        "file: ",
        "secretsmanager:",
        "secretsmanager:#a",
        "secretsmanager:salt#",
        "secretsmanager:a b",
        "secretsmanager:arn:aws:s3:::bucket",
        "secretsmanager:arn:aws:secretsmanager:eu-west-1:12:secret:x",
    ] {
        assert!(parse(text).is_err(), "`{text}`");
    }
}

#[test]
fn a_key_needs_a_secret_and_a_sound_name() {
    assert_error(
        "[keys.default]\n",
        ErrorKind::Usage,
        &["key has no secret", "key: default", ":1", "env:VARIABLE"],
    );
    assert_error(
        "[keys.default]\nencoding = \"hex\"",
        ErrorKind::Usage,
        &["key has no secret"],
    );
    assert_error(
        "[keys.\"a b\"]\nsecret = \"env:X\"",
        ErrorKind::Usage,
        &["name cannot be a key's", ":1"],
    );
    assert_error(
        "[keys.default]\nsecret = \"env:X\"\nversion = \"v\"",
        ErrorKind::Usage,
        &["only a secret of Secrets Manager has versions", ":3"],
    );
    assert_error(
        "[keys.a]\nsecret = \"env:SALTLAKE_AWS_REGION\"",
        ErrorKind::Usage,
        &["cannot hold a key"],
    );
}

#[test]
fn an_unknown_variable_of_ours_is_an_error_with_a_suggestion() {
    let error = load_bare(&Overrides::default(), &[("SALTLAKE_LAKE_LOCATON", "x")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(
        error
            .to_string()
            .contains("did you mean `SALTLAKE_LAKE_LOCATION`?"),
        "{error}"
    );
    let error = load_bare(&Overrides::default(), &[("SALTLAKE_", "hunter2")]).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let error = load_bare(
        &Overrides::default(),
        &[("SALTLAKE_ENGINE_THREADS", "many")],
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("in: SALTLAKE_ENGINE_THREADS"),
        "{error}"
    );
    load_bare(
        &Overrides::default(),
        &[("SALTLAKE_LOG", "debug"), ("OTHER", "x")],
    )
    .unwrap();
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
    assert_eq!(
        settings
            .masks
            .get("custom:account_number")
            .map(String::as_str),
        Some("mask_partial(0, 4)")
    );
    let columns = settings.columns.get("customer").unwrap();
    assert_eq!(
        columns.get("a.b=\"c"),
        Some(&ColumnRule::Rule("keep".into()))
    );
    assert_eq!(
        columns.get("x.y"),
        Some(&ColumnRule::KeepDespite(vec!["NAME".into()]))
    );
    assert_eq!(
        settings.keys.get("default").map(|key| key.encoding),
        Some(KeyEncoding::Base64)
    );
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
        Fixture::new(file)
            .load_with(overrides, variables)
            .unwrap()
            .aws
            .s3_endpoint_url
            .unwrap_or_default()
    };
    let none = Overrides::default();
    let aws = [
        ("AWS_ENDPOINT_URL", "http://aws"),
        ("AWS_ENDPOINT_URL_S3", "http://aws-s3"),
    ];
    let both = "[aws]\nendpoint_url = \"http://file\"\n[aws.endpoints]\ns3 = \"http://file-s3\"\n";
    assert_eq!(s3("", &none, &aws), "http://aws-s3");
    assert_eq!(s3("", &none, &aws[..1]), "http://aws");
    assert_eq!(
        s3("[aws]\nendpoint_url = \"http://file\"\n", &none, &aws),
        "http://file"
    );
    assert_eq!(s3(both, &none, &aws), "http://file-s3");
    assert_eq!(
        s3(both, &none, &[("SALTLAKE_AWS_ENDPOINT_URL", "http://ours")]),
        "http://ours"
    );
    assert_eq!(
        s3(
            both,
            &none,
            &[("SALTLAKE_AWS_ENDPOINTS_S3", "http://ours-s3")]
        ),
        "http://ours-s3"
    );
    assert_eq!(
        s3(
            both,
            &none.clone().with("aws.endpoint_url", "http://flag"),
            &aws
        ),
        "http://flag"
    );
    let ignored = [
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        aws[0],
        aws[1],
    ];
    assert_eq!(s3("", &none, &ignored), "");

    let services = [
        ("AWS_ENDPOINT_URL_MACIE2", "http://m"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://s"),
    ];
    let settings = load_bare(&none, &services).unwrap();
    assert_eq!(settings.aws.macie_endpoint_url.as_deref(), Some("http://m"));
    assert_eq!(
        settings.aws.secretsmanager_endpoint_url.as_deref(),
        Some("http://s")
    );
    assert_eq!(settings.aws.s3_endpoint_url, None);

    let region = |variables: &[(&str, &str)]| {
        load_bare(&none, variables)
            .unwrap()
            .aws
            .region
            .unwrap_or_default()
    };
    assert_eq!(
        region(&[("AWS_DEFAULT_REGION", "b"), ("AWS_REGION", "a")]),
        "a"
    );
    assert_eq!(
        region(&[("AWS_DEFAULT_REGION", "b"), ("AWS_REGION", "")]),
        "b"
    );
    assert_eq!(
        region(&[("AWS_REGION", "a"), ("SALTLAKE_AWS_REGION", "c")]),
        "c"
    );
}

#[test]
fn masked_tables_stay_apart_from_raw_ones() {
    let cases = [
        ("raw", "raw", "where raw tables are"),
        ("raw", "./raw/../raw/", "where raw tables are"),
        ("raw", "raw/masked", "inside the raw lake"),
        ("raw/deep", "raw", "inside the masked location"),
        ("raw", ".", "inside the masked location"),
        ("s3://b/raw", "s3://b/raw/masked/", "inside the raw lake"),
        ("s3://b/raw", "s3a://b/raw", "where raw tables are"),
        ("s3://b/raw", "s3://b", "inside the masked location"),
    ];
    for (raw, masked, why) in cases {
        let text = format!("[lake]\nlocation = \"{raw}\"\n[masked]\nlocation = \"{masked}\"");
        assert_error(&text, ErrorKind::Refused, &[why, ":4"]);
    }
    let table = "[lake.tables.t]\nlocation = \"s3://b/t\"\n[masked]\nlocation = \"s3://b/t/m\"";
    assert_error(table, ErrorKind::Refused, &["inside the raw lake", ":4"]);
    for (raw, masked) in [
        ("raw", "raw2"),
        ("s3://b/raw", "s3://b/raw2"),
        ("s3://b/x", "s3://c/x"),
        ("raw", "s3://b"),
    ] {
        let text = format!("[lake]\nlocation = \"{raw}\"\n[masked]\nlocation = \"{masked}\"");
        Fixture::new(&text).load().unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_link_does_not_hide_that_masked_tables_would_go_into_the_lake() {
    let fixture = Fixture::new("[lake]\nlocation = \"raw\"\n[masked]\nlocation = \"link/masked\"");
    fs::create_dir(fixture.path().join("raw")).unwrap();
    fixture.load().unwrap();
    std::os::unix::fs::symlink("raw", fixture.path().join("link")).unwrap();
    assert_eq!(fixture.load().unwrap_err().kind(), ErrorKind::Refused);

    // `..` after a link leads to where the link's target is, not to where the link is.
    fs::create_dir_all(fixture.path().join("far/away")).unwrap();
    std::os::unix::fs::symlink("far/away", fixture.path().join("hop")).unwrap();
    let settings = fixture
        .load_with(&set(&["masked.location=hop/../out"]), &[])
        .unwrap();
    let real = fixture.path().canonicalize().unwrap();
    assert_eq!(
        settings.masked.location,
        Some(Location::Folder(real.join("far/out")))
    );
}

#[test]
fn neither_keys_nor_spilled_values_lie_among_the_tables() {
    let places = "[lake]\nlocation = \"raw\"\n[masked]\nlocation = \"masked\"\n";
    let key = format!("{places}[keys.default]\nsecret = \"file:masked/key\"");
    assert_error(
        &key,
        ErrorKind::Refused,
        &["the key lies among the masked tables", ":6"],
    );
    for folder in ["masked/spill", "raw/spill", "masked"] {
        let spill = format!("{places}[engine]\nspill_folder = \"{folder}\"");
        assert_error(
            &spill,
            ErrorKind::Refused,
            &["would spill raw values", ":6"],
        );
    }
    Fixture::new(&format!(
        "{places}[engine]\nspill_folder = \".\"\n[keys.k]\nsecret = \"file:key\""
    ))
    .load()
    .unwrap();
}

#[test]
fn tables_stay_apart_and_have_sound_names() {
    let two = |a: &str, b: &str| {
        format!("[lake.tables.a]\nlocation = \"{a}\"\n[lake.tables.b]\nlocation = \"{b}\"\n")
    };
    assert_error(
        &two("x", "x/"),
        ErrorKind::Usage,
        &["a table lies within another", ":3"],
    );
    assert_error(
        &two("s3://b/x/y", "s3://b/x"),
        ErrorKind::Usage,
        &["a table lies within another"],
    );
    Fixture::new(&two("s3://b/x", "s3://b/xy")).load().unwrap();
    let whole = "[lake]\nlocation = \"raw\"\n[lake.tables.a]\nlocation = \"raw\"";
    assert_error(
        whole,
        ErrorKind::Usage,
        &["a table holds the whole lake", ":3"],
    );
    assert_error(
        "[lake.tables.a]\n",
        ErrorKind::Usage,
        &["table has no location", "table: a", ":1"],
    );
    for name in ["", "..", ".hidden", "_hidden", "a/b", "a\\nb"] {
        let text = format!("[lake.tables.\"{name}\"]\nlocation = \"x\"");
        assert_error(&text, ErrorKind::Usage, &["name cannot be a table's", ":1"]);
    }
}

#[test]
fn database_names_differ_and_are_free() {
    assert_error(
        "[masked]\ndatabase = \"Dataset\"",
        ErrorKind::Usage,
        &["the same database name", ":2"],
    );
    assert_error(
        "[lake]\ndatabase = \"SaltLake\"",
        ErrorKind::Usage,
        &["reserved", ":2"],
    );
    assert_error(
        "[masked]\ndatabase = \"information_schema\"",
        ErrorKind::Usage,
        &["reserved"],
    );
    assert_error(
        "[masked]\ndatabase = \"../x\"",
        ErrorKind::Usage,
        &["name cannot be a database's"],
    );
    assert_error(
        "[masked]\ndatabase = \" \"",
        ErrorKind::Usage,
        &["a database name"],
    );
}

#[test]
fn sizes_and_durations() {
    for (text, bytes) in [
        ("0", 0),
        ("12", 12),
        ("1kB", 1000),
        ("512MiB", 512 << 20),
        ("2 GB", 2_000_000_000),
    ] {
        assert_eq!(value::parse_size(text), Some(bytes), "{text}");
    }
    for text in ["", "MiB", "1.5GiB", "-1", "1XB", "1G", "٣GB"] {
        assert_eq!(value::parse_size(text), None, "{text}");
    }
    for (text, seconds) in [
        ("0s", 0),
        ("45s", 45),
        ("30m", 1800),
        ("12h", 43_200),
        ("36500d", 3_153_600_000),
    ] {
        assert_eq!(
            value::parse_duration(text),
            Some(Duration::from_secs(seconds)),
            "{text}"
        );
    }
    for text in ["", "h", "1", "1.5h", "-1h", "1h30m", "36501d", "1H"] {
        assert_eq!(value::parse_duration(text), None, "{text}");
    }
}

/// The list of settings has no slip of its own.
#[test]
fn every_setting_has_a_section_a_readable_default_and_a_variable_of_its_own() {
    let mut variables = Vec::new();
    for key in KEYS {
        let section = key.path.rsplit_once('.').map(|(section, _)| section);
        assert!(
            SECTIONS.iter().any(|(known, _)| Some(*known) == section),
            "{}",
            key.path
        );
        assert!(
            key.default.is_some() || !key.examples.is_empty(),
            "{} has nothing to show",
            key.path
        );
        let values = key
            .default
            .iter()
            .chain(key.examples.iter().filter_map(|(path, value)| {
                let segments: Vec<&str> = path.split('.').collect();
                matches!(keys::find(&segments), keys::Found::Key(found) if std::ptr::eq(found, key))
                    .then_some(value)
            }));
        for value in values {
            let parsed = toml::de::DeValue::parse(value).unwrap();
            assert!(
                key.kind.read_toml(parsed.get_ref()).is_some(),
                "{}: {value}",
                key.path
            );
        }
        variables.extend(key.variable());
    }
    let count = variables.len();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), count);
}

#[test]
fn the_template_loads_as_it_is_and_with_every_line_in_use() {
    let settings = Fixture::new(&file_template()).load().unwrap();
    assert!(settings.lake.location.is_some() && settings.masked.location.is_some());
    assert_eq!(settings.findings.sources.len(), 1);
    assert_eq!(settings.keys.keys().collect::<Vec<_>>(), ["default"]);

    let mut in_use = String::new();
    for line in file_template().lines() {
        let line = line
            .strip_prefix('#')
            .filter(|rest| !rest.starts_with(' ') && !rest.is_empty())
            .unwrap_or(line);
        in_use.push_str(line);
        in_use.push('\n');
    }
    let fixture = Fixture::new(&in_use);
    let settings = fixture.load().unwrap();
    assert_eq!(settings.keys.len(), 2);
    assert_eq!(settings.columns.len(), 1);
    let (_, list) = Settings::provenance(
        &Overrides::default(),
        fixture.path(),
        &Environment::default(),
    )
    .unwrap();
    for key in KEYS {
        let of_file = list.iter().any(|setting| {
            matches!(setting.origin, Origin::File { .. })
                && matches!(keys::find(&setting.path), keys::Found::Key(found) if std::ptr::eq(found, key))
        });
        assert!(of_file, "`{}` is not in the template", key.path);
    }
}

/// A line that shows a default, put to use, changes nothing.
#[test]
fn the_template_shows_defaults_as_they_are() {
    for key in KEYS.iter().filter(|key| key.examples.is_empty()) {
        let name = key.path.rsplit('.').next().unwrap();
        let line = format!("#{name} = {}\n", key.default.unwrap());
        assert!(file_template().contains(&line), "{line}");
    }
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, reference_markdown()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == reference_markdown(),
        "run `UPDATE_GOLDEN=1 cargo test settings::tests` and look at the change"
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = Fixture::new(&text).load();
        let _ = load_bare(&set(&[&text]), &[]);
    }

    #[test]
    fn nothing_toml_like_panics_or_loses_its_place(
        section in "[a-z.\"]{0,12}|lake|keys\\.[a-z]{1,3}|columns\\.\"[^\"\\\\\\p{Cc}]{0,4}\"|masks|engine|aws\\.endpoints",
        name in "[a-z_]{1,10}|\"[^\"\\\\\\p{Cc}]{0,6}\"|location|secret|memory|threads|s3",
        value in "[0-9]{1,22}|\"[^\"\\\\\\p{Cc}]{0,12}\"|true|\\[\\]|\\[\"a\"\\]|\\{ keep = true \\}|1\\.5|1979-05-27",
    ) {
        if let Err(error) = Fixture::new(&format!("[{section}]\n{name} = {value}\n")).load() {
            prop_assert!(matches!(error.kind(), ErrorKind::Usage | ErrorKind::Refused));
            prop_assert!(error.to_string().contains(FILE_NAME), "{}", error);
        }
    }

    #[test]
    fn what_is_written_comes_back(
        rules in proptest::collection::btree_map("[^\\p{Cc}]{0,8}", "[^\\p{Cc} ][^\\p{Cc}]{0,12}", 0..5),
    ) {
        let rules: BTreeMap<_, _> = rules.into_iter().filter(|(_, rule)| !rule.trim().is_empty()).collect();
        let mut text = String::from("[columns.t]\n");
        for (column, rule) in &rules {
            let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
            text.push_str(&format!("{} = {}\n", layers::show_name(column), quote(rule)));
        }
        let settings = Fixture::new(&text).load().unwrap();
        let expected: BTreeMap<_, _> =
            rules.into_iter().map(|(column, rule)| (column, ColumnRule::Rule(rule))).collect();
        prop_assert_eq!(settings.columns.get("t"), Some(&expected));
    }
}
