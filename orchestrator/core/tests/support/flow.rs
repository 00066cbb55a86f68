//! Flows as the tests write them: a list of calls, replayed against the journal.

use serde_json::{Value, json};
use sortie_core::call::CallSpec;
use sortie_core::evaluation::{Command, End, Evaluation};
use sortie_core::event::Event;
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::journal::{Journal, assemble};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Wait for this line, and give up where it failed.
    Check(usize),
    /// Raise an error.
    Fail,
}

/// Evaluate a flow without `on_exit` against what the journal says.
pub fn evaluate(lines: &[Line], journal: &[Event]) -> Evaluation {
    evaluate_run(lines, &[], journal)
}

/// Evaluate `run`, or `on_exit` where that is next, against what the journal says.
pub fn evaluate_run(run: &[Line], on_exit: &[Line], journal: &[Event]) -> Evaluation {
    let mut replay = Replay::of(journal);
    for line in if replay.exits { on_exit } else { run } {
        if let Some(end) = replay.line(line) {
            return Evaluation { commands: replay.commands, end };
        }
    }
    Evaluation { commands: replay.commands, end: End::Returned { value: json!("done") } }
}

struct Replay {
    exits: bool,
    failed: BTreeSet<u32>,
    recorded: BTreeMap<u32, CallSpec>,
    answered: BTreeMap<u32, u64>,
    calls: u32,
    /// The call of each line, where it made one.
    lines: Vec<Option<u32>>,
    commands: Vec<Command>,
}

impl Replay {
    fn of(journal: &[Event]) -> Self {
        let Journal { entries, exit, .. } = assemble(journal.to_vec()).expect("a journal without damage");
        let recorded = entries.iter().map(|entry| (entry.call, entry.spec.clone())).collect();
        let answered = entries.iter().filter_map(|entry| Some((entry.call, entry.completed_seq?))).collect();
        let failed = entries.iter().filter(|entry| entry.value.as_ref().is_some_and(|value| value["ok"] == false));
        let failed = failed.map(|entry| entry.call).collect();
        let calls = exit.as_ref().map_or(0, |facts| facts.from_call);
        Self { exits: exit.is_some(), recorded, answered, failed, calls, lines: Vec::new(), commands: Vec::new() }
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
            Line::Check(of) => {
                let call = self.lines[*of].expect("a line that makes a call");
                if !self.answered.contains_key(&call) {
                    return Some(End::Suspended { waiting_on: vec![call] });
                }
                if self.failed.contains(&call) {
                    let failure = Failure::new(FailureKind::Check, "it failed").of_call(call);
                    return Some(End::Failed { failure, gave_up: true });
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
