//! The masking functions as SQL and as Arrow see them: one binary, since linking the engine is slow.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod agreement;
mod documentation;
mod planning;
mod properties;
mod shapes;
mod slt;
mod support;
mod vectors;
