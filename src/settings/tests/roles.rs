//! Grants, roles and the audit log.

use std::fmt::Write as _;

use super::*;

const ROLES: &str = r#"
[lake]
location = "raw"
[masked]
location = "masked"
[keys.default]
secret = "file:secrets/key"
[keys.join]
secret = "env:JOIN"
[grants]
sources = ["lakeformation", "grants", "s3://b/grants/", "./lakeformation"]
catalog = "111122223333"
unmanaged = "allow"
default_role = "analyst"
max_age = "6h"
[roles.analyst]
principal = "arn:aws:iam::111122223333:role/analyst"
groups = ["reporting", "g, h"]
keys = ["default", "join"]
locations = ["results/analyst", "s3://results/"]
memory = "256MiB"
time = "10m"
mask.customer.mail = "mask_email(mail)"
[roles.analyst.mask."dataset.orders"]
"Street Name" = "CASE WHEN id > 3 THEN 'x' END"
[roles.analyst.select]
orders = "*"
"dataset.customer" = { columns = ["id", "mail"], rows = "country = 'DE'" }
"shop.*" = [{ except = ["birthday"] }, { rows = "id < 10" }]
[roles.owner]
full_access = true
[roles."by.name-2"]
[audit]
folder = "log"
rotate = "1MiB"
"#;

fn everything() -> SelectRule {
    SelectRule { columns: ColumnChoice::All, rows: None }
}

#[test]
fn without_roles_nothing_is_granted() {
    let settings = load_bare(&Overrides::default(), &[]).unwrap();
    assert!(settings.roles.is_empty() && settings.grants.sources.is_empty());
    assert_eq!(settings.grants.catalog, None);
    assert_eq!(settings.grants.default_role, None);
    assert!(!settings.grants.unmanaged_allowed);
    assert_eq!(settings.grants.max_age, Duration::from_hours(24));
    assert_eq!(settings.audit.folder, Path::new("/nowhere/audit"));
    assert_eq!(settings.audit.rotate_bytes, 64 << 20);
}

#[test]
fn grants_roles_and_the_audit_log_are_read() {
    let fixture = Fixture::new(ROLES);
    let settings = fixture.load().unwrap();
    let folder = |name: &str| Location::Folder(fixture.path().join(name));
    let s3 = |bucket: &str, prefix: &str| Location::S3 { bucket: bucket.into(), prefix: prefix.into() };

    let at = GrantsOrigin::At;
    let sources =
        [GrantsOrigin::LakeFormation, at(folder("grants")), at(s3("b", "grants/")), at(folder("lakeformation"))];
    assert_eq!(settings.grants.sources, sources);
    assert_eq!(settings.grants.catalog.as_deref(), Some("111122223333"));
    assert!(settings.grants.unmanaged_allowed);
    assert_eq!(settings.grants.default_role.as_deref(), Some("analyst"));
    assert_eq!(settings.grants.max_age, Duration::from_hours(6));
    assert_eq!(settings.audit.folder, fixture.path().join("log"));
    assert_eq!(settings.audit.rotate_bytes, 1 << 20);

    assert_eq!(settings.roles.keys().collect::<Vec<_>>(), ["analyst", "by.name-2", "owner"]);
    let analyst = settings.roles.get("analyst").unwrap();
    assert_eq!(analyst.principal.as_deref(), Some("arn:aws:iam::111122223333:role/analyst"));
    assert_eq!(analyst.groups, ["reporting", "g, h"]);
    assert!(!analyst.full_access);
    assert_eq!(analyst.keys, ["default", "join"]);
    assert_eq!(analyst.locations, [folder("results/analyst"), s3("results", "")]);
    assert_eq!(analyst.memory_bytes, Some(256 << 20));
    assert_eq!(analyst.time, Some(Duration::from_mins(10)));
    let mask = |table: &str, column: &str| analyst.masks.get(table).and_then(|it| it.get(column)).cloned();
    assert_eq!(mask("customer", "mail").as_deref(), Some("mask_email(mail)"));
    assert_eq!(mask("dataset.orders", "Street Name").as_deref(), Some("CASE WHEN id > 3 THEN 'x' END"));

    let select = |table: &str| analyst.select.get(table).unwrap().as_slice();
    let only = ColumnChoice::Only(vec!["id".into(), "mail".into()]);
    assert_eq!(select("orders"), [everything()]);
    assert_eq!(select("dataset.customer"), [SelectRule { columns: only, rows: Some("country = 'DE'".into()) }]);
    let except = ColumnChoice::Except(vec!["birthday".into()]);
    let rows = SelectRule { columns: ColumnChoice::All, rows: Some("id < 10".into()) };
    assert_eq!(select("shop.*"), [SelectRule { columns: except, rows: None }, rows]);
    assert_eq!(analyst.select.len(), 3);

    let owner = settings.roles.get("owner").unwrap();
    assert!(owner.full_access && owner.masks.is_empty() && owner.select.is_empty());
    let bare = settings.roles.get("by.name-2").unwrap();
    assert!(!bare.full_access && bare.groups.is_empty() && bare.keys.is_empty() && bare.locations.is_empty());
    assert!(bare.principal.is_none() && bare.memory_bytes.is_none() && bare.time.is_none());
}

#[test]
fn flags_and_variables_reach_grants_and_audit() {
    let overrides = set(&[
        "roles.a.select.customer=*",
        "roles.a.select.'shop.*' = { except = ['x'] }",
        "roles.a.groups=x, y",
        "roles.a.mask.customer.mail=mask_email(mail)",
    ]);
    let variables = [("SALTLAKE_GRANTS_SOURCES", "lakeformation,g"), ("SALTLAKE_AUDIT_FOLDER", "/log")];
    let settings = load_bare(&overrides, &variables).unwrap();
    let role = settings.roles.get("a").unwrap();
    assert_eq!(role.select.get("customer").unwrap().as_slice(), [everything()]);
    assert!(role.select.contains_key("shop.*"));
    assert_eq!(role.groups, ["x", "y"]);
    assert_eq!(role.masks.len(), 1);
    assert_eq!(settings.grants.sources.len(), 2);
    assert_eq!(settings.audit.folder, Path::new("/log"));
    for name in ["SALTLAKE_ROLES_A_PRINCIPAL", "SALTLAKE_ROLES_NAME_KEYS"] {
        assert_eq!(load_bare(&Overrides::default(), &[(name, "x")]).unwrap_err().kind(), ErrorKind::Usage);
    }
}

/// What `saltlake config` shows of roles gives the same settings when it is read again.
#[test]
fn what_is_shown_comes_back() {
    let fixture = Fixture::new(ROLES);
    let (settings, list) =
        Settings::provenance(&Overrides::default(), fixture.path(), &Environment::default()).unwrap();
    let mut text = String::new();
    for setting in &list {
        if let Some(value) = &setting.value {
            let _ = writeln!(text, "{} = {value}", setting.setting());
        }
    }
    assert!(text.contains("roles.analyst.select.orders = \"*\"\n"), "{text}");
    fs::write(fixture.path().join(FILE_NAME), &text).unwrap();
    let again = fixture.load().unwrap();
    let shown = |settings: &Settings| format!("{:?}{:?}{:?}", settings.grants, settings.roles, settings.audit);
    let mut named = settings.clone();
    named.grants.sources.clone_from(&again.grants.sources);
    assert_eq!(shown(&again), shown(&named));
    assert_eq!(again.grants.sources.len(), 4);
}

#[test]
fn what_is_wrong_names_its_line_and_what_is_expected() {
    let rule = "rows = \"CONDITION\"";
    let cases = [
        ("[grants]\nsources = \"lakeformation\"", "grants.sources", "\"lakeformation\""),
        ("[grants]\nsources = [\"~/grants\"]", "grants.sources", "`~` is not expanded"),
        ("[grants]\ncatalog = \"1234\"", "grants.catalog", "12 digits"),
        ("[grants]\ncatalog = 111122223333", "grants.catalog", "12 digits"),
        ("[grants]\nunmanaged = true", "grants.unmanaged", "\"deny\" or \"allow\""),
        ("[grants]\nmax_age = 1", "grants.max_age", "a duration such as"),
        ("[audit]\nfolder = \"s3://b/log\"", "audit.folder", "a folder"),
        ("[audit]\nrotate = \"1kB\"", "audit.rotate", "at least 1 MiB"),
        ("[roles.a]\ngroups = \"x\"", "roles.a.groups", "a list of texts"),
        ("[roles.a]\nkeys = [1]", "roles.a.keys", "a list of texts"),
        ("[roles.a]\nfull_access = \"yes\"", "roles.a.full_access", "true or false"),
        ("[roles.a]\nlocations = \"x\"", "roles.a.locations", "a list of folders"),
        ("[roles.a]\nmemory = \"1kB\"", "roles.a.memory", "at least 1 MiB"),
        ("[roles.a]\ntime = \"soon\"", "roles.a.time", "a duration such as"),
        ("[roles.a.mask.c]\nmail = true", "roles.a.mask.c.mail", "an SQL expression"),
        ("[roles.a.mask.c]\nmail = \"\"\"a\nb\"\"\"", "roles.a.mask.c.mail", "in one line"),
        ("[roles.a]\nmask.db.c.mail = \"x\"", "roles.a.mask.db.c", "a name that holds a dot is quoted"),
        ("[roles.a]\nselect.db.c = \"*\"", "roles.a.select.db", "a name that holds a dot is quoted"),
        ("[roles.a.select]\nc = true", "roles.a.select.c", rule),
        ("[roles.a.select]\nc = \"all\"", "roles.a.select.c", rule),
        ("[roles.a.select]\nc = {}", "roles.a.select.c", rule),
        ("[roles.a.select]\nc = []", "roles.a.select.c", rule),
        ("[roles.a.select]\nc = [\"*\"]", "roles.a.select.c", rule),
        ("[roles.a.select]\nc = { columns = [] }", "roles.a.select.c", rule),
        ("[roles.a.select]\nc = { columns = \"*\" }", "roles.a.select.c", rule),
        ("[roles.a.select]\nc = { columns = [\"*\"] }", "roles.a.select.c", rule),
        ("[roles.a.select]\nc = { except = [] }", "roles.a.select.c", rule),
        ("[roles.a.select]\nc = { rows = \" \" }", "roles.a.select.c", rule),
        ("[roles.a.select]\nc = { rows = 1 }", "roles.a.select.c", rule),
        ("[roles.a.select]\nc = { colums = [\"a\"] }", "roles.a.select.c", "did you mean `columns`?"),
        ("[roles.a.select]\nc = [{ rows = \"x\" }, { row = \"x\" }]", "roles.a.select.c", "did you mean `rows`?"),
        ("[roles.a.select]\nc = { columns = [\"a\"], except = [\"b\"] }", "roles.a.select.c", "exclude each other"),
    ];
    for (text, setting, expected) in cases {
        assert_error(text, ErrorKind::Usage, &[&format!("setting: {setting}\n"), &format!("{FILE_NAME}:2"), expected]);
    }
    for (text, hint) in [
        ("[roles.a]\nprincipals = \"x\"", "did you mean `principal`?"),
        ("[roles.a]\nmasks.c.mail = \"x\"", "did you mean `mask`?"),
        ("[role.a]\nprincipal = \"x\"", "did you mean `roles`?"),
        ("[grants]\nsource = []", "did you mean `sources`?"),
        ("[audit]\nrotation = \"1MiB\"", "did you mean `rotate`?"),
    ] {
        assert_error(text, ErrorKind::Usage, &["unknown setting", hint]);
    }
}

#[test]
fn names_of_roles_are_sound_and_free() {
    for name in ["", "a b", "a/b", "ä", "a\\\"b"] {
        assert_error(&format!("[roles.\"{name}\"]"), ErrorKind::Usage, &["name cannot be a role's", ":1"]);
    }
    assert_error("[roles.SaltLake]", ErrorKind::Usage, &["role's name is reserved", "role: SaltLake", ":1"]);
    assert_error("[roles.information_schema]", ErrorKind::Usage, &["role's name is reserved"]);
    assert_error("[roles.Dataset]", ErrorKind::Usage, &["role has the name of a database"]);
    assert_error("[roles.dataset_masked]", ErrorKind::Usage, &["role has the name of a database"]);
    assert_error("[roles.Analyst]\n[roles.analyst]", ErrorKind::Usage, &["differ by case alone", ":2"]);
}

#[test]
fn names_of_tables_stand_for_one_table_or_for_a_whole_database() {
    for name in ["", " ", "*", "cust*", "a.*.b", "*.customer", ".customer", "shop.", "shop..*", ".*", "a\\u0007"] {
        let select = format!("[roles.a.select]\n\"{name}\" = \"*\"");
        assert_error(&select, ErrorKind::Usage, &["name stands for no table", ":2", "`\"database.*\"`"]);
        let mask = format!("[roles.a.mask.\"{name}\"]\nmail = \"x\"");
        assert_error(&mask, ErrorKind::Usage, &["name stands for no table", ":1"]);
    }
    assert_error("[roles.a.mask.\"shop.*\"]\nmail = \"x\"", ErrorKind::Usage, &["name stands for no table"]);
}

#[test]
fn a_role_hangs_together_with_the_rest() {
    assert_error("[grants]\ndefault_role = \"a\"", ErrorKind::Usage, &["default role is not defined", ":2"]);
    let slip = "[grants]\ndefault_role = \"analist\"\n[roles.analyst]";
    assert_error(slip, ErrorKind::Usage, &["default role is not defined", "did you mean `analyst`?"]);
    let masked = "[roles.a]\nfull_access = true\nmask.c.mail = \"x\"";
    assert_error(masked, ErrorKind::Usage, &["a role with full access has masks", ":3"]);
    let selects = "[roles.a]\nfull_access = true\n[roles.a.select]\nc = \"*\"";
    assert_error(selects, ErrorKind::Usage, &["a role with full access has a selection", ":3"]);
    for (member, value) in [("time", "\"1m\""), ("memory", "\"1GiB\"")] {
        let limited = format!("[roles.a]\nfull_access = true\n{member} = {value}");
        assert_error(&limited, ErrorKind::Usage, &["a role with full access has", member, ":3"]);
    }
    for (member, value) in [("principal", "\"role:b\""), ("groups", "[\"Role:b\"]")] {
        let posing = format!("[roles.a]\n{member} = {value}");
        assert_error(&posing, ErrorKind::Usage, &["begins with `role:`", ":2"]);
    }
    assert_error("[roles.a]\ntime = \"0s\"", ErrorKind::Usage, &["no time to run", ":2"]);
    let key = "[keys.default]\nsecret = \"env:K\"\n[roles.a]\nkeys = [\"default\", \"hunter2\"]";
    let said = assert_error(key, ErrorKind::Usage, &["a key that is not configured", "role: a", ":4"]);
    assert!(!said.contains("hunter2"), "{said}");
    let slip = "[keys.default]\nsecret = \"env:K\"\n[roles.a]\nkeys = [\"defautl\"]";
    assert_error(slip, ErrorKind::Usage, &["did you mean `default`?"]);
}

#[test]
fn a_role_writes_apart_from_everything_else() {
    let places = "[roles.a]\nlocations = [\"results\", \"LOCATION\"]\n\
        [lake]\nlocation = \"raw\"\n[lake.tables.t]\nlocation = \"s3://b/t/\"\n[masked]\nlocation = \"masked\"\n\
        [engine]\nspill_folder = \"spill\"\n[audit]\nfolder = \"log\"\n[keys.k]\nsecret = \"file:keys/k\"\n\
        [grants]\nsources = [\"grants/g.json\", \"lakeformation\"]\n[findings]\nsources = [\"s3://b/findings\"]\n";
    for (location, meets) in [
        ("raw", "raw tables"),
        ("raw/customer", "raw tables"),
        ("s3://b/t/x/", "raw tables"),
        ("s3://b", "raw tables"),
        (".", "raw tables"),
        ("masked", "masked tables"),
        ("masked/results", "masked tables"),
        ("spill/x", "the spill folder"),
        ("log", "the audit log"),
        ("grants", "a source of grants"),
        ("s3://b/findings/x", "a source of findings"),
        ("keys", "a key"),
    ] {
        let text = places.replace("LOCATION", location);
        let says = ["a role would write where", "role: a", &format!("meets: {meets}\n"), ":2"];
        assert_error(&text, ErrorKind::Refused, &says);
    }
    assert_error(
        "[roles.a]\nlocations = [\".\"]\n[audit]\nfolder = \"/log\"",
        ErrorKind::Refused,
        &["meets: the settings file\n"],
    );
    for location in ["raw2", "s3://b/t2", "s3://other", "results/deep", "keys2"] {
        Fixture::new(&places.replace("LOCATION", location)).load().unwrap();
    }
    // Roles may share a place.
    Fixture::new("[roles.a]\nlocations = [\"results\"]\n[roles.b]\nlocations = [\"results/b\", \"s3://b\"]")
        .load()
        .unwrap();
}

#[cfg(unix)]
#[test]
fn a_link_does_not_hide_that_a_role_would_write_among_tables() {
    let fixture = Fixture::new("[lake]\nlocation = \"raw\"\n[roles.a]\nlocations = [\"link/results\"]");
    fs::create_dir(fixture.path().join("raw")).unwrap();
    fixture.load().unwrap();
    std::os::unix::fs::symlink("raw", fixture.path().join("link")).unwrap();
    assert_eq!(fixture.load().unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn the_audit_log_lies_apart_from_the_tables() {
    let says = ["the audit log would lie among the tables", "set `folder` of `[audit]`"];
    for text in [
        "[lake]\nlocation = \"raw\"\n[audit]\nfolder = \"raw/log\"",
        "[masked]\nlocation = \"masked\"\n[audit]\nfolder = \"masked\"",
        "[lake]\nlocation = \".\"\n[roles.a]",
    ] {
        assert_error(text, ErrorKind::Refused, &says);
    }
    // Without roles nothing is logged there.
    Fixture::new("[lake]\nlocation = \".\"").load().unwrap();
    Fixture::new("[lake]\nlocation = \".\"\n[roles.a]\n[audit]\nfolder = \"/var/log/saltlake\"").load().unwrap();
}
