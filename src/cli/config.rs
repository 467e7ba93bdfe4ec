//! `saltlake config`: prints the settings as they came out, and where each came from.

use std::fmt::Write as _;
use std::io::Write;

use clap::{Args, ValueEnum};

use crate::error::{Error, Result};
use crate::model::printable;
use crate::settings::{Environment, Origin, Overrides, Provenance, Settings, current_folder};

/// Print the settings that are in force, and where each came from. Secrets are not looked up.
#[derive(Args, Clone, Debug)]
pub(super) struct ConfigArgs {
    /// How to print them.
    #[arg(long, value_enum, default_value_t = ConfigFormat::Toml)]
    pub format: ConfigFormat,
}

/// How settings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ConfigFormat {
    /// As a settings file, each line with its source as a comment.
    #[default]
    Toml,
    /// As a JSON array of `{"setting", "value", "from"}`.
    Json,
}

/// Prints the settings of this process.
///
/// # Errors
/// Wrong settings, as for every command; a closed output.
pub(super) fn run(args: &ConfigArgs, overrides: &Overrides, out: &mut dyn Write) -> Result<()> {
    let (settings, list) = Settings::provenance(overrides, &current_folder()?, &Environment::of_process()?)?;
    let text = match args.format {
        ConfigFormat::Toml => as_toml(&settings, &list),
        ConfigFormat::Json => as_json(&list)?,
    };
    out.write_all(text.as_bytes()).map_err(|error| super::output_fault(&error))
}

/// A settings file that would give the same settings, credentials in addresses apart.
fn as_toml(settings: &Settings, list: &[Provenance]) -> String {
    let mut text = match &settings.file {
        Some(file) => format!("# file: {}\n", printable(&file.to_string_lossy())),
        None => String::from("# no settings file: `saltlake init` writes one\n"),
    };
    let mut sections: Vec<(String, Vec<&Provenance>)> = Vec::new();
    for setting in list {
        let section = setting.section();
        match sections.iter_mut().find(|(name, _)| *name == section) {
            Some((_, settings)) => settings.push(setting),
            None => sections.push((section, vec![setting])),
        }
    }
    for (section, settings) in sections {
        let _ = write!(text, "\n[{section}]\n");
        for setting in settings {
            text.push_str(&toml_line(setting));
        }
    }
    text
}

fn toml_line(setting: &Provenance) -> String {
    match &setting.value {
        Some(value) => format!("{} = {value} # {}\n", setting.name(), source(&setting.origin)),
        None => format!("# {} is not set\n", setting.name()),
    }
}

/// Where a value came from. The file's whole path stands on top of the output.
fn source(origin: &Origin) -> String {
    match origin {
        Origin::Default => String::from("default"),
        Origin::File { path, line } => {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            format!("from {}:{line}", printable(&name))
        }
        other => format!("from {other}"),
    }
}

fn as_json(list: &[Provenance]) -> Result<String> {
    let settings: Vec<_> = list
        .iter()
        .map(|setting| {
            serde_json::json!({
                "setting": setting.setting(),
                "value": setting.value,
                "from": setting.value.as_ref().map(|_| setting.origin.to_string()),
            })
        })
        .collect();
    let text = serde_json::to_string_pretty(&settings).map_err(|_| Error::failed("cannot write settings as JSON"))?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::path::Path;

    use super::*;

    fn provenance(folder: &Path, overrides: &Overrides, variables: &[(&str, &str)]) -> (Settings, Vec<Provenance>) {
        Settings::provenance(overrides, folder, &Environment::from_pairs(variables.iter().copied())).unwrap()
    }

    #[test]
    fn the_output_is_a_settings_file_that_says_where_each_value_came_from() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("saltlake.toml");
        std::fs::write(
            &file,
            "[lake]\nlocation = \"raw\"\n[keys.default]\nsecret = \"env:MY_KEY\"\n[findings]\nsources = [\"f.json.gz\", \"-\", \"s3://b/o.json\"]\n[columns.customer]\n\
             id = \"keep\"\n\"a.b\" = { keep = true, despite = [\"NAME\"] }\n[masks]\n\"custom:it's\" = \"mask_null\"\n",
        )
        .unwrap();
        let overrides = Overrides::default().with("masked.location", "/masked");
        let (settings, list) = provenance(folder.path(), &overrides, &[("SALTLAKE_ENGINE_THREADS", "3")]);
        let text = as_toml(&settings, &list);
        for line in [
            &format!("location = \"{}/raw/\" # from saltlake.toml:2", folder.path().display()) as &str,
            "location = \"/masked/\" # from --masked",
            "threads = 3 # from SALTLAKE_ENGINE_THREADS",
            "database = \"dataset\" # default",
            "secret = \"env:MY_KEY\" # from saltlake.toml:4",
            "\"a.b\" = { despite = [\"NAME\"], keep = true } # from saltlake.toml:9",
            &format!(
                "sources = [\"{}/f.json.gz\", \"-\", \"s3://b/o.json\"] # from saltlake.toml:6",
                folder.path().display()
            ),
            "# region is not set",
        ] {
            assert!(text.lines().any(|it| it == line), "`{line}` is missing in:\n{text}");
        }

        let printed = folder.path().join("printed.toml");
        std::fs::write(&printed, text).unwrap();
        let again = Overrides { config: Some(printed), ..Overrides::default() };
        let (read, _) = provenance(folder.path(), &again, &[]);
        let unfiled = |settings: Settings| format!("{:?}", Settings { file: None, ..settings });
        assert_eq!(unfiled(read), unfiled(settings));
    }

    #[test]
    fn credentials_in_addresses_are_redacted_in_both_formats() {
        let variables = [("AWS_ENDPOINT_URL_S3", "https://user:hunter2@s3.example.com/x")];
        let overrides = Overrides::default().with("aws.endpoint_url", "http://only-user@localhost:5000");
        let (settings, list) = provenance(Path::new("/"), &overrides, &variables);
        for text in [as_toml(&settings, &list), as_json(&list).unwrap()] {
            assert!(!text.contains("hunter2") && !text.contains("only-user"), "{text}");
            assert!(text.contains("https://[redacted]@s3.example.com/x"), "{text}");
            assert!(text.contains("http://[redacted]@localhost:5000"), "{text}");
        }
    }

    #[test]
    fn json_names_setting_value_and_source() {
        let overrides = Overrides { set: vec!["engine.memory=2GiB".into()], ..Overrides::default() };
        let (_, list) = provenance(Path::new("/"), &overrides, &[]);
        let parsed: serde_json::Value = serde_json::from_str(&as_json(&list).unwrap()).unwrap();
        let settings = parsed.as_array().unwrap();
        let find = |name: &str| settings.iter().find(|it| it["setting"] == name).unwrap();
        assert_eq!(
            find("engine.memory"),
            &serde_json::json!({"setting": "engine.memory", "value": "2GiB", "from": "--set"})
        );
        assert_eq!(find("aws.region"), &serde_json::json!({"setting": "aws.region", "value": null, "from": null}));
        assert_eq!(find("lake.merge_schemas")["value"], serde_json::json!(false));
    }
}
