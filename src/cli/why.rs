//! `saltlake why`: what a role sees, and which grants decide it.

use clap::Args;

use super::app::App;
use super::{grants, output};
use crate::error::{Error, Result, Said};
use crate::grant::settings::check_role;
use crate::grant::why::explain;
use crate::model::{TableName, TableSchema};

/// Explain what a role sees of a table or column, and which grants decide it
#[derive(Args, Debug)]
pub(super) struct WhyArgs {
    /// The role
    role: String,
    /// `table`, `database.table`, `table.column` or `database.table.column`
    #[arg(value_name = "TABLE[.COLUMN]")]
    place: String,
}

impl WhyArgs {
    /// About one place.
    pub(super) fn of(role: &str, place: &str) -> Self {
        Self { role: role.to_owned(), place: place.to_owned() }
    }
}

pub(super) async fn run(args: &WhyArgs, app: &App) -> Result<()> {
    let settings = app.settings();
    let roles = grants::every_role(settings);
    let role = roles.get(&args.role).ok_or_else(|| {
        let known: Vec<&str> = roles.keys().map(String::as_str).collect();
        Error::usage("there is no such role")
            .with("role", &Said(&args.role))
            .hint(format!("roles are: {}", if known.is_empty() { "none yet".to_owned() } else { known.join(", ") }))
    })?;
    let schemas = grants::every_table(app).await?;
    let (schema, column) = find(&args.place, &schemas, &settings.masked.database)?;
    let names: Vec<TableName> = schemas.iter().map(|schema| schema.name.clone()).collect();
    let all = grants::Outside::of_sessions(app).await?.with_settings(settings, &names)?;
    check_role(role, &grants::declared(settings, &role.name), schema)?;
    output::print(&explain(&all, role, schema, column).to_string())
}

/// The table, and the column if one is named. A table wins over a column of another, the masked database over the raw.
fn find<'a>(place: &'a str, schemas: &'a [TableSchema], masked: &str) -> Result<(&'a TableSchema, Option<&'a str>)> {
    let table = |text: &str| {
        let is = |schema: &&TableSchema| {
            let name = &schema.name;
            text.eq_ignore_ascii_case(&format!("{}.{}", name.database(), name.table()))
                || text.eq_ignore_ascii_case(name.table())
        };
        let mut found: Vec<&TableSchema> = schemas.iter().filter(is).collect();
        found.sort_by_key(|schema| schema.name.database() != masked);
        found.first().copied()
    };
    if let Some(schema) = table(place) {
        return Ok((schema, None));
    }
    let mut columns = place.rmatch_indices('.').filter_map(|(dot, _)| {
        let (before, column) = (place.get(..dot)?, place.get(dot + 1..)?);
        Some((table(before)?, Some(column)))
    });
    columns.next().ok_or_else(|| {
        Error::usage("there is no such table")
            .with("table", &Said(place))
            .hint("`saltlake tables` lists them; a column is named as `table.column`")
    })
}
