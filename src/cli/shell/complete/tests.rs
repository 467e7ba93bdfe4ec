use proptest::prelude::*;

use super::*;

fn names() -> Names {
    let table = |database: &str, name: &str, columns: &[&str]| Table {
        database: database.to_owned(),
        name: name.to_owned(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
    };
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Names {
        default_database: "masked".to_owned(),
        databases: texts(&["masked", "raw", "information_schema"]),
        tables: vec![
            table("masked", "customer", &["id", "mail", "Segment", "order"]),
            table("masked", "card", &["id", "number"]),
            table("raw", "customer", &["id", "mail"]),
            table("raw", "invoice", &["id", "amount"]),
            table("raw", "bad\u{1b}[31m", &["x"]),
            table("information_schema", "columns", &["table_name"]),
        ],
        functions: texts(&["count", "mask_email", "max", "upper"]),
        roles: texts(&["admin", "analyst"]),
    }
}

/// What is offered at the bar, applied to the text.
fn offered(text: &str) -> Vec<String> {
    let (before, after) = text.split_once('|').unwrap_or((text, ""));
    match complete(&format!("{before}{after}"), before.len(), &names()) {
        Found::Files { start } => vec![format!("file {}", &before[start..])],
        Found::Choices { start, choices } => {
            choices.iter().map(|choice| format!("{}{}", &before[start..start], choice.put)).collect()
        }
    }
}

#[test]
fn tables_are_offered_where_tables_stand() {
    for (text, expected) in [
        ("SELECT * FROM cust|", vec!["customer"]),
        ("SELECT * FROM C|", vec!["customer", "card"]),
        ("SELECT * FROM inv|", vec!["raw.invoice"]),
        ("SELECT * FROM ra|", vec!["raw."]),
        ("SELECT * FROM raw.|", vec!["customer", "invoice"]),
        ("SELECT * FROM raw.i|", vec!["invoice"]),
        ("SELECT * FROM col|", vec![]),
        ("SELECT * FROM information_schema.col|", vec!["columns"]),
        ("SELECT * FROM bad|", vec![]),
        ("SELECT * FROM \"cu|", vec!["\"customer\""]),
        ("SELECT 1 FROM card, cust|", vec!["customer"]),
        ("SELECT 1 FROM card JOIN cust|", vec!["customer"]),
        ("DESCRIBE car|", vec!["card"]),
        ("INSERT INTO car|", vec!["card"]),
        ("SHOW TABLES IN ra|", vec!["raw"]),
        ("WITH custom AS (SELECT 1) SELECT * FROM cus|", vec!["custom", "customer"]),
    ] {
        assert_eq!(offered(text), expected, "{text}");
    }
}

#[test]
fn columns_are_those_of_the_tables_that_the_statement_names() {
    for (text, expected) in [
        ("SELECT mai| FROM customer", vec!["mail"]),
        ("SELECT | FROM card", vec!["id", "number"]),
        ("SELECT seg| FROM customer", vec!["\"Segment\""]),
        ("SELECT ord| FROM customer", vec!["\"order\"", "order"]),
        ("SELECT c.| FROM customer c", vec!["id", "mail", "\"Segment\"", "\"order\""]),
        ("SELECT c.m| FROM raw.customer AS c", vec!["mail"]),
        ("SELECT customer.mai| FROM customer", vec!["mail"]),
        ("SELECT raw.invoice.a| FROM raw.invoice", vec!["amount"]),
        ("SELECT x.| FROM customer c", vec![]),
        ("SELECT 1 FROM card WHERE num|", vec!["number"]),
        ("SELECT mai|", vec!["mail"]),
        ("SELECT amou| FROM customer", vec![]),
    ] {
        assert_eq!(offered(text), expected, "{text}");
    }
}

#[test]
fn functions_come_with_their_parenthesis_and_keywords_in_the_typed_case() {
    for (text, expected) in [
        ("SELECT upp| FROM card", vec!["upper("]),
        ("SELECT upp|(a) FROM card", vec!["upper"]),
        ("SELECT ma| FROM customer", vec!["mail", "mask_email(", "max("]),
        ("sel|", vec!["select"]),
        ("SEL|", vec!["SELECT"]),
        ("Sel|", vec!["SELECT"]),
        ("SELECT id fro|", vec!["from"]),
        ("SELECT id FR|", vec!["FROM"]),
        ("SELECT id FROM card wher|", vec!["where"]),
        ("SELECT 'sel|", vec![]),
        ("SELECT c.id FROM customer c WHERE c|", vec!["c.", "count(", "CASE", "CAST", "COLUMNS"]),
    ] {
        let mut found = offered(text);
        if text.ends_with("c|") {
            found.truncate(5);
            found.iter_mut().skip(2).for_each(|word| *word = word.to_uppercase());
        }
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn commands_and_their_arguments_are_completed() {
    for (text, expected) in [
        ("\\tim|", vec!["timing"]),
        ("\\wa|", vec!["watch"]),
        ("\\d cus|", vec!["customer"]),
        ("\\d raw.inv|", vec!["invoice"]),
        ("\\why customer.m|", vec!["mail"]),
        ("\\x a|", vec!["auto"]),
        ("\\role an|", vec!["analyst"]),
        ("\\pset bor|", vec!["border"]),
        ("\\pset border as|", vec!["ascii"]),
        ("\\pset format vert|", vec!["vertical"]),
        ("\\pset null |", vec![]),
        ("\\df ma|", vec!["mask_email", "max"]),
        ("\\i data/f|", vec!["file data/f"]),
        ("\\o out|", vec!["file out"]),
        ("\\o out.x par|", vec!["parquet"]),
        ("\\q |", vec![]),
    ] {
        assert_eq!(offered(text), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_and_cursor_is_completed_or_not_without_harm(
        text in "(SELECT|FROM| |\\.|,|\\(|\\)|'|\"|`|\\$\\$|--|\n|;|\\\\|ü|customer|c|AS|WITH){0,20}",
        part in 0.0..1.0_f64,
    ) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place")]
        let at = text.floor_char_boundary((text.len() as f64 * part) as usize);
        match complete(&text, at, &names()) {
            Found::Choices { start, choices } => {
                prop_assert!(start <= at && text.is_char_boundary(start));
                prop_assert!(choices.iter().all(|choice| printable(&choice.put) == choice.put));
            }
            Found::Files { start } => prop_assert!(start <= at && text.is_char_boundary(start)),
        }
    }
}
