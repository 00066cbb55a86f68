//! What comes back from outside: bytes -> verified input -> decision -> answer. Independent of how the bytes travelled.
//!
//! The order is fixed: size limit, URL signature, token, proof, parse, decide, commit, answer. The first half
//! ([`admit`]) needs no body, so that nobody without URL and token makes the server hold one.

mod agent;
mod answer;
pub mod artifact;
mod ask;
mod beat;
mod files;
mod judge;
mod kept;
pub mod limits;
pub mod log;
mod masked;
mod parse;
mod seen;
mod verify;
mod wait;

#[cfg(test)]
mod tests;

pub use answer::ask_answer;
pub use kept::kept;
pub use seen::{reported, seen};
pub use verify::{Admitted, WebhookHeaders};

use crate::driver::Driver;
use crate::failpoint;
use crate::logs::Place;
use crate::vault::mask::Masker;
use parse::{Content, Fault};
use sortie_core::canonical;
use sortie_core::decide::CallbackOutcome;
use sortie_core::ids::{AttemptId, RunId};
use sortie_core::input::{CallbackFacts, InputBody, Said, Scope};
use sortie_core::view::Step;
use sortie_keys::ProofSecret;
use sortie_protocol::callback::{CallbackKind, SignedPost, proof_message};
use sortie_protocol::receipt::{CallbackAnswer, Outcome};
use sortie_store::StoreError;

/// A callback before its body is read.
#[derive(Clone, Copy)]
pub struct CallbackHead<'a> {
    /// Attempt or wait, as in the path.
    pub id: &'a str,
    /// As in the path.
    pub kind: CallbackKind,
    /// The query, undecoded.
    pub query: &'a str,
    /// The `authorization` header, where there is exactly one.
    pub authorization: Option<&'a str>,
    /// The headers of the proof.
    pub webhook: WebhookHeaders<'a>,
}

/// What a callback is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackResponse {
    /// The JSON body; its outcome gives the status.
    pub answer: CallbackAnswer,
    /// When to try again, in seconds, where that makes sense.
    pub retry_after_s: Option<u32>,
}

impl CallbackResponse {
    /// What became of it.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.answer.outcome
    }
}

/// Why a post that was collected could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// No such attempt, or it was never handed anything.
    #[error("the attempt is not known here")]
    Unknown,
    /// The root key that its proofs come from is revoked.
    #[error("the root key of this attempt is revoked")]
    Revoked,
    /// The bytes were not signed by the attempt, or not for this event.
    #[error("the proof does not fit")]
    Proof,
    /// The keys or the store did not answer.
    #[error("not available: {0}")]
    Unavailable(String),
}

/// URL signature and token, without the body.
///
/// # Errors
/// The answer, where it ends here.
pub fn admit(driver: &Driver, head: &CallbackHead<'_>) -> Result<Admitted, Box<CallbackResponse>> {
    if let Err(error) = driver.ring().reload_if_changed() {
        // A revocation that cannot be read would not hold: nothing is taken, and nothing is lost by that.
        tracing::error!(%error, "the key ring cannot be read; callbacks are put off");
        return Err(Box::new(answer::unavailable()));
    }
    verify::admit(driver, head).map_err(|verify::Unauthorized| Box::new(answer::unauthorized()))
}

/// Proof, parse, decide, commit, answer.
pub async fn settle(driver: &Driver, admitted: Admitted, body: Vec<u8>) -> CallbackResponse {
    match admitted {
        Admitted::Wait(admitted) => wait::settle(driver, admitted, body).await,
        Admitted::Attempt(admitted) => match verify::prove(driver, &admitted, &body).await {
            Err(verify::Refused::Unauthorized) => answer::unauthorized(),
            Err(verify::Refused::Unavailable(error)) => answer::of_error(&error),
            Ok(proven) => {
                failpoint::hit("callback_verified");
                let post = Post {
                    run: proven.run,
                    step: proven.step,
                    attempt: admitted.attempt,
                    event: admitted.event,
                    timestamp: admitted.timestamp,
                    body,
                    via: "callback",
                };
                answered(driver, post, &proven.secret).await
            }
        },
    }
}

/// [`admit`] and [`settle`] in one.
pub async fn handle(driver: &Driver, head: &CallbackHead<'_>, body: Vec<u8>) -> CallbackResponse {
    match admit(driver, head) {
        Ok(admitted) => settle(driver, admitted, body).await,
        Err(response) => *response,
    }
}

/// Take a post that came over SSH: the same proof, parsing and decision as over HTTP, without URL and token.
///
/// # Errors
/// [`CollectError`]; nothing was changed then.
pub async fn collected(driver: &Driver, attempt: &AttemptId, post: &SignedPost) -> Result<CallbackOutcome, CollectError> {
    let event = verify::EventName::of(attempt.as_str(), post.kind, &post.id).ok_or(CollectError::Proof)?;
    if event.seq != post.seq {
        return Err(CollectError::Proof);
    }
    driver.ring().reload_if_changed().map_err(|error| CollectError::Unavailable(error.to_string()))?;
    let found = driver.parts().store.attempt(attempt).await.map_err(|error| CollectError::Unavailable(error.to_string()))?;
    let (run, step, row) = found.ok_or(CollectError::Unknown)?;
    let handed = row.handed.ok_or(CollectError::Unknown)?;
    let secret = driver.ring().proof_secret(handed.root, attempt.as_str()).ok_or(CollectError::Revoked)?;
    let body = post.body.as_bytes();
    if !secret.verify(&proof_message(&post.id, post.timestamp, body), &post.signature) {
        return Err(CollectError::Proof);
    }
    let post = Post { run, step, attempt: attempt.clone(), event, timestamp: post.timestamp, body: body.to_vec(), via: "collect" };
    match take(driver, post).await {
        Ok(taken) => Ok(taken.outcome),
        Err(StoreError::Refused(sortie_core::decide::Refusal::NotFound) | StoreError::NotFound(_)) => Err(CollectError::Unknown),
        Err(error) => Err(CollectError::Unavailable(error.to_string())),
    }
}

/// A post whose proof holds.
struct Post {
    run: RunId,
    step: Step,
    attempt: AttemptId,
    event: verify::EventName,
    timestamp: i64,
    body: Vec<u8>,
    via: &'static str,
}

async fn answered(driver: &Driver, post: Post, secret: &ProofSecret) -> CallbackResponse {
    let (id, digest) = (post.event.id.clone(), canonical::digest(&post.body));
    match take(driver, post).await {
        Ok(taken) => answer::signed(secret, id, digest, taken, driver.parts().clock.now()),
        Err(error) => answer::of_error(&error),
    }
}

/// Parse, decide, commit.
async fn take(driver: &Driver, post: Post) -> Result<answer::Taken, StoreError> {
    match parse::attempt(&post.event, post.attempt.as_str(), &post.body) {
        Ok(Content::Started) => deliver(driver, post, Said::Started, &Masker::default()).await,
        Ok(Content::Result(result)) => {
            let masker = driver.masker_of(&post.run, &post.step).await?;
            let result = masked::result(&masker, *result);
            beat::last(driver, &post, &result).await?;
            let written = [result.stdout_bytes, result.stderr_bytes];
            let place = Place { run: post.run.clone(), step: post.step.clone(), attempt: post.attempt.clone() };
            let said = judge::said(driver, &post.run, &post.step, &post.attempt, result).await?;
            let taken = deliver(driver, post, said, &masker).await?;
            driver.parts().logs.ended(place, written);
            Ok(taken)
        }
        Ok(Content::Alive { data }) => {
            let data = match post.event.kind {
                CallbackKind::Heartbeat => data,
                _ => driver.masker_of(&post.run, &post.step).await?.json(data),
            };
            beat::take(driver, post, data).await
        }
        Ok(Content::Ask(asked)) => {
            let masker = driver.masker_of(&post.run, &post.step).await?;
            match ask::said(driver, &post.run, &post.step, &masker, post.event.seq, asked).await? {
                Ok(said) => deliver(driver, post, said, &masker).await,
                Err(Fault(message)) => Ok(answer::Taken::not_asked(message)),
            }
        }
        Err(Fault(message)) if post.event.kind == CallbackKind::Ask => Ok(answer::Taken::not_asked(message)),
        Err(Fault(message)) if post.event.kind == CallbackKind::Result => {
            let masker = driver.masker_of(&post.run, &post.step).await?;
            let said = Said::Invalid(masker.text(&message));
            deliver(driver, post, said, &masker).await
        }
        Err(Fault(message)) => Ok(answer::Taken::invalid(message)),
    }
}

/// The digest is that of the exact bytes; what may be kept of them has stars for secrets.
async fn deliver(driver: &Driver, mut post: Post, said: Said, masker: &Masker) -> Result<answer::Taken, StoreError> {
    let callback = CallbackFacts { id: post.event.id.clone(), digest: canonical::digest(&post.body), via: post.via };
    masker.stars(&mut post.body);
    let scope = Scope::Attempt { attempt: post.attempt.clone(), callback: Some(callback.id.clone()) };
    let delivered = driver.deliver_callback(scope, InputBody::AttemptCallback { attempt: post.attempt, callback, said }, post.body).await?;
    failpoint::hit("callback_committed");
    answer::Taken::of(delivered)
}

/// Any JSON of bounded depth, for whoever reads answers from outside.
///
/// # Errors
/// What is wrong and where.
pub fn bounded_json(body: &[u8]) -> Result<serde_json::Value, String> {
    parse::json(body).map_err(|Fault(message)| message)
}
