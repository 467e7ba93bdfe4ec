//! The shapes in which findings arrive, told apart value by value.

use serde_json::{Map, Value};

use super::findings::Channel;
use super::record::{self, Outcome, Record};
use crate::error::{Error, Result, Said};

/// How many envelopes may stand in each other.
const ENVELOPES_MAX: usize = 8;

/// What one document held.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    pub(super) policy: u64,
    pub(super) sample: u64,
    pub(super) notifications: u64,
    pub(super) other_events: u64,
    pub(super) undelivered: u64,
}

impl Batch {
    /// Whether it held any finding at all.
    pub(super) fn has_findings(&self) -> bool {
        !self.records.is_empty() || self.policy > 0 || self.sample > 0
    }
}

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    /// The document's name.
    pub(super) document: &'a str,
    /// The value's number in the document, from 1.
    pub(super) value: u64,
    /// The number inside the innermost list, from 1.
    pub(super) element: Option<u64>,
    /// How many envelopes are around it.
    depth: usize,
}

impl<'a> At<'a> {
    /// A value of a document.
    pub(super) fn new(document: &'a str, value: u64) -> Self {
        Self {
            document,
            value,
            element: None,
            depth: 0,
        }
    }

    fn inside(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }

    fn error(&self, message: &'static str) -> Error {
        let error = Error::failed(message)
            .with("document", &Said(self.document))
            .with("value", &self.value);
        match &self.element {
            Some(element) => error.with("element", element),
            None => error,
        }
    }
}

/// Adds what one JSON value holds to the batch.
///
/// # Errors
/// If it is no known shape: nothing is passed over in silence.
pub(super) fn read(value: Value, at: At<'_>, batch: &mut Batch) -> Result<()> {
    if at.depth > ENVELOPES_MAX {
        return Err(at.error("too many envelopes around a value"));
    }
    match value {
        Value::Array(values) => each(values, at, batch, read),
        Value::Object(object) => read_object(object, at, batch),
        _ => Err(unknown(at)),
    }
}

fn each(
    values: Vec<Value>,
    at: At<'_>,
    batch: &mut Batch,
    read: fn(Value, At<'_>, &mut Batch) -> Result<()>,
) -> Result<()> {
    for (element, value) in (1..).zip(values) {
        read(
            value,
            At {
                element: Some(element),
                ..at.inside()
            },
            batch,
        )?;
    }
    Ok(())
}

fn read_object(mut object: Map<String, Value>, at: At<'_>, batch: &mut Batch) -> Result<()> {
    let has = |name: &str| object.contains_key(name);
    if has("detail") && (has("source") || has("detail-type")) {
        event(object, at, batch)
    } else if is_security_hub(&object) {
        Err(security_hub(at))
    } else if is_finding(&object) {
        finding(Value::Object(object), None, at, batch)
    } else if has("findings") {
        list(object.remove("findings"), at, batch, read)
    } else if has("findingIds") {
        Err(at.error("document lists ids of findings and not the findings").hint(
            "`aws macie2 list-findings` gives ids only; fetch the findings, 50 ids a call: `aws macie2 get-findings --finding-ids …`",
        ))
    } else if is_undelivered(&object) {
        batch.undelivered += 1;
        Ok(())
    } else if has("Messages") {
        list(object.remove("Messages"), at, batch, read)
    } else if has("Records") {
        list(object.remove("Records"), at, batch, notice)
    } else if has("Message") || has("Body") || has("body") {
        message(object, at, batch)
    } else if text(&object, "Event") == Some("s3:TestEvent") {
        batch.notifications += 1;
        Ok(())
    } else {
        Err(unknown(at))
    }
}

/// The members of a list, which may be null.
fn list(
    values: Option<Value>,
    at: At<'_>,
    batch: &mut Batch,
    read: fn(Value, At<'_>, &mut Batch) -> Result<()>,
) -> Result<()> {
    match values {
        Some(Value::Array(values)) => each(values, at, batch, read),
        Some(Value::Null) | None => Ok(()),
        Some(_) => Err(unknown(at)),
    }
}

/// An `EventBridge` event. What looks like a finding is one, whatever the event calls itself.
fn event(mut object: Map<String, Value>, at: At<'_>, batch: &mut Batch) -> Result<()> {
    let detail = object.remove("detail").unwrap_or_default();
    let named_finding = text(&object, "source") == Some("aws.macie")
        && text(&object, "detail-type") == Some("Macie Finding");
    match detail {
        Value::Object(mut detail) if named_finding || is_finding(&detail) => {
            // The documentation's sketch of an event shows these two beside the detail.
            for name in ["sample", "archived"] {
                if let (false, Some(flag)) = (detail.contains_key(name), object.remove(name)) {
                    detail.insert(name.to_owned(), flag);
                }
            }
            if is_finding(&detail) {
                finding(Value::Object(detail), Some(Channel::Finding), at, batch)
            } else {
                Err(at.error("event is called a Macie finding and its detail is none"))
            }
        }
        Value::Object(detail) if is_security_hub(&detail) || holds_security_hub(&detail) => {
            Err(security_hub(at))
        }
        Value::String(detail) => nested(&detail, at, batch),
        _ if named_finding => {
            Err(at.error("event is called a Macie finding and its detail is none"))
        }
        _ if text(&object, "source") == Some("aws.s3") => {
            batch.notifications += 1;
            Ok(())
        }
        _ => {
            batch.other_events += 1;
            Ok(())
        }
    }
}

fn finding(value: Value, channel: Option<Channel>, at: At<'_>, batch: &mut Batch) -> Result<()> {
    // The parser's own message may quote the value, so it is not repeated.
    let outcome = record::read(value, channel).map_err(|_| {
        at.error("finding has a member of an unexpected type")
            .hint("compare it with the output of `aws macie2 get-findings`; fetch it again if it was edited")
    })?;
    match outcome {
        Outcome::Policy => batch.policy += 1,
        Outcome::Sample => batch.sample += 1,
        Outcome::Record(record) => batch.records.push(record),
    }
    Ok(())
}

/// An SNS notification or an SQS message.
fn message(mut object: Map<String, Value>, at: At<'_>, batch: &mut Batch) -> Result<()> {
    if matches!(
        text(&object, "Type"),
        Some("SubscriptionConfirmation" | "UnsubscribeConfirmation")
    ) {
        batch.other_events += 1;
        return Ok(());
    }
    let body = ["Message", "Body", "body"]
        .into_iter()
        .find_map(|name| object.remove(name));
    match body {
        Some(Value::String(body)) => nested(&body, at, batch),
        Some(body @ (Value::Object(_) | Value::Array(_))) => read(body, at.inside(), batch),
        _ => Err(unknown(at)),
    }
}

/// JSON inside a JSON string.
fn nested(text: &str, at: At<'_>, batch: &mut Batch) -> Result<()> {
    let mut values = serde_json::Deserializer::from_str(text)
        .into_iter::<Value>()
        .peekable();
    if values.peek().is_none() {
        return Err(at.error("message is empty"));
    }
    for value in values {
        let value = value.map_err(|_| {
            at.error("message holds something that is not JSON, or ends in the middle of it")
                .hint("messages must carry events or findings as JSON")
        })?;
        read(value, at.inside(), batch)?;
    }
    Ok(())
}

/// A member of `Records`: an S3 notification, or a message as Lambda is given it.
fn notice(value: Value, at: At<'_>, batch: &mut Batch) -> Result<()> {
    let Value::Object(mut object) = value else {
        return Err(unknown(at));
    };
    if text(&object, "eventSource") == Some("aws:s3") && object.contains_key("s3") {
        batch.notifications += 1;
        return Ok(());
    }
    match object.remove("Sns") {
        Some(Value::Object(notification)) => message(notification, at.inside(), batch),
        _ if object.contains_key("body") => message(object, at.inside(), batch),
        _ => Err(unknown(at)),
    }
}

fn is_finding(object: &Map<String, Value>) -> bool {
    let kind = text(object, "type");
    object.contains_key("classificationDetails")
        || object.contains_key("policyDetails")
        || (text(object, "category").is_some() && kind.is_some())
        || kind
            .is_some_and(|kind| kind.starts_with("SensitiveData:") || kind.starts_with("Policy:"))
}

/// Security Hub's own finding format.
fn is_security_hub(object: &Map<String, Value>) -> bool {
    object.contains_key("Findings")
        || (object.contains_key("ProductArn") && object.contains_key("Resources"))
}

/// An event with findings of Security Hub.
fn holds_security_hub(detail: &Map<String, Value>) -> bool {
    let findings = detail.get("findings").and_then(Value::as_array);
    findings.is_some_and(|all| all.iter().filter_map(Value::as_object).any(is_security_hub))
}

/// Firehose's record of something it could not deliver.
fn is_undelivered(object: &Map<String, Value>) -> bool {
    object.contains_key("rawData")
        && ["errorCode", "errorMessage", "attemptsMade"]
            .iter()
            .any(|name| object.contains_key(*name))
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

fn security_hub(at: At<'_>) -> Error {
    at.error("findings are in Security Hub's format").hint(
        "it leaves out what is needed here; give Macie's own: `aws macie2 get-findings`, events of source `aws.macie`, or discovery results",
    )
}

fn unknown(at: At<'_>) -> Error {
    at.error("value is neither a finding nor anything that carries findings").hint(
        "give findings (`aws macie2 get-findings`), EventBridge events of source `aws.macie`, discovery results, or SNS or SQS messages with them",
    )
}
