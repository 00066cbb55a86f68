//! Due work on hosts: launch, stop, probe, acknowledge. Each asks the shim one question and delivers its answer.

use super::Driver;
use super::handed::{Frame, spec};
use super::work::NotDone;
use crate::failpoint;
use crate::launcher::{AskError, Sent};
use crate::limits;
use sortie_core::call::{CallSpec, JobSpec};
use sortie_core::decide::Reply as Decision;
use sortie_core::event::EventBody;
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::host::{CallbackMode, Host};
use sortie_core::ids::{AttemptId, RunId};
use sortie_core::input::{InputBody, LaunchOutcome, Scope, Stopped, Verdict};
use sortie_core::view::{Attempt, Step};
use sortie_protocol::callback::SignedPost;
use sortie_protocol::verb::{Refusal, Reply, Verb};
use sortie_protocol::view::{AttemptView, Phase};
use sortie_store::model::Claim;
use std::time::Duration;

impl Driver {
    /// Launch an attempt, or ask again about a launch whose answer was lost: the same claim, by the same id.
    pub(super) async fn launch(&self, claim: &Claim, id: &AttemptId) -> Result<(), NotDone> {
        let (run, step, attempt) = self.attempt(id).await?;
        let job = self.job_of(&run, &step).await?;
        let scope = || Scope::Attempt { attempt: id.clone(), callback: None };
        let finish = async |outcome| {
            let body = InputBody::LaunchEnded { attempt: id.clone(), outcome };
            let delivered = self.deliver_for(scope(), body, Some(claim.clone()), None).await;
            // Also where a callback has settled it first.
            failpoint::hit("attempt_launched");
            delivered?;
            Ok(())
        };
        let hosts = match self.hosts_for(&attempt, &job.on).await? {
            Ok(hosts) => hosts,
            Err(message) => return finish(LaunchOutcome::Refused(Failure::new(FailureKind::NoHost, message))).await,
        };
        let text = spec(&run, &step, &job, &attempt);
        let mut begun = None;
        for host in hosts {
            let handed = self.hand(&host.name, &text, &attempt);
            failpoint::hit("attempt_scheduled");
            let starting = InputBody::LaunchStarting { attempt: id.clone(), handed, slots: host.slots };
            match self.deliver(scope(), starting).await?.reply {
                Decision::Launch(attempt) => {
                    begun = Some((host, attempt));
                    break;
                }
                // Somebody else was quicker.
                Decision::NoSlot => {}
                _ => return Ok(self.parts().store.finish(claim.clone()).await?),
            }
        }
        let Some((host, attempt)) = begun else { return self.hold_launch(claim, &attempt, &job.on).await };
        failpoint::hit("attempt_launching");
        let Some(handed) = &attempt.handed else { return Err(NotDone::Never("a launching attempt without claims".to_owned())) };
        let refused = |message: String| LaunchOutcome::Refused(Failure::new(FailureKind::Refused, message));
        let verb = match self.job_secrets(&run, &job).await {
            Ok(secrets) => {
                let reached_by = host.callbacks != CallbackMode::Pull;
                self.launch_verb(&run, &step, &attempt, handed, Frame { spec: text, secrets, reached_by })
            }
            Err(message) => Err(message),
        };
        let outcome = match verb {
            Err(message) => refused(message),
            Ok(verb) => launch_outcome(self.ask(&host, verb).await),
        };
        failpoint::hit("launch_answered");
        finish(outcome).await
    }

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
        let (_, _, attempt) = self.attempt(id).await?;
        let verdict = match self.ask_host_of(&attempt, Verb::Collect { attempt: id.to_string(), after_seq: 0 }).await? {
            Ok(Reply::Collected { view, posts, .. }) => {
                self.take(id, &posts).await?;
                Ok(verdict(view.phase, self.is_collected_from(&attempt).await?))
            }
            Ok(other) => Err(unexpected(&other)),
            Err(error) => Err(Failure::new(error.kind, error.message)),
        };
        let body = InputBody::Probed { attempt: id.clone(), verdict };
        self.deliver_for(Scope::Attempt { attempt: id.clone(), callback: None }, body, Some(claim.clone()), None).await?;
        Ok(())
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

    /// Posts that came over SSH go the way of those that came over HTTP.
    async fn take(&self, id: &AttemptId, posts: &[SignedPost]) -> Result<(), NotDone> {
        for post in posts {
            if let Err(error) = crate::callback::collected(self, id, post).await {
                tracing::warn!(attempt = %id, post = post.id, %error, "a collected post was not taken");
            }
        }
        Ok(())
    }

    async fn attempt(&self, id: &AttemptId) -> Result<(RunId, Step, Attempt), NotDone> {
        self.parts().store.attempt(id).await?.ok_or_else(|| NotDone::Never(format!("{id} is not in the store")))
    }

    async fn job_of(&self, run: &RunId, step: &Step) -> Result<JobSpec, NotDone> {
        match self.parts().store.event(run, step.spec_seq).await?.map(|event| event.body) {
            Some(EventBody::StepScheduled { spec: CallSpec::Job(job), .. }) => Ok(job),
            _ => Err(NotDone::Never(format!("event {} of {run} is not the schedule of a job", step.spec_seq))),
        }
    }

    /// Whether it is in order that an attempt on its host is not heard of between two probes.
    async fn is_collected_from(&self, attempt: &Attempt) -> Result<bool, NotDone> {
        let Some(handed) = &attempt.handed else { return Ok(false) };
        Ok(self.parts().store.host(&handed.host).await?.is_some_and(|host| host.callbacks != CallbackMode::Push))
    }

    async fn ask_host_of(&self, attempt: &Attempt, verb: Verb) -> Result<Result<Reply, AskError>, NotDone> {
        let Some(handed) = &attempt.handed else { return Err(NotDone::Never(format!("{} was never handed to a host", attempt.id))) };
        match self.parts().store.host(&handed.host).await? {
            Some(host) => Ok(self.ask(&host, verb).await),
            None => {
                Ok(Err(AskError { kind: FailureKind::NoHost, sent: Sent::Nothing, message: format!("host `{}` was removed", handed.host) }))
            }
        }
    }

    async fn ask(&self, host: &Host, verb: Verb) -> Result<Reply, AskError> {
        failpoint::hit("launch_asked");
        let asked = tokio::time::timeout(Duration::from_millis(limits::ASK_MS), self.parts().launcher.ask(host, verb)).await;
        asked.unwrap_or_else(|_| {
            let message = format!("{} did not answer within {} s", host.name, limits::ASK_MS / 1_000);
            Err(AskError { kind: FailureKind::Unreachable, sent: Sent::Perhaps, message })
        })
    }
}

fn launch_outcome(answer: Result<Reply, AskError>) -> LaunchOutcome {
    match answer {
        // Claimed, but nobody could be seen to have started it yet: asked again.
        Ok(Reply::Launched { view, .. }) if matches!(view.phase, Phase::Claimed | Phase::Orphaned | Phase::Gone) => {
            LaunchOutcome::Unknown(format!("the host says: {}", phase_text(view.phase)))
        }
        Ok(Reply::Launched { created, view }) => {
            LaunchOutcome::Acked { created, pid: view.pid, boot_id: view.boot_id, containment: view.containment }
        }
        // Not now: asked again, until the limits of the launch are over.
        Ok(Reply::Refused { refusal: Refusal::Resources, message }) => LaunchOutcome::Unknown(message),
        Ok(Reply::Refused { refusal: Refusal::Spawn, message }) => LaunchOutcome::Refused(Failure::new(FailureKind::Spawn, message)),
        Ok(Reply::Refused { refusal: Refusal::WrongMachine, message }) => {
            LaunchOutcome::Refused(Failure::new(FailureKind::WrongMachine, message))
        }
        Ok(Reply::Refused { refusal, message }) => {
            LaunchOutcome::Refused(Failure::new(FailureKind::Refused, format!("{refusal:?}: {message}")))
        }
        Ok(other) => LaunchOutcome::Unknown(unexpected(&other).message),
        Err(AskError { sent: Sent::Perhaps, message, .. }) => LaunchOutcome::Unknown(message),
        Err(AskError { kind: FailureKind::Unreachable, message, .. }) => {
            LaunchOutcome::Unreachable(Failure::new(FailureKind::Unreachable, message))
        }
        Err(AskError { kind, message, .. }) => LaunchOutcome::Refused(Failure::new(kind, message)),
    }
}

fn stopped(view: &AttemptView) -> Stopped {
    let proven = view.tree_gone || view.phase == Phase::Sealed;
    if proven { Stopped::Gone { evidence: format!("the host says: {}", phase_text(view.phase)) } } else { Stopped::Alive }
}

const fn verdict(phase: Phase, collected: bool) -> Verdict {
    match phase {
        Phase::Running if collected => Verdict::Unheard,
        Phase::Claimed | Phase::Running | Phase::Stopping | Phase::Orphaned => Verdict::Alive,
        Phase::Finished | Phase::Acked => Verdict::HasResult,
        Phase::Gone => Verdict::Gone,
        Phase::Interrupted => Verdict::Interrupted,
        Phase::Unknown => Verdict::Unknown,
        Phase::Sealed => Verdict::Sealed,
    }
}

const fn phase_text(phase: Phase) -> &'static str {
    match phase {
        Phase::Unknown => "never seen",
        Phase::Sealed => "sealed, will never start",
        Phase::Claimed => "claimed",
        Phase::Running => "running",
        Phase::Stopping => "being ended",
        Phase::Finished => "finished, nothing of it is left",
        Phase::Acked => "finished and acknowledged",
        Phase::Orphaned => "without a supervisor",
        Phase::Gone => "gone",
        Phase::Interrupted => "the machine was started anew",
    }
}

fn unexpected(reply: &Reply) -> Failure {
    let message = match reply {
        Reply::Refused { refusal, message } => format!("the shim refused ({refusal:?}): {message}"),
        _ => "the shim answered another question".to_owned(),
    };
    Failure::new(FailureKind::Refused, message)
}
