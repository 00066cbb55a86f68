//! Kinds of events, as in JSON and in the store.

use super::EventBody;
use crate::call::CallSpec;

impl EventBody {
    /// The kind, as in JSON and in the store.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RunCreated { .. } => "run_created",
            Self::RunStarted { .. } => "run_started",
            Self::StepScheduled { .. } => "step_scheduled",
            Self::StepRecorded { .. } => "step_recorded",
            Self::StepCompleted { .. } => "step_completed",
            Self::AttemptScheduled { .. } => "attempt_scheduled",
            Self::AttemptLaunching { .. } => "attempt_launching",
            Self::LaunchDeferred { .. } => "launch_deferred",
            Self::LaunchUnknown { .. } => "launch_unknown",
            Self::AttemptLaunched { .. } => "attempt_launched",
            Self::AttemptStarted { .. } => "attempt_started",
            Self::AttemptSuspect { .. } => "attempt_suspect",
            Self::AttemptAlive { .. } => "attempt_alive",
            Self::AttemptRevived { .. } => "attempt_revived",
            Self::AttemptResult { .. } => "attempt_result",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::AttemptStopping { .. } => "attempt_stopping",
            Self::AttemptStopped { .. } => "attempt_stopped",
            Self::StopUnverified { .. } => "stop_unverified",
            Self::RetryScheduled { .. } => "retry_scheduled",
            Self::StepReused { .. } => "step_reused",
            Self::TryStarted { .. } => "try_started",
            Self::TryFailed { .. } => "try_failed",
            Self::ChildStarted { .. } => "child_started",
            Self::ChildStopping { .. } => "child_stopping",
            Self::EventReceived { .. } => "event_received",
            Self::ApprovalVoted { .. } => "approval_voted",
            Self::ApprovalReminded { .. } => "approval_reminded",
            Self::ApprovalEscalated { .. } => "approval_escalated",
            Self::AskOpened { .. } => "ask_opened",
            Self::AskClosed { .. } => "ask_closed",
            Self::AttemptCloned { .. } => "attempt_cloned",
            Self::ResultAdopted { .. } => "result_adopted",
            Self::FlowLogged { .. } => "flow_logged",
            Self::RunPaused { .. } => "run_paused",
            Self::RunResumed { .. } => "run_resumed",
            Self::RunReset { .. } => "run_reset",
            Self::TerminateRequested { .. } => "terminate_requested",
            Self::ExitStarted { .. } => "exit_started",
            Self::ExitEnded {} => "exit_ended",
            Self::ExitFailed { .. } => "exit_failed",
            Self::RunOverdue {} => "run_overdue",
            Self::NoticeSent { .. } => "notice_sent",
            Self::NoticeFailed { .. } => "notice_failed",
            Self::CallbackKept { .. } => "callback_kept",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::RunEnding { .. } => "run_ending",
            Self::RunEnded { .. } => "run_ended",
            Self::RunParked { .. } => "run_parked",
        }
    }

    /// What the step that this event opens asks for, where it opens one.
    #[must_use]
    pub fn opens(&self) -> Option<CallSpec> {
        match self {
            Self::StepScheduled { spec, .. } => Some(spec.clone()),
            Self::AskOpened { ask, .. } => Some(CallSpec::Approval(ask.approval())),
            _ => None,
        }
    }

    /// Kinds that replay needs; the rest is for people.
    pub const REPLAYED: [&'static str; 8] =
        ["run_created", "step_scheduled", "step_recorded", "step_reused", "step_completed", "run_ending", "exit_started", "run_reset"];
}
