//! Due work on hosts besides launches: stop, probe, acknowledge. Each asks the shim one question and delivers its answer.

use super::Driver;
use super::hosts::{phase_text, unexpected};
use super::work::NotDone;
use crate::failpoint;
use crate::limits;
use sortie_core::failure::Failure;
use sortie_core::host::{CallbackMode, Host};
use sortie_core::ids::AttemptId;
use sortie_core::input::{InputBody, Scope, Stopped, Verdict};
use sortie_core::view::Spent;
use sortie_protocol::verb::{Refusal, Reply, Verb};
use sortie_protocol::view::{AttemptView, Phase};
use sortie_store::model::Claim;

impl Driver {
    /// End a job and have its end verified.
    pub(super) async fn stop_job(&self, claim: &Claim, id: &AttemptId) -> Result<(), NotDone> {
        let (_, _, attempt) = self.attempt(id).await?;
        let reason = attempt.stopping.map_or("cancelled", |reason| reason.as_str()).to_owned();
        let verb = Verb::Cancel { attempt: id.to_string(), reason, wait_ms: limits::STOP_WAIT_MS };
        failpoint::hit("stop_asked");
        let outcome = match self.ask_host_of(&attempt, verb).await? {
            Ok(Reply::Cancelled(view)) => Ok(stopped(&view)),
            Ok(Reply::Refused { refusal: Refusal::Sealed, .. }) => Ok(Stopped::Gone { evidence: "sealed before it came".to_owned() }),
            Ok(other) => Err(unexpected(&other)),
            Err(error) => Err(Failure::new(error.kind, error.message)),
        };
        failpoint::hit("stop_answered");
        let body = InputBody::StopEnded { attempt: id.clone(), outcome };
        let delivered = self.deliver_for(Scope::Attempt { attempt: id.clone(), callback: None }, body, Some(claim.clone()), None).await;
        // Also where the job's own result has settled it first.
        failpoint::hit("stop_committed");
        delivered?;
        Ok(())
    }

    /// Ask the host about an attempt that has not been heard of, and take what it has spooled.
    pub(super) async fn probe(&self, claim: &Claim, id: &AttemptId) -> Result<(), NotDone> {
        let (run, _, attempt) = self.attempt(id).await?;
        let verdict = match self.host_of(&attempt).await? {
            Err(error) => Err(Failure::new(error.kind, error.message)),
            Ok(host) => match self.collect(&host, id, 0).await {
                Ok(collected) => Ok(self.judge(&host, id, &collected.view).await),
                Err(error) => Err(Failure::new(error.kind, error.message)),
            },
        };
        // Looked up after the host was asked: what it said last is in there.
        let used = self.parts().store.progress(&run).await?.get(id).map(Spent::of).unwrap_or_default();
        let body = InputBody::Probed { attempt: id.clone(), verdict, used };
        self.deliver_for(Scope::Attempt { attempt: id.clone(), callback: None }, body, Some(claim.clone()), None).await?;
        Ok(())
    }

    /// What a view says of an attempt that was not heard of. One that lives and cannot post is collected from, from now on (F093).
    async fn judge(&self, host: &Host, id: &AttemptId, view: &AttemptView) -> Verdict {
        let verdict = verdict(view, host.callbacks != CallbackMode::Push);
        if verdict == Verdict::Unheard {
            self.is_unheard(host);
            if let Err(error) = crate::callback::seen(self, id, view).await {
                tracing::warn!(attempt = %id, %error, "what its host says of it was not kept");
            }
        }
        verdict
    }

    /// Tell the host that the collected result is committed.
    pub(super) async fn acknowledge(&self, claim: &Claim, id: &AttemptId) -> Result<(), NotDone> {
        let (run, _, attempt) = self.attempt(id).await?;
        let rows = self.parts().store.callbacks(&run).await?;
        let result = format!("{id}.result.");
        let seq = rows.iter().filter_map(|row| row.id.strip_prefix(&result)?.parse::<u64>().ok()).max();
        if let Some(seq) = seq
            && let Err(error) = self.ask_host_of(&attempt, Verb::Ack { attempt: id.to_string(), seq }).await?
        {
            let until = self.parts().clock.now() + sortie_core::limits::REACH_BACKOFF_CAP_MS.cast_signed();
            tracing::info!(attempt = %id, message = error.message, "the host could not be told that its result is committed");
            return Ok(self.put_off(claim.clone(), until).await?);
        }
        Ok(self.parts().store.finish(claim.clone()).await?)
    }
}

pub(super) fn stopped(view: &AttemptView) -> Stopped {
    let proven = view.tree_gone || view.phase == Phase::Sealed;
    if proven { Stopped::Gone { evidence: format!("the host says: {}", phase_text(view.phase)) } } else { Stopped::Alive }
}

/// In the order of the design: a result, a live tree, a new boot, a tree that is gone. A live job whose supervisor says that it cannot
/// post is in order, as one on a host that is collected from. Without a heartbeat the supervisor is wedged, wherever it was to go.
const fn verdict(view: &AttemptView, collected: bool) -> Verdict {
    match view.phase {
        Phase::Running if view.beat.is_some() && (collected || view.post_error.is_some()) => Verdict::Unheard,
        Phase::Claimed | Phase::Running | Phase::Stopping | Phase::Orphaned => Verdict::Alive,
        Phase::Finished | Phase::Acked => Verdict::HasResult,
        Phase::Gone => Verdict::Gone,
        Phase::Interrupted => Verdict::Interrupted,
        Phase::Unknown => Verdict::Unknown,
        Phase::Sealed => Verdict::Sealed,
    }
}
