//! Where statements are answered: for anyone, under full access, or under what one role was granted.
//!
//! A statement passes the desk in one way, whoever asks from wherever: it is recorded, judged, planned and run within
//! its limits, its answer is kept if the settings say so, and its rows go to a [`Reader`].

mod answer;
mod asked;
mod clerk;
mod granted;
mod open;

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use datafusion::execution::SendableRecordBatchStream;
use sha2::{Digest, Sha256};

use self::answer::{Out, answer, rehearse};
use self::asked::Asked;
pub(super) use self::asked::history_of;
use self::clerk::Clerk;
use self::granted::GrantedDesk;
use self::open::OpenDesk;
use super::app::App;
use super::audit::{Entry, Log, user};
use super::grants::Outside;
use super::output;
use super::role::{Acting, RoleArgs, check_identity, choose};
use crate::engine::catalog::Database;
use crate::engine::interruptible;
use crate::engine::statement::{Statement, parse_script};
use crate::engine::syntax::is_too_deep;
use crate::error::{Error, Result, Said};
use crate::query::history::{History, Viewer};
use crate::query::prepared::{Outcome, Prepared};
use crate::query::{Kind, Planned, Scanned, gate, kind_of_statement};

/// The database of a role's own results.
pub(super) const WORKSPACE: &str = "workspace";

const INFORMATION_SCHEMA: &str = "information_schema";

/// Who takes answers.
#[async_trait(?Send)]
pub(super) trait Reader {
    /// Takes the rows of an answer.
    async fn rows(&mut self, rows: Rows) -> Result<()>;

    /// Hears what a statement without rows has done.
    fn said(&mut self, text: &str) -> Result<()>;
}

/// An answer on its way.
pub(super) struct Rows {
    /// The rows.
    pub(super) stream: SendableRecordBatchStream,
    /// By column: whether a mask is over it.
    pub(super) masked: Vec<bool>,
    /// What was read for it so far.
    pub(super) scanned: Scanned,
    /// Whether it was kept from an earlier query.
    pub(super) reused: bool,
    /// The query's id, if answers are kept.
    pub(super) id: Option<String>,
}

/// Where statements are answered.
pub(super) struct Desk<'a> {
    app: &'a App,
    acting: Acting,
    /// What was granted outside the settings, for a granted role.
    outside: Option<Outside>,
    log: Option<Log>,
    /// The prepared statements so far.
    prepared: Mutex<Prepared>,
}

impl<'a> Desk<'a> {
    /// Chooses the role, sees that the caller may act in it, reads its grants, and opens the audit log.
    ///
    /// # Errors
    /// Refused or failed if any of it cannot be done: without grants nothing is shown, unrecorded nothing is run.
    pub(super) async fn open(app: &'a App, args: &RoleArgs) -> Result<Self> {
        let acting = choose(app.settings(), args)?;
        let (name, role) = match &acting {
            Acting::Anyone => return Ok(Self::new(app, acting, None, None)),
            Acting::Full(name) => (name.clone(), None),
            Acting::Granted(role) => (role.name.clone(), Some(role)),
        };
        if role.is_some() {
            output::log_own_lines_only();
        }
        let identity = check_identity(app, &name).await?;
        let log = Log::open(app.settings(), &name, identity)?;
        let outside = match role {
            Some(_) => Some(Outside::of_sessions(app).await?),
            None => None,
        };
        Ok(Self::new(app, acting, outside, Some(log)))
    }

    fn new(app: &'a App, acting: Acting, outside: Option<Outside>, log: Option<Log>) -> Self {
        Self { app, acting, outside, log, prepared: Mutex::default() }
    }

    /// Whether statements are answered from what a role was granted.
    pub(super) fn is_granted(&self) -> bool {
        self.outside.is_some()
    }

    /// Parses a script. A text that cannot be parsed is recorded as a statement that was not run.
    ///
    /// # Errors
    /// Usage, naming `origin` and the line.
    pub(super) async fn parsed(&self, text: &str, origin: &str) -> Result<Vec<Statement>> {
        match parse_script(text, origin) {
            Ok(statements) => Ok(statements),
            Err(error) => {
                let code = if is_too_deep(&error) { "54001" } else { "42601" };
                let error = if self.is_granted() { error.with("code", &Said(code)) } else { error };
                let error = error.shown_in(text, (1, 1));
                self.recorded(text, async |_| Err(error)).await
            }
        }
    }

    /// The role, if roles are defined.
    pub(super) fn role(&self) -> Option<&str> {
        match &self.acting {
            Acting::Anyone => None,
            Acting::Full(name) => Some(name),
            Acting::Granted(role) => Some(&role.name),
        }
    }

    /// Who looks at records of queries here.
    pub(super) fn viewer(&self) -> Viewer {
        Viewer { role: self.role().map(str::to_owned), user: user(), sees_all: !self.is_granted() }
    }

    /// Answers one statement, records it, and keeps its answer if the settings say so.
    ///
    /// # Errors
    /// As the statement; refused if it cannot be recorded.
    pub(super) async fn answer(&self, statement: &Statement, reader: &mut dyn Reader) -> Result<()> {
        let history = history_of(self.app).await?;
        let mut asked = Asked::begin(history, &statement.text, &self.viewer()).await?;
        let done = Box::pin(self.work(statement, reader, &mut asked)).await;
        asked.end(self.app, done.as_ref().err()).await;
        done
    }

    /// As [`Self::answer`], for what is asked about queries and tables rather than by a user: no answer is kept, and it
    /// is in no history.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub(super) async fn look(&self, statement: &Statement, reader: &mut dyn Reader) -> Result<()> {
        Box::pin(self.work(statement, reader, &mut Asked::unkept(&statement.text, &self.viewer()))).await
    }

    async fn work(&self, statement: &Statement, reader: &mut dyn Reader, asked: &mut Asked) -> Result<()> {
        let work = async |entry: &mut Entry| {
            let Some(executed) = self.executed(statement)? else {
                return reader.said("done");
            };
            let out = Out { reader, entry, asked };
            let done = Box::pin(answer(self.clerk().as_ref(), &executed, out)).await;
            done.map_err(|error| placed(error, statement))
        };
        Box::pin(self.recorded(&statement.text, work)).await.map_err(|error| statement.showing(error))
    }

    /// Who answers here.
    fn clerk(&self) -> Box<dyn Clerk + '_> {
        if let (Acting::Granted(role), Some(outside)) = (&self.acting, &self.outside) {
            return Box::new(GrantedDesk { app: self.app, role, outside });
        }
        let settings = self.role().and_then(|name| self.app.settings().roles.get(name));
        let locations = settings.map(|role| role.locations.clone()).unwrap_or_default();
        Box::new(OpenDesk { app: self.app, locations, viewer: self.viewer() })
    }

    /// The statement itself, or the one that EXECUTE stands for. PREPARE and DEALLOCATE are done with that.
    ///
    /// What is no EXECUTE is not copied: copying a long chain of operators walks down each of them.
    fn executed<'s>(&self, statement: &'s Statement) -> Result<Option<Cow<'s, Statement>>> {
        if kind_of_statement(&statement.ast) != Some(Kind::Prepared) {
            return Ok(Some(Cow::Borrowed(statement)));
        }
        if self.is_granted() {
            // What is kept is as long as any statement of a role may be.
            gate(&statement.text)?;
        }
        let mut prepared = self.prepared.lock().map_err(|_| Error::failed("prepared statements are lost"))?;
        Ok(match prepared.take(statement.ast.clone())? {
            Outcome::Done => None,
            Outcome::Run(ast) => Some(Cow::Owned(Statement { ast: *ast, ..statement.clone() })),
        })
    }

    /// Plans a statement as it would be run, and does not run it.
    ///
    /// # Errors
    /// As the statement.
    pub(super) async fn rehearse(&self, statement: &Statement) -> Result<()> {
        let work = async |entry: &mut Entry| {
            let Some(executed) = self.executed(statement)? else { return Ok(()) };
            let done = interruptible(Box::pin(rehearse(self.clerk().as_ref(), &executed, entry))).await;
            done.map_err(|error| placed(error, statement))
        };
        Box::pin(self.recorded(&statement.text, work)).await.map_err(|error| statement.showing(error))
    }

    /// Gives an answer again that was kept.
    ///
    /// # Errors
    /// Usage if there is none; refused if the role's rights are not what they were.
    pub(super) async fn again(&self, history: &History, id: &str, reader: &mut dyn Reader) -> Result<()> {
        let execution = history.find(id, &self.viewer()).await?;
        let work = async |entry: &mut Entry| {
            if let (Acting::Granted(role), Some(outside)) = (&self.acting, &self.outside) {
                let granted = GrantedDesk { app: self.app, role, outside };
                Box::pin(granted.check_rights(&execution, entry)).await?;
            }
            let rows = history.rows(&execution).await?;
            let scanned = Scanned::known(0, 0);
            let stream = entry.counted(rows);
            let (masked, id) = (execution.masked(), Some(execution.id.clone()));
            reader.rows(Rows { stream, masked, scanned, reused: true, id }).await
        };
        interruptible(Box::pin(self.recorded(&execution.statement, work))).await
    }

    /// Does something under a record of the audit log: that it began, and how it ended.
    ///
    /// # Errors
    /// As the work; refused if it cannot be recorded.
    pub(super) async fn recorded<T>(
        &self,
        statement: &str,
        work: impl AsyncFnOnce(&mut Entry) -> Result<T>,
    ) -> Result<T> {
        match &self.log {
            None => work(&mut Entry::default()).await,
            Some(log) => log.recorded(statement, work).await,
        }
    }
}

/// An error whose place is in the statement's own text. What EXECUTE stands for was typed before.
fn placed(error: Error, statement: &Statement) -> Error {
    let prepared = kind_of_statement(&statement.ast) == Some(Kind::Prepared);
    if prepared { error.without_place() } else { error }
}

/// What the tables of a statement hold, and how they are read, as one text that changes with any of it. Empty if the same
/// statement may give another answer all the same.
fn tables_version(planned: &Planned, databases: &[(String, Arc<Database>)]) -> String {
    if planned.kind != Kind::Read || !planned.steady {
        return String::new();
    }
    let mut hash = Sha256::new();
    hash.update(concat!("saltlake ", env!("CARGO_PKG_VERSION")));
    hash.update(planned.shape());
    for table in &planned.tables {
        let database = databases.iter().find(|(name, _)| name == table.database());
        let Some(files) = database.and_then(|(_, database)| database.files(table.table())) else {
            return String::new();
        };
        hash.update(files.fingerprint());
    }
    const_hex::encode(hash.finalize())
}
