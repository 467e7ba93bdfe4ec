//! The findings API of Macie, as a stub: `ListFindings` and `GetFindings` over REST-JSON.
//!
//! It serves the findings that a test gives it, in the shape given. It is as strict as the service: calls must be
//! signed for `macie2`, at most 50 ids go into a describe, a page token must be one that it gave out, and every n-th
//! call may be throttled.

use serde_json::{Map, Value, json};

use super::stub::{Asked, Reply, Stub};

/// How many ids the service takes in one `GetFindings`.
const DESCRIBE_IDS_MAX: usize = 50;

/// A stub that is being set up.
pub(crate) struct MacieStub {
    findings: Vec<Value>,
    page_size: usize,
    throttle_every: Option<usize>,
    denied: bool,
}

impl MacieStub {
    /// Serves these findings; each needs an `id`. Pages hold 25 ids.
    pub(crate) fn new(findings: impl IntoIterator<Item = Value>) -> Self {
        let findings: Vec<Value> = findings.into_iter().collect();
        for finding in &findings {
            assert!(finding["id"].is_string(), "a finding of the API has an id: {finding}");
        }
        Self { findings, page_size: 25, throttle_every: None, denied: false }
    }

    /// How many ids a page of `ListFindings` holds at most.
    #[must_use]
    pub(crate) fn page_size(mut self, ids: usize) -> Self {
        assert!(ids > 0, "an empty page has no end");
        self.page_size = ids;
        self
    }

    /// Answers every n-th call with a throttling error.
    #[must_use]
    pub(crate) fn throttle_every(mut self, calls: usize) -> Self {
        assert!(calls > 1, "a stub that throttles every call answers none");
        self.throttle_every = Some(calls);
        self
    }

    /// Denies every call.
    #[must_use]
    pub(crate) fn deny(mut self) -> Self {
        self.denied = true;
        self
    }

    /// Starts serving. The answer's `asked()` shows the calls.
    pub(crate) fn start(self) -> Stub {
        let mut calls = 0;
        Stub::serve(move |asked| {
            calls += 1;
            if self.throttle_every.is_some_and(|every| calls % every == 0) {
                return error(429, "ThrottlingException", "Rate exceeded");
            }
            self.answer(asked).unwrap_or_else(|reply| reply)
        })
    }

    fn answer(&self, asked: &Asked) -> Result<Reply, Reply> {
        if !asked.header("authorization").is_some_and(|value| value.contains("/macie2/aws4_request")) {
            return Err(error(403, "MissingAuthenticationTokenException", "Missing Authentication Token"));
        }
        if self.denied {
            return Err(error(403, "AccessDeniedException", "Macie is not enabled."));
        }
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/findings") => self.list(&asked.json()),
            ("POST", "/findings/describe") => self.describe(&asked.json()),
            _ => Err(error(404, "ResourceNotFoundException", "The stub knows no such operation.")),
        }
    }

    fn list(&self, body: &Value) -> Result<Reply, Reply> {
        let invalid = |message| error(400, "ValidationException", message);
        let page = match &body["maxResults"] {
            Value::Null => self.page_size,
            value => match value.as_u64().and_then(|number| usize::try_from(number).ok()) {
                Some(number @ 1..=50) => number.min(self.page_size),
                _ => return Err(invalid("maxResults must be between 1 and 50")),
            },
        };
        let start = match &body["nextToken"] {
            Value::Null => 0,
            value => {
                let number = value.as_str().and_then(|token| token.strip_prefix("after-")?.parse::<usize>().ok());
                number.ok_or_else(|| invalid("nextToken is not valid"))?
            }
        };
        let mut ids = Vec::new();
        for finding in &self.findings {
            if matches_criteria(finding, &body["findingCriteria"]["criterion"]).map_err(invalid)? {
                ids.push(finding["id"].clone());
            }
        }
        let end = start.saturating_add(page).min(ids.len());
        let mut answer = json!({ "findingIds": ids.get(start..end).unwrap_or_default() });
        if end < ids.len() {
            answer["nextToken"] = json!(format!("after-{end}"));
        }
        Ok(ok(&answer))
    }

    fn describe(&self, body: &Value) -> Result<Reply, Reply> {
        let invalid = |message| error(400, "ValidationException", message);
        let ids = body["findingIds"].as_array().ok_or_else(|| invalid("findingIds is required"))?;
        if ids.len() > DESCRIBE_IDS_MAX {
            return Err(invalid("findingIds must hold at most 50 items"));
        }
        let findings: Vec<&Value> = self.findings.iter().filter(|finding| ids.contains(&finding["id"])).collect();
        Ok(ok(&json!({ "findings": findings })))
    }
}

/// Whether a finding meets every criterion. One that the stub cannot judge is an error, never a match.
fn matches_criteria(finding: &Value, criteria: &Value) -> Result<bool, &'static str> {
    let none = Map::new();
    for (property, condition) in criteria.as_object().unwrap_or(&none) {
        let value = property.split('.').fold(finding, |value, name| &value[name]);
        for (operator, wanted) in condition.as_object().ok_or("a criterion must be an object")? {
            // Conditions compare texts: `true`, `2`, `CLASSIFICATION`.
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let wanted = wanted.as_array().ok_or("a list is wanted")?;
            let among = wanted.iter().any(|item| item.as_str() == Some(&text));
            let met = match operator.as_str() {
                "eq" | "eqExactMatch" => among,
                "neq" => !among,
                _ => return Err("the stub knows eq, neq and eqExactMatch only"),
            };
            if !met {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn ok(body: &Value) -> Reply {
    let headers = vec![("content-type", "application/json".to_owned())];
    Reply { status: 200, headers, body: body.to_string().into_bytes() }
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    let headers = vec![("content-type", "application/json".to_owned()), ("x-amzn-errortype", code.to_owned())];
    Reply { status, headers, body: json!({ "message": message }).to_string().into_bytes() }
}

/// A finding of the API that names Parquet columns of an object: `(identifier, category, jsonPath)` each.
pub(crate) fn finding(bucket: &str, key: &str, columns: &[(&str, &str, &str)]) -> Value {
    let mut groups: Vec<Value> = Vec::new();
    for (index, (identifier, category, path)) in columns.iter().enumerate() {
        let records = json!([{ "recordIndex": index, "jsonPath": path }]);
        let detection = json!({ "type": identifier, "count": 1, "occurrences": { "records": records } });
        match groups.iter_mut().find(|group| group["category"] == *category) {
            Some(group) => {
                group["totalCount"] = json!(group["totalCount"].as_u64().unwrap() + 1);
                group["detections"].as_array_mut().unwrap().push(detection);
            }
            None => groups.push(json!({ "category": category, "totalCount": 1, "detections": [detection] })),
        }
    }
    json!({
        "schemaVersion": "1.0",
        "id": uuid::Uuid::new_v4().simple().to_string(),
        "accountId": "123456789012",
        "partition": "aws",
        "region": "us-east-1",
        "type": "SensitiveData:S3Object/Multiple",
        "title": "The S3 object contains more than one category of sensitive data.",
        "description": "The S3 object contains more than one category of sensitive data.",
        "category": "CLASSIFICATION",
        "severity": { "score": 3, "description": "High" },
        "createdAt": "2026-11-20T08:15:30.123Z",
        "updatedAt": "2026-11-20T08:15:30.123Z",
        "count": 1,
        "archived": false,
        "sample": false,
        "resourcesAffected": {
            "s3Bucket": { "arn": format!("arn:aws:s3:::{bucket}"), "name": bucket },
            "s3Object": {
                "bucketArn": format!("arn:aws:s3:::{bucket}"),
                "key": key,
                "path": format!("{bucket}/{key}"),
                "extension": key.rsplit_once('.').map_or("", |(_, extension)| extension),
                "eTag": "0123456789abcdef0123456789abcdef",
                "versionId": "",
                "size": 4096,
            },
        },
        "classificationDetails": {
            "jobId": "5f0c1a7d9be64c1b8b7b8a3e6c2d4f10",
            "originType": "SENSITIVE_DATA_DISCOVERY_JOB",
            "result": {
                "status": { "code": "COMPLETE" },
                "mimeType": "application/parquet",
                "sizeClassified": 4096,
                "additionalOccurrences": false,
                "sensitiveData": groups,
                "customDataIdentifiers": { "totalCount": 0, "detections": [] },
            },
        },
    })
}

/// Adds a custom identifier's detection to a finding.
pub(crate) fn add_custom(finding: &mut Value, id: &str, name: &str, path: &str) {
    let custom = &mut finding["classificationDetails"]["result"]["customDataIdentifiers"];
    custom["totalCount"] = json!(custom["totalCount"].as_u64().unwrap() + 1);
    let records = json!([{ "recordIndex": 0, "jsonPath": path }]);
    let detection = json!({ "arn": id, "name": name, "count": 1, "occurrences": { "records": records } });
    custom["detections"].as_array_mut().unwrap().push(detection);
}

#[cfg(test)]
mod tests {
    use super::super::http::{Answer, request};
    use super::*;

    const SIGNED: (&str, &str) = (
        "Authorization",
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/macie2/aws4_request, SignedHeaders=host, Signature=x",
    );

    fn ask(stub: &Stub, path: &str, body: &Value) -> Answer {
        request("POST", stub.endpoint(), path, &[SIGNED], body.to_string().as_bytes())
    }

    fn some(count: usize) -> Vec<Value> {
        (0..count).map(|number| json!({ "id": format!("{number:032x}"), "archived": number % 2 == 1 })).collect()
    }

    fn ids(answer: &Value) -> Vec<&str> {
        answer["findingIds"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect()
    }

    #[test]
    fn pages_lead_to_every_finding_once() {
        let stub = MacieStub::new(some(7)).page_size(3).start();
        let mut seen = Vec::new();
        let mut body = json!({});
        loop {
            let answer = ask(&stub, "/findings", &body).json();
            seen.extend(ids(&answer).into_iter().map(str::to_owned));
            match &answer["nextToken"] {
                Value::Null => break,
                token => body["nextToken"] = token.clone(),
            }
        }
        let all = some(7);
        assert_eq!(seen, all.iter().map(|finding| finding["id"].as_str().unwrap()).collect::<Vec<_>>());
        assert_eq!(stub.asked().len(), 3);
    }

    #[test]
    fn a_smaller_page_can_be_asked_for_and_a_made_up_token_is_refused() {
        let stub = MacieStub::new(some(7)).start();
        assert_eq!(ids(&ask(&stub, "/findings", &json!({ "maxResults": 2 })).json()).len(), 2);
        for bad in [json!({ "maxResults": 51 }), json!({ "maxResults": 0 }), json!({ "nextToken": "7" })] {
            let answer = ask(&stub, "/findings", &bad);
            assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("ValidationException")), "{bad}");
        }
    }

    #[test]
    fn criteria_are_applied_and_unknown_ones_are_refused() {
        let stub = MacieStub::new(some(7)).start();
        let criterion = |condition: Value| json!({ "findingCriteria": { "criterion": { "archived": condition } } });
        assert_eq!(ids(&ask(&stub, "/findings", &criterion(json!({ "eq": ["true"] }))).json()).len(), 3);
        assert_eq!(ids(&ask(&stub, "/findings", &criterion(json!({ "neq": ["true"] }))).json()).len(), 4);
        assert_eq!(ask(&stub, "/findings", &criterion(json!({ "gte": 1 }))).status, 400);
    }

    #[test]
    fn fifty_ids_are_described_and_fifty_one_are_refused() {
        let stub = MacieStub::new(some(60)).start();
        let body = |count: usize| {
            let all = some(60);
            json!({ "findingIds": all[..count].iter().map(|finding| finding["id"].clone()).collect::<Vec<_>>() })
        };
        let answer = ask(&stub, "/findings/describe", &body(50));
        assert_eq!(answer.json()["findings"].as_array().unwrap().len(), 50);
        let answer = ask(&stub, "/findings/describe", &body(51));
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("ValidationException")));
    }

    #[test]
    fn every_second_call_is_throttled() {
        let stub = MacieStub::new(some(1)).throttle_every(2).start();
        let answers = [(); 4].map(|()| ask(&stub, "/findings", &json!({})));
        assert_eq!(answers.each_ref().map(|answer| answer.status), [200, 429, 200, 429]);
        assert_eq!(answers[1].header("x-amzn-errortype"), Some("ThrottlingException"));
    }

    #[test]
    fn the_unsigned_and_the_denied_get_nothing() {
        let stub = MacieStub::new(some(1)).start();
        assert_eq!(request("POST", stub.endpoint(), "/findings", &[], b"{}").status, 403);
        let stub = MacieStub::new(some(1)).deny().start();
        let answer = ask(&stub, "/findings", &json!({}));
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (403, Some("AccessDeniedException")));
    }

    #[test]
    fn a_made_finding_names_its_columns() {
        let columns = [
            ("CREDIT_CARD_NUMBER", "FINANCIAL_INFORMATION", "$.card_number"),
            ("NAME", "PERSONAL_INFORMATION", "$.name"),
            ("DATE_OF_BIRTH", "PERSONAL_INFORMATION", "$.birthdate"),
        ];
        let mut made = finding("lake", "dataset/card/LOAD00000001.parquet", &columns);
        add_custom(&mut made, "8a3f8f2e-0000-4000-8000-000000000001", "mail", "$.mail");
        let result = &made["classificationDetails"]["result"];
        assert_eq!(result["sensitiveData"][1]["totalCount"], 2);
        assert_eq!(result["sensitiveData"][1]["detections"][1]["occurrences"]["records"][0]["jsonPath"], "$.birthdate");
        assert_eq!(result["customDataIdentifiers"]["detections"][0]["name"], "mail");
        assert_eq!(made["resourcesAffected"]["s3Object"]["extension"], "parquet");
    }
}
