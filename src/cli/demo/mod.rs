//! `saltlake demo`: the whole way on invented data, on this machine alone.

mod data;
mod findings;
mod folder;

use std::path::PathBuf;

use clap::Args;

use super::app::{App, with_settings};
use super::desk::Desk;
use super::query::Printer;
use super::role::RoleArgs;
use super::{discover, grant, mask, output, plan, verify, why};
use crate::engine::statement::parse_script;
use crate::error::{Error, Result};
use crate::settings::{FILE_NAME, Overrides, Settings};

/// Make a lake of invented customers, cards and bank accounts, and go the whole way with it
///
/// Writes raw tables, Macie findings as Firehose delivers them, a key and a saltlake.toml into a folder; then discovers,
/// plans, masks, verifies, grants, and shows what three roles see. Needs no cloud. Afterwards every command works there.
#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    /// The folder to make it in
    #[arg(long, value_name = "DIR", default_value = "saltlake-demo")]
    dir: PathBuf,
    /// Rows in each table
    #[arg(long, value_name = "N", default_value_t = 1000)]
    rows: usize,
}

pub(super) fn run(args: &DemoArgs, overrides: &Overrides) -> Result<()> {
    if overrides.config.is_some() {
        return Err(Error::usage("the demo brings its own settings").hint("leave --config out"));
    }
    folder::lay_out(&args.dir, args.rows)?;
    let overrides = Overrides { config: Some(args.dir.join(FILE_NAME)), ..overrides.clone() };
    let settings = Settings::from_process(&overrides)?;
    output::print(&format!("A lake of invented data is in {}.\n", args.dir.display()))?;
    with_settings(settings, async |app| Box::pin(show(app)).await)?;
    output::print(&format!(
        "\nNow try it yourself:\n  cd {}\n  saltlake plan\n  saltlake verify\n  saltlake query \"SELECT gender, count(*) AS \
         customers FROM dataset_masked.customer GROUP BY gender\"\n",
        args.dir.display()
    ))
}

/// The stages, each under the command that does it alone.
async fn show(app: &App) -> Result<()> {
    const BEFORE: &str = "SELECT id, username, name, mail, birthdate FROM dataset.customer ORDER BY id LIMIT 3";
    const AFTER: &str = "SELECT id, username, name, mail, birthdate FROM dataset_masked.customer ORDER BY id LIMIT 3";
    const JOIN: &str = "SELECT c.cred_card_provider, count(*) AS customers, count(DISTINCT b.iban) AS accounts \
                        FROM dataset_masked.customer k JOIN dataset_masked.card c ON c.id = k.id \
                        JOIN dataset_masked.bank b ON b.id = k.id GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3";
    const COLUMNS: &str = "SELECT * FROM dataset_masked.customer ORDER BY id LIMIT 3";
    const TOKEN: &str = "SELECT count(*) AS customers FROM dataset_masked.customer \
                         WHERE username = salt_hash('luella.denesik03')";
    const PLACE: &str = "dataset.customer.mail";
    ask(app, "administrator", "Before: anyone who may read the lake reads people.", BEFORE).await?;
    step("What Macie found, and in which columns.", "discover")?;
    discover::run(&discover::DiscoverArgs::default(), app).await?;
    step("What is done about it, column by column.", "plan --explain")?;
    plan::run(&plan::PlanArgs::explained(), app).await?;
    step("Masked, proven and published: all tables at once.", "mask")?;
    mask::run(&mask::MaskArgs::default(), app).await?;
    ask(app, "scientist", "After: the same rows, and nobody in them.", AFTER).await?;
    ask(app, "scientist", "Joins still work.", JOIN).await?;
    step("The proof can be repeated at any time.", "verify")?;
    verify::run(&verify::VerifyArgs::default(), app).await?;
    step("Who may read what of it.", "grant")?;
    grant::run(&grant::GrantArgs::default(), app).await?;
    ask(app, "analyst", "An analyst reads masked tables, and of these no tokens.", COLUMNS).await?;
    ask(app, "scientist", "A data scientist reads tokens, and may use the key.", TOKEN).await?;
    step("Why is that so?", &format!("why analyst {PLACE}"))?;
    why::run(&why::WhyArgs::of("analyst", PLACE), app).await
}

fn step(title: &str, command: &str) -> Result<()> {
    output::print(&format!("\n{title}\n$ saltlake {command}\n"))
}

async fn ask(app: &App, role: &str, title: &str, sql: &str) -> Result<()> {
    step(title, &format!("query --role {role} \"{sql}\""))?;
    let desk = Desk::open(app, &RoleArgs { role: Some(role.to_owned()) }).await?;
    for statement in parse_script(sql, "the demo")? {
        desk.answer(&statement, &mut Printer::table()).await?;
    }
    Ok(())
}
