//! From objects to tables, from locations to columns.

use super::*;

#[test]
fn objects_go_to_the_table_with_the_longest_location() {
    let tables = [
        table("t", s3("b", "l/t/"), &["a"]),
        table("t2", s3("b", "l/t2/"), &["a"]),
        table("inner", s3("b", "l/t/inner/"), &["a"]),
        table("one", s3("b", "l/one file+%20.csv/"), &["a"]),
        table("whole_bucket", s3("c", ""), &["a"]),
        table("twin", s3("c", ""), &["a"]),
        table("folder", Location::Folder(PathBuf::from("/b/l/t")), &["a"]),
    ];
    let roots = [s3("b", "l/"), s3("d", "")];
    let of = |bucket: &str, key: &str| {
        let mut value = finding("1", key, &at_paths("NAME", 1, &["$.a"]));
        value["resourcesAffected"]["s3Bucket"]["name"] = json!(bucket);
        let findings = collect(&[value]).finish(&tables, &roots);
        assert_nothing_is_lost(findings.totals());
        let mut names: Vec<String> = findings.iter().map(|finding| finding.table.table().to_owned()).collect();
        names.extend(findings.unmapped().iter().map(|unmapped| format!("unmapped {}", unmapped.object)));
        names.extend(findings.outside().iter().map(|outside| format!("outside {}", outside.evidence.object)));
        names
    };
    assert_eq!(of("b", "l/t/x.parquet"), ["t"]);
    assert_eq!(of("b", "l/t/k=v/x.parquet"), ["t"]);
    assert_eq!(of("b", "l/t//x.parquet"), ["t"]);
    assert_eq!(of("b", "l/t2/x.parquet"), ["t2"]);
    assert_eq!(of("b", "l/t3/x.parquet"), ["unmapped b/l/t3/x.parquet"]);
    assert_eq!(of("b", "l/t/inner/x.parquet"), ["inner"]);
    assert_eq!(of("b", "l/t/inner2/x.parquet"), ["t"]);
    assert_eq!(of("b", "l/one file+%20.csv"), ["one"]);
    assert_eq!(of("b", "l/one file  .csv"), ["unmapped b/l/one file  .csv"]);
    assert_eq!(of("b", "l/t/_temporary/x.parquet"), ["unmapped b/l/t/_temporary/x.parquet"]);
    assert_eq!(of("b", "l/t/.hidden"), ["unmapped b/l/t/.hidden"]);
    assert_eq!(of("b", "l/_staging/x"), ["unmapped b/l/_staging/x"]);
    assert_eq!(of("b", "other/x"), ["outside b/other/x"]);
    assert_eq!(of("b", "L/t/x"), ["outside b/L/t/x"]);
    assert_eq!(of("bb", "l/t/x"), ["outside bb/l/t/x"]);
    assert_eq!(of("c", "anything"), ["twin", "whole_bucket"]);
    assert_eq!(of("d", "anything"), ["unmapped d/anything"]);
}

#[test]
fn an_object_is_known_by_bucket_and_key_or_by_path_or_not_at_all() {
    let of = |resources: Value| {
        let mut value = finding("1", CUSTOMER, &at_paths("NAME", 1, &["$.name"]));
        value["resourcesAffected"] = resources;
        let findings = found(&[value]);
        assert_nothing_is_lost(findings.totals());
        (findings.totals().mapped, findings.totals().unmapped, findings.totals().outside)
    };
    let path = format!("lake/{CUSTOMER}");
    assert_eq!(of(json!({"s3Object": {"path": path}})), (1, 0, 0));
    assert_eq!(of(json!({"s3Bucket": {"arn": "arn:aws:s3:::lake"}, "s3Object": {"key": CUSTOMER}})), (1, 0, 0));
    assert_eq!(of(json!({"s3Object": {"key": CUSTOMER, "bucketArn": "arn:aws:s3:::lake"}})), (1, 0, 0));
    assert_eq!(of(json!({"s3Bucket": {"name": "lake"}, "s3Object": null})), (0, 1, 0));
    assert_eq!(of(json!({"s3Bucket": {"name": "another"}, "s3Object": null})), (0, 0, 1));
    assert_eq!(of(json!({"s3Object": {"key": CUSTOMER}})), (0, 1, 0));
    assert_eq!(of(json!(null)), (0, 1, 0));
}

#[test]
fn columns_are_found_by_name_then_by_case_then_by_their_own_odd_name() {
    let of = |columns: &[&str], path: &str| {
        let tables = [table("t", s3("lake", "dataset/t/"), columns)];
        let value = finding("1", "dataset/t/x", &at_paths("NAME", 1, &[path]));
        let findings = collect(&[value]).finish(&tables, &lake());
        let names: Vec<String> = findings.iter().map(|finding| finding.path.to_string()).collect();
        assert_eq!(names.is_empty(), findings.refusal(Accepted::default()).is_err());
        names.join(" ")
    };
    assert_eq!(of(&["SSN", "ssn"], "$.SSN"), "SSN");
    assert_eq!(of(&["ssn"], "$.SSN"), "ssn");
    assert_eq!(of(&["ssn", "Ssn", "x"], "$.SSN"), "Ssn ssn");
    assert_eq!(of(&["straße"], "$.STRASSE"), "");
    assert_eq!(of(&["é"], "$.É"), "é");
    assert_eq!(of(&["Card Number"], "$[0]['Card Number']"), "Card Number");
    assert_eq!(of(&["access"], "$.access.key[2]"), "access.key[*]");
    assert_eq!(of(&["tags"], "$.tags.list[0].element"), "tags.list[*].element");
    assert_eq!(of(&["m"], "$.m.key_value[0].value"), "m.key_value[*].value");
    assert_eq!(of(&["1234567890"], "$['1234567890']usssn1['x']"), "1234567890.usssn1.x");
    // Names with dots are never split, however they are written.
    assert_eq!(of(&["a.b", "b"], "$['a.b']"), "a.b");
    assert_eq!(of(&["a.b", "b"], "$.a.b"), "a.b");
    assert_eq!(of(&["a.b", "a"], "$.a.b"), "a.b a.b");
    assert_eq!(of(&["A.b"], "$[3].a.B[1].c"), "A.b");
    assert_eq!(of(&["a.bc"], "$.a.b"), "");
    assert_eq!(of(&["a']['b", "x"], "$['a']['b']"), "a']['b");
    assert_eq!(of(&["it's"], "$['it's']"), "it's");
    assert_eq!(of(&["a]b"], "$.a]b"), "a]b");
    // A name cut at its beginning: all names with that end.
    assert_eq!(of(&["one_name", "two_name", "names"], "$['...name']"), "one_name two_name");
    assert_eq!(of(&["ONE_NAME"], "$['...name'].x"), "ONE_NAME.x");
    assert_eq!(of(&["a", "b"], "$['...']"), "");
    assert_eq!(of(&["...name"], "$['...name']"), "...name");
}

#[test]
fn a_path_cut_at_its_beginning_is_matched_as_the_end_of_a_path() {
    let nested = |name: &str, inner: Vec<Field>| Field::new(name, DataType::Struct(inner.into()), true);
    let list =
        |name: &str, of: DataType| Field::new(name, DataType::List(Arc::new(Field::new("item", of, true))), true);
    let entries = vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)];
    let map = DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries.into()), false)), false);
    let fields = vec![
        nested("one", vec![nested("usssn2", text_fields(&["x", "y"]))]),
        nested("two", vec![nested("USSSN2", text_fields(&["x"])), list("tags", DataType::Utf8)]),
        list("three", DataType::Struct(text_fields(&["z", "y"]).into())),
        Field::new("four", map, true),
        Field::new("plain", DataType::Utf8, true),
    ];
    let of = |path: &str| {
        let tables = [table_of("t", s3("lake", "dataset/t/"), fields.clone(), 0)];
        let value = finding("1", "dataset/t/x", &at_paths("NAME", 1, &[path]));
        let findings = collect(&[value]).finish(&tables, &lake());
        let names: Vec<String> = findings.iter().map(|finding| finding.path.to_string()).collect();
        assert_eq!(names.is_empty(), findings.refusal(Accepted::default()).is_err());
        names.join(" ")
    };
    // `four` is a map: any name may be one of its keys.
    assert_eq!(of("$..usssn2.x"), "one.usssn2.x");
    assert_eq!(of("$..Usssn2['x']"), "one.usssn2.x two.USSSN2.x");
    assert_eq!(of("$..one.usssn2['y']"), "one.usssn2.y");
    assert_eq!(of("$..tags[4]"), "four[*] two.tags[*]");
    assert_eq!(of("$..three.list[4].element.z"), "three[*].z");
    assert_eq!(of("$..three[4].z"), "three[*].z");
    assert_eq!(of("$..four.key_value[0].key"), "four[*]");
    assert_eq!(of("$..four.someone"), "four[*]");
    assert_eq!(of("$..['...sn2'].y"), "one.usssn2.y");
    assert_eq!(of("$..plain"), "four[*] plain");
    assert_eq!(of("$..zero.usssn2.x"), "");
    assert_eq!(of("$..usssn2"), "four[*]");
    assert_eq!(of("$..[3]"), "");
    assert_eq!(of("$..[3].*"), "");
}

#[test]
fn cells_are_found_by_header_or_by_number_without_one() {
    let tables = [table_of("t", s3("lake", "dataset/t/"), text_fields(&["SSN", "maiden name", "day"]), 1)];
    let of = |cell: Value| {
        let detection = json!({"type": "NAME", "count": 1, "occurrences": {"cells": [cell]}});
        let findings = collect(&[finding("1", "dataset/t/x.csv", &detection)]).finish(&tables, &lake());
        let names: Vec<String> = findings.iter().map(|finding| finding.path.to_string()).collect();
        assert_eq!(names.is_empty(), findings.unlocated().len() == 1);
        names.join(" ")
    };
    assert_eq!(of(json!({"row": 2, "column": 9, "columnName": "SSN", "cellReference": null})), "SSN");
    assert_eq!(of(json!({"columnName": "\u{feff}ssn"})), "SSN");
    assert_eq!(of(json!({"columnName": "Maiden Name"})), "maiden name");
    assert_eq!(of(json!({"columnName": null, "column": "2"})), "maiden name");
    assert_eq!(of(json!({"columnName": "", "column": 1})), "SSN");
    // The partition column is not in the file.
    assert_eq!(of(json!({"column": 3})), "");
    assert_eq!(of(json!({"column": 0})), "");
    assert_eq!(of(json!({"column": -1})), "");
    // A header that the table does not have is not taken by its number.
    assert_eq!(of(json!({"columnName": "Alice", "column": 1})), "");
}
