//! Reads the paths of a Rust source: enough of the language's grammar to see what a file names, and where.

/// A word, `::` or one other character of a source, outside comments and literals.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
}

/// A path such as `std::env::var`, from its root on. `crate` and `super` that reach the crate's root are both `crate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedPath {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

/// A source file and what it names, test code left out.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the project's root: `src/plan/mod.rs`.
    pub(crate) file: String,
    /// Every path, each branch of a use tree by itself.
    pub(crate) paths: Vec<NamedPath>,
    /// Every macro call: its name without `!`.
    pub(crate) macros: Vec<(String, usize)>,
    /// Modules in files of their own that are test code, as `src/plan/checks`.
    pub(crate) test_modules: Vec<String>,
}

impl Source {
    pub(crate) fn read(file: &str, text: &str) -> Self {
        let mut tokens = tokens(text);
        let test_modules =
            remove_test_code(&mut tokens).into_iter().map(|name| format!("{}{name}", folder_of_children(file)));
        Self {
            test_modules: test_modules.collect(),
            paths: paths(&tokens, module_depth(file)),
            macros: macros(&tokens),
            file: file.to_owned(),
        }
    }

    /// Whether the file is a module's own or lies below it.
    pub(crate) fn is_of_module(&self, module: &str) -> bool {
        self.file.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }
}

/// Where the files of a file's child modules are: `src/plan/` for both `src/plan/mod.rs` and `src/plan.rs`.
fn folder_of_children(file: &str) -> String {
    let stem = file.trim_end_matches(".rs");
    match stem.strip_suffix("/mod").or_else(|| stem.strip_suffix("/lib")).or_else(|| stem.strip_suffix("/main")) {
        Some(folder) => format!("{folder}/"),
        None => format!("{stem}/"),
    }
}

/// How many modules lie between the crate's root and a file's code: 0 for `src/lib.rs`, 2 for `src/plan/sql.rs`.
fn module_depth(file: &str) -> usize {
    let inside = file.rsplit_once("src/").map_or(file, |(_, inside)| inside);
    folder_of_children(inside).split('/').filter(|name| !name.is_empty() && !["lib", "main"].contains(name)).count()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Splits a source. Comments vanish; a literal becomes one `"`.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut tokens: Vec<Token> = Vec::new();
    let mut line = 1;
    let mut index = 0;
    while index < chars.len() {
        let start = index;
        let mut kind = None;
        match (at(index), at(index + 1)) {
            ('/', '/') => index += chars[index..].iter().take_while(|c| **c != '\n').count(),
            ('/', '*') => index = end_of_comment(&chars, index),
            ('"', _) => (index, kind) = (end_of_text(&chars, index), Some("\"".to_owned())),
            ('\'', next) if next == '\\' || at(index + 2) == '\'' => {
                (index, kind) = (end_of_character(&chars, index), Some("\"".to_owned()));
            }
            ('r' | 'b' | 'c', _) if raw_text(&chars, index).is_some() => {
                (index, kind) = (raw_text(&chars, index).unwrap(), Some("\"".to_owned()));
            }
            ('r', '#') if is_word(at(index + 2)) => index += 2, // A raw identifier is its word.
            (':', ':') => (index, kind) = (index + 2, Some("::".to_owned())),
            (c, _) if is_word(c) => {
                index += chars[index..].iter().take_while(|c| is_word(**c)).count();
                kind = Some(chars[start..index].iter().collect());
            }
            (c, _) => {
                index += 1;
                kind = (!c.is_whitespace()).then(|| c.to_string());
            }
        }
        // The `::` in front of a crate's name says nothing more.
        let leads = kind.as_deref() == Some("::") && tokens.last().is_none_or(|before| !can_go_before(before));
        tokens.extend(kind.filter(|_| !leads).map(|text| Token { text, line }));
        line += chars[start..index].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

/// Whether a token can be a segment of a path, with `::` after it.
fn can_go_before(token: &Token) -> bool {
    let keywords = ["use", "as", "in", "return", "dyn", "impl", "for", "mut", "else", "match", "if", "while"];
    (token.text == ">" || token.text.chars().all(is_word)) && !keywords.contains(&token.text.as_str())
}

/// Comments nest.
fn end_of_comment(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut index = start;
    while index < chars.len() {
        match chars[index..] {
            ['/', '*', ..] => (depth, index) = (depth + 1, index + 2),
            ['*', '/', ..] => (depth, index) = (depth - 1, index + 2),
            _ => index += 1,
        }
        if depth == 0 {
            break;
        }
    }
    index
}

fn end_of_text(chars: &[char], start: usize) -> usize {
    let mut index = start + 1;
    while index < chars.len() && chars[index] != '"' {
        index += if chars[index] == '\\' { 2 } else { 1 };
    }
    (index + 1).min(chars.len())
}

fn end_of_character(chars: &[char], start: usize) -> usize {
    let mut index = start + 1;
    while index < chars.len() && chars[index] != '\'' {
        index += if chars[index] == '\\' { 2 } else { 1 };
    }
    (index + 1).min(chars.len())
}

/// The end of `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `c"…"` or `b'…'`, if one starts here.
fn raw_text(chars: &[char], start: usize) -> Option<usize> {
    if start > 0 && is_word(chars[start - 1]) {
        return None;
    }
    let prefix = chars[start..].iter().take_while(|c| ['r', 'b', 'c'].contains(c)).count();
    let hashes = chars[start + prefix..].iter().take_while(|c| **c == '#').count();
    let open = start + prefix + hashes;
    let raw = chars[start..start + prefix].contains(&'r');
    match chars.get(open) {
        Some('"') if raw => {
            let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let length = chars[open + 1..].windows(close.len()).position(|window| window == close);
            Some(length.map_or(chars.len(), |length| open + 1 + length + close.len()))
        }
        Some('"') if hashes == 0 => Some(end_of_text(chars, open)),
        Some('\'') if hashes == 0 && chars[start..open] == ['b'] => Some(end_of_character(chars, open)),
        _ => None,
    }
}

fn starts_with(tokens: &[Token], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.text == *text)
}

/// Takes out every item marked `#[cfg(test)]`. Returns the names of those that are modules in files of their own.
fn remove_test_code(tokens: &mut Vec<Token>) -> Vec<String> {
    let mut modules = Vec::new();
    let mut kept = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        let rest = &tokens[index..];
        if starts_with(rest, &["#", "[", "cfg", "(", "test", ")", "]"]) {
            let end = end_of_item(rest);
            if let Some([.., name, semicolon]) = rest.get(..end)
                && semicolon.text == ";"
                && rest[..end].iter().rev().nth(2).is_some_and(|token| token.text == "mod")
            {
                modules.push(name.text.clone());
            }
            index += end;
        } else {
            kept.push(tokens[index].clone());
            index += 1;
        }
    }
    *tokens = kept;
    modules
}

/// How many tokens an item has, its attributes included. It ends with its first block, or with a `;` (a `use` always).
fn end_of_item(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    let mut is_use = false;
    let mut in_attribute = false;
    for (index, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "#" if depth == 0 => in_attribute = true,
            "use" if depth == 0 => is_use = true,
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && in_attribute && token.text == "]" {
                    in_attribute = false;
                } else if depth == 0 && token.text == "}" && !is_use {
                    return index + 1;
                }
            }
            ";" if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

fn macros(tokens: &[Token]) -> Vec<(String, usize)> {
    let calls = tokens.windows(2).filter(|pair| pair[1].text == "!" && pair[0].text.chars().all(is_word));
    calls.map(|pair| (pair[0].text.clone(), pair[0].line)).collect()
}

fn paths(tokens: &[Token], file_depth: usize) -> Vec<NamedPath> {
    let mut found = Vec::new();
    // For each open brace: whether it opened a module.
    let mut braces: Vec<bool> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" => braces.push(index >= 2 && tokens[index - 2].text == "mod"),
            "}" => drop(braces.pop()),
            _ => {}
        }
        let depth = file_depth + braces.iter().filter(|module| **module).count();
        if is_root(tokens, index) {
            let mut expanded = Vec::new();
            expand(tokens, index, &[], &mut expanded);
            found.extend(expanded.into_iter().map(|path| from_root(path, depth)));
        }
    }
    found
}

/// Whether a path begins here: a word that is not itself a later segment, and that more follows or `use` precedes.
fn is_root(tokens: &[Token], index: usize) -> bool {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let word = |index: usize| text(index).chars().next().is_some_and(is_word);
    let before = |distance: usize| index.checked_sub(distance).map_or("", text);
    let is_later = before(1) == "::" && (before(2) == ">" || index.checked_sub(2).is_some_and(word));
    let goes_on = text(index + 1) == "::";
    let whole_crate = ["use", "crate"].contains(&before(1)) && text(index) != "as";
    let renamed_house = text(index) == "crate" && text(index + 1) == "as";
    word(index) && !is_later && before(1) != "." && (goes_on || whole_crate || renamed_house)
}

/// Follows a path from a segment on, through the branches of a use tree. Returns the index after it.
fn expand(tokens: &[Token], index: usize, prefix: &[String], found: &mut Vec<NamedPath>) -> usize {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let line = tokens.get(index).map_or(0, |token| token.line);
    let end = |found: &mut Vec<NamedPath>| found.push(NamedPath { segments: prefix.to_vec(), line });
    match text(index) {
        "{" => {
            let mut next = index + 1;
            while !["}", ""].contains(&text(next)) {
                next = expand(tokens, next, prefix, found);
                // `as name` and the comma.
                while ![",", "}", ""].contains(&text(next)) {
                    next += 1;
                }
                if text(next) == "," {
                    next += 1;
                }
            }
            next + 1
        }
        "self" if !prefix.is_empty() => {
            end(found);
            index + 1
        }
        word if word == "*" || word.chars().next().is_some_and(is_word) => {
            let mut segments = prefix.to_vec();
            segments.push(word.to_owned());
            if text(index + 1) == "::" {
                return expand(tokens, index + 2, &segments, found);
            }
            found.push(NamedPath { segments, line });
            index + 1
        }
        // Such as the `<` of `collect::<Vec<_>>`.
        _ => {
            end(found);
            index
        }
    }
}

/// Turns `super::super::plan` into `crate::plan` where that is what it means.
fn from_root(mut path: NamedPath, depth: usize) -> NamedPath {
    let own = path.segments.iter().take_while(|segment| *segment == "self").count();
    let supers = path.segments[own..].iter().take_while(|segment| *segment == "super").count();
    if supers > 0 && supers >= depth {
        path.segments.splice(..own + supers, ["crate".to_owned()]);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, text: &str) -> Vec<String> {
        let paths = Source::read(file, text).paths;
        paths.iter().map(|path| format!("{}:{}", path.line, path.segments.join("::"))).collect()
    }

    #[test]
    fn a_use_tree_is_read_branch_by_branch() {
        let text = "use crate::{\n    error::{Error, Result},\n    model::*,\n    plan as p,\n    mask::{self, x::Y as Z},\n};";
        let wanted = [
            "2:crate::error::Error",
            "2:crate::error::Result",
            "3:crate::model::*",
            "4:crate::plan",
            "5:crate::mask",
            "5:crate::mask::x::Y",
        ];
        let all = read("src/plan/mod.rs", text);
        assert_eq!(all.iter().filter(|path| path.contains("crate")).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn paths_in_code_are_read() {
        let text = "fn f() -> crate::error::Result<()> {\n    let v = x.collect::<Vec<_>>();\n    crate::plan::decide(a::<u8>::b)\n}";
        let all = read("src/mask/mod.rs", text);
        assert!(all.contains(&"1:crate::error::Result".to_owned()), "{all:?}");
        assert!(all.contains(&"3:crate::plan::decide".to_owned()), "{all:?}");
    }

    #[test]
    fn words_in_comments_and_literals_are_no_paths() {
        let text = "// crate::plan::A\n/* crate::plan::B /* crate::plan::C */ */\n/// [`crate::plan::D`]\n\
                    const A: &str = \"crate::plan::E \\\" crate::plan::F\"; const B: &str = r#\"\" crate::plan::G\"#;\n\
                    const C: char = '\"'; const D: u8 = b'\"'; fn f<'a>(x: &'a str) { crate::mask::H }";
        assert_eq!(read("src/mask/mod.rs", text), ["5:crate::mask::H"]);
    }

    #[test]
    fn super_is_followed_to_the_root_and_no_further() {
        assert_eq!(read("src/plan/mod.rs", "use super::mask::A;"), ["1:crate::mask::A"]);
        assert_eq!(read("src/plan.rs", "use super::mask::A;"), ["1:crate::mask::A"]);
        assert_eq!(read("src/plan/sql.rs", "use super::mask::A;"), ["1:super::mask::A"]);
        assert_eq!(read("src/plan/sql.rs", "use super::super::mask::A;"), ["1:crate::mask::A"]);
        let inline = "mod inner {\n    use super::mask::A;\n    use super::super::mask::B;\n}\nuse super::mask::C;";
        assert_eq!(read("src/plan/mod.rs", inline), ["2:super::mask::A", "3:crate::mask::B", "5:crate::mask::C"]);
    }

    #[test]
    fn test_code_is_left_out() {
        let text = "use crate::a::A;\n#[cfg(test)]\nuse crate::{b::B};\n#[cfg(test)]\nmod tests {\n    use crate::c::C;\n    \
                    fn f() {}\n}\n#[cfg(test)]\n#[path = \"x\"]\npub(crate) mod checks;\n\
                    #[cfg(test)]\nfn g(x: [u8; 2]) -> u8 { crate::d::D }\nuse crate::e::E;";
        let source = Source::read("src/plan/mod.rs", text);
        let named: Vec<&str> = source.paths.iter().map(|path| path.segments[1].as_str()).collect();
        assert_eq!(named, ["a", "e"]);
        assert_eq!(source.test_modules, ["src/plan/checks"]);
        assert!(Source::read("src/plan/checks/mod.rs", "").is_of_module("src/plan/checks"));
        assert!(!Source::read("src/plan/checks_more.rs", "").is_of_module("src/plan/checks"));
    }

    #[test]
    fn whole_crates_and_macros_are_seen() {
        let source =
            Source::read("src/plan/mod.rs", "use clap;\nuse ::aws_config::Region;\nfn f() { println!(\"x\") }");
        let roots: Vec<&str> = source.paths.iter().map(|path| path.segments[0].as_str()).collect();
        assert_eq!(roots, ["clap", "aws_config"]);
        assert_eq!(source.macros, [("println".to_owned(), 3)]);
    }
}
