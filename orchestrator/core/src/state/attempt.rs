//! The states of an attempt.

use super::IllegalTransition;
use crate::failure::FailureKind;
use serde::{Deserialize, Serialize};

/// Where an attempt stands, as far as the orchestrator knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// Committed, nothing was sent. Also between two tries to reach its host, if not one byte was sent so far.
    Scheduled,
    /// Host and claims are committed; the launch may have been sent. A result is legal from here on.
    Launching,
    /// The launch was sent and not answered: only the host knows.
    LaunchUnknown,
    /// The host has said that the job is claimed and started.
    Launched,
    /// The job itself has been heard of.
    Running,
    /// Heartbeats are missing.
    Suspect,
    /// Being ended early; the reason is kept beside.
    Stopping,
    /// The job exited with 0.
    Succeeded,
    /// It failed, for the recorded kind.
    Failed,
    /// Verified to be gone without a result.
    Lost,
    /// The machine was started anew.
    Interrupted,
    /// Its result does not fit the schema.
    Rejected,
    /// Ended early, and verified to be gone.
    Stopped,
}

/// Why an attempt is ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The step's time limit.
    TimedOut,
    /// No sign of life after the launch.
    NotStarted,
    /// No heartbeat, and the VM says that the tree lives.
    Stalled,
    /// No output.
    Silent,
    /// The run or the step was cancelled.
    Cancelled,
    /// Lost a `wait_any`, or the run returned without waiting for it.
    Superseded,
    /// The budget is used up.
    Budget,
}

impl StopReason {
    /// The failure that the step is answered with.
    #[must_use]
    pub const fn failure(self) -> FailureKind {
        match self {
            Self::TimedOut => FailureKind::TimedOut,
            Self::NotStarted => FailureKind::NotStarted,
            Self::Stalled => FailureKind::Stalled,
            Self::Silent => FailureKind::Silent,
            Self::Cancelled => FailureKind::Cancelled,
            Self::Superseded => FailureKind::Superseded,
            Self::Budget => FailureKind::Budget,
        }
    }

    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.failure().as_str()
    }
}

impl AttemptState {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 13] = [
        Self::Scheduled,
        Self::Launching,
        Self::LaunchUnknown,
        Self::Launched,
        Self::Running,
        Self::Suspect,
        Self::Stopping,
        Self::Succeeded,
        Self::Failed,
        Self::Lost,
        Self::Interrupted,
        Self::Rejected,
        Self::Stopped,
    ];

    /// The table: where an attempt may go from here.
    #[must_use]
    pub const fn next(self) -> &'static [Self] {
        use AttemptState::{
            Failed, Interrupted, LaunchUnknown, Launched, Launching, Lost, Rejected, Running, Scheduled, Stopped, Stopping, Succeeded,
            Suspect,
        };
        match self {
            Scheduled => &[Launching, Failed, Stopping],
            // Everything after Launching may be overtaken by the result.
            Launching => &[Scheduled, Launched, LaunchUnknown, Running, Stopping, Succeeded, Failed, Lost, Interrupted, Rejected],
            LaunchUnknown => &[Launched, Running, Stopping, Succeeded, Failed, Lost, Interrupted, Rejected],
            Launched => &[Running, Suspect, Stopping, Succeeded, Failed, Lost, Interrupted, Rejected],
            Running => &[Suspect, Stopping, Succeeded, Failed, Lost, Interrupted, Rejected],
            Suspect => &[Running, Stopping, Succeeded, Failed, Lost, Interrupted, Rejected],
            Stopping => &[Stopped],
            // A result that comes during the backoff of a retry is accepted after all.
            Lost | Interrupted => &[Succeeded, Failed, Rejected],
            Succeeded | Failed | Rejected | Stopped => &[],
        }
    }

    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Launching => "launching",
            Self::LaunchUnknown => "launch_unknown",
            Self::Launched => "launched",
            Self::Running => "running",
            Self::Suspect => "suspect",
            Self::Stopping => "stopping",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Interrupted => "interrupted",
            Self::Rejected => "rejected",
            Self::Stopped => "stopped",
        }
    }

    /// The state a text names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing of the job can run any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Lost | Self::Interrupted | Self::Rejected | Self::Stopped)
    }

    /// Whether the host may know of it, and a result may come.
    #[must_use]
    pub const fn is_on_host(self) -> bool {
        matches!(self, Self::Launching | Self::LaunchUnknown | Self::Launched | Self::Running | Self::Suspect)
    }

    /// Go there.
    ///
    /// # Errors
    /// [`IllegalTransition`] where the table does not allow it.
    pub fn to(self, to: Self) -> Result<Self, IllegalTransition> {
        if self.next().contains(&to) { Ok(to) } else { Err(IllegalTransition { what: "attempt", from: self.as_str(), to: to.as_str() }) }
    }
}
