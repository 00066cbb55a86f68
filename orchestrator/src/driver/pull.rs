//! Collecting on a schedule, for hosts that cannot reach the server: those that are set to it, and those of which nothing was heard
//! although they answer.
//!
//! One loop per server. A round is one `Status` of all open attempts of a host, and a `Collect` for each that has something. The pause
//! between two rounds is short while there is news, and grows without; it stays under the patience that heartbeats have, so that no
//! attempt is suspect that is collected from.

use super::Driver;
use super::hosts::unexpected;
use crate::limits::{BOTH_QUIET_MS, CHECKPOINT_FETCH_MS, HEARD_MS, PULL_CAP_MS, PULL_HOSTS, PULL_LEAST_MS, PULL_LOOK_MS};
use sortie_core::event::EventBody;
use sortie_core::failure::Failure;
use sortie_core::host::{CallbackMode, Host, LauncherKind};
use sortie_core::ids::{AttemptId, Ms};
use sortie_core::limits::HEARTBEAT_MS;
use sortie_core::state::AttemptState;
use sortie_protocol::agent::AgentCheckpoint;
use sortie_protocol::callback::CallbackKind;
use sortie_protocol::limits::STATUS_ATTEMPTS;
use sortie_protocol::verb::{Reply, Verb};
use sortie_protocol::view::{AttemptView, Phase};
use sortie_store::StoreError;
use sortie_store::model::OpenAttempt;
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// What is remembered of an attempt between two rounds. All of it can be lost: what is taken twice is taken once.
#[derive(Clone, Debug)]
struct Watched {
    /// Number of the last post that was taken.
    taken: u64,
    progress: u64,
    checkpoint: u64,
    /// Number of the last checkpoint of an agent that was fetched.
    fetched: u32,
    heartbeat_ms: u64,
}

/// What is remembered of a host between two rounds.
#[derive(Debug, Default)]
struct Course {
    watched: HashMap<AttemptId, Watched>,
    pause_ms: u64,
    due_at: Ms,
    /// The last round was broken off: what is new since waits for the next one like everything else.
    failed: bool,
}

impl Course {
    /// Longest pause: two rounds within the patience of every attempt.
    fn cap(&self) -> u64 {
        let least = self.watched.values().map(|watched| watched.heartbeat_ms).min().unwrap_or(PULL_CAP_MS);
        least.clamp(PULL_LEAST_MS, PULL_CAP_MS)
    }

    /// When the next round is due. `share` spreads it by a fifth each way, uniform in 0..=255.
    fn plan(&mut self, news: bool, now: Ms, share: u8) {
        self.pause_ms = if news { PULL_LEAST_MS } else { self.pause_ms.saturating_mul(3).div_euclid(2).max(PULL_LEAST_MS) }.min(self.cap());
        let fifth = self.pause_ms / 5;
        self.due_at = now.saturating_add_unsigned(self.pause_ms - fifth + 2 * fifth * u64::from(share) / 255);
    }

    fn is_due(&self, open: &[OpenAttempt], now: Ms) -> bool {
        now >= self.due_at || !self.failed && open.iter().any(|open| !self.watched.contains_key(&open.attempt.id))
    }
}

impl Driver {
    /// Collect for as long as the server is up.
    pub(super) async fn pull(self) {
        let mut stop = self.0.stop.subscribe();
        let mut courses: HashMap<String, Course> = HashMap::new();
        let mut rounds: JoinSet<(String, Course)> = JoinSet::new();
        let mut under_way: Vec<String> = Vec::new();
        while !*stop.borrow_and_update() {
            if let Err(error) = self.begin_rounds(&mut courses, &mut rounds, &mut under_way).await {
                tracing::warn!(%error, "hosts that are collected from could not be looked at");
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(PULL_LOOK_MS)) => {}
                Some(ended) = rounds.join_next() => {
                    match ended {
                        Ok((host, course)) => {
                            under_way.retain(|name| *name != host);
                            courses.insert(host, course);
                        }
                        // Which one it was is not known: all are begun anew.
                        Err(error) => {
                            tracing::error!(%error, "a round of collecting panicked");
                            rounds.abort_all();
                            while rounds.join_next().await.is_some() {}
                            under_way.clear();
                        }
                    }
                }
                _ = stop.changed() => {}
            }
        }
    }

    async fn begin_rounds(
        &self,
        courses: &mut HashMap<String, Course>,
        rounds: &mut JoinSet<(String, Course)>,
        under_way: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        for host in self.parts().store.hosts().await? {
            if !self.is_collected(&host) || under_way.len() >= PULL_HOSTS || under_way.contains(&host.name) {
                continue;
            }
            let now = self.parts().clock.now();
            let open: Vec<OpenAttempt> = self.parts().store.open_on_host(&host.name).await?;
            let unheard = host.callbacks == CallbackMode::Pull || self.host_seen(&host.name).health.unheard_since.is_some();
            let open: Vec<OpenAttempt> = open.into_iter().filter(|open| is_on_host(open) && (unheard || is_quiet(open, now))).collect();
            if open.is_empty() {
                courses.remove(&host.name);
                continue;
            }
            if !courses.get(&host.name).is_none_or(|course| course.is_due(&open, now)) {
                continue;
            }
            let mut course = courses.remove(&host.name).unwrap_or_default();
            under_way.push(host.name.clone());
            let driver = self.clone();
            rounds.spawn(async move {
                let round = driver.round(&host, &open, &mut course).await;
                if let Err(failure) = &round {
                    tracing::info!(host = host.name, message = failure.message, "nothing could be collected");
                }
                course.failed = round.is_err();
                let news = round.unwrap_or(false);
                course.plan(news, driver.parts().clock.now(), super::entropy().bytes("pull", 0)[0]);
                (host.name, course)
            });
        }
        Ok(())
    }

    /// Whether a host is collected from, now or where it is quiet.
    fn is_collected(&self, host: &Host) -> bool {
        host.launcher == LauncherKind::Ssh
            && (host.callbacks != CallbackMode::Push || self.host_seen(&host.name).health.unheard_since.is_some())
    }

    /// One round; whether there was news.
    async fn round(&self, host: &Host, open: &[OpenAttempt], course: &mut Course) -> Result<bool, Failure> {
        course.watched.retain(|id, _| open.iter().any(|open| open.attempt.id == *id));
        let (mut news, mut all_heard) = (false, true);
        for some in open.chunks(STATUS_ATTEMPTS) {
            let attempts = some.iter().map(|open| open.attempt.id.to_string()).collect();
            let views = match self.ask(host, Verb::Status { attempts, seal: false }).await {
                Ok(Reply::Status(views)) => views,
                Ok(other) => return Err(unexpected(&other)),
                Err(error) => return Err(Failure::new(error.kind, error.message)),
            };
            for (open, view) in some.iter().zip(&views).filter(|(open, view)| view.attempt == open.attempt.id.as_str()) {
                let mut watched = match course.watched.get(&open.attempt.id) {
                    Some(watched) => watched.clone(),
                    None => Watched { taken: 0, progress: 0, checkpoint: 0, fetched: 0, heartbeat_ms: self.heartbeat_ms(open).await },
                };
                news |= self.look_at(host, open, view, &mut watched).await?;
                course.watched.insert(open.attempt.id.clone(), watched);
                all_heard &= is_heard(view);
                if view.post_error.is_some() && !is_heard(view) {
                    self.is_unheard(host);
                }
            }
        }
        if all_heard && host.callbacks != CallbackMode::Pull {
            self.is_heard_again(host);
        }
        Ok(news)
    }

    /// Take what a view promises.
    async fn look_at(&self, host: &Host, open: &OpenAttempt, view: &AttemptView, watched: &mut Watched) -> Result<bool, Failure> {
        let id = &open.attempt.id;
        let mut news = false;
        if view.last_seq > watched.taken || view.phase == Phase::Finished {
            let before = watched.taken;
            // What was posted meanwhile does not come again, so the number that was seen counts.
            watched.taken = self.collect(host, id, before).await?.last.max(view.last_seq);
            news |= watched.taken > before;
        }
        // Without a heartbeat its supervisor is wedged, and says nothing for the job.
        if view.beat.is_some() && matches!(view.phase, Phase::Running | Phase::Stopping) {
            let reports = [
                (CallbackKind::Progress, &view.progress, &mut watched.progress),
                (CallbackKind::Checkpoint, &view.checkpoint, &mut watched.checkpoint),
            ];
            let kept = async {
                for (kind, report, known) in reports {
                    if let Some(report) = report.as_ref().filter(|report| report.seq > *known) {
                        crate::callback::reported(self, id, kind, report).await?;
                        *known = report.seq;
                        news = true;
                    }
                }
                crate::callback::seen(self, id, view).await
            };
            if let Err(error) = kept.await {
                tracing::warn!(attempt = %id, %error, "what its host says of it was not kept");
            }
            self.fetch_newest(host, id, view, watched).await;
        }
        Ok(news)
    }

    /// Bring the last checkpoint of an agent here, where its host could not: it may be the last that is heard of that machine. In pieces,
    /// for a short while: other jobs of the host wait for their round. The next one goes on where this one ended.
    async fn fetch_newest(&self, host: &Host, id: &AttemptId, view: &AttemptView, watched: &mut Watched) {
        let said =
            view.checkpoint.as_ref().and_then(|report| serde_json::from_value::<AgentCheckpoint>(report.data.get("agent")?.clone()).ok());
        let Some(last) = said.filter(|last| last.bundle.is_none() && last.number > watched.fetched) else { return };
        match timeout(Duration::from_millis(CHECKPOINT_FETCH_MS), self.fetch_checkpoint(host, id, last.number)).await {
            Ok(Ok(())) => watched.fetched = last.number,
            Ok(Err(why)) => tracing::info!(attempt = %id, host = host.name, number = last.number, why, "a checkpoint was not fetched"),
            Err(_) => {}
        }
    }

    /// How often the attempt's shim would post.
    async fn heartbeat_ms(&self, open: &OpenAttempt) -> u64 {
        let found = async {
            let (run, step, _) = self.parts().store.attempt(&open.attempt.id).await.ok()??;
            let event = self.parts().store.event(&run, step.spec_seq).await.ok()??;
            match event.body {
                EventBody::StepScheduled { spec: sortie_core::call::CallSpec::Job(job), .. } => Some(job.heartbeat_ms),
                _ => None,
            }
        };
        found.await.unwrap_or(HEARTBEAT_MS)
    }

    /// The host answers, and what its shims post does not arrive.
    pub(super) fn is_unheard(&self, host: &Host) {
        if self.host_seen(&host.name).health.unheard_since.is_none() {
            tracing::warn!(host = host.name, "callbacks of this host do not arrive; its jobs are collected from over SSH");
            let now = self.parts().clock.now();
            self.note_host(&host.name, |health| health.unheard_since = Some(now));
        }
    }

    fn is_heard_again(&self, host: &Host) {
        if self.host_seen(&host.name).health.unheard_since.is_some() {
            tracing::info!(host = host.name, "callbacks of this host arrive again");
            self.note_host(&host.name, |health| health.unheard_since = None);
        }
    }
}

const fn is_on_host(open: &OpenAttempt) -> bool {
    open.attempt.state.is_on_host() || matches!(open.attempt.state, AttemptState::Stopping)
}

/// Nothing was heard of it for longer than heartbeats should take.
fn is_quiet(open: &OpenAttempt, now: Ms) -> bool {
    let since = open.last_seen.or(open.attempt.handed.as_ref().map(|handed| handed.launching_at)).unwrap_or(open.attempt.scheduled_at);
    open.attempt.state == AttemptState::Suspect || now.saturating_sub(since) > BOTH_QUIET_MS.cast_signed()
}

/// Its supervisor had a receipt lately, and nothing has gone wrong since.
fn is_heard(view: &AttemptView) -> bool {
    view.post_error.is_none() && view.heard_ms.is_some_and(|ms| ms <= HEARD_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(heartbeat_ms: u64) -> Course {
        let mut course = Course::default();
        let watched = Watched { taken: 0, progress: 0, checkpoint: 0, fetched: 0, heartbeat_ms };
        course.watched.insert(AttemptId::new(0, &sortie_core::ids::Entropy([1; 32]), 0), watched);
        course
    }

    #[test]
    fn pauses_are_short_with_news_and_grow_without_to_a_cap() {
        let mut course = course(60_000);
        course.plan(true, 0, 0);
        assert_eq!(course.pause_ms, PULL_LEAST_MS);
        for _ in 0..30 {
            course.plan(false, 0, 255);
        }
        assert_eq!(course.pause_ms, PULL_CAP_MS);
        assert!(course.due_at <= (PULL_CAP_MS + PULL_CAP_MS / 5).cast_signed());
        course.plan(true, 0, 0);
        assert_eq!(course.pause_ms, PULL_LEAST_MS);
    }

    #[test]
    fn no_pause_outlasts_the_patience_of_a_heartbeat() {
        let mut course = course(2_000);
        for share in [0, 128, 255] {
            for _ in 0..30 {
                course.plan(false, 0, share);
            }
            assert!(course.due_at < 3 * 2_000, "{}", course.due_at);
        }
    }
}
