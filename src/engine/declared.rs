//! Tables whose columns are declared, as CREATE EXTERNAL TABLE does: files are read as they are, then brought to the
//! declared names and types.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::{Result as EngineResult, ScalarValue};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal, case, cast};
use datafusion::physical_plan::PhysicalExpr;

use super::hive::{ExternalTable, TextLayout};
use super::lake::TableFiles;
use crate::error::{Error, Result};
use crate::model::ColumnRef;
use crate::settings::TableFormat;

/// How Hive writes NULL into text.
const HIVE_NULL: &str = "\\N";

/// The columns of a table as they were declared.
#[derive(Clone, Debug)]
pub struct Declared {
    columns: Vec<FieldRef>,
    partitions: Vec<FieldRef>,
    /// The layout of text files.
    pub text: TextLayout,
}

/// Columns as expressions on what is read, with their names.
pub(super) type Projected = Vec<(Arc<dyn PhysicalExpr>, String)>;

impl Declared {
    /// What CREATE EXTERNAL TABLE says.
    pub fn new(table: &ExternalTable) -> Self {
        let shared = |fields: &[Field]| fields.iter().cloned().map(Arc::new).collect();
        Self { columns: shared(&table.columns), partitions: shared(&table.partitions), text: table.text.clone() }
    }

    /// Every column, those of folders last.
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().chain(&self.partitions).cloned().collect::<Vec<_>>()))
    }

    /// The names of the columns that stand in the names of folders.
    pub fn partitions(&self) -> impl Iterator<Item = &str> {
        self.partitions.iter().map(|field| field.name().as_str())
    }

    /// The columns that are read from files whose own columns nobody has to look for: text by position, JSON by name.
    /// `None` if files tell theirs.
    pub(super) fn file_schema(&self, format: TableFormat) -> Option<SchemaRef> {
        match format {
            TableFormat::Csv => {
                let text = |field: &FieldRef| Field::new(field.name(), DataType::Utf8, true);
                Some(Arc::new(Schema::new(self.columns.iter().map(text).collect::<Vec<_>>())))
            }
            TableFormat::Json => Some(Arc::new(Schema::new(self.columns.clone()))),
            TableFormat::Parquet | TableFormat::Avro => None,
        }
    }

    /// Refuses files that do not lie in the folders that were declared.
    pub(super) fn check(&self, files: &TableFiles) -> Result<()> {
        let column = |name: &str| ColumnRef { table: files.name.clone(), column: name.to_owned() };
        for partition in &self.partitions {
            let found = files.partition_columns.iter().any(|name| name.eq_ignore_ascii_case(partition.name()));
            if !found && !files.files.is_empty() {
                return Err(Error::failed("a declared partition column is in no name of a folder")
                    .with("column", &column(partition.name()))
                    .hint("files lie in folders such as `day=2024-01-01/`, one for each column of PARTITIONED BY"));
            }
        }
        Ok(())
    }

    /// A cell of text, with NULL where it stands for that: Hive's mark, or nothing at all where the type is no text.
    fn with_nulls(&self, value: Arc<dyn PhysicalExpr>, wanted: &DataType) -> EngineResult<Arc<dyn PhysicalExpr>> {
        let value = if self.text.hive_null { null_if(value, HIVE_NULL)? } else { value };
        if *wanted == DataType::Utf8 { Ok(value) } else { null_if(value, "") }
    }

    /// What makes the wanted columns of those that are read: their positions there, and the expressions on them.
    pub(super) fn projection(
        &self,
        format: TableFormat,
        read: &Schema,
        projection: Option<&Vec<usize>>,
    ) -> EngineResult<(Vec<usize>, Projected)> {
        let schema = self.schema();
        let wanted = match projection {
            Some(columns) => schema.project(columns)?,
            None => schema.as_ref().clone(),
        };
        let (mut indices, mut columns) = (Vec::new(), Vec::new());
        for field in wanted.fields() {
            let partition = self.partitions.iter().any(|partition| partition.name() == field.name());
            let Some((index, found)) = find(read, field.name()) else {
                let nothing = Literal::new(ScalarValue::try_from(field.data_type())?);
                columns.push((Arc::new(nothing) as Arc<dyn PhysicalExpr>, field.name().clone()));
                continue;
            };
            let place = indices.len();
            indices.push(index);
            let mut value: Arc<dyn PhysicalExpr> = Arc::new(Column::new(found.name(), place));
            let input = read.project(&indices)?;
            if format == TableFormat::Csv && !partition {
                value = self.with_nulls(value, field.data_type())?;
            }
            if found.data_type() != field.data_type() {
                value = cast(value, &input, field.data_type().clone())?;
            }
            columns.push((value, field.name().clone()));
        }
        Ok((indices, columns))
    }
}

fn find<'a>(schema: &'a Schema, name: &str) -> Option<(usize, &'a Field)> {
    let fields = || schema.fields().iter().map(AsRef::as_ref).enumerate();
    fields()
        .find(|(_, field)| field.name() == name)
        .or_else(|| fields().find(|(_, field)| field.name().eq_ignore_ascii_case(name)))
}

/// NULL where a text is this one.
fn null_if(value: Arc<dyn PhysicalExpr>, text: &str) -> EngineResult<Arc<dyn PhysicalExpr>> {
    let mark = Arc::new(Literal::new(ScalarValue::Utf8(Some(text.to_owned()))));
    let is_mark = Arc::new(BinaryExpr::new(Arc::clone(&value), Operator::Eq, mark));
    let null = Arc::new(Literal::new(ScalarValue::Utf8(None)));
    case(None, vec![(is_mark as _, null as _)], Some(value))
}
