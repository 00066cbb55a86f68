//! The one taxonomy of failures: of steps, attempts and runs.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $retry:literal;)+) => {
        /// Why something failed. The text is the same in flows, CLI, API, tables and docs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum FailureKind {
            $($(#[$doc])* #[serde(rename = $text)] $name,)+
        }

        impl FailureKind {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// As in flows and in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// Whether `retry(on = ...)` may name it, that is, whether an attempt can fail with it.
            #[must_use]
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$name => $retry),+ }
            }

            /// The kind a text names.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
            }
        }
    };
}

kinds! {
    /// Not one byte of the launch was sent before its time limit.
    Unreachable = "unreachable", true;
    /// The host refused the login.
    Auth = "auth", true;
    /// The host's key is not the pinned one.
    HostKey = "host_key", true;
    /// The state root's marker is another one: re-imaged, swapped or shared.
    WrongMachine = "wrong_machine", true;
    /// The shim on the host refused the launch (no room, no rights, another protocol).
    Refused = "refused", true;
    /// The command could not be started.
    Spawn = "spawn", true;
    /// Launched, but no sign of life within the limit.
    NotStarted = "not_started", true;
    /// Heartbeats stopped and stayed away.
    Stalled = "stalled", true;
    /// No output within the limit.
    Silent = "silent", true;
    /// The job's tree is verified to be gone, without a result.
    Lost = "lost", true;
    /// The machine was started anew.
    Interrupted = "interrupted", true;
    /// Exit code other than 0.
    Exit = "exit", true;
    /// Ended by a signal that nobody here sent.
    Signal = "signal", true;
    /// Killed for want of memory.
    Oom = "oom", true;
    /// The budget is used up.
    Budget = "budget", true;
    /// The step's time limit.
    TimedOut = "timed_out", true;
    /// The result does not fit the step's schema.
    Rejected = "rejected", true;
    /// Cancelled.
    Cancelled = "cancelled", false;
    /// Lost a `wait_any`.
    Superseded = "superseded", false;
    /// No host has the name or label.
    NoHost = "no_host", false;
    /// The run's time limit.
    Deadline = "deadline", false;
    /// A checked step failed.
    Check = "check", false;
    /// The flow raised an error.
    FlowError = "flow_error", false;
    /// The flow used more steps, memory, depth or durable calls than it may.
    FlowLimit = "flow_limit", false;
    /// The journal does not match the calls.
    Nondeterminism = "nondeterminism", false;
    /// The engine contradicts itself: a defect, never the flow's fault.
    Internal = "internal", false;
    /// Evaluating the run killed its worker, again and again.
    Poison = "poison", false;
    /// An HTTP answer whose status is not among the expected ones.
    Http = "http", true;
    /// The destination is not allowed by the outbound policy (F073).
    Policy = "policy", false;
    /// An answer or a file is larger than its limit.
    TooLarge = "too_large", false;
    /// A secret or a connection is not there, or cannot be read.
    Secret = "secret", true;
    /// Another run, started by this one, did not succeed.
    Child = "child", true;
    /// The flow called `fail(...)`.
    Fail = "fail", false;
    /// An operator ended the run at once, without `on_exit`.
    Terminated = "terminated", false;
    /// `on_exit` did not end within its limit.
    ExitLimit = "exit_limit", false;
}

impl std::fmt::Display for FailureKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure: its kind, and what a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Kind.
    pub kind: FailureKind,
    /// For people; no secrets, at most [`crate::limits::MESSAGE_CHARS`] characters.
    pub message: String,
    /// Number of the call that failed, where it is a step's failure that ended the run: what a redrive opens anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u32>,
}

impl Failure {
    /// A failure with its message cut to the limit.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl AsRef<str>) -> Self {
        Self { kind, message: message.as_ref().chars().take(crate::limits::MESSAGE_CHARS).collect(), call: None }
    }

    /// The same, as the failure of this step.
    #[must_use]
    pub const fn of_call(mut self, call: u32) -> Self {
        self.call = Some(call);
        self
    }
}
