//! Types without shared memory.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};

/// The type with dictionaries, run ends and views replaced by what they stand for, at every depth.
pub(super) fn plain(data_type: &DataType) -> DataType {
    let field = |field: &FieldRef| -> FieldRef {
        Arc::new(Field::new(field.name(), plain(field.data_type()), field.is_nullable()))
    };
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        DataType::RunEndEncoded(_, values) => plain(values.data_type()),
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(item) | DataType::ListView(item) => DataType::List(field(item)),
        DataType::LargeList(item) | DataType::LargeListView(item) => DataType::LargeList(field(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(field(item), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(field(entries), *sorted),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_memory_is_left_behind_at_every_depth() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8View));
        let nested = DataType::Struct(vec![Field::new("a", dictionary, true)].into());
        let list = DataType::List(Arc::new(Field::new("item", nested, true)));
        let bare = DataType::Struct(vec![Field::new("a", DataType::Utf8, true)].into());
        assert_eq!(plain(&list), DataType::List(Arc::new(Field::new("item", bare, true))));
        assert_eq!(plain(&DataType::Int64), DataType::Int64);
    }
}
