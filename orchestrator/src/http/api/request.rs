//! Reading requests: bodies and queries with a sentence for what is wrong in them.

use super::limits::NOTES_CHARS;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use axum::body::Bytes;
use serde::de::DeserializeOwned;

/// A JSON body. An empty one is `{}`.
///
/// # Errors
/// With line, column and what is wrong there.
pub(super) fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Problem> {
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|error| Problem::new(ErrorCode::Usage, format!("the request's body: {error}")))
}

/// A query.
///
/// # Errors
/// With the parameter that is wrong.
pub(super) fn query<T: DeserializeOwned>(uri: &axum::http::Uri) -> Result<T, Problem> {
    let query = axum::extract::Query::<T>::try_from_uri(uri);
    query
        .map(|axum::extract::Query(query)| query)
        .map_err(|error| Problem::new(ErrorCode::Usage, format!("the request's query: {}", error.body_text())))
}

/// Text of people, within its limit.
///
/// # Errors
/// Where it is longer.
pub(super) fn text(name: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.chars().count() > NOTES_CHARS => {
            Err(Problem::new(ErrorCode::TooLarge, format!("{name} may have {NOTES_CHARS} characters")))
        }
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}
