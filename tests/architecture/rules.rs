//! The table of rooms: what each may import, and what only it may name.

use super::paths::{NamedPath, Source};

/// Every room and what it may import besides itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("error", &["model"]),
    ("settings", &["model", "error"]),
    ("engine", &["model", "error", "settings"]),
    ("discover", &["model", "error", "engine"]),
    ("plan", &["model", "error", "discover"]),
    ("mask", &["model", "error", "engine", "plan"]),
    ("publish", &["model", "error", "engine", "mask"]),
    ("grant", &["model", "error", "publish"]),
    ("query", &["model", "error", "engine", "grant"]),
    ("backend", &["model", "error", "settings", "engine", "discover", "publish", "grant"]),
    ("serve", &["model", "error", "settings", "engine", "grant", "query"]),
    ("cluster", &["model", "error", "settings", "engine", "grant", "query"]),
    (
        "cli",
        &[
            "model", "error", "settings", "engine", "discover", "plan", "mask", "publish", "grant", "query", "backend",
            "serve", "cluster",
        ],
    ),
    ("main", &["cli"]),
];

/// Whether a path is one of the names.
type Names = fn(&[&str]) -> bool;

/// Names that belong to one room.
const NAMES: &[(&str, &str, Names)] = &[
    ("settings", "the environment", |path| path.starts_with(&["std", "env"])),
    ("engine", "Tokio's runtime", names_runtime),
    ("backend", "the AWS clients", |path| path[0].starts_with("aws_")),
    ("cli", "the command line", |path| ["clap", "rustyline", "indicatif"].contains(&path[0])),
    ("cli", "standard output and error", names_output),
    ("serve", "the wire protocol", |path| path[0] == "pgwire"),
    ("cluster", "the cluster", |path| path[0].starts_with("ballista")),
];

fn names_runtime(path: &[&str]) -> bool {
    match path {
        ["tokio", "runtime" | "main"] => true,
        ["tokio", "runtime", name, ..] => ["Builder", "Runtime", "LocalRuntime", "*"].contains(name),
        _ => false,
    }
}

fn names_output(path: &[&str]) -> bool {
    let outputs = ["stdout", "stderr", "Stdout", "Stderr", "StdoutLock", "StderrLock"];
    path.windows(2).any(|pair| pair[0] == "io" && outputs.contains(&pair[1])) || path == ["std", "io", "*"]
}

/// The macros that print.
const PRINTING: [&str; 4] = ["print", "println", "eprint", "eprintln"];

/// The room that a file of `src` belongs to.
fn room_of(file: &str) -> Option<&str> {
    let inside = file.strip_prefix("src/")?;
    Some(inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs"))
}

/// Every breach of the table in a file of the house.
pub(crate) fn check_house(source: &Source) -> Vec<String> {
    let file = &source.file;
    let room = room_of(file).expect("a file below src/");
    // The map of the house names every room and does nothing.
    if room == "lib" {
        return Vec::new();
    }
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("{file}:1: the table of rooms knows no `{room}`")];
    };
    let mut breaches = Vec::new();
    for path in &source.paths {
        let reason = check_import(room, allowed, path).or_else(|| check_names(room, path));
        breaches.extend(reason.map(|reason| format!("{file}:{}: {reason}", path.line)));
    }
    for (name, line) in &source.macros {
        if room != "cli" && PRINTING.contains(&name.as_str()) {
            breaches.push(format!("{file}:{line}: `{room}` calls `{name}!`; only `cli` may print"));
        }
    }
    breaches
}

fn check_import(room: &str, allowed: &[&str], path: &NamedPath) -> Option<String> {
    let text = path.segments.join("::");
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    match segments[..] {
        ["crate" | "saltlake", target, ..] if target == room => None,
        ["crate" | "saltlake", target, ..] => (!allowed.contains(&target))
            .then(|| format!("`{room}` imports `{text}`; it may import: {}", allowed.join(", "))),
        // `use crate as house` would hide what is imported.
        ["crate" | "saltlake"] => Some(format!("`{room}` imports the whole house")),
        ["saltlake_udfs", ..] => match room {
            "engine" | "cli" => None,
            "model" | "error" if segments.starts_with(&["saltlake_udfs", "KeyId"]) => None,
            _ => Some(format!("`{room}` imports `{text}`; only `engine` knows the masking functions")),
        },
        _ => None,
    }
}

fn check_names(room: &str, path: &NamedPath) -> Option<String> {
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    let (owner, what, _) = NAMES.iter().find(|(owner, _, names)| *owner != room && names(&segments))?;
    Some(format!("`{room}` names `{}`; only `{owner}` may name {what}", path.segments.join("::")))
}

/// Every breach in a file of the masking functions: they know Arrow and keys, nothing else.
pub(crate) fn check_functions(source: &Source) -> Vec<String> {
    let known = ["saltlake", "tokio", "object_store", "clap", "pgwire"];
    let mut breaches = Vec::new();
    for path in &source.paths {
        let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
        let outside = ["env", "fs", "io", "net", "process", "time", "thread"];
        let forbidden = known.contains(&segments[0])
            || segments[0].starts_with("aws_")
            || matches!(segments[..], ["std", module, ..] if outside.contains(&module));
        if forbidden {
            let text = path.segments.join("::");
            breaches.push(format!("{}:{}: the masking functions must not name `{text}`", source.file, path.line));
        }
    }
    let prints = source.macros.iter().filter(|(name, _)| PRINTING.contains(&name.as_str()));
    breaches.extend(prints.map(|(_, line)| format!("{}:{line}: the masking functions must not print", source.file)));
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(file: &str, text: &str) -> Vec<String> {
        check_house(&Source::read(file, text))
    }

    #[test]
    fn every_import_of_the_table_is_allowed() {
        for (room, allowed) in ROOMS.iter().filter(|(room, _)| *room != "main") {
            for target in *allowed {
                let text = format!("use crate::{target}::Thing; use crate::{room}::Own;");
                assert_eq!(house(&format!("src/{room}/part.rs"), &text), [""; 0]);
            }
        }
    }

    #[test]
    fn every_other_import_is_refused() {
        for (room, allowed) in ROOMS.iter().filter(|(room, _)| *room != "main") {
            for (target, _) in ROOMS.iter().filter(|(target, _)| target != room && !allowed.contains(target)) {
                for text in [
                    format!("use crate::{target}::Thing;"),
                    format!("use crate::{{error::Error, {target}::{{A, B}}}};"),
                    format!("fn f() {{ crate::{target}::decide() }}"),
                    format!("use super::super::{target};"),
                ] {
                    let found = house(&format!("src/{room}/part.rs"), &text);
                    assert!(!found.is_empty(), "{room}: {text}");
                    assert!(
                        found[0].starts_with(&format!("src/{room}/part.rs:1: `{room}` imports `crate::")),
                        "{found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_room_knows_a_later_one() {
        let order: Vec<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
        for (place, (room, allowed)) in ROOMS.iter().enumerate() {
            for target in *allowed {
                let before = order.iter().position(|name| name == target).expect("a room of the table");
                assert!(before < place, "{room} knows {target}: the table itself runs in a circle");
            }
        }
    }

    #[test]
    fn names_stay_in_their_room() {
        for (owner, text) in [
            ("settings", "let home = std::env::var(\"HOME\");"),
            ("settings", "use std::{env, fs};"),
            ("engine", "let runtime = tokio::runtime::Builder::new_multi_thread();"),
            ("engine", "use tokio::runtime::{Handle, Runtime};"),
            ("backend", "use aws_sdk_macie2::Client;"),
            ("backend", "let config = aws_config::load();"),
            ("cli", "use clap::Parser;"),
            ("cli", "#[derive(clap::Args)] struct A;"),
            ("cli", "println!(\"{row}\");"),
            ("cli", "eprintln!(\"{row}\");"),
            ("cli", "let out = std::io::stdout().lock();"),
            ("cli", "use std::io::{Write, stderr};"),
            ("cli", "use std::io; fn f() { io::Stderr }"),
        ] {
            assert_eq!(house(&format!("src/{owner}/part.rs"), text), [""; 0], "{text}");
            for other in ["model", "plan", "query", "main"] {
                assert_ne!(house(&format!("src/{other}.rs"), text), [""; 0], "{other}: {text}");
            }
        }
    }

    #[test]
    fn what_is_near_a_rule_but_within_it_passes() {
        for text in [
            "use tokio::runtime::Handle;",
            "use tokio::task::JoinSet;",
            "use std::io::{self, Read};",
            "let child = command.stdout(Stdio::piped());",
            "let aws_region = settings.aws.region;",
            "// println!(\"x\"); std::env::var",
            "const HELP: &str = \"use clap::Parser\";",
            "#[cfg(test)]\nmod tests {\n    use crate::cli::main;\n    fn f() { println!(\"x\") }\n}",
            "pub(crate) fn f() {}\npub(in crate::query) fn g() {}",
        ] {
            assert_eq!(house("src/query/mod.rs", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn the_front_door_sees_only_the_command_line() {
        assert_eq!(
            house("src/main.rs", "use std::process::ExitCode; fn main() -> ExitCode { saltlake::cli::run() }"),
            [""; 0]
        );
        assert_eq!(house("src/main.rs", "use saltlake::engine::Engine;").len(), 1);
        assert_eq!(house("src/main.rs", "use saltlake::*;").len(), 1);
    }

    #[test]
    fn the_whole_house_and_unknown_rooms_are_refused() {
        for text in ["use crate::*;", "use crate as house;", "use crate::Error;"] {
            assert_eq!(house("src/plan/mod.rs", text).len(), 1, "{text}");
        }
        assert_eq!(house("src/helpers.rs", ""), ["src/helpers.rs:1: the table of rooms knows no `helpers`"]);
    }

    #[test]
    fn only_two_rooms_know_the_masking_functions() {
        assert_eq!(house("src/engine/mod.rs", "use saltlake_udfs::register_all;"), [""; 0]);
        assert_eq!(house("src/model.rs", "pub use saltlake_udfs::KeyId;"), [""; 0]);
        assert_eq!(house("src/model.rs", "use saltlake_udfs::MaskKey;").len(), 1);
        assert_eq!(house("src/plan/mod.rs", "use saltlake_udfs::KeyId;").len(), 1);
    }

    #[test]
    fn the_masking_functions_reach_for_nothing() {
        let functions = |text: &str| check_functions(&Source::read("udfs/src/lib.rs", text));
        assert_eq!(functions("use arrow::array::ArrayRef; use std::sync::Arc; use crate::key::MaskKey;"), [""; 0]);
        for text in ["use saltlake::model::TableName;", "std::fs::read(x)", "use aws_types::A;", "println!(\"{x}\")"] {
            assert_eq!(functions(text).len(), 1, "{text}");
        }
    }
}
