//! The list of settings, the texts made from it, and properties over any text.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

/// The list of settings has no slip of its own.
#[test]
fn every_setting_has_a_section_a_readable_default_and_a_variable_of_its_own() {
    let mut variables = Vec::new();
    for key in KEYS {
        let section = key.path.rsplit_once('.').map(|(section, _)| section);
        assert!(SECTIONS.iter().any(|(known, _)| Some(*known) == section), "{}", key.path);
        assert!(key.default.is_some() || !key.examples.is_empty(), "{} has nothing to show", key.path);
        let values = key.default.iter().chain(key.examples.iter().filter_map(|(path, value)| {
            let segments: Vec<&str> = path.split('.').collect();
            matches!(names::find(&segments), names::Found::Key(found) if found.path == key.path).then_some(value)
        }));
        for value in values {
            let parsed = toml::de::DeValue::parse(value).unwrap();
            assert!(key.kind.read_toml(parsed.get_ref()).is_some(), "{}: {value}", key.path);
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
        let line = line.strip_prefix('#').filter(|rest| !rest.starts_with(' ') && !rest.is_empty()).unwrap_or(line);
        in_use.push_str(line);
        in_use.push('\n');
    }
    let fixture = Fixture::new(&in_use);
    let settings = fixture.load().unwrap();
    assert_eq!(settings.keys.len(), 2);
    assert_eq!(settings.columns.len(), 1);
    assert_eq!(settings.roles.keys().collect::<Vec<_>>(), ["analyst"]);
    let (_, list) = Settings::provenance(&Overrides::default(), fixture.path(), &Environment::default()).unwrap();
    for key in KEYS {
        let of_file = list.iter().any(|setting| {
            matches!(setting.origin, Origin::File { .. })
                && matches!(names::find(&setting.path), names::Found::Key(found) if found.path == key.path)
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
    #[allow(clippy::disallowed_methods, reason = "a test is told by the environment to rewrite its page")]
    let rewrite = std::env::var_os("UPDATE_GOLDEN").is_some();
    if rewrite {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, reference_markdown()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == reference_markdown(), "run `UPDATE_GOLDEN=1 cargo test settings::tests` and look at the change");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = Fixture::new(&text).load();
        let _ = load_bare(&set(&[&text]), &[]);
    }

    #[test]
    fn nothing_toml_like_panics_or_loses_its_place(
        section in "[a-z.\"]{0,12}|lake|keys\\.[a-z]{1,3}|columns\\.\"[^\"\\\\\\p{Cc}]{0,4}\"|masks|engine|grants|roles\\.[a-z]{1,3}(\\.(select|mask\\.[a-z]))?|audit|aws\\.endpoints",
        name in "[a-z_]{1,10}|groups|\"[^\"\\\\\\p{Cc}]{0,6}\"|location|secret|memory|threads|s3",
        value in "[0-9]{1,22}|\"[^\"\\\\\\p{Cc}]{0,12}\"|true|\\[\\]|\\[\"a\"\\]|\\{ keep = true \\}|\\{ rows = \"x\" \\}|1\\.5|1979-05-27",
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
            let _ = writeln!(text, "{} = {}", layers::show_name(column), quote(rule));
        }
        let settings = Fixture::new(&text).load().unwrap();
        let expected: BTreeMap<_, _> =
            rules.into_iter().map(|(column, rule)| (column, ColumnRule::Rule(rule))).collect();
        prop_assert_eq!(settings.columns.get("t"), Some(&expected));
    }
}
