//! Rule texts: `keep`, `drop`, or a masking call whose value argument is left out.
//!
//! INVARIANT: a [`MaskCall`] that exists hides its column. Functions that hide nothing have no form here, so they
//! cannot be planned.

use std::fmt;

use arrow::datatypes::DataType;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectNamePart, UnaryOperator, Value,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::sql;
use crate::error::{Error, Result, Said};
use crate::model::KeyId;

/// The longest text that `mask_redact` takes.
const REDACTION_BYTES_MAX: usize = 4096;

/// The masking functions that a plan may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MaskFunction {
    /// `salt_hash`: SHA-256 of the value with the key appended.
    SaltHash,
    /// `hmac_hash`: HMAC-SHA-256 of the value under the key.
    HmacHash,
    /// `mask_redact`: a constant text.
    Redact,
    /// `mask_partial`: some first and last characters stay.
    Partial,
    /// `mask_email`: the domain stays.
    Email,
    /// `mask_null`: NULL of the column's own type.
    Null,
}

impl MaskFunction {
    /// Every function, in the order of the reference.
    pub const ALL: [Self; 6] = [Self::SaltHash, Self::HmacHash, Self::Redact, Self::Partial, Self::Email, Self::Null];

    /// The SQL name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SaltHash => "salt_hash",
            Self::HmacHash => "hmac_hash",
            Self::Redact => "mask_redact",
            Self::Partial => "mask_partial",
            Self::Email => "mask_email",
            Self::Null => "mask_null",
        }
    }

    /// Whether it masks columns of a type. What has no text of its own can only be hidden whole.
    pub fn takes(self, data_type: &DataType) -> bool {
        match self {
            Self::Redact | Self::Null => true,
            Self::SaltHash | Self::HmacHash | Self::Partial | Self::Email => match data_type {
                DataType::Dictionary(_, values) => has_text(values),
                other => has_text(other),
            },
        }
    }

    /// Finds a function by its SQL name, in any case, as SQL does with names that are not quoted.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name().eq_ignore_ascii_case(name))
    }
}

/// Whether the masking functions know one text for each value of a type.
fn has_text(data_type: &DataType) -> bool {
    data_type.is_numeric()
        || matches!(
            data_type,
            DataType::Null
                | DataType::Boolean
                | DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_)
                | DataType::Date32
                | DataType::Date64
                | DataType::Timestamp(..)
                | DataType::Time32(_)
                | DataType::Time64(_)
        )
}

/// A masking call without its value: what is done to a column.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MaskCall {
    /// `salt_hash` under a key.
    SaltHash(KeyId),
    /// `hmac_hash` under a key.
    HmacHash(KeyId),
    /// `mask_redact`, with its own text if one is set.
    Redact(Option<String>),
    /// `mask_partial`: how many characters stay in front and at the end.
    Partial {
        /// Characters in front.
        first: u32,
        /// Characters at the end.
        last: u32,
    },
    /// `mask_email`.
    Email,
    /// `mask_null`.
    Null,
}

impl MaskCall {
    /// The function that is called.
    pub fn function(&self) -> MaskFunction {
        match self {
            Self::SaltHash(_) => MaskFunction::SaltHash,
            Self::HmacHash(_) => MaskFunction::HmacHash,
            Self::Redact(_) => MaskFunction::Redact,
            Self::Partial { .. } => MaskFunction::Partial,
            Self::Email => MaskFunction::Email,
            Self::Null => MaskFunction::Null,
        }
    }

    /// The key it needs, if it is keyed.
    pub fn key(&self) -> Option<&KeyId> {
        match self {
            Self::SaltHash(key) | Self::HmacHash(key) => Some(key),
            Self::Redact(_) | Self::Partial { .. } | Self::Email | Self::Null => None,
        }
    }

    /// The arguments after the value. The key `default` is not written: SQL that names no key means it.
    pub(super) fn arguments(&self) -> Vec<Value> {
        let text = |text: &str| Value::SingleQuotedString(text.to_owned());
        let count = |count: &u32| Value::Number(count.to_string(), false);
        match self {
            Self::SaltHash(key) | Self::HmacHash(key) if key.as_str() != KeyId::DEFAULT => {
                vec![text(key.as_str())]
            }
            Self::Redact(Some(shown)) => vec![text(shown)],
            Self::Partial { first, last } => vec![count(first), count(last)],
            Self::SaltHash(_) | Self::HmacHash(_) | Self::Redact(None) | Self::Email | Self::Null => Vec::new(),
        }
    }
}

/// The rule's own text, as [`Rule::parse`] reads it.
impl fmt::Display for MaskCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.function().name())?;
        let arguments: Vec<String> = self.arguments().iter().map(sql::literal).collect();
        if !arguments.is_empty() {
            write!(f, "({})", arguments.join(", "))?;
        }
        Ok(())
    }
}

/// What a rule text says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// The column stays readable.
    Keep,
    /// The column is left out.
    Drop,
    /// The column is masked.
    Mask(MaskCall),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep => f.write_str("keep"),
            Self::Drop => f.write_str("drop"),
            Self::Mask(call) => call.fmt(f),
        }
    }
}

impl Rule {
    /// Reads a rule text. Whether its key exists is for the caller to check.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Usage`] if the text is no rule; [`crate::error::ErrorKind::Refused`] if it calls a
    /// function that is not a mask, or asks to show a negative number of characters.
    pub fn parse(text: &str) -> Result<Self> {
        match text.trim() {
            word if word.eq_ignore_ascii_case("keep") => Ok(Self::Keep),
            word if word.eq_ignore_ascii_case("drop") => Ok(Self::Drop),
            word => parse_call(word).map(Self::Mask).map_err(|error| error.with("rule", &Said(text))),
        }
    }
}

/// Reads a whole text as one call, or as a bare function name.
fn parse_call(text: &str) -> Result<MaskCall> {
    match parse_expression(text) {
        Some(Expr::Identifier(ident)) => build(mask_function(&ident)?, &[]),
        Some(Expr::Function(call)) => {
            let function = mask_function(plain_name(&call).ok_or_else(not_a_rule)?)?;
            build(function, plain_arguments(&call).ok_or_else(not_a_rule)?)
        }
        _ => Err(not_a_rule()),
    }
}

fn parse_expression(text: &str) -> Option<Expr> {
    let mut parser = Parser::new(&GenericDialect {}).try_with_sql(text).ok()?;
    let expression = parser.parse_expr().ok()?;
    (parser.peek_token_ref().token == Token::EOF).then_some(expression)
}

/// The name of a call that is nothing but a name and arguments.
fn plain_name(call: &Function) -> Option<&Ident> {
    let plain = !call.uses_odbc_syntax
        && call.parameters == FunctionArguments::None
        && call.filter.is_none()
        && call.null_treatment.is_none()
        && call.over.is_none()
        && call.within_group.is_empty();
    match call.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] if plain => Some(name),
        _ => None,
    }
}

fn plain_arguments(call: &Function) -> Option<&[FunctionArg]> {
    match &call.args {
        FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
            Some(&list.args)
        }
        _ => None,
    }
}

fn mask_function(name: &Ident) -> Result<MaskFunction> {
    if name.quote_style.is_some() {
        return Err(not_a_rule());
    }
    MaskFunction::from_name(&name.value).ok_or_else(|| not_a_mask(&name.value))
}

/// One argument, as far as rules know arguments.
enum Argument {
    Text(String),
    Count(u32),
}

fn build(function: MaskFunction, arguments: &[FunctionArg]) -> Result<MaskCall> {
    let arguments = arguments.iter().map(|argument| read_argument(function, argument)).collect::<Result<Vec<_>>>()?;
    match (function, arguments.as_slice()) {
        (MaskFunction::SaltHash, []) => Ok(MaskCall::SaltHash(KeyId::new(KeyId::DEFAULT))),
        (MaskFunction::SaltHash, [Argument::Text(key)]) => Ok(MaskCall::SaltHash(KeyId::new(key))),
        (MaskFunction::HmacHash, []) => Ok(MaskCall::HmacHash(KeyId::new(KeyId::DEFAULT))),
        (MaskFunction::HmacHash, [Argument::Text(key)]) => Ok(MaskCall::HmacHash(KeyId::new(key))),
        (MaskFunction::Redact, []) => Ok(MaskCall::Redact(None)),
        (MaskFunction::Redact, [Argument::Text(shown)]) if shown.len() <= REDACTION_BYTES_MAX => {
            Ok(MaskCall::Redact(Some(shown.clone())))
        }
        (MaskFunction::Partial, [Argument::Count(first), Argument::Count(last)]) => {
            Ok(MaskCall::Partial { first: *first, last: *last })
        }
        (MaskFunction::Email, []) => Ok(MaskCall::Email),
        (MaskFunction::Null, []) => Ok(MaskCall::Null),
        _ => Err(wrong_arguments(function)),
    }
}

fn read_argument(function: MaskFunction, argument: &FunctionArg) -> Result<Argument> {
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) = argument else {
        return Err(wrong_arguments(function));
    };
    match expression {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Ok(Argument::Text(text.clone())),
            Value::Number(digits, false) => digits.parse().map(Argument::Count).map_err(|_| wrong_arguments(function)),
            _ => Err(wrong_arguments(function)),
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, .. } => {
            Err(Error::refused("mask rule asks for a negative number of characters")
                .hint("write the two counts as 0 or more: `mask_partial(0, 4)`"))
        }
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Err(Error::usage("mask rule names a column")
            .hint("leave the value out of a rule: it is the column that the rule is for")),
        _ => Err(wrong_arguments(function)),
    }
}

fn wrong_arguments(function: MaskFunction) -> Error {
    let forms = match function {
        MaskFunction::SaltHash => "`salt_hash` or `salt_hash('key-name')`",
        MaskFunction::HmacHash => "`hmac_hash` or `hmac_hash('key-name')`",
        MaskFunction::Redact => "`mask_redact` or `mask_redact('text')`, the text at most 4096 bytes long",
        MaskFunction::Partial => "`mask_partial(first, last)`, such as `mask_partial(0, 4)`",
        MaskFunction::Email => "`mask_email`",
        MaskFunction::Null => "`mask_null`",
    };
    Error::usage("mask rule has wrong arguments").hint(format!("write {forms}"))
}

fn not_a_rule() -> Error {
    Error::usage("text is not a rule").hint(
        "write `keep`, `drop`, a mask such as `salt_hash`, or a call without its value such as `mask_partial(0, 4)`",
    )
}

fn not_a_mask(name: &str) -> Error {
    let names = ["keep", "drop"].into_iter().chain(MaskFunction::ALL.map(MaskFunction::name));
    let error = Error::refused("rule calls a function that is not a mask, so it would hide nothing");
    let error = match super::names::nearest(name, names) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    };
    error.hint(format!("masks are {}", MaskFunction::ALL.map(|function| format!("`{}`", function.name())).join(", ")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use arrow::datatypes::{Field, IntervalUnit, TimeUnit};
    use datafusion::logical_expr::ReturnFieldArgs;
    use datafusion::scalar::ScalarValue;
    use saltlake_udfs::{KeyRing, MaskKey};

    use super::*;
    use crate::error::ErrorKind;

    fn call(text: &str) -> MaskCall {
        match Rule::parse(text).unwrap() {
            Rule::Mask(call) => call,
            Rule::Keep | Rule::Drop => unreachable!("{text} is no mask"),
        }
    }

    #[test]
    fn every_documented_form_is_read() {
        let key = |name: &str| KeyId::new(name);
        let cases = [
            ("salt_hash", MaskCall::SaltHash(key("default"))),
            ("salt_hash()", MaskCall::SaltHash(key("default"))),
            ("SALT_HASH", MaskCall::SaltHash(key("default"))),
            ("salt_hash('join-2026')", MaskCall::SaltHash(key("join-2026"))),
            ("hmac_hash('k')", MaskCall::HmacHash(key("k"))),
            ("mask_redact", MaskCall::Redact(None)),
            ("mask_redact('it''s hidden')", MaskCall::Redact(Some("it's hidden".into()))),
            ("mask_partial(0, 4)", MaskCall::Partial { first: 0, last: 4 }),
            (" mask_email ", MaskCall::Email),
            ("mask_null", MaskCall::Null),
        ];
        for (text, expected) in cases {
            assert_eq!(call(text), expected, "{text}");
        }
        assert_eq!(Rule::parse("keep").unwrap(), Rule::Keep);
        assert_eq!(Rule::parse("Drop").unwrap(), Rule::Drop);
    }

    #[test]
    fn rules_and_functions_agree_on_names_keys_and_types() {
        let field = |data_type| Arc::new(Field::new("item", data_type, true));
        let dictionary = |values| DataType::Dictionary(Box::new(DataType::Int32), Box::new(values));
        let types = [
            DataType::Null,
            DataType::Boolean,
            DataType::Int8,
            DataType::UInt64,
            DataType::Float16,
            DataType::Float64,
            DataType::Decimal128(38, 2),
            DataType::Decimal256(76, 2),
            DataType::Utf8,
            DataType::LargeUtf8,
            DataType::Utf8View,
            DataType::Binary,
            DataType::BinaryView,
            DataType::FixedSizeBinary(16),
            DataType::Date32,
            DataType::Date64,
            DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            DataType::Time32(TimeUnit::Second),
            DataType::Time64(TimeUnit::Microsecond),
            DataType::Duration(TimeUnit::Second),
            DataType::Interval(IntervalUnit::MonthDayNano),
            dictionary(DataType::Utf8),
            dictionary(DataType::Duration(TimeUnit::Second)),
            dictionary(DataType::List(field(DataType::Utf8))),
            DataType::List(field(DataType::Utf8)),
            DataType::Struct(vec![field(DataType::Utf8)].into()),
        ];
        let ring = Arc::new(KeyRing::default());
        ring.insert(KeyId::new("default"), MaskKey::new(vec![7; 32].into()));
        let functions = saltlake_udfs::all_functions(&ring);
        assert_eq!(functions.len(), MaskFunction::ALL.len());
        for mask in MaskFunction::ALL {
            let function = functions.iter().find(|function| function.name() == mask.name()).unwrap();
            let text = if mask == MaskFunction::Partial { "mask_partial(0, 4)" } else { mask.name() };
            assert_eq!(call(text).key().is_some(), saltlake_udfs::keyed(mask.name()), "{text}");
            for data_type in &types {
                let count = ScalarValue::Int64(Some(4));
                let counts = if mask == MaskFunction::Partial { 2 } else { 0 };
                let mut fields = vec![field(data_type.clone())];
                fields.extend(std::iter::repeat_n(field(DataType::Int64), counts));
                let mut scalars = vec![None];
                scalars.extend(std::iter::repeat_n(Some(&count), counts));
                let arguments = ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &scalars };
                let taken = function.return_field_from_args(arguments);
                assert_eq!(mask.takes(data_type), taken.is_ok(), "{text} of {data_type}: {taken:?}");
            }
        }
    }

    #[test]
    fn a_rule_reads_back_from_its_own_text() {
        for text in ["keep", "drop", "salt_hash", "salt_hash('a''b')", "mask_partial(2, 3)", "mask_redact('\\'''';')"] {
            let rule = Rule::parse(text).unwrap();
            assert_eq!(Rule::parse(&rule.to_string()).unwrap(), rule, "{text}");
        }
    }

    #[test]
    fn naming_the_default_key_is_the_same_rule_as_naming_none() {
        assert_eq!(Rule::parse("salt_hash('default')").unwrap(), Rule::parse("salt_hash").unwrap());
    }

    #[test]
    fn a_function_that_hides_nothing_is_refused() {
        for text in ["upper", "coalesce('x')", "lower()", "abs(1)", "saltlake_hash"] {
            assert_eq!(Rule::parse(text).unwrap_err().kind(), ErrorKind::Refused, "{text}");
        }
    }

    #[test]
    fn a_misspelt_mask_is_answered_with_the_nearest_name() {
        for (text, near) in
            [("salt_hsh", "salt_hash"), ("mask_mail", "mask_email"), ("kep", "keep"), ("mask_nul()", "mask_null")]
        {
            let error = Rule::parse(text).unwrap_err().to_string();
            assert!(error.contains(&format!("did you mean `{near}`?")), "{error}");
        }
    }

    #[test]
    fn a_negative_count_is_refused() {
        let error = Rule::parse("mask_partial(-1, 4)").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
    }

    #[test]
    fn a_value_in_a_rule_is_answered_with_the_rule_without_it() {
        let error = Rule::parse("salt_hash(username)").unwrap_err().to_string();
        assert!(error.contains("leave the value out"), "{error}");
    }

    #[test]
    fn a_redaction_that_the_function_would_refuse_is_no_rule() {
        let text = |length: usize| format!("mask_redact('{}')", "x".repeat(length));
        assert!(Rule::parse(&text(4096)).is_ok());
        assert_eq!(Rule::parse(&text(4097)).unwrap_err().kind(), ErrorKind::Usage);
    }

    #[test]
    fn anything_else_is_no_rule() {
        let texts = [
            "",
            "'x'",
            "1",
            "salt_hash; DROP TABLE t",
            "salt_hash || 'x'",
            "(salt_hash)",
            "\"salt_hash\"",
            "main.salt_hash",
            "salt_hash('a', 'b')",
            "salt_hash(1)",
            "salt_hash(NULL)",
            "salt_hash(DISTINCT 'k')",
            "salt_hash('k') OVER ()",
            "salt_hash(*)",
            "salt_hash(key => 'k')",
            "mask_partial",
            "mask_partial(1)",
            "mask_partial(1.5, 2)",
            "mask_partial('1', '2')",
            "mask_partial(99999999999, 1)",
            "mask_null('x')",
            "mask_email(1)",
            "mask_redact(SELECT 1)",
            "CASE WHEN true THEN 1 END",
            "salt_hash(",
        ];
        for text in texts {
            assert_eq!(Rule::parse(text).unwrap_err().kind(), ErrorKind::Usage, "{text}");
        }
    }
}
