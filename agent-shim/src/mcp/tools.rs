//! The tools: their names, what they take, and what they say. Texts are for agents.

use super::permission::{self, Wish};
use crate::door::wire::{Reply, Verb};
use crate::door::{ASK_DEFAULT_MS, Failure, absolute};
use rmcp::model::{JsonObject, Tool};
use serde_json::{Map, Value, json};
use sortie_protocol::ask::Ask;

/// Said where nobody has answered yet.
pub const PENDING: &str = "Nobody has answered yet, and the question stays open. If you cannot go on without the answer, save what \
    matters and end your turn now: you will be started again, with the answer.";

/// Name, description, schema of the arguments.
fn described() -> [(&'static str, &'static str, Value); 6] {
    let document = json!({ "description": "Any JSON value" });
    [
        (
            "report_progress",
            "Tell the people who wait for this job how far it is. Only the last report counts. At most 16 KiB.",
            object(&json!({ "progress": document }), &["progress"]),
        ),
        (
            "save_checkpoint",
            "Record from where the work could be taken up again if this machine were lost. Only the last one counts. At most 16 KiB.",
            object(&json!({ "checkpoint": document }), &["checkpoint"]),
        ),
        (
            "save_artifact",
            "Keep a file below the working directory as it is now. It is handed to the people who wait for this job, whatever becomes of \
             the file later.",
            object(
                &json!({
                    "path": { "type": "string", "description": "Path of a regular file below the working directory" },
                    "name": { "type": "string", "description": "Name to keep it under; its path without one" }
                }),
                &["path"],
            ),
        ),
        (
            "ask_person",
            "Ask a person to approve or reject something, and wait for the answer. It can take hours. Use it for decisions that are not \
             yours to take. The answer is `approved`, `rejected`, `timed_out`, `cancelled` or `pending`; only `approved` is consent.",
            object(
                &json!({
                    "title": { "type": "string", "description": "The question, on one line" },
                    "message": { "type": "string", "description": "What a person needs to know to decide" },
                    "approvers": { "type": "array", "items": { "type": "string" }, "description": "Roles that may answer" },
                    "timeout_minutes": { "type": "integer", "minimum": 1, "description": "How long an answer is waited for; a day without" }
                }),
                &["title"],
            ),
        ),
        (
            "submit_result",
            "Leave the result document of this job. The last one counts.",
            object(&json!({ "result": document }), &["result"]),
        ),
        (
            "permission",
            "Asks a person whether a tool may be used. For the permission prompts of the agent's own program, not to be called by you.",
            object(
                &json!({
                    "tool_name": { "type": "string" },
                    "input": { "type": "object" },
                    "tool_use_id": { "type": "string" }
                }),
                &["tool_name", "input"],
            ),
        ),
    ]
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

/// All of them.
pub fn all() -> Vec<Tool> {
    let object = |schema: Value| if let Value::Object(schema) = schema { schema } else { JsonObject::default() };
    described().into_iter().map(|(name, text, schema)| Tool::new(name, text, object(schema))).collect()
}

/// What a call wants.
#[derive(Clone, Debug)]
pub enum Call {
    /// Something of the door.
    Door(Verb),
    /// A permission.
    Permission(Wish, Verb),
}

/// Read a call; `None` where there is no such tool.
pub fn parse(name: &str, arguments: &Map<String, Value>, park_ms: u64) -> Option<Result<Call, String>> {
    let document = |field: &str| arguments.get(field).map(Value::to_string).ok_or_else(|| format!("{field}: missing"));
    let door = |verb: Result<Verb, String>| Some(verb.map(Call::Door));
    match name {
        "report_progress" => door(document("progress").map(|document| Verb::Progress { document })),
        "save_checkpoint" => door(document("checkpoint").map(|document| Verb::Checkpoint { document })),
        "submit_result" => door(document("result").map(|document| Verb::Result { document })),
        "save_artifact" => door(artifact(arguments)),
        "ask_person" => door(ask(arguments).map(|ask| Verb::Ask { ask, park_ms: Some(park_ms) })),
        "permission" => Some(Wish::parse(arguments).map(|wish| {
            let verb = wish.verb(park_ms);
            Call::Permission(wish, verb)
        })),
        _ => None,
    }
}

fn text(arguments: &Map<String, Value>, field: &str) -> Result<Option<String>, String> {
    match arguments.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("{field}: not a string")),
    }
}

fn artifact(arguments: &Map<String, Value>) -> Result<Verb, String> {
    let path = text(arguments, "path")?.ok_or("path: missing")?;
    Ok(Verb::Artifact { path: absolute(&path).map_err(|failure| failure.message)?, name: text(arguments, "name")? })
}

fn ask(arguments: &Map<String, Value>) -> Result<Ask, String> {
    let approvers = match arguments.get("approvers") {
        None | Some(Value::Null) => Vec::new(),
        Some(list) => serde_json::from_value(list.clone()).map_err(|_| "approvers: not a list of strings")?,
    };
    let timeout_ms = match arguments.get("timeout_minutes") {
        None | Some(Value::Null) => ASK_DEFAULT_MS,
        Some(minutes) => minutes.as_u64().and_then(|minutes| minutes.checked_mul(60_000)).ok_or("timeout_minutes: not a whole number")?,
    };
    let title = text(arguments, "title")?.ok_or("title: missing")?;
    Ok(Ask { title, message: text(arguments, "message")?.unwrap_or_default(), approvers, timeout_ms, tool: None, key: None })
}

/// What the agent reads, and whether it is an error.
pub fn told(call: &Call, reply: &Result<Reply, Failure>) -> (String, bool) {
    match (call, reply) {
        (Call::Permission(wish, _), Ok(reply)) => (wish.answer(reply).to_string(), false),
        // A prompt that fails is a denial; nobody has consented.
        (Call::Permission(..), Err(failure)) => {
            (permission::denied(&format!("The question could not be asked: {}", failure.message)).to_string(), false)
        }
        (Call::Door(_), Err(failure)) => (failure.message.clone(), true),
        (Call::Door(_), Ok(reply)) => match reply {
            Reply::Done => ("Done.".to_owned(), false),
            Reply::Kept { name, kept } => (json!({ "name": name, "size": kept.size, "sha256": kept.sha256 }).to_string(), false),
            Reply::Answered { answer, .. } => {
                (json!({ "answered": answer.answered.as_str(), "by": answer.by, "comment": answer.comment }).to_string(), false)
            }
            Reply::Pending { .. } => (json!({ "answered": "pending", "message": PENDING }).to_string(), false),
            Reply::Asked { .. } | Reply::Refused { .. } => ("The supervisor answered something else.".to_owned(), true),
        },
    }
}
