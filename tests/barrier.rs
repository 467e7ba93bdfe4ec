//! A role learns nothing of what it does not see: the same statement on two lakes that differ only in hidden rows and
//! cells gives the same answer, the same error, the same plan and the same counts.
//!
//! [`attacks`] holds the ways that people thought of, each by name; [`twins`] tries thousands that nobody thought of,
//! made by [`generate`]. Both must find something when the policy is a plain view, or they would prove nothing.

mod attacks;
mod generate;
mod grammar;
mod lakes;
mod policy;
mod twins;
mod world;
