//! The key ring: keys are fetched when a statement first uses them, decoded, and kept out of sight.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use saltlake_udfs::{KeyId, MaskKey, key_fingerprint};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::connections::StoredSecret;
use crate::error::{Error, Result, Said};
use crate::settings::{KeyEncoding, KeySettings, SecretRef};

/// Keys shorter than this are guessable.
pub const SHORT_KEY_BYTES: usize = 16;

/// Which key a table was masked with. Holds no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUse {
    /// Where the key came from: `secretsmanager`, `file` or `env`.
    pub source: String,
    /// The Secrets Manager version id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// A keyed fingerprint of the key's bytes: equal for equal keys, and says nothing else about them.
    pub fingerprint: String,
}

/// Decodes a stored secret into a key.
///
/// # Errors
/// If the JSON member is missing, the encoding does not fit, or the key is empty. Never quotes the secret.
pub(crate) fn decode(id: &KeyId, settings: &KeySettings, stored: &StoredSecret) -> Result<(MaskKey, KeyUse)> {
    let text = match &settings.secret {
        SecretRef::SecretsManager { member: Some(member), .. } => json_member(id, &stored.bytes, member)?,
        _ => Zeroizing::new(stored.bytes.to_vec()),
    };
    let bytes = match settings.encoding {
        KeyEncoding::Utf8 => text,
        KeyEncoding::Base64 => Zeroizing::new(STANDARD.decode(text.trim_ascii_end()).map_err(|_| {
            Error::failed("the stored secret is not base64")
                .with("key", id)
                .hint(format!("set `[keys.{id}] encoding` to \"utf8\" or \"hex\", or store the key's base64 text"))
        })?),
        KeyEncoding::Hex => Zeroizing::new(const_hex::decode(text.trim_ascii_end()).map_err(|_| {
            Error::failed("the stored secret is not hexadecimal")
                .with("key", id)
                .hint(format!("set `[keys.{id}] encoding` to \"utf8\" or \"base64\""))
        })?),
    };
    if bytes.is_empty() {
        return Err(Error::refused("the key is empty").with("key", id).hint("store at least 16 random bytes"));
    }
    let key = MaskKey::new(bytes);
    let source = match &settings.secret {
        SecretRef::SecretsManager { .. } => "secretsmanager",
        SecretRef::File(_) => "file",
        SecretRef::Env(_) => "env",
    };
    let used =
        KeyUse { source: source.to_owned(), version: stored.version.clone(), fingerprint: key_fingerprint(&key) };
    Ok((key, used))
}

fn json_member(id: &KeyId, bytes: &[u8], member: &str) -> Result<Zeroizing<Vec<u8>>> {
    let fault = |message: &'static str| {
        Error::failed(message)
            .with("key", id)
            .with("member", &Said(member))
            .hint("check the part after `#` of `secret`")
    };
    let parsed: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|_| fault("the stored secret is not a JSON object"))?;
    let serde_json::Value::Object(mut members) = parsed else {
        return Err(fault("the stored secret is not a JSON object"));
    };
    match members.remove(member) {
        Some(serde_json::Value::String(text)) => Ok(Zeroizing::new(text.into_bytes())),
        Some(_) => Err(fault("the secret's member is not a text")),
        None => Err(fault("the secret has no such member")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn stored(text: &str) -> StoredSecret {
        StoredSecret { bytes: Zeroizing::new(text.as_bytes().to_vec()), version: Some("v1".to_owned()) }
    }

    fn settings(member: Option<&str>, encoding: KeyEncoding) -> KeySettings {
        let secret = SecretRef::SecretsManager { id: "s".to_owned(), member: member.map(str::to_owned) };
        KeySettings { secret, version: None, encoding }
    }

    #[test]
    fn base64_is_the_default_form_and_a_line_end_is_not_part_of_it() {
        let id = KeyId::new("default");
        let (key, used) = decode(&id, &settings(None, KeyEncoding::Base64), &stored("TXlTZWNyZXQ=\n")).unwrap();
        assert_eq!(key.expose(), b"MySecret");
        assert_eq!(used.version.as_deref(), Some("v1"));
    }

    #[test]
    fn utf8_takes_every_byte_as_it_is() {
        let id = KeyId::new("default");
        let (key, _) = decode(&id, &settings(None, KeyEncoding::Utf8), &stored("salt\n")).unwrap();
        assert_eq!(key.expose(), b"salt\n");
    }

    #[test]
    fn a_member_of_a_json_secret_is_taken_and_a_missing_one_is_an_error_without_the_secret() {
        let id = KeyId::new("default");
        let json = r#"{"salt":"TXlTZWNyZXQ=","n":1}"#;
        let (key, _) = decode(&id, &settings(Some("salt"), KeyEncoding::Base64), &stored(json)).unwrap();
        assert_eq!(key.expose(), b"MySecret");
        for member in ["n", "nothing"] {
            let error = decode(&id, &settings(Some(member), KeyEncoding::Base64), &stored(json)).unwrap_err();
            assert!(!error.to_string().contains("TXlT"), "{error}");
        }
        let error = decode(&id, &settings(None, KeyEncoding::Base64), &stored("not base64 !")).unwrap_err();
        assert!(!error.to_string().contains("not base64 !"), "{error}");
    }
}
