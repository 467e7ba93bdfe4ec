//! This machine alone: keys from files and environment variables, and files of grants.

pub mod grants;

use std::path::Path;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::engine::connections::{Secrets, StoredSecret};
use crate::error::{Error, Result, Said};
use crate::settings::{SecretRef, environment_value};

/// Reads `file:` and `env:` secrets. They have no versions of their own.
#[derive(Clone, Copy, Debug)]
pub struct LocalSecrets;

#[async_trait]
impl Secrets for LocalSecrets {
    async fn secret(&self, reference: &SecretRef, version: Option<&str>) -> Result<StoredSecret> {
        if version.is_some() {
            return Err(Error::usage("only Secrets Manager keys have versions")
                .hint("remove `version` from the key's settings"));
        }
        let bytes = match reference {
            SecretRef::File(path) => read_file(path)?,
            SecretRef::Env(name) => {
                let value = environment_value(name).ok_or_else(|| {
                    Error::failed("the environment variable that holds the key is not set")
                        .with("variable", &Said(name))
                        .hint("export it, or change `secret` in `[keys]`")
                })?;
                Zeroizing::new(value.as_bytes().to_vec())
            }
            SecretRef::SecretsManager { id, .. } => {
                return Err(Error::failed("not a local secret").with("secret", &Said(id)));
            }
        };
        Ok(StoredSecret { bytes, version: None })
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    std::fs::read(path).map(Zeroizing::new).map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => "not found",
            std::io::ErrorKind::PermissionDenied => "permission denied",
            _ => "cannot be read",
        };
        Error::failed("the key file cannot be read")
            .with("file", &path.display())
            .with("reason", &Said(reason))
            .hint("check `secret` in `[keys]`; relative paths start at the settings file")
    })
}
