//! Published answers of Lake Formation, read as if the service gave them.
//!
//! They are read where the folder that holds them stands next to the checkout; elsewhere the test says so and passes.

use std::collections::BTreeMap;
use std::path::Path;

use saltlake::grant::{GrantSource as _, Resource, Snapshot};
use saltlake::model::TableName;
use serde_json::{Value, json};

use super::place::{Place, apart};
use crate::support::stub::{Reply, Stub};

/// Serves each operation's answer, one page.
fn serve(answers: BTreeMap<&'static str, Value>) -> Stub {
    Stub::serve(move |asked| {
        let answer = answers.get(asked.path.trim_start_matches('/')).cloned().unwrap_or_else(|| json!({}));
        let headers = vec![("content-type", "application/json".to_owned())];
        Reply { status: 200, headers, body: answer.to_string().into_bytes() }
    })
}

/// A published answer, as the only page there is.
fn sample(name: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/formats/samples").join(name);
    let mut answer: Value = serde_json::from_slice(&std::fs::read(path).ok()?).expect("a sample in JSON");
    answer.as_object_mut().expect("an answer").remove("NextToken");
    for entry in answer["PrincipalResourcePermissions"].as_array_mut().into_iter().flatten() {
        // The AWS CLI prints a date where the service sends a number.
        entry.as_object_mut().expect("an entry").remove("LastUpdated");
    }
    Some(answer)
}

fn read(catalog: &str, table: [&str; 2], answers: BTreeMap<&'static str, Value>) -> Snapshot {
    let stub = serve(answers);
    let place = Place::bucket(&[&format!("aws.endpoints.lakeformation={}", stub.endpoint())]);
    let service = place.run(place.backend.lakeformation(Some(catalog.to_owned())));
    place.run(service.snapshot(&[TableName::new(table[0], table[1])]))
}

#[test]
fn published_answers_are_understood() {
    apart("contracts::published::published_answers_are_understood", || {
        let Some(settings) = sample("lf_12_data_lake_settings.json") else {
            eprintln!("skipped: no published samples next to the checkout");
            return;
        };
        let all = sample("lf_05_list_permissions_all_variants_DERIVED.json").unwrap();
        let tags = sample("lf_09_get_resource_lf_tags_DERIVED.json").unwrap();
        let answers = BTreeMap::from([
            ("ListPermissions", all),
            ("GetDataLakeSettings", settings.clone()),
            ("GetResourceLFTags", tags),
            (
                "GetDataCellsFilter",
                json!({ "DataCellsFilter": {
                "TableCatalogId": "111122223333", "DatabaseName": "dcp", "TableName": "customer", "Name": "eu_rows",
                "RowFilter": { "FilterExpression": "country = 'DE'" }, "ColumnWildcard": {} } }),
            ),
        ]);
        let snapshot = read("111122223333", ["dcp", "customer"], answers);
        assert!(!snapshot.grants.iter().any(|grant| matches!(grant.resource, Resource::Unknown(_))), "{snapshot:#?}");
        assert!(snapshot.grants.len() >= 12, "{snapshot:#?}");
        let assigned = snapshot.tags.iter().map(|at| (at.column.as_deref(), at.tags["classification"].as_str()));
        assert_eq!(assigned.collect::<Vec<_>>(), [(None, "non-sensitive"), (Some("iban"), "sensitive")]);
        assert_eq!(snapshot.administrators, ["arn:aws:iam::123456789111:user/lf-admin"]);

        let answers = BTreeMap::from([
            ("ListPermissions", sample("lf_02_list_permissions_table_include_related.json").unwrap()),
            ("GetDataLakeSettings", settings),
            ("ListDataCellsFilter", sample("lf_06_list_data_cells_filter.json").unwrap()),
            (
                "GetDataCellsFilter",
                json!({ "DataCellsFilter": {
                "TableCatalogId": "123456789111", "DatabaseName": "customer", "TableName": "customer_invoice",
                "Name": "dl_us_customer", "RowFilter": { "AllRowsWildcard": {} }, "ColumnWildcard": {} } }),
            ),
        ]);
        let snapshot = read("123456789111", ["customer", "customer_invoice"], answers);
        assert_eq!((snapshot.grants.len(), snapshot.filters.len()), (3, 3), "{snapshot:#?}");
        assert_eq!(snapshot.filters[1].rows, None);
    });
}
