//! Arrays that hold nothing but what they show.
//!
//! A cell that a policy hides becomes NULL, and the engine does that by clearing a bit: the value itself stays in the
//! buffer behind. A field of a struct brings it back (`home['zip']` takes the child as it is), the length of a text
//! counts in the bytes that a role is told, and so on. So what leaves the fence is copied, without what is behind a NULL
//! and without room to spare, which would tell of hidden rows by the memory that a statement seems to need.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, MapArray, MutableArrayData, OffsetSizeTrait,
    RecordBatch, StructArray, make_array,
};
use arrow::datatypes::{DataType, FieldRef};
use arrow::error::ArrowError;

/// A batch of such arrays.
pub(super) fn bare_batch(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(bare).collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(batch.schema(), columns)
}

/// A copy without what is behind a NULL, at every depth. Not for dictionaries and views, whose values are shared.
fn bare(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let copied = copied(array)?;
    let nulls = copied.nulls().cloned();
    Ok(match copied.data_type() {
        DataType::Struct(fields) => {
            let columns = copied.as_struct().columns().iter().map(bare).collect::<Result<Vec<_>, _>>()?;
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, copied.len())?)
        }
        DataType::List(item) => bare_list::<i32>(item, &copied)?,
        DataType::LargeList(item) => bare_list::<i64>(item, &copied)?,
        DataType::FixedSizeList(item, size) => {
            let values = bare(copied.as_fixed_size_list().values())?;
            let list = FixedSizeListArray::try_new_with_length(Arc::clone(item), *size, values, nulls, copied.len())?;
            Arc::new(list)
        }
        DataType::Map(item, sorted) => {
            let map = copied.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = bare(&entries)?.as_struct().clone();
            Arc::new(MapArray::try_new(Arc::clone(item), map.offsets().clone(), entries, nulls, *sorted)?)
        }
        _ => copied,
    })
}

fn bare_list<O: OffsetSizeTrait>(item: &FieldRef, copied: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let list = copied.as_list::<O>();
    let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
    Ok(Arc::new(GenericListArray::try_new(Arc::clone(item), offsets, bare(list.values())?, nulls)?))
}

/// The values that are shown, run by run; the others become what their type has for NULL.
fn copied(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let data = array.to_data();
    let mut copy = MutableArrayData::new(vec![&data], data.nulls().is_some(), data.len());
    let mut done = 0;
    match data.nulls() {
        None => copy.try_extend(0, 0, data.len())?,
        Some(nulls) => {
            for (start, end) in nulls.valid_slices() {
                copy.try_extend_nulls(start - done)?;
                copy.try_extend(0, start, end)?;
                done = end;
            }
            copy.try_extend_nulls(data.len() - done)?;
        }
    }
    Ok(make_array(copy.freeze()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use arrow::array::{BooleanArray, Int32Array, ListArray, StringArray};
    use arrow::compute::nullif;
    use arrow::datatypes::{Field, Int32Type};

    use super::*;

    /// As a policy hides the second of three cells.
    fn hidden(array: impl Array + 'static) -> ArrayRef {
        let array: ArrayRef = Arc::new(array);
        let hides = BooleanArray::from(vec![false, true, false]);
        let hidden = nullif(&array, &hides).unwrap();
        let bare = bare(&hidden).unwrap();
        assert_eq!(&bare, &hidden, "what is shown stays the same");
        bare
    }

    #[test]
    fn a_hidden_number_is_zero_behind_its_null() {
        let bare = hidden(Int32Array::from(vec![1, 77, 3]));
        assert_eq!(bare.as_primitive::<Int32Type>().values(), &[1, 0, 3]);
    }

    #[test]
    fn a_hidden_text_leaves_no_bytes() {
        let bare = hidden(StringArray::from(vec!["a", "secret", "c"]));
        assert_eq!(bare.as_string::<i32>().value_data(), b"ac");
    }

    #[test]
    fn a_field_of_a_hidden_struct_is_null_too() {
        let zip: ArrayRef = Arc::new(StringArray::from(vec!["1", "2", "3"]));
        let fields = vec![Field::new("zip", DataType::Utf8, true)];
        let bare = hidden(StructArray::new(fields.into(), vec![zip], None));
        assert_eq!(bare.as_struct().column(0).as_string::<i32>(), &StringArray::from(vec![Some("1"), None, Some("3")]));
    }

    #[test]
    fn a_hidden_list_keeps_no_elements() {
        let lists = [vec![Some(1)], vec![Some(77), Some(78)], vec![Some(3)]].map(Some);
        let bare = hidden(ListArray::from_iter_primitive::<Int32Type, _, _>(lists));
        assert_eq!(bare.as_list::<i32>().values().as_primitive::<Int32Type>().values(), &[1, 3]);
    }

    #[test]
    fn what_is_hidden_inside_a_list_is_gone_as_well() {
        let zip = hidden_values();
        let fields = vec![Field::new("zip", DataType::Int32, true)];
        let item: ArrayRef = Arc::new(StructArray::new(fields.into(), vec![zip], None));
        let field = Arc::new(Field::new("item", item.data_type().clone(), true));
        let offsets = arrow::buffer::OffsetBuffer::from_lengths([1, 2]);
        let list: ArrayRef = Arc::new(ListArray::new(field, offsets, item, None));
        let bare = bare(&list).unwrap();
        let inner = Arc::clone(bare.as_list::<i32>().values().as_struct().column(0));
        assert_eq!(inner.as_primitive::<Int32Type>().values(), &[1, 0, 3]);
    }

    fn hidden_values() -> ArrayRef {
        let values: ArrayRef = Arc::new(Int32Array::from(vec![1, 77, 3]));
        nullif(&values, &BooleanArray::from(vec![false, true, false])).unwrap()
    }

    #[test]
    fn no_room_to_spare_tells_of_other_rows() {
        let long: ArrayRef = Arc::new(StringArray::from_iter_values((0..1000).map(|row| format!("row {row}"))));
        let alone: ArrayRef = Arc::new(StringArray::from(vec!["row 5"]));
        let size = |array: &ArrayRef| bare(array).unwrap().get_array_memory_size();
        assert_eq!(size(&long.slice(5, 1)), size(&alone));
    }
}
