//! Tests of all formats together.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod charts;
mod properties;
mod tables;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

use super::{Format, Look, Shown, write};
use crate::error::Result;

/// Batches as a format writes them.
fn written_bytes(batches: &[RecordBatch], format: Format, look: &Look) -> Result<(Vec<u8>, Shown)> {
    let rows = futures::stream::iter(batches.iter().cloned().map(Ok).collect::<Vec<_>>());
    let rows = Box::pin(RecordBatchStreamAdapter::new(batches[0].schema(), rows));
    let mut out = Vec::new();
    let shown = futures::executor::block_on(write(rows, format, look, &mut out))?;
    Ok((out, shown))
}

fn written(batch: &RecordBatch, format: Format, look: &Look) -> String {
    String::from_utf8(written_bytes(std::slice::from_ref(batch), format, look).unwrap().0).unwrap()
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<StringArray>())
}

fn integers(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<Int64Array>())
}

fn doubles(values: &[Option<f64>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<Float64Array>())
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

/// Names, numbers, NULL, wide characters, and a text that only looks like NULL.
fn people() -> RecordBatch {
    batch(vec![
        ("id", integers(&[Some(1), Some(20), None])),
        ("name", texts(&[Some("Åsa"), Some("日本 👩\u{200d}👧"), None])),
        ("mail", texts(&[Some("asa@example.org"), Some("NULL"), Some("a\nb\u{1b}[31m")])),
    ])
}
