//! `POST /v1/runs/import`: a run that is over comes back from its file, here or on another installation.

use super::answer::Answer;
use super::caller::Caller;
use super::limits::INSTALLATION_CHARS;
use super::request::body;
use super::routes::Api;
use super::views;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::run_file::RunFile;
use axum::body::Bytes;
use axum::extract::State;
use sortie_store::StoreError;
use sortie_store::import::Import;

/// Take it in. For admins: a file says who did what, and nobody else can tell whether that is true.
pub(super) async fn take(State(api): State<Api>, caller: Caller, bytes: Bytes) -> Answer {
    caller.require_admin("import runs")?;
    // Up to a second of work for the largest file.
    let read = tokio::task::spawn_blocking(move || read(&bytes)).await;
    let (import, from) = read.map_err(|error| Problem::new(ErrorCode::Failed, format!("the file could not be read: {error}")))??;
    let head = import.head().clone();
    let id = head.id.as_str();
    if let Err(error) = api.app.store.import_run(import).await {
        let here = matches!(error, StoreError::Conflict(_));
        let problem = Problem::from(error);
        return Err(if here { problem.next(Next::look(&["runs", "list"])) } else { problem });
    }
    tracing::info!(target: "sortie::audit", actor = caller.name, run = id, from, "imported");
    let mut view = views::run(&head);
    view["imported_from"] = from.into();
    let success = Success::new(view).next(Next::look(&["runs", "show", id])).next(Next::look(&["runs", "history", id]));
    Ok(success.next(Next::look(&["runs", "replay", id])))
}

/// The run in a file, and the installation that wrote it.
fn read(bytes: &Bytes) -> Result<(Import, String), Problem> {
    let file: RunFile = body(bytes)?;
    let from = file.installation.chars().take(INSTALLATION_CHARS).collect();
    let import = file.import().map_err(|why| Problem::new(ErrorCode::Usage, format!("the run cannot be imported: {why}")))?;
    Ok((import, from))
}
