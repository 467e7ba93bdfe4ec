//! Trino's "Mathematical functions and operators" and "Bitwise functions" that the engine lacks.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::kernels::cmp::gt_eq;
use arrow::datatypes::Float64Type;
use datafusion::common::Result as EngineResult;

use super::row::{Columns, Kind, Spec, gives};

/// Whole numbers beside whole numbers.
const INTS: &[&[Kind]] = &[&[Kind::Int, Kind::Int]];

const fn bitwise(name: &'static str, run: fn(&Columns) -> EngineResult<ArrayRef>) -> Spec {
    Spec { name, takes: INTS, gives: gives::int, run, fails: false }
}

pub(super) const SPECS: &[Spec] = &[
    bitwise("bitwise_and", |c| c.ints(|row| Ok(Some(c.int(0, row) & c.int(1, row))))),
    bitwise("bitwise_or", |c| c.ints(|row| Ok(Some(c.int(0, row) | c.int(1, row))))),
    bitwise("bitwise_xor", |c| c.ints(|row| Ok(Some(c.int(0, row) ^ c.int(1, row))))),
    bitwise("bitwise_left_shift", |c| {
        shifted(c, |value, by| value.cast_unsigned().checked_shl(by).unwrap_or(0).cast_signed())
    }),
    bitwise("bitwise_right_shift", |c| {
        shifted(c, |value, by| value.cast_unsigned().checked_shr(by).unwrap_or(0).cast_signed())
    }),
    bitwise("bitwise_right_shift_arithmetic", |c| shifted(c, |value, by| value >> by.min(63))),
    Spec {
        name: "bitwise_not",
        takes: &[&[Kind::Int]],
        gives: gives::int,
        run: |c| c.ints(|row| Ok(Some(!c.int(0, row)))),
        fails: false,
    },
    Spec { name: "bit_count", takes: INTS, gives: gives::int, run: bit_count, fails: true },
    Spec { name: "to_base", takes: INTS, gives: gives::text, run: to_base, fails: true },
    Spec { name: "from_base", takes: &[&[Kind::Text, Kind::Int]], gives: gives::int, run: from_base, fails: true },
    Spec {
        name: "is_finite",
        takes: &[&[Kind::Double]],
        gives: gives::bool,
        run: |c| c.bools(|row| Ok(Some(c.double(0, row).is_finite()))),
        fails: false,
    },
    Spec {
        name: "is_infinite",
        takes: &[&[Kind::Double]],
        gives: gives::bool,
        run: |c| c.bools(|row| Ok(Some(c.double(0, row).is_infinite()))),
        fails: false,
    },
    Spec {
        name: "width_bucket",
        takes: &[&[Kind::Double, Kind::Double, Kind::Double, Kind::Int], &[Kind::Double, Kind::List]],
        gives: gives::int,
        run: width_bucket,
        fails: true,
    },
    Spec {
        name: "wilson_interval_lower",
        takes: &[&[Kind::Int, Kind::Int, Kind::Double]],
        gives: gives::double,
        run: |c| wilson(c, -1.0),
        fails: true,
    },
    Spec {
        name: "wilson_interval_upper",
        takes: &[&[Kind::Int, Kind::Int, Kind::Double]],
        gives: gives::double,
        run: |c| wilson(c, 1.0),
        fails: true,
    },
];

fn shifted(columns: &Columns, shift: fn(i64, u32) -> i64) -> EngineResult<ArrayRef> {
    columns.ints(|row| Ok(Some(shift(columns.int(0, row), u32::try_from(columns.int(1, row)).unwrap_or(u32::MAX)))))
}

/// How many bits are set in a number's two's complement of so many bits.
fn bit_count(columns: &Columns) -> EngineResult<ArrayRef> {
    columns.ints(|row| {
        let (value, bits) = (columns.int(0, row), columns.int(1, row));
        let bits = u32::try_from(bits).ok().filter(|bits| (2..=64).contains(bits));
        let bits = bits.ok_or_else(|| columns.wrong("there are 2 to 64 bits"))?;
        let least = -1_i64 << (bits - 1);
        if value < least || value > !least {
            return Err(columns.wrong("the number does not fit the bits"));
        }
        let mask = u64::MAX >> (64 - bits);
        Ok(Some(i64::from((value.cast_unsigned() & mask).count_ones())))
    })
}

fn radix(columns: &Columns, row: usize) -> EngineResult<u32> {
    let radix = u32::try_from(columns.int(1, row)).ok().filter(|radix| (2..=36).contains(radix));
    radix.ok_or_else(|| columns.wrong("the radix is between 2 and 36"))
}

fn to_base(columns: &Columns) -> EngineResult<ArrayRef> {
    columns.texts(|row| {
        let (value, radix) = (columns.int(0, row), radix(columns, row)?);
        let mut rest = value.unsigned_abs();
        let mut digits = Vec::new();
        loop {
            let digit = u32::try_from(rest % u64::from(radix)).unwrap_or(0);
            digits.extend(char::from_digit(digit, radix));
            rest /= u64::from(radix);
            if rest == 0 {
                break;
            }
        }
        digits.extend((value < 0).then_some('-'));
        Ok(Some(digits.iter().rev().collect::<String>()))
    })
}

fn from_base(columns: &Columns) -> EngineResult<ArrayRef> {
    columns.ints(|row| {
        let radix = radix(columns, row)?;
        let read = i64::from_str_radix(columns.text(0, row), radix);
        read.map(Some).map_err(|_| columns.wrong("not a number of that radix"))
    })
}

fn width_bucket(columns: &Columns) -> EngineResult<ArrayRef> {
    if columns.count() == 2 {
        return bucket_of_bins(columns);
    }
    columns.ints(|row| {
        let (value, low, high, count) =
            (columns.double(0, row), columns.double(1, row), columns.double(2, row), columns.int(3, row));
        if count <= 0 || low.total_cmp(&high).is_eq() || !value.is_finite() || !low.is_finite() || !high.is_finite() {
            return Err(columns.wrong("the buckets are at least one, between two finite bounds"));
        }
        let (value, low, high) = if low > high { (-value, -low, -high) } else { (value, low, high) };
        Ok(Some(if value < low {
            0
        } else if value >= high {
            count.checked_add(1).ok_or_else(|| columns.wrong("too many buckets"))?
        } else {
            whole((value - low) / (high - low) * from_whole(count)) + 1
        }))
    })
}

/// The bucket between bins that are sorted.
fn bucket_of_bins(columns: &Columns) -> EngineResult<ArrayRef> {
    let bins = arrow::compute::cast(
        columns.array(1)?,
        &arrow::datatypes::DataType::new_list(arrow::datatypes::DataType::Float64, true),
    )?;
    let bins = bins.as_list::<i32>();
    columns.ints(|row| {
        let value = columns.double(0, row);
        let bins = bins.value(row);
        let bins = bins.as_primitive::<Float64Type>();
        let sorted = bins.iter().is_sorted();
        if bins.is_empty() || bins.null_count() > 0 || !sorted || value.is_nan() {
            return Err(columns.wrong("the bins are sorted numbers, at least one"));
        }
        let value = arrow::array::Float64Array::new_scalar(value);
        let reached: BooleanArray = gt_eq(&value, bins)?;
        Ok(i64::try_from(reached.true_count()).ok())
    })
}

#[expect(clippy::cast_possible_truncation, reason = "the value lies between 0 and a whole number")]
fn whole(value: f64) -> i64 {
    value.floor() as i64
}

#[expect(clippy::cast_precision_loss, reason = "numbers beyond 2⁵³ are rounded, as Trino rounds them")]
fn from_whole(value: i64) -> f64 {
    value as f64
}

/// A bound of the Wilson score interval.
fn wilson(columns: &Columns, side: f64) -> EngineResult<ArrayRef> {
    columns.doubles(|row| {
        let (successes, trials, z) = (columns.int(0, row), columns.int(1, row), columns.double(2, row));
        if successes < 0 || trials <= 0 || successes > trials || z < 0.0 {
            return Err(columns.wrong("successes are at most the trials, and nothing is negative"));
        }
        let (s, n) = (from_whole(successes), from_whole(trials));
        let p = s / n;
        let middle = p + z * z / (2.0 * n);
        let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        Ok(Some((middle + side * spread) / (1.0 + z * z / n)))
    })
}
