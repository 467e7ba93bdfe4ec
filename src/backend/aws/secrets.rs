//! Keys from AWS Secrets Manager.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use zeroize::Zeroizing;

use crate::engine::connections::StoredSecret;
use crate::error::{Error, Result, Said};
use crate::settings::SecretRef;

/// Reads a secret's current version, or the pinned one. Bytes are taken as they are stored, never trimmed.
pub(super) async fn read(client: &Client, reference: &SecretRef, version: Option<&str>) -> Result<StoredSecret> {
    let SecretRef::SecretsManager { id, .. } = reference else {
        return Err(Error::usage("not a Secrets Manager secret"));
    };
    let request = client.get_secret_value().secret_id(id).set_version_id(version.map(str::to_owned));
    let found = request.send().await.map_err(|error| fault(id, version, &error))?;
    let bytes = match (found.secret_string(), found.secret_binary()) {
        (Some(text), _) => Zeroizing::new(text.as_bytes().to_vec()),
        (None, Some(blob)) => Zeroizing::new(blob.as_ref().to_vec()),
        (None, None) => return Err(Error::failed("the secret has no value").with("secret", &Said(id))),
    };
    Ok(StoredSecret { bytes, version: found.version_id().map(str::to_owned) })
}

fn fault<E: ProvideErrorMetadata, R>(id: &str, version: Option<&str>, error: &SdkError<E, R>) -> Error {
    let said = |message: &'static str| {
        let said = Error::failed(message).with("secret", &Said(id));
        match version {
            Some(version) => said.with("version", &Said(version)),
            None => said,
        }
    };
    match error.code() {
        Some("ResourceNotFoundException") => said("Secrets Manager has no such secret or version")
            .hint("check the name, the region and the pinned `version` in `[keys]`"),
        Some("InvalidRequestException") => said("the secret is scheduled for deletion or not usable")
            .hint("restore it, or point `[keys]` to another secret"),
        Some("AccessDeniedException" | "DecryptionFailure") => said("the secret may not be read")
            .hint("the caller needs secretsmanager:GetSecretValue, and kms:Decrypt for the secret's key"),
        Some(
            "ExpiredTokenException"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "InvalidClientTokenId",
        ) => said("Secrets Manager does not accept the AWS credentials")
            .hint("sign in again (for example `aws sso login`), or check AWS_PROFILE and `[aws] profile`"),
        Some(code) => said("Secrets Manager did not give the secret out").with("code", &Said(code)),
        None => said("Secrets Manager cannot be reached").hint("check the network, the region and the endpoint"),
    }
}
