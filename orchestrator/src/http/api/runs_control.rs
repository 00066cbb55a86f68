//! What operators do to a run: `pause`, `resume`, `cancel`, `terminate`, `retry`, and `adopt` of a late result.
//!
//! Each is decided by the engine in one transaction against the rows as they are then: whoever comes second to a result, or
//! to another operator, is told so. Doing again what was done changes nothing and is a success: `changed` says which.

use super::answer::Answer;
use super::caller::Caller;
use super::request::{body, text};
use super::routes::Api;
use super::run_ids;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::failpoint;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::decide::Reply;
use sortie_core::ids::{AttemptId, RunId};
use sortie_core::input::{InputBody, Operator, Scope};
use sortie_core::view::{RunHead, Step};
use sortie_store::model::Delivered;

/// What every such request may say.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlBody {
    reason: Option<String>,
    /// Only if this is still the run's last event.
    if_seq: Option<u64>,
}

impl ControlBody {
    fn operator(self, caller: &Caller) -> Result<Operator, Problem> {
        Ok(Operator { actor: caller.name.clone(), reason: text("reason", self.reason)?, if_seq: self.if_seq })
    }
}

/// Hold a run: what runs goes on, nothing new is begun.
pub(super) async fn pause(State(api): State<Api>, Path(id): Path<String>, caller: Caller, bytes: Bytes) -> Answer {
    control(&api, &id, &caller, &bytes, "pause", InputBody::Pause).await
}

/// Let a paused or parked run go on.
pub(super) async fn resume(State(api): State<Api>, Path(id): Path<String>, caller: Caller, bytes: Bytes) -> Answer {
    control(&api, &id, &caller, &bytes, "resume", InputBody::Resume).await
}

/// End a run, with `on_exit`.
pub(super) async fn cancel(State(api): State<Api>, Path(id): Path<String>, caller: Caller, bytes: Bytes) -> Answer {
    control(&api, &id, &caller, &bytes, "cancel", InputBody::Cancel).await
}

/// End a run at once, without `on_exit`.
pub(super) async fn terminate(State(api): State<Api>, Path(id): Path<String>, caller: Caller, bytes: Bytes) -> Answer {
    control(&api, &id, &caller, &bytes, "terminate", InputBody::Terminate).await
}

async fn control(api: &Api, id: &str, caller: &Caller, bytes: &Bytes, what: &str, input: fn(Operator) -> InputBody) -> Answer {
    let operator = body::<ControlBody>(bytes)?.operator(caller)?;
    let head = run_ids::find(api, id).await?;
    let delivered = api.app.driver.deliver(Scope::Run(head.id.clone()), input(operator)).await?;
    if what == "cancel" {
        failpoint::hit("cancel_committed");
    }
    told(api, &head.id, what, &delivered).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RetryBody {
    /// Name or call number of a step.
    from: Option<Value>,
    reason: Option<String>,
    if_seq: Option<u64>,
}

/// Open a run that failed again: the failed step with a fresh retry budget, or everything from a step on.
pub(super) async fn retry(State(api): State<Api>, Path(id): Path<String>, caller: Caller, bytes: Bytes) -> Answer {
    let asked: RetryBody = body(&bytes)?;
    let head = run_ids::find(&api, &id).await?;
    let from = match &asked.from {
        Some(step) => Some(step_named(&api, &head, step).await?.call),
        None => None,
    };
    let operator = ControlBody { reason: asked.reason, if_seq: asked.if_seq }.operator(&caller)?;
    reset(&api, &head.id, from, "retry", operator).await
}

/// Forget steps and go on.
pub(super) async fn reset(api: &Api, run: &RunId, from: Option<u32>, what: &str, operator: Operator) -> Answer {
    let delivered = api.app.driver.deliver(Scope::Whole(run.clone()), InputBody::Reset { from, operator }).await?;
    failpoint::hit("reset_committed");
    told(api, run, what, &delivered).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdoptBody {
    /// Digest of the result, where several were kept.
    digest: Option<String>,
    reason: Option<String>,
    if_seq: Option<u64>,
}

/// Take a late result after all.
pub(super) async fn adopt(State(api): State<Api>, Path(id): Path<String>, caller: Caller, bytes: Bytes) -> Answer {
    let asked: AdoptBody = body(&bytes)?;
    let attempt = AttemptId::parse(&id).map_err(|error| Problem::new(ErrorCode::Usage, error.to_string()))?;
    let found = api.app.store.attempt(&attempt).await?;
    let (run, step, _) = found.ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("there is no attempt {attempt}")))?;
    let kept = kept_result(&api, &run, &attempt, asked.digest.as_deref()).await?;
    let said = crate::callback::kept(&api.app.driver, &run, &step, &attempt, &kept.id, kept.body.as_deref().unwrap_or_default()).await;
    let said = said.map_err(|why| Problem::new(ErrorCode::Failed, format!("the kept result of {attempt} cannot be used: {why}")))?;
    let operator = ControlBody { reason: asked.reason, if_seq: asked.if_seq }.operator(&caller)?;
    let scope = Scope::Adopt(attempt.clone());
    let input = InputBody::Adopt { attempt, digest: kept.digest, said, operator };
    let delivered = api.app.driver.deliver(scope, input).await?;
    told(&api, &run, "adopt", &delivered).await
}

/// The result of an attempt that was kept and not used.
async fn kept_result(
    api: &Api,
    run: &RunId,
    attempt: &AttemptId,
    digest: Option<&str>,
) -> Result<sortie_store::model::CallbackRow, Problem> {
    let rows = api.app.store.callbacks(run).await?;
    let is_result = format!("{attempt}.result.");
    let mut kept: Vec<_> = rows
        .into_iter()
        .filter(|row| row.subject == attempt.as_str() && row.id.starts_with(&is_result) && row.body.is_some())
        .filter(|row| ["late", "conflict"].contains(&row.outcome.as_str()) && digest.is_none_or(|digest| row.digest.starts_with(digest)))
        .collect();
    kept.dedup_by(|a, b| a.digest == b.digest);
    match kept.len() {
        1 => Ok(kept.remove(0)),
        0 => {
            let problem = Problem::new(ErrorCode::NotFound, format!("no late result of {attempt} was kept"));
            Err(problem.next(Next::look(&["token", "show", run.as_str()])).next(Next::look(&["runs", "explain", run.as_str()])))
        }
        count => {
            let digests: Vec<&str> = kept.iter().map(|row| row.digest.as_str()).collect();
            let problem = Problem::new(ErrorCode::Ambiguous, format!("{count} different results of {attempt} were kept"));
            Err(problem.details(json!({ "candidates": digests })).hint("say which with --digest"))
        }
    }
}

/// The step that a name or a call number names.
///
/// # Errors
/// `not_found`, with the names that there are.
pub(super) async fn step_named(api: &Api, head: &RunHead, named: &Value) -> Result<Step, Problem> {
    let steps = api.app.store.steps(&head.id).await?;
    let wanted = named.as_str().map(str::to_owned).or_else(|| named.as_u64().map(|number| number.to_string()));
    let wanted = wanted.ok_or_else(|| Problem::new(ErrorCode::Usage, "a step is named by its name or its call number"))?;
    let found = pick(&steps, &wanted).cloned();
    found.ok_or_else(|| {
        let names: Vec<&str> = steps.iter().filter(|step| !step.forgotten).map(|step| step.name.as_str()).collect();
        let problem =
            Problem::new(ErrorCode::NotFound, format!("{} has no step `{}`", head.id, wanted.chars().take(128).collect::<String>()));
        problem.details(json!({ "steps": names })).next(Next::look(&["runs", "show", head.id.as_str()]))
    })
}

/// A name goes before a number: steps may be called `7`.
fn pick<'a>(steps: &'a [Step], wanted: &str) -> Option<&'a Step> {
    let there = || steps.iter().filter(|step| !step.forgotten);
    let number: Option<u32> = wanted.parse().ok();
    there().find(|step| step.name == wanted).or_else(|| there().find(|step| Some(step.call) == number))
}

/// What happened, or why not.
pub(super) async fn told(api: &Api, run: &RunId, what: &str, delivered: &Delivered) -> Answer {
    let now = run_ids::find(api, run.as_str()).await?;
    let id = run.as_str();
    if let Reply::Refused { code, message } = &delivered.reply {
        return Err(refused(code, message, &now).next(Next::look(&["runs", "explain", id])).next(Next::look(&["runs", "history", id])));
    }
    let changed = delivered.reply != Reply::Nothing;
    let success = Success::new(json!({
        "run": now.id,
        "what": what,
        "changed": changed,
        "state": now.shown_state(),
        "over": now.state.is_over(),
        "last_seq": now.seq,
    }));
    let success = if now.state.is_over() { success } else { success.next(Next::look(&["runs", "watch", id])) };
    Ok(success.next(Next::look(&["runs", "show", id])))
}

/// A refusal of the engine as a problem.
pub(super) fn refused(code: &str, message: &str, head: &RunHead) -> Problem {
    let kind = match code {
        "not_allowed" => ErrorCode::Forbidden,
        "not_found" => ErrorCode::NotFound,
        _ => ErrorCode::Conflict,
    };
    Problem::new(kind, message).details(json!({ "reason": code, "run": head.id, "state": head.shown_state(), "last_seq": head.seq }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_core::view::StepKind;

    fn step(call: u32, name: &str, forgotten: bool) -> Step {
        Step {
            call,
            name: name.to_owned(),
            kind: StepKind::Sleep {},
            spec_seq: 1,
            completed_seq: None,
            deadline_at: 0,
            timeout_ms: 0,
            answer_digest: None,
            kept: 0,
            forgotten,
        }
    }

    #[test]
    fn a_step_is_named_by_name_first_then_by_number_and_never_a_forgotten_one() {
        let steps = [step(1, "a", true), step(2, "1", false), step(3, "a", false)];
        let call = |wanted: &str| pick(&steps, wanted).map(|step| step.call);
        assert_eq!(call("a"), Some(3));
        assert_eq!(call("1"), Some(2), "the name, not the number");
        assert_eq!(call("3"), Some(3));
        assert_eq!(call("b"), None);
    }
}
