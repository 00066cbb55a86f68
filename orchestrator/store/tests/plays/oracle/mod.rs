//! What should happen, in the words of the design. It knows operations, steps and attempts; not how the engine keeps them.

mod ends;

use crate::script::{Kind, Script};
use sortie_core::decide::CallbackOutcome;
use sortie_core::evaluation::{Command, End, Evaluation};
use sortie_core::state::{AttemptState, RunOutcome, RunState};

/// Why an attempt or a try failed, as far as it matters for what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Another attempt is worth it, if there is one left.
    WorthARetry,
    /// It is not.
    Final,
}

#[derive(Clone, Debug)]
pub struct Attempt {
    pub call: u32,
    pub state: AttemptState,
    /// Digest of its accepted result.
    pub result: Option<u64>,
    /// The life of its step that it belongs to.
    life: u32,
    /// Whether the stop's end may be followed by a retry; else the step is answered by it.
    stopped_for_good: bool,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub kind: Kind,
    pub open: bool,
    pub forgotten: bool,
    /// How it was answered.
    pub good: Option<bool>,
    pub deadline: i64,
    pub attempt: Option<usize>,
    /// Attempts or tries of this budget.
    used: u32,
    pub tries: u32,
    pub under_way: bool,
    pub backoff: bool,
    pub votes: Vec<(u64, bool)>,
    life: u32,
    asked_at: u64,
    answered_at: Option<u64>,
    /// Attempts of earlier lives that have to be over before this one may begin.
    behind: Vec<usize>,
}

#[derive(Clone, Debug)]
pub struct Oracle {
    script: Script,
    pub state: RunState,
    pub ending: Option<RunOutcome>,
    held_from: Option<RunState>,
    pub steps: Vec<Step>,
    pub attempts: Vec<Attempt>,
    /// Calls of the body, once `on_exit` began.
    pub exit_from: Option<u32>,
    exit_over: bool,
    failed_call: Option<u32>,
    /// Rises with everything that happens, so that "before" and "after" can be told.
    moment: u64,
    ended_at: u64,
    /// What the flow may react to, and what it has seen.
    wake: u64,
    seen: u64,
    pub fence: u64,
    pub deadline: i64,
    /// The time, as the play says.
    pub now: i64,
    held_since: i64,
    lives: u32,
}

impl Oracle {
    pub fn new(script: Script, now: i64, deadline: i64) -> Self {
        Self {
            script,
            state: RunState::Running,
            ending: None,
            held_from: None,
            steps: Vec::new(),
            attempts: Vec::new(),
            exit_from: None,
            exit_over: false,
            failed_call: None,
            moment: 1,
            ended_at: 0,
            wake: 1,
            seen: 0,
            fence: 0,
            deadline,
            now,
            held_since: 0,
            lives: 0,
        }
    }

    fn tick(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    pub fn in_exit(&self) -> bool {
        self.state == RunState::Ending && self.exit_from.is_some() && !self.exit_over
    }

    /// New work may begin.
    pub fn begins(&self) -> bool {
        self.state == RunState::Running || self.in_exit()
    }

    /// A failed attempt may be followed by another one, now or when the run is let go on.
    fn goes_on(&self) -> bool {
        match self.state {
            RunState::Paused | RunState::Parked => self.ending.is_none() || (self.exit_from.is_some() && !self.exit_over),
            _ => self.begins(),
        }
    }

    /// Whether an evaluation has something to see.
    pub fn wants_evaluation(&self) -> bool {
        self.begins() && self.wake > self.seen
    }

    pub fn is_over(&self) -> bool {
        self.state.is_over()
    }

    fn step(&mut self, call: u32) -> &mut Step {
        &mut self.steps[call as usize - 1]
    }

    // --- the flow ---

    /// The evaluation begins: what it sees is settled.
    pub fn load(&mut self) -> (u64, u64) {
        self.fence += 1;
        (self.fence, self.wake)
    }

    /// What it asked for is done. `Err` where another one has begun since; `Ok(false)` where the run is not going on.
    pub fn evaluated(&mut self, (fence, seen): (u64, u64), evaluation: &Evaluation) -> Result<bool, ()> {
        if fence != self.fence {
            return Err(());
        }
        if !self.begins() {
            return Ok(false);
        }
        self.seen = seen;
        for command in &evaluation.commands {
            let Command::Schedule { .. } = command else { unreachable!("the script schedules") };
            self.schedule();
        }
        match &evaluation.end {
            End::Suspended { .. } => {}
            End::Returned { .. } | End::Failed { .. } if self.in_exit() => self.close_exit(),
            End::Returned { .. } => self.end(RunOutcome::Succeeded),
            End::Failed { failure, .. } => {
                self.failed_call = failure.call;
                self.end(RunOutcome::Failed);
            }
        }
        Ok(true)
    }

    fn schedule(&mut self) {
        let now = self.now;
        let call = self.next_call();
        let kind = match self.exit_from {
            Some(_) => self.script.on_exit.unwrap(),
            None => *self.script.body.iter().flat_map(|stage| &stage.calls).nth(call as usize - 1).unwrap(),
        };
        let own = if kind == Kind::Sleep { now + 600_000 } else { (now + 3_600_000).min(self.deadline) };
        self.lives += 1;
        let (life, asked_at) = (self.lives, self.tick());
        let step = Step {
            kind,
            open: true,
            forgotten: false,
            good: None,
            deadline: own,
            attempt: None,
            used: 0,
            tries: 0,
            under_way: false,
            backoff: false,
            votes: Vec::new(),
            life,
            asked_at,
            answered_at: None,
            behind: Vec::new(),
        };
        let place = call as usize - 1;
        if place < self.steps.len() {
            self.steps[place] = step;
        } else {
            self.steps.push(step);
        }
        self.begin(call);
    }

    /// The number of the next call: one above the last that is not forgotten.
    fn next_call(&self) -> u32 {
        u32::try_from(self.steps.iter().rposition(|step| !step.forgotten).map_or(0, |last| last + 1)).unwrap() + 1
    }

    fn begin(&mut self, call: u32) {
        self.step(call).behind = self.alive_of(call);
        if let Kind::Job(_) = self.step(call).kind {
            self.next_attempt(call);
        }
    }

    /// Attempts of this call number that are not over.
    fn alive_of(&self, call: u32) -> Vec<usize> {
        (0..self.attempts.len()).filter(|n| self.attempts[*n].call == call && !self.attempts[*n].state.is_over()).collect()
    }

    fn next_attempt(&mut self, call: u32) {
        let life = self.step(call).life;
        self.attempts.push(Attempt { call, state: AttemptState::Scheduled, result: None, life, stopped_for_good: false });
        let newest = self.attempts.len() - 1;
        let step = self.step(call);
        step.attempt = Some(newest);
        step.used += 1;
        step.backoff = false;
    }

    // --- answers ---

    fn answer(&mut self, call: u32, good: bool) {
        let now = self.tick();
        let step = self.step(call);
        assert!(step.open, "a step is answered once");
        step.open = false;
        step.good = Some(good);
        step.answered_at = Some(now);
        step.backoff = false;
        step.under_way = false;
        self.wake = now;
        self.end_if_idle();
    }

    /// Whether an attempt can answer its step.
    fn counts(&self, n: usize) -> bool {
        let attempt = &self.attempts[n];
        let step = &self.steps[attempt.call as usize - 1];
        step.open && step.life == attempt.life
    }

    fn after_failure(&mut self, n: usize, why: Why) {
        if !self.counts(n) {
            return;
        }
        let call = self.attempts[n].call;
        let (goes_on, now) = (self.goes_on(), self.now);
        let step = self.step(call);
        let Kind::Job(attempts) = step.kind else { unreachable!() };
        if why == Why::WorthARetry && step.used < attempts && now < step.deadline && goes_on {
            step.backoff = true;
            self.tick();
        } else {
            self.answer(call, false);
        }
    }

    // --- attempts ---

    /// Whether a launch may be sent now.
    pub fn launch_starting(&mut self, n: usize) -> bool {
        let call = self.attempts[n].call;
        match self.attempts[n].state {
            AttemptState::Scheduled if !self.begins() || !self.steps[call as usize - 1].behind.is_empty() => false,
            AttemptState::Scheduled => {
                self.attempts[n].state = AttemptState::Launching;
                true
            }
            AttemptState::Launching => {
                self.attempts[n].state = AttemptState::LaunchUnknown;
                true
            }
            AttemptState::LaunchUnknown => true,
            _ => false,
        }
    }

    pub fn launch_acked(&mut self, n: usize) {
        if matches!(self.attempts[n].state, AttemptState::Launching | AttemptState::LaunchUnknown) {
            self.attempts[n].state = AttemptState::Launched;
        }
    }

    pub fn launch_unreachable(&mut self, n: usize) {
        if self.attempts[n].state == AttemptState::Launching {
            self.attempts[n].state = AttemptState::Scheduled;
        }
    }

    pub fn launch_unknown(&mut self, n: usize) {
        if self.attempts[n].state == AttemptState::Launching {
            self.attempts[n].state = AttemptState::LaunchUnknown;
        }
    }

    /// The host says that the command cannot be started.
    pub fn launch_refused(&mut self, n: usize) {
        if matches!(self.attempts[n].state, AttemptState::Scheduled | AttemptState::Launching | AttemptState::LaunchUnknown) {
            self.attempts[n].state = AttemptState::Failed;
            self.over(n);
            self.after_failure(n, Why::WorthARetry);
        }
    }

    /// A sign of life. Gives the outcome.
    pub fn alive(&mut self, n: usize) -> CallbackOutcome {
        let state = &mut self.attempts[n].state;
        match state {
            AttemptState::Launching | AttemptState::LaunchUnknown | AttemptState::Launched | AttemptState::Suspect => {
                *state = AttemptState::Running
            }
            _ => {}
        }
        if state.is_over() { CallbackOutcome::Late } else { CallbackOutcome::Accepted }
    }

    /// Nothing was heard for too long.
    pub fn silent(&mut self, n: usize, expected: AttemptState) {
        if self.attempts[n].state == expected {
            self.attempts[n].state = AttemptState::Suspect;
        }
    }

    /// A result, for the first time under its id.
    pub fn result(&mut self, n: usize, digest: u64, good: bool) -> CallbackOutcome {
        if let Some(first) = self.attempts[n].result {
            return if first == digest { CallbackOutcome::Duplicate } else { CallbackOutcome::Conflict };
        }
        let state = self.attempts[n].state;
        if !state.is_on_host() && !self.revivable(n) {
            if state == AttemptState::Stopping {
                self.stopped(n);
            }
            return CallbackOutcome::Late;
        }
        let call = self.attempts[n].call;
        self.attempts[n].state = if good { AttemptState::Succeeded } else { AttemptState::Failed };
        self.attempts[n].result = Some(digest);
        if self.counts(n) {
            self.step(call).backoff = false;
            // A newer attempt that is only scheduled is dropped.
            if let Some(newer) = self.step(call).attempt.filter(|newest| *newest != n) {
                self.attempts[newer].state = AttemptState::Stopped;
            }
        }
        self.over(n);
        if !self.counts(n) {
            return CallbackOutcome::Accepted;
        }
        if good {
            self.answer(call, true)
        } else {
            self.after_failure(n, Why::WorthARetry)
        }
        CallbackOutcome::Accepted
    }

    /// Given up, but nothing newer is on its way.
    fn revivable(&self, n: usize) -> bool {
        let attempt = &self.attempts[n];
        let given_up = matches!(attempt.state, AttemptState::Lost | AttemptState::Interrupted);
        let newest = self.steps[attempt.call as usize - 1].attempt;
        given_up
            && self.counts(n)
            && self.goes_on()
            && (newest == Some(n) || newest.is_some_and(|newest| self.attempts[newest].state == AttemptState::Scheduled))
    }

    /// What it posted as its result is none.
    pub fn invalid(&mut self, n: usize) {
        if self.attempts[n].state.is_on_host() {
            self.attempts[n].state = AttemptState::Rejected;
            self.over(n);
            self.after_failure(n, Why::Final);
        }
    }

    /// The host says that it is gone without a result.
    pub fn probed(&mut self, n: usize, rebooted: bool) {
        if self.attempts[n].state == AttemptState::Suspect {
            self.attempts[n].state = if rebooted { AttemptState::Interrupted } else { AttemptState::Lost };
            self.over(n);
            self.after_failure(n, Why::WorthARetry);
        }
    }

    /// Its end is verified.
    pub fn stopped(&mut self, n: usize) {
        if self.attempts[n].state != AttemptState::Stopping {
            return;
        }
        self.attempts[n].state = AttemptState::Stopped;
        self.over(n);
        if self.counts(n) {
            assert!(self.attempts[n].stopped_for_good, "the play stops attempts for good only");
            self.answer(self.attempts[n].call, false);
        }
    }

    /// The step is answered although the end is not verified.
    pub fn stop_unanswered(&mut self, n: usize) {
        if self.attempts[n].state == AttemptState::Stopping && self.counts(n) {
            self.answer(self.attempts[n].call, false);
        }
    }

    /// Nobody waits behind it any more.
    fn over(&mut self, n: usize) {
        for step in &mut self.steps {
            step.behind.retain(|other| *other != n);
        }
    }

    // --- tries ---

    /// The number of a try that may be made now.
    pub fn try_starting(&mut self, call: u32) -> Option<u32> {
        let begins = self.begins();
        let step = self.step(call);
        if !step.open {
            return None;
        }
        // What came of one that was cut off is not known: another one is due, whatever the budget.
        if step.under_way {
            step.under_way = false;
            step.backoff = true;
        }
        if !begins {
            return None;
        }
        step.backoff = false;
        step.tries += 1;
        step.used += 1;
        step.under_way = true;
        Some(step.tries)
    }

    pub fn try_ended(&mut self, call: u32, number: u32, good: bool) {
        let (goes_on, now) = (self.goes_on(), self.now);
        let step = self.step(call);
        if !step.open || step.tries != number || !step.under_way {
            return;
        }
        let Kind::Http(tries) = step.kind else { unreachable!() };
        if !good && step.used < tries && now < step.deadline && goes_on {
            step.under_way = false;
            step.backoff = true;
        } else {
            self.answer(call, good);
        }
    }

    // --- people and the world ---

    /// Somebody answers a wait, for the first time with these words.
    pub fn wait_answered(&mut self, call: u32) -> bool {
        let open = self.step(call).open;
        if open {
            self.answer(call, true);
        }
        open
    }

    /// A vote about what is asked now; whether it counted.
    pub fn vote(&mut self, call: u32, actor: u64, approve: bool) -> bool {
        let step = self.step(call);
        if !step.open || step.votes.iter().any(|(who, _)| *who == actor) {
            return false;
        }
        step.votes.push((actor, approve));
        let Kind::Approval(quorum) = step.kind else { unreachable!() };
        let approvals = step.votes.iter().filter(|(_, approve)| *approve).count();
        if !approve {
            self.answer(call, false);
        } else if approvals >= quorum as usize {
            self.answer(call, true);
        }
        true
    }

    // --- timers ---

    pub fn retry_due(&mut self, call: u32) {
        let begins = self.begins();
        let step = self.step(call);
        // The next try of a request is begun by `try_starting`.
        if step.open && step.backoff && begins && matches!(step.kind, Kind::Job(_)) {
            self.next_attempt(call);
        }
    }

    pub fn step_due(&mut self, call: u32) {
        let now = self.now;
        let step = self.step(call);
        if !step.open || now < step.deadline {
            return;
        }
        match self.step(call).kind {
            Kind::Sleep => self.answer(call, true),
            _ => self.stop(call),
        }
    }

    pub fn run_due(&mut self) {
        if self.state == RunState::Running && self.now >= self.deadline {
            self.end(RunOutcome::TimedOut);
        }
    }

    pub fn exit_due(&mut self) {
        if self.in_exit() && self.now >= self.deadline {
            self.close_exit();
        }
    }
}
