//! Waits: which are open (`GET /v1/waits`), what answers one from outside (`POST .../credentials`, the only answer of the API that
//! carries a secret; it is never remembered), and answering one as a person (`POST .../answer`).

use super::answer::Answer;
use super::caller::Caller;
use super::request::{body, query};
use super::routes::Api;
use super::{runs_control, views};
use crate::clock::rfc3339;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::{failpoint, schema};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::call::{CallSpec, WaitAuth};
use sortie_core::canonical;
use sortie_core::ids::{RunId, WaitId};
use sortie_core::input::{InputBody, Scope};
use sortie_store::model::WaitRow;
use sortie_store::model::operations::{AskedAfter, AskedStep};

/// Where a list goes on, and how long it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    /// `RUN:CALL` of the last one seen.
    after: Option<String>,
    limit: Option<usize>,
}

impl PageQuery {
    /// The place, and at most how many.
    pub(super) fn page(&self) -> Result<(Option<AskedAfter>, usize), Problem> {
        let limit = self.limit.unwrap_or(crate::limits::RUNS_PAGE).clamp(1, crate::limits::RUNS_PAGE);
        let Some(after) = &self.after else { return Ok((None, limit)) };
        let parsed = after.split_once(':').and_then(|(run, call)| Some((RunId::parse(run).ok()?, call.parse().ok()?)));
        let parsed = parsed.ok_or_else(|| Problem::new(ErrorCode::Usage, "`after` is what the page before said: RUN:CALL"))?;
        Ok((Some(parsed), limit))
    }
}

/// A page of open steps of a kind, as JSON, with the place to go on from.
pub(super) async fn page(
    api: &Api,
    uri: &Uri,
    kind: &'static str,
    view: fn(&AskedStep) -> Value,
) -> Result<(Vec<Value>, Option<String>), Problem> {
    let (after, limit) = query::<PageQuery>(uri)?.page()?;
    let rows = api.app.store.asked(kind, after, limit).await?;
    let more = if rows.len() == limit { rows.last().map(|row| format!("{}:{}", row.run, row.step.call)) } else { None };
    Ok((rows.iter().map(view).collect(), more))
}

/// Open waits, oldest runs first.
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Answer {
    let (waits, after) = page(&api, &uri, "wait", view).await?;
    let success = Success::new(json!({ "waits": waits, "after": after }));
    Ok(match after {
        Some(after) => success.next(Next::look(&["waits", "list", "--after", &after])),
        None => success,
    })
}

fn view(asked: &AskedStep) -> Value {
    let spec = if let CallSpec::Wait(spec) = &asked.spec { Some(spec) } else { None };
    let mut view = views::step(&asked.step);
    view["run"] = asked.run.as_str().into();
    view["flow"] = asked.flow.as_str().into();
    view["since"] = rfc3339(asked.scheduled_at).into();
    view["auth"] = json!(spec.map(|spec| spec.auth));
    view["roles"] = json!(spec.map(|spec| &spec.roles));
    view["schema"] = json!(spec.and_then(|spec| spec.schema.as_ref()));
    view
}

/// An open wait.
async fn open(api: &Api, id: &str) -> Result<(WaitId, WaitRow), Problem> {
    let wait = WaitId::parse(id).map_err(|error| Problem::new(ErrorCode::Usage, error.to_string()))?;
    let row = api.app.store.wait(&wait).await?.ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("there is no wait {wait}")))?;
    if !row.step.is_open() {
        let problem = Problem::new(ErrorCode::Conflict, format!("{wait} is answered or closed already"));
        return Err(problem.next(Next::look(&["runs", "show", row.run.as_str()])));
    }
    Ok((wait, row))
}

/// The signed URL of an open wait, and a token where it asks for one.
pub(super) async fn credentials(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let (wait, row) = open(&api, &id).await?;
    if row.auth == WaitAuth::Operator {
        let problem = Problem::new(ErrorCode::Conflict, format!("{wait} is answered by people only, nobody outside can"));
        return Err(problem.next(Next::act(&["waits", "answer", wait.as_str(), "--value", "-"])));
    }
    let address = api.app.driver.wait_address(&row.run, &row.step, &wait, row.scheduled_at);
    let address = address.map_err(|error| Problem::new(ErrorCode::Failed, error))?;
    let token = if row.auth == WaitAuth::Url { Value::Null } else { json!(address.token.expose()) };
    Ok(Success::new(json!({
        "wait": wait,
        "run": row.run,
        "step": row.step.name,
        "url": sortie_keys::callback_url_with_kind(&address.url, "result"),
        "token": token,
        "deadline_at": rfc3339(row.step.deadline_at),
        "schema": row.schema,
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerBody {
    #[serde(default)]
    value: Value,
}

/// Answer a wait as oneself, where the flow lets people.
pub(super) async fn answer(State(api): State<Api>, Path(id): Path<String>, caller: Caller, bytes: Bytes) -> Answer {
    let asked: AnswerBody = body(&bytes)?;
    let wait = WaitId::parse(&id).map_err(|error| Problem::new(ErrorCode::Usage, error.to_string()))?;
    let row = api.app.store.wait(&wait).await?.ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("there is no wait {wait}")))?;
    may_answer(&row, &caller)?;
    if let Some(wanted) = &row.schema {
        schema::check(wanted.clone(), asked.value.clone(), "").await.map_err(|why| {
            Problem::new(ErrorCode::InvalidInput, format!("the value does not fit the schema of the wait: {why}"))
                .details(json!({ "schema": wanted }))
        })?;
    }
    let digest = canonical::digest(canonical::json(&asked.value).as_bytes());
    let call = row.step.call;
    let input = InputBody::AnswerWait { call, digest, answer: Ok(asked.value), actor: caller.name };
    let delivered = api.app.driver.deliver(Scope::Step(row.run.clone(), call), input).await?;
    failpoint::hit("answer_committed");
    runs_control::told(&api, &row.run, "answer", &delivered).await
}

fn may_answer(row: &WaitRow, caller: &Caller) -> Result<(), Problem> {
    let people = row.auth == WaitAuth::Operator || !row.roles.is_empty();
    if !people {
        let problem = Problem::new(ErrorCode::Forbidden, "this wait is answered from outside; its flow lets no person answer it");
        return Err(problem.hint("name roles in the flow, wait(..., roles = [\"ops\"]), where people should"));
    }
    if caller.has_one_of(&row.roles) {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::Forbidden, format!("{} has none of the roles that may answer: {}", caller.name, row.roles.join(", "))))
}
