//! `GET /v1/runs/{id}/logs`: a range of a job's output, asked from its host.

use super::answer::Answer;
use super::hosts::asked_host;
use super::request::query;
use super::routes::Api;
use super::run_ids;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::vault::limits::MASK_OVERLAP_BYTES;
use crate::vault::mask::Masker;
use axum::extract::{Path, State};
use axum::http::Uri;
use base64::Engine;
use serde::Deserialize;
use serde_json::json;
use sortie_core::ids::{AttemptId, RunId};
use sortie_core::view::{Attempt, Step, StepKind};
use sortie_protocol::limits::LOG_CHUNK_BYTES;
use sortie_protocol::verb::{Reply, Verb};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogsQuery {
    step: Option<String>,
    attempt: Option<String>,
    stream: Option<String>,
    #[serde(default)]
    offset: u64,
    limit: Option<u64>,
}

/// At most one chunk. The next one starts at `next_offset`; the stream has ended where `open` is false and `next_offset` is `total`.
pub(super) async fn chunk(State(api): State<Api>, Path(id): Path<String>, uri: Uri) -> Answer {
    let asked: LogsQuery = query(&uri)?;
    let stream = asked.stream.clone().unwrap_or_else(|| "stdout".to_owned());
    if !["stdout", "stderr"].contains(&stream.as_str()) {
        return Err(Problem::new(ErrorCode::Usage, "a job has the streams stdout and stderr"));
    }
    let run = run_ids::find(&api, &id).await?.id;
    let (step, attempt) = choose(&api, &run, &asked).await?;
    let none = || {
        Problem::new(ErrorCode::NotFound, format!("{} was not launched yet", attempt.id)).next(Next::look(&["runs", "watch", run.as_str()]))
    };
    let handed = attempt.handed.as_ref().ok_or_else(none)?;
    let limit = asked.limit.unwrap_or(LOG_CHUNK_BYTES).clamp(1, LOG_CHUNK_BYTES);
    let masker = api.app.driver.masker_of(&run, &step).await?;
    // A value may lie across an edge of the range: more is read on both sides, and not shown.
    let around = if masker.is_empty() { 0 } else { MASK_OVERLAP_BYTES as u64 };
    let limit = limit.min(LOG_CHUNK_BYTES - 2 * around);
    let before = around.min(asked.offset);
    let verb = Verb::Logs {
        attempt: attempt.id.to_string(),
        stream: stream.clone(),
        offset: asked.offset - before,
        limit: before + limit + around,
    };
    let host = asked_host(&api, &handed.host).await?;
    let reply = api.app.launcher.ask(&host, verb).await.map_err(super::hosts::not_asked)?;
    let (offset, data, total, open) = match reply {
        Reply::Logs { offset, data, total, open } => (offset, data, total, open),
        Reply::Refused { message, .. } => return Err(Problem::new(ErrorCode::HostFailed, format!("{}: {message}", host.name))),
        other => return Err(Problem::new(ErrorCode::HostFailed, format!("{}: the shim answered logs with {other:?}", host.name))),
    };
    let (offset, shown) = masked(&masker, Range { offset, bytes: data.0 }, asked.offset, limit, open);
    let next_offset = offset.saturating_add(shown.len() as u64);
    Ok(Success::new(json!({
        "run": run,
        "step": step.name,
        "attempt": attempt.id,
        "host": host.name,
        "stream": stream,
        "offset": offset,
        "next_offset": next_offset,
        "total": total,
        "open": open,
        "data_base64": base64::engine::general_purpose::STANDARD.encode(&shown),
    })))
}

/// Bytes of a stream.
struct Range {
    offset: u64,
    bytes: Vec<u8>,
}

/// What of a range was asked for, with stars for secrets. Where the stream goes on, the end waits if it may begin one.
fn masked(masker: &Masker, read: Range, wanted: u64, limit: u64, open: bool) -> (u64, Vec<u8>) {
    let Range { offset, mut bytes } = read;
    if masker.is_empty() {
        return (offset, bytes);
    }
    let pending = if open { masker.pending(&bytes) } else { 0 };
    masker.stars(&mut bytes);
    bytes.truncate(bytes.len() - pending);
    // A stream whose beginning is gone starts later than was asked for.
    let from = usize::try_from(wanted.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes.len());
    let shown: Vec<u8> = bytes.into_iter().skip(from).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
    (offset + from as u64, shown)
}

/// The attempt that is meant: the named one, else the newest of the named step, else of the only step that is a job.
async fn choose(api: &Api, run: &RunId, asked: &LogsQuery) -> Result<(Step, Attempt), Problem> {
    let (steps, attempts) = (api.app.store.steps(run).await?, api.app.store.attempts(run).await?);
    let jobs: Vec<&Step> = steps.iter().filter(|step| matches!(step.kind, StepKind::Job(_))).collect();
    let look = Next::look(&["runs", "show", run.as_str()]);
    let attempt = match (&asked.attempt, &asked.step) {
        (Some(id), _) => {
            let id = AttemptId::parse(id).map_err(|error| Problem::new(ErrorCode::Usage, error.to_string()))?;
            attempts
                .iter()
                .find(|attempt| attempt.id == id)
                .ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("{run} has no attempt {id}")))?
        }
        (None, Some(name)) => {
            let step = jobs.iter().find(|step| step.name == *name || step.call.to_string() == *name);
            let step = step.ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("{run} has no job `{name}`")).next(look.clone()))?;
            newest(&attempts, step).ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("`{name}` has no attempt yet")))?
        }
        (None, None) => match jobs.as_slice() {
            [] => return Err(Problem::new(ErrorCode::NotFound, format!("{run} has no job yet")).next(look)),
            [step] => newest(&attempts, step).ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("{run} has no attempt yet")))?,
            several => {
                let names: Vec<&str> = several.iter().map(|step| step.name.as_str()).collect();
                let problem = Problem::new(ErrorCode::Ambiguous, format!("{run} has {} jobs; name one by --step", names.len()));
                return Err(problem.details(json!({ "candidates": names })).next(look));
            }
        },
    };
    let step = jobs.into_iter().find(|step| step.call == attempt.call);
    let step = step.ok_or_else(|| Problem::new(ErrorCode::Failed, format!("{} belongs to no job", attempt.id)))?;
    Ok((step.clone(), attempt.clone()))
}

fn newest<'a>(attempts: &'a [Attempt], step: &Step) -> Option<&'a Attempt> {
    attempts.iter().filter(|attempt| attempt.call == step.call).max_by_key(|attempt| attempt.fence)
}
