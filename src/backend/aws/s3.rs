//! S3 through the object store crate.

use std::sync::Arc;

use aws_config::SdkConfig;
use object_store::aws::AmazonS3Builder;
use object_store::client::SpawnedReqwestConnector;
use tokio::runtime::Handle;

use super::credentials::Bridge;
use crate::engine::connections::Bucket;
use crate::error::{Error, Result, Said};
use crate::settings::AwsSettings;

/// Opens a bucket. Requests are signed with the chain's credentials and run on `io`.
pub(super) fn open(
    name: &str,
    config: &SdkConfig,
    credentials: Arc<Bridge>,
    settings: &AwsSettings,
    io: &Handle,
) -> Result<Bucket> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_credentials(credentials)
        .with_http_connector(SpawnedReqwestConnector::new(io.clone()));
    let region = config.region().map(ToString::to_string);
    let endpoint = settings.s3_endpoint_url.as_ref().or(settings.endpoint_url.as_ref());
    builder = match (region, endpoint) {
        (Some(region), _) => builder.with_region(region),
        (None, Some(_)) => builder.with_region("us-east-1"),
        (None, None) => {
            return Err(Error::usage("no AWS region is set")
                .with("bucket", &Said(name))
                .hint("set AWS_REGION, `[aws] region` or the profile's region"));
        }
    };
    if let Some(url) = endpoint {
        builder = builder.with_endpoint(url).with_allow_http(url.starts_with("http://"));
    }
    let store = builder.build().map_err(|_| {
        Error::usage("the bucket cannot be opened").with("bucket", &Said(name)).hint("check its name and the endpoint")
    })?;
    let store = Arc::new(store);
    Ok(Bucket { objects: Arc::clone(&store) as _, multipart: Some(store) })
}
