//! The AWS wing: one file per service. The configuration chain is AWS's own: environment, profiles, SSO, web identity,
//! container and instance credentials. There is no anonymous fallback.

mod credentials;
mod fault;
pub mod identity;
pub mod lakeformation;
pub mod macie;
mod s3;
mod secrets;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OnceCell};

use self::credentials::Bridge;
use self::identity::Identity;
use self::lakeformation::LakeFormation;
use self::macie::Macie;
use crate::engine::connections::{Bucket, Buckets, Secrets, StoredSecret};
use crate::error::Result;
use crate::settings::{AwsSettings, SecretRef};

/// How long one attempt of a small request may take. The SDK itself waits without end for a server that took a request.
const ATTEMPT_LASTS_MAX: Duration = Duration::from_secs(30);

/// AWS, opened lazily.
pub struct Aws {
    settings: AwsSettings,
    io: Handle,
    config: OnceCell<SdkConfig>,
    credentials: OnceCell<Arc<Bridge>>,
    buckets: Mutex<HashMap<String, Bucket>>,
}

impl Aws {
    /// With the settings' overrides; requests run on `io`.
    pub fn new(settings: AwsSettings, io: Handle) -> Self {
        Self {
            settings,
            io,
            config: OnceCell::new(),
            credentials: OnceCell::new(),
            buckets: Mutex::new(HashMap::new()),
        }
    }

    async fn config(&self) -> &SdkConfig {
        self.config.get_or_init(|| load(&self.settings)).await
    }

    /// The chain's credentials.
    ///
    /// # Errors
    /// If there are none.
    async fn credentials(&self) -> Result<Arc<Bridge>> {
        let config = self.config().await;
        self.credentials.get_or_try_init(|| Bridge::open(config)).await.cloned()
    }

    /// The live Macie service.
    pub async fn macie(&self) -> Result<Macie> {
        let config = self.config().await;
        self.credentials().await?;
        let mut builder = aws_sdk_macie2::config::Builder::from(config);
        if let Some(url) = &self.settings.macie_endpoint_url {
            builder = builder.endpoint_url(url);
        }
        Ok(Macie::new(aws_sdk_macie2::Client::from_conf(builder.build())))
    }

    /// The live Lake Formation service. `catalog` is the Data Catalog's id; without one it is that of the caller's
    /// account.
    pub async fn lakeformation(&self, catalog: Option<String>) -> Result<LakeFormation> {
        let identity = self.identity().await?;
        let mut builder = aws_sdk_lakeformation::config::Builder::from(self.config().await).timeout_config(timeouts());
        if let Some(url) = &self.settings.lakeformation_endpoint_url {
            builder = builder.endpoint_url(url);
        }
        Ok(LakeFormation::new(aws_sdk_lakeformation::Client::from_conf(builder.build()), identity, catalog))
    }

    /// STS, which says who the caller is.
    pub async fn identity(&self) -> Result<Identity> {
        let config = self.config().await;
        self.credentials().await?;
        let mut builder = aws_sdk_sts::config::Builder::from(config).timeout_config(timeouts());
        if let Some(url) = &self.settings.sts_endpoint_url {
            builder = builder.endpoint_url(url);
        }
        Ok(Identity::new(aws_sdk_sts::Client::from_conf(builder.build())))
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_LASTS_MAX).build()
}

async fn load(settings: &AwsSettings) -> SdkConfig {
    // One TLS stack for all clients: rustls on ring, as the object store has it.
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    if let Some(region) = &settings.region {
        loader = loader.region(aws_config::Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    loader.load().await
}

#[async_trait]
impl Buckets for Aws {
    async fn bucket(&self, name: &str) -> Result<Bucket> {
        let mut buckets = self.buckets.lock().await;
        if let Some(bucket) = buckets.get(name) {
            return Ok(bucket.clone());
        }
        let bucket = s3::open(name, self.config().await, self.credentials().await?, &self.settings, &self.io)?;
        buckets.insert(name.to_owned(), bucket.clone());
        Ok(bucket)
    }
}

#[async_trait]
impl Secrets for Aws {
    async fn secret(&self, reference: &SecretRef, version: Option<&str>) -> Result<StoredSecret> {
        let config = self.config().await;
        self.credentials().await?;
        let mut builder = aws_sdk_secretsmanager::config::Builder::from(config);
        if let Some(url) = &self.settings.secretsmanager_endpoint_url {
            builder = builder.endpoint_url(url);
        }
        let client = aws_sdk_secretsmanager::Client::from_conf(builder.build());
        secrets::read(&client, reference, version).await
    }
}
