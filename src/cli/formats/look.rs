//! How a result looks: what the reader chose, and what the screen allows.

use clap::ValueEnum;

/// Which lines a table is drawn with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Border {
    /// Box drawing with rounded corners.
    #[default]
    Unicode,
    /// `+`, `-` and `|`.
    Ascii,
    /// `+`, `-` and `|`, and numbers to the left: as tables look in files and pipes.
    Plain,
    /// Two spaces between columns.
    None,
}

/// Whether a table is written with one line per column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Expanded {
    /// Never.
    #[default]
    Off,
    /// Always.
    On,
    /// When the table is wider than the screen and its columns would have to be cut short.
    Auto,
}

/// What becomes of line breaks in a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) enum Breaks {
    /// They are written `\n`.
    #[default]
    Escaped,
    /// The cell has several lines: for plans and definitions.
    Kept,
}

/// How a result looks. Formats for programs (CSV, JSON, Parquet, …) heed only `rows_max` and `tuples_only`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Look {
    /// Columns of the screen. No limit in a file or pipe.
    pub(in crate::cli) width: Option<usize>,
    /// How many rows are written. Further ones are not read.
    pub(in crate::cli) rows_max: Option<u64>,
    /// What stands for NULL.
    pub(in crate::cli) null: String,
    /// Whether a table is written with one line per column.
    pub(in crate::cli) expanded: Expanded,
    /// How wide a cell of a table may be.
    pub(in crate::cli) cell_width_max: Option<usize>,
    /// Whether the screen shows colours.
    pub(in crate::cli) color: bool,
    /// Which lines a table is drawn with.
    pub(in crate::cli) border: Border,
    /// What becomes of line breaks in a cell.
    pub(in crate::cli) breaks: Breaks,
    /// Which columns of the result are masked. Those beyond its end are not.
    pub(in crate::cli) masked: Vec<bool>,
    /// Rows without header, title and frame.
    pub(in crate::cli) tuples_only: bool,
    /// What stands above the result.
    pub(in crate::cli) title: Option<String>,
}

impl Look {
    /// For a file or a pipe: nothing is cut, nothing is coloured.
    pub(in crate::cli) fn pipe() -> Self {
        Self {
            width: None,
            rows_max: None,
            null: "NULL".to_owned(),
            expanded: Expanded::Off,
            cell_width_max: None,
            color: false,
            border: Border::Plain,
            breaks: Breaks::Escaped,
            masked: Vec::new(),
            tuples_only: false,
            title: None,
        }
    }

    /// For a screen of so many columns, without colour.
    pub(in crate::cli) fn screen(width: usize) -> Self {
        Self { width: Some(width), border: Border::Unicode, expanded: Expanded::Auto, ..Self::pipe() }
    }

    /// Whether a column of the result is masked.
    pub(super) fn is_masked(&self, column: usize) -> bool {
        self.masked.get(column).copied().unwrap_or_default()
    }
}
