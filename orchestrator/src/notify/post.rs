//! Telling by POST: a webhook, or Slack.

use super::NotTold;
use crate::outbound::limits::{NOTICE_ANSWER_BYTES, NOTICE_MS};
use crate::outbound::{Fault, Outbound, Request};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// Post a message.
///
/// # Errors
/// [`NotTold`]: for good where the destination is refused or says that it will never take it.
pub async fn post(
    outbound: &Outbound,
    url: Url,
    mut headers: HeaderMap,
    id: &str,
    body: &Value,
    allow_private: bool,
) -> Result<(), NotTold> {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("idempotency-key", HeaderValue::from_str(id).map_err(|error| NotTold::never(error.to_string()))?);
    let request = Request {
        method: reqwest::Method::POST,
        url,
        headers,
        body: body.to_string().into_bytes(),
        timeout: Duration::from_millis(NOTICE_MS),
        response_bytes: NOTICE_ANSWER_BYTES,
        allow_private,
    };
    let status = match outbound.send(request).await {
        Ok(answer) => answer.status,
        // It was taken, and something long was said about it.
        Err(Fault::TooLarge(_)) => return Ok(()),
        Err(fault @ Fault::Policy(_)) => return Err(NotTold::never(fault.to_string())),
        Err(fault) => return Err(NotTold::later(fault.to_string())),
    };
    match status {
        200..300 => Ok(()),
        408 | 425 | 429 | 500.. => Err(NotTold::later(format!("the other side answered {status}"))),
        _ => Err(NotTold::never(format!("the other side answered {status}"))),
    }
}
