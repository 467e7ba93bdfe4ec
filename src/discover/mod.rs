//! Stage 1: find out where personal data is.
//!
//! In: Amazon Macie findings and discovery results, as files, objects, standard input or the live service. Out:
//! [`Findings`].
//!
//! The caller hands each [`Document`] to a [`Collector`], fetches the detailed results it asks for
//! ([`Collector::detail_locations`]), and finishes with the tables of the lake:
//!
//! ```
//! use saltlake::discover::{Collector, Document};
//!
//! # fn main() -> saltlake::error::Result<()> {
//! let mut collector = Collector::new(true);
//! collector.read(&Document { name: "findings.json".to_owned(), bytes: "[]".into() })?;
//! let findings = collector.finish(&[], &[]);
//! assert_eq!(findings.totals().documents, 1);
//! # Ok(())
//! # }
//! ```
//!
//! INVARIANT: a finding proves a column sensitive and never another one clean, so findings are united, never replaced.
//! INVARIANT: nothing is dropped in silence. Every finding that is read ends in exactly one of the [`Totals`], and one
//! that names personal data of the lake but no column of it is listed and refused ([`Findings::refusal`]).
//! INVARIANT: no I/O. The caller fetches documents; this room reads their bytes.

mod collector;
mod cut;
mod document;
mod findings;
mod jsonpath;
mod output;
mod record;
mod resolve;
mod shapes;

#[cfg(test)]
mod tests;

use async_trait::async_trait;

use crate::error::Result;

pub use collector::{Collector, DetailLocation};
pub use document::Document;
pub use findings::{
    Accepted, Channel, ColumnFinding, Evidence, Findings, Outside, Reason, Totals, Unlocated, Unmapped,
};
pub use jsonpath::{JsonPath, Step, parse as parse_json_path};

/// A live service that holds findings.
#[async_trait]
pub trait LiveFindings: Send + Sync {
    /// All sensitive-data findings, in the shape of `aws macie2 get-findings`, for [`Collector::read_values`].
    ///
    /// # Errors
    /// If any of them cannot be had: a part would pass for the whole.
    async fn findings(&self) -> Result<Vec<serde_json::Value>>;
}
