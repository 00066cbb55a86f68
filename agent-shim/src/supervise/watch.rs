//! Watching a job to its end, started by this supervisor or adopted from a dead one.

use crate::attempt::{Attempt, Child, Exit, Stop};
use crate::contain::usage::most;
use crate::limits::{GRACE_CAP_MS, LOG_FLOOD_LOOK_MS, SOON_MS, SWEEP_MS, TICK_MS};
use crate::supervise::result::{End, Seen};
use crate::tree::Tree;
use crate::{agents, asks, clock, failpoint, keeper, lease, logs, output, spawn};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{WaitOptions, wait};
use sortie_protocol::lease::LEASE_REASON;
use sortie_protocol::spec::Spec;
use std::os::fd::OwnedFd;

/// What the watch waits on.
pub struct Watch<'a> {
    /// The attempt.
    pub attempt: &'a Attempt,
    /// Its spec.
    pub spec: &'a Spec,
    /// What was started.
    pub child: &'a Child,
    /// FIFO that verbs and the keeper write to.
    pub wake: &'a OwnedFd,
    /// Called after each wake.
    pub woken: &'a dyn Fn(),
    /// Exit of the main process as seen by this process, where the keeper died and the job became our child.
    pub own: Option<Exit>,
}

impl Watch<'_> {
    /// Until the main process has ended and the tree is swept. Says how, and what was seen of the tree.
    pub fn run(mut self) -> (End, Seen) {
        let tree = Tree::of(self.attempt, self.child, true);
        let grace = self.spec.grace_ms.min(GRACE_CAP_MS);
        let mut ended_by: Option<Stop> = None;
        let exit = loop {
            self.reap();
            if let Some(exit) = self.exit() {
                break exit;
            }
            if ended_by.is_none() {
                ended_by = self.stop();
                if ended_by.is_some() {
                    self.attempt.root().failpoint(failpoint::STOP_SEEN);
                    let grace = agents::ask_to_end(self.spec, self.child.job, grace, || self.reap());
                    if !tree.end(grace, || self.reap()) {
                        // Not even KILL ends it. Say so now; the debt stays visible in every later view.
                        let seen = Seen { gone: false, used: Some(tree.used()), ..Seen::default() };
                        return (End::Exit { exit: Exit::default(), stop: ended_by, oom: false }, seen);
                    }
                    continue;
                }
            }
            logs::keep_small(self.attempt);
            self.wait(ended_by.is_some());
        };
        self.attempt.root().failpoint(failpoint::EXIT_SEEN);
        // A result is not the end of the tree: what the job left behind is ended before anybody is told.
        let left = if self.keeper_left() { tree.members() } else { tree.settled() };
        let gone = left.is_empty() || tree.end(grace, || self.reap());
        let oom = tree.oom_killed();
        let used = most(tree.used(), exit.as_ref().and_then(|exit| exit.used).unwrap_or_default());
        // What a stop ended did not outlive the job by itself.
        let leftovers = if ended_by.is_some() { 0 } else { left.len() as u32 };
        let seen = Seen { gone, used: Some(used), leftovers };
        tree.remove_groups();
        // Nobody writes any more: what came since the last look is bounded too, for as long as the attempt is kept.
        logs::keep_small(self.attempt);
        let Some(exit) = exit else { return (End::Lost, seen) };
        if exit.not_run {
            return (End::NotRun, seen);
        }
        // The reason may be one that a predecessor acted on.
        let stop = ended_by.or_else(|| self.attempt.stop().filter(|stop| stop.mono_ms <= exit.mono_ms));
        (End::Exit { exit, stop, oom }, seen)
    }

    /// How the main process ended; inner `None` where nobody can know any more.
    fn exit(&self) -> Option<Option<Exit>> {
        let alive = self.child.keeper.is_alive() || self.child.job.is_alive();
        // In this order: the record is written before its writer dies.
        let known = self.attempt.exit().or_else(|| self.own.clone());
        if known.is_some() || !alive { Some(known) } else { None }
    }

    /// A reason to end the job: somebody's, its time limit, or the lease of its state root.
    fn stop(&self) -> Option<Stop> {
        if let Some(stop) = self.attempt.stop() {
            return Some(stop);
        }
        let stop = if self.left_ms() == 0 {
            Stop::now("timed_out", true)
        } else if lease::is_over(self.attempt.root()) {
            Stop::now(LEASE_REASON, false)
        } else {
            return None;
        };
        if let Err(error) = self.attempt.write_stop(&stop) {
            self.attempt.log(&format!("cannot record why it is ended: {error}"));
        }
        Some(stop)
    }

    /// Whether the keeper has left after its record, which it does once it has no children.
    fn keeper_left(&self) -> bool {
        if self.attempt.exit().is_none() {
            return false;
        }
        let keeper = self.child.keeper.watch();
        keeper.map_or_else(|| !self.child.keeper.is_alive(), |keeper| spawn::readable(&keeper, SWEEP_MS))
    }

    /// What is left of its time limit. The time in which it asks a person is not its own.
    fn left_ms(&self) -> u64 {
        let now = clock::mono_ms();
        let until = self.child.started_mono_ms.saturating_add(self.spec.timeout_ms).saturating_add(asks::asked_ms(self.attempt, now));
        until.saturating_sub(now)
    }

    /// Collect orphans that were reparented to us, the job among them if its keeper was killed.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid.as_raw_nonzero().get() as u32 == self.child.job.pid {
                self.own = Some(keeper::exit_of(status));
            }
        }
    }

    fn wait(&self, ending: bool) {
        let keeper = self.child.keeper.watch();
        let job = self.child.job.watch();
        // With one of the two gone, or both being ended, the exit record is due at any moment.
        let due = ending || !self.child.keeper.is_alive() || !self.child.job.is_alive();
        let tick = if output::is_flooding(self.attempt) { LOG_FLOOD_LOOK_MS } else { TICK_MS };
        let pause = if due { SOON_MS } else { tick.min(self.left_ms()) };
        let mut fds = vec![PollFd::new(self.wake, PollFlags::IN)];
        fds.extend(keeper.iter().chain(job.iter()).map(|fd| PollFd::new(fd, PollFlags::IN)));
        let _ = poll(&mut fds, Some(&spawn::timespec(pause)));
        if drain(self.wake) {
            (self.woken)();
        }
    }
}

/// Forget the wakes so far; what they were about is on disk. Whether there were any.
pub fn drain(wake: &OwnedFd) -> bool {
    let mut buffer = [0; 64];
    let mut any = false;
    while matches!(rustix::io::read(wake, &mut buffer), Ok(n) if n > 0) {
        any = true;
    }
    any
}
