//! The services behind the stages' traits, in two wings: AWS, and this machine alone.

pub mod aws;
pub mod local;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Handle;

use self::aws::Aws;
use self::local::LocalSecrets;
use crate::engine::connections::{Bucket, Buckets, Secrets, StoredSecret};
use crate::error::Result;
use crate::settings::{SecretRef, Settings};

/// Both wings. AWS is not contacted, nor its configuration read, before something asks for it.
pub struct Backend {
    aws: Arc<Aws>,
    local: LocalSecrets,
}

impl Backend {
    /// With the settings' overrides; requests run on `io`.
    pub fn new(settings: &Settings, io: Handle) -> Self {
        Self { aws: Arc::new(Aws::new(settings.aws.clone(), io)), local: LocalSecrets }
    }

    /// The live Macie service.
    pub async fn macie(&self) -> Result<aws::macie::Macie> {
        self.aws.macie().await
    }

    /// The live Lake Formation service. `catalog` is the Data Catalog's id; without one it is that of the caller's
    /// account.
    pub async fn lakeformation(&self, catalog: Option<String>) -> Result<aws::lakeformation::LakeFormation> {
        self.aws.lakeformation(catalog).await
    }

    /// Who the caller is in AWS.
    pub async fn identity(&self) -> Result<aws::identity::Identity> {
        self.aws.identity().await
    }
}

#[async_trait]
impl Buckets for Backend {
    async fn bucket(&self, name: &str) -> Result<Bucket> {
        self.aws.bucket(name).await
    }
}

#[async_trait]
impl Secrets for Backend {
    async fn secret(&self, reference: &SecretRef, version: Option<&str>) -> Result<StoredSecret> {
        match reference {
            SecretRef::SecretsManager { .. } => self.aws.secret(reference, version).await,
            SecretRef::File(_) | SecretRef::Env(_) => self.local.secret(reference, version).await,
        }
    }
}
