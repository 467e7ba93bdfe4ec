//! How dates are written: the formats of `MySQL` (`date_format`, `date_parse`) and of Joda (`format_datetime`,
//! `parse_datetime`), as one list of parts.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// What a part of a format stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Era,
    Century,
    Year,
    ShortYear,
    WeekYear,
    Week,
    Month,
    MonthName,
    ShortMonthName,
    Day,
    DayOfYear,
    Weekday,
    WeekdayName,
    ShortWeekdayName,
    Hour,
    HourFromOne,
    HalfHour,
    HalfHourFromZero,
    HalfDay,
    Minute,
    Second,
    Fraction,
    Offset,
    OffsetWithColon,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A field, at least so wide when it is written, and at most so wide when it is read.
    Field(Field, usize, usize),
}

/// A format that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format {
    parts: Vec<Part>,
}

impl Format {
    /// Reads a format of `MySQL`. None if it holds what Trino does not know either.
    pub(super) fn mysql(format: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut letters = format.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                push_text(&mut parts, letter);
                continue;
            }
            let fields: &[(Field, usize, usize)] = match letters.next()? {
                'a' => &[(Field::ShortWeekdayName, 0, 0)],
                'b' => &[(Field::ShortMonthName, 0, 0)],
                'c' => &[(Field::Month, 1, 2)],
                'd' => &[(Field::Day, 2, 2)],
                'e' => &[(Field::Day, 1, 2)],
                'f' => &[(Field::Fraction, 6, 9)],
                'H' => &[(Field::Hour, 2, 2)],
                'h' | 'I' => &[(Field::HalfHour, 2, 2)],
                'i' => &[(Field::Minute, 2, 2)],
                'j' => &[(Field::DayOfYear, 3, 3)],
                'k' => &[(Field::Hour, 1, 2)],
                'l' => &[(Field::HalfHour, 1, 2)],
                'M' => &[(Field::MonthName, 0, 0)],
                'm' => &[(Field::Month, 2, 2)],
                'p' => &[(Field::HalfDay, 0, 0)],
                'S' | 's' => &[(Field::Second, 2, 2)],
                'v' => &[(Field::Week, 2, 2)],
                'W' => &[(Field::WeekdayName, 0, 0)],
                'x' => &[(Field::WeekYear, 4, 4)],
                'Y' => &[(Field::Year, 4, 4)],
                'y' => &[(Field::ShortYear, 2, 2)],
                'T' => {
                    push_clock(&mut parts, Field::Hour);
                    continue;
                }
                'r' => {
                    push_clock(&mut parts, Field::HalfHour);
                    push_text(&mut parts, ' ');
                    &[(Field::HalfDay, 0, 0)]
                }
                'D' | 'U' | 'u' | 'V' | 'w' | 'X' => return None,
                other => {
                    push_text(&mut parts, other);
                    continue;
                }
            };
            parts.extend(fields.iter().map(|(field, least, most)| Part::Field(*field, *least, *most)));
        }
        Some(Self { parts })
    }

    /// Reads a format of Joda. None if it holds a letter that stands for nothing.
    pub(super) fn joda(format: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut letters = format.chars().peekable();
        while let Some(letter) = letters.next() {
            if letter == '\'' {
                quoted(&mut letters, &mut parts)?;
                continue;
            }
            if !letter.is_ascii_alphabetic() {
                push_text(&mut parts, letter);
                continue;
            }
            let mut count = 1;
            while letters.next_if_eq(&letter).is_some() {
                count += 1;
                if count > 32 {
                    return None;
                }
            }
            parts.push(joda_field(letter, count)?);
        }
        // A number that another follows directly is as wide as it is written.
        for index in 1..parts.len() {
            if parts.get(index).is_some_and(Part::is_number)
                && let Some(Part::Field(_, least, most)) = parts.get_mut(index - 1)
            {
                *most = (*least).max(1);
            }
        }
        Some(Self { parts })
    }

    /// Writes a time, and how many seconds its clock is ahead of UTC.
    pub(super) fn write(&self, time: NaiveDateTime, ahead: i32) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field(field, least, _) => write_field(&mut out, *field, *least, time, ahead),
            }
        }
        out
    }

    /// Reads a time, and how many seconds its clock is ahead of UTC if the text says so.
    pub(super) fn read(&self, text: &str) -> Option<(NaiveDateTime, Option<i32>)> {
        let mut found = Found::default();
        let mut rest = text;
        for part in &self.parts {
            rest = match part {
                Part::Text(literal) => rest.strip_prefix(literal.as_str())?,
                Part::Field(field, _, most) => found.read(*field, *most, rest)?,
            };
        }
        if !rest.is_empty() {
            return None;
        }
        Some((found.date()?.and_time(found.time()?), found.offset))
    }
}

impl Part {
    fn is_number(&self) -> bool {
        matches!(self, Self::Field(_, _, most) if *most > 0)
    }
}

fn push_text(parts: &mut Vec<Part>, letter: char) {
    match parts.last_mut() {
        Some(Part::Text(text)) => text.push(letter),
        _ => parts.push(Part::Text(letter.to_string())),
    }
}

fn push_clock(parts: &mut Vec<Part>, hour: Field) {
    parts.push(Part::Field(hour, 2, 2));
    push_text(parts, ':');
    parts.push(Part::Field(Field::Minute, 2, 2));
    push_text(parts, ':');
    parts.push(Part::Field(Field::Second, 2, 2));
}

/// Reads up to the closing quote. Two quotes are one that is meant.
fn quoted(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, parts: &mut Vec<Part>) -> Option<()> {
    if letters.next_if_eq(&'\'').is_some() {
        push_text(parts, '\'');
        return Some(());
    }
    loop {
        match letters.next()? {
            '\'' if letters.next_if_eq(&'\'').is_none() => return Some(()),
            letter => push_text(parts, letter),
        }
    }
}

fn joda_field(letter: char, count: usize) -> Option<Part> {
    let number = |field| Part::Field(field, count, count.max(9));
    Some(match letter {
        'G' => Part::Field(Field::Era, 0, 0),
        'C' => number(Field::Century),
        'Y' | 'y' if count == 2 => Part::Field(Field::ShortYear, 2, 2),
        'Y' | 'y' => number(Field::Year),
        'x' => number(Field::WeekYear),
        'w' => number(Field::Week),
        'e' => number(Field::Weekday),
        'E' if count >= 4 => Part::Field(Field::WeekdayName, 0, 0),
        'E' => Part::Field(Field::ShortWeekdayName, 0, 0),
        'D' => number(Field::DayOfYear),
        'M' if count >= 4 => Part::Field(Field::MonthName, 0, 0),
        'M' if count == 3 => Part::Field(Field::ShortMonthName, 0, 0),
        'M' => number(Field::Month),
        'd' => number(Field::Day),
        'a' => Part::Field(Field::HalfDay, 0, 0),
        'K' => number(Field::HalfHourFromZero),
        'h' => number(Field::HalfHour),
        'H' => number(Field::Hour),
        'k' => number(Field::HourFromOne),
        'm' => number(Field::Minute),
        's' => number(Field::Second),
        'S' => Part::Field(Field::Fraction, count, count.max(9)),
        'Z' if count == 1 => Part::Field(Field::Offset, 0, 0),
        'Z' => Part::Field(Field::OffsetWithColon, 0, 0),
        _ => return None,
    })
}

fn write_field(out: &mut String, field: Field, least: usize, time: NaiveDateTime, ahead: i32) {
    let half = |hour: u32| if hour.is_multiple_of(12) { 12 } else { hour % 12 };
    let named = |names: &[&'static str], index: u32| {
        usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or_default()
    };
    let weekday = time.weekday().num_days_from_monday();
    let number = match field {
        Field::Era => return out.push_str(if time.year() > 0 { "AD" } else { "BC" }),
        Field::MonthName => return out.push_str(named(&MONTHS, time.month0())),
        Field::ShortMonthName => return out.push_str(named(&MONTHS, time.month0()).get(..3).unwrap_or_default()),
        Field::WeekdayName => return out.push_str(named(&WEEKDAYS, weekday)),
        Field::ShortWeekdayName => return out.push_str(named(&WEEKDAYS, weekday).get(..3).unwrap_or_default()),
        Field::HalfDay => return out.push_str(if time.hour() < 12 { "AM" } else { "PM" }),
        Field::Offset => return write_offset(out, ahead, ""),
        Field::OffsetWithColon => return write_offset(out, ahead, ":"),
        Field::Fraction => {
            let digits = format!("{:09}", time.nanosecond() % 1_000_000_000);
            out.push_str(digits.get(..least.min(9)).unwrap_or(&digits));
            return out.extend(std::iter::repeat_n('0', least.saturating_sub(9)));
        }
        Field::Century => i64::from(time.year() / 100),
        Field::Year => i64::from(time.year()),
        Field::ShortYear => i64::from(time.year().rem_euclid(100)),
        Field::WeekYear => i64::from(time.iso_week().year()),
        Field::Week => i64::from(time.iso_week().week()),
        Field::Month => i64::from(time.month()),
        Field::Day => i64::from(time.day()),
        Field::DayOfYear => i64::from(time.ordinal()),
        Field::Weekday => i64::from(weekday + 1),
        Field::Hour => i64::from(time.hour()),
        Field::HourFromOne => i64::from(if time.hour() == 0 { 24 } else { time.hour() }),
        Field::HalfHour => i64::from(half(time.hour())),
        Field::HalfHourFromZero => i64::from(time.hour() % 12),
        Field::Minute => i64::from(time.minute()),
        Field::Second => i64::from(time.second()),
    };
    out.push_str(&format!("{number:0least$}"));
}

fn write_offset(out: &mut String, ahead: i32, colon: &str) {
    let minutes = ahead.abs() / 60;
    let sign = if ahead < 0 { '-' } else { '+' };
    out.push_str(&format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60));
}

/// The fields that were read.
#[derive(Default)]
struct Found {
    year: Option<i32>,
    week_year: Option<i32>,
    week: Option<u32>,
    weekday: Option<u32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    hour: Option<u32>,
    half_hour: Option<u32>,
    afternoon: bool,
    minute: u32,
    second: u32,
    nanosecond: u32,
    offset: Option<i32>,
}

impl Found {
    /// Reads a field from the beginning of a text, and gives the rest of it.
    fn read<'a>(&mut self, field: Field, most: usize, text: &'a str) -> Option<&'a str> {
        match field {
            Field::Era
            | Field::WeekdayName
            | Field::ShortWeekdayName
            | Field::MonthName
            | Field::ShortMonthName
            | Field::HalfDay => return self.read_name(field, text),
            Field::Offset | Field::OffsetWithColon => return self.read_zone(text),
            _ => {}
        }
        let width = text.bytes().take(most.min(9)).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = text.split_at_checked(width)?;
        let number: u32 = digits.parse().ok()?;
        match field {
            Field::Year => self.year = i32::try_from(number).ok(),
            Field::ShortYear => self.year = i32::try_from(if number < 70 { 2000 + number } else { 1900 + number }).ok(),
            Field::WeekYear => self.week_year = i32::try_from(number).ok(),
            Field::Week => self.week = Some(number),
            Field::Weekday => self.weekday = Some(number.checked_sub(1)?),
            Field::Month => self.month = Some(number),
            Field::Day => self.day = Some(number),
            Field::DayOfYear => self.day_of_year = Some(number),
            Field::Hour => self.hour = Some(number),
            Field::HourFromOne => self.hour = (1..=24).contains(&number).then_some(number % 24),
            Field::HalfHour => self.half_hour = Some((1..=12).contains(&number).then_some(number % 12)?),
            Field::HalfHourFromZero => self.half_hour = Some((number < 12).then_some(number)?),
            Field::Minute => self.minute = number,
            Field::Second => self.second = number,
            Field::Fraction => {
                let power = 9_u32.checked_sub(u32::try_from(width).ok()?)?;
                self.nanosecond = number.checked_mul(10_u32.checked_pow(power)?)?;
            }
            _ => return None,
        }
        Some(rest)
    }

    fn read_name<'a>(&mut self, field: Field, text: &'a str) -> Option<&'a str> {
        let after = |name: &str| text.get(..name.len()).filter(|head| head.eq_ignore_ascii_case(name)).map(str::len);
        let find = |names: &[&'static str]| {
            // The long form first, so that its rest is not left over.
            let long = names.iter().position(|name| after(name).is_some());
            let found = long.map(|index| (index, true)).or_else(|| {
                names
                    .iter()
                    .position(|name| name.get(..3).is_some_and(|short| after(short).is_some()))
                    .map(|i| (i, false))
            })?;
            let length = if found.1 { names.get(found.0)?.len() } else { 3 };
            Some((u32::try_from(found.0).ok()?, length))
        };
        let length = match field {
            Field::MonthName | Field::ShortMonthName => {
                let (index, length) = find(&MONTHS)?;
                self.month = Some(index + 1);
                length
            }
            Field::WeekdayName | Field::ShortWeekdayName => find(&WEEKDAYS)?.1,
            Field::HalfDay => {
                self.afternoon = after("PM").is_some();
                after("AM").or_else(|| after("PM"))?
            }
            _ => after("AD").or_else(|| after("BC"))?,
        };
        text.get(length..)
    }

    fn read_zone<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let shape = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | ':' | 'Z');
        let end = text.find(|c| !shape(c)).unwrap_or(text.len());
        let (zone, rest) = text.split_at_checked(end)?;
        self.offset = Some(super::moments::read_offset(zone)??);
        Some(rest)
    }

    fn date(&self) -> Option<NaiveDate> {
        if let Some(week) = self.week {
            let day = Weekday::try_from(u8::try_from(self.weekday.unwrap_or(0)).ok()?).ok()?;
            return NaiveDate::from_isoywd_opt(self.week_year.or(self.year).unwrap_or(1970), week, day);
        }
        let year = self.year.or(self.week_year).unwrap_or(1970);
        match self.day_of_year {
            Some(day) => NaiveDate::from_yo_opt(year, day),
            None => NaiveDate::from_ymd_opt(year, self.month.unwrap_or(1), self.day.unwrap_or(1)),
        }
    }

    fn time(&self) -> Option<NaiveTime> {
        let hour = match (self.hour, self.half_hour) {
            (Some(hour), _) => hour,
            (None, Some(half)) => half + if self.afternoon { 12 } else { 0 },
            (None, None) => 0,
        };
        NaiveTime::from_hms_nano_opt(hour, self.minute, self.second, self.nanosecond)
    }
}
