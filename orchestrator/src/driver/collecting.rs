//! What a host has spooled of an attempt, brought here over SSH: posts go the way of those that came over HTTP, files the way of
//! uploads. Files first: a result is judged by what is here when it comes.

use super::Driver;
use super::hosts::unexpected;
use crate::callback::CollectError;
use crate::limits::{COLLECT_PAGES, FETCH_MS};
use crate::resources::upload::{Stand, Upload, UploadError};
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::host::Host;
use sortie_core::ids::AttemptId;
use sortie_protocol::artifact::{
    ArtifactFate, ArtifactMeta, ArtifactNote, CHECKPOINT_NAME, NOT_UPLOADED, RESULT_NAME, RESULT_SLOT, checkpoint_slot, kept_slot,
    path_fault,
};
use sortie_protocol::callback::{CallbackBody, CallbackKind, JobResult, SignedPost};
use sortie_protocol::limits::{ARTIFACT_BYTES, CHECKPOINT_BYTES, KEPT_FILES, LOG_CHUNK_BYTES, RESULT_DOCUMENT_BYTES};
use sortie_protocol::verb::{Reply, Verb};
use sortie_protocol::view::AttemptView;
use std::time::Duration;

/// What came of collecting.
pub(super) struct Collected {
    /// Where the attempt stood with the last page.
    pub(super) view: AttemptView,
    /// Number of the last post that was taken, or of the one that was asked from.
    pub(super) last: u64,
}

impl Driver {
    /// Take what a host has of an attempt above this number.
    ///
    /// # Errors
    /// The host could not be asked, or something could not be taken now: what was not taken is asked for again.
    pub(super) async fn collect(&self, host: &Host, id: &AttemptId, after: u64) -> Result<Collected, Failure> {
        let mut last = after;
        for _ in 0..COLLECT_PAGES {
            let verb = Verb::Collect { attempt: id.to_string(), after_seq: last };
            let (view, posts, more) = match self.ask(host, verb).await {
                Ok(Reply::Collected { view, posts, more }) => (view, posts, more),
                Ok(other) => return Err(unexpected(&other)),
                Err(error) => return Err(Failure::new(error.kind, error.message)),
            };
            let before = last;
            for post in &posts {
                self.take(host, id, post).await?;
                last = last.max(post.seq);
            }
            // A page without anything new would be asked for for ever.
            if !more || last == before {
                return Ok(Collected { view, last });
            }
        }
        Err(Failure::new(FailureKind::Refused, format!("{} has more than {COLLECT_PAGES} pages of posts of {id}", host.name)))
    }

    async fn take(&self, host: &Host, id: &AttemptId, post: &SignedPost) -> Result<(), Failure> {
        if post.kind == CallbackKind::Result {
            let fetching = tokio::time::timeout(Duration::from_millis(FETCH_MS), self.fetch_files(host, id, post)).await;
            // The gap is recorded with the result.
            if let Some(why) = fetching.unwrap_or_else(|_| Err(format!("not within {} s", FETCH_MS / 1_000))).err() {
                tracing::warn!(attempt = %id, host = host.name, why, "not all files of a job were fetched");
            }
        }
        match crate::callback::collected(self, id, post).await {
            Ok(_) => Ok(()),
            Err(CollectError::Unavailable(why)) => Err(Failure::new(FailureKind::Internal, why)),
            Err(error) => {
                tracing::warn!(attempt = %id, post = post.id, %error, "a collected post was not taken");
                Ok(())
            }
        }
    }

    /// Files that a result names and its host could not upload.
    async fn fetch_files(&self, host: &Host, id: &AttemptId, post: &SignedPost) -> Result<(), String> {
        let Ok(CallbackBody { data, .. }) = serde_json::from_str(&post.body) else { return Ok(()) };
        let Ok(result) = serde_json::from_value::<JobResult>(data) else { return Ok(()) };
        let Some((run, step, attempt)) = self.parts().store.attempt(id).await.map_err(|error| error.to_string())? else { return Ok(()) };
        if attempt.state.is_over() {
            return Ok(());
        }
        let wanted = |note: &&ArtifactNote| matches!(&note.fate, ArtifactFate::Missing { missing } if missing.starts_with(NOT_UPLOADED));
        let names = if result.artifacts.iter().any(|note| wanted(&note)) {
            self.job_of(&run, &step).await.map(|job| job.artifacts).unwrap_or_default()
        } else {
            Vec::new()
        };
        let slots = slots(&names, &result.artifacts).into_iter().filter(|(_, note)| wanted(note));
        let slots = slots.map(|(slot, note)| (slot, note.name.clone()));
        let document = result.result_kept.iter().map(|_| (RESULT_SLOT.to_owned(), RESULT_NAME.to_owned()));
        let last = result.agent.as_ref().and_then(|agent| agent.checkpoint.as_ref()).filter(|last| last.bundle.is_none());
        let checkpoint = last.map(|last| (checkpoint_slot(last.number), CHECKPOINT_NAME.to_owned()));
        for (slot, name) in slots.chain(document).chain(checkpoint) {
            let meta = ArtifactMeta { v: sortie_protocol::VERSION, attempt: id.to_string(), slot, name, size: 0, sha256: String::new() };
            if let Err(why) = self.fetch_file(host, Upload { run: run.clone(), call: step.call, meta }).await {
                tracing::warn!(attempt = %id, host = host.name, why, "a file of a job was not fetched");
            }
        }
        Ok(())
    }

    /// The checkpoint of an agent that still runs, which its host could not upload.
    pub(super) async fn fetch_checkpoint(&self, host: &Host, id: &AttemptId, number: u32) -> Result<(), String> {
        let Some((run, step, _)) = self.parts().store.attempt(id).await.map_err(|error| error.to_string())? else { return Ok(()) };
        let (slot, name) = (checkpoint_slot(number), CHECKPOINT_NAME.to_owned());
        let meta = ArtifactMeta { v: sortie_protocol::VERSION, attempt: id.to_string(), slot, name, size: 0, sha256: String::new() };
        self.fetch_file(host, Upload { run, call: step.call, meta }).await
    }

    /// Piece by piece; the last one is only taken where the whole has the digest that the host gave with the first.
    async fn fetch_file(&self, host: &Host, mut upload: Upload) -> Result<(), String> {
        let most = match upload.meta.name.as_str() {
            RESULT_NAME => RESULT_DOCUMENT_BYTES,
            CHECKPOINT_NAME => CHECKPOINT_BYTES,
            _ => ARTIFACT_BYTES,
        };
        let mut offset = 0;
        loop {
            let verb = Verb::Fetch { attempt: upload.meta.attempt.clone(), slot: upload.meta.slot.clone(), offset, limit: LOG_CHUNK_BYTES };
            let (data, kept) = match self.ask(host, verb).await {
                Ok(Reply::Fetched { data, kept }) => (data, kept),
                Ok(other) => return Err(unexpected(&other).message),
                Err(error) => return Err(error.message),
            };
            if upload.meta.sha256.is_empty() {
                if kept.size > most || !crate::resources::blobs::is_digest(&kept.sha256) {
                    return Err(format!("a file of {} bytes is over its limit, or has no digest", kept.size));
                }
                (upload.meta.size, upload.meta.sha256) = (kept.size, kept.sha256);
            } else if (kept.size, &kept.sha256) != (upload.meta.size, &upload.meta.sha256) {
                return Err("the file changed while it was fetched".to_owned());
            }
            let at = match self.parts().resources.take_piece(&upload, offset, data.0).await {
                Ok(Stand::Done) => return Ok(()),
                Ok(Stand::At(at)) | Err(UploadError::Offset(at)) => at,
                Err(error) => return Err(error.to_string()),
            };
            // An answer without a byte would be asked for again and again.
            if at == offset {
                return Err("the host gives no more of the file".to_owned());
            }
            offset = at;
        }
    }
}

/// Where each file of a result is fetched from: those of the step by their place in its list, whatever the host says, and those that the
/// job kept by itself in the order of their notes. Where the step names files, too, the host counts in a way that is not known here.
fn slots<'a>(names: &[String], notes: &'a [ArtifactNote]) -> Vec<(String, &'a ArtifactNote)> {
    let (mut own, mut found) = (0, Vec::new());
    for note in notes {
        if let Some(place) = names.iter().position(|name| *name == note.name) {
            found.push((place.to_string(), note));
        } else if names.is_empty() && own < KEPT_FILES && path_fault(&note.name).is_none() {
            found.push((kept_slot(own), note));
            own += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f106_a_slot_is_never_what_a_host_says() {
        let note = |name: &str| ArtifactNote { name: name.to_owned(), fate: ArtifactFate::missing(NOT_UPLOADED) };
        let slots_of = |names: &[&str], notes: &[ArtifactNote]| -> Vec<(String, String)> {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            slots(&names, notes).into_iter().map(|(slot, note)| (slot, note.name.clone())).collect()
        };
        let pair = |slot: &str, name: &str| (slot.to_owned(), name.to_owned());
        let notes = [note("b"), note("own"), note("../up"), note("a"), note("more")];
        assert_eq!(slots_of(&["a", "b"], &notes), [pair("1", "b"), pair("0", "a")]);
        assert_eq!(slots_of(&[], &notes[1..3]), [pair("k0", "own")]);
    }
}
