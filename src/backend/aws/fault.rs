//! What a service answers instead of an answer, in our words. The SDK's own text is never repeated: it may quote a
//! request, or the body of a page that is no answer at all.

use std::error::Error as _;

use aws_credential_types::provider::error::CredentialsError;
// The same types for every service.
use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

use crate::error::{Error, Said};

/// No code of AWS is longer. What is longer is a text, and a text may quote something.
const CODE_BYTES_MAX: usize = 64;

/// What is said about one service.
pub(super) struct Service {
    /// It finds no credentials.
    pub(super) unsigned: &'static str,
    /// It does not answer, or not in time.
    pub(super) unreachable: &'static str,
    /// It says no.
    pub(super) denied: &'static str,
    /// It says: not so fast.
    pub(super) throttled: &'static str,
    /// It does not take the credentials.
    pub(super) rejected: &'static str,
    /// It knows nothing of what the request names.
    pub(super) missing: &'static str,
    /// Anything else.
    pub(super) unexpected: &'static str,
    /// Where to look when something is missing.
    pub(super) missing_hint: &'static str,
    /// What to allow.
    pub(super) denied_hint: &'static str,
    /// The last part of its endpoint's setting.
    pub(super) endpoint: &'static str,
}

/// The service's code for an error, if it is one.
pub(super) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    let is_code = |code: &&str| {
        !code.is_empty()
            && code.len() <= CODE_BYTES_MAX
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
    };
    error.code().filter(is_code)
}

impl Service {
    /// Says what failed and what to do.
    pub(super) fn fault<E>(&self, operation: &'static str, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let code = code(error);
        let (message, hint) = self.meaning(error, code.unwrap_or_default());
        let mut told = Error::failed(message).with("operation", &Said(operation));
        if let Some(code) = code {
            told = told.with("code", &Said(code));
        }
        if let Some(response) = error.raw_response() {
            told = told.with("HTTP status", &u64::from(response.status().as_u16()));
        }
        told.hint(hint)
    }

    fn meaning<E>(&self, error: &SdkError<E, HttpResponse>, code: &str) -> (&'static str, String)
    where
        E: std::error::Error + 'static,
    {
        const REJECTED: [&str; 6] = [
            "ExpiredToken",
            "UnrecognizedClient",
            "InvalidSignature",
            "SignatureDoesNotMatch",
            "InvalidClientToken",
            "InvalidAccessKey",
        ];
        match error {
            _ if lacks_credentials(error) => (
                self.unsigned,
                "log in (`aws sso login`), set AWS_PROFILE, or set `[aws] profile`; \
                 `aws sts get-caller-identity` tells who you are"
                    .to_owned(),
            ),
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => {
                (self.unreachable, format!("check the network, `[aws] region` and `[aws.endpoints] {}`", self.endpoint))
            }
            _ if code.contains("AccessDenied") => (self.denied, self.denied_hint.to_owned()),
            _ if code.contains("EntityNotFound") => (self.missing, self.missing_hint.to_owned()),
            _ if code.contains("Throttl") || code.contains("TooManyRequests") => {
                (self.throttled, "run it again later: the call was repeated and stayed refused".to_owned())
            }
            _ if REJECTED.iter().any(|known| code.contains(known)) => {
                (self.rejected, "log in again (`aws sso login`) or check `[aws] profile`".to_owned())
            }
            _ => (
                self.unexpected,
                format!("run it again, or check `[aws] region` and `[aws.endpoints] {}`", self.endpoint),
            ),
        }
    }
}

fn lacks_credentials<E: std::error::Error + 'static>(error: &SdkError<E, HttpResponse>) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<CredentialsError>() {
            return true;
        }
        source = cause.source();
    }
    false
}
