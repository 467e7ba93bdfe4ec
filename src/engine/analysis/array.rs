//! Trino's "Array functions and operators" that the engine lacks.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array, UInt64Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use datafusion::common::Result as EngineResult;

use super::list;
use super::row::{Columns, Kind, Spec, gives};

/// Bytes that the lists of one batch may take.
const LIST_BYTES_MAX: usize = 256 << 20;

pub(super) const SPECS: &[Spec] = &[
    Spec {
        name: "sequence",
        takes: &[&[Kind::Int, Kind::Int], &[Kind::Int, Kind::Int, Kind::Int], &[Kind::Date, Kind::Date]],
        gives: |types| Ok(DataType::new_list(types.first().cloned().unwrap_or(DataType::Int64), true)),
        run: sequence,
        fails: true,
    },
    Spec { name: "trim_array", takes: &[&[Kind::List, Kind::Int]], gives: gives::first, run: trim_array, fails: true },
    Spec {
        name: "ngrams",
        takes: &[&[Kind::List, Kind::Int]],
        gives: |types| Ok(DataType::new_list(types.first().cloned().unwrap_or(DataType::Null), true)),
        run: ngrams,
        fails: true,
    },
    Spec {
        name: "contains_sequence",
        takes: &[&[Kind::Texts, Kind::Texts], &[Kind::List, Kind::List]],
        gives: gives::bool,
        run: contains_sequence,
        fails: true,
    },
];

/// From the first to the last, both of them, in steps.
fn sequence(columns: &Columns) -> EngineResult<ArrayRef> {
    let dates = *columns.array(0)?.data_type() == DataType::Date32;
    let end = |column: usize, row: usize| {
        if dates { i64::from(columns.date(column, row)) } else { columns.int(column, row) }
    };
    let mut values: Vec<i64> = Vec::new();
    let rows = columns.each(|row| {
        let (start, stop) = (end(0, row), end(1, row));
        let stride = if columns.count() > 2 {
            columns.int(2, row)
        } else if start > stop {
            -1
        } else {
            1
        };
        if stride == 0 || (stride > 0) != (stop >= start) && start != stop {
            return Err(columns.wrong("the steps lead away from the end"));
        }
        let count = usize::try_from(start.abs_diff(stop) / stride.unsigned_abs()).unwrap_or(usize::MAX);
        if count.saturating_add(values.len()) >= LIST_BYTES_MAX / size_of::<i64>() {
            return Err(columns.wrong("the list would be too long"));
        }
        let before = values.len();
        values.extend(std::iter::successors(Some(start), |last| last.checked_add(stride)).take(count + 1));
        Ok(Some(values.len() - before))
    })?;
    let nulls = rows.iter().map(Option::is_some).collect::<NullBuffer>();
    let lengths = rows.into_iter().map(Option::unwrap_or_default);
    let values: ArrayRef = if dates {
        Arc::new(values.into_iter().map(|day| i32::try_from(day).ok()).collect::<Date32Array>())
    } else {
        Arc::new(Int64Array::from(values))
    };
    list::of_lengths(lengths, values, Some(nulls))
}

/// Without so many of its last elements.
fn trim_array(columns: &Columns) -> EngineResult<ArrayRef> {
    let lists = columns.array(0)?.as_list::<i32>();
    let rows = columns.each(|row| {
        let range = list::range(lists, row);
        let cut = usize::try_from(columns.int(1, row)).ok().and_then(|cut| range.len().checked_sub(cut));
        let kept = cut.ok_or_else(|| columns.wrong("there are fewer elements, or the number is negative"))?;
        Ok(Some((range.start as u64..).take(kept).collect()))
    })?;
    list::of_picked(lists.values(), &rows)
}

/// The runs of so many elements.
fn ngrams(columns: &Columns) -> EngineResult<ArrayRef> {
    let lists = columns.array(0)?.as_list::<i32>();
    let mut indices: Vec<u64> = Vec::new();
    let mut lengths = Vec::new();
    let rows = columns.each(|row| {
        let range = list::range(lists, row);
        let size = usize::try_from(columns.int(1, row)).ok().filter(|size| *size > 0);
        let size = size.ok_or_else(|| columns.wrong("the length is not positive"))?.min(range.len().max(1));
        let runs = (range.len() + 1).saturating_sub(size).max(1);
        if runs.saturating_mul(size).saturating_add(indices.len()) > LIST_BYTES_MAX / size_of::<u64>() {
            return Err(columns.wrong("the list would be too long"));
        }
        for start in 0..runs {
            let run = (range.start + start) as u64..(range.start + start + size).min(range.end) as u64;
            lengths.push(usize::try_from(run.end.saturating_sub(run.start)).unwrap_or(0));
            indices.extend(run);
        }
        Ok(Some(runs))
    })?;
    let runs = list::of_lengths(lengths, list::picked(lists.values(), &UInt64Array::from(indices))?, None)?;
    let nulls = rows.iter().map(Option::is_some).collect::<NullBuffer>();
    list::of_lengths(rows.into_iter().map(Option::unwrap_or_default), runs, Some(nulls))
}

/// Whether the elements of the second stand in the first, one behind the other.
fn contains_sequence(columns: &Columns) -> EngineResult<ArrayRef> {
    let (whole, part) = (columns.array(0)?.as_list::<i32>(), columns.array(1)?.as_list::<i32>());
    if whole.value_type().is_null() || part.value_type().is_null() {
        let known = |row: usize| columns.whole(row).then_some(()).map(|()| list::range(part, row).is_empty());
        return Ok(Arc::new((0..columns.rows).map(known).collect::<BooleanArray>()));
    }
    if whole.value_type() != part.value_type() {
        return Err(columns.wrong("the lists hold different types"));
    }
    let converter = arrow::row::RowConverter::new(vec![arrow::row::SortField::new(whole.value_type())])?;
    let of = |values: &ArrayRef| converter.convert_columns(std::slice::from_ref(values));
    let (all, sought) = (of(whole.values())?, of(part.values())?);
    columns.bools(|row| {
        let sought: Vec<_> = list::range(part, row).map(|index| sought.row(index)).collect();
        let all: Vec<_> = list::range(whole, row).map(|index| all.row(index)).collect();
        Ok(Some(sought.is_empty() || all.windows(sought.len()).any(|run| run == sought.as_slice())))
    })
}
