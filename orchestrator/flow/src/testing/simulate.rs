//! `flow simulate`: a run by canned answers, to its end, as a timeline.

use crate::bundle::Bundle;
use crate::compile::{Depth, compile};
use crate::diagnostic::Diagnostic;
use crate::testing::report::{Moment, Simulation};
use crate::testing::stub::Stub;
use crate::testing::world::{BEGINNING, World};
use serde_json::{Value as Json, json};
use sortie_core::call::CallSpec;
use sortie_core::event::{Event, EventBody};
use std::collections::{BTreeMap, HashMap};

/// Canned answers by the name of their step: one, or several in turn. A name that ends in `*` fits all that start so.
pub type Answers = BTreeMap<String, Json>;

/// Run a flow to its end. Steps without an answer: jobs, requests and child runs succeed with nothing, waits and approvals run out.
///
/// # Errors
/// The flow does not compile, or input or answers do not fit.
pub fn simulate(bundle: &Bundle, input: &Json, answers: &Answers) -> Result<Simulation, String> {
    let compiled = compile(bundle, Depth::Run);
    if compiled.entry.is_none() {
        return Err(compiled.diagnostics.iter().map(Diagnostic::render).collect::<Vec<_>>().join("\n\n"));
    }
    let mut world = World::start(&compiled, input)?;
    world.willing = true;
    for (step, canned) in answers {
        let several = if let Json::Array(several) = canned { several.clone() } else { vec![canned.clone()] };
        for one in several {
            let stub: Stub = serde_json::from_value(one).map_err(|error| format!("the answer of `{step}`: {error}"))?;
            stub.check().map_err(|why| format!("the answer of `{step}`: {why}"))?;
            world.stubs.add(step, stub);
        }
    }
    let problem = to_the_end(&mut world).err();
    Ok(told(&world, problem))
}

/// Let time pass until the run is over or nothing would ever happen.
///
/// # Errors
/// The run cannot go on.
pub fn to_the_end(world: &mut World<'_>) -> Result<(), String> {
    world.settle()?;
    while !world.head().state.is_over() {
        match world.next_at() {
            Some(at) => world.pass(at)?,
            None => return Err(format!("the run is {} and nothing would ever happen", world.head().shown_state())),
        }
    }
    Ok(())
}

fn told(world: &World<'_>, problem: Option<String>) -> Simulation {
    let ending = end_of(&world.events);
    Simulation {
        state: world.head().shown_state().to_owned(),
        result: ending.0,
        error: ending.1,
        log: log_of(&world.events),
        timeline: timeline(&world.events),
        problem,
    }
}

/// What a run returned, and why it failed.
#[must_use]
pub fn end_of(events: &[Event]) -> (Json, Option<Json>) {
    let ending = events.iter().rev().find_map(|event| match &event.body {
        EventBody::RunEnding { value, failure, .. } => Some((value.clone(), failure.clone())),
        EventBody::RunParked { failure } => Some((None, Some(failure.clone()))),
        _ => None,
    });
    let (value, failure) = ending.unwrap_or_default();
    (value.unwrap_or(Json::Null), failure.map(|failure| json!({ "kind": failure.kind.as_str(), "message": failure.message })))
}

/// What a run has logged.
#[must_use]
pub fn log_of(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .filter_map(|event| if let EventBody::FlowLogged { lines } = &event.body { Some(lines) } else { None })
        .flatten()
        .map(|line| line.text.clone())
        .collect()
}

/// The calls of a run as tests see them.
#[must_use]
pub fn calls_of(events: &[Event]) -> Vec<Json> {
    let call_of = |step: &String, spec: &CallSpec, answer: Json| {
        let whole = serde_json::to_value(spec).unwrap_or(Json::Null);
        let args = whole.get(spec.kind()).cloned().unwrap_or(Json::Null);
        json!({ "step": step, "kind": spec.kind(), "args": args, "answer": answer })
    };
    let answer = |wanted: u32| {
        events.iter().find_map(|event| match &event.body {
            EventBody::StepCompleted { call, value, .. } if *call == wanted => Some(value.clone()),
            _ => None,
        })
    };
    events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::StepScheduled { call, step, spec, .. } => Some(call_of(step, spec, answer(*call).unwrap_or(Json::Null))),
            EventBody::StepRecorded { step, spec, value, .. } => Some(call_of(step, spec, value.clone())),
            _ => None,
        })
        .collect()
}

/// A history as people read it.
#[must_use]
pub fn timeline(events: &[Event]) -> Vec<Moment> {
    let mut names: HashMap<u32, String> = HashMap::new();
    events
        .iter()
        .map(|event| {
            let (call, text) = words(&event.body);
            if let EventBody::StepScheduled { call, step, .. } | EventBody::StepRecorded { call, step, .. } = &event.body {
                names.insert(*call, step.clone());
            }
            let step = call.and_then(|call| names.get(&call).cloned());
            Moment { after_ms: event.at - BEGINNING, event: event.body.kind().to_owned(), step, text }
        })
        .collect()
}

/// The call an event is about, and what it says.
fn words(body: &EventBody) -> (Option<u32>, String) {
    let short = |value: &Json| value.to_string().chars().take(120).collect::<String>();
    match body {
        EventBody::StepScheduled { call, spec, .. } => (Some(*call), spec.kind().to_owned()),
        EventBody::StepRecorded { call, spec, value, .. } => (Some(*call), format!("{} {}", spec.kind(), short(value))),
        EventBody::StepCompleted { call, value, .. } => (Some(*call), short(value)),
        EventBody::AttemptScheduled { call, number, .. } => (Some(*call), format!("attempt {number}")),
        EventBody::RetryScheduled { call, .. } => (Some(*call), String::new()),
        EventBody::TryFailed { call, failure, .. } => (Some(*call), failure.kind.to_string()),
        EventBody::ApprovalVoted { call, actor, decision, .. } => (Some(*call), format!("{actor}: {}", decision.as_str())),
        EventBody::ApprovalReminded { call, number } => (Some(*call), format!("reminder {number}")),
        EventBody::ApprovalEscalated { call, to } => (Some(*call), to.join(", ")),
        EventBody::TryStarted { call, .. } | EventBody::ChildStarted { call, .. } | EventBody::EventReceived { call, .. } => {
            (Some(*call), String::new())
        }
        EventBody::AttemptFailed { failure, .. } | EventBody::RunParked { failure } | EventBody::ExitFailed { failure } => {
            (None, format!("{}: {}", failure.kind, failure.message.lines().next().unwrap_or_default()))
        }
        EventBody::FlowLogged { lines } => (None, lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("; ")),
        EventBody::RunEnding { outcome, .. } | EventBody::RunEnded { outcome } => (None, outcome.state().as_str().to_owned()),
        _ => (None, String::new()),
    }
}
