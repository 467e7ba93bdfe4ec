//! What `salt_hash` and `hmac_hash` share: keys by name, and columns of hexadecimal digests.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, StringArray};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{ReturnFieldArgs, ScalarFunctionArgs};

use crate::canonical::visit_cells;
use crate::key::{KeyId, KeyRing, MaskKey};
use crate::text::{batch_too_large, literal_text, scalar_argument, text_column, text_of};

/// Bytes of a SHA-256 digest.
pub(crate) const DIGEST_BYTES: usize = 32;
/// Characters of a token: two for each byte of the digest.
pub(crate) const TOKEN_BYTES: usize = 2 * DIGEST_BYTES;

/// A key ring as plans compare it: by identity, never by the bytes of its keys. Two sessions' functions are then
/// different functions, and a plan cannot mix them up.
#[derive(Clone, Debug)]
pub(crate) struct Ring(pub(crate) Arc<KeyRing>);

impl PartialEq for Ring {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Ring {}

impl Hash for Ring {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl Ring {
    /// Checks at planning that the key which a call names exists.
    pub(crate) fn check(&self, function: &str, args: &ReturnFieldArgs) -> Result<()> {
        let name = literal_text(function, "key name", args, 1)?.unwrap_or(KeyId::DEFAULT);
        self.find(function, name).map(|_| ())
    }

    /// The key that a call names.
    pub(crate) fn key_for(
        &self,
        function: &str,
        args: &ScalarFunctionArgs,
    ) -> Result<Arc<MaskKey>> {
        let name = match scalar_argument(function, args, 1)? {
            Some(scalar) => text_of(function, "key name", scalar)?,
            None => KeyId::DEFAULT,
        };
        self.find(function, name)
    }

    fn find(&self, function: &str, name: &str) -> Result<Arc<MaskKey>> {
        match self.0.get(name) {
            Some(key) if key.expose().is_empty() => {
                plan_err!(
                    "`{function}` needs key `{}`, which is empty; give it a secret in the settings",
                    said(name)
                )
            }
            Some(key) => Ok(key),
            None => {
                let (name, table) = (said(name), settings_table(name));
                plan_err!(
                    "`{function}` needs key `{name}`, which the settings do not have; \
                     add `{table}` with its `secret`, or name another key"
                )
            }
        }
    }
}

/// A name on one line.
fn said(name: &str) -> String {
    name.escape_debug().collect()
}

/// The settings' heading for a key, quoted where TOML asks for it.
fn settings_table(name: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !name.is_empty() && name.chars().all(is_bare) {
        format!("[keys.{name}]")
    } else {
        format!("[keys.\"{}\"]", said(name))
    }
}

/// The column of tokens: the digest of each cell in lower-case hexadecimal, written straight into one buffer.
pub(crate) fn hash_cells(
    array: &dyn Array,
    mut digest: impl FnMut(&[u8]) -> [u8; DIGEST_BYTES],
) -> Result<StringArray> {
    let nulls = array.logical_nulls();
    let token_count = array.len()
        - nulls
            .as_ref()
            .map_or(0, arrow::buffer::NullBuffer::null_count);
    if token_count > i32::MAX as usize / TOKEN_BYTES {
        return Err(batch_too_large());
    }
    let mut bytes = vec![0_u8; token_count * TOKEN_BYTES];
    let mut tokens = bytes.as_chunks_mut::<TOKEN_BYTES>().0.iter_mut();
    visit_cells(array, |cell| {
        if let Some(value) = cell
            && let Some(token) = tokens.next()
        {
            write_hexadecimal(&digest(value), token);
        }
    })?;
    let mut end = 0;
    let ends = (0..array.len()).map(|row| {
        if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
            end += TOKEN_BYTES;
        }
        end
    });
    text_column(bytes, ends, nulls.clone())
}

fn write_hexadecimal(digest: &[u8; DIGEST_BYTES], token: &mut [u8; TOKEN_BYTES]) {
    // Fails only if the lengths disagree, and the types say that they agree.
    let _ = const_hex::encode_to_slice(digest, token);
}
