//! Flows as the tests write them: a list of calls, replayed against the journal.

use serde_json::{Value, json};
use sortie_core::call::CallSpec;
use sortie_core::evaluation::{Command, End, Evaluation};
use sortie_core::event::{Event, EventBody};
use sortie_core::failure::{Failure, FailureKind};
use std::collections::BTreeMap;

/// A line of a flow.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a flow has a handful of lines")]
pub enum Line {
    /// Start a job, a wait or a sleep; a handle.
    Start(CallSpec),
    /// The time.
    Now,
    /// Wait for these lines.
    All(Vec<usize>),
    /// Wait for the first of these lines; the others are stopped.
    Any(Vec<usize>),
    /// Raise an error.
    Fail,
}

/// Evaluate a flow against what the journal says.
pub fn evaluate(lines: &[Line], journal: &[Event]) -> Evaluation {
    let mut replay = Replay::of(journal);
    for line in lines {
        if let Some(end) = replay.line(line) {
            return Evaluation { commands: replay.commands, end };
        }
    }
    Evaluation { commands: replay.commands, end: End::Returned { value: json!("done") } }
}

struct Replay {
    recorded: BTreeMap<u32, CallSpec>,
    answered: BTreeMap<u32, u64>,
    calls: u32,
    /// The call of each line, where it made one.
    lines: Vec<Option<u32>>,
    commands: Vec<Command>,
}

impl Replay {
    fn of(journal: &[Event]) -> Self {
        let (mut recorded, mut answered) = (BTreeMap::new(), BTreeMap::new());
        for event in journal {
            match &event.body {
                EventBody::StepScheduled { call, spec, .. } => drop(recorded.insert(*call, spec.clone())),
                EventBody::StepRecorded { call, spec, .. } => {
                    recorded.insert(*call, spec.clone());
                    answered.insert(*call, event.seq);
                }
                EventBody::StepCompleted { call, .. } => drop(answered.insert(*call, event.seq)),
                EventBody::RunReset { keep, reopen, .. } => {
                    recorded.retain(|call, _| call <= keep);
                    answered.retain(|call, _| call <= keep && !reopen.contains(call));
                }
                _ => {}
            }
        }
        Self { recorded, answered, calls: 0, lines: Vec::new(), commands: Vec::new() }
    }

    fn line(&mut self, line: &Line) -> Option<End> {
        let mut call = None;
        match line {
            Line::Start(spec) => {
                call = Some(self.calls + 1);
                if !self.replayed(spec) {
                    self.commands.push(Command::Schedule { call: self.calls, step: format!("s{}", self.calls), spec: spec.clone() });
                }
            }
            Line::Now => {
                if !self.replayed(&CallSpec::Now {}) {
                    self.record(CallSpec::Now {}, json!(1), Vec::new());
                }
            }
            Line::All(of) => {
                let open: Vec<u32> = self.calls_of(of).into_iter().filter(|call| !self.answered.contains_key(call)).collect();
                if !open.is_empty() {
                    return Some(End::Suspended { waiting_on: open });
                }
            }
            Line::Any(of) => {
                if let Some(end) = self.any(self.calls_of(of)) {
                    return Some(end);
                }
            }
            Line::Fail => return Some(End::Failed { failure: Failure::new(FailureKind::FlowError, "it failed"), gave_up: false }),
        }
        self.lines.push(call);
        None
    }

    fn any(&mut self, of: Vec<u32>) -> Option<End> {
        let spec = CallSpec::WaitAny { of: of.clone() };
        if self.recorded.contains_key(&(self.calls + 1)) {
            self.replayed(&spec);
            return None;
        }
        let winner = of.iter().filter_map(|call| Some((self.answered.get(call)?, *call))).min().map(|(_, call)| call);
        let Some(winner) = winner else { return Some(End::Suspended { waiting_on: of }) };
        self.calls += 1;
        let losers = of.into_iter().filter(|call| *call != winner && !self.answered.contains_key(call)).collect();
        self.record(spec, json!(winner), losers);
        None
    }

    fn calls_of(&self, lines: &[usize]) -> Vec<u32> {
        lines.iter().filter_map(|line| self.lines[*line]).collect()
    }

    /// The next call: whether the journal has it already.
    fn replayed(&mut self, spec: &CallSpec) -> bool {
        self.calls += 1;
        let found = self.recorded.get(&self.calls);
        assert!(found.is_none_or(|found| found == spec), "nondeterminism at call {}", self.calls);
        found.is_some()
    }

    fn record(&mut self, spec: CallSpec, value: Value, losers: Vec<u32>) {
        let call = self.calls;
        self.commands.push(Command::Record { call, step: format!("s{call}"), spec, value, losers });
    }
}
