//! A second opinion: the decisions again, slow and obvious, compared with the real ones on generated input.
//!
//! It shares no code with the rest of this room but the types of the answer.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use proptest::prelude::*;
use saltlake_udfs::KeyId;

use super::*;
use crate::discover::{ColumnFinding, Findings};
use crate::model::{ColumnPath, ColumnSchema, PathStep, TableSchema};

type Answer = BTreeMap<(String, String), Action>;

/// What the rule texts of the generator mean. `None` for those that must not be used.
fn meaning(text: &str, keys: &BTreeSet<String>) -> Option<Action> {
    let keyed =
        |name: &str, call: fn(KeyId) -> MaskCall| keys.contains(name).then(|| Action::Mask(call(KeyId::new(name))));
    match text {
        "keep" => Some(Action::Keep),
        "drop" => Some(Action::Drop),
        "salt_hash" => keyed("default", MaskCall::SaltHash),
        "hmac_hash('k')" => keyed("k", MaskCall::HmacHash),
        "mask_partial(0, 4)" => Some(Action::Mask(MaskCall::Partial { first: 0, last: 4 })),
        "mask_null" => Some(Action::Mask(MaskCall::Null)),
        _ => None,
    }
}

/// The whole of stage 2's decisions. `None` is a refusal.
fn reference(findings: &[ColumnFinding], schemas: &[TableSchema], policy: &Policy) -> Option<Answer> {
    // Every rule that is written must be usable, and no kind of personal data is kept at once.
    for text in policy.masks.values() {
        if matches!(meaning(text, &policy.keys), None | Some(Action::Keep)) {
            return None;
        }
    }
    // Every declaration must mean one column, and none twice.
    let mut declared: Vec<(String, String, &Declaration)> = Vec::new();
    for (table, columns) in &policy.columns {
        let tables: Vec<String> = schemas.iter().map(|schema| schema.name.table().to_owned()).collect();
        let table = means(table, &tables)?;
        let schema = schemas.iter().find(|schema| schema.name.table() == table)?;
        let names: Vec<String> = schema.columns.iter().map(|column| column.name.clone()).collect();
        for (column, declaration) in columns {
            let column = means(column, &names)?;
            if let Declaration::Rule(text) = declaration {
                meaning(text, &policy.keys)?;
            }
            if declared.iter().any(|(t, c, _)| *t == table && *c == column) {
                return None;
            }
            declared.push((table.clone(), column, declaration));
        }
    }
    // Every finding about a table must be about one of its columns.
    for finding in findings {
        let table = schemas.iter().find(|schema| schema.name == finding.table);
        if table.is_some_and(|table| table.columns.iter().all(|column| column.name != finding.path.column)) {
            return None;
        }
    }
    let mut answer = Answer::new();
    for schema in schemas {
        let mut stays = false;
        for (index, column) in schema.columns.iter().enumerate() {
            let about: Vec<&ColumnFinding> = findings
                .iter()
                .filter(|finding| finding.table == schema.name && finding.path.column == column.name)
                .collect();
            let declaration = declared
                .iter()
                .find(|(table, name, _)| *table == schema.name.table() && *name == column.name)
                .map(|(_, _, declaration)| *declaration);
            let action = one(column, index, &about, declaration, policy)?;
            stays |= action != Action::Drop && !column.partition;
            answer.insert((schema.name.table().to_owned(), column.name.clone()), action);
        }
        if !stays {
            return None;
        }
    }
    (!schemas.is_empty()).then_some(answer)
}

/// The decision about one column.
fn one(
    column: &ColumnSchema,
    index: usize,
    about: &[&ColumnFinding],
    declaration: Option<&Declaration>,
    policy: &Policy,
) -> Option<Action> {
    let nested = matches!(column.data_type, DataType::List(_));
    let identifiers: BTreeSet<String> =
        about.iter().flat_map(|finding| finding.identifiers.keys()).map(Identifier::key).collect();
    match declaration {
        Some(Declaration::KeepDespite(names)) => {
            return identifiers.iter().all(|identifier| names.contains(identifier)).then_some(Action::Keep);
        }
        Some(Declaration::Rule(text)) => {
            return match meaning(text, &policy.keys)? {
                Action::Keep if !about.is_empty() => None,
                Action::Mask(call) if nested && call != MaskCall::Null => None,
                action => Some(action),
            };
        }
        None => {}
    }
    if about.is_empty() {
        let marker = index == 0 && column.name == "Op" && column.data_type == DataType::Utf8 && !column.partition;
        return (marker || policy.unreported == Unreported::Keep).then_some(Action::Keep);
    }
    if nested || about.iter().any(|finding| !finding.path.steps.is_empty()) {
        return Some(Action::Mask(MaskCall::Null));
    }
    let rules: BTreeSet<&String> =
        identifiers.iter().map(|identifier| policy.masks.get(identifier).unwrap_or(&policy.default_mask)).collect();
    match rules.into_iter().collect::<Vec<_>>()[..] {
        [rule] => meaning(rule, &policy.keys),
        _ => None,
    }
}

fn means(name: &str, names: &[String]) -> Option<String> {
    if names.iter().any(|candidate| candidate == name) {
        return Some(name.to_owned());
    }
    let alike: Vec<&String> = names.iter().filter(|candidate| candidate.eq_ignore_ascii_case(name)).collect();
    match alike[..] {
        [one] => Some(one.clone()),
        _ => None,
    }
}

fn rule_text() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => Just("salt_hash"),
        6 => Just("drop"),
        6 => Just("mask_null"),
        6 => Just("mask_partial(0, 4)"),
        6 => Just("hmac_hash('k')"),
        1 => Just("upper"),
    ]
    .prop_map(str::to_owned)
}

fn identifier() -> impl Strategy<Value = Identifier> {
    prop_oneof![
        Just(Identifier::Managed("NAME".into())),
        Just(Identifier::Managed("PHONE".into())),
        Just(Identifier::Custom { id: "1".into(), name: "mail".into() }),
        Just(Identifier::Custom { id: "2".into(), name: "mail".into() }),
    ]
}

fn declaration() -> impl Strategy<Value = Declaration> {
    let names = prop_oneof![
        3 => Just(vec!["NAME", "PHONE", "custom:mail"]),
        1 => prop::sample::subsequence(vec!["NAME", "PHONE", "custom:mail"], 0..3),
    ];
    prop_oneof![
        2 => Just(Declaration::Rule("keep".into())),
        3 => rule_text().prop_map(Declaration::Rule),
        3 => names.prop_map(|names| Declaration::KeepDespite(names.into_iter().map(str::to_owned).collect())),
    ]
}

fn schemas() -> impl Strategy<Value = Vec<TableSchema>> {
    let list = DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)));
    let data_type = prop_oneof![8 => Just(DataType::Utf8), 2 => Just(DataType::Int64), 1 => Just(list)];
    let column = (prop::sample::select(vec!["Op", "id", "Id", "name", "mail"]), data_type, prop::bool::weighted(0.2));
    let columns = prop::collection::vec(column, 1..4).prop_map(|columns| {
        let mut seen = BTreeSet::new();
        columns
            .into_iter()
            .filter(|(name, _, _)| seen.insert(*name))
            .map(|(name, data_type, partition)| ColumnSchema { name: name.to_owned(), data_type, partition })
            .collect::<Vec<_>>()
    });
    let names = prop_oneof![
        1 => Just(Vec::new()),
        12 => Just(vec!["card"]),
        3 => Just(vec!["card", "bank"]),
        1 => Just(vec!["card", "Card"]),
    ];
    (names, columns.clone(), columns).prop_map(|(names, first, second)| {
        names
            .into_iter()
            .zip([first, second])
            .map(|(name, columns)| TableSchema { name: TableName::new("raw", name), columns })
            .collect()
    })
}

#[derive(Clone, Debug)]
struct Input {
    schemas: Vec<TableSchema>,
    findings: Vec<ColumnFinding>,
    policy: Policy,
}

/// Tables, findings about them and declarations of them: mostly about columns they have, often about the same one.
fn input() -> impl Strategy<Value = Input> {
    schemas()
        .prop_flat_map(|schemas| {
            let findings = prop::collection::vec(finding(&schemas), 0..4);
            let columns = prop::collection::vec((declared_place(&schemas), declaration()), 0..3);
            (Just(schemas), findings, policy(columns))
        })
        .prop_map(|(schemas, findings, policy)| Input { schemas, findings, policy })
}

/// Every column many times, and one that does not exist.
fn places(schemas: &[TableSchema]) -> Vec<(String, String)> {
    let mut places = Vec::new();
    for schema in schemas {
        for column in &schema.columns {
            places.extend(vec![(schema.name.table().to_owned(), column.name.clone()); 20]);
        }
    }
    places.push(("card".into(), "ghost".into()));
    places
}

fn finding(schemas: &[TableSchema]) -> impl Strategy<Value = ColumnFinding> + use<> {
    let mut places = places(schemas);
    places.push(("elsewhere".into(), "id".into()));
    let identifiers = prop::collection::btree_map(identifier(), 1_u64..9, 1..3);
    (prop::sample::select(places), prop::bool::weighted(0.1), identifiers).prop_map(
        |((table, column), nested, identifiers)| {
            let steps = if nested { vec![PathStep::Field("x".into())] } else { Vec::new() };
            ColumnFinding {
                table: TableName::new("raw", table),
                path: ColumnPath { column, steps },
                identifiers,
                evidence: Vec::new(),
            }
        },
    )
}

/// A column to declare, now and then in another case.
fn declared_place(schemas: &[TableSchema]) -> impl Strategy<Value = (String, String)> + use<> {
    (prop::sample::select(places(schemas)), prop::bool::weighted(0.05), prop::bool::weighted(0.1)).prop_map(
        |((table, column), loud_table, loud_column)| {
            let spelled = |name: String, loud: bool| if loud { name.to_uppercase() } else { name };
            (spelled(table, loud_table), spelled(column, loud_column))
        },
    )
}

fn policy(declared: impl Strategy<Value = Vec<((String, String), Declaration)>>) -> impl Strategy<Value = Policy> {
    let masks = prop::collection::btree_map(
        prop_oneof![Just("NAME"), Just("PHONE"), Just("custom:mail")].prop_map(str::to_owned),
        prop_oneof![40 => rule_text(), 1 => Just("keep".to_owned())],
        0..3,
    );
    let keys = prop_oneof![
        18 => Just(vec!["default", "k"]),
        1 => Just(vec!["k"]),
        1 => Just(Vec::new()),
    ];
    (masks, declared, keys, prop::bool::weighted(0.9)).prop_map(|(masks, declared, keys, keep)| {
        let mut columns: BTreeMap<String, BTreeMap<String, Declaration>> = BTreeMap::new();
        for ((table, column), declaration) in declared {
            columns.entry(table).or_default().insert(column, declaration);
        }
        Policy {
            masks,
            default_mask: "salt_hash".into(),
            columns,
            unreported: if keep { Unreported::Keep } else { Unreported::Refuse },
            target_database: "masked".into(),
            target_location: Location::S3 { bucket: "b".into(), prefix: "m/".into() },
            keys: keys.into_iter().map(str::to_owned).collect(),
            write_compression: "ZSTD".into(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_decisions_are_those_of_the_obvious_reference(input in input()) {
        let Input { schemas, findings, policy } = input;
        let expected = reference(&findings, &schemas, &policy);
        let plan = decide(&Findings::from_columns(findings), &schemas, &policy);
        let actual = plan.as_ref().ok().map(|plan| {
            plan.tables()
                .iter()
                .flat_map(|table| {
                    let name = table.source().table().to_owned();
                    table.columns().iter().map(move |column| ((name.clone(), column.column.clone()), column.action.clone()))
                })
                .collect::<Answer>()
        });
        prop_assert_eq!(actual, expected, "{:?}", plan.err());
    }
}

#[test]
fn the_generated_input_reaches_plans_and_refusals_alike() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let input = input();
    let (mut refused, mut masked, mut dropped, mut kept_despite) = (0, 0, 0, 0);
    for _ in 0..1000 {
        let Input { schemas, findings, policy } = input.new_tree(&mut runner).unwrap().current();
        let Some(answer) = reference(&findings, &schemas, &policy) else {
            refused += 1;
            continue;
        };
        let reported = |table: &str, column: &str| {
            findings.iter().any(|finding| finding.table.table() == table && finding.path.column == column)
        };
        let any = |wanted: &dyn Fn(&str, &str, &Action) -> bool| {
            usize::from(answer.iter().any(|((table, column), action)| wanted(table, column, action)))
        };
        masked += any(&|_, _, action| action.mask().is_some());
        dropped += any(&|_, _, action| *action == Action::Drop);
        kept_despite += any(&|table, column, action| *action == Action::Keep && reported(table, column));
    }
    let counts = format!("{refused} refused, {masked} masked, {dropped} dropped, {kept_despite} kept despite findings");
    assert!(refused > 200 && masked > 200 && dropped > 10 && kept_despite > 20, "{counts}");
}
