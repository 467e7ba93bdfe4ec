//! `mask_email`: the first character and the domain.

use std::sync::LazyLock;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::info::{Example, FunctionInfo};
use crate::text::{canonical_text_field, check_count, map_cells, value_argument, write_cells};

pub(crate) const INFO: FunctionInfo = FunctionInfo {
    name: "mask_email",
    keyed: false,
    signature: "mask_email(value)",
    description: "Shows the first character and the domain of an e-mail address, as `a***@example.com`. The stars are \
                  always three, since length is information too. A domain is shown only if the value is one plain \
                  address whose domain is a host name with a dot, international ones included; everything else is \
                  hidden whole as `***`.",
    arguments: &[("value", "What to mask, usually text.")],
    output: "text; a dictionary for a dictionary. NULL for NULL.",
    examples: &[
        Example {
            sql: "SELECT mask_email('alice@example.com')",
            result: "a***@example.com",
        },
        Example {
            sql: "SELECT mask_email('alice.at.example.com')",
            result: "***",
        },
        Example {
            sql: "SELECT mask_email('secret@4111111111111111')",
            result: "***",
        },
        Example {
            sql: "SELECT mask_email('')",
            result: "***",
        },
        Example {
            sql: "SELECT mask_email(NULL)",
            result: "NULL",
        },
    ],
};

/// What stands for the hidden part, however long it is.
pub(crate) const HIDDEN: &str = "***";

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| INFO.documentation());

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct MaskEmail {
    signature: Signature,
}

impl MaskEmail {
    pub(crate) fn new() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for MaskEmail {
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
        check_count(INFO.name, &args, 1, 1)?;
        canonical_text_field(INFO.name, &args)
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        map_cells(value_argument(INFO.name, &args)?, |cells| {
            write_cells(cells, mask_email)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// Writes the masked value.
fn mask_email(value: &[u8], masked: &mut String) {
    let Some((first, domain)) = std::str::from_utf8(value).ok().and_then(shown_parts) else {
        masked.push_str(HIDDEN);
        return;
    };
    masked.push(first);
    masked.push_str(HIDDEN);
    masked.push('@');
    masked.push_str(domain);
}

/// The first character and the domain of an address; nothing if the text is not one.
fn shown_parts(text: &str) -> Option<(char, &str)> {
    let (user, domain) = text.split_once('@')?;
    let first = user.chars().next()?;
    (is_user(user) && is_host_name(domain)).then_some((first, domain))
}

/// The part before the `@`, unquoted. A list of addresses, a display name or a sentence is not one.
fn is_user(user: &str) -> bool {
    let is_special = |letter: char| {
        matches!(
            letter,
            '"' | '(' | ')' | ',' | ':' | ';' | '<' | '>' | '[' | '\\' | ']'
        )
    };
    let is_allowed =
        |letter: char| !letter.is_control() && !letter.is_whitespace() && !is_special(letter);
    let begins_well =
        user.starts_with(|letter: char| letter.is_ascii_graphic() || letter.is_alphanumeric());
    user.len() <= 64 && begins_well && user.chars().all(is_allowed)
}

/// A host name of at least two labels. A name without a dot, or one that ends in digits, is more likely something
/// personal that happened to follow an `@`.
pub(crate) fn is_host_name(name: &str) -> bool {
    let Some((_, top)) = name.rsplit_once('.') else {
        return false;
    };
    name.len() <= 253 && name.split('.').all(is_label) && is_top_level(top)
}

/// 1 to 63 bytes of letters, digits and hyphens; no hyphen at an end.
fn is_label(label: &str) -> bool {
    let is_allowed = |letter: char| letter == '-' || letter.is_alphanumeric();
    let is_length_good = (1..=63).contains(&label.len());
    is_length_good
        && label.chars().all(is_allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Letters only, two or more, or the ASCII form of an international name.
fn is_top_level(label: &str) -> bool {
    let is_punycode = label
        .get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"))
        && label.len() > 4;
    let is_letters = label.chars().all(char::is_alphabetic) && label.chars().count() >= 2;
    is_punycode || is_letters
}

#[cfg(test)]
mod tests {
    use super::mask_email;

    fn masked(value: &[u8]) -> String {
        let mut text = String::new();
        mask_email(value, &mut text);
        text
    }

    #[test]
    fn addresses_show_first_character_and_domain() {
        let cases = [
            ("alice@example.com", "a***@example.com"),
            ("a@example.com", "a***@example.com"),
            ("o'brien+news@mail.example.co.uk", "o***@mail.example.co.uk"),
            ("ALICE@EXAMPLE.COM", "A***@EXAMPLE.COM"),
            ("_x@x-y.org", "_***@x-y.org"),
            ("øystein@bücher.de", "ø***@bücher.de"),
            ("用户@例子.广告", "用***@例子.广告"),
            ("a@xn--bcher-kva.xn--p1ai", "a***@xn--bcher-kva.xn--p1ai"),
            ("a@1and1.com", "a***@1and1.com"),
        ];
        for (value, expected) in cases {
            assert_eq!(masked(value.as_bytes()), expected);
        }
    }

    #[test]
    fn everything_else_is_hidden_whole() {
        let long_label = format!("a@{}.com", "x".repeat(64));
        let long_name = format!("a@{}com", "x.".repeat(126));
        let long_user = format!("{}@example.com", "x".repeat(65));
        let cases = [
            "",
            "@",
            "alice",
            "@example.com",
            "alice@",
            "alice@localhost",
            "alice@.com",
            "alice@example.",
            "alice@example..com",
            "alice@-example.com",
            "alice@example-.com",
            "alice@exam ple.com",
            "alice@exam_ple.com",
            "alice@192.168.0.1",
            "alice@[192.168.0.1]",
            "alice@4111111111111111",
            "alice@4111.1111",
            "alice@example.c",
            "alice@example.c0m",
            "alice@example.com ",
            " alice@example.com",
            "alice smith@example.com",
            "alice@example.com, bob@example.com",
            "alice@bob@example.com",
            "<alice@example.com>",
            "\"alice b\"@example.com",
            "mailto:alice@example.com",
            "alice@example.com\n",
            "\u{202e}alice@example.com",
            "alice@example.com/path",
            "alice@example.xn--",
            &long_label,
            &long_name,
            &long_user,
        ];
        for value in cases {
            assert_eq!(masked(value.as_bytes()), "***", "{value:?}");
        }
        assert_eq!(masked(b"alice@example.com\xff"), "***");
    }
}
