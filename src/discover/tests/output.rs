//! What comes out.

use super::*;

#[test]
fn counts_of_objects_add_up_and_those_of_one_object_do_not() {
    let other = "dataset/customer/LOAD00000002.parquet";
    let values = [
        finding("1", CUSTOMER, &at_paths("NAME", 7, &["$.name"])),
        discovery_result(
            "2",
            CUSTOMER,
            &at_paths("NAME", 3, &["$.name", "$.name", "$.mail"]),
        ),
        finding("3", other, &at_paths("NAME", 5, &["$.name"])),
    ];
    let findings = found(&values);
    // Three locations for a count of three: counted one by one.
    assert_eq!(
        summary(&findings),
        ["customer.mail: NAME×1", "customer.name: NAME×12"]
    );
    let name = findings
        .iter()
        .find(|finding| finding.path.column == "name")
        .unwrap();
    assert_eq!(name.evidence.len(), 3);
    assert_eq!(findings.totals().discovery_results, 1);
    // The order in which they are read changes nothing.
    let mut reversed = values;
    reversed.reverse();
    assert_eq!(found(&reversed), findings);
}

#[test]
fn json_has_the_promised_form() {
    let mut value = finding("1", CUSTOMER, &at_paths("NAME", 30, &["$.name.first"]));
    value["classificationDetails"]["result"]["sensitiveData"][0]["detections"] =
        json!([at_paths("NAME", 30, &["$.name.first", "$.mail"])]);
    let json = serde_json::to_value(found(&[value])).unwrap();
    let evidence = json!([{
        "identifier": "NAME", "category": "PERSONAL_INFORMATION", "count": 30, "object": format!("lake/{CUSTOMER}"),
        "channel": "finding", "finding_id": "1", "origin": "f.json",
    }]);
    let entry = |column: &str| json!({"table": "dataset.customer", "column": column, "identifiers": ["NAME"], "count": 30, "evidence": evidence});
    assert_eq!(json, json!([entry("mail"), entry("name.first")]));
}

#[test]
fn the_sql_table_has_a_row_for_each_piece_of_evidence() {
    let findings = found(&[
        finding("1", CUSTOMER, &at_paths("NAME", 30, &["$.name", "$.nome"])),
        finding("2", "dataset/other/x", &at_paths("NAME", 3, &["$.name"])),
        finding("3", "else/x", &at_paths("NAME", 4, &["$.name"])),
    ]);
    let batch = findings.to_record_batch().unwrap();
    let text = |name: &str| -> Vec<String> {
        let column = batch.column_by_name(name).unwrap().as_string::<i32>();
        column
            .iter()
            .map(|value| value.unwrap_or("NULL").to_owned())
            .collect()
    };
    assert_eq!(
        text("status"),
        ["located", "unlocated", "unmapped", "outside"]
    );
    assert_eq!(text("table_name"), ["customer", "customer", "NULL", "NULL"]);
    assert_eq!(text("column_path"), ["name", "NULL", "NULL", "NULL"]);
    assert_eq!(text("place"), ["NULL", "$.nome", "NULL", "NULL"]);
    assert_eq!(text("finding_id"), ["1", "1", "2", "3"]);
    let counts = batch
        .column_by_name("count")
        .unwrap()
        .as_primitive::<Int64Type>();
    assert_eq!(counts.values().to_vec(), [30, 30, 3, 4]);
    assert_eq!(Findings::default().to_record_batch().unwrap().num_rows(), 0);
}

#[test]
fn built_findings_are_united() {
    let table = TableName::new("d", "t");
    let one = |identifier: &str, path: ColumnPath| ColumnFinding {
        table: table.clone(),
        path,
        identifiers: [(Identifier::Managed(identifier.to_owned()), 2)].into(),
        evidence: Vec::new(),
    };
    let nested = ColumnPath {
        column: "a".to_owned(),
        steps: vec![PathStep::Field("b".to_owned())],
    };
    let findings = Findings::from_columns(vec![
        one("NAME", ColumnPath::top("a")),
        one("ADDRESS", ColumnPath::top("a")),
        one("NAME", ColumnPath::top("a")),
        one("NAME", nested),
    ]);
    assert_eq!(
        summary(&findings),
        ["t.a: ADDRESS×2 NAME×4", "t.a.b: NAME×2"]
    );
    assert_eq!(findings.column(&table, "a").len(), 2);
}
