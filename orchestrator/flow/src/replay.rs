//! Replay: the durable calls of one evaluation against the journal. No Starlark in here.
//!
//! | journal has call n | the flow calls | then |
//! | --- | --- | --- |
//! | the same step and arguments, with an answer | it | goes on with the recorded answer |
//! | the same step and arguments, no answer yet | it | goes on without, suspends where the answer is needed |
//! | another step or other arguments | it | `nondeterminism` |
//! | nothing | it | schedules or records it |
//! | a call that the flow never made | to its end | `nondeterminism` |

use crate::json;
use crate::values::reference::WaitReference;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use sortie_core::call::{CallSpec, ReadWhat};
use sortie_core::evaluation::{Command, JournalEntry, Reports};
use sortie_core::failure::FailureKind;
use sortie_core::limits::{CALL_BYTES, CALLS_PER_RUN, STEP_NAME_CHARS};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Why an evaluation goes no further. The first one stands, whatever the flow does with the error.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// One of these calls must be answered first.
    Suspended(Vec<u32>),
    /// It failed.
    Failed {
        /// Kind.
        kind: FailureKind,
        /// For people.
        message: String,
        /// Whether a checked step has used up its retries.
        gave_up: bool,
        /// The checked step that failed.
        call: Option<u32>,
    },
}

/// The error that a builtin returns once the evaluation has stopped. [`Replay::stopped`] says why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Halt(String);

/// What a replay goes by.
#[derive(Clone, Copy, Debug)]
pub struct Known<'j> {
    /// Durable calls so far.
    pub journal: &'j [JournalEntry],
    /// Calls of the run that this one was forked from, with their answers.
    pub reuse: &'j [JournalEntry],
    /// What jobs have reported so far, by call.
    pub reports: &'j BTreeMap<u32, Reports>,
    /// Calls that `run` made, where `on_exit` is evaluated.
    pub exit_from: Option<u32>,
}

/// A reused answer has its event number only once it is committed; until then it comes after all that have one, in call order.
const REUSED_SEQ: u64 = 1 << 62;

/// One evaluation's view of the journal. Builtins reach it through the evaluator.
#[derive(Debug)]
pub struct Replay<'j> {
    journal: &'j [JournalEntry],
    reuse: HashMap<&'j str, &'j JournalEntry>,
    reports: &'j BTreeMap<u32, Reports>,
    at_ms: i64,
    entropy: [u8; 32],
    made: Cell<u32>,
    names: RefCell<HashSet<String>>,
    commands: RefCell<Vec<Command>>,
    stop: RefCell<Option<Stop>>,
}

impl<'j> Replay<'j> {
    /// A replay of what is known at this time.
    ///
    /// # Errors
    /// The journal's calls are not numbered 1, 2, 3..., or it is shorter than what `on_exit` follows.
    pub fn new(known: Known<'j>, at_ms: i64, entropy: [u8; 32]) -> Result<Self, String> {
        let Known { journal, reuse, reports, exit_from } = known;
        let body = exit_from.unwrap_or(0) as usize;
        if body > journal.len() {
            return Err(format!("the journal is damaged: it has {} calls, and `run` made {body}", journal.len()));
        }
        if let Some((at, entry)) = journal.iter().enumerate().find(|(at, entry)| entry.call as usize != at + 1) {
            return Err(format!("the journal is damaged: call {} stands at place {}", entry.call, at + 1));
        }
        Ok(Self {
            journal,
            reuse: reuse.iter().map(|entry| (entry.step.as_str(), entry)).collect(),
            reports,
            at_ms,
            entropy,
            made: Cell::new(exit_from.unwrap_or(0)),
            names: RefCell::new(journal[..body].iter().map(|entry| entry.step.clone()).collect()),
            commands: RefCell::default(),
            stop: RefCell::default(),
        })
    }

    /// Make the next call: one that the journal has, or a new one, which is scheduled.
    ///
    /// # Errors
    /// [`Halt`], with the reason in [`Self::stopped`].
    pub fn schedule(&self, step: &str, spec: CallSpec) -> Result<u32, Halt> {
        let call = self.admit(step, &spec)?;
        if self.entry(call).is_none() {
            let step = step.to_owned();
            self.commands.borrow_mut().push(match self.reused(&step, &spec) {
                Some(value) => Command::Reuse { call, step, spec, value },
                None => Command::Schedule { call, step, spec },
            });
        }
        Ok(call)
    }

    /// Make the next call, which is answered at once: its recorded answer, or `answer` of its number, which is recorded.
    ///
    /// # Errors
    /// [`Halt`], with the reason in [`Self::stopped`].
    pub fn record(&self, step: &str, spec: CallSpec, answer: impl FnOnce(u32) -> Result<(Json, Vec<u32>), Halt>) -> Result<Json, Halt> {
        let call = self.admit(step, &spec)?;
        if let Some(entry) = self.entry(call) {
            return entry.value.clone().ok_or_else(|| self.damaged(call, "it has no answer"));
        }
        if let (Some(value), false) = (self.reused(step, &spec), matches!(spec, CallSpec::WaitAny { .. })) {
            // Answered within the evaluation, as it would be without the other run.
            self.commands.borrow_mut().push(Command::Record {
                call,
                step: step.to_owned(),
                spec,
                value: value.clone(),
                losers: Vec::new(),
            });
            return Ok(value);
        }
        let (value, losers) = answer(call)?;
        self.commands.borrow_mut().push(Command::Record { call, step: step.to_owned(), spec, value: value.clone(), losers });
        Ok(value)
    }

    /// The answer of a call that has been made: recorded, or reused by this very evaluation.
    pub fn answer(&self, call: u32) -> Option<Cow<'j, Json>> {
        match self.entry(call) {
            Some(entry) => entry.value.as_ref().map(Cow::Borrowed),
            None => self.just_reused(call).map(Cow::Owned),
        }
    }

    /// The arguments of a call that has been made.
    pub fn spec(&self, call: u32) -> Option<Cow<'j, CallSpec>> {
        if let Some(entry) = self.entry(call) {
            return Some(Cow::Borrowed(&entry.spec));
        }
        match self.commands.borrow().get(self.place(call)?)? {
            Command::Reuse { spec, .. } | Command::Schedule { spec, .. } | Command::Record { spec, .. } => Some(Cow::Owned(spec.clone())),
        }
    }

    /// What a job has reported so far.
    pub fn report(&self, call: u32, what: ReadWhat) -> Json {
        let report = self.reports.get(&call).and_then(|reports| match what {
            ReadWhat::Progress => reports.progress.clone(),
            ReadWhat::Checkpoint => reports.checkpoint.clone(),
        });
        report.unwrap_or(Json::Null)
    }

    /// Whether the next call is a new one.
    pub fn at_the_end(&self) -> bool {
        self.made.get() as usize >= self.journal.len()
    }

    fn just_reused(&self, call: u32) -> Option<Json> {
        match self.commands.borrow().get(self.place(call)?)? {
            Command::Reuse { value, .. } => Some(value.clone()),
            Command::Schedule { .. } | Command::Record { .. } => None,
        }
    }

    /// Where the command of a new call stands: each has one, in call order.
    fn place(&self, call: u32) -> Option<usize> {
        (call as usize).checked_sub(self.journal.len() + 1)
    }

    /// The answer that the run this one was forked from had for the same step with the same arguments. One that only says that
    /// the other run was ended is none.
    fn reused(&self, step: &str, spec: &CallSpec) -> Option<Json> {
        let entry = self.reuse.get(step)?;
        let value = entry.value.as_ref().filter(|_| same_spec(&entry.spec, spec))?;
        let ended = matches!(value.pointer("/error/kind").and_then(Json::as_str), Some("cancelled" | "terminated" | "deadline"));
        (!ended).then(|| value.clone())
    }

    /// Number of the event that answered a call. Answers without one come last.
    pub fn completed_seq(&self, call: u32) -> Option<u64> {
        let Some(entry) = self.entry(call) else {
            return self.just_reused(call).map(|_| REUSED_SEQ + u64::from(call));
        };
        entry.value.as_ref().map(|_| entry.completed_seq.unwrap_or(u64::MAX))
    }

    /// Stop until one of these calls is answered.
    pub fn suspend(&self, on: Vec<u32>) -> Halt {
        self.stop(Stop::Suspended(on))
    }

    /// Stop for good.
    pub fn fail(&self, kind: FailureKind, message: impl Into<String>) -> Halt {
        self.stop(Stop::Failed { kind, message: message.into(), gave_up: false, call: None })
    }

    /// Stop for good, and say whether a checked step has used up its retries.
    pub fn stop_failed(&self, kind: FailureKind, message: String, gave_up: bool, call: u32) -> Halt {
        self.stop(Stop::Failed { kind, message, gave_up, call: Some(call) })
    }

    /// What the journal says about this call cannot be.
    pub fn damaged(&self, call: u32, why: &str) -> Halt {
        let step = self.entry(call).map_or("?", |entry| entry.step.as_str());
        self.fail(FailureKind::Nondeterminism, format!("the recorded answer of call {call} `{step}` cannot be read: {why}"))
    }

    /// Why the evaluation stopped, if it did.
    pub fn stopped(&self) -> Option<Stop> {
        self.stop.borrow().clone()
    }

    /// Calls made so far.
    pub fn made(&self) -> u32 {
        self.made.get()
    }

    /// The first recorded call that was never made, in words.
    pub fn left_over(&self) -> Option<String> {
        let entry = self.journal.get(self.made.get() as usize)?;
        Some(format!(
            "recorded:  call {} {}\nattempted: nothing, after {} calls",
            entry.call,
            shown(&entry.step, &entry.spec),
            self.made.get()
        ))
    }

    /// The new commands, in call order.
    pub fn take_commands(&self) -> Vec<Command> {
        self.commands.take()
    }

    /// The time of this evaluation, Unix milliseconds. Only ever recorded, never read twice.
    pub fn at_ms(&self) -> i64 {
        self.at_ms
    }

    /// 16 random bytes for a call.
    pub fn random(&self, call: u32) -> [u8; 16] {
        let digest = Sha256::new().chain_update(self.entropy).chain_update(b"uuid").chain_update(call.to_le_bytes()).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes
    }

    fn entry(&self, call: u32) -> Option<&'j JournalEntry> {
        self.journal.get((call as usize).checked_sub(1)?)
    }

    fn stop(&self, stop: Stop) -> Halt {
        let mut first = self.stop.borrow_mut();
        let text = match first.get_or_insert(stop) {
            Stop::Suspended(_) => "the flow waits (this is no error)".to_owned(),
            Stop::Failed { message, .. } => message.clone(),
        };
        Halt(text)
    }

    /// Number the call, and hold it against the bounds and the journal.
    fn admit(&self, step: &str, spec: &CallSpec) -> Result<u32, Halt> {
        if let Some(stop) = self.stopped() {
            return Err(self.stop(stop));
        }
        if let Err(why) = check_name(step) {
            return Err(self.fail(FailureKind::FlowError, why));
        }
        if !self.names.borrow_mut().insert(step.to_owned()) {
            return Err(self.fail(
                FailureKind::FlowError,
                format!("the step name `{step}` is used twice in this run; each durable call needs its own"),
            ));
        }
        let call = self.made.get() + 1;
        if call > CALLS_PER_RUN {
            return Err(self.fail(FailureKind::FlowLimit, format!("more than {CALLS_PER_RUN} durable calls in one run")));
        }
        match self.entry(call) {
            Some(entry) if entry.step != step || !same_spec(&entry.spec, spec) => {
                let (recorded, attempted) = (shown(&entry.step, &entry.spec), shown(step, spec));
                let text = format!("call {call} is not the recorded one\nrecorded:  {recorded}\nattempted: {attempted}");
                return Err(self.fail(FailureKind::Nondeterminism, text));
            }
            Some(_) => {}
            None => {
                let json = serde_json::to_string(spec).unwrap_or_default();
                let bytes = json.len();
                // The builtins look where they can name the argument; nothing gets past this one.
                if let Err(why) =
                    WaitReference::refuse_in("the name of the step", step).and_then(|()| WaitReference::refuse_in(step, &json))
                {
                    return Err(self.fail(FailureKind::FlowError, why));
                }
                if bytes > CALL_BYTES {
                    return Err(self.fail(
                        FailureKind::FlowLimit,
                        format!("the arguments of `{step}` have {bytes} bytes; a call may have {CALL_BYTES}"),
                    ));
                }
            }
        }
        self.made.set(call);
        Ok(call)
    }
}

fn check_name(step: &str) -> Result<(), String> {
    if step.trim().is_empty() {
        return Err("a step needs a name: the first argument of each durable call, unique in the run".to_owned());
    }
    if step.chars().count() > STEP_NAME_CHARS {
        return Err(format!("a step's name may have {STEP_NAME_CHARS} characters"));
    }
    if step.chars().any(char::is_control) {
        return Err(format!("the step name {step:?} has control characters"));
    }
    Ok(())
}

/// Equal as values, or as the JSON that the journal keeps.
fn same_spec(recorded: &CallSpec, attempted: &CallSpec) -> bool {
    recorded == attempted
        || match (serde_json::to_value(recorded), serde_json::to_value(attempted)) {
            (Ok(recorded), Ok(attempted)) => json::same(&recorded, &attempted),
            _ => false,
        }
}

/// A call in one line, short enough that two fit a failure's message.
fn shown(step: &str, spec: &CallSpec) -> String {
    let json = serde_json::to_string(spec).unwrap_or_default();
    let cut: String = json.chars().take(600).collect();
    format!("`{step}` {cut}{}", if cut.len() < json.len() { "..." } else { "" })
}

#[cfg(test)]
mod tests;
