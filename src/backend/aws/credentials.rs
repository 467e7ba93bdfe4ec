//! Credentials of the AWS configuration chain, bridged to the object store.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;

use crate::error::{Error, Result};

/// Credentials are renewed so long before they expire: a request may be repeated for minutes with those it began with.
const RENEWED_BEFORE: Duration = Duration::from_mins(5);

/// The chain's credentials, kept until they are about to expire.
///
/// The chain itself keeps nothing: without this, every read of a file would ask STS, SSO or the instance anew.
pub(super) struct Bridge {
    chain: SharedCredentialsProvider,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    credential: Arc<AwsCredential>,
    expires_at: Option<SystemTime>,
}

impl fmt::Debug for Bridge {
    // The object store's credential would print its secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bridge([redacted])")
    }
}

impl Bridge {
    /// Over the chain of a configuration.
    ///
    /// # Errors
    /// If the chain finds no credentials: a request is never sent unsigned.
    pub(super) async fn open(config: &SdkConfig) -> Result<Arc<Self>> {
        let chain = config.credentials_provider().ok_or_else(missing)?;
        let bridge = Self { chain, kept: Mutex::new(None) };
        bridge.credential(SystemTime::now()).await.map_err(|error| fault(&error))?;
        Ok(Arc::new(bridge))
    }

    async fn credential(&self, now: SystemTime) -> Result<Arc<AwsCredential>, CredentialsError> {
        let mut kept = self.kept.lock().await;
        let lasts = |kept: &Kept, margin: Duration| kept.expires_at.is_none_or(|end| now + margin < end);
        if let Some(kept) = kept.as_ref().filter(|kept| lasts(kept, RENEWED_BEFORE)) {
            return Ok(Arc::clone(&kept.credential));
        }
        let found = match self.chain.provide_credentials().await {
            Ok(found) => found,
            // Those at hand are good for a while yet; the next request tries again.
            Err(error) => match kept.as_ref().filter(|kept| lasts(kept, Duration::ZERO)) {
                Some(kept) => return Ok(Arc::clone(&kept.credential)),
                None => return Err(error),
            },
        };
        let credential = Arc::new(AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        });
        *kept = Some(Kept { credential: Arc::clone(&credential), expires_at: found.expiry() });
        Ok(credential)
    }
}

#[async_trait]
impl CredentialProvider for Bridge {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        self.credential(SystemTime::now())
            .await
            .map_err(|error| object_store::Error::Unauthenticated { path: String::new(), source: Box::new(error) })
    }
}

fn missing() -> Error {
    Error::failed("no AWS credentials were found").hint(
        "sign in (for example `aws sso login`), set AWS_PROFILE or `[aws] profile`, \
         or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    )
}

/// Why the chain gave no credentials. Its own text is not repeated: it may quote a credential process's output.
fn fault(error: &CredentialsError) -> Error {
    match error {
        CredentialsError::CredentialsNotLoaded(_) => missing(),
        CredentialsError::InvalidConfiguration(_) => Error::failed("the AWS configuration cannot be used")
            .hint("check the profile in the AWS configuration files, and `[aws] profile`"),
        _ => Error::failed("AWS credentials could not be obtained")
            .hint("sign in again (for example `aws sso login`), or check `[aws] profile` and the network"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::future;

    use super::*;

    /// Numbers its credentials, each good for an hour; fails from the third on.
    #[derive(Debug)]
    struct Numbered(AtomicU32);

    impl ProvideCredentials for Numbered {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            future::ProvideCredentials::ready(if number < 2 {
                let end = SystemTime::UNIX_EPOCH + Duration::from_hours(1 + u64::from(number));
                Ok(Credentials::new(format!("id-{number}"), "hunter2", None, Some(end), "test"))
            } else {
                Err(CredentialsError::not_loaded("gone"))
            })
        }
    }

    #[tokio::test]
    async fn credentials_are_kept_until_they_are_about_to_expire() {
        let chain = SharedCredentialsProvider::new(Numbered(AtomicU32::new(0)));
        let bridge = Bridge { chain, kept: Mutex::new(None) };
        let at = |minutes: u64| SystemTime::UNIX_EPOCH + Duration::from_mins(minutes);
        for (minutes, wanted) in [(0, "id-0"), (54, "id-0"), (56, "id-1"), (110, "id-1"), (119, "id-1")] {
            assert_eq!(bridge.credential(at(minutes)).await.unwrap().key_id, wanted, "after {minutes} minutes");
        }
        assert!(bridge.credential(at(120)).await.is_err(), "expired credentials were used");
        assert!(!format!("{bridge:?}").contains("hunter2"));
    }
}
