//! From statements to a published version: what `mask` and `run` share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::Utc;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::datasource::empty::EmptyTable;
use datafusion::prelude::SessionContext;
use saltlake_udfs::KeyId;
use sqlparser::ast::{ObjectType, Statement as Ast};

use super::app::App;
use super::desk::WORKSPACE;
use super::progress::ProgressLine;
use super::{findings, output};
use crate::discover::Findings;
use crate::engine::catalog::Database;
use crate::engine::keys::KeyUse;
use crate::engine::manifest::Manifest;
use crate::engine::part::PartFiles;
use crate::engine::progress::Progress;
use crate::engine::statement::{Statement, keys_of, relations_of, table_name};
use crate::engine::target::{Target, reject_foreign};
use crate::engine::{Hold, interruptible};
use crate::error::{Error, ErrorKind, Result, Said};
use crate::mask::verify::{Claim, Verified, verify};
use crate::mask::{CreateMasked, MaskedTable, Masking, Passage, ctas};
use crate::model::{ColumnRef, TableName};
use crate::plan::{self, Action, Declaration, MaskingPlan, Policy, Unreported};
use crate::publish::{self, Publication, ReceiptColumn, ReceiptFindings, RunDetails};
use crate::query::{Kind, kind_of_statement};
use crate::settings::{ColumnRule, Settings};

/// A statement with the file it came from.
pub(super) struct Step {
    pub(super) origin: String,
    pub(super) statement: Statement,
    pub(super) work: Work,
}

/// What a statement does.
pub(super) enum Work {
    Create(Box<CreateMasked>),
    Drop {
        tables: Vec<TableName>,
        if_exists: bool,
    },
    Query,
    /// It makes or changes something in the workspace, or is answered by the desk alone.
    Workspace,
}

/// Sorts statements by what they do. Everything is read before anything runs.
pub(super) fn sort(statements: Vec<(String, Statement)>, target: &Target) -> Result<Vec<Step>> {
    statements
        .into_iter()
        .map(|(origin, statement)| {
            let work = work_of(&statement, target).map_err(|error| at(error, &origin, &statement))?;
            Ok(Step { origin, statement, work })
        })
        .collect()
}

fn work_of(statement: &Statement, target: &Target) -> Result<Work> {
    let ast = &statement.ast;
    if is_of_workspace(ast) {
        return Ok(Work::Workspace);
    }
    if let Some(create) = ctas::read(ast, &statement.text, target)? {
        return Ok(Work::Create(Box::new(create)));
    }
    if let Ast::Drop { object_type: ObjectType::Table, if_exists, names, .. } = ast {
        let tables = names.iter().map(|name| {
            table_name(name, &target.database).filter(|table| table.database() == target.database).ok_or_else(|| {
                Error::usage("only masked tables can be dropped").with("table", &Said(&name.to_string()))
            })
        });
        return Ok(Work::Drop { tables: tables.collect::<Result<_>>()?, if_exists: *if_exists });
    }
    Ok(Work::Query)
}

/// Whether a statement is none about masked tables: in a script, those go without a database, or by the masked one's name.
fn is_of_workspace(ast: &Ast) -> bool {
    let own = |name| table_name(name, "").is_some_and(|table| table.database() == WORKSPACE);
    match kind_of_statement(ast) {
        Some(Kind::Create) => matches!(ast, Ast::CreateTable(create) if own(&create.name)),
        Some(Kind::Drop) => match ast {
            Ast::Drop { object_type: ObjectType::View, .. } => true,
            Ast::Drop { names, .. } => names.iter().all(own),
            _ => false,
        },
        Some(Kind::Unload | Kind::Insert | Kind::View | Kind::External | Kind::Show | Kind::Prepared) => true,
        Some(Kind::Read | Kind::Explain) | None => false,
    }
}

/// Adds the file and line to an error, and shows its place in the statement.
pub(super) fn at(error: Error, origin: &str, statement: &Statement) -> Error {
    statement.showing(error).with("file", &Said(origin)).with("line", &statement.line)
}

/// What the plan stage needs of the settings.
pub(super) fn policy_of(settings: &Settings) -> Result<Policy> {
    let location = settings.masked.location.clone().ok_or_else(|| {
        Error::usage("no masked location is set").hint("set `[masked] location` in saltlake.toml, or pass --masked")
    })?;
    let declaration = |rule: &ColumnRule| match rule {
        ColumnRule::Rule(text) => Declaration::Rule(text.clone()),
        ColumnRule::KeepDespite(identifiers) => Declaration::KeepDespite(identifiers.clone()),
    };
    let columns = settings.columns.iter().map(|(table, rules)| {
        (table.clone(), rules.iter().map(|(column, rule)| (column.clone(), declaration(rule))).collect())
    });
    Ok(Policy {
        masks: settings.masks.clone(),
        default_mask: settings.default_mask.clone(),
        columns: columns.collect(),
        unreported: match settings.unreported {
            crate::settings::Unreported::Refuse => Unreported::Refuse,
            crate::settings::Unreported::Keep => Unreported::Keep,
        },
        target_database: settings.masked.database.clone(),
        target_location: location,
        keys: settings.keys.keys().cloned().collect(),
        write_compression: "ZSTD".to_owned(),
    })
}

/// Findings and the plan that follows from them.
pub(super) struct Decided {
    pub(super) findings: Findings,
    pub(super) plan: MaskingPlan,
}

/// Discovers and decides.
///
/// # Errors
/// Refused if a finding names no column, a column is undecided, or rules conflict.
pub(super) async fn decide(app: &App, raw: &Database) -> Result<Decided> {
    if raw.names().next().is_none() {
        return Err(Error::failed("the lake has no tables")
            .hint("each folder or prefix directly below `[lake] location` is a table; `saltlake tables` lists them"));
    }
    tracing::info!("discover: reading findings");
    let (findings, tables) = findings::gather(app, raw).await?;
    findings.refusal(findings::accepted(app.settings()))?;
    tracing::info!("plan: deciding");
    let schemas: Vec<_> = tables.into_iter().map(|table| table.schema).collect();
    let plan = plan::decide(&findings, &schemas, &policy_of(app.settings())?)?;
    for warning in plan.warnings() {
        app.engine.warn(warning.clone());
    }
    Ok(Decided { findings, plan })
}

/// The columns that the plan keeps, and the statements that made the masked tables of earlier runs.
struct Kept {
    columns: BTreeSet<ColumnRef>,
    published: BTreeMap<String, String>,
}

impl Passage for Kept {
    fn keeps(&self, column: &ColumnRef) -> bool {
        self.columns.contains(column)
    }

    fn published(&self, table: &str) -> Option<&str> {
        self.published.get(table).map(String::as_str)
    }
}

fn kept_columns(plan: &MaskingPlan) -> BTreeSet<ColumnRef> {
    let mut kept = BTreeSet::new();
    for table in plan.tables() {
        for column in table.columns().iter().filter(|column| column.action == Action::Keep) {
            kept.insert(ColumnRef { table: table.source().clone(), column: column.column.clone() });
        }
    }
    kept
}

/// Judges the statements of a script as a run would, in their order, and writes nothing. What a statement would make is
/// there, without rows, for those behind it.
pub(super) struct Rehearsal<'a> {
    app: &'a App,
    target: Target,
    raw: Arc<Database>,
    decided: Decided,
    masked: Arc<Pretended>,
    published: BTreeMap<String, String>,
}

/// The masked database as it would be.
#[derive(Debug)]
struct Pretended {
    current: Database,
    changed: std::sync::RwLock<BTreeMap<String, Option<Arc<EmptyTable>>>>,
}

impl Pretended {
    #[allow(clippy::option_option, reason = "changed or not, and then there or not")]
    fn changed(&self, name: &str) -> Option<Option<Arc<EmptyTable>>> {
        self.changed.read().ok()?.get(name).cloned()
    }

    fn set(&self, name: &str, table: Option<Arc<EmptyTable>>) {
        if let Ok(mut changed) = self.changed.write() {
            changed.insert(name.to_owned(), table);
        }
    }
}

#[async_trait::async_trait]
impl SchemaProvider for Pretended {
    fn table_names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = self.current.table_names().into_iter().collect();
        for (name, table) in self.changed.read().iter().flat_map(|changed| changed.iter()) {
            if table.is_some() {
                names.insert(name.clone())
            } else {
                names.remove(name)
            };
        }
        names.into_iter().collect()
    }

    async fn table(&self, name: &str) -> datafusion::common::Result<Option<Arc<dyn TableProvider>>> {
        match self.changed(name) {
            Some(table) => Ok(table.map(|table| table as Arc<dyn TableProvider>)),
            None => self.current.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.changed(name).map_or_else(|| self.current.table_exist(name), |table| table.is_some())
    }
}

impl<'a> Rehearsal<'a> {
    /// Reads what a run would read.
    ///
    /// # Errors
    /// As the beginning of a run.
    pub(super) async fn begin(app: &'a App, target: Target, steps: &[Step]) -> Result<Self> {
        let raw = Arc::new(app.engine.raw().await?);
        let decided = decide(app, &raw).await?;
        let current = target.current().await?;
        let published = current.iter().flat_map(|current| &current.tables);
        let published = published.map(|(name, table)| (name.clone(), table.query.clone())).collect();
        let coming = steps.iter().filter_map(|step| match &step.work {
            Work::Create(create) => Some(create.table.table().to_owned()),
            _ => None,
        });
        reject_foreign(&target, &coming.collect())?;
        let current = app.engine.masked(&target, current.as_ref())?;
        let masked = Arc::new(Pretended { current, changed: std::sync::RwLock::default() });
        Ok(Self { app, target, raw, decided, masked, published })
    }

    /// Judges one statement.
    ///
    /// # Errors
    /// As the run would fail.
    pub(super) async fn step(&mut self, step: &Step) -> Result<()> {
        let context = session(self.app, &self.raw, Arc::clone(&self.masked) as _)?;
        match &step.work {
            Work::Create(create) if create.if_not_exists && self.masked.table_exist(create.table.table()) => Ok(()),
            Work::Create(create) => {
                let parts = PartFiles::new(self.target.clone(), "rehearsal", self.app.engine.io().clone());
                let passage = Kept { columns: kept_columns(&self.decided.plan), published: self.published.clone() };
                let (engine, raw, progress) = (&self.app.engine, self.raw.as_ref(), Arc::new(Progress::default()));
                let masking = Masking { engine, context: &context, raw, parts: &parts, passage: &passage, progress };
                let schema = masking.rehearse(create).await?;
                self.masked.set(create.table.table(), Some(Arc::new(EmptyTable::new(schema))));
                self.published.remove(create.table.table());
                Ok(())
            }
            Work::Drop { tables, if_exists } => tables.iter().try_for_each(|table| {
                if !self.masked.table_exist(table.table()) && !if_exists {
                    return Err(no_such_table(table));
                }
                self.masked.set(table.table(), None);
                Ok(())
            }),
            Work::Query | Work::Workspace => {
                load_query_keys(self.app, &step.statement).await?;
                let mut own = OwnTables::default();
                if reads_findings(&step.statement) {
                    own.findings(&self.decided.findings)?;
                }
                own.register(&context)?;
                super::run::plan_reading(&context, &step.statement).await.map(|_| ())
            }
        }
    }
}

fn no_such_table(table: &TableName) -> Error {
    Error::usage("there is no such masked table").with("table", table).hint("`saltlake tables` lists them")
}

/// A session over the raw and masked databases.
pub(super) fn session(app: &App, raw: &Arc<Database>, masked: Arc<dyn SchemaProvider>) -> Result<SessionContext> {
    let settings = app.settings();
    app.engine.session(vec![
        (settings.lake.database.clone(), Arc::clone(raw) as Arc<dyn SchemaProvider>),
        (settings.masked.database.clone(), masked),
    ])
}

/// One run that writes: its steps, what it rests on, and what it has staged so far.
pub(super) struct Run<'a> {
    app: &'a App,
    target: Target,
    hold: Hold,
    current: Option<Manifest>,
    raw: Arc<Database>,
    decided: Decided,
    details: RunDetails,
    progress: Arc<Progress>,
    staged: Vec<(MaskedTable, CreateMasked)>,
    dropped: BTreeSet<String>,
}

impl<'a> Run<'a> {
    /// Takes the masked location, cleans up after dead runs, and checks keys before any work is done.
    pub(super) async fn begin(
        app: &'a App,
        target: Target,
        decided: Decided,
        raw: Arc<Database>,
        steps: &[Step],
        command: &str,
        rekey: bool,
    ) -> Result<Self> {
        let started_at = Utc::now();
        let version = publish::new_version(started_at);
        let hold = target.hold(&version).await?;
        let begun = Self::begin_held(app, &target, &hold, steps, rekey).await;
        let current = match begun {
            Ok(current) => current,
            Err(error) => {
                note_leftover(app, hold.release(&target).await);
                return Err(error);
            }
        };
        let details = details_of(app, &decided, command, started_at, rekey);
        let (staged, dropped) = (Vec::new(), BTreeSet::new());
        let progress = Arc::new(Progress::default());
        Ok(Self { app, target, hold, current, raw, decided, details, progress, staged, dropped })
    }

    async fn begin_held(
        app: &App,
        target: &Target,
        hold: &Hold,
        steps: &[Step],
        rekey: bool,
    ) -> Result<Option<Manifest>> {
        let current = target.current().await?;
        target.collect(hold, current.as_ref(), Utc::now()).await?;
        let mut coming: BTreeMap<String, BTreeMap<String, KeyUse>> = BTreeMap::new();
        let mut dropped = BTreeSet::new();
        let stays = |table: &str, dropped: &BTreeSet<String>| {
            current.as_ref().is_some_and(|current| current.tables.contains_key(table)) && !dropped.contains(table)
        };
        for step in steps {
            match &step.work {
                // A table that stays as it is keeps the key that it has.
                Work::Create(create) if create.if_not_exists && stays(create.table.table(), &dropped) => {}
                Work::Create(create) => {
                    let keys = keys_of(&step.statement.ast);
                    app.engine.load_keys(&keys).await.map_err(|error| at(error, &step.origin, &step.statement))?;
                    let uses = keys.iter().filter_map(|key| Some((key.as_str().to_owned(), app.engine.key_use(key)?)));
                    coming.insert(create.table.table().to_owned(), uses.collect());
                }
                Work::Drop { tables, .. } => dropped.extend(tables.iter().map(|table| table.table().to_owned())),
                Work::Query | Work::Workspace => {}
            }
        }
        publish::check_keys(current.as_ref(), &coming, &dropped, rekey)?;
        reject_foreign(target, &coming.into_keys().collect())?;
        Ok(current)
    }

    /// The version as it would be if the run ended now.
    fn pending(&self) -> Manifest {
        let staged: Vec<_> = self.staged.iter().map(|(table, _)| (table.clone(), None)).collect();
        publish::next_manifest(self.current.as_ref(), &self.target, self.hold.run(), &staged, &self.dropped, Utc::now())
    }

    /// The statements that made the tables of earlier runs, of those that the run has not made anew.
    fn published(&self) -> BTreeMap<String, String> {
        let made = |name: &str| self.staged.iter().any(|(table, _)| table.table.table() == name);
        let tables = self.current.iter().flat_map(|current| &current.tables);
        tables.filter(|(name, _)| !made(name)).map(|(name, table)| (name.clone(), table.query.clone())).collect()
    }

    /// The masked tables as a statement saw them that ran when only `made` had been.
    fn seen_after(&self, made: &[(MaskedTable, CreateMasked)]) -> Manifest {
        let staged: Vec<_> = made.iter().map(|(table, _)| (table.clone(), None)).collect();
        // What was dropped later was there for it, and nothing that ran could read what had been dropped before.
        let dropped = BTreeSet::new();
        publish::next_manifest(self.current.as_ref(), &self.target, self.hold.run(), &staged, &dropped, Utc::now())
    }

    /// A session in which later statements see what earlier ones of the run made.
    pub(super) fn context(&self) -> Result<SessionContext> {
        let masked = self.app.engine.masked(&self.target, Some(&self.pending()))?;
        session(self.app, &self.raw, Arc::new(masked))
    }

    fn means(&self) -> Result<(SessionContext, PartFiles, Kept)> {
        let parts = PartFiles::new(self.target.clone(), self.hold.run(), self.app.engine.io().clone());
        let passage = Kept { columns: kept_columns(&self.decided.plan), published: self.published() };
        Ok((self.context()?, parts, passage))
    }

    fn masking<'b>(&'b self, context: &'b SessionContext, parts: &'b PartFiles, passage: &'b Kept) -> Masking<'b> {
        let (engine, raw) = (&self.app.engine, self.raw.as_ref());
        Masking { engine, context, raw, parts, passage, progress: Arc::clone(&self.progress) }
    }

    /// Says which published tables, that this run does not touch, show what today's plan does not keep.
    async fn warn_of_stale(&self) -> Result<()> {
        let (context, parts, passage) = self.means()?;
        let masking = self.masking(&context, &parts, &passage);
        for (name, table) in self.current.iter().flat_map(|current| &current.tables) {
            let touched =
                self.dropped.contains(name) || self.staged.iter().any(|(staged, _)| staged.table.table() == name);
            if touched {
                continue;
            }
            if let Err(error) = masking.check_again(&TableName::new(&self.target.database, name), &table.query).await
                && error.kind() == ErrorKind::Refused
            {
                self.app.engine.warn(format!("a published table, left as it was, should be masked again: {error}"));
            }
        }
        Ok(())
    }

    /// Writes one masked table.
    pub(super) async fn create(&mut self, create: &CreateMasked) -> Result<()> {
        let name = create.table.table();
        if create.if_not_exists && self.pending().tables.contains_key(name) {
            return Ok(());
        }
        if self.staged.iter().any(|(table, _)| table.table == create.table) {
            return Err(Error::usage("the same run creates a masked table twice").with("table", &create.table));
        }
        let line = ProgressLine::show(&self.progress);
        let (context, parts, passage) = self.means()?;
        let masking = self.masking(&context, &parts, &passage);
        let table = Box::pin(masking.create(create)).await?;
        drop(line);
        self.dropped.remove(name);
        self.staged.push((table, create.clone()));
        Ok(())
    }

    /// Takes a masked table out of the next version.
    pub(super) fn drop_table(&mut self, table: &TableName, if_exists: bool) -> Result<()> {
        if !self.pending().tables.contains_key(table.table()) {
            return if if_exists { Ok(()) } else { Err(no_such_table(table)) };
        }
        self.staged.retain(|(staged, _)| &staged.table != table);
        self.dropped.insert(table.table().to_owned());
        Ok(())
    }

    /// Proves every table from a fresh look at source and result, then switches the pointer.
    pub(super) async fn finish(self) -> Result<(Publication, Vec<(MaskedTable, Verified)>)> {
        let line = ProgressLine::show(&self.progress);
        let proven = interruptible(Box::pin(async {
            self.warn_of_stale().await?;
            self.prove().await
        }))
        .await;
        drop(line);
        let proven = match proven {
            Ok(proven) => proven,
            Err(error) => {
                self.give_up().await;
                return Err(error);
            }
        };
        let staged: Vec<_> = proven.iter().map(|(table, proof)| (table.clone(), Some(proof.clone()))).collect();
        let details = self.details.clone();
        let published =
            publish::publish(&self.target, &self.hold, self.current.as_ref(), &staged, &self.dropped, details).await;
        match published {
            Ok(published) => {
                note_leftover(self.app, self.hold.release(&self.target).await);
                if let Some(leftover) = &published.leftover {
                    note_leftover(self.app, Err(leftover.clone()));
                }
                Ok((published, proven))
            }
            Err(error) => {
                if self.target.surely_not_switched(self.hold.run()) {
                    self.give_up().await;
                } else {
                    note_leftover(self.app, self.hold.release(&self.target).await);
                }
                Err(error)
            }
        }
    }

    async fn prove(&self) -> Result<Vec<(MaskedTable, Verified)>> {
        let fresh = Arc::new(self.app.engine.raw().await?);
        let mut proven = Vec::new();
        for (index, (table, create)) in self.staged.iter().enumerate() {
            let before = self.seen_after(self.staged.get(..index).unwrap_or_default());
            let masked = self.app.engine.masked(&self.target, Some(&before))?;
            let context = session(self.app, &fresh, Arc::new(masked))?;
            let claim = Claim {
                create: create.clone(),
                run: self.hold.run().to_owned(),
                files: table.files.clone(),
                masks: table.masks.clone(),
                sources: table.sources.clone(),
            };
            let proof = verify(&self.app.engine, &self.target, &claim, &fresh, &context, &self.progress).await?;
            proven.push((table.clone(), proof));
        }
        Ok(proven)
    }

    /// Ends without publishing: what was staged is deleted, and the hold given back.
    pub(super) async fn give_up(self) {
        note_leftover(self.app, self.hold.discard(&self.target).await);
    }
}

/// Cleaning up failed, which changes nothing about how the run ended: the next run cleans up.
fn note_leftover(app: &App, cleaned: Result<()>) {
    if let Err(error) = cleaned {
        app.engine.warn(format!("the masked location could not be cleaned up; the next run does it\n{error}"));
    }
}

fn details_of(
    app: &App,
    decided: &Decided,
    command: &str,
    started_at: chrono::DateTime<Utc>,
    rekey: bool,
) -> RunDetails {
    let totals = decided.findings.totals();
    let counts = [
        ("documents", totals.documents),
        ("records", totals.records),
        ("policy", totals.policy),
        ("sample", totals.sample),
        ("archived_used", totals.archived_used),
        ("archived_ignored", totals.archived_ignored),
        ("duplicates", totals.duplicates),
        ("clean", totals.clean),
        ("incomplete", totals.incomplete),
        ("outside", totals.outside),
        ("unmapped", totals.unmapped),
        ("mapped", totals.mapped),
    ];
    let columns = decided.plan.tables().iter().flat_map(|table| {
        table.columns().iter().map(|column| ReceiptColumn {
            column: format!("{}.{}", table.source(), crate::model::printable(&column.column)),
            action: column.action_text(),
            reason: column.reason_text(),
        })
    });
    RunDetails {
        command: command.to_owned(),
        started_at: Some(started_at),
        plan_hash: Some(decided.plan.hash()),
        findings: ReceiptFindings {
            sources: app.settings().findings.sources.iter().map(origin_text).collect(),
            counts: counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
            accepted_unlocated: decided.findings.unlocated().len() as u64,
            accepted_unmapped: decided.findings.unmapped().len() as u64,
        },
        columns: columns.collect(),
        rekey,
    }
}

fn origin_text(origin: &crate::settings::FindingsOrigin) -> String {
    match origin {
        crate::settings::FindingsOrigin::At(location) => location.to_string(),
        crate::settings::FindingsOrigin::Stdin => "-".to_owned(),
        crate::settings::FindingsOrigin::Macie => "macie".to_owned(),
    }
}

/// The keys that a query uses are fetched before it is planned.
pub(super) async fn load_query_keys(app: &App, statement: &Statement) -> Result<()> {
    let keys: BTreeSet<KeyId> = keys_of(&statement.ast);
    app.engine.load_keys(&keys).await
}

/// Whether a statement reads the table of findings.
pub(super) fn reads_findings(statement: &Statement) -> bool {
    relations_of(&statement.ast).iter().any(|name| table_name(name, "").is_some_and(|table| is_findings(&table)))
}

/// Whether a table is that of findings.
pub(super) fn is_findings(table: &TableName) -> bool {
    table.database() == OWN_DATABASE && table.table() == "findings"
}

/// The tables of saltlake's own that a statement may read.
#[derive(Default)]
pub(super) struct OwnTables {
    batches: Vec<(String, arrow::array::RecordBatch)>,
}

impl OwnTables {
    /// Adds a table.
    pub(super) fn add(&mut self, name: &str, batch: arrow::array::RecordBatch) {
        self.batches.push((name.to_owned(), batch));
    }

    /// Adds `saltlake.findings`.
    pub(super) fn findings(&mut self, findings: &Findings) -> Result<()> {
        self.add("findings", findings.to_record_batch()?);
        Ok(())
    }

    /// The tables as a database.
    pub(super) fn database(self) -> Result<Arc<dyn SchemaProvider>> {
        let fault = |error| crate::engine::fault::engine_fault(&error);
        let schema = Arc::new(datafusion::catalog::MemorySchemaProvider::new());
        for (name, batch) in self.batches {
            let table = datafusion::datasource::MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(fault)?;
            schema.register_table(name, Arc::new(table)).map_err(fault)?;
        }
        Ok(schema)
    }

    /// Registers them as the database `saltlake`.
    pub(super) fn register(self, context: &SessionContext) -> Result<()> {
        if self.batches.is_empty() {
            return Ok(());
        }
        let fault = |error| crate::engine::fault::engine_fault(&error);
        let schema = self.database()?;
        let catalog = context.catalog(crate::engine::CATALOG);
        let catalog = catalog.ok_or_else(|| Error::failed("the engine has no catalog"))?;
        catalog.register_schema(OWN_DATABASE, schema).map_err(fault)?;
        Ok(())
    }
}

/// The database of saltlake's own tables.
pub(super) const OWN_DATABASE: &str = "saltlake";

/// Prints what a run published.
pub(super) fn report(publication: &Publication, proven: &[(MaskedTable, Verified)], target: &Target) -> Result<()> {
    let rows: Vec<Vec<String>> = proven
        .iter()
        .map(|(table, proof)| {
            vec![
                table.table.to_string(),
                proof.rows.to_string(),
                table.masks.len().to_string(),
                table.files.len().to_string(),
                format!("{:.2}", table.spent.wall.as_secs_f64()),
                format!("{:.2}", proof.spent.wall.as_secs_f64()),
            ]
        })
        .collect();
    let mut text = output::columns(&["table", "rows", "masked", "files", "mask s", "verify s"], &rows);
    text.push_str(&format!("\npublished version {}\n", publication.version));
    text.push_str(&format!("receipt {}{}\n", target.store.location(), publication.receipt));
    output::print(&text)
}
