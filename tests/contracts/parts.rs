//! The contract of `engine::part::PartFile`: a complete file or none, small or large.

use std::io::Write;

use saltlake::engine::part::PartFile;
use saltlake::error::{Error, ErrorKind, Result};

use super::place::{MASKED, Place, apart, wait_for};

const RUN: &str = "20260101T000000Z-aaaaaaaa";
const MEBIBYTE: usize = 1024 * 1024;
/// As in `engine::part`.
const PART_BYTES: usize = 16 * MEBIBYTE;

#[test]
fn a_part_file_keeps_its_contract_on_a_folder() {
    keeps_its_contract(&Place::folder(&[]));
}

#[test]
fn a_part_file_keeps_its_contract_on_s3() {
    apart("contracts::parts::a_part_file_keeps_its_contract_on_s3", || keeps_its_contract(&Place::bucket(&[])));
}

fn keeps_its_contract(place: &Place) {
    // Sizes around the bounds of a part: none, one, several.
    for bytes in [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 12_345] {
        is_written_whole(place, bytes);
    }
    let error = place.parts(RUN).create("versions/../../escape").map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
    an_unfinished_one_is_no_file(place);
}

/// Bytes that differ from part to part.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn is_written_whole(place: &Place, length: usize) {
    let content = noise(length);
    let name = format!("versions/{RUN}/a b%20ü/part-{length}.bin");
    let mut file = place.parts(RUN).create(&name).unwrap();
    // In pieces that fit no part.
    for piece in content.chunks(5 * MEBIBYTE + 7) {
        file.write_all(piece).unwrap();
    }
    assert_eq!(file.finish().unwrap(), (name.clone(), length as u64));
    assert!(place.shelf.get(&format!("{MASKED}{name}")) == content, "{length} bytes came back changed");
    assert_eq!(place.unfinished_uploads(), 0);
    assert_eq!(place.files("_saltlake/journal/"), [""; 0]);
}

/// Begins a file of several parts, and leaves it.
fn begin(file: Result<PartFile>) {
    let mut file = file.unwrap();
    file.write_all(&noise(2 * PART_BYTES + 5)).unwrap();
    drop(file);
}

fn an_unfinished_one_is_no_file(place: &Place) {
    let name = format!("versions/{RUN}/t/unfinished.bin");
    // As the program does it: on a thread for blocking work.
    let parts = place.parts(RUN);
    let create = name.clone();
    place.run(async move {
        let work = tokio::task::spawn_blocking(move || begin(parts.create(&create)));
        work.await.map_err(|_| Error::failed("the thread ended early"))
    });
    if place.is_bucket() {
        assert_eq!(place.shelf.find(&format!("{MASKED}{name}")), None);
        // Parts that were under way when it was dropped may take the abort with them; the journal remembers it then.
        let hold = place.run(place.target().hold(RUN));
        place.run(hold.discard(&place.target()));
    }
    wait_for("the upload's abort", || place.unfinished_uploads() == 0);
    assert_eq!(place.files("_saltlake/journal/"), [""; 0]);
}

#[test]
fn a_dropped_upload_is_aborted_at_once() {
    apart("contracts::parts::a_dropped_upload_is_aborted_at_once", || {
        let place = Place::bucket(&[]);
        let parts = place.parts(RUN);
        place.run(async move {
            let work = tokio::task::spawn_blocking(move || begin(parts.create(&format!("versions/{RUN}/t/x.bin"))));
            work.await.map_err(|_| Error::failed("the thread ended early"))
        });
        wait_for("the upload's abort", || place.unfinished_uploads() == 0);
        assert_eq!(place.shelf.list(&format!("{MASKED}versions/")), [""; 0]);
    });
}
