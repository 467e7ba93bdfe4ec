//! CREATE EXTERNAL TABLE as Hive and Athena spell it: columns and types, the layout of text files, a location.
//!
//! The SQL parser's own reading of it lacks Hive's types (`struct<a:int>`, `map<string,int>`) and passes over clauses.
//! Here every clause is read or refused by its name.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use sqlparser::ast::{Ident, ObjectName};
use sqlparser::tokenizer::{Token, Word};

use crate::error::{Error, Result, Said};
use crate::settings::TableFormat;

/// Types inside one another at most.
const DEPTH_MAX: usize = 32;

/// How rows lie in text files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextLayout {
    /// Between two cells.
    pub delimiter: u8,
    /// Around a cell that holds a delimiter. Without one, quotes are characters like others.
    pub quote: Option<u8>,
    /// Before a quote inside a cell.
    pub escape: Option<u8>,
    /// Whether the first line is passed over.
    pub header: bool,
    /// Whether `\N` is NULL, as Hive writes it.
    pub hive_null: bool,
}

/// What CREATE EXTERNAL TABLE says.
#[derive(Clone, Debug)]
pub struct ExternalTable {
    /// The name, as written.
    pub name: ObjectName,
    /// Whether an existing table of the name is left as it is.
    pub if_not_exists: bool,
    /// The columns in the files.
    pub columns: Vec<Field>,
    /// The columns in the names of folders.
    pub partitions: Vec<Field>,
    /// How the files are written.
    pub format: TableFormat,
    /// The layout of text files.
    pub text: TextLayout,
    /// Where the files are, as written.
    pub location: String,
}

/// Reads the tokens of one statement, white space left out.
///
/// # Errors
/// Usage, naming the clause.
pub fn external_table(tokens: Vec<Token>) -> Result<ExternalTable> {
    let mut cursor = Cursor { tokens, next: 0 };
    for word in ["CREATE", "EXTERNAL", "TABLE"] {
        cursor.expect_word(word)?;
    }
    let if_not_exists = cursor.takes(&["IF", "NOT", "EXISTS"]);
    let name = cursor.name()?;
    if cursor.peek() != Some(&Token::LParen) {
        return Err(fault("an external table declares its columns", "(name type, …)"));
    }
    let columns = cursor.columns()?;
    let mut clauses = Clauses::default();
    while cursor.peek().is_some() {
        clauses.read(&mut cursor)?;
    }
    let (format, text) = clauses.layout()?;
    let location = clauses.location.ok_or_else(|| fault("an external table needs a location", "LOCATION '…'"))?;
    let partitions = clauses.partitions.unwrap_or_default();
    let mut seen: Vec<String> = Vec::new();
    for field in columns.iter().chain(&partitions) {
        let lower = field.name().to_lowercase();
        if seen.contains(&lower) {
            return Err(Error::usage("two columns of the table have the same name")
                .with("code", &Said("42701"))
                .with("column", &Said(field.name())));
        }
        seen.push(lower);
    }
    let nested = columns.iter().find(|field| field.data_type().is_nested());
    if let Some(nested) = nested.filter(|_| format == TableFormat::Csv) {
        return Err(Error::usage("delimited text cannot hold an array, a map or a struct")
            .with("code", &Said("0A000"))
            .with("column", &Said(nested.name()))
            .hint("declare it as string, or store the table as JSON or Parquet"));
    }
    if let Some(nested) = partitions.iter().find(|field| field.data_type().is_nested()) {
        return Err(Error::usage("the name of a folder cannot hold an array, a map or a struct")
            .with("code", &Said("0A000"))
            .with("column", &Said(nested.name())));
    }
    Ok(ExternalTable { name, if_not_exists, columns, partitions, format, text, location })
}

fn fault(message: &'static str, wanted: &str) -> Error {
    Error::usage(message).with("code", &Said("42601")).with("expected", &Said(wanted))
}

fn unsupported(clause: &str) -> Error {
    Error::usage("a clause of CREATE EXTERNAL TABLE is not supported")
        .with("code", &Said("0A000"))
        .with("clause", &Said(clause))
        .hint("known are PARTITIONED BY, ROW FORMAT, STORED AS, LOCATION and TBLPROPERTIES ('skip.header.line.count')")
}

/// The clauses behind the columns, each of which is given once.
#[derive(Default)]
struct Clauses {
    partitions: Option<Vec<Field>>,
    row_format: Option<RowFormat>,
    stored: Option<Stored>,
    location: Option<String>,
    properties: Option<Vec<(String, String)>>,
    serde_properties: Vec<(String, String)>,
}

enum RowFormat {
    Delimited { fields: Option<String>, escaped: Option<String>, nulls: Option<String> },
    Serde(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stored {
    Parquet,
    Avro,
    Text,
    Json,
}

impl Clauses {
    fn read(&mut self, cursor: &mut Cursor) -> Result<()> {
        if cursor.takes(&["PARTITIONED", "BY"]) {
            return once(&mut self.partitions, cursor.columns()?, "PARTITIONED BY");
        }
        if cursor.takes(&["ROW", "FORMAT", "DELIMITED"]) {
            return once(&mut self.row_format, delimited(cursor)?, "ROW FORMAT");
        }
        if cursor.takes(&["ROW", "FORMAT", "SERDE"]) {
            let serde = RowFormat::Serde(cursor.text()?);
            once(&mut self.row_format, serde, "ROW FORMAT")?;
            if cursor.takes(&["WITH", "SERDEPROPERTIES"]) {
                self.serde_properties = cursor.properties()?;
            }
            return Ok(());
        }
        if cursor.takes(&["STORED", "AS"]) {
            return once(&mut self.stored, stored(cursor)?, "STORED AS");
        }
        if cursor.takes(&["LOCATION"]) {
            return once(&mut self.location, cursor.text()?, "LOCATION");
        }
        if cursor.takes(&["TBLPROPERTIES"]) {
            return once(&mut self.properties, cursor.properties()?, "TBLPROPERTIES");
        }
        Err(unsupported(&cursor.clause()))
    }

    /// The format of the files, and the layout of text.
    fn layout(&self) -> Result<(TableFormat, TextLayout)> {
        let mut text = TextLayout { delimiter: 1, quote: None, escape: None, header: self.header()?, hive_null: true };
        let format = match &self.row_format {
            None => match self.stored {
                Some(Stored::Parquet) => TableFormat::Parquet,
                Some(Stored::Avro) => TableFormat::Avro,
                Some(Stored::Json) => TableFormat::Json,
                Some(Stored::Text) | None => TableFormat::Csv,
            },
            Some(RowFormat::Delimited { fields, escaped, nulls }) => {
                text.delimiter = fields.as_deref().map_or(Ok(1), |given| byte("FIELDS TERMINATED BY", given))?;
                text.escape = escaped.as_deref().map(|given| byte("ESCAPED BY", given)).transpose()?;
                if nulls.as_deref().is_some_and(|nulls| nulls != "\\N" && !nulls.is_empty()) {
                    return Err(unsupported("NULL DEFINED AS, other than '\\N'"));
                }
                self.expect_stored(&[Stored::Text], TableFormat::Csv)?
            }
            Some(RowFormat::Serde(serde)) => self.serde(serde, &mut text)?,
        };
        if self.header()? && format != TableFormat::Csv {
            return Err(unsupported("skip.header.line.count, for files that are no delimited text"));
        }
        Ok((format, text))
    }

    fn serde(&self, serde: &str, text: &mut TextLayout) -> Result<TableFormat> {
        let class = serde.rsplit('.').next().unwrap_or(serde);
        let format = match class {
            "JsonSerDe" => self.expect_stored(&[Stored::Text, Stored::Json], TableFormat::Json)?,
            "OpenCSVSerde" => {
                (text.delimiter, text.quote, text.hive_null) = (b',', Some(b'"'), false);
                self.expect_stored(&[Stored::Text], TableFormat::Csv)?
            }
            "LazySimpleSerDe" => self.expect_stored(&[Stored::Text], TableFormat::Csv)?,
            "ParquetHiveSerDe" => self.expect_stored(&[Stored::Parquet], TableFormat::Parquet)?,
            "AvroSerDe" => self.expect_stored(&[Stored::Avro], TableFormat::Avro)?,
            _ => {
                return Err(Error::usage("the SerDe is not supported")
                    .with("code", &Said("0A000"))
                    .with("serde", &Said(serde))
                    .hint(
                        "known are JsonSerDe, OpenCSVSerde, LazySimpleSerDe, ParquetHiveSerDe and AvroSerDe; or say \
                         STORED AS PARQUET",
                    ));
            }
        };
        for (key, value) in &self.serde_properties {
            match (key.to_ascii_lowercase().as_str(), format) {
                ("separatorchar" | "field.delim" | "serialization.format", TableFormat::Csv) => {
                    text.delimiter = byte(key, value)?;
                }
                ("quotechar", TableFormat::Csv) => text.quote = Some(byte(key, value)?),
                ("escapechar" | "escape.delim", TableFormat::Csv) => text.escape = Some(byte(key, value)?),
                // Numbers of a SerDe's own, which say nothing about the files.
                ("serialization.format", _) => {}
                _ => return Err(unsupported(key)),
            }
        }
        Ok(format)
    }

    fn expect_stored(&self, allowed: &[Stored], format: TableFormat) -> Result<TableFormat> {
        match self.stored {
            Some(stored) if !allowed.contains(&stored) => {
                Err(fault("ROW FORMAT and STORED AS name different formats", "one of them"))
            }
            _ => Ok(format),
        }
    }

    fn header(&self) -> Result<bool> {
        let mut header = false;
        for (key, value) in self.properties.iter().flatten() {
            match (key.as_str(), value.as_str()) {
                ("skip.header.line.count", "0") => {}
                ("skip.header.line.count", "1") => header = true,
                ("skip.header.line.count", _) => {
                    return Err(unsupported("skip.header.line.count, other than 0 and 1"));
                }
                // Said of every external table, or of how its files were packed, which their names tell.
                ("EXTERNAL" | "external" | "classification" | "has_encrypted_data" | "compressionType", _) => {}
                ("parquet.compression" | "parquet.compress" | "write.compression" | "comment", _) => {}
                _ => return Err(unsupported(&format!("TBLPROPERTIES {key}"))),
            }
        }
        Ok(header)
    }
}

fn once<T>(slot: &mut Option<T>, value: T, clause: &str) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(fault("a clause is given twice", clause)),
    }
}

fn delimited(cursor: &mut Cursor) -> Result<RowFormat> {
    let (mut fields, mut escaped, mut nulls) = (None, None, None);
    loop {
        if cursor.takes(&["FIELDS", "TERMINATED", "BY"]) {
            fields = Some(cursor.text()?);
        } else if cursor.takes(&["ESCAPED", "BY"]) {
            escaped = Some(cursor.text()?);
        } else if cursor.takes(&["LINES", "TERMINATED", "BY"]) {
            if !matches!(cursor.text()?.as_str(), "\n" | "\\n") {
                return Err(unsupported("LINES TERMINATED BY, other than '\\n'"));
            }
        } else if cursor.takes(&["NULL", "DEFINED", "AS"]) {
            nulls = Some(cursor.text()?);
        } else if cursor.is_word("COLLECTION") || cursor.is_word("MAP") {
            return Err(unsupported(&cursor.clause()));
        } else {
            return Ok(RowFormat::Delimited { fields, escaped, nulls });
        }
    }
}

fn stored(cursor: &mut Cursor) -> Result<Stored> {
    if cursor.takes(&["INPUTFORMAT"]) {
        let input = cursor.text()?;
        cursor.expect_word("OUTPUTFORMAT")?;
        cursor.text()?;
        return match input.rsplit('.').next().unwrap_or_default() {
            "MapredParquetInputFormat" => Ok(Stored::Parquet),
            "AvroContainerInputFormat" => Ok(Stored::Avro),
            "TextInputFormat" => Ok(Stored::Text),
            _ => Err(unsupported("INPUTFORMAT, other than Parquet's, Avro's and that of text")),
        };
    }
    let word = cursor.word().map(|word| word.value.to_ascii_uppercase()).unwrap_or_default();
    match word.as_str() {
        "PARQUET" => Ok(Stored::Parquet),
        "AVRO" => Ok(Stored::Avro),
        "TEXTFILE" => Ok(Stored::Text),
        "JSONFILE" | "JSON" => Ok(Stored::Json),
        other => Err(Error::usage("the format is not supported")
            .with("code", &Said("0A000"))
            .with("format", &Said(other))
            .hint("STORED AS PARQUET, AVRO, TEXTFILE or JSONFILE; ORC and others are not read")),
    }
}

/// A character that is one byte, also written as Hive does: `\t`, `\001`, or its number.
fn byte(clause: &str, text: &str) -> Result<u8> {
    let number = |text: &str| text.parse::<u8>().ok();
    let read = match text {
        "\\t" => Some(b'\t'),
        "\\\\" => Some(b'\\'),
        _ if text.len() == 1 => text.bytes().next(),
        _ if text.len() == 4 && text.starts_with('\\') => {
            text.get(1..).and_then(|octal| u8::from_str_radix(octal, 8).ok())
        }
        _ if text.len() == 6 && text.starts_with("\\u00") => {
            text.get(4..).and_then(|hex| u8::from_str_radix(hex, 16).ok())
        }
        _ => number(text),
    };
    read.filter(u8::is_ascii).filter(|byte| !matches!(byte, b'\n' | b'\r')).ok_or_else(|| {
        Error::usage("a separator is one character").with("code", &Said("42601")).with("clause", &Said(clause))
    })
}

struct Cursor {
    tokens: Vec<Token>,
    next: usize,
}

impl Cursor {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(Word { value, quote_style: None, .. })) if value.eq_ignore_ascii_case(word))
    }

    /// Takes these words, if all are there.
    fn takes(&mut self, words: &[&str]) -> bool {
        let start = self.next;
        for word in words {
            if !self.is_word(word) {
                self.next = start;
                return false;
            }
            self.next += 1;
        }
        true
    }

    fn take(&mut self, token: &Token) -> bool {
        let taken = self.peek() == Some(token);
        self.next += usize::from(taken);
        taken
    }

    fn expect(&mut self, token: &Token) -> Result<()> {
        if self.take(token) { Ok(()) } else { Err(self.unexpected(&token.to_string())) }
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.takes(&[word]) { Ok(()) } else { Err(self.unexpected(word)) }
    }

    fn unexpected(&self, wanted: &str) -> Error {
        let found = match self.peek() {
            None => "the end".to_owned(),
            // A text may hold anything.
            Some(Token::Word(word)) => word.value.clone(),
            Some(Token::SingleQuotedString(_)) => "a text".to_owned(),
            Some(token) => token.to_string(),
        };
        fault("CREATE EXTERNAL TABLE cannot be read", wanted).with("found", &Said(&found))
    }

    fn word(&mut self) -> Option<Word> {
        let Some(Token::Word(word)) = self.peek() else { return None };
        let word = word.clone();
        self.next += 1;
        Some(word)
    }

    fn text(&mut self) -> Result<String> {
        match self.peek() {
            Some(Token::SingleQuotedString(text)) => {
                let text = text.clone();
                self.next += 1;
                Ok(text)
            }
            _ => Err(self.unexpected("a text in single quotes")),
        }
    }

    /// The words up to the next thing that is none.
    fn clause(&self) -> String {
        let rest = self.tokens.iter().skip(self.next);
        let words: Vec<&str> = rest
            .map_while(|token| match token {
                Token::Word(word) => Some(word.value.as_str()),
                _ => None,
            })
            .take(4)
            .collect();
        if words.is_empty() { self.peek().map(ToString::to_string).unwrap_or_default() } else { words.join(" ") }
    }

    fn name(&mut self) -> Result<ObjectName> {
        let mut parts: Vec<Ident> = Vec::new();
        loop {
            let word = self.word().ok_or_else(|| self.unexpected("a name"))?;
            parts.push(Ident {
                value: word.value,
                quote_style: word.quote_style,
                span: sqlparser::tokenizer::Span::empty(),
            });
            if !self.take(&Token::Period) {
                return Ok(ObjectName::from(parts));
            }
        }
    }

    /// `('key' = 'value', …)`
    fn properties(&mut self) -> Result<Vec<(String, String)>> {
        self.expect(&Token::LParen)?;
        let mut properties = Vec::new();
        loop {
            let key = self.text()?;
            self.expect(&Token::Eq)?;
            properties.push((key, self.text()?));
            if self.take(&Token::RParen) {
                return Ok(properties);
            }
            self.expect(&Token::Comma)?;
        }
    }

    /// `(name type [COMMENT 'text'], …)`
    fn columns(&mut self) -> Result<Vec<Field>> {
        self.expect(&Token::LParen)?;
        let mut columns = Vec::new();
        loop {
            let name = self.column_name()?;
            let data_type = self.data_type(0)?;
            if self.takes(&["COMMENT"]) {
                self.text()?;
            }
            columns.push(Field::new(name, data_type, true));
            if self.take(&Token::RParen) {
                return Ok(columns);
            }
            self.expect(&Token::Comma)?;
        }
    }

    fn column_name(&mut self) -> Result<String> {
        let word = self.word().ok_or_else(|| self.unexpected("a column"))?;
        Ok(if word.quote_style.is_some() { word.value } else { word.value.to_lowercase() })
    }

    fn data_type(&mut self, depth: usize) -> Result<DataType> {
        if depth > DEPTH_MAX {
            return Err(fault("a type nests too deeply", "at most 32 types inside one another"));
        }
        let word = self.word().ok_or_else(|| self.unexpected("a type"))?;
        Ok(match word.value.to_ascii_lowercase().as_str() {
            "string" => DataType::Utf8,
            "varchar" | "char" => {
                self.numbers()?;
                DataType::Utf8
            }
            "boolean" => DataType::Boolean,
            "tinyint" => DataType::Int8,
            "smallint" => DataType::Int16,
            "int" | "integer" => DataType::Int32,
            "bigint" => DataType::Int64,
            "float" | "real" => DataType::Float32,
            "double" => DataType::Float64,
            "date" => DataType::Date32,
            "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
            "binary" => DataType::Binary,
            "decimal" => self.decimal()?,
            "array" => {
                self.expect(&Token::Lt)?;
                let element = self.data_type(depth + 1)?;
                self.close()?;
                DataType::List(Arc::new(Field::new("item", element, true)))
            }
            "map" => {
                self.expect(&Token::Lt)?;
                let key = self.data_type(depth + 1)?;
                self.expect(&Token::Comma)?;
                let value = self.data_type(depth + 1)?;
                self.close()?;
                let entries = [Field::new("keys", key, false), Field::new("values", value, true)];
                let entries = DataType::Struct(Fields::from(entries.to_vec()));
                DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
            }
            "struct" => self.members(depth)?,
            other => {
                return Err(Error::usage("the type is not supported")
                    .with("code", &Said("42704"))
                    .with("type", &Said(other))
                    .hint(
                        "known are string, varchar, char, boolean, tinyint, smallint, int, bigint, float, double, \
                         decimal(p,s), date, timestamp, binary, array<…>, map<…> and struct<…>",
                    ));
            }
        })
    }

    fn members(&mut self, depth: usize) -> Result<DataType> {
        self.expect(&Token::Lt)?;
        let mut members = Vec::new();
        loop {
            let name = self.column_name()?;
            self.expect(&Token::Colon)?;
            members.push(Field::new(name, self.data_type(depth + 1)?, true));
            if !self.take(&Token::Comma) {
                self.close()?;
                return Ok(DataType::Struct(members.into()));
            }
        }
    }

    /// Takes one `>`; the tokenizer reads two as one token.
    fn close(&mut self) -> Result<()> {
        if self.peek() == Some(&Token::ShiftRight)
            && let Some(token) = self.tokens.get_mut(self.next)
        {
            *token = Token::Gt;
            return Ok(());
        }
        self.expect(&Token::Gt)
    }

    fn decimal(&mut self) -> Result<DataType> {
        let numbers = self.numbers()?;
        let (precision, scale) = match numbers.as_slice() {
            [] => (10, 0),
            [precision] => (*precision, 0),
            [precision, scale, ..] => (*precision, *scale),
        };
        let fits = (1..=38).contains(&precision) && scale <= precision;
        let scale = i8::try_from(scale).ok().filter(|_| fits);
        scale
            .map(|scale| DataType::Decimal128(precision, scale))
            .ok_or_else(|| fault("no such decimal", "decimal(38, 18)"))
    }

    /// `(10, 2)`, if it is there.
    fn numbers(&mut self) -> Result<Vec<u8>> {
        let mut numbers = Vec::new();
        if !self.take(&Token::LParen) {
            return Ok(numbers);
        }
        loop {
            let Some(Token::Number(text, _)) = self.peek() else { return Err(self.unexpected("a number")) };
            // The length of a varchar is not kept.
            numbers.push(text.parse().unwrap_or(u8::MAX));
            self.next += 1;
            if self.take(&Token::RParen) {
                return Ok(numbers);
            }
            self.expect(&Token::Comma)?;
        }
    }
}

/// A type as Hive writes it; what Hive has no word for, as the nearest that it has.
pub fn type_name(data_type: &DataType) -> String {
    use DataType as D;
    match data_type {
        D::Boolean => "boolean".to_owned(),
        D::Int8 => "tinyint".to_owned(),
        D::Int16 | D::UInt8 => "smallint".to_owned(),
        D::Int32 | D::UInt16 => "int".to_owned(),
        D::Int64 | D::UInt32 => "bigint".to_owned(),
        D::UInt64 => "decimal(20,0)".to_owned(),
        D::Float16 | D::Float32 => "float".to_owned(),
        D::Float64 => "double".to_owned(),
        D::Date32 | D::Date64 => "date".to_owned(),
        D::Timestamp(..) => "timestamp".to_owned(),
        D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => "binary".to_owned(),
        D::Decimal32(p, s) | D::Decimal64(p, s) | D::Decimal128(p, s) | D::Decimal256(p, s) => {
            format!("decimal({p},{s})")
        }
        D::List(item) | D::LargeList(item) | D::FixedSizeList(item, _) | D::ListView(item) | D::LargeListView(item) => {
            format!("array<{}>", type_name(item.data_type()))
        }
        D::Struct(members) => {
            let member = |field: &Arc<Field>| format!("{}:{}", field.name(), type_name(field.data_type()));
            format!("struct<{}>", members.iter().map(member).collect::<Vec<_>>().join(","))
        }
        D::Map(entries, _) => match entries.data_type() {
            D::Struct(pair) => {
                let types: Vec<String> = pair.iter().map(|field| type_name(field.data_type())).collect();
                format!("map<{}>", types.join(","))
            }
            _ => "string".to_owned(),
        },
        D::Dictionary(_, value) => type_name(value),
        _ => "string".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use sqlparser::dialect::GenericDialect;
    use sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn read(text: &str) -> Result<ExternalTable> {
        let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize().unwrap();
        external_table(tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect())
    }

    #[test]
    fn columns_and_types_are_read_as_hive_has_them() {
        let table = read(
            "CREATE EXTERNAL TABLE IF NOT EXISTS workspace.`Log Lines` (id bigint COMMENT 'x', `User` string, \
             price decimal(10,2), tags array<string>, at timestamp, \
             deep struct<a:int,b:array<struct<c:double>>>, m map<string,array<int>>) \
             PARTITIONED BY (day date, hour int) STORED AS PARQUET LOCATION 's3://b/p/' \
             TBLPROPERTIES ('parquet.compression'='SNAPPY')",
        )
        .unwrap();
        assert!(table.if_not_exists && table.format == TableFormat::Parquet && table.location == "s3://b/p/");
        let types: Vec<_> = table.columns.iter().map(|field| type_name(field.data_type())).collect();
        assert_eq!(
            types.join(" "),
            "bigint string decimal(10,2) array<string> timestamp struct<a:int,b:array<struct<c:double>>> \
             map<string,array<int>>"
        );
        let names: Vec<_> = table.columns.iter().chain(&table.partitions).map(Field::name).collect();
        assert_eq!(names, ["id", "User", "price", "tags", "at", "deep", "m", "day", "hour"]);
    }

    #[test]
    fn text_is_laid_out_as_the_clauses_say() {
        let table = |rest: &str| read(&format!("CREATE EXTERNAL TABLE t (a int) {rest} LOCATION 'x'")).unwrap();
        let plain = table("ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' ESCAPED BY '\\' LINES TERMINATED BY '\\n'");
        assert_eq!((plain.format, plain.text.delimiter, plain.text.escape), (TableFormat::Csv, b',', Some(b'\\')));
        assert_eq!(table("ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' STORED AS TEXTFILE").text.delimiter, b'\t');
        assert_eq!(table("ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\001'").text.delimiter, 1);
        let csv = table(
            "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' \
             WITH SERDEPROPERTIES ('separatorChar' = ';', 'quoteChar' = '`', 'escapeChar' = '\\\\') \
             TBLPROPERTIES ('skip.header.line.count'='1')",
        );
        assert_eq!((csv.text.delimiter, csv.text.quote, csv.text.header), (b';', Some(b'`'), true));
        for serde in ["org.openx.data.jsonserde.JsonSerDe", "org.apache.hive.hcatalog.data.JsonSerDe"] {
            assert_eq!(table(&format!("ROW FORMAT SERDE '{serde}'")).format, TableFormat::Json);
        }
    }

    #[test]
    fn what_is_not_read_is_refused_by_name() {
        for (rest, named) in [
            ("STORED AS ORC LOCATION 'x'", "ORC"),
            ("CLUSTERED BY (a) INTO 4 BUCKETS LOCATION 'x'", "CLUSTERED BY"),
            ("ROW FORMAT DELIMITED COLLECTION ITEMS TERMINATED BY '|' LOCATION 'x'", "COLLECTION ITEMS"),
            ("ROW FORMAT SERDE 'com.example.Other' LOCATION 'x'", "com.example.Other"),
            ("LOCATION 'x' TBLPROPERTIES ('projection.enabled'='true')", "projection.enabled"),
            ("LOCATION 'x' TBLPROPERTIES ('skip.header.line.count'='2')", "skip.header.line.count"),
            ("STORED AS PARQUET", "LOCATION"),
            ("LOCATION 'x' LOCATION 'y'", "LOCATION"),
            ("COMMENT 'x' LOCATION 'x'", "COMMENT"),
        ] {
            let error = read(&format!("CREATE EXTERNAL TABLE t (a int) {rest}")).unwrap_err().to_string();
            assert!(error.contains(named), "{rest}: {error}");
        }
        for text in [
            "CREATE EXTERNAL TABLE t LOCATION 'x'",
            "CREATE EXTERNAL TABLE t (a int, A string) LOCATION 'x'",
            "CREATE EXTERNAL TABLE t (a uniontype<int>) LOCATION 'x'",
            "CREATE EXTERNAL TABLE t (a decimal(99,2)) LOCATION 'x'",
            "CREATE EXTERNAL TABLE t (a struct<b:int) LOCATION 'x'",
            "CREATE EXTERNAL TABLE t (a struct<b:int>) LOCATION 'x'",
        ] {
            read(text).unwrap_err();
        }
    }
}
