//! Whether what was typed is whole, so that Enter runs it rather than starting a new line.

use super::lex::{Kind, tokens};

/// Words that leave, without a semicolon.
pub(super) const LEAVING: [&str; 2] = ["exit", "quit"];

/// Whether a text can be run: a backslash command, or statements of which the last one ends in a semicolon that stands in
/// no text, comment or quoted name.
pub(super) fn is_whole(text: &str) -> bool {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.starts_with('\\') || leaves(trimmed) {
        return true;
    }
    let tokens = tokens(text);
    if tokens.iter().any(|token| !token.closed) {
        return false;
    }
    // Comments alone are whole: there is nothing to run.
    tokens.iter().rfind(|token| token.is_solid()).is_none_or(|last| last.kind == Kind::Semicolon)
}

/// Whether a text asks to leave.
pub(super) fn leaves(text: &str) -> bool {
    let word = text.trim().trim_end_matches(';').trim_end();
    LEAVING.iter().any(|leaving| word.eq_ignore_ascii_case(leaving))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_at_a_semicolon_outside_of_everything() {
        for whole in [
            "",
            "  \n",
            "SELECT 1;",
            "SELECT 1; ",
            "SELECT 1; -- done",
            "SELECT ';';",
            "SELECT 'a\nb';",
            "SELECT $$;$$;",
            "SELECT 1;\nSELECT 2;",
            "-- only a note",
            "/* only a note */",
            "\\d customer",
            "  \\x",
            "exit",
            "QUIT;",
            ";",
            "SELECT 1 /* ; */ ;",
        ] {
            assert!(is_whole(whole), "{whole}");
        }
        for open in [
            "SELECT 1",
            "SELECT 1; SELECT 2",
            "SELECT ';",
            "SELECT 'it''s;",
            "SELECT \"a;",
            "SELECT $$;",
            "SELECT $a$ ; $$ ;",
            "SELECT 1 -- ;",
            "SELECT 1 /* ;",
            "SELECT 1 /* /* */ ;",
            "exit now",
            "SELECT 1;\n'",
        ] {
            assert!(!is_whole(open), "{open}");
        }
    }
}
