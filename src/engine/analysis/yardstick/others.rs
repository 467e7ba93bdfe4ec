//! Dates, conditions, conversions, lambdas, and the sections that are absent as a whole.

use super::{Section, differs, missing, there, translated};

pub(super) const CONDITIONAL: Section = Section {
    title: "Conditional expressions",
    functions: &[
        there("CASE", "CASE 1 WHEN 1 THEN 'one' ELSE 'many' END"),
        translated("if", "if(1 > 2, 'a', 'b')"),
        there("coalesce", "coalesce(NULL, 1)"),
        there("nullif", "nullif(1, 1)"),
        differs(
            "try",
            "try(CAST('a' AS BIGINT) / 0)",
            "casts inside become TRY_CAST, division by zero and the failing functions of this page give NULL; other \
             functions of the engine still fail",
        ),
    ],
};

pub(super) const CONVERSION: Section = Section {
    title: "Conversion functions",
    functions: &[
        there("CAST", "CAST('1' AS BIGINT)"),
        there("TRY_CAST", "TRY_CAST('a' AS BIGINT)"),
        translated("CAST(x AS VARBINARY)", "CAST('a' AS VARBINARY)"),
        missing("CAST(x AS ARRAY(…)), MAP(…), ROW(…)", "`arrow_cast(x, 'List(Utf8)')`"),
        there("format_number", "format_number(1000000)"),
        missing("parse_data_size, parse_presto_data_size", ""),
        there("typeof", "typeof(1.5)"),
    ],
};

pub(super) const DATE_AND_TIME: Section = Section {
    title: "Date and time functions and operators",
    functions: &[
        there("date + interval", "DATE '2012-08-08' + INTERVAL '2' DAY"),
        there("timestamp - interval", "TIMESTAMP '2012-08-08 01:00:00' - INTERVAL '3' MONTH"),
        there("AT TIME ZONE", "TIMESTAMP '2012-10-31 01:00:00' AT TIME ZONE 'America/Los_Angeles'"),
        there("current_date", "current_date"),
        differs("current_time", "current_time", "without a time zone"),
        there("current_timestamp", "current_timestamp"),
        translated("current_timezone", "current_timezone()"),
        translated("date", "date(TIMESTAMP '2020-01-02 03:04:05')"),
        there("last_day_of_month", "last_day_of_month(DATE '2020-02-01')"),
        there("from_iso8601_timestamp", "from_iso8601_timestamp('2020-05-11T11:15:05')"),
        missing("from_iso8601_timestamp_nanos", "`from_iso8601_timestamp`, in microseconds"),
        there("from_iso8601_date", "from_iso8601_date('2020-W10')"),
        translated("at_timezone", "at_timezone(TIMESTAMP '2020-01-01 00:00:00', 'Europe/Berlin')"),
        translated("with_timezone", "with_timezone(TIMESTAMP '2020-01-01 00:00:00', 'Europe/Berlin')"),
        differs("from_unixtime", "from_unixtime(1.5)", "without a time zone, in UTC"),
        there("from_unixtime_nanos", "from_unixtime_nanos(1000000000)"),
        missing("localtime, localtimestamp", "`current_time`, `CAST(now() AS TIMESTAMP)`"),
        there("now", "now()"),
        there("to_iso8601", "to_iso8601(TIMESTAMP '2020-01-02 03:04:05')"),
        missing("to_milliseconds, parse_duration", "`EXTRACT(EPOCH FROM …)`"),
        differs("to_unixtime", "to_unixtime(TIMESTAMP '2020-01-01 00:00:00')", "gives whole seconds"),
        differs("date_trunc", "date_trunc('month', DATE '2001-08-22')", "gives a timestamp for a date"),
        there("date_add", "date_add('day', 3, DATE '2020-03-01')"),
        there("date_diff", "date_diff('hour', TIMESTAMP '2020-03-01 00:00:00', TIMESTAMP '2020-03-02 00:00:00')"),
        there("human_readable_seconds", "human_readable_seconds(96)"),
        differs(
            "date_format",
            "date_format(TIMESTAMP '2022-10-20 05:10:00', '%m-%d-%Y %H')",
            "MySQL's formats as in Trino; the engine's own, of Rust's chrono, are those of `to_char`",
        ),
        there("date_parse", "date_parse('2022/10/20/05', '%Y/%m/%d/%H')"),
        there("format_datetime", "format_datetime(TIMESTAMP '2022-10-20 05:10:00', 'yyyy-MM-dd')"),
        there("parse_datetime", "parse_datetime('2022-10-20 05:10', 'yyyy-MM-dd HH:mm')"),
        differs("EXTRACT", "EXTRACT(YEAR FROM DATE '2022-10-20')", "DOW counts from Sunday, which is 0"),
        translated("day, day_of_month", "day(DATE '2022-10-20')"),
        translated("day_of_week, dow", "day_of_week(DATE '2022-10-20')"),
        translated("day_of_year, doy", "doy(DATE '2022-10-20')"),
        translated("hour", "hour(TIMESTAMP '2022-10-20 05:10:00')"),
        translated("millisecond", "millisecond(TIMESTAMP '2022-10-20 05:10:00.123')"),
        translated("minute", "minute(TIMESTAMP '2022-10-20 05:10:00')"),
        translated("month", "month(DATE '2022-10-20')"),
        translated("quarter", "quarter(DATE '2022-10-20')"),
        translated("second", "second(TIMESTAMP '2022-10-20 05:10:00')"),
        missing("timezone", ""),
        there("timezone_hour", "timezone_hour(TIMESTAMP '2022-06-20 05:10:00' AT TIME ZONE 'Asia/Kolkata')"),
        there("timezone_minute", "timezone_minute(TIMESTAMP '2022-06-20 05:10:00' AT TIME ZONE 'Asia/Kolkata')"),
        translated("week, week_of_year", "week(DATE '2022-10-20')"),
        translated("year", "year(DATE '2022-10-20')"),
        translated("year_of_week, yow", "yow(DATE '2022-10-20')"),
    ],
};

pub(super) const LAMBDA: Section = Section {
    title: "Lambda expressions",
    functions: &[
        translated("x -> …", "transform(ARRAY[1, NULL, 3], x -> coalesce(x, 0) * 2)"),
        translated("(x, y) -> …", "reduce(ARRAY[1, 2], 1, (s, x) -> s * x, s -> s)"),
        translated("lambdas in lambdas", "transform(ARRAY[ARRAY[1]], x -> transform(x, y -> y + 1))"),
    ],
};

pub(super) const UUID: Section = Section {
    title: "UUID functions",
    functions: &[differs("uuid", "uuid()", "text, since there is no type of its own")],
};

pub(super) const FROM: Section = Section {
    title: "UNNEST",
    functions: &[
        there(
            "CROSS JOIN UNNEST(array) AS t (x)",
            "(SELECT sum(x) FROM (VALUES (ARRAY[1, 2])) AS v (a) CROSS JOIN UNNEST(a) AS t (x))",
        ),
        there(
            "LEFT JOIN UNNEST … ON TRUE",
            "(SELECT count(*) FROM (VALUES (ARRAY[1, 2])) AS v (a) LEFT JOIN UNNEST(a) AS t (x) ON TRUE)",
        ),
        translated("UNNEST(map) AS t (k, v)", "(SELECT max(k) FROM UNNEST(map(ARRAY['a'], ARRAY[1])) AS t (k, v))"),
        translated("UNNEST … WITH ORDINALITY", "(SELECT max(n) FROM UNNEST(ARRAY[5, 6]) WITH ORDINALITY AS t (x, n))"),
    ],
};

pub(super) const ABSENT: Section = Section {
    title: "Sections that are not there",
    functions: &[
        missing("AI functions", ""),
        missing("Color functions", ""),
        missing("Geospatial functions", ""),
        missing(
            "HyperLogLog, quantile digest, set digest and T-Digest functions",
            "`approx_distinct`, `approx_percentile`",
        ),
        missing("IP address functions", ""),
        missing("Machine learning functions", ""),
        missing("MATCH_RECOGNIZE", ""),
        missing("Session information, system and table functions", ""),
        missing("Teradata functions", ""),
    ],
};
