//! The oracle's ends: stopping, ending, holding, resetting.

use super::{Oracle, Step};
use crate::script::Kind;
use sortie_core::state::{AttemptState, RunOutcome, RunState};

impl Oracle {
    // --- ends ---

    /// Nobody wants its answer any more.
    pub(super) fn stop(&mut self, call: u32) {
        let step = self.step(call);
        if !step.open {
            return;
        }
        let (attempt, backoff) = (step.attempt, step.backoff);
        let Some(n) = attempt.filter(|_| !backoff) else { return self.answer(call, false) };
        match self.attempts[n].state {
            AttemptState::Scheduled => {
                self.attempts[n].state = AttemptState::Stopped;
                self.answer(call, false);
            }
            state if state.is_on_host() => {
                self.attempts[n].state = AttemptState::Stopping;
                self.attempts[n].stopped_for_good = true;
            }
            _ => {}
        }
    }

    pub(super) fn end(&mut self, outcome: RunOutcome) {
        self.state = RunState::Ending;
        self.held_from = None;
        self.ending = Some(outcome);
        self.ended_at = self.tick();
        self.stop_open();
    }

    fn stop_open(&mut self) {
        for call in 1..=u32::try_from(self.steps.len()).unwrap() {
            // The last answer may have ended the run.
            if self.step(call).open {
                self.stop(call);
            }
        }
        self.end_if_idle();
    }

    pub(super) fn close_exit(&mut self) {
        self.exit_over = true;
        self.stop_open();
    }

    pub(super) fn end_if_idle(&mut self) {
        if self.state != RunState::Ending || self.in_exit() || self.steps.iter().any(|step| step.open) {
            return;
        }
        if self.script.on_exit.is_some() && self.exit_from.is_none() && !self.exit_over {
            self.exit_from = Some(self.next_call() - 1);
            self.deadline = self.now + 600_000;
            self.fence += 1;
            self.wake = self.tick();
        } else {
            self.state = self.ending.unwrap().state();
        }
    }

    // --- operators: whether something changed, or why not ---

    pub fn pause(&mut self) -> Option<bool> {
        match self.state {
            RunState::Running | RunState::Ending | RunState::Queued => {
                self.held_from = Some(self.state);
                self.held_since = self.now;
                self.state = RunState::Paused;
                Some(true)
            }
            RunState::Paused => Some(false),
            _ => None,
        }
    }

    pub fn resume(&mut self) -> Option<bool> {
        match self.held_from.take() {
            Some(from) => {
                self.state = from;
                self.deadline += self.now - self.held_since;
                if self.begins() {
                    self.wake = self.tick();
                }
                self.end_if_idle();
                Some(true)
            }
            None if self.is_over() => None,
            None => Some(false),
        }
    }

    pub fn cancel(&mut self) -> Option<bool> {
        match self.state {
            RunState::Cancelled | RunState::Ending => Some(false),
            state if state.is_over() || self.ending.is_some() => None,
            _ => {
                self.end(RunOutcome::Cancelled);
                Some(true)
            }
        }
    }

    pub fn terminate(&mut self) -> Option<bool> {
        match self.state {
            RunState::Cancelled => Some(false),
            RunState::Ending if self.exit_over => Some(false),
            state if state.is_over() => None,
            _ => {
                self.exit_over = true;
                if self.ending.is_none() {
                    self.end(RunOutcome::Cancelled);
                } else {
                    self.held_from = None;
                    self.state = RunState::Ending;
                    self.stop_open();
                }
                Some(true)
            }
        }
    }

    /// A redrive, or a retry from a step.
    pub fn reset(&mut self, from: Option<u32>, deadline_ms: i64) -> Option<bool> {
        let last = self.exit_from.unwrap_or_else(|| self.next_call() - 1);
        let failed = matches!(self.state, RunState::Failed | RunState::Dead);
        let going = matches!(self.state, RunState::Running | RunState::Paused | RunState::Parked) && self.ending.is_none();
        let (keep, mut reopen) = match from {
            Some(from) if (failed || going) && from >= 1 && from <= last => (from - 1, Vec::new()),
            None if failed => {
                let call = self.failed_call?;
                let answered = self.step(call).answered_at.unwrap();
                let asked =
                    |(n, step): (usize, &Step)| (!step.forgotten && step.asked_at < answered).then_some(u32::try_from(n).unwrap() + 1);
                let keep = self.steps.iter().enumerate().filter_map(asked).max().unwrap_or(call).min(last);
                (keep, vec![call])
            }
            _ => return None,
        };
        // What only the end of the run cut off is done again.
        for call in 1..=keep {
            let cut_off = self.ending.is_some() && self.step(call).answered_at.is_some_and(|at| at > self.ended_at);
            if cut_off && !reopen.contains(&call) {
                reopen.push(call);
            }
        }
        reopen.sort_unstable();
        for call in keep + 1..=u32::try_from(self.steps.len()).unwrap() {
            self.forget(call);
        }
        self.state = RunState::Running;
        (self.ending, self.held_from, self.exit_from, self.exit_over, self.failed_call) = (None, None, None, false, None);
        self.fence += 1;
        self.deadline = self.now + deadline_ms;
        self.wake = self.tick();
        for call in reopen {
            self.reopen(call);
        }
        Some(true)
    }

    fn forget(&mut self, call: u32) {
        let step = self.step(call);
        let open = step.open;
        step.forgotten = true;
        step.open = false;
        if let Some(n) = step.attempt.filter(|_| open) {
            match self.attempts[n].state {
                AttemptState::Scheduled => self.attempts[n].state = AttemptState::Stopped,
                state if state.is_on_host() => self.attempts[n].state = AttemptState::Stopping,
                _ => {}
            }
        }
    }

    fn reopen(&mut self, call: u32) {
        let now = self.now;
        let (run_deadline, asked_at) = (self.deadline, self.tick());
        self.lives += 1;
        let life = self.lives;
        let step = self.step(call);
        step.open = true;
        (step.good, step.answered_at, step.used, step.life, step.asked_at) = (None, None, 0, life, step.asked_at.min(asked_at));
        (step.backoff, step.under_way, step.tries) = (false, false, 0);
        step.votes.clear();
        step.deadline = if step.kind == Kind::Sleep { now + 600_000 } else { (now + 3_600_000).min(run_deadline) };
        self.begin(call);
    }
}
