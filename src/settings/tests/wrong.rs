//! Settings that are not understood.

use super::*;

#[test]
fn an_unknown_setting_names_its_line_and_the_nearest_name() {
    let line = |number: u64| format!("{FILE_NAME}:{number}");
    let cases = [
        ("[lake]\n\nlocaton = \"x\"", line(3), "did you mean `location`?"),
        ("[lak]\nlocation = \"x\"", line(1), "did you mean `lake`?"),
        ("[lake]\nzstd_level = 3", line(2), "did you mean `masked.zstd_level`?"),
        ("[aws.endpoints]\nmacie = \"http://x\"", line(2), "did you mean `macie2`?"),
        ("[keys.default]\nsecret = \"env:K\"\nencodng = \"hex\"", line(3), "did you mean `encoding`?"),
        ("[xyzzy]\nplugh = 1", line(1), "lake, findings, keys, masks"),
        ("[plan]\nxyzzy = 1", line(2), "known here: unreported"),
        ("[lake.tables.a]\nlocation = \"x\"\nFormat = \"csv\"", line(3), "did you mean `format`?"),
    ];
    for (text, line, hint) in cases {
        assert_error(text, ErrorKind::Usage, &["unknown setting", &line, hint]);
    }
}

#[test]
fn a_value_of_the_wrong_form_names_its_line_and_what_is_expected() {
    let cases = [
        ("[lake]\nlocation = 3", "lake.location", "a folder"),
        ("[lake]\nlocation = \"ftp://x/y\"", "lake.location", "s3://bucket/prefix/"),
        ("[lake]\nlocation = \"s3:///y\"", "lake.location", "s3://bucket/prefix/"),
        ("[lake]\nlocation = \"\"", "lake.location", "a folder"),
        ("[lake]\nlocation = \"~/lake\"", "lake.location", "`~` is not expanded"),
        ("[lake]\nlocation = \"a\\u001b[2J\"", "lake.location", "a folder"),
        ("[lake]\nlocation = \"s3a://id:secret@bucket/\"", "lake.location", "s3://bucket/prefix/"),
        ("[lake]\nknown_as = \"s3://x\"", "lake.known_as", "a list"),
        ("[lake]\nknown_as = [1]", "lake.known_as", "a list"),
        ("[lake]\nmerge_schemas = \"yes\"", "lake.merge_schemas", "true or false"),
        ("[lake]\ntables = [1]", "lake.tables", "a table of settings"),
        ("[[keys]]\nsecret = \"env:X\"", "keys", "a table of settings"),
        ("[lake.tables.t]\nformat = \"xml\"", "lake.tables.t.format", "\"parquet\" or \"csv\" or \"json\" or \"avro\""),
        ("[findings]\narchived = true", "findings.archived", "\"use\" or \"ignore\""),
        ("[masked]\ngrace = 3600", "masked.grace", "a duration such as"),
        ("[masked]\ngrace = \"1 fortnight\"", "masked.grace", "a duration such as"),
        ("[masked]\ngrace = \"99999999999999999999d\"", "masked.grace", "a duration such as"),
        ("[masked]\ngrace = \"18446744073709551615d\"", "masked.grace", "a duration such as"),
        ("[masked]\nzstd_level = 0", "masked.zstd_level", "an integer from 1 to 22"),
        ("[masked]\nzstd_level = 23", "masked.zstd_level", "an integer from 1 to 22"),
        ("[masked]\nzstd_level = 1.0", "masked.zstd_level", "an integer from 1 to 22"),
        ("[masked]\nzstd_level = 99999999999999999999", "masked.zstd_level", "an integer from 1 to 22"),
        ("[engine]\nmemory = \"lots\"", "engine.memory", "a size such as"),
        ("[engine]\nmemory = \"20000000TiB\"", "engine.memory", "a size such as"),
        ("[engine]\nmemory = 4096", "engine.memory", "at least 1 MiB"),
        ("[engine]\nthreads = -1", "engine.threads", "an integer from 0"),
        ("[engine]\nspill_folder = \"s3://bucket/\"", "engine.spill_folder", "a folder"),
        ("[aws]\nendpoint_url = \"localhost:5000\"", "aws.endpoint_url", "an http:// or https:// address"),
        ("[columns.c]\nx = { keep = true }", "columns.c.x", "despite = [\"NAME\"]"),
        ("[columns.c]\nx = { keep = false, despite = [\"A\"] }", "columns.c.x", "despite = [\"NAME\"]"),
        ("[columns.c]\nx = { keep = true, despite = [\"A\"], also = 1 }", "columns.c.x", "despite = [\"NAME\"]"),
        ("[columns.c]\nx = { keep = true, despite = [] }", "columns.c.x", "despite = [\"NAME\"]"),
        ("[columns.c]\nx.y = \"keep\"", "columns.c.x", "\"keep\", \"drop\""),
        ("[masks]\nNAME = { keep = true, despite = [\"A\"] }", "masks.NAME", "a mask such as"),
    ];
    for (text, setting, expected) in cases {
        let line = format!("{FILE_NAME}:2");
        let line = if setting == "keys" { format!("{FILE_NAME}:1") } else { line };
        assert_error(text, ErrorKind::Usage, &[&format!("setting: {setting}\n"), &line, expected]);
    }
}

#[test]
fn text_that_is_no_toml_names_its_line() {
    assert_error("[lake]\nlocation = \"x\n", ErrorKind::Usage, &["not valid TOML", &format!("{FILE_NAME}:2")]);
    assert_error("[lake]\ndatabase = \"a\"\ndatabase = \"b\"", ErrorKind::Usage, &["duplicate key", ":3"]);
    let fixture = Fixture::new("");
    fs::write(fixture.path().join(FILE_NAME), b"[lake]\nlocation = \"\xff\"").unwrap();
    assert!(fixture.load().unwrap_err().to_string().contains("not UTF-8"));
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
        Ok(SecretRef::SecretsManager { id: id.into(), member: member.map(str::to_owned) })
    };
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/salt-AbCdEf";
    assert_eq!(parse("secretsmanager:prod/salt"), manager("prod/salt", None));
    assert_eq!(parse("secretsmanager:salt#a#b"), manager("salt", Some("a#b")));
    assert_eq!(parse(&format!("secretsmanager:{arn}")), manager(arn, None));
    assert_eq!(parse(&format!("secretsmanager:{arn}#key")), manager(arn, Some("key")));
    assert_eq!(parse("file:key"), Ok(SecretRef::File("/base/key".into())));
    assert_eq!(parse("file:/abs/key#1"), Ok(SecretRef::File("/abs/key#1".into())));
    assert_eq!(parse("file:///abs/key"), Ok(SecretRef::File("/abs/key".into())));
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
        "file:~/key",
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
    assert_error("[keys.default]\n", ErrorKind::Usage, &["key has no secret", "key: default", ":1", "env:VARIABLE"]);
    assert_error("[keys.default]\nencoding = \"hex\"", ErrorKind::Usage, &["key has no secret"]);
    assert_error("[keys.\"a b\"]\nsecret = \"env:X\"", ErrorKind::Usage, &["name cannot be a key's", ":1"]);
    assert_error(
        "[keys.default]\nsecret = \"env:X\"\nversion = \"v\"",
        ErrorKind::Usage,
        &["only a secret of Secrets Manager has versions", ":3"],
    );
    assert_error("[keys.a]\nsecret = \"env:SALTLAKE_AWS_REGION\"", ErrorKind::Usage, &["cannot hold a key"]);
}
