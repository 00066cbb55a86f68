//! `GET /v1/runs/{id}/logs`: a job's output in the order it came, waiting for more where asked.
//!
//! Everything is read from what the server keeps. Where output does not come by itself, the host is asked over SSH: once for a
//! look, again and again while somebody waits.

use super::answer::Answer;
use super::limits::{LOG_LOOK_MS, LOG_WAIT_MS};
use super::request::query;
use super::routes::Api;
use super::run_ids;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::logs::limits::FOLLOW_REST_MS;
use crate::logs::{Cursor, Entry, LogsError, Place, Shown, View, Wish};
use axum::extract::{Path, State};
use axum::http::Uri;
use base64::Engine;
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::ids::{AttemptId, Ms, RunId};
use sortie_core::view::{Attempt, Step, StepKind};
use sortie_protocol::log::Stream;
use sortie_store::model::logs::LogState;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogsQuery {
    step: Option<String>,
    attempt: Option<String>,
    stream: Option<String>,
    /// From an earlier page.
    cursor: Option<String>,
    /// Unix milliseconds by the server's clock.
    since: Option<Ms>,
    /// Lines; without a cursor only.
    tail: Option<u64>,
    #[serde(default)]
    wait_ms: u64,
}

/// What is wanted of an attempt.
struct Want {
    cursor: Option<Cursor>,
    wish: Wish,
    tail: Option<u64>,
}

/// A page of it.
struct Page {
    shown: Vec<Shown>,
    cursor: Cursor,
    more: bool,
    /// Whether nothing will follow it.
    ended: bool,
    /// For people: why something is missing.
    note: Option<String>,
    state: LogState,
    written: [u64; 2],
}

/// The next page. With `wait_ms` an empty answer comes only after that long, or when there is nothing to wait for.
pub(super) async fn page(State(api): State<Api>, Path(id): Path<String>, uri: Uri) -> Answer {
    let asked: LogsQuery = query(&uri)?;
    let want = want(&asked)?;
    let follows = asked.wait_ms > 0;
    let until = Instant::now() + Duration::from_millis(asked.wait_ms.min(LOG_WAIT_MS));
    let run = run_ids::find(&api, &id).await?.id;
    let mut caught_up = false;
    loop {
        let Chosen { step, attempt, newer } = match choose(&api, &run, &asked).await? {
            Choice::Chosen(chosen) => *chosen,
            Choice::NotYet(_) if follows && waits(&api, until) => {
                look_again(until).await;
                continue;
            }
            Choice::NotYet(problem) => return Err(problem),
        };
        let place = Place { run: run.clone(), step: step.clone(), attempt: attempt.id.clone() };
        let logs = &api.app.driver.parts().logs;
        let entry = logs.entry(&place).await.map_err(put_off)?;
        if follows {
            logs.follow(&api.app.driver, &entry);
        } else if !std::mem::replace(&mut caught_up, true) {
            logs.catch_up(&api.app.driver, &entry).await;
        }
        let mut heard = entry.hear();
        heard.mark_unchanged();
        let page = read(&api, &entry, &want, &attempt).await?;
        let over = page.ended && (newer.is_some() || !step.is_open());
        let nothing = page.shown.is_empty() && !page.more && !over;
        if nothing && follows && waits(&api, until) {
            let pause = until.saturating_duration_since(Instant::now()).min(Duration::from_millis(LOG_LOOK_MS));
            // The end of the attempt or of its step is no news here: it is looked for.
            let _either = tokio::time::timeout(pause, heard.changed()).await;
            continue;
        }
        if !follows
            && page.shown.is_empty()
            && asked.cursor.is_none()
            && page.state == LogState::Open
            && let Some(why) = &page.note
        {
            return Err(Problem::new(ErrorCode::Unreachable, why.clone()).next(Next::look(&["runs", "explain", run.as_str()])));
        }
        return Ok(answer(&run, &step, &attempt, newer, over, &page));
    }
}

fn want(asked: &LogsQuery) -> Result<Want, Problem> {
    let usage = |what: &str| Problem::new(ErrorCode::Usage, what);
    let stream = asked.stream.as_deref().map(|name| Stream::parse(name).ok_or_else(|| usage("a job has the streams stdout and stderr")));
    let cursor = asked.cursor.as_deref().map(|text| Cursor::parse(text).ok_or_else(|| usage("the cursor is none of an earlier page")));
    Ok(Want { cursor: cursor.transpose()?, wish: Wish { stream: stream.transpose()?, since: asked.since }, tail: asked.tail })
}

/// A server that stops answers at once: whoever waits asks again, elsewhere or later.
fn waits(api: &Api, until: Instant) -> bool {
    Instant::now() < until && !api.app.driver.is_stopping()
}

async fn look_again(until: Instant) {
    tokio::time::sleep(until.saturating_duration_since(Instant::now()).min(Duration::from_millis(LOG_LOOK_MS))).await;
}

fn put_off(error: LogsError) -> Problem {
    Problem::new(ErrorCode::Unavailable, error.to_string())
}

async fn read(api: &Api, entry: &Arc<Entry>, want: &Want, attempt: &Attempt) -> Result<Page, Problem> {
    let (view, row, is_whole) = {
        let state = entry.state().await;
        (View::of(&state.files), state.row.clone(), state.is_whole())
    };
    let (wish, tail, begun) = (want.wish, want.tail, want.cursor);
    let done = tokio::task::spawn_blocking(move || {
        let (mut cursor, skip) = match (begun, tail) {
            (Some(cursor), _) => (cursor, 0),
            (None, Some(lines)) => view.before_lines(lines, wish).map(|start| (start.cursor, start.skip))?,
            (None, None) => (Cursor::default(), 0),
        };
        let (mut shown, more) = view.page(&mut cursor, wish)?;
        if let Some(first) = shown.first_mut() {
            first.offset += skip as u64;
            first.data.drain(..skip.min(first.data.len()));
        }
        Ok::<_, std::io::Error>((shown, cursor, more))
    });
    let (shown, cursor, more) = done
        .await
        .map_err(|error| put_off(LogsError::Disk(std::io::Error::other(error))))?
        .map_err(|error| put_off(LogsError::Disk(error)))?;
    let given_up = attempt.state.is_over() && entry.over_for(api.app.clock.now()) > FOLLOW_REST_MS && entry.trouble().is_some();
    let ended = !more && (row.state != LogState::Open || is_whole || given_up);
    let note = row.note.filter(|_| row.state != LogState::Complete).or_else(|| entry.trouble());
    Ok(Page { shown, cursor, more, ended, note, state: row.state, written: row.kept })
}

fn answer(run: &RunId, step: &Step, attempt: &Attempt, newer: Option<AttemptId>, over: bool, page: &Page) -> Success {
    let state = match page.state {
        LogState::Open if page.ended => LogState::Incomplete,
        state => state,
    };
    Success::new(json!({
        "run": run,
        "step": step.name,
        "attempt": attempt.id,
        "number": attempt.number,
        "host": attempt.handed.as_ref().map(|handed| &handed.host),
        "pieces": page.shown.iter().map(piece).collect::<Value>(),
        "cursor": page.cursor.to_string(),
        "more": page.more,
        "state": state,
        "stdout_bytes": page.written[0],
        "stderr_bytes": page.written[1],
        "note": page.note,
        "over": over,
        "newer_attempt": newer,
    }))
}

fn piece(shown: &Shown) -> Value {
    json!({
        "stream": shown.stream.as_str(),
        "offset": shown.offset,
        "gap": shown.gap,
        "at": shown.at,
        "data_base64": base64::engine::general_purpose::STANDARD.encode(&shown.data),
    })
}

enum Choice {
    Chosen(Box<Chosen>),
    /// There is none yet, and there may be.
    NotYet(Problem),
}

struct Chosen {
    step: Step,
    attempt: Attempt,
    /// The attempt of the same step that came after it.
    newer: Option<AttemptId>,
}

/// The attempt that is meant: the named one, else the newest of the named step, else of the only step that is a job.
async fn choose(api: &Api, run: &RunId, asked: &LogsQuery) -> Result<Choice, Problem> {
    let (steps, mut attempts) = (api.app.store.steps(run).await?, api.app.store.attempts(run).await?);
    attempts.sort_by_key(|attempt| attempt.fence);
    let jobs: Vec<&Step> = steps.iter().filter(|step| matches!(step.kind, StepKind::Job(_))).collect();
    let look = Next::look(&["runs", "show", run.as_str()]);
    let absent = |what: String| Problem::new(ErrorCode::NotFound, what).next(look.clone());
    let attempt = if let Some(id) = &asked.attempt {
        let id = AttemptId::parse(id).map_err(|error| Problem::new(ErrorCode::Usage, error.to_string()))?;
        attempts.iter().find(|attempt| attempt.id == id).ok_or_else(|| absent(format!("{run} has no attempt {id}")))?
    } else {
        let step = match (&asked.step, jobs.as_slice()) {
            (Some(name), _) => jobs.iter().find(|step| step.name == *name || step.call.to_string() == *name).copied(),
            (None, []) => None,
            (None, [step]) => Some(*step),
            (None, several) => {
                let names: Vec<&str> = several.iter().map(|step| step.name.as_str()).collect();
                let problem = Problem::new(ErrorCode::Ambiguous, format!("{run} has {} jobs; name one by --step", names.len()));
                return Err(problem.details(json!({ "candidates": names })).next(look));
            }
        };
        let Some(step) = step else {
            let problem =
                absent(asked.step.as_ref().map_or_else(|| format!("{run} has no job yet"), |name| format!("{run} has no job `{name}`")));
            let over = api.app.store.run(run).await?.is_none_or(|row| row.head.state.is_over());
            return if over { Err(problem) } else { Ok(Choice::NotYet(problem)) };
        };
        match attempts.iter().rev().find(|attempt| attempt.call == step.call) {
            Some(attempt) => attempt,
            None if !step.is_open() => return Err(absent(format!("`{}` has no attempt", step.name))),
            None => return Ok(Choice::NotYet(absent(format!("`{}` has no attempt yet", step.name)))),
        }
    };
    if attempt.handed.is_none() {
        let problem = Problem::new(ErrorCode::NotFound, format!("{} was not launched", attempt.id)).next(Next::look(&[
            "runs",
            "watch",
            run.as_str(),
        ]));
        return if attempt.state.is_over() { Err(problem) } else { Ok(Choice::NotYet(problem)) };
    }
    let step = jobs.into_iter().find(|step| step.call == attempt.call);
    let step = step.ok_or_else(|| Problem::new(ErrorCode::Failed, format!("{} belongs to no job", attempt.id)))?;
    let newer = attempts.iter().find(|other| other.call == attempt.call && other.fence > attempt.fence).map(|other| other.id.clone());
    Ok(Choice::Chosen(Box::new(Chosen { step: step.clone(), attempt: attempt.clone(), newer })))
}
