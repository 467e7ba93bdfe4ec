//! The record of one statement.

use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result, Said};

/// What became of a statement, in Athena's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// It is running, or its program was ended before it could say more.
    Running,
    /// It was answered.
    Succeeded,
    /// It failed, or the answer was no.
    Failed,
    /// It was stopped.
    Cancelled,
}

impl State {
    /// Its name, in capitals.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredColumn {
    /// Its name.
    pub name: String,
    /// Its type, as Arrow writes it.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Whether a mask is over it.
    #[serde(default)]
    pub masked: bool,
}

/// One statement: who asked it, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Its id, a UUID of version 7.
    pub id: String,
    /// What became of it.
    pub state: State,
    /// The statement as it was typed.
    pub statement: String,
    /// The role that asked; `None` where no roles are.
    pub role: Option<String>,
    /// The user of the machine.
    pub user: String,
    /// When it was submitted, in UTC, to the millisecond.
    pub submitted_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Rows of the answer, or rows written.
    pub rows: Option<u64>,
    /// Bytes read: those that left a role's barrier, or those of files.
    pub scanned_bytes: Option<u64>,
    /// The name of the kept answer, below the results.
    pub result: Option<String>,
    /// The columns of the answer.
    #[serde(default)]
    pub columns: Vec<StoredColumn>,
    /// The tables that it reads.
    #[serde(default)]
    pub tables: Vec<String>,
    /// The policies it ran under.
    #[serde(default)]
    pub policy_version: String,
    /// What its tables held: a text that changes with any of their files. Empty if the answer cannot be given again.
    #[serde(default)]
    pub tables_version: String,
    /// The query whose answer was given again.
    #[serde(default)]
    pub reused: Option<String>,
    /// The code of its error.
    #[serde(default)]
    pub error_code: Option<String>,
    /// What went wrong, in fixed words.
    #[serde(default)]
    pub error: Option<String>,
}

impl Execution {
    /// A statement that is submitted now.
    pub fn submitted(statement: &str, role: Option<String>, user: String) -> Self {
        Self {
            id: Uuid::now_v7().to_string(),
            state: State::Running,
            statement: statement.to_owned(),
            role,
            user,
            submitted_at: Utc::now().trunc_subsecs(3),
            finished_at: None,
            rows: None,
            scanned_bytes: None,
            result: None,
            columns: Vec::new(),
            tables: Vec::new(),
            policy_version: String::new(),
            tables_version: String::new(),
            reused: None,
            error_code: None,
            error: None,
        }
    }

    /// Notes how it ended, now.
    pub fn ended(&mut self, outcome: Result<(), &Error>) {
        self.finished_at = Some(Utc::now().trunc_subsecs(3));
        match outcome {
            Ok(()) => self.state = State::Succeeded,
            Err(error) => {
                self.state = if error.kind() == ErrorKind::Interrupted { State::Cancelled } else { State::Failed };
                self.result = None;
                self.error = Some(error.message().to_owned());
                self.error_code = error.context().iter().find(|(key, _)| *key == "code").map(|(_, code)| code.clone());
            }
        }
    }

    /// The columns of the answer.
    ///
    /// # Errors
    /// Failed if the record is damaged.
    pub fn schema(&self) -> Result<SchemaRef> {
        let fields = self.columns.iter().map(|column| {
            let data_type = DataType::from_str(&column.data_type)
                .map_err(|_| Error::failed("the record of a query is damaged").with("id", &Said(&self.id)))?;
            Ok(Field::new(&column.name, data_type, true))
        });
        Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)))
    }

    /// By column: whether a mask is over it.
    pub fn masked(&self) -> Vec<bool> {
        self.columns.iter().map(|column| column.masked).collect()
    }
}
