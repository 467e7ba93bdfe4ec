//! Rows per second of each function, by type of column: `cargo bench -p saltlake-udfs`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for ourselves")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, Decimal128Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use saltlake_udfs::{KeyId, KeyRing, MaskKey, all_functions};
use sha2::{Digest, Sha256};

const ROWS: usize = 8_192; // the engine's usual batch

fn main() {
    let ring = Arc::new(KeyRing::default());
    ring.insert(KeyId::new(KeyId::DEFAULT), MaskKey::new(b"sixteen bytes key".to_vec().into()));
    let columns = columns();
    println!("{:<14} {:<28} {:>12}", "function", "column", "rows/s");
    println!("{:<14} {:<28} {:>12.0}", "(none)", "SHA-256 and hex of 43 bytes", digests_per_second());
    for function in all_functions(&ring) {
        for (label, column) in &columns {
            println!("{:<14} {label:<28} {:>12.0}", function.name(), rows_per_second(&function, column));
        }
    }
}

/// One column of each kind that takes its own way through the code.
fn columns() -> Vec<(&'static str, ArrayRef)> {
    let numbers = || 0_i64..i64::try_from(ROWS).unwrap();
    let email = |number: i64| format!("customer{number:06}@example.com");
    let emails: ArrayRef = Arc::new(numbers().map(|number| Some(email(number))).collect::<StringArray>());
    let half: ArrayRef =
        Arc::new(numbers().map(|number| (number % 2 == 0).then(|| email(number))).collect::<StringArray>());
    let long: ArrayRef = Arc::new(numbers().map(|number| Some(format!("{number:0>200}"))).collect::<StringArray>());
    let few: ArrayRef = Arc::new(numbers().map(|number| Some(email(number % 500))).collect::<StringArray>());
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let decimals: Decimal128Array = numbers().map(|number| Some(i128::from(number) * 1_037)).collect();
    let moments: TimestampMicrosecondArray =
        numbers().map(|number| Some(1_706_696_430_000_000 + number * 86_400_123_000)).collect();
    vec![
        ("Utf8View, 26 bytes", cast(&emails, &DataType::Utf8View).unwrap()),
        ("LargeUtf8, 26 bytes", cast(&emails, &DataType::LargeUtf8).unwrap()),
        ("Utf8, 26 bytes", emails),
        ("Utf8, half of it NULL", half),
        ("Utf8, 200 bytes", long),
        ("Dictionary, 500 distinct", cast(&few, &dictionary).unwrap()),
        ("Int64", Arc::new(numbers().map(|number| Some(number * 7_919)).collect::<Int64Array>())),
        ("Decimal128(18, 2)", Arc::new(decimals.with_precision_and_scale(18, 2).unwrap())),
        ("Timestamp(Microsecond)", Arc::new(moments)),
    ]
}

/// The bare hash, without Arrow: what `salt_hash` of 26 bytes can at most reach on this machine, just now.
fn digests_per_second() -> f64 {
    let mut message = [b'v'; 43];
    let mut token = [0_u8; 64];
    let mut best = Duration::MAX;
    for _ in 0..100 {
        let batch_start = Instant::now();
        for row in 0..ROWS {
            message[0] = row.to_le_bytes()[0];
            const_hex::encode_to_slice(Sha256::digest(message), &mut token).unwrap();
            black_box(&token);
        }
        best = best.min(batch_start.elapsed());
    }
    f64::from(u32::try_from(ROWS).unwrap()) / best.as_secs_f64()
}

/// The best of many batches, which is what is left when the machine does nothing else.
fn rows_per_second(function: &ScalarUDF, column: &ArrayRef) -> f64 {
    let extra = match function.name() {
        "mask_partial" => vec![ScalarValue::Int64(Some(1)), ScalarValue::Int64(Some(4))],
        _ => vec![],
    };
    let mut values = vec![ColumnarValue::Array(Arc::clone(column))];
    values.extend(extra.iter().cloned().map(ColumnarValue::Scalar));
    let arg_fields: Vec<_> =
        values.iter().map(|value| Arc::new(Field::new("value", value.data_type(), true))).collect();
    let scalars: Vec<_> = std::iter::once(None).chain(extra.iter().map(Some)).collect();
    let return_field = function
        .return_field_from_args(ReturnFieldArgs { arg_fields: &arg_fields, scalar_arguments: &scalars })
        .unwrap();
    let config_options = Arc::new(ConfigOptions::default());
    let mut best = Duration::MAX;
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(300) {
        let args = ScalarFunctionArgs {
            args: values.clone(),
            arg_fields: arg_fields.clone(),
            number_rows: column.len(),
            return_field: Arc::clone(&return_field),
            config_options: Arc::clone(&config_options),
        };
        let batch_start = Instant::now();
        black_box(function.invoke_with_args(args).unwrap());
        best = best.min(batch_start.elapsed());
    }
    f64::from(u32::try_from(column.len()).unwrap()) / best.as_secs_f64()
}
