//! The doors to the outside that a wing of `backend` fills in: buckets and secrets.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::ObjectStore;
use object_store::multipart::MultipartStore;
use zeroize::Zeroizing;

use crate::error::Result;
use crate::settings::SecretRef;

/// An object store, and its multipart interface where it has one.
#[derive(Clone)]
pub struct Bucket {
    /// Reads, lists, writes whole objects.
    pub objects: Arc<dyn ObjectStore>,
    /// Writes large objects in parts whose upload has an id. Absent for folders.
    pub multipart: Option<Arc<dyn MultipartStore>>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.objects)
    }
}

/// A secret as it is stored, before any decoding. Wiped on drop.
pub struct StoredSecret {
    /// The stored bytes.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The store's own version id, where it has one.
    pub version: Option<String>,
}

impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredSecret([redacted], version {:?})", self.version)
    }
}

/// Opens buckets.
///
/// # Errors
/// [`crate::error::ErrorKind::Failed`] if no credentials are found: there is no anonymous fallback.
#[async_trait]
pub trait Buckets: Send + Sync {
    /// The store of a bucket.
    async fn bucket(&self, name: &str) -> Result<Bucket>;
}

/// Reads secrets.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Reads one secret, in a pinned version if one is named.
    async fn secret(&self, reference: &SecretRef, version: Option<&str>) -> Result<StoredSecret>;
}
