//! A line through many points, between two axes.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Alignment, Rect};
use ratatui_core::style::{Color, Style};
use ratatui_core::symbols::Marker;
use ratatui_core::widgets::Widget;
use ratatui_widgets::chart::{Axis, Chart, Dataset, GraphType};

use super::Point;
use crate::cli::formats::cells::{cut, painted, width};

const HEIGHT: u16 = 20;

/// Draws a line through the points in the order of their x. A point without a number is a gap. At least one has one.
pub(super) fn draw(points: &[Point], screen: usize, color: bool) -> String {
    let mut placed: Vec<(f64, &Point)> = points.iter().filter_map(|point| Some((point.x?, point))).collect();
    placed.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let across = Range::of(placed.iter().map(|(x, _)| *x));
    let up = Range::of(placed.iter().filter_map(|(_, point)| point.y));
    let mut parts: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for (x, point) in &placed {
        match (point.y, parts.last_mut()) {
            (Some(y), Some(part)) => part.push((across.share(*x), up.share(y))),
            _ => parts.push(Vec::new()),
        }
    }
    let lines = parts.iter().filter(|part| !part.is_empty()).map(|part| {
        let style = Style::default().fg(Color::Cyan);
        Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).style(style).data(part)
    });
    let ends = [placed.first(), placed.last()];
    let ends = ends.into_iter().flatten().map(|(_, point)| cut(&point.label, screen / 3).into_owned());
    let chart = Chart::new(lines.collect())
        .x_axis(Axis::default().bounds([0.0, 1.0]).labels(ends))
        .y_axis(Axis::default().bounds([0.0, 1.0]).labels(up.labels()).labels_alignment(Alignment::Right));
    let area = Rect::new(0, 0, u16::try_from(screen).unwrap_or(u16::MAX), HEIGHT);
    let mut buffer = Buffer::empty(area);
    chart.render(area, &mut buffer);
    text(&buffer, color)
}

/// The cells of a buffer as lines.
fn text(buffer: &Buffer, color: bool) -> String {
    let columns = usize::from(buffer.area().width).max(1);
    let mut text = String::new();
    for row in buffer.content().chunks(columns) {
        let mut line = String::new();
        let mut hidden = 0;
        for cell in row {
            // A wide character lies over the cells behind it.
            if hidden > 0 {
                hidden -= 1;
                continue;
            }
            hidden = width(cell.symbol()).saturating_sub(1);
            let colored = color && cell.fg == Color::Cyan && cell.symbol() != " ";
            line.push_str(&painted(cell.symbol(), "36", colored));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The numbers of an axis.
struct Range {
    /// The number furthest from zero: all are measured by it, so that no difference overflows.
    unit: f64,
    least: f64,
    most: f64,
}

impl Range {
    fn of(numbers: impl Iterator<Item = f64> + Clone) -> Self {
        let unit = numbers.clone().fold(0.0, |most: f64, number| most.max(number.abs()));
        let unit = if unit > 0.0 { unit } else { 1.0 };
        let least = numbers.clone().fold(f64::INFINITY, f64::min) / unit;
        let most = numbers.fold(f64::NEG_INFINITY, f64::max) / unit;
        Self { unit, least, most }
    }

    /// Where a number is between the least and the most.
    fn share(&self, number: f64) -> f64 {
        let all = self.most - self.least;
        if all > 0.0 { (number / self.unit - self.least) / all } else { 0.5 }
    }

    /// The numbers at the ends and in between.
    fn labels(&self) -> Vec<String> {
        let all = self.most - self.least;
        if all <= 0.0 {
            return vec![String::new(), short(self.least * self.unit, 0.0), String::new()];
        }
        let at = |share: f64| (self.least + all * share) * self.unit;
        [0.0, 0.25, 0.5, 0.75, 1.0].iter().map(|share| short(at(*share), all * self.unit)).collect()
    }
}

/// A number with as many digits as tell it from others in a range.
fn short(number: f64, range: f64) -> String {
    let size = number.abs().max(range);
    if size >= 1e12 || (size > 0.0 && size < 1e-3) {
        return format!("{number:.2e}");
    }
    let digits = if range == 0.0 || range < 1.0 {
        4
    } else if range < 100.0 {
        2
    } else {
        0
    };
    let text = format!("{number:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    if text == "-0" { "0".to_owned() } else { text }
}
