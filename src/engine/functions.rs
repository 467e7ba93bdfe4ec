//! What other rooms may know of the masking functions: which they are, and what their output looks like.

use arrow::array::Array;
use datafusion::common::ScalarValue;

use super::fault::engine_fault;
use crate::error::Result;

/// Whether a function is one of the masks.
pub fn is_mask(name: &str) -> bool {
    saltlake_udfs::function_info(name).is_some()
}

/// Counts the cells of a column that a mask cannot have written.
pub fn unmasked_cells(function: &str, arguments: &[ScalarValue], column: &dyn Array) -> Result<usize> {
    saltlake_udfs::unmasked_cells(function, arguments, column).map_err(|error| engine_fault(&error))
}
