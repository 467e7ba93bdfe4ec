//! The AWS wing: one file per service.

pub mod macie;
