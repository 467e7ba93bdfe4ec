//! Small tables in every format that lakes hold, written and read back without any of saltlake's own code.

use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use datafusion::arrow_avro::reader::ReaderBuilder as AvroReader;
use datafusion::arrow_avro::writer::AvroWriter;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

/// A file format, as the lake meets it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Format {
    Parquet(Compression),
    Csv,
    Json,
    Avro,
}

impl Format {
    /// The usual ending of a file's name.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Parquet(_) => "parquet",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Avro => "avro",
        }
    }
}

/// A table in the making: columns one by one, all of the same length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    columns: Vec<(Field, ArrayRef)>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A column of any type.
    #[must_use]
    pub(crate) fn column(mut self, name: &str, values: ArrayRef) -> Self {
        self.columns.push((Field::new(name, values.data_type().clone(), true), values));
        self
    }

    /// A column of texts, NULLs among them.
    #[must_use]
    pub(crate) fn texts<'a>(self, name: &str, values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        self.column(name, Arc::new(values.into_iter().collect::<StringArray>()))
    }

    /// A column of texts without NULL.
    #[must_use]
    pub(crate) fn text<T: AsRef<str>>(self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        self.column(name, Arc::new(StringArray::from_iter_values(values)))
    }

    /// A BIGINT column.
    #[must_use]
    pub(crate) fn bigint(self, name: &str, values: impl IntoIterator<Item = Option<i64>>) -> Self {
        self.column(name, Arc::new(values.into_iter().collect::<Int64Array>()))
    }

    /// An INT column.
    #[must_use]
    pub(crate) fn int(self, name: &str, values: impl IntoIterator<Item = Option<i32>>) -> Self {
        self.column(name, Arc::new(values.into_iter().collect::<Int32Array>()))
    }

    /// A DOUBLE column.
    #[must_use]
    pub(crate) fn double(self, name: &str, values: impl IntoIterator<Item = Option<f64>>) -> Self {
        self.column(name, Arc::new(values.into_iter().collect::<Float64Array>()))
    }

    /// A BOOLEAN column.
    #[must_use]
    pub(crate) fn boolean(self, name: &str, values: impl IntoIterator<Item = Option<bool>>) -> Self {
        self.column(name, Arc::new(values.into_iter().collect::<BooleanArray>()))
    }

    /// Puts the operation column of DMS change files in front: `I`, `U` or `D` for each row.
    #[must_use]
    pub(crate) fn operations<T: AsRef<str>>(self, values: impl IntoIterator<Item = T>) -> Self {
        let mut with_operations = Self::new().text("Op", values);
        with_operations.columns.extend(self.columns);
        with_operations
    }

    /// The same table without rows.
    #[must_use]
    pub(crate) fn without_rows(self) -> Self {
        let columns = self.columns.into_iter().map(|(field, values)| (field, values.slice(0, 0)));
        Self { columns: columns.collect() }
    }

    /// As Arrow has it.
    pub(crate) fn batch(&self) -> RecordBatch {
        let (fields, values): (Vec<_>, Vec<_>) = self.columns.iter().cloned().unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), values).expect("columns of one length")
    }

    /// As a file of a format.
    pub(crate) fn encode(&self, format: Format) -> Vec<u8> {
        match format {
            Format::Parquet(codec) => parquet(&self.batch(), codec, 1024 * 1024),
            Format::Csv => csv(&self.batch()),
            Format::Json => json(&self.batch()),
            Format::Avro => avro(&self.batch()),
        }
    }

    /// As a zstd Parquet file with row groups of at most so many rows.
    pub(crate) fn encode_in_groups(&self, rows: usize) -> Vec<u8> {
        parquet(&self.batch(), Compression::ZSTD(parquet::basic::ZstdLevel::default()), rows)
    }
}

/// The key of a table's n-th full-load file as DMS names it: `card/LOAD0000000A.parquet` for the tenth.
pub(crate) fn full_load_key(table: &str, number: u32, format: Format) -> String {
    format!("{table}/LOAD{number:08X}.{}", format.extension())
}

/// The key of a DMS change file: `card/20261124-1134010000.parquet`.
pub(crate) fn change_key(table: &str, number: u32) -> String {
    format!("{table}/20261124-{number:010}.parquet")
}

/// The key of a file in Hive partitions: `card/year=2026/month=11/part-0.parquet`.
pub(crate) fn partition_key(table: &str, partition: &[(&str, &str)], file: &str) -> String {
    let folders: Vec<String> = partition.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{table}/{}/{file}", folders.join("/"))
}

/// Every codec that can be written, by name. LZO is the one that cannot: see [`claim_lzo`].
pub(crate) fn codecs() -> [(&'static str, Compression); 7] {
    [
        ("none", Compression::UNCOMPRESSED),
        ("snappy", Compression::SNAPPY),
        ("gzip", Compression::GZIP(parquet::basic::GzipLevel::default())),
        ("brotli", Compression::BROTLI(parquet::basic::BrotliLevel::default())),
        ("lz4_raw", Compression::LZ4_RAW),
        ("lz4_hadoop", Compression::LZ4),
        ("zstd", Compression::ZSTD(parquet::basic::ZstdLevel::default())),
    ]
}

/// Makes a Parquet file written with [`Compression::SNAPPY`] claim LZO for the column of this name.
pub(crate) fn claim_lzo(mut file: Vec<u8>, column: &str) -> Vec<u8> {
    // Thrift's compact protocol, in ColumnMetaData: field 3, a list of one string, then field 4, the codec, as a
    // zigzag number. SNAPPY is 1, LZO is 3.
    let mut wanted = vec![0x19, 0x18, u8::try_from(column.len()).unwrap()];
    wanted.extend_from_slice(column.as_bytes());
    wanted.extend_from_slice(&[0x15, 0x02]);
    let at = file.windows(wanted.len()).position(|window| window == wanted).expect("a snappy column of this name");
    file[at + wanted.len() - 1] = 0x06;
    file
}

/// Compresses like Firehose's GZIP.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn parquet(batch: &RecordBatch, codec: Compression, rows: usize) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(codec).set_max_row_group_row_count(Some(rows)).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn csv(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    arrow::csv::WriterBuilder::new().with_header(true).build(&mut bytes).write(batch).unwrap();
    bytes
}

fn json(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    writer.into_inner()
}

fn avro(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = AvroWriter::new(Vec::new(), batch.schema().as_ref().clone()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    writer.into_inner()
}

/// Reads a Parquet file, or says why not.
pub(crate) fn read_parquet(bytes: impl Into<Bytes>) -> Result<RecordBatch, String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes.into()).map_err(|error| error.to_string())?;
    let schema = Arc::clone(builder.schema());
    let reader = builder.build().map_err(|error| error.to_string())?;
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    concat_batches(&schema, &batches).map_err(|error| error.to_string())
}

/// Reads an Avro file, or says why not.
pub(crate) fn read_avro(bytes: &[u8]) -> Result<RecordBatch, String> {
    let reader = AvroReader::new().build(bytes).map_err(|error| error.to_string())?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    concat_batches(&schema, &batches).map_err(|error| error.to_string())
}

/// A batch as texts, row by row; NULL is `None`.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<Vec<Option<String>>> {
    let options = FormatOptions::default();
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
    let cell = |row: usize, index: usize| {
        let known = batch.column(index).is_valid(row);
        known.then(|| columns[index].value(row).to_string())
    };
    (0..batch.num_rows()).map(|row| (0..columns.len()).map(|index| cell(row, index)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;

    use super::super::shelf::Shelf;
    use super::*;

    fn people() -> Table {
        Table::new()
            .bigint("id", [Some(1), Some(2), Some(3)])
            .texts("name", [Some("Åsa \"the\" Lind"), None, Some("")])
            .double("balance", [Some(1.5), None, Some(-0.25)])
            .boolean("active", [Some(true), Some(false), None])
    }

    #[test]
    fn every_parquet_codec_reads_back() {
        let wanted = people().batch();
        for (name, codec) in codecs() {
            let file = people().encode(Format::Parquet(codec));
            assert_eq!(read_parquet(file).unwrap(), wanted, "{name}");
        }
    }

    #[test]
    fn a_claimed_lzo_column_cannot_be_read() {
        let file = claim_lzo(people().encode(Format::Parquet(Compression::SNAPPY)), "name");
        let error = read_parquet(file).unwrap_err();
        assert!(error.to_uppercase().contains("LZO"), "{error}");
    }

    #[test]
    fn avro_reads_back() {
        let read = read_avro(&people().encode(Format::Avro)).unwrap();
        assert_eq!(rows(&read), rows(&people().batch()));
    }

    #[test]
    fn csv_and_json_say_what_the_table_says() {
        let csv = String::from_utf8(people().encode(Format::Csv)).unwrap();
        assert!(csv.starts_with("id,name,balance,active\n1,\"Åsa \"\"the\"\" Lind\",1.5,true\n"), "{csv}");
        let json = String::from_utf8(people().encode(Format::Json)).unwrap();
        let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0]["name"], "Åsa \"the\" Lind");
        assert_eq!(lines[2]["balance"], -0.25);
    }

    #[test]
    fn row_groups_are_as_small_as_asked() {
        let file = Bytes::from(people().encode_in_groups(2));
        let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
        assert_eq!(builder.metadata().num_row_groups(), 2);
        assert_eq!(read_parquet(file).unwrap(), people().batch());
    }

    #[test]
    fn a_change_file_has_its_operation_first() {
        let batch = people().operations(["I", "U", "D"]).batch();
        assert_eq!(batch.schema().field(0).name(), "Op");
        assert_eq!(rows(&batch)[2][..2], [Some("D".to_owned()), Some("3".to_owned())]);
    }

    #[test]
    fn a_table_without_rows_keeps_its_columns() {
        let read = read_parquet(people().without_rows().encode(Format::Parquet(Compression::SNAPPY))).unwrap();
        assert_eq!((read.num_rows(), read.num_columns()), (0, 4));
        assert_eq!(read.schema().field(0).data_type(), &DataType::Int64);
    }

    #[test]
    fn keys_are_as_dms_and_hive_have_them() {
        assert_eq!(full_load_key("card", 10, Format::Csv), "card/LOAD0000000A.csv");
        assert_eq!(change_key("card", 1_134_010_000), "card/20261124-1134010000.parquet");
        let key = partition_key("card", &[("year", "2026"), ("month", "11")], "part-0.parquet");
        assert_eq!(key, "card/year=2026/month=11/part-0.parquet");
    }

    #[test]
    fn a_lake_on_a_shelf_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let format = Format::Parquet(Compression::SNAPPY);
        for shelf in [Shelf::Folder(folder.path().to_owned()), super::super::moto::moto().bucket()] {
            let key = format!("dataset/{}", full_load_key("people", 1, format));
            shelf.put(&key, people().encode(format));
            assert_eq!(shelf.list("dataset/people/"), [key.as_str()]);
            assert_eq!(read_parquet(shelf.get(&key)).unwrap(), people().batch());
        }
    }
}
