//! A lake in memory, an engine over it, and sessions of a role with a policy made by hand.
//!
//! Unless it is about limits, everything runs on one thread and nothing waits for a disk, so that a statement does the same
//! things in the same order whenever it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use futures::StreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use saltlake::engine::Engine;
use saltlake::engine::catalog::Database;
use saltlake::engine::connections::{Bucket, Buckets, Secrets, StoredSecret};
use saltlake::engine::fault::engine_fault;
use saltlake::error::{Error, Result};
use saltlake::grant::access::{ColumnAccess, TableAccess};
use saltlake::grant::filter::{Field, Literal, Operator, Predicate};
use saltlake::model::{KeyId, TableName, TableSchema};
use saltlake::query::{Barrier, Limits, Rights, RoleSession};
use saltlake::settings::{Environment, Overrides, SecretRef, Settings};
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use super::lakes::{self, CELLS_UP_TO, Side};

/// The bucket's name: no role may ever read it.
pub(super) const BUCKET: &str = "hidden-bucket";

/// The database of the role's tables.
pub(super) const MASKED: &str = "dataset_masked";

/// The database of the same files, in clear. The role sees nothing of it.
const RAW: &str = "dataset";

struct Doors(Arc<InMemory>);

#[async_trait]
impl Buckets for Doors {
    async fn bucket(&self, _: &str) -> Result<Bucket> {
        Ok(Bucket { objects: Arc::clone(&self.0) as _, multipart: None })
    }
}

#[async_trait]
impl Secrets for Doors {
    async fn secret(&self, _: &SecretRef, _: Option<&str>) -> Result<StoredSecret> {
        Ok(StoredSecret {
            bytes: Zeroizing::new(b"YSBrZXkgb2YgbW9yZSB0aGFuIHNpeHRlZW4gYnl0ZXM=".to_vec()),
            version: None,
        })
    }
}

/// One lake with its engine.
pub(super) struct World {
    pub(super) runtime: Runtime,
    pub(super) engine: Engine,
    masked: Arc<Database>,
    raw: Arc<Database>,
}

impl World {
    /// One of the twins.
    pub(super) fn twin(side: Side) -> Self {
        Self::over(lakes::files(side))
    }

    /// Any files. Keys begin with the table's name.
    pub(super) fn over(files: Vec<(String, Vec<u8>)>) -> Self {
        Self::on(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(), files)
    }

    /// As the program runs it, so that a time limit is heard while something computes.
    pub(super) fn on_many_threads(files: Vec<(String, Vec<u8>)>) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        Self::on(builder.worker_threads(2).thread_stack_size(8 << 20).enable_all().build().unwrap(), files)
    }

    fn on(runtime: Runtime, files: Vec<(String, Vec<u8>)>) -> Self {
        let objects = Arc::new(InMemory::new());
        runtime.block_on(async {
            for (key, bytes) in files {
                let payload = PutPayload::from(bytes);
                objects.put(&Path::parse(format!("raw/{key}")).unwrap(), payload).await.unwrap();
            }
        });
        let set = [
            &format!("lake.location=s3://{BUCKET}/raw/") as &str,
            "engine.threads=1",
            "keys.default.secret=secretsmanager:hidden",
            "keys.other.secret=secretsmanager:hidden",
        ];
        let overrides = Overrides { set: set.map(str::to_owned).to_vec(), ..Overrides::default() };
        let environment = Environment::from_pairs([("AWS_REGION", "eu-west-1")]);
        let settings = Settings::load(&overrides, std::path::Path::new("/"), &environment).unwrap();
        let doors = Arc::new(Doors(objects));
        let engine = Engine::new(settings, runtime.handle().clone(), Arc::clone(&doors) as _, doors).unwrap();
        let (raw, masked) = runtime.block_on(async {
            engine.load_keys(&["default", "other"].map(KeyId::new).into()).await.unwrap();
            let raw = engine.raw().await.unwrap();
            let tables: BTreeMap<_, _> = raw
                .names()
                .map(|name| {
                    let mut files = raw.files(name).unwrap().clone();
                    files.name = TableName::new(MASKED, name);
                    (name.to_owned(), files)
                })
                .collect();
            (raw, Database::new(tables, false, engine.reader()))
        });
        Self { runtime, engine, masked: Arc::new(masked), raw: Arc::new(raw) }
    }

    /// A session of the role.
    pub(super) fn session(&self, policies: Policies, barrier: Barrier) -> RoleSession {
        self.session_with(policies, barrier, &[], usual_limits())
    }

    /// A session with keys and limits of its own.
    pub(super) fn session_with(
        &self,
        policies: Policies,
        barrier: Barrier,
        keys: &[&str],
        limits: Limits,
    ) -> RoleSession {
        let keys: BTreeSet<KeyId> = keys.iter().map(|key| KeyId::new(*key)).collect();
        let databases = vec![(MASKED.to_owned(), Arc::clone(&self.masked)), (RAW.to_owned(), Arc::clone(&self.raw))];
        RoleSession::open(&self.engine, Arc::new(policies), databases, &keys, limits, barrier).unwrap()
    }

    /// Runs a statement to its end.
    pub(super) fn outcome(&self, session: &RoleSession, sql: &str) -> Outcome {
        self.runtime.block_on(outcome(session, sql))
    }
}

/// What a statement may use if nothing else is said.
pub(super) fn usual_limits() -> Limits {
    Limits { memory_bytes: Some(64 << 20), time: Some(Duration::from_secs(30)), ..Limits::default() }
}

/// A policy for each table, made by hand.
#[derive(Clone, Debug)]
pub(super) struct Policies(pub(super) Vec<TableAccess>);

impl Rights for Policies {
    fn may_see(&self, table: &TableName) -> bool {
        self.0.iter().any(|access| access.table == *table)
    }

    fn access(&self, schema: &TableSchema) -> Result<Option<TableAccess>> {
        Ok(self.0.iter().find(|access| access.table == schema.name).cloned())
    }

    fn version(&self, access: &TableAccess) -> String {
        access.table.to_string()
    }
}

/// Ways to write the row filter of customers. All show the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Equal,
    Like,
    NotIn,
    Or,
}

pub(super) const FILTERS: [Filter; 4] = [Filter::Equal, Filter::Like, Filter::NotIn, Filter::Or];

pub(super) fn field(name: &str) -> Field {
    Field(vec![name.to_owned()])
}

pub(super) fn equal(column: &str, text: &str) -> Predicate {
    Predicate::Compare { field: field(column), operator: Operator::Equal, literal: Literal::Text(text.to_owned()) }
}

pub(super) fn at_most(column: &str, number: i64) -> Predicate {
    Predicate::Compare {
        field: field(column),
        operator: Operator::LessOrEqual,
        literal: Literal::Number(number.to_string()),
    }
}

impl Filter {
    fn predicate(self) -> Predicate {
        let texts = |texts: &[&str]| texts.iter().map(|text| Literal::Text((*text).to_owned())).collect::<Vec<_>>();
        match self {
            Self::Equal => equal("region", "EU"),
            Self::Like => Predicate::Like { field: field("region"), pattern: "E%".to_owned(), negated: false },
            Self::NotIn => Predicate::In { field: field("region"), list: texts(&["US", "APAC"]), negated: true },
            Self::Or => Predicate::Or(vec![
                Predicate::In { field: field("region"), list: texts(&["EU", "EEA"]), negated: false },
                equal("region", "CH"),
            ]),
        }
    }
}

/// A column as it is in every visible row.
pub(super) fn shown(column: &str) -> ColumnAccess {
    ColumnAccess { column: column.to_owned(), cells: Predicate::True, mask: None, grants: Vec::new() }
}

/// A table's policy.
pub(super) fn access(table: &str, rows: Predicate, columns: Vec<ColumnAccess>) -> TableAccess {
    TableAccess { table: TableName::new(MASKED, table), rows, columns, grants: Vec::new() }
}

/// The policy of the twins. `secret` is in no list.
pub(super) fn policies(filter: Filter) -> Policies {
    let masked = |column: &str, mask: &str| ColumnAccess { mask: Some(mask.to_owned()), ..shown(column) };
    let cells = Predicate::And(vec![equal("region", "EU"), at_most("id", CELLS_UP_TO)]);
    let in_cells = |column: &str| ColumnAccess { cells: cells.clone(), ..shown(column) };
    let customer = vec![
        shown("id"),
        shown("name"),
        masked("mail", "mask_email(mail)"),
        masked("phone", "salt_hash(phone)"),
        shown("region"),
        shown("birthdate"),
        shown("score"),
        shown("amount"),
        in_cells("balance"),
        shown("active"),
        shown("seen"),
        in_cells("tags"),
        in_cells("home"),
        in_cells("note"),
    ];
    let total = ColumnAccess { cells: equal("status", "paid"), ..shown("total") };
    let orders = vec![shown("id"), shown("customer_id"), total, shown("placed"), shown("status"), shown("shop")];
    let shops = ["north", "south"].map(|shop| Literal::Text(shop.to_owned())).to_vec();
    let visible = Predicate::And(vec![
        Predicate::In { field: field("shop"), list: shops, negated: false },
        Predicate::Not(Box::new(equal("status", "internal"))),
    ]);
    Policies(vec![access("customer", filter.predicate(), customer), access("orders", visible, orders)])
}

/// All that a role learns from a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    /// Names and types of the columns, if it could be planned.
    pub(super) columns: Option<String>,
    /// The rows as texts, up to the error if there is one.
    pub(super) rows: Vec<String>,
    /// The error's whole text.
    pub(super) error: Option<String>,
    /// The error's code.
    pub(super) code: Option<String>,
    /// Rows and bytes that passed the barrier.
    pub(super) passed: (u64, u64),
}

impl Outcome {
    fn failed(error: &Error) -> Self {
        Self { error: Some(error.to_string()), code: code(error), columns: None, rows: Vec::new(), passed: (0, 0) }
    }

    /// `a|b; c|d` for rows, `! code` for an error.
    pub(super) fn brief(&self) -> String {
        match &self.error {
            Some(_) => format!("! {}", self.code.as_deref().unwrap_or("no code")),
            None => self.rows.join("; "),
        }
    }

    /// Everything as one text, to be searched.
    pub(super) fn text(&self) -> String {
        format!("{:?}\n{}\n{:?}", self.columns, self.rows.join("\n"), self.error)
    }

    pub(super) fn succeeded(&self) -> bool {
        self.error.is_none()
    }

    pub(super) fn failed_at_run(&self) -> bool {
        self.error.is_some() && self.columns.is_some()
    }
}

fn code(error: &Error) -> Option<String> {
    error.context().iter().find(|(key, _)| *key == "code").map(|(_, code)| code.clone())
}

async fn outcome(session: &RoleSession, sql: &str) -> Outcome {
    let before = (session.passed().rows(), session.passed().bytes());
    let mut outcome = run(session, sql).await;
    outcome.passed = (session.passed().rows() - before.0, session.passed().bytes() - before.1);
    outcome
}

async fn run(session: &RoleSession, sql: &str) -> Outcome {
    let planned = match session.plan(sql).await {
        Ok(planned) => planned,
        Err(error) => return Outcome::failed(&error),
    };
    let mut stream = match session.run(&planned) {
        Ok(stream) => stream,
        Err(error) => return Outcome { columns: Some(String::new()), ..Outcome::failed(&error) },
    };
    let fields = stream
        .schema()
        .fields()
        .iter()
        .map(|field| format!("{}:{}", field.name(), field.data_type()))
        .collect::<Vec<_>>();
    let (mut rows, mut failed) = (Vec::new(), None);
    while let Some(batch) = stream.next().await {
        match batch {
            Ok(batch) => rows.extend(texts(&batch)),
            Err(error) => {
                failed = Some(Outcome::failed(&engine_fault(&error)));
                break;
            }
        }
    }
    let failed = failed.unwrap_or(Outcome { columns: None, rows: Vec::new(), error: None, code: None, passed: (0, 0) });
    Outcome { columns: Some(fields.join(",")), rows, ..failed }
}

/// Rows as texts, `~` for NULL.
pub(super) fn texts(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("~");
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
    let cell = |row: usize, index: usize| {
        if batch.column(index).is_null(row) {
            return "~".to_owned();
        }
        columns[index].value(row).try_to_string().unwrap_or_else(|_| "unprintable".to_owned())
    };
    let line = |row| (0..columns.len()).map(|index| cell(row, index)).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(line).collect()
}
