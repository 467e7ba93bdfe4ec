//! Whether a column looks as if a function wrote it: the verification's check of files that are already written.

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use unicode_segmentation::UnicodeSegmentation;

use crate::hash::TOKEN_BYTES;
use crate::mask_partial::Shown;
use crate::{hmac_hash, mask_email, mask_null, mask_partial, mask_redact, salt_hash};

/// Counts the cells of `output` that `function` cannot have written: those that may still be raw.
///
/// `extra_args` are the call's arguments after the value, as literals: nothing or a key name for the hashes, nothing
/// or a text for `mask_redact`, two whole numbers for `mask_partial`. A cell that passes need not be masked, since a
/// raw value may happen to look like a token; a cell that does not pass certainly is not.
///
/// # Errors
/// If the function is unknown, its arguments are not those of a valid call, or the column is of a type that it never
/// writes.
pub fn unmasked_cells(
    function: &str,
    extra_args: &[ScalarValue],
    output: &dyn Array,
) -> Result<usize> {
    if function == salt_hash::INFO.name || function == hmac_hash::INFO.name {
        return count_texts(function, output, &is_token);
    }
    if function == mask_redact::INFO.name {
        let text = mask_redact::redaction(extra_args.first())?;
        return count_texts(function, output, &|cell| cell == text);
    }
    if function == mask_partial::INFO.name {
        let shown = Shown::from_literals(&|position| {
            position
                .checked_sub(1)
                .and_then(|index| extra_args.get(index))
        })?;
        return count_texts(function, output, &|cell| is_partial(cell, shown));
    }
    if function == mask_email::INFO.name {
        return count_texts(function, output, &is_email);
    }
    if function == mask_null::INFO.name {
        return Ok(output.len() - output.logical_null_count());
    }
    plan_err!("`{function}` is not a masking function")
}

fn is_token(text: &str) -> bool {
    text.len() == TOKEN_BYTES
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether the text is a hidden run with no more around it than a call shows. Stars may stand there too.
fn is_partial(text: &str, shown: Shown) -> bool {
    let is_within = |part: &str, most: usize| part.graphemes(true).nth(most).is_none();
    text.match_indices('*').any(|(start, _)| {
        let (first, rest) = text.split_at(start);
        let hidden = rest.strip_prefix(mask_partial::HIDDEN);
        hidden.is_some_and(|last| is_within(first, shown.first) && is_within(last, shown.last))
    })
}

/// Whether the text is hidden whole, or one character, the stars and a host name.
fn is_email(text: &str) -> bool {
    if text == mask_email::HIDDEN {
        return true;
    }
    let mut rest = text.chars();
    let has_first = rest.next().is_some();
    let domain = rest
        .as_str()
        .strip_prefix(mask_email::HIDDEN)
        .and_then(|rest| rest.strip_prefix('@'));
    has_first && domain.is_some_and(mask_email::is_host_name)
}

/// Counts the cells that do not have the shape. NULL always has it.
fn count_texts(
    function: &str,
    output: &dyn Array,
    has_shape: &dyn Fn(&str) -> bool,
) -> Result<usize> {
    let is_bad = |cell: Option<&str>| cell.is_some_and(|text| !has_shape(text));
    Ok(match output.data_type() {
        DataType::Utf8 => output
            .as_string::<i32>()
            .iter()
            .filter(|cell| is_bad(*cell))
            .count(),
        DataType::LargeUtf8 => output
            .as_string::<i64>()
            .iter()
            .filter(|cell| is_bad(*cell))
            .count(),
        DataType::Utf8View => output
            .as_string_view()
            .iter()
            .filter(|cell| is_bad(*cell))
            .count(),
        DataType::Null => 0,
        DataType::Dictionary(_, values) if values.is_string() => {
            // The shape is checked per cell, not per distinct value: the answer counts cells.
            return count_texts(
                function,
                &arrow::compute::cast(&output.slice(0, output.len()), values)?,
                has_shape,
            );
        }
        other => return plan_err!("`{function}` never writes a column of type {other}"),
    })
}

#[cfg(test)]
mod tests {
    use super::{is_email, is_partial, is_token};
    use crate::mask_partial::Shown;

    #[test]
    fn tokens_are_64_lower_case_hexadecimal_digits() {
        assert!(is_token(&"0a".repeat(32)));
        for text in [
            "",
            "alice",
            &"0A".repeat(32),
            &"0a".repeat(31),
            &"0a".repeat(33),
            &"0g".repeat(32),
        ] {
            assert!(!is_token(text), "{text}");
        }
    }

    #[test]
    fn a_partly_hidden_text_shows_no_more_than_its_call_allows() {
        let shown = Shown { first: 1, last: 2 };
        for text in [
            "****",
            "a****",
            "****bc",
            "a****bc",
            "*****",
            "*******",
            "a****b",
            "é****👨‍👩‍👧c",
            "a******",
        ] {
            assert!(is_partial(text, shown), "{text}");
        }
        for text in [
            "",
            "alice",
            "***",
            "ab****",
            "****bcd",
            "a***bc",
            "4111****1111",
            "a* * * *",
        ] {
            assert!(!is_partial(text, shown), "{text}");
        }
    }

    #[test]
    fn a_masked_address_is_stars_or_one_character_and_a_host_name() {
        for text in [
            "***",
            "a***@example.com",
            "ø***@bücher.de",
            "****@example.com",
        ] {
            assert!(is_email(text), "{text}");
        }
        for text in [
            "",
            "****",
            "alice@example.com",
            "al***@example.com",
            "a***@",
            "a***@b",
            "***@example.com",
            "a***",
        ] {
            assert!(!is_email(text), "{text}");
        }
    }
}
