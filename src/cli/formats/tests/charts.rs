//! Charts of everything that can be two columns.

use arrow::array::{Date32Array, TimestampMicrosecondArray};

use super::super::Expanded;
use super::*;

fn screen(width: usize) -> Look {
    Look { expanded: Expanded::Off, ..Look::screen(width) }
}

#[test]
fn bars_for_labels() {
    let counts = batch(vec![
        ("segment", texts(&[Some("gold"), Some("silver"), None, Some("日本"), Some("none")])),
        ("customers", integers(&[Some(120), Some(37), Some(1), None, Some(0)])),
    ]);
    insta::assert_snapshot!(written(&counts, Format::Chart, &screen(50)), @r"
    customers by segment
    gold   │█████████████████████████████████████ 120
    silver │███████████▍ 37
    NULL   │▎ 1
    日本   │ NULL
    none   │ 0
    ");
}

#[test]
fn bars_below_zero() {
    let change = batch(vec![
        ("month", texts(&[Some("jan"), Some("feb"), Some("mar")])),
        ("change", doubles(&[Some(-2.5), Some(5.0), Some(-0.001)])),
    ]);
    insta::assert_snapshot!(written(&change, Format::Chart, &screen(40)), @r"
    change by month
    jan █████████│ -2.5
    feb          │███████████████████ 5.0
    mar         █│ -0.001
    ");
}

#[test]
fn a_line_for_many_points() {
    let days: Date32Array = (20_000..20_100).map(Some).collect();
    let heights: Vec<_> = (0..100).map(|n| (n % 50 != 7).then(|| (f64::from(n) / 8.0).sin() * 40.0)).collect();
    let series = batch(vec![("day", Arc::new(days) as ArrayRef), ("height", doubles(&heights))]);
    insta::assert_snapshot!("line_for_many_points", written(&series, Format::Chart, &screen(70)));
}

#[test]
fn whatever_the_numbers_are_something_is_drawn() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 5e-324, -0.0, 0.0, 1.0];
    let many: Vec<Option<f64>> = odd.iter().copied().cycle().take(60).map(Some).collect();
    let same = vec![Some(3.0); 60];
    let none = vec![None; 60];
    let huge = vec![Some(f64::MAX), Some(f64::MIN)];
    for values in [many, same, none, huge, vec![Some(-1.0)], vec![Some(f64::NAN)], vec![]] {
        let stamps: TimestampMicrosecondArray = (0..i64::try_from(values.len()).unwrap()).map(Some).collect();
        let labels: Vec<Option<&str>> = values.iter().map(|_| Some("label")).collect();
        for x in [Arc::new(stamps) as ArrayRef, texts(&labels), doubles(&values)] {
            let series = batch(vec![("x", x), ("y", doubles(&values))]);
            for width in [1, 2, 7, 80, 100_000] {
                let text = written(&series, Format::Chart, &Look { color: width == 80, ..screen(width) });
                assert!(text.lines().count() > 1, "{text}");
            }
        }
    }
}

#[test]
fn other_shapes_are_refused() {
    for columns in [
        vec![("n", integers(&[Some(1)]))],
        vec![("a", texts(&[Some("x")])), ("b", texts(&[Some("y")]))],
        vec![("a", texts(&[Some("x")])), ("n", integers(&[Some(1)])), ("m", integers(&[Some(1)]))],
    ] {
        let error = written_bytes(&[batch(columns)], Format::Chart, &Look::pipe()).unwrap_err();
        assert!(error.to_string().starts_with("a chart needs two columns: a label or x, and a number"), "{error}");
    }
}

#[test]
fn more_rows_than_bars_are_said() {
    let rows: Vec<Option<i64>> = (0..100).map(Some).collect();
    let labels: Vec<String> = (0..100).map(|n| format!("label {n}")).collect();
    let labels: Vec<Option<&str>> = labels.iter().map(|label| Some(label.as_str())).collect();
    let counts = batch(vec![("label", texts(&labels)), ("n", integers(&rows))]);
    let (bytes, shown) = written_bytes(&[counts], Format::Chart, &screen(60)).unwrap();
    assert!(shown.cut);
    assert_eq!(String::from_utf8(bytes).unwrap().lines().count(), 42);
}
