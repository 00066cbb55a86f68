//! What a heartbeat says: how long the job has been silent and idle, and what it has used so far.

use crate::attempt::{Attempt, Child};
use crate::contain::usage::most;
use crate::limits::{IDLE_CPU_MS, IDLE_CPU_PERMILLE};
use crate::tree::Tree;
use crate::{agents, asks, clock, files, output};
use serde::{Deserialize, Serialize};
use sortie_protocol::callback::Heartbeat;
use sortie_protocol::confine::ResourceUse;

/// The last heartbeat, posted or not (`beat.json`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Beat {
    /// What it says.
    pub beat: Heartbeat,
    /// When it was made, by the monotonic clock, milliseconds.
    pub mono_ms: u64,
    /// Boot it belongs to.
    pub boot_id: String,
}

/// What was seen of a job at the last heartbeat.
#[derive(Debug)]
pub struct Pulse {
    /// Everything that only grows while the job does something to be seen.
    visible: u64,
    cpu_ms: u64,
    looked_ms: u64,
    active_ms: u64,
    used: ResourceUse,
    succeeds: Option<String>,
}

impl Pulse {
    /// From now on; what an earlier supervisor had counted is gone on with.
    pub fn new(attempt: &Attempt) -> Self {
        let now = clock::mono_ms();
        let succeeds = attempt.owner().and_then(|owner| owner.succeeds);
        let before = last(attempt).map(|last| last.beat);
        let used = before.as_ref().and_then(|beat| beat.used).unwrap_or_default();
        let idle = before.and_then(|beat| beat.idle_ms).unwrap_or(0);
        let (visible, cpu_ms) = (visible(attempt), used.cpu_ms.unwrap_or(0));
        Self { visible, cpu_ms, looked_ms: now, active_ms: now.saturating_sub(idle), used, succeeds }
    }

    /// Look, and keep what was seen for verbs (`beat.json`).
    pub fn beat(&mut self, attempt: &Attempt, child: &Child) -> Heartbeat {
        let over = attempt.exit().is_some();
        let now = clock::mono_ms();
        self.used = most(self.used, Tree::of(attempt, child, true).used());
        let (visible, cpu_ms) = (visible(attempt), self.used.cpu_ms.unwrap_or(0));
        let worked = is_work(cpu_ms.saturating_sub(self.cpu_ms), now.saturating_sub(self.looked_ms));
        // A job that is over and whose files are being uploaded is not silent.
        if over || visible != self.visible || worked {
            self.active_ms = now;
        }
        (self.visible, self.cpu_ms, self.looked_ms) = (visible, cpu_ms, now);
        // The time in which it waits for a person is neither silence nor idleness.
        let since_asked = asks::since_asked_ms(attempt).unwrap_or(u64::MAX);
        let beat = Heartbeat {
            silent_ms: if over { 0 } else { output::silent_ms(attempt).min(since_asked) },
            stdout_bytes: output::written(attempt, "stdout"),
            stderr_bytes: output::written(attempt, "stderr"),
            idle_ms: Some(now.saturating_sub(self.active_ms).min(since_asked)),
            used: Some(self.used),
            suspended_ms: child.suspended_ms(),
            boot_id: Some(child.boot_id.clone()),
            succeeds: self.succeeds.clone(),
        };
        // Not synced: after a loss of power there is no job to be said anything of.
        let _ = files::replace_soon(&attempt.file("beat.json"), &Beat { beat: beat.clone(), mono_ms: now, boot_id: child.boot_id.clone() });
        beat
    }
}

/// The last heartbeat of an attempt.
pub fn last(attempt: &Attempt) -> Option<Beat> {
    files::read_json::<Beat>(&attempt.file("beat.json")).filter(|last| last.boot_id == clock::boot_id())
}

/// A number that changes whenever the job has done something to be seen.
fn visible(attempt: &Attempt) -> u64 {
    output::STREAMS.iter().map(|stream| output::written(attempt, stream)).fold(agents::visible(attempt), u64::wrapping_add)
}

/// Whether processor time is more than that of a program that waits in its event loop.
fn is_work(cpu_ms: u64, of_ms: u64) -> bool {
    cpu_ms > IDLE_CPU_MS.max(of_ms / 1000 * IDLE_CPU_PERMILLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_in_an_event_loop_is_no_work() {
        assert!(!is_work(0, 0) && !is_work(100, 30_000) && !is_work(600, 30_000));
        assert!(is_work(601, 30_000) && is_work(101, 1_000));
    }
}
