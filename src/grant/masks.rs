//! Masks of our own: what a role sees of a column instead of its raw value.

use super::Role;
use super::contribution::Contribution;
use super::names::{Meaning, alike, column_meaning, names_table};
use crate::error::{Error, Result, Said};
use crate::model::TableSchema;

/// The masks of the columns that grants give, in the table's order.
pub(super) fn masks_of(role: &Role, schema: &TableSchema, given: &[Contribution]) -> Vec<Option<String>> {
    let visible = |place: usize| given.iter().any(|given| given.columns.get(place).copied().unwrap_or(false));
    let columns = schema.columns.iter().enumerate().filter(|(place, _)| visible(*place));
    columns.map(|(_, column)| mask_of(role, schema, &column.name)).collect()
}

/// The mask of a column. The key that names the database prevails, then the name that is spelled alike.
fn mask_of(role: &Role, schema: &TableSchema, column: &str) -> Option<String> {
    if role.masks.is_empty() {
        return None;
    }
    let mut best: Option<((bool, bool), &String)> = None;
    for (key, masks) in &role.masks {
        let Some(with_database) = names_table(key, &schema.name) else { continue };
        for (name, mask) in masks.iter().filter(|(name, _)| alike(name, column)) {
            let rank = (with_database, name == column);
            if best.is_none_or(|(found, _)| rank > found) {
                best = Some((rank, mask));
            }
        }
    }
    best.map(|(_, mask)| mask.clone())
}

/// Compares a role's masks with a table that they name.
///
/// # Errors
/// [`crate::error::ErrorKind::Refused`] if one is for a column that the table does not have: it would mask nothing.
pub fn check_masks(role: &Role, schema: &TableSchema) -> Result<()> {
    for (_, masks) in role.masks.iter().filter(|(key, _)| names_table(key, &schema.name).is_some()) {
        for column in masks.keys() {
            let message = match column_meaning(column, &schema.columns) {
                Meaning::One(_) => continue,
                Meaning::Unknown => "a mask is for a column that the table does not have",
                Meaning::Ambiguous => "a mask is for a name that several columns of the table have",
            };
            return Err(Error::refused(message)
                .with("role", &Said(&role.name))
                .with("table", &schema.name)
                .with("column", &Said(column))
                .hint(format!("correct the column's name in the masks of role `{}`", Said(&role.name))));
        }
    }
    Ok(())
}
