//! Who or what moves the run on: its next waker, and what there should be but is not.

use super::Facts;
use super::places::target;
use super::words::ahead;
use crate::clock::rfc3339;
use serde::Serialize;
use sortie_core::effect::{Timer, Work};
use sortie_core::ids::Ms;
use sortie_core::state::RunState;
use sortie_core::view::{Step, StepKind};
use sortie_store::model::Claim;

/// What moves the run on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waker {
    /// `operator`, `room`, `slot`, `advance`, `launch`, `probe`, `stop`, `retry`, `try`, `child`, `event`, `start`, or the name of a timer.
    pub kind: String,
    /// What it is about: a step's name, an attempt.
    pub about: Option<String>,
    /// When it is due; nobody knows when an operator comes.
    pub at: Option<String>,
    /// In words.
    pub text: String,
}

/// The next one. Whatever comes from outside may be sooner.
pub(super) fn next(facts: &Facts<'_>) -> Option<Waker> {
    let operator = |text: &str| Some(Waker { kind: "operator".to_owned(), about: None, at: None, text: text.to_owned() });
    match facts.head.state {
        state if state.is_over() => None,
        RunState::Paused => operator("an operator resumes it, or ends it"),
        RunState::Parked => operator("an operator looks at it, then resumes or ends it"),
        _ => facts
            .due
            .iter()
            .filter(|claim| moves(&claim.work) && !is_held(facts, &claim.work))
            .min_by_key(|claim| claim.due_at)
            .map(|claim| of_work(facts, claim))
            .or_else(|| room(facts))
            .or_else(|| slot(facts)),
    }
}

/// A queued run is started by the end of another one.
fn room(facts: &Facts<'_>) -> Option<Waker> {
    let place = facts.place.filter(|place| place.running > 0 || place.place > 1 || place.older);
    place.map(|_| Waker { kind: "room".to_owned(), about: None, at: None, text: "the end of a run that it waits for".to_owned() })
}

/// A launch that waits for a slot: nobody knows when it is due.
fn is_held(facts: &Facts<'_>, work: &Work) -> bool {
    matches!(work, Work::Launch(id) if facts.slots.contains_key(id))
}

/// A held launch is let go by the end of another job.
fn slot(facts: &Facts<'_>) -> Option<Waker> {
    let (id, place) = facts.slots.iter().min_by_key(|(_, place)| place.place)?;
    let text = format!("the end of a job that holds a slot of {}", target(&place.on));
    Some(Waker { kind: "slot".to_owned(), about: Some(id.to_string()), at: None, text })
}

/// Whether work moves the run on, instead of telling somebody about it.
const fn moves(work: &Work) -> bool {
    !matches!(
        work,
        Work::Notify { .. }
            | Work::Ack(_)
            | Work::Answer { .. }
            | Work::Report
            | Work::Timer(Timer::Overdue | Timer::Remind(_) | Timer::Escalate(_))
    )
}

fn of_work(facts: &Facts<'_>, claim: &Claim) -> Waker {
    let step =
        |call: u32| facts.steps.iter().find(|step| step.call == call).map_or_else(|| format!("call {call}"), |step| step.name.clone());
    let (kind, about, text) = match &claim.work {
        Work::Advance => ("advance", None, "the flow is evaluated".to_owned()),
        Work::Launch(id) => ("launch", Some(id.to_string()), "the launch is sent to its host".to_owned()),
        Work::Stop(id) => ("stop", Some(id.to_string()), "the host is asked to end the job".to_owned()),
        Work::Probe(id) => ("probe", Some(id.to_string()), "the host is asked about the job".to_owned()),
        Work::Ack(id) => ("ack", Some(id.to_string()), "the host is told that the result is committed".to_owned()),
        Work::Answer { attempt, .. } => {
            ("answer", Some(attempt.to_string()), "the host is told the answer to the job's question, unless it asks before".to_owned())
        }
        Work::Start => ("start", None, "it is let in, if there is room".to_owned()),
        Work::MakeRoom => ("make_room", None, "the runs that it displaces are cancelled".to_owned()),
        Work::Try(call) => ("try", Some(step(*call)), format!("the next try of `{}` is made", step(*call))),
        Work::Child(call) => ("child", Some(step(*call)), format!("the run of `{}` is made", step(*call))),
        Work::CancelChild(call) => ("cancel_child", Some(step(*call)), format!("the run of `{}` is cancelled", step(*call))),
        Work::Event(call) => ("event", Some(step(*call)), format!("the event of `{}` is looked for", step(*call))),
        Work::Report => ("report", None, "its parent is told".to_owned()),
        Work::Notify { what, .. } => ("notify", None, format!("somebody is told: {}", what.as_str())),
        Work::Timer(timer) => timer_words(timer, &step),
    };
    let text = format!("{text} {}", ahead(claim.due_at, facts.now));
    Waker { kind: kind.to_owned(), about, at: Some(rfc3339(claim.due_at)), text }
}

fn timer_words(timer: &Timer, step: &dyn Fn(u32) -> String) -> (&'static str, Option<String>, String) {
    match timer {
        Timer::RunDeadline => ("run_deadline", None, "the deadline of the run passes".to_owned()),
        Timer::Step(call) => ("step_deadline", Some(step(*call)), format!("the time of `{}` is over", step(*call))),
        Timer::Retry(call) => ("retry", Some(step(*call)), format!("`{}` is tried again", step(*call))),
        Timer::Started(id) => ("started_limit", Some(id.to_string()), "the job should have been heard of".to_owned()),
        Timer::Heartbeat(id) => ("heartbeat_limit", Some(id.to_string()), "the next heartbeat should have come".to_owned()),
        Timer::StopAnswer(id) => ("stop_limit", Some(id.to_string()), "the step is answered, verified or not".to_owned()),
        Timer::Remind(call) => ("reminder", Some(step(*call)), format!("those who decide about `{}` are reminded", step(*call))),
        Timer::Escalate(call) => ("escalation", Some(step(*call)), format!("more people may decide about `{}`", step(*call))),
        Timer::Exit => ("exit_limit", None, "the limit of on_exit passes".to_owned()),
        Timer::Overdue => ("overdue", None, "the run is overdue".to_owned()),
    }
}

/// What contradicts the promise that whatever waits has a named next waker.
pub(super) fn defects(facts: &Facts<'_>, waker: Option<&Waker>) -> Vec<String> {
    let head = facts.head;
    if head.state.is_over() || head.held.is_some() || matches!(head.state, RunState::Paused | RunState::Parked) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if waker.is_none() {
        found.push(
            "nothing will ever wake this run: no work is due, no timer is set. This is a defect; resuming or ending it is safe".to_owned(),
        );
    }
    let has = |work: &Work| facts.due.iter().any(|claim| claim.work == *work);
    if head.state == RunState::Running && head.evaluated_seq < head.wake_seq && !has(&Work::Advance) {
        found.push("its flow has something to react to, and no evaluation is due. This is a defect".to_owned());
    }
    for step in facts.steps.iter().filter(|step| step.is_open()) {
        if !facts.due.iter().any(|claim| is_of(&claim.work, step)) {
            found.push(format!("the step `{}` is open, and no deadline or other work of it is due. This is a defect", step.name));
        }
    }
    found
}

/// Whether work is about a step.
fn is_of(work: &Work, step: &Step) -> bool {
    let attempt = if let StepKind::Job(job) = &step.kind { job.attempt.as_ref() } else { None };
    match work {
        Work::Timer(Timer::Step(call) | Timer::Retry(call))
        | Work::Try(call)
        | Work::Child(call)
        | Work::CancelChild(call)
        | Work::Event(call) => *call == step.call,
        Work::Launch(id) | Work::Stop(id) | Work::Probe(id) | Work::Timer(Timer::StopAnswer(id)) => Some(id) == attempt,
        _ => false,
    }
}

/// When work of a kind is due.
pub(super) fn due_at(facts: &Facts<'_>, wanted: impl Fn(&Work) -> bool) -> Option<Ms> {
    facts.due.iter().filter(|claim| wanted(&claim.work)).map(|claim| claim.due_at).min()
}
