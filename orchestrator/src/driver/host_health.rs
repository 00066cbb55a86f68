//! What is known of each host from asking it, and the breaker that follows from it.
//!
//! A host that cannot be reached is left alone for a while, longer each time, with one trial at the end of each pause: a thousand
//! launches that wait for it cost one handshake a pause. Only being out of reach counts. A host that refuses has answered; a session
//! that was lost half-way says nothing until the next one. Kept in memory; what people want to see is written now and then.

use super::Driver;
use crate::launcher::{AskError, Sent};
use crate::limits::{BREAKER_CAP_MS, BREAKER_MS, HEALTH_EVERY_MS, HEALTH_LOOK_MS};
use sortie_core::failure::FailureKind;
use sortie_core::ids::Ms;
use sortie_store::StoreError;
use sortie_store::model::HostHealth;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is known of all hosts. One per process.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<HashMap<String, Known>>);

#[derive(Debug, Default)]
struct Known {
    seen: HostHealth,
    /// Trials in a row that did not reach it.
    failures: u32,
    /// Until when nobody tries; 0 while it can be reached.
    open_until: Ms,
    /// Whether somebody is trying now.
    trial: bool,
    /// What is kept is older than what is known.
    dirty: bool,
    /// A change that people want to see soon.
    urgent: bool,
    written_at: Ms,
}

/// How a host stands with its breaker, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// It answered when it was last asked, or was never asked.
    Answers,
    /// It did not, and its pause is over: whoever asks next is the trial.
    TrialDue,
    /// It did not, and is left alone, or somebody is trying.
    LeftAlone,
}

/// Leave to ask a host. Given back by dropping it.
pub(super) struct Leave<'a> {
    health: &'a Health,
    host: String,
    trial: bool,
}

/// What people see of a host's breaker.
#[derive(Clone, Debug, PartialEq)]
pub struct HostSeen {
    /// What is known of it.
    pub health: HostHealth,
    /// When it is tried again, where it is out of reach.
    pub next_try: Option<Ms>,
}

impl Health {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leave to ask; the reason why not, for people, while the host is left alone.
    pub(super) fn enter(&self, host: &str, now: Ms) -> Result<Leave<'_>, String> {
        let mut all = self.lock();
        let known = all.entry(host.to_owned()).or_default();
        let failing = known.failures > 0;
        if failing && (now < known.open_until || known.trial) {
            let why = known.seen.error.as_deref().unwrap_or("it does not answer");
            let wait = known.open_until.saturating_sub(now).max(0).cast_unsigned().div_ceil(1_000);
            return Err(format!("{host} is out of reach and left alone for {wait} s more: {why}"));
        }
        known.trial |= failing;
        Ok(Leave { health: self, host: host.to_owned(), trial: failing })
    }

    /// How the host stands now.
    pub(super) fn reach(&self, host: &str, now: Ms) -> Reach {
        match self.lock().get(host) {
            Some(known) if known.failures > 0 && (now < known.open_until || known.trial) => Reach::LeftAlone,
            Some(known) if known.failures > 0 => Reach::TrialDue,
            _ => Reach::Answers,
        }
    }

    fn reached(&self, host: &str, now: Ms) {
        let mut all = self.lock();
        let known = all.entry(host.to_owned()).or_default();
        known.urgent |= known.seen.failing_since.is_some() || known.seen.last_ok.is_none();
        known.dirty = true;
        (known.failures, known.open_until) = (0, 0);
        known.seen.last_ok = Some(now);
        known.seen.failing_since = None;
        known.seen.error = None;
    }

    /// `share` is what the pause is drawn with, uniform in 0..=255.
    fn missed(&self, host: &str, now: Ms, why: &str, share: u8) {
        let mut all = self.lock();
        let known = all.entry(host.to_owned()).or_default();
        // Several that asked at once have met the same outage.
        if known.failures > 0 && now < known.open_until {
            return;
        }
        let pause = (BREAKER_MS << known.failures.min(16)).min(BREAKER_CAP_MS);
        known.failures = known.failures.saturating_add(1);
        known.open_until = now.saturating_add_unsigned(pause / 2 + pause / 2 * u64::from(share) / 255);
        known.urgent |= known.seen.failing_since.is_none();
        known.dirty = true;
        known.seen.failing_since.get_or_insert(now);
        known.seen.error = Some(why.to_owned());
    }

    /// Change what is known besides.
    fn note(&self, host: &str, change: impl FnOnce(&mut HostHealth)) {
        let mut all = self.lock();
        let known = all.entry(host.to_owned()).or_default();
        change(&mut known.seen);
        (known.dirty, known.urgent) = (true, true);
    }

    fn seen(&self, host: &str) -> HostSeen {
        let all = self.lock();
        let known = all.get(host);
        let next_try = known.filter(|known| known.failures > 0).map(|known| known.open_until);
        HostSeen { health: known.map(|known| known.seen.clone()).unwrap_or_default(), next_try }
    }

    /// What is to be written now; counts as written.
    fn to_write(&self, now: Ms) -> Vec<(String, HostHealth)> {
        let mut due = Vec::new();
        for (host, known) in self.lock().iter_mut() {
            if known.dirty && (known.urgent || now.saturating_sub(known.written_at) >= HEALTH_EVERY_MS.cast_signed()) {
                (known.dirty, known.urgent, known.written_at) = (false, false, now);
                due.push((host.clone(), known.seen.clone()));
            }
        }
        due
    }
}

impl Leave<'_> {
    /// Say what came of it.
    pub(super) fn tell<T>(self, answer: &Result<T, AskError>, now: Ms) {
        match answer {
            Ok(_) => self.health.reached(&self.host, now),
            Err(AskError { kind: FailureKind::Unreachable, sent: Sent::Nothing, message }) => {
                let share = super::entropy().bytes("breaker", 0)[0];
                self.health.missed(&self.host, now, message, share);
            }
            // It has answered, or was being asked when it was lost.
            Err(AskError { kind: FailureKind::Unreachable, .. }) => {}
            Err(_) => self.health.reached(&self.host, now),
        }
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.trial
            && let Some(known) = self.health.lock().get_mut(&self.host)
        {
            known.trial = false;
        }
    }
}

impl Driver {
    /// What is known of a host from asking it.
    #[must_use]
    pub fn host_seen(&self, host: &str) -> HostSeen {
        self.0.health.seen(host)
    }

    /// Somebody else has asked it: an operator, on a connection of its own.
    pub fn host_answered<T>(&self, host: &str, answer: &Result<T, AskError>) {
        let health = &self.0.health;
        Leave { health, host: host.to_owned(), trial: false }.tell(answer, self.parts().clock.now());
    }

    /// Change what is known of a host besides whether it can be reached.
    pub fn note_host(&self, host: &str, change: impl FnOnce(&mut HostHealth)) {
        self.0.health.note(host, change);
    }

    /// A host was removed, or another machine has its name now.
    pub fn forget_host(&self, host: &str) {
        self.0.health.lock().remove(host);
    }

    /// How a host stands with its breaker now.
    pub(super) fn reach(&self, host: &str) -> Reach {
        self.0.health.reach(host, self.parts().clock.now())
    }

    /// Write what is known, now and then; what was known before the start is read first.
    pub(super) async fn keep_health(self) {
        match self.parts().store.host_health().await {
            Ok(kept) => {
                let mut all = self.0.health.lock();
                for (host, seen) in kept {
                    all.entry(host).or_insert_with(|| Known { seen, ..Known::default() });
                }
            }
            Err(error) => tracing::warn!(%error, "what was known of hosts could not be read"),
        }
        let mut stop = self.0.stop.subscribe();
        while !*stop.borrow_and_update() {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(HEALTH_LOOK_MS)) => {}
                _ = stop.changed() => {}
            }
            if let Err(error) = self.write_health().await {
                tracing::warn!(%error, "what is known of hosts could not be kept");
            }
        }
    }

    async fn write_health(&self) -> Result<(), StoreError> {
        for (host, seen) in self.0.health.to_write(self.parts().clock.now()) {
            self.parts().store.put_host_health(&host, seen).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "host_health_tests.rs"]
mod tests;
