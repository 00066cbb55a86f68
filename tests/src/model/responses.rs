//! OpenAI Responses, as Codex speaks it.

use super::script::{INPUT_TOKENS, OUTPUT_TOKENS, Reply, Said};
use serde_json::json;

/// A turn: the response is created, has one item, is completed.
pub(super) fn speak(said: Said<'_>, number: usize) -> Reply {
    let item = match said {
        Said::Text(text) => json!({
            "type": "message", "id": format!("msg_{number}"), "role": "assistant", "status": "completed",
            "content": [{ "type": "output_text", "text": text, "annotations": [] }],
        }),
        Said::Call(id, name, input) => json!({
            "type": "function_call", "id": format!("fc_{number}"), "call_id": id, "name": name, "arguments": input.to_string(), "status": "completed",
        }),
    };
    let id = format!("resp_{number}");
    let usage = json!({
        "input_tokens": INPUT_TOKENS, "input_tokens_details": { "cached_tokens": 0 },
        "output_tokens": OUTPUT_TOKENS, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    });
    let events = [
        ("response.created", json!({ "type": "response.created", "response": { "id": id, "status": "in_progress", "output": [] } })),
        ("response.output_item.done", json!({ "type": "response.output_item.done", "output_index": 0, "item": item })),
        (
            "response.completed",
            json!({ "type": "response.completed", "response": { "id": id, "status": "completed", "output": [item], "usage": usage } }),
        ),
    ];
    Reply::events(events.map(|(name, data)| (Some(name), data)))
}
