//! Days and clock readings as ISO 8601 text, for every value that the integer behind them can hold.
//!
//! Written here and not taken from chrono, whose range ends at about the year 262 000: a date beyond it must neither
//! panic nor become NULL, because two such dates would then share a token.

use std::fmt::Write;

const SECONDS_PER_DAY: i64 = 86_400;

/// How finely a column counts time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
}

impl Unit {
    /// Ticks per second, and the decimal digits that one tick needs.
    fn scale(self) -> (i64, usize) {
        match self {
            Self::Second => (1, 0),
            Self::Millisecond => (1_000, 3),
            Self::Microsecond => (1_000_000, 6),
            Self::Nanosecond => (1_000_000_000, 9),
        }
    }

    /// Whole seconds, rounded down, and the ticks that are left.
    fn split(self, ticks: i64) -> (i64, u64) {
        let (per_second, _) = self.scale();
        (ticks.div_euclid(per_second), ticks.rem_euclid(per_second).unsigned_abs())
    }
}

/// Writes a day, counted from 1970-01-01, as `2024-01-31`.
///
/// Years outside 0 to 9999 carry a sign, as ISO 8601 asks: `+10000-01-01`, `-0001-12-31`.
pub(crate) fn write_date(days: i64, text: &mut String) {
    let (year, month, day) = civil(days);
    match year {
        0..=9999 => {
            write_two_digits(year.unsigned_abs() / 100, text);
            write_two_digits(year.unsigned_abs() % 100, text);
        }
        // Writing to a String cannot fail, here and below.
        10_000.. => drop(write!(text, "+{year}")),
        _ => drop(write!(text, "-{:04}", year.unsigned_abs())),
    }
    text.push('-');
    write_two_digits(month, text);
    text.push('-');
    write_two_digits(day, text);
}

/// Writes a moment, counted from 1970-01-01T00:00:00, as `2024-01-31T10:20:30.5`.
pub(crate) fn write_timestamp(ticks: i64, unit: Unit, text: &mut String) {
    let (seconds, fraction) = unit.split(ticks);
    write_date(seconds.div_euclid(SECONDS_PER_DAY), text);
    text.push('T');
    write_clock(seconds.rem_euclid(SECONDS_PER_DAY).unsigned_abs(), fraction, unit, text);
}

/// Writes milliseconds since 1970-01-01 as a day; with the time of day if it is not midnight, which Arrow rules out but
/// files hold.
pub(crate) fn write_date_of_milliseconds(milliseconds: i64, text: &mut String) {
    let per_day = SECONDS_PER_DAY * 1_000;
    if milliseconds.rem_euclid(per_day) == 0 {
        write_date(milliseconds.div_euclid(per_day), text);
    } else {
        write_timestamp(milliseconds, Unit::Millisecond, text);
    }
}

/// Writes a time of day as `10:20:30.5`. Values below midnight or past 24 hours, which no clock shows, keep their sign
/// and count hours on.
pub(crate) fn write_time(ticks: i64, unit: Unit, text: &mut String) {
    let (per_second, _) = unit.scale();
    if ticks < 0 {
        text.push('-');
    }
    let (ticks, per_second) = (ticks.unsigned_abs(), per_second.unsigned_abs());
    write_clock(ticks / per_second, ticks % per_second, unit, text);
}

/// Writes `HH:MM:SS` and the fraction without its trailing zeros.
fn write_clock(seconds: u64, fraction: u64, unit: Unit, text: &mut String) {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    write_two_digits(hours, text);
    text.push(':');
    write_two_digits(minutes, text);
    text.push(':');
    write_two_digits(seconds, text);
    if fraction != 0 {
        let (_, digits) = unit.scale();
        let _ = write!(text, ".{fraction:0digits$}");
        text.truncate(text.trim_end_matches('0').len());
    }
}

/// Writes a number of at least two digits. By hand where it has two, since formatting costs more than hashing.
fn write_two_digits(number: u64, text: &mut String) {
    match u32::try_from(number) {
        Ok(small @ 0..=99) => {
            let digits = [small / 10, small % 10].map(|digit| char::from_digit(digit, 10).unwrap_or('0'));
            text.extend(digits);
        }
        _ => drop(write!(text, "{number:02}")),
    }
}

/// Year, month and day in the proleptic Gregorian calendar.
///
/// The method is the usual one: count years from March, so that the leap day ends them, in eras of 400 years.
fn civil(days: i64) -> (i64, u64, u64) {
    let days = days + 719_468; // from 0000-03-01; a day count is far below the limits of i64
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month.unsigned_abs(), day.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::{Unit, write_date, write_date_of_milliseconds, write_time, write_timestamp};

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut text = String::new();
        write(&mut text);
        text
    }

    #[test]
    fn days_become_iso_dates() {
        let cases = [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_753, "2024-01-31"),
            (19_782, "2024-02-29"),
            (11_016, "2000-02-29"),
            (-25_509, "1900-02-28"),
            (-25_508, "1900-03-01"),
            (-719_528, "0000-01-01"),
            (-719_529, "-0001-12-31"),
            (2_932_896, "9999-12-31"),
            (2_932_897, "+10000-01-01"),
            // The ends of Date32, as numpy prints them.
            (i64::from(i32::MAX), "+5881580-07-11"),
            (i64::from(i32::MIN), "-5877641-06-23"),
        ];
        for (days, expected) in cases {
            assert_eq!(written(|text| write_date(days, text)), expected);
        }
    }

    #[test]
    fn timestamps_do_not_depend_on_the_unit() {
        let cases = [
            (1_706_696_430, Unit::Second, "2024-01-31T10:20:30"),
            (1_706_696_430_000, Unit::Millisecond, "2024-01-31T10:20:30"),
            (1_706_696_430_500, Unit::Millisecond, "2024-01-31T10:20:30.5"),
            (1_706_696_430_500_000, Unit::Microsecond, "2024-01-31T10:20:30.5"),
            (1_706_696_430_500_000_000, Unit::Nanosecond, "2024-01-31T10:20:30.5"),
            (1_706_696_430_000_000_001, Unit::Nanosecond, "2024-01-31T10:20:30.000000001"),
            (-1, Unit::Second, "1969-12-31T23:59:59"),
            (-1, Unit::Nanosecond, "1969-12-31T23:59:59.999999999"),
            (i64::MAX, Unit::Second, "+292277026596-12-04T15:30:07"),
            (i64::MIN, Unit::Second, "-292277022657-01-27T08:29:52"),
            (i64::MIN, Unit::Nanosecond, "1677-09-21T00:12:43.145224192"),
        ];
        for (ticks, unit, expected) in cases {
            assert_eq!(written(|text| write_timestamp(ticks, unit, text)), expected);
        }
    }

    #[test]
    fn milliseconds_at_midnight_are_a_date() {
        assert_eq!(written(|text| write_date_of_milliseconds(86_400_000, text)), "1970-01-02");
        assert_eq!(written(|text| write_date_of_milliseconds(86_400_001, text)), "1970-01-02T00:00:00.001");
        assert_eq!(written(|text| write_date_of_milliseconds(-86_400_000, text)), "1969-12-31");
    }

    #[test]
    fn times_of_day() {
        let cases = [
            (0, Unit::Second, "00:00:00"),
            (37_230, Unit::Second, "10:20:30"),
            (37_230_250, Unit::Millisecond, "10:20:30.25"),
            (-1, Unit::Millisecond, "-00:00:00.001"),
            (90_000, Unit::Second, "25:00:00"),
            (i64::MIN, Unit::Nanosecond, "-2562047:47:16.854775808"),
        ];
        for (ticks, unit, expected) in cases {
            assert_eq!(written(|text| write_time(ticks, unit, text)), expected);
        }
    }
}
