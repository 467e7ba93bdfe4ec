//! Functions that mean one thing for one type and another for another, where the engine knows only one of them:
//! `contains(text, text)` is the engine's, `contains(array, element)` is Trino's. What the engine's function takes keeps
//! its meaning.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as EngineResult, ScalarValue, plan_err};
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::list;
use super::row::{Spec, functions as made_of};

/// Which calls a function is meant by.
type Meant = fn(&[DataType]) -> bool;

/// One of the functions behind a name.
struct Way {
    meant: Meant,
    function: Arc<ScalarUDF>,
}

/// All of them. The first that is meant is called.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let named = |name: &'static str, ways: Vec<(Meant, Option<Arc<ScalarUDF>>)>| {
        let found = ways.into_iter().filter_map(|(meant, function)| Some(Way { meant, function: function? }));
        Arc::new(ScalarUDF::new_from_impl(Overloaded {
            name,
            ways: found.collect(),
            signature: Signature::user_defined(Volatility::Immutable),
        }))
    };
    let map_value = || Some(Arc::new(ScalarUDF::new_from_impl(MapValue::new())));
    let spark = datafusion_spark::function::array::slice;
    let mut all = vec![
        named("contains", vec![(first_is_list, engine("array_has")), (anything, engine("contains"))]),
        named("concat", vec![(any_is_list, engine("array_concat")), (anything, engine("concat"))]),
        named("reverse", vec![(first_is_list, engine("array_reverse")), (anything, engine("reverse"))]),
        named("repeat", vec![(first_is_no_text, engine("array_repeat")), (anything, engine("repeat"))]),
        named("element_at", vec![(first_is_map, map_value()), (anything, engine("array_element"))]),
        named("to_hex", vec![(first_is_binary, own("hex_of_bytes")), (anything, engine("to_hex"))]),
        named("length", vec![(first_is_binary, own("byte_length")), (anything, engine("character_length"))]),
        named(
            "from_unixtime",
            vec![(first_is_fraction, own("moment_of_unixtime")), (anything, engine("from_unixtime"))],
        ),
        named("slice", vec![(anything, Some(spark()))]),
        named("format", vec![(anything, Some(datafusion_spark::function::string::format_string()))]),
    ];
    all.push(datafusion_spark::function::array::shuffle());
    all
}

/// The number of characters that one format may ask for.
const WIDTH_MAX: u64 = 1 << 16;

/// Refuses formats that ask for wide fields: `%2000000000d`.
fn check_widths(argument: &ColumnarValue) -> EngineResult<()> {
    let formats = match argument {
        ColumnarValue::Array(array) => Arc::clone(array),
        ColumnarValue::Scalar(value) => value.to_array()?,
    };
    let formats = arrow::compute::cast(&formats, &DataType::Utf8)?;
    let width = |digits: &str| if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) };
    let wide = formats.as_string::<i32>().iter().flatten().any(|format| {
        let widths = format.split(|c: char| !c.is_ascii_digit()).map(width);
        widths.fold(0_u64, u64::saturating_add) > WIDTH_MAX
    });
    if wide { Err(super::row::wrong("format", "the widths are too large")) } else { Ok(()) }
}

/// A function of the engine's, by its name.
fn engine(name: &str) -> Option<Arc<ScalarUDF>> {
    static KNOWN: LazyLock<HashMap<String, Arc<ScalarUDF>>> = LazyLock::new(|| {
        let all = SessionStateDefaults::default_scalar_functions();
        all.into_iter().map(|function| (function.name().to_owned(), function)).collect()
    });
    KNOWN.get(name).cloned()
}

/// A function of this folder that is called by no name of its own.
fn own(name: &str) -> Option<Arc<ScalarUDF>> {
    let families: [&'static [Spec]; 3] = [super::binary::SPECS, super::string::SPECS, super::datetime::SPECS];
    let spec = families.into_iter().flatten().find(|spec| spec.name == name)?;
    made_of(spec).into_iter().next()
}

fn anything(_: &[DataType]) -> bool {
    true
}

fn is_list(data_type: &DataType) -> bool {
    matches!(data_type, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..))
}

fn first_is_list(types: &[DataType]) -> bool {
    types.first().is_some_and(is_list)
}

fn any_is_list(types: &[DataType]) -> bool {
    types.iter().any(is_list)
}

fn first_is_map(types: &[DataType]) -> bool {
    matches!(types.first(), Some(DataType::Map(..)))
}

fn first_is_binary(types: &[DataType]) -> bool {
    types.first().is_some_and(DataType::is_binary)
}

fn first_is_fraction(types: &[DataType]) -> bool {
    types.len() == 1 && types.first().is_some_and(|first| first.is_floating() || first.is_decimal())
}

fn first_is_no_text(types: &[DataType]) -> bool {
    let text = |data_type: &DataType| match data_type {
        DataType::Dictionary(_, value) => value.is_string(),
        other => other.is_string() || other.is_null(),
    };
    types.first().is_some_and(|first| !text(first))
}

/// The types that a function sees its arguments as.
fn coerced(types: &[DataType], function: &ScalarUDF) -> EngineResult<Vec<DataType>> {
    let fields: Vec<FieldRef> = types.iter().map(|given| Arc::new(Field::new("", given.clone(), true)) as _).collect();
    Ok(fields_with_udf(&fields, function)?.iter().map(|field| field.data_type().clone()).collect())
}

/// Several functions under one name.
struct Overloaded {
    name: &'static str,
    ways: Vec<Way>,
    signature: Signature,
}

impl Overloaded {
    fn meant(&self, types: &[DataType]) -> EngineResult<&Arc<ScalarUDF>> {
        let Some(way) = self.ways.iter().find(|way| (way.meant)(types)) else {
            return plan_err!("`{}` does not take these arguments", self.name);
        };
        Ok(&way.function)
    }
}

impl std::fmt::Debug for Overloaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overloaded").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Overloaded {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Overloaded {}

impl Hash for Overloaded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Overloaded {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        coerced(types, self.meant(types)?)
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        self.meant(types)?.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> EngineResult<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        self.meant(&types)?.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        if let ("format", Some(format)) = (self.name, args.args.first()) {
            check_widths(format)?;
        }
        let types: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        self.meant(&types)?.invoke_with_args(args)
    }
}

/// The value of a key in a map, or NULL: the first of the list that the engine's `map_extract` gives.
#[derive(Debug, PartialEq, Eq, Hash)]
struct MapValue {
    signature: Signature,
}

impl MapValue {
    fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn extract() -> EngineResult<Arc<ScalarUDF>> {
        let Some(function) = engine("map_extract") else { return plan_err!("the engine has no maps") };
        Ok(function)
    }
}

impl ScalarUDFImpl for MapValue {
    fn name(&self) -> &'static str {
        "map_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        coerced(types, Self::extract()?.as_ref())
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        Ok(list::item(&Self::extract()?.return_type(types)?))
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = args.number_rows;
        let values = args.return_field.data_type().clone();
        let lists = args.return_field.as_ref().clone().with_data_type(DataType::new_list(values, true));
        args.return_field = Arc::new(lists);
        let found: ArrayRef = Self::extract()?.invoke_with_args(args)?.into_array(rows)?;
        let found = found.as_list::<i32>();
        let first = |row: usize| list::range(found, row).next().map(|index| index as u64);
        let indices = (0..found.len()).map(first).collect();
        let picked = list::picked(found.values(), &indices)?;
        Ok(if constant && !picked.is_empty() {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&picked, 0)?)
        } else {
            ColumnarValue::Array(picked)
        })
    }
}
