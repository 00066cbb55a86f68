//! The machine that jobs run on, and the independent observer: it knows what really ran.

use sortie_core::ids::AttemptId;
use sortie_core::input::{LaunchOutcome, Said, Stopped, Verdict};
use std::collections::BTreeMap;

use super::make;

/// Stands for the exit of an agent that has ended to wait for people.
pub const PARKED: i64 = 75;

/// What the machine knows of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A tombstone.
    Sealed,
    /// Claimed, but the command could not be started.
    NotSpawned,
    /// Its process runs.
    Running,
    /// It has a result.
    Finished { exit: i64, invalid: bool, left: bool },
    /// Its process is gone, without a result.
    Gone,
    /// The machine was started anew.
    Interrupted,
}

impl Phase {
    const fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Finished { left: true, .. })
    }
}

/// The machine.
#[derive(Default)]
pub struct Vm {
    pub jobs: BTreeMap<AttemptId, (u32, Phase)>,
    /// Launch frames that are still under way.
    pub frames: Vec<(AttemptId, u32)>,
    /// Whether an operator has had steps done again: what a failed job had left behind, as it said itself, is their affair then.
    pub done_again: bool,
}

impl Vm {
    /// A launch frame arrives: a claim by attempt id.
    pub fn launch(&mut self, id: &AttemptId, call: u32) -> LaunchOutcome {
        if let Some((_, phase)) = self.jobs.get(id) {
            return match phase {
                Phase::Sealed => LaunchOutcome::Refused(make::failure(sortie_core::failure::FailureKind::Refused)),
                Phase::NotSpawned => LaunchOutcome::Refused(make::failure(sortie_core::failure::FailureKind::Spawn)),
                _ => make::acked(false),
            };
        }
        let others = self
            .jobs
            .iter()
            .find(|(_, (of, phase))| *of == call && if self.done_again { *phase == Phase::Running } else { phase.is_alive() });
        assert!(others.is_none(), "promise 2: {id} starts while {others:?} runs");
        self.jobs.insert(id.clone(), (call, Phase::Running));
        make::acked(true)
    }

    pub fn refuse_to_spawn(&mut self, id: &AttemptId, call: u32) -> LaunchOutcome {
        self.jobs.entry(id.clone()).or_insert((call, Phase::NotSpawned));
        self.launch(id, call)
    }

    /// Ended, and verified; where it was never seen, a tombstone is made.
    pub fn cancel(&mut self, id: &AttemptId, call: u32) -> Stopped {
        let (_, phase) = self.jobs.entry(id.clone()).or_insert((call, Phase::Sealed));
        *phase = match *phase {
            Phase::Running => Phase::Finished { exit: 143, invalid: false, left: false },
            Phase::Finished { exit, invalid, .. } => Phase::Finished { exit, invalid, left: false },
            other => other,
        };
        Stopped::Gone { evidence: format!("{phase:?}") }
    }

    pub fn verdict(&self, id: &AttemptId) -> Verdict {
        match self.jobs.get(id).map(|(_, phase)| *phase) {
            None => Verdict::Unknown,
            Some(Phase::Sealed) => Verdict::Sealed,
            Some(Phase::NotSpawned | Phase::Gone) => Verdict::Gone,
            Some(Phase::Running) => Verdict::Alive,
            Some(Phase::Finished { .. }) => Verdict::HasResult,
            Some(Phase::Interrupted) => Verdict::Interrupted,
        }
    }

    /// The result of an attempt, as its shim posts it: digest and content.
    pub fn result(&self, id: &AttemptId) -> Option<(String, Said)> {
        match self.jobs.get(id)?.1 {
            Phase::Finished { exit, invalid: true, .. } => Some((format!("invalid{exit}"), Said::Invalid("/x: no number".to_owned()))),
            Phase::Finished { exit, left, .. } => {
                let mut said = make::result(if exit == PARKED { 0 } else { exit });
                said.parked = exit == PARKED;
                said.tree_gone = !left;
                Some((format!("result{exit}"), Said::Result(said)))
            }
            _ => None,
        }
    }

    pub fn running(&self) -> Vec<AttemptId> {
        self.jobs.iter().filter(|(_, (_, phase))| *phase == Phase::Running).map(|(id, _)| id.clone()).collect()
    }

    pub fn set(&mut self, id: &AttemptId, phase: Phase) {
        self.jobs.get_mut(id).expect("a job of this machine").1 = phase;
    }
}
