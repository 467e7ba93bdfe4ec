//! Stage 1: find out where personal data is.
//!
//! In: Amazon Macie findings and discovery results, as files, objects, standard input or the live service. Out:
//! [`Findings`].
//!
//! INVARIANT: a finding proves a column sensitive and never another one clean, so findings are united, never replaced.
//! INVARIANT: nothing is dropped in silence. Every finding that is read ends in exactly one of the [`Totals`], and one
//! that names personal data of the lake but no column of it is listed and refused ([`Findings::refusal`]).
//! INVARIANT: no I/O. The caller fetches documents; this room reads their bytes.

mod findings;

pub use findings::{
    Channel, ColumnFinding, Evidence, Findings, Outside, Reason, Totals, Unlocated, Unmapped,
};
