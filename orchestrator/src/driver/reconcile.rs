//! What hosts hold against what is known here: now and then each host in reach is asked for its open attempts, those without a live run
//! are ended, and what was acknowledged long ago is removed.
//!
//! A state root may be shared by several installations. Each attempt names its own in its spec; one that names another, or none and is
//! not known here, is left alone.

use super::Driver;
use super::host_health::Reach;
use super::hosts::unexpected;
use super::probing::stopped;
use crate::limits::{GC_EVERY_MS, LIST_PAGES, ORPHANS, RECONCILE_EVERY_MS, RECONCILE_LOOK_MS, STOP_WAIT_MS};
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::host::{Host, LauncherKind};
use sortie_core::ids::{AttemptId, Ms};
use sortie_core::input::Stopped;
use sortie_core::view::Attempt;
use sortie_protocol::limits::KEEP_ACKED_MS;
use sortie_protocol::verb::{Reply, Verb};
use sortie_protocol::view::{AttemptView, Phase};
use sortie_store::StoreError;
use sortie_store::model::operations::ActionRow;
use std::collections::HashMap;
use std::time::Duration;

/// What a look at a host found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Reconciled {
    /// Attempts without a live run that were ended, verified.
    pub stopped: Vec<String>,
    /// Those whose end could not be verified yet; the next look asks again.
    pub still_there: Vec<String>,
    /// Attempts of other installations, and of those that name none; left alone.
    pub foreign: u64,
    /// Attempts that their runs wait for.
    pub live: u64,
}

/// What is to be done about an attempt that a host holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Its run waits for it, or its end is asked for already.
    Live,
    /// Somebody else's.
    Foreign,
    /// Nobody waits for it any more.
    Orphan,
    /// It is over there, too: its result waits to be acknowledged.
    Over,
}

/// In doubt an attempt is left alone: what is stopped does not come back.
fn fate(view: &AttemptView, known: Option<&Attempt>, host: &str, installation: &str) -> Fate {
    let ours = view.installation.as_deref().map(|of| of == installation);
    match (ours, known) {
        (Some(false), _) | (None, None) => return Fate::Foreign,
        // A copy of a state root on another machine is not the machine that the attempt was handed to.
        (_, Some(attempt)) if attempt.handed.as_ref().is_none_or(|handed| handed.host != host) => return Fate::Foreign,
        _ => {}
    }
    match view.phase {
        Phase::Claimed | Phase::Running | Phase::Orphaned => {}
        _ => return Fate::Over,
    }
    match known {
        Some(attempt) if !attempt.state.is_over() || attempt.debt => Fate::Live,
        _ => Fate::Orphan,
    }
}

impl Driver {
    /// Look at every host in reach, for as long as the server is up.
    pub(super) async fn reconcile(self) {
        let mut stop = self.0.stop.subscribe();
        let mut due: HashMap<String, Ms> = HashMap::new();
        while !*stop.borrow_and_update() {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(RECONCILE_LOOK_MS)) => {}
                _ = stop.changed() => return,
            }
            if let Err(error) = self.reconcile_due(&mut due).await {
                tracing::warn!(%error, "hosts could not be looked at");
            }
        }
    }

    /// One host after the other: this is never urgent.
    async fn reconcile_due(&self, due: &mut HashMap<String, Ms>) -> Result<(), StoreError> {
        let hosts = self.parts().store.hosts().await?;
        due.retain(|name, _| hosts.iter().any(|host| host.name == *name));
        for host in hosts.into_iter().filter(|host| host.launcher != LauncherKind::Worker) {
            let now = self.parts().clock.now();
            let share = i64::from(super::entropy().bytes("reconcile", 0)[0]);
            // Between half of the interval and the whole: hosts are spread over it, also those that were added together.
            let next = now + RECONCILE_EVERY_MS.cast_signed() * (255 + share) / 510;
            let at = *due.entry(host.name.clone()).or_insert(next);
            let reach = self.reach(&host.name);
            // A host that was away is tried as soon as its pause is over: launches by label go elsewhere, and nobody else asks it.
            if now < at && reach != Reach::TrialDue || reach == Reach::LeftAlone || self.is_stopping() {
                continue;
            }
            due.insert(host.name.clone(), next);
            if let Err(failure) = self.reconcile_host(&host).await {
                tracing::info!(host = host.name, message = failure.message, "what the host holds could not be compared");
                continue;
            }
            let since = self.host_seen(&host.name).health.gc_at.unwrap_or(host.added_at);
            if now.saturating_sub(since) >= GC_EVERY_MS.cast_signed()
                && let Err(failure) = self.collect_garbage(&host).await
            {
                tracing::info!(host = host.name, message = failure.message, "acknowledged attempts are still there");
            }
        }
        Ok(())
    }

    /// Compare what a host holds with what is known here; end what nobody waits for.
    ///
    /// # Errors
    /// The host or the store could not be asked. What was ended stays ended.
    pub async fn reconcile_host(&self, host: &Host) -> Result<Reconciled, Failure> {
        let mut found = Reconciled::default();
        let mut after: Option<String> = None;
        for _ in 0..LIST_PAGES {
            let (views, more) = match self.ask(host, Verb::List { after: after.clone() }).await {
                Ok(Reply::Listed { views, more }) => (views, more),
                Ok(other) => return Err(unexpected(&other)),
                Err(error) => return Err(Failure::new(error.kind, error.message)),
            };
            for view in &views {
                self.reconcile_attempt(host, view, &mut found).await?;
            }
            let last = views.last().map(|view| view.attempt.clone());
            if !more || last.is_none() || last <= after {
                break;
            }
            after = last;
        }
        let (now, ended) = (self.parts().clock.now(), found.stopped.len() as u64);
        self.note_host(&host.name, |health| {
            health.swept_at = Some(now);
            health.orphans = health.orphans.saturating_add(ended);
        });
        Ok(found)
    }

    async fn reconcile_attempt(&self, host: &Host, view: &AttemptView, found: &mut Reconciled) -> Result<(), Failure> {
        let unavailable = |error: StoreError| Failure::new(FailureKind::Internal, error.to_string());
        // What is no id is nothing that we have launched.
        let Ok(id) = AttemptId::parse(&view.attempt) else {
            found.foreign += 1;
            return Ok(());
        };
        let known = self.parts().store.attempt(&id).await.map_err(unavailable)?.map(|(_, _, attempt)| attempt);
        match fate(view, known.as_ref(), &host.name, &self.parts().installation.id) {
            Fate::Live => found.live += 1,
            Fate::Foreign => found.foreign += 1,
            Fate::Over => {}
            Fate::Orphan if found.stopped.len() + found.still_there.len() >= ORPHANS => {}
            Fate::Orphan => {
                let verb = Verb::Cancel { attempt: id.to_string(), reason: "orphan".to_owned(), wait_ms: STOP_WAIT_MS };
                let ended = match self.ask(host, verb).await {
                    Ok(Reply::Cancelled(view)) => matches!(stopped(&view), Stopped::Gone { .. }),
                    Ok(other) => return Err(unexpected(&other)),
                    Err(error) => return Err(Failure::new(error.kind, error.message)),
                };
                self.record_orphan(host, &id, ended).await;
                if ended { &mut found.stopped } else { &mut found.still_there }.push(id.to_string());
            }
        }
        Ok(())
    }

    async fn record_orphan(&self, host: &Host, id: &AttemptId, ended: bool) {
        tracing::warn!(target: "sortie::audit", host = host.name, attempt = %id, ended, "a job without a live run was ended");
        let action = ActionRow {
            at: self.parts().clock.now(),
            actor: "sortie".to_owned(),
            method: "STOP".to_owned(),
            path: format!("/v1/hosts/{}/orphans/{id}", host.name),
            status: if ended { 200 } else { 202 },
        };
        if let Err(error) = self.parts().store.record_action(action).await {
            tracing::warn!(%error, "the end of an orphan could not be recorded");
        }
    }

    /// Remove what was acknowledged long ago; gives how many attempts were removed and kept.
    ///
    /// # Errors
    /// The host could not be asked.
    pub async fn collect_garbage(&self, host: &Host) -> Result<(u64, u64), Failure> {
        match self.ask(host, Verb::Gc { older_than_ms: KEEP_ACKED_MS }).await {
            Ok(Reply::Swept { removed, kept, .. }) => {
                let now = self.parts().clock.now();
                self.note_host(&host.name, |health| health.gc_at = Some(now));
                Ok((removed, kept))
            }
            Ok(other) => Err(unexpected(&other)),
            Err(error) => Err(Failure::new(error.kind, error.message)),
        }
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
