//! `/v1/schedules`: look, pause, resume, fire one now, make up for times of the past.

use super::answer::Answer;
use super::caller::Caller;
use super::idempotency;
use super::request::{body, query};
use super::routes::Api;
use crate::clock::rfc3339;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::triggers::calendar::Calendar;
use crate::triggers::fires::Cause;
use crate::triggers::limits::{BACKFILL, FIRES_AT_ONCE};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::ids::Ms;
use sortie_store::model::triggers::{FireRow, NewFire, ScheduleRow};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    flow: Option<String>,
}

/// Schedules of what is live.
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Answer {
    let asked: ListQuery = query(&uri)?;
    let rows = api.app.store.schedules(asked.flow.as_deref()).await?;
    let now = api.app.clock.now();
    Ok(Success::new(json!({ "schedules": rows.iter().map(|row| view(row, now)).collect::<Value>() })))
}

/// One with its newest times.
pub(super) async fn show(State(api): State<Api>, Path((flow, name)): Path<(String, String)>) -> Answer {
    let row = find(&api, &flow, &name).await?;
    let store = &api.app.store;
    let (fires, missed) = (store.fires(&flow, &name, FIRES_AT_ONCE).await?, store.missed(&flow, &name, FIRES_AT_ONCE).await?);
    let revisions = store.revisions(&flow, &name).await?;
    let mut shown = view(&row, api.app.clock.now());
    shown["times"] = fires.iter().map(fire_view).collect();
    shown["missed"] = missed
        .iter()
        .map(|row| json!({ "first": rfc3339(row.first), "last": rfc3339(row.last), "times": row.times, "at": rfc3339(row.at) }))
        .collect();
    shown["revisions"] = revisions
        .iter()
        .map(|revision| {
            let until = revision.until.map(rfc3339);
            json!({ "since": rfc3339(revision.since), "until": until, "cron": revision.spec.cron, "tz": revision.spec.tz, "release": revision.release })
        })
        .collect();
    Ok(Success::new(shown))
}

fn view(row: &ScheduleRow, now: Ms) -> Value {
    let calendar = Calendar::parse(&row.spec.cron, &row.spec.tz).ok().filter(|_| row.paused.is_none());
    let next = calendar.and_then(|calendar| calendar.after(row.cursor.max(now)));
    json!({
        "flow": row.flow,
        "name": row.spec.name,
        "cron": row.spec.cron,
        "tz": row.spec.tz,
        "overlap": row.spec.overlap,
        "catch_up_ms": row.spec.catch_up_ms,
        "input": row.spec.input,
        "release": row.release,
        "since": rfc3339(row.since),
        "next": next.map(rfc3339),
        "paused": row.paused.is_some(),
        "paused_at": row.paused.as_ref().map(|(at, _)| rfc3339(*at)),
        "paused_by": row.paused.as_ref().map(|(_, by)| by),
    })
}

fn fire_view(fire: &FireRow) -> Value {
    json!({
        "at": rfc3339(fire.at),
        "cause": fire.cause,
        "state": fire.state,
        "run": if fire.state == "started" { json!(fire.run) } else { Value::Null },
        "note": fire.note,
    })
}

async fn find(api: &Api, flow: &str, name: &str) -> Result<ScheduleRow, Problem> {
    let row = api.app.store.schedules(Some(flow)).await?.into_iter().find(|row| row.spec.name == name);
    row.ok_or_else(|| {
        let message = format!("the flow `{flow}` has no schedule `{name}` in what is live");
        Problem::new(ErrorCode::NotFound, message).next(Next::look(&["schedule", "list"]))
    })
}

/// Fire no more until it is resumed.
pub(super) async fn pause(State(api): State<Api>, caller: Caller, Path((flow, name)): Path<(String, String)>) -> Answer {
    hold(&api, &caller, &flow, &name, true).await
}

/// Fire again, from now on.
pub(super) async fn resume(State(api): State<Api>, caller: Caller, Path((flow, name)): Path<(String, String)>) -> Answer {
    hold(&api, &caller, &flow, &name, false).await
}

async fn hold(api: &Api, caller: &Caller, flow: &str, name: &str, paused: bool) -> Answer {
    find(api, flow, name).await?;
    let changed = api.app.store.pause_schedule(flow, name, paused, &caller.name, api.app.clock.now()).await?;
    api.app.bell.ring();
    let mut shown = view(&find(api, flow, name).await?, api.app.clock.now());
    shown["changed"] = changed.into();
    let back = if paused { "resume" } else { "pause" };
    Ok(Success::new(shown).next(Next::act(&["schedule", back, flow, name])))
}

/// Fire once, now. Under one key the same time is fired, so that a repeat fires nothing more.
pub(super) async fn trigger(State(api): State<Api>, Path((flow, name)): Path<(String, String)>, headers: HeaderMap) -> Answer {
    let row = find(&api, &flow, &name).await?;
    let key = idempotency::key(&headers)?;
    let now = api.app.clock.now();
    let at = idempotency::reserve(&api, key.as_deref(), "fire", &format!("{flow}/{name}"), now.to_string()).await?;
    let at = at.parse().unwrap_or(now);
    let fire = api.app.driver.new_fire(&flow, &row.spec, at, now, Cause::Manual);
    let run = fire.run.clone();
    api.app.store.add_fires(&flow, &name, vec![fire]).await?;
    api.app.bell.ring();
    let success = Success::new(json!({ "flow": flow, "name": name, "at": rfc3339(at), "run": run }));
    Ok(success.next(Next::look(&["schedule", "show", &flow, &name])).next(Next::look(&["runs", "watch", run.as_str()])))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackfillBody {
    from: String,
    to: String,
}

/// Fire the times of a past span that were not fired: those of the cron expression that was in force then.
pub(super) async fn backfill(State(api): State<Api>, Path((flow, name)): Path<(String, String)>, bytes: Bytes) -> Answer {
    let asked: BackfillBody = body(&bytes)?;
    let (from, to) = (time("from", &asked.from)?, time("to", &asked.to)?);
    let now = api.app.clock.now();
    if from > to || to > now {
        return Err(Problem::new(ErrorCode::Usage, "a backfill is from one time of the past to a later one").hint("both ends count"));
    }
    find(&api, &flow, &name).await?;
    let fires = times(&api, &flow, &name, from, to, now).await?;
    let wanted = fires.len();
    let new = api.app.store.add_fires(&flow, &name, fires).await?;
    api.app.bell.ring();
    let fired: Vec<String> = new.iter().map(|at| rfc3339(*at)).collect();
    let success = Success::new(json!({ "flow": flow, "name": name, "fired": fired, "were_there": wanted - new.len() }));
    Ok(success.next(Next::look(&["schedule", "show", &flow, &name])))
}

/// Every revision that was in force gives its own times. One before the first revision has none.
async fn times(api: &Api, flow: &str, name: &str, from: Ms, to: Ms, now: Ms) -> Result<Vec<NewFire>, Problem> {
    let mut fires: Vec<NewFire> = Vec::new();
    for revision in api.app.store.revisions(flow, name).await? {
        let calendar = Calendar::parse(&revision.spec.cron, &revision.spec.tz)
            .map_err(|message| Problem::new(ErrorCode::Failed, format!("an earlier revision: {message}")))?;
        let (after, until) = (from.max(revision.since.saturating_add(1)) - 1, revision.until.map_or(to, |until| to.min(until)));
        let found = calendar.between(after, until, BACKFILL + 1 - fires.len());
        let known = fires.len();
        let spread = |n: usize| now.saturating_add(Ms::try_from(known + n).unwrap_or(0));
        fires.extend(
            found.into_iter().enumerate().map(|(n, at)| api.app.driver.new_fire(flow, &revision.spec, at, spread(n), Cause::Backfill)),
        );
        if fires.len() > BACKFILL {
            let message = format!("more than {BACKFILL} times lie between the two; ask for it in parts");
            return Err(Problem::new(ErrorCode::TooLarge, message));
        }
    }
    Ok(fires)
}

fn time(name: &str, text: &str) -> Result<Ms, Problem> {
    let parsed = text.parse::<jiff::Timestamp>().map(|time| time.as_millisecond());
    parsed.map_err(|_| Problem::new(ErrorCode::Usage, format!("{name}: `{text}` is no time; write one like 2026-01-31T02:00:00Z")))
}
