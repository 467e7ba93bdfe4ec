//! A table for web pages. What a cell holds is text, and never markup.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::cells::{Cells, is_number, names, visible};
use super::look::{Breaks, Look};
use super::{Sink, put};
use crate::error::Result;

pub(super) struct Html<'a> {
    out: &'a mut (dyn Write + Send),
    null: String,
    /// Attributes of each column's cells.
    sides: Vec<&'static str>,
}

impl<'a> Html<'a> {
    pub(super) fn new(schema: &SchemaRef, look: &Look, out: &'a mut (dyn Write + Send)) -> Result<Self> {
        let side = |number| if number { " align=\"right\"" } else { "" };
        let sides: Vec<_> = schema.fields().iter().map(|field| side(is_number(field.data_type()))).collect();
        let mut head = String::from("<table>\n");
        if !look.tuples_only {
            if let Some(title) = &look.title {
                head.push_str(&format!("  <caption>{}</caption>\n", escaped(title)));
            }
            head.push_str("  <thead>\n    <tr>");
            for (column, (name, side)) in names(schema).iter().zip(&sides).enumerate() {
                let mark = if look.is_masked(column) { " <small>(masked)</small>" } else { "" };
                head.push_str(&format!("<th{side}>{}{mark}</th>", escaped(name)));
            }
            head.push_str("</tr>\n  </thead>\n");
        }
        head.push_str("  <tbody>\n");
        put(out, &head)?;
        Ok(Self { out, null: escaped(&look.null), sides })
    }
}

impl Sink for Html<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells = Cells::read(batch, "NULL")?;
        for row in 0..batch.num_rows() {
            let mut text = String::from("    <tr>");
            for (column, side) in self.sides.iter().enumerate() {
                let cell = cells.get(column, row).map_or_else(|| format!("<em>{}</em>", self.null), |c| escaped(&c));
                text.push_str(&format!("<td{side}>{cell}</td>"));
            }
            text.push_str("</tr>\n");
            put(self.out, &text)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<bool> {
        put(self.out, "  </tbody>\n</table>\n")?;
        Ok(false)
    }
}

/// A text as HTML that shows it. Line breaks stay: HTML reads them as spaces.
fn escaped(text: &str) -> String {
    visible(text, Breaks::Kept)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
        .replace('\n', "<br>")
}
