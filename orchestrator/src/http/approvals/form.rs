//! The form of the page, as a browser or `curl -d` sends it.

use axum::http::{HeaderMap, header};
use sortie_core::limits::NOTE_CHARS;
use sortie_core::view::Decision;

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) decision: Decision,
    pub(super) comment: Option<String>,
}

/// Read `decision` and `comment`, each once, and nothing else.
///
/// # Errors
/// For people.
pub(super) fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<Form, &'static str> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err("Send it as application/x-www-form-urlencoded.");
    }
    let (mut decision, mut comment) = (None, None);
    for (name, value) in url::form_urlencoded::parse(bytes) {
        match name.as_ref() {
            "decision" if decision.is_none() => decision = Some(value.into_owned()),
            "comment" if comment.is_none() => comment = Some(value.into_owned()),
            _ => return Err("It has a field that the page does not have."),
        }
    }
    let decision = match decision.as_deref() {
        Some("approve") => Decision::Approve,
        Some("reject") => Decision::Reject,
        _ => return Err("It says neither approve nor reject."),
    };
    let comment = comment.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if comment.as_ref().is_some_and(|text| text.chars().count() > NOTE_CHARS) {
        return Err("The comment is too long.");
    }
    Ok(Form { decision, comment })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn form(text: &str) -> Result<Form, &'static str> {
        let headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"))]);
        read(&headers, text.as_bytes())
    }

    #[test]
    fn only_the_fields_of_the_page_are_read() {
        let yes = form("comment=looks+good%21&decision=approve").unwrap();
        assert_eq!(yes, Form { decision: Decision::Approve, comment: Some("looks good!".to_owned()) });
        assert_eq!(form("decision=reject&comment=++").unwrap().comment, None);
        for bad in ["", "decision=maybe", "decision=approve&decision=reject", "decision=approve&x=1", "comment=x"] {
            assert!(form(bad).is_err(), "{bad}");
        }
        assert!(form(&format!("decision=approve&comment={}", "x".repeat(NOTE_CHARS + 1))).is_err());
        assert!(read(&HeaderMap::new(), b"decision=approve").is_err(), "no other content type");
    }
}
