//! A terminal's screen as an SVG picture.

use vt100::{Color, Screen};

/// Pixels of a cell.
const CELL: (usize, usize) = (8, 18);
const MARGIN: usize = 12;

/// Colours of a terminal: of text, of the background, and the sixteen that have numbers.
pub(crate) struct Palette {
    text: &'static str,
    ground: &'static str,
    numbered: [&'static str; 16],
}

/// As xterm's successors have them on black.
pub(crate) const DARK: Palette = Palette {
    text: "#d4d4d4",
    ground: "#1e1e1e",
    numbered: [
        "#000000", "#cd3131", "#0dbc79", "#e5e510", "#2472c8", "#bc3fbc", "#11a8cd", "#e5e5e5", "#666666", "#f14c4c",
        "#23d18b", "#f5f543", "#3b8eea", "#d670d6", "#29b8db", "#ffffff",
    ],
};

/// And on white.
pub(crate) const LIGHT: Palette = Palette {
    text: "#333333",
    ground: "#ffffff",
    numbered: [
        "#000000", "#cd3131", "#008000", "#949800", "#0451a5", "#bc05bc", "#0598bc", "#555555", "#666666", "#cd3131",
        "#14ce14", "#b5ba00", "#0451a5", "#bc05bc", "#0598bc", "#a5a5a5",
    ],
};

#[derive(Clone, PartialEq)]
struct Style {
    color: String,
    bold: bool,
    dim: bool,
    underlined: bool,
}

/// Draws a screen. `steady` makes a piece of text the same each time, such as one that tells a time.
pub(crate) fn draw(screen: &Screen, palette: &Palette, steady: impl Fn(&str) -> String) -> String {
    let (rows, cols) = screen.size();
    let (rows, cols) = (u16::from(rows), u16::from(cols));
    let used = (0..rows).rev().find(|row| !screen.contents_between(*row, 0, *row, cols).trim().is_empty());
    let rows = used.map_or(1, |row| row + 1);
    let (width, height) = (usize::from(cols) * CELL.0 + 2 * MARGIN, usize::from(rows) * CELL.1 + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{}\"/>\n\
         <g font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"13\" xml:space=\"preserve\">\n",
        palette.ground
    );
    for row in 0..rows {
        let mut column = 0;
        for (style, text) in runs(screen, row, cols, palette) {
            let text = steady(&text);
            if !text.trim().is_empty() {
                let (x, y) = (MARGIN + column * CELL.0, MARGIN + usize::from(row) * CELL.1 + 13);
                let length = text.chars().count() * CELL.0;
                let weight = if style.bold { " font-weight=\"bold\"" } else { "" };
                let opacity = if style.dim { " opacity=\"0.6\"" } else { "" };
                let line = if style.underlined { " text-decoration=\"underline\"" } else { "" };
                svg.push_str(&format!(
                    "<text x=\"{x}\" y=\"{y}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{weight}{opacity}{line}>{}</text>\n",
                    style.color,
                    escaped(&text)
                ));
            }
            column += text.chars().count();
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn runs(screen: &Screen, row: u16, cols: u16, palette: &Palette) -> Vec<(Style, String)> {
    let mut runs: Vec<(Style, String)> = Vec::new();
    for col in 0..cols {
        let Some(cell) = screen.cell(row, col).filter(|cell| !cell.is_wide_continuation()) else { continue };
        let style = Style {
            color: color(cell.fgcolor(), palette),
            bold: cell.bold(),
            dim: cell.dim(),
            underlined: cell.underline(),
        };
        let text = if cell.has_contents() { cell.contents() } else { " " };
        match runs.last_mut() {
            Some((last, run)) if *last == style => run.push_str(text),
            _ => runs.push((style, text.to_owned())),
        }
    }
    if let Some((_, last)) = runs.last_mut() {
        last.truncate(last.trim_end().len());
    }
    runs
}

fn color(color: Color, palette: &Palette) -> String {
    match color {
        Color::Default => palette.text.to_owned(),
        Color::Idx(index) => palette.numbered.get(usize::from(index)).map_or(palette.text, |color| color).to_owned(),
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
