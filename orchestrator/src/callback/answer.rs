//! From what was decided to what is answered. The one place where the engine's outcomes meet the wire's.

use super::CallbackResponse;
use super::limits::{MESSAGE_CHARS, RETRY_AFTER_S};
use sortie_core::decide::{CallbackOutcome, Refusal, Reply};
use sortie_core::ids::Ms;
use sortie_core::state::{AttemptState, StopReason};
use sortie_core::value::ApprovalOutcome;
use sortie_core::view::PriorCallback;
use sortie_keys::ProofSecret;
use sortie_protocol::ask::{Answered, AskAnswer};
use sortie_protocol::receipt::{CallbackAnswer, Outcome, Receipt, receipt_message};
use sortie_store::StoreError;
use sortie_store::model::Delivered;

/// What became of a verified callback.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) outcome: CallbackOutcome,
    first: Option<PriorCallback>,
    stop: Option<StopReason>,
    /// When it was committed; a repeat of the receipt has the same time.
    at: Option<Ms>,
    pub(super) message: Option<String>,
    /// For a question: its answer, once there is one.
    answer: Option<AskAnswer>,
}

impl Taken {
    /// As the engine replied.
    pub(super) fn of(delivered: Delivered) -> Result<Self, StoreError> {
        let at = Some(delivered.at);
        match delivered.reply {
            Reply::Callback { outcome, first, stop, message, answer } => {
                Ok(Self { outcome, first, stop, at, message, answer: answer.map(ask_answer) })
            }
            other => Err(StoreError::Unusable(format!("a callback was answered with {other:?}"))),
        }
    }

    /// Not parseable, and nothing was changed.
    pub(super) const fn invalid(message: String) -> Self {
        Self { outcome: CallbackOutcome::Invalid, first: None, stop: None, at: None, message: Some(message), answer: None }
    }

    /// A question that cannot be put to anybody: whoever asks is told so at once.
    pub(super) fn not_asked(why: String) -> Self {
        let answer = AskAnswer { answered: Answered::Cancelled, by: Vec::new(), comment: Some(shorten(why.clone())) };
        Self { answer: Some(answer), ..Self::invalid(why) }
    }

    /// With the wish that the job is ended.
    pub(super) const fn with_stop(mut self, reason: StopReason) -> Self {
        self.stop = Some(reason);
        self
    }

    /// An upload that is whole.
    pub(super) const fn kept() -> Self {
        Self { outcome: CallbackOutcome::Accepted, first: None, stop: None, at: None, message: None, answer: None }
    }

    /// For an attempt that is over; nothing was changed.
    pub(super) const fn late() -> Self {
        Self { outcome: CallbackOutcome::Late, first: None, stop: None, at: None, message: None, answer: None }
    }

    /// A sign of life that changed nothing.
    pub(super) fn alive(state: AttemptState, stop: Option<StopReason>) -> Self {
        let outcome = if state.is_over() { CallbackOutcome::Late } else { CallbackOutcome::Accepted };
        Self { outcome, first: None, stop, at: None, message: None, answer: None }
    }
}

/// The answer to a question on the wire.
pub fn ask_answer(answer: sortie_core::view::AskAnswer) -> AskAnswer {
    let answered = match answer.answered {
        ApprovalOutcome::Approved => Answered::Approved,
        ApprovalOutcome::Rejected => Answered::Rejected,
        ApprovalOutcome::TimedOut => Answered::TimedOut,
        ApprovalOutcome::Cancelled => Answered::Cancelled,
    };
    AskAnswer { answered, by: answer.by, comment: answer.comment }
}

/// The engine's outcome on the wire.
pub(super) const fn on_the_wire(outcome: CallbackOutcome) -> Outcome {
    match outcome {
        CallbackOutcome::Accepted => Outcome::Accepted,
        CallbackOutcome::Duplicate => Outcome::Duplicate,
        CallbackOutcome::Conflict => Outcome::Conflict,
        CallbackOutcome::Late => Outcome::Late,
        CallbackOutcome::Invalid => Outcome::Invalid,
    }
}

/// The answer to an attempt: a receipt with the attempt's own secret. A repeat gets the receipt of the first.
pub(super) fn signed(secret: &ProofSecret, id: String, digest: String, taken: Taken, now: Ms) -> CallbackResponse {
    let Taken { outcome, first, stop, at, message, answer } = taken;
    let stop = stop.map(|reason| reason.as_str().to_owned());
    let receipt = match first {
        Some(first) => {
            let outcome = CallbackOutcome::parse(&first.outcome).unwrap_or(outcome);
            Receipt { id, digest: first.digest, outcome: on_the_wire(outcome), at_ms: first.at, stop, answer }
        }
        None => Receipt { id, digest, outcome: on_the_wire(outcome), at_ms: at.unwrap_or(now), stop, answer },
    };
    let mac = secret.sign(&receipt_message(&receipt));
    let answer = CallbackAnswer { outcome: on_the_wire(outcome), receipt: Some(receipt), mac: Some(mac), message: message.map(shorten) };
    CallbackResponse { answer, retry_after_s: None }
}

/// The answer where nothing vouches for it: a plain wait.
pub(super) fn unsigned(taken: Taken) -> CallbackResponse {
    CallbackResponse { answer: bare(on_the_wire(taken.outcome), taken.message.map(shorten)), retry_after_s: None }
}

/// The one answer to everybody who is not who he should be.
pub(super) const fn unauthorized() -> CallbackResponse {
    CallbackResponse { answer: bare(Outcome::Unauthorized, None), retry_after_s: None }
}

/// Over a limit that is known only after the sender is.
pub(super) fn too_large(limit: usize) -> CallbackResponse {
    CallbackResponse { answer: bare(Outcome::TooLarge, Some(format!("the body is larger than {limit} bytes"))), retry_after_s: None }
}

/// Not now, without a receipt: whoever asks keeps what he has.
pub(super) const fn unavailable() -> CallbackResponse {
    CallbackResponse { answer: bare(Outcome::Unavailable, None), retry_after_s: Some(RETRY_AFTER_S) }
}

/// The answer to a failed commit. Nothing is known to be on disk, so nothing is promised.
pub(super) fn of_error(error: &StoreError) -> CallbackResponse {
    match error {
        StoreError::NotFound(_) | StoreError::Refused(Refusal::NotFound) => unauthorized(),
        StoreError::Unavailable(_) => {
            tracing::warn!(%error, "callback put off");
            unavailable()
        }
        StoreError::Refused(_) | StoreError::Fenced | StoreError::Conflict(_) | StoreError::Unusable(_) => {
            tracing::error!(%error, "callback put off");
            unavailable()
        }
    }
}

const fn bare(outcome: Outcome, message: Option<String>) -> CallbackAnswer {
    CallbackAnswer { outcome, receipt: None, mac: None, message }
}

fn shorten(message: String) -> String {
    if message.len() <= MESSAGE_CHARS { message } else { message.chars().take(MESSAGE_CHARS).collect() }
}
