//! `hmac_hash`: HMAC-SHA-256 of the value under the key.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, exec_datafusion_err, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature,
    Volatility,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::hash::{Ring, hash_cells};
use crate::info::{Example, FunctionInfo};
use crate::key::KeyRing;
use crate::text::{canonical_text_field, check_count, map_cells, value_argument};

pub(crate) const INFO: FunctionInfo = FunctionInfo {
    name: "hmac_hash",
    keyed: true,
    signature: "hmac_hash(value [, 'key-name'])",
    description: "Lower-case hexadecimal HMAC-SHA-256 of the value's canonical text under the key. Equal values give \
                  equal tokens under one key, so joins keep working; without the key a token tells nothing but \
                  equality. The standard construction for keyed hashes, and the recommended one for a new lake; \
                  `salt_hash` is there for lakes that already hold its tokens.",
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
            sql: "SELECT hmac_hash('alice')",
            result: "0b1807ec182feebb737f3ca52233214f598289629f94ad9148caaa4befc75ff7",
        },
        Example {
            sql: "SELECT hmac_hash('alice', 'join-2026')",
            result: "df4dcbbd6f2f162d00da9f7ab2347faa4761941c93b4903f5d58b1e39b5c3ba1",
        },
        Example {
            sql: "SELECT hmac_hash(DATE '2024-01-31') = hmac_hash('2024-01-31')",
            result: "true",
        },
        Example {
            sql: "SELECT hmac_hash(NULL)",
            result: "NULL",
        },
    ],
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| INFO.documentation());

/// The function, with the keys of its session.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct HmacHash {
    signature: Signature,
    ring: Ring,
}

impl HmacHash {
    pub(crate) fn new(ring: &Arc<KeyRing>) -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
            ring: Ring(Arc::clone(ring)),
        }
    }
}

impl ScalarUDFImpl for HmacHash {
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
        // The key is worked in once per batch. Each value starts from a copy of that state: half the work of a new HMAC.
        let keyed = Hmac::<Sha256>::new_from_slice(key.expose())
            .map_err(|_| exec_datafusion_err!("`{}` cannot use this key", INFO.name))?;
        let digest = |value: &[u8]| {
            keyed
                .clone()
                .chain_update(value)
                .finalize()
                .into_bytes()
                .into()
        };
        map_cells(value_argument(INFO.name, &args)?, |cells| {
            hash_cells(cells, digest)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}
