//! `GET /v1/runs`, `GET /v1/runs/{id}` with its steps and attempts.

use super::answer::Answer;
use super::limits::ANSWER_PAGE;
use super::places::Places;
use super::request::query;
use super::routes::Api;
use super::{export, run_ids, views};
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::event::EventBody;
use sortie_core::failure::FailureKind;
use sortie_core::ids::{Ms, RunId};
use sortie_core::state::RunState;
use sortie_core::view::RunHead;
use sortie_store::model::RunFilter;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    flow: Option<String>,
    state: Option<String>,
    /// Why they failed or were set aside.
    failure: Option<String>,
    /// Over this long, in milliseconds.
    since_ms: Option<u64>,
    /// What started them.
    trigger: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

/// Newest first, a page at a time.
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Answer {
    let asked: ListQuery = query(&uri)?;
    let before =
        asked.before.as_deref().map(RunId::parse).transpose().map_err(|error| Problem::new(ErrorCode::Usage, error.to_string()))?;
    if let Some(state) = &asked.state
        && state != "waiting"
        && RunState::parse(state).is_none()
    {
        let states: Vec<&str> = RunState::ALL.iter().map(|state| state.as_str()).chain(["waiting"]).collect();
        return Err(Problem::new(ErrorCode::Usage, format!("`{state}` is no state of a run; there are {}", states.join(", "))));
    }
    let limit = asked.limit.unwrap_or(crate::limits::RUNS_PAGE).clamp(1, crate::limits::RUNS_PAGE);
    let filter = filter(&asked, before, limit + 1, api.app.clock.now())?;
    let mut rows = api.app.store.runs(filter).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = if more { rows.last().map(|row| row.head.id.to_string()) } else { None };
    let runs: Vec<Value> = rows.iter().map(|row| views::run(&row.head)).collect();
    let success = Success::new(json!({ "runs": runs, "more": more, "before": last }));
    Ok(match &last {
        Some(last) => success.next(older(&asked, last, limit)),
        None => success,
    })
}

/// What is asked, as the store is asked.
fn filter(asked: &ListQuery, before: Option<RunId>, limit: usize, now: Ms) -> Result<RunFilter, Problem> {
    let failure = asked.failure.as_deref().map(|kind| {
        FailureKind::parse(kind).ok_or_else(|| {
            let kinds: Vec<&str> = FailureKind::ALL.iter().map(|kind| kind.as_str()).collect();
            Problem::new(ErrorCode::Usage, format!("`{kind}` is no kind of failure; there are {}", kinds.join(", ")))
        })
    });
    Ok(RunFilter {
        flow: asked.flow.clone(),
        state: asked.state.clone(),
        failure: failure.transpose()?,
        since: asked.since_ms.map(|ms| now.saturating_sub_unsigned(ms)),
        trigger: asked.trigger.clone(),
        before,
        limit,
        ..RunFilter::default()
    })
}

/// The command for the next page, with the same filters.
fn older(asked: &ListQuery, last: &str, limit: usize) -> Next {
    let (limit, since) = (limit.to_string(), asked.since_ms.map(|ms| format!("{ms}ms")));
    let mut words = vec!["runs", "list", "--before", last, "--limit", &limit];
    for (flag, value) in [
        ("--flow", &asked.flow),
        ("--state", &asked.state),
        ("--failure", &asked.failure),
        ("--since", &since),
        ("--trigger", &asked.trigger),
    ] {
        if let Some(value) = value {
            words.extend([flag, value]);
        }
    }
    Next::look(&words)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShowQuery {
    /// As it was after this event.
    at: Option<u64>,
}

/// A run as it was: the fold of its events up to a number. What was due then is not known.
async fn shown_at(api: &Api, head: &RunHead, at: u64) -> Answer {
    if at == 0 || at > head.seq {
        return Err(Problem::new(ErrorCode::Usage, format!("{} has events 1 to {}", head.id, head.seq)));
    }
    let events = export::events(api, head, at).await?;
    let failed = |error: sortie_core::state::IllegalTransition| Problem::new(ErrorCode::Failed, error.to_string());
    let view = sortie_core::apply::fold(&events).map_err(failed)?;
    let then = view.run.ok_or_else(|| Problem::new(ErrorCode::Failed, "the history does not begin with its run"))?;
    let mut shown = views::run(&then);
    shown["at_seq"] = at.into();
    shown["steps"] = view.steps.values().map(views::step).collect();
    shown["attempts"] = view.attempts.values().map(views::attempt).collect();
    shown["due"] = json!([]);
    if let Some(EventBody::RunCreated { input, actor, .. }) = events.first().map(|event| &event.body) {
        shown["input"] = input.clone();
        shown["actor"] = actor.as_str().into();
    }
    let ending =
        events.iter().rev().find_map(|event| if let EventBody::RunEnding { value, .. } = &event.body { Some(value.clone()) } else { None });
    shown["value"] = ending.flatten().filter(|_| then.ending.is_some()).unwrap_or(Value::Null);
    Ok(Success::new(shown).next(Next::look(&["runs", "history", head.id.as_str(), "--after", &at.to_string()])))
}

/// One run with everything that it waits for, and its answer.
pub(super) async fn show(State(api): State<Api>, Path(id): Path<String>, uri: Uri) -> Answer {
    let asked: ShowQuery = query(&uri)?;
    let head = run_ids::find(&api, &id).await?;
    if let Some(at) = asked.at {
        return shown_at(&api, &head, at).await;
    }
    let store = &api.app.store;
    let (steps, attempts, due) = (store.steps(&head.id).await?, store.attempts(&head.id).await?, store.due(&head.id).await?);
    let mut view = views::run(&head);
    view["steps"] = steps.iter().map(views::step).collect();
    view["attempts"] = attempts.iter().map(views::attempt).collect();
    let places = Places::read(&api, &head, &due).await?;
    view["due"] = due.iter().map(|claim| views::due(claim, places.holds(&claim.work))).collect();
    view["queue"] = places.queue_view(&head);
    view["held_launches"] = places.slots_view();
    let (input, actor) = created(&api, &head.id).await?;
    view["input"] = input;
    view["actor"] = actor;
    view["value"] = if head.state.is_over() || head.state == RunState::Ending { answer(&api, &head).await? } else { Value::Null };
    let (id, over) = (head.id.as_str(), head.state.is_over());
    let success = Success::new(view).next(Next::look(&["runs", "explain", id])).next(Next::look(&["runs", "history", id]));
    Ok(if over { success } else { success.next(Next::look(&["runs", "watch", id])).next(Next::act(&["runs", "cancel", id])) })
}

/// Input and actor, from the first event.
async fn created(api: &Api, run: &RunId) -> Result<(Value, Value), Problem> {
    match api.app.store.event(run, 1).await?.map(|event| event.body) {
        Some(EventBody::RunCreated { input, actor, .. }) => Ok((input, actor.into())),
        _ => Ok((Value::Null, Value::Null)),
    }
}

/// What `run` returned: looked for from the end of the history, where it stands.
async fn answer(api: &Api, head: &RunHead) -> Result<Value, Problem> {
    let mut to = head.seq;
    while to > 0 {
        let after = to.saturating_sub(ANSWER_PAGE);
        let page = api.app.store.history(&head.id, after, usize::try_from(to - after).unwrap_or(1)).await?;
        let ending = page.into_iter().rev().find_map(|event| match event.body {
            EventBody::RunEnding { value, .. } => Some(value.unwrap_or(Value::Null)),
            _ => None,
        });
        if let Some(value) = ending {
            return Ok(value);
        }
        to = after;
    }
    Ok(Value::Null)
}

/// The steps, in call order.
pub(super) async fn steps(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let head = run_ids::find(&api, &id).await?;
    let steps = api.app.store.steps(&head.id).await?;
    Ok(Success::new(json!({ "run": head.id, "steps": steps.iter().map(views::step).collect::<Value>() })))
}

/// The attempts, in order of their fence.
pub(super) async fn attempts(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let head = run_ids::find(&api, &id).await?;
    let attempts = api.app.store.attempts(&head.id).await?;
    Ok(Success::new(json!({ "run": head.id, "attempts": attempts.iter().map(views::attempt).collect::<Value>() })))
}
