//! The contract of `engine::store::Store`: names are taken as they are, conditions hold, what is gone is gone.

use saltlake::error::ErrorKind;

use super::place::{MASKED, Place, apart};

#[test]
fn a_store_keeps_its_contract_on_a_folder() {
    keeps_its_contract(&Place::folder(&[]));
}

#[test]
fn a_store_keeps_its_contract_on_s3() {
    apart("contracts::store::a_store_keeps_its_contract_on_s3", || keeps_its_contract(&Place::bucket(&[])));
}

fn keeps_its_contract(place: &Place) {
    let store = place.store();
    assert_eq!(place.run(store.list("")).len(), 0);
    takes_every_name_as_it_is(place);
    creates_once(place);
    replaces_only_what_was_seen(place);
    deletes(place);
}

fn takes_every_name_as_it_is(place: &Place) {
    let store = place.store();
    let names = [
        "t/a b.csv",
        "t/a+b.csv",
        "t/a%20b.csv",
        "t/100%.csv",
        "t/ä=ö/日本.csv",
        "t/k=v w/x",
        "t/(1)'&;~!*.csv",
        "t2/x",
    ];
    for name in names {
        let path = store.path(name).unwrap();
        assert_eq!(place.run(store.read(&path)), None, "{name} before it was written");
        place.run(store.write(&path, name.as_bytes().to_vec()));
        let (bytes, _) = place.run(store.read(&path)).unwrap();
        assert_eq!(bytes, name.as_bytes());
        // Under this very name, for everyone else, too.
        assert_eq!(place.shelf.get(&format!("{MASKED}{name}")), name.as_bytes());
    }
    let listed = |prefix: &str| -> Vec<String> {
        let found = place.run(store.list(prefix));
        found.iter().map(|meta| store.relative(&meta.location).unwrap().to_owned()).collect()
    };
    let mut wanted = names.to_vec();
    wanted.sort_unstable();
    assert_eq!(listed(""), wanted);
    // `t` is not a prefix of `t2`, nor of what stands beside it.
    wanted.retain(|name| name.starts_with("t/"));
    assert_eq!(listed("t"), wanted);
    let metas = place.run(store.list("t2"));
    assert_eq!((metas.len(), metas[0].size), (1, 4));
    let shown = store.display(&metas[0].location);
    assert!(shown.ends_with(&format!("{MASKED}t2/x")) && shown.starts_with(['/', 's']), "{shown}");
    place.run(store.write(&store.path("t2/x").unwrap(), b"again".to_vec()));
    assert_eq!(place.run(store.read(&store.path("t2/x").unwrap())).unwrap().0, "again");
}

fn creates_once(place: &Place) {
    let store = place.store();
    let path = store.path("once.json").unwrap();
    assert!(place.run(store.create(&path, b"first".to_vec())).is_some());
    assert_eq!(place.run(store.create(&path, b"second".to_vec())), None);
    assert_eq!(place.run(store.read(&path)).unwrap().0, "first");
}

fn replaces_only_what_was_seen(place: &Place) {
    let store = place.store();
    let path = store.path("pointer.json").unwrap();
    let gone = store.path("never.json").unwrap();
    if !place.is_bucket() {
        // A folder has no such condition. It says so, and leaves the file alone.
        place.run(store.write(&path, b"1".to_vec()));
        place.fail(ErrorKind::Failed, store.replace(&path, "any", b"2".to_vec()));
        assert_eq!(place.run(store.read(&path)).unwrap().0, "1");
        return;
    }
    let first = place.run(store.create(&path, b"1".to_vec())).unwrap();
    assert_eq!(place.run(store.read(&path)).unwrap().1.as_deref(), Some(first.as_str()));
    let second = place.run(store.replace(&path, &first, b"2".to_vec())).unwrap();
    assert_ne!(first, second);
    assert_eq!(place.run(store.replace(&path, &first, b"3".to_vec())), None);
    assert_eq!(place.run(store.read(&path)).unwrap().0, "2");
    assert_eq!(place.run(store.replace(&gone, &first, b"x".to_vec())), None);
    assert_eq!(place.run(store.read(&gone)), None);
}

fn deletes(place: &Place) {
    let store = place.store();
    for name in ["t/a b.csv", "t/a%20b.csv"] {
        let path = store.path(name).unwrap();
        place.run(store.delete(&path));
        assert_eq!(place.run(store.read(&path)), None);
        // One that is gone already is fine.
        place.run(store.delete(&path));
    }
    assert_eq!(place.shelf.get(&format!("{MASKED}t/a+b.csv")), b"t/a+b.csv");
}

#[test]
fn a_missing_bucket_is_not_an_empty_one() {
    apart("contracts::store::a_missing_bucket_is_not_an_empty_one", || {
        let place = Place::bucket(&["masked.location=s3://no-such-bucket-anywhere/masked/"]);
        let store = place.store();
        let path = store.path("x").unwrap();
        for error in [
            place.fail(ErrorKind::Failed, store.list("")),
            place.fail(ErrorKind::Failed, store.read(&path)),
            place.fail(ErrorKind::Failed, store.create(&path, b"x".to_vec())),
            place.fail(ErrorKind::Failed, place.target().current()),
            place.fail(ErrorKind::Failed, place.target().hold("20260101T000000Z-aaaaaaaa")),
        ] {
            let text = error.to_string();
            assert!(text.contains("there is no such bucket") && text.contains("no-such-bucket-anywhere"), "{text}");
        }
    });
}
