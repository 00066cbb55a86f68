//! The launcher that the driver sees.

use super::connection::Dialer;
use super::fault::nothing;
use super::gate::Gates;
use super::lane::Lane;
use super::limits::{LANES, Limits, PATIENCE};
use super::login::Identities;
use super::session::Question;
use super::target::{LaneKey, Target, lane_key};
use super::way::Jumps;
use crate::clock::Clock;
use crate::launcher::{AskError, Asking, Launcher};
use crate::shim::Shims;
use sortie_core::failure::FailureKind;
use sortie_core::host::Host;
use sortie_protocol::limits::FRAME_BYTES;
use sortie_protocol::verb::{Request, Verb};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the SSH side needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where identities come from.
    pub identities: Identities,
    /// The shims to put on hosts.
    pub shims: Shims,
    /// File of revoked host keys: lines of public keys, or a key revocation list.
    pub revoked: Option<std::path::PathBuf>,
    /// Time limits.
    pub limits: Limits,
}

impl Config {
    /// The installation's key, the embedded shim, and the limits as they stand.
    #[must_use]
    pub fn new(key: impl Into<std::path::PathBuf>) -> Self {
        let identities = Identities { key: key.into(), ..Identities::default() };
        Self { identities, shims: Shims::embedded(), revoked: None, limits: Limits::default() }
    }
}

/// Reaches hosts over SSH. Cheap to share; one for the process, so that its bounds hold.
pub struct SshLauncher {
    pub(super) dialer: Arc<Dialer>,
    pub(super) shims: Shims,
    lanes: Mutex<HashMap<LaneKey, Arc<Lane>>>,
    next_question: AtomicU64,
}

impl SshLauncher {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let Config { identities, shims, revoked, limits } = config;
        let dialer =
            Arc::new(Dialer { identities, gates: Gates::default(), jumps: Jumps::default(), revoked, clock: Clock::system(), limits });
        Self { dialer, shims, lanes: Mutex::default(), next_question: AtomicU64::new(1) }
    }

    fn lane(&self, host: &Host) -> Result<Arc<Lane>, AskError> {
        let key = lane_key(host)?;
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(&key) {
            return Ok(Arc::clone(lane));
        }
        let target = Target::of(host)?;
        if lanes.len() >= LANES {
            lanes.retain(|_, lane| !lane.is_idle());
        }
        if lanes.len() >= LANES {
            return Err(nothing(FailureKind::Unreachable, format!("{}: {LANES} other hosts are being reached already", target.at)));
        }
        let lane = Arc::new(Lane::new(target, Arc::clone(&self.dialer), self.shims.clone()));
        lanes.insert(key, Arc::clone(&lane));
        Ok(lane)
    }

    /// A question with the marker of the state root that must answer it.
    pub(super) fn question(&self, at: &str, marker: Option<String>, verb: Verb) -> Result<Question, AskError> {
        let patience = match &verb {
            Verb::Cancel { wait_ms, .. } => Duration::from_millis(*wait_ms).min(PATIENCE),
            _ => Duration::ZERO,
        };
        let id = self.next_question.fetch_add(1, Ordering::Relaxed);
        let request = Request { v: sortie_protocol::VERSION, id, marker, verb };
        let refuse = |what: String| nothing(FailureKind::Refused, format!("{at}: {what}"));
        let payload = serde_json::to_vec(&request).map_err(|error| refuse(format!("the question cannot be written: {error}")))?;
        if payload.len() > FRAME_BYTES {
            return Err(refuse(format!("the question has {} bytes, more than the {FRAME_BYTES} of a frame", payload.len())));
        }
        Ok(Question { id, payload, patience })
    }
}

impl Launcher for SshLauncher {
    fn ask<'a>(&'a self, host: &'a Host, verb: Verb) -> Asking<'a> {
        Box::pin(async move {
            let lane = self.lane(host)?;
            let question = self.question(&host.name, Some(host.marker.clone()), verb)?;
            lane.ask(question).await
        })
    }
}
