//! What stage 2 promises, one test per promise.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

use super::*;
use crate::discover::{ColumnFinding, Findings};
use crate::error::{Error, ErrorKind};
use crate::model::{ColumnPath, ColumnSchema, PathStep, TableSchema};

fn customer(columns: &[&str]) -> TableSchema {
    table("customer", columns)
}

fn table(name: &str, columns: &[&str]) -> TableSchema {
    let column =
        |name: &&str| ColumnSchema { name: (*name).to_owned(), data_type: DataType::Utf8, partition: *name == "dt" };
    TableSchema { name: TableName::new("dataset", name), columns: columns.iter().map(column).collect() }
}

fn nested(mut schema: TableSchema) -> TableSchema {
    let list = DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)));
    schema.columns.last_mut().unwrap().data_type = list;
    schema
}

fn policy() -> Policy {
    Policy {
        masks: BTreeMap::new(),
        default_mask: "salt_hash".into(),
        columns: BTreeMap::new(),
        unreported: Unreported::Refuse,
        target_database: "dataset_masked".into(),
        target_location: Location::S3 { bucket: "lake".into(), prefix: "masked/".into() },
        keys: BTreeSet::from(["default".to_owned()]),
        write_compression: "ZSTD".into(),
    }
}

/// A policy that declares columns of `customer`.
fn declaring(columns: &[(&str, &str)]) -> Policy {
    let rules =
        columns.iter().map(|(name, rule)| ((*name).to_owned(), Declaration::Rule((*rule).to_owned()))).collect();
    Policy { columns: BTreeMap::from([("customer".to_owned(), rules)]), ..policy() }
}

fn despite(mut policy: Policy, column: &str, names: &[&str]) -> Policy {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    policy.columns.entry("customer".into()).or_default().insert(column.into(), Declaration::KeepDespite(names));
    policy
}

fn masking(mut policy: Policy, masks: &[(&str, &str)]) -> Policy {
    policy.masks = masks.iter().map(|(name, rule)| ((*name).to_owned(), (*rule).to_owned())).collect();
    policy
}

fn found(places: &[(&str, &str)]) -> Findings {
    Findings::from_columns(
        places.iter().map(|(column, identifier)| finding(ColumnPath::top(*column), identifier)).collect(),
    )
}

fn finding(path: ColumnPath, identifier: &str) -> ColumnFinding {
    let identifier = match identifier.strip_prefix("custom:") {
        Some(name) => Identifier::Custom { id: "8c1d".into(), name: name.into() },
        None => Identifier::Managed(identifier.into()),
    };
    ColumnFinding {
        table: TableName::new("dataset", "customer"),
        path,
        identifiers: BTreeMap::from([(identifier, 6)]),
        evidence: Vec::new(),
    }
}

fn plan(findings: &Findings, schema: TableSchema, policy: &Policy) -> MaskingPlan {
    decide(findings, &[schema], policy).unwrap()
}

fn refusal(findings: &Findings, schema: TableSchema, policy: &Policy) -> Error {
    let error = decide(findings, &[schema], policy).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    error
}

/// `column action reason` of every column.
fn decisions(plan: &MaskingPlan) -> Vec<String> {
    let column = |column: &ColumnDecision| {
        let action = match &column.action {
            Action::Keep => "keep".to_owned(),
            Action::Drop => "drop".to_owned(),
            Action::Mask(call) => call.to_string(),
        };
        format!("{} {action} {}", column.column, column.reason.name())
    };
    plan.tables().iter().flat_map(|table| table.columns().iter().map(column)).collect()
}

#[track_caller]
fn assert_says(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn a_column_without_finding_and_declaration_is_refused_with_the_lines_to_paste() {
    let error = refusal(&found(&[("username", "NAME")]), customer(&["id", "username", "we \"ird\"\n"]), &policy());
    assert_says(&error, &["dataset.customer: nobody reported or declared `id`, `we \"ird\"\\u{a}`"]);
    let lines: Vec<&str> = error.hints().first().unwrap().lines().skip(1).collect();
    let pasted: toml::Table = lines.join("\n").parse().unwrap();
    let columns = pasted["columns"]["customer"].as_table().unwrap();
    assert_eq!(columns.keys().collect::<Vec<_>>(), ["id", "we \"ird\"\n"]);
    assert!(columns.values().all(|value| value.as_str() == Some("keep")));
}

#[test]
fn the_pasted_lines_make_the_plan_pass() {
    let findings = found(&[("username", "NAME")]);
    refusal(&findings, customer(&["id", "username"]), &policy());
    let plan = plan(&findings, customer(&["id", "username"]), &declaring(&[("id", "keep")]));
    assert_eq!(decisions(&plan), ["id keep declared", "username salt_hash reported"]);
}

#[test]
fn unreported_columns_are_kept_only_when_settings_accept_them_and_the_plan_says_so() {
    let policy = Policy { unreported: Unreported::Keep, ..policy() };
    let plan = plan(&found(&[]), customer(&["id", "gender"]), &policy);
    assert_eq!(decisions(&plan), ["id keep unreported", "gender keep unreported"]);
    assert_eq!(plan.unreported().count(), 2);
    assert!(plan.warnings().first().unwrap().contains("id, gender"), "{:?}", plan.warnings());
}

#[test]
fn an_identifier_is_masked_by_its_own_rule_and_by_default_with_salt_hash() {
    let policy = masking(policy(), &[("custom:account", "mask_partial(0, 4)"), ("PHONE", "drop")]);
    let findings = found(&[("a", "custom:account"), ("b", "NAME"), ("c", "PHONE")]);
    let plan = plan(&findings, customer(&["a", "b", "c"]), &policy);
    assert_eq!(decisions(&plan), ["a mask_partial(0, 4) reported", "b salt_hash reported", "c drop reported"]);
}

#[test]
fn a_declared_mask_outranks_the_identifiers_own() {
    let policy = masking(declaring(&[("mail", "mask_email")]), &[("custom:mail", "mask_null")]);
    let plan = plan(&found(&[("mail", "custom:mail")]), customer(&["mail"]), &policy);
    assert_eq!(decisions(&plan), ["mail mask_email declared"]);
}

#[test]
fn a_plain_keep_of_a_reported_column_is_refused_with_the_declaration_that_would_do() {
    let error =
        refusal(&found(&[("gender", "custom:gen\"der")]), customer(&["gender"]), &declaring(&[("gender", "keep")]));
    assert_says(
        &error,
        &[
            "dataset.customer.gender: declared `keep`, but findings report custom:gen\"der",
            "gender = { keep = true, despite = [\"custom:gen\\\"der\"] }",
        ],
    );
}

#[test]
fn a_keep_despite_findings_must_name_every_identifier() {
    let findings = found(&[("name", "NAME"), ("name", "PHONE")]);
    let error = refusal(&findings, customer(&["name"]), &despite(policy(), "name", &["NAME"]));
    assert_says(&error, &["findings report PHONE", "despite = [\"NAME\", \"PHONE\"]"]);
    let plan = plan(&findings, customer(&["name"]), &despite(policy(), "name", &["PHONE", "NAME", "OTHER"]));
    assert_eq!(decisions(&plan), ["name keep declared-despite"]);
}

#[test]
fn a_finding_without_a_named_kind_cannot_be_kept_and_is_masked_by_default() {
    let unnamed = || {
        let mut finding = finding(ColumnPath::top("x"), "NAME");
        finding.identifiers.clear();
        Findings::from_columns(vec![finding])
    };
    refusal(&unnamed(), customer(&["x"]), &declaring(&[("x", "keep")]));
    refusal(&unnamed(), customer(&["x"]), &despite(policy(), "x", &["NAME"]));
    assert_eq!(decisions(&plan(&unnamed(), customer(&["x"]), &policy())), ["x salt_hash reported"]);
}

#[test]
fn identifiers_whose_rules_conflict_are_refused_until_the_column_has_a_rule() {
    let findings = found(&[("x", "NAME"), ("x", "PHONE")]);
    let masks = [("PHONE", "mask_null")];
    let error = refusal(&findings, customer(&["x"]), &masking(policy(), &masks));
    assert_says(&error, &["NAME = `salt_hash`, PHONE = `mask_null`", "[columns.customer]\n      x = "]);
    let policy = masking(declaring(&[("x", "mask_null")]), &masks);
    assert_eq!(decisions(&plan(&findings, customer(&["x"]), &policy)), ["x mask_null declared"]);
}

#[test]
fn a_rule_for_what_does_not_exist_is_refused_with_the_nearest_name() {
    let mut policy = declaring(&[("id", "keep"), ("usrname", "salt_hash")]);
    policy.columns.insert("custmer".into(), BTreeMap::new());
    let error = refusal(&found(&[("username", "NAME")]), customer(&["id", "username"]), &policy);
    assert_says(
        &error,
        &[
            "column `usrname` of `[columns]` table `customer` does not exist",
            "did you mean column `username`?",
            "table `custmer`, which does not exist",
            "did you mean table `customer`?",
        ],
    );
}

#[test]
fn a_declaration_matches_without_regard_to_case_only_when_one_column_fits() {
    let declared = declaring(&[("USERNAME", "salt_hash")]);
    let plan = plan(&found(&[]), customer(&["UserName"]), &declared);
    assert_eq!(decisions(&plan), ["UserName salt_hash declared"]);
    let error = refusal(&found(&[]), customer(&["UserName", "username"]), &declared);
    assert_says(&error, &["may be `UserName`, `username`"]);
    refusal(&found(&[]), customer(&["id"]), &declaring(&[("ID", "keep"), ("id", "keep")]));
}

#[test]
fn a_mask_that_hides_nothing_is_refused() {
    for policy in [
        declaring(&[("id", "upper")]),
        masking(declaring(&[("id", "keep")]), &[("NAME", "keep")]),
        Policy { default_mask: "keep".into(), ..declaring(&[("id", "keep")]) },
    ] {
        refusal(&found(&[]), customer(&["id"]), &policy);
    }
}

#[test]
fn a_key_that_is_not_configured_is_named_with_the_section_to_add() {
    let error = decide(&found(&[]), &[customer(&["id"])], &declaring(&[("id", "salt_hash('join-2026')")])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_says(&error, &["no key named `join-2026`", "[keys.join-2026]"]);
}

#[test]
fn the_default_key_is_asked_for_only_when_something_is_masked_with_it() {
    let without_keys = Policy { keys: BTreeSet::new(), ..declaring(&[("id", "keep")]) };
    plan(&found(&[]), customer(&["id"]), &without_keys);
    let error = decide(&found(&[("x", "NAME")]), &[customer(&["id", "x"])], &without_keys).unwrap_err();
    assert_says(&error, &["no key named `default`, which the mask of dataset.customer.x needs", "[keys.default]"]);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let policy = declaring(&[("a", "keep"), ("b", "salt_hash('k')"), ("c", "salt_hsh"), ("ghost", "keep")]);
    let error = refusal(&found(&[("a", "NAME")]), customer(&["a", "b", "c", "d"]), &policy);
    assert_eq!(error.items().len(), 5, "{error}");
    assert_says(&error, &["`d`", "`k`", "customer.a: declared `keep`", "`salt_hsh`", "`ghost`"]);
}

#[test]
fn a_place_inside_a_column_hides_the_whole_of_it_and_says_so() {
    let path = ColumnPath { column: "profile".into(), steps: vec![PathStep::Field("mail".into())] };
    let findings = Findings::from_columns(vec![finding(path, "custom:mail")]);
    let policy = masking(policy(), &[("custom:mail", "mask_email")]);
    let plan = plan(&findings, customer(&["profile"]), &policy);
    assert_eq!(decisions(&plan), ["profile mask_null reported-inside"]);
    assert!(plan.explain().contains("inside it, at profile.mail; hidden whole for now"), "{}", plan.explain());
    assert_eq!(plan.warnings().len(), 1);
}

#[test]
fn a_nested_column_takes_only_masks_that_hide_it_whole() {
    let findings = found(&[("tags", "NAME")]);
    let schema = || nested(customer(&["tags"]));
    assert_eq!(decisions(&plan(&findings, schema(), &policy())), ["tags mask_null reported-inside"]);
    assert_eq!(
        decisions(&plan(&findings, schema(), &declaring(&[("tags", "mask_null")]))),
        ["tags mask_null declared"]
    );
    for rule in ["salt_hash", "mask_partial(0, 4)", "mask_email"] {
        let error = refusal(&findings, schema(), &declaring(&[("tags", rule)]));
        assert_says(&error, &["takes no column of this type", "tags = \"mask_null\""]);
    }
}

#[test]
fn the_operation_marker_of_dms_stays_unless_something_is_known_about_it() {
    let marked = |policy: &Policy, findings: &Findings| decisions(&plan(findings, customer(&["Op", "x"]), policy));
    let declared = declaring(&[("x", "keep")]);
    assert_eq!(marked(&declared, &found(&[])), ["Op keep operation-marker", "x keep declared"]);
    assert_eq!(marked(&declared, &found(&[("Op", "NAME")])), ["Op salt_hash reported", "x keep declared"]);
    assert_eq!(
        marked(&declaring(&[("x", "keep"), ("Op", "drop")]), &found(&[])),
        ["Op drop declared", "x keep declared"]
    );
    for columns in [["x", "Op"], ["op", "x"]] {
        refusal(&found(&[]), customer(&columns), &declared);
    }
}

#[test]
fn a_table_of_which_nothing_would_stay_is_refused() {
    refusal(&found(&[]), customer(&["id"]), &declaring(&[("id", "drop")]));
    refusal(&found(&[]), customer(&["id", "dt"]), &declaring(&[("id", "drop"), ("dt", "keep")]));
    refusal(&found(&[]), customer(&[]), &policy());
    assert!(decide(&found(&[]), &[], &policy()).is_err());
}

#[test]
fn partition_columns_stand_last_and_are_declared_as_such_unless_dropped() {
    let masked = plan(&found(&[("dt", "NAME")]), customer(&["dt", "id"]), &declaring(&[("id", "keep")]));
    let script = masked.tables().first().unwrap().script();
    assert!(script.contains("    id,\n    salt_hash(dt) AS dt\nFROM"), "{script}");
    assert!(script.contains("partitioned_by = ARRAY['dt']"), "{script}");
    let dropped = plan(&found(&[]), customer(&["id", "dt"]), &declaring(&[("id", "keep"), ("dt", "drop")]));
    assert!(!dropped.tables().first().unwrap().script().contains("partitioned_by"));
}

#[test]
fn a_finding_about_a_column_that_the_table_does_not_have_is_refused() {
    let error = refusal(&found(&[("Username", "NAME")]), customer(&["username"]), &declaring(&[("username", "keep")]));
    assert_says(&error, &["findings report column `Username`, which it does not have"]);
}

#[test]
fn tables_that_would_collide_are_refused() {
    let declared = declaring(&[("id", "keep")]);
    let same_names = [customer(&["id"]), customer(&["id"])];
    assert!(decide(&found(&[]), &same_names, &declared).is_err());
    let over_the_raw_one = Policy { target_database: "Dataset".into(), ..declared };
    assert_says(&refusal(&found(&[]), customer(&["id"]), &over_the_raw_one), &["name of the raw one"]);
    refusal(&found(&[]), customer(&["id", "id"]), &declaring(&[("id", "keep")]));
}

#[test]
fn a_mask_that_nothing_reports_is_warned_about_when_a_near_name_is_masked_by_default() {
    let policy = masking(policy(), &[("PHONE_NUMBR", "drop"), ("ADDRESS", "drop")]);
    let plan = plan(&found(&[("x", "PHONE_NUMBER")]), customer(&["x"]), &policy);
    assert_eq!(plan.warnings().len(), 1, "{:?}", plan.warnings());
    assert!(plan.warnings().first().unwrap().contains("`PHONE_NUMBER`"));
}

#[test]
fn the_same_input_makes_the_same_bytes_in_any_order_of_tables() {
    let columns = BTreeMap::from([("id".to_owned(), Declaration::Rule("keep".into()))]);
    let policy =
        Policy { columns: BTreeMap::from([("bank".into(), columns.clone()), ("card".into(), columns)]), ..policy() };
    let schemas = [table("card", &["id"]), table("bank", &["id"])];
    let reversed: Vec<TableSchema> = schemas.iter().rev().cloned().collect();
    let first = decide(&found(&[]), &schemas, &policy).unwrap();
    let second = decide(&found(&[]), &reversed, &policy).unwrap();
    assert_eq!(first, second);
    assert_eq!(first.hash(), second.hash());
    let scripts: String = first.tables().iter().map(TablePlan::script).collect();
    assert_eq!(first.hash(), const_hex::encode(Sha256::digest(scripts)));
}

#[test]
fn the_explanation_names_every_column_its_fate_and_why() {
    let policy = despite(declaring(&[("id", "keep"), ("birthdate", "drop")]), "gender", &["custom:gender"]);
    let findings = found(&[("username", "NAME"), ("gender", "custom:gender")]);
    let plan = plan(&findings, customer(&["id", "username", "gender", "birthdate"]), &policy);
    let expected = "\
dataset.customer -> dataset_masked.customer
  id         keep       declared
  username   salt_hash  findings report NAME (6)
  gender     keep       declared safe to read although findings report custom:gender (6)
  birthdate  drop       declared

1 table: 1 column masked, 2 kept, 1 dropped
";
    assert_eq!(plan.explain(), expected);
}

#[test]
fn the_json_form_holds_names_as_they_are() {
    let plan = plan(&found(&[("a\n", "custom:x\ny")]), customer(&["a\n"]), &policy());
    let json = serde_json::to_value(&plan).unwrap();
    let column = &json["tables"][0]["columns"][0];
    assert_eq!(column["column"], "a\n");
    assert_eq!(column["mask"], "salt_hash");
    assert_eq!(column["identifiers"][0]["identifier"], "custom:x\ny");
    assert_eq!(column["identifiers"][0]["count"], 6);
    assert_eq!(json["hash"], plan.hash());
}

#[test]
fn a_plan_names_the_keys_it_needs() {
    let mut policy = declaring(&[("a", "salt_hash('join')"), ("b", "mask_null"), ("c", "hmac_hash")]);
    policy.keys.insert("join".into());
    let plan = plan(&found(&[]), customer(&["a", "b", "c"]), &policy);
    assert_eq!(plan.keys().into_iter().collect::<Vec<_>>(), ["default", "join"]);
}
