//! Which launcher a host is reached by. One state machine for all of them: the questions, their answers and what is known after
//! a failure are the same.
//!
//! | launcher | the shim is asked | place |
//! | --- | --- | --- |
//! | `ssh` | in a short session | [`crate::ssh`] |
//! | `local` | as a process of this machine | [`local`] |
//! | `worker` | by a `sortie worker` that comes and fetches the questions | [`crate::worker`] |

pub mod limits;
pub mod local;
pub mod names;

use crate::launcher::{Asking, Launcher};
use sortie_core::host::{Host, LauncherKind};
use sortie_protocol::verb::Verb;
use std::sync::Arc;

/// All launchers, chosen by host.
pub struct Launchers {
    /// Over SSH.
    pub ssh: Arc<dyn Launcher>,
    /// On this machine.
    pub local: Arc<dyn Launcher>,
    /// Through workers.
    pub worker: Arc<dyn Launcher>,
}

impl Launcher for Launchers {
    fn ask<'a>(&'a self, host: &'a Host, verb: Verb) -> Asking<'a> {
        match host.launcher {
            LauncherKind::Ssh => self.ssh.ask(host, verb),
            LauncherKind::Local => self.local.ask(host, verb),
            LauncherKind::Worker => self.worker.ask(host, verb),
        }
    }
}
