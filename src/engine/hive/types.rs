//! Types by their names in Hive.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

/// A type as Hive writes it; what Hive has no word for, as the nearest that it has.
pub fn type_name(data_type: &DataType) -> String {
    use DataType as D;
    match data_type {
        D::Boolean => "boolean".to_owned(),
        D::Int8 => "tinyint".to_owned(),
        D::Int16 | D::UInt8 => "smallint".to_owned(),
        D::Int32 | D::UInt16 => "int".to_owned(),
        D::Int64 | D::UInt32 => "bigint".to_owned(),
        D::UInt64 => "decimal(20,0)".to_owned(),
        D::Float16 | D::Float32 => "float".to_owned(),
        D::Float64 => "double".to_owned(),
        D::Date32 | D::Date64 => "date".to_owned(),
        D::Timestamp(..) => "timestamp".to_owned(),
        D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => "binary".to_owned(),
        D::Decimal32(p, s) | D::Decimal64(p, s) | D::Decimal128(p, s) | D::Decimal256(p, s) => {
            format!("decimal({p},{s})")
        }
        D::List(item) | D::LargeList(item) | D::FixedSizeList(item, _) | D::ListView(item) | D::LargeListView(item) => {
            format!("array<{}>", type_name(item.data_type()))
        }
        D::Struct(members) => {
            let member = |field: &Arc<Field>| format!("{}:{}", field.name(), type_name(field.data_type()));
            format!("struct<{}>", members.iter().map(member).collect::<Vec<_>>().join(","))
        }
        D::Map(entries, _) => match entries.data_type() {
            D::Struct(pair) => {
                let types: Vec<String> = pair.iter().map(|field| type_name(field.data_type())).collect();
                format!("map<{}>", types.join(","))
            }
            _ => "string".to_owned(),
        },
        D::Dictionary(_, value) => type_name(value),
        _ => "string".to_owned(),
    }
}
