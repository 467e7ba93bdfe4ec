//! How often each value stands in a list: `array_histogram` of Trino, and what its `histogram` and
//! `approx_most_frequent` are made of.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, UInt64Array};
use arrow::datatypes::DataType;
use arrow::row::{Row, RowConverter, SortField};
use datafusion::common::Result as EngineResult;

use super::list;
use super::map::{self, Twice};
use super::row::{Columns, Kind, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec { name: "array_histogram", takes: &[&[Kind::List]], gives: counts_type, run: counts, fails: false },
    Spec { name: "most_frequent", takes: &[&[Kind::List, Kind::Int]], gives: counts_type, run: counts, fails: true },
];

#[expect(clippy::unnecessary_wraps, reason = "a description asks for it")]
fn counts_type(types: &[DataType]) -> EngineResult<DataType> {
    Ok(map::map_type(&list::item(types.first().unwrap_or(&DataType::Null)), &DataType::Int64))
}

/// A map of the values to their counts; with a second argument, of so many that are the most frequent.
fn counts(columns: &Columns) -> EngineResult<ArrayRef> {
    let lists = columns.array(0)?.as_list::<i32>();
    let values = lists.values();
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
    let known = converter.convert_columns(std::slice::from_ref(values))?;
    let mut keys: Vec<u64> = Vec::new();
    let mut numbers: Vec<i64> = Vec::new();
    let rows = columns.each(|row| {
        let mut places: HashMap<Row<'_>, usize> = HashMap::new();
        let mut found: Vec<(u64, i64)> = Vec::new();
        for index in list::range(lists, row).filter(|index| values.is_valid(*index)) {
            let place = *places.entry(known.row(index)).or_insert(found.len());
            match found.get_mut(place) {
                Some((_, count)) => *count += 1,
                None => found.push((index as u64, 1)),
            }
        }
        if columns.count() > 1 {
            let most = usize::try_from(columns.int(1, row)).ok().filter(|most| *most > 0);
            found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            found.truncate(most.ok_or_else(|| columns.wrong("the number is not positive"))?);
        }
        let from = keys.len() as u64;
        for (key, count) in found {
            keys.push(key);
            numbers.push(count);
        }
        Ok(Some((from..keys.len() as u64).collect()))
    })?;
    let keys = list::picked(values, &UInt64Array::from(keys))?;
    let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
    map::build(&keys, &numbers, &rows, Twice::First, &|| columns.refuse("a value stands twice"))
}
