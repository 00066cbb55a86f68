//! A decision in the making: events are folded in as they are made, so later lines see the rows as they will be.

mod end;
mod steps;

pub(super) use steps::stopped;

use super::{CallbackOutcome, CallbackRecord, Decided, Refusal, Reply};
use crate::apply::apply;
use crate::effect::{Effect, Work};
use crate::event::{Event, EventBody};
use crate::ids::{AttemptId, Entropy, Ms, WaitId};
use crate::input::Input;
use crate::limits;
use crate::view::{Attempt, JobStep, RunHead, Step, StepKind, View};

/// A decision in the making.
pub(in crate::decide) struct Draft {
    pub(in crate::decide) view: View,
    /// Time of its events: never before the last one, whatever the wall clock does (F032).
    pub(in crate::decide) at: Ms,
    /// The wall clock: what due work is measured by, since it is claimed by it.
    pub(in crate::decide) now: Ms,
    pub(in crate::decide) entropy: Entropy,
    pub(in crate::decide) reply: Reply,
    pub(in crate::decide) callback: Option<CallbackRecord>,
    events: Vec<Event>,
    effects: Vec<Effect>,
    ids: u64,
}

impl Draft {
    pub(in crate::decide) fn new(view: View, input: &Input) -> Result<Self, Refusal> {
        let last = view.run.as_ref().ok_or(Refusal::NotFound)?.updated_at;
        Ok(Self { at: input.at.max(last), ..Self::empty(view, input) })
    }

    pub(in crate::decide) fn empty(view: View, input: &Input) -> Self {
        Self {
            view,
            at: input.at,
            now: input.at,
            entropy: input.entropy,
            reply: Reply::Done,
            callback: None,
            events: Vec::new(),
            effects: Vec::new(),
            ids: 0,
        }
    }

    pub(in crate::decide) fn finish(self) -> Decided {
        let Self { view, events, effects, callback, reply, .. } = self;
        Decided { view, events, effects, callback, reply }
    }

    /// The head. There is one in every draft that [`Draft::new`] made.
    pub(in crate::decide) fn run(&self) -> Result<&RunHead, Refusal> {
        self.view.run.as_ref().ok_or(Refusal::NotFound)
    }

    /// The head, for its bookkeeping: what is no part of the fold.
    pub(in crate::decide) fn head(&mut self) -> Result<&mut RunHead, Refusal> {
        self.view.run.as_mut().ok_or(Refusal::NotFound)
    }

    pub(in crate::decide) fn step(&self, call: u32) -> Result<&Step, Refusal> {
        self.view.steps.get(&call).ok_or(Refusal::NotFound)
    }

    pub(in crate::decide) fn attempt(&self, id: &AttemptId) -> Result<&Attempt, Refusal> {
        self.view.attempts.get(id).ok_or(Refusal::NotFound)
    }

    pub(in crate::decide) fn job(&self, call: u32) -> Result<&JobStep, Refusal> {
        match &self.step(call)?.kind {
            StepKind::Job(job) => Ok(job),
            _ => Err(Refusal::NotFound),
        }
    }

    pub(in crate::decide) fn emit(&mut self, body: EventBody) -> Result<(), Refusal> {
        let seq = self.view.run.as_ref().map_or(1, |run| run.seq + 1);
        let event = Event { seq, at: self.at, body };
        apply(&mut self.view, &event)?;
        self.events.push(event);
        Ok(())
    }

    pub(in crate::decide) fn ask(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// What was asked for is not possible. To be said before any event.
    pub(in crate::decide) fn refuse(&mut self, code: &'static str, message: String) {
        self.reply = Reply::Refused { code, message };
    }

    pub(in crate::decide) fn put(&mut self, work: Work, at: Ms) {
        self.effects.push(Effect::Put { work, at });
    }

    pub(in crate::decide) fn drop_work(&mut self, work: Work) {
        self.effects.push(Effect::Drop { work });
    }

    /// So many milliseconds from now, at most [`limits::LONGEST_MS`].
    pub(in crate::decide) fn after(&self, by_ms: u64) -> Ms {
        self.now.saturating_add_unsigned(by_ms.min(limits::LONGEST_MS))
    }

    pub(in crate::decide) fn new_attempt(&mut self) -> AttemptId {
        self.ids += 1;
        AttemptId::new(self.at, &self.entropy, self.ids)
    }

    pub(in crate::decide) fn new_wait(&mut self) -> WaitId {
        self.ids += 1;
        WaitId::new(self.at, &self.entropy, self.ids)
    }

    // --- callbacks ---

    pub(in crate::decide) fn answer(&mut self, outcome: CallbackOutcome, message: Option<String>) {
        self.reply = Reply::Callback { outcome, first: None, stop: None, message, answer: None };
    }

    /// Keep a callback that resumes nothing: shown in the history, bounded. More are answered alike, and leave nothing behind:
    /// the rows alone give their repeat the same answer.
    pub(in crate::decide) fn keep(
        &mut self,
        subject: &str,
        call: u32,
        id: String,
        digest: &str,
        outcome: CallbackOutcome,
        message: String,
    ) -> Result<(), Refusal> {
        if self.step(call)?.kept < limits::KEPT_CALLBACKS {
            let (said, of) = (outcome.as_str().to_owned(), digest.to_owned());
            self.emit(EventBody::CallbackKept { subject: subject.to_owned(), call, outcome: said, digest: of, message: message.clone() })?;
            self.remember(subject, id, digest, outcome, true);
        }
        self.answer(outcome, Some(message));
        Ok(())
    }

    pub(in crate::decide) fn remember(&mut self, subject: &str, id: String, digest: &str, outcome: CallbackOutcome, keep_body: bool) {
        self.callback =
            Some(CallbackRecord { subject: subject.to_owned(), id, digest: digest.to_owned(), outcome, at: self.at, keep_body });
    }
}
