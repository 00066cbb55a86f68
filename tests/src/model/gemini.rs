//! Gemini, as Gemini CLI speaks it.

use super::script::{INPUT_TOKENS, OUTPUT_TOKENS, Reply, Said};
use serde_json::{Value, json};

/// Counts of tokens, and requests that want no tools.
pub(super) fn aside(path: &str) -> Reply {
    if path.ends_with(":countTokens") {
        return Reply::json(200, &json!({ "totalTokens": INPUT_TOKENS }));
    }
    let content = content(&json!({ "text": "a title" }));
    if path.ends_with(":streamGenerateContent") { Reply::events([(None, content)]) } else { Reply::json(200, &content) }
}

fn content(part: &Value) -> Value {
    json!({
        "candidates": [{ "content": { "role": "model", "parts": [part] }, "finishReason": "STOP", "index": 0 }],
        "usageMetadata": { "promptTokenCount": INPUT_TOKENS, "candidatesTokenCount": OUTPUT_TOKENS, "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS },
        "modelVersion": "gemini-test",
    })
}

/// A turn: one chunk with one part.
pub(super) fn speak(said: Said<'_>) -> Reply {
    let part = match said {
        Said::Text(text) => json!({ "text": text }),
        Said::Call(id, name, input) => json!({ "functionCall": { "id": id, "name": name, "args": input } }),
    };
    Reply::events([(None, content(&part))])
}

/// An error, as Google's APIs give it.
pub(super) fn refuse(status: u16) -> Reply {
    let (kind, message) = match status {
        400 => ("INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
        401 => ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
        403 => ("PERMISSION_DENIED", "The caller does not have permission."),
        429 => ("RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."),
        503 => ("UNAVAILABLE", "The model is overloaded. Please try again later."),
        _ => ("INTERNAL", "Internal error encountered."),
    };
    Reply::json(status, &json!({ "error": { "code": status, "message": message, "status": kind } }))
}
