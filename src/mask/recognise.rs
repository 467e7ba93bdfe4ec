//! Which queries can be written by splicing.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan};

use super::ctas::CreateMasked;
use super::paths::FileNames;
use super::splice::Output;
use crate::engine::catalog::Database;
use crate::engine::fault::{engine_fault, planning_fault};
use crate::engine::lake::LakeFile;
use crate::engine::lake::TableFormat;
use crate::engine::table::LakeTable;
use crate::error::Result;

/// Sources whose row groups are smaller on average are re-encoded: many tiny chunks read and compress badly.
const SMALL_GROUP_ROWS: i64 = 32 * 1024;
/// A column chunk larger than this is not held in memory whole.
const LARGE_CHUNK_BYTES: i64 = 256 << 20;

/// What the computed columns of one row group may take in memory, at a guess of so many bytes for an encoded cell.
const COMPUTED_BYTES: u64 = 512 << 20;
const CELL_BYTES: u64 = 40;

/// A table to splice: what each column of the output is, and the partition folder of each file.
pub(super) struct SpliceJob {
    pub(super) table: Arc<LakeTable>,
    pub(super) outputs: Vec<Output>,
    pub(super) folders: Vec<String>,
}

/// Recognises an optimised plan that computes each row of one raw Parquet table from that row alone.
pub(super) async fn recognise(
    plan: &LogicalPlan,
    state: &SessionState,
    raw: &Database,
    create: &CreateMasked,
    database: &str,
) -> Result<Option<SpliceJob>> {
    let Some((exprs, scan)) = projection_of_scan(plan) else { return Ok(None) };
    if scan.table_name.schema() != Some(database) || !scan.filters.is_empty() || scan.fetch.is_some() {
        return Ok(None);
    }
    let Some(table) = raw.open(scan.table_name.table()).await? else { return Ok(None) };
    if !spliceable(&table) {
        return Ok(None);
    }
    let width = exprs.len().saturating_sub(create.partitioned_by.len());
    let (data, partitions) = exprs.split_at(width);
    let mut outputs = Vec::with_capacity(width);
    for (name, expr) in data {
        match output_of(name, expr, &table, state)? {
            Some(output) => outputs.push(output),
            None => return Ok(None),
        }
    }
    if !fits_in_memory(&table, &outputs) {
        return Ok(None);
    }
    let mut folders = Vec::new();
    for file in &table.files().files {
        match folder_of(partitions, file, &table, state)? {
            Some(folder) => folders.push(folder),
            None => return Ok(None),
        }
    }
    Ok(Some(SpliceJob { table, outputs, folders }))
}

/// The named output expressions over one table scan.
fn projection_of_scan(plan: &LogicalPlan) -> Option<(Vec<(String, Expr)>, &TableScan)> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let fields = scan.projected_schema.iter();
            let exprs = fields.map(|(_, field)| (field.name().clone(), Expr::Column(Column::from_name(field.name()))));
            Some((exprs.collect(), scan))
        }
        LogicalPlan::SubqueryAlias(alias) => projection_of_scan(&alias.input),
        LogicalPlan::Projection(projection) => {
            let scan = bare_scan(&projection.input)?;
            let names = projection.schema.fields().iter().map(|field| field.name().clone());
            Some((names.zip(projection.expr.iter().cloned()).collect(), scan))
        }
        _ => None,
    }
}

fn bare_scan(plan: &LogicalPlan) -> Option<&TableScan> {
    match plan {
        LogicalPlan::TableScan(scan) => Some(scan),
        LogicalPlan::SubqueryAlias(alias) => bare_scan(&alias.input),
        _ => None,
    }
}

/// Whether every file has the table's own columns in row groups of a good size.
fn spliceable(table: &LakeTable) -> bool {
    if table.files().format != TableFormat::Parquet || table.files().files.is_empty() {
        return false;
    }
    table.footers().iter().all(|footer| {
        let Some(footer) = footer else { return false };
        let metadata = footer.metadata();
        let groups = i64::try_from(metadata.num_row_groups()).unwrap_or(i64::MAX);
        let small = groups > 1 && metadata.file_metadata().num_rows() / groups < SMALL_GROUP_ROWS;
        let large = metadata
            .row_groups()
            .iter()
            .any(|group| group.columns().iter().any(|column| column.compressed_size() > LARGE_CHUNK_BYTES));
        let same = table.file_schema().fields().iter().all(|field| {
            footer.schema().field_with_name(field.name()).is_ok_and(|own| own.data_type() == field.data_type())
        });
        groups > 0 && !small && !large && same
    })
}

/// Whether the computed columns of the largest row group can wait in memory for their turn.
fn fits_in_memory(table: &LakeTable, outputs: &[Output]) -> bool {
    let computed = outputs.iter().filter(|output| matches!(output, Output::Compute { .. })).count() as u64;
    let groups = table.footers().iter().flatten().flat_map(|footer| footer.metadata().row_groups());
    let rows = groups.map(|group| u64::try_from(group.num_rows()).unwrap_or_default()).max().unwrap_or_default();
    rows.saturating_mul(computed).saturating_mul(CELL_BYTES) <= COMPUTED_BYTES
}

fn output_of(name: &str, expr: &Expr, table: &LakeTable, state: &SessionState) -> Result<Option<Output>> {
    let bare = unaliased(expr);
    if let Expr::Column(column) = bare
        && column.name == name
        && table.file_schema().field_with_name(name).is_ok()
    {
        return Ok(Some(Output::Copy { name: name.to_owned() }));
    }
    let wanted: BTreeSet<String> = bare.column_refs().iter().map(|column| column.name.clone()).collect();
    let fields: Vec<_> =
        table.file_schema().fields().iter().filter(|field| wanted.contains(field.name())).cloned().collect();
    if fields.len() != wanted.len() || has_subquery(bare) {
        return Ok(None);
    }
    let inputs = fields.iter().map(|field| field.name().clone()).collect();
    let schema = Schema::new(fields);
    let physical = physical(bare, &schema, state)?;
    let data_type = physical.data_type(&schema).map_err(|error| planning_fault(&error))?;
    Ok(Some(Output::Compute { expr: physical, inputs, field: Field::new(name, data_type, true) }))
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

fn has_subquery(expr: &Expr) -> bool {
    expr.exists(|node| {
        Ok(matches!(
            node,
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::OuterReferenceColumn(..)
        ))
    })
    .unwrap_or(true)
}

/// Builds the evaluator of an expression over a batch with the given columns.
fn physical(
    expr: &Expr,
    schema: &Schema,
    state: &SessionState,
) -> Result<Arc<dyn datafusion::physical_expr::PhysicalExpr>> {
    let unqualified = expr.clone().transform(|node| {
        Ok(match node {
            Expr::Column(column) => Transformed::yes(Expr::Column(Column::from_name(column.name))),
            other => Transformed::no(other),
        })
    });
    let unqualified = unqualified.map_err(|error| engine_fault(&error))?.data;
    let schema = DFSchema::try_from(schema.clone()).map_err(|error| engine_fault(&error))?;
    state.create_physical_expr(unqualified, &schema).map_err(|error| planning_fault(&error))
}

/// The partition folders of a file's rows: computed from the source's own partition values alone, or not at all.
fn folder_of(
    partitions: &[(String, Expr)],
    file: &LakeFile,
    table: &LakeTable,
    state: &SessionState,
) -> Result<Option<String>> {
    let columns = &table.files().partition_columns;
    let fields: Vec<_> = columns.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let schema = Schema::new(fields);
    let values = file.partitions.iter().map(|value| Arc::new(StringArray::from(vec![value.clone()])) as _);
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(schema.clone()), values.collect(), &options)
        .map_err(|error| engine_fault(&error.into()))?;
    let mut folder = String::new();
    for (name, expr) in partitions {
        let bare = unaliased(expr);
        if !bare.column_refs().iter().all(|column| columns.contains(&column.name)) || has_subquery(bare) {
            return Ok(None);
        }
        let value = physical(bare, &schema, state)?.evaluate(&row).and_then(|value| value.into_array(1));
        let value = value.and_then(|array| Ok(cast(&array, &DataType::Utf8)?)).map_err(|error| engine_fault(&error))?;
        let text = arrow::array::AsArray::as_string::<i32>(&value);
        let value = text.is_valid(0).then(|| text.value(0));
        folder.push_str(&FileNames::partition_folder(name, value));
    }
    Ok(Some(folder))
}
