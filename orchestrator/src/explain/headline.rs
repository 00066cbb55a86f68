//! The one sentence about a run.

use super::Facts;
use super::places::queue;
use super::step::StepFacts;
use super::words::{ago, count};
use sortie_core::ids::Ms;
use sortie_core::state::RunState;

/// What it is doing, or how it ended.
pub(super) fn of(facts: &Facts<'_>, steps: &[StepFacts]) -> String {
    let head = facts.head;
    let since = ago(since(facts), facts.now);
    match head.state {
        RunState::Queued => facts.place.map_or_else(|| "It is queued and about to start.".to_owned(), |place| queue(&head.plan, place)),
        RunState::Paused => format!("An operator paused it {since}; jobs that run go on, nothing new is started."),
        RunState::Parked => format!("Set aside {since} because {}; it waits for an operator.", because(facts)),
        RunState::Ending => ending(facts, steps),
        RunState::Running if head.evaluated_seq < head.wake_seq => "Its flow is about to be evaluated.".to_owned(),
        RunState::Running => waiting(steps),
        RunState::Succeeded => format!("It succeeded {since}."),
        RunState::Failed => format!("It failed {since}: {}.", because(facts)),
        RunState::Cancelled => format!("It was cancelled {since}."),
        RunState::TimedOut => format!("It ran out of its time {since}."),
        RunState::Dead => format!("It gave up {since} after its retries: {}. It is kept as a dead letter.", because(facts)),
    }
}

fn because(facts: &Facts<'_>) -> String {
    facts.head.failure.as_ref().map_or_else(
        || "of a reason that was not recorded".to_owned(),
        |failure| {
            let first = failure.message.lines().next().unwrap_or("").trim_end_matches('.').to_owned();
            if first.is_empty() { failure.kind.to_string() } else { format!("{}: {first}", failure.kind) }
        },
    )
}

fn waiting(steps: &[StepFacts]) -> String {
    match steps {
        [] => "It has nothing to evaluate and no open step.".to_owned(),
        [one] => format!("It waits for the step `{}`: {}", one.name, one.doing),
        [first, rest @ ..] => {
            format!("It waits for {}, the oldest is `{}`: {}", count(rest.len() + 1, "step"), first.name, first.doing)
        }
    }
}

fn ending(facts: &Facts<'_>, steps: &[StepFacts]) -> String {
    let how = facts.head.ending.map_or("over", |outcome| outcome.state().as_str());
    match (steps.len(), facts.head.exit_from) {
        (0, None) => format!("It is ending as {how}."),
        (open, None) => format!(
            "It is ending as {how}; {} first.",
            if open == 1 { "1 open step is stopped".to_owned() } else { format!("{open} open steps are stopped") }
        ),
        (0, Some(_)) => format!("It is ending as {how}; its on_exit runs."),
        (open, Some(_)) => format!("It is ending as {how}; its on_exit waits for {}.", count(open, "step")),
    }
}

/// Since when the run has been in the state that the headline speaks of.
pub(super) fn since(facts: &Facts<'_>) -> Ms {
    let head = facts.head;
    match (head.state, head.held) {
        (RunState::Paused | RunState::Parked, Some(held)) => held.since,
        (RunState::Queued, _) => head.created_at,
        (RunState::Running, _) => {
            let open = facts.steps.iter().filter(|step| step.is_open()).filter_map(|step| facts.specs.get(&step.call));
            open.map(|scheduled| scheduled.at).min().unwrap_or(head.updated_at)
        }
        _ => head.updated_at,
    }
}
