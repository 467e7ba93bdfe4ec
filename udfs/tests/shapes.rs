//! The shape check finds raw cells in a column that should be masked.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use saltlake_udfs::unmasked_cells;

use crate::support::{function, mask, text_calls};

fn raw() -> ArrayRef {
    let values = vec![Some("alice@example.com"), None, Some("4111111111111111"), Some(""), Some("alice@example.com")];
    Arc::new(StringArray::from(values))
}

fn encodings() -> [DataType; 4] {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View, dictionary]
}

#[test]
fn every_raw_cell_is_counted_and_no_masked_one() {
    for (function, extra) in text_calls() {
        for encoding in encodings() {
            let raw = cast(&raw(), &encoding).unwrap();
            let masked = cast(&mask(&function, &raw, &extra).unwrap(), &encoding).unwrap();
            assert_eq!(unmasked_cells(function.name(), &extra, &masked).unwrap(), 0, "{}", function.name());
            assert_eq!(unmasked_cells(function.name(), &extra, &raw).unwrap(), 4, "{}", function.name());
        }
    }
}

#[test]
fn mask_null_leaves_nothing() {
    let masked = mask(&function("mask_null"), &raw(), &[]).unwrap();
    assert_eq!(unmasked_cells("mask_null", &[], &masked).unwrap(), 0);
    assert_eq!(unmasked_cells("mask_null", &[], &raw()).unwrap(), 4);
}

#[test]
fn one_raw_cell_among_masked_ones_is_counted() {
    let function = function("salt_hash");
    let masked = mask(&function, &raw(), &[]).unwrap();
    let mixed = arrow::compute::concat(&[&masked, &(Arc::new(StringArray::from(vec!["bob"])) as ArrayRef)]).unwrap();
    assert_eq!(unmasked_cells("salt_hash", &[], &mixed).unwrap(), 1);
}

#[test]
fn another_redaction_text_is_not_this_one() {
    let function = function("mask_redact");
    let masked = mask(&function, &raw(), &[]).unwrap();
    assert_eq!(unmasked_cells("mask_redact", &[ScalarValue::from("hidden")], &masked).unwrap(), 4);
}

#[test]
fn what_cannot_be_checked_is_an_error_and_not_a_pass() {
    let number: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    assert!(unmasked_cells("salt_hash", &[], &number).is_err());
    assert!(unmasked_cells("sha256", &[], &raw()).is_err());
    assert!(unmasked_cells("mask_partial", &[], &raw()).is_err());
    assert!(
        unmasked_cells("mask_partial", &[ScalarValue::Int64(Some(-1)), ScalarValue::Int64(Some(1))], &raw()).is_err()
    );
    assert!(unmasked_cells("mask_redact", &[ScalarValue::Int64(Some(1))], &raw()).is_err());
}
