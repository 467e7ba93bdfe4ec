//! Tables in every look.

use arrow::array::RecordBatch;
use arrow::util::display::FormatOptions;
use arrow::util::pretty::pretty_format_batches_with_options;

use super::super::{Border, Breaks, Expanded};
use super::*;

/// A screen on which nothing turns vertical.
fn wide(width: usize) -> Look {
    Look { expanded: Expanded::Off, ..Look::screen(width) }
}

#[test]
fn a_table_in_a_pipe_is_arrows() {
    let ordinary = batch(vec![
        ("id", integers(&[Some(1), Some(-20), None])),
        ("a name", texts(&[Some("Åsa"), Some("日本"), None])),
        ("amount", doubles(&[Some(1.5), None, Some(1e30)])),
    ]);
    let one = batch(vec![("n", integers(&[Some(1)]))]);
    for batch in [ordinary.clone(), ordinary.slice(0, 0), one] {
        let options = FormatOptions::default().with_null("NULL");
        let arrows = pretty_format_batches_with_options(std::slice::from_ref(&batch), &options).unwrap();
        assert_eq!(written(&batch, Format::Table, &Look::pipe()), format!("{arrows}\n"));
    }
}

#[test]
fn borders() {
    let look = Look { masked: vec![false, false, true], title: Some("people".to_owned()), ..wide(80) };
    insta::assert_snapshot!(written(&people(), Format::Table, &look), @r"
    people
    ╭──────┬─────────┬─────────────────╮
    │   id │ name    │ mail ▒          │
    ├──────┼─────────┼─────────────────┤
    │    1 │ Åsa     │ asa@example.org │
    │   20 │ 日本 👩‍👧 │ NULL            │
    │ NULL │ NULL    │ a\nb\u{1b}[31m  │
    ╰──────┴─────────┴─────────────────╯
    ▒ masked
    ");
    let look = Look { border: Border::Ascii, ..look };
    insta::assert_snapshot!(written(&people(), Format::Table, &look), @r"
    people
    +------+---------+-----------------+
    |   id | name    | mail (masked)   |
    +------+---------+-----------------+
    |    1 | Åsa     | asa@example.org |
    |   20 | 日本 👩‍👧 | NULL            |
    | NULL | NULL    | a\nb\u{1b}[31m  |
    +------+---------+-----------------+
    ");
    let look = Look { border: Border::None, ..look };
    insta::assert_snapshot!(written(&people(), Format::Table, &look), @r"
    people
      id  name     mail (masked)
    ----  -------  ---------------
       1  Åsa      asa@example.org
      20  日本 👩‍👧  NULL
    NULL  NULL     a\nb\u{1b}[31m
    ");
    let look = Look { border: Border::Unicode, tuples_only: true, ..look };
    insta::assert_snapshot!(written(&people(), Format::Table, &look), @r"
    │    1 │ Åsa     │ asa@example.org │
    │   20 │ 日本 👩‍👧 │ NULL            │
    │ NULL │ NULL    │ a\nb\u{1b}[31m  │
    ");
}

#[test]
fn null_is_told_from_its_name_by_colour() {
    let look = Look { color: true, null: "∅".to_owned(), ..wide(80) };
    let table = written(&people(), Format::Table, &look);
    assert!(table.contains("\u{1b}[1mname\u{1b}[0m") && table.contains("\u{1b}[2m∅\u{1b}[0m"), "{table}");
    assert!(table.contains("│ NULL") && table.contains(r"\u{1b}[31m"), "{table}");
    assert!(!table.contains("\u{1b}[31m"), "no cell paints: {table}");
}

#[test]
fn a_table_shrinks_then_loses_its_middle_or_turns() {
    let long = "x".repeat(50);
    let columns: Vec<_> = (0..8).map(|_| texts(&[Some(&long), Some("short")])).collect();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let eight = batch(names.into_iter().zip(columns).collect());
    let two = eight.project(&[0, 1]).unwrap();
    insta::assert_snapshot!(written(&two, Format::Table, &wide(40)), @r"
    ╭───────────────────┬──────────────────╮
    │ a                 │ b                │
    ├───────────────────┼──────────────────┤
    │ xxxxxxxxxxxxxxxx… │ xxxxxxxxxxxxxxx… │
    │ short             │ short            │
    ╰───────────────────┴──────────────────╯
    ");
    insta::assert_snapshot!(written(&two, Format::Table, &Look::screen(60)), @r"
    ╭─────────────────────────────┬────────────────────────────╮
    │ a                           │ b                          │
    ├─────────────────────────────┼────────────────────────────┤
    │ xxxxxxxxxxxxxxxxxxxxxxxxxx… │ xxxxxxxxxxxxxxxxxxxxxxxxx… │
    │ short                       │ short                      │
    ╰─────────────────────────────┴────────────────────────────╯
    ");
    insta::assert_snapshot!(written(&eight, Format::Table, &wide(60)), @r"
    ╭──────────┬──────────┬──────────┬───┬──────────┬──────────╮
    │ a        │ b        │ c        │ … │ g        │ h        │
    ├──────────┼──────────┼──────────┼───┼──────────┼──────────┤
    │ xxxxxxx… │ xxxxxxx… │ xxxxxxx… │ … │ xxxxxxx… │ xxxxxxx… │
    │ short    │ short    │ short    │ … │ short    │ short    │
    ╰──────────┴──────────┴──────────┴───┴──────────┴──────────╯
    ");
    insta::assert_snapshot!(written(&two.slice(1, 1), Format::Table, &wide(4)), @r"
    ╭───┬───╮
    │ a │ … │
    ├───┼───┤
    │ … │ … │
    ╰───┴───╯
    ");
    let look = Look { cell_width_max: Some(20), ..Look::pipe() };
    insta::assert_snapshot!(written(&two, Format::Table, &look), @r"
    +----------------------+----------------------+
    | a                    | b                    |
    +----------------------+----------------------+
    | xxxxxxxxxxxxxxxxxxx… | xxxxxxxxxxxxxxxxxxx… |
    | short                | short                |
    +----------------------+----------------------+
    ");
    assert!(written_bytes(std::slice::from_ref(&two), Format::Table, &look).unwrap().1.cut);
    assert!(!written_bytes(std::slice::from_ref(&two), Format::Table, &Look::pipe()).unwrap().1.cut);
    insta::assert_snapshot!(written(&two, Format::Table, &Look::screen(30)), @r"
    -[ RECORD 1 ]-----------------
    a | xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    b | xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    -[ RECORD 2 ]-----------------
    a | short
    b | short
    ");
    let look = Look { masked: vec![true], tuples_only: true, expanded: Expanded::On, ..Look::pipe() };
    insta::assert_snapshot!(written(&two, Format::Table, &look), @r"
    a (masked) | xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    b          | xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx

    a (masked) | short
    b          | short
    ");
}

#[test]
fn a_plan_keeps_its_lines() {
    let plan = batch(vec![
        ("plan_type", texts(&[Some("logical_plan"), Some("physical_plan")])),
        ("plan", texts(&[Some("Projection: a\n  Scan: t"), Some("DataSourceExec")])),
    ]);
    insta::assert_snapshot!(written(&plan, Format::Table, &Look::screen(20)), @r"
    ╭───────────────┬────────────────╮
    │ plan_type     │ plan           │
    ├───────────────┼────────────────┤
    │ logical_plan  │ Projection: a  │
    │               │   Scan: t      │
    │ physical_plan │ DataSourceExec │
    ╰───────────────┴────────────────╯
    ");
    let one = batch(vec![("statement", texts(&[Some("CREATE VIEW v AS\nSELECT 1")]))]);
    let look = Look { breaks: Breaks::Kept, ..Look::pipe() };
    insta::assert_snapshot!(written(&one, Format::Vertical, &look), @r"
    -[ RECORD 1 ]-----------------------------------------------
    statement | CREATE VIEW v AS
              | SELECT 1
    ");
}

#[test]
fn later_rows_are_cut_to_the_width_of_the_first() {
    let first = batch(vec![("t", texts(&[Some("abc")]))]);
    let many: Vec<RecordBatch> = std::iter::repeat_n(first, 10_001).collect();
    let last = batch(vec![("t", texts(&[Some("abcdef")]))]);
    let all: Vec<RecordBatch> = many.into_iter().chain([last]).collect();
    let (bytes, shown) = written_bytes(&all, Format::Table, &Look::pipe()).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.lines().count(), 10_006);
    assert!(text.lines().all(|line| line.chars().count() == 7));
    assert!(text.ends_with("| ab… |\n+-----+\n"));
    assert_eq!(shown, Shown { rows: 10_002, cut: true });
}

#[test]
fn rows_beyond_the_limit_are_not_read() {
    let rows = [people(), people()];
    let shown = |most| {
        let look = Look { rows_max: Some(most), ..Look::pipe() };
        let (bytes, shown) = written_bytes(&rows, Format::Ndjson, &look).unwrap();
        (String::from_utf8(bytes).unwrap().lines().count(), shown)
    };
    assert_eq!(shown(0), (0, Shown { rows: 0, cut: true }));
    assert_eq!(shown(4), (4, Shown { rows: 4, cut: true }));
    assert_eq!(shown(6), (6, Shown { rows: 6, cut: false }));
}

#[test]
fn pages() {
    let look = Look { masked: vec![false, false, true], title: Some("a & b".to_owned()), ..Look::pipe() };
    insta::assert_snapshot!(written(&people(), Format::Markdown, &look), @r"
    **a &amp; b**

    | id | name | mail (masked) |
    | ---: | --- | --- |
    | 1 | Åsa | asa@example.org |
    | 20 | 日本 👩‍👧 | NULL |
    | *NULL* | *NULL* | a\\nb\\u{1b}\[31m |
    ");
    insta::assert_snapshot!(written(&people(), Format::Html, &look), @r#"
    <table>
      <caption>a &amp; b</caption>
      <thead>
        <tr><th align="right">id</th><th>name</th><th>mail <small>(masked)</small></th></tr>
      </thead>
      <tbody>
        <tr><td align="right">1</td><td>Åsa</td><td>asa@example.org</td></tr>
        <tr><td align="right">20</td><td>日本 👩‍👧</td><td>NULL</td></tr>
        <tr><td align="right"><em>NULL</em></td><td><em>NULL</em></td><td>a<br>b\u{1b}[31m</td></tr>
      </tbody>
    </table>
    "#);
    insta::assert_snapshot!(written(&people(), Format::Vertical, &look), @r"
    a & b
    -[ RECORD 1 ]-----------------------------------------------
    id            | 1
    name          | Åsa
    mail (masked) | asa@example.org
    -[ RECORD 2 ]-----------------------------------------------
    id            | 20
    name          | 日本 👩‍👧
    mail (masked) | NULL
    -[ RECORD 3 ]-----------------------------------------------
    id            | NULL
    name          | NULL
    mail (masked) | a\nb\u{1b}[31m
    ");
    insta::assert_snapshot!(written(&people().slice(0, 0), Format::Vertical, &look), @r"
    a & b
    (0 rows)
    ");
}
