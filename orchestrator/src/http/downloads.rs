//! `GET /v1/downloads/{id}?kid=...&exp=...&sig=...`: a resource for whoever holds a signed link, and the bytes of a resource for
//! both listeners.
//!
//! What a job has written is never believed and never rendered: every answer is an attachment of no known type, in a sandbox.

use super::problem::{not_found, problem, with_status};
use crate::driver::Driver;
use crate::error_code::ErrorCode;
use crate::resources::{Reference, Resources};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use axum::routing::get;
use sortie_keys::SignedQuery;
use sortie_store::model::resources::ResourceRow;
use std::ops::Range;

/// Header with the SHA-256 of the whole resource, lower-case hex.
pub const HEADER_SHA256: &str = "sortie-sha256";

/// The route of signed links.
pub(super) fn routes(driver: Driver) -> Router {
    Router::new().route("/v1/downloads/{id}", get(download)).with_state(driver)
}

/// The id of a resource in a link: its reference, as one segment of a path.
#[must_use]
pub fn id_of(reference: &Reference) -> String {
    reference.link_id()
}

fn named(id: &str) -> Option<Reference> {
    let text = data_encoding::BASE64URL_NOPAD.decode(id.as_bytes()).ok()?;
    Reference::parse(std::str::from_utf8(&text).ok()?)
}

async fn download(State(driver): State<Driver>, Path(id): Path<String>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let parts = driver.parts();
    if let Err(error) = driver.ring().reload_if_changed() {
        tracing::error!(%error, "the key ring cannot be read");
        return problem(ErrorCode::Unavailable, "the key ring cannot be read");
    }
    let verified = SignedQuery::parse(uri.query().unwrap_or(""))
        .and_then(|query| driver.ring().verify_download(&parts.installation.id, &id, query.kid, query.exp, query.sig, parts.clock.now_s()));
    // One answer for whatever is wrong: a link says nothing about what there is.
    let Some(reference) = verified.ok().and_then(|()| named(&id)) else { return not_found().await };
    bytes(&parts.resources, &reference, &headers).await
}

/// The bytes of a resource, whole or the one range that is asked for.
pub(super) async fn bytes(resources: &Resources, reference: &Reference, headers: &HeaderMap) -> Response<Body> {
    let row = match resources.find(reference).await {
        Ok(Some(row)) => row,
        Ok(None) => return not_found().await,
        Err(error) => return problem(ErrorCode::Unavailable, &error.to_string()),
    };
    let wanted = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).and_then(|text| range(text, row.size));
    let (status, wanted) = match wanted {
        Some(Err(())) => {
            let mut response = with_status(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::Usage, "the range is beyond the end");
            insert(&mut response, header::CONTENT_RANGE, format!("bytes */{}", row.size));
            return response;
        }
        Some(Ok(range)) => (StatusCode::PARTIAL_CONTENT, range),
        None => (StatusCode::OK, 0..row.size),
    };
    let stream = match resources.blobs().stream(&row.sha256, wanted.clone()).await {
        Ok(Some(stream)) => stream,
        Ok(None) => {
            tracing::error!(%reference, sha256 = row.sha256, "the bytes of a resource are gone");
            return problem(ErrorCode::Failed, "the bytes of this resource are gone from the server's disk");
        }
        Err(error) => return problem(ErrorCode::Unavailable, &error.to_string()),
    };
    let mut response = Response::new(Body::from_stream(stream));
    *response.status_mut() = status;
    if status == StatusCode::PARTIAL_CONTENT {
        insert(&mut response, header::CONTENT_RANGE, format!("bytes {}-{}/{}", wanted.start, wanted.end.saturating_sub(1), row.size));
    }
    dress(&mut response, &row, wanted.end - wanted.start);
    response
}

fn dress(response: &mut Response<Body>, row: &ResourceRow, length: u64) {
    insert(response, header::CONTENT_LENGTH, length.to_string());
    insert(response, header::CONTENT_DISPOSITION, disposition(&row.name));
    insert(response, header::HeaderName::from_static(HEADER_SHA256), row.sha256.clone());
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
}

fn insert(response: &mut Response<Body>, name: header::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

/// `attachment`, with the last part of the name as nothing but letters, digits, dots, `-` and `_`, and exactly as UTF-8 beside.
fn disposition(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    let plain: String = last.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).take(100).collect();
    let plain = plain.trim_start_matches('.');
    let plain = if plain.is_empty() { "resource" } else { plain };
    let exact = percent_encoding::utf8_percent_encode(last, percent_encoding::NON_ALPHANUMERIC);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}")
}

/// One range of bytes (RFC 9110, 14.2); `None` where none is asked for that is understood, which gives the whole.
fn range(text: &str, size: u64) -> Option<Result<Range<u64>, ()>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let (start, end) = match (first, last) {
        ("", suffix) => (size.saturating_sub(number(suffix)?), size),
        (first, "") => (number(first)?, size),
        (first, last) => (number(first)?, number(last).filter(|last| number(first) <= Some(*last))?.saturating_add(1).min(size)),
    };
    Some(if start < end { Ok(start..end) } else { Err(()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_one_or_none() {
        assert_eq!(range("bytes=0-3", 10), Some(Ok(0..4)));
        assert_eq!(range("bytes=4-", 10), Some(Ok(4..10)));
        assert_eq!(range("bytes=-3", 10), Some(Ok(7..10)));
        assert_eq!(range("bytes=-30", 10), Some(Ok(0..10)));
        assert_eq!(range("bytes=5-50", 10), Some(Ok(5..10)));
        assert_eq!(range("bytes=10-", 10), Some(Err(())));
        assert_eq!(range("bytes=-0", 10), Some(Err(())));
        for whole in ["bytes=3-2", "bytes=a-", "bytes=0-1,3-4", "lines=1-2", "bytes=", "bytes=+1-2", "bytes=-"] {
            assert_eq!(range(whole, 10), None, "{whole}");
        }
    }

    #[test]
    fn f106_the_name_of_a_download_is_no_path_and_breaks_no_header() {
        assert_eq!(disposition("out/report.txt"), "attachment; filename=\"report.txt\"; filename*=UTF-8''report%2Etxt");
        for (name, plain) in
            [("../..", "resource"), ("a\"\r\nx: y", "a___x__y"), ("C:\\x", "C__x"), (":result", "_result"), (".bashrc", "bashrc")]
        {
            let text = disposition(name);
            assert!(text.starts_with(&format!("attachment; filename=\"{plain}\";")), "{text}");
            assert!(HeaderValue::try_from(text).is_ok());
        }
    }
}
