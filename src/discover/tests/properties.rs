//! What holds for every input.

use super::*;

/// One value of a stream, and how many findings it carries.
fn a_value() -> impl Strategy<Value = (Value, u64)> {
    let key = prop_oneof![
        Just(CUSTOMER),
        Just("dataset/x/y"),
        Just("z"),
        Just("dataset/customer/_x")
    ];
    let path = prop_oneof![
        Just(json!("$.name")),
        Just(json!("$.zzz")),
        Just(json!("$..b")),
        Just(json!("")),
        Just(json!(null)),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    let one = (key, path, 0u8..8, 0u8..4).prop_map(|(key, path, kind, id)| {
        let detection =
            json!({"type": "NAME", "count": "3", "occurrences": {"records": [{"jsonPath": path}]}});
        let mut value = match kind {
            0 | 1 => discovery_result(&format!("{id}"), key, &detection),
            _ => finding(&format!("{id}"), key, &detection),
        };
        match kind {
            1 => value["classificationDetails"]["result"]["sensitiveData"] = json!([]),
            2 => value["archived"] = json!(true),
            3 => value["sample"] = json!(true),
            4 => {
                value["category"] = json!("POLICY");
                value["classificationDetails"] = json!(null);
            }
            5 => value["resourcesAffected"] = json!(null),
            _ => {}
        }
        value
    });
    (proptest::collection::vec(one, 0..4), 0u8..6).prop_map(|(all, shape)| {
        let count = all.len() as u64;
        let event = |detail: &Value| json!({"source": "aws.macie", "detail-type": "Macie Finding", "detail": detail});
        let value = match shape {
            0 => json!({"findings": all}),
            1 => json!(all),
            2 => json!({"Messages": all.iter().map(|one| json!({"Body": one.to_string()})).collect::<Vec<_>>()}),
            3 => json!(all.iter().map(event).collect::<Vec<_>>()),
            4 => json!({"Type": "Notification", "Message": json!({"findings": all}).to_string()}),
            _ => return all.first().map_or((json!([]), 0), |one| (event(one), 1)),
        };
        (value, count)
    })
}

proptest! {
    #[test]
    fn every_finding_of_a_stream_is_counted_once(
        values in proptest::collection::vec(a_value(), 0..6), lines in any::<bool>(), archived in any::<bool>(),
    ) {
        let separator = if lines { "\n" } else { "" };
        let text: Vec<String> = values.iter().map(|(value, _)| value.to_string()).collect();
        let mut collector = Collector::new(archived);
        collector.read(&document("d", text.join(separator))).unwrap();
        let findings = collector.finish(&[customer()], &lake());
        prop_assert_eq!(findings.totals().records, values.iter().map(|(_, count)| count).sum::<u64>());
        assert_nothing_is_lost(findings.totals());
        // Where a record is about the lake, it names a column or is listed.
        let listed = findings.iter().count() + findings.unlocated().len();
        prop_assert_eq!(findings.totals().mapped > 0, listed > 0);
        prop_assert_eq!(findings.totals().unmapped > 0, !findings.unmapped().is_empty());
        let status = findings.to_record_batch().unwrap();
        prop_assert!(status.num_rows() >= listed);
    }

    #[test]
    fn a_damaged_stream_is_refused_whole_or_read_whole(
        values in proptest::collection::vec(a_value(), 1..4),
        cut in any::<prop::sample::Index>(), byte in any::<Option<u8>>(),
    ) {
        let text: String = values.iter().map(|(value, _)| value.to_string()).collect();
        let mut bytes = text.into_bytes();
        let at = cut.index(bytes.len());
        match byte {
            Some(byte) => bytes[at] = byte,
            None => bytes.truncate(at),
        }
        let mut collector = Collector::new(true);
        let result = collector.read(&Document { name: "d".to_owned(), bytes: bytes.into() });
        let findings = collector.finish(&[customer()], &lake());
        assert_nothing_is_lost(findings.totals());
        if result.is_err() {
            prop_assert_eq!(findings, Findings::default());
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
        let mut collector = Collector::new(true);
        let _ = collector.read(&Document { name: "d".to_owned(), bytes: bytes.into() });
        assert_nothing_is_lost(collector.finish(&[customer()], &lake()).totals());
    }
}
