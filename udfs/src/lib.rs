//! Keyed masking functions for Apache `DataFusion`.
//!
//! In: a column or a literal, and the keys of a session. Out: a column that shows nothing personal. Knows Arrow and
//! keys; nothing of tables, plans or clouds.
//!
//! | Function | Gives | Equal values stay equal |
//! |---|---|---|
//! | `salt_hash(value [, 'key-name'])` | hexadecimal SHA-256(canonical text ‖ key) | yes: joins work |
//! | `hmac_hash(value [, 'key-name'])` | hexadecimal HMAC-SHA-256(key, canonical text) | yes: joins work |
//! | `mask_redact(value [, 'text'])` | one text for all, `##################` | all are equal |
//! | `mask_partial(value, first, last)` | both ends, never more than half, around `****` | yes, and others too |
//! | `mask_email(value)` | first character and domain, or `***` | yes, and others too |
//! | `mask_null(value)` | NULL of the same type | all are NULL |
//!
//! [`catalogue`] tells the whole contract of each, with examples.
//!
//! ```
//! use std::sync::Arc;
//!
//! use datafusion::prelude::SessionContext;
//! use saltlake_udfs::{KeyId, KeyRing, MaskKey, register_all};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let ring = Arc::new(KeyRing::default());
//! ring.insert(KeyId::new("default"), MaskKey::new(b"MySecret".to_vec().into()));
//! let mut context = SessionContext::new();
//! register_all(&mut context, &ring)?;
//!
//! let masked = context.sql("SELECT salt_hash('alice') AS username").await?.collect().await?;
//! let printed = datafusion::arrow::util::pretty::pretty_format_batches(&masked)?.to_string();
//! // printf %s aliceMySecret | sha256sum
//! assert!(printed.contains("6c166b02236decbfe8995ea84788d4647055d1f2a3eaba7bd6838f147a9dc243"));
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # What holds for all
//!
//! - NULL stays NULL; the empty text is masked like any other.
//! - A literal and a column give the same, and so does every encoding of a text: `Utf8`, `LargeUtf8`, `Utf8View`,
//!   dictionaries of them with any key type.
//! - A dictionary is masked once per distinct value that the batch uses, and stays a dictionary.
//! - Texts are taken byte for byte. No trimming, no folding of case, no Unicode normalisation: `Alice` and `alice` are
//!   different people until somebody lowers both.
//! - No value makes a function panic or fail. Calls that make no sense are refused at planning; an error names types,
//!   key names and counts, never a value.
//! - Keys are named, never written: an argument of a call ends in column names, plans and logs.
//!
//! # Canonical text
//!
//! Values that mean the same give the same token, whatever the types of their columns. So every value has one text,
//! and the functions see only that text, as UTF-8. It is frozen: a change would break joins against tables masked
//! before.
//!
//! | Type | Canonical text | Example |
//! |---|---|---|
//! | text, every encoding | itself | `alice` |
//! | integers of every width, signed or not | decimal digits | `5`, `-17` |
//! | decimals of every width and scale | no exponent; no trailing zeros in the fraction | 5.00 is `5`, 0.50 is `0.5` |
//! | floats | the fewest digits that read back as the same number of that width; no exponent | `0.1`, 1e21 is `1000000000000000000000` |
//! | | whole numbers as integers, zero without a sign | 5.0 is `5`, -0.0 is `0` |
//! | | no numbers | `NaN`, `Infinity`, `-Infinity` |
//! | boolean | | `true`, `false` |
//! | date | ISO 8601 | `2024-01-31` |
//! | timestamp, of every unit | ISO 8601, a fraction only if there is one, without trailing zeros | `2024-01-31T10:20:30.5` |
//! | timestamp with a time zone | the same in UTC, and `Z` | `2024-01-31T09:20:30Z` |
//! | time of day, of every unit | | `10:20:30.25` |
//! | binary of every kind | its bytes, so UTF-8 agrees with the text that it spells | `X'616c696365'` is `alice` |
//! | dictionary | as its values | |
//! | lists, structs, maps, unions, run-end encoding, intervals, durations | none: refused at planning, use `mask_null` | |
//!
//! At the edges: years outside 0 to 9999 have a sign, as ISO 8601 has it (`+10000-01-01`, `-0001-12-31`), over the
//! whole range of the integer behind a column. A `Date64` that is not a whole day, which Arrow does not allow but files
//! hold, is written as a timestamp. A time of day below zero or beyond 24 hours keeps its sign and counts its hours on.
//! A 16-bit float is written as the 32-bit float of the same value. A date and a timestamp at midnight are different
//! values.
//!
//! # Which hash
//!
//! `salt_hash` is SHA-256(canonical text ‖ key), the key appended to the end of the original data, as existing lakes on
//! AWS hold it and every SQL engine can compute it. It is the default because tokens must agree with those that exist.
//!
//! `hmac_hash` is HMAC-SHA-256(key, canonical text), and better for a lake that starts anew:
//!
//! - With the key as a suffix, everything hangs on SHA-256 resisting collisions, which can be searched for without the
//!   key: two values that collide before the key is appended collide under every key. Nothing marks where the value
//!   ends, either: value `ab` under key `c` and value `a` under key `bc` give one token. With the key as a prefix, a
//!   token could be extended to that of a longer value. HMAC has neither weakness, and its proof as a pseudorandom
//!   function needs no collision resistance.
//! - It is the standard construction (RFC 2104, FIPS 198-1), so auditors know it and every platform has it.
//! - It costs one block of SHA-256 more for a short value: two instead of one.
//!
//! Neither hides a value from somebody who holds the key: card numbers, birth dates and names can be tried one after
//! another. The key is what the masking rests on. Keep it where readers of the masked lake cannot get it, use 16 bytes
//! or more from a random source, and do not offer these functions to those readers either, since a function that
//! computes tokens is as good as the key for trying values.

mod calendar;
mod canonical;
mod hash;
mod hmac_hash;
mod info;
mod key;
mod mask_email;
mod mask_null;
mod mask_partial;
mod mask_redact;
mod salt_hash;
mod shape;
mod text;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::ScalarUDF;

pub use info::{EXAMPLE_KEYS, Example, FunctionInfo};
pub use key::{KeyId, KeyRing, MaskKey, key_fingerprint};
pub use shape::unmasked_cells;

/// Every function, in the order of the reference.
static CATALOGUE: [FunctionInfo; 6] =
    [salt_hash::INFO, hmac_hash::INFO, mask_redact::INFO, mask_partial::INFO, mask_email::INFO, mask_null::INFO];

/// Every function's contract, in the order of the reference.
pub fn catalogue() -> &'static [FunctionInfo] {
    &CATALOGUE
}

/// The contract of one function. Names are lower case, as SQL has them.
pub fn function_info(name: &str) -> Option<&'static FunctionInfo> {
    catalogue().iter().find(|info| info.name == name)
}

/// Whether the output of a function depends on a key.
pub fn keyed(name: &str) -> bool {
    function_info(name).is_some_and(|info| info.keyed)
}

/// Every function, with the keys of one session.
pub fn all_functions(ring: &Arc<KeyRing>) -> Vec<Arc<ScalarUDF>> {
    let functions = [
        ScalarUDF::new_from_impl(salt_hash::SaltHash::new(ring)),
        ScalarUDF::new_from_impl(hmac_hash::HmacHash::new(ring)),
        ScalarUDF::new_from_impl(mask_redact::MaskRedact::new()),
        ScalarUDF::new_from_impl(mask_partial::MaskPartial::new()),
        ScalarUDF::new_from_impl(mask_email::MaskEmail::new()),
        ScalarUDF::new_from_impl(mask_null::MaskNull::new()),
    ];
    functions.into_iter().map(Arc::new).collect()
}

/// Registers every function under its name.
///
/// # Errors
/// If the registry takes no functions.
pub fn register_all(registry: &mut dyn FunctionRegistry, ring: &Arc<KeyRing>) -> Result<()> {
    for function in all_functions(ring) {
        registry.register_udf(function)?;
    }
    Ok(())
}
