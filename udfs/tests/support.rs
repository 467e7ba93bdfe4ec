//! What the tests share: a session with the example keys, a way to run SQL, and a way to call one function.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{Field, FieldRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use datafusion::prelude::SessionContext;
use saltlake_udfs::{EXAMPLE_KEYS, KeyId, KeyRing, MaskKey, all_functions, register_all};

pub(crate) fn ring_of(keys: &[(&str, &[u8])]) -> Arc<KeyRing> {
    let ring = KeyRing::default();
    for (name, bytes) in keys {
        ring.insert(KeyId::new(*name), MaskKey::new(bytes.to_vec().into()));
    }
    Arc::new(ring)
}

pub(crate) fn session_of(keys: &[(&str, &[u8])]) -> SessionContext {
    let mut context = SessionContext::new();
    register_all(&mut context, &ring_of(keys)).unwrap();
    context
}

pub(crate) fn session() -> SessionContext {
    session_of(EXAMPLE_KEYS)
}

pub(crate) fn run(context: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { context.sql(sql).await?.collect().await })
}

/// The rows of an answer as text, `NULL` where there is none.
pub(crate) fn rows(context: &SessionContext, sql: &str) -> Result<Vec<Vec<String>>> {
    let options = FormatOptions::new().with_null("NULL");
    let mut rows = Vec::new();
    for batch in run(context, sql)? {
        let cells = |row: usize| {
            let cell = |array: &ArrayRef| ArrayFormatter::try_new(array, &options).unwrap().value(row).to_string();
            batch.columns().iter().map(cell).collect()
        };
        rows.extend((0..batch.num_rows()).map(cells));
    }
    Ok(rows)
}

/// The only cell of an answer.
pub(crate) fn cell(context: &SessionContext, sql: &str) -> Result<String> {
    let rows = rows(context, sql)?;
    assert_eq!((rows.len(), rows[0].len()), (1, 1), "{sql}");
    Ok(rows[0][0].clone())
}

/// The text of the error that a statement must give.
pub(crate) fn error(context: &SessionContext, sql: &str) -> String {
    match rows(context, sql) {
        Err(error) => error.to_string(),
        Ok(rows) => panic!("{sql} gave {rows:?}"),
    }
}

pub(crate) fn function(name: &str) -> Arc<ScalarUDF> {
    function_with(name, EXAMPLE_KEYS)
}

pub(crate) fn function_with(name: &str, keys: &[(&str, &[u8])]) -> Arc<ScalarUDF> {
    all_functions(&ring_of(keys)).into_iter().find(|function| function.name() == name).unwrap()
}

/// Calls a function as the engine does: type first, then the batch. Checks that the two agree.
pub(crate) fn invoke(function: &ScalarUDF, args: Vec<ColumnarValue>, rows: usize) -> Result<ColumnarValue> {
    let arg_fields: Vec<FieldRef> =
        args.iter().map(|arg| Arc::new(Field::new("value", arg.data_type(), true))).collect();
    let scalars: Vec<Option<&ScalarValue>> = args
        .iter()
        .map(|arg| match arg {
            ColumnarValue::Scalar(scalar) => Some(scalar),
            ColumnarValue::Array(_) => None,
        })
        .collect();
    let return_field =
        function.return_field_from_args(ReturnFieldArgs { arg_fields: &arg_fields, scalar_arguments: &scalars })?;
    let output = function.invoke_with_args(ScalarFunctionArgs {
        args,
        arg_fields,
        number_rows: rows,
        return_field: Arc::clone(&return_field),
        config_options: Arc::new(ConfigOptions::default()),
    })?;
    assert_eq!(&output.data_type(), return_field.data_type(), "{} promised another type", function.name());
    Ok(output)
}

/// Masks a column.
pub(crate) fn mask(function: &ScalarUDF, column: &ArrayRef, extra: &[ScalarValue]) -> Result<ArrayRef> {
    let mut args = vec![ColumnarValue::Array(Arc::clone(column))];
    args.extend(extra.iter().cloned().map(ColumnarValue::Scalar));
    let output = invoke(function, args, column.len())?;
    let ColumnarValue::Array(array) = output else { panic!("a column became a literal") };
    assert_eq!(array.len(), column.len());
    Ok(array)
}

/// Masks a literal.
pub(crate) fn mask_literal(function: &ScalarUDF, literal: ScalarValue, extra: &[ScalarValue]) -> Result<ScalarValue> {
    let mut args = vec![ColumnarValue::Scalar(literal)];
    args.extend(extra.iter().cloned().map(ColumnarValue::Scalar));
    match invoke(function, args, 3)? {
        ColumnarValue::Scalar(scalar) => Ok(scalar),
        ColumnarValue::Array(_) => panic!("a literal became a column"),
    }
}

/// A column's cells as text, whatever its encoding; NULL as `None`.
pub(crate) fn texts(column: &ArrayRef) -> Vec<Option<String>> {
    let column = match column.data_type() {
        arrow::datatypes::DataType::Dictionary(_, values) => arrow::compute::cast(column, values).unwrap(),
        _ => Arc::clone(column),
    };
    let formatter_options = FormatOptions::new();
    let formatter = ArrayFormatter::try_new(&column, &formatter_options).unwrap();
    let nulls = column.logical_nulls();
    (0..column.len())
        .map(|row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)).then(|| formatter.value(row).to_string()))
        .collect()
}

/// The functions that give text for text, each with the arguments of a usual call.
pub(crate) fn text_calls() -> Vec<(Arc<ScalarUDF>, Vec<ScalarValue>)> {
    let count = |number: i64| ScalarValue::Int64(Some(number));
    vec![
        (function("salt_hash"), vec![]),
        (function("salt_hash"), vec![ScalarValue::from("join-2026")]),
        (function("hmac_hash"), vec![]),
        (function("hmac_hash"), vec![ScalarValue::from("join-2026")]),
        (function("mask_redact"), vec![]),
        (function("mask_redact"), vec![ScalarValue::from("hidden")]),
        (function("mask_partial"), vec![count(1), count(2)]),
        (function("mask_email"), vec![]),
    ]
}
