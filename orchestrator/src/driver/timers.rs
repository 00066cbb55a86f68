//! Timers: judged only while the server itself was listening, and smeared when they fell due while it was not.

use super::Driver;
use super::work::NotDone;
use crate::limits;
use sortie_core::effect::Timer;
use sortie_core::ids::{Ms, RunId};
use sortie_core::input::{InputBody, Scope};
use sortie_store::model::Claim;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering;

impl Driver {
    pub(super) async fn timer(&self, claim: &Claim, timer: &Timer) -> Result<(), NotDone> {
        let since = self.listening_since();
        if let Some(until) = not_before(claim, timer, since).filter(|until| self.parts().clock.now() < *until) {
            return Ok(self.put_off(claim.clone(), until).await?);
        }
        let scope = timer_scope(&claim.run, timer);
        self.deliver_for(scope, InputBody::TimerDue(timer.clone()), Some(claim.clone()), None).await?;
        Ok(())
    }

    /// The process was frozen, or its machine slept: silence counts from now on (F005, F034).
    pub fn listen_anew(&self) {
        self.0.listening_since.store(self.parts().clock.now(), Ordering::SeqCst);
    }

    fn listening_since(&self) -> Ms {
        self.0.listening_since.load(Ordering::SeqCst)
    }
}

/// The earliest time at which a timer is judged, where that is not at once.
fn not_before(claim: &Claim, timer: &Timer, listening_since: Ms) -> Option<Ms> {
    match timer {
        // Silence while the server itself was not listening proves nothing.
        Timer::Started(_) | Timer::Heartbeat(_) => Some(listening_since + limits::LISTEN_GRACE_MS.cast_signed()),
        // What fell due meanwhile fires once, and not all at once (F036).
        _ if claim.due_at < listening_since - limits::SMEAR_MS.cast_signed() / 10 => Some(listening_since + smear(claim)),
        _ => None,
    }
}

/// A part of [`limits::SMEAR_MS`], the same however often it is asked for.
fn smear(claim: &Claim) -> Ms {
    let mut hasher = DefaultHasher::new();
    (claim.run.as_str(), claim.work.key()).hash(&mut hasher);
    (hasher.finish() % limits::SMEAR_MS).cast_signed()
}

fn timer_scope(run: &RunId, timer: &Timer) -> Scope {
    match timer {
        Timer::RunDeadline | Timer::Exit | Timer::Overdue => Scope::Run(run.clone()),
        Timer::Step(call) | Timer::Retry(call) | Timer::Remind(call) | Timer::Escalate(call) => Scope::Step(run.clone(), *call),
        Timer::Started(attempt) | Timer::Heartbeat(attempt) | Timer::StopAnswer(attempt) => {
            Scope::Attempt { attempt: attempt.clone(), callback: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_core::effect::Work;
    use sortie_core::ids::Entropy;

    fn claim(n: u8, due_at: Ms) -> Claim {
        Claim { run: RunId::new(1, &Entropy([n; 32]), 0), work: Work::Timer(Timer::Step(1)), due_at, fence: 1 }
    }

    #[test]
    fn f036_what_fell_due_during_an_outage_is_spread_and_what_falls_due_now_is_not() {
        let since = 1_000_000;
        assert_eq!(not_before(&claim(1, since), &Timer::Step(1), since), None);
        let spread: Vec<Ms> = (0..100).filter_map(|n| not_before(&claim(n, 5), &Timer::Step(1), since)).collect();
        assert!(spread.iter().all(|at| (since..since + limits::SMEAR_MS.cast_signed()).contains(at)));
        let late = spread.iter().filter(|at| **at > since + limits::SMEAR_MS.cast_signed() / 2).count();
        assert!((25..75).contains(&late), "{late} of 100 in the second half");
        assert_eq!(not_before(&claim(3, 5), &Timer::Step(1), since), not_before(&claim(3, 5), &Timer::Step(1), since));
    }
}
