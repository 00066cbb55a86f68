//! `decide(view, input) -> {events, effects, reply} | refusal`: every decision of the engine. One file per kind of input.

mod admission;
mod adopt;
mod advance;
mod approval;
mod ask;
mod callback;
mod cancel;
mod child;
mod draft;
mod event;
mod exit;
mod hold;
mod host;
mod launch;
mod notice;
mod operator;
mod reset;
mod schedule;
mod timer;
mod tries;

pub use approval::may_decide;
pub use event::subject as event_subject;

use crate::effect::Effect;
use crate::event::Event;
use crate::ids::{Ms, RunId};
use crate::input::{Input, InputBody};
use crate::state::{IllegalTransition, StopReason};
use crate::view::{AskAnswer, Attempt, PriorCallback, View};
use draft::Draft;

/// What was decided. All of it is committed in one transaction, or none.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The rows after it. Rows that differ from before are written.
    pub view: View,
    /// New events, in order, numbered after the head's `seq`.
    pub events: Vec<Event>,
    /// Changes to the due work, in order.
    pub effects: Vec<Effect>,
    /// A callback to remember, so that its repeat is recognised.
    pub callback: Option<CallbackRecord>,
    /// What the caller is told.
    pub reply: Reply,
}

/// A callback to remember as long as the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackRecord {
    /// Attempt or wait.
    pub subject: String,
    /// `webhook-id`, or the digest for a plain wait.
    pub id: String,
    /// SHA-256 of its body, hex.
    pub digest: String,
    /// What became of it.
    pub outcome: CallbackOutcome,
    /// When.
    pub at: Ms,
    /// Whether its body is to be kept (it is in no event).
    pub keep_body: bool,
}

/// What became of a verified callback. The HTTP statuses are in `sortie-protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallbackOutcome {
    /// Committed; the run was made ready.
    Accepted,
    /// The same again.
    Duplicate,
    /// Another result for a finished attempt or wait.
    Conflict,
    /// The run moved on.
    Late,
    /// Not parseable or not of the schema.
    Invalid,
}

impl CallbackOutcome {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Accepted, Self::Duplicate, Self::Conflict, Self::Late, Self::Invalid];

    /// The outcome a text names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }

    /// As in JSON and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Late => "late",
            Self::Invalid => "invalid",
        }
    }
}

/// What the caller is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Done.
    Done,
    /// It was so already, or no longer matters; nothing was changed.
    Nothing,
    /// What became of a callback.
    Callback {
        /// What.
        outcome: CallbackOutcome,
        /// For a duplicate: the first one.
        first: Option<PriorCallback>,
        /// That the job is to be ended.
        stop: Option<StopReason>,
        /// For people.
        message: Option<String>,
        /// For a question of a job: its answer, once there is one.
        answer: Option<AskAnswer>,
    },
    /// The launch may be sent, with exactly what this attempt was handed.
    Launch(Box<Attempt>),
    /// Every slot of the chosen host is taken.
    NoSlot,
    /// The try may be made: its number, and the key that every try of the step carries.
    Try {
        /// From 1.
        number: u32,
        /// The same for every try of the step.
        idempotency_key: String,
    },
    /// The run was not made: there is no room, and its flow says `skip`.
    Skipped {
        /// One of those that are there.
        running: Option<RunId>,
    },
    /// What an operator asked for is not possible; nothing was changed.
    Refused {
        /// `not_now`, `wrong_revision`, `not_allowed`, `comment_required`, `already_decided`, `closed`, `changed`, `invalid`, `not_found`.
        code: &'static str,
        /// For people.
        message: String,
    },
}

/// Why nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such run, attempt or wait.
    #[error("not found")]
    NotFound,
    /// The run is there already, made by the same request.
    #[error("the run exists already")]
    Exists,
    /// Somebody else has claimed the advance since.
    #[error("another evaluation has been claimed since")]
    Fenced,
    /// The rows contradict themselves.
    #[error(transparent)]
    Corrupt(#[from] IllegalTransition),
}

/// Decide one input.
///
/// # Errors
/// [`Refusal`]; nothing is to be written then.
pub fn decide(view: View, input: &Input) -> Result<Decided, Refusal> {
    if let InputBody::Create(create) = &input.body {
        return admission::create(view, input, create);
    }
    let mut draft = Draft::new(view, input)?;
    match &input.body {
        InputBody::Create(_) => return Err(Refusal::Exists),
        InputBody::Evaluated { advance_fence, seen, evaluation, log } => {
            advance::evaluated(&mut draft, *advance_fence, *seen, evaluation, log)?
        }
        InputBody::EvaluationCrashed { advance_fence, message } => advance::crashed(&mut draft, *advance_fence, message)?,
        InputBody::LaunchStarting { attempt, handed, slots } => launch::starting(&mut draft, attempt, handed, *slots)?,
        InputBody::LaunchEnded { attempt, outcome } => launch::ended(&mut draft, attempt, outcome)?,
        InputBody::AttemptCallback { attempt, callback, said } => callback::attempt(&mut draft, attempt, callback, said)?,
        InputBody::WaitCallback { wait, digest, answer } => callback::wait(&mut draft, wait, digest, answer)?,
        InputBody::StopEnded { attempt, outcome } => host::stop_ended(&mut draft, attempt, outcome)?,
        InputBody::Probed { attempt, verdict, used } => host::probed(&mut draft, attempt, verdict, *used)?,
        InputBody::TimerDue(timer) => timer::due(&mut draft, timer)?,
        InputBody::Cancel(operator) => cancel::cancel(&mut draft, operator)?,
        InputBody::Terminate(operator) => cancel::terminate(&mut draft, operator)?,
        InputBody::Pause(operator) => hold::pause(&mut draft, operator)?,
        InputBody::Resume(operator) => hold::resume(&mut draft, operator)?,
        InputBody::Park(failure) => hold::park(&mut draft, failure)?,
        InputBody::Reset { from, operator } => reset::reset(&mut draft, *from, operator)?,
        InputBody::Adopt { attempt, digest, said, operator } => adopt::adopt(&mut draft, attempt, digest, said, operator)?,
        InputBody::Start => admission::start(&mut draft)?,
        InputBody::TryStarting { call } => tries::starting(&mut draft, *call)?,
        InputBody::TryEnded { call, number, outcome } => tries::ended(&mut draft, *call, *number, outcome)?,
        InputBody::ChildMade { call, made } => child::made(&mut draft, *call, made)?,
        InputBody::ChildEnded { call, run, answer } => child::ended(&mut draft, *call, run, answer)?,
        InputBody::EventArrived { call, id, payload, published_at } => event::arrived(&mut draft, *call, id, payload, *published_at)?,
        InputBody::Vote { call, vote } => approval::vote(&mut draft, *call, vote)?,
        InputBody::AnswerWait { call, digest, answer, actor } => callback::answer_wait(&mut draft, *call, digest, answer, actor)?,
        InputBody::StopAttempt { attempt, reason } => host::stop(&mut draft, attempt, *reason)?,
        InputBody::Cloned { attempt, boot_id, other_boot_id, other_instance } => {
            host::cloned(&mut draft, attempt, boot_id, other_boot_id, other_instance)?
        }
        InputBody::NoticeEnded { what, about, to, result } => notice::ended(&mut draft, *what, *about, to, result)?,
    }
    Ok(draft.finish())
}
