//! saltlake makes a data lake safe to read.

pub mod backend;
pub mod cli;
pub mod discover;
pub mod engine;
pub mod error;
pub mod mask;
pub mod model;
pub mod plan;
pub mod publish;
pub mod settings;
