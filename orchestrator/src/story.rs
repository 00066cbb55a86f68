//! Events in plain words, one line each.

use sortie_core::event::EventBody;
use sortie_core::failure::Failure;
use sortie_core::ids::AttemptId;
use sortie_core::view::Decision;

/// One line about an event, for people. Remote text in it is as it came: clean it where it is shown.
#[must_use]
pub fn line(body: &EventBody) -> String {
    match body {
        EventBody::RunCreated { flow, release, actor, .. } if *release == 0 => format!("{actor} asked for a run of {flow} (draft)"),
        EventBody::RunCreated { flow, release, actor, .. } => format!("{actor} asked for a run of {flow}, release {release}"),
        EventBody::RunStarted { .. } => "the run started".to_owned(),
        EventBody::RunPaused { actor, reason } => format!("{actor} paused the run{}", why(reason.as_deref())),
        EventBody::RunResumed { actor, reason, .. } => format!("{actor} let the run go on{}", why(reason.as_deref())),
        EventBody::RunReset { keep, reopen, actor, reason, .. } => {
            format!("{actor} sent the run back: {}{}", reset(*keep, reopen), why(reason.as_deref()))
        }
        EventBody::TerminateRequested { actor, reason } => {
            format!("{actor} asked for the end of the run at once{}", why(reason.as_deref()))
        }
        EventBody::ExitStarted { .. } => "everything that was open is stopped; on_exit runs".to_owned(),
        EventBody::ExitEnded {} => "on_exit returned".to_owned(),
        EventBody::ExitFailed { failure } => format!("on_exit did not succeed{}", because(Some(failure))),
        EventBody::RunOverdue {} => "the run takes longer than it should".to_owned(),
        EventBody::NoticeSent { what, to, .. } => format!("{to} was told: {}", what.as_str()),
        EventBody::NoticeFailed { what, to, message, .. } => format!("{to} could not be told ({}): {message}", what.as_str()),
        EventBody::CancelRequested { actor, reason } => {
            format!("{actor} asked for the end of the run{}", why(reason.as_deref()))
        }
        EventBody::RunEnding { outcome, failure, .. } => {
            format!("the run is ending: {}{}", outcome.state().as_str(), because(failure.as_ref()))
        }
        EventBody::RunEnded { outcome } => format!("the run is over: {}", outcome.state().as_str()),
        EventBody::RunParked { failure } => format!("the run was set aside{}", because(Some(failure))),
        _ => step_line(body),
    }
}

fn step_line(body: &EventBody) -> String {
    match body {
        EventBody::StepScheduled { step, spec, .. } => format!("step {step} ({}) was scheduled", spec.kind()),
        EventBody::StepRecorded { step, spec, value, .. } => format!("step {step} ({}) is {}", spec.kind(), brief(value)),
        EventBody::StepCompleted { call, value, .. } => format!("call {call} was answered: {}", answer(value)),
        EventBody::RetryScheduled { call, .. } => format!("call {call} will be tried again"),
        EventBody::CallbackKept { subject, outcome, message, .. } => format!("a callback about {subject} was kept as {outcome}: {message}"),
        EventBody::StepReused { step, spec, from, .. } => format!("step {step} ({}) has the answer that it had in {from}", spec.kind()),
        EventBody::TryStarted { call, number } => format!("call {call}: try {number} was begun"),
        EventBody::TryFailed { call, number, failure, .. } => {
            format!("call {call}: try {number} failed{}; it will be tried again", because(Some(failure)))
        }
        EventBody::ChildStarted { call, run } => format!("call {call} started {run}"),
        EventBody::EventReceived { call, id } => format!("the event {id} came for call {call}"),
        EventBody::ApprovalVoted { call, actor, decision, comment, via, .. } => {
            let word = if *decision == Decision::Approve { "approved" } else { "rejected" };
            format!("{actor} {word} call {call} by {via}{}", why(comment.as_deref()))
        }
        EventBody::ApprovalReminded { call, number } => format!("call {call}: those who decide were reminded (reminder {number})"),
        EventBody::ApprovalEscalated { call, to } => format!("call {call}: {} may decide from now on, too", to.join(", ")),
        EventBody::FlowLogged { lines } => lines.iter().map(|line| format!("the flow says: {}", line.text)).collect::<Vec<_>>().join("; "),
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
        EventBody::AttemptResult { attempt, via, parked: true, .. } => {
            format!("the result of {} was accepted by {via}: the agent has ended to wait for an answer", short(attempt))
        }
        EventBody::AttemptResult { attempt, via, result, failure, .. } => {
            format!("the result of {} was accepted by {via}{}{}", short(attempt), because(failure.as_ref()), agent_words(result))
        }
        EventBody::AskOpened { attempt, step, ask, .. } => {
            let tool = ask.tool.as_ref().map(|(name, _)| format!(" (it wants to use {name})")).unwrap_or_default();
            format!("{} asks, as {step}: {}{tool}", short(attempt), ask.title)
        }
        EventBody::AskClosed { attempt, answer, call, .. } => {
            let by = if answer.by.is_empty() { String::new() } else { format!(" by {}", answer.by.join(", ")) };
            format!(
                "the question of {} (call {call}) is {}{by}{}",
                short(attempt),
                answer.answered.as_str().replace('_', " "),
                why(answer.comment.as_deref())
            )
        }
        EventBody::AttemptCloned { attempt, boot_id, other_boot_id, .. } => {
            format!(
                "two machines say that they run {}: one with the boot id {boot_id}, which is believed, one with {other_boot_id}",
                short(attempt)
            )
        }
        EventBody::ResultAdopted { attempt, failure, actor, .. } => {
            format!("{actor} took the late result of {}{}", short(attempt), because(failure.as_ref()))
        }
        EventBody::AttemptFailed { attempt, failure, .. } => format!("{} failed{}", short(attempt), because(Some(failure))),
        EventBody::AttemptStopping { attempt, reason } => format!("{} is being ended: {}", short(attempt), reason.as_str()),
        EventBody::AttemptStopped { attempt, evidence } => format!("{} is verified to be gone: {evidence}", short(attempt)),
        EventBody::StopUnverified { attempt } => format!("the end of {} could not be verified in time: a debt of its host", short(attempt)),
        _ => body.kind().to_owned(),
    }
}

/// What a coding agent has said of its attempt, in short.
fn agent_words(result: &serde_json::Value) -> String {
    let Some(agent) = result.get("agent").filter(|agent| agent.is_object()) else { return String::new() };
    let text = |field: &str| agent.get(field).and_then(serde_json::Value::as_str);
    let count = |field: &str| agent.get(field).and_then(serde_json::Value::as_u64).unwrap_or(0);
    let session = text("session").map(|id| format!(", session {id}")).unwrap_or_default();
    let resumed = if agent.get("resumed").and_then(serde_json::Value::as_bool) == Some(true) { ", gone on with" } else { "" };
    let used = sortie_core::view::Spent::of(result);
    let cost = if used.usd_micros == 0 { String::new() } else { format!(", {} USD", sortie_core::value::usd(used.usd_micros)) };
    format!(
        "; {}: {}{session}{resumed}, {} turns, {} tool calls, {} tokens{cost}",
        text("kind").unwrap_or("agent"),
        text("outcome").unwrap_or("unknown"),
        count("turns"),
        count("tool_calls"),
        used.tokens(),
    )
}

/// The last characters of an id tell attempts of one run apart.
fn short(attempt: &AttemptId) -> String {
    let text = attempt.as_str();
    format!("att_..{}", &text[text.len().saturating_sub(6)..])
}

/// What people gave as their reason.
fn why(reason: Option<&str>) -> String {
    reason.map(|text| format!(": {text}")).unwrap_or_default()
}

fn reset(keep: u32, reopen: &[u32]) -> String {
    let calls: Vec<String> = reopen.iter().map(u32::to_string).collect();
    match (keep, calls.as_slice()) {
        (0, _) => "every step is forgotten".to_owned(),
        (keep, []) => format!("what was asked for after call {keep} is forgotten"),
        (keep, calls) => format!("call {} is opened anew, what was asked for after call {keep} is forgotten", calls.join(", ")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn people_and_their_reasons_are_named() {
        let said = |body: serde_json::Value| line(&serde_json::from_value(body).unwrap());
        assert_eq!(said(json!({ "run_paused": { "actor": "ann", "reason": "lunch" } })), "ann paused the run: lunch");
        assert_eq!(
            said(json!({ "run_reset": { "keep": 3, "reopen": [3], "actor": "ann", "reason": null, "deadline_at": 1 } })),
            "ann sent the run back: call 3 is opened anew, what was asked for after call 3 is forgotten"
        );
        let vote =
            json!({ "approval_voted": { "call": 2, "actor": "ann", "decision": "reject", "comment": "no", "revision": 4, "via": "link" } });
        assert_eq!(said(vote), "ann rejected call 2 by link: no");
    }
}
