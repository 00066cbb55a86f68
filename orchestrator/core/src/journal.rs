//! From the events that replay needs to what an evaluation is given.

use crate::evaluation::{ExitFacts, JournalEntry};
use crate::event::{Event, EventBody};
use crate::failure::Failure;
use crate::state::RunOutcome;
use serde_json::Value;
use std::collections::BTreeMap;

/// What an evaluation needs of a run's events.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// The run's input.
    pub input: Value,
    /// Its durable calls that count, in call order and without gaps: what a reset has forgotten is not among them, and what it
    /// has opened anew has no answer.
    pub entries: Vec<JournalEntry>,
    /// The end that `on_exit` follows, where that is what is evaluated.
    pub exit: Option<ExitFacts>,
}

/// Assemble it from the events of a run, in order; kinds other than [`EventBody::REPLAYED`] may be missing.
///
/// `None` where the events do not begin with the creation, skip a call, or answer one that was not made.
#[must_use]
pub fn assemble(events: impl IntoIterator<Item = Event>) -> Option<Journal> {
    let mut making = Making::default();
    for event in events {
        making.fold(event)?;
    }
    let gapless = making.calls.keys().zip(1..).all(|(call, expected)| *call == expected);
    let journal = Journal { input: making.input?, entries: making.calls.into_values().collect(), exit: making.exit };
    gapless.then_some(journal)
}

/// How a run ends, as its `run_ending` says.
type Ending = (RunOutcome, Option<Value>, Option<Failure>);

#[derive(Default)]
struct Making {
    input: Option<Value>,
    calls: BTreeMap<u32, JournalEntry>,
    ending: Option<Ending>,
    exit: Option<ExitFacts>,
}

impl Making {
    fn fold(&mut self, Event { seq, body, .. }: Event) -> Option<()> {
        match body {
            EventBody::RunCreated { input, .. } => self.input = Some(input),
            EventBody::StepScheduled { call, step, spec, .. } => {
                self.calls.insert(call, JournalEntry { call, step, spec, value: None, completed_seq: None });
            }
            EventBody::StepRecorded { call, step, spec, value } | EventBody::StepReused { call, step, spec, value, .. } => {
                self.calls.insert(call, JournalEntry { call, step, spec, value: Some(value), completed_seq: Some(seq) });
            }
            EventBody::StepCompleted { call, value, .. } => {
                let entry = self.calls.get_mut(&call)?;
                entry.value = Some(value);
                entry.completed_seq = Some(seq);
            }
            EventBody::RunEnding { outcome, value, failure } => self.ending = Some((outcome, value, failure)),
            EventBody::ExitStarted { .. } => {
                let (outcome, value, failure) = self.ending.take()?;
                let outcome = outcome.state().as_str().to_owned();
                let from_call = self.calls.keys().next_back().copied().unwrap_or(0);
                self.exit = Some(ExitFacts { outcome, value: value.unwrap_or(Value::Null), failure, from_call });
            }
            EventBody::RunReset { keep, reopen, .. } => self.reset(keep, &reopen)?,
            _ => {}
        }
        Some(())
    }

    fn reset(&mut self, keep: u32, reopen: &[u32]) -> Option<()> {
        self.calls.retain(|call, _| *call <= keep);
        for call in reopen {
            let entry = self.calls.get_mut(call)?;
            entry.value = None;
            entry.completed_seq = None;
        }
        self.ending = None;
        self.exit = None;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::CallSpec;
    use crate::ids::{Entropy, RunId};
    use serde_json::json;

    fn events(bodies: Vec<EventBody>) -> Vec<Event> {
        let run = RunId::new(1, &Entropy([1; 32]), 0);
        let created = EventBody::RunCreated {
            run,
            flow: "flow".to_owned(),
            release: 1,
            bundle: String::new(),
            engine: 1,
            input: json!({"a": 1}),
            deadline_at: 9,
            actor: "test".to_owned(),
            plan: crate::plan::RunPlan::default(),
        };
        [created].into_iter().chain(bodies).zip(1..).map(|(body, seq)| Event { seq, at: 1, body }).collect()
    }

    fn scheduled(call: u32) -> EventBody {
        EventBody::StepScheduled { call, step: format!("s{call}"), spec: CallSpec::Sleep { duration_ms: 1 }, deadline_at: 2, wait: None }
    }

    fn completed(call: u32) -> EventBody {
        EventBody::StepCompleted { call, value: json!({ "ok": false }), digest: None }
    }

    fn ending() -> EventBody {
        EventBody::RunEnding { outcome: RunOutcome::Dead, value: None, failure: None }
    }

    fn reset(keep: u32, reopen: Vec<u32>) -> EventBody {
        EventBody::RunReset { keep, reopen, actor: "test".to_owned(), reason: None, deadline_at: 99 }
    }

    fn answers(journal: &Journal) -> Vec<(u32, Option<u64>)> {
        journal.entries.iter().map(|entry| (entry.call, entry.completed_seq)).collect()
    }

    #[test]
    fn a_reset_forgets_what_is_after_it_and_opens_what_it_names() {
        let story = vec![scheduled(1), scheduled(2), completed(1), completed(2), ending(), scheduled(3)];
        let with = |last| assemble(events(story.clone().into_iter().chain(last).collect())).unwrap();
        assert_eq!(answers(&with(vec![])), [(1, Some(4)), (2, Some(5)), (3, None)]);
        assert_eq!(answers(&with(vec![reset(2, vec![2])])), [(1, Some(4)), (2, None)]);
        assert_eq!(answers(&with(vec![reset(0, vec![]), scheduled(1)])), [(1, None)]);
    }

    #[test]
    fn exit_facts_are_those_of_the_last_end() {
        let exit = EventBody::ExitStarted { deadline_at: 5 };
        let story = vec![scheduled(1), completed(1), ending(), exit.clone(), scheduled(2)];
        let journal = assemble(events(story.clone())).unwrap();
        let facts = journal.exit.unwrap();
        assert_eq!((facts.outcome.as_str(), facts.from_call, facts.value), ("dead", 1, Value::Null));
        let journal = assemble(events(story.into_iter().chain([reset(1, vec![])]).collect())).unwrap();
        assert_eq!((journal.exit, journal.entries.len()), (None, 1));
        assert_eq!(assemble(events(vec![exit])), None, "an exit without an end");
    }

    #[test]
    fn gaps_and_strange_answers_are_damage() {
        assert_eq!(assemble(events(vec![scheduled(2)])), None);
        assert_eq!(assemble(events(vec![completed(1)])), None);
        assert_eq!(assemble(events(vec![scheduled(1)]).into_iter().skip(1)), None);
    }
}
