//! Grants in files: the same documents from a folder and from a bucket.

use std::path::Path;

use saltlake::backend::local::grants::read_documents;
use saltlake::error::ErrorKind;
use saltlake::model::Location;

use super::place::{Place, apart};

#[test]
fn grants_in_files_are_read_by_name_from_folders_and_buckets() {
    apart("contracts::documents::grants_in_files_are_read_by_name_from_folders_and_buckets", || {
        for place in [Place::folder(&[]), Place::bucket(&[])] {
            for (name, text) in
                [("g/b.json", "2"), ("g/a.json", "1"), ("g/c.txt", "x"), ("g/.d.json", "x"), ("h.json", "3")]
            {
                place.shelf.put(name, text);
            }
            let at =
                |name: &str| Location::parse(place.shelf.location(name).trim_end_matches('/'), Path::new("/")).unwrap();
            let found = place.run(read_documents(&place.engine, &[at("h.json"), at("g/")]));
            let texts: Vec<(&str, &[u8])> =
                found.iter().map(|(name, bytes)| (name.rsplit('/').next().unwrap(), &bytes[..])).collect();
            assert_eq!(texts, [("a.json", &b"1"[..]), ("b.json", b"2"), ("h.json", b"3")]);
            let error = place.fail(ErrorKind::Failed, read_documents(&place.engine, &[at("g/"), at("nothing/")]));
            assert!(error.to_string().contains("no grants there") && error.to_string().contains("nothing"), "{error}");
        }
    });
}
