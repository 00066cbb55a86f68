//! From bytes to what a callback says. Depth is bounded before anything is parsed (F065).

use super::limits::BEAT_BYTES;
use super::verify::EventName;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sortie_core::limits::JSON_DEPTH;
use sortie_protocol::ask::Ask;
use sortie_protocol::callback::{CallbackKind, Heartbeat, JobResult, Started};
use sortie_protocol::version::{self, Mismatch};

/// What is wrong with a body, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault(pub(super) String);

/// What it says.
#[derive(Debug)]
pub(super) enum Content {
    Started,
    Alive { data: Value },
    Ask(Ask),
    Result(Box<JobResult>),
}

/// `sortie_protocol::callback::CallbackBody`, with typed data: a field that stands there twice is refused by serde, inside
/// the data too.
#[derive(Deserialize)]
struct Envelope<T> {
    #[expect(dead_code, reason = "required by the protocol; judged with the head of the message")]
    v: u32,
    attempt: String,
    kind: CallbackKind,
    seq: u64,
    #[expect(dead_code, reason = "required by the protocol; the server goes by its own clock")]
    at_ms: i64,
    instance: String,
    data: T,
}

/// The body of a callback about an attempt, for the event that its proof names.
pub(super) fn attempt(event: &EventName, attempt: &str, body: &[u8]) -> Result<Content, Fault> {
    if event.kind != CallbackKind::Result && body.len() > BEAT_BYTES {
        return Err(Fault(format!("a body of this kind has at most {BEAT_BYTES} bytes")));
    }
    check_depth(body)?;
    Ok(match event.kind {
        CallbackKind::Started => {
            envelope::<Started>(event, attempt, body)?;
            Content::Started
        }
        CallbackKind::Heartbeat => {
            let (data, instance) = whole::<Heartbeat>(event, attempt, body)?;
            let mut data = serde_json::to_value(data).map_err(|error| Fault(format!("/data: {error}")))?;
            data["instance"] = instance.into();
            Content::Alive { data }
        }
        CallbackKind::Progress | CallbackKind::Checkpoint => Content::Alive { data: envelope::<Value>(event, attempt, body)? },
        CallbackKind::Ask => Content::Ask(envelope::<Ask>(event, attempt, body)?),
        CallbackKind::Result => Content::Result(Box::new(envelope::<JobResult>(event, attempt, body)?)),
    })
}

/// Any JSON of bounded depth.
pub(super) fn json(body: &[u8]) -> Result<Value, Fault> {
    check_depth(body)?;
    read(body)
}

fn envelope<T: DeserializeOwned>(event: &EventName, attempt: &str, body: &[u8]) -> Result<T, Fault> {
    whole(event, attempt, body).map(|(data, _)| data)
}

/// The data, and the id of the supervisor that says so.
fn whole<T: DeserializeOwned>(event: &EventName, attempt: &str, body: &[u8]) -> Result<(T, String), Fault> {
    let wrong = |field: &str| Err(Fault(format!("/{field}: not what path and webhook-id say")));
    version::check(body).map_err(|mismatch| match mismatch {
        Mismatch::Version(_) => Fault(format!("/v: {mismatch}")),
        Mismatch::Needs(_) => Fault(format!("/needs: {mismatch}")),
    })?;
    let envelope: Envelope<T> = read(body)?;
    if envelope.attempt != attempt {
        return wrong("attempt");
    }
    if envelope.kind != event.kind {
        return wrong("kind");
    }
    if envelope.seq != event.seq {
        return wrong("seq");
    }
    Ok((envelope.data, envelope.instance))
}

/// The message of serde names field, line and column, and quotes at most the value at fault.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| Fault(format!("the body: {error}")))
}

/// Objects and arrays in one another, counted without parsing: brackets outside of strings.
pub(super) fn check_depth(body: &[u8]) -> Result<(), Fault> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in body.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > JSON_DEPTH {
                    return Err(Fault(format!("the body: deeper than {JSON_DEPTH} levels at byte {at}")));
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}
