//! The states of a run and of an attempt: transition tables first.

mod attempt;
mod run;

pub use attempt::{AttemptState, StopReason};
pub use run::{RunOutcome, RunState};

/// A move that the table does not know: damage, or a bug of the engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("illegal transition of {what} from {from} to {to}")]
pub struct IllegalTransition {
    /// `run` or `attempt`.
    pub what: &'static str,
    /// State before.
    pub from: &'static str,
    /// State asked for.
    pub to: &'static str,
}
