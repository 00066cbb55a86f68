//! Testing a host: a connection of its own, each phase timed, and what the machine says about itself.

use super::connection::{Connection, Timings};
use super::install::{self, Installed};
use super::launcher::SshLauncher;
use super::target::Target;
use crate::launcher::AskError;
use sortie_core::host::Host;
use sortie_protocol::view::HostFacts;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a test found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Name look-up and TCP, key exchange, login.
    pub timings: Timings,
    /// Login shell, remote command, start of the shim (and its upload, where it was missing).
    pub session: Duration,
    /// One question.
    pub answer: Duration,
    /// Whether the shim had to be sent.
    pub uploaded: bool,
    /// Clock of the machine less ours, in milliseconds, give or take half of `answer`. Shown, never judged.
    pub clock_skew_ms: i64,
    /// About the machine.
    pub facts: HostFacts,
}

impl SshLauncher {
    /// Reach a host on a connection of its own and ask it for its facts. `now_ms` is our clock, Unix milliseconds.
    ///
    /// # Errors
    /// As for every question.
    pub async fn test(&self, host: &Host, now_ms: &(dyn Fn() -> i64 + Sync)) -> Result<Report, AskError> {
        let target = Target::of(host)?;
        let connection = Arc::new(self.dialer.open(&target.way).await?);
        let report = self.test_on(&connection, &target, host, now_ms).await;
        connection.close(&self.dialer.limits).await;
        report
    }

    async fn test_on(
        &self,
        connection: &Arc<Connection>,
        target: &Target,
        host: &Host,
        now_ms: &(dyn Fn() -> i64 + Sync),
    ) -> Result<Report, AskError> {
        let started = Instant::now();
        let start = target.start(&self.dialer.limits);
        let installed = install::start(connection, start, self.shims.first(), &self.shims).await;
        let Installed { mut session, uploaded, .. } = installed.map_err(|error| error.into_ask_error(&target.at))?;
        let (asked, before) = (Instant::now(), now_ms());
        let facts = self.doctor(&mut session, &target.at, Some(host.marker.clone()), false).await;
        let (answer, after) = (asked.elapsed(), now_ms());
        session.end().await;
        let facts = facts?;
        let clock_skew_ms = facts.now_ms - before.midpoint(after);
        Ok(Report { timings: connection.timings, session: asked - started, answer, uploaded, clock_skew_ms, facts })
    }
}
