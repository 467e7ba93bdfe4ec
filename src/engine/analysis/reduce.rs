//! `reduce(array, initial, (state, element) -> state, state -> result)`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt64Array};
use arrow::compute::{cast, interleave, nullif, take, take_arrays};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::utils::take_function_args;
use datafusion::common::{Result as EngineResult, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDF,
    HigherOrderUDFImpl, LambdaArgument, LambdaParametersProgress, ValueOrLambda, Volatility,
};

use super::list;
use super::row::wrong;

const NAME: &str = "reduce";

/// Bytes that the states of one batch may take.
const STATE_BYTES_MAX: usize = 64 << 20;

/// Elements of a list: the lambda is computed once for each.
const ELEMENTS_MAX: usize = 100_000;

pub(super) fn function() -> Arc<HigherOrderUDF> {
    Arc::new(HigherOrderUDF::new_from_impl(Reduce {
        signature: HigherOrderSignature::exact(
            vec![
                ValueOrLambda::Value(()),
                ValueOrLambda::Value(()),
                ValueOrLambda::Lambda(()),
                ValueOrLambda::Lambda(()),
            ],
            Volatility::Immutable,
        ),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Reduce {
    signature: HigherOrderSignature,
}

impl HigherOrderUDFImpl for Reduce {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn coerce_value_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        let [array, initial] = take_function_args(NAME, types)?;
        let array = match array {
            DataType::List(_) => array.clone(),
            DataType::LargeList(item) | DataType::FixedSizeList(item, _) => DataType::List(Arc::clone(item)),
            DataType::Null => DataType::new_list(DataType::Null, true),
            _ => return plan_err!("`reduce` takes an array first"),
        };
        Ok(vec![array, initial.clone()])
    }

    /// The state has the type that the first lambda gives, which is known once it was planned with the initial one.
    fn lambda_parameters(
        &self,
        _step: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> EngineResult<LambdaParametersProgress> {
        let [ValueOrLambda::Value(array), ValueOrLambda::Value(initial), ValueOrLambda::Lambda(merged), _] = fields
        else {
            return plan_err!("`reduce` takes an array, a value and two lambdas");
        };
        let element = Arc::new(Field::new("element", list::item(array.data_type()), true));
        let state = |of: &FieldRef| Arc::new(Field::new("state", of.data_type().clone(), true));
        Ok(match merged {
            None => LambdaParametersProgress::Partial(vec![Some(vec![state(initial), element]), None]),
            Some(merged) => LambdaParametersProgress::Complete(vec![vec![state(merged), element], vec![state(merged)]]),
        })
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs) -> EngineResult<FieldRef> {
        let [_, _, _, ValueOrLambda::Lambda(finished)] = args.arg_fields else {
            return plan_err!("`reduce` takes an array, a value and two lambdas");
        };
        Ok(Arc::new(Field::new("", finished.data_type().clone(), true)))
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> EngineResult<ColumnarValue> {
        let [
            ValueOrLambda::Value(array),
            ValueOrLambda::Value(initial),
            ValueOrLambda::Lambda(merge),
            ValueOrLambda::Lambda(finish),
        ] = args.args.as_slice()
        else {
            return plan_err!("`reduce` takes an array, a value and two lambdas");
        };
        let Some(ValueOrLambda::Lambda(merged)) = args.arg_fields.get(2) else {
            return plan_err!("`reduce` takes two lambdas");
        };
        let rows = args.number_rows;
        let array = array.to_array(rows)?;
        let initial = cast(&initial.to_array(rows)?, merged.data_type())?;
        let state = fold(&array, initial, merge)?;
        let state_again = || Ok(Arc::clone(&state));
        let result = finish.evaluate(&[&state_again], |captures| Ok(captures.to_vec()))?.into_array(rows)?;
        let absent: BooleanArray = (0..rows).map(|row| Some(array.is_null(row))).collect();
        Ok(ColumnarValue::Array(nullif(&result, &absent)?))
    }
}

/// Takes the first elements of all lists together, then the second ones of those that have one, and so on.
fn fold(array: &ArrayRef, initial: ArrayRef, merge: &LambdaArgument) -> EngineResult<ArrayRef> {
    let lists = array.as_list::<i32>();
    let longest = (0..lists.len()).map(|row| list::range(lists, row).len()).max().unwrap_or(0);
    if longest > ELEMENTS_MAX {
        return Err(wrong(NAME, "the array has too many elements"));
    }
    let mut state = initial;
    let mut active: Vec<usize> = (0..lists.len()).collect();
    for step in 0..longest {
        active.retain(|row| list::range(lists, *row).len() > step);
        let rows: UInt64Array = active.iter().map(|row| *row as u64).collect();
        let places = active.iter().map(|row| (list::range(lists, *row).start + step) as u64).collect();
        let elements = list::picked(lists.values(), &places)?;
        let before = take(&state, &rows, None)?;
        let after = merge
            .evaluate(&[&|| Ok(Arc::clone(&before)), &|| Ok(Arc::clone(&elements))], |captures| {
                Ok(take_arrays(captures, &rows, None)?)
            })?
            .into_array(active.len())?;
        let after = cast(&after, state.data_type())?;
        state = if active.len() == lists.len() { after } else { replaced(&state, &after, &active)? };
        if state.get_array_memory_size() > STATE_BYTES_MAX {
            return Err(wrong(NAME, "the state grows too large"));
        }
    }
    Ok(state)
}

/// The states of some rows replaced.
fn replaced(state: &ArrayRef, after: &ArrayRef, active: &[usize]) -> EngineResult<ArrayRef> {
    let mut places: Vec<(usize, usize)> = (0..state.len()).map(|row| (0, row)).collect();
    for (index, row) in active.iter().enumerate() {
        if let Some(place) = places.get_mut(*row) {
            *place = (1, index);
        }
    }
    Ok(interleave(&[state.as_ref(), after.as_ref()], &places)?)
}
