//! One loop per class of due work: claim, do, answer. A process that dies leaves its claims to expire.

use super::Driver;
use crate::limits;
use futures_util::FutureExt as _;
use sortie_core::effect::{Work, WorkClass};
use sortie_core::ids::Ms;
use sortie_store::StoreError;
use sortie_store::model::Claim;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// Why a piece of work was not done this time.
#[derive(Debug)]
pub(super) enum NotDone {
    /// Somebody else has it, or it is not needed any more.
    Gone,
    /// Try again soon.
    Later(String),
    /// It can never be done; it is dropped, and logged.
    Never(String),
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Fenced => Self::Gone,
            StoreError::Unavailable(message) => Self::Later(message),
            StoreError::Refused(sortie_core::decide::Refusal::Fenced) => Self::Gone,
            other => Self::Never(other.to_string()),
        }
    }
}

impl Driver {
    /// Start the loops. They end after [`Driver::stop`]; what is under way is finished first.
    #[must_use]
    pub fn start(&self) -> JoinSet<()> {
        let mut loops = JoinSet::new();
        for class in WorkClass::ALL {
            loops.spawn(self.clone().run_class(class));
        }
        loops.spawn(self.clone().watch_held());
        loops.spawn(self.clone().keep_health());
        loops.spawn(self.clone().pull());
        loops.spawn(self.clone().reconcile());
        loops
    }

    /// Claim nothing more.
    pub fn stop(&self) {
        self.0.stop.send_replace(true);
    }

    /// Whether [`Driver::stop`] was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.0.stop.borrow()
    }

    async fn run_class(self, class: WorkClass) {
        let slots = Arc::new(Semaphore::new(limits::WORK_AT_ONCE[class as usize]));
        let mut stop = self.0.stop.subscribe();
        let mut under_way = JoinSet::new();
        self.take_over(class).await;
        while !*stop.borrow_and_update() {
            while under_way.try_join_next().is_some() {}
            let Ok(first) = Arc::clone(&slots).acquire_owned().await else { break };
            let free = slots.available_permits() + 1;
            match self.parts().store.claim(class, self.parts().clock.now(), limits::LEASE_MS, free).await {
                Ok(claims) if claims.is_empty() => {
                    drop(first);
                    self.rest(class, &mut stop).await;
                }
                Ok(claims) => self.spawn_all(claims, first, &slots, &mut under_way),
                Err(error) => {
                    drop(first);
                    tracing::warn!(?class, %error, "cannot claim due work");
                    tokio::time::sleep(Duration::from_millis(limits::STORE_RETRY_MS)).await;
                }
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    /// What a process before this one had claimed when it died is due again, without waiting for its leases (F012).
    async fn take_over(&self, class: WorkClass) {
        let until = self.parts().clock.now().saturating_add_unsigned(limits::LEASE_MS);
        if let Err(error) = self.parts().store.give_back(class, until).await {
            tracing::warn!(?class, %error, "work claimed before the start is left to its leases");
        }
    }

    fn spawn_all(&self, claims: Vec<Claim>, first: OwnedSemaphorePermit, slots: &Arc<Semaphore>, under_way: &mut JoinSet<()>) {
        let mut held = Some(first);
        for claim in claims {
            // No more were claimed than places were free.
            let permit = held.take().or_else(|| Arc::clone(slots).try_acquire_owned().ok());
            let driver = self.clone();
            under_way.spawn(async move {
                driver.perform_or_put_off(claim).await;
                drop(permit);
            });
        }
    }

    /// Wait for a wake-up, the next due time or the stop, whichever is first.
    async fn rest(&self, class: WorkClass, stop: &mut tokio::sync::watch::Receiver<bool>) {
        let soon = |ms: u64| self.parts().clock.now().saturating_add_unsigned(ms);
        let until = match self.parts().store.next_due(class).await {
            Ok(at) => at.unwrap_or(Ms::MAX).min(soon(limits::IDLE_MS)),
            Err(_) => soon(limits::STORE_RETRY_MS),
        };
        let waker = &self.0.wakers[class as usize];
        // What was put before this line has left its notification; what is put after it compares with the time.
        waker.rests_until.store(until, Ordering::SeqCst);
        tokio::select! {
            () = waker.notify.notified() => {}
            () = tokio::time::sleep(self.parts().clock.until(until)) => {}
            _ = stop.changed() => {}
        }
        waker.rests_until.store(Ms::MAX, Ordering::SeqCst);
    }

    /// A panic ends this piece of work alone (F006): it is put off, and a run whose evaluation does it again and again is parked.
    async fn perform_or_put_off(&self, claim: Claim) {
        let again = claim.clone();
        if AssertUnwindSafe(self.perform(claim)).catch_unwind().await.is_ok() {
            return;
        }
        tracing::error!(run = %again.run, work = again.work.key(), "a piece of due work panicked; it is put off");
        let until = self.parts().clock.now() + limits::STORE_RETRY_MS.cast_signed();
        for claim in self.leave_evaluation(&again).into_iter().chain([again]) {
            if let Err(error) = self.put_off(claim, until).await {
                tracing::warn!(%error, "due work is left to its lease");
            }
        }
    }

    async fn perform(&self, claim: Claim) {
        let outcome = match &claim.work {
            Work::Advance => self.advance(&claim).await,
            Work::Launch(id) => self.launch(&claim, id).await,
            Work::Stop(id) => self.stop_job(&claim, id).await,
            Work::Probe(id) => self.probe(&claim, id).await,
            Work::Ack(id) => self.acknowledge(&claim, id).await,
            Work::Answer { attempt, seq } => self.tell_answer(&claim, attempt, *seq).await,
            Work::Timer(timer) => self.timer(&claim, timer).await,
            Work::Start => self.admit(&claim).await,
            Work::MakeRoom => self.make_room(&claim).await,
            Work::Child(call) => self.make_child(&claim, *call).await,
            Work::CancelChild(call) => self.cancel_child(&claim, *call).await,
            Work::Report => self.report(&claim).await,
            Work::Event(call) => self.look_for_event(&claim, *call).await,
            Work::Try(call) => self.perform_try(&claim, *call).await,
            Work::Notify { what, seq } => self.notify(&claim, *what, *seq).await,
        };
        let store = &self.parts().store;
        let settled = match outcome {
            Ok(()) | Err(NotDone::Gone) => Ok(()),
            Err(NotDone::Later(message)) => {
                tracing::warn!(run = %claim.run, work = claim.work.key(), message, "due work is put off");
                let until = self.parts().clock.now() + limits::STORE_RETRY_MS.cast_signed();
                self.put_off(claim, until).await
            }
            Err(NotDone::Never(message)) => {
                tracing::error!(run = %claim.run, work = claim.work.key(), message, "due work cannot be done and is dropped");
                store.finish(claim).await
            }
        };
        // The lease runs out by itself where even this was not possible.
        if let Err(error) = settled {
            tracing::warn!(%error, "due work is left to its lease");
        }
    }

    /// Give claimed work back, due at a later time.
    pub(super) async fn put_off(&self, claim: Claim, until: Ms) -> Result<(), StoreError> {
        let class = claim.work.class();
        self.parts().store.postpone(claim, until).await?;
        self.wake(&[(class, until)]);
        Ok(())
    }
}
