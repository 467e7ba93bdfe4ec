//! `mask_redact`: one text for every value.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::info::{Example, FunctionInfo};
use crate::text::{
    batch_too_large, check_count, literal_text, output_field, scalar_argument, text_column, text_of, text_type,
    value_argument, value_field,
};

pub(crate) const INFO: FunctionInfo = FunctionInfo {
    name: "mask_redact",
    keyed: false,
    signature: "mask_redact(value [, 'text'])",
    description: "The same text for every value: nothing is left of it but whether it was there. Takes every type, \
                  nested ones too.",
    arguments: &[
        ("value", "What to mask: a value of any type."),
        ("'text'", "What to show instead, as a literal of at most 4096 bytes. `##################` if absent."),
    ],
    output: "text; a dictionary for a dictionary. NULL for NULL.",
    examples: &[
        Example { sql: "SELECT mask_redact('alice')", result: "##################" },
        Example { sql: "SELECT mask_redact(4111, 'hidden')", result: "hidden" },
        Example { sql: "SELECT mask_redact('')", result: "##################" },
        Example { sql: "SELECT mask_redact(NULL)", result: "NULL" },
    ],
};

/// Eighteen signs, the length of the text in the architecture that this one replaces.
pub(crate) const DEFAULT_TEXT: &str = "##################";

/// A longer text, once a row, would be a way to fill the memory.
const TEXT_BYTES_MAX: usize = 4_096;

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| INFO.documentation());

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct MaskRedact {
    signature: Signature,
}

impl MaskRedact {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for MaskRedact {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        internal_err!("`{}` decides its type in return_field_from_args", INFO.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        check_count(INFO.name, &args, 1, 2)?;
        if let Some(text) = literal_text(INFO.name, "text", &args, 1)? {
            check_text(text)?;
        }
        let value = value_field(INFO.name, &args)?;
        Ok(output_field(INFO.name, text_type(value.data_type()), value))
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let text = redaction(scalar_argument(INFO.name, &args, 1)?)?;
        match value_argument(INFO.name, &args)? {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(redact(array, text)?)),
            ColumnarValue::Scalar(scalar) => {
                let redacted = redact(&scalar.to_array()?, text)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&redacted, 0)?))
            }
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// The text that a call shows.
pub(crate) fn redaction(argument: Option<&ScalarValue>) -> Result<&str> {
    let Some(scalar) = argument else {
        return Ok(DEFAULT_TEXT);
    };
    let text = text_of(INFO.name, "text", scalar)?;
    check_text(text)?;
    Ok(text)
}

fn check_text(text: &str) -> Result<()> {
    if text.len() > TEXT_BYTES_MAX {
        return plan_err!("`{}` shows a text of at most {TEXT_BYTES_MAX} bytes, not {}", INFO.name, text.len());
    }
    Ok(())
}

/// A column of one text, with the NULLs of the source.
///
/// A dictionary gets new keys and one value: the old keys would still tell which cells are equal.
fn redact(array: &ArrayRef, text: &str) -> Result<ArrayRef> {
    let rows = array.len();
    let output_type = text_type(array.data_type());
    let nulls = array.logical_nulls();
    if nulls.as_ref().is_some_and(|nulls| nulls.null_count() == rows) {
        return Ok(new_null_array(&output_type, rows));
    }
    let bytes = repeated(text, rows)?;
    let ends = (0..rows).map(|row| (row + 1).saturating_mul(text.len()));
    let column: ArrayRef = Arc::new(text_column(bytes, ends, nulls)?);
    match output_type {
        DataType::Utf8 => Ok(column),
        dictionary => Ok(arrow::compute::cast(&column, &dictionary)?),
    }
}

fn repeated(text: &str, rows: usize) -> Result<Vec<u8>> {
    match text.len().checked_mul(rows) {
        Some(bytes) if i32::try_from(bytes).is_ok() => Ok(text.repeat(rows).into_bytes()),
        _ => Err(batch_too_large()),
    }
}
