//! Keyed masking functions for Apache `DataFusion`.

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
static CATALOGUE: [FunctionInfo; 6] = [
    salt_hash::INFO,
    hmac_hash::INFO,
    mask_redact::INFO,
    mask_partial::INFO,
    mask_email::INFO,
    mask_null::INFO,
];

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
