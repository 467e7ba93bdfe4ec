//! STS: who the caller is, and whom it may act for.

use aws_sdk_sts::Client;

use super::fault::{Service, code};
use crate::error::{Error, Result, Said};

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
        self.arn == principal || session_of(&self.arn).is_some_and(|of| role(principal) == Some(of))
    }
}

/// Partition, account and name of the role that a session belongs to.
fn session_of(arn: &str) -> Option<(&str, &str, &str)> {
    let (partition, account, resource) = parts(arn, "sts")?;
    let (name, _) = resource.strip_prefix("assumed-role/")?.split_once('/')?;
    Some((partition, account, name))
}

/// Partition, account and name of a role.
fn role(arn: &str) -> Option<(&str, &str, &str)> {
    let (partition, account, resource) = parts(arn, "iam")?;
    let name = resource.strip_prefix("role/")?.rsplit('/').next()?;
    Some((partition, account, name)).filter(|(_, _, name)| !name.is_empty())
}

/// Partition, account and resource of an ARN of a service that has no regions.
fn parts<'a>(arn: &'a str, service: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(':')?;
    let (account, resource) = rest.strip_prefix(service)?.strip_prefix("::")?.split_once(':')?;
    Some((partition, account, resource))
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
        if role(principal).is_none() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_its_role_wherever_the_role_has_a_path() {
        let caller = |arn: &str| Caller { arn: arn.to_owned(), account: "111122223333".to_owned() };
        let session = caller("arn:aws:sts::111122223333:assumed-role/analyst/me@example.com");
        for role in ["arn:aws:iam::111122223333:role/analyst", "arn:aws:iam::111122223333:role/a/b/analyst"] {
            assert!(session.is(role), "{role}");
        }
        for other in [
            "arn:aws:iam::111122223333:role/analyst2",
            "arn:aws:iam::111122223333:role/analyst/other",
            "arn:aws:iam::111122223333:user/analyst",
            "arn:aws:iam::999922223333:role/analyst",
            "arn:aws-cn:iam::111122223333:role/analyst",
            "arn:aws:iam::111122223333:role/me@example.com",
            "analyst",
            "",
        ] {
            assert!(!session.is(other), "{other}");
        }
        let user = "arn:aws:iam::111122223333:user/staff/anna";
        assert!(caller(user).is(user));
        assert!(!caller(user).is("arn:aws:iam::111122223333:user/anna"));
        assert!(!caller(user).is("arn:aws:iam::111122223333:role/anna"));
    }
}
