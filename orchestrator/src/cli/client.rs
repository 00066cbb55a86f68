//! Speaking with the server: the operator API over HTTP.

use super::context::Context;
use super::limits::{ANSWER_MS, CONNECT_MS, READ_MS};
use crate::envelope::{self, Next, Problem, Success};
use crate::error_code::ErrorCode;
use serde_json::Value;
use sortie_keys::Secret;
use std::time::Duration;

/// A server and the token for it.
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Secret,
}

/// One request.
#[derive(Default)]
pub struct Ask<'a> {
    /// `GET`, `POST` or `DELETE`.
    pub method: &'a str,
    /// From `/v1` on, query included; ids and names escaped by [`segment`].
    pub path: String,
    /// JSON.
    pub body: Option<Value>,
    /// Key of a mutation: the given one, or a fresh one.
    pub key: Option<Option<String>>,
    /// How long the answer may take beyond the usual.
    pub patience: Duration,
}

impl Client {
    /// For the server that flags, environment and home say.
    ///
    /// # Errors
    /// Where there is no address or no token.
    pub fn new(context: &Context) -> Result<Self, Problem> {
        let base = context.url()?;
        let token = context.token()?;
        let local = url::Url::parse(&base).ok().and_then(|url| url.host().map(|host| is_loopback(&host)));
        crate::cli::crypto();
        let mut http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_millis(CONNECT_MS))
            .read_timeout(Duration::from_millis(READ_MS))
            .user_agent(concat!("sortie/", env!("CARGO_PKG_VERSION")));
        if local == Some(true) {
            http = http.no_proxy(); // a proxy must not see the token of a server on this machine
        }
        let http = http.build().map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?;
        Ok(Self { http, base, token })
    }

    /// What a flow is remembered under: one folder may be pushed to several servers.
    #[must_use]
    pub fn key_of(&self, flow: &str) -> String {
        format!("{} {flow}", self.base)
    }

    /// Look at something.
    ///
    /// # Errors
    /// What the server says, or `unreachable`.
    pub async fn get(&self, path: impl Into<String>) -> Result<Success, Problem> {
        self.ask(Ask { method: "GET", path: path.into(), ..Ask::default() }).await
    }

    /// Change something, under a key.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post(&self, path: impl Into<String>, body: Value, key: &super::Mutation) -> Result<Success, Problem> {
        self.ask(Ask { method: "POST", path: path.into(), body: Some(body), key: Some(key.idempotency_key.clone()), ..Ask::default() })
            .await
    }

    /// Ask. The key of a mutation is put into the answer's meta, also where it failed: the same request may be sent again under it.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn ask(&self, ask: Ask<'_>) -> Result<Success, Problem> {
        let key = ask.key.map(|given| given.unwrap_or_else(fresh_key));
        let answer = self.send(ask.method, &ask.path, ask.body, key.as_deref(), ask.patience).await;
        match answer {
            Ok(mut success) => {
                success.meta.idempotency_key = key;
                Ok(success)
            }
            Err(mut problem) => {
                problem.meta.idempotency_key = key;
                Err(problem)
            }
        }
    }

    /// Bytes that are no envelope. Their sender may take long; only a connection that is silent is given up.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn raw(&self, path: &str) -> Result<reqwest::Response, Problem> {
        let request = self.http.get(format!("{}{path}", self.base)).header("authorization", self.bearer()?);
        let answer = request.send().await.map_err(|error| self.unreachable(&error, None))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let text = answer.text().await.map_err(|error| self.unreachable(&error, None))?;
        let refused = serde_json::from_str::<Value>(&text).ok().and_then(|envelope| envelope::read(&envelope).err());
        Err(refused.unwrap_or_else(|| Problem::new(ErrorCode::Unreachable, format!("{} answered {status}", self.base))))
    }

    fn bearer(&self) -> Result<reqwest::header::HeaderValue, Problem> {
        let mut token = reqwest::header::HeaderValue::from_bytes(&[b"Bearer ", self.token.expose()].concat())
            .map_err(|_| Problem::new(ErrorCode::Unauthorized, "the operator token cannot stand in a header"))?;
        token.set_sensitive(true);
        Ok(token)
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>, key: Option<&str>, patience: Duration) -> Result<Success, Problem> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?;
        let mut request = self.http.request(method, format!("{}{path}", self.base)).header("authorization", self.bearer()?);
        request = request.timeout(Duration::from_millis(ANSWER_MS) + patience);
        if let Some(key) = key {
            request = request.header(crate::http::api::IDEMPOTENCY_HEADER, key);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.map_err(|error| self.unreachable(&error, key))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| self.unreachable(&error, key))?;
        match serde_json::from_str::<Value>(&text) {
            Ok(envelope) => envelope::read(&envelope),
            Err(_) => {
                let message = format!("{} answered {status}, which is no answer of a Sortie server", self.base);
                Err(Problem::new(ErrorCode::Unreachable, message).hint("set SORTIE_URL to the operator address of the server"))
            }
        }
    }

    /// A request that was sent may have been done: say so, and how to find out.
    fn unreachable(&self, error: &reqwest::Error, key: Option<&str>) -> Problem {
        let cause = std::iter::successors(std::error::Error::source(error), |error| error.source()).last();
        let cause = cause.map_or_else(|| "it did not answer in time".to_owned(), ToString::to_string);
        if error.is_connect() {
            let problem = Problem::new(ErrorCode::Unreachable, format!("no server at {}: {cause}", self.base));
            return problem.hint("start it, or set SORTIE_URL to where it listens for operators").next(Next::act(&["serve"]));
        }
        let problem = Problem::new(ErrorCode::Unreachable, format!("{} gave no answer: {cause}", self.base));
        match key {
            Some(key) => problem
                .hint(format!("it may have been done; the same command with --idempotency-key {key} finds out without doing it twice")),
            None => problem,
        }
    }
}

/// A key that nobody else has.
fn fresh_key() -> String {
    format!("cli-{}", data_encoding::HEXLOWER.encode(&crate::driver::entropy().bytes("idempotency", 0)))
}

/// Whether it is this machine.
pub fn is_loopback(host: &url::Host<&str>) -> bool {
    match host {
        url::Host::Domain(name) => *name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    }
}

/// What stands in a segment or a query as it is (RFC 3986: unreserved), but no dot: `..` is a path.
const ESCAPED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'~');

/// A name or id as one segment of a path.
#[must_use]
pub fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, ESCAPED).to_string()
}

/// A query from the parts that are there.
#[must_use]
pub fn query(parts: &[(&str, Option<String>)]) -> String {
    let parts: Vec<String> =
        parts.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={}", segment(value)))).collect();
    if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
}
