//! Row filters: the PartiQL subset of Lake Formation's data cells filters, as a tree.

/// Which rows, or cells, a role sees. NULL hides, as `false` does.
#[derive(Clone, Debug, PartialEq)]
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
    /// A text beside a pattern with `%` and `_`, case-sensitive.
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
