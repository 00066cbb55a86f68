//! A worker of a lane: gets itself a session, asks what is queued, leaves when nothing came for a while.

use super::connection::{Connection, pause};
use super::fault::nothing;
use super::install::{self, Installed};
use super::lane::{Job, Lane};
use super::script::Step;
use super::session::{Asked, Session, StartError};
use crate::launcher::AskError;
use sortie_core::failure::FailureKind;
use std::sync::{Arc, PoisonError};
use tokio::time::{Instant, timeout_at};

/// Why a worker has no session.
enum NoSession {
    /// Others have as many as the server allows, or nobody waits any more: leave quietly.
    NotNeeded,
    /// The host cannot be used.
    Failed(AskError),
}

/// What the counts of a lane say of one worker; put right again however it ends.
struct Counted<'a> {
    lane: &'a Lane,
    ready: bool,
    serving: bool,
}

impl Counted<'_> {
    fn serve(&mut self) {
        self.lane.state().serving += 1;
        self.serving = true;
    }

    fn ready(&mut self) {
        if !self.ready {
            self.lane.state().ready += 1;
            self.ready = true;
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut state = self.lane.state();
        state.ready -= usize::from(self.ready);
        state.serving -= usize::from(self.serving);
    }
}

impl Lane {
    /// Start the worker that was counted by `State::wants_worker`.
    pub(super) fn hire(self: &Arc<Self>) {
        let lane = Arc::clone(self);
        tokio::spawn(async move {
            let worker = Arc::clone(&lane);
            // In a task of its own: a panic of the SSH library must not leave the counts wrong and questions waiting.
            if tokio::spawn(async move { worker.work().await }).await.is_err() {
                lane.fail_all(&nothing(FailureKind::Unreachable, format!("{}: the connection was lost to a defect", lane.target.at)));
            }
            lane.retire().await;
        });
    }

    async fn work(self: &Arc<Self>) {
        let mut counted = Counted { lane: self, ready: true, serving: false };
        match self.session().await {
            Ok(mut session) => {
                counted.serve();
                self.serve(&mut session, &mut counted).await;
                // A question may have come while this worker was leaving.
                drop(counted);
                if self.state().wants_worker() {
                    self.hire();
                }
                session.end().await;
            }
            Err(NoSession::NotNeeded) => {}
            Err(NoSession::Failed(error)) => {
                let others = self.state().serving;
                if others == 0 {
                    self.fail_all(&error);
                } else {
                    // The others go on; no more are hired on this connection.
                    self.state().allowed = Some(others);
                }
            }
        }
    }

    async fn serve(&self, session: &mut Session, counted: &mut Counted<'_>) {
        let mut leave_at = Instant::now() + self.dialer.limits.idle;
        while !session.is_over() {
            let Some(Job { question, answer }) = self.take_next() else {
                let idle = async {
                    tokio::select! {
                        () = self.wake.notified() => true,
                        () = session.wait_for_end() => false,
                    }
                };
                match timeout_at(leave_at, idle).await {
                    Ok(true) => continue,
                    Ok(false) | Err(_) => break,
                }
            };
            counted.ready = false;
            match session.ask(question).await {
                Asked::Done(outcome) => {
                    let _nobody_waits_any_more = answer.send(outcome);
                }
                Asked::Unsent(question) => self.put_back(Job { question, answer }),
            }
            counted.ready();
            leave_at = Instant::now() + self.dialer.limits.idle;
        }
    }

    /// A session on the lane's connection, which is made where there is none. A connection that was there before and
    /// turns out to be dead is replaced once.
    async fn session(&self) -> Result<Session, NoSession> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (connection, fresh) = self.connection().await?;
            match self.start_on(&connection).await {
                Ok(session) => return Ok(session),
                Err(StartError::Gone(error)) => {
                    self.forget(&connection).await;
                    if fresh || tries > 2 {
                        return Err(NoSession::Failed(error));
                    }
                }
                Err(StartError::Full(error)) => {
                    let serving = self.state().serving;
                    if serving > 0 {
                        self.state().allowed = Some(serving);
                        return Err(NoSession::NotNeeded);
                    }
                    // Sessions just closed may still be counted by the server.
                    if tries >= self.dialer.limits.open_tries {
                        return Err(NoSession::Failed(error));
                    }
                    tokio::time::sleep(pause(self.dialer.limits.handshake_pause, tries)).await;
                }
                Err(error @ (StartError::Failed(_) | StartError::Missing { .. } | StartError::Foreign { .. })) => {
                    return Err(NoSession::Failed(error.into_ask_error(&self.target.at)));
                }
            }
        }
    }

    /// Start a session, on a shim that this process has verified on the host before, or verify or upload it now.
    async fn start_on(&self, connection: &Arc<Connection>) -> Result<Session, StartError> {
        let shim = Arc::clone(&self.shim.lock().unwrap_or_else(PoisonError::into_inner));
        let start = self.target.start(&self.dialer.limits);
        if self.installed.lock().await.contains(&shim.sha256) {
            match Session::start(connection, start, &shim, Step::Run).await {
                Err(StartError::Missing { .. } | StartError::Foreign { .. }) => {}
                other => return other,
            }
        }
        let mut installed = self.installed.lock().await;
        let Installed { shim, session, .. } = install::start(connection, start, &shim, &self.shims).await?;
        installed.insert(shim.sha256.clone());
        *self.shim.lock().unwrap_or_else(PoisonError::into_inner) = shim;
        Ok(session)
    }

    /// The lane's connection, and whether it was made just now. Whoever fails tells all who wait, under the lock, so that
    /// the next worker does not try in vain again.
    async fn connection(&self) -> Result<(Arc<Connection>, bool), NoSession> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok((Arc::clone(connection), false));
        }
        *slot = None;
        if self.is_queue_empty() {
            return Err(NoSession::NotNeeded);
        }
        match self.dialer.open(&self.target.way).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *slot = Some(Arc::clone(&connection));
                self.state().allowed = None;
                Ok((connection, true))
            }
            Err(error) => {
                self.fail_all(&error);
                Err(NoSession::NotNeeded)
            }
        }
    }

    async fn forget(&self, connection: &Arc<Connection>) {
        let mut slot = self.connection.lock().await;
        if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            *slot = None;
        }
        connection.kill();
    }

    /// A worker is gone. If questions came in between, another is hired; the last one to leave closes the connection.
    async fn retire(self: &Arc<Self>) {
        let mut slot = self.connection.lock().await;
        let (wanted, last) = {
            let mut state = self.state();
            state.workers -= 1;
            (state.wants_worker(), state.workers == 0)
        };
        if wanted {
            self.hire();
        } else if last && let Some(connection) = slot.take() {
            self.state().allowed = None;
            let limits = self.dialer.limits.clone();
            tokio::spawn(async move { connection.close(&limits).await });
        }
    }
}
