//! From a grant's predicate to the engine's expression. What comes out cannot fail on any row: each literal is of its
//! column's own type, or a decimal beside an integer.

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Column, ScalarValue};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::expr::{InList, Like};
use datafusion::logical_expr::{Between, Expr, Operator as EngineOperator, binary_expr, lit, when};

use crate::error::{Error, Result, Said};
use crate::grant::filter::{Field, Literal, Operator, Predicate};

/// The most digits of a decimal.
const DIGITS_MAX: usize = 38;

/// A predicate as an expression on a table's columns.
///
/// # Errors
/// Refused if a column is missing or a literal is not of its type.
pub(super) fn expression(predicate: &Predicate, schema: &SchemaRef) -> Result<Expr> {
    Ok(match predicate {
        Predicate::True => lit(true),
        Predicate::False => lit(false),
        Predicate::Compare { field, operator, literal } => {
            let (value, data_type) = column(field, schema)?;
            binary_expr(value, engine_operator(*operator), lit(typed(literal, &data_type, field)?))
        }
        Predicate::Between { field, low, high, negated } => {
            let (value, data_type) = column(field, schema)?;
            let bound = |literal| Ok::<_, Error>(Box::new(lit(typed(literal, &data_type, field)?)));
            Expr::Between(Between::new(Box::new(value), *negated, bound(low)?, bound(high)?))
        }
        Predicate::In { field, list, negated } => {
            let (value, data_type) = column(field, schema)?;
            let list = list.iter().map(|literal| Ok(lit(typed(literal, &data_type, field)?)));
            Expr::InList(InList::new(Box::new(value), list.collect::<Result<_>>()?, *negated))
        }
        Predicate::Like { field, pattern, negated } => {
            let (value, data_type) = column(field, schema)?;
            // A pattern has no escape character; the engine's is the backslash.
            let pattern = Literal::Text(pattern.replace('\\', "\\\\"));
            let pattern = lit(typed(&pattern, &data_type, field)?);
            Expr::Like(Like::new(*negated, Box::new(value), Box::new(pattern), None, false))
        }
        Predicate::IsNull { field, negated } => {
            let (value, _) = column(field, schema)?;
            if *negated { value.is_not_null() } else { value.is_null() }
        }
        Predicate::Not(inner) => Expr::Not(Box::new(expression(inner, schema)?)),
        Predicate::And(all) => joined(all, schema, Expr::and, true)?,
        Predicate::Or(any) => joined(any, schema, Expr::or, false)?,
    })
}

/// A value where a cell's predicate is true, else NULL.
///
/// # Errors
/// As [`expression`].
pub(super) fn where_true(cells: &Predicate, value: Expr, schema: &SchemaRef) -> Result<Expr> {
    let condition = Expr::IsTrue(Box::new(expression(cells, schema)?));
    when(condition, value).end().map_err(|error| crate::engine::fault::engine_fault(&error))
}

fn joined(all: &[Predicate], schema: &SchemaRef, join: fn(Expr, Expr) -> Expr, none: bool) -> Result<Expr> {
    let mut joined = None;
    for predicate in all {
        let next = expression(predicate, schema)?;
        joined = Some(match joined {
            None => next,
            Some(before) => join(before, next),
        });
    }
    Ok(joined.unwrap_or_else(|| lit(none)))
}

fn engine_operator(operator: Operator) -> EngineOperator {
    match operator {
        Operator::Equal => EngineOperator::Eq,
        Operator::NotEqual => EngineOperator::NotEq,
        Operator::Less => EngineOperator::Lt,
        Operator::LessOrEqual => EngineOperator::LtEq,
        Operator::Greater => EngineOperator::Gt,
        Operator::GreaterOrEqual => EngineOperator::GtEq,
    }
}

/// A column, or a field of it, and its type.
fn column(field: &Field, schema: &SchemaRef) -> Result<(Expr, DataType)> {
    let missing = || {
        Error::refused("a row filter names a column that the table does not have")
            .with("column", &Said(&field.0.join(".")))
    };
    let mut names = field.0.iter();
    let top = names.next().ok_or_else(missing)?;
    let mut data_type = schema.field_with_name(top).map_err(|_| missing())?.data_type().clone();
    let mut value = Expr::Column(Column::new_unqualified(top));
    for name in names {
        let DataType::Struct(fields) = &data_type else { return Err(missing()) };
        let next = fields.iter().find(|field| field.name() == name).ok_or_else(missing)?.data_type().clone();
        value = get_field(value, name.as_str());
        data_type = next;
    }
    Ok((value, data_type))
}

/// A literal in its column's type.
fn typed(literal: &Literal, data_type: &DataType, field: &Field) -> Result<ScalarValue> {
    let unfit = || {
        Error::refused("a row filter compares a column with a value of another type")
            .with("column", &Said(&field.0.join(".")))
    };
    if let DataType::Dictionary(_, values) = data_type {
        return typed(literal, values, field);
    }
    let parse = |text: &str| ScalarValue::try_from_string(text.to_owned(), data_type).map_err(|_| unfit());
    match literal {
        Literal::Text(text) if data_type.is_string() || data_type.is_temporal() => parse(text),
        Literal::Boolean(value) if *data_type == DataType::Boolean => Ok(ScalarValue::Boolean(Some(*value))),
        Literal::Number(text) if data_type.is_floating() => parse(text),
        Literal::Number(text) if data_type.is_decimal() => exact_decimal(text, data_type).ok_or_else(unfit),
        Literal::Number(text) if data_type.is_integer() => match parse(text) {
            Ok(value) => Ok(value),
            // Outside the type's range, or with a fraction: still a sound comparison.
            Err(_) => decimal(text).ok_or_else(unfit),
        },
        _ => Err(unfit()),
    }
}

/// A number as a decimal column's own type, if that takes nothing from it.
fn exact_decimal(text: &str, data_type: &DataType) -> Option<ScalarValue> {
    let scale = match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => usize::try_from(*scale).ok()?,
        _ => return None,
    };
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction.trim_end_matches('0'));
    if fraction.len() > scale || text.contains(['e', 'E']) {
        return None;
    }
    ScalarValue::try_from_string(text.to_owned(), data_type).ok()
}

/// A number as the smallest decimal that holds it.
fn decimal(text: &str) -> Option<ScalarValue> {
    let digits = text.trim_start_matches(['-', '+']);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let sound = whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit());
    // Room is left for the integer beside it, which is made a decimal of the same scale.
    if !sound || whole.len().max(20) + fraction.len() > DIGITS_MAX {
        return None;
    }
    let precision = u8::try_from((whole.len() + fraction.len()).max(1)).ok()?;
    let scale = i8::try_from(fraction.len()).ok()?;
    ScalarValue::try_from_string(text.to_owned(), &DataType::Decimal128(precision, scale)).ok()
}
