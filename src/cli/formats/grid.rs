//! A table whose columns and widths are chosen, as lines of text.

use arrow::datatypes::SchemaRef;

use super::cells::{CUT, Cells, MASK, cut, is_number, names, pad, painted, visible, width};
use super::fit::{Frame, Slot};
use super::look::{Border, Breaks, Look};

/// Names of columns, and the mark of those that are masked.
pub(super) fn heads(schema: &SchemaRef, look: &Look) -> Vec<(String, String)> {
    let mark = if look.border == Border::Unicode { format!(" {MASK}") } else { " (masked)".to_owned() };
    let mark_of = |column| if look.is_masked(column) { mark.clone() } else { String::new() };
    names(schema).into_iter().enumerate().map(|(column, name)| (name, mark_of(column))).collect()
}

/// What a table's frame is drawn with.
#[derive(Clone, Copy)]
pub(super) struct Lines {
    top: [&'static str; 4],
    rule: [&'static str; 4],
    bottom: [&'static str; 4],
    row: [&'static str; 3],
}

impl Lines {
    pub(super) fn of(border: Border) -> Self {
        const ASCII: [&str; 4] = ["+-", "-", "-+-", "-+"];
        match border {
            Border::Unicode => Self {
                top: ["╭─", "─", "─┬─", "─╮"],
                rule: ["├─", "─", "─┼─", "─┤"],
                bottom: ["╰─", "─", "─┴─", "─╯"],
                row: ["│ ", " │ ", " │"],
            },
            Border::Ascii | Border::Plain => Self { top: ASCII, rule: ASCII, bottom: ASCII, row: ["| ", " | ", " |"] },
            Border::None => Self { top: [""; 4], rule: ["", "-", "  ", ""], bottom: [""; 4], row: ["", "  ", ""] },
        }
    }

    pub(super) fn frame(self) -> Frame {
        let [left, between, _] = self.row;
        if left.is_empty() { Frame { each: between.len(), once: -2 } } else { Frame { each: 3, once: 1 } }
    }
}

/// A table whose columns and widths are chosen.
pub(super) struct Grid {
    slots: Vec<Slot>,
    heads: Vec<(String, String)>,
    numbers: Vec<bool>,
    lines: Lines,
    look: Look,
}

impl Grid {
    pub(super) fn new(schema: &SchemaRef, look: &Look, slots: Vec<Slot>) -> Self {
        let right = |data_type| is_number(data_type) && look.border != Border::Plain;
        Self {
            slots,
            heads: heads(schema, look),
            numbers: schema.fields().iter().map(|field| right(field.data_type())).collect(),
            lines: Lines::of(look.border),
            look: look.clone(),
        }
    }

    pub(super) fn head(&self) -> String {
        if self.look.tuples_only {
            return String::new();
        }
        let mut text = String::new();
        if let Some(title) = &self.look.title {
            text.push_str(&painted(&visible(title, Breaks::Escaped), "1", self.look.color));
            text.push('\n');
        }
        text.push_str(&self.line(self.lines.top));
        if self.heads.is_empty() {
            return text;
        }
        let cells: Vec<String> = self.slots.iter().map(|slot| self.head_cell(*slot)).collect();
        text.push_str(&self.joined(&cells));
        text.push_str(&self.line(self.lines.rule));
        text
    }

    fn head_cell(&self, slot: Slot) -> String {
        let Slot::Column { index, width: wide } = slot else { return CUT.to_string() };
        let Some((name, mark)) = self.heads.get(index) else { return String::new() };
        // The mark is the last thing to go.
        let name = match wide.checked_sub(width(mark)) {
            Some(rest) if rest >= 2 || width(name) <= rest => format!("{}{mark}", cut(name, rest)),
            _ => cut(&format!("{name}{mark}"), wide).into_owned(),
        };
        let padded = pad(&name, wide, self.is_number(index));
        if self.look.color { padded.replacen(name.as_str(), &painted(&name, "1", true), 1) } else { padded }
    }

    fn is_number(&self, column: usize) -> bool {
        self.numbers.get(column).copied().unwrap_or_default()
    }

    /// A row, and whether something of it was cut.
    pub(super) fn row(&self, cells: &Cells<'_>, row: usize) -> (String, bool) {
        let mut any_cut = false;
        let mut columns: Vec<Vec<String>> = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            let Slot::Column { index, width: wide } = *slot else {
                columns.push(vec![CUT.to_string()]);
                continue;
            };
            let right = self.is_number(index);
            let Some(text) = cells.get(index, row) else {
                let null = cut(&self.look.null, wide);
                let spaces = " ".repeat(wide.saturating_sub(width(&null)));
                let null = painted(&null, "2", self.look.color);
                columns.push(vec![if right { format!("{spaces}{null}") } else { format!("{null}{spaces}") }]);
                continue;
            };
            let text = visible(&text, self.look.breaks);
            let fitted = text.split('\n').map(|line| {
                let short = cut(line, wide);
                any_cut |= short.len() != line.len();
                pad(&short, wide, right)
            });
            columns.push(fitted.collect());
        }
        (self.lined_up(&columns), any_cut)
    }

    /// The lines of a row, whose cells may have several.
    fn lined_up(&self, columns: &[Vec<String>]) -> String {
        let height = columns.iter().map(Vec::len).max().unwrap_or_default();
        let mut text = String::new();
        for line in 0..height {
            let cell = |(slot, cell): (&Slot, &Vec<String>)| {
                let blank = if let Slot::Column { width, .. } = slot { *width } else { 1 };
                cell.get(line).cloned().unwrap_or_else(|| " ".repeat(blank))
            };
            let cells: Vec<String> = self.slots.iter().zip(columns).map(cell).collect();
            text.push_str(&self.joined(&cells));
        }
        text
    }

    fn joined(&self, cells: &[String]) -> String {
        let [left, between, right] = self.lines.row;
        let line = format!("{left}{}{right}", cells.join(between));
        format!("{}\n", if left.is_empty() { line.trim_end() } else { &line })
    }

    fn line(&self, [left, fill, between, right]: [&str; 4]) -> String {
        if fill.is_empty() {
            return String::new();
        }
        if self.slots.is_empty() {
            return if left == "+-" { "++\n".to_owned() } else { String::new() };
        }
        let wide = |slot: &Slot| if let Slot::Column { width, .. } = slot { *width } else { 1 };
        let fills: Vec<String> = self.slots.iter().map(|slot| fill.repeat(wide(slot))).collect();
        format!("{left}{}{right}\n", fills.join(between))
    }

    pub(super) fn foot(&self) -> String {
        if self.look.tuples_only {
            return String::new();
        }
        let mut text = self.line(self.lines.bottom);
        let marked = self.look.border == Border::Unicode && (0..self.heads.len()).any(|i| self.look.is_masked(i));
        if marked {
            text.push_str(&painted(&format!("{MASK} masked"), "2", self.look.color));
            text.push('\n');
        }
        text
    }
}
