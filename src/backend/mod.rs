//! The services behind the stages' traits.

pub mod aws;
