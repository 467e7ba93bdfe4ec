//! What stands in WITH (…): the format and the compression of a result.

use parquet::basic::{Compression as ParquetCompression, GzipLevel, ZstdLevel};
use sqlparser::ast::{Expr, SqlOption, Value};

use crate::error::{Error, Result, Said};

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet, the default.
    Parquet,
    /// Comma-separated values, with a line of column names.
    Csv,
    /// One JSON object a line.
    Json,
    /// Cells between separators, without a line of column names. NULL is `\N`.
    Text,
}

/// How a result is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard, at the level of the settings. The default for Parquet.
    Zstd,
    /// Snappy.
    Snappy,
    /// Gzip. The default for CSV and JSON.
    Gzip,
    /// None.
    None,
}

/// What stands between the cells of text, if nothing else is said.
const TEXT_DELIMITER: u8 = 1;

impl Format {
    fn read(text: &str) -> Option<Self> {
        Some(match text.to_ascii_uppercase().as_str() {
            "PARQUET" => Self::Parquet,
            "CSV" => Self::Csv,
            "JSON" => Self::Json,
            "TEXTFILE" => Self::Text,
            _ => return None,
        })
    }

    /// Its name, as statements write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "PARQUET",
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Text => "TEXTFILE",
        }
    }

    /// The end of a file's name.
    pub(super) fn extension(self, compression: Compression) -> &'static str {
        match (self, compression) {
            (Self::Parquet, _) => "parquet",
            (Self::Csv, Compression::Gzip) => "csv.gz",
            (Self::Csv, _) => "csv",
            (Self::Json, Compression::Gzip) => "json.gz",
            (Self::Json, _) => "json",
            (Self::Text, Compression::Gzip) => "txt.gz",
            (Self::Text, _) => "txt",
        }
    }
}

impl Compression {
    fn read(text: &str) -> Option<Self> {
        Some(match text.to_ascii_uppercase().as_str() {
            "ZSTD" => Self::Zstd,
            "SNAPPY" => Self::Snappy,
            "GZIP" => Self::Gzip,
            "NONE" | "UNCOMPRESSED" => Self::None,
            _ => return None,
        })
    }

    /// As the Parquet writer has it.
    pub(super) fn of_parquet(self, zstd_level: i32) -> Result<ParquetCompression> {
        Ok(match self {
            Self::Zstd => ParquetCompression::ZSTD(
                ZstdLevel::try_new(zstd_level).map_err(|_| Error::usage("a zstd level is between 1 and 22"))?,
            ),
            Self::Snappy => ParquetCompression::SNAPPY,
            Self::Gzip => ParquetCompression::GZIP(GzipLevel::default()),
            Self::None => ParquetCompression::UNCOMPRESSED,
        })
    }
}

/// The options of a statement, read.
#[derive(Debug, Default)]
pub(super) struct Options {
    format: Option<Format>,
    compression: Option<Compression>,
    delimiter: Option<u8>,
    /// Where a table goes, as written.
    pub(super) location: Option<String>,
    /// The columns that become folders.
    pub(super) partitioned_by: Option<Vec<String>>,
    /// Said by some, and true of every table here.
    said: Option<()>,
}

const COMPRESSIONS: &str = "ZSTD, SNAPPY, GZIP and NONE";

impl Options {
    /// The options of UNLOAD.
    ///
    /// # Errors
    /// Usage, naming the option.
    pub(super) fn of_unload(options: &[SqlOption]) -> Result<Self> {
        let mut read = Self::default();
        each(options, |key, value| match key {
            "format" => {
                let format = Format::read(&text(key, value)?);
                set(key, &mut read.format, format.ok_or_else(|| known(key, "PARQUET, CSV, TEXTFILE and JSON"))?)
            }
            "compression" => {
                let compression = Compression::read(&text(key, value)?);
                set(key, &mut read.compression, compression.ok_or_else(|| known(key, COMPRESSIONS))?)
            }
            "field_delimiter" => {
                let delimiter = delimiter(&text(key, value)?);
                set(key, &mut read.delimiter, delimiter.ok_or_else(|| known(key, "one ASCII character, or '\\t'"))?)
            }
            "partitioned_by" => set(key, &mut read.partitioned_by, texts(key, value)?),
            _ => Err(unknown(key, "format, compression, field_delimiter and partitioned_by")),
        })?;
        read.fitting()
    }

    /// The options of CREATE TABLE.
    ///
    /// # Errors
    /// Usage, naming the option.
    pub(super) fn of_table(options: &[SqlOption]) -> Result<Self> {
        let mut read = Self::default();
        each(options, |key, value| match key {
            "format" => match Format::read(&text(key, value)?) {
                Some(Format::Parquet) => set(key, &mut read.format, Format::Parquet),
                _ => Err(known(key, "PARQUET: tables keep their columns' types")),
            },
            "write_compression" | "parquet_compression" => {
                let compression = Compression::read(&text(key, value)?);
                set(key, &mut read.compression, compression.ok_or_else(|| known(key, COMPRESSIONS))?)
            }
            "external_location" => set(key, &mut read.location, text(key, value)?),
            "partitioned_by" => set(key, &mut read.partitioned_by, texts(key, value)?),
            "table_type" => match text(key, value)?.to_ascii_uppercase().as_str() {
                "HIVE" => set(key, &mut read.said, ()),
                _ => Err(known(key, "HIVE: Iceberg and other table formats are not written")),
            },
            "bucketed_by" | "bucket_count" | "sorted_by" => Err(fault("the option is not supported", key)
                .hint("no reader here makes use of buckets or of an order of rows: leave it out")),
            _ => Err(unknown(key, "format, external_location, partitioned_by and write_compression")),
        })?;
        read.fitting()
    }

    /// What stands between cells of text.
    pub(super) fn delimiter(&self) -> u8 {
        let default = if self.format() == Format::Text { TEXT_DELIMITER } else { b',' };
        self.delimiter.unwrap_or(default)
    }

    /// The format.
    pub(super) fn format(&self) -> Format {
        self.format.unwrap_or(Format::Parquet)
    }

    /// The compression.
    pub(super) fn compression(&self) -> Compression {
        let default = if self.format() == Format::Parquet { Compression::Zstd } else { Compression::Gzip };
        self.compression.unwrap_or(default)
    }

    /// Readers of text formats know gzip alone.
    fn fitting(self) -> Result<Self> {
        if self.format() != Format::Parquet && !matches!(self.compression(), Compression::Gzip | Compression::None) {
            return Err(known("compression", "GZIP and NONE for CSV, TEXTFILE and JSON"));
        }
        if self.delimiter.is_some() && !matches!(self.format(), Format::Csv | Format::Text) {
            return Err(fault("the option is for text alone", "field_delimiter").hint("add format = 'CSV'"));
        }
        Ok(self)
    }
}

fn each(options: &[SqlOption], mut apply: impl FnMut(&str, &Expr) -> Result<()>) -> Result<()> {
    for option in options {
        let SqlOption::KeyValue { key, value } = option else {
            return Err(fault("an option is written as name = value", &option.to_string()));
        };
        apply(&key.value.to_ascii_lowercase(), value)?;
    }
    Ok(())
}

fn set<T>(key: &str, slot: &mut Option<T>, value: T) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(fault("an option is given twice", key)),
    }
}

fn text(key: &str, value: &Expr) -> Result<String> {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Ok(text.clone()),
            _ => Err(fault("the option takes a quoted text", key)),
        },
        _ => Err(fault("the option takes a quoted text", key)),
    }
}

/// `ARRAY['a', 'b']`
fn texts(key: &str, value: &Expr) -> Result<Vec<String>> {
    let wrong = || fault("the option takes an array of quoted texts", key).hint(format!("{key} = ARRAY['a', 'b']"));
    let Expr::Array(array) = value else { return Err(wrong()) };
    let texts = array.elem.iter().map(|element| text(key, element)).collect::<Result<Vec<_>>>();
    let texts = texts.map_err(|_| wrong())?;
    if texts.is_empty() { Err(wrong()) } else { Ok(texts) }
}

fn delimiter(text: &str) -> Option<u8> {
    if text == "\\t" {
        return Some(b'\t');
    }
    let [byte] = text.as_bytes() else { return None };
    (byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | b'"')).then_some(*byte)
}

fn known(key: &str, values: &str) -> Error {
    fault("the option has no such value here", key).hint(format!("it may be {values}"))
}

fn unknown(key: &str, known: &str) -> Error {
    fault("the option is not supported", key).hint(format!("leave it out; known are {known}"))
}

pub(super) fn fault(message: &'static str, option: &str) -> Error {
    Error::usage(message).with("code", &Said("0A000")).with("option", &Said(option))
}
