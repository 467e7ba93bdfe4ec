//! The fence: rows pass one way, and nothing else passes at all.
//!
//! To the optimizer it is a leaf: it has no children, no statistics, no order and one partition, takes no filter that
//! comes about while a query runs, and shows nothing of what is behind it. Batches are cut anew and copied, so that their
//! number, their size and their buffers hold nothing of hidden rows and cells; errors are replaced.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result as EngineResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, reset_plan_states};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions, execute_stream,
};
use datafusion::prelude::SessionContext;
use futures::Stream;

use super::bare::bare_batch;
use crate::engine::fault::{engine_fault, external};
use crate::error::{Error, Said};
use crate::model::TableName;

/// Rows of a batch that leaves the fence.
const BATCH_ROWS: usize = 8192;

/// What left the barrier. All that a role is told, or limited by, is counted here.
#[derive(Debug, Default)]
pub struct Passed {
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Passed {
    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Bytes of their columns in memory so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn add(&self, batch: &RecordBatch) {
        self.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(batch_bytes(batch), Ordering::Relaxed);
    }
}

/// Bytes of the values, not of the buffers around them.
fn batch_bytes(batch: &RecordBatch) -> u64 {
    let sizes = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0) as u64);
    sizes.sum()
}

/// An error behind the fence, as a role may hear it: that the table cannot be read, and of which kind the fault is.
pub fn behind(name: &TableName, fault: &Error) -> Error {
    Error::new(fault.kind(), "a table cannot be read")
        .with("code", &Said("58030"))
        .with("table", name)
        .hint("an administrator is told the reason: `saltlake query` under a role with full access")
}

/// Rows of a role's table.
pub struct FenceExec {
    name: TableName,
    inner: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    inside: Arc<TaskContext>,
    passed: Arc<Passed>,
    properties: Arc<PlanProperties>,
}

impl FenceExec {
    pub(super) fn new(
        name: TableName,
        inner: Arc<dyn ExecutionPlan>,
        schema: SchemaRef,
        inside: &SessionContext,
        passed: &Arc<Passed>,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let (inside, passed) = (inside.task_ctx(), Arc::clone(passed));
        Self { name, inner, schema, inside, passed, properties: Arc::new(properties) }
    }
}

impl fmt::Debug for FenceExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FenceExec({})", self.name)
    }
}

impl DisplayAs for FenceExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<_> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "PolicyExec: table={}, columns=[{}]", self.name, columns.join(", "))
    }
}

impl ExecutionPlan for FenceExec {
    fn name(&self) -> &'static str {
        "PolicyExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> EngineResult<TreeNodeRecursion>,
    ) -> EngineResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    /// Reads in the engine's own context: the role's has no object stores.
    fn execute(&self, _: usize, _: Arc<TaskContext>) -> EngineResult<SendableRecordBatchStream> {
        // A recursive query reads its tables once for each step, and a scan that was read is at its end.
        let fresh = reset_plan_states(Arc::clone(&self.inner))?;
        let rows = execute_stream(fresh, Arc::clone(&self.inside));
        let rows = rows.map_err(|error| external(behind(&self.name, &engine_fault(&error))))?;
        Ok(Box::pin(Fence {
            name: self.name.clone(),
            cut: BatchCoalescer::new(Arc::clone(&self.schema), BATCH_ROWS).with_biggest_coalesce_batch_size(None),
            schema: Arc::clone(&self.schema),
            rows: Some(rows),
            waiting: 0,
            passed: Arc::clone(&self.passed),
        }))
    }
}

struct Fence {
    name: TableName,
    schema: SchemaRef,
    cut: BatchCoalescer,
    /// `None` once all were read.
    rows: Option<SendableRecordBatchStream>,
    /// Rows without columns, which the coalescer cannot hold.
    waiting: usize,
    passed: Arc<Passed>,
}

impl Fence {
    fn take(&mut self, batch: &RecordBatch) -> EngineResult<()> {
        if self.schema.fields().is_empty() {
            self.waiting += batch.num_rows();
            return Ok(());
        }
        // The role's own schema: no metadata, and nullability as it was announced.
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), batch.columns().to_vec())?;
        Ok(self.cut.push_batch(batch)?)
    }

    fn end(&mut self) -> EngineResult<()> {
        self.rows = None;
        Ok(self.cut.finish_buffered_batch()?)
    }

    fn complete(&mut self) -> EngineResult<Option<RecordBatch>> {
        if self.waiting >= BATCH_ROWS || (self.waiting > 0 && self.rows.is_none()) {
            let rows = self.waiting.min(BATCH_ROWS);
            self.waiting -= rows;
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            return Ok(Some(RecordBatch::try_new_with_options(Arc::clone(&self.schema), Vec::new(), &options)?));
        }
        Ok(self.cut.next_completed_batch().as_ref().map(bare_batch).transpose()?)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<EngineResult<Option<RecordBatch>>> {
        loop {
            if let Some(batch) = self.complete()? {
                return Poll::Ready(Ok(Some(batch)));
            }
            let Some(rows) = &mut self.rows else { return Poll::Ready(Ok(None)) };
            match ready!(Pin::new(rows).poll_next(context)) {
                Some(batch) => self.take(&batch?)?,
                None => self.end()?,
            }
        }
    }
}

impl Stream for Fence {
    type Item = EngineResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.poll(context));
        if let Ok(Some(batch)) = &next {
            self.passed.add(batch);
        }
        let said = |error| {
            self.rows = None;
            external(behind(&self.name, &engine_fault(&error)))
        };
        Poll::Ready(next.map_err(said).transpose())
    }
}

impl RecordBatchStream for Fence {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
