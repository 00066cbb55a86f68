//! What operators ask.

use serde::{Deserialize, Serialize};
use sortie_core::call::CallSpec;
use sortie_core::effect::WorkClass;
use sortie_core::ids::{Ms, RunId};
use sortie_core::state::AttemptState;
use sortie_core::view::Step;

/// A step that somebody is asked for: a wait or an approval.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedStep {
    /// Its run.
    pub run: RunId,
    /// Name of its flow.
    pub flow: String,
    /// The step.
    pub step: Step,
    /// What it asks for.
    pub spec: CallSpec,
    /// When it was scheduled.
    pub scheduled_at: Ms,
}

/// Where a list of such steps goes on.
pub type AskedAfter = (RunId, u32);

/// Due work of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The class.
    pub class: WorkClass,
    /// Pieces that are due and not claimed, counted up to [`crate::limits::BACKLOG`].
    pub due: u64,
    /// When the oldest of them was due.
    pub oldest_at: Option<Ms>,
}

/// Attempts that are not over, of one host and state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptCount {
    /// Name of the host; `None` where none is chosen.
    pub host: Option<String>,
    /// Their state.
    pub state: AttemptState,
    /// Whether their end could not be verified in time.
    pub debt: bool,
    /// How many.
    pub attempts: u64,
    /// When the oldest was scheduled.
    pub oldest_at: Ms,
}

/// A command of an operator that changed something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRow {
    /// When.
    pub at: Ms,
    /// Who.
    pub actor: String,
    /// `POST`, `DELETE` ...
    pub method: String,
    /// What of.
    pub path: String,
    /// HTTP status of the answer.
    pub status: u16,
}
