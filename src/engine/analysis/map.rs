//! Trino's "Map functions and operators" that the engine lacks, and the maps that aggregates are made into.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StringArray, StructArray, UInt64Array};
use arrow::buffer::NullBuffer;
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::row::{Row, RowConverter, SortField};
use datafusion::common::{Result as EngineResult, plan_err};

use super::list;
use super::row::{Columns, Kind, Spec};

/// What becomes of a key that stands twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twice {
    /// The first entry counts.
    First,
    /// The last entry counts.
    Last,
    /// That is an error.
    Wrong,
}

const LIST: &[&[Kind]] = &[&[Kind::List]];

pub(super) const SPECS: &[Spec] = &[
    Spec {
        name: "map_from_entries",
        takes: LIST,
        gives: entries_type,
        run: |columns| of_entries(columns, Twice::Wrong),
        fails: true,
    },
    Spec {
        name: "map_of_first",
        takes: LIST,
        gives: entries_type,
        run: |columns| of_entries(columns, Twice::First),
        fails: false,
    },
    Spec { name: "multimap_from_entries", takes: LIST, gives: multimap_type, run: multimap, fails: true },
    Spec {
        name: "map_concat",
        takes: &[
            &[Kind::Map, Kind::Map],
            &[Kind::Map, Kind::Map, Kind::Map],
            &[Kind::Map, Kind::Map, Kind::Map, Kind::Map],
            &[Kind::Map, Kind::Map, Kind::Map, Kind::Map, Kind::Map],
        ],
        gives: |types| {
            let first = types.first().cloned().unwrap_or(DataType::Null);
            let (key, value) = parts_of(&first)?;
            Ok(map_type(&key, &value))
        },
        run: map_concat,
        fails: true,
    },
    Spec {
        name: "map_of_maps",
        takes: LIST,
        gives: |types| {
            let (key, value) = parts_of(&list::item(types.first().unwrap_or(&DataType::Null)))?;
            Ok(map_type(&key, &value))
        },
        run: map_of_maps,
        fails: false,
    },
    part::<0>("unnest_part_1"),
    part::<1>("unnest_part_2"),
    part::<2>("unnest_part_3"),
    part::<3>("unnest_part_4"),
    part::<4>("unnest_part_5"),
    part::<5>("unnest_part_6"),
    part::<6>("unnest_part_7"),
    part::<7>("unnest_part_8"),
];

/// How many columns UNNEST can make of one list of rows.
pub(super) const PARTS: usize = 8;

/// The n-th column that UNNEST makes of a map or of a list of rows.
const fn part<const N: usize>(name: &'static str) -> Spec {
    Spec {
        name,
        takes: &[&[Kind::Map], &[Kind::List]],
        gives: |types| {
            let of = match types.first() {
                Some(DataType::Map(entries, _)) => entries.data_type().clone(),
                Some(other) => list::item(other),
                None => DataType::Null,
            };
            match &of {
                DataType::Struct(fields) if fields.len() > N => Ok(DataType::new_list(
                    fields.get(N).map_or(DataType::Null, |field| field.data_type().clone()),
                    true,
                )),
                _ => plan_err!("UNNEST makes fewer columns of its argument than are named behind it"),
            }
        },
        run: part_of::<N>,
        fails: false,
    }
}

fn part_of<const N: usize>(columns: &Columns) -> EngineResult<ArrayRef> {
    let array = columns.array(0)?;
    let (entries, offsets, nulls) = if let Some(map) = array.as_map_opt() {
        (map.entries().clone(), map.offsets().clone(), map.nulls().cloned())
    } else {
        let lists = array.as_list::<i32>();
        (lists.values().as_struct().clone(), lists.offsets().clone(), lists.nulls().cloned())
    };
    let column = entries.columns().get(N).ok_or_else(|| columns.wrong("there are fewer columns"))?;
    let values = match entries.nulls() {
        // A row that is NULL is NULL in each of its columns.
        Some(nulls) => {
            let absent = arrow::array::BooleanArray::from(!nulls.inner());
            arrow::compute::nullif(column, &absent)?
        }
        None => Arc::clone(column),
    };
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(field, offsets, values, nulls)?))
}

/// The type of a map.
pub(super) fn map_type(key: &DataType, value: &DataType) -> DataType {
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry_fields(key, value)), false)), false)
}

fn entry_fields(key: &DataType, value: &DataType) -> Fields {
    vec![Field::new("key", key.clone(), false), Field::new("value", value.clone(), true)].into()
}

/// The types of a map's keys and values, or of a row of two.
fn parts_of(data_type: &DataType) -> EngineResult<(DataType, DataType)> {
    let entry = match data_type {
        DataType::Map(entries, _) => entries.data_type(),
        other => other,
    };
    if let DataType::Struct(fields) = entry
        && let [key, value] = fields.as_ref()
    {
        return Ok((key.data_type().clone(), value.data_type().clone()));
    }
    plan_err!("an entry of a map is a row of a key and a value")
}

fn entries_type(types: &[DataType]) -> EngineResult<DataType> {
    let (key, value) = parts_of(&list::item(types.first().unwrap_or(&DataType::Null)))?;
    Ok(map_type(&key, &value))
}

fn multimap_type(types: &[DataType]) -> EngineResult<DataType> {
    let (key, value) = parts_of(&list::item(types.first().unwrap_or(&DataType::Null)))?;
    Ok(map_type(&key, &DataType::new_list(value, true)))
}

/// What a row that is no map leads to: an error, or nothing, and the row is NULL.
pub(super) type Wrong<'a> = dyn Fn() -> EngineResult<()> + 'a;

/// The entries of each row: the indices of its keys and values.
type Rows = Vec<Option<Vec<u64>>>;

/// A column of maps whose rows hold the entries at the indices of that row. Entries without a key are left out.
pub(super) fn build(
    keys: &ArrayRef,
    values: &ArrayRef,
    rows: &Rows,
    twice: Twice,
    wrong: &Wrong,
) -> EngineResult<ArrayRef> {
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?;
    let known = converter.convert_columns(std::slice::from_ref(keys))?;
    let mut kept: Vec<u64> = Vec::new();
    let mut lengths = Vec::with_capacity(rows.len());
    let mut there = Vec::with_capacity(rows.len());
    for row in rows {
        let before = kept.len();
        let mut is_map = row.is_some();
        let mut places: HashMap<Row<'_>, usize> = HashMap::new();
        for index in row.iter().flatten() {
            let at = usize::try_from(*index).unwrap_or(usize::MAX);
            if keys.is_null(at) {
                continue;
            }
            match (places.get(&known.row(at)), twice) {
                (None, _) => {
                    places.insert(known.row(at), kept.len());
                    kept.push(*index);
                }
                (Some(place), Twice::Last) => {
                    if let Some(entry) = kept.get_mut(*place) {
                        *entry = *index;
                    }
                }
                (Some(_), Twice::First) => {}
                (Some(_), Twice::Wrong) => {
                    wrong()?;
                    is_map = false;
                }
            }
        }
        if !is_map {
            kept.truncate(before);
        }
        there.push(is_map);
        lengths.push(kept.len() - before);
    }
    let kept = UInt64Array::from(kept);
    let columns = vec![list::picked(keys, &kept)?, list::picked(values, &kept)?];
    assemble(columns, lengths, there.into_iter().collect())
}

/// Maps of keys and values that lie one behind the other.
fn assemble(columns: Vec<ArrayRef>, lengths: Vec<usize>, nulls: NullBuffer) -> EngineResult<ArrayRef> {
    let types: Vec<DataType> = columns.iter().map(|column| column.data_type().clone()).collect();
    let (key, value) = (types.first().unwrap_or(&DataType::Null), types.get(1).unwrap_or(&DataType::Null));
    let entries = StructArray::try_new(entry_fields(key, value), columns, None)?;
    let DataType::Map(field, sorted) = map_type(key, value) else { return plan_err!("no map") };
    Ok(Arc::new(MapArray::try_new(field, list::offsets(lengths), entries, Some(nulls), sorted)?))
}

/// Maps of text to text.
pub(super) fn of_texts(rows: &[Option<Vec<(&str, &str)>>], twice: Twice, wrong: &Wrong) -> EngineResult<ArrayRef> {
    let (keys, values, rows) = texts(rows);
    build(&keys, &values, &rows, twice, wrong)
}

/// Maps of text to lists of text.
pub(super) fn of_text_lists(rows: &[Option<Vec<(&str, &str)>>]) -> EngineResult<ArrayRef> {
    let (keys, values, rows) = texts(rows);
    gathered(&keys, &values, &rows)
}

fn texts(rows: &[Option<Vec<(&str, &str)>>]) -> (ArrayRef, ArrayRef, Rows) {
    let pairs = || rows.iter().flatten().flatten();
    let keys: StringArray = pairs().map(|(key, _)| Some(*key)).collect();
    let values: StringArray = pairs().map(|(_, value)| Some(*value)).collect();
    let mut next = 0_u64;
    let mut indices = |count: usize| {
        let from = next;
        next += count as u64;
        (from..next).collect()
    };
    let rows = rows.iter().map(|row| row.as_ref().map(|row| indices(row.len()))).collect();
    (Arc::new(keys), Arc::new(values), rows)
}

/// The keys, the values and the entries of a list of rows. Entries that are NULL are left out.
fn entries(lists: &ListArray) -> EngineResult<(ArrayRef, ArrayRef, Rows)> {
    let pairs = lists.values().as_struct();
    let (Some(keys), Some(values)) = (pairs.columns().first(), pairs.columns().get(1)) else {
        return plan_err!("an entry of a map is a row of a key and a value");
    };
    let of = |row: usize| {
        let there = list::range(lists, row).filter(|index| pairs.is_valid(*index));
        lists.is_valid(row).then(|| there.map(|index| index as u64).collect())
    };
    Ok((Arc::clone(keys), Arc::clone(values), (0..lists.len()).map(of).collect()))
}

fn of_entries(columns: &Columns, twice: Twice) -> EngineResult<ArrayRef> {
    let (keys, values, rows) = entries(columns.array(0)?.as_list::<i32>())?;
    let missing = rows.iter().flatten().flatten().any(|index| keys.is_null(usize::try_from(*index).unwrap_or(0)));
    if twice == Twice::Wrong && missing {
        columns.refuse("a key is NULL")?;
    }
    build(&keys, &values, &rows, twice, &|| columns.refuse("a key stands twice"))
}

fn multimap(columns: &Columns) -> EngineResult<ArrayRef> {
    let (keys, values, rows) = entries(columns.array(0)?.as_list::<i32>())?;
    gathered(&keys, &values, &rows)
}

/// Maps of each key to the list of its values.
fn gathered(keys: &ArrayRef, values: &ArrayRef, rows: &Rows) -> EngineResult<ArrayRef> {
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?;
    let known = converter.convert_columns(std::slice::from_ref(keys))?;
    let mut firsts: Vec<u64> = Vec::new();
    let mut lists: Vec<Option<Vec<u64>>> = Vec::new();
    let mut lengths = Vec::with_capacity(rows.len());
    for row in rows {
        let before = firsts.len();
        let mut places: HashMap<Row<'_>, usize> = HashMap::new();
        for index in row.iter().flatten() {
            let at = usize::try_from(*index).unwrap_or(usize::MAX);
            if keys.is_null(at) {
                continue;
            }
            let place = *places.entry(known.row(at)).or_insert_with(|| {
                firsts.push(*index);
                lists.push(Some(Vec::new()));
                lists.len() - 1
            });
            if let Some(Some(list)) = lists.get_mut(place) {
                list.push(*index);
            }
        }
        lengths.push(firsts.len() - before);
    }
    let columns = vec![list::picked(keys, &UInt64Array::from(firsts))?, list::of_picked(values, &lists)?];
    assemble(columns, lengths, rows.iter().map(Option::is_some).collect())
}

/// One map of all of a row's; of a key that stands in several, the last counts.
fn map_concat(columns: &Columns) -> EngineResult<ArrayRef> {
    let maps = columns.arrays.iter().map(|array| Ok(cast(array, &columns.gives)?)).collect::<EngineResult<Vec<_>>>()?;
    let maps: Vec<&MapArray> = maps.iter().map(AsArray::as_map).collect();
    let keys: Vec<&dyn Array> = maps.iter().map(|map| map.keys().as_ref()).collect();
    let values: Vec<&dyn Array> = maps.iter().map(|map| map.values().as_ref()).collect();
    let row_of = |row: usize| {
        if maps.iter().any(|map| map.is_null(row)) {
            return None;
        }
        let mut before = 0;
        let mut indices = Vec::new();
        for map in &maps {
            indices.extend(map_range(map, row).map(|index| (before + index) as u64));
            before += map.keys().len();
        }
        Some(indices)
    };
    let rows: Rows = (0..columns.rows).map(row_of).collect();
    build(&concat(&keys)?, &concat(&values)?, &rows, Twice::Last, &|| columns.refuse("a key stands twice"))
}

/// One map of a list of maps; of a key that stands in several, the first counts.
fn map_of_maps(columns: &Columns) -> EngineResult<ArrayRef> {
    let lists = columns.array(0)?.as_list::<i32>();
    let maps = lists.values().as_map();
    let row_of = |row: usize| {
        let indices = list::range(lists, row).flat_map(|index| map_range(maps, index));
        lists.is_valid(row).then(|| indices.map(|index| index as u64).collect())
    };
    let rows: Rows = (0..lists.len()).map(row_of).collect();
    build(maps.keys(), maps.values(), &rows, Twice::First, &|| columns.refuse("a key stands twice"))
}

fn map_range(map: &MapArray, row: usize) -> std::ops::Range<usize> {
    let at = |index: usize| map.offsets().get(index).and_then(|end| usize::try_from(*end).ok()).unwrap_or_default();
    if map.is_null(row) { 0..0 } else { at(row)..at(row + 1) }
}
