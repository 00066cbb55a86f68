//! `POST /v1/runs/{id}/fork`: a new run with another input or release, which reuses what this one has done.

use super::answer::Answer;
use super::caller::Caller;
use super::request::{body, text};
use super::routes::Api;
use super::{idempotency, run_ids, runs_control, views};
use crate::driver::entropy;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::triggers::start::{NewRun, Started, Version};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::canonical;
use sortie_core::event::EventBody;
use sortie_core::ids::RunId;
use sortie_core::plan::Fork;
use sortie_core::view::RunHead;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForkBody {
    /// Name or call number of a step: nothing is reused from it on.
    from: Option<Value>,
    /// Another release.
    release: Option<u32>,
    /// Another input.
    input: Option<Value>,
    reason: Option<String>,
}

/// Make it. The old run stays as it is.
pub(super) async fn fork(State(api): State<Api>, caller: Caller, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Answer {
    let asked: ForkBody = body(&bytes)?;
    let reason = text("reason", asked.reason)?;
    let head = run_ids::find(&api, &id).await?;
    let calls = match &asked.from {
        Some(step) => runs_control::step_named(&api, &head, step).await?.call - 1,
        None => worth_keeping(&head),
    };
    let version = match (asked.release, head.release) {
        (Some(number), _) => Version::Release(number),
        (None, 0) => Version::Draft,
        (None, number) => Version::Release(number),
    };
    let input = match asked.input {
        Some(input) if !input.is_null() => input,
        _ => input_of(&api, &head).await?,
    };
    let program = api.app.driver.program(&head.flow, version).await?;
    let key = idempotency::key(&headers)?;
    let fresh = RunId::new(api.app.clock.now(), &entropy(), 0).to_string();
    let digest = canonical::digest(json!([head.id, calls, program.release, input]).to_string().as_bytes());
    let run = idempotency::reserve(&api, key.as_deref(), "fork", &digest, fresh).await?;
    let run = RunId::parse(&run).map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?;
    let forked_from = Some(Fork { run: head.id.clone(), calls });
    let new = NewRun { trigger: "fork".to_owned(), forked_from, ..NewRun::manual(run.clone(), input, &caller.name) };
    if let Started::Skipped { running } = api.app.driver.start_run(program, new).await? {
        return Err(skipped(&head, running.as_ref()));
    }
    tracing::info!(target: "sortie::audit", actor = caller.name, from = %head.id, %run, reason, "forked");
    let row = api.app.store.run(&run).await?.ok_or_else(|| Problem::new(ErrorCode::Failed, "the run was made and cannot be read"))?;
    let mut view = views::run(&row.head);
    view["forked_from"] = json!({ "run": head.id, "calls": calls });
    let id = run.as_str();
    Ok(Success::new(view).next(Next::look(&["runs", "watch", id])).next(Next::look(&["runs", "explain", id])))
}

/// Calls whose answers a fork may reuse where nobody says: those before the step whose failure ended the run, else all.
fn worth_keeping(head: &RunHead) -> u32 {
    head.failure.as_ref().and_then(|failure| failure.call).map_or(head.calls, |call| call.saturating_sub(1))
}

async fn input_of(api: &Api, head: &RunHead) -> Result<Value, Problem> {
    match api.app.store.event(&head.id, 1).await?.map(|event| event.body) {
        Some(EventBody::RunCreated { input, .. }) => Ok(input),
        _ => Err(Problem::new(ErrorCode::Failed, format!("the first event of {} does not create it", head.id))),
    }
}

fn skipped(head: &RunHead, running: Option<&RunId>) -> Problem {
    let problem =
        Problem::new(ErrorCode::Conflict, format!("the flow `{}` has no room for another run, and its limit says to skip it", head.flow));
    match running {
        Some(run) => problem.details(json!({ "running": run })).next(Next::look(&["runs", "explain", run.as_str()])),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_core::failure::{Failure, FailureKind};
    use sortie_core::plan::RunPlan;
    use sortie_core::state::RunState;

    #[test]
    fn a_fork_keeps_what_was_called_before_the_step_that_failed() {
        let head = |failure| RunHead {
            id: RunId::new(1, &sortie_core::ids::Entropy([1; 32]), 0),
            flow: "f".to_owned(),
            release: 1,
            bundle: "0".repeat(64),
            state: RunState::Failed,
            seq: 9,
            wake_seq: 9,
            engine: 1,
            plan: RunPlan::default(),
            calls: 5,
            open_steps: 0,
            asks: 0,
            fence: 1,
            ending: None,
            ending_seq: None,
            exit_from: None,
            exit_over: true,
            held: None,
            logged: 0,
            deadline_at: 9,
            created_at: 1,
            updated_at: 2,
            failure,
            advance_fence: 1,
            evaluated_seq: 9,
            crashes: 0,
        };
        let failed = |kind| Failure::new(kind, "why");
        assert_eq!(worth_keeping(&head(Some(failed(FailureKind::Check).of_call(2)))), 1, "call 3 was answered after it, or beside it");
        assert_eq!(worth_keeping(&head(Some(failed(FailureKind::FlowError)))), 5, "no step has failed");
        assert_eq!(worth_keeping(&head(None)), 5);
    }
}
