//! An order-independent checksum of a table's rows.
//!
//! Every cell is hashed with XXH3-128 of its value's bytes; a row's cells are folded, in column order, by a step that is
//! not linear, so that two cells swapped between rows change the rows' hashes; the rows are added up modulo 2^128.
//! Equal values hash equally in every encoding of text (plain, large, view, dictionary). NULL has a hash of its own.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use xxhash_rust::xxh3::xxh3_128;

const NULL_CELL: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834;
const FOLD: u128 = 0xd6e8_feb8_6659_fd93_a076_1d64_78bd_642f;

/// The sum of the rows of one or more batches, with counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSum {
    /// Rows.
    pub rows: u64,
    /// The sum of their hashes.
    pub sum: u128,
    /// NULL cells per column.
    pub nulls: Vec<u64>,
}

impl RowSum {
    /// Adds a batch.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let mut rows = vec![0_u128; batch.num_rows()];
        self.nulls.resize(batch.num_columns(), 0);
        for (column, nulls) in batch.columns().iter().zip(&mut self.nulls) {
            *nulls += column.logical_null_count() as u64;
            fold(&mut rows, column)?;
        }
        self.rows += batch.num_rows() as u64;
        for row in rows {
            self.sum = self.sum.wrapping_add(step(row, 0));
        }
        Ok(())
    }

    /// Adds another sum over the same columns.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
        self.nulls.resize(self.nulls.len().max(other.nulls.len()), 0);
        for (mine, theirs) in self.nulls.iter_mut().zip(&other.nulls) {
            *mine += theirs;
        }
    }

    /// The sum as 32 hexadecimal digits.
    pub fn hex(&self) -> String {
        format!("{:032x}", self.sum)
    }
}

/// One step of a row's fold. Multiplication by an odd number and the shift make it a bijection that is not linear.
fn step(row: u128, cell: u128) -> u128 {
    let mixed = (row.rotate_left(41) ^ cell).wrapping_mul(FOLD);
    mixed ^ (mixed >> 67)
}

/// Folds a column into the rows.
fn fold(rows: &mut [u128], column: &ArrayRef) -> Result<(), ArrowError> {
    let mut visited = 0;
    each_cell(column, &mut |index, cell| {
        if let Some(row) = rows.get_mut(index) {
            *row = step(*row, cell);
            visited += 1;
        }
    })?;
    // A cell that was not looked at could hold anything.
    if visited == rows.len() {
        Ok(())
    } else {
        Err(ArrowError::ComputeError("array without all its values".to_owned()))
    }
}

macro_rules! each_bytes {
    ($array:expr, $visit:expr) => {
        for (index, value) in $array.iter().enumerate() {
            $visit(index, value.map_or(NULL_CELL, |value| xxh3_128(value.as_ref())));
        }
    };
}

/// Visits the hash of each cell, in order.
fn each_cell(column: &ArrayRef, visit: &mut dyn FnMut(usize, u128)) -> Result<(), ArrowError> {
    match column.data_type() {
        DataType::Utf8 => each_bytes!(column.as_string::<i32>(), visit),
        DataType::LargeUtf8 => each_bytes!(column.as_string::<i64>(), visit),
        DataType::Utf8View => each_bytes!(column.as_string_view(), visit),
        DataType::Binary => each_bytes!(column.as_binary::<i32>(), visit),
        DataType::LargeBinary => each_bytes!(column.as_binary::<i64>(), visit),
        DataType::BinaryView => each_bytes!(column.as_binary_view(), visit),
        DataType::FixedSizeBinary(_) => each_bytes!(column.as_fixed_size_binary(), visit),
        DataType::Null => (0..column.len()).for_each(|index| visit(index, NULL_CELL)),
        DataType::Boolean => {
            for (index, value) in column.as_boolean().iter().enumerate() {
                visit(index, value.map_or(NULL_CELL, |value| xxh3_128(&[u8::from(value)])));
            }
        }
        DataType::Dictionary(_, values) => each_cell(&cast(column, values)?, visit)?,
        DataType::RunEndEncoded(_, values) => each_cell(&cast(column, values.data_type())?, visit)?,
        DataType::Struct(_) => each_struct(column, visit)?,
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) | DataType::Map(..) => {
            each_list(column, visit)?;
        }
        primitive => each_primitive(column, primitive, visit)?,
    }
    Ok(())
}

/// Numbers, dates, times, decimals: the little-endian bytes of the stored value.
fn each_primitive(
    column: &ArrayRef,
    data_type: &DataType,
    visit: &mut dyn FnMut(usize, u128),
) -> Result<(), ArrowError> {
    let width =
        data_type.primitive_width().ok_or_else(|| ArrowError::NotYetImplemented("row hash of this type".to_owned()))?;
    let data = column.to_data();
    let buffer = data.buffers().first().ok_or_else(|| ArrowError::ComputeError("array without values".to_owned()))?;
    let start = data.offset() * width;
    let cells = buffer.as_slice().get(start..).unwrap_or_default().chunks_exact(width).take(column.len());
    for (index, bytes) in cells.enumerate() {
        visit(index, if column.is_null(index) { NULL_CELL } else { xxh3_128(bytes) });
    }
    Ok(())
}

fn each_struct(column: &ArrayRef, visit: &mut dyn FnMut(usize, u128)) -> Result<(), ArrowError> {
    let fields = column.as_struct();
    let mut cells = vec![1_u128; column.len()];
    for child in fields.columns() {
        fold(&mut cells, child)?;
    }
    for (index, cell) in cells.into_iter().enumerate() {
        visit(index, if column.is_null(index) { NULL_CELL } else { cell });
    }
    Ok(())
}

fn each_list(column: &ArrayRef, visit: &mut dyn FnMut(usize, u128)) -> Result<(), ArrowError> {
    for index in 0..column.len() {
        let elements: Option<ArrayRef> = match column.data_type() {
            _ if column.is_null(index) => None,
            DataType::List(_) => Some(column.as_list::<i32>().value(index)),
            DataType::LargeList(_) => Some(column.as_list::<i64>().value(index)),
            DataType::FixedSizeList(..) => Some(column.as_fixed_size_list().value(index)),
            _ => Some(std::sync::Arc::new(column.as_map().value(index)) as ArrayRef),
        };
        let Some(elements) = elements else {
            visit(index, NULL_CELL);
            continue;
        };
        let mut whole = elements.len() as u128 + 2;
        each_cell(&elements, &mut |_, cell| whole = step(whole, cell))?;
        visit(index, whole);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use std::sync::Arc;

    use arrow::array::{DictionaryArray, Int64Array, LargeStringArray, StringArray, StringViewArray};
    use arrow::datatypes::Int32Type;
    use proptest::prelude::*;

    use super::*;

    fn sum(columns: Vec<(&str, ArrayRef)>) -> RowSum {
        let mut sum = RowSum::default();
        sum.add(&RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap())
            .unwrap();
        sum
    }

    fn text(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn the_order_of_rows_does_not_matter_and_the_order_of_columns_does() {
        let one = sum(vec![("a", text(&[Some("x"), Some("y")])), ("b", text(&[Some("1"), Some("2")]))]);
        let two = sum(vec![("a", text(&[Some("y"), Some("x")])), ("b", text(&[Some("2"), Some("1")]))]);
        let three = sum(vec![("a", text(&[Some("1"), Some("2")])), ("b", text(&[Some("x"), Some("y")]))]);
        assert_eq!(one, two);
        assert_ne!(one.sum, three.sum);
    }

    #[test]
    fn two_cells_swapped_between_rows_are_seen() {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let one = sum(vec![
            ("id", Arc::clone(&ids)),
            ("t", text(&[Some("x"), Some("y")])),
            ("u", text(&[Some("p"), Some("q")])),
        ]);
        let two = sum(vec![("id", ids), ("t", text(&[Some("y"), Some("x")])), ("u", text(&[Some("p"), Some("q")]))]);
        assert_ne!(one.sum, two.sum);
    }

    #[test]
    fn every_encoding_of_text_agrees() {
        let values = [Some("x"), None, Some(""), Some("x")];
        let plain = sum(vec![("a", text(&values))]);
        let large: ArrayRef = Arc::new(LargeStringArray::from(values.to_vec()));
        let view: ArrayRef = Arc::new(StringViewArray::from(values.to_vec()));
        let dictionary: ArrayRef = Arc::new(values.iter().copied().collect::<DictionaryArray<Int32Type>>());
        for other in [large, view, dictionary] {
            assert_eq!(plain, sum(vec![("a", other)]));
        }
    }

    #[test]
    fn null_and_empty_differ() {
        assert_ne!(sum(vec![("a", text(&[None]))]).sum, sum(vec![("a", text(&[Some("")]))]).sum);
    }

    proptest! {
        #[test]
        fn splitting_into_batches_changes_nothing(values in prop::collection::vec(prop::option::of(".{0,8}"), 1..40), at in 0_usize..40) {
            let array: ArrayRef = Arc::new(values.iter().map(|v| v.as_deref()).collect::<StringArray>());
            let at = at.min(array.len());
            let whole = sum(vec![("a", Arc::clone(&array))]);
            let mut parts = sum(vec![("a", array.slice(0, at))]);
            parts.merge(&sum(vec![("a", array.slice(at, array.len() - at))]));
            prop_assert_eq!(whole, parts);
        }

        #[test]
        fn any_changed_cell_is_seen(values in prop::collection::vec("[a-z]{1,6}", 2..30), at in any::<prop::sample::Index>()) {
            let mut changed = values.clone();
            let index = at.index(changed.len());
            changed[index].push('!');
            let one = sum(vec![("a", Arc::new(values.iter().map(Some).collect::<StringArray>()))]);
            let two = sum(vec![("a", Arc::new(changed.iter().map(Some).collect::<StringArray>()))]);
            prop_assert_ne!(one.sum, two.sum);
        }
    }
}
