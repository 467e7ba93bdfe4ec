//! Functions whose result can be of any size, whatever their arguments' is: `repeat('x', 2000000000)`. The engine computes
//! them while it plans, outside its memory limit, so they are capped here.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{cast, kernels::length::length};
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::Result as EngineResult;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use crate::engine::fault::external;
use crate::error::{Error, Said};

/// Bytes of a function's result for one batch.
const RESULT_BYTES_MAX: u64 = 256 << 20;

/// Replacements shorter than this cannot make a text grow beyond reason.
const REPLACEMENT_BYTES: u64 = 1024;

/// Bytes that an element of a list takes at least.
const ELEMENT_BYTES: u64 = 8;

const DAY_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;

/// Bytes of the result in one row.
type Estimate = fn(&Arguments, usize) -> u64;

/// Puts a cap on a function, if it needs one.
pub(super) fn capped(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    let estimate: Estimate = match function.name() {
        "repeat" => |arguments, row| arguments.bytes(0, row).saturating_mul(arguments.count(1, row)),
        // A character has up to four bytes.
        "lpad" | "rpad" => |arguments, row| arguments.count(1, row).saturating_mul(4),
        "array_repeat" => {
            |arguments, row| arguments.bytes(0, row).max(ELEMENT_BYTES).saturating_mul(arguments.count(1, row))
        }
        "array_resize" => |arguments, row| arguments.count(1, row).saturating_mul(ELEMENT_BYTES),
        "range" | "generate_series" => |arguments, row| arguments.steps(row).saturating_mul(ELEMENT_BYTES),
        "replace" | "regexp_replace" => |arguments, row| match arguments.bytes(2, row) {
            short if short <= REPLACEMENT_BYTES => 0,
            long => (arguments.bytes(0, row) + 1).saturating_mul(long),
        },
        _ => return function,
    };
    Arc::new(ScalarUDF::new_from_impl(Capped { function, estimate }))
}

#[derive(Debug)]
struct Capped {
    function: Arc<ScalarUDF>,
    estimate: Estimate,
}

impl PartialEq for Capped {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function
    }
}

impl Eq for Capped {}

impl std::hash::Hash for Capped {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.function.hash(state);
    }
}

impl ScalarUDFImpl for Capped {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        self.function.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> EngineResult<FieldRef> {
        self.function.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        self.function.inner().coerce_types(types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { args.number_rows.min(1) } else { args.number_rows };
        let arguments = Arguments::read(&args.args)?;
        let mut bytes = 0_u64;
        for row in 0..rows {
            bytes = bytes.saturating_add((self.estimate)(&arguments, row));
            if bytes > RESULT_BYTES_MAX {
                return Err(external(
                    Error::failed("the result of a function would be too large")
                        .with("code", &Said("54000"))
                        .with("function", &Said(self.name()))
                        .with("most bytes for one batch of rows", &RESULT_BYTES_MAX)
                        .hint("ask for shorter texts or lists"),
                ));
            }
        }
        self.function.invoke_with_args(args)
    }
}

/// What the arguments are, row by row. Constants stand there once.
struct Arguments {
    columns: Vec<Argument>,
}

struct Argument {
    constant: bool,
    /// Bytes of each value; for lists and others, bytes of an average one.
    bytes: Vec<u64>,
    /// Each value as an integer (dates in days times milliseconds, timestamps in milliseconds), where it is one.
    numbers: Option<ArrayRef>,
}

impl Arguments {
    fn read(arguments: &[ColumnarValue]) -> EngineResult<Self> {
        let read = |argument: &ColumnarValue| {
            let (array, constant) = match argument {
                ColumnarValue::Array(array) => (Arc::clone(array), false),
                ColumnarValue::Scalar(value) => (value.to_array()?, true),
            };
            Ok(Argument { constant, bytes: sizes(&array), numbers: numbers(&array) })
        };
        Ok(Self { columns: arguments.iter().map(read).collect::<EngineResult<_>>()? })
    }

    fn bytes(&self, column: usize, row: usize) -> u64 {
        let Some(argument) = self.columns.get(column) else { return 0 };
        argument.bytes.get(if argument.constant { 0 } else { row }).copied().unwrap_or_default()
    }

    fn number(&self, column: usize, row: usize) -> Option<i64> {
        let argument = self.columns.get(column)?;
        let numbers = argument.numbers.as_ref()?.as_primitive_opt::<Int64Type>()?;
        let row = if argument.constant { 0 } else { row };
        (row < numbers.len() && numbers.is_valid(row)).then(|| numbers.value(row))
    }

    fn count(&self, column: usize, row: usize) -> u64 {
        self.number(column, row).and_then(|count| u64::try_from(count).ok()).unwrap_or_default()
    }

    /// How many values a series has: `(stop)`, `(start, stop)` or `(start, stop, step)`.
    fn steps(&self, row: usize) -> u64 {
        let (start, stop) = match self.columns.len() {
            1 => (Some(0), self.number(0, row)),
            _ => (self.number(0, row), self.number(1, row)),
        };
        let (Some(start), Some(stop)) = (start, stop) else { return 0 };
        let stride = self.number(2, row).unwrap_or(1).unsigned_abs().max(1);
        start.abs_diff(stop) / stride
    }
}

fn sizes(array: &ArrayRef) -> Vec<u64> {
    let lengths = match array.data_type() {
        data_type if data_type.is_string() || data_type.is_binary() => {
            length(array.as_ref()).and_then(|lengths| cast(&lengths, &DataType::Int64)).ok()
        }
        _ => None,
    };
    if let Some(lengths) = lengths.as_ref().and_then(|lengths| lengths.as_primitive_opt::<Int64Type>()) {
        return lengths.iter().map(|bytes| u64::try_from(bytes.unwrap_or(0)).unwrap_or(0)).collect();
    }
    let all = array.to_data().get_slice_memory_size().unwrap_or(usize::MAX) as u64;
    vec![all / (array.len().max(1) as u64); array.len()]
}

/// The values as integers. Instants are counted in milliseconds, and so are the steps between them.
fn numbers(array: &ArrayRef) -> Option<ArrayRef> {
    match array.data_type() {
        DataType::Date32 | DataType::Date64 => cast(&cast(array, &DataType::Date64).ok()?, &DataType::Int64).ok(),
        DataType::Timestamp(_, zone) => {
            let milliseconds = DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, zone.clone());
            cast(&cast(array, &milliseconds).ok()?, &DataType::Int64).ok()
        }
        DataType::Interval(_) => Some(interval_milliseconds(array)),
        data_type if data_type.is_integer() => cast(array, &DataType::Int64).ok(),
        _ => None,
    }
}

/// Intervals in milliseconds, a month as 28 days: a step is never taken for longer than it is.
fn interval_milliseconds(array: &ArrayRef) -> ArrayRef {
    use arrow::array::Int64Array;
    use arrow::datatypes::{IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType};
    let of = |months: i64, days: i64, milliseconds: i64| (months * 28 + days) * DAY_MILLISECONDS + milliseconds;
    let values: Int64Array = if let Some(steps) = array.as_primitive_opt::<IntervalMonthDayNanoType>() {
        let read = |step: arrow::datatypes::IntervalMonthDayNano| {
            of(step.months.into(), step.days.into(), step.nanoseconds / 1_000_000)
        };
        steps.iter().map(|step| step.map(read)).collect()
    } else if let Some(steps) = array.as_primitive_opt::<IntervalDayTimeType>() {
        let read = |step: arrow::datatypes::IntervalDayTime| of(0, step.days.into(), step.milliseconds.into());
        steps.iter().map(|step| step.map(read)).collect()
    } else if let Some(steps) = array.as_primitive_opt::<IntervalYearMonthType>() {
        steps.iter().map(|step| step.map(|months| of(months.into(), 0, 0))).collect()
    } else {
        Int64Array::new_null(array.len())
    };
    Arc::new(values)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use datafusion::execution::session_state::SessionStateBuilder;
    use datafusion::prelude::SessionContext;

    use super::super::functions;

    async fn fits(sql: &str) -> bool {
        let state =
            SessionStateBuilder::new().with_default_features().with_scalar_functions(functions::scalar()).build();
        let run = async { SessionContext::new_with_state(state).sql(sql).await?.collect().await };
        run.await.is_ok()
    }

    #[tokio::test]
    async fn usual_sizes_pass() {
        for sql in [
            "SELECT repeat('-', 40), lpad('7', 5, '0'), rpad('x', 3)",
            "SELECT array_repeat(1, 100), array_resize([1], 5, 0), range(1, 1000000)",
            "SELECT generate_series(DATE '2020-01-01', DATE '2024-01-01', INTERVAL '1' DAY)",
            "SELECT replace('a-b', '-', '+'), regexp_replace('a-b', '-', '+', 'g')",
            "SELECT lpad(CAST(value AS TEXT), 20, '0') FROM generate_series(1, 100000)",
        ] {
            assert!(fits(sql).await, "{sql}");
        }
    }

    #[tokio::test]
    async fn what_would_fill_the_memory_is_stopped_before_it_does() {
        for sql in [
            "SELECT length(repeat('x', 2000000000))",
            "SELECT lpad('x', 2000000000)",
            "SELECT rpad('x', 2000000000, 'y')",
            "SELECT array_repeat('x', 2000000000)",
            "SELECT array_resize([1], 2000000000, 1)",
            "SELECT range(2000000000)",
            "SELECT generate_series(1, 2000000000)",
            "SELECT generate_series(TIMESTAMP '2020-01-01', TIMESTAMP '2024-01-01', INTERVAL '1' SECOND)",
            "SELECT replace(repeat('a', 100000), 'a', repeat('b', 100000))",
            "SELECT repeat(repeat(repeat('x', 10000), 10000), 10000)",
            "SELECT sum(length(repeat('x', 1000000 + value))) FROM generate_series(1, 1000) AS t(value)",
        ] {
            assert!(!fits(sql).await, "{sql}");
        }
    }
}
