//! The demo's tables: invented customers, their cards and their bank accounts.
//!
//! INVARIANT: nobody's data. Names come from lists, mail domains are those kept for examples, and the numbers are sound
//! (Luhn, mod 97) below prefixes of test cards and of banks that do not exist.
//! INVARIANT: no chance. The same number of rows gives the same bytes, and row `id` is the same whatever that number.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use chrono::{Days, NaiveDate};
use fake::Fake;
use fake::faker::name::raw::{FirstName, LastName};
use fake::locales::{DE_DE, EN, FR_FR};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel};
use parquet::errors::Result as ParquetResult;
use parquet::file::properties::WriterProperties;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};

/// Rows of a row group, as DMS writes them unless told otherwise.
const ROW_GROUP_ROWS: usize = 10_024;

/// How many rows of a column a finding can locate at most.
pub(super) const LOCATIONS_MAX: usize = 15;

/// One of the demo's tables. Its first column is `id`, from 1; the same `id` is the same person in all of them.
pub(super) struct Table {
    /// Its name, and its folder's.
    pub(super) name: &'static str,
    /// Its text columns, after `id`.
    pub(super) columns: &'static [&'static str],
    /// Keeps the tables' chance apart.
    seed: u64,
    /// The texts of a row, one for each column.
    row: fn(u64, &mut StdRng) -> Vec<Option<String>>,
}

/// Every table of the demo.
pub(super) const TABLES: [Table; 3] = [
    Table {
        name: "customer",
        columns: &["username", "name", "gender", "mail", "birthdate"],
        seed: CUSTOMER_SEED,
        row: customer,
    },
    Table {
        name: "card",
        columns: &["cred_card_provider", "card_number", "card_expiration", "card_security_code"],
        seed: 2 << 48,
        row: card,
    },
    Table { name: "bank", columns: &["account_number", "iban", "bban"], seed: 3 << 48, row: bank },
];

const CUSTOMER_SEED: u64 = 1 << 48;

/// What a scan would learn about one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    /// The column.
    pub(super) column: &'static str,
    /// How many cells hold a text that is not empty.
    pub(super) values: u64,
    /// The rows of the first of these, from 0.
    pub(super) first_rows: Vec<u64>,
}

/// A file as it was written.
pub(super) struct WrittenFile {
    /// Its size.
    pub(super) bytes: u64,
    /// 32 hexadecimal digits that change with its contents.
    pub(super) etag: String,
    /// What it holds, column by column.
    pub(super) tallies: Vec<Tally>,
}

/// Writes a table as DMS would: gzip pages, a row group for every 10,024 rows.
///
/// # Errors
/// What `sink` fails with.
pub(super) fn write(table: &Table, rows: usize, sink: impl Write + Send) -> ParquetResult<WrittenFile> {
    let schema = schema(table);
    let properties = WriterProperties::builder()
        .set_compression(Compression::GZIP(GzipLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    let mut writer = ArrowWriter::try_new(Watched::new(sink), Arc::clone(&schema), Some(properties))?;
    let mut tallies: Vec<Tally> =
        table.columns.iter().map(|column| Tally { column, values: 0, first_rows: Vec::new() }).collect();
    let mut written = 0;
    while written < rows {
        let end = rows.min(written + ROW_GROUP_ROWS);
        writer.write(&batch(table, &schema, written as u64..end as u64, &mut tallies)?)?;
        written = end;
    }
    let mut watched = writer.into_inner()?;
    watched.flush()?;
    Ok(WrittenFile { bytes: watched.bytes, etag: watched.etag(), tallies })
}

fn schema(table: &Table) -> SchemaRef {
    let id = Field::new("id", DataType::Int64, true);
    let texts = table.columns.iter().map(|column| Field::new(*column, DataType::Utf8, true));
    Arc::new(Schema::new(std::iter::once(id).chain(texts).collect::<Vec<_>>()))
}

/// Some rows, counted from 0, and what they add to the tallies.
fn batch(
    table: &Table,
    schema: &SchemaRef,
    rows: std::ops::Range<u64>,
    tallies: &mut [Tally],
) -> ParquetResult<RecordBatch> {
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); table.columns.len()];
    for row in rows.clone() {
        let cells = (table.row)(row + 1, &mut chance(table.seed, row + 1));
        for ((column, tally), cell) in columns.iter_mut().zip(tallies.iter_mut()).zip(cells) {
            tally.add(row, cell.as_deref());
            column.push(cell);
        }
    }
    let ids: Int64Array = rows.map(|row| i64::try_from(row + 1).ok()).collect();
    let texts = columns.into_iter().map(|column| Arc::new(StringArray::from(column)) as ArrayRef);
    Ok(RecordBatch::try_new(Arc::clone(schema), std::iter::once(Arc::new(ids) as ArrayRef).chain(texts).collect())?)
}

impl Tally {
    fn add(&mut self, row: u64, cell: Option<&str>) {
        if cell.is_none_or(str::is_empty) {
            return;
        }
        self.values += 1;
        if self.first_rows.len() < LOCATIONS_MAX {
            self.first_rows.push(row);
        }
    }
}

/// Counts and hashes what passes.
struct Watched<W> {
    inner: W,
    bytes: u64,
    hash: Sha256,
}

impl<W: Write> Watched<W> {
    fn new(inner: W) -> Self {
        Self { inner, bytes: 0, hash: Sha256::new() }
    }

    /// As long as an S3 `ETag`, which need not be a known hash of the contents.
    fn etag(&self) -> String {
        let mut hex = const_hex::encode(self.hash.clone().finalize());
        hex.truncate(32);
        hex
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.bytes += written as u64;
        self.hash.update(buffer.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The chance of one row: its own, so that a row does not depend on those before it.
fn chance(seed: u64, id: u64) -> StdRng {
    StdRng::seed_from_u64(seed ^ id)
}

/// Whether a row is one of every `every`, beginning with `first`.
fn strikes(id: u64, first: u64, every: u64) -> bool {
    id % every == first
}

/// One of a few. The index stays within them.
fn pick<T: Copy + Default>(choices: &[T], rng: &mut StdRng) -> T {
    choices.get(rng.random_range(0..choices.len().max(1))).copied().unwrap_or_default()
}

/// Decimal digits.
fn digits(count: usize, rng: &mut StdRng) -> String {
    (0..count).map(|_| char::from(b'0' + rng.random_range(0..10))).collect()
}

fn customer(id: u64, rng: &mut StdRng) -> Vec<Option<String>> {
    let (user, name) = person(rng);
    // Two customers who chose one user name: both get the same token.
    let username = if strikes(id, 5, 40) { person(&mut chance(CUSTOMER_SEED, id - 3)).0 } else { user.clone() };
    let mail = format!("{user}@{}", pick(&["example.com", "example.org", "example.net"], rng));
    let birthdate = NaiveDate::from_ymd_opt(1940, 1, 1)
        .and_then(|day| day.checked_add_days(Days::new(rng.random_range(0..24_800))))
        .map(|day| day.format("%Y-%m-%d").to_string());
    let gender = pick(&["female", "male", "female", "male", "female", "male", "nonbinary"], rng);
    vec![
        Some(username),
        (!strikes(id, 40, 75)).then_some(name),
        (!strikes(id, 9, 25)).then(|| gender.to_owned()),
        match id {
            _ if strikes(id, 4, 25) => None,
            _ if strikes(id, 22, 50) => Some(String::new()),
            _ => Some(mail),
        },
        birthdate.filter(|_| !strikes(id, 31, 60)),
    ]
}

/// A user name and the full name that it was made of.
fn person(rng: &mut StdRng) -> (String, String) {
    let (first, last): (String, String) = match rng.random_range(0..4) {
        0 => (FirstName(FR_FR).fake_with_rng(rng), LastName(FR_FR).fake_with_rng(rng)),
        1 => (FirstName(DE_DE).fake_with_rng(rng), LastName(DE_DE).fake_with_rng(rng)),
        _ => (FirstName(EN).fake_with_rng(rng), LastName(EN).fake_with_rng(rng)),
    };
    let user = format!("{}.{}{}", plain(&first), plain(&last), digits(2, rng));
    (user, format!("{first} {last}"))
}

/// A name in small ASCII letters, fit for a mail address.
fn plain(name: &str) -> String {
    let mut out = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            'a'..='z' => out.push(c),
            'á' | 'â' | 'å' | 'ã' => out.push('a'),
            'ä' | 'æ' => out.push_str("ae"),
            'ç' | 'ć' | 'č' => out.push('c'),
            'é' | 'è' | 'ê' | 'ë' => out.push('e'),
            'ğ' => out.push('g'),
            'í' | 'î' | 'ï' => out.push('i'),
            'ô' => out.push('o'),
            'ö' => out.push_str("oe"),
            'š' => out.push('s'),
            'ß' => out.push_str("ss"),
            'ü' => out.push_str("ue"),
            _ => {}
        }
    }
    out
}

/// What an issuer's cards begin with, how long their numbers and codes are. The prefixes are those of test cards.
#[derive(Clone, Copy, Default)]
struct Issuer {
    name: &'static str,
    prefix: &'static str,
    number_digits: usize,
    code_digits: usize,
}

const ISSUERS: [Issuer; 5] = [
    Issuer { name: "Visa", prefix: "400000", number_digits: 16, code_digits: 3 },
    Issuer { name: "Mastercard", prefix: "555555", number_digits: 16, code_digits: 3 },
    Issuer { name: "American Express", prefix: "378282", number_digits: 15, code_digits: 4 },
    Issuer { name: "Discover", prefix: "601100", number_digits: 16, code_digits: 3 },
    Issuer { name: "JCB", prefix: "353011", number_digits: 16, code_digits: 3 },
];

fn card(id: u64, rng: &mut StdRng) -> Vec<Option<String>> {
    let issuer = pick(&ISSUERS, rng);
    let number = card_number(issuer, rng);
    let expiration = format!("{:02}/{:02}", rng.random_range(1..=12), rng.random_range(26..=31));
    let code = digits(issuer.code_digits, rng);
    vec![
        Some(issuer.name.to_owned()),
        Some(if strikes(id, 23, 90) { String::new() } else { number }),
        (!strikes(id, 11, 45)).then_some(expiration),
        (!strikes(id, 17, 30)).then_some(code),
    ]
}

fn card_number(issuer: Issuer, rng: &mut StdRng) -> String {
    let mut number = issuer.prefix.to_owned();
    number += &digits(issuer.number_digits.saturating_sub(issuer.prefix.len() + 1), rng);
    let check = (10 - luhn_sum(&format!("{number}0")) % 10) % 10;
    format!("{number}{check}")
}

/// The sum that a sound card number has as a multiple of 10.
fn luhn_sum(number: &str) -> u32 {
    let digits = number.chars().rev().filter_map(|c| c.to_digit(10)).enumerate();
    digits.map(|(place, digit)| if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }).sum()
}

fn bank(id: u64, rng: &mut StdRng) -> Vec<Option<String>> {
    // No bank of these names exists.
    let bank = pick(&["SALT", "DEMO", "XYZB"], rng);
    let account = rng.random_range(1_000..100_000_000);
    let bban = format!("{bank}{}{}", digits(6, rng), digits(8, rng));
    let iban = iban(&bban);
    vec![
        Some(if strikes(id, 33, 80) { String::new() } else { format!("XYZ-{account}") }),
        Some(iban),
        (!strikes(id, 12, 35)).then_some(bban),
    ]
}

/// The British IBAN of a basic bank account number.
fn iban(bban: &str) -> String {
    let check = 98 - remainder_97(&format!("{bban}GB00"));
    format!("GB{check:02}{bban}")
}

/// The number that a text is, with `A` as 10 to `Z` as 35, modulo 97.
fn remainder_97(text: &str) -> u32 {
    text.chars().filter_map(|c| c.to_digit(36)).fold(0, |rest, digit| {
        let shift = if digit < 10 { 10 } else { 100 };
        (rest * shift + digit) % 97
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use std::collections::BTreeSet;

    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    use bytes::Bytes;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::metadata::RowGroupMetaData;

    use super::*;

    fn written(table: &Table, rows: usize) -> (Vec<u8>, WrittenFile) {
        let mut bytes = Vec::new();
        let file = write(table, rows, &mut bytes).unwrap();
        (bytes, file)
    }

    fn table(name: &str) -> &'static Table {
        TABLES.iter().find(|table| table.name == name).unwrap()
    }

    /// The rows of a table as texts.
    fn rows_of(table: &Table, rows: u64) -> Vec<Vec<Option<String>>> {
        (1..=rows).map(|id| (table.row)(id, &mut chance(table.seed, id))).collect()
    }

    /// The values of one column.
    fn values_of(name: &str, column: &str, rows: u64) -> Vec<Option<String>> {
        let table = table(name);
        let index = table.columns.iter().position(|other| *other == column).unwrap();
        rows_of(table, rows).into_iter().map(|row| row[index].clone()).collect()
    }

    #[test]
    fn the_same_number_of_rows_gives_the_same_bytes() {
        for table in &TABLES {
            let (bytes, file) = written(table, 300);
            assert_eq!(bytes, written(table, 300).0, "{}", table.name);
            assert_eq!(file.bytes, bytes.len() as u64);
            assert_eq!(file.etag, &const_hex::encode(Sha256::digest(&bytes))[..32]);
            assert_ne!(file.etag, written(table, 301).1.etag);
        }
    }

    #[test]
    fn files_are_laid_out_as_dms_writes_them() {
        for table in &TABLES {
            let (bytes, _) = written(table, ROW_GROUP_ROWS + 5);
            let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
            let metadata = Arc::clone(reader.metadata());
            let groups: Vec<i64> = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).collect();
            assert_eq!(groups, [10_024, 5]);
            for column in metadata.row_groups().iter().flat_map(RowGroupMetaData::columns) {
                assert!(matches!(column.compression(), Compression::GZIP(_)));
            }
            let names: Vec<&str> = reader.schema().fields().iter().map(|field| field.name().as_str()).collect();
            assert_eq!(names[0], "id");
            assert_eq!(&names[1..], table.columns);
            let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
            let mut ids: Vec<i64> = Vec::new();
            for batch in &batches {
                ids.extend(batch.column(0).as_primitive::<Int64Type>().values());
            }
            assert!(ids.into_iter().eq(1..=10_029));
        }
    }

    #[test]
    fn tallies_tell_what_the_rows_hold() {
        for table in &TABLES {
            let (_, file) = written(table, 500);
            let rows = rows_of(table, 500);
            for (index, tally) in file.tallies.iter().enumerate() {
                let holding: Vec<u64> = (0..500)
                    .filter(|row| rows[usize::try_from(*row).unwrap()][index].as_ref().is_some_and(|it| !it.is_empty()))
                    .collect();
                assert_eq!(tally.column, table.columns[index]);
                assert_eq!(tally.values, holding.len() as u64);
                assert_eq!(tally.first_rows, holding[..LOCATIONS_MAX]);
            }
        }
    }

    #[test]
    fn the_first_row_holds_everything() {
        for table in &TABLES {
            assert!(rows_of(table, 1)[0].iter().all(|cell| cell.as_ref().is_some_and(|text| !text.is_empty())));
        }
    }

    #[test]
    fn cells_that_masks_must_tell_apart_are_there() {
        let mails = values_of("customer", "mail", 100);
        assert!(mails.contains(&None) && mails.contains(&Some(String::new())));
        let names: String = values_of("customer", "name", 100).into_iter().flatten().collect();
        assert!(names.contains('é') && names.contains('ü'), "{names}");
        let users = values_of("customer", "username", 10);
        assert_eq!(users[1], users[4]);
        assert_ne!(mails[1], mails[4]);
    }

    #[test]
    fn mails_are_addresses_at_domains_kept_for_examples() {
        for mail in values_of("customer", "mail", 2_000).into_iter().flatten().filter(|mail| !mail.is_empty()) {
            let (user, domain) = mail.split_once('@').unwrap();
            assert!(["example.com", "example.org", "example.net"].contains(&domain), "{mail}");
            let (first, last) = user.split_once('.').unwrap();
            assert!(!first.is_empty() && last.len() > 2, "{mail}");
            assert!(user.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.'), "{mail}");
        }
    }

    #[test]
    fn birthdates_are_dates() {
        for date in values_of("customer", "birthdate", 2_000).into_iter().flatten() {
            let date = NaiveDate::parse_from_str(&date, "%Y-%m-%d").unwrap();
            assert!(
                NaiveDate::from_ymd_opt(1940, 1, 1) <= Some(date) && Some(date) < NaiveDate::from_ymd_opt(2008, 1, 1)
            );
        }
    }

    #[test]
    fn card_numbers_satisfy_luhn() {
        assert_eq!(luhn_sum("4111111111111111") % 10, 0);
        assert_ne!(luhn_sum("4111111111111112") % 10, 0);
        let numbers = values_of("card", "card_number", 2_000);
        for number in numbers.iter().flatten().filter(|number| !number.is_empty()) {
            assert!((15..=16).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()), "{number}");
            assert_eq!(luhn_sum(number) % 10, 0, "{number}");
        }
        assert!(numbers.into_iter().collect::<BTreeSet<_>>().len() > 1_900);
    }

    #[test]
    fn cards_expire_in_a_month_of_a_year() {
        for expiration in values_of("card", "card_expiration", 500).into_iter().flatten() {
            let (month, year) = expiration.split_once('/').unwrap();
            assert!((1..=12).contains(&month.parse::<u8>().unwrap()) && month.len() == 2, "{expiration}");
            assert!((26..=31).contains(&year.parse::<u8>().unwrap()) && year.len() == 2, "{expiration}");
        }
    }

    #[test]
    fn ibans_satisfy_mod_97_and_hold_their_bban() {
        assert_eq!(iban("WEST12345698765432"), "GB82WEST12345698765432");
        let bbans = values_of("bank", "bban", 2_000);
        for (iban, bban) in values_of("bank", "iban", 2_000).into_iter().zip(bbans) {
            let iban = iban.unwrap();
            assert_eq!(iban.len(), 22);
            assert_eq!(remainder_97(&format!("{}{}", &iban[4..], &iban[..4])), 1, "{iban}");
            assert!(bban.is_none_or(|bban| bban == iban[4..]));
        }
    }
}
