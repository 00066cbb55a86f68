//! The states of a run.

use super::IllegalTransition;
use serde::{Deserialize, Serialize};

/// Where a run stands. `waiting` is a running run with nothing to evaluate: see [`crate::view::RunHead::shown_state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Created, not yet admitted.
    Queued,
    /// Its flow is evaluated whenever something answers it.
    Running,
    /// Decided how it ends; open handles are being stopped, then `on_exit` runs.
    Ending,
    /// An operator holds it.
    Paused,
    /// Set aside by the engine: something is wrong that an operator must see.
    Parked,
    /// `run` returned.
    Succeeded,
    /// Its flow failed.
    Failed,
    /// An operator or a parent cancelled it.
    Cancelled,
    /// Its deadline passed.
    TimedOut,
    /// Gave up after its retries; kept whole for inspection and redrive.
    Dead,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// See [`RunState::Succeeded`].
    Succeeded,
    /// See [`RunState::Failed`].
    Failed,
    /// See [`RunState::Cancelled`].
    Cancelled,
    /// See [`RunState::TimedOut`].
    TimedOut,
    /// See [`RunState::Dead`].
    Dead,
}

impl RunOutcome {
    /// The state that the outcome leads to.
    #[must_use]
    pub const fn state(self) -> RunState {
        match self {
            Self::Succeeded => RunState::Succeeded,
            Self::Failed => RunState::Failed,
            Self::Cancelled => RunState::Cancelled,
            Self::TimedOut => RunState::TimedOut,
            Self::Dead => RunState::Dead,
        }
    }
}

impl RunState {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 10] = [
        Self::Queued,
        Self::Running,
        Self::Ending,
        Self::Paused,
        Self::Parked,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::TimedOut,
        Self::Dead,
    ];

    /// The table: where a run may go from here. Final states absorb; a redrive of a dead or failed run opens it again.
    #[must_use]
    pub const fn next(self) -> &'static [Self] {
        use RunState::{Cancelled, Dead, Ending, Failed, Parked, Paused, Queued, Running, Succeeded, TimedOut};
        match self {
            Queued => &[Running, Paused, Ending],
            Running => &[Ending, Paused, Parked],
            Ending => &[Succeeded, Failed, Cancelled, TimedOut, Dead, Paused, Parked],
            Paused => &[Queued, Running, Ending],
            Parked => &[Running, Ending],
            Dead | Failed => &[Running],
            Succeeded | Cancelled | TimedOut => &[],
        }
    }

    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Ending => "ending",
            Self::Paused => "paused",
            Self::Parked => "parked",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Dead => "dead",
        }
    }

    /// The state a text names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether the run is over.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut | Self::Dead)
    }

    /// Go there.
    ///
    /// # Errors
    /// [`IllegalTransition`] where the table does not allow it.
    pub fn to(self, to: Self) -> Result<Self, IllegalTransition> {
        if self.next().contains(&to) { Ok(to) } else { Err(IllegalTransition { what: "run", from: self.as_str(), to: to.as_str() }) }
    }
}
