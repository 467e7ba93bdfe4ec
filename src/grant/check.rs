//! A row filter beside the columns of a table: does every name exist, and can it be compared with what it stands beside.

use arrow::datatypes::{DataType, Fields};
use chrono::{NaiveDate, NaiveDateTime};

use super::filter::{Field, Literal, Operator, Predicate};
use super::names::{Meaning, column_meaning, meaning};
use crate::model::{TableSchema, printable};

/// What a literal must be to stand beside a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Boolean,
    Date,
    Timestamp,
}

impl Predicate {
    /// Compares the filter with a table's columns, and puts every name into the table's own spelling.
    ///
    /// # Errors
    /// Why the filter cannot be used on the table, in words that quote no literal.
    pub fn check(self, schema: &TableSchema) -> Result<Self, String> {
        let checked = |field: Field| Checked::new(field, schema);
        Ok(match self {
            Self::True => Self::True,
            Self::False => Self::False,
            Self::Compare { field, operator, literal } => {
                let column = checked(field)?;
                column.compare(&literal)?;
                if column.kind()? == Kind::Boolean && !matches!(operator, Operator::Equal | Operator::NotEqual) {
                    return Err(format!("`{}` is TRUE or FALSE, neither of which is less", column.field));
                }
                Self::Compare { field: column.field, operator, literal }
            }
            Self::Between { field, low, high, negated } => {
                let column = checked(field)?;
                column.compare(&low)?;
                column.compare(&high)?;
                if column.kind()? == Kind::Boolean {
                    return Err(format!("`{}` is TRUE or FALSE, and nothing is between", column.field));
                }
                Self::Between { field: column.field, low, high, negated }
            }
            Self::In { field, list, negated } => {
                let column = checked(field)?;
                list.iter().try_for_each(|literal| column.compare(literal))?;
                Self::In { field: column.field, list, negated }
            }
            Self::Like { field, pattern, negated } => {
                let column = checked(field)?;
                if column.kind()? != Kind::Text {
                    return Err(format!("LIKE needs a text, and `{}` is none", column.field));
                }
                if pattern.contains('\\') {
                    return Err("a LIKE pattern holds a backslash, which engines read differently".to_owned());
                }
                Self::Like { field: column.field, pattern, negated }
            }
            Self::IsNull { field, negated } => {
                let column = checked(field)?;
                column.kind()?;
                if column.partition {
                    return Err(format!("IS NULL cannot be asked of the partition column `{}`", column.field));
                }
                Self::IsNull { field: column.field, negated }
            }
            Self::Not(inner) => Self::Not(Box::new(inner.check(schema)?)),
            Self::And(parts) => Self::And(parts.into_iter().map(|part| part.check(schema)).collect::<Result<_, _>>()?),
            Self::Or(parts) => Self::Or(parts.into_iter().map(|part| part.check(schema)).collect::<Result<_, _>>()?),
        })
    }
}

/// The type of a checked field.
pub(super) fn type_of<'a>(field: &Field, schema: &'a TableSchema) -> Option<&'a DataType> {
    Checked::new(field.clone(), schema).ok().map(|checked| checked.data_type)
}

/// A field that exists, in the table's spelling, and its type.
struct Checked<'a> {
    field: Field,
    data_type: &'a DataType,
    partition: bool,
}

impl<'a> Checked<'a> {
    fn new(field: Field, schema: &'a TableSchema) -> Result<Self, String> {
        let column = match column_meaning(field.column(), &schema.columns) {
            Meaning::One(place) => schema.columns.get(place),
            Meaning::Unknown => None,
            Meaning::Ambiguous => return Err(ambiguous(&field)),
        };
        let column = column.ok_or_else(|| format!("the table has no column `{}`", printable(field.column())))?;
        let mut names = vec![column.name.clone()];
        let mut data_type = &column.data_type;
        for name in field.0.iter().skip(1) {
            let DataType::Struct(fields) = data_type else {
                return Err(format!("`{field}` is not a field of a struct"));
            };
            let (own, below) = step(name, fields, &field)?;
            names.push(own);
            data_type = below;
        }
        Ok(Self { field: Field(names), data_type, partition: column.partition })
    }

    fn kind(&self) -> Result<Kind, String> {
        kind(self.data_type).ok_or_else(|| {
            let word = match self.data_type {
                DataType::Timestamp(_, Some(_)) => "a timestamp with a time zone",
                data_type if data_type.is_nested() => "nested",
                _ => "of a type that filters do not know",
            };
            format!("`{}` is {word}, which a row filter cannot ask about", self.field)
        })
    }

    fn compare(&self, literal: &Literal) -> Result<(), String> {
        let fits = match (self.kind()?, literal) {
            (Kind::Text, Literal::Text(_))
            | (Kind::Number, Literal::Number(_))
            | (Kind::Boolean, Literal::Boolean(_)) => true,
            (Kind::Date, Literal::Text(text)) => is_date(text),
            (Kind::Timestamp, Literal::Text(text)) => is_date(text) || is_timestamp(text),
            _ => false,
        };
        let wanted = match self.kind()? {
            Kind::Text => "a text",
            Kind::Number => "a number",
            Kind::Boolean => "TRUE or FALSE",
            Kind::Date => "a date such as '2024-12-31'",
            Kind::Timestamp => "a timestamp such as '2024-12-31 23:59:59'",
        };
        if fits { Ok(()) } else { Err(format!("`{}` can only be compared with {wanted}", self.field)) }
    }
}

fn ambiguous(field: &Field) -> String {
    format!("`{field}` may be several columns, which differ only by case")
}

fn step<'a>(name: &str, fields: &'a Fields, field: &Field) -> Result<(String, &'a DataType), String> {
    let place = match meaning(name, fields.iter().map(|field| field.name().as_str())) {
        Meaning::One(place) => place,
        Meaning::Unknown => return Err(format!("the table has no field `{field}`")),
        Meaning::Ambiguous => return Err(ambiguous(field)),
    };
    let below = fields.get(place).ok_or_else(|| format!("the table has no field `{field}`"))?;
    Ok((below.name().clone(), below.data_type()))
}

/// `None` for types that a filter cannot ask about.
fn kind(data_type: &DataType) -> Option<Kind> {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Kind::Text),
        DataType::Dictionary(_, values) => kind(values).filter(|kind| *kind == Kind::Text),
        DataType::Boolean => Some(Kind::Boolean),
        DataType::Date32 | DataType::Date64 => Some(Kind::Date),
        // A text without a zone means the same moment everywhere only beside UTC.
        DataType::Timestamp(_, zone) => {
            let plain = zone.as_deref().is_none_or(|zone| ["UTC", "Z", "+00:00"].contains(&zone));
            plain.then_some(Kind::Timestamp)
        }
        data_type if data_type.is_numeric() => Some(Kind::Number),
        _ => None,
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

fn is_timestamp(text: &str) -> bool {
    let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
    text.len() >= 19 && formats.iter().any(|format| NaiveDateTime::parse_from_str(text, format).is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use arrow::datatypes::{Field as ArrowField, TimeUnit};

    use super::*;
    use crate::model::{ColumnSchema, TableName};

    fn schema() -> TableSchema {
        let field = |name: &str, data_type: DataType| ArrowField::new(name, data_type, true);
        let address = Fields::from(vec![field("City", DataType::Utf8), field("zip", DataType::Int32)]);
        let item = Arc::new(field("item", DataType::Utf8));
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let columns = [
            ("Name", DataType::Utf8View),
            ("country", dictionary),
            ("age", DataType::Int64),
            ("price", DataType::Decimal128(10, 2)),
            ("active", DataType::Boolean),
            ("born", DataType::Date32),
            ("seen", DataType::Timestamp(TimeUnit::Microsecond, None)),
            ("zoned", DataType::Timestamp(TimeUnit::Microsecond, Some("Europe/Berlin".into()))),
            ("address", DataType::Struct(address)),
            ("tags", DataType::List(item)),
            ("blob", DataType::Binary),
            ("id", DataType::Int64),
            ("Id", DataType::Int64),
            ("dt", DataType::Utf8),
        ];
        let column = |(name, data_type): (&str, DataType)| ColumnSchema {
            name: name.to_owned(),
            data_type,
            partition: name == "dt",
        };
        TableSchema { name: TableName::new("shop", "customer"), columns: columns.into_iter().map(column).collect() }
    }

    #[test]
    fn names_take_the_tables_spelling() {
        let cases = [
            ("name = 'x'", r#""Name" = 'x'"#),
            ("COUNTRY IN ('DE')", r#""country" IN ('DE')"#),
            ("address.city LIKE 'B%'", r#""address"."City" LIKE 'B%'"#),
            ("Address.ZIP > 10000", r#""address"."zip" > 10000"#),
            ("price BETWEEN 1.5 AND 2", r#""price" BETWEEN 1.5 AND 2"#),
            ("active <> false", r#""active" <> FALSE"#),
            ("born >= '2000-02-29'", r#""born" >= '2000-02-29'"#),
            ("seen < '2024-12-31 23:59:59.5' or seen > '2024-12-31'", {
                r#""seen" < '2024-12-31 23:59:59.5' OR "seen" > '2024-12-31'"#
            }),
            ("Id = 1 and id = 2", r#""Id" = 1 AND "id" = 2"#),
            ("dt = '2024'", r#""dt" = '2024'"#),
            ("not (name is null)", r#"NOT ("Name" IS NULL)"#),
        ];
        for (text, sql) in cases {
            let checked = Predicate::parse(text).unwrap().check(&schema());
            assert_eq!(checked.map(|checked| checked.to_sql()).as_deref(), Ok(sql), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused_with_a_reason_that_quotes_no_literal() {
        let cases = [
            ("nobody = 'geheim'", "no column `nobody`"),
            ("ID = 1", "differ only by case"),
            ("name = 5", "compared with a text"),
            ("age = 'geheim'", "compared with a number"),
            ("active = 'geheim'", "TRUE or FALSE"),
            ("active > TRUE", "neither of which is less"),
            ("active between false and true", "nothing is between"),
            ("born = 'geheim'", "compared with a date"),
            ("born = '2023-02-29'", "compared with a date"),
            ("born = '2023-02-01 00:00:00'", "compared with a date"),
            ("seen = 'geheim'", "compared with a timestamp"),
            ("zoned = '2024-01-01'", "with a time zone"),
            ("age LIKE '1%'", "needs a text"),
            (r"name LIKE 'a\_b'", "backslash"),
            ("address = 'geheim'", "nested"),
            ("address IS NULL", "nested"),
            ("address.street = 'geheim'", "no field `address.street`"),
            ("name.first = 'geheim'", "not a field of a struct"),
            ("tags IS NULL", "nested"),
            ("blob IS NOT NULL", "type that filters do not know"),
            ("dt IS NULL", "partition column `dt`"),
            ("not (age in (1, 'geheim'))", "compared with a number"),
        ];
        for (text, part) in cases {
            let reason = Predicate::parse(text).unwrap().check(&schema()).unwrap_err();
            assert!(reason.contains(part) && !reason.contains("geheim"), "{text}: {reason}");
        }
    }
}
