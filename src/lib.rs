//! saltlake makes a data lake safe to read.

pub mod error;
pub mod model;
pub mod settings;
