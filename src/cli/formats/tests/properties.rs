//! No cell breaks the structure of a format, whatever it holds.

use std::io::Cursor;

use arrow::datatypes::{DataType, Field, Schema};
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::cells::width;
use super::super::{Border, Expanded};
use super::*;

/// Texts that try: control characters, quotes, marks of every format, wide and combining characters.
fn cell() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        any::<String>(),
        any::<char>().prop_map(String::from),
        proptest::sample::select(vec![
            "|",
            "\\",
            "\t",
            "\n",
            "\r\n",
            "\"",
            "'",
            ",",
            "<script>",
            "</td>",
            "&amp;",
            "\u{1b}[31m",
            "\u{9b}2J",
            "\\N",
            "NULL",
            "…",
            "│",
            "`",
            "**",
            "_",
            "日本",
            "👩\u{200d}👧",
            "e\u{301}",
            "\u{202e}",
            "\u{200d}",
            "\u{fe0f}",
            "\u{2028}",
            "-[ RECORD 1 ]",
            "+---+",
        ])
        .prop_map(str::to_owned),
    ];
    vec(part, 0..6).prop_map(|parts| parts.concat())
}

fn rows() -> impl Strategy<Value = Vec<[Option<String>; 2]>> {
    vec([proptest::option::of(cell()), proptest::option::of(cell())], 1..8)
}

fn table(rows: &[[Option<String>; 2]], names: [&str; 2]) -> RecordBatch {
    let column = |index: usize| texts(&rows.iter().map(|row| row[index].as_deref()).collect::<Vec<_>>());
    batch(vec![(names[0], column(0)), (names[1], column(1))])
}

fn looks() -> Vec<Look> {
    let mut looks = Vec::new();
    for border in [Border::Unicode, Border::Ascii, Border::Plain] {
        for width in [None, Some(5), Some(24), Some(60)] {
            looks.push(Look { border, width, masked: vec![true], expanded: Expanded::Off, ..Look::pipe() });
        }
    }
    looks
}

/// A line of a separated file, taken apart and unescaped; none for NULL.
fn unescaped(line: &str) -> Vec<Option<String>> {
    let one = |text: &str| {
        let mut out = String::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            out.push(match c {
                '\\' => match rest.next().unwrap() {
                    't' => '\t',
                    'n' => '\n',
                    'r' => '\r',
                    other => other,
                },
                other => other,
            });
        }
        out
    };
    line.split('\t').map(|text| (text != "\\N").then(|| one(text))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_of_a_table_have_one_width(rows in rows(), name in cell()) {
        let table = table(&rows, [&name, "b"]);
        for look in looks() {
            let text = written(&table, Format::Table, &look);
            prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
            let lines: Vec<&str> = text.lines().filter(|line| *line != "▒ masked").collect();
            prop_assert_eq!(lines.len(), rows.len() + 4);
            let wide = width(lines[0]);
            prop_assert!(lines.iter().all(|line| width(line) == wide), "{text}");
            prop_assert!(look.width.is_none_or(|most| wide <= most.max(10)), "{wide}: {text}");
        }
    }

    #[test]
    fn csv_reads_back(rows in rows()) {
        let text = written(&table(&rows, ["a", "b"]), Format::Csv, &Look::pipe());
        let schema = Schema::new(vec![Field::new("a", DataType::Utf8, true), Field::new("b", DataType::Utf8, true)]);
        let reader = arrow::csv::ReaderBuilder::new(Arc::new(schema)).with_header(true);
        let read: Vec<RecordBatch> = reader.build(Cursor::new(text)).unwrap().map(Result::unwrap).collect();
        let read = arrow::compute::concat_batches(&read[0].schema(), &read).unwrap();
        // CSV does not tell NULL from the empty text.
        let expected: Vec<[Option<String>; 2]> =
            rows.iter().map(|row| row.clone().map(|cell| cell.filter(|text| !text.is_empty()))).collect();
        prop_assert_eq!(read, table(&expected, ["a", "b"]));
    }

    #[test]
    fn tsv_reads_back(rows in rows(), name in cell()) {
        let text = written(&table(&rows, [&name, "b"]), Format::Tsv, &Look::pipe());
        let lines: Vec<Vec<Option<String>>> = text.strip_suffix('\n').unwrap().split('\n').map(unescaped).collect();
        prop_assert_eq!(lines.len(), rows.len() + 1);
        prop_assert_eq!(&lines[0], &vec![Some(name), Some("b".to_owned())]);
        for (line, row) in lines[1..].iter().zip(&rows) {
            prop_assert_eq!(line.as_slice(), row.as_slice());
        }
    }

    #[test]
    fn json_reads_back(rows in rows(), name in cell()) {
        let name = format!("{name}a");
        let table = table(&rows, [&name, "b"]);
        let expected: Vec<serde_json::Value> =
            rows.iter().map(|row| serde_json::json!({ name.as_str(): row[0], "b": row[1] })).collect();
        let array: Vec<serde_json::Value> =
            serde_json::from_str(&written(&table, Format::Json, &Look::pipe())).unwrap();
        prop_assert_eq!(&array, &expected);
        let text = written(&table, Format::Ndjson, &Look::pipe());
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(&lines, &expected);
    }

    #[test]
    fn html_holds_no_markup_of_a_cell(rows in rows(), name in cell()) {
        let look = Look { title: Some(name.clone()), masked: vec![true], ..Look::pipe() };
        let text = written(&table(&rows, [&name, "b"]), Format::Html, &look);
        let own = [
            "<table>", "</table>", "<caption>", "</caption>", "<thead>", "</thead>", "<tbody>", "</tbody>", "<tr>",
            "</tr>", "<th>", "</th>", "<td>", "</td>", "<em>NULL</em>", "<br>", "<small>(masked)</small>",
        ];
        let rest = own.iter().fold(text.clone(), |text, tag| text.replace(tag, ""));
        prop_assert!(!rest.contains(['<', '>', '"', '\'']), "{rest:?}");
        prop_assert_eq!(text.matches("<td>").count(), rows.len() * 2);
        prop_assert_eq!(text.matches("<tr>").count(), rows.len() + 1);
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }

    #[test]
    fn markdown_has_as_many_cells(rows in rows(), name in cell()) {
        let text = written(&table(&rows, [&name, "b"]), Format::Markdown, &Look::pipe());
        prop_assert_eq!(text.lines().count(), rows.len() + 2);
        for line in text.lines() {
            let mut bars = 0;
            let mut escaped = false;
            for c in line.chars() {
                bars += usize::from(c == '|' && !escaped);
                escaped = c == '\\' && !escaped;
            }
            prop_assert_eq!(bars, 3, "{}", line);
            prop_assert!(!line.contains('<') && line.chars().all(|c| !c.is_control()), "{line:?}");
        }
    }

    #[test]
    fn vertical_has_as_many_lines(rows in rows(), name in cell()) {
        let text = written(&table(&rows, [&name, "b"]), Format::Vertical, &Look::pipe());
        prop_assert_eq!(text.lines().count(), rows.len() * 3);
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }

    #[test]
    fn files_read_back(rows in rows()) {
        let table = table(&rows, ["a", "b"]);
        let (bytes, _) = written_bytes(std::slice::from_ref(&table), Format::Arrow, &Look::pipe()).unwrap();
        let read = arrow::ipc::reader::FileReader::try_new(Cursor::new(bytes), None).unwrap();
        let read: Vec<RecordBatch> = read.map(Result::unwrap).collect();
        prop_assert_eq!(&read, &vec![table.clone()]);
        let (bytes, _) = written_bytes(std::slice::from_ref(&table), Format::Parquet, &Look::pipe()).unwrap();
        let read = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(bytes::Bytes::from(bytes), 1024);
        let read: Vec<RecordBatch> = read.unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(&read, &vec![table]);
    }

    #[test]
    fn charts_hold_no_control_characters(labels in vec(cell(), 1..8), n in any::<i64>()) {
        let labels: Vec<Option<&str>> = labels.iter().map(|label| Some(label.as_str())).collect();
        let counts = batch(vec![("a", texts(&labels)), ("n", integers(&vec![Some(n); labels.len()]))]);
        let text = written(&counts, Format::Chart, &Look { width: Some(40), ..Look::pipe() });
        prop_assert_eq!(text.lines().count(), labels.len() + 1);
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        prop_assert!(text.lines().all(|line| width(line) <= 41), "{text}");
    }
}

#[test]
fn dictionaries_and_views_are_written_to_arrow_files() {
    use arrow::array::{DictionaryArray, StringViewArray};
    use arrow::datatypes::Int32Type;
    let one = |text: &str| {
        let words: DictionaryArray<Int32Type> = [Some(text), None].into_iter().collect();
        let views: StringViewArray = [Some(text), None].into_iter().collect();
        batch(vec![("d", Arc::new(words) as ArrayRef), ("v", Arc::new(views) as ArrayRef)])
    };
    let (bytes, _) = written_bytes(&[one("a"), one("b")], Format::Arrow, &Look::pipe()).unwrap();
    let read = arrow::ipc::reader::FileReader::try_new(Cursor::new(bytes), None).unwrap();
    let read: Vec<RecordBatch> = read.map(Result::unwrap).collect();
    let expected = |text| batch(vec![("d", texts(&[Some(text), None])), ("v", texts(&[Some(text), None]))]);
    assert_eq!(read, [expected("a"), expected("b")]);
}
