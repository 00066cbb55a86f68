//! Who is speaking: URL signature, token, journal row, proof. A wait may ask for the URL alone, for senders that set no header.
//!
//! Everything that is wrong is one [`Unauthorized`]. An early end says nothing that the sender does not know: it depends
//! on his own bytes only, never on a row. Once the row is asked for, an unknown id takes the same way as a wrong proof (F062).

use super::CallbackHead;
use crate::driver::Driver;
use sortie_core::call::WaitAuth;
use sortie_core::ids::{AttemptId, RunId, WaitId};
use sortie_core::state::AttemptState;
use sortie_core::view::{Attempt, Step};
use sortie_keys::{Claims, Expect, ProofSecret, Scope, SignedQuery, VerifiedToken, limits::LEEWAY_S};
use sortie_protocol::callback::{CallbackKind, proof_message, webhook_id};
use sortie_store::StoreError;
use sortie_store::model::WaitRow;
use std::sync::Arc;

/// Not who he should be. Deliberately without a reason: that goes to the log only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unauthorized;

/// Why a proof was not accepted.
pub(super) enum Refused {
    /// One shape for all of it.
    Unauthorized,
    /// The store could not be asked.
    Unavailable(StoreError),
}

/// The headers of the proof, each where there is exactly one.
#[derive(Clone, Copy, Default)]
pub struct WebhookHeaders<'a> {
    /// `webhook-id`.
    pub id: Option<&'a str>,
    /// `webhook-timestamp`.
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`.
    pub signature: Option<&'a str>,
}

/// Whoever holds URL and token, before the body is read.
pub enum Admitted {
    /// About an attempt; the proof is still to come.
    Attempt(AdmittedAttempt),
    /// The answer to a wait.
    Wait(AdmittedWait),
}

/// A callback about an attempt, with good URL and token.
pub struct AdmittedAttempt {
    pub(super) attempt: AttemptId,
    pub(super) event: EventName,
    pub(super) timestamp: i64,
    signature: String,
    token: Arc<VerifiedToken>,
}

/// An answer to a wait, with a good URL; without a token only a wait that asks for none takes it.
pub struct AdmittedWait {
    pub(super) wait: WaitId,
    pub(super) token: Option<Arc<VerifiedToken>>,
}

/// What an attempt's proof showed.
pub(super) struct Proven {
    pub(super) run: RunId,
    pub(super) step: Step,
    pub(super) state: AttemptState,
    pub(super) secret: ProofSecret,
}

/// An event's `webhook-id`, taken apart: `{attempt}.{kind}.{seq}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventName {
    pub(super) id: String,
    pub(super) kind: CallbackKind,
    pub(super) seq: u64,
}

impl EventName {
    /// The event that this id names, if it is one of this attempt and kind in its one spelling.
    pub(super) fn of(attempt: &str, kind: CallbackKind, id: &str) -> Option<Self> {
        let seq = id.strip_prefix(attempt)?.strip_prefix('.')?.strip_prefix(kind.as_str())?.strip_prefix('.')?.parse().ok()?;
        (webhook_id(attempt, kind, seq) == id).then(|| Self { id: id.to_owned(), kind, seq })
    }
}

/// URL signature.
pub(super) fn signed(driver: &Driver, head: &CallbackHead<'_>) -> Result<(), Unauthorized> {
    let parts = driver.parts();
    let query = SignedQuery::parse(head.query).map_err(|fault| refused(head, &fault))?;
    let verified = driver.ring().verify_url(&parts.installation.id, head.id, query.kid, query.exp, query.sig, parts.clock.now_s());
    verified.map_err(|fault| refused(head, &fault))
}

/// The token of this very id.
pub(super) fn bearer(driver: &Driver, head: &CallbackHead<'_>) -> Result<Arc<VerifiedToken>, Unauthorized> {
    let parts = driver.parts();
    let now_s = parts.clock.now_s();
    let installation = parts.installation.id.as_str();
    let token = head.authorization.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(|| refused(head, &"no bearer token"))?;
    let audiences: Vec<&str> = parts.audiences.iter().map(String::as_str).collect();
    let expect = Expect { issuer: installation, audiences: &audiences, now_s, leeway_s: LEEWAY_S };
    let token = parts.tokens.verify(token, &expect).map_err(|fault| refused(head, &fault))?;
    if token.claims.jti != head.id {
        return Err(refused(head, &"a token of another id"));
    }
    Ok(token)
}

/// URL signature, token, and the headers that the proof will need.
pub(super) fn admit(driver: &Driver, head: &CallbackHead<'_>) -> Result<Admitted, Unauthorized> {
    signed(driver, head)?;
    if head.authorization.is_none() && WaitId::parse(head.id).is_ok() {
        return wait(head, None).map(Admitted::Wait); // the row says whether the URL alone is enough
    }
    let token = bearer(driver, head)?;
    match token.claims.scope {
        Scope::Attempt => attempt(head, token).map(Admitted::Attempt),
        Scope::Wait => wait(head, Some(token)).map(Admitted::Wait),
    }
}

fn attempt(head: &CallbackHead<'_>, token: Arc<VerifiedToken>) -> Result<AdmittedAttempt, Unauthorized> {
    let attempt = AttemptId::parse(head.id).map_err(|_| refused(head, &"not the id of an attempt"))?;
    let event = head.webhook.id.and_then(|id| EventName::of(head.id, head.kind, id));
    let timestamp = head.webhook.timestamp.and_then(canonical_number);
    match (event, timestamp, head.webhook.signature) {
        (Some(event), Some(timestamp), Some(signature)) => {
            Ok(AdmittedAttempt { attempt, event, timestamp, signature: signature.to_owned(), token })
        }
        _ => Err(refused(head, &"no proof of this event")),
    }
}

fn wait(head: &CallbackHead<'_>, token: Option<Arc<VerifiedToken>>) -> Result<AdmittedWait, Unauthorized> {
    match WaitId::parse(head.id) {
        Ok(wait) if head.kind == CallbackKind::Result => Ok(AdmittedWait { wait, token }),
        _ => Err(refused(head, &"not the answer to a wait")),
    }
}

/// The journal's row and the proof over the bytes.
pub(super) async fn prove(driver: &Driver, admitted: &AdmittedAttempt, body: &[u8]) -> Result<Proven, Refused> {
    let message = proof_message(&admitted.event.id, admitted.timestamp, body);
    prove_message(driver, &admitted.attempt, &admitted.token, &message, &admitted.signature).await
}

/// The journal's row and the proof over a message.
pub(super) async fn prove_message(
    driver: &Driver,
    attempt: &AttemptId,
    token: &VerifiedToken,
    message: &[u8],
    signature: &str,
) -> Result<Proven, Refused> {
    let found = driver.parts().store.attempt(attempt).await.map_err(Refused::Unavailable)?;
    let known = found.filter(|(run, step, attempt)| speaks_for(token, run, step, attempt));
    let id = attempt.as_str();
    // Without a row, and where its root is revoked, the same work is done with a secret that signed nothing.
    let root = known.as_ref().and_then(|(_, _, attempt)| attempt.handed.as_ref()).map(|handed| handed.root);
    let secret = root.and_then(|root| driver.ring().proof_secret(root, id));
    let of_row = secret.is_some();
    let secret = secret.or_else(|| driver.ring().proof_secret(driver.ring().root_generation(), id)).ok_or(Refused::Unauthorized)?;
    let proven = secret.verify(message, signature);
    match known {
        Some((run, step, attempt)) if of_row && proven => Ok(Proven { run, step, state: attempt.state, secret }),
        other => {
            tracing::info!(id, row = other.is_some(), key = of_row, proven, "callback refused");
            Err(Refused::Unauthorized)
        }
    }
}

/// Exact equality with the journal's row (F055). A key that is retired by now speaks for the attempts made under it, no others.
fn speaks_for(token: &VerifiedToken, run: &RunId, step: &Step, attempt: &Attempt) -> bool {
    let Some(handed) = &attempt.handed else { return false };
    let claims = &token.claims;
    token.kid == handed.kid
        && claims.scope == Scope::Attempt
        && claims.sub == run.as_str()
        && claims.step == step.name
        && claims.fence == attempt.fence
        && claims.jti == attempt.id.as_str()
        && claims.aud == handed.audience
        && claims.exp == handed.expires_s
}

/// The same for a wait: its token where it asks for one, its URL alone where that is enough, and nobody outside where only
/// people answer.
pub(super) fn speaks_for_wait(admitted: &AdmittedWait, row: &WaitRow) -> bool {
    match (row.auth, &admitted.token) {
        (WaitAuth::Operator, _) | (WaitAuth::Token, None) => false,
        (WaitAuth::Url, None) => true,
        (WaitAuth::Token | WaitAuth::Url, Some(token)) => names_wait(&token.claims, &row.run, &row.step),
    }
}

/// The fence of a wait's token is the number of its call.
fn names_wait(claims: &Claims, run: &RunId, step: &Step) -> bool {
    claims.scope == Scope::Wait && claims.sub == run.as_str() && claims.step == step.name && claims.fence == u64::from(step.call)
}

pub(super) fn canonical_number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}

pub(super) fn refused(head: &CallbackHead<'_>, why: &dyn std::fmt::Display) -> Unauthorized {
    let id: String = head.id.chars().take(64).collect();
    tracing::info!(id, kind = head.kind.as_str(), %why, "callback refused");
    Unauthorized
}
