//! `mask_partial`: the ends of a value, and never more than half of it.

use std::sync::LazyLock;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use unicode_segmentation::UnicodeSegmentation;

use crate::info::{Example, FunctionInfo};
use crate::text::{canonical_text_field, check_count, map_cells, scalar_argument, value_argument, write_cells};

pub(crate) const INFO: FunctionInfo = FunctionInfo {
    name: "mask_partial",
    keyed: false,
    signature: "mask_partial(value, first, last)",
    description: "Shows the `first` leading and the `last` trailing characters of the value's canonical text and \
                  hides all between as `****`. The stars are always four, since length is information too. Characters \
                  are those that a reader sees (grapheme clusters), so an accent or an emoji is never cut. A value of \
                  which this would show more than half is hidden whole, and so is binary that is not UTF-8.",
    arguments: &[
        ("value", "What to mask: text, a number, a boolean, a date, a time, a timestamp or binary."),
        ("first", "How many characters to show of the beginning: a whole number literal, 0 or more."),
        ("last", "How many characters to show of the end: a whole number literal, 0 or more."),
    ],
    output: "text; a dictionary for a dictionary. NULL for NULL.",
    examples: &[
        Example { sql: "SELECT mask_partial('4111111111111111', 0, 4)", result: "****1111" },
        Example { sql: "SELECT mask_partial('Alexandra', 1, 1)", result: "A****a" },
        Example { sql: "SELECT mask_partial('Ann', 1, 1)", result: "****" },
        Example { sql: "SELECT mask_partial(20240131, 4, 0)", result: "2024****" },
        Example { sql: "SELECT mask_partial('', 1, 1)", result: "****" },
    ],
};

/// What stands for the hidden part, however long it is.
pub(crate) const HIDDEN: &str = "****";

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| INFO.documentation());

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct MaskPartial {
    signature: Signature,
}

impl MaskPartial {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for MaskPartial {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.to_vec()) // as they are: a cast to text would print another text than the canonical one
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        internal_err!("`{}` decides its type in return_field_from_args", INFO.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        check_count(INFO.name, &args, 3, 3)?;
        Shown::from_literals(&|position| args.scalar_arguments.get(position).copied().flatten())?;
        canonical_text_field(INFO.name, &args)
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let first = scalar_argument(INFO.name, &args, 1)?;
        let last = scalar_argument(INFO.name, &args, 2)?;
        let shown = Shown::from_literals(&|position| if position == 1 { first } else { last })?;
        map_cells(value_argument(INFO.name, &args)?, |cells| {
            // One letter of `true` or `false` tells which it is.
            let shown = if cells.data_type() == &DataType::Boolean { Shown { first: 0, last: 0 } } else { shown };
            write_cells(cells, |value, masked| mask_partial(value, shown, masked))
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// How many characters of each end a call shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Shown {
    /// Reads arguments 1 and 2 of a call.
    pub(crate) fn from_literals<'a>(literal: &dyn Fn(usize) -> Option<&'a ScalarValue>) -> Result<Self> {
        Ok(Self { first: count("first", literal(1))?, last: count("last", literal(2))? })
    }
}

/// A count from its literal, of whatever integer type the planner gave it.
fn count(what: &str, literal: Option<&ScalarValue>) -> Result<usize> {
    let Some(scalar) = literal else {
        return plan_err!("`{}` needs `{what}` as a whole number literal, such as 4", INFO.name);
    };
    let number = match scalar {
        ScalarValue::Int8(Some(number)) => i128::from(*number),
        ScalarValue::Int16(Some(number)) => i128::from(*number),
        ScalarValue::Int32(Some(number)) => i128::from(*number),
        ScalarValue::Int64(Some(number)) => i128::from(*number),
        ScalarValue::UInt8(Some(number)) => i128::from(*number),
        ScalarValue::UInt16(Some(number)) => i128::from(*number),
        ScalarValue::UInt32(Some(number)) => i128::from(*number),
        ScalarValue::UInt64(Some(number)) => i128::from(*number),
        scalar if scalar.is_null() => {
            return plan_err!("`{}` needs `{what}` as a whole number literal, not NULL", INFO.name);
        }
        scalar => {
            let data_type = scalar.data_type();
            return plan_err!("`{}` needs `{what}` as a whole number literal, not a {data_type}", INFO.name);
        }
    };
    let Ok(count) = usize::try_from(number) else {
        return plan_err!("`{}` needs `{what}` to be 0 or more", INFO.name);
    };
    Ok(count)
}

/// Writes the masked value. What is not UTF-8 has no characters to show.
fn mask_partial(value: &[u8], shown: Shown, masked: &mut String) {
    let (first, last) = std::str::from_utf8(value).map_or(("", ""), |text| ends_of(text, shown));
    masked.push_str(first);
    masked.push_str(HIDDEN);
    masked.push_str(last);
}

/// The two ends that may be shown: nothing, unless they are at most half of the text's characters.
fn ends_of(text: &str, shown: Shown) -> (&str, &str) {
    let shown_count = shown.first.saturating_add(shown.last);
    let Some(last_needed) = shown_count.saturating_mul(2).checked_sub(1) else {
        return ("", "");
    };
    let (first_end, last_start) = if is_one_byte_each(text) {
        if text.len() <= last_needed {
            return ("", "");
        }
        (shown.first, text.len() - shown.last)
    } else {
        let mut starts = text.grapheme_indices(true).map(|(start, _)| start);
        if starts.clone().nth(last_needed).is_none() {
            return ("", "");
        }
        let last = shown.last.checked_sub(1).and_then(|before| starts.clone().nth_back(before));
        (starts.nth(shown.first).unwrap_or(0), last.unwrap_or(text.len()))
    };
    (text.get(..first_end).unwrap_or(""), text.get(last_start..).unwrap_or(""))
}

/// Whether every character is one byte, so that none need be searched for. Of ASCII only CR LF is a longer one.
fn is_one_byte_each(text: &str) -> bool {
    text.is_ascii() && !text.as_bytes().contains(&b'\r')
}

#[cfg(test)]
mod tests {
    use super::{Shown, mask_partial};

    fn masked(value: &[u8], first: usize, last: usize) -> String {
        let mut text = String::new();
        mask_partial(value, Shown { first, last }, &mut text);
        text
    }

    #[test]
    fn never_more_than_half_is_shown() {
        let cases: [(&str, usize, usize, &str); 14] = [
            ("4111111111111111", 0, 4, "****1111"),
            ("4111111111111111", 4, 4, "4111****1111"),
            ("4111111111111111", 5, 4, "****"),
            ("1234", 1, 1, "1****4"),
            ("123", 1, 1, "****"),
            ("12", 0, 1, "****2"),
            ("1", 1, 0, "****"),
            ("", 0, 0, "****"),
            ("1234", 0, 0, "****"),
            ("1234", usize::MAX, usize::MAX, "****"),
            ("1234", usize::MAX, 0, "****"),
            // Four characters of several code points each.
            ("e\u{301}👨‍👩‍👧x\r\n", 1, 1, "e\u{301}****\r\n"),
            ("🇩🇪🇫🇷🇮🇹🇪🇸", 1, 0, "🇩🇪****"),
            ("****", 1, 1, "******"),
        ];
        for (value, first, last, expected) in cases {
            assert_eq!(masked(value.as_bytes(), first, last), expected, "{value:?} {first} {last}");
        }
        assert_eq!(masked(b"\xff\xfe\xfd\xfc\xfb\xfa", 1, 1), "****");
    }
}
