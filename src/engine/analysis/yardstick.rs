//! Trino's functions, and what becomes of each.

/// What becomes of a function of Trino.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is there, and means the same.
    There,
    /// It is written otherwise before it is planned.
    Translated,
    /// It is there, and means something else: how.
    Differs(&'static str),
    /// It is not there.
    Missing(&'static str),
}

/// A function of Trino's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// The section that documents it.
    pub section: &'static str,
    /// Its name, or its syntax if it is no call.
    pub name: &'static str,
    /// What becomes of it.
    pub standing: Standing,
    /// A query of it that gives one value.
    pub example: &'static str,
}

/// All of them, in the order of the documentation.
pub const FUNCTIONS: &[Listed] = &[];

/// The page of the documentation that lists them.
pub fn page() -> String {
    String::new()
}
