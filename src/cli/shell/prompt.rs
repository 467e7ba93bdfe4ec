//! The prompt: who asks.

use super::highlight::painted;
use crate::model::printable;

/// The prompt of a role, plain and in colour. A role without full access stands out: what it sees is not all there is.
pub(super) fn prompt(role: Option<&str>, granted: bool) -> (String, String) {
    let Some(role) = role else { return ("saltlake> ".to_owned(), painted("saltlake", "1") + "> ") };
    let role = printable(role);
    let code = if granted { "1;35" } else { "1" };
    (format!("{role}@saltlake> "), format!("{}@{}> ", painted(&role, code), painted("saltlake", "1")))
}
