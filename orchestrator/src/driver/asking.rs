//! One question to a host, behind its breaker.

use super::Driver;
use super::fitting::Fitting;
use super::work::NotDone;
use crate::failpoint;
use crate::launcher::{AskError, Sent};
use crate::limits;
use sortie_core::failure::FailureKind;
use sortie_core::host::{Host, LauncherKind};
use sortie_core::view::Attempt;
use sortie_protocol::verb::{Reply, Verb};
use std::time::Duration;

impl Driver {
    /// Ask the host that an attempt was handed to.
    pub(super) async fn ask_host_of(&self, attempt: &Attempt, verb: Verb) -> Result<Result<Reply, AskError>, NotDone> {
        match self.host_of(attempt).await? {
            Ok(host) => Ok(self.ask(&host, verb).await),
            Err(error) => Ok(Err(error)),
        }
    }

    /// The host that an attempt was handed to, unless it was removed.
    pub(super) async fn host_of(&self, attempt: &Attempt) -> Result<Result<Host, AskError>, NotDone> {
        let Some(handed) = &attempt.handed else { return Err(NotDone::Never(format!("{} was never handed to a host", attempt.id))) };
        let found = self.parts().store.host(&handed.host).await?;
        let removed =
            || AskError { kind: FailureKind::NoHost, sent: Sent::Nothing, message: format!("host `{}` was removed", handed.host) };
        Ok(found.ok_or_else(removed))
    }

    /// Ask a host for an operator, who does not want to wait until its pause is over.
    ///
    /// # Errors
    /// As for every question.
    pub async fn ask_now(&self, host: &Host, verb: Verb) -> Result<Reply, AskError> {
        let answer = self.asked(host, verb).await;
        self.host_answered(&host.name, &answer);
        answer
    }

    /// Ask a host. One that is out of reach is not tried before its pause is over; that it was not says the answer.
    pub(crate) async fn ask(&self, host: &Host, verb: Verb) -> Result<Reply, AskError> {
        failpoint::hit("launch_asked");
        let now = || self.parts().clock.now();
        // Nobody reaches a worker: it comes and asks.
        let leave = match host.launcher {
            LauncherKind::Worker => None,
            LauncherKind::Ssh | LauncherKind::Local => match self.0.health.enter(&host.name, now()) {
                Ok(leave) => Some(leave),
                Err(message) => return Err(AskError { kind: FailureKind::Unreachable, sent: Sent::Nothing, message }),
            },
        };
        let answer = self.asked(host, verb).await;
        if let Some(leave) = leave {
            leave.tell(&answer, now());
        }
        answer
    }

    async fn asked(&self, host: &Host, verb: Verb) -> Result<Reply, AskError> {
        let fitting = Fitting::to(&verb);
        let unknown = |message| AskError { kind: FailureKind::Unreachable, sent: Sent::Perhaps, message };
        let asked = tokio::time::timeout(Duration::from_millis(limits::ASK_MS), self.parts().launcher.ask(host, verb)).await;
        let late = |_| unknown(format!("{} did not answer within {} s", host.name, limits::ASK_MS / 1_000));
        let reply = asked.map_err(late)??;
        fitting.check(&reply).map_err(|why| unknown(format!("{}: {why}; whether it was done is not known", host.name)))?;
        Ok(reply)
    }
}
