//! Frozen tokens. Lines are added, never edited: a token that changes breaks joins against tables masked before.

use std::fs;
use std::path::Path;

use crate::support::{cell, session_of};

#[test]
fn tokens_stay_what_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    for function in ["salt_hash", "hmac_hash"] {
        let text = fs::read_to_string(folder.join(format!("{function}.csv"))).unwrap();
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.next(), Some("input_type,input,canonical,key_id,key_hex,output"));
        let mut count = 0;
        for line in lines {
            check(function, line);
            count += 1;
        }
        assert!(count > 50, "{function} has {count} vectors");
    }
}

fn check(function: &str, line: &str) {
    let fields = fields(line);
    let [input_type, input, _canonical, key_id, key_hex, output] = fields.as_slice() else { panic!("{line}") };
    let literal = match input.strip_prefix("0x") {
        Some(hex) => format!("X'{hex}'"),
        None if input_type.starts_with("raw ") => input.clone(),
        None => format!("'{}'", input.replace('\'', "''")),
    };
    let input_type = input_type.trim_start_matches("raw ");
    let key = const_hex::decode(key_hex).unwrap();
    let context = session_of(&[(key_id, &key)]);
    let call = |value: &str| format!("SELECT {function}({value}, '{key_id}')");
    let value = format!("arrow_cast({literal}, '{input_type}')");
    assert_eq!(&cell(&context, &call(&value)).unwrap(), output, "{line}");
    // The same as a column, which takes another way than a literal.
    let column = format!("{} FROM (VALUES ({literal})) AS t(c)", call(&format!("arrow_cast(c, '{input_type}')")));
    assert_eq!(&cell(&context, &column).unwrap(), output, "{line}, as a column");
}

/// The fields of a line; quotes around those that hold a comma, and two for one within.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.next_if_eq(&'"').is_some() => {
                fields.last_mut().unwrap().push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(String::new()),
            letter => fields.last_mut().unwrap().push(letter),
        }
    }
    fields
}
