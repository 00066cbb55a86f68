//! How agents are asked to end, before their whole tree is told to.
//!
//! Claude Code writes its result and stops its tools after INT. The others know nothing better than TERM, which the sweep sends to
//! every process of the tree: Gemini CLI runs in two processes and heeds it only when both get it.

use super::limits::INT_MS;
use crate::clock;
use crate::limits::SWEEP_MS;
use crate::process::ProcessId;
use rustix::process::Signal;
use sortie_protocol::agent::AgentKind;
use sortie_protocol::spec::Spec;

/// Ask the agent of a job to end, for as long as it is worth while within `grace_ms`. Says how much of that is left.
pub fn ask(spec: &Spec, job: ProcessId, grace_ms: u64, mut tick: impl FnMut()) -> u64 {
    if spec.agent.as_ref().is_none_or(|task| task.kind != AgentKind::Claude) {
        return grace_ms;
    }
    let begun = clock::mono_ms();
    // Half of the grace at most: TERM comes before KILL.
    let until = begun.saturating_add(INT_MS.min(grace_ms / 2));
    job.signal(&[Signal::INT, Signal::CONT]);
    while job.is_alive() && clock::mono_ms() < until {
        clock::pause(SWEEP_MS);
        tick();
    }
    grace_ms.saturating_sub(clock::mono_ms().saturating_sub(begun))
}
