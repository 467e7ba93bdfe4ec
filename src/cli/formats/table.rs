//! Aligned tables. Widths come from the first rows, which wait for them; later rows are written as they come.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::cells::{Cells, is_plan, visible, width};
use super::fit::{NARROWEST, Slot, thinned, whole};
use super::grid::{Grid, Lines, heads};
use super::look::{Breaks, Expanded, Look};
use super::vertical::Records;
use super::{Sink, put};
use crate::error::Result;

/// How many rows are looked at for widths.
const ROWS_WAITING: usize = 10_000;
/// And how many bytes.
const BYTES_WAITING: usize = 64 << 20;
/// Before a column gets narrower than this, [`Expanded::Auto`] writes one line per column instead.
const NARROWEST_AUTO: usize = 20;

pub(super) struct Table<'a> {
    out: &'a mut (dyn Write + Send),
    look: Look,
    schema: SchemaRef,
    stage: Stage,
    cut: bool,
}

enum Stage {
    Waiting { batches: Vec<RecordBatch>, rows: usize, bytes: usize },
    Grid(Box<Grid>),
    Records(Records),
}

impl<'a> Table<'a> {
    pub(super) fn new(schema: &SchemaRef, look: &Look, out: &'a mut (dyn Write + Send)) -> Result<Self> {
        let mut look = look.clone();
        if is_plan(schema) {
            look.breaks = Breaks::Kept;
        }
        let stage = if look.expanded == Expanded::On {
            Stage::Records(Records::begin(schema, &look, out)?)
        } else {
            Stage::Waiting { batches: Vec::new(), rows: 0, bytes: 0 }
        };
        Ok(Self { out, look, schema: schema.clone(), stage, cut: false })
    }

    /// Ends the waiting: chooses the shape, and writes the head and the rows that waited.
    fn begin(&mut self) -> Result<()> {
        let Stage::Waiting { batches, .. } = &mut self.stage else { return Ok(()) };
        let batches = std::mem::take(batches);
        let natural = self.natural(&batches)?;
        self.stage = match self.slots(&natural) {
            Some(slots) => {
                self.cut |= slots.contains(&Slot::Gap);
                let grid = Grid::new(&self.schema, &self.look, slots);
                put(self.out, &grid.head())?;
                Stage::Grid(Box::new(grid))
            }
            None => Stage::Records(Records::begin(&self.schema, &self.look, self.out)?),
        };
        batches.iter().try_for_each(|batch| self.write_now(batch))
    }

    /// How wide columns would be with all the room that they want.
    fn natural(&self, batches: &[RecordBatch]) -> Result<Vec<usize>> {
        let heads = heads(&self.schema, &self.look);
        let mut natural: Vec<usize> = heads.iter().map(|(name, mark)| width(name) + width(mark)).collect();
        for batch in batches {
            let cells = Cells::read(batch, &self.look.null)?;
            for (column, most) in natural.iter_mut().enumerate() {
                for row in 0..batch.num_rows() {
                    let wide = match cells.get(column, row) {
                        None => width(&self.look.null),
                        Some(text) => visible(&text, self.look.breaks).split('\n').map(width).max().unwrap_or_default(),
                    };
                    *most = wide.max(*most);
                }
            }
        }
        if let (Some(most), Breaks::Escaped) = (self.look.cell_width_max, self.look.breaks) {
            for wide in &mut natural {
                *wide = (*wide).min(most.max(1));
            }
        }
        Ok(natural)
    }

    /// What is shown where. None if one line per column serves better.
    fn slots(&self, natural: &[usize]) -> Option<Vec<Slot>> {
        let frame = Lines::of(self.look.border).frame();
        let all = || natural.iter().enumerate().map(|(index, width)| Slot::Column { index, width: *width }).collect();
        // A plan is of no use cut short.
        let Some(screen) = self.look.width.filter(|_| self.look.breaks == Breaks::Escaped) else { return Some(all()) };
        if self.look.expanded == Expanded::Auto {
            return whole(natural, frame, screen, NARROWEST_AUTO);
        }
        Some(whole(natural, frame, screen, NARROWEST).unwrap_or_else(|| thinned(natural, frame, screen)))
    }

    fn write_now(&mut self, batch: &RecordBatch) -> Result<()> {
        match &mut self.stage {
            Stage::Waiting { .. } => Ok(()),
            Stage::Records(records) => records.write(batch, self.out),
            Stage::Grid(grid) => {
                let cells = Cells::read(batch, &self.look.null)?;
                for row in 0..batch.num_rows() {
                    let (text, cut) = grid.row(&cells, row);
                    put(self.out, &text)?;
                    self.cut |= cut;
                }
                Ok(())
            }
        }
    }
}

impl Sink for Table<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let Stage::Waiting { batches, rows, bytes } = &mut self.stage else { return self.write_now(batch) };
        batches.push(batch.clone());
        *rows += batch.num_rows();
        *bytes += batch.get_array_memory_size();
        if *rows >= ROWS_WAITING || *bytes >= BYTES_WAITING { self.begin() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<bool> {
        self.begin()?;
        match &mut self.stage {
            Stage::Grid(grid) => put(self.out, &grid.foot())?,
            Stage::Records(records) => records.finish(self.out)?,
            Stage::Waiting { .. } => {}
        }
        Ok(self.cut)
    }
}
