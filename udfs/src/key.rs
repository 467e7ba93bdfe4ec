//! Keys: named, unprintable, wiped on drop.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use zeroize::Zeroizing;

/// The name of a key. Names are public; SQL, receipts and errors say them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// The key that SQL does not name.
    pub const DEFAULT: &'static str = "default";

    /// Names a key.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The bytes of a key. Wiped on drop, printed never, read only by [`MaskKey::expose`].
pub struct MaskKey(Zeroizing<Vec<u8>>);

impl MaskKey {
    /// Takes the bytes over.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The one way to the bytes: grep for this word to review every use.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKey([redacted])")
    }
}

/// The keys of one session, by name. Shared by all of its functions; filled before a statement is planned.
#[derive(Default)]
pub struct KeyRing {
    keys: RwLock<BTreeMap<KeyId, Arc<MaskKey>>>,
}

impl KeyRing {
    /// Adds or replaces a key.
    pub fn insert(&self, id: KeyId, key: MaskKey) {
        if let Ok(mut keys) = self.keys.write() {
            keys.insert(id, Arc::new(key));
        }
    }

    /// Finds a key.
    pub fn get(&self, id: &str) -> Option<Arc<MaskKey>> {
        let keys = self.keys.read().ok()?;
        keys.get(&KeyId::new(id)).cloned()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing([redacted])")
    }
}
