//! A second opinion on hashes, from Python's hashlib. One process answers a whole batch.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::python;

/// SHA-256 of each value followed by the key, in lower-case hexadecimal.
pub(crate) fn salt_hashes<V: AsRef<[u8]>>(values: &[V], key: &[u8]) -> Vec<String> {
    ask("salt", values, key)
}

/// HMAC-SHA-256 of each value under the key, in lower-case hexadecimal.
pub(crate) fn hmac_hashes<V: AsRef<[u8]>>(values: &[V], key: &[u8]) -> Vec<String> {
    ask("hmac", values, key)
}

fn ask<V: AsRef<[u8]>>(method: &str, values: &[V], key: &[u8]) -> Vec<String> {
    let mut questions = String::new();
    for value in values {
        let value = const_hex::encode(value);
        let key = const_hex::encode(key);
        writeln!(questions, r#"{{"method":"{method}","value":"{value}","key":"{key}"}}"#).unwrap();
    }
    let mut child = Command::new(python::interpreter())
        .arg("-I")
        .arg(python::script("oracle.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start the hash oracle");
    // Another thread writes, so that neither side waits for the other with a full pipe.
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(questions.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().expect("ask the hash oracle");
    assert!(output.status.success(), "the hash oracle failed");
    let answers: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), values.len(), "the hash oracle owes answers");
    answers
}

#[test]
fn the_oracle_agrees_with_published_digests() {
    // SHA-256 of `aliceMySecret`; HMAC-SHA-256 of RFC 4231, test case 2.
    assert_eq!(
        salt_hashes(&["alice"], b"MySecret"),
        ["6c166b02236decbfe8995ea84788d4647055d1f2a3eaba7bd6838f147a9dc243"]
    );
    assert_eq!(
        hmac_hashes(&["what do ya want for nothing?"], b"Jefe"),
        ["5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"]
    );
}

#[test]
fn the_oracle_answers_large_batches_in_order() {
    let values: Vec<String> = (0..5_000).map(|number| format!("värde {number}")).collect();
    let hashes = salt_hashes(&values, b"");
    assert_eq!(hashes[4_321], salt_hashes(&[&values[4_321]], b"")[0]);
    assert_ne!(hashes[0], hashes[1]);
}
