//! The cellar: runtimes, stores, keys, the DataFusion session, and the place where masked files are written.
//!
//! INVARIANT: a key enters through [`Engine::load_keys`] and leaves only inside a masking function.
//! INVARIANT: no file listing is cached: every command lists once and reads what it listed.

pub mod analysis;
pub mod catalog;
mod collect;
pub mod connections;
pub mod declared;
pub mod fault;
pub mod functions;
pub mod hive;
mod hold;
mod infer;
pub mod keys;
pub mod lake;
pub mod manifest;
mod named;
pub mod part;
pub mod policy;
pub mod progress;
pub(crate) mod schema;
pub mod spelling;
mod spill;
pub mod statement;
pub mod store;
pub mod syntax;
pub mod table;
pub mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex};

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use saltlake_udfs::{KeyId, KeyRing};
use tokio::runtime::Handle;

use self::catalog::Database;
use self::connections::{Bucket, Buckets, Secrets};
pub use self::hold::Hold;
use self::keys::KeyUse;
use self::lake::TableFiles;
use self::manifest::Manifest;
pub use self::schema::reject_unstorable;
pub use self::spill::SpillFolder;
use self::store::Store;
use self::target::Target;
use crate::error::{Error, ErrorKind, Result, Said};
use crate::model::{Location, TableName, TableSource, folder_name};
use crate::settings::{Settings, TableFormat, temporary_folder};

/// How deep a statement may nest is bound by the stack that it is walked through on. None of it is memory before it is used.
const COMPUTE_STACK_BYTES: usize = 128 << 20;
const MAIN_STACK_BYTES: usize = 256 << 20;

/// Does something on a stack that the deepest statement fits on.
///
/// # Errors
/// If there can be no such thread, or a bug ends it.
pub fn on_deep_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("saltlake".to_owned()).stack_size(MAIN_STACK_BYTES);
        let thread = thread.spawn_scoped(scope, work).map_err(|_| Error::failed("cannot start a thread"))?;
        thread.join().unwrap_or_else(|_| Err(Error::failed("a bug ended the program")))
    })
}

/// Two thread pools: one that waits for sockets and files, one that computes, so that neither starves the other.
pub struct Runtimes {
    io: tokio::runtime::Runtime,
    compute: tokio::runtime::Runtime,
}

impl Runtimes {
    /// Starts both.
    pub fn start(threads: usize) -> Result<Self> {
        let fault = |_| Error::failed("cannot start worker threads").hint("lower `[engine] threads`");
        let io = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("saltlake-io")
            .enable_all()
            .build()
            .map_err(fault)?;
        let compute = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("saltlake-compute")
            .thread_stack_size(COMPUTE_STACK_BYTES)
            .enable_all()
            .build()
            .map_err(fault)?;
        Ok(Self { io, compute })
    }

    /// The pool for sockets.
    pub fn io(&self) -> Handle {
        self.io.handle().clone()
    }

    /// Runs a command that only reads, to its end or until Ctrl-C.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`] on Ctrl-C.
    pub fn run<T>(&self, command: impl Future<Output = Result<T>>) -> Result<T> {
        self.compute.block_on(interruptible(command))
    }

    /// Runs one of the pieces of work of a command that lives on after Ctrl-C. The work itself gives up on it, by
    /// [`interruptible`].
    ///
    /// # Errors
    /// As the work.
    pub fn wait<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.compute.block_on(work)
    }

    /// Runs a command that cleans up after itself on Ctrl-C, by [`interruptible`]. A second Ctrl-C ends it at once.
    pub fn run_to_end<T>(&self, command: impl Future<Output = Result<T>>) -> Result<T> {
        let twice = async {
            let _ = tokio::signal::ctrl_c().await;
            tokio::signal::ctrl_c().await
        };
        self.compute.block_on(async {
            tokio::select! {
                done = command => done,
                _ = twice => Err(interrupted()),
            }
        })
    }

    /// Ends both. Work that was given up gets a moment to stop, since it may still write what it spills.
    pub fn stop(self) {
        self.compute.shutdown_timeout(std::time::Duration::from_millis(300));
        self.io.shutdown_background();
    }
}

/// Gives a piece of work up on Ctrl-C.
///
/// # Errors
/// [`ErrorKind::Interrupted`]; the work's future is dropped.
pub async fn interruptible<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Err(interrupted()),
    }
}

fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped").hint("what was published before is untouched")
}

/// Everything that commands share: settings, doors to the outside, keys and the engine's resources.
pub struct Engine {
    settings: Settings,
    io: Handle,
    buckets: Arc<dyn Buckets>,
    secrets: Arc<dyn Secrets>,
    resources: Arc<RuntimeEnv>,
    ring: Arc<KeyRing>,
    keys: Mutex<BTreeMap<KeyId, KeyUse>>,
    warnings: Mutex<BTreeSet<String>>,
    spill: Option<Arc<SpillFolder>>,
}

impl Engine {
    /// With the doors that a wing of the backend opens.
    pub fn new(settings: Settings, io: Handle, buckets: Arc<dyn Buckets>, secrets: Arc<dyn Secrets>) -> Result<Self> {
        let spill = match &settings.engine.spill_folder {
            Some(folder) => Some(SpillFolder::create(folder)?),
            // Few commands ever spill: the others do without.
            None => SpillFolder::create(&temporary_folder()).ok(),
        };
        let resources = resources_within(settings.engine.memory_bytes, spill.as_ref())
            .build_arc()
            .map_err(|error| fault::engine_fault(&error))?;
        Ok(Self {
            settings,
            io,
            buckets,
            secrets,
            resources,
            ring: Arc::new(KeyRing::default()),
            keys: Mutex::new(BTreeMap::new()),
            warnings: Mutex::new(BTreeSet::new()),
            spill: spill.map(Arc::new),
        })
    }

    /// Where operators spill. It goes when nobody holds it any more: hold it until the runtimes have stopped.
    pub fn spill(&self) -> Option<Arc<SpillFolder>> {
        self.spill.clone()
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The pool for sockets.
    pub fn io(&self) -> &Handle {
        &self.io
    }

    /// Opens a location, and makes its store known to the engine.
    pub async fn store(&self, location: &Location) -> Result<Store> {
        let bucket = match location {
            Location::Folder(_) => {
                Bucket { objects: Arc::new(object_store::local::LocalFileSystem::new()), multipart: None }
            }
            Location::S3 { bucket, .. } => self.buckets.bucket(bucket).await?,
        };
        let store = Store::new(location.clone(), bucket)?;
        self.resources.register_object_store(store.url()?.as_ref(), Arc::clone(store.objects()));
        Ok(store)
    }

    /// Lists the raw lake.
    pub async fn raw(&self) -> Result<Database> {
        let lake = &self.settings.lake;
        let mut tables = BTreeMap::new();
        if let Some(location) = &lake.location {
            let store = self.existing(location).await?;
            let mut objects = store.list("").await?;
            self.warn_of_stray(&store, &objects);
            // The longest match decides: what lies in an explicitly listed table belongs to it alone.
            let declared: Vec<Store> = lake
                .tables
                .values()
                .map(|table| Store::new(table.location.clone(), store.bucket().clone()))
                .collect::<Result<_>>()?;
            objects.retain(|meta| {
                !declared.iter().any(|table| table.shares_bucket(&store) && table.relative(&meta.location).is_some())
            });
            for (name, objects) in lake::by_first_folder(&store, objects) {
                if lake.tables.contains_key(&name) {
                    continue;
                }
                let own = Store::new(location.child(&name), store.bucket().clone())?;
                let table = TableName::new(&lake.database, &name);
                let mut files = TableFiles::collect(table, own, objects, None).await?;
                files.csv_header = lake.csv_header;
                if !files.files.is_empty() {
                    tables.insert(name, files);
                }
            }
        }
        for (name, declared) in &lake.tables {
            let store = self.existing(&declared.location).await?;
            let objects = store.list("").await?;
            let table = TableName::new(&lake.database, name);
            let mut files = TableFiles::collect(table, store, objects, declared.format).await?;
            files.csv_header = lake.csv_header;
            tables.insert(name.clone(), files);
        }
        if lake.location.is_none() && lake.tables.is_empty() {
            return Err(Error::usage("no lake is set")
                .hint("set `[lake] location` in saltlake.toml (`saltlake init` writes one), or pass --lake"));
        }
        Ok(Database::new(tables, lake.merge_schemas, self.reader()))
    }

    /// Files directly at the lake's root belong to no table, so nobody reads or masks them.
    fn warn_of_stray(&self, store: &Store, objects: &[object_store::ObjectMeta]) {
        let markers = lake::folder_markers(objects);
        let stray = objects
            .iter()
            .filter(|meta| !markers.contains(&meta.location))
            .filter_map(|meta| store.relative(&meta.location))
            .filter(|relative| !relative.is_empty() && !relative.contains('/') && !relative.starts_with(['_', '.']));
        let names: Vec<&str> = stray.collect();
        if let Some(first) = names.first() {
            self.warn(format!(
                "{} file(s) lie directly in the lake and belong to no table, `{}` among them: a table is a folder",
                names.len(),
                crate::model::printable(first)
            ));
        }
    }

    /// Opens a location for reading; a folder must exist.
    async fn existing(&self, location: &Location) -> Result<Store> {
        if let Location::Folder(path) = location
            && !path.is_dir()
        {
            return Err(Error::failed("the folder does not exist")
                .with("location", location)
                .hint("check `[lake] location`; relative paths start at the settings file"));
        }
        self.store(location).await
    }

    /// The raw tables as findings need to know them: with every name of their locations.
    pub async fn table_sources(&self, raw: &Database) -> Result<Vec<TableSource>> {
        let lake = &self.settings.lake;
        let mut sources = Vec::new();
        for name in raw.names() {
            let Some(table) = raw.open(name).await? else { continue };
            let mut locations = vec![table.files().store.location().clone()];
            match lake.tables.get(name) {
                Some(declared) => locations.extend(declared.known_as.iter().cloned()),
                None => locations.extend(lake.known_as.iter().map(|alias| alias.child(name))),
            }
            sources.push(TableSource { locations, schema: table.table_schema() });
        }
        Ok(sources)
    }

    /// Every name of the lake's root: findings about objects below it must belong to a table.
    pub fn lake_roots(&self) -> Vec<Location> {
        let lake = &self.settings.lake;
        lake.location.iter().chain(&lake.known_as).cloned().collect()
    }

    /// Opens the masked location.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if none is set.
    pub async fn target(&self) -> Result<Target> {
        let masked = &self.settings.masked;
        let location = masked.location.as_ref().ok_or_else(|| {
            Error::usage("no masked location is set").hint("set `[masked] location` in saltlake.toml, or pass --masked")
        })?;
        Ok(Target {
            store: self.store(location).await?,
            database: masked.database.clone(),
            grace: masked.grace,
            hold_expiry: masked.hold_expiry,
            io: self.io.clone(),
        })
    }

    /// The published masked tables: those that the manifest names, file by file.
    pub fn masked(&self, target: &Target, manifest: Option<&Manifest>) -> Result<Database> {
        let mut tables = BTreeMap::new();
        for (name, table) in manifest.iter().flat_map(|manifest| &manifest.tables) {
            let name_of = TableName::new(&target.database, name);
            let folder = format!("versions/{}/{}", table.run, folder_name(name));
            let location = target.store.location().child(&folder);
            let store = Store::new(location, target.store.bucket().clone())?;
            let files = manifest_files(&target.store, &store, name_of, table)?;
            tables.insert(name.clone(), files);
        }
        Ok(Database::new(tables, false, self.reader()))
    }

    /// A session without tables or masking functions, for reading schemas.
    pub fn reader(&self) -> SessionContext {
        SessionContext::new_with_config_rt(self.session_config(), Arc::clone(&self.resources))
    }

    /// A session with masking functions and the given databases.
    pub fn session(
        &self,
        databases: Vec<(String, Arc<dyn datafusion::catalog::SchemaProvider>)>,
    ) -> Result<SessionContext> {
        let context = self.reader();
        let catalog = context.catalog(CATALOG).ok_or_else(|| Error::failed("the engine has no catalog"))?;
        for (name, database) in databases {
            catalog.register_schema(&name, database).map_err(|error| fault::engine_fault(&error))?;
        }
        for function in saltlake_udfs::all_functions(&self.ring) {
            context.register_udf(function.as_ref().clone());
        }
        analysis::register(&context).map_err(|error| fault::engine_fault(&error))?;
        Ok(context)
    }

    /// The resources of a role's session: memory of its own, the engine's spill folder, and no object store, so that no
    /// plan of it can read or write a file by itself.
    ///
    /// # Errors
    /// If they cannot be set up.
    pub fn role_resources(&self, memory_bytes: Option<u64>) -> Result<Arc<RuntimeEnv>> {
        let bytes = memory_bytes.unwrap_or(self.settings.engine.memory_bytes);
        resources_within(bytes, self.spill.as_deref())
            .with_object_store_registry(Arc::new(NoStores))
            .build_arc()
            .map_err(|error| fault::engine_fault(&error))
    }

    /// The masking functions under these keys alone, each loaded already. None without a key: whoever may compute a token
    /// can build a dictionary.
    pub fn masking_functions(&self, keys: &BTreeSet<KeyId>) -> Vec<Arc<datafusion::logical_expr::ScalarUDF>> {
        if keys.is_empty() { Vec::new() } else { saltlake_udfs::all_functions(&Arc::new(self.ring.only(keys))) }
    }

    /// The configuration of every session.
    pub fn session_config(&self) -> SessionConfig {
        let mut config = SessionConfig::new()
            .with_default_catalog_and_schema(CATALOG, &self.settings.masked.database)
            .with_information_schema(true)
            .with_target_partitions(self.settings.engine.threads.max(1));
        config.options_mut().execution.parquet.schema_force_view_types = false;
        config.options_mut().execution.parquet.pushdown_filters = true;
        // An error of planning then says where.
        config.options_mut().sql_parser.collect_spans = true;
        config
    }

    /// Fetches the keys that a statement uses, once each.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if a key is not configured; [`ErrorKind::Failed`] if its store does not give it out.
    pub async fn load_keys(&self, ids: &BTreeSet<KeyId>) -> Result<()> {
        for id in ids {
            if self.ring.get(id.as_str()).is_some() {
                continue;
            }
            let settings = self.settings.keys.get(id.as_str()).ok_or_else(|| {
                Error::usage("no such key is configured").with("key", id).hint(format!(
                    "add it to saltlake.toml:\n[keys.{id}]\nsecret = \"secretsmanager:NAME\"   # or file:PATH, env:VAR"
                ))
            })?;
            let stored = self.secrets.secret(&settings.secret, settings.version.as_deref()).await?;
            let (key, used) = keys::decode(id, settings, &stored)?;
            if key.expose().len() < keys::SHORT_KEY_BYTES {
                self.warn(format!(
                    "key `{id}` is shorter than {} bytes: whoever sees a masked table can try all short keys",
                    keys::SHORT_KEY_BYTES
                ));
            }
            self.ring.insert(id.clone(), key);
            if let Ok(mut known) = self.keys.lock() {
                known.insert(id.clone(), used);
            }
        }
        Ok(())
    }

    /// Which key a name stands for, once loaded.
    pub fn key_use(&self, id: &KeyId) -> Option<KeyUse> {
        self.keys.lock().ok()?.get(id).cloned()
    }

    /// Notes something that the user should hear once.
    pub fn warn(&self, text: String) {
        if let Ok(mut warnings) = self.warnings.lock() {
            warnings.insert(text);
        }
    }

    /// Takes the warnings so far.
    pub fn take_warnings(&self) -> Vec<String> {
        self.warnings
            .lock()
            .map(|mut warnings| std::mem::take(&mut *warnings).into_iter().collect())
            .unwrap_or_default()
    }
}

/// Memory up to a limit, and a folder to spill into, if there is one.
fn resources_within(memory_bytes: u64, spill: Option<&SpillFolder>) -> RuntimeEnvBuilder {
    let memory = usize::try_from(memory_bytes).unwrap_or(usize::MAX);
    let pool = TrackConsumersPool::new(FairSpillPool::new(memory), std::num::NonZeroUsize::MIN);
    let mode = match spill {
        Some(folder) => DiskManagerMode::Directories(vec![folder.path().to_owned()]),
        None => DiskManagerMode::Disabled,
    };
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(mode))
}

/// A registry that knows no object store.
#[derive(Debug)]
struct NoStores;

impl ObjectStoreRegistry for NoStores {
    fn register_store(
        &self,
        _: &url::Url,
        _: Arc<dyn object_store::ObjectStore>,
    ) -> Option<Arc<dyn object_store::ObjectStore>> {
        None
    }

    fn get_store(&self, _: &url::Url) -> datafusion::common::Result<Arc<dyn object_store::ObjectStore>> {
        Err(fault::external(Error::refused("a role's session reads no files by itself")))
    }
}

/// The only catalog. SQL does not name it.
pub const CATALOG: &str = "lake";

/// The files of a masked table, as its manifest lists them.
fn manifest_files(root: &Store, store: &Store, name: TableName, table: &manifest::ManifestTable) -> Result<TableFiles> {
    let mut files = Vec::new();
    for file in &table.files {
        let location = root.path(&file.path)?;
        let relative = store.relative(&location).ok_or_else(|| {
            Error::failed("a manifest names a file outside its table").with("file", &Said(&file.path))
        })?;
        let partitions = lake::partition_values(relative);
        let meta = object_store::ObjectMeta {
            location: location.clone(),
            last_modified: chrono::DateTime::UNIX_EPOCH,
            size: file.bytes,
            e_tag: None,
            version: None,
        };
        files.push(lake::LakeFile { meta, partitions });
    }
    Ok(TableFiles {
        name,
        store: store.clone(),
        format: TableFormat::Parquet,
        gzip: false,
        csv_header: true,
        partition_columns: table.partition_columns.clone(),
        files,
        declared: None,
    })
}
