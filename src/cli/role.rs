//! `--role`: who a statement acts for.

use clap::Args;

use super::app::App;
use crate::error::{Error, Result, Said};
use crate::grant::Role;
use crate::model::KeyId;
use crate::settings::{GrantsOrigin, RoleSettings, Settings};

/// The flag of commands that read.
#[derive(Args, Debug, Default, Clone)]
pub(super) struct RoleArgs {
    /// The role to act in, of `[roles]` in the settings; `[grants] default_role` if not given
    #[arg(long, value_name = "NAME")]
    pub(super) role: Option<String>,
}

/// Who a command acts for.
pub(super) enum Acting {
    /// No roles are defined: whoever runs the program reads what is there.
    Anyone,
    /// A role with full access, by name.
    Full(String),
    /// A role that sees what was granted to it.
    Granted(Box<Role>),
}

/// Chooses the role of a command.
///
/// # Errors
/// Usage if there is no such role, or none was chosen where roles are defined.
pub(super) fn choose(settings: &Settings, args: &RoleArgs) -> Result<Acting> {
    let named = args.role.as_ref();
    if settings.roles.is_empty() {
        return match named {
            None => Ok(Acting::Anyone),
            Some(name) => Err(Error::usage("no roles are defined")
                .with("role", &Said(name))
                .hint(format!("add `[roles.{name}]` to saltlake.toml"))),
        };
    }
    let name = named.or(settings.grants.default_role.as_ref()).ok_or_else(|| {
        Error::usage("no role was chosen")
            .hint("pass --role NAME, or set `[grants] default_role` in saltlake.toml")
            .hint(known(settings))
    })?;
    let found = settings
        .roles
        .get(name)
        .ok_or_else(|| Error::usage("there is no such role").with("role", &Said(name)).hint(known(settings)))?;
    Ok(if found.full_access { Acting::Full(name.clone()) } else { Acting::Granted(Box::new(role_of(name, found))) })
}

fn known(settings: &Settings) -> String {
    let names: Vec<&str> = settings.roles.keys().map(String::as_str).collect();
    format!("roles are: {}", names.join(", "))
}

/// A role of the settings as the grants know it.
pub(super) fn role_of(name: &str, settings: &RoleSettings) -> Role {
    Role {
        name: name.to_owned(),
        principal: settings.principal.clone(),
        groups: settings.groups.clone(),
        full_access: settings.full_access,
        keys: settings.keys.iter().map(KeyId::new).collect(),
        masks: settings.masks.clone(),
    }
}

/// On AWS, a role is taken by its principal, or by who may assume it. Elsewhere nobody can be asked who is there.
///
/// # Errors
/// Refused if the caller is neither; failed if AWS does not say.
pub(super) async fn check_identity(app: &App, name: &str) -> Result<Option<String>> {
    let settings = app.settings();
    let live = settings.grants.sources.contains(&GrantsOrigin::LakeFormation);
    let principal = settings.roles.get(name).and_then(|role| role.principal.as_deref());
    let Some(principal) = principal.filter(|principal| live && principal.starts_with("arn:")) else { return Ok(None) };
    let identity = app.backend.identity().await?;
    let caller = identity.caller().await?;
    if caller.is(principal) || identity.may_assume(principal).await? {
        return Ok(Some(caller.arn.clone()));
    }
    Err(Error::refused("your AWS identity may not act in this role")
        .with("role", &Said(name))
        .with("principal", &Said(principal))
        .with("you", &Said(&caller.arn))
        .hint("use the profile of the principal (--profile), or let it be assumed: `sts:AssumeRole`"))
}
