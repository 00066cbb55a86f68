//! A decision in the making: events are folded in as they are made, so later lines see the rows as they will be.

use super::{CallbackOutcome, CallbackRecord, Decided, Refusal, Reply};
use crate::apply::apply;
use crate::effect::{Effect, Timer, Work};
use crate::event::{Event, EventBody};
use crate::failure::Failure;
use crate::ids::{AttemptId, Entropy, Ms, WaitId};
use crate::input::Input;
use crate::limits;
use crate::retry;
use crate::state::{AttemptState, RunOutcome, RunState, StopReason};
use crate::value;
use crate::view::{Attempt, JobStep, RunHead, Step, StepKind, View};
use serde_json::Value;

/// A decision in the making.
pub(super) struct Draft {
    pub(super) view: View,
    /// Time of its events: never before the last one, whatever the wall clock does (F032).
    pub(super) at: Ms,
    /// The wall clock: what due work is measured by, since it is claimed by it.
    pub(super) now: Ms,
    pub(super) entropy: Entropy,
    pub(super) reply: Reply,
    pub(super) callback: Option<CallbackRecord>,
    events: Vec<Event>,
    effects: Vec<Effect>,
    ids: u64,
}

impl Draft {
    pub(super) fn new(view: View, input: &Input) -> Result<Self, Refusal> {
        let last = view.run.as_ref().ok_or(Refusal::NotFound)?.updated_at;
        Ok(Self { at: input.at.max(last), ..Self::empty(view, input) })
    }

    pub(super) fn empty(view: View, input: &Input) -> Self {
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

    pub(super) fn finish(self) -> Decided {
        let Self { view, events, effects, callback, reply, .. } = self;
        Decided { view, events, effects, callback, reply }
    }

    /// The head. There is one in every draft that [`Draft::new`] made.
    pub(super) fn run(&self) -> Result<&RunHead, Refusal> {
        self.view.run.as_ref().ok_or(Refusal::NotFound)
    }

    pub(super) fn step(&self, call: u32) -> Result<&Step, Refusal> {
        self.view.steps.get(&call).ok_or(Refusal::NotFound)
    }

    pub(super) fn attempt(&self, id: &AttemptId) -> Result<&Attempt, Refusal> {
        self.view.attempts.get(id).ok_or(Refusal::NotFound)
    }

    pub(super) fn job(&self, call: u32) -> Result<&JobStep, Refusal> {
        match &self.step(call)?.kind {
            StepKind::Job(job) => Ok(job),
            _ => Err(Refusal::NotFound),
        }
    }

    pub(super) fn emit(&mut self, body: EventBody) -> Result<(), Refusal> {
        let seq = self.view.run.as_ref().map_or(1, |run| run.seq + 1);
        let event = Event { seq, at: self.at, body };
        apply(&mut self.view, &event)?;
        self.events.push(event);
        Ok(())
    }

    pub(super) fn put(&mut self, work: Work, at: Ms) {
        self.effects.push(Effect::Put { work, at });
    }

    pub(super) fn drop_work(&mut self, work: Work) {
        self.effects.push(Effect::Drop { work });
    }

    /// So many milliseconds from now, at most [`limits::LONGEST_MS`].
    pub(super) fn after(&self, by_ms: u64) -> Ms {
        self.now.saturating_add_unsigned(by_ms.min(limits::LONGEST_MS))
    }

    pub(super) fn new_attempt(&mut self) -> AttemptId {
        self.ids += 1;
        AttemptId::new(self.at, &self.entropy, self.ids)
    }

    pub(super) fn new_wait(&mut self) -> WaitId {
        self.ids += 1;
        WaitId::new(self.at, &self.entropy, self.ids)
    }

    // --- steps ---

    /// Start the next attempt of a job.
    pub(super) fn schedule_attempt(&mut self, call: u32) -> Result<(), Refusal> {
        let attempt = self.new_attempt();
        let number = self.job(call)?.number + 1;
        let fence = self.run()?.fence + 1;
        self.emit(EventBody::AttemptScheduled { attempt: attempt.clone(), call, number, fence })?;
        self.put(Work::Launch(attempt), self.now);
        Ok(())
    }

    /// Answer a step and let the run go on.
    pub(super) fn complete(&mut self, call: u32, value: Value, digest: Option<String>) -> Result<(), Refusal> {
        self.emit(EventBody::StepCompleted { call, value, digest })?;
        self.drop_work(Work::Timer(Timer::Step(call)));
        match self.run()?.state {
            RunState::Running => self.put(Work::Advance, self.now),
            RunState::Ending => self.end_if_idle()?,
            _ => {}
        }
        Ok(())
    }

    /// Answer a job's step with the end of an attempt.
    pub(super) fn complete_job(
        &mut self,
        id: &AttemptId,
        result: Option<&Value>,
        failure: Option<&Failure>,
        stopped: Option<bool>,
    ) -> Result<(), Refusal> {
        let row = self.attempt(id)?;
        let call = row.call;
        let host = row.handed.as_ref().map(|handed| handed.host.as_str());
        let value = value::job(&value::JobAnswer { result, failure, attempts: self.job(call)?.number, host, stopped });
        self.answer_job(call, value)
    }

    fn answer_job(&mut self, call: u32, value: Value) -> Result<(), Refusal> {
        self.drop_work(Work::Timer(Timer::Retry(call)));
        self.complete(call, value, None)
    }

    /// An attempt is over without success: try again, or answer the step.
    pub(super) fn after_failure(
        &mut self,
        id: &AttemptId,
        result: Option<&Value>,
        failure: &Failure,
        stopped: Option<bool>,
    ) -> Result<(), Refusal> {
        let call = self.attempt(id)?.call;
        let step = self.step(call)?;
        if !step.is_open() {
            return Ok(());
        }
        let deadline = step.deadline_at;
        let job = self.job(call)?;
        let due_at = self.after(retry::backoff_ms(&job.retry, job.used, &self.entropy));
        let wanted = job.retry.on.contains(&failure.kind) && job.used < job.retry.attempts;
        // The next attempt starts only when this one is known to be over (promise 2).
        if wanted && stopped != Some(false) && due_at < deadline && self.run()?.state.goes_on() {
            self.emit(EventBody::RetryScheduled { call, after: id.clone(), due_at })?;
            self.put(Work::Timer(Timer::Retry(call)), due_at);
            return Ok(());
        }
        self.complete_job(id, result, Some(failure), stopped)
    }

    /// Stop waiting for a step: its job is ended on its host, its wait is closed.
    pub(super) fn stop_step(&mut self, call: u32, reason: StopReason) -> Result<(), Refusal> {
        let step = self.step(call)?;
        if !step.is_open() {
            return Ok(());
        }
        let failure = Failure::new(reason.failure(), stop_message(reason));
        let StepKind::Job(job) = &step.kind else {
            return self.complete(call, value::unanswered(&failure), None);
        };
        let Some(id) = job.attempt.clone() else { return Err(Refusal::NotFound) };
        if job.retry_at.is_some() {
            // Its newest attempt is over, so a view of a run may be without it.
            let handed = self.view.attempts.get(&id).and_then(|row| row.handed.as_ref());
            let host = handed.map(|handed| handed.host.as_str());
            let answer = value::JobAnswer { result: None, failure: Some(&failure), attempts: job.number, host, stopped: None };
            return self.answer_job(call, value::job(&answer));
        }
        match self.attempt(&id)?.state {
            AttemptState::Scheduled => {
                self.emit(EventBody::AttemptStopping { attempt: id.clone(), reason })?;
                self.emit(EventBody::AttemptStopped { attempt: id.clone(), evidence: "it was never launched".to_owned() })?;
                self.drop_work(Work::Launch(id.clone()));
                self.complete_job(&id, None, Some(&failure), Some(true))
            }
            state if state.is_on_host() => self.stop_attempt(&id, reason),
            _ => Ok(()),
        }
    }

    /// Record that an attempt on a host is to be ended, and have it ended.
    pub(super) fn stop_attempt(&mut self, id: &AttemptId, reason: StopReason) -> Result<(), Refusal> {
        self.emit(EventBody::AttemptStopping { attempt: id.clone(), reason })?;
        self.quiet(id);
        self.put(Work::Stop(id.clone()), self.now);
        self.put(Work::Timer(Timer::StopAnswer(id.clone())), self.after(limits::STOP_ANSWER_MS));
        Ok(())
    }

    /// No more launching, probing or listening for an attempt.
    pub(super) fn quiet(&mut self, id: &AttemptId) {
        for work in [
            Work::Launch(id.clone()),
            Work::Probe(id.clone()),
            Work::Timer(Timer::Started(id.clone())),
            Work::Timer(Timer::Heartbeat(id.clone())),
        ] {
            self.drop_work(work);
        }
    }

    // --- the run ---

    /// Decide how the run ends: open handles are stopped first.
    pub(super) fn end(
        &mut self,
        outcome: RunOutcome,
        value: Option<Value>,
        failure: Option<Failure>,
        reason: StopReason,
    ) -> Result<(), Refusal> {
        self.emit(EventBody::RunEnding { outcome, value, failure })?;
        self.drop_work(Work::Advance);
        self.drop_work(Work::Timer(Timer::RunDeadline));
        let open: Vec<u32> = self.view.steps.values().filter(|step| step.is_open()).map(|step| step.call).collect();
        for call in open {
            self.stop_step(call, reason)?;
        }
        self.end_if_idle()
    }

    /// The run is over when nothing of it is open.
    fn end_if_idle(&mut self) -> Result<(), Refusal> {
        let run = self.run()?;
        if let (RunState::Ending, 0, Some(outcome)) = (run.state, run.open_steps, run.ending) {
            self.emit(EventBody::RunEnded { outcome })?;
            self.effects.push(Effect::DropAll);
        }
        Ok(())
    }

    // --- callbacks ---

    pub(super) fn answer(&mut self, outcome: CallbackOutcome, message: Option<String>) {
        self.reply = Reply::Callback { outcome, first: None, stop: None, message };
    }

    /// Keep a callback that resumes nothing: shown in the history, bounded. More are answered alike, and leave nothing behind:
    /// the rows alone give their repeat the same answer.
    pub(super) fn keep(
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

    pub(super) fn remember(&mut self, subject: &str, id: String, digest: &str, outcome: CallbackOutcome, keep_body: bool) {
        self.callback =
            Some(CallbackRecord { subject: subject.to_owned(), id, digest: digest.to_owned(), outcome, at: self.at, keep_body });
    }
}

fn stop_message(reason: StopReason) -> &'static str {
    match reason {
        StopReason::TimedOut => "the step's time limit passed",
        StopReason::NotStarted => "no sign of life after the launch",
        StopReason::Stalled => "heartbeats stopped",
        StopReason::Silent => "no output within the limit",
        StopReason::Cancelled => "the run was cancelled",
        StopReason::Superseded => "it is not needed any more",
        StopReason::Budget => "the budget is used up",
    }
}
