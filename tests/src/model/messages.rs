//! Anthropic Messages, as Claude Code speaks it.

use super::script::{INPUT_TOKENS, OUTPUT_TOKENS, Reply, Said};
use serde_json::{Value, json};

/// Counts of tokens, and requests that want no tools.
pub(super) fn aside(path: &str, body: &Value) -> Reply {
    if path.ends_with("/count_tokens") {
        return Reply::json(200, &json!({ "input_tokens": INPUT_TOKENS }));
    }
    if body["stream"] == true {
        return speak(Said::Text("a title"), 0);
    }
    let content = json!([{ "type": "text", "text": "a title" }]);
    Reply::json(200, &message(0, &content, &json!("end_turn")))
}

fn message(number: usize, content: &Value, stop_reason: &Value) -> Value {
    json!({
        "id": format!("msg_{number}"), "type": "message", "role": "assistant", "model": "claude-test", "content": content,
        "stop_reason": stop_reason, "stop_sequence": null, "usage": { "input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS },
    })
}

/// A turn as the stream of events of one message with one block.
pub(super) fn speak(said: Said<'_>, number: usize) -> Reply {
    let (block, delta, stop_reason) = match said {
        Said::Text(text) => (json!({ "type": "text", "text": "" }), json!({ "type": "text_delta", "text": text }), "end_turn"),
        Said::Call(id, name, input) => (
            json!({ "type": "tool_use", "id": format!("toolu_{id}"), "name": name, "input": {} }),
            json!({ "type": "input_json_delta", "partial_json": input.to_string() }),
            "tool_use",
        ),
    };
    let events = [
        json!({ "type": "message_start", "message": message(number, &json!([]), &Value::Null) }),
        json!({ "type": "content_block_start", "index": 0, "content_block": block }),
        json!({ "type": "content_block_delta", "index": 0, "delta": delta }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": stop_reason, "stop_sequence": null }, "usage": { "output_tokens": OUTPUT_TOKENS } }),
        json!({ "type": "message_stop" }),
    ];
    let names = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"];
    Reply::events(names.map(Some).into_iter().zip(events))
}

/// An error, as documented under "Errors" of the API.
pub(super) fn refuse(status: u16) -> Reply {
    let (kind, message) = match status {
        401 => ("authentication_error", "invalid x-api-key"),
        403 => ("permission_error", "not allowed"),
        429 => ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
        529 => ("overloaded_error", "Overloaded"),
        400 => ("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        _ => ("api_error", "Internal server error"),
    };
    Reply::json(status, &json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_test" }))
}
