//! Dates and timestamps as people count them: wall clocks, months of different lengths, whole units between two moments.

use std::str::FromStr;

use arrow::array::timezone::Tz;
use arrow::datatypes::DataType;
use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone};

/// A unit that `date_add` and `date_diff` count in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// So many months.
    Months(i64),
    /// So many days.
    Days(i64),
    /// So many microseconds.
    Micros(i64),
}

impl Unit {
    pub(super) fn read(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "millisecond" => Self::Micros(1_000),
            "second" => Self::Micros(1_000_000),
            "minute" => Self::Micros(60 * 1_000_000),
            "hour" => Self::Micros(3_600 * 1_000_000),
            "day" => Self::Days(1),
            "week" => Self::Days(7),
            "month" => Self::Months(1),
            "quarter" => Self::Months(3),
            "year" => Self::Months(12),
            _ => return None,
        })
    }
}

/// Where a column's moments are looked at.
pub(super) struct Place {
    zone: Option<Tz>,
}

impl Place {
    /// The zone of a column's type. One that nobody knows counts as UTC.
    pub(super) fn of(data_type: &DataType) -> Self {
        let zone = match data_type {
            DataType::Timestamp(_, Some(zone)) => Tz::from_str(zone).ok(),
            _ => None,
        };
        Self { zone }
    }

    /// What a clock on the wall shows, and how many seconds it is ahead of UTC.
    pub(super) fn wall(&self, micros: i64) -> Option<(NaiveDateTime, i32)> {
        let utc = DateTime::from_timestamp_micros(micros)?.naive_utc();
        match &self.zone {
            None => Some((utc, 0)),
            Some(zone) => {
                let ahead = zone.offset_from_utc_datetime(&utc).fix().local_minus_utc();
                Some((utc.checked_add_signed(TimeDelta::seconds(ahead.into()))?, ahead))
            }
        }
    }

    /// The moment at which a clock on the wall shows a time. An hour that is left out in spring is taken an hour later.
    pub(super) fn instant(&self, wall: NaiveDateTime) -> Option<i64> {
        let utc = match &self.zone {
            None => wall,
            Some(zone) => {
                let found = zone.offset_from_local_datetime(&wall).earliest();
                // What clocks leave out is taken as if they had not been put forward.
                let found = found.or_else(|| {
                    let before = wall.checked_sub_signed(TimeDelta::days(1))?;
                    Some(zone.offset_from_utc_datetime(&before))
                });
                behind(wall, found?.fix().local_minus_utc())?
            }
        };
        Some(utc.and_utc().timestamp_micros())
    }
}

fn behind(wall: NaiveDateTime, seconds: i32) -> Option<NaiveDateTime> {
    wall.checked_sub_signed(TimeDelta::seconds(seconds.into()))
}

/// The date at so many days since 1970.
pub(super) fn date_of(days: i32) -> Option<NaiveDate> {
    NaiveDate::from_epoch_days(days)
}

/// Days since 1970.
pub(super) fn days_of(date: NaiveDate) -> i32 {
    date.to_epoch_days()
}

/// So many months later, on the last day of a month that is too short.
pub(super) fn plus_months(date: NaiveDate, months: i64) -> Option<NaiveDate> {
    let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { date.checked_sub_months(count) } else { date.checked_add_months(count) }
}

/// So many units later.
pub(super) fn plus(place: &Place, micros: i64, unit: Unit, count: i64) -> Option<i64> {
    match unit {
        Unit::Micros(step) => micros.checked_add(step.checked_mul(count)?),
        Unit::Days(step) => {
            let (wall, _) = place.wall(micros)?;
            place.instant(wall.checked_add_signed(TimeDelta::try_days(step.checked_mul(count)?)?)?)
        }
        Unit::Months(step) => {
            let (wall, _) = place.wall(micros)?;
            let date = plus_months(wall.date(), step.checked_mul(count)?)?;
            place.instant(date.and_time(wall.time()))
        }
    }
}

/// How many whole units lie between two times, towards zero.
pub(super) fn between(from: NaiveDateTime, to: NaiveDateTime, unit: Unit) -> Option<i64> {
    let micros = to.signed_duration_since(from).num_microseconds()?;
    Some(match unit {
        Unit::Micros(step) => micros / step,
        Unit::Days(step) => micros / (step * 86_400_000_000),
        Unit::Months(step) => months_between(from, to)? / step,
    })
}

fn months_between(from: NaiveDateTime, to: NaiveDateTime) -> Option<i64> {
    let month = |time: &NaiveDateTime| i64::from(time.year()) * 12 + i64::from(time.month0());
    let months = month(&to) - month(&from);
    let reached = plus_months(from.date(), months)?.and_time(from.time());
    Some(match (to >= from, reached.cmp(&to)) {
        (true, std::cmp::Ordering::Greater) => months - 1,
        (false, std::cmp::Ordering::Less) => months + 1,
        _ => months,
    })
}

/// Reads ISO 8601: a date, or a date and a time with or without an offset. Gives the wall time and the offset.
pub(super) fn read_iso(text: &str) -> Option<(NaiveDateTime, Option<i32>)> {
    let (date, rest) = match text.split_once(['T', ' ']) {
        Some((date, rest)) => (date, rest),
        None => (text, ""),
    };
    let date = read_iso_date(date)?;
    let split = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, offset) = rest.split_at_checked(split)?;
    let time = match time {
        "" => chrono::NaiveTime::MIN,
        _ => ["%H:%M:%S%.f", "%H:%M", "%H"].iter().find_map(|format| {
            if *format == "%H" {
                return chrono::NaiveTime::from_hms_opt(time.parse().ok()?, 0, 0);
            }
            chrono::NaiveTime::parse_from_str(time, format).ok()
        })?,
    };
    Some((date.and_time(time), read_offset(offset)?))
}

/// Reads a date: `2020-01-31`, `2020-01`, `2020`, `2020-W02-1`, `2020-123`.
pub(super) fn read_iso_date(text: &str) -> Option<NaiveDate> {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |text: &&str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let year = parts.first().and_then(number).and_then(|year| i32::try_from(year).ok())?;
    match parts.as_slice() {
        [_] => NaiveDate::from_ymd_opt(year, 1, 1),
        [_, week] if week.starts_with('W') => {
            NaiveDate::from_isoywd_opt(year, week.get(1..)?.parse().ok()?, chrono::Weekday::Mon)
        }
        [_, week, day] if week.starts_with('W') => {
            let day = chrono::Weekday::try_from(u8::try_from(number(day)?.checked_sub(1)?).ok()?).ok()?;
            NaiveDate::from_isoywd_opt(year, week.get(1..)?.parse().ok()?, day)
        }
        [_, day] if day.len() == 3 => NaiveDate::from_yo_opt(year, number(day)?),
        [_, month] => NaiveDate::from_ymd_opt(year, number(month)?, 1),
        [_, month, day] => NaiveDate::from_ymd_opt(year, number(month)?, number(day)?),
        _ => None,
    }
}

/// Reads an offset from UTC in seconds: nothing, `Z`, `+02`, `+0200`, `+02:00`.
#[expect(clippy::option_option, reason = "no offset is not the same as a wrong one")]
pub(super) fn read_offset(text: &str) -> Option<Option<i32>> {
    let (sign, digits) = match text.split_at_checked(1) {
        None => return if text.is_empty() { Some(None) } else { None },
        Some(("Z", "")) => return Some(Some(0)),
        Some(("+", digits)) => (1, digits.replace(':', "")),
        Some(("-", digits)) => (-1, digits.replace(':', "")),
        Some(_) => return None,
    };
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) || !matches!(digits.len(), 2 | 4) {
        return None;
    }
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..).filter(|rest| !rest.is_empty()).map_or(Some(0), |rest| rest.parse().ok())?;
    (hours <= 18 && minutes < 60).then_some(Some(sign * (hours * 3600 + minutes * 60)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn at(text: &str) -> NaiveDateTime {
        read_iso(text).unwrap().0
    }

    #[test]
    fn whole_units_lie_between_two_times() {
        for (unit, from, to, expected) in [
            ("month", "2020-01-31", "2020-02-29", 1),
            ("month", "2020-01-31", "2020-03-30", 1),
            ("month", "2020-03-30", "2020-01-31", -1),
            ("year", "2019-03-01", "2020-02-29", 0),
            ("day", "2020-03-01T12:00", "2020-03-02T11:59", 0),
            ("quarter", "2020-01-01", "2020-12-31", 3),
        ] {
            assert_eq!(between(at(from), at(to), Unit::read(unit).unwrap()), Some(expected), "{unit} {from} {to}");
        }
    }

    #[test]
    fn iso_dates_are_read_in_their_forms() {
        for text in ["2020-05-11", "2020-W20", "2020-W20-1", "2020-132"] {
            assert_eq!(read_iso_date(text), NaiveDate::from_ymd_opt(2020, 5, 11), "{text}");
        }
        for text in ["", "x", "2020-13-01", "2020-W54-1", "-", "2020-02-30", "\u{661}"] {
            assert_eq!(read_iso_date(text), None, "{text}");
        }
        assert_eq!(read_iso("2020-05-11T11:15:05.055+01:00").unwrap().1, Some(3600));
        assert_eq!(read_iso("2020-05-11T11:15:05+é"), None);
    }
}
