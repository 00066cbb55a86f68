//! Events in plain words, one line each.

use sortie_core::event::EventBody;
use sortie_core::failure::Failure;
use sortie_core::ids::AttemptId;

/// One line about an event, for people. Remote text in it is as it came: clean it where it is shown.
#[must_use]
pub fn line(body: &EventBody) -> String {
    match body {
        EventBody::RunCreated { flow, release, actor, .. } if *release == 0 => format!("{actor} asked for a run of {flow} (draft)"),
        EventBody::RunCreated { flow, release, actor, .. } => format!("{actor} asked for a run of {flow}, release {release}"),
        EventBody::RunStarted { .. } => "the run started".to_owned(),
        EventBody::StepScheduled { step, spec, .. } => format!("step {step} ({}) was scheduled", spec.kind()),
        EventBody::StepRecorded { step, spec, value, .. } => format!("step {step} ({}) is {}", spec.kind(), brief(value)),
        EventBody::StepCompleted { call, value, .. } => format!("call {call} was answered: {}", answer(value)),
        EventBody::RetryScheduled { call, .. } => format!("call {call} will be tried again"),
        EventBody::CallbackKept { subject, outcome, message, .. } => format!("a callback about {subject} was kept as {outcome}: {message}"),
        EventBody::CancelRequested { actor, reason } => {
            format!("{actor} asked for the end of the run{}", reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default())
        }
        EventBody::RunEnding { outcome, failure, .. } => {
            format!("the run is ending: {}{}", outcome.state().as_str(), because(failure.as_ref()))
        }
        EventBody::RunEnded { outcome } => format!("the run is over: {}", outcome.state().as_str()),
        EventBody::RunParked { failure } => format!("the run was set aside{}", because(Some(failure))),
        _ => attempt_line(body),
    }
}

fn attempt_line(body: &EventBody) -> String {
    match body {
        EventBody::AttemptScheduled { attempt, number, .. } => format!("attempt {number} ({}) was scheduled", short(attempt)),
        EventBody::AttemptLaunching { attempt, handed } => format!("{} is being launched on {}", short(attempt), handed.host),
        EventBody::LaunchDeferred { attempt, failure } => {
            format!("{} could not be sent, nothing reached the host{}", short(attempt), because(Some(failure)))
        }
        EventBody::LaunchUnknown { attempt, message } => {
            format!("{}: the answer to the launch was lost ({message}); asking again", short(attempt))
        }
        EventBody::AttemptLaunched { attempt, created: true, pid, containment, .. } => {
            let pid = pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
            format!("{} was claimed and started by the host ({}{pid})", short(attempt), containment.as_deref().unwrap_or("no containment"))
        }
        EventBody::AttemptLaunched { attempt, .. } => format!("{} had been claimed by an earlier launch; adopted", short(attempt)),
        EventBody::AttemptStarted { attempt } => format!("{} was heard of: its job runs", short(attempt)),
        EventBody::AttemptSuspect { attempt, .. } => format!("{} has not been heard of; asking its host", short(attempt)),
        EventBody::AttemptRevived { attempt } => format!("{} was heard of again", short(attempt)),
        EventBody::AttemptResult { attempt, via, failure, .. } => {
            format!("the result of {} was accepted by {via}{}", short(attempt), because(failure.as_ref()))
        }
        EventBody::AttemptFailed { attempt, failure } => format!("{} failed{}", short(attempt), because(Some(failure))),
        EventBody::AttemptStopping { attempt, reason } => format!("{} is being ended: {}", short(attempt), reason.as_str()),
        EventBody::AttemptStopped { attempt, evidence } => format!("{} is verified to be gone: {evidence}", short(attempt)),
        EventBody::StopUnverified { attempt } => format!("the end of {} could not be verified in time: a debt of its host", short(attempt)),
        _ => body.kind().to_owned(),
    }
}

/// The last characters of an id tell attempts of one run apart.
fn short(attempt: &AttemptId) -> String {
    let text = attempt.as_str();
    format!("att_..{}", &text[text.len().saturating_sub(6)..])
}

fn because(failure: Option<&Failure>) -> String {
    failure.map(|failure| format!(" ({}: {})", failure.kind, failure.message)).unwrap_or_default()
}

fn answer(value: &serde_json::Value) -> String {
    match (value.get("ok").and_then(serde_json::Value::as_bool), value.pointer("/error/kind").and_then(serde_json::Value::as_str)) {
        (Some(true), _) => "ok".to_owned(),
        (Some(false), Some(kind)) => format!("not ok, {kind}"),
        _ => brief(value),
    }
}

/// A value in at most 80 characters.
fn brief(value: &serde_json::Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 { text } else { format!("{}...", text.chars().take(77).collect::<String>()) }
}
