//! Trino's "Date and time functions and operators" that the engine lacks.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Date32Type, TimestampMicrosecondType};
use chrono::Datelike;
use datafusion::common::Result as EngineResult;

use super::formats::Format;
use super::moments::{self, Place, Unit};
use super::row::{Columns, Kind, Remembered, Spec, gives};

const DAY_SECONDS: u64 = 86_400;

pub(super) const SPECS: &[Spec] = &[
    Spec {
        name: "date_add",
        takes: &[&[Kind::Text, Kind::Int, Kind::Date], &[Kind::Text, Kind::Int, Kind::Moment]],
        gives: gives::third,
        run: date_add,
        fails: true,
    },
    Spec {
        name: "date_diff",
        takes: &[&[Kind::Text, Kind::Moment, Kind::Moment]],
        gives: gives::int,
        run: date_diff,
        fails: true,
    },
    Spec {
        name: "date_format",
        takes: &[&[Kind::Moment, Kind::Text]],
        gives: gives::text,
        run: |columns| format(columns, Format::mysql),
        fails: true,
    },
    Spec {
        name: "date_parse",
        takes: &[&[Kind::Text, Kind::Text]],
        gives: gives::moment,
        run: |columns| parse(columns, Format::mysql),
        fails: true,
    },
    Spec {
        name: "format_datetime",
        takes: &[&[Kind::Moment, Kind::Text]],
        gives: gives::text,
        run: |columns| format(columns, Format::joda),
        fails: true,
    },
    Spec {
        name: "parse_datetime",
        takes: &[&[Kind::Text, Kind::Text]],
        gives: gives::instant,
        run: |columns| parse(columns, Format::joda),
        fails: true,
    },
    Spec {
        name: "from_iso8601_date",
        takes: &[&[Kind::Text]],
        gives: gives::date,
        run: |columns| {
            columns.primitives::<Date32Type>(|row| match moments::read_iso_date(columns.text(0, row)) {
                Some(date) => Ok(Some(moments::days_of(date))),
                None => Err(columns.wrong("not a date of ISO 8601")),
            })
        },
        fails: true,
    },
    Spec {
        name: "from_iso8601_timestamp",
        takes: &[&[Kind::Text]],
        gives: gives::instant,
        run: from_iso8601_timestamp,
        fails: true,
    },
    Spec {
        name: "to_iso8601",
        takes: &[&[Kind::Date], &[Kind::Moment]],
        gives: gives::text,
        run: to_iso8601,
        fails: false,
    },
    Spec {
        name: "from_unixtime_nanos",
        takes: &[&[Kind::Int]],
        gives: gives::instant,
        run: |columns| {
            columns.primitives::<TimestampMicrosecondType>(|row| Ok(Some(columns.int(0, row).div_euclid(1_000))))
        },
        fails: false,
    },
    Spec {
        name: "moment_of_unixtime",
        takes: &[&[Kind::Double]],
        gives: gives::moment,
        run: |columns| {
            columns.primitives::<TimestampMicrosecondType>(|row| {
                let micros = (columns.double(0, row) * 1_000_000.0).round();
                #[expect(clippy::cast_possible_truncation, reason = "it is looked at before")]
                let whole = (micros.abs() < 9.0e18).then_some(micros as i64);
                whole.map(Some).ok_or_else(|| columns.wrong("the number of seconds is out of range"))
            })
        },
        fails: true,
    },
    Spec {
        name: "human_readable_seconds",
        takes: &[&[Kind::Double]],
        gives: gives::text,
        run: |columns| {
            columns.texts(|row| {
                let seconds = columns.double(0, row);
                if seconds.is_finite() {
                    Ok(Some(readable(seconds)))
                } else {
                    Err(columns.wrong("not a number of seconds"))
                }
            })
        },
        fails: true,
    },
    Spec {
        name: "last_day_of_month",
        takes: &[&[Kind::Moment]],
        gives: gives::date,
        run: |columns| {
            let place = Place::of(columns.array(0)?.data_type());
            columns.primitives::<Date32Type>(|row| {
                let wall = place.wall(columns.moment(0, row));
                let first = wall.and_then(|(wall, _)| wall.date().with_day(1));
                let last = first.and_then(|first| moments::plus_months(first, 1)?.pred_opt());
                Ok(last.map(moments::days_of))
            })
        },
        fails: false,
    },
    Spec {
        name: "timezone_hour",
        takes: &[&[Kind::Moment]],
        gives: gives::int,
        run: |c| ahead(c, |s| s / 3_600),
        fails: false,
    },
    Spec {
        name: "timezone_minute",
        takes: &[&[Kind::Moment]],
        gives: gives::int,
        run: |c| ahead(c, |s| s % 3_600 / 60),
        fails: false,
    },
];

fn date_add(columns: &Columns) -> EngineResult<ArrayRef> {
    let unit = |row: usize| Unit::read(columns.text(0, row)).ok_or_else(|| columns.wrong("no such unit"));
    let far = || columns.wrong("the result is out of range");
    if columns.gives == DataType::Date32 {
        return columns.primitives::<Date32Type>(|row| {
            let date = moments::date_of(columns.date(2, row)).ok_or_else(far)?;
            let count = columns.int(1, row);
            let moved = match unit(row)? {
                Unit::Months(step) => count.checked_mul(step).and_then(|months| moments::plus_months(date, months)),
                Unit::Days(step) => count
                    .checked_mul(step)
                    .and_then(chrono::TimeDelta::try_days)
                    .and_then(|days| date.checked_add_signed(days)),
                Unit::Micros(_) => return Err(columns.wrong("a date has no time of day: cast it to a timestamp")),
            };
            moved.map(|date| Some(moments::days_of(date))).ok_or_else(far)
        });
    }
    let place = Place::of(&columns.gives);
    columns.primitives::<TimestampMicrosecondType>(|row| {
        let moved = moments::plus(&place, columns.moment(2, row), unit(row)?, columns.int(1, row));
        moved.map(Some).ok_or_else(far)
    })
}

fn date_diff(columns: &Columns) -> EngineResult<ArrayRef> {
    let from = Place::of(columns.array(1)?.data_type());
    let to = Place::of(columns.array(2)?.data_type());
    columns.ints(|row| {
        let unit = Unit::read(columns.text(0, row)).ok_or_else(|| columns.wrong("no such unit"))?;
        // Hours are those that pass, whatever the clocks do; days and months are those of the calendar.
        if let Unit::Micros(step) = unit {
            return Ok(columns.moment(2, row).checked_sub(columns.moment(1, row)).map(|micros| micros / step));
        }
        let walls = from.wall(columns.moment(1, row)).zip(to.wall(columns.moment(2, row)));
        let between = walls.and_then(|((from, _), (to, _))| moments::between(from, to, unit));
        between.map(Some).ok_or_else(|| columns.wrong("the result is out of range"))
    })
}

fn format(columns: &Columns, read: fn(&str) -> Option<Format>) -> EngineResult<ArrayRef> {
    let place = Place::of(columns.array(0)?.data_type());
    let mut formats = Remembered::new();
    columns.texts(|row| {
        let format = formats.of(columns.text(1, row), |text| Ok(read(text)))?;
        let format = format.as_ref().ok_or_else(|| columns.wrong("the format holds a letter that is not supported"))?;
        Ok(place.wall(columns.moment(0, row)).map(|(wall, ahead)| format.write(wall, ahead)))
    })
}

fn parse(columns: &Columns, read: fn(&str) -> Option<Format>) -> EngineResult<ArrayRef> {
    let mut formats = Remembered::new();
    columns.primitives::<TimestampMicrosecondType>(|row| {
        let format = formats.of(columns.text(1, row), |text| Ok(read(text)))?;
        let format = format.as_ref().ok_or_else(|| columns.wrong("the format holds a letter that is not supported"))?;
        let (wall, offset) =
            format.read(columns.text(0, row)).ok_or_else(|| columns.wrong("the text does not have the format"))?;
        Ok(utc(wall, offset))
    })
}

fn utc(wall: chrono::NaiveDateTime, offset: Option<i32>) -> Option<i64> {
    wall.and_utc().timestamp_micros().checked_sub(i64::from(offset.unwrap_or(0)) * 1_000_000)
}

fn from_iso8601_timestamp(columns: &Columns) -> EngineResult<ArrayRef> {
    columns.primitives::<TimestampMicrosecondType>(|row| match moments::read_iso(columns.text(0, row)) {
        Some((wall, offset)) => Ok(utc(wall, offset)),
        None => Err(columns.wrong("not a timestamp of ISO 8601")),
    })
}

fn to_iso8601(columns: &Columns) -> EngineResult<ArrayRef> {
    let data_type = columns.array(0)?.data_type();
    if *data_type == DataType::Date32 {
        return columns.texts(|row| Ok(moments::date_of(columns.date(0, row)).map(|date| date.to_string())));
    }
    let place = Place::of(data_type);
    let zoned = matches!(data_type, DataType::Timestamp(_, Some(_)));
    columns.texts(|row| {
        Ok(place.wall(columns.moment(0, row)).map(|(wall, ahead)| {
            let micros = wall.and_utc().timestamp_subsec_micros();
            let fraction =
                if micros.is_multiple_of(1_000) { format!("{:03}", micros / 1_000) } else { format!("{micros:06}") };
            let zone = match (zoned, ahead) {
                (false, _) => String::new(),
                (true, 0) => "Z".to_owned(),
                (true, _) => {
                    let minutes = ahead.abs() / 60;
                    let sign = if ahead < 0 { '-' } else { '+' };
                    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
                }
            };
            format!("{}.{fraction}{zone}", wall.format("%Y-%m-%dT%H:%M:%S"))
        }))
    })
}

fn ahead(columns: &Columns, part: fn(i64) -> i64) -> EngineResult<ArrayRef> {
    let place = Place::of(columns.array(0)?.data_type());
    columns.ints(|row| Ok(place.wall(columns.moment(0, row)).map(|(_, ahead)| part(ahead.into()))))
}

/// Seconds in weeks, days, hours, minutes and seconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "beyond 2⁶⁴ seconds the count stays there")]
fn readable(seconds: f64) -> String {
    let mut rest = seconds.abs().round() as u64;
    let mut said = Vec::new();
    for (name, size) in
        [("week", 7 * DAY_SECONDS), ("day", DAY_SECONDS), ("hour", 3_600), ("minute", 60), ("second", 1)]
    {
        let count = rest / size;
        rest %= size;
        if count > 0 || (size == 1 && said.is_empty()) {
            said.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    said.join(", ")
}
