//! OpenAI chat completions, as opencode speaks it.

use super::script::{INPUT_TOKENS, OUTPUT_TOKENS, Reply, Said};
use serde_json::{Value, json};

/// A turn: as a stream of chunks where that was asked for, else as one document.
pub(super) fn speak(said: Said<'_>, body: &Value, number: usize) -> Reply {
    let (part, reason) = match said {
        Said::Text(text) => (json!({ "role": "assistant", "content": text }), "stop"),
        Said::Call(id, name, input) => {
            let function = json!({ "name": name, "arguments": input.to_string() });
            let calls = json!([{ "index": 0, "id": id, "type": "function", "function": function }]);
            (json!({ "role": "assistant", "content": null, "tool_calls": calls }), "tool_calls")
        }
    };
    let usage = json!({ "prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS, "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS });
    let id = format!("chatcmpl-{number}");
    if body["stream"] != true {
        let choices = json!([{ "index": 0, "message": part, "finish_reason": reason }]);
        let whole = json!({ "id": id, "object": "chat.completion", "created": 1, "model": "test", "choices": choices, "usage": usage });
        return Reply::json(200, &whole);
    }
    let chunk = |choices: Value| json!({ "id": id, "object": "chat.completion.chunk", "created": 1, "model": "test", "choices": choices });
    let mut last = chunk(json!([]));
    last["usage"] = usage;
    let chunks = [
        chunk(json!([{ "index": 0, "delta": part, "finish_reason": null }])),
        chunk(json!([{ "index": 0, "delta": {}, "finish_reason": reason }])),
        last,
    ];
    let mut reply = Reply::events(chunks.map(|chunk| (None, chunk)));
    reply.body += "data: [DONE]\n\n";
    reply
}

/// An error, as both protocols of OpenAI have it.
pub(super) fn refuse(status: u16) -> Reply {
    let (kind, code, message) = match status {
        401 => ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
        429 => ("insufficient_quota", "insufficient_quota", "You exceeded your current quota, please check your plan and billing details."),
        400 => ("invalid_request_error", "invalid_value", "Invalid value."),
        _ => ("server_error", "server_error", "The server had an error while processing your request."),
    };
    Reply::json(status, &json!({ "error": { "message": message, "type": kind, "param": null, "code": code } }))
}
