//! Whom a grant's principal means: every form in which Lake Formation writes principals.
//!
//! A principal becomes a [`Key`]. A grant covers a role if its key is among the role's keys, so grants are found by a
//! look-up. INVARIANT: only `IAM_ALLOWED_PRINCIPALS` is compared without regard to case; an ARN is compared as written.

use std::collections::BTreeSet;

use super::Role;

/// The form in which principals are compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// Everyone whom IAM allows: Lake Formation does not enforce there.
    Everyone,
    /// Every user and role of an account.
    Account(String),
    /// A role: partition, account, and its name without the path, which sessions do not tell.
    Role(String, String, String),
    /// Anything else, as written: users, groups, organisations, other services' identities.
    Exact(String),
}

/// The key of a grant's principal.
pub fn granted(principal: &str) -> Key {
    let plain = principal.replace('_', "");
    if plain.eq_ignore_ascii_case("IAMALLOWEDPRINCIPALS") {
        return Key::Everyone;
    }
    if let Some((account, kind)) = principal.split_once(':')
        && is_account(account)
        && kind.eq_ignore_ascii_case("IAMPrincipals")
    {
        return Key::Account(account.to_owned());
    }
    iam_role(principal).unwrap_or_else(|| Key::Exact(principal.to_owned()))
}

/// The key of someone who calls: as [`granted`], and a session is its role.
fn calling(principal: &str) -> Key {
    session_role(principal).unwrap_or_else(|| granted(principal))
}

/// The principal under which grants of the settings stand for a role that has no principal of its own.
pub fn own_principal(role_name: &str) -> String {
    format!("role:{role_name}")
}

/// Every key whose grants a role has.
pub fn keys_of(role: &Role) -> BTreeSet<Key> {
    let mut keys = BTreeSet::from([Key::Exact(own_principal(&role.name))]);
    if let Some(principal) = &role.principal {
        if let Some(account) = iam_account(principal) {
            keys.insert(Key::Account(account.to_owned()));
        }
        keys.insert(calling(principal));
    }
    keys.extend(role.groups.iter().map(|group| granted(group)));
    // What everyone has is not a grant: settings decide about it.
    keys.remove(&Key::Everyone);
    keys
}

/// Whether a grant's principal covers a role.
pub fn covers(principal: &str, role: &Role) -> bool {
    keys_of(role).contains(&granted(principal))
}

/// Whether the caller whom STS names is a role's principal. A session of a role is the role; paths do not matter.
pub fn same_identity(caller: &str, principal: &str) -> bool {
    match (calling(caller), calling(principal)) {
        (Key::Everyone | Key::Account(_), _) | (_, Key::Everyone | Key::Account(_)) => false,
        (one, other) => one == other,
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Partition, account and resource of an ARN of a service that has no regions.
fn arn<'a>(principal: &'a str, service: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let mut parts = principal.splitn(6, ':');
    let [scheme, partition, found, region, account, resource] = [(); 6].map(|()| parts.next().unwrap_or_default());
    let right = scheme == "arn" && found == service && region.is_empty();
    let right = right && (partition == "aws" || partition.starts_with("aws-"));
    (right && is_account(account)).then_some((partition, account, resource))
}

fn role_key(partition: &str, account: &str, name: &str) -> Option<Key> {
    (!name.is_empty()).then(|| Key::Role(partition.to_owned(), account.to_owned(), name.to_owned()))
}

fn iam_role(principal: &str) -> Option<Key> {
    let (partition, account, resource) = arn(principal, "iam")?;
    let path = resource.strip_prefix("role/")?;
    role_key(partition, account, path.rsplit('/').next()?)
}

fn session_role(principal: &str) -> Option<Key> {
    let (partition, account, resource) = arn(principal, "sts")?;
    let (name, session) = resource.strip_prefix("assumed-role/")?.split_once('/')?;
    if session.is_empty() {
        return None;
    }
    role_key(partition, account, name)
}

/// The account of a user or role of IAM, or of a role's session.
fn iam_account(principal: &str) -> Option<&str> {
    if session_role(principal).is_some() {
        return arn(principal, "sts").map(|(_, account, _)| account);
    }
    let (_, account, resource) = arn(principal, "iam")?;
    (resource.starts_with("role/") || resource.starts_with("user/")).then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/team/analyst";

    fn role(principal: &str, groups: &[&str]) -> Role {
        Role {
            name: "analyst".to_owned(),
            principal: (!principal.is_empty()).then(|| principal.to_owned()),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..Role::default()
        }
    }

    #[test]
    fn every_form_of_principal_covers_whom_it_means() {
        let session = "arn:aws:sts::111122223333:assumed-role/analyst/anna@example.com";
        let sso = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Read_1a2b";
        let sso_session = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Read_1a2b/anna";
        let user = "arn:aws:iam::111122223333:user/team/anna";
        let group = "arn:aws:iam::111122223333:saml-provider/okta:group/analysts";
        let saml = "arn:aws:iam::111122223333:saml-provider/okta:user/anna";
        let quick = "arn:aws:quicksight:eu-central-1:111122223333:group/default/readers";
        let center = "arn:aws:identitystore:::group/1a2b3c4d-0000-1111-2222-333344445555";
        let unit = "arn:aws:organizations::111122223333:ou/o-abcdefghij/ou-ab12-cdefghij";
        let all = "111122223333:IAMPrincipals";
        let china = "arn:aws-cn:iam::111122223333:role/analyst";
        let cases: &[(&str, &str, &[&str], bool)] = &[
            (ROLE, ROLE, &[], true),
            (ROLE, session, &[], true),
            (ROLE, "arn:aws:iam::111122223333:role/analyst", &[], true),
            (ROLE, "arn:aws:iam::111122223333:role/Analyst", &[], false),
            (ROLE, "arn:aws:iam::999922223333:role/team/analyst", &[], false),
            (ROLE, "arn:aws:iam::111122223333:user/analyst", &[], false),
            (ROLE, "arn:aws:sts::111122223333:assumed-role/analyst", &[], false),
            (ROLE, china, &[], false),
            (china, "arn:aws-cn:sts::111122223333:assumed-role/analyst/s", &[], true),
            ("arn:aws-us-gov:iam::111122223333:role/a", "arn:aws-us-gov:iam::111122223333:role/p/a", &[], true),
            ("arn:aws-eusc:iam::111122223333:role/a", "arn:aws-eusc:iam::111122223333:role/p/a", &[], true),
            ("arn:other:iam::111122223333:role/a", "arn:other:iam::111122223333:role/p/a", &[], false),
            (session, session, &[], false),
            (sso, sso_session, &[], true),
            (user, user, &[], true),
            (user, "arn:aws:iam::111122223333:user/anna", &[], false),
            (all, ROLE, &[], true),
            (all, user, &[], true),
            (all, session, &[], true),
            (all, saml, &[], false),
            (all, "arn:aws:iam::111122223333:root", &[], false),
            (all, "arn:aws:iam::999922223333:role/analyst", &[], false),
            (all, "", &[all], true),
            ("111122223333", ROLE, &[], false),
            ("111122223333", ROLE, &["111122223333"], true),
            (unit, ROLE, &[], false),
            (unit, ROLE, &[unit], true),
            (group, saml, &[group], true),
            (group, saml, &[], false),
            (saml, saml, &[], true),
            (quick, ROLE, &[quick], true),
            (center, ROLE, &[center], true),
            (center, ROLE, &["arn:aws:identitystore:::group/1A2B3C4D-0000-1111-2222-333344445555"], false),
            ("role:analyst", "", &[], true),
            ("role:support", "", &[], false),
            ("IAM_ALLOWED_PRINCIPALS", ROLE, &[], false),
            ("IAM_Allowed_Principals", ROLE, &["IAM_ALLOWED_PRINCIPALS"], false),
            ("", "", &[], false),
        ];
        for (granted, principal, groups, covered) in cases {
            assert_eq!(covers(granted, &role(principal, groups)), *covered, "{granted} on {principal} {groups:?}");
        }
    }

    #[test]
    fn everyone_is_recognised_in_every_spelling() {
        for text in ["IAM_ALLOWED_PRINCIPALS", "IAM_Allowed_Principals", "IAMAllowedPrincipals"] {
            assert_eq!(granted(text), Key::Everyone);
        }
        assert_ne!(granted("IAM_ALLOWED_PRINCIPALS_2"), Key::Everyone);
    }

    #[test]
    fn a_session_is_its_role_and_nobody_else() {
        let session = "arn:aws:sts::111122223333:assumed-role/analyst/anna";
        assert!(same_identity(session, ROLE));
        assert!(same_identity(ROLE, ROLE));
        assert!(!same_identity("arn:aws:sts::111122223333:assumed-role/team/analyst", ROLE));
        assert!(!same_identity("arn:aws:iam::111122223333:user/anna", ROLE));
        assert!(!same_identity("IAM_ALLOWED_PRINCIPALS", "IAM_ALLOWED_PRINCIPALS"));
        assert!(!same_identity("111122223333:IAMPrincipals", "111122223333:IAMPrincipals"));
    }
}
