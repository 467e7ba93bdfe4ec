//! The frame that the functions of this folder share: what a function takes and gives, and how it walks over rows.
//!
//! A function sees each argument as one type, whatever the encoding it came in; NULL gives NULL. A function that can fail
//! has a twin named `try_…` which gives NULL instead: what `try(…)` is translated to.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, PrimitiveArray, StringArray,
};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::utils::take_function_args;
use datafusion::common::{Result as EngineResult, ScalarValue, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::engine::fault::external;
use crate::error::{Error, Said};

/// What a parameter takes, and the type that the function sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text, as `Utf8`.
    Text,
    /// Whole numbers, as `Int64`.
    Int,
    /// Numbers, as `Float64`.
    Double,
    /// As `Boolean`.
    Bool,
    /// Binary, as `Binary`.
    Bytes,
    /// As `Date32`.
    Date,
    /// A timestamp, or a date at midnight, as microseconds in the zone that it has.
    Moment,
    /// A list of anything, as `List`.
    List,
    /// A list of text.
    Texts,
    /// A map.
    Map,
    /// Anything, as it is.
    Any,
}

/// One function.
pub(super) struct Spec {
    pub(super) name: &'static str,
    /// Each way to call it.
    pub(super) takes: &'static [&'static [Kind]],
    pub(super) gives: fn(&[DataType]) -> EngineResult<DataType>,
    pub(super) run: fn(&Columns) -> EngineResult<ArrayRef>,
    /// Whether a value can make it fail.
    pub(super) fails: bool,
}

/// The functions of a description: itself, and its twin if it can fail.
pub(super) fn functions(spec: &'static Spec) -> Vec<Arc<ScalarUDF>> {
    let mut all = vec![Arc::new(ScalarUDF::new_from_impl(Function::new(spec, false)))];
    if spec.fails {
        all.push(Arc::new(ScalarUDF::new_from_impl(Function::new(spec, true))));
    }
    all
}

struct Function {
    spec: &'static Spec,
    name: String,
    lenient: bool,
    signature: Signature,
}

impl Function {
    fn new(spec: &'static Spec, lenient: bool) -> Self {
        let name = if lenient { format!("try_{}", spec.name) } else { spec.name.to_owned() };
        Self { spec, name, lenient, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        let ways = self.spec.takes.iter().filter(|way| way.len() == types.len());
        for way in ways {
            let seen: Option<Vec<DataType>> =
                way.iter().zip(types).map(|(kind, given)| seen_as(*kind, given)).collect();
            if let Some(seen) = seen {
                return Ok(seen);
            }
        }
        let given: Vec<String> = types.iter().map(ToString::to_string).collect();
        plan_err!("`{}` does not take ({})", self.name, given.join(", "))
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        (self.spec.gives)(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|argument| argument.to_array(rows)).collect::<EngineResult<Vec<_>>>()?;
        let gives = args.return_field.data_type().clone();
        let columns = Columns { name: self.spec.name, arrays, rows, lenient: self.lenient, gives };
        let made = (self.spec.run)(&columns)?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?)
        } else {
            ColumnarValue::Array(made)
        })
    }
}

/// The type that a parameter sees a given one as, if it takes it.
fn seen_as(kind: Kind, given: &DataType) -> Option<DataType> {
    let given = match given {
        DataType::Dictionary(_, value) => value.as_ref(),
        other => other,
    };
    let null = given.is_null();
    match kind {
        Kind::Text => (given.is_string() || null).then_some(DataType::Utf8),
        Kind::Int => (given.is_integer() || null).then_some(DataType::Int64),
        Kind::Double => (given.is_numeric() || null).then_some(DataType::Float64),
        Kind::Bool => (*given == DataType::Boolean || null).then_some(DataType::Boolean),
        Kind::Bytes => (given.is_binary() || null).then_some(DataType::Binary),
        Kind::Date => (matches!(given, DataType::Date32 | DataType::Date64) || null).then_some(DataType::Date32),
        Kind::Moment => match given {
            DataType::Timestamp(_, zone) => Some(DataType::Timestamp(TimeUnit::Microsecond, zone.clone())),
            DataType::Date32 | DataType::Date64 | DataType::Null => Some(moment_type()),
            _ => None,
        },
        Kind::List => match given {
            DataType::List(_) => Some(given.clone()),
            DataType::LargeList(item) | DataType::FixedSizeList(item, _) => Some(DataType::List(Arc::clone(item))),
            DataType::Null => Some(DataType::new_list(DataType::Null, true)),
            _ => None,
        },
        Kind::Texts => match given {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)
                if item.data_type().is_string() || item.data_type().is_null() =>
            {
                Some(DataType::new_list(DataType::Utf8, true))
            }
            DataType::Null => Some(DataType::new_list(DataType::Utf8, true)),
            _ => None,
        },
        Kind::Map => matches!(given, DataType::Map(..)).then(|| given.clone()),
        Kind::Any => Some(given.clone()),
    }
}

/// A timestamp without a zone.
pub(super) fn moment_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// What functions give, whatever they are given.
#[expect(clippy::unnecessary_wraps, reason = "a description may refuse types")]
pub(super) mod gives {
    use super::{DataType, EngineResult, TimeUnit, moment_type};

    pub(in super::super) fn text(_: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Utf8)
    }
    pub(in super::super) fn int(_: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Int64)
    }
    pub(in super::super) fn double(_: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Float64)
    }
    pub(in super::super) fn bool(_: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Boolean)
    }
    pub(in super::super) fn bytes(_: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Binary)
    }
    pub(in super::super) fn date(_: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Date32)
    }
    pub(in super::super) fn moment(_: &[DataType]) -> EngineResult<DataType> {
        Ok(moment_type())
    }
    pub(in super::super) fn instant(_: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
    }
    pub(in super::super) fn texts(_: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::new_list(DataType::Utf8, true))
    }
    pub(in super::super) fn first(types: &[DataType]) -> EngineResult<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }
    pub(in super::super) fn third(types: &[DataType]) -> EngineResult<DataType> {
        Ok(types.get(2).cloned().unwrap_or(DataType::Null))
    }
}

/// A function's arguments for one batch, all of the same length.
pub(super) struct Columns {
    name: &'static str,
    pub(super) arrays: Vec<ArrayRef>,
    pub(super) rows: usize,
    lenient: bool,
    /// The type to give.
    pub(super) gives: DataType,
}

impl Columns {
    /// How many arguments there are.
    pub(super) fn count(&self) -> usize {
        self.arrays.len()
    }

    pub(super) fn array(&self, column: usize) -> EngineResult<&ArrayRef> {
        self.arrays.get(column).ok_or_else(|| self.wrong("an argument is missing"))
    }

    /// A text, or the empty one.
    pub(super) fn text(&self, column: usize, row: usize) -> &str {
        self.arrays.get(column).and_then(|array| array.as_string_opt::<i32>()).map_or("", |texts| texts.value(row))
    }

    pub(super) fn int(&self, column: usize, row: usize) -> i64 {
        self.primitive::<Int64Type>(column, row).unwrap_or_default()
    }

    pub(super) fn double(&self, column: usize, row: usize) -> f64 {
        self.primitive::<Float64Type>(column, row).unwrap_or_default()
    }

    pub(super) fn boolean(&self, column: usize, row: usize) -> Option<bool> {
        self.arrays.get(column)?.as_boolean_opt().map(|values| values.value(row))
    }

    pub(super) fn date(&self, column: usize, row: usize) -> i32 {
        self.primitive::<Date32Type>(column, row).unwrap_or_default()
    }

    /// Microseconds since 1970.
    pub(super) fn moment(&self, column: usize, row: usize) -> i64 {
        self.primitive::<TimestampMicrosecondType>(column, row).unwrap_or_default()
    }

    pub(super) fn bytes(&self, column: usize, row: usize) -> &[u8] {
        self.arrays.get(column).and_then(|array| array.as_binary_opt::<i32>()).map_or(&[], |all| all.value(row))
    }

    fn primitive<T: ArrowPrimitiveType>(&self, column: usize, row: usize) -> Option<T::Native> {
        self.arrays.get(column)?.as_primitive_opt::<T>().map(|values| values.value(row))
    }

    /// Whether all arguments of a row are there.
    pub(super) fn whole(&self, row: usize) -> bool {
        self.arrays.iter().all(|array| array.data_type().is_null() || array.is_valid(row))
            && !self.arrays.iter().any(|array| array.data_type().is_null())
    }

    /// A value for each row. NULL where an argument is, and where the function gives none; in its lenient twin also
    /// where it fails.
    pub(super) fn each<T>(
        &self,
        mut compute: impl FnMut(usize) -> EngineResult<Option<T>>,
    ) -> EngineResult<Vec<Option<T>>> {
        let mut made = Vec::with_capacity(self.rows);
        for row in 0..self.rows {
            made.push(if self.whole(row) { self.forgive(compute(row))? } else { None });
        }
        Ok(made)
    }

    /// In the lenient twin, nothing instead of an error.
    pub(super) fn forgive<T>(&self, made: EngineResult<Option<T>>) -> EngineResult<Option<T>> {
        if self.lenient { Ok(made.unwrap_or(None)) } else { made }
    }

    pub(super) fn texts<S: AsRef<str>>(
        &self,
        compute: impl FnMut(usize) -> EngineResult<Option<S>>,
    ) -> EngineResult<ArrayRef> {
        let made = self.each(compute)?;
        let bytes: usize = made.iter().flatten().map(|text| text.as_ref().len()).sum();
        self.fits(bytes)?;
        Ok(Arc::new(StringArray::from_iter(made)))
    }

    pub(super) fn binaries(
        &self,
        compute: impl FnMut(usize) -> EngineResult<Option<Vec<u8>>>,
    ) -> EngineResult<ArrayRef> {
        let made = self.each(compute)?;
        self.fits(made.iter().flatten().map(Vec::len).sum())?;
        Ok(Arc::new(BinaryArray::from_iter(made)))
    }

    /// A column of bytes holds less than two GiB.
    pub(super) fn fits(&self, bytes: usize) -> EngineResult<()> {
        if i32::try_from(bytes).is_ok() { Ok(()) } else { Err(self.wrong("the result is too large")) }
    }

    pub(super) fn ints(&self, compute: impl FnMut(usize) -> EngineResult<Option<i64>>) -> EngineResult<ArrayRef> {
        self.primitives::<Int64Type>(compute)
    }

    pub(super) fn doubles(&self, compute: impl FnMut(usize) -> EngineResult<Option<f64>>) -> EngineResult<ArrayRef> {
        self.primitives::<Float64Type>(compute)
    }

    pub(super) fn bools(&self, compute: impl FnMut(usize) -> EngineResult<Option<bool>>) -> EngineResult<ArrayRef> {
        Ok(Arc::new(BooleanArray::from_iter(self.each(compute)?)))
    }

    /// Numbers, dates or timestamps, as the type to give.
    pub(super) fn primitives<T: ArrowPrimitiveType>(
        &self,
        compute: impl FnMut(usize) -> EngineResult<Option<T::Native>>,
    ) -> EngineResult<ArrayRef> {
        let made: PrimitiveArray<T> = self.each(compute)?.into_iter().collect();
        Ok(Arc::new(made.with_data_type(self.gives.clone())))
    }

    /// Lists of text.
    pub(super) fn lists(
        &self,
        compute: impl FnMut(usize) -> EngineResult<Option<Vec<Option<String>>>>,
    ) -> EngineResult<ArrayRef> {
        let made = self.each(compute)?;
        self.fits(made.iter().flatten().flatten().flatten().map(String::len).sum())?;
        super::list::of_texts(made)
    }

    /// An error, or nothing in the lenient twin.
    pub(super) fn refuse(&self, reason: &'static str) -> EngineResult<()> {
        if self.lenient { Ok(()) } else { Err(self.wrong(reason)) }
    }

    /// An error that names the function, and no value.
    pub(super) fn wrong(&self, reason: &'static str) -> datafusion::common::DataFusionError {
        wrong(self.name, reason)
    }
}

/// An error of a function that met a value it cannot take. It says nothing of the value.
pub(super) fn wrong(function: &'static str, reason: &'static str) -> datafusion::common::DataFusionError {
    external(
        Error::failed("a function cannot take a value")
            .with("code", &Said("22023"))
            .with("function", &Said(function))
            .with("reason", &Said(reason))
            .hint("`try(…)` around the call gives NULL instead"),
    )
}

/// The last thing made from a text, kept while the text stays the same: patterns and paths are mostly literals.
pub(super) struct Remembered<T> {
    last: Option<(String, T)>,
}

impl<T> Remembered<T> {
    pub(super) fn new() -> Self {
        Self { last: None }
    }

    pub(super) fn of(&mut self, text: &str, compute: impl FnOnce(&str) -> EngineResult<T>) -> EngineResult<&T> {
        let kept = matches!(&self.last, Some((last, _)) if last == text);
        if !kept {
            self.last = Some((text.to_owned(), compute(text)?));
        }
        let [made] = take_function_args("remembered", self.last.iter().map(|(_, made)| made))?;
        Ok(made)
    }
}
