//! What is known of hosts besides what operators set.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sortie_core::ids::{Ms, RunId};
use sortie_core::view::Attempt;

/// What was last seen of a host. Written now and then: a process that dies forgets the last minute of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostHealth {
    /// When it last answered.
    pub last_ok: Option<Ms>,
    /// Since when it cannot be reached, where it cannot.
    pub failing_since: Option<Ms>,
    /// Why it could not be reached last.
    pub error: Option<String>,
    /// What it last said of itself.
    pub facts: Option<Value>,
    /// When it said so.
    pub facts_at: Option<Ms>,
    /// Since when what its shims post does not arrive although it can be reached.
    pub unheard_since: Option<Ms>,
    /// Jobs without a live run that were ended there.
    pub orphans: u64,
    /// When it was last asked what it holds.
    pub swept_at: Option<Ms>,
    /// When acknowledged attempts were last removed there.
    pub gc_at: Option<Ms>,
}

/// An attempt on a host that is not over.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenAttempt {
    /// Its run.
    pub run: RunId,
    /// The attempt.
    pub attempt: Attempt,
    /// Its last sign of life.
    pub last_seen: Option<Ms>,
}
