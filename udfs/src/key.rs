//! Keys: named, unprintable, wiped on drop.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
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

    /// A ring that holds these of the keys alone, as far as they are here.
    #[must_use]
    pub fn only<'a>(&self, ids: impl IntoIterator<Item = &'a KeyId>) -> Self {
        let ring = Self::default();
        if let Ok(mut keys) = ring.keys.write() {
            keys.extend(ids.into_iter().filter_map(|id| Some((id.clone(), self.get(id.as_str())?))));
        }
        ring
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

/// Tells keys apart without telling anything of them: the first 16 hexadecimal characters of an HMAC-SHA-256 under the
/// key. Receipts keep it, so that a changed key is noticed before it breaks joins.
pub fn key_fingerprint(key: &MaskKey) -> String {
    // HMAC takes keys of every length; were it to refuse one, an empty fingerprint equals no other key's.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose()) else {
        return String::new();
    };
    mac.update(b"saltlake key fingerprint v1");
    let mut text = const_hex::encode(mac.finalize().into_bytes());
    text.truncate(16);
    text
}

#[cfg(test)]
mod tests {
    use super::{KeyId, KeyRing, MaskKey, key_fingerprint};

    fn key(bytes: &[u8]) -> MaskKey {
        MaskKey::new(bytes.to_vec().into())
    }

    #[test]
    fn a_fingerprint_is_what_any_other_tool_computes() {
        // python3: hmac.new(b"MySecret", b"saltlake key fingerprint v1", "sha256").hexdigest()[:16]
        assert_eq!(key_fingerprint(&key(b"MySecret")), "7e4e54903354dadd");
        assert_ne!(key_fingerprint(&key(b"MySecret")), key_fingerprint(&key(b"MySecret2")));
    }

    #[test]
    fn a_ring_gives_the_key_of_a_name() {
        let ring = KeyRing::default();
        ring.insert(KeyId::new("a"), key(b"first"));
        ring.insert(KeyId::new("a"), key(b"second"));
        assert_eq!(ring.get("a").map(|key| key.expose().to_vec()), Some(b"second".to_vec()));
        assert!(ring.get("b").is_none());
    }

    #[test]
    fn debug_output_never_holds_a_key() {
        let ring = KeyRing::default();
        ring.insert(KeyId::new("a"), key(b"MySecret"));
        let printed = format!("{ring:?} {:?}", key(b"MySecret"));
        assert!(!printed.contains("MySecret") && !printed.contains("77, 121"), "{printed}");
    }
}
