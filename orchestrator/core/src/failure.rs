//! The one taxonomy of failures: of steps, attempts and runs.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $retry:literal, $meaning:literal, $advice:literal;)+) => {
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

            /// What it means, in plain words: one sentence for people who have not read the documentation.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),+ }
            }

            /// What to do next, in plain words.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice),+ }
            }

            /// Both, for `runs explain`.
            #[must_use]
            pub const fn explained(self) -> &'static str {
                match self { $(Self::$name => concat!($meaning, " ", $advice)),+ }
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
    Unreachable = "unreachable", true,
        "The host could not be reached before the time limit of the launch, and nothing was sent: nothing has started.",
        "Test the host with `sortie host test`; when it answers, redrive the run. `retry(on = [\"unreachable\"])` waits for short outages.";
    /// The host refused the login.
    Auth = "auth", true,
        "The host refused the login.",
        "Check the user, the key and the authorized keys of the host; then redrive the run.";
    /// The host's key is not the pinned one.
    HostKey = "host_key", true,
        "The host showed another key than the pinned one: it was set up anew, or something is in between.",
        "Find out why before anything else; where the change is right, remove the host and add it anew, then redrive.";
    /// The state root's marker is another one: re-imaged, swapped or shared.
    WrongMachine = "wrong_machine", true,
        "The state root on the host is not the one that was pinned: the machine was re-imaged or swapped, or shares its home.",
        "Find out which machine it is; where it is a new one, add it anew as a host.";
    /// The shim on the host refused the launch (no room, no rights, another protocol).
    Refused = "refused", true,
        "The shim on the host refused the launch: no room, no rights, or another version.",
        "Read the message; free space or rights on the host, then redrive.";
    /// The command could not be started.
    Spawn = "spawn", true,
        "The command could not be started on the host.",
        "Check that the program is there, may be executed, and that the working directory exists.";
    /// Launched, but no sign of life within the limit.
    NotStarted = "not_started", true,
        "The launch was taken, and the job was never heard of within its limit.",
        "Look at the job's folder on the host with `sortie runs explain`; a slow host needs a higher `started` limit.";
    /// Heartbeats stopped and stayed away.
    Stalled = "stalled", true,
        "The job's tree lives on its host, and no heartbeat came for too long; it was ended.",
        "Check that the host reaches the public URL of the server; a host that cannot is to be set to `callbacks = pull`.";
    /// No output within the limit.
    Silent = "silent", true,
        "The job wrote no output within its limit and was ended.",
        "Look at its last output; raise `silence` where the work is quiet by nature.";
    /// The job's tree is verified to be gone, without a result.
    Lost = "lost", true,
        "The host says that nothing of the job is left, and there is no result.",
        "Look at the host's log for what ended it; retry with `on = [\"lost\"]` where the work can be repeated.";
    /// The machine was started anew; or the server ended during a try of its own.
    Interrupted = "interrupted", true,
        "The machine was started anew, or the server ended, while it was under way: how far it came is not known.",
        "Retry with `on = [\"interrupted\"]` where the work can be repeated.";
    /// Exit code other than 0.
    Exit = "exit", true,
        "The job ended with an exit code other than 0.",
        "Read its error output; the exit code is in the step's value.";
    /// Ended by a signal that nobody here sent.
    Signal = "signal", true,
        "The job was ended by a signal that was not sent from here.",
        "Look at the host's log for who sent it.";
    /// Killed for want of memory.
    Oom = "oom", true,
        "The job was killed for want of memory.",
        "Give it less to do or the host more memory; then redrive.";
    /// The budget is used up.
    Budget = "budget", true,
        "The job has used up its budget and was ended.",
        "Look at what it spent it on; raise `budget` where that was right.";
    /// The shim ended it for what its machine or its limits could not give it: disk, processes.
    Limits = "limits", true,
        "The job ran over a limit of its own, or its machine under a floor, and was ended.",
        "The message names the limit; raise it, or give the host more room.";
    /// The agent's model refused the credentials.
    AgentAuth = "agent_auth", true,
        "The model behind the coding agent refused its credentials.",
        "Check the key that the job is given, or the agent's login on the host.";
    /// The agent's model refused for want of quota or credit.
    AgentQuota = "agent_quota", true,
        "The model behind the coding agent refused for want of quota or credit.",
        "Wait, or raise the quota; `retry(on = [\"agent_quota\"])` with a long backoff goes on with the session.";
    /// The agent's model could not be reached, or was overloaded, to the end.
    AgentUnavailable = "agent_unavailable", true,
        "The model behind the coding agent could not be reached or was overloaded until the agent gave up.",
        "Retry with `on = [\"agent_unavailable\"]`: it goes on with the session.";
    /// A limit of the agent's own, on turns or money, ended it.
    AgentLimit = "agent_limit", true,
        "The coding agent reached its limit on turns or money.",
        "See how far it came; raise the limit, or split the task.";
    /// It completed, and tools that it wanted were denied.
    AgentDenied = "agent_denied", true,
        "The coding agent says that it is done, and tools that it wanted were denied.",
        "The denials are in the step's value; allow the tools, or let it ask (`permissions = \"ask\"`).";
    /// It ended in another way without completing.
    AgentError = "agent_error", true,
        "The coding agent failed, or its stream ended without a final event.",
        "Read its last words in the step's value and its log.";
    /// The step's time limit.
    TimedOut = "timed_out", true,
        "The step's time limit passed before it was answered.",
        "See what it waited for; raise `timeout`, or take the branch that the flow has for it.";
    /// The result does not fit the step's schema.
    Rejected = "rejected", true,
        "The result does not fit the schema that the step asks for.",
        "The message points to the place; correct the job or the schema. The result is kept and can be looked at.";
    /// Cancelled.
    Cancelled = "cancelled", false,
        "Somebody cancelled the run or the step.",
        "Nothing, if that was meant; the history says who and why.";
    /// Lost a `wait_any`.
    Superseded = "superseded", false,
        "Nobody waits for it any more: another handle won, or the run returned without it.",
        "Nothing: the flow asked for that.";
    /// No host has the name or label.
    NoHost = "no_host", false,
        "No host has the name or the label that the job asks for.",
        "Add a host, or give one the label; then redrive the run.";
    /// The run's time limit.
    Deadline = "deadline", false,
        "The run's time limit passed.",
        "See what took the time; raise the flow's `deadline`, and start it again.";
    /// A checked step failed.
    Check = "check", false,
        "A step with `check = True` failed, and so the run did.",
        "Look at the step's own failure; redrive the run when its cause is gone.";
    /// The flow raised an error.
    FlowError = "flow_error", false,
        "The flow raised an error; the message shows the place.",
        "Correct the flow, release it, and start or fork the run on the new release.";
    /// The flow used more steps, memory, depth or durable calls than it may.
    FlowLimit = "flow_limit", false,
        "The flow used more steps, memory, depth or durable calls than it may.",
        "Bound its loops, or carry the work on in a `child`.";
    /// The journal does not match the calls.
    Nondeterminism = "nondeterminism", false,
        "The journal of the run does not match the calls that its flow makes: damage, or a defect of the engine.",
        "Compare what was recorded with what was attempted; terminate the run or fork it, and report it.";
    /// The engine contradicts itself: a defect, never the flow's fault.
    Internal = "internal", false,
        "The engine contradicts itself: a defect, never the flow's fault.",
        "Export the run and report it; resume it once a version with a correction runs.";
    /// Evaluating the run killed its worker, again and again.
    Poison = "poison", false,
        "Evaluating the run's flow ended its worker again and again, and the run was set aside.",
        "Look for what needs that much time or memory; fork the run on a corrected release, or resume it.";
    /// An HTTP answer whose status is not among the expected ones.
    Http = "http", true,
        "The answer to an HTTP request has a status that is not among the expected ones.",
        "Read status and body in the step's value; name the status in `expect` where it is no failure.";
    /// The destination is not allowed by the outbound policy (F073).
    Policy = "policy", false,
        "The destination of a request is not allowed by the policy for outbound requests.",
        "Use an allowed destination, or allow this one on its connection.";
    /// An answer or a file is larger than its limit.
    TooLarge = "too_large", false,
        "An answer or a file is larger than its limit.",
        "Ask for less, or raise the limit of the call up to the server's own.";
    /// A secret or a connection is not there, or cannot be read.
    Secret = "secret", true,
        "A secret or a connection is not there, or cannot be read.",
        "Set it with `sortie secret set` or `sortie connection add`; then redrive the run.";
    /// Another run, started by this one, did not succeed.
    Child = "child", true,
        "A run that this one started did not succeed, or could not be made.",
        "Look at that run: its id is in the step's value.";
    /// The flow called `fail(...)`.
    Fail = "fail", false,
        "The flow called `fail(...)`.",
        "The message is the flow's own.";
    /// An operator ended the run at once, without `on_exit`.
    Terminated = "terminated", false,
        "An operator ended the run at once, without `on_exit`.",
        "What `on_exit` would have cleaned up may be left; look at what its steps left behind.";
    /// `on_exit` did not end within its limit.
    ExitLimit = "exit_limit", false,
        "`on_exit` did not end within its limit.",
        "Look at which of its steps took the time; what it should have cleaned up may be left.";
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_says_what_it_means_and_what_to_do() {
        let texts: BTreeSet<_> = FailureKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(texts.len(), FailureKind::ALL.len(), "one text for two kinds");
        for kind in FailureKind::ALL {
            assert_eq!(FailureKind::parse(kind.as_str()), Some(*kind));
            for text in [kind.meaning(), kind.advice()] {
                assert!(text.len() > 10 && text.ends_with('.'), "{kind}: {text:?}");
            }
            assert!(FailureKind::ALL.iter().all(|other| other == kind || other.meaning() != kind.meaning()), "{kind}");
        }
    }

    #[test]
    fn what_is_over_for_good_is_not_worth_another_attempt() {
        let never: Vec<_> = FailureKind::ALL.iter().filter(|kind| !kind.is_retryable()).map(|kind| kind.as_str()).collect();
        let expected = [
            "cancelled",
            "superseded",
            "no_host",
            "deadline",
            "check",
            "flow_error",
            "flow_limit",
            "nondeterminism",
            "internal",
            "poison",
            "policy",
            "too_large",
            "fail",
            "terminated",
            "exit_limit",
        ];
        assert_eq!(never, expected);
    }
}
