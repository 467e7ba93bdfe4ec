//! Trino's aggregates that the engine lacks, and that nothing else can be made into: `max_by`, `min_by`, `skewness`,
//! `kurtosis`.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{SortOptions, sort_to_indices};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result as EngineResult, ScalarValue, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

pub(super) fn functions() -> Vec<Arc<AggregateUDF>> {
    let by = |name, best| {
        Arc::new(AggregateUDF::new_from_impl(By { name, best, signature: Signature::any(2, Volatility::Immutable) }))
    };
    let shape = |name, power| {
        let signature = Signature::exact(vec![DataType::Float64], Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(Shape { name, power, signature }))
    };
    vec![by("max_by", Best::Greatest), by("min_by", Best::Least), shape("skewness", 3), shape("kurtosis", 4)]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Best {
    Greatest,
    Least,
}

/// `max_by(x, y)`: the x of the row whose y is the greatest. Rows without a y do not count.
#[derive(Debug, PartialEq, Eq, Hash)]
struct By {
    name: &'static str,
    best: Best,
    signature: Signature,
}

impl AggregateUDFImpl for By {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        match types {
            [_, by] if by.is_nested() => plan_err!("`{}` takes no nested values to order by", self.name),
            [given, _] => Ok(given.clone()),
            _ => plan_err!("`{}` takes two arguments", self.name),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> EngineResult<Vec<FieldRef>> {
        let field = |(index, of): (usize, &FieldRef)| {
            Arc::new(Field::new(format!("{}[{index}]", args.name), of.data_type().clone(), true))
        };
        Ok(args.input_fields.iter().enumerate().map(field).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn Accumulator>> {
        let [given, by] = args.expr_fields else { return plan_err!("`{}` takes two arguments", self.name) };
        Ok(Box::new(Leader {
            best: self.best,
            given: ScalarValue::try_new_null(given.data_type())?,
            by: ScalarValue::try_new_null(by.data_type())?,
        }))
    }
}

/// The best row so far.
#[derive(Debug)]
struct Leader {
    best: Best,
    given: ScalarValue,
    by: ScalarValue,
}

impl Accumulator for Leader {
    fn update_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        let [given, by] = values else { return plan_err!("two columns are expected") };
        if by.null_count() == by.len() {
            return Ok(());
        }
        let options = SortOptions { descending: self.best == Best::Greatest, nulls_first: false };
        let first = sort_to_indices(by, Some(options), Some(1))?;
        let Some(row) = first.iter().flatten().next().and_then(|row| usize::try_from(row).ok()) else { return Ok(()) };
        let candidate = ScalarValue::try_from_array(by, row)?;
        let better = match (self.by.is_null(), candidate.partial_cmp(&self.by)) {
            (true, _) => true,
            (false, Some(order)) => {
                order == if self.best == Best::Greatest { Ordering::Greater } else { Ordering::Less }
            }
            (false, None) => false,
        };
        if better {
            self.given = ScalarValue::try_from_array(given, row)?;
            self.given.compact();
            self.by = candidate;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> EngineResult<ScalarValue> {
        Ok(self.given.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.given.size() + self.by.size()
    }

    fn state(&mut self) -> EngineResult<Vec<ScalarValue>> {
        Ok(vec![self.given.clone(), self.by.clone()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> EngineResult<()> {
        self.update_batch(states)
    }
}

/// `skewness` and `kurtosis`, from sums of powers of the distance from the mean.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Shape {
    name: &'static str,
    power: u8,
    signature: Signature,
}

impl AggregateUDFImpl for Shape {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Float64)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> EngineResult<Vec<FieldRef>> {
        let field = |part| Arc::new(Field::new(format!("{}[{part}]", args.name), DataType::Float64, true));
        Ok(["count", "mean", "m2", "m3", "m4"].into_iter().map(field).collect())
    }

    fn accumulator(&self, _: AccumulatorArgs) -> EngineResult<Box<dyn Accumulator>> {
        Ok(Box::new(Moments { power: self.power, ..Moments::default() }))
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    power: u8,
    count: f64,
    mean: f64,
    m2: f64,
    m3: f64,
    m4: f64,
}

impl Moments {
    /// Adds the moments of other rows (Pébay's formulas).
    fn add(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = Self { power: self.power, ..*other };
            return;
        }
        let (a, b) = (self.count, other.count);
        let n = a + b;
        let d = other.mean - self.mean;
        let m4 = self.m4
            + other.m4
            + d.powi(4) * a * b * (a * a - a * b + b * b) / n.powi(3)
            + 6.0 * d * d * (a * a * other.m2 + b * b * self.m2) / (n * n)
            + 4.0 * d * (a * other.m3 - b * self.m3) / n;
        let m3 =
            self.m3 + other.m3 + d.powi(3) * a * b * (a - b) / (n * n) + 3.0 * d * (a * other.m2 - b * self.m2) / n;
        let m2 = self.m2 + other.m2 + d * d * a * b / n;
        *self = Self { power: self.power, count: n, mean: self.mean + d * b / n, m2, m3, m4 };
    }
}

impl Accumulator for Moments {
    fn update_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        for value in values.iter().filter_map(|array| array.as_primitive_opt::<Float64Type>()).flatten().flatten() {
            self.add(&Self { count: 1.0, mean: value, ..Self::default() });
        }
        Ok(())
    }

    fn evaluate(&mut self) -> EngineResult<ScalarValue> {
        let n = self.count;
        Ok(ScalarValue::Float64(match self.power {
            3 if n >= 3.0 => Some(n.sqrt() * self.m3 / self.m2.powf(1.5)),
            4 if n >= 4.0 => {
                let ratio = n * (n + 1.0) / ((n - 1.0) * (n - 2.0) * (n - 3.0));
                let variance = self.m2 / (n - 1.0);
                Some(ratio * self.m4 / (variance * variance) - 3.0 * (n - 1.0) * (n - 1.0) / ((n - 2.0) * (n - 3.0)))
            }
            _ => None,
        }))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> EngineResult<Vec<ScalarValue>> {
        Ok([self.count, self.mean, self.m2, self.m3, self.m4].into_iter().map(ScalarValue::from).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> EngineResult<()> {
        let columns: Vec<_> = states.iter().filter_map(|array| array.as_primitive_opt::<Float64Type>()).collect();
        let [count, mean, m2, m3, m4] = columns.as_slice() else { return plan_err!("five columns are expected") };
        for row in 0..count.len() {
            let of = |column: &&arrow::array::Float64Array| column.value(row);
            self.add(&Self { power: 0, count: of(count), mean: of(mean), m2: of(m2), m3: of(m3), m4: of(m4) });
        }
        Ok(())
    }
}
