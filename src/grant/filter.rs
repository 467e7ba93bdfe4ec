//! Row filters: the PartiQL subset of Lake Formation's data cells filters, as a tree.
//!
//! [`Predicate::parse`] reads the text, [`Predicate::check`] compares it with the columns of a table. INVARIANT: a tree
//! that was parsed is never deeper than [`super::parse::DEPTH_MAX`], so walking it cannot overflow the stack.

use std::collections::BTreeSet;
use std::fmt;

use crate::model::printable;

/// Which rows, or cells, a role sees. NULL hides, as `false` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Predicate {
    /// All of them.
    True,
    /// None of them.
    False,
    /// A column beside a literal.
    Compare {
        /// The column.
        field: Field,
        /// How.
        operator: Operator,
        /// With what.
        literal: Literal,
    },
    /// `low <= column AND column <= high`.
    Between {
        /// The column.
        field: Field,
        /// The least value.
        low: Literal,
        /// The greatest value.
        high: Literal,
        /// `NOT BETWEEN`.
        negated: bool,
    },
    /// One of a list.
    In {
        /// The column.
        field: Field,
        /// The list, never empty.
        list: Vec<Literal>,
        /// `NOT IN`.
        negated: bool,
    },
    /// A text beside a pattern with `%` and `_`, case-sensitive. A pattern never holds a backslash once checked, since
    /// engines do not agree whether it escapes.
    Like {
        /// The column.
        field: Field,
        /// The pattern.
        pattern: String,
        /// `NOT LIKE`.
        negated: bool,
    },
    /// `IS NULL`.
    IsNull {
        /// The column.
        field: Field,
        /// `IS NOT NULL`.
        negated: bool,
    },
    /// `NOT`, in three-valued logic.
    Not(Box<Predicate>),
    /// All of these, in three-valued logic. Never empty.
    And(Vec<Predicate>),
    /// Any of these, in three-valued logic. Never empty.
    Or(Vec<Predicate>),
}

/// A column, or a field of a struct column: the names on the way, never empty, in the table's own spelling once checked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field(pub Vec<String>);

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A literal as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// A text.
    Text(String),
    /// A number, in its digits.
    Number(String),
    /// TRUE or FALSE.
    Boolean(bool),
}

impl Operator {
    /// As SQL writes it.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl Literal {
    /// As SQL writes it. A backslash is an ordinary character.
    pub fn sql(&self) -> String {
        match self {
            Self::Text(text) => quoted_text(text),
            Self::Number(digits) => digits.clone(),
            Self::Boolean(true) => "TRUE".to_owned(),
            Self::Boolean(false) => "FALSE".to_owned(),
        }
    }
}

impl Field {
    /// The top-level column.
    pub fn column(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// As SQL writes it: every name quoted, with dots between.
    pub fn sql(&self) -> String {
        self.0.iter().map(|name| quoted_name(name)).collect::<Vec<_>>().join(".")
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0.join(".")))
    }
}

/// A name in SQL, always quoted.
pub(super) fn quoted_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in SQL.
pub(super) fn quoted_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Predicate {
    /// Reads a row filter as Lake Formation takes it.
    ///
    /// # Errors
    /// Why it is not one, in words that quote no literal.
    pub fn parse(text: &str) -> Result<Self, String> {
        super::parse::parse(text)
    }

    /// Any of these. [`Predicate::True`] prevails, [`Predicate::False`] and repetitions fall away.
    #[must_use]
    pub fn any(predicates: impl IntoIterator<Item = Self>) -> Self {
        let mut parts: Vec<Self> = Vec::new();
        for predicate in predicates {
            let alternatives = match predicate {
                Self::True => return Self::True,
                Self::False => continue,
                Self::Or(inner) => inner,
                other => vec![other],
            };
            for alternative in alternatives {
                if !parts.contains(&alternative) {
                    parts.push(alternative);
                }
            }
        }
        match parts.len() {
            0 => Self::False,
            1 => parts.remove(0),
            _ => Self::Or(parts),
        }
    }

    /// All of these. [`Predicate::False`] prevails, [`Predicate::True`] and repetitions fall away.
    #[must_use]
    pub fn all(predicates: impl IntoIterator<Item = Self>) -> Self {
        let mut parts: Vec<Self> = Vec::new();
        for predicate in predicates {
            let conditions = match predicate {
                Self::False => return Self::False,
                Self::True => continue,
                Self::And(inner) => inner,
                other => vec![other],
            };
            for condition in conditions {
                if !parts.contains(&condition) {
                    parts.push(condition);
                }
            }
        }
        match parts.len() {
            0 => Self::True,
            1 => parts.remove(0),
            _ => Self::And(parts),
        }
    }

    /// Either of two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::any([self, other])
    }

    /// Both of two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }

    /// The columns and fields that it looks at.
    pub fn fields(&self) -> BTreeSet<&Field> {
        let mut fields = BTreeSet::new();
        self.collect_fields(&mut fields);
        fields
    }

    fn collect_fields<'a>(&'a self, fields: &mut BTreeSet<&'a Field>) {
        match self {
            Self::True | Self::False => {}
            Self::Compare { field, .. }
            | Self::Between { field, .. }
            | Self::In { field, .. }
            | Self::Like { field, .. }
            | Self::IsNull { field, .. } => {
                fields.insert(field);
            }
            Self::Not(inner) => inner.collect_fields(fields),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.collect_fields(fields)),
        }
    }

    /// As SQL: names quoted, keywords in capitals. Reads back as the same tree.
    pub fn to_sql(&self) -> String {
        self.to_sql_with(&|_, literal| literal.sql())
    }

    /// As SQL, with literals as a writer has them, who is told which column they stand beside.
    pub fn to_sql_with(&self, write: &dyn Fn(&Field, &Literal) -> String) -> String {
        let not = |negated: &bool| if *negated { "NOT " } else { "" };
        match self {
            Self::True => "TRUE".to_owned(),
            Self::False => "FALSE".to_owned(),
            Self::Compare { field, operator, literal } => {
                format!("{} {} {}", field.sql(), operator.sql(), write(field, literal))
            }
            Self::Between { field, low, high, negated } => {
                let (low, high) = (write(field, low), write(field, high));
                format!("{} {}BETWEEN {low} AND {high}", field.sql(), not(negated))
            }
            Self::In { field, list, negated } => {
                let list: Vec<String> = list.iter().map(|literal| write(field, literal)).collect();
                format!("{} {}IN ({})", field.sql(), not(negated), list.join(", "))
            }
            Self::Like { field, pattern, negated } => {
                format!("{} {}LIKE {}", field.sql(), not(negated), quoted_text(pattern))
            }
            Self::IsNull { field, negated } => format!("{} IS {}NULL", field.sql(), not(negated)),
            Self::Not(inner) => format!("NOT ({})", inner.to_sql_with(write)),
            Self::And(parts) => joined(parts, " AND ", write),
            Self::Or(parts) => joined(parts, " OR ", write),
        }
    }
}

/// Parts with a word between them, in parentheses where precedence would have to be known.
fn joined(parts: &[Predicate], word: &str, write: &dyn Fn(&Field, &Literal) -> String) -> String {
    let part = |part: &Predicate| match part {
        Predicate::And(_) | Predicate::Or(_) => format!("({})", part.to_sql_with(write)),
        _ => part.to_sql_with(write),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(word)
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.to_sql()))
    }
}
