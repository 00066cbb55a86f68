//! Steps: begun, tried again, answered, stopped.

use super::Draft;
use crate::decide::Refusal;
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::failure::Failure;
use crate::ids::AttemptId;
use crate::limits;
use crate::retry;
use crate::state::{AttemptState, RunState, StopReason};
use crate::value;
use crate::view::StepKind;
use serde_json::Value;

impl Draft {
    /// Start the next attempt of a job.
    pub(in crate::decide) fn schedule_attempt(&mut self, call: u32) -> Result<(), Refusal> {
        let attempt = self.new_attempt();
        let number = self.job(call)?.number + 1;
        let fence = self.run()?.fence + 1;
        self.emit(EventBody::AttemptScheduled { attempt: attempt.clone(), call, number, fence })?;
        self.put(Work::Launch(attempt), self.now);
        Ok(())
    }

    /// Answer a step and let the run go on.
    pub(in crate::decide) fn complete(&mut self, call: u32, value: Value, digest: Option<String>) -> Result<(), Refusal> {
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
    pub(in crate::decide) fn complete_job(
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
    pub(in crate::decide) fn after_failure(
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
    pub(in crate::decide) fn stop_step(&mut self, call: u32, reason: StopReason) -> Result<(), Refusal> {
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
    pub(in crate::decide) fn stop_attempt(&mut self, id: &AttemptId, reason: StopReason) -> Result<(), Refusal> {
        self.emit(EventBody::AttemptStopping { attempt: id.clone(), reason })?;
        self.quiet(id);
        self.put(Work::Stop(id.clone()), self.now);
        self.put(Work::Timer(Timer::StopAnswer(id.clone())), self.after(limits::STOP_ANSWER_MS));
        Ok(())
    }

    /// No more launching, probing or listening for an attempt.
    pub(in crate::decide) fn quiet(&mut self, id: &AttemptId) {
        for work in [
            Work::Launch(id.clone()),
            Work::Probe(id.clone()),
            Work::Timer(Timer::Started(id.clone())),
            Work::Timer(Timer::Heartbeat(id.clone())),
        ] {
            self.drop_work(work);
        }
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
