//! Lists made of parts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, StringArray, UInt64Array, new_empty_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field};
use datafusion::common::Result as EngineResult;

/// A list column of texts.
pub(super) fn of_texts(rows: Vec<Option<Vec<Option<String>>>>) -> EngineResult<ArrayRef> {
    let nulls = rows.iter().map(Option::is_some).collect::<NullBuffer>();
    let lengths: Vec<usize> = rows.iter().map(|row| row.as_ref().map_or(0, Vec::len)).collect();
    let values: StringArray = rows.into_iter().flatten().flatten().collect();
    of_lengths(lengths, Arc::new(values), Some(nulls))
}

/// A list column of values that lie one behind the other.
pub(super) fn of_lengths(
    lengths: impl IntoIterator<Item = usize>,
    values: ArrayRef,
    nulls: Option<NullBuffer>,
) -> EngineResult<ArrayRef> {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(field, offsets(lengths), values, nulls)?))
}

/// Where lists of these lengths begin and end. A batch holds fewer than 2³¹ values.
pub(super) fn offsets(lengths: impl IntoIterator<Item = usize>) -> OffsetBuffer<i32> {
    OffsetBuffer::from_lengths(lengths)
}

/// A list column whose row holds the values at the indices of that row; NULL where there is no such list.
pub(super) fn of_picked(values: &ArrayRef, rows: &[Option<Vec<u64>>]) -> EngineResult<ArrayRef> {
    let nulls = rows.iter().map(Option::is_some).collect::<NullBuffer>();
    let lengths: Vec<usize> = rows.iter().map(|row| row.as_ref().map_or(0, Vec::len)).collect();
    let indices: UInt64Array = rows.iter().flatten().flatten().copied().collect();
    of_lengths(lengths, picked(values, &indices)?, Some(nulls))
}

/// Some of the values, in the order of the indices.
pub(super) fn picked(values: &ArrayRef, indices: &UInt64Array) -> EngineResult<ArrayRef> {
    if indices.is_empty() {
        return Ok(new_empty_array(values.data_type()));
    }
    Ok(take(values, indices, None)?)
}

/// The range of a row's values in the values of a list column.
pub(super) fn range(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    let ends = list.value_offsets();
    let at = |index: usize| ends.get(index).and_then(|end| usize::try_from(*end).ok()).unwrap_or_default();
    if list.is_null(row) { 0..0 } else { at(row)..at(row + 1) }
}

/// The type of a list's elements.
pub(super) fn item(data_type: &DataType) -> DataType {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            field.data_type().clone()
        }
        _ => DataType::Null,
    }
}
