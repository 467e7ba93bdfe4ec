//! saltlake makes a data lake safe to read. This page is the map of the house.
//!
//! Data goes one way: **discover → plan → mask → publish → grant → query**, a folder each.
//!
//! | Room | What it does | In | Out |
//! |---|---|---|---|
//! | [`discover`] | where personal data is | Macie findings in every shape | [`discover::Findings`] |
//! | [`plan`] | what is to be done about it, as SQL | findings, schemas, rules | [`plan::MaskingPlan`] |
//! | [`mask`] | doing it, and the proof that it was done | a query | [`mask::MaskedTable`] |
//! | [`publish`] | one pointer switches all tables of a run | proven tables | [`publish::Publication`] |
//! | [`grant`] | who may read what, as one policy per role and table | grants, roles, schemas | [`grant::Grants`] |
//! | [`query`] | answering a role's statements, behind a barrier | grants, one role | [`query::RoleSession`] |
//!
//! Below them is [`engine`], the cellar: DataFusion sessions, runtimes, object stores, the key ring, the part-file writer,
//! the masked location with its versions, pointer and hold, and the barrier before a role's tables ([`engine::policy`]).
//! Beside them is [`backend`], with two wings that fill in the same traits: AWS, and this machine alone. In front is
//! [`cli`], which may see every room.
//!
//! A room knows the room before it, by one type, and never the room after it; `tests/architecture` compares the imports
//! with a table. When two rooms need a noun, it moves down to [`model`].
//!
//! What is absent: [`plan`] and [`grant`] do no I/O and read no clock. A role's session has no object store, and no
//! function that is not listed. Only [`settings`] reads the environment, only [`backend`] names AWS, only [`cli`] writes
//! to the terminal, only [`engine`] starts thread pools. [`error`] holds no text that could be a cell, and a key leaves
//! `saltlake_udfs::MaskKey` only inside a masking function.

pub mod backend;
pub mod cli;
pub mod discover;
pub mod engine;
pub mod error;
pub mod grant;
pub mod mask;
pub mod model;
pub mod plan;
pub mod publish;
pub mod query;
pub mod settings;
