//! Requests as they are made, answers as they are read.

use super::*;

#[test]
fn f073_credentials_stay_below_the_address_of_their_connection() {
    let base = Url::parse("https://api.example/v1").unwrap();
    let at = |url: &str| below(&base, url).map(|url| url.to_string());
    assert_eq!(at("/items?a=1").as_deref(), Some("https://api.example/v1/items?a=1"));
    assert_eq!(at("https://api.example/v1/items").as_deref(), Some("https://api.example/v1/items"));
    assert_eq!(at("https://api.example/v1").as_deref(), Some("https://api.example/v1"));
    for other in [
        "/../admin",
        "/%2e%2e/admin",
        "/..%2f%2E%2Eadmin",
        "https://api.example/v2/items",
        "https://api.example/v10",
        "https://evil.example/v1/items",
        "http://api.example/v1/items",
        "https://user@api.example/v1/items",
        "https://api.example:444/v1/items",
    ] {
        assert_eq!(at(other), None, "{other}");
    }
    assert_eq!(at("//evil.example/x").as_deref(), Some("https://api.example/v1//evil.example/x"), "a path, not another host");
}

fn spec(expect: &[u16]) -> HttpSpec {
    let spec = json!({ "method": "GET", "url": "https://a.example/", "expect": expect });
    serde_json::from_value(spec).unwrap()
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Answer {
    let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
    Answer { status, headers, body: body.to_vec() }
}

#[test]
fn statuses_json_and_retry_after_are_judged() {
    let json = [("content-type", "application/problem+json; charset=utf-8"), ("retry-after", "7")];
    let TryOutcome::Done(value) = judged(&spec(&[409]), &answer(409, &json, br#"{"a":1}"#), &Masker::default(), 0) else {
        panic!("expected")
    };
    assert_eq!((&value["status"], &value["json"]["a"], &value["body"]), (&json!(409), &json!(1), &json!(r#"{"a":1}"#)));
    let TryOutcome::Failed { failure, value, retry_after_ms } = judged(&spec(&[]), &answer(503, &json, b"{}"), &Masker::default(), 0)
    else {
        panic!("not expected")
    };
    assert_eq!((failure.kind, retry_after_ms, &value["status"]), (FailureKind::Http, Some(7_000), &json!(503)));
    let TryOutcome::Failed { failure, .. } = judged(&spec(&[]), &answer(200, &json, b"<html>"), &Masker::default(), 0) else { panic!() };
    assert_eq!(failure.kind, FailureKind::Http);
}

#[test]
fn f105_a_secret_that_comes_back_is_masked() {
    let secret = Secret::new("very-secret");
    let masker = Masker::new([&secret]);
    let json = [("content-type", "application/json"), ("x-echo", "is very-secret")];
    let TryOutcome::Done(value) = judged(&spec(&[]), &answer(200, &json, br#"{"e":"very-secret","b":"dmVyeS1zZWNyZXQ="}"#), &masker, 0)
    else {
        panic!()
    };
    let text = value.to_string();
    assert!(!text.contains("very-secret") && !text.contains("dmVyeS1zZWNyZX"), "{text}");
    assert_eq!(value["headers"]["x-echo"], "is [secret]");
}

#[test]
fn credentials_go_into_their_header_and_own_headers_are_refused() {
    let mut headers = HeaderMap::new();
    let auth = Auth::Basic { user: "me".to_owned(), secret: "s".to_owned() };
    let masked = authorize(&mut headers, &auth, &Secret::new("pw")).unwrap().unwrap();
    assert_eq!(headers[AUTHORIZATION].as_bytes(), b"Basic bWU6cHc=");
    assert_eq!(masked.expose(), b"bWU6cHc=");
    for name in ["Host", "idempotency-key", "content-length", "a b", ""] {
        assert!(put(&mut headers, name, &Secret::new("x")).is_err(), "{name}");
    }
    assert!(put(&mut headers, "x-a", &Secret::new("a\r\nb: c")).is_err(), "a value does not become a header");
}
