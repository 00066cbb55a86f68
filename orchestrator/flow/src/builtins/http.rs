//! `http(...)`: a request that the server itself sends.

use crate::builtins::answers::{Ask, HttpAnswer};
use crate::builtins::args::{DurationArg, TextArg, absent, duration_or, plain};
use crate::json::to_json;
use crate::limits::HTTP_HEADERS;
use crate::values::context::Context;
use crate::values::plain::Connection;
use crate::values::retry::Retry;
use sortie_core::call::{CallSpec, HttpBody, HttpSpec, Reference, RetryPolicy};
use sortie_core::limits;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::dict::UnpackDictEntries;
use starlark::values::list::UnpackList;
use starlark::values::none::NoneOr;
use std::collections::BTreeMap;

/// Methods that can be asked for.
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
/// Headers that belong to the sender or to the engine.
const RESERVED: [&str; 8] = ["host", "content-length", "connection", "transfer-encoding", "te", "upgrade", "trailer", "idempotency-key"];

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Send a request from the server and wait for the answer: `r = http("tell", url = "https://example.com/x", json = {"n": 1})`.
    ///
    /// The first argument is the name of the step, unique in the run. `url` is absolute; with `connection = connection("...")`
    /// it may be a path below the connection's address, and its credentials are added. `method` is GET, or POST where there is a
    /// body. `headers` maps names to text, `secret("...")`, or `url` and `token` of a wait's handle. `json` sends a value,
    /// `body` a text as it stands. Every try carries the same `Idempotency-Key`. Redirects are not followed, and addresses that
    /// are private are refused unless the server's policy allows them.
    ///
    /// `expect` lists the statuses that count as success (200 to 299). An answer over `max_response` bytes (16 MiB) fails.
    /// `try_timeout` limits one try (1 min), `timeout` the step over all of them (24 h). `retry = retry(...)` tries again after
    /// some failures (`http` is another status, `unreachable`, `timed_out`); without it there is one try. `check = True` fails
    /// the run where the step fails. `wait = False` returns a handle at once.
    fn http<'v>(
        #[starlark(require = pos)] step: &str,
        #[starlark(require = named)] url: &str,
        #[starlark(require = named, default = NoneOr::None)] method: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] connection: NoneOr<&'v Connection>,
        #[starlark(require = named, default = UnpackDictEntries::default())] headers: UnpackDictEntries<String, TextArg<'v>>,
        #[starlark(require = named, default = NoneOr::None)] body: NoneOr<&'v str>,
        #[starlark(require = named)] json: Option<Value<'v>>,
        #[starlark(require = named, default = UnpackList::default())] expect: UnpackList<i32>,
        #[starlark(require = named, default = NoneOr::None)] max_response: NoneOr<i64>,
        #[starlark(require = named, default = absent())] try_timeout: DurationArg<'v>,
        #[starlark(require = named, default = absent())] timeout: DurationArg<'v>,
        #[starlark(require = named, default = NoneOr::None)] retry: NoneOr<&'v Retry>,
        #[starlark(require = named, default = false)] check: bool,
        #[starlark(require = named, default = true)] wait: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<HttpAnswer<'v>> {
        let replay = Context::replay(eval, "http")?;
        let connection = connection.into_option().map(|connection| connection.0.clone());
        let body = sent(body.into_option(), json)?;
        let spec = HttpSpec {
            method: method_of(method.into_option(), body.is_some())?,
            url: address(url, connection.is_some())?,
            connection,
            headers: header_map(headers)?,
            body,
            expect: statuses(expect.items)?,
            response_bytes: response_limit(max_response.into_option())?,
            try_ms: duration_or("try_timeout", try_timeout, limits::HTTP_TRY_MS)?,
            timeout_ms: duration_or("timeout", timeout, limits::WAIT_DEADLINE_MS)?,
            retry: retry.into_option().map_or_else(RetryPolicy::default, |retry| retry.0.clone()),
        };
        HttpAnswer::make(replay, eval.heap(), Ask { step, check, wait }, CallSpec::Http(spec))
    }
}

fn method_of(method: Option<&str>, sends: bool) -> anyhow::Result<String> {
    let method = method.map_or_else(|| if sends { "POST" } else { "GET" }.to_owned(), str::to_ascii_uppercase);
    anyhow::ensure!(METHODS.contains(&method.as_str()), "method: expected one of {}, got {method:?}", METHODS.join(", "));
    Ok(method)
}

/// Lexical only: the sender reads it in full, and holds it against the outbound policy.
fn address(url: &str, below_connection: bool) -> anyhow::Result<String> {
    plain("url", url)?;
    let absolute = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    anyhow::ensure!(
        absolute.is_some_and(|rest| !rest.is_empty()) || (below_connection && url.starts_with('/')),
        "url: expected an absolute URL with http or https{}, got {url:?}",
        if below_connection { ", or a path such as \"/v1/items\"" } else { "" }
    );
    let authority = absolute.unwrap_or_default().split(['/', '?', '#']).next().unwrap_or_default();
    anyhow::ensure!(!authority.contains('@'), "url: a user name or password does not belong into a URL; use headers or a connection");
    anyhow::ensure!(!url.chars().any(|c| c.is_control() || c == ' '), "url: {url:?} has spaces or control characters");
    Ok(url.to_owned())
}

fn header_map(headers: UnpackDictEntries<String, TextArg<'_>>) -> anyhow::Result<BTreeMap<String, Reference>> {
    anyhow::ensure!(headers.entries.len() <= HTTP_HEADERS, "headers: there may be {HTTP_HEADERS}");
    let mut map = BTreeMap::new();
    for (name, value) in headers.entries {
        let lower = name.to_ascii_lowercase();
        let token = !lower.is_empty() && lower.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
        anyhow::ensure!(token, "headers: {name:?} is no name of a header");
        anyhow::ensure!(!RESERVED.contains(&lower.as_str()), "headers: `{name}` is set by the sender");
        if let TextArg::Text(text) = &value {
            anyhow::ensure!(!text.chars().any(|c| c.is_control() && c != '\t'), "headers[{name:?}]: has control characters");
        }
        let reference = value.reference(&format!("headers[{name:?}]"))?;
        anyhow::ensure!(map.insert(lower, reference).is_none(), "headers: `{name}` is there twice");
    }
    Ok(map)
}

fn sent(body: Option<&str>, json: Option<Value<'_>>) -> anyhow::Result<Option<HttpBody>> {
    match (body, json) {
        (Some(_), Some(_)) => anyhow::bail!("http: takes body or json, not both"),
        (Some(text), None) => plain("body", text).map(|()| Some(HttpBody::Text(text.to_owned()))),
        (None, Some(value)) => Ok(Some(HttpBody::Json(to_json(value).map_err(|error| anyhow::anyhow!("json: {error}"))?))),
        (None, None) => Ok(None),
    }
}

fn statuses(expect: Vec<i32>) -> anyhow::Result<Vec<u16>> {
    expect
        .into_iter()
        .map(|status| {
            let valid = u16::try_from(status).ok().filter(|status| (200..600).contains(status));
            valid.ok_or_else(|| anyhow::anyhow!("expect: {status} is no status of an answer"))
        })
        .collect()
}

fn response_limit(bytes: Option<i64>) -> anyhow::Result<u64> {
    let Some(bytes) = bytes else { return Ok(limits::RESPONSE_BYTES) };
    let valid = u64::try_from(bytes).ok().filter(|bytes| (1..=limits::RESPONSE_BYTES).contains(bytes));
    valid.ok_or_else(|| anyhow::anyhow!("max_response: expected 1 to {} bytes, got {bytes}", limits::RESPONSE_BYTES))
}
