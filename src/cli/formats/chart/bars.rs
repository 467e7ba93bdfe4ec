//! Horizontal bars, with their labels to the left and their values behind them.

use ratatui_core::symbols::block;
use ratatui_core::symbols::line::VERTICAL;

use super::Point;
use crate::cli::formats::cells::{cut, pad, painted, width};

/// Parts of a column of the screen that a bar can fill.
const PARTS: usize = 8;

/// Draws a bar for each point. At least one has a number.
pub(super) fn draw(points: &[Point], screen: usize, color: bool) -> String {
    let labels = points.iter().map(|point| width(&point.label)).max().unwrap_or_default().min(screen / 3);
    let values = points.iter().map(|point| width(&point.value)).max().unwrap_or_default().min(screen / 3);
    let room = screen.saturating_sub(labels + values + 3).max(1);
    let scale = Scale::of(points, room);
    let mut text = String::new();
    for point in points {
        let label = pad(&cut(&point.label, labels), labels, false);
        let bar = scale.bar(point.y.unwrap_or_default());
        let value = if point.y.is_some() { cut(&point.value, values) } else { cut(&point.value, values.max(4)) };
        let bar = if color { bar.replace(VERTICAL, &format!("\u{1b}[0m{VERTICAL}\u{1b}[36m")) } else { bar };
        let line = format!("{label} {} {value}", painted(&bar, "36", color));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// How numbers become lengths.
struct Scale {
    /// The number furthest from zero: all are measured by it, so that no difference overflows.
    unit: f64,
    /// Columns of the screen before and after zero.
    before: usize,
    after: usize,
    /// The lengths, by the unit, that fill them.
    least: f64,
    most: f64,
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths on a screen, of finite numbers between zero and its width"
)]
impl Scale {
    fn of(points: &[Point], room: usize) -> Self {
        let all = || points.iter().filter_map(|point| point.y);
        let unit = all().fold(0.0, |most: f64, y| most.max(y.abs()));
        let unit = if unit > 0.0 { unit } else { 1.0 };
        let least = -all().fold(0.0, f64::min) / unit;
        let most = all().fold(0.0, f64::max) / unit;
        let before = if least > 0.0 { ((room as f64) * least / (least + most)).round() as usize } else { 0 };
        // A side that has a number has a column.
        let before = if most > 0.0 { before.min(room.saturating_sub(1)) } else { before };
        let before = if least > 0.0 { before.max(1) } else { before };
        Self { unit, before, after: room.saturating_sub(before), least, most }
    }

    fn bar(&self, y: f64) -> String {
        let y = y / self.unit;
        let part = |share: f64, columns: usize| {
            let parts = (share * (columns * PARTS) as f64).round() as usize;
            // What is not zero is seen.
            parts.max(usize::from(share > 0.0)).min(columns * PARTS)
        };
        if y < 0.0 {
            let columns = part(-y / self.least, self.before).div_ceil(PARTS);
            return format!("{}{}{VERTICAL}", " ".repeat(self.before - columns), block::FULL.repeat(columns));
        }
        let parts = if self.most > 0.0 { part(y / self.most, self.after) } else { 0 };
        let (whole, rest) = (parts / PARTS, parts % PARTS);
        let rest = PARTIAL.get(rest).copied().unwrap_or_default();
        format!("{}{VERTICAL}{}{rest}", " ".repeat(self.before), block::FULL.repeat(whole))
    }
}

/// A column of the screen filled from the left, by eighths.
const PARTIAL: [&str; PARTS] = [
    "",
    block::ONE_EIGHTH,
    block::ONE_QUARTER,
    block::THREE_EIGHTHS,
    block::HALF,
    block::FIVE_EIGHTHS,
    block::THREE_QUARTERS,
    block::SEVEN_EIGHTHS,
];
