//! References to secrets.

use std::path::Path;

use super::{SecretRef, places};

/// Why a text is no reference. Holds nothing of the text, which may be the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAReference {
    /// No known scheme stands before it: it may be a literal secret.
    NoScheme,
    /// What follows `secretsmanager:` is neither a name nor an ARN of a secret.
    SecretsManager,
    /// Nothing follows `#`.
    Member,
    /// Nothing follows `file:`.
    File,
    /// `file:~`, which only a shell expands.
    Home,
    /// What follows `env:` is not the name of a variable.
    Env,
}

impl NotAReference {
    /// What is wrong, in words.
    pub(super) fn problem(self) -> &'static str {
        match self {
            Self::NoScheme => "it begins with none of `secretsmanager:`, `file:`, `env:`",
            Self::SecretsManager => "what follows `secretsmanager:` is neither the name nor the ARN of a secret",
            Self::Member => "`#` names no member",
            Self::File => "`file:` names no file",
            Self::Home => "`~` is not expanded: write the whole path",
            Self::Env => "what follows `env:` is not the name of a variable",
        }
    }
}

impl SecretRef {
    /// Reads a reference. Relative paths start from `base`.
    pub(super) fn parse(text: &str, base: &Path) -> Result<Self, NotAReference> {
        if let Some(id) = text.strip_prefix("secretsmanager:") {
            return parse_secretsmanager(id);
        }
        if let Some(path) = text.strip_prefix("file:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.trim().is_empty() {
                return Err(NotAReference::File);
            }
            if places::means_home(path) {
                return Err(NotAReference::Home);
            }
            return Ok(Self::File(places::absolute(path, base)));
        }
        if let Some(name) = text.strip_prefix("env:") {
            let sound = !name.starts_with(|c: char| c.is_ascii_digit()) && is_made_of(name, "_");
            return if sound { Ok(Self::Env(name.to_owned())) } else { Err(NotAReference::Env) };
        }
        Err(NotAReference::NoScheme)
    }

    /// The reference as settings spell it.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::SecretsManager { id, member: Some(member) } => format!("secretsmanager:{id}#{member}"),
            Self::SecretsManager { id, member: None } => format!("secretsmanager:{id}"),
            Self::File(path) => format!("file:{}", path.display()),
            Self::Env(name) => format!("env:{name}"),
        }
    }
}

/// Reads `NAME_OR_ARN[#member]`. Neither a name nor an ARN can hold a `#`.
fn parse_secretsmanager(text: &str) -> Result<SecretRef, NotAReference> {
    let (id, member) = match text.split_once('#') {
        Some((_, "")) => return Err(NotAReference::Member),
        Some((id, member)) => (id, Some(member.to_owned())),
        None => (text, None),
    };
    if !is_arn(id) && !is_secret_name(id) {
        return Err(NotAReference::SecretsManager);
    }
    Ok(SecretRef::SecretsManager { id: id.to_owned(), member })
}

/// Whether a text is `arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME`.
fn is_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(7, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "secretsmanager", region, account, "secret", name] => {
            partition.starts_with("aws")
                && !region.is_empty()
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && is_secret_name(name)
        }
        _ => false,
    }
}

/// Whether a text is a name as Secrets Manager allows it.
fn is_secret_name(text: &str) -> bool {
    text.len() <= 512 && is_made_of(text, "/_+=.@-")
}

/// Whether a text is not empty and made of ASCII letters, digits and these.
fn is_made_of(text: &str, others: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}
