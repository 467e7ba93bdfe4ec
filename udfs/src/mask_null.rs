//! `mask_null`: nothing at all, of the same type.

use std::sync::LazyLock;

use arrow::array::new_null_array;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::info::{Example, FunctionInfo};
use crate::text::{check_count, value_argument, value_field};

pub(crate) const INFO: FunctionInfo = FunctionInfo {
    name: "mask_null",
    keyed: false,
    signature: "mask_null(value)",
    description: "NULL, whatever the value. Takes every type, nested ones too, and keeps it, so that a table's schema \
                  stays as it is. Nothing of the value is left, not even whether it was there.",
    arguments: &[("value", "What to mask: a value of any type.")],
    output: "the type of the value. A column declared NOT NULL becomes nullable.",
    examples: &[
        Example {
            sql: "SELECT mask_null('alice')",
            result: "NULL",
        },
        Example {
            sql: "SELECT arrow_typeof(mask_null(5))",
            result: "Int64",
        },
        Example {
            sql: "SELECT mask_null([1, 2, 3]) IS NULL",
            result: "true",
        },
    ],
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| INFO.documentation());

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct MaskNull {
    signature: Signature,
}

impl MaskNull {
    pub(crate) fn new() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for MaskNull {
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
        check_count(INFO.name, &args, 1, 1)?;
        let data_type = value_field(INFO.name, &args)?.data_type().clone();
        Ok(Field::new(INFO.name, data_type, true).into())
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(match value_argument(INFO.name, &args)? {
            ColumnarValue::Array(array) => {
                ColumnarValue::Array(new_null_array(array.data_type(), array.len()))
            }
            ColumnarValue::Scalar(scalar) => {
                let null = new_null_array(&scalar.data_type(), 1);
                ColumnarValue::Scalar(ScalarValue::try_from_array(&null, 0)?)
            }
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}
