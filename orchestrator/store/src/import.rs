//! A run that comes back from a file: what must hold of it before a store writes it.

use crate::model::CallbackRow;
use sortie_core::apply;
use sortie_core::decide::{CallbackOutcome, CallbackRecord};
use sortie_core::event::Event;
use sortie_core::state::{IllegalTransition, RunState};
use sortie_core::view::{Attempt, RunHead, Step};

/// Why a run cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// No event, or none that makes a run.
    #[error("its journal does not begin with the creation of the run")]
    Empty,
    /// An event does not follow from those before it.
    #[error("its journal does not hold together: {0}")]
    Broken(#[from] IllegalTransition),
    /// It goes on somewhere: a copy would do its work a second time.
    #[error("it was {} when it was exported: export it when it is over", .0.as_str())]
    Open(RunState),
    /// A host may still have a job of it, which only the server that launched it can end.
    #[error("a job of it was not known to be over when it was exported: export it when its jobs are over")]
    Owes,
    /// No store writes such an outcome.
    #[error("a callback in it has the outcome `{0}`, which there is not")]
    Callback(String),
}

/// A run that is over, with the rows that its journal comes to. It owes nothing to anybody, so nothing of it becomes due.
#[derive(Clone, Debug)]
pub struct Import {
    pub(crate) head: RunHead,
    pub(crate) steps: Vec<Step>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) events: Vec<Event>,
    pub(crate) callbacks: Vec<(CallbackRecord, Option<Vec<u8>>)>,
    pub(crate) files: String,
}

impl Import {
    /// Fold a journal. `files` is the stored form of the bundle whose digest the first event names; that it is this one is the
    /// caller's to know.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn new(events: Vec<Event>, callbacks: Vec<CallbackRow>, files: String) -> Result<Self, ImportError> {
        let view = apply::fold(&events)?;
        let mut head = view.run.ok_or(ImportError::Empty)?;
        if !head.state.is_over() || head.open_steps > 0 {
            return Err(ImportError::Open(head.state));
        }
        if view.attempts.values().any(|attempt| !attempt.state.is_over()) {
            return Err(ImportError::Owes);
        }
        // What the journal does not say: all of it has been evaluated.
        head.evaluated_seq = head.wake_seq;
        let callbacks = callbacks.into_iter().map(remembered).collect::<Result<_, _>>()?;
        let (steps, attempts) = (view.steps.into_values().collect(), view.attempts.into_values().collect());
        Ok(Self { head, steps, attempts, events, callbacks, files })
    }

    /// The run as it will be.
    #[must_use]
    pub const fn head(&self) -> &RunHead {
        &self.head
    }
}

fn remembered(row: CallbackRow) -> Result<(CallbackRecord, Option<Vec<u8>>), ImportError> {
    let CallbackRow { subject, id, digest, outcome, at, body } = row;
    let outcome = CallbackOutcome::parse(&outcome).ok_or(ImportError::Callback(outcome))?;
    Ok((CallbackRecord { subject, id, digest, outcome, at, keep_body: body.is_some() }, body))
}
