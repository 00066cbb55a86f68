//! Uploads of artifacts: the same order as for callbacks (URL signature, token, proof, parse), all of it before a byte of the
//! file is read, since the proof covers the metadata and the digest in it covers the file.

use super::verify::{self, Refused, WebhookHeaders};
use super::{CallbackHead, CallbackResponse, answer};
use crate::driver::Driver;
use crate::resources::upload::{Stand, Upload, UploadError};
use sortie_core::call::CallSpec;
use sortie_core::canonical;
use sortie_core::event::EventBody;
use sortie_core::ids::{AttemptId, RunId};
use sortie_core::view::Step;
use sortie_keys::ProofSecret;
use sortie_protocol::artifact::{
    ArtifactMeta, CHECKPOINT_NAME, RESULT_NAME, RESULT_SLOT, artifact_id, checkpoint_number, is_kept_slot, path_fault,
};
use sortie_protocol::bytes::from_hex;
use sortie_protocol::callback::{CallbackKind, proof_message};
use sortie_protocol::limits::{ARTIFACT_BYTES, CHECKPOINT_BYTES, RESULT_BYTES, RESULT_DOCUMENT_BYTES};
use sortie_store::StoreError;

/// A request of an upload, before its body is read.
#[derive(Clone, Copy)]
pub struct ArtifactHead<'a> {
    /// Attempt, as in the path.
    pub id: &'a str,
    /// Slot, as in the path.
    pub slot: &'a str,
    /// The query, undecoded.
    pub query: &'a str,
    /// The `authorization` header, where there is exactly one.
    pub authorization: Option<&'a str>,
    /// The headers of the proof.
    pub webhook: WebhookHeaders<'a>,
    /// The metadata, as their header carries them.
    pub meta: Option<&'a str>,
}

/// An upload of somebody who may make it.
pub struct Admitted {
    /// What is uploaded.
    pub upload: Upload,
    secret: ProofSecret,
    /// Id and digest that receipts are for.
    id: String,
    digest: String,
}

/// What an upload is answered.
pub enum Answered {
    /// With a receipt, or as every callback is refused.
    Callback(Box<CallbackResponse>),
    /// So many bytes are there; `fits` where the piece was taken.
    At {
        /// Bytes that are there.
        offset: u64,
        /// Whether the piece belonged there.
        fits: bool,
    },
}

/// Whether this upload may be made; else the answer.
///
/// # Errors
/// The answer.
pub async fn admit(driver: &Driver, head: &ArtifactHead<'_>) -> Result<Admitted, Box<CallbackResponse>> {
    if let Err(error) = driver.ring().reload_if_changed() {
        tracing::error!(%error, "the key ring cannot be read; uploads are put off");
        return Err(Box::new(answer::unavailable()));
    }
    let ArtifactHead { id, slot, query, authorization, webhook, .. } = *head;
    let as_callback = CallbackHead { id, kind: CallbackKind::Result, query, authorization, webhook };
    let refused = |why: &str| {
        let verify::Unauthorized = verify::refused(&as_callback, &why);
        Box::new(answer::unauthorized())
    };
    let unauthorized = |verify::Unauthorized| Box::new(answer::unauthorized());
    verify::signed(driver, &as_callback).map_err(unauthorized)?;
    let token = verify::bearer(driver, &as_callback).map_err(unauthorized)?;
    let attempt = AttemptId::parse(id).map_err(|_| refused("not the id of an attempt"))?;
    let text = head.meta.and_then(from_hex).ok_or_else(|| refused("no metadata of an artifact"))?;
    let timestamp = webhook.timestamp.and_then(verify::canonical_number).ok_or_else(|| refused("no proof of this upload"))?;
    let name = webhook.id.filter(|name| **name == artifact_id(id, slot)).ok_or_else(|| refused("no proof of this upload"))?;
    let signature = webhook.signature.ok_or_else(|| refused("no proof of this upload"))?;
    let proven = match verify::prove_message(driver, &attempt, &token, &proof_message(name, timestamp, &text), signature).await {
        Ok(proven) => proven,
        Err(Refused::Unauthorized) => return Err(Box::new(answer::unauthorized())),
        Err(Refused::Unavailable(error)) => return Err(Box::new(answer::of_error(&error))),
    };
    let digest = canonical::digest(&text);
    let signed = |taken| Box::new(answer::signed(&proven.secret, name.to_owned(), digest.clone(), taken, driver.parts().clock.now()));
    if proven.state.is_over() {
        return Err(signed(answer::Taken::late()));
    }
    let invalid = |why: String| signed(answer::Taken::invalid(why));
    let meta: ArtifactMeta = serde_json::from_slice(&text).map_err(|error| invalid(format!("the metadata: {error}")))?;
    check(driver, &proven.run, &proven.step, head, &meta).await.map_err(|fault| match fault {
        Fault::Invalid(why) => invalid(why),
        Fault::Store(error) => Box::new(answer::of_error(&error)),
    })?;
    let upload = Upload { run: proven.run, call: proven.step.call, meta };
    Ok(Admitted { upload, secret: proven.secret, id: name.to_owned(), digest })
}

enum Fault {
    Invalid(String),
    Store(StoreError),
}

/// Whether the metadata are of this path, and the file one that the step asks for.
async fn check(driver: &Driver, run: &RunId, step: &Step, head: &ArtifactHead<'_>, meta: &ArtifactMeta) -> Result<(), Fault> {
    let invalid = |why: &str| Err(Fault::Invalid(why.to_owned()));
    if !sortie_protocol::speaks(meta.v) || meta.attempt != head.id || meta.slot != head.slot {
        return invalid("the metadata are not what path and webhook-id say");
    }
    if !crate::resources::blobs::is_digest(&meta.sha256) {
        return invalid("/sha256: not a SHA-256 in lower-case hex");
    }
    if meta.slot == RESULT_SLOT {
        let sizes = RESULT_BYTES as u64 + 1..=RESULT_DOCUMENT_BYTES;
        return if meta.name == RESULT_NAME && sizes.contains(&meta.size) { Ok(()) } else { invalid("not a large result document") };
    }
    if checkpoint_number(&meta.slot).is_some() {
        // Whether the step is an agent's does not matter: it is bytes of its own attempt, bounded and counted as all of them.
        let fits = meta.name == CHECKPOINT_NAME && meta.size <= CHECKPOINT_BYTES;
        return if fits { Ok(()) } else { invalid("not a checkpoint") };
    }
    if meta.size > ARTIFACT_BYTES {
        return Err(Fault::Invalid(format!("an artifact has at most {ARTIFACT_BYTES} bytes")));
    }
    let event = driver.parts().store.event(run, step.spec_seq).await.map_err(Fault::Store)?;
    let Some(EventBody::StepScheduled { spec: CallSpec::Job(job), .. }) = event.map(|event| event.body) else {
        return invalid("the step is no job");
    };
    if is_kept_slot(&meta.slot) {
        // What the job kept by itself has a name of its own, which is none of the spec's.
        let fault = path_fault(&meta.name).or_else(|| job.artifacts.contains(&meta.name).then_some("the spec names that file"));
        return fault.map_or(Ok(()), |why| Err(Fault::Invalid(why.to_owned())));
    }
    let named = meta.slot.parse::<usize>().ok().filter(|slot| slot.to_string() == meta.slot).and_then(|slot| job.artifacts.get(slot));
    if named == Some(&meta.name) { Ok(()) } else { invalid("the step names no such artifact") }
}

/// How far it is.
pub async fn stand(driver: &Driver, admitted: &Admitted) -> Answered {
    match driver.parts().resources.stand(&admitted.upload).await {
        // The last request, without a byte, then gets the receipt.
        Ok(Stand::Done) => Answered::At { offset: admitted.upload.meta.size, fits: true },
        Ok(Stand::At(offset)) => Answered::At { offset, fits: true },
        Err(error) => admitted.refused(driver, error),
    }
}

/// A piece of it.
pub async fn take(driver: &Driver, admitted: &Admitted, offset: u64, piece: Vec<u8>) -> Answered {
    match driver.parts().resources.take_piece(&admitted.upload, offset, piece).await {
        Ok(Stand::Done) => admitted.signed(driver, answer::Taken::kept()),
        Ok(Stand::At(offset)) => Answered::At { offset, fits: true },
        Err(error) => admitted.refused(driver, error),
    }
}

impl Admitted {
    fn signed(&self, driver: &Driver, taken: answer::Taken) -> Answered {
        let now = driver.parts().clock.now();
        Answered::Callback(Box::new(answer::signed(&self.secret, self.id.clone(), self.digest.clone(), taken, now)))
    }

    fn refused(&self, driver: &Driver, error: UploadError) -> Answered {
        match error {
            UploadError::Refused(why) => self.signed(driver, answer::Taken::invalid(why)),
            UploadError::Offset(offset) => Answered::At { offset, fits: false },
            UploadError::NotNow(why) => {
                tracing::warn!(attempt = self.upload.meta.attempt, why, "upload put off");
                Answered::Callback(Box::new(answer::unavailable()))
            }
        }
    }
}
