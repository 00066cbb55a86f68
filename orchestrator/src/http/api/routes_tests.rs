//! Every route is denied to everybody but the operator, and every mutation is done once.

use super::{Api, table};
use crate::app::App;
use crate::config::{Config, Home};
use crate::http::api::token::{self, TokenDigest};
use crate::setup;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

struct Fixture {
    router: Router,
    listed: Vec<(&'static str, &'static str)>,
    token: String,
    _folder: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("home"));
        setup::create(&home, &Config::fresh()).await.unwrap();
        let app = App::open(home.clone()).await.unwrap();
        let secret = token::read(&home.operator_token()).unwrap();
        let api = Api { app, token: Some(TokenDigest::of(secret.expose())), in_flight: Arc::default() };
        let (router, listed) = table(api);
        Self { router, listed, token: secret.expose_str().unwrap().to_owned(), _folder: folder }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> (StatusCode, Value) {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let answer = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

/// A path of the table with something in its holes.
fn filled(path: &str) -> String {
    path.replace("{id}", "run_0123456789abcdefghijklmnopqrstuv0123").replace("{name}", "nobody")
}

#[tokio::test]
async fn every_route_and_what_is_no_route_is_denied_without_the_token() {
    let fixture = Fixture::new().await;
    assert!(fixture.listed.len() > 15, "the table is walked");
    let near = format!("Bearer {}x", &fixture.token[..fixture.token.len() - 1]);
    let basic = format!("Basic {}", fixture.token);
    let paths = fixture.listed.iter().map(|(method, path)| (*method, filled(path))).chain([
        ("GET", "/v1/none".to_owned()),
        ("PUT", "/v1/runs".to_owned()),
        ("GET", "/".to_owned()),
    ]);
    for (method, path) in paths {
        for headers in [&[][..], &[("authorization", near.as_str())], &[("authorization", basic.as_str())], &[("authorization", "Bearer ")]]
        {
            let (status, body) = fixture.ask(method, &path, headers, json!({})).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path} {headers:?}");
            assert_eq!(body["error"]["code"], "unauthorized");
        }
        let bearer = fixture.bearer();
        let (status, _) = fixture.ask(method, &path, &[("authorization", &bearer), ("origin", "https://evil.example")], json!({})).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path} from a web page");
        let (status, _) = fixture.ask(method, &path, &[("authorization", &bearer), ("sec-fetch-site", "cross-site")], json!({})).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path} from a web page");
        let (status, body) = fixture.ask(method, &path, &[("authorization", &bearer)], json!({})).await;
        assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path} with the token");
        // Prometheus reads text.
        assert!(path == "/metrics" || body["ok"].is_boolean() && body["schema"] == 1, "{method} {path} answers in the envelope: {body}");
    }
}

#[tokio::test]
async fn what_is_not_there_says_so_in_the_envelope() {
    let fixture = Fixture::new().await;
    let bearer = fixture.bearer();
    let headers = [("authorization", bearer.as_str())];
    for (method, path, status, code) in [
        ("GET", "/v1/none", 404, "not_found"),
        ("PUT", "/v1/runs", 405, "method_not_allowed"),
        ("GET", "/v1/runs/run_0123456789abcdefghijklmnopqrstuv0123", 404, "not_found"),
        ("GET", "/v1/runs?state=strange", 400, "usage"),
        ("GET", "/v1/runs?strange=1", 400, "usage"),
        ("GET", "/v1/hosts/nobody", 404, "not_found"),
        ("POST", "/v1/runs", 404, "not_found"),
        ("POST", "/v1/launches", 404, "not_found"),
        ("POST", "/v1/waits/wait_1/credentials", 400, "usage"),
    ] {
        let body = if path == "/v1/launches" { json!({ "on": "nobody", "command": ["true"] }) } else { json!({ "flow": "nobody" }) };
        let (got, envelope) = fixture.ask(method, path, &headers, body).await;
        assert_eq!((got.as_u16(), envelope["error"]["code"].as_str()), (status, Some(code)), "{method} {path}: {envelope}");
    }
}

#[tokio::test]
async fn bodies_are_bounded() {
    let fixture = Fixture::new().await;
    let bearer = fixture.bearer();
    let large = json!({ "flow": "x".repeat(crate::http::api::limits::BODY_BYTES) });
    let (status, body) = fixture.ask("POST", "/v1/runs", &[("authorization", &bearer)], large).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{body}");
    let long = "k".repeat(crate::http::api::limits::KEY_CHARS + 1);
    let (status, _) =
        fixture.ask("POST", "/v1/runs", &[("authorization", &bearer), ("idempotency-key", &long)], json!({ "flow": "x" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn operators_are_who_their_token_says_and_only_admins_manage() {
    let fixture = Fixture::new().await;
    let owner = fixture.bearer();
    let owner = [("authorization", owner.as_str())];
    let added = json!({ "name": "alice", "roles": ["maintainers"] });
    let (status, body) = fixture.ask("POST", "/v1/operators", &owner, added.clone()).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let token = body["data"]["token"].as_str().unwrap().to_owned();
    let (status, body) = fixture.ask("POST", "/v1/operators", &owner, added).await;
    assert_eq!((status, body["error"]["code"].as_str()), (StatusCode::CONFLICT, Some("conflict")));
    let alice = format!("Bearer {token}");
    let alice = [("authorization", alice.as_str())];
    let (_, body) = fixture.ask("GET", "/v1/whoami", &alice, Value::Null).await;
    assert_eq!((&body["data"]["name"], &body["data"]["roles"]), (&json!("alice"), &json!(["maintainers"])));
    for (method, path) in [
        ("GET", "/v1/operators"),
        ("POST", "/v1/operators"),
        ("DELETE", "/v1/operators/alice"),
        ("POST", "/v1/operators/operator/token"),
        ("GET", "/v1/secrets"),
        ("POST", "/v1/secrets/x"),
        ("GET", "/v1/connections"),
        ("POST", "/v1/connections/x/test"),
    ] {
        let (status, body) = fixture.ask(method, path, &alice, json!({ "name": "eve" })).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}: {body}");
    }
    let (status, body) = fixture.ask("POST", "/v1/operators/alice/token", &alice, json!({})).await;
    assert_eq!(status, StatusCode::OK, "everybody may replace their own: {body}");
    let (status, _) = fixture.ask("GET", "/v1/whoami", &alice, Value::Null).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "the old token is refused at once");
    let (_, body) = fixture.ask("GET", "/v1/operators", &owner, Value::Null).await;
    assert_eq!(body["data"]["operators"][0]["added_by"], "operator");
    assert!(!body.to_string().contains(&token) && body["data"]["operators"][0].get("digest").is_none());
    for name in ["operator", "", "a/b", "-x", &"x".repeat(64)] {
        let (status, _) = fixture.ask("POST", "/v1/operators", &owner, json!({ "name": name })).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{name}");
    }
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    use base64::Engine;
    let fixture = Fixture::new().await;
    let owner = fixture.bearer();
    let owner = [("authorization", owner.as_str())];
    let canary = "canary-of-the-api";
    let value = json!({ "value_base64": base64::engine::general_purpose::STANDARD.encode(canary) });
    let (status, body) = fixture.ask("POST", "/v1/secrets/deploy", &owner, value.clone()).await;
    assert_eq!((status, &body["data"]["version"]), (StatusCode::OK, &json!(1)), "{body}");
    let (_, body) = fixture.ask("POST", "/v1/secrets/deploy", &owner, value).await;
    assert_eq!(body["data"]["changed"], false);
    let connection = json!({ "name": "ops", "connection": { "kind": "webhook", "url": "https://hooks.example/", "auth": { "bearer": { "secret": "deploy" } } } });
    let (status, body) = fixture.ask("POST", "/v1/connections", &owner, connection.clone()).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (status, _) = fixture.ask("POST", "/v1/connections", &owner, connection).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (_, list) = fixture.ask("GET", "/v1/secrets", &owner, Value::Null).await;
    assert_eq!(list["data"]["secrets"][0]["connections"], json!(["ops"]));
    let (_, connections) = fixture.ask("GET", "/v1/connections", &owner, Value::Null).await;
    assert!(!format!("{list}{connections}").contains(canary));
    let (status, _) = fixture.ask("DELETE", "/v1/secrets/deploy", &owner, Value::Null).await;
    assert_eq!(status, StatusCode::CONFLICT, "a connection names it");
    let (status, _) = fixture.ask("DELETE", "/v1/secrets/deploy?force=true", &owner, Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    for wrong in [
        json!({ "kind": "webhook", "url": "http://hooks.example/", "auth": { "bearer": { "secret": "deploy" } } }),
        json!({ "kind": "webhook", "url": "https://user:pw@hooks.example/" }),
        json!({ "kind": "webhook", "url": "file:///etc/passwd" }),
        json!({ "kind": "webhook" }),
        json!({ "kind": "smtp", "url": "smtp://mail.example", "from": "a@b.example", "to": [] }),
        json!({ "kind": "smtp", "url": "smtp://mail.example", "from": "a@b.example\r\nBcc: x@y.example", "to": ["c@d.example"] }),
    ] {
        let (status, body) = fixture.ask("POST", "/v1/connections", &owner, json!({ "name": "bad", "connection": wrong })).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
}
