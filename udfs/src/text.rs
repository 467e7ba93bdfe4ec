//! The Arrow plumbing that every function shares: dictionaries, scalars, output columns, literal arguments.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err, internal_err, plan_datafusion_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs};

use crate::canonical::{has_canonical_text, visit_cells};

/// The type of the output: text; a dictionary of text for a dictionary.
pub(crate) fn text_type(input: &DataType) -> DataType {
    match input {
        DataType::Dictionary(keys, _) => DataType::Dictionary(keys.clone(), Box::new(DataType::Utf8)),
        _ => DataType::Utf8,
    }
}

/// The output field of a function that reads canonical text, or the reason why there is none.
pub(crate) fn canonical_text_field(function: &str, args: &ReturnFieldArgs) -> Result<FieldRef> {
    let value = value_field(function, args)?;
    let data_type = value.data_type();
    if !has_canonical_text(data_type) {
        return plan_err!(
            "`{function}` cannot mask a value of type {data_type}; use `mask_null(value)`, which takes every type"
        );
    }
    Ok(output_field(function, text_type(data_type), value))
}

/// The field of a function's first argument.
pub(crate) fn value_field<'a>(function: &str, args: &ReturnFieldArgs<'a>) -> Result<&'a FieldRef> {
    args.arg_fields.first().ok_or_else(|| plan_datafusion_err!("`{function}` needs a value to mask"))
}

/// A field as nullable as the value it is made from. Metadata of the source stays behind.
///
/// A dictionary and a nested value may hold NULLs that their field knows nothing of.
pub(crate) fn output_field(function: &str, data_type: DataType, value: &FieldRef) -> FieldRef {
    let hides_nulls = value.data_type().is_nested()
        || matches!(value.data_type(), DataType::Dictionary(..) | DataType::RunEndEncoded(..) | DataType::Null);
    Arc::new(Field::new(function, data_type, value.is_nullable() || hides_nulls))
}

/// Refuses a call with too few or too many arguments.
pub(crate) fn check_count(function: &str, args: &ReturnFieldArgs, least: usize, most: usize) -> Result<()> {
    let count = args.arg_fields.len();
    if count < least || count > most {
        let expected = if least == most { most.to_string() } else { format!("{least} to {most}") };
        return plan_err!("`{function}` takes {expected} arguments, not {count}");
    }
    Ok(())
}

/// A text argument as planning sees it: absent, or a literal.
pub(crate) fn literal_text<'a>(
    function: &str,
    what: &str,
    args: &ReturnFieldArgs<'a>,
    position: usize,
) -> Result<Option<&'a str>> {
    match args.scalar_arguments.get(position) {
        None => Ok(None),
        Some(None) => plan_err!("`{function}` needs its {what} as a text literal, such as 'name'"),
        Some(Some(scalar)) => text_of(function, what, scalar).map(Some),
    }
}

/// The text of a literal. NULL and other types are refused.
pub(crate) fn text_of<'a>(function: &str, what: &str, scalar: &'a ScalarValue) -> Result<&'a str> {
    match scalar.try_as_str() {
        Some(Some(text)) => Ok(text),
        Some(None) => plan_err!("`{function}` needs its {what} as a text literal, not NULL"),
        None => {
            let data_type = scalar.data_type();
            plan_err!("`{function}` needs its {what} as a text literal, not a value of type {data_type}")
        }
    }
}

/// An argument as execution sees it: absent, or a literal, which planning has checked.
pub(crate) fn scalar_argument<'a>(
    function: &str,
    args: &'a ScalarFunctionArgs,
    position: usize,
) -> Result<Option<&'a ScalarValue>> {
    match args.args.get(position) {
        None => Ok(None),
        Some(ColumnarValue::Scalar(scalar)) => Ok(Some(scalar)),
        Some(ColumnarValue::Array(_)) => exec_err!("`{function}` takes argument {} as a literal only", position + 1),
    }
}

/// The value to mask.
pub(crate) fn value_argument<'a>(function: &str, args: &'a ScalarFunctionArgs) -> Result<&'a ColumnarValue> {
    args.args.first().ok_or_else(|| plan_datafusion_err!("`{function}` needs a value to mask"))
}

/// Masks a column or a literal by a function of plain arrays: a literal as a column of one row, a dictionary by its
/// values.
pub(crate) fn map_cells(
    value: &ColumnarValue,
    mut mask: impl FnMut(&dyn Array) -> Result<StringArray>,
) -> Result<ColumnarValue> {
    match value {
        ColumnarValue::Array(array) => Ok(ColumnarValue::Array(map_array(array, &mut mask)?)),
        ColumnarValue::Scalar(scalar) => {
            let masked = map_array(&scalar.to_array()?, &mut mask)?;
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&masked, 0)?))
        }
    }
}

fn map_array(array: &ArrayRef, mask: &mut impl FnMut(&dyn Array) -> Result<StringArray>) -> Result<ArrayRef> {
    let Some(dictionary) = array.as_any_dictionary_opt() else {
        return Ok(Arc::new(mask(array)?));
    };
    let values = dictionary.values();
    let masked = if values.len() > array.len() && !values.is_empty() {
        // A reader hands the dictionary of a whole row group with every batch: mask what this batch uses.
        let mut unused = vec![true; values.len()];
        let nulls = dictionary.nulls();
        for (row, key) in dictionary.normalized_keys().into_iter().enumerate() {
            if nulls.is_none_or(|nulls| nulls.is_valid(row))
                && let Some(flag) = unused.get_mut(key)
            {
                *flag = false;
            }
        }
        mask(&arrow::compute::nullif(values, &BooleanArray::from(unused))?)?
    } else {
        mask(values)?
    };
    Ok(dictionary.with_values(Arc::new(masked)))
}

/// Masks each cell by writing what replaces it to the end of the output's text.
pub(crate) fn write_cells(array: &dyn Array, mut write: impl FnMut(&[u8], &mut String)) -> Result<StringArray> {
    let mut text = String::new();
    let mut ends = Vec::with_capacity(array.len());
    visit_cells(array, |cell| {
        if let Some(bytes) = cell {
            write(bytes, &mut text);
        }
        ends.push(text.len());
    })?;
    text_column(text.into_bytes(), ends.into_iter(), array.logical_nulls())
}

/// A text column from its bytes, the end of each cell in them, and its NULLs.
pub(crate) fn text_column(
    bytes: Vec<u8>,
    ends: impl ExactSizeIterator<Item = usize>,
    nulls: Option<NullBuffer>,
) -> Result<StringArray> {
    if i32::try_from(bytes.len()).is_err() {
        return Err(batch_too_large());
    }
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0_i32);
    for end in ends {
        offsets.push(i32::try_from(end).map_err(|_| batch_too_large())?);
    }
    if !offsets.is_sorted() {
        return internal_err!("cells of a text column overlap");
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls)?)
}

/// A text column holds 2 GiB.
pub(crate) fn batch_too_large() -> DataFusionError {
    DataFusionError::Execution("masked batch is larger than 2 GiB; lower `datafusion.execution.batch_size`".to_owned())
}
