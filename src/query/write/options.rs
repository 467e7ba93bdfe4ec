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

impl Format {
    fn read(text: &str) -> Option<Self> {
        Some(match text.to_ascii_uppercase().as_str() {
            "PARQUET" => Self::Parquet,
            "CSV" => Self::Csv,
            "JSON" => Self::Json,
            _ => return None,
        })
    }

    /// Its name, as statements write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "PARQUET",
            Self::Csv => "CSV",
            Self::Json => "JSON",
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
    /// Where a table goes, as written.
    pub(super) location: Option<String>,
}

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
                set(key, &mut read.format, format.ok_or_else(|| known(key, "PARQUET, CSV and JSON"))?)
            }
            "compression" => {
                let compression = Compression::read(&text(key, value)?);
                set(key, &mut read.compression, compression.ok_or_else(|| known(key, "ZSTD, SNAPPY, GZIP and NONE"))?)
            }
            _ => Err(unknown(key, "format and compression")),
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
                set(key, &mut read.compression, compression.ok_or_else(|| known(key, "ZSTD, SNAPPY, GZIP and NONE"))?)
            }
            "external_location" => set(key, &mut read.location, text(key, value)?),
            _ => Err(unknown(key, "format, external_location and write_compression")),
        })?;
        read.fitting()
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
            return Err(known("compression", "GZIP and NONE for CSV and JSON"));
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

fn known(key: &str, values: &str) -> Error {
    fault("the option has no such value here", key).hint(format!("it may be {values}"))
}

fn unknown(key: &str, known: &str) -> Error {
    fault("the option is not supported", key).hint(format!("leave it out; known are {known}"))
}

pub(super) fn fault(message: &'static str, option: &str) -> Error {
    Error::usage(message).with("code", &Said("0A000")).with("option", &Said(option))
}
