//! `salt_hash`: SHA-256 of the value followed by the key.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature,
    Volatility,
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::hash::{DIGEST_BYTES, Ring, hash_cells};
use crate::info::{Example, FunctionInfo};
use crate::key::KeyRing;
use crate::text::{canonical_text_field, check_count, map_cells, value_argument};

pub(crate) const INFO: FunctionInfo = FunctionInfo {
    name: "salt_hash",
    keyed: true,
    signature: "salt_hash(value [, 'key-name'])",
    description: "Lower-case hexadecimal SHA-256 of the value's canonical text followed by the key's bytes. Equal \
                  values give equal tokens under one key, so joins keep working; without the key a token tells \
                  nothing but equality. Every tool that can compute SHA-256 computes the same. For a new lake, \
                  `hmac_hash` is the sounder construction.",
    arguments: &[
        (
            "value",
            "What to mask: text, a number, a boolean, a date, a time, a timestamp or binary.",
        ),
        (
            "'key-name'",
            "The name of the key in the settings, as a literal. `default` if absent.",
        ),
    ],
    output: "text of 64 characters; a dictionary for a dictionary. NULL for NULL; the empty string is hashed.",
    examples: &[
        Example {
            sql: "SELECT salt_hash('alice')",
            result: "6c166b02236decbfe8995ea84788d4647055d1f2a3eaba7bd6838f147a9dc243",
        },
        Example {
            sql: "SELECT salt_hash('alice', 'join-2026')",
            result: "adc8b22a4e013b610331173cc2e9ff430d46c2e5ed5def964c995026138f384e",
        },
        Example {
            sql: "SELECT salt_hash(5) = salt_hash('5') AND salt_hash(5) = salt_hash(CAST(5 AS DECIMAL(9, 2)))",
            result: "true",
        },
        Example {
            sql: "SELECT salt_hash(NULL)",
            result: "NULL",
        },
    ],
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| INFO.documentation());

/// The function, with the keys of its session.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct SaltHash {
    signature: Signature,
    ring: Ring,
}

impl SaltHash {
    pub(crate) fn new(ring: &Arc<KeyRing>) -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
            ring: Ring(Arc::clone(ring)),
        }
    }
}

impl ScalarUDFImpl for SaltHash {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.to_vec()) // as they are: a cast to text would print another text than the canonical one
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        internal_err!("`{}` decides its type in return_field_from_args", INFO.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        check_count(INFO.name, &args, 1, 2)?;
        self.ring.check(INFO.name, &args)?;
        canonical_text_field(INFO.name, &args)
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let key = self.ring.key_for(INFO.name, &args)?;
        let mut salted = Salted::new(key.expose());
        map_cells(value_argument(INFO.name, &args)?, |cells| {
            hash_cells(cells, |value| salted.digest(value))
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// Most values and their key fit here. Fifty-five bytes of them are one block of SHA-256.
const MESSAGE_BYTES: usize = 183; // three blocks, less the nine bytes of padding

/// Joins value and key on the stack, which saves the hasher's own buffering; wiped in the end, since it holds the key.
struct Salted<'key> {
    key: &'key [u8],
    message: Zeroizing<[u8; MESSAGE_BYTES]>,
}

impl<'key> Salted<'key> {
    fn new(key: &'key [u8]) -> Self {
        Self {
            key,
            message: Zeroizing::new([0; MESSAGE_BYTES]),
        }
    }

    fn digest(&mut self, value: &[u8]) -> [u8; DIGEST_BYTES] {
        match self
            .message
            .get_mut(..value.len().saturating_add(self.key.len()))
        {
            Some(message) => {
                let (head, tail) = message.split_at_mut(value.len());
                head.copy_from_slice(value);
                tail.copy_from_slice(self.key);
                Sha256::digest(message).into()
            }
            None => Sha256::new()
                .chain_update(value)
                .chain_update(self.key)
                .finalize()
                .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::{MESSAGE_BYTES, Salted};

    #[test]
    fn short_and_long_messages_are_hashed_alike() {
        let key = b"MySecret";
        for length in [
            0,
            1,
            47,
            48,
            55,
            56,
            64,
            MESSAGE_BYTES - 8,
            MESSAGE_BYTES - 7,
            1_000,
        ] {
            let value = vec![b'v'; length];
            let expected: [u8; 32] = Sha256::digest([value.as_slice(), key].concat()).into();
            assert_eq!(Salted::new(key).digest(&value), expected, "{length} bytes");
        }
    }
}
