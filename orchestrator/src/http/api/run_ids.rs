//! Finding the run that a text names: its full id, or a start or end of it that only one run has.

use super::limits::{CANDIDATES, SHORT_ID_CHARS, SHORT_ID_RUNS};
use super::routes::Api;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use serde_json::json;
use sortie_core::ids::RunId;
use sortie_core::view::RunHead;
use sortie_store::model::RunFilter;

/// The run.
///
/// # Errors
/// `not_found`, or `ambiguous` with the candidates.
pub(super) async fn find(api: &Api, text: &str) -> Result<RunHead, Problem> {
    if let Ok(id) = RunId::parse(text) {
        return api.app.store.run(&id).await?.map(|row| row.head).ok_or_else(|| none(text));
    }
    let part = text.strip_prefix("run_").unwrap_or(text);
    if part.len() < SHORT_ID_CHARS || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
        let message = format!("`{}` names no run", text.chars().take(64).collect::<String>());
        let hint = format!("give the full id run_..., or at least {SHORT_ID_CHARS} of its first or last characters");
        return Err(Problem::new(ErrorCode::NotFound, message).hint(hint));
    }
    let mut found = matching(api, &part.to_ascii_lowercase()).await?;
    match found.len() {
        0 => Err(none(text)),
        1 => Ok(found.remove(0)),
        count => {
            let ids: Vec<&str> = found.iter().take(CANDIDATES).map(|head| head.id.as_str()).collect();
            let problem = Problem::new(ErrorCode::Ambiguous, format!("`{text}` fits {count} runs: {}", ids.join(", ")));
            Err(problem.details(json!({ "candidates": ids })).hint("give more characters of the id"))
        }
    }
}

async fn matching(api: &Api, part: &str) -> Result<Vec<RunHead>, Problem> {
    let (mut found, mut before, mut seen) = (Vec::new(), None, 0);
    while seen < SHORT_ID_RUNS {
        let limit = sortie_store::limits::RUNS_PAGE;
        let page = api.app.store.runs(RunFilter { before: before.take(), limit, ..RunFilter::default() }).await?;
        seen += page.len();
        let full = page.len() >= limit;
        before = page.last().map(|row| row.head.id.clone());
        let fits = |head: &RunHead| {
            let body = head.id.as_str().trim_start_matches("run_");
            body.starts_with(part) || body.ends_with(part)
        };
        found.extend(page.into_iter().map(|row| row.head).filter(fits));
        if !full {
            break;
        }
    }
    Ok(found)
}

fn none(text: &str) -> Problem {
    let problem = Problem::new(ErrorCode::NotFound, format!("there is no run {}", text.chars().take(64).collect::<String>()));
    problem.next(crate::envelope::Next::look(&["runs", "list"]))
}
