//! Due work on hosts: launches. Each asks the shim one question and delivers its answer; `probing` has the others.

use super::Driver;
use super::handed::{Frame, Given, spec};
use super::work::NotDone;
use crate::failpoint;
use crate::launcher::{AskError, Sent};
use sortie_core::call::{CallSpec, JobSpec};
use sortie_core::decide::Reply as Decision;
use sortie_core::event::EventBody;
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::host::{CallbackMode, Host};
use sortie_core::ids::{AttemptId, RunId};
use sortie_core::input::{InputBody, LaunchOutcome, Scope};
use sortie_core::view::{Attempt, Step};
use sortie_protocol::verb::{Refusal, Reply};
use sortie_protocol::view::Phase;
use sortie_store::model::Claim;

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
        let past = self.past(&run, &step, &attempt, &job).await?;
        let hosts = match self.hosts_for(&attempt, &job.on).await? {
            Ok(hosts) => preferring(hosts, past.host()),
            Err(message) => return finish(LaunchOutcome::Refused(Failure::new(FailureKind::NoHost, message))).await,
        };
        let text = |own_user, disk_floor_bytes| {
            let given = Given { past: &past, own_user, disk_floor_bytes };
            spec(&self.parts().installation.id, &run, &step, &job, &attempt, &given)
        };
        let mut begun = None;
        for host in hosts {
            let handed = self.hand(&host, &text(host.own_user, host.disk_floor_bytes), &attempt);
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
                let restore = self.restore(&run, &past, &host.name).await?;
                // As it was handed first: what the host is set to may have changed since.
                let spec = text(handed.own_user, handed.disk_floor_bytes);
                self.launch_verb(&run, &step, &attempt, handed, Frame { spec, secrets, reached_by, restore })
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

    pub(super) async fn attempt(&self, id: &AttemptId) -> Result<(RunId, Step, Attempt), NotDone> {
        self.parts().store.attempt(id).await?.ok_or_else(|| NotDone::Never(format!("{id} is not in the store")))
    }

    pub(super) async fn job_of(&self, run: &RunId, step: &Step) -> Result<JobSpec, NotDone> {
        match self.parts().store.event(run, step.spec_seq).await?.map(|event| event.body) {
            Some(EventBody::StepScheduled { spec: CallSpec::Job(job), .. }) => Ok(job),
            _ => Err(NotDone::Never(format!("event {} of {run} is not the schedule of a job", step.spec_seq))),
        }
    }
}

/// The host of the attempt before goes first, where it is among those that take the launch: its session and working tree are there.
fn preferring(mut hosts: Vec<Host>, before: Option<&str>) -> Vec<Host> {
    hosts.sort_by_key(|host| before != Some(host.name.as_str()));
    hosts
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

pub(super) const fn phase_text(phase: Phase) -> &'static str {
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

pub(super) fn unexpected(reply: &Reply) -> Failure {
    let message = match reply {
        Reply::Refused { refusal, message } => format!("the shim refused ({refusal:?}): {message}"),
        _ => "the shim answered another question".to_owned(),
    };
    Failure::new(FailureKind::Refused, message)
}
