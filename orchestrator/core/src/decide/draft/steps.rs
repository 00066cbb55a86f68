//! Steps: begun, tried again, answered, stopped.

use super::Draft;
use crate::decide::{Refusal, approval, ask, child, tries};
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::failure::Failure;
use crate::ids::AttemptId;
use crate::limits;
use crate::retry;
use crate::state::{AttemptState, StopReason};
use crate::value;
use crate::view::{JobStep, StepKind};
use serde_json::Value;

impl Draft {
    /// Start the next attempt of a job.
    pub(in crate::decide) fn schedule_attempt(&mut self, call: u32) -> Result<(), Refusal> {
        let attempt = self.new_attempt();
        let number = self.job(call)?.number + 1;
        let fence = self.run()?.fence + 1;
        self.emit(EventBody::AttemptScheduled { attempt: attempt.clone(), call, number, fence })?;
        self.launch_if_ready(call, &attempt);
        Ok(())
    }

    /// Launch the newest attempt of a job, if it was not launched and no attempt of an earlier life is in its way.
    pub(in crate::decide) fn launch_if_ready(&mut self, call: u32, id: &AttemptId) {
        let ready = self.job(call).is_ok_and(|job| job.behind.is_empty() && job.attempt.as_ref() == Some(id));
        if ready && self.attempt(id).is_ok_and(|row| row.state == AttemptState::Scheduled) {
            self.put(Work::Launch(id.clone()), self.now);
        }
    }

    /// Whether the end of this attempt may answer its step: not where the step is answered or forgotten, and not where the
    /// attempt belongs to an earlier life of it.
    pub(in crate::decide) fn answers(&self, id: &AttemptId) -> Result<bool, Refusal> {
        let row = self.attempt(id)?;
        let step = self.step(row.call)?;
        Ok(step.is_open() && matches!(&step.kind, StepKind::Job(job) if row.fence > job.base_fence))
    }

    /// Answer a step and let the run go on.
    pub(in crate::decide) fn complete(&mut self, call: u32, value: Value, digest: Option<String>) -> Result<(), Refusal> {
        self.withdraw_all(call)?;
        self.emit(EventBody::StepCompleted { call, value, digest })?;
        self.clear_step(call)?;
        if self.run()?.begins() {
            self.put(Work::Advance, self.now);
            return Ok(());
        }
        self.end_if_idle()
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
        let job = self.job(call)?;
        let value = value::job(&value::JobAnswer { result, failure, attempts: job.number, host, stopped, spent: job.spent });
        self.complete(call, value, None)
    }

    /// Nothing is due for a step any more, but the end of what runs on a host.
    pub(in crate::decide) fn clear_step(&mut self, call: u32) -> Result<(), Refusal> {
        let works: &[Work] = match &self.step(call)?.kind {
            StepKind::Wait { .. } | StepKind::Sleep {} => &[],
            StepKind::Job(_) => &[Work::Timer(Timer::Retry(call))],
            StepKind::Http(_) | StepKind::Artifact(_) => &[Work::Timer(Timer::Retry(call)), Work::Try(call)],
            StepKind::Event { .. } => &[Work::Event(call)],
            StepKind::Approval(_) => &[Work::Timer(Timer::Remind(call)), Work::Timer(Timer::Escalate(call))],
            StepKind::Child { .. } => &[Work::Child(call), Work::CancelChild(call)],
        };
        for work in works {
            self.drop_work(work.clone());
        }
        self.drop_work(Work::Timer(Timer::Step(call)));
        Ok(())
    }

    /// An attempt is over without success: try again, or answer the step.
    pub(in crate::decide) fn after_failure(
        &mut self,
        id: &AttemptId,
        result: Option<&Value>,
        failure: &Failure,
        stopped: Option<bool>,
    ) -> Result<(), Refusal> {
        if !self.answers(id)? {
            return Ok(());
        }
        let call = self.attempt(id)?.call;
        let deadline = self.step(call)?.deadline_at;
        let job = self.job(call)?;
        let due_at = self.after(retry::backoff_ms(&job.retry, job.used, &self.entropy));
        let spent = retry::Spent { used: job.used, since: job.since };
        let wanted = retry::is_worth(&job.retry, failure.kind, spent, due_at);
        // The next attempt starts only when this one is known to be over (promise 2).
        if wanted && stopped != Some(false) && due_at < deadline && self.run()?.goes_on() {
            self.emit(EventBody::RetryScheduled { call, after: id.clone(), due_at })?;
            self.put(Work::Timer(Timer::Retry(call)), due_at);
            return Ok(());
        }
        self.complete_job(id, result, Some(failure), stopped)
    }

    /// Stop waiting for a step: its job is ended on its host, its child is cancelled, anything else is closed.
    pub(in crate::decide) fn stop_step(&mut self, call: u32, reason: StopReason) -> Result<(), Refusal> {
        let step = self.step(call)?;
        if !step.is_open() {
            return Ok(());
        }
        let failure = stopped(reason);
        let value = match &step.kind {
            StepKind::Job(job) => {
                let job = job.clone();
                return self.stop_job(call, &job, reason, &failure);
            }
            StepKind::Child { .. } => return child::stop(self, call, reason),
            StepKind::Http(of) | StepKind::Artifact(of) => tries::stopped(of, &failure),
            StepKind::Approval(of) if of.ask.is_some() => return ask::stopped(self, call, reason),
            StepKind::Approval(of) => approval::stopped(of, reason, &failure),
            StepKind::Event { .. } => value::no_event(&failure),
            StepKind::Wait { .. } | StepKind::Sleep {} => value::unanswered(&failure),
        };
        self.complete(call, value, None)
    }

    fn stop_job(&mut self, call: u32, job: &JobStep, reason: StopReason, failure: &Failure) -> Result<(), Refusal> {
        let Some(id) = job.attempt.clone() else { return Err(Refusal::NotFound) };
        if job.retry_at.is_some() || job.parked {
            // Its newest attempt is over, so a view of a run may be without it.
            let handed = self.view.attempts.get(&id).and_then(|row| row.handed.as_ref());
            let host = handed.map(|handed| handed.host.as_str());
            let (attempts, spent) = (job.number, job.spent);
            let answer = value::JobAnswer { result: None, failure: Some(failure), attempts, host, stopped: None, spent };
            return self.complete(call, value::job(&answer), None);
        }
        match self.attempt(&id)?.state {
            AttemptState::Scheduled => {
                self.emit(EventBody::AttemptStopping { attempt: id.clone(), reason })?;
                self.emit(EventBody::AttemptStopped { attempt: id.clone(), evidence: "it was never launched".to_owned() })?;
                self.drop_work(Work::Launch(id.clone()));
                self.complete_job(&id, None, Some(failure), Some(true))
            }
            state if state.is_on_host() => self.stop_attempt(&id, reason),
            _ => Ok(()),
        }
    }

    /// Record that an attempt on a host is to be ended, and have it ended.
    pub(in crate::decide) fn stop_attempt(&mut self, id: &AttemptId, reason: StopReason) -> Result<(), Refusal> {
        self.emit(EventBody::AttemptStopping { attempt: id.clone(), reason })?;
        self.quiet(id);
        self.withdraw(id)?;
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

/// Why a step that is stopped for this reason failed.
pub(in crate::decide) fn stopped(reason: StopReason) -> Failure {
    Failure::new(reason.failure(), stop_message(reason))
}

const fn stop_message(reason: StopReason) -> &'static str {
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
