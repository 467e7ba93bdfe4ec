//! One line per column, for rows that are wider than a screen.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::cells::{Cells, is_plan, marked_names, pad, painted, visible, width};
use super::look::{Breaks, Look};
use super::{Sink, put};
use crate::error::Result;

/// How long the line above a record is at most.
const RULE_WIDTH_MAX: usize = 60;

pub(super) struct Vertical<'a> {
    out: &'a mut (dyn Write + Send),
    records: Records,
}

impl<'a> Vertical<'a> {
    pub(super) fn new(schema: &SchemaRef, look: &Look, out: &'a mut (dyn Write + Send)) -> Result<Self> {
        Ok(Self { records: Records::begin(schema, look, out)?, out })
    }
}

impl Sink for Vertical<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.records.write(batch, self.out)
    }

    fn finish(mut self: Box<Self>) -> Result<bool> {
        self.records.finish(self.out)?;
        Ok(false)
    }
}

/// Records as they are written.
pub(super) struct Records {
    names: Vec<String>,
    /// Columns of the screen before the line that stands between names and values.
    name_width: usize,
    look: Look,
    count: u64,
}

impl Records {
    pub(super) fn begin(schema: &SchemaRef, look: &Look, out: &mut (dyn Write + Send)) -> Result<Self> {
        let mut look = look.clone();
        if is_plan(schema) {
            look.breaks = Breaks::Kept;
        }
        if let (Some(title), false) = (&look.title, look.tuples_only) {
            put(out, &format!("{}\n", painted(&visible(title, Breaks::Escaped), "1", look.color)))?;
        }
        let names = marked_names(schema, &look);
        let name_width = names.iter().map(|name| width(name)).max().unwrap_or_default();
        Ok(Self { names, name_width, look, count: 0 })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch, out: &mut (dyn Write + Send)) -> Result<()> {
        let cells = Cells::read(batch, &self.look.null)?;
        for row in 0..batch.num_rows() {
            self.count += 1;
            let mut text = self.rule();
            for (column, name) in self.names.iter().enumerate() {
                let value = match cells.get(column, row) {
                    None => painted(&self.look.null, "2", self.look.color),
                    Some(value) => visible(&value, self.look.breaks)
                        .replace('\n', &format!("\n{} | ", " ".repeat(self.name_width))),
                };
                text.push_str(format!("{} | {value}", pad(name, self.name_width, false)).trim_end());
                text.push('\n');
            }
            put(out, &text)?;
        }
        Ok(())
    }

    fn rule(&self) -> String {
        if self.look.tuples_only {
            return if self.count > 1 { "\n".to_owned() } else { String::new() };
        }
        let mut rule = format!("-[ RECORD {} ]", self.count);
        let wide = self.look.width.unwrap_or(RULE_WIDTH_MAX).min(RULE_WIDTH_MAX);
        rule.push_str(&"-".repeat(wide.saturating_sub(rule.len())));
        format!("{}\n", painted(&rule, "2", self.look.color))
    }

    /// Nothing would be hard to tell from an answer that never came.
    pub(super) fn finish(&mut self, out: &mut (dyn Write + Send)) -> Result<()> {
        if self.count == 0 && !self.look.tuples_only { put(out, "(0 rows)\n") } else { Ok(()) }
    }
}
