//! Which columns of a result go into files, and which become the names of folders.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use arrow::compute::kernels::cast::{CastOptions, can_cast_types, cast_with_options};
use arrow::compute::partition;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::encode::columns;
use super::options::Format;
use crate::engine::hive::type_name;
use crate::engine::lake::NULL_PARTITION;
use crate::error::{Error, Result, Said};

/// Bytes of a folder's name, as file systems have it.
const NAME_BYTES_MAX: usize = 255;

/// What stands as it is in the name of a folder. All else is percent-encoded, which the lake's reader undoes.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The columns of a table that rows are added to.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Those in the files.
    pub(super) columns: SchemaRef,
    /// Those in the names of folders.
    pub(super) partitions: Vec<String>,
    /// The columns that the statement names, in its order; all of them if it names none.
    pub(super) named: Vec<String>,
}

/// Where each column goes.
#[derive(Debug)]
pub(super) struct Layout {
    /// The columns of a file.
    pub(super) columns: SchemaRef,
    /// The column of the rows that each of them is; `None` for NULL.
    sources: Vec<Option<usize>>,
    /// The columns of folders, each with that of the rows.
    folders: Vec<(String, Option<usize>)>,
}

impl Layout {
    /// Of a result that makes a table or files: the last columns become folders, if so wished.
    ///
    /// # Errors
    /// Usage if the columns are not the last ones, or a format cannot hold one.
    pub(super) fn of_result(schema: &Schema, partitioned_by: &[String], format: Format) -> Result<Self> {
        let fields = schema.fields();
        if fields.is_empty() {
            return Err(Error::usage("the result has no columns").with("code", &Said("42601")));
        }
        let kept = fields.len().saturating_sub(partitioned_by.len());
        let last: Vec<&str> = fields.iter().skip(kept).map(|field| field.name().as_str()).collect();
        if last != partitioned_by {
            return Err(Error::usage(
                "partition columns are the last columns of the query, in the order of the option",
            )
            .with("code", &Said("42601"))
            .with("partitioned_by", &Said(&partitioned_by.join(", ")))
            .with("last columns", &Said(&last.join(", ")))
            .hint("move them to the end of the SELECT"));
        }
        if kept == 0 {
            return Err(Error::usage("every column is a partition column, which leaves none for the files")
                .with("code", &Said("42601"))
                .hint("leave one of them out of partitioned_by"));
        }
        // Looks at all of them, so that no two have one name.
        columns(schema, format)?;
        for field in fields.iter().skip(kept) {
            check_folder_type(field.name(), field.data_type())?;
        }
        let inner = Schema::new(fields.iter().take(kept).cloned().collect::<Vec<_>>());
        let folders = last.iter().enumerate().map(|(index, name)| ((*name).to_owned(), Some(kept + index)));
        Ok(Self {
            columns: columns(&inner, format)?,
            sources: (0..kept).map(Some).collect(),
            folders: folders.collect(),
        })
    }

    /// Of rows that are added to a table: by position, with what is not named as NULL.
    ///
    /// # Errors
    /// Usage if there are more or fewer columns than are named, or one cannot become its table's type.
    pub(super) fn of_table(schema: &Schema, table: &Table) -> Result<Self> {
        let given = schema.fields().len();
        if given != table.named.len() {
            return Err(Error::usage("the rows have more or fewer columns than the table takes")
                .with("code", &Said("42601"))
                .with("given", &given)
                .with("wanted", &table.named.len())
                .hint("name the columns that are given: INSERT INTO table (a, b) SELECT …"));
        }
        let source = |name: &String| table.named.iter().position(|named| named == name);
        for field in table.columns.fields() {
            if let Some(index) = source(field.name()) {
                let from = schema.field(index).data_type();
                if !can_cast_types(from, field.data_type()) {
                    return Err(Error::usage("a column cannot become that of the table")
                        .with("code", &Said("42804"))
                        .with("column", &Said(field.name()))
                        .with("given", &Said(&type_name(from)))
                        .with("wanted", &Said(&type_name(field.data_type())))
                        .hint("cast it in the query"));
                }
            }
        }
        for name in &table.partitions {
            if let Some(index) = source(name) {
                check_folder_type(name, schema.field(index).data_type())?;
            }
        }
        Ok(Self {
            columns: Arc::clone(&table.columns),
            sources: table.columns.fields().iter().map(|field| source(field.name())).collect(),
            folders: table.partitions.iter().map(|name| (name.clone(), source(name))).collect(),
        })
    }

    /// Whether rows are spread over folders.
    pub(super) fn has_folders(&self) -> bool {
        !self.folders.is_empty()
    }

    /// The rows as a file takes them.
    ///
    /// # Errors
    /// Failed if a value does not fit its column's type. Names the column.
    pub(super) fn of_file(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (field, source) in self.columns.fields().iter().zip(&self.sources) {
            let array = match source.and_then(|index| batch.columns().get(index)) {
                None => new_null_array(field.data_type(), batch.num_rows()),
                Some(array) if array.data_type() == field.data_type() => Arc::clone(array),
                // The kernel's own words quote the value.
                Some(array) => cast_with_options(array, field.data_type(), &strict).map_err(|_| {
                    Error::failed("a value does not fit the type of its column")
                        .with("code", &Said("22018"))
                        .with("column", &Said(field.name()))
                })?,
            };
            arrays.push(array);
        }
        RecordBatch::try_new(Arc::clone(&self.columns), arrays).map_err(|_| {
            Error::failed("NULL does not fit a column of the table")
                .with("code", &Said("23502"))
                .hint("a column of the files does not allow NULL: give it a value")
        })
    }

    /// Runs of rows that belong into one folder, each with the folder below the table. Equal rows stand together where
    /// the result is sorted by these columns; where it is not, a folder comes up again.
    ///
    /// # Errors
    /// Usage if a value is too long for the name of a folder.
    pub(super) fn runs(&self, batch: &RecordBatch) -> Result<Vec<(Range<usize>, String)>> {
        if self.folders.is_empty() {
            return Ok(vec![(0..batch.num_rows(), String::new())]);
        }
        let fault =
            |column: &str| Error::failed("a partition column cannot be written as text").with("column", &Said(column));
        let mut texts: Vec<ArrayRef> = Vec::new();
        for (name, source) in &self.folders {
            texts.push(match source.and_then(|index| batch.columns().get(index)) {
                None => new_null_array(&DataType::Utf8, batch.num_rows()),
                Some(array) => {
                    let strict = CastOptions { safe: false, ..CastOptions::default() };
                    cast_with_options(array, &DataType::Utf8, &strict).map_err(|_| fault(name))?
                }
            });
        }
        let runs = partition(&texts).map_err(|_| fault("all"))?.ranges();
        runs.into_iter().map(|rows| Ok((rows.clone(), self.folder(&texts, rows.start)?))).collect()
    }

    fn folder(&self, texts: &[ArrayRef], row: usize) -> Result<String> {
        let mut path = String::new();
        for ((name, _), text) in self.folders.iter().zip(texts) {
            let text = text.as_string::<i32>();
            let part = part(name, text.is_valid(row).then(|| text.value(row)));
            if part.len() > NAME_BYTES_MAX {
                return Err(Error::usage("a value of a partition column is too long for the name of a folder")
                    .with("code", &Said("22001"))
                    .with("column", &Said(name))
                    .hint("partition by something shorter: a date, a country, a number"));
            }
            path.push_str(&part);
            path.push('/');
        }
        Ok(path)
    }

    /// The folder of a table without rows, which keeps its columns.
    pub(super) fn empty_folder(&self) -> String {
        self.folders.iter().map(|(name, _)| format!("{}/", part(name, None))).collect()
    }
}

/// `name=value`, with NULL as Hive has it. A text that looks like that mark is encoded, and so kept apart from it; an
/// empty text is `name=`.
fn part(name: &str, value: Option<&str>) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let name = encoded(name);
    // Names that begin so are hidden from readers.
    let name = match name.strip_prefix(['_', '.']) {
        Some(rest) if name.starts_with('_') => format!("%5F{rest}"),
        Some(rest) => format!("%2E{rest}"),
        None => name,
    };
    let value = match value {
        None => NULL_PARTITION.to_owned(),
        Some(NULL_PARTITION) => NULL_PARTITION.replacen('_', "%5F", 1),
        Some(value) => encoded(value),
    };
    format!("{name}={value}")
}

fn check_folder_type(name: &str, data_type: &DataType) -> Result<()> {
    let fits = !data_type.is_nested() && !data_type.is_binary() && can_cast_types(data_type, &DataType::Utf8);
    if fits || *data_type == DataType::Null {
        return Ok(());
    }
    Err(Error::usage("a column of this type can be no partition column")
        .with("code", &Said("0A000"))
        .with("column", &Said(name))
        .hint("partition by a text, a number, a date or a time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_folder_of_its_own() {
        assert_eq!(part("a", Some("x y/ü=.%")), "a=x%20y%2F%C3%BC%3D.%25");
        assert_eq!(part("a", None), "a=__HIVE_DEFAULT_PARTITION__");
        assert_eq!(part("a", Some(NULL_PARTITION)), "a=%5F_HIVE_DEFAULT_PARTITION__");
        assert_eq!(part("a", Some("")), "a=");
        assert_eq!(part("_day", Some("..")), "%5Fday=..");
        assert_eq!(part(".day", Some("1")), "%2Eday=1");
    }
}
