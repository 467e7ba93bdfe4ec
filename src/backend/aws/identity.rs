//! STS: who the caller is, and whom it may act for.

use aws_sdk_sts::Client;

use super::fault::{Service, code};
use crate::error::{Error, Result, Said};
use crate::grant::principal::{Key, granted, same_identity};

const STS: Service = Service {
    unsigned: "no AWS credentials for STS",
    unreachable: "STS cannot be reached",
    denied: "access to STS is denied",
    throttled: "STS throttles its callers",
    rejected: "STS does not accept the AWS credentials",
    missing: "STS does not answer as expected",
    unexpected: "STS does not answer as expected",
    missing_hint: "check `[aws] region` and `[aws.endpoints] sts`",
    denied_hint: "no policy is needed to ask who one is; look for a policy that denies sts:GetCallerIdentity",
    endpoint: "sts",
};

/// The name under which a role's trail shows that somebody asked whether it may be assumed.
const SESSION: &str = "saltlake-check";

/// The shortest session that STS gives.
const SESSION_SECONDS: i32 = 900;

/// The caller, as STS knows it.
#[derive(Clone, Debug)]
pub struct Identity {
    client: Client,
}

/// Who the credentials belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its ARN: a user's, or that of a role's session.
    pub arn: String,
    /// Its account, 12 digits.
    pub account: String,
}

impl Caller {
    /// Whether it acts as a principal: the same ARN, or a session of the role. A session's ARN has no path.
    pub fn is(&self, principal: &str) -> bool {
        same_identity(&self.arn, principal)
    }
}

impl Identity {
    /// Uses a client that was built with the region, credentials and endpoint of the settings.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Whose credentials are in use.
    ///
    /// # Errors
    /// If STS does not say.
    pub async fn caller(&self) -> Result<Caller> {
        let answer = self.client.get_caller_identity().send().await;
        let answer = answer.map_err(|error| STS.fault("GetCallerIdentity", &error))?;
        match (answer.arn, answer.account) {
            (Some(arn), Some(account)) if !arn.is_empty() && !account.is_empty() => Ok(Caller { arn, account }),
            _ => Err(Error::failed("STS does not say who the caller is")
                .with("operation", &Said("GetCallerIdentity"))
                .hint("check `[aws] region` and `[aws.endpoints] sts`")),
        }
    }

    /// The ARN of the caller.
    ///
    /// # Errors
    /// If STS does not say.
    pub async fn caller_arn(&self) -> Result<String> {
        Ok(self.caller().await?.arn)
    }

    /// Whether the caller may act for a role, found out by assuming it for the shortest time. The credentials that this
    /// gives are thrown away.
    ///
    /// # Errors
    /// If the principal is no role, or STS says neither yes nor no.
    pub async fn may_assume(&self, principal: &str) -> Result<bool> {
        if !matches!(granted(principal), Key::Role(..)) {
            return Err(Error::usage("only an IAM role can be assumed")
                .with("principal", &Said(principal))
                .hint("name a role: `arn:aws:iam::ACCOUNT:role/NAME`"));
        }
        let call = self.client.assume_role().role_arn(principal).role_session_name(SESSION);
        match call.duration_seconds(SESSION_SECONDS).send().await {
            Ok(answer) if answer.credentials.is_some() => Ok(true),
            Ok(_) => Err(Error::failed("STS gave no session and no reason")
                .with("principal", &Said(principal))
                .hint("check `[aws.endpoints] sts`")),
            Err(error) if code(&error).is_some_and(|code| code.starts_with("AccessDenied")) => Ok(false),
            Err(error) => Err(STS.fault("AssumeRole", &error).with("principal", &Said(principal))),
        }
    }
}
