//! Between the world and the engine: inputs are delivered, due work is done.
//!
//! Whatever happens enters through [`Driver::deliver`]; whatever is to be done is claimed from the due work
//! by one loop per class ([`work`]), done at least once, and answered by another input. Recovery is the same loop.

mod advance;
mod agent_task;
mod answers;
mod asking;
mod collecting;
mod evaluators;
mod fitting;
mod handed;
pub mod host_health;
mod hosts;
mod links;
pub mod notices;
mod probing;
mod pull;
pub mod reconcile;
mod secrets;
mod slots;
mod sweep;
mod timers;
mod tries;
mod work;

pub use evaluators::Evaluators;

use crate::clock::Clock;
use crate::config::Config;
use crate::launcher::Launcher;
use crate::logs::Logs;
use crate::outbound::Outbound;
use crate::outbound::policy::Policy;
use crate::resources::Resources;
use sortie_core::effect::WorkClass;
use sortie_core::ids::{Entropy, Ms, RunId};
use sortie_core::input::{Input, InputBody, Scope};
use sortie_keys::{CachedVerifier, KeyRing};
use sortie_store::model::{Beat, BeatReply, Claim, Delivered, Delivery, Installation};
use sortie_store::{Store, StoreError};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, watch};

/// Delivers inputs and does due work. Cheap to clone.
#[derive(Clone)]
pub struct Driver(Arc<Inner>);

/// What a driver is made of.
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Keys, and tokens verified lately.
    pub tokens: Arc<CachedVerifier>,
    /// Reaches hosts.
    pub launcher: Arc<dyn Launcher>,
    /// Evaluates flows.
    pub evaluators: Evaluators,
    /// What jobs and steps have kept.
    pub resources: Arc<Resources>,
    /// What jobs have written.
    pub logs: Arc<Logs>,
    /// The clock.
    pub clock: Clock,
    /// How the installation is configured.
    pub config: Arc<Config>,
    /// Who it is.
    pub installation: Installation,
    /// Audiences of tokens that are taken: the public URL first, then former ones.
    pub audiences: Vec<String>,
}

struct Inner {
    parts: Parts,
    wakers: [Waker; WorkClass::ALL.len()],
    /// Runs that are being evaluated, each with the claim that came meanwhile.
    evaluating: Mutex<HashMap<RunId, Option<Claim>>>,
    /// Since when callbacks can arrive; silence counts from here.
    listening_since: AtomicI64,
    stop: watch::Sender<bool>,
    /// What is known of hosts from asking them.
    health: host_health::Health,
    /// Sends where the configuration allows.
    outbound: Outbound,
}

impl Driver {
    /// A driver; it does nothing by itself until [`Driver::start`].
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let listening_since = AtomicI64::new(parts.clock.now());
        let (stop, _) = watch::channel(false);
        let wakers = [const { Waker::new() }; WorkClass::ALL.len()];
        // The configuration was checked when it was read.
        let outbound = Outbound::new(Policy::parse(&parts.config.outbound.allow).unwrap_or_default());
        Self(Arc::new(Inner {
            parts,
            wakers,
            evaluating: Mutex::default(),
            listening_since,
            stop,
            health: host_health::Health::default(),
            outbound,
        }))
    }

    /// Decide one input and commit it; what became due is started at once.
    ///
    /// # Errors
    /// As [`Store::deliver`].
    pub async fn deliver(&self, scope: Scope, body: InputBody) -> Result<Delivered, StoreError> {
        self.deliver_for(scope, body, None, None).await
    }

    /// As [`Driver::deliver`], keeping a callback's bytes where the decision says so.
    ///
    /// # Errors
    /// As [`Store::deliver`].
    pub async fn deliver_callback(&self, scope: Scope, body: InputBody, bytes: Vec<u8>) -> Result<Delivered, StoreError> {
        self.deliver_for(scope, body, None, Some(bytes)).await
    }

    async fn deliver_for(
        &self,
        scope: Scope,
        body: InputBody,
        done: Option<Claim>,
        bytes: Option<Vec<u8>>,
    ) -> Result<Delivered, StoreError> {
        let input = Input { at: self.parts().clock.now(), entropy: entropy(), body };
        let delivered = self.parts().store.deliver(Delivery { scope, input, done, body: bytes }).await?;
        self.wake(&delivered.due);
        Ok(delivered)
    }

    /// Keep a heartbeat or progress of an attempt.
    ///
    /// # Errors
    /// As [`Store::beat`].
    pub async fn beat(&self, beat: Beat) -> Result<BeatReply, StoreError> {
        self.parts().store.beat(beat).await
    }

    /// What it is made of.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.0.parts
    }

    /// The keys.
    #[must_use]
    pub fn ring(&self) -> &KeyRing {
        self.parts().tokens.ring()
    }

    /// Wake the loops that would sleep past the time at which something is due now.
    pub(crate) fn wake(&self, due: &[(WorkClass, Ms)]) {
        for (class, at) in due {
            let waker = &self.0.wakers[*class as usize];
            if *at < waker.rests_until.load(Ordering::SeqCst) {
                waker.notify.notify_one();
            }
        }
    }
}

/// How a work loop is woken.
struct Waker {
    notify: Notify,
    /// Until when its loop sleeps unless it is woken; the end of time while it is at work.
    rests_until: AtomicI64,
}

impl Waker {
    const fn new() -> Self {
        Self { notify: Notify::const_new(), rests_until: AtomicI64::new(Ms::MAX) }
    }
}

/// Fresh randomness for one input.
///
/// # Panics
/// When the operating system gives no randomness; nothing can be done safely then.
#[must_use]
pub fn entropy() -> Entropy {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives randomness");
    Entropy(bytes)
}
