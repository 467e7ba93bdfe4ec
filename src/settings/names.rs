//! Finds a setting by its path, and the name that was likely meant where there is none.

use super::keys::{KEYS, Key};

/// What stands at a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    /// A setting.
    Key(&'static Key),
    /// A table of settings.
    Section,
    /// Nothing we know.
    Nothing,
}

/// Finds what stands at a path. A literal name wins over an open one: `masks.default` over `masks.IDENTIFIER`.
pub(super) fn find<S: AsRef<str>>(path: &[S]) -> Found {
    let matching = |key: &&Key| key.path.split('.').count() == path.len() && is_prefix(path, key.path);
    let literal = KEYS.iter().filter(matching).find(|key| !key.path.rsplit('.').next().is_some_and(is_wildcard));
    if let Some(key) = literal.or_else(|| KEYS.iter().find(matching)) {
        return Found::Key(key);
    }
    if KEYS.iter().any(|key| is_prefix(path, key.path)) { Found::Section } else { Found::Nothing }
}

/// Whether a path is the beginning of a pattern, or all of it.
fn is_prefix<S: AsRef<str>>(path: &[S], pattern: &str) -> bool {
    let mut segments = pattern.split('.');
    path.iter().all(|name| segments.next().is_some_and(|segment| is_wildcard(segment) || segment == name.as_ref()))
}

/// Whether a segment of a pattern stands for a name that the user chooses.
pub(super) fn is_wildcard(segment: &str) -> bool {
    segment.chars().all(|c| c.is_ascii_uppercase())
}

/// The names known below a path, each once, in their order. Open names are left out.
fn names_below<S: AsRef<str>>(parent: &[S]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for key in KEYS.iter().filter(|key| is_prefix(parent, key.path)) {
        if let Some(name) = key.path.split('.').nth(parent.len())
            && !is_wildcard(name)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// A hint for an unknown path: the nearest name beside it, else its home in another section, else all names.
pub(super) fn suggest<S: AsRef<str>>(path: &[S]) -> String {
    let Some((name, parent)) = path.split_last() else {
        return String::from("see `saltlake init` for every setting");
    };
    let siblings = names_below(parent);
    if let Some(nearest) = nearest(name.as_ref(), siblings.iter().copied()) {
        return format!("did you mean `{nearest}`?");
    }
    let elsewhere = KEYS.iter().find(|key| key.path.rsplit('.').next() == Some(name.as_ref()));
    match elsewhere {
        Some(key) => format!("did you mean `{}`?", key.path),
        None if siblings.is_empty() => {
            let mut sections: Vec<&str> = KEYS.iter().filter_map(|key| key.path.split('.').next()).collect();
            sections.dedup();
            format!("sections are: {}", sections.join(", "))
        }
        None => format!("known here: {}", siblings.join(", ")),
    }
}

/// The most similar candidate, if any is similar at all.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    candidates
        .map(|candidate| (strsim::normalized_damerau_levenshtein(&name, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity >= 0.5)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}
