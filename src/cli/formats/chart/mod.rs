//! A chart of two columns: bars for labels and for few points, a line for many.

mod bars;
mod line;

use std::io::Write;

use arrow::array::AsArray;
use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, SchemaRef};

use super::cells::{Cells, is_number, marked_names, painted, visible};
use super::look::{Breaks, Look};
use super::{Sink, fault, put};
use crate::error::{Error, Result, Said};

/// How wide a chart is where nobody says how wide the screen is.
const WIDTH: usize = 80;
/// And at most, whatever the screen is.
const WIDTH_MAX: usize = 400;
/// Above so many points on a scale, a line says more than bars.
const BARS_OF_SCALE_MAX: usize = 25;
/// How many bars are drawn.
const BARS_MAX: usize = 40;
/// How many points a line is drawn through.
const POINTS_MAX: usize = 100_000;

pub(super) struct Chart<'a> {
    out: &'a mut (dyn Write + Send),
    look: Look,
    names: Vec<String>,
    on_scale: bool,
    points: Vec<Point>,
}

/// One row.
struct Point {
    label: String,
    /// Where it is on the scale of labels, if that is one.
    x: Option<f64>,
    /// None for what no chart can show: NULL, NaN, the infinities.
    y: Option<f64>,
    value: String,
}

impl<'a> Chart<'a> {
    pub(super) fn new(schema: &SchemaRef, look: &Look, out: &'a mut (dyn Write + Send)) -> Result<Self> {
        let [x, y] = schema.fields().as_ref() else { return Err(shape("its columns", &schema.fields().len())) };
        if !is_number(y.data_type()) {
            return Err(shape("not a number", &Said(y.name())));
        }
        if x.data_type().is_nested() {
            return Err(shape("neither a label nor a number", &Said(x.name())));
        }
        let on_scale = is_number(x.data_type()) || x.data_type().is_temporal();
        Ok(Self { out, look: look.clone(), names: marked_names(schema, look), on_scale, points: Vec::new() })
    }

    fn drawn(&self) -> (String, bool) {
        let width = self.look.width.unwrap_or(WIDTH).clamp(1, WIDTH_MAX);
        if self.points.iter().all(|point| point.y.is_none()) {
            return ("nothing to draw: no row has a number\n".to_owned(), false);
        }
        if self.on_scale && self.points.len() > BARS_OF_SCALE_MAX {
            let kept = self.points.get(..POINTS_MAX).unwrap_or(&self.points);
            return (line::draw(kept, width, self.look.color), kept.len() < self.points.len());
        }
        let kept = self.points.get(..BARS_MAX).unwrap_or(&self.points);
        let mut text = bars::draw(kept, width, self.look.color);
        let cut = kept.len() < self.points.len();
        if cut {
            text.push_str(&painted("… there are more rows than bars", "2", self.look.color));
            text.push('\n');
        }
        (text, cut)
    }

    fn title(&self) -> String {
        let names = self.names.iter().rev().map(String::as_str).collect::<Vec<_>>().join(" by ");
        let title = self.look.title.as_ref().map_or(names, |title| visible(title, Breaks::Escaped).into_owned());
        format!("{}\n", painted(&title, "1", self.look.color))
    }
}

impl Sink for Chart<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells = Cells::read(batch, &self.look.null)?;
        let [labels, values] = batch.columns() else { return Ok(()) };
        let x = if self.on_scale { numbers(labels)? } else { Float64Array::new_null(batch.num_rows()) };
        let y = numbers(values)?;
        let text = |column, row| {
            let cell = cells.get(column, row);
            cell.map_or_else(|| self.look.null.clone(), |text| visible(&text, Breaks::Escaped).into_owned())
        };
        let finite = |column: &Float64Array, row| {
            let number = column.is_valid(row).then(|| column.value(row));
            number.filter(|number| number.is_finite())
        };
        let points = (0..batch.num_rows()).map(|row| Point {
            label: text(0, row),
            x: finite(&x, row),
            y: finite(&y, row),
            value: text(1, row),
        });
        let points: Vec<Point> = points.collect();
        self.points.extend(points);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.points.len() > if self.on_scale { POINTS_MAX } else { BARS_MAX }
    }

    fn finish(self: Box<Self>) -> Result<bool> {
        let (text, cut) = self.drawn();
        if !self.look.tuples_only {
            let title = self.title();
            put(self.out, &title)?;
        }
        put(self.out, &text)?;
        Ok(cut)
    }
}

/// Numbers, and dates and times as numbers.
fn numbers(column: &ArrayRef) -> Result<Float64Array> {
    let numbers = if column.data_type().is_temporal() {
        let wide = if column.data_type() == &DataType::Date32 { DataType::Int32 } else { DataType::Int64 };
        cast(column, &wide).and_then(|whole| cast(&whole, &DataType::Float64))
    } else {
        cast(column, &DataType::Float64)
    };
    numbers.map(|numbers| numbers.as_primitive::<Float64Type>().clone()).map_err(|error| fault(&error))
}

fn shape(key: &'static str, what: &impl crate::error::Safe) -> Error {
    Error::usage("a chart needs two columns: a label or x, and a number")
        .with(key, what)
        .hint("for example: SELECT segment, count(*) FROM dataset_masked.customer GROUP BY segment")
}
