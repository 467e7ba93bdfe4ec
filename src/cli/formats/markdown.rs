//! A table for Markdown pages. What a cell holds is shown, and never read as Markdown.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::cells::{Cells, is_number, marked_names, visible};
use super::look::{Breaks, Look};
use super::{Sink, put};
use crate::error::Result;

pub(super) struct Markdown<'a> {
    out: &'a mut (dyn Write + Send),
    null: String,
}

impl<'a> Markdown<'a> {
    pub(super) fn new(schema: &SchemaRef, look: &Look, out: &'a mut (dyn Write + Send)) -> Result<Self> {
        if let (Some(title), false) = (&look.title, look.tuples_only) {
            put(out, &format!("**{}**\n\n", plain(title)))?;
        }
        // A Markdown table has a header in any case.
        let names: Vec<String> = marked_names(schema, look).iter().map(|name| plain(name)).collect();
        let rules = schema.fields().iter().map(|field| if is_number(field.data_type()) { "---:" } else { "---" });
        put(out, &line(names.iter().map(String::as_str)))?;
        put(out, &line(rules))?;
        Ok(Self { out, null: plain(&look.null) })
    }
}

impl Sink for Markdown<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells = Cells::read(batch, "NULL")?;
        for row in 0..batch.num_rows() {
            let texts: Vec<String> = (0..cells.len())
                .map(|column| cells.get(column, row).map_or_else(|| format!("*{}*", self.null), |text| plain(&text)))
                .collect();
            put(self.out, &line(texts.iter().map(String::as_str)))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<bool> {
        Ok(false)
    }
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let mut line = String::from("|");
    for cell in cells {
        line.push_str(&format!(" {cell} |"));
    }
    line.push('\n');
    line
}

/// A text as Markdown that shows it.
fn plain(text: &str) -> String {
    // The texts of control characters have backslashes of their own: they are made first, and escaped like others.
    let text = visible(text, Breaks::Escaped);
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        // An underscore within a word means nothing.
        let inside = c == '_' && before.is_alphanumeric() && rest.peek().is_some_and(|next| next.is_alphanumeric());
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '_' if !inside => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
        before = c;
    }
    out
}
