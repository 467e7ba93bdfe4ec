//! What the reference page says of a function. The engine's own documentation is made from the same text.

use datafusion::logical_expr::{DocSection, Documentation};

const MASKING: DocSection = DocSection {
    include: true,
    label: "Masking Functions",
    description: Some("Hide personal data. None of them can be undone."),
};

/// One masking function: its contract, in words and by example.
#[derive(Debug)]
#[non_exhaustive]
pub struct FunctionInfo {
    /// The name in SQL.
    pub name: &'static str,
    /// Whether the output depends on a key.
    pub keyed: bool,
    /// How a call is written: `salt_hash(value [, 'key-name'])`.
    pub signature: &'static str,
    /// One paragraph, in Markdown.
    pub description: &'static str,
    /// Name and meaning of each argument.
    pub arguments: &'static [(&'static str, &'static str)],
    /// The type of the output, as a sentence.
    pub output: &'static str,
    /// Calls and their results. Keyed ones are computed with [`EXAMPLE_KEYS`].
    pub examples: &'static [Example],
}

/// A call and what it gives.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// A whole statement that yields one cell.
    pub sql: &'static str,
    /// That cell as text; `NULL` if it is none.
    pub result: &'static str,
}

/// The keys that the examples are computed with, by name. Public, so never keys to mask with.
pub const EXAMPLE_KEYS: &[(&str, &[u8])] =
    &[("default", b"MySecret"), ("join-2026", b"AnotherSecret")];

impl FunctionInfo {
    /// The examples as a terminal would show them: `> SELECT …;` and the result on the next line.
    pub fn sql_example(&self) -> String {
        let lines: Vec<String> = self
            .examples
            .iter()
            .map(|example| format!("> {};\n{}", example.sql, example.result))
            .collect();
        format!("```sql\n{}\n```", lines.join("\n"))
    }

    /// The same as the engine's documentation of a function.
    pub(crate) fn documentation(&self) -> Documentation {
        let description = format!("{}\n\nOutput: {}", self.description, self.output);
        let builder = Documentation::builder(MASKING, description, self.signature)
            .with_sql_example(self.sql_example());
        let add_argument =
            |builder: datafusion::logical_expr::DocumentationBuilder,
             (name, meaning): &(&str, &str)| { builder.with_argument(*name, *meaning) };
        self.arguments.iter().fold(builder, add_argument).build()
    }
}
