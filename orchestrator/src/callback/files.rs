//! What a result says of files: references to kept bytes in the place of documents and artifacts.

use super::parse;
use crate::resources::{KeepError, NewResource, Reference, Resources};
use serde_json::{Map, Value, json};
use sortie_core::ids::RunId;
use sortie_core::limits::INLINE_BYTES;
use sortie_protocol::artifact::{ArtifactFate, ArtifactNote, Kept, NOT_UPLOADED, RESULT_NAME, path_fault};
use sortie_protocol::callback::JobResult;
use sortie_protocol::limits::KEPT_FILES;
use sortie_store::StoreError;

/// Whose files.
pub(super) struct From<'a> {
    pub(super) run: &'a RunId,
    pub(super) call: u32,
    pub(super) attempt: &'a str,
}

impl From<'_> {
    fn reference(&self, name: &str) -> String {
        Reference { run: self.run.clone(), subject: self.attempt.to_owned(), name: name.to_owned() }.to_string()
    }
}

/// Why a document was not taken.
pub(super) enum Fault {
    /// It is wrong, or cannot be kept: that is the answer.
    Invalid(String),
    /// Not now.
    Store(StoreError),
}

/// The whole result document: as it was posted, or as it was uploaded.
pub(super) async fn document(resources: &Resources, from: &From<'_>, result: &mut JobResult) -> Result<Option<Value>, Fault> {
    let Some(Kept { sha256, size }) = &result.result_kept else { return Ok(result.result.take()) };
    let invalid = |why: String| Fault::Invalid(format!("/data/result: {why}"));
    let reference = Reference { run: from.run.clone(), subject: from.attempt.to_owned(), name: RESULT_NAME.to_owned() };
    let row = resources.find(&reference).await.map_err(Fault::Store)?.filter(|row| row.sha256 == *sha256 && row.size == *size);
    let row = row.ok_or_else(|| invalid("the document was not uploaded to this server".to_owned()))?;
    let bytes = resources.blobs().read(&row.sha256, row.size).await;
    let bytes = bytes.map_err(|error| Fault::Store(StoreError::Unavailable(error.to_string())))?;
    let bytes = bytes.ok_or_else(|| invalid("the uploaded document is gone".to_owned()))?;
    let parsed = tokio::task::spawn_blocking(move || parse::json(&bytes)).await;
    match parsed {
        Ok(Ok(value)) => Ok(Some(value)),
        Ok(Err(parse::Fault(why))) => Err(invalid(why)),
        Err(error) => Err(Fault::Store(StoreError::Unavailable(error.to_string()))),
    }
}

/// The document as the step's answer has it: itself, or `{"resource": ...}` where it is over [`INLINE_BYTES`].
pub(super) async fn inline(
    resources: &Resources,
    from: &From<'_>,
    document: Option<Value>,
    uploaded: bool,
) -> Result<Option<Value>, Fault> {
    let Some(document) = document else { return Ok(None) };
    if uploaded {
        return Ok(Some(json!({ "resource": from.reference(RESULT_NAME) })));
    }
    let bytes = document.to_string().into_bytes();
    if bytes.len() <= INLINE_BYTES {
        return Ok(Some(document));
    }
    let new = NewResource {
        run: from.run,
        subject: from.attempt,
        call: from.call,
        name: RESULT_NAME,
        media_type: "application/json",
        expires_at: None,
    };
    match resources.keep_bytes(new, bytes).await {
        // Taken: another result of this attempt came first, and that one stands.
        Ok(_) | Err(KeepError::Taken(_)) => Ok(Some(json!({ "resource": from.reference(RESULT_NAME) }))),
        Err(KeepError::Store(error)) => Err(Fault::Store(error)),
        Err(KeepError::Disk(error)) => Err(Fault::Store(StoreError::Unavailable(error.to_string()))),
        Err(error) => Err(Fault::Invalid(format!("/data/result: {error}"))),
    }
}

/// `{name: {resource, size, sha256} | {missing}}` for every name of the step, and for those that the job kept by itself.
/// The server's rows count, not the shim's word.
pub(super) async fn artifacts(
    resources: &Resources,
    from: &From<'_>,
    names: &[String],
    notes: &[ArtifactNote],
) -> Result<Value, StoreError> {
    let mut found = Map::new();
    let own = notes.iter().map(|note| &note.name).filter(|name| !names.contains(name) && path_fault(name).is_none());
    for name in names.iter().chain(own.take(KEPT_FILES)) {
        let reference = Reference { run: from.run.clone(), subject: from.attempt.to_owned(), name: name.clone() };
        let note = notes.iter().find(|note| note.name == *name).map(|note| &note.fate);
        let value = match (resources.find(&reference).await?, note) {
            (Some(row), _) => json!({ "resource": reference.to_string(), "size": row.size, "sha256": row.sha256 }),
            (None, Some(ArtifactFate::Missing { missing })) => json!({ "missing": missing }),
            (None, Some(ArtifactFate::Kept(_))) => json!({ "missing": "it was uploaded, and this server does not have it" }),
            (None, None) => json!({ "missing": NOT_UPLOADED }),
        };
        found.insert(name.clone(), value);
    }
    Ok(Value::Object(found))
}
