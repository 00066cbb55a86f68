//! The transition tables, as the design has them.

use sortie_core::state::{AttemptState, RunOutcome, RunState};
use std::collections::BTreeSet;

fn names<T: Copy>(states: &[T], name: impl Fn(T) -> &'static str) -> BTreeSet<&'static str> {
    states.iter().map(|state| name(*state)).collect()
}

#[test]
fn an_attempt_goes_only_where_the_table_lets_it() {
    let ends = ["succeeded", "failed", "lost", "interrupted", "rejected"];
    for state in AttemptState::ALL {
        let mut expected: BTreeSet<&str> = BTreeSet::new();
        if state.is_on_host() {
            expected.extend(ends);
            expected.insert("stopping");
        }
        let more: &[&str] = match state {
            AttemptState::Scheduled => &["launching", "failed", "stopping"],
            AttemptState::Launching => &["scheduled", "launched", "launch_unknown", "running"],
            AttemptState::LaunchUnknown => &["launched", "running"],
            AttemptState::Launched => &["running", "suspect"],
            AttemptState::Running => &["suspect"],
            AttemptState::Suspect => &["running"],
            AttemptState::Stopping => &["stopped"],
            AttemptState::Lost | AttemptState::Interrupted => &["succeeded", "failed", "rejected"],
            _ => &[],
        };
        expected.extend(more);
        assert_eq!(names(state.next(), AttemptState::as_str), expected, "{}", state.as_str());
        for to in AttemptState::ALL {
            assert_eq!(state.to(to).is_ok(), state.next().contains(&to));
        }
        assert_eq!(AttemptState::parse(state.as_str()), Some(state));
    }
}

#[test]
fn an_attempt_that_is_over_never_lives_again() {
    for state in AttemptState::ALL.into_iter().filter(|state| state.is_over()) {
        assert!(state.next().iter().all(|next| next.is_over()), "{}", state.as_str());
        assert!(!state.is_on_host());
    }
}

#[test]
fn a_run_goes_only_where_the_table_lets_it() {
    for state in RunState::ALL {
        let expected: &[&str] = match state {
            RunState::Queued => &["running", "paused", "ending"],
            RunState::Running => &["ending", "paused", "parked"],
            RunState::Ending => &["succeeded", "failed", "cancelled", "timed_out", "dead", "paused", "parked"],
            RunState::Paused => &["queued", "running", "ending"],
            RunState::Parked => &["running", "ending"],
            RunState::Failed | RunState::Dead => &["running"],
            RunState::Succeeded | RunState::Cancelled | RunState::TimedOut => &[],
        };
        assert_eq!(names(state.next(), RunState::as_str), expected.iter().copied().collect(), "{}", state.as_str());
        for to in RunState::ALL {
            assert_eq!(state.to(to).is_ok(), state.next().contains(&to));
        }
        assert_eq!(RunState::parse(state.as_str()), Some(state));
    }
}

#[test]
fn every_outcome_is_a_state_that_is_over_and_can_be_reached() {
    use RunOutcome::{Cancelled, Dead, Failed, Succeeded, TimedOut};
    for outcome in [Succeeded, Failed, Cancelled, TimedOut, Dead] {
        assert!(outcome.state().is_over());
        assert!(RunState::Ending.to(outcome.state()).is_ok());
    }
}
