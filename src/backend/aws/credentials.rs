//! Credentials of the AWS configuration chain, bridged to the object store.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;

use crate::error::{Error, Result};

/// Asks the object store's requests to be signed with the chain's credentials. The chain caches and renews them.
#[derive(Debug)]
pub(super) struct Bridge(pub(super) SharedCredentialsProvider);

#[async_trait]
impl CredentialProvider for Bridge {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let found = self
            .0
            .provide_credentials()
            .await
            .map_err(|error| object_store::Error::Unauthenticated { path: String::new(), source: Box::new(error) })?;
        Ok(Arc::new(AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        }))
    }
}

/// The chain's credentials.
///
/// # Errors
/// If the chain finds none: a request is never sent unsigned.
pub(super) async fn require(config: &SdkConfig) -> Result<SharedCredentialsProvider> {
    let missing = || {
        Error::failed("no AWS credentials were found").hint(
            "sign in (for example `aws sso login`), set AWS_PROFILE or `[aws] profile`, \
             or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    };
    let provider = config.credentials_provider().ok_or_else(missing)?;
    provider.provide_credentials().await.map_err(|_| missing())?;
    Ok(provider)
}
