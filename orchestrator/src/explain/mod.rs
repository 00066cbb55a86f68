//! What a run is doing, or why it stopped, in plain words: pure functions from rows to sentences.
//!
//! [`explain`] looks at one consistent reading of a run ([`Facts`]) and gives an [`Explanation`]: JSON as it stands, text by
//! [`text`]. A run that is not over always has a next waker; where none is found, that is said to be a defect.

mod advice;
mod attempt;
mod callbacks;
mod facts;
mod headline;
mod next;
mod places;
mod step;
mod text;
mod waker;
mod words;

#[cfg(test)]
mod tests;

pub use advice::advice;
pub use facts::{Facts, HostFacts, Scheduled};
pub use places::{queue, target};
pub use text::text;
pub use words::span;

use crate::clock::rfc3339;
use crate::envelope::Next;
use serde::Serialize;
use sortie_store::model::QueuePlace;

/// What can be said about a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// Its id.
    pub run: String,
    /// Name of its flow.
    pub flow: String,
    /// Release number; 0 for a draft.
    pub release: u32,
    /// The state as people see it.
    pub state: String,
    /// Whether it is over.
    pub over: bool,
    /// One sentence: what it is doing, or how it ended.
    pub headline: String,
    /// Since when it has been so.
    pub since: String,
    /// Who wants it so, and why: for runs that are held.
    pub held: Option<String>,
    /// What it is queued for.
    pub queue: Option<String>,
    /// Its place there, as numbers.
    pub queue_place: Option<QueuePlace>,
    /// Why it failed, or was set aside.
    pub failure: Option<Why>,
    /// Steps that are not answered, oldest first.
    pub steps: Vec<step::StepFacts>,
    /// What happens next by itself, or whom it waits for.
    pub waker: Option<waker::Waker>,
    /// What contradicts the engine's own promises.
    pub defects: Vec<String>,
    /// Callbacks that came, oldest first, with what became of each.
    pub callbacks: Vec<callbacks::CallbackFacts>,
    /// What to do, as commands with the ids filled in.
    pub next: Vec<Next>,
}

/// A failure, and what is known about failures of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// Kind, of the one taxonomy.
    pub kind: String,
    /// What happened.
    pub message: String,
    /// What such failures mean, and what helps.
    pub advice: String,
}

/// Explain a run.
#[must_use]
pub fn explain(facts: &Facts<'_>) -> Explanation {
    let head = facts.head;
    let steps = step::open(facts);
    let waker = waker::next(facts);
    let defects = waker::defects(facts, waker.as_ref());
    let failure = head.failure.as_ref().map(|failure| Why {
        kind: failure.kind.as_str().to_owned(),
        message: failure.message.clone(),
        advice: advice(failure.kind).to_owned(),
    });
    Explanation {
        run: head.id.to_string(),
        flow: head.flow.clone(),
        release: head.release,
        state: head.shown_state().to_owned(),
        over: head.state.is_over(),
        headline: headline::of(facts, &steps),
        since: rfc3339(headline::since(facts)),
        held: facts.held.clone(),
        queue: facts.place.map(|place| queue(&head.plan, place)),
        queue_place: facts.place.cloned(),
        failure,
        next: next::commands(facts),
        callbacks: callbacks::of(facts),
        steps,
        waker,
        defects,
    }
}
