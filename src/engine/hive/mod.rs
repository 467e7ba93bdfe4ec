//! CREATE EXTERNAL TABLE as Hive and Athena spell it: columns and types, the layout of text files, a location.
//!
//! The SQL parser's own reading of it lacks Hive's types (`struct<a:int>`, `map<string,int>`) and passes over clauses.
//! Here every clause is read or refused by its name.

mod cursor;
mod types;

use arrow::datatypes::Field;
use sqlparser::ast::ObjectName;
use sqlparser::tokenizer::Token;

use self::cursor::Cursor;
pub use self::types::type_name;
use crate::error::{Error, Result, Said};
use crate::settings::TableFormat;

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
    let mut cursor = Cursor::new(tokens);
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
                ("skip.header.line.count", "1") => header = true,
                ("skip.header.line.count", other) if other != "0" => {
                    return Err(unsupported("skip.header.line.count, other than 0 and 1"));
                }
                // Said of every external table, or of how its files were packed, which their names tell.
                (
                    "EXTERNAL"
                    | "external"
                    | "classification"
                    | "has_encrypted_data"
                    | "compressionType"
                    | "parquet.compression"
                    | "parquet.compress"
                    | "write.compression"
                    | "comment"
                    | "skip.header.line.count",
                    _,
                ) => {}
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
