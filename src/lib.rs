//! saltlake makes a data lake safe to read.

pub mod backend;
pub mod discover;
pub mod error;
pub mod model;
pub mod plan;
pub mod settings;
