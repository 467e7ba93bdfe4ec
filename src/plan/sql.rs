//! Masking scripts: Athena's `CREATE TABLE … AS SELECT`, built as a syntax tree.
//!
//! INVARIANT: every name and text goes through the tree, and a script that does not read back as its tree is an error.
//! sqlparser prints a quote that follows a backslash, or another quote, as it is, since it cannot know whether it was
//! escaped before. So trees are printed in the form in which sqlparser keeps what it read without unescaping: with
//! every quote doubled already.

use std::fmt::Write as _;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use sqlparser::ast::{
    Array, CreateTable, CreateTableOptions, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, GroupByExpr, Ident, ObjectName, Query, Select, SelectFlavor, SelectItem, SetExpr, SqlOption,
    Statement, TableFactor, TableWithJoins, Value,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::ALL_KEYWORDS;
use sqlparser::parser::Parser;

use super::{Action, ColumnDecision, explain};
use crate::error::{Error, Result};
use crate::model::TableName;

/// What a script is written from.
pub(super) struct Parts<'a> {
    pub(super) source: &'a TableName,
    pub(super) target: &'a TableName,
    pub(super) location: &'a str,
    pub(super) write_compression: &'a str,
    /// Every column, partition columns last.
    pub(super) columns: &'a [ColumnDecision],
}

/// How names and texts stand in a tree.
#[derive(Clone, Copy)]
enum Spelling {
    /// As they are: the tree that a parser reads.
    Plain,
    /// With their quotes doubled: the tree to print.
    Printed,
}

impl Spelling {
    fn quoted(self, text: &str, quote: char) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Printed => text.replace(quote, &format!("{quote}{quote}")),
        }
    }

    fn ident(self, name: &str) -> Ident {
        if is_plain(name) { Ident::new(name) } else { Ident::with_quote('"', self.quoted(name, '"')) }
    }

    fn value(self, value: Value) -> Value {
        match value {
            Value::SingleQuotedString(text) => Value::SingleQuotedString(self.quoted(&text, '\'')),
            other => other,
        }
    }

    fn text(self, text: &str) -> Expr {
        value_expression(self.value(Value::SingleQuotedString(text.to_owned())))
    }

    fn table(self, name: &TableName) -> ObjectName {
        ObjectName::from(vec![self.ident(name.database()), self.ident(name.table())])
    }
}

/// Words that sqlparser knows as keywords and that nobody reserves: neither its grammar nor Athena's. Such columns are
/// too common to be quoted.
const ORDINARY: [&str; 7] = ["id", "key", "location", "name", "status", "type", "value"];

/// Whether a name needs no quotes: the engine lower-cases a bare name, and keywords are not always names.
fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    let letter = |b: u8| b.is_ascii_lowercase() || b == b'_';
    let keyword = || ALL_KEYWORDS.binary_search(&name.to_ascii_uppercase().as_str()).is_ok();
    bytes.next().is_some_and(letter)
        && bytes.all(|b| letter(b) || b.is_ascii_digit())
        && (ORDINARY.contains(&name) || !keyword())
}

/// A literal as SQL writes it.
pub(super) fn literal(value: &Value) -> String {
    Spelling::Printed.value(value.clone()).to_string()
}

/// The whole script of a table.
///
/// # Errors
/// If the script does not read back as what was meant, which no name is known to cause.
pub(super) fn script(parts: &Parts<'_>) -> Result<String> {
    let mut script = header(parts);
    script.push_str(&layout(&create_table(parts, Spelling::Printed)));
    let meant = Statement::CreateTable(create_table(parts, Spelling::Plain));
    match Parser::parse_sql(&GenericDialect {}, &script).as_deref() {
        Ok([read]) if *read == meant => Ok(script),
        _ => Err(Error::failed("masking script does not read back as it was meant")
            .with("table", parts.source)
            .hint("rename its columns to plain names, and report this as a bug")),
    }
}

/// Stage, input, output, and the reason for every column. No name can end its comment line.
fn header(parts: &Parts<'_>) -> String {
    let mut lines = vec![
        "Stage 2, plan: written by saltlake, run it with `saltlake run`.".to_owned(),
        format!("In:  {}", parts.source),
        format!("Out: {}", parts.target),
        String::new(),
    ];
    lines.extend(explain::column_lines(parts.columns));
    lines.iter().fold(String::new(), |script, line| script + format!("-- {line}").trim_end() + "\n")
}

/// The statement, a clause and a column a line. Every piece prints itself.
fn layout(table: &CreateTable) -> String {
    let mut out = format!("CREATE TABLE {}\n{}\nAS SELECT\n", table.name, table.table_options);
    if let Some(select) = table.query.as_deref().and_then(|query| query.body.as_select()) {
        let items: Vec<String> = select.projection.iter().map(|item| format!("    {item}")).collect();
        let tables: Vec<String> = select.from.iter().map(ToString::to_string).collect();
        let _ = write!(out, "{}\nFROM {};\n", items.join(",\n"), tables.join(", "));
    }
    out
}

fn create_table(parts: &Parts<'_>, spelling: Spelling) -> CreateTable {
    let kept = || parts.columns.iter().filter(|column| column.action != Action::Drop);
    let option = |key: &str, value: Expr| SqlOption::KeyValue { key: Ident::new(key), value };
    let mut options = vec![
        option("format", spelling.text("PARQUET")),
        option("external_location", spelling.text(parts.location)),
        option("write_compression", spelling.text(parts.write_compression)),
    ];
    let partitions: Vec<Expr> =
        kept().filter(|column| column.partition).map(|column| spelling.text(&column.column)).collect();
    if !partitions.is_empty() {
        let list = Array { elem: partitions, named: true };
        options.push(option("partitioned_by", Expr::Array(list)));
    }
    let items = kept().map(|column| select_item(column, spelling)).collect();
    CreateTableBuilder::new(spelling.table(parts.target))
        .table_options(CreateTableOptions::With(options))
        .query(Some(Box::new(query(items, spelling.table(parts.source)))))
        .build()
}

fn select_item(column: &ColumnDecision, spelling: Spelling) -> SelectItem {
    let name = Expr::Identifier(spelling.ident(&column.column));
    let Some(call) = column.action.mask() else {
        return SelectItem::UnnamedExpr(name);
    };
    let arguments = std::iter::once(name)
        .chain(call.arguments().into_iter().map(|value| value_expression(spelling.value(value))))
        .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
        .collect();
    SelectItem::ExprWithAlias {
        expr: Expr::Function(function(call.function().name(), arguments)),
        alias: spelling.ident(&column.column),
    }
}

fn value_expression(value: Value) -> Expr {
    Expr::Value(value.with_empty_span())
}

fn function(name: &str, args: Vec<FunctionArg>) -> Function {
    Function {
        name: ObjectName::from(Ident::new(name)),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }
}

fn query(projection: Vec<SelectItem>, source: ObjectName) -> Query {
    Query {
        with: None,
        body: Box::new(SetExpr::Select(Box::new(select(projection, source)))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

fn select(projection: Vec<SelectItem>, source: ObjectName) -> Select {
    Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from: vec![TableWithJoins { relation: table_factor(source), joins: Vec::new() }],
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}

fn table_factor(name: ObjectName) -> TableFactor {
    TableFactor::Table {
        name,
        alias: None,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

    use std::collections::BTreeMap;

    use arrow::datatypes::DataType;
    use datafusion::sql::parser::{DFParser, Statement as EngineStatement};
    use proptest::prelude::*;
    use saltlake_udfs::KeyId;

    use super::super::{MaskCall, Reason};
    use super::*;
    use crate::model::Identifier;

    fn column(name: &str, action: Action) -> ColumnDecision {
        ColumnDecision {
            column: name.to_owned(),
            data_type: DataType::Utf8,
            partition: false,
            action,
            reason: Reason::Declared,
            identifiers: BTreeMap::new(),
            inside: Vec::new(),
        }
    }

    fn written(columns: &[ColumnDecision]) -> String {
        script(&Parts {
            source: &TableName::new("dataset", "customer"),
            target: &TableName::new("dataset_masked", "customer"),
            location: "s3://lake/masked/customer/",
            write_compression: "ZSTD",
            columns,
        })
        .unwrap()
    }

    fn salt_hash() -> Action {
        Action::Mask(MaskCall::SaltHash(KeyId::new(KeyId::DEFAULT)))
    }

    /// A column, its call (function and arguments after the value) and its alias.
    type Item = (String, Vec<String>, String);

    /// What the engine's parser reads out of a script: the texts of its options, and its items.
    fn read(script: &str) -> (Vec<String>, Vec<Item>) {
        let statements = DFParser::parse_sql(script).unwrap();
        let mut statements = statements.into_iter();
        let Some(EngineStatement::Statement(statement)) = statements.next() else { panic!("{script}") };
        assert!(statements.next().is_none(), "{script}");
        let Statement::CreateTable(table) = *statement else { panic!("{script}") };
        let CreateTableOptions::With(options) = &table.table_options else { panic!("{script}") };
        let texts = options
            .iter()
            .flat_map(|option| match option {
                SqlOption::KeyValue { value: Expr::Value(value), .. } => {
                    vec![value.value.clone().into_string().unwrap()]
                }
                SqlOption::KeyValue { value: Expr::Array(array), .. } => array
                    .elem
                    .iter()
                    .map(|element| match element {
                        Expr::Value(value) => value.value.clone().into_string().unwrap(),
                        other => panic!("{other}"),
                    })
                    .collect(),
                other => panic!("{other}"),
            })
            .collect();
        let query = table.query.unwrap();
        let items = query.body.as_select().unwrap().projection.iter().map(read_item).collect();
        (texts, items)
    }

    fn read_item(item: &SelectItem) -> Item {
        let ident = |ident: &Ident| {
            if ident.quote_style.is_none() {
                assert_eq!(ident.value, ident.value.to_lowercase(), "the engine folds bare names");
            }
            ident.value.clone()
        };
        match item {
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => (ident(name), Vec::new(), ident(name)),
            SelectItem::ExprWithAlias { expr: Expr::Function(call), alias } => {
                let FunctionArguments::List(list) = &call.args else { panic!("{item}") };
                let mut column = String::new();
                let mut texts = vec![call.name.to_string()];
                for argument in &list.args {
                    match argument {
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(name))) => {
                            column = ident(name);
                        }
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) => {
                            texts.push(match &value.value {
                                Value::Number(digits, _) => digits.clone(),
                                other => other.clone().into_string().unwrap(),
                            });
                        }
                        other => panic!("{other}"),
                    }
                }
                (column, texts, ident(alias))
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_script_has_athenas_spelling() {
        let mut dt = column("dt", Action::Keep);
        dt.partition = true;
        let mut username = column("username", salt_hash());
        username.reason = Reason::Reported;
        username.identifiers.insert(Identifier::Managed("NAME".into()), 6);
        let columns = [
            column("id", Action::Keep),
            username,
            column("pin", Action::Drop),
            column("Card", Action::Mask(MaskCall::Partial { first: 0, last: 4 })),
            column("mail", Action::Mask(MaskCall::HmacHash(KeyId::new("join-2026")))),
            dt,
        ];
        let expected = "\
-- Stage 2, plan: written by saltlake, run it with `saltlake run`.
-- In:  dataset.customer
-- Out: dataset_masked.customer
--
-- id        keep                    declared
-- username  salt_hash               findings report NAME (6)
-- pin       drop                    declared
-- Card      mask_partial(0, 4)      declared
-- mail      hmac_hash('join-2026')  declared
-- dt        keep                    declared
CREATE TABLE dataset_masked.customer
WITH (format = 'PARQUET', external_location = 's3://lake/masked/customer/', write_compression = 'ZSTD', partitioned_by = ARRAY['dt'])
AS SELECT
    id,
    salt_hash(username) AS username,
    mask_partial(\"Card\", 0, 4) AS \"Card\",
    hmac_hash(mail, 'join-2026') AS mail,
    dt
FROM dataset.customer;
";
        assert_eq!(written(&columns), expected);
    }

    #[test]
    fn every_keyword_is_a_name_like_any_other() {
        for name in ALL_KEYWORDS.iter().map(|keyword| keyword.to_ascii_lowercase()) {
            let columns = [column(&name, Action::Keep), column(&name, salt_hash())];
            let table = TableName::new(&name, &name);
            let script = script(&Parts {
                source: &table,
                target: &table,
                location: &name,
                write_compression: &name,
                columns: &columns,
            })
            .unwrap();
            let (_, items) = read(&script);
            assert!(items.iter().all(|(column, _, alias)| *column == name && *alias == name), "{script}");
        }
    }

    #[test]
    fn injection_by_a_columns_name_stays_a_name() {
        let names = [
            "a\"; DROP TABLE dataset.customer; --",
            "a\\\"; DROP TABLE dataset.customer; --",
            "a\"\" FROM secrets; --",
            "\\\"\\\"",
            "select",
            "from",
            "current_date",
            "Größe",
            "Id",
            "",
            " ",
            "1",
            "a.b",
            "a\nb",
            "a\r\nb",
            "it's",
            "/*",
            "--",
            "`x`",
            "\0",
            "*",
            "$1",
        ];
        for name in names {
            for action in [Action::Keep, salt_hash()] {
                let (_, items) = read(&written(&[column(name, action)]));
                let (column, _, alias) = items.first().unwrap();
                assert_eq!((items.len(), column.as_str(), alias.as_str()), (1, name, name));
            }
        }
    }

    #[test]
    fn injection_by_an_identifiers_name_stays_in_its_comment() {
        for end in ["\n", "\r", "\r\n", "\u{2028}", "\u{2029}", "\u{85}", "\u{b}", "\u{c}", "\0"] {
            let name = format!("x{end}DROP TABLE dataset.customer; --");
            let mut mail = column(&format!("mail{end}DROP TABLE t"), salt_hash());
            mail.reason = Reason::Reported;
            mail.identifiers.insert(Identifier::Custom { id: String::new(), name }, 1);
            let script = written(&[mail]);
            let header: Vec<&str> = script.split("CREATE TABLE dataset_masked").next().unwrap().lines().collect();
            assert_eq!(header.len(), 5, "{script}");
            assert!(header.iter().all(|line| line.starts_with("--") && !line.contains(end)), "{script}");
        }
    }

    proptest! {
        #[test]
        fn any_names_and_texts_survive(
            database in any::<String>(),
            table in any::<String>(),
            location in any::<String>(),
            names in prop::collection::vec(r#"[a-z_"'\\`\n; -]{0,8}|.{0,6}"#, 1..5),
            text in r#"['"\\\n;a]{0,8}|.{0,6}"#,
        ) {
            let source = TableName::new(database, table);
            let mut columns: Vec<ColumnDecision> = names.iter().map(|name| column(name, salt_hash())).collect();
            columns.push(column(&text, Action::Mask(MaskCall::Redact(Some(text.clone())))));
            columns.push(ColumnDecision { partition: true, ..column(&text, Action::Mask(MaskCall::HmacHash(KeyId::new(&text)))) });
            let script = script(&Parts { source: &source, target: &source, location: &location, write_compression: "ZSTD", columns: &columns }).unwrap();
            let (texts, items) = read(&script);
            prop_assert_eq!(&texts, &["PARQUET".to_owned(), location, "ZSTD".to_owned(), text.clone()]);
            for ((column, call, alias), expected) in items.iter().zip(&columns) {
                prop_assert_eq!(column, &expected.column);
                prop_assert_eq!(alias, &expected.column);
                if call.len() > 1 {
                    prop_assert_eq!(&call[1], &text);
                }
            }
            prop_assert_eq!(items.len(), columns.len());
        }
    }
}
