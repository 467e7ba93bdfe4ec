//! Twin lakes: what a role sees of them is the same, and what it does not see differs in every way.
//!
//! The hidden rows of lake A are tame: whatever a statement does with a visible value, it could do with them. Those of
//! lake B are made to be noticed: texts that no cast takes, zeros, the ends of every type, NULLs, other dictionaries,
//! other files, other row groups, more rows.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, ListBuilder,
    StringArray, StringBuilder, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};

use crate::support::lake::Table;

/// Stands in every hidden text.
pub(super) const CANARY: &str = "canary";

/// Stands in every hidden number of lake A, and in some of lake B's.
pub(super) const CANARY_DIGITS: &str = "770077";

/// Visible customers have ids 10, 20, … up to ten times this.
pub(super) const CUSTOMERS: i64 = 24;

/// Cells with a condition are visible up to this id.
pub(super) const CELLS_UP_TO: i64 = 120;

/// Visible orders have ids 1 up to this.
pub(super) const ORDERS: i64 = 40;

/// Which of the twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

/// A city and a zip code.
type Home = (Option<String>, Option<String>);

#[derive(Clone, Debug, Default)]
struct Customer {
    id: Option<i64>,
    name: Option<String>,
    mail: Option<String>,
    phone: Option<String>,
    region: Option<String>,
    birthdate: Option<i32>,
    score: Option<f64>,
    amount: Option<i128>,
    balance: Option<i32>,
    active: Option<bool>,
    seen: Option<i64>,
    tags: Option<Vec<Option<String>>>,
    home: Option<Home>,
    note: Option<String>,
    secret: Option<String>,
}

fn some(text: impl Into<String>) -> Option<String> {
    Some(text.into())
}

/// A customer that the role sees. Its clear address, its secret and its hidden cells are not the same in both lakes.
fn visible(number: i64, side: Side) -> Customer {
    let id = (number + 1) * 10;
    let shown = id <= CELLS_UP_TO;
    let tame = side == Side::A;
    let small = i32::try_from(number).unwrap();
    let own = if tame { "one" } else { "another-quite-longer-one" };
    Customer {
        id: Some(id),
        name: some(format!("{}", 100 + number * 7 % 50)),
        mail: some(format!("u{own}-{CANARY}@shop{}.example.com", number % 3)),
        phone: (number != 5).then(|| format!("+49 30 {}", 5550 + number)),
        region: some("EU"),
        birthdate: (number != 7).then_some(3650 + small * 365),
        score: (number != 3).then(|| f64::from(small) * 1.25 + 0.5),
        amount: Some(i128::from(number) * 1099 + 1),
        balance: match (shown, tame) {
            (true, _) => (number != 2).then_some(small * 10 - 30),
            (false, true) => Some(770_077),
            (false, false) => (number % 2 == 0).then_some(if number % 4 == 0 { 0 } else { i32::MIN }),
        },
        active: (number != 9).then_some(number % 2 == 0),
        seen: Some(1_700_000_000_000_000 + number * 86_400_000_000),
        tags: match (shown, tame) {
            (true, _) => Some((0..number % 4).map(|tag| (tag != 2).then(|| format!("t{tag}"))).collect()),
            (false, true) => Some(vec![some(CANARY_DIGITS)]),
            (false, false) => (number % 3 != 0).then(|| vec![some(format!("{CANARY}-tag")); 5]),
        },
        home: match (shown, tame) {
            (true, _) => {
                Some((some(format!("city{}", number % 4)), (number != 4).then(|| format!("{}", 1000 + number))))
            }
            (false, true) => Some((some(CANARY_DIGITS), some(CANARY_DIGITS))),
            (false, false) => {
                (number % 3 != 0).then(|| (some(format!("{CANARY}-city")), some(format!("{CANARY}-zip"))))
            }
        },
        note: match (shown, tame) {
            (true, _) => {
                (number != 6).then(|| if number % 5 == 4 { "n/a".to_owned() } else { format!("{}", number % 5) })
            }
            (false, true) => some(CANARY_DIGITS),
            (false, false) => (number % 4 != 0).then(|| format!("{CANARY}-note-that-is-long-{number}")),
        },
        secret: some(format!("{CANARY}-secret-{own}-{number}")),
    }
}

/// A customer that the role does not see, in lake A: a number in every text, nothing at the end of its type.
fn tame(number: i64) -> Customer {
    let small = i32::try_from(number).unwrap();
    Customer {
        id: Some(number * 10 + 5),
        name: some(CANARY_DIGITS),
        mail: some(format!("h{CANARY}@hidden.example.com")),
        phone: some(CANARY_DIGITS),
        region: some("US"),
        birthdate: Some(7000 + small),
        score: Some(7700.77),
        amount: Some(77_007_700),
        balance: Some(770_077),
        active: Some(true),
        seen: Some(1_650_000_000_000_000),
        tags: Some(vec![some(CANARY_DIGITS)]),
        home: Some((some(CANARY_DIGITS), some(CANARY_DIGITS))),
        note: some(CANARY_DIGITS),
        secret: some(format!("{CANARY}-secret-{number}")),
    }
}

/// A customer that the role does not see, in lake B: poison for every expression.
fn poisoned(number: i64) -> Customer {
    let text = |what: &str| some(format!("{CANARY}-{what}-{number}"));
    let ends = number % 3;
    let pick = |low: i64, middle: i64, high: i64| [low, middle, high][usize::try_from(ends).unwrap()];
    Customer {
        id: Some(pick(i64::MIN + number, 0, i64::MAX - number)),
        name: if number % 5 == 0 { some("0") } else { text("name") },
        mail: if number % 4 == 0 { None } else { text("mail") },
        phone: if number % 4 == 1 { some("") } else { text("phone") },
        region: [some("US"), some("APAC"), None][usize::try_from(number % 3).unwrap()].clone(),
        birthdate: Some(i32::try_from(pick(i32::MIN.into(), 0, i32::MAX.into())).unwrap()),
        score: Some([f64::NAN, 0.0, f64::INFINITY][usize::try_from(ends).unwrap()]),
        amount: Some([-999_999_999_999, 0, 999_999_999_999][usize::try_from(ends).unwrap()]),
        balance: Some(i32::try_from(pick(i32::MIN.into(), 0, i32::MAX.into())).unwrap()),
        active: [Some(true), Some(false), None][usize::try_from(ends).unwrap()],
        seen: Some(pick(i64::MIN, 0, i64::MAX)),
        tags: [None, Some(Vec::new()), Some(vec![text("tag"), None, text("tag")])][usize::try_from(ends).unwrap()]
            .clone(),
        home: [None, Some((None, None)), Some((text("city"), text("zip")))][usize::try_from(ends).unwrap()].clone(),
        note: if ends == 0 { None } else { text("note") },
        secret: text("secret"),
    }
}

/// The customers of a lake in the order of its files, and how many stand in each file and in a row group.
fn customers(side: Side) -> (Vec<Customer>, &'static [usize], usize) {
    let mut rows = Vec::new();
    match side {
        Side::A => {
            for number in 0..CUSTOMERS {
                rows.push(visible(number, side));
                if number % 2 == 0 {
                    rows.push(tame(number));
                }
            }
            (rows, &[13, 11, 12], 5)
        }
        Side::B => {
            rows.extend((0..9).map(poisoned));
            for number in 0..CUSTOMERS {
                rows.extend((0..number % 4).map(|extra| poisoned(100 + number * 4 + extra)));
                rows.push(visible(number, side));
            }
            rows.extend((500..512).map(poisoned));
            // The first file and the last hold hidden rows alone.
            (rows, &[9, 6, 17, 37, 12], 4)
        }
    }
}

fn encode(rows: &[Customer], group: usize) -> Vec<u8> {
    fn texts<'a>(rows: &'a [Customer], of: impl Fn(&'a Customer) -> &'a Option<String>) -> ArrayRef {
        Arc::new(rows.iter().map(|row| of(row).as_deref()).collect::<StringArray>())
    }
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let amount =
        rows.iter().map(|row| row.amount).collect::<Decimal128Array>().with_precision_and_scale(12, 2).unwrap();
    let mut tags = ListBuilder::new(StringBuilder::new());
    for row in rows {
        tags.append_option(row.tags.clone());
    }
    let part = |of: fn(&Home) -> &Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.home.as_ref().and_then(|home| of(home).as_deref())).collect::<StringArray>())
    };
    let fields = ["city", "zip"].map(|name| Field::new(name, DataType::Utf8, true));
    let known: NullBuffer = rows.iter().map(|row| row.home.is_some()).collect::<Vec<bool>>().into();
    let home = StructArray::new(fields.to_vec().into(), vec![part(|home| &home.0), part(|home| &home.1)], Some(known));
    Table::new()
        .bigint("id", rows.iter().map(|row| row.id))
        .column("name", texts(rows, |row| &row.name))
        .column("mail", texts(rows, |row| &row.mail))
        .column("phone", texts(rows, |row| &row.phone))
        .column("region", texts(rows, |row| &row.region))
        .column("birthdate", Arc::new(rows.iter().map(|row| row.birthdate).collect::<Date32Array>()))
        .column("score", Arc::new(rows.iter().map(|row| row.score).collect::<Float64Array>()))
        .column("amount", Arc::new(amount))
        .column("balance", Arc::new(rows.iter().map(|row| row.balance).collect::<Int32Array>()))
        .column("active", Arc::new(rows.iter().map(|row| row.active).collect::<BooleanArray>()))
        .column("seen", Arc::new(rows.iter().map(|row| row.seen).collect::<TimestampMicrosecondArray>()))
        .column("tags", Arc::new(tags.finish()))
        .column("home", Arc::new(home))
        .column("note", cast(&texts(rows, |row| &row.note), &dictionary).unwrap())
        .column("secret", texts(rows, |row| &row.secret))
        .encode_in_groups(group)
}

/// An order: id, customer, total, day, status.
type Order = (i64, Option<i64>, Option<f64>, i32, &'static str);

/// A shop's folder, its orders, and how many stand in a row group.
type Shop = (&'static str, Vec<Order>, usize);

fn visible_order(number: i64, side: Side) -> Order {
    let status = ["paid", "open", "sent"][usize::try_from(number % 3).unwrap()];
    let total = match (status, side) {
        ("paid", _) => (number != 9).then_some(f64::from(i32::try_from(number).unwrap()) * 2.5 - 10.0),
        (_, Side::A) => Some(770_077.0),
        (_, Side::B) => (number % 2 == 0).then_some(if number % 4 == 0 { 0.0 } else { f64::NAN }),
    };
    let customer = (number % 11 != 0).then_some((number * 7 % (CUSTOMERS + 4)) * 10);
    (number, customer, total, 19_000 + i32::try_from(number).unwrap(), status)
}

/// Orders by the shop's folder. Some shops are hidden, and some orders of the others.
fn orders(side: Side) -> Vec<Shop> {
    let hidden = |number: i64| match side {
        Side::A => (1000 + number, Some(10), Some(770_077.0), 18_000, "internal"),
        Side::B => {
            (i64::MAX - number, (number % 2 == 0).then_some(i64::MIN), Some(f64::INFINITY), i32::MAX, "internal")
        }
    };
    let shop = |numbers: std::ops::RangeInclusive<i64>, every: i64| -> Vec<Order> {
        let rows = numbers.flat_map(|number| {
            let beside = (number % every == 0).then(|| hidden(number));
            [beside, Some(visible_order(number, side))].into_iter().flatten().collect::<Vec<_>>()
        });
        rows.collect()
    };
    match side {
        Side::A => vec![
            ("north", shop(1..=25, 5), 6),
            ("south", shop(26..=ORDERS, 7), 50),
            ("west", (1..4).map(|number| visible_order(number, side)).collect(), 50),
        ],
        Side::B => vec![
            ("canary-shop", (0..11).map(hidden).collect(), 3),
            ("north", shop(1..=25, 1), 9),
            ("south", shop(26..=ORDERS, 2), 3),
            ("zz-canary", (20..30).map(hidden).collect(), 50),
        ],
    }
}

fn encode_orders(rows: &[Order], group: usize) -> Vec<u8> {
    Table::new()
        .bigint("id", rows.iter().map(|row| Some(row.0)))
        .bigint("customer_id", rows.iter().map(|row| row.1))
        .double("total", rows.iter().map(|row| row.2))
        .column("placed", Arc::new(rows.iter().map(|row| Some(row.3)).collect::<Date32Array>()))
        .text("status", rows.iter().map(|row| row.4))
        .encode_in_groups(group)
}

/// The files of a lake: keys below it, and their bytes.
pub(super) fn files(side: Side) -> Vec<(String, Vec<u8>)> {
    let (rows, cuts, group) = customers(side);
    assert_eq!(cuts.iter().sum::<usize>(), rows.len(), "the cuts of {side:?}");
    let mut files = Vec::new();
    let mut rest = rows.as_slice();
    for (number, rows) in cuts.iter().enumerate() {
        let (these, others) = rest.split_at(*rows);
        files.push((format!("customer/LOAD{number:08}.parquet"), encode(these, group)));
        rest = others;
    }
    for (shop, rows, group) in orders(side) {
        files.push((format!("orders/shop={shop}/part-0.parquet"), encode_orders(&rows, group)));
    }
    files
}

/// A long table of two columns, for what happens at the ends of batches. Every `every`th row is visible.
pub(super) fn long_table(rows: i64, every: i64, group: usize) -> Vec<u8> {
    let region = (0..rows).map(|row| if row % every == 0 { "EU" } else { CANARY });
    let id = (0..rows).map(|row| Some(if row % every == 0 { row / every } else { -row }));
    let balance: Int32Array = (0..rows).map(|row| Some(i32::try_from(row).unwrap())).collect();
    let wide = Int64Array::from_iter_values(0..rows);
    Table::new()
        .bigint("id", id)
        .text("region", region)
        .column("balance", Arc::new(balance))
        .column("wide", Arc::new(wide))
        .encode_in_groups(group)
}
