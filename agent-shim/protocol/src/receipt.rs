//! What the callback server answers. Only an answer with a valid receipt is an answer to the shim.

use crate::ask::AskAnswer;
use serde::{Deserialize, Serialize};

/// What became of a callback. The one place for outcomes and their HTTP statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Committed; the run was made ready.
    Accepted,
    /// The same again; the first receipt is returned.
    Duplicate,
    /// Another result for a finished attempt: the first stands, this one is kept and shown.
    Conflict,
    /// The run moved on: kept, shown, never resumes by itself.
    Late,
    /// Not parseable or not of the step's result schema; kept.
    Invalid,
    /// Bad, expired or missing token, signature or proof, or an unknown id. One shape.
    Unauthorized,
    /// Over the inline limit.
    TooLarge,
    /// Wrong content type or encoding.
    UnsupportedType,
    /// Too many.
    TooMany,
    /// Not now.
    Unavailable,
}

impl Outcome {
    /// The HTTP status (RFC 9110).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Accepted | Self::Duplicate => 200,
            Self::Conflict => 409,
            Self::Late => 410,
            Self::Invalid => 422,
            Self::Unauthorized => 401,
            Self::TooLarge => 413,
            Self::UnsupportedType => 415,
            Self::TooMany => 429,
            Self::Unavailable => 503,
        }
    }

    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Late => "late",
            Self::Invalid => "invalid",
            Self::Unauthorized => "unauthorized",
            Self::TooLarge => "too_large",
            Self::UnsupportedType => "unsupported_type",
            Self::TooMany => "too_many",
            Self::Unavailable => "unavailable",
        }
    }

    /// Whether the shim, with a valid receipt, counts the event as delivered.
    #[must_use]
    pub const fn is_delivered(self) -> bool {
        matches!(self, Self::Accepted | Self::Duplicate | Self::Conflict | Self::Late | Self::Invalid)
    }
}

/// What the server commits itself to. A `duplicate` carries the receipt of the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The `webhook-id`.
    pub id: String,
    /// SHA-256 of the body it was given for, lower-case hex.
    pub digest: String,
    /// What became of it when it was committed.
    pub outcome: Outcome,
    /// When it was committed, Unix milliseconds by the server's clock.
    pub at_ms: i64,
    /// For a heartbeat: that the job is to be ended, with the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<String>,
    /// For a question: its answer, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AskAnswer>,
}

/// The JSON body of every answer to a callback that has an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackAnswer {
    /// What became of this very post.
    pub outcome: Outcome,
    /// Absent where the sender could not be verified, or sent no proof (a plain wait).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// HMAC-SHA256 of [`receipt_message`] with the proof secret, `v1,<base64>`; present with the receipt of an attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// For people: what was wrong and where (a JSON pointer for `invalid`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The bytes that a receipt's HMAC covers. Lengths are not needed: no field can hold a newline.
#[must_use]
pub fn receipt_message(receipt: &Receipt) -> Vec<u8> {
    let Receipt { id, digest, outcome, at_ms, stop, answer } = receipt;
    let mut text = format!("sortie-receipt-v1\n{id}\n{digest}\n{}\n{at_ms}\n{}", outcome.as_str(), stop.as_deref().unwrap_or(""));
    if let Some(answer) = answer {
        // JSON escapes the newlines of what people write.
        text.push('\n');
        text.push_str(&serde_json::to_string(answer).unwrap_or_default());
    }
    text.into_bytes()
}
