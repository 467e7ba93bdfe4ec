//! Keyed masking functions for Apache DataFusion.

mod key;

pub use key::{KeyId, KeyRing, MaskKey};
