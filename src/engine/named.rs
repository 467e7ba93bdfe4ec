//! Errors that say which file they come from: a reader of the engine, wrapped.
//!
//! The readers of CSV, JSON lines and Avro report what is wrong with a line, and not in which file it stands.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result as EngineResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, PhysicalExpr};
use futures::{FutureExt, StreamExt};
use object_store::ObjectStore;
use object_store::path::Path;

use super::fault::{engine_fault, external};
use super::lake::TableFiles;
use crate::error::Said;

/// Wraps the reader of a scan, so that its errors name the table and the file. Other plans stay as they are.
pub(super) fn naming_files(plan: Arc<dyn ExecutionPlan>, files: &Arc<TableFiles>) -> Arc<dyn ExecutionPlan> {
    let scan =
        plan.downcast_ref::<DataSourceExec>().and_then(|exec| exec.data_source().downcast_ref::<FileScanConfig>());
    let Some(config) = scan else { return plan };
    let source = Named { inner: Arc::clone(config.file_source()), files: Arc::clone(files) };
    let config = FileScanConfigBuilder::from(config.clone()).with_source(Arc::new(source)).build();
    DataSourceExec::from_data_source(config)
}

#[derive(Clone)]
struct Named {
    inner: Arc<dyn FileSource>,
    files: Arc<TableFiles>,
}

impl Named {
    fn around(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self { inner, files: Arc::clone(&self.files) })
    }
}

impl FileSource for Named {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> EngineResult<Arc<dyn FileOpener>> {
        // The readers take what they need of the configuration; none looks for its own kind in it.
        let inner = self.inner.create_file_opener(object_store, base_config, partition)?;
        Ok(Arc::new(NamedOpener { inner, files: Arc::clone(&self.files) }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.around(self.inner.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_extra(kind, f)
    }

    fn supports_repartitioning(&self) -> bool {
        self.inner.supports_repartitioning()
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> EngineResult<Option<Arc<dyn FileSource>>> {
        Ok(self.inner.try_pushdown_projection(projection)?.map(|inner| self.around(inner)))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> EngineResult<TreeNodeRecursion>,
    ) -> EngineResult<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }
}

struct NamedOpener {
    inner: Arc<dyn FileOpener>,
    files: Arc<TableFiles>,
}

impl FileOpener for NamedOpener {
    fn open(&self, file: PartitionedFile) -> EngineResult<FileOpenFuture> {
        let (path, files) = (file.object_meta.location.clone(), Arc::clone(&self.files));
        let opening = self.inner.open(file)?;
        Ok(async move {
            let batches = opening.await.map_err(|error| in_file(&error, &files, &path))?;
            Ok(batches.map(move |batch| batch.map_err(|error| in_file(&error, &files, &path))).boxed())
        }
        .boxed())
    }
}

fn in_file(
    error: &datafusion::common::DataFusionError,
    files: &TableFiles,
    path: &Path,
) -> datafusion::common::DataFusionError {
    external(
        engine_fault(error)
            .with("table", &files.name)
            .with("file", &Said(&files.store.display(path)))
            .hint("see that the file is what its name says, and complete"),
    )
}
